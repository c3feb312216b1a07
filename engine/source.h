/*
 * source - what the engine knows of a service where things happen to contacts.
 *
 * A source finds news by polling and stores it in the inbox, and says what messages that came
 * by themselves tell; on demand it reads contacts with their history. It decides nothing.
 * One row in engine/registry.c for each kind.
 *
 * One object serves one account through all reloads, so that its budgets and
 * its knowledge of the other clock survive them. Nothing it calls back happens
 * from within a call to it.
 */
#ifndef ENGINE_SOURCE_H
#define ENGINE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "dsl/eval.h"
#include "engine/bearer.h"
#include "engine/contact.h"
#include "engine/message.h"
#include "engine/watch.h"
#include "engine/world.h"

struct source;

enum look_result {
	LOOK_DONE,  /* contacts are set, for some or all of the ids asked */
	LOOK_AGAIN, /* nothing could be read now */
};

/* What a look at several contacts showed. Lent until the call ends. */
struct look {
	enum look_result result;
	int64_t began_ms; /* by the source's clock: the read began then or later */
	const struct contact *contact;
	size_t contacts;
};

typedef void look_done(void *arg, const struct look *look);

/*
 * A survey: a walk, page by page, through all contacts that are in question now: the members of
 * a list, who has a value of a property, who changed since a time. Nothing is stored.
 */
struct survey;

enum survey_kind { SURVEY_MEMBERS, SURVEY_HOLDERS, SURVEY_CHANGED };

/* Lent until the survey is closed. */
struct survey_scope {
	enum survey_kind kind;
	const char *target; /* property, list id, or list name */
	bool target_is_name;
	const struct slice *value; /* SURVEY_HOLDERS: of these values at least; none: of any */
	size_t values;
	int64_t since_ms; /* SURVEY_CHANGED */
};

/* One contact in question. */
struct sighting {
	const char *contact;
	int64_t joined_ms;  /* SURVEY_MEMBERS */
	struct slice value; /* SURVEY_HOLDERS: what a search shows, which may lag behind */
};

enum survey_result {
	SURVEY_PAGE,	/* there is more */
	SURVEY_END,	/* this was the last page */
	SURVEY_AGAIN,	/* nothing could be read now: the same page is to be asked for again */
	SURVEY_REFUSED, /* it cannot be done, `problem` says why */
};

/* Lent until the call ends. */
struct survey_page {
	enum survey_result result;
	const struct sighting *sighting;
	size_t count;
	int64_t total;			 /* of all pages, as far as the source says; else 0 */
	const char *list_id, *list_name; /* SURVEY_MEMBERS; NULL before they are known */
	const char *problem;
};

typedef void survey_done(void *arg, const struct survey_page *page);

struct account_report;

enum source_health {
	SOURCE_FINE,
	SOURCE_WAITING, /* failing now, tries again by itself */
	SOURCE_STOPPED, /* 401, 403: until reload, restart or a new secret */
};

struct source_ops {
	const char *type; /* the account's type in the rule files */

	/* `name` is the account's name; nothing is begun before the first load. */
	struct source *(*open)(const struct world *world, const char *name);
	void (*close)(struct source *source);
	/*
	 * Takes a table into use: at start, on every reload, and when a secret
	 * was changed. `watches`, `table` and `bearer` are lent until the next load.
	 * Requests under way end without effect. Without watches (NULL) it polls
	 * nothing: it is there for labels, looks and surveys.
	 */
	void (*load)(struct source *source, const struct table *table, uint32_t account,
		     struct watches *watches, struct bearer *bearer);

	/* Begins what is due. RC_BROKEN where the store fails. */
	enum rc (*step)(struct source *source, struct err *err);
	/*
	 * Monotonic time of the next step that is due; INT64_MAX where only an answer can
	 * bring one.
	 */
	int64_t (*wake_ms)(const struct source *source);
	enum source_health (*health)(const struct source *source);
	/*
	 * Whether a poll has ended since the last load, with all that could be had; or none can
	 * begin.
	 */
	bool (*polled)(const struct source *source);
	/* How long it waits after a failure before it asks again; 0 where it does not wait. */
	int64_t (*waits_ms)(const struct source *source);
	/* Fills in what it knows of its account beside its health (engine/report.h). */
	void (*report)(const struct source *source, struct account_report *out);

	/* "Now" by the source's clock; false before its first answer. */
	bool (*now)(const struct source *source, int64_t *now_ms);
	/* How many contacts a look may take now: 0 where budgets or failures forbid one. */
	size_t (*can_look)(const struct source *source);
	/* ids are copied. `done` comes once, unless a load or the close comes first. */
	void (*look)(struct source *source, const char *const *ids, size_t count, look_done *done,
		     void *arg);
	/*
	 * A property's first value this soon after the contact's creation counts as created
	 * with it.
	 */
	int64_t (*creation_window_ms)(const struct source *source);

	/* A survey ends before the next load and before the close. `scope` is lent. */
	struct survey *(*survey_open)(struct source *source, const struct survey_scope *scope);
	void (*survey_close)(
		struct survey *survey); /* NULL does nothing; a page under way is forgotten */
	/* Monotonic time from which the next page may be asked for. */
	int64_t (*survey_ready_ms)(const struct survey *survey);
	/* Asks for the next page: one at a time, when it is ready. `done` comes once. */
	void (*survey_next)(struct survey *survey, survey_done *done, void *arg);

	/* Whether a message with this path is for the account. */
	bool (*listens)(const struct source *source, const char *path);
	/*
	 * Judges such a message, which may come from anybody, and says which contacts it tells of.
	 * `out` is empty. Stores nothing; works also where the account is stopped.
	 */
	void (*hear)(struct source *source, const struct message *m, struct arena *memory,
		     struct heard *out);

	/* The label of an option; see struct facts in dsl/eval.h. */
	enum fact (*label)(struct source *source, uint32_t property, struct slice value,
			   struct slice *label);
};

#endif

/*
 * source - what the engine knows of a service where things happen to contacts.
 *
 * A source finds news (by polling, later by webhooks too) and stores it in the
 * inbox; on demand it reads contacts with their history. It decides nothing.
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

#include "dsl/eval.h"
#include "engine/contact.h"
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
	 * was changed. `watches` and `table` are lent until the next load.
	 * Requests under way end without effect.
	 */
	void (*load)(struct source *source, const struct table *table, uint32_t account,
		     struct watches *watches, struct slice token);

	/* Begins what is due. RC_BROKEN where the store fails. */
	enum rc (*step)(struct source *source, struct err *err);
	/*
	 * Monotonic time of the next step that is due; INT64_MAX where only an answer can
	 * bring one.
	 */
	int64_t (*wake_ms)(const struct source *source);
	enum source_health (*health)(const struct source *source);
	/*
	 * Whether a whole poll has ended since the last load and nothing fails; or so much
	 * failed that it counts as ended.
	 */
	bool (*polled)(const struct source *source);
	/* How long it waits after a failure before it asks again; 0 where it does not wait. */
	int64_t (*waits_ms)(const struct source *source);

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
	/* The label of an option; see struct facts in dsl/eval.h. */
	enum fact (*label)(struct source *source, uint32_t property, struct slice value,
			   struct slice *label);
};

#endif

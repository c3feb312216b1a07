/*
 * why - all that is on record of one contact, put together for a person who asks why it did or did
 * not earn a credential.
 *
 * Read from the state alone, beside a running daemon or without one: events with the traces of the
 * rules that looked (engine/trace.h, under the table of that time), what was no event, what waits,
 * issuances with their trails. Not here: how it is shown (engine/cli/why.c).
 */
#ifndef ENGINE_WHY_H
#define ENGINE_WHY_H

#include "engine/came.h"
#include "engine/changes.h"
#include "engine/issuance.h"
#include "engine/record.h"
#include "engine/trace.h"

struct why_step {
	int64_t at_ms; /* our clock */
	const char *state;
	const char *note, *who; /* NULL where there is none */
};

struct why_issuance {
	int64_t id;
	const char *rule, *hash;
	const char *state;
	const char *reason, *credential, *public_url; /* NULL where there is none */
	const struct why_step *trail;
	size_t steps;
};

/* When and by which table something was decided, and by whom. */
struct why_look {
	int64_t made_ms;  /* our clock; of what waits: when it is due, or not before */
	const char *hash; /* of the table; NULL: none yet */
	bool in_force;	  /* that table is the one in force */
	const char *
		who; /* the person whose backfill looked, "" where that is no longer kept; NULL: the engine */
};

/* What one rule made of one event. */
struct why_rule {
	const char *name;
	struct why_look look;
	const char *mode;    /* live or shadow then; NULL: not known */
	const char *outcome; /* as in `decision`; NULL: not on record */
	const char *reason;  /* NULL where there is none */
	bool traced;	     /* trace is set */
	struct trace trace;
	const struct why_issuance *issuance; /* NULL where there is none */
};

enum why_kind {
	WHY_EVENT,    /* decided, and on record with what was seen */
	WHY_DECISION, /* what was no event; or what is left of one that is no longer kept */
	WHY_ISSUANCE, /* an issuance of which nothing else is kept */
	WHY_PENDING,  /* it waits for its due time */
	WHY_NEWS,     /* the contact is to be looked at */
};

struct why_entry {
	enum why_kind kind;
	int64_t at_ms;	       /* of the event, by the source's clock; news: INT64_MAX */
	const char *event;     /* property-changed, list-added; news: NULL */
	const char *target;    /* property, or the list's id */
	const char *list_name; /* NULL where it is not known */
	const char *from;      /* NULL: not known */
	const char *to;
	struct why_look look; /* the first one */
	bool apart; /* not all rules looked together: watches of several activations, or a backfill */
	bool gone;	    /* the contact was deleted before */
	const char *untold; /* why there are no traces; NULL: there are */
	int64_t id;	    /* WHY_EVENT: of the event on record */
	/* What its burst was made of, in order; none where it was this change alone, or that is not kept. */
	const struct change *change;
	size_t changes;
	int64_t settle_ms; /* that held for it; known where there are changes */
	/* How and when news of it came, by our clock; none where that is not kept. */
	const struct came *came;
	size_t n_came;
	bool came_more; /* these are the first ones */
	/* In order: those that matched, then those that did not, the nearest first. */
	const struct why_rule *rule;
	size_t rules;
};

/* A rule that is active now. */
struct why_active {
	const char *rule, *account, *event, *target;
	int64_t start_ms; /* by the source's clock; INT64_MAX: not known yet */
};

struct why_person {
	const char *account, *contact;
	const char *ids;	       /* others that were merged into it, by `, `; "" */
	const char *email;	       /* the last that is on record; "" */
	const struct why_entry *entry; /* in order of time */
	size_t entries;
};

struct why {
	struct db *db;
	const char *only; /* the rule that is asked for; NULL: all */
	const char *hash; /* of the table in force; "" where none ever was */
	int64_t loaded_ms;
	const struct why_active *active; /* by name */
	size_t actives;
	const struct why_person *person;
	size_t persons;
	/* inside */
	struct arena memory;
	struct ruleset *ruleset; /* those that were opened */
	struct err *refused;	 /* why they could not be; "" where they could */
	size_t rulesets, cap_ruleset, cap_refused;
	struct recorded *recorded; /* traces lend from them */
	size_t n_recorded, cap_recorded;
};

/*
 * Everything about `who`: an id, under which it is or was known, or an e-mail address that was seen.
 * RC_BROKEN where the state cannot be read. Nobody found: persons is 0. Released also after a
 * failure. Sets the process's time zone to that of the tables.
 */
enum rc why_ask(struct why *w, struct db *db, const char *who, const char *only_rule,
		struct err *err) MUST_CHECK;
void why_release(struct why *w);

#endif

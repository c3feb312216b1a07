/*
 * record - events as they were decided, and the rules that were in force: so that what a rule made
 * of an event can be worked out again, after the fact, by the same code (dsl/eval.h).
 *
 * Written by engine/engine.c, engine/decide.c and engine/backfill.c as part of their transactions; read
 * by what explains, compares and counts (engine/why.h, compare.h, quiet.h). Events hold what was read of
 * people: they are kept for a bounded time and size. Not here: what became of issuances (engine/ledger.h).
 *
 * What a backfill looked at is on record for explaining only: one rule, values as they were then, an event
 * that may be years old. What compares and counts is told of events that the engine decided.
 */
#ifndef ENGINE_RECORD_H
#define ENGINE_RECORD_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "dsl/eval.h"
#include "engine/store/db.h"
#include "engine/watch.h"

/* How long events are kept, and how much of them. */
struct record_keep {
	int64_t ms; /* 0: none are */
	int64_t bytes;
};

#define RECORD_KEEP_MS (30 * MS_DAY)
#define RECORD_KEEP_BYTES (INT64_C(100) * 1024 * 1024)
/* How long a decision is on record. */
#define DECISIONS_KEPT_MS (30 * MS_DAY)
/* Tables that events still refer to, beside the one in force. */
#define RECORD_RULESETS 200
#define RECORD_RULESET_BYTES (INT64_C(64) * 1024 * 1024)

/* ---- writing ------------------------------------------------------------- */

/*
 * The id under which a table with its watches is on record. Writes it in a transaction of its own
 * where the last one on record differs: in the text of a file, the time zone or a watch. RC_BROKEN
 * where it differs and the table has forgotten its texts: the state is not the one they were written to.
 */
enum rc record_ruleset(struct db *db, const struct table *table, const struct watches *watches,
		       int64_t now_ms, int64_t *out, struct err *err) MUST_CHECK;

/*
 * What is said to be the rule of what was no event: a burst whose value came back, what a contact was created
 * with, what a merge carried over. It is on record for explaining only, and so short that many of them
 * displace few events: of the contact, its address is kept.
 */
#define RECORD_NO_EVENT ""

/*
 * Some of the texts that record_ruleset would write, so that it need not: in a transaction of its own that takes
 * milliseconds. *more: there is more of them. What no ruleset comes to use goes with the next that is trimmed.
 */
enum rc record_texts(struct db *db, const struct table *table, bool *more,
		     struct err *err) MUST_CHECK;

/* An event that is being decided, or that a backfill looks at. */
struct record_event {
	int64_t ruleset, watch;
	int64_t made_ms; /* our clock */
	const char *contact;
	const struct event_facts *event;
	uint32_t source;	   /* index in table->account */
	const struct facts *facts; /* as of event->as_of_ms; NULL: the contact is gone */
	const char *
		rule; /* a backfill looks at it for this rule; RECORD_NO_EVENT; NULL: the engine, for all */
	struct slice changes; /* engine/changes.h; empty: of this change alone */
	const char *came;     /* engine/came.h; NULL: not known */
	bool once; /* only where the same event with the same values is not on record for `rule` */
};

/* Writes it; answers its id, 0 where it is on record once. Part of the caller's transaction. */
int64_t record_write(struct db *db, const struct table *table, const struct record_event *e);

/* What a rule made of an event, or what was no event. */
struct record_decision {
	int64_t event_id; /* as it was recorded; 0: it was not, or was no event */
	int64_t made_ms;  /* our clock */
	const char *account, *contact;
	const char *rule;   /* NULL: said of the watch as a whole */
	const char *target; /* property, or list as written in the rule */
	const struct event_facts *event;
	const char *outcome; /* as in schema.sql */
	const char *reason;  /* NULL where there is none */
	const char *hash;    /* of the table */
	const char *who;     /* the person whose backfill it is; NULL: the engine */
};

/* Writes it, as part of the caller's transaction. */
void record_decide(struct db *db, const struct record_decision *d);

/*
 * Removes some of what is kept too long or too much, events and decisions, in a transaction of its own that takes
 * milliseconds. *more: there is more to remove.
 */
enum rc record_trim(struct db *db, struct record_keep keep, int64_t now_ms, bool *more,
		    struct err *err) MUST_CHECK;

/* ---- reading ------------------------------------------------------------- */

/* A table as it was in force, compiled again. */
struct ruleset {
	int64_t id;
	int64_t loaded_ms;
	const char *hash, *timezone;
	struct table *table;  /* owned */
	struct json *watches; /* owned */
};

/* The one in force, or that was when the engine last ran; 0 where there is none. */
int64_t record_newest(struct db *db);
/*
 * Texts live in `memory`. RC_REFUSED where it is no longer on record; RC_INVALID where this version
 * of the program refuses its text (err has the first reason). Released also after a failure.
 */
enum rc ruleset_open(struct db *db, int64_t id, struct arena *memory, struct ruleset *out,
		     struct err *err) MUST_CHECK;
void ruleset_release(struct ruleset *r);
/* The watch that the rule had; 0: it was not active. */
int64_t ruleset_watch(const struct ruleset *r, const char *rule);

/* An event on record. Texts live in the arena that it was read into. */
struct recorded {
	int64_t id, ruleset, watch;
	int64_t made_ms; /* our clock */
	const char *account, *contact;
	struct event_facts event;
	const char *target; /* property, or the list's id */
	bool gone;	    /* the contact was deleted before it was decided */
	const char *
		rule; /* the only one that looked: a backfill's; RECORD_NO_EVENT: none; NULL: all of the watch */
	struct slice changes, came; /* as they were written */
	struct json *seen;	    /* property to value; null: could not be read; owned */
	/* Account to the properties that were read, so empty where `seen` has none; NULL: `seen` has all. Owned. */
	struct json *asked;
};

/* Events of a contact under any of its ids, the oldest first. */
struct query *record_of_contact(struct db *db, const char *contact);
/* Events that the engine decided since then (our clock), the newest first, at most `most`. */
struct query *record_since(struct db *db, int64_t made_ms, int64_t most);
/* The next of such a query; false at its end, and where one cannot be read (then the store has failed). */
bool record_next(struct db *db, struct query *q, struct arena *memory, struct recorded *out);
void recorded_release(struct recorded *r);

/* What was seen, as facts; a property that was not read is unsure. Lends both. */
struct recorded_facts {
	const struct table *table;
	const struct recorded *of;
};
struct facts recorded_facts(struct recorded_facts *f);

#endif

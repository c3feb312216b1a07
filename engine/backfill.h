/*
 * backfill - issue for those who qualify already: a list's members from before
 * its rule, who has the value already.
 *
 * Not a second way to decide: what happened since the rule's activation is the
 * daemon's and left to it. Here, the last change into the value (or the join)
 * stands for the event, and the filters are judged as the contact is now. The
 * plan is engine/plan.h's, the issuances are ordinary ones of the ledger.
 *
 * Invariants
 *  1. An event (rule, contact under any id, target, time, value) that is in the
 *     ledger is not written again, and nobody gets a second one for a value that
 *     the rule gave one for: both are asked in the transaction that writes.
 *  2. Each look is one transaction. Ended anywhere, it goes on where it stood.
 *  3. Of what backfills make within the span of the rule's brake, no more than
 *     the brake allows goes out; the rest is held.
 *
 * What it saw of a contact is kept as the engine keeps events (engine/record.h), for `why`: of each for
 * whom it writes an issuance, and of the first that the rule passed over, so that one run
 * over a large account does not drive out what is on record of other days.
 *
 * It needs the state only as commands beside a daemon do (DB_SHARE).
 */
#ifndef ENGINE_BACKFILL_H
#define ENGINE_BACKFILL_H

#include "engine/issuance.h"
#include "engine/world.h"

struct backfill;

/*
 * Contacts of one run that were passed over (by a filter, for want of an address, by `repeat:`) and are on
 * record: 5 to 10 MB.
 */
#define BACKFILL_PASSED 10000

/* What became of a contact in question. */
enum backfill_outcome {
	BACKFILL_ISSUED,   /* planned, or taken out of shadow */
	BACKFILL_SHADOW,   /* the rule is in shadow: recorded */
	BACKFILL_HELD,	   /* what holds it is in held[] */
	BACKFILL_KNOWN,	   /* the rule gave it one, or decided this event already */
	BACKFILL_NO_MATCH, /* `from` or a filter does not hold: which is in miss[] */
	BACKFILL_NO_EMAIL, /* nothing is written: a later backfill may find an address */
	BACKFILL_REPEAT,   /* `repeat:` allows no further one */
	BACKFILL_LEFT,	   /* happened since the activation: the daemon decides it */
	BACKFILL_CHANGED,  /* the value is another one by now */
	BACKFILL_GONE,	   /* deleted */
	BACKFILL_OUTCOMES
};

/* The words of --json. */
extern const char *const backfill_outcome_names[BACKFILL_OUTCOMES];

/* A test that kept contacts from qualifying, being the first that did not hold. */
struct backfill_miss {
	const char *what, *file;
	uint32_t line, column;
	int64_t count;
};

struct backfill_report {
	int64_t total; /* in question, as far as the source says; else 0 */
	int64_t shown; /* so far */
	int64_t of[BACKFILL_OUTCOMES];
	int64_t held[HOLD_COUNT];
	const struct backfill_miss *miss;
	size_t misses;
	int64_t kept; /* passed over and on record, of this run or an earlier one */
	bool limited; /* it ended at its limit */
};

/* Someone for whom an issuance was written, or would be. Lent for the call. */
struct backfill_person {
	const struct issuance *is; /* its id is 0 in a preview */
	struct slice email, name;
};

struct backfill_choice {
	const char *who; /* for the trail */
	bool preview;	 /* writes nothing */
	int64_t limit;	 /* issuances written at most; INT64_MAX: all */
	int64_t passed;	 /* contacts that are passed over and kept at most: BACKFILL_PASSED */
	void (*say)(void *ctx, const struct backfill_person *person); /* after the commit */
	void *ctx;
};

/* `world`, `table`, `rule` (of the table) and `choice` are lent. */
struct backfill *backfill_new(const struct world *world, const struct table *table,
			      const struct rule *rule, const struct backfill_choice *choice);
void backfill_free(struct backfill *b); /* NULL does nothing */

/*
 * Goes on with what is due. RC_INVALID where this rule cannot be backfilled (now), RC_REFUSED where the source
 * cannot be read: what was said is written, the rest is not. RC_BROKEN where the store fails.
 */
enum rc backfill_step(struct backfill *b, bool *done, struct err *err) MUST_CHECK;
/* Monotonic time of what is due next; INT64_MAX where only an answer can bring something. */
int64_t backfill_wake_ms(const struct backfill *b);
const struct backfill_report *backfill_report(struct backfill *b);

#endif

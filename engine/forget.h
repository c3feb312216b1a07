/*
 * forget - a person erased from the state; what prevents a second issue stays.
 *
 * Erased: of every issuance the address, the fields, the values, the reason, the notes and the public
 * page; every event with what was seen, every decision, what waits to be decided, what repeated creates
 * are looked for, and orphans of the person's addresses. What is held or was refused is dropped.
 * Kept: the contact's ids, which lists it is in, times, rules, states, groups, the credential's id, who
 * did something, and of each value a digest (engine/forgotten.h), by which the same event and `repeat:`
 * are still recognised.
 *
 * Invariants
 *  1. What was decided, or waited to be, earns nothing afterwards. What the source tells later of the
 *     same contact is news as ever.
 *  2. While a request is under way or still to come for the person, nothing is changed.
 *  3. It is one transaction, and doing it twice changes nothing the second time.
 *  4. When it was, and who did it, is in the trail and in `meta`; an address never is.
 *
 * Works beside a running daemon. What is left in free pages and the log of the state goes with
 * db_scrub (engine/store/db.h), which the caller does once for all.
 */
#ifndef ENGINE_FORGET_H
#define ENGINE_FORGET_H

#include "engine/forgotten.h"
#include "engine/person.h"

struct forget_by {
	const char *who;   /* for the trail; NULL: not known */
	int64_t now_ms;	   /* our clock */
	struct slice seed; /* random bytes, at least 16: salts are made of it */
	bool dry_run;
};

/* Something that is still to be done or under way for the person, or may be. */
struct forget_midway {
	int64_t issuance;
	const char *rule, *state;
	bool sweep; /* what a repeated create left is being removed */
	bool restored; /* parked, and a reconcile is to tell whether it was issued since a copy that was put back */
};

struct forget_report {
	const char *const *id; /* all of the contact's, the one that it has now first */
	size_t ids;
	/* Where there is one, nothing was changed. */
	const struct forget_midway *midway;
	size_t midways;
	int64_t issuances, dropped, events, decisions, waiting, orphans, strays;
	int64_t unknown; /* may have been mailed, and stays so: a person may still resend or drop it */
};

/*
 * `email`: an address that the caller knows of the person; NULL: none. RC_BROKEN where the store fails:
 * nothing was changed. What *out lends lives in `memory`.
 */
enum rc forget_do(struct db *db, const struct person *person, const char *email,
		  const struct forget_by *by, struct arena *memory, struct forget_report *out,
		  struct err *err) MUST_CHECK;

/* So many ids are looked at in one step of the next; what such an issuance says of itself. */
#define FORGET_OLD_IDS 2000
#define FORGET_OLD_REASON "erased: older than --issued-keep"
/*
 * Erases the same of issuances that are done (sent, issued or drafted where no more is asked, skipped,
 * dropped) and were last touched before `before_ms`, whoever they are of. A step in one
 * transaction, from where the last one ended; *more: there are some behind it. What waits for a
 * person or (in shadow) for a backfill, may still be swept, or tells whose an orphan is, stays whole. What is left in free pages goes as they are used again.
 */
enum rc forget_old(struct db *db, struct slice seed, int64_t before_ms, bool *more,
		   struct err *err) MUST_CHECK;

#endif

/*
 * ledger - issuances in the store: the outbox and the record of what was
 * issued, for ever. Who may do what when is engine/plan.c's and
 * engine/outbox.c's; here is only how it is written and found.
 *
 * Writing functions are part of the caller's transaction.
 */
#ifndef ENGINE_LEDGER_H
#define ENGINE_LEDGER_H

#include "base/arena.h"
#include "base/err.h"
#include "engine/issuance.h"
#include "engine/store/db.h"

/*
 * Conditions on rows of `issuance`, word for word as the indexes of schema.sql have them: an index is used
 * only where a query says the same. Rows that have a step to take; that a person has to look at; that
 * count as given; that the service's plan or an unknown group holds.
 */
#define LEDGER_WORK                                                                                \
	"(state = 'planned' OR state = 'creating' OR state = 'issuing' OR state = 'sending'"       \
	" OR (state = 'draft' AND do_issue <> 0) OR (state = 'issued' AND do_send <> 0))"
/* Its reason, or that of its account, where that issues nothing and it would take a step. */
#define LEDGER_REASON                                                                              \
	"coalesce(reason, CASE WHEN " LEDGER_WORK " THEN coalesce("                                \
	"(SELECT 'its account issues nothing until a reconcile: ' || a.restored"                   \
	" FROM action a WHERE a.account = action_account AND a.restored IS NOT NULL),"             \
	" (SELECT 'its account issues nothing until its newest credentials can be read: '"         \
	" || u.reason FROM unsure u WHERE u.account = action_account)) END)"
#define LEDGER_PARKED "(state = 'held' OR state = 'refused' OR state = 'send-unknown')"
#define LEDGER_COUNTS                                                                              \
	"state <> 'skipped' AND state <> 'refused' AND state <> 'dropped' AND state <> 'shadow'"
#define LEDGER_OUTSIDE "state = 'held' AND (hold = 'plan' OR hold = 'group')"

/*
 * What is held, was decided in shadow and was asked for by nobody since: shadow is where it ends. Its
 * trail begins with `shadow`.
 */
#define LEDGER_IN_SHADOW                                                                           \
	"(state = 'held' AND EXISTS (SELECT 1 FROM trail s WHERE s.issuance = issuance.id"         \
	" AND s.state = 'shadow' AND NOT EXISTS (SELECT 1 FROM trail a"                            \
	" WHERE a.issuance = s.issuance AND a.id > s.id AND a.who IS NOT NULL)))"

/*
 * What counts for `repeat:`. Beside what counts as given, whatever was issued or may have been: what
 * became of it since makes it no less given. A person drops what a reconcile held where it is what was
 * issued. What lacked a value in a copy that was put back is not compared by a reconcile: dropped, it may be
 * an orphan of its group and address, or of any where it has none, for as long as that is nobody else's.
 */
#define LEDGER_GIVEN                                                                               \
	"((" LEDGER_COUNTS " AND NOT " LEDGER_IN_SHADOW ")"                                        \
	" OR (state = 'refused' AND (held_from = 'issuing' OR held_from = 'issued'))"              \
	" OR (state = 'dropped' AND (held_from = 'issuing' OR hold = 'restored'"                   \
	" OR (hold IN ('missing-email', 'required', 'field') AND EXISTS"                           \
	" (SELECT 1 FROM orphan o WHERE o.account = issuance.action_account"                       \
	" AND o.group_id = issuance.group_id AND lower(issuance.email) IN ('', o.email)"           \
	" AND o.draft = 0 AND o.suspect <> 0))"                                                    \
	" OR EXISTS (SELECT 1 FROM trail t WHERE t.issuance = issuance.id"                         \
	" AND (t.state = 'issued' OR t.state = 'sent' OR t.state = 'send-unknown')))))"

/*
 * Whether this event of this rule is in the ledger already, under any id that
 * was merged into the contact's.
 */
bool ledger_has_event(struct db *db, const struct issuance *is);
/*
 * Whether an issuance of this rule and contact (any id, also of whom it was merged into) counts for `repeat:`;
 * `to` NULL: for any value. Skipped and shadow (held or not) do not count, refused and dropped only where it
 * was issued before, or may have been; nor does the issuance itself where it is in the ledger already.
 */
bool ledger_has_repeat(struct db *db, const struct issuance *is, const char *to);
/* The same of events before that time; `to` NULL: of any value. */
bool ledger_gave_before(struct db *db, const char *rule, const char *account, const char *contact,
			const struct slice *to, int64_t before_ms);
/* The row of this event of this rule, under any id, where it is in shadow; 0 where there is none. */
int64_t ledger_shadow(struct db *db, const struct issuance *is);
/* Whether the row is held and in shadow, as LEDGER_IN_SHADOW says. */
bool ledger_in_shadow(struct db *db, int64_t id);
/* Writes a new row and its first trail; is->id is set. `email` for lists of people. */
void ledger_insert(struct db *db, struct issuance *is, struct slice email);
/* The same by a person: `note` and `who` go to the trail. */
void ledger_insert_by(struct db *db, struct issuance *is, struct slice email, const char *note,
		      const char *who);
/*
 * How many issuances of the rule beyond after_id a backfill made or took up since a time by our
 * clock: their trail says so (LEDGER_BACKFILL begins its note).
 */
#define LEDGER_BACKFILL "backfill"
int64_t ledger_backfilled(struct db *db, const char *rule, int64_t since_ms, int64_t after_id);
/* The newest row's id; 0 where there is none. */
int64_t ledger_newest(struct db *db);
/*
 * Times of the rule's events (those that count, as above) from from_ms to to_ms, both
 * included, at most `most`, nearest to from_ms first; to_ms may be the earlier one. Reads no
 * more rows than it answers. *out is to be freed with mem_free.
 */
size_t ledger_events(struct db *db, const char *rule, int64_t from_ms, int64_t to_ms, int64_t most,
		     int64_t **out);
/*
 * Writes what a step changed: state and all that follows in the struct. `note` goes to the
 * trail where the state changed. False: the row is no longer in the state that it was in
 * before (a person was faster): nothing is written, and the step is not to be taken.
 */
bool ledger_update(struct db *db, const struct issuance *before, const struct issuance *after,
		   int64_t now_ms, const char *note);
/* The same done by a person: `who` goes to the trail. What is dropped keeps held_from and hold as they were. */
bool ledger_act(struct db *db, const struct issuance *before, const struct issuance *after,
		int64_t now_ms, const char *note, const char *who);
/* Writes what planning anew changed: table, action account, group, what to do, fields. */
void ledger_rewrite(struct db *db, const struct issuance *is, struct slice email);
/*
 * Ids of the contact's (any id) issuances that a look at it may take on: those that wait for
 * an address, and those that a person wants planned anew; in order of the events' times.
 */
size_t ledger_waiting(struct db *db, const char *source_account, const char *contact, size_t most,
		      int64_t *out);
/*
 * False where there is no such row, and where it cannot be read (then the store has failed).
 * Texts live in `memory`; fields are to be freed with json_free.
 */
bool ledger_load(struct db *db, int64_t id, struct arena *memory, struct issuance *out);
/*
 * As ledger_load, of one that may take a step: what was created must have its credential. False
 * also where it may not any more: a person was faster.
 */
bool ledger_load_work(struct db *db, int64_t id, struct arena *memory, struct issuance *out);

/* Ids of issuances that may take a step now, oldest first. */
size_t ledger_work(struct db *db, const char *action_account, int64_t now_ms, size_t most,
		   int64_t *out);
/* Our clock's time of the next that waits beyond now_ms; INT64_MAX where there is none. */
int64_t ledger_next(struct db *db, const char *action_account, int64_t now_ms);
/* How many still have a step to take. */
int64_t ledger_work_count(struct db *db);
/* Whether an issuance has it, of whichever account: two may be of one workspace, and ids are the service's own. */
bool ledger_credential_held(struct db *db, const char *credential);
/* Whether it is a stray that is being removed (engine/sweep.h): no issuance may take it. */
bool ledger_credential_leaves(struct db *db, const char *credential);
/*
 * Whether another issuance of the same group and address (capitals aside) sent `value` as
 * `field` in a create that may have left a draft: it has no credential yet and tried, or repeated
 * its create and nobody has looked yet for what that left.
 */
bool ledger_sent_elsewhere(struct db *db, const struct issuance *is, const char *field,
			   struct slice value);

/*
 * Holds every issuance of the account (of the group, where not NULL) that has no request under
 * way. Answers how many.
 */
int64_t ledger_hold_all(struct db *db, const char *action_account, const char *group,
			enum hold hold, const char *reason, int64_t now_ms);
/*
 * A plan or a group that holds others of this account (and group) holds this planned one, too,
 * until they are released or a later one went through: it need not ask for itself. The reason
 * lives in `memory`.
 */
void ledger_hold_as_others(struct db *db, struct issuance *is, struct arena *memory);
/* Lets what a plan or a group held go on, but what a person wants to go on at the next look. Answers how many. */
int64_t ledger_release_held(struct db *db, const char *action_account, int64_t now_ms);
/* At start: of writes that were under way when the process ended nobody knows, from now on. */
void ledger_note_unknown(struct db *db, int64_t now_ms);
/* Lets what waits longer than any wait can be (a clock was set back) wait no more. */
void ledger_forget_waits(struct db *db, int64_t after_ms);
/*
 * At start: a `sending` that was under way when the process ended can be settled by no call.
 * Answers how many.
 */
int64_t ledger_park_sending(struct db *db, int64_t now_ms);

/* How many there are in each state. */
void ledger_count(struct db *db, int64_t count[STATE_COUNT]);

#endif

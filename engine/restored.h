/*
 * restored - whether the state is older than what its service knows: a backup
 * that was put back, or a virtual machine that was. One for each lane.
 *
 * The state keeps a sign of life for each action account, by the service's
 * clock: all that was issued here until then, it knows. Before anything is
 * issued in a process, the newest credentials are asked for. Suspect is
 *
 *  - one of a group that live rules use, or used at the sign of life or since, or that
 *    an issuance still waits for, made after the sign of life, which no issuance holds. A draft is suspect only where a rule of the group makes
 *    nothing but drafts, and no create of ours can have left it behind;
 *  - one that is issued while the ledger says that its issue never left, or was refused.
 *
 * Where there is one, the account is restored: nothing of it is issued, also
 * not after a restart, until a reconcile (engine/reconcile.h) has adopted what
 * was made meanwhile. Somebody who issues by hand into the same group while we
 * are down raises a false alarm: that is the safe side.
 *
 * The state does not know of what a create under way makes, until it has ended: the sign of life is
 * not later than that. An account that was given another name has none; then that of the others counts.
 *
 * No end of the question but pages tells anything: it is asked until they come, and a refusal is of whoever is in
 * between, as likely as not. Nothing is issued meanwhile, which is said, with the reason.
 *
 * A state without a sign of life is new, or was lost. Nothing from before the
 * activation of a rule is issued, so there is nothing to fear but where a
 * `since:` reaches back: then the earliest one stands for the sign of life. Its
 * first sign of life is by the service's clock, too: where nothing has told that
 * yet, it asks, and any answer will do.
 */
#ifndef ENGINE_RESTORED_H
#define ENGINE_RESTORED_H

#include "base/clock.h"
#include "base/map.h"
#include "engine/lane.h"
#include "engine/store/db.h"

/* Our clock and the service's may differ so much. */
#define RESTORED_CLOCKS_MS MS_HOUR

struct restored;

struct restored *restored_new(struct lane *lane);
void restored_free(struct restored *r);
/* The lane's service ends: what is being asked is asked anew. */
void restored_unload(struct restored *r);

/*
 * Asks where that is due, and commits what came of it. *clear: nothing stands in the way of
 * issuing. RC_BROKEN where the store fails.
 */
enum rc restored_step(struct restored *r, bool *clear, struct err *err) MUST_CHECK;
/* Nothing stands in the way, as of the last step. */
bool restored_is_clear(const struct restored *r);
/* The account is restored: nothing but a reconcile helps. */
bool restored_is_known(const struct restored *r);
/* Monotonic time of the next request; INT64_MAX where only an answer can bring one, or nothing. */
int64_t restored_wake_ms(const struct restored *r);
bool restored_in_flight(const struct restored *r);

/* Part of the caller's transaction: up to now the state knows all; where the account is clear. */
void restored_note_life(const struct restored *r);

/*
 * The store keeps a mark beside itself of how many writes left: a state that knows of fewer is an
 * older copy of it, whatever its service shows. Part of the caller's transaction: a write is about
 * to leave; answers what to note as the mark (db_note_mark) once that is committed.
 */
int64_t restored_count_write(struct db *db);
/*
 * At a load, part of its transaction: where the state is older than its mark, every action account
 * of the table is restored, and every one that the state knows, though none declares it now.
 */
void restored_look_at_mark(struct db *db, const struct table *table);

/* How the question was refused last, while it is asked again; lent until the next step. NULL: it was not. */
const char *restored_refusal(const struct restored *r);
/* Says again what stands in the way, where something does. */
void restored_say(const struct restored *r);

/* ---- for a reconcile ------------------------------------------------------- */

/* The sign of life as above. False: there is nothing to fear, and it is INT64_MAX. */
bool restored_since(struct db *db, const struct table *table, uint32_t account, int64_t *since_ms);
/*
 * Whether it is issued, while no issue of it has left, or each was turned away or refused. One of which nobody
 * knew how it ended may have been done after it was read back.
 */
bool restored_is_ahead(struct db *db, const char *account, const struct credential *c);
/* Whether the store says that the account is restored. */
bool restored_is_set(struct db *db, const char *account);
/* The same, where a reconcile will tell what was issued: not of an account that the rules in force do not declare. */
bool restored_awaits_reconcile(struct db *db, const char *account);
/*
 * Part of the caller's transaction: the state knows all up to alive_ms, but for what is being created,
 * and may go on.
 */
void restored_clear(const struct lane *lane, int64_t alive_ms);
/*
 * Puts into *out the groups that live rules of the account use, those that they used at since_ms (the service's
 * clock) or later, as far as that is on record, and those in which issuances without a credential wait. What is of
 * an account that the table does not declare may be this one's under another name. No value is NULL.
 */
void restored_groups(struct db *db, const struct table *table, const char *account,
		     int64_t since_ms, struct map *out);

#endif

/*
 * outbox - takes issuances through their steps, each committed before its
 * request leaves and after its answer came.
 *
 * It knows actions only as struct action_ops. One lane for each action account:
 * its own budget, its own failures, so that no account delays another.
 *
 * Invariants
 *  1. No write leaves before its "-ing" state is committed.
 *  2. At most one request of an issuance is under way.
 *  3. A `sending` whose end is not known is parked, never sent again.
 *  4. After a reload, what is under way ends with the account it began with.
 */
#ifndef ENGINE_OUTBOX_H
#define ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/world.h"

struct outbox;
struct lane;

struct outbox *outbox_new(const struct world *world);
void outbox_free(
	struct outbox
		*o); /* forgets requests under way: what they did is settled at the next start */

/* At process start, before anything else: parks what was being sent. */
enum rc outbox_recover(struct outbox *o, struct err *err) MUST_CHECK;
/*
 * Takes a table's action accounts into use; on a reload (or where the
 * rules are not those of the last start), what a plan or a group held goes on.
 * `table` is lent until the next load.
 */
enum rc outbox_load(struct outbox *o, struct table *table, struct err *err) MUST_CHECK;
/* Begins the steps that are due. RC_BROKEN where the store fails. */
enum rc outbox_step(struct outbox *o, struct err *err) MUST_CHECK;
/* Monotonic time of the next step that is due; INT64_MAX where only an answer can bring one. */
int64_t outbox_wake_ms(const struct outbox *o);
/* The same of the accounts alone that failed less often in a row; what only a rate holds back is due. */
int64_t outbox_due_ms(const struct outbox *o, int64_t failures);
size_t outbox_in_flight(const struct outbox *o);
/* From the start on nothing is issued, asked or swept: for a reconcile. */
void outbox_freeze(struct outbox *o);
/* The lane of an account that is declared and has a secret, else NULL. */
struct lane *outbox_lane(struct outbox *o, const char *account);
/* Part of the caller's transaction: the sign of life of every account (engine/restored.h). */
void outbox_note_life(const struct outbox *o);
/* Some account issues nothing because the state is older than its service; `say`: in the log, too. */
bool outbox_is_restored(const struct outbox *o, bool say);
/* No further step begins; what is under way ends. */
void outbox_stop(struct outbox *o);
/* A secret that is a file changed while its account was stopped: looks, and goes on with it. */
void outbox_look_at_secrets(struct outbox *o);
/* How many failures in a row the worst account has; INT64_MAX where one is stopped. */
int64_t outbox_failures(const struct outbox *o);

#endif

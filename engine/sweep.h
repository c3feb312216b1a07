/*
 * sweep - finds and removes what creates that were repeated have left, and drafts that were given up.
 *
 * A create whose end was never known, and which no look found, is done again. If
 * it was done after all, a second draft shows up once the service's search has
 * caught up: no issuance holds it and nobody would ever see it. Such creates are
 * kept in table `stray`, looked for twice, and what is surely theirs is removed.
 * One for each lane, with its budget, after all issuances that can go on.
 *
 * Invariants
 *  1. Nothing is removed that an issuance holds, or that one in `creating` might
 *     still adopt; what is being removed is adopted by none.
 *  2. What to remove comes from a look that ended just before: after a removal
 *     whose end is not known, and after a restart, it is looked for anew.
 */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include "engine/lane.h"

struct sweep;

struct sweep *sweep_new(struct lane *lane);
void sweep_free(struct sweep *s); /* cancels what is under way */

/* Part of the caller's transaction: the issuance's last create is given up, and will be repeated. */
void sweep_note_repeat(struct db *db, int64_t issuance, int64_t now_ms);
/* Likewise: the draft that its last create made is given up, whether it is there still or not. */
void sweep_note_left(struct db *db, int64_t issuance, int64_t now_ms);
/* Likewise: a further create of it is about to leave. */
void sweep_note_create(struct db *db, int64_t issuance, int64_t now_ms);

/* Begins the request that is due, if any. The lane may work. RC_BROKEN where the store fails. */
enum rc sweep_step(struct sweep *s, struct err *err) MUST_CHECK;
/* Our clock's time of the next one; INT64_MAX where only an answer can bring one. */
int64_t sweep_next_ms(const struct sweep *s);
bool sweep_in_flight(const struct sweep *s);

#endif

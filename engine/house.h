/*
 * house - bounded retention: what no later decision can need leaves the store.
 *
 * For engine/engine.c, which knows when. What is kept of events is engine/record.h's.
 */
#ifndef ENGINE_HOUSE_H
#define ENGINE_HOUSE_H

#include "engine/outbox.h"
#include "engine/store/db.h"

/*
 * Some of it, in a transaction of its own that takes milliseconds, with the accounts' signs of life. `now_ms` is our clock.
 * *more: there is more to remove.
 */
enum rc house_keep(struct db *db, const struct outbox *outbox, int64_t now_ms, bool *more,
		   struct err *err) MUST_CHECK;

#endif

/*
 * engine - sources, inbox, decisions and outbox, moved by one step function.
 *
 * One thread. The world brings answers (http_done); after each turn of the
 * world call engine_step, then sleep until engine_wake_ms or an answer. The
 * same engine runs in production, in tests and on a virtual clock.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/tallies.h"
#include "engine/message.h"
#include "engine/record.h"
#include "engine/report.h"
#include "engine/world.h"

struct engine;
struct outbox;

/* `world` is lent; its db must be owned by this process (DB_OWN). */
struct engine *engine_new(const struct world *world);
void engine_free(struct engine *e); /* NULL does nothing */

/*
 * Takes a table into use: at start and on every reload. Takes its own
 * reference. Activations are written first; then sources and actions go on
 * with the new table, in one step as seen from any event. RC_BROKEN where the
 * store fails: then the engine is to be stopped.
 */
enum rc engine_load(struct engine *e, struct table *table, struct err *err) MUST_CHECK;
/*
 * Writes beforehand some of what engine_load would write of this table, in milliseconds; *more: call it
 * again in the next turn. RC_BROKEN as there.
 */
enum rc engine_prepare(struct engine *e, const struct table *table, bool *more,
		       struct err *err) MUST_CHECK;
/*
 * How long events are kept on record; engine/record.h has what holds without it. And how long what
 * issuances were made of, once they are done (forget_old); 0: for ever. Before the first load.
 */
void engine_keep(struct engine *e, struct record_keep keep, int64_t issued_ms);
const struct table *engine_table(const struct engine *e);
struct table *engine_share_table(struct engine *e); /* the same, with a reference for the caller */
struct outbox *engine_outbox(struct engine *e);	    /* lent: for a reconcile */

/* How it is doing right now; what it makes lies in `memory`. */
void engine_report(const struct engine *e, struct arena *memory, struct engine_report *out);

/* Begins all that is due. RC_BROKEN where the store fails: stop, nothing is lost. */
enum rc engine_step(struct engine *e, struct err *err) MUST_CHECK;
/* Monotonic time of what is due next; INT64_MAX where only an answer can bring something. */
int64_t engine_wake_ms(struct engine *e);

/*
 * Judges a message that came for some source; status 404 where no account listens there. What it
 * tells is kept: the answer, where it is a 2xx, must wait for engine_heard. `memory` is the message's.
 */
void engine_hear(struct engine *e, const struct message *m, struct arena *memory,
		 struct heard *out);
/*
 * Stores what was heard since the last time, in one transaction. RC_AGAIN: the store is busy, nothing
 * was stored; RC_BROKEN likewise, and the engine is to be stopped. Both are a 503.
 */
enum rc engine_heard(struct engine *e, struct err *err) MUST_CHECK;
/* What was counted since the start. Lent. */
const struct tallies *engine_tallies(const struct engine *e);

/* Somebody has changed something beside us: secrets and grants are looked at in the next step. */
void engine_nudge(struct engine *e);

/*
 * The store fails: all that is under way is forgotten, as if the process had ended, and so is what
 * sources and outbox knew. The table, what was counted and `why` stay, for the report; every message
 * gets a 503; a step does nothing but fail.
 */
void engine_abandon(struct engine *e, const struct err *why);
/*
 * The world's db was opened anew: a load, as at a start, of this table or, for NULL, of the one that
 * was in force. RC_BROKEN as at a load: then it is to be abandoned again.
 */
enum rc engine_revive(struct engine *e, struct table *table, struct err *err) MUST_CHECK;

/* No new work begins. engine_stopped once the requests that write, or ask for new tokens, have got their answers. */
void engine_stop(struct engine *e);
bool engine_stopped(const struct engine *e);

/*
 * The process ends in good order: the state learns that it is up to date. RC_BROKEN where the store
 * fails; nothing but that sign of life is lost.
 */
enum rc engine_leave(struct engine *e, struct err *err) MUST_CHECK;

/* For `run --once`. */
enum once {
	ONCE_WORKING,	/* something is under way, or falls due within the patience */
	ONCE_DONE,	/* nothing is left to do */
	ONCE_PARKED,	/* something is held, refused or unknown, or could not be finished now */
	ONCE_SETTLING,	/* bursts are still settling */
	ONCE_NO_SOURCE, /* a source could not be polled */
};
enum once engine_once(struct engine *e);

#endif

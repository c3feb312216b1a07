/*
 * once - when a single pass of `run --once` has come to its end.
 */
#include "engine/origin.h"

#include "base/clock.h"
#include "engine/ledger.h"

/*
 * What `run --once` waits for: a due time this near, a retry this near, so many failures in a
 * row.
 */
#define ONCE_DUE_MS MS_SECOND
#define ONCE_RETRY_MS (35 * MS_SECOND)
#define ONCE_FAILURES 4

/* Whether the origin still has something to do in this pass. */
static bool origin_working(const struct origin *o)
{
	int64_t now, due = inbox_next_due(o->engine->db, o->name);

	if (bearer_busy(o->bearer) || o->engine->hearing.rows)
		return true;
	if (origin_is_stopped(o))
		return false;
	if (o->ops->waits_ms(o->source) > ONCE_RETRY_MS)
		return false;
	/* What fails is passed over, and ends no poll: the rest may be answered. */
	if (!o->ops->polled(o->source) || o->batch)
		return true;
	if (due != INT64_MAX && o->ops->now(o->source, &now) && due - now <= ONCE_DUE_MS)
		return true;
	int64_t next = inbox_next(o->engine->db, o->name, -1);
	return next != INT64_MAX &&
	       next - o->engine->world->wall_ms(o->engine->world->ctx) <= ONCE_RETRY_MS;
}

/* An account that is stopped, or fails, ends no pass in which another has something to do. */
static bool outbox_working(const struct engine *e)
{
	if (outbox_in_flight(e->outbox))
		return true;
	return outbox_due_ms(e->outbox, ONCE_FAILURES) - e->world->mono_ms(e->world->ctx) <=
	       ONCE_RETRY_MS;
}

enum once engine_once(struct engine *e)
{
	int64_t count[STATE_COUNT], settling = 0;
	bool source_failed = false;

	for (const struct origin *o = e->origin; o; o = o->next) {
		if (origin_working(o))
			return ONCE_WORKING;
		source_failed |= !bearer_there(o->bearer) ||
				 o->ops->health(o->source) != SOURCE_FINE;
		settling += inbox_count(e->db, o->name) + inbox_pending_count(e->db, o->name);
	}
	if (outbox_working(e))
		return ONCE_WORKING;
	if (source_failed)
		return ONCE_NO_SOURCE;
	ledger_count(e->db, count);
	if (count[STATE_HELD] + count[STATE_REFUSED] + count[STATE_SEND_UNKNOWN] +
		    ledger_work_count(e->db) ||
	    outbox_is_restored(e->outbox, false))
		return ONCE_PARKED;
	return settling ? ONCE_SETTLING : ONCE_DONE;
}

/* steps - what happens in a test, done to the services and the daemon. */
#include <string.h>

#include "base/clock.h"
#include "engine/rehearsal/stage.h"

/* ---- contacts and lists ---------------------------------------------------- */

static enum rc do_set(struct stage *s, const struct ruletest_step *step)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < step->value.count; i++)
		rc = sandbox_set(s->sandbox, s->sim.now_ms, step->contact, step->value.list[i].name,
				 step->value.list[i].value, &s->err);
	return rc;
}

static enum rc do_create(struct stage *s, const struct ruletest_step *step)
{
	struct json *p = json_new_object();
	int64_t id;

	for (size_t i = 0; i < step->value.count; i++)
		json_set_slice(p, slice_of(step->value.list[i].name), step->value.list[i].value);
	enum rc rc = sandbox_create(s->sandbox, s->sim.now_ms, step->contact, p, &id, &s->err);
	json_free(p);
	return rc;
}

/* Lists that nobody declared were made with the stage. */
static enum rc do_join(struct stage *s, const struct ruletest_step *step)
{
	return sandbox_join(s->sandbox, s->sim.now_ms, step->list, step->contact, &s->err);
}

static enum rc do_leave(struct stage *s, const struct ruletest_step *step)
{
	return sandbox_leave(s->sandbox, s->sim.now_ms, step->list, step->contact, &s->err);
}

static enum rc do_merge(struct stage *s, const struct ruletest_step *step)
{
	int64_t id;

	sandbox_options(s->sandbox)->merge_keeps_id = step->into == step->contact;
	return sandbox_merge(s->sandbox, s->sim.now_ms, step->contact, step->other, step->into, &id,
			     &s->err);
}

static enum rc do_delete(struct stage *s, const struct ruletest_step *step)
{
	return sandbox_delete(s->sandbox, s->sim.now_ms, step->contact, &s->err);
}

/* ---- the daemon ---------------------------------------------------------------- */

/* In good order, as at SIGTERM: requests in flight get their answer, no new work begins. */
static enum rc do_restart(struct stage *s, const struct ruletest_step *step)
{
	enum rc rc = RC_OK;

	s->up_ms = s->sim.now_ms + step->down_ms;
	if (!s->engine)
		return RC_OK;
	engine_stop(s->engine);
	while (rc == RC_OK && !engine_stopped(s->engine))
		rc = sim_run(&s->sim, s->engine, s->sim.now_ms + MS_SECOND, &s->err);
	if (rc == RC_OK)
		rc = engine_leave(s->engine, &s->err);
	engine_free(s->engine);
	s->engine = NULL;
	sim_abandon(&s->sim);
	return rc;
}

static enum rc do_reload(struct stage *s, const struct ruletest_step *step)
{
	table_unref(s->table);
	s->table = table_ref(step->table);
	return s->engine ? engine_load(s->engine, s->table, &s->err) : RC_OK;
}

/* ---- requests that fail ---------------------------------------------------------- */

static enum rc do_fault(struct stage *s, const struct ruletest_step *step)
{
	static const enum sandbox_fault faults[] = {
		[WITH_STATUS] = FAULT_STATUS,
		[WITH_CUT_BEFORE] = FAULT_CUT_BEFORE,
		[WITH_CUT_AFTER] = FAULT_CUT_AFTER,
		[WITH_TIMEOUT] = FAULT_TIMEOUT,
	};

	return sandbox_fault(s->sandbox, step->fail, faults[step->with], step->status, -1, 0,
			     step->times, &s->err);
}

static enum rc (*const takers[DO_COUNT])(struct stage *s, const struct ruletest_step *step) = {
	[DO_SET] = do_set,	     [DO_CREATE] = do_create, [DO_JOIN] = do_join,
	[DO_LEAVE] = do_leave,	     [DO_MERGE] = do_merge,   [DO_DELETE] = do_delete,
	[DO_RESTART] = do_restart,   [DO_RELOAD] = do_reload, [DO_FAIL_SINK] = do_fault,
	[DO_FAIL_SOURCE] = do_fault,
};

enum rc stage_take(struct stage *s, const struct ruletest_step *step)
{
	stage_note(s, "step", "%s", step->text);
	return takers[step->what](s, step);
}

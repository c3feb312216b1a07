#include "engine/outbox.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/backoff.h"
#include "engine/lane.h"
#include "engine/ledger.h"
#include "engine/orphan.h"
#include "engine/registry.h"
#include "engine/restored.h"
#include "engine/sweep.h"
#include "engine/undeclared.h"

#define MOST_IN_FLIGHT 8 /* of one lane: enough to use 3 requests/s at answers of 2 s */
#define WORK_BATCH 64

/* One request under way. */
struct flight {
	struct lane *lane;
	struct service *service;
	struct issuance is;
	struct step step;
	int64_t started_ms; /* wall clock */
	struct arena memory;
	bool probe;
	struct flight *next;
};

struct outbox {
	const struct world *world;
	struct db *db;
	struct table *table; /* lent by the engine */
	struct lane *lane;
	struct flight *flight;
	size_t in_flight;
	bool stopping, frozen;
	enum rc failed; /* the store failed in an answer: said at the next step */
	struct err why;
};

static int64_t wall_ms(const struct outbox *o)
{
	return o->world->wall_ms(o->world->ctx);
}

static int64_t mono_ms(const struct outbox *o)
{
	return o->world->mono_ms(o->world->ctx);
}

struct outbox *outbox_new(const struct world *world)
{
	struct outbox *o = mem_alloc(sizeof(*o));

	o->world = world;
	o->db = world->db;
	return o;
}

/* ---- flights ------------------------------------------------------------ */

static void flight_free(struct flight *f)
{
	struct flight **at = &f->lane->outbox->flight;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->lane->in_flight--;
	f->lane->outbox->in_flight--;
	json_free((struct json *)(uintptr_t)f->is.fields);
	service_unref(f->service);
	arena_release(&f->memory);
	mem_free(f);
}

static struct flight *flight_new(struct lane *lane)
{
	struct outbox *o = lane->outbox;
	struct flight *f = mem_alloc(sizeof(*f));

	arena_init(&f->memory);
	f->lane = lane;
	f->service = service_ref(lane->service);
	f->next = o->flight;
	o->flight = f;
	lane->in_flight++;
	o->in_flight++;
	return f;
}

static bool is_flying(const struct outbox *o, int64_t id)
{
	for (const struct flight *f = o->flight; f; f = f->next)
		if (!f->probe && f->is.id == id)
			return true;
	return false;
}

void outbox_free(struct outbox *o)
{
	while (o->flight) {
		o->world->http_cancel(o->world->ctx, o->flight);
		flight_free(o->flight);
	}
	for (struct lane *lane = o->lane, *next; lane; lane = next) {
		next = lane->next;
		lane_free(lane);
	}
	mem_free(o);
}

/* ---- lanes ------------------------------------------------------------- */

static struct lane *find_lane(const struct outbox *o, const char *name)
{
	struct lane *lane = o->lane;

	while (lane && strcmp(lane->name, name) != 0)
		lane = lane->next;
	return lane;
}

static struct lane *lane_of(struct outbox *o, const char *name)
{
	struct lane *lane = find_lane(o, name);

	if (lane)
		return lane;
	lane = lane_new(o, o->world, name);
	lane->next = o->lane;
	o->lane = lane;
	return lane;
}

void outbox_look_at_secrets(struct outbox *o)
{
	for (struct lane *lane = o->lane; lane; lane = lane->next)
		lane_look_at_secret(lane);
}

enum rc outbox_recover(struct outbox *o, struct err *err)
{
	db_begin(o->db, "recover");
	int64_t parked = ledger_park_sending(o->db, wall_ms(o));
	ledger_note_unknown(o->db, wall_ms(o));
	enum rc rc = db_commit(o->db, err);
	if (rc == RC_OK && parked) {
		char n[24];
		snprintf(n, sizeof(n), "%lld", (long long)parked);
		log_line(o->world->log, LOG_WARN,
			 "sends were under way at the last stop: parked as send-unknown",
			 "issuances", n, NULL);
	}
	return rc;
}

/* Whether these are not the rules that were in force last, in whichever process. */
static bool is_other_table(struct outbox *o, const struct table *table)
{
	return db_exists(o->db, "SELECT 1 FROM meta WHERE key = 'table' AND value <> ?1", "t",
			 table->hash);
}

static void note_table(struct outbox *o)
{
	db_run(o->db,
	       "INSERT INTO meta (key, value) VALUES ('table', ?1)"
	       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	       "t", o->table->hash);
}

enum rc outbox_load(struct outbox *o, struct table *table, struct err *err)
{
	bool reload = o->table != NULL || is_other_table(o, table);

	o->table = table;
	db_begin(o->db, "release");
	for (struct lane *lane = o->lane; lane; lane = lane->next)
		lane_unload(lane);
	for (uint32_t i = 0; i < table->n_account; i++) {
		const struct account *account = &table->account[i];
		if (!registry_action(account->type))
			continue;
		lane_load(lane_of(o, account->name), table, i);
		undeclared_release(o->db, account->name, wall_ms(o));
		/*
		 * A restart may come any minute (run --once); a reload, or other rules at a
		 * start, say that a person has looked.
		 */
		if (reload)
			ledger_release_held(o->db, account->name, wall_ms(o));
	}
	restored_look_at_mark(o->db, table);
	note_table(o);
	return db_commit(o->db, err);
}

/* ---- answers ----------------------------------------------------------- */

static bool credential_held(void *ctx, const char *credential)
{
	struct db *db = ((const struct flight *)ctx)->lane->outbox->db;

	return ledger_credential_held(db, credential) || ledger_credential_leaves(db, credential);
}

static bool sent_elsewhere(void *ctx, const char *field, struct slice value)
{
	const struct flight *f = ctx;

	return ledger_sent_elsewhere(f->lane->outbox->db, &f->is, field, value);
}

/* The issuance as the verdict makes it. */
static struct issuance apply(struct flight *f, const struct verdict *v, int64_t now_ms)
{
	struct issuance is = f->is;
	struct outbox *o = f->lane->outbox;

	is.state = v->state;
	is.held_from = v->held_from;
	is.hold = v->scope == SCOPE_GROUP_HOLD ? HOLD_GROUP : HOLD_PLAN;
	is.reason = v->reason;
	is.credential = v->credential ? v->credential : is.credential;
	is.public_url = v->public_url ? v->public_url : is.public_url;
	is.cursor = v->cursor;
	/* A write whose state did not move on: from now on nobody knows how it ended. */
	if (f->step.write)
		is.unknown_ms = v->state == f->step.doing ? now_ms : 0;
	is.settles = v->settled_again ? is.settles + 1 : v->state == f->is.state ? is.settles : 0;
	/*
	 * A failure of the account holds the lane back, not the issuance: its turn comes first
	 * again.
	 */
	bool own = v->again && v->scope == SCOPE_ISSUANCE;
	is.failures = own ? is.failures + 1 : v->again ? is.failures : 0;
	int64_t wait = v->scope == SCOPE_ACCOUNT_WAIT ? 0 : v->wait_ms;
	if (own) {
		int64_t back = backoff_ms(is.failures, o->world->random(o->world->ctx));
		wait = wait > back ? wait : back;
	}
	is.not_before_ms = wait ? now_ms + wait : 0;
	return is;
}

/* What the verdict means for the whole lane. Part of the transaction where it holds issuances. */
static void apply_scope(struct flight *f, const struct verdict *v, int64_t now_ms)
{
	struct lane *lane = f->lane;
	struct outbox *o = lane->outbox;
	bool mine = lane->service == f->service;

	if (v->scope == SCOPE_ACCOUNT_HOLD)
		ledger_hold_all(o->db, lane->name, NULL, HOLD_PLAN, v->reason, now_ms);
	else if (v->scope == SCOPE_GROUP_HOLD)
		ledger_hold_all(o->db, lane->name, f->is.group, HOLD_GROUP, v->reason, now_ms);
	if (mine)
		lane_judge(lane, v);
}

static void answer_issuance(struct flight *f, const struct http_response *response)
{
	struct outbox *o = f->lane->outbox;
	struct verdict v = { .state = f->is.state };
	struct action_view view = { f, credential_held, sent_elsewhere, wall_ms(o), f->started_ms };

	f->service->ops->verdict(f->service->action, &f->is, &f->step, response, &view, &f->memory,
				 &v);
	struct issuance after = apply(f, &v, view.now_ms);
	db_begin(o->db, "result");
	apply_scope(f, &v, view.now_ms);
	bool written = ledger_update(o->db, &f->is, &after, view.now_ms, v.reason);
	if (written && f->is.state == STATE_CREATING && !f->step.write &&
	    after.state == STATE_PLANNED)
		sweep_note_repeat(o->db, after.id, view.now_ms);
	restored_note_life(f->lane->restored);
	o->failed = db_commit(o->db, &o->why);
	if (o->failed == RC_OK)
		lane_tell_verdict(f->lane, &f->is, &after, &v);
}

static void answer_probe(struct flight *f, const struct http_response *response)
{
	struct lane *lane = f->lane;

	f->service->ops->probe_answer(f->service->action, response);
	if (lane->service != f->service)
		return;
	lane->probing = false;
	if (response->outcome == HTTP_ANSWER && response->retry_after_ms != HTTP_ABSENT)
		lane->wait_until_ms = mono_ms(lane->outbox) + response->retry_after_ms;
	const char *problem = f->service->ops->probe_problem(f->service->action);
	if (problem) {
		log_line(lane->outbox->world->log, LOG_WARN,
			 "groups and attributes could not be checked", "account", lane->name,
			 "reason", problem, NULL);
		lane->probed = true;
	}
}

static void flight_done(void *arg, const struct http_response *response)
{
	struct flight *f = arg;

	lane_note_end(f->lane, response);
	if (f->probe)
		answer_probe(f, response);
	else if (f->lane->outbox->failed == RC_OK)
		answer_issuance(f, response);
	flight_free(f);
}

/* ---- steps ------------------------------------------------------------- */

static void launch(struct flight *f)
{
	struct outbox *o = f->lane->outbox;

	lane_spend(f->lane);
	f->started_ms = wall_ms(o);
	o->world->http_start(o->world->ctx, &f->step.request, flight_done, f);
}

/*
 * Groups and attributes are asked for once, before the first issuance. False: nothing (more)
 * to ask.
 */
static bool start_probe(struct lane *lane)
{
	if (lane->probed)
		return false;
	if (lane->probing)
		return true;
	struct flight *f = flight_new(lane);
	f->probe = true;
	if (!lane->service->ops->probe_next(lane->service->action, &f->memory, &f->step.request)) {
		flight_free(f);
		lane->probed = true;
		lane_report_probe(lane);
		return false;
	}
	lane->probing = true;
	launch(f);
	return true;
}

/* A person was faster: the row is not what it was, and nothing leaves. */
static enum rc call_off(struct flight *f, struct err *err)
{
	struct db *db = f->lane->outbox->db;
	enum rc rc = db_failed(db, err);

	db_rollback(db);
	flight_free(f);
	return rc;
}

/* Whether a reconcile found what a create would make a second time: then it is taken, or held. */
static enum rc take_orphan(struct flight *f, bool *taken, struct err *err)
{
	struct outbox *o = f->lane->outbox;
	struct orphan_look look = { wall_ms(o), .alike = true };
	struct issuance after;

	*taken = false;
	if (f->is.state != STATE_PLANNED || !orphan_any(o->db, f->lane->name))
		return RC_OK;
	db_begin(o->db, "adopt");
	*taken = orphan_take(o->db, &f->is, &look, &f->memory, &after) != ORPHAN_NONE;
	enum rc rc = db_commit(o->db, err);
	if (rc == RC_OK && *taken)
		lane_tell_verdict(f->lane, &f->is, &after,
				  &(struct verdict){ .reason = after.reason });
	return rc;
}

/* "About to" is committed before the request leaves. */
static enum rc start_issuance(struct lane *lane, int64_t id, struct err *err)
{
	struct outbox *o = lane->outbox;
	struct flight *f = flight_new(lane);
	int64_t now = wall_ms(o);

	if (!ledger_load_work(o->db, id, &f->memory, &f->is)) {
		flight_free(f);
		return db_failed(o->db, err);
	}
	bool taken;
	enum rc rc = take_orphan(f, &taken, err);
	if (rc != RC_OK || taken) {
		flight_free(f);
		return rc;
	}
	lane->service->ops->step(lane->service->action, &f->is, &f->memory, &f->step);
	if (f->step.write) {
		struct issuance before = f->is;
		f->is.state = f->step.doing;
		f->is.attempts++;
		f->is.attempt_ms = now;
		f->is.reason = NULL;
		f->is.settles = 0;
		f->is.unknown_ms = 0;
		f->is.cursor = NULL;
		f->is.not_before_ms = 0;
		db_join(o->db, "about-to");
		if (!ledger_update(o->db, &before, &f->is, now, NULL))
			return call_off(f, err);
		int64_t writes = restored_count_write(o->db);
		if (f->step.doing == STATE_CREATING && before.attempts)
			sweep_note_create(o->db, id, now);
		rc = db_commit(o->db, err);
		if (rc != RC_OK) {
			flight_free(f);
			return rc;
		}
		db_note_mark(o->db, writes);
	}
	launch(f);
	return RC_OK;
}

static bool may_work(const struct lane *lane)
{
	return lane_is_free(lane) && lane->in_flight < MOST_IN_FLIGHT;
}

/* No further step begins. */
static bool is_still(const struct outbox *o)
{
	return o->stopping || o->frozen;
}

static enum rc lane_step(struct lane *lane, struct err *err)
{
	struct outbox *o = lane->outbox;
	int64_t work[WORK_BATCH];
	bool clear;

	if (!may_work(lane) || start_probe(lane))
		return RC_OK;
	enum rc rc = restored_step(lane->restored, &clear, err);
	if (!clear)
		return rc;
	size_t n = ledger_work(o->db, lane->name, wall_ms(o), WORK_BATCH, work);
	for (size_t i = 0; rc == RC_OK && i < n && may_work(lane); i++)
		if (!is_flying(o, work[i]))
			rc = start_issuance(lane, work[i], err);
	return rc == RC_OK && may_work(lane) ? sweep_step(lane->sweep, err) : rc;
}

static bool is_served(void *ctx, const char *account)
{
	const struct lane *lane = find_lane(ctx, account);

	return lane && (lane->account || lane->in_flight);
}

enum rc outbox_step(struct outbox *o, struct err *err)
{
	enum rc rc = o->failed;

	if (rc != RC_OK)
		*err = o->why;
	else if (o->table && !is_still(o))
		rc = undeclared_hold(o->world, is_served, o, err);
	for (struct lane *lane = o->lane; rc == RC_OK && lane && !is_still(o); lane = lane->next)
		rc = lane_step(lane, err);
	return rc;
}

/* Our clock's time of the lane's next work that has no request under way. */
static int64_t next_work_ms(const struct lane *lane)
{
	const struct outbox *o = lane->outbox;
	int64_t now = wall_ms(o), work[MOST_IN_FLIGHT + 1];

	if (!lane->probed)
		return lane->probing ? INT64_MAX : now;
	size_t n = ledger_work(o->db, lane->name, now, lane->in_flight + 1, work);
	for (size_t i = 0; i < n; i++)
		if (!is_flying(o, work[i]))
			return now;
	return ledger_next(o->db, lane->name, now);
}

/* Monotonic; as if neither the bucket nor a failure held it back. */
static int64_t lane_due_ms(const struct lane *lane)
{
	const struct outbox *o = lane->outbox;

	if (lane->probed && !restored_is_clear(lane->restored))
		return restored_wake_ms(lane->restored);
	/* Before the groups are known nothing else is asked. */
	int64_t next = next_work_ms(lane),
		sweep = lane->probed ? sweep_next_ms(lane->sweep) : INT64_MAX;
	next = sweep < next ? sweep : next;
	return next == INT64_MAX ? next : mono_ms(o) + (next - wall_ms(o));
}

static int64_t lane_wake_ms(const struct lane *lane)
{
	if (!lane->service || lane->stopped || lane->in_flight >= MOST_IN_FLIGHT)
		return INT64_MAX;
	int64_t wake = lane_due_ms(lane);
	if (wake == INT64_MAX)
		return INT64_MAX;
	if (wake < lane->next_request_ms)
		wake = lane->next_request_ms;
	return wake < lane->wait_until_ms ? lane->wait_until_ms : wake;
}

int64_t outbox_wake_ms(const struct outbox *o)
{
	int64_t wake = INT64_MAX;

	for (const struct lane *lane = o->lane; lane && !is_still(o); lane = lane->next) {
		int64_t one = lane_wake_ms(lane);
		wake = one < wake ? one : wake;
	}
	return wake;
}

int64_t outbox_due_ms(const struct outbox *o, int64_t failures)
{
	int64_t due = INT64_MAX;

	for (const struct lane *lane = o->lane; lane && !is_still(o); lane = lane->next) {
		int64_t one = lane->failures < failures ? lane_wake_ms(lane) : INT64_MAX;
		if (one == lane->next_request_ms)
			one = mono_ms(o);
		due = one < due ? one : due;
	}
	return due;
}

size_t outbox_in_flight(const struct outbox *o)
{
	size_t n = o->in_flight;

	for (const struct lane *lane = o->lane; lane; lane = lane->next)
		n += sweep_in_flight(lane->sweep) + restored_in_flight(lane->restored);
	return n;
}

struct lane *outbox_lane(struct outbox *o, const char *account)
{
	struct lane *lane = find_lane(o, account);

	return lane && lane->service ? lane : NULL;
}

void outbox_freeze(struct outbox *o)
{
	o->frozen = true;
}

void outbox_note_life(const struct outbox *o)
{
	for (const struct lane *lane = o->lane; lane; lane = lane->next)
		restored_note_life(lane->restored);
}

bool outbox_is_restored(const struct outbox *o, bool say)
{
	bool any = false;

	for (const struct lane *lane = o->lane; lane; lane = lane->next) {
		any |= restored_is_known(lane->restored);
		if (say)
			restored_say(lane->restored);
	}
	return any;
}

void outbox_stop(struct outbox *o)
{
	o->stopping = true;
}

int64_t outbox_failures(const struct outbox *o)
{
	int64_t worst = 0;

	for (const struct lane *lane = o->lane; lane; lane = lane->next) {
		if (lane->account && (!lane->service || lane->stopped))
			return INT64_MAX;
		worst = lane->failures > worst ? lane->failures : worst;
	}
	return worst;
}

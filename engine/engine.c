#include "engine/origin.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/decide.h"
#include "engine/forget.h"
#include "engine/house.h"
#include "engine/inbox.h"
#include "engine/quiet.h"
#include "engine/registry.h"

#define HOUSEKEEPING_MS MS_HOUR
#define TRIM_MS MS_HOUR
#define TRIM_MORE_MS MS_SECOND	    /* where the last time left some */
#define SECRETS_MS (30 * MS_SECOND) /* how often a stopped account's secret is looked at */
static int64_t wall_ms(const struct engine *e)
{
	return e->world->wall_ms(e->world->ctx);
}

static int64_t mono_ms(const struct engine *e)
{
	return e->world->mono_ms(e->world->ctx);
}

struct engine *engine_new(const struct world *world)
{
	struct engine *e = mem_alloc(sizeof(*e));

	e->world = world;
	e->db = world->db;
	e->keep = (struct record_keep){ RECORD_KEEP_MS, RECORD_KEEP_BYTES };
	e->outbox = outbox_new(world);
	hearing_init(&e->hearing, world);
	return e;
}

/* ---- batches ----------------------------------------------------------- */

static void batch_free(struct batch *b)
{
	struct batch **at = &b->origin->batch;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	arena_release(&b->memory);
	mem_free(b);
}

static const struct news *news_of(const struct batch *b, const char *contact)
{
	for (size_t i = 0; i < b->count; i++)
		if (strcmp(b->news[i].contact, contact) == 0)
			return &b->news[i];
	return NULL;
}

static bool is_looked_at(const struct origin *o, const char *contact)
{
	for (const struct batch *b = o->batch; b; b = b->next)
		if (news_of(b, contact))
			return true;
	return false;
}

static bool was_seen(const struct look *look, const char *contact)
{
	for (size_t i = 0; i < look->contacts; i++)
		if (strcmp(look->contact[i].asked, contact) == 0)
			return true;
	return false;
}

/*
 * One transaction: all that this look allows to decide. It is committed before this turn ends, with the first write
 * that leaves for it.
 */
static void look_arrived(void *arg, const struct look *look)
{
	struct batch *b = arg;
	struct engine *e = b->origin->engine;
	struct decide d = { e->world,		e->db,
			    e->table,		&e->watches,
			    b->origin->account, b->origin->ops,
			    b->origin->source,	e->keep.ms ? e->ruleset : 0 };

	bool again = look->result == LOOK_AGAIN;
	/*
	 * The account itself waits: its news needs no back-off of its own. But who fails alone may do so for good: all
	 * others are looked at first.
	 */
	if (again && b->count > 1) {
		batch_free(b);
		return;
	}
	db_begin(e->db, again ? "put-last" : "decide");
	if (again)
		inbox_put_last(e->db, b->origin->name, b->news[0].contact);
	const size_t *order = decide_order(&d, look->contact, look->contacts, &b->memory);
	for (size_t i = 0; i < look->contacts; i++) {
		const struct contact *c = &look->contact[order[i]];
		const struct news *news = news_of(b, c->asked);
		if (news)
			decide_contact(&d, c, news, look->began_ms, &b->memory);
	}
	for (size_t i = 0; !again && i < b->count; i++)
		if (!was_seen(look, b->news[i].contact))
			inbox_again(e->db, b->origin->name, &b->news[i], wall_ms(e),
				    e->world->random(e->world->ctx));
	if (e->failed == RC_OK)
		e->failed = db_commit_later(e->db, &e->why);
	else
		db_rollback(e->db);
	batch_free(b);
}

/* News that may be looked at now and that nobody is looking at, at most `most`, in `memory`. */
static size_t free_news(const struct origin *o, size_t most, struct arena *memory,
			struct news **out)
{
	size_t flying = 0, kept = 0;

	for (const struct batch *b = o->batch; b; b = b->next)
		flying += b->count;
	size_t n = inbox_take(o->engine->db, o->name, wall_ms(o->engine), most + flying, memory,
			      out);
	for (size_t i = 0; i < n && kept < most; i++)
		if (!is_looked_at(o, (*out)[i].contact))
			(*out)[kept++] = (*out)[i];
	return kept;
}

/* Starts one look at the oldest news. False: there is none now. */
static bool start_look(struct origin *o, size_t most)
{
	struct batch *b = mem_alloc(sizeof(*b));

	b->origin = o;
	arena_init(&b->memory);
	b->count = free_news(o, most, &b->memory, &b->news);
	b->next = o->batch;
	o->batch = b;
	if (b->count == 0) {
		batch_free(b);
		return false;
	}
	const char **ids = arena_alloc(&b->memory, b->count * sizeof(*ids));
	for (size_t i = 0; i < b->count; i++)
		ids[i] = b->news[i].contact;
	o->ops->look(o->source, ids, b->count, look_arrived, b);
	return true;
}

/* ---- origins ----------------------------------------------------------- */

static struct origin *origin_of(struct engine *e, const struct account *account)
{
	struct origin *o = e->origin;

	while (o && strcmp(o->name, account->name) != 0)
		o = o->next;
	if (o)
		return o;
	o = mem_alloc(sizeof(*o));
	o->engine = e;
	o->name = mem_strdup(account->name);
	o->ops = registry_source(account->type);
	o->source = o->ops->open(e->world, o->name);
	o->bearer = bearer_new(e->world);
	o->next = e->origin;
	e->origin = o;
	return o;
}

void origin_free(struct origin *o)
{
	while (o->batch)
		batch_free(o->batch);
	o->ops->close(o->source);
	bearer_free(o->bearer);
	mem_free(o->name);
	mem_free(o);
}

bool origin_is_stopped(const struct origin *o)
{
	return !bearer_there(o->bearer) || o->ops->health(o->source) == SOURCE_STOPPED;
}

static void say_stopped(const struct origin *o, const char *reason)
{
	log_line(o->engine->world->log, LOG_ERROR,
		 "account stopped until a reload, a restart or a new secret", "account", o->name,
		 "reason", reason, NULL);
}

/* The source goes on with the table and the bearer that o holds. */
static void origin_use(struct origin *o)
{
	struct engine *e = o->engine;

	while (o->batch)
		batch_free(o->batch);
	o->ops->load(o->source, e->table, o->account, &e->watches, o->bearer);
}

static void origin_load(struct origin *o, uint32_t account)
{
	struct engine *e = o->engine;
	struct err err;

	o->account = account;
	if (bearer_load(o->bearer, &e->table->account[account], &err) != RC_OK)
		say_stopped(o, err.text);
	else if (!bearer_there(o->bearer))
		say_stopped(o, bearer_problem(o->bearer));
	origin_use(o);
}

/*
 * A stopped account goes on when its secret (a file, or a variable that is there now) has changed;
 * any, when somebody has connected it anew.
 */
static void look_at_secrets(struct engine *e)
{
	for (struct origin *o = e->origin; o; o = o->next) {
		if (!(origin_is_stopped(o) || bearer_may_change(o->bearer)) ||
		    !bearer_look(o->bearer))
			continue;
		log_line(e->world->log, LOG_INFO, "account goes on with a new secret", "account",
			 o->name, NULL);
		origin_use(o);
	}
	outbox_look_at_secrets(e->outbox);
}

/* ---- load -------------------------------------------------------------- */

enum rc engine_load(struct engine *e, struct table *table, struct err *err)
{
	const struct watches *before = e->in_step ? &e->watches : NULL;
	const struct our_clock clock = { wall_ms(e), mono_ms(e) };
	struct watches watches;
	enum rc rc = RC_OK;

	e->in_step = false;
	if (!e->recovered)
		rc = outbox_recover(e->outbox, err);
	if (rc == RC_OK)
		rc = watches_sync(e->db, table, before, &clock, e->world->log, &watches, err);
	if (rc != RC_OK)
		return rc;
	rc = record_ruleset(e->db, table, &watches, wall_ms(e), &e->ruleset, err);
	if (rc != RC_OK) {
		watches_release(&watches);
		return rc;
	}
	e->recovered = true;
	hearing_open(&e->hearing);
	struct table *old = e->table;
	struct watches old_watches = e->watches;
	e->table = table_ref(table);
	e->watches = watches;
	retired_drop(e);
	for (uint32_t i = 0; i < table->n_account; i++)
		if (registry_source(table->account[i].type))
			origin_load(origin_of(e, &table->account[i]), i);
	rc = retired_tell(e, err);
	if (rc == RC_OK)
		rc = outbox_load(e->outbox, e->table, err);
	e->in_step = rc == RC_OK;
	if (old)
		watches_release(&old_watches);
	table_unref(old);
	return rc;
}

enum rc engine_prepare(struct engine *e, const struct table *table, bool *more, struct err *err)
{
	return record_texts(e->db, table, more, err);
}

void engine_keep(struct engine *e, struct record_keep keep, int64_t issued_ms)
{
	e->keep = keep;
	e->issued_keep_ms = issued_ms;
}

const struct table *engine_table(const struct engine *e)
{
	return e->table;
}

struct table *engine_share_table(struct engine *e)
{
	return table_ref(e->table);
}

struct outbox *engine_outbox(struct engine *e)
{
	return e->outbox;
}

static void forget_work(struct engine *e)
{
	outbox_free(e->outbox);
	e->outbox = NULL;
	for (struct origin *o = e->origin, *next; o; o = next) {
		next = o->next;
		origin_free(o);
	}
	e->origin = NULL;
	retired_free(e);
}

/* The outbox is a new one, with nothing in flight and nothing that it could do. */
void engine_abandon(struct engine *e, const struct err *why)
{
	e->failed = RC_BROKEN;
	e->why = *why;
	forget_work(e);
	e->outbox = outbox_new(e->world);
}

enum rc engine_revive(struct engine *e, struct table *table, struct err *err)
{
	forget_work(e);
	e->db = e->world->db;
	e->outbox = outbox_new(e->world);
	e->failed = RC_OK;
	e->recovered = e->in_step = false;
	e->housekeeping_ms = e->trim_ms = e->secrets_ms = 0;
	return engine_load(e, table ? table : e->table, err);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	forget_work(e);
	if (e->table)
		watches_release(&e->watches);
	table_unref(e->table);
	hearing_release(&e->hearing);
	mem_free(e);
}

/* ---- messages ---------------------------------------------------------- */

void engine_hear(struct engine *e, const struct message *m, struct arena *memory, struct heard *out)
{
	struct listener *listener = NULL;
	size_t n = 0, cap = 0;

	/* Who listens where is not asked: a 404 would tell a good sender never to come again. */
	if (e->failed != RC_OK) {
		*out = (struct heard){ .status = 503, .reason = "store" };
		tallies_add(&e->hearing.tallies, "heard_requests", "", out->reason, 1);
		return;
	}
	e->hearing.unfit = e->stopping			  ? "stopping"
			   : hearing_is_full(&e->hearing) ? "backlog"
							  : NULL;
	for (const struct origin *o = e->origin; o; o = o->next) {
		listener = mem_grow(listener, &cap, n + 1, sizeof(*listener));
		listener[n++] = (struct listener){ o->name, o->ops, o->source };
	}
	hearing_judge(&e->hearing, listener, n, m, memory, out);
	mem_free(listener);
}

enum rc engine_heard(struct engine *e, struct err *err)
{
	enum rc rc = e->failed != RC_OK ? e->failed
					: hearing_store(&e->hearing, e->watches.tag, &e->why);

	e->failed = rc == RC_BROKEN ? rc : e->failed;
	*err = e->why;
	return rc;
}

const struct tallies *engine_tallies(const struct engine *e)
{
	return &e->hearing.tallies;
}

/* ---- step -------------------------------------------------------------- */

/* What fell due by the source's clock becomes news; activations learn that clock. */
static enum rc promote(struct origin *o, struct err *err)
{
	struct engine *e = o->engine;
	int64_t now;

	if (!o->ops->now(o->source, &now))
		return RC_OK;
	struct first_clock clock = { now, now - wall_ms(e), mono_ms(e) };
	enum rc rc = watches_start(e->db, &e->watches, o->account, &clock, err);
	if (rc != RC_OK || inbox_next_due(e->db, o->name) > now)
		return rc;
	db_begin(e->db, "promote");
	inbox_promote(e->db, o->name, now, wall_ms(e));
	return db_commit(e->db, err);
}

static bool is_watched(const struct origin *o)
{
	const struct watches *w = &o->engine->watches;
	size_t i = 0;

	while (i < w->count && w->watch[i].source != o->account)
		i++;
	return i < w->count;
}

/*
 * Before the source's clock is known, no activation is, and a look would find nothing that counts. Where nothing is
 * watched any more, nothing else is asked that would tell it.
 */
static size_t can_look(const struct origin *o)
{
	int64_t now;

	return o->ops->now(o->source, &now) || !is_watched(o) ? o->ops->can_look(o->source) : 0;
}

static enum rc origin_step(struct origin *o, struct err *err)
{
	enum rc rc = bearer_step(o->bearer, err);
	if (rc != RC_OK || !bearer_there(o->bearer))
		return rc;
	/* Activations are known before the source looks for what happened since. */
	rc = promote(o, err);
	if (rc == RC_OK)
		rc = o->ops->step(o->source, err);
	for (size_t most; rc == RC_OK && (most = can_look(o)) > 0;)
		if (!start_look(o, most))
			break;
	return rc;
}

/* What issuances were made of, once they are done and old enough. */
static enum rc forget_done(struct engine *e, bool *more, struct err *err)
{
	char seed[33];
	bool left;

	snprintf(seed, sizeof(seed), "%016llx%016llx",
		 (unsigned long long)e->world->random(e->world->ctx),
		 (unsigned long long)e->world->random(e->world->ctx));
	enum rc rc = forget_old(e->db, slice_of(seed), wall_ms(e) - e->issued_keep_ms, &left, err);
	*more = *more || (rc == RC_OK && left);
	return rc;
}

/* A little at a time: what waits is not to wait for it. */
static enum rc trim(struct engine *e, struct err *err)
{
	bool more;
	enum rc rc = record_trim(e->db, e->keep, wall_ms(e), &more, err);

	if (rc == RC_OK && e->issued_keep_ms)
		rc = forget_done(e, &more, err);
	e->trim_ms = mono_ms(e) + (more ? TRIM_MORE_MS : TRIM_MS);
	if (rc == RC_OK && e->table)
		rc = quiet_tell(e->db, e->table, &e->watches, e->world->log, wall_ms(e), err);
	return rc;
}

enum rc engine_step(struct engine *e, struct err *err)
{
	int64_t now = mono_ms(e);
	enum rc rc = e->failed;

	if (rc != RC_OK)
		*err = e->why;
	if (rc == RC_OK && !e->stopping && now >= e->secrets_ms) {
		e->secrets_ms = now + SECRETS_MS;
		look_at_secrets(e);
	}
	if (rc == RC_OK && now >= e->housekeeping_ms) {
		bool more = false;
		rc = house_keep(e->db, e->outbox, wall_ms(e), &more, err);
		e->housekeeping_ms = now + (more ? TRIM_MORE_MS : HOUSEKEEPING_MS);
		e->untold = true;
	}
	if (rc == RC_OK && now >= e->trim_ms)
		rc = trim(e, err);
	if (rc == RC_OK && e->untold)
		rc = retired_tell(e, err);
	if (rc == RC_OK)
		rc = retired_step(e, err);
	if (rc == RC_OK && !e->stopping)
		rc = hearing_catch_up(&e->hearing, e->watches.tag, err);
	for (struct origin *o = e->origin; rc == RC_OK && o && !e->stopping; o = o->next)
		rc = origin_step(o, err);
	if (rc == RC_OK)
		rc = outbox_step(e->outbox, err);
	return rc == RC_OK ? db_settle(e->db, err) : rc;
}

/* Our clock's time of the next news that nobody is looking at. */
static int64_t next_look_ms(const struct origin *o)
{
	const struct engine *e = o->engine;
	struct arena memory;
	struct news *news;

	arena_init(&memory);
	bool any = free_news(o, 1, &memory, &news) > 0;
	arena_release(&memory);
	return any ? wall_ms(e) : inbox_next(e->db, o->name, wall_ms(e));
}

/* Monotonic time at which a look can begin, INT64_MAX where nothing waits for a time. */
static int64_t look_wake_ms(const struct origin *o)
{
	const struct engine *e = o->engine;
	int64_t wake = INT64_MAX, now;

	if (can_look(o)) {
		int64_t at = next_look_ms(o);
		wake = at == INT64_MAX ? wake : mono_ms(e) + (at - wall_ms(e));
	}
	int64_t due = inbox_next_due(e->db, o->name);
	if (due != INT64_MAX && o->ops->now(o->source, &now) && due > now)
		wake = clock_earlier(wake, mono_ms(e) + (due - now));
	return wake;
}

int64_t engine_wake_ms(struct engine *e)
{
	int64_t wake = clock_earlier(outbox_wake_ms(e->outbox),
				     clock_earlier(e->housekeeping_ms, e->trim_ms));

	if (!e->stopping && outbox_failures(e->outbox) == INT64_MAX)
		wake = clock_earlier(wake, e->secrets_ms);
	if (db_owes(e->db) || e->untold || (!e->stopping && e->hearing.rows))
		wake = mono_ms(e);
	for (const struct origin *o = e->origin; o && !e->stopping; o = o->next) {
		if (origin_is_stopped(o))
			wake = clock_earlier(wake, e->secrets_ms);
		else
			wake = clock_earlier(
				wake, clock_earlier(o->ops->wake_ms(o->source), look_wake_ms(o)));
		wake = clock_earlier(wake, bearer_wake_ms(o->bearer));
	}
	return wake;
}

enum rc engine_leave(struct engine *e, struct err *err)
{
	db_begin(e->db, "leave");
	outbox_note_life(e->outbox);
	return db_commit(e->db, err);
}

void engine_nudge(struct engine *e)
{
	e->secrets_ms = 0;
	e->untold = true;
}

void engine_stop(struct engine *e)
{
	e->stopping = true;
	outbox_stop(e->outbox);
}

bool engine_stopped(const struct engine *e)
{
	for (const struct origin *o = e->origin; o; o = o->next)
		if (bearer_busy(o->bearer))
			return false;
	return e->stopping && !retired_busy(e) && outbox_in_flight(e->outbox) == 0;
}

/* ---- report ------------------------------------------------------------ */

void engine_report(const struct engine *e, struct arena *memory, struct engine_report *out)
{
	report_begin(out, e->table, memory);
	out->watches = e->table ? &e->watches : NULL;
	out->stopping = e->stopping;
	out->failed = e->failed != RC_OK ? e->why.text : NULL;
	out->in_flight = outbox_in_flight(e->outbox);
	for (const struct origin *o = e->origin; o; o = o->next)
		report_source(out, o->name, o->ops, bearer_there(o->bearer) ? o->source : NULL);
	for (size_t i = 0; i < out->accounts; i++)
		report_action(&out->account[i], outbox_lane(e->outbox, out->account[i].name));
}

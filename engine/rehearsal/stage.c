#include "engine/rehearsal/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/grant.h"
#include "engine/ledger.h"
#include "engine/registry.h"

/* HubSpot's search knows a change this much later. */
#define INDEX_LAG_MS (10 * MS_SECOND)
/*
 * The rules are loaded this long before the clock's start: what happens at the very moment of an
 * activation is before it (behaviour.md P8), and a step at 0s is to count.
 */
#define LOADED_BEFORE_MS MS_MINUTE
/* Nothing that the engine waits for lasts longer without anything being written, but bursts. */
#define STILL_MS (6 * MS_HOUR)
#define LAST_MS (60 * MS_DAY)

/* ---- the services -------------------------------------------------------------- */

/* Groups and attributes that rules name exist: a test is of rules, not of a workspace. */
static void add_action_side(struct stage *s, const struct table *t)
{
	for (size_t i = 0; i < t->n_rule; i++) {
		const struct rule *rule = &t->rule[i];
		sandbox_group(s->sandbox, rule->group, rule->group);
		for (size_t k = 0; k < rule->n_field; k++)
			if (strncmp(rule->field[k].name, "custom.", 7) == 0)
				sandbox_attribute(s->sandbox, rule->field[k].name);
	}
}

static bool has_list(const struct ruletest *t, int64_t id, const char *name)
{
	for (size_t i = 0; i < t->lists; i++)
		if (name ? strcmp(t->list[i].name, name) == 0 : t->list[i].id == id)
			return true;
	return false;
}

/* What the lock knows of this kind under this key, in whatever account; NULL: nothing. */
static const struct lock_entry *find_locked(const struct stage *s, enum lock_kind kind,
					    const char *key)
{
	const struct lock *lock = s->options->lock;
	const struct lock_entry *found = NULL;

	for (size_t i = 0; lock && i < lock->n_account && !found; i++)
		if (lock_has_kind(lock->account[i].type, kind))
			found = lock_find(&lock->account[i], kind, slice_of(key));
	return found;
}

/* As one whose making fails because it is there already: it is there. */
static void need_list(struct stage *s, int64_t before_ms, int64_t id, const char *name)
{
	struct err ignored;
	char made[32], key[24];
	int64_t out;

	if (has_list(s->out->test, id, name))
		return;
	snprintf(made, sizeof(made), "List %lld", (long long)id);
	snprintf(key, sizeof(key), "%lld", (long long)id);
	const struct lock_entry *known = name ? NULL : find_locked(s, LOCK_LISTS, key);
	if (!name)
		name = known && known->name[0] ? known->name : made;
	(void)!sandbox_list(s->sandbox, before_ms, id, name, NULL, &out, &ignored);
}

static enum rc declare_lists(struct stage *s, int64_t before_ms)
{
	const struct ruletest *t = s->out->test;
	enum rc rc = RC_OK;
	int64_t id;

	for (size_t i = 0; rc == RC_OK && i < t->lists; i++) {
		const struct ruletest_list *l = &t->list[i];
		rc = sandbox_list(s->sandbox, before_ms, l->id, l->name, NULL, &id, &s->err);
		for (size_t k = 0; rc == RC_OK && k < l->members; k++)
			rc = sandbox_join(s->sandbox, before_ms, l->id, l->member[k], &s->err);
	}
	for (size_t i = 0; rc == RC_OK && i < t->steps; i++)
		if (t->step[i].list)
			need_list(s, before_ms, t->step[i].list, NULL);
	return rc;
}

/* Lists that rules name and the test does not are there, and empty. */
static void add_rule_lists(struct stage *s, const struct table *t, int64_t before_ms)
{
	for (size_t i = 0; i < t->n_rule; i++) {
		const struct rule *rule = &t->rule[i];
		if (rule->event != EVENT_LIST_ADDED)
			continue;
		if (rule->target_is_name)
			need_list(s, before_ms, 0, rule->target);
		else
			need_list(s, before_ms, strtoll(rule->target, NULL, 10), NULL);
	}
}

/* An option as the sandbox takes it; one with '=' in its value cannot be said. */
static const char *option_text(struct rehearsal *r, const struct lock_option *o)
{
	return strchr(o->value, '=') ? NULL : arena_printf(&r->memory, "%s=%s", o->value, o->label);
}

/* A property with its type and its options. One that the sandbox does not know so stays a text. */
static void declare_property(struct stage *s, const struct lock_entry *e)
{
	const char **option = arena_alloc(&s->out->memory, (e->n_option + 1) * sizeof(*option));
	struct err ignored;
	size_t n = 0;

	for (size_t i = 0; i < e->n_option; i++) {
		const char *text = option_text(s->out, &e->option[i]);
		if (!text)
			return;
		option[n++] = text;
	}
	if (!e->open)
		(void)!sandbox_property(s->sandbox, e->key, e->name, e->type, option, n, &ignored);
}

static void declare_properties(struct stage *s)
{
	const struct lock *lock = s->options->lock;

	for (size_t i = 0; lock && i < lock->n_account; i++) {
		const struct lock_section *p = &lock->account[i].section[LOCK_PROPERTIES];
		for (size_t k = 0; k < p->count; k++)
			declare_property(s, &p->entry[k]);
	}
}

static enum rc declare_contacts(struct stage *s, int64_t before_ms)
{
	const struct ruletest *t = s->out->test;
	enum rc rc = RC_OK;
	int64_t id;

	for (size_t i = 0; rc == RC_OK && i < t->contacts; i++) {
		const struct ruletest_contact *c = &t->contact[i];
		struct json *p = json_new_object();
		for (size_t k = 0; k < c->value.count; k++)
			json_set_slice(p, slice_of(c->value.list[k].name), c->value.list[k].value);
		rc = sandbox_create(s->sandbox, before_ms, c->id, p, &id, &s->err);
		if (rc != RC_OK)
			err_prefix(&s->err, "contact %lld", (long long)c->id);
		json_free(p);
	}
	return rc;
}

/* ---- the way to them ------------------------------------------------------------- */

static void add_routes(struct stage *s, const struct table *t, size_t *n)
{
	static const struct {
		const char *type, *path;
	} services[] = {
		{ "hubspot", "/hubspot" },
		{ "certifier", "/certifier/v1" },
	};

	for (size_t i = 0; i < t->n_account; i++) {
		for (size_t k = 0; k < sizeof(services) / sizeof(services[0]); k++) {
			if (strcmp(t->account[i].type, services[k].type) != 0)
				continue;
			s->route[(*n)++] = (struct sim_route){
				account_text(&t->account[i], "base-url"), services[k].path
			};
		}
	}
}

/* Whatever address an account has, it leads to the built-in services. */
static void lay_routes(struct stage *s)
{
	const struct ruletest *t = s->out->test;
	size_t most = s->table->n_account, n = 0;

	for (size_t i = 0; i < t->steps; i++)
		most += t->step[i].table ? t->step[i].table->n_account : 0;
	s->route = mem_alloc((most + 1) * sizeof(*s->route));
	add_routes(s, s->table, &n);
	for (size_t i = 0; i < t->steps; i++)
		if (t->step[i].table)
			add_routes(s, t->step[i].table, &n);
	s->sim.route = s->route;
}

#define CONNECTED_MS (100 * 366 * MS_DAY) /* longer than any test lives */

/* Accounts over OAuth are connected, with a token that holds: a test needs no secret. */
static enum rc connect_accounts(struct stage *s, const struct table *t)
{
	enum rc rc = RC_OK;

	for (uint32_t i = 0; rc == RC_OK && i < t->n_account; i++) {
		const struct oauth_ops *ops = registry_oauth(t->account[i].type);
		const char *client = ops ? account_text(&t->account[i], ops->client_id) : NULL;
		struct grant g;
		if (!client)
			continue;
		grant_init(&g);
		str_add_text(&g.client_id, client);
		str_add_text(&g.access, "rehearsed");
		g.expires_ms = s->up_ms + CONNECTED_MS;
		rc = grant_connect(s->sim.world.db, t->account[i].name, &g, &s->err);
		grant_wipe(&g);
	}
	return rc;
}

static void dress(struct stage *s, const struct table *t)
{
	add_action_side(s, t);
	add_rule_lists(s, t, s->out->test->start_ms - MS_DAY);
}

enum rc stage_open(struct stage *s, struct rehearsal *out, const struct rehearsal_options *options)
{
	const struct ruletest *t = out->test;
	struct sandbox_options o;

	*s = (struct stage){ .out = out, .options = options };
	s->table = table_ref(options->table);
	sandbox_defaults(&o);
	o.index_lag_ms = INDEX_LAG_MS;
	o.rate_limits = false;
	s->sandbox = sandbox_new(&o);
	s->up_ms = t->start_ms - LOADED_BEFORE_MS;
	sim_init(&s->sim, s->sandbox, s->up_ms, 1, NULL);
	lay_routes(s);
	enum rc rc = db_open(":memory:", DB_OWN, &s->sim.world.db, &s->err);
	if (rc == RC_OK && options->moments)
		stage_watch(s);
	declare_properties(s);
	if (rc == RC_OK)
		rc = declare_contacts(s, t->start_ms - MS_DAY);
	if (rc == RC_OK)
		rc = declare_lists(s, t->start_ms - MS_DAY);
	if (rc == RC_OK)
		rc = connect_accounts(s, s->table);
	dress(s, s->table);
	for (size_t i = 0; i < t->steps; i++) {
		if (!t->step[i].table)
			continue;
		if (rc == RC_OK)
			rc = connect_accounts(s, t->step[i].table);
		dress(s, t->step[i].table);
	}
	return rc;
}

void stage_close(struct stage *s)
{
	engine_free(s->engine);
	sim_abandon(&s->sim);
	db_close(s->sim.world.db);
	sandbox_free(s->sandbox);
	table_unref(s->table);
	mem_free(s->route);
}

/* ---- time -------------------------------------------------------------------------- */

static enum rc start_engine(struct stage *s)
{
	s->engine = engine_new(&s->sim.world);
	return engine_load(s->engine, s->table, &s->err);
}

/* Two polls of the slowest account, and what HubSpot's search needs to know of a change. */
static int64_t patience_ms(const struct stage *s)
{
	int64_t most = MS_MINUTE;

	for (size_t i = 0; i < s->table->n_account; i++)
		if (account_ms(&s->table->account[i], "poll") > most)
			most = account_ms(&s->table->account[i], "poll");
	return 2 * most + INDEX_LAG_MS + 5 * MS_SECOND;
}

static bool faults_come(const struct stage *s)
{
	const struct ruletest *t = s->out->test;

	for (size_t i = 0; i < t->steps; i++)
		if (t->step[i].what == DO_FAIL_SOURCE &&
		    sandbox_faults_left(s->sandbox, t->step[i].fail))
			return true;
	return false;
}

/* Bursts and joins that settle are waited for as long as they take. */
static bool settles(const struct stage *s)
{
	return db_exists(s->sim.world.db, "SELECT 1 FROM pending", "");
}

static bool is_busy(const struct stage *s)
{
	struct db *db = s->sim.world.db;
	enum once once = engine_once(s->engine);

	return settles(s) || db_exists(db, "SELECT 1 FROM news", "") || ledger_work_count(db) ||
	       faults_come(s) || once == ONCE_WORKING || once == ONCE_NO_SOURCE;
}

/* When something falls due of what is waited for now; the state's own clock is the sandbox's. */
static int64_t next_recall_ms(const struct stage *s)
{
	return db_integer(s->sim.world.db, INT64_MAX, "SELECT min(due_ms) FROM recall", "");
}

/*
 * Days in which nothing happens are passed over: when we look does not change what is issued
 * (behaviour.md), and thousands of polls that bring nothing take their time. What is under way
 * comes to its end first.
 */
static enum rc pass_quiet_time(struct stage *s, int64_t until_ms)
{
	int64_t step_ms = patience_ms(s);
	enum rc rc = RC_OK;

	while (rc == RC_OK && until_ms - s->sim.now_ms > 3 * step_ms) {
		rc = sim_run(&s->sim, s->engine, s->sim.now_ms + step_ms, &s->err);
		while (rc == RC_OK && s->sim.call)
			rc = sim_run(&s->sim, s->engine, s->sim.now_ms + MS_SECOND, &s->err);
		if (rc != RC_OK || is_busy(s))
			continue;
		int64_t to_ms = next_recall_ms(s);
		to_ms = (to_ms < until_ms ? to_ms : until_ms) - step_ms;
		if (to_ms > s->sim.now_ms)
			s->sim.now_ms = to_ms;
	}
	return rc;
}

enum rc stage_live_until(struct stage *s, int64_t until_ms)
{
	enum rc rc = RC_OK;

	if (!s->engine) {
		int64_t at_ms = s->up_ms < until_ms ? s->up_ms : until_ms;
		if (s->sim.now_ms < at_ms)
			s->sim.now_ms = at_ms;
		if (s->sim.now_ms < s->up_ms)
			return RC_OK;
		rc = start_engine(s);
	}
	if (rc == RC_OK)
		rc = pass_quiet_time(s, until_ms);
	if (rc == RC_OK && s->sim.now_ms < until_ms)
		rc = sim_run(&s->sim, s->engine, until_ms, &s->err);
	return rc;
}

/* Grows with everything that comes of what is waited for. */
static int64_t progress(const struct stage *s)
{
	return db_integer(s->sim.world.db, 0,
			  "SELECT (SELECT count(*) FROM trail) + (SELECT count(*) FROM decision)"
			  " + (SELECT count(*) FROM decided)",
			  "");
}

enum rc stage_live_out(struct stage *s)
{
	int64_t step_ms = patience_ms(s);
	int64_t from_ms = s->sim.now_ms > s->up_ms ? s->sim.now_ms : s->up_ms;
	int64_t moved_ms = from_ms, before = -1;
	enum rc rc = stage_live_until(s, from_ms + step_ms);

	while (rc == RC_OK && is_busy(s) && s->sim.now_ms - from_ms < LAST_MS) {
		int64_t now = progress(s);
		if (now != before || settles(s))
			moved_ms = s->sim.now_ms;
		before = now;
		if (s->sim.now_ms - moved_ms > STILL_MS)
			break;
		rc = stage_live_until(s, s->sim.now_ms + step_ms / 2);
	}
	return rc;
}

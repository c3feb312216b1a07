#include "engine/quiet.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "engine/ledger.h"
#include "engine/looked.h"
#include "engine/trace.h"

#define TELL_MS MS_DAY
#define COMMON 3 /* contacts that share a value: fewer could tell of a person */

/* A value that was seen, and with whom. */
struct seen {
	int64_t times;
	const char *contact[COMMON]; /* the first ones */
	size_t contacts;
};

/* One test that stood in the way, while events are counted. */
struct obstacle {
	struct trace_line line; /* of the first event */
	int64_t failed;
	struct map values; /* value to struct seen */
	struct obstacle *next;
};

struct counting {
	struct quiet *quiet;
	size_t misses; /* of the nearest events */
	struct obstacle *obstacle;
};

struct finding {
	struct db *db;
	const struct table *table;
	const struct looked *looked;
	struct counting *counting;
	size_t count;
	size_t traces;
	struct arena memory;
};

static void forget_obstacles(struct counting *c)
{
	for (struct obstacle *o = c->obstacle; o; o = o->next)
		map_release(&o->values);
	c->obstacle = NULL;
}

static struct obstacle *obstacle_of(struct finding *f, struct counting *c,
				    const struct trace_line *l)
{
	struct obstacle *o = c->obstacle;

	while (o &&
	       (o->line.line != l->line || o->line.column != l->column || o->line.kind != l->kind))
		o = o->next;
	if (o)
		return o;
	o = arena_alloc(&f->memory, sizeof(*o));
	o->line = *l;
	map_init(&o->values);
	o->next = c->obstacle;
	c->obstacle = o;
	return o;
}

static void count_contact(struct finding *f, struct seen *seen, const char *contact)
{
	seen->times++;
	for (size_t i = 0; i < seen->contacts; i++)
		if (strcmp(seen->contact[i], contact) == 0)
			return;
	if (seen->contacts < COMMON)
		seen->contact[seen->contacts++] = arena_text(&f->memory, slice_of(contact));
}

static void count_value(struct finding *f, struct obstacle *o, const struct trace_line *l,
			const char *contact)
{
	struct seen *seen = l->value_known ? map_get(&o->values, l->value) : NULL;

	o->failed++;
	if (!l->value_known)
		return;
	if (!seen) {
		seen = arena_alloc(&f->memory, sizeof(*seen));
		map_put(&o->values, l->value, seen);
	}
	count_contact(f, seen, contact);
}

/* What stood in the way of the nearest events only: a farther one tells nothing. */
static void count_trace(struct finding *f, struct counting *c, const struct trace *t,
			const char *contact)
{
	if (t->misses > c->misses || t->misses == 0)
		return;
	if (t->misses < c->misses)
		forget_obstacles(c);
	c->misses = t->misses;
	for (size_t i = 0; i < t->count; i++)
		if (t->line[i].differs)
			count_value(f, obstacle_of(f, c, &t->line[i]), &t->line[i], contact);
}

/* One that was made before its activation, by whichever clock, may be of another trigger. */
static bool is_of(const struct counting *c, const struct recorded *e, const int64_t *watch)
{
	const struct rule *rule = c->quiet->rule;

	return watch[rule->id] == e->watch && e->made_ms >= c->quiet->since_ms && !e->gone &&
	       e->event.kind == rule->event &&
	       (rule->event == EVENT_LIST_ADDED || strcmp(e->target, rule->target) == 0);
}

static void count_event(struct finding *f, const struct recorded *e)
{
	const int64_t *watch = looked_watches(f->looked, e->ruleset);
	struct recorded_facts seen = { f->table, e };
	struct facts facts = recorded_facts(&seen);

	for (size_t i = 0; i < f->count; i++) {
		struct counting *c = &f->counting[i];
		struct arena memory;
		struct trace trace;
		if (!is_of(c, e, watch))
			continue;
		c->quiet->seen++;
		if (f->traces++ >= QUIET_TRACES)
			continue;
		arena_init(&memory);
		trace_rule(f->table, c->quiet->rule, &e->event, &facts, &memory, &trace);
		count_trace(f, c, &trace, e->contact);
		arena_release(&memory);
	}
}

static void count_events(struct finding *f, int64_t since_ms)
{
	struct query *q = record_since(f->db, since_ms, QUIET_EVENTS);
	struct recorded e;
	struct arena memory;

	arena_init(&memory);
	while (record_next(f->db, q, &memory, &e)) {
		count_event(f, &e);
		recorded_release(&e);
		arena_release(&memory);
		arena_init(&memory);
	}
	arena_release(&memory);
}

/* ---- the rules ------------------------------------------------------------- */

/* What a person's backfill made says nothing of whether the rule fires by itself. */
static bool matched_since(struct db *db, const char *rule, int64_t since_ms)
{
	return db_exists(db,
			 "SELECT 1 FROM issuance i WHERE rule = ?1 AND created_ms >= ?2"
			 " AND NOT EXISTS (SELECT 1 FROM trail t WHERE t.issuance = i.id"
			 " AND t.who IS NOT NULL AND t.note LIKE '" LEDGER_BACKFILL "%')",
			 "ti", rule, since_ms);
}

/* Live rules without a match, and since when. */
static void find_rules(struct finding *f, const int64_t *watch, int64_t now_ms, struct quiets *out)
{
	for (size_t i = 0; i < f->table->n_rule; i++) {
		const struct rule *rule = &f->table->rule[i];
		if (rule->mode != MODE_LIVE || !watch[i])
			continue;
		int64_t loaded_ms = db_integer(
			f->db, now_ms, "SELECT loaded_ms FROM watch WHERE id = ?1", "i", watch[i]);
		int64_t since_ms = now_ms - QUIET_MS > loaded_ms ? now_ms - QUIET_MS : loaded_ms;
		if (matched_since(f->db, rule->name, since_ms))
			continue;
		out->quiet[f->count] = (struct quiet){ .rule = rule, .since_ms = since_ms };
		f->counting[f->count] = (struct counting){ .quiet = &out->quiet[f->count],
							   .misses = SIZE_MAX };
		f->count++;
	}
	out->count = f->count;
}

static void find_closest(const struct counting *c, struct arena *memory)
{
	const struct obstacle *most = NULL;
	struct quiet *q = c->quiet;

	for (const struct obstacle *o = c->obstacle; o; o = o->next)
		if (!most || o->failed > most->failed)
			most = o;
	if (!most)
		return;
	struct str words;
	str_init(&words, LIMIT_VALUE_BYTES);
	trace_add_words(&words, q->rule, &most->line);
	q->test = arena_text(memory, str_slice(&words));
	str_release(&words);
	q->file = most->line.file;
	q->line = most->line.line;
	q->column = most->line.column;
	q->failed = most->failed;
	for (size_t i = 0; i < most->values.count; i++) {
		const struct map_entry *e = &most->values.entry[i];
		const struct seen *seen = e->value;
		if (seen->contacts < COMMON || seen->times <= q->times)
			continue;
		q->times = seen->times;
		q->value = arena_text(memory, e->key);
	}
}

void quiet_find(struct db *db, const struct table *table, const int64_t *watch, int64_t now_ms,
		struct quiets *out)
{
	struct looked looked;
	struct finding f = { .db = db, .table = table, .looked = &looked };

	*out = (struct quiets){ 0 };
	arena_init(&out->memory);
	arena_init(&f.memory);
	out->quiet = arena_alloc(&out->memory, (table->n_rule + 1) * sizeof(*out->quiet));
	f.counting = arena_alloc(&f.memory, (table->n_rule + 1) * sizeof(*f.counting));
	find_rules(&f, watch, now_ms, out);
	if (f.count) {
		looked_read(&looked, db, table, watch);
		count_events(&f, now_ms - QUIET_MS);
		looked_release(&looked);
	}
	for (size_t i = 0; i < f.count; i++) {
		find_closest(&f.counting[i], &out->memory);
		forget_obstacles(&f.counting[i]);
	}
	arena_release(&f.memory);
}

void quiets_release(struct quiets *q)
{
	arena_release(&q->memory);
	*q = (struct quiets){ 0 };
}

/* ---- once a day -------------------------------------------------------------- */

/* Words and counts only: no value that was seen. */
static void tell_one(const struct quiet *q, const struct log *log)
{
	char since[CLOCK_TEXT], seen[24], failed[24], at[512];

	snprintf(seen, sizeof(seen), "%lld", (long long)q->seen);
	snprintf(failed, sizeof(failed), "%lld", (long long)q->failed);
	snprintf(at, sizeof(at), "%s:%u", q->file ? q->file : "", q->line);
	log_line(log, LOG_WARN, "a live rule matched nothing", "rule", q->rule->name, "since",
		 clock_format(q->since_ms, since), "events", seen, "closest", q->test, "place",
		 q->test ? at : NULL, "failed", q->test ? failed : NULL, NULL);
}

static bool is_due(struct db *db, int64_t now_ms)
{
	int64_t said_ms = db_integer(
		db, INT64_MIN,
		"SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'quiet_said_ms'", "");

	return said_ms == INT64_MIN || now_ms < said_ms || now_ms - said_ms >= TELL_MS;
}

enum rc quiet_tell(struct db *db, const struct table *table, const struct watches *watches,
		   const struct log *log, int64_t now_ms, struct err *err)
{
	struct quiets quiets;

	if (!is_due(db, now_ms))
		return db_failed(db, err);
	int64_t *watch = mem_alloc((table->n_rule + 1) * sizeof(*watch));
	for (size_t i = 0; i < table->n_rule; i++)
		watch[i] = watches->of_rule[i] ? watches->of_rule[i]->id : 0;
	quiet_find(db, table, watch, now_ms, &quiets);
	mem_free(watch);
	db_begin(db, "quiet");
	db_run(db,
	       "INSERT INTO meta (key, value) VALUES ('quiet_said_ms', CAST(?1 AS TEXT))"
	       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	       "i", now_ms);
	enum rc rc = db_commit(db, err);
	for (size_t i = 0; rc == RC_OK && i < quiets.count; i++) {
		const struct quiet *q = &quiets.quiet[i];
		int64_t active_ms = now_ms - q->since_ms;
		if (active_ms >= QUIET_MS || (active_ms >= MS_DAY && q->seen))
			tell_one(q, log);
	}
	quiets_release(&quiets);
	return rc;
}

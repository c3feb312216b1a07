#include "engine/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/map.h"
#include "engine/inbox.h"

/* So many activations are named in the log, the others counted. */
#define NAMED_MOST 20

/* A watch that this run made, and when it was activated by the monotonic clock. */
struct birth {
	int64_t watch, mono_ms;
};

/* A rule and its watch. */
struct pair {
	int64_t watch;
	size_t rule;
};

/* One run of watches_sync. */
struct sync {
	struct db *db;
	const struct table *table;
	const struct watches *before; /* as the store has it; NULL: it must be asked */
	const struct log *log;
	int64_t *watch;	   /* by rule id; 0: it is off */
	struct pair *pair; /* the active rules, in order of their watches */
	size_t pairs;
	size_t activated, deactivated;
	int64_t now_ms, mono_ms;
	struct map made;     /* key of a new or inherited watch -> its id, boxed in memory */
	struct birth *birth; /* of those, in order of id; heap */
	size_t births, births_cap;
	struct arena memory;
};

/* What the store knows of a rule. */
struct known {
	bool exists, active;
	int64_t watch;
	int64_t settle_ms;
	bool same_trigger;
};

static const char *account_name(const struct sync *s, const struct rule *rule)
{
	return s->table->account[rule->source].name;
}

const char *watch_trigger_key(const struct table *table, const struct rule *rule,
			      struct arena *memory)
{
	return arena_printf(memory, "%s %s %s%s", event_kind_names[rule->event],
			    table->account[rule->source].name, rule->target_is_name ? "name:" : "",
			    rule->target);
}

static struct known find_known(struct sync *s, const struct rule *rule, const char *key)
{
	struct known k = { 0 };
	struct query *q = db_select(s->db,
				    "SELECT r.watch, r.trigger_key, w.settle_ms FROM rule r"
				    " LEFT JOIN watch w ON w.id = r.watch WHERE r.name = ?1",
				    "t", rule->name);

	if (query_next(q)) {
		k.exists = true;
		k.active = !query_null(q, 0);
		k.watch = query_integer(q, 0);
		k.same_trigger = slice_is(query_slice(q, 1), key);
		k.settle_ms = query_integer(q, 2);
		query_end(q);
	}
	return k;
}

static int64_t remember(struct sync *s, const char *key, int64_t id, int64_t mono_ms)
{
	int64_t *box = arena_alloc(&s->memory, sizeof(*box));

	*box = id;
	map_put(&s->made, slice_of(key), box);
	s->birth = mem_grow(s->birth, &s->births_cap, s->births + 1, sizeof(*s->birth));
	s->birth[s->births++] = (struct birth){ id, mono_ms };
	return id;
}

static int is_of_id(const void *id, const void *watch)
{
	int64_t a = *(const int64_t *)id, b = ((const struct watch *)watch)->id;

	return (a > b) - (a < b);
}

const struct watch *watches_find(const struct watches *w, int64_t id)
{
	return w->count ? bsearch(&id, w->watch, w->count, sizeof(*w->watch), is_of_id) : NULL;
}

/* When a watch of before was activated by the monotonic clock, as struct watch says. */
static int64_t mono_before(const struct sync *s, int64_t id)
{
	const struct watch *w = s->before ? watches_find(s->before, id) : NULL;

	return w ? w->mono_ms : MONO_UNKNOWN;
}

/* An account that was never walked has the cursor 0: by our clock nobody knows whether `since:` is still to come. */
static void reach_back(struct sync *s, const char *account, int64_t since_ms)
{
	db_run(s->db,
	       "INSERT INTO source (account, cursor_ms, reach_ms) VALUES (?1, 0, ?2)"
	       " ON CONFLICT (account) DO UPDATE SET reach_ms = min(coalesce(reach_ms, ?2), ?2)",
	       "ti", account, since_ms);
}

/* What rules of one load are alike in that share a watch, beside the trigger: settle, and whose labels they want. */
static const char *likeness(struct sync *s, const struct rule *rule)
{
	const uint32_t *label;
	size_t labels = rule_labels(rule, &s->memory, &label);
	const char *text = arena_printf(&s->memory, "settle %lld", (long long)rule->settle_ms);

	for (size_t i = 0; i < labels; i++)
		text = arena_printf(&s->memory, "%s label %lu", text, (unsigned long)label[i]);
	return text;
}

/* A watch that begins now, or at `since:`; one for all rules of this load that are alike. */
static int64_t new_watch(struct sync *s, const struct rule *rule, const char *key, bool first)
{
	bool since = first && rule->policy->since_ms != SINCE_NOW;
	const char *name = arena_printf(&s->memory, "%s %s since %lld", key, likeness(s, rule),
					since ? (long long)rule->policy->since_ms : -1);
	const int64_t *box = map_get(&s->made, slice_of(name));

	if (box)
		return *box;
	db_run(s->db,
	       "INSERT INTO watch (account, event, target, settle_ms, loaded_ms, building)"
	       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	       "tttiii", account_name(s, rule), event_kind_names[rule->event], rule->target,
	       rule->settle_ms, s->now_ms, (int64_t)(rule->event == EVENT_LIST_ADDED ? 2 : 0));
	int64_t id = db_last_id(s->db);
	if (since) {
		db_run(s->db, "UPDATE watch SET start_ms = ?2 WHERE id = ?1", "ii", id,
		       rule->policy->since_ms - 1);
		if (rule->event == EVENT_PROPERTY_CHANGED)
			reach_back(s, account_name(s, rule), rule->policy->since_ms);
	}
	return remember(s, name, id, s->mono_ms);
}

/* Its settle or its labels were edited: the same activation and the same decisions, another watch from now on. */
static int64_t inherit_watch(struct sync *s, const struct rule *rule, int64_t old)
{
	const char *name = arena_printf(&s->memory, "heir of %lld %s", (long long)old,
					likeness(s, rule));
	const int64_t *box = map_get(&s->made, slice_of(name));
	char came[CAME_TEXT];

	if (box)
		return *box;
	db_run(s->db,
	       "INSERT INTO watch (account, event, target, settle_ms, loaded_ms, start_ms, building)"
	       " SELECT account, event, target, ?2, loaded_ms, start_ms, building FROM watch WHERE id = ?1",
	       "ii", old, rule->settle_ms);
	int64_t id = db_last_id(s->db);
	db_run(s->db,
	       "INSERT INTO decided (watch, contact, at_ms, value)"
	       " SELECT ?2, contact, at_ms, value FROM decided WHERE watch = ?1",
	       "ii", old, id);
	/*
	 * All that waits is carried over, and those contacts are looked at. A look cuts bursts anew from the history; one
	 * that finds its contact merged or deleted has them as they were known.
	 */
	db_run(s->db,
	       "INSERT INTO pending (watch, account, contact, at_ms, due_ms, from_value, to_value, frozen, came, scan, first_ms)"
	       " SELECT ?2, account, contact, at_ms, at_ms + ?3, from_value, to_value, frozen, came, scan,"
	       " CASE scan WHEN 0 THEN 0 ELSE first_ms END FROM pending"
	       " WHERE watch = ?1",
	       "iii", old, id, rule->settle_ms);
	db_run(s->db,
	       "INSERT INTO news (account, contact, modified_ms, came)"
	       " SELECT DISTINCT account, contact, 0, ?2 FROM pending WHERE watch = ?1"
	       " ON CONFLICT (account, contact) DO UPDATE SET seq = seq + 1",
	       "it", old, came_text(CAME_RULES, s->now_ms, came));
	return remember(s, name, id, mono_before(s, old));
}

/* Answers the rule's watch. */
static int64_t activate_rule(struct sync *s, const struct rule *rule)
{
	const char *key = watch_trigger_key(s->table, rule, &s->memory);
	struct known k = find_known(s, rule, key);
	int64_t watch = k.watch;

	if (k.active && k.same_trigger && k.settle_ms == rule->settle_ms)
		return watch;
	if (k.active && k.same_trigger) {
		watch = inherit_watch(s, rule, k.watch);
	} else {
		watch = new_watch(s, rule, key, !k.exists);
		if (k.exists)
			inbox_add_waiting_of(s->db, rule->name, s->now_ms);
		if (++s->activated <= NAMED_MOST)
			log_line(s->log, LOG_INFO, "rule activated", "rule", rule->name, "mode",
				 rule_mode_names[rule->mode], NULL);
	}
	db_run(s->db,
	       "INSERT INTO rule (name, watch, trigger_key) VALUES (?1, ?2, ?3)"
	       " ON CONFLICT (name) DO UPDATE SET watch = excluded.watch, trigger_key = excluded.trigger_key",
	       "tit", rule->name, watch, key);
	return watch;
}

/* The watch that a rule had and keeps; NULL: there is something to do about it, or nobody knows. */
static const struct watch *kept_watch(const struct sync *s, const struct rule *rule,
				      const struct rule *was)
{
	const struct watch *w = was ? s->before->of_rule[was->id] : NULL;

	return w && was->event == rule->event && was->settle_ms == rule->settle_ms &&
			       was->target_is_name == rule->target_is_name &&
			       strcmp(was->target, rule->target) == 0 &&
			       strcmp(s->before->table->account[was->source].name,
				      account_name(s, rule)) == 0
		       ? w
		       : NULL;
}

static void deactivate_rule(struct sync *s, const char *name)
{
	db_run(s->db, "UPDATE rule SET watch = NULL WHERE name = ?1", "t", name);
	if (++s->deactivated <= NAMED_MOST)
		log_line(s->log, LOG_INFO, "rule deactivated", "rule", name, NULL);
}

/* By the table of before, in the order of names, as both are. Whether there was anything to do. */
static bool sync_with_before(struct sync *s)
{
	const struct table *before = s->before->table, *now = s->table;
	bool any = false;

	for (size_t i = 0, k = 0; i < now->n_rule || k < before->n_rule;) {
		const struct rule *rule = i < now->n_rule ? &now->rule[i] : NULL;
		const struct rule *was = k < before->n_rule ? &before->rule[k] : NULL;
		int order = !was ? -1 : !rule ? 1 : strcmp(rule->name, was->name);
		rule = order <= 0 ? rule : NULL;
		was = order >= 0 ? was : NULL;
		i += rule != NULL;
		k += was != NULL;
		bool on = rule && rule->mode != MODE_OFF;
		const struct watch *kept = on ? kept_watch(s, rule, was) : NULL;
		if (on)
			s->watch[rule->id] = kept ? kept->id : activate_rule(s, rule);
		else if (was && s->before->of_rule[was->id])
			deactivate_rule(s, was->name);
		else
			continue;
		any |= !kept;
	}
	return any;
}

/* By what the store says of every rule. */
static void sync_with_store(struct sync *s)
{
	struct names_of_rules {
		char *name;
		struct names_of_rules *next;
	} *gone = NULL;

	for (size_t i = 0; i < s->table->n_rule; i++)
		if (s->table->rule[i].mode != MODE_OFF)
			s->watch[i] = activate_rule(s, &s->table->rule[i]);
	struct query *q = db_select(
		s->db, "SELECT name FROM rule WHERE watch IS NOT NULL ORDER BY name DESC", "");
	while (query_next(q)) {
		char *name = arena_text(&s->memory, query_slice(q, 0));
		const struct rule *rule = table_rule(s->table, name);
		if (rule && rule->mode != MODE_OFF)
			continue;
		struct names_of_rules *g = arena_alloc(&s->memory, sizeof(*g));
		*g = (struct names_of_rules){ name, gone };
		gone = g;
	}
	for (; gone; gone = gone->next)
		deactivate_rule(s, gone->name);
}

static void say_the_rest(const struct sync *s, const char *fact, size_t n)
{
	char count[24];

	snprintf(count, sizeof(count), "%zu", n - NAMED_MOST);
	if (n > NAMED_MOST)
		log_line(s->log, LOG_INFO, fact, "count", count, NULL);
}

static int by_watch(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->watch != y->watch)
		return x->watch < y->watch ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

static void pair_rules(struct sync *s)
{
	s->pairs = 0;
	for (size_t i = 0; i < s->table->n_rule; i++)
		if (s->watch[i])
			s->pair[s->pairs++] = (struct pair){ s->watch[i], i };
	qsort(s->pair, s->pairs, sizeof(*s->pair), by_watch);
}

static bool any_wants_labels(const struct sync *s, size_t from, size_t to)
{
	while (from < to && !s->table->rule[s->pair[from].rule].labels)
		from++;
	return from < to;
}

/* All of one watch: those that want other labels than the one that wants fewest go to an heir of it. */
static void split_watch(struct sync *s, size_t from, size_t to)
{
	const char **like = arena_alloc(&s->memory, (to - from) * sizeof(*like));
	const char *kept = NULL;

	for (size_t i = from; i < to; i++) {
		const char *its = likeness(s, &s->table->rule[s->pair[i].rule]);
		like[i - from] = its;
		if (!kept || strcmp(its, kept) < 0)
			kept = its;
	}
	for (size_t i = from; i < to; i++) {
		const struct rule *rule = &s->table->rule[s->pair[i].rule];
		if (strcmp(like[i - from], kept) == 0)
			continue;
		s->watch[rule->id] = inherit_watch(s, rule, s->pair[i].watch);
		db_run(s->db, "UPDATE rule SET watch = ?2 WHERE name = ?1", "ti", rule->name,
		       s->watch[rule->id]);
	}
}

/* Of rules that shared a watch one was edited, and wants other labels now; or an older version put them together. */
static void split_watches(struct sync *s)
{
	size_t births = s->births;

	pair_rules(s);
	for (size_t from = 0, to = 0; from < s->pairs; from = to) {
		while (to < s->pairs && s->pair[to].watch == s->pair[from].watch)
			to++;
		if (any_wants_labels(s, from, to))
			split_watch(s, from, to);
	}
	if (s->births > births)
		pair_rules(s);
}

/* Rules that are new, edited, off or absent, and watches that nobody is left to use. */
static void sync_rules(struct sync *s)
{
	bool any = true;

	if (s->before)
		any = sync_with_before(s);
	else
		sync_with_store(s);
	split_watches(s);
	if (any)
		db_run(s->db,
		       "DELETE FROM watch WHERE id NOT IN (SELECT watch FROM rule WHERE watch IS NOT NULL)",
		       "");
	say_the_rest(s, "more rules activated", s->activated);
	say_the_rest(s, "more rules deactivated", s->deactivated);
}

static uint32_t property_index(const struct table *t, uint32_t source, const char *name)
{
	for (size_t i = 0; i < t->n_property; i++) /* defensive: the table has every trigger's */
		if (t->property[i].source == source && strcmp(t->property[i].name, name) == 0)
			return (uint32_t)i;
	return UINT32_MAX;
}

static void load_watch(struct query *q, const struct table *t, const struct rule *rule,
		       struct watch *w)
{
	*w = (struct watch){
		.id = query_integer(q, 0),
		.source = rule->source,
		.event = rule->event,
		.target = rule->target,
		.target_is_name = rule->target_is_name,
		.property = UINT32_MAX,
		.settle_ms = rule->settle_ms,
		.loaded_ms = query_integer(q, 1),
		.start_ms = query_null(q, 2) ? INT64_MAX : query_integer(q, 2),
		.building = (int)query_integer(q, 3),
	};
	if (rule->event == EVENT_PROPERTY_CHANGED)
		w->property = property_index(t, rule->source, rule->target);
}

/* When it was activated by the monotonic clock; *at goes with the ids through what was made now. */
static int64_t mono_of(const struct sync *s, int64_t id, size_t *at)
{
	while (*at < s->births && s->birth[*at].watch < id)
		++*at;
	return *at < s->births && s->birth[*at].watch == id ? s->birth[*at].mono_ms
							    : mono_before(s, id);
}

/* Watches in order of id, and which of them each rule has. */
static void load_watches(struct sync *s, struct watches *out)
{
	const struct pair *pair = s->pair;
	size_t rules = s->table->n_rule, pairs = s->pairs, at = 0, birth = 0;
	struct query *q = db_select(
		s->db, "SELECT id, loaded_ms, start_ms, building FROM watch ORDER BY id", "");
	while (query_next(q)) {
		int64_t id = query_integer(q, 0);
		while (at < pairs && pair[at].watch < id) /* defensive: each rule's is there */
			at++;
		if (at == pairs || pair[at].watch != id) /* defensive: each is some rule's */
			continue;
		out->watch = mem_grow(out->watch, &out->cap, out->count + 1, sizeof(*out->watch));
		struct watch *w = &out->watch[out->count++];
		load_watch(q, s->table, &s->table->rule[pair[at].rule], w);
		w->mono_ms = mono_of(s, id, &birth);
		while (at < pairs && pair[at].watch == id)
			at++;
	}
	out->of_rule = arena_alloc(&out->memory, (rules + 1) * sizeof(struct watch *));
	for (size_t i = 0, w = 0; i < pairs; i++) {
		while (w < out->count && out->watch[w].id < pair[i].watch)
			w++;
		if (w < out->count)
			out->of_rule[pair[i].rule] = &out->watch[w];
	}
}

static void make_tag(struct watches *w)
{
	uint64_t hash = 0;

	/* The id of a watch that is gone comes again: its activation is what never does. */
	for (size_t i = 0; i < w->count; i++) {
		int64_t is[] = { w->watch[i].id, w->watch[i].loaded_ms };
		if (w->watch[i].event == EVENT_PROPERTY_CHANGED)
			hash = hash_bytes(hash, is, sizeof(is));
	}
	/* Each contact that was read has one: 48 bits tell two apart, and take 8 bytes. */
	struct str text;
	str_init(&text, sizeof(w->tag));
	base64_add(&text, (const unsigned char *)&hash, 6);
	snprintf(w->tag, sizeof(w->tag), "%s", str_text(&text));
	str_release(&text);
}

enum rc watches_sync(struct db *db, const struct table *table, const struct watches *before,
		     const struct our_clock *clock, const struct log *log, struct watches *out,
		     struct err *err)
{
	struct sync s = { .db = db,
			  .table = table,
			  .before = before,
			  .log = log,
			  .now_ms = clock->wall_ms,
			  .mono_ms = clock->mono_ms };

	*out = (struct watches){ .table = table, .matcher = matcher_new(table) };
	map_init(&s.made);
	arena_init(&s.memory);
	arena_init(&out->memory);
	db_begin(db, "activate");
	s.watch = arena_alloc(&s.memory, (table->n_rule + 1) * sizeof(*s.watch));
	s.pair = arena_alloc(&s.memory, (table->n_rule + 1) * sizeof(*s.pair));
	sync_rules(&s);
	load_watches(&s, out);
	make_tag(out);
	enum rc rc = db_commit(db, err);
	if (rc != RC_OK)
		watches_release(out);
	arena_release(&s.memory);
	map_release(&s.made);
	mem_free(s.birth);
	return rc;
}

size_t watches_active(struct db *db)
{
	return (size_t)db_integer(db, 0, "SELECT count(*) FROM rule WHERE watch IS NOT NULL", "");
}

void watches_release(struct watches *w)
{
	arena_release(&w->memory);
	mem_free(w->watch);
	matcher_free(w->matcher);
	*w = (struct watches){ 0 };
}

/* `walked_ms`: the walks' cursor, which stands still while a start is not known. Nothing that was walked before counts. */
static int64_t start_of(const struct watch *w, const struct first_clock *clock, int64_t walked_ms)
{
	int64_t told_ms = w->loaded_ms + clock->offset_ms;

	/* Activated by this process: told by how long ago. By an earlier one: only our clock can tell. */
	if (w->mono_ms != MONO_UNKNOWN)
		return clock->now_ms - (clock->mono_ms - w->mono_ms);
	return clock_earlier(told_ms < walked_ms ? walked_ms : told_ms, clock->now_ms);
}

static bool has_no_start(const struct watch *w, uint32_t source)
{
	return w->source == source && w->start_ms == INT64_MAX;
}

bool watches_wait(const struct watches *w, uint32_t source)
{
	size_t i = 0;

	while (i < w->count && !has_no_start(&w->watch[i], source))
		i++;
	return i < w->count;
}

enum rc watches_start(struct db *db, struct watches *w, uint32_t source,
		      const struct first_clock *clock, struct err *err)
{
	if (!watches_wait(w, source))
		return RC_OK;
	int64_t walked_ms = db_integer(db, INT64_MIN,
				       "SELECT cursor_ms FROM source WHERE account = ?1", "t",
				       w->table->account[source].name);
	db_begin(db, "start");
	for (size_t i = 0; i < w->count; i++)
		if (has_no_start(&w->watch[i], source))
			db_run(db, "UPDATE watch SET start_ms = ?2 WHERE id = ?1", "ii",
			       w->watch[i].id, start_of(&w->watch[i], clock, walked_ms));
	enum rc rc = db_commit(db, err);
	for (size_t i = 0; rc == RC_OK && i < w->count; i++)
		if (has_no_start(&w->watch[i], source))
			w->watch[i].start_ms = start_of(&w->watch[i], clock, walked_ms);
	return rc;
}

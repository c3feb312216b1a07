#include "engine/looked.h"

#include <stdlib.h>
#include <string.h>

struct ruleset_watches {
	int64_t id;
	const int64_t *watch; /* by rule id of today's table; most have those of the ruleset before */
};

/* Who had a watch, of the rules in today's table. */
struct shared {
	const int64_t *watch; /* of the last ruleset that has it */
	uint64_t rules;	      /* who had it by that one, in one number */
	uint64_t sum;	      /* the same of the ruleset that is being read, */
	size_t summed, told;  /* of which number it is */
	bool parted;	      /* not always the same ones */
};

static struct shared *shared_of(struct looked *l, int64_t watch)
{
	struct slice key = { (const char *)&watch, sizeof(watch) };
	struct shared *s = map_get(&l->shared, key);

	if (s)
		return s;
	s = arena_alloc(&l->memory, sizeof(*s));
	map_put(&l->shared, key, s);
	return s;
}

/* The watches of today's rules as they were then. */
static const int64_t *read_watches(struct looked *l, const struct json *watches, size_t number)
{
	int64_t *of = arena_alloc(&l->memory, (l->table->n_rule + 1) * sizeof(*of));

	for (uint32_t i = 0; i < l->table->n_rule; i++) {
		of[i] = json_int(json_get(watches, l->table->rule[i].name), 0);
		if (!of[i])
			continue;
		struct shared *s = shared_of(l, of[i]);
		s->sum = s->summed == number ? s->sum : 0;
		s->sum += hash_bytes(1, &i, sizeof(i));
		s->summed = number;
	}
	return of;
}

/* Compares who has each watch with who had it before; a rule that is in the table no more is nobody. */
static void compare_shared(struct looked *l, const struct json *watches, const int64_t *of,
			   size_t number)
{
	const struct json *value;
	struct slice name;

	for (struct json_each e = json_each(watches); json_next(&e, &name, &value);) {
		struct shared *s = shared_of(l, json_int(value, 0));
		uint64_t rules = s->summed == number ? s->sum : 0;
		if (s->told == number)
			continue;
		s->parted = s->parted || (s->told && s->rules != rules);
		s->rules = rules;
		s->watch = of;
		s->told = number;
	}
}

static void add_ruleset(struct looked *l, int64_t id, struct slice text, struct slice before)
{
	struct err err;

	l->ruleset = mem_grow(l->ruleset, &l->cap, l->count + 1, sizeof(*l->ruleset));
	struct ruleset_watches *r = &l->ruleset[l->count];
	*r = (struct ruleset_watches){ .id = id };
	if (l->count && slice_eq(text, before)) {
		r->watch = r[-1].watch;
		l->count++;
		return;
	}
	struct json *watches = json_parse(text, &err);
	if (!watches) {
		db_damaged(l->db, "ruleset %lld: watches: %s", (long long)id, err.text);
		return;
	}
	r->watch = read_watches(l, watches, ++l->count);
	compare_shared(l, watches, r->watch, l->count);
	json_free(watches);
}

void looked_read(struct looked *l, struct db *db, const struct table *table, const int64_t *watch)
{
	int64_t oldest = db_integer(db, 0, "SELECT ruleset FROM event ORDER BY id LIMIT 1", "");
	struct str before;

	*l = (struct looked){ .db = db, .table = table, .today = watch };
	arena_init(&l->memory);
	map_init(&l->shared);
	str_init(&before, SIZE_MAX / 4);
	struct query *q = db_select(
		db, "SELECT id, watches FROM ruleset WHERE id >= ?1 ORDER BY id", "i", oldest);
	while (query_next(q)) {
		add_ruleset(l, query_integer(q, 0), query_slice(q, 1), str_slice(&before));
		str_clear(&before);
		str_add_slice(&before, query_slice(q, 1));
	}
	str_release(&before);
}

void looked_release(struct looked *l)
{
	map_release(&l->shared);
	mem_free(l->ruleset);
	arena_release(&l->memory);
}

static int is_of_id(const void *id, const void *ruleset)
{
	int64_t a = *(const int64_t *)id, b = ((const struct ruleset_watches *)ruleset)->id;

	return (a > b) - (a < b);
}

const int64_t *looked_watches(const struct looked *l, int64_t ruleset)
{
	const struct ruleset_watches *r =
		l->count ? bsearch(&ruleset, l->ruleset, l->count, sizeof(*r), is_of_id) : NULL;

	return r ? r->watch : l->today;
}

/* ---- how many ------------------------------------------------------------------ */

static void add_events(const struct looked *l, const int64_t *of, int64_t watch, int64_t n,
		       int64_t *events)
{
	for (size_t i = 0; i < l->table->n_rule; i++)
		if (of[i] == watch)
			events[i] += n;
}

/* Events by their ruleset are read one by one; by their watch alone an index tells them. */
static void count_parted(const struct looked *l, int64_t watch, int64_t since_ms, int64_t *events)
{
	struct query *q = db_select(l->db,
				    "SELECT ruleset, count(*) FROM event WHERE watch = ?1"
				    " AND made_ms >= ?2 AND rule IS NULL GROUP BY ruleset",
				    "ii", watch, since_ms);

	while (query_next(q))
		add_events(l, looked_watches(l, query_integer(q, 0)), watch, query_integer(q, 1),
			   events);
}

void looked_count(const struct looked *l, int64_t since_ms, int64_t *events)
{
	struct query *q = db_select(l->db,
				    "SELECT watch, count(*) FROM event WHERE made_ms >= ?1"
				    " AND rule IS NULL GROUP BY watch",
				    "i", since_ms);

	while (query_next(q)) {
		int64_t watch = query_integer(q, 0);
		const struct shared *s =
			map_get(&l->shared, (struct slice){ (char *)&watch, sizeof(watch) });
		if (s && s->parted)
			count_parted(l, watch, since_ms, events);
		else
			add_events(l, s ? s->watch : l->today, watch, query_integer(q, 1), events);
	}
}

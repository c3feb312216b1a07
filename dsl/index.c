/*
 * The buckets are one open hash table. A key is source, event, target and, for rules with `to:`, a
 * value. An event is one look-up with its value and, where any rule has no `to:`, one without.
 */
#include "dsl/index.h"

#include <string.h>

#include "base/map.h"

static uint64_t load(const char *p, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, p, n);
	return word;
}

/* As memcmp, but most texts here are so short that the call would be the larger part. */
static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	if (n > 16)
		return memcmp(a, b, n) == 0;
	if (n >= 8)
		return load(a, 8) == load(b, 8) && load(a + n - 8, 8) == load(b + n - 8, 8);
	if (n >= 4)
		return load(a, 4) == load(b, 4) && load(a + n - 4, 4) == load(b + n - 4, 4);
	return !n || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

static inline bool same_key(const struct bucket *b, uint64_t hash, const struct index_key *k)
{
	return b->hash == hash && b->kind == k->kind && b->target_len == k->target.len &&
	       b->key_len == k->target.len + k->value.len &&
	       same_bytes(b->key, k->target.ptr, k->target.len) &&
	       same_bytes(b->key + k->target.len, k->value.ptr, k->value.len);
}

static uint64_t hash_key(const struct index_key *k)
{
	return hash_bytes(hash_bytes(k->kind, k->target.ptr, k->target.len), k->value.ptr,
			  k->value.len);
}

/* The slot of the key, or the free one where it belongs. */
static inline size_t find_slot(const struct table_index *x, uint64_t hash,
			       const struct index_key *k)
{
	size_t i = hash & (x->slots - 1);

	for (; x->slot[i].at; i = (i + 1) & (x->slots - 1))
		if (x->slot[i].hash == hash >> 32 &&
		    same_key(&x->bucket[x->slot[i].at - 1], hash, k))
			break;
	return i;
}

const struct bucket *index_bucket(const struct table_index *x, const struct index_key *key)
{
	size_t i = find_slot(x, hash_key(key), key);

	return x->slot[i].at ? &x->bucket[x->slot[i].at - 1] : NULL;
}

uint64_t index_hash(uint32_t bucket, uint32_t gate, struct slice text)
{
	return hash_bytes((uint64_t)bucket << 16 | gate, text.ptr, text.len);
}

static const char *text_of(const struct path *p)
{
	return p->len > PATH_TEXT_BYTES ? p->long_text : p->text;
}

const struct path *index_path(const struct table_index *x, uint32_t bucket, uint32_t gate,
			      struct slice text)
{
	uint64_t hash = index_hash(bucket, gate, text);

	for (size_t i = hash & (x->path_slots - 1); x->path_slot[i].at;
	     i = (i + 1) & (x->path_slots - 1)) {
		if (x->path_slot[i].hash != hash >> 32)
			continue;
		const struct path *p = &x->path[x->path_slot[i].at - 1];
		if (p->hash == hash && p->bucket == bucket && p->gate == gate &&
		    p->len == text.len && same_bytes(text_of(p), text.ptr, text.len))
			return p;
	}
	return NULL;
}

static struct rule_ids ids_of(const struct table *t, const struct bucket *b)
{
	if (!b)
		return (struct rule_ids){ NULL, 0 };
	return (struct rule_ids){ t->index->id + b->ids.first, b->ids.count };
}

void table_candidates(const struct table *t, uint32_t source, enum event_kind event,
		      const char *target, struct slice value, struct rule_ids out[2])
{
	bool cleared = event == EVENT_PROPERTY_CHANGED && value.len == 0;
	struct index_key named = { BUCKET_KIND(source, event, false), slice_of(target), value };
	struct index_key any = { BUCKET_KIND(source, event, true), slice_of(target), { 0 } };

	out[0] = ids_of(t, index_bucket(t->index, &named));
	out[1] = ids_of(t, cleared ? NULL : index_bucket(t->index, &any));
}

/* ---- building ----------------------------------------------------------------- */

/* Buckets as they come; the table gets a copy of the right size. */
struct filling {
	struct table_index x; /* looked into by find_slot meanwhile */
	struct bucket *bucket;
	size_t count, cap;
	struct index_slot *slot;
	uint32_t *id; /* NULL in the first pass */
	struct arena *arena;
};

static size_t slots_for(size_t count)
{
	size_t slots = 16;

	while (slots < count * 2)
		slots *= 2;
	return slots;
}

static void add_bucket(struct filling *f, uint64_t hash, const struct index_key *k)
{
	char *key = arena_alloc(f->arena, k->target.len + k->value.len);

	memcpy(key, k->target.ptr, k->target.len);
	if (k->value.len)
		memcpy(key + k->target.len, k->value.ptr, k->value.len);
	f->bucket = mem_grow(f->bucket, &f->cap, f->count + 1, sizeof(*f->bucket));
	f->bucket[f->count++] = (struct bucket){ .hash = hash,
						 .key = key,
						 .kind = k->kind,
						 .target_len = (uint32_t)k->target.len,
						 .key_len = (uint32_t)(k->target.len +
								       k->value.len) };
	f->x.bucket = f->bucket;
	f->x.any |= k->kind & 1;
}

/* First pass: makes the bucket and counts; second pass: fills. */
static void add_rule(struct filling *f, const struct rule *rule, bool any, struct slice value)
{
	struct index_key key = { BUCKET_KIND(rule->source, rule->event, any),
				 slice_of(rule->target), value };
	uint64_t hash = hash_key(&key);
	size_t i = find_slot(&f->x, hash, &key);

	if (!f->slot[i].at) {
		add_bucket(f, hash, &key);
		f->slot[i] = (struct index_slot){ (uint32_t)(hash >> 32), (uint32_t)f->count };
	}
	struct range *ids = &f->bucket[f->slot[i].at - 1].ids;
	if (f->id)
		f->id[ids->first + ids->count] = rule->id;
	ids->count++;
}

static void add_rules(struct filling *f, const struct table *t)
{
	for (size_t i = 0; i < t->n_rule; i++) {
		const struct rule *rule = &t->rule[i];
		if (rule->mode == MODE_OFF)
			continue;
		for (size_t k = 0; k < rule->n_to; k++)
			add_rule(f, rule, false, rule->to[k]);
		if (!rule->n_to)
			add_rule(f, rule, true, (struct slice){ 0 });
	}
}

/* Gives each bucket its place in `id`; answers how long that is. */
static uint32_t place_ids(struct filling *f)
{
	uint32_t next = 0;

	for (size_t i = 0; i < f->count; i++) {
		struct range *ids = &f->bucket[i].ids;
		uint32_t count = ids->count;
		if (count > f->x.most)
			f->x.most = count;
		*ids = (struct range){ next, 0 };
		next += count;
	}
	return next;
}

/* The buckets as the table keeps them, and slots that are as few as they can be. */
static void keep_buckets(struct filling *f)
{
	struct bucket *bucket = arena_alloc(f->arena, f->count * sizeof(*bucket));

	f->x.slots = slots_for(f->count);
	struct index_slot *slot = arena_alloc(f->arena, f->x.slots * sizeof(*slot));
	f->x.bucket = bucket;
	f->x.slot = slot;
	for (size_t i = 0; i < f->count; i++) {
		size_t at = f->bucket[i].hash & (f->x.slots - 1);
		while (slot[at].at)
			at = (at + 1) & (f->x.slots - 1);
		bucket[i] = f->bucket[i];
		slot[at] = (struct index_slot){ (uint32_t)(bucket[i].hash >> 32), (uint32_t)i + 1 };
	}
}

void table_index_build(struct table *t)
{
	struct arena *arena = &t->memory->arena;
	struct filling f = { .arena = arena };
	size_t most = 0;

	for (size_t i = 0; i < t->n_rule; i++)
		most += t->rule[i].n_to ? t->rule[i].n_to : 1;
	f.x.slots = slots_for(most);
	f.x.slot = f.slot = mem_alloc(f.x.slots * sizeof(*f.slot));
	add_rules(&f, t);
	f.x.id = f.id = arena_alloc(arena, place_ids(&f) * sizeof(*f.id));
	add_rules(&f, t);
	struct index_maker *m = index_maker_new(t);
	for (size_t i = 0; i < f.count; i++)
		index_narrow(m, &f.bucket[i], (uint32_t)i, f.id + f.bucket[i].ids.first);
	index_maker_end(m, &f.x);
	mem_free(f.slot);
	keep_buckets(&f);
	mem_free(f.bucket);
	struct table_index *x = arena_alloc(arena, sizeof(*x));
	*x = f.x;
	t->index = x;
}

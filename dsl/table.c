/*
 * table - the frozen table: references, look-ups, the index of events.
 *
 * The index is one open hash table. A key is source, event, target and, for
 * rules with `to:`, a value; its entry is the ascending list of rules. An event
 * is two look-ups: with its value, and without one.
 */
#include "dsl/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "dsl/program.h"

struct index_entry {
	uint64_t hash;
	uint32_t source;
	enum event_kind event;
	bool any; /* rules without `to:` */
	const char *target;
	struct slice value;
	uint32_t *id;
	size_t count;
};

struct table_index {
	struct index_entry *entry;
	size_t count;
	uint32_t *slot; /* index + 1 into entry, 0 is free */
	size_t slots;	/* a power of two */
};

/* ---- life -------------------------------------------------------------- */

struct table *table_ref(struct table *t)
{
	t->refs++;
	return t;
}

void table_unref(struct table *t)
{
	if (!t || --t->refs > 0)
		return;
	/* The table lives in its own arena. */
	struct table_memory *memory = t->memory;
	for (size_t i = 0; i < memory->n_regex; i++)
		regex_free(memory->regex[i]);
	mem_free(memory->regex);
	arena_release(&memory->arena);
	table_unref(memory->base);
	mem_free(memory);
}

/* ---- names ------------------------------------------------------------- */

static int compare_account(const void *name, const void *account)
{
	return strcmp(name, ((const struct account *)account)->name);
}

const struct account *table_account(const struct table *t, const char *name)
{
	if (!t->n_account)
		return NULL;
	return bsearch(name, t->account, t->n_account, sizeof(*t->account), compare_account);
}

static int compare_rule(const void *name, const void *rule)
{
	return strcmp(name, ((const struct rule *)rule)->name);
}

const struct rule *table_rule(const struct table *t, const char *name)
{
	if (!t->n_rule)
		return NULL;
	return bsearch(name, t->rule, t->n_rule, sizeof(*t->rule), compare_rule);
}

const struct setting *account_setting(const struct account *account, const char *key)
{
	for (size_t i = 0; i < account->n_setting; i++) {
		const struct setting *s = &account->setting[i];
		if (strcmp(s->key, key) != 0)
			continue;
		/* A duration or a rate always has a default. */
		bool there = s->given || s->text || s->n_secret || s->kind == SETTING_DURATION ||
			     s->kind == SETTING_RATE;
		return there ? s : NULL;
	}
	return NULL;
}

const char *account_text(const struct account *account, const char *key)
{
	const struct setting *s = account_setting(account, key);

	return s ? s->text : NULL;
}

int64_t account_ms(const struct account *account, const char *key)
{
	const struct setting *s = account_setting(account, key);

	return s ? s->duration_ms : 0;
}

/* ---- the index --------------------------------------------------------- */

static uint64_t hash_key(uint32_t source, enum event_kind event, bool any, const char *target,
			 struct slice value)
{
	uint64_t seed = (uint64_t)source << 8 | (uint64_t)event << 1 | any;

	return hash_bytes(hash_bytes(seed, target, strlen(target)), value.ptr, value.len);
}

/* The slot of the key, or the free one where it belongs. */
static size_t find_slot(const struct table_index *x, const struct index_entry *key)
{
	size_t i = key->hash & (x->slots - 1);

	for (; x->slot[i]; i = (i + 1) & (x->slots - 1)) {
		const struct index_entry *e = &x->entry[x->slot[i] - 1];
		if (e->hash == key->hash && e->source == key->source && e->event == key->event &&
		    e->any == key->any && strcmp(e->target, key->target) == 0 &&
		    slice_eq(e->value, key->value))
			break;
	}
	return i;
}

static struct index_entry entry_key(const struct rule *rule, bool any, struct slice value)
{
	return (struct index_entry){
		.hash = hash_key(rule->source, rule->event, any, rule->target, value),
		.source = rule->source,
		.event = rule->event,
		.any = any,
		.target = rule->target,
		.value = value,
	};
}

/* First pass: makes the entry and counts; second pass (id set): fills. */
static void add_rule(struct table_index *x, const struct rule *rule, bool any, struct slice value,
		     bool fill)
{
	struct index_entry key = entry_key(rule, any, value);
	size_t i = find_slot(x, &key);

	if (!x->slot[i]) {
		x->entry[x->count] = key;
		x->slot[i] = (uint32_t)++x->count;
	}
	struct index_entry *e = &x->entry[x->slot[i] - 1];
	if (fill)
		e->id[e->count] = rule->id;
	e->count++;
}

static void add_rules(struct table *t, bool fill)
{
	for (size_t i = 0; i < t->n_rule; i++) {
		const struct rule *rule = &t->rule[i];
		if (rule->mode == MODE_OFF)
			continue;
		for (size_t k = 0; k < rule->n_to; k++)
			add_rule(t->index, rule, false, rule->to[k], fill);
		if (!rule->n_to)
			add_rule(t->index, rule, true, (struct slice){ 0 }, fill);
	}
}

void table_index_build(struct table *t)
{
	struct arena *arena = &t->memory->arena;
	struct table_index *x = arena_alloc(arena, sizeof(*x));
	size_t most = 0;

	for (size_t i = 0; i < t->n_rule; i++)
		most += t->rule[i].n_to ? t->rule[i].n_to : 1;
	x->slots = 16;
	while (x->slots < most * 2)
		x->slots *= 2;
	x->slot = arena_alloc(arena, x->slots * sizeof(*x->slot));
	x->entry = arena_alloc(arena, most * sizeof(*x->entry));
	t->index = x;
	add_rules(t, false);
	for (size_t i = 0; i < x->count; i++) {
		x->entry[i].id = arena_alloc(arena, x->entry[i].count * sizeof(uint32_t));
		x->entry[i].count = 0;
	}
	add_rules(t, true);
}

static struct rule_ids look_up(const struct table *t, uint32_t source, enum event_kind event,
			       bool any, const char *target, struct slice value)
{
	const struct table_index *x = t->index;
	struct index_entry key = { .hash = hash_key(source, event, any, target, value),
				   .source = source,
				   .event = event,
				   .any = any,
				   .target = target,
				   .value = value };
	size_t i = find_slot(x, &key);

	if (!x->slot[i])
		return (struct rule_ids){ NULL, 0 };
	const struct index_entry *e = &x->entry[x->slot[i] - 1];
	return (struct rule_ids){ e->id, e->count };
}

void table_candidates(const struct table *t, uint32_t source, enum event_kind event,
		      const char *target, struct slice value, struct rule_ids out[2])
{
	bool cleared = event == EVENT_PROPERTY_CHANGED && value.len == 0;

	out[0] = look_up(t, source, event, false, target, value);
	out[1] = (struct rule_ids){ NULL, 0 };
	if (!cleared)
		out[1] = look_up(t, source, event, true, target, (struct slice){ 0 });
}

/*
 * reference - the workload in plain C, by hand: what the engine is held against.
 *
 * It knows what a rule looks like, so nothing of it is general: the key of its
 * one hash table is property, value and domain, and a rule is a number to reach.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "tests/bench/bench.h"

struct wanted {
	uint32_t number;
	uint32_t rule;
	float at_least;
};

struct place {
	uint64_t hash;
	char key[3][24];
	size_t len[3];
	struct wanted *wanted;
	size_t count, cap;
};

struct reference {
	struct place *place;
	size_t count, cap;
	uint32_t *slot;
	size_t slots; /* a power of two */
};

static uint64_t hash_of(const struct slice key[3])
{
	uint64_t h = 0;

	for (size_t i = 0; i < 3; i++)
		h = hash_bytes(h, key[i].ptr, key[i].len);
	return h;
}

static bool is_at(const struct place *p, uint64_t hash, const struct slice key[3])
{
	if (p->hash != hash)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (p->len[i] != key[i].len || memcmp(p->key[i], key[i].ptr, key[i].len) != 0)
			return false;
	return true;
}

static size_t find(const struct reference *r, uint64_t hash, const struct slice key[3])
{
	size_t i = hash & (r->slots - 1);

	while (r->slot[i] && !is_at(&r->place[r->slot[i] - 1], hash, key))
		i = (i + 1) & (r->slots - 1);
	return i;
}

static void add(struct reference *r, const struct slice key[3], struct wanted wanted)
{
	uint64_t hash = hash_of(key);
	size_t i = find(r, hash, key);

	if (!r->slot[i]) {
		r->place = mem_grow(r->place, &r->cap, r->count + 1, sizeof(*r->place));
		struct place *p = &r->place[r->count];
		*p = (struct place){ .hash = hash };
		for (size_t k = 0; k < 3; k++) {
			memcpy(p->key[k], key[k].ptr, key[k].len);
			p->len[k] = key[k].len;
		}
		r->slot[i] = (uint32_t)++r->count;
	}
	struct place *p = &r->place[r->slot[i] - 1];
	p->wanted = mem_grow(p->wanted, &p->cap, p->count + 1, sizeof(*p->wanted));
	p->wanted[p->count++] = wanted;
}

struct reference *reference_new(const struct work *w)
{
	struct reference *r = mem_alloc(sizeof(*r));

	/* As many places as there can be: properties, values, domains. */
	r->slots = 1 << 15;
	r->slot = mem_alloc(r->slots * sizeof(*r->slot));
	for (size_t i = 0; i < w->n_rule; i++) {
		const struct work_rule *rule = &w->rule[i];
		for (size_t k = 0; k < 2; k++) {
			char property[16], value[16];
			snprintf(property, sizeof(property), "p%u", rule->property);
			snprintf(value, sizeof(value), "v%u", rule->value);
			struct slice key[3] = { slice_of(property), slice_of(value),
						work_domain(rule->domain[k]) };
			add(r, key,
			    (struct wanted){ rule->number, (uint32_t)i, (float)rule->at_least });
		}
	}
	return r;
}

void reference_free(struct reference *r)
{
	for (size_t i = 0; i < r->count; i++)
		mem_free(r->place[i].wanted);
	mem_free(r->place);
	mem_free(r->slot);
	mem_free(r);
}

static const struct place *place_of(const struct reference *r, const struct work_event *e,
				    struct slice email)
{
	const char *at = memrchr(email.ptr, '@', email.len);
	struct slice domain = { at + 1, (size_t)(email.ptr + email.len - at) - 1 };
	struct slice key[3] = { e->property, e->value, domain };
	size_t i = find(r, hash_of(key), key);

	return r->slot[i] ? &r->place[r->slot[i] - 1] : NULL;
}

size_t reference_match(const struct reference *r, const struct work *w, const struct work_event *e,
		       uint32_t *fired)
{
	const struct work_contact *c = &w->contact[e->contact];
	const struct place *p = place_of(r, e, work_fact(c, 0));
	size_t n = 0;

	for (size_t k = 0; p && k < p->count; k++) {
		fired[n] = p->wanted[k].rule;
		n += c->plain[p->wanted[k].number] >= p->wanted[k].at_least;
	}
	return n;
}

static float read_number(const struct facts *facts, uint32_t property)
{
	struct slice text = { 0 };
	int n = 0;

	(void)facts->value(facts->ctx, property, &text);
	for (size_t i = 0; i < text.len; i++)
		n = n * 10 + (text.ptr[i] - '0');
	return (float)n;
}

size_t reference_match_texts(const struct reference *r, const struct work_event *e,
			     const struct facts *facts, uint32_t email, const uint32_t *number,
			     uint32_t *fired)
{
	struct slice address = { 0 };
	float plain[WORK_NUMBERS];
	unsigned read = 0;
	size_t n = 0;

	(void)facts->value(facts->ctx, email, &address);
	const struct place *p = place_of(r, e, address);
	for (size_t k = 0; p && k < p->count; k++) {
		uint32_t i = p->wanted[k].number;
		if (!(read >> i & 1)) {
			plain[i] = read_number(facts, number[i]);
			read |= 1u << i;
		}
		fired[n] = p->wanted[k].rule;
		n += plain[i] >= p->wanted[k].at_least;
	}
	return n;
}

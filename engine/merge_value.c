#include "engine/merge_value.h"

#include <string.h>

#include "engine/decided.h"
#include "engine/forgotten.h"

/* A property of a contact, as the merge left it. */
struct left {
	const struct decide *d;
	const struct contact *c;
	uint32_t property;
	int64_t merged_ms;
	size_t before; /* so many of its entries are not later than the merge */
};

static bool is_of(const struct left *l, const struct watch *w)
{
	return w->source == l->d->source && w->event == EVENT_PROPERTY_CHANGED &&
	       w->property == l->property;
}

/* Whether it is an entry at the merge's time, which needs no other. */
static bool is_entry(const struct left *l, struct slice noted)
{
	const struct entry *entry = l->c->property[l->property].entry;

	for (size_t i = l->before; i > 0 && entry[i - 1].at_ms == l->merged_ms; i--)
		if (forgotten_matches(noted, entry[i - 1].value))
			return true;
	return false;
}

/* What was noted, by a look that saw it. */
static bool recall(const struct left *l, struct arena *memory, struct slice *value)
{
	const struct watches *watches = l->d->watches;
	bool noted = false;

	for (size_t i = 0; !noted && i < watches->count; i++) {
		if (!is_of(l, &watches->watch[i]))
			continue;
		struct query *q = db_select(
			l->d->db,
			"SELECT value FROM decided WHERE watch = ?1 AND contact = ?2 AND at_ms = ?3",
			"iti", watches->watch[i].id, l->c->id, l->merged_ms);
		noted = query_next(q);
		if (!noted)
			continue;
		*value = arena_slice(memory, query_slice(q, 0));
		query_end(q);
		noted = !is_entry(l, *value);
	}
	if (!noted || !forgotten_is(*value))
		return noted;
	/* It was erased with its person: all that can be told is whether the next entry repeats it. */
	const struct entry *next = &l->c->property[l->property].entry[l->before];
	noted = forgotten_matches(*value, next->value);
	*value = next->value;
	return noted;
}

/* The value that the merge set and no entry tells. False: there is none, or nobody saw it. */
static bool find(struct left *l, struct arena *memory, struct slice *value)
{
	const struct contact_property *p = &l->c->property[l->property];

	while (l->before < p->entries && p->entry[l->before].at_ms <= l->merged_ms)
		l->before++;
	if (l->before < p->entries)
		return !(p->cut && l->before == 0) && recall(l, memory, value);
	*value = p->current;
	return p->entries && !slice_eq(p->entry[p->entries - 1].value, *value);
}

static void insert(const struct left *l, struct slice value, struct arena *memory,
		   struct contact_property *p)
{
	struct entry *entry = arena_alloc(memory, (p->entries + 1) * sizeof(*entry));

	memcpy(entry, p->entry, l->before * sizeof(*entry));
	entry[l->before] = (struct entry){ l->merged_ms, value, true };
	memcpy(entry + l->before + 1, p->entry + l->before,
	       (p->entries - l->before) * sizeof(*entry));
	p->entry = entry;
	p->entries++;
}

const struct contact *merge_value_show(const struct decide *d, const struct contact *c,
				       int64_t merged_ms, struct arena *memory)
{
	size_t properties = d->table->n_property;
	struct contact *shown = NULL;
	struct slice value;

	for (uint32_t i = 0; merged_ms && i < properties; i++) {
		struct left l = { d, c, i, merged_ms, 0 };
		if (!c->property[i].read || !find(&l, memory, &value))
			continue;
		if (!shown) {
			shown = arena_alloc(memory, sizeof(*shown));
			*shown = *c;
			shown->property = arena_alloc(memory, properties * sizeof(*c->property));
			memcpy(shown->property, c->property, properties * sizeof(*c->property));
		}
		insert(&l, value, memory, &shown->property[i]);
	}
	return shown ? shown : c;
}

void merge_value_note(const struct decide *d, const struct contact *c, int64_t merged_ms)
{
	for (size_t i = 0; merged_ms && i < d->watches->count; i++) {
		const struct watch *w = &d->watches->watch[i];
		if (w->source != d->source || w->event != EVENT_PROPERTY_CHANGED)
			continue;
		const struct contact_property *p = &c->property[w->property];
		const struct entry *newest = contact_newest(p);
		if (newest && newest->merge && newest->at_ms == merged_ms)
			decided_note(d->db, w->id, c->id, merged_ms, newest->value);
	}
}

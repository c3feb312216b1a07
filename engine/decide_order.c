#include "engine/decide.h"

#include <stdlib.h>

struct turn {
	int64_t at_ms;
	size_t index;
};

static int by_time(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* What waits tells when it happened; else the last change of what is watched does. */
static int64_t first_event_ms(const struct decide *d, const struct contact *c)
{
	int64_t first = db_integer(
		d->db, INT64_MAX,
		"SELECT min(at_ms) FROM pending WHERE account = ?1 AND contact = ?2", "tt",
		d->table->account[d->source].name, c->id);

	for (size_t i = 0; !c->gone && i < d->watches->count; i++) {
		const struct watch *w = &d->watches->watch[i];
		if (w->source != d->source || w->event != EVENT_PROPERTY_CHANGED)
			continue;
		const struct contact_property *p = &c->property[w->property];
		if (p->read && p->entries && p->entry[p->entries - 1].at_ms < first)
			first = p->entry[p->entries - 1].at_ms;
	}
	return first;
}

const size_t *decide_order(const struct decide *d, const struct contact *contact, size_t contacts,
			   struct arena *memory)
{
	struct turn *turn = arena_alloc(memory, (contacts + 1) * sizeof(*turn));
	size_t *out = arena_alloc(memory, (contacts + 1) * sizeof(*out));

	for (size_t i = 0; i < contacts; i++)
		turn[i] = (struct turn){ first_event_ms(d, &contact[i]), i };
	qsort(turn, contacts, sizeof(*turn), by_time);
	for (size_t i = 0; i < contacts; i++)
		out[i] = turn[i].index;
	return out;
}

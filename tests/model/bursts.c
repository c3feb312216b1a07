#include "tests/model/bursts.h"

#include "base/arena.h"

/* An entry that changed the value, with the value before it. */
struct change {
	const struct model_entry *entry;
	struct slice before;
	bool before_known;
	bool first;	  /* the property's very first */
	bool after_merge; /* a merge wrote between the change before and this one */
};

/* Within the time after the contact's creation in which what is written was there from the start. */
static bool is_young(const struct model_history *h, const struct model_entry *e)
{
	int64_t age_ms = e->at_ms - h->created_ms;

	return !h->from_merge && -1000 <= age_ms && age_ms <= h->creation_window_ms;
}

/* Point 6: what is full, and reaches back to the creation, has lost nothing. */
static bool lost_some(const struct model_history *h)
{
	return h->cut && !(h->entries && is_young(h, h->entry));
}

/* Point 1: repeats are dropped, a merge sets the value before. Point 6: what stands in for the lost. */
static size_t list_changes(const struct model_history *h, struct change *out)
{
	bool lost = lost_some(h);
	struct slice value = lost && h->decided ? h->decided_value : slice_of("");
	bool known = !lost || h->decided, merged = false;
	size_t n = 0;

	for (size_t i = 0; i < h->entries; i++) {
		const struct model_entry *e = &h->entry[i];
		bool repeats = known && slice_eq(e->value, value);

		if (!e->merge && !repeats) {
			out[n] = (struct change){ e, value, known, n == 0, merged };
			n++;
			merged = false;
		}
		merged |= e->merge;
		value = e->value;
		known = true;
	}
	return n;
}

/* The entry up to which all was decided before, as a count of entries. */
static size_t count_decided(const struct model_history *h)
{
	size_t before = 0, upto = 0;

	if (!h->decided)
		return 0;
	for (size_t i = 0; i < h->entries; i++) {
		if (h->entry[i].at_ms < h->decided_ms)
			before = i + 1;
		if (h->entry[i].at_ms == h->decided_ms &&
		    slice_eq(h->entry[i].value, h->decided_value))
			upto = i + 1;
	}
	return upto ? upto : before;
}

/* Point 5. */
static bool is_created_with(const struct model_history *h, const struct change *c)
{
	return c->first && !lost_some(h) && is_young(h, c->entry);
}

/* Point 2: whether a change goes on with the burst before it. */
static bool joins(const struct model_history *h, const struct model_burst *b,
		  const struct change *c)
{
	int64_t at_ms = c->entry->at_ms;

	if (h->settle_ms == 0 || c->after_merge)
		return false;
	return at_ms - b->last_ms < h->settle_ms && at_ms - b->first_ms <= 10 * h->settle_ms;
}

size_t model_bursts(const struct model_history *h, struct model_burst *out,
		    const struct model_entry **created_with)
{
	struct change *change = mem_alloc((h->entries + 1) * sizeof(*change));
	size_t changes = list_changes(h, change), decided = count_decided(h), n = 0;
	const struct model_entry *created = NULL;

	for (size_t i = 0; i < changes; i++) {
		const struct change *c = &change[i];
		if (c->entry->at_ms <= h->start_ms || c->entry < h->entry + decided)
			continue;
		if (is_created_with(h, c)) {
			created = c->entry;
			continue;
		}
		if (n == 0 || !joins(h, &out[n - 1], c))
			out[n++] = (struct model_burst){ .first_ms = c->entry->at_ms,
							 .from = c->before,
							 .from_known = c->before_known };
		out[n - 1].last_ms = c->entry->at_ms;
		out[n - 1].to = c->entry->value;
	}
	/* Point 4. */
	for (size_t i = 0; i < n; i++)
		out[i].event = !out[i].from_known || !slice_eq(out[i].from, out[i].to);
	mem_free(change);
	if (created_with)
		*created_with = created;
	return n;
}

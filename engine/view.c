#include "engine/view.h"

static struct slice value_as_of(struct view *v, const struct contact_property *p)
{
	const struct entry *last = NULL;

	/*
	 * A property without history (a calculated one): its value now is the oldest that is
	 * known.
	 */
	if (p->entries == 0) {
		v->reached_back |= p->current.len != 0;
		return p->current;
	}
	for (size_t i = 0; i < p->entries && p->entry[i].at_ms <= v->as_of_ms; i++)
		last = &p->entry[i];
	if (last)
		return last->value;
	if (!p->cut)
		return (struct slice){ 0 };
	v->reached_back = true;
	return p->entry[0].value;
}

static enum fact view_value(void *ctx, uint32_t property, struct slice *value)
{
	struct view *v = ctx;
	const struct contact_property *p = &v->contact->property[property];

	if (!p->read)
		return FACT_UNSURE;
	*value = v->current ? p->current : value_as_of(v, p);
	return FACT_KNOWN;
}

static enum fact view_label(void *ctx, uint32_t property, struct slice value, struct slice *label)
{
	struct view *v = ctx;

	return v->ops->label(v->origin, property, value, label);
}

bool view_step(struct view *v, size_t properties, int64_t until_ms)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < properties; i++) {
		const struct contact_property *p = &v->contact->property[i];
		for (size_t k = 0; p->read && k < p->entries; k++)
			if (p->entry[k].at_ms > v->as_of_ms && p->entry[k].at_ms < next)
				next = p->entry[k].at_ms;
	}
	if (next > until_ms)
		return false;
	v->as_of_ms = next;
	return true;
}

struct facts view_facts(struct view *view)
{
	return (struct facts){ view, view_value, view_label };
}

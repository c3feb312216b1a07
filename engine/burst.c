#include "engine/burst.h"

#include "engine/forgotten.h"

#define LONGEST_SETTLES 10 /* a burst lasts at most this many settles */

/* The value that reigns while the entries are walked. */
struct reign {
	struct slice value;
	bool known;
};

/* Entries that were decided before: up to the very one, where times are equal. */
static size_t decided_entries(const struct burst_input *in)
{
	size_t n = 0;

	if (!in->decided)
		return 0;
	for (size_t i = 0; i < in->entries && in->entry[i].at_ms <= in->decided_ms; i++)
		if (in->entry[i].at_ms < in->decided_ms ||
		    slice_eq(in->entry[i].value, in->decided_value))
			n = i + 1;
	return n;
}

static bool is_at_creation(const struct burst_input *in, const struct entry *e)
{
	int64_t after = e->at_ms - in->created_ms;

	return !in->from_merge && after >= -1000 && after <= in->creation_window_ms;
}

/* Whether older entries are gone: not where the oldest that a full history still has is from the contact's creation. */
static bool is_cut(const struct burst_input *in)
{
	return in->cut && !(in->entries && is_at_creation(in, &in->entry[0]));
}

static struct reign value_at_first(const struct burst_input *in)
{
	if (!is_cut(in))
		return (struct reign){ .known = true };
	/* Between what was decided last and what waits were no changes. */
	if (in->n_waiting && in->waiting[0].from_known)
		return (struct reign){ in->waiting[0].from, true };
	/* Where older entries are gone, what we decided last stands in for them. */
	return (struct reign){ in->decided_value, in->decided && !in->decided_forgotten };
}

static bool is_creation(const struct burst_input *in, const struct entry *e)
{
	return !is_cut(in) && is_at_creation(in, e);
}

/*
 * What waits and began no later than the oldest entry that is left goes on as it was known. Answers until when entries
 * belong to the last of these; INT64_MIN: there is none.
 */
static int64_t go_on(const struct burst_input *in, struct burst_output *out, struct reign *reign)
{
	int64_t oldest_ms = in->entries ? in->entry[0].at_ms : 0, until_ms = INT64_MIN;

	for (size_t i = 0; is_cut(in) && in->entries && i < in->n_waiting; i++) {
		const struct burst_waiting *w = &in->waiting[i];
		int64_t first_ms = w->first_ms ? w->first_ms : w->last_ms;
		if (first_ms > oldest_ms || (!w->first_ms && w->last_ms == oldest_ms))
			break;
		out->burst[out->bursts++] = (struct burst){ .first_ms = first_ms,
							    .last_ms = w->last_ms,
							    .from = w->from,
							    .from_known = w->from_known,
							    .to = w->to,
							    .change = !w->from_known ||
								      !slice_eq(w->from, w->to) };
		*reign = (struct reign){ w->to, w->last_ms < oldest_ms };
		until_ms = w->last_ms;
	}
	return until_ms;
}

/*
 * Whether the entry is so near to the burst that it belongs to it, unless that is too long. Entries have times that a
 * calendar has; those of what waits are as stored.
 */
static bool is_near(const struct burst_input *in, const struct burst *b, const struct entry *e)
{
	return b && in->settle_ms > 0 && b->last_ms > e->at_ms - in->settle_ms;
}

static bool is_long(const struct burst_input *in, const struct burst *b, const struct entry *e)
{
	return b->first_ms < e->at_ms - LONGEST_SETTLES * in->settle_ms;
}

void burst_find(const struct burst_input *in, struct arena *memory, struct burst_output *out)
{
	struct reign reign = value_at_first(in);
	size_t done = decided_entries(in), real = 0;
	size_t most = in->n_waiting + in->entries + 1;

	*out = (struct burst_output){ .burst = arena_alloc(memory, most * sizeof(struct burst)) };
	int64_t until_ms = go_on(in, out, &reign);
	struct burst *open = out->bursts ? &out->burst[out->bursts - 1] : NULL;
	if (is_cut(in) && in->entries && in->entry[0].at_ms > in->start_ms &&
	    !(in->decided && in->entry[0].at_ms <= in->decided_ms) && in->entry[0].at_ms > until_ms)
		out->lost = true;
	for (size_t i = 0; i < in->entries; i++) {
		const struct entry *e = &in->entry[i];
		if (e->merge) {
			reign = (struct reign){ e->value, true };
			open = NULL;
			continue;
		}
		bool within = e->at_ms <= until_ms, near = within || is_near(in, open, e);
		if (reign.known && slice_eq(e->value, reign.value)) {
			if (near)
				open->entries = i + 1 - open->first;
			continue;
		}
		struct reign before = reign;
		reign = (struct reign){ e->value, true };
		bool creation = real++ == 0 && is_creation(in, e);
		if (i < done || e->at_ms <= in->start_ms)
			continue;
		if (creation) {
			out->created_with = true;
			out->created_value = e->value;
			out->created_at_ms = e->at_ms;
			continue;
		}
		if (!near || (!within && is_long(in, open, e))) {
			open = &out->burst[out->bursts++];
			*open = (struct burst){ .first_ms = e->at_ms,
						.from = before.value,
						.from_known = before.known,
						.first = i,
						.afresh = near };
		}
		open->entries = i + 1 - open->first;
		open->last_ms = e->at_ms;
		open->to = e->value;
		open->change = !open->from_known || !slice_eq(open->from, open->to);
	}
}

void burst_recall(const struct contact_property *p, struct burst_input *in)
{
	if (!in->decided || !forgotten_is(in->decided_value))
		return;
	for (size_t i = 0; i < p->entries; i++) {
		if (p->entry[i].at_ms == in->decided_ms &&
		    forgotten_matches(in->decided_value, p->entry[i].value)) {
			in->decided_value = p->entry[i].value;
			return;
		}
	}
	in->decided_forgotten = true;
}

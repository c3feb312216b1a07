/*
 * One property's history, cut into bursts by engine/burst.c and by the plain
 * model of behaviour.md (tests/model/bursts.c): both say the same. And what was
 * decided once is done with: a look after the first burst was decided shows
 * the others as before. And where the source keeps few entries, looks that miss
 * none of them find the bursts that the whole history has.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/burst.h"
#include "tests/model/bursts.h"

#define ENTRIES_MOST 48
#define ENTRIES_KEPT 5 /* by a source that keeps few */
#define BASE_MS INT64_C(1767603600000)

static const char *const values[] = { "", "Bronze", "Silver", "Gold", "bronze", "a;b" };
static const int64_t gaps[] = { 0, 0, 1, 999, 1000, 29999, 59999, 60000, 60001, 600000, 3600000 };

static struct burst_input read_case(struct input *in, struct entry *entry)
{
	static const int64_t settles[] = { 60000, 0, 1, 1000, 10000, 86400000 };
	static const int64_t windows[] = { 10000, 0, 1000, 60000 };
	uint8_t flags = input_byte(in);
	struct burst_input out = {
		.entry = entry,
		.cut = flags & 1,
		.decided = flags & 2,
		.from_merge = flags & 4,
		.settle_ms = settles[input_pick(in, COUNT(settles))],
		.creation_window_ms = windows[input_pick(in, COUNT(windows))],
	};
	int64_t at_ms = BASE_MS;

	out.created_ms = BASE_MS + 500 * (int8_t)input_byte(in);
	out.start_ms = BASE_MS + 1000 * (int8_t)input_byte(in);
	size_t decided = input_pick(in, ENTRIES_MOST);
	out.decided_value = slice_of(values[input_pick(in, COUNT(values))]);
	while (in->at < in->end && out.entries < ENTRIES_MOST) {
		uint8_t b = input_byte(in);
		at_ms += gaps[(b & 0x0f) % COUNT(gaps)];
		entry[out.entries++] = (struct entry){ .at_ms = at_ms,
						       .value = slice_of(values[(b >> 4 & 7) % 6]),
						       .merge = b >= 0xe0 };
	}
	out.decided_ms = decided < out.entries ? entry[decided].at_ms : BASE_MS - 1;
	return out;
}

static struct model_history model_of(const struct burst_input *in, struct model_entry *entry)
{
	for (size_t i = 0; i < in->entries; i++)
		entry[i] = (struct model_entry){ in->entry[i].at_ms, in->entry[i].value,
						 in->entry[i].merge };
	return (struct model_history){ .entry = entry,
				       .entries = in->entries,
				       .cut = in->cut,
				       .start_ms = in->start_ms,
				       .decided = in->decided,
				       .decided_ms = in->decided_ms,
				       .decided_value = in->decided_value,
				       .settle_ms = in->settle_ms,
				       .created_ms = in->created_ms,
				       .creation_window_ms = in->creation_window_ms,
				       .from_merge = in->from_merge };
}

static void must_be(const struct burst *b, const struct model_burst *model)
{
	must(b->last_ms == model->last_ms && slice_eq(b->to, model->to));
	must(b->from_known == model->from_known && b->change == model->event);
	must(!b->from_known || slice_eq(b->from, model->from));
}

static void check_model(const struct burst_input *in, const struct burst_output *out)
{
	struct model_entry entry[ENTRIES_MOST];
	struct model_burst burst[ENTRIES_MOST];
	const struct model_entry *created;
	struct model_history h = model_of(in, entry);

	must(model_bursts(&h, burst, &created) == out->bursts);
	must(out->created_with == (created != NULL));
	must(!created || (created->at_ms == out->created_at_ms &&
			  slice_eq(created->value, out->created_value)));
	for (size_t i = 0; i < out->bursts; i++)
		must_be(&out->burst[i], &burst[i]);
}

/* Where no two entries share a time, so that time and value say which one was decided last. */
static bool times_differ(const struct burst_input *in)
{
	for (size_t i = 1; i < in->entries; i++)
		if (in->entry[i].at_ms == in->entry[i - 1].at_ms)
			return false;
	return true;
}

static void check_goes_on(const struct burst_input *in, const struct burst_output *out,
			  struct arena *memory)
{
	struct burst_input later = *in;
	struct burst_output rest;

	if (!out->bursts || !times_differ(in))
		return;
	later.decided = true;
	later.decided_ms = out->burst[0].last_ms;
	later.decided_value = out->burst[0].to;
	burst_find(&later, memory, &rest);
	must(rest.bursts == out->bursts - 1);
	for (size_t i = 0; i < rest.bursts; i++) {
		const struct burst *a = &rest.burst[i], *b = &out->burst[i + 1];
		must(a->last_ms == b->last_ms && slice_eq(a->to, b->to));
		must(slice_eq(a->from, b->from) && a->change == b->change);
	}
}

/* What looks leave behind, as engine/decide.c does. */
struct looks {
	struct burst_input next; /* what was decided, and what waits */
	struct burst_waiting waiting[ENTRIES_MOST];
	struct burst done[ENTRIES_MOST];
	size_t n_done;
};

static void decided(struct looks *l, int64_t at_ms, struct slice value)
{
	l->next.decided = true;
	l->next.decided_ms = at_ms;
	l->next.decided_value = value;
}

static void take_burst(struct looks *l, const struct burst *b, int64_t now_ms)
{
	if (l->next.n_waiting || b->last_ms + l->next.settle_ms > now_ms) {
		l->waiting[l->next.n_waiting++] = (struct burst_waiting){
			b->first_ms, b->last_ms, b->from, b->to, b->from_known
		};
		return;
	}
	must(l->n_done < ENTRIES_MOST);
	l->done[l->n_done++] = *b;
	decided(l, b->last_ms, b->to);
}

/* A look at the history when it had so many entries. */
static void look(struct looks *l, const struct burst_input *all, size_t entries, int64_t now_ms,
		 struct arena *memory)
{
	const struct entry *newest = &all->entry[entries - 1];
	struct burst_output out;

	l->next.cut = entries >= ENTRIES_KEPT;
	l->next.entries = l->next.cut ? ENTRIES_KEPT : entries;
	l->next.entry = all->entry + entries - l->next.entries;
	if (newest->at_ms <= all->start_ms)
		return;
	burst_find(&l->next, memory, &out);
	l->next.n_waiting = 0;
	if (out.created_with)
		decided(l, out.created_at_ms, out.created_value);
	for (size_t i = 0; i < out.bursts; i++)
		take_burst(l, &out.burst[i], now_ms);
	if (l->next.n_waiting == 0)
		decided(l, newest->at_ms, newest->value);
}

/* No merges, and not more than the first entry within the time in which one is taken for the creation's. */
static bool is_plain(const struct burst_input *in)
{
	for (size_t i = 0; i < in->entries; i++) {
		int64_t age_ms = in->entry[i].at_ms - in->created_ms;
		if (in->entry[i].merge ||
		    (i > 0 && age_ms >= -1000 && age_ms <= in->creation_window_ms))
			return false;
	}
	return true;
}

static void check_looks(const struct burst_input *in, size_t step, struct arena *memory)
{
	struct model_entry entry[ENTRIES_MOST];
	struct model_burst burst[ENTRIES_MOST];
	struct burst_input all = *in;
	struct looks l = { .n_done = 0 };

	all.cut = all.decided = false;
	if (!in->entries || !times_differ(in) || !is_plain(in))
		return;
	l.next = all;
	l.next.waiting = l.waiting;
	for (size_t n = step; n < in->entries; n += step)
		look(&l, &all, n, in->entry[n - 1].at_ms, memory);
	look(&l, &all, in->entries, INT64_MAX, memory);
	struct model_history h = model_of(&all, entry);
	must(model_bursts(&h, burst, NULL) == l.n_done);
	for (size_t i = 0; i < l.n_done; i++)
		must_be(&l.done[i], &burst[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct entry entry[ENTRIES_MOST];
	struct burst_input history = read_case(&in, entry);
	struct burst_output out;
	struct arena memory;

	arena_init(&memory);
	burst_find(&history, &memory, &out);
	check_model(&history, &out);
	check_goes_on(&history, &out, &memory);
	check_looks(&history, 1 + size % (ENTRIES_KEPT - 1), &memory);
	arena_release(&memory);
	return 0;
}

/*
 * One property's history, cut into bursts by engine/burst.c and by the plain
 * model of behaviour.md (tests/model/bursts.c): both say the same. And what was
 * decided once is done with: a look after the first burst was decided shows
 * the others as before.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/burst.h"
#include "tests/model/bursts.h"

#define ENTRIES_MOST 48
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

static void check_model(const struct burst_input *in, const struct burst_output *out)
{
	struct model_entry entry[ENTRIES_MOST];
	struct model_burst burst[ENTRIES_MOST];
	const struct model_entry *created;
	struct model_history h = { .entry = entry,
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

	for (size_t i = 0; i < in->entries; i++)
		entry[i] = (struct model_entry){ in->entry[i].at_ms, in->entry[i].value,
						 in->entry[i].merge };
	must(model_bursts(&h, burst, &created) == out->bursts);
	must(out->created_with == (created != NULL));
	must(!created || (created->at_ms == out->created_at_ms &&
			  slice_eq(created->value, out->created_value)));
	for (size_t i = 0; i < out->bursts; i++) {
		const struct burst *b = &out->burst[i];
		must(b->last_ms == burst[i].last_ms && slice_eq(b->to, burst[i].to));
		must(b->from_known == burst[i].from_known && b->change == burst[i].event);
		must(!b->from_known || slice_eq(b->from, burst[i].from));
	}
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
	arena_release(&memory);
	return 0;
}

#include "engine/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/ledger.h"

/* ---- rules ------------------------------------------------------------------------ */

/* Each span is counted in the index on rule and time: no row is read, and none is sorted. */
static void read_rule(struct db *db, const char *name, int64_t begin_ms, struct recent_rule *rule)
{
	static const char counted[] =
		"SELECT count(*) FROM issuance WHERE rule = ?1 AND created_ms >= ?2 AND created_ms < ?3"
		" AND state <> 'skipped'";
	int64_t end_ms = begin_ms + RECENT_SLOTS * RECENT_SLOT_MS;

	rule->total = db_integer(db, 0, counted, "tii", name, begin_ms, end_ms);
	for (size_t i = 0; rule->total && i < RECENT_SLOTS; i++) {
		int64_t from_ms = begin_ms + (int64_t)i * RECENT_SLOT_MS;
		rule->fired[i] = db_integer(db, 0, counted, "tii", name, from_ms,
					    from_ms + RECENT_SLOT_MS);
	}
}

/* ---- delays ----------------------------------------------------------------------- */

static bool slot_valid(int64_t slot)
{
	return slot >= 0 && slot < RECENT_SLOTS;
}

/* Ids grow with time: the first event that was written at or after since_ms, found by halves. */
static int64_t first_event(struct db *db, int64_t since_ms)
{
	int64_t low = 0, high = db_integer(db, 0, "SELECT max(id) FROM event", "") + 1;

	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (db_integer(db, INT64_MAX,
			       "SELECT made_ms FROM event WHERE id >= ?1 ORDER BY id LIMIT 1", "i",
			       middle) >= since_ms)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct delay {
	int64_t slot, ms;
};

static int by_slot_and_length(const void *a, const void *b)
{
	const struct delay *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return (x->ms > y->ms) - (x->ms < y->ms);
}

/* Rows of a time by our clock and a delay. */
static void read_delays(struct query *q, int64_t begin_ms, struct arena *memory,
			struct recent_delay out[RECENT_SLOTS])
{
	struct delay *list = arena_alloc(memory, RECENT_ROWS * sizeof(*list));
	size_t n = 0;

	while (query_next(q)) {
		int64_t slot = (query_integer(q, 0) - begin_ms) / RECENT_SLOT_MS;
		int64_t ms = query_integer(q, 1);
		if (n < RECENT_ROWS && slot_valid(slot))
			list[n++] = (struct delay){ slot, ms < 0 ? 0 : ms };
	}
	qsort(list, n, sizeof(*list), by_slot_and_length);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from; to < n && list[to].slot == list[from].slot; to++)
			;
		size_t count = to - from;
		out[list[from].slot] = (struct recent_delay){
			(int64_t)count, list[from + (count - 1) / 2].ms,
			list[from + (count - 1) * 95 / 100].ms
		};
	}
}

void recent_read(struct db *db, const struct table *table, int64_t now_ms, struct arena *memory,
		 struct recent *out)
{
	/* Slots begin at full six hours, so that a look a minute later shows the same bars. */
	int64_t end_ms = (now_ms / RECENT_SLOT_MS + 1) * RECENT_SLOT_MS;

	*out = (struct recent){ .begin_ms = end_ms - RECENT_SLOTS * RECENT_SLOT_MS };
	out->rule = arena_alloc(memory, (table->n_rule + 1) * sizeof(*out->rule));
	for (size_t i = 0; i < table->n_rule; i++)
		read_rule(db, table->rule[i].name, out->begin_ms, &out->rule[i]);
	out->issued = db_integer(
		db, 0, "SELECT count(*) FROM trail WHERE state = 'issued' AND at_ms >= ?1", "i",
		out->begin_ms);
	read_delays(db_select(db,
			      "SELECT made_ms, made_ms - at_ms FROM event WHERE id >= ?1"
			      " AND rule IS NULL ORDER BY id DESC LIMIT ?2",
			      "ii", first_event(db, out->begin_ms), (int64_t)RECENT_ROWS),
		    out->begin_ms, memory, out->decision);
	read_delays(db_select(db,
			      "SELECT t.at_ms, t.at_ms - i.at_ms FROM trail t JOIN issuance i"
			      " ON i.id = t.issuance WHERE t.state = 'issued' AND t.at_ms >= ?1"
			      " ORDER BY t.at_ms DESC LIMIT ?2",
			      "ii", out->begin_ms, (int64_t)RECENT_ROWS),
		    out->begin_ms, memory, out->credential);
}

/* ---- what a person has to look at -------------------------------------------------- */

size_t recent_parked(struct db *db, size_t most, struct arena *memory, struct parked **out,
		     int64_t *total)
{
	struct parked *list = arena_alloc(memory, (most + 1) * sizeof(*list));
	size_t n = 0;
	struct query *q = db_select(
		db,
		"SELECT rule, state, hold, count(*), max(updated_ms) FROM issuance"
		" WHERE " LEDGER_PARKED " GROUP BY rule, state, hold"
		" ORDER BY max(updated_ms) DESC, rule",
		"");

	*total = 0;
	while (query_next(q)) {
		*total += query_integer(q, 3);
		if (n == most)
			continue;
		list[n++] = (struct parked){
			.rule = arena_text(memory, query_slice(q, 0)),
			.state = arena_text(memory, query_slice(q, 1)),
			.hold = query_null(q, 2) ? NULL : arena_text(memory, query_slice(q, 2)),
			.count = query_integer(q, 3),
			.newest_ms = query_integer(q, 4),
		};
	}
	*out = list;
	return n;
}

/*
 * bursts - the model's reading of one property's history: behaviour.md, "How a
 * change is decided", points 1, 2, 4, 5 and 6, written down as plainly as they
 * stand there.
 *
 * Not the engine's way: it shares no code with engine/ or dsl/, so that the two
 * can be held against each other. Pure. Used by the simulation's oracle and by
 * the fuzzer that compares it with engine/burst.c.
 */
#ifndef MODEL_BURSTS_H
#define MODEL_BURSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* One write of the property; missing, null and "" are the empty slice. */
struct model_entry {
	int64_t at_ms;
	struct slice value;
	bool merge; /* written by a merge */
};

struct model_history {
	const struct model_entry *entry; /* oldest first */
	size_t entries;
	bool cut; /* it is full: the source may have dropped older ones */
	/* Entries at or before it only give the value to start from. */
	int64_t start_ms;
	/* Where something was decided before: its last entry. */
	bool decided;
	int64_t decided_ms;
	struct slice decided_value;
	int64_t settle_ms;
	int64_t created_ms; /* of the contact */
	int64_t creation_window_ms;
	bool from_merge; /* the record came out of a merge */
};

struct model_burst {
	int64_t first_ms, last_ms;
	struct slice from, to;
	bool from_known;
	bool event; /* false: the value came back to what it was */
};

/*
 * Writes the bursts in order of time to `out`, which has room for one an entry, and says how
 * many. *created_with (may be NULL) is the entry that the contact was created with, NULL where
 * it is none of those after the start.
 */
size_t model_bursts(const struct model_history *h, struct model_burst *out,
		    const struct model_entry **created_with);

#endif

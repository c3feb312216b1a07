/*
 * burst - the history of one property, cut into bursts. Pure: behaviour.md,
 * "How a change is decided", points 1, 2, 4, 5 and 6.
 */
#ifndef ENGINE_BURST_H
#define ENGINE_BURST_H

#include "base/arena.h"
#include "engine/contact.h"

/* A burst that was not decided yet, as the look before knew it. */
struct burst_waiting {
	int64_t first_ms, last_ms; /* its entries, at least: 0, where the first is not known */
	struct slice from, to;
	bool from_known;
};

struct burst_input {
	const struct entry *entry; /* oldest first */
	size_t entries;
	bool cut;		    /* older entries may be gone */
	int64_t start_ms;	    /* entries at or before it only give the value to start from */
	bool decided;		    /* something was decided before … */
	int64_t decided_ms;	    /* … up to this entry … */
	struct slice decided_value; /* … which had this value … */
	bool decided_forgotten;	    /* … that nobody knows any more */
	/* What waits, in order of time. Of what began before the oldest entry that is left, it tells how. */
	const struct burst_waiting *waiting;
	size_t n_waiting;
	int64_t settle_ms;
	int64_t created_ms; /* of the contact */
	int64_t creation_window_ms;
	bool from_merge; /* the record came out of a merge: point 5 does not apply */
};

struct burst {
	int64_t first_ms; /* of its first entry */
	int64_t last_ms;  /* time of its last entry: the event's `at` */
	struct slice from, to;
	bool from_known;
	bool change; /* from differs from to: it is an event once decided */
	/* Its entries that are left, with those that repeat a value among them and soon after. */
	size_t first, entries;
	bool afresh; /* it would have continued the one before, which had lasted as long as one may */
};

struct burst_output {
	struct burst *burst; /* in order of time, in the caller's arena */
	size_t bursts;
	/* the first entry after the start was the value that the contact was created with … */
	bool created_with;
	struct slice created_value; /* … this one … */
	int64_t created_at_ms;	    /* … then */
	bool lost;		    /* entries since the start are gone unseen */
};

/*
 * Where the decided value was erased with its person (engine/forget.h), the entry itself tells it, if the
 * source still has it: to be called before burst_find.
 */
void burst_recall(const struct contact_property *p, struct burst_input *in);

void burst_find(const struct burst_input *in, struct arena *memory, struct burst_output *out);

#endif

/*
 * changes - what a burst was made of, as it is kept with its event: each change with its time and value, for
 * a person who asks why only the last one counted (engine/why.h). Nothing is decided by it.
 *
 * Kept as JSON, `[[time, value, kind], …]`, and only of bursts of more than one entry, or that began afresh. Values that are long
 * are cut; what they were compared with was not.
 */
#ifndef ENGINE_CHANGES_H
#define ENGINE_CHANGES_H

#include "engine/burst.h"

enum change_kind {
	CHANGE_MADE,   /* the value was another one before */
	CHANGE_SAME,   /* the same value was written again: no change */
	CHANGE_AFRESH, /* as made, and the burst before it had lasted as long as one may */
	CHANGE_KINDS
};

#define CHANGE_VALUE_BYTES 120u /* of a value that is kept */

struct change {
	int64_t at_ms; /* the source's clock */
	struct slice value;
	enum change_kind kind;
};

/* The text of a burst of these entries, in `memory`; empty where there is nothing to tell. */
struct slice changes_text(const struct burst *burst, const struct entry *entry,
			  struct arena *memory);

/* Reads such a text into `memory`; answers how many. What is no such text has none. */
size_t changes_read(struct slice text, struct arena *memory, struct change **out);

#endif

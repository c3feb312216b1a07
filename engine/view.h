/*
 * view - one contact as dsl/eval.h wants to see it: as it is now, or as it was
 * at a moment, from the history.
 */
#ifndef ENGINE_VIEW_H
#define ENGINE_VIEW_H

#include "dsl/eval.h"
#include "engine/contact.h"
#include "engine/source.h"

struct view {
	const struct contact *contact;
	const struct source_ops *ops;
	struct source *origin; /* for labels */
	bool current;	       /* as it is now; else as of as_of_ms */
	int64_t as_of_ms;
	/* out: the history did not reach back, the oldest known value was used */
	bool reached_back;
};

/* Facts that read `view`, which must outlive them. */
struct facts view_facts(struct view *view);

#endif

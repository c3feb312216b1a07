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

/*
 * Goes on to the next moment, up to until_ms, at which any of the first `properties` changed.
 * False: there is none.
 */
bool view_step(struct view *view, size_t properties, int64_t until_ms);

/* Facts that read `view`, which must outlive them. */
struct facts view_facts(struct view *view);

#endif

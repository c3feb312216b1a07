/*
 * explain - what a failed rehearsal has to say: what was expected, what came, and why.
 *
 * Lines without layout, for the text, the JSON and the JUnit form of a result alike.
 */
#ifndef ENGINE_REHEARSAL_EXPLAIN_H
#define ENGINE_REHEARSAL_EXPLAIN_H

#include "engine/rehearsal/verdict.h"

struct told {
	const char *kind; /* "expected", "issued", "why", "saw", "hint", "stopped" */
	const char *text; /* one line */
	const char *file; /* where to look; NULL: nowhere */
	uint32_t line;
};

struct explanation {
	struct told *told; /* heap; texts live in the rehearsal's memory */
	size_t count, cap;
};

/* `tests` holds the files that the test's places are in; `table` was in force at the start. */
void explanation_make(struct explanation *x, struct rehearsal *r, const struct verdict *v,
		      const struct sources *tests, const struct table *table);
void explanation_release(struct explanation *x);

#define AFTER_TEXT 32
/* Time since the start of a test: `+0:01:20`, `+2d 03:00:00`; the answer is `out`. */
const char *after_text(int64_t after_ms, char out[AFTER_TEXT]);

#endif

/*
 * diag - what is wrong in the user's text, collected.
 *
 * Diagnostics are never printed where they are found and never stop at the
 * first. A span counts lines and columns from 1, columns in characters; its end
 * is one past the last character. Message style: lower case, no full stop, fact
 * first, the subject in single quotes.
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct span {
	uint32_t file; /* index into the list of files that the run has read */
	uint32_t line, column;
	uint32_t end_line, end_column;
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diag {
	struct span at;
	enum severity severity;
	const char *code; /* a stable word, e.g. "unknown-key" */
	const char *message;
	const char *hint;	/* NULL where there is none */
	const char *rule;	/* name of the rule it belongs to, or NULL */
	struct span other;	/* a second place; other.line is 0 where there is none */
	const char *other_note; /* what stands there, e.g. "first defined here" */
};

struct diags {
	struct diag *list;
	size_t count, cap;
	size_t errors, warnings;
	size_t dropped;	    /* past LIMIT_DIAGNOSTICS: counted, not kept … */
	struct diag unkept; /* … but here, until the next one */
	struct arena text;
};

void diags_init(struct diags *d);
void diags_release(struct diags *d);
/*
 * Adds one; `d->rule` etc. are set through the answer, which stays valid until
 * the next call. Never NULL. `code` must be a string constant.
 */
struct diag *diags_add(struct diags *d, enum severity severity, const char *code, struct span at,
		       const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Sets the hint of the diagnostic just added. */
void diag_hint(struct diags *d, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Sorts by file, line, column; equal ones (same code, place and message) become one. */
void diags_sort(struct diags *d);

/*
 * The nearest of `words` to `word` by edit distance, or NULL when none is near
 * enough to be meant. A difference of case, or of - and _, counts nothing.
 * Deterministic: the first of equals.
 */
const char *diag_nearest(struct slice word, const char *const *words, size_t count);

#endif

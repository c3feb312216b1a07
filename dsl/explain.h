/*
 * explain - what a code of dsl/codes.h means, at length: for `validate --explain` and SARIF.
 *
 * Not here: the texts. They are dsl/explain/CODE.md, made into C when the program is built;
 * tests/e2e/explain.sh holds that each code has one, and that its examples do what they show.
 */
#ifndef DSL_EXPLAIN_H
#define DSL_EXPLAIN_H

#include "base/str.h"

/* Texts are lines, each ended by a line feed. */
struct explanation {
	const char *code;
	const char *what; /* what it means */
	const char *why;  /* why it matters */
	/*
	 * A rule file, or shell commands that make one. A line `# PATH.yaml` or `# PATH.lock` begins another file;
	 * a line of only blanks, carets and a message marks the place above it.
	 */
	const char *wrong, *right;
};

/* NULL where there is no such code. */
const struct explanation *explain_code(struct slice word);
/* The code that is most like it, or NULL. */
const char *explain_nearest(struct slice word);

#endif

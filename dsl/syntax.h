/*
 * syntax - what a YAML parser complains of, in the words of a person who edits
 * a file, with what to do about it.
 */
#ifndef DSL_SYNTAX_H
#define DSL_SYNTAX_H

#include "base/str.h"

struct syntax_words {
	const char *message;
	const char *hint; /* NULL where there is none */
	bool at_context;  /* it is seen best where the thing begins, not where it went wrong */
};

/* `problem` and `context` (may be NULL) as libyaml says them; `rest` is the text from the problem
 * on. */
struct syntax_words syntax_words(const char *problem, const char *context, struct slice rest);

#endif

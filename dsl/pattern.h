/*
 * pattern - regular expressions of a table: equal ones are compiled once.
 */
#ifndef DSL_PATTERN_H
#define DSL_PATTERN_H

#include "base/map.h"
#include "base/regex.h"

struct patterns {
	struct map by_text;  /* pattern to struct regex */
	struct regex **list; /* heap, owned */
	size_t count, cap;
};

void patterns_init(struct patterns *p);
void patterns_release(struct patterns *p);
/* The compiled pattern, lent; NULL where it is wrong, as regex_compile says. */
const struct regex *patterns_compile(struct patterns *p, struct slice pattern, size_t *offset,
				     struct err *err);
/* A pattern that matches `text` itself, case ignored, between two pieces of syntax. */
struct slice pattern_literal(struct arena *arena, const char *before, struct slice text,
			     const char *behind);

#endif

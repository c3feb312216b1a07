/*
 * pattern - regular expressions of a table: equal ones are there once.
 *
 * A pattern that means no more than a choice of texts (dsl/literals.h) is kept as those and never
 * compiled: it is right as it stands, and compiling costs more than reading all the rest of a rule.
 */
#ifndef DSL_PATTERN_H
#define DSL_PATTERN_H

#include "base/map.h"
#include "base/regex.h"

struct literals;

struct pattern {
	struct slice text;
	const struct literals *texts; /* all that it means; NULL where it is more than texts */
	struct regex *regex;	      /* where there are no texts; owned */
};

struct patterns {
	struct map by_text;    /* pattern to struct pattern */
	struct pattern **list; /* heap; in the arena */
	size_t count, cap;
	struct arena arena;
	struct arena scratch; /* what reading leaves behind */
};

void patterns_init(struct patterns *p);
void patterns_release(struct patterns *p);
/* No more patterns will come: what is only needed for that goes. */
void patterns_close(struct patterns *p);
/* The pattern, lent; NULL where it is wrong, as regex_compile says. */
const struct pattern *patterns_read(struct patterns *p, struct slice text, size_t *offset,
				    struct err *err);
/* Whether it matches somewhere in a value that is not empty, as PCRE2 would say. */
enum regex_answer pattern_match(const struct pattern *p, struct slice value);
/* A pattern that matches `text` itself, case ignored, between two pieces of syntax. */
struct slice pattern_literal(struct arena *arena, const char *before, struct slice text,
			     const char *behind);

#endif

/*
 * filter - `filters:` read, checked and turned into steps in one walk.
 *
 * What comes out is a draft: it lends from nodes and has property names where a
 * table has numbers. dsl/compile.c makes it a struct filter.
 */
#ifndef DSL_FILTER_H
#define DSL_FILTER_H

#include "dsl/about.h"
#include "dsl/fault.h"
#include "dsl/pattern.h"
#include "dsl/program.h"

struct filter_draft {
	struct step *step;
	size_t n_step;
	struct test *test;
	size_t n_test;
	struct test_place *place; /* by test */
};

/* An entry is a test, which names a property and an operator of dsl/operator.c, or one of these. */
#define FILTER_GROUPS 3
struct filter_group {
	const char *name;
	enum step_op op;
	struct about about;
};
extern const struct filter_group filter_groups[FILTER_GROUPS];

extern const struct filter_property {
	const char *name;
	struct about about;
} filter_property;

/* Reads the value of `filters:`; what comes out is in the arena. */
void filter_read(struct faults *f, struct patterns *patterns, struct arena *arena,
		 const struct node *filters, struct filter_draft *out);

#endif

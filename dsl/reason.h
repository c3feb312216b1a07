/*
 * reason - whether tests of one property can hold together.
 *
 * For warnings only: it may fail to see that they cannot, it never says so where they can. An
 * answer holds for every value that a property may have, the empty one included, as test_run
 * takes it. Tests of different properties have nothing to do with each other here.
 */
#ifndef DSL_REASON_H
#define DSL_REASON_H

#include "dsl/node.h"
#include "dsl/program.h"

/* A test, or its contrary, that must hold, and where it stands. */
struct literal {
	const struct test *test;
	bool negated;
	const struct node *entry;
};

/* The tests that must all hold at one place of a filter. */
struct literal_list {
	struct literal *list; /* heap */
	size_t count, cap;
};

void literal_list_add(struct literal_list *l, struct literal one);

bool literal_same_property(const struct literal *a, const struct literal *b);
struct literal literal_contrary(struct literal l);

/* No value of the property of `l` passes it and those of `others` that test the same property. */
bool reason_excludes(const struct literal_list *others, struct literal l);
/* No value passes both. */
bool reason_excludes_pair(struct literal a, struct literal b);
/* Whatever passes all of `premises` passes `l`. */
bool reason_implies(const struct literal_list *premises, struct literal l);

#endif

/*
 * mutate - a table that differs from another in one thing: whether any rule test
 * notices tells how much the tests hold.
 *
 * The table that it is made of stays as it is, and is held by the one made.
 */
#ifndef DSL_MUTATE_H
#define DSL_MUTATE_H

#include "dsl/table.h"

enum mutation_kind {
	MUTATE_DROP_TEST,   /* a test of the filters is left out */
	MUTATE_NEGATE_TEST, /* it holds where it did not */
	MUTATE_DROP_FROM,   /* any value before will do */
	MUTATE_DROP_TO,	    /* any value but the empty one will do */
	MUTATE_FROM_VALUE,  /* one of several values of from is left out */
	MUTATE_TO_VALUE,
};

struct mutation {
	uint32_t rule; /* index in table->rule */
	enum mutation_kind kind;
	uint32_t index; /* of the test, or of the value */
};

/* The mutations that a rule has, by index. */
size_t mutation_count(const struct rule *rule);
struct mutation mutation_at(const struct rule *rule, size_t i);

/* What the mutation is, for people. */
struct mutation_place {
	const char *what,
		*file; /* the test in words of the file, or "from", "to"; lent by the table */
	uint32_t line, column;
	struct slice value; /* MUTATE_FROM_VALUE, MUTATE_TO_VALUE; else empty */
	const char *change; /* "left out", "negated"; a constant */
};
struct mutation_place mutation_place(const struct table *t, const struct mutation *m);

/* The caller owns one reference. */
struct table *table_mutate(struct table *t, const struct mutation *m);

#endif

/*
 * ruletest_read - the reader of one rule test, between its files.
 *
 * dsl/ruletest_keys.c has the keys; dsl/ruletest.c reads documents, contacts, lists and
 * what is expected; dsl/ruletest_steps.c what happens. Beside them only who shows the
 * language includes this.
 */
#ifndef DSL_RULETEST_READ_H
#define DSL_RULETEST_READ_H

#include "base/map.h"
#include "dsl/keys.h"
#include "dsl/ruletest.h"

/* ---- keys ---------------------------------------------------------------- */

struct ruletest_draft {
	const struct node *name, *description, *start, *contacts, *lists, *steps, *expect;
};

struct ruletest_list_draft {
	const struct node *id, *name, *members;
};

struct ruletest_entry_draft {
	const struct node *rule, *contact, *state, *group, *reason;
};

struct ruletest_step_draft {
	int64_t at_ms, down_ms;
	const struct node *what;
};

/* The ids that a step takes. */
struct ruletest_ids_draft {
	const struct node *contact, *list, *primary, *other, *into;
};

struct ruletest_fault_draft {
	int call;
	const struct node *with, *times;
};

extern const struct keys ruletest_keys, ruletest_list_keys, ruletest_entry_keys, ruletest_step_keys;
extern const struct keys ruletest_ids_keys[];	/* by DO_JOIN, DO_LEAVE, DO_MERGE, DO_DELETE */
extern const struct keys ruletest_fault_keys[]; /* by DO_FAIL_SINK, DO_FAIL_SOURCE */
/* The calls of the sandbox that the words of `fail:` mean, likewise. */
extern const char *const *const ruletest_calls[];

/* ---- reading ------------------------------------------------------------- */

/* A contact of the test that is being read, as its steps go by. */
struct ruletest_person {
	int64_t id;
	const struct node *made,
		*gone; /* where it was made, and deleted or merged away (or NULL) */
};

struct ruletest_reader {
	struct faults *f;
	struct arena *arena;
	const struct ruletest_ground *ground;
	struct ruletest *test;
	struct map people; /* id to struct ruletest_person */
};

/* A whole number without a sign, at least 1: ids of contacts and lists. */
bool ruletest_read_id(struct ruletest_reader *r, const struct node *n, const char *what,
		      int64_t *out);
/* A contact begins to be: false where there was one of this id before. */
bool ruletest_person_made(struct ruletest_reader *r, const struct node *n, int64_t id);
/* The contact that is there now, or NULL after a fault at n. */
struct ruletest_person *ruletest_person(struct ruletest_reader *r, const struct node *n,
					int64_t id);
/* Whether there ever was one. */
struct ruletest_person *ruletest_person_ever(struct ruletest_reader *r, int64_t id);
void ruletest_hint_persons(struct ruletest_reader *r);
/* The members of a map but the one called `but`, as properties and their values. */
bool ruletest_read_values(struct ruletest_reader *r, const struct node *map, const char *but,
			  struct ruletest_pairs *out);
/* A node's text in the file as one line, long ones cut. */
const char *ruletest_line(struct ruletest_reader *r, const struct node *n);

/* The value of `steps:`. */
void ruletest_read_steps(struct ruletest_reader *r, const struct node *list);

#endif

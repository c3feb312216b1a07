/*
 * ruletest - rule tests as files: what is there, what happens, what must come of it.
 *
 * A test document is read with the same nodes, key tables and faults as a rule,
 * against the rules that it tests: what it expects of a rule or a field that does
 * not exist, or sets of a property that contacts do not have, is found here, with its
 * place, not by a test that fails (or passes, where nothing is expected). Living a test
 * is engine/rehearsal's. Used by `hs2cert test`, its unit tests and its fuzzer.
 *
 * Invariants of what was read without an error:
 *  1. Steps are in order of time.
 *  2. A contact that a step names is there at that time: declared, created or made by
 *     a merge, and not deleted or merged away.
 *  3. Every rule that is expected is in force at some time, and may have every field named.
 */
#ifndef DSL_RULETEST_H
#define DSL_RULETEST_H

#include "base/arena.h"
#include "dsl/build.h"
#include "dsl/lock.h"

/* A property or field and its value. */
struct ruletest_pair {
	const char *name;
	struct slice value;
};

struct ruletest_pairs {
	struct ruletest_pair *list;
	size_t count;
};

struct ruletest_contact {
	int64_t id;
	struct ruletest_pairs value;
};

struct ruletest_list {
	int64_t id;
	const char *name;
	const int64_t *member;
	size_t members;
};

enum ruletest_do {
	DO_SET,
	DO_CREATE,
	DO_JOIN,
	DO_LEAVE,
	DO_MERGE,
	DO_DELETE,
	DO_RESTART,
	DO_RELOAD,
	DO_FAIL_SINK,	/* `certifier:` */
	DO_FAIL_SOURCE, /* `hubspot:` */
	DO_COUNT
};
/* The words of the files, by enum ruletest_do. */
extern const char *const ruletest_do_names[DO_COUNT + 1];

/* How requests fail. */
enum ruletest_with { WITH_STATUS, WITH_CUT_BEFORE, WITH_CUT_AFTER, WITH_TIMEOUT };

struct ruletest_step {
	struct span at;
	const char *text; /* as it stands in the file, one line */
	int64_t after_ms; /* from the start */
	enum ruletest_do what;
	int64_t contact; /* of a merge: the primary */
	int64_t other, into, list;
	struct ruletest_pairs value; /* DO_SET, DO_CREATE */
	int64_t down_ms;	     /* DO_RESTART */
	struct table *table;	     /* DO_RELOAD: owned by the tests */
	const char *fail;	     /* DO_FAIL_*: which call, as the sandbox names it */
	enum ruletest_with with;
	int status, times;
};

struct ruletest_entry {
	struct span at;
	const char *text; /* as it stands in the file, one line */
	const char *rule;
	int64_t contact;
	const char *state, *group, *reason; /* NULL: not named */
	struct ruletest_pairs field;
};

struct ruletest {
	struct span at; /* of its name */
	const char *name;
	int64_t start_ms;
	struct ruletest_contact *contact;
	size_t contacts;
	struct ruletest_list *list;
	size_t lists;
	struct ruletest_step *step;
	size_t steps;
	struct ruletest_entry *expect;
	size_t expects;
};

struct ruletests {
	struct sources sources; /* of the test files: the caller fills them before the reading */
	struct ruletest *test;
	size_t count, cap;
	struct arena arena;
};

/* What tests are read against. */
struct ruletest_ground {
	const struct sources *rules; /* that `table` was made of: a reload reads beside them */
	const struct table *table; /* NULL: the rules are wrong, and no name of theirs is checked */
	const char *const *states; /* of an issuance, NULL-ended */
	const struct lock
		*lock; /* beside the rules: properties are checked against it; NULL: none is */
};

void ruletests_init(struct ruletests *t);
void ruletests_release(struct ruletests *t);
/*
 * Reads t->sources. Everything wrong in any file is in `diags`, sorted; t->test is to be used
 * only where there is no error. Reads files and folders that a `reload` names.
 */
void ruletests_read(struct ruletests *t, const struct ruletest_ground *ground, struct diags *diags);

#endif

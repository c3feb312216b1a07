/*
 * rehearse - what the tests of rule tests share: rules and tests from texts, lived.
 */
#ifndef TESTS_UNIT_REHEARSE_H
#define TESTS_UNIT_REHEARSE_H

#include "tests/unit/rules.h"

#include "engine/rehearsal/coverage.h"
#include "engine/rehearsal/mutants.h"

/* Rules and tests that must be right. */
struct troupe {
	struct built rules;
	struct ruletests tests;
	struct results results;
	const struct lock *lock;
};

/* Tests as they are read against rules and a lock (NULL: none); what is said is in `diags`. */
static inline void troupe_said(struct troupe *t, const char *rules, const char *tests,
			       const struct lock *lock, struct diags *diags)
{
	const char *states[STATE_COUNT + 1] = { NULL };

	*t = (struct troupe){ .lock = lock };
	memcpy(states, issuance_state_names, sizeof(issuance_state_names));
	build_slice(&t->rules, slice_of(rules));
	assert_non_null(t->rules.table);
	ruletests_init(&t->tests);
	diags_init(diags);
	sources_add_text(&t->tests.sources, "tests/all.yaml", slice_of(tests));
	struct ruletest_ground ground = { &t->rules.sources, t->rules.table, states, lock };
	ruletests_read(&t->tests, &ground, diags);
}

static inline void troupe_read(struct troupe *t, const char *rules, const char *tests)
{
	struct diags diags;

	troupe_said(t, rules, tests, NULL, &diags);
	for (size_t i = 0; i < diags.count; i++)
		printf("%u:%u: %s\n", diags.list[i].at.line, diags.list[i].at.column,
		       diags.list[i].message);
	assert_int_equal(diags.errors, 0);
	diags_release(&diags);
}

static inline void troupe_live(struct troupe *t, bool moments)
{
	struct rehearsal_options options = { .table = t->rules.table,
					     .moments = moments,
					     .lock = t->lock };

	t->results.list = mem_alloc((t->tests.count + 1) * sizeof(*t->results.list));
	t->results.tests = &t->tests.sources;
	for (size_t i = 0; i < t->tests.count; i++) {
		struct result *r = &t->results.list[t->results.count++];
		result_make(r, &t->tests.test[i], &t->tests.sources, &options);
		t->results.failed += !r->verdict.passed;
	}
}

static inline void troupe_release(struct troupe *t)
{
	for (size_t i = 0; i < t->results.count; i++)
		result_release(&t->results.list[i]);
	mem_free(t->results.list);
	ruletests_release(&t->tests);
	built_release(&t->rules);
}

/* How many fail; what they say goes to `told` (may be NULL). */
static inline size_t failures(const char *rules, const char *tests, struct str *told)
{
	struct troupe t;

	troupe_read(&t, rules, tests);
	troupe_live(&t, false);
	for (size_t i = 0; told && i < t.results.count; i++)
		report_text(&t.results.list[i], false, told);
	size_t failed = t.results.failed;
	troupe_release(&t);
	return failed;
}

#endif

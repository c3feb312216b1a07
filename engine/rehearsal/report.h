/*
 * report - results of rule tests as text, as JSON, and as JUnit XML.
 */
#ifndef ENGINE_REHEARSAL_REPORT_H
#define ENGINE_REHEARSAL_REPORT_H

#include "engine/rehearsal/explain.h"

/* One test, lived and judged. */
struct result {
	const struct ruletest *test;
	struct rehearsal rehearsal;
	struct verdict verdict;
	struct explanation explanation;
};

struct results {
	struct result *list; /* heap */
	size_t count, failed;
	const struct sources *tests;
};

/* Lives and judges one test; the caller ends with result_release. */
void result_make(struct result *out, const struct ruletest *test, const struct sources *tests,
		 const struct rehearsal_options *options);
void result_release(struct result *r);

/* "  ok    NAME", and where it failed what was expected and came; the timeline where it was kept. */
void report_text(const struct result *r, bool colour, struct str *out);
/* One object, without a line's end. */
void report_json(const struct result *r, const struct sources *tests, struct str *out);
/*
 * testsuites, a testsuite for each file, a testcase for each test. What XML 1.0 cannot hold (control
 * characters, bytes that are no UTF-8) is shown as \xNN. The same results give the same bytes:
 * there are no times in it.
 */
void report_junit(const struct results *r, struct str *out);

#endif

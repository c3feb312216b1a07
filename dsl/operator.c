/*
 * operator - the tests that a filter knows, one row each.
 *
 * A test sees a value that is not empty, except `known`; test_run has answered
 * for the empty one. To add an operator: one function, one row, and its line in
 * rules.md.
 */
#include <string.h>

#include "dsl/program.h"

static enum answer yes_if(bool b)
{
	return b ? ANSWER_YES : ANSWER_NO;
}

static enum answer run_is(const struct test *t, struct slice value, const struct test_moment *m,
			  const char **note)
{
	(void)m, (void)note;
	return yes_if(slice_eq(value, t->value[0]));
}

static enum answer run_in(const struct test *t, struct slice value, const struct test_moment *m,
			  const char **note)
{
	size_t low = 0, high = t->n_value;

	(void)m, (void)note;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(value, t->value[middle]);
		if (order == 0)
			return ANSWER_YES;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return ANSWER_NO;
}

/* Options of a multi-checkbox stand as a;b;c. */
static enum answer run_has(const struct test *t, struct slice value, const struct test_moment *m,
			   const char **note)
{
	(void)m, (void)note;
	for (;;) {
		const char *stop = memchr(value.ptr, ';', value.len);
		size_t len = stop ? (size_t)(stop - value.ptr) : value.len;
		struct slice option = { value.ptr, len };
		if (slice_eq(slice_trim(option), t->value[0]))
			return ANSWER_YES;
		if (!stop)
			return ANSWER_NO;
		value = (struct slice){ stop + 1, value.len - len - 1 };
	}
}

static enum answer run_pattern(const struct test *t, struct slice value,
			       const struct test_moment *m, const char **note)
{
	(void)m;
	switch (regex_match(t->regex, value)) {
	case REGEX_YES:
		return ANSWER_YES;
	case REGEX_NO:
		return ANSWER_NO;
	default:
		*note = "the pattern hit its match limit";
		return ANSWER_LIMIT;
	}
}

static enum answer holds(const struct test *t, int order)
{
	unsigned bit = order < 0 ? ORDER_LESS : order > 0 ? ORDER_MORE : ORDER_EQUAL;

	return yes_if(t->op->order & bit);
}

static int64_t instant_of(const struct quantity *q, const struct test_moment *m)
{
	if (q->kind == QUANTITY_INSTANT)
		return q->instant_ms;
	struct civil day = clock_civil_local(m->as_of_ms);
	day = clock_add((struct civil){ day.year, day.month, day.day, 0, 0, 0, 0 }, q->days,
			UNIT_DAY);
	return clock_instant_local(day);
}

static enum answer run_order(const struct test *t, struct slice value, const struct test_moment *m,
			     const char **note)
{
	struct decimal number;
	int64_t at_ms;

	if (t->quantity.kind == QUANTITY_NUMBER) {
		if (decimal_parse(value, &number))
			return holds(t, decimal_compare(&number, &t->quantity.number));
		*note = "not a number";
		return ANSWER_NO;
	}
	if (clock_parse_value(slice_trim(value), &at_ms, NULL)) {
		int64_t operand = instant_of(&t->quantity, m);
		return holds(t, at_ms < operand ? -1 : at_ms > operand);
	}
	*note = "not a date";
	return ANSWER_NO;
}

static enum answer run_known(const struct test *t, struct slice value, const struct test_moment *m,
			     const char **note)
{
	(void)m, (void)note;
	return yes_if((value.len > 0) == t->flag);
}

const struct operator operators[] = {
	{ "is", OPERAND_TEXT, false, 0, NULL, NULL, run_is },
	{ "is-not", OPERAND_TEXT, true, 0, NULL, NULL, run_is },
	{ "in", OPERAND_TEXTS, false, 0, NULL, NULL, run_in },
	{ "not-in", OPERAND_TEXTS, true, 0, NULL, NULL, run_in },
	{ "contains", OPERAND_PIECE, false, 0, "(?i)", "", run_pattern },
	{ "starts-with", OPERAND_PIECE, false, 0, "(?i)\\A", "", run_pattern },
	{ "ends-with", OPERAND_PIECE, false, 0, "(?i)", "\\z", run_pattern },
	{ "matches", OPERAND_PATTERN, false, 0, NULL, NULL, run_pattern },
	{ "has", OPERAND_OPTION, false, 0, NULL, NULL, run_has },
	{ "has-not", OPERAND_OPTION, true, 0, NULL, NULL, run_has },
	{ "at-least", OPERAND_QUANTITY, false, ORDER_EQUAL | ORDER_MORE, NULL, NULL, run_order },
	{ "at-most", OPERAND_QUANTITY, false, ORDER_EQUAL | ORDER_LESS, NULL, NULL, run_order },
	{ "more-than", OPERAND_QUANTITY, false, ORDER_MORE, NULL, NULL, run_order },
	{ "less-than", OPERAND_QUANTITY, false, ORDER_LESS, NULL, NULL, run_order },
	{ "before", OPERAND_MOMENT, false, ORDER_LESS, NULL, NULL, run_order },
	{ "after", OPERAND_MOMENT, false, ORDER_MORE, NULL, NULL, run_order },
	{ "known", OPERAND_FLAG, false, 0, NULL, NULL, run_known },
};

const size_t operator_count = sizeof(operators) / sizeof(operators[0]);

enum answer test_run(const struct test *t, struct slice value, const struct test_moment *m,
		     const char **note)
{
	*note = NULL;
	if (value.len == 0 && t->op->form != OPERAND_FLAG) {
		*note = t->op->contrary ? NULL : "empty";
		return yes_if(t->op->contrary);
	}
	enum answer answer = t->op->run(t, value, m, note);
	if (!t->op->contrary || answer > ANSWER_YES)
		return answer;
	return yes_if(answer == ANSWER_NO);
}

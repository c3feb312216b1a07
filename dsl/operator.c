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
	switch (pattern_match(t->pattern, value)) {
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
	{ .name = "is",
	  .form = OPERAND_TEXT,
	  .run = run_is,
	  .about = { "Is", "The value is this, exactly.", "PL" } },
	{ .name = "is-not",
	  .form = OPERAND_TEXT,
	  .contrary = true,
	  .run = run_is,
	  .about = { "Is not", "The value is not this. Holds for an empty value too.", "PL" } },
	{ .name = "in",
	  .form = OPERAND_TEXTS,
	  .run = run_in,
	  .about = { "Is one of", "The value is one of these, exactly.", "[PL, DE]" } },
	{ .name = "not-in",
	  .form = OPERAND_TEXTS,
	  .contrary = true,
	  .run = run_in,
	  .about = { "Is none of", "The value is none of these. Holds for an empty value too.",
		     "[PL, DE]" } },
	{ .name = "contains",
	  .form = OPERAND_PIECE,
	  .before = "(?i)",
	  .behind = "",
	  .run = run_pattern,
	  .about = { "Contains", "This text is in the value; upper and lower case are alike.",
		     "academy" } },
	{ .name = "starts-with",
	  .form = OPERAND_PIECE,
	  .before = "(?i)\\A",
	  .behind = "",
	  .run = run_pattern,
	  .about = { "Starts with", "The value begins so; upper and lower case are alike.",
		     "dr" } },
	{ .name = "ends-with",
	  .form = OPERAND_PIECE,
	  .before = "(?i)",
	  .behind = "\\z",
	  .run = run_pattern,
	  .about = { "Ends with", "The value ends so; upper and lower case are alike.",
		     "'@example.org'" } },
	{ .name = "matches",
	  .form = OPERAND_PATTERN,
	  .run = run_pattern,
	  .about = { "Matches",
		     "This pattern (PCRE2) matches anywhere in the value; case matters, `(?i)` "
		     "in front makes it not. Best in single quotes.",
		     "'^\\d{5}$'" } },
	{ .name = "has",
	  .form = OPERAND_OPTION,
	  .run = run_has,
	  .about = { "Has", "The value is a multiple checkbox with this option ticked, exactly.",
		     "safety" } },
	{ .name = "has-not",
	  .form = OPERAND_OPTION,
	  .contrary = true,
	  .run = run_has,
	  .about = { "Has not",
		     "The value is a multiple checkbox without this option. Holds for an empty "
		     "value too.",
		     "safety" } },
	{ .name = "at-least",
	  .form = OPERAND_QUANTITY,
	  .order = ORDER_EQUAL | ORDER_MORE,
	  .run = run_order,
	  .about = { "At least", "The number or date is this or more.", "80" } },
	{ .name = "at-most",
	  .form = OPERAND_QUANTITY,
	  .order = ORDER_EQUAL | ORDER_LESS,
	  .run = run_order,
	  .about = { "At most", "The number or date is this or less.", "80" } },
	{ .name = "more-than",
	  .form = OPERAND_QUANTITY,
	  .order = ORDER_MORE,
	  .run = run_order,
	  .about = { "More than", "The number or date is more than this.", "80" } },
	{ .name = "less-than",
	  .form = OPERAND_QUANTITY,
	  .order = ORDER_LESS,
	  .run = run_order,
	  .about = { "Less than", "The number or date is less than this.", "80" } },
	{ .name = "before",
	  .form = OPERAND_MOMENT,
	  .order = ORDER_LESS,
	  .run = run_order,
	  .about = { "Before",
		     "The date or date-time is before this: a date, a date-time with zone, "
		     "`today`, `-30d` or `+2w`.",
		     "today" } },
	{ .name = "after",
	  .form = OPERAND_MOMENT,
	  .order = ORDER_MORE,
	  .run = run_order,
	  .about = { "After",
		     "The date or date-time is after this: a date, a date-time with zone, "
		     "`today`, `-30d` or `+2w`.",
		     "-30d" } },
	{ .name = "known",
	  .form = OPERAND_FLAG,
	  .run = run_known,
	  .about = { "Is known",
		     "`true`: the property has a value; `false`: it is empty or absent.",
		     "true" } },
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

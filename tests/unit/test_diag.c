/* Diagnostics: collected, sorted, made safe, and the word that was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/limits.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct span at(uint32_t file, uint32_t line, uint32_t column)
{
	return (struct span){ file, line, column, line, column + 1 };
}

static void collected_in_order_and_counted(void **state)
{
	struct diags d;

	(void)state;
	diags_init(&d);
	struct diag *one = diags_add(&d, SEVERITY_ERROR, "unknown-key", at(0, 3, 5),
				     "unknown key '%s'", "too");
	assert_null(one->hint);
	assert_null(one->rule);
	assert_int_equal(one->other.line, 0);
	diag_hint(&d, one, "did you mean '%s'?", "to");
	one->rule = "tier";
	(void)diags_add(&d, SEVERITY_WARNING, "unused", at(0, 1, 1), "%s", "x");
	assert_int_equal(d.count, 2);
	assert_int_equal(d.errors, 1);
	assert_int_equal(d.warnings, 1);
	assert_string_equal(d.list[0].code, "unknown-key");
	assert_string_equal(d.list[0].message, "unknown key 'too'");
	assert_string_equal(d.list[0].hint, "did you mean 'to'?");
	assert_string_equal(d.list[0].rule, "tier");
	assert_int_equal(d.list[0].at.column, 5);
	diags_release(&d);
	assert_int_equal(d.count + d.errors + d.warnings, 0);
}

static void what_the_user_wrote_is_made_safe(void **state)
{
	struct diags d;

	(void)state;
	diags_init(&d);
	struct diag *one = diags_add(&d, SEVERITY_ERROR, "bad", at(0, 1, 1), "bad '%s'",
				     "\x1b[31m\n\xff");
	diag_hint(&d, one, "not '%s'", "\x07");
	assert_string_equal(d.list[0].message, "bad '\\x1b[31m\\x0a\\xff'");
	assert_string_equal(d.list[0].hint, "not '\\x07'");
	diags_release(&d);
}

static void sorted_by_file_line_column(void **state)
{
	static const uint32_t places[][3] = {
		{ 1, 1, 1 }, { 0, 10, 1 }, { 0, 9, 7 }, { 0, 9, 6 }, { 1, 0, 9 }
	};
	static const char *const order[] = { "3", "2", "1", "4", "0" };
	struct diags d;

	(void)state;
	diags_init(&d);
	for (size_t i = 0; i < COUNT(places); i++)
		(void)diags_add(&d, SEVERITY_ERROR, "x",
				at(places[i][0], places[i][1], places[i][2]), "%zu", i);
	diags_sort(&d);
	for (size_t i = 0; i < COUNT(order); i++)
		assert_string_equal(d.list[i].message, order[i]);
	diags_release(&d);
}

static void equal_ones_become_one(void **state)
{
	struct diags d;

	(void)state;
	diags_init(&d);
	for (int i = 0; i < 3; i++) {
		(void)diags_add(&d, SEVERITY_ERROR, "x", at(0, 1, 1), "same");
		(void)diags_add(&d, SEVERITY_WARNING, "w", at(0, 1, 1), "same");
	}
	(void)diags_add(&d, SEVERITY_ERROR, "x", at(0, 1, 1), "other");
	(void)diags_add(&d, SEVERITY_ERROR, "x", at(0, 1, 2), "same");
	(void)diags_add(&d, SEVERITY_ERROR, "x", at(1, 1, 1), "same");
	diags_sort(&d);
	assert_int_equal(d.count, 5);
	assert_int_equal(d.errors, 4);
	assert_int_equal(d.warnings, 1);
	diags_sort(&d); /* once more changes nothing */
	assert_int_equal(d.count, 5);
	diags_release(&d);
}

static void nothing_sorts(void **state)
{
	struct diags d;

	(void)state;
	diags_init(&d);
	diags_sort(&d);
	assert_int_equal(d.count, 0);
	diags_release(&d);
}

static void past_the_ceiling_counted_not_kept(void **state)
{
	struct diags d;

	(void)state;
	diags_init(&d);
	for (uint32_t i = 0; i < LIMIT_DIAGNOSTICS + 7; i++) {
		struct diag *one = diags_add(&d, SEVERITY_ERROR, "x", at(0, i + 1, 1), "%u", i);
		assert_non_null(one);
		assert_null(one->rule);
		one->rule = "r"; /* does no harm to one that is not kept, nor to the next */
		diag_hint(&d, one, "hint %u", i);
	}
	assert_int_equal(d.count, LIMIT_DIAGNOSTICS);
	assert_int_equal(d.dropped, 7);
	assert_int_equal(d.errors, LIMIT_DIAGNOSTICS + 7);
	assert_string_equal(d.list[LIMIT_DIAGNOSTICS - 1].message, "999");
	diags_release(&d);
}

/* ---- the nearest word ----------------------------------------------------- */

static const char *const words[] = { "trigger", "action", "filter",	  "to",
				     "from",	"settle", "missing-email" };

static void assert_nearest(const char *word, const char *expected)
{
	const char *got = diag_nearest(slice_of(word), words, COUNT(words));

	if (!got != !expected || (got && strcmp(got, expected) != 0))
		fail_msg("'%s': '%s' is not '%s'", word, got ? got : "-",
			 expected ? expected : "-");
}

static void the_word_that_was_meant(void **state)
{
	(void)state;
	assert_nearest("triger", "trigger");
	assert_nearest("tirgger", "trigger");
	assert_nearest("Trigger", "trigger");
	assert_nearest("TRIGGER", "trigger");
	assert_nearest("missing_email", "missing-email");
	assert_nearest("actions", "action");
	assert_nearest("form", "from");
	assert_nearest("setle", "settle");
	assert_nearest("too", "to");
}

static void nothing_is_better_than_a_wild_guess(void **state)
{
	char far_too_long[200];

	(void)state;
	assert_nearest("", NULL);
	assert_nearest("x", NULL);
	assert_nearest("properties", NULL);
	assert_nearest("zzzzzz", NULL);
	assert_nearest("\xff\xfe", NULL);
	memset(far_too_long, 't', sizeof(far_too_long));
	assert_null(diag_nearest((struct slice){ far_too_long, sizeof(far_too_long) }, words,
				 COUNT(words)));
	assert_null(diag_nearest(slice_of("to"), words, 0));
	assert_null(diag_nearest((struct slice){ 0 }, words, COUNT(words)));
}

static void the_longest_that_is_compared(void **state)
{
	char long_word[66], longer_word[66];
	const char *const list[] = { longer_word, long_word };

	(void)state;
	memset(long_word, 'a', 65);
	memset(longer_word, 'a', 65);
	long_word[64] = longer_word[65] = '\0';
	assert_ptr_equal(diag_nearest((struct slice){ long_word, 63 }, list, 2), long_word);
	assert_ptr_equal(diag_nearest((struct slice){ long_word, 64 }, list, 2), long_word);
	assert_null(diag_nearest((struct slice){ longer_word, 65 }, list, 2));
}

static void the_first_of_equals(void **state)
{
	static const char *const list[] = { "gold", "bold", "cold" };

	(void)state;
	assert_string_equal(diag_nearest(slice_of("hold"), list, COUNT(list)), "gold");
	assert_string_equal(diag_nearest(slice_of("boldd"), list, COUNT(list)), "bold");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collected_in_order_and_counted),
		cmocka_unit_test(what_the_user_wrote_is_made_safe),
		cmocka_unit_test(sorted_by_file_line_column),
		cmocka_unit_test(equal_ones_become_one),
		cmocka_unit_test(nothing_sorts),
		cmocka_unit_test(past_the_ceiling_counted_not_kept),
		cmocka_unit_test(the_word_that_was_meant),
		cmocka_unit_test(nothing_is_better_than_a_wild_guess),
		cmocka_unit_test(the_longest_that_is_compared),
		cmocka_unit_test(the_first_of_equals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

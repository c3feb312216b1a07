/* Another machine's clock, our own pace, and how long to wait after a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/backoff.h"
#include "engine/hubspot/limiter.h"
#include "engine/skew.h"

#define T INT64_C(1795435220000) /* a whole second */

/* ---- skew ----------------------------------------------------------------- */

static void nothing_is_known_before_the_first_answer(void **state)
{
	struct skew s = { 0 };

	(void)state;
	assert_false(s.known);
	assert_int_equal(skew_offset(&s), 0);
}

static void our_clock_is_set(void **state)
{
	struct skew s = { 0 };

	(void)state;
	skew_observe(&s, T, T + 200, T + 60000); /* theirs is a minute ahead */
	skew_shift(&s, 3600000);		 /* ours is set an hour ahead */
	assert_int_equal(skew_offset(&s), 59800 - 3600000);
	skew_shift(&s, -3600000);
	assert_int_equal(skew_offset(&s), 59800);
}

static void clocks_that_may_be_equal_are_equal(void **state)
{
	struct skew s = { 0 };

	(void)state;
	skew_observe(&s, T + 300, T + 900,
		     T); /* a date cut to its second lies before our sending */
	assert_true(s.known);
	assert_int_equal(s.low_ms, -900);
	assert_int_equal(s.high_ms, 699);
	assert_int_equal(skew_offset(&s), 0);
	s = (struct skew){ 0 };
	skew_observe(&s, T, T, T);
	assert_int_equal(skew_offset(&s), 0);
}

static void the_lower_bound_where_they_cannot_be_equal(void **state)
{
	struct skew s = { 0 };

	(void)state;
	skew_observe(&s, T, T + 200, T + 60000); /* theirs is a minute ahead */
	assert_int_equal(skew_offset(&s), 59800);
	s = (struct skew){ 0 };
	skew_observe(&s, T, T + 200, T - 60000); /* behind */
	assert_int_equal(skew_offset(&s), -60200);
	s = (struct skew){ 0 };
	skew_observe(&s, T + 1000, T + 1000, T); /* one millisecond too far to be equal */
	assert_int_equal(skew_offset(&s), -1000);
	s = (struct skew){ 0 };
	skew_observe(&s, T + 999, T + 999, T);
	assert_int_equal(skew_offset(&s), 0);
}

static void answers_narrow_each_other(void **state)
{
	struct skew s = { 0 };

	(void)state;
	skew_observe(&s, T, T + 200, T + 5000);	      /* 4800 to 5999 */
	skew_observe(&s, T + 700, T + 900, T + 6000); /* 5100 to 6299 */
	assert_int_equal(s.low_ms, 5100);
	assert_int_equal(s.high_ms, 5999);
	skew_observe(&s, T, T + 20000, T + 6000); /* a slow answer tells nothing more */
	assert_int_equal(s.low_ms, 5100);
	assert_int_equal(s.high_ms, 5999);
	assert_int_equal(skew_offset(&s), 5100);
}

static void many_answers_never_pass_the_truth(void **state)
{
	(void)state;
	for (int64_t truth = -3000; truth <= 3000; truth += 250) {
		struct skew s = { 0 };
		for (int64_t i = 0; i < 100; i++) {
			int64_t sent = T + i * 60137, written = sent + i % 7 * 10,
				received = written + i % 5 * 30;
			int64_t theirs = written + truth;
			skew_observe(&s, sent, received, theirs - theirs % 1000);
			assert_true(s.low_ms <= truth && truth <= s.high_ms);
			assert_true(skew_offset(&s) == 0 || skew_offset(&s) <= truth);
		}
		assert_true(s.high_ms - s.low_ms <= 250); /* and come near to it */
	}
}

static void a_clock_that_was_set_begins_anew(void **state)
{
	struct skew s = { 0 };

	(void)state;
	skew_observe(&s, T, T + 200, T);
	skew_observe(&s, T + 10000, T + 10200,
		     T + 3610000); /* an hour ahead: contradicts what was known */
	assert_int_equal(skew_offset(&s), 3599800);
	skew_observe(&s, T + 20000, T + 20200, T + 20000);
	assert_int_equal(skew_offset(&s), 0);
}

static void our_clock_went_back_during_the_request(void **state)
{
	struct skew s = { 0 };

	(void)state;
	skew_observe(&s, T + 60000, T, T + 30000);
	assert_true(s.known);
	assert_true(s.low_ms <= s.high_ms);
	assert_int_equal(skew_offset(&s), 30000);
}

/* ---- limiter -------------------------------------------------------------- */

static void so_many_and_then_it_waits(void **state)
{
	struct limiter l;

	(void)state;
	limiter_init(&l, 3, 1000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(limiter_ready_ms(&l, 100 + i), 100 + i);
		limiter_spend(&l, 100 + i);
	}
	assert_int_equal(limiter_ready_ms(&l, 103), 1100);
	assert_int_equal(limiter_ready_ms(&l, 1099), 1100);
	assert_int_equal(limiter_ready_ms(&l, 1100), 1100);
	limiter_spend(&l, 1100);
	assert_int_equal(limiter_ready_ms(&l, 1100), 1101);
	assert_int_equal(limiter_ready_ms(&l, 999999), 999999);
}

/* Spends as soon as it may, `count` times, and looks at every window. */
static void assert_paced(struct limiter *l, size_t count, size_t most, int64_t window_ms)
{
	static int64_t at[2000];
	int64_t now = 1;

	assert_true(count <= 2000);
	for (size_t i = 0; i < count; i++) {
		now = limiter_ready_ms(l, now + (i % 13 == 0 ? 7 : 0));
		limiter_spend(l, now);
		at[i] = now;
		if (i >= most)
			assert_true(at[i] - at[i - most] >= window_ms);
	}
	/* A backlog keeps the permitted rate in use. */
	assert_true(now <= (int64_t)(count / most + 1) * (window_ms + 200));
}

static void never_more_in_any_window(void **state)
{
	static const size_t mosts[] = { 1, 2, 5, 100, LIMITER_MOST };
	struct limiter l;

	(void)state;
	for (size_t i = 0; i < sizeof(mosts) / sizeof(mosts[0]); i++) {
		limiter_init(&l, mosts[i], 1100);
		assert_paced(&l, 2000, mosts[i], 1100);
	}
}

static void another_limit_counts_what_was_sent(void **state)
{
	struct limiter l;

	(void)state;
	limiter_init(&l, 100, 10250);
	for (int i = 0; i < 50; i++)
		limiter_spend(&l, i);
	assert_int_equal(limiter_ready_ms(&l, 50), 50);
	limiter_resize(&l, 10, 10250); /* smaller: the last ten count */
	assert_int_equal(limiter_ready_ms(&l, 50), 40 + 10250);
	limiter_resize(&l, 60, 10250);
	assert_int_equal(limiter_ready_ms(&l, 50), 50);
	limiter_resize(&l, 50, 20000);
	assert_int_equal(limiter_ready_ms(&l, 50), 20000);
}

static void a_limit_out_of_bounds(void **state)
{
	struct limiter l;

	(void)state;
	limiter_init(&l, 5, 1000);
	limiter_resize(&l, INT64_MAX, 1000);
	assert_int_equal(l.most, LIMITER_MOST);
	assert_paced(&l, 1000, LIMITER_MOST, 1000);
	limiter_init(&l, 5, 1000);
	limiter_resize(&l, 0,
		       1000); /* never nothing at all: that would stop the account for ever */
	limiter_resize(&l, -7, 1000);
	assert_in_range(l.most, 1, 5);
	assert_int_equal(limiter_ready_ms(&l, 9), 9);
}

/* ---- backoff -------------------------------------------------------------- */

static void doubles_from_a_second_to_a_quarter_of_an_hour(void **state)
{
	static const int64_t whole[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900 };

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		int64_t most = whole[i] * MS_SECOND;
		assert_int_equal(backoff_ms((int64_t)i + 1, 0), most / 2);
		assert_int_equal(backoff_ms((int64_t)i + 1, (uint64_t)most / 2), most);
		for (uint64_t r = 0; r < 50; r++)
			assert_in_range(backoff_ms((int64_t)i + 1, r * 0x9e3779b97f4a7c15u),
					most / 2, most);
		assert_in_range(backoff_ms((int64_t)i + 1, UINT64_MAX), most / 2, most);
	}
}

static void however_many_failures(void **state)
{
	(void)state;
	assert_int_equal(backoff_ms(INT64_MAX, 0), 450 * MS_SECOND);
	assert_int_equal(backoff_ms(0, 0), 500);
	assert_int_equal(backoff_ms(-1, 0), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_before_the_first_answer),
		cmocka_unit_test(our_clock_is_set),
		cmocka_unit_test(clocks_that_may_be_equal_are_equal),
		cmocka_unit_test(the_lower_bound_where_they_cannot_be_equal),
		cmocka_unit_test(answers_narrow_each_other),
		cmocka_unit_test(many_answers_never_pass_the_truth),
		cmocka_unit_test(a_clock_that_was_set_begins_anew),
		cmocka_unit_test(our_clock_went_back_during_the_request),
		cmocka_unit_test(so_many_and_then_it_waits),
		cmocka_unit_test(never_more_in_any_window),
		cmocka_unit_test(another_limit_counts_what_was_sent),
		cmocka_unit_test(a_limit_out_of_bounds),
		cmocka_unit_test(doubles_from_a_second_to_a_quarter_of_an_hour),
		cmocka_unit_test(however_many_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

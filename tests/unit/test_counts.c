/* What is counted for metrics: engine/counts.h, and the budget that a limiter has left. */
#include "tests/unit/sandbox_help.h"

#include "engine/counts.h"
#include "engine/hubspot/limiter.h"

static void note(struct calls *c, enum http_outcome outcome, int status)
{
	calls_note(c, &(struct http_response){ .outcome = outcome, .status = status });
}

static void test_calls(void **state)
{
	static const int64_t want[CALL_ENDS] = { 2, 3, 1, 2, 1, 1 };
	struct calls c = { { 0 } };

	(void)state;
	note(&c, HTTP_ANSWER, 200);
	note(&c, HTTP_ANSWER, 207);
	note(&c, HTTP_ANSWER, 401);
	note(&c, HTTP_ANSWER, 404);
	note(&c, HTTP_ANSWER, 302);
	note(&c, HTTP_ANSWER, 429);
	note(&c, HTTP_ANSWER, 500);
	note(&c, HTTP_ANSWER, 503);
	note(&c, HTTP_NOT_SENT, 0);
	note(&c, HTTP_UNKNOWN, 0);
	for (size_t i = 0; i < CALL_ENDS; i++)
		assert_int_equal(c.ended[i], want[i]);
}

static void test_delays(void **state)
{
	struct delays d = { .count = 0 };

	(void)state;
	assert_int_equal(delays_within_ms(&d, 50), -1);
	delays_note(&d, 1000);
	assert_int_equal(delays_within_ms(&d, 50), 1000);
	delays_note(&d, 1001);
	delays_note(&d, -5); /* two clocks */
	assert_int_equal(d.bucket[0], 2);
	assert_int_equal(d.bucket[1], 1);
	assert_int_equal(d.sum_ms, 2001);
	assert_int_equal(delays_within_ms(&d, 50), 1000);
	assert_int_equal(delays_within_ms(&d, 95), 2000);
	for (int i = 0; i < 97; i++)
		delays_note(&d, 2 * MS_DAY);
	assert_int_equal(d.count, 100);
	assert_int_equal(delays_within_ms(&d, 3), 2000);
	assert_int_equal(delays_within_ms(&d, 4), -1); /* longer than every bound */
}

static void test_made(void **state)
{
	struct counts c = { 0 };

	(void)state;
	for (size_t i = 0; i < MADE_COUNT; i++)
		counts_note_made(&c, made_names[i]);
	counts_note_made(&c, "something else");
	counts_note_made(NULL, "fired");
	for (size_t i = 0; i < MADE_COUNT; i++)
		assert_int_equal(c.made[i], 1);
}

static void test_budget(void **state)
{
	struct limiter l;

	(void)state;
	limiter_init(&l, 3, 1000);
	assert_int_equal(limiter_left(&l, 0), 3);
	limiter_spend(&l, 0);
	limiter_spend(&l, 500);
	assert_int_equal(limiter_left(&l, 500), 1);
	assert_int_equal(limiter_left(&l, 999), 1);
	assert_int_equal(limiter_left(&l, 1000), 2);
	limiter_spend(&l, 1000);
	limiter_spend(&l, 1000);
	assert_int_equal(limiter_left(&l, 1000), 0);
	assert_int_equal(limiter_ready_ms(&l, 1000), 1500);
	assert_int_equal(limiter_left(&l, 1499), 0);
	assert_int_equal(limiter_left(&l, 1500), 1);
	limiter_resize(&l, 1, 1000);
	assert_int_equal(limiter_left(&l, 1500), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_calls),
					    cmocka_unit_test(test_delays),
					    cmocka_unit_test(test_made),
					    cmocka_unit_test(test_budget) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

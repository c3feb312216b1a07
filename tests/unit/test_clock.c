/* Time: its arithmetic, its written forms, and the one zone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOON INT64_C(1795435220000) /* 2026-11-23T12:00:20Z, a Monday */

static void zone(const char *name)
{
	struct err err;

	if (clock_set_zone(name, &err) != RC_OK)
		fail_msg("%s", err.text);
}

static int back_to_utc(void **state)
{
	(void)state;
	zone("UTC");
	return 0;
}

static int64_t utc(int year, int month, int day, int hour, int minute)
{
	return clock_instant((struct civil){ year, month, day, hour, minute, 0, 0 });
}

static void assert_civil(struct civil c, int year, int month, int day, int hour, int minute)
{
	assert_int_equal(c.year, year);
	assert_int_equal(c.month, month);
	assert_int_equal(c.day, day);
	assert_int_equal(c.hour, hour);
	assert_int_equal(c.minute, minute);
}

/* ---- arithmetic ----------------------------------------------------------- */

static void known_instants(void **state)
{
	(void)state;
	assert_int_equal(utc(1970, 1, 1, 0, 0), 0);
	assert_int_equal(utc(2000, 3, 1, 0, 0), INT64_C(951868800000));
	assert_int_equal(utc(1, 1, 1, 0, 0), INT64_C(-62135596800000));
	assert_int_equal(utc(9999, 12, 31, 23, 59) + 59999, INT64_C(253402300799999));
	assert_int_equal(clock_instant((struct civil){ 2026, 11, 23, 12, 0, 20, 0 }), NOON);
}

static void before_1970_counts_down(void **state)
{
	struct civil c = clock_civil(-1);

	(void)state;
	assert_civil(c, 1969, 12, 31, 23, 59);
	assert_int_equal(c.second, 59);
	assert_int_equal(c.ms, 999);
	assert_int_equal(clock_instant(c), -1);
}

static void there_and_back_again(void **state)
{
	(void)state;
	/* A prime step visits every month, leap days and ends of centuries included. */
	for (int64_t at = utc(1, 1, 1, 0, 0); at < utc(9999, 12, 31, 0, 0);
	     at += 4999 * MS_HOUR + 7) {
		struct civil c = clock_civil(at);
		assert_true(clock_date_valid(c.year, c.month, c.day));
		assert_int_equal(clock_instant(c), at);
	}
}

static void days_that_exist(void **state)
{
	(void)state;
	assert_true(clock_date_valid(2024, 2, 29));
	assert_true(clock_date_valid(2000, 2, 29));
	assert_false(clock_date_valid(1900, 2, 29));
	assert_false(clock_date_valid(2026, 2, 29));
	assert_false(clock_date_valid(2026, 4, 31));
	assert_false(clock_date_valid(2026, 13, 1));
	assert_false(clock_date_valid(2026, 0, 1));
	assert_false(clock_date_valid(2026, 1, 0));
	assert_false(clock_date_valid(2026, 1, -1));
	assert_true(clock_date_valid(1, 1, 1));
	assert_false(clock_date_valid(0, 12, 31));
	assert_true(clock_date_valid(9999, 12, 31));
	assert_false(clock_date_valid(10000, 1, 1));
}

static void assert_added(struct civil from, int64_t n, enum calendar_unit unit, int year, int month,
			 int day)
{
	assert_civil(clock_add(from, n, unit), year, month, day, from.hour, from.minute);
}

static void adding_calendar_units(void **state)
{
	struct civil end = { 2026, 1, 31, 13, 45, 0, 0 };

	(void)state;
	assert_added(end, 1, UNIT_MONTH, 2026, 2, 28);
	assert_added(end, 25, UNIT_MONTH, 2028, 2, 29);
	assert_added(end, 3, UNIT_MONTH, 2026, 4, 30);
	assert_added(end, 12, UNIT_MONTH, 2027, 1, 31);
	assert_added(end, -1, UNIT_MONTH, 2025, 12, 31);
	assert_added(end, -2, UNIT_MONTH, 2025, 11, 30);
	assert_added(end, 1, UNIT_DAY, 2026, 2, 1);
	assert_added(end, -31, UNIT_DAY, 2025, 12, 31);
	assert_added(end, 1, UNIT_WEEK, 2026, 2, 7);
	assert_added(end, 0, UNIT_YEAR, 2026, 1, 31);
	assert_added((struct civil){ 2024, 2, 29, 1, 2, 0, 0 }, 1, UNIT_YEAR, 2025, 2, 28);
	assert_added((struct civil){ 2024, 2, 29, 1, 2, 0, 0 }, 4, UNIT_YEAR, 2028, 2, 29);
	assert_added((struct civil){ 2096, 2, 29, 1, 2, 0, 0 }, 4, UNIT_YEAR, 2100, 2, 28);
}

/* ---- the zone ------------------------------------------------------------- */

static void unknown_zones_are_refused(void **state)
{
	static const char *const bad[] = {
		"Mars/Olympus",
		"",
		"Europe",
		"europe/../../../../etc/passwd",
		"/etc/passwd",
		"/usr/share/zoneinfo/UTC",
		"Europe/Warsaw ",
		"CET-1CEST",
		"zone.tab",
		"tzdata.zi",
		".",
	};
	char far_too_long[600];
	struct err err = { "" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_set_zone(bad[i], &err) != RC_INVALID)
			fail_msg("'%s' was taken for a zone", bad[i]);
	assert_int_equal(clock_set_zone("Mars/Olympus", &err), RC_INVALID);
	assert_non_null(strstr(err.text, "Mars/Olympus"));
	/* A name whose first 255 bytes of path are those of a zone. */
	memset(far_too_long, 0, sizeof(far_too_long));
	while (strlen(far_too_long) < 255 - strlen("/usr/share/zoneinfo/") - strlen("UTC") - 1)
		strcat(far_too_long, "./");
	strcat(far_too_long, "/UTC-and-more");
	assert_int_equal(clock_set_zone(far_too_long, &err), RC_INVALID);
	assert_int_equal(clock_instant_local((struct civil){ 1970, 1, 1, 0, 0, 0, 0 }), 0);
}

static void civil_time_in_the_zone(void **state)
{
	(void)state;
	zone("Europe/Warsaw");
	assert_civil(clock_civil_local(utc(2026, 1, 5, 23, 30)), 2026, 1, 6, 0, 30);
	assert_civil(clock_civil_local(utc(2026, 7, 5, 22, 30)), 2026, 7, 6, 0, 30);
	assert_int_equal(clock_instant_local((struct civil){ 2026, 7, 6, 0, 30, 0, 7 }),
			 utc(2026, 7, 5, 22, 30) + 7);
	assert_int_equal(clock_civil_local(-1).ms, 999);
	assert_int_equal(clock_day_start(utc(2026, 7, 5, 22, 30)), utc(2026, 7, 5, 22, 0));
	assert_int_equal(clock_day_start(utc(2026, 7, 5, 22, 0)), utc(2026, 7, 5, 22, 0));
	assert_int_equal(clock_day_start(utc(2026, 7, 5, 22, 0) - 1), utc(2026, 7, 4, 22, 0));
}

static void days_of_23_and_25_hours(void **state)
{
	(void)state;
	zone("Europe/Warsaw");
	assert_int_equal(clock_day_start(utc(2026, 3, 29, 20, 0)), utc(2026, 3, 28, 23, 0));
	assert_int_equal(clock_day_start(utc(2026, 3, 30, 20, 0)), utc(2026, 3, 29, 22, 0));
	assert_int_equal(clock_day_start(utc(2026, 10, 25, 20, 0)), utc(2026, 10, 24, 22, 0));
	assert_int_equal(clock_day_start(utc(2026, 10, 26, 20, 0)), utc(2026, 10, 25, 23, 0));
}

static void times_that_never_came_or_came_twice(void **state)
{
	(void)state;
	zone("Europe/Warsaw");
	assert_int_equal(clock_instant_local((struct civil){ 2026, 3, 29, 2, 30, 0, 0 }),
			 utc(2026, 3, 29, 1, 30)); /* as 03:30 */
	assert_int_equal(clock_instant_local((struct civil){ 2026, 3, 29, 3, 0, 0, 0 }),
			 utc(2026, 3, 29, 1, 0));
	assert_int_equal(clock_instant_local((struct civil){ 2026, 10, 25, 2, 30, 0, 0 }),
			 utc(2026, 10, 25, 0, 30)); /* still summer time */
	assert_int_equal(clock_instant_local((struct civil){ 2026, 10, 25, 3, 0, 0, 0 }),
			 utc(2026, 10, 25, 2, 0));
	zone("Pacific/Apia"); /* which had no 2011-12-30 */
	assert_int_equal(clock_instant_local((struct civil){ 2011, 12, 30, 0, 0, 0, 0 }),
			 utc(2011, 12, 30, 10, 0));
	assert_int_equal(clock_day_start(utc(2011, 12, 30, 10, 0)), utc(2011, 12, 30, 10, 0));
	assert_int_equal(clock_day_start(utc(2011, 12, 30, 10, 0) - 1), utc(2011, 12, 29, 10, 0));
}

static void a_day_without_a_midnight_begins_after_the_gap(void **state)
{
	int64_t first = utc(2018, 11, 4, 3,
			    0); /* 00:00 -03 did not happen: clocks said 01:00 -02 */

	(void)state;
	zone("America/Sao_Paulo");
	assert_int_equal(clock_day_start(first), first);
	assert_int_equal(clock_day_start(first + 12 * MS_HOUR), first);
	assert_int_equal(clock_day_start(first - 1), utc(2018, 11, 3, 3, 0));
}

static void a_day_with_two_midnights_begins_at_the_first(void **state)
{
	int64_t first = utc(2025, 11, 2, 4,
			    0); /* 00:00 -04; at 01:00 the clocks go back to 00:00 -05 */

	(void)state;
	zone("America/Havana");
	assert_int_equal(clock_day_start(utc(2025, 12, 24, 12, 0)), utc(2025, 12, 24, 5, 0));
	assert_int_equal(clock_day_start(first + 12 * MS_HOUR), first);
	assert_int_equal(clock_day_start(utc(2025, 7, 24, 12, 0)), utc(2025, 7, 24, 4, 0));
	assert_int_equal(clock_day_start(first + 12 * MS_HOUR), first);
	assert_int_equal(clock_day_start(first + 30 * MS_MINUTE), first);
	assert_int_equal(clock_day_start(first + 90 * MS_MINUTE), first);
}

/* ---- reading -------------------------------------------------------------- */

static void dates(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-1-05",
		"2026-01-5",
		"2026-01-05 ",
		" 2026-01-05",
		"2026/01/05",
		"20260105",
		"2026-02-29",
		"2026-13-01",
		"0000-01-01",
		"+026-01-05",
		"2026-01-0a",
		"2026-01-05T",
		"2026-01",
		"-2026-01-05",
		"12026-01-05",
	};
	struct civil c;

	(void)state;
	assert_true(clock_parse_date(slice_of("2028-02-29"), &c));
	assert_civil(c, 2028, 2, 29, 0, 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_parse_date(slice_of(bad[i]), &c))
			fail_msg("'%s' was taken for a date", bad[i]);
	assert_false(clock_parse_date((struct slice){ "2026-01-05", 9 }, &c));
}

static void date_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "2026-11-23T12:00:20Z", NOON },
		{ "2026-11-23t12:00:20z", NOON },
		{ "2026-11-23 12:00:20Z", NOON },
		{ "2026-11-23T12:00:20.5Z", NOON + 500 },
		{ "2026-11-23T12:00:20.007Z", NOON + 7 },
		{ "2026-11-23T12:00:20.123999999999Z", NOON + 123 },
		{ "2026-11-23T12:00Z", NOON - 20000 },
		{ "2026-11-23T14:00:20+02:00", NOON },
		{ "2026-11-23T14:00:20+0200", NOON },
		{ "2026-11-23T14:00:20+02", NOON },
		{ "2026-11-23T06:30:20-05:30", NOON },
		{ "2026-11-24T02:00:20+14:00", NOON },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
	};
	static const char *const bad[] = {
		"",
		"2026-11-23",
		"2026-11-23T12:00:20",
		"2026-11-23T24:00:00Z",
		"2026-11-23T12:60:00Z",
		"2026-11-23T12:00:61Z",
		"2026-11-23T12Z",
		"2026-11-23T12:00:20ZZ",
		"2026-11-23T12:00:20 Z",
		"2026-11-23T12:00:20+15:00",
		"2026-11-23T12:00:20+02:60",
		"2026-11-23T12:00:20+2",
		"2026-11-23T12:00:20+02:",
		"2026-11-23T12:00:20+02:0",
		"2026-11-23T12:00:20.Z",
		"2026-02-30T12:00:20Z",
		"2026-11-23T12:00:20,5Z",
		"2026-11-23T1:00:20Z",
		"now",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (!clock_parse_datetime(slice_of(good[i].text), &ms))
			fail_msg("'%s' was not read", good[i].text);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_parse_datetime(slice_of(bad[i]), &ms))
			fail_msg("'%s' was taken for a time", bad[i]);
}

static void values_of_a_date_property(void **state)
{
	static const char *const bad[] = {
		"",	  "12345678",	   "123456789012345", "17954352200a0", "-1795435220000",
		"Bronze", "1795435220.00", "17954352 20000"
	};
	int64_t ms;
	bool is_date = false;

	(void)state;
	zone("Europe/Warsaw");
	assert_true(clock_parse_value(slice_of("2026-07-06"), &ms, &is_date));
	assert_true(is_date);
	assert_int_equal(ms, utc(2026, 7, 5, 22, 0));
	assert_true(clock_parse_value(slice_of("1795435220000"), &ms, &is_date));
	assert_false(is_date);
	assert_int_equal(ms, NOON);
	is_date = true;
	assert_true(clock_parse_value(slice_of("2026-11-23T12:00:20.000Z"), &ms, &is_date));
	assert_false(is_date);
	assert_int_equal(ms, NOON);
	assert_true(clock_parse_value(slice_of("999999999"), &ms, NULL));
	assert_int_equal(ms, 999999999);
	assert_true(clock_parse_value(slice_of("99999999999999"), &ms, NULL));
	/* A day in that form is its midnight in UTC, wherever days begin. */
	is_date = false;
	assert_true(clock_parse_value(slice_of("1783296000000"), &ms, &is_date));
	assert_true(is_date);
	assert_int_equal(ms, utc(2026, 7, 5, 22, 0));
	assert_true(clock_parse_value(slice_of("-631152000000"), &ms, &is_date));
	assert_true(is_date);
	assert_int_equal(ms, utc(1949, 12, 31, 23, 0));
	assert_true(clock_parse_stamp(slice_of("1783296000000"), &ms));
	assert_int_equal(ms, utc(2026, 7, 6, 0, 0));
	assert_true(clock_parse_stamp(slice_of("2026-07-06T00:00:00Z"), &ms));
	assert_int_equal(ms, utc(2026, 7, 6, 0, 0));
	assert_false(clock_parse_stamp(slice_of("-631152000000"), &ms));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_parse_value(slice_of(bad[i]), &ms, NULL))
			fail_msg("'%s' was taken for a time", bad[i]);
	assert_false(clock_parse_value((struct slice){ 0 }, &ms, NULL));
}

static void http_dates(void **state)
{
	static const char *const good[] = {
		/* all three forms of RFC 9110's own example */
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};
	static const char *const bad[] = {
		"",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 CET",
		"Sun, 31 Feb 1994 08:49:37 GMT",
		"Sun, 06 Foo 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"784111777",
		"Sun, 06 Nov 1994 08:49:37 GMT and more",
		"Sun, -6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:-9:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT                                              ",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(clock_parse_http(slice_of(good[i]), &ms));
		assert_int_equal(ms, INT64_C(784111777000));
	}
	assert_true(clock_parse_http(slice_of("Monday, 23-Nov-26 12:00:20 GMT"), &ms));
	assert_int_equal(ms, NOON);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_parse_http(slice_of(bad[i]), &ms))
			fail_msg("'%s' was taken for a date", bad[i]);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "0s", 0 },	   { "500ms", 500 },	 { "30s", 30000 },	 { "10m", 600000 },
		{ "2h", 7200000 }, { "7d", 7 * MS_DAY }, { "007d", 7 * MS_DAY },
	};
	static const char *const bad[] = {
		"",
		"10",
		"m",
		"10 m",
		" 10m",
		"10m ",
		"-10m",
		"+10m",
		"1.5h",
		"10M",
		"10min",
		"1h30m",
		"10w",
		"99999999999999999999999s",
		"9223372036854775807ms",
		"106751991168d1",
		"10000000000000000d",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (!clock_parse_duration(slice_of(good[i].text), &ms))
			fail_msg("'%s' was not read", good[i].text);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_parse_duration(slice_of(bad[i]), &ms))
			fail_msg("'%s' was taken for a duration", bad[i]);
	assert_false(clock_parse_duration((struct slice){ 0 }, &ms));
}

/* ---- writing -------------------------------------------------------------- */

static void written_forms(void **state)
{
	char out[CLOCK_TEXT];

	(void)state;
	assert_string_equal(clock_format(NOON + 7, out), "2026-11-23T12:00:20.007Z");
	assert_string_equal(clock_format(-1, out), "1969-12-31T23:59:59.999Z");
	assert_string_equal(clock_format(utc(1, 1, 1, 0, 0), out), "0001-01-01T00:00:00.000Z");
	assert_ptr_equal(clock_format(INT64_MAX, out), out); /* "never" must not break a log line */
	assert_ptr_equal(clock_format(INT64_MIN, out), out);
	assert_string_equal(clock_format_http(NOON, out), "Mon, 23 Nov 2026 12:00:20 GMT");
	assert_string_equal(clock_format_http(0, out), "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_string_equal(clock_format_http(-1, out), "Wed, 31 Dec 1969 23:59:59 GMT");
	zone("Asia/Tokyo");
	assert_string_equal(clock_format_date(utc(2026, 12, 31, 15, 0), out), "2027-01-01");
	assert_string_equal(clock_format_date(utc(2026, 12, 31, 15, 0) - 1, out), "2026-12-31");
}

static void durations_as_one_would_say_them(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} t[] = {
		{ 0, "0s" },	    { 250, "250ms" },	     { 1000, "1s" },
		{ 1500, "1500ms" }, { 90000, "90s" },	     { 600000, "10m" },
		{ MS_HOUR, "1h" },  { 36 * MS_HOUR, "36h" }, { 48 * MS_HOUR, "2d" },
	};
	char out[CLOCK_TEXT];
	int64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_string_equal(clock_format_duration(t[i].ms, out), t[i].text);
		assert_true(clock_parse_duration(slice_of(out), &back));
		assert_int_equal(back, t[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_instants),
		cmocka_unit_test(before_1970_counts_down),
		cmocka_unit_test(there_and_back_again),
		cmocka_unit_test(days_that_exist),
		cmocka_unit_test(adding_calendar_units),
		cmocka_unit_test_setup(unknown_zones_are_refused, back_to_utc),
		cmocka_unit_test_teardown(civil_time_in_the_zone, back_to_utc),
		cmocka_unit_test_teardown(days_of_23_and_25_hours, back_to_utc),
		cmocka_unit_test_teardown(times_that_never_came_or_came_twice, back_to_utc),
		cmocka_unit_test_teardown(a_day_without_a_midnight_begins_after_the_gap,
					  back_to_utc),
		cmocka_unit_test_teardown(a_day_with_two_midnights_begins_at_the_first,
					  back_to_utc),
		cmocka_unit_test(dates),
		cmocka_unit_test(date_times),
		cmocka_unit_test_teardown(values_of_a_date_property, back_to_utc),
		cmocka_unit_test(http_dates),
		cmocka_unit_test(durations),
		cmocka_unit_test_teardown(written_forms, back_to_utc),
		cmocka_unit_test(durations_as_one_would_say_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

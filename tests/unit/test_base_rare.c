/* base/: the ways that life seldom takes: ceilings, disks that fail, broken escapes, odd dates. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void years_before_the_calendar_began(void **state)
{
	const struct civil before = { .year = -1, .month = 12, .day = 31, .hour = 23 };
	struct civil back = clock_civil(clock_instant(before));

	(void)state;
	assert_int_equal(back.year, -1);
	assert_int_equal(back.month, 12);
	assert_int_equal(back.day, 31);
	assert_int_equal(back.hour, 23);
}

static void http_dates_with_impossible_parts(void **state)
{
	static const char *const bad[] = {
		"Mon, 23 Nov 2026 12:00:20",	 "Mon, 23 Nov 2026 24:00:00 GMT",
		"Mon, 23 Nov 2026 12:60:20 GMT", "Mon, 23 Nov 2026 12:00:61 GMT",
		"Mon, 23 Nov 2026 -1:00:20 GMT", "Mon, 23 Nov 2026 12:-1:20 GMT",
		"Mon, 23 Nov 2026 12:00:-1 GMT", "Monday, 23-Nov-26 12:00:20",
		"Mon Nov 23 12:00:20",		 "Mon, 23 Nov 2026 12:00:20 GMT, and more",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_parse_http(slice_of(bad[i]), &ms))
			fail_msg("'%s' was taken for a date", bad[i]);
}

static void date_times_that_end_too_early(void **state)
{
	static const char *const bad[] = {
		"2026-11-23T12:00:2",  "2026-11-23T12-00:20Z",	"2026-11-23T12:00:20.",
		"2026-11-23T12:00:20", "2026-11-23T12:00:20.Z", "2026-11-23T12:00:2xZ",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (clock_parse_datetime(slice_of(bad[i]), &ms))
			fail_msg("'%s' was taken for a time", bad[i]);
	assert_false(clock_parse_datetime(slice_of("2026-11-23T12:00:20.123"), &ms));
	assert_true(clock_parse_datetime(slice_of("2026-11-23T12:00:20.1234567Z"), &ms));
	assert_int_equal(ms % MS_SECOND, 123);
}

/* ---- json ------------------------------------------------------------------- */

static void an_answer_beyond_the_ceiling_is_not_read(void **state)
{
	struct slice huge = { calloc(1, LIMIT_ANSWER_BYTES + 1), LIMIT_ANSWER_BYTES + 1 };
	struct err err;

	(void)state;
	assert_non_null(huge.ptr);
	assert_null(json_parse(huge, &err));
	assert_non_null(strstr(err.text, "larger than"));
	free((char *)huge.ptr);
}

static void broken_escapes_are_mended_or_refused(void **state)
{
	static const struct {
		const char *text, *read; /* read: NULL where it is no JSON at all */
	} t[] = {
		{ "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" }, /* a whole pair */
		{ "\"\\ud83d\"", "\xef\xbf\xbd" },
		{ "\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
					"A" },
		{ "\"\\ud83d\\ue000\"", "\xef\xbf\xbd\xee\x80\x80" },
		{ "\"\\ude00\"", "\xef\xbf\xbd" },
		{ "\"\\u0000\"", "\xef\xbf\xbd" },
		{ "\"\\ud83d\\n\"", "\xef\xbf\xbd\n" },
		{ "\"\\ud83d\\x\"", NULL },
		{ "\"\\ud8", NULL },
		{ "\"\\ud83x\"", NULL },
		{ "]\"a\"", NULL },
		{ "}", NULL },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct json *v = json_parse(slice_of(t[i].text), &err);
		if (!v != !t[i].read)
			fail_msg("%s: %s", t[i].text, v ? "was read" : err.text);
		if (v && !slice_is(json_slice(v), t[i].read))
			fail_msg("%s was read wrongly", t[i].text);
		json_free(v);
	}
}

static void what_is_not_there_has_no_value(void **state)
{
	struct err err;
	struct json *v = json_parse(slice_of("{\"n\":null,\"t\":true,\"d\":1.5}"), &err);

	(void)state;
	assert_non_null(v);
	assert_int_equal(json_kind(NULL), IS_NULL);
	assert_int_equal(json_kind(json_get(v, "n")), IS_NULL);
	assert_int_equal(json_kind(json_get(v, "d")), IS_NUMBER);
	assert_int_equal(json_count(NULL), 0);
	assert_int_equal(json_count(json_get(v, "t")), 0);
	assert_null(json_at(NULL, 0));
	assert_int_equal(json_int(NULL, 7), 7);
	assert_true(json_bool(NULL, true));
	assert_true(json_bool(json_get(v, "n"), true));
	assert_true(json_bool(json_get(v, "t"), false));
	json_free(v);
}

/* ---- file ------------------------------------------------------------------- */

static void a_disk_that_fails_says_so(void **state)
{
	char folder[] = "/tmp/hs2cert-unit-XXXXXX", path[64], far[5000];
	struct rlimit limit, none;
	struct names names;
	struct str out;
	struct err err;

	(void)state;
	str_init(&out, 100);
	assert_int_equal(file_read("/proc/self/mem", &out, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, strerror(EIO)));
	str_release(&out);

	memset(far, 'x', sizeof(far));
	far[sizeof(far) - 1] = '\0';
	assert_int_equal(file_write(far, slice_of("x"), &err), RC_BROKEN);

	/* No room: nothing is left behind. */
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a", folder);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	enum rc rc = file_write(path, slice_of("x"), &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(rc, RC_BROKEN);
	assert_non_null(strstr(err.text, strerror(EFBIG)));
	assert_int_equal(folder_list(folder, 10, &names, &err), RC_OK);
	assert_int_equal(names.count, 0);
	assert_int_equal(rmdir(folder), 0);
}

/* ---- log -------------------------------------------------------------------- */

static int64_t a_moment(void *ctx)
{
	(void)ctx;
	return INT64_C(1795435220007);
}

static char *logged(struct log log, enum log_level level, const char *value)
{
	char *text;
	size_t len;

	log.now_ms = a_moment;
	log.out = open_memstream(&text, &len);
	assert_non_null(log.out);
	log_line(&log, level, "fact", "k", value, NULL);
	fclose(log.out);
	return text;
}

static void assert_logged(char *text, const char *expected)
{
	assert_string_equal(text, expected);
	free(text);
}

static void levels_have_colours_on_a_terminal(void **state)
{
	const struct log log = { .colour = true };

	(void)state;
	assert_logged(logged(log, LOG_WARN, "v"),
		      "2026-11-23T12:00:20.007Z \033[33mwarn \033[0m fact k=v\n");
	assert_logged(logged(log, LOG_INFO, "v"), "2026-11-23T12:00:20.007Z info  fact k=v\n");
}

static void a_line_that_is_too_long_is_told_of(void **state)
{
	char far[20 * 1024];

	(void)state;
	memset(far, 'x', sizeof(far));
	far[sizeof(far) - 1] = '\0';
	assert_logged(logged((struct log){ 0 }, LOG_ERROR, far),
		      "2026-11-23T12:00:20.007Z error a line that was too long\n");
	assert_logged(logged((struct log){ .json = true }, LOG_ERROR, far),
		      "{\"time\":\"2026-11-23T12:00:20.007Z\",\"level\":\"error\","
		      "\"fact\":\"a line that was too long\"}\n");
}

/* ---- str -------------------------------------------------------------------- */

static void control_characters_of_three_bytes_and_their_neighbours(void **state)
{
	static const struct {
		const char *text, *shown;
	} t[] = {
		{ "\xe2\x80\xa7", "\xe2\x80\xa7" },
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
		{ "\xe2\x80\xa9", "\\xe2\\x80\\xa9" },
		{ "\xe2\x81\xa8", "\xe2\x81\xa8" },
		{ "\xc3\xa9", "\xc3\xa9" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xf0\x9f\x98", "\\xf0\\x9f\\x98" },
		{ "\xf0\x9f\x41\x80", "\\xf0\\x9f"
				      "A\\x80" },
		{ "\xf0\x41\x98\x80", "\\xf0"
				      "A\\x98\\x80" },
	};
	struct str out;

	(void)state;
	str_init(&out, 100);
	for (size_t i = 0; i < COUNT(t); i++) {
		str_clear(&out);
		str_add_shown(&out, slice_of(t[i].text));
		assert_string_equal(str_text(&out), t[i].shown);
	}
	str_release(&out);
}

static void an_empty_slice_has_a_start_and_no_parts(void **state)
{
	struct slice rest = { 0 }, part;

	(void)state;
	assert_string_equal(slice_start(rest), "");
	assert_false(slice_cut(&rest, ',', &part));
	assert_int_equal(part.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(years_before_the_calendar_began),
		cmocka_unit_test(http_dates_with_impossible_parts),
		cmocka_unit_test(date_times_that_end_too_early),
		cmocka_unit_test(an_answer_beyond_the_ceiling_is_not_read),
		cmocka_unit_test(broken_escapes_are_mended_or_refused),
		cmocka_unit_test(what_is_not_there_has_no_value),
		cmocka_unit_test(a_disk_that_fails_says_so),
		cmocka_unit_test(levels_have_colours_on_a_terminal),
		cmocka_unit_test(a_line_that_is_too_long_is_told_of),
		cmocka_unit_test(control_characters_of_three_bytes_and_their_neighbours),
		cmocka_unit_test(an_empty_slice_has_a_start_and_no_parts),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

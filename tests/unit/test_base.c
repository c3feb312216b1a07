/* The smaller words of base/: errors, patterns, digests, files, log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/regex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- err ------------------------------------------------------------------ */

static void an_error_says_where_then_what(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, RC_AGAIN, "no %s", "answer"), RC_AGAIN);
	err_prefix(&err, "account '%s'", "hubspot");
	err_prefix(&err, "poll");
	assert_string_equal(err.text, "poll: account 'hubspot': no answer");
	assert_int_equal(err_set(NULL, RC_BROKEN, "nobody listens"), RC_BROKEN);
	err_prefix(NULL, "nobody listens");
}

static void a_long_error_is_cut_at_its_end(void **state)
{
	char text[2 * LIMIT_ERROR_BYTES];
	struct err err;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&err, RC_BROKEN, "%s", text);
	assert_int_equal(strlen(err.text), LIMIT_ERROR_BYTES - 1);
	err_prefix(&err, "front");
	assert_int_equal(strlen(err.text), LIMIT_ERROR_BYTES - 1);
	assert_memory_equal(err.text, "front: xxx", 10);
	err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), LIMIT_ERROR_BYTES - 1);
}

/* ---- regex ---------------------------------------------------------------- */

static enum regex_answer match(const char *pattern, struct slice text)
{
	struct err err;
	size_t offset;
	struct regex *re = regex_compile(slice_of(pattern), &offset, &err);

	if (!re)
		fail_msg("%s: %s", pattern, err.text);
	enum regex_answer answer = regex_match(re, text);
	regex_free(re);
	return answer;
}

static void an_error_is_cut_before_a_character(void **state)
{
	struct err err;
	char text[LIMIT_ERROR_BYTES + 8];

	(void)state;
	/* "é" has two bytes: of as many as fit, and one more, half a character would be left. */
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 3);
	(void)err_set(&err, RC_BROKEN, "%s", text);
	assert_int_equal(strlen(err.text), LIMIT_ERROR_BYTES - 2);
	assert_true(utf8_valid(slice_of(err.text)));
	err_prefix(&err, "front");
	assert_true(utf8_valid(slice_of(err.text)));
	assert_int_equal(strlen(err.text), LIMIT_ERROR_BYTES - 1);
	err_prefix(&err, "on");
	assert_true(utf8_valid(slice_of(err.text)));
	err_prefix(&err, "x");
	assert_int_equal(strlen(err.text), LIMIT_ERROR_BYTES - 2);
	assert_true(utf8_valid(slice_of(err.text)));
	/* What fits stays whole. */
	text[LIMIT_ERROR_BYTES - 2] = '\0';
	(void)err_set(&err, RC_BROKEN, "x%s", text);
	assert_int_equal(strlen(err.text), LIMIT_ERROR_BYTES - 1);
	assert_true(utf8_valid(slice_of(err.text)));
}

static void patterns_match_anywhere(void **state)
{
	(void)state;
	assert_int_equal(match("ol", slice_of("Gold")), REGEX_YES);
	assert_int_equal(match("^ol", slice_of("Gold")), REGEX_NO);
	assert_int_equal(match("", slice_of(NULL)), REGEX_YES);
	assert_int_equal(match(".", slice_of("")), REGEX_NO);
	assert_int_equal(match("^Za..łć$", slice_of("Zażółć")),
			 REGEX_YES); /* characters, not bytes */
	assert_int_equal(match("^a.b$", (struct slice){ "a\0b", 3 }), REGEX_YES);
	assert_int_equal(match("b", (struct slice){ "aab", 2 }), REGEX_NO);
	assert_int_equal(match("(?i)gold", slice_of("GOLD")), REGEX_YES);
}

static void text_that_is_no_utf8_matches_nothing(void **state)
{
	static const char *const bad[] = { "\xff",
					   "a\xc3",
					   "\xed\xa0\x80",
					   "\xc0\x80",
					   "\xf4\x90\x80\x80",
					   "\xf8\x88\x80\x80\x80" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(match(".*", slice_of(bad[i])), REGEX_NO);
}

static void wrong_patterns_say_where(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {
		{ "a(b", 3 }, { "a[", 2 }, { "*a", 0 }, { "a\\", 2 }, { "\\C", 2 }, { "x\xff", 1 },
	};
	char far_too_long[LIMIT_PATTERN_BYTES + 1];
	struct err err;
	size_t offset;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		err.text[0] = '\0';
		assert_null(regex_compile(slice_of(bad[i].text), &offset, &err));
		assert_true(err.text[0]);
		assert_true(offset <= strlen(bad[i].text));
		if (offset != bad[i].offset)
			fail_msg("%s: %zu", bad[i].text, offset);
	}
	memset(far_too_long, 'a', sizeof(far_too_long));
	assert_null(
		regex_compile((struct slice){ far_too_long, sizeof(far_too_long) }, &offset, &err));
	struct regex *re = regex_compile((struct slice){ far_too_long, LIMIT_PATTERN_BYTES },
					 &offset, &err);
	assert_non_null(re);
	regex_free(re);
	regex_free(NULL);
}

static void an_empty_slice_is_a_pattern(void **state)
{
	struct err err;
	size_t offset;
	struct regex *re = regex_compile((struct slice){ 0 }, &offset, &err);

	(void)state;
	assert_non_null(re);
	assert_int_equal(regex_match(re, slice_of("x")), REGEX_YES);
	regex_free(re);
}

static void a_match_that_takes_too_long_is_neither_yes_nor_no(void **state)
{
	static const char subject[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	struct err err;
	size_t offset;

	(void)state;
	assert_int_equal(match("^(a+)+$", slice_of(subject)), REGEX_LIMIT);
	/* A pattern cannot raise its own limit. */
	assert_int_equal(match("(*LIMIT_MATCH=4000000000)^(a+)+$", slice_of(subject)), REGEX_LIMIT);
	/* One that hit the limit is as good as new for the next text. */
	struct regex *re = regex_compile(slice_of("^(a+)+$"), &offset, &err);
	assert_non_null(re);
	assert_int_equal(regex_match(re, slice_of(subject)), REGEX_LIMIT);
	assert_int_equal(regex_match(re, slice_of("aaa")), REGEX_YES);
	assert_int_equal(regex_match(re, slice_of("b")), REGEX_NO);
	regex_free(re);
}

/* ---- digest --------------------------------------------------------------- */

static void digests_known_from_fips_180(void **state)
{
	char out[DIGEST_HEX];

	(void)state;
	assert_string_equal(digest_sha256(slice_of(NULL), out),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_string_equal(digest_sha256(slice_of("abc"), out),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(digest_sha256((struct slice){ "\0", 1 }, out),
			    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
	assert_ptr_equal(digest_sha256(slice_of("abc"), out), out);
}

/* ---- file ----------------------------------------------------------------- */

/* A folder of its own for each test; removed by the teardown. */
struct folder {
	char path[64];
	char name[128];
};

static int folder_setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/hs2cert-unit-XXXXXX");
	*state = f;
	return mkdtemp(f->path) ? 0 : -1;
}

static const char *in(struct folder *f, const char *name)
{
	snprintf(f->name, sizeof(f->name), "%s/%s", f->path, name);
	return f->name;
}

static int folder_teardown(void **state)
{
	static const char *const made[] = { "a",       "b",    "B",    "10", "9",
					    ".hidden", "link", "pipe", "new" };
	struct folder *f = *state;

	for (size_t i = 0; i < COUNT(made); i++)
		(void)unlink(in(f, made[i]));
	(void)rmdir(in(f, "sub"));
	int left = rmdir(f->path);
	free(f);
	return left;
}

static void put(struct folder *f, const char *name, const char *bytes, size_t len)
{
	FILE *file = fopen(in(f, name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void a_file_is_read_whole(void **state)
{
	struct folder *f = *state;
	static char big[50000];
	struct str out;
	struct err err;

	put(f, "a", "x\0y\r\n", 5);
	put(f, "b", big, sizeof(big));
	put(f, "9", "", 0);
	str_init(&out, sizeof(big));
	assert_int_equal(file_read(in(f, "a"), &out, &err), RC_OK);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.ptr, "x\0y\r\n", 5);
	str_clear(&out);
	assert_int_equal(file_read(in(f, "b"), &out, &err), RC_OK); /* exactly its ceiling */
	assert_int_equal(out.len, sizeof(big));
	str_clear(&out);
	assert_int_equal(file_read(in(f, "9"), &out, &err), RC_OK);
	assert_int_equal(out.len, 0);
	str_release(&out);
	str_init(&out, sizeof(big) - 1);
	assert_int_equal(file_read(in(f, "b"), &out, &err), RC_INVALID);
	assert_non_null(strstr(err.text, f->name));
	str_release(&out);
}

static void what_is_no_regular_file_is_refused(void **state)
{
	struct folder *f = *state;
	struct str out;
	struct err err;

	str_init(&out, 100);
	assert_int_equal(mkfifo(in(f, "pipe"), 0600), 0);
	assert_int_equal(file_read(in(f, "pipe"), &out, &err), RC_INVALID); /* and does not hang */
	assert_int_equal(file_read(f->path, &out, &err), RC_INVALID);
	assert_int_equal(file_read("/dev/zero", &out, &err), RC_INVALID);
	assert_int_equal(file_read(in(f, "a"), &out, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, f->name));
	assert_non_null(strstr(err.text, "No such file"));
	assert_int_equal(out.len, 0);
	str_release(&out);
}

static void a_folder_lists_its_files_in_byte_order(void **state)
{
	static const char *const order[] = { ".hidden", "10", "9", "B", "a", "b", "link" };
	struct folder *f = *state;
	struct names names;
	struct err err;

	for (size_t i = 0; i + 1 < COUNT(order); i++)
		put(f, order[COUNT(order) - 2 - i], "", 0);
	assert_int_equal(mkdir(in(f, "sub"), 0700), 0);
	assert_int_equal(symlink("nowhere", in(f, "link")),
			 0); /* to be complained about when it is read */
	assert_int_equal(folder_list(f->path, COUNT(order), &names, &err), RC_OK);
	assert_int_equal(names.count, COUNT(order));
	for (size_t i = 0; i < COUNT(order); i++)
		assert_string_equal(names.list[i], order[i]);
	names_release(&names);
	assert_int_equal(names.count, 0);
	assert_int_equal(folder_list(f->path, COUNT(order) - 1, &names, &err), RC_INVALID);
	assert_null(names.list);
}

static void a_link_to_a_folder_is_a_folder(void **state)
{
	struct folder *f = *state;
	struct names names;
	struct err err;

	assert_int_equal(symlink("/", in(f, "link")), 0);
	assert_int_equal(folder_list(f->path, 10, &names, &err), RC_OK);
	assert_int_equal(names.count, 0);
	names_release(&names);
}

static void a_folder_that_is_not_there(void **state)
{
	struct folder *f = *state;
	struct names names;
	struct err err;

	assert_int_equal(folder_list(in(f, "sub"), 10, &names, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, f->name));
	put(f, "a", "", 0);
	assert_int_equal(folder_list(in(f, "a"), 10, &names, &err), RC_BROKEN);
}

static void a_file_is_written_whole_or_not_at_all(void **state)
{
	struct folder *f = *state;
	struct names names;
	struct str out;
	struct err err;

	assert_int_equal(file_write(in(f, "new"), slice_of("one"), &err), RC_OK);
	assert_int_equal(file_write(in(f, "new"), (struct slice){ "t\0o", 3 }, &err), RC_OK);
	str_init(&out, 100);
	assert_int_equal(file_read(in(f, "new"), &out, &err), RC_OK);
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.ptr, "t\0o", 3);
	str_release(&out);
	assert_int_equal(file_write(in(f, "sub/new"), slice_of("x"), &err), RC_BROKEN);
	assert_non_null(strstr(err.text, f->name));
	/* A folder stands in the way: nothing is left lying about. */
	assert_int_equal(mkdir(in(f, "sub"), 0700), 0);
	assert_int_equal(file_write(in(f, "sub"), slice_of("x"), &err), RC_BROKEN);
	assert_int_equal(folder_list(f->path, 10, &names, &err), RC_OK);
	assert_int_equal(names.count, 1);
	names_release(&names);
}

/* ---- log ------------------------------------------------------------------ */

static int64_t a_moment(void *ctx)
{
	(void)ctx;
	return INT64_C(1795435220007);
}

static struct log to_memory(char **text, size_t *len)
{
	struct log log = { .out = open_memstream(text, len),
			   .level = LOG_INFO,
			   .now_ms = a_moment };

	assert_non_null(log.out);
	return log;
}

static void assert_logged(const char *text, const char *expected)
{
	static const char when[] = "2026-11-23T12:00:20.007Z ";

	if (strncmp(text, when, strlen(when)) != 0 || strcmp(text + strlen(when), expected) != 0)
		fail_msg("'%s' does not end in '%s'", text, expected);
}

static void levels_have_names(void **state)
{
	enum log_level level = LOG_ERROR;

	(void)state;
	assert_true(log_level_of("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_of("error", &level));
	assert_int_equal(level, LOG_ERROR);
	assert_false(log_level_of("ERROR", &level));
	assert_false(log_level_of("", &level));
	assert_false(log_level_of("fatal", &level));
}

static void one_fact_one_line(void **state)
{
	char *text;
	size_t len;
	struct log log = to_memory(&text, &len);

	(void)state;
	log_line(&log, LOG_DEBUG, "not this one", NULL);
	log_line(&log, LOG_WARN, "rule activated", "rule", "tier", "left-out", NULL, "mode", "live",
		 NULL);
	fclose(log.out);
	assert_logged(text, "warn  rule activated rule=tier mode=live\n");
	free(text);
	log.out = NULL; /* silent */
	log_line(&log, LOG_ERROR, "nobody listens", NULL);
}

static void values_cannot_forge_lines_or_pairs(void **state)
{
	static const struct {
		const char *value, *shown;
	} t[] = {
		{ "", "\"\"" },
		{ "a b", "\"a b\"" },
		{ "x\" mode=live", "\"x' mode=live\"" },
		{ "a=b", "\"a=b\"" },
		{ "a\nb", "a\\x0ab" },
		{ "a \nb", "\"a \\x0ab\"" },
		{ "\x1b[2J", "\\x1b[2J" },
		{ "a \x1b[2J", "\"a \\x1b[2J\"" },
		{ "a \x7f", "\"a \\x7f\"" },
		{ "a \xff", "\"a \\xff\"" },
		{ "a \xc2\x9b"
		  "2J",
		  "\"a \\xc2\\x9b2J\"" },
		{ "ż", "ż" },
		{ "ż ó", "\"ż ó\"" },
	};
	char expected[128];

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		char *text;
		size_t len;
		struct log log = to_memory(&text, &len);
		log_line(&log, LOG_INFO, "fact", "k", t[i].value, NULL);
		fclose(log.out);
		snprintf(expected, sizeof(expected), "info  fact k=%s\n", t[i].shown);
		assert_logged(text, expected);
		free(text);
	}
}

static void as_json(void **state)
{
	char *text;
	size_t len;
	struct log log = to_memory(&text, &len);
	struct err err;

	(void)state;
	log.json = true;
	log_line(&log, LOG_ERROR, "a \"fact\"", "k", "\xff\n\"", "none", NULL, "z", "", NULL);
	fclose(log.out);
	struct json *v = json_parse(slice_of(text), &err);
	assert_non_null(v);
	assert_int_equal(text[len - 1], '\n');
	assert_int_equal(json_count(v), 5);
	assert_true(slice_is(json_get_slice(v, "time"), "2026-11-23T12:00:20.007Z"));
	assert_true(slice_is(json_get_slice(v, "level"), "error"));
	assert_true(slice_is(json_get_slice(v, "fact"), "a \"fact\""));
	assert_true(slice_is(json_get_slice(v, "k"), "\xef\xbf\xbd\n\""));
	assert_true(slice_is(json_get_slice(v, "z"), ""));
	json_free(v);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_says_where_then_what),
		cmocka_unit_test(a_long_error_is_cut_at_its_end),
		cmocka_unit_test(an_error_is_cut_before_a_character),
		cmocka_unit_test(patterns_match_anywhere),
		cmocka_unit_test(text_that_is_no_utf8_matches_nothing),
		cmocka_unit_test(wrong_patterns_say_where),
		cmocka_unit_test(an_empty_slice_is_a_pattern),
		cmocka_unit_test(a_match_that_takes_too_long_is_neither_yes_nor_no),
		cmocka_unit_test(digests_known_from_fips_180),
		cmocka_unit_test_setup_teardown(a_file_is_read_whole, folder_setup,
						folder_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_refused, folder_setup,
						folder_teardown),
		cmocka_unit_test_setup_teardown(a_folder_lists_its_files_in_byte_order,
						folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(a_link_to_a_folder_is_a_folder, folder_setup,
						folder_teardown),
		cmocka_unit_test_setup_teardown(a_folder_that_is_not_there, folder_setup,
						folder_teardown),
		cmocka_unit_test_setup_teardown(a_file_is_written_whole_or_not_at_all, folder_setup,
						folder_teardown),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test(one_fact_one_line),
		cmocka_unit_test(values_cannot_forge_lines_or_pairs),
		cmocka_unit_test(as_json),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

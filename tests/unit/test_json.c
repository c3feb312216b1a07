/* JSON: bounded, never half read, never half written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct json *parse(const char *text)
{
	struct err err;
	struct json *v = json_parse(slice_of(text), &err);

	if (!v)
		fail_msg("%s: %s", text, err.text);
	return v;
}

static void assert_dump(const struct json *v, const char *expected)
{
	struct str out;

	str_init(&out, 1000);
	json_dump(v, &out);
	assert_string_equal(str_text(&out), expected);
	str_release(&out);
}

/* ---- reading -------------------------------------------------------------- */

static void any_value_may_stand_at_the_top(void **state)
{
	static const struct {
		const char *text;
		enum json_kind kind;
	} t[] = {
		{ "null", IS_NULL }, { "true", IS_BOOL },    { "false", IS_BOOL },
		{ "-7", IS_NUMBER }, { "1.5e3", IS_NUMBER }, { "\"x\"", IS_TEXT },
		{ "[]", IS_ARRAY },  { " {} ", IS_OBJECT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct json *v = parse(t[i].text);
		assert_int_equal(json_kind(v), t[i].kind);
		json_free(v);
	}
}

/* A value that was cut amid a character must not make a whole answer unreadable. */
static void what_was_cut_in_half_is_repaired(void **state)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{ "\"a\xff\"", "a\xef\xbf\xbd" },
		{ "\"\xc5\"", "\xef\xbf\xbd" },
		{ "\"\\ud83d\"", "\xef\xbf\xbd" },
		{ "\"\\ude00x\"", "\xef\xbf\xbdx" },
		{ "\"\\u0000\"", "\xef\xbf\xbd" },
		{ "\"\\ud83d\\ude00 \\ud83d\"", "\xf0\x9f\x98\x80 \xef\xbf\xbd" },
		{ "\"\\\\ud83d \\ud83d\"", "\\ud83d \xef\xbf\xbd" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json *v = json_parse(slice_of(rows[i].text), &err);
		assert_non_null(v);
		assert_true(slice_is(json_slice(v), rows[i].value));
		json_free(v);
	}
}

static void what_is_no_json_is_refused_with_a_place(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"[1,]",
		"{\"a\":1,}",
		"{'a':1}",
		"nul",
		"[1] 2",
		"01",
		"\"\n\"",
		"{\"a\":1,\"a\":2}",
		"<html>",
		"\xef\xbb\xbf{}",
		"[}",
		"\"\\",
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		err.text[0] = '\0';
		if (json_parse(slice_of(bad[i]), &err))
			fail_msg("'%s' was taken for JSON", bad[i]);
		assert_non_null(strstr(err.text, "not JSON"));
	}
	assert_null(json_parse((struct slice){ 0 }, &err));
	assert_null(json_parse((struct slice){ "{}\0", 3 }, &err));
	assert_null(
		json_parse((struct slice){ "{}", 1 }, &err)); /* the length counts, not the NUL */
	assert_null(json_parse(slice_of("{"), NULL));
}

static void nest(char *out, const char *open, const char *close, size_t depth)
{
	*out = '\0';
	for (size_t i = 0; i < depth; i++)
		strcat(out, open);
	strcat(out, "1");
	for (size_t i = 0; i < depth; i++)
		strcat(out, close);
}

static void depth_has_a_ceiling(void **state)
{
	static const char *const open[] = { "[", "{\"a\":", "{\"]\\\"]\":" }, *const close[] = {
		"]", "}", "}"
	};
	char text[LIMIT_JSON_DEPTH * 20 + 100];
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(open); i++) {
		nest(text, open[i], close[i], LIMIT_JSON_DEPTH);
		json_free(parse(text));
		nest(text, open[i], close[i], LIMIT_JSON_DEPTH + 1);
		assert_null(json_parse(slice_of(text), &err));
		assert_non_null(strstr(err.text, "nested deeper"));
	}
	memset(text, '[', sizeof(text));
	assert_null(json_parse((struct slice){ text, sizeof(text) }, &err));
	assert_non_null(strstr(err.text, "nested deeper"));
}

static void brackets_in_strings_are_no_depth(void **state)
{
	struct json *v = parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\",\"\\\\\",[]]");

	(void)state;
	assert_int_equal(json_count(v), 3);
	json_free(v);
}

static void missing_members_and_other_types_answer_nothing(void **state)
{
	struct json *v = parse("{\"a\":{\"b\":[1,\"x\"]},\"t\":\"text\",\"n\":null}");
	struct slice key;
	const struct json *value;

	(void)state;
	assert_null(json_get(v, "z"));
	assert_null(json_get(NULL, "z"));
	assert_null(json_get(json_get(v, "t"), "z"));
	assert_null(json_get(json_path(v, "a.b"), "z"));
	assert_null(json_at(v, 0));
	assert_null(json_at(NULL, 0));
	assert_null(json_at(json_path(v, "a.b"), 2));
	assert_int_equal(json_count(NULL), 0);
	assert_int_equal(json_count(json_get(v, "t")), 0);
	assert_int_equal(json_count(v), 3);
	assert_int_equal(json_get_slice(v, "a").len, 0);
	assert_int_equal(json_get_slice(v, "n").len, 0);
	assert_int_equal(json_get_slice(NULL, "n").len, 0);
	assert_int_equal(json_slice(NULL).len, 0);
	assert_int_equal(json_kind(NULL), IS_NULL);
	assert_int_equal(json_kind(json_get(v, "n")), IS_NULL);
	assert_non_null(json_get(v, "n")); /* null is there; missing is not */
	assert_true(json_bool(NULL, true));
	assert_false(json_bool(json_get(v, "t"), false));
	struct json_each e = json_each(json_get(v, "t"));
	assert_false(json_next(&e, &key, &value));
	e = json_each(NULL);
	assert_false(json_next(&e, &key, &value));
	json_free(v);
	json_free(NULL);
}

static void paths(void **state)
{
	struct json *v = parse("{\"paging\":{\"next\":{\"after\":\"42\"}},\"a.b\":1,\"x\":[1]}");
	char far_too_long[200];

	(void)state;
	assert_true(slice_is(json_slice(json_path(v, "paging.next.after")), "42"));
	assert_null(json_path(v, "paging.next.after.more"));
	assert_null(json_path(v, "paging.before.after"));
	assert_null(json_path(v, "a.b"));
	assert_null(json_path(v, "x.0"));
	assert_null(json_path(NULL, "paging"));
	assert_ptr_equal(json_path(v, ""), v);
	memset(far_too_long, 'k', sizeof(far_too_long));
	far_too_long[sizeof(far_too_long) - 1] = '\0';
	assert_null(json_path(v, far_too_long));
	json_free(v);
}

static void whole_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
	} t[] = {
		{ "0", 0 },
		{ "-5", -5 },
		{ "9223372036854775807", INT64_MAX },
		{ "\"0042\"", 42 },
		{ "\"999999999999999999\"", INT64_C(999999999999999999) },
		/* none of these */
		{ "\"1000000000000000000\"", 77 },
		{ "\"-5\"", 77 },
		{ "\"\"", 77 },
		{ "\"1 \"", 77 },
		{ "\"0x10\"", 77 },
		{ "1.0", 77 },
		{ "1e3", 77 },
		{ "true", 77 },
		{ "null", 77 },
		{ "[1]", 77 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct json *v = parse(t[i].text);
		assert_int_equal(json_int(v, 77), t[i].n);
		json_free(v);
	}
	assert_int_equal(json_int(NULL, 77), 77);
}

static void members_come_in_the_order_written(void **state)
{
	struct json *v = parse("{\"z\":1,\"a\":2,\"\":3,\"m\":4}");
	static const char *const order[] = { "z", "a", "", "m" };
	struct slice key;
	const struct json *value;
	size_t n = 0;

	(void)state;
	for (struct json_each e = json_each(v); json_next(&e, &key, &value); n++) {
		assert_true(slice_is(key, order[n]));
		assert_int_equal(json_int(value, 0), (int64_t)n + 1);
	}
	assert_int_equal(n, COUNT(order));
	json_free(v);
}

/* ---- writing -------------------------------------------------------------- */

static void what_was_built_is_dumped(void **state)
{
	struct json *v = json_new_object(), *list = json_new_array();

	(void)state;
	json_set_text(v, "z", "say \"hi\"\n");
	json_set_text(v, "none", NULL);
	json_set_integer(v, "n", INT64_MIN);
	json_set_bool(v, "yes", true);
	json_add_text(list, slice_of("a"));
	json_add(list, json_new_object());
	json_set(v, "list", list);
	json_set_slice(v, (struct slice){ "keys", 3 }, (struct slice){ "values", 5 });
	json_set_slice(v, (struct slice){ 0 }, (struct slice){ 0 });
	json_set_text(v, "z", "again"); /* in its old place */
	assert_dump(v, "{\"z\":\"again\",\"none\":null,\"n\":-9223372036854775808,\"yes\":true,"
		       "\"list\":[\"a\",{}],\"key\":\"value\",\"\":\"\"}");
	json_free(v);
}

static void foreign_bytes_are_marked_not_dropped(void **state)
{
	struct json *v = json_new_array();

	(void)state;
	json_add_text(v, slice_of("ok \xc5\xbc \xff\xc3"));
	json_add_text(v, slice_of("\xed\xa0\x80"));
	assert_dump(
		v,
		"[\"ok \xc5\xbc \xef\xbf\xbd\xef\xbf\xbd\",\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]");
	json_free(v);
}

static void a_clone_is_its_own(void **state)
{
	struct json *v = parse("{\"a\":{\"b\":1}}"), *copy = json_clone(v);

	(void)state;
	json_set_text(v, "a", "gone");
	assert_int_equal(json_int(json_path(copy, "a.b"), 0), 1);
	json_free(v);
	assert_dump(copy, "{\"a\":{\"b\":1}}");
	json_free(copy);
}

static void a_dump_stops_at_the_ceiling_of_its_string(void **state)
{
	struct json *v = parse("[\"0123456789\"]");
	struct str out;

	(void)state;
	str_init(&out, 8);
	json_dump(v, &out);
	assert_true(out.overflow);
	assert_true(out.len <= 8);
	str_release(&out);
	json_free(v);
}

static void what_is_dumped_reads_the_same(void **state)
{
	static const char text[] = "{\"a\":[1,-2,\"\\u0001\\\"\\\\/\",null,true],\"\xc5\xbc\":{}}";
	struct json *v = parse(text), *again;
	struct str one, two;

	(void)state;
	str_init(&one, 1000);
	str_init(&two, 1000);
	json_dump(v, &one);
	again = parse(str_text(&one));
	json_dump(again, &two);
	assert_string_equal(str_text(&one), str_text(&two));
	assert_string_equal(str_text(&one), text);
	str_release(&one);
	str_release(&two);
	json_free(v);
	json_free(again);
}

/* A process of its own reads a long text, and none of what is asked for from then on is there. */
static void read_without_memory(void)
{
	static char text[8u << 20];
	struct rlimit none = { 0, 0 };
	struct err err;

	memset(text, 'a', sizeof(text));
	text[0] = text[sizeof(text) - 1] = '"';
	(void)close(2);
	if (setrlimit(RLIMIT_DATA, &none) != 0)
		_exit(9);
	struct json *v = json_parse((struct slice){ text, sizeof(text) }, &err);
	_exit(v ? 0 : 1);
}

static void a_text_for_which_there_is_no_memory_is_not_read_as_another(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		read_without_memory();
	assert_int_equal(waitpid(pid, &status, 0), pid);
#ifndef __SANITIZE_ADDRESS__ /* which ends the process itself, in its own words */
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_value_may_stand_at_the_top),
		cmocka_unit_test(what_was_cut_in_half_is_repaired),
		cmocka_unit_test(what_is_no_json_is_refused_with_a_place),
		cmocka_unit_test(depth_has_a_ceiling),
		cmocka_unit_test(brackets_in_strings_are_no_depth),
		cmocka_unit_test(missing_members_and_other_types_answer_nothing),
		cmocka_unit_test(paths),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(members_come_in_the_order_written),
		cmocka_unit_test(what_was_built_is_dumped),
		cmocka_unit_test(foreign_bytes_are_marked_not_dropped),
		cmocka_unit_test(a_clone_is_its_own),
		cmocka_unit_test(a_dump_stops_at_the_ceiling_of_its_string),
		cmocka_unit_test(what_is_dumped_reads_the_same),
		cmocka_unit_test(a_text_for_which_there_is_no_memory_is_not_read_as_another),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

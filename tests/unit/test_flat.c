/* Flat arrays of objects: what is taken is what stands there, and what is not plain is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/flat.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* "key=value " of each member, "; " behind each object; "refused" where it is. */
static const char *read_as(struct slice text, char out[400])
{
	static const char kinds[] = {
		[FLAT_TEXT] = '"', [FLAT_INTEGER] = '#', [FLAT_ESCAPED] = '\\', [FLAT_WORD] = '?'
	};
	struct flat_object o;
	enum flat_step step;
	struct flat f;
	size_t n = 0;

	out[0] = '\0';
	flat_begin(&f, text);
	while ((step = flat_next(&f, &o)) == FLAT_OBJECT) {
		for (size_t i = 0; i < o.members; i++) {
			const struct flat_member *m = &o.member[i];
			n += (size_t)snprintf(
				out + n, 400 - n, "%.*s%c%.*s ", SLICE_FMT(m->key), kinds[m->kind],
				m->kind == FLAT_TEXT ? (int)m->text.len : 0, slice_start(m->text));
			if (m->kind == FLAT_INTEGER)
				n += (size_t)snprintf(out + n, 400 - n, "%lld ", (long long)m->n);
		}
		n += (size_t)snprintf(out + n, 400 - n, "; ");
	}
	return step == FLAT_END ? out : "refused";
}

static void plain_objects_are_taken(void **state)
{
	static const struct {
		const char *text, *as;
	} cases[] = {
		{ "[]", "" },
		{ " [ ] \n", "" },
		{ "[{}]", "; " },
		{ "[{\"a\":1,\"b\":\"x\"},{\"c\":true}]", "a# 1 b\"x ; c? ; " },
		{ "\t[ { \"a\" : -12 , \"\" : null } ]\r\n", "a# -12 ? ; " },
		{ "[{\"a\":\"\xc3\xa4\",\"b\":\"\\n\\\"\\\\\"}]", "a\"\xc3\xa4 b\\ ; " },
		{ "[{\"a\":999999999999999999,\"b\":0}]", "a# 999999999999999999 b# 0 ; " },
	};
	char out[400];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(read_as(slice_of(cases[i].text), out), cases[i].as);
}

static void everything_else_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"[",
		"{}",
		"1",
		"[1]",
		"[[]]",
		"[{}",
		"[{},]",
		"[{} {}]",
		"[{}]x",
		"[,{}]",
		"[{\"a\"}]",
		"[{\"a\":}]",
		"[{\"a\":1,}]",
		"[{a:1}]",
		"[{\"a\":1 \"b\":2}]",
		"[{\"a\":{}}]",
		"[{\"a\":[]}]",
		"[{\"a\":1.5}]",
		"[{\"a\":1e3}]",
		"[{\"a\":01}]",
		"[{\"a\":-}]",
		"[{\"a\":-0}]",
		"[{\"a\":+1}]",
		"[{\"a\":1000000000000000000}]",
		"[{\"a\":truth}]",
		"[{\"a\":nul}]",
		"[{\"a\":True}]",
		"[{\"a\":1,\"a\":2}]",
		"[{\"\\n\":1}]",
		"[{\"a\":\"\\u0041\"}]",
		"[{\"a\":\"\\x\"}]",
		"[{\"a\":\"\\",
		"[{\"a\":\"x",
		"[{\"a\":\"\n\"}]",
		"[{\"a\":\"\xff\"}]",
		"[{\"a\":\"\xed\xa0\x80\"}]",
		"[{\"a\":",
		"[{\"a\":-",
		"[{",
	};
	char out[400];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (strcmp(read_as(slice_of(texts[i]), out), "refused") != 0)
			fail_msg("%s", texts[i]);
	assert_string_equal(read_as((struct slice){ "[{\"a\":\"\\\0\"}]", 12 }, out), "refused");
	assert_string_equal(read_as((struct slice){ NULL, 0 }, out), "refused");
}

static void more_members_than_there_is_room_for_are_refused(void **state)
{
	char text[1000];
	struct flat_object o;
	struct flat f;

	(void)state;
	for (size_t members = FLAT_MEMBERS; members <= FLAT_MEMBERS + 1; members++) {
		size_t n = 0;
		for (size_t i = 0; i < members; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"k%zu\":%zu",
					      i ? "," : "[{", i, i);
		snprintf(text + n, sizeof(text) - n, "}]");
		flat_begin(&f, slice_of(text));
		assert_int_equal(flat_next(&f, &o),
				 members == FLAT_MEMBERS ? FLAT_OBJECT : FLAT_REFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_objects_are_taken),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(more_members_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

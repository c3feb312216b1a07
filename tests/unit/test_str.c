/* Slices, the growing string with a ceiling, arenas, and maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mask.h"
#include "base/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct slice bytes(const char *text, size_t len)
{
	return (struct slice){ text, len };
}

/* ---- slices --------------------------------------------------------------- */

static void nothing_is_the_empty_slice(void **state)
{
	struct slice none = slice_of(NULL);

	(void)state;
	assert_int_equal(none.len, 0);
	assert_true(slice_eq(none, slice_of("")));
	assert_true(slice_is(none, ""));
	assert_true(slice_eq_nocase(none, slice_of("")));
	assert_int_equal(slice_cmp(none, slice_of("")), 0);
	assert_int_equal(slice_trim(none).len, 0);
	assert_true(slice_starts(none, none));
	assert_true(utf8_valid(none));
}

static void comparing(void **state)
{
	(void)state;
	assert_true(slice_is(bytes("Goldfish", 4), "Gold"));
	assert_false(slice_is(slice_of("Gold"), "Golda"));
	assert_false(slice_is(slice_of("Gold"), "gold"));
	assert_false(slice_eq(bytes("a\0b", 3), bytes("a\0c", 3)));
	assert_true(slice_starts(slice_of("Gold"), slice_of("")));
	assert_true(slice_starts(slice_of("Gold"), slice_of("Gold")));
	assert_false(slice_starts(slice_of("Gol"), slice_of("Gold")));
	assert_false(slice_starts(slice_of("Gold"), slice_of("gol")));
}

static void without_case_means_ascii(void **state)
{
	(void)state;
	assert_true(slice_eq_nocase(slice_of("GOLD z"), slice_of("gold Z")));
	assert_false(slice_eq_nocase(slice_of("gold"), slice_of("golds")));
	/* Z and A have neighbours 32 away that are no letters. */
	assert_false(slice_eq_nocase(slice_of("[@"), slice_of("{`")));
	assert_false(slice_eq_nocase(slice_of("\xc5\x81"), slice_of("\xc5\x82"))); /* Ł and ł */
}

static void order_is_of_bytes_and_shorter_first(void **state)
{
	static const struct slice t[] = {
		{ "", 0 },  { "\0", 1 },   { "A", 1 },	  { "AB", 2 },
		{ "a", 1 }, { "\x7f", 1 }, { "\xc3", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		for (size_t k = 0; k < COUNT(t); k++) {
			int order = slice_cmp(t[i], t[k]);
			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
		}
	}
}

static void trimming(void **state)
{
	(void)state;
	assert_true(slice_is(slice_trim(slice_of(" \t\r\n\v\f a b \n")), "a b"));
	assert_true(slice_is(slice_trim(slice_of(" \n ")), ""));
	/* A no-break space is a character like others, a NUL is no space. */
	assert_true(slice_is(slice_trim(slice_of("\xc2\xa0 ")), "\xc2\xa0"));
	assert_int_equal(slice_trim(bytes("\0 ", 2)).len, 1);
}

/* ---- the growing string --------------------------------------------------- */

static void up_to_the_ceiling_and_no_further(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 5);
	assert_string_equal(str_text(&s), "");
	str_add_text(&s, "abc");
	str_add_text(&s, "de");
	assert_false(s.overflow);
	str_add(&s, NULL, 0);
	assert_false(s.overflow);
	str_add_char(&s, 'f');
	assert_true(s.overflow);
	assert_string_equal(str_text(&s), "abcde");
	str_clear(&s);
	assert_string_equal(str_text(&s), "");
	str_add_text(&s, "abcdef");
	assert_true(s.overflow);
	assert_int_equal(s.len, 0);
	str_add_char(&s, 'a'); /* would fit: but what was refused must not be left out in silence */
	assert_int_equal(s.len, 0);
	str_release(&s);
	assert_false(s.overflow);
	str_add_text(&s, "after"); /* usable again, with the same ceiling */
	assert_int_equal(s.max, 5);
	assert_string_equal(str_text(&s), "after");
	str_release(&s);
}

static void a_ceiling_of_nothing(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 0);
	str_add_text(&s, "");
	assert_false(s.overflow);
	str_addf(&s, "%s", "x");
	assert_true(s.overflow);
	assert_string_equal(str_text(&s), "");
	str_release(&s);
}

static void grows_through_many_sizes(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 100000);
	for (int i = 0; i < 10000; i++)
		str_addf(&s, "%04d%c", i, i % 2 ? '\0' : '.');
	assert_int_equal(s.len, 50000);
	assert_memory_equal(s.ptr + 5 * 9998, "9998.9999\0", 11);
	assert_int_equal(str_slice(&s).len, 50000);
	str_addf(&s, "%0*d", 50000, 7);
	assert_false(s.overflow);
	assert_int_equal(s.len, 100000);
	str_addf(&s, "%d", 7);
	assert_true(s.overflow);
	str_release(&s);
}

static void assert_added(void (*add)(struct str *, struct slice), struct slice from, const char *to)
{
	struct str s;

	str_init(&s, 1000);
	add(&s, from);
	if (strcmp(str_text(&s), to) != 0)
		fail_msg("'%s' is not '%s'", str_text(&s), to);
	str_release(&s);
}

static void shown_to_people(void **state)
{
	(void)state;
	assert_added(str_add_shown, slice_of("Zażółć 🎓"), "Zażółć 🎓");
	assert_added(str_add_shown, bytes("a\0\n\x1b[31m\x7f", 9), "a\\x00\\x0a\\x1b[31m\\x7f");
	assert_added(str_add_shown,
		     slice_of("\xc2\x9b"
			      "31m"),
		     "\\xc2\\x9b31m"); /* CSI as one character */
	assert_added(str_add_shown, slice_of("a\xff\xc3"), "a\\xff\\xc3");
	assert_added(str_add_shown, slice_of("\xe2\x80\xa8"),
		     "\\xe2\\x80\\xa8"); /* line separator */
	assert_added(str_add_shown, slice_of("\xe2\x80\xa7"), "\xe2\x80\xa7");
	assert_added(str_add_shown, slice_of(NULL), "");
}

static void as_json(void **state)
{
	(void)state;
	assert_added(str_add_json, slice_of("say \"hi\" \\ /"), "\"say \\\"hi\\\" \\\\ /\"");
	assert_added(str_add_json, bytes("\0\n\t\x7f", 4), "\"\\u0000\\n\\u0009\\u007f\"");
	assert_added(str_add_json, slice_of("ż🎓"), "\"ż🎓\"");
	assert_added(str_add_json, slice_of("a\xc3"), "\"a\\ufffd\"");
	assert_added(str_add_json, slice_of("\xed\xa0\x80"),
		     "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
	assert_added(str_add_json, slice_of(NULL), "\"\"");
}

static void as_a_member(void **state)
{
	struct str s;

	(void)state;
	str_init(&s, 100);
	str_add_member(&s, "is", slice_of("\"a\""));
	str_add_member(&s, "is-empty", slice_of(""));
	str_add_member(&s, "is-not", slice_of(NULL));
	str_add_member(&s, "nor", slice_or_none(slice_of("")));
	str_add_member(&s, "or", slice_or_none(slice_of("b")));
	assert_string_equal(str_text(&s), ",\"is\":\"\\\"a\\\"\",\"is-empty\":\"\",\"is-not\":null,"
					  "\"nor\":null,\"or\":\"b\"");
	str_release(&s);
}

static void in_a_url(void **state)
{
	(void)state;
	assert_added(str_add_url, slice_of("AZaz09-._~"), "AZaz09-._~");
	assert_added(str_add_url, slice_of("a b/../?c=d&e#%+"),
		     "a%20b%2F..%2F%3Fc%3Dd%26e%23%25%2B");
	assert_added(str_add_url, bytes("\0\xc5\xbc", 3), "%00%C5%BC");
}

static void utf8(void **state)
{
	static const char *const good[] = {
		"\x01",		"\xc2\x80",	    "\xdf\xbf",
		"\xe0\xa0\x80", "\xed\x9f\xbf",	    "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"
	};
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x41",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xe1\x80",
		"\xe1\x80\x41",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf1\x80\x80",
		"\xf1\x80\x80\x41",
		"\xfe",
		"\xff",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		size_t len = strlen(good[i]);
		assert_int_equal(utf8_length(good[i], good[i] + len), len);
		if (len > 1) /* cut off */
			assert_int_equal(utf8_length(good[i], good[i] + len - 1), 0);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (utf8_valid(slice_of(bad[i])))
			fail_msg("number %zu is no UTF-8", i);
	assert_true(utf8_valid(bytes("a\0b", 3)));
	assert_false(utf8_valid(slice_of("Zażółć\xff")));
}

/* ---- arenas --------------------------------------------------------------- */

static bool all_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 0,   1,	   7,	  8,	 15,	16,    17,
					100, 4096, 16383, 16384, 16385, 70000, 3 };
	struct arena a;
	char *got[10 * COUNT(sizes)];

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < COUNT(got); i++) {
		size_t size = sizes[i % COUNT(sizes)];
		got[i] = arena_alloc(&a, size);
		/* as any type of that size needs it */
		size_t align = size & -size;
		if (!align || align > _Alignof(max_align_t))
			align = _Alignof(max_align_t);
		assert_int_equal((uintptr_t)got[i] % align, 0);
		assert_true(all_zero(got[i], size));
		memset(got[i], (int)i + 1, size);
	}
	for (size_t i = 0; i < COUNT(got); i++)
		for (size_t k = 0; k < sizes[i % COUNT(sizes)]; k++)
			assert_int_equal(got[i][k], (char)(i + 1));
	assert_true(a.used >= 10 * (4096 + 16383 + 16384 + 16385 + 70000));
	arena_release(&a);
	assert_int_equal(a.used, 0);
	arena_release(&a); /* twice does no harm */
}

static void an_arena_that_was_cleared_hands_out_zeroes_again(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	arena_clear(&a); /* nothing is there */
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < 100; i++) {
			unsigned char *got = arena_alloc(&a, 1000);
			for (size_t k = 0; k < 1000; k++)
				assert_int_equal(got[k], 0);
			memset(got, 0xff, 1000);
		}
		arena_clear(&a);
	}
	arena_release(&a);
}

static void arena_texts(void **state)
{
	struct arena a;
	char gone[] = "Gold";

	(void)state;
	arena_init(&a);
	char *copy = arena_text(&a, bytes(gone, 3));
	struct slice part = arena_slice(&a, slice_of(gone));
	memset(gone, 'x', sizeof(gone));
	assert_string_equal(copy, "Gol");
	assert_true(slice_is(part, "Gold"));
	assert_string_equal(part.ptr, "Gold"); /* with a NUL */
	assert_string_equal(arena_text(&a, slice_of(NULL)), "");
	assert_string_equal(arena_printf(&a, "%s/%d", "a", -1), "a/-1");
	assert_int_equal(strlen(arena_printf(&a, "%0*d", 20000, 1)), 20000);
	arena_release(&a);
}

static void arrays_that_grow(void **state)
{
	size_t cap = 0;
	int *n = NULL;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		n = mem_grow(n, &cap, i + 1, sizeof(*n));
		assert_true(cap > i);
		n[i] = (int)i;
	}
	int *same = mem_grow(n, &cap, 10, sizeof(*n));
	assert_ptr_equal(same, n);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(n[i], (int)i);
	mem_free(n);
	void *nothing = mem_realloc(mem_alloc(0), 0); /* never NULL */
	assert_non_null(nothing);
	mem_free(nothing);
}

/* ---- maps ----------------------------------------------------------------- */

static void a_map_keeps_many_keys_in_order(void **state)
{
	struct map m;
	char key[32];
	static int value[5000];

	(void)state;
	map_init(&m);
	assert_null(map_get(&m, slice_of("0")));
	for (size_t i = 0; i < COUNT(value); i++) {
		snprintf(key, sizeof(key), "%zu", i * 7919);
		assert_null(map_put(&m, slice_of(key), &value[i]));
	}
	assert_int_equal(m.count, COUNT(value));
	for (size_t i = 0; i < COUNT(value); i++) {
		snprintf(key, sizeof(key), "%zu", i * 7919);
		assert_ptr_equal(map_get(&m, slice_of(key)), &value[i]);
		assert_true(slice_is(m.entry[i].key, key)); /* copied, and where it was put */
	}
	assert_null(map_get(&m, slice_of("1")));
	map_release(&m);
	assert_null(map_get(&m, slice_of("0")));
}

static void a_map_answers_what_was_there(void **state)
{
	struct map m;
	int a, b;

	(void)state;
	map_init(&m);
	assert_null(map_put(&m, slice_of("k"), &a));
	assert_ptr_equal(map_put(&m, slice_of("k"), &b), &a);
	assert_ptr_equal(map_get(&m, slice_of("k")), &b);
	assert_int_equal(m.count, 1);
	map_release(&m);
}

static void map_keys_are_any_bytes(void **state)
{
	struct map m;
	int a, b, c;

	(void)state;
	map_init(&m);
	map_put(&m, slice_of(NULL), &a);
	map_put(&m, bytes("k\0x", 3), &b);
	map_put(&m, bytes("k\0y", 3), &c);
	assert_ptr_equal(map_get(&m, slice_of("")), &a);
	assert_ptr_equal(map_get(&m, bytes("k\0x", 3)), &b);
	assert_ptr_equal(map_get(&m, bytes("k\0y", 3)), &c);
	assert_null(map_get(&m, slice_of("k")));
	map_release(&m);
}

static void hashes_depend_on_all_bytes_and_the_seed(void **state)
{
	(void)state;
	assert_int_equal(hash_bytes(1, "abc", 3), hash_bytes(1, "abcd", 3));
	assert_true(hash_bytes(1, "abc", 3) != hash_bytes(2, "abc", 3));
	assert_true(hash_bytes(1, "abc", 3) != hash_bytes(1, "abd", 3));
	assert_true(hash_bytes(1, "abc", 3) != hash_bytes(1, "abc\0", 4));
}

static void addresses_are_masked(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "nothing here", "nothing here" },
		{ "ada@example.org", "***************" },
		{ "to <ada@example.org>, and b@c.de;", "to <***************>, and ******;" },
		{ "'o''neil@x.ie'", "**************" },
		{ "\"j\xc3\xb6rg@x.de\"", "\"**********\"" },
		{ "@", "*" },
		{ "a @ b@", "a * **" },
	};
	struct str s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		str_init(&s, 100);
		str_add_text(&s, rows[i].text);
		mask_addresses(&s);
		assert_string_equal(str_text(&s), rows[i].want);
		str_release(&s);
	}
}

static void what_a_service_said_is_masked_before_it_is_cut(void **state)
{
	static const struct {
		const char *said;
		size_t most;
		const char *want;
	} rows[] = {
		{ "no: Bearer pat-123456 of ada@example.org", 200,
		  "no: Bearer ********** of ***************" },
		{ "no: Bearer pat-123456", 17, "no: Bearer ******" },
		{ "no: ada@example.org", 7, "no: ***" },
		{ "a\x1b[2J", 200, "a\\x1b[2J" },
		{ "", 200, "" },
	};
	struct str s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		str_init(&s, 1000);
		mask_said(&s, slice_of(rows[i].said), slice_of("pat-123456"), rows[i].most);
		assert_string_equal(str_text(&s), rows[i].want);
		str_release(&s);
	}
}

static void a_head_holds_whole_characters(void **state)
{
	(void)state;
	assert_int_equal(mask_head(slice_of("abc"), 3).len, 3);
	assert_int_equal(mask_head(slice_of("abcd"), 3).len, 3);
	assert_int_equal(mask_head(slice_of("ab\xc3\xa9"), 3).len, 2);
	assert_int_equal(mask_head(slice_of("ab\xc3\xa9"), 4).len, 4);
	assert_int_equal(mask_head(slice_of("\xff\xff"), 1).len, 1);
	assert_int_equal(mask_head((struct slice){ 0 }, 1).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_the_empty_slice),
		cmocka_unit_test(comparing),
		cmocka_unit_test(without_case_means_ascii),
		cmocka_unit_test(order_is_of_bytes_and_shorter_first),
		cmocka_unit_test(trimming),
		cmocka_unit_test(up_to_the_ceiling_and_no_further),
		cmocka_unit_test(a_ceiling_of_nothing),
		cmocka_unit_test(grows_through_many_sizes),
		cmocka_unit_test(shown_to_people),
		cmocka_unit_test(as_json),
		cmocka_unit_test(as_a_member),
		cmocka_unit_test(in_a_url),
		cmocka_unit_test(utf8),
		cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(an_arena_that_was_cleared_hands_out_zeroes_again),
		cmocka_unit_test(arena_texts),
		cmocka_unit_test(arrays_that_grow),
		cmocka_unit_test(a_map_keeps_many_keys_in_order),
		cmocka_unit_test(a_map_answers_what_was_there),
		cmocka_unit_test(map_keys_are_any_bytes),
		cmocka_unit_test(hashes_depend_on_all_bytes_and_the_seed),
		cmocka_unit_test(addresses_are_masked),
		cmocka_unit_test(what_a_service_said_is_masked_before_it_is_cut),
		cmocka_unit_test(a_head_holds_whole_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

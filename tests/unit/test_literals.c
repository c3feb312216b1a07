/*
 * Patterns that are taken apart into texts: which are, and that they mean what PCRE2 says.
 */
#include "tests/unit/rules.h"

#include "base/regex.h"
#include "dsl/literals.h"

static struct arena memory;

static bool taken_apart(const char *pattern, struct literals *l)
{
	return literals_of(slice_of(pattern), &memory, l);
}

static void test_what_is_taken_apart(void **state)
{
	static const struct {
		const char *pattern;
		enum literals_place place;
		const char *texts; /* a space between */
	} cases[] = {
		{ "@(acme|example)\\.com$", LITERALS_END, "@acme.com @example.com" },
		{ "@(?:acme|example)\\.(com|org)\\z", LITERALS_END,
		  "@acme.com @acme.org @example.com @example.org" },
		{ "^https?:", LITERALS_START, "https: http:" },
		{ "\\A(PL|DE)\\Z", LITERALS_WHOLE, "PL DE" },
		{ "cat|dog|(mouse)", LITERALS_INSIDE, "cat dog mouse" },
		{ "(?i)@Acme\\.com$", LITERALS_END, "@acme.com" },
		{ "(?i)(A|a)b", LITERALS_INSIDE, "ab" },
		{ "a(b|)c", LITERALS_INSIDE, "abc ac" },
		{ "Kraków?", LITERALS_INSIDE, "Kraków Krakó" },
		{ "ó?x", LITERALS_INSIDE, "óx x" },
		{ "a\\-b\\$", LITERALS_INSIDE, "a-b$" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice rest = slice_of(cases[i].texts), text;
		struct literals l;
		size_t n = 0;
		assert_true(taken_apart(cases[i].pattern, &l));
		assert_int_equal(l.place, cases[i].place);
		for (bool more = true; more; n++) {
			more = slice_cut(&rest, ' ', &text);
			assert_true(n < l.count && slice_eq(l.text[n], text));
		}
		assert_int_equal(l.count, n);
	}
}

static void test_what_stays_a_pattern(void **state)
{
	static const char *const patterns[] = {
		"a.c",	    "a*",      "a+",
		"a{2}",	    "[ab]",    "\\d",
		"a??",	    "a?+a",    "(a)\\1",
		"^a|b",	    "a|b$",    "(a$)",
		"(^a)",	    "(?=a)",   "(*UTF)a",
		"(?i:a)",   "(?x)a b", "a\\b",
		"a\\Qb\\E", "(?i)ó",   "a|b\\z",
		"(a|b)*",   "^^a",     "a$$",
		"a(?#c)",   "\\x41",   "(a|b|c|d)(e|f|g|h)(i|j)",
	};
	struct literals l;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		assert_false(taken_apart(patterns[i], &l));
}

static uint32_t draw(uint64_t *dice, uint32_t below)
{
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*dice >> 33) % below;
}

static void draw_text(uint64_t *dice, struct str *out, const char *const *pieces, uint32_t n,
		      uint32_t most)
{
	str_clear(out);
	for (uint32_t i = draw(dice, most + 1); i; i--)
		str_add_text(out, pieces[draw(dice, n)]);
}

/* Whatever is taken apart answers as PCRE2 does, wherever it says that it can. */
static void test_same_as_pcre2(void **state)
{
	static const char *const pieces[] = { "a",	  "b",	 "B",  "@",	"\\.", "(",
					      ")",	  "|",	 "?",  "^",	"$",   "\\z",
					      "\\A",	  "(?:", "ab", "(?i)",	"\\",  ".",
					      "\xc3\xb3", "a|b", "k",  "(?i)k", "s",   "*" };
	static const char *const values[] = { "a",
					      "b",
					      "A",
					      "B",
					      "@",
					      ".",
					      "ab",
					      "\n",
					      "\xc3\xb3",
					      "(",
					      "\r",
					      "k",
					      "\xe2\x84\xaa",
					      "\xff",
					      "s",
					      "\xc5\xbf" };
	struct str pattern, value;
	uint64_t dice = 7;
	size_t said = 0, yes = 0;

	(void)state;
	str_init(&pattern, 1000);
	str_init(&value, 1000);
	for (size_t i = 0; i < 20000; i++) {
		struct literals l;
		struct err err;
		size_t offset;
		draw_text(&dice, &pattern, pieces, sizeof(pieces) / sizeof(pieces[0]), 8);
		struct regex *re = regex_compile(str_slice(&pattern), &offset, &err);
		bool texts = literals_of(str_slice(&pattern), &memory, &l);
		/* What is taken for texts is never compiled, so it must be right. */
		if (texts && !re)
			fail_msg("%s is no pattern", str_text(&pattern));
		if (texts) {
			for (size_t k = 0; k < 20; k++) {
				draw_text(&dice, &value, values, sizeof(values) / sizeof(values[0]),
					  5);
				if (!value.len || !literals_can_say(&l, str_slice(&value)))
					continue;
				bool ours = literals_match(&l, str_slice(&value));
				bool theirs = regex_match(re, str_slice(&value)) == REGEX_YES;
				if (ours != theirs)
					fail_msg("%s on %s: %d", str_text(&pattern),
						 str_text(&value), ours);
				said++;
				yes += ours;
			}
		}
		regex_free(re);
		arena_release(&memory);
	}
	/* Else nothing was compared. */
	assert_true(said > 10000 && yes > 1000 && said - yes > 1000);
	str_release(&pattern);
	str_release(&value);
}

static void test_what_it_cannot_say(void **state)
{
	static char large[LITERALS_VALUE_BYTES + 2];
	struct literals end, any_case;

	(void)state;
	assert_true(taken_apart("b$", &end) && taken_apart("(?i)k", &any_case));
	assert_true(literals_can_say(&end, slice_of("ab")));
	assert_false(literals_can_say(&end, slice_of("ab\n")));
	assert_true(literals_can_say(&end, slice_of("\xc3\xb3"
						    "b")));
	assert_false(literals_can_say(&any_case, slice_of("\xe2\x84\xaax")));
	memset(large, 'b', sizeof(large) - 1);
	assert_false(literals_can_say(&end, slice_of(large)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_taken_apart),
		cmocka_unit_test(test_what_stays_a_pattern),
		cmocka_unit_test(test_same_as_pcre2),
		cmocka_unit_test(test_what_it_cannot_say),
	};

	arena_init(&memory);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_release(&memory);
	return failed;
}

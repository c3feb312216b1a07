/*
 * What warnings claim, held against what rules do: whatever is said of random filters must be so
 * for every value that is tried, and every pattern that is called slow reaches its match limit.
 */
#include "tests/unit/rules.h"

#include <stdlib.h>

#include "base/regex.h"

#define AT INT64_C(1767603600000) /* 2026-01-05T09:00:00Z */
#define FILTERS 6000

static uint32_t state;

static uint32_t below(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static const char *const operands[] = {
	"is: a",
	"is: ab",
	"is: '5'",
	"is-not: a",
	"is-not: ab",
	"in: [a, b]",
	"in: [ab, '5', 2026-01-03]",
	"not-in: [a, ab]",
	"not-in: [b]",
	"contains: b",
	"starts-with: a",
	"starts-with: AB",
	"starts-with: b",
	"ends-with: b",
	"ends-with: aB",
	"ends-with: a",
	"matches: '^a'",
	"matches: 'b$'",
	"has: a",
	"has-not: a",
	"has: b",
	"at-least: 5",
	"at-most: 5",
	"more-than: 5",
	"less-than: 5",
	"at-least: 7.5",
	"less-than: 1e1",
	"before: 2026-01-03",
	"after: 2026-01-03",
	"after: 2026-01-01",
	"before: -3d",
	"after: today",
	"after: -3d",
	"known: true",
	"known: false",
};

static const char *const values[] = {
	"",	      "a",	    "b",	  "ab",
	"AB",	      "ba",	    "bab",	  "a;b",
	"b;c",	      "aba",	    "4",	  "5",
	"5.0",	      "6",	    "7.5",	  "8",
	"10",	      "11",	    "-1",	  "2025-12-01",
	"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04",
	"2026-01-05", "2026-01-06", "2027-01-01", "1767603600000",
	"c",	      "\xc5\x82",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* One or two tests, of one property or two, each perhaps turned round, under `all` or `any`. */
struct made {
	char test[2][96];
	bool any;
};

static struct made make(void)
{
	struct made m = { .any = below(2) };
	bool same = below(8);

	for (int i = 0; i < 2; i++) {
		bool turned = below(4) == 0;
		snprintf(m.test[i], sizeof(m.test[i]), "%s{ property: %s, %s }%s",
			 turned ? "{ not: " : "", i && !same ? "q" : "p",
			 operands[below(COUNT(operands))], turned ? " }" : "");
	}
	return m;
}

/* Bit i: the i-th test is there. */
static void write_rule(const struct made *m, unsigned tests, char *out, size_t size)
{
	snprintf(
		out, size,
		"rule: r\ntrigger:\n  event: property-changed\n  property: tier\n  filters:\n    - %s:\n"
		"%s%s\n%s%s\naction: { do: issue-credential, group: g }\n",
		m->any ? "any" : "all", tests & 1 ? "        - " : "", tests & 1 ? m->test[0] : "",
		tests & 2 ? "        - " : "", tests & 2 ? m->test[1] : "");
}

static bool passes(struct table *t, const char *p, const char *q)
{
	const char *pairs[] = { "p", p, "q", q, NULL };
	struct pairs known = { t, pairs, 0 };
	struct facts facts = { &known, pairs_value, pairs_label };
	struct event_facts event = { .kind = EVENT_PROPERTY_CHANGED,
				     .property = slice_of("tier"),
				     .to = slice_of("Gold"),
				     .from_known = true,
				     .at_ms = AT,
				     .as_of_ms = AT };

	return rule_match(t, &t->rule[0], &event, &facts, NULL) == ANSWER_YES;
}

static struct table *build_part(const struct made *m, unsigned tests)
{
	char text[640];
	struct built b;

	write_rule(m, tests, text, sizeof(text));
	build_slice(&b, slice_of(text));
	assert_non_null(b.table);
	struct table *t = table_ref(b.table);
	built_release(&b);
	return t;
}

/* What is said of line 7 or 8 is of test 0 or 1. */
static void hold_claim(const struct made *m, const struct diag *d, struct table *whole)
{
	unsigned test = d->at.line - 7;
	struct table *rest = build_part(m, test ? 1 : 2);
	bool never = strcmp(d->code, "never-holds") == 0;
	bool everything = strstr(d->message, "says nothing") != NULL;

	for (size_t i = 0; i < COUNT(values); i++) {
		for (size_t k = 0; k < COUNT(values); k++) {
			bool holds = passes(whole, values[i], values[k]);
			bool wrong = never	  ? holds
				     : everything ? !holds
						  : holds != passes(rest, values[i], values[k]);
			if (wrong)
				fail_msg("%s: %s\n%s\n%s\np '%s' q '%s'", m->any ? "any" : "all",
					 d->message, m->test[0], m->test[1], values[i], values[k]);
		}
	}
	table_unref(rest);
}

static void test_claims_are_true(void **unused)
{
	size_t said[4] = { 0 };

	(void)unused;
	for (state = 0; state < FILTERS; state++) {
		uint32_t seed = state;
		state = seed * 2654435761u + 1;
		struct made m = make();
		char text[640];
		struct built b;
		write_rule(&m, 3, text, sizeof(text));
		build_slice(&b, slice_of(text));
		assert_non_null(b.table);
		for (size_t i = 0; i < b.diags.count; i++) {
			const char *code = b.diags.list[i].code;
			hold_claim(&m, &b.diags.list[i], b.table);
			said[code[0] == 'n' ? 0 : code[0] == 'u' ? 1 : m.any ? 2 : 3]++;
		}
		built_release(&b);
		state = seed;
	}
	for (size_t i = 0; i < COUNT(said); i++)
		assert_true(said[i] > 20);
}

struct slow {
	const char *pattern;
	char again; /* what the value is made of */
};

static void test_slow_patterns_are_slow(void **unused)
{
	static const struct slow rows[] = {
		{ "(a+)+$", 'a' },	   { "^(\\w+\\s?)*$", 'a' },
		{ "^(\\s*\\w+)+!", 'a' },  { "^(.*)*x", 'a' },
		{ "^(?:\\w|\\d)+$", '1' }, { "^(?:[a-f]|[0-9]|[e-z])*\\.", 'e' },
		{ "^((a{2,})+b?)$", 'a' }, { "^([^,]|\\s)+;", ' ' },
	};
	/* Nothing of it fits; PCRE2 looks for what must be there before it begins. */
	static const char tail[] = { ',', '\n', 'x', '!', ';', '.' };
	char value[120];

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t offset;
		struct err err;
		struct regex *re = regex_compile(slice_of(rows[i].pattern), &offset, &err);
		assert_non_null(re);
		memset(value, rows[i].again, sizeof(value));
		memcpy(value + sizeof(value) - sizeof(tail), tail, sizeof(tail));
		if (regex_match(re, (struct slice){ value, sizeof(value) }) != REGEX_LIMIT)
			fail_msg("%s is not slow", rows[i].pattern);
		regex_free(re);
	}
}

static int set_zone(void **unused)
{
	struct err err;

	(void)unused;
	return clock_set_zone("UTC", &err) != RC_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims_are_true),
		cmocka_unit_test(test_slow_patterns_are_slow),
	};

	return cmocka_run_group_tests(tests, set_zone, NULL);
}

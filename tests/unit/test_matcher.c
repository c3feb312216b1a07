/*
 * All rules at once: the matcher passes over a rule only where rule_match says no, and is sure only
 * where it says yes.
 */
#include "tests/unit/rules.h"

#include <stdlib.h>

#include "base/arena.h"

static uint32_t draw(uint64_t *dice, uint32_t below)
{
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*dice >> 33) % below;
}

/* ---- rules and contacts by chance ------------------------------------------------ */

static const char *const tests_of[] = {
	"{ property: email, matches: '@(acme|example)\\.com$' }",
	"{ property: email, matches: '@(acme|beta|only%u)\\.com$' }",
	"{ property: email, ends-with: '@acme.com' }",
	"{ property: email, ends-with: '@only%u.com' }",
	"{ property: email, matches: '^[a-m].*@' }",
	"{ property: email, contains: acme }",
	"{ property: email, is: 'a@acme.com' }",
	"{ property: country, is: c%u }",
	"{ property: country, in: [c0, c%u, 'a text that is longer than what lies at the path itself'] }",
	"{ property: country, not-in: [c1, c2] }",
	"{ property: country, known: true }",
	"{ property: score, at-least: %u }",
	"{ property: score, less-than: 2.5 }",
	"{ property: score, more-than: %u }",
	"{ property: points, at-most: %u.5 }",
	"{ property: points, at-least: %u }",
	"{ property: score, more-than: 0.00000001 }",
	"{ property: score, at-least: 9007199254740993 }",
	"{ property: day, before: today }",
	"{ any: [ { property: country, is: c1 }, { property: score, at-least: 3 } ] }",
	"{ not: { property: country, is: c%u } }",
	"{ all: [ { property: country, is: c1 }, { property: email, contains: b } ] }",
};

static void add_rule(struct str *out, uint64_t *dice, uint32_t i)
{
	static const char *const froms[] = { "", "", "  from: old\n", "  from: [old, '']\n" };
	static const char *const tos[] = { "  to: new\n", "  to: new\n", "  to: [new, other]\n", "",
					   "  to: ''\n" };
	uint32_t n = draw(dice, 4);

	str_addf(out, "---\nrule: r%u\ntrigger:\n  event: property-changed\n  property: tier\n%s%s",
		 i, froms[draw(dice, 4)], tos[draw(dice, 5)]);
	str_add_text(out, n ? "  filters:\n" : "");
	while (n--) {
		uint32_t k = draw(dice, sizeof(tests_of) / sizeof(tests_of[0]));
		str_add_text(out, "    - ");
		for (const char *p = tests_of[k]; *p; p++) {
			if (p[0] == '%' && p[1] == 'u')
				str_addf(out, "%u", draw(dice, 5));
			else if (p == tests_of[k] || p[-1] != '%')
				str_add_char(out, *p);
		}
		str_add_text(out, "\n");
	}
	str_add_text(out, "action: { do: issue-credential, group: g }\n");
}

static const char *draw_value(uint64_t *dice, const char *name)
{
	static const char *const emails[] = { "a@acme.com",
					      "A@ACME.COM",
					      "z@example.com",
					      "n@only3.com",
					      "x@acme.com\n",
					      "\xffx@acme.com",
					      "\xc3\xb3x@acme.com",
					      "x@y@beta.com",
					      "acme",
					      "@acme.com",
					      "",
					      "?" };
	static const char *const countries[] = {
		"c0", "c1", "c2", "c3",
		"c4", "",   "?",  "a text that is longer than what lies at the path itself"
	};
	static const char *const scores[] = { "0",
					      "1",
					      "2",
					      "2.5",
					      "3",
					      "4",
					      " 3 ",
					      "-1",
					      "1e3",
					      "none",
					      "3.",
					      "",
					      "9007199254740992",
					      "9007199254740993",
					      "0.0000001",
					      "?",
					      "1.2345678" };
	static const char *const days[] = { "2020-01-01", "2099-01-01", "soon", "", "?" };

	if (strcmp(name, "email") == 0)
		return emails[draw(dice, sizeof(emails) / sizeof(emails[0]))];
	if (strcmp(name, "country") == 0)
		return countries[draw(dice, sizeof(countries) / sizeof(countries[0]))];
	if (strcmp(name, "score") == 0 || strcmp(name, "points") == 0)
		return scores[draw(dice, sizeof(scores) / sizeof(scores[0]))];
	return days[draw(dice, sizeof(days) / sizeof(days[0]))];
}

/* ---- one event, both ways ---------------------------------------------------------- */

struct counts {
	size_t yes, sure, passed_over, unsure;
};

static void compare(const struct table *t, struct matcher *m, const struct event_facts *event,
		    const struct facts *facts, struct counts *counts)
{
	const struct survivor *survivor;
	struct rule_ids ids[2];
	size_t n = matcher_run(m, t->rule[0].source, slice_of("tier"), event, facts, &survivor),
	       at = 0;

	table_candidates(t, t->rule[0].source, EVENT_PROPERTY_CHANGED, "tier", event->to, ids);
	for (size_t i = 0; i < ids[0].count + ids[1].count; i++) {
		uint32_t id = i < ids[0].count ? ids[0].id[i] : ids[1].id[i - ids[0].count];
		enum answer answer = rule_match(t, &t->rule[id], event, facts, NULL);
		bool survives = at < n && survivor[at].rule == id;
		assert_true(survives || answer == ANSWER_NO);
		assert_true(!survives || !survivor[at].sure || answer == ANSWER_YES);
		counts->sure += survives && survivor[at].sure;
		counts->yes += answer == ANSWER_YES;
		counts->passed_over += !survives;
		counts->unsure += answer == ANSWER_UNSURE;
		at += survives;
	}
	assert_int_equal(at, n);
}

static void run_events(const struct table *t, uint64_t *dice, struct counts *counts)
{
	static const char *const names[] = { "email", "country", "score", "points", "day" };
	static const char *const tos[] = { "new", "new", "other", "", "unnamed" };
	struct matcher *m = matcher_new(t);

	for (size_t i = 0; i < 60; i++) {
		const char *pair[11] = { NULL };
		for (size_t k = 0; k < 5; k++) {
			pair[2 * k] = names[k];
			pair[2 * k + 1] = draw_value(dice, names[k]);
		}
		struct pairs pairs = { t, pair, 0 };
		struct facts facts = { &pairs, pairs_value, pairs_label };
		struct event_facts event = { .kind = EVENT_PROPERTY_CHANGED,
					     .property = slice_of("tier"),
					     .from = slice_of(draw(dice, 2) ? "old" : ""),
					     .to = slice_of(tos[draw(dice, 5)]),
					     .from_known = draw(dice, 5) > 0,
					     .as_of_ms = INT64_C(1767603660000) };
		compare(t, m, &event, &facts, counts);
	}
	matcher_free(m);
}

/* So many properties that those of the other rules have large numbers, as these are the first by name. */
static void add_many_properties(struct str *out)
{
	for (int i = 0; i < 520; i++)
		str_addf(
			out,
			"---\nrule: a%d\ntrigger: { event: property-changed, property: other%d, to: x }\n"
			"action: { do: issue-credential, group: g }\n",
			i, i);
}

static void test_same_as_one_by_one(void **state)
{
	struct counts counts = { 0 };
	uint64_t dice = 11;
	struct str text;

	(void)state;
	str_init(&text, 1u << 20);
	for (size_t i = 0; i < 60; i++) {
		/* Few rules lie flat, many behind gates. */
		uint32_t rules = 1 + draw(&dice, i % 2 ? 6 : 150);
		str_clear(&text);
		if (i == 1)
			add_many_properties(&text);
		for (uint32_t k = 0; k < rules; k++)
			add_rule(&text, &dice, k);
		struct built b; /* what it warns of is no matter */
		build_slice(&b, str_slice(&text));
		assert_non_null(b.table);
		run_events(b.table, &dice, &counts);
		built_release(&b);
	}
	str_release(&text);
	/* It is of use: most that fire are sure, and those that do not are passed over. */
	assert_true(counts.yes > 1000 && counts.unsure > 1000 && counts.sure * 2 > counts.yes);
	assert_true(counts.passed_over > counts.yes);
}

static void test_lists_and_triggers_apart(void **state)
{
	struct table *t = table_of(
		"account: a\nhubspot: { token: '${A}' }\n---\naccount: b\nhubspot: { token: '${B}' }\n"
		"---\naccount: c\ncertifier: { token: '${C}' }\n"
		"---\nrule: one\ntrigger: { event: list-added, list: '12', account: a }\n"
		"action: { do: issue-credential, group: g }\n"
		"---\nrule: two\ntrigger: { event: list-added, list: '12', account: b }\n"
		"action: { do: issue-credential, group: g }\n");
	struct matcher *m = matcher_new(t);
	const char *const none[] = { NULL };
	struct pairs pairs = { t, none, 0 };
	struct facts facts = { &pairs, pairs_value, NULL };
	struct event_facts event = { .kind = EVENT_LIST_ADDED, .list_id = slice_of("12") };
	const struct survivor *s;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct rule *rule = &t->rule[i];
		assert_int_equal(matcher_run(m, rule->source, slice_of("12"), &event, &facts, &s),
				 1);
		assert_true(s[0].rule == i && s[0].sure);
		assert_int_equal(matcher_run(m, rule->source, slice_of("1"), &event, &facts, &s),
				 0);
	}
	event.kind = EVENT_PROPERTY_CHANGED;
	event.to = slice_of("12");
	assert_int_equal(matcher_run(m, t->rule[0].source, slice_of("12"), &event, &facts, &s), 0);
	matcher_free(m);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_one_by_one),
		cmocka_unit_test(test_lists_and_triggers_apart),
	};
	struct err err;

	if (clock_set_zone("UTC", &err) != RC_OK)
		return 3;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a filter means: operators, groups of three answers, from and to, notes. */
#include "tests/unit/rules.h"

#include <stdlib.h>

#define AT INT64_C(1767603600000) /* 2026-01-05T09:00:00Z */

static const char head[] = "rule: r\n"
			   "trigger:\n"
			   "  event: property-changed\n"
			   "  property: tier\n"
			   "  filters:\n";
static const char tail[] = "action: { do: issue-credential, group: g }\n";

static struct event_facts event_of(const char *from, const char *to)
{
	return (struct event_facts){ .kind = EVENT_PROPERTY_CHANGED,
				     .property = slice_of("tier"),
				     .from = slice_of(from),
				     .to = slice_of(to),
				     .from_known = true,
				     .at_ms = AT,
				     .as_of_ms = AT };
}

static enum answer match_text(const char *rule, const char *const *pair,
			      const struct event_facts *event, struct match_note *note,
			      size_t *asked)
{
	struct table *t = table_of(rule);
	struct pairs p = { t, pair, 0 };
	struct facts facts = { &p, pairs_value, pairs_label };
	enum answer answer = rule_match(t, &t->rule[0], event, &facts, note);

	if (asked)
		*asked = p.asked;
	/* Notes are lent by the table: what is compared later must be copied now. */
	if (note && answer != ANSWER_YES) {
		static char what[256];
		snprintf(what, sizeof(what), "%s", note->what);
		note->what = what;
		note->file = NULL;
	}
	table_unref(t);
	return answer;
}

/* The answer of one filter entry, in flow form. */
static enum answer match_entry(const char *entry, const char *const *pair, struct match_note *note)
{
	char rule[4096];
	struct event_facts event = event_of("Bronze", "Gold");

	snprintf(rule, sizeof(rule), "%s    - %s\n%s", head, entry, tail);
	return match_text(rule, pair, &event, note, NULL);
}

struct row {
	const char *test;
	const char *value;
	enum answer answer;
	const char *note;
};

#define YES ANSWER_YES
#define NO ANSWER_NO

static const struct row rows[] = {
	{ "is: PL", "PL", YES, NULL },
	{ "is: PL", "pl", NO, NULL },
	{ "is: PL", "", NO, "empty" },
	{ "is: 80", "80", YES, NULL },
	{ "is: 80", "80.0", NO, NULL },
	{ "is: true", "true", YES, NULL },
	{ "is-not: PL", "DE", YES, NULL },
	{ "is-not: PL", "PL", NO, NULL },
	{ "is-not: PL", "", YES, NULL },
	{ "in: [PL, DE]", "DE", YES, NULL },
	{ "in: [PL, DE]", "D", NO, NULL },
	{ "in: PL", "PL", YES, NULL },
	{ "in: [PL, DE]", "", NO, "empty" },
	{ "not-in: [PL, DE]", "FR", YES, NULL },
	{ "not-in: [PL, DE]", "PL", NO, NULL },
	{ "not-in: [PL, DE]", "", YES, NULL },
	{ "contains: nan", "ANANAS", YES, NULL },
	{ "contains: nan", "banana", YES, NULL },
	{ "contains: nan", "bana", NO, NULL },
	{ "contains: \xc5\x81\xc3\x93\x44\xc5\xb9", "x \xc5\x82\xc3\xb3\x64\xc5\xba y", YES, NULL },
	{ "contains: 'a.c'", "abc", NO, NULL },
	{ "contains: 'a\\E.*'", "abc", NO, NULL },
	{ "contains: '(a|b) #1 [x]'", "= (A|B) #1 [X]", YES, NULL },
	{ "contains: x", "", NO, "empty" },
	{ "starts-with: Ab", "aBc", YES, NULL },
	{ "starts-with: b", "abc", NO, NULL },
	{ "starts-with: b", "a\nb", NO, NULL },
	{ "ends-with: '@EXAMPLE.com'", "a@example.COM", YES, NULL },
	{ "ends-with: c", "cb", NO, NULL },
	{ "ends-with: c", "c\n", NO, NULL },
	{ "matches: '^a+$'", "aaa", YES, NULL },
	{ "matches: 'a+'", "xxaxx", YES, NULL },
	{ "matches: 'A'", "a", NO, NULL },
	{ "matches: '(?i)A'", "a", YES, NULL },
	{ "matches: '^.$'", "\xc5\x82", YES, NULL },
	{ "matches: '.*'", "", NO, "empty" },
	{ "matches: 'x'", "x\xff", NO, NULL },
	{ "has: b", "a;b;c", YES, NULL },
	{ "has: b", "a; b ;c", YES, NULL },
	{ "has: b", "bb;ab", NO, NULL },
	{ "has: b", "b", YES, NULL },
	{ "has: B", "b", NO, NULL },
	{ "has: b", "", NO, "empty" },
	{ "has-not: b", "a;c", YES, NULL },
	{ "has-not: b", "a;b", NO, NULL },
	{ "has-not: b", "", YES, NULL },
	{ "at-least: 80", "80", YES, NULL },
	{ "at-least: 80", "9", NO, NULL },
	{ "at-least: 9", "10", YES, NULL },
	{ "at-least: 80", "80.000", YES, NULL },
	{ "at-least: 80", " 8.1e1 ", YES, NULL },
	{ "at-least: 80", "79.9999999999999999999", NO, NULL },
	{ "at-least: 80", "eighty", NO, "not a number" },
	{ "at-least: 80", "80%", NO, "not a number" },
	{ "at-least: 80", "0x50", NO, "not a number" },
	{ "at-least: 80", "nan", NO, "not a number" },
	{ "at-least: 80", "inf", NO, "not a number" },
	{ "at-least: 80", "1,000", NO, "not a number" },
	{ "at-least: 80", "", NO, "empty" },
	{ "more-than: 9007199254740992", "9007199254740993", YES, NULL },
	{ "more-than: 9007199254740993", "9007199254740993", NO, NULL },
	{ "at-most: -5", "-5.1", YES, NULL },
	{ "at-most: -5", "-4.9", NO, NULL },
	{ "at-most: 0", "-0", YES, NULL },
	{ "more-than: 0", "1e-400", YES, NULL },
	{ "more-than: 0", "-1e-400", NO, NULL },
	{ "less-than: .5", "+0.49", YES, NULL },
	{ "less-than: 1e3", "1000", NO, NULL },
	{ "at-least: 2026-01-05", "2026-01-05", YES, NULL },
	{ "at-least: 2026-01-05", "2026-01-04", NO, NULL },
	{ "at-least: 2026-01-05", "1767571200000", YES, NULL },
	{ "at-least: 2026-01-05", "80", NO, "not a date" },
	{ "before: 2026-01-05", "2026-01-04T23:59:59.999Z", YES, NULL },
	{ "before: 2026-01-05", "2026-01-05", NO, NULL },
	{ "after: 2026-01-05", "2026-01-05", NO, NULL },
	{ "after: 2026-01-05", "2026-01-05T00:00:00.001Z", YES, NULL },
	{ "after: 2026-01-05T10:00:00+02:00", "2026-01-05T08:00:01Z", YES, NULL },
	{ "after: 2026-01-05", "soon", NO, "not a date" },
	{ "after: 2026-01-05", "", NO, "empty" },
	{ "at-most: today", "2026-01-05", YES, NULL },
	{ "at-most: today", "2026-01-06", NO, NULL },
	{ "before: today", "2026-01-04", YES, NULL },
	{ "before: today", "2026-01-05", NO, NULL },
	{ "after: -30d", "2025-12-07", YES, NULL },
	{ "after: -30d", "2025-12-06", NO, NULL },
	{ "at-least: +2w", "2026-01-19", YES, NULL },
	{ "at-least: +2w", "2026-01-18", NO, NULL },
	{ "known: true", "x", YES, NULL },
	{ "known: true", "", NO, NULL },
	{ "known: false", "", YES, NULL },
	{ "known: false", "x", NO, NULL },
};

static void check_row(const struct row *row)
{
	const char *pair[] = { "p", row->value, NULL };
	char entry[512];
	struct match_note note = { 0 };

	snprintf(entry, sizeof(entry), "{ property: p, %s }", row->test);
	enum answer answer = match_entry(entry, pair, &note);
	if (answer != row->answer)
		fail_msg("%s of '%s' answers %d", row->test, row->value, answer);
	if (answer == YES)
		return;
	if (row->note && (!note.value_note || strcmp(row->note, note.value_note) != 0))
		fail_msg("%s of '%s' notes '%s'", row->test, row->value, note.value_note);
	if (!row->note)
		assert_null(note.value_note);
}

static void test_operators(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

/* Tests that answer what their letter says: y yes, n no, u unsure, l limit. */
static const char *const letters[] = { "y", "x", "n", "other",
				       "u", "?", "l", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
				       NULL };

static const char *test_of(char letter)
{
	switch (letter) {
	case 'y':
		return "{ property: y, is: x }";
	case 'n':
		return "{ property: n, is: x }";
	case 'u':
		return "{ property: u, is: x }";
	default:
		return "{ property: l, matches: '^(a+)+$' }";
	}
}

static enum answer answer_of(char letter)
{
	return letter == 'y'   ? YES
	       : letter == 'n' ? NO
	       : letter == 'u' ? ANSWER_UNSURE
			       : ANSWER_LIMIT;
}

static enum answer match_group(const char *kind, const char *members, bool negated)
{
	char entry[1024] = "";
	size_t len = 0;

	len += (size_t)snprintf(entry, sizeof(entry), "%s%s: [", negated ? "not: { " : "", kind);
	for (; *members; members++)
		len += (size_t)snprintf(entry + len, sizeof(entry) - len, "%s%s", test_of(*members),
					members[1] ? ", " : "");
	snprintf(entry + len, sizeof(entry) - len, "]%s", negated ? " }" : "");
	return match_entry(entry, letters, NULL);
}

/* What decides in a group: the first letter of the order that is among the members. */
static enum answer expected_of(const char *order, const char *members)
{
	for (; *order; order++)
		if (strchr(members, *order))
			return answer_of(*order);
	return YES;
}

static void test_truth_table(void **state)
{
	static const char alphabet[] = "ynul";
	char members[4] = "";

	(void)state;
	for (size_t i = 0; i < 4 * 4 * 4; i++) {
		members[0] = alphabet[i % 4];
		members[1] = alphabet[i / 4 % 4];
		members[2] = alphabet[i / 16];
		enum answer all = expected_of("nuly", members), any = expected_of("yuln", members);
		assert_int_equal(match_group("all", members, false), all);
		assert_int_equal(match_group("any", members, false), any);
		assert_int_equal(match_group("all", members, true), all == YES	? NO
								    : all == NO ? YES
										: all);
		assert_int_equal(match_group("any", members, true), any == YES	? NO
								    : any == NO ? YES
										: any);
	}
}

static void test_nesting(void **state)
{
	(void)state;
	assert_int_equal(
		match_entry("any: [ { all: [ { property: n, is: x }, { property: y, is: x } ] }, "
			    "{ not: { not: { property: y, is: x } } } ]",
			    letters, NULL),
		YES);
	assert_int_equal(
		match_entry("all: [ { any: [ { property: n, is: x }, { property: u, is: x } ] }, "
			    "{ property: y, is: x } ]",
			    letters, NULL),
		ANSWER_UNSURE);
	assert_int_equal(match_entry("all: [ { any: [ { property: u, is: x } ] }, "
				     "{ not: { any: [ { property: y, is: x } ] } } ]",
				     letters, NULL),
			 NO);
}

/* What cannot change the answer is not asked. */
static void test_short_circuit(void **state)
{
	struct event_facts event = event_of("Bronze", "Gold");
	char rule[1024];
	size_t asked;

	(void)state;
	snprintf(rule, sizeof(rule),
		 "%s    - { property: n, is: x }\n    - { property: y, is: x }\n%s", head, tail);
	assert_int_equal(match_text(rule, letters, &event, NULL, &asked), NO);
	assert_int_equal(asked, 1);
	snprintf(rule, sizeof(rule),
		 "%s    - any: [ { property: y, is: x }, { property: n, is: x } ]\n"
		 "    - { property: y, is-not: z }\n%s",
		 head, tail);
	assert_int_equal(match_text(rule, letters, &event, NULL, &asked), YES);
	assert_int_equal(asked, 2);
}

static void test_notes(void **state)
{
	struct match_note note;
	struct event_facts event = event_of("Bronze", "Gold");
	char rule[1024];

	(void)state;
	assert_int_equal(match_entry("{ property: n, in: [PL, DE, FR] }", letters, &note), NO);
	assert_string_equal(note.what, "n in [PL, DE, FR]");
	assert_int_equal(note.line, 6);
	assert_int_equal(note.column, 7);
	assert_int_equal(match_entry("not: { property: y, is: x }", letters, &note), NO);
	assert_string_equal(note.what, "not y is x");
	assert_int_equal(match_entry("{ property: u, at-least: 80 }", letters, &note),
			 ANSWER_UNSURE);
	assert_string_equal(note.what, "u at-least 80");
	assert_int_equal(
		match_entry("{ property: n, in: [a, b, c, d, e, f, g, h, i, j] }", letters, &note),
		NO);
	assert_string_equal(note.what, "n in [a, b, c, d, e, f, g, h, … 2 more]");
	/* Of several that fail in `all`, the first; a definite no before what is unsure. */
	snprintf(rule, sizeof(rule),
		 "%s    - { property: u, is: x }\n    - { property: n, is: x }\n"
		 "    - { property: n, is: y }\n%s",
		 head, tail);
	assert_int_equal(match_text(rule, letters, &event, &note, NULL), NO);
	assert_string_equal(note.what, "n is x");
	assert_int_equal(note.line, 7);
}

static const char from_to[] = "rule: r\n"
			      "trigger:\n"
			      "  event: property-changed\n"
			      "  property: tier\n"
			      "  from: [Bronze, \"\"]\n"
			      "  to: [Silver, Gold]\n"
			      "  filters: [ { property: y, is: x } ]\n"
			      "action: { do: issue-credential, group: g }\n";

static void test_from_and_to(void **state)
{
	struct match_note note;
	size_t asked;
	struct event_facts event = event_of("Bronze", "Gold");

	(void)state;
	assert_int_equal(match_text(from_to, letters, &event, &note, NULL), YES);
	event = event_of("", "Silver");
	assert_int_equal(match_text(from_to, letters, &event, &note, NULL), YES);
	event = event_of("Gold", "Silver");
	assert_int_equal(match_text(from_to, letters, &event, &note, &asked), NO);
	assert_string_equal(note.what, "from");
	assert_int_equal(note.line, 5);
	assert_int_equal(note.column, 3);
	assert_null(note.value_note);
	assert_int_equal(asked, 0);
	event = event_of("Bronze", "gold");
	assert_int_equal(match_text(from_to, letters, &event, &note, NULL), NO);
	assert_string_equal(note.what, "to");
	assert_int_equal(note.line, 6);
	event = event_of("Bronze", "Gold");
	event.from_known = false;
	assert_int_equal(match_text(from_to, letters, &event, &note, NULL), NO);
	assert_string_equal(note.value_note, "from is not known");
}

/* P7: clearing earns nothing unless the rule names the empty value. */
static void test_cleared_value(void **state)
{
	static const char any[] = "rule: r\ntrigger: { event: property-changed, property: tier }\n"
				  "action: { do: issue-credential, group: g }\n";
	static const char named[] =
		"rule: r\ntrigger: { event: property-changed, property: tier, to: \"\" }\n"
		"action: { do: issue-credential, group: g }\n";
	struct event_facts event = event_of("Bronze", "");
	struct match_note note;

	(void)state;
	assert_int_equal(match_text(any, letters, &event, &note, NULL), NO);
	assert_string_equal(note.what, "to");
	assert_string_equal(note.value_note, "empty");
	assert_int_equal(match_text(named, letters, &event, &note, NULL), YES);
	/* from not known does not matter to a rule without `from:`. */
	event = event_of("", "Gold");
	event.from_known = false;
	assert_int_equal(match_text(any, letters, &event, &note, NULL), YES);
}

static void test_list_event(void **state)
{
	static const char rule[] = "rule: r\ntrigger: { event: list-added, list: 4711, "
				   "filters: [ { property: n, is: other } ] }\n"
				   "action: { do: issue-credential, group: g }\n";
	struct event_facts event = {
		.kind = EVENT_LIST_ADDED, .list_id = slice_of("4711"), .at_ms = AT, .as_of_ms = AT
	};

	(void)state;
	assert_int_equal(match_text(rule, letters, &event, NULL, NULL), YES);
}

/* `today` is the day of the event in the zone, not the day in Greenwich. */
static void test_days_in_the_zone(void **state)
{
	const char *pair[] = { "d", "2026-01-06", NULL };
	struct event_facts event = event_of("a", "b");
	char rule[1024];
	struct err err;

	(void)state;
	event.as_of_ms = AT + 15 * MS_HOUR; /* 2026-01-06T00:00:00Z */
	snprintf(rule, sizeof(rule), "%s    - { property: d, at-most: today }\n%s", head, tail);
	assert_int_equal(match_text(rule, pair, &event, NULL, NULL), YES);
	assert_int_equal(clock_set_zone("America/New_York", &err), RC_OK);
	assert_int_equal(match_text(rule, pair, &event, NULL, NULL), NO);
	/* A day as older portals write it, its midnight in UTC, is that day. */
	const char *epoch[] = { "d", "1767571200000", NULL };
	snprintf(rule, sizeof(rule), "%s    - { property: d, at-least: 2026-01-05 }\n%s", head, tail);
	assert_int_equal(match_text(rule, epoch, &event, NULL, NULL), YES);
	/* 240 days from January crosses into summer time: still midnight. */
	const char *summer[] = { "d", "2026-09-02", NULL };
	snprintf(rule, sizeof(rule),
		 "%s    - { property: d, at-least: +240d }\n"
		 "    - { property: d, at-most: +240d }\n%s",
		 head, tail);
	assert_int_equal(match_text(rule, summer, &event, NULL, NULL), YES);
	assert_int_equal(clock_set_zone("UTC", &err), RC_OK);
}

static void test_email_valid(void **state)
{
	static const char *const good[] = { "a@b.c", "ana.maria+x@mail.example.org", "a@b.c.d",
					    "\"@x.org", "z\xc3\xa9@ex.org" };
	static const char *const bad[] = { "",	      "@",	 "a@",	      "@b.c",
					   "a@b",     "a@b.",	 "a@.b",      "a@b..c",
					   "a b@c.d", "a@b.c ",	 " a@b.c",    "a@b@c.d",
					   "a\t@b.c", "a@b.c\n", "a\x7f@b.c", "a\xc2\xa0@b.c",
					   "a.b.c",   "a@b.\xff" };
	char longest[400];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(email_valid(slice_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(email_valid(slice_of(bad[i])));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + 64, "@b.c", 5);
	assert_true(email_valid(slice_of(longest)));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + 65, "@b.c", 5);
	assert_false(email_valid(slice_of(longest)));
	memset(longest, 'b', sizeof(longest));
	memcpy(longest, "a@", 2);
	for (size_t i = 10; i < 250; i += 10)
		longest[i] = '.';
	assert_true(email_valid((struct slice){ longest, 254 }));
	assert_false(email_valid((struct slice){ longest, 255 }));
}

/* ---- what a watcher is told ---------------------------------------------- */

static void write_step(void *ctx, const struct rule *rule, const struct match_step *s)
{
	static const char *const kinds[] = { "from", "to", "test", "all", "any", "end", "not" };
	static const char *const answers[] = { "no", "yes", "unsure", "limit" };
	struct str *out = ctx;

	assert_string_equal(rule->name, "r");
	assert_true(!s->what || s->negated == (strncmp(s->what, "not ", 4) == 0));
	str_addf(out, "%s", kinds[s->kind]);
	if (s->what)
		str_addf(out, " (%s at %u:%u) saw '%.*s'%s", s->what, s->line, s->column,
			 SLICE_FMT(s->value), s->value_known ? "" : " unknown");
	if (s->kind != MATCH_ALL && s->kind != MATCH_ANY)
		str_addf(out, " %s", answers[s->answer]);
	str_addf(out, "%s%s\n", s->value_note ? ": " : "", s->value_note ? s->value_note : "");
}

static void test_watcher(void **state)
{
	static const char rule[] = "rule: r\n"
				   "trigger:\n"
				   "  event: property-changed\n"
				   "  property: tier\n"
				   "  from: Silver\n"
				   "  to: Gold\n"
				   "  filters:\n"
				   "    - { property: a, is: x }\n"
				   "    - any:\n"
				   "        - { property: b, at-least: 5 }\n"
				   "        - not: { property: c, known: true }\n"
				   "action: { do: issue-credential, group: g }\n";
	static const char *const pair[] = { "a", "z", "b", "7", "c", "?", NULL };
	struct table *t = table_of(rule);
	struct pairs p = { t, pair, 0 };
	struct facts facts = { &p, pairs_value, pairs_label };
	struct event_facts event = event_of("Bronze", "Gold");
	struct match_note note;
	struct str told;
	struct match_watcher watcher = { &told, write_step };

	(void)state;
	str_init(&told, 4096);
	assert_int_equal(rule_match_watched(t, &t->rule[0], &event, &facts, &note, &watcher), NO);
	assert_string_equal(note.what, "from");
	assert_string_equal(str_text(&told),
			    "from (from at 5:3) saw 'Bronze' no\n"
			    "to (to at 6:3) saw 'Gold' yes\n"
			    "all\n"
			    "test (a is x at 8:7) saw 'z' no\n"
			    "any\n"
			    "test (b at-least 5 at 10:11) saw '7' yes\n"
			    "test (not c known true at 11:16) saw '' unknown unsure: could not be "
			    "read now\n"
			    "not unsure\n"
			    "end yes\n"
			    "end no\n");
	assert_int_equal(rule_test_count(&t->rule[0]), 3);
	assert_string_equal(rule_test_at(&t->rule[0], 2).what, "not c known true");
	assert_string_equal(t->property[rule_test_at(&t->rule[0], 1).property].name, "b");
	str_release(&told);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_truth_table),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_short_circuit),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_from_and_to),
		cmocka_unit_test(test_cleared_value),
		cmocka_unit_test(test_list_event),
		cmocka_unit_test(test_days_in_the_zone),
		cmocka_unit_test(test_email_valid),
		cmocka_unit_test(test_watcher),
	};
	struct err err;

	if (clock_set_zone("UTC", &err) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

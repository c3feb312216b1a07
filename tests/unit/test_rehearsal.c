/* Rule tests lived: every kind of step, what is told of failures, the same twice. */
#include "tests/unit/rehearse.h"

#define RULES                                                                                      \
	"account: portal\n"                                                                        \
	"hubspot:\n"                                                                               \
	"  token: ${A}\n"                                                                          \
	"  base-url: https://proxy.example.org/hub\n"                                              \
	"---\n"                                                                                    \
	"account: other-portal\n"                                                                  \
	"hubspot:\n"                                                                               \
	"  token: ${B}\n"                                                                          \
	"  poll: 10m\n"                                                                            \
	"---\n"                                                                                    \
	"account: workspace\n"                                                                     \
	"certifier:\n"                                                                             \
	"  token: ${C}\n"                                                                          \
	"  base-url: https://proxy.example.org/hub/sink/v1\n"                                      \
	"---\n"                                                                                    \
	"rule: tier\n"                                                                             \
	"trigger:\n"                                                                               \
	"  event: property-changed\n"                                                              \
	"  account: portal\n"                                                                      \
	"  property: tier\n"                                                                       \
	"  filters: [ { property: country, in: [PL, DE] } ]\n"                                     \
	"action:\n"                                                                                \
	"  do: issue-credential\n"                                                                 \
	"  group: g1\n"                                                                            \
	"  fields: { custom.tier: \"{{ event.to }}\" }\n"                                          \
	"---\n"                                                                                    \
	"rule: joined\n"                                                                           \
	"trigger: { event: list-added, account: other-portal, list: Graduates }\n"                 \
	"action: { do: issue-credential, group: g2, issue: false }\n"

#define ANA                                                                                        \
	"contacts:\n"                                                                              \
	"  - { id: 101, email: ana@example.org, firstname: Ana, country: PL, tier: Bronze }\n"

static void assert_passes(const char *tests)
{
	struct str told;

	str_init(&told, 1u << 20);
	if (failures(RULES, tests, &told))
		fail_msg("%s", str_text(&told));
	str_release(&told);
}

/* It fails, and says this. */
static void assert_tells(const char *tests, const char *words)
{
	struct str told;

	str_init(&told, 1u << 20);
	assert_int_equal(failures(RULES, tests, &told), 1);
	if (!strstr(str_text(&told), words))
		fail_msg("'%s' is not in:\n%s", words, str_text(&told));
	str_release(&told);
}

/* Accounts with addresses of their own lead to the built-in services, too. */
static void test_steps(void **state)
{
	(void)state;
	assert_passes("test: changes\n" ANA "steps:\n"
		      "  - { at: 0s, set: { contact: 101, tier: Gold, firstname: Anna } }\n"
		      "  - { at: 1h, set: { contact: 101, tier: \"\" } }\n"
		      "  - { at: 2h, create: { id: 102, email: b@example.org, country: DE } }\n"
		      "  - { at: 3h, set: { contact: 102, tier: Silver } }\n"
		      "expect:\n"
		      "  - { rule: tier, contact: 102, custom.tier: Silver }\n"
		      "  - { rule: tier, contact: 101, custom.tier: Gold, recipient.name: Anna,"
		      " issue-date: 2026-01-05, expiry-date: \"\" }\n");
	assert_passes("test: lists\n" ANA "lists:\n"
		      "  - { id: 7, name: Graduates, members: [101] }\n"
		      "steps:\n"
		      "  - { at: 0s, create: { id: 102, email: b@example.org } }\n"
		      "  - { at: 1s, add-to-list: { contact: 102, list: 7 } }\n"
		      "  - { at: 1s, remove-from-list: { contact: 101, list: 7 } }\n"
		      "expect:\n"
		      "  - { rule: joined, contact: 102, state: draft }\n");
	assert_passes("test: merges and deletions\n"
		      "contacts:\n"
		      "  - { id: 1, email: a@example.org, country: PL }\n"
		      "  - { id: 2, email: b@example.org, country: PL }\n"
		      "  - { id: 3, email: c@example.org, country: PL }\n"
		      "steps:\n"
		      "  - { at: 0s, set: { contact: 1, tier: Gold } }\n"
		      "  - { at: 5s, set: { contact: 3, tier: Gold } }\n"
		      "  - { at: 10s, delete: { contact: 3 } }\n"
		      "  - { at: 1h, merge: { primary: 1, other: 2, into: 4 } }\n"
		      "  - { at: 2h, set: { contact: 4, tier: Silver } }\n"
		      "expect:\n"
		      "  - { rule: tier, contact: 1, custom.tier: Gold }\n"
		      "  - { rule: tier, contact: 4, custom.tier: Silver }\n");
	assert_passes("test: the older kind of merge\n"
		      "contacts: [ { id: 1, email: a@example.org, country: PL }, { id: 2 } ]\n"
		      "steps:\n"
		      "  - { at: 1h, merge: { primary: 1, other: 2, into: 1 } }\n"
		      "  - { at: 2h, set: { contact: 1, tier: Silver } }\n"
		      "expect: [ { rule: tier, contact: 1 } ]\n");
}

/* What happens while the program is down is caught up; what it had begun ends in good order. */
static void test_restart(void **state)
{
	(void)state;
	assert_passes("test: down for a day\n" ANA "steps:\n"
		      "  - { at: 0s, set: { contact: 101, tier: Gold } }\n"
		      "  - { at: 30s, restart: 1d }\n"
		      "  - { at: 1h, set: { contact: 101, tier: Silver } }\n"
		      "  - { at: 2h, restart: 1d }\n"
		      "expect:\n"
		      "  - { rule: tier, contact: 101, custom.tier: Silver }\n"
		      "  - { rule: tier, contact: 101, custom.tier: Gold }\n");
}

static void test_faults(void **state)
{
	(void)state;
	assert_passes("test: all of them\n" ANA "steps:\n"
		      "  - { at: 0s, certifier: { fail: create, with: cut-after } }\n"
		      "  - { at: 0s, certifier: { fail: create, with: 503, times: 3 } }\n"
		      "  - { at: 0s, certifier: { fail: issue, with: timeout } }\n"
		      "  - { at: 0s, certifier: { fail: send, with: 429 } }\n"
		      "  - { at: 0s, hubspot: { fail: search, times: 12 } }\n"
		      "  - { at: 0s, hubspot: { fail: read, with: cut-before, times: 3 } }\n"
		      "  - { at: 1s, set: { contact: 101, tier: Gold } }\n"
		      "expect: [ { rule: tier, contact: 101 } ]\n");
	assert_passes("test: nobody knows whether it was mailed\n" ANA "steps:\n"
		      "  - { at: 0s, certifier: { fail: send, with: timeout } }\n"
		      "  - { at: 1s, set: { contact: 101, tier: Gold } }\n"
		      "expect: [ { rule: tier, contact: 101, state: send-unknown } ]\n");
	assert_passes("test: the account is stopped, and that is not waited out for ever\n" ANA
		      "steps:\n"
		      "  - { at: 0s, certifier: { fail: create, with: 401 } }\n"
		      "  - { at: 1s, set: { contact: 101, tier: Gold } }\n"
		      "expect: [ { rule: tier, contact: 101, state: planned } ]\n");
}

static void test_what_is_told(void **state)
{
	static const char set[] = "steps: [ { at: 0s, set: { contact: 101, tier: Gold } } ]\n";
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text),
		 "test: t\n%s%sexpect: [ { rule: tier, contact: 101, custom.tier: Silver } ]\n",
		 ANA, set);
	assert_tells(text, "why       custom.tier is 'Gold', not 'Silver'\n");
	assert_tells(text, "expected  rule: tier, contact: 101, custom.tier: Silver"
			   "  (tests/all.yaml:5)\n");
	snprintf(text, sizeof(text), "test: t\n%s%sexpect: []\n", ANA, set);
	assert_tells(text, "issued    tier, contact 101, sent, recipient.name: Ana,");
	assert_tells(text, "which nothing expects\n");
	snprintf(text, sizeof(text), "test: t\n%sexpect: [ { rule: tier, contact: 101 } ]\n", ANA);
	assert_tells(text, "why       tier of contact 101 did not change after the start");
	snprintf(text, sizeof(text), "test: t\n%sexpect: [ { rule: joined, contact: 101 } ]\n",
		 ANA);
	assert_tells(text, "why       contact 101 did not join list Graduates after the start");
	assert_tells("test: t\ncontacts: [ { id: 1, country: CZ, tier: Bronze } ]\n"
		     "steps: [ { at: 0s, set: { contact: 1, tier: Gold } } ]\n"
		     "expect: [ { rule: tier, contact: 1 } ]\n",
		     "why       +0:00:00 tier 'Bronze' -> 'Gold': no match\n"
		     "        saw       'CZ': country in [PL, DE] does not hold  (test.yaml:21)\n");
	assert_tells("test: t\ncontacts: [ { id: 1, country: PL, tier: Bronze } ]\n"
		     "steps: [ { at: 0s, set: { contact: 1, tier: Gold } } ]\n"
		     "expect: [ { rule: tier, contact: 1 } ]\n",
		     "hint      if that is meant, add 'state: skipped'");
	assert_tells("test: t\n" ANA
		     "steps: [ { at: 3s, remove-from-list: { contact: 101, list: 7 } } ]\n"
		     "expect: []\n",
		     "stopped   'remove-from-list contact: 101, list: 7': ");
	assert_tells("test: t\ncontacts: [ { id: 1, lastmodifieddate: x } ]\n"
		     "steps: [ { at: 0s, set: { contact: 1, tier: Gold } } ]\nexpect: []\n",
		     "stopped   contact 1: property 'lastmodifieddate' is read-only  (tests/all.yaml:1)");
}

/* A change that nobody saw is one all the same; and an account may have a grant in place of a token. */
static void test_what_was_not_seen(void **state)
{
	static const char *const oauth =
		"account: portal\n"
		"hubspot: { oauth: { client-id: app, client-secret: \"${S}\" } }\n"
		"---\n"
		"account: workspace\n"
		"certifier: { token: \"${C}\" }\n"
		"---\n"
		"rule: tier\n"
		"trigger: { event: property-changed, property: tier }\n"
		"action: { do: issue-credential, group: g1 }\n";
	struct str told;

	(void)state;
	assert_tells(
		"test: t\n" ANA "steps:\n"
		"  - { at: 0s, set: { contact: 101, tier: Gold } }\n"
		"  - { at: 9s, delete: { contact: 101 } }\n"
		"expect: [ { rule: tier, contact: 101 } ]\n",
		"why       contact 101 was deleted before that was seen  (tests/all.yaml:6)\n");
	assert_tells(
		"test: t\n" ANA "lists: [ { id: 7, name: Graduates } ]\n"
		"steps:\n"
		"  - { at: 0s, add-to-list: { contact: 101, list: 7 } }\n"
		"  - { at: 0s, hubspot: { fail: all, with: 401, times: 9 } }\n"
		"expect: [ { rule: joined, contact: 101 } ]\n",
		"why       contact 101 could not be looked at: 'hubspot fail: all, with: 401, times: 9'"
		"  (tests/all.yaml:7)\n");
	assert_tells("test: t\n" ANA "steps:\n"
		     "  - { at: 0s, set: { contact: 101, tier: Bronze } }\n"
		     "  - { at: 9s, delete: { contact: 101 } }\n"
		     "expect: [ { rule: tier, contact: 101 } ]\n",
		     "why       tier of contact 101 did not change after the start");
	str_init(&told, 1u << 20);
	assert_int_equal(failures(oauth,
				  "test: t\n" ANA "expect: [ { rule: tier, contact: 101 } ]\n",
				  &told),
			 1);
	assert_non_null(strstr(str_text(&told), "tier of contact 101 did not change"));
	str_release(&told);
}

#define GROUPS                                                                                     \
	"rule: r\n"                                                                                \
	"trigger:\n"                                                                               \
	"  event: property-changed\n"                                                              \
	"  property: tier\n"                                                                       \
	"  from: Bronze\n"                                                                         \
	"  to: [Silver, Gold]\n"                                                                   \
	"  filters:\n"                                                                             \
	"    - any: [ { property: a, is: x }, { property: b, is: x } ]\n"                          \
	"    - not: { all: [ { property: c, is: x }, { property: d, is: x } ] }\n"                 \
	"action:\n"                                                                                \
	"  do: issue-credential\n"                                                                 \
	"  group: g1\n"                                                                            \
	"  fields:\n"                                                                              \
	"    custom.a: \"{{ contact.a }}\"\n"                                                      \
	"    custom.b: \"{{ contact.b }}\"\n"

static const char groups[] = "test: t\n"
			     "contacts:\n"
			     "  - { id: 1, email: a@example.org, tier: Bronze, b: x, c: x, d: x }\n"
			     "  - { id: 2, email: b@example.org, tier: Silver }\n"
			     "steps:\n"
			     "  - { at: 0s, set: { contact: 1, tier: Gold } }\n"
			     "  - { at: 0s, set: { contact: 2, tier: Bronze } }\n"
			     "expect:\n"
			     "  - { rule: r, contact: 1 }\n"
			     "  - { rule: r, contact: 2 }\n";

/* What does not hold in a group that holds all the same has no part in it. */
static void test_where_they_part(void **state)
{
	struct str told;

	(void)state;
	str_init(&told, 1u << 20);
	assert_int_equal(failures(GROUPS, groups, &told), 1);
	assert_string_equal(str_text(&told),
			    "  FAIL  t\n"
			    "        expected  rule: r, contact: 1  (tests/all.yaml:9)\n"
			    "        issued    nothing by this rule for this contact\n"
			    "        why       +0:00:00 tier 'Bronze' -> 'Gold': no match\n"
			    "        saw       'x': not c is x does not hold  (test.yaml:9)\n"
			    "        saw       'x': not d is x does not hold  (test.yaml:9)\n"
			    "        expected  rule: r, contact: 2  (tests/all.yaml:10)\n"
			    "        issued    nothing by this rule for this contact\n"
			    "        why       +0:00:00 tier 'Silver' -> 'Bronze': no match\n"
			    "        saw       'Silver': from does not hold  (test.yaml:5)\n"
			    "        saw       'Bronze': to does not hold  (test.yaml:6)\n"
			    "        saw       empty: a is x does not hold  (test.yaml:8)\n"
			    "        saw       empty: b is x does not hold  (test.yaml:8)\n");
	str_release(&told);
}

static void test_coverage(void **state)
{
	struct covered of[COVERED_KINDS];
	struct coverage c;
	struct troupe t;
	struct str out;

	(void)state;
	troupe_read(&t, GROUPS, groups);
	troupe_live(&t, false);
	coverage_init(&c, t.rules.table);
	coverage_count(&c, of);
	assert_int_equal(of[COVERED_FILTERS].met, 0);
	coverage_add(&c, &t.results.list[0].rehearsal);
	str_init(&out, 4096);
	coverage_text(&c, &out);
	assert_string_equal(
		str_text(&out),
		"coverage: 63 % (7 of 11)\n"
		"  rules       0 of 1     each rule earned something\n"
		"  filters     7 of 8     each test of a filter held once, and once did not\n"
		"  fields      0 of 2     each field came out with a text\n"
		"\nnot covered\n"
		"  test.yaml:1:1  r: earned nothing\n"
		"  test.yaml:8:14  r: 'a is x' never held\n"
		"  test.yaml:14:5  r: 'custom.a' never came out with a text\n"
		"  test.yaml:15:5  r: 'custom.b' never came out with a text\n");
	str_clear(&out);
	coverage_json(&c, &out);
	assert_non_null(
		strstr(str_text(&out), "{\"coverage\":63,\"rules\":{\"covered\":0,\"of\":1},"));
	assert_non_null(
		strstr(str_text(&out),
		       "{\"rule\":\"r\",\"file\":\"test.yaml\",\"line\":8,\"column\":14,"
		       "\"kind\":\"filters\",\"what\":\"a is x\",\"missing\":\"never held\"}"));
	assert_int_equal(coverage_percent(&c), 63);
	str_release(&out);
	coverage_release(&c);
	troupe_release(&t);
	/* A field that came out, in a rule that earned something. */
	troupe_read(&t, GROUPS,
		    "test: t\ncontacts: [ { id: 1, email: a@example.org, tier: Bronze, b: x } ]\n"
		    "steps: [ { at: 0s, set: { contact: 1, tier: Gold } } ]\n"
		    "expect: [ { rule: r, contact: 1, custom.b: x } ]\n");
	troupe_live(&t, false);
	coverage_init(&c, t.rules.table);
	coverage_add(&c, &t.results.list[0].rehearsal);
	coverage_count(&c, of);
	assert_int_equal(of[COVERED_RULES].met, 1);
	assert_int_equal(of[COVERED_FIELDS].met, 1);
	assert_int_equal(of[COVERED_FILTERS].met, 4);
	coverage_release(&c);
	troupe_release(&t);
}

/* Everything that can be told, twice: no word differs. */
static void test_same_twice(void **state)
{
	static const char tests[] = "test: one\n" ANA "steps:\n"
				    "  - { at: 0s, certifier: { fail: create, with: cut-after } }\n"
				    "  - { at: 1s, set: { contact: 101, tier: Gold } }\n"
				    "expect: []\n"
				    "---\n"
				    "test: two\n" ANA "expect: []\n";
	struct str told[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct troupe t;
		str_init(&told[i], 1u << 20);
		troupe_read(&t, RULES, tests);
		troupe_live(&t, true);
		for (size_t k = 0; k < t.results.count; k++) {
			report_text(&t.results.list[k], false, &told[i]);
			report_json(&t.results.list[k], &t.tests.sources, &told[i]);
		}
		report_junit(&t.results, &told[i]);
		troupe_release(&t);
	}
	assert_non_null(strstr(str_text(&told[0]), "+0:00:01  step      set contact: 101"));
	assert_string_equal(str_text(&told[0]), str_text(&told[1]));
	str_release(&told[0]);
	str_release(&told[1]);
}

/* Names with all that XML does not take. */
static void test_junit(void **state)
{
	struct ruletest tests[] = {
		{ .at = { 0, 3, 1, 3, 1 }, .name = "a < b & \"c\" > 'd'" },
		{ .at = { 0, 9, 1, 9, 1 }, .name = "bell \x07, line\nend, \xef\xbf\xbe, \xff" },
		{ .at = { 1, 2, 1, 2, 1 }, .name = "ż" },
	};
	struct told told[] = { { "expected", "<rule>: \x01", "a&b.yaml", 7 },
			       { "why", "it\nis", NULL, 0 } };
	struct result list[] = {
		{ .test = &tests[0], .verdict = { .passed = true } },
		{ .test = &tests[1], .explanation = { told, 2, 2 } },
		{ .test = &tests[2], .verdict = { .passed = true } },
	};
	struct source_file files[] = { { .path = "a&b.yaml" }, { .path = "c.yaml" } };
	struct sources sources = { .file = files, .count = 2 };
	struct results results = { list, 3, 1, &sources };
	struct str out;

	(void)state;
	str_init(&out, 1u << 16);
	report_junit(&results, &out);
	assert_string_equal(
		str_text(&out),
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"hs2cert test\" tests=\"3\" failures=\"1\" errors=\"0\">\n"
		"  <testsuite name=\"a&amp;b.yaml\" tests=\"2\" failures=\"1\" errors=\"0\""
		" skipped=\"0\">\n"
		"    <testcase name=\"a &lt; b &amp; &quot;c&quot; &gt; &apos;d&apos;\""
		" classname=\"a&amp;b.yaml\" file=\"a&amp;b.yaml\" line=\"3\"/>\n"
		"    <testcase name=\"bell \\x07, line&#10;end, \\ufffe, \\xff\""
		" classname=\"a&amp;b.yaml\" file=\"a&amp;b.yaml\" line=\"9\">\n"
		"      <failure type=\"expectation\" message=\"&lt;rule&gt;: \\x01\">expected:"
		" &lt;rule&gt;: \\x01  (a&amp;b.yaml:7)\nwhy: it\nis</failure>\n"
		"    </testcase>\n"
		"  </testsuite>\n"
		"  <testsuite name=\"c.yaml\" tests=\"1\" failures=\"0\" errors=\"0\""
		" skipped=\"0\">\n"
		"    <testcase name=\"ż\" classname=\"c.yaml\" file=\"c.yaml\" line=\"2\"/>\n"
		"  </testsuite>\n"
		"</testsuites>\n");
	str_release(&out);
}

static void test_mutants(void **state)
{
	static const char one[] = "test: one\n" ANA "steps:\n"
				  "  - { at: 1s, set: { contact: 101, tier: Gold } }\n"
				  "expect: [ { rule: tier, contact: 101 } ]\n";
	static const char two[] = "---\n"
				  "test: two\n"
				  "contacts: [ { id: 1, email: a@example.org, country: CZ } ]\n"
				  "steps:\n"
				  "  - { at: 1s, set: { contact: 1, tier: Gold } }\n"
				  "expect: []\n";
	char both[sizeof(one) + sizeof(two)];
	struct mutants m;
	struct troupe t;
	struct str out;

	(void)state;
	/* Nobody from elsewhere is tried: that the filter is gone is not noticed. */
	troupe_read(&t, RULES, one);
	troupe_live(&t, false);
	struct rehearsal_options options = { .table = t.rules.table };
	mutants_live(&m, &options, &t.results);
	assert_int_equal(m.count, 2);
	assert_int_equal(m.noticed, 1);
	str_init(&out, 4096);
	mutants_text(&m, t.rules.table, &out);
	assert_string_equal(str_text(&out),
			    "mutants: 1 of 2 noticed\n\nno test notices\n"
			    "  test.yaml:21:14  tier: 'country in [PL, DE]' left out\n");
	str_clear(&out);
	mutants_json(&m, t.rules.table, &out);
	assert_string_equal(str_text(&out),
			    "{\"mutants\":2,\"noticed\":1,\"unjudged\":0,\"survivors\":[{\"rule\":"
			    "\"tier\",\"file\":\"test.yaml\",\"line\":21,\"column\":14,\"what\":"
			    "\"country in [PL, DE]\",\"change\":\"left out\"}]}");
	str_release(&out);
	mutants_release(&m);
	troupe_release(&t);
	snprintf(both, sizeof(both), "%s%s", one, two);
	troupe_read(&t, RULES, both);
	troupe_live(&t, false);
	options.table = t.rules.table;
	mutants_live(&m, &options, &t.results);
	assert_int_equal(m.noticed, 2);
	mutants_release(&m);
	troupe_release(&t);
}

/* With the names of the real portal labels come out, and values that there are not are refused. */
static void test_lock(void **state)
{
	static const char rules[] =
		"rule: tier\n"
		"trigger: { event: property-changed, property: tier }\n"
		"action:\n"
		"  do: issue-credential\n"
		"  group: g1\n"
		"  fields: { custom.tier: \"{{ event.to | label }}\" }\n"
		"---\n"
		"rule: joined\n"
		"trigger: { event: list-added, list: 4711 }\n"
		"action: { do: issue-credential, group: g1, fields: { custom.list: \"{{ event.list }}\" } }\n";
	static const char tests[] = "test: labels and names\n"
				    "contacts: [ { id: 1, email: a@example.org } ]\n"
				    "steps:\n"
				    "  - { at: 0s, set: { contact: 1, tier: gold } }\n"
				    "  - { at: 0s, add-to-list: { contact: 1, list: 4711 } }\n"
				    "expect:\n"
				    "  - { rule: tier, contact: 1, custom.tier: Gold member }\n"
				    "  - { rule: joined, contact: 1, custom.list: Graduates }\n"
				    "---\n"
				    "test: a value that there is not\n"
				    "contacts: [ { id: 1, email: a@example.org } ]\n"
				    "steps: [ { at: 0s, set: { contact: 1, tier: Gold } } ]\n"
				    "expect: []\n";
	struct lock lock;
	struct troupe t;

	(void)state;
	lock_init(&lock);
	struct lock_account *a = lock_add_account(&lock, "hubspot", "hubspot");
	struct lock_entry *e = lock_add(&lock, a, LOCK_PROPERTIES, slice_of("tier"),
					slice_of("Tier"));
	e->type = "enumeration";
	lock_add_option(&lock, e, slice_of("gold"), slice_of("Gold member"), false);
	(void)lock_add(&lock, a, LOCK_LISTS, slice_of("4711"), slice_of("Graduates"));
	lock_finish(&lock);
	troupe_read(&t, rules, tests);
	t.lock = &lock;
	troupe_live(&t, false);
	assert_true(t.results.list[0].verdict.passed);
	assert_false(t.results.list[1].verdict.passed);
	assert_non_null(strstr(t.results.list[1].explanation.told[0].text,
			       "'Gold' is no value of property 'tier' (enumeration)"));
	troupe_release(&t);
	lock_release(&lock);
}

static void test_properties_of_the_lock(void **state)
{
	static const char rules[] = "rule: tier\n"
				    "trigger: { event: property-changed, property: tier }\n"
				    "action: { do: issue-credential, group: g1 }\n";
	static const char tests[] = "test: a slip in a contact and in a step\n"
				    "contacts: [ { id: 1, email: a@example.org, teir: gold } ]\n"
				    "steps:\n"
				    "  - { at: 0s, set: { contact: 1, tier: gold, zzzzzz: x } }\n"
				    "  - { at: 1s, create: { id: 2, emial: b@example.org } }\n"
				    "expect: []\n";
	struct lock lock;
	struct troupe t;
	struct diags diags;

	(void)state;
	lock_init(&lock);
	(void)lock_add_account(&lock, "certifier", "certifier");
	struct lock_account *a = lock_add_account(&lock, "hubspot", "hubspot");
	(void)lock_add(&lock, a, LOCK_PROPERTIES, slice_of("tier"), slice_of("Tier"));
	(void)lock_add(&lock, a, LOCK_PROPERTIES, slice_of("email"), slice_of("E-mail"));
	lock_finish(&lock);
	troupe_said(&t, rules, tests, &lock, &diags);
	assert_int_equal(diags.errors, 3);
	assert_string_equal(diags.list[0].message, "unknown property 'teir'");
	assert_string_equal(diags.list[0].hint, "did you mean 'tier'?");
	assert_int_equal(diags.list[0].at.line, 2);
	assert_int_equal(diags.list[0].at.column, 44);
	assert_string_equal(diags.list[1].message, "unknown property 'zzzzzz'");
	assert_string_equal(diags.list[1].hint, "if it is new: run 'hs2cert pull'");
	assert_string_equal(diags.list[2].hint, "did you mean 'email'?");
	diags_release(&diags);
	troupe_release(&t);
	/* The account has more than is known: nothing can be said. */
	lock.account[1].section[LOCK_PROPERTIES].more = true;
	troupe_said(&t, rules, tests, &lock, &diags);
	assert_int_equal(diags.errors, 0);
	diags_release(&diags);
	troupe_release(&t);
	lock_release(&lock);
}

static void test_after_text(void **state)
{
	char text[AFTER_TEXT];

	(void)state;
	assert_string_equal(after_text(0, text), "+0:00:00");
	assert_string_equal(after_text(80999, text), "+0:01:20");
	assert_string_equal(after_text(-60000, text), "-0:01:00");
	assert_string_equal(after_text(2 * MS_DAY + 3 * MS_HOUR, text), "+2d 03:00:00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_what_is_told),
		cmocka_unit_test(test_same_twice),
		cmocka_unit_test(test_junit),
		cmocka_unit_test(test_what_was_not_seen),
		cmocka_unit_test(test_where_they_part),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_mutants),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_properties_of_the_lock),
		cmocka_unit_test(test_after_text),
	};
	struct err err;

	json_start();
	if (clock_set_zone("UTC", &err) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

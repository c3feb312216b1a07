/* What a template comes out as: references, functions, dates, what cannot be. */
#include "tests/unit/rules.h"

#include "base/limits.h"

#define AT INT64_C(1798416000123) /* 2026-12-28T00:00:00.123Z */

static const char *const facts_list[] = {
	"email",      " Ana@Example.org ",
	"firstname",  "  Ana\t Maria ",
	"lastname",   "Kowalska",
	"country",    "PL",
	"day",	      "2026-01-31",
	"leap",	      "2024-02-29",
	"instant",    "2026-01-31T10:20:30Z",
	"epoch_day",  "1769817600000",
	"copied",     " \xc2\xa0" "ana@example.org\xc2\xa0 ",
	"epoch",      "1767603600000",
	"word",	      "soon",
	"gone",	      "?",
	"label_gone", "unread",
	"mixed",      "\xc5\x81\xc3\xb3\x44\xc5\xba mary-ann o'neil",
	"blank",      "  ",
	"far",	      "9999-12-31",
	NULL,
};

struct rendered {
	enum render answer;
	char text[512];
	char why[LIMIT_ERROR_BYTES];
};

static size_t field_index(const struct rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->n_field; i++)
		if (strcmp(rule->field[i].name, name) == 0)
			return i;
	fail_msg("no field '%s'", name);
	return 0;
}

static struct rendered render_rule(const char *rule, const char *field, const char *const *pair,
				   size_t most)
{
	struct rendered r;
	struct str out;
	struct table *t = table_of(rule);
	struct pairs p = { t, pair, 0 };
	struct facts facts = { &p, pairs_value, pairs_label };
	bool list = t->rule[0].event == EVENT_LIST_ADDED;
	struct event_facts event = { .kind = t->rule[0].event, .at_ms = AT, .as_of_ms = AT };

	if (list) {
		event.list_name = slice_of("Graduates");
		event.list_id = slice_of("4711");
	} else {
		event.property = slice_of("tier");
		event.from = slice_of("Bronze");
		event.to = slice_of("gold");
		event.from_known = true;
	}
	str_init(&out, most);
	r.answer = rule_render(t, &t->rule[0], field_index(&t->rule[0], field), &event, &facts,
			       &out, r.why);
	snprintf(r.text, sizeof(r.text), "%s", str_text(&out));
	str_release(&out);
	table_unref(t);
	return r;
}

/* `template` is written in YAML double quotes. */
static struct rendered render_field(const char *field, const char *template)
{
	char rule[2048];

	snprintf(rule, sizeof(rule),
		 "rule: gold-badge\ntrigger: { event: property-changed, property: tier }\n"
		 "action:\n  do: issue-credential\n  group: g\n  fields:\n    %s: \"%s\"\n",
		 field, template);
	return render_rule(rule, field, facts_list, LIMIT_FIELD_BYTES);
}

static void check(const char *template, const char *expected)
{
	struct rendered r = render_field("custom.x", template);

	if (r.answer != RENDER_OK)
		fail_msg("%s: %s", template, r.why);
	assert_string_equal(r.text, expected);
}

static void check_fails(const char *field, const char *template, enum render answer,
			const char *why)
{
	struct rendered r = render_field(field, template);

	assert_int_equal(r.answer, answer);
	assert_string_equal(r.text, "");
	assert_string_equal(r.why, why);
}

static void test_references(void **state)
{
	(void)state;
	check("plain", "plain");
	check("", "");
	check("{{contact.country}}", "PL");
	check("a {{ contact.country }} b {{ contact.absent }} c", "a PL b  c");
	check("{{ event.property }} {{ event.from }} {{ event.to }}", "tier Bronze gold");
	check("{{ event.at }} {{ event.date }} {{ rule.name }}",
	      "2026-12-28T00:00:00.123Z 2026-12-28 gold-badge");
	check("{{ contact.country | label }}", "[country PL]");
	check("{{ event.to | label | upper }}", "[TIER GOLD]");
	check("{{ contact.absent | label }}", "");
	struct rendered r = render_rule("rule: r\ntrigger: { event: list-added, list: 4711 }\n"
					"action:\n  do: issue-credential\n  group: g\n  fields:\n"
					"    custom.x: '{{ event.list }}/{{ event.list-id }}'\n",
					"custom.x", facts_list, 100);
	assert_string_equal(r.text, "Graduates/4711");
}

static void test_text_functions(void **state)
{
	(void)state;
	check("{{ contact.absent | default('x') }}", "x");
	check("{{ contact.blank | default('x') }}", "x");
	check("{{ contact.country | default('x') }}", "PL");
	check("{{ contact.country | required }}", "PL");
	check("[{{ contact.firstname | trim }}]", "[Ana\t Maria]");
	check("{{ contact.mixed | upper }}", "\xc5\x81\xc3\x93\x44\xc5\xb9 MARY-ANN O'NEIL");
	check("{{ contact.mixed | lower }}", "\xc5\x82\xc3\xb3\x64\xc5\xba mary-ann o'neil");
	check("{{ contact.mixed | title }}", "\xc5\x81\xc3\xb3\x64\xc5\xba Mary-Ann O'neil");
	check("{{ contact.country | replace('P', 'XP') | replace('L', '') }}", "XP");
	check("{{ contact.word | replace('o', 'oo') }}", "soooon");
	check("{{ contact.absent | replace('a', 'b') | upper }}", "");
	check("{{ contact.absent | default('it''s') }}{{ contact.absent | default('a\\\\'b') }}",
	      "it'sa'b");
	check("{{ contact.absent | default('a | b }} {{ c') }}", "a | b }} {{ c");
	check("{{ contact.absent | default('\xce\xac\xcf\x83\xcf\x82 \xc3\x9f \xd1\x8f') | upper }}",
	      "\xce\x86\xce\xa3\xce\xa3 \xc3\x9f \xd0\xaf");
}

static void test_dates(void **state)
{
	(void)state;
	check("{{ contact.day | date('D.M.YY') }}", "31.1.26");
	check("{{ contact.day | date('DD MMM YYYY, MMMM MM HH:mm:ss') }}",
	      "31 Jan 2026, January 01 00:00:00");
	check("{{ contact.instant | date('YYYY-MM-DD HH:mm:ss') }}", "2026-01-31 10:20:30");
	check("{{ contact.epoch | date('YYYY-MM-DD HH') }}", "2026-01-05 09");
	check("{{ contact.absent | date('YYYY') }}", "");
	check("{{ contact.day | add('1 month') }}", "2026-02-28");
	check("{{ contact.day | add('-1 year') }}", "2025-01-31");
	check("{{ contact.day | add('+2 weeks') }}", "2026-02-14");
	check("{{ contact.day | add('1day') }}", "2026-02-01");
	check("{{ contact.leap | add('1 year') }}", "2025-02-28");
	check("{{ contact.leap | add('4 years') }}", "2028-02-29");
	check("{{ contact.day | add('1 month') | add('1 month') }}", "2026-03-28");
	check("{{ contact.instant | add('1 day') }}", "2026-02-01T10:20:30.000Z");
	check("{{ contact.absent | add('1 day') }}", "");
	check("{{ contact.absent | add('1 day') | default('none') }}", "none");
	check_fails("custom.x", "{{ contact.word | date('YYYY') }}", RENDER_BAD,
		    "custom.x: contact.word is not a date");
	check_fails("custom.x", "{{ contact.word | add('1 day') }}", RENDER_BAD,
		    "custom.x: contact.word is not a date");
	check_fails("custom.x", "{{ contact.far | add('1 day') }}", RENDER_BAD,
		    "custom.x: contact.far leaves the years 1 to 9999");
}

/* The end of a day is the zone's; a date-time keeps its time of day across summer time. */
static void test_dates_in_the_zone(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(clock_set_zone("America/New_York", &err), RC_OK);
	check("{{ event.date }}", "2026-12-27");
	check("{{ contact.instant | date('YYYY-MM-DD HH:mm') }}", "2026-01-31 05:20");
	check("{{ contact.instant | add('6 months') }}", "2026-07-31T09:20:30.000Z");
	check("{{ contact.day | add('6 months') }}", "2026-07-31");
	assert_string_equal(render_field("issue-date", "{{ event.at }}").text, "2026-12-27");
	/* Older portals write a day as its midnight in UTC. */
	check("{{ contact.epoch_day | date('YYYY-MM-DD') }}", "2026-01-31");
	check("{{ contact.epoch_day | add('1 month') }}", "2026-02-28");
	assert_string_equal(render_field("expiry-date", "{{ contact.epoch_day }}").text,
			    "2026-01-31");
	assert_int_equal(clock_set_zone("UTC", &err), RC_OK);
}

static void test_date_fields(void **state)
{
	(void)state;
	assert_string_equal(render_field("issue-date", "{{ contact.day }}").text, "2026-01-31");
	assert_string_equal(render_field("issue-date", " {{ contact.instant }} ").text,
			    "2026-01-31");
	assert_string_equal(render_field("issue-date", "{{ contact.epoch }}").text, "2026-01-05");
	assert_string_equal(render_field("issue-date", "{{ contact.absent }}").text, "2026-12-28");
	assert_string_equal(render_field("issue-date", "").text, "2026-12-28");
	assert_string_equal(render_field("expiry-date", "{{ event.date | add('1 year') }}").text,
			    "2027-12-28");
	struct rendered r = render_field("expiry-date", "{{ contact.absent | add('1 year') }}");
	assert_int_equal(r.answer, RENDER_OK);
	assert_string_equal(r.text, "");
	check_fails("expiry-date", "{{ contact.word }}", RENDER_BAD,
		    "expiry-date: contact.word is not a date");
	check_fails("issue-date", "{{ contact.word }}", RENDER_BAD,
		    "issue-date: contact.word is not a date");
}

static void test_recipient(void **state)
{
	static const char *const nameless[] = { "email", " Ana@Example.org ", "firstname", " ",
						NULL };
	static const char rule[] = "rule: r\ntrigger: { event: property-changed, property: tier }\n"
				   "action: { do: issue-credential, group: g }\n";

	(void)state;
	assert_string_equal(render_rule(rule, "recipient.name", facts_list, 100).text,
			    "Ana Maria Kowalska");
	assert_string_equal(render_rule(rule, "recipient.email", facts_list, 100).text,
			    "Ana@Example.org");
	assert_string_equal(render_rule(rule, "issue-date", facts_list, 100).text, "2026-12-28");
	assert_string_equal(render_rule(rule, "recipient.name", nameless, 100).text,
			    "Ana@Example.org");
	assert_string_equal(
		render_field("recipient.name", "\\u00a0{{ contact.lastname }}\\u00a0\\u00a0X ")
			.text,
		"Kowalska X");
	assert_string_equal(render_field("recipient.name", "").text, "Ana@Example.org");
	assert_string_equal(render_field("recipient.email", "{{ contact.copied }}").text,
			    "ana@example.org");
	assert_string_equal(render_field("recipient.email", "{{ contact.blank }}\u00a0").text, "");
}

static void test_what_cannot_be(void **state)
{
	(void)state;
	check_fails("custom.x", "{{ contact.absent | required }}", RENDER_REQUIRED,
		    "custom.x: contact.absent is required and empty");
	check_fails("custom.x", "{{ contact.blank | required }}", RENDER_REQUIRED,
		    "custom.x: contact.blank is required and empty");
	check_fails("custom.x", "x {{ contact.gone }}", RENDER_UNSURE,
		    "custom.x: contact.gone could not be read now");
	check_fails("custom.x", "{{ contact.label_gone | label }}", RENDER_UNSURE,
		    "custom.x: the labels of contact.label_gone could not be read now");
	struct rendered r = render_rule("rule: r\ntrigger: { event: list-added, list: 1 }\n"
					"action: { do: issue-credential, group: g, fields: "
					"{ custom.x: '{{ contact.lastname }}' } }\n",
					"custom.x", facts_list, 5);
	assert_int_equal(r.answer, RENDER_BAD);
	assert_string_equal(r.why, "custom.x: contact.lastname is too long");
}

static void check_too_long(const char *functions, const char *const *pair)
{
	char rule[512];

	snprintf(rule, sizeof(rule),
		 "rule: r\ntrigger: { event: list-added, list: 1 }\naction: { do: issue-credential,"
		 " group: g, fields: { custom.x: \"{{ contact.big%s }}\" } }\n",
		 functions);
	struct rendered r = render_rule(rule, "custom.x", pair, LIMIT_FIELD_BYTES);
	assert_int_equal(r.answer, RENDER_BAD);
	assert_string_equal(r.why, "custom.x: contact.big is too long");
}

/* What has no room is no value: no function may make something of the part that had some, or of nothing. */
static void test_no_room_between_functions(void **state)
{
	static char big[LIMIT_VALUE_BYTES + 2];
	const char *const pair[] = { "big", big, NULL };

	(void)state;
	memset(big, 'x', LIMIT_VALUE_BYTES + 1);
	check_too_long("", pair);
	check_too_long(" | default('none')", pair);
	check_too_long(" | replace('x', '')", pair);
	check_too_long(" | required", pair);
	check_too_long(" | add('1 day')", pair);
	big[LIMIT_VALUE_BYTES - 8] = '\0';
	check_too_long(" | replace('x', 'yx') | replace('yx', '') | trim", pair);
	check_too_long(" | replace('x', 'xx') | date('YYYY-MM-DD')", pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_room_between_functions),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_text_functions),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_dates_in_the_zone),
		cmocka_unit_test(test_date_fields),
		cmocka_unit_test(test_recipient),
		cmocka_unit_test(test_what_cannot_be),
	};
	struct err err;

	if (clock_set_zone("UTC", &err) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

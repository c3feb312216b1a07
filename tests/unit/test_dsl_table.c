/* The table: look-ups, the index of events, what a hash depends on, what a source must read. */
#include "tests/unit/rules.h"

static const char accounts[] =
	"account: portal\nhubspot: { token: \"${A}\" }\n---\n"
	"account: other\nhubspot: { token: \"${B}\", poll: 5m }\n---\n"
	"account: issuer\ncertifier: { token: \"file:/run/token\", rate: 5/m }\n---\n";

static const char rules[] =
	"rule: c-gold\ntrigger: { event: property-changed, account: portal, property: tier, to: [Gold, Silver, Gold] }\n"
	"action: { do: issue-credential, group: g }\n---\n"
	"rule: b-any\ntrigger: { event: property-changed, account: portal, property: tier }\n"
	"action: { do: issue-credential, group: g }\n---\n"
	"rule: a-cleared\nmode: shadow\n"
	"trigger: { event: property-changed, account: portal, property: tier, to: [\"\", Gold] }\n"
	"action: { do: issue-credential, group: g }\n---\n"
	"rule: d-other\ntrigger: { event: property-changed, account: other, property: tier }\n"
	"action: { do: issue-credential, group: g }\n---\n"
	"rule: e-off\nmode: off\ntrigger: { event: property-changed, account: portal, property: tier }\n"
	"action: { do: issue-credential, group: g }\n---\n"
	"rule: f-list\ntrigger: { event: list-added, account: portal, list: 4711 }\n"
	"action: { do: issue-credential, group: g }\n---\n"
	"rule: g-list\ntrigger: { event: list-added, account: portal, list: 4711 }\n"
	"action: { do: issue-credential, group: g }\n";

static struct table *example(void)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", accounts, rules);
	return table_of(text);
}

static uint32_t source_of(const struct table *t, const char *name)
{
	return (uint32_t)(table_account(t, name) - t->account);
}

/* Names of the candidates, as "named|any". */
static const char *candidates(const struct table *t, const char *account, enum event_kind event,
			      const char *target, const char *value)
{
	static char text[256];
	struct rule_ids ids[2];
	size_t len = 0;

	table_candidates(t, source_of(t, account), event, target, slice_of(value), ids);
	text[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		if (i)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "|");
		for (size_t k = 0; k < ids[i].count; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						k ? " " : "", t->rule[ids[i].id[k]].name);
	}
	return text;
}

static void test_candidates(void **state)
{
	struct table *t = example();
	const enum event_kind changed = EVENT_PROPERTY_CHANGED;

	(void)state;
	assert_string_equal(candidates(t, "portal", changed, "tier", "Gold"),
			    "a-cleared c-gold|b-any");
	assert_string_equal(candidates(t, "portal", changed, "tier", "Silver"), "c-gold|b-any");
	assert_string_equal(candidates(t, "portal", changed, "tier", "gold"), "|b-any");
	assert_string_equal(candidates(t, "portal", changed, "tier", ""), "a-cleared|");
	assert_string_equal(candidates(t, "portal", changed, "country", "Gold"), "|");
	assert_string_equal(candidates(t, "other", changed, "tier", "Gold"), "|d-other");
	assert_string_equal(candidates(t, "portal", EVENT_LIST_ADDED, "4711", ""),
			    "|f-list g-list");
	assert_string_equal(candidates(t, "portal", EVENT_LIST_ADDED, "tier", ""), "|");
	table_unref(t);
}

static void test_many_values(void **state)
{
	struct str text;

	(void)state;
	str_init(&text, 1 << 20);
	for (int i = 0; i < 300; i++)
		str_addf(
			&text,
			"---\nrule: r%03d\ntrigger: { event: property-changed, property: p%d, to: [v%d, w%d] }\n"
			"action: { do: issue-credential, group: g }\n",
			i, i % 7, i % 50, i);
	struct table *t = table_of(str_text(&text));
	for (int i = 0; i < 300; i++) {
		char property[16], value[16], name[16];
		snprintf(property, sizeof(property), "p%d", i % 7);
		snprintf(value, sizeof(value), "w%d", i);
		snprintf(name, sizeof(name), "r%03d|", i);
		assert_string_equal(
			candidates(t, "hubspot", EVENT_PROPERTY_CHANGED, property, value), name);
	}
	/* 7 and 50 share no factor: one rule of 350 has this property and this value. */
	assert_string_equal(candidates(t, "hubspot", EVENT_PROPERTY_CHANGED, "p3", "v10"), "r010|");
	table_unref(t);
	str_release(&text);
}

static void test_names(void **state)
{
	struct table *t = example();

	(void)state;
	assert_int_equal(t->n_rule, 7);
	for (uint32_t i = 0; i < t->n_rule; i++) {
		assert_int_equal(t->rule[i].id, i);
		assert_ptr_equal(table_rule(t, t->rule[i].name), &t->rule[i]);
	}
	assert_null(table_rule(t, "nobody"));
	assert_null(table_account(t, "nobody"));
	assert_string_equal(table_rule(t, "c-gold")->file, "test.yaml");
	assert_int_equal(table_rule(t, "c-gold")->line, 10);
	assert_string_equal(t->account[table_rule(t, "c-gold")->action].name, "issuer");
	table_unref(t);
}

/* Many that are no tests: each is a fault, and what comes behind is read as it stands. */
static void test_filters_that_are_none(void **state)
{
	struct str text;
	struct built b;

	(void)state;
	str_init(&text, 400000);
	str_addf(&text,
		 "%srule: a\ntrigger:\n  event: property-changed\n  account: portal\n"
		 "  property: tier\n  filters:\n",
		 accounts);
	for (int i = 0; i < 20000; i++)
		str_add_text(&text, "    - Gold\n");
	str_add_text(&text, "action: { do: issue-credential, group: g }\n---\n");
	str_add_text(&text, rules);
	build_slice(&b, str_slice(&text));
	assert_null(b.table);
	assert_int_equal(b.rules, 8);
	built_release(&b);
	str_release(&text);
}

/* A folder that lost its rules is told from rules that somebody ended. */
static void test_emptied(void **state)
{
#define OF(mode)                                                                                   \
	"rule: a\nmode: " mode "\ntrigger: { event: list-added, list: 1 }\n"                       \
	"action: { do: issue-credential, group: g }\n"
	struct table *none = table_of(""), *live = table_of(OF("live")),
		     *shadow = table_of(OF("shadow")), *off = table_of(OF("off"));

	(void)state;
	assert_int_equal(table_active(none), 0);
	assert_int_equal(table_active(live), 1);
	assert_int_equal(table_active(off), 0);
	assert_true(table_is_emptied(none, table_active(live)));
	assert_true(table_is_emptied(none, table_active(shadow)));
	assert_false(table_is_emptied(none, table_active(off)));
	assert_false(table_is_emptied(none, 0));
	assert_false(table_is_emptied(off, 1));
	assert_false(table_is_emptied(live, 1));
	table_unref(none);
	table_unref(live);
	table_unref(shadow);
	table_unref(off);
#undef OF
}

static void test_settings(void **state)
{
	struct table *t = example();
	const struct account *portal = table_account(t, "portal"),
			     *issuer = table_account(t, "issuer");

	(void)state;
	assert_string_equal(portal->type, "hubspot");
	assert_string_equal(account_text(portal, "base-url"), "https://api.hubapi.com");
	assert_false(account_setting(portal, "base-url")->given);
	assert_int_equal(account_ms(portal, "poll"), 60000);
	assert_int_equal(account_ms(table_account(t, "other"), "poll"), 300000);
	assert_true(account_setting(table_account(t, "other"), "poll")->given);
	assert_null(account_setting(portal, "webhook.public-url"));
	assert_null(account_text(portal, "webhook.signature"));
	assert_null(account_setting(portal, "oauth.client-secret"));
	assert_null(account_text(portal, "nothing"));
	assert_int_equal(account_ms(portal, "nothing"), 0);
	const struct setting *token = account_setting(issuer, "token");
	assert_int_equal(token->n_secret, 1);
	assert_int_equal(token->secret[0].from, SECRET_FILE);
	assert_string_equal(token->secret[0].name, "/run/token");
	assert_true(account_setting(issuer, "rate")->per_second > 0.0833);
	assert_true(account_setting(issuer, "rate")->per_second < 0.0834);
	table_unref(t);
}

static void test_references(void **state)
{
	struct table *t = example();

	(void)state;
	assert_ptr_equal(table_ref(t), t);
	table_unref(t);
	/* Still there: the sanitizers watch. */
	assert_string_equal(t->rule[0].name, "a-cleared");
	table_unref(t);
	table_unref(NULL);
}

static void test_texts_are_kept_once(void **state)
{
	struct table *t = example();

	(void)state;
	assert_ptr_equal(t->rule[0].group, t->rule[1].group);
	assert_ptr_equal(t->rule[0].target, t->rule[1].target);
	assert_ptr_equal(t->rule[0].field[1].value, t->rule[1].field[1].value);
	assert_ptr_not_equal(t->rule[0].field[1].value, table_rule(t, "d-other")->field[1].value);
	table_unref(t);
}

static const struct property *property_of(const struct table *t, const char *name)
{
	const struct property *found = NULL;

	for (size_t i = 0; i < t->n_property; i++) {
		if (strcmp(t->property[i].name, name) != 0)
			continue;
		assert_null(found);
		found = &t->property[i];
	}
	assert_non_null(found);
	return found;
}

/* Whoever keeps a table for long pays for what rules do not have alike, and no more. */
static void test_rules_are_small(void **state)
{
	struct str text;

	(void)state;
	str_init(&text, 1 << 20);
	for (int i = 0; i < 1000; i++)
		str_addf(
			&text,
			"---\nrule: r%d\ntrigger:\n  event: property-changed\n  property: p%d\n  to: v%d\n"
			"  filters:\n    - { property: email, ends-with: '@example.org' }\n"
			"    - { property: score, at-least: %d }\n"
			"action: { do: issue-credential, group: g }\n",
			i, i % 20, i % 5, i % 50);
	struct table *t = table_of(str_text(&text));
	table_forget_texts(t);
	assert_in_range(t->bytes, 1000, 1000 * 300);
	/* What is told of a rule does not need them. */
	assert_string_equal(rule_test_at(table_rule(t, "r7"), 1).what, "score at-least 7");
	assert_int_equal(rule_test_at(table_rule(t, "r7"), 1).line, 7 * 10 + 9);
	assert_int_equal(t->file[0].text.len, 0);
	table_unref(t);
	str_release(&text);
}

static void check_property(const struct table *t, const char *name, bool history, bool label)
{
	const struct property *p = property_of(t, name);

	assert_int_equal(p->history, history);
	assert_int_equal(p->label, label);
}

static void test_properties(void **state)
{
	struct table *t = table_of(
		"rule: r\ntrigger:\n  event: property-changed\n  property: tier\n"
		"  filters: [ { any: [ { property: country, is: PL }, { property: tier, known: true } ] } ]\n"
		"action:\n  do: issue-credential\n  group: g\n  fields:\n"
		"    recipient.email: \"{{ contact.work_email | default('x@y.z') }}\"\n"
		"    custom.a: '{{ contact.country }} {{ contact.role | label }} {{ contact.city }}'\n"
		"    custom.b: '{{ event.from | label }}'\n");

	(void)state;
	check_property(t, "tier", true, true);
	check_property(t, "country", true, false);
	check_property(t, "work_email", true, false);
	check_property(t, "role", false, true);
	check_property(t, "city", false, false);
	check_property(t, "firstname", false, false);
	assert_int_equal(t->n_property, 7);
	table_unref(t);
}

#define RULE(more, trigger, action)                                                                \
	"rule: r\n" more "trigger: { event: property-changed, property: tier" trigger " }\n"       \
	"action: { do: issue-credential, group: g" action " }\n"

static void hash_of(const char *text, char out[TABLE_HASH])
{
	struct table *t = table_of(text);

	memcpy(out, t->hash, TABLE_HASH);
	table_unref(t);
}

static void check_hash(const char *a, const char *b, bool same)
{
	char x[TABLE_HASH], y[TABLE_HASH];

	hash_of(a, x);
	hash_of(b, y);
	assert_int_equal(strlen(x), TABLE_HASH - 1);
	if ((strcmp(x, y) == 0) != same)
		fail_msg("%s hash of\n%sand\n%s", same ? "another" : "the same", a, b);
}

static void test_hash(void **state)
{
	/* Each means something else than the first one, and than each other one. */
	static const char *const different[] = {
		RULE("", "", ""),
		RULE("mode: shadow\n", "", ""),
		RULE("mode: off\n", "", ""),
		RULE("repeat: once-per-value\n", "", ""),
		RULE("missing-email: hold 1d\n", "", ""),
		RULE("brake: 999/h\n", "", ""),
		RULE("brake: off\n", "", ""),
		RULE("since: 2026-01-01\n", "", ""),
		RULE("", ", settle: 61s", ""),
		RULE("", ", from: a", ""),
		RULE("", ", to: a", ""),
		RULE("", ", to: [a, b]", ""),
		RULE("", ", to: \"\"", ""),
		RULE("", ", filters: [ { property: a, is: b } ]", ""),
		RULE("", ", filters: [ { property: a, is: c } ]", ""),
		RULE("", ", filters: [ { property: b, is: b } ]", ""),
		RULE("", ", filters: [ { property: a, is-not: b } ]", ""),
		RULE("", ", filters: [ { property: a, in: b } ]", ""),
		RULE("", ", filters: [ { not: { property: a, is: b } } ]", ""),
		RULE("", ", filters: [ { property: a, at-least: 1 } ]", ""),
		RULE("", ", filters: [ { property: a, known: true } ]", ""),
		RULE("", ", filters: [ { property: a, known: false } ]", ""),
		RULE("",
		     ", filters: [ { any: [ { property: a, is: b }, { property: c, is: d } ] } ]",
		     ""),
		RULE("",
		     ", filters: [ { all: [ { property: a, is: b }, { property: c, is: d } ] } ]",
		     ""),
		RULE("", "", "2"),
		RULE("", "", ", issue: false"),
		RULE("", "", ", send: false"),
		RULE("", "", ", fields: { custom.a: x }"),
		RULE("", "", ", fields: { custom.b: x }"),
		RULE("", "", ", fields: { custom.a: '{{ contact.x }}' }"),
		RULE("", "", ", fields: { custom.a: '{{ contact.x | upper }}' }"),
		RULE("", "", ", fields: { custom.a: \"{{ contact.x | default('a') }}\" }"),
		RULE("", "", ", fields: { expiry-date: '{{ event.date }}' }"),
	};
	size_t n = sizeof(different) / sizeof(different[0]);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			check_hash(different[i], different[k], false);
	/* The same, otherwise written. */
	check_hash(
		different[0],
		"# a comment\n\nrule: \"r\"\naction:\n  group: g\n  do: issue-credential\n"
		"mode: live\ntrigger:\n  settle: 1m\n  property: 'tier'\n  event: property-changed\n",
		true);
	check_hash(RULE("", ", to: [a, b]", ""), RULE("", ", to: [b, a, 'b']", ""), true);
	check_hash(RULE("", "", ", fields: { custom.a: '{{contact.x}}', custom.b: y }"),
		   RULE("", "", ", fields: { custom.b: y, custom.a: \"{{  contact.x  }}\" }"),
		   true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_filters_that_are_none),
		cmocka_unit_test(test_emptied),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_texts_are_kept_once),
		cmocka_unit_test(test_rules_are_small),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_hash),
	};
	struct err err;

	if (clock_set_zone("UTC", &err) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Two tables over the same events. */
#include "tests/unit/rules.h"

#include "base/json.h"
#include "engine/compare.h"

#define AT INT64_C(1795428000000)

struct pair {
	struct db *db;
	struct table *old, *edited;
	struct compare *compare;
	int64_t said;
};

static void said(void *ctx, const struct compare_person *person)
{
	(void)person;
	(*(int64_t *)ctx)++;
}

static void open_pair(struct pair *p, const char *old, const char *edited)
{
	struct err err;

	*p = (struct pair){ .old = table_of(old), .edited = table_of(edited) };
	assert_int_equal(db_open(":memory:", DB_OWN, &p->db, &err), RC_OK);
	p->compare = compare_new(p->db, p->old, p->edited, said, &p->said);
}

static void close_pair(struct pair *p)
{
	compare_free(p->compare);
	db_close(p->db);
	table_unref(p->old);
	table_unref(p->edited);
}

static void change(struct pair *p, const char *contact, const char *to, int64_t at_ms,
		   const char *const *values)
{
	struct pairs a = { p->old, values, 0 }, b = { p->edited, values, 0 };
	struct event_facts e = { .kind = EVENT_PROPERTY_CHANGED,
				 .property = slice_of("tier"),
				 .to = slice_of(to),
				 .from_known = true,
				 .at_ms = at_ms,
				 .as_of_ms = at_ms };
	struct compare_event event = {
		"hubspot", contact, "tier", &e, { &a, pairs_value, NULL }, { &b, pairs_value, NULL }
	};

	compare_event(p->compare, &event);
}

static const struct compare_rule *only(const struct pair *p)
{
	size_t n;
	const struct compare_rule *rule = compare_rules(p->compare, &n);

	assert_int_equal(n, 1);
	return rule;
}

#define RULE(mode, more, field)                                                                    \
	"rule: a\nmode: " mode "\n" more "trigger: { event: property-changed, property: tier }\n"  \
	"action: { do: issue-credential, group: g, fields: { custom.x: \"" field "\" } }\n"

static const char *const ada[] = { "email", "ada@example.com", "firstname", "Ada", NULL };
static const char *const numberless[] = { "email", "ada@example.com", "number",
					  "",	   "firstname",	      "Ada",
					  NULL };
static const char *const nobody[] = { "email", "", "firstname", "Ada", NULL };

static void the_same_is_no_difference(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, RULE("live", "", "x"), RULE("live", "", "x"));
	change(&p, "1", "Gold", AT, ada);
	assert_int_equal(p.said, 0);
	assert_int_equal(compare_events(p.compare), 1);
	assert_int_equal(only(&p)->edit, EDIT_NONE);
	close_pair(&p);
}

static void once_is_once_among_what_is_compared_and_before(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, RULE("live", "", "x"), RULE("live", "repeat: once-per-contact\n", "x"));
	change(&p, "1", "Gold", AT, ada);
	change(&p, "1", "Silver", AT + 1, ada);
	change(&p, "1", "Silver", AT + 1, ada); /* by another watch: passed over */
	change(&p, "2", "Gold", AT + 2, nobody);
	assert_int_equal(only(&p)->of[COMPARE_LOST], 1);
	assert_int_equal(p.said, 1);
	assert_int_equal(compare_events(p.compare), 3);
	db_run(p.db,
	       "INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, to_value,"
	       " at_ms, action_account, group_id, do_issue, do_send, email, state, created_ms, updated_ms)"
	       " VALUES ('a', '', 'hubspot', '3', 'property-changed', 'tier', 'Gold', 1, 'certifier', 'g',"
	       " 1, 1, '', 'sent', 1, 1)",
	       "");
	change(&p, "3", "Silver", AT + 3, ada);
	assert_int_equal(only(&p)->of[COMPARE_LOST], 2);
	close_pair(&p);
}

static void shadow_counts_where_nothing_is_live(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, RULE("shadow", "", "x"), RULE("live", "", "x"));
	change(&p, "1", "Gold", AT, ada);
	assert_int_equal(only(&p)->of[COMPARE_GAINED], 1);
	close_pair(&p);
	open_pair(&p, RULE("shadow", "", "x"), RULE("shadow", "", "y"));
	change(&p, "1", "Gold", AT, ada);
	assert_true(only(&p)->in_shadow);
	assert_int_equal(only(&p)->of[COMPARE_FIELDS], 1);
	close_pair(&p);
	open_pair(&p, RULE("off", "", "x"), RULE("shadow", "", "x"));
	change(&p, "1", "Gold", AT, ada);
	assert_true(only(&p)->in_shadow);
	assert_int_equal(only(&p)->of[COMPARE_GAINED], 1);
	close_pair(&p);
	open_pair(&p, RULE("live", "", "x"), RULE("off", "", "x"));
	change(&p, "1", "Gold", AT, ada);
	assert_int_equal(only(&p)->of[COMPARE_LOST], 1);
	assert_int_equal(only(&p)->activation, ACTIVATION_KEPT); /* it was not active */
	close_pair(&p);
}

static void what_is_held_for_a_person_is_no_credential(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, RULE("live", "", "{{ contact.number }}"),
		  RULE("live", "", "{{ contact.number | required }}"));
	change(&p, "1", "Gold", AT, numberless);
	assert_int_equal(only(&p)->of[COMPARE_LOST], 1);
	close_pair(&p);
	open_pair(&p, RULE("live", "", "{{ contact.number | required }}"),
		  RULE("live", "", "{{ contact.number }}"));
	change(&p, "1", "Gold", AT, numberless);
	assert_int_equal(only(&p)->of[COMPARE_GAINED], 1);
	close_pair(&p);
}

/* Also one whose name another's begins with. */
static const char *told;

static void said_what(void *ctx, const struct compare_person *person)
{
	static char text[64];

	(void)ctx;
	snprintf(text, sizeof(text), "%s", person->what);
	told = text;
}

static void every_field_that_differs_is_named(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, RULE("live", "", "x\", custom.xy: \"x"),
		  RULE("live", "", "y\", custom.z: \"z"));
	compare_free(p.compare);
	p.compare = compare_new(p.db, p.old, p.edited, said_what, NULL);
	change(&p, "1", "Gold", AT, ada);
	assert_string_equal(told, "custom.x, custom.z, custom.xy");
	close_pair(&p);
	open_pair(&p, RULE("live", "", "x\", custom.xy: \"x"),
		  "rule: a\ntrigger: { event: property-changed, property: tier }\n"
		  "action: { do: issue-credential, group: g, fields: { custom.xy: \"y\" } }\n");
	compare_free(p.compare);
	p.compare = compare_new(p.db, p.old, p.edited, said_what, NULL);
	change(&p, "1", "Gold", AT, ada);
	assert_string_equal(told, "custom.xy, custom.x");
	close_pair(&p);
}

#define FILTERED(filters)                                                                          \
	"rule: a\ntrigger: { event: property-changed, property: tier, filters: [ " filters         \
	" ] }\n"                                                                                   \
	"action: { do: issue-credential, group: g }\n"

static void filters_are_told_without_their_seams(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, FILTERED("{ property: b, is: x }"),
		  FILTERED("{ property: b, is: x }, { property: c, is: y }"));
	assert_int_equal(only(&p)->lines, 1);
	assert_string_equal(only(&p)->line[0], "+ test c is \"y\"");
	close_pair(&p);
	open_pair(
		&p,
		FILTERED(
			"{ any: [ { property: b, is: x }, { property: c, is: y } ] }, { property: d, is: z }"),
		FILTERED(
			"{ any: [ { property: b, is: x }, { property: c, is: y }, { property: d, is: z } ] }"));
	assert_int_equal(only(&p)->edit, EDIT_EDITED);
	assert_int_equal(only(&p)->lines, 1);
	assert_string_equal(only(&p)->line[0], "~ the same in another order, or grouped otherwise");
	close_pair(&p);
}

static void what_was_not_read_cannot_be_told(void **state)
{
	static const char *const unread[] = { "email", "ada@example.com", "town", "?", NULL };
	struct pair p;

	(void)state;
	open_pair(&p, RULE("live", "", "x"), RULE("live", "", "{{ contact.town }}"));
	change(&p, "1", "Gold", AT, unread);
	assert_int_equal(only(&p)->of[COMPARE_UNTOLD], 1);
	assert_int_equal(only(&p)->lines, 2);
	assert_true(compare_differs(p.compare));
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_no_difference),
		cmocka_unit_test(once_is_once_among_what_is_compared_and_before),
		cmocka_unit_test(shadow_counts_where_nothing_is_live),
		cmocka_unit_test(what_is_held_for_a_person_is_no_credential),
		cmocka_unit_test(every_field_that_differs_is_named),
		cmocka_unit_test(filters_are_told_without_their_seams),
		cmocka_unit_test(what_was_not_read_cannot_be_told),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

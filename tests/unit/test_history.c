/* The batch read: what is asked of HubSpot, and what its answer says of contacts. */
#include "tests/unit/rules.h"

#include "engine/hubspot/hub.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A source as far as history.c looks at it, and one answer. */
struct read {
	struct source source;
	struct table *table;
	struct arena memory;
	struct json *answer;
	struct contact *contact;
	size_t contacts;
};

static const char rules[] = "rule: a\n"
			    "trigger:\n  event: property-changed\n  property: tier\n"
			    "action:\n  do: issue-credential\n  group: g\n";

static int read_setup(void **state)
{
	struct read *r = mem_alloc(sizeof(*r));

	r->table = table_of(rules);
	r->source.table = r->table;
	for (uint32_t i = 0; i < r->table->n_account; i++)
		if (strcmp(r->table->account[i].type, "hubspot") == 0)
			r->source.account = i;
	arena_init(&r->memory);
	*state = r;
	return 0;
}

static int read_teardown(void **state)
{
	struct read *r = *state;

	table_unref(r->table);
	arena_release(&r->memory);
	json_free(r->answer);
	mem_free(r);
	return 0;
}

/* Reads an answer to the ids asked; ends with NULL. */
static void read_answer(struct read *r, const char *const *ids, const char *text)
{
	struct err err;
	size_t count = 0;

	while (ids[count])
		count++;
	json_free(r->answer);
	r->answer = json_parse(slice_of(text), &err);
	if (!r->answer)
		fail_msg("%s", err.text);
	r->contacts = history_contacts(&r->source, r->answer, ids, count, &r->memory, &r->contact);
	assert_true(r->contacts <= count);
}

#define asked(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* One contact, 101, whose row is `row` without its id. */
static const struct contact *read_row(struct read *r, const char *row)
{
	char *text = arena_printf(&r->memory, "{\"results\":[{\"id\":\"101\",%s}]}", row);

	read_answer(r, asked("101"), text);
	assert_int_equal(r->contacts, 1);
	return r->contact;
}

static const struct contact_property *property(const struct read *r, const struct contact *c,
					       const char *name)
{
	for (size_t i = 0; i < r->table->n_property; i++)
		if (strcmp(r->table->property[i].name, name) == 0)
			return &c->property[i];
	fail_msg("no rule reads '%s'", name);
	return NULL;
}

/* The history of `tier`, out of its versions as HubSpot writes them. */
static const struct contact_property *read_versions(struct read *r, const char *versions)
{
	char *row = arena_printf(
		&r->memory, "\"properties\":{},\"propertiesWithHistory\":{\"tier\":%s}", versions);

	return property(r, read_row(r, row), "tier");
}

static void assert_values(const struct contact_property *p, const char *expected)
{
	struct str values;

	str_init(&values, 1000);
	for (size_t i = 0; i < p->entries; i++)
		str_addf(&values, "%s%.*s", i ? " " : "", SLICE_FMT(p->entry[i].value));
	assert_string_equal(str_text(&values), expected);
	str_release(&values);
}

/* ---- what is asked -------------------------------------------------------- */

static bool holds(const struct json *list, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < json_count(list); i++)
		n += slice_is(json_slice(json_at(list, i)), name);
	assert_true(n <= 1);
	return n;
}

static void the_body_asks_for_what_rules_read(void **state)
{
	static const char *const now[] = { "lastmodifieddate",
					   "createdate",
					   "hs_merged_object_ids",
					   "hs_calculated_merged_vids",
					   "tier",
					   "email",
					   "firstname",
					   "lastname" };
	struct read *r = *state;
	struct json *body = history_body(&r->source, asked("101", "102"), 2);
	const struct json *names = json_get(body, "properties"),
			  *then = json_get(body, "propertiesWithHistory");

	for (size_t i = 0; i < COUNT(now); i++)
		if (!holds(names, now[i]))
			fail_msg("'%s' is not asked for", now[i]);
	assert_int_equal(json_count(names), COUNT(now));
	assert_true(holds(then, "tier"));
	assert_true(holds(
		then, "email")); /* whether there was a valid address is judged as of the event */
	assert_int_equal(json_count(then), 2);
	assert_int_equal(json_count(json_get(body, "inputs")), 2);
	assert_true(slice_is(json_get_slice(json_at(json_get(body, "inputs"), 0), "id"), "101"));
	assert_true(slice_is(json_get_slice(json_at(json_get(body, "inputs"), 1), "id"), "102"));
	assert_int_equal(history_most(&r->source), 50);
	json_free(body);
}

static void another_accounts_properties_are_not_asked(void **state)
{
	struct read *r = *state;

	r->source.account = 77;
	struct json *body = history_body(&r->source, asked("101"), 1);
	assert_int_equal(json_count(json_get(body, "properties")), 4);
	assert_int_equal(json_count(json_get(body, "propertiesWithHistory")), 0);
	assert_int_equal(history_most(&r->source), 100);
	json_free(body);
	const struct contact *c = read_row(r, "\"properties\":{\"tier\":\"Gold\"}");
	assert_false(property(r, c, "tier")->read);
}

/* ---- the order of entries ------------------------------------------------- */

static void oldest_first_whatever_the_order(void **state)
{
	struct read *r = *state;
	const struct contact_property *p = read_versions(
		r, "[{\"value\":\"c\",\"timestamp\":\"2026-01-03T00:00:00Z\"},"
		   "{\"value\":\"a\",\"timestamp\":\"2026-01-01T00:00:00.000Z\"},"
		   /* an older portal: 2026-01-02 */
		   "{\"value\":\"b\",\"timestamp\":\"1767312000001\"}]");

	assert_values(p, "a b c");
	assert_int_equal(p->entry[1].at_ms, INT64_C(1767312000001));
	assert_true(p->read);
	assert_false(p->cut);
	assert_true(slice_is(p->current, "c")); /* the answer does not say it otherwise */
}

static void equal_times_in_the_reverse_of_newest_first(void **state)
{
	struct read *r = *state;

	assert_values(read_versions(r, "[{\"value\":\"e\",\"timestamp\":\"2026-01-02T00:00:00Z\"},"
				       "{\"value\":\"d\",\"timestamp\":\"2026-01-01T00:00:00Z\"},"
				       "{\"value\":\"c\",\"timestamp\":\"2026-01-01T00:00:00Z\"},"
				       "{\"value\":\"b\",\"timestamp\":\"2026-01-01T00:00:00Z\"},"
				       "{\"value\":\"a\",\"timestamp\":\"2025-01-01T00:00:00Z\"}]"),
		      "a b c d e");
}

static void many_equal_times(void **state)
{
	struct read *r = *state;
	struct str text;

	str_init(&text, 10000);
	for (int i = 40; i-- > 0;)
		str_addf(&text, "%s{\"value\":\"%02d\",\"timestamp\":\"2026-01-01T00:00:00Z\"}",
			 i == 39 ? "[" : ",", i);
	str_add_text(&text, "]");
	const struct contact_property *p = read_versions(r, str_text(&text));
	assert_int_equal(p->entries, 40);
	for (size_t i = 0; i < p->entries; i++) {
		char expected[32];
		snprintf(expected, sizeof(expected), "%02zu", i);
		assert_true(slice_is(p->entry[i].value, expected));
	}
	str_release(&text);
}

static void missing_null_and_empty_are_the_same(void **state)
{
	struct read *r = *state;
	const struct contact_property *p = read_versions(
		r, "[{\"timestamp\":\"2026-01-04T00:00:00Z\"},"
		   "{\"value\":null,\"timestamp\":\"2026-01-03T00:00:00Z\"},"
		   "{\"value\":\"\",\"timestamp\":\"2026-01-02T00:00:00Z\"},"
		   "{\"value\":\"a\",\"timestamp\":\"2026-01-01T00:00:00Z\"}]");

	assert_int_equal(p->entries, 4);
	assert_true(slice_is(p->entry[0].value, "a"));
	for (size_t i = 1; i < 4; i++)
		assert_true(slice_eq(p->entry[i].value, slice_of("")));
	assert_true(slice_eq(p->current, slice_of("")));
}

static void forty_five_versions_may_not_be_all(void **state)
{
	struct read *r = *state;

	for (int n = 44; n <= 46; n++) {
		struct str text;
		str_init(&text, 10000);
		for (int i = 0; i < n; i++)
			str_addf(&text,
				 "%s{\"value\":\"x\",\"timestamp\":\"2026-01-01T00:00:%02dZ\"}",
				 i ? "," : "[", 59 - i);
		str_add_text(&text, "]");
		const struct contact_property *p = read_versions(r, str_text(&text));
		assert_int_equal(p->entries, n);
		assert_int_equal(p->cut, n >= 45);
		str_release(&text);
	}
}

static void entries_of_a_merge_are_marked(void **state)
{
	struct read *r = *state;
	const struct contact *c = read_row(
		r,
		"\"properties\":{},\"propertiesWithHistory\":{\"tier\":["
		"{\"value\":\"c\",\"timestamp\":\"2026-01-03T00:00:00Z\",\"sourceType\":\"CRM_UI\"},"
		"{\"value\":\"b\",\"timestamp\":\"2026-01-02T00:00:00Z\",\"sourceType\":\"MERGE_OBJECTS\"},"
		"{\"value\":\"a\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"sourceType\":\"API\"}],"
		"\"email\":[{\"value\":\"x@y.z\",\"timestamp\":\"2026-01-01T12:00:00Z\","
		"\"sourceType\":\"MERGE_CONTACTS\"}]}");
	const struct contact_property *p = property(r, c, "tier");

	assert_false(p->entry[0].merge);
	assert_true(p->entry[1].merge);
	assert_false(p->entry[2].merge);
	assert_int_equal(c->merge_entry_ms, p->entry[1].at_ms); /* the newest of all */
}

static void entries_without_a_time_are_left_out(void **state)
{
	struct read *r = *state;
	const struct contact_property *p = read_versions(
		r, "[{\"value\":\"b\",\"timestamp\":\"yesterday\"},{\"value\":\"c\"},7,null,"
		   "{\"value\":\"a\",\"timestamp\":\"2026-01-01T00:00:00Z\"}]");

	assert_values(p, "a");
	assert_values(read_versions(r, "{\"value\":\"b\"}"), "");
	assert_values(read_versions(r, "\"b\""), "");
	assert_values(read_versions(r, "null"), "");
}

/* ---- the contact ---------------------------------------------------------- */

static void current_values(void **state)
{
	struct read *r = *state;
	const struct contact *c = read_row(
		r,
		"\"properties\":{\"tier\":null,\"firstname\":\"Za\xc5\xbc\"},\"propertiesWithHistory\":{\"tier\":["
		"{\"value\":\"Gold\",\"timestamp\":\"2026-01-01T00:00:00Z\"}]}");

	assert_true(slice_eq(property(r, c, "tier")->current, slice_of(""))); /* said to be empty */
	assert_true(slice_is(property(r, c, "firstname")->current, "Za\xc5\xbc"));
	assert_int_equal(property(r, c, "firstname")->entries, 0);
	assert_true(slice_eq(property(r, c, "lastname")->current, slice_of("")));
	assert_true(property(r, c, "lastname")->read);
	assert_true(property(r, c, "email")->read);
	assert_string_equal(c->id, "101");
	assert_string_equal(c->asked, "101");
	assert_false(c->gone);
}

static void when_it_was_made_and_changed(void **state)
{
	int64_t jan = clock_instant((struct civil){ 2026, 1, 1, 0, 0, 0, 0 });
	struct read *r = *state;
	const struct contact *c = read_row(
		r,
		"\"createdAt\":\"2026-01-02T00:00:00Z\",\"updatedAt\":\"2026-01-03T00:00:00Z\",\"properties\":"
		"{\"createdate\":\"2026-01-01T00:00:00Z\",\"lastmodifieddate\":\"2026-01-04T00:00:00Z\"}");

	assert_int_equal(c->created_ms, jan + MS_DAY); /* createdate may be written by anybody */
	assert_int_equal(c->modified_ms, jan + 3 * MS_DAY);
	c = read_row(
		r,
		"\"updatedAt\":\"2026-01-05T00:00:00Z\",\"properties\":"
		"{\"createdate\":\"2026-01-01T00:00:00Z\",\"lastmodifieddate\":\"2026-01-04T00:00:00Z\"}");
	assert_int_equal(c->created_ms, jan);
	assert_int_equal(c->modified_ms, jan + 4 * MS_DAY);
	c = read_row(r, "\"createdAt\":7,\"properties\":null");
	assert_int_equal(c->created_ms, 0);
	assert_int_equal(c->modified_ms, 0);
}

static void archived_is_gone(void **state)
{
	struct read *r = *state;

	assert_true(read_row(r, "\"archived\":true,\"properties\":{}")->gone);
	assert_false(read_row(r, "\"archived\":false,\"properties\":{}")->gone);
	assert_false(
		read_row(r, "\"archived\":\"true\",\"properties\":{}")->gone); /* no sure word */
}

static void whom_it_absorbed(void **state)
{
	struct read *r = *state;
	const struct contact *c = read_row(
		r,
		"\"properties\":{\"hs_merged_object_ids\":\"7; 8 ;;101;../9;9a;123456789012345678901;-1;10\"}");

	assert_int_equal(c->n_merged, 3); /* neither itself nor what is no id */
	assert_string_equal(c->merged[0], "7");
	assert_string_equal(c->merged[1], "8");
	assert_string_equal(c->merged[2], "10");
	assert_int_equal(read_row(r, "\"properties\":{\"hs_merged_object_ids\":\"\"}")->n_merged,
			 0);
	assert_int_equal(
		read_row(r, "\"properties\":{\"hs_merged_object_ids\":\";;;;;;;;\"}")->n_merged, 0);
	assert_int_equal(
		read_row(r, "\"properties\":{\"hs_merged_object_ids\":\"1;2;3;4;5\"}")->n_merged,
		5);
}

static void whom_it_absorbed_by_the_older_property(void **state)
{
	struct read *r = *state;
	const int64_t jan = INT64_C(1767225600000);
	const struct contact *c = read_row(
		r,
		"\"properties\":{\"lastmodifieddate\":\"2026-01-04T00:00:00Z\",\"hs_merged_object_ids\":\"7\","
		"\"hs_calculated_merged_vids\":\"7:1767225600000; 8 : 1767225600001;9;:5;101:1767225600002;x:1767225600003\"}");

	assert_int_equal(c->n_merged, 3);
	assert_string_equal(c->merged[0], "7");
	assert_string_equal(c->merged[1], "8");
	assert_string_equal(c->merged[2], "9");
	assert_int_equal(c->merge_entry_ms, jan + 1);
	/* What is no time, or later than all that happened to the contact, tells nothing. */
	c = read_row(r, "\"properties\":{\"lastmodifieddate\":\"2026-01-04T00:00:00Z\","
			"\"hs_calculated_merged_vids\":\"7:1893456000000;8:x;9:\"}");
	assert_int_equal(c->n_merged, 3);
	assert_int_equal(c->merge_entry_ms, 0);
}

/* ---- the answer ----------------------------------------------------------- */

static void what_the_answer_is_silent_about_is_left_out(void **state)
{
	struct read *r = *state;

	read_answer(r, asked("1", "2", "3"),
		    "{\"results\":[{\"id\":\"3\"},{\"id\":\"1\"},{\"id\":\"99\"}]}");
	assert_int_equal(r->contacts, 2);
	assert_string_equal(r->contact[0].asked, "1"); /* in the order asked */
	assert_string_equal(r->contact[1].asked, "3");
	read_answer(r, asked("1", "2"), "{\"results\":[]}");
	assert_int_equal(r->contacts, 0);
	read_answer(r, asked("1"), "{\"results\":{\"id\":\"1\"}}");
	assert_int_equal(r->contacts, 0);
	read_answer(r, asked("1"), "{}");
	assert_int_equal(r->contacts, 0);
	read_answer(r, asked("1"), "{\"results\":[null,7,\"1\",[]]}");
	assert_int_equal(r->contacts, 0);
}

static void a_207_names_those_who_are_gone(void **state)
{
	struct read *r = *state;

	read_answer(
		r, asked("1", "2", "3", "4"),
		"{\"status\":\"COMPLETE\",\"results\":[{\"id\":\"1\",\"properties\":{}}],\"numErrors\":2,"
		"\"errors\":[{\"status\":\"error\",\"category\":\"OBJECT_NOT_FOUND\",\"context\":{\"ids\":"
		"[\"2\",\"3\"]}},{\"category\":\"RATE_LIMITS\",\"context\":{\"ids\":[\"4\"]}},null]}");
	assert_int_equal(r->contacts, 3);
	assert_false(r->contact[0].gone);
	assert_true(r->contact[1].gone);
	assert_string_equal(r->contact[1].asked, "2");
	assert_string_equal(r->contact[1].id, "2");
	assert_true(r->contact[2].gone);
	assert_string_equal(r->contact[2].asked, "3");
}

static void one_that_is_gone_alone(void **state)
{
	struct read *r = *state;

	read_answer(r, asked("2"),
		    "{\"results\":[],\"errors\":[{\"category\":\"OBJECT_NOT_FOUND\",\"context\":"
		    "{\"ids\":[\"2\"]}}]}");
	assert_int_equal(r->contacts, 1);
	assert_true(r->contact->gone);
	read_answer(r, asked("2"),
		    "{\"results\":[{\"id\":\"5\"}],\"errors\":[{\"category\":"
		    "\"OBJECT_NOT_FOUND\",\"context\":{\"ids\":[\"2\"]}}]}");
	assert_int_equal(r->contacts, 1);
	assert_true(r->contact->gone); /* the other one is somebody else */
	assert_string_equal(r->contact->id, "2");
}

static void merged_ones_answer_under_their_new_id(void **state)
{
	struct read *r = *state;

	read_answer(r, asked("1", "2", "3"),
		    "{\"results\":[{\"id\":\"3\",\"properties\":{}},"
		    "{\"id\":\"9\",\"properties\":{\"hs_merged_object_ids\":\"1;2\"}}]}");
	assert_int_equal(r->contacts, 3);
	assert_string_equal(r->contact[0].asked, "1");
	assert_string_equal(r->contact[0].id, "9");
	assert_string_equal(r->contact[1].asked, "2");
	assert_string_equal(r->contact[1].id, "9");
	assert_string_equal(r->contact[2].id, "3");
}

static void alone_it_needs_not_say_whom_it_absorbed(void **state)
{
	struct read *r = *state;

	read_answer(r, asked("1"), "{\"results\":[{\"id\":\"9\",\"properties\":{}}]}");
	assert_int_equal(r->contacts, 1);
	assert_string_equal(r->contact->asked, "1");
	assert_string_equal(r->contact->id, "9");
	read_answer(r, asked("1"), "{\"results\":[{\"id\":\"9\"},{\"id\":\"8\"}]}");
	assert_int_equal(r->contacts, 0); /* of two nobody can tell */
}

static void hostile_ids_are_nobody(void **state)
{
	static const char *const ids[] = {
		"\"../../etc\"", "\"\"",   "\"1/2\"", "\"1?x=y\"", "\"123456789012345678901\"",
		"\" 1\"",	 "\"-1\"", "\"0x1\"", "-1",	   "null",
		"[\"1\"]",	 "{}"
	};
	struct read *r = *state;

	for (size_t i = 0; i < COUNT(ids); i++) {
		read_answer(r, asked("1"),
			    arena_printf(&r->memory, "{\"results\":[{\"id\":%s}]}", ids[i]));
		if (r->contacts)
			fail_msg("%s was taken for a contact", ids[i]);
	}
	assert_true(hub_id_valid(slice_of("12345678901234567890")));
	assert_false(hub_id_valid(slice_of("123456789012345678901")));
	assert_false(hub_id_valid((struct slice){ 0 }));
	assert_false(hub_id_valid((struct slice){ "1\0", 2 }));
}

static void nothing_is_lent_by_the_answer(void **state)
{
	struct read *r = *state;
	const struct contact *c = read_row(
		r,
		"\"properties\":{\"firstname\":\"Ada\",\"hs_merged_object_ids\":\"7\"},\"propertiesWithHistory\":"
		"{\"tier\":[{\"value\":\"Gold\",\"timestamp\":\"2026-01-01T00:00:00Z\"}]}");

	json_free(r->answer);
	r->answer = NULL;
	assert_string_equal(c->id, "101");
	assert_string_equal(c->merged[0], "7");
	assert_true(slice_is(property(r, c, "firstname")->current, "Ada"));
	assert_values(property(r, c, "tier"), "Gold");
}

#define reading(f) cmocka_unit_test_setup_teardown(f, read_setup, read_teardown)

/* A number keeps every digit that 2^53 would lose. */
static void an_id_may_be_a_number(void **state)
{
	struct read *r = *state;

	read_answer(r, asked("9007199254740993"), "{\"results\":[{\"id\":9007199254740993}]}");
	assert_int_equal(r->contacts, 1);
	assert_string_equal(r->contact[0].id, "9007199254740993");
	read_answer(r, asked("101", "102"), "{\"results\":[{\"id\":-101},{\"id\":1.5}]}");
	assert_int_equal(r->contacts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		reading(the_body_asks_for_what_rules_read),
		reading(another_accounts_properties_are_not_asked),
		reading(oldest_first_whatever_the_order),
		reading(equal_times_in_the_reverse_of_newest_first),
		reading(many_equal_times),
		reading(missing_null_and_empty_are_the_same),
		reading(forty_five_versions_may_not_be_all),
		reading(entries_of_a_merge_are_marked),
		reading(entries_without_a_time_are_left_out),
		reading(current_values),
		reading(when_it_was_made_and_changed),
		reading(archived_is_gone),
		reading(whom_it_absorbed),
		reading(whom_it_absorbed_by_the_older_property),
		reading(what_the_answer_is_silent_about_is_left_out),
		reading(a_207_names_those_who_are_gone),
		reading(one_that_is_gone_alone),
		reading(merged_ones_answer_under_their_new_id),
		reading(alone_it_needs_not_say_whom_it_absorbed),
		reading(hostile_ids_are_nobody),
		reading(nothing_is_lent_by_the_answer),
		cmocka_unit_test_setup_teardown(an_id_may_be_a_number, read_setup, read_teardown),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

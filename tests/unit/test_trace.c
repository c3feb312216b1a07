/* How near a rule came to an event: which tests, and how few of them would have to differ. */
#include "tests/unit/rules.h"

#include "engine/trace.h"

static const struct row {
	const char *filters; /* entries, in flow form */
	const char *from, *to;
	size_t misses;
	const char *differs; /* the tests that would have to come out otherwise */
} rows[] = {
	{ "[]", "Bronze", "Gold", 0, "" },
	{ "[{ property: a, is: '1' }]", "Bronze", "Gold", 0, "" },
	{ "[{ property: a, is: '2' }]", "Bronze", "Gold", 1, "a is 2;" },
	{ "[{ property: a, is: '2' }, { property: b, is: '2' }]", "Bronze", "Gold", 1, "a is 2;" },
	{ "[{ property: a, is: '2' }]", "Tin", "Silver", 3, "from;to;a is 2;" },
	/* In any, the nearest branch. */
	{ "[{ any: [{ all: [{ property: a, is: '2' }, { property: b, is: '3' }] }, { property: b, is: '4' }] }]",
	  "Bronze", "Gold", 1, "b is 4;" },
	{ "[{ any: [{ property: a, is: '2' }, { property: b, is: '2' }] }]", "Bronze", "Gold", 0,
	  "" },
	/* Under not: of all that must not hold one is enough, of any none may. */
	{ "[{ not: { all: [{ property: a, is: '1' }, { property: b, is: '2' }] } }]", "Bronze",
	  "Gold", 1, "a is 1;" },
	{ "[{ not: { any: [{ property: a, is: '1' }, { property: b, is: '2' }] } }]", "Bronze",
	  "Gold", 2, "a is 1;b is 2;" },
	{ "[{ not: { property: a, is: '1' } }]", "Bronze", "Gold", 1, "a is 1;" },
	{ "[{ not: { not: { property: a, is: '1' } } }]", "Bronze", "Gold", 0, "" },
	/* What could not be read would have to be known. */
	{ "[{ property: c, is: '1' }]", "Bronze", "Gold", 1, "c is 1;" },
};

static void the_nearest_way(void **state)
{
	static const char *const pair[] = { "a", "1", "b", "2", "c", "?", NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024], differs[256] = "";
		struct trace trace;
		struct arena memory;
		snprintf(
			text, sizeof(text),
			"rule: r\ntrigger:\n  event: property-changed\n  property: tier\n"
			"  from: Bronze\n  to: Gold\n%s%s\naction: { do: issue-credential, group: g }\n",
			strcmp(rows[i].filters, "[]") ? "  filters: " : "#", rows[i].filters);
		struct table *t = table_of(text);
		struct pairs p = { t, pair, 0 };
		struct facts facts = { &p, pairs_value, NULL };
		struct event_facts event = { .kind = EVENT_PROPERTY_CHANGED,
					     .property = slice_of("tier"),
					     .from = slice_of(rows[i].from),
					     .to = slice_of(rows[i].to),
					     .from_known = true };
		arena_init(&memory);
		trace_rule(t, &t->rule[0], &event, &facts, &memory, &trace);
		for (size_t k = 0; k < trace.count; k++) {
			const struct trace_line *l = &trace.line[k];
			assert_true(l->end > k && l->end <= trace.count);
			if (l->differs)
				snprintf(differs + strlen(differs),
					 sizeof(differs) - strlen(differs), "%s;", l->what);
		}
		assert_int_equal(trace.misses, rows[i].misses);
		assert_string_equal(differs, rows[i].differs);
		assert_int_equal(trace.answer == ANSWER_YES, rows[i].misses == 0);
		arena_release(&memory);
		table_unref(t);
	}
}

static void what_filters_lists_stands_beside_from_and_to(void **state)
{
	static const char *const pair[] = { "a", "1", "b", "2", NULL };
	struct table *t = table_of(
		"rule: r\ntrigger:\n  event: list-added\n  list: 42\n  filters:\n"
		"    - { property: a, is: '1' }\n    - not:\n"
		"        any:\n          - { property: b, is: '3' }\n"
		"action: { do: issue-credential, group: g }\n");
	struct pairs p = { t, pair, 0 };
	struct facts facts = { &p, pairs_value, NULL };
	struct event_facts event = { .kind = EVENT_LIST_ADDED, .list_id = slice_of("42") };
	struct trace trace;
	struct arena memory;

	(void)state;
	arena_init(&memory);
	trace_rule(t, &t->rule[0], &event, &facts, &memory, &trace);
	assert_int_equal(trace.count, 3);
	assert_int_equal(trace.line[0].depth, 0);
	assert_int_equal(trace.line[0].line, 6);
	assert_int_equal(trace.line[1].kind, MATCH_ANY);
	assert_true(trace.line[1].turned && trace.line[1].answer == ANSWER_YES);
	assert_int_equal(trace.line[1].end, 3);
	assert_int_equal(trace.line[2].depth, 1);
	assert_true(slice_is(trace.line[2].value, "2") && trace.line[2].value_known);
	arena_release(&memory);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_way),
		cmocka_unit_test(what_filters_lists_stands_beside_from_and_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

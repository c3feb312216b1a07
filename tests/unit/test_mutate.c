/* A mutant is the rule with one thing changed, and the rule stays as it is. */
#include "tests/unit/rules.h"

#include "dsl/mutate.h"

#define PROPERTIES 6

static const char head[] = "rule: r\ntrigger:\n  event: property-changed\n  property: tier\n";
static const char tail[] = "action: { do: issue-credential, group: g }\n";

static struct table *rule_of(const char *filters)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s%s", head, filters, tail);
	return table_of(text);
}

/* By name, whatever index a table gives it. */
struct world {
	const struct table *table;
	unsigned bits; /* property 'a' + n is "x" where bit n is set */
};

static enum fact value_of(void *ctx, uint32_t property, struct slice *value)
{
	const struct world *w = ctx;
	const char *name = w->table->property[property].name;

	*value = slice_of(name[1] || w->bits & 1u << (name[0] - 'a') ? "x" : "y");
	return FACT_KNOWN;
}

static enum answer ask(const struct table *t, const char *from, const char *to, unsigned bits)
{
	struct world w = { t, bits };
	struct facts facts = { &w, value_of, NULL };
	struct event_facts e = { .kind = EVENT_PROPERTY_CHANGED,
				 .property = slice_of("tier"),
				 .from = slice_of(from),
				 .to = slice_of(to),
				 .from_known = true };
	struct match_note note;

	return rule_match(t, &t->rule[0], &e, &facts, &note);
}

/* The same answers as another rule, whatever the values are. */
static void assert_same(const struct table *mutant, const struct table *as)
{
	for (unsigned bits = 0; bits < 1u << PROPERTIES; bits++)
		assert_int_equal(ask(mutant, "p", "q", bits), ask(as, "p", "q", bits));
}

static const char filters[] =
	"  filters:\n"
	"    - { property: a, is: x }\n"
	"    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	"    - not: { any: [ { property: d, is: x } ] }\n"
	"    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n";

/* What the filters are without the test of each letter, and with it negated. */
static const char *const changed[PROPERTIES][2] = {
	{ "  filters:\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n",
	  "  filters:\n"
	  "    - not: { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n" },
	{ "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - not: { property: c, is: x }\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n",
	  "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - not: { all: [ { property: b, is: x }, { property: c, is: x } ] }\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n" },
	{ "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - { property: b, is: x }\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n",
	  "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, { property: c, is: x } ]\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n" },
	{ "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n",
	  "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - { property: d, is: x }\n"
	  "    - not: { all: [ { property: e, is: x }, { property: f, is: x } ] }\n" },
	{ "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { property: f, is: x }\n",
	  "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - not: { property: d, is: x }\n"
	  "    - any: [ { property: e, is: x }, not: { property: f, is: x } ]\n" },
	{ "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - not: { property: d, is: x }\n"
	  "    - not: { property: e, is: x }\n",
	  "  filters:\n"
	  "    - { property: a, is: x }\n"
	  "    - any: [ { property: b, is: x }, not: { property: c, is: x } ]\n"
	  "    - not: { property: d, is: x }\n"
	  "    - any: [ not: { property: e, is: x }, { property: f, is: x } ]\n" },
};

static void test_tests(void **state)
{
	struct table *t = rule_of(filters), *before = rule_of(filters);

	(void)state;
	assert_int_equal(mutation_count(&t->rule[0]), 2 * PROPERTIES);
	for (size_t i = 0; i < 2 * PROPERTIES; i++) {
		struct mutation m = mutation_at(&t->rule[0], i);
		assert_int_equal(m.index, i / 2);
		assert_int_equal(m.kind, i % 2 ? MUTATE_NEGATE_TEST : MUTATE_DROP_TEST);
		struct table *mutant = table_mutate(t, &m);
		struct table *as = rule_of(changed[i / 2][i % 2]);
		assert_same(mutant, as);
		assert_string_not_equal(mutant->hash, t->hash);
		table_unref(as);
		table_unref(mutant);
	}
	assert_same(t, before);
	assert_string_equal(t->hash, before->hash);
	table_unref(before);
	table_unref(t);
}

/* The only test of all: without it the rule takes everything. */
static void test_only_test(void **state)
{
	struct table *t = rule_of("  filters:\n    - any: [ all: [ { property: a, is: x } ] ]\n");
	struct mutation m = mutation_at(&t->rule[0], 0);
	struct table *mutant = table_mutate(t, &m);

	(void)state;
	assert_int_equal(ask(t, "p", "q", 0), ANSWER_NO);
	assert_int_equal(ask(mutant, "p", "q", 0), ANSWER_YES);
	/* The mutant holds what it lends from. */
	table_unref(t);
	assert_int_equal(ask(mutant, "p", "q", 0), ANSWER_YES);
	table_unref(mutant);
}

static size_t found(const struct table *t, const char *to)
{
	struct rule_ids ids[2];

	table_candidates(t, t->rule[0].source, EVENT_PROPERTY_CHANGED, "tier", slice_of(to), ids);
	return ids[0].count + ids[1].count;
}

static void test_from_and_to(void **state)
{
	static const struct {
		enum mutation_kind kind;
		const char *value;
		/* whether Bronze -> Silver, Bronze -> Gold, x -> Gold and Bronze -> x fit */
		bool fits[4];
	} rows[] = {
		{ MUTATE_DROP_FROM, "", { true, true, true, false } },
		{ MUTATE_DROP_TO, "", { true, true, false, true } },
		{ MUTATE_TO_VALUE, "Gold", { true, false, false, false } },
		{ MUTATE_TO_VALUE, "Silver", { false, true, false, false } },
	};
	static const char *const pairs[][2] = {
		{ "Bronze", "Silver" }, { "Bronze", "Gold" }, { "x", "Gold" }, { "Bronze", "x" }
	};
	struct table *t = rule_of("  from: Bronze\n  to: [Silver, Gold]\n");

	(void)state;
	assert_int_equal(mutation_count(&t->rule[0]), 4);
	for (size_t i = 0; i < 4; i++) {
		struct mutation m = mutation_at(&t->rule[0], i);
		struct mutation_place p = mutation_place(t, &m);
		assert_int_equal(m.kind, rows[i].kind);
		assert_true(slice_is(p.value, rows[i].value));
		assert_string_equal(p.what, rows[i].kind == MUTATE_DROP_FROM ? "from" : "to");
		assert_int_equal(p.line, rows[i].kind == MUTATE_DROP_FROM ? 5 : 6);
		struct table *mutant = table_mutate(t, &m);
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(found(mutant, pairs[k][1]) &&
						 ask(mutant, pairs[k][0], pairs[k][1], 0) ==
							 ANSWER_YES,
					 rows[i].fits[k]);
		table_unref(mutant);
	}
	table_unref(t);
}

static void test_places(void **state)
{
	struct table *t = rule_of(filters);
	struct mutation m = mutation_at(&t->rule[0], 5);
	struct mutation_place p = mutation_place(t, &m);

	(void)state;
	assert_string_equal(p.what, "not c is x");
	assert_string_equal(p.change, "negated");
	assert_int_equal(p.line, 7);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tests),
		cmocka_unit_test(test_only_test),
		cmocka_unit_test(test_from_and_to),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

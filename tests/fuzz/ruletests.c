/*
 * Rule tests: whatever bytes come in, reading ends and says where what is wrong; a text without
 * errors is in the order that dsl/ruletest.h promises. Short ones are lived, twice, and come to
 * the same end both times.
 */
#include "tests/fuzz/rule.h"

#include "base/clock.h"
#include "base/json.h"
#include "engine/rehearsal/report.h"

static const char rules_text[] = "rule: tier-badge\n"
				 "trigger:\n"
				 "  event: property-changed\n"
				 "  property: membership_tier\n"
				 "  settle: 1s\n"
				 "  filters: [ { property: country, is-not: CZ } ]\n"
				 "action:\n"
				 "  do: issue-credential\n"
				 "  group: g1\n"
				 "  fields: { custom.tier: \"{{ event.to }}\" }\n"
				 "---\n"
				 "rule: graduates\n"
				 "trigger: { event: list-added, list: 4711 }\n"
				 "action: { do: issue-credential, group: g1 }\n"
				 "missing-email: hold 30d\n";

static const char *states[STATE_COUNT + 1];

struct rules {
	struct sources sources;
	struct table *table;
};

/* Made once. */
static const struct rules *rules(void)
{
	static struct rules r;
	struct diags diags;
	struct err err;

	if (r.table)
		return &r;
	json_start();
	must(clock_set_zone("UTC", &err) == RC_OK);
	memcpy(states, issuance_state_names, sizeof(issuance_state_names));
	sources_init(&r.sources);
	diags_init(&diags);
	sources_add_text(&r.sources, "rules.yaml", slice_of(rules_text));
	r.table = table_build(&r.sources, &diags, NULL);
	must(r.table);
	diags_release(&diags);
	return &r;
}

static void check_step(const struct ruletest *t, size_t i)
{
	const struct ruletest_step *s = &t->step[i];

	must(s->what < DO_COUNT && s->text && s->after_ms >= 0);
	must(i == 0 || s->after_ms >= s[-1].after_ms);
	must(s->what != DO_RELOAD || s->table);
	must((s->what != DO_FAIL_SINK && s->what != DO_FAIL_SOURCE) || (s->fail && s->times > 0));
	must((s->what != DO_SET && s->what != DO_CREATE && s->what != DO_DELETE) || s->contact > 0);
}

static void check_test(const struct ruletest *t)
{
	must(t->name[0]);
	for (size_t i = 0; i < t->steps; i++)
		check_step(t, i);
	for (size_t i = 0; i < t->expects; i++) {
		const struct ruletest_entry *e = &t->expect[i];
		must(e->rule && e->contact > 0 && e->text);
	}
}

/* What takes long is for other tests. */
static bool is_short(const struct ruletest *t)
{
	bool calm = t->steps <= 6 && t->contacts <= 6 && t->lists <= 3 && t->expects <= 6;

	for (size_t i = 0; calm && i < t->steps; i++)
		calm = t->step[i].after_ms <= MS_DAY && t->step[i].down_ms <= MS_DAY &&
		       t->step[i].times <= 4 && !t->step[i].table;
	return calm;
}

static void tell(const struct ruletests *all, const struct ruletest *t, struct str *out)
{
	struct rehearsal_options options = { .table = rules()->table, .moments = true };
	struct result r;

	result_make(&r, t, &all->sources, &options);
	must(r.verdict.passed == (r.explanation.count == 0));
	report_text(&r, false, out);
	report_json(&r, &all->sources, out);
	struct results one = { &r, 1, !r.verdict.passed, &all->sources };
	report_junit(&one, out);
	result_release(&r);
}

static void live(const struct ruletests *all, const struct ruletest *t)
{
	struct str told[2];

	for (int i = 0; i < 2; i++) {
		str_init(&told[i], 1u << 24);
		tell(all, t, &told[i]);
	}
	must(slice_eq(str_slice(&told[0]), str_slice(&told[1])));
	str_release(&told[0]);
	str_release(&told[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct ruletest_ground ground = { &rules()->sources, rules()->table, states, NULL };
	struct ruletests tests;
	struct diags diags;

	ruletests_init(&tests);
	diags_init(&diags);
	sources_add_text(&tests.sources, "/nowhere/tests.yaml", text);
	ruletests_read(&tests, &ground, &diags);
	show(text, &diags);
	check_places(&tests.sources, &diags);
	for (size_t i = 0; !diags.errors && i < tests.count; i++)
		check_test(&tests.test[i]);
	for (size_t i = 0; !diags.errors && i < tests.count && i < 2; i++)
		if (is_short(&tests.test[i]))
			live(&tests, &tests.test[i]);
	diags_release(&diags);
	ruletests_release(&tests);
	return 0;
}

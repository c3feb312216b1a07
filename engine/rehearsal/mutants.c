#include "engine/rehearsal/mutants.h"

#include <string.h>

/* ---- which tests concern a rule ------------------------------------------------- */

static bool has_name(const struct ruletest_pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->list[i].name, name) == 0)
			return true;
	return false;
}

/* Whether the step may make what the rule looks for happen. */
static bool step_concerns(const struct ruletest_step *step, const struct rule *rule)
{
	switch (step->what) {
	case DO_SET:
	case DO_CREATE:
		return rule->event == EVENT_PROPERTY_CHANGED &&
		       has_name(&step->value, rule->target);
	case DO_JOIN:
		return rule->event == EVENT_LIST_ADDED;
	case DO_MERGE:
		return true;
	default:
		return false;
	}
}

static bool concerns(const struct ruletest *test, const struct rule *rule)
{
	for (size_t i = 0; i < test->steps; i++)
		if (step_concerns(&test->step[i], rule))
			return true;
	return false;
}

/* ---- lives -------------------------------------------------------------------------- */

static bool passes(struct mutants *m, const struct ruletest *test, struct table *mutant)
{
	struct rehearsal_options options = { .table = mutant, .lock = m->lock };
	struct rehearsal life;
	struct verdict verdict;

	m->lives++;
	rehearsal_live(&life, test, &options);
	verdict_reach(&verdict, &life);
	rehearsal_release(&life);
	return verdict.passed;
}

static bool is_noticed(struct mutants *m, const struct results *results, const struct rule *rule,
		       struct table *mutant)
{
	for (size_t i = 0; i < results->count; i++)
		if (concerns(results->list[i].test, rule) &&
		    !passes(m, results->list[i].test, mutant))
			return true;
	return false;
}

static void live_one(struct mutants *m, struct table *table, const struct results *results,
		     const struct mutation *mutation)
{
	m->count++;
	if (m->lives >= MUTANT_LIVES) {
		m->unjudged++;
		return;
	}
	struct table *mutant = table_mutate(table, mutation);
	bool noticed = is_noticed(m, results, &table->rule[mutation->rule], mutant);
	table_unref(mutant);
	m->noticed += noticed;
	if (noticed)
		return;
	m->survivor = mem_grow(m->survivor, &m->cap, m->survivors + 1, sizeof(*m->survivor));
	m->survivor[m->survivors++] = *mutation;
}

void mutants_live(struct mutants *m, const struct rehearsal_options *options,
		  const struct results *results)
{
	struct table *table = options->table;

	*m = (struct mutants){ .lock = options->lock };
	for (size_t i = 0; i < table->n_rule; i++) {
		const struct rule *rule = &table->rule[i];
		for (size_t k = 0; rule->mode != MODE_OFF && k < mutation_count(rule); k++) {
			struct mutation mutation = mutation_at(rule, k);
			live_one(m, table, results, &mutation);
		}
	}
}

void mutants_release(struct mutants *m)
{
	mem_free(m->survivor);
}

/* ---- telling ------------------------------------------------------------------------- */

static void add_survivor(const struct table *table, const struct mutation *m, struct str *out)
{
	struct mutation_place p = mutation_place(table, m);

	str_addf(out, "  %s:%u:%u  %s: ", p.file, p.line, p.column, table->rule[m->rule].name);
	if (p.value.len) {
		str_addf(out, "in '%s', '", p.what);
		str_add_shown(out, p.value);
		str_addf(out, "' %s\n", p.change);
	} else {
		str_addf(out, "'%s' %s\n", p.what, p.change);
	}
}

void mutants_text(const struct mutants *m, const struct table *table, struct str *out)
{
	str_addf(out, "mutants: %zu of %zu noticed\n", m->noticed, m->count);
	if (m->unjudged)
		str_addf(out, "  %zu were not lived: more than %d lives\n", m->unjudged,
			 MUTANT_LIVES);
	if (m->survivors)
		str_add_text(out, "\nno test notices\n");
	for (size_t i = 0; i < m->survivors; i++)
		add_survivor(table, &m->survivor[i], out);
}

void mutants_json(const struct mutants *m, const struct table *table, struct str *out)
{
	struct json *o = json_new_object(), *list = json_new_array();

	json_set_integer(o, "mutants", (int64_t)m->count);
	json_set_integer(o, "noticed", (int64_t)m->noticed);
	json_set_integer(o, "unjudged", (int64_t)m->unjudged);
	for (size_t i = 0; i < m->survivors; i++) {
		struct mutation_place p = mutation_place(table, &m->survivor[i]);
		struct json *one = json_new_object();
		json_set_text(one, "rule", table->rule[m->survivor[i].rule].name);
		json_set_text(one, "file", p.file);
		json_set_integer(one, "line", p.line);
		json_set_integer(one, "column", p.column);
		json_set_text(one, "what", p.what);
		if (p.value.len)
			json_set_slice(one, slice_of("value"), p.value);
		json_set_text(one, "change", p.change);
		json_add(list, one);
	}
	json_set(o, "survivors", list);
	json_dump(o, out);
	json_free(o);
}

#include "dsl/mutate.h"

#include <string.h>

#include "dsl/program.h"

/* ---- which there are ---------------------------------------------------------- */

static size_t values_of(size_t n)
{
	return n > 1 ? n : 0;
}

size_t mutation_count(const struct rule *rule)
{
	return 2 * rule_test_count(rule) + (rule->n_from > 0) + (rule->n_to > 0) +
	       values_of(rule->n_from) + values_of(rule->n_to);
}

struct mutation mutation_at(const struct rule *rule, size_t i)
{
	const struct {
		enum mutation_kind kind;
		size_t count;
	} kinds[] = {
		{ MUTATE_DROP_FROM, rule->n_from > 0 },
		{ MUTATE_FROM_VALUE, values_of(rule->n_from) },
		{ MUTATE_DROP_TO, rule->n_to > 0 },
		{ MUTATE_TO_VALUE, values_of(rule->n_to) },
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		if (i < kinds[k].count)
			return (struct mutation){ rule->id, kinds[k].kind, (uint32_t)i };
		i -= kinds[k].count;
	}
	/* Then the tests in their order, each left out and negated. */
	return (struct mutation){ rule->id, i % 2 ? MUTATE_NEGATE_TEST : MUTATE_DROP_TEST,
				  (uint32_t)(i / 2) };
}

struct mutation_place mutation_place(const struct table *t, const struct mutation *m)
{
	const struct rule *rule = &t->rule[m->rule];
	const struct rule_place *p = t->memory->place[m->rule];
	struct mutation_place out = { .file = rule->file, .change = "left out" };
	bool from = m->kind == MUTATE_DROP_FROM || m->kind == MUTATE_FROM_VALUE;

	if (m->kind == MUTATE_DROP_TEST || m->kind == MUTATE_NEGATE_TEST) {
		struct rule_test test = rule_test_at(rule, m->index);
		out = (struct mutation_place){ test.what,   test.file, test.line,
					       test.column, { 0 },     out.change };
		if (m->kind == MUTATE_NEGATE_TEST)
			out.change = "negated";
		return out;
	}
	out.what = from ? "from" : "to";
	out.line = rule->line + (from ? p->from_line : p->to_line) - 1;
	out.column = from ? p->from_column : p->to_column;
	if (m->kind == MUTATE_FROM_VALUE)
		out.value = rule->from[m->index];
	if (m->kind == MUTATE_TO_VALUE)
		out.value = rule->to[m->index];
	return out;
}

/* ---- filters --------------------------------------------------------------------- */

static enum step_op group_of(const struct filter *f, size_t close)
{
	size_t depth = 0;

	for (size_t i = close;; i--) {
		enum step_op op = (enum step_op)f->step[i].op;
		depth += op == STEP_CLOSE;
		if ((op == STEP_ALL || op == STEP_ANY) && --depth == 0)
			return op;
	}
}

static size_t entries_of(const struct filter *f, size_t close)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_step; i++)
		n += f->step[i].op == STEP_JOIN && f->step[i].arg == close;
	return n;
}

/*
 * What the entry that ends before step i must answer so that it is as if it were not there: what
 * changes nothing in its group; of a group's only entry, what makes the group be as if it were
 * not there.
 */
static bool neutral(const struct filter *f, size_t i)
{
	bool turned = false, answer = true;

	for (; i < f->n_step && f->step[i].op == STEP_NOT; i++)
		turned = !turned;
	if (i < f->n_step) {
		size_t close = f->step[i].arg;
		answer = entries_of(f, close) > 1 ? group_of(f, close) == STEP_ALL
						  : neutral(f, close + 1);
	}
	return answer != turned;
}

static size_t step_of(const struct filter *f, uint32_t test)
{
	size_t i = 0;

	while (f->step[i].op != STEP_TEST || f->step[i].arg != test)
		i++;
	return i;
}

/*
 * Both mutations are one step more: a NOT behind the test, or an empty group in its place, of
 * which that of `all` holds and that of `any` does not.
 */
static const struct filter *mutate_filter(struct arena *arena, const struct filter *f,
					  const struct mutation *m)
{
	size_t entries = f->n_test * sizeof(f->entry[0]);
	struct filter *out = arena_alloc(arena, sizeof(*out) + entries);
	struct step *step = arena_alloc(arena, (f->n_step + 1) * sizeof(*step));
	size_t at = step_of(f, m->index);

	for (size_t i = 0; i < f->n_step; i++) {
		struct step s = f->step[i];
		if (s.op == STEP_JOIN && s.arg > at)
			s.arg++;
		step[i + (i > at)] = s;
	}
	if (m->kind == MUTATE_NEGATE_TEST) {
		step[at + 1] = (struct step){ STEP_NOT, 0 };
	} else {
		step[at] = (struct step){ neutral(f, at + 1) ? STEP_ALL : STEP_ANY, 0 };
		step[at + 1] = (struct step){ STEP_CLOSE, 0 };
	}
	*out = (struct filter){ step, f->n_step + 1, f->n_test };
	memcpy(out->entry, f->entry, entries);
	return out;
}

/* ---- the table ----------------------------------------------------------------------- */

static const struct slice *without(struct arena *arena, const struct slice *value, uint32_t *n,
				   uint32_t index)
{
	struct slice *out = arena_alloc(arena, *n * sizeof(*out));
	uint32_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		if (i != index)
			out[kept++] = value[i];
	*n = kept;
	return out;
}

static void mutate_rule(struct arena *arena, struct rule *rule, const struct mutation *m)
{
	switch (m->kind) {
	case MUTATE_DROP_TEST:
	case MUTATE_NEGATE_TEST:
		rule->filter = mutate_filter(arena, rule->filter, m);
		break;
	case MUTATE_DROP_FROM:
		rule->n_from = 0;
		break;
	case MUTATE_DROP_TO:
		rule->n_to = 0;
		break;
	case MUTATE_FROM_VALUE:
		rule->from = without(arena, rule->from, &rule->n_from, m->index);
		break;
	case MUTATE_TO_VALUE:
		rule->to = without(arena, rule->to, &rule->n_to, m->index);
		break;
	}
}

static void hash_mutant(struct table *t, const struct mutation *m)
{
	struct str text;
	char hex[DIGEST_HEX];

	str_init(&text, 256);
	str_addf(&text, "%s %u %d %u", t->hash, m->rule, (int)m->kind, m->index);
	memcpy(t->hash, digest_sha256(str_slice(&text), hex), sizeof(t->hash) - 1);
	str_release(&text);
}

struct table *table_mutate(struct table *t, const struct mutation *m)
{
	struct table_memory *memory = mem_alloc(sizeof(*memory));
	size_t bytes = t->n_rule * sizeof(struct rule);

	arena_init(&memory->arena);
	patterns_init(&memory->patterns);
	memory->base = table_ref(t);
	memory->place = t->memory->place;
	struct table *out = arena_alloc(&memory->arena, sizeof(*out));
	struct rule *rule = arena_alloc(&memory->arena, bytes);
	*out = *t;
	out->memory = memory;
	out->refs = 1;
	memcpy(rule, t->rule, bytes);
	out->rule = rule;
	mutate_rule(&memory->arena, &rule[m->rule], m);
	table_index_build(out);
	hash_mutant(out, m);
	return out;
}

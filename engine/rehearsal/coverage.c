#include "engine/rehearsal/coverage.h"

#include <string.h>

#include "engine/rehearsal/seen.h"

static const char *const kind_names[COVERED_KINDS] = { "rules", "filters", "fields" };
static const char *const kind_meanings[COVERED_KINDS] = {
	"each rule earned something",
	"each test of a filter held once, and once did not",
	"each field came out with a text",
};

void coverage_init(struct coverage *c, const struct table *table)
{
	*c = (struct coverage){ .table = table };
	arena_init(&c->memory);
	c->rule = arena_alloc(&c->memory, (table->n_rule + 1) * sizeof(*c->rule));
	for (size_t i = 0; i < table->n_rule; i++) {
		size_t tests = rule_test_count(&table->rule[i]);
		c->rule[i].held = arena_alloc(&c->memory, tests + 1);
		c->rule[i].failed = arena_alloc(&c->memory, tests + 1);
		c->rule[i].field = arena_alloc(&c->memory, table->rule[i].n_field + 1);
	}
}

void coverage_release(struct coverage *c)
{
	arena_release(&c->memory);
}

/* ---- what a rehearsal met ------------------------------------------------------- */

static void see(void *ctx, const struct rule *rule, const struct match_step *step)
{
	struct coverage *c = ctx;

	if (step->kind != MATCH_TEST)
		return;
	enum answer good = step->negated ? ANSWER_NO : ANSWER_YES;
	if (step->answer > ANSWER_YES)
		return;
	/* In the words of the file, "not" included. */
	c->rule[rule->id].held[step->test] |= step->answer == good;
	c->rule[rule->id].failed[step->test] |= step->answer != good;
}

static void add_issued(struct coverage *c, const struct rehearsed *is)
{
	const struct rule *rule = table_rule(c->table, is->rule);

	if (!rule || is->state == STATE_SKIPPED)
		return;
	c->rule[rule->id].fired = true;
	for (size_t i = 0; i < rule->n_field; i++)
		for (size_t k = 0; k < is->field.count; k++)
			if (strcmp(rule->field[i].name, is->field.list[k].name) == 0)
				c->rule[rule->id].field[i] = true;
}

void coverage_add(struct coverage *c, const struct rehearsal *r)
{
	struct match_watcher watcher = { c, see };

	for (size_t i = 0; i < r->issueds; i++)
		add_issued(c, &r->issued[i]);
	for (size_t i = 0; i < r->events; i++)
		for (size_t k = 0; k < c->table->n_rule; k++)
			(void)seen_match(&r->event[i], c->table, &c->table->rule[k], &watcher);
}

/* ---- points ------------------------------------------------------------------------ */

/* One thing that a test can meet. */
struct point {
	enum covered_kind kind;
	const struct rule *rule;
	bool met;
	const char *what; /* the test or the field; NULL: the rule itself */
	const char *file;
	const char *missing; /* what is told where it was not met; NULL: it is told with another */
	uint32_t line, column;
};

/* What is asked about each point. */
struct visitor {
	void (*visit)(void *ctx, const struct point *p);
	void *ctx;
};

static void visit_tests(const struct coverage *c, const struct rule *rule, const struct visitor *v)
{
	const struct rule_coverage *of = &c->rule[rule->id];

	for (size_t i = 0; i < rule_test_count(rule); i++) {
		struct rule_test test = rule_test_at(rule, i);
		bool never = !of->held[i] && !of->failed[i];
		struct point p = { .kind = COVERED_FILTERS,
				   .rule = rule,
				   .met = of->held[i],
				   .what = test.what,
				   .file = test.file,
				   .missing = never ? "was never looked at" : "never held",
				   .line = test.line,
				   .column = test.column };
		v->visit(v->ctx, &p);
		p.met = of->failed[i];
		p.missing = never ? NULL : "always held";
		v->visit(v->ctx, &p);
	}
}

static void visit_fields(const struct coverage *c, const struct rule *rule, const struct visitor *v)
{
	for (size_t i = 0; i < rule->n_field; i++) {
		const struct field *f = &rule->field[i];
		struct point p = { .kind = COVERED_FIELDS,
				   .rule = rule,
				   .met = c->rule[rule->id].field[i],
				   .what = f->name,
				   .file = rule->file,
				   .missing = "never came out with a text",
				   .line = f->line,
				   .column = f->column };
		if (f->given)
			v->visit(v->ctx, &p);
	}
}

static void visit_all(const struct coverage *c, const struct visitor *v)
{
	for (size_t i = 0; i < c->table->n_rule; i++) {
		const struct rule *rule = &c->table->rule[i];
		if (rule->mode == MODE_OFF)
			continue;
		struct point p = { .kind = COVERED_RULES,
				   .rule = rule,
				   .met = c->rule[i].fired,
				   .file = rule->file,
				   .missing = "earned nothing",
				   .line = rule->line,
				   .column = 1 };
		v->visit(v->ctx, &p);
		visit_tests(c, rule, v);
		visit_fields(c, rule, v);
	}
}

static void count_point(void *ctx, const struct point *p)
{
	struct covered *out = ctx;

	out[p->kind].of++;
	out[p->kind].met += p->met;
}

void coverage_count(const struct coverage *c, struct covered out[COVERED_KINDS])
{
	struct visitor v = { count_point, out };

	memset(out, 0, COVERED_KINDS * sizeof(*out));
	visit_all(c, &v);
}

static struct covered total_of(const struct covered of[COVERED_KINDS])
{
	struct covered all = { 0, 0 };

	for (int k = 0; k < COVERED_KINDS; k++) {
		all.met += of[k].met;
		all.of += of[k].of;
	}
	return all;
}

static int percent_of(struct covered c)
{
	return c.of ? (int)(c.met * 100 / c.of) : 100;
}

int coverage_percent(const struct coverage *c)
{
	struct covered of[COVERED_KINDS];

	coverage_count(c, of);
	return percent_of(total_of(of));
}

/* ---- telling ---------------------------------------------------------------------------- */

static void add_missing(void *ctx, const struct point *p)
{
	struct str *out = ctx;

	if (p->met || !p->missing)
		return;
	str_addf(out, "  %s:%u:%u  %s: ", p->file, p->line, p->column, p->rule->name);
	if (p->what)
		str_addf(out, "'%s' ", p->what);
	str_addf(out, "%s\n", p->missing);
}

void coverage_text(const struct coverage *c, struct str *out)
{
	struct covered of[COVERED_KINDS];
	struct visitor v = { add_missing, out };

	coverage_count(c, of);
	struct covered all = total_of(of);
	str_addf(out, "coverage: %d %% (%zu of %zu)\n", percent_of(all), all.met, all.of);
	for (int k = 0; k < COVERED_KINDS; k++)
		str_addf(out, "  %-8s %4zu of %-4zu  %s\n", kind_names[k], of[k].met, of[k].of,
			 kind_meanings[k]);
	if (all.met == all.of)
		return;
	str_add_text(out, "\nnot covered\n");
	visit_all(c, &v);
}

static void add_missing_json(void *ctx, const struct point *p)
{
	struct json *o;

	if (p->met || !p->missing)
		return;
	o = json_new_object();
	json_set_text(o, "rule", p->rule->name);
	json_set_text(o, "file", p->file);
	json_set_integer(o, "line", p->line);
	json_set_integer(o, "column", p->column);
	json_set_text(o, "kind", kind_names[p->kind]);
	json_set_text(o, "what", p->what);
	json_set_text(o, "missing", p->missing);
	json_add(ctx, o);
}

static struct json *covered_json(struct covered c)
{
	struct json *o = json_new_object();

	json_set_integer(o, "covered", (int64_t)c.met);
	json_set_integer(o, "of", (int64_t)c.of);
	return o;
}

void coverage_json(const struct coverage *c, struct str *out)
{
	struct covered of[COVERED_KINDS];
	struct json *o = json_new_object(), *missing = json_new_array();
	struct visitor v = { add_missing_json, missing };

	coverage_count(c, of);
	json_set_integer(o, "coverage", percent_of(total_of(of)));
	for (int k = 0; k < COVERED_KINDS; k++)
		json_set(o, kind_names[k], covered_json(of[k]));
	visit_all(c, &v);
	json_set(o, "missing", missing);
	json_dump(o, out);
	json_free(o);
}

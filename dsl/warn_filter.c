/*
 * warn_filter - tests and groups of a filter that cannot hold, or that say nothing.
 *
 * The filter becomes a tree without `not`: what was under one is turned round. On the way down
 * the tests that must hold are collected; a new one is held against them (dsl/reason.h).
 */
#include <stdlib.h>

#include "dsl/warn.h"

/* Filters with more than this are not looked at: every test is held against every other. */
#define TESTS_MOST 64
#define VALUES_MOST 2000

enum branch_kind { BRANCH_TEST, BRANCH_ALL, BRANCH_ANY };

struct branch {
	enum branch_kind kind;
	struct literal literal;	  /* BRANCH_TEST */
	const struct node *entry; /* where it stands */
	bool turned;		  /* of a group: it stands under an odd number of `not` */
	struct branch *first, *next;
};

struct tree {
	struct faults *f;
	struct arena *arena, *branches;
	const struct rule_draft *rule;
	size_t tests;		  /* met so far: they stand in the order of the file */
	struct literal_list must; /* what holds wherever we are */
	size_t own;		  /* of them, the trigger's: it has no words, `what` is NULL */
	bool never;		  /* something was found that cannot hold */
};

/* ---- the tree ------------------------------------------------------------------ */

static struct branch *plant(struct tree *t, const struct node *entry, bool turned);

static struct branch *plant_group(struct tree *t, const struct node *list, bool all, bool turned)
{
	struct branch *group = arena_alloc(t->branches, sizeof(*group)), **end = &group->first;

	*group = (struct branch){ .kind = all != turned ? BRANCH_ALL : BRANCH_ANY,
				  .entry = list,
				  .turned = turned };
	for (const struct node *e = list->first; e; e = e->next) {
		*end = plant(t, e, turned);
		end = &(*end)->next;
	}
	return group;
}

static struct branch *plant(struct tree *t, const struct node *entry, bool turned)
{
	const struct node *all = node_get(entry, "all"), *any = node_get(entry, "any");
	const struct node *not = node_get(entry, "not");

	if (not )
		return plant(t, not, !turned);
	if (all || any)
		return plant_group(t, all ? all : any, all != NULL, turned);
	struct branch *leaf = arena_alloc(t->branches, sizeof(*leaf));
	*leaf = (struct branch){ .kind = BRANCH_TEST, .entry = entry };
	leaf->literal = (struct literal){ &t->rule->filter.test[t->tests++], turned, entry };
	return leaf;
}

static bool is_leafy(const struct branch *b)
{
	return b->kind == BRANCH_ALL || (b->first && !b->first->next);
}

/*
 * The tests that hold wherever it holds, for `out` (NULL: nobody wants them); false where they are not all
 * that it asks for.
 */
static bool collect(const struct branch *b, struct literal_list *out)
{
	bool whole = true;

	if (b->kind != BRANCH_TEST && !is_leafy(b))
		return false;
	if (b->kind == BRANCH_TEST && out)
		literal_list_add(out, b->literal);
	for (const struct branch *c = b->first; c; c = c->next)
		whole &= collect(c, out);
	return whole;
}

/* ---- the trigger --------------------------------------------------------------- */

static const struct operator* operator_of(enum operand_form form)
{
	size_t i = 0;

	while (operators[i].form != form || operators[i].contrary)
		i++;
	return &operators[i];
}

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/*
 * When the filters are judged, the property has its new value. It has another one only where
 * a chain of changes was cut.
 */
static void demand_change(struct tree *t)
{
	const struct rule_draft *r = t->rule;
	const struct node *to = r->to;
	struct test *test = arena_alloc(t->arena, sizeof(*test));
	size_t all = !to ? 0 : to->kind == NODE_LIST ? to->count : 1, n = 0, empty = 0;
	struct slice *value = arena_alloc(t->arena, (all + 1) * sizeof(*value));

	for (const struct node *e = all && to->kind == NODE_LIST ? to->first : to; e;
	     e = to->kind == NODE_LIST ? e->next : NULL) {
		empty += e->text.len == 0;
		value[n++] = e->text;
	}
	if (!r->property || all > VALUES_MOST || (empty && empty < n))
		return;
	qsort(value, n, sizeof(*value), by_bytes);
	bool known = !to || empty;
	*test = (struct test){ .op = operator_of(known ? OPERAND_FLAG : OPERAND_TEXTS),
			       .property_name = r->property->text,
			       .value = value,
			       .n_value = n,
			       .flag = !empty };
	if (known && !n)
		value[test->n_value++] = slice_of("true");
	literal_list_add(&t->must, (struct literal){ test, false, to ? to : r->property });
	t->own = 1;
}

/* ---- what cannot hold ---------------------------------------------------------- */

static void say_never(struct tree *t, const struct literal *l)
{
	struct faults *f = t->f;
	const struct literal *other = NULL;

	t->never = true;
	for (size_t i = 0; i < t->must.count && !other; i++)
		if (reason_excludes_pair(t->must.list[i], *l))
			other = &t->must.list[i];
	if (!other) {
		fault(f, CODE_NEVER_HOLDS, l->entry,
		      "no value of %s passes this and the tests before it",
		      fault_shown(f, l->test->property_name));
		return;
	}
	if (!other->test->what) {
		fault(f, CODE_NEVER_HOLDS, l->entry,
		      "%s never holds for what the trigger waits for",
		      fault_shown(f, slice_of(l->test->what)));
		fault_other(f, fault_span(f, other->entry), "it waits for this");
		return;
	}
	fault(f, CODE_NEVER_HOLDS, l->entry, "%s never holds together with %s",
	      fault_shown(f, slice_of(l->test->what)), fault_shown(f, slice_of(other->test->what)));
	fault_other(f, fault_span(f, other->entry), "the other one");
}

/* `known: true` beside another test is clear, not superfluous. */
static bool may_repeat(const struct literal *l)
{
	return l->test->op->form == OPERAND_FLAG;
}

static bool implies(struct literal a, struct literal b)
{
	struct literal_list one = { &a, 1, 1 };

	return literal_same_property(&a, &b) && reason_implies(&one, b);
}

static void say_superfluous(struct tree *t, const struct literal *l, const struct literal *by)
{
	fault(t->f, CODE_ALWAYS_HOLDS, l->entry, "%s always holds where %s does",
	      fault_shown(t->f, slice_of(l->test->what)),
	      fault_shown(t->f, slice_of(by->test->what)));
	fault_other(t->f, fault_span(t->f, by->entry), "this one");
}

/* Tests from `first` on that another one makes superfluous. */
static void look_superfluous(struct tree *t, size_t first)
{
	const struct literal *list = t->must.list;

	for (size_t i = first; i < t->must.count; i++) {
		bool said = may_repeat(&list[i]);
		for (size_t k = t->own; k < t->must.count && !said; k++) {
			/* Of two that say the same, the later one. */
			if (k == i || !implies(list[k], list[i]) ||
			    (k > i && implies(list[i], list[k])))
				continue;
			say_superfluous(t, &list[i], &list[k]);
			said = true;
		}
	}
}

static void walk_any(struct tree *t, const struct branch *any);

static void add_tests(struct tree *t, const struct branch *b)
{
	if (b->kind == BRANCH_TEST && reason_excludes(&t->must, b->literal))
		say_never(t, &b->literal);
	else if (b->kind == BRANCH_TEST)
		literal_list_add(&t->must, b->literal);
	else if (is_leafy(b))
		for (const struct branch *c = b->first; c; c = c->next)
			add_tests(t, c);
}

static void walk_groups(struct tree *t, const struct branch *b)
{
	if (b->kind != BRANCH_TEST && !is_leafy(b))
		walk_any(t, b);
	for (const struct branch *c = is_leafy(b) ? b->first : NULL; c; c = c->next)
		walk_groups(t, c);
}

/* What holds where `b` does, its parts held against each other; t->must keeps it. */
static void walk(struct tree *t, const struct branch *b)
{
	size_t first = t->must.count;
	bool never = t->never;

	t->never = false;
	add_tests(t, b);
	if (!t->never) {
		look_superfluous(t, first);
		walk_groups(t, b);
	}
	t->never |= never;
}

/* ---- branches ------------------------------------------------------------------ */

/* Whatever passes all tests of `a` passes `b`. */
static bool covers(const struct branch *b, const struct branch *a)
{
	struct literal_list narrow = { 0 }, wide = { 0 };
	bool covered = collect(b, &wide);

	(void)collect(a, &narrow);
	for (size_t i = 0; i < wide.count && covered; i++)
		covered = reason_implies(&narrow, wide.list[i]);
	mem_free(narrow.list);
	mem_free(wide.list);
	return covered;
}

static bool fill_everything(const struct branch *a, const struct branch *b)
{
	return a->kind == BRANCH_TEST && b->kind == BRANCH_TEST &&
	       reason_excludes_pair(literal_contrary(a->literal), literal_contrary(b->literal));
}

/* True where there is no more to say of `later`. */
static bool look_pair(struct tree *t, const struct branch *any, const struct branch *earlier,
		      const struct branch *later)
{
	struct faults *f = t->f;

	if (fill_everything(earlier, later)) {
		fault(f, CODE_ALWAYS_HOLDS, later->entry,
		      any->turned ? "this and the other one never hold together, so 'not' of "
				    "both always holds"
				  : "this or the other one always holds, so 'any' says nothing");
		fault_other(f, fault_span(f, earlier->entry), "the other one");
		return true;
	}
	bool later_useless = covers(earlier, later);
	if (any->turned || (!later_useless && !covers(later, earlier)))
		return false;
	const struct branch *useless = later_useless ? later : earlier;
	fault(f, CODE_UNREACHABLE_BRANCH, useless->entry,
	      "where this holds, another branch of 'any' does already");
	fault_other(f, fault_span(f, (later_useless ? earlier : later)->entry), "this one");
	return true;
}

static void walk_any(struct tree *t, const struct branch *any)
{
	size_t outside = t->must.count;
	bool never = t->never;

	for (const struct branch *b = any->first; b; b = b->next) {
		t->never = false;
		walk(t, b);
		t->must.count = outside;
		bool said = t->never;
		for (const struct branch *a = any->first; a != b && !said; a = a->next)
			said = look_pair(t, any, a, b);
	}
	/* One branch that cannot hold leaves the others. */
	t->never = never;
}

/* ---- a rule -------------------------------------------------------------------- */

static bool is_too_much(const struct filter_draft *filter)
{
	size_t values = 0;

	for (size_t i = 0; i < filter->n_test; i++)
		values += filter->test[i].n_value;
	return filter->n_test > TESTS_MOST || values > VALUES_MOST;
}

void warn_filters(struct faults *f, struct arena *arena, struct arena *scratch,
		  const struct rule_draft *r, struct demands *out)
{
	struct tree t = { .f = f, .arena = arena, .branches = scratch, .rule = r };

	*out = (struct demands){ .rule = r, .whole = !r->filters };
	demand_change(&t);
	if (r->filters && !is_too_much(&r->filter)) {
		const struct branch *root = plant_group(&t, r->filters, true, false);
		out->whole = collect(root, NULL);
		walk(&t, root);
	}
	out->must = t.must;
	out->own = t.own;
	out->never = t.never;
}

void demands_release(struct demands *d)
{
	mem_free(d->must.list);
	*d = (struct demands){ 0 };
}

#include "dsl/reason.h"

#include <string.h>

/* Patterns are tried on no more values than this: each may take its match limit. */
#define PATTERN_VALUES 64

enum held { HELD_NO, HELD_YES, HELD_PERHAPS };

void literal_list_add(struct literal_list *l, struct literal one)
{
	l->list = mem_grow(l->list, &l->cap, l->count + 1, sizeof(*l->list));
	l->list[l->count++] = one;
}

bool literal_same_property(const struct literal *a, const struct literal *b)
{
	return slice_eq(a->test->property_name, b->test->property_name);
}

struct literal literal_contrary(struct literal l)
{
	l.negated = !l.negated;
	return l;
}

/* Holds where the value is not (one of) what its operand says. */
static bool is_contrary(const struct literal *l)
{
	return l->negated != l->test->op->contrary;
}

/* ---- single values ------------------------------------------------------------- */

static enum held held_by(const struct literal *l, struct slice value, bool patterns)
{
	static const struct test_moment moment;
	const struct test *t = l->test;
	const char *note;

	if (t->pattern && value.len && !patterns)
		return HELD_PERHAPS;
	if (t->quantity.kind == QUANTITY_DAYS && t->op->order && value.len)
		return HELD_PERHAPS;
	enum answer answer = test_run(t, value, &moment, &note);
	if (answer > ANSWER_YES)
		return HELD_PERHAPS;
	return (answer == ANSWER_YES) != l->negated ? HELD_YES : HELD_NO;
}

static bool passes_all(const struct literal_list *l, struct slice value, bool patterns)
{
	for (size_t i = 0; i < l->count; i++)
		if (held_by(&l->list[i], value, patterns) == HELD_NO)
			return false;
	return true;
}

/* One of few texts must be the value: `is` and `in`, and the contrary of `is-not` and `not-in`. */
static bool names_values(const struct literal *l)
{
	enum operand_form form = l->test->op->form;

	return (form == OPERAND_TEXT || form == OPERAND_TEXTS) && !is_contrary(l);
}

static const struct literal *fewest_values(const struct literal_list *l)
{
	const struct literal *best = NULL;

	for (size_t i = 0; i < l->count; i++)
		if (names_values(&l->list[i]) &&
		    (!best || l->list[i].test->n_value < best->test->n_value))
			best = &l->list[i];
	return best;
}

static bool one_passes(const struct literal_list *l, const struct test *values)
{
	bool patterns = values->n_value <= PATTERN_VALUES;

	for (size_t i = 0; i < values->n_value; i++)
		if (passes_all(l, values->value[i], patterns))
			return true;
	return false;
}

/* ---- numbers and dates --------------------------------------------------------- */

static int compare(const struct quantity *a, const struct quantity *b)
{
	if (a->kind == QUANTITY_NUMBER)
		return decimal_compare(&a->number, &b->number);
	if (a->kind == QUANTITY_INSTANT)
		return (a->instant_ms > b->instant_ms) - (a->instant_ms < b->instant_ms);
	return (a->days > b->days) - (a->days < b->days);
}

/* The orders to its operand in which a value of that kind passes. */
static unsigned orders_of(const struct literal *l)
{
	unsigned all = ORDER_LESS | ORDER_EQUAL | ORDER_MORE;

	return l->negated ? all & ~l->test->op->order : l->test->op->order;
}

static bool compares(const struct literal *l, enum quantity_kind kind)
{
	return l->test->op->order && l->test->quantity.kind == kind;
}

/* No number lies above (and at, as `a` says) the one and below (and at) the other. */
static bool leaves_nothing(const struct literal *a, const struct literal *b)
{
	unsigned low = orders_of(a), high = orders_of(b);
	int order = compare(&a->test->quantity, &b->test->quantity);

	if ((low & ORDER_LESS) || (high & ORDER_MORE))
		return false;
	return order > 0 || (order == 0 && !(low & high & ORDER_EQUAL));
}

/* Some test demands a value of this kind, and two leave none between them. */
static bool no_quantity(const struct literal_list *l, enum quantity_kind kind)
{
	bool demanded = false, nothing = false;

	for (size_t i = 0; i < l->count; i++) {
		if (!compares(&l->list[i], kind))
			continue;
		demanded |= !l->list[i].negated;
		for (size_t k = 0; k < l->count && !nothing; k++)
			nothing = compares(&l->list[k], kind) &&
				  leaves_nothing(&l->list[i], &l->list[k]);
	}
	return demanded && nothing;
}

/* ---- the rest ------------------------------------------------------------------ */

static bool is_at_start(const struct operator* op)
{
	return op->form == OPERAND_PIECE && strstr(op->before, "\\A");
}

static bool is_at_end(const struct operator* op)
{
	return op->form == OPERAND_PIECE && op->behind[0];
}

/* The first, or last, n bytes differ, whatever the case. What is no ASCII is not looked at. */
static bool bytes_differ(struct slice x, struct slice y, size_t n, bool at_end)
{
	const char *p = at_end ? x.ptr + x.len - n : x.ptr;
	const char *q = at_end ? y.ptr + y.len - n : y.ptr;

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] >= 0x80 || (unsigned char)q[i] >= 0x80)
			return false;
	return !slice_eq_nocase((struct slice){ p, n }, (struct slice){ q, n });
}

/* Both demand a beginning of the text, or an end, and it cannot be both. */
static bool ends_differ(const struct literal *a, const struct literal *b)
{
	const struct operator* op = a->test->op;

	if (op != b->test->op || a->negated || b->negated || !(is_at_start(op) || is_at_end(op)))
		return false;
	struct slice x = a->test->value[0], y = b->test->value[0];
	return bytes_differ(x, y, x.len < y.len ? x.len : y.len, is_at_end(op));
}

/* The operators ask the same of the same: `has` and `has-not`, a pattern and itself. */
static bool ask_the_same(const struct test *a, const struct test *b)
{
	if (a->op->run != b->op->run || a->op->form != b->op->form || a->op->order != b->op->order)
		return false;
	if (a->pattern || b->pattern)
		return a->pattern == b->pattern;
	return a->n_value == 1 && b->n_value == 1 && slice_eq(a->value[0], b->value[0]);
}

static bool contradict(const struct literal *a, const struct literal *b)
{
	return (ask_the_same(a->test, b->test) && is_contrary(a) != is_contrary(b)) ||
	       ends_differ(a, b);
}

static bool demands_empty(const struct literal *l)
{
	return l->test->op->form == OPERAND_FLAG && l->test->flag == l->negated;
}

/* No value but perhaps the empty one passes all. They test one property. */
static bool no_value(const struct literal_list *l)
{
	const struct literal *values = fewest_values(l);

	if (values)
		return !one_passes(l, values->test);
	for (size_t i = 0; i < l->count; i++) {
		if (demands_empty(&l->list[i]))
			return true;
		for (size_t k = i + 1; k < l->count; k++)
			if (contradict(&l->list[i], &l->list[k]))
				return true;
	}
	return no_quantity(l, QUANTITY_NUMBER) || no_quantity(l, QUANTITY_INSTANT) ||
	       no_quantity(l, QUANTITY_DAYS);
}

static bool none_passes(const struct literal_list *l)
{
	return !passes_all(l, slice_of(""), true) && no_value(l);
}

bool reason_excludes(const struct literal_list *others, struct literal l)
{
	struct literal_list same = { 0 };

	for (size_t i = 0; i < others->count; i++)
		if (literal_same_property(&others->list[i], &l))
			literal_list_add(&same, others->list[i]);
	literal_list_add(&same, l);
	bool none = none_passes(&same);
	mem_free(same.list);
	return none;
}

bool reason_excludes_pair(struct literal a, struct literal b)
{
	struct literal_list one = { &a, 1, 1 };

	return literal_same_property(&a, &b) && reason_excludes(&one, b);
}

bool reason_implies(const struct literal_list *premises, struct literal l)
{
	return reason_excludes(premises, literal_contrary(l));
}

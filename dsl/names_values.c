/*
 * names_values - the values that a property is compared with, against its type
 * and its options: see names.h.
 *
 * An option that was removed may still be held by contacts: `from` and filters
 * that name it can hold, so they are only warned of. A label in place of a
 * value, and a value that nobody can be given any more in `to`, cannot.
 */
#include <string.h>

#include "base/clock.h"
#include "dsl/decimal.h"
#include "dsl/names.h"

/* So many options are listed in a hint. */
#define OPTIONS_SHOWN 8

enum family { FAMILY_TEXT, FAMILY_NUMBER, FAMILY_DATE, FAMILY_BOOL, FAMILY_OPTIONS };

/* Types of facts/hubspot.md 3; others hold texts. */
static enum family family_of(const struct lock_entry *p)
{
	static const struct {
		const char *type;
		enum family family;
	} rows[] = {
		{ "number", FAMILY_NUMBER }, { "date", FAMILY_DATE },
		{ "datetime", FAMILY_DATE }, { "enumeration", FAMILY_OPTIONS },
		{ "bool", FAMILY_BOOL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(p->type, rows[i].type) == 0)
			return rows[i].family;
	return FAMILY_TEXT;
}

/* A checkbox property holds several options as `a;b`. */
static bool holds_several(const struct lock_entry *p)
{
	return strcmp(p->type, "enumeration") == 0 && strcmp(p->field, "checkbox") == 0;
}

static bool is_number(struct slice text)
{
	struct decimal number;

	return decimal_parse(text, &number);
}

static bool is_date(struct slice text)
{
	int64_t ms;

	return clock_parse_value(slice_trim(text), &ms, NULL);
}

/* ---- options ------------------------------------------------------------------ */

static const struct lock_option *by_label(const struct lock_entry *p, struct slice label)
{
	for (size_t i = 0; label.len && i < p->n_option; i++)
		if (slice_eq_nocase(slice_of(p->option[i].label), label))
			return &p->option[i];
	return NULL;
}

static const struct lock_option *by_value(const struct lock_entry *p, struct slice value)
{
	for (size_t i = 0; i < p->n_option; i++)
		if (slice_eq_nocase(slice_of(p->option[i].value), value))
			return &p->option[i];
	return NULL;
}

static void hint_options(struct names_check *n, const struct lock_entry *p, struct slice word)
{
	const char **words = mem_alloc((p->n_option + 1) * sizeof(*words));
	struct str all;

	for (size_t i = 0; i < p->n_option; i++)
		words[i] = p->option[i].value;
	const char *near = names_nearest(n, word, words, p->n_option);
	if (near) {
		fault_hint(n->f, "did you mean '%s'?", near);
	} else {
		str_init(&all, LIMIT_YAML_SCALAR_BYTES);
		for (size_t i = 0; i < p->n_option && i < OPTIONS_SHOWN; i++)
			str_addf(&all, "%s%s", i ? ", " : "", words[i]);
		if (p->n_option > OPTIONS_SHOWN)
			str_addf(&all, ", … %zu more", p->n_option - OPTIONS_SHOWN);
		fault_hint(n->f, "its options: %s", str_text(&all));
		str_release(&all);
	}
	mem_free(words);
}

/* Whether the property had this option when it was pulled. */
static bool was_option(struct names_check *n, const struct lock_entry *p, struct slice value)
{
	const struct lock_entry *was = n->was_source ? lock_find(n->was_source, LOCK_PROPERTIES,
								 slice_of(p->key))
						     : NULL;

	return was && lock_option(was, value);
}

static void refuse_option(struct names_check *n, const struct lock_entry *p,
			  const struct names_value *v, bool sure)
{
	const struct lock_option *labelled = by_label(p, v->text), *cased = by_value(p, v->text);
	const char *shown = fault_shown(n->f, v->text);
	bool error = sure || labelled || cased;

	if (was_option(n, p, v->text)) {
		fault_part(n->f, error ? CODE_UNKNOWN_OPTION : CODE_FORMER_OPTION, v->node, v->from,
			   v->to, "option %s of '%s' does not exist any more", shown, p->key);
		fault_hint(n->f, "it was there at the last 'hs2cert pull'");
		return;
	}
	if (labelled && !cased) {
		fault_part(n->f, CODE_UNKNOWN_OPTION, v->node, v->from, v->to,
			   "%s is the label of an option of '%s', not its value", shown, p->key);
		fault_hint(n->f, "did you mean '%s'?", labelled->value);
		return;
	}
	fault_part(n->f, error ? CODE_UNKNOWN_OPTION : CODE_FORMER_OPTION, v->node, v->from, v->to,
		   "property '%s' has no option %s", p->key, shown);
	hint_options(n, p, v->text);
}

/* `sure`: only what an option is now can be meant. */
static void check_option(struct names_check *n, const struct lock_entry *p,
			 const struct names_value *v, bool sure)
{
	const struct lock_option *o = lock_option(p, v->text);

	/* Without any options it is one of HubSpot's own, which holds what it likes. */
	if (!o && !p->open && p->n_option) {
		refuse_option(n, p, v, sure);
	} else if (o && o->hidden && sure) {
		fault_part(n->f, CODE_HIDDEN_OPTION, v->node, v->from, v->to,
			   "option %s of '%s' is hidden in HubSpot", fault_shown(n->f, v->text),
			   p->key);
		fault_hint(n->f, "nobody can choose it there; imports and integrations still can");
	}
}

/* The options in `a;b`, one by one. */
static void check_options(struct names_check *n, const struct lock_entry *p,
			  const struct names_value *v, bool sure)
{
	struct names_value one = *v;

	for (size_t at = v->from; at <= v->to; at = one.to + 1) {
		const char *start = v->node->text.ptr + at;
		const char *stop = at < v->to ? memchr(start, ';', v->to - at) : NULL;
		one.from = at;
		one.to = stop ? at + (size_t)(stop - start) : v->to;
		one.text = (struct slice){ start, one.to - one.from };
		if (one.text.len)
			check_option(n, p, &one, sure);
	}
}

/* ---- values -------------------------------------------------------------------- */

static void refuse_value(struct names_check *n, const struct lock_entry *p,
			 const struct names_value *v)
{
	enum family family = family_of(p);

	fault_part(n->f, CODE_WRONG_VALUE, v->node, v->from, v->to,
		   "property '%s' can never hold %s", p->key, fault_shown(n->f, v->text));
	if (family == FAMILY_BOOL)
		fault_hint(n->f, "it holds true or false: did you mean '%s'?",
			   slice_eq_nocase(v->text, slice_of("no")) ? "false" : "true");
	else
		fault_hint(n->f, "it holds a %s",
			   family == FAMILY_NUMBER ? "number, such as 80"
						   : "date, such as 2026-01-31");
}

/* A value that a property is compared with as it stands; "" is the empty one. */
static void check_value(struct names_check *n, const struct lock_entry *p, const struct node *node,
			bool sure)
{
	struct names_value v = { node, node->text, 0, node->text.len };
	bool good = true;

	if (node->broken || node->kind != NODE_TEXT || !v.text.len)
		return;
	switch (family_of(p)) {
	case FAMILY_TEXT:
		return;
	case FAMILY_OPTIONS:
		if (holds_several(p))
			check_options(n, p, &v, sure);
		else
			check_option(n, p, &v, sure);
		return;
	case FAMILY_NUMBER:
		good = is_number(v.text);
		break;
	case FAMILY_DATE:
		good = is_date(v.text);
		break;
	case FAMILY_BOOL:
		good = slice_is(v.text, "true") || slice_is(v.text, "false");
		break;
	}
	if (!good)
		refuse_value(n, p, &v);
}

static void check_each(struct names_check *n, const struct lock_entry *p, const struct node *values,
		       bool sure)
{
	if (values->kind == NODE_TEXT)
		check_value(n, p, values, sure);
	for (const struct node *e = values->kind == NODE_LIST ? values->first : NULL; e;
	     e = e->next)
		check_value(n, p, e, sure);
}

void names_check_values(struct names_check *n, const struct lock_entry *property,
			const struct node *values, bool to)
{
	check_each(n, property, values, to);
}

/* ---- comparisons ---------------------------------------------------------------- */

/* Whether one of the options can be compared so; an open set may. */
static bool some_option(const struct lock_entry *p, bool (*is)(struct slice))
{
	for (size_t i = 0; i < p->n_option; i++)
		if (is(slice_of(p->option[i].value)))
			return true;
	return p->open || !p->n_option;
}

static void refuse_comparison(struct names_check *n, const struct lock_entry *p,
			      const struct operator* op, const struct node *operand, bool number)
{
	fault(n->f, CODE_WRONG_OPERATOR, operand->key,
	      "'%s' with a %s never holds: '%s' is of type %s", op->name,
	      number ? "number" : "date", p->key, p->type);
	if (family_of(p) == FAMILY_DATE)
		fault_hint(n->f, "compare it with a date: 2026-01-31, today, -30d");
	else if (family_of(p) == FAMILY_BOOL)
		fault_hint(n->f, "did you mean 'is: \"true\"'?");
	else
		fault_hint(n->f, "did you mean 'in'?");
}

static void check_comparison(struct names_check *n, const struct lock_entry *p,
			     const struct operator* op, const struct node *operand)
{
	bool number = is_number(operand->text);
	enum family family = family_of(p);

	if (family == (number ? FAMILY_NUMBER : FAMILY_DATE))
		return;
	if (family == FAMILY_OPTIONS && some_option(p, number ? is_number : is_date))
		return;
	if (family == FAMILY_BOOL || family == FAMILY_OPTIONS || family == FAMILY_DATE) {
		refuse_comparison(n, p, op, operand, number);
		return;
	}
	fault(n->f, CODE_LOOSE_COMPARISON, operand->key, "property '%s' is of type %s, not a %s",
	      p->key, p->type, number ? "number" : "date");
	fault_hint(n->f,
		   number ? "'%s' holds only where the text is a plain number, such as 80"
			  : "'%s' holds only where it is written as a date, such as 2026-01-31",
		   op->name);
}

/* ---- several options or one -------------------------------------------------------- */

static void check_several(struct names_check *n, const struct lock_entry *p,
			  const struct operator* op, const struct node *operand)
{
	bool has = op->form == OPERAND_OPTION;

	if (has == holds_several(p))
		return;
	if (has && family_of(p) == FAMILY_TEXT)
		return;
	fault(n->f, CODE_SEVERAL_OPTIONS, operand->key,
	      has ? "'%s' is for several options, and '%s' holds one value"
		  : "'%s' means exactly these options and no other, and '%s' may hold several",
	      op->name, p->key);
	fault_hint(n->f, "did you mean '%s'?",
		   has		  ? op->contrary ? "is-not" : "is"
		   : op->contrary ? "has-not"
				  : "has");
}

void names_check_test(struct names_check *n, const struct lock_entry *property,
		      const struct operator* op, const struct node *operand)
{
	switch (op->form) {
	case OPERAND_TEXT:
	case OPERAND_TEXTS:
	case OPERAND_OPTION:
		check_several(n, property, op, operand);
		check_each(n, property, operand, false);
		return;
	case OPERAND_QUANTITY:
	case OPERAND_MOMENT:
		if (operand->kind == NODE_TEXT && operand->text.len)
			check_comparison(n, property, op, operand);
		return;
	default:
		return;
	}
}

#include "dsl/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "dsl/operand.h"

#define WORDS_MOST 32
#define WHAT_VALUES 8

const struct filter_group filter_groups[FILTER_GROUPS] = {
	{ "all", STEP_ALL, { "All of these", "Every entry of the list must hold.", NULL } },
	{ "any", STEP_ANY, { "Any of these", "At least one entry of the list must hold.", NULL } },
	{ "not", STEP_NOT, { "Not", "The one entry below must not hold.", NULL } },
};

const struct filter_property filter_property = {
	"property",
	{ "Property", "The internal name of a property of the contact, not its label.", "country" },
};

struct walk {
	struct faults *f;
	struct patterns *patterns;
	struct arena *arena;
	struct filter_draft *out;
	bool negated; /* under an odd number of `not` */
};

static void read_entry(struct walk *w, const struct node *entry);

static size_t emit(struct walk *w, enum step_op op, size_t arg)
{
	struct filter_draft *d = w->out;

	d->step[d->n_step] = (struct step){ op, (uint32_t)arg };
	return d->n_step++;
}

/* ---- tests ------------------------------------------------------------- */

static const struct operator* find_operator(struct slice name)
{
	for (size_t i = 0; i < operator_count; i++)
		if (slice_is(name, operators[i].name))
			return &operators[i];
	return NULL;
}

static size_t operator_words(const char *words[WORDS_MOST], bool entries)
{
	size_t count = 0;

	for (size_t i = 0; i < operator_count; i++)
		words[count++] = operators[i].name;
	if (!entries)
		return count;
	words[count++] = filter_property.name;
	for (size_t i = 0; i < FILTER_GROUPS; i++)
		words[count++] = filter_groups[i].name;
	return count;
}

static void refuse_operator(struct walk *w, const struct node *key)
{
	static const struct {
		const char *said, *meant;
	} common[] = {
		{ "equals", "is" },
		{ "equal", "is" },
		{ "eq", "is" },
		{ "=", "is" },
		{ "==", "is" },
		{ "value", "is" },
		{ "not-equals", "is-not" },
		{ "neq", "is-not" },
		{ "ne", "is-not" },
		{ "!=", "is-not" },
		{ "isnt", "is-not" },
		{ "one-of", "in" },
		{ "any-of", "in" },
		{ "none-of", "not-in" },
		{ "gt", "more-than" },
		{ ">", "more-than" },
		{ "greater-than", "more-than" },
		{ "gte", "at-least" },
		{ ">=", "at-least" },
		{ "min", "at-least" },
		{ "lt", "less-than" },
		{ "<", "less-than" },
		{ "fewer-than", "less-than" },
		{ "lte", "at-most" },
		{ "<=", "at-most" },
		{ "max", "at-most" },
		{ "regex", "matches" },
		{ "pattern", "matches" },
		{ "like", "contains" },
		{ "includes", "has" },
		{ "exists", "known" },
		{ "is-known", "known" },
		{ "empty", "known" },
		{ "is-empty", "known" },
		{ "since", "after" },
		{ "until", "before" },
		{ "and", "all" },
		{ "or", "any" },
	};
	const char *words[WORDS_MOST];
	size_t count = operator_words(words, true);

	fault(w->f, CODE_UNKNOWN_OPERATOR, key, "unknown operator %s",
	      fault_shown(w->f, key->text));
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (slice_eq_nocase(key->text, slice_of(common[i].said))) {
			fault_hint(w->f, "did you mean '%s'?", common[i].meant);
			return;
		}
	}
	fault_words(w->f, key->text, words, count);
}

static void add_shown(struct str *out, struct slice text)
{
	size_t len = 0;

	while (len < text.len && len < 60) {
		size_t n = utf8_length(text.ptr + len, text.ptr + text.len);
		len += n ? n : 1;
	}
	str_add_shown(out, (struct slice){ text.ptr, len });
	if (len < text.len)
		str_add_text(out, "…");
}

/* The test in the words of the file: "not country in [PL, DE]". */
static const char *describe(struct walk *w, struct slice property, const struct node *operand)
{
	struct str s;
	size_t shown = 0;

	str_init(&s, LIMIT_YAML_SCALAR_BYTES);
	str_add_text(&s, w->negated ? "not " : "");
	str_add_slice(&s, property);
	str_add_char(&s, ' ');
	str_add_slice(&s, operand->key->text);
	str_add_char(&s, ' ');
	if (operand->kind == NODE_TEXT)
		add_shown(&s, operand->text);
	else
		str_add_char(&s, '[');
	for (const struct node *e = operand->first; e && shown < WHAT_VALUES;
	     e = e->next, shown++) {
		str_add_text(&s, shown ? ", " : "");
		add_shown(&s, e->text);
	}
	if (operand->count > WHAT_VALUES)
		str_addf(&s, ", … %u more", operand->count - WHAT_VALUES);
	if (operand->kind != NODE_TEXT)
		str_add_char(&s, ']');
	const char *what = arena_text(w->arena, str_slice(&s));
	str_release(&s);
	return what;
}

static void emit_test(struct walk *w, const struct operator* op, const struct node *property,
		      const struct node *operand, const struct node *entry)
{
	struct filter_draft *d = w->out;
	struct test t = { .op = op, .negated = w->negated };
	bool good = true;

	if (property)
		good = value_property(w->f, property);
	if (!operand_read(w->f, w->patterns, w->arena, op, operand, &t) || !good || !property)
		return;
	struct span at = fault_span(w->f, entry);
	t.property_name = property->text;
	t.what = describe(w, property->text, operand);
	d->place[d->n_test] = (struct test_place){ at.line, at.column };
	d->test[d->n_test++] = t;
	emit(w, STEP_TEST, d->n_test - 1);
}

static void read_test(struct walk *w, const struct node *entry)
{
	const struct node *property = node_get(entry, filter_property.name), *operand = NULL;
	const struct operator* op = NULL;
	bool unknown = false;

	for (const struct node *m = entry->first; m; m = m->next) {
		if (m == property)
			continue;
		const struct operator* found = find_operator(m->key->text);
		if (!found) {
			refuse_operator(w, m->key);
			unknown = true;
		} else if (op) {
			fault(w->f, CODE_CONFLICT, m->key,
			      "a test has one operator, and '%s' stands here already", op->name);
			fault_other(w->f, fault_span(w->f, operand->key), "the first one");
			fault_hint(w->f, "write two tests: all tests of a list must hold");
		} else {
			op = found;
			operand = m;
		}
	}
	if (!property && !unknown && !entry->broken)
		fault(w->f, CODE_MISSING_KEY, entry, "the test names no 'property'");
	if (!op && !unknown && !entry->broken) {
		const char *words[WORDS_MOST];
		size_t count = operator_words(words, false);
		fault(w->f, CODE_MISSING_KEY, entry, "the test has no operator");
		fault_words(w->f, slice_of(""), words, count);
	}
	if (unknown && property)
		(void)value_property(w->f, property);
	else if (op)
		emit_test(w, op, property, operand, entry);
}

/* ---- groups ------------------------------------------------------------ */

static void read_group(struct walk *w, const struct node *list, enum step_op op)
{
	size_t open = emit(w, op, w->negated);

	for (const struct node *e = list->first; e; e = e->next) {
		read_entry(w, e);
		/* What is no map was refused, and count_entries has no room for it. */
		if (e->kind == NODE_MAP)
			emit(w, STEP_JOIN, 0);
	}
	/* The joins of this group are those that no inner group has claimed. */
	size_t close = emit(w, STEP_CLOSE, 0);
	for (size_t i = open; i < close; i++)
		if (w->out->step[i].op == STEP_JOIN && w->out->step[i].arg == 0)
			w->out->step[i].arg = (uint32_t)close;
}

static bool check_list(struct faults *f, const struct node *list, const char *what)
{
	if (list->broken && list->kind != NODE_LIST)
		return false;
	if (list->kind == NODE_LIST && list->count > 0)
		return true;
	if (list->kind == NODE_LIST || node_is_missing(list)) {
		fault(f, CODE_MISSING_VALUE, list->key ? list->key : list, "'%s' has no tests",
		      what);
		return false;
	}
	fault(f, CODE_WRONG_TYPE, list, "'%s' takes a list of tests, not a %s", what,
	      list->kind == NODE_MAP ? "map" : "value");
	if (list->kind == NODE_MAP)
		fault_hint(f, "begin each test with '- '");
	return false;
}

static void read_not(struct walk *w, const struct node *value)
{
	if (value->kind == NODE_LIST) {
		fault(w->f, CODE_WRONG_TYPE, value, "'not' takes one test, not a list");
		fault_hint(w->f, "not: { any: [ … ] } or not: { all: [ … ] }");
		return;
	}
	if (node_is_missing(value)) {
		fault(w->f, CODE_MISSING_VALUE, value->key, "'not' has no test");
		return;
	}
	w->negated = !w->negated;
	read_entry(w, value);
	w->negated = !w->negated;
	emit(w, STEP_NOT, 0);
}

static const struct filter_group *find_group(struct slice name)
{
	for (size_t i = 0; i < FILTER_GROUPS; i++)
		if (slice_is(name, filter_groups[i].name))
			return &filter_groups[i];
	return NULL;
}

static void read_group_entry(struct walk *w, const struct node *entry, const struct node *group)
{
	for (const struct node *m = entry->first; m; m = m->next) {
		if (m == group)
			continue;
		fault(w->f, CODE_CONFLICT, m->key, "%s cannot stand beside %s",
		      fault_shown(w->f, m->key->text), fault_shown(w->f, group->key->text));
		fault_other(w->f, fault_span(w->f, group->key), "it is the only key of its entry");
		fault_hint(w->f, "begin another entry with '- '");
	}
	const struct filter_group *row = find_group(group->key->text);
	if (row->op == STEP_NOT)
		read_not(w, group);
	else if (check_list(w->f, group, row->name))
		read_group(w, group, row->op);
}

static void read_entry(struct walk *w, const struct node *entry)
{
	const struct node *group = NULL;

	if (entry->broken && entry->kind != NODE_MAP)
		return;
	if (entry->kind != NODE_MAP) {
		fault(w->f, CODE_WRONG_TYPE, entry,
		      "a filter is a test, 'all', 'any' or 'not', not a %s",
		      entry->kind == NODE_LIST ? "list" : "value");
		fault_hint(w->f, "such as { property: country, is: PL }");
		return;
	}
	for (const struct node *m = entry->first; m && !group; m = m->next)
		if (find_group(m->key->text))
			group = m;
	if (group)
		read_group_entry(w, entry, group);
	else
		read_test(w, entry);
}

/* No more tests and groups than this can be there. */
static size_t count_entries(const struct node *n)
{
	size_t count = n->kind == NODE_MAP;

	for (const struct node *m = n->first; m; m = m->next)
		count += m->kind == NODE_TEXT ? 0 : count_entries(m);
	return count;
}

void filter_read(struct faults *f, struct patterns *patterns, struct arena *arena,
		 const struct node *filters, struct filter_draft *out)
{
	struct walk w = { f, patterns, arena, out, false };

	if (!check_list(f, filters, "filters"))
		return;
	/* Each is a test, or opens and closes a group, and is joined or turned; so is the outermost. */
	size_t most = count_entries(filters);
	out->test = arena_alloc(arena, most * sizeof(*out->test));
	out->place = arena_alloc(arena, most * sizeof(*out->place));
	out->step = arena_alloc(arena, (3 * most + 2) * sizeof(*out->step));
	read_group(&w, filters, STEP_ALL);
}

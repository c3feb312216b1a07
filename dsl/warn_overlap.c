/*
 * warn_overlap - rules that issue a group to people who get it from another rule already.
 *
 * Rules are compared only within one group and trigger, and there only with those that share
 * a value of `to`: few, however many rules there are.
 */
#include <string.h>

#include "base/map.h"
#include "dsl/warn.h"

/* A rule is held against so many of those that could cover it. */
#define OTHERS_MOST 16

/*
 * What tests ask, so far as it shows without a look at them: most pairs of rules then need none.
 * Of tests that look for a pattern, and no more, one implies another only where the pattern is the same.
 */
struct marks {
	uint64_t asked; /* a bit for each property; two may have the same */
	uint64_t
		pattern; /* PATTERN_BITS for each eighth of the properties, of which a pattern has one */
};

#define PATTERN_BITS 8

/* Rules of one group, trigger and value, in the order of the files. */
struct shelf {
	const struct demands *list[OTHERS_MOST];
	struct marks needs[OTHERS_MOST]; /* what a rule must ask that they cover */
	size_t count;
};

struct overlaps {
	struct faults *f;
	struct map shelves; /* to struct shelf */
	bool any;	    /* there is one for any value */
	struct arena memory;
	struct str key;
};

static bool counts(const struct rule_draft *r)
{
	return r->mode == MODE_LIVE && r->event >= 0;
}

/* NULL is "any value", which no text is. */
static struct slice key_of(struct overlaps *o, const struct rule_draft *r,
			   const struct slice *value)
{
	const struct node *target = r->list ? r->list : r->property;
	const struct slice text = r->list_id ? slice_of(r->list_id) : target->text;
	const uint32_t words[] = { r->source,
				   r->target_account,
				   (uint32_t)r->event,
				   (uint32_t)r->issue << 1 | r->send,
				   r->list && (r->list_id || rule_list_is_id(r->list)),
				   (uint32_t)r->group->text.len,
				   (uint32_t)text.len,
				   value != NULL };

	str_clear(&o->key);
	str_add(&o->key, words, sizeof(words));
	str_add_slice(&o->key, r->group->text);
	str_add_slice(&o->key, text);
	str_add_slice(&o->key, value ? *value : slice_of(""));
	return str_slice(&o->key);
}

static bool looks_for_pattern(const struct literal *l)
{
	return l->test->pattern && !l->negated && !l->test->op->contrary;
}

static void add_marks(struct marks *m, const struct literal *l, bool premise)
{
	struct slice name = l->test->property_name;
	uint64_t hash = hash_bytes(0, name.ptr, name.len), first = (hash >> 6) % 8 * PATTERN_BITS;

	m->asked |= UINT64_C(1) << (hash & 63);
	if (looks_for_pattern(l))
		m->pattern |= UINT64_C(1) << (first + hash_bytes(0, &l->test->pattern,
								 sizeof(l->test->pattern)) %
							      PATTERN_BITS);
	else if (premise) /* a value that is named may match any */
		m->pattern |= ((UINT64_C(1) << PATTERN_BITS) - 1) << first;
}

/* Of the tests from `first` on: as what may imply those of another rule, or as what must be implied. */
static struct marks marks_of(const struct demands *d, size_t first, bool premises)
{
	struct marks m = { 0, 0 };

	for (size_t i = first; i < d->must.count; i++)
		add_marks(&m, &d->must.list[i], premises);
	return m;
}

/* False: some test that is needed is implied by none. */
static bool may_cover(struct marks needs, struct marks has)
{
	return !(needs.asked & ~has.asked) && !(needs.pattern & ~has.pattern);
}

static const struct shelf *shelve_under(struct overlaps *o, const struct demands *d,
					struct marks needs, const struct slice *value)
{
	struct slice key = key_of(o, d->rule, value);
	struct shelf *shelf = map_get(&o->shelves, key);

	if (!shelf) {
		shelf = arena_alloc(&o->memory, sizeof(*shelf));
		map_put(&o->shelves, key, shelf);
	}
	if (shelf->count < OTHERS_MOST) {
		shelf->list[shelf->count] = d;
		shelf->needs[shelf->count++] = needs;
	}
	return shelf;
}

static void shelve(struct overlaps *o, struct demands *d)
{
	const struct node *to = d->rule->to;
	struct marks needs = marks_of(d, d->own, false);

	o->any |= !to;
	if (!to || to->kind == NODE_TEXT)
		d->shelf = shelve_under(o, d, needs, to ? &to->text : NULL);
	for (const struct node *e = to ? to->first : NULL; e; e = e->next) {
		const struct shelf *shelf = shelve_under(o, d, needs, &e->text);
		if (!d->shelf)
			d->shelf = shelf;
	}
}

/* ---- whether one covers another ------------------------------------------------ */

static bool holds_value(const struct node *values, struct slice value)
{
	if (values->kind == NODE_TEXT)
		return slice_eq(values->text, value);
	for (const struct node *e = values->first; e; e = e->next)
		if (slice_eq(e->text, value))
			return true;
	return false;
}

/* Lists longer than this are not compared value by value. */
#define NAMED_MOST 64

/* Every value of `narrow` is one of `wide`; NULL is any. An unnamed `to` does not take "". */
static bool covers_values(const struct node *wide, const struct node *narrow, bool any_is_known)
{
	if (!narrow)
		return !wide;
	if (narrow->count > NAMED_MOST || (wide && wide->count > NAMED_MOST))
		return false;
	if (!wide)
		return !any_is_known || !holds_value(narrow, slice_of(""));
	if (narrow->kind == NODE_TEXT)
		return holds_value(wide, narrow->text);
	for (const struct node *e = narrow->first; e; e = e->next)
		if (!holds_value(wide, e->text))
			return false;
	return true;
}

static bool same_filters(const struct filter_draft *a, const struct filter_draft *b)
{
	if (a->n_step != b->n_step || a->n_test != b->n_test)
		return false;
	if (a->n_step && memcmp(a->step, b->step, a->n_step * sizeof(*a->step)) != 0)
		return false;
	for (size_t i = 0; i < a->n_test; i++) {
		if (a->test[i].op != b->test[i].op || a->test[i].n_value != b->test[i].n_value ||
		    !slice_eq(a->test[i].property_name, b->test[i].property_name))
			return false;
		for (size_t k = 0; k < a->test[i].n_value; k++)
			if (!slice_eq(a->test[i].value[k], b->test[i].value[k]))
				return false;
	}
	return true;
}

static bool covers_filters(const struct demands *wide, const struct demands *narrow)
{
	if (same_filters(&wide->rule->filter, &narrow->rule->filter))
		return true;
	for (size_t i = wide->own; i < wide->must.count; i++)
		if (!reason_implies(&narrow->must, wide->must.list[i]))
			return false;
	return wide->whole;
}

static bool covers(const struct demands *wide, const struct demands *narrow)
{
	const struct rule_draft *w = wide->rule, *n = narrow->rule;

	return !wide->never && covers_values(w->to, n->to, true) &&
	       covers_values(w->from, n->from, false) && covers_filters(wide, narrow);
}

/* ---- all rules ----------------------------------------------------------------- */

/* Of two that cover each other, the later one is told. */
static bool is_told(const struct demands *wide, const struct demands *narrow)
{
	return wide != narrow && covers(wide, narrow) && (wide < narrow || !covers(narrow, wide));
}

static bool look_among(struct overlaps *o, const struct demands *d, const struct shelf *shelf)
{
	struct faults *f = o->f;
	struct marks has = marks_of(d, 0, true);

	for (size_t i = 0; shelf && i < shelf->count; i++) {
		if (!may_cover(shelf->needs[i], has) || !is_told(shelf->list[i], d))
			continue;
		const struct rule_draft *other = shelf->list[i]->rule;
		f->rule = d->rule->shown;
		fault(f, CODE_ISSUED_TWICE, d->rule->name_node,
		      "whoever earns %s earns %s too, of the same group",
		      fault_shown(f, slice_of(d->rule->name)),
		      fault_shown(f, slice_of(other->name)));
		fault_other(f, fault_span(f, other->name_node), "the other rule");
		return true;
	}
	return false;
}

static void look(struct overlaps *o, const struct demands *d)
{
	bool told = d->never;

	if (!told && o->any && d->rule->to)
		told = look_among(o, d, map_get(&o->shelves, key_of(o, d->rule, NULL)));
	if (!told)
		(void)look_among(o, d, d->shelf);
}

void warn_overlaps(struct faults *f, struct demands *list, size_t count)
{
	struct overlaps o = { .f = f };

	map_init(&o.shelves);
	arena_init(&o.memory);
	str_init(&o.key, LIMIT_YAML_SCALAR_BYTES * 4);
	for (size_t i = 0; i < count; i++)
		if (counts(list[i].rule))
			shelve(&o, &list[i]);
	for (size_t i = 0; i < count; i++)
		if (counts(list[i].rule))
			look(&o, &list[i]);
	str_release(&o.key);
	arena_release(&o.memory);
	map_release(&o.shelves);
}

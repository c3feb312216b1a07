#include "engine/why_join.h"

#include <stdlib.h>
#include <string.h>

/* ---- in which order ---------------------------------------------------------- */

/* A rule that the value itself does not concern is farther than one with a filter in the way. */
static int ends_missed(const struct trace *t)
{
	int n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += t->line[i].differs && t->line[i].kind != MATCH_TEST;
	return n;
}

static int by_distance(const void *a, const void *b)
{
	const struct why_rule *x = a, *y = b;

	if (x->trace.misses != y->trace.misses)
		return x->trace.misses < y->trace.misses ? -1 : 1;
	if (ends_missed(&x->trace) != ends_missed(&y->trace))
		return ends_missed(&x->trace) - ends_missed(&y->trace);
	if (strcmp(x->name, y->name) != 0)
		return strcmp(x->name, y->name);
	return (x->look.made_ms > y->look.made_ms) - (x->look.made_ms < y->look.made_ms);
}

void why_order(struct why_rule *rule, size_t n)
{
	qsort(rule, n, sizeof(*rule), by_distance);
}

/* ---- one change -------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_look(const struct why_look *a, const struct why_look *b)
{
	return a->made_ms == b->made_ms && same_text(a->hash, b->hash) && same_text(a->who, b->who);
}

/* What waits for several due times waits several times. */
static bool same_change(const struct why_entry *a, const struct why_entry *b)
{
	return a->kind == b->kind && a->at_ms == b->at_ms && same_text(a->event, b->event) &&
	       same_text(a->target, b->target) && same_text(a->from, b->from) &&
	       same_text(a->to, b->to) && a->gone == b->gone && same_text(a->untold, b->untold) &&
	       (a->kind != WHY_PENDING || same_look(&a->look, &b->look));
}

/* What is said of a watch as a whole, and was said of another in the same words. */
static bool is_said(const struct why_entry *e, const struct why_rule *r)
{
	for (size_t i = 0; !r->name && i < e->rules; i++)
		if (!e->rule[i].name && same_text(e->rule[i].outcome, r->outcome) &&
		    same_text(e->rule[i].reason, r->reason))
			return true;
	return false;
}

/* Of several looks of a rule the last one made what there is. */
static void leave_to_last(struct why_rule *rule, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n && rule[i].issuance; k++)
			if (rule[k].issuance && rule[k].issuance->id == rule[i].issuance->id &&
			    rule[k].look.made_ms > rule[i].look.made_ms)
				rule[i].issuance = NULL;
}

/* Rules of both; `b` is done with. */
static void join(struct arena *memory, struct why_entry *a, const struct why_entry *b)
{
	struct why_rule *rule = arena_alloc(memory, (a->rules + b->rules + 1) * sizeof(*rule));
	size_t n = 0;

	for (; n < a->rules; n++)
		rule[n] = a->rule[n];
	for (size_t i = 0; i < b->rules; i++)
		if (!is_said(a, &b->rule[i]))
			rule[n++] = b->rule[i];
	if (!a->changes) {
		a->change = b->change;
		a->changes = b->changes;
		a->settle_ms = b->settle_ms;
	}
	if (!a->n_came) {
		a->came = b->came;
		a->n_came = b->n_came;
		a->came_more = b->came_more;
	}
	a->apart |= n > a->rules && !same_look(&a->look, &b->look);
	a->rule = rule;
	a->rules = n;
	if (a->kind != WHY_EVENT)
		return;
	leave_to_last(rule, n);
	why_order(rule, n);
}

size_t why_join(struct arena *memory, struct why_entry *entry, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = left;
		while (k > 0 && entry[k - 1].at_ms == entry[i].at_ms &&
		       !same_change(&entry[k - 1], &entry[i]))
			k--;
		if (k > 0 && same_change(&entry[k - 1], &entry[i]))
			join(memory, &entry[k - 1], &entry[i]);
		else
			entry[left++] = entry[i];
	}
	return left;
}

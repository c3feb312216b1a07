#include "engine/rehearsal/verdict.h"

#include <string.h>

#define NOBODY SIZE_MAX

struct slice rehearsed_field(const struct rehearsed *is, const char *name)
{
	for (size_t i = 0; i < is->field.count; i++)
		if (strcmp(is->field.list[i].name, name) == 0)
			return is->field.list[i].value;
	return (struct slice){ 0 };
}

static bool contains(const char *text, const char *part)
{
	return text && strstr(text, part);
}

struct difference verdict_difference(const struct rehearsal *r, const struct ruletest_entry *e,
				     const struct rehearsed *is)
{
	const char *state = e->state ? e->state : issuance_state_names[STATE_SENT];

	if (strcmp(e->rule, is->rule) != 0)
		return (struct difference){ "rule", slice_of(e->rule), slice_of(is->rule) };
	if (!rehearsal_same_contact(r, is->contact, e->contact))
		return (struct difference){ "contact", { 0 }, slice_of(is->contact) };
	if (strcmp(state, issuance_state_names[is->state]) != 0)
		return (struct difference){ "state", slice_of(state),
					    slice_of(issuance_state_names[is->state]) };
	for (size_t i = 0; i < e->field.count; i++) {
		struct slice got = rehearsed_field(is, e->field.list[i].name);
		if (!slice_eq(e->field.list[i].value, got))
			return (struct difference){ e->field.list[i].name, e->field.list[i].value,
						    got };
	}
	if (e->group && strcmp(e->group, is->group) != 0)
		return (struct difference){ "group", slice_of(e->group), slice_of(is->group) };
	if (e->reason && !contains(is->reason, e->reason))
		return (struct difference){ "reason", slice_of(e->reason), slice_of(is->reason) };
	return (struct difference){ 0 };
}

/* ---- the largest matching --------------------------------------------------- */

struct matching {
	struct rehearsal *r;
	size_t *entry_of; /* by issuance: the entry that it meets, or NOBODY */
	bool *tried;	  /* by issuance, in this search */
};

/*
 * Finds an issuance for the entry; where the one that fits is taken, its entry looks for
 * another. Augmenting paths never take an issuance from an entry without a new one, so what is
 * matched stays matched and no larger matching is missed. As deep as entries are many.
 */
static bool find_issuance(struct matching *m, size_t entry)
{
	const struct ruletest_entry *e = &m->r->test->expect[entry];

	for (size_t i = 0; i < m->r->issueds; i++) {
		if (m->tried[i] || verdict_difference(m->r, e, &m->r->issued[i]).what)
			continue;
		m->tried[i] = true;
		if (m->entry_of[i] == NOBODY || find_issuance(m, m->entry_of[i])) {
			m->entry_of[i] = entry;
			return true;
		}
	}
	return false;
}

static bool needs_entry(const struct rehearsed *is)
{
	return is->state != STATE_SKIPPED;
}

void verdict_reach(struct verdict *v, struct rehearsal *r)
{
	size_t n = r->issueds, entries = r->test->expects;
	struct matching m = { r, arena_alloc(&r->memory, (n + 1) * sizeof(*m.entry_of)),
			      arena_alloc(&r->memory, (n + 1) * sizeof(*m.tried)) };

	*v = (struct verdict){
		.missing = arena_alloc(&r->memory, (entries + 1) * sizeof(*v->missing)),
		.unexpected = arena_alloc(&r->memory, (n + 1) * sizeof(*v->unexpected)),
		.mailed_twice = arena_alloc(&r->memory, (n + 1) * sizeof(*v->mailed_twice)),
	};
	for (size_t i = 0; i < n; i++)
		m.entry_of[i] = NOBODY;
	for (size_t e = 0; e < entries; e++) {
		memset(m.tried, 0, n * sizeof(*m.tried));
		if (!find_issuance(&m, e))
			v->missing[v->missings++] = &r->test->expect[e];
	}
	for (size_t i = 0; i < n; i++) {
		const struct rehearsed *is = &r->issued[i];
		if (m.entry_of[i] == NOBODY && needs_entry(is))
			v->unexpected[v->unexpecteds++] = is;
		if (is->mails > 1)
			v->mailed_twice[v->twices++] = is;
	}
	v->passed = !r->broken && !v->missings && !v->unexpecteds && !v->twices;
}

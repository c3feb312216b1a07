/*
 * narrow - once per value, once per contact: which claims an earlier one makes void.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/oracle.h"

/* Of one instant those that need not be met come first: each may have been there before the one that must. */
static int by_event(const void *a, const void *b, void *group)
{
	const struct model_group *g = group;
	const struct model_claim *x = a, *y = b;
	int rule = strcmp(x->event.rule->name, y->event.rule->name);

	if (rule)
		return rule;
	if (x->event.at_ms != y->event.at_ms)
		return x->event.at_ms < y->event.at_ms ? -1 : 1;
	return (g[x->group].least > 0) - (g[y->group].least > 0);
}

static bool repeats(const struct model_claim *before, const struct model_claim *c)
{
	const struct model_event *a = &before->event, *b = &c->event;

	if (before->shadow || strcmp(a->rule->name, b->rule->name) != 0 ||
	    !model_is_part(a->who, b->who))
		return false;
	return b->rule->repeat == REPEATS_CONTACT || strcmp(a->to, b->to) == 0;
}

/*
 * The claim is to be met, or the earlier one instead; of contacts that were merged, each may have
 * had an earlier one, and any of these.
 */
static void join_groups(struct model_verdict *v, struct model_claim *c, struct model_claim *earlier,
			bool joined)
{
	struct model_group *own = &v->group[c->group], *its = &v->group[earlier->group];

	if (joined) {
		own->most += its->most;
		earlier->group = c->group;
		its->kept--;
		own->kept++;
	} else {
		its->least = own->least;
		c->group = earlier->group;
	}
}

/* The one of the claims kept, which must be met, that makes it void; NULL: none does. */
static const struct model_claim *voider_of(const struct model_verdict *v, size_t kept,
					   const struct model_claim *c)
{
	for (size_t k = 0; k < kept; k++)
		if (v->claim[k].group != c->group && v->group[v->claim[k].group].least > 0 &&
		    repeats(&v->claim[k], c))
			return &v->claim[k];
	return NULL;
}

static void join_earlier(struct model_verdict *v, size_t kept, struct model_claim *c)
{
	bool joined = false;

	for (size_t k = 0; k < kept; k++) {
		struct model_claim *earlier = &v->claim[k];
		if (earlier->group == c->group || !repeats(earlier, c))
			continue;
		/* Only one of the two comes; among more of them it is not told which. */
		if (v->group[earlier->group].kept > 1) {
			v->group[c->group].least = 0;
		} else {
			join_groups(v, c, earlier, joined);
			joined = true;
		}
	}
}

/* A group whose claims all went owes nothing. */
static void settle_groups(struct model_verdict *v)
{
	for (size_t i = 0; i < v->groups; i++)
		if (v->group[i].least > v->group[i].kept)
			v->group[i].least = v->group[i].kept;
}

/*
 * Claims that an earlier one of the rule and contact makes void go; where the earlier one may
 * be met or not, one of them is to be. Likewise where it may have been refused when they came.
 */
void verdict_narrow(struct model_verdict *v, bool refuses)
{
	size_t kept = 0;

	if (v->claims)
		qsort_r(v->claim, v->claims, sizeof(*v->claim), by_event, v->group);
	for (size_t i = 0; i < v->claims; i++) {
		struct model_claim *c = &v->claim[i];
		bool narrows = c->event.rule->repeat != REPEATS_EVERY;
		const struct model_claim *voider = narrows ? voider_of(v, kept, c) : NULL;
		if (voider && !refuses)
			continue;
		if (voider)
			c->group = voider->group;
		else if (narrows)
			join_earlier(v, kept, c);
		v->group[c->group].kept++;
		v->claim[kept++] = *c;
	}
	v->claims = kept;
	settle_groups(v);
}

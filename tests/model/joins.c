/*
 * joins - who joined the lists that rules mean: by id one list, by name whichever has it at the time.
 */
#include "tests/model/inside.h"

#include <string.h>

#define NEAR_MS (60 * 1000)
#define COMPUTED_MS (60 * 60 * 1000) /* … of an active list */
#define BUILT_WITHIN_MS                                                                            \
	(24 * 60 * 60 * 1000) /* how far a look reaches that found a list unfinished */

/* ---- lists that are being built ------------------------------------------- */

/*
 * What a list that is still being built at activation then holds is the baseline: surely so where a
 * look of the last day found it unfinished; and who joins is news again where one found it complete.
 */
enum baseline { BASELINE_NO, BASELINE_MAYBE, BASELINE_YES };

static enum baseline is_baseline(const struct judging *j, const struct model_list *l,
				 const struct model_row *row)
{
	const struct model_story *s = j->story;
	int64_t active_ms = activated_ms(j), day_ms = row->at_ms - BUILT_WITHIN_MS;

	if (l->built_ms <= active_ms)
		return BASELINE_NO;
	if (row->at_ms > l->built_ms)
		return made_sure(s, l->built_ms, row->at_ms) ? BASELINE_NO : BASELINE_MAYBE;
	return row->shows_ms <= l->built_ms && l->names == 1 &&
			       made_sure(s, active_ms > day_ms ? active_ms : day_ms, l->built_ms)
		       ? BASELINE_YES
		       : BASELINE_MAYBE;
}

/* ---- what a name means ------------------------------------------------------ */

/* Whether a join of that time is one of a list that the rule means; and until when the rule means it. */
struct meaning {
	enum { MEANT_NOT, MEANT_MAYBE, MEANT } meant;
	int64_t until_ms;
};

static bool has_name(const struct model_rule *rule, const struct model_naming *n)
{
	return !rule->by_name || strcmp(n->name, rule->list_name) == 0;
}

/* Joined while the list was there, under the rule's name where it has one. */
static struct meaning meant_in(const struct judging *j, const struct model_list *l, size_t nth,
			       const struct model_row *row)
{
	const struct model_naming *n = &l->named[nth];
	bool first = n->from_ms <= activated_ms(j) || !j->term.rule->by_name;
	/* Made under a name that nothing had: whenever that is noticed, all who joined are news. */
	bool made = nth == 0 && l->made && !j->story->blurred;
	bool sure = first || made || made_sure(j->story, n->from_ms, row->at_ms);

	return (struct meaning){ sure ? MEANT : MEANT_MAYBE, n->until_ms };
}

static struct meaning meaning_of(const struct judging *j, const struct model_list *l,
				 const struct model_row *row)
{
	const struct model_rule *rule = j->term.rule;
	bool before = false, later = false;
	int64_t ended_ms = 0;

	for (size_t i = 0; i < l->names; i++) {
		const struct model_naming *n = &l->named[i];
		if (!has_name(rule, n))
			continue;
		if (row->at_ms >= n->from_ms && row->at_ms < n->until_ms)
			return meant_in(j, l, i, row);
		if (row->at_ms >= n->until_ms) {
			before = true;
			ended_ms = n->until_ms;
		} else {
			/* It has the name at the activation of a rule that reaches back. */
			later |= before || n->from_ms <= activated_ms(j);
		}
	}
	/* Until it was seen that the name leads elsewhere; or the list has it again. */
	bool maybe = later || (before && !made_sure(j->story, ended_ms, row->at_ms));
	return (struct meaning){ maybe ? MEANT_MAYBE : MEANT_NOT, ended_ms };
}

/* ---- joins ---------------------------------------------------------------- */

static void judge_row(struct judging *j, const struct model_list *l, const struct model_row *row)
{
	const struct term *t = &j->term;
	int64_t end_ms = model_end(row->who, row->at_ms);
	enum baseline baseline = is_baseline(j, l, row);
	struct meaning m = meaning_of(j, l, row);

	if (row->at_ms <= t->start_ms || row->at_ms > t->end_ms || baseline == BASELINE_YES ||
	    m.meant == MEANT_NOT || (row->carried && m.meant == MEANT))
		return;
	if (row->left_ms < end_ms)
		end_ms = row->left_ms;
	if (m.until_ms < end_ms)
		end_ms = m.until_ms;
	/* A row stamped so near to a merge may be one that the merge carried over. */
	int64_t near_ms = l->active ? COMPUTED_MS : NEAR_MS;
	bool near = (row->who->merged_ms && row->at_ms <= row->who->merged_ms + near_ms) ||
		    hides_behind_merge(j->story, row->who, row->at_ms - near_ms);
	bool sure = m.meant == MEANT && !near && baseline == BASELINE_NO &&
		    surely_decided(j, row->shows_ms, end_ms);
	struct model_event e = { t->rule, row->who, row->at_ms, "", "" };
	size_t group = add_group(
		j->out, sure, 1,
		sure ? NULL
		     : "left, merged or deleted before a sure look, or of a list being built or named");
	if (sure)
		claim_event(j, &e, row->who, group);
	else
		claim_unsure(j, &e, group);
}

void judge_joins(struct judging *j)
{
	const struct model_portal *p = j->story->portal;

	for (size_t i = 0; i < p->lists; i++)
		for (size_t k = 0; k < p->list[i]->rows; k++)
			if (j->term.rule->by_name || i == j->term.rule->list)
				judge_row(j, p->list[i], &p->list[i]->row[k]);
}

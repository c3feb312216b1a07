/*
 * joins - who joined the lists that rules mean: by id one list, by name whichever has it at the time.
 */
#include "tests/model/inside.h"

#include <string.h>

#define NEAR_MS (60 * 1000)
#define NEAR_ACTIVE_MS (60 * NEAR_MS) /* of a list that HubSpot computes */
#define BUILT_WITHIN_MS                                                                            \
	(24 * 60 * 60 * 1000) /* how far a look reaches that found a list unfinished */

/* ---- lists that are being built ------------------------------------------- */

/* Whether a look of that time surely saw the list: it was not deleted. */
static bool seen_sure(const struct judging *j, const struct model_list *l, int64_t from_ms,
		      int64_t until_ms)
{
	bool seen = false;

	for (size_t i = 0; i < l->names && !seen; i++) {
		const struct model_naming *n = &l->named[i];
		seen = made_sure(j->story, n->from_ms > from_ms ? n->from_ms : from_ms,
				 n->until_ms < until_ms ? n->until_ms : until_ms);
	}
	return seen;
}

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
		return seen_sure(j, l, l->built_ms, row->at_ms) ? BASELINE_NO : BASELINE_MAYBE;
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
			/*
			 * It has the name at the activation of a rule that reaches back; or at the
			 * first look, and nobody saw which list had it before.
			 */
			later |= before || !made_sure(j->story, activated_ms(j), n->from_ms);
		}
	}
	/* Until it was seen that the name leads elsewhere; or the list has it again. */
	bool maybe = later || (before && !made_sure(j->story, ended_ms, row->at_ms));
	return (struct meaning){ maybe ? MEANT_MAYBE : MEANT_NOT, ended_ms };
}

/* ---- merges ---------------------------------------------------------------- */

/* A row stamped so near to a merge may be one that the merge carried over, unless that one was seen before. */
static bool is_near_merge(const struct judging *j, const struct model_list *l,
			  const struct model_row *row)
{
	const struct model_record *who = row->who;
	int64_t near_ms = l->active ? NEAR_ACTIVE_MS : NEAR_MS;

	for (const struct model_row *before = l->row; before < row; before++)
		if (before->who == who && before->carried && before->seen_ms)
			return false;
	return (who->merged_ms && row->at_ms <= who->merged_ms + near_ms) ||
	       hides_behind_merge(j->story, who, row->at_ms - near_ms);
}

/*
 * Whether nothing about the contacts that became one makes it doubtful who was in the list when: none was ever deleted,
 * and none of the others left.
 */
static bool is_plain_merge(const struct model_portal *p, const struct model_list *l,
			   const struct model_row *row)
{
	const struct model_record *last = row->who;

	while (last->into)
		last = last->into;
	for (size_t i = 0; i < p->records; i++)
		if (p->record[i]->gones && model_is_part(p->record[i], last))
			return false;
	for (size_t i = 0; i < l->rows; i++) {
		const struct model_row *other = &l->row[i];
		if (other->who != row->who && model_is_part(other->who, last) &&
		    other->left_ms < other->who->end_ms)
			return false;
	}
	return !row->who->merged_ms;
}

/*
 * Whether the join was surely known while this wording was in force, and surely decided later: whatever became of it,
 * but that its list was called otherwise.
 */
static bool surely_waits(const struct judging *j, const struct model_list *l,
			 const struct model_row *row)
{
	const struct term *t = &j->term;

	return l->names == 1 && l->named[0].until_ms == INT64_MAX &&
	       row->seen_ms >= j->story->load[t->load].at_ms && row->seen_ms <= t->end_ms &&
	       surely_decided(j, row->shows_ms, t->end_ms) &&
	       is_plain_merge(j->story->portal, l, row) && t->rule->repeat == REPEATS_EVERY;
}

/* A claim for what waits: the look that decides it may be at any that the contact became. */
static void claim_waiting(struct judging *j, const struct model_event *e, size_t group)
{
	for (const struct model_record *seen = e->who; seen; seen = seen->into) {
		size_t claims = j->out->claims;
		claim_event(j, e, seen, group);
		if (j->out->claims == claims)
			make_unsure(j, group, "not all that its contact became match");
	}
}

/* Whether the row went into that one by a merge. */
static bool was_absorbed(const struct model_row *row, const struct model_row *by)
{
	return row->who->into == by->who && row->left_ms == row->who->end_ms;
}

/* Shown by a look, and by another one where the contact was deleted and restored since. */
static bool was_shown(const struct judging *j, const struct model_row *row)
{
	const struct model_record *who = row->who;
	bool shown = row->seen_ms != 0;

	for (size_t i = 0; shown && i < who->gones; i++) {
		int64_t back_ms = who->gone[i].until_ms;
		if (back_ms > row->seen_ms && back_ms <= row->left_ms)
			shown = made_sure(j->story, back_ms, row->left_ms);
	}
	return shown;
}

/* Whether it was surely known that the contact is a member: by this row, or by one that a merge made it of. */
static bool was_member(const struct judging *j, const struct model_list *l,
		       const struct model_row *row)
{
	bool known = was_shown(j, row);

	for (size_t i = 0; row->carried && !known && i < l->rows; i++)
		known = was_absorbed(&l->row[i], row) && was_member(j, l, &l->row[i]);
	return known;
}

#define NO_GROUP SIZE_MAX

/* What a merge carried over may count in the place of a join that nobody saw: with the time that the merge gave it. */
static size_t claim_carried(struct judging *j, const struct model_list *l,
			    const struct model_row *row, const size_t *group_of)
{
	struct model_event e = { j->term.rule, row->who, row->at_ms, "", "" };
	size_t group = NO_GROUP;

	for (size_t i = 0; i < l->rows; i++) {
		if (!was_absorbed(&l->row[i], row))
			continue;
		if (was_member(j, l, &l->row[i]) || l->row[i].at_ms == row->at_ms)
			return NO_GROUP;
		/* One that was seen may have counted before its contact was deleted: the other comes beside it. */
		if (group_of[i] != NO_GROUP && !j->out->group[group_of[i]].least &&
		    !l->row[i].seen_ms)
			group = group_of[i];
	}
	if (group == NO_GROUP)
		group = add_group(j->out, 0, 1, "carried over of a member that nobody saw");
	claim_unsure(j, &e, group);
	return group;
}

/* ---- joins ---------------------------------------------------------------- */

/*
 * Whether a row before it, of a contact that became one with this row's, is of its very time and is claimed. An event is
 * told by its time, so what waits of the two is one.
 */
static bool is_twin(const struct model_list *l, const struct model_row *row, const size_t *group_of)
{
	const struct model_record *last = row->who;

	while (last->into)
		last = last->into;
	for (size_t i = 0; &l->row[i] < row; i++)
		if (l->row[i].at_ms == row->at_ms && l->row[i].who != row->who &&
		    group_of[i] != NO_GROUP && model_is_part(l->row[i].who, last))
			return true;
	return false;
}

static size_t claim_join(struct judging *j, const struct model_list *l, const struct model_row *row,
			 struct meaning m, enum baseline baseline, const size_t *group_of)
{
	int64_t end_ms = model_end(row->who, row->at_ms);
	struct model_event e = { j->term.rule, row->who, row->at_ms, "", "" };

	if (row->left_ms < end_ms)
		end_ms = row->left_ms;
	if (m.until_ms < end_ms)
		end_ms = m.until_ms;
	bool news = m.meant == MEANT && !is_near_merge(j, l, row) && baseline == BASELINE_NO;
	bool sure = news && surely_decided(j, row->shows_ms, end_ms);
	bool waits = news && !sure && surely_waits(j, l, row);
	size_t group = add_group(
		j->out, sure || (waits && !is_twin(l, row, group_of)), 1,
		sure || waits
			? NULL
			: "left, merged or deleted before a sure look, or of a list being built or named");

	if (sure)
		claim_event(j, &e, row->who, group);
	else if (waits)
		claim_waiting(j, &e, group);
	else
		claim_unsure(j, &e, group);
	return group;
}

/* Answers the group of its claim; NO_GROUP: there is none. */
static size_t judge_row(struct judging *j, const struct model_list *l, const struct model_row *row,
			const size_t *group_of)
{
	const struct term *t = &j->term;
	enum baseline baseline = is_baseline(j, l, row);
	struct meaning m = meaning_of(j, l, row);

	if (row->at_ms <= t->start_ms || row->at_ms > t->end_ms || baseline == BASELINE_YES ||
	    m.meant == MEANT_NOT)
		return NO_GROUP;
	return row->carried && m.meant == MEANT ? claim_carried(j, l, row, group_of)
						: claim_join(j, l, row, m, baseline, group_of);
}

static void judge_list(struct judging *j, const struct model_list *l)
{
	size_t *group_of = mem_alloc((l->rows + 1) * sizeof(*group_of));

	for (size_t i = 0; i < l->rows; i++)
		group_of[i] = NO_GROUP;
	for (size_t i = 0; i < l->rows; i++)
		group_of[i] = judge_row(j, l, &l->row[i], group_of);
	mem_free(group_of);
}

void judge_joins(struct judging *j)
{
	const struct model_portal *p = j->story->portal;

	for (size_t i = 0; i < p->lists; i++)
		if (j->term.rule->by_name || i == j->term.rule->list)
			judge_list(j, p->list[i]);
}

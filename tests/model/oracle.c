#include "tests/model/oracle.h"

#include <stdlib.h>
#include <string.h>

#include "tests/model/bursts.h"

#define NEAR_MS (60 * 1000)
#define ENTRIES_KEPT 45 /* of one property: behaviour.md, point 6 */

/* One rule in one wording, from one load to the one that changes it. */
struct term {
	const struct model_rule *rule;
	size_t load;
	int64_t start_ms; /* events at or before it do not count */
	int64_t end_ms;	  /* of the wording */
};

struct judging {
	const struct model_story *story;
	struct model_verdict *out;
	struct term term;
};

static const struct model_rule *find_rule(const struct model_rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->count; i++)
		if (strcmp(rules->rule[i].name, name) == 0)
			return rules->rule[i].mode == MODEL_OFF ? NULL : &rules->rule[i];
	return NULL;
}

static bool same_trigger(const struct model_rule *a, const struct model_rule *b)
{
	if (a->joins != b->joins)
		return false;
	return a->joins ? a->list == b->list && a->by_name == b->by_name
			: a->property == b->property;
}

/* ---- the verdict --------------------------------------------------------- */

static size_t add_group(struct model_verdict *v, int least, int most, const char *why)
{
	v->group = mem_grow(v->group, &v->group_cap, v->groups + 1, sizeof(*v->group));
	v->group[v->groups] = (struct model_group){ .least = least, .most = most, .why = why };
	return v->groups++;
}

static void add_claim(struct model_verdict *v, struct model_claim claim)
{
	v->claim = mem_grow(v->claim, &v->claim_cap, v->claims + 1, sizeof(*v->claim));
	v->claim[v->claims++] = claim;
}

void model_verdict_release(struct model_verdict *v)
{
	mem_free(v->claim);
	mem_free(v->group);
}

/* Where rules watch only lists nobody walks through what changed. */
static bool walks(const struct model_story *s, int64_t at_ms)
{
	const struct model_rules *in_force = NULL;

	for (size_t i = 0; i < s->loads && s->load[i].at_ms <= at_ms; i++)
		in_force = s->load[i].rules;
	for (size_t i = 0; in_force && i < in_force->count; i++)
		if (!in_force->rule[i].joins && in_force->rule[i].mode != MODEL_OFF)
			return true;
	return false;
}

/*
 * Whether a quiet time made sure of what happened at at_ms, before until_ms; by_walk: of what only a walk through changes
 * shows, which begins where rules want it.
 */
static bool sure_by(const struct model_story *s, int64_t at_ms, int64_t until_ms, bool by_walk)
{
	for (size_t i = 0; i < s->quiets; i++)
		if (s->quiet[i].from_ms >= at_ms && s->quiet[i].until_ms <= until_ms &&
		    (!by_walk || (walks(s, at_ms) && walks(s, s->quiet[i].from_ms))))
			return true;
	return until_ms == INT64_MAX;
}

static bool made_sure(const struct model_story *s, int64_t at_ms, int64_t until_ms)
{
	return sure_by(s, at_ms, until_ms, false);
}

/* ---- an event ------------------------------------------------------------- */

/* When an address is there that the rule waits for; false: never. */
static bool address_comes(const struct model_rule *rule, const struct model_record *who,
			  int64_t at_ms)
{
	const struct model_field *f = &who->field[M_EMAIL];
	int64_t as_of_ms = at_ms + rule->settle_ms;

	if (model_email_valid(model_as_of(who, M_EMAIL, as_of_ms)))
		return true;
	for (size_t i = 0; rule->hold_ms && i < f->count; i++)
		if (!f->write[i].hidden && f->write[i].at_ms > as_of_ms &&
		    f->write[i].at_ms <= at_ms + rule->hold_ms &&
		    model_email_valid(f->write[i].value))
			return true;
	return rule->hold_ms && who->into && address_comes(rule, who->into, at_ms);
}

/* Whether the address is gone at some time at which the issuance may be planned. */
static bool address_goes(const struct model_record *who, int64_t as_of_ms)
{
	/* A merge may show one address in the history and another as the value. */
	if (!model_email_valid(model_current(who, M_EMAIL, as_of_ms)))
		return true;
	for (; who; who = who->into) {
		const struct model_field *f = &who->field[M_EMAIL];
		for (size_t i = 0; i < f->count; i++)
			if (f->write[i].at_ms > as_of_ms && !model_email_valid(f->write[i].value))
				return true;
	}
	return false;
}

/*
 * Whether what waits for an address is surely let go: at the end there is one, the record is as
 * it was and was never gone meanwhile, and the rule is as it was, too.
 */
static bool surely_released(const struct judging *j, const struct model_event *e)
{
	const struct model_record *r = e->who;
	bool gone = r->into || (r->gones && r->gone[r->gones - 1].until_ms > e->at_ms);

	return !gone && j->term.end_ms == j->story->end_ms && e->rule->mode == MODEL_LIVE &&
	       model_email_valid(model_current(r, M_EMAIL, INT64_MAX));
}

static void claim_wording(struct judging *j, const struct model_event *e,
			  const struct model_rule *rule, size_t group)
{
	struct model_event own = *e;

	own.rule = rule;
	add_claim(j->out, (struct model_claim){ .event = own,
						.due_ms = e->at_ms + e->rule->settle_ms,
						.group = group,
						.shadow = rule->mode == MODEL_SHADOW });
}

/* What waits is rendered by the wording that is in force when it is let go. */
static void claim_later_wordings(struct judging *j, const struct model_event *e, size_t group)
{
	const struct model_story *s = j->story;

	for (size_t i = j->term.load + 1; i < s->loads; i++) {
		const struct model_rule *later = find_rule(s->load[i].rules, e->rule->name);
		if (later && later->edition != e->rule->edition)
			claim_wording(j, e, later, group);
	}
}

/* A claim for the event, where the rule says yes to it: as the record was, or `seen` as it came to be. */
static void claim_event(struct judging *j, const struct model_event *e,
			const struct model_record *seen, size_t group)
{
	int64_t as_of_ms = e->at_ms + e->rule->settle_ms;

	if (!model_matches(e->rule, seen, e->from, e->to, as_of_ms) ||
	    !address_comes(e->rule, seen, e->at_ms))
		return;
	claim_wording(j, e, e->rule, group);
	if (model_email_valid(model_as_of(seen, M_EMAIL, as_of_ms)) &&
	    !address_goes(e->who, as_of_ms))
		return;
	if (!surely_released(j, e)) {
		j->out->group[group].least = 0;
		j->out->group[group].why = "held for an address, and not surely let go";
	}
	claim_later_wordings(j, e, group);
}

/*
 * A claim for what was not surely decided before a merge, a deletion or a leaving: it may have
 * been decided by any later wording, too, and after a merge from the histories of both together.
 */
static void claim_unsure(struct judging *j, const struct model_event *e, size_t group)
{
	const struct model_story *s = j->story;
	int edition = -1;

	for (size_t i = j->term.load; i < s->loads; i++) {
		struct model_event later = *e;
		later.rule = find_rule(s->load[i].rules, e->rule->name);
		if (!later.rule || !same_trigger(later.rule, e->rule))
			return;
		if (later.rule->edition == edition)
			continue;
		edition = later.rule->edition;
		for (const struct model_record *seen = e->who; seen; seen = seen->into)
			claim_event(j, &later, seen, group);
	}
}

/* Whether a look under the wording of this term was sure before until_ms. */
static bool surely_decided(const struct judging *j, int64_t at_ms, int64_t until_ms)
{
	int64_t load_ms = j->story->load[j->term.load].at_ms;

	return made_sure(j->story, at_ms > load_ms ? at_ms : load_ms, until_ms);
}

/* ---- changes -------------------------------------------------------------- */

static struct model_entry *entries_of(const struct model_record *r, enum model_property property,
				      int64_t until_ms, size_t *count)
{
	const struct model_field *f = &r->field[property];
	struct model_entry *e = mem_alloc((f->count + 1) * sizeof(*e));

	*count = 0;
	for (size_t i = 0; i < f->count && f->write[i].at_ms <= until_ms; i++)
		if (!f->write[i].hidden)
			e[(*count)++] = (struct model_entry){ f->write[i].at_ms,
							      slice_of(f->write[i].value),
							      f->write[i].merge };
	return e;
}

/* Whether a later wording that may decide in this one's place cuts bursts in another way. */
static bool settles_otherwise(const struct judging *j)
{
	const struct model_story *s = j->story;

	for (size_t i = j->term.load + 1; i < s->loads; i++) {
		const struct model_rule *later = find_rule(s->load[i].rules, j->term.rule->name);
		if (!later || !same_trigger(later, j->term.rule))
			return false;
		if (later->settle_ms != j->term.rule->settle_ms)
			return true;
	}
	return false;
}

/* The entry as the last of a burst that begins with whichever before it. */
static void claim_recut(struct judging *j, struct model_record *r, const struct model_entry *entry,
			size_t last)
{
	size_t group = add_group(j->out, 0, 1, "it is not sure where its burst begins");
	struct model_event e = { j->term.rule, r, entry[last].at_ms, "", entry[last].value.ptr };

	for (size_t i = 0; i <= last; i++) {
		if (strcmp(e.from, e.to) != 0)
			claim_unsure(j, &e, group);
		e.from = entry[i].value.ptr;
	}
}

/*
 * A burst that a merge or a deletion met before it was surely decided: it may have been, with
 * any of its entries as the last, or never. Where the contact came back, what is left of it begins
 * with whichever entry was decided last.
 */
static void claim_cut_short(struct judging *j, struct model_record *r, const struct model_burst *b,
			    const struct model_entry *entry, size_t entries)
{
	bool recut = settles_otherwise(j) || r->gones;
	size_t group = add_group(j->out, 0, 1, "merged or deleted before it was surely decided");

	for (size_t i = 0; i < entries; i++) {
		struct model_event e = { j->term.rule, r, entry[i].at_ms, b->from.ptr,
					 entry[i].value.ptr };
		if (e.at_ms < b->first_ms || e.at_ms > b->last_ms)
			continue;
		if (recut)
			claim_recut(j, r, entry, i);
		else if (!slice_eq(entry[i].value, b->from))
			claim_unsure(j, &e, group);
	}
}

/* An earlier burst with the same identity: the same time and value of its last entry. */
static bool same_as_before(const struct model_burst *burst, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (burst[k].last_ms == burst[i].last_ms && slice_eq(burst[k].to, burst[i].to))
			return true;
	return false;
}

/* Whether there was a quiet time between in which the contact was to be seen. */
static bool was_seen(const struct model_story *s, const struct model_record *r, int64_t from_ms,
		     int64_t until_ms)
{
	for (size_t i = 0; i < r->gones && r->gone[i].from_ms < until_ms; i++) {
		if (sure_by(s, from_ms, r->gone[i].from_ms, true))
			return true;
		if (from_ms < r->gone[i].until_ms)
			from_ms = r->gone[i].until_ms;
	}
	return from_ms < until_ms && sure_by(s, from_ms, until_ms, true);
}

/*
 * Where a merge keeps an id, nothing need say when it was: until a quiet time after it a change
 * may be taken for one from before.
 */
static bool hides_behind_merge(const struct model_story *s, const struct model_record *r,
			       int64_t at_ms)
{
	return r->merged_ms > r->created_ms && !was_seen(s, r, r->merged_ms, at_ms);
}

/*
 * When the source may show so many later entries that those from from_ms on, and the value before
 * them, are not all there any more; INT64_MAX: never.
 */
static int64_t forgotten_ms(const struct model_record *r, enum model_property property,
			    int64_t from_ms)
{
	const struct model_field *f = &r->field[property];
	int shown = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (f->write[i].hidden)
			continue;
		if (f->write[i].at_ms >= from_ms && ++shown > ENTRIES_KEPT - 2)
			return f->write[i].at_ms;
	}
	return INT64_MAX;
}

/* More changes than the source keeps may have been made unseen: any part of the burst may be left. */
static void claim_lost(struct judging *j, struct model_record *r, const struct model_burst *b,
		       const struct model_entry *entry, size_t entries)
{
	for (size_t i = 0; i < entries; i++)
		if (entry[i].at_ms >= b->first_ms && entry[i].at_ms <= b->last_ms)
			claim_recut(j, r, entry, i);
}

/* Where the value before an entry is not there any more, one that repeats it looks like a change. */
static void claim_lost_repeats(struct judging *j, struct model_record *r,
			       const struct model_history *h)
{
	for (size_t i = 1; i < h->entries; i++) {
		int64_t at_ms = h->entry[i].at_ms;
		if (at_ms > h->start_ms && slice_eq(h->entry[i].value, h->entry[i - 1].value) &&
		    !surely_decided(j, at_ms, forgotten_ms(r, j->term.rule->property, at_ms)))
			claim_recut(j, r, h->entry, i);
	}
}

static void claim_burst(struct judging *j, struct model_record *r, const struct model_burst *b)
{
	struct model_event e = { j->term.rule, r, b->last_ms, b->from.ptr, b->to.ptr };

	claim_event(j, &e, r, add_group(j->out, 1, 1, NULL));
}

/* Any part of the burst may be what is left of it. */
static void claim_hidden(struct judging *j, struct model_record *r, const struct model_burst *b,
			 const struct model_entry *entry, size_t entries)
{
	size_t group = add_group(j->out, 0, 1, "nothing says that it came after the merge");
	struct slice from = b->from;

	for (size_t i = 0; i < entries; i++) {
		struct model_event e = { j->term.rule, r, b->last_ms, from.ptr, b->to.ptr };
		if (entry[i].at_ms < b->first_ms || entry[i].at_ms > b->last_ms)
			continue;
		if (!slice_eq(from, b->to))
			claim_event(j, &e, r, group);
		from = entry[i].value;
	}
}

static bool has_twin(const struct model_verdict *v, const struct model_claim *c)
{
	for (size_t i = 0; i < v->claims; i++) {
		const struct model_event *a = &v->claim[i].event, *b = &c->event;
		if (a->rule == b->rule && a->at_ms == b->at_ms && strcmp(a->to, b->to) == 0 &&
		    model_is_part(a->who, b->who))
			return true;
	}
	return false;
}

/*
 * Where a merge keeps an id and the record was not read lately, it is taken for a new one, and
 * what the other brought along for changes of it.
 */
static void claim_brought_along(struct judging *j, struct model_record *r,
				const struct model_history *of)
{
	struct model_history h = *of;
	struct model_burst *burst = mem_alloc((h.entries + 1) * sizeof(*burst));

	h.start_ms = j->term.start_ms > r->created_ms ? j->term.start_ms : r->created_ms;
	size_t n = model_bursts(&h, burst, NULL);
	for (size_t i = 0; i < n; i++) {
		struct model_claim c = { .event = { j->term.rule, r, burst[i].last_ms,
						    burst[i].from.ptr, burst[i].to.ptr } };
		if (burst[i].event && burst[i].first_ms <= r->merged_ms && !has_twin(j->out, &c))
			claim_unsure(j, &c.event,
				     add_group(j->out, 0, 1, "brought along by a merge"));
	}
	mem_free(burst);
}

/*
 * A value that comes twice within one instant, with another between: a look that falls between cannot tell later which of
 * the two it had decided.
 */
static bool is_blurred(const struct model_burst *b, const struct model_entry *entry, size_t entries)
{
	for (size_t i = 0; i < entries; i++) {
		bool other = false;
		if (entry[i].at_ms < b->first_ms || entry[i].at_ms > b->last_ms)
			continue;
		for (size_t k = i + 1; k < entries && entry[k].at_ms == entry[i].at_ms; k++) {
			bool same = slice_eq(entry[k].value, entry[i].value);
			if (same && other)
				return true;
			other |= !same;
		}
	}
	return false;
}

static void judge_changes(struct judging *j, struct model_record *r)
{
	const struct term *t = &j->term;
	struct model_history h = {
		.start_ms = t->start_ms > r->merged_ms ? t->start_ms : r->merged_ms,
		.settle_ms = t->rule->settle_ms,
		.created_ms = r->created_ms,
		.creation_window_ms = j->story->creation_window_ms,
		.from_merge = r->merged_ms > 0,
	};
	int64_t until_ms = t->end_ms < r->end_ms ? t->end_ms : r->end_ms;
	struct model_entry *entry = entries_of(r, t->rule->property, until_ms, &h.entries);
	struct model_burst *burst = mem_alloc((h.entries + 1) * sizeof(*burst));

	h.entry = entry;
	size_t n = model_bursts(&h, burst, NULL);
	bool lost = false;
	for (size_t i = 0; i < n; i++) {
		const struct model_burst *b = &burst[i];
		/* What goes on from a burst that was lost in part may be cut in another way, too. */
		lost = (lost && b->first_ms - burst[i - 1].last_ms < h.settle_ms) ||
		       !surely_decided(j, b->last_ms,
				       forgotten_ms(r, t->rule->property, b->first_ms));
		if (lost || is_blurred(b, entry, h.entries))
			claim_lost(j, r, b, entry, h.entries);
		else if (!surely_decided(j, b->last_ms, model_end(r, b->first_ms)))
			claim_cut_short(j, r, b, entry, h.entries);
		else if (hides_behind_merge(j->story, r, b->first_ms))
			claim_hidden(j, r, b, entry, h.entries);
		else if (b->event && !same_as_before(burst, i))
			claim_burst(j, r, b);
	}
	claim_lost_repeats(j, r, &h);
	if (r->merged_ms > r->created_ms)
		claim_brought_along(j, r, &h);
	mem_free(burst);
	mem_free(entry);
}

/* ---- joins ---------------------------------------------------------------- */

/* When the term's rule was activated: at the first load of those that kept its trigger. */
static int64_t activated_ms(const struct judging *j)
{
	size_t i = j->term.load;

	for (; i > 0; i--) {
		const struct model_rule *before = find_rule(j->story->load[i - 1].rules,
							    j->term.rule->name);
		if (!before || !same_trigger(before, j->term.rule))
			break;
	}
	return j->story->load[i].at_ms;
}

/*
 * What a list that is still being built at activation then holds is the baseline: surely so where a
 * look found it unfinished; and who joins is news again where one found it complete.
 */
enum baseline { BASELINE_NO, BASELINE_MAYBE, BASELINE_YES };

static enum baseline is_baseline(const struct judging *j, const struct model_list *l,
				 const struct model_row *row)
{
	const struct model_story *s = j->story;
	int64_t active_ms = activated_ms(j);

	if (l->built_ms <= active_ms)
		return BASELINE_NO;
	if (row->at_ms > l->built_ms)
		return made_sure(s, l->built_ms, row->at_ms) ? BASELINE_NO : BASELINE_MAYBE;
	return row->shows_ms <= l->built_ms && made_sure(s, active_ms, l->built_ms)
		       ? BASELINE_YES
		       : BASELINE_MAYBE;
}

static void judge_joins(struct judging *j, const struct model_list *l)
{
	const struct term *t = &j->term;

	for (size_t i = 0; i < l->rows; i++) {
		const struct model_row *row = &l->row[i];
		int64_t end_ms = model_end(row->who, row->at_ms);
		enum baseline baseline = is_baseline(j, l, row);
		if (row->at_ms <= t->start_ms || row->at_ms > t->end_ms || row->carried ||
		    baseline == BASELINE_YES)
			continue;
		if (row->left_ms < end_ms)
			end_ms = row->left_ms;
		/* A row stamped so near to a merge may be one that the merge carried over. */
		bool near = (row->who->merged_ms && row->at_ms <= row->who->merged_ms + NEAR_MS) ||
			    hides_behind_merge(j->story, row->who, row->at_ms - NEAR_MS);
		bool sure = !near && baseline == BASELINE_NO &&
			    surely_decided(j, row->shows_ms, end_ms);
		struct model_event e = { t->rule, row->who, row->at_ms, "", "" };
		size_t group = add_group(
			j->out, sure, 1,
			sure ? NULL
			     : "left, merged or deleted before a sure look, or of a list being built");
		if (sure)
			claim_event(j, &e, row->who, group);
		else
			claim_unsure(j, &e, group);
	}
}

/* ---- rules in force --------------------------------------------------------- */

static bool was_known_before(const struct model_story *s, size_t load, const char *name)
{
	for (size_t i = 0; i < load; i++)
		if (find_rule(s->load[i].rules, name))
			return true;
	return false;
}

static void judge_term(struct judging *j)
{
	const struct model_portal *p = j->story->portal;

	if (j->term.rule->joins) {
		judge_joins(j, p->list[j->term.rule->list]);
		return;
	}
	for (size_t i = 0; i < p->records; i++)
		judge_changes(j, p->record[i]);
}

/* When the wording that load i brought ends: at the load that changes the rule or takes it away. */
static int64_t end_of_wording(const struct model_story *s, size_t i, const struct model_rule *rule)
{
	while (++i < s->loads) {
		const struct model_rule *next = find_rule(s->load[i].rules, rule->name);
		if (!next || next->edition != rule->edition)
			return s->load[i].at_ms;
	}
	return s->end_ms;
}

static void judge_rule(struct judging *j, size_t i, const struct model_rule *rule)
{
	const struct model_story *s = j->story;
	const struct model_rule *before = i ? find_rule(s->load[i - 1].rules, rule->name) : NULL;

	if (before && before->edition == rule->edition)
		return;
	bool active = before && same_trigger(before, rule);
	j->term = (struct term){ rule, i, s->load[i].at_ms, end_of_wording(s, i, rule) };
	if (!active && rule->since && !was_known_before(s, i, rule->name))
		j->term.start_ms = rule->since_ms - 1;
	judge_term(j);
}

void oracle_judge(const struct model_story *story, struct model_verdict *out)
{
	struct judging j = { .story = story, .out = out };

	*out = (struct model_verdict){ 0 };
	for (size_t i = 0; i < story->loads; i++) {
		const struct model_rules *rules = story->load[i].rules;
		for (size_t k = 0; k < rules->count; k++)
			if (rules->rule[k].mode != MODEL_OFF)
				judge_rule(&j, i, &rules->rule[k]);
	}
	verdict_narrow(out);
}

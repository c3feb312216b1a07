#include "tests/model/inside.h"

#include <stdlib.h>
#include <string.h>

const struct model_rule *find_rule(const struct model_rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->count; i++)
		if (strcmp(rules->rule[i].name, name) == 0)
			return rules->rule[i].mode == MODEL_OFF ? NULL : &rules->rule[i];
	return NULL;
}

bool same_trigger(const struct model_rule *a, const struct model_rule *b)
{
	if (a->joins != b->joins)
		return false;
	return a->joins ? a->list == b->list && a->by_name == b->by_name
			: a->property == b->property;
}

/* ---- the verdict --------------------------------------------------------- */

size_t add_group(struct model_verdict *v, int least, int most, const char *why)
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

bool made_sure(const struct model_story *s, int64_t at_ms, int64_t until_ms)
{
	return sure_by(s, at_ms, until_ms, false);
}

bool was_seen(const struct model_story *s, const struct model_record *r, int64_t from_ms,
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

bool hides_behind_merge(const struct model_story *s, const struct model_record *r, int64_t at_ms)
{
	return r->merged_ms > r->created_ms && !was_seen(s, r, r->merged_ms, at_ms);
}

int64_t activated_ms(const struct judging *j)
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

/* ---- an event ------------------------------------------------------------- */

/* When an address is there that the rule waits for; false: never. `shown`: also one that a merge set without an entry. */
static bool address_comes(const struct model_rule *rule, const struct model_record *who,
			  int64_t at_ms, bool shown)
{
	const struct model_field *f = &who->field[M_EMAIL];
	int64_t as_of_ms = at_ms + rule->settle_ms;

	if (model_email_valid((shown ? model_shown : model_as_of)(who, M_EMAIL, as_of_ms)))
		return true;
	for (size_t i = 0; rule->hold_ms && i < f->count; i++)
		if ((shown || !f->write[i].hidden) && f->write[i].at_ms > as_of_ms &&
		    f->write[i].at_ms <= at_ms + rule->hold_ms &&
		    model_email_valid(f->write[i].value))
			return true;
	return rule->hold_ms && who->into && address_comes(rule, who->into, at_ms, shown);
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
	bool moved = false;

	/* What is held of a list goes on only while the name that the rule gives leads to it. */
	for (size_t i = 0; e->rule->joins && e->rule->by_name && i < j->story->portal->lists; i++) {
		const struct model_list *l = j->story->portal->list[i];
		moved |= l->names != 1 || l->named[0].until_ms != INT64_MAX;
	}
	return !gone && !moved && j->term.end_ms == j->story->end_ms &&
	       e->rule->mode == MODEL_LIVE &&
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

void make_unsure(struct judging *j, size_t group, const char *why)
{
	j->out->group[group].least = 0;
	j->out->group[group].why = why;
}

void claim_event(struct judging *j, const struct model_event *e, const struct model_record *seen,
		 size_t group)
{
	int64_t as_of_ms = e->at_ms + e->rule->settle_ms;
	enum model_answer matches = model_matches(e->rule, seen, e->from, e->to, as_of_ms,
						  !hides_behind_merge(j->story, seen, as_of_ms));
	bool told = address_comes(e->rule, seen, e->at_ms, false);
	bool shown = address_comes(e->rule, seen, e->at_ms, true);

	if (matches == MODEL_NO || (!told && !shown))
		return;
	claim_wording(j, e, e->rule, group);
	if (matches == MODEL_MAYBE || told != shown)
		make_unsure(j, group, "a merge set a value, and it is not sure that it was seen");
	if (model_email_valid(model_as_of(seen, M_EMAIL, as_of_ms)) &&
	    !address_goes(e->who, as_of_ms))
		return;
	if (!surely_released(j, e))
		make_unsure(j, group, "held for an address, and not surely let go");
	claim_later_wordings(j, e, group);
}

void claim_unsure(struct judging *j, const struct model_event *e, size_t group)
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

bool surely_decided(const struct judging *j, int64_t at_ms, int64_t until_ms)
{
	int64_t load_ms = j->story->load[j->term.load].at_ms;

	return made_sure(j->story, at_ms > load_ms ? at_ms : load_ms, until_ms);
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
		judge_joins(j);
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
	verdict_narrow(out, story->refuses);
}

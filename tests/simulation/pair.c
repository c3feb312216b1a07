/*
 * pair - which credential is for which claim, and which row of the ledger that a person or a
 * brake keeps from being one.
 *
 * Two credentials with the same fields may each meet either of two claims, and a third claim
 * only one of them: so each takes what is free, and where nothing is, others move over, as in
 * any bipartite matching. Between credentials and groups of claims, of which `most` may be met.
 */
#include <string.h>

#include "tests/simulation/simulation.h"

/* ---- does a credential meet a claim ------------------------------------------------ */

bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b) == 0;
}

static bool same_custom(const struct sandbox_credential *c, const char *tag, const char *wanted)
{
	struct slice key;
	const struct json *value;
	bool found = false;

	for (struct json_each e = json_each(c->custom); json_next(&e, &key, &value);) {
		if (!slice_is(key, tag))
			continue;
		found = true;
		if (!slice_is(json_slice(value), wanted))
			return false;
	}
	return found || !*wanted;
}

static bool fits(const struct sandbox_credential *c, const struct model_event *e, int64_t look_ms)
{
	struct model_fields f;

	model_render(e, look_ms, &f);
	bool good = same_text(c->email, str_text(&f.email)) &&
		    same_text(c->name, str_text(&f.name)) &&
		    same_text(c->issue_date, f.issue_date) &&
		    same_text(c->expiry_date, f.expiry_date) &&
		    same_custom(c, "custom.tier", f.tier) &&
		    same_custom(c, "custom.note", str_text(&f.note));
	model_fields_release(&f);
	return good;
}

/* As it would be rendered by a look at any time between due and the credential's creation. */
bool fits_some_look(const struct sandbox_credential *c, const struct model_claim *claim)
{
	const struct model_record *r = claim->event.who;

	if (fits(c, &claim->event, claim->due_ms))
		return true;
	for (; r; r = r->into) {
		for (int p = M_EMAIL; p <= M_LAST; p++) {
			const struct model_field *f = &r->field[p];
			for (size_t i = 0; i < f->count; i++)
				if (f->write[i].at_ms > claim->due_ms &&
				    f->write[i].at_ms <= c->created_ms &&
				    fits(c, &claim->event, f->write[i].at_ms))
					return true;
		}
		if (r->into && r->end_ms <= c->created_ms && r->end_ms > claim->due_ms &&
		    fits(c, &claim->event, r->end_ms))
			return true;
	}
	return false;
}

/*
 * A draft that a lost create has left may be taken by a later issuance with the same fields: it is
 * made before that one is due, and after another that is equal.
 */
static bool in_time(const struct pairs *p, const struct sandbox_credential *c,
		    const struct model_claim *claim)
{
	int64_t made_ms = c->created_ms + MS_SECOND;

	if (claim->due_ms <= made_ms)
		return true;
	for (size_t i = 0; wire_lost_creates(p->life->wire) && i < p->verdict->claims; i++) {
		const struct model_claim *other = &p->verdict->claim[i];
		if (!other->shadow && other->due_ms <= made_ms &&
		    same_text(c->group, other->event.rule->group) && fits_some_look(c, other))
			return true;
	}
	return false;
}

static bool credential_meets(const struct pairs *p, const struct pair *pair,
			     const struct model_claim *claim)
{
	/* Wordings of one rule differ in what they do, too. */
	struct sandbox_credential c = sandbox_credential_at(p->life->sandbox, pair->credential);
	const struct model_rule *rule = claim->event.rule;
	bool draft = strcmp(c.status, "draft") == 0;

	/* Of what a copy misses the engine takes what has all that the rule sets, of two the one that another would have had. */
	if (p->life->was_restored && !rule->expires)
		c.expiry_date = NULL;
	return rule->issue != draft && (rule->send ? pair->gone : c.mails == 0) &&
	       same_text(c.group, rule->group) && fits_some_look(&c, claim) &&
	       in_time(p, &c, claim);
}

static bool meets(const struct pairs *p, size_t i, const struct model_claim *claim)
{
	const struct pair *pair = &p->pair[i];

	if (claim->shadow)
		return false;
	return pair->event ? is_of_event(claim, pair->event) : credential_meets(p, pair, claim);
}

/* ---- pairs ------------------------------------------------------------------------- */

static size_t add_pair(struct pairs *p, struct pair pair)
{
	p->pair = mem_grow(p->pair, &p->cap, p->count + 1, sizeof(*p->pair));
	p->pair[p->count] = pair;
	return p->count++;
}

/* Whether the ledger says that it was sent, or parked, and Certifier that it may be so. */
static bool has_gone(const struct life *l, const struct sandbox_credential *c)
{
	return (c->mails && ledger_says(l, c->id, "sent")) || ledger_says(l, c->id, "send-unknown");
}

void pairs_init(struct pairs *p, struct life *l, struct model_verdict *v)
{
	size_t n = sandbox_credential_count(l->sandbox);

	*p = (struct pairs){ .life = l, .verdict = v };
	p->seen = mem_alloc((v->groups + 1) * sizeof(*p->seen));
	for (size_t i = 0; i < n; i++) {
		struct sandbox_credential c = sandbox_credential_at(l->sandbox, i);
		bool orphan = l->was_restored && !ledger_holds(l, c.id);
		add_pair(p, (struct pair){ .credential = i,
					   .gone = orphan || has_gone(l, &c),
					   .orphan = orphan });
	}
}

void pairs_release(struct pairs *p)
{
	mem_free(p->pair);
	mem_free(p->seen);
}

static void take(struct pairs *p, size_t i, struct model_claim *claim)
{
	struct model_claim *before = p->pair[i].claim;

	if (before) {
		before->met = false;
		p->verdict->group[before->group].met--;
	}
	p->pair[i].claim = claim;
	claim->met = true;
	p->verdict->group[claim->group].met++;
}

/* Of what is free, a claim of a group that must be met, or one that may be. */
static bool take_free(struct pairs *p, size_t i)
{
	struct model_claim *found = NULL;
	bool must = false;

	for (size_t k = 0; k < p->verdict->claims && !must; k++) {
		struct model_claim *claim = &p->verdict->claim[k];
		const struct model_group *g = &p->verdict->group[claim->group];
		bool better = !found || g->met < g->least;
		if (claim->met || g->met >= g->most || !better || !meets(p, i, claim))
			continue;
		found = claim;
		must = g->met < g->least;
	}
	if (found)
		take(p, i, found);
	return found != NULL;
}

static struct pair *left_open_in(const struct pairs *p, size_t group)
{
	for (size_t i = 0; i < p->count; i++) {
		struct pair *row = &p->pair[i];
		if (row->event && row->event->left_open && row->claim && row->claim->group == group)
			return row;
	}
	return NULL;
}

/*
 * What a reconcile held may be the orphan, and a person said that it is (drop) or that it is not
 * (retry), rightly or not: so its event may have come to what they made of it, and to one orphan.
 * What has no address any more matches none, and comes to nothing itself.
 */
static bool take_left_open(struct pairs *p, size_t i)
{
	for (size_t k = 0; p->pair[i].orphan && k < p->verdict->claims; k++) {
		struct model_claim *claim = &p->verdict->claim[k];
		struct pair *row = meets(p, i, claim) ? left_open_in(p, claim->group) : NULL;
		if (!row)
			continue;
		row->claim->met = false;
		row->claim = NULL;
		p->verdict->group[claim->group].met--;
		take(p, i, claim);
		return true;
	}
	return false;
}

static bool make_room(struct pairs *p, size_t group);

static bool place(struct pairs *p, size_t i)
{
	if (take_free(p, i))
		return true;
	for (size_t k = 0; k < p->verdict->claims; k++) {
		struct model_claim *claim = &p->verdict->claim[k];
		if (p->seen[claim->group] || !meets(p, i, claim))
			continue;
		p->seen[claim->group] = true;
		if (!make_room(p, claim->group))
			continue;
		take(p, i, claim);
		return true;
	}
	return take_left_open(p, i);
}

/* Whoever is in the group goes elsewhere. */
static bool make_room(struct pairs *p, size_t group)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->pair[i].claim && p->pair[i].claim->group == group && place(p, i))
			return true;
	return false;
}

bool pairs_place(struct pairs *p, size_t i)
{
	memset(p->seen, 0, p->verdict->groups * sizeof(*p->seen));
	return place(p, i);
}

bool pairs_add(struct pairs *p, const struct ledger_event *event)
{
	return pairs_place(p, add_pair(p, (struct pair){ .event = event }));
}

static bool fill(struct pairs *p, struct model_claim *claim);

/* It comes over from its group, if that has more than it must or is filled again. */
static bool come_over(struct pairs *p, size_t i, struct model_claim *claim)
{
	struct model_claim *before = p->pair[i].claim;

	if (!before || p->seen[before->group] || !meets(p, i, claim))
		return false;
	size_t from = before->group;
	take(p, i, claim);
	if (p->verdict->group[from].met >= p->verdict->group[from].least)
		return true;
	p->seen[from] = true;
	for (size_t k = 0; k < p->verdict->claims; k++)
		if (p->verdict->claim[k].group == from && fill(p, &p->verdict->claim[k]))
			return true;
	take(p, i, before);
	return false;
}

static bool fill(struct pairs *p, struct model_claim *claim)
{
	for (size_t i = 0; i < p->count; i++)
		if (come_over(p, i, claim))
			return true;
	return false;
}

bool pairs_fill(struct pairs *p, struct model_claim *claim)
{
	memset(p->seen, 0, p->verdict->groups * sizeof(*p->seen));
	p->seen[claim->group] = true;
	return fill(p, claim);
}

#include "engine/observe.h"

#include <string.h>

#include "base/arena.h"
#include "engine/burst.h"
#include "engine/census.h"
#include "engine/view.h"

/* One walk that is to be made. */
struct visit {
	struct survey_scope scope;
	uint32_t account;  /* in the edited table */
	int64_t settle_ms; /* of the first rule that asks for it */
};

struct observe {
	const struct world *world;
	const struct table *old, *edited;
	struct table wide; /* the edited one, which reads what the one in force reads, too */
	uint32_t *wide_of; /* by the old table's properties: their index in wide */
	int64_t since_ms;
	struct compare *compare;
	struct visit *visit;
	size_t visits, next;
	struct census *census; /* of visit[next] */
	struct census_taker taker;
	struct arena memory;
};

/* ---- what is read ------------------------------------------------------------ */

/* The account of the edited table that the old one's is; UINT32_MAX where it has none. */
static uint32_t account_of(const struct observe *o, uint32_t old)
{
	for (uint32_t i = 0; i < o->edited->n_account; i++)
		if (strcmp(o->edited->account[i].name, o->old->account[old].name) == 0)
			return i;
	return UINT32_MAX;
}

static uint32_t property_of(const struct table *t, uint32_t source, const char *name)
{
	for (uint32_t i = 0; i < t->n_property; i++)
		if (t->property[i].source == source && strcmp(t->property[i].name, name) == 0)
			return i;
	return UINT32_MAX;
}

static void widen(struct observe *o)
{
	const struct table *old = o->old, *edited = o->edited;
	struct property *all = arena_alloc(&o->memory, (old->n_property + edited->n_property + 1) *
							       sizeof(*all));
	size_t n = edited->n_property;

	if (n)
		memcpy(all, edited->property, n * sizeof(*all));
	o->wide = *edited;
	o->wide_of = arena_alloc(&o->memory, (old->n_property + 1) * sizeof(*o->wide_of));
	for (size_t i = 0; i < old->n_property; i++) {
		struct property p = old->property[i];
		p.source = account_of(o, p.source);
		uint32_t at = property_of(edited, p.source, p.name);
		o->wide_of[i] = at != UINT32_MAX ? at : (uint32_t)n;
		if (at == UINT32_MAX)
			all[n++] = p;
		else
			all[at].history |= p.history;
	}
	/* A value stands for its label. */
	for (size_t i = 0; i < n; i++)
		all[i].label = false;
	o->wide.property = all;
	o->wide.n_property = n;
}

static bool same_visit(const struct visit *a, const struct visit *b)
{
	if (a->account != b->account || a->scope.kind != b->scope.kind)
		return false;
	return a->scope.kind == SURVEY_CHANGED ||
	       (a->scope.target_is_name == b->scope.target_is_name &&
		strcmp(a->scope.target, b->scope.target) == 0);
}

static void add_visit(struct observe *o, const struct rule *rule, uint32_t account)
{
	bool list = rule->event == EVENT_LIST_ADDED;
	struct visit v = { .account = account,
			   .settle_ms = rule->settle_ms,
			   .scope = { .kind = list ? SURVEY_MEMBERS : SURVEY_CHANGED,
				      .target = list ? rule->target : NULL,
				      .target_is_name = rule->target_is_name,
				      .since_ms = o->since_ms } };
	size_t i = 0;

	if (rule->mode == MODE_OFF || account == UINT32_MAX)
		return;
	while (i < o->visits && !same_visit(&o->visit[i], &v))
		i++;
	if (i == o->visits)
		o->visit[o->visits++] = v;
}

static void plan_visits(struct observe *o)
{
	o->visit = arena_alloc(&o->memory,
			       (o->old->n_rule + o->edited->n_rule + 1) * sizeof(*o->visit));
	for (size_t i = 0; i < o->edited->n_rule; i++)
		add_visit(o, &o->edited->rule[i], o->edited->rule[i].source);
	for (size_t i = 0; i < o->old->n_rule; i++)
		add_visit(o, &o->old->rule[i], account_of(o, o->old->rule[i].source));
}

/* ---- events -------------------------------------------------------------------- */

/* Facts of the wide table, for the one in force. */
struct narrow {
	const struct observe *observe;
	struct facts of;
};

static enum fact narrow_value(void *ctx, uint32_t property, struct slice *value)
{
	struct narrow *n = ctx;

	return n->of.value(n->of.ctx, n->observe->wide_of[property], value);
}

static void compare_at(struct observe *o, const struct census_look *look, const struct contact *c,
		       const struct event_facts *event, const char *target)
{
	struct view then = { c, look->ops, look->source, false, event->as_of_ms, false };
	struct narrow narrow = { o, view_facts(&then) };
	struct compare_event e = {
		.account = o->edited->account[o->visit[o->next].account].name,
		.contact = c->id,
		.target = target,
		.event = event,
		.old = { &narrow, narrow_value, NULL },
		.edited = view_facts(&then),
	};

	compare_event(o->compare, &e);
}

/* Changes of the rule's property since then that have settled. */
static void compare_changes(struct observe *o, const struct census_look *look,
			    const struct contact *c, const struct rule *rule, struct arena *memory)
{
	uint32_t account = o->visit[o->next].account;
	uint32_t at = property_of(&o->wide, account, rule->target);
	const struct contact_property *p = &c->property[at];
	struct burst_input in = {
		.entry = p->entry,
		.entries = p->entries,
		.cut = p->cut,
		.start_ms = o->since_ms,
		.settle_ms = rule->settle_ms,
		.created_ms = c->created_ms,
		.creation_window_ms = look->ops->creation_window_ms(look->source),
		.from_merge = c->n_merged > 0,
	};
	struct burst_output bursts;

	burst_find(&in, memory, &bursts);
	for (size_t i = 0; i < bursts.bursts; i++) {
		const struct burst *b = &bursts.burst[i];
		struct event_facts e = { .kind = EVENT_PROPERTY_CHANGED,
					 .property = slice_of(rule->target),
					 .from = b->from,
					 .to = b->to,
					 .from_known = b->from_known,
					 .at_ms = b->last_ms,
					 .as_of_ms = b->last_ms + rule->settle_ms };
		if (b->change && e.as_of_ms <= look->began_ms)
			compare_at(o, look, c, &e, rule->target);
	}
}

static void compare_contact(struct observe *o, const struct census_look *look, size_t i,
			    struct arena *memory)
{
	const struct visit *v = &o->visit[o->next];
	const struct contact *c = &look->contact[i];
	struct event_facts joined = { .kind = EVENT_LIST_ADDED,
				      .list_id = slice_of(look->list_id),
				      .list_name = slice_of(look->list_name),
				      .from_known = true,
				      .at_ms = look->sighting[i].joined_ms,
				      .as_of_ms = look->sighting[i].joined_ms + v->settle_ms };
	const struct table *tables[] = { o->edited, o->old };

	if (c->gone)
		return;
	if (v->scope.kind == SURVEY_MEMBERS) {
		if (joined.as_of_ms <= look->began_ms)
			compare_at(o, look, c, &joined, look->list_id);
		return;
	}
	for (size_t t = 0; t < 2; t++) {
		for (size_t k = 0; k < tables[t]->n_rule; k++) {
			const struct rule *rule = &tables[t]->rule[k];
			uint32_t account = t ? account_of(o, rule->source) : rule->source;
			if (rule->mode != MODE_OFF && rule->event == EVENT_PROPERTY_CHANGED &&
			    account == v->account)
				compare_changes(o, look, c, rule, memory);
		}
	}
}

static bool wants(void *ctx, const struct sighting *s)
{
	const struct observe *o = ctx;

	return o->visit[o->next].scope.kind == SURVEY_CHANGED || s->joined_ms > o->since_ms;
}

static void take(void *ctx, const struct census_look *look, bool *again)
{
	struct arena memory;

	(void)again;
	arena_init(&memory);
	for (size_t i = 0; i < look->count; i++)
		compare_contact(ctx, look, i, &memory);
	arena_release(&memory);
}

/* ---- life ------------------------------------------------------------------------ */

struct observe *observe_new(const struct world *world, const struct table *old,
			    const struct table *edited, int64_t since_ms, struct compare *compare)
{
	struct observe *o = mem_alloc(sizeof(*o));

	o->world = world;
	o->old = old;
	o->edited = edited;
	o->since_ms = since_ms;
	o->compare = compare;
	o->taker = (struct census_taker){ o, wants, take };
	arena_init(&o->memory);
	widen(o);
	plan_visits(o);
	return o;
}

void observe_free(struct observe *o)
{
	if (!o)
		return;
	census_free(o->census);
	arena_release(&o->memory);
	mem_free(o);
}

enum rc observe_step(struct observe *o, bool *done, struct err *err)
{
	bool over = false;

	*done = o->next == o->visits;
	if (*done)
		return RC_OK;
	const struct visit *v = &o->visit[o->next];
	if (!o->census)
		o->census = census_new(o->world, &o->wide, v->account, &v->scope, &o->taker);
	enum rc rc = census_step(o->census, &over, err);
	if (over) {
		census_free(o->census);
		o->census = NULL;
		o->next++;
	}
	return rc;
}

int64_t observe_wake_ms(const struct observe *o)
{
	return o->census ? census_wake_ms(o->census) : 0;
}

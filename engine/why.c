#include "engine/why.h"

#include <stdlib.h>
#include <string.h>

#include "engine/forgotten.h"
#include "engine/ledger.h"
#include "engine/person.h"
#include "engine/why_join.h"

/* ---- who ------------------------------------------------------------------ */

/* All ids of a contact. */
#define IDS                                                                                        \
	"WITH who (id) AS (SELECT ?2 UNION ALL SELECT old FROM alias WHERE account = ?1 AND contact = ?2)"

static const char *text_of(struct why *w, struct query *q, int column)
{
	return query_null(q, column) ? NULL : arena_text(&w->memory, query_slice(q, column));
}

static void find_persons(struct why *w, const char *who)
{
	struct person *found;

	w->persons = person_find(w->db, who, false, &w->memory, &found);
	struct why_person *person = arena_alloc(&w->memory, (w->persons + 1) * sizeof(*person));
	for (size_t i = 0; i < w->persons; i++)
		person[i] = (struct why_person){ .account = found[i].account,
						 .contact = found[i].contact };
	w->person = person;
}

static void find_active(struct why *w)
{
	size_t n = (size_t)db_integer(w->db, 0, "SELECT count(*) FROM rule", "");
	struct why_active *active = arena_alloc(&w->memory, (n + 1) * sizeof(*active));
	struct query *q = db_select(
		w->db,
		"SELECT r.name, w.account, w.event, w.target, w.start_ms FROM rule r"
		" JOIN watch w ON w.id = r.watch ORDER BY r.name",
		"");

	while (query_next(q) && w->actives < n)
		active[w->actives++] = (struct why_active){
			text_of(w, q, 0), text_of(w, q, 1), text_of(w, q, 2), text_of(w, q, 3),
			query_null(q, 4) ? INT64_MAX : query_integer(q, 4)
		};
	w->active = active;
}

static void find_table(struct why *w)
{
	struct query *q = db_select(
		w->db, "SELECT hash, loaded_ms FROM ruleset ORDER BY id DESC LIMIT 1", "");

	w->hash = "";
	if (query_next(q)) {
		w->hash = text_of(w, q, 0);
		w->loaded_ms = query_integer(q, 1);
		query_end(q);
	}
}

/* ---- tables of their time --------------------------------------------------- */

/* NULL with *untold where there is none that can be used. */
static const struct ruleset *ruleset_of(struct why *w, int64_t id, const char **untold)
{
	size_t i = 0;
	struct err err;

	while (i < w->rulesets && w->ruleset[i].id != id)
		i++;
	if (i == w->rulesets) {
		w->ruleset = mem_grow(w->ruleset, &w->cap_ruleset, i + 1, sizeof(*w->ruleset));
		w->refused = mem_grow(w->refused, &w->cap_refused, i + 1, sizeof(*w->refused));
		w->refused[i].text[0] = '\0';
		if (ruleset_open(w->db, id, &w->memory, &w->ruleset[i], &w->refused[i]) != RC_OK)
			table_unref(w->ruleset[i].table), w->ruleset[i].table = NULL;
		w->ruleset[i].id = id;
		w->rulesets++;
	}
	if (!w->ruleset[i].table) {
		*untold = arena_text(&w->memory, slice_of(w->refused[i].text));
		return NULL;
	}
	if (clock_set_zone(w->ruleset[i].timezone, &err) != RC_OK) {
		*untold = arena_text(&w->memory, slice_of(err.text));
		return NULL;
	}
	return &w->ruleset[i];
}

/* ---- issuances -------------------------------------------------------------- */

static void read_trail(struct why *w, struct why_issuance *is)
{
	int64_t n = db_integer(w->db, 0, "SELECT count(*) FROM trail WHERE issuance = ?1", "i",
			       is->id);
	struct why_step *step = arena_alloc(&w->memory, ((size_t)n + 1) * sizeof(*step));
	struct query *q = db_select(
		w->db,
		"SELECT at_ms, state, note, who FROM trail WHERE issuance = ?1 ORDER BY id LIMIT ?2",
		"ii", is->id, n);

	while (query_next(q))
		step[is->steps++] = (struct why_step){ query_integer(q, 0), text_of(w, q, 1),
						       text_of(w, q, 2), text_of(w, q, 3) };
	is->trail = step;
}

static struct why_issuance *read_issuance(struct why *w, int64_t id)
{
	struct why_issuance *is = arena_alloc(&w->memory, sizeof(*is));
	struct query *q = db_select(w->db,
				    "SELECT rule, table_hash, state, " LEDGER_REASON
				    ", credential, public_url FROM issuance WHERE id = ?1",
				    "i", id);

	is->id = id;
	if (!query_next(q)) /* defensive: it was there just now */
		return NULL;
	is->rule = text_of(w, q, 0);
	is->hash = text_of(w, q, 1);
	is->state = text_of(w, q, 2);
	is->reason = text_of(w, q, 3);
	is->credential = text_of(w, q, 4);
	is->public_url = text_of(w, q, 5);
	query_end(q);
	read_trail(w, is);
	return is;
}

/* The issuance of an event of a rule, under whichever id of the contact; NULL where there is none. */
static const struct why_issuance *issuance_of(struct why *w, const struct why_person *p,
					      const struct why_entry *e, const char *rule)
{
	int64_t id = db_integer(
		w->db, 0,
		IDS " SELECT id FROM issuance WHERE source_account = ?1"
		    " AND contact IN (SELECT id FROM who) AND rule = ?3 AND event = ?4"
		    " AND target = ?5 AND at_ms = ?6 AND to_value = ?7",
		"tttttit", p->account, p->contact, rule, e->event, e->target, e->at_ms, e->to);

	return id ? read_issuance(w, id) : NULL;
}

/* ---- events ------------------------------------------------------------------ */

/* The table and the moment of an entry's look, for one of its rules or for the entry. */
static struct why_look look_of(const struct why *w, int64_t made_ms, const char *hash,
			       const char *who)
{
	return (struct why_look){ made_ms, hash, hash && strcmp(hash, w->hash) == 0, who };
}

static void read_outcome(struct why *w, const struct recorded *of, struct why_rule *r)
{
	struct query *q = db_select(w->db,
				    "SELECT outcome, reason, who FROM decision WHERE account = ?1"
				    " AND contact = ?2 AND event_id = ?3 AND rule = ?4",
				    "ttit", of->account, of->contact, of->id, r->name);

	if (query_next(q)) {
		r->outcome = text_of(w, q, 0);
		r->reason = text_of(w, q, 1);
		r->look.who = text_of(w, q, 2);
		query_end(q);
	}
	if (of->rule && !r->look.who)
		r->look.who = "";
}

static bool looked(const struct ruleset *set, const struct recorded *of, const char *rule)
{
	return of->rule ? strcmp(of->rule, rule) == 0 : ruleset_watch(set, rule) == of->watch;
}

/* Every rule that looked at the event, with its trace. */
static void trace_rules(struct why *w, const struct why_person *p, const struct recorded *of,
			struct why_entry *e)
{
	const struct ruleset *set = ruleset_of(w, of->ruleset, &e->untold);

	if (!set)
		return;
	const struct table *t = set->table;
	struct recorded_facts *seen = arena_alloc(&w->memory, sizeof(*seen));
	struct why_rule *rule = arena_alloc(&w->memory, (t->n_rule + 1) * sizeof(*rule));
	*seen = (struct recorded_facts){ t, of };
	struct facts facts = recorded_facts(seen);
	for (size_t i = 0; i < t->n_rule; i++) {
		const struct rule *of_table = &t->rule[i];
		if (!looked(set, of, of_table->name) ||
		    (w->only && strcmp(w->only, of_table->name) != 0))
			continue;
		struct why_rule *r = &rule[e->rules++];
		*r = (struct why_rule){ .name = of_table->name,
					.look = look_of(w, of->made_ms, set->hash, NULL),
					.mode = rule_mode_names[of_table->mode],
					.traced = !of->gone };
		if (r->traced)
			trace_rule(t, of_table, &of->event, &facts, &w->memory, &r->trace);
		read_outcome(w, of, r);
		r->issuance = issuance_of(w, p, e, r->name);
	}
	why_order(rule, e->rules);
	e->rule = rule;
	e->look = e->rules ? rule[0].look : look_of(w, of->made_ms, set->hash, NULL);
}

/* What was no event: that, and why, said of the watch as a whole. */
static void read_no_event(struct why *w, const struct recorded *of, struct why_entry *e)
{
	struct why_rule *r = arena_alloc(&w->memory, sizeof(*r));
	struct query *q = db_select(w->db,
				    "SELECT outcome, reason, table_hash FROM decision"
				    " WHERE account = ?1 AND contact = ?2 AND event_id = ?3",
				    "tti", of->account, of->contact, of->id);

	*r = (struct why_rule){ .outcome = "no-event" };
	if (query_next(q)) {
		r->outcome = text_of(w, q, 0);
		r->reason = text_of(w, q, 1);
		r->look = e->look = look_of(w, of->made_ms, text_of(w, q, 2), NULL);
		query_end(q);
	}
	e->kind = WHY_DECISION;
	e->rule = r;
	e->rules = 1;
}

/* Without the table: what is on record of the rules' outcomes. */
static void read_outcomes(struct why *w, const struct why_person *p, const struct recorded *of,
			  struct why_entry *e)
{
	int64_t n = db_integer(w->db, 0,
			       "SELECT count(*) FROM decision WHERE account = ?1 AND contact = ?2"
			       " AND event_id = ?3",
			       "tti", of->account, of->contact, of->id);
	struct why_rule *rule = arena_alloc(&w->memory, ((size_t)n + 1) * sizeof(*rule));
	struct query *q = db_select(
		w->db,
		"SELECT rule, outcome, reason, table_hash, who FROM decision WHERE account = ?1"
		" AND contact = ?2 AND event_id = ?3 ORDER BY id LIMIT ?4",
		"ttii", of->account, of->contact, of->id, n);

	while (query_next(q)) {
		const char *name = text_of(w, q, 0);
		e->look = look_of(w, of->made_ms, text_of(w, q, 3), text_of(w, q, 4));
		if (!name || (w->only && strcmp(w->only, name) != 0))
			continue;
		rule[e->rules++] = (struct why_rule){ .name = name,
						      .look = e->look,
						      .outcome = text_of(w, q, 1),
						      .reason = text_of(w, q, 2) };
	}
	for (size_t i = 0; i < e->rules; i++)
		rule[i].issuance = issuance_of(w, p, e, rule[i].name);
	e->rule = rule;
}

/* The entries of one person while they are gathered. */
struct gathering {
	struct why *w;
	struct why_person *p;
	struct why_entry *entry; /* heap */
	size_t count, cap;
};

static struct why_entry *add_entry(struct gathering *g, struct why_entry entry)
{
	g->entry = mem_grow(g->entry, &g->cap, g->count + 1, sizeof(*g->entry));
	g->entry[g->count] = entry;
	return &g->entry[g->count++];
}

/* Of a row that has event, target, from, to and when it was, one behind the other from `column` on. */
static struct why_entry entry_of(struct why *w, enum why_kind kind, struct query *q, int column)
{
	return (struct why_entry){ .kind = kind,
				   .event = text_of(w, q, column),
				   .target = text_of(w, q, column + 1),
				   .from = text_of(w, q, column + 2),
				   .to = text_of(w, q, column + 3),
				   .at_ms = query_integer(q, column + 4) };
}

static const char *kept(struct gathering *g, struct slice text)
{
	return arena_text(&g->w->memory, text);
}

static void read_came(struct why *w, struct slice text, struct why_entry *e)
{
	size_t most = text.len / 3 + 1; /* a letter, a digit, a blank */
	struct came *came = arena_alloc(&w->memory, most * sizeof(*came));

	e->came = came;
	e->came_more = came_is_full(text);
	while (e->n_came < most && came_next(&text, &came[e->n_came]))
		e->n_came++;
}

/* Whether the rule that is asked for watched when that was no event. */
static bool watched(struct why *w, const struct recorded *of)
{
	const char *untold;
	const struct ruleset *set = w->only ? ruleset_of(w, of->ruleset, &untold) : NULL;

	return !set || ruleset_watch(set, w->only) == of->watch;
}

static void add_event(struct gathering *g, const struct recorded *of)
{
	struct why *w = g->w;
	const struct event_facts *f = &of->event;
	bool list = f->kind == EVENT_LIST_ADDED;
	struct why_entry e = { .kind = WHY_EVENT,
			       .at_ms = f->at_ms,
			       .event = event_kind_names[f->kind],
			       .target = of->target,
			       .list_name = list ? kept(g, f->list_name) : NULL,
			       .from = f->from_known ? kept(g, f->from) : NULL,
			       .to = kept(g, f->to),
			       .look = { .made_ms = of->made_ms },
			       .gone = of->gone,
			       .id = of->id,
			       .settle_ms = f->as_of_ms - f->at_ms };
	struct change *change;

	e.changes = changes_read(of->changes, &w->memory, &change);
	e.change = change;
	read_came(w, of->came, &e);
	if (of->rule && strcmp(of->rule, RECORD_NO_EVENT) == 0) {
		read_no_event(w, of, &e);
		if (watched(w, of))
			add_entry(g, e);
		return;
	}
	trace_rules(w, g->p, of, &e);
	if (e.untold)
		read_outcomes(w, g->p, of, &e);
	if (!w->only || e.rules)
		add_entry(g, e);
}

static void gather_events(struct gathering *g)
{
	struct why *w = g->w;
	struct query *q = record_of_contact(w->db, g->p->contact);
	size_t first = w->n_recorded;
	struct recorded one;

	while (record_next(w->db, q, &w->memory, &one)) {
		if (strcmp(one.account, g->p->account) != 0) {
			recorded_release(&one);
			continue;
		}
		w->recorded = mem_grow(w->recorded, &w->cap_recorded, w->n_recorded + 1,
				       sizeof(*w->recorded));
		w->recorded[w->n_recorded++] = one;
	}
	/* Traces lend from it: in its last place, which the arena keeps. */
	for (size_t i = first; i < w->n_recorded; i++) {
		struct recorded *of = arena_alloc(&w->memory, sizeof(*of));
		*of = w->recorded[i];
		add_event(g, of);
		struct slice email = json_get_slice(of->seen, "email");
		if (email.len)
			g->p->email = kept(g, email);
	}
}

/* ---- what else is on record ---------------------------------------------------- */

static const struct why_rule *one_rule(struct gathering *g, struct why_rule rule)
{
	struct why_rule *r = arena_alloc(&g->w->memory, sizeof(*r));

	*r = rule;
	return r;
}

/* Decisions whose event is not on record: what was none, and what is no longer kept. */
static void gather_decisions(struct gathering *g)
{
	struct why *w = g->w;
	size_t first = g->count;
	struct query *q = db_select(
		w->db,
		IDS
		" SELECT event, target, from_value, to_value, at_ms, made_ms, table_hash, rule, outcome,"
		" reason, who FROM decision d WHERE account = ?1 AND contact IN (SELECT id FROM who)"
		" AND NOT EXISTS (SELECT 1 FROM event e WHERE e.id = d.event_id)"
		" AND (?3 IS NULL OR rule IS NULL OR rule = ?3) ORDER BY id",
		"ttt", g->p->account, g->p->contact, w->only);

	while (query_next(q)) {
		struct why_entry e = entry_of(w, WHY_DECISION, q, 0);
		e.look = look_of(w, query_integer(q, 5), text_of(w, q, 6), text_of(w, q, 10));
		e.rules = 1;
		e.rule = one_rule(g, (struct why_rule){ .name = text_of(w, q, 7),
							.look = e.look,
							.outcome = text_of(w, q, 8),
							.reason = text_of(w, q, 9) });
		add_entry(g, e);
	}
	for (size_t i = first; i < g->count; i++) {
		struct why_rule *r = (struct why_rule *)(uintptr_t)g->entry[i].rule;
		if (r->name)
			r->issuance = issuance_of(w, g->p, &g->entry[i], r->name);
	}
}

static bool told(const struct gathering *g, int64_t issuance)
{
	for (size_t i = 0; i < g->count; i++)
		for (size_t k = 0; k < g->entry[i].rules; k++)
			if (g->entry[i].rule[k].issuance &&
			    g->entry[i].rule[k].issuance->id == issuance)
				return true;
	return false;
}

static void gather_issuances(struct gathering *g)
{
	struct why *w = g->w;
	size_t first = g->count;
	struct query *q = db_select(
		w->db,
		IDS " SELECT id, event, target, from_value, " FORGOTTEN_SHOWN(
			"to_value") ", at_ms, created_ms, table_hash, rule,"
				    " email FROM issuance WHERE source_account = ?1 AND contact IN (SELECT id FROM who)"
				    " AND (?3 IS NULL OR rule = ?3) ORDER BY id",
		"ttt", g->p->account, g->p->contact, w->only);

	while (query_next(q)) {
		if (query_slice(q, 9).len)
			g->p->email = text_of(w, q, 9);
		if (told(g, query_integer(q, 0)))
			continue;
		struct why_entry e = entry_of(w, WHY_ISSUANCE, q, 1);
		e.id = query_integer(q, 0);
		e.look = look_of(w, query_integer(q, 6), text_of(w, q, 7), NULL);
		e.rules = 1;
		e.rule = one_rule(g, (struct why_rule){ .name = text_of(w, q, 8), .look = e.look });
		add_entry(g, e);
	}
	for (size_t i = first; i < g->count; i++)
		((struct why_rule *)(uintptr_t)g->entry[i].rule)->issuance = read_issuance(
			w, g->entry[i].id);
}

/* What waits, of rules that are active now. */
static void gather_pending(struct gathering *g)
{
	struct why *w = g->w;
	struct query *q = db_select(
		w->db,
		"SELECT w.event, w.target, p.from_value, p.to_value, p.at_ms, p.due_ms, p.came FROM pending p"
		" JOIN watch w ON w.id = p.watch WHERE p.account = ?1 AND p.contact = ?2"
		" AND (?3 IS NULL OR w.id = (SELECT watch FROM rule WHERE name = ?3)) ORDER BY p.at_ms",
		"ttt", g->p->account, g->p->contact, w->only);

	while (query_next(q)) {
		struct why_entry e = entry_of(w, WHY_PENDING, q, 0);
		e.look.made_ms = query_integer(q, 5);
		read_came(w, query_slice(q, 6), &e);
		add_entry(g, e);
	}
	q = db_select(w->db,
		      "SELECT not_before_ms, came FROM news WHERE account = ?1 AND contact = ?2",
		      "tt", g->p->account, g->p->contact);
	while (query_next(q)) {
		struct why_entry e = { .kind = WHY_NEWS,
				       .at_ms = INT64_MAX,
				       .look = { .made_ms = query_integer(q, 0) } };
		read_came(w, query_slice(q, 1), &e);
		add_entry(g, e);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct why_entry *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return (x->look.made_ms > y->look.made_ms) - (x->look.made_ms < y->look.made_ms);
}

static const char *other_ids(struct why *w, const struct why_person *p)
{
	struct str ids;
	struct query *q = db_select(
		w->db, "SELECT old FROM alias WHERE account = ?1 AND contact = ?2 ORDER BY old",
		"tt", p->account, p->contact);

	str_init(&ids, LIMIT_VALUE_BYTES);
	while (query_next(q)) {
		str_add_text(&ids, ids.len ? ", " : "");
		str_add_slice(&ids, query_slice(q, 0));
	}
	const char *text = arena_text(&w->memory, str_slice(&ids));
	str_release(&ids);
	return text;
}

static void gather(struct why *w, struct why_person *p)
{
	struct gathering g = { .w = w, .p = p };

	p->email = "";
	p->ids = other_ids(w, p);
	gather_events(&g);
	gather_decisions(&g);
	gather_issuances(&g);
	gather_pending(&g);
	if (g.count)
		qsort(g.entry, g.count, sizeof(*g.entry), by_time);
	g.count = why_join(&w->memory, g.entry, g.count);
	struct why_entry *entry = arena_alloc(&w->memory, (g.count + 1) * sizeof(*entry));
	if (g.count)
		memcpy(entry, g.entry, g.count * sizeof(*entry));
	mem_free(g.entry);
	p->entry = entry;
	p->entries = g.count;
}

enum rc why_ask(struct why *w, struct db *db, const char *who, const char *only_rule,
		struct err *err)
{
	*w = (struct why){ .db = db, .only = only_rule };
	arena_init(&w->memory);
	find_table(w);
	find_active(w);
	find_persons(w, who);
	for (size_t i = 0; i < w->persons; i++)
		gather(w, (struct why_person *)(uintptr_t)&w->person[i]);
	return db_failed(db, err);
}

void why_release(struct why *w)
{
	for (size_t i = 0; i < w->rulesets; i++)
		ruleset_release(&w->ruleset[i]);
	for (size_t i = 0; i < w->n_recorded; i++)
		recorded_release(&w->recorded[i]);
	mem_free(w->ruleset);
	mem_free(w->refused);
	mem_free(w->recorded);
	arena_release(&w->memory);
}

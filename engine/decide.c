#include "engine/decide.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/burst.h"
#include "engine/changes.h"
#include "engine/counts.h"
#include "engine/decided.h"
#include "engine/ledger.h"
#include "engine/merge.h"
#include "engine/merge_value.h"
#include "engine/plan.h"
#include "engine/record.h"
#include "engine/replan.h"
#include "engine/view.h"

/*
 * A search that showed a newer change than the look did: so often we look again before we
 * believe the look.
 */
#define STALE_LOOKS 4
/* Where more rules than this name a value, those that do not match are counted, not named. */
#define REASONS_MOST 20
#define VALUE_CAME_BACK "the value came back to what it was"

/* One contact being decided. */
struct deciding {
	const struct decide *d;
	const struct contact *c;
	const char *account;
	int64_t began_ms, wall_ms;
	int64_t merged_ms;
	struct arena *memory;
	const struct news *news;
	struct pending *pending; /* what waited before this look … */
	size_t n_pending;
	bool unsure; /* something could not be decided now */
};

/* One event of one watch. */
struct happening {
	const struct watch *watch;
	int64_t at_ms;
	struct slice from, to;
	bool from_known;
	const char *list_id, *list_name; /* list-added */
	const char *skip;		 /* it earns nothing in any case, and why; else NULL */
	struct slice changes;		 /* what the burst was made of (engine/changes.h) … */
	const char *came;		 /* … and how news of it came (engine/came.h) */
	int64_t recorded;		 /* its id on record; 0: it is not */
	size_t passed_over; /* rules that name the value, do not fit, and are too many to be named */
};

/* What one rule says of a happening, before anything is written. */
struct judgement {
	const struct rule *rule;
	enum answer answer;
	struct match_note note;
	enum plan_result planned;
	struct plan plan;
};

/* ---- what is written --------------------------------------------------- */

static void mark_decided(struct deciding *g, const struct watch *w, int64_t at_ms,
			 struct slice value)
{
	decided_note(g->d->db, w->id, g->c->id, at_ms, value);
}

static struct event_facts event_facts(const struct happening *h)
{
	struct event_facts e = { .kind = h->watch->event,
				 .from_known = h->from_known,
				 .at_ms = h->at_ms,
				 .as_of_ms = h->at_ms + h->watch->settle_ms };

	if (h->watch->event == EVENT_PROPERTY_CHANGED) {
		e.property = slice_of(h->watch->target);
		e.from = h->from;
		e.to = h->to;
	} else {
		e.list_name = slice_of(h->list_name);
		e.list_id = slice_of(h->list_id);
	}
	return e;
}

/* One row of `decision` and one line of log: what became of an event, by rule or as a whole. */
static void record(struct deciding *g, const struct happening *h, const struct rule *rule,
		   const char *outcome, const char *reason)
{
	char at[CLOCK_TEXT];
	const char *event = event_kind_names[h->watch->event];
	struct event_facts facts = event_facts(h);
	struct record_decision d = { .event_id = h->recorded,
				     .made_ms = g->wall_ms,
				     .account = g->account,
				     .contact = g->c->id,
				     .rule = rule ? rule->name : NULL,
				     .target = h->watch->target,
				     .event = &facts,
				     .outcome = outcome,
				     .reason = reason,
				     .hash = g->d->table->hash };
	bool held = strcmp(outcome, issuance_state_names[STATE_HELD]) == 0;
	enum log_level level = held ? LOG_ERROR : rule ? LOG_INFO : LOG_DEBUG;

	record_decide(g->d->db, &d);
	counts_note_made(g->d->world->counts, outcome);
	log_line(g->d->world->log, level, outcome, "rule", rule ? rule->name : NULL, "account",
		 g->account, "contact", g->c->id, "event", event, "of", h->watch->target, "at",
		 clock_format(h->at_ms, at), "reason", reason, NULL);
}

/* ---- matching ---------------------------------------------------------- */

/* Fills j: the rule's answer, and the plan where it is yes (or where its filter hit a limit). */
static void judge(struct deciding *g, const struct happening *h, const struct rule *rule,
		  struct judgement *j)
{
	const struct decide *d = g->d;
	struct event_facts event = event_facts(h);
	struct view then = { g->c, d->ops, d->origin, false, event.as_of_ms, false };
	struct view now = { g->c, d->ops, d->origin, true, 0, false };
	struct plan_input in = {
		.db = d->db,
		.table = d->table,
		.event = &event,
		.target = h->list_id ? h->list_id : h->watch->target,
		.contact = g->c->id,
		.then = &then,
		.now = view_facts(&now),
		.began_ms = g->began_ms,
		.wall_ms = g->wall_ms,
	};

	*j = (struct judgement){ .rule = rule, .planned = PLAN_KNOWN };
	if (g->c->gone) {
		j->answer = ANSWER_YES;
		j->planned = plan_skip(&in, rule, "contact deleted before the decision", g->memory,
				       &j->plan);
		return;
	}
	struct facts facts = view_facts(&then);
	j->answer = rule_match(d->table, rule, &event, &facts, &j->note);
	if (h->skip && j->answer == ANSWER_LIMIT)
		j->answer = ANSWER_YES;
	if (h->skip && j->answer == ANSWER_YES)
		j->planned = plan_skip(&in, rule, h->skip, g->memory, &j->plan);
	else if (j->answer == ANSWER_YES)
		j->planned = plan_make(&in, rule, NULL, g->memory, &j->plan);
	else if (j->answer == ANSWER_LIMIT)
		j->planned = plan_make(&in, rule, &j->note, g->memory, &j->plan);
	if (j->planned == PLAN_UNSURE)
		j->answer = ANSWER_UNSURE;
	if (j->answer == ANSWER_YES && then.reached_back && j->plan.is.state == STATE_PLANNED)
		j->plan.is.reason =
			"history does not reach back: the oldest known values were used";
}

static void write_judgement(struct deciding *g, const struct happening *h, struct judgement *j)
{
	if (j->answer == ANSWER_NO) {
		record(g, h, j->rule, "no-match", match_note_words(&j->note, g->memory));
		return;
	}
	if (j->planned == PLAN_KNOWN) {
		record(g, h, j->rule, "no-event", "this event is in the ledger already");
		return;
	}
	ledger_hold_as_others(g->d->db, &j->plan.is, g->memory);
	enum issuance_state state = j->plan.is.state;
	bool parked = state == STATE_SKIPPED || state == STATE_HELD;
	ledger_insert(g->d->db, &j->plan.is, j->plan.email);
	if (j->plan.is.expire_ms)
		inbox_recall(g->d->db, g->account, g->c->id, j->plan.is.expire_ms);
	record(g, h, j->rule, parked ? issuance_state_names[state] : "fired", j->plan.is.reason);
}

static void count_event(const struct deciding *g, const struct happening *h)
{
	struct counts *counts = g->d->world->counts;
	int64_t now_ms;

	if (!counts)
		return;
	counts->events++;
	bool known = g->d->ops->now(g->d->origin, &now_ms);
	if (known) /* defensive: no look begins before its clock is known */
		delays_note(&counts->to_decision, now_ms - h->at_ms);
}

/* For questions asked afterwards: what the rules saw, or what was no event. Answers its id; 0: nothing is kept. */
static int64_t record_seen(struct deciding *g, const struct happening *h, const char *rule)
{
	struct event_facts event = event_facts(h);
	struct view then = { g->c, g->d->ops, g->d->origin, false, event.as_of_ms, false };
	struct facts facts = view_facts(&then);
	struct record_event e = { .ruleset = g->d->ruleset,
				  .watch = h->watch->id,
				  .made_ms = g->wall_ms,
				  .contact = g->c->id,
				  .event = &event,
				  .source = g->d->source,
				  .facts = g->c->gone ? NULL : &facts,
				  .rule = rule,
				  .changes = h->changes,
				  .came = h->came };

	return e.ruleset ? record_write(g->d->db, g->d->table, &e) : 0;
}

/* The next of `survivor` is this rule: it may match. */
static bool survived(const struct survivor **survivor, size_t *left, uint32_t rule)
{
	if (*left == 0 || (*survivor)->rule != rule)
		return false;
	(*survivor)++;
	(*left)--;
	return true;
}

/*
 * The rules of this watch that name the value, with what each makes of the event. Those that it does
 * not fit are of interest where they are few; of many they are only counted, in h->passed_over.
 */
static size_t candidates(struct deciding *g, struct happening *h, struct judgement **out)
{
	const struct decide *d = g->d;
	struct event_facts event = event_facts(h);
	struct view then = { g->c, d->ops, d->origin, false, event.as_of_ms, false };
	struct facts facts = view_facts(&then);
	struct rule_ids ids[2];
	const struct survivor *survivor = NULL;
	size_t n = 0, named, survivors = 0;

	table_candidates(d->table, d->source, h->watch->event, h->watch->target, h->to, ids);
	named = ids[0].count + ids[1].count;
	bool all = g->c->gone || named <= REASONS_MOST;
	if (!all)
		survivors = matcher_run(d->watches->matcher, d->source, slice_of(h->watch->target),
					&event, &facts, &survivor);
	*out = arena_alloc(g->memory, ((all ? named : survivors) + 1) * sizeof(**out));
	for (size_t i = 0; i < named; i++) {
		uint32_t id = i < ids[0].count ? ids[0].id[i] : ids[1].id[i - ids[0].count];
		bool judged = all || survived(&survivor, &survivors, id);
		if (d->watches->of_rule[id] != h->watch)
			continue;
		if (judged)
			judge(g, h, &d->table->rule[id], &(*out)[n++]);
		else
			h->passed_over++;
	}
	return n;
}

/* Decides one event for all its rules, or for none. False: unsure, nothing was written. */
static bool decide_event(struct deciding *g, struct happening *h)
{
	struct judgement *j;
	size_t n = candidates(g, h, &j);
	bool sure = true;

	for (size_t i = 0; i < n; i++)
		sure &= j[i].answer != ANSWER_UNSURE;
	if (sure) {
		count_event(g, h);
		h->recorded = record_seen(g, h, NULL);
	}
	for (size_t i = 0; sure && i < n; i++)
		write_judgement(g, h, &j[i]);
	for (size_t i = 0; i < n; i++)
		json_free((struct json *)(uintptr_t)j[i].plan.is.fields);
	if (!sure) {
		g->unsure = true;
		return false;
	}
	if (h->passed_over)
		record(g, h, NULL, "no-match",
		       arena_printf(g->memory, "%zu%s rules that name this value do not match",
				    h->passed_over, n ? " other" : ""));
	else if (n == 0)
		record(g, h, NULL, "no-match", "no rule names this value");
	mark_decided(g, h->watch, h->at_ms, h->to);
	return true;
}

/* What looked like one, and is none. */
static void no_event(struct deciding *g, struct happening *h, const char *reason)
{
	h->recorded = record_seen(g, h, RECORD_NO_EVENT);
	record(g, h, NULL, "no-event", reason);
}

/* ---- property changes -------------------------------------------------- */

/* How news of a burst came: what was known of it while it waited, once, and what there is now. */
static const char *came_of(struct deciding *g, const struct watch *w, int64_t last_ms)
{
	const char *before = NULL;

	for (size_t i = 0; i < g->n_pending; i++) {
		struct pending *p = &g->pending[i];
		if (p->watch != w->id || p->frozen || p->at_ms > last_ms || !p->came)
			continue;
		before = p->came;
		p->came = NULL;
	}
	return came_join(before, g->news->came, g->memory);
}

/* As above, and now it was looked at. */
static const char *came_until_now(struct deciding *g, const char *came)
{
	char word[CAME_TEXT];

	return came_join(came, came_text(CAME_LOOK, g->wall_ms, word), g->memory);
}

static void note_creation(struct deciding *g, const struct watch *w,
			  const struct burst_output *bursts)
{
	struct happening h = { .watch = w,
			       .at_ms = bursts->created_at_ms,
			       .to = bursts->created_value,
			       .from_known = true,
			       .came = g->news->came };

	if (db_exists(g->d->db,
		      "SELECT 1 FROM decision WHERE account = ?1 AND contact = ?2 AND target = ?3"
		      " AND at_ms = ?4 AND outcome = 'no-event'",
		      "ttti", g->account, g->c->id, w->target, h.at_ms))
		return;
	no_event(g, &h, "the contact was created with this value");
}

/* Its identity is that of an earlier one: the same time and value of its last entry. */
static bool same_as_before(const struct burst_output *bursts, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (bursts->burst[k].last_ms == bursts->burst[i].last_ms &&
		    slice_eq(bursts->burst[k].to, bursts->burst[i].to))
			return true;
	return false;
}

/* In order of time what is due is decided, up to a burst that is not, or cannot be now. False: it and all after it wait. */
static bool decide_bursts(struct deciding *g, const struct watch *w,
			  const struct burst_output *bursts, const struct entry *entry)
{
	bool waits = false;

	for (size_t i = 0; i < bursts->bursts; i++) {
		const struct burst *b = &bursts->burst[i];
		struct happening h = { .watch = w,
				       .at_ms = b->last_ms,
				       .from = b->from,
				       .to = b->to,
				       .from_known = b->from_known,
				       .changes = changes_text(b, entry, g->memory) };
		struct pending wait = { .watch = w->id,
					.at_ms = b->last_ms,
					.due_ms = b->last_ms + w->settle_ms,
					.first_ms = b->first_ms,
					.from = b->from,
					.to = b->to,
					.from_known = b->from_known };
		if (same_as_before(bursts, i)) {
			if (!waits)
				mark_decided(g, w, b->last_ms, b->to);
			continue;
		}
		h.came = came_of(g, w, b->last_ms);
		waits = waits || g->began_ms < wait.due_ms || (b->change && !decide_event(g, &h));
		if (waits) {
			wait.came = came_until_now(g, h.came);
			inbox_wait(g->d->db, g->account, slice_of(g->c->id), &wait);
		} else if (!b->change) {
			no_event(g, &h, VALUE_CAME_BACK);
			mark_decided(g, w, b->last_ms, b->to);
		}
	}
	return !waits;
}

/* What wrote the same value again is decided, too: once the source keeps nothing older, nothing else tells that. */
static void note_repeats(struct deciding *g, const struct watch *w, const struct burst_input *in)
{
	const struct entry *newest = &in->entry[in->entries - 1];

	if (!in->decided || newest->at_ms > in->decided_ms)
		mark_decided(g, w, newest->at_ms, newest->value);
}

/*
 * Changes from before a merge that nobody had seen when it was: they earn nothing, and that is
 * recorded. Older ones than decisions are kept cannot be told from what was seen.
 */
static void skip_unseen(struct deciding *g, const struct watch *w, struct burst_input in)
{
	struct burst_output bursts;

	in.start_ms = w->start_ms;
	while (in.entries && in.entry[in.entries - 1].at_ms > g->merged_ms)
		in.entries--;
	burst_find(&in, g->memory, &bursts);
	for (size_t i = 0; i < bursts.bursts; i++) {
		const struct burst *b = &bursts.burst[i];
		struct happening h = { .watch = w,
				       .at_ms = b->last_ms,
				       .from = b->from,
				       .to = b->to,
				       .from_known = b->from_known,
				       .skip = "merged before seen",
				       .changes = changes_text(b, in.entry, g->memory),
				       .came = g->news->came };
		if (b->change && b->last_ms > g->began_ms - DECISIONS_KEPT_MS &&
		    !merge_was_seen(g->d->db, g->account, g->c->id, w->target, b->last_ms) &&
		    !decide_event(g, &h))
			return;
	}
}

static void decide_property(struct deciding *g, const struct watch *w)
{
	const struct contact_property *p = &g->c->property[w->property];
	const struct entry *newest = contact_newest(p);
	struct burst_input in = {
		.entry = p->entry,
		.entries = p->entries,
		.cut = p->cut,
		.start_ms = w->start_ms > g->merged_ms ? w->start_ms : g->merged_ms,
		.settle_ms = w->settle_ms,
		.created_ms = g->c->created_ms,
		.creation_window_ms = g->d->ops->creation_window_ms(g->d->origin),
		.from_merge = g->merged_ms > 0,
	};
	struct burst_output bursts;

	if (p->read && g->merged_ms > w->start_ms)
		skip_unseen(g, w, in);
	if (!p->read || !newest || newest->at_ms <= in.start_ms)
		return;
	decided_tell(g->d->db, w->id, g->c->id, g->pending, g->n_pending, g->memory, &in);
	burst_recall(p, &in);
	burst_find(&in, g->memory, &bursts);
	if (bursts.lost)
		log_line(g->d->world->log, LOG_WARN,
			 "changes lost: more than the source keeps were made unseen", "account",
			 g->account, "contact", g->c->id, "property", w->target, NULL);
	if (bursts.created_with)
		note_creation(g, w, &bursts);
	if (decide_bursts(g, w, &bursts, in.entry))
		note_repeats(g, w, &in);
}

/*
 * Bursts are cut anew from the history at each look; what waited from the last one is out of date. Where there is no
 * history of it any more, the property was deleted, or the token may not read it now: it waits on.
 */
static void forget_bursts(struct deciding *g)
{
	for (size_t i = 0; i < g->n_pending; i++) {
		const struct pending *p = &g->pending[i];
		const struct watch *w = watches_find(g->d->watches, p->watch);
		if (p->frozen || !w || w->event != EVENT_PROPERTY_CHANGED)
			continue;
		if (g->c->property[w->property].entries) {
			inbox_forget(g->d->db, g->c->id, p);
			continue;
		}
		g->unsure = true;
		log_line(g->d->world->log, LOG_WARN,
			 "a change waits: its property is not shown now", "account", g->account,
			 "contact", g->c->id, "property", w->target, NULL);
	}
}

/* ---- joins, and bursts as they were known before a merge or a deletion -- */

/*
 * `joined` is the id of the list that was joined, whichever its name leads to by now; empty: it is not known. What is
 * named by its id may be known by its name only, of another rule, whose scans serve both.
 */
static void name_list(struct deciding *g, struct happening *h, struct slice joined)
{
	struct query *q = db_select(
		g->d->db,
		"SELECT list_id, name FROM list WHERE account = ?1 AND ((target = ?2 AND by_name = ?3"
		" AND ?4 IN ('', list_id)) OR (list_id = ?2 AND ?3 = 0)) ORDER BY by_name <> ?3 LIMIT 1",
		"ttis", g->account, h->watch->target, (int64_t)h->watch->target_is_name, joined);

	h->list_name = h->watch->target;
	h->list_id = joined.len ? arena_text(g->memory, joined) : h->watch->target;
	if (query_next(q)) {
		h->list_id = arena_text(g->memory, query_slice(q, 0));
		h->list_name = arena_text(g->memory, query_slice(q, 1));
		query_end(q);
	}
}

static void decide_pending(struct deciding *g, const struct pending *p)
{
	const struct watch *w = watches_find(g->d->watches, p->watch);
	struct happening h = { .watch = w,
			       .at_ms = p->at_ms,
			       .from = p->from,
			       .to = p->to,
			       .from_known = p->from_known,
			       .came = came_join(p->came, g->news->came, g->memory) };

	if (!w || p->due_ms > g->began_ms)
		return;
	if (w->event == EVENT_LIST_ADDED)
		name_list(g, &h, p->from);
	struct join join = { g->c, p, h.list_id, g->merged_ms };
	const char *none = NULL;
	if (h.list_id && merge_carried_over(g->d->db, g->account, &join))
		none = "a merge carried the membership over";
	else if (!h.list_id && p->from_known && slice_eq(p->from, p->to))
		none = VALUE_CAME_BACK;
	if (none) {
		no_event(g, &h, none);
		mark_decided(g, w, h.at_ms, h.to);
	} else if (!decide_event(g, &h)) {
		return;
	}
	inbox_forget(g->d->db, g->c->id, p);
}

/* ---- a contact --------------------------------------------------------- */

static void settle_news(struct deciding *g, const struct news *news)
{
	const struct decide *d = g->d;
	/* What was really read: a newer change that a search shows is looked at again. */
	int64_t modified_ms = g->c->modified_ms ? g->c->modified_ms : news->modified_ms;

	if (g->unsure) {
		inbox_again(d->db, g->account, news, g->wall_ms, d->world->random(d->world->ctx));
		return;
	}
	inbox_done(d->db, g->account, news);
	if (g->n_pending)
		inbox_demote(d->db, g->account, g->c->id);
	if (!g->c->gone)
		decided_note_read(d->db, d->watches, d->source, g->c, modified_ms);
}

void decide_contact(const struct decide *d, const struct contact *c, const struct news *news,
		    int64_t began_ms, struct arena *memory)
{
	struct deciding g = { .d = d,
			      .c = c,
			      .account = d->table->account[d->source].name,
			      .began_ms = began_ms,
			      .wall_ms = d->world->wall_ms(d->world->ctx),
			      .memory = memory,
			      .news = news };

	if (!c->gone && c->modified_ms < news->modified_ms && news->failures < STALE_LOOKS) {
		inbox_again(d->db, g.account, news, g.wall_ms, d->world->random(d->world->ctx));
		return;
	}
	if (!c->gone) {
		g.merged_ms = merge_note(d->db, g.account, c, d->table->n_property, memory);
		g.c = c = merge_value_show(d, c, g.merged_ms, memory);
	}
	g.unsure = !replan_contact(d, c, news, began_ms, memory);
	g.n_pending = inbox_pending(d->db, g.account, c->id, memory, &g.pending);
	if (!c->gone)
		forget_bursts(&g);
	else if (g.n_pending == 0)
		log_line(d->world->log, LOG_INFO, "contact deleted before it was read", "account",
			 g.account, "contact", c->id, NULL);
	for (size_t i = 0; i < g.n_pending; i++) {
		const struct watch *w = watches_find(d->watches, g.pending[i].watch);
		if (c->gone || g.pending[i].frozen || (w && w->event == EVENT_LIST_ADDED))
			decide_pending(&g, &g.pending[i]);
	}
	for (size_t i = 0; !c->gone && i < d->watches->count; i++) {
		const struct watch *w = &d->watches->watch[i];
		if (w->source == d->source && w->event == EVENT_PROPERTY_CHANGED)
			decide_property(&g, w);
	}
	merge_value_note(d, c, g.merged_ms);
	settle_news(&g, news);
}

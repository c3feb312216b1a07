#include "engine/backfill.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "engine/census.h"
#include "engine/inbox.h"
#include "engine/ledger.h"
#include "engine/plan.h"
#include "engine/record.h"
#include "engine/restored.h"

const char *const backfill_outcome_names[BACKFILL_OUTCOMES] = {
	[BACKFILL_ISSUED] = "issue",	    [BACKFILL_SHADOW] = "shadow",
	[BACKFILL_HELD] = "held",	    [BACKFILL_KNOWN] = "known",
	[BACKFILL_NO_MATCH] = "no-match",   [BACKFILL_NO_EMAIL] = "no-email",
	[BACKFILL_REPEAT] = "repeat",	    [BACKFILL_LEFT] = "left-to-daemon",
	[BACKFILL_CHANGED] = "other-value", [BACKFILL_GONE] = "deleted",
};

struct backfill {
	const struct world *world;
	struct db *db;
	const struct table *table;
	const struct rule *rule;
	struct backfill_choice choice;
	struct survey_scope scope;
	struct census_taker taker;
	struct census *census; /* NULL before the first step */

	int64_t watch, start_ms; /* the rule's activation, as of the last check */
	int64_t ruleset;	 /* the rules in force, as they are on record */
	int64_t made;		 /* what the brake counts … */
	int64_t newest;		 /* … among the ledger's rows up to here, and our own */
	struct map judged;	 /* contacts, by the id that they have */
	struct backfill_report report;
	struct backfill_miss *miss;
	size_t miss_capacity;
	enum rc failed; /* in a look: said at the next step */
	struct err why;
	bool over; /* the limit is reached */
};

/* One contact being judged. */
struct judging {
	struct backfill *b;
	const struct census_look *look;
	const struct contact *c;
	const struct sighting *sighting;
	struct event_facts event;
	struct arena *memory;
	struct plan plan;
	struct match_note note;
	bool written; /* or, in a preview, would be */
};

static int64_t wall_ms(const struct backfill *b)
{
	return b->world->wall_ms(b->world->ctx);
}

static const char *source_name(const struct backfill *b)
{
	return b->table->account[b->rule->source].name;
}

/* ---- whether it may --------------------------------------------------------- */

static enum rc find_activation(struct backfill *b, struct err *err)
{
	struct query *q = db_select(
		b->db,
		"SELECT w.id, coalesce(w.start_ms, -1) FROM rule r JOIN watch w ON w.id = r.watch"
		" WHERE r.name = ?1 AND w.account = ?2 AND w.event = ?3 AND w.target = ?4",
		"tttt", b->rule->name, source_name(b), event_kind_names[b->rule->event],
		b->rule->target);

	if (!query_next(q))
		return err_set(
			err, RC_INVALID,
			"rule '%s' is not active with this trigger: load the rules first, by a reload or 'hs2cert run'",
			b->rule->name);
	b->watch = query_integer(q, 0);
	b->start_ms = query_integer(q, 1);
	query_end(q);
	if (b->start_ms >= 0)
		return RC_OK;
	return err_set(
		err, RC_INVALID,
		"rule '%s' was loaded, but account %s was not reached since: again once 'hs2cert run' has polled it",
		b->rule->name, source_name(b));
}

static enum rc find_ruleset(struct backfill *b, struct err *err)
{
	b->ruleset = db_integer(
		b->db, 0,
		"SELECT id FROM ruleset WHERE id = (SELECT max(id) FROM ruleset) AND hash = ?1",
		"t", b->table->hash);
	return b->ruleset ? RC_OK
			  : err_set(err, RC_INVALID, "other rules were loaded in the meantime");
}

/* Whether it fires for nothing but the empty value. */
static bool wants_nothing(const struct rule *rule)
{
	size_t i = 0;

	while (i < rule->n_to && rule->to[i].len == 0)
		i++;
	return rule->n_to > 0 && i == rule->n_to;
}

/* As of this moment; asked again before each write, because a daemon may be beside us. */
static enum rc check(struct backfill *b, struct err *err)
{
	const char *action = b->table->account[b->rule->action].name;

	if (b->rule->mode == MODE_OFF)
		return err_set(err, RC_INVALID,
			       "rule '%s' is off: give it mode live or shadow, and load the rules",
			       b->rule->name);
	if (wants_nothing(b->rule))
		return err_set(
			err, RC_INVALID,
			"rule '%s' fires for a value that is cleared: of those who have none, nobody can tell who ever had one",
			b->rule->name);
	if (restored_is_set(b->db, action))
		return err_set(
			err, RC_INVALID,
			"account %s is restored from an older state and issues nothing: run 'hs2cert reconcile' first",
			action);
	enum rc rc = find_activation(b, err);
	return rc == RC_OK ? find_ruleset(b, err) : rc;
}

/* ---- which event stands for it ---------------------------------------------- */

/* The last entry that is no repetition of the one before it; false where there is none. */
static bool last_change(const struct contact_property *p, struct event_facts *e)
{
	size_t i = p->entries;

	while (i > 1 && slice_eq(p->entry[i - 1].value, p->entry[i - 2].value))
		i--;
	if (i == 0)
		return false;
	e->at_ms = p->entry[i - 1].at_ms;
	e->from_known = i > 1 || !p->cut;
	e->from = i > 1 ? p->entry[i - 2].value : (struct slice){ 0 };
	return true;
}

static uint32_t trigger_property(const struct backfill *b)
{
	const struct table *t = b->table;

	for (uint32_t i = 0; i < t->n_property; i++)
		if (t->property[i].source == b->rule->source &&
		    strcmp(t->property[i].name, b->rule->target) == 0)
			return i;
	return 0; /* defensive: the table has every trigger's */
}

static void describe_event(struct judging *j)
{
	const struct backfill *b = j->b;
	struct event_facts *e = &j->event;

	*e = (struct event_facts){ .kind = b->rule->event, .from_known = true };
	if (b->rule->event == EVENT_LIST_ADDED) {
		e->at_ms = j->sighting->joined_ms;
		e->list_id = slice_of(j->look->list_id);
		e->list_name = slice_of(j->look->list_name);
	} else {
		const struct contact_property *p = &j->c->property[trigger_property(b)];
		e->property = slice_of(b->rule->target);
		e->to = p->current;
		/* A calculated property may have no history: then the contact's creation has to do. */
		if (!last_change(p, e)) {
			e->at_ms = j->c->created_ms;
			e->from_known = false;
		}
	}
	e->as_of_ms = j->look->began_ms;
}

static const char *target_of(const struct judging *j)
{
	return j->b->rule->event == EVENT_LIST_ADDED ? j->look->list_id : j->b->rule->target;
}

/* ---- judging ----------------------------------------------------------------- */

static bool names_value(const struct rule *rule, struct slice value)
{
	for (size_t i = 0; i < rule->n_to; i++)
		if (slice_eq(rule->to[i], value))
			return value.len > 0;
	return rule->n_to == 0 && value.len > 0;
}

/*
 * What happened since the activation and was not decided yet, or still waits, is the daemon's. Of a change from before a
 * merge that it has seen nothing but what waits is left to it.
 */
static bool is_the_daemons(const struct judging *j)
{
	const struct backfill *b = j->b;

	return j->event.at_ms > b->start_ms &&
	       (db_exists(b->db, "SELECT 1 FROM pending WHERE watch = ?1 AND contact = ?2", "it",
			  b->watch, j->c->id) ||
		!db_exists(b->db,
			   "SELECT 1 FROM decided WHERE watch = ?1 AND contact = ?2 AND at_ms >= ?3"
			   " UNION ALL SELECT 1 FROM contact WHERE account = ?4 AND contact = ?2"
			   " AND merged_ms >= ?3 AND ?5 = 'property-changed'",
			   "ititt", b->watch, j->c->id, j->event.at_ms, source_name(b),
			   event_kind_names[j->event.kind]));
}

/* Under an id that it absorbed, which the daemon may not have heard of yet. */
static bool known_before_merge(const struct judging *j)
{
	struct issuance is = j->plan.is;

	for (size_t i = 0; i < j->c->n_merged; i++) {
		is.contact = j->c->merged[i];
		if (ledger_has_event(j->b->db, &is) || ledger_has_repeat(j->b->db, &is, is.to))
			return true;
	}
	return false;
}

static enum backfill_outcome outcome_of(const struct issuance *is)
{
	if (is->state == STATE_HELD)
		return BACKFILL_HELD;
	if (is->state == STATE_SHADOW)
		return BACKFILL_SHADOW;
	if (is->state == STATE_PLANNED)
		return BACKFILL_ISSUED;
	return is->reason && strncmp(is->reason, "repeat", strlen("repeat")) == 0
		       ? BACKFILL_REPEAT
		       : BACKFILL_NO_EMAIL;
}

/* False: some fact could not be read now. */
static bool plan(struct judging *j, const struct match_note *limit, enum backfill_outcome *out)
{
	struct backfill *b = j->b;
	struct view now = { j->c, j->look->ops, j->look->source, true, j->look->began_ms, false };
	struct plan_input in = {
		.db = b->db,
		.table = b->table,
		.event = &j->event,
		.target = target_of(j),
		.contact = j->c->id,
		.then = &now,
		.now = view_facts(&now),
		.began_ms = j->look->began_ms,
		.wall_ms = wall_ms(b),
	};
	enum plan_result result = plan_late(
		&in, b->rule, limit, b->rule->policy->brake_count - b->made, j->memory, &j->plan);

	if (result == PLAN_MADE)
		*out = known_before_merge(j) ? BACKFILL_KNOWN : outcome_of(&j->plan.is);
	else if (result == PLAN_KNOWN)
		*out = BACKFILL_KNOWN;
	return result != PLAN_UNSURE;
}

static bool judge(struct judging *j, enum backfill_outcome *out)
{
	const struct backfill *b = j->b;
	struct view now = { j->c, j->look->ops, j->look->source, true, 0, false };
	struct facts facts = view_facts(&now);

	*out = BACKFILL_GONE;
	if (j->c->gone)
		return true;
	describe_event(j);
	*out = BACKFILL_CHANGED;
	if (b->rule->event == EVENT_PROPERTY_CHANGED && !names_value(b->rule, j->event.to))
		return true;
	*out = BACKFILL_LEFT;
	if (is_the_daemons(j))
		return true;
	enum answer answer = rule_match(b->table, b->rule, &j->event, &facts, &j->note);
	*out = BACKFILL_NO_MATCH;
	if (answer == ANSWER_YES || answer == ANSWER_LIMIT)
		return plan(j, answer == ANSWER_LIMIT ? &j->note : NULL, out);
	return answer == ANSWER_NO;
}

/* ---- what is written ----------------------------------------------------------- */

/* What was in shadow goes out now, as it is planned now. */
static void take_out_of_shadow(struct judging *j, const char *note)
{
	struct backfill *b = j->b;
	struct issuance *is = &j->plan.is, before;

	if (!ledger_load(b->db, is->id, j->memory, &before))
		return;
	if (ledger_act(b->db, &before, is, wall_ms(b), note, b->choice.who))
		ledger_rewrite(b->db, is, j->plan.email);
	json_free((struct json *)(uintptr_t)before.fields);
}

/* The address may have come since the look, and the daemon have read the contact while nothing waited for it. */
static void wait_for_address(const struct judging *j)
{
	const struct backfill *b = j->b;

	inbox_recall(b->db, source_name(b), j->c->id, j->plan.is.expire_ms);
	inbox_add(b->db, source_name(b), slice_of(j->c->id), 0,
		  (struct came){ CAME_RECALL, wall_ms(b) });
}

static void write(struct judging *j)
{
	struct backfill *b = j->b;
	struct issuance *is = &j->plan.is;

	ledger_hold_as_others(b->db, is, j->memory);
	if (b->choice.preview)
		return;
	const char *note = arena_printf(j->memory, LEDGER_BACKFILL "%s%s", is->reason ? ": " : "",
					is->reason ? is->reason : "");
	if (is->id)
		take_out_of_shadow(j, note);
	else
		ledger_insert_by(b->db, is, j->plan.email, note, b->choice.who);
	if (is->expire_ms)
		wait_for_address(j);
}

static bool is_written(enum backfill_outcome outcome)
{
	return outcome == BACKFILL_ISSUED || outcome == BACKFILL_SHADOW || outcome == BACKFILL_HELD;
}

static const char *verdict_word(enum backfill_outcome outcome)
{
	if (outcome == BACKFILL_NO_MATCH)
		return "no-match";
	if (outcome == BACKFILL_HELD)
		return issuance_state_names[STATE_HELD];
	return is_written(outcome) ? "fired" : issuance_state_names[STATE_SKIPPED];
}

/* What was seen and what became of it. Of who was passed over once: each run meets them again. */
static void keep(struct judging *j, enum backfill_outcome outcome)
{
	struct backfill *b = j->b;
	struct view now = { j->c, j->look->ops, j->look->source, true, 0, false };
	struct facts facts = view_facts(&now);
	struct record_event e = { .ruleset = b->ruleset,
				  .watch = b->watch,
				  .made_ms = wall_ms(b),
				  .contact = j->c->id,
				  .event = &j->event,
				  .source = b->rule->source,
				  .facts = &facts,
				  .rule = b->rule->name,
				  .once = !is_written(outcome) };
	struct record_decision d = { .event_id = record_write(b->db, b->table, &e),
				     .made_ms = e.made_ms,
				     .account = source_name(b),
				     .contact = e.contact,
				     .rule = e.rule,
				     .target = b->rule->target,
				     .event = e.event,
				     .outcome = verdict_word(outcome),
				     .reason = outcome == BACKFILL_NO_MATCH
						       ? match_note_words(&j->note, j->memory)
						       : j->plan.is.reason,
				     .hash = b->table->hash,
				     .who = b->choice.who };

	if (d.event_id)
		record_decide(b->db, &d);
}

static void count_miss(struct backfill *b, const struct match_note *note)
{
	struct backfill_report *r = &b->report;
	size_t i = 0;

	while (i < r->misses &&
	       (b->miss[i].line != note->line || b->miss[i].column != note->column ||
		strcmp(b->miss[i].what, note->what) != 0))
		i++;
	if (i == r->misses) {
		b->miss = mem_grow(b->miss, &b->miss_capacity, i + 1, sizeof(*b->miss));
		b->miss[i] = (struct backfill_miss){ note->what, note->file, note->line,
						     note->column, 0 };
		r->miss = b->miss;
		r->misses++;
	}
	b->miss[i].count++;
}

static int64_t written(const struct backfill_report *r)
{
	return r->of[BACKFILL_ISSUED] + r->of[BACKFILL_SHADOW] + r->of[BACKFILL_HELD];
}

/* The engine, or an earlier backfill, has told of the others. */
static bool is_worth_keeping(struct backfill *b, enum backfill_outcome outcome)
{
	bool passed = outcome == BACKFILL_NO_MATCH || outcome == BACKFILL_NO_EMAIL ||
		      outcome == BACKFILL_REPEAT;

	if (b->choice.preview || (passed && b->report.kept >= b->choice.passed))
		return false;
	b->report.kept += passed;
	return passed || is_written(outcome);
}

/* Writes what is to be written of a contact, and counts it. */
static void conclude(struct judging *j, enum backfill_outcome outcome)
{
	struct backfill *b = j->b;
	struct backfill_report *r = &b->report;

	if (is_written(outcome)) {
		write(j);
		outcome = outcome_of(&j->plan.is);
		b->made++;
		j->written = true;
	}
	if (is_worth_keeping(b, outcome))
		keep(j, outcome);
	r->of[outcome]++;
	if (outcome == BACKFILL_HELD)
		r->held[j->plan.is.hold]++;
	if (outcome == BACKFILL_NO_MATCH)
		count_miss(b, &j->note);
	if (written(r) >= b->choice.limit)
		r->limited = b->over = true;
}

/* ---- one look -------------------------------------------------------------------- */

static bool wants(void *ctx, const struct sighting *s)
{
	struct backfill *b = ctx;
	const char *to = b->rule->event == EVENT_LIST_ADDED ? "" : NULL;
	struct issuance is = { .rule = b->rule->name,
			       .source_account = source_name(b),
			       .contact = s->contact };
	struct arena memory;

	if (!to && !names_value(b->rule, s->value))
		return false;
	arena_init(&memory);
	bool known = ledger_has_repeat(b->db, &is, to ? to : arena_text(&memory, s->value));
	arena_release(&memory);
	b->report.of[BACKFILL_KNOWN] += known;
	return !known;
}

/* What other backfills made since we looked last counts for the brake, too. */
static void count_others(struct backfill *b)
{
	int64_t newest = ledger_newest(b->db);

	if (newest > b->newest)
		b->made += ledger_backfilled(b->db, b->rule->name,
					     wall_ms(b) - b->rule->policy->brake_per_ms, b->newest);
	b->newest = newest;
}

static void take_contacts(struct backfill *b, const struct census_look *look, struct judging *j,
			  bool *again)
{
	for (size_t i = 0; i < look->count && !b->over; i++) {
		enum backfill_outcome outcome;
		j[i].b = b;
		j[i].look = look;
		j[i].c = &look->contact[i];
		j[i].sighting = &look->sighting[i];
		/* Two members that were merged are one. */
		if (map_get(&b->judged, slice_of(j[i].c->id)))
			continue;
		again[i] = !judge(&j[i], &outcome);
		if (again[i])
			continue;
		map_put(&b->judged, slice_of(j[i].c->id), b);
		conclude(&j[i], outcome);
	}
}

static void say(const struct backfill *b, const struct judging *j)
{
	struct backfill_person person = { &j->plan.is, j->plan.email,
					  json_get_slice(j->plan.is.fields, "recipient.name") };

	if (j->written)
		b->choice.say(b->choice.ctx, &person);
}

static void take(void *ctx, const struct census_look *look, bool *again)
{
	struct backfill *b = ctx;
	struct arena memory;
	struct judging *j;

	if (b->over || b->failed != RC_OK)
		return;
	arena_init(&memory);
	j = arena_alloc(&memory, (look->count + 1) * sizeof(*j));
	for (size_t i = 0; i < look->count; i++)
		j[i].memory = &memory;
	if (!b->choice.preview)
		db_begin(b->db, "backfill");
	b->failed = check(b, &b->why);
	if (b->failed == RC_OK) {
		count_others(b);
		take_contacts(b, look, j, again);
		b->newest = ledger_newest(b->db);
	}
	if (b->failed != RC_OK)
		db_rollback(b->db);
	else if (!b->choice.preview)
		b->failed = db_commit(b->db, &b->why);
	for (size_t i = 0; i < look->count; i++) {
		if (b->failed == RC_OK)
			say(b, &j[i]);
		json_free((struct json *)(uintptr_t)j[i].plan.is.fields);
	}
	arena_release(&memory);
}

/* ---- life -------------------------------------------------------------------- */

struct backfill *backfill_new(const struct world *world, const struct table *table,
			      const struct rule *rule, const struct backfill_choice *choice)
{
	struct backfill *b = mem_alloc(sizeof(*b));

	b->world = world;
	b->db = world->db;
	b->table = table;
	b->rule = rule;
	b->choice = *choice;
	b->scope = (struct survey_scope){
		.kind = rule->event == EVENT_LIST_ADDED ? SURVEY_MEMBERS : SURVEY_HOLDERS,
		.target = rule->target,
		.target_is_name = rule->target_is_name,
		.value = rule->to,
		.values = rule->n_to,
	};
	b->taker = (struct census_taker){ b, wants, take };
	map_init(&b->judged);
	return b;
}

void backfill_free(struct backfill *b)
{
	if (!b)
		return;
	census_free(b->census);
	map_release(&b->judged);
	mem_free(b->miss);
	mem_free(b);
}

enum rc backfill_step(struct backfill *b, bool *done, struct err *err)
{
	*done = false;
	if (!b->census) {
		b->failed = check(b, &b->why);
		b->census = census_new(b->world, b->table, b->rule->source, &b->scope, &b->taker);
	}
	enum rc rc = RC_OK;
	if (b->failed == RC_OK && !b->over)
		rc = census_step(b->census, done, err);
	*done |= b->over;
	if (b->failed == RC_OK)
		return rc == RC_OK ? db_failed(b->db, err) : rc;
	*err = b->why;
	return b->failed;
}

int64_t backfill_wake_ms(const struct backfill *b)
{
	return b->census && !b->over && b->failed == RC_OK ? census_wake_ms(b->census) : 0;
}

const struct backfill_report *backfill_report(struct backfill *b)
{
	b->report.total = b->census ? census_total(b->census) : 0;
	b->report.shown = b->census ? census_shown(b->census) : 0;
	return &b->report;
}

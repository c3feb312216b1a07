#include "engine/replan.h"

#include <stdio.h>
#include <string.h>

#include "engine/act.h"
#include "engine/ledger.h"
#include "engine/plan.h"
#include "engine/sweep.h"

#define MOST_WAITING 1024 /* of one contact; the rest waits for the next look */

struct replanning {
	const struct decide *d;
	const struct contact *c;
	int64_t began_ms, wall_ms;
	struct arena *memory;
};

/* Whether it is the property, or the list, that the rule watches; a named list is the one that its name leads to now. */
static bool is_its_target(const struct decide *d, const struct rule *rule,
			  const struct issuance *is)
{
	if (!rule->target_is_name)
		return strcmp(rule->target, is->target) == 0;
	return db_exists(d->db,
			 "SELECT 1 FROM list WHERE account = ?1 AND target = ?2 AND by_name = 1"
			 " AND list_id = ?3",
			 "ttt", is->source_account, rule->target, is->target);
}

/*
 * The rule by which it is planned now; NULL where there is none that could. With another trigger it is another rule,
 * whatever its name: nobody knows whether the contact qualifies for that.
 */
static const struct rule *rule_of(const struct decide *d, const struct issuance *is)
{
	const struct rule *rule = table_rule(d->table, is->rule);

	return rule && rule->mode != MODE_OFF && rule->event == is->event &&
			       rule->source == d->source && is_its_target(d, rule, is)
		       ? rule
		       : NULL;
}

static struct event_facts event_of(struct replanning *r, const struct issuance *is,
				   const struct rule *rule)
{
	struct event_facts e = { .kind = is->event,
				 .from_known = is->from != NULL,
				 .at_ms = is->at_ms,
				 .as_of_ms = is->at_ms + rule->settle_ms };

	if (is->event == EVENT_PROPERTY_CHANGED) {
		e.property = slice_of(is->target);
		e.from = slice_of(is->from);
		e.to = slice_of(is->to);
		return e;
	}
	e.list_id = e.list_name = slice_of(is->target);
	struct query *q = db_select(r->d->db,
				    "SELECT name FROM list WHERE account = ?1 AND list_id = ?2",
				    "tt", is->source_account, is->target);
	if (query_next(q)) {
		e.list_name = arena_slice(r->memory, query_slice(q, 0));
		query_end(q);
	}
	return e;
}

static void log_change(struct replanning *r, const struct issuance *is, const char *note)
{
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)is->id);
	log_line(r->d->world->log, is->state == STATE_HELD ? LOG_ERROR : LOG_INFO,
		 is->state == STATE_PLANNED ? note : issuance_state_names[is->state], "issuance",
		 id, "rule", is->rule, "contact", is->contact, "event", event_kind_names[is->event],
		 "reason", is->reason, NULL);
}

/* A draft goes on, or is left: skipped, or gone at the service as far as is known. `note`: where there is no reason. */
static void write(struct replanning *r, const struct issuance *before, struct issuance *after,
		  const char *note)
{
	bool anew = before->held_from == STATE_PLANNED;

	after->replan = false;
	after->not_before_ms = 0;
	after->failures = 0;
	if (before->credential && (anew || after->state == STATE_SKIPPED)) {
		after->credential = after->public_url = NULL;
		sweep_note_left(r->d->db, before->id, r->wall_ms);
	}
	if (ledger_update(r->d->db, before, after, r->wall_ms,
			  after->reason ? after->reason : note))
		log_change(r, after, note);
}

/* It ends, is held on or goes on, without being planned. */
static void close(struct replanning *r, const struct issuance *is, enum issuance_state state,
		  const char *reason)
{
	struct issuance after = *is;

	after.state = state;
	after.reason = reason;
	after.expire_ms = 0;
	if (after.hold == HOLD_NONE)
		after.hold = HOLD_FIELD;
	write(r, is, &after,
	      is->held_from == STATE_DRAFT ? "goes on from its draft"
					   : "goes on as it was planned");
}

/* The issuance as the plan makes it. */
static void take_plan(struct replanning *r, const struct issuance *is, const struct plan *plan)
{
	struct issuance after = *is;
	const struct issuance *made = &plan->is;

	after.state = made->state;
	after.reason = made->reason;
	after.hold = made->hold;
	after.expire_ms = made->expire_ms;
	after.table_hash = made->table_hash;
	after.action_account = made->action_account;
	after.group = made->group;
	after.do_issue = made->do_issue;
	after.do_send = made->do_send;
	after.fields = made->fields;
	write(r, is, &after, "planned anew");
	ledger_rewrite(r->d->db, &after, plan->email);
	if (after.expire_ms && after.expire_ms != is->expire_ms)
		inbox_recall(r->d->db, is->source_account, r->c->id, after.expire_ms);
}

/* Nobody asked, and nothing has come of the look. */
static bool still_waits(const struct issuance *is, const struct issuance *made)
{
	return !is->replan && made->state == STATE_HELD && made->hold == is->hold;
}

static bool plan_one(struct replanning *r, const struct issuance *is, const struct rule *rule,
		     const struct event_facts *event)
{
	const struct decide *d = r->d;
	struct view then = { r->c, d->ops, d->origin, false, event->as_of_ms, false };
	struct view now = { r->c, d->ops, d->origin, true, 0, false };
	struct plan_input in = {
		.db = d->db,
		.table = d->table,
		.event = event,
		.target = is->target,
		.contact = r->c->id,
		.then = &then,
		.now = view_facts(&now),
		.began_ms = r->began_ms,
		.wall_ms = r->wall_ms,
	};
	struct plan plan;
	enum plan_result result = plan_again(&in, rule, is, r->memory, &plan);

	if (result == PLAN_MADE && !still_waits(is, &plan.is))
		take_plan(r, is, &plan);
	json_free((struct json *)(uintptr_t)plan.is.fields);
	return result != PLAN_UNSURE;
}

static const char not_in_force[] = "its rule is not in force any more";

/* A person approved it as it was planned, and another of the contact counts for `repeat:`. */
static bool is_approved(struct db *db, const struct issuance *is)
{
	return is->replan && is->hold == HOLD_BRAKE && is->fields &&
	       act_was_last(db, is->id, ACT_APPROVE);
}

/*
 * Its draft is at the service, or it was approved: it is not rendered again. Another may have been issued
 * since: then it is skipped, and its draft removed (engine/sweep.h). Only a rule says `repeat:`.
 */
static void go_on(struct replanning *r, const struct issuance *is, const struct rule *rule)
{
	const char *repeat = rule ? plan_repeats(r->d->db, rule, is) : NULL;

	if (!rule && is->held_from == STATE_DRAFT)
		close(r, is, STATE_HELD, not_in_force);
	else
		close(r, is, repeat ? STATE_SKIPPED : is->held_from, repeat);
}

static bool replan_one(struct replanning *r, const struct issuance *is)
{
	const struct rule *rule = rule_of(r->d, is);

	if (is->held_from == STATE_DRAFT || is_approved(r->d->db, is)) {
		go_on(r, is, rule);
		return true;
	}
	if (r->c->gone) {
		close(r, is, STATE_SKIPPED, "contact deleted before it was planned");
		return true;
	}
	struct event_facts event = rule ? event_of(r, is, rule) : (struct event_facts){ 0 };
	/* With another `from` or `to`, too, it is another rule. What is a draft already goes on all the same. */
	if (rule && rule_names_change(rule, &event))
		return plan_one(r, is, rule, &event);
	if (is->replan)
		close(r, is, STATE_HELD, not_in_force);
	else if (is->expire_ms && r->began_ms >= is->expire_ms)
		close(r, is, STATE_SKIPPED, not_in_force);
	return true;
}

bool replan_contact(const struct decide *d, const struct contact *c, const struct news *news,
		    int64_t began_ms, struct arena *memory)
{
	int64_t id[MOST_WAITING];
	bool sure = true;
	struct replanning r = { d, c, began_ms, d->world->wall_ms(d->world->ctx), memory };
	const char *account = d->table->account[d->source].name;
	size_t n = ledger_waiting(d->db, account, c->id, MOST_WAITING, id);

	/* A value that was mended before somebody asked need not be in what was read. */
	bool too_early = n && inbox_has_more(d->db, account, news);
	for (size_t i = 0; i < n; i++) {
		struct issuance is;
		if (!ledger_load(d->db, id[i], memory, &is))
			continue;
		if (!is.replan || !too_early)
			sure &= replan_one(&r, &is);
		json_free((struct json *)(uintptr_t)is.fields);
	}
	return sure;
}

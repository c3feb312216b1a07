#include "engine/resume.h"

#include "base/clock.h"
#include "engine/ledger.h"
#include "engine/plan.h"
#include "engine/view.h"

/* One contact whose issuances are taken on. */
struct resuming {
	const struct decide *d;
	const struct contact *c;
	const char *account;
	int64_t began_ms, wall_ms;
	struct arena *memory;
};

/* The event as the ledger knows it. */
static struct event_facts event_of(const struct resuming *r, const struct issuance *is)
{
	struct event_facts e = { .kind = is->event,
				 .from_known = is->from != NULL,
				 .at_ms = is->at_ms,
				 .as_of_ms = is->at_ms,
				 .from = slice_of(is->from ? is->from : ""),
				 .to = slice_of(is->to) };

	if (is->event == EVENT_PROPERTY_CHANGED) {
		e.property = slice_of(is->target);
		return e;
	}
	e.list_id = e.list_name = slice_of(is->target);
	struct query *q = db_select(r->d->db,
				    "SELECT name FROM list WHERE account = ?1 AND list_id = ?2",
				    "tt", r->account, is->target);
	if (query_next(q)) {
		e.list_name = arena_slice(r->memory, query_slice(q, 0));
		query_end(q);
	}
	return e;
}

static void skip(const struct resuming *r, const struct issuance *was, const char *reason)
{
	struct issuance is = *was;

	is.state = STATE_SKIPPED;
	is.hold = HOLD_NONE;
	is.expire_ms = 0;
	is.reason = reason;
	(void)ledger_update(r->d->db, was, &is, r->wall_ms, reason);
}

/* The address was looked for until the end of the hold, and by the history there was none. */
static void expire(const struct resuming *r, const struct issuance *is)
{
	char span[CLOCK_TEXT];

	skip(r, is,
	     arena_printf(r->memory, "no valid e-mail address within %s",
			  clock_format_duration(is->expire_ms - is->at_ms, span)));
}

static void log_resumed(const struct resuming *r, const struct issuance *is)
{
	log_line(r->d->world->log, is->state == STATE_HELD ? LOG_ERROR : LOG_INFO,
		 issuance_state_names[is->state], "rule", is->rule, "account", r->account,
		 "contact", r->c->id, "reason", is->reason ? is->reason : "taken up again", NULL);
}

/* Where the hold's time is over, it has none from now on: it was asked what it had to be asked. */
static bool replan(const struct resuming *r, const struct rule *rule, const struct plan_input *in,
		   const struct issuance *is, bool over)
{
	struct issuance before = *is;
	const struct issuance *was = &before;
	struct plan plan;

	before.expire_ms = over ? 0 : is->expire_ms;
	enum plan_result result = plan_again(in, rule, was, r->memory, &plan);

	if (result != PLAN_MADE)
		return false;
	if (ledger_replan(r->d->db, was, &plan.is, plan.email, r->wall_ms, plan.is.reason) &&
	    plan.is.state != was->state)
		log_resumed(r, &plan.is);
	json_free((struct json *)(uintptr_t)plan.is.fields);
	return true;
}

/*
 * One that waits for an address: there is one in time, or its time is over. An address that came
 * after the end comes too late, even where nobody looked before.
 */
static bool await_address(const struct resuming *r, const struct rule *rule,
			  const struct plan_input *in, const struct issuance *is, bool *go_on)
{
	bool over = is->expire_ms && r->began_ms >= is->expire_ms, valid;
	struct view then = { r->c, r->d->ops, r->d->origin, !over, is->expire_ms, false };
	struct facts facts = view_facts(&then);

	*go_on = false;
	if (plan_email_valid(in, rule, &facts, &valid) != PLAN_MADE)
		return false;
	*go_on = valid;
	if (!valid && over)
		expire(r, is);
	return true;
}

static bool resume(const struct resuming *r, const struct issuance *is, bool retry)
{
	const struct decide *d = r->d;
	const struct rule *rule = table_rule(d->table, is->rule);
	bool in_force = rule && rule->mode != MODE_OFF && rule->source == d->source;
	bool over = is->expire_ms && r->began_ms >= is->expire_ms, go_on = true;
	struct event_facts event = event_of(r, is);
	struct view now = { r->c, d->ops, d->origin, true, 0, false };
	struct plan_input in = { .db = d->db,
				 .table = d->table,
				 .event = &event,
				 .target = is->target,
				 .contact = is->contact,
				 .then = view_facts(&now),
				 .now = view_facts(&now),
				 .wall_ms = r->wall_ms };

	if (r->c->gone) {
		skip(r, is, "contact deleted before it could be issued");
	} else if (!in_force && over) {
		expire(r, is);
	} else if (in_force) {
		if (!retry && !await_address(r, rule, &in, is, &go_on))
			return false;
		return !go_on || replan(r, rule, &in, is, over);
	} else if (retry) {
		struct issuance waits = *is;
		waits.reason = "retry: the rule is not in force";
		(void)ledger_update(d->db, is, &waits, r->wall_ms, NULL);
	}
	return true;
}

bool resume_contact(const struct decide *d, const struct contact *c, int64_t began_ms,
		    struct arena *memory)
{
	struct resuming r = { d,
			      c,
			      d->table->account[d->source].name,
			      began_ms,
			      d->world->wall_ms(d->world->ctx),
			      memory };
	int64_t id = 0;
	bool retry = false, sure = true;

	while (ledger_waiting(d->db, r.account, c->id, id, &id, &retry)) {
		struct issuance is;
		if (!ledger_load(d->db, id, memory, &is))
			continue;
		sure &= resume(&r, &is, retry);
		json_free((struct json *)(uintptr_t)is.fields);
	}
	return sure;
}

void resume_promote(struct db *db, const char *account, int64_t source_now_ms)
{
	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms) SELECT DISTINCT source_account, contact, 0"
	       " FROM issuance WHERE source_account = ?1 AND expire_ms <= ?2"
	       " ON CONFLICT (account, contact) DO NOTHING",
	       "ti", account, source_now_ms);
}

void resume_retries(struct db *db, const char *account)
{
	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms) SELECT DISTINCT source_account, contact, 0"
	       " FROM issuance WHERE source_account = ?1 AND retry = 1"
	       " AND state IN ('held', 'refused')"
	       " ON CONFLICT (account, contact) DO NOTHING",
	       "t", account);
}

int64_t resume_next_ms(struct db *db, const char *account)
{
	return db_integer(db, INT64_MAX,
			  "SELECT min(expire_ms) FROM issuance WHERE source_account = ?1"
			  " AND expire_ms IS NOT NULL AND contact NOT IN"
			  " (SELECT contact FROM news WHERE account = ?1)",
			  "t", account);
}

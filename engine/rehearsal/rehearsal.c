#include "engine/rehearsal/rehearsal.h"

#include <stdio.h>
#include <string.h>

#include "engine/ledger.h"
#include "engine/rehearsal/stage.h"

/* ---- what is in the state at the end ------------------------------------------ */

static const char *column(struct rehearsal *r, struct query *q, int i)
{
	return query_null(q, i) ? NULL : arena_text(&r->memory, query_slice(q, i));
}

static void gather_decisions(struct stage *s)
{
	struct rehearsal *r = s->out;
	struct db *db = s->sim.world.db;
	size_t most = (size_t)db_integer(db, 0, "SELECT count(*) FROM decision", "");

	r->decision = arena_alloc(&r->memory, (most + 1) * sizeof(*r->decision));
	for (struct query *q =
		     db_select(db,
			       "SELECT at_ms, made_ms, event_id, contact, rule, target,"
			       " from_value, to_value, outcome, reason FROM decision ORDER BY id",
			       "");
	     query_next(q);)
		r->decision[r->decisions++] = (struct rehearsed_decision){
			query_integer(q, 0), query_integer(q, 1), query_integer(q, 2),
			column(r, q, 3),     column(r, q, 4),	  column(r, q, 5),
			column(r, q, 6),     column(r, q, 7),	  column(r, q, 8),
			column(r, q, 9),
		};
}

static void gather_events(struct stage *s)
{
	struct rehearsal *r = s->out;
	struct db *db = s->sim.world.db;
	size_t most = (size_t)db_integer(db, 0, "SELECT count(*) FROM event WHERE rule IS NULL", ""), n = most;

	r->event = arena_alloc(&r->memory, (most + 1) * sizeof(*r->event));
	struct query *q = record_since(db, INT64_MIN, (int64_t)most);
	while (n && record_next(db, q, &r->memory, &r->event[n - 1]))
		n--;
	r->events = most;
}

static void gather_aliases(struct stage *s)
{
	struct rehearsal *r = s->out;
	struct db *db = s->sim.world.db;
	size_t most = (size_t)db_integer(db, 0, "SELECT count(*) FROM alias", "");

	r->alias = arena_alloc(&r->memory, (most + 1) * sizeof(*r->alias));
	for (struct query *q = db_select(db, "SELECT old, contact FROM alias ORDER BY old", "");
	     query_next(q);)
		r->alias[r->aliases++] = (struct rehearsed_alias){ column(r, q, 0),
								   column(r, q, 1) };
}

/* What Certifier was told, as the ledger has it. */
static void gather_fields(struct rehearsal *r, const struct issuance *is, struct rehearsed *out)
{
	struct slice key;
	const struct json *value;

	out->field.list = arena_alloc(&r->memory,
				      (json_count(is->fields) + 1) * sizeof(*out->field.list));
	for (struct json_each e = json_each(is->fields); json_next(&e, &key, &value);)
		out->field.list[out->field.count++] = (struct ruletest_pair){
			arena_text(&r->memory, key), arena_slice(&r->memory, json_slice(value))
		};
}

static int mails_of(const struct sandbox *sb, const char *credential)
{
	int mails = 0;

	for (size_t i = 0; credential && i < sandbox_mail_count(sb); i++)
		mails += strcmp(sandbox_mail_at(sb, i).credential, credential) == 0;
	return mails;
}

static void gather_issued(struct stage *s)
{
	struct rehearsal *r = s->out;
	struct db *db = s->sim.world.db;
	int64_t last = db_integer(db, 0, "SELECT max(id) FROM issuance", "");

	r->issued = arena_alloc(&r->memory, ((size_t)last + 1) * sizeof(*r->issued));
	for (int64_t id = 1; id <= last; id++) {
		struct issuance is;
		if (!ledger_load(db, id, &r->memory, &is))
			continue;
		struct rehearsed *out = &r->issued[r->issueds++];
		*out = (struct rehearsed){ .id = id,
					   .rule = is.rule,
					   .contact = is.contact,
					   .group = is.group,
					   .target = is.target,
					   .from = is.from,
					   .to = is.to,
					   .reason = is.reason,
					   .at_ms = is.at_ms,
					   .state = is.state,
					   .mails = mails_of(s->sandbox, is.credential) };
		gather_fields(r, &is, out);
		json_free((struct json *)(uintptr_t)is.fields);
	}
}

void stage_gather(struct stage *s)
{
	gather_issued(s);
	gather_decisions(s);
	gather_events(s);
	gather_aliases(s);
}

/* ---- the whole --------------------------------------------------------------------- */

static enum rc live(struct stage *s)
{
	const struct ruletest *t = s->out->test;
	enum rc rc = stage_open(s, s->out, s->options);

	if (rc == RC_OK)
		rc = stage_live_until(s, t->start_ms);
	for (size_t i = 0; rc == RC_OK && i < t->steps; i++) {
		rc = stage_live_until(s, t->start_ms + t->step[i].after_ms);
		if (rc != RC_OK)
			break;
		rc = stage_take(s, &t->step[i]);
		if (rc != RC_OK)
			s->out->broken_at = &t->step[i];
	}
	return rc == RC_OK ? stage_live_out(s) : rc;
}

void rehearsal_live(struct rehearsal *r, const struct ruletest *test,
		    const struct rehearsal_options *options)
{
	struct stage s = { .options = options, .out = r };

	*r = (struct rehearsal){ .test = test };
	arena_init(&r->memory);
	if (live(&s) != RC_OK)
		r->broken = arena_text(&r->memory, slice_of(s.err.text));
	if (s.sim.world.db)
		stage_gather(&s);
	stage_close(&s);
}

void rehearsal_release(struct rehearsal *r)
{
	for (size_t i = 0; i < r->events; i++)
		recorded_release(&r->event[i]);
	mem_free(r->moment);
	arena_release(&r->memory);
}

bool rehearsal_same_contact(const struct rehearsal *r, const char *contact, int64_t id)
{
	char wanted[24];

	snprintf(wanted, sizeof(wanted), "%lld", (long long)id);
	if (strcmp(contact, wanted) == 0)
		return true;
	for (size_t i = 0; i < r->aliases; i++) {
		const struct rehearsed_alias *a = &r->alias[i];
		if ((strcmp(a->old, wanted) == 0 && strcmp(a->contact, contact) == 0) ||
		    (strcmp(a->old, contact) == 0 && strcmp(a->contact, wanted) == 0))
			return true;
	}
	return false;
}

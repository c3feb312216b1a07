#include "engine/sweep.h"

#include "base/clock.h"
#include "engine/backoff.h"
#include "engine/ledger.h"

/* How late a create may still be done after it left: what was created later is not its own. */
#define LATE_MS (5 * MS_MINUTE)
/* Looks come so long after the last create; the first must be later than LATE_MS. */
static const int64_t look_ms[] = { 10 * MS_MINUTE, MS_DAY };
#define LOOKS ((int64_t)(sizeof(look_ms) / sizeof(look_ms[0])))
#define POSTPONE_MS (10 * MS_MINUTE) /* while an issuance may still adopt it */
#define MOST_PAGES 100		     /* of one look: cursors that never end */

/* A row of the table. */
struct row {
	int64_t id, looks, pages, failures;
	const char *credential;
	struct stray stray;
};

struct sweep {
	struct lane *lane;
	bool flying;
	int64_t removing; /* the row whose last look found what to remove; 0: none */
	enum rc failed;	  /* the store failed in an answer: said at the next step */
	struct err why;
	/* Of the request under way. */
	struct service *service;
	struct arena memory;
	struct row row;
	struct http_request request;
	int64_t started_ms;
};

static int64_t wall_ms(const struct sweep *s)
{
	return s->lane->world->wall_ms(s->lane->world->ctx);
}

static struct db *db_of(const struct sweep *s)
{
	return s->lane->world->db;
}

/* ---- life ------------------------------------------------------------------ */

struct sweep *sweep_new(struct lane *lane)
{
	struct sweep *s = mem_alloc(sizeof(*s));

	s->lane = lane;
	return s;
}

/* The request is over, or was never begun. */
static void put_down(struct sweep *s)
{
	if (s->flying) {
		s->lane->in_flight--;
		service_unref(s->service);
	}
	s->flying = false;
	json_free((struct json *)(uintptr_t)s->row.stray.is.fields);
	s->row = (struct row){ 0 };
	arena_release(&s->memory);
}

void sweep_free(struct sweep *s)
{
	if (s->flying) {
		s->lane->world->http_cancel(s->lane->world->ctx, s);
		put_down(s);
	}
	mem_free(s);
}

/* ---- what is to be looked for ---------------------------------------------- */

void sweep_note_repeat(struct db *db, int64_t issuance, int64_t now_ms)
{
	db_run(db,
	       "INSERT INTO stray (issuance, action_account, group_id, fields, since_ms, until_ms, look_ms)"
	       " SELECT id, action_account, group_id, fields, attempt_ms, attempt_ms + ?2, ?3"
	       " FROM issuance i WHERE id = ?1 AND fields IS NOT NULL AND NOT EXISTS (SELECT 1 FROM stray s"
	       " WHERE s.issuance = i.id AND s.group_id = i.group_id AND s.fields = i.fields)",
	       "iii", issuance, (int64_t)LATE_MS, now_ms + look_ms[0]);
}

/* Made soon after the last create left; one that a reconcile found since the event, and before its last write. */
void sweep_note_left(struct db *db, int64_t issuance, int64_t now_ms)
{
	db_run(db,
	       "UPDATE stray SET look_ms = ?2, looks = 0, cursor = NULL, pages = 0 WHERE issuance = ?1",
	       "ii", issuance, now_ms + look_ms[0]);
	db_run(db,
	       "INSERT INTO stray (issuance, action_account, group_id, fields, since_ms, until_ms, look_ms)"
	       " SELECT i.id, action_account, group_id, fields, coalesce(made, i.at_ms),"
	       " coalesce(made, attempt_ms) + ?2, ?3 FROM issuance i,"
	       " (SELECT max(at_ms) AS made FROM trail WHERE issuance = ?1 AND state = 'creating') c"
	       " WHERE i.id = ?1 AND fields IS NOT NULL AND NOT EXISTS (SELECT 1 FROM stray s"
	       " WHERE s.issuance = i.id AND s.group_id = i.group_id AND s.fields = i.fields)",
	       "iii", issuance, (int64_t)LATE_MS, now_ms + look_ms[0]);
}

void sweep_note_create(struct db *db, int64_t issuance, int64_t now_ms)
{
	db_run(db,
	       "UPDATE stray SET until_ms = ?2, look_ms = ?3, looks = 0, cursor = NULL, pages = 0"
	       " WHERE issuance = ?1",
	       "iii", issuance, now_ms + LATE_MS, now_ms + look_ms[0]);
}

int64_t sweep_next_ms(const struct sweep *s)
{
	if (s->flying)
		return INT64_MAX;
	return db_integer(db_of(s), INT64_MAX,
			  "SELECT min(look_ms) FROM stray WHERE action_account = ?1", "t",
			  s->lane->name);
}

bool sweep_in_flight(const struct sweep *s)
{
	return s->flying;
}

/* The row whose look is due first. The issuance is as its create sent it. */
static bool load_due(struct sweep *s)
{
	struct row *r = &s->row;
	struct issuance *is = &r->stray.is;
	struct query *q = db_select(
		db_of(s),
		"SELECT id, issuance, group_id, fields, since_ms, until_ms, looks, pages, failures, cursor,"
		" credential FROM stray WHERE action_account = ?1 AND look_ms <= ?2 ORDER BY look_ms LIMIT 1",
		"ti", s->lane->name, wall_ms(s));
	struct err ignored;

	if (!query_next(q))
		return false;
	*r = (struct row){ .id = query_integer(q, 0),
			   .looks = query_integer(q, 6),
			   .pages = query_integer(q, 7),
			   .failures = query_integer(q, 8) };
	*is = (struct issuance){ .id = query_integer(q, 1),
				 .group = arena_text(&s->memory, query_slice(q, 2)),
				 .fields = json_parse(query_slice(q, 3), &ignored),
				 .attempt_ms = query_integer(q, 4) };
	r->stray.until_ms = query_integer(q, 5);
	if (!query_null(q, 9))
		is->cursor = arena_text(&s->memory, query_slice(q, 9));
	if (!query_null(q, 10))
		r->credential = arena_text(&s->memory, query_slice(q, 10));
	query_end(q);
	if (s->removing == r->id)
		r->stray.remove = r->credential;
	return true;
}

/* Whether an issuance may still take what would be found: its own, or one of any account with the same fields. */
static bool may_be_claimed(const struct sweep *s)
{
	const struct issuance *is = &s->row.stray.is;

	return db_exists(
		db_of(s),
		"SELECT 1 FROM issuance WHERE id = ?1 AND state IN ('planned', 'creating')"
		" UNION ALL SELECT 1 FROM issuance WHERE state = 'creating'"
		" AND group_id = ?2 AND lower(email) = lower(?3)",
		"its", is->id, is->group, json_get_slice(is->fields, "recipient.email"));
}

/* ---- what an answer makes of it -------------------------------------------- */

static void look_again(struct sweep *s, int64_t at_ms)
{
	s->removing = 0;
	db_run(db_of(s),
	       "UPDATE stray SET look_ms = ?2, cursor = NULL, pages = 0, failures = failures + 1"
	       " WHERE id = ?1",
	       "ii", s->row.id, at_ms);
}

static void remove_next(struct sweep *s, const char *credential)
{
	s->removing = s->row.id;
	db_run(db_of(s),
	       "UPDATE stray SET credential = ?2, cursor = NULL, pages = 0, failures = 0 WHERE id = ?1",
	       "it", s->row.id, credential);
}

static void next_page(struct sweep *s, const char *cursor)
{
	db_run(db_of(s),
	       "UPDATE stray SET cursor = ?2, pages = pages + 1, failures = 0 WHERE id = ?1", "it",
	       s->row.id, cursor);
}

static void removed(struct sweep *s, int64_t now_ms)
{
	s->removing = 0;
	db_run(db_of(s),
	       "INSERT INTO trail (issuance, at_ms, state, note) SELECT id, ?2, state, ?3 FROM issuance"
	       " WHERE id = ?1",
	       "iit", s->row.stray.is.id, now_ms,
	       arena_printf(&s->memory, "a draft was left that is needed no more: removed %s",
			    s->row.credential));
	db_run(db_of(s),
	       "UPDATE stray SET credential = NULL, cursor = NULL, pages = 0, failures = 0 WHERE id = ?1",
	       "i", s->row.id);
}

/* Nothing (more) is there now: once more a day later, then never. */
static void look_over(struct sweep *s)
{
	int64_t looks = s->row.looks + 1;

	s->removing = 0;
	if (looks >= LOOKS)
		db_run(db_of(s), "DELETE FROM stray WHERE id = ?1", "i", s->row.id);
	else
		db_run(db_of(s),
		       "UPDATE stray SET look_ms = until_ms + ?2, looks = ?3, credential = NULL, cursor = NULL,"
		       " pages = 0, failures = 0 WHERE id = ?1",
		       "iii", s->row.id, look_ms[looks], looks);
}

static void apply(struct sweep *s, const struct verdict *v, int64_t now_ms)
{
	int64_t back = backoff_ms(s->row.failures + 1, s->lane->world->random(s->lane->world->ctx));

	if (v->again || v->scope != SCOPE_ISSUANCE)
		look_again(s, now_ms + (v->wait_ms > back ? v->wait_ms : back));
	else if (v->credential)
		remove_next(s, v->credential);
	else if (v->cursor && s->row.pages < MOST_PAGES)
		next_page(s, v->cursor);
	else if (s->row.stray.remove && !v->reason)
		removed(s, now_ms);
	else
		look_over(s);
}

static void log_answer(const struct sweep *s, const struct verdict *v)
{
	const char *id = arena_printf((struct arena *)(uintptr_t)&s->memory, "%lld",
				      (long long)s->row.stray.is.id);
	const char *what = v->reason
				   ? (s->row.stray.remove ? "a stray draft could not be removed"
							  : "stray drafts could not be looked for")
				   : "a stray draft was removed";

	if (v->reason || s->row.stray.remove)
		log_line(s->lane->world->log, v->reason ? LOG_WARN : LOG_INFO, what, "issuance", id,
			 "account", s->lane->name, "credential", s->row.credential, "reason",
			 v->reason, NULL);
}

/* By an issuance. What an earlier look found to be a stray is one still. */
static bool is_held(void *ctx, const char *credential)
{
	const struct sweep *s = ctx;

	return ledger_credential_held(db_of(s), credential);
}

static void answered(void *arg, const struct http_response *response)
{
	struct sweep *s = arg;
	struct action_view view = { s, is_held, NULL, wall_ms(s), s->started_ms };
	struct verdict v = { 0 };

	calls_note(&s->lane->calls, response);
	s->service->ops->sweep_verdict(s->service->action, &s->row.stray, response, &view,
				       &s->memory, &v);
	db_begin(db_of(s), "sweep");
	if (s->lane->service == s->service)
		lane_judge(s->lane, &v);
	apply(s, &v, view.now_ms);
	s->failed = db_commit(db_of(s), &s->why);
	if (s->failed == RC_OK)
		log_answer(s, &v);
	put_down(s);
}

/* ---- steps ----------------------------------------------------------------- */

static enum rc postpone(struct sweep *s, struct err *err)
{
	db_begin(db_of(s), "sweep-later");
	db_run(db_of(s), "UPDATE stray SET look_ms = ?2, cursor = NULL, pages = 0 WHERE id = ?1",
	       "ii", s->row.id, wall_ms(s) + POSTPONE_MS);
	s->removing = 0;
	put_down(s);
	return db_commit(db_of(s), err);
}

enum rc sweep_step(struct sweep *s, struct err *err)
{
	struct lane *lane = s->lane;

	if (s->failed != RC_OK)
		*err = s->why;
	if (s->failed != RC_OK || s->flying)
		return s->failed;
	arena_init(&s->memory);
	if (!load_due(s)) {
		put_down(s);
		return RC_OK;
	}
	if (may_be_claimed(s))
		return postpone(s, err);
	s->flying = true;
	s->service = service_ref(lane->service);
	lane->in_flight++;
	lane->service->ops->sweep_step(lane->service->action, &s->row.stray, &s->memory,
				       &s->request);
	lane_spend(lane);
	s->started_ms = wall_ms(s);
	lane->world->http_start(lane->world->ctx, &s->request, answered, s);
	return RC_OK;
}

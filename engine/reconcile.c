#include "engine/reconcile.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "engine/catalogue.h"
#include "engine/engine.h"
#include "engine/ledger.h"
#include "engine/orphan.h"
#include "engine/outbox.h"
#include "engine/plan.h"
#include "engine/registry.h"
#include "engine/restored.h"

#define SLACK_MS MS_HOUR       /* clocks differ: so much further back than the oldest event */
#define FAILURES_MOST 4	       /* in a row, before we give up */
#define LAG_MS (5 * MS_MINUTE) /* the service's search may not show what is newer */

const char *const finding_names[FOUND_KINDS] = {
	[FOUND_ADOPTED] = "adopted", [FOUND_PARKED] = "parked", [FOUND_HELD] = "held",
	[FOUND_MISSED] = "missed",   [FOUND_GONE] = "gone",	[FOUND_ORPHAN] = "orphan",
};

/* One action account being compared. */
struct comparison {
	const char *account;
	struct lane *lane;
	struct catalogue *catalogue;
	int64_t began_ms; /* the service's clock, from its first answer */
	int64_t oldest_ms, since_ms;
	bool has_since;
	bool restored;	  /* the store says so, or what was found does */
	struct map group; /* ours: of a rule, also of one that was in force, or in the ledger */
	struct map seen;  /* credential -> &draft_word or &issued_word */
	struct map
		beside; /* planned, and another counts for `repeat:` already: each was earned by itself */
};

struct reconcile {
	const struct world *world;
	struct db *db;
	struct table *table;
	const char *only;
	int64_t reach_ms; /* INT64_MAX: as far as the state knows itself */
	struct engine *engine;
	enum { BEGINNING, CATCHING_UP, COMPARING, DONE } phase;
	uint32_t next; /* account in the table */
	struct comparison now;
	enum rc failed; /* the store failed in an answer */
	struct err why;
	struct arena memory; /* of the report */
	size_t capacity;
	struct reconcile_report report;
};

static char draft_word, issued_word;

static int64_t wall_ms(const struct reconcile *r)
{
	return r->world->wall_ms(r->world->ctx);
}

/* ---- life --------------------------------------------------------------------- */

struct reconcile *reconcile_new(const struct world *world, struct table *table, const char *account)
{
	struct reconcile *r = mem_alloc(sizeof(*r));

	r->world = world;
	r->db = world->db;
	r->table = table;
	r->only = account;
	r->reach_ms = INT64_MAX;
	arena_init(&r->memory);
	return r;
}

void reconcile_reach(struct reconcile *r, int64_t since_ms)
{
	r->reach_ms = since_ms;
}

static void end_comparison(struct reconcile *r)
{
	catalogue_free(r->now.catalogue);
	map_release(&r->now.group);
	map_release(&r->now.seen);
	map_release(&r->now.beside);
	r->now = (struct comparison){ 0 };
}

void reconcile_free(struct reconcile *r)
{
	if (!r)
		return;
	if (r->now.catalogue)
		end_comparison(r);
	engine_free(r->engine);
	mem_free(r->report.finding);
	arena_release(&r->memory);
	mem_free(r);
}

static const char *kept(struct reconcile *r, const char *text)
{
	return text ? arena_text(&r->memory, slice_of(text)) : NULL;
}

/* A finding of the account that is being compared; its other texts are the caller's to set. */
static struct finding *report(struct reconcile *r, enum finding_kind kind)
{
	struct reconcile_report *all = &r->report;

	all->finding = mem_grow(all->finding, &r->capacity, all->count + 1, sizeof(*all->finding));
	all->of[kind]++;
	all->finding[all->count] = (struct finding){ .kind = kind,
						     .account = kept(r, r->now.account) };
	return &all->finding[all->count++];
}

static void report_issuance(struct reconcile *r, enum finding_kind kind, const struct issuance *is,
			    const char *reason)
{
	struct finding *f = report(r, kind);

	f->issuance = is->id;
	f->group = kept(r, is->group);
	f->rule = kept(r, is->rule);
	f->contact = kept(r, is->contact);
	f->credential = kept(r, is->credential);
	f->reason = kept(r, reason);
	f->email = arena_text(&r->memory, json_get_slice(is->fields, "recipient.email"));
}

/* ---- catch up -------------------------------------------------------------------- */

/* The next walk reaches back to the first activation, and nothing counts as read. */
static enum rc forget_reads(struct reconcile *r, struct err *err)
{
	db_begin(r->db, "catch-up");
	db_run(r->db,
	       "UPDATE source SET reach_ms = min(coalesce(reach_ms, cursor_ms),"
	       " coalesce((SELECT min(start_ms) FROM watch w WHERE w.account = source.account), cursor_ms))",
	       "");
	db_run(r->db, "UPDATE contact SET watches = ''", "");
	db_run(r->db, "UPDATE list SET probe = ''", "");
	return db_commit(r->db, err);
}

static enum rc begin(struct reconcile *r, struct err *err)
{
	enum rc rc = forget_reads(r, err);

	if (rc != RC_OK)
		return rc;
	r->engine = engine_new(r->world);
	outbox_freeze(engine_outbox(r->engine));
	r->phase = CATCHING_UP;
	return engine_load(r->engine, r->table, err);
}

static enum rc catch_up(struct reconcile *r, struct err *err)
{
	enum rc rc = engine_step(r->engine, err);
	enum once once = rc == RC_OK ? engine_once(r->engine) : ONCE_WORKING;

	if (once == ONCE_NO_SOURCE)
		return err_set(err, RC_REFUSED,
			       "a source could not be read now: nothing was compared");
	if (once != ONCE_WORKING)
		r->phase = COMPARING;
	return rc;
}

/* ---- list -------------------------------------------------------------------------- */

static void note_groups(struct reconcile *r, uint32_t account)
{
	struct map *group = &r->now.group;

	for (size_t i = 0; i < r->table->n_rule; i++)
		if (r->table->rule[i].action == account)
			map_put(group, slice_of(r->table->rule[i].group), group);
	struct query *q = db_select(
		r->db, "SELECT DISTINCT group_id FROM issuance WHERE action_account = ?1", "t",
		r->now.account);
	while (query_next(q))
		map_put(group, query_slice(q, 0), group);
	if (r->now.has_since)
		restored_groups(r->db, r->table, r->now.account, r->now.since_ms, group);
}

static void note_credential(struct reconcile *r, const struct credential *c)
{
	struct comparison *now = &r->now;
	struct orphan_sight sight = { now->began_ms,
				      now->has_since && c->created_ms > now->since_ms };

	if (!map_get(&now->group, slice_of(c->group)))
		return;
	map_put(&now->seen, slice_of(c->id), c->draft ? &draft_word : &issued_word);
	now->restored |= restored_is_ahead(r->db, now->account, c);
	if (ledger_credential_held(r->db, c->id) || ledger_credential_leaves(r->db, c->id))
		return;
	orphan_note(r->db, now->account, c, &sight);
	now->restored |= sight.suspect && !c->draft;
}

static bool take_page(void *arg, const struct page *page)
{
	struct reconcile *r = arg;
	bool newer = false;

	if (!r->now.began_ms)
		r->now.began_ms = lane_service_ms(r->now.lane);
	db_begin(r->db, "orphans");
	for (size_t i = 0; i < page->count; i++) {
		newer |= page->credential[i].created_ms >= r->now.oldest_ms;
		note_credential(r, &page->credential[i]);
	}
	if (r->failed == RC_OK)
		r->failed = db_commit(r->db, &r->why);
	else
		db_rollback(r->db);
	return newer;
}

/* Nothing that we made is older. */
static int64_t oldest_ms(struct reconcile *r, const char *account, int64_t now_ms)
{
	int64_t watched = db_integer(r->db, now_ms,
				     "SELECT min(coalesce(start_ms, loaded_ms)) FROM watch", "");
	int64_t event = db_integer(r->db, now_ms,
				   "SELECT min(at_ms) FROM issuance WHERE action_account = ?1", "t",
				   account);

	return clock_earlier(watched, event) - SLACK_MS;
}

static enum rc begin_comparison(struct reconcile *r, uint32_t account, struct err *err)
{
	struct comparison *now = &r->now;
	const char *name = r->table->account[account].name;
	struct lane *lane = outbox_lane(engine_outbox(r->engine), name);

	if (!lane)
		return err_set(err, RC_REFUSED, "account %s: its secret is missing", name);
	*now = (struct comparison){ .account = name, .restored = restored_is_set(r->db, name) };
	map_init(&now->group);
	map_init(&now->seen);
	map_init(&now->beside);
	now->lane = lane;
	now->oldest_ms = oldest_ms(r, name, wall_ms(r));
	now->has_since = restored_since(r->db, r->table, account, &now->since_ms);
	if (r->reach_ms != INT64_MAX) {
		now->oldest_ms = clock_earlier(now->oldest_ms, r->reach_ms);
		now->since_ms = now->has_since ? clock_earlier(now->since_ms, r->reach_ms)
					       : r->reach_ms;
		now->has_since = true;
	}
	if (now->has_since) /* what is suspect may be older than all that the state knows */
		now->oldest_ms = clock_earlier(now->oldest_ms, now->since_ms);
	note_groups(r, account);
	now->catalogue = catalogue_new(lane, take_page, r);
	return RC_OK;
}

/* ---- compare ------------------------------------------------------------------------ */

/* What runs for each issuance of a selection, in order of its events. */
typedef void each_issuance(struct reconcile *r, struct issuance *is, struct arena *memory);

static void for_each(struct reconcile *r, const char *sql, each_issuance *each)
{
	int64_t *id = NULL;
	size_t n = 0, cap = 0;

	for (struct query *q = db_select(r->db, sql, "t", r->now.account); query_next(q);) {
		id = mem_grow(id, &cap, n + 1, sizeof(*id));
		id[n++] = query_integer(q, 0);
	}
	for (size_t i = 0; i < n; i++) {
		struct arena memory;
		struct issuance is;
		arena_init(&memory);
		if (ledger_load(r->db, id[i], &memory, &is)) {
			each(r, &is, &memory);
			json_free((struct json *)(uintptr_t)is.fields);
		}
		arena_release(&memory);
	}
	mem_free(id);
}

/* One that is issued first; drafts only with what may be it, which they yield to. */
static void offer(struct reconcile *r, struct issuance *is, bool alike, struct arena *memory)
{
	static const enum finding_kind kinds[] = {
		[ORPHAN_ADOPTED] = FOUND_ADOPTED,
		[ORPHAN_PARKED] = FOUND_PARKED,
		[ORPHAN_HELD] = FOUND_HELD,
	};
	struct issuance after;
	struct orphan_look look = { wall_ms(r), .drafts = alike, .alike = alike };
	enum orphan_taken taken = orphan_take(r->db, is, &look, memory, &after);

	if (taken != ORPHAN_NONE)
		report_issuance(r, kinds[taken], &after, after.reason);
}

static void offer_its_own(struct reconcile *r, struct issuance *is, struct arena *memory)
{
	offer(r, is, false, memory);
}

static void offer_one_alike(struct reconcile *r, struct issuance *is, struct arena *memory)
{
	offer(r, is, true, memory);
}

/*
 * The state is older than what happened, and the service says issued: whatever the ledger says of
 * the steps up to the mail, that may have been sent.
 */
static void park_issued(struct reconcile *r, struct issuance *is, struct arena *memory)
{
	struct issuance after = *is;

	(void)memory;
	if (map_get(&r->now.seen, slice_of(is->credential)) != &issued_word)
		return;
	after.state = is->do_send ? STATE_SEND_UNKNOWN : STATE_ISSUED;
	after.reason = is->do_send ? "issued after the state was saved: it may have been mailed"
				   : "issued after the state was saved";
	after.not_before_ms = after.unknown_ms = 0;
	if (ledger_update(r->db, is, &after, wall_ms(r), after.reason))
		report_issuance(r, is->do_send ? FOUND_PARKED : FOUND_ADOPTED, &after,
				after.reason);
}

static const char *repeats(struct reconcile *r, const struct issuance *is)
{
	const struct rule *rule = table_rule(r->table, is->rule);

	return rule ? plan_repeats(r->db, rule, is) : NULL;
}

static struct slice id_of(const struct issuance *is, char text[24])
{
	snprintf(text, 24, "%lld", (long long)is->id);
	return slice_of(text);
}

static void note_beside(struct reconcile *r, struct issuance *is, struct arena *memory)
{
	char id[24];

	(void)memory;
	if (repeats(r, is))
		map_put(&r->now.beside, id_of(is, id), r);
}

/* What was found to be issued may be one that the state knew as refused, and planned this one after it. */
static void skip_repeat(struct reconcile *r, struct issuance *is, struct arena *memory)
{
	struct issuance after = *is;
	char id[24];

	(void)memory;
	after.state = STATE_SKIPPED;
	after.reason = repeats(r, is);
	if (after.reason && !map_get(&r->now.beside, id_of(is, id)))
		(void)ledger_update(r->db, is, &after, wall_ms(r), after.reason);
}

static void report_missed(struct reconcile *r, struct issuance *is, struct arena *memory)
{
	(void)memory;
	report_issuance(r, FOUND_MISSED, is, "not issued yet: the daemon will");
}

static void report_gone(struct reconcile *r, struct issuance *is, struct arena *memory)
{
	(void)memory;
	if (is->updated_ms <= wall_ms(r) - LAG_MS &&
	    !map_get(&r->now.seen, slice_of(is->credential)))
		report_issuance(r, FOUND_GONE, is, "the service has it no more");
}

static void report_orphans(struct reconcile *r)
{
	struct query *q = db_select(
		r->db,
		"SELECT credential, group_id, email, draft FROM orphan WHERE account = ?1"
		" ORDER BY created_ms, credential",
		"t", r->now.account);

	while (query_next(q)) {
		struct finding *f = report(r, FOUND_ORPHAN);
		f->credential = arena_text(&r->memory, query_slice(q, 0));
		f->group = arena_text(&r->memory, query_slice(q, 1));
		f->email = arena_text(&r->memory, query_slice(q, 2));
		f->reason = query_integer(q, 3) ? "a draft" : "issued";
	}
}

#define OF_ACCOUNT "SELECT id FROM issuance WHERE action_account = ?1 AND "
#define WITHOUT_CREDENTIAL                                                                         \
	"credential IS NULL AND state IN ('planned', 'creating', 'held', 'refused')"
#define LEAVES_ANEW "credential IS NULL AND state IN ('planned', 'creating')"
#define IS_PARKED "credential IS NULL AND state IN ('held', 'refused')"
#define PLANNED "credential IS NULL AND state = 'planned'"
#define BY_EVENT " ORDER BY at_ms, id"

static enum rc compare(struct reconcile *r, struct err *err)
{
	struct comparison *now = &r->now;

	db_begin(r->db, "reconcile");
	orphan_forget_others(r->db, now->account, now->oldest_ms, now->began_ms);
	for_each(r, OF_ACCOUNT PLANNED BY_EVENT, note_beside);
	/*
	 * What is somebody's for sure is nobody else's perhaps. What leaves by itself comes first: one
	 * that is parked asks again when a person lets it go on.
	 */
	for_each(r, OF_ACCOUNT LEAVES_ANEW BY_EVENT, offer_its_own);
	for_each(r, OF_ACCOUNT IS_PARKED BY_EVENT, offer_its_own);
	for_each(r, OF_ACCOUNT WITHOUT_CREDENTIAL BY_EVENT, offer_one_alike);
	if (now->restored)
		for_each(
			r,
			OF_ACCOUNT
			"credential IS NOT NULL AND (state IN ('issuing', 'held', 'refused') OR (state = 'draft'"
			" AND do_issue = 1) OR (state = 'issued' AND do_send = 1))" BY_EVENT,
			park_issued);
	for_each(r, OF_ACCOUNT PLANNED BY_EVENT, skip_repeat);
	for_each(r, OF_ACCOUNT "state IN ('planned', 'creating')" BY_EVENT, report_missed);
	for_each(r,
		 OF_ACCOUNT "credential IS NOT NULL AND state IN ('draft', 'issued', 'sent',"
			    " 'send-unknown')" BY_EVENT,
		 report_gone);
	report_orphans(r);
	restored_clear(now->lane, now->began_ms);
	return db_commit(r->db, err);
}

static enum rc walk(struct reconcile *r, struct err *err)
{
	const struct comparison *now = &r->now;

	catalogue_step(now->catalogue);
	switch (catalogue_state(now->catalogue)) {
	case CATALOGUE_WALKING:
		if (now->lane->failures < FAILURES_MOST || catalogue_is_asking(now->catalogue))
			return RC_OK;
		break;
	case CATALOGUE_DONE:
		return RC_OK;
	case CATALOGUE_STOPPED:
		break;
	}
	return err_set(err, RC_REFUSED, "account %s could not be read now: %s", now->account,
		       catalogue_problem(now->catalogue));
}

/* Whether this account is compared. */
static bool is_meant(const struct reconcile *r, uint32_t account)
{
	const struct account *a = &r->table->account[account];

	return registry_action(a->type) && (!r->only || strcmp(r->only, a->name) == 0);
}

static enum rc compare_step(struct reconcile *r, struct err *err)
{
	enum rc rc;

	if (r->now.catalogue) {
		rc = walk(r, err);
		if (rc != RC_OK || catalogue_state(r->now.catalogue) != CATALOGUE_DONE)
			return rc;
		rc = compare(r, err);
		end_comparison(r);
		return rc;
	}
	while (r->next < r->table->n_account && !is_meant(r, r->next))
		r->next++;
	if (r->next == r->table->n_account) {
		r->phase = DONE;
		return RC_OK;
	}
	return begin_comparison(r, r->next++, err);
}

/* ---- steps --------------------------------------------------------------------------- */

enum rc reconcile_step(struct reconcile *r, bool *done, struct err *err)
{
	static enum rc (*const phases[])(struct reconcile *, struct err *) = {
		[BEGINNING] = begin,
		[CATCHING_UP] = catch_up,
		[COMPARING] = compare_step,
	};
	enum rc rc = r->failed;

	if (rc != RC_OK)
		*err = r->why;
	else if (r->phase != DONE)
		rc = phases[r->phase](r, err);
	*done = r->phase == DONE;
	return rc;
}

int64_t reconcile_wake_ms(struct reconcile *r)
{
	if (r->phase == CATCHING_UP)
		return engine_wake_ms(r->engine);
	if (r->phase == COMPARING && r->now.catalogue &&
	    catalogue_state(r->now.catalogue) == CATALOGUE_WALKING)
		return catalogue_wake_ms(r->now.catalogue);
	return 0;
}

const struct reconcile_report *reconcile_report(const struct reconcile *r)
{
	return &r->report;
}

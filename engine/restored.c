#include "engine/restored.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/catalogue.h"
#include "engine/ledger.h"
#include "engine/record.h"

/*
 * Our wall clock went on so much further than the monotonic one: the machine slept, or is a copy of
 * what it was then.
 */
#define GAP_MS (10 * MS_MINUTE)
#define SKEW_MS MS_MINUTE /* a service may say that it made something so much before we asked */

struct restored {
	struct lane *lane;
	enum { NOT_ASKED, ASKING, CLEAR, RESTORED } state;
	struct catalogue *catalogue;
	int64_t since_ms;
	int64_t reach_ms; /* so far back pages are walked: since_ms, or what waits to be issued */
	struct map group; /* as restored_groups has them, once one was asked for */
	bool has_groups;
	int64_t offset_ms;  /* wall clock less monotonic, when it was last asked */
	struct map suspect; /* ids: a walk that begins anew shows them again. No value is NULL */
	struct str first;   /* the newest suspect's id */
	bool told;	    /* that it could not be asked yet */
	struct str noted;   /* how it was refused, as the store has it */
};

static struct db *db_of(const struct restored *r)
{
	return r->lane->world->db;
}

struct restored *restored_new(struct lane *lane)
{
	struct restored *r = mem_alloc(sizeof(*r));

	r->lane = lane;
	map_init(&r->suspect);
	str_init(&r->first, LIMIT_ID_BYTES);
	str_init(&r->noted, LIMIT_ERROR_BYTES);
	return r;
}

static void forget_catalogue(struct restored *r)
{
	catalogue_free(r->catalogue);
	r->catalogue = NULL;
	if (r->has_groups)
		map_release(&r->group);
	r->has_groups = false;
	map_release(&r->suspect);
	str_clear(&r->first);
}

void restored_free(struct restored *r)
{
	forget_catalogue(r);
	str_release(&r->first);
	str_release(&r->noted);
	mem_free(r);
}

void restored_unload(struct restored *r)
{
	if (r->state == ASKING)
		r->state = NOT_ASKED;
	forget_catalogue(r);
}

/* ---- the sign of life -------------------------------------------------------- */

static bool is_live(const struct rule *rule, uint32_t account)
{
	return rule->action == account && rule->mode == MODE_LIVE;
}

static int64_t earliest_since(const struct table *table, uint32_t account)
{
	int64_t earliest = INT64_MAX;

	for (size_t i = 0; i < table->n_rule; i++) {
		const struct rule *rule = &table->rule[i];
		if (is_live(rule, account) && rule->policy->since_ms != SINCE_NOW &&
		    rule->policy->since_ms < earliest)
			earliest = rule->policy->since_ms;
	}
	return earliest;
}

/* That of the others, where one of them is declared no more: this account may be that one under another name. */
static int64_t of_another_name(struct db *db, const struct table *table)
{
	struct arena memory;
	int64_t alive = INT64_MAX;
	bool gone = false;

	arena_init(&memory);
	for (struct query *q = db_select(db, "SELECT account FROM action", ""); query_next(q);)
		gone |= !table_account(table, arena_text(&memory, query_slice(q, 0)));
	arena_release(&memory);
	if (gone)
		alive = db_integer(db, INT64_MAX, "SELECT max(alive_ms) FROM action", "");
	return alive;
}

bool restored_since(struct db *db, const struct table *table, uint32_t account, int64_t *since_ms)
{
	const char *name = table->account[account].name;

	*since_ms = db_integer(db, INT64_MAX, "SELECT alive_ms FROM action WHERE account = ?1", "t",
			       name);
	if (*since_ms == INT64_MAX) /* written by a version that left no sign of life */
		*since_ms = db_integer(
			db, INT64_MAX,
			"SELECT max(attempt_ms) FROM issuance WHERE action_account = ?1 AND attempts > 0",
			"t", name);
	if (*since_ms == INT64_MAX)
		*since_ms = of_another_name(db, table);
	if (*since_ms == INT64_MAX)
		*since_ms = earliest_since(table, account);
	return *since_ms != INT64_MAX;
}

bool restored_is_set(struct db *db, const char *account)
{
	return db_exists(db, "SELECT 1 FROM action WHERE account = ?1 AND restored IS NOT NULL",
			 "t", account);
}

bool restored_awaits_reconcile(struct db *db, const char *account)
{
	int64_t id = restored_is_set(db, account) ? record_newest(db) : 0;
	struct arena memory;
	struct ruleset rules;
	struct err ignored;

	if (!id)
		return restored_is_set(db, account);
	arena_init(&memory);
	bool awaits = ruleset_open(db, id, &memory, &rules, &ignored) != RC_OK ||
		      table_account(rules.table, account);
	ruleset_release(&rules);
	arena_release(&memory);
	return awaits;
}

/*
 * What a create made whose end nobody knows, no issuance holds: up to there the state knows. An attempt
 * after now: our clock was set back since, and tells no more than the day.
 */
static int64_t known_until_ms(const struct lane *lane, int64_t now_ms)
{
	const struct world *w = lane->world;
	int64_t wall = w->wall_ms(w->ctx);
	int64_t attempt = db_integer(w->db, INT64_MAX,
				     "SELECT min(attempt_ms) FROM issuance WHERE state = 'creating'"
				     " AND action_account = ?1",
				     "t", lane->name);

	if (attempt == INT64_MAX)
		return now_ms;
	return now_ms - (attempt <= wall ? wall - attempt : MS_DAY) - SKEW_MS;
}

static void forget_refusal(const struct lane *lane)
{
	db_run(lane->world->db, "DELETE FROM unsure WHERE account = ?1", "t", lane->name);
}

void restored_clear(const struct lane *lane, int64_t alive_ms)
{
	db_run(lane->world->db,
	       "INSERT INTO action (account, alive_ms) VALUES (?1, ?2) ON CONFLICT (account) DO UPDATE"
	       " SET alive_ms = excluded.alive_ms, restored = NULL",
	       "ti", lane->name, known_until_ms(lane, alive_ms));
	forget_refusal(lane);
}

void restored_note_life(const struct restored *r)
{
	if (r->state == CLEAR)
		db_run(db_of(r),
		       "UPDATE action SET alive_ms = ?2 WHERE account = ?1 AND restored IS NULL",
		       "ti", r->lane->name, known_until_ms(r->lane, lane_service_ms(r->lane)));
}

/* ---- suspects ------------------------------------------------------------------ */

/* How a group is used: by nothing but what issues, or by something that makes drafts only, too. */
static char issues_word, drafts_word;

struct used {
	const struct table *table;
	const char *account;
	struct map *group;
};

static bool may_be_ours(const struct used *u, const char *account)
{
	return strcmp(account, u->account) == 0 || !table_account(u->table, account);
}

static void note_group(const struct used *u, struct slice group, bool issues)
{
	if (!issues || !map_get(u->group, group))
		map_put(u->group, group, issues ? &issues_word : &drafts_word);
}

static void note_rules(const struct used *u, const struct table *table)
{
	for (size_t i = 0; i < table->n_rule; i++) {
		const struct rule *rule = &table->rule[i];
		if (rule->mode == MODE_LIVE && may_be_ours(u, table->account[rule->action].name))
			note_group(u, slice_of(rule->group), rule->issue);
	}
}

/* What this version cannot read any more it passes over. */
static void note_ruleset(const struct used *u, struct db *db, int64_t id)
{
	struct arena memory;
	struct ruleset rules;
	struct err ignored;

	arena_init(&memory);
	if (ruleset_open(db, id, &memory, &rules, &ignored) == RC_OK)
		note_rules(u, rules.table);
	ruleset_release(&rules);
	arena_release(&memory);
}

/* The rules in force then, and all since but those in force now. */
static void note_recorded(const struct used *u, struct db *db, int64_t since_ms)
{
	int64_t *id = NULL;
	size_t n = 0, cap = 0;
	struct query *q = db_select(
		db,
		"SELECT id FROM ruleset WHERE hash <> ?2 AND id >= coalesce((SELECT max(id)"
		" FROM ruleset WHERE loaded_ms <= ?1), 0) ORDER BY id",
		"it", since_ms - RESTORED_CLOCKS_MS, u->table->hash);

	while (query_next(q)) {
		id = mem_grow(id, &cap, n + 1, sizeof(*id));
		id[n++] = query_integer(q, 0);
	}
	for (size_t i = 0; i < n; i++)
		note_ruleset(u, db, id[i]);
	mem_free(id);
}

static void note_waiting(const struct used *u, struct db *db)
{
	static const char *const waiting[] = {
		"SELECT DISTINCT group_id, do_issue, action_account FROM issuance"
		" WHERE credential IS NULL AND " LEDGER_WORK,
		"SELECT DISTINCT group_id, do_issue, action_account FROM issuance"
		" WHERE credential IS NULL AND " LEDGER_PARKED,
	};
	struct arena memory;

	arena_init(&memory);
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
		for (struct query *q = db_select(db, waiting[i], ""); query_next(q);)
			if (may_be_ours(u, arena_text(&memory, query_slice(q, 2))))
				note_group(u, query_slice(q, 0), query_integer(q, 1) != 0);
	arena_release(&memory);
}

void restored_groups(struct db *db, const struct table *table, const char *account,
		     int64_t since_ms, struct map *out)
{
	const struct used used = { table, account, out };

	note_rules(&used, table);
	note_recorded(&used, db, since_ms);
	note_waiting(&used, db);
}

/* Ours, or was at the sign of life; by something that makes nothing but drafts, where drafts_only. */
static bool is_used(struct restored *r, const char *group, bool drafts_only)
{
	if (!r->has_groups) {
		map_init(&r->group);
		restored_groups(db_of(r), r->lane->table, r->lane->name, r->since_ms, &r->group);
		r->has_groups = true;
	}
	const void *use = map_get(&r->group, slice_of(group));
	return drafts_only ? use == &drafts_word : use != NULL;
}

/* Whether some create of ours may have made this draft, and nobody knows; that of another account of the workspace, too. */
static bool is_left_behind(struct db *db, const struct credential *c)
{
	return db_exists(db,
			 "SELECT 1 FROM issuance WHERE group_id = ?1 AND lower(email) = lower(?2)"
			 " AND attempts > 0",
			 "ts", c->group, json_get_slice(c->fields, "recipient.email"));
}

/* Of what is an orphan somebody was told. */
static bool is_held(struct db *db, const char *account, const char *credential)
{
	return ledger_credential_held(db, credential) ||
	       db_exists(db, "SELECT 1 FROM orphan WHERE account = ?1 AND credential = ?2", "tt",
			 account, credential);
}

bool restored_is_ahead(struct db *db, const char *account, const struct credential *c)
{
	return !c->draft &&
	       db_exists(
		       db,
		       "SELECT 1 FROM issuance i WHERE action_account = ?1 AND credential = ?2"
		       " AND do_issue = 1 AND (state = 'draft' OR (held_from = 'draft' AND"
		       " (state = 'held' OR state = 'refused'))) AND NOT EXISTS (SELECT 1 FROM trail t"
		       " WHERE t.issuance = i.id AND t.note = '" VERDICT_NOT_ISSUED "'"
		       /* What was answered since went on from there. */
		       " AND NOT EXISTS (SELECT 1 FROM trail l WHERE l.issuance = i.id AND l.id > t.id"
		       " AND l.state IN ('held', 'refused')))",
		       "tt", account, c->id);
}

static bool is_suspect(struct restored *r, const struct credential *c)
{
	const char *account = r->lane->name;
	struct db *db = db_of(r);

	if (restored_is_ahead(db, account, c))
		return true;
	if (c->created_ms <= r->since_ms || is_held(db, account, c->id) ||
	    !is_used(r, c->group, c->draft))
		return false;
	return !c->draft || !is_left_behind(db, c);
}

static bool take_page(void *arg, const struct page *page)
{
	struct restored *r = arg;
	bool newer = false;

	for (size_t i = 0; i < page->count; i++) {
		newer |= page->credential[i].created_ms > r->reach_ms;
		if (!is_suspect(r, &page->credential[i]))
			continue;
		if (!r->suspect.count)
			str_add_text(&r->first, page->credential[i].id);
		map_put(&r->suspect, slice_of(page->credential[i].id), r);
	}
	return newer;
}

/* ---- what came of it ------------------------------------------------------------- */

/* Why it could not be asked until now; NULL: nothing failed, or the account is stopped. */
static const char *problem_of(const struct restored *r)
{
	const char *problem = r->catalogue ? catalogue_problem(r->catalogue) : "";

	return *problem && !r->lane->stopped ? problem : NULL;
}

const char *restored_refusal(const struct restored *r)
{
	return r->catalogue && catalogue_is_refused(r->catalogue) ? problem_of(r) : NULL;
}

/* Until it is answered nothing is issued: somebody may wonder why. */
static void say_problem(const struct restored *r)
{
	const char *problem = problem_of(r);

	if (problem)
		log_line(
			r->lane->world->log, LOG_WARN,
			"nothing is issued until it is known whether the state is older than what was issued",
			"account", r->lane->name, "reason", problem, NULL);
}

static void say_restored(const struct restored *r)
{
	struct arena memory;

	arena_init(&memory);
	struct query *q = db_select(db_of(r), "SELECT restored FROM action WHERE account = ?1", "t",
				    r->lane->name);
	const char *why = query_next(q) ? arena_text(&memory, query_slice(q, 0)) : NULL;
	log_line(
		r->lane->world->log, LOG_ERROR,
		"the state is older than what was issued, so nothing is issued: stop, run 'hs2cert "
		"reconcile', start again",
		"account", r->lane->name, "reason", why, NULL);
	if (why)
		query_end(q);
	arena_release(&memory);
}

void restored_say(const struct restored *r)
{
	if (r->state == RESTORED)
		say_restored(r);
	else
		say_problem(r);
}

static enum rc set_restored(struct restored *r, struct err *err)
{
	char since[CLOCK_TEXT], why[LIMIT_ERROR_BYTES], n[24];
	struct db *db = db_of(r);

	snprintf(n, sizeof(n), "%zu", r->suspect.count);
	snprintf(why, sizeof(why),
		 "%s made after %s, the state's last sign of life, held by no issuance; first %s",
		 n, clock_format(r->since_ms, since), str_text(&r->first));
	db_begin(db, "restored");
	db_run(db,
	       "INSERT INTO action (account, alive_ms, restored) VALUES (?1, ?2, ?3)"
	       " ON CONFLICT (account) DO UPDATE SET restored = excluded.restored",
	       "tit", r->lane->name, r->since_ms, why);
	forget_refusal(r->lane);
	enum rc rc = db_commit(db, err);
	if (rc != RC_OK)
		return rc;
	r->state = RESTORED;
	restored_say(r);
	return RC_OK;
}

static enum rc set_clear(struct restored *r, struct err *err)
{
	struct db *db = db_of(r);

	db_begin(db, "alive");
	restored_clear(r->lane, lane_service_ms(r->lane));
	enum rc rc = db_commit(db, err);
	if (rc == RC_OK)
		r->state = CLEAR;
	return rc;
}

static enum rc end_asking(struct restored *r, struct err *err)
{
	enum rc rc = r->suspect.count ? set_restored(r, err) : set_clear(r, err);
	forget_catalogue(r);
	str_clear(&r->noted);
	return rc;
}

static int64_t clock_offset_ms(const struct restored *r)
{
	const struct world *w = r->lane->world;

	return w->wall_ms(w->ctx) - w->mono_ms(w->ctx);
}

/* Whether a draft is issued by now is to be seen, too, however many are newer. */
static int64_t reach_ms(const struct restored *r)
{
	int64_t draft = db_integer(db_of(r), INT64_MAX,
				   "SELECT min(created_ms) FROM issuance WHERE action_account = ?1"
				   " AND state = 'draft' AND " LEDGER_WORK,
				   "t", r->lane->name);

	return draft != INT64_MAX && draft - RESTORED_CLOCKS_MS < r->since_ms
		       ? draft - RESTORED_CLOCKS_MS
		       : r->since_ms;
}

static enum rc begin_asking(struct restored *r, struct err *err)
{
	struct lane *lane = r->lane;

	r->offset_ms = clock_offset_ms(r);
	if (restored_is_set(db_of(r), lane->name)) {
		r->state = RESTORED;
		restored_say(r);
		return RC_OK;
	}
	bool is_new = !restored_since(db_of(r), lane->table, lane->account_index, &r->since_ms);
	/* Where there is nothing to fear it asks for the sake of the clock. */
	if (is_new && lane_knows_service_ms(lane))
		return set_clear(r, err);
	r->reach_ms = reach_ms(r);
	r->state = ASKING;
	r->told = false;
	r->catalogue = catalogue_new(lane, take_page, r);
	return RC_OK;
}

/* A clock that was set back is no gap; one that jumped ahead is asked about. */
static void look_for_gap(struct restored *r)
{
	int64_t offset = clock_offset_ms(r);

	if (r->state == CLEAR && offset > r->offset_ms + GAP_MS)
		r->state = NOT_ASKED;
	if (offset < r->offset_ms)
		r->offset_ms = offset;
}

/* Once; then whoever keeps house says it again. */
static void tell_problem(struct restored *r)
{
	if (r->told || !problem_of(r))
		return;
	say_problem(r);
	r->told = true;
}

/* For who looks at the state from beside: each other refusal is written once. */
static enum rc note_refusal(struct restored *r, struct err *err)
{
	const char *why = restored_refusal(r);
	struct db *db = db_of(r);

	if (!why || slice_is(str_slice(&r->noted), why))
		return RC_OK;
	db_begin(db, "unsure");
	db_run(db,
	       "INSERT INTO unsure (account, reason) VALUES (?1, ?2)"
	       " ON CONFLICT (account) DO UPDATE SET reason = excluded.reason",
	       "tt", r->lane->name, why);
	enum rc rc = db_commit(db, err);
	if (rc == RC_OK) {
		str_clear(&r->noted);
		str_add_text(&r->noted, why);
	}
	return rc;
}

/* A new state asks for the sake of the clock: a refusal tells that, too. */
static bool has_its_answer(const struct restored *r)
{
	bool is_new = r->since_ms == INT64_MAX;

	return catalogue_state(r->catalogue) == CATALOGUE_DONE ||
	       (is_new && lane_knows_service_ms(r->lane));
}

enum rc restored_step(struct restored *r, bool *clear, struct err *err)
{
	enum rc rc = RC_OK;

	look_for_gap(r);
	if (r->state == NOT_ASKED)
		rc = begin_asking(r, err);
	if (rc == RC_OK && r->state == ASKING) {
		tell_problem(r);
		if (has_its_answer(r))
			rc = end_asking(r, err);
		else
			rc = note_refusal(r, err);
		if (rc == RC_OK && r->state == ASKING)
			catalogue_step(r->catalogue);
	}
	*clear = rc == RC_OK && r->state == CLEAR;
	return rc;
}

bool restored_is_clear(const struct restored *r)
{
	return r->state == CLEAR;
}

bool restored_is_known(const struct restored *r)
{
	return r->state == RESTORED;
}

int64_t restored_wake_ms(const struct restored *r)
{
	if (r->state == ASKING && catalogue_state(r->catalogue) == CATALOGUE_WALKING)
		return catalogue_wake_ms(r->catalogue);
	return r->state == CLEAR || r->state == RESTORED ? INT64_MAX : 0;
}

bool restored_in_flight(const struct restored *r)
{
	return r->catalogue && catalogue_is_asking(r->catalogue);
}

#include "engine/act.h"

#include <string.h>

#include "engine/inbox.h"
#include "engine/ledger.h"
#include "engine/record.h"
#include "engine/restored.h"
#include "engine/undeclared.h"

#define CHUNK 200 /* issuances of one transaction: a daemon beside waits no longer than it takes */

const char *const act_names[ACT_COUNT] = {
	[ACT_APPROVE] = "approve",
	[ACT_RETRY] = "retry",
	[ACT_RESEND] = "resend",
	[ACT_DROP] = "drop",
};

/* ---- the moves ------------------------------------------------------------ */

enum target {
	GO_ON, /* the state to go on from, as it was planned; at the next look where `repeat:` is asked */
	GO_ANEW, /* the same, but at the next look where nothing is issued yet */
	SEND,	 /* issued: the send is left */
	END,	 /* dropped; sent, where it was sent before */
};

static const struct move {
	enum act act;
	enum issuance_state from;
	enum hold hold;	 /* HOLD_NONE: any */
	bool only_named; /* not chosen by a selection */
	enum target target;
} moves[] = {
	{ ACT_APPROVE, STATE_HELD, HOLD_BRAKE, false, GO_ON },
	{ ACT_RETRY, STATE_HELD, HOLD_NONE, false, GO_ANEW },
	{ ACT_RETRY, STATE_REFUSED, HOLD_NONE, false, GO_ANEW },
	{ ACT_RESEND, STATE_SEND_UNKNOWN, HOLD_NONE, false, SEND },
	{ ACT_RESEND, STATE_SENT, HOLD_NONE, true, SEND },
	{ ACT_DROP, STATE_PLANNED, HOLD_NONE, false, END },
	{ ACT_DROP, STATE_DRAFT, HOLD_NONE, false, END },
	{ ACT_DROP, STATE_ISSUED, HOLD_NONE, false, END },
	{ ACT_DROP, STATE_HELD, HOLD_NONE, false, END },
	{ ACT_DROP, STATE_REFUSED, HOLD_NONE, false, END },
	{ ACT_DROP, STATE_SEND_UNKNOWN, HOLD_NONE, false, END },
};

#define MOVES (sizeof(moves) / sizeof(moves[0]))

/* A draft that is not to be issued, or a credential that is not to be sent, is where it shall be. */
static bool is_finished(const struct issuance *is)
{
	return (is->state == STATE_DRAFT && !is->do_issue) ||
	       (is->state == STATE_ISSUED && !is->do_send);
}

static const struct move *move_of(enum act act, const struct issuance *is, bool named)
{
	for (size_t i = 0; i < MOVES; i++)
		if (moves[i].act == act && moves[i].from == is->state &&
		    (moves[i].hold == HOLD_NONE || moves[i].hold == is->hold) &&
		    (named || !moves[i].only_named) && !is_finished(is))
			return &moves[i];
	return NULL;
}

/* ---- one issuance ----------------------------------------------------------- */

/* What is being done. */
struct doing {
	struct db *db;
	enum act act;
	const struct act_choice *choice;
	const struct act_by *by;
	const struct table *table; /* the rules in force, for an approval; NULL: none is known */
};

/* Whether the rule in force lets only one of several be issued. */
static bool repeats_once(const struct doing *d, const struct issuance *is)
{
	const struct rule *rule = d->table ? table_rule(d->table, is->rule) : NULL;

	return rule && rule->policy->repeat != REPEAT_EVERY_CHANGE;
}

/* Without fields there is nothing that could go on as it was planned. */
static bool is_planned_anew(const struct move *m, const struct issuance *is)
{
	return (m->target == GO_ANEW && is->held_from == STATE_PLANNED) ||
	       (m->target == GO_ON && !is->fields);
}

/*
 * Another may have been issued since, or come to the contact by a merge, which only a look shows: `repeat:`, which
 * the rule in force says, is asked again.
 */
static bool is_asked_again(const struct doing *d, const struct move *m, const struct issuance *is)
{
	return (m->target == GO_ANEW && is->held_from == STATE_DRAFT) ||
	       (m->target == GO_ON && is->held_from == STATE_PLANNED &&
		(repeats_once(d, is) || ledger_has_repeat(d->db, is, NULL)));
}

/* A mail that left is no less so because a second one was asked for. */
static bool was_sent(struct db *db, const struct issuance *is)
{
	return db_exists(db, "SELECT 1 FROM trail WHERE issuance = ?1 AND state = ?2", "it", is->id,
			 issuance_state_names[STATE_SENT]);
}

bool act_was_last(struct db *db, int64_t issuance, enum act act)
{
	return db_exists(
		db,
		"SELECT 1 FROM trail WHERE id = (SELECT max(id) FROM trail WHERE issuance = ?1)"
		" AND note = ?2",
		"it", issuance, act_names[act]);
}

static enum issuance_state state_after(struct db *db, const struct move *m,
				       const struct issuance *is)
{
	switch (m->target) {
	case SEND:
		return STATE_ISSUED;
	case END:
		return was_sent(db, is) ? STATE_SENT : STATE_DROPPED;
	case GO_ON:
	case GO_ANEW:
		break;
	}
	return is->held_from;
}

static struct issuance changed(const struct issuance *is, const struct act_result *result)
{
	struct issuance after = *is;

	after.replan = result->at_look;
	if (result->at_look)
		return after;
	after.state = result->to;
	after.reason = NULL;
	after.not_before_ms = 0;
	after.failures = 0;
	after.expire_ms = 0;
	return after;
}

static void write_move(struct db *db, enum act act, const struct act_by *by,
		       const struct act_result *result)
{
	struct issuance after = changed(result->is, result);

	(void)ledger_act(db, result->is, &after, by->now_ms, act_names[act], by->who);
	/* modified 0: news of any age, so that the contact is read whatever was read before. */
	if (result->at_look)
		inbox_add(db, after.source_account, slice_of(after.contact), 0,
			  (struct came){ CAME_ASKED, by->now_ms });
}

static const char *why_not(enum act act, const struct issuance *is)
{
	if (is->state == STATE_CREATING || is->state == STATE_ISSUING || is->state == STATE_SENDING)
		return "a request is under way, or how it ended is not known yet: 'hs2cert run' finds out";
	if (act == ACT_APPROVE && is->state == STATE_HELD)
		return "it is not the brake that holds it";
	return "there is nothing to do in this state";
}

/*
 * A copy was put back, and whether it was issued since is not known before a reconcile: dropped now, it would leave room
 * for another.
 */
static bool may_be_issued(struct db *db, const struct move *m, const struct issuance *is)
{
	return m->target == END && is->state != STATE_ISSUED && is->state != STATE_SEND_UNKNOWN &&
	       restored_awaits_reconcile(db, is->action_account);
}

static void judge(const struct doing *d, const struct issuance *is, struct act_result *out)
{
	const struct move *m = move_of(d->act, is, d->choice->ids > 0);

	*out = (struct act_result){ .outcome = ACT_UNCHANGED, .is = is, .to = is->state };
	if (!m) {
		out->why = why_not(d->act, is);
		return;
	}
	if (may_be_issued(d->db, m, is)) {
		out->why =
			"its account is restored: 'hs2cert reconcile' first, it may be issued already";
		return;
	}
	bool anew = is_planned_anew(m, is), asked = !anew && is_asked_again(d, m, is);
	const char *unseen = anew || asked ? undeclared_told(is) : NULL;
	if ((anew || asked) && is->replan && act_was_last(d->db, is->id, d->act)) {
		out->why = unseen ? unseen
			   : anew ? "it is to be planned anew at the next look already"
				  : "it is to go on at the next look already";
		return;
	}
	out->outcome = ACT_DONE;
	out->replan = anew;
	out->at_look = anew || asked;
	out->to = anew ? is->state : state_after(d->db, m, is);
	if (unseen)
		out->why = unseen;
	else if (asked)
		out->why = "at the next look, where 'repeat' allows it";
	else if (out->to == STATE_SENT)
		out->why = "it was sent before";
}

/* ---- many --------------------------------------------------------------------- */

struct ids {
	int64_t *id;
	size_t count, cap;
};

static void add_id(struct ids *ids, int64_t id)
{
	ids->id = mem_grow(ids->id, &ids->cap, ids->count + 1, sizeof(*ids->id));
	ids->id[ids->count++] = id;
}

/* What is named twice is meant once. */
static void add_named(struct ids *ids, int64_t id)
{
	for (size_t i = 0; i < ids->count; i++)
		if (ids->id[i] == id)
			return;
	add_id(ids, id);
}

static bool moves_state(enum act act, const char *state)
{
	for (size_t i = 0; i < MOVES; i++)
		if (moves[i].act == act && !moves[i].only_named &&
		    strcmp(issuance_state_names[moves[i].from], state) == 0)
			return true;
	return false;
}

static void choose(struct db *db, enum act act, const struct act_choice *choice, struct ids *out)
{
	for (int s = 0; s < STATE_COUNT; s++) {
		const char *state = issuance_state_names[s];
		if (!moves_state(act, state) ||
		    (choice->state && strcmp(choice->state, state) != 0))
			continue;
		struct query *q = db_select(
			db,
			"SELECT id FROM issuance WHERE state = ?1 AND (?2 IS NULL OR rule = ?2)"
			" AND (?3 IS NULL OR hold = ?3) AND (?4 <> 'approve' OR hold = 'brake')"
			" AND NOT (state = 'draft' AND do_issue = 0)"
			" AND NOT (state = 'issued' AND do_send = 0) ORDER BY id",
			"tttt", state, choice->rule, choice->hold, act_names[act]);
		while (query_next(q))
			add_id(out, query_integer(q, 0));
	}
}

/* A selection is made before its first transaction: what somebody else moved since may be none of it any more. */
static bool is_chosen(const struct act_choice *choice, const struct issuance *is)
{
	const char *hold = is->state == STATE_HELD ? hold_names[is->hold] : "";

	if (choice->ids)
		return true;
	return (!choice->state || strcmp(choice->state, issuance_state_names[is->state]) == 0) &&
	       (!choice->hold || strcmp(choice->hold, hold) == 0);
}

/* What one transaction did, told once it is committed. */
struct told {
	struct issuance is;
	struct act_result result;
};

static void do_one(const struct doing *d, int64_t id, struct arena *memory, struct told *out)
{
	if (!ledger_load(d->db, id, memory, &out->is)) {
		out->is.id = id;
		out->result = (struct act_result){ .outcome = ACT_ABSENT, .is = &out->is };
		return;
	}
	if (is_chosen(d->choice, &out->is))
		judge(d, &out->is, &out->result);
	else
		out->result = (struct act_result){ .outcome = ACT_UNCHANGED,
						   .is = &out->is,
						   .to = out->is.state,
						   .why = "somebody else moved it meanwhile" };
	if (out->result.outcome == ACT_DONE && !d->by->dry_run)
		write_move(d->db, d->act, d->by, &out->result);
}

static enum rc do_chunk(const struct doing *d, const int64_t *id, size_t n, act_say *say, void *ctx,
			struct err *err)
{
	struct told *told = mem_alloc(n * sizeof(*told));
	struct arena memory;

	arena_init(&memory);
	db_begin(d->db, "act");
	for (size_t i = 0; i < n; i++)
		do_one(d, id[i], &memory, &told[i]);
	enum rc rc = db_commit(d->db, err);
	for (size_t i = 0; i < n; i++) {
		if (rc == RC_OK)
			say(ctx, &told[i].result);
		json_free((struct json *)(uintptr_t)told[i].is.fields);
	}
	arena_release(&memory);
	mem_free(told);
	return rc;
}

static enum rc do_chunks(struct doing *d, const struct ids *ids, act_say *say, void *ctx,
			 struct err *err)
{
	int64_t in_force = d->act == ACT_APPROVE ? record_newest(d->db) : 0;
	struct ruleset rules = { 0 };
	struct arena memory;
	struct err ignored;
	enum rc rc = RC_OK;

	arena_init(&memory);
	if (in_force && ruleset_open(d->db, in_force, &memory, &rules, &ignored) == RC_OK)
		d->table = rules.table;
	for (size_t at = 0; rc == RC_OK && at < ids->count; at += CHUNK) {
		size_t n = ids->count - at < CHUNK ? ids->count - at : CHUNK;
		rc = do_chunk(d, &ids->id[at], n, say, ctx, err);
	}
	ruleset_release(&rules);
	arena_release(&memory);
	return rc;
}

enum rc act_do(struct db *db, enum act act, const struct act_choice *choice,
	       const struct act_by *by, act_say *say, void *ctx, size_t *found, struct err *err)
{
	struct doing d = { db, act, choice, by, NULL };
	struct ids ids = { 0 };

	for (size_t i = 0; i < choice->ids; i++)
		add_named(&ids, choice->id[i]);
	if (choice->ids == 0)
		choose(db, act, choice, &ids);
	*found = ids.count;
	enum rc rc = do_chunks(&d, &ids, say, ctx, err);
	mem_free(ids.id);
	return rc == RC_OK ? db_failed(db, err) : rc;
}

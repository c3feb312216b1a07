/* What people may do with issuances, and the brake that makes them. */
#include "tests/unit/stored.h"

#include "base/clock.h"
#include "engine/act.h"
#include "engine/brake.h"
#include "engine/ledger.h"

static int64_t insert(int64_t at_ms, enum issuance_state state, enum issuance_state held_from,
		      enum hold hold, bool rendered)
{
	struct json *fields = rendered ? json_new_object() : NULL;
	struct issuance is = {
		.rule = "tier",
		.table_hash = "h",
		.source_account = "hubspot",
		.contact = "101",
		.event = EVENT_PROPERTY_CHANGED,
		.target = "tier",
		.to = "Silver",
		.at_ms = at_ms,
		.action_account = "certifier",
		.group = "g1",
		.fields = fields,
		.do_issue = true,
		.do_send = true,
		.state = state,
		.held_from = held_from,
		.hold = hold,
		.created_ms = NOW,
	};

	ledger_insert(db, &is, slice_of("a@example.com"));
	json_free(fields);
	return is.id;
}

static struct issuance load(int64_t id)
{
	struct issuance is;

	assert_true(ledger_load(db, id, &memory, &is));
	json_free((struct json *)(uintptr_t)is.fields);
	is.fields = NULL;
	return is;
}

/* ---- acts ----------------------------------------------------------------- */

struct heard {
	int outcomes[3];
	bool replan, at_look;
	enum issuance_state to;
	const char *why;
};

static void hear(void *ctx, const struct act_result *r)
{
	struct heard *h = ctx;

	h->outcomes[r->outcome]++;
	h->replan |= r->replan;
	h->at_look |= r->at_look;
	h->to = r->to;
	h->why = r->why;
}

static struct heard act_on(enum act act, struct act_choice choice, bool dry_run)
{
	struct heard h = { 0 };
	struct act_by by = { "ana", NOW + 5, dry_run };
	struct err err;
	size_t found;

	assert_int_equal(act_do(db, act, &choice, &by, hear, &h, &found, &err), RC_OK);
	assert_int_equal(found, h.outcomes[0] + h.outcomes[1] + h.outcomes[2]);
	return h;
}

static struct heard act_on_id(enum act act, int64_t id)
{
	return act_on(act, (struct act_choice){ .id = &id, .ids = 1 }, false);
}

/* Every act on every state, by name: where it leads; -1: it changes nothing. */
static void each_act_moves_its_own_states(void **state)
{
	static const int to[ACT_COUNT][STATE_COUNT] = {
		/* clang-format off: planned, creating, draft, issuing, issued, sending, sent, held,
		 * shadow, skipped, refused, send-unknown, dropped; held and refused go on from issued */
		[ACT_APPROVE] = { -1, -1, -1, -1, -1, -1, -1, STATE_ISSUED, -1, -1, -1, -1, -1 },
		[ACT_RETRY] = { -1, -1, -1, -1, -1, -1, -1, STATE_ISSUED, -1, -1, STATE_ISSUED, -1,
				-1 },
		[ACT_RESEND] = { -1, -1, -1, -1, -1, -1, STATE_ISSUED, -1, -1, -1, -1, STATE_ISSUED,
				 -1 },
		[ACT_DROP] = { STATE_DROPPED, -1, STATE_DROPPED, -1, STATE_DROPPED, -1, -1,
			       STATE_DROPPED, -1, -1, STATE_DROPPED, STATE_DROPPED, -1 },
		/* clang-format on */
	};

	(void)state;
	for (int a = 0; a < ACT_COUNT; a++) {
		for (int s = 0; s < STATE_COUNT; s++) {
			int64_t id = insert(NOW + a * 100 + s, (enum issuance_state)s, STATE_ISSUED,
					    HOLD_BRAKE, true);
			struct heard h = act_on_id((enum act)a, id);
			int wanted = to[a][s];
			assert_int_equal(h.outcomes[ACT_DONE], wanted >= 0);
			assert_int_equal(load(id).state, wanted >= 0 ? wanted : s);
			assert_int_equal(db_integer(db, 0,
						    "SELECT count(*) FROM trail WHERE issuance = ?1"
						    " AND who = 'ana' AND note = ?2 AND at_ms = ?3",
						    "iti", id, act_names[a], NOW + 5),
					 wanted >= 0);
		}
	}
}

static void twice_changes_nothing(void **state)
{
	int64_t id = insert(NOW, STATE_HELD, STATE_PLANNED, HOLD_BRAKE, true);

	(void)state;
	assert_int_equal(act_on_id(ACT_APPROVE, id).outcomes[ACT_DONE], 1);
	assert_int_equal(load(id).state, STATE_PLANNED);
	assert_int_equal(act_on_id(ACT_APPROVE, id).outcomes[ACT_UNCHANGED], 1);
	assert_int_equal(act_on_id(ACT_DROP, id).outcomes[ACT_DONE], 1);
	assert_int_equal(act_on_id(ACT_DROP, id).outcomes[ACT_UNCHANGED], 1);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM trail", ""), 3);
	assert_int_equal(act_on_id(ACT_DROP, id + 1).outcomes[ACT_ABSENT], 1);
}

/* The process may be gone that made the request. */
static void what_is_midway_is_told_to_need_a_daemon(void **state)
{
	static const enum issuance_state midway[] = { STATE_CREATING, STATE_ISSUING,
						      STATE_SENDING };

	(void)state;
	for (size_t i = 0; i < sizeof(midway) / sizeof(midway[0]); i++) {
		int64_t id = insert(NOW + (int64_t)i, midway[i], STATE_PLANNED, HOLD_NONE, true);
		assert_non_null(strstr(act_on_id(ACT_DROP, id).why, "'hs2cert run'"));
	}
}

/* A mail that left is not taken back by giving up a second one. */
static void what_was_sent_is_not_dropped(void **state)
{
	static const enum issuance_state after[] = { STATE_ISSUED, STATE_SEND_UNKNOWN, STATE_HELD };

	(void)state;
	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		int64_t id = insert(NOW + (int64_t)i, STATE_SENT, STATE_ISSUED, HOLD_PLAN, true);
		assert_int_equal(act_on_id(ACT_RESEND, id).outcomes[ACT_DONE], 1);
		struct issuance before = load(id), is = before;
		is.state = after[i];
		assert_true(ledger_update(db, &before, &is, NOW, NULL));
		assert_int_equal(act_on_id(ACT_DROP, id).outcomes[ACT_DONE], 1);
		assert_int_equal(load(id).state, STATE_SENT);
	}
}

static void a_dry_run_writes_nothing(void **state)
{
	int64_t id = insert(NOW, STATE_REFUSED, STATE_PLANNED, HOLD_NONE, true);

	(void)state;
	assert_int_equal(act_on(ACT_RETRY, (struct act_choice){ 0 }, true).outcomes[ACT_DONE], 1);
	assert_false(load(id).replan);
	assert_int_equal(inbox_count(db, "hubspot"), 0);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM trail", ""), 1);
}

static void what_was_not_created_is_planned_anew(void **state)
{
	int64_t refused = insert(NOW, STATE_REFUSED, STATE_PLANNED, HOLD_NONE, true);
	int64_t bare = insert(NOW + 1, STATE_HELD, STATE_PLANNED, HOLD_BRAKE, false);

	(void)state;
	assert_true(act_on_id(ACT_RETRY, refused).replan);
	assert_int_equal(load(refused).state, STATE_REFUSED);
	assert_true(load(refused).replan);
	assert_int_equal(inbox_count(db, "hubspot"), 1);
	assert_int_equal(act_on_id(ACT_RETRY, refused).outcomes[ACT_UNCHANGED], 1);
	/* The brake held it before it could be rendered: there is nothing to approve as it is. */
	assert_true(act_on_id(ACT_APPROVE, bare).replan);
	assert_int_equal(load(bare).state, STATE_HELD);
}

/* Another may have been issued since: the rule that is in force says whether this one still may. */
static void what_has_a_draft_goes_on_at_the_next_look(void **state)
{
	int64_t refused = insert(NOW, STATE_REFUSED, STATE_DRAFT, HOLD_NONE, true);
	int64_t midway = insert(NOW + 1, STATE_REFUSED, STATE_ISSUING, HOLD_NONE, true);

	(void)state;
	struct heard h = act_on_id(ACT_RETRY, refused);
	assert_true(h.at_look && !h.replan);
	assert_int_equal(h.to, STATE_DRAFT);
	assert_int_equal(load(refused).state, STATE_REFUSED);
	assert_true(load(refused).replan);
	assert_int_equal(inbox_count(db, "hubspot"), 1);
	assert_int_equal(act_on_id(ACT_RETRY, refused).outcomes[ACT_UNCHANGED], 1);
	assert_int_equal(act_on_id(ACT_DROP, refused).outcomes[ACT_DONE], 1);
	assert_false(load(refused).replan);
	/* It counts all along, as one that may have been issued. */
	assert_false(act_on_id(ACT_RETRY, midway).at_look);
	assert_int_equal(load(midway).state, STATE_ISSUING);
}

/* Where another of the contact counts, the rule in force is asked first; a merge may have brought it. */
static void what_is_approved_beside_another_waits_for_a_look(void **state)
{
	int64_t held = insert(NOW, STATE_HELD, STATE_PLANNED, HOLD_BRAKE, true);
	int64_t other = insert(NOW + 1, STATE_SENT, STATE_PLANNED, HOLD_NONE, true);

	(void)state;
	db_run(db, "UPDATE issuance SET contact = '102' WHERE id = ?1", "i", other);
	assert_false(act_on(ACT_APPROVE, (struct act_choice){ 0 }, true).at_look);
	db_run(db,
	       "INSERT INTO alias (account, old, contact) VALUES ('hubspot', '101', '900'),"
	       " ('hubspot', '102', '900')",
	       "");
	struct heard h = act_on_id(ACT_APPROVE, held);
	assert_true(h.at_look && !h.replan);
	assert_int_equal(h.to, STATE_PLANNED);
	assert_int_equal(load(held).state, STATE_HELD);
	assert_int_equal(inbox_count(db, "hubspot"), 1);
	assert_int_equal(act_on_id(ACT_APPROVE, held).outcomes[ACT_UNCHANGED], 1);
}

static void a_selection_takes_what_fits(void **state)
{
	int64_t brake = insert(NOW, STATE_HELD, STATE_PLANNED, HOLD_BRAKE, true);
	int64_t field = insert(NOW + 1, STATE_HELD, STATE_PLANNED, HOLD_FIELD, true);
	int64_t sent = insert(NOW + 2, STATE_SENT, STATE_PLANNED, HOLD_NONE, true);
	int64_t unknown = insert(NOW + 3, STATE_SEND_UNKNOWN, STATE_PLANNED, HOLD_NONE, true);

	(void)state;
	db_run(db, "UPDATE issuance SET contact = '102' WHERE id = ?1", "i", brake);
	assert_int_equal(act_on(ACT_DROP, (struct act_choice){ .rule = "x" }, false).outcomes[0],
			 0);
	assert_int_equal(act_on(ACT_APPROVE, (struct act_choice){ 0 }, false).outcomes[0], 1);
	assert_int_equal(load(brake).state, STATE_PLANNED);
	assert_int_equal(act_on(ACT_RESEND, (struct act_choice){ 0 }, false).outcomes[0], 1);
	assert_int_equal(load(unknown).state, STATE_ISSUED);
	assert_int_equal(load(sent).state, STATE_SENT);
	assert_int_equal(
		act_on(ACT_DROP, (struct act_choice){ .hold = "field" }, false).outcomes[0], 1);
	assert_int_equal(load(field).state, STATE_DROPPED);
	assert_int_equal(
		act_on(ACT_DROP, (struct act_choice){ .state = "planned" }, false).outcomes[0], 1);
}

/* What is asked last is what is done. */
static void who_asks_last_is_heard(void **state)
{
	int64_t held = insert(NOW, STATE_HELD, STATE_PLANNED, HOLD_BRAKE, true);

	(void)state;
	(void)insert(NOW + 1, STATE_SENT, STATE_PLANNED, HOLD_NONE, true);
	struct heard h = act_on_id(ACT_APPROVE, held);
	assert_true(h.at_look && !h.replan);
	h = act_on_id(ACT_RETRY, held);
	assert_true(h.at_look && h.replan);
	assert_int_equal(act_on_id(ACT_RETRY, held).outcomes[ACT_UNCHANGED], 1);
	h = act_on_id(ACT_APPROVE, held);
	assert_true(h.at_look && !h.replan);
}

/* Before a reconcile nobody knows what was issued since the copy that was put back. */
static void what_may_be_issued_is_not_dropped(void **state)
{
	int64_t held = insert(NOW, STATE_HELD, STATE_PLANNED, HOLD_BRAKE, true);
	int64_t unknown = insert(NOW + 1, STATE_SEND_UNKNOWN, STATE_PLANNED, HOLD_NONE, true);

	(void)state;
	db_run(db, "INSERT INTO action VALUES ('certifier', 1, 'a copy was put back')", "");
	assert_int_equal(act_on_id(ACT_DROP, held).outcomes[ACT_UNCHANGED], 1);
	assert_int_equal(act_on_id(ACT_DROP, unknown).outcomes[ACT_DONE], 1);
	db_run(db, "UPDATE action SET restored = NULL", "");
	assert_int_equal(act_on_id(ACT_DROP, held).outcomes[ACT_DONE], 1);
}

static int64_t last_of_many;

/* Somebody else, once the first were dropped. */
static void retry_the_last(void *ctx, const struct act_result *r)
{
	struct act_by by = { "ben", NOW + 6, false };
	struct act_choice one = { .id = &last_of_many, .ids = 1 };
	struct heard h = { 0 };
	struct err err;
	size_t found;

	hear(ctx, r);
	if (load(last_of_many).state == STATE_REFUSED)
		assert_int_equal(act_do(db, ACT_RETRY, &one, &by, hear, &h, &found, &err), RC_OK);
}

static void a_selection_is_of_what_it_is_when_its_turn_comes(void **state)
{
	struct act_choice refused = { .state = "refused" };
	struct act_by by = { "ana", NOW + 5, false };
	struct heard h = { 0 };
	struct err err;
	size_t found;

	(void)state;
	for (int64_t i = 0; i < 201; i++)
		last_of_many = insert(NOW + i, STATE_REFUSED, STATE_ISSUED, HOLD_NONE, true);
	assert_int_equal(act_do(db, ACT_DROP, &refused, &by, retry_the_last, &h, &found, &err),
			 RC_OK);
	assert_int_equal(load(last_of_many).state, STATE_ISSUED);
	assert_int_equal(h.outcomes[ACT_UNCHANGED], 1);
}

/* ---- the brake --------------------------------------------------------------- */

/* behaviour.md word for word: is there a span that holds `at` and more than `most` events? */
static bool too_many(const int64_t *at, size_t n, int64_t now, int64_t span, int64_t most)
{
	for (int64_t begin = now - span + 1; begin <= now; begin++) {
		int64_t count = 1;
		for (size_t i = 0; i < n; i++)
			count += at[i] >= begin && at[i] < begin + span;
		if (count > most)
			return true;
	}
	return false;
}

static void the_brake_is_what_counting_says(void **state)
{
	int64_t at[64];
	uint64_t chance = 7;
	int held = 0;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct policy policy = { .brake_count = 1 + round % 5,
					 .brake_per_ms = 20 + round % 7 };
		struct rule rule = { .name = "tier", .policy = &policy };
		db_run(db, "DELETE FROM trail", "");
		db_run(db, "DELETE FROM issuance", "");
		for (size_t n = 0; n < 40; n++) {
			chance = chance * 6364136223846793005u + 1442695040888963407u;
			at[n] = (int64_t)(chance >> 33) % 150;
			struct issuance is = { .rule = "tier", .at_ms = at[n] };
			bool want = too_many(at, n, at[n], policy.brake_per_ms, policy.brake_count);
			assert_int_equal(brake_holds(db, &rule, &is), want);
			held += want;
			db_run(db,
			       "INSERT INTO issuance (rule, table_hash, source_account, contact, event,"
			       " target, to_value, at_ms, action_account, group_id, do_issue, do_send,"
			       " email, state, created_ms, updated_ms) VALUES ('tier', 'h', 'a', ?1, 'e',"
			       " 't', 'v', ?2, 'c', 'g', 1, 1, '', 'planned', 0, 0)",
			       "ii", (int64_t)n, at[n]);
		}
	}
	assert_in_range(held, 100, 1500);
}

static void what_earned_nothing_does_not_count(void **state)
{
	struct policy policy = { .brake_count = 1, .brake_per_ms = MS_HOUR };
	struct rule rule = { .name = "tier", .policy = &policy };
	struct issuance is = { .rule = "tier", .at_ms = NOW + MS_HOUR - 1 };
	static const bool counts[STATE_COUNT] = {
		[STATE_PLANNED] = true, [STATE_CREATING] = true, [STATE_DRAFT] = true,
		[STATE_ISSUING] = true, [STATE_ISSUED] = true,	 [STATE_SENDING] = true,
		[STATE_SENT] = true,	[STATE_HELD] = true,	 [STATE_SEND_UNKNOWN] = true,
	};

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		db_run(db, "DELETE FROM trail", "");
		db_run(db, "DELETE FROM issuance", "");
		insert(NOW, (enum issuance_state)s, STATE_PLANNED, HOLD_FIELD, true);
		assert_int_equal(brake_holds(db, &rule, &is), counts[s]);
	}
	is.at_ms = NOW + MS_HOUR;
	assert_false(brake_holds(db, &rule, &is)); /* an hour apart is no more one hour */
	policy.brake_count = 0;
	is.at_ms = NOW;
	assert_false(brake_holds(db, &rule, &is));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(each_act_moves_its_own_states),
		stored(twice_changes_nothing),
		stored(what_is_midway_is_told_to_need_a_daemon),
		stored(what_was_sent_is_not_dropped),
		stored(a_dry_run_writes_nothing),
		stored(what_was_not_created_is_planned_anew),
		stored(what_has_a_draft_goes_on_at_the_next_look),
		stored(what_is_approved_beside_another_waits_for_a_look),
		stored(a_selection_takes_what_fits),
		stored(who_asks_last_is_heard),
		stored(what_may_be_issued_is_not_dropped),
		stored(a_selection_is_of_what_it_is_when_its_turn_comes),
		stored(the_brake_is_what_counting_says),
		stored(what_earned_nothing_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

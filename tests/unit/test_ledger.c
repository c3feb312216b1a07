/* Issuances in the store: found, held, released, and never twice. */
#include "tests/unit/stored.h"

#include "engine/ledger.h"
#include "engine/merge.h"
#include "engine/sweep.h"

/* ---- issuances ------------------------------------------------------------ */

static struct issuance issuance(const char *contact, int64_t at_ms)
{
	return (struct issuance){
		.rule = "tier",
		.table_hash = "h",
		.source_account = "hubspot",
		.contact = contact,
		.event = EVENT_PROPERTY_CHANGED,
		.target = "tier",
		.from = "Bronze",
		.to = "Silver",
		.at_ms = at_ms,
		.action_account = "certifier",
		.group = "g1",
		.do_issue = true,
		.do_send = true,
		.state = STATE_PLANNED,
		.created_ms = NOW,
	};
}

static int64_t insert(struct issuance is)
{
	ledger_insert(db, &is, slice_of("a@example.com"));
	assert_int_equal(db_failed(db, NULL), RC_OK);
	assert_true(is.id > 0);
	return is.id;
}

static struct issuance load(int64_t id)
{
	struct issuance is;

	assert_true(ledger_load(db, id, &memory, &is));
	return is;
}

static void set_state(int64_t id, enum issuance_state to)
{
	struct issuance before = load(id), after = before;

	after.state = to;
	assert_true(ledger_update(db, &before, &after, NOW, NULL));
}

/* The states of the trail, oldest first, with their notes. */
static const char *trail(int64_t id)
{
	struct str out;

	str_init(&out, 1000);
	struct query *q = db_select(
		db, "SELECT state, note FROM trail WHERE issuance = ?1 ORDER BY id", "i", id);
	while (query_next(q)) {
		str_add_slice(&out, query_slice(q, 0));
		if (!query_null(q, 1))
			str_addf(&out, "(%.*s)", SLICE_FMT(query_slice(q, 1)));
		str_add_char(&out, ' ');
	}
	const char *text = arena_text(&memory, str_slice(&out));
	str_release(&out);
	return text;
}

static void states_have_names(void **state)
{
	enum issuance_state s = STATE_SENT;

	(void)state;
	for (int i = 0; i < STATE_COUNT; i++) {
		assert_true(issuance_state_of(slice_of(issuance_state_names[i]), &s));
		assert_int_equal(s, i);
	}
	s = STATE_SENT;
	assert_false(issuance_state_of(slice_of("Planned"), &s));
	assert_false(issuance_state_of(slice_of(NULL), &s));
	assert_int_equal(s, STATE_SENT);
}

static void an_issuance_comes_back_as_it_was_written(void **state)
{
	struct issuance is = issuance("101", NOW - 5), got;
	struct json *fields = json_new_object();

	(void)state;
	json_set_text(fields, "recipient.name", "Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \"x\"\n");
	is.fields = fields;
	is.do_send = false;
	is.state = STATE_HELD;
	is.held_from = STATE_DRAFT;
	is.hold = HOLD_MISSING_EMAIL;
	is.expire_ms = NOW + 77;
	is.reason = "plan: expiry";
	int64_t id = insert(is);
	got = load(id);
	assert_int_equal(got.id, id);
	assert_string_equal(got.rule, "tier");
	assert_string_equal(got.table_hash, "h");
	assert_string_equal(got.source_account, "hubspot");
	assert_string_equal(got.contact, "101");
	assert_int_equal(got.event, EVENT_PROPERTY_CHANGED);
	assert_string_equal(got.from, "Bronze");
	assert_string_equal(got.to, "Silver");
	assert_int_equal(got.at_ms, NOW - 5);
	assert_string_equal(got.action_account, "certifier");
	assert_string_equal(got.group, "g1");
	assert_true(got.do_issue);
	assert_false(got.do_send);
	assert_int_equal(got.state, STATE_HELD);
	assert_int_equal(got.held_from, STATE_DRAFT);
	assert_int_equal(got.hold, HOLD_MISSING_EMAIL);
	assert_int_equal(got.expire_ms, NOW + 77);
	assert_false(got.replan);
	assert_string_equal(got.reason, "plan: expiry");
	assert_null(got.credential);
	assert_null(got.public_url);
	assert_null(got.cursor);
	assert_int_equal(got.created_ms, NOW);
	assert_int_equal(got.updated_ms, NOW);
	assert_true(slice_is(json_get_slice(got.fields, "recipient.name"),
			     "Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \"x\"\n"));
	assert_string_equal(trail(id), "held(plan: expiry) ");
	json_free((struct json *)(uintptr_t)got.fields);
	json_free(fields);
	assert_false(ledger_load(db, id + 1, &memory, &got));
}

static void lists_and_nothing_known(void **state)
{
	struct issuance is = issuance("101", NOW);

	(void)state;
	is.event = EVENT_LIST_ADDED;
	is.from = NULL;
	is.to = "";
	is = load(insert(is));
	assert_int_equal(is.event, EVENT_LIST_ADDED);
	assert_null(is.from);
	assert_string_equal(is.to, "");
	assert_null(is.fields);
	assert_null(is.reason);
}

static void what_a_step_changed(void **state)
{
	int64_t id = insert(issuance("101", NOW));
	struct issuance before = load(id), after = before;

	(void)state;
	after.state = STATE_CREATING;
	after.attempts = 3;
	after.attempt_ms = NOW + 1;
	after.settles = 2;
	after.cursor = "page";
	after.not_before_ms = NOW + 2;
	after.failures = 4;
	after.credential = "c1";
	after.public_url = "https://x/c1";
	after.reason = "why";
	assert_true(ledger_update(db, &before, &after, NOW + 9, "about to"));
	struct issuance got = load(id);
	assert_int_equal(got.state, STATE_CREATING);
	assert_int_equal(got.attempts, 3);
	assert_int_equal(got.attempt_ms, NOW + 1);
	assert_int_equal(got.settles, 2);
	assert_string_equal(got.cursor, "page");
	assert_int_equal(got.not_before_ms, NOW + 2);
	assert_int_equal(got.failures, 4);
	assert_string_equal(got.credential, "c1");
	assert_string_equal(got.public_url, "https://x/c1");
	assert_string_equal(got.reason, "why");
	assert_int_equal(got.updated_ms, NOW + 9);
	assert_int_equal(got.created_ms, NOW);
	after = got;
	after.cursor = after.reason = NULL;
	assert_true(ledger_update(db, &got, &after, NOW + 10,
				  "not for the trail: the state is the same"));
	assert_null(load(id).cursor);
	assert_null(load(id).reason);
	assert_string_equal(trail(id), "planned creating(about to) ");
}

static void one_event_of_a_rule_is_one_row(void **state)
{
	struct issuance is = issuance("101", NOW);

	(void)state;
	assert_false(ledger_has_event(db, &is));
	(void)insert(is);
	is.from = "other"; /* where it came from is no part of the identity */
	assert_true(ledger_has_event(db, &is));
	ledger_insert(db, &is, slice_of("x"));
	assert_int_equal(db_failed(db, NULL), RC_BROKEN);
	db_rollback(db);
}

static void other_events_are_others(void **state)
{
	struct issuance base = issuance("101", NOW);
	struct issuance other[7];

	(void)state;
	(void)insert(base);
	for (size_t i = 0; i < 7; i++)
		other[i] = base;
	other[0].rule = "another";
	other[1].source_account = "hubspot-eu";
	other[2].event = EVENT_LIST_ADDED;
	other[3].target = "other";
	other[4].at_ms = NOW + 1;
	other[5].to = "silver";
	other[6].contact = "1010";
	for (size_t i = 0; i < 7; i++) {
		assert_false(ledger_has_event(db, &other[i]));
		(void)insert(other[i]);
	}
}

static bool is_sent_elsewhere(const struct issuance *asks, const char *email, const char *date)
{
	struct json *fields = json_new_object();
	struct issuance is = *asks;
	json_set_text(fields, "recipient.email", email);
	is.fields = fields;
	bool sent = ledger_sent_elsewhere(db, &is, "expiry-date", slice_of(date));
	json_free(fields);
	return sent;
}

/* What another create may have left is told by what it sent, as long as nobody knows its end. */
static void a_value_that_a_lost_create_sent_is_known(void **state)
{
	struct json *fields = json_new_object();
	struct issuance other = issuance("101", NOW), asks = issuance("102", NOW);

	(void)state;
	json_set_text(fields, "expiry-date", "2027-01-01");
	other.fields = fields;
	int64_t id = insert(other);
	asks.id = insert(asks);
	assert_false(is_sent_elsewhere(&asks, "A@example.com", "2027-01-01"));
	db_run(db, "UPDATE issuance SET state = 'creating', attempts = 1 WHERE id = ?1", "i", id);
	assert_true(is_sent_elsewhere(&asks, "A@example.com", "2027-01-01"));
	assert_false(is_sent_elsewhere(&asks, "A@example.com", "2028-01-01"));
	assert_false(is_sent_elsewhere(&asks, "b@example.com", "2027-01-01"));
	sweep_note_repeat(db, id, NOW);
	db_run(db, "UPDATE issuance SET state = 'sent', credential = 'c1' WHERE id = ?1", "i", id);
	assert_true(is_sent_elsewhere(&asks, "A@example.com", "2027-01-01"));
	asks.group = "g2";
	assert_false(is_sent_elsewhere(&asks, "A@example.com", "2027-01-01"));
	asks.group = "g1";
	db_run(db, "DELETE FROM stray", "");
	assert_false(is_sent_elsewhere(&asks, "A@example.com", "2027-01-01"));
	json_free(fields);
}

static void one_credential_is_of_one_issuance(void **state)
{
	int64_t one = insert(issuance("101", NOW)), two = insert(issuance("102", NOW));
	struct issuance before = load(one), after = before;

	(void)state;
	after.credential = "c1";
	assert_true(ledger_update(db, &before, &after, NOW, NULL));
	assert_true(ledger_credential_held(db, "c1"));
	assert_false(ledger_credential_held(db, "c2"));
	before = after = load(two);
	after.credential = "c1";
	assert_false(ledger_update(db, &before, &after, NOW, NULL));
	assert_int_equal(db_failed(db, NULL), RC_BROKEN);
	db_rollback(db);
}

/* Two accounts may be of one workspace. */
static void a_credential_is_held_whoever_asks(void **state)
{
	struct issuance other = issuance("101", NOW), asks = issuance("102", NOW);
	struct json *fields = json_new_object();

	(void)state;
	json_set_text(fields, "expiry-date", "2027-01-01");
	other.fields = fields;
	other.action_account = "another";
	int64_t id = insert(other);
	asks.id = insert(asks);
	db_run(db, "UPDATE issuance SET state = 'creating', attempts = 1 WHERE id = ?1", "i", id);
	assert_true(is_sent_elsewhere(&asks, "A@example.com", "2027-01-01"));
	sweep_note_repeat(db, id, NOW);
	db_run(db, "UPDATE issuance SET state = 'sent', credential = 'c1' WHERE id = ?1", "i", id);
	assert_true(ledger_credential_held(db, "c1"));
	assert_true(is_sent_elsewhere(&asks, "A@example.com", "2027-01-01"));
	assert_false(ledger_credential_leaves(db, "c2"));
	db_run(db, "UPDATE stray SET credential = 'c2'", "");
	assert_true(ledger_credential_leaves(db, "c2"));
	json_free(fields);
}

static void what_counts_as_a_repeat(void **state)
{
	static const bool counts[STATE_COUNT] = {
		[STATE_PLANNED] = true, [STATE_CREATING] = true, [STATE_DRAFT] = true,
		[STATE_ISSUING] = true, [STATE_ISSUED] = true,	 [STATE_SENDING] = true,
		[STATE_SENT] = true,	[STATE_HELD] = true,	 [STATE_SEND_UNKNOWN] = true,
	};
	struct issuance asked = issuance("101", NOW + 1);
	int64_t id = insert(issuance("101", NOW));

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		db_run(db, "DELETE FROM trail", "");
		set_state(id, (enum issuance_state)s);
		assert_int_equal(ledger_has_repeat(db, &asked, NULL), counts[s]);
		assert_int_equal(ledger_has_repeat(db, &asked, "Silver"), counts[s]);
		assert_false(ledger_has_repeat(db, &asked, "Gold"));
	}
	set_state(id, STATE_SENT);
	asked.contact = "102";
	assert_false(ledger_has_repeat(db, &asked, NULL));
	asked = issuance("101", NOW + 1);
	asked.rule = "another";
	assert_false(ledger_has_repeat(db, &asked, NULL));
}

/* Whoever made it: also a backfill of a rule in shadow. What a person asks for afterwards is in shadow no more. */
static void what_is_held_in_shadow_says_so(void **state)
{
	struct issuance held = issuance("101", NOW), asked = issuance("101", NOW + 1);

	(void)state;
	held.state = STATE_HELD;
	held.hold = HOLD_MISSING_EMAIL;
	held.reason = "waits";
	held.in_shadow = true;
	int64_t by_rule = insert(held);
	assert_string_equal(trail(by_rule), "shadow held(waits) ");
	held.at_ms = NOW - 1;
	ledger_insert_by(db, &held, slice_of(""), "backfill: waits", "ana");
	assert_string_equal(trail(held.id), "shadow(backfill: waits) held(waits) ");
	assert_int_equal(ledger_backfilled(db, "tier", 0, 0), 1);
	assert_true(ledger_in_shadow(db, by_rule));
	assert_true(ledger_in_shadow(db, held.id));
	assert_false(ledger_has_repeat(db, &asked, "Silver"));

	struct issuance before = load(held.id), after = before;
	after.replan = true;
	assert_true(ledger_act(db, &before, &after, NOW, "retry", "ana"));
	assert_false(ledger_in_shadow(db, held.id));
	assert_true(ledger_has_repeat(db, &asked, "Silver"));

	struct issuance live = issuance("102", NOW);
	live.state = STATE_HELD;
	assert_false(ledger_in_shadow(db, insert(live)));
}

/* What became of it later makes it no less given, and what was never issued was not given. */
static void what_was_issued_is_given(void **state)
{
	struct issuance asked = issuance("101", NOW + 1);
	int64_t id = insert(issuance("101", NOW));
	struct issuance before = load(id), after = before;
	struct slice silver = slice_of("Silver");

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		after.state = STATE_REFUSED;
		after.held_from = (enum issuance_state)s;
		assert_true(ledger_update(db, &before, &after, NOW, NULL));
		assert_int_equal(ledger_has_repeat(db, &asked, "Silver"),
				 s == STATE_ISSUING || s == STATE_ISSUED);
		before = after;
	}
	/* Dropped: as its trail says that it was once. */
	static const enum issuance_state once[] = { STATE_DRAFT, STATE_ISSUING, STATE_HELD,
						    STATE_ISSUED };
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		after.state = once[i];
		assert_true(ledger_update(db, &before, &after, NOW, NULL));
		before = after;
		after.state = STATE_DROPPED;
		assert_true(ledger_act(db, &before, &after, NOW, "drop", "ana"));
		before = after;
		assert_int_equal(ledger_has_repeat(db, &asked, NULL), once[i] == STATE_ISSUED);
	}
	assert_true(ledger_gave_before(db, "tier", "hubspot", "101", &silver, NOW + 1));
	assert_false(ledger_gave_before(db, "tier", "hubspot", "101", &silver, NOW));
	/* Or as what it was dropped from says that it may have been, or that it was found to be. */
	static const struct {
		enum issuance_state state, held_from;
		enum hold hold;
		bool given;
	} parked[] = {
		{ STATE_REFUSED, STATE_ISSUING, HOLD_NONE, true },
		{ STATE_HELD, STATE_ISSUING, HOLD_ACCOUNT, true },
		{ STATE_HELD, STATE_PLANNED, HOLD_RESTORED, true },
		{ STATE_HELD, STATE_PLANNED, HOLD_BRAKE, false },
		{ STATE_REFUSED, STATE_DRAFT, HOLD_NONE, false },
	};
	for (size_t i = 0; i < sizeof(parked) / sizeof(parked[0]); i++) {
		db_run(db, "DELETE FROM trail", "");
		after.state = parked[i].state;
		after.held_from = parked[i].held_from;
		after.hold = parked[i].hold;
		assert_true(ledger_update(db, &before, &after, NOW, NULL));
		before = after;
		after.state = STATE_DROPPED;
		assert_true(ledger_act(db, &before, &after, NOW, "drop", "ana"));
		before = after;
		assert_int_equal(ledger_has_repeat(db, &asked, NULL), parked[i].given);
	}
}

static void who_was_faster_is_left_alone(void **state)
{
	int64_t id = insert(issuance("101", NOW));
	struct issuance before = load(id), dropped = before, after = before;

	(void)state;
	dropped.state = STATE_DROPPED;
	assert_true(ledger_act(db, &before, &dropped, NOW, "drop", "ana"));
	after.state = STATE_CREATING;
	assert_false(ledger_update(db, &before, &after, NOW, NULL));
	assert_int_equal(load(id).state, STATE_DROPPED);
	assert_string_equal(trail(id), "planned dropped(drop) ");
	assert_true(
		db_exists(db, "SELECT 1 FROM trail WHERE who = 'ana' AND state = 'dropped'", ""));
}

static void an_issuance_is_no_repeat_of_itself(void **state)
{
	struct issuance is = issuance("101", NOW);

	(void)state;
	is.id = insert(is);
	assert_false(ledger_has_repeat(db, &is, NULL));
	(void)insert(issuance("101", NOW + 1));
	assert_true(ledger_has_repeat(db, &is, NULL));
}

/* ---- work ----------------------------------------------------------------- */

static void work_is_what_may_take_a_step(void **state)
{
	static const bool works[STATE_COUNT] = {
		[STATE_PLANNED] = true, [STATE_CREATING] = true, [STATE_DRAFT] = true,
		[STATE_ISSUING] = true, [STATE_ISSUED] = true,	 [STATE_SENDING] = true
	};
	int64_t id = insert(issuance("101", NOW)), found[4];

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		set_state(id, (enum issuance_state)s);
		assert_int_equal(ledger_work(db, "certifier", NOW, 4, found), works[s]);
		assert_int_equal(ledger_work_count(db), works[s]);
	}
	set_state(id, STATE_PLANNED);
	assert_int_equal(ledger_work(db, "another", NOW, 4, found), 0);
}

static void rules_that_stop_early(void **state)
{
	struct issuance draft_only = issuance("101", NOW), silent = issuance("102", NOW);
	int64_t found[4];

	(void)state;
	draft_only.do_issue = draft_only.do_send = false;
	silent.do_send = false;
	int64_t one = insert(draft_only), two = insert(silent);
	set_state(one, STATE_DRAFT);
	set_state(two, STATE_DRAFT);
	assert_int_equal(ledger_work(db, "certifier", NOW, 4, found), 1);
	assert_int_equal(found[0], two);
	set_state(two, STATE_ISSUED);
	assert_int_equal(ledger_work_count(db), 0);
	assert_int_equal(ledger_hold_all(db, "certifier", NULL, HOLD_PLAN, "plan: x", NOW),
			 0); /* they are done */
}

static void oldest_first_and_not_before_its_time(void **state)
{
	int64_t id[4], found[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct issuance is = issuance("101", NOW - i);
		id[i] = insert(is);
	}
	struct issuance before = load(id[1]), after = before;
	after.not_before_ms = NOW + 100;
	assert_true(ledger_update(db, &before, &after, NOW, NULL));
	assert_int_equal(ledger_work(db, "certifier", NOW + 99, 4, found), 3);
	assert_int_equal(found[0], id[0]);
	assert_int_equal(found[1], id[2]);
	assert_int_equal(found[2], id[3]);
	assert_int_equal(ledger_next(db, "certifier", NOW + 99), NOW + 100);
	assert_int_equal(ledger_next(db, "certifier", NOW + 100), INT64_MAX);
	assert_int_equal(ledger_next(db, "another", NOW), INT64_MAX);
	assert_int_equal(ledger_work(db, "certifier", NOW + 100, 2, found), 2);
	assert_int_equal(found[1], id[1]);
	assert_int_equal(ledger_work(db, "certifier", NOW + 100, 0, found), 0);
	set_state(id[1], STATE_SENT);
	assert_int_equal(ledger_next(db, "certifier", NOW),
			 INT64_MAX); /* what is done waits for nothing */
}

/* ---- holding -------------------------------------------------------------- */

static void holding_leaves_what_is_under_way(void **state)
{
	static const bool held[STATE_COUNT] = {
		[STATE_PLANNED] = true, [STATE_DRAFT] = true, [STATE_ISSUED] = true
	};
	int64_t id[STATE_COUNT], count[STATE_COUNT];

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		id[s] = insert(issuance("101", NOW + s));
		set_state(id[s], (enum issuance_state)s);
	}
	assert_int_equal(ledger_hold_all(db, "another", NULL, HOLD_PLAN, "plan: x", NOW), 0);
	assert_int_equal(ledger_hold_all(db, "certifier", "g2", HOLD_GROUP, "group: x", NOW), 0);
	assert_int_equal(ledger_hold_all(db, "certifier", NULL, HOLD_PLAN, "plan: x", NOW + 7), 3);
	for (int s = 0; s < STATE_COUNT; s++) {
		struct issuance is = load(id[s]);
		assert_int_equal(is.state, held[s] ? STATE_HELD : (enum issuance_state)s);
		if (!held[s])
			continue;
		assert_int_equal(is.held_from, s);
		assert_int_equal(is.hold, HOLD_PLAN);
		assert_string_equal(is.reason, "plan: x");
		assert_int_equal(is.updated_ms, NOW + 7);
	}
	assert_string_equal(trail(id[STATE_DRAFT]), "planned draft held(plan: x) ");
	ledger_count(db, count);
	assert_int_equal(count[STATE_HELD], 4);
	assert_int_equal(count[STATE_PLANNED], 0);
	assert_int_equal(count[STATE_SENT], 1);
}

static void only_the_group_where_one_is_named(void **state)
{
	struct issuance other = issuance("102", NOW);

	(void)state;
	other.group = "g2";
	int64_t one = insert(issuance("101", NOW)), two = insert(other);
	assert_int_equal(ledger_hold_all(db, "certifier", "g2", HOLD_GROUP, "group: unknown", NOW),
			 1);
	assert_int_equal(load(one).state, STATE_PLANNED);
	assert_int_equal(load(two).state, STATE_HELD);
}

static void a_reload_releases_plan_and_group_and_nothing_else(void **state)
{
	static const char *const reasons[] = { "plan: 402", "group: unknown", "brake: 1000 in 1h",
					       "missing e-mail" };
	static const enum hold kinds[] = { HOLD_PLAN, HOLD_GROUP, HOLD_BRAKE, HOLD_MISSING_EMAIL };
	int64_t id[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct issuance is = issuance("101", NOW + i);
		is.state = STATE_HELD;
		is.hold = kinds[i];
		is.held_from = STATE_DRAFT;
		is.reason = reasons[i];
		is.not_before_ms = NOW;
		id[i] = insert(is);
	}
	assert_int_equal(ledger_release_held(db, "another", NOW), 0);
	assert_int_equal(ledger_release_held(db, "certifier", NOW), 2);
	for (int i = 0; i < 4; i++) {
		struct issuance is = load(id[i]);
		assert_int_equal(is.state, i < 2 ? STATE_DRAFT : STATE_HELD);
		assert_int_equal(is.reason == NULL, i < 2);
	}
	assert_string_equal(trail(id[0]), "held(plan: 402) draft(released by a reload) ");
	assert_int_equal(ledger_release_held(db, "certifier", NOW), 0);
}

static void a_send_that_was_cut_off_is_parked(void **state)
{
	int64_t one = insert(issuance("101", NOW)), two = insert(issuance("102", NOW));

	(void)state;
	set_state(one, STATE_SENDING);
	set_state(two, STATE_ISSUING); /* this one can be settled by a call */
	assert_int_equal(ledger_park_sending(db, NOW + 1), 1);
	assert_int_equal(load(one).state, STATE_SEND_UNKNOWN);
	assert_non_null(load(one).reason);
	assert_int_equal(load(two).state, STATE_ISSUING);
	assert_int_equal(ledger_park_sending(db, NOW + 1), 0);
	assert_int_equal(ledger_work_count(db), 1);
}

/* ---- under any id --------------------------------------------------------- */

static void note(const char *id, const char *const *merged, size_t n)
{
	struct contact c = { .asked = id,
			     .id = id,
			     .merged = merged,
			     .n_merged = n,
			     .created_ms = NOW,
			     .modified_ms = NOW + 500 };

	(void)merge_note(db, "hubspot", &c, 0, &memory);
}

static void what_was_issued_under_an_old_id_counts(void **state)
{
	static const char *const merged[] = { "1", "2" };
	struct issuance is = issuance("3", NOW);

	(void)state;
	(void)insert(issuance("1", NOW));
	assert_false(ledger_has_event(db, &is));
	note("3", merged, 2);
	assert_true(ledger_has_event(db, &is));
	assert_true(ledger_has_repeat(db, &is, NULL));
	/* And through a second merge. */
	static const char *const again[] = { "3", "7" };
	note("8", again, 2);
	is.contact = "8";
	assert_true(ledger_has_event(db, &is));
	assert_true(ledger_has_repeat(db, &is, "Silver"));
	is.source_account = "another"; /* ids of another portal are other people */
	assert_false(ledger_has_event(db, &is));
	assert_false(ledger_has_repeat(db, &is, NULL));
}

/* ---- a damaged file ------------------------------------------------------- */

/* One good row with one column that is not what we wrote: nothing is guessed. */
static void what_cannot_be_read_breaks_the_store(void **state)
{
	static const char *const damage[] = {
		"UPDATE issuance SET state = 'plannd'",
		"UPDATE issuance SET state = 'held', held_from = 'x'",
		"UPDATE issuance SET state = 'held', held_from = 'planned', hold = 'x'",
		"UPDATE issuance SET event = 'list-addd'",
		"UPDATE issuance SET fields = '[1]'",
		"UPDATE issuance SET credential = '../groups'",
		"UPDATE issuance SET attempt_ms = 9223372036854775807",
		"UPDATE issuance SET attempts = -1",
	};
	struct issuance is;
	struct err err;

	(void)state;
	int64_t id = insert(issuance("101", NOW));
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		db_begin(db, "damage");
		db_run(db, damage[i], "");
		assert_int_equal(db_failed(db, NULL), RC_OK);
		assert_false(ledger_load(db, id, &memory, &is));
		assert_int_equal(db_failed(db, &err), RC_BROKEN);
		assert_non_null(strstr(err.text, "cannot be read"));
		db_rollback(db);
	}
	assert_true(ledger_load(db, id, &memory, &is));
}

static void what_was_created_has_a_credential(void **state)
{
	struct issuance is;

	(void)state;
	int64_t id = insert(issuance("101", NOW));
	assert_true(ledger_load_work(db, id, &memory, &is));
	set_state(id, STATE_DRAFT);
	assert_false(ledger_load_work(db, id, &memory, &is));
	assert_int_equal(db_failed(db, NULL), RC_BROKEN);
	db_rollback(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(states_have_names),
		stored(an_issuance_comes_back_as_it_was_written),
		stored(lists_and_nothing_known),
		stored(what_a_step_changed),
		stored(one_event_of_a_rule_is_one_row),
		stored(other_events_are_others),
		stored(a_value_that_a_lost_create_sent_is_known),
		stored(one_credential_is_of_one_issuance),
		stored(a_credential_is_held_whoever_asks),
		stored(what_counts_as_a_repeat),
		stored(what_was_issued_is_given),
		stored(who_was_faster_is_left_alone),
		stored(an_issuance_is_no_repeat_of_itself),
		stored(work_is_what_may_take_a_step),
		stored(rules_that_stop_early),
		stored(oldest_first_and_not_before_its_time),
		stored(holding_leaves_what_is_under_way),
		stored(only_the_group_where_one_is_named),
		stored(a_reload_releases_plan_and_group_and_nothing_else),
		stored(a_send_that_was_cut_off_is_parked),
		stored(what_was_issued_under_an_old_id_counts),
		stored(what_is_held_in_shadow_says_so),
		stored(what_cannot_be_read_breaks_the_store),
		stored(what_was_created_has_a_credential),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

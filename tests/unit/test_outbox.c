/* The outbox with the network in the test's hand: what leaves, when, and what an answer may still do. */
#include "tests/unit/boxed.h"

/* ---- tests ------------------------------------------------------------------ */

static void nothing_leaves_before_groups_are_known(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	assert_int_equal(outbox_wake_ms(box), now_ms);
	step();
	assert_int_equal(flights, 1);
	assert_non_null(strstr(flight[0].request->url, "/groups"));
	assert_int_equal(outbox_wake_ms(box), INT64_MAX); /* only the answer can bring more */
	step();
	assert_int_equal(flights, 1);
	assert_state(id, "planned");
	probe("c.example");
	assert_state(id, "creating");
	step();
	assert_int_equal(outbox_in_flight(box), 1); /* one request of an issuance at most */
	answer("c.example", 201, CREDENTIAL("draft"));
	assert_state(id, "draft");
}

static void a_probe_that_fails_holds_nothing_back(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	answer("c.example", 500, "");
	step();
	assert_state(id, "creating");
	/* Nor does one that fails half way. */
	load(HUB ACCOUNT("d") "---\n" RULE("r", "d", ""));
	id = plan("d", "2");
	step();
	answer("d.example", 200, "{\"data\":[],\"pagination\":{\"next\":null}}");
	step();
	answer("d.example", 403, "");
	step();
	/* It may be the first one, under another name. */
	answer("/search", 200, "{\"data\":[],\"pagination\":{\"next\":null}}");
	step();
	assert_state(id, "creating");
}

static void two_accounts_go_their_own_ways(void **state)
{
	static const char two[] = HUB ACCOUNT("c") ACCOUNT("d") "---\n" RULE("r", "c", "")
		RULE("s", "d", "mode: off\n");
	int64_t first = plan("c", "1"), second = plan("d", "2");

	(void)state;
	load(two);
	step();
	assert_non_null(outbox_lane(box, "c"));
	assert_null(outbox_lane(box, "x"));
	probe("c.example"); /* d's probe is still under way */
	assert_state(first, "creating");
	assert_state(second, "planned");
	step();
	assert_int_equal(outbox_in_flight(box), 2);
	probe("d.example");
	assert_state(second, "creating");
	answer("c.example", 401, "");
	assert_state(first, "planned");
	assert_int_equal(outbox_failures(box), INT64_MAX);
	answer("d.example", 201, CREDENTIAL("draft"));
	assert_state(second, "draft");
	/* A stopped account asks for nothing until it has another secret. */
	step();
	answer("d.example", 200, CREDENTIAL("issued"));
	step();
	answer("d.example", 200, "{}");
	assert_state(second, "sent");
	assert_int_equal(outbox_wake_ms(box), INT64_MAX);
	assert_int_equal(find("c.example"), FLIGHTS);
	outbox_look_at_secrets(box);
	step();
	assert_int_equal(find("c.example"), FLIGHTS);
	token = "u";
	outbox_look_at_secrets(box);
	assert_int_equal(outbox_failures(box), 0);
	step();
	assert_true(find("c.example") < FLIGHTS);
	assert_string_equal(flight[find("c.example")].request->bearer, "u");
}

static void an_account_without_a_secret_waits_for_one(void **state)
{
	(void)state;
	token = NULL;
	(void)plan("c", "1");
	load(one_account);
	step();
	assert_int_equal(flights, 0);
	assert_null(outbox_lane(box, "c")); /* nobody could work in it */
	assert_int_equal(outbox_wake_ms(box), INT64_MAX);
	assert_int_equal(outbox_failures(box), INT64_MAX);
	outbox_look_at_secrets(box);
	step();
	assert_int_equal(flights, 0);
	token = "t";
	outbox_look_at_secrets(box);
	step();
	assert_int_equal(flights, 1);
	assert_int_equal(outbox_failures(box), 0);
	/* An account that no rule file names any more counts for nothing. */
	token = NULL;
	load(HUB ACCOUNT("d") "---\n" RULE("r", "d", "mode: off\n"));
	token = "t";
	outbox_look_at_secrets(box);
	assert_int_equal(outbox_failures(box), 0);
}

static void an_answer_from_before_a_reload(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	load(one_account); /* while the probe is under way: asked anew */
	step();
	answer("c.example", 500, "");
	assert_int_equal(flights, 1);
	probe("c.example");
	assert_state(id, "creating");
	/* A write ends under the account that it began with, and stops no other. */
	load(one_account);
	answer("c.example", 401, "");
	assert_state(id, "planned");
	assert_int_equal(outbox_failures(box), 0);
}

static void work_ends_where_it_is_stopped(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	(void)plan("c", "2");
	outbox_stop(box);
	step();
	assert_int_equal(outbox_in_flight(box), 1);
	assert_int_equal(outbox_wake_ms(box), INT64_MAX);
	answer("c.example", 201, CREDENTIAL("draft"));
	assert_state(id, "draft");
	step();
	assert_int_equal(outbox_in_flight(box), 0);
}

static void no_more_than_eight_at_a_time(void **state)
{
	char contact[24];

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(contact, sizeof(contact), "%d", i);
		(void)plan("c", contact);
	}
	load(one_account);
	step();
	probe("c.example");
	for (int i = 0; i < 12; i++)
		step();
	assert_int_equal(outbox_in_flight(box), 8);
	assert_int_equal(outbox_wake_ms(box), INT64_MAX);
	answer("c.example", 201, CREDENTIAL("draft"));
	assert_true(outbox_wake_ms(box) < INT64_MAX);
	/* Another answer with the same credential is not what it says. */
	answer("c.example", 201, CREDENTIAL("draft"));
	assert_int_equal(
		db_integer(db, 0, "SELECT count(*) FROM issuance WHERE state = 'draft'", ""), 1);
}

/* Twenty issuances wait, and Certifier answers each create so: how many creates that were. */
static int creates_until_held(int status, const char *body, const char *state)
{
	char contact[24];
	int creates = 0;

	for (int i = 0; i < 20; i++) {
		snprintf(contact, sizeof(contact), "%d", i);
		(void)plan("c", contact);
	}
	load(one_account);
	step();
	probe("c.example");
	for (int i = 0; i < 40; i++) {
		for (; flights; creates++)
			answer("/credentials", status, body);
		step();
		now_ms += MS_HOUR;
	}
	assert_int_equal(
		db_integer(db, 0, "SELECT count(*) FROM issuance WHERE hold = ?1", "t", state), 20);
	return creates;
}

/* One answer holds all that waits: it is not asked again for each, nor ever by itself. */
static void a_hold_of_many_costs_one_request(void **state)
{
	(void)state;
	assert_in_range(creates_until_held(402, "{}", "plan"), 1,
			8); /* what was under way, at most */
	assert_int_equal(box_teardown(state), 0);
	assert_int_equal(box_setup(state), 0);
	assert_in_range(creates_until_held(404, "{}", "group"), 1, 8);
	/* A release asks for each again, and the first answer holds the rest. */
	assert_true(ledger_release_held(db, "c", now_ms) > 0);
	step();
	assert_in_range(flights, 1, 8);
	while (flights)
		answer("/credentials", 404, "{}");
	step();
	assert_int_equal(flights, 0);
}

static void what_waits_is_woken_for(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	answer("c.example", 500, ""); /* unknown: looked up later */
	assert_state(id, "creating");
	int64_t wake = outbox_wake_ms(box);
	assert_true(wake > now_ms && wake < now_ms + 10 * MS_MINUTE);
	step();
	assert_int_equal(flights, 0);
	now_ms = wake;
	step();
	assert_int_equal(flights, 1);
	answer("c.example", 429, "");
	assert_true(outbox_failures(box) == 1);
	assert_true(outbox_wake_ms(box) > now_ms); /* the account's turn, not the issuance's */
	step();
	assert_int_equal(flights, 0);
}

static void a_store_that_fails_is_said_at_the_next_step(void **state)
{
	int64_t id = plan("c", "1");
	struct err err;

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	(void)plan("c", "2");
	step();
	assert_int_equal(flights, 2);
	db_hook(db, at_commit, NULL);
	commits_fail = true;
	answer("c.example", 201, CREDENTIAL("draft"));
	answer("c.example", 201, "{}"); /* nothing is written after that */
	assert_int_not_equal(outbox_step(box, &err), RC_OK);
	assert_int_equal(flights, 0);
	commits_fail = false;
	db_hook(db, NULL, NULL);
	assert_state(id, "creating");
}

static void nothing_leaves_that_was_not_committed(void **state)
{
	int64_t id;
	struct err err;

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	id = plan("c", "1");
	db_hook(db, at_commit, NULL);
	commits_fail = true;
	now_ms += 10;
	assert_int_not_equal(outbox_step(box, &err), RC_OK);
	assert_int_equal(flights, 0);
	assert_int_not_equal(outbox_load(box, table, &err), RC_OK);
	db_run(db, "UPDATE issuance SET state = 'sending'", "");
	assert_int_not_equal(outbox_recover(box, &err), RC_OK);
	commits_fail = false;
	db_hook(db, NULL, NULL);
	assert_int_equal(outbox_recover(box, &err), RC_OK);
	assert_state(id, "send-unknown");
}

static void a_credential_that_is_being_removed_is_nobodys(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	db_run(db,
	       "INSERT INTO stray (issuance, action_account, group_id, fields, since_ms, until_ms,"
	       " look_ms, credential) VALUES (?1, 'c', 'g', '{}', 0, 0, ?2, ?3)",
	       "iit", id, now_ms + MS_DAY, ID);
	answer("c.example", 201, CREDENTIAL("draft"));
	assert_state(id, "creating");
}

static void a_person_who_is_faster_wins(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	assert_state(id, "creating");
	/* What changed meanwhile is left alone by our answer … */
	db_run(db, "UPDATE issuance SET state = 'dropped'", "");
	answer("c.example", 201, CREDENTIAL("draft"));
	assert_state(id, "dropped");
	/* … as by a step that was about to begin: it does not leave. */
	id = plan("c", "2");
	db_run(db,
	       "CREATE TEMP TRIGGER faster BEFORE UPDATE ON issuance"
	       " BEGIN SELECT RAISE(IGNORE); END",
	       "");
	step();
	assert_int_equal(flights, 0);
	assert_state(id, "planned");
	db_run(db, "DROP TRIGGER faster", "");
}

static void a_person_at_any_moment_of_a_step(void **state)
{
	char contact[24];
	bool left = false;

	(void)state;
	load(one_account);
	(void)plan("c", "0");
	step();
	probe("c.example");
	answer("c.example", 201, CREDENTIAL("draft"));
	db_run(db, "UPDATE issuance SET state = 'dropped'", "");
	for (int n = 1; !left; n++) {
		snprintf(contact, sizeof(contact), "%d", n);
		int64_t id = plan("c", contact);
		drop_in = n;
		step();
		assert_true(n < 20);
		left = flights > 0; /* too late: it had left before */
		assert_state(id, "dropped");
	}
	drop_in = 0;
}

static void a_probe_that_is_told_to_wait(void **state)
{
	(void)plan("c", "1");

	(void)state;
	load(one_account);
	step();
	retry_after_ms = MS_MINUTE;
	answer("c.example", 429, "");
	retry_after_ms = HTTP_ABSENT;
	step();
	assert_int_equal(flights, 0);
	assert_true(outbox_wake_ms(box) > now_ms + MS_MINUTE - MS_SECOND);
	now_ms += MS_MINUTE;
	step();
	assert_int_equal(flights, 1);
}

/* A reconcile has found at Certifier what this would create a second time. */
static void what_is_there_already_is_taken(void **state)
{
	int64_t id;
	struct err err;

	(void)state;
	load(one_account);
	(void)plan("c", "0");
	step();
	probe("c.example");
	id = plan("c", "1");
	db_run(db,
	       "INSERT INTO orphan VALUES ('c', ?1, 'g', 'a@b.org', '{\"recipient.email\":\"a@b.org\","
	       "\"recipient.name\":\"Ana\"}', NULL, 0, ?2, 0, ?2)",
	       "ti", ID, now_ms);
	db_hook(db, at_commit, NULL);
	commits_fail = true;
	now_ms += 10;
	assert_int_not_equal(outbox_step(box, &err), RC_OK);
	commits_fail = false;
	db_hook(db, NULL, NULL);
	step();
	assert_int_equal(flights, 1); /* the first one's */
	assert_true(db_exists(db, "SELECT 1 FROM issuance WHERE id = ?1 AND credential = ?2", "it",
			      id, ID));
}

/* A create whose end is not known may have made one of its own: that is found first, or nobody ever would. */
static void what_is_under_way_is_settled_first(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	answer("c.example", 500, "");
	assert_state(id, "creating");
	db_run(db,
	       "INSERT INTO orphan VALUES ('c', ?1, 'g', 'a@b.org', '{\"recipient.email\":\"a@b.org\","
	       "\"recipient.name\":\"Ana\"}', NULL, 0, ?2, 0, ?2)",
	       "ti", ID, now_ms);
	now_ms = outbox_wake_ms(box);
	step();
	assert_int_equal(flights, 1);
	assert_non_null(strstr(flight[0].request->url, "/search"));
	assert_state(id, "creating");
}

static const char another_account[] = HUB ACCOUNT("d") "---\n" RULE("r", "d", "");

static int64_t held_so(void)
{
	return db_integer(db, 0,
			  "SELECT count(*) FROM issuance WHERE state = 'held' AND hold = 'account'"
			  " AND reason LIKE 'account: ''c'' is not declared any more%'",
			  "");
}

/* From wherever it stood, and there it goes on once the account is back. */
static void what_an_account_owes_waits_for_it_in_sight(void **state)
{
	static const char *const rest[] = { "planned", "creating", "draft", "issuing", "issued" };
	const size_t n = sizeof(rest) / sizeof(rest[0]);
	int64_t id[sizeof(rest) / sizeof(rest[0])], done, sent;
	char contact[24];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		snprintf(contact, sizeof(contact), "%zu", i);
		id[i] = plan("c", contact);
		db_run(db,
		       "UPDATE issuance SET state = ?2, attempts = 1, not_before_ms = ?3,"
		       " credential = CASE WHEN ?4 > 1 THEN 'c' || ?4 END WHERE id = ?1",
		       "itii", id[i], rest[i], now_ms + MS_DAY, (int64_t)i);
	}
	done = plan("c", "8");
	sent = plan("c", "9");
	db_run(db, "UPDATE issuance SET state = 'draft', do_issue = 0 WHERE id = ?1", "i", done);
	db_run(db, "UPDATE issuance SET state = 'sent' WHERE id = ?1", "i", sent);
	load(another_account);
	outbox_freeze(box);
	step();
	assert_int_equal(held_so(), 0); /* nothing is touched */
	outbox_free(box);
	box = outbox_new(&world);
	load(another_account);
	step();
	assert_int_equal(held_so(), n);
	assert_state(done, "draft");
	assert_state(sent, "sent");
	assert_true(db_exists(db,
			      "SELECT 1 FROM issuance WHERE id = ?1 AND reason LIKE '%or retry'",
			      "i", id[0]));
	load(another_account);
	step();
	assert_int_equal(held_so(), n);
	load(one_account);
	for (size_t i = 0; i < n; i++)
		assert_state(id[i], rest[i]);
	assert_false(
		db_exists(db,
			  "SELECT 1 FROM issuance WHERE hold IS NOT NULL OR held_from IS NOT NULL"
			  " OR not_before_ms <> 0",
			  ""));
	step();
	assert_int_equal(held_so(), 0);
}

/* What is under way ends under the account that it began with, and is held then. */
static void what_is_under_way_is_held_when_it_has_ended(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	load(one_account);
	step();
	probe("c.example");
	load(another_account);
	step();
	assert_state(id, "creating");
	answer("c.example", 201, CREDENTIAL("draft"));
	assert_state(id, "draft");
	step();
	assert_int_equal(held_so(), 1);
	assert_true(db_exists(db, "SELECT 1 FROM issuance WHERE held_from = 'draft'", ""));
	/* A person who tries it is told again. */
	db_run(db, "UPDATE issuance SET state = held_from WHERE id = ?1", "i", id);
	step();
	assert_int_equal(held_so(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boxed(nothing_leaves_before_groups_are_known),
		boxed(a_probe_that_fails_holds_nothing_back),
		boxed(two_accounts_go_their_own_ways),
		boxed(an_account_without_a_secret_waits_for_one),
		boxed(an_answer_from_before_a_reload),
		boxed(work_ends_where_it_is_stopped),
		boxed(no_more_than_eight_at_a_time),
		boxed(a_hold_of_many_costs_one_request),
		boxed(what_waits_is_woken_for),
		boxed(a_store_that_fails_is_said_at_the_next_step),
		boxed(nothing_leaves_that_was_not_committed),
		boxed(a_credential_that_is_being_removed_is_nobodys),
		boxed(a_person_who_is_faster_wins),
		boxed(a_person_at_any_moment_of_a_step),
		boxed(what_is_there_already_is_taken),
		boxed(what_is_under_way_is_settled_first),
		boxed(a_probe_that_is_told_to_wait),
		boxed(what_an_account_owes_waits_for_it_in_sight),
		boxed(what_is_under_way_is_held_when_it_has_ended),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whether a state is older than its service: what is asked, what each end of it means, and what stays still. */
#include "engine/action.h"
#include "engine/lane.h"
#include "tests/unit/boxed.h"

#include <stdlib.h>

#define PAGE(rows, next) "{\"data\":[" rows "],\"pagination\":{\"next\":" next "}}"
#define ROW(id, status)                                                                            \
	"{\"id\":\"" id "\",\"groupId\":\"g\",\"status\":\"" status                                \
	"\",\"createdAt\":\"2030-01-01T00:00:00.000Z\","                                           \
	"\"recipient\":{\"name\":\"Bo\",\"email\":\"bo@b.org\"}}"

/* Made before the sign of life, whoever made it. */
#define OLD                                                                                        \
	"{\"id\":\"01hz2f0c9ryvzajg20jqh9taae\",\"groupId\":\"g\",\"status\":\"issued\","          \
	"\"createdAt\":\"2020-01-01T00:00:00.000Z\"}"

/* A state that was alive until now, with one issuance that waits. */
static int64_t start(void)
{
	int64_t id = plan("c", "1");

	db_run(db, "INSERT INTO action (account, alive_ms) VALUES ('c', ?1)", "i", now_ms);
	load(one_account);
	step();
	probe("c.example");
	assert_state(id, "planned");
	assert_int_equal(flights, 1);
	assert_non_null(strstr(flight[0].request->url, "/credentials/search"));
	return id;
}

static bool is_restored(void)
{
	return db_exists(db, "SELECT 1 FROM action WHERE account = 'c' AND restored IS NOT NULL",
			 "");
}

/* Of the account, whose health is that. */
static const char *account_reason(enum account_health health)
{
	struct account_report report = { 0 };

	lane_report(outbox_lane(box, "c"), &report);
	assert_int_equal(report.health, health);
	return report.reason;
}

static void add_stray(void)
{
	(void)plan("c", "9");
	db_run(db, "UPDATE issuance SET state = 'draft', credential = 'x' WHERE contact = '9'", "");
	db_run(db,
	       "INSERT INTO stray (issuance, action_account, group_id, fields, since_ms, until_ms,"
	       " look_ms) SELECT id, 'c', 'g', fields, ?1, ?1, ?1 FROM issuance WHERE contact = '9'",
	       "i", now_ms);
}

static void begin_anew(void **state)
{
	assert_int_equal(box_teardown(state), 0);
	assert_int_equal(box_setup(state), 0);
}

/* Steps for a day; whatever would be due is. */
static void live_a_day(void)
{
	for (int i = 0; i < 24; i++) {
		now_ms += MS_HOUR;
		step();
	}
}

static void nothing_leaves_while_it_is_asked(void **state)
{
	int64_t id = start();

	(void)state;
	add_stray();
	step();
	step();
	assert_int_equal(flights, 1);
	assert_int_equal(outbox_wake_ms(box), INT64_MAX); /* only its answer can bring more */
	answer("/search", 200, PAGE("", "null"));
	step();
	assert_state(id, "creating");
	assert_false(is_restored());
}

/* Neither issues nor sweeps: what it would remove as a stray may be what it has forgotten it holds. */
static void a_restored_account_is_still(void **state)
{
	int64_t id = start();

	(void)state;
	answer("/search", 200, PAGE(ROW("01hz2f0c9ryvzajg20jqh9taac", "issued"), "null"));
	add_stray();
	step();
	assert_true(is_restored());
	live_a_day();
	assert_int_equal(flights, 0);
	assert_state(id, "planned");
	assert_int_equal(outbox_wake_ms(box), INT64_MAX);
	assert_true(db_exists(db, "SELECT 1 FROM stray", ""));
}

/* It stays so in every later process, which need not ask: only a reconcile ends it. */
static void a_restored_account_stays_so(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	db_run(db, "INSERT INTO action (account, alive_ms, restored) VALUES ('c', ?1, 'why')", "i",
	       now_ms);
	load(one_account);
	step();
	probe("c.example");
	add_stray();
	live_a_day();
	assert_int_equal(flights, 0);
	load(one_account);
	step();
	probe("c.example");
	live_a_day();
	assert_int_equal(flights, 0);
	assert_state(id, "planned");
	assert_true(is_restored());
}

/* By our own, which is ahead, what is issued from now on would be no news to a copy of this state. */
static void the_first_sign_of_life_is_by_the_services_clock(void **state)
{
	int64_t id = plan("c", "1");

	(void)state;
	ahead_ms = 2 * MS_HOUR;
	load(one_account);
	step();
	end_flight("/groups", HTTP_UNKNOWN, 0, "");
	step();
	assert_state(id, "planned");
	answer("/search", 200, PAGE(ROW("01hz2f0c9ryvzajg20jqh9taac", "issued"), "null"));
	step();
	assert_state(id, "creating");
	assert_false(is_restored());
	assert_in_range(db_integer(db, 0, "SELECT alive_ms FROM action WHERE account = 'c'", ""),
			NOW - ahead_ms, NOW - ahead_ms + MS_SECOND);
	ahead_ms = 0;
}

static void a_state_behind_its_mark_is_restored(void **state)
{
	(void)state;
	db_run(db, "INSERT INTO meta (key, value) VALUES ('writes', '4')", "");
	db_note_mark(db, 4);
	load(one_account);
	assert_false(is_restored());
	db_run(db, "UPDATE meta SET value = '5' WHERE key = 'writes'", "");
	load(one_account);
	assert_false(is_restored());
	db_note_mark(db, 6);
	load(one_account);
	assert_true(is_restored());
	assert_int_equal(db_integer(db, 0, "SELECT value FROM meta WHERE key = 'writes'", ""), 6);
}

/* Issued, though no issue of it can have been done here; where one may have been, that is no news. */
static void a_draft_that_is_issued_elsewhere_is_ahead(void **state)
{
	static const struct {
		const char *state, *held_from, *note;
		bool ahead;
	} rows[] = {
		{ "draft", NULL, NULL, true },
		{ "draft", NULL, "429 rate_limited", true },
		{ "held", "draft", NULL, true },
		{ "refused", "draft", NULL, true },
		{ "draft", NULL, VERDICT_NOT_ISSUED, false },
		{ "held", "draft", VERDICT_NOT_ISSUED, false },
		{ "held", "planned", NULL, false },
		{ "issuing", NULL, NULL, false },
		{ "issued", NULL, NULL, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin_anew(state);
		(void)start();
		int64_t id = plan("c", "2");
		db_run(db,
		       "UPDATE issuance SET state = ?2, held_from = ?3, credential = ?4, attempts = 3"
		       " WHERE id = ?1",
		       "ittt", id, rows[i].state, rows[i].held_from, "01hz2f0c9ryvzajg20jqh9taae");
		db_run(db,
		       "INSERT INTO trail (issuance, at_ms, state, note) VALUES (?1, 1, 'draft', ?2)",
		       "it", id, rows[i].note);
		answer("/search", 200, PAGE(OLD, "null"));
		step();
		assert_int_equal(is_restored(), rows[i].ahead);
	}
}

/* As many pages as it takes to see whether a draft that waits is issued by now. */
static void pages_are_asked_for_back_to_what_waits(void **state)
{
	int64_t id = plan("c", "2");

	(void)state;
	db_run(db,
	       "UPDATE issuance SET state = 'draft', credential = 'x', created_ms = 1000 WHERE id = ?1",
	       "i", id);
	(void)start();
	answer("/search", 200, PAGE(OLD, "\"two\""));
	step();
	assert_int_equal(flights, 1);
	assert_non_null(strstr(flight[0].request->url, "/search"));
}

/* What is being created the state does not know. */
static void a_sign_of_life_is_no_later_than_a_create(void **state)
{
	int64_t id = start();

	(void)state;
	answer("/search", 200, PAGE("", "null"));
	step();
	assert_state(id, "creating");
	int64_t attempt = now_ms;
	now_ms += 10 * MS_MINUTE;
	struct err err;
	db_begin(db, "life");
	outbox_note_life(box);
	assert_int_equal(db_commit(db, &err), RC_OK);
	assert_true(db_integer(db, 0, "SELECT alive_ms FROM action WHERE account = 'c'", "") <
		    attempt);
}

/* No end of the request but a page says anything about the state. */
static void what_cannot_be_asked_now_is_asked_again(void **state)
{
	static const struct {
		enum http_outcome outcome;
		int status;
		const char *body;
	} rows[] = {
		{ HTTP_UNKNOWN, 0, "" },	{ HTTP_NOT_SENT, 0, "" },
		{ HTTP_ANSWER, 500, "" },	{ HTTP_ANSWER, 408, "" },
		{ HTTP_ANSWER, 429, "" },	{ HTTP_ANSWER, 200, "" },
		{ HTTP_ANSWER, 200, "<html>" }, { HTTP_ANSWER, 200, "{\"data\":{}}" },
	};
	int64_t id = start();

	(void)state;
	add_stray();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		end_flight("/search", rows[i].outcome, rows[i].status, rows[i].body);
		assert_int_equal(flights, 0);
		int64_t wake = outbox_wake_ms(box);
		assert_true(wake > now_ms && wake < now_ms + 20 * MS_MINUTE);
		step();
		assert_int_equal(flights, 0);
		now_ms = wake;
		step();
		assert_int_equal(flights, 1);
		assert_state(id, "planned");
	}
	answer("/search", 200, PAGE("", "null"));
	step();
	assert_state(id, "creating");
}

static void a_wait_that_is_asked_for_is_kept(void **state)
{
	(void)start();

	(void)state;
	retry_after_ms = MS_HOUR;
	answer("/search", 429, "");
	retry_after_ms = HTTP_ABSENT;
	assert_true(outbox_wake_ms(box) >= now_ms + MS_HOUR - MS_SECOND);
	now_ms += MS_HOUR - MS_MINUTE;
	step();
	assert_int_equal(flights, 0);
	now_ms += MS_MINUTE;
	step();
	assert_int_equal(flights, 1);
}

/* As the store has it, for who looks from beside; NULL: it is not unsure. */
static const char *noted_refusal(void)
{
	static char text[16];
	struct query *q = db_select(db, "SELECT reason FROM unsure WHERE account = 'c'", "");

	if (!query_next(q))
		return NULL;
	snprintf(text, sizeof(text), "%.*s", SLICE_FMT(query_slice(q, 0)));
	query_end(q);
	return text;
}

/* However often, and whatever is in between: of those who would be mailed again nobody knows. */
static void a_refusal_never_clears(void **state)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = { { 400, "400" }, { 402, "402" }, { 404, "404" }, { 422, "422" } };
	int64_t id = start();

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		answer("/search", rows[i / 10].status, "");
		assert_string_equal(account_reason(ACCOUNT_UNSURE), rows[i / 10].reason);
		now_ms = outbox_wake_ms(box);
		step();
		assert_state(id, "planned");
		assert_string_equal(noted_refusal(), rows[i / 10].reason);
	}
	answer("/search", 200, PAGE("", "null"));
	assert_null(account_reason(ACCOUNT_FINE));
	step();
	assert_state(id, "creating");
	assert_null(noted_refusal());
}

/* Nothing is issued for hours: so it is said for hours. */
static void what_cannot_be_asked_is_said_again(void **state)
{
	char *text;
	size_t len;
	const struct log log = {
		open_memstream(&text, &len), LOG_WARN, false, false, clock_of, NULL
	};
	int said = 0;

	(void)state;
	(void)start();
	world.log = &log;
	(void)outbox_is_restored(box, true);
	for (int i = 0; i < 3; i++) {
		answer("/search", 404, "");
		now_ms = outbox_wake_ms(box);
		step();
	}
	assert_false(outbox_is_restored(box, true));
	answer("/search", 200, PAGE("", "null"));
	step();
	(void)outbox_is_restored(box, true);
	world.log = &silent;
	assert_int_equal(fclose(log.out), 0);
	for (const char *at = text; (at = strstr(at, "nothing is issued until")); at++)
		said++;
	assert_int_equal(said, 2);
	assert_non_null(strstr(text, "reason=404"));
	free(text);
}

/* It has nothing to fear, and asks for the clock, which a refusal tells, too. */
static void a_new_state_goes_on_at_any_answer(void **state)
{
	static const int statuses[] = { 400, 402, 404, 503 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		begin_anew(state);
		int64_t id = plan("c", "1");
		load(one_account);
		step();
		end_flight("/groups", HTTP_UNKNOWN, 0, "");
		step();
		end_flight("/search", HTTP_UNKNOWN, 0, "");
		now_ms = outbox_wake_ms(box);
		step();
		assert_state(id, "planned");
		answer("/search", statuses[i], "");
		now_ms = outbox_wake_ms(box);
		step();
		assert_int_equal(find("/search"), FLIGHTS);
		assert_state(id, "creating");
	}
}

/* A cursor that has run out: what the first page showed is shown again, and counted once. */
static void a_cursor_that_is_refused_begins_at_the_first_page(void **state)
{
	(void)start();

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_null(
			memmem(flight[0].request->body.ptr, flight[0].request->body.len, "two", 3));
		answer("/search", 200,
		       PAGE(ROW("01hz2f0c9ryvzajg20jqh9taac", "issued"), "\"two\""));
		step();
		assert_non_null(
			memmem(flight[0].request->body.ptr, flight[0].request->body.len, "two", 3));
		if (i == 0) {
			answer("/search", 400, "");
			now_ms = outbox_wake_ms(box);
			step();
		}
	}
	answer("/search", 200, PAGE("", "null"));
	step();
	assert_true(db_exists(db, "SELECT 1 FROM action WHERE restored LIKE '1 made after %'", ""));
}

/* A wrong token stops the account; with another one it is asked anew. */
static void a_stopped_account_asks_anew(void **state)
{
	static const int statuses[] = { 401, 403 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		begin_anew(state);
		int64_t id = start();
		answer("/search", statuses[i], "");
		live_a_day();
		assert_int_equal(flights, 0);
		assert_state(id, "planned");
		load(one_account);
		step();
		probe("c.example");
		assert_state(id, "planned");
		answer("/search", 200, PAGE(ROW("01hz2f0c9ryvzajg20jqh9taac", "issued"), "null"));
		step();
		assert_true(is_restored());
	}
}

/* Pages are walked as far as they are newer than the sign of life. */
static void older_pages_are_not_asked_for(void **state)
{
	(void)start();

	(void)state;
	db_run(db, "INSERT INTO orphan VALUES ('c', ?1, 'g', 'bo@b.org', '{}', NULL, 0, 0, 0, 0)",
	       "t", "01hz2f0c9ryvzajg20jqh9taac");
	answer("/search", 200, PAGE(ROW("01hz2f0c9ryvzajg20jqh9taac", "issued"), "\"two\""));
	step();
	assert_int_equal(flights, 1);
	assert_non_null(memmem(flight[0].request->body.ptr, flight[0].request->body.len, "two", 3));
	answer("/search", 200, PAGE(OLD, "\"three\""));
	step();
	assert_int_equal(find("/search"), FLIGHTS);
	assert_false(is_restored());
}

/* A stop in the middle of it: the answer says nothing any more. */
static void a_reload_while_it_is_asked_asks_anew(void **state)
{
	int64_t id = start();

	(void)state;
	load(one_account);
	assert_int_equal(find("/search"), FLIGHTS);
	step();
	probe("c.example");
	assert_int_equal(flights, 1);
	answer("/search", 200, PAGE("", "null"));
	step();
	assert_state(id, "creating");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boxed(nothing_leaves_while_it_is_asked),
		boxed(a_restored_account_is_still),
		boxed(a_restored_account_stays_so),
		boxed(the_first_sign_of_life_is_by_the_services_clock),
		boxed(a_state_behind_its_mark_is_restored),
		boxed(a_draft_that_is_issued_elsewhere_is_ahead),
		boxed(pages_are_asked_for_back_to_what_waits),
		boxed(a_sign_of_life_is_no_later_than_a_create),
		boxed(what_cannot_be_asked_now_is_asked_again),
		boxed(a_wait_that_is_asked_for_is_kept),
		boxed(a_refusal_never_clears),
		boxed(what_cannot_be_asked_is_said_again),
		boxed(a_new_state_goes_on_at_any_answer),
		boxed(a_cursor_that_is_refused_begins_at_the_first_page),
		boxed(a_stopped_account_asks_anew),
		boxed(older_pages_are_not_asked_for),
		boxed(a_reload_while_it_is_asked_asks_anew),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When strays are looked for, what each answer makes of the look, and who they are left to. */
#include "tests/unit/boxed.h"

#include "engine/sweep.h"

#define PAGE(rows, next) "{\"data\":[" rows "],\"pagination\":{\"next\":" next "}}"
/* A draft as the lost create would have made it. */
#define DRAFT(id)                                                                                  \
	"{\"id\":\"" id "\",\"groupId\":\"g\",\"status\":\"draft\",\"createdAt\":"                 \
	"\"2026-11-23T11:41:00.000Z\",\"recipient\":{\"name\":\"Ana\",\"email\":\"a@b.org\"}}"

/* Nobody's of ours. */
#define FOREIGN "{\"id\":\"01hz2f0c9ryvzajg20jqh9taac\",\"groupId\":\"z\",\"status\":\"issued\"}"

static int64_t issuance;

static int64_t number(const char *sql)
{
	return db_integer(db, -1, sql, "");
}

/* An issuance that was done long since, whose create may have left a second draft; its look is due. */
static void begin(void)
{
	issuance = plan("c", "1");
	db_run(db, "UPDATE issuance SET state = 'sent', credential = '01hz2f0c9ryvzajg20jqh9tzzz'",
	       "");
	db_run(db,
	       "INSERT INTO stray (issuance, action_account, group_id, fields, since_ms, until_ms,"
	       " look_ms) SELECT id, 'c', 'g', fields, ?1, ?2, ?3 FROM issuance",
	       "iii", now_ms - 20 * MS_MINUTE, now_ms - 15 * MS_MINUTE, now_ms);
	load(one_account);
	step();
	probe("c.example");
}

static void assert_asks(const char *method, const char *part)
{
	assert_int_equal(flights, 1);
	assert_string_equal(flight[0].request->method, method);
	assert_non_null(strstr(flight[0].request->url, part));
}

static void nothing_is_there_and_a_day_later_neither(void **state)
{
	(void)state;
	begin();
	assert_asks("POST", "/credentials/search");
	assert_int_equal(outbox_wake_ms(box), INT64_MAX); /* while it is under way */
	answer("/search", 200, PAGE("", "null"));
	step();
	assert_int_equal(flights, 0);
	assert_int_equal(outbox_wake_ms(box), NOW - 15 * MS_MINUTE + MS_DAY);
	now_ms = outbox_wake_ms(box);
	step();
	assert_asks("POST", "/credentials/search");
	answer("/search", 200, PAGE("", "null"));
	step();
	assert_int_equal(number("SELECT count(*) FROM stray"), 0);
	assert_int_equal(outbox_wake_ms(box), INT64_MAX);
}

static void what_is_found_is_removed_and_looked_for_again(void **state)
{
	(void)state;
	begin();
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	step();
	assert_asks("DELETE", "/credentials/" ID);
	answer(ID, 204, "");
	assert_int_equal(number("SELECT count(*) FROM trail WHERE note LIKE '%removed " ID "'"), 1);
	step();
	assert_asks("POST", "/credentials/search"); /* there may be a third */
	answer("/search", 200, PAGE("", "null"));
	assert_int_equal(number("SELECT looks FROM stray"), 1);
}

static void what_an_issuance_holds_is_none(void **state)
{
	(void)state;
	begin();
	db_run(db, "UPDATE issuance SET credential = ?1", "t", ID);
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	step();
	assert_int_equal(flights, 0);
	assert_int_equal(number("SELECT looks FROM stray"), 1);
}

static void a_look_goes_on_with_the_next_page(void **state)
{
	(void)state;
	begin();
	answer("/search", 200, PAGE(FOREIGN, "\"two\""));
	step();
	assert_asks("POST", "/credentials/search");
	assert_non_null(memmem(flight[0].request->body.ptr, flight[0].request->body.len, "two", 3));
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	step();
	assert_asks("DELETE", "/credentials/" ID);
}

static void cursors_that_never_end_end(void **state)
{
	char body[256];
	int pages = 0;

	(void)state;
	begin();
	for (; find("/search") != FLIGHTS && pages < 1000; pages++) {
		snprintf(body, sizeof(body), PAGE(FOREIGN, "\"n%d\""), pages);
		answer("/search", 200, body);
		step();
	}
	assert_in_range(pages, 100, 200);
	assert_int_equal(number("SELECT looks FROM stray"), 1);
}

/* What is not known is asked again, later and later, and never taken for an answer. */
static void a_look_that_fails_is_made_again(void **state)
{
	static const struct {
		enum http_outcome outcome;
		int status;
		const char *body;
	} rows[] = {
		{ HTTP_UNKNOWN, 0, "" },  { HTTP_NOT_SENT, 0, "" },	  { HTTP_ANSWER, 500, "" },
		{ HTTP_ANSWER, 429, "" }, { HTTP_ANSWER, 200, "<html>" },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		end_flight("/search", rows[i].outcome, rows[i].status, rows[i].body);
		assert_int_equal(number("SELECT failures FROM stray"), (int64_t)i + 1);
		assert_int_equal(number("SELECT looks FROM stray"), 0);
		int64_t wake = outbox_wake_ms(box);
		assert_true(wake > now_ms && wake < now_ms + MS_HOUR);
		now_ms = wake;
		step();
		assert_asks("POST", "/credentials/search");
	}
	answer("/search", 200, PAGE("", "null"));
	assert_int_equal(number("SELECT failures FROM stray"), 0);
}

/* It may have been done, or not: a look tells. */
static void a_removal_whose_end_is_not_known_is_looked_for_anew(void **state)
{
	(void)state;
	begin();
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	step();
	end_flight(ID, HTTP_UNKNOWN, 0, "");
	now_ms = outbox_wake_ms(box);
	step();
	assert_asks("POST", "/credentials/search");
	assert_int_equal(number("SELECT count(*) FROM trail WHERE note LIKE '%removed%'"), 0);
}

/* What Certifier refuses to delete stays there; others are not looked for before the next look. */
static void a_removal_that_is_refused_is_final_for_the_look(void **state)
{
	static const int refusals[] = { 409, 402, 403 };

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		answer("/search", 200, PAGE(DRAFT(ID), "null"));
		step();
		answer(ID, refusals[i], "");
		step();
		assert_int_equal(flights, 0);
		assert_int_equal(number("SELECT looks FROM stray"), 1);
		assert_true(db_exists(db, "SELECT 1 FROM stray WHERE credential IS NULL", ""));
		assert_int_equal(outbox_failures(box), 0); /* the account goes on */
		db_run(db, "UPDATE stray SET looks = 0, look_ms = ?1", "i", now_ms);
		step();
	}
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	step();
	answer(ID, 401, "");
	assert_true(outbox_failures(box) == INT64_MAX);
}

/* Its own issuance, or another of the same group and address, may still adopt what would be removed. */
static void what_may_be_claimed_is_left(void **state)
{
	int64_t other;

	(void)state;
	begin();
	answer("/search", 200, PAGE("", "null"));
	other = plan("c", "2");
	db_run(db, "UPDATE issuance SET state = 'creating', not_before_ms = ?2 WHERE id = ?1", "ii",
	       other, now_ms + 2 * MS_DAY);
	now_ms = number("SELECT look_ms FROM stray");
	step();
	assert_int_equal(flights, 0);
	assert_int_equal(number("SELECT look_ms FROM stray"), now_ms + 10 * MS_MINUTE);
	assert_int_equal(number("SELECT looks FROM stray"), 1);
	db_run(db, "UPDATE issuance SET email = 'else@b.org' WHERE id = ?1", "i", other);
	db_run(db, "UPDATE issuance SET state = 'creating', not_before_ms = ?2 WHERE id = ?1", "ii",
	       issuance, now_ms + 2 * MS_DAY);
	now_ms = number("SELECT look_ms FROM stray");
	step();
	assert_int_equal(flights, 0);
	db_run(db, "UPDATE issuance SET state = 'issued' WHERE id = ?1", "i", issuance);
	now_ms = number("SELECT look_ms FROM stray");
	step();
	assert_asks("POST", "/credentials/search");
}

/* Between the look that found it and its removal, too: it is looked for anew then. */
static void what_is_claimed_before_its_removal_is_left(void **state)
{
	int64_t other;

	(void)state;
	begin();
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	other = plan("c", "2");
	db_run(db, "UPDATE issuance SET state = 'creating', not_before_ms = ?2 WHERE id = ?1", "ii",
	       other, now_ms + MS_HOUR);
	step();
	assert_int_equal(flights, 0);
	db_run(db, "UPDATE issuance SET state = 'draft', credential = ?2 WHERE id = ?1", "it",
	       other, ID);
	now_ms += 10 * MS_MINUTE;
	step();
	assert_asks("POST", "/credentials/search");
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	step();
	assert_int_equal(flights, 0);
}

static void a_wrong_token_ends_it_until_there_is_another(void **state)
{
	(void)state;
	begin();
	answer("/search", 401, "");
	now_ms += MS_DAY;
	step();
	assert_int_equal(flights, 0);
	assert_int_equal(number("SELECT looks FROM stray"), 0);
	load(one_account);
	step();
	probe("c.example");
	assert_asks("POST", "/credentials/search");
}

/* An answer from before a reload is still an answer of that account, but says nothing of the new one. */
static void a_reload_meanwhile(void **state)
{
	(void)state;
	begin();
	load(one_account);
	answer("/search", 429, "");
	assert_int_equal(number("SELECT failures FROM stray"), 1);
	step();
	probe("c.example"); /* which does not wait */
	assert_int_equal(flights, 0);
}

static void a_store_that_fails_ends_it(void **state)
{
	struct err err;

	(void)state;
	begin();
	db_hook(db, at_commit, NULL);
	commits_fail = true;
	answer("/search", 200, PAGE(DRAFT(ID), "null"));
	now_ms += 10;
	assert_int_equal(outbox_step(box, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, "'sweep'"));
	assert_int_equal(flights, 0);
	commits_fail = false;
	db_hook(db, NULL, NULL);
	now_ms += 10;
	assert_int_equal(outbox_step(box, &err), RC_BROKEN); /* for this process for ever */
	assert_int_equal(flights, 0);
	assert_true(db_exists(db, "SELECT 1 FROM stray WHERE credential IS NULL", ""));
}

/* A person's retry has no use for its draft: it is looked for from its create on, and soon. */
static void a_draft_that_is_given_up_is_a_stray(void **state)
{
	(void)state;
	issuance = plan("c", "1");
	db_run(db, "UPDATE issuance SET state = 'refused', attempt_ms = ?1", "i", NOW - MS_MINUTE);
	/* One that a reconcile found was made since the event. */
	sweep_note_left(db, issuance, now_ms);
	assert_int_equal(number("SELECT since_ms FROM stray"), NOW);
	assert_int_equal(number("SELECT until_ms FROM stray"), NOW + 4 * MS_MINUTE);
	db_run(db, "DELETE FROM stray", "");
	for (int64_t hours = 3; hours > 1; hours--)
		db_run(db, "INSERT INTO trail (issuance, at_ms, state) VALUES (?1, ?2, 'creating')",
		       "ii", issuance, NOW - hours * MS_HOUR);
	sweep_note_left(db, issuance, now_ms);
	assert_int_equal(number("SELECT since_ms FROM stray"), NOW - 2 * MS_HOUR);
	assert_int_equal(number("SELECT until_ms FROM stray"), NOW - 2 * MS_HOUR + 5 * MS_MINUTE);
	assert_int_equal(number("SELECT look_ms FROM stray"), now_ms + 10 * MS_MINUTE);
	/* Once: a look for what its creates left before is made again. */
	db_run(db, "UPDATE stray SET looks = 1, look_ms = ?1", "i", NOW + MS_DAY);
	sweep_note_left(db, issuance, now_ms);
	assert_int_equal(number("SELECT count(*) FROM stray"), 1);
	assert_int_equal(number("SELECT looks FROM stray"), 0);
	assert_int_equal(number("SELECT look_ms FROM stray"), now_ms + 10 * MS_MINUTE);
}

static void an_end_while_it_is_under_way(void **state)
{
	(void)state;
	begin();
	outbox_free(box);
	assert_int_equal(flights, 0);
	box = outbox_new(&world);
	load(one_account);
	step();
	probe("c.example");
	assert_asks("POST", "/credentials/search");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boxed(nothing_is_there_and_a_day_later_neither),
		boxed(what_is_found_is_removed_and_looked_for_again),
		boxed(what_an_issuance_holds_is_none),
		boxed(a_look_goes_on_with_the_next_page),
		boxed(cursors_that_never_end_end),
		boxed(a_look_that_fails_is_made_again),
		boxed(a_removal_whose_end_is_not_known_is_looked_for_anew),
		boxed(a_removal_that_is_refused_is_final_for_the_look),
		boxed(what_may_be_claimed_is_left),
		boxed(what_is_claimed_before_its_removal_is_left),
		boxed(a_wrong_token_ends_it_until_there_is_another),
		boxed(a_reload_meanwhile),
		boxed(a_store_that_fails_ends_it),
		boxed(a_draft_that_is_given_up_is_a_stray),
		boxed(an_end_while_it_is_under_way),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Forgetting a person: what is erased, what stays, what is refused. */
#include "tests/unit/stored.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/burst.h"
#include "engine/forget.h"
#include "engine/ledger.h"

static const struct person ana = { "hubspot", "101" };
static const char seed[] = "sixteen bytes at least";

static struct issuance make(const char *contact, const char *to, int64_t at_ms)
{
	return (struct issuance){
		.rule = "tier",
		.table_hash = "h",
		.source_account = "hubspot",
		.contact = contact,
		.event = EVENT_PROPERTY_CHANGED,
		.target = "tier",
		.from = "Bronze",
		.to = to,
		.at_ms = at_ms,
		.action_account = "certifier",
		.group = "g1",
		.do_issue = true,
		.do_send = true,
		.state = STATE_SENT,
		.reason = "of Ana",
		.created_ms = NOW,
	};
}

static int64_t insert(struct issuance is)
{
	struct json *fields = json_new_object();

	json_set_text(fields, "recipient.name", "Ana");
	is.fields = fields;
	ledger_insert(db, &is, slice_of("ana@example.org"));
	json_free(fields);
	db_run(db, "UPDATE issuance SET public_url = 'https://p', credential = ?2 WHERE id = ?1",
	       "ii", is.id, is.id);
	return is.id;
}

static struct forget_report forget_person(const struct person *person, const char *email, bool dry)
{
	struct forget_by by = { "max", NOW + 9, slice_of(seed), dry };
	struct forget_report report;
	struct err err;

	assert_int_equal(forget_do(db, person, email, &by, &memory, &report, &err), RC_OK);
	return report;
}

static int64_t count(const char *sql)
{
	return db_integer(db, -1, sql, "");
}

/* ---- values ------------------------------------------------------------------------- */

static void what_is_left_tells_the_same_from_others(void **state)
{
	char one[FORGOTTEN_TEXT], other[FORGOTTEN_TEXT];
	const char *salts[] = { "0123456789abcdef", "fedcba9876543210" };

	(void)state;
	forgotten_text(salts[0], slice_of("Gold"), one);
	forgotten_text(salts[1], slice_of("Gold"), other);
	assert_string_not_equal(one, other);
	assert_true(forgotten_is(slice_of(one)));
	assert_true(forgotten_matches(slice_of(one), slice_of("Gold")));
	assert_true(forgotten_matches(slice_of(other), slice_of("Gold")));
	assert_false(forgotten_matches(slice_of(one), slice_of("Silver")));
	assert_false(forgotten_matches(slice_of(one), slice_of("")));
	/* A value that looks like one is itself alone. */
	assert_true(forgotten_matches(slice_of("forgotten:x"), slice_of("forgotten:x")));
	assert_false(forgotten_is(slice_of("forgotten:x")));
	assert_false(forgotten_matches(slice_of("Gold"), slice_of("Silver")));
}

/* ---- issuances ------------------------------------------------------------------------ */

static void nothing_of_the_person_stays(void **state)
{
	(void)state;
	insert(make("101", "Gold", NOW));
	insert(make("102", "Gold", NOW));
	struct forget_report r = forget_person(&ana, NULL, false);
	assert_int_equal(r.issuances, 1);
	assert_int_equal(count("SELECT count(*) FROM issuance WHERE contact = '101' AND email = ''"
			       " AND fields IS NULL AND from_value IS NULL AND reason IS NULL"
			       " AND public_url IS NULL AND to_value LIKE 'forgotten:%'"
			       " AND state = 'sent' AND credential IS NOT NULL"),
			 1);
	assert_int_equal(count("SELECT count(*) FROM trail t JOIN issuance i ON i.id = t.issuance"
			       " WHERE i.contact = '101' AND t.note = 'of Ana'"),
			 0);
	assert_int_equal(
		count("SELECT count(*) FROM trail t JOIN issuance i ON i.id = t.issuance"
		      " WHERE i.contact = '101' AND t.note = 'forgotten' AND t.who = 'max'"),
		1);
	assert_int_equal(count("SELECT count(*) FROM meta WHERE key = 'forgotten hubspot 101'"), 1);
	/* Another one stays as it is. */
	assert_int_equal(
		count("SELECT count(*) FROM issuance WHERE contact = '102' AND to_value = 'Gold'"
		      " AND email = 'ana@example.org' AND fields IS NOT NULL"),
		1);
}

/* Steps until nothing is left; answers how many. */
static int forget_before(int64_t before_ms)
{
	struct err err;
	bool more = true;
	int steps = 0;

	for (; more; steps++)
		assert_int_equal(forget_old(db, slice_of(seed), before_ms, &more, &err), RC_OK);
	return steps;
}

static void what_is_done_is_erased_by_its_age(void **state)
{
	struct issuance same = make("101", "Gold", NOW);

	(void)state;
	int64_t sent = insert(make("101", "Gold", NOW)), held = insert(make("101", "Held", NOW));
	int64_t young = insert(make("101", "Young", NOW)),
		swept = insert(make("101", "Swept", NOW));
	int64_t shadow = insert(make("101", "Shadow", NOW)); /* a backfill may issue it yet */
	db_run(db, "UPDATE issuance SET updated_ms = 1000", "");
	db_run(db, "UPDATE issuance SET state = 'held' WHERE id = ?1", "i", held);
	db_run(db, "UPDATE issuance SET state = 'shadow' WHERE id = ?1", "i", shadow);
	db_run(db, "UPDATE issuance SET updated_ms = 2000 WHERE id = ?1", "i", young);
	db_run(db,
	       "INSERT INTO stray (issuance, action_account, group_id, fields, since_ms, until_ms, look_ms)"
	       " VALUES (?1, 'certifier', 'g1', '{}', 0, 0, 0)",
	       "i", swept);
	assert_int_equal(forget_before(2000), 1);
	assert_int_equal(
		db_integer(
			db, 0,
			"SELECT id FROM issuance WHERE email = '' AND fields IS NULL AND from_value IS NULL"
			" AND public_url IS NULL AND to_value LIKE 'forgotten:%' AND updated_ms = 1000"
			" AND credential IS NOT NULL AND reason = '" FORGET_OLD_REASON "'",
			""),
		sent);
	assert_int_equal(count("SELECT count(*) FROM issuance WHERE email = ''"), 1);
	assert_int_equal(
		count("SELECT count(*) FROM issuance WHERE to_value IN ('Held', 'Young', 'Swept', 'Shadow')"
		      " AND email <> '' AND fields IS NOT NULL AND from_value IS NOT NULL"),
		4);
	/* It is the same event still, and `repeat:` knows its value. */
	assert_true(ledger_has_event(db, &same));
	assert_true(ledger_has_repeat(db, &same, "Gold"));
	assert_false(ledger_has_repeat(db, &same, "Silver"));
	/* Far apart: a step ends before the second, and the next goes on there. */
	db_run(db, "DELETE FROM trail WHERE issuance = ?1", "i", young);
	db_run(db, "UPDATE issuance SET id = ?2 WHERE id = ?1", "ii", young,
	       (int64_t)FORGET_OLD_IDS * 2);
	assert_int_equal(forget_before(3000), 2);
	assert_int_equal(count("SELECT count(*) FROM issuance WHERE email = ''"), 2);
}

static void the_same_event_is_still_known(void **state)
{
	struct issuance same = make("101", "Gold", NOW), other = make("101", "Silver", NOW);
	struct slice gold = slice_of("Gold"), silver = slice_of("Silver");

	(void)state;
	insert(make("101", "Gold", NOW));
	assert_false(ledger_has_event(db, &other));
	(void)forget_person(&ana, NULL, false);
	assert_true(ledger_has_event(db, &same));
	assert_false(ledger_has_event(db, &other));
	assert_true(ledger_has_repeat(db, &same, "Gold"));
	assert_true(ledger_has_repeat(db, &same, NULL));
	assert_false(ledger_has_repeat(db, &same, "Silver"));
	assert_true(ledger_gave_before(db, "tier", "hubspot", "101", &gold, NOW + 1));
	assert_true(ledger_gave_before(db, "tier", "hubspot", "101", NULL, NOW + 1));
	assert_false(ledger_gave_before(db, "tier", "hubspot", "101", &gold, NOW));
	assert_false(ledger_gave_before(db, "tier", "hubspot", "101", &silver, NOW + 1));
}

/* Dropped from where it may have been issued: that it may be stays known. */
static void what_may_have_been_issued_still_counts(void **state)
{
	struct issuance same = make("101", "Gold", NOW + 1), is = make("101", "Gold", NOW);

	(void)state;
	is.state = STATE_REFUSED;
	is.held_from = STATE_DRAFT;
	insert(is);
	(void)forget_person(&ana, NULL, false);
	assert_false(ledger_has_repeat(db, &same, NULL));
	is.at_ms = NOW - 1;
	is.held_from = STATE_ISSUING;
	insert(is);
	assert_int_equal(forget_person(&ana, NULL, false).dropped, 1);
	assert_true(ledger_has_repeat(db, &same, "Gold"));
}

static void twice_changes_nothing(void **state)
{
	(void)state;
	insert(make("101", "Gold", NOW));
	assert_int_equal(forget_person(&ana, NULL, false).issuances, 1);
	struct forget_report r = forget_person(&ana, NULL, false);
	assert_int_equal(r.issuances + r.events + r.decisions + r.waiting + r.orphans, 0);
	assert_int_equal(count("SELECT count(*) FROM trail WHERE note = 'forgotten'"), 1);
}

static void a_dry_run_changes_nothing(void **state)
{
	(void)state;
	insert(make("101", "Gold", NOW));
	assert_int_equal(forget_person(&ana, NULL, true).issuances, 1);
	assert_int_equal(count("SELECT count(*) FROM issuance WHERE to_value = 'Gold'"), 1);
	assert_int_equal(count("SELECT count(*) FROM meta WHERE key LIKE 'forgotten%'"), 0);
}

static void merged_ids_are_the_same_person(void **state)
{
	(void)state;
	db_run(db, "INSERT INTO alias (account, old, contact) VALUES ('hubspot', '99', '101')", "");
	insert(make("99", "Gold", NOW));
	insert(make("101", "Silver", NOW + 1));
	struct forget_report r = forget_person(&ana, NULL, false);
	assert_int_equal(r.issuances, 2);
	assert_int_equal(r.ids, 2);
	assert_string_equal(r.id[1], "99");
}

/* ---- states ----------------------------------------------------------------------------- */

/* What a person still has to expect stands in the way; what rests does not. */
/* A copy was put back: what it has as held or refused may have been issued since. */
static void what_may_be_issued_stands_in_the_way(void **state)
{
	struct issuance is = make("101", "Gold", NOW);

	(void)state;
	is.state = STATE_HELD;
	is.held_from = STATE_PLANNED;
	is.hold = HOLD_BRAKE;
	int64_t id = insert(is);
	db_run(db, "INSERT INTO action VALUES ('certifier', 1, 'a copy was put back')", "");
	struct forget_report r = forget_person(&ana, NULL, false);
	assert_int_equal(r.midways, 1);
	assert_true(r.midway[0].restored && !r.midway[0].sweep);
	assert_int_equal(r.midway[0].issuance, id);
	db_run(db, "UPDATE action SET restored = NULL", "");
	assert_int_equal(forget_person(&ana, NULL, false).dropped, 1);
}

static void what_is_midway_stands_in_the_way(void **state)
{
	static const struct {
		enum issuance_state state;
		bool issue, send, midway;
		const char *after;
	} rows[] = {
		{ STATE_PLANNED, true, true, true, "planned" },
		{ STATE_CREATING, true, true, true, "creating" },
		{ STATE_DRAFT, true, true, true, "draft" },
		{ STATE_DRAFT, false, false, false, "draft" },
		{ STATE_ISSUING, true, true, true, "issuing" },
		{ STATE_ISSUED, true, true, true, "issued" },
		{ STATE_ISSUED, true, false, false, "issued" },
		{ STATE_SENDING, true, true, true, "sending" },
		{ STATE_SENT, true, true, false, "sent" },
		{ STATE_HELD, true, true, false, "dropped" },
		{ STATE_REFUSED, true, true, false, "dropped" },
		{ STATE_SKIPPED, true, true, false, "skipped" },
		{ STATE_SHADOW, true, true, false, "shadow" },
		{ STATE_SEND_UNKNOWN, true, true, false, "send-unknown" },
		{ STATE_DROPPED, true, true, false, "dropped" },
	};
	char contact[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct person person = { "hubspot", contact };
		snprintf(contact, sizeof(contact), "%zu", 500 + i);
		struct issuance is = make(contact, "Gold", NOW);
		is.state = rows[i].state;
		is.held_from = STATE_PLANNED;
		is.hold = HOLD_BRAKE;
		is.do_issue = rows[i].issue;
		is.do_send = rows[i].send;
		int64_t id = insert(is);
		struct forget_report r = forget_person(&person, NULL, false);
		assert_int_equal(r.midways, rows[i].midway);
		assert_int_equal(r.issuances, !rows[i].midway);
		assert_int_equal(r.unknown, rows[i].state == STATE_SEND_UNKNOWN);
		assert_true(db_exists(db,
				      "SELECT 1 FROM issuance WHERE id = ?1 AND state = ?2"
				      " AND (fields IS NULL) = ?3",
				      "iti", id, rows[i].after, (int64_t)!rows[i].midway));
	}
}

static void a_stray_that_is_being_removed_stands_in_the_way(void **state)
{
	int64_t id;

	(void)state;
	id = insert(make("101", "Gold", NOW));
	db_run(db,
	       "INSERT INTO stray (issuance, action_account, group_id, fields, since_ms, until_ms, look_ms,"
	       " credential) VALUES (?1, 'certifier', 'g1', '{}', 1, 2, 3, 'c')",
	       "i", id);
	struct forget_report r = forget_person(&ana, NULL, false);
	assert_int_equal(r.midways, 1);
	assert_true(r.midway[0].sweep);
	db_run(db, "UPDATE stray SET credential = NULL", "");
	r = forget_person(&ana, NULL, false);
	assert_int_equal(r.midways, 0);
	assert_int_equal(r.strays, 1);
	assert_int_equal(count("SELECT count(*) FROM stray"), 0);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void records_and_orphans_go(void **state)
{
	(void)state;
	insert(make("101", "Gold", NOW));
	db_run(db,
	       "INSERT INTO event (ruleset, watch, made_ms, account, contact, kind, target, list_name,"
	       " to_value, at_ms, as_of_ms, gone, size, seen) VALUES (1, 1, 1, 'hubspot', '101',"
	       " 'property-changed', 'tier', '', 'Gold', 1, 1, 0, 1, '{\"email\":\"ana@example.org\"}')",
	       "");
	db_run(db,
	       "INSERT INTO decision (made_ms, account, contact, event, target, to_value, at_ms, outcome,"
	       " table_hash) VALUES (1, 'hubspot', '101', 'property-changed', 'tier', 'Gold', 1, 'fired', 'h')",
	       "");
	db_run(db,
	       "INSERT INTO orphan (account, credential, group_id, email, fields, draft, created_ms, suspect,"
	       " seen_ms) VALUES ('certifier', 'c1', 'g', 'ana@example.org', '{}', 0, 1, 0, 1),"
	       " ('certifier', 'c2', 'g', 'other@example.org', '{}', 0, 1, 0, 1),"
	       " ('certifier', 'c3', 'g', 'ben@example.org', '{}', 0, 1, 0, 1)",
	       "");
	struct forget_report r = forget_person(&ana, "Other@Example.org", false);
	assert_int_equal(r.events, 1);
	assert_int_equal(r.decisions, 1);
	assert_int_equal(r.orphans, 2);
	assert_int_equal(count("SELECT count(*) FROM orphan WHERE credential = 'c3'"), 1);
	assert_int_equal(count("SELECT count(*) FROM event"), 0);
	assert_int_equal(count("SELECT count(*) FROM decision"), 0);
}

static void what_waits_counts_as_decided(void **state)
{
	int64_t watch = add_watch();
	struct slice left;

	(void)state;
	db_run(db,
	       "INSERT INTO decided (watch, contact, at_ms, value) VALUES (?1, '101', 5, 'Bronze')",
	       "i", watch);
	wait_for(watch, "101", 20, "Silver", "Gold");
	wait_for(watch, "101", 10, "Bronze", "Silver");
	wait_for(watch, "102", 10, "Bronze", "Silver");
	assert_int_equal(forget_person(&ana, NULL, false).waiting, 2);
	assert_int_equal(count("SELECT count(*) FROM pending"), 1);
	struct query *q = db_select(db, "SELECT at_ms, value FROM decided WHERE contact = '101'",
				    "");
	assert_true(query_next(q));
	assert_int_equal(query_integer(q, 0), 20);
	left = arena_slice(&memory, query_slice(q, 1));
	query_end(q);
	assert_true(forgotten_matches(left, slice_of("Gold")));
	assert_false(slice_is(left, "Gold"));
}

/* Where the history is cut, a forgotten value is not known, and is no value of an event. */
static void a_forgotten_value_is_no_start(void **state)
{
	const struct entry entry = { .at_ms = 100, .value = slice_of("Gold") };
	struct burst_input in = { .entry = &entry,
				  .entries = 1,
				  .cut = true,
				  .decided = true,
				  .decided_ms = 50,
				  .decided_value = slice_of("forgotten:…"),
				  .decided_forgotten = true };
	struct burst_output out;

	(void)state;
	burst_find(&in, &memory, &out);
	assert_int_equal(out.bursts, 1);
	assert_false(out.burst[0].from_known);
}

/* ---- whom -------------------------------------------------------------------------------------- */

static void an_address_of_somebody_else_is_nobody(void **state)
{
	struct person *found;

	(void)state;
	db_run(db,
	       "INSERT INTO event (ruleset, watch, made_ms, account, contact, kind, target, list_name,"
	       " to_value, at_ms, as_of_ms, gone, size, seen) VALUES (1, 1, 1, 'hubspot', '102',"
	       " 'property-changed', 'tier', '', 'Gold', 1, 1, 0, 1,"
	       " '{\"email\":\"ben@example.org\",\"manager\":\"ana@example.org\"}')",
	       "");
	assert_int_equal(person_find(db, "ana@example.org", true, &memory, &found), 0);
	assert_int_equal(person_find(db, "ana@example.org", false, &memory, &found), 1);
	assert_int_equal(person_find(db, "Ben@example.org", true, &memory, &found), 1);
	assert_string_equal(found[0].contact, "102");
}

/* ---- the file -------------------------------------------------------------------------------------- */

static bool file_holds(const char *path, const char *text)
{
	FILE *in = fopen(path, "rb");
	size_t at = 0, len = strlen(text);
	int c;

	while (in && at < len && (c = getc(in)) != EOF)
		at = c == text[at] ? at + 1 : c == text[0];
	if (in)
		fclose(in);
	return at == len;
}

static void no_trace_is_left_in_the_file(void **state)
{
	char folder[] = "/tmp/forget-XXXXXX", path[64], log[64];
	struct db *memory_db = db, *reader;
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s.db", folder);
	snprintf(log, sizeof(log), "%s/s.db-wal", folder);
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	for (int i = 0; i < 200; i++)
		insert(make(i % 2 ? "101" : "102", "Gold", NOW + i));
	db_run(db,
	       "UPDATE issuance SET email = 'bob@example.net', fields = NULL, reason = NULL"
	       " WHERE contact = '102'",
	       "");
	assert_true(file_holds(log, "ana@example.org"));
	(void)forget_person(&ana, NULL, false);
	/* Beside somebody who only looks. */
	assert_int_equal(db_open(path, DB_SHARE, &reader, &err), RC_OK);
	assert_int_equal(db_scrub(db, &err), RC_OK);
	assert_false(file_holds(path, "ana@example.org") || file_holds(log, "ana@example.org"));
	assert_true(file_holds(path, "bob@example.net"));
	db_close(reader);
	db_close(db);
	db = memory_db;
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/s.db.lock", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(what_is_left_tells_the_same_from_others),
		stored(nothing_of_the_person_stays),
		stored(what_is_done_is_erased_by_its_age),
		stored(the_same_event_is_still_known),
		stored(what_may_have_been_issued_still_counts),
		stored(twice_changes_nothing),
		stored(a_dry_run_changes_nothing),
		stored(merged_ids_are_the_same_person),
		stored(what_is_midway_stands_in_the_way),
		stored(what_may_be_issued_stands_in_the_way),
		stored(a_stray_that_is_being_removed_stands_in_the_way),
		stored(records_and_orphans_go),
		stored(what_waits_counts_as_decided),
		stored(a_forgotten_value_is_no_start),
		stored(an_address_of_somebody_else_is_nobody),
		stored(no_trace_is_left_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

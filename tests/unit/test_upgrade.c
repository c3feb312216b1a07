/*
 * A state that an older version wrote becomes one of this version: with the
 * same tables as a new one, and with all that was in it.
 */
#include "tests/unit/rules.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/issuance.h"
#include "engine/store/db.h"

static char folder[64], path[128];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/hs2cert-upgrade-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/old.db", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[160];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* The state as version 1 made it, with one row of each held kind. */
static void write_version_1(void)
{
	static const char rows[] =
		"INSERT INTO meta VALUES ('schema', '1');"
		"INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, to_value, at_ms,"
		" action_account, group_id, do_issue, do_send, email, state, held_from, reason, created_ms, updated_ms)"
		" SELECT 'r', 'h', 'hubspot', value, 'property-changed', 'tier', 'Gold', 1, 'certifier', 'g1', 1, 1,"
		" 'a@example.org', 'held', 'planned', value || ': why', 1, 1 FROM (SELECT 'plan' AS value UNION ALL"
		" SELECT 'group' UNION ALL SELECT 'missing e-mail' UNION ALL SELECT 'empty required field' UNION ALL"
		" SELECT 'filter-limit' UNION ALL SELECT 'field');"
		"INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, to_value, at_ms,"
		" action_account, group_id, do_issue, do_send, email, state, created_ms, updated_ms)"
		" VALUES ('r', 'h', 'hubspot', '7', 'property-changed', 'tier', 'Gold', 1, 'certifier', 'g1', 1, 1,"
		" 'a@example.org', 'sent', 1, 1)";
	struct err err;
	struct str sql;
	void *handle;

	str_init(&sql, 1u << 20);
	assert_int_equal(file_read("tests/unit/schema_1.sql", &sql, &err), RC_OK);
	assert_int_equal(sqlite_driver.open(path, DB_OWN, &handle, &err), RC_OK);
	assert_int_equal(sqlite_driver.exec(handle, str_text(&sql), &err), RC_OK);
	assert_int_equal(sqlite_driver.exec(handle, rows, &err), RC_OK);
	sqlite_driver.close(handle);
	str_release(&sql);
}

/* Every column and index of a state, in an order of their own. */
static void describe(struct db *db, struct str *out)
{
	struct query *q = db_select(
		db,
		"SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' ||"
		" coalesce(c.dflt_value, '-') || ' ' || c.pk FROM sqlite_master m"
		" JOIN pragma_table_info(m.name) c WHERE m.type = 'table' UNION ALL"
		" SELECT coalesce(sql, name) FROM sqlite_master WHERE type = 'index' ORDER BY 1",
		"");

	while (query_next(q))
		str_addf(out, "%.*s\n", SLICE_FMT(query_slice(q, 0)));
}

static void an_upgraded_state_has_the_tables_of_a_new_one(void **state)
{
	struct db *old, *new;
	struct str is, wanted;
	struct err err;

	(void)state;
	write_version_1();
	str_init(&is, 1u << 20);
	str_init(&wanted, 1u << 20);
	assert_int_equal(db_open(path, DB_OWN, &old, &err), RC_OK);
	assert_int_equal(db_open(":memory:", DB_OWN, &new, &err), RC_OK);
	describe(old, &is);
	describe(new, &wanted);
	assert_true(wanted.len > 1000);
	assert_string_equal(str_text(&is), str_text(&wanted));
	db_close(old);
	db_close(new);
	str_release(&is);
	str_release(&wanted);
}

static void what_it_held_keeps_its_kind(void **state)
{
	static const char *const kinds[][2] = {
		{ "plan", "plan" },
		{ "group", "group" },
		{ "missing e-mail", "missing-email" },
		{ "empty required field", "required" },
		{ "filter-limit", "filter-limit" },
		{ "field", "field" },
	};
	struct db *db;
	struct err err;

	(void)state;
	write_version_1();
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_true(db_exists(db, "SELECT 1 FROM issuance WHERE contact = ?1 AND hold = ?2",
				      "tt", kinds[i][0], kinds[i][1]));
	assert_true(
		db_exists(db, "SELECT 1 FROM issuance WHERE state = 'sent' AND hold IS NULL", ""));
	db_close(db);
	/* The second time there is nothing left to do. */
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	db_close(db);
}

/* What versions 15 and 16 brought. */
static void drop_versions_from_15(struct db *db)
{
	db_run(db, "DROP TABLE unsure", "");
	db_run(db, "ALTER TABLE pending DROP COLUMN first_ms", "");
}

/* What version 12 brought. */
static void drop_versions_from_12(struct db *db)
{
	db_run(db, "ALTER TABLE pending DROP COLUMN scan", "");
	db_run(db, "ALTER TABLE membership DROP COLUMN left_scan", "");
	db_run(db, "ALTER TABLE list DROP COLUMN active", "");
	db_run(db, "DROP INDEX stray_credential", "");
}

/* Rule files that version 9 kept whole, as later ones read them: files of a table, in order. */
static void rule_files_are_kept(void **state)
{
	static const char files[] =
		"SELECT group_concat(path || '=' || text) FROM (SELECT r.path, p.text FROM ruleset_piece r"
		" JOIN piece p ON p.id = r.piece WHERE r.ruleset = ?1 ORDER BY r.position)";
	struct db *db;
	struct err err;
	struct query *q;

	(void)state;
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	db_run(db, "DROP TABLE piece", "");
	db_run(db, "DROP TABLE ruleset_piece", "");
	db_run(db,
	       "CREATE TABLE ruleset_file (ruleset INTEGER NOT NULL, position INTEGER NOT NULL,"
	       " path TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (ruleset, position)) WITHOUT ROWID",
	       "");
	db_run(db,
	       "INSERT INTO ruleset_file VALUES (3, 0, 'a', 'one'), (3, 1, 'b', 'two'), (7, 0, 'a', 'one')",
	       "");
	db_run(db, "CREATE INDEX decision_made ON decision (made_ms)", "");
	db_run(db, "ALTER TABLE orphan ADD COLUMN holds INTEGER", "");
	drop_versions_from_12(db);
	drop_versions_from_15(db);
	db_run(db, "UPDATE meta SET value = '9' WHERE key = 'schema'", "");
	db_close(db);
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	q = db_select(db, files, "i", (int64_t)3);
	assert_true(query_next(q));
	assert_true(slice_is(query_slice(q, 0), "a=one,b=two"));
	query_end(q);
	q = db_select(db, files, "i", (int64_t)7);
	assert_true(query_next(q));
	assert_true(slice_is(query_slice(q, 0), "a=one"));
	query_end(q);
	assert_int_equal(db_failed(db, &err), RC_OK);
	db_close(db);
}

/* A join that waits counts as shown by the last scan of its list: what that did not show was gone before. */
static void what_waits_has_a_scan(void **state)
{
	struct db *db;
	struct err err;

	(void)state;
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	db_run(db,
	       "INSERT INTO watch (id, account, event, target, settle_ms, loaded_ms)"
	       " VALUES (1, 'h', 'list-added', 'Graduates', 0, 0), (2, 'h', 'property-changed', 'tier', 0, 0)",
	       "");
	db_run(db,
	       "INSERT INTO list (account, target, by_name, list_id, name)"
	       " VALUES ('h', 'Graduates', 1, '42', 'Graduates')",
	       "");
	db_run(db,
	       "INSERT INTO membership (account, list_id, contact, joined_ms, scan) VALUES ('h', '42', '7', 1, 5)",
	       "");
	db_run(db,
	       "INSERT INTO pending (watch, account, contact, at_ms, due_ms, to_value)"
	       " VALUES (1, 'h', '7', 1, 1, ''), (1, 'h', '8', 1, 1, ''), (2, 'h', '7', 1, 1, 'x')",
	       "");
	drop_versions_from_12(db);
	drop_versions_from_15(db);
	db_run(db, "UPDATE meta SET value = '11' WHERE key = 'schema'", "");
	db_close(db);
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	assert_int_equal(db_integer(db, -1,
				    "SELECT scan FROM pending WHERE watch = 1 AND contact = '7'",
				    ""),
			 5);
	assert_int_equal(
		db_integer(db, -1, "SELECT max(scan) FROM pending WHERE watch = 2 OR contact = '8'",
			   ""),
		0);
	db_close(db);
}

/* What waits is written anew by the step to version 14, and is what it was. */
static void what_waits_is_kept(void **state)
{
	static const char rows[] =
		"SELECT group_concat(watch || account || contact || at_ms || due_ms || coalesce(from_value, '?')"
		" || to_value || frozen || promoted || came || scan, ' ') FROM (SELECT * FROM pending ORDER BY at_ms)";
	struct db *db;
	struct err err;
	struct query *q;

	(void)state;
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	db_run(db,
	       "INSERT INTO watch (id, account, event, target, settle_ms, loaded_ms)"
	       " VALUES (1, 'h', 'property-changed', 'tier', 0, 0)",
	       "");
	db_run(db,
	       "INSERT INTO pending (watch, account, contact, at_ms, due_ms, from_value, to_value, frozen, promoted,"
	       " came, scan) VALUES (1, 'h', '7', 30, 40, NULL, 'a', 2, 1, 'p5', 6), (1, 'h', '8', 31, 41, 'b', '', 0, 0,"
	       " '', 0)",
	       "");
	drop_versions_from_15(db);
	db_run(db, "UPDATE meta SET value = '13' WHERE key = 'schema'", "");
	db_close(db);
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	q = db_select(db, rows, "");
	assert_true(query_next(q));
	assert_true(slice_is(query_slice(q, 0), "1h73040?a21p56 1h83141b000"));
	query_end(q);
	db_close(db);
}

/* A burst that waited through the step to version 16 has no beginning that anybody knows. */
static void what_waits_begins_unknown(void **state)
{
	struct db *db;
	struct err err;

	(void)state;
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	db_run(db,
	       "INSERT INTO watch (id, account, event, target, settle_ms, loaded_ms)"
	       " VALUES (1, 'h', 'property-changed', 'tier', 0, 0)",
	       "");
	db_run(db,
	       "INSERT INTO pending (watch, account, contact, at_ms, due_ms, to_value, first_ms)"
	       " VALUES (1, 'h', '7', 30, 40, 'a', 20)",
	       "");
	db_run(db, "ALTER TABLE pending DROP COLUMN first_ms", "");
	db_run(db, "UPDATE meta SET value = '15' WHERE key = 'schema'", "");
	db_close(db);
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	assert_int_equal(db_integer(db, -1, "SELECT first_ms FROM pending WHERE at_ms = 30", ""), 0);
	db_close(db);
}

static void beside_a_daemon_nothing_is_upgraded(void **state)
{
	struct db *db;
	struct err err;

	(void)state;
	write_version_1();
	assert_int_equal(db_open(path, DB_SHARE, &db, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "an older hs2cert"));
}

#define placed(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		placed(an_upgraded_state_has_the_tables_of_a_new_one),
		placed(what_it_held_keeps_its_kind),
		placed(rule_files_are_kept),
		placed(what_waits_has_a_scan),
		placed(what_waits_is_kept),
		placed(what_waits_begins_unknown),
		placed(beside_a_daemon_nothing_is_upgraded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

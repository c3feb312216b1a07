/* What rarely happens to a store: names that name nothing, files of others, owners, disks that fail in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/file.h"
#include "engine/store/db.h"
#include "tests/disk/disk.h"

static int setup(void **state)
{
	(void)state;
	disk_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	disk_stop();
	return 0;
}

static struct db *open_state(void)
{
	struct db *db;
	struct err err;

	if (db_open(disk_place(), DB_OWN, &db, &err) != RC_OK)
		fail_msg("%s", err.text);
	return db;
}

static void assert_refused(const char *url, enum db_mode mode, enum rc rc, const char *says)
{
	struct err err;
	struct db *db;

	assert_int_equal(db_open(url, mode, &db, &err), rc);
	assert_null(db);
	if (!strstr(err.text, says))
		fail_msg("'%s' does not say '%s'", err.text, says);
}

static void names_that_name_nothing(void **state)
{
	(void)state;
	assert_refused("", DB_OWN, RC_INVALID, "the state has no name");
	assert_refused("sqlite:", DB_OWN, RC_INVALID, "'sqlite:' names no state");
	assert_refused("postgres://host/db", DB_OWN, RC_INVALID, "neither a path nor sqlite:PATH");
	assert_int_equal(db_owner(""), 0);
	assert_int_equal(db_owner("postgres://host/db"), 0);
}

/* A scheme is a scheme only with its colon. */
static void a_path_may_begin_like_a_scheme(void **state)
{
	struct err err;
	struct db *db;
	char before[4096];

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	char *folder = strdup(disk_place());
	*strrchr(folder, '/') = '\0';
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(db_open("sqlite3", DB_OWN, &db, &err), RC_OK);
	db_close(db);
	unlink("sqlite3.lock");
	assert_int_equal(chdir(before), 0);
	free(folder);
}

static const char others_table[] = "CREATE TABLE theirs (x)";

static void a_database_of_others_is_left_alone(void **state)
{
	struct db *db = open_state();

	(void)state;
	db_run(db, "DROP TABLE meta", "");
	db_run(db, others_table, "");
	db_close(db);
	struct str before;
	str_init(&before, 1u << 24);
	str_add_slice(&before, disk_state());
	assert_refused(disk_place(), DB_OWN, RC_INVALID, "a database of something else");
	assert_refused(disk_place(), DB_SHARE, RC_INVALID, "a database of something else");
	assert_true(slice_eq(disk_state(), str_slice(&before)));
	str_release(&before);
}

static void what_is_no_database_at_all(void **state)
{
	static const char bytes[8192] = "neither SQLite nor anything else";

	(void)state;
	disk_put((struct slice){ bytes, sizeof(bytes) });
	assert_refused(disk_place(), DB_OWN, RC_BROKEN, "cannot open state");
	assert_int_equal(disk_state().len, sizeof(bytes));
}

/* The pid of who owns it, as another process sees it. */
static int owner_elsewhere(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(db_owner(disk_place()) == getppid() ? 1 : db_owner(disk_place()) ? 2 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void an_owner_is_known_while_it_lives(void **state)
{
	(void)state;
	assert_int_equal(owner_elsewhere(), 0);
	struct db *db = open_state(), *view;
	struct err err;
	assert_int_equal(owner_elsewhere(), 1);
	/* A second view of its own takes nothing from it, and can change nothing. */
	assert_int_equal(db_open(disk_place(), DB_READ, &view, &err), RC_OK);
	assert_int_equal(db_integer(view, -1, "SELECT count(*) FROM issuance", ""), 0);
	db_run(view, "DELETE FROM meta", "");
	assert_int_equal(db_failed(view, &err), RC_BROKEN);
	db_close(view);
	assert_int_equal(owner_elsewhere(), 1);
	db_close(db);
	assert_int_equal(owner_elsewhere(), 0);
}

/* Where its lock cannot be written, nobody could be told who owns it: then it is not opened. */
static void a_lock_that_cannot_be_written(void **state)
{
	char lock[128];

	(void)state;
	snprintf(lock, sizeof(lock), "%s.lock", disk_place());
	assert_int_equal(symlink("/dev/full", lock), 0);
	assert_refused(disk_place(), DB_OWN, RC_BROKEN, "cannot write");
	assert_int_equal(unlink(lock), 0);
	assert_refused("/nowhere/at/all", DB_OWN, RC_BROKEN, "cannot open '/nowhere/at/all.lock'");
}

static void the_first_damage_is_what_is_said(void **state)
{
	struct db *db = open_state();
	struct err err;

	(void)state;
	db_begin(db, "test");
	db_run(db, "INSERT INTO meta (key, value) VALUES ('k', 'v')", "");
	db_damaged(db, "row %d cannot be", 7);
	db_damaged(db, "another");
	assert_int_equal(db_integer(db, -1, "SELECT 1", ""), -1);
	assert_null(db_select(db, "SELECT 2", ""));
	assert_int_equal(db_failed(db, &err), RC_BROKEN);
	assert_string_equal(err.text, "row 7 cannot be");
	assert_int_equal(db_failed(db, NULL), RC_BROKEN);
	assert_int_equal(db_commit(db, &err), RC_BROKEN);
	assert_string_equal(err.text, "state: row 7 cannot be");
	assert_false(db_exists(db, "SELECT 1 FROM meta WHERE key = 'k'", ""));
	db_close(db);
}

/* Made on a disk that fails at any moment, it is whole the next time, or not there. */
static void a_state_that_could_not_be_made(void **state)
{
	static const enum disk_trouble troubles[] = { DISK_FULL, DISK_WRITE_FAILS,
						      DISK_SYNC_FAILS };
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		for (uint64_t nth = 1; nth < 1000; nth += 3) {
			struct err err;
			struct db *db;
			disk_fail(troubles[i], nth, true);
			enum rc rc = db_open(disk_place(), DB_OWN, &db, &err);
			bool failed = disk_failed();
			disk_fail(DISK_WELL, 0, false);
			db_close(db);
			if (rc == RC_OK && !failed)
				break;
			failures += rc != RC_OK;
			assert_true(rc == RC_OK || (rc == RC_BROKEN && err.text[0] && !db));
			db = open_state();
			assert_true(db_exists(db, "SELECT 1 FROM meta WHERE key = 'schema'", ""));
			db_close(db);
			disk_stop();
			disk_start();
		}
	}
	assert_true(failures > 10);
}

static void a_copy_of_what_cannot_be_read(void **state)
{
	struct db *db = open_state(), *copy;
	struct err err;

	(void)state;
	assert_int_equal(db_copy(db, &copy, &err), RC_OK);
	db_note_mark(db, 5);
	db_close(copy);
	db_close(db);
	db = open_state();
	assert_int_equal(db_mark(db), 5);
	disk_fail(DISK_READ_FAILS, 1, true);
	assert_int_equal(db_copy(db, &copy, &err), RC_BROKEN);
	assert_null(copy);
	assert_non_null(strstr(err.text, "cannot copy the state"));
	disk_fail(DISK_WELL, 0, false);
	assert_int_equal(db_copy(db, &copy, &err), RC_OK);
	assert_int_equal(db_mark(copy), 5);
	db_close(copy);
	db_close(db);
}

/* Longer than what SQLite keeps at hand. */
static struct slice long_text(void)
{
	static char text[3001];

	memset(text, 'a', sizeof(text) - 1);
	return slice_of(text);
}

/* From here on SQLite has not a byte more than now; without its reserves, which can be given up. */
static void no_more_memory(void)
{
	sqlite3_release_memory(1 << 30);
	sqlite3_hard_heap_limit64(sqlite3_memory_used() + 1);
}

static const char look_up[] = "SELECT value FROM meta WHERE key = ?1";

/* Else it would be asked for NULL, which nothing is equal to, or NULL would be stored. */
static void a_text_that_cannot_be_bound(void **state)
{
	struct db *db = open_state();
	struct err err;

	(void)state;
	assert_false(db_exists(db, look_up, "t", "what is not there")); /* it stands prepared now */
	no_more_memory();
	struct query *q = db_select(db, look_up, "s", long_text());
	sqlite3_hard_heap_limit64(0);
	assert_null(q);
	db_begin(db, "test");
	assert_int_equal(db_commit(db, &err), RC_BROKEN);
	assert_string_equal(err.text, "state: out of memory");
	db_close(db);
}

#define placed(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		placed(names_that_name_nothing),
		placed(a_path_may_begin_like_a_scheme),
		placed(a_database_of_others_is_left_alone),
		placed(what_is_no_database_at_all),
		placed(an_owner_is_known_while_it_lives),
		placed(a_lock_that_cannot_be_written),
		placed(the_first_damage_is_what_is_said),
		placed(a_state_that_could_not_be_made),
		placed(a_copy_of_what_cannot_be_read),
		placed(a_text_that_cannot_be_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The disk that tests use: what it keeps, what it loses, how it fails. */
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

static enum rc put(struct db *db, const char *key)
{
	struct err err;

	db_begin(db, "test");
	db_run(db, "INSERT INTO meta (key, value) VALUES (?1, 'x')", "t", key);
	return db_commit(db, &err);
}

static bool has(struct db *db, const char *key)
{
	return db_exists(db, "SELECT 1 FROM meta WHERE key = ?1", "t", key);
}

static void test_keeps(void **state)
{
	struct db *db = open_state();

	(void)state;
	assert_int_equal(put(db, "closed"), RC_OK);
	db_close(db);
	db = open_state();
	assert_true(has(db, "closed"));
	assert_int_equal(put(db, "killed"), RC_OK);
	disk_kill();
	assert_int_equal(put(db, "dead"), RC_BROKEN);
	db_close(db);
	db = open_state();
	assert_true(has(db, "closed"));
	assert_true(has(db, "killed"));
	assert_false(has(db, "dead"));
	db_close(db);
}

/* Two connections see one another's work, and one that closes leaves the other its files. */
static void test_shares(void **state)
{
	struct db *db = open_state(), *beside;
	struct err err;

	(void)state;
	assert_int_equal(db_open(disk_place(), DB_SHARE, &beside, &err), RC_OK);
	assert_int_equal(put(db, "a"), RC_OK);
	assert_true(has(beside, "a"));
	assert_int_equal(put(beside, "b"), RC_OK);
	db_begin(db, "held");
	db_close(beside);
	assert_true(has(db, "b"));
	assert_int_equal(db_commit(db, &err), RC_OK);
	assert_int_equal(db_open(disk_place(), DB_SHARE, &beside, &err), RC_OK);
	db_close(db);
	assert_true(has(beside, "b"));
	db_close(beside);
}

/* A life of ten commits that ends at the n-th write or sync, for each n and some seeds. */
static bool live_and_cut(uint64_t nth, uint64_t seed)
{
	int committed = 0;
	char key[16];
	struct db *db;
	struct err err;

	disk_start();
	disk_fail(DISK_DIES, nth, true);
	if (db_open(disk_place(), DB_OWN, &db, &err) != RC_OK)
		db = NULL;
	for (int i = 0; db && i < 10 && committed == i; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		committed += put(db, key) == RC_OK;
	}
	bool died = disk_failed();
	db_close(db);
	disk_cut(seed);
	db = open_state();
	for (int i = 0; i < committed; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_true(has(db, key));
	}
	assert_int_equal(put(db, "after"), RC_OK);
	db_close(db);
	disk_stop();
	return died;
}

static void test_power_at_every_write(void **state)
{
	uint64_t n = 0;
	bool died;

	(void)state;
	do {
		n++;
		died = false;
		for (uint64_t seed = 1; seed <= 3; seed++)
			died |= live_and_cut(n, seed);
	} while (died);
	assert_true(n > 40);
}

/* Without syncs a cut loses what was committed: the disk has teeth. */
static void test_unsynced_is_lost(void **state)
{
	int lost = 0, kept = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		sqlite3 *s;
		disk_start();
		assert_int_equal(sqlite3_open("plain", &s), SQLITE_OK);
		sqlite3_exec(s, "PRAGMA synchronous=OFF; CREATE TABLE t (a)", NULL, NULL, NULL);
		disk_cut(seed);
		sqlite3_close(s);
		assert_int_equal(sqlite3_open("plain", &s), SQLITE_OK);
		if (sqlite3_exec(s, "SELECT * FROM t", NULL, NULL, NULL) == SQLITE_OK)
			kept++;
		else
			lost++;
		sqlite3_close(s);
		disk_stop();
	}
	assert_true(lost > 0);
	assert_true(kept > 0);
}

/* One unsynced write over a synced one; `out` is what a cut leaves. */
static void write_and_cut(uint64_t seed, unsigned char *out, int len)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("disk");
	sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB;

	memset(out, 'a', (size_t)len);
	assert_int_equal(vfs->xOpen(vfs, "raw", file, flags, NULL), SQLITE_OK);
	assert_int_equal(file->pMethods->xWrite(file, out, len, 0), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, 0), SQLITE_OK);
	memset(out, 'b', (size_t)len);
	assert_int_equal(file->pMethods->xWrite(file, out, len, 0), SQLITE_OK);
	disk_cut(seed);
	assert_int_equal(file->pMethods->xRead(file, out, len, 0), SQLITE_IOERR_READ);
	file->pMethods->xClose(file);
	assert_int_equal(vfs->xOpen(vfs, "raw", file, flags, NULL), SQLITE_OK);
	assert_int_equal(file->pMethods->xRead(file, out, len, 0), SQLITE_OK);
	file->pMethods->xClose(file);
	free(file);
}

static void test_torn(void **state)
{
	unsigned char got[2000];
	int old = 0, new = 0, torn = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		int b = 0;
		write_and_cut(seed, got, sizeof(got));
		for (int i = 0; i < (int)sizeof(got); i++) {
			b += got[i] == 'b';
			if (i % 512)
				assert_int_equal(got[i], got[i - 1]);
		}
		old += b == 0;
		new += b == sizeof(got);
		torn += b > 0 && b < (int)sizeof(got);
	}
	assert_true(old > 5);
	assert_true(new > 5);
	assert_true(torn > 5);
}

static void test_fails_once(void **state)
{
	static const enum disk_trouble all[] = { DISK_FULL, DISK_WRITE_FAILS, DISK_SYNC_FAILS };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct db *db = open_state();
		assert_int_equal(put(db, "before"), RC_OK);
		disk_fail(all[i], 1, false);
		assert_int_equal(put(db, "during"), RC_BROKEN);
		assert_true(disk_failed());
		/* The disk is well again, and the handle is not: what it holds is not what is stored. */
		assert_int_equal(put(db, "after"), RC_BROKEN);
		db_close(db);
		db = open_state();
		assert_int_equal(put(db, "after"), RC_OK);
		assert_true(has(db, "before"));
		db_begin(db, "tidy");
		db_run(db, "DELETE FROM meta WHERE key IN ('before', 'during', 'after')", "");
		struct err err;
		assert_int_equal(db_commit(db, &err), RC_OK);
		db_close(db);
	}
}

static void test_fails_from_then_on(void **state)
{
	struct db *db = open_state();
	uint64_t writes = disk_writes(), syncs = disk_syncs();

	(void)state;
	assert_int_equal(put(db, "a"), RC_OK);
	assert_true(disk_writes() > writes);
	assert_true(disk_syncs() > syncs);
	disk_fail(DISK_FULL, 2, true);
	assert_int_equal(put(db, "b"), RC_BROKEN);
	assert_int_equal(put(db, "c"), RC_BROKEN);
	disk_fail(DISK_WELL, 0, false);
	assert_int_equal(put(db, "d"), RC_BROKEN);
	assert_true(has(db, "a")); /* it may still be read */
	db_close(db);
	db = open_state();
	assert_int_equal(put(db, "d"), RC_OK);
	assert_true(has(db, "a"));
	assert_false(has(db, "b"));
	db_close(db);
}

/* What the next process finds is what was committed, whatever else was written. */
static void test_found(void **state)
{
	struct db *db = open_state();

	(void)state;
	assert_int_equal(put(db, "a"), RC_OK);
	disk_read_on();
	uint64_t before = disk_found();
	disk_fail(DISK_WRITE_FAILS, 2, true);
	assert_int_equal(put(db, "b"), RC_BROKEN);
	assert_true(disk_found() == before);
	disk_fail(DISK_WELL, 0, false);
	disk_kill();
	db_close(db);
	db = open_state();
	assert_int_equal(put(db, "b"), RC_OK);
	assert_true(disk_found() != before);
	db_close(db);
}

static void test_found_with_another_mark(void **state)
{
	struct db *db = open_state();
	uint64_t before = disk_found();

	(void)state;
	db_note_mark(db, 7);
	assert_true(disk_found() != before);
	db_close(db);
}

/* A fork's process ends and another starts, while its parent's goes on with the same state. */
static void test_fork_is_alone(void **state)
{
	struct db *db = open_state();
	int status, ready[2];
	char byte;

	(void)state;
	db_note_mark(db, 7);
	assert_int_equal(put(db, "a"), RC_OK);
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		disk_after_fork();
		db_note_mark(db, 8);
		disk_kill();
		db = open_state();
		bool good = has(db, "a") && db_mark(db) == 8 && put(db, "b") == RC_OK;
		db_close(db);
		disk_leave();
		_exit(write(ready[1], "", 1) != 1 || !good);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	db_close(db);
	db = open_state(); /* nobody else has it */
	assert_int_equal((int)db_mark(db), 7);
	assert_false(has(db, "b"));
	db_close(db);
	close(ready[0]);
	close(ready[1]);
}

static struct told {
	uint64_t of[DISK_TROUBLES];
} told;

static void tell(void *ctx, enum disk_trouble trouble, uint64_t nth)
{
	((struct told *)ctx)->of[trouble] = nth;
}

/* Each operation is told of with the number that disk_fail knows it by; not while the test itself looks. */
static void test_watch(void **state)
{
	struct db *db = open_state();

	(void)state;
	assert_int_equal(put(db, "a"), RC_OK);
	disk_watch(tell, &told);
	assert_int_equal(put(db, "b"), RC_OK);
	struct told then = told;
	assert_true(then.of[DISK_FULL] > 1);
	assert_true(then.of[DISK_DIES] == disk_writes() + disk_syncs());
	disk_pause(true);
	assert_int_equal(put(db, "c"), RC_OK);
	disk_pause(false);
	assert_memory_equal(&then, &told, sizeof(told));
	disk_watch(NULL, NULL);
	assert_int_equal(put(db, "d"), RC_OK);
	assert_memory_equal(&then, &told, sizeof(told));
	db_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shares, setup, teardown),
		cmocka_unit_test(test_power_at_every_write),
		cmocka_unit_test(test_unsynced_is_lost),
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fails_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fails_from_then_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_found_with_another_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork_is_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

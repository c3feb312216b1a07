/* The store on real files: who may open it, what a commit promises, how a failure shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/store/db.h"

/* A folder of its own for each test. */
struct place {
	char folder[64];
	char path[128]; /* of the state */
	struct err err;
};

static const char *const endings[] = { "", "-wal", "-shm", "-journal", ".lock" };

static int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->folder, "/tmp/hs2cert-unit-XXXXXX");
	*state = p;
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/state", p->folder);
	return 0;
}

static void beside(const struct place *p, const char *ending, char out[160])
{
	snprintf(out, 160, "%s%s", p->path, ending);
}

static int place_teardown(void **state)
{
	struct place *p = *state;
	char name[160];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		beside(p, endings[i], name);
		(void)unlink(name);
	}
	int left = rmdir(p->folder); /* fails where something else was left behind */
	free(p);
	return left;
}

static struct db *open_as(struct place *p, const char *url, enum db_mode mode)
{
	struct db *db;

	if (db_open(url, mode, &db, &p->err) != RC_OK)
		fail_msg("%s: %s", url, p->err.text);
	return db;
}

static void assert_refused(struct place *p, const char *url, enum db_mode mode, enum rc rc,
			   const char *says)
{
	struct db *db = (struct db *)p;

	assert_int_equal(db_open(url, mode, &db, &p->err), rc);
	assert_null(db);
	if (!strstr(p->err.text, says))
		fail_msg("'%s' does not say '%s'", p->err.text, says);
}

static void add_list(struct db *db, const char *target)
{
	db_run(db,
	       "INSERT INTO list (account, target, by_name, list_id, name) VALUES ('a', ?1, 0, '7', 'x')",
	       "t", target);
}

static int64_t lists(struct db *db)
{
	return db_integer(db, -1, "SELECT count(*) FROM list", "");
}

static void commit(struct place *p, struct db *db)
{
	if (db_commit(db, &p->err) != RC_OK)
		fail_msg("%s", p->err.text);
}

static void add_one(struct place *p, struct db *db, const char *target)
{
	db_begin(db, "test");
	add_list(db, target);
	commit(p, db);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* ---- opening -------------------------------------------------------------- */

static void what_was_committed_is_there_the_next_time(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	assert_int_equal(lists(db), 0);
	add_one(p, db, "one");
	db_close(db);
	db = open_as(p, p->path, DB_OWN);
	assert_int_equal(lists(db), 1);
	db_close(db);
	db_close(NULL);
}

static void nobody_else_may_read_it(void **state)
{
	struct place *p = *state;
	mode_t before = umask(0);
	struct db *db = open_as(p, p->path, DB_OWN);
	char name[160];
	struct stat st;
	int seen = 0;

	assert_int_equal(umask(before), 0); /* put back as it was */
	add_one(p, db, "one");
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		beside(p, endings[i], name);
		if (stat(name, &st) != 0)
			continue;
		seen++;
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	assert_true(seen >= 3); /* the state, its log and the lock at least */
	db_close(db);
}

static void forms_of_a_url(void **state)
{
	struct place *p = *state;
	char url[160];

	snprintf(url, sizeof(url), "sqlite:%s", p->path);
	struct db *db = open_as(p, url, DB_OWN);
	add_one(p, db, "one");
	db_close(db);
	db = open_as(p, p->path, DB_SHARE); /* the same place */
	assert_int_equal(lists(db), 1);
	db_close(db);
	assert_refused(p, "postgres://host/db", DB_OWN, RC_INVALID, "postgres://host/db");
	assert_refused(p, "file:///tmp/x", DB_SHARE, RC_INVALID, "neither a path nor");
}

static void states_in_memory_are_apart(void **state)
{
	struct place *p = *state;
	struct db *one = open_as(p, ":memory:", DB_OWN),
		  *two = open_as(p, "sqlite::memory:", DB_OWN);

	add_one(p, one, "one");
	assert_int_equal(lists(one), 1);
	assert_int_equal(lists(two), 0);
	db_close(one);
	db_close(two);
}

static void sharing_needs_a_state(void **state)
{
	struct place *p = *state;
	char name[160];

	assert_refused(p, p->path, DB_SHARE, RC_BROKEN, p->path);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		beside(p, endings[i], name);
		assert_int_not_equal(access(name, F_OK), 0); /* and makes none */
	}
	put(p->path, "");
	assert_refused(p, p->path, DB_SHARE, RC_INVALID, "hs2cert run");
}

static void what_is_no_database_stays_as_it_is(void **state)
{
	static const char text[] =
		"rule: tier\ntrigger: and so on, longer than the header of a database. "
		"0123456789012345678901234567890123456789\n";
	struct place *p = *state;
	char read[sizeof(text) + 1] = "";

	put(p->path, text);
	assert_refused(p, p->path, DB_OWN, RC_BROKEN, p->path);
	assert_refused(p, p->path, DB_SHARE, RC_BROKEN, "not a database: put a backup of it back");
	FILE *file = fopen(p->path, "r");
	assert_non_null(file);
	assert_int_equal(fread(read, 1, sizeof(read), file), strlen(text));
	fclose(file);
	assert_string_equal(read, text);
}

static void places_that_cannot_be_opened(void **state)
{
	struct place *p = *state;
	char name[160];

	beside(p, "/nowhere/state", name);
	assert_refused(p, name, DB_OWN, RC_BROKEN, name);
	assert_refused(p, name, DB_SHARE, RC_BROKEN, name);
	assert_refused(p, p->folder, DB_SHARE, RC_BROKEN, p->folder);
}

/* Whether there is room is tried, and leaves nothing behind. */
static void room_is_tried(void **state)
{
	struct place *p = *state;
	char name[160];
	struct err err;

	assert_int_equal(db_room(":memory:", 1, &err), RC_OK);
	assert_int_equal(db_room(p->path, 1, &err), RC_BROKEN); /* there is no state */
	put(p->path, "x");
	assert_int_equal(db_room(p->path, 200000, &err), RC_OK);
	beside(p, "/nowhere/state", name);
	assert_int_equal(db_room(name, 1, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, name));
	snprintf(name, sizeof(name), "%s.room", p->path);
	assert_int_not_equal(access(name, F_OK), 0);
}

static void a_newer_state_is_refused(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	add_one(p, db, "one");
	db_begin(db, "test");
	db_run(db, "UPDATE meta SET value = '999' WHERE key = 'schema'", "");
	commit(p, db);
	db_close(db);
	assert_refused(p, p->path, DB_OWN, RC_INVALID, "newer hs2cert (schema 999");
	assert_refused(p, p->path, DB_SHARE, RC_INVALID, "newer");
}

/* ---- the lock ------------------------------------------------------------- */

/* What db_open answers in a process of its own; its text is written into `text`. */
static enum rc open_elsewhere(const char *path, enum db_mode mode, char text[LIMIT_ERROR_BYTES])
{
	int pipes[2], status;

	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct err err = { "" };
		struct db *db;
		enum rc rc = db_open(path, mode, &db, &err);
		db_close(db);
		_exit(write(pipes[1], err.text, sizeof(err.text)) == (ssize_t)sizeof(err.text)
			      ? (int)rc
			      : 99);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], text, LIMIT_ERROR_BYTES), LIMIT_ERROR_BYTES);
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return (enum rc)WEXITSTATUS(status);
}

static void a_second_owner_is_refused_and_told_by_whom(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);
	char text[LIMIT_ERROR_BYTES], pid[32];

	assert_int_equal(open_elsewhere(p->path, DB_OWN, text), RC_REFUSED);
	snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	assert_non_null(strstr(text, pid));
	assert_non_null(strstr(text, p->path));
	add_one(p, db, "still ours");
	db_close(db);
	assert_int_equal(open_elsewhere(p->path, DB_OWN, text), RC_OK);
}

static void a_second_one_in_the_same_process_too(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	assert_refused(p, p->path, DB_OWN, RC_REFUSED, "another hs2cert");
	db_close(db);
	db_close(open_as(p, p->path, DB_OWN));
}

/* What leads to it, and is made where it is not there yet, too. */
static void a_link_to_a_state_is_no_other_state(void **state)
{
	struct place *p = *state;
	char absolute[160], relative[160], text[LIMIT_ERROR_BYTES], pid[32];

	beside(p, ".absolute", absolute);
	beside(p, ".relative", relative);
	assert_int_equal(symlink(p->path, absolute), 0);
	assert_int_equal(symlink("state.absolute", relative), 0);
	struct db *db = open_as(p, relative, DB_OWN);
	snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_elsewhere(p->path, DB_OWN, text), RC_REFUSED);
		assert_non_null(strstr(text, pid));
		assert_int_equal(open_elsewhere(absolute, DB_OWN, text), RC_REFUSED);
		assert_int_equal(open_elsewhere(relative, DB_OWN, text), RC_REFUSED);
		assert_int_equal(open_elsewhere(relative, DB_SHARE, text), RC_OK);
		db_note_mark(db, 17);
		db_close(db);
		db = open_as(p, p->path, DB_OWN);
		assert_int_equal(db_mark(db), 17);
	}
	db_close(db);
	assert_int_equal(unlink(absolute), 0);
	assert_int_equal(unlink(relative), 0);
}

static void others_may_share_what_one_owns(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);
	char text[LIMIT_ERROR_BYTES];

	assert_int_equal(open_elsewhere(p->path, DB_SHARE, text), RC_OK);
	struct db *beside_it = open_as(p, p->path, DB_SHARE);
	add_one(p, beside_it, "one");
	assert_int_equal(lists(db), 1);
	db_close(beside_it);
	assert_int_equal(open_elsewhere(p->path, DB_OWN, text),
			 RC_REFUSED); /* sharing frees no lock */
	db_close(db);
}

static void the_lock_of_a_dead_owner_holds_nobody(void **state)
{
	struct place *p = *state;
	char name[160];

	beside(p, ".lock", name);
	put(name, "1\nand more than a pid ever was\n");
	struct db *db = open_as(p, p->path, DB_OWN);
	FILE *file = fopen(name, "r");
	char line[64] = "", expected[32];
	assert_non_null(file);
	assert_int_not_equal(fread(line, 1, sizeof(line) - 1, file), 0);
	fclose(file);
	snprintf(expected, sizeof(expected), "%d\n%020d\n", (int)getpid(), 0);
	assert_string_equal(line, expected);
	db_close(db);
}

static void the_mark_stays_beside_the_state(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	assert_int_equal(db_mark(db), 0);
	db_note_mark(db, 17);
	struct db *beside_it = open_as(p, p->path, DB_SHARE);
	assert_int_equal(db_mark(beside_it), 17);
	db_close(beside_it);
	db_close(db);
	db = open_as(p, p->path, DB_OWN);
	assert_int_equal(db_mark(db), 17);
	db_close(db);
}

static void a_copy_is_the_whole_and_changes_nothing(void **state)
{
	struct place *p = *state;
	struct db *copy, *db = open_as(p, p->path, DB_OWN);
	struct err err;

	db_run(db, "INSERT INTO meta (key, value) VALUES ('of', 'both')", "");
	db_note_mark(db, 5);
	assert_int_equal(db_copy(db, &copy, &err), RC_OK);
	assert_int_equal(db_mark(copy), 5);
	assert_true(db_exists(copy, "SELECT 1 FROM meta WHERE key = 'of'", ""));
	db_begin(copy, "test");
	db_run(copy, "DELETE FROM meta WHERE key = 'of'", "");
	assert_int_equal(db_commit(copy, &err), RC_OK);
	db_note_mark(copy, 6);
	assert_true(db_exists(db, "SELECT 1 FROM meta WHERE key = 'of'", ""));
	assert_int_equal(db_mark(db), 5);
	db_close(copy);
	db_close(db);
}

static void damage_is_found(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);
	char number[16];
	struct str faults;

	for (int i = 0; i < 500; i++) {
		snprintf(number, sizeof(number), "%d", i);
		add_one(p, db, number);
	}
	str_init(&faults, 4096);
	assert_int_equal(db_check(db, &faults, &p->err), RC_OK);
	assert_string_equal(str_text(&faults), "");
	db_close(db);
	FILE *file = fopen(p->path, "r+");
	assert_non_null(file);
	/* Where each of the last pages, whatever they hold, says that a row is. */
	for (int page = 1; page <= 8; page++) {
		assert_int_equal(fseek(file, -4096 * page + 8, SEEK_END), 0);
		assert_int_equal(fwrite("\xff\xff", 2, 1, file), 1);
	}
	assert_int_equal(fclose(file), 0);
	db = open_as(p, p->path, DB_SHARE);
	/* By what lies on that page the check ends, or says what it found. */
	assert_true(db_check(db, &faults, &p->err) == RC_BROKEN || faults.len > 0);
	str_release(&faults);
	db_close(db);
}

/* ---- transactions --------------------------------------------------------- */

static void what_is_rolled_back_never_was(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	assert_false(db_in_transaction(db));
	db_begin(db, "test");
	assert_true(db_in_transaction(db));
	add_list(db, "one");
	assert_int_equal(lists(db), 1);
	db_rollback(db);
	assert_false(db_in_transaction(db));
	assert_int_equal(lists(db), 0);
	db_rollback(db); /* of nothing */
	assert_int_equal(db_failed(db, NULL), RC_OK);
	db_close(db);
}

static void others_see_nothing_before_the_commit(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN), *other = open_as(p, p->path, DB_SHARE);

	db_begin(db, "test");
	add_list(db, "one");
	assert_int_equal(lists(other), 0);
	commit(p, db);
	assert_int_equal(lists(other), 1);
	db_begin(db, "test");
	add_list(db, "two");
	db_close(db); /* the process ends here */
	assert_int_equal(lists(other), 1);
	db_close(other);
}

static void the_first_failure_sticks(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	db_begin(db, "test");
	add_list(db, "one");
	add_list(db, "one"); /* not twice */
	assert_int_equal(db_failed(db, &p->err), RC_BROKEN);
	assert_non_null(strstr(p->err.text, "UNIQUE"));
	/* From here on nothing is done and nothing is answered. */
	add_list(db, "two");
	assert_int_equal(lists(db), -1);
	assert_false(db_exists(db, "SELECT 1", ""));
	struct query *q = db_select(db, "SELECT target FROM list", "");
	assert_false(query_next(q));
	db_run(db, "no SQL at all", "");
	assert_int_equal(db_commit(db, &p->err), RC_BROKEN);
	assert_non_null(strstr(p->err.text, "UNIQUE")); /* the first reason, not the last */
	assert_false(db_in_transaction(db));
	assert_int_equal(db_failed(db, NULL), RC_OK);
	assert_int_equal(lists(db), 0);
	db_close(db);
}

static void failures_outside_a_transaction_show(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	assert_int_equal(db_integer(db, 7, "SELECT x FROM nowhere", ""), 7);
	assert_int_equal(db_failed(db, &p->err), RC_BROKEN);
	assert_non_null(strstr(p->err.text, "nowhere"));
	db_rollback(db);
	assert_int_equal(db_failed(db, NULL), RC_OK);
	assert_int_equal(lists(db), 0);
	db_close(db);
}

static void what_a_schema_forbids_fails(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);

	db_begin(db, "test");
	db_run(db, "INSERT INTO trail (issuance, at_ms, state) VALUES (4711, 1, 'x')",
	       ""); /* of no issuance */
	assert_int_equal(db_commit(db, &p->err), RC_BROKEN);
	db_begin(db, "test");
	add_list(db, NULL); /* NOT NULL */
	assert_int_equal(db_commit(db, NULL), RC_BROKEN);
	db_close(db);
}

/* ---- the hook ------------------------------------------------------------- */

struct hook {
	char seen[128];
	bool answer_before, answer_after;
};

static bool on_commit(void *ctx, const char *tag, bool after)
{
	struct hook *h = ctx;
	size_t len = strlen(h->seen);

	snprintf(h->seen + len, sizeof(h->seen) - len, "%s %s;", after ? "after" : "before", tag);
	return after ? h->answer_after : h->answer_before;
}

static void the_hook_sees_every_commit(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);
	struct hook h = { "", true, true };

	db_hook(db, on_commit, &h);
	db_begin(db, "poll-page");
	commit(p, db);
	db_begin(db, "decide");
	db_rollback(db);
	db_begin(db, "decide");
	commit(p, db);
	assert_string_equal(h.seen, "before poll-page;after poll-page;before decide;after decide;");
	db_close(db);
}

static void ended_before_the_commit_nothing_was_written(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);
	struct hook h = { "", false, true };

	db_hook(db, on_commit, &h);
	db_begin(db, "decide");
	add_list(db, "one");
	assert_int_equal(db_commit(db, &p->err), RC_BROKEN);
	assert_non_null(strstr(p->err.text, "before the commit of 'decide'"));
	assert_string_equal(h.seen, "before decide;");
	assert_int_equal(lists(db), 0);
	db_close(db);
}

/* What is left for later is one commit with what joins it, or one before whatever else begins. */
static void a_commit_that_is_left_for_later(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN), *other = open_as(p, p->path, DB_SHARE);
	struct hook h = { "", true, true };

	db_hook(db, on_commit, &h);
	db_begin(db, "decide");
	add_list(db, "one");
	assert_int_equal(db_commit_later(db, &p->err), RC_OK);
	assert_true(db_owes(db));
	assert_int_equal(lists(other), 0);
	db_join(db, "about-to");
	assert_false(db_owes(db));
	add_list(db, "two");
	commit(p, db);
	assert_int_equal(lists(other), 2);
	assert_string_equal(h.seen, "before about-to;after about-to;");
	h.seen[0] = '\0';
	db_begin(db, "decide");
	add_list(db, "three");
	assert_int_equal(db_commit_later(db, &p->err), RC_OK);
	db_begin(db, "hear");
	assert_int_equal(lists(other), 3);
	add_list(db, "four");
	assert_int_equal(db_commit_later(db, &p->err), RC_OK);
	assert_int_equal(db_settle(db, &p->err), RC_OK);
	assert_int_equal(db_settle(db, &p->err), RC_OK); /* of nothing */
	assert_int_equal(lists(other), 4);
	assert_string_equal(h.seen, "before decide;after decide;before hear;after hear;");
	h.answer_before = false;
	db_begin(db, "decide");
	add_list(db, "five");
	assert_int_equal(db_commit_later(db, &p->err), RC_OK);
	db_begin(db, "hear"); /* fails with what was owed */
	assert_int_equal(db_commit(db, &p->err), RC_BROKEN);
	assert_non_null(strstr(p->err.text, "'decide'"));
	assert_int_equal(lists(other), 4);
	db_begin(db, "decide");
	db_run(db, "no such words", "");
	assert_int_equal(db_commit_later(db, &p->err), RC_BROKEN);
	assert_false(db_owes(db));
	db_close(other);
	db_close(db);
}

static void ended_after_the_commit_it_was(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, p->path, DB_OWN);
	struct hook h = { "", true, false };

	db_hook(db, on_commit, &h);
	db_begin(db, "decide");
	add_list(db, "one");
	assert_int_equal(db_commit(db, &p->err), RC_BROKEN);
	assert_non_null(strstr(p->err.text, "after the commit of 'decide'"));
	db_close(db);
	db = open_as(p, p->path, DB_OWN);
	assert_int_equal(lists(db), 1);
	db_close(db);
}

/* ---- asking --------------------------------------------------------------- */

static void values_come_back_as_they_went_in(void **state)
{
	static const char bytes[] = "Za\xc5\xbc'; DROP TABLE list; --\0\n";
	struct place *p = *state;
	struct db *db = open_as(p, ":memory:", DB_OWN);
	struct slice text = { bytes, sizeof(bytes) - 1 };
	struct query *q = db_select(db, "SELECT ?1, ?2, ?3, ?4, ?5, ?6", "sititi", text, INT64_MIN,
				    NULL, INT64_MAX, "", INT64_C(0));

	assert_true(query_next(q));
	assert_true(slice_eq(query_slice(q, 0), text));
	assert_int_equal(query_integer(q, 1), INT64_MIN);
	assert_true(query_null(q, 2));
	assert_int_equal(query_slice(q, 2).len, 0);
	assert_int_equal(query_integer(q, 2), 0);
	assert_int_equal(query_integer(q, 3), INT64_MAX);
	assert_false(query_null(q, 4));
	assert_int_equal(query_slice(q, 4).len, 0);
	assert_false(query_null(q, 5));
	assert_false(query_next(q));
	assert_false(db_exists(db, "SELECT 1 WHERE ?1 IS NULL", "s",
			       (struct slice){ 0 })); /* empty, not NULL */
	db_close(db);
}

static void the_same_question_within_itself(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, ":memory:", DB_OWN);
	static const char sql[] = "SELECT target FROM list WHERE target >= ?1 ORDER BY target";
	int rows = 0;

	add_one(p, db, "a");
	add_one(p, db, "b");
	add_one(p, db, "c");
	for (struct query *q = db_select(db, sql, "t", "a"); query_next(q);) {
		for (struct query *in = db_select(db, sql, "t", "b"); query_next(in);)
			rows++;
		rows += 10;
	}
	assert_int_equal(rows, 36);
	/* Left early: the next one begins at the first row, with its own parameter. */
	struct query *q = db_select(db, sql, "t", "a");
	assert_true(query_next(q));
	query_end(q);
	q = db_select(db, sql, "t", "c");
	assert_true(query_next(q));
	assert_true(slice_is(query_slice(q, 0), "c"));
	assert_false(query_next(q));
	db_close(db);
}

static void counts_and_ids(void **state)
{
	struct place *p = *state;
	struct db *db = open_as(p, ":memory:", DB_OWN);

	db_begin(db, "test");
	db_run(db, "INSERT INTO news (id, account, contact, modified_ms) VALUES (41, 'a', '1', 0)",
	       "");
	db_run(db, "INSERT INTO news (account, contact, modified_ms) VALUES ('a', '2', 0)", "");
	assert_int_equal(db_last_id(db), 42);
	db_run(db, "UPDATE news SET seq = 1 WHERE account = ?1", "t", "a");
	assert_int_equal(db_changed(db), 2);
	db_run(db, "UPDATE news SET seq = 1 WHERE account = ?1", "t", "b");
	assert_int_equal(db_changed(db), 0);
	assert_int_equal(db_integer(db, -1, "SELECT max(seq) FROM news WHERE account = 'b'", ""),
			 -1);
	assert_int_equal(db_integer(db, -1, "SELECT seq FROM news WHERE account = 'b'", ""), -1);
	assert_true(db_exists(db, "SELECT 1 FROM news WHERE contact = ?1", "t", "2"));
	assert_false(db_exists(db, "SELECT 1 FROM news WHERE contact = ?1", "t", "3"));
	commit(p, db);
	db_close(db);
}

#define placed(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		placed(what_was_committed_is_there_the_next_time),
		placed(nobody_else_may_read_it),
		placed(forms_of_a_url),
		placed(states_in_memory_are_apart),
		placed(sharing_needs_a_state),
		placed(what_is_no_database_stays_as_it_is),
		placed(places_that_cannot_be_opened),
		placed(room_is_tried),
		placed(a_newer_state_is_refused),
		placed(a_second_owner_is_refused_and_told_by_whom),
		placed(a_second_one_in_the_same_process_too),
		placed(a_link_to_a_state_is_no_other_state),
		placed(others_may_share_what_one_owns),
		placed(the_lock_of_a_dead_owner_holds_nobody),
		placed(the_mark_stays_beside_the_state),
		placed(a_copy_is_the_whole_and_changes_nothing),
		placed(damage_is_found),
		placed(what_is_rolled_back_never_was),
		placed(others_see_nothing_before_the_commit),
		placed(the_first_failure_sticks),
		placed(failures_outside_a_transaction_show),
		placed(what_a_schema_forbids_fails),
		placed(the_hook_sees_every_commit),
		placed(ended_before_the_commit_nothing_was_written),
		placed(a_commit_that_is_left_for_later),
		placed(ended_after_the_commit_it_was),
		placed(values_come_back_as_they_went_in),
		placed(the_same_question_within_itself),
		placed(counts_and_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

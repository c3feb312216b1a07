/*
 * sqlite - the one door to SQLite, and the lock that keeps a second daemon out.
 *
 * WAL with synchronous=FULL: NORMAL may forget the last commits after power
 * loss, and a forgotten "sent" is a second mail (facts/reliability.md). The
 * lock is an flock on a file beside the state, which dies with its process;
 * the file holds the owner's pid for the message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "engine/store/db.h"

#define BUSY_MS 10000

struct handle {
	sqlite3 *sqlite;
	int lock; /* file descriptor, -1 where we do not own the state */
};

static enum rc broken(sqlite3 *sqlite, struct err *err)
{
	return err_set(err, RC_BROKEN, "%s", sqlite3_errmsg(sqlite));
}

/*
 * The whole file, as fcntl sees it: beside the flock that keeps a second daemon out, so that a
 * command can ask who has it without taking it.
 */
static struct flock whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static int sqlite_owner(const char *place)
{
	char name[4096];
	struct flock lock = whole_file();

	snprintf(name, sizeof(name), "%s.lock", place);
	int fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	bool owned = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return owned ? lock.l_pid : 0;
}

static enum rc lock_state(const char *path, int *out, struct err *err)
{
	char name[4096], pid[32] = "";

	snprintf(name, sizeof(name), "%s.lock", path);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, RC_BROKEN, "cannot open '%s': %s", name, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ssize_t got = read(fd, pid, sizeof(pid) - 1);
		pid[got > 0 ? got : 0] = '\0';
		close(fd);
		return err_set(err, RC_REFUSED, "another hs2cert (pid %d) is using '%s'", atoi(pid),
			       path);
	}
	struct flock lock = whole_file();
	(void)fcntl(fd, F_SETLK,
		    &lock); /* where it fails, nobody can nudge us: no more than that */
	int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || write(fd, pid, (size_t)len) != len) {
		close(fd);
		return err_set(err, RC_BROKEN, "cannot write '%s': %s", name, strerror(errno));
	}
	*out = fd;
	return RC_OK;
}

static enum rc sqlite_exec(void *handle, const char *sql, struct err *err)
{
	struct handle *h = handle;

	return sqlite3_exec(h->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? RC_OK
									   : broken(h->sqlite, err);
}

static void sqlite_close_(void *handle)
{
	struct handle *h = handle;

	sqlite3_close(h->sqlite);
	if (h->lock >= 0)
		close(h->lock);
	mem_free(h);
}

static bool sqlite_is_empty(void *handle)
{
	struct handle *h = handle;
	sqlite3_stmt *s = NULL;
	bool any = sqlite3_prepare_v2(h->sqlite, "SELECT 1 FROM sqlite_master", -1, &s, NULL) !=
			   SQLITE_OK ||
		   sqlite3_step(s) == SQLITE_ROW;

	sqlite3_finalize(s);
	return !any;
}

static enum rc open_file(struct handle *h, const char *path, enum db_mode mode, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | (mode == DB_OWN ? SQLITE_OPEN_CREATE : 0);
	/* State holds names and addresses: nobody else's to read. */
	mode_t before = umask(0077);
	int rc = sqlite3_open_v2(path, &h->sqlite, flags, NULL);
	const char *pragmas =
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON";

	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(h->sqlite, BUSY_MS);
		rc = sqlite3_exec(h->sqlite, pragmas, NULL, NULL, NULL);
	}
	umask(before);
	if (rc == SQLITE_OK)
		return RC_OK;
	(void)broken(h->sqlite, err);
	err_prefix(err, "cannot open state '%s'", path);
	return RC_BROKEN;
}

static enum rc sqlite_open_(const char *place, enum db_mode mode, void **out, struct err *err)
{
	struct handle *h = mem_alloc(sizeof(*h));
	enum rc rc = RC_OK;

	h->lock = -1;
	if (mode == DB_OWN && strcmp(place, ":memory:") != 0)
		rc = lock_state(place, &h->lock, err);
	if (rc == RC_OK)
		rc = open_file(h, place, mode, err);
	if (rc != RC_OK) {
		sqlite_close_(h);
		return rc;
	}
	*out = h;
	return RC_OK;
}

static enum rc sqlite_prepare_(void *handle, const char *sql, void **out, struct err *err)
{
	struct handle *h = handle;
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v3(h->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
	    SQLITE_OK)
		return broken(h->sqlite, err);
	*out = statement;
	return RC_OK;
}

static void sqlite_finalize_(void *statement)
{
	sqlite3_finalize(statement);
}

static void sqlite_reset_(void *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

static void sqlite_bind_text_(void *statement, int i, struct slice text)
{
	sqlite3_bind_text(statement, i, text.ptr ? text.ptr : "", (int)text.len, SQLITE_TRANSIENT);
}

static void sqlite_bind_integer(void *statement, int i, int64_t n)
{
	sqlite3_bind_int64(statement, i, n);
}

static void sqlite_bind_null_(void *statement, int i)
{
	sqlite3_bind_null(statement, i);
}

static enum rc sqlite_step_(void *handle, void *statement, bool *row, struct err *err)
{
	struct handle *h = handle;
	int rc = sqlite3_step(statement);

	*row = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? RC_OK : broken(h->sqlite, err);
}

static int64_t sqlite_integer(void *statement, int column)
{
	return sqlite3_column_int64(statement, column);
}

static struct slice sqlite_text(void *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return (struct slice){ text, (size_t)sqlite3_column_bytes(statement, column) };
}

static bool sqlite_is_null(void *statement, int column)
{
	return sqlite3_column_type(statement, column) == SQLITE_NULL;
}

static int64_t sqlite_changed(void *handle)
{
	return sqlite3_changes64(((struct handle *)handle)->sqlite);
}

static int64_t sqlite_last_id(void *handle)
{
	return sqlite3_last_insert_rowid(((struct handle *)handle)->sqlite);
}

const struct db_driver sqlite_driver = {
	.scheme = "sqlite",
	.open = sqlite_open_,
	.close = sqlite_close_,
	.owner = sqlite_owner,
	.is_empty = sqlite_is_empty,
	.exec = sqlite_exec,
	.prepare = sqlite_prepare_,
	.finalize = sqlite_finalize_,
	.reset = sqlite_reset_,
	.bind_text = sqlite_bind_text_,
	.bind_integer = sqlite_bind_integer,
	.bind_null = sqlite_bind_null_,
	.step = sqlite_step_,
	.integer = sqlite_integer,
	.text = sqlite_text,
	.is_null = sqlite_is_null,
	.changed = sqlite_changed,
	.last_id = sqlite_last_id,
};

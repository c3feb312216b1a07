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
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "engine/store/db.h"

#define BUSY_MS 10000
#define FAULTS "5" /* of a damaged file: more say no more */
#define PLACE_BYTES 4096
#define LINKS_MOST 40 /* as the kernel follows */

struct handle {
	sqlite3 *sqlite;
	int lock; /* file descriptor, -1 where we do not own the state */
	int64_t mark;
};

/* The folder in which it is: all of `path` up to its name. */
static int folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

/*
 * The file that links lead to, which need not be there yet: what is kept beside a state, its lock first, is beside
 * that, or by two names it would have two owners.
 */
static void follow_links(const char *place, char out[PLACE_BYTES])
{
	char link[PLACE_BYTES], next[2 * PLACE_BYTES];
	ssize_t n;

	snprintf(out, PLACE_BYTES, "%s", place);
	for (int i = 0; i < LINKS_MOST && (n = readlink(out, link, sizeof(link) - 1)) > 0; i++) {
		link[n] = '\0';
		snprintf(next, sizeof(next), "%.*s%s", link[0] == '/' ? 0 : folder_len(out), out,
			 link);
		snprintf(out, PLACE_BYTES, "%.*s", PLACE_BYTES - 1, next);
	}
}

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

static int sqlite_owner(const char *url)
{
	char name[PLACE_BYTES + 8], place[PLACE_BYTES];
	struct flock lock = whole_file();

	follow_links(url, place);
	snprintf(name, sizeof(name), "%s.lock", place);
	int fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	bool owned = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return owned ? lock.l_pid : 0;
}

/*
 * The lock file: the owner's pid, and the mark, a line each. Not synced: after a power loss the mark
 * may be an older one, and that is as good as none.
 */
static bool write_lock(int fd, int64_t mark)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%d\n%020lld\n", (int)getpid(), (long long)mark);

	return pwrite(fd, text, (size_t)len, 0) == len && ftruncate(fd, len) == 0;
}

static void read_lock(int fd, int *pid, int64_t *mark)
{
	char text[64];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	const char *line = strchr(text, '\n');
	*pid = atoi(text);
	*mark = line ? strtoll(line + 1, NULL, 10) : 0;
}

static enum rc lock_state(const char *path, struct handle *h, struct err *err)
{
	char name[PLACE_BYTES + 8];
	int pid;

	snprintf(name, sizeof(name), "%s.lock", path);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, RC_BROKEN, "cannot open '%s': %s", name, strerror(errno));
	bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;
	read_lock(fd, &pid, &h->mark);
	if (free && write_lock(fd, h->mark)) {
		struct flock lock = whole_file();
		/* Where it fails, nobody can nudge us: no more than that. */
		(void)fcntl(fd, F_SETLK, &lock);
		h->lock = fd;
		return RC_OK;
	}
	close(fd);
	return free ? err_set(err, RC_BROKEN, "cannot write '%s': %s", name, strerror(errno))
		    : err_set(err, RC_REFUSED, "another hs2cert (pid %d) is using '%s'", pid, path);
}

/* Beside an owner: what its mark is now. */
static void look_at_lock(const char *path, struct handle *h)
{
	char name[PLACE_BYTES + 8];
	int pid;

	snprintf(name, sizeof(name), "%s.lock", path);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	read_lock(fd, &pid, &h->mark);
	close(fd);
}

static void sqlite_note_mark(void *handle, int64_t mark)
{
	struct handle *h = handle;

	h->mark = mark;
	if (h->lock >= 0)
		(void)write_lock(h->lock, mark); /* without it we only see less */
}

static int64_t sqlite_mark(void *handle)
{
	return ((struct handle *)handle)->mark;
}

static enum rc sqlite_exec(void *handle, const char *sql, struct err *err)
{
	struct handle *h = handle;

	return sqlite3_exec(h->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? RC_OK
									   : broken(h->sqlite, err);
}

static enum rc sqlite_begin(void *handle, int patience_ms, struct err *err)
{
	struct handle *h = handle;

	sqlite3_busy_timeout(h->sqlite, patience_ms);
	int rc = sqlite3_exec(h->sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	sqlite3_busy_timeout(h->sqlite, BUSY_MS);
	if (rc == SQLITE_OK)
		return RC_OK;
	(void)broken(h->sqlite, err);
	return rc == SQLITE_BUSY ? RC_AGAIN : RC_BROKEN;
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
	bool none = sqlite3_prepare_v2(h->sqlite, "SELECT 1 FROM sqlite_master", -1, &s, NULL) ==
			    SQLITE_OK &&
		    sqlite3_step(s) == SQLITE_DONE;

	sqlite3_finalize(s);
	return none;
}

static enum rc open_file(struct handle *h, const char *path, enum db_mode mode, struct err *err)
{
	/* A handle is used by one thread. */
	int flags = SQLITE_OPEN_NOMUTEX |
		    (mode == DB_READ  ? SQLITE_OPEN_READONLY
		     : mode == DB_OWN ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
				      : SQLITE_OPEN_READWRITE);
	/* State holds names and addresses: nobody else's to read. */
	mode_t before = umask(0077);
	int rc = sqlite3_open_v2(path, &h->sqlite, flags, NULL);
	const char *pragmas =
		mode == DB_READ
			? "PRAGMA query_only=ON"
			: "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON";

	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(h->sqlite, BUSY_MS);
		rc = sqlite3_exec(h->sqlite, pragmas, NULL, NULL, NULL);
	}
	umask(before);
	if (rc == SQLITE_OK)
		return RC_OK;
	if (mode == DB_SHARE && access(path, F_OK) != 0 && errno == ENOENT)
		return err_set(err, RC_BROKEN, "there is no state '%s' yet: 'hs2cert run' makes it",
			       path);
	/* Of a disk that is full SQLite itself says no more than that there was an error. */
	int why = sqlite3_system_errno(h->sqlite);
	if (rc == SQLITE_NOTADB)
		(void)err_set(
			err, RC_BROKEN,
			"%s: put a backup of it back; where it never held anything, since its first start was cut off, remove it",
			sqlite3_errmsg(h->sqlite));
	else if (why)
		(void)err_set(err, RC_BROKEN, "%s: %s", sqlite3_errmsg(h->sqlite), strerror(why));
	else
		(void)broken(h->sqlite, err);
	err_prefix(err, "cannot open state '%s'", path);
	return RC_BROKEN;
}

static void folder_of(const char *path, char out[PLACE_BYTES])
{
	int len = folder_len(path);

	snprintf(out, PLACE_BYTES, "%.*s", len ? len : 1, len ? path : ".");
}

/* What of the state and its folder this user may not write, in `what`. False: nothing, or that is not why. */
static bool is_barred(const char *path, char what[PLACE_BYTES])
{
	snprintf(what, PLACE_BYTES, "%s", path);
	if (access(path, R_OK | W_OK) == 0 || errno == ENOENT) {
		folder_of(path, what);
		if (access(what, W_OK | X_OK) == 0)
			return false;
	}
	return errno == EACCES || errno == EROFS || errno == EPERM;
}

/* Not damage, whatever SQLite makes of it: it writes beside a state to read it, too. */
static enum rc barred(const char *path, const char *what, struct err *err)
{
	const char *why = strerror(errno);
	char folder[PLACE_BYTES];
	struct stat st;

	/* In a folder that is not for this user, nothing can be asked of the file. */
	folder_of(path, folder);
	bool known = stat(what, &st) == 0 || stat(folder, &st) == 0;
	const struct passwd *user = known ? getpwuid(st.st_uid) : NULL;

	return err_set(
		err, RC_BROKEN,
		"cannot open state '%s': '%s' cannot be written (%s), and each command must be able to write the state and its folder%s%s%s",
		path, what, why, user ? ": run it as their owner, '" : "",
		user ? user->pw_name : "", user ? "'" : "");
}

static enum rc sqlite_open_(const char *url, enum db_mode mode, void **out, struct err *err)
{
	char what[PLACE_BYTES], place[PLACE_BYTES];

	follow_links(url, place);
	struct handle *h = mem_alloc(sizeof(*h));
	enum rc rc = RC_OK;

	h->lock = -1;
	if (mode == DB_OWN && strcmp(place, ":memory:") != 0)
		rc = lock_state(place, h, err);
	/* Not for DB_READ: to close the lock file would let go of the lock that this process has on it. */
	if (mode == DB_SHARE)
		look_at_lock(place, h);
	if (rc == RC_OK)
		rc = open_file(h, place, mode, err);
	if (rc != RC_OK) {
		if (rc == RC_BROKEN && mode != DB_READ && is_barred(place, what))
			(void)barred(place, what, err);
		sqlite_close_(h);
		return rc;
	}
	*out = h;
	return RC_OK;
}

static enum rc sqlite_copy(void *handle, void **out, struct err *err)
{
	struct handle *from = handle, *to;

	*out = NULL;
	if (sqlite_open_(":memory:", DB_OWN, out, err) != RC_OK)
		return RC_BROKEN;
	to = *out;
	sqlite3_backup *backup = sqlite3_backup_init(to->sqlite, "main", from->sqlite, "main");
	/* One step: a page that is written meanwhile cannot make it begin anew. */
	bool whole = backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
	to->mark = from->mark;
	if (sqlite3_backup_finish(backup) == SQLITE_OK && whole)
		return RC_OK;
	(void)broken(to->sqlite, err);
	err_prefix(err, "cannot copy the state");
	sqlite_close_(to);
	*out = NULL;
	return RC_BROKEN;
}

static int64_t free_bytes(const char *place)
{
	struct statvfs disk;

	return statvfs(place, &disk) == 0 ? (int64_t)disk.f_bavail * (int64_t)disk.f_frsize : -1;
}

/* Size of one of the files, 0 where it is not there. */
static int64_t look_at(const char *place, const char *suffix, struct db_files *out)
{
	char name[PLACE_BYTES + 8];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", place, suffix);
	if (stat(name, &st) != 0)
		return 0;
	out->others |= (st.st_mode & 077) != 0;
	return (int64_t)st.st_size;
}

static void sqlite_look(const char *url, struct db_files *out)
{
	char what[PLACE_BYTES], place[PLACE_BYTES];

	follow_links(url, place);
	out->exists = access(place, F_OK) == 0 || errno != ENOENT;
	out->barred = is_barred(place, what);
	out->bytes = look_at(place, "", out);
	out->log_bytes = look_at(place, "-wal", out);
	(void)look_at(place, "-shm", out);
	(void)look_at(place, ".lock", out);
	out->free_bytes = free_bytes(place);
}

/* False with errno. */
static bool fill(int fd, int64_t bytes)
{
	static const char nothing[1 << 16];

	while (bytes > 0) {
		ssize_t n = write(fd, nothing,
				  bytes < (int64_t)sizeof(nothing) ? (size_t)bytes
								   : sizeof(nothing));
		if (n < 0)
			return false;
		bytes -= n;
	}
	return fsync(fd) == 0;
}

/* Written, not asked for: quotas and limits count as well, and what fails to be written at all. */
static enum rc sqlite_room(const char *url, int64_t bytes, struct err *err)
{
	char name[PLACE_BYTES + 8], place[PLACE_BYTES];

	follow_links(url, place);
	if (strcmp(place, ":memory:") == 0)
		return RC_OK;
	if (access(place, F_OK) != 0)
		return err_set(err, RC_BROKEN, "'%s': %s", place, strerror(errno));
	snprintf(name, sizeof(name), "%s.room", place);
	(void)unlink(name); /* what a process that was killed amid it left */
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, RC_BROKEN, "cannot write beside '%s': %s", place,
			       strerror(errno));
	enum rc rc = fill(fd, bytes) ? RC_OK
				     : err_set(err, RC_BROKEN, "cannot write beside '%s': %s",
					       place, strerror(errno));
	close(fd);
	(void)unlink(name);
	return rc;
}

/* What the pragma finds wrong, "; " between; nothing where all is well. */
static enum rc check_by(struct handle *h, const char *pragma, struct str *out, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(h->sqlite, pragma, -1, &s, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(s);
		const char *line = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0)
						    : NULL;
		if (line && strcmp(line, "ok") != 0)
			str_addf(out, "%s%s", out->len ? "; " : "", line);
	}
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? RC_OK : broken(h->sqlite, err);
}

/*
 * quick_check of SQLite 3.40 takes the columns of a table WITHOUT ROWID in the order of its key,
 * and finds NULL in a sound `recall`: only what the slow check finds, too, is damage.
 */
static enum rc sqlite_check(void *handle, struct str *out, struct err *err)
{
	struct handle *h = handle;
	enum rc rc = check_by(h, "PRAGMA quick_check(" FAULTS ")", out, err);

	if (rc != RC_OK || !out->len)
		return rc;
	str_clear(out);
	return check_by(h, "PRAGMA integrity_check(" FAULTS ")", out, err);
}

/* The log is folded in and cut, too: it holds pages as they were. */
static enum rc sqlite_scrub(void *handle, struct err *err)
{
	struct handle *h = handle;
	int left = 0;

	if (sqlite3_exec(h->sqlite, "PRAGMA secure_delete=ON; VACUUM", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return broken(h->sqlite, err);
	int rc = sqlite3_wal_checkpoint_v2(h->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left,
					   NULL);
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return err_set(err, RC_AGAIN, "somebody reads it all the time");
	return rc == SQLITE_OK ? RC_OK : broken(h->sqlite, err);
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

static enum rc sqlite_bind_text_(void *handle, void *statement, int i, struct slice text, bool lent,
				 struct err *err)
{
	struct handle *h = handle;
	int rc = sqlite3_bind_text(statement, i, text.ptr ? text.ptr : "", (int)text.len,
				   lent ? SQLITE_STATIC : SQLITE_TRANSIENT);

	return rc == SQLITE_OK ? RC_OK : broken(h->sqlite, err);
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

/* No text is SQL's NULL, or no room to end it with a zero: https://sqlite.org/c3ref/column_blob.html. */
static enum rc sqlite_text(void *handle, void *statement, int column, struct slice *out,
			   struct err *err)
{
	struct handle *h = handle;
	const char *text = (const char *)sqlite3_column_text(statement, column);

	*out = (struct slice){ text, text ? (size_t)sqlite3_column_bytes(statement, column) : 0 };
	return text || sqlite3_errcode(h->sqlite) != SQLITE_NOMEM ? RC_OK : broken(h->sqlite, err);
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
	.look = sqlite_look,
	.room = sqlite_room,
	.check = sqlite_check,
	.scrub = sqlite_scrub,
	.copy = sqlite_copy,
	.note_mark = sqlite_note_mark,
	.mark = sqlite_mark,
	.is_empty = sqlite_is_empty,
	.exec = sqlite_exec,
	.begin = sqlite_begin,
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

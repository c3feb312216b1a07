/*
 * db - one interface to SQL databases.
 *
 * What is stored and how it is asked lives above this line in portable SQL
 * (schema.sql, store.c and whoever owns a table); a database is a struct of
 * functions below it (sqlite.c; PostgreSQL is one more file and one more row in
 * db.c). Parameters are ?1, ?2, …; beyond standard SQL there are ON CONFLICT
 * and max(a, b), min(a, b) of two values.
 *
 * Errors are sticky: after the first failure of a transaction every call does
 * nothing and answers nothing, and db_commit reports it. So callers look once,
 * at the commit. Outside a transaction look at db_failed.
 */
#ifndef ENGINE_STORE_DB_H
#define ENGINE_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct db;
struct query;

enum db_mode {
	DB_OWN,	  /* the daemon: takes the lock, creates and migrates */
	DB_SHARE, /* beside a daemon: reads, and writes in short transactions; must exist */
	DB_READ,  /* a second view of what this very process owns: reads alone, has no mark */
};

/*
 * `url`: a path or sqlite:PATH. RC_REFUSED where another daemon owns it (the
 * text names its pid), RC_INVALID for a URL that is not understood and for a
 * state that is whole but not for us (another version's, no state, somebody
 * else's: the text says what to do), RC_BROKEN where it cannot be opened.
 */
enum rc db_open(const char *url, enum db_mode mode, struct db **out, struct err *err) MUST_CHECK;
void db_close(struct db *db); /* NULL does nothing */
/* The pid of the daemon that owns the state now; 0 where none does. */
int db_owner(const char *url);
/* What is known of a state from outside. */
struct db_files {
	bool exists;
	bool barred;	    /* this user may not write it, or not in its folder */
	bool others;	    /* others than its owner may read or write one of its files */
	int64_t bytes;	    /* of the state */
	int64_t log_bytes;  /* of what was written and is not folded into it yet */
	int64_t free_bytes; /* for it to grow into; below 0: not known */
};
/* RC_INVALID for a URL that is not understood. */
enum rc db_look(const char *url, struct db_files *out, struct err *err) MUST_CHECK;
/*
 * Whether its disk takes so many bytes more, now: they are written beside the state, synced and
 * removed. RC_BROKEN with the system's reason where it does not, or where there is no state.
 */
enum rc db_room(const char *url, int64_t bytes, struct err *err) MUST_CHECK;
/*
 * Reads all of it. Its first faults go to `out`, a line; nothing where it is whole. RC_BROKEN where
 * not even that can be told. Not within a transaction.
 */
enum rc db_check(struct db *db, struct str *out, struct err *err) MUST_CHECK;
/*
 * What was deleted or overwritten leaves no trace in the state's files: they are written anew, which
 * takes as much room again, and others wait meanwhile. Not within a transaction. RC_AGAIN where
 * somebody else reads all the time, RC_BROKEN where it fails: then traces may be left.
 */
enum rc db_scrub(struct db *db, struct err *err) MUST_CHECK;
/*
 * The whole state as it is now, in memory: for what is to change nothing. Not within a
 * transaction. RC_BROKEN where it cannot be read.
 */
enum rc db_copy(struct db *db, struct db **out, struct err *err) MUST_CHECK;

/*
 * A mark beside the state, not in it: a copy of the state that is put back is older than its mark.
 * Kept through kill -9; after a power loss it may be gone (0) or an earlier one, never a later one
 * than was noted here. A copy (db_copy) has the mark of what it was copied from, in memory only.
 */
void db_note_mark(struct db *db, int64_t mark);
int64_t db_mark(const struct db *db);

/*
 * Transactions do not nest. `tag` names the durable step ("poll-page",
 * "decide", …) for the test hook below. A commit that fails has changed
 * nothing that we know of (RC_BROKEN). Where the disk is why, every later transaction of this
 * handle is refused, too: the state must be opened anew.
 */
void db_begin(struct db *db, const char *tag);
/*
 * The same for who cannot wait: where another process keeps writing for a fifth of a second it
 * answers false, and nothing was begun.
 */
bool db_begin_soon(struct db *db, const char *tag);
enum rc db_commit(struct db *db, struct err *err) MUST_CHECK;
void db_rollback(struct db *db);
/*
 * The transaction is whole, and its commit left to the next one that is begun by db_join, which it becomes part of:
 * one commit for both. Any other db_begin commits it before. RC_BROKEN: it failed already, as db_commit.
 */
enum rc db_commit_later(struct db *db, struct err *err) MUST_CHECK;
void db_join(struct db *db, const char *tag);
/* Commits what was left for later; where nothing was, the answer is db_failed's. */
enum rc db_settle(struct db *db, struct err *err) MUST_CHECK;
/* A commit was left for later. */
bool db_owes(const struct db *db);
bool db_in_transaction(const struct db *db);
/* RC_OK, or the first failure since the last rollback. */
enum rc db_failed(const struct db *db, struct err *err);

/*
 * What was read cannot be what was written (a damaged file, a foreign hand): from here on as after
 * a statement that failed.
 */
void db_damaged(struct db *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Called right before and right after each commit. Where it answers false the
 * commit fails: before, nothing was written; after, it was, and nobody learns of
 * it. For tests that end the process at every durable step.
 */
typedef bool db_commit_hook(void *ctx, const char *tag, bool after);
void db_hook(struct db *db, db_commit_hook *hook, void *ctx);

/*
 * Binds by `types`, one letter a parameter: t const char * (NULL is SQL NULL),
 * s struct slice, i int64_t. `sql` must be a string constant: its address is
 * the key of the statement cache. Texts need to last until the call returns.
 */
void db_run(struct db *db, const char *sql, const char *types, ...);
/* Rows changed by the last db_run. */
int64_t db_changed(const struct db *db);
int64_t db_last_id(const struct db *db);
/* One integer of one row; `otherwise` where there is no row or it is NULL. */
int64_t db_integer(struct db *db, int64_t otherwise, const char *sql, const char *types, ...);
bool db_exists(struct db *db, const char *sql, const char *types, ...);

/*
 * for (struct query *q = db_select(…); query_next(q);) { … }  — query_next ends it; query_end
 * leaves early.
 */
struct query *db_select(struct db *db, const char *sql, const char *types, ...);
bool query_next(struct query *q);
void query_end(struct query *q);
/* Each statement that was run so far, once; in no order. For tests that ask how it is carried out. */
void db_each_statement(const struct db *db, void (*each)(void *ctx, const char *sql), void *ctx);
int64_t query_integer(struct query *q, int column); /* from 0; NULL is 0 */
bool query_null(struct query *q, int column);
struct slice query_slice(struct query *q, int column); /* lent until the next query_next */

/* ---- below the line: what a database implements ------------------------ */

struct db_driver {
	const char *scheme; /* "sqlite" */
	enum rc (*open)(const char *place, enum db_mode mode, void **out, struct err *err);
	void (*close)(void *handle);
	int (*owner)(const char *place); /* pid of the daemon that has it; 0: none */
	void (*look)(const char *place, struct db_files *out);
	enum rc (*room)(const char *place, int64_t bytes, struct err *err);
	enum rc (*check)(void *handle, struct str *out, struct err *err);
	enum rc (*scrub)(void *handle, struct err *err);
	enum rc (*copy)(void *handle, void **out, struct err *err); /* in memory */
	void (*note_mark)(void *handle, int64_t mark);
	int64_t (*mark)(void *handle);
	bool (*is_empty)(void *handle); /* it holds no table of anybody */
	enum rc (*exec)(void *handle, const char *sql,
			struct err *err); /* may hold several statements */
	/* Begins a transaction that writes; RC_AGAIN where another process does for so long. */
	enum rc (*begin)(void *handle, int patience_ms, struct err *err);
	enum rc (*prepare)(void *handle, const char *sql, void **out, struct err *err);
	void (*finalize)(void *statement);
	void (*reset)(void *statement);
	/* `lent`: the text stays where it is until the statement is reset; else it is copied, for which there may be no room. */
	enum rc (*bind_text)(void *handle, void *statement, int i, struct slice text, bool lent,
			     struct err *err);
	void (*bind_integer)(void *statement, int i, int64_t n);
	void (*bind_null)(void *statement, int i);
	enum rc (*step)(void *handle, void *statement, bool *row, struct err *err);
	int64_t (*integer)(void *statement, int column);
	/* Nothing, and why, where there is no room for it. */
	enum rc (*text)(void *handle, void *statement, int column, struct slice *out,
			struct err *err);
	bool (*is_null)(void *statement, int column);
	int64_t (*changed)(void *handle);
	int64_t (*last_id)(void *handle);
};

extern const struct db_driver sqlite_driver;

#endif

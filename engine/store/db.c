#include "engine/store/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "schema_2_sql.h"
#include "schema_3_sql.h"
#include "schema_4_sql.h"
#include "schema_5_sql.h"
#include "schema_6_sql.h"
#include "schema_7_sql.h"
#include "schema_8_sql.h"
#include "schema_9_sql.h"
#include "schema_10_sql.h"
#include "schema_11_sql.h"
#include "schema_12_sql.h"
#include "schema_13_sql.h"
#include "schema_14_sql.h"
#include "schema_15_sql.h"
#include "schema_16_sql.h"
#include "schema_sql.h"

#define SCHEMA_VERSION 16
#define PATIENCE_MS 10000 /* how long another process may write while we wait */
#define SHORT_PATIENCE_MS 200
#define CACHE_SLOTS 512 /* power of two, well above the number of statements in the program */

struct query {
	struct db *db;
	const char *sql;
	void *statement;
	bool open;
};

struct db {
	const struct db_driver *driver;
	void *handle;
	struct query cache[CACHE_SLOTS];
	bool in_transaction;
	bool owes; /* … and it is whole: its commit was left for later */
	const char *tag;
	enum rc failed;
	struct err why;
	bool lost; /* a commit failed: nobody knows what the disk has of it */
	struct err lost_why;
	db_commit_hook *hook;
	void *hook_ctx;
};

static const struct db_driver *const drivers[] = { &sqlite_driver };

/* Splits "scheme:place"; a text without a known scheme is a SQLite path. */
static enum rc find_driver(const char *url, const struct db_driver **driver, const char **place,
			   struct err *err)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		size_t len = strlen(drivers[i]->scheme);
		if (strncmp(url, drivers[i]->scheme, len) == 0 && url[len] == ':') {
			*driver = drivers[i];
			*place = url + len + 1;
			return **place ? RC_OK
				       : err_set(err, RC_INVALID, "'%s' names no state", url);
		}
	}
	if (!url[0])
		return err_set(err, RC_INVALID, "the state has no name");
	if (strstr(url, "://"))
		return err_set(err, RC_INVALID, "state '%s' is neither a path nor sqlite:PATH",
			       url);
	*driver = &sqlite_driver;
	*place = url;
	return RC_OK;
}

static void fail(struct db *db, enum rc rc, const struct err *why)
{
	if (db->failed != RC_OK)
		return;
	db->failed = rc;
	db->why = *why;
}

static void control(struct db *db, const char *sql)
{
	struct err why;

	if (db->failed == RC_OK && db->driver->exec(db->handle, sql, &why) != RC_OK)
		fail(db, RC_BROKEN, &why);
}

/* The schema's version; 0 where there is no schema of ours. */
static int64_t schema_version(struct db *db)
{
	int64_t version = db_integer(
		db, 0, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema'", "");

	db->failed = RC_OK; /* no such table is an answer, too */
	return version;
}

static void note_version(struct db *db, int64_t version)
{
	db_run(db,
	       "INSERT INTO meta (key, value) VALUES ('schema', CAST(?1 AS TEXT))"
	       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	       "i", version);
}

static enum rc create_schema(struct db *db, struct err *err)
{
	db_begin(db, "schema");
	control(db, schema_sql);
	note_version(db, SCHEMA_VERSION);
	return db_commit(db, err);
}

/* Step n leads from version n + 1 to n + 2; each is one transaction. */
static const char *const upgrades[] = { schema_2_sql,  schema_3_sql,  schema_4_sql,  schema_5_sql,
					schema_6_sql,  schema_7_sql,  schema_8_sql,  schema_9_sql,
					schema_10_sql, schema_11_sql, schema_12_sql, schema_13_sql,
					schema_14_sql, schema_15_sql, schema_16_sql };
_Static_assert(sizeof(upgrades) / sizeof(upgrades[0]) == SCHEMA_VERSION - 1,
	       "a version lacks its step");

static enum rc upgrade(struct db *db, int64_t version, struct err *err)
{
	enum rc rc = RC_OK;

	for (; rc == RC_OK && version < SCHEMA_VERSION; version++) {
		db_begin(db, "schema");
		control(db, upgrades[version - 1]);
		note_version(db, version + 1);
		rc = db_commit(db, err);
	}
	return rc;
}

static enum rc migrate(struct db *db, enum db_mode mode, struct err *err)
{
	int64_t version = schema_version(db);

	if (version == SCHEMA_VERSION)
		return RC_OK;
	if (version > SCHEMA_VERSION)
		return err_set(
			err, RC_INVALID,
			"the state was written by a newer hs2cert (schema %lld, this one knows %d): run that one, or put a backup of before back",
			(long long)version, SCHEMA_VERSION);
	if (version <= 0 && !db->driver->is_empty(db->handle))
		return err_set(err, RC_INVALID, "the state is a database of something else");
	if (mode != DB_OWN)
		return err_set(
			err, RC_INVALID, "%s",
			version > 0
				? "the state was written by an older hs2cert: 'hs2cert run' upgrades it"
				: "there is no state there yet: 'hs2cert run' makes it");
	return version > 0 ? upgrade(db, version, err) : create_schema(db, err);
}

enum rc db_open(const char *url, enum db_mode mode, struct db **out, struct err *err)
{
	const struct db_driver *driver;
	const char *place = url;

	*out = NULL;
	enum rc rc = find_driver(url, &driver, &place, err);
	if (rc != RC_OK)
		return rc;
	struct db *db = mem_alloc(sizeof(*db));
	db->driver = driver;
	rc = driver->open(place, mode, &db->handle, err);
	if (rc == RC_OK)
		rc = migrate(db, mode, err);
	if (rc != RC_OK) {
		db_close(db);
		return rc;
	}
	*out = db;
	return RC_OK;
}

int db_owner(const char *url)
{
	const struct db_driver *driver;
	const char *place = url;
	struct err ignored;

	return find_driver(url, &driver, &place, &ignored) == RC_OK ? driver->owner(place) : 0;
}

enum rc db_look(const char *url, struct db_files *out, struct err *err)
{
	const struct db_driver *driver;
	const char *place = url;
	enum rc rc = find_driver(url, &driver, &place, err);

	*out = (struct db_files){ .free_bytes = -1 };
	if (rc == RC_OK)
		driver->look(place, out);
	return rc;
}

enum rc db_room(const char *url, int64_t bytes, struct err *err)
{
	const struct db_driver *driver;
	const char *place = url;
	enum rc rc = find_driver(url, &driver, &place, err);

	return rc == RC_OK ? driver->room(place, bytes, err) : rc;
}

enum rc db_check(struct db *db, struct str *out, struct err *err)
{
	return db->driver->check(db->handle, out, err);
}

enum rc db_scrub(struct db *db, struct err *err)
{
	return db->driver->scrub(db->handle, err);
}

enum rc db_copy(struct db *db, struct db **out, struct err *err)
{
	struct db *copy = mem_alloc(sizeof(*copy));

	*out = NULL;
	copy->driver = db->driver;
	enum rc rc = db->driver->copy(db->handle, &copy->handle, err);
	if (rc != RC_OK) {
		db_close(copy);
		return rc;
	}
	*out = copy;
	return RC_OK;
}

void db_note_mark(struct db *db, int64_t mark)
{
	db->driver->note_mark(db->handle, mark);
}

int64_t db_mark(const struct db *db)
{
	return db->driver->mark(db->handle);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if (db->cache[i].statement)
			db->driver->finalize(db->cache[i].statement);
	if (db->handle)
		db->driver->close(db->handle);
	mem_free(db);
}

static enum rc begin(struct db *db, const char *tag, int patience_ms)
{
	struct err why = db->lost_why;
	enum rc rc = db->lost ? RC_BROKEN : RC_OK;

	if (db->owes && rc == RC_OK)
		rc = db_settle(db, &why);
	if (rc == RC_OK && db->failed == RC_OK)
		rc = db->driver->begin(db->handle, patience_ms, &why);
	db->tag = tag;
	db->in_transaction = true;
	if (rc != RC_OK)
		fail(db, RC_BROKEN, &why);
	return rc;
}

void db_begin(struct db *db, const char *tag)
{
	(void)begin(db, tag, PATIENCE_MS);
}

bool db_begin_soon(struct db *db, const char *tag)
{
	if (begin(db, tag, SHORT_PATIENCE_MS) != RC_AGAIN)
		return true;
	db->in_transaction = false;
	db->failed = RC_OK;
	return false;
}

/*
 * After a write or sync that failed the kernel may have thrown the pages away and answer the next
 * sync with success. So nothing is committed through this handle any more: who opens the state anew
 * reads what is really there.
 */
static void commit(struct db *db)
{
	bool clean = db->failed == RC_OK;

	control(db, "COMMIT");
	if (!clean || db->failed == RC_OK)
		return;
	db->lost = true;
	(void)err_set(&db->lost_why, RC_BROKEN, "a commit failed before: %s", db->why.text);
}

static void ask_hook(struct db *db, bool after)
{
	struct err why;

	if (db->failed != RC_OK || !db->hook || db->hook(db->hook_ctx, db->tag, after))
		return;
	(void)err_set(&why, RC_BROKEN, "stopped %s the commit of '%s'", after ? "after" : "before",
		      db->tag);
	fail(db, RC_BROKEN, &why);
}

enum rc db_commit(struct db *db, struct err *err)
{
	ask_hook(db, false);
	commit(db);
	db->in_transaction = db->failed != RC_OK;
	ask_hook(db, true);
	if (db->failed == RC_OK)
		return RC_OK;
	if (err)
		*err = db->why;
	err_prefix(err, "state");
	db_rollback(db);
	return RC_BROKEN;
}

enum rc db_commit_later(struct db *db, struct err *err)
{
	if (db->failed != RC_OK)
		return db_commit(db, err);
	db->owes = true;
	return RC_OK;
}

void db_join(struct db *db, const char *tag)
{
	if (!db->owes) {
		db_begin(db, tag);
		return;
	}
	db->owes = false;
	db->tag = tag;
}

enum rc db_settle(struct db *db, struct err *err)
{
	if (!db->owes)
		return db_failed(db, err);
	db->owes = false;
	return db_commit(db, err);
}

bool db_owes(const struct db *db)
{
	return db->owes;
}

void db_rollback(struct db *db)
{
	struct err ignored;

	db->owes = false;
	/* It fails where the database has already rolled back by itself, which is what we want. */
	if (db->in_transaction)
		(void)db->driver->exec(db->handle, "ROLLBACK", &ignored);
	db->in_transaction = false;
	db->failed = RC_OK;
}

bool db_in_transaction(const struct db *db)
{
	return db->in_transaction;
}

enum rc db_failed(const struct db *db, struct err *err)
{
	if (db->failed != RC_OK && err)
		*err = db->why;
	return db->failed;
}

void db_damaged(struct db *db, const char *format, ...)
{
	struct err why;
	va_list args;

	va_start(args, format);
	vsnprintf(why.text, sizeof(why.text), format, args);
	va_end(args);
	fail(db, RC_BROKEN, &why);
}

void db_hook(struct db *db, db_commit_hook *hook, void *ctx)
{
	db->hook = hook;
	db->hook_ctx = ctx;
}

/* The cached statement of a constant SQL text, ready to bind; NULL after a failure. */
static struct query *cached(struct db *db, const char *sql)
{
	struct err why;
	size_t i = ((uintptr_t)sql >> 3) * 0x9e3779b1u & (CACHE_SLOTS - 1);

	if (db->failed != RC_OK)
		return NULL;
	while (db->cache[i].sql && (db->cache[i].sql != sql || db->cache[i].open))
		i = (i + 1) & (CACHE_SLOTS - 1);
	struct query *q = &db->cache[i];
	if (!q->sql) {
		enum rc rc = db->driver->prepare(db->handle, sql, &q->statement, &why);
		if (rc != RC_OK) {
			fail(db, rc, &why);
			return NULL;
		}
		q->db = db;
		q->sql = sql;
	}
	return q;
}

static void bind_text(struct query *q, int i, struct slice text, bool lent)
{
	struct err why;
	enum rc rc = q->db->driver->bind_text(q->db->handle, q->statement, i, text, lent, &why);

	if (rc != RC_OK)
		fail(q->db, rc, &why);
}

static void bind(struct query *q, bool lent, const char *types, va_list args)
{
	const struct db_driver *d = q->db->driver;

	for (int i = 1; *types; types++, i++) {
		if (*types == 'i') {
			d->bind_integer(q->statement, i, va_arg(args, int64_t));
		} else if (*types == 's') {
			bind_text(q, i, va_arg(args, struct slice), lent);
		} else {
			const char *text = va_arg(args, const char *);
			if (text)
				bind_text(q, i, slice_of(text), lent);
			else
				d->bind_null(q->statement, i);
		}
	}
	q->open = true;
}

/* `lent`: who calls lets the query end before the texts do. */
static struct query *select_v(struct db *db, const char *sql, bool lent, const char *types,
			      va_list args)
{
	struct query *q = cached(db, sql);

	if (!q)
		return NULL;
	bind(q, lent, types, args);
	if (db->failed == RC_OK)
		return q;
	query_end(q); /* without all that was bound it would ask for something else */
	return NULL;
}

void db_run(struct db *db, const char *sql, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	struct query *q = select_v(db, sql, true, types, args);
	va_end(args);
	while (query_next(q))
		;
}

int64_t db_changed(const struct db *db)
{
	return db->driver->changed(db->handle);
}

int64_t db_last_id(const struct db *db)
{
	return db->driver->last_id(db->handle);
}

int64_t db_integer(struct db *db, int64_t otherwise, const char *sql, const char *types, ...)
{
	int64_t n = otherwise;
	va_list args;

	va_start(args, types);
	struct query *q = select_v(db, sql, true, types, args);
	va_end(args);
	if (query_next(q)) {
		if (!query_null(q, 0))
			n = query_integer(q, 0);
		query_end(q);
	}
	return n;
}

bool db_exists(struct db *db, const char *sql, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	struct query *q = select_v(db, sql, true, types, args);
	va_end(args);
	bool row = query_next(q);
	if (row)
		query_end(q);
	return row;
}

struct query *db_select(struct db *db, const char *sql, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	struct query *q = select_v(db, sql, false, types, args);
	va_end(args);
	return q;
}

bool query_next(struct query *q)
{
	struct err why;
	bool row = false;

	if (!q)
		return false;
	enum rc rc = q->db->driver->step(q->db->handle, q->statement, &row, &why);
	if (rc != RC_OK)
		fail(q->db, rc, &why);
	if (!row)
		query_end(q);
	return row;
}

void query_end(struct query *q)
{
	q->db->driver->reset(q->statement);
	q->open = false;
}

void db_each_statement(const struct db *db, void (*each)(void *ctx, const char *sql), void *ctx)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if (db->cache[i].sql)
			each(ctx, db->cache[i].sql);
}

int64_t query_integer(struct query *q, int column)
{
	return q->db->driver->integer(q->statement, column);
}

bool query_null(struct query *q, int column)
{
	return q->db->driver->is_null(q->statement, column);
}

struct slice query_slice(struct query *q, int column)
{
	struct slice text;
	struct err why;
	enum rc rc = q->db->driver->text(q->db->handle, q->statement, column, &text, &why);

	if (rc != RC_OK)
		fail(q->db, rc, &why);
	return text;
}

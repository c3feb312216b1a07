/*
 * doctor_state - the state: whether it opens and is whole, who has it, what waits in it for a
 * person, and whether its disk has room.
 */
#include <string.h>

#include "base/clock.h"
#include "engine/doctor.h"
#include "engine/ledger.h"
#include "engine/record.h"
#include "engine/store/db.h"

#define MIB (1024 * INT64_C(1024))
#define LOG_MUCH (64 * MIB) /* SQLite folds it in at 4 MiB, unless somebody reads for long */
#define FREE_LITTLE (512 * MIB)
#define FREE_NONE (32 * MIB)

#define BACKUPS "docs/OPERATE.md#backups-and-going-back-to-one"

static const char *size_text(struct arena *memory, int64_t bytes)
{
	if (bytes < MIB)
		return arena_printf(memory, "%lld KiB", (long long)(bytes + 1023) / 1024);
	if (bytes < 1024 * MIB)
		return arena_printf(memory, "%lld MiB", (long long)(bytes / MIB));
	return arena_printf(memory, "%.1f GiB", (double)bytes / (double)(1024 * MIB));
}

/* ---- its files ------------------------------------------------------------------------ */

static void tell_files(const struct db_files *f, struct remarks *out)
{
	bool much = f->log_bytes > LOG_MUCH;

	remarks_add(out, much ? REMARK_WARNING : REMARK_OK, "state", "size",
		    much ? "end what reads it for long; the next checkpoint makes the log small"
			 : NULL,
		    "%s, and %s in its log", size_text(&out->memory, f->bytes),
		    size_text(&out->memory, f->log_bytes));
	if (f->free_bytes >= 0)
		remarks_add(out,
			    f->free_bytes < FREE_NONE	  ? REMARK_ERROR
			    : f->free_bytes < FREE_LITTLE ? REMARK_WARNING
							  : REMARK_OK,
			    "state", "disk", f->free_bytes < FREE_LITTLE ? "make room there" : NULL,
			    "%s free", size_text(&out->memory, f->free_bytes));
	if (f->others)
		remarks_add(out, REMARK_WARNING, "state", "access",
			    "chmod 600 the state, and its -wal, -shm and .lock",
			    "others may read it, and it holds names and addresses");
	else
		remarks_add(out, REMARK_OK, "state", "access", NULL, "its owner's only");
}

/* ---- what is in it ---------------------------------------------------------------------- */

static void tell_whole(struct db *db, struct remarks *out)
{
	struct err err;
	struct str faults;

	str_init(&faults, LIMIT_FIELD_BYTES);
	if (db_check(db, &faults, &err) != RC_OK)
		remarks_add(out, REMARK_ERROR, "state", "whole", "put a backup back: " BACKUPS,
			    "cannot be read: %s", err.text);
	else if (faults.len)
		remarks_add(out, REMARK_ERROR, "state", "whole", "put a backup back: " BACKUPS,
			    "damaged: %s", str_text(&faults));
	else
		remarks_add(out, REMARK_OK, "state", "whole", NULL, "no fault in it");
	str_release(&faults);
}

/* Accounts and reasons. One that no rule file declares issues nothing anyway; no reconcile could reach it. */
static void tell_accounts(struct query *q, const struct table *table, const char *check,
			  const char *next, struct remarks *out)
{
	struct arena memory;

	arena_init(&memory);
	while (query_next(q)) {
		const char *account = arena_text(&memory, query_slice(q, 0));
		if (!table || table_account(table, account))
			remarks_add(out, REMARK_ERROR, "state", check, next,
				    "account '%s' issues nothing%.*s", account,
				    SLICE_FMT(query_slice(q, 1)));
	}
	arena_release(&memory);
}

static void tell_restored(struct db *db, const struct table *table, struct remarks *out)
{
	tell_accounts(
		db_select(db,
			  "SELECT account, ': ' || restored FROM action WHERE restored IS NOT NULL"
			  " ORDER BY account",
			  ""),
		table, "restored", "run 'hs2cert reconcile'", out);
	tell_accounts(
		db_select(db,
			  "SELECT account, ' until its newest credentials can be read: ' || reason"
			  " FROM unsure ORDER BY account",
			  ""),
		table, "unsure", BACKUPS " says what each reason means", out);
}

static void tell_waiting(struct db *db, struct remarks *out)
{
	bool any = false;
	struct query *q = db_select(db,
				    "SELECT state, count(*) FROM issuance"
				    " WHERE " LEDGER_PARKED " GROUP BY state ORDER BY state",
				    "");

	for (; query_next(q); any = true) {
		struct slice state = query_slice(q, 0);
		remarks_add(out, REMARK_WARNING, "state", "issuances", NULL, "%lld %.*s",
			    (long long)query_integer(q, 1), SLICE_FMT(state));
		remarks_next(out, "hs2cert runs --state-is %.*s", SLICE_FMT(state));
	}
	if (!any)
		remarks_add(out, REMARK_OK, "state", "issuances", NULL, "none waits for a person");
}

/* Dates without a zone begin elsewhere in another: such tables cannot be compared. */
static bool same_zone(struct db *db, int64_t ruleset, struct remarks *out)
{
	struct query *q = db_select(db, "SELECT timezone FROM ruleset WHERE id = ?1", "i", ruleset);
	bool same = true;

	for (; query_next(q);) {
		struct slice zone = query_slice(q, 0);
		same = slice_is(zone, clock_zone());
		if (same)
			continue;
		remarks_add(out, REMARK_OK, "state", "rules", NULL,
			    "not compared: those in force count days in %.*s", SLICE_FMT(zone));
		remarks_next(out, "hs2cert doctor --timezone %.*s", SLICE_FMT(zone));
	}
	return same;
}

/* Whether the engine goes by the rules that are in the folder. */
static void tell_ruleset(struct db *db, const struct table *table, int owner, struct remarks *out)
{
	int64_t id = record_newest(db);
	bool same = id && db_exists(db, "SELECT 1 FROM ruleset WHERE id = ?1 AND hash = ?2", "it",
				    id, table->hash);

	if (!id)
		remarks_add(out, REMARK_OK, "state", "rules", NULL, "none was ever in force");
	else if (!same_zone(db, id, out))
		return;
	else if (same)
		remarks_add(out, REMARK_OK, "state", "rules", NULL,
			    "those of the folder are in force");
	else if (!owner)
		remarks_add(out, REMARK_OK, "state", "rules",
			    "'hs2cert plan' shows what the next run will change",
			    "those that were in force last are not the folder's");
	else
		remarks_add(out, REMARK_WARNING, "state", "rules",
			    "'hs2cert plan' shows what they change, 'hs2cert reload' loads them",
			    "the daemon goes by others than the folder's");
}

static void tell_owner(int owner, struct remarks *out)
{
	if (owner)
		remarks_add(out, REMARK_OK, "state", "daemon", NULL, "running, pid %d", owner);
	else
		remarks_add(out, REMARK_OK, "state", "daemon", NULL, "none is running");
}

static void tell_content(const char *url, const struct db_files *files, const struct table *table,
			 struct remarks *out)
{
	int owner = db_owner(url);
	struct db *db;
	struct err err;

	/* Nor can it be told then whether a daemon has it, or how large it is. */
	if (!files->barred)
		tell_owner(owner, out);
	enum rc rc = db_open(url, DB_SHARE, &db, &err);
	if (rc != RC_OK) {
		remarks_add(out, REMARK_ERROR, "state", "open",
			    files->barred      ? "nothing can be said of it as this user"
			    : rc == RC_INVALID ? "look at --state; docs/OPERATE.md#upgrading"
			    : files->free_bytes >= 0 && files->free_bytes < FREE_NONE
				    ? "make room on its disk"
				    : "where it is damaged, put a backup back: " BACKUPS,
			    "%s", err.text);
		return;
	}
	tell_whole(db, out);
	tell_restored(db, table, out);
	tell_waiting(db, out);
	if (table)
		tell_ruleset(db, table, owner, out);
	if (db_failed(db, &err) != RC_OK)
		remarks_add(out, REMARK_ERROR, "state", "open", "put a backup back: " BACKUPS,
			    "cannot be read: %s", err.text);
	db_close(db);
}

void doctor_state(const char *url, const struct table *table, struct remarks *out)
{
	struct db_files files;
	struct err err;

	if (db_look(url, &files, &err) != RC_OK) {
		remarks_add(out, REMARK_ERROR, "state", "open", NULL, "%s", err.text);
	} else if (!files.exists) {
		remarks_add(out, REMARK_WARNING, "state", "open",
			    "'hs2cert run' makes it; else look at --state",
			    "there is no state '%s' yet", url);
	} else {
		tell_content(url, &files, table, out);
		if (!files.barred)
			tell_files(&files, out);
	}
}

/*
 * The mark beside the state: how many writes left, as engine/restored.h says.
 */
#include <stdio.h>

#include "engine/registry.h"
#include "engine/restored.h"

static int64_t writes(struct db *db)
{
	return db_integer(db, 0, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'writes'",
			  "");
}

static void set_writes(struct db *db, int64_t n)
{
	db_run(db,
	       "INSERT INTO meta (key, value) VALUES ('writes', CAST(?1 AS TEXT))"
	       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	       "i", n);
}

int64_t restored_count_write(struct db *db)
{
	int64_t n = writes(db) + 1;

	set_writes(db, n);
	return n;
}

/* Its sign of life, where it has none, is as old as can be: whatever a reconcile finds is suspect. */
static void mark_restored(struct db *db, const char *account, const char *why)
{
	db_run(db,
	       "INSERT INTO action (account, alive_ms, restored) VALUES (?1, 0, ?2)"
	       " ON CONFLICT (account) DO UPDATE SET restored = excluded.restored",
	       "tt", account, why);
}

static void mark_known_restored(struct db *db, const char *why)
{
	db_run(db,
	       "INSERT INTO action (account, alive_ms, restored)"
	       " SELECT DISTINCT action_account, 0, ?1 FROM issuance WHERE true"
	       " ON CONFLICT (account) DO NOTHING",
	       "t", why);
	db_run(db, "UPDATE action SET restored = ?1", "t", why);
}

void restored_look_at_mark(struct db *db, const struct table *table)
{
	int64_t known = writes(db), mark = db_mark(db);
	char why[LIMIT_ERROR_BYTES];

	if (mark <= known)
		return;
	snprintf(why, sizeof(why),
		 "an older copy of the state was put back: %lld writes have left since",
		 (long long)(mark - known));
	for (size_t i = 0; i < table->n_account; i++)
		if (registry_action(table->account[i].type))
			mark_restored(db, table->account[i].name, why);
	mark_known_restored(db, why);
	set_writes(db, mark);
}

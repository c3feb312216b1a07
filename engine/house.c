#include "engine/house.h"

#include "base/arena.h"
#include "base/clock.h"
#include "engine/inbox.h"
#include "engine/ledger.h"

#define KEEP_CONTACTS_MS (2 * MS_DAY) /* longer than the daily sweep reaches back */
#define KEEP_GONE_MS (90 * MS_DAY)
#define HOUSE_ROWS 1000		       /* of a kind at once: what waits is not to wait for it */
#define LONGEST_WAIT_MS (25 * MS_HOUR) /* Retry-After goes up to 24 h */

/*
 * An index by which the old ones are found would take half as much again as what was read, and be written with each
 * look. So all are walked through, some with each step. How far that is is kept, because `run --once` lives for one step.
 */
#define BEYOND                                                                                     \
	"FROM contact WHERE (account, contact) >"                                                  \
	" (coalesce((SELECT value FROM meta WHERE key = 'walked-account'), ''),"                   \
	" coalesce((SELECT value FROM meta WHERE key = 'walked-contact'), ''))"                    \
	" ORDER BY account, contact"

static void note_walked(struct db *db, const char *key, const char *value)
{
	db_run(db,
	       "INSERT INTO meta (key, value) VALUES (?1, ?2)"
	       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	       "tt", key, value);
}

/* Goes on behind `rows` more; from the beginning where there are no more than these. */
static void walk_on(struct db *db, int64_t rows)
{
	struct arena memory;
	const char *account = "", *contact = "";
	struct query *q = db_select(db, "SELECT account, contact " BEYOND " LIMIT 1 OFFSET ?1", "i",
				    rows);

	arena_init(&memory);
	if (query_next(q)) {
		account = arena_text(&memory, query_slice(q, 0));
		contact = arena_text(&memory, query_slice(q, 1));
		query_end(q);
	}
	note_walked(db, "walked-account", account);
	note_walked(db, "walked-contact", contact);
	arena_release(&memory);
}

/* Whether there may be more of them among those that it looked at. */
static bool forget_contacts(struct db *db, int64_t now_ms)
{
	db_run(db,
	       "DELETE FROM contact WHERE (account, contact) IN (SELECT account, contact FROM"
	       " (SELECT account, contact, merged, modified_ms " BEYOND " LIMIT ?3)"
	       " WHERE merged = '' AND modified_ms < ?1 LIMIT ?2)",
	       "iii", now_ms - KEEP_CONTACTS_MS, (int64_t)HOUSE_ROWS, (int64_t)HOUSE_WALK);
	int64_t gone = db_changed(db);
	if (gone == HOUSE_ROWS)
		return true;
	walk_on(db, HOUSE_WALK - 1 - gone);
	return false;
}

static bool forget_members(struct db *db, int64_t now_ms)
{
	db_run(db,
	       "DELETE FROM membership WHERE (account, list_id, contact) IN (SELECT account, list_id, contact"
	       " FROM membership WHERE gone_ms < ?1 LIMIT ?2)",
	       "ii", now_ms - KEEP_GONE_MS, (int64_t)HOUSE_ROWS);
	return db_changed(db) == HOUSE_ROWS;
}

enum rc house_keep(struct db *db, const struct outbox *outbox, int64_t now_ms, bool *more,
		   struct err *err)
{
	db_begin(db, "housekeeping");
	*more = forget_contacts(db, now_ms);
	*more = forget_members(db, now_ms) || *more;
	inbox_forget_waits(db, now_ms + LONGEST_WAIT_MS);
	ledger_forget_waits(db, now_ms + LONGEST_WAIT_MS);
	outbox_note_life(outbox);
	(void)outbox_is_restored(outbox, true);
	return db_commit(db, err);
}

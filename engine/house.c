#include "engine/house.h"

#include "base/clock.h"
#include "engine/inbox.h"
#include "engine/ledger.h"

#define KEEP_CONTACTS_MS (2 * MS_DAY) /* longer than the daily sweep reaches back */
#define KEEP_GONE_MS (90 * MS_DAY)
#define HOUSE_ROWS 1000		       /* of a kind at once: what waits is not to wait for it */
#define LONGEST_WAIT_MS (25 * MS_HOUR) /* Retry-After goes up to 24 h */

/* Whether there may be more of them. */
static bool forget_contacts(struct db *db, int64_t now_ms)
{
	db_run(db,
	       "DELETE FROM contact WHERE (account, contact) IN (SELECT account, contact FROM contact"
	       " WHERE merged = '' AND modified_ms < ?1 LIMIT ?2)",
	       "ii", now_ms - KEEP_CONTACTS_MS, (int64_t)HOUSE_ROWS);
	return db_changed(db) == HOUSE_ROWS;
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

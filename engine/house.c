#include "engine/house.h"

#include "base/clock.h"
#include "engine/decide.h"
#include "engine/inbox.h"
#include "engine/ledger.h"

#define KEEP_CONTACTS_MS (2 * MS_DAY) /* longer than the daily sweep reaches back */
#define KEEP_GONE_MS (90 * MS_DAY)
#define LONGEST_WAIT_MS (25 * MS_HOUR) /* Retry-After goes up to 24 h */

enum rc house_keep(struct db *db, const struct outbox *outbox, int64_t now_ms, struct err *err)
{
	db_begin(db, "housekeeping");
	db_run(db, "DELETE FROM decision WHERE made_ms < ?1", "i", now_ms - DECISIONS_KEPT_MS);
	db_run(db, "DELETE FROM contact WHERE modified_ms < ?1 AND merged = ''", "i",
	       now_ms - KEEP_CONTACTS_MS);
	db_run(db, "DELETE FROM membership WHERE gone_ms < ?1", "i", now_ms - KEEP_GONE_MS);
	inbox_forget_waits(db, now_ms + LONGEST_WAIT_MS);
	ledger_forget_waits(db, now_ms + LONGEST_WAIT_MS);
	outbox_note_life(outbox);
	(void)outbox_is_restored(outbox, true);
	return db_commit(db, err);
}

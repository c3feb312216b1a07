#include "engine/decided.h"

void decided_note(struct db *db, int64_t watch, const char *contact, int64_t at_ms,
		  struct slice value)
{
	db_run(db,
	       "INSERT INTO decided (watch, contact, at_ms, value) VALUES (?1, ?2, ?3, ?4)"
	       " ON CONFLICT (watch, contact) DO UPDATE SET at_ms = excluded.at_ms, value = excluded.value"
	       " WHERE excluded.at_ms >= decided.at_ms",
	       "itis", watch, contact, at_ms, value);
}

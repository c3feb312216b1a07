/*
 * recent - what happened in the last seven days, in slots of six hours: for the status page.
 *
 * Read from the store: what is counted is counted in indexes, not in the ledger's rows; at most
 * RECENT_ROWS delays. Not here: the thirty days of `hs2cert status` (engine/status.h).
 */
#ifndef ENGINE_RECENT_H
#define ENGINE_RECENT_H

#include "base/arena.h"
#include "dsl/table.h"
#include "engine/store/db.h"

#define RECENT_SLOTS 28
#define RECENT_SLOT_MS (6 * MS_HOUR)
#define RECENT_ROWS 20000

struct recent_rule {
	int64_t fired[RECENT_SLOTS]; /* issuances that were written then; not those skipped */
	int64_t total;
};

/* Of one slot. */
struct recent_delay {
	int64_t count;
	int64_t half_ms, most_ms; /* within so long were 50 and 95 of 100 of them */
};

struct recent {
	int64_t begin_ms;	  /* our clock: of the first slot */
	struct recent_rule *rule; /* by rule id */
	int64_t issued;		  /* credentials */
	struct recent_delay decision[RECENT_SLOTS], credential[RECENT_SLOTS];
};

/* Lies in `memory`. A failure of the store shows in db_failed. */
void recent_read(struct db *db, const struct table *table, int64_t now_ms, struct arena *memory,
		 struct recent *out);

/* What a person has to look at: issuances of one rule in one state for one reason. */
struct parked {
	const char *rule, *state;
	const char *hold; /* NULL where it is not held */
	int64_t count;
	int64_t newest_ms; /* our clock */
};

/* Those with the newest first, at most `most`; *total counts issuances of all of them. In `memory`. */
size_t recent_parked(struct db *db, size_t most, struct arena *memory, struct parked **out,
		     int64_t *total);

#endif

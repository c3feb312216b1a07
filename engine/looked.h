/*
 * looked - which rules looked at an event on record: those that had its watch by the rules of then.
 *
 * An edited `settle` gives a rule another watch, and rules that shared one part: today's watches do not
 * tell who looked yesterday. Rules are the same as long as their names are; what they trigger on may be
 * another thing since. Where the rules of then are no longer on record, today's watches are asked.
 */
#ifndef ENGINE_LOOKED_H
#define ENGINE_LOOKED_H

#include "base/map.h"
#include "engine/record.h"

struct looked {
	struct db *db;
	const struct table *table;
	const int64_t *today; /* the watches of today */
	struct ruleset_watches *ruleset; /* in order of id; heap */
	size_t count, cap;
	struct map shared; /* watch to who had it */
	struct arena memory;
};

/* `table`, and `watch` (by rule id, 0 for what is not active), are lent until the release. */
void looked_read(struct looked *l, struct db *db, const struct table *table, const int64_t *watch);
void looked_release(struct looked *l);
/* The watches of then, by rule id. */
const int64_t *looked_watches(const struct looked *l, int64_t ruleset);
/* How many of the events that the engine decided since then (our clock) each rule looked at, by rule id. */
void looked_count(const struct looked *l, int64_t since_ms, int64_t *events);

#endif

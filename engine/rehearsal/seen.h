/*
 * seen - an event of a rehearsal as a rule saw it, or would have: judged again, with every test
 * told.
 */
#ifndef ENGINE_REHEARSAL_SEEN_H
#define ENGINE_REHEARSAL_SEEN_H

#include "dsl/eval.h"
#include "engine/record.h"

/*
 * Whether the rule looks for such events at all; then each of its tests is told to the watcher,
 * with the values on record.
 */
bool seen_match(const struct recorded *event, const struct table *table, const struct rule *rule,
		const struct match_watcher *watcher);

#endif

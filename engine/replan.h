/*
 * replan - what a look at a contact means for issuances of it that were decided
 * before: an address that was missing has come, or did not come in time; a
 * person wants one that was held or refused to go on (engine/act.h).
 *
 * Nothing created yet: it is planned anew. Filters are not judged again; fields
 * and group come from the rule that is in force now. A draft that is not issued
 * yet goes on as it is, where `repeat:` allows it still, and so does what was
 * approved. What is retried and whose rule is not there any more stays held.
 * Used by engine/decide.c, part of its transaction.
 */
#ifndef ENGINE_REPLAN_H
#define ENGINE_REPLAN_H

#include "engine/decide.h"

/*
 * False: some fact could not be read now; what it hangs on stays as it was. What a person may have asked for after
 * the look began is left to the next one.
 */
bool replan_contact(const struct decide *d, const struct contact *c, const struct news *news,
		    int64_t began_ms, struct arena *memory) MUST_CHECK;

#endif

/*
 * merge_value - the values that a merge set, where no entry of the histories tells of them.
 *
 * A merged record shows the primary's values over the histories of both, and the source may leave it at
 * that: then the newest entry is one that the record has not shown since. Here such a value becomes the
 * entry that the merge did not write, before anything looks at the contact.
 */
#ifndef ENGINE_MERGE_VALUE_H
#define ENGINE_MERGE_VALUE_H

#include "engine/decide.h"

/*
 * The contact, in `memory` where it differs from `c`, with an entry of the merge at merged_ms (of
 * merge_note; 0: it absorbed nobody) for each value that the merge set. That is told by a look before the
 * property's next change; of what is watched later looks know it, too, as merge_value_note noted it.
 * Part of the caller's transaction.
 */
const struct contact *merge_value_show(const struct decide *d, const struct contact *c,
				       int64_t merged_ms, struct arena *memory);

/*
 * Notes as decided what the last merge set, where nothing changed it since, once all before it is decided: a change of its
 * very instant is not to stand there. `c` is the contact as shown. Part of the caller's transaction.
 */
void merge_value_note(const struct decide *d, const struct contact *c, int64_t merged_ms);

#endif

/*
 * merge - contacts that became one: behaviour.md, "Merges" and P10.
 *
 * Part of the caller's transaction, before anything is decided of the contact.
 */
#ifndef ENGINE_MERGE_H
#define ENGINE_MERGE_H

#include "base/arena.h"
#include "engine/contact.h"
#include "engine/store/db.h"

/*
 * Notes what the look tells of merges: old ids become aliases, and what was
 * pending under them goes on under the new id as it was known. Answers when the
 * last merge was, by the source's clock; 0 where the contact absorbed nobody.
 * Entries at or before that time earn nothing.
 */
int64_t merge_note(struct db *db, const char *account, const struct contact *c,
		   struct arena *memory);

/*
 * Whether the contact's row on the list was carried over by a merge: one of its old ids was in
 * the list when it ended.
 */
bool merge_carried_over(struct db *db, const char *account, const char *contact,
			const char *list_id, int64_t merged_ms);

#endif

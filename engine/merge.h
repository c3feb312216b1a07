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
 * `properties` is how many c->property has. Notes what the look tells of merges: old ids become aliases, and what was
 * pending under them goes on under the new id as it was known. Answers when the
 * last merge was, by the source's clock; 0 where the contact absorbed nobody.
 * Entries at or before that time earn nothing.
 */
int64_t merge_note(struct db *db, const char *account, const struct contact *c, size_t properties,
		   struct arena *memory);

/*
 * Whether what became of a change is on record (an issuance or a decision), or still waits, under
 * any id that the contact ever had.
 */
bool merge_was_seen(struct db *db, const char *account, const char *contact, const char *property,
		    int64_t at_ms);

/* A row of a list that shows the contact as a member. */
struct join {
	const char *contact, *list_id;
	int64_t joined_ms;
};

/* Whether a merge carried the row over: one of the contact's old ids was in the list when it ended. */
bool merge_carried_over(struct db *db, const char *account, const struct join *join,
			int64_t merged_ms);

#endif

/*
 * merge - contacts that became one: behaviour.md, "Merges" and P10.
 *
 * Part of the caller's transaction, before anything is decided of the contact.
 */
#ifndef ENGINE_MERGE_H
#define ENGINE_MERGE_H

#include "base/arena.h"
#include "engine/contact.h"
#include "engine/inbox.h"
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
	const struct contact *who;
	const struct pending *row;
	const char *list_id;
	int64_t merged_ms; /* as merge_note says */
};

/*
 * Whether a merge carried the row over: it was shown first when one of the contact's old ids was shown no more, which had
 * been in the list until the merge. What was known before, under whichever id, is a join; so is one after the contact was
 * seen in the list since.
 */
bool merge_carried_over(struct db *db, const char *account, const struct join *join);

/*
 * Whether the time of a join may be one that a merge gave it: for a state that did not see the contact in the list before,
 * it looks like a join of that time, and may be of long before.
 */
bool merge_may_have_stamped(struct db *db, const char *account, const char *contact,
			    const char *list_id, int64_t at_ms);

#endif

/*
 * decided - how far a watch has got with a contact: the last of its changes that was decided, fired or not.
 */
#ifndef ENGINE_DECIDED_H
#define ENGINE_DECIDED_H

#include "engine/burst.h"
#include "engine/contact.h"
#include "engine/inbox.h"
#include "engine/watch.h"

/* All up to at_ms (the source's clock), at which the value was this one, is decided. An earlier one than is noted changes nothing. */
void decided_note(struct db *db, int64_t watch, const char *contact, int64_t at_ms,
		  struct slice value);

/*
 * What was decided last, and what waits (the contact's pending rows), as burst_find is to know them of a property; texts
 * in `memory`.
 */
void decided_tell(struct db *db, int64_t watch, const char *contact, const struct pending *pending,
		  size_t n_pending, struct arena *memory, struct burst_input *in);

/* The account's contact was read as it was at its last change, modified_ms, so that this is not read again. */
void decided_note_read(struct db *db, const struct watches *w, uint32_t source,
		       const struct contact *c, int64_t modified_ms);

#endif

/*
 * decided - how far a watch has got with a contact: the last of its changes that was decided, fired or not.
 */
#ifndef ENGINE_DECIDED_H
#define ENGINE_DECIDED_H

#include "engine/store/db.h"

/* All up to at_ms (the source's clock), at which the value was this one, is decided. An earlier one than is noted changes nothing. */
void decided_note(struct db *db, int64_t watch, const char *contact, int64_t at_ms,
		  struct slice value);

#endif

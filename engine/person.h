/*
 * person - whom a command means by an id or an address: contacts that the state knows.
 */
#ifndef ENGINE_PERSON_H
#define ENGINE_PERSON_H

#include "base/arena.h"
#include "engine/store/db.h"

struct person {
	const char *account, *contact; /* the id that it has now */
};

/*
 * By account and id. An id that was merged means what it was merged into; an address means all of whom
 * it is on record: as the one that was written to, or in any property that was seen, `own`: in their
 * own alone. Answers how many; *out lives in `memory`.
 */
size_t person_find(struct db *db, const char *who, bool own, struct arena *memory,
		   struct person **out);

#endif

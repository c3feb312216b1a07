/*
 * contact - what one look at a contact showed: current values and histories,
 * in the engine's own words. A source fills it (engine/source.h); it lives in
 * the arena of the look.
 */
#ifndef ENGINE_CONTACT_H
#define ENGINE_CONTACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* One change of a property. Missing, null and "" are the same empty value. */
struct entry {
	int64_t at_ms;
	struct slice value;
	bool merge; /* made by a merge: sets the value before, is never itself a change */
};

struct contact_property {
	bool read;     /* it was asked for and answered */
	bool left_out; /* … but the answer does not name it: it is not there, or not shown to us */
	struct slice current;
	const struct entry *
		/* oldest first; equal times in the reverse of the source's newest-first order */
		entry;
	size_t entries;
	bool cut; /* older entries than these may be gone: it is full */
};

/* The newest entry; NULL where there is none. */
static inline const struct entry *contact_newest(const struct contact_property *p)
{
	return p->entries ? &p->entry[p->entries - 1] : NULL;
}

struct contact {
	const char *asked;	   /* the id that was asked for */
	const char *id;		   /* the id that it has now; differs after a merge */
	bool gone;		   /* deleted: nothing below is set */
	const char *const *merged; /* other ids that it absorbed */
	size_t n_merged;
	/* newest entry that says it was made by a merge, or what else says when one was; 0 where nothing does */
	int64_t merge_entry_ms;
	int64_t created_ms;
	int64_t modified_ms;
	struct contact_property
		*property; /* by index in table->property; other sources' are not read */
};

#endif

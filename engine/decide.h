/*
 * decide - from what a look showed to what happened: the generic dispatcher.
 *
 * A contact with its history, and what was pending of it, become events; each
 * event is matched against the rules that can match it; each match becomes an
 * issuance (engine/plan.h). All of it is part of the caller's transaction:
 * deciding an event and writing its issuances is one step. It knows neither
 * where contacts come from nor who issues.
 *
 * Invariants
 *  1. An event is decided from a look that began at its last entry plus settle
 *     or later, by the source's clock.
 *  2. An event that some fact made unsure is decided for no rule of its watch: it
 *     stays pending, the contact stays in the inbox.
 *  3. What was decided never joins a later burst.
 */
#ifndef ENGINE_DECIDE_H
#define ENGINE_DECIDE_H

#include "base/clock.h"
#include "engine/contact.h"
#include "engine/inbox.h"
#include "engine/source.h"
#include "engine/watch.h"

struct decide {
	const struct world *world;
	struct db *db;
	const struct table *table;
	const struct watches *watches;
	uint32_t source; /* index in table->account */
	const struct source_ops *ops;
	struct source *origin;
	int64_t ruleset; /* under which events are recorded (engine/record.h); 0: they are not */
};

/*
 * The order in which a look's contacts are to be decided: by the times of what happened to
 * them, so that what counts events (the brake) meets them in the order in which they were.
 * Indices into `contact`, in `memory`.
 */
const size_t *decide_order(const struct decide *d, const struct contact *contact, size_t contacts,
			   struct arena *memory);

/* Decides what the look at one contact allows, and settles the news. `memory` is the look's. */
void decide_contact(const struct decide *d, const struct contact *c, const struct news *news,
		    int64_t began_ms, struct arena *memory);

#endif

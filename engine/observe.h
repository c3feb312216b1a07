/*
 * observe - what happened lately at the sources, as events for engine/compare.h: contacts that
 * changed since a time, read with their histories, and who joined the lists that rules name.
 *
 * Bursts and values of a past moment are told by the code that decides (engine/burst.h,
 * engine/view.h). Nothing is stored. Used by the command plan.
 */
#ifndef ENGINE_OBSERVE_H
#define ENGINE_OBSERVE_H

#include "engine/compare.h"
#include "engine/world.h"

struct observe;

/*
 * All is lent. Accounts are those of the edited table; what only the table in force has is not
 * read.
 */
struct observe *observe_new(const struct world *world, const struct table *old,
			    const struct table *edited, int64_t since_ms, struct compare *compare);
void observe_free(struct observe *o); /* NULL does nothing */
/* Goes on with what is due. RC_REFUSED where a source cannot be read. */
enum rc observe_step(struct observe *o, bool *done, struct err *err) MUST_CHECK;
/* Monotonic time of what is due next; INT64_MAX where only an answer can bring something. */
int64_t observe_wake_ms(const struct observe *o);

#endif

/*
 * brake - whether a rule's events come so fast that a person is to look first.
 *
 * Counted by the events' own times, whenever they are decided: catching up after
 * downtime is no flood. Who was held stays in the count, who was approved is not
 * counted twice. Used by engine/plan.c.
 */
#ifndef ENGINE_BRAKE_H
#define ENGINE_BRAKE_H

#include <stdbool.h>

#include "dsl/table.h"
#include "engine/issuance.h"
#include "engine/store/db.h"

/*
 * Whether some span of the rule's brake (shorter than an hour from first to last, for 1000/h)
 * that contains this event would hold more events than it allows. `is` is not in the ledger
 * yet. Reads at most twice as many rows as the brake allows.
 */
bool brake_holds(struct db *db, const struct rule *rule, const struct issuance *is);

#endif

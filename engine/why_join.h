/*
 * why_join - one change is told once, whoever looked at it: rules with several activations, and
 * backfills, have an event each on record. A part of engine/why.h.
 */
#ifndef ENGINE_WHY_JOIN_H
#define ENGINE_WHY_JOIN_H

#include "engine/why.h"

/* Those that matched, then those that did not, the nearest first; what looked earlier before. */
void why_order(struct why_rule *rule, size_t n);

/*
 * Joins entries of one change; they are in order of time and stay so. Answers how many are left. An issuance
 * stays with the last look of its rule. New arrays live in `memory`.
 */
size_t why_join(struct arena *memory, struct why_entry *entry, size_t n);

#endif

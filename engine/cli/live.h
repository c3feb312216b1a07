/*
 * live - what live rules made of an event that a rule in shadow saw, too: for runs and plan.
 */
#ifndef ENGINE_CLI_LIVE_H
#define ENGINE_CLI_LIVE_H

#include "engine/store/db.h"

/*
 * `q` selects rule and state of issuances; it is read to its end. As words, "(live: tier-badge sent)",
 * or as a JSON array.
 */
void live_add(struct str *out, struct query *q, bool json);

#endif

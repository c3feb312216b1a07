/*
 * why - what the two forms of the answer of `hs2cert why` share: engine/cli/why.c draws the tree,
 * engine/cli/why_json.c the objects.
 */
#ifndef ENGINE_CLI_WHY_H
#define ENGINE_CLI_WHY_H

#include <string.h>

#include "engine/cli/cli.h"
#include "engine/why.h"

/* Rules that an event is not near to are counted, not shown, beyond so many. */
#define WHY_MISSES 5

/* fired, held, skipped, no-match, no-event; what the trace says where nothing is on record. */
const char *why_outcome(const struct why_rule *r);
/* How many of the entry's rules are shown. */
size_t why_shown(const struct why_entry *e);
/* Writes to stdout, and empties. */
void why_print(struct str *out);

void why_json(const struct why *w, const struct why_person *p, struct str *out);
void why_json_nobody(const struct why *w, const char *who, struct str *out);

#endif

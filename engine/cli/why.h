/*
 * why - what the two forms of the answer of `hs2cert why` share: engine/cli/why.c draws the tree,
 * engine/cli/why_json.c the objects.
 */
#ifndef ENGINE_CLI_WHY_H
#define ENGINE_CLI_WHY_H

#include <string.h>

#include "engine/cli/cli.h"
#include "engine/why_words.h"

/* Writes to stdout, and empties. */
void why_print(struct str *out);

void why_json(const struct why *w, const struct why_person *p, struct str *out);
void why_json_nobody(const struct why *w, const char *who, struct str *out);

#endif

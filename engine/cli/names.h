/*
 * names - the accounts' names, fetched from the command line: engine/names.h on a ground.
 */
#ifndef ENGINE_CLI_NAMES_H
#define ENGINE_CLI_NAMES_H

#include "engine/cli/ground.h"
#include "engine/names.h"

/*
 * Asks all accounts of the table, to the end. EXIT_FINE with *out, which the caller frees; else
 * an exit status after a message.
 */
int names_fetch(struct ground *g, const struct table *table, struct names_round **out);

#endif

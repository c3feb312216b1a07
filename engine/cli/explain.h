/*
 * explain - `validate --explain`: a code of diagnostics told at length, or the list of them.
 */
#ifndef ENGINE_CLI_EXPLAIN_H
#define ENGINE_CLI_EXPLAIN_H

#include "engine/cli/cli.h"

/* Prints what --explain asks for; the exit status. */
int explain_run(const struct cli *cli);

#endif

/*
 * beside - what commands do that write beside a daemon: say who did it, and nudge it.
 */
#ifndef ENGINE_CLI_BESIDE_H
#define ENGINE_CLI_BESIDE_H

#include <stdbool.h>

/* The person behind sudo, else the one whose process this is; lent by the system or by `numeric`. */
const char *beside_who(char numeric[32]);
/* A daemon that sleeps until its next poll finds what there is to do now. Whether there is one. */
bool beside_nudge(const char *state);

#endif

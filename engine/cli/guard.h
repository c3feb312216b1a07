/*
 * guard - what this process does for itself before it does anything: whatever the command, tokens are
 * in its environment or will be in its memory, and the state holds names and addresses.
 */
#ifndef ENGINE_CLI_GUARD_H
#define ENGINE_CLI_GUARD_H

#include <stdbool.h>

/*
 * No core dumps, no other process of this user that looks into its memory, and new files for their
 * owner only. What the system refuses of it is done without: a sandbox around us may be stricter.
 * A nudge is for whoever has the state, and ends none that does not listen for it (engine/cli/beside.h).
 */
void guard_process(void);
/* Whether it may do everything on this machine, which it never needs. */
bool guard_is_root(void);

#endif

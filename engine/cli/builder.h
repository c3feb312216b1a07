/*
 * builder - rules are read, checked and compiled beside the loop, on a thread of their own.
 *
 * One build at a time, one thread a build. The thread reads the folder and makes a table and findings; it
 * sees no engine, no state, no secret, and takes no signal. The loop is told by a file descriptor, takes what
 * was built, swaps, and gives back what is left over: to free ten thousand rules takes as long as a turn
 * may, so the thread does that, too.
 *
 * Out of memory ends the process with one line on any thread: the store holds all that matters.
 */
#ifndef ENGINE_CLI_BUILDER_H
#define ENGINE_CLI_BUILDER_H

#include "engine/cli/ground.h"

struct builder;

/* What a build came to. */
struct built {
	struct table *table; /* NULL: refused, for what was found or else for `err` */
	struct ground_findings findings;
	struct err err;
};

/* Of the rules in this folder; `log` (lent) as for ground_findings. NULL with err where the system refuses. */
struct builder *builder_new(const char *rules, const struct log *log, struct err *err) MUST_CHECK;
/*
 * Waits for a build that is under way, and drops it. NULL does nothing. False: it came no further for so long, as
 * where the rules are on a mount that hangs. Then all is as it was; a process that will not try again ends by _exit,
 * because the thread may stand on what exit takes away.
 */
bool builder_free(struct builder *b, int patience_ms) MUST_CHECK;

/* Readable when there is something to do: whoever waits for it then calls the functions below. */
int builder_fd(const struct builder *b);

/* Whether a build could begin: none is under way, and the last one's leftovers are gone. */
bool builder_is_free(struct builder *b);
/* Begins one; builder_is_free must hold. RC_AGAIN where the system has no thread for it. */
enum rc builder_begin(struct builder *b, struct err *err) MUST_CHECK;
/*
 * What was built, once it is there, else NULL. Lent until builder_give; its table belongs to the caller, who sets
 * it to NULL where it is kept.
 */
struct built *builder_take(struct builder *b);
/*
 * The caller is done with what was built. The thread frees it, and its reference to `old` (NULL: none), which
 * nobody else may be about to take from the caller.
 */
void builder_give(struct builder *b, struct table *old);

#endif

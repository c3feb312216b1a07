/*
 * hear - what messages told, stored: many of them in one transaction.
 *
 * A message may be answered with 2xx only once hearing_store said RC_OK. A commit that reaches the
 * disk costs more than all the rest, so whatever arrived in one turn of the loop shares one. What a
 * message told becomes news at once where it came alone and is little. Else each message is a row: that takes a
 * tenth of the time, so that a burst gets its answers, and hearing_catch_up makes news of them in later turns.
 */
#ifndef ENGINE_HEAR_H
#define ENGINE_HEAR_H

#include "base/arena.h"
#include "base/err.h"
#include "engine/tallies.h"
#include "engine/message.h"
#include "engine/source.h"

/* An account's source. All of it is lent. */
struct listener {
	const char *account;
	const struct source_ops *ops;
	struct source *source;
};

/* What was heard and is not stored yet, and what was counted. */
struct hearing {
	const struct world *world;
	const char *unfit; /* a fixed word: why nothing can be taken now; NULL: all is well */
	struct tallies tallies;
	struct arena memory;
	struct told *told;
	size_t count, cap;
	int64_t rows;		 /* stored, and not news yet */
	bool foreign;		 /* somebody else's events were warned of … */
	int64_t foreign_told_ms; /* … then, by our clock */
};

/* `world` is lent. */
void hearing_init(struct hearing *h, const struct world *world);
/* What a process before this one left for later is looked up in the world's db. */
void hearing_open(struct hearing *h);
/* So much is left for later that no more can be taken. */
bool hearing_is_full(const struct hearing *h);
void hearing_release(struct hearing *h);
/*
 * Lets all judge a message who listen at its path, counts it, and keeps what it tells. *out is the
 * best answer of those; status 404 where nobody listens there. `memory` is the message's.
 */
void hearing_judge(struct hearing *h, const struct listener *listener, size_t listeners,
		   const struct message *m, struct arena *memory, struct heard *out);
/*
 * Stores all that was kept, as news or for later. What a contact showed already, read for the watches
 * that `tag` names, is no news. RC_AGAIN: another process writes just now; RC_BROKEN: the store fails. Either way
 * nothing was stored, and what was kept is forgotten: whoever sent it sends it again.
 */
enum rc hearing_store(struct hearing *h, const char *tag, struct err *err) MUST_CHECK;

/*
 * Makes news of what was left for later: of the oldest, a few messages in one transaction, so that
 * the turn stays short. RC_BROKEN: the store fails, and nothing was changed.
 */
enum rc hearing_catch_up(struct hearing *h, const char *tag, struct err *err) MUST_CHECK;

#endif

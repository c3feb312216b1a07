/*
 * bearer - what the requests of one account carry in Authorization.
 *
 * Whoever asks a service holds one for each account and lends it to what makes the requests, which
 * reads it anew for each. Not here: the accounts that issue, whose token never changes by itself
 * (engine/lane.h).
 */
#ifndef ENGINE_BEARER_H
#define ENGINE_BEARER_H

#include "base/err.h"
#include "engine/world.h"

struct bearer;

struct bearer *bearer_new(const struct world *world); /* `world` is lent */
void bearer_free(struct bearer *b);		      /* NULL does nothing */

/*
 * Takes the account's settings into use: at start, and at every reload. RC_REFUSED with the reason
 * where nothing can be had: then there is none.
 */
enum rc bearer_load(struct bearer *b, const struct account *account, struct err *err) MUST_CHECK;
/*
 * Looks whether there is another one now than the one that was loaded: another secret. True: it is
 * in use.
 */
bool bearer_look(struct bearer *b);

/* Whether there is one at all. */
bool bearer_there(const struct bearer *b);
/* The token; empty where there is none. Lent until the next call that changes it. */
struct slice bearer_token(const struct bearer *b);
/* Another number after each load or look that brought another secret. */
unsigned bearer_serial(const struct bearer *b);

#endif

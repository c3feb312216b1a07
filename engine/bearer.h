/*
 * bearer - what the requests of one account carry in Authorization: a secret that the rule files
 * name, or the access token of a grant over OAuth, which is renewed in good time.
 *
 * Whoever asks a service holds one for each account, steps it, and lends it to what makes the
 * requests, which reads it anew for each. Not here: the accounts that issue, whose token never
 * changes by itself (engine/lane.h).
 */
#ifndef ENGINE_BEARER_H
#define ENGINE_BEARER_H

#include "base/err.h"
#include "engine/world.h"

struct bearer;

struct bearer *bearer_new(const struct world *world); /* `world` is lent */
/* A request for new tokens that is under way is forgotten. NULL does nothing. */
void bearer_free(struct bearer *b);

/*
 * Takes the account's settings into use: at start, and at every reload; what is under way goes on.
 * RC_REFUSED with the reason where there is nothing to be had: no secret, no grant. A grant that
 * the service has refused is no failure of the load: then there is none, and bearer_problem says
 * why. RC_BROKEN where the state fails.
 */
enum rc bearer_load(struct bearer *b, const struct account *account, struct err *err) MUST_CHECK;
/*
 * The account is declared no more: nothing is begun for it. What a renewal under way brings is kept all the same, for
 * whoever declares it again; so whoever frees this waits until it is not busy.
 */
void bearer_leave(struct bearer *b);
/*
 * Looks whether there is another one now than the one that was loaded: another secret, or a grant
 * that somebody made since. True: it is in use.
 */
bool bearer_look(struct bearer *b);
/* Whether another one may come without a reload, while nothing is wrong with this one. */
bool bearer_may_change(const struct bearer *b);

/* Begins what is due. RC_BROKEN where the state fails. */
enum rc bearer_step(struct bearer *b, struct err *err) MUST_CHECK;
/* Monotonic time of the next step that is due; INT64_MAX where none is. */
int64_t bearer_wake_ms(const struct bearer *b);
/*
 * New tokens are being asked for: whoever ends now loses them, and with them the grant where the
 * service gives each refresh token but one use.
 */
bool bearer_busy(const struct bearer *b);

/* Whether there is one at all: false until another secret, a reload or a new grant. */
bool bearer_there(const struct bearer *b);
/* Why there is none; NULL where no reason is known. */
const char *bearer_problem(const struct bearer *b);
/* Whether a request may leave with it now; false while new tokens are on their way. */
bool bearer_usable(const struct bearer *b);
/* The token; empty where there is none. Lent until the next call that changes it. */
struct slice bearer_token(const struct bearer *b);
/* What a grant allows, separated by blanks, as it was said at connecting; empty where that is not known. Lent likewise. */
struct slice bearer_scopes(const struct bearer *b);
/* Another number after each load or look that brought another secret or grant. */
unsigned bearer_serial(const struct bearer *b);
/* Failures in a row to renew it, and how long until it is tried again. */
int bearer_failures(const struct bearer *b);
int64_t bearer_waits_ms(const struct bearer *b);

/*
 * A request that carried `used` was answered with 401. True: another token is there or on its
 * way, and the request may be made again. False: asking for one more is of no use.
 */
bool bearer_refused(struct bearer *b, struct slice used);
/* A request that carried `used` was answered as one that may ask. */
void bearer_accepted(struct bearer *b, struct slice used);

#endif

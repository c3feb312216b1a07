/*
 * connect - one attempt to connect an account over OAuth: what a person is asked, what comes back,
 * and the grant that is made of it.
 *
 * It stores nothing and listens nowhere: the command connect does. Proof against others who send
 * something back in the person's name: the state, and the verifier of PKCE (RFC 7636).
 */
#ifndef ENGINE_CONNECT_H
#define ENGINE_CONNECT_H

#include "engine/grant.h"

struct connect;

/*
 * `account` is one with `oauth:`, lent; `more_scopes` are asked for beside the service's own,
 * separated by blanks, or NULL. RC_REFUSED where the app's secret cannot be had.
 */
enum rc connect_new(const struct world *world, const struct account *account,
		    const char *more_scopes, struct connect **out, struct err *err) MUST_CHECK;
void connect_free(struct connect *c); /* NULL does nothing; a request under way is forgotten */

/* Where the answer is expected: the account's redirect-url, or the service's default. */
const char *connect_redirect(const struct connect *c);
/* What the person opens. */
const char *connect_url(const struct connect *c);

/*
 * What came back: the whole address that the browser was sent to, its query, or (`alone`) the code
 * by itself. RC_OK: connect_step goes on with it. RC_INVALID: it is no answer to this attempt,
 * and another may come. RC_REFUSED: the person, or the service, said no.
 */
enum rc connect_take(struct connect *c, struct slice given, bool alone, struct err *err) MUST_CHECK;

/*
 * Begins what is due, once a code was taken: the code becomes tokens, and the service says whose they
 * are. *done: connect_grant has them. RC_REFUSED where the service refuses, RC_AGAIN where it
 * could not be asked.
 */
enum rc connect_step(struct connect *c, bool *done, struct err *err) MUST_CHECK;
/* Monotonic time of the next step that is due; INT64_MAX where only an answer can bring one. */
int64_t connect_wake_ms(const struct connect *c);
/* Ready for grant_connect but for who made it. Lent. */
struct grant *connect_grant(struct connect *c);

#endif

/*
 * grant - what a person granted an account over OAuth, as the state keeps it: one row an account.
 *
 * It is written by the command connect, and by whoever renews its tokens. Several processes may
 * need a new token at once (the daemon and commands beside it): a lease lets one of them ask.
 */
#ifndef ENGINE_GRANT_H
#define ENGINE_GRANT_H

#include "base/err.h"
#include "engine/oauth.h"
#include "engine/world.h"

/* Longer than a request for new tokens lives. */
#define GRANT_LEASE_MS 40000

struct grant {
	int64_t serial;	      /* counts the grants of the account; 0: it has none */
	struct str client_id; /* of the app that it was granted to */
	struct str refresh, access;
	int64_t expires_ms; /* of the access token, our clock */
	struct str tenant, tenant_name, scopes;
	struct str
		refused; /* why the service takes it no more; empty: nothing is known against it */
	int64_t made_ms;
	struct str made_by;
};

void grant_init(struct grant *g);
void grant_wipe(struct grant *g);

/* The state that holds the grants; NULL where there is none. */
struct db *grant_db(const struct world *world);
/* Reads the account's grant; its serial is 0 where it has none. RC_BROKEN where the state fails. */
enum rc grant_read(struct db *db, const char *account, struct grant *out,
		   struct err *err) MUST_CHECK;
/* A new grant takes the place of whatever was there. Its serial and refused do not count. */
enum rc grant_connect(struct db *db, const char *account, const struct grant *g,
		      struct err *err) MUST_CHECK;
/* *mine: until now_ms + GRANT_LEASE_MS nobody but this holder asks for new tokens. */
enum rc grant_lease(struct db *db, const char *account, const char *holder, int64_t now_ms,
		    bool *mine, struct err *err) MUST_CHECK;
/*
 * New tokens of the grant with this serial, in one durable step: only then may they be used. An
 * empty refresh token leaves the old one. *taken is false where another grant took its place.
 */
enum rc grant_renew(struct db *db, const char *account, int64_t serial,
		    const struct oauth_reply *tokens, int64_t expires_ms, bool *taken,
		    struct err *err) MUST_CHECK;
/* The service takes this refresh token no more. *noted is false where it is not the one in force. */
enum rc grant_refuse(struct db *db, const char *account, struct slice refresh, struct slice reason,
		     bool *noted, struct err *err) MUST_CHECK;

#endif

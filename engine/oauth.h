/*
 * oauth - what the engine knows of a service whose accounts are connected over OAuth: the requests
 * of RFC 6749 in the service's own form, and what its answers come to.
 *
 * It keeps and sends nothing: engine/bearer.c renews, the command connect obtains. One row in
 * engine/registry.c for each such service.
 */
#ifndef ENGINE_OAUTH_H
#define ENGINE_OAUTH_H

#include "base/arena.h"
#include "dsl/table.h"
#include "engine/http.h"

/* What a person is asked to grant. */
struct oauth_ask {
	const char *redirect_url;
	const char *scopes;    /* separated by blanks */
	const char *state;     /* comes back with the code */
	const char *challenge; /* of PKCE: SHA-256 of the verifier in base64url */
};

enum oauth_result {
	OAUTH_DONE,
	OAUTH_AGAIN,   /* passes by itself */
	OAUTH_DEAD,    /* the grant is no more, or the code is none: only connecting anew helps */
	OAUTH_REFUSED, /* the app is not known so: its id or its secret are wrong */
};

/*
 * What an answer of the token endpoint says. The reason is one line for people, without tokens;
 * the reply is to be wiped.
 */
struct oauth_reply {
	enum oauth_result result;
	int64_t wait_ms; /* OAUTH_AGAIN: at least so long */
	struct str reason;
	struct str access, refresh; /* refresh empty: the old one goes on */
	int64_t expires_in_ms;
	struct str tenant;	/* which account of the service it is for; empty: not said */
	struct str tenant_name; /* as people know it; empty: not said */
	struct str scopes;	/* separated by blanks; empty: not said */
};

void oauth_reply_init(struct oauth_reply *r);
void oauth_reply_wipe(struct oauth_reply *r);
/* Whether `scopes`, separated by blanks, hold this one. */
bool oauth_has_scope(struct slice scopes, const char *scope);

/* A scope that rules cannot do without. */
struct oauth_need {
	const char *scope;
	const struct rule *rule; /* the first that needs it; NULL: every rule does */
};
#define OAUTH_NEEDS 4

/* Who asks, in every request; the secret is the app's. */
struct oauth_app {
	const struct account *account;
	struct slice secret;
};

struct oauth_ops {
	const char *type;	      /* the account's type in the rule files */
	const char *client_id;	      /* the account's key for it */
	const char *secret;	      /* likewise */
	const char *redirect_url;     /* likewise */
	const char *default_redirect; /* where that is not given */
	const char *scopes;	      /* that are asked for, separated by blanks */

	/* The address that a person opens, in `memory`. */
	const char *(*authorize)(const struct account *account, const struct oauth_ask *ask,
				 struct arena *memory);
	/* The scopes without which this account's rules cannot work; answers how many. */
	size_t (*needs)(const struct table *table, uint32_t account,
			struct oauth_need out[OAUTH_NEEDS]);

	/*
	 * Requests. What holds a secret is put into `body`, to be wiped by the caller, who keeps
	 * it until the request has ended; the rest lives in `memory`.
	 */
	void (*exchange)(const struct oauth_app *app, const char *code, const char *redirect_url,
			 const char *verifier, struct str *body, struct arena *memory,
			 struct http_request *out);
	void (*renew)(const struct oauth_app *app, struct slice refresh, struct str *body,
		      struct arena *memory, struct http_request *out);
	/* Asks whose token it is: for the names of the account and its scopes. */
	void (*identify)(const struct oauth_app *app, struct slice access, struct str *body,
			 struct arena *memory, struct http_request *out);

	/* What came of exchange and renew; of identify: tenant, tenant_name and scopes only. */
	void (*tokens)(const struct http_response *response, struct oauth_reply *out);
	void (*identity)(const struct http_response *response, struct oauth_reply *out);
};

#endif

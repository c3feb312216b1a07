/*
 * gate - who may ask the admin endpoint what.
 *
 * Pure: a request's head in, a verdict out. What it keeps out: pages of other sites that act
 * through somebody's browser (no request with an Origin, none that a browser says is another
 * site's, no form), a name that was rebound to this machine (Host must be an address, `localhost` or a
 * name that was allowed), and over TCP whoever has no token. GET never changes anything; what does
 * is a POST. Sources: facts/reliability.md 3.10.
 */
#ifndef ENGINE_ADMIN_GATE_H
#define ENGINE_ADMIN_GATE_H

#include <stdbool.h>

#include "base/digest.h"

struct gate {
	const char *hosts;	/* further names that Host may be, `,` between them; NULL: none */
	bool asks;		/* for a token; not on a Unix socket, which is its owner's alone */
	char token[DIGEST_HEX]; /* SHA-256 of it */
};

/* A request's head; NULL where a header is not there. Lent. */
struct gate_request {
	const char *method;
	const char *host, *origin, *authorization, *content_type;
	const char *fetch_site, *fetch_mode; /* Sec-Fetch-… */
};

/* Asks for this token from now on. */
void gate_ask(struct gate *g, struct slice token);

/*
 * 0 where it may pass, else the HTTP status of the refusal with *why, a word for people. `Bearer
 * TOKEN`, or Basic with the token as the password (any name): what a browser can send.
 */
int gate_check(const struct gate *g, const struct gate_request *r, const char **why);

#endif

/*
 * serve - the sandbox behind an HTTP server.
 *
 * The clock is the caller's: the sandbox has none.
 */
#ifndef ENGINE_SANDBOX_SERVE_H
#define ENGINE_SANDBOX_SERVE_H

#include "base/server.h"
#include "engine/sandbox/sandbox.h"

extern const struct server_limits serve_limits;

/* Lets the sandbox answer, or fail on the way as its faults want it. */
void serve_request(struct sandbox *sb, int64_t now_ms, const struct server_request *request,
		   struct server_answer *answer);

#endif

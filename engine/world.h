/*
 * world - everything outside the engine, as a struct of functions.
 *
 * The engine asks nobody else for time, randomness, network, secrets or
 * storage, so the same engine runs in production (net.c), on a virtual clock
 * and in a simulation (sim.c).
 */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "dsl/table.h"
#include "engine/http.h"

struct counts;
struct db;

/* Not a struct typedef: the type of a function. What the response lends ends with the call. */
typedef void http_done(void *arg, const struct http_response *response);

struct world {
	void *ctx;
	int64_t (*wall_ms)(void *ctx); /* our own clock; may jump */
	int64_t (*mono_ms)(void *ctx); /* never goes back */
	uint64_t (*random)(void *ctx);
	/*
	 * Starts a request; what it lends must live until `done`. `done` is
	 * called exactly once, later, never from within this call, unless the
	 * request is cancelled or the world ends first.
	 */
	void (*http_start)(void *ctx, const struct http_request *request, http_done *done,
			   void *arg);
	/*
	 * Forgets the requests under way that were started with this `arg`: their `done` is
	 * never called.
	 */
	void (*http_cancel)(void *ctx, const void *arg);
	/*
	 * The secret's value, without white space at its ends. RC_REFUSED where it is missing
	 * or empty.
	 */
	enum rc (*secret)(void *ctx, const struct secret *secret, struct str *out, struct err *err);
	struct db *db; /* the state; engine/store/db.h */
	struct db *
		grants; /* where grants over OAuth are kept; NULL: in db. They differ where db is a copy */
	const struct log *log;
	struct counts *counts; /* engine/counts.h; NULL: nobody counts */
};

#endif

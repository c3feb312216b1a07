/*
 * sim - the world on a virtual clock, with the sandbox in place of the network.
 *
 * The same engine, unchanged, lives through days in milliseconds: time jumps to
 * whatever is due next. Deterministic: same seed, same calls, same run. Used by
 * scenes and benches.
 */
#ifndef ENGINE_SIM_H
#define ENGINE_SIM_H

#include "engine/engine.h"
#include "engine/sandbox/sandbox.h"

struct sim_call;

struct sim {
	struct world world;
	struct log log;
	struct sandbox *sandbox;
	int64_t now_ms;	    /* wall clock, and HubSpot's */
	int64_t skew_ms;    /* our wall clock is this much ahead of the true one */
	int64_t latency_ms; /* of one request; half there, half back */
	uint64_t random;
	struct sim_call *call; /* under way, in order of start */
	uint64_t started;
	bool lose_requests; /* requests under way when the engine ends never arrive */
};

/* `db` is lent. Logs go to `log_out` (NULL: nowhere). */
void sim_init(struct sim *sim, struct sandbox *sandbox, int64_t start_ms, uint64_t seed,
	      FILE *log_out);
/*
 * Lets the engine live until `until_ms`, or until it fails (RC_BROKEN, as
 * engine_step).
 */
enum rc sim_run(struct sim *sim, struct engine *engine, int64_t until_ms,
		struct err *err) MUST_CHECK;
/*
 * As sim_run, but ends early once engine_once says that nothing is left to do; *out is its
 * last word.
 */
enum rc sim_run_once(struct sim *sim, struct engine *engine, int64_t until_ms, enum once *out,
		     struct err *err) MUST_CHECK;
/*
 * The engine is gone: what is under way still reaches the sandbox (unless lose_requests), and
 * nobody hears the answer.
 */
void sim_abandon(struct sim *sim);

#endif

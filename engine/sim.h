/*
 * sim - the world on a virtual clock, with the sandbox in place of the network.
 *
 * The same engine, unchanged, lives through days in milliseconds: time jumps to
 * whatever is due next. Deterministic: same seed, same calls, same run. Each
 * request may be given a fate of its own (sim_fate). Used by scenes and benches.
 */
#ifndef ENGINE_SIM_H
#define ENGINE_SIM_H

#include "engine/backfill.h"
#include "engine/doctor.h"
#include "engine/engine.h"
#include "engine/names.h"
#include "engine/reconcile.h"
#include "engine/sandbox/sandbox.h"

struct sim_call;

/* A request that starts, as told to whoever decides its fate. */
struct sim_request {
	uint64_t number; /* from 1, in order of start */
	const char *method, *path, *query;
	struct slice body;
};

/*
 * What becomes of one request, decided as it starts. All zero: it goes its way, and what
 * sandbox_fault scripted for its kind may still befall it; this decides over one request,
 * knowing no kinds. Before the effect unless `after`; a 2xx `after` a service that did not answer so
 * itself is that service's own answer.
 */
struct sim_fate {
	enum {
		SIM_GOES,
		SIM_NOT_SENT, /* no connection */
		SIM_CUT,      /* the connection ends without an answer */
		SIM_TIMEOUT,  /* no answer ever */
		SIM_ANSWERED, /* by somebody on the way: status, body, retry_after_s */
		SIM_HALVED,   /* the service's own answer, of which half the body came */
	} how;
	bool after;
	int status;
	const char *body; /* lent until the answer is there; NULL: empty */
	int retry_after_s;
	int64_t delay_ms; /* on top of the latency, on the way back */
	/* The process ends at it: as the request leaves, or once its answer was heard. */
	enum { SIM_LIVES, SIM_ENDS_LEAVING, SIM_ENDS_ANSWERED } end;
};

typedef struct sim_fate sim_fate_hook(void *ctx, const struct sim_request *request);

/* An address beside the services' own that leads to the sandbox: what stands behind it is kept. */
struct sim_route {
	const char *base_url, *path;
};

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
	const struct sim_route *route; /* lent; ended by one without base_url; NULL: none */
	bool lose_requests;	       /* requests under way when the engine ends never arrive */
	sim_fate_hook *fate;	       /* asked once for each request; NULL: all go their way */
	void *fate_ctx;
	/*
	 * Set by a fate that ends the process: nothing leaves any more, and sim_run answers
	 * RC_BROKEN. Whoever sees it lets no commit pass (db_hook), ends the engine and clears it.
	 */
	bool ended;
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
/* Lets a reconcile come to its end, as reconcile_step says. */
enum rc sim_reconcile(struct sim *sim, struct reconcile *reconcile, struct err *err) MUST_CHECK;
/* Lets a backfill come to its end, as backfill_step says. */
enum rc sim_backfill(struct sim *sim, struct backfill *backfill, struct err *err) MUST_CHECK;
/* Lets a round of names come to its end, as names_round_step says. */
enum rc sim_names(struct sim *sim, struct names_round *round, struct err *err) MUST_CHECK;
/* Lets a check of the accounts come to its end, as doctor_step says. */
enum rc sim_doctor(struct sim *sim, struct doctor *doctor, struct err *err) MUST_CHECK;
/*
 * The engine is gone: what is under way still reaches the sandbox (unless lose_requests), and
 * nobody hears the answer.
 */
void sim_abandon(struct sim *sim);

#endif

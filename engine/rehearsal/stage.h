/*
 * stage - what a rehearsal plays on: services, clock, state and engine, and the steps that
 * change them. Between the files of this folder that live a test; nobody else includes it.
 */
#ifndef ENGINE_REHEARSAL_STAGE_H
#define ENGINE_REHEARSAL_STAGE_H

#include "engine/rehearsal/rehearsal.h"
#include "engine/sim.h"
#include "engine/store/db.h"

struct stage {
	struct rehearsal *out;
	const struct rehearsal_options *options;
	struct table *table; /* in force: what the engine loads at its next start */
	struct sandbox *sandbox;
	struct sim sim;
	struct engine *engine;	       /* NULL while the daemon is down */
	int64_t up_ms;		       /* when it starts again */
	struct sim_route *route;       /* heap; ended by one without a base_url */
	int64_t news, decision, trail; /* last rows that the timeline has */
	struct err err;
};

/* Services, clock and state; contacts and lists as the test declares them, a day before. */
enum rc stage_open(struct stage *s, struct rehearsal *out,
		   const struct rehearsal_options *options) MUST_CHECK;
void stage_close(struct stage *s);
/* Lives until then, through a time in which the daemon is down. */
enum rc stage_live_until(struct stage *s, int64_t until_ms) MUST_CHECK;
/* Lives until nothing is left to do but what waits for a person or an address. */
enum rc stage_live_out(struct stage *s) MUST_CHECK;
/* Takes the step, now. */
enum rc stage_take(struct stage *s, const struct ruletest_step *step) MUST_CHECK;

/* Reads what is in the state at the end. */
void stage_gather(struct stage *s);

/* The timeline: what happened now, and a hook for what the state learns. */
void stage_note(struct stage *s, const char *kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void stage_watch(struct stage *s);

#endif

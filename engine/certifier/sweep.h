/*
 * sweep - drafts that nobody holds: found by their address, and deleted
 * (facts/certifier.md 2.6). When, and for which creates, is engine/sweep.c's.
 * For this folder only.
 */
#ifndef ENGINE_CERTIFIER_SWEEP_H
#define ENGINE_CERTIFIER_SWEEP_H

#include "engine/action.h"

/* As struct action_ops says. */
void certifier_sweep_step(struct action *a, const struct stray *stray, struct arena *memory,
			  struct http_request *out);
void certifier_sweep_verdict(struct action *a, const struct stray *stray,
			     const struct http_response *r, const struct action_view *view,
			     struct arena *memory, struct verdict *out);

#endif

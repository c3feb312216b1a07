/*
 * limiter - at most so many requests in any rolling window, so that HubSpot's
 * 429 is the exception. The window is a little longer than HubSpot's own: what
 * leaves here evenly may arrive there bunched.
 */
#ifndef ENGINE_HUBSPOT_LIMITER_H
#define ENGINE_HUBSPOT_LIMITER_H

#include <stddef.h>
#include <stdint.h>

#define LIMITER_MOST                                                                               \
	250 /* HubSpot's largest 10-second limit, with the API add-on (facts/hubspot.md 6.1) */

struct limiter {
	size_t most;		       /* requests … */
	int64_t window_ms;	       /* … in any window of this length */
	int64_t sent_ms[LIMITER_MOST]; /* monotonic, a ring */
	size_t next;		       /* where the next is noted */
	size_t noted;		       /* how many are, at most LIMITER_MOST */
};

void limiter_init(struct limiter *l, size_t most, int64_t window_ms);
/* HubSpot told another limit. Out of bounds: as near as may be. */
void limiter_resize(struct limiter *l, int64_t most, int64_t window_ms);
/* Monotonic time at which the next request may leave: now_ms or later. */
int64_t limiter_ready_ms(const struct limiter *l, int64_t now_ms);
/* How many may leave now. */
size_t limiter_left(const struct limiter *l, int64_t now_ms);
void limiter_spend(struct limiter *l, int64_t now_ms);

#endif

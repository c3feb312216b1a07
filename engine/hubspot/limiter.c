#include "engine/hubspot/limiter.h"

/* What a header may say of the window: nothing that would switch us off, or on without end. */
#define SHORTEST_WINDOW_MS 1000
#define LONGEST_WINDOW_MS 60000

void limiter_init(struct limiter *l, size_t most, int64_t window_ms)
{
	*l = (struct limiter){ .most = most, .window_ms = window_ms };
}

void limiter_resize(struct limiter *l, int64_t most, int64_t window_ms)
{
	l->most = most < 1 ? 1 : most > LIMITER_MOST ? LIMITER_MOST : (size_t)most;
	l->window_ms = window_ms < SHORTEST_WINDOW_MS  ? SHORTEST_WINDOW_MS
		       : window_ms > LONGEST_WINDOW_MS ? LONGEST_WINDOW_MS
						       : window_ms;
}

int64_t limiter_ready_ms(const struct limiter *l, int64_t now_ms)
{
	if (l->noted < l->most)
		return now_ms;
	int64_t oldest = l->sent_ms[(l->next + LIMITER_MOST - l->most) % LIMITER_MOST];
	int64_t ready = oldest + l->window_ms;
	return ready > now_ms ? ready : now_ms;
}

void limiter_spend(struct limiter *l, int64_t now_ms)
{
	l->sent_ms[l->next] = now_ms;
	l->next = (l->next + 1) % LIMITER_MOST;
	if (l->noted < LIMITER_MOST)
		l->noted++;
}

size_t limiter_left(const struct limiter *l, int64_t now_ms)
{
	size_t spent = 0;

	while (spent < l->noted && spent < l->most &&
	       l->sent_ms[(l->next + LIMITER_MOST - 1 - spent) % LIMITER_MOST] + l->window_ms >
		       now_ms)
		spent++;
	return l->most - spent;
}

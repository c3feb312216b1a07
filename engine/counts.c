#include "engine/counts.h"

#include <string.h>

#include "base/clock.h"

const char *const call_end_names[CALL_ENDS] = { "ok",	  "refused",  "limited",
						"failed", "not-sent", "unknown" };

const char *const made_names[MADE_COUNT] = { "fired", "held", "skipped", "no-match", "no-event" };

const int64_t delay_bounds_ms[DELAY_BUCKETS] = {
	1 * MS_SECOND, 2 * MS_SECOND, 5 * MS_SECOND, 10 * MS_SECOND, 30 * MS_SECOND,
	1 * MS_MINUTE, 2 * MS_MINUTE, 5 * MS_MINUTE, 10 * MS_MINUTE, 30 * MS_MINUTE,
	1 * MS_HOUR,   3 * MS_HOUR,   12 * MS_HOUR,  1 * MS_DAY,
};

static enum call_end end_of(const struct http_response *r)
{
	if (r->outcome != HTTP_ANSWER)
		return r->outcome == HTTP_NOT_SENT ? CALL_NOT_SENT : CALL_UNKNOWN;
	if (r->status >= 200 && r->status < 300)
		return CALL_OK;
	if (r->status == 429)
		return CALL_LIMITED;
	return r->status >= 500 ? CALL_FAILED : CALL_REFUSED;
}

void calls_note(struct calls *c, const struct http_response *response)
{
	c->ended[end_of(response)]++;
}

void delays_note(struct delays *d, int64_t ms)
{
	ms = ms < 0 ? 0 : ms;
	d->count++;
	d->sum_ms += ms;
	for (size_t i = 0; i < DELAY_BUCKETS; i++) {
		if (ms <= delay_bounds_ms[i]) {
			d->bucket[i]++;
			return;
		}
	}
}

int64_t delays_within_ms(const struct delays *d, int percent)
{
	int64_t sum = 0;

	for (size_t i = 0; d->count && i < DELAY_BUCKETS; i++) {
		sum += d->bucket[i];
		if (sum * 100 >= d->count * percent)
			return delay_bounds_ms[i];
	}
	return -1;
}

void counts_note_made(struct counts *c, const char *outcome)
{
	for (size_t i = 0; c && i < MADE_COUNT; i++)
		if (strcmp(made_names[i], outcome) == 0)
			c->made[i]++;
}

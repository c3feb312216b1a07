#include "engine/skew.h"

#include <stdio.h>

#include "base/clock.h"

void skew_observe(struct skew *s, int64_t sent_ms, int64_t received_ms, int64_t date_ms)
{
	int64_t low = date_ms - received_ms;
	int64_t high = date_ms + 999 - sent_ms;

	if (high < low)
		high = low; /* our clock went back during the request */
	if (s->known && low <= s->high_ms && high >= s->low_ms) {
		if (s->low_ms > low)
			low = s->low_ms;
		if (s->high_ms < high)
			high = s->high_ms;
	}
	*s = (struct skew){ true, low, high };
}

void skew_shift(struct skew *s, int64_t by_ms)
{
	s->low_ms -= s->known ? by_ms : 0;
	s->high_ms -= s->known ? by_ms : 0;
}

int64_t skew_offset(const struct skew *s)
{
	if (!s->known || (s->low_ms <= 0 && s->high_ms >= 0))
		return 0;
	return s->low_ms;
}

bool skew_is_seen(int64_t offset_ms)
{
	return offset_ms >= 5 * MS_SECOND || offset_ms <= -5 * MS_SECOND;
}

const char *skew_say(int64_t offset_ms, char out[SKEW_TEXT])
{
	int64_t apart = offset_ms < 0 ? -offset_ms : offset_ms;
	char text[CLOCK_TEXT];

	if (apart < MS_SECOND)
		return "as the account's";
	snprintf(out, SKEW_TEXT, "ours is about %s %s the account's",
		 clock_format_duration(apart / MS_SECOND * MS_SECOND, text),
		 offset_ms > 0 ? "behind" : "ahead of");
	return out;
}

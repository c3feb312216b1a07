#include "engine/backoff.h"

#include "base/clock.h"

#define LONGEST_MS (15 * MS_MINUTE)

int64_t backoff_ms(int64_t failures, uint64_t random)
{
	int64_t whole = MS_SECOND;

	for (int64_t i = 1; i < failures && whole < LONGEST_MS; i++)
		whole *= 2;
	if (whole > LONGEST_MS)
		whole = LONGEST_MS;
	return whole / 2 + (int64_t)(random % (uint64_t)(whole / 2 + 1));
}

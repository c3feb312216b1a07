#include "tests/simulation/simulation.h"

/* splitmix64: the n-th number of a stream of a seed is always the same. */
static uint64_t next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct dice dice_of(uint64_t seed, uint64_t stream)
{
	struct dice d = { seed * 0x2545f4914f6cdd1du + stream };

	next(&d);
	return d;
}

int64_t dice_below(struct dice *d, int64_t n)
{
	return n > 0 ? (int64_t)(next(d) % (uint64_t)n) : 0;
}

int64_t dice_between(struct dice *d, int64_t low, int64_t high)
{
	return low + dice_below(d, high - low + 1);
}

bool dice_chance(struct dice *d, int64_t per_mille)
{
	return dice_below(d, 1000) < per_mille;
}

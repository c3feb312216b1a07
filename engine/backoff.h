/*
 * backoff - how long to wait after the n-th failure in a row.
 */
#ifndef ENGINE_BACKOFF_H
#define ENGINE_BACKOFF_H

#include <stdint.h>

/* 1 s doubling to 15 min, each time between half and the whole of it; failures from 1. */
int64_t backoff_ms(int64_t failures, uint64_t random);

#endif

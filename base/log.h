/*
 * log - one fact a line, to a stream, as text or JSON.
 *
 * A line is a time, a level, a fact in plain words and pairs of key and value.
 * Every line that concerns one names its account, rule, contact, event or
 * issuance by these keys. Values are made safe (base/str.h); addresses, names
 * and tokens are never given to it at levels above debug. The time comes from
 * the clock that the caller hands over, never from the kernel.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
	FILE *out;	      /* NULL: silent */
	enum log_level level; /* the lowest that is written */
	bool json;
	bool colour;
	int64_t (*now_ms)(void *ctx);
	void *ctx;
};

/* The level of that name, or false. */
bool log_level_of(const char *name, enum log_level *out);

/*
 * Pairs of (const char *key, const char *value) end with a NULL key. A pair
 * whose value is NULL is left out.
 */
void log_line(const struct log *log, enum log_level level, const char *fact, ...)
	__attribute__((sentinel));

#endif

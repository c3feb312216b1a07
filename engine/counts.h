/*
 * counts - what happened since the process began, counted: for metrics and the status page.
 *
 * In memory only. Whoever does the thing counts it, into what struct world lends, as with the log;
 * engine/admin/ reads it. Nothing is decided by it, and nothing in it tells of a person. Not here:
 * what the store can be asked for.
 */
#ifndef ENGINE_COUNTS_H
#define ENGINE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/http.h"

/* How one request to a service ended. */
enum call_end {
	CALL_OK,       /* 2xx */
	CALL_REFUSED,  /* 4xx and whatever else is no 2xx */
	CALL_LIMITED,  /* 429 */
	CALL_FAILED,   /* 5xx */
	CALL_NOT_SENT, /* certainly nothing of it arrived */
	CALL_UNKNOWN,  /* no usable answer */
	CALL_ENDS
};

extern const char *const call_end_names[CALL_ENDS];

/* The requests of one account. */
struct calls {
	int64_t ended[CALL_ENDS];
};

void calls_note(struct calls *c, const struct http_response *response);

/* Delays, from a second to a day: in `bucket[i]` what took at most delay_bounds_ms[i] and longer than the one before. */
#define DELAY_BUCKETS 14
extern const int64_t delay_bounds_ms[DELAY_BUCKETS];

struct delays {
	int64_t bucket[DELAY_BUCKETS];
	int64_t count, sum_ms; /* those that took longer than every bound included */
};

/* A negative delay (two clocks) counts as none. */
void delays_note(struct delays *d, int64_t ms);
/* The bound that so many per cent of the delays did not pass; -1 where there is none, or no delay at all. */
int64_t delays_within_ms(const struct delays *d, int percent);

/* What was made of an event, by rule or as a whole. */
enum made { MADE_FIRED, MADE_HELD, MADE_SKIPPED, MADE_NO_MATCH, MADE_NO_EVENT, MADE_COUNT };

/* The words of `decision`, by the enum above. */
extern const char *const made_names[MADE_COUNT];

struct counts {
	int64_t events;
	int64_t made[MADE_COUNT];
	struct delays to_decision;   /* from the event's time to its decision */
	struct delays to_credential; /* from the event's time to its issued credential */
};

/* By its word; a word that is none of them is not counted. NULL counts nothing. */
void counts_note_made(struct counts *c, const char *outcome);

#endif

/*
 * http - one outgoing request and its three outcomes, as values.
 *
 * Not a client: the world carries requests (engine/world.h). Used by sources,
 * actions and the two worlds (net.c over libcurl, sim.c in tests).
 */
#ifndef ENGINE_HTTP_H
#define ENGINE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Everything is lent until the request has ended. */
struct http_request {
	const char *method;
	const char *url;       /* whole, http or https */
	const char *socket;    /* path of a Unix socket to ask instead of url's host; NULL: none */
	const char *bearer;    /* token; goes into Authorization. NULL: none */
	const char *header[4]; /* further ones, `Name: value`; unused are NULL */
	struct slice body;     /* JSON or a form; sent only where has_body */
	bool has_body;
	/*
	 * A connection of its own, used once. libcurl repeats a POST by itself
	 * when a kept-alive connection dies after the server took it: measured
	 * on 7.88.1, facts/reliability.md finding 1.
	 */
	bool fresh;
	int64_t timeout_ms;
};

enum http_outcome {
	HTTP_ANSWER,   /* a whole answer came */
	HTTP_NOT_SENT, /* certainly nothing of the request reached the other side */
	HTTP_UNKNOWN,  /* it may have been received and acted upon; no usable answer */
};

#define HTTP_ABSENT INT64_MIN

struct http_response {
	enum http_outcome outcome;
	const char *problem; /* what failed, where outcome is not HTTP_ANSWER */
	int status;
	struct slice body;
	int64_t date_ms;	  /* Date header, or HTTP_ABSENT */
	int64_t retry_after_ms;	  /* from now on, or HTTP_ABSENT; never negative */
	int64_t rate_max;	  /* X-HubSpot-RateLimit-Max, or HTTP_ABSENT */
	int64_t rate_interval_ms; /* X-HubSpot-RateLimit-Interval-Milliseconds, or HTTP_ABSENT */
	int64_t rate_left;	  /* X-HubSpot-RateLimit-Remaining, or HTTP_ABSENT */
	int64_t day_max,
		day_left; /* X-HubSpot-RateLimit-Daily and -Daily-Remaining, or HTTP_ABSENT */
};

/*
 * Sets the seven numbers above from an answer's header lines (status line first
 * or not; lines after an empty one are trailers and do not count). What makes
 * no sense is absent. A Retry-After that is a date counts from the answer's
 * Date, else from now_ms (wall clock); it is cut to 24 hours.
 */
void http_read_headers(struct slice lines, int64_t now_ms, struct http_response *out);

#endif

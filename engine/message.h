/*
 * message - what a source sends by itself, as an HTTP request that came in, and what was made of it.
 *
 * A message is only news: it says "look at this contact", and nothing in it is believed beyond that.
 * Whoever serves it (engine/cli/listen.c, or a test) turns its request into a struct message; the
 * source judges it (source_ops.hear); engine/hear.h stores what it tells.
 */
#ifndef ENGINE_MESSAGE_H
#define ENGINE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* All of it is lent. */
struct message {
	const char *method;
	const char *path, *query; /* percent-encoded as received; query without '?', "" for none */
	struct slice body;
	/* How many headers have this name, its case not counted; *value is the first one's. */
	size_t (*header)(const void *ctx, const char *name, const char **value);
	const void *ctx;
};

/* A contact to look at. */
struct tip {
	struct slice contact; /* its id, without blanks */
	int64_t at_ms;	      /* what it tells of happened then; 0: not known */
	bool stamped; /* it gave the contact a new stamp, so a look that shows an older one is out of date */
};

/* What became of the events in a message, for counters: by a fixed word. */
struct heard_kind {
	const char *word;
	uint64_t count;
};

#define HEARD_TALLIES 8

/* In the memory that the hearing was given, but for what are constants. */
struct heard {
	int status;	    /* of the answer: 2xx once the tips are stored */
	const char *reason; /* a fixed word: why it was refused; NULL where it was not */
	const char *say;    /* for the one who sent it, beside the status; NULL: nothing */
	const struct tip *tip;
	size_t tips;
	struct heard_kind tally[HEARD_TALLIES]; /* the first without a word ends */
	uint64_t foreign;			/* of them: events of an account that is not ours */
};

#endif

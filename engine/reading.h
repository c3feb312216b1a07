/*
 * reading - one account's reads, one request after the other, each tried several times.
 *
 * For what somebody waits for at a terminal (names, doctor). Reads only, no state. A service gives
 * its part as a reader: what to ask next, and what an answer means.
 */
#ifndef ENGINE_READING_H
#define ENGINE_READING_H

#include "base/arena.h"
#include "dsl/table.h"
#include "engine/bearer.h"
#include "engine/world.h"

struct reader; /* a service's own; each defines it for itself */

struct reader_ops {
	/* The next request; false where there is nothing more to ask. What is built lives in `memory`. */
	bool (*next)(struct reader *reader, struct arena *memory, struct http_request *out);
	/* The least time from one request to the next. */
	int64_t (*pace_ms)(const struct reader *reader);
	/*
	 * RC_OK: taken. RC_AGAIN: the same request again, after *wait_ms (0: a
	 * back-off). RC_REFUSED, RC_INVALID: it cannot be had. `err` says why in one line.
	 */
	enum rc (*answer)(struct reader *reader, const struct http_response *response,
			  int64_t *wait_ms, struct err *err);
	void (*close)(struct reader *reader);
};

/* How long somebody waits. */
struct patience {
	unsigned tries;	    /* of one request */
	int64_t wait_ms;    /* the longest that a service may ask to wait */
	int64_t silence_ms; /* without an answer; 0: as long as the requests allow */
	int64_t whole_ms;   /* from the first request to the last answer; 0 likewise */
};

/* Every answer, before its reader takes it. `sent_ms`: our wall clock when its request left. */
typedef void reading_heard(void *arg, int64_t sent_ms, const struct http_response *response);

struct reading;

/* `account` is lent; takes the reader. */
struct reading *reading_new(const struct world *world, const struct account *account,
			    const struct reader_ops *ops, struct reader *reader,
			    const struct patience *patience);
void reading_free(struct reading *r); /* NULL does nothing; a request under way is cancelled */
/*
 * Whose token the requests carry: it is renewed as it needs to be, and who is refused with one that
 * has come to its end asks once more. Lent; set before the first step.
 */
void reading_carry(struct reading *r, struct bearer *bearer);
/* Who hears the answers; set before the first step. */
void reading_listen(struct reading *r, reading_heard *heard, void *arg);

/*
 * Begins what is due. *done: all was read. RC_REFUSED where the account says no, RC_AGAIN where
 * it could not be read after several tries or in time, RC_INVALID where its answers make no sense.
 */
enum rc reading_step(struct reading *r, bool *done, struct err *err) MUST_CHECK;
/* Monotonic time of the next step; INT64_MAX where only an answer can bring one. */
int64_t reading_wake_ms(const struct reading *r);

#endif

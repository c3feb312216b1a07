/*
 * names - what the accounts of a table are made of, asked for account by account: properties
 * and options, lists, groups, attributes, as a struct lock (dsl/lock.h).
 *
 * Reads only, no contact and no state. For `pull`, `validate --online` and
 * whatever else compares rules with the accounts. A service gives its part as a
 * struct names_ops, one row in engine/registry.c for each.
 */
#ifndef ENGINE_NAMES_H
#define ENGINE_NAMES_H

#include "dsl/lock.h"
#include "dsl/table.h"
#include "engine/bearer.h"
#include "engine/http.h"
#include "engine/world.h"

/* ---- what a service gives --------------------------------------------------- */

struct names_reader; /* one account's */

struct names_ops {
	const char *type; /* the account's type in the rule files */

	/* Everything is lent until the close. What is found goes into the account called that. */
	struct names_reader *(*open)(const struct account *account, const struct bearer *bearer,
				     struct lock *into);
	void (*close)(struct names_reader *reader);
	/* The next request; false where there is nothing more to ask. What is built lives in `memory`. */
	bool (*next)(struct names_reader *reader, struct arena *memory, struct http_request *out);
	/* The least time from one request to the next. */
	int64_t (*pace_ms)(const struct names_reader *reader);
	/*
	 * RC_OK: taken. RC_AGAIN: the same request again, after *wait_ms (0: a
	 * back-off). RC_REFUSED, RC_INVALID: it cannot be had. `err` says why in one line.
	 */
	enum rc (*answer)(struct names_reader *reader, const struct http_response *response,
			  int64_t *wait_ms, struct err *err);
};

/* ---- the round ---------------------------------------------------------------- */

struct names_round;

struct names_round *names_round_new(const struct world *world, const struct table *table);
void names_round_free(struct names_round *r); /* NULL does nothing */

/*
 * Begins what is due. *done: all was read. RC_REFUSED where an account says no, RC_AGAIN where
 * one could not be read after several tries, RC_INVALID where its answers make no sense: the
 * error names the account, and nothing that was read counts.
 */
enum rc names_round_step(struct names_round *r, bool *done, struct err *err) MUST_CHECK;
/* Monotonic time of the next step; INT64_MAX where only an answer can bring one. */
int64_t names_round_wake_ms(const struct names_round *r);
/* What was read, once done; lent until the round is freed. */
const struct lock *names_round_lock(const struct names_round *r);

#endif

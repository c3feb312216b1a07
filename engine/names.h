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
#include "engine/reading.h"

/* ---- what a service gives --------------------------------------------------- */

struct names_ops {
	const char *type; /* the account's type in the rule files */

	/* Everything is lent until the close. What is found goes into the account called that. */
	struct reader *(*open)(const struct account *account, const struct bearer *bearer,
			       struct lock *into);
	struct reader_ops reads;
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

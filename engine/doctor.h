/*
 * doctor - looks at everything that an installation stands on, and says what is wrong and what to
 * do next: `hs2cert doctor`.
 *
 * Changes nothing: it reads the accounts, no contact's properties, and the state. Three parts, each
 * of which goes on where another cannot: the accounts over the network (doctor.c), the rules and
 * the lock file against what the accounts said (doctor_rules.c), the state (doctor_state.c).
 */
#ifndef ENGINE_DOCTOR_H
#define ENGINE_DOCTOR_H

#include "dsl/build.h"
#include "dsl/lock.h"
#include "engine/bearer.h"
#include "engine/remark.h"
#include "engine/reading.h"
#include "engine/skew.h"

/* ---- what a service gives --------------------------------------------------- */

/* What the answers of an account told beside what they said. Numbers may be HTTP_ABSENT. */
struct vitals {
	struct skew skew; /* known: some answer had a Date */
	int64_t rate_max, rate_left, rate_interval_ms, day_max, day_left;
};

/* An account that is looked at. All is lent. */
struct patient {
	const struct world *world;
	const struct table *table;
	uint32_t account; /* index in table->account */
	bool rules;	  /* false: the table holds accounts only, the rules are not right */
	const struct bearer *bearer;
	struct remarks *out;
};

struct doctor_ops {
	const char *type; /* the account's type in the rule files */

	/*
	 * Whether the token is accepted and what it may do. What it finds goes into `out`, lent as
	 * all of the patient until the close. Where its reads fail, their error becomes a remark.
	 */
	struct reader *(*open)(const struct patient *patient);
	struct reader_ops reads;
	/* As open, of what needs no token: looked at beside the rest. NULL, or answers it: there is nothing. */
	struct reader *(*beside)(const struct patient *patient);
	const struct reader_ops *beside_reads;
	/* How much the account still allows. */
	void (*limits)(const struct patient *patient, const struct vitals *vitals);
};

/* ---- the accounts -------------------------------------------------------------- */

struct doctor;

/* As struct patient: `rules` false where the table holds accounts only. Lends all. */
struct doctor *doctor_new(const struct world *world, const struct table *table, bool rules);
void doctor_free(struct doctor *d); /* NULL does nothing */
/* Begins what is due, at all accounts side by side. */
void doctor_step(struct doctor *d, bool *done);
/* Monotonic time of the next step; INT64_MAX where only an answer can bring one. */
int64_t doctor_wake_ms(const struct doctor *d);
/* Once done: what was found, in the order of the table. */
void doctor_tell(const struct doctor *d, struct remarks *out);
/* Once done: the names of those accounts whose names could be read. Lent until the free. */
const struct lock *doctor_lock(const struct doctor *d);

/* ---- the rules -------------------------------------------------------------------- */

/*
 * Whether they are right by themselves, whatever names the accounts have. NULL where not even the
 * accounts are right; else the caller owns the table. *rules: it holds the rules, too.
 */
struct table *doctor_rules(const struct sources *s, const char *folder, struct remarks *out,
			   bool *rules);
/* What rules name and the accounts do not have, and whether the lock file is behind. */
void doctor_names(const struct sources *s, const struct lock *live, struct remarks *out);

/* ---- the state ---------------------------------------------------------------------- */

/* `table`: the rules of the folder, NULL where they are not right. `url`: as db_open. */
void doctor_state(const char *url, const struct table *table, struct remarks *out);

#endif

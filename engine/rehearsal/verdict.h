/*
 * verdict - what came of a rehearsal against what was expected.
 *
 * Entries and issuances are brought together by a largest matching: an entry that
 * names fewer fields never takes the issuance that another one needs.
 *
 * What was skipped needs no entry: nobody gets anything. All else does, what is in shadow
 * too: but for the mode of its rule it would be issued. A credential that was mailed more than once fails the test whatever
 * it expects.
 */
#ifndef ENGINE_REHEARSAL_VERDICT_H
#define ENGINE_REHEARSAL_VERDICT_H

#include "engine/rehearsal/rehearsal.h"

struct verdict {
	bool passed;
	const struct ruletest_entry **missing; /* that no issuance is left for */
	size_t missings;
	const struct rehearsed **unexpected; /* that no entry is left for */
	size_t unexpecteds;
	const struct rehearsed **mailed_twice;
	size_t twices;
};

/* Lists live in r->memory. */
void verdict_reach(struct verdict *v, struct rehearsal *r);

/* The first of what an entry names in which the issuance is another; NULL: it meets the entry. */
struct difference {
	const char *what; /* "rule", "contact", "state" or a field; NULL: none */
	struct slice wanted, got;
};
struct difference verdict_difference(const struct rehearsal *r, const struct ruletest_entry *entry,
				     const struct rehearsed *is);
/* The issuance's value of a field; empty where it has none. */
struct slice rehearsed_field(const struct rehearsed *is, const char *name);

#endif

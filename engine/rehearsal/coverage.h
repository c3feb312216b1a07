/*
 * coverage - what of the rules the tests have met: which rules earned something, which tests
 * of filters were seen to hold and not to hold, which fields came out with a text.
 *
 * Events are judged again as the engine saw them (engine/record.h), by every rule that
 * looks for such events, and every test of its filters is looked at.
 */
#ifndef ENGINE_REHEARSAL_COVERAGE_H
#define ENGINE_REHEARSAL_COVERAGE_H

#include "base/json.h"
#include "engine/rehearsal/rehearsal.h"

struct rule_coverage {
	bool fired;
	bool *held, *failed; /* by test of its filters */
	bool *field;	     /* by field */
};

struct coverage {
	const struct table *table;
	struct rule_coverage *rule; /* by rule id */
	struct arena memory;
};

/* Points of one kind, and how many of them were met. */
struct covered {
	size_t met, of;
};

enum covered_kind { COVERED_RULES, COVERED_FILTERS, COVERED_FIELDS, COVERED_KINDS };

void coverage_init(struct coverage *c, const struct table *table);
void coverage_release(struct coverage *c);
/* A rehearsal under this table, or under one that took its place at a reload. */
void coverage_add(struct coverage *c, const struct rehearsal *r);

void coverage_count(const struct coverage *c, struct covered out[COVERED_KINDS]);
/* Of all points, rounded down; 100 where there are none. */
int coverage_percent(const struct coverage *c);

/* A table, and the place of whatever was not met. */
void coverage_text(const struct coverage *c, struct str *out);
/* One object, without a line's end. */
void coverage_json(const struct coverage *c, struct str *out);

#endif

/*
 * warn - what is no error in rules that have none, and most likely not meant.
 *
 * A pass of its own over drafts that were checked: tests that cannot hold, or always do, rules
 * that can never fire or that issue twice, patterns that can be slow, fields that come out
 * empty, accounts that nobody uses. It would rather miss something than warn of what is right.
 * Its cost grows with the number of rules, not with its square.
 */
#ifndef DSL_WARN_H
#define DSL_WARN_H

#include "dsl/draft.h"
#include "dsl/reason.h"

void drafts_warn(struct faults *f, struct drafts *d);

/* ---- its parts --------------------------------------------------------------------- */

/* A rule with what its trigger and its filters demand. */
struct demands {
	const struct rule_draft *rule;
	struct literal_list must; /* all hold when it fires; the first may be the trigger's own */
	size_t own; /* of them, those that no test of the filters stands for: 0 or 1 */
	bool whole; /* they are all that the filters ask for */
	bool never; /* it cannot fire: this was said */
	const struct shelf *shelf; /* of warn_overlaps: where its first value stands */
};

/*
 * Fills *out, freed by demands_release, and warns of the rule's filters. What is in `scratch` is not wanted
 * any longer behind it.
 */
void warn_filters(struct faults *f, struct arena *arena, struct arena *scratch,
		  const struct rule_draft *r, struct demands *out);
void demands_release(struct demands *d);

/* A rule's patterns that can take very long. */
void warn_patterns(struct faults *f, const struct rule_draft *r);
/* A rule's references that come out empty whenever it fires. */
void warn_fields(struct faults *f, const struct demands *d);
/* Rules whose every credential another rule issues too; `list` in the order of the files. */
void warn_overlaps(struct faults *f, struct demands *list, size_t count);

#endif

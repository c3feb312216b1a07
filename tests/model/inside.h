/*
 * inside - what the oracle's files share: joins.c judges joins, changes.c changes of properties.
 */
#ifndef MODEL_INSIDE_H
#define MODEL_INSIDE_H

#include "tests/model/oracle.h"

/* One rule in one wording, from one load to the one that changes it. */
struct term {
	const struct model_rule *rule;
	size_t load;
	int64_t start_ms; /* events at or before it do not count */
	int64_t end_ms;	  /* of the wording */
};

struct judging {
	const struct model_story *story;
	struct model_verdict *out;
	struct term term;
};

/* The rule as it was loaded; NULL where it is off or absent. */
const struct model_rule *find_rule(const struct model_rules *rules, const char *name);
bool same_trigger(const struct model_rule *a, const struct model_rule *b);
/* When the term's rule was activated: at the first load of those that kept its trigger. */
int64_t activated_ms(const struct judging *j);

/* Whether a quiet time made sure of what happened at at_ms, before until_ms. */
bool made_sure(const struct model_story *s, int64_t at_ms, int64_t until_ms);
/* Whether a look under the wording of this term was sure before until_ms. */
bool surely_decided(const struct judging *j, int64_t at_ms, int64_t until_ms);
/* Whether there was a quiet time between in which the contact was to be seen. */
bool was_seen(const struct model_story *s, const struct model_record *r, int64_t from_ms,
	      int64_t until_ms);
/*
 * Where a merge keeps an id, nothing need say when it was: until a quiet time after it a change
 * may be taken for one from before.
 */
bool hides_behind_merge(const struct model_story *s, const struct model_record *r, int64_t at_ms);

/* The number of a new group of claims. */
size_t add_group(struct model_verdict *v, int least, int most, const char *why);
/* Its claims may be met or not, and why. */
void make_unsure(struct judging *j, size_t group, const char *why);
/* A claim for the event, where the rule says yes to it: as the record was, or `seen` as it came to be. */
void claim_event(struct judging *j, const struct model_event *e, const struct model_record *seen,
		 size_t group);
/*
 * A claim for what was not surely decided before a merge, a deletion or a leaving: it may have
 * been decided by any later wording, too, and after a merge from the histories of both together.
 */
void claim_unsure(struct judging *j, const struct model_event *e, size_t group);

/* All claims of the term from joins of the lists that its rule means. */
void judge_joins(struct judging *j);
/* All claims of the term from changes of the record's property. */
void judge_changes(struct judging *j, struct model_record *r);

#endif

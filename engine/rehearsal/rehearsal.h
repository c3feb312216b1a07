/*
 * rehearsal - one rule test lived through: the real engine, unchanged, on a virtual
 * clock, with the built-in services in place of the network and its state in memory.
 *
 * Not here: what a test is (dsl/ruletest.h), and whether what happened is what was
 * expected (engine/rehearsal/verdict.h). Used by `hs2cert test`.
 *
 * Deterministic: the same test under the same rules gives the same rehearsal.
 */
#ifndef ENGINE_REHEARSAL_REHEARSAL_H
#define ENGINE_REHEARSAL_REHEARSAL_H

#include "base/arena.h"
#include "dsl/eval.h"
#include "dsl/lock.h"
#include "dsl/ruletest.h"
#include "engine/issuance.h"
#include "engine/record.h"

/* An issuance as it stands at the end. */
struct rehearsed {
	int64_t id;
	const char *rule, *contact, *group;
	const char *target, *from, *to; /* from NULL: not known; both "" for a list */
	const char *reason;		/* NULL: none */
	int64_t at_ms;
	enum issuance_state state;
	struct ruletest_pairs field; /* as rendered; empty ones are left out */
	int mails;
};

/* What a rule made of an event, or that it was none. */
struct rehearsed_decision {
	int64_t at_ms, made_ms;
	int64_t event;		    /* as it was recorded; 0: it was none */
	const char *contact, *rule; /* rule NULL: said of all that watch `target` */
	const char *target, *from, *to;
	const char *outcome, *reason; /* reason NULL: none */
};

/* Something that happened, for the timeline. */
struct rehearsed_moment {
	int64_t at_ms;
	const char *kind, *text;
};

/* An id that was merged away, and the contact that it is now. */
struct rehearsed_alias {
	const char *old, *contact;
};

struct rehearsal {
	const struct ruletest *test;
	struct arena memory;
	const char *broken; /* why it could not be lived to its end; NULL: it was */
	const struct ruletest_step *broken_at; /* the step that could not be; may be NULL */
	struct rehearsed *issued;
	size_t issueds;
	struct rehearsed_decision *decision; /* in the order in which they were made */
	size_t decisions;
	struct recorded *event; /* what rules could see, in the order in which it was decided */
	size_t events;
	struct rehearsed_moment *moment; /* heap */
	size_t moments, cap_moments;
	struct rehearsed_alias *alias;
	size_t aliases;
};

struct rehearsal_options {
	struct table *table; /* in force at the start */
	bool moments;	     /* keep what happened, for a timeline */
	/* What the real portal is made of: labels and types of properties, names of lists. NULL: unknown */
	const struct lock *lock;
};

/* Lives the test through. The caller ends with rehearsal_release. */
void rehearsal_live(struct rehearsal *r, const struct ruletest *test,
		    const struct rehearsal_options *options);
void rehearsal_release(struct rehearsal *r);

/* Whether both ids are the same contact, by what was merged. */
bool rehearsal_same_contact(const struct rehearsal *r, const char *contact, int64_t id);

#endif

/*
 * oracle - what must have been issued: behaviour.md, worked out from what
 * happened in HubSpot (portal.h) and the rules that were in force when.
 *
 * Knows nothing of the engine, of polls, faults, crashes or restarts: what is
 * issued does not depend on them. Where behaviour.md names something that
 * nobody can keep, and it was not made sure of before (a quiet time), a claim
 * may be met or not; a group says how many of its claims must and may be.
 */
#ifndef MODEL_ORACLE_H
#define MODEL_ORACLE_H

#include "tests/model/rules.h"

/* Rules taken into use, in order of time. */
struct model_load {
	int64_t at_ms; /* HubSpot's clock */
	const struct model_rules *rules;
};

/* Nothing happened in HubSpot, no fault, the program up: by the end all before is decided. */
struct model_quiet {
	int64_t from_ms, until_ms;
};

struct model_story {
	const struct model_portal *portal;
	const struct model_load *load;
	size_t loads;
	const struct model_quiet *quiet;
	size_t quiets;
	int64_t creation_window_ms;
	bool blurred; /* our clock was set, or a list was being built: times of activation are not exact */
	int64_t end_ms;
	bool refuses; /* what is refused may be overtaken by a later event of the rule */
};

struct model_group {
	int least, most; /* of its claims */
	int met;	 /* the judge counts */
	int kept;	 /* of its claims, by narrow.c */
	const char *why; /* why it may be met or not; NULL: it must */
};

/* One credential that somebody is owed, or may be. */
struct model_claim {
	struct model_event event;
	int64_t due_ms; /* decided from a look at that time or later */
	size_t group;
	bool shadow; /* to be recorded, never issued */
	bool met;
};

struct model_verdict {
	struct model_claim *claim; /* in order of the event's time, by rule and record */
	size_t claims, claim_cap;
	struct model_group *group;
	size_t groups, group_cap;
};

/* Part of it: what `repeat:` leaves of the claims; narrow.c. */
void verdict_narrow(struct model_verdict *v, bool refuses);
void oracle_judge(const struct model_story *story, struct model_verdict *out);
void model_verdict_release(struct model_verdict *v);

#endif

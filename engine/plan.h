/*
 * plan - from a match to an issuance: identity, repeat, e-mail, fields, brake.
 *
 * plan_make decides what the issuance will be without writing anything; the
 * caller writes it with ledger_insert once every rule of the event is sure.
 * plan_again decides anew for one that is in the ledger (engine/replan.h).
 */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "base/arena.h"
#include "dsl/eval.h"
#include "engine/issuance.h"
#include "engine/store/db.h"
#include "engine/view.h"

struct plan {
	struct issuance is;
	struct slice email; /* rendered; empty where there is none */
};

/* What plan_make needs beside the rule. */
struct plan_input {
	struct db *db;
	const struct table *table;
	const struct event_facts *event;
	const char *target; /* for the identity: property name or list id */
	const char *contact;
	const struct view *then; /* as of the event's time plus settle */
	struct facts now;	 /* as the contact is now */
	int64_t began_ms;	 /* the source's clock: when the look began */
	int64_t wall_ms;
};

enum plan_result {
	PLAN_MADE,
	PLAN_KNOWN,  /* this event of this rule is in the ledger already */
	PLAN_UNSURE, /* a fact could not be read now */
};

/*
 * `limit`: the place of a filter that hit its match limit, or NULL. Texts live in `memory`;
 * out->is.fields is to be freed.
 */
enum plan_result plan_make(const struct plan_input *in, const struct rule *rule,
			   const struct match_note *limit, struct arena *memory, struct plan *out);
/* An issuance that is skipped for `reason` without a look at filters and fields. */
enum plan_result plan_skip(const struct plan_input *in, const struct rule *rule, const char *reason,
			   struct arena *memory, struct plan *out);

/*
 * As plan_make, of who qualifies as things are now, whenever the event was (engine/backfill.h):
 * `then` is the contact as it is now, too, and what waits for an address waits from now on.
 * PLAN_KNOWN also where the rule gave the contact one for this value before. An event that is in
 * shadow, where the rule is live now: out->is.id is its row. The brake lets `room` more pass.
 */
enum plan_result plan_late(const struct plan_input *in, const struct rule *rule,
			   const struct match_note *limit, int64_t room, struct arena *memory,
			   struct plan *out);

/*
 * What has become of `is`, which is held or refused before anything was created, with the
 * rule now in force: filters and the brake are not judged again, all else is. PLAN_MADE with
 * the state that it was in where it still waits. Where it has fields, its address was there in time: that is not judged
 * again either, and where it is gone the issuance is held until it is back.
 */
enum plan_result plan_again(const struct plan_input *in, const struct rule *rule,
			    const struct issuance *is, struct arena *memory, struct plan *out);
/* Why `repeat:` of the rule now in force skips the issuance; NULL: it does not. */
const char *plan_repeats(struct db *db, const struct rule *rule, const struct issuance *is);

#endif

/*
 * act - what a person may do with an issuance: approve, retry, resend, drop.
 *
 * Used by `hs2cert approve | retry | resend | drop`, beside a daemon or without
 * one, and by tests in the middle of a life. Each act is one conditional change
 * of a row at rest: an issuance with a request under way is never touched, and one
 * that meanwhile moved on is left alone. The engine finds what there is to do at its
 * next turn. Which issuances are meant is the caller's business.
 */
#ifndef ENGINE_ACT_H
#define ENGINE_ACT_H

#include "engine/issuance.h"
#include "engine/store/db.h"

enum act {
	ACT_APPROVE, /* lets go on what the brake holds */
	ACT_RETRY,   /* held or refused: goes on; planned anew where nothing was created yet */
	ACT_RESEND,  /* send-unknown or sent: is sent once more */
	ACT_DROP,    /* never goes on */
	ACT_COUNT
};

extern const char *const act_names[ACT_COUNT];

enum act_result {
	ACT_DONE,    /* or, without `commit`: would be done */
	ACT_ALREADY, /* it was done before: nothing changes */
	ACT_CANNOT,  /* not from its state: `why` says so */
	ACT_NOBODY,  /* there is no such issuance */
};

struct act_outcome {
	enum act_result result;
	const char *why;	  /* a constant; NULL where done */
	enum issuance_state from; /* the state it has, or had */
	enum issuance_state to;	  /* the state it has now; as `from` where nothing changed */
};

/* Whether the act is for this issuance, and what would become of it. */
struct act_outcome act_judge(enum act act, const struct issuance *is);

/*
 * Does it, as part of the caller's transaction. `who` goes to the trail with our clock's time.
 * Texts that the outcome lends are constants.
 */
struct act_outcome act_do(struct db *db, enum act act, int64_t id, const char *who, int64_t now_ms);

#endif

/*
 * act - what a person may do with issuances: approve, retry, resend, drop.
 *
 * One table of moves: act, from which state, to what. The command line
 * (engine/cli/act.c) and in-process tests call the same function. It works
 * beside a running daemon: it changes only rows that rest (no -ing state), in
 * short transactions, each only if it still is in the state that it was in; the
 * daemon finds them at its next turn (engine/ledger.h, ledger_update). It sends
 * nothing itself.
 *
 *   approve  held by the brake -> planned, as it was; where its rule says `repeat: once-…`, or another of
 *                                 the contact counts for it, only when the next look has asked it
 *   retry    held, refused     -> the state to go on from; where nothing is
 *                                 issued yet the contact goes into the inbox, and
 *                                 the next look asks `repeat:` again and plans it
 *                                 anew, or lets its draft go on
 *                                 (engine/replan.h): until then it stays as it is
 *   resend   send-unknown      -> issued, so that it is sent once more; what was
 *                                 sent, too, where it is named by its id
 *   drop     planned, draft, issued (where a step is left), held, refused,
 *            send-unknown      -> dropped; where its mail had left before a
 *                                 resend: sent, as it was. After a copy was put back
 *                                 nothing that may have been issued since, before the
 *                                 reconcile
 *
 * Invariants
 *  1. Doing it twice changes nothing the second time, and says so; but a resend of
 *     what has been sent meanwhile is one more mail. Of two that wait for the next look
 *     the later one counts.
 *  2. What is selected is moved only if it still is what was selected when its turn comes.
 *  3. A dry run says what would be done, and writes nothing.
 *  4. Each change is in the trail with when and who.
 *
 * In process: act_do(db, ACT_APPROVE, &(struct act_choice){ 0 }, &by,
 * say, ctx, &found, &err), outside of any transaction, between two steps of the
 * engine.
 */
#ifndef ENGINE_ACT_H
#define ENGINE_ACT_H

#include "base/err.h"
#include "engine/issuance.h"
#include "engine/store/db.h"

enum act { ACT_APPROVE, ACT_RETRY, ACT_RESEND, ACT_DROP, ACT_COUNT };

/* "approve", "retry", … */
extern const char *const act_names[ACT_COUNT];

/* Whether nothing was done with the issuance since this was. */
bool act_was_last(struct db *db, int64_t issuance, enum act act);

/* Which issuances: those named, else all that the act can move and that fit what is given. */
struct act_choice {
	const int64_t *id;
	size_t ids;
	const char *rule;  /* NULL: any */
	const char *state; /* NULL: any that the act can move */
	const char *hold;  /* NULL: any */
};

/* Who does it, and when. */
struct act_by {
	const char *who; /* for the trail; NULL: not known */
	int64_t now_ms;	 /* our clock */
	bool dry_run;
};

enum act_outcome {
	ACT_DONE,      /* moved; in a dry run: would be */
	ACT_UNCHANGED, /* there is nothing to do, `why` says how so */
	ACT_ABSENT,    /* named, and there is no such issuance: only id is set in `is` */
};

struct act_result {
	enum act_outcome outcome;
	const struct issuance *is; /* as it was before */
	/* ACT_DONE: what it is now, or where `at_look` may be then; as before where `replan` */
	enum issuance_state to;
	bool at_look;	 /* ACT_DONE: it waits for the next look at the contact, … */
	bool replan;	 /* … and is planned anew then */
	const char *why; /* ACT_UNCHANGED, and ACT_DONE where it needs a word; else NULL */
};

/* Called for each issuance after its change is committed; what is lent lives as long as the call. */
typedef void act_say(void *ctx, const struct act_result *result);

/*
 * Does it. *found: how many there were, whatever became of them. RC_BROKEN where the store
 * fails: what was said is done, the rest is not.
 */
enum rc act_do(struct db *db, enum act act, const struct act_choice *choice,
	       const struct act_by *by, act_say *say, void *ctx, size_t *found,
	       struct err *err) MUST_CHECK;

#endif

/*
 * orphan - credentials at a service that no issuance holds, as the last
 * reconcile found them, and which issuance one of them belongs to.
 *
 * An issuance that nothing was created for takes the oldest orphan of its
 * group, address and fields that was made after its event: a reconcile offers
 * them all (engine/reconcile.c), and each create looks here first, so that what
 * is decided only later finds its credential as well. Not strays
 * (engine/sweep.h): those are drafts that we know we may have left.
 *
 * Everything here is part of the caller's transaction.
 */
#ifndef ENGINE_ORPHAN_H
#define ENGINE_ORPHAN_H

#include "base/arena.h"
#include "engine/action.h"
#include "engine/store/db.h"

/* How a reconcile met a credential. */
struct orphan_sight {
	int64_t seen_ms; /* the service's clock: when this reconcile began */
	bool suspect;	 /* made after the sign of life of a state that was restored */
};

void orphan_note(struct db *db, const char *account, const struct credential *c,
		 const struct orphan_sight *sight);
/* Those that the reconcile that began at seen_ms would have met, back to oldest_ms, and did not are orphans no more. */
void orphan_forget_others(struct db *db, const char *account, int64_t oldest_ms, int64_t seen_ms);

bool orphan_any(struct db *db, const char *account);

enum orphan_taken {
	ORPHAN_NONE,
	ORPHAN_ADOPTED, /* goes on from its draft, or is issued and needs no mail */
	ORPHAN_PARKED,	/* issued, and perhaps mailed: send-unknown */
	ORPHAN_HELD,	/* one with other fields, suspect: a person is to say which it is; once */
};

struct orphan_look {
	int64_t now_ms;
	bool drafts; /* these, too: they may be gone a while after a reconcile */
	bool alike;  /* where none has all its fields, one that may be it for all we know */
};

/*
 * Looks for the orphan of an issuance in planned, creating, held or refused that has no credential, and
 * writes what came of it; *after is the issuance then. After a restore any suspect one of its group
 * may be it, since address and name may have been changed, or its contact merged; and one of another group
 * with its address or name, since the rule may have named that group. First comes one
 * with its address or name, then the oldest. Which one it is nobody can tell, so it holds all that it may be,
 * once each, but none of a rule that makes drafts only.
 */
enum orphan_taken orphan_take(struct db *db, const struct issuance *is,
			      const struct orphan_look *look, struct arena *memory,
			      struct issuance *after);

#endif

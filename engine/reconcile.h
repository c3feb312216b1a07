/*
 * reconcile - source, ledger and service against each other: after a backup was
 * put back, and whenever somebody wants to know whether anyone was missed.
 *
 *   catch up   everything since activation is read again from the sources, and
 *              decided as ever, so that the ledger has all that should be issued
 *   list       the service's credentials of our groups; those that no issuance
 *              holds are noted as orphans (engine/orphan.h)
 *   compare    one transaction for each account: issuances take the orphans that
 *              are theirs; what a restored state may mail again is parked; the
 *              account is restored no more
 *
 * Nothing is issued meanwhile. A crash anywhere leaves an account restored that
 * was; the next reconcile begins anew and comes to the same.
 *
 * It runs an engine of its own on the world's state, which this process must
 * own, or which is a copy (db_copy) for a dry run. Used by the command and by
 * scenes.
 */
#ifndef ENGINE_RECONCILE_H
#define ENGINE_RECONCILE_H

#include "engine/world.h"

enum finding_kind {
	FOUND_ADOPTED, /* its credential was found; it goes on from there, or is done */
	FOUND_PARKED,  /* found issued, and it may have been mailed: send-unknown */
	FOUND_HELD,    /* perhaps found, with other fields: a person is to look */
	FOUND_MISSED,  /* should have been issued and was not: the daemon will */
	FOUND_GONE,    /* its credential is not there any more */
	FOUND_ORPHAN,  /* a credential of our groups that nothing in the ledger explains */
	FOUND_KINDS
};

extern const char *const finding_names[FOUND_KINDS];

/* Texts are NULL where they do not apply. */
struct finding {
	enum finding_kind kind;
	int64_t issuance; /* 0: none */
	const char *account, *group, *email, *rule, *contact, *credential, *reason;
};

struct reconcile_report {
	struct finding *finding; /* by account and kind */
	size_t count;
	size_t of[FOUND_KINDS];
};

struct reconcile;

/* `world` and `table` are lent. `account`: only this action account is compared; NULL: all. */
struct reconcile *reconcile_new(const struct world *world, struct table *table,
				const char *account);
void reconcile_free(struct reconcile *r); /* NULL does nothing */
/*
 * Before the first step: the state may know nothing of what was issued since this time, as one that was lost and
 * made anew. Credentials are listed back to it, and those that nothing explains are what an issuance may have lost.
 */
void reconcile_reach(struct reconcile *r, int64_t since_ms);

/*
 * Goes on with what is due; *done once all is compared. RC_REFUSED where a source or a service
 * could not be read: nothing of what was not compared yet has changed but what was decided meanwhile.
 * RC_BROKEN where the store fails.
 */
enum rc reconcile_step(struct reconcile *r, bool *done, struct err *err) MUST_CHECK;
/* Monotonic time of what is due next; INT64_MAX where only an answer can bring something. */
int64_t reconcile_wake_ms(struct reconcile *r);
/* Complete once it is done. */
const struct reconcile_report *reconcile_report(const struct reconcile *r);

#endif

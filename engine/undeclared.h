/*
 * undeclared - issuances of an account that the rules do not declare (any more): it was renamed, or taken out. Nobody
 * would work on them, and nothing would say so.
 *
 * Of an account that issues, those that have a step to take are held. They go on where they were as soon as the account
 * is declared again. Where nothing was created yet, a retry plans them anew, for the account that their rule has
 * then (engine/act.h). What was created, or may have been, is in the account's workspace: it goes on only there, so a
 * retry of it is held again.
 *
 * Of an account that has the contacts, those that wait for a look say in their reason, beside what it was, why nobody
 * looks; a step that needs no look is taken all the same. They go on waiting, and are looked at as soon as the account is
 * declared again.
 */
#ifndef ENGINE_UNDECLARED_H
#define ENGINE_UNDECLARED_H

#include "base/err.h"
#include "engine/issuance.h"
#include "engine/world.h"

/* Part of the caller's transaction: what was held so of this account, which is declared, goes on. */
void undeclared_release(struct db *db, const char *account, int64_t now_ms);

/* Whether the account is declared, or a request of it is under way yet: then it is looked at again when that has ended. */
typedef bool undeclared_served(void *ctx, const char *account);

/*
 * Holds what has a step to take of accounts that are not served, and says so; all but a send under way. Costs a search
 * in an index for each account that has work. RC_BROKEN where the store fails.
 */
enum rc undeclared_hold(const struct world *world, undeclared_served *served, void *ctx,
			struct err *err) MUST_CHECK;

/*
 * Says of what waits for a look (a person asked for it, or it waits for an address) that nobody looks, where the account of
 * its contact is not served; and no more so where it is. Costs a search in an index for each account, and one through
 * what is parked. RC_BROKEN where the store fails.
 */
enum rc undeclared_tell(const struct world *world, undeclared_served *served, void *ctx,
			struct err *err) MUST_CHECK;
/* What that says of it, to its reason's end; NULL where it says nothing. */
const char *undeclared_told(const struct issuance *is);

#endif

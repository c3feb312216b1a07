/*
 * resume - issuances that wait for something about their contact: an address
 * (`missing-email: hold`, or one that was gone when the fields were rendered),
 * or a person's retry, which plans them anew.
 *
 * A look at the contact takes them on, or says why not; part of the look's
 * transaction (engine/decide.c). What Certifier's side holds (plan, group) and
 * what the brake holds is not its business: engine/act.h, engine/outbox.h.
 *
 * Invariants
 *  1. What was created at the service already is never planned anew.
 *  2. A hold with an end becomes planned or skipped by what the history says of
 *     that end, however late the look.
 */
#ifndef ENGINE_RESUME_H
#define ENGINE_RESUME_H

#include "engine/decide.h"

/*
 * Takes on what waits for this contact, under any of its ids. False where some fact could not be
 * read now: the look is to be repeated.
 */
bool resume_contact(const struct decide *d, const struct contact *c, int64_t began_ms,
		    struct arena *memory) MUST_CHECK;

/*
 * Contacts whose holds have come to their end become news; part of the caller's transaction.
 * The time is the source's.
 */
void resume_promote(struct db *db, const char *account, int64_t source_now_ms);
/*
 * After a load: contacts whose retry waited for its rule become news; part of the caller's
 * transaction.
 */
void resume_retries(struct db *db, const char *account);
/* When the next hold of the account ends that was not promoted; INT64_MAX where none does. */
int64_t resume_next_ms(struct db *db, const char *account);

#endif

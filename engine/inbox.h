/*
 * inbox - durable news: which contacts are to be looked at, and which bursts
 * and joins are waiting for their due time.
 *
 * Everything here is part of the caller's transaction. Not here: what the news
 * means (engine/decide.c).
 */
#ifndef ENGINE_INBOX_H
#define ENGINE_INBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine/came.h"
#include "engine/store/db.h"

/*
 * Something changed at the contact; modified_ms 0 where it is not known when. Older news than
 * what is there is nothing new. `came`: how, and when by our clock.
 */
void inbox_add(struct db *db, const char *account, struct slice contact, int64_t modified_ms,
	       struct came came);

/* Whether some issuance of the account's contacts is held until there is an address. */
bool inbox_waits_for_address(struct db *db, const char *account);
/* The contacts of all of these are to be looked at. */
void inbox_add_waiting(struct db *db, const char *account, int64_t wall_ms);
/* The contacts of those of this rule are to be looked at, because it is activated. */
void inbox_add_waiting_of(struct db *db, const char *rule, int64_t wall_ms);

/*
 * The same told by a message, whose time is not always the contact's own: a look that is under way
 * may have begun before it, whatever it shows. `since_ms`: a look that shows nothing as new as
 * this is out of date; 0: none is.
 */
void inbox_tell(struct db *db, const char *account, struct slice contact, int64_t since_ms,
		int64_t wall_ms);

/* One contact that is to be looked at. */
struct news {
	const char *contact;
	int64_t seq;
	int64_t modified_ms;
	int64_t failures;
	const char *came; /* engine/came.h */
};

/*
 * The oldest news of the account that may be looked at now, at most `most`, in
 * `memory`; what failed before comes after what did not. `wall_ms` is our
 * clock. Answers how many.
 */
size_t inbox_take(struct db *db, const char *account, int64_t wall_ms, size_t most,
		  struct arena *memory, struct news **out);
/* The contact is to be looked at when the source's clock has reached due_ms. */
void inbox_recall(struct db *db, const char *account, const char *contact, int64_t due_ms);
/* Pending bursts and recalls that have fallen due by the source's clock become news, once. */
void inbox_promote(struct db *db, const char *account, int64_t source_now_ms, int64_t wall_ms);
/* The contact was looked at: what is still pending of it may fall due again. */
void inbox_demote(struct db *db, const char *account, const char *contact);
/* Lets what waits longer than any wait can be (a clock was set back) wait no more. */
void inbox_forget_waits(struct db *db, int64_t after_ms);
/* The contact was looked at: the news is done, unless more came meanwhile: then that alone is left. */
void inbox_done(struct db *db, const char *account, const struct news *news);
/* Whether more came since it was taken: another look follows. */
bool inbox_has_more(struct db *db, const char *account, const struct news *news);
/* The look failed: again not before a back-off. */
void inbox_again(struct db *db, const char *account, const struct news *news, int64_t wall_ms,
		 uint64_t random);
/* All other news that can be looked at now comes before it. */
void inbox_put_last(struct db *db, const char *account, const char *contact);

/*
 * Our clock's time, after after_ms, at which the next news may be looked at; INT64_MAX where
 * there is none.
 */
int64_t inbox_next(struct db *db, const char *account, int64_t after_ms);
/* The source's clock's time of the next pending burst or recall; INT64_MAX where there is none. */
int64_t inbox_next_due(struct db *db, const char *account);
int64_t inbox_count(struct db *db, const char *account);
int64_t inbox_pending_count(struct db *db, const char *account);

/* A burst or join that waits. */
struct pending {
	int64_t watch;
	int64_t at_ms, due_ms;
	/* Of a join: the id of the list that was joined (empty where it was not kept yet), and nothing. */
	struct slice from, to;
	bool from_known;
	/* Of a burst: its first entry. Of a join: when the scan before the first that showed it began. 0: not known. */
	int64_t first_ms;
	bool frozen, moved; /* moved: known under an id that a merge absorbed */
	int64_t scan; /* of the list, by whichever number: the first that showed it; 0: a burst */
	const char *came; /* how and when news of it came, so far: engine/came.h */
};

/* What waits already keeps its scan. `moved` is merge.c's alone to say. */
void inbox_wait(struct db *db, const char *account, struct slice contact, const struct pending *p);
/* All that waits for the contact, by watch, time and value, in `memory`. */
size_t inbox_pending(struct db *db, const char *account, const char *contact, struct arena *memory,
		     struct pending **out);
void inbox_forget(struct db *db, const char *contact, const struct pending *p);

#endif

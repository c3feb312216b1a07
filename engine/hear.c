#include "engine/hear.h"

#include "base/clock.h"
#include "engine/inbox.h"

/*
 * The time that a message gives a change need not be the contact's own stamp to the millisecond. A
 * look that shows the contact as it was this much before was too early.
 */
#define STAMP_SLACK_MS (2 * MS_SECOND)

struct told {
	const char *account;
	struct tip tip;
};

void hearing_init(struct hearing *h, const struct world *world)
{
	*h = (struct hearing){ .world = world };
	arena_init(&h->memory);
}

void hearing_release(struct hearing *h)
{
	tallies_release(&h->tallies);
	arena_release(&h->memory);
	mem_free(h->told);
}

static void count(struct tallies *tallies, const char *account, const struct heard *heard)
{
	tallies_add(tallies, "heard_requests", account, heard->reason ? heard->reason : "genuine",
		    1);
	for (size_t i = 0; i < HEARD_TALLIES && heard->tally[i].word; i++)
		tallies_add(tallies, "heard_events", account, heard->tally[i].word,
			    (int64_t)heard->tally[i].count);
}

/* Copies what one account was told. */
static void keep(struct hearing *h, const char *account, const struct heard *heard)
{
	const char *name = heard->tips ? arena_text(&h->memory, slice_of(account)) : NULL;

	h->told = mem_grow(h->told, &h->cap, h->count + heard->tips, sizeof(*h->told));
	for (size_t i = 0; i < heard->tips; i++) {
		struct tip tip = heard->tip[i];
		tip.contact = arena_slice(&h->memory, tip.contact);
		h->told[h->count++] = (struct told){ name, tip };
	}
}

/* Several accounts may listen at one address: the message is good if one of them takes it. */
static int rank(int status)
{
	static const int worst_first[] = { 404, 405, 401, 413, 400, 503 };
	int n = sizeof(worst_first) / sizeof(worst_first[0]);

	for (int i = 0; i < n; i++)
		if (worst_first[i] == status)
			return i;
	return n;
}

/* Somebody else's events: the address or the token is the wrong one. Once a day. */
static void warn_of_foreign(struct hearing *h, const char *account)
{
	int64_t now = h->world->wall_ms(h->world->ctx);

	if (h->foreign && now - h->foreign_told_ms < MS_DAY)
		return;
	h->foreign = true;
	h->foreign_told_ms = now;
	log_line(h->world->log, LOG_WARN,
		 "events of another account than the one that the token belongs to: ignored",
		 "account", account, NULL);
}

static struct heard judge(struct hearing *h, const struct listener *l, const struct message *m,
			  struct arena *memory)
{
	struct heard heard = { .status = 503, .reason = h->unfit };

	if (!h->unfit)
		heard = (struct heard){ 0 }, l->ops->hear(l->source, m, memory, &heard);
	count(&h->tallies, l->account, &heard);
	keep(h, l->account, &heard);
	if (heard.status < 300)
		tallies_set(&h->tallies, "heard_last_ms", l->account, "",
			    h->world->wall_ms(h->world->ctx));
	return heard;
}

void hearing_judge(struct hearing *h, const struct listener *listener, size_t listeners,
		   const struct message *m, struct arena *memory, struct heard *out)
{
	size_t heard_by = 0;
	const char *foreign_to = NULL;

	*out = (struct heard){ .status = 404 };
	for (size_t i = 0; i < listeners; i++) {
		const struct listener *l = &listener[i];
		if (!l->ops->listens(l->source, m->path))
			continue;
		struct heard heard = judge(h, l, m, memory);
		heard_by++;
		foreign_to = heard.foreign ? l->account : NULL;
		if (heard_by == 1 || rank(heard.status) > rank(out->status))
			*out = heard;
	}
	if (heard_by == 1 && foreign_to)
		warn_of_foreign(h, foreign_to);
}

/* The contact was read since, for the watches of today. */
static bool was_read(struct db *db, const struct told *t, const char *tag)
{
	return t->tip.at_ms && db_exists(db,
					 "SELECT 1 FROM contact WHERE account = ?1 AND contact = ?2"
					 " AND modified_ms >= ?3 AND watches = ?4",
					 "tsit", t->account, t->tip.contact, t->tip.at_ms, tag);
}

static void forget(struct hearing *h)
{
	h->count = 0;
	arena_release(&h->memory);
	arena_init(&h->memory);
}

enum rc hearing_store(struct hearing *h, struct db *db, const char *tag, struct err *err)
{
	enum rc rc = RC_OK;

	if (h->count == 0)
		return RC_OK;
	if (!db_begin_soon(db, "hear")) {
		rc = err_set(err, RC_AGAIN, "another process writes to the state");
		tallies_add(&h->tallies, "heard_busy", "", "", 1);
		goto out;
	}
	int64_t wall_ms = h->world->wall_ms(h->world->ctx);
	for (size_t i = 0; i < h->count; i++) {
		const struct told *t = &h->told[i];
		if (!was_read(db, t, tag))
			inbox_tell(db, t->account, t->tip.contact,
				   t->tip.stamped ? t->tip.at_ms - STAMP_SLACK_MS : 0, wall_ms);
	}
	rc = db_commit(db, err);
out:
	forget(h);
	return rc;
}

#include "engine/hear.h"

#include <string.h>

#include "base/clock.h"
#include "engine/inbox.h"

/*
 * The time that a message gives a change need not be the contact's own stamp to the millisecond. A
 * look that shows the contact as it was this much before was too early.
 */
#define STAMP_SLACK_MS (2 * MS_SECOND)

/* Tips become news in one transaction until there are so many: some milliseconds. */
#define TIPS_A_TURN 1000
/* Of more, making news takes longer than the second commit that they cost where they are left for later. */
#define TIPS_AT_ONCE 32

/*
 * What one message told one account: a line for each tip, as it is stored. The contact, when it was,
 * and `!` where that is the contact's stamp. It holds no more than ids and times.
 */
struct told {
	const char *account;
	struct str lines;
	size_t tips;
};

void hearing_init(struct hearing *h, const struct world *world)
{
	*h = (struct hearing){ .world = world };
	arena_init(&h->memory);
}

static void forget(struct hearing *h)
{
	for (size_t i = 0; i < h->count; i++)
		str_release(&h->told[i].lines);
	h->count = 0;
	arena_release(&h->memory);
	arena_init(&h->memory);
}

void hearing_release(struct hearing *h)
{
	tallies_release(&h->tallies);
	forget(h);
	mem_free(h->told);
}

void hearing_open(struct hearing *h)
{
	h->rows = db_integer(h->world->db, 0, "SELECT count(*) FROM heard", "");
}

bool hearing_is_full(const struct hearing *h)
{
	return h->rows >= LIMIT_HEARD_MESSAGES;
}

static void count(struct tallies *tallies, const char *account, const struct heard *heard)
{
	tallies_add(tallies, "heard_requests", account, heard->reason ? heard->reason : "genuine",
		    1);
	for (size_t i = 0; i < HEARD_TALLIES && heard->tally[i].word; i++)
		tallies_add(tallies, "heard_events", account, heard->tally[i].word,
			    (int64_t)heard->tally[i].count);
}

/* ---- lines ------------------------------------------------------------------ */

/* Digits; times are never below 0. */
static void add_time(struct str *out, int64_t ms)
{
	char room[20];
	size_t at = sizeof(room);

	do
		room[--at] = (char)('0' + ms % 10);
	while (ms /= 10);
	str_add(out, room + at, sizeof(room) - at);
}

static void add_line(struct str *out, const struct tip *tip)
{
	str_add_slice(out, tip->contact);
	str_add_char(out, ' ');
	add_time(out, tip->at_ms);
	if (tip->stamped)
		str_add_char(out, '!');
	str_add_char(out, '\n');
}

/* False: it is none that we wrote. */
static bool read_line(struct slice line, struct tip *out)
{
	struct slice time = line;
	bool cut = slice_cut(&time, ' ', &out->contact);

	out->stamped = time.len && time.ptr[time.len - 1] == '!';
	time.len -= out->stamped;
	out->at_ms = 0;
	for (size_t i = 0; i < time.len && i < 18; i++) {
		if (time.ptr[i] < '0' || time.ptr[i] > '9')
			return false;
		out->at_ms = out->at_ms * 10 + (time.ptr[i] - '0');
	}
	return cut && out->contact.len && time.len && time.len < 18;
}

/* Copies what one account was told. */
static void keep(struct hearing *h, const char *account, const struct heard *heard)
{
	if (!heard->tips)
		return;
	h->told = mem_grow(h->told, &h->cap, h->count + 1, sizeof(*h->told));
	struct told *t = &h->told[h->count++];
	t->account = arena_text(&h->memory, slice_of(account));
	str_init(&t->lines, SIZE_MAX);
	t->tips = heard->tips;
	for (size_t i = 0; i < heard->tips; i++)
		add_line(&t->lines, &heard->tip[i]);
}

/* ---- one message -------------------------------------------------------------- */

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

/* ---- the store ---------------------------------------------------------------- */

/* The contact was read since, for the watches of today. */
static bool was_read(struct db *db, const char *account, const struct tip *tip, const char *tag)
{
	return tip->at_ms && db_exists(db,
				       "SELECT 1 FROM contact WHERE account = ?1 AND contact = ?2"
				       " AND modified_ms >= ?3 AND watches = ?4",
				       "tsit", account, tip->contact, tip->at_ms, tag);
}

/* How many tips there are; they were heard at `wall_ms`. */
static size_t tell(struct db *db, const char *account, struct slice lines, int64_t wall_ms,
		   const char *tag)
{
	struct slice line;
	struct tip tip;
	size_t tips = 0;

	for (; slice_cut(&lines, '\n', &line); tips++) {
		if (!read_line(line, &tip)) {
			db_damaged(db, "a row of 'heard' holds what was never written there");
			break;
		}
		if (!was_read(db, account, &tip, tag))
			inbox_tell(db, account, tip.contact,
				   tip.stamped ? tip.at_ms - STAMP_SLACK_MS : 0, wall_ms);
	}
	return tips;
}

/* A message that comes alone and tells little is news at once: a second commit would only make it late. */
static bool is_alone(const struct hearing *h)
{
	return h->count == 1 && h->rows == 0 && h->told[0].tips <= TIPS_AT_ONCE;
}

enum rc hearing_store(struct hearing *h, const char *tag, struct err *err)
{
	struct db *db = h->world->db;
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
		if (is_alone(h))
			(void)tell(db, t->account, str_slice(&t->lines), wall_ms, tag);
		else
			db_run(db,
			       "INSERT INTO heard (account, heard_ms, tips) VALUES (?1, ?2, ?3)",
			       "tis", t->account, wall_ms, str_slice(&t->lines));
	}
	rc = db_commit(db, err);
	if (rc == RC_OK && !is_alone(h))
		h->rows += (int64_t)h->count;
out:
	forget(h);
	return rc;
}

/* The oldest of `rows`, as many as make a turn. Answers how many are left. */
static int64_t catch_up(struct db *db, const char *tag, int64_t rows)
{
	struct arena memory;
	struct query *q = db_select(db, "SELECT id, account, heard_ms, tips FROM heard ORDER BY id",
				    "");
	int64_t last = 0, left = 0;
	size_t tips = 0;

	arena_init(&memory);
	while (query_next(q)) {
		last = query_integer(q, 0);
		tips += tell(db, arena_text(&memory, query_slice(q, 1)), query_slice(q, 3),
			     query_integer(q, 2), tag);
		rows--;
		if (tips >= TIPS_A_TURN) {
			left = rows;
			query_end(q);
			break;
		}
	}
	arena_release(&memory);
	db_run(db, "DELETE FROM heard WHERE id <= ?1", "i", last);
	return left;
}

enum rc hearing_catch_up(struct hearing *h, const char *tag, struct err *err)
{
	struct db *db = h->world->db;

	if (!h->rows || !db_begin_soon(db, "catch-up"))
		return RC_OK;
	int64_t left = catch_up(db, tag, h->rows);
	enum rc rc = db_commit(db, err);
	if (rc == RC_OK)
		h->rows = left;
	return rc;
}

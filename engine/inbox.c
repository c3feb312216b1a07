#include "engine/inbox.h"

#include "engine/backoff.h"

/* What is there already, and ?4 where that tells more to the second; the text has its bound. */
#define CAME_TOO                                                                                   \
	"CASE WHEN length(news.came) < " CAME_BOUND                                                \
	" AND instr(news.came, substr(?4, 1, length(?4) - 4)) = 0"                                 \
	" THEN news.came || ?4 ELSE news.came END"
#define CAME_BOUND "160"
_Static_assert(CAME_BYTES == 160, "the bound is written in CAME_BOUND as well");

void inbox_add(struct db *db, const char *account, struct slice contact, int64_t modified_ms,
	       struct came came)
{
	char word[CAME_TEXT];

	/* What is known to be older than, or the same as, what waits already brings nothing. */
	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms, came) VALUES (?1, ?2, ?3, ?4)"
	       " ON CONFLICT (account, contact) DO UPDATE"
	       " SET seq = seq + 1, modified_ms = max(modified_ms, excluded.modified_ms), came = " CAME_TOO
	       " WHERE excluded.modified_ms = 0 OR excluded.modified_ms > news.modified_ms",
	       "tsit", account, contact, modified_ms, came_text(came.by, came.at_ms, word));
}

#define WAITS_FOR_ADDRESS "source_account = ?1 AND state = 'held' AND hold = 'missing-email'"

bool inbox_waits_for_address(struct db *db, const char *account)
{
	return db_exists(db, "SELECT 1 FROM issuance WHERE " WAITS_FOR_ADDRESS " LIMIT 1", "t",
			 account);
}

void inbox_add_waiting(struct db *db, const char *account, int64_t wall_ms)
{
	char word[CAME_TEXT];

	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms, came)"
	       " SELECT DISTINCT source_account, contact, 0, ?2 FROM issuance WHERE " WAITS_FOR_ADDRESS
	       " ON CONFLICT (account, contact) DO NOTHING",
	       "tt", account, came_text(CAME_RECALL, wall_ms, word));
}

void inbox_add_waiting_of(struct db *db, const char *rule, int64_t wall_ms)
{
	char word[CAME_TEXT];

	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms, came)"
	       " SELECT DISTINCT source_account, contact, 0, ?2 FROM issuance"
	       " WHERE rule = ?1 AND state = 'held' AND hold = 'missing-email'"
	       " ON CONFLICT (account, contact) DO NOTHING",
	       "tt", rule, came_text(CAME_RULES, wall_ms, word));
}

void inbox_tell(struct db *db, const char *account, struct slice contact, int64_t since_ms,
		int64_t wall_ms)
{
	char word[CAME_TEXT];

	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms, came) VALUES (?1, ?2, ?3, ?4)"
	       " ON CONFLICT (account, contact) DO UPDATE"
	       " SET seq = seq + 1, modified_ms = max(modified_ms, excluded.modified_ms), came = " CAME_TOO,
	       "tsit", account, contact, since_ms, came_text(CAME_MESSAGE, wall_ms, word));
}

size_t inbox_take(struct db *db, const char *account, int64_t wall_ms, size_t most,
		  struct arena *memory, struct news **out)
{
	struct news *list = arena_alloc(memory, (most + 1) * sizeof(*list));
	size_t n = 0;
	struct query *q = db_select(
		db,
		"SELECT contact, seq, modified_ms, failures, came FROM news"
		" WHERE account = ?1 AND not_before_ms <= ?2 ORDER BY not_before_ms, id LIMIT ?3",
		"tii", account, wall_ms, (int64_t)most);

	while (query_next(q))
		list[n++] = (struct news){ arena_text(memory, query_slice(q, 0)),
					   query_integer(q, 1), query_integer(q, 2),
					   query_integer(q, 3),
					   arena_text(memory, query_slice(q, 4)) };
	*out = list;
	return n;
}

void inbox_recall(struct db *db, const char *account, const char *contact, int64_t due_ms)
{
	db_run(db,
	       "INSERT INTO recall (account, contact, due_ms) VALUES (?1, ?2, ?3)"
	       " ON CONFLICT (account, due_ms, contact) DO NOTHING",
	       "tti", account, contact, due_ms);
}

/* A look that is under way began too early to count: it shall not do away with this news. */
static void promote_recalls(struct db *db, const char *account, int64_t source_now_ms,
			    int64_t wall_ms)
{
	char word[CAME_TEXT];

	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms, came) SELECT DISTINCT account, contact, 0, ?3"
	       " FROM recall WHERE account = ?1 AND due_ms <= ?2"
	       " ON CONFLICT (account, contact) DO UPDATE SET seq = seq + 1",
	       "tit", account, source_now_ms, came_text(CAME_RECALL, wall_ms, word));
	db_run(db, "DELETE FROM recall WHERE account = ?1 AND due_ms <= ?2", "ti", account,
	       source_now_ms);
}

void inbox_promote(struct db *db, const char *account, int64_t source_now_ms, int64_t wall_ms)
{
	char word[CAME_TEXT];

	db_run(db,
	       "INSERT INTO news (account, contact, modified_ms, came) SELECT DISTINCT account, contact, 0, ?3"
	       " FROM pending WHERE account = ?1 AND promoted = 0 AND due_ms <= ?2"
	       " ON CONFLICT (account, contact) DO NOTHING",
	       "tit", account, source_now_ms, came_text(CAME_DUE, wall_ms, word));
	db_run(db,
	       "UPDATE pending SET promoted = 1 WHERE account = ?1 AND promoted = 0 AND due_ms <= ?2",
	       "ti", account, source_now_ms);
	promote_recalls(db, account, source_now_ms, wall_ms);
}

void inbox_demote(struct db *db, const char *account, const char *contact)
{
	db_run(db,
	       "UPDATE pending SET promoted = 0 WHERE account = ?1 AND contact = ?2 AND promoted = 1",
	       "tt", account, contact);
}

void inbox_done(struct db *db, const char *account, const struct news *news)
{
	db_run(db, "DELETE FROM news WHERE account = ?1 AND contact = ?2 AND seq = ?3", "tti",
	       account, news->contact, news->seq);
	if (!db_changed(db) && news->came)
		db_run(db,
		       "UPDATE news SET came = substr(came, 1 + length(?3)) WHERE account = ?1"
		       " AND contact = ?2 AND substr(came, 1, length(?3)) = ?3",
		       "ttt", account, news->contact, news->came);
}

bool inbox_has_more(struct db *db, const char *account, const struct news *news)
{
	return db_exists(db, "SELECT 1 FROM news WHERE account = ?1 AND contact = ?2 AND seq <> ?3",
			 "tti", account, news->contact, news->seq);
}

void inbox_again(struct db *db, const char *account, const struct news *news, int64_t wall_ms,
		 uint64_t random)
{
	db_run(db,
	       "UPDATE news SET failures = ?3, not_before_ms = ?4 WHERE account = ?1 AND contact = ?2",
	       "ttii", account, news->contact, news->failures + 1,
	       wall_ms + backoff_ms(news->failures + 1, random));
}

void inbox_put_last(struct db *db, const char *account, const char *contact)
{
	db_run(db,
	       "UPDATE news SET id = (SELECT max(id) + 1 FROM news) WHERE account = ?1 AND contact = ?2",
	       "tt", account, contact);
}

void inbox_forget_waits(struct db *db, int64_t after_ms)
{
	db_run(db, "UPDATE news SET not_before_ms = 0 WHERE not_before_ms > ?1", "i", after_ms);
}

int64_t inbox_next(struct db *db, const char *account, int64_t after_ms)
{
	return db_integer(
		db, INT64_MAX,
		"SELECT min(not_before_ms) FROM news WHERE account = ?1 AND not_before_ms > ?2",
		"ti", account, after_ms);
}

int64_t inbox_next_due(struct db *db, const char *account)
{
	int64_t pending = db_integer(
		db, INT64_MAX,
		"SELECT min(due_ms) FROM pending WHERE account = ?1 AND promoted = 0", "t",
		account);
	int64_t recall = db_integer(
		db, INT64_MAX, "SELECT min(due_ms) FROM recall WHERE account = ?1", "t", account);

	return pending < recall ? pending : recall;
}

int64_t inbox_count(struct db *db, const char *account)
{
	return db_integer(db, 0, "SELECT count(*) FROM news WHERE account = ?1", "t", account);
}

int64_t inbox_pending_count(struct db *db, const char *account)
{
	return db_integer(db, 0, "SELECT count(*) FROM pending WHERE account = ?1", "t", account);
}

void inbox_wait(struct db *db, const char *account, struct slice contact, const struct pending *p)
{
	static const char with_from[] =
		"INSERT INTO pending (watch, account, contact, at_ms, due_ms, to_value, frozen, came, scan,"
		" first_ms, from_value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		" ON CONFLICT (watch, contact, at_ms, to_value) DO UPDATE SET due_ms = excluded.due_ms,"
		" from_value = excluded.from_value, promoted = 0, came = excluded.came,"
		" first_ms = excluded.first_ms";
	static const char without_from[] =
		"INSERT INTO pending (watch, account, contact, at_ms, due_ms, to_value, frozen, came, scan,"
		" first_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
		" ON CONFLICT (watch, contact, at_ms, to_value) DO UPDATE SET due_ms = excluded.due_ms,"
		" from_value = NULL, promoted = 0, came = excluded.came, first_ms = excluded.first_ms";

	const char *came = p->came ? p->came : "";

	if (p->from_known)
		db_run(db, with_from, "itsiisitiis", p->watch, account, contact, p->at_ms,
		       p->due_ms, p->to, (int64_t)p->frozen, came, p->scan, p->first_ms, p->from);
	else
		db_run(db, without_from, "itsiisitii", p->watch, account, contact, p->at_ms,
		       p->due_ms, p->to, (int64_t)p->frozen, came, p->scan, p->first_ms);
}

size_t inbox_pending(struct db *db, const char *account, const char *contact, struct arena *memory,
		     struct pending **out)
{
	struct pending *list = NULL;
	size_t n = 0, cap = 0;
	struct query *q = db_select(
		db,
		"SELECT watch, at_ms, due_ms, from_value, to_value, frozen, came, scan, first_ms"
		" FROM pending WHERE account = ?1 AND contact = ?2 ORDER BY watch, at_ms, to_value",
		"tt", account, contact);

	while (query_next(q)) {
		list = mem_grow(list, &cap, n + 1, sizeof(*list));
		list[n++] = (struct pending){
			.watch = query_integer(q, 0),
			.at_ms = query_integer(q, 1),
			.due_ms = query_integer(q, 2),
			.from_known = !query_null(q, 3),
			.from = arena_slice(memory, query_slice(q, 3)),
			.to = arena_slice(memory, query_slice(q, 4)),
			.frozen = query_integer(q, 5) != 0,
			.moved = query_integer(q, 5) == 2,
			.came = arena_text(memory, query_slice(q, 6)),
			.scan = query_integer(q, 7),
			.first_ms = query_integer(q, 8),
		};
	}
	*out = arena_alloc(memory, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++)
		(*out)[i] = list[i];
	mem_free(list);
	return n;
}

void inbox_forget(struct db *db, const char *contact, const struct pending *p)
{
	db_run(db,
	       "DELETE FROM pending WHERE watch = ?1 AND contact = ?2 AND at_ms = ?3 AND to_value = ?4",
	       "itis", p->watch, contact, p->at_ms, p->to);
}

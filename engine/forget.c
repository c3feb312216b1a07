#include "engine/forget.h"

#include <string.h>

#include "engine/decided.h"
#include "engine/ledger.h"
#include "engine/restored.h"

struct forgetting {
	struct db *db;
	const struct person *person;
	const struct forget_by *by;
	struct arena *memory;
	struct forget_report *out;
	struct texts {
		const char **list;
		size_t count, cap;
	} ids, emails;
	unsigned salts;
};

static void add_text(struct texts *t, const char *text)
{
	t->list = mem_grow(t->list, &t->cap, t->count + 1, sizeof(*t->list));
	t->list[t->count++] = text;
}

static const char *kept(struct forgetting *f, struct query *q, int column)
{
	return arena_text(f->memory, query_slice(q, column));
}

/* A salt of its own for each value. */
static const char *left_of(struct forgetting *f, struct slice value, char out[FORGOTTEN_TEXT])
{
	char salt[DIGEST_HEX];
	struct str text;

	str_init(&text, LIMIT_FIELD_BYTES);
	str_addf(&text, "%u:", f->salts++);
	str_add_slice(&text, f->by->seed);
	(void)digest_sha256(str_slice(&text), salt);
	str_release(&text);
	return forgotten_text(salt, value, out);
}

/* ---- whom, and what is in the way --------------------------------------------------- */

static void find_ids(struct forgetting *f)
{
	struct query *q = db_select(
		f->db, "SELECT old FROM alias WHERE account = ?1 AND contact = ?2 ORDER BY old",
		"tt", f->person->account, f->person->contact);

	add_text(&f->ids, f->person->contact);
	while (query_next(q))
		add_text(&f->ids, kept(f, q, 0));
}

static void find_emails(struct forgetting *f, const char *email)
{
	if (email)
		add_text(&f->emails, email);
	for (size_t i = 0; i < f->ids.count; i++) {
		struct query *q = db_select(
			f->db,
			"SELECT DISTINCT email FROM issuance WHERE source_account = ?1"
			" AND contact = ?2 AND email <> ''",
			"tt", f->person->account, f->ids.list[i]);
		while (query_next(q))
			add_text(&f->emails, kept(f, q, 0));
	}
}

static void find_midway(struct forgetting *f)
{
	struct forget_midway *found = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < f->ids.count; i++) {
		struct query *q = db_select(
			f->db,
			"SELECT i.id, i.rule, i.state, 0, '' FROM issuance i WHERE i.source_account = ?1 AND i.contact = ?2"
			" AND (i.state IN ('planned', 'creating', 'issuing', 'sending')"
			" OR (i.state = 'draft' AND i.do_issue <> 0) OR (i.state = 'issued' AND i.do_send <> 0))"
			/* Whether it was issued since a copy that was put back is not known before a reconcile. */
			" UNION ALL SELECT i.id, i.rule, i.state, 2, a.account FROM issuance i JOIN action a"
			" ON a.account = i.action_account WHERE i.source_account = ?1 AND i.contact = ?2"
			" AND i.state IN ('held', 'refused') AND a.restored IS NOT NULL"
			" UNION ALL SELECT i.id, i.rule, i.state, 1, '' FROM issuance i JOIN stray s ON s.issuance = i.id"
			" WHERE i.source_account = ?1 AND i.contact = ?2 AND s.credential IS NOT NULL ORDER BY 1",
			"tt", f->person->account, f->ids.list[i]);
		while (query_next(q)) {
			bool parked = query_integer(q, 3) == 2;
			if (parked && !restored_awaits_reconcile(f->db, kept(f, q, 4)))
				continue;
			found = mem_grow(found, &cap, n + 1, sizeof(*found));
			found[n++] = (struct forget_midway){ query_integer(q, 0), kept(f, q, 1),
							     kept(f, q, 2),
							     query_integer(q, 3) == 1, parked };
		}
	}
	struct forget_midway *midway = arena_alloc(f->memory, (n + 1) * sizeof(*midway));
	if (n)
		memcpy(midway, found, n * sizeof(*midway));
	mem_free(found);
	f->out->midway = midway;
	f->out->midways = n;
}

/* ---- issuances ------------------------------------------------------------------------ */

/* One of which something is left to erase. */
struct owed {
	int64_t id;
	struct slice to;
	bool drop, unknown;
};

static size_t find_owed(struct forgetting *f, const char *contact, struct owed **out)
{
	size_t n = 0, cap = 0;
	struct query *q = db_select(
		f->db,
		"SELECT id, to_value, state FROM issuance WHERE source_account = ?1 AND contact = ?2"
		" AND (email <> '' OR fields IS NOT NULL OR from_value IS NOT NULL OR reason IS NOT NULL"
		" OR public_url IS NOT NULL OR state IN ('held', 'refused')"
		" OR (to_value <> '' AND NOT " FORGOTTEN_SQL("to_value") ")) ORDER BY id",
		"tt", f->person->account, contact);

	*out = NULL;
	while (query_next(q)) {
		struct slice state = query_slice(q, 2);
		*out = mem_grow(*out, &cap, n + 1, sizeof(**out));
		(*out)[n++] = (struct owed){ query_integer(q, 0),
					     arena_slice(f->memory, query_slice(q, 1)),
					     slice_is(state, "held") || slice_is(state, "refused"),
					     slice_is(state, "send-unknown") };
	}
	return n;
}

/* Of a backfill the trail says that it was one: the brake counts them by that. */
static void erase_notes(struct db *db, int64_t id)
{
	db_run(db,
	       "UPDATE trail SET note = CASE WHEN note LIKE '" LEDGER_BACKFILL
	       "%' THEN '" LEDGER_BACKFILL "' END WHERE issuance = ?1",
	       "i", id);
}

static void note_forgotten(struct forgetting *f, int64_t id)
{
	db_run(f->db,
	       "INSERT INTO trail (issuance, at_ms, state, note, who)"
	       " SELECT id, ?2, state, 'forgotten', ?3 FROM issuance WHERE id = ?1",
	       "iit", id, f->by->now_ms, f->by->who);
}

static void erase_owed(struct forgetting *f, const struct owed *o)
{
	char text[FORGOTTEN_TEXT];
	bool plain = o->to.len == 0 || forgotten_is(o->to);

	db_run(f->db,
	       "UPDATE issuance SET email = '', fields = NULL, from_value = NULL, to_value = ?2, reason = NULL,"
	       " cursor = NULL, public_url = NULL, expire_ms = NULL, replan = 0,"
	       " state = CASE WHEN ?3 <> 0 THEN 'dropped' ELSE state END, updated_ms = ?4 WHERE id = ?1",
	       "isii", o->id, plain ? o->to : slice_of(left_of(f, o->to, text)), (int64_t)o->drop,
	       f->by->now_ms);
	erase_notes(f->db, o->id);
	note_forgotten(f, o->id);
	db_run(f->db, "DELETE FROM stray WHERE issuance = ?1", "i", o->id);
	f->out->strays += db_changed(f->db);
}

static void erase_issuances(struct forgetting *f, const char *contact)
{
	struct owed *owed;
	size_t n = find_owed(f, contact, &owed);

	for (size_t i = 0; i < n; i++) {
		erase_owed(f, &owed[i]);
		f->out->dropped += owed[i].drop;
		f->out->unknown += owed[i].unknown;
	}
	f->out->issuances += (int64_t)n;
	mem_free(owed);
}

/* ---- what was decided, and what waits -------------------------------------------------- */

struct decided {
	int64_t watch, at_ms;
	struct slice value;
};

static size_t take_rows(struct forgetting *f, struct query *q, struct decided **out)
{
	size_t n = 0, cap = 0;

	*out = NULL;
	while (query_next(q)) {
		*out = mem_grow(*out, &cap, n + 1, sizeof(**out));
		(*out)[n++] = (struct decided){ query_integer(q, 0), query_integer(q, 1),
						arena_slice(f->memory, query_slice(q, 2)) };
	}
	return n;
}

/* What waits counts as decided from now on; the latest of a watch last. */
static void settle_waiting(struct forgetting *f, const char *contact)
{
	struct decided *row;
	size_t n = take_rows(
		f,
		db_select(f->db,
			  "SELECT watch, at_ms, to_value FROM pending WHERE account = ?1"
			  " AND contact = ?2 ORDER BY at_ms",
			  "tt", f->person->account, contact),
		&row);

	for (size_t i = 0; i < n; i++)
		decided_note(f->db, row[i].watch, contact, row[i].at_ms, row[i].value);
	db_run(f->db, "DELETE FROM pending WHERE account = ?1 AND contact = ?2", "tt",
	       f->person->account, contact);
	f->out->waiting += (int64_t)n;
	mem_free(row);
}

static void erase_decided(struct forgetting *f, const char *contact)
{
	char text[FORGOTTEN_TEXT];
	struct decided *row;
	size_t n = take_rows(
		f,
		db_select(
			f->db,
			"SELECT d.watch, d.at_ms, d.value FROM decided d JOIN watch w ON w.id = d.watch"
			" WHERE w.account = ?1 AND d.contact = ?2 AND d.value <> ''"
			" AND NOT " FORGOTTEN_SQL("d.value"),
			"tt", f->person->account, contact),
		&row);

	for (size_t i = 0; i < n; i++)
		db_run(f->db, "UPDATE decided SET value = ?3 WHERE watch = ?1 AND contact = ?2",
		       "itt", row[i].watch, contact, left_of(f, row[i].value, text));
	mem_free(row);
}

static void erase_records(struct forgetting *f, const char *contact)
{
	const char *account = f->person->account;

	db_run(f->db, "DELETE FROM event WHERE account = ?1 AND contact = ?2", "tt", account,
	       contact);
	f->out->events += db_changed(f->db);
	db_run(f->db, "DELETE FROM decision WHERE account = ?1 AND contact = ?2", "tt", account,
	       contact);
	f->out->decisions += db_changed(f->db);
	db_run(f->db, "DELETE FROM recall WHERE account = ?1 AND contact = ?2", "tt", account,
	       contact);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void note_it(struct forgetting *f)
{
	const char *key = arena_printf(f->memory, "forgotten %s %s", f->person->account,
				       f->person->contact);
	struct str text;

	str_init(&text, LIMIT_FIELD_BYTES);
	str_addf(&text, "{\"at_ms\":%lld,\"who\":", (long long)f->by->now_ms);
	if (f->by->who)
		str_add_json(&text, slice_of(f->by->who));
	else
		str_add_text(&text, "null");
	str_add_char(&text, '}');
	db_run(f->db,
	       "INSERT INTO meta (key, value) VALUES (?1, ?2)"
	       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	       "ts", key, str_slice(&text));
	str_release(&text);
}

static void erase_all(struct forgetting *f)
{
	for (size_t i = 0; i < f->ids.count; i++) {
		const char *contact = f->ids.list[i];
		erase_issuances(f, contact);
		settle_waiting(f, contact);
		erase_decided(f, contact);
		erase_records(f, contact);
	}
	for (size_t i = 0; i < f->emails.count; i++) {
		db_run(f->db, "DELETE FROM orphan WHERE email = lower(?1)", "t", f->emails.list[i]);
		f->out->orphans += db_changed(f->db);
	}
	note_it(f);
}

static void lend_ids(struct forgetting *f)
{
	const char **id = arena_alloc(f->memory, f->ids.count * sizeof(*id));

	memcpy(id, f->ids.list, f->ids.count * sizeof(*id));
	f->out->id = id;
	f->out->ids = f->ids.count;
}

enum rc forget_do(struct db *db, const struct person *person, const char *email,
		  const struct forget_by *by, struct arena *memory, struct forget_report *out,
		  struct err *err)
{
	struct forgetting f = {
		.db = db, .person = person, .by = by, .memory = memory, .out = out
	};
	enum rc rc;

	*out = (struct forget_report){ 0 };
	db_begin(db, "forget");
	find_ids(&f);
	lend_ids(&f);
	find_emails(&f, email);
	find_midway(&f);
	if (out->midways == 0)
		erase_all(&f);
	if (out->midways || by->dry_run) {
		rc = db_failed(db, err);
		db_rollback(db);
	} else {
		rc = db_commit(db, err);
	}
	mem_free(f.ids.list);
	mem_free(f.emails.list);
	return rc;
}

/* ---- by age --------------------------------------------------------------------------------- */

/* Done for good, and looked for by nobody: what it was made of is not needed any more. What is in shadow may be backfilled. */
static size_t find_old(struct db *db, int64_t before_ms, int64_t from, struct arena *memory,
		       struct owed **out)
{
	size_t n = 0, cap = 0;
	struct query *q = db_select(
		db,
		"SELECT id, to_value FROM issuance i WHERE id > ?1 AND id <= ?2 AND updated_ms < ?3"
		" AND (state IN ('sent', 'skipped', 'dropped') OR (state = 'issued' AND do_send = 0)"
		" OR (state = 'draft' AND do_issue = 0))"
		" AND (email <> '' OR fields IS NOT NULL OR from_value IS NOT NULL OR public_url IS NOT NULL"
		" OR (to_value <> '' AND NOT " FORGOTTEN_SQL(
			"to_value") "))"
				    " AND NOT EXISTS (SELECT 1 FROM stray WHERE issuance = i.id)"
				    " AND NOT EXISTS (SELECT 1 FROM orphan o WHERE o.account = i.action_account"
				    " AND o.email = lower(i.email))",
		"iii", from, from + FORGET_OLD_IDS, before_ms);

	*out = NULL;
	while (query_next(q)) {
		*out = mem_grow(*out, &cap, n + 1, sizeof(**out));
		(*out)[n++] = (struct owed){ .id = query_integer(q, 0),
					     .to = arena_slice(memory, query_slice(q, 1)) };
	}
	return n;
}

/* Where the next step begins; it is kept, because `run --once` lives for one step. */
static void note_from(struct db *db, int64_t from)
{
	db_run(db,
	       "INSERT INTO meta (key, value) VALUES ('forgets-from', CAST(?1 AS TEXT))"
	       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	       "i", from);
}

static void erase_old(struct forgetting *f, const struct owed *o)
{
	char text[FORGOTTEN_TEXT];
	bool plain = o->to.len == 0 || forgotten_is(o->to);

	db_run(f->db,
	       "UPDATE issuance SET email = '', fields = NULL, from_value = NULL, to_value = ?2,"
	       " public_url = NULL, cursor = NULL, reason = '" FORGET_OLD_REASON "' WHERE id = ?1",
	       "is", o->id, plain ? o->to : slice_of(left_of(f, o->to, text)));
	erase_notes(f->db, o->id);
}

enum rc forget_old(struct db *db, struct slice seed, int64_t before_ms, bool *more, struct err *err)
{
	struct arena memory;
	struct owed *owed;
	struct forget_by by = { .seed = seed };
	struct forgetting f = { .db = db, .by = &by, .memory = &memory };

	arena_init(&memory);
	db_begin(db, "forget-old");
	int64_t from = db_integer(
		db, 0, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'forgets-from'", "");
	size_t n = find_old(db, before_ms, from, &memory, &owed);
	for (size_t i = 0; i < n; i++)
		erase_old(&f, &owed[i]);
	from += FORGET_OLD_IDS;
	*more = db_exists(db, "SELECT 1 FROM issuance WHERE id > ?1", "i", from);
	note_from(db, *more ? from : 0);
	mem_free(owed);
	arena_release(&memory);
	return db_commit(db, err);
}

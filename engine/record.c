#include "engine/record.h"

#include <string.h>

#include "dsl/build.h"
#include "engine/restored.h"

/* What is seen of one contact at most: as much as an answer of a source can hold. */
#define SEEN_BYTES LIMIT_ANSWER_BYTES
#define TRIM_ROWS 500
/* So much is committed in milliseconds. */
#define TEXTS_A_TURN (256u * 1024)
/* What a row takes beside its texts, roughly. */
#define ROW_BYTES 160

/* ---- rulesets: writing --------------------------------------------------- */

/* The watch of each active rule, as JSON. */
static void add_watches(const struct table *t, const struct watches *watches, struct str *out)
{
	const char *comma = "";

	str_add_char(out, '{');
	for (size_t i = 0; i < t->n_rule; i++) {
		if (!watches->of_rule[i])
			continue;
		str_add_text(out, comma);
		str_add_json(out, slice_of(t->rule[i].name));
		str_addf(out, ":%lld", (long long)watches->of_rule[i]->id);
		comma = ",";
	}
	str_add_char(out, '}');
}

/* What is read of the contacts of each account, as JSON. */
static void add_properties(const struct table *t, struct str *out)
{
	for (uint32_t a = 0; a < t->n_account; a++) {
		const char *comma = "";
		str_add_char(out, a ? ',' : '{');
		str_add_json(out, slice_of(t->account[a].name));
		str_add_text(out, ":{");
		for (size_t i = 0; i < t->n_property; i++) {
			if (t->property[i].source != a)
				continue;
			str_add_text(out, comma);
			str_add_json(out, slice_of(t->property[i].name));
			str_add_text(out, ":\"\"");
			comma = ",";
		}
		str_add_char(out, '}');
	}
	str_add_text(out, t->n_account ? "}" : "{}");
}

/* Texts of a row of `ruleset`. */
struct described {
	struct str watches, properties;
	char digest[DIGEST_HEX];
};

/* Whether two tables explain an event alike is told by this text. */
static void digest_of(const struct table *t, const struct described *d, char out[DIGEST_HEX])
{
	struct str text;

	str_init(&text, SIZE_MAX / 4);
	str_addf(&text, "%s %s %s %s\n", t->hash, clock_zone(), str_text(&d->watches),
		 str_text(&d->properties));
	for (size_t i = 0; i < t->n_file; i++)
		str_addf(&text, "%s %s\n", t->file[i].digest, t->file[i].path);
	digest_sha256(str_slice(&text), out);
	str_release(&text);
}

static void describe(const struct table *t, const struct watches *watches, struct described *d)
{
	str_init(&d->watches, SIZE_MAX / 4);
	str_init(&d->properties, SIZE_MAX / 4);
	add_watches(t, watches, &d->watches);
	add_properties(t, &d->properties);
	digest_of(t, d, d->digest);
}

static int64_t find_piece(struct db *db, const struct piece *p)
{
	return db_integer(db, 0, "SELECT id FROM piece WHERE digest = ?1", "t", p->digest);
}

static int64_t insert_piece(struct db *db, const struct piece *p)
{
	db_run(db, "INSERT INTO piece (digest, text) VALUES (?1, ?2)", "ts", p->digest, p->text);
	return db_last_id(db);
}

enum rc record_texts(struct db *db, const struct table *table, bool *more, struct err *err)
{
	size_t bytes = 0;

	*more = false;
	db_begin(db, "texts");
	for (size_t i = 0; i < table->n_file; i++)
		for (size_t k = 0; k < table->file[i].pieces && !*more; k++) {
			const struct piece *p = &table->file[i].piece[k];
			if (find_piece(db, p))
				continue;
			*more = bytes >= TEXTS_A_TURN;
			if (*more)
				break;
			(void)insert_piece(db, p);
			bytes += p->text.len;
		}
	return db_commit(db, err);
}

/* An empty file has one piece, too: its row tells that it was there. */
static void insert_file(struct db *db, int64_t ruleset, const struct rule_file *f,
			int64_t *position, int64_t *bytes)
{
	struct piece empty = { .text = slice_of("") };

	digest_sha256(empty.text, empty.digest);
	for (size_t i = 0; i < f->pieces || (i == 0 && !f->pieces); i++) {
		const struct piece *p = f->pieces ? &f->piece[i] : &empty;
		int64_t id = find_piece(db, p);
		*bytes += id ? ROW_BYTES : ROW_BYTES + (int64_t)p->text.len;
		db_run(db,
		       "INSERT INTO ruleset_piece (ruleset, position, path, piece) VALUES (?1, ?2, ?3, ?4)",
		       "iiti", ruleset, (*position)++, f->path, id ? id : insert_piece(db, p));
	}
}

static int64_t insert_ruleset(struct db *db, const struct table *t, const struct described *d,
			      int64_t now_ms)
{
	int64_t position = 0, bytes = (int64_t)(d->watches.len + d->properties.len);

	db_run(db,
	       "INSERT INTO ruleset (loaded_ms, hash, digest, timezone, watches, bytes, properties)"
	       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	       "ittttit", now_ms, t->hash, d->digest, clock_zone(), str_text(&d->watches),
	       (int64_t)0, str_text(&d->properties));
	int64_t id = db_last_id(db);
	for (size_t i = 0; i < t->n_file; i++)
		insert_file(db, id, &t->file[i], &position, &bytes);
	db_run(db, "UPDATE ruleset SET bytes = ?2 WHERE id = ?1", "ii", id, bytes);
	return id;
}

static bool is_forgotten(const struct table *t)
{
	return t->n_file && !t->file[0].piece;
}

enum rc record_ruleset(struct db *db, const struct table *table, const struct watches *watches,
		       int64_t now_ms, int64_t *out, struct err *err)
{
	struct described d;
	enum rc rc = RC_OK;

	describe(table, watches, &d);
	*out = db_integer(
		db, 0,
		"SELECT id FROM ruleset WHERE id = (SELECT max(id) FROM ruleset) AND digest = ?1",
		"t", d.digest);
	if (!*out && is_forgotten(table)) {
		rc = err_set(err, RC_BROKEN, "it does not hold the rules in force: reload them");
	} else if (!*out) {
		db_begin(db, "ruleset");
		*out = insert_ruleset(db, table, &d, now_ms);
		rc = db_commit(db, err);
	}
	str_release(&d.watches);
	str_release(&d.properties);
	return rc;
}

/* ---- events: writing ----------------------------------------------------- */

static bool is_no_event(const char *rule)
{
	return rule && strcmp(rule, RECORD_NO_EVENT) == 0;
}

/*
 * The values of what was read; of what was no event, by whom it is found. Most properties are empty: those
 * are left out, and what could not be read is null.
 */
static void add_seen(const struct table *t, const struct record_event *e, struct str *out)
{
	const char *comma = "";
	bool all = !is_no_event(e->rule);
	struct slice value;

	str_add_char(out, '{');
	for (uint32_t i = 0; e->facts && i < t->n_property; i++) {
		if (t->property[i].source != e->source ||
		    (!all && strcmp(t->property[i].name, "email") != 0))
			continue;
		bool known = e->facts->value(e->facts->ctx, i, &value) == FACT_KNOWN;
		if (known && value.len == 0)
			continue;
		str_add_text(out, comma);
		str_add_json(out, slice_of(t->property[i].name));
		str_add_char(out, ':');
		if (known)
			str_add_json(out, value);
		else
			str_add_text(out, "null");
		comma = ",";
	}
	str_add_char(out, '}');
}

static struct slice target_of(const struct event_facts *f)
{
	return f->kind == EVENT_LIST_ADDED ? f->list_id : f->property;
}

/* The same is there already: of this rule, under these rules, with the same values. */
static bool is_recorded(struct db *db, const struct table *t, const struct record_event *e,
			struct slice seen)
{
	const struct event_facts *f = e->event;

	return db_exists(
		db,
		"SELECT 1 FROM event WHERE contact = ?1 AND ruleset = ?2 AND account = ?3"
		" AND target = ?4 AND at_ms = ?5 AND to_value = ?6 AND seen = ?7 AND rule = ?8",
		"titsisst", e->contact, e->ruleset, t->account[e->source].name, target_of(f),
		f->at_ms, f->to, seen, e->rule);
}

int64_t record_write(struct db *db, const struct table *table, const struct record_event *e)
{
	const struct event_facts *f = e->event;
	bool list = f->kind == EVENT_LIST_ADDED;
	struct str seen;

	str_init(&seen, SEEN_BYTES);
	add_seen(table, e, &seen);
	if (seen.overflow) { /* defensive: less was read */
		str_clear(&seen);
		str_add_text(&seen, "{}");
	}
	struct slice came = slice_of(e->came);
	size_t texts = seen.len + f->from.len + f->to.len + e->changes.len + came.len;
	int64_t bytes = (int64_t)texts + ROW_BYTES;
	bool known = e->once && is_recorded(db, table, e, str_slice(&seen));
	/* Its size is counted on from the last row: not INSERT with SELECT, which makes a table first. */
	if (!known)
		db_run(db,
		       "INSERT INTO event (ruleset, watch, made_ms, account, contact, kind, target, list_name,"
		       " from_value, to_value, at_ms, as_of_ms, gone, size, seen, rule, changes, came)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, CASE WHEN ?14 <> 0 THEN ?9 END, ?10, ?11,"
		       " ?12, ?13, ?15 + coalesce((SELECT size FROM event ORDER BY id DESC LIMIT 1), 0), ?16,"
		       " ?17, nullif(?18, ''), nullif(?19, ''))",
		       "iiitttssssiiiiistss", e->ruleset, e->watch, e->made_ms,
		       table->account[e->source].name, e->contact, event_kind_names[f->kind],
		       target_of(f), list ? f->list_name : slice_of(""), f->from, f->to, f->at_ms,
		       f->as_of_ms, (int64_t)(e->facts == NULL), (int64_t)f->from_known, bytes,
		       str_slice(&seen), e->rule, e->changes, came);
	str_release(&seen);
	return known ? 0 : db_last_id(db);
}

void record_decide(struct db *db, const struct record_decision *d)
{
	const struct event_facts *f = d->event;

	db_run(db,
	       "INSERT INTO decision (made_ms, account, contact, rule, event, target, from_value, to_value,"
	       " at_ms, outcome, reason, table_hash, event_id, who)"
	       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, CASE WHEN ?15 <> 0 THEN ?7 END, ?8, ?9, ?10, ?11, ?12,"
	       " nullif(?13, 0), ?14)",
	       "itttttssitttiti", d->made_ms, d->account, d->contact, d->rule,
	       event_kind_names[f->kind], d->target, f->from, f->to, f->at_ms, d->outcome,
	       d->reason, d->hash, d->event_id, d->who, (int64_t)f->from_known);
}

/* ---- what is kept -------------------------------------------------------- */

static void trim_events(struct db *db, struct record_keep keep, int64_t now_ms)
{
	int64_t size = db_integer(db, 0, "SELECT size FROM event ORDER BY id DESC LIMIT 1", "");

	db_run(db,
	       "DELETE FROM event WHERE id IN (SELECT id FROM (SELECT id, made_ms, size FROM event"
	       " ORDER BY id LIMIT ?3) WHERE made_ms < ?1 OR size <= ?2)",
	       "iii", now_ms - keep.ms, size - keep.bytes, (int64_t)TRIM_ROWS);
}

/*
 * The oldest have the lowest ids. One that a clock made which ran far ahead does not keep those behind it; but where our
 * clock is far behind all of them, none of them is old.
 */
static void trim_decisions(struct db *db, int64_t now_ms)
{
	int64_t newest_ms = db_integer(db, now_ms,
				       "SELECT made_ms FROM decision ORDER BY id DESC LIMIT 1", "");
	int64_t latest_ms = newest_ms > now_ms ? newest_ms : now_ms;

	db_run(db,
	       "DELETE FROM decision WHERE id IN (SELECT id FROM (SELECT id, made_ms FROM decision"
	       " ORDER BY id LIMIT ?3) WHERE made_ms < ?1 OR made_ms > ?2)",
	       "iii", now_ms - DECISIONS_KEPT_MS, latest_ms + DECISIONS_KEPT_MS,
	       (int64_t)TRIM_ROWS);
}

/*
 * The one in force stays; of the others those that events refer to and those in force since the sign of life of an
 * account that is restored, or of the one that is alive (engine/restored.h asks for their groups), the newest, up to a
 * bound.
 */
static void trim_rulesets(struct db *db)
{
	db_run(db,
	       "DELETE FROM ruleset WHERE id IN (SELECT id FROM (SELECT id,"
	       " sum(bytes) OVER (ORDER BY id DESC) AS bytes, count(*) OVER (ORDER BY id DESC) AS n"
	       " FROM ruleset WHERE id < (SELECT max(id) FROM ruleset)) WHERE n > ?1 OR bytes > ?2"
	       " OR (id < coalesce((SELECT ruleset FROM event ORDER BY id LIMIT 1), id + 1)"
	       " AND id < coalesce((SELECT max(id) FROM ruleset WHERE loaded_ms <= coalesce("
	       "(SELECT min(alive_ms) FROM action WHERE restored IS NOT NULL"
	       " OR alive_ms = (SELECT max(alive_ms) FROM action)) - ?3, loaded_ms)), 0)))",
	       "iii", (int64_t)RECORD_RULESETS, RECORD_RULESET_BYTES, RESTORED_CLOCKS_MS);
	if (!db_changed(db))
		return;
	db_run(db, "DELETE FROM ruleset_piece WHERE ruleset NOT IN (SELECT id FROM ruleset)", "");
	db_run(db, "DELETE FROM piece WHERE id NOT IN (SELECT piece FROM ruleset_piece)", "");
}

enum rc record_trim(struct db *db, struct record_keep keep, int64_t now_ms, bool *more,
		    struct err *err)
{
	db_begin(db, "trim");
	trim_events(db, keep, now_ms);
	*more = db_changed(db) == TRIM_ROWS;
	trim_decisions(db, now_ms);
	*more = *more || db_changed(db) == TRIM_ROWS;
	if (!*more)
		trim_rulesets(db);
	return db_commit(db, err);
}

/* ---- rulesets: reading --------------------------------------------------- */

int64_t record_newest(struct db *db)
{
	return db_integer(db, 0, "SELECT max(id) FROM ruleset", "");
}

static bool read_ruleset(struct db *db, int64_t id, struct arena *memory, struct ruleset *out,
			 struct err *err)
{
	struct query *q = db_select(
		db, "SELECT loaded_ms, hash, timezone, watches FROM ruleset WHERE id = ?1", "i",
		id);

	*out = (struct ruleset){ .id = id };
	if (!query_next(q))
		return false;
	out->loaded_ms = query_integer(q, 0);
	out->hash = arena_text(memory, query_slice(q, 1));
	out->timezone = arena_text(memory, query_slice(q, 2));
	out->watches = json_parse(query_slice(q, 3), err);
	if (!out->watches)
		db_damaged(db, "ruleset %lld: watches: %s", (long long)id, err->text);
	query_end(q);
	return out->watches != NULL;
}

/* Pieces of one path are one file. */
static void read_files(struct db *db, int64_t id, struct arena *memory, struct sources *out)
{
	const char *path = NULL;
	struct str text;
	struct query *q = db_select(
		db,
		"SELECT r.path, p.text FROM ruleset_piece r JOIN piece p ON p.id = r.piece"
		" WHERE r.ruleset = ?1 ORDER BY r.position",
		"i", id);

	str_init(&text, SIZE_MAX / 4);
	while (query_next(q)) {
		if (path && !slice_is(query_slice(q, 0), path)) {
			sources_add_text(out, path, str_slice(&text));
			str_clear(&text);
			path = NULL;
		}
		path = path ? path : arena_text(memory, query_slice(q, 0));
		str_add_slice(&text, query_slice(q, 1));
	}
	if (path)
		sources_add_text(out, path, str_slice(&text));
	str_release(&text);
}

static enum rc compile(struct db *db, struct ruleset *r, struct arena *memory, struct err *err)
{
	struct sources sources;
	struct diags diags;

	sources_init(&sources);
	diags_init(&diags);
	read_files(db, r->id, memory, &sources);
	r->table = table_build(&sources, &diags, NULL);
	enum rc rc = RC_OK;
	for (size_t i = 0; !r->table && rc == RC_OK && i < diags.count; i++)
		if (diags.list[i].severity == SEVERITY_ERROR)
			rc = err_set(err, RC_INVALID, "%s:%u: %s",
				     sources.file[diags.list[i].at.file].path,
				     diags.list[i].at.line, diags.list[i].message);
	diags_release(&diags);
	sources_release(&sources);
	return rc;
}

enum rc ruleset_open(struct db *db, int64_t id, struct arena *memory, struct ruleset *out,
		     struct err *err)
{
	char zone[256];
	struct err ignored;

	if (!read_ruleset(db, id, memory, out, err)) {
		if (db_failed(db, err) != RC_OK)
			return RC_BROKEN;
		return err_set(err, RC_REFUSED, "the rules of that time are no longer on record");
	}
	/* Days that rules name began where they began then. */
	snprintf(zone, sizeof(zone), "%s", clock_zone());
	enum rc rc = clock_set_zone(out->timezone, err);
	if (rc == RC_OK)
		rc = compile(db, out, memory, err);
	(void)!clock_set_zone(zone, &ignored);
	return db_failed(db, err) != RC_OK ? RC_BROKEN : rc;
}

void ruleset_release(struct ruleset *r)
{
	table_unref(r->table);
	json_free(r->watches);
	*r = (struct ruleset){ 0 };
}

int64_t ruleset_watch(const struct ruleset *r, const char *rule)
{
	return json_int(json_get(r->watches, rule), 0);
}

/* ---- events: reading ----------------------------------------------------- */

#define EVENT_COLUMNS                                                                                \
	"e.id, e.ruleset, e.watch, e.made_ms, e.account, e.contact, e.kind, e.target, e.list_name,"  \
	" e.from_value, e.to_value, e.at_ms, e.as_of_ms, e.gone, e.seen, e.rule, e.changes, e.came," \
	" r.properties FROM event e LEFT JOIN ruleset r ON r.id = e.ruleset"

struct query *record_of_contact(struct db *db, const char *contact)
{
	return db_select(
		db,
		"WITH who (id) AS (SELECT ?1 UNION SELECT old FROM alias WHERE contact = ?1"
		" UNION SELECT contact FROM alias WHERE old = ?1"
		" UNION SELECT b.old FROM alias a JOIN alias b ON b.account = a.account"
		" AND b.contact = a.contact WHERE a.old = ?1)"
		" SELECT " EVENT_COLUMNS " WHERE e.contact IN (SELECT id FROM who) ORDER BY e.id",
		"t", contact);
}

struct query *record_since(struct db *db, int64_t made_ms, int64_t most)
{
	return db_select(db,
			 "SELECT " EVENT_COLUMNS
			 " WHERE e.made_ms >= ?1 AND e.rule IS NULL ORDER BY e.id DESC LIMIT ?2",
			 "ii", made_ms, most);
}

static struct slice kept(struct arena *memory, struct query *q, int column)
{
	return slice_of(arena_text(memory, query_slice(q, column)));
}

static struct event_facts read_facts(struct query *q, struct arena *memory, bool list)
{
	struct event_facts e = { .kind = list ? EVENT_LIST_ADDED : EVENT_PROPERTY_CHANGED,
				 .from_known = !query_null(q, 9),
				 .at_ms = query_integer(q, 11),
				 .as_of_ms = query_integer(q, 12) };

	if (list) {
		e.list_id = kept(memory, q, 7);
		e.list_name = kept(memory, q, 8);
		return e;
	}
	e.property = kept(memory, q, 7);
	e.from = arena_slice(memory, query_slice(q, 9));
	e.to = arena_slice(memory, query_slice(q, 10));
	return e;
}

bool record_next(struct db *db, struct query *q, struct arena *memory, struct recorded *out)
{
	struct err err;

	*out = (struct recorded){ 0 };
	if (!query_next(q))
		return false;
	struct slice kind = query_slice(q, 6);
	bool list = slice_is(kind, event_kind_names[EVENT_LIST_ADDED]);
	*out = (struct recorded){ .id = query_integer(q, 0),
				  .ruleset = query_integer(q, 1),
				  .watch = query_integer(q, 2),
				  .made_ms = query_integer(q, 3),
				  .account = arena_text(memory, query_slice(q, 4)),
				  .contact = arena_text(memory, query_slice(q, 5)),
				  .event = read_facts(q, memory, list),
				  .target = arena_text(memory, query_slice(q, 7)),
				  .gone = query_integer(q, 13) != 0,
				  .rule = query_null(q, 15)
						  ? NULL
						  : arena_text(memory, query_slice(q, 15)),
				  .changes = kept(memory, q, 16),
				  .came = kept(memory, q, 17),
				  .seen = json_parse(query_slice(q, 14), &err) };
	bool all = out->gone || is_no_event(out->rule) || query_null(q, 18);
	if (!all)
		out->asked = json_parse(query_slice(q, 18), &err);
	if (out->seen && json_kind(out->seen) == IS_OBJECT && (all || out->asked) &&
	    (list || slice_is(kind, event_kind_names[EVENT_PROPERTY_CHANGED])))
		return true;
	db_damaged(db, "event %lld cannot be read", (long long)out->id);
	recorded_release(out);
	query_end(q);
	return false;
}

void recorded_release(struct recorded *r)
{
	json_free(r->seen);
	json_free(r->asked);
	r->seen = r->asked = NULL;
}

static enum fact recorded_value(void *ctx, uint32_t property, struct slice *value)
{
	struct recorded_facts *f = ctx;
	const char *name = f->table->property[property].name;
	const struct json *v = json_get(f->of->seen, name);

	if (!v)
		v = json_get(json_get(f->of->asked, f->of->account), name);
	if (json_kind(v) != IS_TEXT)
		return FACT_UNSURE;
	*value = json_slice(v);
	return FACT_KNOWN;
}

struct facts recorded_facts(struct recorded_facts *f)
{
	return (struct facts){ .ctx = f, .value = recorded_value };
}

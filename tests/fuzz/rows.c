/*
 * Rows of the state with anything in their columns, as a damaged file or a foreign hand may
 * leave them: what is loaded is what was written, or the store is broken and says why. Nothing
 * that cannot be read is worked on, and no request is made of it.
 *
 * Columns that differ from a good row: a column's number and its text up to the byte 0x1f; "-" is NULL.
 */
#include "tests/fuzz/fuzz.h"

#include "base/clock.h"
#include "engine/came.h"
#include "engine/certifier/certifier.h"
#include "engine/changes.h"
#include "engine/decided.h"
#include "engine/inbox.h"
#include "engine/ledger.h"
#include "engine/record.h"

#define NOW INT64_C(1795428000000)

static const struct setting settings[] = {
	{ .key = "base-url", .kind = SETTING_TEXT, .text = "https://api.certifier.io/v1" },
	{ .key = "portal-url", .kind = SETTING_TEXT, .text = "https://credsverse.com/credentials" },
};
static const struct account account = { "certifier", "certifier", settings, COUNT(settings) };

/* A good row. The number of a column is its place here. */
static const char *const good[] = {
	"r",
	"hash",
	"hubspot",
	"101",
	"property-changed",
	"tier",
	"Bronze",
	"Gold",
	"1795427000000",
	"certifier",
	"g1",
	"1",
	"1",
	"ada@example.org",
	"{\"recipient.name\":\"Ada\",\"recipient.email\":\"ada@example.org\"}",
	"draft",
	"-",
	"-",
	"-",
	"1",
	"1795427000000",
	"0",
	"0",
	"-",
	"0",
	"0",
	"01hz",
	"-",
	"1795427000000",
	"1795427000000",
	"60000",
};

#define COLUMNS COUNT(good)
enum { EVENT = 4, STATE = 15, HELD_FROM = 16 };

struct row {
	const char *column[COLUMNS]; /* NULL: SQL NULL */
	struct arena memory;
};

static void read_row(struct row *row, struct input *in)
{
	for (size_t i = 0; i < COLUMNS; i++)
		row->column[i] = strcmp(good[i], "-") == 0 ? NULL : good[i];
	while (in->at < in->end) {
		size_t i = input_pick(in, COLUMNS);
		const char *text = arena_text(&row->memory, input_until(in, 0x1f));
		row->column[i] = strcmp(text, "-") == 0 ? NULL : text;
	}
}

static void insert_row(struct db *db, const struct row *row)
{
	const char *const *c = row->column;

	db_run(db,
	       "INSERT INTO issuance (id, rule, table_hash, source_account, contact, event, target,"
	       " from_value, to_value, at_ms, action_account, group_id, do_issue, do_send, email,"
	       " fields, state, held_from, hold, reason, attempts, attempt_ms, unknown_ms, settles,"
	       " cursor, not_before_ms, failures, credential, public_url, created_ms, updated_ms)"
	       " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
	       " ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30)",
	       "tttttttttttttttttttttttttttttt", c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7],
	       c[8], c[9], c[10], c[11], c[12], c[13], c[14], c[15], c[16], c[17], c[18], c[19],
	       c[20], c[21], c[22], c[23], c[24], c[25], c[26], c[27], c[28], c[29]);
	db_run(db,
	       "INSERT INTO news (id, account, contact, seq, modified_ms, not_before_ms, failures, came)"
	       " VALUES (1, 'hubspot', ?1, ?2, ?3, ?4, ?5, coalesce(?6, ''))",
	       "tttttt", c[3], c[19], c[8], c[24], c[25], c[26]);
	db_run(db,
	       "INSERT INTO pending (watch, account, contact, at_ms, due_ms, from_value, to_value, came, first_ms)"
	       " VALUES (1, 'hubspot', '101', ?1, ?2, ?3, ?4, coalesce(?5, ''), ?6)",
	       "tttttt", c[8], c[20], c[6], c[7], c[26], c[28]);
	db_run(db,
	       "INSERT INTO event (ruleset, watch, made_ms, account, contact, kind, target, list_name,"
	       " from_value, to_value, at_ms, as_of_ms, gone, size, seen, changes, came)"
	       " VALUES (?1, 1, ?2, ?3, '101', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
	       "ttttttttttttttt", c[19], c[20], c[2], c[4], c[5], c[9], c[6], c[7], c[8], c[28],
	       c[21], c[22], c[14], c[17], c[26]);
}

/* Whatever went wrong is broken, with a reason, and over with the transaction. */
static bool is_broken(struct db *db)
{
	struct err err = { "" };
	enum rc rc = db_failed(db, &err);

	must(rc == RC_OK || (rc == RC_BROKEN && err.text[0]));
	return rc != RC_OK;
}

static void check_url(const char *url)
{
	must(!strstr(url, "(null)") &&
	     strncmp(url, settings[0].text, strlen(settings[0].text)) == 0);
	for (const char *c = url; *c; c++)
		must((unsigned char)*c > 0x20 && *c != 0x7f && *c != '?' && *c != '#');
	must(!strstr(url, "/../") && !strstr(url + 8, "//"));
}

/* What is loaded says what the columns say. */
static void check_loaded(const struct row *row, const struct issuance *is)
{
	must(strcmp(issuance_state_names[is->state], row->column[STATE]) == 0);
	must(strcmp(event_kind_names[is->event], row->column[EVENT]) == 0);
	if (is->state == STATE_HELD || is->state == STATE_REFUSED)
		must(strcmp(issuance_state_names[is->held_from], row->column[HELD_FROM]) == 0);
}

static void load(struct db *db, struct row *row)
{
	struct issuance is = { 0 };

	if (!ledger_load(db, 1, &row->memory, &is)) {
		must(is_broken(db) && !is.fields);
		return;
	}
	check_loaded(row, &is);
	json_free((struct json *)(uintptr_t)is.fields);
}

/* Where a step may be taken, it can be taken, or the row is no good. */
static void work(struct db *db, struct row *row)
{
	static struct action *action;
	struct issuance is = { 0 };
	struct step step;
	int64_t id;

	if (!row->column[9] || ledger_work(db, row->column[9], INT64_MAX, 1, &id) == 0)
		return;
	if (!ledger_load_work(db, id, &row->memory, &is)) {
		must(is_broken(db) && !is.fields);
		return;
	}
	must(is.state <= STATE_SENDING);
	if (!action)
		action = certifier_ops.open(&account, slice_of("token"));
	/* A sending without a request under way is parked, never stepped. */
	if (is.state != STATE_SENDING) {
		certifier_ops.step(action, &is, &row->memory, &step);
		check_url(step.request.url);
	}
	json_free((struct json *)(uintptr_t)is.fields);
}

/* A history goes on with what waits, whatever is stored of that. */
static void read_bursts(struct db *db, struct row *row, const struct pending *pending, size_t n)
{
	const struct entry entry[] = { { NOW, slice_of("a"), false },
				       { NOW + 1, slice_of("b"), false } };
	struct burst_input in = {
		.entry = entry, .entries = COUNT(entry), .cut = true, .settle_ms = 1000
	};
	struct burst_output out;

	decided_tell(db, 1, "101", pending, n, &row->memory, &in);
	burst_find(&in, &row->memory, &out);
	must(out.bursts <= n + COUNT(entry));
}

static void read_inbox(struct db *db, struct row *row)
{
	struct news *news;
	struct pending *pending;

	size_t n = inbox_take(db, "hubspot", INT64_MAX, 4, &row->memory, &news);
	must(n <= 1);
	n = inbox_pending(db, "hubspot", "101", &row->memory, &pending);
	must(n <= 1);
	read_bursts(db, row, pending, n);
	inbox_promote(db, "hubspot", NOW, NOW);
	inbox_forget_waits(db, NOW);
	(void)inbox_next(db, "hubspot", NOW);
	(void)inbox_next_due(db, "hubspot");
}

/* How it came about: whatever the columns hold, what is read of them can be told. */
static void read_story(struct row *row, const struct recorded *e)
{
	struct slice came = e->came;
	struct change *change;
	struct came one;
	size_t n = changes_read(e->changes, &row->memory, &change);

	for (size_t i = 0; i < n; i++)
		must(change[i].at_ms >= 0 && change[i].kind < CHANGE_KINDS);
	for (n = 0; came_next(&came, &one); n++)
		must(one.by < CAME_KINDS && one.at_ms >= 0);
	must(3 * n <= e->came.len);
	(void)came_join(arena_text(&row->memory, e->came), "p1 k2 ", &row->memory);
}

/* An event says what its columns say, or the store is broken. */
static void read_event(struct db *db, struct row *row)
{
	struct recorded e, none;
	struct query *q = record_of_contact(db, "101");

	if (!record_next(db, q, &row->memory, &e)) {
		must(is_broken(db) && !e.seen);
		return;
	}
	must(strcmp(event_kind_names[e.event.kind], row->column[EVENT]) == 0);
	must(json_kind(e.seen) == IS_OBJECT && e.event.from_known == (row->column[6] != NULL));
	read_story(row, &e);
	recorded_release(&e);
	must(!record_next(db, q, &row->memory, &none));
}

/* What is done to all rows at a start, a reload and an answer that concerns many. */
static void change_all(struct db *db)
{
	int64_t count[STATE_COUNT];

	ledger_note_unknown(db, NOW);
	(void)ledger_park_sending(db, NOW);
	ledger_forget_waits(db, NOW);
	(void)ledger_hold_all(db, "certifier", NULL, HOLD_PLAN, "plan: 402", NOW);
	(void)ledger_release_held(db, "certifier", NOW);
	(void)ledger_next(db, "certifier", NOW);
	ledger_count(db, count);
	for (int i = 0; i < STATE_COUNT; i++)
		must(count[i] == 0 || count[i] == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct db *db;
	struct err err;
	struct row row = { 0 };
	struct input in = { data, data + size };

	if (!db) {
		must(db_open(":memory:", DB_OWN, &db, &err) == RC_OK);
		db_run(db,
		       "INSERT INTO watch (id, account, event, target, settle_ms, loaded_ms)"
		       " VALUES (1, 'hubspot', 'property-changed', 'tier', 60000, 1)",
		       "");
	}
	arena_init(&row.memory);
	read_row(&row, &in);
	db_begin(db, "row");
	insert_row(db, &row);
	/* What the store itself refuses was never there. */
	if (!is_broken(db)) {
		load(db, &row);
		if (!is_broken(db))
			work(db, &row);
		if (!is_broken(db))
			read_inbox(db, &row);
		if (!is_broken(db))
			read_event(db, &row);
		if (!is_broken(db))
			change_all(db);
	}
	(void)is_broken(db);
	db_rollback(db);
	must(!is_broken(db));
	arena_release(&row.memory);
	return 0;
}

/*
 * A state file with bytes changed anywhere: opening and reading end, with rows
 * that were written so or with RC_BROKEN and a reason.
 *
 * Changes: three bytes say where, one how many bytes follow (up to 31).
 */
#include "tests/fuzz/fuzz.h"

#include "engine/inbox.h"
#include "engine/ledger.h"
#include "engine/store/db.h"
#include "tests/disk/disk.h"

static struct str whole; /* the file as it was written */

static void fill(struct db *db)
{
	static const char insert[] =
		"INSERT INTO issuance (rule, table_hash, source_account, contact, event, target,"
		" from_value, to_value, at_ms, action_account, group_id, do_issue, do_send, email,"
		" fields, state, held_from, credential, created_ms, updated_ms) VALUES ('r', 'h',"
		" 'hubspot', ?1, 'property-changed', 'tier', 'Bronze', 'Gold', 1795427000000,"
		" 'certifier', 'g1', 1, 1, 'a@example.org', '{\"recipient.email\":\"a@example.org\"}',"
		" ?2, ?3, ?4, 1795427000000, 1795427000000)";

	db_run(db, insert, "tttt", "101", "planned", NULL, NULL);
	db_run(db, insert, "tttt", "102", "draft", NULL, "01aa");
	db_run(db, insert, "tttt", "103", "sending", NULL, "01bb");
	db_run(db, insert, "tttt", "104", "held", "draft", "01cc");
	db_run(db, "INSERT INTO news (account, contact, modified_ms) VALUES ('hubspot', '101', 1)",
	       "");
}

static void write_changed(struct input *in)
{
	char *bytes = malloc(whole.len);

	must(bytes);
	memcpy(bytes, whole.ptr, whole.len);
	while (in->at < in->end) {
		size_t at = input_byte(in), n;
		at = (at << 8 | input_byte(in)) << 8;
		at = (at | input_byte(in)) % whole.len;
		for (n = input_byte(in) & 31; n && in->at < in->end; n--, at++)
			bytes[at % whole.len] = (char)input_byte(in);
	}
	disk_put((struct slice){ bytes, whole.len });
	free(bytes);
}

static void read_all(struct db *db)
{
	int64_t count[STATE_COUNT];
	struct arena memory;
	struct news *news;
	struct err err = { "" };

	arena_init(&memory);
	ledger_note_unknown(db, 1795428000000);
	(void)ledger_park_sending(db, 1795428000000);
	(void)inbox_take(db, "hubspot", INT64_MAX, 4, &memory, &news);
	ledger_count(db, count);
	for (int64_t id = 1; id <= 4; id++) {
		struct issuance is = { 0 };
		if (!ledger_load(db, id, &memory, &is))
			continue;
		must(is.id == id && is.state < STATE_COUNT && is.held_from < STATE_COUNT);
		json_free((struct json *)(uintptr_t)is.fields);
	}
	enum rc rc = db_failed(db, &err);
	must(rc == RC_OK || ((rc == RC_BROKEN || rc == RC_INVALID) && err.text[0]));
	arena_release(&memory);
}

static struct db *open_whole(void)
{
	struct db *db;
	struct err err;

	must(db_open(disk_place(), DB_OWN, &db, &err) == RC_OK);
	return db;
}

static void close_whole(struct db *db)
{
	struct err err;

	must(db_failed(db, &err) == RC_OK);
	db_close(db);
}

/* Tables that nothing here reads: what they take at each opening is for the others. */
static void drop_others(struct db *db)
{
	static const char *const drop[] = {
		"DROP TABLE oauth_grant", "DROP TABLE orphan",	"DROP TABLE action",
		"DROP TABLE stray",	  "DROP TABLE event",	"DROP TABLE ruleset_piece",
		"DROP TABLE piece",	  "DROP TABLE ruleset", "DROP TABLE decision",
		"DROP TABLE membership",  "DROP TABLE list",	"DROP TABLE contact",
		"DROP TABLE decided",	  "DROP TABLE recall",	"DROP TABLE pending",
		"DROP TABLE heard",	  "DROP TABLE rule",	"DROP TABLE watch",
		"DROP TABLE source"
	};

	for (size_t i = 0; i < COUNT(drop); i++)
		db_run(db, drop[i], "");
}

/* Small pages: an eighth of the bytes to copy for each change, and most of them mean something. */
static void start(void)
{
	struct db *db;

	if (whole.len)
		return;
	disk_start();
	atexit(disk_stop);
	db = open_whole();
	fill(db);
	drop_others(db);
	db_run(db, "PRAGMA journal_mode=DELETE", "");
	db_run(db, "PRAGMA page_size=512", "");
	db_run(db, "VACUUM", "");
	close_whole(db);
	close_whole(open_whole()); /* with a log again, as the daemon leaves it */
	str_init(&whole, 1 << 22);
	str_add_slice(&whole, disk_state());
	must(whole.len > 4096 && !whole.overflow);
	db = open_whole();
	read_all(db);
	close_whole(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct db *db;
	struct err err = { "" };

	start();
	enum db_mode mode = input_byte(&in) & 1 ? DB_SHARE : DB_OWN;
	write_changed(&in);
	enum rc rc = db_open(disk_place(), mode, &db, &err);
	must(rc == RC_OK || ((rc == RC_BROKEN || rc == RC_INVALID) && err.text[0] && !db));
	if (rc == RC_OK)
		read_all(db);
	db_close(db);
	return 0;
}

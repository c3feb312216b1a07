/* Events and tables on record: what was seen is what is read again, and how long it is kept. */
#include "tests/unit/stored.h"

#include "engine/record.h"
#include "engine/restored.h"

#define RULES                                                                                            \
	"rule: a\ntrigger:\n  event: property-changed\n  property: tier\n"                               \
	"  filters: [{ property: country, in: [PL, DE] }]\naction: { do: issue-credential, group: g }\n" \
	"---\nrule: b\nmode: off\ntrigger: { event: property-changed, property: tier }\n"                \
	"action: { do: issue-credential, group: g }\n"

static const struct log silent;

static int64_t load(const char *text, int64_t now_ms)
{
	struct table *table = table_of(text);
	struct watches watches;
	struct err err;
	int64_t id;

	assert_int_equal(watches_sync(db, table, NULL, &(struct our_clock){ now_ms, 0 }, &silent,
				      &watches, &err),
			 RC_OK);
	assert_int_equal(record_ruleset(db, table, &watches, now_ms, &id, &err), RC_OK);
	watches_release(&watches);
	table_unref(table);
	return id;
}

/* Records one event of contact `contact` with these pairs; `backfill`: of rule a, unless it is there. */
static int64_t write_seen(int64_t ruleset, const char *contact, const char *const *pair,
			  int64_t made_ms, bool backfill)
{
	struct table *table = table_of(RULES);
	struct pairs pairs = { table, pair, 0 };
	struct facts facts = { &pairs, pairs_value, NULL };
	struct event_facts event = { .kind = EVENT_PROPERTY_CHANGED,
				     .property = slice_of("tier"),
				     .from_known = false,
				     .to = slice_of("Gold"),
				     .at_ms = NOW,
				     .as_of_ms = NOW + 60000 };
	struct record_event e = { .ruleset = ruleset,
				  .watch = 1,
				  .made_ms = made_ms,
				  .contact = contact,
				  .event = &event,
				  .source = table->rule[0].source,
				  .facts = &facts,
				  .rule = backfill ? "a" : NULL,
				  .once = backfill };

	db_begin(db, "event");
	int64_t id = record_write(db, table, &e);
	assert_int_equal(db_commit(db, NULL), RC_OK);
	table_unref(table);
	return id;
}

static int64_t write_event(int64_t ruleset, const char *contact, const char *const *pair,
			   int64_t made_ms)
{
	return write_seen(ruleset, contact, pair, made_ms, false);
}

static int64_t rows(const char *contact)
{
	return db_integer(db, -1, "SELECT count(*) FROM event WHERE ?1 IS NULL OR contact = ?1",
			  "t", contact);
}

static bool trim(int64_t keep_ms, int64_t keep_bytes, int64_t now_ms)
{
	struct err err;
	bool more;

	assert_int_equal(
		record_trim(db, (struct record_keep){ keep_ms, keep_bytes }, now_ms, &more, &err),
		RC_OK);
	return more;
}

static void a_table_is_recorded_once_while_it_stays_the_same(void **state)
{
	struct ruleset r;
	struct err err;

	(void)state;
	int64_t first = load(RULES, NOW);
	assert_int_equal(load(RULES, NOW + 1), first);
	/* A comment moves lines: the same meaning, another text. */
	int64_t second = load("# moved\n" RULES, NOW + 2);
	assert_true(second > first);
	assert_int_equal(record_newest(db), second);
	assert_int_equal(ruleset_open(db, second, &memory, &r, &err), RC_OK);
	assert_int_equal(r.table->rule[0].line, 2);
	assert_string_equal(r.hash, r.table->hash);
	assert_string_equal(r.timezone, "UTC");
	assert_int_equal(r.loaded_ms, NOW + 2);
	assert_true(ruleset_watch(&r, "a") > 0);
	assert_int_equal(ruleset_watch(&r, "b"), 0);
	ruleset_release(&r);
	/* The first again is a new one: events are in order. */
	assert_true(load(RULES, NOW + 3) > second);
}

static void forgotten_texts_stay_on_record(void **state)
{
	struct table *table = table_of(RULES);
	struct watches watches;
	struct err err;
	int64_t id, again;

	(void)state;
	assert_int_equal(watches_sync(db, table, NULL, &(struct our_clock){ NOW, 0 }, &silent,
				      &watches, &err),
			 RC_OK);
	assert_int_equal(record_ruleset(db, table, &watches, NOW, &id, &err), RC_OK);
	table_forget_texts(table);
	table_forget_texts(table); /* twice does no harm */
	assert_int_equal(record_ruleset(db, table, &watches, NOW + 1, &again, &err), RC_OK);
	assert_int_equal(again, id);
	db_run(db, "DELETE FROM ruleset_piece", "");
	db_run(db, "DELETE FROM ruleset", "");
	assert_int_equal(record_ruleset(db, table, &watches, NOW + 2, &again, &err), RC_BROKEN);
	assert_int_equal(db_integer(db, -1, "SELECT count(*) FROM ruleset", ""), 0);
	watches_release(&watches);
	table_unref(table);
}

/* `rules` rules in one file, of which the `edited`-th has another group and half a piece of comment. */
static struct table *many(size_t rules, size_t edited)
{
	struct built b;
	struct str text;

	str_init(&text, 1u << 24);
	for (size_t i = 0; i < rules; i++)
		str_addf(
			&text,
			"---\n#%*s\nrule: r%zu\ntrigger: { event: property-changed, property: p%zu, to: v%zu }\n"
			"action: { do: issue-credential, group: g%zu }\n",
			i == edited ? 2000 : 0, "", i, i % 50, i, i == edited ? rules : i % 7);
	sources_init(&b.sources);
	diags_init(&b.diags);
	sources_add_text(&b.sources, "a.yaml", slice_of(""));
	sources_add_text(&b.sources, "b.yaml", str_slice(&text));
	sources_add_text(&b.sources, "c.yaml", slice_of("# nothing"));
	struct table *t = table_build(&b.sources, &b.diags, NULL);
	assert_non_null(t);
	diags_release(&b.diags);
	sources_release(&b.sources);
	str_release(&text);
	return t;
}

static int64_t pieces(void)
{
	return db_integer(db, -1, "SELECT count(*) FROM piece", "");
}

static int64_t record(struct table *t, int64_t now_ms)
{
	struct watches watches;
	struct err err;
	int64_t id;

	assert_int_equal(watches_sync(db, t, NULL, &(struct our_clock){ now_ms, 0 }, &silent,
				      &watches, &err),
			 RC_OK);
	assert_int_equal(record_ruleset(db, t, &watches, now_ms, &id, &err), RC_OK);
	watches_release(&watches);
	return id;
}

static void assert_on_record(int64_t id, const struct table *t)
{
	struct ruleset r;
	struct err err;

	assert_int_equal(ruleset_open(db, id, &memory, &r, &err), RC_OK);
	assert_string_equal(r.table->hash, t->hash);
	assert_int_equal(r.table->n_file, t->n_file);
	for (size_t i = 0; i < t->n_file; i++) {
		assert_string_equal(r.table->file[i].path, t->file[i].path);
		assert_true(slice_eq(r.table->file[i].text, t->file[i].text));
	}
	ruleset_release(&r);
}

static void an_edit_writes_what_is_near_it(void **state)
{
	struct table *t[4] = { many(3000, 3000), many(3000, 1500), many(3000, 0),
			       many(2990, 3000) };
	int64_t id[4], had = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		id[i] = record(t[i], NOW + (int64_t)i);
		if (i == 0)
			assert_in_range(pieces(), 10, 200);
		else
			assert_in_range(pieces(), had + 1, had + 3);
		had = pieces();
	}
	for (size_t i = 0; i < 4; i++)
		assert_on_record(id[i], t[i]);
	/* What no table needs any longer goes with the tables. */
	assert_false(trim(0, 0, NOW + 9));
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM ruleset", ""), 1);
	assert_in_range(pieces(), 10, had - 3);
	assert_on_record(id[3], t[3]);
	for (size_t i = 0; i < 4; i++)
		table_unref(t[i]);
}

static void texts_may_be_written_beforehand_a_little_at_a_time(void **state)
{
	struct table *t = many(6000, 6000);
	int64_t had = 0, turns = 0;
	bool more = true;
	struct err err;

	(void)state;
	for (; more; had = pieces(), turns++) {
		assert_int_equal(record_texts(db, t, &more, &err), RC_OK);
		assert_true(pieces() > had);
	}
	assert_in_range(turns, 2, 10);
	assert_int_equal(record_texts(db, t, &more, &err), RC_OK);
	assert_false(more);
	int64_t id = record(t, NOW);
	/* The empty file is the only one that was missing. */
	assert_int_equal(pieces(), had + 1);
	assert_on_record(id, t);
	table_unref(t);
}

static void what_is_not_on_record_is_refused(void **state)
{
	struct ruleset r;
	struct err err;

	(void)state;
	assert_int_equal(ruleset_open(db, 7, &memory, &r, &err), RC_REFUSED);
	ruleset_release(&r);
	int64_t id = load(RULES, NOW);
	db_run(db, "UPDATE piece SET text = 'rule: a' || char(10) || 'no-such-key: 1'", "");
	assert_int_equal(ruleset_open(db, id, &memory, &r, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "test.yaml:"));
	ruleset_release(&r);
}

static void an_event_says_what_was_seen(void **state)
{
	static const char *const pair[] = { "tier", "Gold", "country", "", "email", "?", NULL };
	struct recorded e;
	struct ruleset r;
	struct err err;
	struct slice value;
	struct match_note note;

	(void)state;
	int64_t ruleset = load(RULES, NOW);
	write_event(ruleset, "101", pair, NOW);
	struct query *q = record_of_contact(db, "101");
	assert_true(record_next(db, q, &memory, &e));
	assert_int_equal(e.ruleset, ruleset);
	assert_false(e.gone || e.event.from_known);
	assert_true(slice_is(e.event.to, "Gold") && slice_is(e.event.property, "tier"));
	assert_int_equal(e.event.as_of_ms, NOW + 60000);
	assert_int_equal(ruleset_open(db, ruleset, &memory, &r, &err), RC_OK);
	struct recorded_facts of = { r.table, &e };
	struct facts facts = recorded_facts(&of);
	/* Empty was read, what could not be read was not. */
	for (uint32_t i = 0; i < r.table->n_property; i++) {
		bool email = strcmp(r.table->property[i].name, "email") == 0;
		assert_int_equal(facts.value(facts.ctx, i, &value),
				 email ? FACT_UNSURE : FACT_KNOWN);
	}
	assert_int_equal(rule_match(r.table, &r.table->rule[0], &e.event, &facts, &note),
			 ANSWER_NO);
	assert_string_equal(note.what, "country in [PL, DE]");
	assert_int_equal(note.line, 5);
	recorded_release(&e);
	assert_false(record_next(db, q, &memory, &e));
	ruleset_release(&r);
}

static enum fact country_of(const struct table *t)
{
	struct recorded e;
	struct slice value;
	struct query *q = record_of_contact(db, "101");

	assert_true(record_next(db, q, &memory, &e));
	query_end(q);
	struct recorded_facts of = { t, &e };
	struct facts facts = recorded_facts(&of);
	uint32_t i = 0;
	while (strcmp(t->property[i].name, "country") != 0)
		i++;
	enum fact fact = facts.value(facts.ctx, i, &value);
	recorded_release(&e);
	return fact;
}

/* Only what rules asked for can be empty: another table's property may have held anything. */
static void what_is_empty_takes_no_room(void **state)
{
	static const char *const pair[] = { "tier", "Gold", "country", "", "email", "?", NULL };
	struct table *table = table_of(RULES);

	(void)state;
	write_event(load(RULES, NOW), "101", pair, NOW);
	assert_true(db_exists(db,
			      "SELECT 1 FROM event WHERE instr(seen, 'country') = 0"
			      " AND instr(seen, 'Gold') > 0",
			      ""));
	assert_int_equal(country_of(table), FACT_KNOWN);
	db_run(db, "UPDATE ruleset SET properties = '{\"hubspot\":{\"tier\":\"\"}}'", "");
	assert_int_equal(country_of(table), FACT_UNSURE);
	/* As version 8 wrote it. */
	db_run(db, "UPDATE ruleset SET properties = NULL", "");
	assert_int_equal(country_of(table), FACT_UNSURE);
	db_run(db, "UPDATE event SET seen = '{\"country\":\"\"}'", "");
	assert_int_equal(country_of(table), FACT_KNOWN);
	table_unref(table);
}

/* However many there are, what waits for the store does not wait for their end. */
static void decisions_leave_a_few_at_a_time(void **state)
{
	(void)state;
	db_run(db,
	       "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
	       " INSERT INTO decision (made_ms, account, contact, event, target, to_value, at_ms, outcome,"
	       " table_hash) SELECT i, 'hubspot', i, 'property-changed', 'tier', 'Gold', i, 'no-event', 'h' FROM n",
	       "");
	int64_t now_ms = DECISIONS_KEPT_MS + 1101, left = 1200;
	/* The oldest were made by a clock that ran years ahead. */
	db_run(db, "UPDATE decision SET made_ms = ?1 WHERE id <= 700", "i", now_ms * 20);
	for (bool more = true; more;) {
		more = trim(0, 0, now_ms);
		int64_t before = left;
		left = db_integer(db, 0, "SELECT count(*) FROM decision", "");
		assert_in_range(before - left, 1, 600);
	}
	assert_int_equal(left, 100);
	/* Where our clock is far behind them all, none is old. */
	(void)trim(0, 0, 1200 - 2 * DECISIONS_KEPT_MS);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM decision", ""), 100);
}

static void events_are_found_under_every_id_of_a_contact(void **state)
{
	static const char *const pair[] = { "tier", "Gold", NULL };
	static const char *const ids[] = { "1", "2", "3" };

	(void)state;
	int64_t ruleset = load(RULES, NOW);
	for (size_t i = 0; i < 3; i++)
		write_event(ruleset, ids[i], pair, NOW);
	write_event(ruleset, "4", pair, NOW);
	db_run(db, "INSERT INTO alias VALUES ('hubspot', '1', '3'), ('hubspot', '2', '3')", "");
	for (size_t i = 0; i < 3; i++) {
		struct query *q = record_of_contact(db, ids[i]);
		struct recorded e;
		size_t n = 0;
		for (; record_next(db, q, &memory, &e); recorded_release(&e))
			n++;
		assert_int_equal(n, 3);
	}
}

static void events_are_kept_for_a_time_and_a_size(void **state)
{
	static const char *const pair[] = { "tier", "Gold", "country", "PL", NULL };

	(void)state;
	int64_t old = load(RULES, NOW - MS_DAY);
	write_event(old, "1", pair, NOW - MS_DAY);
	int64_t now = load("# edited\n" RULES, NOW);
	for (int i = 0; i < 700; i++)
		write_event(now, "2", pair, NOW);
	assert_false(trim(MS_DAY, RECORD_KEEP_BYTES, NOW));
	assert_int_equal(rows(NULL), 701);
	assert_false(trim(MS_DAY - 1, RECORD_KEEP_BYTES, NOW));
	assert_int_equal(rows("1"), 0);
	/* Nothing refers to the old table any more. */
	assert_int_equal(db_integer(db, 0, "SELECT min(id) FROM ruleset", ""), now);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM ruleset_piece", ""), 1);
	int64_t size = db_integer(db, 0, "SELECT max(size) - min(size) FROM event", "");
	/* By size: the newest of about half remain, whatever had been there before. */
	assert_true(trim(MS_DAY, size / 700 * 100, NOW) || rows(NULL) == 200);
	trim(MS_DAY, size / 700 * 100, NOW);
	assert_in_range(rows(NULL), 99, 101);
	/* None at all; a table that is in force stays. */
	trim(0, 0, NOW + 1);
	assert_int_equal(rows(NULL), 0);
	assert_int_equal(record_newest(db), now);
}

/* It explains a contact, and tells nothing of what the engine decided. */
static void a_backfill_is_on_record_once_and_for_why_only(void **state)
{
	static const char *const pair[] = { "tier", "Gold", "country", "US", NULL };
	static const char *const moved[] = { "tier", "Gold", "country", "PL", NULL };
	struct recorded e;

	(void)state;
	int64_t ruleset = load(RULES, NOW);
	int64_t engine = write_event(ruleset, "9", pair, NOW);
	int64_t first = write_seen(ruleset, "9", pair, NOW, true);
	assert_true(first > engine);
	assert_int_equal(write_seen(ruleset, "9", pair, NOW + 1, true), 0);
	assert_true(write_seen(ruleset, "9", moved, NOW + 2, true) > first);
	assert_true(write_seen(load("# edited\n" RULES, NOW), "9", pair, NOW + 3, true) > first);
	assert_int_equal(rows("9"), 4);
	struct query *q = record_since(db, 0, 10);
	assert_true(record_next(db, q, &memory, &e));
	assert_int_equal(e.id, engine);
	assert_null(e.rule);
	recorded_release(&e);
	assert_false(record_next(db, q, &memory, &e));
	q = record_of_contact(db, "9");
	for (int i = 0; i < 4; i++) {
		assert_true(record_next(db, q, &memory, &e));
		assert_string_equal(e.rule ? e.rule : "", i ? "a" : "");
		recorded_release(&e);
	}
	query_end(q);
	db_run(db, "DELETE FROM event", "");
}

/* What was no event is found by the address, which is all that is kept of the contact, and counts for nothing. */
static void what_was_no_event_is_short_and_for_why_only(void **state)
{
	static const char *const pair[] = { "tier", "Gold",  "country",
					    "PL",   "email", "ana@example.org",
					    NULL };
	struct table *table = table_of(RULES);
	struct pairs pairs = { table, pair, 0 };
	struct facts facts = { &pairs, pairs_value, NULL };
	struct event_facts event = { .property = slice_of("tier"),
				     .from_known = true,
				     .from = slice_of("Gold"),
				     .to = slice_of("Gold"),
				     .at_ms = NOW,
				     .as_of_ms = NOW + 60000 };
	struct record_event r = { .ruleset = load(RULES, NOW),
				  .watch = 1,
				  .made_ms = NOW,
				  .contact = "9",
				  .event = &event,
				  .source = table->rule[0].source,
				  .facts = &facts,
				  .rule = RECORD_NO_EVENT,
				  .changes = slice_of("[[1,\"Silver\",0],[2,\"Gold\",0]]"),
				  .came = "p1 " };
	struct recorded e;

	(void)state;
	db_begin(db, "event");
	(void)record_write(db, table, &r);
	assert_int_equal(db_commit(db, NULL), RC_OK);
	assert_false(record_next(db, record_since(db, 0, 10), &memory, &e));
	struct query *q = record_of_contact(db, "9");
	assert_true(record_next(db, q, &memory, &e));
	assert_string_equal(e.rule, RECORD_NO_EVENT);
	assert_int_equal(json_count(e.seen), 1);
	assert_true(slice_is(json_get_slice(e.seen, "email"), "ana@example.org"));
	assert_true(slice_eq(e.changes, r.changes));
	assert_true(slice_is(e.came, "p1 "));
	recorded_release(&e);
	query_end(q);
	/* What it takes counts: a longer one is more. */
	int64_t size = db_integer(db, 0, "SELECT max(size) FROM event", "");
	r.changes = slice_of("[[1,\"Silver\",0],[2,\"Gold\",0],[2,\"Gold\",1]]");
	db_begin(db, "event");
	(void)record_write(db, table, &r);
	assert_int_equal(db_commit(db, NULL), RC_OK);
	assert_int_equal(db_integer(db, 0, "SELECT max(size) FROM event", ""),
			 2 * size + (int64_t)strlen(",[2,\"Gold\",1]"));
	db_run(db, "DELETE FROM event", "");
	table_unref(table);
}

static void a_damaged_event_breaks_the_store(void **state)
{
	static const char *const pair[] = { "tier", "Gold", NULL };
	static const char *const damage[] = { "UPDATE event SET seen = '{'",
					      "UPDATE event SET seen = '[]'",
					      "UPDATE event SET seen = '{}', kind = 'x'",
					      "UPDATE ruleset SET properties = '{'" };
	struct recorded e;
	struct err err;

	(void)state;
	int64_t ruleset = load(RULES, NOW);
	for (size_t i = 0; i < 4; i++) {
		write_event(ruleset, "1", pair, NOW);
		db_run(db, damage[i], "");
		assert_false(record_next(db, record_since(db, 0, 1), &memory, &e));
		assert_int_equal(db_failed(db, &err), RC_BROKEN);
		db_rollback(db);
	}
	db_run(db, "DELETE FROM event", "");
}

/* One that the rules in force do not declare cannot be reconciled. */
static void a_reconcile_is_of_accounts_in_force(void **state)
{
	(void)state;
	db_run(db,
	       "INSERT INTO action VALUES ('certifier', 1, 'a copy was put back'), ('old', 1, 'a copy was put back')",
	       "");
	assert_true(restored_awaits_reconcile(db, "old"));
	load(RULES, NOW);
	assert_false(restored_awaits_reconcile(db, "old"));
	assert_true(restored_awaits_reconcile(db, "certifier"));
	db_run(db, "UPDATE action SET restored = NULL", "");
	assert_false(restored_awaits_reconcile(db, "certifier"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(a_table_is_recorded_once_while_it_stays_the_same),
		stored(forgotten_texts_stay_on_record),
		stored(an_edit_writes_what_is_near_it),
		stored(texts_may_be_written_beforehand_a_little_at_a_time),
		stored(what_is_not_on_record_is_refused),
		stored(an_event_says_what_was_seen),
		stored(what_is_empty_takes_no_room),
		stored(decisions_leave_a_few_at_a_time),
		stored(events_are_found_under_every_id_of_a_contact),
		stored(events_are_kept_for_a_time_and_a_size),
		stored(a_backfill_is_on_record_once_and_for_why_only),
		stored(what_was_no_event_is_short_and_for_why_only),
		stored(a_damaged_event_breaks_the_store),
		stored(a_reconcile_is_of_accounts_in_force),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Live rules that match nothing: which, since when, and what came closest; told once a day. */
#include "tests/unit/stored.h"

#include "engine/ledger.h"
#include "engine/status.h"

#define RULE(name, more)                                                                           \
	"rule: " name "\n" more                                                                    \
	"trigger:\n  event: property-changed\n  property: tier\n  to: Gold\n"                      \
	"  filters: [{ property: country, in: [PL, DE] }]\n"                                       \
	"action: { do: issue-credential, group: g }\n"

/* The same rule with another `settle`. */
#define SETTLED(name, settle)                                                                      \
	"rule: " name "\n"                                                                         \
	"trigger:\n  event: property-changed\n  property: tier\n  to: Gold\n  settle: " settle "\n"  \
	"  filters: [{ property: country, in: [PL, DE] }]\n"                                       \
	"action: { do: issue-credential, group: g }\n"

static char text[4096];
static FILE *told;

static int64_t now_of(void *ctx)
{
	(void)ctx;
	return NOW;
}

static struct table *table;
static struct watches watches;
static int64_t ruleset, watch[4];

static void load(const char *rules, int64_t at_ms)
{
	static const struct log silent;
	struct err err;

	table = table_of(rules);
	assert_int_equal(watches_sync(db, table, NULL, &(struct our_clock){ at_ms, 0 }, &silent,
				      &watches, &err),
			 RC_OK);
	assert_int_equal(record_ruleset(db, table, &watches, at_ms, &ruleset, &err), RC_OK);
	for (size_t i = 0; i < table->n_rule; i++)
		watch[i] = watches.of_rule[i] ? watches.of_rule[i]->id : 0;
}

static void unload(void)
{
	watches_release(&watches);
	table_unref(table);
}

static void happen_to(const char *contact, const char *to, const char *country)
{
	const char *const pair[] = { "country", country, NULL };
	struct pairs pairs = { table, pair, 0 };
	struct facts facts = { &pairs, pairs_value, NULL };
	struct event_facts event = { .kind = EVENT_PROPERTY_CHANGED,
				     .property = slice_of("tier"),
				     .from_known = true,
				     .to = slice_of(to),
				     .at_ms = NOW };
	struct record_event e = { .ruleset = ruleset,
				  .watch = watch[0],
				  .made_ms = NOW - 1,
				  .contact = contact,
				  .event = &event,
				  .source = table->rule[0].source,
				  .facts = &facts };

	db_begin(db, "event");
	record_write(db, table, &e);
	assert_int_equal(db_commit(db, NULL), RC_OK);
}

/* Each time to another contact. */
static void happen(const char *to, const char *country)
{
	static unsigned contacts;
	char contact[16];

	snprintf(contact, sizeof(contact), "%u", ++contacts);
	happen_to(contact, to, country);
}

static void the_closest_test_and_its_commonest_value(void **state)
{
	struct quiets q;

	(void)state;
	load(RULE("a", "") "---\n" RULE("s", "mode: shadow\n"), NOW - 2 * MS_DAY);
	for (int i = 0; i < 3; i++)
		happen("Gold", "US");
	happen("Gold", "UK");
	happen("Silver", "FR"); /* farther: two tests */
	quiet_find(db, table, watch, NOW, &q);
	assert_int_equal(q.count, 1);
	assert_string_equal(q.quiet[0].rule->name, "a");
	assert_int_equal(q.quiet[0].since_ms, NOW - 2 * MS_DAY);
	assert_int_equal(q.quiet[0].seen, 5);
	assert_string_equal(q.quiet[0].test, "country in [PL, DE]");
	assert_int_equal(q.quiet[0].line, 6);
	assert_int_equal(q.quiet[0].failed, 4);
	assert_string_equal(q.quiet[0].value, "US");
	assert_int_equal(q.quiet[0].times, 3);
	quiets_release(&q);
	/* What a backfill looked at is none of them. */
	db_run(db, "UPDATE event SET rule = 'a'", "");
	quiet_find(db, table, watch, NOW, &q);
	assert_int_equal(q.quiet[0].seen, 0);
	quiets_release(&q);
	unload();
}

static void a_value_of_few_is_not_told(void **state)
{
	struct quiets q;

	(void)state;
	load(RULE("a", ""), NOW - MS_DAY);
	happen("Silver", "PL");
	happen("Silver", "PL");
	quiet_find(db, table, watch, NOW, &q);
	assert_string_equal(q.quiet[0].test, "to Gold");
	assert_null(q.quiet[0].value);
	quiets_release(&q);
	unload();
}

/* However often it was seen: it may be an address. */
static void nor_is_one_of_few_people(void **state)
{
	struct quiets q;

	(void)state;
	load(RULE("a", ""), NOW - MS_DAY);
	for (int i = 0; i < 9; i++)
		happen_to(i % 2 ? "1" : "2", "Gold", "ana@example.org");
	quiet_find(db, table, watch, NOW, &q);
	assert_int_equal(q.quiet[0].failed, 9);
	assert_null(q.quiet[0].value);
	quiets_release(&q);
	happen_to("3", "Gold", "ana@example.org");
	quiet_find(db, table, watch, NOW, &q);
	assert_string_equal(q.quiet[0].value, "ana@example.org");
	assert_int_equal(q.quiet[0].times, 10);
	quiets_release(&q);
	unload();
}

static void a_rule_that_matched_is_not_quiet(void **state)
{
	struct quiets q;

	(void)state;
	load(RULE("a", ""), NOW - 40 * MS_DAY);
	db_run(db,
	       "INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, to_value, at_ms,"
	       " action_account, group_id, do_issue, do_send, email, state, created_ms, updated_ms)"
	       " VALUES ('a', 'h', 'hubspot', '7', 'property-changed', 'tier', 'Gold', 1, 'certifier', 'g1', 1, 1,"
	       " 'a@example.org', 'sent', ?1, 1)",
	       "i", NOW - 29 * MS_DAY);
	quiet_find(db, table, watch, NOW, &q);
	assert_int_equal(q.count, 0);
	quiets_release(&q);
	/* What a person made does not hide it. */
	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state, note, who)"
	       " SELECT id, 1, 'planned', '" LEDGER_BACKFILL ": x', 'ana' FROM issuance",
	       "");
	quiet_find(db, table, watch, NOW, &q);
	assert_int_equal(q.count, 1);
	quiets_release(&q);
	db_run(db, "DELETE FROM trail", "");
	/* Two days later that is too long ago. */
	quiet_find(db, table, watch, NOW + 2 * MS_DAY, &q);
	assert_int_equal(q.count, 1);
	assert_null(q.quiet[0].test);
	quiets_release(&q);
	unload();
}

/* Loads other rules in place of those that are loaded. */
static void reload(const char *rules, int64_t at_ms)
{
	unload();
	load(rules, at_ms);
}

static void an_edit_of_settle_loses_no_event(void **state)
{
	struct quiets q;

	(void)state;
	load(RULE("a", ""), NOW - 2 * MS_DAY);
	for (int i = 0; i < 3; i++)
		happen("Gold", "US");
	int64_t before = watch[0];
	reload(SETTLED("a", "2m"), NOW - MS_DAY);
	assert_int_not_equal(watch[0], before);
	happen("Gold", "US");
	quiet_find(db, table, watch, NOW, &q);
	assert_int_equal(q.quiet[0].seen, 4);
	assert_int_equal(q.quiet[0].since_ms, NOW - 2 * MS_DAY);
	assert_int_equal(q.quiet[0].failed, 4);
	assert_int_equal(q.quiet[0].times, 4);
	quiets_release(&q);
	unload();
}

/* What `status` has as events of the rule with that id. */
static int64_t events_of(size_t rule)
{
	struct status s;

	status_read(&s, db, table, watch, NOW);
	int64_t n = s.rule[rule].events;
	status_release(&s);
	return n;
}

static void events_are_of_the_rules_that_looked_at_them(void **state)
{
	(void)state;
	load(RULE("a", "") "---\n" RULE("b", ""), NOW - 2 * MS_DAY);
	assert_int_equal(watch[0], watch[1]);
	happen("Gold", "US");
	assert_int_equal(events_of(0), 1);
	assert_int_equal(events_of(1), 1);
	/* b goes its own way; a has the watch that both had. */
	reload(RULE("a", "") "---\n" SETTLED("b", "2m"), NOW - MS_DAY);
	assert_int_not_equal(watch[0], watch[1]);
	happen("Gold", "US");
	assert_int_equal(events_of(0), 2);
	assert_int_equal(events_of(1), 1);
	/* Off, it looks at nothing more, and has what it looked at. */
	reload(RULE("a", "") "---\n" RULE("b", "mode: off\n"), NOW - MS_DAY);
	happen("Gold", "US");
	assert_int_equal(events_of(0), 3);
	assert_int_equal(events_of(1), 1);
	/* Rules of then that are no longer on record: those that look by that watch now. */
	db_run(db, "DELETE FROM ruleset WHERE id < ?1", "i", ruleset);
	assert_int_equal(events_of(0), 3);
	assert_int_equal(events_of(1), 0);
	unload();
}

static void another_trigger_is_looked_at_anew(void **state)
{
	struct quiets q;

	(void)state;
	load(RULE("a", ""), NOW - 2 * MS_DAY);
	happen("Gold", "US");
	/* By a clock that was set back, that was after the activation. */
	reload("rule: a\ntrigger: { event: property-changed, property: country, to: PL }\n"
	       "action: { do: issue-credential, group: g }\n",
	       NOW - MS_DAY);
	quiet_find(db, table, watch, NOW, &q);
	assert_int_equal(q.quiet[0].seen, 0);
	quiets_release(&q);
	unload();
}

/* How many lines a telling at this time adds to the log. */
static int lines_told(int64_t at_ms)
{
	struct log log = { .out = told, .now_ms = now_of };
	struct err err;
	long before = ftell(told);
	int n = 0;

	assert_int_equal(quiet_tell(db, table, &watches, &log, at_ms, &err), RC_OK);
	fflush(told);
	for (const char *c = text + before; *c; c++)
		n += *c == '\n';
	return n;
}

static void the_log_is_told_once_a_day_and_no_value(void **state)
{
	(void)state;
	memset(text, 0, sizeof(text));
	told = fmemopen(text, sizeof(text), "w");
	load(RULE("a", ""), NOW - 2 * MS_DAY);
	for (int i = 0; i < 3; i++)
		happen("Gold", "US");
	assert_int_equal(lines_told(NOW), 1);
	assert_non_null(strstr(text, "a live rule matched nothing rule=a"));
	assert_non_null(strstr(text, "failed=3"));
	assert_null(strstr(text, "US"));
	assert_int_equal(lines_told(NOW + MS_DAY - 1), 0);
	assert_int_equal(lines_told(NOW + MS_DAY), 1);
	/* A clock that was set back does not silence it. */
	assert_int_equal(lines_told(NOW), 1);
	unload();
	fclose(told);
}

static void a_young_rule_is_not_told(void **state)
{
	(void)state;
	memset(text, 0, sizeof(text));
	told = fmemopen(text, sizeof(text), "w");
	load(RULE("a", ""), NOW - MS_DAY + 1);
	happen("Gold", "US");
	assert_int_equal(lines_told(NOW), 0);
	unload();
	fclose(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(the_closest_test_and_its_commonest_value),
		stored(a_value_of_few_is_not_told),
		stored(nor_is_one_of_few_people),
		stored(a_rule_that_matched_is_not_quiet),
		stored(an_edit_of_settle_loses_no_event),
		stored(events_are_of_the_rules_that_looked_at_them),
		stored(another_trigger_is_looked_at_anew),
		stored(the_log_is_told_once_a_day_and_no_value),
		stored(a_young_rule_is_not_told),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

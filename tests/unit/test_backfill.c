/* Who qualifies already: the whole way, through the sandbox, and ended at every place. */
#include "tests/unit/rules.h"

#include <stdlib.h>

#include "base/json.h"
#include "engine/backfill.h"
#include "engine/sim.h"
#include "engine/store/db.h"
#include "engine/why.h"
#include "tests/disk/disk.h"

#define START INT64_C(1795435220000)

struct portal {
	struct sandbox *sandbox;
	struct sim sim;
	struct db *db;
	const char *rules;
	struct backfill_report report; /* of the last backfill */
	size_t said;
	int64_t passed; /* whom backfills keep of those that they pass over */
};

static const char tier[] =
	"rule: tier\n"
	"trigger:\n  event: property-changed\n  property: tier\n  to: [Silver, Gold]\n"
	"  filters:\n    - { property: country, is: PL }\n"
	"action:\n  do: issue-credential\n  group: g\n"
	"  fields: { custom.town: \"{{ contact.town | required }}\" }\n";
static const char from[] = "rule: tier\n"
			   "trigger:\n  event: property-changed\n  property: tier\n  from: Bronze\n"
			   "action:\n  do: issue-credential\n  group: g\n";
static const char braked[] = "rule: tier\nbrake: 100/h\n"
			     "trigger:\n  event: property-changed\n  property: tier\n"
			     "action:\n  do: issue-credential\n  group: g\n";
static const char settled[] =
	"rule: tier\n"
	"trigger:\n  event: property-changed\n  property: tier\n  settle: 4h\n"
	"action:\n  do: issue-credential\n  group: g\n";
static const char waiting[] = "rule: tier\nmissing-email: hold 30d\n"
			      "trigger:\n  event: property-changed\n  property: tier\n"
			      "action:\n  do: issue-credential\n  group: g\n";
static const char list[] = "rule: grads\n"
			   "trigger:\n  event: list-added\n  list: Graduates\n"
			   "action:\n  do: issue-credential\n  group: g\n";

static enum rc portal_open(struct portal *p, const char *place)
{
	struct err err;
	enum rc rc = db_open(place, DB_OWN, &p->db, &err);

	p->sim.world.db = p->db;
	return rc;
}

static int portal_make(void **state, const char *place)
{
	struct portal *p = mem_alloc(sizeof(*p));
	struct sandbox_options o;

	sandbox_defaults(&o);
	p->sandbox = sandbox_new(&o);
	sandbox_group(p->sandbox, "g", "Gold");
	sandbox_attribute(p->sandbox, "custom.town");
	sim_init(&p->sim, p->sandbox, START, 7, NULL);
	p->rules = tier;
	p->passed = BACKFILL_PASSED;
	*state = p;
	return portal_open(p, place) == RC_OK ? 0 : -1;
}

static int portal_setup(void **state)
{
	return portal_make(state, ":memory:");
}

static int portal_teardown(void **state)
{
	struct portal *p = *state;

	db_close(p->db);
	sandbox_free(p->sandbox);
	mem_free(p);
	return 0;
}

static int disk_setup(void **state)
{
	disk_start();
	return portal_make(state, disk_place());
}

static int disk_teardown(void **state)
{
	int failed = portal_teardown(state);

	disk_stop();
	return failed;
}

/* ---- what people do --------------------------------------------------------- */

static void person(struct portal *p, int64_t id, const char *value, const char *town,
		   const char *country)
{
	struct json *properties = json_new_object();
	char email[64];
	struct err err;

	snprintf(email, sizeof(email), "p%lld@example.com", (long long)id);
	if (id % 100 != 99) /* some have none */
		json_set_text(properties, "email", email);
	json_set_text(properties, "firstname", "Ada");
	if (value)
		json_set_text(properties, "tier", value);
	if (town)
		json_set_text(properties, "town", town);
	if (country)
		json_set_text(properties, "country", country);
	assert_int_equal(sandbox_create(p->sandbox, START - MS_DAY, id, properties, &id, &err),
			 RC_OK);
	json_free(properties);
}

static void set(struct portal *p, int64_t id, const char *name, const char *value)
{
	struct err err;

	if (sandbox_set(p->sandbox, p->sim.now_ms, id, name, slice_of(value), &err) != RC_OK)
		fail_msg("%s", err.text);
}

/* ---- processes --------------------------------------------------------------- */

/* One pass of the daemon, some minutes after what was before. */
static void daemon_pass(struct portal *p)
{
	struct table *table = table_of(p->rules);
	enum once last = ONCE_WORKING;
	struct err err;

	p->sim.now_ms += 5 * MS_MINUTE;
	struct engine *engine = engine_new(&p->sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
	if (sim_run_once(&p->sim, engine, p->sim.now_ms + MS_HOUR, &last, &err) != RC_OK)
		fail_msg("%s", err.text);
	engine_free(engine);
	sim_abandon(&p->sim);
}

static void count_said(void *ctx, const struct backfill_person *person)
{
	(void)person;
	(*(size_t *)ctx)++;
}

static enum rc backfill(struct portal *p, bool preview, int64_t limit, struct err *err)
{
	struct table *table = table_of(p->rules);
	struct backfill_choice choice = { .who = "lena",
					  .preview = preview,
					  .limit = limit,
					  .passed = p->passed,
					  .say = count_said,
					  .ctx = &p->said };
	struct backfill *b = backfill_new(&p->sim.world, table, &table->rule[0], &choice);

	p->said = 0;
	enum rc rc = sim_backfill(&p->sim, b, err);
	p->report = *backfill_report(b);
	p->report.miss = NULL;
	backfill_free(b);
	sim_abandon(&p->sim);
	table_unref(table);
	return rc;
}

static void fill(struct portal *p, bool preview)
{
	struct err err;

	if (backfill(p, preview, INT64_MAX, &err) != RC_OK)
		fail_msg("%s", err.text);
}

static int64_t rows(struct portal *p)
{
	return db_integer(p->db, -1, "SELECT count(*) FROM issuance", "");
}

static void assert_outcome(const struct portal *p, enum backfill_outcome outcome, int64_t want)
{
	if (p->report.of[outcome] != want)
		fail_msg("%s: %lld, not %lld", backfill_outcome_names[outcome],
			 (long long)p->report.of[outcome], (long long)want);
}

static void assert_refused(struct portal *p, enum rc want, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(backfill(p, true, INT64_MAX, &err), want);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

/* ---- who qualifies ------------------------------------------------------------ */

static void each_ends_as_one_thing(void **state)
{
	struct portal *p = *state;

	person(p, 1, "Gold", "Lodz", "PL");
	person(p, 2, "Silver", "Lodz", "PL");
	person(p, 3, "Bronze", "Lodz", "PL"); /* not in question */
	person(p, 4, "Gold", "Bonn", "DE");
	person(p, 5, "Gold", NULL, "PL");
	person(p, 99, "Gold", "Lodz", "PL"); /* has no address */
	daemon_pass(p);
	assert_int_equal(rows(p), 0);
	fill(p, true);
	assert_outcome(p, BACKFILL_ISSUED, 2);
	assert_outcome(p, BACKFILL_NO_MATCH, 1);
	assert_outcome(p, BACKFILL_HELD, 1);
	assert_outcome(p, BACKFILL_NO_EMAIL, 1);
	assert_int_equal(p->report.held[HOLD_REQUIRED], 1);
	assert_int_equal(p->report.misses, 1);
	assert_int_equal(p->report.shown, 5);
	assert_int_equal(p->said, 3);
	assert_int_equal(rows(p), 0); /* a preview writes nothing */
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 2);
	assert_int_equal(rows(p), 3);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
	fill(p, false);
	assert_outcome(p, BACKFILL_KNOWN, 3);
	assert_int_equal(rows(p), 3);
	set(p, 99, "email", "late@example.com");
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 1);
}

static bool is_decided(struct portal *p, const char *contact, const char *outcome)
{
	return db_exists(
		p->db,
		"SELECT 1 FROM decision d JOIN event e ON e.id = d.event_id AND e.rule = d.rule"
		" AND e.contact = d.contact AND e.ruleset = (SELECT max(id) FROM ruleset)"
		" WHERE d.contact = ?1 AND d.outcome = ?2 AND d.who = 'lena'",
		"tt", contact, outcome);
}

static int64_t events(struct portal *p)
{
	return db_integer(p->db, -1, "SELECT count(*) FROM event", "");
}

/* What was seen of each, so that it can be told why. */
static void what_it_saw_is_kept(void **state)
{
	struct portal *p = *state;
	struct err err;
	struct why w;

	person(p, 1, "Gold", "Lodz", "PL");
	person(p, 4, "Gold", "Bonn", "DE");
	person(p, 5, "Gold", NULL, "PL");
	person(p, 99, "Gold", "Lodz", "PL");
	daemon_pass(p);
	fill(p, true);
	assert_int_equal(events(p), 0);
	fill(p, false);
	assert_int_equal(events(p), 4);
	assert_int_equal(p->report.kept, 2);
	assert_true(is_decided(p, "1", "fired"));
	assert_true(is_decided(p, "4", "no-match"));
	assert_true(is_decided(p, "5", "held"));
	assert_true(is_decided(p, "99", "skipped"));
	assert_int_equal(why_ask(&w, p->db, "4", NULL, &err), RC_OK);
	assert_int_equal(w.persons, 1);
	assert_int_equal(w.person[0].entries, 1);
	const struct why_rule *r = w.person[0].entry[0].rule;
	assert_string_equal(r->look.who, "lena");
	assert_int_equal(r->trace.misses, 1);
	assert_true(slice_is(r->trace.line[1].value, "DE"));
	why_release(&w);
	fill(p, false); /* those that were passed over are as they were */
	assert_int_equal(events(p), 4);
	/* And then she qualifies: one change, both looks, and the issuance at the one that made it. */
	set(p, 4, "country", "PL");
	fill(p, false);
	assert_int_equal(why_ask(&w, p->db, "4", NULL, &err), RC_OK);
	assert_int_equal(w.person[0].entries, 1);
	const struct why_entry *e = &w.person[0].entry[0];
	assert_int_equal(e->rules, 2);
	assert_true(e->apart);
	assert_string_equal(e->rule[0].outcome, "fired");
	assert_non_null(e->rule[0].issuance);
	assert_string_equal(e->rule[1].outcome, "no-match");
	assert_null(e->rule[1].issuance);
	why_release(&w);
}

/* One run over a large account does not drive out what is on record of other days. */
static void of_those_passed_over_some_are_kept(void **state)
{
	struct portal *p = *state;

	for (int64_t id = 100; id < 190; id++)
		person(p, id, "Gold", "Bonn", id % 3 ? "DE" : "PL");
	daemon_pass(p);
	p->passed = 7;
	fill(p, false);
	assert_outcome(p, BACKFILL_NO_MATCH, 60);
	assert_outcome(p, BACKFILL_ISSUED, 30);
	assert_int_equal(p->report.kept, 7);
	assert_int_equal(events(p), 37);
}

static void rules_that_change_under_it_end_it(void **state)
{
	struct portal *p = *state;
	struct err err = { 0 };

	person(p, 1, "Gold", "Lodz", "PL");
	daemon_pass(p);
	p->rules = braked; /* the same trigger */
	assert_refused(p, RC_INVALID, "other rules were loaded");
	assert_int_equal(backfill(p, false, INT64_MAX, &err), RC_INVALID);
	assert_int_equal(rows(p) + events(p), 0);
	daemon_pass(p);
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 1);
}

static void from_is_the_value_before(void **state)
{
	struct portal *p = *state;

	p->rules = from;
	person(p, 1, "Bronze", NULL, NULL);
	person(p, 2, "Silver", NULL, NULL);
	person(p, 3, "Gold", NULL, NULL);
	p->sim.now_ms += MS_HOUR;
	set(p, 1, "tier", "Gold");
	set(p, 2, "tier", "Gold");
	daemon_pass(p);
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 1);
	assert_outcome(p, BACKFILL_NO_MATCH, 2);
	assert_true(db_exists(p->db,
			      "SELECT 1 FROM issuance WHERE contact = '1' AND from_value = 'Bronze'"
			      " AND to_value = 'Gold' AND at_ms = ?1",
			      "i", START + MS_HOUR));
}

/* From the backfill on, whatever address the contact had between the event and that. */
static void who_has_no_address_is_waited_for_from_now_on(void **state)
{
	struct portal *p = *state;

	p->rules = waiting;
	person(p, 1, "Gold", NULL, NULL);
	person(p, 2, "Gold", NULL, NULL);
	daemon_pass(p);
	p->sim.now_ms += 10 * MS_DAY;
	set(p, 1, "email", "");
	set(p, 2, "email", "");
	p->sim.now_ms += 10 * MS_DAY;
	fill(p, false);
	assert_outcome(p, BACKFILL_HELD, 2);
	p->sim.now_ms += 29 * MS_DAY;
	set(p, 1, "email", "in.time@example.com");
	daemon_pass(p);
	p->sim.now_ms += 2 * MS_DAY;
	daemon_pass(p);
	set(p, 2, "email", "too.late@example.com");
	daemon_pass(p);
	assert_int_equal(db_integer(p->db, -1,
				    "SELECT count(*) FROM issuance WHERE contact = '1' AND state = 'sent'",
				    ""),
			 1);
	assert_int_equal(
		db_integer(p->db, -1,
			   "SELECT count(*) FROM issuance WHERE contact = '2' AND state = 'skipped'"
			   " AND reason = 'no valid e-mail address within 30d'",
			   ""),
		1);
}

/* The daemon and a backfill never both issue for a change, in whichever order they come to it. */
static void what_came_since_is_the_daemons(void **state)
{
	struct portal *p = *state;

	p->rules = braked;
	person(p, 1, "Bronze", NULL, NULL);
	person(p, 2, "Bronze", NULL, NULL);
	daemon_pass(p);
	p->sim.now_ms += MS_MINUTE;
	set(p, 1, "tier", "Gold");
	p->sim.now_ms += 20 * MS_SECOND;
	fill(p, false);
	assert_outcome(p, BACKFILL_LEFT, 1);
	assert_outcome(p, BACKFILL_ISSUED, 1);
	set(p, 1, "tier", "Silver"); /* the burst goes on: one credential, for its last value */
	daemon_pass(p);
	fill(p, false);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
	assert_outcome(p, BACKFILL_KNOWN, 2);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
}

static void join(struct portal *p, int64_t id)
{
	struct err err;

	assert_int_equal(sandbox_join(p->sandbox, p->sim.now_ms, 42, id, &err), RC_OK);
}

static void make_list(struct portal *p)
{
	struct err err;
	int64_t id;

	p->rules = list;
	assert_int_equal(sandbox_list(p->sandbox, START - MS_DAY, 42, "Graduates", NULL, &id, &err),
			 RC_OK);
}

/* A merge counts as the last change, where it set the value; what waits from before it is the daemon's all the same. */
static void what_waits_after_a_merge_is_the_daemons(void **state)
{
	struct portal *p = *state;
	struct err err;
	int64_t into;

	p->rules = settled;
	person(p, 1, "Bronze", NULL, NULL);
	person(p, 2, "Bronze", NULL, NULL);
	daemon_pass(p);
	p->sim.now_ms += MS_MINUTE;
	set(p, 1, "tier", "Gold");
	p->sim.now_ms += MS_MINUTE;
	set(p, 2, "tier", "Silver");
	daemon_pass(p);
	assert_int_equal(sandbox_merge(p->sandbox, p->sim.now_ms, 1, 2, 900, &into, &err), RC_OK);
	daemon_pass(p);
	fill(p, false);
	assert_outcome(p, BACKFILL_LEFT, 1);
	p->sim.now_ms += 4 * MS_HOUR;
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 0);
}

static void members_and_those_that_were_merged(void **state)
{
	struct portal *p = *state;
	struct err err;
	int64_t into;

	make_list(p);
	for (int64_t id = 1; id <= 300; id++) {
		person(p, id, NULL, NULL, NULL);
		join(p, id);
	}
	daemon_pass(p);
	assert_int_equal(rows(p), 0);
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 297);
	assert_outcome(p, BACKFILL_NO_EMAIL, 3);
	assert_int_equal(p->report.total, 300);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 297);
	/* Under another id, which the daemon has not heard of yet, and with another row. */
	sandbox_options(p->sandbox)->merge_rejoins = true;
	assert_int_equal(sandbox_merge(p->sandbox, p->sim.now_ms, 1, 2, 900, &into, &err), RC_OK);
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 0);
	daemon_pass(p);
	fill(p, false);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 297);
}

/* Under an id that nobody but HubSpot has heard of, with the change that the old ones were issued for. */
static void who_was_merged_gets_no_second_one(void **state)
{
	struct portal *p = *state;
	struct err err;
	int64_t into;

	p->rules = braked;
	person(p, 1, "Gold", NULL, NULL);
	person(p, 2, "Gold", NULL, NULL);
	daemon_pass(p);
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 2);
	daemon_pass(p);
	assert_int_equal(sandbox_merge(p->sandbox, p->sim.now_ms, 1, 2, 900, &into, &err), RC_OK);
	p->sim.now_ms += MS_MINUTE; /* until the search shows it */
	fill(p, false);
	assert_outcome(p, BACKFILL_KNOWN, 1);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
}

/* What happened before a merge the daemon has decided, or never will. */
static void who_was_merged_since_is_not_left(void **state)
{
	struct portal *p = *state;
	int64_t id;
	struct err err;

	person(p, 1, "Bronze", "Lodz", NULL);
	person(p, 2, "Bronze", "Lodz", NULL);
	person(p, 3, "Bronze", "Lodz", NULL);
	daemon_pass(p);
	set(p, 1, "tier", "Gold");
	set(p, 3, "tier", "Gold");
	daemon_pass(p);
	assert_int_equal(rows(p), 0);
	assert_int_equal(sandbox_merge(p->sandbox, p->sim.now_ms, 1, 2, 900, &id, &err), RC_OK);
	daemon_pass(p);
	daemon_pass(p);
	set(p, id, "country", "PL");
	set(p, 3, "country", "PL");
	daemon_pass(p);
	fill(p, false);
	assert_outcome(p, BACKFILL_LEFT, 0);
	assert_outcome(p, BACKFILL_ISSUED, 2);
}

static void searches_go_by_pages_of_ids(void **state)
{
	struct portal *p = *state;

	p->rules = braked;
	for (int64_t id = 100; id < 550; id++)
		person(p, id, id % 2 ? "Gold" : "Silver", NULL, NULL);
	daemon_pass(p);
	size_t before = sandbox_calls(p->sandbox, "search");
	fill(p, true);
	assert_int_equal(sandbox_calls(p->sandbox, "search") - before, 3);
	assert_int_equal(p->report.total, 450);
	assert_outcome(p, BACKFILL_ISSUED, 100);
	assert_outcome(p, BACKFILL_HELD, 446 - 100);
}

/* ---- the brake, the limit, shadow ---------------------------------------------- */

static void the_brake_counts_what_backfills_make(void **state)
{
	struct portal *p = *state;
	struct err err;

	p->rules = braked;
	for (int64_t id = 100; id < 350; id++)
		person(p, id, "Gold", NULL, NULL);
	daemon_pass(p);
	assert_int_equal(backfill(p, false, 60, &err), RC_OK);
	assert_outcome(p, BACKFILL_ISSUED, 60);
	assert_true(p->report.limited);
	assert_int_equal(backfill(p, false, 60, &err), RC_OK); /* the same hour */
	assert_outcome(p, BACKFILL_ISSUED, 40);
	assert_outcome(p, BACKFILL_HELD, 20);
	assert_int_equal(p->report.held[HOLD_BRAKE], 20);
	p->sim.now_ms += 2 * MS_HOUR;
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 100);
	assert_outcome(p, BACKFILL_KNOWN, 120);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 200);
}

static void what_was_in_shadow_goes_out(void **state)
{
	static const char shadow[] = "rule: tier\nmode: shadow\n"
				     "trigger:\n  event: property-changed\n  property: tier\n"
				     "action:\n  do: issue-credential\n  group: g\n";
	struct portal *p = *state;

	p->rules = shadow;
	person(p, 1, "Bronze", NULL, NULL);
	person(p, 2, "Bronze", NULL, NULL);
	daemon_pass(p);
	p->sim.now_ms += MS_MINUTE;
	set(p, 1, "tier", "Gold");
	daemon_pass(p);
	fill(p, false); /* shadow records shadow */
	assert_outcome(p, BACKFILL_SHADOW, 1);
	assert_outcome(p, BACKFILL_KNOWN, 1);
	assert_int_equal(rows(p), 2);
	p->rules = braked;
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 0);
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 2);
	assert_int_equal(rows(p), 2);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
}

/* ---- what it refuses --------------------------------------------------------------- */

static void what_cannot_be_backfilled(void **state)
{
	struct portal *p = *state;

	person(p, 1, "Gold", "Lodz", "PL");
	assert_refused(p, RC_INVALID, "is not active with this trigger");
	p->rules = "rule: tier\nmode: off\n"
		   "trigger: { event: property-changed, property: tier }\n"
		   "action: { do: issue-credential, group: g }\n";
	assert_refused(p, RC_INVALID, "is off");
	p->rules = "rule: tier\n"
		   "trigger: { event: property-changed, property: tier, to: \"\" }\n"
		   "action: { do: issue-credential, group: g }\n";
	assert_refused(p, RC_INVALID, "a value that is cleared");
	p->rules = tier;
	daemon_pass(p);
	db_run(p->db, "UPDATE action SET restored = 'its mark'", "");
	assert_refused(p, RC_INVALID, "run 'hs2cert reconcile' first");
	db_run(p->db, "UPDATE watch SET start_ms = NULL", "");
	db_run(p->db, "UPDATE action SET restored = NULL", "");
	assert_refused(p, RC_INVALID, "was not reached since");
}

static void a_source_that_cannot_be_read(void **state)
{
	struct portal *p = *state;
	struct err err;

	person(p, 1, "Gold", "Lodz", "PL");
	daemon_pass(p);
	assert_int_equal(sandbox_fault(p->sandbox, "search", FAULT_STATUS, 401, -1, 0, 1, &err),
			 RC_OK);
	assert_refused(p, RC_REFUSED, "refuses its token");
	assert_int_equal(sandbox_fault(p->sandbox, "search", FAULT_CUT_AFTER, 0, -1, 0, 5, &err),
			 RC_OK);
	assert_refused(p, RC_REFUSED, "could not be read now");
	assert_int_equal(sandbox_fault(p->sandbox, "search", FAULT_STATUS, 400, -1, 0, 1, &err),
			 RC_OK);
	assert_refused(p, RC_REFUSED, "HubSpot refuses it (400)");
	assert_int_equal(sandbox_fault(p->sandbox, "read", FAULT_STATUS, 429, 3, 0, 3, &err),
			 RC_OK);
	fill(p, true); /* it waits, and goes on */
	assert_outcome(p, BACKFILL_ISSUED, 1);
	make_list(p);
	daemon_pass(p);
	assert_int_equal(sandbox_list_processing(p->sandbox, p->sim.now_ms, 42, true, &err), RC_OK);
	assert_refused(p, RC_REFUSED, "still being built");
	assert_int_equal(sandbox_list_delete(p->sandbox, p->sim.now_ms, 42, &err), RC_OK);
	assert_refused(p, RC_REFUSED, "does not exist");
}

static const char labelled[] =
	"rule: tier\n"
	"trigger:\n  event: property-changed\n  property: tier\n"
	"action:\n  do: issue-credential\n  group: g\n"
	"  fields: { custom.town: \"{{ contact.town | label }} {{ contact.country | label }}\" }\n";

/* Five tries, whoever asks beside it: labels, and several looks at once. */
static void a_source_that_is_away_is_not_waited_for_long(void **state)
{
	static const char *const calls[] = { "property", "search", "read" };
	struct portal *p = *state;
	struct err err;

	p->rules = labelled;
	for (int64_t id = 100; id < 450; id++)
		person(p, id, "Gold", "Lodz", "PL");
	daemon_pass(p);
	/* All of it, then all but the labels: then it ends in the midst of looks. */
	for (size_t first = 0; first < 3; first++) {
		for (size_t i = first; i < 3; i++)
			assert_int_equal(sandbox_fault(p->sandbox, calls[i], FAULT_STATUS, 503, -1,
						       0, 40, &err),
					 RC_OK);
		int64_t before_ms = p->sim.now_ms;
		assert_refused(p, RC_REFUSED, "could not be read now");
		assert_in_range(p->sim.now_ms - before_ms, 7000, 20000);
		sandbox_faults_clear(p->sandbox);
	}
	/* Four looks that fail together, twice, are two failures. */
	assert_int_equal(sandbox_fault(p->sandbox, "read", FAULT_STATUS, 503, -1, 0, 8, &err),
			 RC_OK);
	fill(p, true);
	assert_outcome(p, BACKFILL_ISSUED, 347);
}

static const char patient[] = "rule: tier\nmissing-email: hold 30d\n"
			      "trigger:\n  event: property-changed\n  property: tier\n"
			      "action:\n  do: issue-credential\n  group: g\n";

/* Between the look and what it writes the address comes, and the daemon beside us reads the contact. */
static bool address_comes(void *ctx, const char *tag, bool after)
{
	struct portal *p = ctx;

	if (after || strcmp(tag, "backfill") != 0)
		return true;
	db_hook(p->db, NULL, NULL);
	set(p, 99, "email", "p99@example.com");
	db_run(p->db,
	       "INSERT INTO contact (account, contact, modified_ms, watches)"
	       " SELECT account, '99', ?1, watches FROM contact WHERE contact = '1'",
	       "i", p->sim.now_ms);
	return true;
}

static void an_address_that_came_meanwhile_is_found(void **state)
{
	struct portal *p = *state;
	struct err err;

	p->rules = patient;
	person(p, 1, "Silver", NULL, NULL);
	person(p, 99, "Gold", NULL, NULL); /* has no address */
	struct table *table = table_of(p->rules);
	struct engine *engine = engine_new(&p->sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
	assert_int_equal(sim_run(&p->sim, engine, p->sim.now_ms + 10 * MS_MINUTE, &err), RC_OK);
	set(p, 1, "tier", "Gold");
	assert_int_equal(sim_run(&p->sim, engine, p->sim.now_ms + 10 * MS_MINUTE, &err), RC_OK);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
	db_hook(p->db, address_comes, p);
	fill(p, false);
	assert_outcome(p, BACKFILL_HELD, 1);
	assert_int_equal(sim_run(&p->sim, engine, p->sim.now_ms + MS_HOUR, &err), RC_OK);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
	engine_free(engine);
	sim_abandon(&p->sim);
}

/* A read that asks for one of these ends without an answer. */
static struct sim_fate hides(void *ctx, const struct sim_request *request)
{
	const char *const *bad = ctx;
	struct sim_fate fate = { 0 };
	struct err err;

	if (!strstr(request->path, "/batch/read"))
		return fate;
	struct json *body = json_parse(request->body, &err);
	const struct json *inputs = json_get(body, "inputs");
	for (size_t i = 0; i < json_count(inputs); i++)
		for (size_t k = 0; bad[k]; k++)
			if (slice_is(json_get_slice(json_at(inputs, i), "id"), bad[k]))
				fate.how = SIM_CUT;
	json_free(body);
	return fate;
}

/* It is named at the end; all others are looked at, on later pages, too, and however rare they are. */
static void who_cannot_be_shown_hides_no_other(void **state)
{
	static const char *bad[] = { "100", "250", "449", NULL };
	struct portal *p = *state;
	struct err err;

	p->rules = tier;
	for (int64_t id = 100; id < 450; id++)
		person(p, id, "Gold", "Lodz", id == 100 || id % 50 == 0 ? "PL" : "DE");
	set(p, 449, "country", "PL");
	daemon_pass(p);
	p->sim.fate = hides;
	p->sim.fate_ctx = bad;
	assert_refused(p, RC_REFUSED,
		       "contacts 449, 100, 250 could not be read, or a label of them");
	assert_outcome(p, BACKFILL_ISSUED, 5);
	assert_outcome(p, BACKFILL_NO_MATCH, 342);
	bad[1] = NULL;
	assert_int_equal(backfill(p, false, INT64_MAX, &err), RC_REFUSED);
	assert_non_null(strstr(err.text, "contact 100 could not be read, or a label of it"));
	assert_outcome(p, BACKFILL_ISSUED, 7);
	p->sim.now_ms += MS_HOUR;
	assert_refused(p, RC_REFUSED, "contact 100 could not be read, or a label of it");
	p->sim.fate = NULL;
	fill(p, false);
	assert_outcome(p, BACKFILL_ISSUED, 1);
}

/* Nothing tells that it is not the service. */
static void who_cannot_be_shown_and_is_the_only_one_is_named(void **state)
{
	static const char *bad[] = { "100", NULL };
	struct portal *p = *state;

	person(p, 100, "Gold", "Lodz", "PL");
	daemon_pass(p);
	p->sim.fate = hides;
	p->sim.fate_ctx = bad;
	assert_refused(p, RC_REFUSED, "account hubspot could not be read now: contact 100");
}

static int times_in(const char *text, const char *words)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* The daemon asks for labels at each poll until it has them; the log is told once of each property. */
static void labels_that_cannot_be_had_are_said_once(void **state)
{
	static const char words[] = "the labels of the property cannot be had";
	struct portal *p = *state;
	struct err err;
	char *text = NULL;
	size_t len;

	p->rules = labelled;
	struct table *table = table_of(p->rules);
	struct engine *engine = engine_new(&p->sim.world);
	p->sim.log.out = open_memstream(&text, &len);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	assert_int_equal(sandbox_fault(p->sandbox, "property", FAULT_STATUS, 503, -1, 0, 30, &err),
			 RC_OK);
	int64_t until_ms = p->sim.now_ms + 20 * MS_MINUTE;
	assert_int_equal(sim_run(&p->sim, engine, until_ms, &err), RC_OK);
	assert_int_equal(sandbox_faults_left(p->sandbox, "property"), 0);
	engine_free(engine);
	sim_abandon(&p->sim);
	table_unref(table);
	fclose(p->sim.log.out);
	p->sim.log.out = NULL;
	assert_int_equal(times_in(text, words), 2);
	free(text);
}

/* ---- ended anywhere -------------------------------------------------------------------- */

struct stop {
	int at, seen;
	bool stopped;
};

static bool stop_at(void *ctx, const char *tag, bool after)
{
	struct stop *s = ctx;

	(void)tag;
	(void)after;
	s->stopped |= s->seen++ == s->at;
	return !s->stopped;
}

/* At every commit, before it and after it: run again it goes on, and each gets one mail. */
static void ended_at_each_step_it_goes_on(void **state)
{
	struct portal *p = *state;
	bool more = true;
	struct err err;

	make_list(p);
	for (int64_t id = 1; id <= 160; id++) {
		person(p, id, NULL, NULL, NULL);
		join(p, id);
	}
	daemon_pass(p);
	int places = 0;
	for (; more; places++) {
		struct stop stop = { .at = places };
		db_hook(p->db, stop_at, &stop);
		enum rc rc = backfill(p, false, INT64_MAX, &err);
		db_hook(p->db, NULL, NULL);
		db_rollback(p->db);
		assert_int_equal(rc, stop.stopped ? RC_BROKEN : RC_OK);
		more = stop.stopped && rows(p) < 159;
		if (places % 2)
			daemon_pass(p);
	}
	assert_true(places > 3);
	fill(p, false);
	daemon_pass(p);
	assert_int_equal(rows(p), 159);
	assert_int_equal(sandbox_mail_count(p->sandbox), 159);
	/* Each with the event that it was made for, once. */
	assert_int_equal(
		db_integer(p->db, -1,
			   "SELECT count(*) FROM issuance i JOIN event e ON e.rule = i.rule"
			   " AND e.contact = i.contact AND e.at_ms = i.at_ms JOIN decision d"
			   " ON d.event_id = e.id AND d.outcome = 'fired'",
			   ""),
		159);
}

/* Every issuance has the event that it was made for, and a contact has one. */
static void assert_whole(struct portal *p)
{
	assert_int_equal(db_integer(p->db, -1,
				    "SELECT count(DISTINCT i.contact) FROM issuance i JOIN event e"
				    " ON e.rule = i.rule AND e.contact = i.contact JOIN decision d"
				    " ON d.event_id = e.id AND d.outcome = 'fired'",
				    ""),
			 rows(p));
	assert_int_equal(events(p), rows(p));
}

/* False: it came to its end before the disk failed. Afterwards it is run again on a disk that is well. */
static bool fail_at(struct portal *p, struct slice base, enum disk_trouble trouble, uint64_t nth)
{
	struct err err;

	db_close(p->db);
	disk_put(base);
	assert_int_equal(portal_open(p, disk_place()), RC_OK);
	disk_fail(trouble, nth, trouble != DISK_DIES);
	enum rc rc = backfill(p, false, INT64_MAX, &err);
	int64_t said = (int64_t)p->said;
	bool failed = disk_failed();
	if (trouble == DISK_DIES && failed)
		disk_cut(nth);
	disk_fail(DISK_WELL, 0, false);
	db_close(p->db);
	assert_int_equal(portal_open(p, disk_place()), RC_OK);
	assert_true(rc == RC_OK || (failed && rc == RC_BROKEN));
	assert_in_range(said, 0, rows(p)); /* who was named is in the ledger */
	assert_whole(p);
	fill(p, false);
	assert_int_equal(rows(p), 60);
	assert_whole(p);
	return failed;
}

/* Full, failing and without power, at writes all over it. */
static void a_disk_that_fails_in_its_midst(void **state)
{
	static const enum disk_trouble troubles[] = { DISK_FULL, DISK_WRITE_FAILS, DISK_SYNC_FAILS,
						      DISK_DIES };
	struct portal *p = *state;
	struct str base;
	uint64_t places = 0;

	p->rules = braked;
	for (int64_t id = 100; id < 160; id++)
		person(p, id, "Gold", NULL, NULL);
	daemon_pass(p);
	db_close(p->db);
	str_init(&base, 1u << 26);
	str_add_slice(&base, disk_state());
	assert_int_equal(portal_open(p, disk_place()), RC_OK);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		uint64_t nth = 1, step = troubles[i] == DISK_SYNC_FAILS ? 1 : 9;
		for (; fail_at(p, str_slice(&base), troubles[i], nth); nth += step)
			places++;
		assert_true(nth > step);
	}
	assert_true(places > 20);
	str_release(&base);
	daemon_pass(p);
	assert_int_equal(sandbox_mail_count(p->sandbox), 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, portal_setup, portal_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_it_saw_is_kept),
		TEST(rules_that_change_under_it_end_it),
		TEST(of_those_passed_over_some_are_kept),
		TEST(each_ends_as_one_thing),
		TEST(from_is_the_value_before),
		TEST(who_has_no_address_is_waited_for_from_now_on),
		TEST(what_came_since_is_the_daemons),
		TEST(what_waits_after_a_merge_is_the_daemons),
		TEST(members_and_those_that_were_merged),
		TEST(who_was_merged_gets_no_second_one),
		TEST(who_was_merged_since_is_not_left),
		TEST(searches_go_by_pages_of_ids),
		TEST(the_brake_counts_what_backfills_make),
		TEST(what_was_in_shadow_goes_out),
		TEST(what_cannot_be_backfilled),
		TEST(a_source_that_cannot_be_read),
		TEST(ended_at_each_step_it_goes_on),
		TEST(a_source_that_is_away_is_not_waited_for_long),
		TEST(labels_that_cannot_be_had_are_said_once),
		TEST(an_address_that_came_meanwhile_is_found),
		TEST(who_cannot_be_shown_hides_no_other),
		TEST(who_cannot_be_shown_and_is_the_only_one_is_named),
		cmocka_unit_test_setup_teardown(a_disk_that_fails_in_its_midst, disk_setup,
						disk_teardown),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

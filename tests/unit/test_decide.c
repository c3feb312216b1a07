/* Deciding a contact: what the look shows, what was pending, and what is written down. */
#include "tests/unit/stored.h"

#include "engine/act.h"
#include "engine/decide.h"
#include "engine/forgotten.h"
#include "engine/ledger.h"
#include "engine/record.h"

#define BEGAN (NOW + 10 * MS_MINUTE) /* the look: everything before is due */
#define HISTORY 8

static int64_t wall_ms(void *ctx)
{
	(void)ctx;
	return BEGAN;
}

static uint64_t no_chance(void *ctx)
{
	(void)ctx;
	return 0;
}

static int64_t window_ms(const struct source *source)
{
	(void)source;
	return 10 * MS_SECOND;
}

static enum fact no_label(struct source *source, uint32_t property, struct slice value,
			  struct slice *label)
{
	(void)source;
	(void)property;
	*label = value;
	return FACT_KNOWN;
}

static const struct log silent;
static const struct world world = { .wall_ms = wall_ms, .random = no_chance, .log = &silent };
static const struct source_ops ops = { .creation_window_ms = window_ms, .label = no_label };

/* One contact before one table; everything else is the test's. */
static struct stage {
	struct table *table;
	struct watches watches;
	struct decide decide;
	struct contact contact;
	struct contact_property *property;
	struct news news;
} s;

static void nobody_listens(void *ctx, const struct act_result *result)
{
	(void)ctx;
	(void)result;
}

static void put_up(const char *text)
{
	const struct first_clock clock = { NOW - MS_DAY, 0, 0 };
	struct err err;

	s = (struct stage){ .table = table_of(text) };
	uint32_t source = s.table->rule[0].source;
	assert_int_equal(watches_sync(db, s.table, NULL, &(struct our_clock){ NOW, 0 }, &silent,
				      &s.watches, &err),
			 RC_OK);
	assert_int_equal(watches_start(db, &s.watches, source, &clock, &err), RC_OK);
	s.decide = (struct decide){ &world, db, s.table, &s.watches, source, &ops, NULL, 0 };
	s.property = arena_alloc(&memory, s.table->n_property * sizeof(*s.property));
	for (size_t i = 0; i < s.table->n_property; i++)
		s.property[i] = (struct contact_property){
			.read = true, .entry = arena_alloc(&memory, HISTORY * sizeof(struct entry))
		};
	s.contact = (struct contact){ .asked = "1",
				      .id = "1",
				      .created_ms = NOW - 30 * MS_DAY,
				      .modified_ms = NOW,
				      .property = s.property };
	s.news = (struct news){ .contact = "1", .modified_ms = NOW };
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
}

static void take_down(void)
{
	watches_release(&s.watches);
	table_unref(s.table);
}

static struct contact_property *property(const char *name)
{
	for (size_t i = 0; i < s.table->n_property; i++)
		if (strcmp(s.table->property[i].name, name) == 0)
			return &s.property[i];
	fail_msg("no property %s", name);
	return NULL;
}

/* The next entry of a history, the oldest first. */
static void changed(const char *name, int64_t at_ms, const char *value)
{
	struct contact_property *p = property(name);
	struct entry *entry = (struct entry *)(uintptr_t)p->entry;

	assert_true(p->entries < HISTORY);
	entry[p->entries++] = (struct entry){ .at_ms = at_ms, .value = slice_of(value) };
	p->current = slice_of(value);
}

static void decide(void)
{
	struct err err;

	db_begin(db, "decide");
	decide_contact(&s.decide, &s.contact, &s.news, BEGAN, &memory);
	assert_int_equal(db_commit(db, &err), RC_OK);
}

/* Rows of decision with this outcome whose reason begins so (NULL: that have none). */
static int64_t decisions(const char *outcome, const char *reason)
{
	return db_integer(db, -1,
			  "SELECT count(*) FROM decision WHERE outcome = ?1"
			  " AND CASE WHEN ?2 IS NULL THEN reason IS NULL"
			  " ELSE substr(reason, 1, length(?2)) = ?2 END",
			  "tt", outcome, reason);
}

static int64_t issuances(const char *state)
{
	return db_integer(db, -1, "SELECT count(*) FROM issuance WHERE state = ?1", "t", state);
}

static int64_t news_left(void)
{
	return inbox_count(db, "hubspot");
}

#define CHANGED(property, more)                                                                    \
	"trigger:\n  event: property-changed\n  property: " property "\n" more                     \
	"action: { do: issue-credential, group: g }\n"
#define JOINED                                                                                     \
	"trigger: { event: list-added, list: 42 }\naction: { do: issue-credential, group: g }\n"

static void a_value_before_that_nobody_knows(void **state)
{
	(void)state;
	put_up("rule: any\n" CHANGED("tier", "") "---\nrule: from\n" CHANGED("tier",
									     "  from: Bronze\n"));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW, "Gold");
	property("tier")->cut = true;
	decide();
	assert_int_equal(issuances("planned"), 1);
	assert_int_equal(decisions("fired", NULL), 1);
	assert_int_equal(decisions("no-match", "from"), 1);
	assert_int_equal(
		db_integer(db, 0, "SELECT count(*) FROM decision WHERE from_value IS NULL", ""), 2);
	assert_int_equal(news_left(), 0);
	take_down();
}

/* A history that is full by the next look still begins with the value that the contact was created with. */
static void created_with_a_value_before_the_history_was_full(void **state)
{
	(void)state;
	put_up("rule: any\n" CHANGED("tier", ""));
	s.contact.created_ms = NOW - MS_HOUR;
	changed("email", NOW - MS_HOUR, "a@b.org");
	changed("tier", NOW - MS_HOUR, "Gold");
	decide();
	assert_int_equal(decisions("no-event", "the contact was created with this value"), 1);
	changed("tier", NOW, "Silver");
	property("tier")->cut = true;
	decide();
	assert_int_equal(issuances("planned"), 1);
	assert_int_equal(db_integer(db, 0, "SELECT at_ms FROM issuance", ""), NOW);
	take_down();
}

/* Two watches of one property tell of it once. */
static void created_with_a_value_under_two_settles(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  settle: 1s\n") "---\nrule: b\n" CHANGED("tier", ""));
	s.contact.created_ms = NOW - MS_HOUR;
	changed("tier", NOW - MS_HOUR, "Gold");
	decide();
	assert_int_equal(decisions("no-event", "the contact was created with this value"), 1);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM decided", ""), 2);
	take_down();
}

static void a_value_that_is_no_number_is_told(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  filters: [ { property: score, at-least: 5 } ]\n"));
	changed("score", NOW - MS_DAY, "many");
	changed("tier", NOW - MS_DAY, "Silver");
	changed("tier", NOW, "Gold");
	decide();
	assert_int_equal(issuances("planned"), 0);
	assert_int_equal(decisions("no-match", "score at-least 5 does not hold: "), 1);
	take_down();
}

/* Of many rules those that match are found; the others are counted. A fact that is not known holds all. */
static void many_rules_on_one_value(void **state)
{
	struct str text;

	(void)state;
	str_init(&text, 100000);
	for (int i = 0; i < 40; i++)
		str_addf(
			&text,
			"%srule: r%d\ntrigger: { event: property-changed, property: tier, to: Gold,"
			" filters: [ { property: country, is: c%d }, { property: score, at-least: 1 } ] }\n"
			"action: { do: issue-credential, group: G }\n",
			i ? "---\n" : "", i, i % 20);
	put_up(str_text(&text));
	str_release(&text);
	changed("country", NOW - MS_DAY, "c7");
	changed("tier", NOW - MS_DAY, "Silver");
	changed("tier", NOW, "Gold");
	property("score")->read = false;
	decide();
	assert_int_equal(issuances("skipped"), 0);
	property("score")->read = true;
	changed("score", NOW - MS_DAY, "1");
	decide();
	assert_int_equal(issuances("skipped"), 2); /* they have no address */
	assert_int_equal(decisions("no-match", "38 other rules that name this value do not match"),
			 1);
	assert_int_equal(decisions("no-match", "country is"), 0);
	changed("country", NOW + 1, "elsewhere");
	changed("tier", NOW + 2 * MS_MINUTE, "Silver");
	changed("tier", NOW + 4 * MS_MINUTE, "Gold");
	decide();
	assert_int_equal(issuances("skipped"), 2);
	assert_int_equal(decisions("no-match", "40 rules that name this value do not match"), 1);
	take_down();
}

static void facts_older_than_the_history(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  filters: [ { property: score, known: true } ]\n"));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW - MS_DAY, "Silver");
	changed("tier", NOW, "Gold");
	changed("score", NOW + 5 * MS_MINUTE, "5");
	property("score")->cut = true;
	decide();
	assert_int_equal(issuances("planned"), 1);
	assert_int_equal(decisions("fired", "history does not reach back"), 1);
	take_down();
}

static void facts_older_than_the_history_of_somebody_without_address(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  filters: [ { property: score, known: true } ]\n"));
	changed("tier", NOW, "Gold");
	changed("score", NOW + 5 * MS_MINUTE, "5");
	property("score")->cut = true;
	decide();
	assert_int_equal(decisions("skipped", "no valid e-mail address"), 1);
	take_down();
}

static void an_event_is_in_the_ledger_once(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", ""));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW - MS_HOUR, "Silver");
	decide();
	assert_int_equal(issuances("planned"), 1);
	/* Whatever makes us decide it again: it is the same event. */
	db_run(db, "DELETE FROM decided", "");
	decide();
	assert_int_equal(issuances("planned"), 1);
	assert_int_equal(decisions("no-event", "this event is in the ledger already"), 1);
	/* Nor is it skipped beside that when the contact is gone. */
	db_run(db, "DELETE FROM decided", "");
	wait_for(s.watches.watch[0].id, "1", NOW - MS_HOUR, "", "Silver");
	s.contact.gone = true;
	decide();
	assert_int_equal(issuances("skipped"), 0);
	assert_int_equal(decisions("no-event", "this event is in the ledger already"), 2);
	take_down();
}

static void an_address_that_is_waited_for(void **state)
{
	(void)state;
	put_up("rule: a\nmissing-email: hold 1d\n" CHANGED("tier", ""));
	changed("tier", NOW - MS_HOUR, "Gold");
	decide();
	assert_int_equal(issuances("held"), 1);
	/* The contact is looked at again when the time is over. */
	assert_int_equal(inbox_next_due(db, "hubspot"), NOW - MS_HOUR + MS_DAY);
	changed("email", NOW + MS_MINUTE, "a@b.org");
	decide();
	assert_int_equal(issuances("held"), 0);
	assert_int_equal(issuances("planned"), 1);
	take_down();
}

static void what_was_not_read_is_not_decided(void **state)
{
	static const char *const facts[] = { "score", "email", "firstname" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		put_up("rule: a\n" CHANGED("tier",
					   "  filters: [ { property: score, known: true } ]\n"));
		changed("email", NOW - MS_DAY, "a@b.org");
		changed("score", NOW - MS_DAY, "5");
		changed("tier", NOW, "Gold");
		property(facts[i])->read = false;
		decide();
		assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM issuance", ""), 0);
		assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM decision", ""), 0);
		pending("1", 1);
		assert_int_equal(db_integer(db, 0, "SELECT failures FROM news", ""), 1);
		/* It is read: now it is decided. */
		property(facts[i])->read = true;
		decide();
		assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM issuance", ""), 1);
		pending("1", 0);
		assert_int_equal(news_left(), 0);
		db_run(db, "DELETE FROM trail", "");
		db_run(db, "DELETE FROM issuance", "");
		db_run(db, "DELETE FROM decision", "");
		db_run(db, "DELETE FROM decided", "");
		take_down();
	}
}

static void what_waits_for_a_watch_that_is_gone(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", ""));
	/* The schema does not allow it; a damaged state may have it. */
	db_run(db, "PRAGMA foreign_keys = OFF", "");
	wait_for(999, "1", NOW - MS_HOUR, "Silver", "Gold");
	decide();
	s.contact.gone = true;
	decide();
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM issuance", ""), 0);
	pending("1", 1);
	take_down();
}

static void a_look_that_does_not_say_when(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", ""));
	s.contact.modified_ms = 0;
	s.news.modified_ms = NOW - MS_MINUTE;
	s.news.failures = 9;
	decide();
	assert_int_equal(db_integer(db, 0, "SELECT modified_ms FROM contact", ""), NOW - MS_MINUTE);
	take_down();
}

static void a_trigger_that_was_not_read_waits(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", ""));
	changed("tier", NOW, "Gold");
	property("tier")->read = false;
	decide();
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM decision", ""), 0);
	take_down();
}

/* A join of contact 1 that waits, in list 42. */
static void join_waits(int64_t at_ms)
{
	for (size_t i = 0; i < s.watches.count; i++)
		if (s.watches.watch[i].event == EVENT_LIST_ADDED)
			wait_for(s.watches.watch[i].id, "1", at_ms, "", "");
}

static void joins_fall_due_one_by_one(void **state)
{
	(void)state;
	put_up("rule: j\n" JOINED "---\nrule: a\n" CHANGED("tier", ""));
	changed("email", NOW - MS_DAY, "a@b.org");
	join_waits(NOW);
	join_waits(BEGAN);
	decide();
	assert_int_equal(issuances("planned"), 1);
	pending("1", 1);
	/* No scan has told the list's name: its id stands for it. */
	assert_int_equal(db_exists(db, "SELECT 1 FROM issuance WHERE target = '42'", ""), true);
	take_down();
}

static void a_list_is_called_as_another_rule_found_it(void **state)
{
	(void)state;
	put_up("rule: j\ntrigger: { event: list-added, list: 42 }\n"
	       "action: { do: issue-credential, group: g, fields: { custom.tier: \"{{ event.list }}\" } }\n");
	changed("email", NOW - MS_DAY, "a@b.org");
	db_run(db,
	       "INSERT INTO list (account, target, by_name, list_id, name)"
	       " VALUES ('hubspot', 'Graduates', 1, '42', 'Graduates')",
	       "");
	join_waits(NOW);
	decide();
	assert_true(db_exists(db, "SELECT 1 FROM issuance WHERE fields LIKE '%Graduates%'", ""));
	take_down();
}

/* … whose name leads to another one by now. */
static void a_join_is_of_the_list_that_was_joined(void **state)
{
	static const char *const absorbed[] = { "7" };

	(void)state;
	put_up("rule: j\ntrigger: { event: list-added, list: Alumni }\n"
	       "action: { do: issue-credential, group: g, fields: { custom.tier: \"{{ event.list-id }}\" } }\n");
	changed("email", NOW - MS_DAY, "a@b.org");
	db_run(db,
	       "INSERT INTO list (account, target, by_name, list_id, name)"
	       " VALUES ('hubspot', 'Alumni', 1, '52', 'Alumni')",
	       "");
	db_run(db,
	       "INSERT INTO membership (account, list_id, contact, joined_ms, scan)"
	       " VALUES ('hubspot', '51', '7', 1, 1)",
	       "");
	s.contact.merged = absorbed;
	s.contact.n_merged = 1;
	s.contact.created_ms = NOW;
	wait_for(s.watches.watch[0].id, "1", NOW, "51", "");
	db_run(db, "UPDATE pending SET scan = 2", ""); /* the first that did not show contact 7 */
	decide();
	assert_int_equal(decisions("no-event", "a merge carried the membership over"), 1);
	wait_for(s.watches.watch[0].id, "1", NOW + 2 * MS_MINUTE, "51", "");
	wait_for(s.watches.watch[0].id, "1", NOW + 3 * MS_MINUTE, "",
		 ""); /* as it was before lists were kept */
	decide();
	assert_int_equal(issuances("planned"), 2);
	assert_true(db_exists(
		db, "SELECT 1 FROM issuance WHERE target = '51' AND fields LIKE '%\"51\"%'", ""));
	assert_true(db_exists(db, "SELECT 1 FROM issuance WHERE target = '52'", ""));
	take_down();
}

static void a_join_that_a_merge_carried_over(void **state)
{
	static const char *const absorbed[] = { "7" };

	(void)state;
	put_up("rule: j\n" JOINED);
	changed("email", NOW - MS_DAY, "a@b.org");
	db_run(db,
	       "INSERT INTO list (account, target, by_name, list_id, name)"
	       " VALUES ('hubspot', '42', 0, '42', 'Graduates')",
	       "");
	db_run(db,
	       "INSERT INTO membership (account, list_id, contact, joined_ms, scan)"
	       " VALUES ('hubspot', '42', '7', 1, 1)",
	       "");
	s.contact.merged = absorbed;
	s.contact.n_merged = 1;
	s.contact.created_ms = NOW;
	join_waits(NOW);
	db_run(db, "UPDATE pending SET scan = 2", ""); /* the first that did not show contact 7 */
	decide();
	assert_int_equal(decisions("no-event", "a merge carried the membership over"), 1);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM issuance", ""), 0);
	pending("1", 0);
	/* A list that it was not in before: a join of its own, merged contact or not. */
	join_waits(NOW + 2 * MS_MINUTE);
	decide();
	assert_int_equal(issuances("planned"), 1);
	take_down();
}

/* Contact 1 came out of a merge at NOW, and nobody had seen what its histories show. */
static void merged_now(void)
{
	static const char *const absorbed[] = { "7" };

	s.contact.merged = absorbed;
	s.contact.n_merged = 1;
	s.contact.created_ms = NOW;
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW - 60 * MS_DAY, "Tin"); /* older than what is kept of decisions */
	changed("tier", NOW - 2 * MS_HOUR, "Silver");
	changed("tier", NOW - MS_HOUR, "Gold");
	changed("tier", NOW - MS_HOUR + 1000, "Silver"); /* came back within the burst */
	changed("tier", NOW + MS_MINUTE, "Gold");
}

#define SINCE "since: 2026-01-01\n"

static void changes_that_a_merge_hid(void **state)
{
	(void)state;
	put_up("rule: a\n" SINCE CHANGED("tier", "") "---\nrule: b\n" SINCE CHANGED(
		"tier", "  filters: [ { property: score, known: true } ]\n"));
	merged_now();
	decide();
	assert_int_equal(issuances("skipped"), 1);
	assert_int_equal(decisions("skipped", "merged before seen"), 1);
	assert_int_equal(decisions("no-match", "score known"), 2);
	assert_int_equal(issuances("planned"), 1); /* what came after it */
	decide();
	assert_int_equal(issuances("skipped"), 1);
	take_down();
}

/* A person's backfill of another rule looked at the last change before the merge: nobody decided it. */
static void a_backfill_has_not_seen_what_a_merge_hid(void **state)
{
	(void)state;
	put_up("rule: a\n" SINCE CHANGED("tier", ""));
	merged_now();
	struct event_facts event = { .kind = EVENT_PROPERTY_CHANGED,
				     .to = slice_of("Silver"),
				     .at_ms = NOW - MS_HOUR + 1000 };
	record_decide(db, &(struct record_decision){ .account = "hubspot",
						     .contact = s.contact.id,
						     .rule = "other",
						     .target = "tier",
						     .event = &event,
						     .outcome = "no-match",
						     .hash = "h",
						     .who = "lena" });
	event.at_ms = NOW - 2 * MS_HOUR;
	record_decide(db, &(struct record_decision){ .account = "hubspot",
						     .contact = s.contact.id,
						     .rule = "other",
						     .target = "tier",
						     .event = &event,
						     .outcome = "no-match",
						     .hash = "h",
						     .who = "lena" });
	decide();
	assert_int_equal(decisions("skipped", "merged before seen"), 1);
	take_down();
}

/* Contact 1 kept its id and absorbed 7, of which a change still waited: 7 lived when 1 was there already. */
static void a_burst_under_the_absorbed_id_tells_the_kind_of_merge(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", ""));
	wait_for(s.watches.watch[0].id, "7", NOW - MS_HOUR, "Bronze", "Silver");
	merged_now();
	s.contact.created_ms = NOW - 2 * MS_HOUR;
	s.contact.modified_ms = NOW + MS_MINUTE + 1;
	decide();
	assert_int_equal(issuances("planned"), 1); /* as it was known */
	assert_int_equal(
		db_integer(db, 0, "SELECT at_ms FROM issuance WHERE state = 'planned'", ""),
		NOW - MS_HOUR);
	assert_int_equal(decisions("skipped", "merged before seen"), 2);
	take_down();
}

static void changes_that_a_merge_hid_and_a_slow_pattern(void **state)
{
	static const char slow[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

	(void)state;
	put_up("rule: a\n" SINCE CHANGED(
		"tier", "  filters: [ { property: note, matches: '^(a+)+$' } ]\n"));
	merged_now();
	changed("note", NOW - MS_DAY, slow);
	decide();
	assert_int_equal(issuances("skipped"), 1);
	assert_int_equal(issuances("held"), 1); /* that after the merge */
	take_down();
}

static void changes_that_a_merge_hid_and_facts_that_are_not_read(void **state)
{
	(void)state;
	put_up("rule: a\n" SINCE CHANGED("tier",
					 "  filters: [ { property: score, known: true } ]\n"));
	merged_now();
	property("score")->read = false;
	decide();
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM decision", ""), 0);
	assert_int_equal(news_left(), 1);
	take_down();
}

static void a_property_without_history_before_the_merge(void **state)
{
	(void)state;
	put_up("rule: a\n" SINCE CHANGED("tier", "") "---\nrule: b\n" SINCE CHANGED("rank", ""));
	merged_now();
	changed("rank", NOW + 2 * MS_MINUTE, "1");
	decide();
	assert_int_equal(issuances("planned"), 2);
	take_down();
}

static void a_burst_that_a_merge_froze(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  filters: [ { property: score, known: true } ]\n"));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("score", NOW - MS_DAY, "5");
	int64_t watch = s.watches.watch[0].id;
	wait_for(watch, "1", NOW - MS_HOUR, "Silver", "Gold");
	wait_for(watch, "1", NOW - 2 * MS_HOUR, "Gold", "Gold");
	wait_for(watch, "1", NOW - 3 * MS_HOUR, NULL, "Bronze");
	db_run(db, "UPDATE pending SET frozen = 1", "");
	property("score")->read = false;
	decide();
	pending("1", 2); /* that which came back to its value needs no facts */
	assert_int_equal(news_left(), 1);
	property("score")->read = true;
	decide();
	pending("1", 0);
	assert_int_equal(issuances("planned"), 2);
	assert_int_equal(db_exists(db, "SELECT 1 FROM issuance WHERE from_value IS NULL", ""),
			 true);
	take_down();
}

static void a_look_older_than_what_the_search_showed(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", ""));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW - MS_HOUR, "Gold");
	s.contact.modified_ms = NOW - 1;
	for (s.news.failures = 0; s.news.failures < 4; s.news.failures++) {
		decide();
		assert_int_equal(issuances("planned"), 0);
		assert_int_equal(news_left(), 1);
	}
	decide(); /* so often: it is believed */
	assert_int_equal(issuances("planned"), 1);
	assert_int_equal(news_left(), 0);
	/* What was read is noted, so that the newer change is looked at when it shows. */
	assert_int_equal(db_integer(db, 0, "SELECT modified_ms FROM contact", ""), NOW - 1);
	take_down();
}

static void the_same_value_twice_at_one_moment(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  settle: 0s\n"));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW, "Gold");
	changed("tier", NOW, "Silver");
	changed("tier", NOW, "Gold");
	decide();
	assert_int_equal(issuances("planned"), 2); /* one event of each identity */
	assert_int_equal(news_left(), 0);
	take_down();
}

static void what_comes_after_what_waits_is_kept_too(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  filters: [ { property: score, known: true } ]\n"));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW - 2 * MS_HOUR, "Silver");
	property("score")->read = false;
	s.news.came = "p1 ";
	decide();
	changed("tier", NOW - MS_HOUR, "Gold");
	s.news.came = "m7 ";
	decide();
	const struct pending *waits = pending("1", 2);
	assert_true(slice_is(waits[0].to, "Silver"));
	assert_memory_equal(waits[0].came, "p1 ", 3);
	assert_int_equal(waits[1].at_ms, NOW - MS_HOUR);
	assert_int_equal(waits[1].due_ms, NOW - MS_HOUR + MS_MINUTE);
	assert_true(waits[1].from_known && slice_is(waits[1].from, "Silver"));
	assert_true(slice_is(waits[1].to, "Gold"));
	assert_memory_equal(waits[1].came, "m7 ", 3);
	/* A second look knows of each what the first did. */
	decide();
	waits = pending("1", 2);
	assert_memory_equal(waits[0].came, "p1 ", 3);
	assert_memory_equal(waits[1].came, "m7 ", 3);
	s.contact.gone = true;
	decide();
	assert_int_equal(decisions("skipped", "contact deleted before the decision"), 2);
	pending("1", 0);
	take_down();
}

static void the_same_value_twice_at_one_moment_that_waits(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED(
		"tier", "  settle: 0s\n  filters: [ { property: score, known: true } ]\n"));
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("score", NOW - MS_DAY, "5");
	changed("tier", NOW, "Gold");
	changed("tier", NOW, "Silver");
	changed("tier", NOW, "Gold");
	property("score")->read = false;
	decide();
	assert_false(db_exists(db, "SELECT 1 FROM decided", ""));
	property("score")->read = true;
	decide();
	assert_int_equal(issuances("planned"), 2);
	pending("1", 0);
	take_down();
}

static void contacts_are_decided_in_the_order_of_what_happened(void **state)
{
	struct contact three[4];
	struct contact_property other[8];

	(void)state;
	put_up("rule: a\n" CHANGED("tier", "") "---\nrule: j\n" JOINED);
	assert_true(s.table->n_property <= 8);
	changed("tier", NOW - MS_HOUR, "Silver");
	changed("tier", NOW, "Gold");
	for (size_t i = 0; i < 4; i++)
		three[i] = s.contact;
	memcpy(other, s.property, s.table->n_property * sizeof(*other));
	other[property("tier") - s.property].entries = 1;
	three[1].id = "2"; /* its last change was an hour earlier */
	three[1].property = other;
	three[2].id = "3"; /* deleted, and nothing known of it */
	three[2].gone = true;
	three[3].id = "4"; /* what waits happened before its last change */
	wait_for(s.watches.of_rule[0]->id, "4", NOW - 2 * MS_HOUR, "Tin", "Silver");
	const size_t *order = decide_order(&s.decide, three, 4, &memory);
	assert_int_equal(order[0], 3);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 0);
	assert_int_equal(order[3], 2);
	property("tier")->read = false;
	order = decide_order(&s.decide, three, 1, &memory);
	assert_int_equal(order[0], 0);
	take_down();
}

/* Contact 1 with 2 in it since an hour: it shows its own Silver over 2's Gold, which was later. */
static void put_up_merged(void)
{
	static const char *const other[] = { "2" };

	put_up("rule: any\n" CHANGED("tier", ""));
	s.contact.merged = other;
	s.contact.n_merged = 1;
	s.contact.created_ms = NOW - MS_HOUR;
	changed("email", NOW - 2 * MS_DAY, "a@b.org");
	changed("tier", NOW - 2 * MS_DAY, "Silver");
	changed("tier", NOW - 2 * MS_DAY + 1, "Gold");
	property("tier")->current = slice_of("Silver");
	decide();
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM decision", ""), 0);
	assert_int_equal(db_integer(db, 0, "SELECT at_ms FROM decided WHERE value = 'Silver'", ""),
			 NOW - MS_HOUR);
}

static void put_up_merged_and_erased(void)
{
	char text[FORGOTTEN_TEXT];

	put_up_merged();
	db_run(db, "UPDATE decided SET value = ?1", "t",
	       forgotten_text("0123456789abcdef", slice_of("Silver"), text));
}

static void assert_gold_after_silver(void)
{
	assert_int_equal(issuances("planned"), 1);
	assert_true(db_exists(
		db, "SELECT 1 FROM issuance WHERE from_value = 'Silver' AND at_ms = ?1", "i", NOW));
	take_down();
}

static void what_a_merge_set_without_an_entry(void **state)
{
	(void)state;
	put_up_merged();
	changed("tier", NOW, "Gold");
	decide();
	assert_gold_after_silver();
}

static void what_a_merge_set_and_its_repeat_after_it_was_erased(void **state)
{
	(void)state;
	put_up_merged_and_erased();
	changed("tier", NOW - 5 * MS_MINUTE, "Silver");
	decide();
	assert_int_equal(issuances("planned"), 0);
	changed("tier", NOW, "Gold");
	decide();
	assert_gold_after_silver();
}

/* Nobody knows any more what it was before: the newest that the history has is taken. */
static void what_a_merge_set_and_another_after_it_was_erased(void **state)
{
	(void)state;
	put_up_merged_and_erased();
	changed("tier", NOW, "Tin");
	decide();
	assert_int_equal(issuances("planned"), 1);
	assert_true(db_exists(db, "SELECT 1 FROM issuance WHERE from_value = 'Gold'", ""));
	take_down();
}

static void what_a_merge_set_before_a_history_that_is_cut(void **state)
{
	(void)state;
	put_up_merged();
	property("tier")->entries = 0;
	changed("tier", NOW, "Gold");
	property("tier")->cut = true;
	decide();
	assert_gold_after_silver();
}

static void gone_before_anything_was_known(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", ""));
	s.contact.gone = true;
	decide();
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM decision", ""), 0);
	assert_int_equal(news_left(), 0);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM contact", ""), 0);
	take_down();
}

static void gone_while_something_waited(void **state)
{
	(void)state;
	put_up("rule: a\n" CHANGED("tier", "  to: Gold\n") "---\nrule: j\n" JOINED);
	wait_for(s.watches.of_rule[0]->id, "1", NOW, "Silver", "Gold");
	wait_for(s.watches.of_rule[0]->id, "1", NOW + MS_MINUTE, "Gold", "Tin");
	join_waits(BEGAN); /* not due yet */
	s.contact.gone = true;
	decide();
	assert_int_equal(issuances("skipped"), 1);
	assert_int_equal(decisions("skipped", "contact deleted before the decision"), 1);
	assert_int_equal(decisions("no-match", "no rule names this value"), 1);
	pending("1", 1);
	take_down();
}

static void two_portals_are_decided_apart(void **state)
{
	static const char text[] =
		"account: one\nhubspot: { token: \"${A}\" }\n---\n"
		"account: two\nhubspot: { token: \"${B}\" }\n---\n"
		"account: certifier\ncertifier: { token: \"${C}\" }\n---\n"
		"rule: a\ntrigger: { event: property-changed, account: one, property: tier }\n"
		"action: { do: issue-credential, group: g }\n---\n"
		"rule: b\ntrigger: { event: property-changed, account: two, property: tier }\n"
		"action: { do: issue-credential, group: g }\n";

	(void)state;
	put_up(text);
	changed("email", NOW - MS_DAY, "a@b.org");
	changed("tier", NOW - MS_HOUR, "Gold");
	decide();
	assert_int_equal(issuances("planned"), 1);
	assert_int_equal(
		db_exists(db, "SELECT 1 FROM issuance WHERE source_account = 'one' AND rule = 'a'",
			  ""),
		true);
	take_down();
}

/* ---- what is kept for a person who asks ------------------------------------ */

/* The text of a column of the only event on record; NULL where that is NULL. */
static const char *only_text(struct query *q)
{
	assert_true(query_next(q));
	const char *text = query_null(q, 0) ? NULL : arena_text(&memory, query_slice(q, 0));
	assert_false(query_next(q));
	return text;
}
#define of_event(column) only_text(db_select(db, "SELECT " column " FROM event", ""))

#define WITH_ADDRESS                                                                               \
	"rule: any\ntrigger: { event: property-changed, property: tier, settle: 60s }\n"           \
	"action: { do: issue-credential, group: g, fields: { recipient.email: \"{{ contact.email }}\" } }\n"

static void a_value_that_came_back_leaves_its_changes_and_whose_they_were(void **state)
{
	(void)state;
	put_up(WITH_ADDRESS);
	s.decide.ruleset = 1;
	s.news.came = "p1 ";
	changed("email", NOW - MS_DAY * 2, "ana@example.org");
	changed("tier", NOW - MS_DAY * 2, "Gold");
	changed("tier", NOW - 3000, "Silver");
	changed("tier", NOW - 1000, "Gold");
	decide();
	assert_int_equal(decisions("no-event", "the value came back"), 1);
	assert_string_equal(of_event("rule"), RECORD_NO_EVENT);
	assert_string_equal(of_event("seen"), "{\"email\":\"ana@example.org\"}");
	assert_string_equal(of_event("came"), "p1 ");
	assert_non_null(strstr(of_event("changes"), ",\"Silver\",0],["));
	assert_int_equal(db_integer(db, 0, "SELECT d.event_id = e.id FROM decision d, event e", ""),
			 1);
	take_down();
}

static void a_contact_created_with_its_value_is_found_by_its_address(void **state)
{
	(void)state;
	put_up(WITH_ADDRESS);
	s.decide.ruleset = 1;
	s.contact.created_ms = NOW - MS_MINUTE;
	changed("email", NOW - MS_MINUTE, "ana@example.org");
	changed("tier", NOW - MS_MINUTE, "Gold");
	decide();
	assert_int_equal(decisions("no-event", "the contact was created with"), 1);
	assert_string_equal(of_event("seen"), "{\"email\":\"ana@example.org\"}");
	assert_null(of_event("changes"));
	assert_null(of_event("came"));
	/* A second look tells nothing new. */
	decide();
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM event", ""), 1);
	take_down();
}

static void news_goes_with_what_waits_and_is_told_once(void **state)
{
	(void)state;
	put_up(WITH_ADDRESS);
	s.decide.ruleset = 1;
	s.news.came = "p1 ";
	/* The first burst was looked at before. */
	struct pending first = { .watch = s.watches.watch[0].id,
				 .at_ms = BEGAN - 70000,
				 .due_ms = BEGAN - 10000,
				 .to = slice_of("Silver"),
				 .from_known = true,
				 .came = "m0 k0 " };
	inbox_wait(db, "hubspot", slice_of("1"), &first);
	changed("email", NOW - MS_DAY * 2, "ana@example.org");
	changed("tier", BEGAN - 70000, "Silver");
	changed("tier", BEGAN - 1000, "Gold");
	decide();
	/* Two bursts: the first is decided, the second waits. */
	assert_string_equal(of_event("came"), "m0 k0 p1 ");
	assert_int_equal(db_integer(db, 0, "SELECT at_ms FROM decided", ""), BEGAN - 70000);
	struct pending *waiting;
	assert_int_equal(inbox_pending(db, "hubspot", "1", &memory, &waiting), 1);
	char wanted[64], look[CAME_TEXT];
	snprintf(wanted, sizeof(wanted), "p1 %s", came_text(CAME_LOOK, BEGAN, look));
	assert_string_equal(waiting->came, wanted);
	/* It changes again: what is known so far, and what is new. */
	s.news.came = "m7 ";
	changed("tier", BEGAN - 500, "Bronze");
	decide();
	assert_int_equal(inbox_pending(db, "hubspot", "1", &memory, &waiting), 1);
	snprintf(wanted, sizeof(wanted), "p1 %sm7 %s", look, look);
	assert_memory_equal(waiting->came, wanted, strlen("p1 ") + strlen(look) + strlen("m7 "));
	take_down();
}

static void a_frozen_burst_that_came_back_is_told(void **state)
{
	struct pending frozen = { .at_ms = NOW - MS_HOUR,
				  .due_ms = NOW,
				  .from = slice_of("Gold"),
				  .to = slice_of("Gold"),
				  .from_known = true,
				  .frozen = true };

	(void)state;
	put_up(WITH_ADDRESS);
	frozen.watch = s.watches.watch[0].id;
	inbox_wait(db, "hubspot", slice_of("1"), &frozen);
	decide();
	assert_int_equal(decisions("no-event", "the value came back"), 1);
	take_down();
}

/* It may have read the contact before somebody mended it and asked. */
static void a_look_from_before_it_was_asked_plans_nothing_anew(void **state)
{
	struct act_by by = { "ana", NOW, false };
	struct act_choice all = { 0 };
	size_t found;
	struct err err;

	(void)state;
	put_up("rule: r\n" CHANGED("tier", ""));
	changed("email", NOW - 20 * MS_DAY, "a@example.org");
	changed("tier", NOW - 2 * MS_DAY, "Bronze");
	changed("tier", NOW, "Silver");
	decide();
	assert_int_equal(issuances("planned"), 1);
	db_run(db, "UPDATE issuance SET state = 'refused', held_from = 'planned'", "");
	inbox_add(db, "hubspot", slice_of("1"), NOW + 1, POLLED);
	/* Now a look is under way, and somebody asks. */
	assert_int_equal(act_do(db, ACT_RETRY, &all, &by, nobody_listens, NULL, &found, &err),
			 RC_OK);
	assert_int_equal(found, 1);
	decide();
	assert_int_equal(issuances("refused"), 1);
	assert_int_equal(news_left(), 1);
	s.news.seq = 1;
	decide();
	assert_int_equal(issuances("planned"), 1);
	assert_int_equal(news_left(), 0);
	take_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(a_value_before_that_nobody_knows),
		stored(created_with_a_value_before_the_history_was_full),
		stored(created_with_a_value_under_two_settles),
		stored(a_value_that_is_no_number_is_told),
		stored(many_rules_on_one_value),
		stored(facts_older_than_the_history),
		stored(facts_older_than_the_history_of_somebody_without_address),
		stored(what_waits_for_a_watch_that_is_gone),
		stored(a_look_that_does_not_say_when),
		stored(an_event_is_in_the_ledger_once),
		stored(an_address_that_is_waited_for),
		stored(what_was_not_read_is_not_decided),
		stored(a_trigger_that_was_not_read_waits),
		stored(joins_fall_due_one_by_one),
		stored(a_list_is_called_as_another_rule_found_it),
		stored(a_join_is_of_the_list_that_was_joined),
		stored(a_join_that_a_merge_carried_over),
		stored(changes_that_a_merge_hid),
		stored(a_burst_under_the_absorbed_id_tells_the_kind_of_merge),
		stored(changes_that_a_merge_hid_and_a_slow_pattern),
		stored(a_backfill_has_not_seen_what_a_merge_hid),
		stored(changes_that_a_merge_hid_and_facts_that_are_not_read),
		stored(a_property_without_history_before_the_merge),
		stored(a_burst_that_a_merge_froze),
		stored(a_look_older_than_what_the_search_showed),
		stored(the_same_value_twice_at_one_moment),
		stored(the_same_value_twice_at_one_moment_that_waits),
		stored(what_comes_after_what_waits_is_kept_too),
		stored(contacts_are_decided_in_the_order_of_what_happened),
		stored(what_a_merge_set_without_an_entry),
		stored(what_a_merge_set_and_its_repeat_after_it_was_erased),
		stored(what_a_merge_set_and_another_after_it_was_erased),
		stored(what_a_merge_set_before_a_history_that_is_cut),
		stored(gone_before_anything_was_known),
		stored(gone_while_something_waited),
		stored(two_portals_are_decided_apart),
		stored(a_value_that_came_back_leaves_its_changes_and_whose_they_were),
		stored(a_contact_created_with_its_value_is_found_by_its_address),
		stored(news_goes_with_what_waits_and_is_told_once),
		stored(a_frozen_burst_that_came_back_is_told),
		stored(a_look_from_before_it_was_asked_plans_nothing_anew),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

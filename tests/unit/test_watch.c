/* Activation: what is watched, and from when on. */
#include "tests/unit/stored.h"

#include "engine/ledger.h"
#include "engine/watch.h"

/* ---- activation ----------------------------------------------------------- */

#define RULE(name, more)                                                                           \
	"---\nrule: " name "\n" more "action:\n  do: issue-credential\n  group: g\n"
#define CHANGED(property, more)                                                                    \
	"trigger:\n  event: property-changed\n  property: " property "\n" more

static const struct log silent;

/* Loads `text` at `now_ms`; the caller releases watches and table. */
static struct table *sync(const char *text, int64_t now_ms, struct watches *w)
{
	struct err err;
	struct table *table = table_of(text);

	if (watches_sync(db, table, NULL, &(struct our_clock){ now_ms, 0 }, &silent, w, &err) !=
	    RC_OK)
		fail_msg("%s", err.text);
	return table;
}

static void done(struct table *table, struct watches *w)
{
	watches_release(w);
	table_unref(table);
}

/* The watch of a rule after a load; loaded_ms and id are what tests look at. */
static struct watch watch_of(const char *text, int64_t now_ms, const char *rule)
{
	struct watches w;
	struct table *table = sync(text, now_ms, &w);
	const struct watch *of = w.of_rule[table_rule(table, rule)->id];
	struct watch copy = of ? *of : (struct watch){ 0 };

	copy.target = NULL;
	done(table, &w);
	return copy;
}

static void activation_is_once(void **state)
{
	static const char text[] = RULE("a", CHANGED("tier", ""));
	struct watch first = watch_of(text, NOW, "a");

	(void)state;
	assert_int_equal(first.loaded_ms, NOW);
	assert_int_equal(first.start_ms, INT64_MAX);
	assert_int_equal(first.settle_ms, MS_MINUTE);
	assert_int_equal(first.event, EVENT_PROPERTY_CHANGED);
	assert_int_equal(first.building, 0);
	/* The same again, or with another group, filter or mode, keeps it. */
	assert_int_equal(watch_of(text, NOW + 1, "a").loaded_ms, NOW);
	assert_int_equal(
		watch_of(RULE("a", CHANGED("tier", "  to: Gold\n") "mode: shadow\n"), NOW + 2, "a")
			.id,
		first.id);
}

static void nothing_is_watched_without_rules(void **state)
{
	struct watches w;
	struct table *table = sync(RULE("a", CHANGED("tier", "")), NOW, &w);
	int64_t id = w.watch[0].id;

	(void)state;
	assert_ptr_equal(watches_find(&w, id), &w.watch[0]);
	assert_null(watches_find(&w, id + 1));
	done(table, &w);
	table = sync("", NOW, &w);
	assert_null(watches_find(&w, id));
	done(table, &w);
}

static void alike_rules_share_a_watch(void **state)
{
	struct watches w;
	struct table *t = sync(
		RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("tier", "  to: Gold\n"))
			RULE("c", CHANGED("tier", "  settle: 5m\n")) RULE("d", CHANGED("rank", ""))
				RULE("e", "mode: off\n" CHANGED("tier", "")),
		NOW, &w);

	(void)state;
	assert_int_equal(w.count, 3);
	assert_ptr_equal(w.of_rule[0], w.of_rule[1]);
	assert_ptr_not_equal(w.of_rule[0], w.of_rule[2]);
	assert_ptr_not_equal(w.of_rule[0], w.of_rule[3]);
	assert_null(w.of_rule[4]);
	assert_string_equal(t->property[w.of_rule[3]->property].name, "rank");
	for (size_t i = 1; i < w.count; i++)
		assert_true(w.watch[i - 1].id < w.watch[i].id);
	done(t, &w);
	/* A rule that comes later has a later activation, so a watch of its own. */
	t = sync(RULE("a", CHANGED("tier", "")) RULE("f", CHANGED("tier", "")), NOW + 5, &w);
	assert_ptr_not_equal(w.of_rule[0], w.of_rule[1]);
	assert_int_equal(w.of_rule[1]->loaded_ms, NOW + 5);
	assert_int_equal(w.count, 2);
	done(t, &w);
}

static void another_trigger_is_another_activation(void **state)
{
	struct watch first = watch_of(RULE("a", CHANGED("tier", "")), NOW, "a");
	struct watch second = watch_of(RULE("a", CHANGED("rank", "")), NOW + 1, "a");

	(void)state;
	assert_int_not_equal(first.id, second.id);
	assert_int_equal(second.loaded_ms, NOW + 1);
	assert_int_equal(watch_of(RULE("a", CHANGED("tier", "")), NOW + 2, "a").loaded_ms, NOW + 2);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM watch", ""),
			 1); /* nobody uses the others */
}

static void off_or_absent_and_back(void **state)
{
	static const char on[] = RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("rank", ""));

	(void)state;
	(void)watch_of(on, NOW, "a");
	wait_for(watch_of(on, NOW, "a").id, "1", NOW, "", "x");
	assert_int_equal(watch_of(RULE("a", "mode: off\n" CHANGED("tier", ""))
					  RULE("b", CHANGED("rank", "")),
				  NOW + 1, "a")
				 .id,
			 0);
	assert_int_equal(inbox_pending_count(db, "hubspot"), 0);
	assert_int_equal(watch_of(on, NOW + 2, "a").loaded_ms, NOW + 2);
	assert_int_equal(watch_of(on, NOW + 2, "b").loaded_ms, NOW);
	(void)watch_of(RULE("b", CHANGED("rank", "")), NOW + 3, "b");
	assert_int_equal(watch_of(on, NOW + 4, "a").loaded_ms, NOW + 4);
}

static void an_edited_settle_inherits_what_was_decided_and_what_waits(void **state)
{
	struct watch first = watch_of(RULE("a", CHANGED("tier", "")), NOW, "a");

	(void)state;
	db_run(db, "INSERT INTO decided (watch, contact, at_ms, value) VALUES (?1, '1', 7, 'x')",
	       "i", first.id);
	wait_for(first.id, "2", NOW, "", "y");
	struct watch second = watch_of(RULE("a", CHANGED("tier", "  settle: 5m\n")), NOW + 9, "a");
	assert_int_not_equal(second.id, first.id);
	assert_int_equal(second.loaded_ms, NOW);
	assert_int_equal(second.settle_ms, 5 * MS_MINUTE);
	assert_true(db_exists(
		db, "SELECT 1 FROM decided WHERE watch = ?1 AND contact = '1' AND at_ms = 7", "i",
		second.id));
	const struct pending *waits = pending("2", 1);
	assert_int_equal(waits->watch, second.id);
	assert_int_equal(waits->due_ms, NOW + 5 * MS_MINUTE);
	assert_true(slice_is(waits->to, "y"));
	assert_false(waits->frozen);
	assert_string_equal(take(NOW, 9, 1)->contact, "2"); /* its burst is cut anew */
}

static void rules_that_were_edited_alike_share_the_heir(void **state)
{
	struct watches w;

	(void)state;
	done(sync(RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("tier", "")), NOW, &w), &w);
	struct table *t = sync(RULE("a", CHANGED("tier", "  settle: 5m\n"))
				       RULE("b", CHANGED("tier", "  settle: 5m\n")),
			       NOW + 1, &w);
	assert_int_equal(w.count, 1);
	assert_ptr_equal(w.of_rule[0], w.of_rule[1]);
	assert_int_equal(w.watch[0].loaded_ms, NOW);
	done(t, &w);
}

#define SHOWN(name, labels)                                                                        \
	"---\nrule: " name                                                                         \
	"\n" CHANGED("tier", "") "action:\n  do: issue-credential\n  group: g\n"                   \
				 "  fields: { custom.x: \"" labels "\" }\n"
#define OF_TO "{{ event.to | label }}"
#define OF_RANK "{{ contact.rank | label }}"

/* A label that cannot be read holds up its watch: rules that want no such label have another. */
static void rules_that_want_other_labels_have_another_watch(void **state)
{
	struct watches w;
	struct table *t = sync(RULE("a", CHANGED("tier", "")) SHOWN("b", OF_TO)
				       SHOWN("c", OF_RANK OF_TO) SHOWN("d", OF_TO OF_RANK OF_TO)
					       SHOWN("e", "{{ contact.rank }}"),
			       NOW, &w);

	(void)state;
	assert_int_equal(w.count, 3);
	assert_ptr_equal(w.of_rule[0], w.of_rule[4]);
	assert_ptr_equal(w.of_rule[2], w.of_rule[3]);
	assert_ptr_not_equal(w.of_rule[0], w.of_rule[1]);
	assert_ptr_not_equal(w.of_rule[0], w.of_rule[2]);
	assert_ptr_not_equal(w.of_rule[1], w.of_rule[2]);
	done(t, &w);
}

/* `a` and `b` share a watch until `b` is edited; then it has what was decided and what waits. */
static void assert_parted(const char *text, int64_t watch)
{
	struct watches w;
	struct table *t = sync(text, NOW + 9, &w);

	assert_int_equal(w.count, 2);
	assert_int_equal(w.of_rule[0]->id, watch);
	assert_int_not_equal(w.of_rule[1]->id, watch);
	assert_ptr_equal(w.of_rule[1], w.of_rule[2]);
	assert_int_equal(w.of_rule[1]->loaded_ms, NOW);
	assert_true(db_exists(
		db, "SELECT 1 FROM decided WHERE watch = ?1 AND contact = '1' AND at_ms = 7", "i",
		w.of_rule[1]->id));
	assert_true(db_exists(db, "SELECT 1 FROM pending WHERE watch = ?1 AND contact = '2'", "i",
			      w.of_rule[1]->id));
	assert_true(db_exists(db, "SELECT 1 FROM pending WHERE watch = ?1 AND contact = '2'", "i",
			      watch));
	done(t, &w);
}

static const char parted[] = RULE("a", CHANGED("tier", "")) SHOWN("b", OF_TO) SHOWN("c", OF_TO);

static void a_rule_that_wants_labels_from_now_on_inherits_a_watch(void **state)
{
	struct watch first = watch_of(RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("tier", ""))
					      RULE("c", CHANGED("tier", "")),
				      NOW, "b");

	(void)state;
	db_run(db, "INSERT INTO decided (watch, contact, at_ms, value) VALUES (?1, '1', 7, 'x')",
	       "i", first.id);
	wait_for(first.id, "2", NOW, "", "y");
	assert_parted(parted, first.id);
	/* Once more, and it is as it was. */
	assert_parted(parted, first.id);
}

/* Whichever of them is edited: who wants fewest labels stays. */
static void who_wants_fewest_labels_keeps_the_watch(void **state)
{
	struct watch first = watch_of(RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("tier", "")),
				      NOW, "b");
	struct watches w;
	struct table *t = sync(SHOWN("a", OF_TO) RULE("b", CHANGED("tier", "")), NOW + 1, &w);

	(void)state;
	assert_int_equal(w.of_rule[1]->id, first.id);
	assert_int_not_equal(w.of_rule[0]->id, first.id);
	done(t, &w);
}

/* Nobody shares it: it stays, whichever labels it wants. */
static void a_rule_that_is_alone_keeps_its_watch(void **state)
{
	struct watch first = watch_of(RULE("a", CHANGED("tier", "")), NOW, "a");

	(void)state;
	assert_int_equal(watch_of(SHOWN("a", OF_TO), NOW + 1, "a").id, first.id);
	assert_int_equal(watch_of(SHOWN("a", OF_RANK), NOW + 2, "a").id, first.id);
	assert_int_equal(watch_of(RULE("a", CHANGED("tier", "")), NOW + 3, "a").id, first.id);
}

static void since_of_a_list_needs_no_walk(void **state)
{
	int64_t then = clock_instant((struct civil){ 2026, 1, 1, 0, 0, 0, 0 });
	struct watch w = watch_of(RULE("a", "trigger: { event: list-added, list: 42 }\n"
					    "since: 2026-01-01\n"),
				  NOW, "a");

	(void)state;
	assert_int_equal(w.start_ms, then - 1);
	assert_false(db_exists(db, "SELECT 1 FROM source", ""));
}

static void since_reaches_back_at_the_first_load_only(void **state)
{
	static const char since[] = RULE("a", CHANGED("tier", "") "since: 2026-01-01\n");
	int64_t then = clock_instant((struct civil){ 2026, 1, 1, 0, 0, 0, 0 });
	struct watch first = watch_of(since, NOW, "a");

	(void)state;
	assert_int_equal(first.start_ms, then - 1); /* a change at that very moment counts */
	assert_int_equal(
		db_integer(db, 0, "SELECT reach_ms FROM source WHERE account = 'hubspot'", ""),
		then);
	(void)watch_of(RULE("a", "mode: off\n" CHANGED("tier", "") "since: 2026-01-01\n"), NOW + 1,
		       "a");
	assert_int_equal(watch_of(since, NOW + 2, "a").start_ms, INT64_MAX);
}

static void lists_begin_by_looking_whether_they_are_built(void **state)
{
	static const char list[] = "trigger:\n  event: list-added\n  list: ";
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), RULE("a", "%s42\n"), list);
	struct watch w = watch_of(text, NOW, "a");
	assert_int_equal(w.event, EVENT_LIST_ADDED);
	assert_int_equal(w.building, 2);
	assert_int_equal(w.property, UINT32_MAX);
	assert_false(w.target_is_name);
	/* By its name it is another list, whatever it is called. */
	snprintf(text, sizeof(text), RULE("a", "%s\"42\"\n"), list);
	struct watch named = watch_of(text, NOW + 1, "a");
	assert_true(named.target_is_name);
	assert_int_not_equal(named.id, w.id);
}

static void starts_wait_for_the_sources_clock(void **state)
{
	static const char text[] = RULE("a", CHANGED("tier", ""));
	struct watches w;
	struct err err;
	struct table *t = sync(text, NOW, &w);
	uint32_t source = w.watch[0].source;

	(void)state;
	struct first_clock clock = { NOW + 9500, -500, 10000 };
	assert_int_equal(watches_start(db, &w, source + 1, &clock, &err), RC_OK);
	assert_int_equal(w.watch[0].start_ms, INT64_MAX);
	/* Activated by this process ten seconds ago, whatever our clock did since. */
	assert_int_equal(watches_start(db, &w, source, &clock, &err), RC_OK);
	assert_int_equal(w.watch[0].start_ms, NOW - 500);
	clock.now_ms += 9000;
	assert_int_equal(watches_start(db, &w, source, &clock, &err), RC_OK); /* only once */
	assert_int_equal(w.watch[0].start_ms, NOW - 500);
	done(t, &w);
	assert_int_equal(watch_of(text, NOW + 1, "a").start_ms, NOW - 500);
}

/* Our clock was set two hours back between the loads, and the source not reached before the last of them. */
static void a_start_goes_by_the_load_that_activated_it(void **state)
{
	static const char *const texts[] = {
		RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("rank", "")),
		RULE("a", CHANGED("tier", "  to: Gold\n")) RULE("b", CHANGED("rank", "")),
		RULE("a", CHANGED("tier", "  to: Gold\n"))
			RULE("b", CHANGED("rank", "  settle: 5m\n")) RULE("c", CHANGED("x", "")),
	};
	const struct our_clock ours[] = { { NOW, 1000 },
					  { NOW - 2 * MS_HOUR, 4000 },
					  { NOW - 2 * MS_HOUR + 5000, 9000 } };
	const struct first_clock clock = { NOW + 20000, 2 * MS_HOUR, 21000 };
	struct table *old = NULL;
	struct watches before, w;
	struct err err;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct table *t = table_of(texts[i]);
		assert_int_equal(
			watches_sync(db, t, old ? &before : NULL, &ours[i], &silent, &w, &err),
			RC_OK);
		if (old)
			done(old, &before);
		old = t;
		before = w;
	}
	assert_int_equal(watches_start(db, &w, w.watch[0].source, &clock, &err), RC_OK);
	assert_int_equal(w.of_rule[table_rule(old, "a")->id]->start_ms, NOW);
	assert_int_equal(w.of_rule[table_rule(old, "b")->id]->start_ms, NOW); /* the heir, too */
	assert_int_equal(w.of_rule[table_rule(old, "c")->id]->start_ms, NOW + 8000);
	done(old, &w);
}

/* Of a rule that comes back, and of no other. */
static void what_waits_is_looked_at_when_its_rule_comes_back(void **state)
{
	static const char off[] = RULE("a", CHANGED("tier", "") "mode: off\n")
		RULE("b", CHANGED("rank", ""));
	static const char on[] = RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("rank", ""));
	static const char news[] = "SELECT group_concat(contact, ' ') FROM news";

	(void)state;
	watch_of(on, NOW - 1, "a");
	watch_of(off, NOW, "b");
	for (int i = 0; i < 4; i++) {
		struct issuance is = { .rule = i < 3 ? "a" : "b",
				       .table_hash = "t",
				       .source_account = "hubspot",
				       .contact = (const char *const[]){ "1", "2", "3", "4" }[i],
				       .event = EVENT_PROPERTY_CHANGED,
				       .target = "tier",
				       .to = "x",
				       .at_ms = NOW,
				       .action_account = "certifier",
				       .group = "g",
				       .state = i == 2 ? STATE_SKIPPED : STATE_HELD,
				       .hold = i == 1 ? HOLD_BRAKE : HOLD_MISSING_EMAIL };
		ledger_insert(db, &is, slice_of(""));
	}
	watch_of(off, NOW + 1, "b");
	assert_false(db_exists(db, "SELECT 1 FROM news", ""));
	watch_of(on, NOW + 2, "a");
	struct query *q = db_select(db, news, "");
	assert_true(query_next(q));
	assert_true(slice_is(query_slice(q, 0), "1"));
	query_end(q);
}

/* Loaded by two processes, before any clock was told: only our clock of then can tell. */
static void assert_start_left_open(const char *text)
{
	struct first_clock clock = { NOW + 70000, 300, 5000 };
	struct watches w;
	struct err err;

	done(sync(text, NOW, &w), &w);
	struct table *t = sync(text, NOW + 60000, &w);
	assert_int_equal(watches_start(db, &w, w.watch[0].source, &clock, &err), RC_OK);
	assert_int_equal(w.watch[0].start_ms, NOW + 300);
	done(t, &w);
}

static void a_start_that_an_earlier_process_left_open(void **state)
{
	(void)state;
	assert_start_left_open(RULE("a", CHANGED("tier", "")));
}

/* Nothing was walked yet, up to whenever that is. */
static void a_since_to_come_moves_no_start_that_was_left_open(void **state)
{
	(void)state;
	assert_start_left_open(RULE("a", CHANGED("tier", "")) "---\n" RULE(
		"b", CHANGED("rank", "") "since: 2199-01-01\n"));
}

/* Our clock of then was six hours behind, or ahead. */
static void a_start_by_a_wrong_clock_is_after_the_last_walk_and_not_to_come(void **state)
{
	static const char text[] = RULE("a", CHANGED("tier", ""));
	const struct first_clock clock = { NOW + MS_HOUR, 0, 5000 };
	static const int64_t wrong_ms[] = { -6 * MS_HOUR, 6 * MS_HOUR },
			     start_ms[] = { NOW - MS_MINUTE, NOW + MS_HOUR };
	struct watches w;
	struct err err;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		db_run(db, "DELETE FROM source", "");
		db_run(db, "DELETE FROM rule", "");
		db_run(db, "DELETE FROM watch", "");
		done(sync(text, NOW + wrong_ms[i], &w), &w);
		db_run(db, "INSERT INTO source (account, cursor_ms) VALUES ('hubspot', ?1)", "i",
		       NOW - MS_MINUTE);
		struct table *t = sync(text, NOW + MS_HOUR, &w);
		assert_int_equal(watches_start(db, &w, w.watch[0].source, &clock, &err), RC_OK);
		assert_int_equal(w.watch[0].start_ms, start_ms[i]);
		done(t, &w);
	}
}

static void starts_that_are_known_stay(void **state)
{
	static const char two[] =
		"account: one\nhubspot: { token: \"${A}\" }\n---\n"
		"account: two\nhubspot: { token: \"${B}\" }\n---\n"
		"account: certifier\ncertifier: { token: \"${C}\" }\n---\n"
		"rule: a\ntrigger: { event: property-changed, account: one, property: tier }\n"
		"since: 2026-01-01\naction: { do: issue-credential, group: g }\n---\n"
		"rule: b\ntrigger: { event: property-changed, account: one, property: rank }\n"
		"action: { do: issue-credential, group: g }\n---\n"
		"rule: c\ntrigger: { event: property-changed, account: two, property: tier }\n"
		"action: { do: issue-credential, group: g }\n";
	struct first_clock clock = { NOW, 0, 0 };
	struct watches w;
	struct err err;
	struct table *t = sync(two, NOW, &w);
	int64_t since_ms = w.watch[0].start_ms;

	(void)state;
	assert_int_equal(watches_start(db, &w, w.watch[0].source, &clock, &err), RC_OK);
	assert_int_equal(w.watch[0].start_ms, since_ms);
	assert_int_equal(w.watch[1].start_ms, NOW);
	assert_int_equal(w.watch[2].start_ms, INT64_MAX); /* of the other portal */
	done(t, &w);
}

static void the_tag_changes_with_property_watches(void **state)
{
	static const char text[] = RULE("a", CHANGED("tier", ""));
	char one[17], two[17];
	struct watches w;
	struct table *t = sync(text, NOW, &w);

	(void)state;
	strcpy(one, w.tag);
	done(t, &w);
	t = sync(text, NOW + 1, &w);
	assert_string_equal(w.tag, one);
	done(t, &w);
	t = sync(RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("rank", "")), NOW + 2, &w);
	strcpy(two, w.tag);
	assert_string_not_equal(two, one);
	done(t, &w);
	t = sync(RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("rank", ""))
			 RULE("c", "trigger:\n  event: list-added\n  list: 42\n"),
		 NOW + 3, &w);
	assert_string_equal(w.tag, two);
	done(t, &w);
	/* The watch of b goes, and the next one gets its number. */
	done(sync(text, NOW + 4, &w), &w);
	t = sync(RULE("a", CHANGED("tier", "")) RULE("d", CHANGED("rank", "")), NOW + 5, &w);
	assert_string_not_equal(w.tag, two);
	done(t, &w);
}

static bool refuse_start(void *ctx, const char *tag, bool after)
{
	(void)ctx;
	return strcmp(tag, "start") != 0 || after;
}

static void a_start_that_is_not_written_is_none(void **state)
{
	struct first_clock clock = { NOW, 0, 0 };
	struct watches w;
	struct err err;
	struct table *t = sync(RULE("a", CHANGED("tier", "")), NOW, &w);

	(void)state;
	db_hook(db, refuse_start, NULL);
	assert_int_equal(watches_start(db, &w, w.watch[0].source, &clock, &err), RC_BROKEN);
	db_hook(db, NULL, NULL);
	assert_int_equal(w.watch[0].start_ms, INT64_MAX);
	assert_int_equal(watches_start(db, &w, w.watch[0].source, &clock, &err), RC_OK);
	assert_int_equal(w.watch[0].start_ms, NOW);
	done(t, &w);
}

static bool refuse(void *ctx, const char *tag, bool after)
{
	(void)ctx;
	return strcmp(tag, "activate") != 0 || after;
}

static void an_activation_that_is_not_written_is_none(void **state)
{
	struct table *t = table_of(RULE("a", CHANGED("tier", "")));
	struct watches w;
	struct err err;

	(void)state;
	db_hook(db, refuse, NULL);
	assert_int_equal(
		watches_sync(db, t, NULL, &(struct our_clock){ NOW, 0 }, &silent, &w, &err),
		RC_BROKEN);
	db_hook(db, NULL, NULL);
	assert_false(db_exists(db, "SELECT 1 FROM watch", ""));
	assert_false(db_exists(db, "SELECT 1 FROM rule", ""));
	table_unref(t);
}

/* ---- by the load before ---------------------------------------------------- */

#define JOINED(list) "trigger: { event: list-added, " list " }\n"

/* All that a load leaves in the store. */
static void add_rows(struct db *of, struct str *out)
{
	struct query *q = db_select(
		of,
		"SELECT r.name, r.trigger_key, coalesce(r.watch, 0) FROM rule r ORDER BY r.name",
		"");

	while (query_next(q))
		str_addf(out, "%.*s: %.*s %lld\n", SLICE_FMT(query_slice(q, 0)),
			 SLICE_FMT(query_slice(q, 1)), (long long)query_integer(q, 2));
	q = db_select(
		of, "SELECT id, target, settle_ms, loaded_ms, building FROM watch ORDER BY id", "");
	while (query_next(q))
		str_addf(out, "%lld: %.*s %lld %lld %lld\n", (long long)query_integer(q, 0),
			 SLICE_FMT(query_slice(q, 1)), (long long)query_integer(q, 2),
			 (long long)query_integer(q, 3), (long long)query_integer(q, 4));
}

static void add_loaded(const struct watches *w, struct str *out)
{
	for (size_t i = 0; i < w->table->n_rule; i++) {
		const struct watch *of = w->of_rule[i];
		str_addf(out, "%s -> %lld\n", w->table->rule[i].name, of ? (long long)of->id : 0LL);
	}
	for (size_t i = 0; i < w->count; i++)
		str_addf(out, "%lld: %s %d %u %lld %lld\n", (long long)w->watch[i].id,
			 w->watch[i].target, w->watch[i].event, w->watch[i].property,
			 (long long)w->watch[i].settle_ms, (long long)w->watch[i].loaded_ms);
	str_addf(out, "%s\n", w->tag);
}

/* Any rule in any of its forms, or absent, after any other: as a start would have it, which asks the store. */
static void a_load_after_another_is_as_one_at_a_start(void **state)
{
	static const char *const forms[] = {
		"",
		CHANGED("tier", ""),
		CHANGED("tier", "  settle: 5m\n"),
		CHANGED("tier", "  to: Gold\n") "mode: shadow\n",
		CHANGED("rank", ""),
		CHANGED("tier", "") "mode: off\n",
		JOINED("list: 4711"),
		JOINED("list: Graduates"),
		JOINED("list: 4711, settle: 2m"),
		NULL, /* one that wants a label */
	};
	struct watches before, w, other;
	struct table *old = NULL;
	struct db *fresh;
	struct err err;
	uint32_t dice = 4711;

	(void)state;
	assert_int_equal(db_open(":memory:", DB_OWN, &fresh, &err), RC_OK);
	for (int64_t load = 0; load < 400; load++) {
		struct str text, mine, theirs;
		str_init(&text, 10000);
		str_init(&mine, 100000);
		str_init(&theirs, 100000);
		for (int i = 0; i < 5; i++) {
			dice = dice * 1664525 + 1013904223;
			const char *form = forms[(dice >> 16) % (sizeof(forms) / sizeof(forms[0]))];
			if (!form)
				str_addf(&text, SHOWN("r%d", OF_TO), i);
			else if (form[0])
				str_addf(&text, RULE("r%d", "%s"), i, form);
		}
		struct table *t = table_of(str_text(&text));
		assert_int_equal(watches_sync(db, t, old ? &before : NULL,
					      &(struct our_clock){ load + 1, 0 }, &silent, &w,
					      &err),
				 RC_OK);
		assert_int_equal(watches_sync(fresh, t, NULL, &(struct our_clock){ load + 1, 0 },
					      &silent, &other, &err),
				 RC_OK);
		add_rows(db, &mine);
		add_loaded(&w, &mine);
		add_rows(fresh, &theirs);
		add_loaded(&other, &theirs);
		assert_string_equal(str_text(&mine), str_text(&theirs));
		watches_release(&other);
		if (old)
			done(old, &before);
		old = t;
		before = w;
		str_release(&text);
		str_release(&mine);
		str_release(&theirs);
	}
	done(old, &before);
	db_close(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(activation_is_once),
		stored(nothing_is_watched_without_rules),
		stored(alike_rules_share_a_watch),
		stored(another_trigger_is_another_activation),
		stored(off_or_absent_and_back),
		stored(an_edited_settle_inherits_what_was_decided_and_what_waits),
		stored(rules_that_were_edited_alike_share_the_heir),
		stored(rules_that_want_other_labels_have_another_watch),
		stored(a_rule_that_wants_labels_from_now_on_inherits_a_watch),
		stored(who_wants_fewest_labels_keeps_the_watch),
		stored(a_rule_that_is_alone_keeps_its_watch),
		stored(since_of_a_list_needs_no_walk),
		stored(starts_that_are_known_stay),
		stored(a_start_that_is_not_written_is_none),
		stored(since_reaches_back_at_the_first_load_only),
		stored(lists_begin_by_looking_whether_they_are_built),
		stored(starts_wait_for_the_sources_clock),
		stored(a_start_goes_by_the_load_that_activated_it),
		stored(what_waits_is_looked_at_when_its_rule_comes_back),
		stored(a_start_that_an_earlier_process_left_open),
		stored(a_since_to_come_moves_no_start_that_was_left_open),
		stored(a_start_by_a_wrong_clock_is_after_the_last_walk_and_not_to_come),
		stored(the_tag_changes_with_property_watches),
		stored(an_activation_that_is_not_written_is_none),
		stored(a_load_after_another_is_as_one_at_a_start),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

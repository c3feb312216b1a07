/* What the store keeps for the engine: issuances, news, merges and activations. */
#include "tests/unit/rules.h"

#include "engine/inbox.h"
#include "engine/ledger.h"
#include "engine/merge.h"
#include "engine/watch.h"

#define NOW INT64_C(1795435220000)

static struct db *db;
static struct arena memory;

static int store_setup(void **state)
{
	struct err err;

	(void)state;
	arena_init(&memory);
	return db_open(":memory:", DB_OWN, &db, &err) == RC_OK ? 0 : -1;
}

/* Fails where some statement of the test has failed unseen. */
static int store_teardown(void **state)
{
	struct err err;
	enum rc rc = db_failed(db, &err);

	(void)state;
	if (rc != RC_OK)
		printf("store: %s\n", err.text);
	db_close(db);
	arena_release(&memory);
	return rc == RC_OK ? 0 : -1;
}

/* ---- issuances ------------------------------------------------------------ */

static struct issuance issuance(const char *contact, int64_t at_ms)
{
	return (struct issuance){
		.rule = "tier", .table_hash = "h", .source_account = "hubspot", .contact = contact,
		.event = EVENT_PROPERTY_CHANGED, .target = "tier", .from = "Bronze", .to = "Silver",
		.at_ms = at_ms, .action_account = "certifier", .group = "g1", .do_issue = true,
		.do_send = true, .state = STATE_PLANNED, .created_ms = NOW,
	};
}

static int64_t insert(struct issuance is)
{
	ledger_insert(db, &is, slice_of("a@example.com"));
	assert_int_equal(db_failed(db, NULL), RC_OK);
	assert_true(is.id > 0);
	return is.id;
}

static struct issuance load(int64_t id)
{
	struct issuance is;

	assert_true(ledger_load(db, id, &memory, &is));
	return is;
}

static void set_state(int64_t id, enum issuance_state to)
{
	struct issuance before = load(id), after = before;

	after.state = to;
	ledger_update(db, &before, &after, NOW, NULL);
}

/* The states of the trail, oldest first, with their notes. */
static const char *trail(int64_t id)
{
	struct str out;

	str_init(&out, 1000);
	struct query *q = db_select(db, "SELECT state, note FROM trail WHERE issuance = ?1 ORDER BY id", "i", id);
	while (query_next(q)) {
		str_add_slice(&out, query_slice(q, 0));
		if (!query_null(q, 1))
			str_addf(&out, "(%.*s)", SLICE_FMT(query_slice(q, 1)));
		str_add_char(&out, ' ');
	}
	const char *text = arena_text(&memory, str_slice(&out));
	str_release(&out);
	return text;
}

static void states_have_names(void **state)
{
	enum issuance_state s = STATE_SENT;

	(void)state;
	for (int i = 0; i < STATE_COUNT; i++) {
		assert_true(issuance_state_of(slice_of(issuance_state_names[i]), &s));
		assert_int_equal(s, i);
	}
	s = STATE_SENT;
	assert_false(issuance_state_of(slice_of("Planned"), &s));
	assert_false(issuance_state_of(slice_of(NULL), &s));
	assert_int_equal(s, STATE_SENT);
}

static void an_issuance_comes_back_as_it_was_written(void **state)
{
	struct issuance is = issuance("101", NOW - 5), got;
	struct json *fields = json_new_object();

	(void)state;
	json_set_text(fields, "recipient.name", "Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \"x\"\n");
	is.fields = fields;
	is.do_send = false;
	is.state = STATE_HELD;
	is.held_from = STATE_DRAFT;
	is.reason = "plan: expiry";
	int64_t id = insert(is);
	got = load(id);
	assert_int_equal(got.id, id);
	assert_string_equal(got.rule, "tier");
	assert_string_equal(got.table_hash, "h");
	assert_string_equal(got.source_account, "hubspot");
	assert_string_equal(got.contact, "101");
	assert_int_equal(got.event, EVENT_PROPERTY_CHANGED);
	assert_string_equal(got.from, "Bronze");
	assert_string_equal(got.to, "Silver");
	assert_int_equal(got.at_ms, NOW - 5);
	assert_string_equal(got.action_account, "certifier");
	assert_string_equal(got.group, "g1");
	assert_true(got.do_issue);
	assert_false(got.do_send);
	assert_int_equal(got.state, STATE_HELD);
	assert_int_equal(got.held_from, STATE_DRAFT);
	assert_string_equal(got.reason, "plan: expiry");
	assert_null(got.credential);
	assert_null(got.public_url);
	assert_null(got.cursor);
	assert_int_equal(got.created_ms, NOW);
	assert_int_equal(got.updated_ms, NOW);
	assert_true(slice_is(json_get_slice(got.fields, "recipient.name"),
			     "Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \"x\"\n"));
	assert_string_equal(trail(id), "held(plan: expiry) ");
	json_free((struct json *)(uintptr_t)got.fields);
	json_free(fields);
	assert_false(ledger_load(db, id + 1, &memory, &got));
}

static void lists_and_nothing_known(void **state)
{
	struct issuance is = issuance("101", NOW);

	(void)state;
	is.event = EVENT_LIST_ADDED;
	is.from = NULL;
	is.to = "";
	is = load(insert(is));
	assert_int_equal(is.event, EVENT_LIST_ADDED);
	assert_null(is.from);
	assert_string_equal(is.to, "");
	assert_null(is.fields);
	assert_null(is.reason);
}

static void what_a_step_changed(void **state)
{
	int64_t id = insert(issuance("101", NOW));
	struct issuance before = load(id), after = before;

	(void)state;
	after.state = STATE_CREATING;
	after.attempts = 3;
	after.attempt_ms = NOW + 1;
	after.settles = 2;
	after.cursor = "page";
	after.not_before_ms = NOW + 2;
	after.failures = 4;
	after.credential = "c1";
	after.public_url = "https://x/c1";
	after.reason = "why";
	ledger_update(db, &before, &after, NOW + 9, "about to");
	struct issuance got = load(id);
	assert_int_equal(got.state, STATE_CREATING);
	assert_int_equal(got.attempts, 3);
	assert_int_equal(got.attempt_ms, NOW + 1);
	assert_int_equal(got.settles, 2);
	assert_string_equal(got.cursor, "page");
	assert_int_equal(got.not_before_ms, NOW + 2);
	assert_int_equal(got.failures, 4);
	assert_string_equal(got.credential, "c1");
	assert_string_equal(got.public_url, "https://x/c1");
	assert_string_equal(got.reason, "why");
	assert_int_equal(got.updated_ms, NOW + 9);
	assert_int_equal(got.created_ms, NOW);
	after = got;
	after.cursor = after.reason = NULL;
	ledger_update(db, &got, &after, NOW + 10, "not for the trail: the state is the same");
	assert_null(load(id).cursor);
	assert_null(load(id).reason);
	assert_string_equal(trail(id), "planned creating(about to) ");
}

static void one_event_of_a_rule_is_one_row(void **state)
{
	struct issuance is = issuance("101", NOW);

	(void)state;
	assert_false(ledger_has_event(db, &is));
	(void)insert(is);
	is.from = "other"; /* where it came from is no part of the identity */
	assert_true(ledger_has_event(db, &is));
	ledger_insert(db, &is, slice_of("x"));
	assert_int_equal(db_failed(db, NULL), RC_BROKEN);
	db_rollback(db);
}

static void other_events_are_others(void **state)
{
	struct issuance base = issuance("101", NOW);
	struct issuance other[7];

	(void)state;
	(void)insert(base);
	for (size_t i = 0; i < 7; i++)
		other[i] = base;
	other[0].rule = "another";
	other[1].source_account = "hubspot-eu";
	other[2].event = EVENT_LIST_ADDED;
	other[3].target = "other";
	other[4].at_ms = NOW + 1;
	other[5].to = "silver";
	other[6].contact = "1010";
	for (size_t i = 0; i < 7; i++) {
		assert_false(ledger_has_event(db, &other[i]));
		(void)insert(other[i]);
	}
}

static void one_credential_is_of_one_issuance(void **state)
{
	int64_t one = insert(issuance("101", NOW)), two = insert(issuance("102", NOW));
	struct issuance before = load(one), after = before;

	(void)state;
	after.credential = "c1";
	ledger_update(db, &before, &after, NOW, NULL);
	assert_true(ledger_credential_held(db, "certifier", "c1"));
	assert_false(ledger_credential_held(db, "certifier", "c2"));
	assert_false(ledger_credential_held(db, "another", "c1"));
	before = after = load(two);
	after.credential = "c1";
	ledger_update(db, &before, &after, NOW, NULL);
	assert_int_equal(db_failed(db, NULL), RC_BROKEN);
	db_rollback(db);
}

static void what_counts_as_a_repeat(void **state)
{
	static const bool counts[STATE_COUNT] = {
		[STATE_PLANNED] = true, [STATE_CREATING] = true, [STATE_DRAFT] = true, [STATE_ISSUING] = true,
		[STATE_ISSUED] = true, [STATE_SENDING] = true, [STATE_SENT] = true, [STATE_HELD] = true,
		[STATE_SEND_UNKNOWN] = true,
	};
	struct issuance asked = issuance("101", NOW + 1);
	int64_t id = insert(issuance("101", NOW));

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		set_state(id, (enum issuance_state)s);
		assert_int_equal(ledger_has_repeat(db, &asked, NULL), counts[s]);
		assert_int_equal(ledger_has_repeat(db, &asked, "Silver"), counts[s]);
		assert_false(ledger_has_repeat(db, &asked, "Gold"));
	}
	set_state(id, STATE_SENT);
	asked.contact = "102";
	assert_false(ledger_has_repeat(db, &asked, NULL));
	asked = issuance("101", NOW + 1);
	asked.rule = "another";
	assert_false(ledger_has_repeat(db, &asked, NULL));
}

/* ---- work ----------------------------------------------------------------- */

static void work_is_what_may_take_a_step(void **state)
{
	static const bool works[STATE_COUNT] = { [STATE_PLANNED] = true, [STATE_CREATING] = true, [STATE_DRAFT] = true,
						 [STATE_ISSUING] = true, [STATE_ISSUED] = true,
						 [STATE_SENDING] = true };
	int64_t id = insert(issuance("101", NOW)), found[4];

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		set_state(id, (enum issuance_state)s);
		assert_int_equal(ledger_work(db, "certifier", NOW, 4, found), works[s]);
		assert_int_equal(ledger_work_count(db), works[s]);
	}
	set_state(id, STATE_PLANNED);
	assert_int_equal(ledger_work(db, "another", NOW, 4, found), 0);
}

static void rules_that_stop_early(void **state)
{
	struct issuance draft_only = issuance("101", NOW), silent = issuance("102", NOW);
	int64_t found[4];

	(void)state;
	draft_only.do_issue = draft_only.do_send = false;
	silent.do_send = false;
	int64_t one = insert(draft_only), two = insert(silent);
	set_state(one, STATE_DRAFT);
	set_state(two, STATE_DRAFT);
	assert_int_equal(ledger_work(db, "certifier", NOW, 4, found), 1);
	assert_int_equal(found[0], two);
	set_state(two, STATE_ISSUED);
	assert_int_equal(ledger_work_count(db), 0);
	assert_int_equal(ledger_hold_all(db, "certifier", NULL, "plan: x", NOW), 0); /* they are done */
}

static void oldest_first_and_not_before_its_time(void **state)
{
	int64_t id[4], found[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct issuance is = issuance("101", NOW - i);
		id[i] = insert(is);
	}
	struct issuance before = load(id[1]), after = before;
	after.not_before_ms = NOW + 100;
	ledger_update(db, &before, &after, NOW, NULL);
	assert_int_equal(ledger_work(db, "certifier", NOW + 99, 4, found), 3);
	assert_int_equal(found[0], id[0]);
	assert_int_equal(found[1], id[2]);
	assert_int_equal(found[2], id[3]);
	assert_int_equal(ledger_next(db, "certifier", NOW + 99), NOW + 100);
	assert_int_equal(ledger_next(db, "certifier", NOW + 100), INT64_MAX);
	assert_int_equal(ledger_next(db, "another", NOW), INT64_MAX);
	assert_int_equal(ledger_work(db, "certifier", NOW + 100, 2, found), 2);
	assert_int_equal(found[1], id[1]);
	assert_int_equal(ledger_work(db, "certifier", NOW + 100, 0, found), 0);
	set_state(id[1], STATE_SENT);
	assert_int_equal(ledger_next(db, "certifier", NOW), INT64_MAX); /* what is done waits for nothing */
}

/* ---- holding -------------------------------------------------------------- */

static void holding_leaves_what_is_under_way(void **state)
{
	static const bool held[STATE_COUNT] = { [STATE_PLANNED] = true, [STATE_DRAFT] = true, [STATE_ISSUED] = true };
	int64_t id[STATE_COUNT], count[STATE_COUNT];

	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		id[s] = insert(issuance("101", NOW + s));
		set_state(id[s], (enum issuance_state)s);
	}
	assert_int_equal(ledger_hold_all(db, "another", NULL, "plan: x", NOW), 0);
	assert_int_equal(ledger_hold_all(db, "certifier", "g2", "group: x", NOW), 0);
	assert_int_equal(ledger_hold_all(db, "certifier", NULL, "plan: x", NOW + 7), 3);
	for (int s = 0; s < STATE_COUNT; s++) {
		struct issuance is = load(id[s]);
		assert_int_equal(is.state, held[s] ? STATE_HELD : (enum issuance_state)s);
		if (!held[s])
			continue;
		assert_int_equal(is.held_from, s);
		assert_string_equal(is.reason, "plan: x");
		assert_int_equal(is.updated_ms, NOW + 7);
	}
	assert_string_equal(trail(id[STATE_DRAFT]), "planned draft held(plan: x) ");
	ledger_count(db, count);
	assert_int_equal(count[STATE_HELD], 4);
	assert_int_equal(count[STATE_PLANNED], 0);
	assert_int_equal(count[STATE_SENT], 1);
}

static void only_the_group_where_one_is_named(void **state)
{
	struct issuance other = issuance("102", NOW);

	(void)state;
	other.group = "g2";
	int64_t one = insert(issuance("101", NOW)), two = insert(other);
	assert_int_equal(ledger_hold_all(db, "certifier", "g2", "group: unknown", NOW), 1);
	assert_int_equal(load(one).state, STATE_PLANNED);
	assert_int_equal(load(two).state, STATE_HELD);
}

static void a_reload_releases_plan_and_group_and_nothing_else(void **state)
{
	static const char *const reasons[] = { "plan: 402", "group: unknown", "brake: 1000 in 1h", "missing e-mail" };
	int64_t id[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct issuance is = issuance("101", NOW + i);
		is.state = STATE_HELD;
		is.held_from = STATE_DRAFT;
		is.reason = reasons[i];
		is.not_before_ms = NOW;
		id[i] = insert(is);
	}
	assert_int_equal(ledger_release_held(db, "another", NOW), 0);
	assert_int_equal(ledger_release_held(db, "certifier", NOW), 2);
	for (int i = 0; i < 4; i++) {
		struct issuance is = load(id[i]);
		assert_int_equal(is.state, i < 2 ? STATE_DRAFT : STATE_HELD);
		assert_int_equal(is.reason == NULL, i < 2);
	}
	assert_string_equal(trail(id[0]), "held(plan: 402) draft(released by a reload) ");
	assert_int_equal(ledger_release_held(db, "certifier", NOW), 0);
}

static void a_send_that_was_cut_off_is_parked(void **state)
{
	int64_t one = insert(issuance("101", NOW)), two = insert(issuance("102", NOW));

	(void)state;
	set_state(one, STATE_SENDING);
	set_state(two, STATE_ISSUING); /* this one can be settled by a call */
	assert_int_equal(ledger_park_sending(db, NOW + 1), 1);
	assert_int_equal(load(one).state, STATE_SEND_UNKNOWN);
	assert_non_null(load(one).reason);
	assert_int_equal(load(two).state, STATE_ISSUING);
	assert_int_equal(ledger_park_sending(db, NOW + 1), 0);
	assert_int_equal(ledger_work_count(db), 1);
}

/* ---- the inbox ------------------------------------------------------------ */

static struct news *take(int64_t wall_ms, size_t most, size_t expected)
{
	struct news *list;

	assert_int_equal(inbox_take(db, "hubspot", wall_ms, most, &memory, &list), expected);
	return list;
}

static void news_in_order_of_arrival(void **state)
{
	(void)state;
	inbox_add(db, "hubspot", slice_of("9"), NOW);
	inbox_add(db, "hubspot", slice_of("1"), NOW);
	inbox_add(db, "another", slice_of("5"), NOW);
	inbox_add(db, "hubspot", slice_of("5"), NOW);
	inbox_add(db, "hubspot", slice_of("9"), NOW + 1); /* keeps its place */
	struct news *list = take(NOW, 10, 3);
	assert_string_equal(list[0].contact, "9");
	assert_int_equal(list[0].modified_ms, NOW + 1);
	assert_string_equal(list[1].contact, "1");
	assert_string_equal(list[2].contact, "5");
	assert_string_equal(take(NOW, 2, 2)[1].contact, "1");
	assert_int_equal(inbox_count(db, "hubspot"), 3);
	assert_int_equal(inbox_count(db, "another"), 1);
	assert_int_equal(inbox_count(db, "nobody"), 0);
}

static void older_news_is_nothing_new(void **state)
{
	(void)state;
	inbox_add(db, "hubspot", slice_of("1"), NOW);
	int64_t seq = take(NOW, 1, 1)->seq;
	inbox_add(db, "hubspot", slice_of("1"), NOW);
	inbox_add(db, "hubspot", slice_of("1"), NOW - 1);
	assert_int_equal(take(NOW, 1, 1)->seq, seq);
	inbox_add(db, "hubspot", slice_of("1"), 0); /* not known when: it may be newer */
	assert_true(take(NOW, 1, 1)->seq > seq);
	assert_int_equal(take(NOW, 1, 1)->modified_ms, NOW);
}

static void done_unless_more_came_meanwhile(void **state)
{
	(void)state;
	inbox_add(db, "hubspot", slice_of("1"), NOW);
	inbox_add(db, "hubspot", slice_of("2"), NOW);
	struct news *list = take(NOW, 2, 2);
	inbox_add(db, "hubspot", slice_of("1"), NOW + 1);
	inbox_done(db, "hubspot", &list[0]);
	inbox_done(db, "hubspot", &list[1]);
	assert_string_equal(take(NOW, 2, 1)->contact, "1");
	inbox_done(db, "another", take(NOW, 1, 1));
	assert_int_equal(inbox_count(db, "hubspot"), 1);
	inbox_done(db, "hubspot", take(NOW, 1, 1));
	assert_int_equal(inbox_count(db, "hubspot"), 0);
}

static void a_failed_look_waits_longer_each_time(void **state)
{
	(void)state;
	inbox_add(db, "hubspot", slice_of("1"), NOW);
	inbox_add(db, "hubspot", slice_of("2"), NOW);
	inbox_again(db, "hubspot", take(NOW, 1, 1), NOW, 0);
	assert_string_equal(take(NOW + 499, 2, 1)->contact, "2");
	assert_int_equal(inbox_next(db, "hubspot", NOW), NOW + 500);
	struct news *again = take(NOW + 500, 2, 2);
	assert_string_equal(again->contact, "1"); /* still the oldest */
	assert_int_equal(again->failures, 1);
	inbox_again(db, "hubspot", again, NOW + 500, 0);
	assert_int_equal(inbox_next(db, "hubspot", NOW + 500), NOW + 1500);
	assert_int_equal(inbox_next(db, "hubspot", NOW + 1500), INT64_MAX);
	assert_int_equal(inbox_next(db, "another", NOW), INT64_MAX);
	inbox_add(db, "hubspot", slice_of("1"), NOW + 9); /* news do not shorten the wait */
	(void)take(NOW + 1499, 2, 1);
}

/* ---- what waits for its time ---------------------------------------------- */

static int64_t add_watch(void)
{
	db_run(db, "INSERT INTO watch (account, event, target, settle_ms, loaded_ms)"
		   " VALUES ('hubspot', 'property-changed', 'tier', 60000, 1)", "");
	return db_last_id(db);
}

static void wait_for(int64_t watch, const char *contact, int64_t at_ms, const char *from, const char *to)
{
	struct pending p = { .watch = watch, .at_ms = at_ms, .due_ms = at_ms + 60000, .from_known = from != NULL,
			     .from = slice_of(from), .to = slice_of(to) };

	inbox_wait(db, "hubspot", slice_of(contact), &p);
}

static struct pending *pending(const char *contact, size_t expected)
{
	struct pending *list;

	assert_int_equal(inbox_pending(db, "hubspot", contact, &memory, &list), expected);
	return list;
}

static void bursts_wait_by_watch_and_time(void **state)
{
	int64_t one = add_watch(), two = add_watch();

	(void)state;
	wait_for(two, "1", NOW, "", "a");
	wait_for(one, "1", NOW + 5, "x", "y");
	wait_for(one, "1", NOW, NULL, "x");
	wait_for(one, "2", NOW, "", "z");
	struct pending *list = pending("1", 3);
	assert_int_equal(list[0].watch, one);
	assert_int_equal(list[0].at_ms, NOW);
	assert_false(list[0].from_known);
	assert_true(slice_is(list[0].to, "x"));
	assert_int_equal(list[1].at_ms, NOW + 5);
	assert_true(list[1].from_known);
	assert_true(slice_is(list[1].from, "x"));
	assert_int_equal(list[2].watch, two);
	assert_true(list[2].from_known); /* empty is known */
	assert_int_equal(list[2].from.len, 0);
	assert_int_equal(inbox_pending_count(db, "hubspot"), 4);
	assert_int_equal(inbox_next_due(db, "hubspot"), NOW + 60000);
	assert_int_equal(inbox_next_due(db, "another"), INT64_MAX);
	inbox_forget(db, "1", &list[0]);
	assert_int_equal(inbox_pending_count(db, "hubspot"), 3);
	assert_int_equal(pending("1", 2)[0].at_ms, NOW + 5);
}

static void the_same_burst_again_is_the_same_row(void **state)
{
	int64_t watch = add_watch();

	(void)state;
	wait_for(watch, "1", NOW, "", "x");
	wait_for(watch, "1", NOW, NULL, "y");
	struct pending *list = pending("1", 1);
	assert_false(list->from_known);
	assert_true(slice_is(list->to, "y"));
	wait_for(watch, "1", NOW, "w", "z");
	assert_true(slice_is(pending("1", 1)->from, "w"));
}

static void what_falls_due_becomes_news(void **state)
{
	int64_t one = add_watch(), two = add_watch();

	(void)state;
	wait_for(one, "1", NOW, "", "x");
	wait_for(two, "1", NOW, "", "x");
	wait_for(one, "2", NOW + 1, "", "x");
	assert_int_equal(inbox_promote(db, "hubspot", NOW + 59999), 0);
	assert_int_equal(inbox_promote(db, "another", NOW + 60000), 0);
	assert_int_equal(inbox_promote(db, "hubspot", NOW + 60000), 1); /* one contact, however many watches */
	assert_string_equal(take(NOW, 9, 1)->contact, "1");
	assert_int_equal(inbox_promote(db, "hubspot", NOW + 60001), 1);
	assert_int_equal(inbox_pending_count(db, "hubspot"), 3); /* they go when they are decided */
}

/* ---- merges --------------------------------------------------------------- */

static int64_t note(const char *asked, const char *id, const char *const *merged, size_t n)
{
	struct contact c = { .asked = asked, .id = id, .merged = merged, .n_merged = n, .created_ms = NOW,
			     .modified_ms = NOW + 500 };

	return merge_note(db, "hubspot", &c, &memory);
}

static void who_absorbed_nobody(void **state)
{
	(void)state;
	assert_int_equal(note("1", "1", NULL, 0), 0);
	assert_false(db_exists(db, "SELECT 1 FROM alias", ""));
	assert_false(db_exists(db, "SELECT 1 FROM contact", ""));
}

static void a_new_record_out_of_a_merge(void **state)
{
	static const char *const merged[] = { "1", "2" };
	int64_t watch = add_watch();

	(void)state;
	wait_for(watch, "1", NOW - 9, "", "x");
	inbox_add(db, "hubspot", slice_of("1"), NOW);
	inbox_add(db, "hubspot", slice_of("2"), NOW);
	inbox_add(db, "hubspot", slice_of("3"), NOW);
	assert_int_equal(note("1", "3", merged, 2), NOW); /* its creation is the merge */
	struct pending *p = pending("3", 1);
	assert_true(p->frozen);
	assert_true(slice_is(p->to, "x"));
	(void)pending("1", 0);
	assert_string_equal(take(NOW, 9, 1)->contact, "3");
	/* Told again, the answer is the same. */
	db_run(db, "UPDATE contact SET modified_ms = 5 WHERE contact = '3'", "");
	assert_int_equal(note("3", "3", merged, 2), NOW);
	assert_true(pending("3", 1)->frozen);
}

static void what_was_issued_under_an_old_id_counts(void **state)
{
	static const char *const merged[] = { "1", "2" };
	struct issuance is = issuance("3", NOW);

	(void)state;
	(void)insert(issuance("1", NOW));
	assert_false(ledger_has_event(db, &is));
	(void)note("3", "3", merged, 2);
	assert_true(ledger_has_event(db, &is));
	assert_true(ledger_has_repeat(db, &is, NULL));
	/* And through a second merge. */
	static const char *const again[] = { "3", "7" };
	(void)note("8", "8", again, 2);
	is.contact = "8";
	assert_true(ledger_has_event(db, &is));
	assert_true(ledger_has_repeat(db, &is, "Silver"));
	is.source_account = "another"; /* ids of another portal are other people */
	assert_false(ledger_has_event(db, &is));
	assert_false(ledger_has_repeat(db, &is, NULL));
}

static void two_bursts_of_one_time_are_one_after_the_merge(void **state)
{
	static const char *const merged[] = { "1", "2" };
	int64_t watch = add_watch();

	(void)state;
	wait_for(watch, "1", NOW, "", "x");
	wait_for(watch, "2", NOW, "", "x");
	wait_for(watch, "2", NOW + 1, "", "y");
	(void)note("3", "3", merged, 2);
	assert_true(slice_is(pending("3", 2)[1].to, "y"));
	assert_int_equal(inbox_pending_count(db, "hubspot"), 2);
}

static void the_older_kind_of_merge_keeps_a_record(void **state)
{
	static const char *const merged[] = { "2" };
	struct contact c = { .asked = "1", .id = "1", .merged = merged, .n_merged = 1, .created_ms = NOW,
			     .modified_ms = NOW + 500 };

	(void)state;
	db_run(db, "INSERT INTO contact (account, contact, modified_ms, watches) VALUES ('hubspot', '1', 5, 't')",
	       "");
	assert_int_equal(merge_note(db, "hubspot", &c, &memory), NOW + 500); /* read before: its last change */
	assert_true(db_exists(db, "SELECT 1 FROM contact WHERE modified_ms = 5 AND watches = 't'", ""));
	static const char *const more[] = { "2", "4" };
	c.merged = more;
	c.n_merged = 2;
	c.merge_entry_ms = NOW + 300; /* an entry that says when */
	assert_int_equal(merge_note(db, "hubspot", &c, &memory), NOW + 300);
}

static void member(const char *contact, int64_t joined_ms, const char *gone)
{
	db_run(db,
	       "INSERT INTO membership (account, list_id, contact, joined_ms, scan, gone_ms)"
	       " VALUES ('hubspot', '7', ?1, ?2, 1, CAST(?3 AS INTEGER))", "tit", contact, joined_ms, gone);
}

static void rows_that_a_merge_carried_over(void **state)
{
	static const char *const merged[] = { "1", "2" };

	(void)state;
	member("1", NOW - 9, "1000"); /* left the list long before the merge */
	(void)note("3", "3", merged, 2);
	assert_false(merge_carried_over(db, "hubspot", "3", "7", NOW));
	member("2", NOW - 9, NULL);
	assert_true(merge_carried_over(db, "hubspot", "3", "7", NOW));
	assert_false(merge_carried_over(db, "hubspot", "3", "8", NOW));
	assert_false(merge_carried_over(db, "another", "3", "7", NOW));
	assert_false(merge_carried_over(db, "hubspot", "4", "7", NOW));
	db_run(db, "UPDATE membership SET gone_ms = ?1 WHERE contact = '2'", "i", NOW);
	assert_true(merge_carried_over(db, "hubspot", "3", "7", NOW)); /* the merge took it out */
	assert_false(merge_carried_over(db, "hubspot", "3", "7", NOW + 1));
}

/* ---- activation ----------------------------------------------------------- */

#define RULE(name, more) \
	"---\nrule: " name "\n" more "action:\n  do: issue-credential\n  group: g\n"
#define CHANGED(property, more) \
	"trigger:\n  event: property-changed\n  property: " property "\n" more

static const struct log silent;

/* Loads `text` at `now_ms`; the caller releases watches and table. */
static struct table *sync(const char *text, int64_t now_ms, struct watches *w)
{
	struct err err;
	struct table *table = table_of(text);

	if (watches_sync(db, table, now_ms, &silent, w, &err) != RC_OK)
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
	assert_int_equal(watch_of(RULE("a", CHANGED("tier", "  to: Gold\n") "mode: shadow\n"), NOW + 2, "a").id,
			 first.id);
}

static void alike_rules_share_a_watch(void **state)
{
	struct watches w;
	struct table *t = sync(RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("tier", "  to: Gold\n"))
			       RULE("c", CHANGED("tier", "  settle: 5m\n")) RULE("d", CHANGED("rank", ""))
			       RULE("e", "mode: off\n" CHANGED("tier", "")), NOW, &w);

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
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM watch", ""), 1); /* nobody uses the others */
}

static void off_or_absent_and_back(void **state)
{
	static const char on[] = RULE("a", CHANGED("tier", "")) RULE("b", CHANGED("rank", ""));

	(void)state;
	(void)watch_of(on, NOW, "a");
	wait_for(watch_of(on, NOW, "a").id, "1", NOW, "", "x");
	assert_int_equal(watch_of(RULE("a", "mode: off\n" CHANGED("tier", "")) RULE("b", CHANGED("rank", "")), NOW + 1,
				  "a").id, 0);
	assert_int_equal(inbox_pending_count(db, "hubspot"), 0);
	assert_int_equal(watch_of(on, NOW + 2, "a").loaded_ms, NOW + 2);
	assert_int_equal(watch_of(on, NOW + 2, "b").loaded_ms, NOW);
	(void)watch_of(RULE("b", CHANGED("rank", "")), NOW + 3, "b");
	assert_int_equal(watch_of(on, NOW + 4, "a").loaded_ms, NOW + 4);
}

static void an_edited_settle_inherits_what_was_decided(void **state)
{
	struct watch first = watch_of(RULE("a", CHANGED("tier", "")), NOW, "a");

	(void)state;
	db_run(db, "INSERT INTO decided (watch, contact, at_ms, value) VALUES (?1, '1', 7, 'x')", "i", first.id);
	wait_for(first.id, "2", NOW, "", "y");
	struct watch second = watch_of(RULE("a", CHANGED("tier", "  settle: 5m\n")), NOW + 9, "a");
	assert_int_not_equal(second.id, first.id);
	assert_int_equal(second.loaded_ms, NOW);
	assert_int_equal(second.settle_ms, 5 * MS_MINUTE);
	assert_true(db_exists(db, "SELECT 1 FROM decided WHERE watch = ?1 AND contact = '1' AND at_ms = 7", "i",
			      second.id));
	assert_string_equal(take(NOW, 9, 1)->contact, "2"); /* its burst is cut anew */
}

static void since_reaches_back_at_the_first_load_only(void **state)
{
	static const char since[] = RULE("a", CHANGED("tier", "") "since: 2026-01-01\n");
	int64_t then = clock_instant((struct civil){ 2026, 1, 1, 0, 0, 0, 0 });
	struct watch first = watch_of(since, NOW, "a");

	(void)state;
	assert_int_equal(first.start_ms, then - 1); /* a change at that very moment counts */
	assert_int_equal(db_integer(db, 0, "SELECT reach_ms FROM source WHERE account = 'hubspot'", ""), then);
	(void)watch_of(RULE("a", "mode: off\n" CHANGED("tier", "") "since: 2026-01-01\n"), NOW + 1, "a");
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
}

static void starts_wait_for_the_sources_clock(void **state)
{
	static const char text[] = RULE("a", CHANGED("tier", ""));
	struct watches w;
	struct err err;
	struct table *t = sync(text, NOW, &w);
	uint32_t source = w.watch[0].source;

	(void)state;
	assert_int_equal(watches_start(db, &w, source + 1, "another", 77, &err), RC_OK);
	assert_int_equal(w.watch[0].start_ms, INT64_MAX);
	assert_int_equal(watches_start(db, &w, source, "hubspot", -500, &err), RC_OK);
	assert_int_equal(w.watch[0].start_ms, NOW - 500);
	assert_int_equal(watches_start(db, &w, source, "hubspot", 9000, &err), RC_OK); /* only once */
	assert_int_equal(w.watch[0].start_ms, NOW - 500);
	done(t, &w);
	assert_int_equal(watch_of(text, NOW + 1, "a").start_ms, NOW - 500);
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
		 RULE("c", "trigger:\n  event: list-added\n  list: 42\n"), NOW + 3, &w);
	assert_string_equal(w.tag, two);
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
	assert_int_equal(watches_sync(db, t, NOW, &silent, &w, &err), RC_BROKEN);
	db_hook(db, NULL, NULL);
	assert_false(db_exists(db, "SELECT 1 FROM watch", ""));
	assert_false(db_exists(db, "SELECT 1 FROM rule", ""));
	table_unref(t);
}

#define stored(f) cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(states_have_names),
		stored(an_issuance_comes_back_as_it_was_written),
		stored(lists_and_nothing_known),
		stored(what_a_step_changed),
		stored(one_event_of_a_rule_is_one_row),
		stored(other_events_are_others),
		stored(one_credential_is_of_one_issuance),
		stored(what_counts_as_a_repeat),
		stored(work_is_what_may_take_a_step),
		stored(rules_that_stop_early),
		stored(oldest_first_and_not_before_its_time),
		stored(holding_leaves_what_is_under_way),
		stored(only_the_group_where_one_is_named),
		stored(a_reload_releases_plan_and_group_and_nothing_else),
		stored(a_send_that_was_cut_off_is_parked),
		stored(news_in_order_of_arrival),
		stored(older_news_is_nothing_new),
		stored(done_unless_more_came_meanwhile),
		stored(a_failed_look_waits_longer_each_time),
		stored(bursts_wait_by_watch_and_time),
		stored(the_same_burst_again_is_the_same_row),
		stored(what_falls_due_becomes_news),
		stored(who_absorbed_nobody),
		stored(a_new_record_out_of_a_merge),
		stored(what_was_issued_under_an_old_id_counts),
		stored(two_bursts_of_one_time_are_one_after_the_merge),
		stored(the_older_kind_of_merge_keeps_a_record),
		stored(rows_that_a_merge_carried_over),
		stored(activation_is_once),
		stored(alike_rules_share_a_watch),
		stored(another_trigger_is_another_activation),
		stored(off_or_absent_and_back),
		stored(an_edited_settle_inherits_what_was_decided),
		stored(since_reaches_back_at_the_first_load_only),
		stored(lists_begin_by_looking_whether_they_are_built),
		stored(starts_wait_for_the_sources_clock),
		stored(the_tag_changes_with_property_watches),
		stored(an_activation_that_is_not_written_is_none),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* News, what waits for its time, and contacts that became one. */
#include "tests/unit/stored.h"

#include "engine/merge.h"

/* ---- the inbox ------------------------------------------------------------ */

static void news_in_order_of_arrival(void **state)
{
	(void)state;
	inbox_add(db, "hubspot", slice_of("9"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
	inbox_add(db, "another", slice_of("5"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("5"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("9"), NOW + 1, POLLED); /* keeps its place */
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
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
	int64_t seq = take(NOW, 1, 1)->seq;
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("1"), NOW - 1, POLLED);
	assert_int_equal(take(NOW, 1, 1)->seq, seq);
	inbox_add(db, "hubspot", slice_of("1"), 0, POLLED); /* not known when: it may be newer */
	assert_true(take(NOW, 1, 1)->seq > seq);
	assert_int_equal(take(NOW, 1, 1)->modified_ms, NOW);
}

static void done_unless_more_came_meanwhile(void **state)
{
	(void)state;
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("2"), NOW, POLLED);
	struct news *list = take(NOW, 2, 2);
	inbox_add(db, "hubspot", slice_of("1"), NOW + 1, POLLED);
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
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("2"), NOW, POLLED);
	inbox_again(db, "hubspot", take(NOW, 1, 1), NOW, 0);
	assert_string_equal(take(NOW + 499, 2, 1)->contact, "2");
	assert_int_equal(inbox_next(db, "hubspot", NOW), NOW + 500);
	struct news *again = &take(NOW + 500, 2, 2)[1];
	assert_string_equal(again->contact, "1"); /* behind what did not have to wait */
	assert_int_equal(again->failures, 1);
	inbox_again(db, "hubspot", again, NOW + 500, 0);
	assert_int_equal(inbox_next(db, "hubspot", NOW + 500), NOW + 1500);
	assert_int_equal(inbox_next(db, "hubspot", NOW + 1500), INT64_MAX);
	assert_int_equal(inbox_next(db, "another", NOW), INT64_MAX);
	inbox_add(db, "hubspot", slice_of("1"), NOW + 9, POLLED); /* news do not shorten the wait */
	(void)take(NOW + 1499, 2, 1);
}

/* ---- what waits for its time ---------------------------------------------- */

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
	wait_for(watch, "1", NOW, NULL, "x");
	assert_false(pending("1", 1)->from_known);
	wait_for(watch, "1", NOW, "w", "x");
	assert_true(slice_is(pending("1", 1)->from, "w"));
	wait_for(watch, "1", NOW, "w", "a"); /* to another value: another one */
	struct pending *list = pending("1", 2);
	assert_true(slice_is(list->to, "a"));
	inbox_forget(db, "1", list);
	assert_true(slice_is(pending("1", 1)->to, "x"));
}

static void what_falls_due_becomes_news(void **state)
{
	int64_t one = add_watch(), two = add_watch();

	(void)state;
	wait_for(one, "1", NOW, "", "x");
	wait_for(two, "1", NOW, "", "x");
	wait_for(one, "2", NOW + 1, "", "x");
	inbox_promote(db, "hubspot", NOW + 59999, NOW);
	inbox_promote(db, "another", NOW + 60000, NOW);
	assert_int_equal(inbox_count(db, "hubspot"), 0);
	inbox_promote(db, "hubspot", NOW + 60000, NOW);
	assert_string_equal(take(NOW, 9, 1)->contact, "1"); /* one contact, however many watches */
	assert_int_equal(inbox_next_due(db, "hubspot"), NOW + 60001);
	inbox_promote(db, "hubspot", NOW + 60001, NOW);
	assert_int_equal(inbox_count(db, "hubspot"), 2);
	assert_int_equal(inbox_next_due(db, "hubspot"), INT64_MAX);
	inbox_demote(db, "hubspot", "1"); /* looked at, and not decided */
	assert_int_equal(inbox_next_due(db, "hubspot"), NOW + 60000);
	assert_int_equal(inbox_pending_count(db, "hubspot"), 3); /* they go when they are decided */
}

/* ---- merges --------------------------------------------------------------- */

static int64_t note(const char *asked, const char *id, const char *const *merged, size_t n)
{
	struct contact c = { .asked = asked,
			     .id = id,
			     .merged = merged,
			     .n_merged = n,
			     .created_ms = NOW,
			     .modified_ms = NOW + 500 };

	return merge_note(db, "hubspot", &c, 0, &memory);
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
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("2"), NOW, POLLED);
	inbox_add(db, "hubspot", slice_of("3"), NOW, POLLED);
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
	struct contact c = { .asked = "1",
			     .id = "1",
			     .merged = merged,
			     .n_merged = 1,
			     .created_ms = NOW,
			     .modified_ms = NOW + 500 };

	(void)state;
	db_run(db,
	       "INSERT INTO contact (account, contact, modified_ms, watches) VALUES ('hubspot', '1', 5, 't')",
	       "");
	assert_int_equal(merge_note(db, "hubspot", &c, 0, &memory),
			 NOW + 500); /* read before: its last change */
	assert_true(
		db_exists(db, "SELECT 1 FROM contact WHERE modified_ms = 5 AND watches = 't'", ""));
	static const char *const more[] = { "2", "4" };
	c.merged = more;
	c.n_merged = 2;
	c.modified_ms = NOW + 900;
	c.merge_entry_ms = NOW + 600; /* an entry that says when */
	assert_int_equal(merge_note(db, "hubspot", &c, 0, &memory), NOW + 600);
	static const char *const still_more[] = { "2", "4", "5" };
	c.merged = still_more;
	c.n_merged = 3; /* the entry is that of the merge before: no news */
	assert_int_equal(merge_note(db, "hubspot", &c, 0, &memory), NOW + 900);
}

/* A new record that absorbs one that came out of a merge itself brings that one's entries along. */
static void an_entry_of_an_earlier_merge_tells_nothing(void **state)
{
	static const char *const merged[] = { "1", "2" };
	struct contact c = { .asked = "3",
			     .id = "3",
			     .merged = merged,
			     .n_merged = 2,
			     .created_ms = NOW,
			     .modified_ms = NOW + 500,
			     .merge_entry_ms = NOW - 9000 };

	(void)state;
	assert_int_equal(merge_note(db, "hubspot", &c, 0, &memory), NOW);
}

/* A row of list 7 that a scan after that of `member` showed first, of a record that a merge made. */
static struct contact survivor;
static struct pending row;

static bool carried(const char *account, const char *contact, const char *list, int64_t joined_ms,
		    int64_t merged_ms)
{
	struct join join = { &survivor, &row, list, merged_ms };

	survivor.id = contact;
	row.at_ms = joined_ms;
	return merge_carried_over(db, account, &join);
}

static void member(const char *contact, int64_t joined_ms, const char *gone)
{
	db_run(db,
	       "INSERT INTO membership (account, list_id, contact, joined_ms, scan, gone_ms)"
	       " VALUES ('hubspot', '7', ?1, ?2, 4, CAST(?3 AS INTEGER))",
	       "tit", contact, joined_ms, gone);
}

static void merged_into_3(void)
{
	static const char *const merged[] = { "1", "2" };

	survivor = (struct contact){ .created_ms = NOW, .n_merged = 2 };
	row = (struct pending){ .scan = 5 };
	(void)note("3", "3", merged, 2);
}

static void rows_that_a_merge_carried_over(void **state)
{
	(void)state;
	member("1", NOW - 9, "1000"); /* left the list long before the merge */
	merged_into_3();
	assert_false(carried("hubspot", "3", "7", NOW, NOW));
	member("2", NOW - 9, NULL);
	assert_true(carried("hubspot", "3", "7", NOW, NOW));
	assert_true(carried("hubspot", "3", "7", NOW + 60000, NOW));
	assert_false(carried("hubspot", "3", "7", NOW + 60001, NOW)); /* a join of its own */
	assert_false(carried("hubspot", "3", "7", NOW, 0));	      /* nobody was merged */
	assert_false(carried("hubspot", "3", "8", NOW, NOW));
	assert_false(carried("another", "3", "7", NOW, NOW));
	assert_false(carried("hubspot", "4", "7", NOW, NOW));
	db_run(db, "UPDATE membership SET gone_ms = ?1 WHERE contact = '2'", "i", NOW);
	assert_true(carried("hubspot", "3", "7", NOW, NOW)); /* the merge took it out */
	/* By our reading of the source's clock, which counts seconds, it may have left a little before. */
	assert_true(carried("hubspot", "3", "7", NOW + 5000, NOW + 5000));
	assert_false(carried("hubspot", "3", "7", NOW + 5001, NOW + 5001));
	/* Where merges follow on each other, it was perhaps the first that took it out. */
	survivor.n_merged = 4;
	int64_t next_ms = NOW + MS_HOUR + 5000;
	survivor.created_ms = next_ms;
	assert_true(carried("hubspot", "3", "7", next_ms, next_ms));
	assert_false(carried("hubspot", "3", "7", next_ms + 1, next_ms + 1));
	survivor.n_merged = 6; /* three of them */
	survivor.created_ms += MS_HOUR;
	assert_true(carried("hubspot", "3", "7", next_ms + MS_HOUR, next_ms + MS_HOUR));
	assert_false(carried("hubspot", "3", "7", next_ms + MS_HOUR + 1, next_ms + MS_HOUR + 1));
}

/* Whom a merge made is in an active list when that was computed anew. */
static void an_active_list_takes_its_time(void **state)
{
	(void)state;
	db_run(db,
	       "INSERT INTO list (account, target, by_name, list_id, name, active)"
	       " VALUES ('hubspot', 'seven', 1, '7', 'seven', 1), ('hubspot', '8', 0, '8', 'eight', 0)",
	       "");
	member("2", NOW - 9, NULL);
	merged_into_3();
	assert_true(carried("hubspot", "3", "7", NOW + MS_HOUR, NOW));
	assert_false(carried("hubspot", "3", "7", NOW + MS_HOUR + 1, NOW));
	/* It was seen in the list since, and has left: by that scan, or by a later one than the first of this row. */
	db_run(db,
	       "INSERT INTO membership (account, list_id, contact, joined_ms, scan, left_scan)"
	       " VALUES ('hubspot', '7', '3', 1, 9, 5)",
	       "");
	row.scan = 6;
	assert_false(carried("hubspot", "3", "7", NOW + MS_MINUTE, NOW));
	row.scan = 5; /* the row that was there before */
	assert_true(carried("hubspot", "3", "7", NOW + MS_MINUTE, NOW));
	db_run(db, "UPDATE membership SET left_scan = 4 WHERE contact = '3'", "");
	assert_true(
		carried("hubspot", "3", "7", NOW + MS_MINUTE, NOW)); /* it left before the merge */
}

/* Both were in the list at once: each joined for itself. */
static void a_join_from_before_a_merge_is_one(void **state)
{
	(void)state;
	member("2", NOW - 9, NULL);
	merged_into_3();
	row.moved = true;
	row.scan = 4;
	assert_false(carried("hubspot", "3", "7", NOW - 5, NOW));
	row.scan = 5; /* one had left and the other joined, between two scans … */
	assert_false(carried("hubspot", "3", "7", NOW - 5, NOW));
	survivor.n_merged = 4; /* … or a merge before carried it over */
	assert_true(carried("hubspot", "3", "7", NOW - 5, NOW));
	row.moved = false;
	row.scan = 4; /* the merge came between two pages of one scan … */
	assert_true(carried("hubspot", "3", "7", NOW - 5, NOW));
	survivor.created_ms = NOW - MS_DAY; /* … or both are of a record from before */
	assert_false(carried("hubspot", "3", "7", NOW - 5, NOW));
	survivor.created_ms = NOW - 5; /* … which may be a young one */
	survivor.n_merged = 1;
	assert_false(carried("hubspot", "3", "7", NOW - 5, NOW));
}

static void a_join_of_both_is_that_which_was_shown_first(void **state)
{
	static const char *const merged[] = { "1", "2" };
	static const int64_t scans[][2] = { { 3, 4 }, { 4, 3 } };
	int64_t watch = add_watch();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pending p = { .watch = watch,
				     .at_ms = NOW + (int64_t)i,
				     .due_ms = NOW,
				     .from_known = true,
				     .scan = scans[i][0] };
		inbox_wait(db, "hubspot", slice_of("1"), &p);
		p.scan = scans[i][1];
		inbox_wait(db, "hubspot", slice_of("3"), &p);
		p.scan = 9; /* told again, by a later scan */
		inbox_wait(db, "hubspot", slice_of("3"), &p);
	}
	(void)note("3", "3", merged, 2);
	struct pending *is = pending("3", 2);
	assert_int_equal(is[0].scan, 3);
	assert_true(is[0].moved);
	assert_int_equal(is[1].scan, 3);
	assert_false(is[1].moved);
}

/* Two changes that one import made of them; what both had in common counts once. */
static void changes_of_both_at_one_time_are_two(void **state)
{
	static const char *const merged[] = { "1", "2" };
	int64_t watch = add_watch();

	(void)state;
	wait_for(watch, "1", NOW, "", "Silver");
	wait_for(watch, "2", NOW, "", "Gold");
	wait_for(watch, "1", NOW + 1, "Silver", "Bronze");
	wait_for(watch, "2", NOW + 1, "Gold", "Bronze");
	(void)note("3", "3", merged, 2);
	struct pending *is = pending("3", 3);
	assert_true(slice_is(is[0].to, "Gold"));
	assert_true(slice_is(is[1].to, "Silver"));
	assert_true(slice_is(is[2].to, "Bronze"));
}

/* What came is told to the second, and goes when the look is done with it. */
static void how_news_came(void **state)
{
	(void)state;
	inbox_add(db, "hubspot", slice_of("1"), NOW, POLLED);
	inbox_tell(db, "hubspot", slice_of("1"), NOW, NOW + 1);
	inbox_tell(db, "hubspot", slice_of("1"), NOW, NOW + 2);
	inbox_add(db, "hubspot", slice_of("1"), NOW - 1, (struct came){ CAME_POLL, NOW + 5000 });
	struct news *news = take(NOW, 5, 1);
	char wanted[80], poll[CAME_TEXT], told[CAME_TEXT], later[CAME_TEXT];
	came_text(CAME_POLL, NOW, poll);
	came_text(CAME_MESSAGE, NOW + 1, told);
	came_text(CAME_MESSAGE, NOW + 9000, later);
	snprintf(wanted, sizeof(wanted), "%s%s", poll, told);
	assert_string_equal(news->came, wanted);
	/* More comes during the look: that alone is left. */
	inbox_tell(db, "hubspot", slice_of("1"), NOW, NOW + 9000);
	inbox_done(db, "hubspot", news);
	assert_string_equal(take(NOW, 5, 1)->came, later);
	for (int i = 1; i < 100; i++)
		inbox_tell(db, "hubspot", slice_of("1"), NOW, NOW + 9000 + i * 1000);
	assert_in_range(strlen(take(NOW, 5, 1)->came), CAME_BYTES, CAME_BYTES + CAME_TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stored(how_news_came),
		stored(news_in_order_of_arrival),
		stored(older_news_is_nothing_new),
		stored(done_unless_more_came_meanwhile),
		stored(a_failed_look_waits_longer_each_time),
		stored(bursts_wait_by_watch_and_time),
		stored(the_same_burst_again_is_the_same_row),
		stored(what_falls_due_becomes_news),
		stored(who_absorbed_nobody),
		stored(a_new_record_out_of_a_merge),
		stored(two_bursts_of_one_time_are_one_after_the_merge),
		stored(the_older_kind_of_merge_keeps_a_record),
		stored(an_entry_of_an_earlier_merge_tells_nothing),
		stored(rows_that_a_merge_carried_over),
		stored(an_active_list_takes_its_time),
		stored(a_join_from_before_a_merge_is_one),
		stored(a_join_of_both_is_that_which_was_shown_first),
		stored(changes_of_both_at_one_time_are_two),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

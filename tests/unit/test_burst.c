/* The history of one property, cut into bursts: behaviour.md, "How a change is decided". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/burst.h"

#define CREATED (1000 * MS_DAY)
#define START (CREATED + MS_DAY)

static struct arena memory;

static struct entry at(int64_t ms, const char *value)
{
	return (struct entry){ ms, slice_of(value), false };
}

static struct entry merged(int64_t ms, const char *value)
{
	return (struct entry){ ms, slice_of(value), true };
}

static struct burst_input input(const struct entry *entry, size_t n)
{
	return (struct burst_input){ .entry = entry,
				     .entries = n,
				     .start_ms = START,
				     .settle_ms = MS_MINUTE,
				     .created_ms = CREATED,
				     .creation_window_ms = 10 * MS_SECOND };
}

static struct burst_output find(const struct burst_input *in)
{
	struct burst_output out;

	burst_find(in, &memory, &out);
	return out;
}

static void assert_burst(const struct burst *b, const char *from, const char *to, int64_t last_ms,
			 bool change)
{
	assert_true(slice_is(b->from, from));
	assert_true(slice_is(b->to, to));
	assert_int_equal(b->last_ms, last_ms);
	assert_int_equal(b->change, change);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void before_activation_only_gives_the_value(void **state)
{
	struct entry e[] = { at(CREATED + MS_HOUR, "Bronze"), at(START, "Silver"),
			     at(START + 5000, "Gold") };
	struct burst_input in = input(e, COUNT(e));
	struct burst_output out = find(&in);

	(void)state;
	assert_int_equal(out.bursts, 1);
	assert_burst(&out.burst[0], "Silver", "Gold", START + 5000, true);
	assert_true(out.burst[0].from_known);
}

static void changes_less_than_settle_apart_are_one_burst(void **state)
{
	struct entry e[] = { at(START + 1000, "a"), at(START + 60999, "b"),
			     at(START + 120999, "c") };
	struct burst_input in = input(e, COUNT(e));
	struct burst_output out = find(&in);

	(void)state;
	assert_int_equal(out.bursts, 2);
	assert_burst(&out.burst[0], "", "b", START + 60999, true);
	assert_burst(&out.burst[1], "b", "c", START + 120999, true);
}

static void a_burst_lasts_at_most_ten_settles(void **state)
{
	struct entry e[40] = { 0 };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	for (size_t i = 0; i < COUNT(e); i++)
		e[i] = at(START + MS_HOUR + (int64_t)i * 50 * MS_SECOND, i % 2 ? "a" : "b");
	struct burst_output out = find(&in);
	/* Entries 0 to 12 lie within 600 s of the first; 13 begins a new one. */
	assert_int_equal(out.bursts, 4);
	assert_int_equal(out.burst[0].last_ms, e[12].at_ms);
	assert_int_equal(out.burst[1].last_ms, e[25].at_ms);
}

static void with_settle_nothing_every_entry_is_its_own(void **state)
{
	struct entry e[] = { at(START + 1, "a"), at(START + 1, "b"), at(START + 2, "c") };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.settle_ms = 0;
	assert_int_equal(find(&in).bursts, 3);
}

static void back_to_the_old_value_is_no_change(void **state)
{
	struct entry e[] = { at(START - 1, "Bronze"), at(START + 1000, "Silver"),
			     at(START + 2000, "Bronze") };
	struct burst_input in = input(e, COUNT(e));
	struct burst_output out = find(&in);

	(void)state;
	assert_int_equal(out.bursts, 1);
	assert_false(out.burst[0].change);
}

static void the_same_value_again_neither_fires_nor_prolongs(void **state)
{
	struct entry e[] = { at(START + 1000, "a"), at(START + 50000, "a"),
			     at(START + 100000, "b") };
	struct burst_input in = input(e, COUNT(e));
	struct burst_output out = find(&in);

	(void)state;
	assert_int_equal(out.bursts, 2);
	assert_int_equal(out.burst[0].last_ms, START + 1000);
}

static void created_with_a_value(void **state)
{
	struct entry e[] = { at(CREATED + 900, "Bronze"), at(CREATED + MS_HOUR, "Silver") };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.start_ms = CREATED - MS_DAY;
	struct burst_output out = find(&in);
	assert_true(out.created_with);
	assert_int_equal(out.bursts, 1);
	assert_burst(&out.burst[0], "Bronze", "Silver", CREATED + MS_HOUR, true);

	e[0].at_ms = CREATED + 10 * MS_SECOND + 1; /* one millisecond past the window */
	assert_int_equal(find(&in).bursts, 2);
	e[0].at_ms = CREATED - 1000;
	assert_int_equal(find(&in).bursts, 1);
	e[0].at_ms = CREATED - 1001;
	assert_int_equal(find(&in).bursts, 2);
	e[0].at_ms = CREATED + 900;
	in.from_merge = true; /* a record out of a merge was not created with anything */
	assert_int_equal(find(&in).bursts, 2);
}

static void decided_entries_never_join_a_later_burst(void **state)
{
	struct entry e[] = { at(START + 1000, "a"), at(START + 2000, "b"), at(START + 2000, "c"),
			     at(START + 3000, "d") };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.decided = true;
	in.decided_ms = START + 2000;
	in.decided_value = slice_of("b");
	struct burst_output out = find(&in);
	assert_int_equal(out.bursts, 1);
	assert_burst(&out.burst[0], "b", "d", START + 3000, true);
}

static void a_merge_sets_the_value_and_is_no_change(void **state)
{
	struct entry e[] = { at(START + 1000, "a"), merged(START + 2000, "x"),
			     at(START + 3000, "y") };
	struct burst_input in = input(e, COUNT(e));
	struct burst_output out = find(&in);

	(void)state;
	assert_int_equal(out.bursts, 2);
	assert_burst(&out.burst[0], "", "a", START + 1000, true);
	assert_burst(&out.burst[1], "x", "y", START + 3000, true);
}

static void where_older_entries_are_gone(void **state)
{
	struct entry e[] = { at(START + MS_HOUR, "a"), at(START + 2 * MS_HOUR, "b") };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.cut = true;
	struct burst_output out = find(&in);
	assert_int_equal(out.bursts, 2);
	assert_false(out.burst[0].from_known);
	assert_true(out.burst[1].from_known);
	assert_true(out.lost);
	in.decided = true; /* what we decided last stands in for what is gone */
	in.decided_ms = START + 1;
	in.decided_value = slice_of("z");
	out = find(&in);
	assert_true(out.burst[0].from_known);
	assert_true(slice_is(out.burst[0].from, "z"));
}

static void a_full_history_that_begins_with_the_contact_has_all(void **state)
{
	struct entry e[] = { at(CREATED + 900, "a"), at(CREATED + MS_HOUR, "b") };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.cut = true;
	in.start_ms = CREATED - MS_DAY;
	struct burst_output out = find(&in);
	assert_true(out.created_with);
	assert_false(out.lost);
	assert_int_equal(out.bursts, 1);
	assert_burst(&out.burst[0], "a", "b", CREATED + MS_HOUR, true);
	assert_true(out.burst[0].from_known);
	in.from_merge = true; /* two histories: what the other had before may be gone */
	out = find(&in);
	assert_false(out.created_with);
	assert_true(out.lost);
	assert_int_equal(out.bursts, 2);
}

/* What a look knew of entries that are gone by the next one. */
static void what_waits_goes_on_where_its_entries_are_gone(void **state)
{
	struct entry e[] = { at(START + 5 * MS_MINUTE, "V5"), at(START + 11 * MS_MINUTE - 1, "V11"),
			     at(START + 11 * MS_MINUTE + 1, "V12") };
	struct burst_waiting waiting[] = {
		{ START + 1, START + 2, slice_of("V0"), slice_of("V1"), true },
		{ START + MS_MINUTE + 1, START + 5 * MS_MINUTE, slice_of("V1"), slice_of("V5"), true },
	};
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.cut = true;
	in.settle_ms = 7 * MS_MINUTE;
	in.waiting = waiting;
	in.n_waiting = COUNT(waiting);
	struct burst_output out = find(&in);
	assert_false(out.lost);
	assert_int_equal(out.bursts, 2);
	assert_burst(&out.burst[0], "V0", "V1", START + 2, true);
	assert_int_equal(out.burst[0].entries, 0);
	assert_burst(&out.burst[1], "V1", "V12", START + 11 * MS_MINUTE + 1, true);
	assert_int_equal(out.burst[1].first_ms, START + MS_MINUTE + 1);

	in.settle_ms = MS_MINUTE; /* ten minutes at most: and the entries are too far apart */
	out = find(&in);
	assert_int_equal(out.bursts, 3);
	assert_burst(&out.burst[1], "V1", "V5", START + 5 * MS_MINUTE, true);
	assert_burst(&out.burst[2], "V5", "V12", START + 11 * MS_MINUTE + 1, true);
}

static void a_burst_lasts_ten_settles_where_its_first_entries_are_gone(void **state)
{
	struct entry e[] = { at(START + 10 * MS_MINUTE, "V10"),
			     at(START + 10 * MS_MINUTE + 1, "V11") };
	struct burst_waiting waiting = { START, START + 10 * MS_MINUTE, slice_of("V0"),
					 slice_of("V10"), false };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.cut = true;
	in.start_ms = START - 1;
	in.waiting = &waiting;
	in.n_waiting = 1;
	struct burst_output out = find(&in);
	assert_int_equal(out.bursts, 2);
	assert_false(out.burst[0].from_known);
	assert_int_equal(out.burst[0].last_ms, START + 10 * MS_MINUTE);
	assert_burst(&out.burst[1], "V10", "V11", START + 10 * MS_MINUTE + 1, true);
	assert_true(out.burst[1].afresh);
	waiting.first_ms = 0; /* written by an older version: the rest is cut as if it were all */
	out = find(&in);
	assert_int_equal(out.bursts, 1);
	assert_int_equal(out.burst[0].first_ms, START + 10 * MS_MINUTE);
}

/* Nothing was decided yet, and between the activation and what waits were repeats only. */
static void what_waits_tells_the_value_before_it(void **state)
{
	struct entry e[] = { at(START + MS_MINUTE, "Silver"), at(START + MS_HOUR, "Gold") };
	struct burst_waiting waiting = { START + MS_HOUR, START + MS_HOUR, slice_of("Silver"),
					 slice_of("Gold"), true };
	struct burst_input in = input(e, COUNT(e));

	(void)state;
	in.cut = true;
	in.waiting = &waiting;
	in.n_waiting = 1;
	struct burst_output out = find(&in);
	assert_int_equal(out.bursts, 1);
	assert_burst(&out.burst[0], "Silver", "Gold", START + MS_HOUR, true);
}

static void nothing_at_all(void **state)
{
	struct burst_input in = input(NULL, 0);

	(void)state;
	assert_int_equal(find(&in).bursts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_activation_only_gives_the_value),
		cmocka_unit_test(changes_less_than_settle_apart_are_one_burst),
		cmocka_unit_test(a_burst_lasts_at_most_ten_settles),
		cmocka_unit_test(with_settle_nothing_every_entry_is_its_own),
		cmocka_unit_test(back_to_the_old_value_is_no_change),
		cmocka_unit_test(the_same_value_again_neither_fires_nor_prolongs),
		cmocka_unit_test(created_with_a_value),
		cmocka_unit_test(decided_entries_never_join_a_later_burst),
		cmocka_unit_test(a_merge_sets_the_value_and_is_no_change),
		cmocka_unit_test(where_older_entries_are_gone),
		cmocka_unit_test(a_full_history_that_begins_with_the_contact_has_all),
		cmocka_unit_test(what_waits_goes_on_where_its_entries_are_gone),
		cmocka_unit_test(a_burst_lasts_ten_settles_where_its_first_entries_are_gone),
		cmocka_unit_test(what_waits_tells_the_value_before_it),
		cmocka_unit_test(nothing_at_all),
	};
	arena_init(&memory);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_release(&memory);
	return failed;
}

/* What is kept of how an event came about: the changes of its burst, and how news of it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/came.h"
#include "engine/changes.h"

#define START (1000 * MS_DAY)

static struct arena memory;

/* ---- the burst ------------------------------------------------------------ */

static struct entry at(int64_t ms, const char *value)
{
	return (struct entry){ ms, slice_of(value), false };
}

static struct burst_output find(const struct entry *entry, size_t n)
{
	struct burst_input in = { .entry = entry,
				  .entries = n,
				  .start_ms = START,
				  .settle_ms = MS_MINUTE,
				  .created_ms = 1 };
	struct burst_output out;

	burst_find(&in, &memory, &out);
	return out;
}

static size_t told(const struct burst *b, const struct entry *entry, struct change **out)
{
	return changes_read(changes_text(b, entry, &memory), &memory, out);
}

static void assert_change(const struct change *c, int64_t at_ms, const char *value,
			  enum change_kind kind)
{
	assert_int_equal(c->at_ms, at_ms);
	assert_true(slice_is(c->value, value));
	assert_int_equal(c->kind, kind);
}

static void a_burst_tells_each_of_its_entries(void **state)
{
	struct entry e[] = { at(START - MS_DAY, "Gold"), at(START + 1000, "Silver"),
			     at(START + 2000, "Silver"), at(START + 3000, "Gold"),
			     at(START + 3500, "Gold"),	 at(START + MS_HOUR, "Gold") };
	struct burst_output out = find(e, 6);
	struct change *c;

	(void)state;
	assert_int_equal(out.bursts, 1);
	assert_false(out.burst[0].change);
	assert_int_equal(told(&out.burst[0], e, &c), 4);
	assert_change(&c[0], START + 1000, "Silver", CHANGE_MADE);
	assert_change(&c[1], START + 2000, "Silver", CHANGE_SAME);
	assert_change(&c[2], START + 3000, "Gold", CHANGE_MADE);
	assert_change(&c[3], START + 3500, "Gold", CHANGE_SAME);
}

static void a_change_alone_has_nothing_to_tell(void **state)
{
	struct entry e[] = { at(START + 1000, "Silver"), at(START + MS_HOUR, "Gold") };
	struct burst_output out = find(e, 2);
	struct change *c;

	(void)state;
	assert_int_equal(out.bursts, 2);
	assert_int_equal(told(&out.burst[0], e, &c), 0);
	assert_int_equal(changes_text(&out.burst[1], e, &memory).len, 0);
}

static void a_burst_that_is_long_enough_is_followed_by_one_afresh(void **state)
{
	struct entry e[12];
	struct change *c;

	(void)state;
	for (int i = 0; i < 12; i++)
		e[i] = at(START + 1 + i * (MS_MINUTE - 1), i % 2 ? "b" : "a");
	struct burst_output out = find(e, 12);
	assert_int_equal(out.bursts, 2);
	assert_int_equal(told(&out.burst[0], e, &c), 11);
	assert_int_equal(c[0].kind, CHANGE_MADE);
	assert_int_equal(told(&out.burst[1], e, &c), 1);
	assert_change(&c[0], e[11].at_ms, "b", CHANGE_AFRESH);
}

static void long_values_are_cut_between_letters(void **state)
{
	char value[400], other[400];
	struct change *c;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(value); i += 2)
		memcpy(value + i, "ł", 3);
	memcpy(other, value, sizeof(value));
	other[398 - 1] = 'x'; /* they differ where both are cut */
	other[398 - 2] = 'x';
	struct entry e[] = { at(START + 1, value), at(START + 2, other) };
	struct burst_output out = find(e, 2);
	assert_int_equal(told(&out.burst[0], e, &c), 2);
	assert_int_equal(c[0].value.len, CHANGE_VALUE_BYTES + 3);
	assert_true(utf8_valid(c[0].value));
	assert_int_equal(c[1].kind, CHANGE_MADE);
	value[0] = 'x';
	value[1] = 'x';
	memmove(value + 1, value + 2, sizeof(value) - 2);
	struct entry odd[] = { at(START + 1, value), at(START + 2, "") };
	out = find(odd, 2);
	assert_int_equal(told(&out.burst[0], odd, &c), 2);
	assert_int_equal(c[0].value.len, CHANGE_VALUE_BYTES - 1 + 3);
	assert_true(utf8_valid(c[0].value));
}

static void what_is_no_such_text_tells_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[1]",
		"[[1]]",
		"[[1,\"a\"]]",
		"[[1,\"a\",9]]",
		"[[1,\"a\",-1]]",
		"[[-1,\"a\",0]]",
		"[[1,2,0]]",
		"[",
	};
	struct change *c;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(changes_read(slice_of(texts[i]), &memory, &c), 0);
	assert_int_equal(changes_read(slice_of("[[1,\"a\",0],[2]]"), &memory, &c), 1);
}

/* ---- the news -------------------------------------------------------------- */

static void each_way_has_a_word_of_its_own(void **state)
{
	struct str text;
	char word[CAME_TEXT];
	struct came came;

	(void)state;
	str_init(&text, 1000);
	for (int by = 0; by < CAME_KINDS; by++)
		str_add_text(&text, came_text((enum came_by)by, 1795961211626 + by, word));
	struct slice rest = str_slice(&text);
	for (int by = 0; by < CAME_KINDS; by++) {
		assert_true(came_next(&rest, &came));
		assert_int_equal(came.by, by);
		assert_int_equal(came.at_ms, 1795961211626 + by);
		assert_non_null(came_words[by]);
	}
	assert_false(came_next(&rest, &came));
	str_release(&text);
}

static void what_is_there_is_not_added_again(void **state)
{
	(void)state;
	assert_string_equal(came_join(NULL, NULL, &memory), "");
	assert_string_equal(came_join("p1 ", NULL, &memory), "p1 ");
	assert_string_equal(came_join(NULL, "p1 ", &memory), "p1 ");
	assert_string_equal(came_join("p1 k2 ", "p1 d3 ", &memory), "p1 k2 d3 ");
	assert_string_equal(came_join("p11 ", "p1 ", &memory), "p11 p1 ");
	/* To the second. */
	assert_string_equal(came_join("p1795961211626 ",
				      "p1795961211999 m1795961211999 p1795961212000 ", &memory),
			    "p1795961211626 m1795961211999 p1795961212000 ");
}

static void the_first_ones_are_kept(void **state)
{
	const char *text = "";
	char word[CAME_TEXT];

	(void)state;
	for (int i = 0; i < 100; i++)
		text = came_join(text, came_text(CAME_POLL, 1795961211626 + i * 1000, word),
				 &memory);
	assert_true(came_is_full(slice_of(text)));
	assert_true(strlen(text) < CAME_BYTES + CAME_TEXT);
	assert_memory_equal(text, "p1795961211626 ", 15);
	assert_false(came_is_full(slice_of("p1795961211626 ")));
}

static void what_is_no_such_word_ends_it(void **state)
{
	static const char *const texts[] = { "",    "p",    "p ",
					     "p1",  "q1 ",  "p1x ",
					     "pp ", " p1 ", "p1234567890123456 " };
	struct came came;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct slice rest = slice_of(texts[i]);
		assert_false(came_next(&rest, &came));
	}
}

static int setup(void **state)
{
	(void)state;
	arena_init(&memory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_tells_each_of_its_entries),
		cmocka_unit_test(a_change_alone_has_nothing_to_tell),
		cmocka_unit_test(a_burst_that_is_long_enough_is_followed_by_one_afresh),
		cmocka_unit_test(long_values_are_cut_between_letters),
		cmocka_unit_test(what_is_no_such_text_tells_nothing),
		cmocka_unit_test(each_way_has_a_word_of_its_own),
		cmocka_unit_test(what_is_there_is_not_added_again),
		cmocka_unit_test(the_first_ones_are_kept),
		cmocka_unit_test(what_is_no_such_word_ends_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

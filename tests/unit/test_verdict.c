/* Entries and issuances are brought together as well as they can be, and what is left is told. */
#include "tests/unit/rehearse.h"

#include <stdlib.h>

#define MOST 6

/* A test and its end, made by hand. */
struct play {
	struct ruletest test;
	struct rehearsal end;
	struct ruletest_entry entry[MOST];
	struct rehearsed issued[MOST];
	struct ruletest_pair wanted[MOST][2], got[MOST][2];
};

static void play_init(struct play *p)
{
	memset(p, 0, sizeof(*p));
	p->test.expect = p->entry;
	p->end.test = &p->test;
	p->end.issued = p->issued;
	arena_init(&p->end.memory);
}

static void expect(struct play *p, const char *tier, const char *state)
{
	size_t i = p->test.expects++;

	p->entry[i] = (struct ruletest_entry){ .rule = "r", .contact = 1, .state = state };
	p->wanted[i][0] = (struct ruletest_pair){ "custom.tier", slice_of(tier) };
	p->entry[i].field = (struct ruletest_pairs){ p->wanted[i], tier != NULL };
}

static void issue(struct play *p, const char *tier, enum issuance_state state)
{
	size_t i = p->end.issueds++;

	p->issued[i] = (struct rehearsed){ .id = (int64_t)i + 1,
					   .rule = "r",
					   .contact = "1",
					   .group = "g",
					   .target = "t",
					   .to = "",
					   .state = state,
					   .mails = state == STATE_SENT };
	p->got[i][0] = (struct ruletest_pair){ "custom.tier", slice_of(tier) };
	p->issued[i].field = (struct ruletest_pairs){ p->got[i], 1 };
}

static struct verdict reach(struct play *p)
{
	struct verdict v;

	verdict_reach(&v, &p->end);
	return v;
}

/* An entry that names nothing would do with either; one that names Silver needs the first. */
static void test_free_entry_does_not_steal(void **state)
{
	struct play p;

	(void)state;
	play_init(&p);
	expect(&p, NULL, NULL);
	expect(&p, "Silver", NULL);
	issue(&p, "Silver", STATE_SENT);
	issue(&p, "Gold", STATE_SENT);
	assert_true(reach(&p).passed);
	arena_release(&p.end.memory);
}

static void test_one_too_many_on_either_side(void **state)
{
	struct play p;

	(void)state;
	play_init(&p);
	expect(&p, "Gold", NULL);
	expect(&p, "Gold", NULL);
	issue(&p, "Gold", STATE_SENT);
	struct verdict v = reach(&p);
	assert_false(v.passed);
	assert_int_equal(v.missings, 1);
	assert_int_equal(v.unexpecteds, 0);
	issue(&p, "Gold", STATE_SENT);
	assert_true(reach(&p).passed);
	issue(&p, "Gold", STATE_SENT);
	v = reach(&p);
	assert_false(v.passed);
	assert_int_equal(v.missings, 0);
	assert_int_equal(v.unexpecteds, 1);
	arena_release(&p.end.memory);
}

static void test_states(void **state)
{
	static const enum issuance_state other[] = { STATE_HELD,	STATE_SHADOW,
						     STATE_DRAFT,	STATE_ISSUED,
						     STATE_REFUSED,	STATE_PLANNED,
						     STATE_SEND_UNKNOWN };
	struct play p;

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		play_init(&p);
		issue(&p, "Gold", other[i]);
		assert_false(reach(&p).passed);
		expect(&p, "Gold", NULL);
		struct verdict v = reach(&p);
		assert_int_equal(v.missings, 1);
		assert_int_equal(v.unexpecteds, 1);
		p.entry[0].state = issuance_state_names[other[i]];
		assert_true(reach(&p).passed);
		arena_release(&p.end.memory);
	}
	play_init(&p);
	issue(&p, "Gold", STATE_SKIPPED);
	assert_true(reach(&p).passed);
	expect(&p, NULL, "skipped");
	assert_true(reach(&p).passed);
	expect(&p, NULL, "skipped");
	assert_false(reach(&p).passed);
	arena_release(&p.end.memory);
}

static void test_mailed_twice(void **state)
{
	struct play p;

	(void)state;
	play_init(&p);
	expect(&p, "Gold", NULL);
	issue(&p, "Gold", STATE_SENT);
	p.issued[0].mails = 2;
	struct verdict v = reach(&p);
	assert_false(v.passed);
	assert_int_equal(v.twices, 1);
	arena_release(&p.end.memory);
}

static void test_ids_that_were_merged(void **state)
{
	struct rehearsed_alias alias = { "1", "7" };
	struct play p;

	(void)state;
	play_init(&p);
	expect(&p, NULL, NULL);
	issue(&p, "Gold", STATE_SENT);
	p.issued[0].contact = "7";
	assert_false(reach(&p).passed);
	p.end.alias = &alias;
	p.end.aliases = 1;
	assert_true(reach(&p).passed);
	p.issued[0].contact = "8";
	assert_false(reach(&p).passed);
	arena_release(&p.end.memory);
}

static void test_what_is_named(void **state)
{
	struct play p;

	(void)state;
	play_init(&p);
	expect(&p, "", NULL);
	issue(&p, "Gold", STATE_SENT);
	assert_string_equal(verdict_difference(&p.end, &p.entry[0], &p.issued[0]).what,
			    "custom.tier");
	p.issued[0].field.count = 0;
	assert_true(reach(&p).passed);
	p.entry[0].group = "other";
	assert_string_equal(verdict_difference(&p.end, &p.entry[0], &p.issued[0]).what, "group");
	p.entry[0].group = "g";
	p.entry[0].reason = "brake";
	assert_string_equal(verdict_difference(&p.end, &p.entry[0], &p.issued[0]).what, "reason");
	p.issued[0].reason = "the brake: more than 1";
	assert_true(reach(&p).passed);
	arena_release(&p.end.memory);
}

/* The largest number of entries from i on that can be met by issuances that are not used. */
static size_t best(const struct play *p, size_t i, unsigned used)
{
	if (i == p->test.expects)
		return 0;
	size_t most = best(p, i + 1, used);
	for (size_t k = 0; k < p->end.issueds; k++) {
		if (used & 1u << k || verdict_difference(&p->end, &p->entry[i], &p->issued[k]).what)
			continue;
		size_t n = 1 + best(p, i + 1, used | 1u << k);
		most = n > most ? n : most;
	}
	return most;
}

/* Against trying everything: few values, so that many entries want the same. */
static void test_largest_matching(void **state)
{
	static const char *const tiers[] = { "A", "B", "C" };
	unsigned seed = 1;

	(void)state;
	for (int n = 0; n < 3000; n++) {
		struct play p;
		play_init(&p);
		size_t entries = (size_t)rand_r(&seed) % MOST, all = (size_t)rand_r(&seed) % MOST;
		for (size_t i = 0; i < entries; i++)
			expect(&p, rand_r(&seed) % 3 ? tiers[rand_r(&seed) % 3] : NULL, NULL);
		for (size_t i = 0; i < all; i++)
			issue(&p, tiers[rand_r(&seed) % 3], STATE_SENT);
		struct verdict v = reach(&p);
		size_t met = best(&p, 0, 0);
		assert_int_equal(v.missings, entries - met);
		assert_int_equal(v.unexpecteds, all - met);
		arena_release(&p.end.memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_entry_does_not_steal),
		cmocka_unit_test(test_one_too_many_on_either_side),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_mailed_twice),
		cmocka_unit_test(test_ids_that_were_merged),
		cmocka_unit_test(test_what_is_named),
		cmocka_unit_test(test_largest_matching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

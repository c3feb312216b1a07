/* What was read of contacts leaves the store when it is old: all are walked through, some with each step. */
#include "tests/unit/stored.h"

#include "base/clock.h"
#include "engine/house.h"

static struct world world;
static struct outbox *outbox;

static int open_house(void **state)
{
	int rc = store_setup(state);

	world.db = db;
	outbox = outbox_new(&world);
	return rc;
}

static int close_house(void **state)
{
	outbox_free(outbox);
	return store_teardown(state);
}

/* So many contacts with ids from `first` on, of that age. */
static void read_contacts(const char *account, int64_t first, int64_t count, int64_t age_ms)
{
	db_run(db,
	       "WITH n (i) AS (SELECT ?2 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2 + ?3)"
	       " INSERT INTO contact (account, contact, modified_ms, watches)"
	       " SELECT ?1, CAST(i AS TEXT), ?4, '' FROM n",
	       "tiii", account, first, count, NOW - age_ms);
}

static int64_t left(const char *account)
{
	return db_integer(db, -1, "SELECT count(*) FROM contact WHERE account = ?1", "t", account);
}

/* Whether there is more to remove. */
static bool step(void)
{
	struct err err;
	bool more;

	assert_int_equal(house_keep(db, outbox, NOW, &more, &err), RC_OK);
	return more;
}

static void old_ones_leave_some_at_a_time(void **state)
{
	(void)state;
	read_contacts("hubspot", 10000, 2500, 3 * MS_DAY);
	read_contacts("hubspot", 20000, 1, MS_DAY);
	read_contacts("hubspot", 30000, 1, 3 * MS_DAY);
	db_run(db, "UPDATE contact SET merged = '7' WHERE contact = '30000'", "");
	assert_true(step());
	assert_int_equal(left("hubspot"), 1502);
	assert_true(step());
	assert_false(step());
	assert_int_equal(left("hubspot"), 2); /* what is not old, and what a merge made */
}

static void each_is_walked_by(void **state)
{
	(void)state;
	read_contacts("a", 100000, HOUSE_WALK - 1, 0);
	read_contacts("b", 1, 2, 3 * MS_DAY);
	assert_false(step());
	assert_int_equal(left("b"), 1); /* the last of those that were looked at */
	read_contacts("a", 1, 1, 3 * MS_DAY);
	assert_false(step());
	assert_int_equal(left("b"), 0);
	assert_int_equal(left("a"), HOUSE_WALK);
	assert_false(step()); /* from the beginning */
	assert_int_equal(left("a"), HOUSE_WALK - 1);
}

#define kept(f) cmocka_unit_test_setup_teardown(f, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		kept(old_ones_leave_some_at_a_time),
		kept(each_is_walked_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

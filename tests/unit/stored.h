/*
 * stored - what the tests of the store's words share: a state in memory for
 * each test, and shorter ways to put something into the inbox.
 */
#ifndef TESTS_UNIT_STORED_H
#define TESTS_UNIT_STORED_H

#include "tests/unit/rules.h"

#include "base/json.h"
#include "engine/inbox.h"
#include "engine/store/db.h"

#define NOW INT64_C(1795435220000)
#define POLLED ((struct came){ CAME_POLL, NOW })

static struct db *db;
static struct arena memory;

static inline int store_setup(void **state)
{
	struct err err;

	(void)state;
	arena_init(&memory);
	return db_open(":memory:", DB_OWN, &db, &err) == RC_OK ? 0 : -1;
}

/* Fails where some statement of the test has failed unseen. */
static inline int store_teardown(void **state)
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

#define stored(f) cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)

static inline struct news *take(int64_t wall_ms, size_t most, size_t expected)
{
	struct news *list;

	assert_int_equal(inbox_take(db, "hubspot", wall_ms, most, &memory, &list), expected);
	return list;
}

static inline int64_t add_watch(void)
{
	db_run(db,
	       "INSERT INTO watch (account, event, target, settle_ms, loaded_ms)"
	       " VALUES ('hubspot', 'property-changed', 'tier', 60000, 1)",
	       "");
	return db_last_id(db);
}

static inline void wait_for(int64_t watch, const char *contact, int64_t at_ms, const char *from,
			    const char *to)
{
	struct pending p = { .watch = watch,
			     .at_ms = at_ms,
			     .due_ms = at_ms + 60000,
			     .from_known = from != NULL,
			     .from = slice_of(from),
			     .to = slice_of(to) };

	inbox_wait(db, "hubspot", slice_of(contact), &p);
}

static inline struct pending *pending(const char *contact, size_t expected)
{
	struct pending *list;

	assert_int_equal(inbox_pending(db, "hubspot", contact, &memory, &list), expected);
	return list;
}

#endif

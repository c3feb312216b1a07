/*
 * running - what tests of the whole engine share: one contact, 101, in a portal, a group, and an engine that issues.
 */
#ifndef TESTS_UNIT_RUNNING_H
#define TESTS_UNIT_RUNNING_H

#include "tests/unit/rules.h"

#include "base/json.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)

static struct sandbox *sandbox;
static struct sim sim;
static struct db *db;
static struct engine *engine;

/* A secret is its name, unless the test has its own way; `hook` is asked of each commit. */
static inline enum rc secret_by_name(void *ctx, const struct secret *which, struct str *out,
				     struct err *err)
{
	(void)ctx;
	(void)err;
	str_addf(out, "token-of-%s", which->name);
	return RC_OK;
}

static inline int begin_running(bool (*hook)(void *ctx, const char *tag, bool after))
{
	struct json *properties = json_new_object();
	struct sandbox_options o;
	struct err err;
	int64_t id;

	sandbox_defaults(&o);
	sandbox = sandbox_new(&o);
	sandbox_group(sandbox, "g", "Gold");
	json_set_text(properties, "email", "ada@example.com");
	enum rc rc = sandbox_create(sandbox, START - MS_DAY, 101, properties, &id, &err);
	json_free(properties);
	sim_init(&sim, sandbox, START, 7, NULL);
	sim.world.secret = secret_by_name;
	if (rc == RC_OK)
		rc = db_open(":memory:", DB_OWN, &db, &err);
	sim.world.db = db;
	db_hook(db, hook, NULL);
	engine = engine_new(&sim.world);
	return rc == RC_OK ? 0 : -1;
}

static inline int tear_down(void **state)
{
	(void)state;
	engine_free(engine);
	sim_abandon(&sim);
	db_close(db);
	sandbox_free(sandbox);
	return 0;
}

static inline enum rc try_load(const char *text)
{
	struct table *table = table_of(text);
	struct err err;
	enum rc rc = engine_load(engine, table, &err);

	table_unref(table);
	return rc;
}

static inline void load(const char *text)
{
	assert_int_equal(try_load(text), RC_OK);
}

static inline enum rc live(int64_t ms)
{
	struct err err;

	return sim_run(&sim, engine, sim.now_ms + ms, &err);
}

static inline void set(const char *property, const char *value)
{
	struct err err;

	assert_int_equal(sandbox_set(sandbox, sim.now_ms, 101, property, slice_of(value), &err),
			 RC_OK);
}

static inline size_t mails(void)
{
	return sandbox_mail_count(sandbox);
}

#endif

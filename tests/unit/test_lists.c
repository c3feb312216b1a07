/* Lists that are deleted, restored, renamed: what is said of them, asked for, and kept. */
#include "tests/unit/rules.h"

#include <stdlib.h>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)

static struct sandbox *sandbox;
static struct sim sim;
static struct db *db;
static struct engine *engine;
static FILE *stream;
static char *text;
static size_t text_len;

static const char rules[] = "account: portal\nhubspot: { token: \"${T}\" }\n---\n"
			    "account: certifier\ncertifier: { token: \"${C}\" }\n---\n"
			    "rule: by-name\ntrigger: { event: list-added, list: Honours }\n"
			    "action: { do: issue-credential, group: g }\n---\n"
			    "rule: by-id\ntrigger: { event: list-added, list: 61 }\n"
			    "action: { do: issue-credential, group: g }\n";

static enum rc secret(void *ctx, const struct secret *which, struct str *out, struct err *err)
{
	(void)ctx;
	(void)err;
	str_addf(out, "token-of-%s", which->name);
	return RC_OK;
}

static void load(void)
{
	struct table *table = table_of(rules);
	struct err err;

	engine = engine_new(&sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
}

static int set_up(void **state)
{
	struct sandbox_options o;
	struct err err;

	(void)state;
	sandbox_defaults(&o);
	sandbox = sandbox_new(&o);
	sandbox_group(sandbox, "g", "Gold");
	enum rc rc = sandbox_list(sandbox, START - MS_DAY, 61, "Honours", NULL, NULL, &err);
	if (rc == RC_OK)
		rc = sandbox_list(sandbox, START - MS_DAY, 62, "Candidates", NULL, NULL, &err);
	stream = open_memstream(&text, &text_len);
	sim_init(&sim, sandbox, START, 7, stream);
	sim.world.secret = secret;
	if (rc == RC_OK)
		rc = db_open(":memory:", DB_OWN, &db, &err);
	sim.world.db = db;
	if (rc == RC_OK)
		load();
	return rc == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	engine_free(engine);
	sim_abandon(&sim);
	db_close(db);
	sandbox_free(sandbox);
	fclose(stream);
	free(text);
	return 0;
}

static void live(int64_t ms)
{
	struct err err;

	assert_int_equal(sim_run(&sim, engine, sim.now_ms + ms, &err), RC_OK);
}

/* How many lines of the log hold both. */
static int lines(const char *fact, const char *list)
{
	int n = 0;

	fflush(stream);
	for (char *at = text; (at = strstr(at, fact)) != NULL; at++) {
		char *end = strchr(at, '\n'), *found = strstr(at, list);
		n += found && end && found < end;
	}
	return n;
}

static void rename_list(int64_t id, const char *name)
{
	struct err err;

	assert_int_equal(sandbox_list_rename(sandbox, sim.now_ms, id, name, &err), RC_OK);
}

static void a_list_that_is_gone_is_told_once(void **state)
{
	struct err err;

	(void)state;
	live(MS_HOUR);
	assert_int_equal(lines("the rules that name it stay quiet", "list="), 0);
	assert_int_equal(sandbox_list_delete(sandbox, sim.now_ms, 61, &err), RC_OK);
	size_t asked = sandbox_calls(sandbox, "list");
	live(5 * MS_HOUR);
	assert_int_equal(lines("the list is gone", "list=Honours"), 1);
	assert_int_equal(lines("the list is gone", "list=61"), 1);
	assert_int_equal(lines("the rules that name it stay quiet", "list="), 2);
	assert_in_range(sandbox_calls(sandbox, "list") - asked, 5, 6); /* once, and hourly */
	assert_int_equal(sandbox_list_restore(sandbox, sim.now_ms, 61, &err), RC_OK);
	live(2 * MS_HOUR);
	assert_int_equal(lines("the list is there again", "list=Honours"), 1);
	assert_int_equal(lines("the list is there again", "list=61"), 1);
	assert_int_equal(lines("leads to another list", "list="), 0);
	asked = sandbox_calls(sandbox, "list");
	live(5 * MS_HOUR);
	assert_int_equal(sandbox_calls(sandbox, "list"), asked);
}

static int64_t start_of(const char *rule)
{
	return db_integer(
		db, 0,
		"SELECT start_ms FROM watch WHERE id = (SELECT watch FROM rule WHERE name = ?1)",
		"t", rule);
}

/* Another list gets the name, while we are there or not. */
static void swap_names(bool there)
{
	live(MS_HOUR);
	int64_t was_ms = start_of("by-name"), id_was_ms = start_of("by-id");
	if (!there) {
		engine_free(engine);
		sim_abandon(&sim);
	}
	rename_list(61, "Honours before");
	rename_list(62, "Honours");
	int64_t moved_ms = sim.now_ms;
	if (!there) {
		sim.now_ms += 3 * MS_HOUR;
		load();
	}
	live(10 * MS_MINUTE);
	assert_true(was_ms < moved_ms);
	assert_int_equal(start_of("by-name"), moved_ms);
	assert_int_equal(start_of("by-id"), id_was_ms);
	assert_int_equal(lines("leads to another list", "list=Honours"), 1);
	/* It is said, and done, once. */
	live(2 * MS_HOUR);
	assert_int_equal(start_of("by-name"), moved_ms);
	assert_int_equal(lines("leads to another list", "list="), 1);
}

static void another_list_under_a_name_is_a_new_activation(void **state)
{
	(void)state;
	swap_names(true);
}

static void it_is_the_same_where_we_were_away(void **state)
{
	(void)state;
	swap_names(false);
}

/* Who joined the list under its name of before is none of the rule's; who joins it from now on is. */
static void members_of_before_never_count(void **state)
{
	struct err err;
	int64_t id;

	(void)state;
	struct json *properties = json_new_object();
	json_set_text(properties, "email", "ada@example.com");
	assert_int_equal(sandbox_create(sandbox, START, 101, properties, &id, &err), RC_OK);
	json_free(properties);
	live(MS_HOUR);
	rename_list(61, "Honours before");
	live(MS_HOUR / 2);
	assert_int_equal(sandbox_join(sandbox, sim.now_ms, 62, 101, &err), RC_OK);
	live(MS_HOUR);
	rename_list(62, "Honours");
	live(3 * MS_HOUR);
	assert_int_equal(lines("leads to another list", "list=Honours"), 1);
	assert_int_equal(sandbox_credential_count(sandbox), 0);
	assert_int_equal(sandbox_leave(sandbox, sim.now_ms, 62, 101, &err), RC_OK);
	live(MS_HOUR);
	assert_int_equal(sandbox_join(sandbox, sim.now_ms, 62, 101, &err), RC_OK);
	live(MS_HOUR);
	assert_int_equal(sandbox_credential_count(sandbox), 1);
}

static void what_a_list_is_called_is_kept_current(void **state)
{
	struct query *q;

	(void)state;
	live(MS_HOUR);
	rename_list(61, "Honours of last year");
	live(5 * MS_MINUTE);
	q = db_select(db, "SELECT name FROM list WHERE target = '61'", "");
	assert_true(query_next(q));
	assert_true(slice_is(query_slice(q, 0), "Honours of last year"));
	query_end(q);
}

/* A list that is restored is found by its id first; by its name it cannot be asked for until the next probe shows it. */
static void who_joins_before_the_name_leads_there_again(void **state)
{
	struct json *properties = json_new_object();
	struct err err;
	int64_t id;

	(void)state;
	json_set_text(properties, "email", "a@example.org");
	assert_int_equal(sandbox_create(sandbox, START, 101, properties, &id, &err), RC_OK);
	json_free(properties);
	live(MS_HOUR + 10 * MS_MINUTE);
	assert_int_equal(sandbox_list_delete(sandbox, sim.now_ms, 61, &err), RC_OK);
	live(2 * MS_HOUR);
	assert_int_equal(lines("the list is gone", "Honours"), 1);
	assert_int_equal(sandbox_list_restore(sandbox, sim.now_ms, 61, &err), RC_OK);
	assert_int_equal(sandbox_join(sandbox, sim.now_ms, 61, 101, &err), RC_OK);
	assert_int_equal(sandbox_fault(sandbox, "list", FAULT_STATUS, 500, -1, 0, 200, &err),
			 RC_OK);
	live(3 * MS_HOUR);
	assert_int_equal(lines("the list is there again", "Honours"), 1);
	assert_int_equal(sandbox_mail_count(sandbox), 2);
}

#define lived(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lived(a_list_that_is_gone_is_told_once),
		lived(another_list_under_a_name_is_a_new_activation),
		lived(it_is_the_same_where_we_were_away),
		lived(members_of_before_never_count),
		lived(what_a_list_is_called_is_kept_current),
		lived(who_joins_before_the_name_leads_there_again),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

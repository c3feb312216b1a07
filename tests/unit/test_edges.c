/* Values at their ceilings, from a contact to its credential: issued whole, or held with a reason. */
#include "tests/unit/rules.h"

#include <stdlib.h>

#include "base/json.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)
#define MOST 65536u /* characters of a text: HubSpot's own ceiling */

static const char rules[] = "rule: a\n"
			    "trigger:\n  event: property-changed\n  property: note\n  settle: 0s\n"
			    "action:\n  do: issue-credential\n  group: g\n"
			    "  fields:\n    custom.note: '{{ event.to }}'\n";

struct life {
	struct sandbox *sandbox;
	struct sim sim;
	struct str state, reason;
};

/* Lives an hour in which the note becomes `count` times `character`. */
static void live(struct life *l, const char *character, size_t count)
{
	struct sandbox_options o;
	struct json *properties = json_new_object();
	struct table *table = table_of(rules);
	struct str text;
	struct err err;
	int64_t id;

	sandbox_defaults(&o);
	l->sandbox = sandbox_new(&o);
	sandbox_group(l->sandbox, "g", "Gold");
	sandbox_attribute(l->sandbox, "custom.note");
	json_set_text(properties, "email", "ada@example.com");
	assert_int_equal(sandbox_create(l->sandbox, START - MS_DAY, 101, properties, &id, &err),
			 RC_OK);
	json_free(properties);
	sim_init(&l->sim, l->sandbox, START, 7, NULL);
	assert_int_equal(db_open(":memory:", DB_OWN, &l->sim.world.db, &err), RC_OK);
	struct engine *engine = engine_new(&l->sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
	assert_int_equal(sim_run(&l->sim, engine, START + 10 * MS_MINUTE, &err), RC_OK);
	str_init(&text, 1u << 20);
	for (size_t i = 0; i < count; i++)
		str_add_text(&text, character);
	assert_int_equal(
		sandbox_set(l->sandbox, l->sim.now_ms, 101, "note", str_slice(&text), &err), RC_OK);
	str_release(&text);
	assert_int_equal(sim_run(&l->sim, engine, START + MS_HOUR, &err), RC_OK);
	engine_free(engine);
	sim_abandon(&l->sim);
}

static void note_outcome(struct life *l)
{
	struct query *q = db_select(l->sim.world.db,
				    "SELECT state, coalesce(reason, '') FROM issuance", "");

	str_init(&l->state, 64);
	str_init(&l->reason, LIMIT_ERROR_BYTES);
	assert_true(query_next(q));
	str_add_slice(&l->state, query_slice(q, 0));
	str_add_slice(&l->reason, query_slice(q, 1));
	assert_false(query_next(q));
}

static void end(struct life *l)
{
	str_release(&l->state);
	str_release(&l->reason);
	db_close(l->sim.world.db);
	sandbox_free(l->sandbox);
}

static void is_issued_whole(const char *character, size_t count)
{
	struct life l = { 0 };

	live(&l, character, count);
	note_outcome(&l);
	assert_string_equal(str_text(&l.state), "sent");
	assert_int_equal(sandbox_credential_count(l.sandbox), 1);
	struct sandbox_credential c = sandbox_credential_at(l.sandbox, 0);
	struct slice note = json_get_slice(c.custom, "custom.note");
	assert_int_equal(note.len, count * strlen(character));
	end(&l);
}

static void is_held(const char *character, size_t count)
{
	struct life l = { 0 };

	live(&l, character, count);
	note_outcome(&l);
	assert_string_equal(str_text(&l.state), "held");
	assert_non_null(strstr(str_text(&l.reason), "event.to is too long"));
	assert_int_equal(sandbox_credential_count(l.sandbox), 0);
	end(&l);
}

static void a_value_of_64_kib_is_issued_whole(void **state)
{
	(void)state;
	is_issued_whole("x", MOST);
	is_issued_whole("\xc3\xa9", MOST / 2);
	is_issued_whole("\xf0\x9f\x8e\x93", MOST / 4);
}

static void a_longer_one_is_held_never_cut(void **state)
{
	(void)state;
	is_held("\xc3\xa9", MOST);
	is_held("\xe2\x82\xac", MOST);
	is_held("\xf0\x9f\x8e\x93", MOST / 4 + 1);
}

/* HubSpot, or whoever answers for it, says more than a log may hold. */
static struct sim_fate talks(void *ctx, const struct sim_request *request)
{
	const struct sim_fate *fate = ctx;

	return strncmp(request->path, "/hubspot/", 9) == 0 ? *fate : (struct sim_fate){ 0 };
}

/* What a day of nothing but that answer puts into the log. */
static void live_with(struct sim_fate *fate, char **log_text)
{
	struct sandbox_options o;
	struct table *table = table_of(rules);
	struct sim sim;
	struct err err;
	size_t len;
	FILE *log = open_memstream(log_text, &len);

	sandbox_defaults(&o);
	struct sandbox *sandbox = sandbox_new(&o);
	sim_init(&sim, sandbox, START, 7, log);
	sim.fate = talks;
	sim.fate_ctx = fate;
	assert_int_equal(db_open(":memory:", DB_OWN, &sim.world.db, &err), RC_OK);
	struct engine *engine = engine_new(&sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
	assert_int_equal(sim_run(&sim, engine, START + MS_HOUR, &err), RC_OK);
	engine_free(engine);
	sim_abandon(&sim);
	db_close(sim.world.db);
	sandbox_free(sandbox);
	fclose(log);
}

static void what_hubspot_says_is_masked_in_the_log(void **state)
{
	static const char body[] =
		"{\"status\":\"error\",\"message\":\"no scope for Ada.Byron+1@Example.org with"
		" token token-of-HUBSPOT_TOKEN (TOKEN-of-hubspot_token)\"}";
	static const int statuses[] = { 401, 403, 500, 429, 200 };
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct sim_fate fate = { .how = SIM_ANSWERED, .status = statuses[i], .body = body };
		live_with(&fate, &text);
		assert_non_null(strstr(text, "no scope for *"));
		assert_non_null(strstr(text, "with token *"));
		assert_null(strcasestr(text, "example.org"));
		assert_null(strcasestr(text, "hubspot_token"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_of_64_kib_is_issued_whole),
		cmocka_unit_test(a_longer_one_is_held_never_cut),
		cmocka_unit_test(what_hubspot_says_is_masked_in_the_log),
	};

	json_start();
	return cmocka_run_group_tests_name("edges", tests, NULL, NULL);
}

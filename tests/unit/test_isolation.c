/*
 * Several portals and workspaces in one daemon: whatever befalls one, the others' credentials leave
 * as soon as they would without it. On a virtual clock; the accounts are told apart by the version
 * in their paths and by their groups.
 */
#include "tests/unit/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/grant.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)
#define CHANGED_MS (3 * MS_HOUR) /* six tokens later */
#define CLOSE_MS (2 * MS_SECOND) /* latencies are drawn */

static const char rules[] =
	"account: troubled\nhubspot:\n  api: v3\n"
	"  oauth: { client-id: the-app, client-secret: \"${S}\" }\n"
	"---\naccount: calm\nhubspot:\n  api: 2026-03\n"
	"  oauth: { client-id: the-app, client-secret: \"${S}\" }\n"
	"---\naccount: troubled-desk\ncertifier: { token: \"${C}\" }\n"
	"---\naccount: calm-desk\ncertifier: { token: \"${D}\" }\n"
	"---\nrule: one\n"
	"trigger: { event: property-changed, property: tier, account: troubled, settle: 10s }\n"
	"action: { do: issue-credential, account: troubled-desk, group: g-troubled }\n"
	"---\nrule: two\n"
	"trigger: { event: property-changed, property: tier, account: calm, settle: 10s }\n"
	"action: { do: issue-credential, account: calm-desk, group: g-calm }\n"
	"---\nrule: three\n"
	"trigger: { event: property-changed, property: tier, account: calm, settle: 10s }\n"
	"action: { do: issue-credential, account: troubled-desk, group: g-troubled }\n";

struct trouble {
	const char *name;
	const char *path; /* a part of it */
	const char *body; /* likewise, or NULL */
	struct sim_fate fate;
	bool revoked;
};

static const struct trouble troubles[] = {
	{ .name = "none" },
	{ .name = "no answer", .path = "/v3/", .fate = { .how = SIM_TIMEOUT } },
	{ .name = "slow answers", .path = "/v3/", .fate = { .delay_ms = 25 * MS_SECOND } },
	{ .name = "no connection", .path = "/v3/", .fate = { .how = SIM_NOT_SENT } },
	{ .name = "rate limit",
	  .path = "/crm/v3/",
	  .fate = { .how = SIM_ANSWERED, .status = 429, .body = "{}", .retry_after_s = 600 } },
	{ .name = "server error",
	  .path = "/crm/v3/",
	  .fate = { .how = SIM_ANSWERED, .status = 500, .body = "{}" } },
	{ .name = "token refused",
	  .path = "/crm/v3/",
	  .fate = { .how = SIM_ANSWERED, .status = 401, .body = "{}" } },
	{ .name = "renewing fails",
	  .path = "/oauth/v3/token",
	  .fate = { .how = SIM_ANSWERED, .status = 503, .body = "" } },
	{ .name = "renewing hangs", .path = "/oauth/v3/token", .fate = { .how = SIM_TIMEOUT } },
	{ .name = "revoked", .revoked = true },
	{ .name = "desk without an answer",
	  .path = "/certifier/v1/credentials",
	  .body = "g-troubled",
	  .fate = { .how = SIM_TIMEOUT } },
	{ .name = "desk with a rate limit",
	  .path = "/certifier/v1/credentials",
	  .body = "g-troubled",
	  .fate = { .how = SIM_ANSWERED, .status = 429, .body = "{}", .retry_after_s = 600 } },
	{ .name = "desk that refuses its token",
	  .path = "/certifier/v1/credentials",
	  .body = "g-troubled",
	  .fate = { .how = SIM_ANSWERED, .status = 401, .body = "{}" } },
};

static bool holds(struct slice text, const char *part)
{
	size_t len = strlen(part);

	for (size_t i = 0; i + len <= text.len; i++)
		if (memcmp(text.ptr + i, part, len) == 0)
			return true;
	return false;
}

static struct sim_fate decide(void *ctx, const struct sim_request *request)
{
	const struct trouble *t = ctx;

	if (!t->path || !strstr(request->path, t->path) ||
	    (t->body && !holds(request->body, t->body)))
		return (struct sim_fate){ 0 };
	return t->fate;
}

static void connect(struct sim *sim, const char *account, int64_t hub)
{
	struct grant g;
	struct err err;
	const char *access, *refresh;

	sandbox_options(sim->sandbox)->oauth_hub_id = hub;
	grant_init(&g);
	sandbox_grant(sim->sandbox, sim->now_ms, "the-app",
		      "oauth crm.objects.contacts.read crm.schemas.contacts.read", &access,
		      &refresh, &g.expires_ms);
	str_add_text(&g.client_id, "the-app");
	str_add_text(&g.access, access);
	str_add_text(&g.refresh, refresh);
	assert_int_equal(grant_connect(sim->world.db, account, &g, &err), RC_OK);
	grant_wipe(&g);
}

/* The first of a group; INT64_MAX where none was made. */
static int64_t issued_ms(const struct sandbox *sb, const char *group)
{
	for (size_t i = 0; i < sandbox_credential_count(sb); i++)
		if (strcmp(sandbox_credential_at(sb, i).group, group) == 0)
			return sandbox_credential_at(sb, i).created_ms;
	return INT64_MAX;
}

static void prepare(struct sandbox *sb)
{
	struct err err;
	struct json *person = json_parse(
		slice_of("{\"email\":\"ana@example.org\",\"tier\":\"Bronze\"}"), &err);

	sandbox_group(sb, "g-troubled", "Troubled");
	sandbox_group(sb, "g-calm", "Calm");
	assert_int_equal(sandbox_create(sb, START - MS_DAY, 101, person, NULL, &err), RC_OK);
	json_free(person);
}

/* When the calm account's credential was made, and the other's. */
static void live(const struct trouble *t, int64_t *calm_ms, int64_t *troubled_ms)
{
	struct sandbox_options o;
	struct sim sim;
	struct err err;
	struct table *table = table_of(rules);

	sandbox_defaults(&o); /* both portals are one: its limits are not what is meant here */
	sim_init(&sim, sandbox_new(&o), START, 3, NULL);
	prepare(sim.sandbox);
	assert_int_equal(db_open(":memory:", DB_OWN, &sim.world.db, &err), RC_OK);
	connect(&sim, "troubled", 1);
	if (t->revoked)
		sandbox_revoke(sim.sandbox);
	connect(&sim, "calm", 2);
	struct engine *engine = engine_new(&sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	assert_int_equal(sim_run(&sim, engine, START + MS_MINUTE, &err), RC_OK);
	sim.fate = decide;
	sim.fate_ctx = (void *)(uintptr_t)t;
	assert_int_equal(sim_run(&sim, engine, START + CHANGED_MS, &err), RC_OK);
	assert_int_equal(
		sandbox_set(sim.sandbox, sim.now_ms, 101, "tier", slice_of("Silver"), &err), RC_OK);
	assert_int_equal(sim_run(&sim, engine, START + CHANGED_MS + 10 * MS_MINUTE, &err), RC_OK);
	*calm_ms = issued_ms(sim.sandbox, "g-calm");
	*troubled_ms = issued_ms(sim.sandbox, "g-troubled");
	engine_free(engine);
	sim_abandon(&sim);
	db_close(sim.world.db);
	sandbox_free(sim.sandbox);
	table_unref(table);
}

static void trouble_of_one_delays_no_other(void **state)
{
	int64_t alone_ms, calm_ms, troubled_ms;

	(void)state;
	live(&troubles[0], &alone_ms, &troubled_ms);
	assert_in_range(alone_ms, START + CHANGED_MS + 10 * MS_SECOND,
			START + CHANGED_MS + 3 * MS_MINUTE);
	for (size_t i = 1; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		live(&troubles[i], &calm_ms, &troubled_ms);
		if (llabs(calm_ms - alone_ms) > CLOSE_MS)
			fail_msg("%s: %lld ms later", troubles[i].name,
				 (long long)(calm_ms - alone_ms));
		/* The trouble was one. */
		if (troubles[i].body)
			assert_int_equal(troubled_ms, INT64_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(trouble_of_one_delays_no_other) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

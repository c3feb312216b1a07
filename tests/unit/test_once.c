/* The last word of `run --once`: commands.md, through the whole engine and the sandbox. */
#include "tests/unit/rules.h"

#include "base/json.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)

struct pass {
	struct sandbox *sandbox;
	struct sim sim;
	struct db *db;
};

static const char rules[] = "rule: a\n"
			    "trigger:\n  event: property-changed\n  property: tier\n"
			    "action:\n  do: issue-credential\n  group: g\n";

static int pass_setup(void **state)
{
	struct pass *p = mem_alloc(sizeof(*p));
	struct sandbox_options o;
	struct json *properties = json_new_object();
	struct err err;
	int64_t id;

	sandbox_defaults(&o);
	p->sandbox = sandbox_new(&o);
	sandbox_group(p->sandbox, "g", "Gold");
	json_set_text(properties, "email", "ada@example.com");
	json_set_text(properties, "firstname", "Ada");
	enum rc rc = sandbox_create(p->sandbox, START - MS_DAY, 101, properties, &id, &err);
	json_free(properties);
	sim_init(&p->sim, p->sandbox, START, 7, NULL);
	if (rc == RC_OK)
		rc = db_open(":memory:", DB_OWN, &p->db, &err);
	p->sim.world.db = p->db;
	*state = p;
	return rc == RC_OK ? 0 : -1;
}

static int pass_teardown(void **state)
{
	struct pass *p = *state;

	db_close(p->db);
	sandbox_free(p->sandbox);
	mem_free(p);
	return 0;
}

/* One process that runs once, a while after the one before. */
static enum once run_rules(struct pass *p, const char *text, int64_t wait_ms)
{
	struct table *table = table_of(text);
	struct engine *engine;
	enum once last = ONCE_WORKING;
	struct err err;

	p->sim.now_ms += wait_ms;
	engine = engine_new(&p->sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
	assert_int_equal(engine_once(engine), ONCE_WORKING); /* nothing has been asked yet */
	int64_t patience_ms = p->sim.now_ms + MS_HOUR;
	if (sim_run_once(&p->sim, engine, patience_ms, &last, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_true(p->sim.now_ms < patience_ms); /* it ended by itself */
	engine_free(engine);
	sim_abandon(&p->sim);
	return last;
}

static enum once run_after(struct pass *p, int64_t wait_ms)
{
	return run_rules(p, rules, wait_ms);
}

static void set_tier(struct pass *p, const char *value)
{
	struct err err;

	assert_int_equal(sandbox_set(p->sandbox, p->sim.now_ms, 101, "tier", slice_of(value), &err),
			 RC_OK);
}

static void fault(struct pass *p, const char *call, int status, int times)
{
	struct err err;

	assert_int_equal(sandbox_fault(p->sandbox, call, FAULT_STATUS, status, -1, 0, times, &err),
			 RC_OK);
}

static void nothing_to_do_is_done(void **state)
{
	struct pass *p = *state;

	assert_int_equal(run_after(p, 0), ONCE_DONE);
	assert_int_equal(run_after(p, MS_HOUR), ONCE_DONE);
	assert_int_equal(sandbox_credential_count(p->sandbox), 0);
}

static void a_change_settles_and_the_next_pass_issues(void **state)
{
	struct pass *p = *state;

	assert_int_equal(run_after(p, 0), ONCE_DONE);
	p->sim.now_ms += MS_MINUTE;
	set_tier(p, "Gold");
	assert_int_equal(run_after(p, 20 * MS_SECOND), ONCE_SETTLING);
	assert_int_equal(sandbox_credential_count(p->sandbox), 0);
	assert_int_equal(run_after(p, 2 * MS_MINUTE), ONCE_DONE);
	assert_int_equal(sandbox_credential_count(p->sandbox), 1);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
	assert_int_equal(run_after(p, MS_HOUR), ONCE_DONE);
	assert_int_equal(sandbox_credential_count(p->sandbox), 1);
}

static void what_a_person_must_look_at_is_parked(void **state)
{
	struct pass *p = *state;

	assert_int_equal(run_after(p, 0), ONCE_DONE);
	p->sim.now_ms += MS_MINUTE;
	set_tier(p, "Gold");
	fault(p, "create", 422, 1);
	assert_int_equal(run_after(p, 5 * MS_MINUTE), ONCE_PARKED);
	assert_int_equal(sandbox_credential_count(p->sandbox), 0);
	assert_int_equal(run_after(p, MS_HOUR), ONCE_PARKED); /* and stays so */
}

static void a_short_failure_is_waited_out(void **state)
{
	struct pass *p = *state;

	assert_int_equal(run_after(p, 0), ONCE_DONE);
	p->sim.now_ms += MS_MINUTE;
	set_tier(p, "Gold");
	fault(p, "search", 503, 1);
	fault(p, "create", 429, 1);
	assert_int_equal(run_after(p, 5 * MS_MINUTE), ONCE_DONE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
}

static void labels_that_cannot_be_read_end_no_pass(void **state)
{
	static const char both[] = "rule: a\n"
				   "trigger:\n  event: property-changed\n  property: tier\n"
				   "action:\n  do: issue-credential\n  group: g\n"
				   "---\n"
				   "rule: b\n"
				   "trigger:\n  event: property-changed\n  property: city\n"
				   "action:\n  do: issue-credential\n  group: g\n"
				   "  fields: { custom.city: \"{{ event.to | label }}\" }\n";
	struct pass *p = *state;

	assert_int_equal(run_rules(p, both, 0), ONCE_DONE);
	p->sim.now_ms += MS_MINUTE;
	set_tier(p, "Gold");
	fault(p, "property", 500, 1000);
	assert_int_equal(run_rules(p, both, 5 * MS_MINUTE), ONCE_DONE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
}

/* Lists are looked at all the same, but whoever runs the pass is told that changes were not. */
static void a_search_that_fails_is_told(void **state)
{
	struct pass *p = *state;

	assert_int_equal(run_after(p, 0), ONCE_DONE);
	fault(p, "search", 500, 1000);
	assert_int_equal(run_after(p, MS_MINUTE), ONCE_NO_SOURCE);
	assert_true(sandbox_calls(p->sandbox, "search") < 20); /* it is not asked again and again */
	sandbox_faults_clear(p->sandbox);
	assert_int_equal(run_after(p, MS_MINUTE), ONCE_DONE);
}

static void a_source_that_is_down(void **state)
{
	struct pass *p = *state;

	fault(p, "hubspot", 503, 1000);
	assert_int_equal(run_after(p, 0), ONCE_NO_SOURCE);
	sandbox_faults_clear(p->sandbox);
	assert_int_equal(run_after(p, MS_MINUTE), ONCE_DONE);
}

static void a_source_that_says_no(void **state)
{
	struct pass *p = *state;

	fault(p, "hubspot", 401, 1000);
	assert_int_equal(run_after(p, 0), ONCE_NO_SOURCE);
	assert_true(sandbox_calls(p->sandbox, "hubspot") <=
		    2); /* it is not asked again and again */
}

static struct sim_fate no_connection(void *ctx, const struct sim_request *request)
{
	(void)ctx;
	(void)request;
	return (struct sim_fate){ .how = SIM_NOT_SENT };
}

/* Activated by a process that never heard HubSpot's time: what happens until the next one counts. */
static void activated_while_the_source_is_out_of_reach(void **state)
{
	struct pass *p = *state;

	p->sim.skew_ms = 47 * MS_MINUTE;
	p->sim.fate = no_connection;
	assert_int_equal(run_after(p, 0), ONCE_NO_SOURCE);
	p->sim.fate = NULL;
	p->sim.now_ms += MS_HOUR;
	set_tier(p, "Gold");
	(void)run_after(p, MS_HOUR);
	assert_int_equal(run_after(p, MS_MINUTE), ONCE_DONE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
}

/* Two workspaces, of which the second is elsewhere. */
static const char two_workspaces[] =
	"account: hubspot\nhubspot: { token: \"${HUBSPOT_TOKEN}\" }\n---\n"
	"account: one\ncertifier: { token: \"${ONE}\" }\n---\n"
	"account: two\ncertifier: { token: \"${TWO}\", base-url: \"https://two.example/v1\" }\n---\n"
	"rule: a\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, account: one, group: g }\n---\n"
	"rule: b\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, account: two, group: g }\n";
static const struct sim_route elsewhere[] = { { "https://two.example", "/two" }, { NULL, NULL } };

static struct sim_fate two_is(const struct sim_request *request, struct sim_fate fate)
{
	return slice_starts(slice_of(request->path), slice_of("/two")) ? fate
								       : (struct sim_fate){ 0 };
}

static struct sim_fate two_refuses(void *ctx, const struct sim_request *request)
{
	(void)ctx;
	return two_is(request, (struct sim_fate){ .how = SIM_ANSWERED, .status = 401 });
}

static struct sim_fate two_is_down(void *ctx, const struct sim_request *request)
{
	(void)ctx;
	return two_is(request, (struct sim_fate){ .how = SIM_NOT_SENT });
}

/* More than one account issues before the other has failed often. */
#define PEOPLE 40

static void set_tiers(struct pass *p)
{
	struct err err;

	for (int64_t id = 101; id < 101 + PEOPLE; id++)
		assert_int_equal(sandbox_set(p->sandbox, p->sim.now_ms, id, "tier",
					     slice_of("Gold"), &err),
				 RC_OK);
}

static void add_people(struct pass *p)
{
	char email[32];
	struct err err;
	int64_t id;

	for (int64_t i = 102; i < 101 + PEOPLE; i++) {
		struct json *properties = json_new_object();
		snprintf(email, sizeof(email), "p%d@example.com", (int)i);
		json_set_text(properties, "email", email);
		json_set_text(properties, "firstname", "Ada");
		assert_int_equal(sandbox_create(p->sandbox, p->sim.now_ms, i, properties, &id,
						&err),
				 RC_OK);
		json_free(properties);
	}
}

/* The pass goes on until the account that works has nothing left to do, and no longer. */
static void another_account(struct pass *p, sim_fate_hook *fate)
{
	p->sim.route = elsewhere;
	p->sim.fate = fate;
	add_people(p);
	assert_int_equal(run_rules(p, two_workspaces, 0), ONCE_DONE);
	p->sim.now_ms += MS_MINUTE;
	set_tiers(p);
	assert_int_equal(run_rules(p, two_workspaces, 5 * MS_MINUTE), ONCE_PARKED);
	assert_int_equal(sandbox_mail_count(p->sandbox), PEOPLE);
}

static void an_account_that_says_no_ends_no_pass_of_another(void **state)
{
	another_account(*state, two_refuses);
}

static void an_account_that_is_down_ends_no_pass_of_another(void **state)
{
	another_account(*state, two_is_down);
}

static const char slow[] =
	"account: hubspot\nhubspot: { token: \"${HUBSPOT_TOKEN}\" }\n---\n"
	"account: certifier\ncertifier: { token: \"${CERTIFIER_TOKEN}\", rate: 100/h }\n---\n"
	"rule: a\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, group: g }\n";

/* Its turn comes later than a retry that is waited for; it never came, in any pass. */
static void a_low_rate_is_waited_for(void **state)
{
	struct pass *p = *state;

	assert_int_equal(run_rules(p, slow, 0), ONCE_DONE);
	p->sim.now_ms += MS_MINUTE;
	set_tier(p, "Gold");
	assert_int_equal(run_rules(p, slow, 5 * MS_MINUTE), ONCE_DONE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
}

static bool fail_first_page(void *ctx, const char *tag, bool after)
{
	bool *failed = ctx;

	if (*failed || after || strcmp(tag, "poll-page") != 0)
		return true;
	*failed = true;
	return false;
}

/* A page whose commit fails is not passed over, though the next commit would have succeeded. */
static void a_page_that_was_not_stored(void **state)
{
	struct pass *p = *state;
	bool failed = false;
	struct err err;

	assert_int_equal(run_after(p, 0), ONCE_DONE);
	p->sim.now_ms += MS_MINUTE;
	set_tier(p, "Gold");
	p->sim.now_ms += 26 * MS_HOUR; /* longer than any walk reaches back behind the cursor */
	db_hook(p->db, fail_first_page, &failed);
	struct table *table = table_of(rules);
	struct engine *engine = engine_new(&p->sim.world);
	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
	assert_int_equal(sim_run(&p->sim, engine, p->sim.now_ms + MS_MINUTE, &err), RC_BROKEN);
	engine_free(engine);
	sim_abandon(&p->sim);
	assert_true(failed);
	(void)run_after(p, MS_HOUR);
	assert_int_equal(run_after(p, MS_HOUR), ONCE_DONE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
}

#define passing(f) cmocka_unit_test_setup_teardown(f, pass_setup, pass_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		passing(nothing_to_do_is_done),
		passing(a_change_settles_and_the_next_pass_issues),
		passing(what_a_person_must_look_at_is_parked),
		passing(a_short_failure_is_waited_out),
		passing(labels_that_cannot_be_read_end_no_pass),
		passing(a_search_that_fails_is_told),
		passing(a_source_that_is_down),
		passing(a_source_that_says_no),
		passing(activated_while_the_source_is_out_of_reach),
		passing(an_account_that_says_no_ends_no_pass_of_another),
		passing(an_account_that_is_down_ends_no_pass_of_another),
		passing(a_low_rate_is_waited_for),
		passing(a_page_that_was_not_stored),
	};
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

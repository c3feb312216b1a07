/*
 * "Rate and cost" of behaviour.md: what a poll may cost, counted where the requests arrive; and what
 * cannot be read now, which is waited for.
 */
#include "tests/unit/rules.h"

#include "base/json.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)
#define PEOPLE 450
#define FIRST 1000

struct portal {
	struct sandbox *sandbox;
	struct sim sim;
	struct db *db;
	struct engine *engine;
};

static const char rules[] = "rule: a\n"
			    "trigger:\n  event: property-changed\n  property: tier\n"
			    "action:\n  do: issue-credential\n  group: g\n"
			    "  fields: { custom.tier: \"{{ event.to | label }}\" }\n";

static void run_for(struct portal *p, int64_t span_ms)
{
	struct err err;

	assert_int_equal(sim_run(&p->sim, p->engine, p->sim.now_ms + span_ms, &err), RC_OK);
}

static void set_tier(struct portal *p, int64_t id, const char *value)
{
	struct err err;

	assert_int_equal(sandbox_set(p->sandbox, p->sim.now_ms, id, "tier", slice_of(value), &err),
			 RC_OK);
}

static void create_people(struct portal *p)
{
	for (int64_t i = 0; i < PEOPLE; i++) {
		struct json *properties = json_new_object();
		char email[48];
		struct err err;
		int64_t id;
		snprintf(email, sizeof(email), "p%lld@example.org", (long long)i);
		json_set_text(properties, "email", email);
		assert_int_equal(sandbox_create(p->sandbox, START - MS_DAY, FIRST + i, properties,
						&id, &err),
				 RC_OK);
		json_free(properties);
	}
}

static void start(struct portal *p, const char *text)
{
	struct table *table = table_of(text);
	struct err err;

	p->engine = engine_new(&p->sim.world);
	assert_int_equal(engine_load(p->engine, table, &err), RC_OK);
	table_unref(table);
}

/* A daemon that has run for two hours: its rule is active and its first polls are over. */
static int setup(void **state)
{
	static const char *const options[] = { "Silver=Silver member", "Gold=Gold member" };
	struct portal *p = mem_alloc(sizeof(*p));
	struct sandbox_options o;
	struct err err;

	sandbox_defaults(&o);
	p->sandbox = sandbox_new(&o);
	sandbox_group(p->sandbox, "g", "Gold");
	sandbox_attribute(p->sandbox, "custom.tier");
	assert_int_equal(
		sandbox_property(p->sandbox, "tier", "Tier", "enumeration", options, 2, &err),
		RC_OK);
	create_people(p);
	sim_init(&p->sim, p->sandbox, START, 7, NULL);
	if (db_open(":memory:", DB_OWN, &p->db, &err) != RC_OK)
		return -1;
	p->sim.world.db = p->db;
	start(p, rules);
	run_for(p, 2 * MS_HOUR);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct portal *p = *state;

	engine_free(p->engine);
	sim_abandon(&p->sim);
	db_close(p->db);
	sandbox_free(p->sandbox);
	mem_free(p);
	return 0;
}

/* All at one instant, as an import does it. */
static void import(struct portal *p, const char *property, const char *value)
{
	struct err err;

	for (int64_t i = 0; i < PEOPLE; i++)
		assert_int_equal(sandbox_set(p->sandbox, p->sim.now_ms, FIRST + i, property,
					     slice_of(value), &err),
				 RC_OK);
}

static void an_idle_poll_is_one_search(void **state)
{
	struct portal *p = *state;
	size_t before = sandbox_calls(p->sandbox, "hubspot");

	import(p, "note", "x");
	run_for(p, MS_HOUR);
	assert_true(sandbox_calls(p->sandbox, "hubspot") > before);
	size_t searches = sandbox_calls(p->sandbox, "search");
	size_t all = sandbox_calls(p->sandbox, "hubspot");
	run_for(p, MS_HOUR);
	size_t made = sandbox_calls(p->sandbox, "search") - searches;
	assert_in_range(made, 59, 61);
	/* Labels and the like are looked at again hourly, no more. */
	assert_in_range(sandbox_calls(p->sandbox, "hubspot") - all, made, made + 2);
}

static void a_change_of_no_interest_is_read_once(void **state)
{
	struct portal *p = *state;
	size_t reads = sandbox_calls(p->sandbox, "read");

	import(p, "note", "x");
	run_for(p, 3 * MS_HOUR);
	assert_int_equal(sandbox_calls(p->sandbox, "read") - reads, PEOPLE / 50);
}

static void a_change_that_matters_is_read_once_more_when_it_falls_due(void **state)
{
	struct portal *p = *state;
	size_t reads = sandbox_calls(p->sandbox, "read");

	import(p, "tier", "Silver");
	run_for(p, 3 * MS_HOUR);
	assert_in_range(sandbox_calls(p->sandbox, "read") - reads, 2, 2 * PEOPLE / 50 + 1);
}

static void retry_after_is_waited_for(void **state)
{
	struct portal *p = *state;
	struct err err;

	assert_int_equal(sandbox_fault(p->sandbox, "create", FAULT_STATUS, 429, 1800, 0, 1, &err),
			 RC_OK);
	set_tier(p, FIRST, "Gold");
	run_for(p, 29 * MS_MINUTE);
	assert_int_equal(sandbox_calls(p->sandbox, "create"), 1);
	run_for(p, 10 * MS_MINUTE);
	assert_int_equal(sandbox_calls(p->sandbox, "create"), 2);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
}

/* The permitted rate stays in use, and is not gone beyond. */
static void a_backlog_uses_the_rate(void **state)
{
	struct portal *p = *state;
	size_t before = sandbox_calls(p->sandbox, "certifier");

	import(p, "tier", "Gold");
	run_for(p, 5 * MS_MINUTE);
	size_t middle = sandbox_calls(p->sandbox, "certifier");
	run_for(p, 4 * MS_MINUTE);
	assert_true(middle > before);
	/* 2.5 requests a second for 240 seconds. */
	assert_in_range(sandbox_calls(p->sandbox, "certifier") - middle, 590, 601);
	run_for(p, MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), PEOPLE);
	assert_int_equal(sandbox_calls(p->sandbox, "429"), 0);
}

/* Lent until the sandbox changes. */
static const char *tier_sent(struct portal *p, size_t i)
{
	static char text[64];
	struct slice tier = json_get_slice(sandbox_credential_at(p->sandbox, i).custom,
					   "custom.tier");

	snprintf(text, sizeof(text), "%.*s", SLICE_FMT(tier));
	return text;
}

/* What cannot be read now is not no, and not a guess: the event waits until it can be. */
static void a_label_that_cannot_be_read_is_waited_for(void **state)
{
	struct portal *p = *state;
	struct err err;

	engine_free(p->engine);
	p->engine = NULL;
	sim_abandon(&p->sim);
	assert_int_equal(
		sandbox_fault(p->sandbox, "property", FAULT_STATUS, 500, -1, 0, 1000, &err), RC_OK);
	start(p, rules);
	set_tier(p, FIRST, "Gold");
	run_for(p, MS_HOUR);
	assert_int_equal(sandbox_credential_count(p->sandbox), 0);
	assert_int_equal(db_integer(p->db, 0, "SELECT count(*) FROM issuance", ""), 0);
	sandbox_faults_clear(p->sandbox);
	run_for(p, 2 * MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
	assert_string_equal(tier_sent(p, 0), "Gold member");
}

/* Labels that were read stay, whoever refuses to tell them again. */
static void labels_stay_though_they_are_refused_later(void **state)
{
	struct portal *p = *state;
	struct err err;

	assert_int_equal(
		sandbox_fault(p->sandbox, "property", FAULT_STATUS, 404, -1, 0, 1000, &err), RC_OK);
	run_for(p, 2 * MS_HOUR);
	assert_true(sandbox_faults_left(p->sandbox, "property") < 1000);
	set_tier(p, FIRST, "Gold");
	run_for(p, MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
	assert_string_equal(tier_sent(p, 0), "Gold member");
}

/* From now on the property has so many of these. */
static void have_options(struct portal *p, size_t n)
{
	static const char *const options[] = { "Silver=Silver member", "Gold=Gold member",
					       "Platinum=Platinum member" };
	struct err err;

	assert_int_equal(sandbox_property(p->sandbox, "tier", "Tier", "checkbox", options, n, &err),
			 RC_OK);
}

/* A value of an option that is younger than the labels is waited for, too: a poll reads them again. */
static void the_label_of_a_new_option_is_read(void **state)
{
	struct portal *p = *state;

	run_for(p, 10 * MS_MINUTE); /* after the hourly reading */
	have_options(p, 3);
	set_tier(p, FIRST, "Gold");
	set_tier(p, FIRST + 1, "Platinum");
	int64_t before = sandbox_calls(p->sandbox, "property");
	run_for(p, 5 * MS_MINUTE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
	assert_string_equal(tier_sent(p, 0), "Gold member");
	assert_string_equal(tier_sent(p, 1), "Platinum member");
	assert_int_equal(sandbox_calls(p->sandbox, "property") - before, 1);
}

/* … and at once, however rare the polls. */
static void the_label_of_a_new_option_waits_for_no_poll(void **state)
{
	static const char seldom[] =
		"account: hubspot\nhubspot: { token: \"${HUBSPOT_TOKEN}\", poll: 30m }\n---\n"
		"account: certifier\ncertifier: { token: \"${CERTIFIER_TOKEN}\" }\n---\n";
	char text[1024];
	struct portal *p = *state;

	engine_free(p->engine);
	sim_abandon(&p->sim);
	snprintf(text, sizeof(text), "%s%s", seldom, rules);
	start(p, text);
	run_for(p, 40 * MS_MINUTE); /* two polls, each of which reads them */
	have_options(p, 3);
	set_tier(p, FIRST, "Platinum");
	run_for(p, 25 * MS_MINUTE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 1);
	assert_string_equal(tier_sent(p, 0), "Platinum member");
}

/* What no option has stands for itself, once that is sure; nobody asks for it again. */
static void a_value_of_no_option_stands_for_itself(void **state)
{
	struct portal *p = *state;

	run_for(p, 10 * MS_MINUTE); /* after the hourly reading */
	have_options(p, 3);
	set_tier(p, FIRST, "Platinum");
	have_options(p, 2);
	int64_t before = sandbox_calls(p->sandbox, "property");
	run_for(p, 5 * MS_MINUTE);
	have_options(p, 3);
	set_tier(p, FIRST + 1, "Gold;Platinum");
	have_options(p, 2);
	run_for(p, 5 * MS_MINUTE);
	assert_int_equal(sandbox_mail_count(p->sandbox), 2);
	assert_string_equal(tier_sent(p, 0), "Platinum");
	assert_string_equal(tier_sent(p, 1), "Gold member;Platinum");
	assert_int_equal(sandbox_calls(p->sandbox, "property") - before, 1);
}

#define portal(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		portal(an_idle_poll_is_one_search),
		portal(a_change_of_no_interest_is_read_once),
		portal(a_change_that_matters_is_read_once_more_when_it_falls_due),
		portal(retry_after_is_waited_for),
		portal(a_backlog_uses_the_rate),
		portal(a_label_that_cannot_be_read_is_waited_for),
		portal(labels_stay_though_they_are_refused_later),
		portal(the_label_of_a_new_option_is_read),
		portal(the_label_of_a_new_option_waits_for_no_poll),
		portal(a_value_of_no_option_stands_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

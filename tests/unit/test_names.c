/* The names of the accounts: read page by page, through limits and failures, on the sandbox. */
#include "tests/unit/rules.h"

#include "engine/names.h"
#include "engine/sim.h"

#define START INT64_C(1795435220000)

static const char rules[] = "rule: tier\n"
			    "trigger: { event: property-changed, property: tier }\n"
			    "action: { do: issue-credential, group: g }\n";

struct stage {
	struct sandbox *sandbox;
	struct sim sim;
	struct table *table;
	struct names_round *round;
	struct err err;
	uint64_t fail_from, fail_to; /* requests of these numbers meet the fate */
	struct sim_fate fate;
};

static struct sim_fate decide(void *ctx, const struct sim_request *request)
{
	struct stage *s = ctx;

	if (request->number >= s->fail_from && request->number <= s->fail_to)
		return s->fate;
	return (struct sim_fate){ 0 };
}

static int stage_setup(void **state)
{
	struct stage *s = mem_alloc(sizeof(*s));
	struct sandbox_options o;

	sandbox_defaults(&o);
	s->sandbox = sandbox_new(&o);
	sim_init(&s->sim, s->sandbox, START, 7, NULL);
	s->sim.fate = decide;
	s->sim.fate_ctx = s;
	s->table = table_of(rules);
	*state = s;
	return 0;
}

static int stage_teardown(void **state)
{
	struct stage *s = *state;

	names_round_free(s->round);
	table_unref(s->table);
	sim_abandon(&s->sim);
	sandbox_free(s->sandbox);
	mem_free(s);
	return 0;
}

static void add_lists(struct stage *s, int count)
{
	char name[32];
	struct err err;

	for (int i = 1; i <= count; i++) {
		snprintf(name, sizeof(name), "List %d", i);
		assert_int_equal(sandbox_list(s->sandbox, START, i, name, NULL, NULL, &err), RC_OK);
	}
}

static enum rc read_names(struct stage *s)
{
	s->round = names_round_new(&s->sim.world, s->table);
	return sim_names(&s->sim, s->round, &s->err);
}

static const struct lock_section *section(struct stage *s, const char *account, enum lock_kind kind)
{
	return &lock_account(names_round_lock(s->round), account)->section[kind];
}

static void every_page_is_read(void **state)
{
	struct stage *s = *state;
	char id[32];

	add_lists(s, 1203);
	for (int i = 0; i < 250; i++) {
		snprintf(id, sizeof(id), "g%03d", i);
		sandbox_group(s->sandbox, id, "Group");
	}
	sandbox_attribute(s->sandbox, "custom.tier");
	assert_int_equal(read_names(s), RC_OK);
	assert_int_equal(section(s, "hubspot", LOCK_LISTS)->count, 1203);
	assert_false(section(s, "hubspot", LOCK_LISTS)->more);
	assert_int_equal(section(s, "certifier", LOCK_GROUPS)->count, 250);
	/* What is built in is none of them. */
	assert_int_equal(section(s, "certifier", LOCK_ATTRIBUTES)->count, 1);
	assert_true(section(s, "hubspot", LOCK_PROPERTIES)->count > 10);
}

static void lists_beyond_the_reach_leave_a_mark(void **state)
{
	struct stage *s = *state;

	add_lists(s, 10001);
	assert_int_equal(read_names(s), RC_OK);
	assert_int_equal(section(s, "hubspot", LOCK_LISTS)->count, 10000);
	assert_true(section(s, "hubspot", LOCK_LISTS)->more);
}

static void tags_come_in_either_spelling(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->bare_tags = true;
	sandbox_attribute(s->sandbox, "custom.tier");
	assert_int_equal(read_names(s), RC_OK);
	assert_string_equal(section(s, "certifier", LOCK_ATTRIBUTES)->entry[0].key, "custom.tier");
}

static void properties_come_with_types_and_options(void **state)
{
	static const char *const options[] = { "b=Bee", "a=Ay" };
	struct stage *s = *state;
	struct err err;

	assert_int_equal(
		sandbox_property(s->sandbox, "topics", "Topics", "checkbox", options, 2, &err),
		RC_OK);
	assert_int_equal(sandbox_property(s->sandbox, "agreed", NULL, "bool", NULL, 0, &err),
			 RC_OK);
	assert_int_equal(sandbox_property(s->sandbox, "gone", NULL, NULL, NULL, 0, &err), RC_OK);
	assert_int_equal(sandbox_property_delete(s->sandbox, "gone", &err), RC_OK);
	assert_int_equal(sandbox_property_delete(s->sandbox, "gone", &err), RC_INVALID);
	assert_int_equal(sandbox_property_delete(s->sandbox, "email", &err), RC_INVALID);
	assert_int_equal(read_names(s), RC_OK);
	const struct lock_account *a = lock_account(names_round_lock(s->round), "hubspot");
	const struct lock_entry *e = lock_find(a, LOCK_PROPERTIES, slice_of("topics"));
	assert_string_equal(e->type, "enumeration");
	assert_string_equal(e->field, "checkbox");
	assert_int_equal(e->n_option, 2);
	assert_string_equal(e->option[0].label, "Ay");
	e = lock_find(a, LOCK_PROPERTIES, slice_of("agreed"));
	assert_string_equal(e->type, "bool");
	assert_int_equal(e->n_option, 0);
	assert_null(lock_find(a, LOCK_PROPERTIES, slice_of("gone")));
}

/* Fails requests from..to in that way; the error must hold the text. */
static void fails_with(struct stage *s, uint64_t from, uint64_t to, struct sim_fate fate,
		       enum rc rc, const char *text)
{
	s->fail_from = from;
	s->fail_to = to;
	s->fate = fate;
	assert_int_equal(read_names(s), rc);
	if (!strstr(s->err.text, text))
		fail_msg("'%s' is not in '%s'", text, s->err.text);
}

#define FOR_EVER 1000

static void no_connection_is_given_up_after_some_tries(void **state)
{
	struct stage *s = *state;

	fails_with(s, 1, FOR_EVER, (struct sim_fate){ .how = SIM_NOT_SENT }, RC_AGAIN,
		   "account 'certifier': groups: no answer: ");
	assert_int_equal(s->sim.started, 5);
}

static void a_cut_answer_is_asked_for_again(void **state)
{
	struct stage *s = *state;

	add_lists(s, 600);
	s->fail_from = 1;
	s->fail_to = 4;
	s->fate = (struct sim_fate){ .how = SIM_HALVED, .after = true };
	assert_int_equal(read_names(s), RC_OK);
	assert_int_equal(section(s, "hubspot", LOCK_LISTS)->count, 600);
}

static void answers_that_stay_cut_are_a_failure(void **state)
{
	fails_with(*state, 3, FOR_EVER, (struct sim_fate){ .how = SIM_HALVED, .after = true },
		   RC_AGAIN, "account 'hubspot': properties: 200 with an answer that is cut");
}

static void a_refused_token_is_said_at_once(void **state)
{
	struct stage *s = *state;

	fails_with(s, 3, FOR_EVER, (struct sim_fate){ .how = SIM_ANSWERED, .status = 401 },
		   RC_REFUSED, "account 'hubspot': properties: 401 the token is not accepted");
	assert_int_equal(s->sim.started, 3);
}

static void a_missing_scope_is_named(void **state)
{
	fails_with(*state, 6, 6, (struct sim_fate){ .how = SIM_ANSWERED, .status = 403 },
		   RC_REFUSED, "lists: 403, the token lacks a scope: crm.lists.read");
}

static void sensitive_properties_may_be_refused(void **state)
{
	struct stage *s = *state;

	s->fail_from = 4;
	s->fail_to = 5;
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = 403 };
	assert_int_equal(read_names(s), RC_OK);
}

static void a_limit_is_waited_out(void **state)
{
	struct stage *s = *state;
	int64_t began = s->sim.now_ms;

	s->fail_from = s->fail_to = 3;
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = 429, .retry_after_s = 90 };
	assert_int_equal(read_names(s), RC_OK);
	assert_true(s->sim.now_ms - began >= 90 * MS_SECOND);
}

static void a_long_limit_is_a_failure(void **state)
{
	fails_with(*state, 3, 3,
		   (struct sim_fate){ .how = SIM_ANSWERED, .status = 429, .retry_after_s = 3600 },
		   RC_AGAIN, "account 'hubspot': asks to come back in 1h: properties: 429");
}

/* Two cursors that take turns. */
static struct sim_fate turn_round(void *ctx, const struct sim_request *request)
{
	static const char *const pages[] = {
		"{\"data\":[{\"id\":\"g\"}],\"pagination\":{\"next\":\"one\"}}",
		"{\"data\":[{\"id\":\"g\"}],\"pagination\":{\"next\":\"other\"}}",
	};

	(void)ctx;
	return (struct sim_fate){ .how = SIM_ANSWERED,
				  .status = 200,
				  .body = pages[request->number % 2] };
}

static void pages_that_never_end_are_a_failure(void **state)
{
	struct stage *s = *state;

	s->sim.fate = turn_round;
	assert_int_equal(read_names(s), RC_INVALID);
	assert_string_equal(s->err.text, "account 'certifier': its pages do not end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
		TEST(every_page_is_read),
		TEST(lists_beyond_the_reach_leave_a_mark),
		TEST(tags_come_in_either_spelling),
		TEST(properties_come_with_types_and_options),
		TEST(no_connection_is_given_up_after_some_tries),
		TEST(a_cut_answer_is_asked_for_again),
		TEST(answers_that_stay_cut_are_a_failure),
		TEST(a_refused_token_is_said_at_once),
		TEST(a_missing_scope_is_named),
		TEST(sensitive_properties_may_be_refused),
		TEST(a_limit_is_waited_out),
		TEST(a_long_limit_is_a_failure),
		TEST(pages_that_never_end_are_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Accounts that the rules do not declare any more: a grant that is being renewed, and what waits for a look. */
#include "tests/unit/running.h"

#include "engine/act.h"
#include "engine/grant.h"

static const char *fails; /* the tag of the commits that fail */

#define CERTIFIER "account: certifier\ncertifier: { token: \"${C}\" }\n---\n"
#define RULE(name, account)                                                                        \
	"rule: " name "\ntrigger: { event: property-changed, account: " account                    \
	", property: tier }\naction: { do: issue-credential, group: g }\n"
#define PORTAL(account) "account: " account "\nhubspot: { token: \"${ONE}\" }\n---\n"

static bool at_commit(void *ctx, const char *tag, bool after)
{
	(void)ctx;
	return after || !fails || strcmp(tag, fails) != 0;
}

static int set_up(void **state)
{
	(void)state;
	fails = NULL;
	return begin_running(at_commit);
}

/* ---- a grant that is being renewed --------------------------------------------- */

static const char over_oauth[] =
	"account: one\nhubspot: { oauth: { client-id: app, client-secret: \"${ONE}\" } }\n---\n" CERTIFIER
		RULE("a", "one");
static const char without_it[] = PORTAL("two") CERTIFIER RULE("b", "two");

static struct sim_fate slow_tokens(void *ctx, const struct sim_request *request)
{
	(void)ctx;
	return (struct sim_fate){
		.delay_ms = strstr(request->path, "/oauth/") ? 10 * MS_SECOND : 0,
	};
}

/* Each refresh token is for one use, and their answers take ten seconds. */
static void begin_renewal(void)
{
	struct grant g;
	struct err err;
	const char *access, *refresh;

	sandbox_options(sandbox)->oauth_rotates = true;
	sandbox_options(sandbox)->oauth_secret = "token-of-ONE";
	sim.fate = slow_tokens;
	grant_init(&g);
	sandbox_grant(sandbox, sim.now_ms, "app",
		      "oauth crm.objects.contacts.read crm.schemas.contacts.read", &access,
		      &refresh, &g.expires_ms);
	str_add_text(&g.client_id, "app");
	str_add_text(&g.access, access);
	str_add_text(&g.refresh, refresh);
	assert_int_equal(grant_connect(db, "one", &g, &err), RC_OK);
	grant_wipe(&g);
	load(over_oauth);
	assert_int_equal(live(25 * MS_MINUTE + 5 * MS_SECOND), RC_OK);
	assert_int_equal(sandbox_calls(sandbox, "token"), 1);
}

static void goes_on_with_its_grant(void)
{
	load(over_oauth);
	assert_int_equal(live(3 * MS_HOUR), RC_OK);
	set("tier", "Silver");
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 1);
	assert_false(db_exists(db, "SELECT 1 FROM oauth_grant WHERE refused IS NOT NULL", ""));
}

/* What is on its way for an account that is taken out is kept: its grant is good when it is back. */
static void an_account_that_goes_amid_a_renewal_keeps_its_grant(void **state)
{
	(void)state;
	begin_renewal();
	load(without_it);
	assert_int_equal(live(20 * MS_MINUTE), RC_OK);
	assert_int_equal(sandbox_calls(sandbox, "token"), 1);
	goes_on_with_its_grant();
}

static void one_that_is_back_before_the_answer_waits_for_it(void **state)
{
	(void)state;
	begin_renewal();
	load(without_it);
	goes_on_with_its_grant();
}

static void a_stop_waits_for_what_is_on_its_way(void **state)
{
	(void)state;
	begin_renewal();
	load(without_it);
	engine_stop(engine);
	assert_false(engine_stopped(engine));
	assert_int_equal(live(20 * MS_SECOND), RC_OK);
	assert_true(engine_stopped(engine));
	engine_free(engine);
	sim_abandon(&sim);
	engine = engine_new(&sim.world);
	goes_on_with_its_grant();
}

/* The answer cannot be kept: nothing goes on over that. */
static void what_cannot_be_kept_of_one_that_is_gone_is_told(void **state)
{
	(void)state;
	begin_renewal();
	load(without_it);
	fails = "renew";
	assert_int_equal(live(20 * MS_MINUTE), RC_BROKEN);
	fails = NULL;
}

/* ---- what waits for a look by an account that is gone ------------------------- */

#define WAITING "missing e-mail: waits 2d for an address"
#define UNSEEN                                                                                     \
	"nobody looks at its contact: account 'one' is not declared any more, declare it again"
#define HELD_IN(account) PORTAL(account) CERTIFIER RULE("a", account) "missing-email: hold 2d\n"

/* From now on errors are told to `text`, until the file that it answers is closed. */
static FILE *tell_errors_to(char *text, size_t size)
{
	static struct log log;
	FILE *file = fmemopen(text, size, "w");

	assert_non_null(file);
	log = (struct log){
		.out = file, .level = LOG_ERROR, .now_ms = sim.world.wall_ms, .ctx = sim.world.ctx
	};
	sim.world.log = &log;
	return file;
}

static bool reason_is(const char *reason)
{
	return db_exists(db, "SELECT 1 FROM issuance WHERE id = 1 AND reason IS ?1", "t", reason);
}

static void why_is(void *ctx, const struct act_result *result)
{
	const char *why = ctx;

	assert_int_equal(result->outcome, ACT_DONE);
	assert_true(result->at_look);
	assert_string_equal(result->why, why);
}

static void why_not_is(void *ctx, const struct act_result *result)
{
	const char *why = ctx;

	assert_int_equal(result->outcome, ACT_UNCHANGED);
	assert_string_equal(result->why, why);
}

static void retry(act_say *say, const char *why)
{
	const int64_t id = 1;
	const struct act_choice choice = { .id = &id, .ids = 1 };
	const struct act_by by = { "ana", sim.now_ms, false };
	size_t found;
	struct err err;

	assert_int_equal(
		act_do(db, ACT_RETRY, &choice, &by, say, (void *)(uintptr_t)why, &found, &err),
		RC_OK);
	engine_nudge(engine);
	assert_int_equal(live(MS_SECOND), RC_OK);
}

static size_t times_told(const char *text)
{
	size_t n = 0;

	while ((text = strstr(text, "is not declared any more")) != NULL) {
		text++;
		n++;
	}
	return n;
}

static void hold_one(void)
{
	load(HELD_IN("one"));
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	set("email", "");
	set("tier", "Silver");
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_true(reason_is(WAITING));
}

static void what_nobody_looks_at_says_so(void **state)
{
	char text[4096] = "";

	(void)state;
	hold_one();
	FILE *file = tell_errors_to(text, sizeof(text));
	load(HELD_IN("other"));
	assert_true(reason_is(WAITING "; " UNSEEN));
	retry(why_is, UNSEEN);
	retry(why_not_is, UNSEEN);
	load(HELD_IN("other"));
	assert_true(reason_is(WAITING "; " UNSEEN));
	fclose(file);
	assert_int_equal(times_told(text), 1);
	assert_non_null(strstr(text, "account=one issuances=1"));
	sim.world.log = &sim.log;
	load(HELD_IN("one"));
	assert_true(reason_is(WAITING));
	assert_int_equal(live(MS_MINUTE), RC_OK);
	assert_true(db_exists(
		db, "SELECT 1 FROM issuance WHERE replan = 0 AND hold = 'missing-email'", ""));
}

/* What the service said stays beside it; where it said nothing, that alone is said. */
static void a_retry_that_nobody_looks_at_is_told(void **state)
{
	static const char *const before[] = { "HTTP 422: no", NULL };
	static const char *const then[] = { "HTTP 422: no; " UNSEEN, UNSEEN };

	(void)state;
	hold_one();
	load(HELD_IN("other"));
	for (size_t i = 0; i < 2; i++) {
		db_run(db,
		       "UPDATE issuance SET state = 'refused', hold = NULL, reason = ?1, replan = 0,"
		       " expire_ms = NULL",
		       "t", before[i]);
		load(HELD_IN("other"));
		assert_true(reason_is(before[i])); /* it waits for nobody */
		db_run(db, "UPDATE issuance SET replan = 1", "");
		engine_nudge(engine);
		assert_int_equal(live(MS_SECOND), RC_OK);
		assert_true(reason_is(then[i]));
		load(HELD_IN("one"));
		assert_true(reason_is(before[i]));
		load(HELD_IN("other"));
		assert_true(reason_is(then[i]));
	}
}

static void what_cannot_be_told_is_told_by_the_next(void **state)
{
	(void)state;
	hold_one();
	fails = "undeclared";
	assert_int_equal(try_load(HELD_IN("other")), RC_BROKEN);
	fails = NULL;
	engine_free(engine);
	sim_abandon(&sim);
	engine = engine_new(&sim.world);
	load(HELD_IN("other"));
	assert_true(reason_is(WAITING "; " UNSEEN));
	fails = "declared";
	assert_int_equal(try_load(HELD_IN("one")), RC_BROKEN);
	fails = NULL;
	load(HELD_IN("one"));
	assert_true(reason_is(WAITING));
}

#define lived(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lived(an_account_that_goes_amid_a_renewal_keeps_its_grant),
		lived(one_that_is_back_before_the_answer_waits_for_it),
		lived(a_stop_waits_for_what_is_on_its_way),
		lived(what_cannot_be_kept_of_one_that_is_gone_is_told),
		lived(what_nobody_looks_at_says_so),
		lived(a_retry_that_nobody_looks_at_is_told),
		lived(what_cannot_be_told_is_told_by_the_next),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

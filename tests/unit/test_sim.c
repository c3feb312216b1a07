/* The fate of a request in the virtual world: what happened at the sandbox, and what was heard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)
#define CREATE "{\"recipient\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"},\"groupId\":\"g\"}"

struct stage {
	struct sandbox *sandbox;
	struct sim sim;
	struct engine *engine;
	struct sim_fate fate; /* of the next request */
	uint64_t number;      /* that the hook was told */
	bool heard;
	int64_t heard_ms;
	struct http_response response;
	char body[2048];
};

static struct sim_fate decide(void *ctx, const struct sim_request *request)
{
	struct stage *s = ctx;

	assert_string_equal(request->method, "POST");
	assert_string_equal(request->path, "/certifier/v1/credentials");
	assert_true(slice_is(request->body, CREATE));
	s->number = request->number;
	return s->fate;
}

static int setup(void **state)
{
	struct stage *s = mem_alloc(sizeof(*s));
	struct sandbox_options o;
	struct err err;

	sandbox_defaults(&o);
	s->sandbox = sandbox_new(&o);
	sandbox_group(s->sandbox, "g", "Gold");
	sim_init(&s->sim, s->sandbox, START, 7, NULL);
	s->sim.fate = decide;
	s->sim.fate_ctx = s;
	*state = s;
	if (db_open(":memory:", DB_OWN, &s->sim.world.db, &err) != RC_OK)
		return -1;
	s->engine = engine_new(&s->sim.world);
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;

	engine_free(s->engine);
	sim_abandon(&s->sim);
	db_close(s->sim.world.db);
	sandbox_free(s->sandbox);
	mem_free(s);
	return 0;
}

static void heard(void *arg, const struct http_response *response)
{
	struct stage *s = arg;

	assert_false(s->heard);
	s->heard = true;
	s->heard_ms = s->sim.now_ms;
	s->response = *response;
	snprintf(s->body, sizeof(s->body), "%.*s", SLICE_FMT(response->body));
}

/* Asks Certifier for a credential; a minute passes. */
static enum rc ask(struct stage *s, struct sim_fate fate)
{
	static const struct http_request create = {
		.method = "POST",
		.url = "https://api.certifier.io/v1/credentials",
		.bearer = "t",
		.header = { "Certifier-Version: 2022-10-26" },
		.body = { CREATE, sizeof(CREATE) - 1 },
		.has_body = true,
	};
	struct err err;

	s->fate = fate;
	s->sim.world.http_start(&s->sim, &create, heard, s);
	assert_false(s->heard);
	return sim_run(&s->sim, s->engine, s->sim.now_ms + MS_MINUTE, &err);
}

/* Every fate but the service's own answer: done or not, and what was heard of it. */
static void test_fates(void **state)
{
	static const struct {
		struct sim_fate fate;
		size_t made;
		enum http_outcome outcome;
		int status;
		int64_t least_ms;
	} all[] = {
		{ { .how = SIM_NOT_SENT }, 0, HTTP_NOT_SENT, 0, 0 },
		{ { .how = SIM_CUT }, 0, HTTP_UNKNOWN, 0, 0 },
		{ { .how = SIM_CUT, .after = true }, 1, HTTP_UNKNOWN, 201, 0 },
		{ { .how = SIM_TIMEOUT }, 0, HTTP_UNKNOWN, 0, 30 * MS_SECOND },
		{ { .how = SIM_TIMEOUT, .after = true }, 1, HTTP_UNKNOWN, 201, 30 * MS_SECOND },
		{ { .how = SIM_ANSWERED, .status = 503 }, 0, HTTP_ANSWER, 503, 0 },
		{ { .how = SIM_ANSWERED, .status = 302, .after = true }, 1, HTTP_ANSWER, 302, 0 },
		{ { .how = SIM_GOES, .delay_ms = MS_SECOND }, 1, HTTP_ANSWER, 201, MS_SECOND },
	};
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t before = sandbox_credential_count(s->sandbox);
		int64_t asked_ms = s->sim.now_ms;
		s->heard = false;
		assert_int_equal(ask(s, all[i].fate), RC_OK);
		assert_true(s->heard);
		assert_int_equal(s->number, i + 1);
		assert_int_equal(s->response.outcome, all[i].outcome);
		assert_int_equal(s->response.status, all[i].status);
		assert_true(s->heard_ms - asked_ms >= all[i].least_ms);
		assert_int_equal(sandbox_credential_count(s->sandbox), before + all[i].made);
	}
}

static void test_answers(void **state)
{
	struct stage *s = *state;
	struct err err;

	assert_int_equal(ask(s, (struct sim_fate){ .how = SIM_ANSWERED,
						   .status = 429,
						   .body = "{\"slow\":1}",
						   .retry_after_s = 7 }),
			 RC_OK);
	assert_string_equal(s->body, "{\"slow\":1}");
	assert_int_equal(s->response.retry_after_ms, 7 * MS_SECOND);
	s->heard = false;
	assert_int_equal(ask(s, (struct sim_fate){ .how = SIM_HALVED }), RC_OK);
	assert_true(s->heard);
	assert_int_equal(s->response.status, 201);
	assert_int_equal(s->body[0], '{');
	assert_null(json_parse(slice_of(s->body), &err));
}

/* A fault that the sandbox was told of meets a request that goes its way. */
static void test_beside_scripted_faults(void **state)
{
	struct stage *s = *state;
	struct err err;

	assert_int_equal(sandbox_fault(s->sandbox, "create", FAULT_CUT_AFTER, 0, -1, 0, 1, &err),
			 RC_OK);
	assert_int_equal(ask(s, (struct sim_fate){ 0 }), RC_OK);
	assert_int_equal(s->response.outcome, HTTP_UNKNOWN);
	assert_int_equal(sandbox_credential_count(s->sandbox), 1);
}

/* Ended as it leaves: nobody hears, nothing else leaves; whether it arrives is its fate. */
static void test_ends_leaving(void **state)
{
	struct stage *s = *state;

	for (int arrives = 0; arrives < 2; arrives++) {
		struct sim_fate fate = { .how = arrives ? SIM_GOES : SIM_NOT_SENT,
					 .end = SIM_ENDS_LEAVING };
		assert_int_equal(ask(s, fate), RC_BROKEN);
		assert_int_equal(ask(s, (struct sim_fate){ 0 }), RC_BROKEN);
		sim_abandon(&s->sim);
		assert_false(s->heard);
		assert_int_equal(sandbox_credential_count(s->sandbox), arrives);
		s->sim.ended = false;
	}
}

static void test_ends_answered(void **state)
{
	struct stage *s = *state;

	assert_int_equal(ask(s, (struct sim_fate){ .end = SIM_ENDS_ANSWERED }), RC_BROKEN);
	assert_true(s->heard);
	assert_true(s->sim.now_ms < START + MS_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside_scripted_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_leaving, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_answered, setup, teardown),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

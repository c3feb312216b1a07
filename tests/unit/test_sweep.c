/* Which drafts are taken for strays, and what the answers to looks and removals mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "engine/certifier/certifier.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LEFT INT64_C(1795428000000) /* 2026-11-23T10:00:00Z: the create left */
#define UNTIL (LEFT + 5 * MS_MINUTE)
#define NOW (LEFT + 20 * MS_MINUTE)
#define STRAY "01hz2f0c9ryvzajg20jqh9taab"
#define HELD "01hz2f0c9ryvzajg20jqh9held"

static const struct action_ops *const ops = &certifier_ops;
static const struct setting settings[] = {
	{ .key = "base-url", .kind = SETTING_TEXT, .text = "https://api.certifier.io/v1" },
	{ .key = "portal-url", .kind = SETTING_TEXT, .text = "https://credsverse.com/credentials" },
};
static const struct account account = { "certifier", "certifier", settings, COUNT(settings) };

struct bed {
	struct action *action;
	struct arena memory;
	struct stray stray;
};

static int set_up(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));
	struct err err;

	arena_init(&b->memory);
	b->action = ops->open(&account, slice_of("tok"));
	b->stray.is = (struct issuance){
		.id = 7,
		.group = "g1",
		.fields = json_parse(slice_of("{\"recipient.name\":\"Ada\",\"recipient.email\":"
					      "\"ada@example.org\",\"custom.tier\":\"Gold\"}"),
				     &err),
		.attempt_ms = LEFT,
	};
	b->stray.until_ms = UNTIL;
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	ops->close(b->action);
	json_free((struct json *)(uintptr_t)b->stray.is.fields);
	arena_release(&b->memory);
	mem_free(b);
	return 0;
}

static bool held(void *ctx, const char *credential)
{
	(void)ctx;
	return strcmp(credential, HELD) == 0;
}

static struct verdict judge(struct bed *b, enum http_outcome outcome, int status, const char *body)
{
	struct http_response r = { .outcome = outcome,
				   .status = status,
				   .body = slice_of(body),
				   .date_ms = HTTP_ABSENT,
				   .retry_after_ms = HTTP_ABSENT };
	struct action_view view = { b, held, NULL, NOW, NOW };
	struct verdict v;

	ops->sweep_verdict(b->action, &b->stray, &r, &view, &b->memory, &v);
	return v;
}

/* A page with one credential; each text may be another one than the stray's. */
struct shown {
	const char *id, *group, *status, *email, *name, *tier, *created;
};

static const struct shown stray = {
	STRAY, "g1", "draft", "ada@example.org", "Ada", "Gold", "2026-11-23T10:00:01.000Z"
};

static const char *page(struct bed *b, const struct shown *s)
{
	return arena_printf(&b->memory,
			    "{\"data\":[{\"id\":\"%s\",\"groupId\":\"%s\",\"status\":\"%s\","
			    "\"recipient\":{\"name\":\"%s\",\"email\":\"%s\"},"
			    "\"customAttributes\":{\"custom.tier\":\"%s\"},\"createdAt\":\"%s\"}],"
			    "\"pagination\":{\"next\":null}}",
			    s->id, s->group, s->status, s->name, s->email, s->tier, s->created);
}

static void a_stray_is_found_by_all_that_it_was_made_with(void **state)
{
	struct bed *b = *state;
	struct verdict v = judge(b, HTTP_ANSWER, 200, page(b, &stray));

	assert_string_equal(v.credential, STRAY);
	assert_false(v.again);
	assert_null(v.cursor);
}

static void whatever_differs_stays(void **state)
{
	struct bed *b = *state;
	struct shown other[9];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(other); i++)
		other[i] = stray;
	other[n++].id = HELD;
	other[n++].group = "g2";
	other[n++].status = "issued";
	other[n++].status = "scheduled";
	other[n++].email = "ida@example.org";
	other[n++].name = "Ida";
	other[n++].tier = "Silver";
	other[n++].created = "2026-11-23T09:58:59.999Z"; /* a minute of clocks before */
	other[n++].created = "2026-11-23T10:06:00.001Z"; /* … and after */
	for (size_t i = 0; i < n; i++) {
		struct verdict v = judge(b, HTTP_ANSWER, 200, page(b, &other[i]));
		if (v.credential)
			fail_msg("case %zu would be removed", i);
		assert_false(v.again);
		assert_null(v.reason);
	}
	struct shown edge = stray;
	edge.created = "2026-11-23T09:59:00.000Z";
	assert_non_null(judge(b, HTTP_ANSWER, 200, page(b, &edge)).credential);
	edge.created = "2026-11-23T10:06:00.000Z";
	assert_non_null(judge(b, HTTP_ANSWER, 200, page(b, &edge)).credential);
}

static void a_look_goes_on_page_by_page(void **state)
{
	struct bed *b = *state;
	const char *body = "{\"data\":[{\"id\":\"x\"}],\"pagination\":{\"next\":\"c2\"}}";
	struct verdict v = judge(b, HTTP_ANSWER, 200, body);
	struct http_request r;

	assert_null(v.credential);
	assert_string_equal(v.cursor, "c2");
	b->stray.is.cursor = v.cursor;
	ops->sweep_step(b->action, &b->stray, &b->memory, &r);
	assert_string_equal(r.method, "POST");
	assert_non_null(strstr(r.url, "/credentials/search"));
	assert_non_null(strstr(r.body.ptr, "\"cursor\":\"c2\""));
	assert_null(judge(b, HTTP_ANSWER, 200, body).cursor); /* the same one again ends it */
}

static void a_removal_names_the_draft_and_nothing_else(void **state)
{
	struct bed *b = *state;
	struct http_request r;

	b->stray.remove = STRAY;
	ops->sweep_step(b->action, &b->stray, &b->memory, &r);
	assert_string_equal(r.method, "DELETE");
	assert_string_equal(r.url, "https://api.certifier.io/v1/credentials/" STRAY);
	assert_false(r.has_body);
	assert_true(r.fresh);
}

struct ended {
	enum http_outcome outcome;
	int status;
	enum verdict_scope scope;
	bool again, problem;
};

static void every_end_has_a_meaning(void **state)
{
	static const struct ended looks[] = {
		{ HTTP_ANSWER, 200, SCOPE_ISSUANCE, true, true }, /* no page in it */
		{ HTTP_ANSWER, 401, SCOPE_ACCOUNT_STOP, false, true },
		{ HTTP_ANSWER, 429, SCOPE_ACCOUNT_WAIT, true, true },
		{ HTTP_ANSWER, 500, SCOPE_ISSUANCE, true, true },
		{ HTTP_NOT_SENT, 0, SCOPE_ACCOUNT_WAIT, true, true },
		{ HTTP_UNKNOWN, 0, SCOPE_ISSUANCE, true, true },
	};
	static const struct ended removals[] = {
		{ HTTP_ANSWER, 200, SCOPE_ISSUANCE, false, false },
		{ HTTP_ANSWER, 204, SCOPE_ISSUANCE, false, false },
		{ HTTP_ANSWER, 404, SCOPE_ISSUANCE, false, false },
		{ HTTP_ANSWER, 401, SCOPE_ACCOUNT_STOP, false, true },
		{ HTTP_ANSWER, 403, SCOPE_ISSUANCE, false, true },
		{ HTTP_ANSWER, 408, SCOPE_ISSUANCE, true, true },
		{ HTTP_ANSWER, 409, SCOPE_ISSUANCE, false, true },
		{ HTTP_ANSWER, 412, SCOPE_ISSUANCE, false, true },
		{ HTTP_ANSWER, 429, SCOPE_ACCOUNT_WAIT, true, true },
		{ HTTP_ANSWER, 503, SCOPE_ISSUANCE, true, true },
		{ HTTP_NOT_SENT, 0, SCOPE_ACCOUNT_WAIT, true, true },
		{ HTTP_UNKNOWN, 0, SCOPE_ISSUANCE, true, true },
	};
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(looks) + COUNT(removals); i++) {
		bool look = i < COUNT(looks);
		const struct ended *e = look ? &looks[i] : &removals[i - COUNT(looks)];
		b->stray.remove = look ? NULL : STRAY;
		struct verdict v = judge(b, e->outcome, e->status, "");
		if (v.scope != e->scope || v.again != e->again || (v.reason != NULL) != e->problem)
			fail_msg("%s %zu: scope %d, again %d, %s", look ? "look" : "removal", i,
				 v.scope, v.again, v.reason ? v.reason : "no reason");
		assert_null(v.credential);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_stray_is_found_by_all_that_it_was_made_with,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(whatever_differs_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_look_goes_on_page_by_page, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_removal_names_the_draft_and_nothing_else, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(every_end_has_a_meaning, set_up, tear_down),
	};

	json_start();
	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}

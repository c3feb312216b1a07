/*
 * One attempt to connect an account: what is asked, what is taken of what comes back, and what
 * becomes of a code. Against the sandbox's OAuth.
 */
#include "tests/unit/oauth.h"

#include <string.h>

#include "base/clock.h"
#include "engine/connect.h"

static const char rules[] =
	"account: academy\nhubspot:\n  oauth: { client-id: the app, client-secret: \"${SECRET}\" }\n"
	"---\naccount: c\ncertifier: { token: \"${C}\" }\n---\n"
	"rule: tier\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, group: g }\n";

static struct {
	struct table *table;
	struct connect *connect;
	struct err err;
} s;

static void begin(void)
{
	connect_free(s.connect);
	assert_int_equal(
		connect_new(&w.world, table_account(s.table, "academy"), NULL, &s.connect, &s.err),
		RC_OK);
}

static int setup(void **state)
{
	struct sandbox_options o;

	(void)state;
	memset(&s, 0, sizeof(s));
	sandbox_defaults(&o);
	o.oauth_at_once = true;
	world_begin(&o, "the secret");
	s.table = table_of(rules);
	begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	connect_free(s.connect);
	table_unref(s.table);
	world_end();
	return 0;
}

/* Where the browser of somebody who agrees is sent to. */
static void agree(char back[512])
{
	struct sandbox_answer a;
	const char *url = connect_url(s.connect);

	sandbox_call(w.sandbox, w.now_ms,
		     &(struct sandbox_request){ .method = "GET",
						.path = "/hubspot/oauth/authorize",
						.query = strchr(url, '?') + 1 },
		     &a);
	assert_int_equal(a.status, 302);
	snprintf(back, 512, "%s", strchr(a.header[0], ' ') + 1);
	str_release(&a.body);
}

static enum rc to_the_end(bool *done)
{
	enum rc rc;

	for (int i = 0; i < 100; i++) {
		rc = connect_step(s.connect, done, &s.err);
		if (rc != RC_OK || *done)
			return rc;
		if (!answer()) {
			assert_true(connect_wake_ms(s.connect) != INT64_MAX);
			w.now_ms = connect_wake_ms(s.connect);
		}
	}
	return RC_BROKEN;
}

static enum rc take(const char *text)
{
	return connect_take(s.connect, slice_of(text), true, &s.err);
}

/* ---- tests ------------------------------------------------------------------------ */

static void the_address_asks_for_all_that_rules_may_need(void **state)
{
	const char *url = connect_url(s.connect);

	(void)state;
	assert_true(
		strncmp(url, "https://app.hubspot.com/oauth/authorize?client_id=the%20app&",
			strlen("https://app.hubspot.com/oauth/authorize?client_id=the%20app&")) ==
		0);
	assert_non_null(strstr(url, "&redirect_uri=http%3A%2F%2Flocalhost%3A8789%2Fcallback&"));
	assert_non_null(strstr(url, "crm.lists.read"));
	assert_non_null(strstr(url, "&code_challenge_method=S256"));
	assert_null(strstr(url, "the%20secret"));
	struct connect *more;
	assert_int_equal(
		connect_new(&w.world, table_account(s.table, "academy"), "tickets", &more, &s.err),
		RC_OK);
	assert_non_null(strstr(connect_url(more), "crm.lists.read%20tickets&"));
	assert_string_not_equal(strstr(connect_url(more), "&state="), strstr(url, "&state="));
	connect_free(more);
}

static void a_code_becomes_a_grant(void **state)
{
	char back[512];
	bool done;

	(void)state;
	agree(back);
	assert_int_equal(connect_wake_ms(s.connect), INT64_MAX);
	assert_int_equal(take(back), RC_OK);
	assert_int_equal(take(back), RC_INVALID); /* once */
	assert_int_equal(to_the_end(&done), RC_OK);
	const struct grant *g = connect_grant(s.connect);
	assert_true(slice_is(str_slice(&g->tenant), "1234567"));
	assert_true(slice_is(str_slice(&g->tenant_name), "sandbox.example"));
	assert_true(slice_is(str_slice(&g->client_id), "the app"));
	assert_true(oauth_has_scope(str_slice(&g->scopes), "crm.lists.read"));
	assert_false(oauth_has_scope(str_slice(&g->scopes), "crm.lists"));
	assert_int_equal(g->expires_ms, w.now_ms + 30 * MS_MINUTE);
}

static void what_is_no_answer_to_this_is_not_taken(void **state)
{
	static const char *const texts[] = {
		"",
		"  ",
		"http://localhost:8789/callback",
		"http://localhost:8789/callback?code=&state=",
		"http://localhost:8789/callback?code=na1-x&state=another",
		"http://localhost:8789/callback?code=na1-x",
		"http://localhost:8789/callback?error=access_denied&state=another",
		"?state=x",
		"two words",
		"a=b",
	};
	char back[512];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(take(texts[i]), RC_INVALID);
		assert_true(s.err.text[0]);
	}
	/* A code by itself is taken from a person only, never from what a browser sends. */
	assert_int_equal(connect_take(s.connect, slice_of("na1-code"), false, &s.err), RC_INVALID);
	agree(back);
	assert_int_equal(take(back), RC_OK);
}

static void who_says_no_is_heard(void **state)
{
	char text[600];
	const char *at = strstr(connect_url(s.connect), "&state=");

	(void)state;
	snprintf(text, sizeof(text),
		 "http://localhost/callback?error=access_denied&error_description=no+"
		 "%%1b%%zz%.*s",
		 (int)strcspn(at + 1, "&") + 1, at);
	assert_int_equal(take(text), RC_REFUSED);
	assert_string_equal(s.err.text, "it was not granted: access_denied: no \\x1b%zz");
}

static void a_code_alone_is_enough_for_a_person(void **state)
{
	char back[512];
	bool done;

	(void)state;
	agree(back);
	char *code = strstr(back, "code=") + 5;
	code[strcspn(code, "&")] = '\0';
	assert_int_equal(take(code), RC_OK);
	assert_int_equal(to_the_end(&done), RC_OK);
}

/* A code that somebody else got for himself does not fit our verifier: RFC 7636. */
static void the_code_of_another_attempt_is_refused(void **state)
{
	char back[512];
	bool done;

	(void)state;
	agree(back);
	char *code = strstr(back, "code=") + 5;
	code[strcspn(code, "&")] = '\0';
	begin();
	assert_int_equal(take(code), RC_OK);
	assert_int_equal(to_the_end(&done), RC_REFUSED);
	assert_non_null(strstr(s.err.text, "BAD_CODE_VERIFIER"));
}

static void a_refusal_is_told(void **state)
{
	char back[512];
	bool done;

	(void)state;
	agree(back);
	assert_int_equal(take(back), RC_OK);
	w.now_ms += 10 * MS_MINUTE;
	assert_int_equal(to_the_end(&done), RC_REFUSED);
	assert_non_null(strstr(s.err.text, "EXPIRED_AUTH_CODE: the code has expired"));
	sandbox_options(w.sandbox)->oauth_secret = "another";
	begin();
	agree(back);
	assert_int_equal(take(back), RC_OK);
	assert_int_equal(to_the_end(&done), RC_REFUSED);
	assert_non_null(strstr(s.err.text, "BAD_CLIENT_SECRET"));
}

static void what_passes_is_tried_again(void **state)
{
	char back[512];
	bool done;

	(void)state;
	assert_int_equal(sandbox_fault(w.sandbox, "token", FAULT_STATUS, 503, -1, 0, 2, &s.err),
			 RC_OK);
	assert_int_equal(
		sandbox_fault(w.sandbox, "introspect", FAULT_STATUS, 429, -1, 0, 2, &s.err), RC_OK);
	agree(back);
	assert_int_equal(take(back), RC_OK);
	assert_int_equal(to_the_end(&done), RC_OK);
	assert_true(done);
	assert_int_equal(sandbox_calls(w.sandbox, "token"), 3);
}

/* A code is for one use: where the answer was lost, nobody sends it again. */
static void a_lost_answer_ends_it(void **state)
{
	char back[512];
	bool done;

	(void)state;
	agree(back);
	assert_int_equal(take(back), RC_OK);
	w.outcome = HTTP_UNKNOWN;
	assert_int_equal(to_the_end(&done), RC_AGAIN);
	assert_int_equal(sandbox_calls(w.sandbox, "token"), 1);
}

static void without_a_name_it_is_connected_all_the_same(void **state)
{
	char back[512];
	bool done;

	(void)state;
	assert_int_equal(
		sandbox_fault(w.sandbox, "introspect", FAULT_STATUS, 404, -1, 0, 9, &s.err), RC_OK);
	agree(back);
	assert_int_equal(take(back), RC_OK);
	assert_int_equal(to_the_end(&done), RC_OK);
	assert_true(slice_is(str_slice(&connect_grant(s.connect)->tenant), "1234567"));
	assert_int_equal(connect_grant(s.connect)->tenant_name.len, 0);
	assert_int_equal(sandbox_calls(w.sandbox, "introspect"), 1);
}

static void without_the_secret_nothing_begins(void **state)
{
	struct connect *none;

	(void)state;
	w.secret = NULL;
	assert_int_equal(
		connect_new(&w.world, table_account(s.table, "academy"), NULL, &none, &s.err),
		RC_REFUSED);
	assert_null(none);
	assert_non_null(strstr(s.err.text, "'SECRET' is not set"));
}

#define attempt(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		attempt(the_address_asks_for_all_that_rules_may_need),
		attempt(a_code_becomes_a_grant),
		attempt(what_is_no_answer_to_this_is_not_taken),
		attempt(who_says_no_is_heard),
		attempt(a_code_alone_is_enough_for_a_person),
		attempt(the_code_of_another_attempt_is_refused),
		attempt(a_refusal_is_told),
		attempt(what_passes_is_tried_again),
		attempt(a_lost_answer_ends_it),
		attempt(without_a_name_it_is_connected_all_the_same),
		attempt(without_the_secret_nothing_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

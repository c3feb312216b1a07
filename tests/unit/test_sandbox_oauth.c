/* The sandbox's OAuth: what is granted, exchanged, refreshed and refused, as facts/hubspot.md 1.1 to 1.4 has it. */
#include "tests/unit/sandbox_help.h"

#include <stdio.h>

#include "base/pkce.h"

#define TOKEN "/hubspot/oauth/2026-03/token"
#define CONTACTS "/hubspot/crm/v3/objects/contacts"
#define REDIRECT "redirect_uri=http%3A%2F%2Flocalhost%3A8789%2Fcallback"
#define APP "client_id=my-app&client_secret=the-secret"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" /* RFC 7636, appendix B */
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define ASK                                                                                        \
	"client_id=my-app&" REDIRECT "&scope=oauth%20crm.objects.contacts.read&state=s%26t"        \
	"&code_challenge=" CHALLENGE "&code_challenge_method=S256"

static struct wire w;
static char code[80], access[80], refresh[80];

static int setup(void **state)
{
	(void)state;
	wire_open(&w);
	sandbox_options(w.sb)->oauth_secret = "the-secret";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wire_close(&w);
	return 0;
}

/* A click on the button; what came back is the code. */
static void grant(void)
{
	assert_int_equal(wire(&w, "POST", "/hubspot/oauth/authorize", ASK "&decision=grant"), 302);
	const char *at = strstr(wire_header(&w, "Location"), "?code=");
	assert_non_null(at);
	snprintf(code, sizeof(code), "%.*s", (int)strcspn(at + 6, "&"), at + 6);
}

static int exchange(const char *app, const char *redirect, const char *verifier)
{
	char body[512];

	snprintf(body, sizeof(body), "grant_type=authorization_code&%s&%s&code=%s&code_verifier=%s",
		 app, redirect, code, verifier);
	return wire(&w, "POST", TOKEN, body);
}

static void keep_tokens(void)
{
	struct slice a = json_get_slice(w.json, "access_token"),
		     r = json_get_slice(w.json, "refresh_token");

	assert_true(a.len && a.len < sizeof(access) && r.len && r.len < sizeof(refresh));
	snprintf(access, sizeof(access), "%.*s", SLICE_FMT(a));
	snprintf(refresh, sizeof(refresh), "%.*s", SLICE_FMT(r));
}

static int renew(const char *token)
{
	char body[256];

	snprintf(body, sizeof(body), "grant_type=refresh_token&" APP "&refresh_token=%s", token);
	return wire(&w, "POST", TOKEN, body);
}

static int ask_contacts(void)
{
	char bearer[120];

	snprintf(bearer, sizeof(bearer), "Bearer %s", access);
	w.authorization = bearer;
	int status = wire(&w, "GET", CONTACTS, NULL);
	w.authorization = NULL;
	return status;
}

static void connect(void)
{
	grant();
	assert_int_equal(exchange(APP, REDIRECT, VERIFIER), 200);
	keep_tokens();
}

static void refused(int status, const char *error, const char *word)
{
	assert_int_equal(status, 400);
	assert_member(&w, "error", error);
	assert_member(&w, "status", word);
	assert_true(json_get_slice(w.json, "message").len > 0);
	assert_true(json_get_slice(w.json, "error_description").len > 0);
}

/* ---- tests ------------------------------------------------------------------------ */

static void a_challenge_is_that_of_the_rfc(void **state)
{
	struct str out;

	(void)state;
	str_init(&out, 64);
	pkce_challenge(slice_of(VERIFIER), &out);
	assert_string_equal(str_text(&out), CHALLENGE);
	str_clear(&out);
	pkce_text((const unsigned char *)"\xfb\xff\xfe\x01", 4, &out);
	assert_string_equal(str_text(&out), "-__-AQ");
	str_release(&out);
}

static void a_person_is_asked_and_grants(void **state)
{
	(void)state;
	w.authorization = NULL;
	assert_int_equal(wire(&w, "GET", "/hubspot/oauth/authorize?" ASK, NULL), 200);
	assert_non_null(strstr(str_text(&w.answer.body), "my-app"));
	assert_non_null(strstr(str_text(&w.answer.body), "value=\"s&amp;t\""));
	connect();
	assert_member(&w, "token_type", "bearer");
	assert_int_equal(json_int(json_get(w.json, "expires_in"), 0), 1800);
	assert_int_equal(json_int(json_get(w.json, "hub_id"), 0), 1234567);
	assert_int_equal(json_count(json_get(w.json, "scopes")), 2);
	assert_int_equal(ask_contacts(), 200);
}

static void at_once_without_a_click(void **state)
{
	(void)state;
	sandbox_options(w.sb)->oauth_at_once = true;
	assert_int_equal(wire(&w, "GET", "/hubspot/oauth/authorize?" ASK, NULL), 302);
	assert_non_null(strstr(wire_header(&w, "Location"), "&state=s%26t"));
}

static void who_says_no_sends_an_error_back(void **state)
{
	(void)state;
	assert_int_equal(wire(&w, "POST", "/hubspot/oauth/authorize", ASK "&decision=deny"), 302);
	assert_non_null(strstr(wire_header(&w, "Location"), "?error=access_denied&"));
}

static void what_cannot_be_asked_is_refused(void **state)
{
	static const char *const asks[] = {
		REDIRECT "&scope=oauth",
		"client_id=a&redirect_uri=http%3A%2F%2Fexample.org%2F&scope=oauth",
		"client_id=a&redirect_uri=https%3A%2F%2F127.0.0.1%2F&scope=oauth",
		"client_id=a&redirect_uri=&scope=oauth",
		"client_id=a&" REDIRECT "&scope=crm.lists.read",
		"client_id=a&" REDIRECT "&scope=oauth&code_challenge=x&code_challenge_method=plain",
	};
	char target[400];

	(void)state;
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		snprintf(target, sizeof(target), "/hubspot/oauth/authorize?%s", asks[i]);
		assert_int_equal(wire(&w, "GET", target, NULL), 400);
	}
}

static void a_code_is_for_one_use_and_a_while(void **state)
{
	(void)state;
	connect();
	refused(exchange(APP, REDIRECT, VERIFIER), "invalid_grant", "BAD_AUTH_CODE");
	grant();
	w.now_ms += 10 * MS_MINUTE;
	refused(exchange(APP, REDIRECT, VERIFIER), "invalid_grant", "EXPIRED_AUTH_CODE");
}

static void a_code_is_for_whom_it_was_made(void **state)
{
	(void)state;
	grant();
	refused(exchange("client_id=my-app&client_secret=x", REDIRECT, VERIFIER), "invalid_client",
		"BAD_CLIENT_SECRET");
	refused(exchange("client_secret=the-secret", REDIRECT, VERIFIER), "invalid_client",
		"BAD_CLIENT_ID");
	refused(exchange("client_id=b&client_secret=the-secret", REDIRECT, VERIFIER),
		"invalid_grant", "BAD_AUTH_CODE");
	refused(exchange(APP, "redirect_uri=https%3A%2F%2Fe.org", VERIFIER), "invalid_grant",
		"BAD_REDIRECT_URI");
	refused(exchange(APP, REDIRECT, "another"), "invalid_grant", "BAD_CODE_VERIFIER");
	assert_int_equal(exchange(APP, REDIRECT, VERIFIER), 200); /* none of this used it up */
}

static void an_access_token_ends(void **state)
{
	(void)state;
	connect();
	w.now_ms += 30 * MS_MINUTE - 1;
	assert_int_equal(ask_contacts(), 200);
	w.now_ms += 1;
	assert_int_equal(ask_contacts(), 401);
	assert_member(&w, "category", "EXPIRED_AUTHENTICATION");
	assert_int_equal(renew(refresh), 200);
	keep_tokens();
	assert_int_equal(ask_contacts(), 200);
}

static void a_refresh_token_for_one_use_has_a_successor(void **state)
{
	char first[80];

	(void)state;
	connect();
	snprintf(first, sizeof(first), "%s", refresh);
	assert_int_equal(renew(first), 200);
	assert_int_equal(renew(first), 200); /* HubSpot's stay */
	sandbox_options(w.sb)->oauth_rotates = true;
	assert_int_equal(renew(first), 200);
	keep_tokens();
	refused(renew(first), "invalid_grant", "BAD_REFRESH_TOKEN");
	assert_int_equal(renew(refresh), 200);
}

static void what_was_revoked_is_over(void **state)
{
	char path[200], body[200];

	(void)state;
	connect();
	assert_int_equal(wire(&w, "POST", "/sandbox/revoke", "{}"), 200);
	assert_int_equal(ask_contacts(), 401);
	assert_member(&w, "category", "INVALID_AUTHENTICATION");
	refused(renew(refresh), "invalid_grant", "BAD_REFRESH_TOKEN");
	connect();
	snprintf(body, sizeof(body), APP "&token=%s", access);
	assert_int_equal(wire(&w, "POST", TOKEN "/revoke", body), 200);
	assert_int_equal(ask_contacts(), 401);
	assert_int_equal(renew(refresh), 200);
	snprintf(path, sizeof(path), "/hubspot/oauth/v1/refresh-tokens/%s", refresh);
	assert_int_equal(wire(&w, "GET", path, NULL), 200);
	assert_int_equal(wire(&w, "DELETE", path, NULL), 204);
	assert_int_equal(wire(&w, "GET", path, NULL), 404);
	refused(renew(refresh), "invalid_grant", "BAD_REFRESH_TOKEN");
}

static void a_token_is_described(void **state)
{
	char body[200], path[200];

	(void)state;
	connect();
	snprintf(body, sizeof(body), APP "&token_type_hint=access_token&token=%s", access);
	assert_int_equal(wire(&w, "POST", TOKEN "/introspect", body), 200);
	assert_true(json_bool(json_get(w.json, "active"), false));
	assert_member(&w, "hub_domain", "sandbox.example");
	snprintf(path, sizeof(path), "/hubspot/oauth/v1/access-tokens/%s", access);
	assert_int_equal(wire(&w, "GET", path, NULL), 200);
	assert_member(&w, "token_type", "access");
	w.now_ms += MS_HOUR;
	assert_int_equal(wire(&w, "POST", TOKEN "/introspect", body), 200);
	assert_false(json_bool(json_get(w.json, "active"), true));
	assert_int_equal(wire(&w, "GET", path, NULL), 404);
	assert_int_equal(wire(&w, "POST", "/hubspot/oauth/v9/token", body), 404);
	refused(wire(&w, "POST", TOKEN, APP "&grant_type=password"), "unsupported_grant_type",
		"BAD_GRANT_TYPE");
}

static void a_scope_that_was_not_granted_is_missed(void **state)
{
	(void)state;
	connect();
	char bearer[120];
	snprintf(bearer, sizeof(bearer), "Bearer %s", access);
	w.authorization = bearer;
	assert_int_equal(wire(&w, "GET", "/hubspot/crm/v3/lists/1", NULL), 403);
	assert_member(&w, "category", "MISSING_SCOPES");
	assert_int_equal(wire(&w, "GET", "/hubspot/account-info/2026-03/details", NULL), 200);
	w.authorization = "Bearer CJSPof-another-life";
	assert_int_equal(wire(&w, "GET", CONTACTS, NULL), 401);
	assert_int_equal(wire(&w, "GET", "/hubspot/nowhere", NULL), 401);
	w.authorization = NULL;
}

/* Grants outlive the sandbox's process; access tokens do not. */
static void grants_are_part_of_the_data(void **state)
{
	struct sandbox_options o;
	struct err err;

	(void)state;
	connect();
	struct json *data = sandbox_save(w.sb, w.now_ms);
	sandbox_free(w.sb);
	sandbox_defaults(&o);
	w.sb = sandbox_new(&o);
	assert_int_equal(sandbox_load(w.sb, w.now_ms, data, &err), RC_OK);
	json_free(data);
	assert_int_equal(ask_contacts(), 401);
	assert_int_equal(renew(refresh), 200);
	keep_tokens();
	assert_int_equal(ask_contacts(), 200);
}

#define wired(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		wired(a_challenge_is_that_of_the_rfc),
		wired(a_person_is_asked_and_grants),
		wired(at_once_without_a_click),
		wired(who_says_no_sends_an_error_back),
		wired(what_cannot_be_asked_is_refused),
		wired(a_code_is_for_one_use_and_a_while),
		wired(a_code_is_for_whom_it_was_made),
		wired(an_access_token_ends),
		wired(a_refresh_token_for_one_use_has_a_successor),
		wired(what_was_revoked_is_over),
		wired(a_token_is_described),
		wired(a_scope_that_was_not_granted_is_missed),
		wired(grants_are_part_of_the_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The sandbox's Certifier: shapes, refusals and limits of facts/certifier.md. */
#include "tests/unit/sandbox_help.h"

#include <stdio.h>

#define CREDENTIALS "/certifier/v1/credentials"
#define GROUP "01g90279gp5sbmfek7wymcsvec"
#define ANA "\"recipient\":{\"name\":\"Ana\",\"email\":\"ana@example.org\"}"
#define DRAFT "{\"groupId\":\"" GROUP "\"," ANA "}"

static struct wire w;

static int open_wire(void **state)
{
	(void)state;
	wire_open(&w);
	sandbox_group(w.sb, GROUP, "Tier");
	sandbox_attribute(w.sb, "custom.tier");
	return 0;
}

static int close_wire(void **state)
{
	(void)state;
	wire_close(&w);
	return 0;
}

static void assert_error(int status, const char *code)
{
	assert_int_equal(w.status, status);
	assert_member(&w, "error.code", code);
	assert_non_null(json_path(w.json, "error.message"));
}

/* POST of `{path of the credential}/{verb}`. */
static int act(const char *id, const char *verb, const char *body)
{
	char path[256];

	snprintf(path, sizeof(path), CREDENTIALS "/%s%s%s", id, verb[0] ? "/" : "", verb);
	return wire(&w, verb[0] ? "POST" : "GET", path, body);
}

#define SEND "{\"deliveryMethod\":\"email\"}"

/* A draft from this body; answers its id, kept by the sandbox. */
static const char *draft(const char *body)
{
	assert_int_equal(wire(&w, "POST", CREDENTIALS, body), 201);
	return sandbox_credential_at(w.sb, sandbox_credential_count(w.sb) - 1).id;
}

/* ---- who may, and where ------------------------------------------------- */

static void test_order_of_refusals(void **state)
{
	(void)state;
	w.authorization = NULL;
	w.version = NULL;
	wire(&w, "GET", CREDENTIALS, NULL);
	assert_error(401, "unauthorized");
	assert_member(&w, "error.message", "Unauthorized");
	w.authorization = "Bearer t";
	wire(&w, "GET", "/certifier/v1/nonsense", NULL);
	assert_error(400, "missing_version");
	w.version = "2023-01-01";
	wire(&w, "POST", CREDENTIALS, "no json");
	assert_error(400, "invalid_version");
	w.version = "2022-10-26";
	wire(&w, "GET", "/certifier/v1/nonsense", NULL);
	assert_error(404, "not_found");
	wire(&w, "PUT", CREDENTIALS, "{}");
	assert_error(404, "not_found");
	wire(&w, "GET", "/certifier/v2/credentials", NULL);
	assert_error(404, "not_found");
	wire(&w, "POST", CREDENTIALS, "no json");
	assert_error(400, "invalid_json");
	wire(&w, "POST", CREDENTIALS, NULL);
	assert_error(400, "invalid_json");
	sandbox_options(w.sb)->certifier_token = "right";
	wire(&w, "GET", CREDENTIALS, NULL);
	assert_error(401, "unauthorized");
}

static void test_rate(void **state)
{
	(void)state;
	sandbox_options(w.sb)->rate_limits = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(wire(&w, "GET", "/certifier/v1/groups", NULL), 200);
	wire(&w, "GET", "/certifier/v1/groups", NULL);
	assert_error(429, "rate_limited");
	assert_string_equal(wire_header(&w, "Retry-After"), "1");
	assert_int_equal(sandbox_calls(w.sb, "429"), 1);
	w.now_ms += 333;
	assert_int_equal(wire(&w, "GET", "/certifier/v1/groups", NULL), 429);
	w.now_ms += 1;
	assert_int_equal(wire(&w, "GET", "/certifier/v1/groups", NULL), 200);
	assert_int_equal(wire(&w, "GET", "/certifier/v1/groups", NULL), 429);
}

/* ---- create ------------------------------------------------------------- */

static void test_create_shape(void **state)
{
	(void)state;
	wire(&w, "POST", CREDENTIALS,
	     "{\"groupId\":\"" GROUP "\"," ANA ",\"expiryDate\":\"2027-11-23\","
	     "\"customAttributes\":{\"custom.tier\":\"Gold\"},\"nonsense\":1}");
	assert_int_equal(w.status, 201);
	assert_int_equal(json_get_slice(w.json, "id").len, 26);
	assert_int_equal(json_get_slice(w.json, "publicId").len, 36);
	assert_member(&w, "status", "draft");
	assert_member(&w, "groupId", GROUP);
	assert_member(&w, "recipient.email", "ana@example.org");
	assert_text(json_get(json_get(w.json, "attributes"), "recipient.name"), "Ana");
	assert_text(json_get(json_get(w.json, "customAttributes"), "custom.tier"), "Gold");
	assert_member(&w, "issueDate", "2026-11-23");
	assert_member(&w, "expiryDate", "2027-11-23");
	assert_int_equal(sandbox_mail_count(w.sb), 0);
	wire(&w, "POST", CREDENTIALS,
	     "{\"groupId\":\"" GROUP "\",\"recipient\":{\"name\":\"Bo\",\"id\":null}}");
	assert_int_equal(w.status, 201);
	assert_int_equal(json_kind(json_get(w.json, "recipient")), IS_NULL);
	assert_int_equal(json_kind(json_get(w.json, "expiryDate")), IS_NULL);
	assert_null(sandbox_credential_at(w.sb, 1).email);
}

static void test_create_refusals(void **state)
{
	static const char *const bad[] = {
		"{" ANA "}",
		"{\"groupId\":\"" GROUP "\"}",
		"{\"groupId\":\"" GROUP "\",\"recipient\":{\"email\":\"a@b.org\"}}",
		"{\"groupId\":\"" GROUP "\",\"recipient\":{\"name\":\" \"}}",
		"{\"groupId\":\"" GROUP "\",\"recipient\":{\"name\":\"A\",\"email\":\"nobody\"}}",
		"{\"groupId\":\"" GROUP "\",\"recipient\":{\"name\":\"A\",\"email\":\"\"}}",
		"{\"groupId\":\"" GROUP "\"," ANA ",\"issueDate\":\"23.11.2026\"}",
		"{\"groupId\":\"" GROUP "\"," ANA ",\"issueDate\":null}",
		"{\"groupId\":\"" GROUP "\"," ANA ",\"expiryDate\":\"2026-02-30\"}",
		"{\"groupId\":\"" GROUP "\"," ANA ",\"customAttributes\":{\"custom.x\":\"1\"}}",
		"{\"groupId\":\"" GROUP "\"," ANA ",\"customAttributes\":{\"tier\":\"1\"}}",
		"{\"groupId\":\"" GROUP "\"," ANA ",\"customAttributes\":{\"custom.tier\":1}}",
		"[]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (wire(&w, "POST", CREDENTIALS, bad[i]) != 400)
			fail_msg("%s -> %d", bad[i], w.status);
		assert_error(400, "validation_error");
	}
	wire(&w, "POST", CREDENTIALS, bad[9]);
	assert_member(&w, "error.message",
		      "Custom attribute [custom.x] is not defined on the workspace level");
	assert_int_equal(sandbox_credential_count(w.sb), 0);
}

static void test_unknown_group_and_plan(void **state)
{
	const char *other = "{\"groupId\":\"01other\"," ANA "}";
	const char *expiring = "{\"groupId\":\"" GROUP "\"," ANA ",\"expiryDate\":\"2027-01-01\"}";

	(void)state;
	wire(&w, "POST", CREDENTIALS, other);
	assert_error(404, "not_found");
	sandbox_options(w.sb)->unknown_group_status = 400;
	wire(&w, "POST", CREDENTIALS, other);
	assert_error(400, "validation_error");
	sandbox_plan(w.sb, false);
	wire(&w, "POST", CREDENTIALS, expiring);
	assert_error(402, "payment_required");
	assert_int_equal(wire(&w, "POST", CREDENTIALS, DRAFT), 201);
	sandbox_plan(w.sb, true);
	assert_int_equal(wire(&w, "POST", CREDENTIALS, expiring), 201);
}

/* ---- issue and send ----------------------------------------------------- */

static void test_issue(void **state)
{
	const char *id = draft(DRAFT);

	(void)state;
	w.now_ms += 5;
	assert_int_equal(act(id, "issue", NULL), 200);
	assert_member(&w, "status", "issued");
	assert_member(&w, "updatedAt", "2026-11-23T10:00:00.005Z");
	assert_int_equal(sandbox_mail_count(w.sb), 0);
	act(id, "issue", "[]");
	assert_error(412, "precondition_failed");
	sandbox_options(w.sb)->issue_again_status = 409;
	act(id, "issue", NULL);
	assert_error(409, "conflict");
	act("01nonsense", "issue", NULL);
	assert_error(404, "not_found");
	act(id, "", NULL);
	assert_member(&w, "status", "issued");
}

static void test_send(void **state)
{
	const char *id = draft(DRAFT);
	const char *nameless = draft("{\"groupId\":\"" GROUP "\",\"recipient\":{\"name\":\"Bo\"}}");

	(void)state;
	act(id, "send", SEND);
	assert_error(412, "precondition_failed");
	act(id, "issue", NULL);
	act(id, "send", "{}");
	assert_error(400, "validation_error");
	act(id, "send", NULL);
	assert_error(400, "invalid_json");
	assert_int_equal(sandbox_mail_count(w.sb), 0);
	assert_int_equal(act(id, "send", SEND), 200);
	assert_int_equal(act(id, "send", SEND), 200); /* mails again */
	assert_int_equal(sandbox_credential_at(w.sb, 0).mails, 2);
	assert_int_equal(sandbox_mail_count(w.sb), 2);
	assert_string_equal(sandbox_mail_at(w.sb, 1).email, "ana@example.org");
	assert_string_equal(sandbox_mail_at(w.sb, 1).credential, id);
	act(nameless, "issue", NULL);
	act(nameless, "send", SEND);
	assert_error(400, "validation_error");
	act("01nonsense", "send", SEND);
	assert_error(404, "not_found");
}

static void test_all_in_one(void **state)
{
	(void)state;
	assert_int_equal(wire(&w, "POST", CREDENTIALS "/create-issue-send", DRAFT), 201);
	assert_member(&w, "status", "issued");
	assert_int_equal(sandbox_mail_count(w.sb), 1);
	wire(&w, "POST", CREDENTIALS "/create-issue-send",
	     "{\"groupId\":\"" GROUP "\",\"recipient\":{\"name\":\"Bo\"}}");
	assert_error(400, "validation_error");
}

static void test_expiry(void **state)
{
	const char *id = draft("{\"groupId\":\"" GROUP "\"," ANA ",\"expiryDate\":\"2026-11-23\"}");

	(void)state;
	act(id, "issue", NULL);
	assert_member(&w, "status", "issued");
	w.now_ms += MS_DAY;
	act(id, "", NULL);
	assert_member(&w, "status", "expired");
	assert_string_equal(sandbox_credential_at(w.sb, 0).status, "expired");
	act(id, "send", SEND);
	assert_error(412, "precondition_failed");
}

static void test_update_and_delete(void **state)
{
	const char *id = draft(DRAFT);
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), CREDENTIALS "/%s", id);
	assert_int_equal(wire(&w, "PATCH", path,
			      "{\"expiryDate\":\"2030-01-01\",\"customAttributes\":"
			      "{\"custom.tier\":\"Gold\"}}"),
			 200);
	assert_member(&w, "expiryDate", "2030-01-01");
	assert_member(&w, "recipient.name", "Ana");
	assert_int_equal(wire(&w, "PATCH", path, "{\"expiryDate\":null}"), 200);
	assert_int_equal(json_kind(json_get(w.json, "expiryDate")), IS_NULL);
	assert_int_equal(wire(&w, "PATCH", path, "{\"customAttributes\":{\"custom.x\":\"1\"}}"),
			 400);
	assert_int_equal(wire(&w, "PATCH", path, "{\"recipient\":{\"email\":\"x@y.org\"}}"), 400);
	assert_int_equal(wire(&w, "DELETE", path, NULL), 204);
	assert_int_equal(w.answer.body.len, 0);
	assert_int_equal(wire(&w, "DELETE", path, NULL), 404);
	assert_int_equal(wire(&w, "GET", path, NULL), 404);
	assert_int_equal(sandbox_credential_count(w.sb), 0);
}

/* ---- search and lists --------------------------------------------------- */

static int found(const char *filter)
{
	char body[1024];

	snprintf(body, sizeof(body), "{\"filter\":%s}", filter);
	if (wire(&w, "POST", CREDENTIALS "/search", body) != 200)
		return -w.status;
	return (int)json_count(json_get(w.json, "data"));
}

static void test_search(void **state)
{
	static const struct {
		const char *filter;
		int found;
	} cases[] = {
		{ "{\"recipient\":{\"email\":{\"equals\":\"ana@example.org\"}}}", 1 },
		{ "{\"recipient\":{\"email\":{\"equals\":\"ANA@example.org\"}}}", 0 },
		{ "{\"recipient\":{\"email\":{\"contains\":\"example\"}}}", 2 },
		{ "{\"recipient\":{\"email\":{\"startsWith\":\"bo@\"}}}", 1 },
		{ "{\"recipient\":{\"email\":{\"endsWith\":\".org\"}}}", 2 },
		{ "{\"recipient\":{\"email\":{\"in\":[\"x\",\"bo@example.org\"]}}}", 1 },
		{ "{\"recipient\":{\"name\":{\"equals\":\"Cy\"}}}", 0 }, /* no recipient */
		{ "{\"status\":{\"equals\":\"draft\"}}", 2 },
		{ "{\"status\":{\"in\":[\"draft\",\"issued\"]}}", 3 },
		{ "{\"NOT\":[{\"status\":{\"equals\":\"draft\"}}]}", 1 },
		{ "{\"AND\":[{\"status\":{\"equals\":\"issued\"}},"
		  "{\"recipient\":{\"name\":{\"equals\":\"Ana\"}}}]}",
		  1 },
		{ "{\"OR\":[{\"status\":{\"equals\":\"issued\"}},"
		  "{\"recipient\":{\"name\":{\"equals\":\"Bo\"}}}]}",
		  2 },
		{ "{\"AND\":{\"status\":{\"equals\":\"issued\"}}}", -400 },
		{ "{\"AND\":[]}", -400 },
		{ "{\"groupId\":{\"equals\":\"" GROUP "\"}}", -400 },
		{ "{\"status\":{\"contains\":\"draft\"}}", -400 },
		{ "{\"recipient\":{\"email\":{\"like\":\"x\"}}}", -400 },
		{ "{\"recipient\":{\"email\":{\"equals\":1}}}", -400 },
		{ "{}", -400 },
		{ "null", -400 },
	};

	(void)state;
	act(draft(DRAFT), "issue", NULL);
	draft("{\"groupId\":\"" GROUP
	      "\",\"recipient\":{\"name\":\"Bo\",\"email\":\"bo@example.org\"}}");
	draft("{\"groupId\":\"" GROUP "\",\"recipient\":{\"name\":\"Cy\"}}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (found(cases[i].filter) != cases[i].found)
			fail_msg("%s -> %s", cases[i].filter, str_text(&w.answer.body));
	sandbox_options(w.sb)->certifier_email_nocase = true;
	assert_int_equal(found(cases[1].filter), 1);
	assert_int_equal(wire(&w, "POST", CREDENTIALS "/search", "{}"), 400);
	assert_int_equal(wire(&w, "POST", CREDENTIALS "/search", ""), 400);
}

#define EVERY "\"filter\":{\"status\":{\"in\":[\"draft\"]}}"

static void test_search_sort_and_pages(void **state)
{
	struct slice next;
	char body[256];

	(void)state;
	for (int i = 0; i < 3; i++) {
		draft(DRAFT);
		w.now_ms += 1000;
	}
	wire(&w, "POST", CREDENTIALS "/search",
	     "{" EVERY ",\"limit\":2,\"sort\":{\"property\":\"createdAt\",\"order\":\"desc\"}}");
	assert_int_equal(json_count(json_get(w.json, "data")), 2);
	assert_text(json_get(json_at(json_get(w.json, "data"), 0), "createdAt"),
		    "2026-11-23T10:00:02Z");
	next = json_slice(json_path(w.json, "pagination.next"));
	snprintf(body, sizeof(body), "{" EVERY ",\"limit\":2,\"cursor\":\"%.*s\"}",
		 SLICE_FMT(next));
	wire(&w, "POST", CREDENTIALS "/search", body);
	assert_int_equal(json_count(json_get(w.json, "data")), 1);
	assert_int_equal(json_kind(json_path(w.json, "pagination.next")), IS_NULL);
	assert_int_equal(wire(&w, "POST", CREDENTIALS "/search", "{" EVERY ",\"limit\":101}"), 400);
	assert_int_equal(wire(&w, "POST", CREDENTIALS "/search",
			      "{" EVERY ",\"sort\":{\"property\":\"createdAt\"}}"),
			 400);
	assert_int_equal(wire(&w, "POST", CREDENTIALS "/search",
			      "{" EVERY ",\"sort\":{\"property\":\"name\",\"order\":\"asc\"}}"),
			 400);
}

static void test_search_lag(void **state)
{
	const char *all = "{\"status\":{\"in\":[\"draft\"]}}";

	(void)state;
	sandbox_options(w.sb)->certifier_search_lag_ms = 5000;
	draft(DRAFT);
	w.now_ms += 4999;
	assert_int_equal(found(all), 0);
	assert_int_equal(wire(&w, "GET", CREDENTIALS, NULL), 200);
	assert_int_equal(json_count(json_get(w.json, "data")), 1);
	w.now_ms += 1;
	assert_int_equal(found(all), 1);
}

static void test_groups_and_attributes(void **state)
{
	(void)state;
	sandbox_group(w.sb, "01other", "Other");
	wire(&w, "GET", "/certifier/v1/groups?limit=1", NULL);
	assert_int_equal(json_count(json_get(w.json, "data")), 1);
	assert_text(json_get(json_at(json_get(w.json, "data"), 0), "name"), "Tier");
	assert_member(&w, "pagination.next", "c1");
	wire(&w, "GET", "/certifier/v1/groups?limit=1&cursor=c1", NULL);
	assert_text(json_get(json_at(json_get(w.json, "data"), 0), "name"), "Other");
	assert_int_equal(json_kind(json_path(w.json, "pagination.next")), IS_NULL);
	assert_int_equal(wire(&w, "GET", "/certifier/v1/groups?limit=101", NULL), 400);
	assert_int_equal(wire(&w, "GET", "/certifier/v1/groups/01other", NULL), 200);
	assert_int_equal(wire(&w, "GET", "/certifier/v1/groups/01none", NULL), 404);
	wire(&w, "GET", "/certifier/v1/attributes", NULL);
	assert_int_equal(json_kind(w.json), IS_ARRAY);
	assert_text(json_get(json_at(w.json, 1), "tag"), "custom.tier");
	sandbox_options(w.sb)->bare_tags = true;
	wire(&w, "GET", "/certifier/v1/attributes", NULL);
	assert_text(json_get(json_at(w.json, 1), "tag"), "tier");
	assert_true(json_bool(json_get(json_at(w.json, 0), "isDefault"), false));
}

/* ---- faults ------------------------------------------------------------- */

static void test_faults(void **state)
{
	struct err err;
	const char *id;

	(void)state;
	assert_int_equal(sandbox_fault(w.sb, "create", FAULT_STATUS, 500, -1, 0, 1, &err), RC_OK);
	wire(&w, "POST", CREDENTIALS, DRAFT);
	assert_error(500, "internal_server_error");
	assert_int_equal(sandbox_credential_count(w.sb), 0);
	assert_int_equal(sandbox_fault(w.sb, "create", FAULT_STATUS_AFTER, 503, -1, 0, 1, &err),
			 RC_OK);
	assert_int_equal(wire(&w, "POST", CREDENTIALS, DRAFT), 503);
	assert_null(w.json);
	assert_int_equal(sandbox_credential_count(w.sb), 1);
	id = sandbox_credential_at(w.sb, 0).id;
	assert_int_equal(sandbox_fault(w.sb, "issue", FAULT_GARBAGE, 0, -1, 0, 1, &err), RC_OK);
	assert_int_equal(act(id, "issue", NULL), 200);
	assert_null(w.json);
	assert_string_equal(sandbox_credential_at(w.sb, 0).status, "issued");
	assert_int_equal(sandbox_fault(w.sb, "send", FAULT_EMPTY, 0, -1, 0, 1, &err), RC_OK);
	assert_int_equal(sandbox_fault(w.sb, "send", FAULT_CUT_AFTER, 0, -1, 0, 1, &err), RC_OK);
	assert_int_equal(act(id, "send", SEND), 200);
	assert_int_equal(w.answer.body.len, 0);
	act(id, "send", SEND);
	assert_int_equal(w.answer.delivery, SANDBOX_CUT);
	assert_int_equal(sandbox_mail_count(w.sb), 2);
	assert_int_equal(sandbox_calls(w.sb, "send"), 2);
	assert_int_equal(sandbox_calls(w.sb, "certifier"), 5);
	assert_int_equal(sandbox_calls(w.sb, "hubspot"), 0);
}

static void test_deterministic(void **state)
{
	struct wire other;
	const char *first = draft(DRAFT);

	(void)state;
	wire_open(&other);
	sandbox_group(other.sb, GROUP, "Tier");
	assert_int_equal(wire(&other, "POST", CREDENTIALS, DRAFT), 201);
	assert_member(&other, "id", first);
	assert_string_not_equal(draft(DRAFT), first);
	wire_close(&other);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_wire, close_wire)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_order_of_refusals),
		CASE(test_rate),
		CASE(test_create_shape),
		CASE(test_create_refusals),
		CASE(test_unknown_group_and_plan),
		CASE(test_issue),
		CASE(test_send),
		CASE(test_all_in_one),
		CASE(test_expiry),
		CASE(test_update_and_delete),
		CASE(test_search),
		CASE(test_search_sort_and_pages),
		CASE(test_search_lag),
		CASE(test_groups_and_attributes),
		CASE(test_faults),
		CASE(test_deterministic),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

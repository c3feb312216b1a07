/* The sandbox's page, its actions over HTTP, and its data file. */
#include "tests/unit/sandbox_help.h"

#include <stdio.h>

static struct wire w;

static int open_wire(void **state)
{
	(void)state;
	wire_open(&w);
	return 0;
}

static int close_wire(void **state)
{
	(void)state;
	wire_close(&w);
	return 0;
}

static bool page_has(const char *text)
{
	return strstr(str_text(&w.answer.body), text) != NULL;
}

static void test_page_escapes(void **state)
{
	struct err err;

	(void)state;
	make_contact(&w, 101, "{\"firstname\":\"<b>&\\\"'\"}");
	assert_int_equal(sandbox_list(w.sb, T0, 1, "<script>", NULL, NULL, &err), RC_OK);
	assert_int_equal(wire(&w, "GET", "/", NULL), 200);
	assert_true(page_has("&lt;b&gt;&amp;&quot;&#39;"));
	assert_true(page_has("&lt;script&gt;"));
	assert_false(page_has("<b>&"));
	assert_false(page_has("<script"));
	assert_non_null(wire_header(&w, "Content-Security-Policy"));
	assert_int_equal(wire(&w, "GET", "/nonsense", NULL), 404);
	assert_int_equal(wire(&w, "GET", "/sandbox/nonsense", NULL), 404);
	assert_int_equal(wire(&w, "GET", "/sandbox/create", NULL), 404);
}

static void test_forms(void **state)
{
	(void)state;
	assert_int_equal(
		wire(&w, "POST", "/sandbox/create", "email=a%40b.org&firstname=Ana+B&lastname="),
		303);
	assert_string_equal(wire_header(&w, "Location"), "/");
	wire(&w, "GET", "/hubspot/crm/v3/objects/contacts/101", NULL);
	assert_member(&w, "properties.email", "a@b.org");
	assert_member(&w, "properties.firstname", "Ana B");
	assert_int_equal(
		wire(&w, "POST", "/sandbox/set", "contact=a%40b.org&property=firstname&value="),
		303);
	wire(&w, "GET", "/hubspot/crm/v3/objects/contacts/101", NULL);
	assert_int_equal(json_kind(json_path(w.json, "properties.firstname")), IS_NULL);
	assert_int_equal(wire(&w, "POST", "/sandbox/delete", "contact=999"), 400);
	assert_true(page_has("there is no contact 999"));
	assert_int_equal(wire(&w, "POST", "/sandbox/delete", NULL), 400);
}

static void test_json_calls(void **state)
{
	static const struct {
		const char *target, *body;
		int status;
	} calls[] = {
		{ "create", "{\"id\":500,\"email\":\"a@b.org\",\"score\":7}", 200 },
		{ "create", "{\"email\":\"A@b.org\"}", 400 },
		{ "create", "{\"email\":\"c@b.org\"}", 200 },
		{ "set", "{\"contact\":500,\"property\":\"tier\",\"value\":\"Gold\"}", 200 },
		{ "set", "{\"contact\":500,\"property\":\"tier\"}", 400 },
		{ "list", "{\"id\":42,\"name\":\"Grads\",\"kind\":\"DYNAMIC\"}", 200 },
		{ "list", "{\"name\":\"Other\",\"kind\":\"nonsense\"}", 400 },
		{ "join", "{\"list\":\"42\",\"contact\":\"a@b.org\"}", 200 },
		{ "join", "{\"list\":43,\"contact\":500}", 400 },
		{ "processing", "{\"list\":42,\"processing\":true}", 200 },
		{ "leave", "{\"list\":42,\"contact\":500}", 200 },
		{ "leave", "{\"list\":42,\"contact\":500}", 400 },
		{ "merge", "{\"primary\":500,\"other\":501,\"into\":900}", 200 },
		{ "delete", "{\"contact\":900}", 200 },
		{ "restore", "{\"contact\":900}", 200 },
		{ "restore", "{\"contact\":900}", 400 },
		{ "list-delete", "{\"list\":42}", 200 },
		{ "property", "{\"name\":\"p\",\"type\":\"enumeration\",\"options\":[\"a=A\"]}",
		  200 },
		{ "property", "{\"name\":\"p\",\"type\":\"nonsense\"}", 400 },
		{ "set", "{\"contact\":900,\"property\":\"p\",\"value\":\"b\"}", 400 },
		{ "group", "{\"id\":\"01g\",\"name\":\"G\"}", 200 },
		{ "group", "{}", 400 },
		{ "attribute", "{\"tag\":\"tier\"}", 200 },
		{ "plan", "{\"expiry\":false}", 200 },
		{ "option", "{\"name\":\"index_lag_ms\",\"value\":0}", 200 },
		{ "option", "{\"name\":\"index_lag_ms\",\"value\":\"long\"}", 400 },
		{ "option", "{\"name\":\"nonsense\",\"value\":1}", 400 },
		{ "option", "{\"name\":\"issue_again_status\",\"value\":200}", 400 },
		{ "option", "{\"name\":\"list_descending\",\"value\":true}", 200 },
		{ "fault", "{\"call\":\"search\",\"fault\":\"status\",\"status\":502}", 200 },
		{ "fault", "{\"call\":\"search\",\"fault\":\"nonsense\"}", 400 },
		{ "fault", "{\"call\":\"nonsense\",\"fault\":\"empty\"}", 400 },
		{ "set", "{\"contact\":", 400 },
	};
	char target[64];

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		snprintf(target, sizeof(target), "/sandbox/%s", calls[i].target);
		if (wire(&w, "POST", target, calls[i].body) != calls[i].status)
			fail_msg("%s %s -> %s", calls[i].target, calls[i].body,
				 str_text(&w.answer.body));
		assert_true(json_bool(json_get(w.json, "ok"), false) == (calls[i].status == 200));
	}
	assert_int_equal(sandbox_options(w.sb)->index_lag_ms, 0);
	assert_true(sandbox_options(w.sb)->list_descending);
	assert_int_equal(wire(&w, "POST", "/hubspot/crm/v3/objects/contacts/search", "{}"), 502);
	assert_int_equal(
		wire(&w, "POST", "/sandbox/fault", "{\"call\":\"search\",\"fault\":\"empty\"}"),
		200);
	assert_int_equal(wire(&w, "POST", "/sandbox/faults-clear", "{}"), 200);
	assert_int_equal(wire(&w, "POST", "/hubspot/crm/v3/objects/contacts/search", "{}"), 200);
	assert_int_equal(json_int(json_get(w.json, "total"), 0), 1);
}

/* ---- the data file ------------------------------------------------------ */

static void live_a_little(void)
{
	struct err err;

	make_contact(&w, 101, "{\"email\":\"a@b.org\",\"tier\":\"Bronze\"}");
	make_contact(&w, 102, "{\"email\":\"c@b.org\",\"tier\":\"Gold\"}");
	make_contact(&w, 103, "{\"email\":\"d@b.org\"}");
	assert_int_equal(sandbox_list(w.sb, T0, 42, "Grads", "SNAPSHOT", NULL, &err), RC_OK);
	w.now_ms += 1500;
	assert_int_equal(sandbox_join(w.sb, w.now_ms, 42, 102, &err), RC_OK);
	set_value(&w, 101, "tier", "");
	assert_int_equal(sandbox_merge(w.sb, w.now_ms, 101, 102, 900, NULL, &err), RC_OK);
	assert_int_equal(sandbox_delete(w.sb, w.now_ms, 103, &err), RC_OK);
	sandbox_group(w.sb, "01g", "G");
	sandbox_attribute(w.sb, "custom.tier");
	assert_int_equal(
		wire(&w, "POST", "/certifier/v1/credentials/create-issue-send",
		     "{\"groupId\":\"01g\",\"recipient\":{\"name\":\"A\",\"email\":\"a@b.org\"},"
		     "\"customAttributes\":{\"custom.tier\":\"Gold\"}}"),
		201);
}

static void dump(const struct sandbox *sb, struct str *out)
{
	struct json *state = sandbox_save(sb, w.now_ms);

	str_init(out, 1u << 20);
	json_dump(state, out);
	json_free(state);
}

static void test_save_and_load(void **state)
{
	struct str before, after;
	struct sandbox_options o;
	struct err err;

	(void)state;
	live_a_little();
	dump(w.sb, &before);
	struct json *data = json_parse(str_slice(&before), &err);
	sandbox_free(w.sb);
	sandbox_defaults(&o);
	w.sb = sandbox_new(&o);
	assert_int_equal(sandbox_load(w.sb, w.now_ms, data, &err), RC_OK);
	dump(w.sb, &after);
	assert_string_equal(str_text(&after), str_text(&before));
	assert_int_equal(
		wire(&w, "GET", "/hubspot/crm/v3/objects/contacts/102?properties=tier", NULL), 200);
	assert_member(&w, "id", "900");
	assert_member(&w, "properties.tier", "Gold");
	assert_member(&w, "updatedAt", "2026-11-23T10:00:01.500Z");
	assert_int_equal(
		wire(&w, "GET", "/hubspot/crm/v3/objects/contacts/103?archived=true", NULL), 200);
	assert_int_equal(sandbox_credential_at(w.sb, 0).mails, 1);
	assert_string_equal(sandbox_credential_at(w.sb, 0).status, "issued");
	json_free(data);
	str_release(&before);
	str_release(&after);
}

static void test_load_refusals(void **state)
{
	static const char *const bad[][2] = {
		{ "[]", "not a JSON object" },
		{ "{\"contacts\":[{\"id\":1},{\"id\":1}]}",
		  "contacts[1]: there is a contact 1 already" },
		{ "{\"contacts\":[{\"id\":2,\"merged\":[2]}]}",
		  "contacts[0]: there is a contact 2 already" },
		{ "{\"properties\":[{\"label\":\"x\"}]}",
		  "properties[0]: a property needs a name" },
		{ "{\"lists\":[{\"id\":1,\"name\":\"L\",\"members\":[7]}]}",
		  "lists[0]: members[0]: there is no contact 7" },
		{ "{\"groups\":[{}]}", "groups[0]: a group needs an id" },
		{ "{\"attributes\":[\"tier\"]}",
		  "attributes[0]: an attribute is a text that begins with 'custom.'" },
		{ "{\"mails\":[{\"credential\":\"x\"}]}", "mails[0]: a mail needs its credential" },
	};
	struct sandbox_options o;
	struct err err;

	(void)state;
	sandbox_defaults(&o);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sandbox *sb = sandbox_new(&o);
		struct json *data = json_parse(slice_of(bad[i][0]), &err);
		assert_non_null(data);
		assert_int_equal(sandbox_load(sb, T0, data, &err), RC_INVALID);
		assert_string_equal(err.text, bad[i][1]);
		json_free(data);
		sandbox_free(sb);
	}
}

static void test_demo(void **state)
{
	struct err err;
	struct json *data = json_parse(slice_of(sandbox_demo), &err);

	(void)state;
	assert_non_null(data);
	assert_int_equal(sandbox_load(w.sb, T0, data, &err), RC_OK);
	json_free(data);
	assert_int_equal(wire(&w, "GET", "/hubspot/crm/v3/lists/4711/memberships", NULL), 200);
	assert_int_equal(json_count(json_get(w.json, "results")), 1);
	assert_int_equal(wire(&w, "GET", "/certifier/v1/groups/01g90279gp5sbmfek7wymcsvec", NULL),
			 200);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_wire, close_wire)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_page_escapes),  CASE(test_forms),	    CASE(test_json_calls),
		CASE(test_save_and_load), CASE(test_load_refusals), CASE(test_demo),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

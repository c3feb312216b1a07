/* The sandbox's rare ways: what it refuses with which status, and the calls that the engine never makes. */
#include "tests/unit/sandbox_help.h"

#include <stdio.h>

#define HUB "/hubspot/crm/v3/"
#define CERT "/certifier/v1/"

static struct wire w;

struct row {
	const char *method, *target, *body;
	int status;
	const char *says; /* stands in the answer; NULL: nothing is asked of it */
};

static int open_wire(void **state)
{
	struct err err;
	struct json *data = json_parse(slice_of(sandbox_demo), &err);

	(void)state;
	wire_open(&w);
	assert_non_null(data);
	assert_int_equal(sandbox_load(w.sb, T0, data, &err), RC_OK);
	json_free(data);
	sandbox_options(w.sb)->index_lag_ms = 0;
	sandbox_options(w.sb)->certifier_search_lag_ms = 0;
	return 0;
}

static int close_wire(void **state)
{
	(void)state;
	wire_close(&w);
	return 0;
}

/* Each call a second after the one before. */
static void run_rows(const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		w.now_ms += MS_SECOND;
		int status = wire(&w, row[i].method, row[i].target, row[i].body);
		const char *body = str_text(&w.answer.body);
		if (status != row[i].status || (row[i].says && !strstr(body, row[i].says)))
			fail_msg("%s %s %s -> %d %s", row[i].method, row[i].target,
				 row[i].body ? row[i].body : "", status, body);
	}
}
#define RUN(rows) run_rows(rows, sizeof(rows) / sizeof(rows[0]))

static void test_paths_and_queries(void **state)
{
	static const struct row rows[] = {
		{ "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", NULL, 404, NULL },
		{ "GET", "/certifier/v2/groups", NULL, 404, NULL },
		{ "GET", "/sandboxes", NULL, 404, NULL },
		{ "GET", "/sandbox/state/more", NULL, 404, NULL },
		{ "GET", "/sandbox", NULL, 200, "GET /sandbox/state" },
		{ "GET", "/sandbox/state", NULL, 200, "Graduates 2026" },
		{ "GET", HUB "objects/contacts/ana%40example.org?idProperty=email", NULL, 200,
		  "\"id\":\"101\"" },
		{ "GET", HUB "objects/contacts/ana%4Zexample.org?idProperty=email", NULL, 404,
		  NULL },
		{ "GET", HUB "objects/contacts/ana%4?idProperty=email", NULL, 404, NULL },
		{ "GET", HUB "objects/contacts/101?properties=first+name,%66irstname,,&x&=y", NULL,
		  200, "\"firstname\":\"Ana\"" },
		{ "GET", HUB "objects/contacts/101?idProperty=nonsense", NULL, 400, NULL },
		{ "GET", HUB "objects/contacts/10a", NULL, 404, NULL },
		{ "GET", HUB "objects/contacts?limit=2", NULL, 200, "\"after\":\"103\"" },
		{ "GET", HUB "objects/contacts?limit=2&after=103", NULL, 200, "\"id\":\"104\"" },
		{ "GET", HUB "objects/contacts?limit=0", NULL, 400, "Invalid limit" },
		{ "GET", HUB "objects/contacts?limit=101", NULL, 400, NULL },
		{ "GET", HUB "objects/contacts?limit=x", NULL, 400, NULL },
		{ "GET", HUB "objects/contacts?after=-1", NULL, 400, NULL },
		{ "GET", HUB "objects/contacts?propertiesWithHistory=email&limit=51", NULL, 400,
		  NULL },
		{ "GET",
		  HUB
		  "objects/contacts/101?propertiesWithHistory=lastmodifieddate,createdate,email",
		  NULL, 200, "\"sourceType\":\"CALCULATED\"" },
	};

	(void)state;
	RUN(rows);
}

static void test_contacts(void **state)
{
	static const struct row rows[] = {
		{ "POST", HUB "objects/contacts", "{}", 400, NULL },
		{ "POST", HUB "objects/contacts", "{\"properties\":7}", 400, NULL },
		{ "POST", HUB "objects/contacts",
		  "{\"properties\":{\"email\":\"ANA@example.org\"}}", 409, "101" },
		{ "POST", HUB "objects/contacts", "{\"properties\":{\"hs_object_id\":\"7\"}}", 400,
		  "read-only" },
		{ "POST", HUB "objects/contacts", "{\"properties\":{\"course_score\":\"many\"}}",
		  400, "course_score" },
		{ "POST", HUB "objects/contacts", "{\"properties\":{\"honorary\":\"perhaps\"}}",
		  400, NULL },
		{ "POST", HUB "objects/contacts",
		  "{\"properties\":{\"membership_paid_until\":\"tomorrow\"}}", 400, NULL },
		{ "POST", HUB "objects/contacts",
		  "{\"properties\":{\"membership_paid_until\":\"2026-12-31\",\"email\":\"e@x.org\"}}",
		  201, "\"id\":\"105\"" },
		{ "PATCH", HUB "objects/contacts/105", "{\"properties\":{\"email\":\"e@x.org\"}}",
		  200, NULL },
		{ "PATCH", HUB "objects/contacts/105",
		  "{\"properties\":{\"email\":\"ana@example.org\"}}", 409, "101" },
		{ "PATCH", HUB "objects/contacts/105", "{}", 400, NULL },
		{ "PATCH", HUB "objects/contacts/999", "{\"properties\":{}}", 404, NULL },
		{ "POST", HUB "objects/contacts/merge",
		  "{\"primaryObjectId\":\"101\",\"objectIdToMerge\":\"x\"}", 400, NULL },
		{ "POST", HUB "objects/contacts/merge", "{\"primaryObjectId\":\"x\"}", 400, NULL },
		{ "POST", HUB "objects/contacts/merge",
		  "{\"primaryObjectId\":\"101\",\"objectIdToMerge\":\"999\"}", 404, "999" },
		{ "POST", HUB "objects/contacts/merge",
		  "{\"primaryObjectId\":\"999\",\"objectIdToMerge\":\"101\"}", 404, "999" },
		{ "POST", HUB "objects/contacts/merge",
		  "{\"primaryObjectId\":\"101\",\"objectIdToMerge\":\"105\"}", 200,
		  "\"id\":\"106\"" },
		{ "GET", HUB "objects/contacts/101", NULL, 200, "\"id\":\"106\"" },
		{ "DELETE", HUB "objects/contacts/104", NULL, 204, NULL },
		{ "DELETE", HUB "objects/contacts/104", NULL, 204, NULL },
		{ "DELETE", HUB "objects/contacts/x", NULL, 204, NULL },
		{ "GET", HUB "objects/contacts?archived=true", NULL, 200, "\"id\":\"104\"" },
		{ "POST", HUB "objects/contacts/gdpr-delete", "{}", 400, NULL },
		{ "POST", HUB "objects/contacts/gdpr-delete", "{\"objectId\":\"999\"}", 204, NULL },
		{ "POST", HUB "objects/contacts/gdpr-delete",
		  "{\"objectId\":\"ben@example.org\",\"idProperty\":\"email\"}", 204, NULL },
		{ "GET", HUB "objects/contacts/102", NULL, 404, NULL },
		{ "GET", HUB "objects/contacts/102?archived=true", NULL, 404, NULL },
		{ "POST", "/sandbox/restore", "{\"contact\":102}", 400, "no deleted contact" },
		{ "GET", "/sandbox/state", NULL, 200, "\"merged\":[" },
		{ "GET", "/", NULL, 200, "chloe@example.org" },
	};

	(void)state;
	RUN(rows);
	assert_null(strstr(str_text(&w.answer.body), "ben@example.org")); /* of the page */
}

static void test_restore_where_the_address_went_to_another(void **state)
{
	static const struct row rows[] = {
		{ "POST", "/sandbox/delete", "{\"contact\":101}", 200, NULL },
		{ "POST", "/sandbox/create", "{\"email\":\"ana@example.org\"}", 200, NULL },
		{ "POST", "/sandbox/restore", "{\"contact\":101}", 400, "is in use" },
		{ "POST", "/sandbox/create", "{\"id\":102}", 400,
		  "there is a contact 102 already" },
		{ "POST", "/sandbox/create", "{\"id\":-1}", 200, NULL },
		{ "POST", "/sandbox/set", "{\"property\":\"email\",\"value\":\"x\"}", 400, NULL },
		{ "POST", "/sandbox/set", "{\"contact\":102,\"value\":\"x\"}", 400, "is missing" },
		{ "POST", "/sandbox/merge", "{\"primary\":102,\"other\":103,\"into\":104}", 400,
		  "there is a contact 104 already" },
		{ "POST", "/sandbox/merge", "{\"primary\":102,\"other\":102}", 400, "with itself" },
		{ "POST", "/sandbox/option", "{\"name\":\"merge_keeps_id\",\"value\":\"on\"}", 200,
		  NULL },
		{ "POST", "/sandbox/merge", "{\"primary\":102,\"other\":103}", 200, "\"id\":102" },
		{ "GET", "/", NULL, 200, "restore" },
	};

	(void)state;
	RUN(rows);
}

static void test_forms_and_their_lists(void **state)
{
	static const struct row rows[] = {
		{ "POST", "/sandbox/property",
		  "name=shirt&type=enumeration&options=s%3DSmall,+,l%3DLarge&name=other&&=x&novalue",
		  303, NULL },
		{ "GET", HUB "properties/contacts/shirt", NULL, 200, "\"label\":\"Large\"" },
		{ "GET", HUB "properties/contacts/other", NULL, 404, NULL },
		{ "POST", "/sandbox/property", "{\"type\":\"string\"}", 400, "needs a name" },
		{ "POST", "/sandbox/property", "{\"name\":\"lastmodifieddate\"}", 400,
		  "own property" },
		{ "POST", "/sandbox/property",
		  "{\"name\":\"email\",\"label\":\"\",\"type\":\"string\"}", 200, NULL },
		{ "POST", "/sandbox/property", "{\"name\":\"yes_no\",\"type\":\"bool\"}", 200,
		  NULL },
		{ "GET", HUB "properties/contacts/yes_no", NULL, 200, "\"value\":\"true\"" },
		{ "POST", "/sandbox/group", "name=Second", 303, NULL },
		{ "POST", "/sandbox/group", "id=01g90279gp5sbmfek7wymcsvec&name=Again", 303, NULL },
		{ "POST", "/sandbox/attribute", "tag=custom.shirt", 303, NULL },
		{ "POST", "/sandbox/attribute", "tag=custom.shirt", 303, NULL },
		{ "POST", "/sandbox/attribute", "tag=", 400, "needs a tag" },
		{ "POST", "/sandbox/option", "name=index_lag_ms&value=-1", 400, "no value" },
		{ "POST", "/sandbox/option", "name=issue_again_status&value=500", 400, NULL },
		{ "POST", "/sandbox/option", "name=issue_again_status&value=409", 303, NULL },
		{ "POST", "/sandbox/option", "name=rate_limits&value=1", 303, NULL },
		{ "POST", "/sandbox/option", "name=rate_limits&value=no", 303, NULL },
		{ "POST", "/sandbox/fault", "call=send&fault=status&status=302", 400, "from 400" },
		{ "POST", "/sandbox/fault", "call=send&fault=status&status=600", 400, NULL },
		{ "POST", "/sandbox/fault", "call=send&fault=status&times=0", 400,
		  "at least once" },
		{ "POST", "/sandbox/fault", "call=send&fault=empty&times=3", 303, NULL },
		{ "GET", "/", NULL, 200, "Second" },
		{ "POST", "/sandbox/list", "{\"id\":4711,\"name\":\"x\"}", 400,
		  "a list 4711 already" },
		{ "POST", "/sandbox/list", "{\"name\":\"GRADUATES 2026\"}", 400,
		  "name of its own" },
		{ "POST", "/sandbox/list", "{\"name\":\"\"}", 400, NULL },
		{ "POST", "/sandbox/list", "{\"name\":\"New\"}", 200, "\"id\":" },
		{ "POST", "/sandbox/processing", "{\"list\":4712,\"processing\":true}", 200, NULL },
		{ "POST", "/sandbox/leave", "{\"list\":99,\"contact\":101}", 400, "no list 99" },
		{ "POST", "/sandbox/join", "{\"list\":4711,\"contact\":999}", 400,
		  "no contact 999" },
		{ "GET", "/", NULL, 200, "(processing)" },
		{ "POST", "/sandbox/list-delete", "{\"list\":4712}", 200, NULL },
		{ "GET", "/sandbox/state", NULL, 200, "s=Small" },
	};

	(void)state;
	RUN(rows);
	assert_int_equal(wire(&w, "GET", "/", NULL), 200);
	assert_null(strstr(str_text(&w.answer.body), "Active members"));
}

static void test_lists(void **state)
{
	static const struct row rows[] = {
		{ "POST", HUB "lists/search", "[]", 400, NULL },
		{ "POST", HUB "lists/search", "{\"offset\":-1}", 400, NULL },
		{ "POST", HUB "lists/search", "{\"count\":0}", 400, NULL },
		{ "POST", HUB "lists/search", "{\"count\":501}", 400, NULL },
		{ "POST", HUB "lists/search", "{\"listIds\":7}", 400, NULL },
		{ "POST", HUB "lists/search", "{\"listIds\":[7]}", 400, NULL },
		{ "POST", HUB "lists/search", "{\"processingTypes\":\"MANUAL\"}", 400, NULL },
		{ "POST", HUB "lists/search", "{\"additionalProperties\":{}}", 400, NULL },
		{ "POST", HUB "lists/search", "{\"count\":1}", 200, "\"hasMore\":true" },
		{ "POST", HUB "lists/search", "{\"offset\":1,\"count\":1}", 200, "Active members" },
		{ "POST", HUB "lists/search", "{\"processingTypes\":[\"DYNAMIC\"]}", 200,
		  "\"total\":1" },
		{ "POST", HUB "lists/search", "{\"query\":\"GRAD\"}", 200, "\"total\":1" },
		{ "POST", HUB "lists/search", "{\"query\":\"nothing like that\"}", 200,
		  "\"total\":0" },
		{ "POST", HUB "lists/search", "{\"objectTypeId\":\"0-2\"}", 200, "\"total\":0" },
		{ "POST", HUB "lists/search", "{\"objectTypeId\":\"0-1\",\"listIds\":[\"4711\"]}",
		  200, "\"total\":1" },
		{ "POST", HUB "lists/search",
		  "{\"additionalProperties\":[\"hs_last_record_removed_at\","
		  "\"hs_list_reference_count\",\"hs_nonsense\"]}",
		  200, "\"hs_list_reference_count\":\"0\"" },
		{ "GET", HUB "lists/x", NULL, 404, NULL },
		{ "GET", HUB "lists/x/memberships", NULL, 404, NULL },
		{ "GET", HUB "lists/4712/memberships?limit=1", NULL, 200, "\"after\":" },
		{ "GET", HUB "lists/4712/memberships?limit=251", NULL, 400, NULL },
		{ "GET", HUB "lists/4712/memberships?after=nonsense", NULL, 400, "cursor" },
		{ "GET", HUB "lists/4712/memberships?before=1.1x", NULL, 400, NULL },
		{ "GET", HUB "lists/4712/memberships?before=0.0Q", NULL, 200, "\"results\":[]" },
		{ "GET", HUB "lists/4712/memberships?before=66.0Q&limit=1", NULL, 200, "101" },
		{ "GET", HUB "lists/4712/memberships?after=65.99Q&before=99.9Q", NULL, 200, "102" },
		{ "GET", HUB "lists/4712/memberships?after=99.9Q", NULL, 200, "\"results\":[]" },
		{ "PUT", HUB "lists/99/memberships/add", "[\"101\"]", 404, NULL },
		{ "PUT", HUB "lists/4712/memberships/add", "[\"101\"]", 400, "DYNAMIC" },
		{ "PUT", HUB "lists/4711/memberships/add", "[101]", 400, NULL },
		{ "PUT", HUB "lists/4711/memberships/add", "[\"101\",\"x\",\"999\"]", 200,
		  "\"recordIdsMissing\":[\"x\",\"999\"]" },
		{ "PUT", HUB "lists/4711/memberships/remove", "[\"101\",\"x\"]", 200,
		  "\"recordIdsMissing\":[\"x\"]" },
		{ "GET", HUB "lists/records/contacts/102/memberships", NULL, 200, "4711" },
		{ "GET", HUB "lists/records/contacts/103/memberships", NULL, 200, NULL },
		{ "GET", HUB "lists/records/contacts/999/memberships", NULL, 200, "\"total\":0" },
		{ "GET", HUB "lists/records/contacts/x/memberships", NULL, 200, NULL },
		{ "GET", HUB "lists?listIds=4711&listIds=x&listIds=99", NULL, 200, "4711" },
		{ "GET", HUB "properties/contacts?archived=true", NULL, 200, "\"results\":[]" },
	};

	(void)state;
	RUN(rows);
}

static void test_contact_search(void **state)
{
#define SEARCH HUB "objects/contacts/search"
#define ONE(test) "{\"filterGroups\":[{\"filters\":[" test "]}]}"
	static const struct row rows[] = {
		{ "POST", SEARCH, "[]", 400, NULL },
		{ "POST", SEARCH, "{\"query\":\"ana\"}", 400, "query" },
		{ "POST", SEARCH, "{\"limit\":0}", 400, NULL },
		{ "POST", SEARCH, "{\"limit\":\"x\"}", 400, NULL },
		{ "POST", SEARCH, "{\"filterGroups\":{}}", 400, "no list" },
		{ "POST", SEARCH, "{\"filterGroups\":[{},{},{},{},{},{}]}", 400, "filter groups" },
		{ "POST", SEARCH, "{\"filterGroups\":[{\"filters\":[]}]}", 400, NULL },
		{ "POST", SEARCH, "{\"filterGroups\":[{\"filters\":7}]}", 400, NULL },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"course_score\",\"operator\":\"BETWEEN\",\"value\":\"1\"}"),
		  400, NULL },
		{ "POST", SEARCH, ONE("{\"propertyName\":\"email\",\"operator\":\"IN\"}"), 400,
		  "values are missing" },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"membership_paid_until\",\"operator\":\"GT\",\"value\":\"x\"}"),
		  400, NULL },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"course_score\",\"operator\":\"EQ\",\"value\":\"91\"}"),
		  200, "\"total\":1" },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"course_score\",\"operator\":\"LT\",\"value\":\"91\"}"),
		  200, "\"total\":1" },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"course_score\",\"operator\":\"LTE\",\"value\":\"91\"}"),
		  200, "\"total\":2" },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"course_score\",\"operator\":\"GT\",\"value\":\"91\"}"),
		  200, "\"total\":0" },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"course_score\",\"operator\":\"GTE\",\"value\":\"64\"}"),
		  200, "\"total\":2" },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"course_score\",\"operator\":\"IN\",\"values\":[\"1\",\"2\"]}"),
		  200, "\"total\":0" },
		{ "POST", SEARCH,
		  ONE("{\"propertyName\":\"firstname\",\"operator\":\"GT\",\"value\":\"ben\"}"),
		  200, "\"total\":2" },
		{ "POST", SEARCH,
		  "{\"sorts\":[{\"propertyName\":\"firstname\",\"direction\":\"SIDEWAYS\"}]}", 400,
		  "direction" },
		{ "POST", SEARCH, "{\"sorts\":[{\"propertyName\":\"nonsense\"}]}", 400, NULL },
		{ "POST", SEARCH,
		  "{\"sorts\":[{\"propertyName\":\"firstname\",\"direction\":\"ASCENDING\"}],\"limit\":1}",
		  200, "\"id\":\"101\"" },
		{ "POST", SEARCH,
		  "{\"filterGroups\":[{\"filters\":[{\"propertyName\":\"country\",\"operator\":\"EQ\","
		  "\"value\":\"FR\"}]},{\"filters\":[{\"propertyName\":\"country\",\"operator\":\"EQ\","
		  "\"value\":\"DE\"}]}]}",
		  200, "\"total\":2" },
	};
	struct str many;

	(void)state;
	RUN(rows);
	str_init(&many, 8192);
	str_add_text(&many, "{\"filterGroups\":[{\"filters\":[");
	for (int i = 0; i < 7; i++)
		str_addf(&many, "%s{\"propertyName\":\"email\",\"operator\":\"HAS_PROPERTY\"}",
			 i ? "," : "");
	str_add_text(&many, "]}]}");
	assert_int_equal(wire(&w, "POST", SEARCH, str_text(&many)), 400);
	assert_non_null(strstr(str_text(&w.answer.body), "too many filters"));
	str_release(&many);
}

#define GROUP "\"groupId\":\"01g90279gp5sbmfek7wymcsvec\""
#define BOB "\"recipient\":{\"name\":\"Bob\",\"email\":\"bob@example.org\"}"

static void test_credentials_are_checked(void **state)
{
#define CREATE CERT "credentials"
	static const struct row rows[] = {
		{ "POST", CREATE, "[]", 400, NULL },
		{ "POST", CREATE, "{" GROUP "," BOB ",\"customAttributes\":7}", 400, "an object" },
		{ "POST", CREATE, "{" GROUP ",\"recipient\":{\"name\":\"B\",\"email\":7}}", 400,
		  "must be a string" },
		{ "POST", CREATE, "{" GROUP ",\"recipient\":{\"name\":\"B\",\"email\":\"@x.org\"}}",
		  400, NULL },
		{ "POST", CREATE, "{" GROUP ",\"recipient\":{\"name\":\"B\",\"email\":\"b@\"}}",
		  400, NULL },
		{ "POST", CREATE,
		  "{" GROUP ",\"recipient\":{\"name\":\"B\",\"email\":\"b@x@y.z\"}}", 400, NULL },
		{ "POST", CREATE,
		  "{" GROUP ",\"recipient\":{\"name\":\"B\",\"email\":\"b b@y.z\"}}", 400, NULL },
		{ "POST", CREATE,
		  "{" GROUP ",\"recipient\":{\"name\":\"B\",\"email\":\"b@nodot\"}}", 400, NULL },
		{ "POST", CREATE, "{" GROUP "," BOB ",\"issueDate\":\"31.12.2026\"}", 400, NULL },
		{ "POST", CREATE, "{" GROUP "," BOB ",\"expiryDate\":\"soon\"}", 400, NULL },
		{ "POST", CREATE,
		  "{" GROUP "," BOB ",\"issueDate\":\"2026-01-01\",\"expiryDate\":\"2026-12-31\","
		  "\"customAttributes\":{\"custom.tier\":\"Gold\",\"custom.cohort\":\"a\"}}",
		  201, "\"status\":\"draft\"" },
		{ "GET", CERT "credentials?limit=1", NULL, 200, "Bob" },
		{ "GET", CERT "credentials?limit=0", NULL, 400, NULL },
		{ "GET", CERT "credentials?limit=1000", NULL, 400, NULL },
		{ "GET", CERT "credentials?cursor=x", NULL, 400, NULL },
		{ "GET", CERT "credentials?cursor=cx", NULL, 400, "cursor is invalid" },
		{ "GET", CERT "credentials?cursor=c1&limit=1", NULL, 200, NULL },
		{ "GET", CERT "designs", NULL, 200, NULL },
		{ "GET", CERT "credentials/nonsense/designs", NULL, 404, NULL },
		{ "GET", "/", NULL, 200, "bob@example.org" },
	};

	(void)state;
	RUN(rows);
}

/* Of the newest credential. */
static const char *its(const char *what)
{
	static char target[128];

	snprintf(target, sizeof(target), CERT "credentials/%s%s",
		 sandbox_credential_at(w.sb, sandbox_credential_count(w.sb) - 1).id, what);
	return target;
}

static void test_a_draft_may_change(void **state)
{
	(void)state;
	assert_int_equal(wire(&w, "POST", CERT "credentials", "{" GROUP "," BOB "}"), 201);
	assert_int_equal(wire(&w, "GET", its("/designs"), NULL), 200);
	assert_int_equal(wire(&w, "PATCH", its(""), "[]"), 400);
	assert_int_equal(wire(&w, "PATCH", its(""), "{\"issueDate\":\"x\"}"), 400);
	assert_int_equal(wire(&w, "PATCH", its(""), "{\"customAttributes\":[]}"), 400);
	assert_int_equal(wire(&w, "PATCH", its(""),
			      "{\"recipient\":{\"name\":\"Rob\",\"email\":\"rob@example.org\"},"
			      "\"issueDate\":\"2026-02-03\",\"expiryDate\":\"2027-02-03\","
			      "\"customAttributes\":{\"custom.tier\":\"Gold\"}}"),
			 200);
	struct sandbox_credential c = sandbox_credential_at(w.sb, 0);
	assert_string_equal(c.name, "Rob");
	assert_string_equal(c.email, "rob@example.org");
	assert_string_equal(c.issue_date, "2026-02-03");
	assert_string_equal(c.expiry_date, "2027-02-03");
	assert_int_equal(wire(&w, "PATCH", its(""), "{\"recipient\":{\"name\":\"Bobby\"}}"), 200);
	assert_string_equal(sandbox_credential_at(w.sb, 0).email, "rob@example.org");
	assert_int_equal(wire(&w, "POST", its("/issue"), "{}"), 200);
	assert_int_equal(wire(&w, "POST", its("/send"), "{\"deliveryMethod\":\"email\"}"), 200);
	assert_int_equal(wire(&w, "GET", "/", NULL), 200);
	assert_non_null(strstr(str_text(&w.answer.body), "Bobby"));
	assert_non_null(strstr(str_text(&w.answer.body), "2027-02-03"));
	w.now_ms += 400 * MS_DAY;
	assert_int_equal(wire(&w, "GET", its(""), NULL), 200);
	assert_member(&w, "status", "expired");
}

static void test_credential_search(void **state)
{
#define FIND CERT "credentials/search"
	static const struct row rows[] = {
		{ "POST", CERT "credentials", "{" GROUP "," BOB ",\"expiryDate\":\"2027-01-01\"}",
		  201, NULL },
		{ "POST", CERT "credentials",
		  "{" GROUP ",\"recipient\":{\"name\":\"Al\",\"email\":\"al@example.org\"}}", 201,
		  NULL },
		{ "POST", FIND, "{\"filter\":7}", 400, NULL },
		{ "POST", FIND, "{\"filter\":{}}", 400, NULL },
		{ "POST", FIND, "{\"filter\":{\"AND\":[{\"nonsense\":{\"equals\":\"x\"}}]}}", 400,
		  NULL },
		{ "POST", FIND, "{\"filter\":{\"AND\":[{\"recipient\":{}}]}}", 400, NULL },
		{ "POST", FIND,
		  "{\"filter\":{\"AND\":[{\"recipient\":{\"age\":{\"equals\":\"x\"}}}]}}", 400,
		  NULL },
		{ "POST", FIND,
		  "{\"filter\":{\"AND\":[{\"recipient\":{\"email\":{\"equals\":7}}}]}}", 400,
		  NULL },
		{ "POST", FIND, "{\"filter\":{\"AND\":[{\"recipient\":{\"email\":{\"in\":7}}}]}}",
		  400, NULL },
		{ "POST", FIND, "{\"filter\":{\"AND\":[{\"recipient\":{\"email\":{}}}]}}", 400,
		  NULL },
		{ "POST", FIND,
		  "{\"filter\":{\"OR\":[{\"recipient\":{\"name\":{\"contains\":\"o\"}}}]}}", 200,
		  "Bob" },
		{ "POST", FIND,
		  "{\"filter\":{\"AND\":[{\"recipient\":{\"name\":{\"contains\":\"\"}}},"
		  "{\"recipient\":{\"email\":{\"endsWith\":\"al@example.org\"}}}]}}",
		  200, "Al" },
		{ "POST", FIND,
		  "{\"filter\":{\"OR\":[{\"recipient\":{\"email\":{\"in\":[\"x\",\"bob@example.org\"]}}}]}}",
		  200, "Bob" },
		{ "POST", FIND,
		  "{\"filter\":{\"NOT\":[{\"status\":{\"equals\":\"issued\"}}]},\"sort\":{\"property\":\"updatedAt\",\"order\":\"desc\"}}",
		  200, "Al" },
		{ "POST", FIND,
		  "{\"filter\":{\"NOT\":[{\"status\":{\"equals\":\"issued\"}}]},\"sort\":{\"property\":\"issueDate\",\"order\":\"asc\"}}",
		  200, NULL },
		{ "POST", FIND,
		  "{\"filter\":{\"NOT\":[{\"status\":{\"equals\":\"issued\"}}]},\"sort\":{\"property\":\"expiryDate\",\"order\":\"asc\"}}",
		  200, NULL },
		{ "POST", FIND,
		  "{\"filter\":{\"NOT\":[{\"status\":{\"equals\":\"issued\"}}]},\"sort\":{\"property\":\"nonsense\"}}",
		  400, NULL },
	};

	(void)state;
	RUN(rows);
}

static void test_data_of_every_kind_comes_back(void **state)
{
	static const char *const bad[] = {
		"{\"contacts\":[{\"id\":1}],\"lists\":[{\"id\":1,\"name\":\"L\",\"members\":[{}]}]}",
		"{\"credentials\":[{}]}",
		"{\"groups\":[{\"id\":\"g\"}],\"credentials\":[{\"id\":\"c\",\"group\":\"g\"}]}",
		"{\"lists\":[{\"id\":-1,\"name\":\"x\"}]}",
	};
	static const char good[] =
		"{\"groups\":[{\"id\":\"g\"}],\"contacts\":[{\"id\":1,\"created\":\"nonsense\","
		"\"properties\":{\"unknown\":\"x\"},"
		"\"history\":{\"unknown\":[{\"at\":\"2026-11-01T00:00:00Z\",\"value\":\"x\"}]}}],"
		"\"credentials\":[{\"id\":\"c\",\"group\":\"g\",\"name\":\"N\",\"issue-date\":\"2026-01-01\"}],"
		"\"mails\":[{\"credential\":\"c\"}]}";
	struct sandbox_options o;
	struct err err;

	(void)state;
	sandbox_defaults(&o);
	o.issue_again_status = o.unknown_group_status = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sandbox *sb = sandbox_new(&o);
		struct json *data = json_parse(slice_of(bad[i]), &err);
		assert_non_null(data);
		if (sandbox_load(sb, T0, data, &err) != RC_INVALID)
			fail_msg("%s was loaded", bad[i]);
		json_free(data);
		sandbox_free(sb);
	}
	sandbox_free(w.sb);
	w.sb = sandbox_new(&o);
	struct json *data = json_parse(slice_of(good), &err);
	assert_non_null(data);
	if (sandbox_load(w.sb, T0, data, &err) != RC_OK)
		fail_msg("%s", err.text);
	json_free(data);
	assert_int_equal(sandbox_mail_count(w.sb), 1);
	assert_int_equal(wire(&w, "GET", HUB "objects/contacts/1?properties=unknown", NULL), 200);
	assert_member(&w, "properties.unknown", "x");
	sandbox_free(NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_wire, close_wire)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_paths_and_queries),
		CASE(test_contacts),
		CASE(test_restore_where_the_address_went_to_another),
		CASE(test_forms_and_their_lists),
		CASE(test_lists),
		CASE(test_contact_search),
		CASE(test_credentials_are_checked),
		CASE(test_a_draft_may_change),
		CASE(test_credential_search),
		CASE(test_data_of_every_kind_comes_back),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

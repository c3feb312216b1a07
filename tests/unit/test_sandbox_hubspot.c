/* The sandbox's HubSpot: shapes, refusals and limits of facts/hubspot.md. */
#include "tests/unit/sandbox_help.h"

#include <stdio.h>
#include <stdlib.h>

#define V3 "/hubspot/crm/v3/objects/contacts"
#define DATED "/hubspot/crm/objects/2026-03/contacts"
#define LISTS "/hubspot/crm/v3/lists"

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

static const struct json *result(size_t i)
{
	return json_at(json_get(w.json, "results"), i);
}

static int read_history(const char *ids, const char *property)
{
	char body[2048];

	snprintf(body, sizeof(body),
		 "{\"inputs\":[%s],\"properties\":[\"%s\",\"email\",\"hs_merged_object_ids\"],"
		 "\"propertiesWithHistory\":[\"%s\"]}",
		 ids, property, property);
	return wire(&w, "POST", DATED "/batch/read", body);
}

static const struct json *entry(const char *property, size_t i)
{
	return json_at(json_get(json_get(result(0), "propertiesWithHistory"), property), i);
}

static size_t entries(const char *property)
{
	return json_count(json_get(json_get(result(0), "propertiesWithHistory"), property));
}

/* ---- who may, and where ------------------------------------------------- */

static void test_bearer(void **state)
{
	(void)state;
	make_contact(&w, 101, "{}");
	w.authorization = NULL;
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 401);
	assert_member(&w, "category", "INVALID_AUTHENTICATION");
	w.authorization = "Basic abc";
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 401);
	w.authorization = "Bearer ";
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 401);
	sandbox_options(w.sb)->hubspot_token = "pat-right";
	w.authorization = "Bearer pat-wrong";
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 401);
	w.authorization = "Bearer pat-right";
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 200);
}

static void test_paths(void **state)
{
	static const char *const good[] = { V3 "/101", DATED "/101",
					    "/hubspot/crm/v3/objects/0-1/101",
					    "/hubspot/crm/objects/2026-09/0-1/101" };
	static const char *const bad[] = { "/hubspot/crm/v4/objects/contacts/101",
					   "/hubspot/crm/objects/2025-03/contacts/101",
					   "/hubspot/crm/v3/objects/companies/101",
					   "/hubspot/crm/v3",
					   "/hubspot",
					   V3 "/101/more",
					   "/hubspot/" };

	(void)state;
	make_contact(&w, 101, "{}");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(wire(&w, "GET", good[i], NULL), 200);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(wire(&w, "GET", bad[i], NULL), 404);
	assert_int_equal(wire(&w, "GET", V3 "/search", NULL), 404); /* an id that is none */
	assert_int_equal(wire(&w, "PUT", V3 "/batch/read", "{}"), 405);
}

static void test_answer_headers(void **state)
{
	(void)state;
	wire(&w, "GET", V3, NULL);
	assert_string_equal(wire_header(&w, "Date"), "Mon, 23 Nov 2026 10:00:00 GMT");
	assert_string_equal(wire_header(&w, "X-HubSpot-RateLimit-Max"), "100");
	assert_string_equal(wire_header(&w, "X-HubSpot-RateLimit-Interval-Milliseconds"), "10000");
	wire(&w, "POST", V3 "/search", "{}");
	assert_null(wire_header(&w, "X-HubSpot-RateLimit-Max"));
	sandbox_options(w.sb)->no_date_header = true;
	wire(&w, "GET", V3, NULL);
	assert_null(wire_header(&w, "Date"));
}

/* ---- a record ----------------------------------------------------------- */

static void test_record_shape(void **state)
{
	(void)state;
	make_contact(&w, 101, "{\"email\":\"ana@example.org\",\"firstname\":\"Ana\"}");
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 200);
	assert_member(&w, "id", "101");
	assert_member(&w, "properties.email", "ana@example.org");
	assert_member(&w, "properties.hs_object_id", "101");
	assert_member(&w, "properties.createdate", "2026-11-23T10:00:00Z");
	assert_member(&w, "properties.lastmodifieddate", "2026-11-23T10:00:00Z");
	assert_non_null(json_path(w.json, "properties.lastname"));
	assert_int_equal(json_kind(json_path(w.json, "properties.lastname")), IS_NULL);
	assert_int_equal(json_kind(json_get(w.json, "archived")), IS_BOOL);
	w.now_ms += 1120;
	set_value(&w, 101, "jobtitle", "Smith");
	wire(&w, "GET", V3 "/101?properties=jobtitle,nonsense&properties=phone", NULL);
	assert_member(&w, "updatedAt", "2026-11-23T10:00:01.120Z");
	assert_member(&w, "properties.lastmodifieddate", "2026-11-23T10:00:01.120Z");
	assert_member(&w, "createdAt", "2026-11-23T10:00:00Z");
	assert_member(&w, "properties.jobtitle", "Smith");
	assert_null(json_path(w.json, "properties.nonsense"));
	assert_null(json_path(w.json, "properties.email"));
	assert_non_null(json_path(w.json, "properties.phone"));
}

static void test_absent_records(void **state)
{
	(void)state;
	assert_int_equal(wire(&w, "GET", V3 "/999", NULL), 404);
	assert_null(json_get(w.json, "category"));
	assert_int_equal(wire(&w, "GET", V3 "/abc", NULL), 404);
	assert_member(&w, "category", "OBJECT_NOT_FOUND");
}

static void test_delete_and_restore(void **state)
{
	struct err err;

	(void)state;
	make_contact(&w, 101, "{\"email\":\"ana@example.org\"}");
	assert_int_equal(sandbox_delete(w.sb, w.now_ms, 101, &err), RC_OK);
	assert_int_equal(sandbox_delete(w.sb, w.now_ms, 101, &err), RC_INVALID);
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 404);
	assert_int_equal(wire(&w, "GET", V3 "/101?archived=true", NULL), 200);
	assert_true(json_bool(json_get(w.json, "archived"), false));
	assert_non_null(json_get(w.json, "archivedAt"));
	assert_int_equal(sandbox_restore(w.sb, w.now_ms, 101, &err), RC_OK);
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 200);
	assert_int_equal(wire(&w, "DELETE", V3 "/101", NULL), 204);
	assert_int_equal(wire(&w, "DELETE", V3 "/777", NULL), 204);
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 404);
}

static void test_values_are_checked(void **state)
{
	static const char *const options[] = { "Bronze", "Gold=Gold member" };
	struct err err;
	struct sandbox *sb = w.sb;

	(void)state;
	make_contact(&w, 101, "{\"email\":\"ana@example.org\"}");
	assert_int_equal(sandbox_property(sb, "tier", "Tier", "enumeration", options, 2, &err),
			 RC_OK);
	assert_int_equal(sandbox_property(sb, "score", NULL, "number", NULL, 0, &err), RC_OK);
	assert_int_equal(sandbox_property(sb, "x", NULL, "colour", NULL, 0, &err), RC_INVALID);
	assert_int_equal(sandbox_set(sb, T0, 101, "tier", slice_of("Gold member"), &err),
			 RC_INVALID);
	assert_int_equal(sandbox_set(sb, T0, 101, "tier", slice_of("Gold"), &err), RC_OK);
	assert_int_equal(sandbox_set(sb, T0, 101, "score", slice_of("many"), &err), RC_INVALID);
	assert_int_equal(sandbox_set(sb, T0, 101, "score", slice_of("9.5"), &err), RC_OK);
	assert_int_equal(sandbox_set(sb, T0, 101, "lastmodifieddate", slice_of("1"), &err),
			 RC_INVALID);
	assert_int_equal(sandbox_set(sb, T0, 999, "score", slice_of("1"), &err), RC_INVALID);
	assert_int_equal(wire(&w, "POST", V3, "{\"properties\":{\"email\":\"ANA@example.org\"}}"),
			 409);
	assert_member(&w, "message", "Contact already exists. Existing ID: 101");
	assert_int_equal(wire(&w, "POST", V3, "{\"properties\":{\"nonsense\":\"1\"}}"), 400);
	assert_int_equal(wire(&w, "POST", V3, "{\"properties\":{\"email\":\"bo@example.org\"}}"),
			 201);
	assert_int_equal(wire(&w, "PATCH", V3 "/101", "{\"properties\":{\"tier\":\"Silver\"}}"),
			 400);
	assert_int_equal(wire(&w, "PATCH", V3 "/101", "{\"properties\":{\"tier\":\"Bronze\"}}"),
			 200);
	assert_int_equal(wire(&w, "PATCH", V3 "/999", "{\"properties\":{\"tier\":\"Bronze\"}}"),
			 404);
	wire(&w, "GET", V3 "/101?properties=tier", NULL);
	assert_member(&w, "properties.tier", "Bronze");
}

/* ---- batch read and history --------------------------------------------- */

static void test_batch_missing_members(void **state)
{
	static const char *const bad[] = {
		"{\"inputs\":[{\"id\":\"101\"}],\"properties\":[]}",
		"{\"inputs\":[{\"id\":\"101\"}],\"propertiesWithHistory\":[]}",
		"{\"properties\":[],\"propertiesWithHistory\":[]}",
		"{\"inputs\":[],\"properties\":[],\"propertiesWithHistory\":[]}",
		"{\"inputs\":[{\"id\":101}],\"properties\":[],\"propertiesWithHistory\":[]}",
		"{\"inputs\":[{\"id\":\"101\"}],\"properties\":[1],\"propertiesWithHistory\":[]}",
		("{\"inputs\":[{\"id\":\"101\"}],\"properties\":[],\"propertiesWithHistory\":[],"
		 "\"idProperty\":\"phone\"}"),
		"{\"inputs\":",
		"",
		"[1]",
	};

	(void)state;
	make_contact(&w, 101, "{}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wire(&w, "POST", DATED "/batch/read", bad[i]) != 400)
			fail_msg("%s -> %d", bad[i], w.status);
	assert_int_equal(wire(&w, "POST", DATED "/batch/read",
			      "{\"inputs\":[{\"id\":\"101\"}],\"properties\":[],"
			      "\"propertiesWithHistory\":[]}"),
			 200);
}

/* n inputs, with history or without. */
static int batch_of(int n, bool with_history)
{
	struct str body;

	str_init(&body, 8192);
	str_add_text(&body, "{\"inputs\":[");
	for (int i = 0; i < n; i++)
		str_addf(&body, "%s{\"id\":\"%d\"}", i ? "," : "", 1000 + i);
	str_addf(&body, "],\"properties\":[\"email\"],\"propertiesWithHistory\":[%s]}",
		 with_history ? "\"email\"" : "");
	int status = wire(&w, "POST", DATED "/batch/read", str_text(&body));
	str_release(&body);
	return status;
}

static void test_batch_ceilings(void **state)
{
	(void)state;
	for (int i = 0; i < 101; i++)
		make_contact(&w, 1000 + i, "{}");
	assert_int_equal(batch_of(50, true), 200);
	assert_int_equal(batch_of(51, true), 400);
	assert_int_equal(batch_of(100, false), 200);
	assert_int_equal(batch_of(101, false), 400);
}

static void test_batch_partial(void **state)
{
	(void)state;
	make_contact(&w, 101, "{}");
	make_contact(&w, 102, "{}");
	assert_int_equal(
		read_history("{\"id\":\"999\"},{\"id\":\"102\"},{\"id\":\"101\"},{\"id\":\"102\"}",
			     "tier"),
		207);
	assert_int_equal(json_count(json_get(w.json, "results")), 2);
	assert_text(json_get(result(0), "id"), "101");
	assert_text(json_at(json_path(json_at(json_get(w.json, "errors"), 0), "context.ids"), 0),
		    "999");
	assert_int_equal(read_history("{\"id\":\"101\"}", "tier"), 200);
	assert_null(json_get(w.json, "errors"));
	/* a property that nobody defined has no history either */
	assert_null(json_get(json_get(result(0), "propertiesWithHistory"), "tier"));
}

static void test_history_order_and_clearing(void **state)
{
	(void)state;
	make_contact(&w, 101, "{\"tier\":\"Bronze\"}");
	w.now_ms += 1000;
	set_value(&w, 101, "tier", "Silver");
	set_value(&w, 101, "tier", "Gold"); /* the same instant */
	w.now_ms += 1000;
	set_value(&w, 101, "tier", "Gold"); /* the same value */
	set_value(&w, 101, "tier", "");
	read_history("{\"id\":\"101\"}", "tier");
	assert_int_equal(entries("tier"), 4);
	assert_text(json_get(entry("tier", 0), "value"), "");
	assert_int_equal(json_kind(json_get(entry("tier", 0), "value")), IS_TEXT);
	assert_text(json_get(entry("tier", 1), "value"), "Gold");
	assert_text(json_get(entry("tier", 2), "value"), "Silver");
	assert_text(json_get(entry("tier", 2), "timestamp"), "2026-11-23T10:00:01Z");
	assert_text(json_get(entry("tier", 3), "value"), "Bronze");
	assert_int_equal(json_kind(json_path(result(0), "properties.tier")), IS_NULL);
	sandbox_options(w.sb)->cleared_is_null = true;
	read_history("{\"id\":\"101\"}", "tier");
	assert_int_equal(json_kind(json_get(entry("tier", 0), "value")), IS_NULL);
}

static void test_history_cap(void **state)
{
	char value[16];

	(void)state;
	make_contact(&w, 101, "{}");
	for (int i = 0; i < 50; i++) {
		snprintf(value, sizeof(value), "v%d", i);
		w.now_ms += 1000;
		set_value(&w, 101, "tier", value);
	}
	read_history("{\"id\":\"101\"}", "tier");
	assert_int_equal(entries("tier"), 45);
	assert_text(json_get(entry("tier", 0), "value"), "v49");
	assert_text(json_get(entry("tier", 44), "value"), "v5");
}

static void test_same_value(void **state)
{
	(void)state;
	make_contact(&w, 101, "{\"tier\":\"Gold\"}");
	w.now_ms += 1000;
	set_value(&w, 101, "tier", "Gold");
	read_history("{\"id\":\"101\"}", "tier");
	assert_int_equal(entries("tier"), 1);
	assert_text(json_get(result(0), "updatedAt"), "2026-11-23T10:00:01Z");
	sandbox_options(w.sb)->same_value_writes = true;
	set_value(&w, 101, "tier", "Gold");
	read_history("{\"id\":\"101\"}", "tier");
	assert_int_equal(entries("tier"), 2);
}

/* ---- merges ------------------------------------------------------------- */

static void two_to_merge(void)
{
	make_contact(&w, 101, "{\"email\":\"a@example.org\",\"tier\":\"Bronze\"}");
	w.now_ms += 1000;
	make_contact(&w, 102,
		     "{\"email\":\"b@example.org\",\"tier\":\"Silver\",\"city\":\"Rome\"}");
	w.now_ms += 1000;
}

static int64_t merge(int64_t into)
{
	struct err err;
	int64_t id = 0;

	assert_int_equal(sandbox_merge(w.sb, w.now_ms, 101, 102, into, &id, &err), RC_OK);
	return id;
}

static void test_merge_new_id(void **state)
{
	struct err err;

	(void)state;
	two_to_merge();
	assert_int_equal(merge(900), 900);
	assert_int_equal(read_history("{\"id\":\"101\"},{\"id\":\"102\"}", "tier"), 200);
	assert_int_equal(json_count(json_get(w.json, "results")), 1);
	assert_text(json_get(result(0), "id"), "900");
	assert_text(json_path(result(0), "properties.hs_merged_object_ids"), "101;102");
	assert_text(json_path(result(0), "properties.email"), "a@example.org");
	assert_text(json_path(result(0), "properties.tier"), "Bronze"); /* the primary's wins */
	assert_int_equal(entries("tier"), 2);
	assert_text(json_get(entry("tier", 0), "value"), "Silver"); /* both histories, by time */
	assert_text(json_get(entry("tier", 1), "value"), "Bronze");
	assert_text(json_get(result(0), "createdAt"), "2026-11-23T10:00:02Z");
	wire(&w, "GET", V3 "/102?properties=city", NULL);
	assert_member(&w, "id", "900");
	assert_member(&w, "properties.city", "Rome"); /* the other's fills the empty one */
	assert_int_equal(sandbox_set(w.sb, w.now_ms, 101, "tier", slice_of("x"), &err), RC_INVALID);
	assert_int_equal(sandbox_merge(w.sb, w.now_ms, 900, 900, 0, NULL, &err), RC_INVALID);
	assert_int_equal(sandbox_merge(w.sb, w.now_ms, 900, 102, 0, NULL, &err), RC_INVALID);
}

static void test_merge_again(void **state)
{
	struct err err;
	int64_t id;

	(void)state;
	two_to_merge();
	merge(900);
	make_contact(&w, 103, "{}");
	assert_int_equal(sandbox_merge(w.sb, w.now_ms, 103, 900, 901, &id, &err), RC_OK);
	read_history("{\"id\":\"101\"}", "tier");
	assert_text(json_get(result(0), "id"), "901");
	assert_text(json_path(result(0), "properties.hs_merged_object_ids"), "103;101;102;900");
	assert_text(json_path(result(0), "properties.tier"), "Bronze");
}

static void test_merge_older_kind(void **state)
{
	(void)state;
	sandbox_options(w.sb)->merge_keeps_id = true;
	sandbox_options(w.sb)->merge_writes_entry = true;
	two_to_merge();
	assert_int_equal(merge(0), 101);
	read_history("{\"id\":\"102\"}", "tier");
	assert_text(json_get(result(0), "id"), "101");
	assert_text(json_path(result(0), "properties.hs_merged_object_ids"), "102");
	assert_int_equal(entries("tier"), 3);
	assert_text(json_get(entry("tier", 0), "sourceType"), "MERGE_OBJECTS");
	assert_text(json_get(entry("tier", 0), "value"), "Bronze");
	assert_text(json_get(result(0), "createdAt"), "2026-11-23T10:00:00Z");
}

static void test_merge_equal_stamps(void **state)
{
	(void)state;
	make_contact(&w, 101, "{\"tier\":\"Bronze\"}");
	make_contact(&w, 102, "{\"tier\":\"Silver\"}");
	merge(900);
	read_history("{\"id\":\"900\"}", "tier");
	assert_int_equal(entries("tier"), 1);
	assert_text(json_get(entry("tier", 0), "value"), "Bronze");
}

/* ---- search ------------------------------------------------------------- */

static int search(const char *body)
{
	return wire(&w, "POST", V3 "/search", body);
}

static int64_t total_of(const char *filter)
{
	char body[1024];

	snprintf(body, sizeof(body), "{\"filterGroups\":[{\"filters\":[%s]}]}", filter);
	assert_int_equal(search(body), 200);
	return json_int(json_get(w.json, "total"), -1);
}

static void test_search_lag(void **state)
{
	const char *all = "{\"propertyName\":\"lastmodifieddate\",\"operator\":\"GTE\","
			  "\"value\":\"1795428000000\"}";
	const char *later = "{\"propertyName\":\"lastmodifieddate\",\"operator\":\"GTE\","
			    "\"value\":\"2026-11-23T10:00:20Z\"}";

	(void)state;
	make_contact(&w, 101, "{\"firstname\":\"Ana\"}");
	w.now_ms = T0 + 9999;
	assert_int_equal(total_of(all), 0);
	w.now_ms = T0 + 10000;
	assert_int_equal(total_of(all), 1);
	w.now_ms = T0 + 20000;
	set_value(&w, 101, "firstname", "Eva");
	w.now_ms = T0 + 29999;
	assert_int_equal(total_of(later), 0);
	assert_int_equal(total_of(all), 1);
	assert_text(json_path(result(0), "properties.firstname"), "Ana");
	assert_text(json_get(result(0), "updatedAt"), "2026-11-23T10:00:00Z");
	w.now_ms = T0 + 30000;
	assert_int_equal(total_of(later), 1);
	assert_text(json_path(result(0), "properties.firstname"), "Eva");
}

static void test_search_operators(void **state)
{
	static const char *const options[] = { "PL", "de" };
	static const struct {
		const char *filter;
		int64_t total;
	} cases[] = {
		{ "{\"propertyName\":\"firstname\",\"operator\":\"EQ\",\"value\":\"ana\"}", 1 },
		{ "{\"propertyName\":\"firstname\",\"operator\":\"NEQ\",\"value\":\"ana\"}", 2 },
		{ "{\"propertyName\":\"firstname\",\"operator\":\"IN\",\"values\":[\"ana\",\"bo\"]"
		  "}",
		  2 },
		{ "{\"propertyName\":\"firstname\",\"operator\":\"IN\",\"values\":[\"Ana\"]}", 0 },
		{ "{\"propertyName\":\"firstname\",\"operator\":\"NOT_IN\",\"values\":[\"ana\"]}",
		  2 },
		{ "{\"propertyName\":\"land\",\"operator\":\"EQ\",\"value\":\"pl\"}", 0 },
		{ "{\"propertyName\":\"land\",\"operator\":\"EQ\",\"value\":\"PL\"}", 1 },
		{ "{\"propertyName\":\"land\",\"operator\":\"HAS_PROPERTY\"}", 2 },
		{ "{\"propertyName\":\"land\",\"operator\":\"NOT_HAS_PROPERTY\"}", 1 },
		{ "{\"propertyName\":\"hs_object_id\",\"operator\":\"GT\",\"value\":\"99\"}", 2 },
		{ "{\"propertyName\":\"hs_object_id\",\"operator\":\"LTE\",\"value\":\"99\"}", 1 },
		{ "{\"propertyName\":\"hs_object_id\",\"operator\":\"BETWEEN\",\"value\":\"100\","
		  "\"highValue\":\"101\"}",
		  1 },
		{ "{\"propertyName\":\"lastmodifieddate\",\"operator\":\"LT\","
		  "\"value\":\"2026-11-23T10:00:00Z\"}",
		  0 },
		{ "{\"propertyName\":\"lastmodifieddate\",\"operator\":\"LTE\","
		  "\"value\":\"2026-11-23T10:00:00Z\"}",
		  3 },
	};
	struct err err;

	(void)state;
	assert_int_equal(sandbox_property(w.sb, "land", NULL, "enumeration", options, 2, &err),
			 RC_OK);
	make_contact(&w, 99, "{\"firstname\":\"Ana\",\"land\":\"PL\"}");
	make_contact(&w, 101, "{\"firstname\":\"Bo\",\"land\":\"de\"}");
	make_contact(&w, 1000, "{\"firstname\":\"Cy\"}");
	w.now_ms += 60000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (total_of(cases[i].filter) != cases[i].total)
			fail_msg("%s", cases[i].filter);
}

static void test_search_refusals(void **state)
{
	static const char *const bad[] = {
		"{\"limit\":201}",
		"{\"limit\":0}",
		"{\"after\":\"x\"}",
		"{\"limit\":200,\"after\":\"9801\"}",
		"{\"sorts\":[\"email\",\"firstname\"]}",
		"{\"sorts\":[\"nonsense\"]}",
		"{\"filterGroups\":[{}]}",
		("{\"filterGroups\":[{\"filters\":[{\"propertyName\":\"nonsense\",\"operator\":"
		 "\"EQ\","
		 "\"value\":\"1\"}]}]}"),
		("{\"filterGroups\":[{\"filters\":[{\"propertyName\":\"email\",\"operator\":"
		 "\"LIKE\","
		 "\"value\":\"1\"}]}]}"),
		"{\"filterGroups\":[{\"filters\":[{\"propertyName\":\"email\",\"operator\":\"EQ\"}]"
		"}]}",
		("{\"filterGroups\":[{\"filters\":[{\"propertyName\":\"lastmodifieddate\","
		 "\"operator\":\"GTE\",\"value\":\"soon\"}]}]}"),
		"no json",
	};
	struct str long_body;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (search(bad[i]) != 400)
			fail_msg("%s -> %d", bad[i], w.status);
	assert_int_equal(search("{\"limit\":200,\"after\":\"9800\"}"), 200);
	assert_int_equal(search("{\"filterGroups\":[{\"filters\":[{\"propertyName\":\"createdate\","
				"\"operator\":\"GTE\",\"value\":\"0\"}]}]}"),
			 500);
	str_init(&long_body, 4096);
	str_add_text(&long_body, "{}");
	while (long_body.len < 3000)
		str_add_char(&long_body, ' ');
	assert_int_equal(search(str_text(&long_body)), 200);
	str_add_char(&long_body, ' ');
	assert_int_equal(search(str_text(&long_body)), 400);
	str_release(&long_body);
}

static void test_search_pages(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		make_contact(&w, 200 - i, "{}");
		w.now_ms += 1000;
	}
	w.now_ms += 60000;
	search("{\"sorts\":[{\"propertyName\":\"lastmodifieddate\",\"direction\":\"ASCENDING\"}],"
	       "\"limit\":2}");
	assert_int_equal(json_int(json_get(w.json, "total"), 0), 5);
	assert_text(json_get(result(0), "id"), "200");
	assert_member(&w, "paging.next.after", "2");
	search("{\"sorts\":[\"-lastmodifieddate\"],\"limit\":2,\"after\":\"4\"}");
	assert_int_equal(json_count(json_get(w.json, "results")), 1);
	assert_text(json_get(result(0), "id"), "200");
	assert_null(json_get(w.json, "paging"));
}

static void test_search_and_archive(void **state)
{
	struct err err;

	(void)state;
	make_contact(&w, 101, "{}");
	w.now_ms += 60000;
	search("{}");
	assert_int_equal(json_int(json_get(w.json, "total"), 0), 1);
	assert_int_equal(sandbox_delete(w.sb, w.now_ms, 101, &err), RC_OK);
	search("{}");
	assert_int_equal(json_int(json_get(w.json, "total"), -1), 0);
}

/* ---- lists -------------------------------------------------------------- */

static void some_list(int members)
{
	struct err err;

	assert_int_equal(sandbox_list(w.sb, w.now_ms, 42, "Course Graduates", "MANUAL", NULL, &err),
			 RC_OK);
	for (int i = 0; i < members; i++) {
		make_contact(&w, 1000 - i, "{}");
		assert_int_equal(sandbox_join(w.sb, w.now_ms, 42, 1000 - i, &err), RC_OK);
		w.now_ms += 1000;
	}
}

static void test_list_get(void **state)
{
	struct err err;

	(void)state;
	some_list(2);
	assert_int_equal(wire(&w, "GET", LISTS "/42", NULL), 200);
	assert_member(&w, "list.listId", "42");
	assert_member(&w, "list.processingStatus", "COMPLETE");
	assert_member(&w, "list.objectTypeId", "0-1");
	assert_int_equal(wire(&w, "GET",
			      "/hubspot/crm/lists/2026-03/object-type-id/0-1/name/"
			      "course%20GRADUATES",
			      NULL),
			 200);
	assert_member(&w, "list.listId", "42");
	assert_int_equal(wire(&w, "GET", LISTS "/object-type-id/0-1/name/Other", NULL), 404);
	assert_int_equal(wire(&w, "GET", LISTS "/43", NULL), 404);
	wire(&w, "GET", LISTS "?listIds=42&listIds=43", NULL);
	assert_int_equal(json_count(json_get(w.json, "lists")), 1);
	assert_int_equal(sandbox_list_processing(w.sb, w.now_ms, 42, true, &err), RC_OK);
	wire(&w, "GET", LISTS "/42", NULL);
	assert_member(&w, "list.processingStatus", "PROCESSING");
	assert_int_equal(sandbox_list(w.sb, T0, 0, "COURSE graduates", NULL, NULL, &err),
			 RC_INVALID);
	assert_int_equal(sandbox_list_delete(w.sb, w.now_ms, 42, &err), RC_OK);
	assert_int_equal(wire(&w, "GET", LISTS "/42", NULL), 404);
}

#define PROBE                                                                                      \
	"{\"listIds\":[\"42\"],\"count\":500,\"additionalProperties\":[\"hs_list_size\","          \
	"\"hs_last_record_added_at\",\"hs_last_record_removed_at\"]}"

static const struct json *probed(const char *name)
{
	assert_int_equal(wire(&w, "POST", LISTS "/search", PROBE), 200);
	return json_get(json_get(json_at(json_get(w.json, "lists"), 0), "additionalProperties"),
			name);
}

static void test_list_probe(void **state)
{
	struct err err;

	(void)state;
	some_list(0);
	assert_null(probed("hs_last_record_added_at"));
	assert_text(probed("hs_list_size"), "0");
	make_contact(&w, 101, "{}");
	sandbox_options(w.sb)->list_lag_ms = 5000;
	assert_int_equal(sandbox_join(w.sb, w.now_ms, 42, 101, &err), RC_OK);
	w.now_ms = T0 + 4999;
	assert_null(probed("hs_last_record_added_at"));
	w.now_ms = T0 + 5000;
	assert_text(probed("hs_last_record_added_at"), "1795428005000");
	assert_text(probed("hs_list_size"), "1");
	wire(&w, "GET", LISTS "/42/memberships/join-order", NULL);
	assert_text(json_get(result(0), "membershipTimestamp"), "2026-11-23T10:00:00Z");
	w.now_ms = T0 + 7000;
	assert_int_equal(sandbox_leave(w.sb, w.now_ms, 42, 101, &err), RC_OK);
	assert_int_equal(sandbox_leave(w.sb, w.now_ms, 42, 101, &err), RC_INVALID);
	assert_text(probed("hs_last_record_removed_at"), "1795428007000");
	assert_int_equal(wire(&w, "POST", LISTS "/search", "{\"count\":501}"), 400);
	assert_int_equal(wire(&w, "POST", LISTS "/search", "{\"listIds\":[42]}"), 400);
}

/* Walks all pages; answers the ids in order, joined by spaces. */
static const char *walk(const char *path, int limit)
{
	static char ids[512];
	char target[512];
	size_t len = 0;

	ids[0] = '\0';
	snprintf(target, sizeof(target), "%s?limit=%d", path, limit);
	for (int page = 0; page < 100; page++) {
		assert_int_equal(wire(&w, "GET", target, NULL), 200);
		for (size_t i = 0; i < json_count(json_get(w.json, "results")); i++)
			len += (size_t)snprintf(ids + len, sizeof(ids) - len, "%.*s ",
						SLICE_FMT(json_get_slice(result(i), "recordId")));
		struct slice after = json_slice(json_path(w.json, "paging.next.after"));
		if (!after.len)
			return ids;
		snprintf(target, sizeof(target), "%s?limit=%d&after=%.*s", path, limit,
			 SLICE_FMT(after));
	}
	fail_msg("the pages of %s never end", path);
	return NULL;
}

static void test_members(void **state)
{
	(void)state;
	some_list(5);
	assert_string_equal(walk(LISTS "/42/memberships", 2), "996 997 998 999 1000 ");
	assert_string_equal(walk(LISTS "/42/memberships/join-order", 2), "1000 999 998 997 996 ");
	assert_string_equal(walk(LISTS "/42/memberships/join-order", 5), "1000 999 998 997 996 ");
	sandbox_options(w.sb)->list_descending = true;
	assert_string_equal(walk(LISTS "/42/memberships/join-order", 2), "996 997 998 999 1000 ");
	assert_int_equal(wire(&w, "GET", LISTS "/42/memberships?limit=251", NULL), 400);
	assert_int_equal(wire(&w, "GET", LISTS "/42/memberships?limit=250", NULL), 200);
	assert_int_equal(wire(&w, "GET", LISTS "/42/memberships?after=17", NULL), 400);
	assert_int_equal(wire(&w, "GET", LISTS "/43/memberships", NULL), 404);
}

static void test_member_backwards(void **state)
{
	char target[256];

	(void)state;
	some_list(5);
	wire(&w, "GET", LISTS "/42/memberships?limit=3", NULL);
	struct slice after = json_slice(json_path(w.json, "paging.next.after"));
	snprintf(target, sizeof(target), LISTS "/42/memberships?limit=3&after=%.*s",
		 SLICE_FMT(after));
	wire(&w, "GET", target, NULL);
	assert_text(json_get(result(0), "recordId"), "999");
	struct slice before = json_slice(json_path(w.json, "paging.prev.before"));
	snprintf(target, sizeof(target), LISTS "/42/memberships?limit=2&before=%.*s",
		 SLICE_FMT(before));
	wire(&w, "GET", target, NULL);
	assert_text(json_get(result(0), "recordId"), "998"); /* `before` alone: descending */
	assert_text(json_get(result(1), "recordId"), "997");
}

static void test_rejoin_delete_and_merge(void **state)
{
	struct err err;
	int64_t id;

	(void)state;
	some_list(2); /* 1000 at T0, 999 a second later */
	assert_int_equal(sandbox_leave(w.sb, w.now_ms, 42, 999, &err), RC_OK);
	assert_string_equal(walk(LISTS "/42/memberships", 9), "1000 ");
	assert_int_equal(sandbox_join(w.sb, w.now_ms, 42, 999, &err), RC_OK);
	assert_int_equal(sandbox_join(w.sb, w.now_ms + 1, 42, 999, &err),
			 RC_OK); /* is in already */
	walk(LISTS "/42/memberships", 9);
	assert_text(json_get(result(0), "membershipTimestamp"), "2026-11-23T10:00:02Z");
	assert_int_equal(sandbox_merge(w.sb, w.now_ms, 999, 1000, 0, &id, &err), RC_OK);
	assert_int_equal(id, 1001);
	assert_string_equal(walk(LISTS "/42/memberships", 9), "1001 ");
	assert_text(json_get(result(0), "membershipTimestamp"), "2026-11-23T10:00:00Z");
	assert_int_equal(sandbox_delete(w.sb, w.now_ms, 1001, &err), RC_OK);
	assert_string_equal(walk(LISTS "/42/memberships", 9), "");
}

static void test_member_writes(void **state)
{
	struct err err;

	(void)state;
	some_list(0);
	make_contact(&w, 101, "{}");
	assert_int_equal(wire(&w, "PUT", LISTS "/42/memberships/add", "[\"101\",\"999\"]"), 200);
	assert_text(json_at(json_get(w.json, "recordsIdsAdded"), 0), "101");
	assert_text(json_at(json_get(w.json, "recordIdsMissing"), 0), "999");
	assert_int_equal(wire(&w, "GET", LISTS "/records/0-1/101/memberships", NULL), 200);
	assert_text(json_get(result(0), "listId"), "42");
	assert_int_equal(sandbox_list(w.sb, T0, 43, "Active", "DYNAMIC", NULL, &err), RC_OK);
	assert_int_equal(wire(&w, "PUT", LISTS "/43/memberships/add", "[\"101\"]"), 400);
	assert_int_equal(wire(&w, "PUT", LISTS "/42/memberships/remove", "[\"101\"]"), 200);
	assert_string_equal(walk(LISTS "/42/memberships", 9), "");
}

/* ---- properties and the account ----------------------------------------- */

static void test_properties(void **state)
{
	static const char *const options[] = { "Bronze", "Gold=Gold member" };
	struct err err;

	(void)state;
	assert_int_equal(sandbox_property(w.sb, "tier", "Tier", "enumeration", options, 2, &err),
			 RC_OK);
	assert_int_equal(wire(&w, "GET", "/hubspot/crm/properties/2026-03/contacts", NULL), 200);
	assert_null(json_get(w.json, "paging"));
	assert_true(json_count(json_get(w.json, "results")) > 5);
	assert_int_equal(wire(&w, "GET", "/hubspot/crm/v3/properties/contacts/tier", NULL), 200);
	assert_member(&w, "label", "Tier");
	assert_text(json_get(json_at(json_get(w.json, "options"), 1), "value"), "Gold");
	assert_text(json_get(json_at(json_get(w.json, "options"), 1), "label"), "Gold member");
	assert_int_equal(wire(&w, "GET", "/hubspot/crm/v3/properties/contacts/none", NULL), 404);
}

static void test_account(void **state)
{
	const char *path = "/hubspot/oauth/v2/private-apps/get/access-token-info";

	(void)state;
	assert_int_equal(wire(&w, "POST", path, "{\"tokenKey\":\"pat-eu1-x\"}"), 200);
	assert_int_equal(json_int(json_get(w.json, "hubId"), 0), 1234567);
	assert_int_equal(json_count(json_get(w.json, "scopes")), 3);
	assert_int_equal(wire(&w, "POST", path, "{}"), 400);
	assert_int_equal(wire(&w, "POST", path, "{\"tokenKey\":\"other\"}"), 404);
	assert_int_equal(wire(&w, "GET", "/hubspot/account-info/2026-03/details", NULL), 200);
}

/* ---- limits and faults -------------------------------------------------- */

static void test_search_limit(void **state)
{
	(void)state;
	sandbox_options(w.sb)->rate_limits = true;
	for (int i = 0; i < 5; i++)
		assert_int_equal(search("{}"), 200);
	assert_int_equal(search("{}"), 429);
	assert_member(&w, "category", "RATE_LIMITS");
	w.now_ms += 1000;
	assert_int_equal(search("{}"), 200);
	assert_int_equal(sandbox_calls(w.sb, "429"), 1);
	assert_int_equal(sandbox_calls(w.sb, "search"), 7);
}

static void test_window_limit(void **state)
{
	(void)state;
	sandbox_options(w.sb)->rate_limits = true;
	for (int i = 0; i < 100; i++)
		assert_int_equal(wire(&w, "GET", V3, NULL), 200);
	assert_string_equal(wire_header(&w, "X-HubSpot-RateLimit-Remaining"), "0");
	assert_int_equal(wire(&w, "GET", V3, NULL), 429);
	assert_member(&w, "policyName", "TEN_SECONDLY_ROLLING");
	assert_int_equal(search("{}"), 200); /* not part of this limit */
	w.now_ms += 10000;
	assert_int_equal(wire(&w, "GET", V3, NULL), 200);
}

static void test_daily_limit(void **state)
{
	(void)state;
	sandbox_options(w.sb)->rate_limits = true;
	sandbox_options(w.sb)->calls_per_day = 2;
	assert_int_equal(wire(&w, "GET", V3, NULL), 200);
	assert_string_equal(wire_header(&w, "X-HubSpot-RateLimit-Daily"), "2");
	assert_string_equal(wire_header(&w, "X-HubSpot-RateLimit-Daily-Remaining"), "1");
	assert_int_equal(search("{}"), 200);
	assert_int_equal(wire(&w, "GET", V3, NULL), 429);
	assert_member(&w, "policyName", "DAILY");
	w.now_ms += MS_DAY;
	assert_int_equal(wire(&w, "GET", V3, NULL), 200);
}

static void misses(const char *scope)
{
	const struct json *errors = json_get(w.json, "errors");
	const struct json *scopes = json_path(json_at(errors, 0), "context.requiredGranularScopes");

	assert_member(&w, "category", "MISSING_SCOPES");
	assert_text(json_at(scopes, 0), scope);
}

static void test_scopes(void **state)
{
	const char *info = "/hubspot/oauth/v2/private-apps/get/access-token-info";
	const char *properties = "/hubspot/crm/v3/properties/contacts";
	const char *lists = "/hubspot/crm/v3/lists/search";

	(void)state;
	sandbox_options(w.sb)->no_lists_scope = true;
	assert_int_equal(wire(&w, "POST", lists, "{}"), 403);
	misses("crm.lists.read");
	assert_int_equal(search("{}"), 200);
	assert_int_equal(wire(&w, "GET", V3, NULL), 200);
	assert_int_equal(wire(&w, "POST", info, "{\"tokenKey\":\"pat-eu1-x\"}"), 200);
	assert_int_equal(json_count(json_get(w.json, "scopes")), 2);
	/* Whoever may read contacts may read properties. */
	sandbox_options(w.sb)->no_schemas_scope = true;
	assert_int_equal(wire(&w, "GET", properties, NULL), 200);
	sandbox_options(w.sb)->no_contacts_scope = true;
	assert_int_equal(wire(&w, "GET", properties, NULL), 403);
	misses("crm.schemas.contacts.read");
	assert_int_equal(search("{}"), 403);
	misses("crm.objects.contacts.read");
	sandbox_options(w.sb)->no_lists_scope = false;
	assert_int_equal(wire(&w, "POST", lists, "{}"), 200);
	assert_int_equal(wire(&w, "POST", info, "{\"tokenKey\":\"pat-eu1-x\"}"), 200);
	assert_int_equal(json_count(json_get(w.json, "scopes")), 1);
}

static void test_faults(void **state)
{
	struct err err;

	(void)state;
	make_contact(&w, 101, "{}");
	assert_int_equal(sandbox_fault(w.sb, "nonsense", FAULT_STATUS, 500, -1, 0, 1, &err),
			 RC_INVALID);
	assert_int_equal(sandbox_fault(w.sb, "search", FAULT_STATUS, 200, -1, 0, 1, &err),
			 RC_INVALID);
	assert_int_equal(sandbox_fault(w.sb, "search", FAULT_STATUS, 429, 7, 1, 2, &err), RC_OK);
	assert_int_equal(search("{}"), 200);
	assert_int_equal(search("{}"), 429);
	assert_string_equal(wire_header(&w, "Retry-After"), "7");
	assert_int_equal(wire(&w, "GET", V3, NULL), 200);
	assert_int_equal(search("{}"), 429);
	assert_int_equal(search("{}"), 200);
	assert_int_equal(sandbox_fault(w.sb, "hubspot", FAULT_CUT_BEFORE, 0, -1, 0, 1, &err),
			 RC_OK);
	wire(&w, "DELETE", V3 "/101", NULL);
	assert_int_equal(w.answer.delivery, SANDBOX_CUT);
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 200);
	assert_int_equal(sandbox_fault(w.sb, "hubspot", FAULT_TIMEOUT, 0, -1, 0, 1, &err), RC_OK);
	wire(&w, "DELETE", V3 "/101", NULL);
	assert_int_equal(w.answer.delivery, SANDBOX_TIMEOUT);
	assert_int_equal(wire(&w, "GET", V3 "/101", NULL), 404);
	assert_int_equal(w.answer.delivery, SANDBOX_WHOLE);
	assert_int_equal(sandbox_fault(w.sb, "hubspot", FAULT_STATUS, 403, -1, 0, 9, &err), RC_OK);
	assert_int_equal(search("{}"), 403);
	assert_member(&w, "category", "MISSING_SCOPES");
	sandbox_faults_clear(w.sb);
	assert_int_equal(search("{}"), 200);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_wire, close_wire)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_bearer),
		CASE(test_paths),
		CASE(test_answer_headers),
		CASE(test_record_shape),
		CASE(test_absent_records),
		CASE(test_delete_and_restore),
		CASE(test_values_are_checked),
		CASE(test_batch_missing_members),
		CASE(test_batch_ceilings),
		CASE(test_batch_partial),
		CASE(test_history_order_and_clearing),
		CASE(test_history_cap),
		CASE(test_same_value),
		CASE(test_merge_new_id),
		CASE(test_merge_again),
		CASE(test_merge_older_kind),
		CASE(test_merge_equal_stamps),
		CASE(test_search_lag),
		CASE(test_search_operators),
		CASE(test_search_refusals),
		CASE(test_search_pages),
		CASE(test_search_and_archive),
		CASE(test_list_get),
		CASE(test_list_probe),
		CASE(test_members),
		CASE(test_member_backwards),
		CASE(test_rejoin_delete_and_merge),
		CASE(test_member_writes),
		CASE(test_properties),
		CASE(test_account),
		CASE(test_search_limit),
		CASE(test_window_limit),
		CASE(test_daily_limit),
		CASE(test_scopes),
		CASE(test_faults),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

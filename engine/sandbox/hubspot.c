/*
 * hubspot - the face of HubSpot's API: routes, refusals, contacts.
 *
 * Everything follows facts/hubspot.md; section numbers stand where a line would
 * not explain itself. Search is in hubspot_search.c, lists and properties in
 * hubspot_lists.c.
 *
 * Paths come as `/hubspot/crm/v3/objects/…` or `/hubspot/crm/objects/2026-03/…`:
 * version and area change places, the rest is the same.
 */
#include "engine/sandbox/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define PORTAL_ID "1234567"
#define HISTORY_CAP 45		/* facts 2.3: contacts keep 45 changes of a property */
#define BATCH_MOST 100
#define BATCH_MOST_HISTORY 50

static const char *const versions[] = { "2026-03", "2026-09", NULL };
static const char *const default_properties[] = { "createdate", "email", "firstname", "hs_object_id",
						  "lastmodifieddate", "lastname", NULL };
/* What every record shows, asked or not. */
static const char *const own_properties[] = { "createdate", "hs_object_id", "lastmodifieddate", NULL };

/* ---- refusals ------------------------------------------------------------------ */

static const char *correlation_id(struct call *call)
{
	uint64_t a = sandbox_random(call->sb), b = sandbox_random(call->sb);

	return arena_printf(&call->memory, "%08x-%04x-7%03x-8%03x-%012llx", (unsigned)(a >> 32),
			    (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
			    (unsigned long long)(b & 0xffffffffffff));
}

static struct json *error_body(struct call *call, const char *message)
{
	struct json *body = json_new_object();

	json_set_text(body, "status", "error");
	json_set_text(body, "message", message);
	json_set_text(body, "correlationId", correlation_id(call));
	return body;
}

void hubspot_error(struct call *call, int status, const char *category, const char *format, ...)
{
	struct str message;
	va_list args;

	str_init(&message, 4096);
	va_start(args, format);
	str_addv(&message, format, args);
	va_end(args);
	struct json *body = error_body(call, str_text(&message));
	if (category)
		json_set_text(body, "category", category);
	call_reply(call, status, body);
	str_release(&message);
}

static void refuse_missing_scopes(struct call *call)
{
	struct json *body = error_body(call,
		"This app hasn't been granted all required scopes to make this call. Read more about "
		"required scopes here: https://developers.hubspot.com/scopes.");
	struct json *errors = json_new_array(), *one = json_new_object();

	json_set_text(one, "message", "One or more of the following scopes are required.");
	json_add(errors, one);
	json_set(body, "errors", errors);
	json_set_text(body, "category", "MISSING_SCOPES");
	call_reply(call, 403, body);
}

static void refuse_rate(struct call *call, bool search)
{
	struct json *body = error_body(call, search ? "You have reached your secondly limit." :
				       "You have reached your ten_secondly_rolling limit.");

	if (search) {
		json_set_text(body, "category", "RATE_LIMITS");
	} else {
		json_set_text(body, "errorType", "RATE_LIMIT");
		json_set_text(body, "policyName", "TEN_SECONDLY_ROLLING");
		json_set_text(body, "groupName",
			      "publicapi:private_app-api-calls-ten-secondly:" PORTAL_ID);
	}
	call_reply(call, 429, body);
}

static void refuse_token(struct call *call)
{
	hubspot_error(call, 401, "INVALID_AUTHENTICATION",
		      "Authentication credentials not found. This API supports OAuth 2.0 authentication "
		      "and you can find more details at "
		      "https://developers.hubspot.com/docs/methods/auth/oauth-overview");
}

void hubspot_status(struct call *call, int status)
{
	if (status == 401)
		refuse_token(call);
	else if (status == 403)
		refuse_missing_scopes(call);
	else if (status == 429)
		refuse_rate(call, strcmp(call->name, "search") == 0);
	else if (status == 502 || status == 503 || status == 504)
		call_reply_text(call, status, "<html><body><h1>Service unavailable</h1></body></html>");
	else
		hubspot_error(call, status, NULL, "injected by the sandbox");
}

static void refuse_absent(struct call *call, struct slice id)
{
	int64_t n;

	if (read_number(id, &n))
		hubspot_error(call, 404, NULL, "resource not found");
	else
		hubspot_error(call, 404, "OBJECT_NOT_FOUND",
			      "Object not found.  objectId are usually numeric.");
}

/* ---- a record -------------------------------------------------------------------- */

/* An entry's members as HubSpot writes them; only people have a user. */
static struct json *entry_json(struct call *call, int64_t at_ms, struct slice value, const char *source)
{
	struct json *e = json_new_object();
	bool null = value.len == 0 && call->sb->options.cleared_is_null;

	if (null)
		json_set_text(e, "value", NULL);
	else
		json_set_slice(e, slice_of("value"), value);
	json_set_text(e, "timestamp", call_stamp(call, at_ms));
	json_set_text(e, "sourceType", source);
	if (strcmp(source, "CRM_UI") == 0) {
		json_set_text(e, "sourceId", "userId:1");
		json_set_integer(e, "updatedByUserId", 1);
	}
	return e;
}

static struct json *modified_history(struct call *call, const struct contact *c)
{
	struct json *list = json_new_array();

	for (size_t i = c->modifieds, n = 0; i > 0 && n < HISTORY_CAP; i--, n++)
		json_add(list, entry_json(call, c->modified[i - 1],
					  slice_of(call_stamp(call, c->modified[i - 1])), "CALCULATED"));
	return list;
}

/* Newest first; of equal times the later written first. */
static struct json *history(struct call *call, const struct contact *c, const struct property *p)
{
	struct json *list = json_new_array();
	const struct field *f = contact_field(c, p);

	if (p->kind == PROPERTY_MODIFIED) {
		json_free(list);
		return modified_history(call, c);
	}
	if (p->kind != PROPERTY_STORED) {
		struct slice value = contact_value(c, p, ANY_TIME, &call->memory);
		json_add(list, entry_json(call, c->created_ms, value, "CRM"));
		return list;
	}
	for (size_t i = f ? f->count : 0, n = 0; i > 0 && n < HISTORY_CAP; i--) {
		const struct entry *e = &f->entry[i - 1];
		if (!e->hidden) {
			json_add(list, entry_json(call, e->at_ms, e->value, e->source));
			n++;
		}
	}
	return list;
}

static void show_property(struct call *call, const struct contact *c, struct slice name, int64_t at_ms,
			  struct json *to)
{
	const struct property *p = portal_property(call->sb, name);

	if (!p)
		return; /* left out without a word: facts 2.1 */
	struct slice value = contact_value(c, p, at_ms, &call->memory);
	if (value.len)
		json_set_slice(to, name, value);
	else
		json_set_text(to, p->name, NULL);
}

static struct json *shown_properties(struct call *call, const struct contact *c,
				     const struct json *names, int64_t at_ms)
{
	struct json *out = json_new_object();
	const char *const *fixed = json_count(names) ? own_properties : default_properties;

	for (size_t i = 0; i < json_count(names); i++)
		show_property(call, c, json_slice(json_at(names, i)), at_ms, out);
	for (; *fixed; fixed++)
		if (!json_get(out, *fixed))
			show_property(call, c, slice_of(*fixed), at_ms, out);
	return out;
}

struct json *hubspot_record(struct call *call, const struct contact *c, const struct json *properties,
			    const struct json *histories, int64_t at_ms)
{
	struct json *out = json_new_object();
	const char *id = arena_printf(&call->memory, "%lld", (long long)c->id);

	json_set_text(out, "id", id);
	json_set(out, "properties", shown_properties(call, c, properties, at_ms));
	if (json_count(histories)) {
		struct json *all = json_new_object();
		for (size_t i = 0; i < json_count(histories); i++) {
			const struct property *p =
				portal_property(call->sb, json_slice(json_at(histories, i)));
			if (p)
				json_set(all, p->name, history(call, c, p));
		}
		json_set(out, "propertiesWithHistory", all);
	}
	json_set_text(out, "createdAt", call_stamp(call, c->created_ms));
	json_set_text(out, "updatedAt", call_stamp(call, contact_modified(c, at_ms)));
	json_set_bool(out, "archived", c->archived);
	if (c->archived)
		json_set_text(out, "archivedAt", call_stamp(call, c->archived_ms));
	json_set_text(out, "url",
		      arena_printf(&call->memory,
				   "https://app.hubspot.com/contacts/" PORTAL_ID "/record/0-1/%s", id));
	json_set_text(out, "objectWriteTraceId", NULL);
	return out;
}

/* ---- reading ------------------------------------------------------------------------ */

/* Names of a query parameter: repeated, or separated by commas. */
static struct json *query_names(struct call *call, const char *parameter)
{
	struct json *names = json_new_array();
	struct slice all;

	for (size_t nth = 0; (all = call_query(call, parameter, nth)).ptr; nth++) {
		const char *end = all.ptr + all.len;
		for (const char *p = all.ptr; p < end;) {
			const char *comma = memchr(p, ',', (size_t)(end - p));
			struct slice one = { p, (size_t)((comma ? comma : end) - p) };
			if (one.len)
				json_add_text(names, slice_trim(one));
			p += one.len + 1;
		}
	}
	return names;
}

static bool wants_archived(struct call *call)
{
	return slice_is(call_query(call, "archived", 0), "true");
}

static struct contact *asked(struct call *call, struct slice id, struct slice id_property, bool archived)
{
	int64_t n;

	if (slice_is(id_property, "email"))
		return portal_find_email(call->sb, id);
	return read_number(id, &n) ? portal_find(call->sb, n, archived) : NULL;
}

/* Only ids and `email` identify a record here; HubSpot also takes unique properties. */
static bool id_property_known(struct call *call, struct slice name)
{
	if (name.len == 0 || slice_is(name, "email") || slice_is(name, "hs_object_id"))
		return true;
	hubspot_error(call, 400, "VALIDATION_ERROR", "Property '%.*s' is no unique identifier",
		      SLICE_FMT(name));
	return false;
}

static void get_contact(struct call *call)
{
	struct slice id = call->segment[4], id_property = call_query(call, "idProperty", 0);

	if (!id_property_known(call, id_property))
		return;
	struct contact *c = asked(call, id, id_property, wants_archived(call));
	if (!c) {
		refuse_absent(call, id);
		return;
	}
	struct json *names = query_names(call, "properties");
	struct json *histories = query_names(call, "propertiesWithHistory");
	call_reply(call, 200, hubspot_record(call, c, names, histories, ANY_TIME));
	json_free(names);
	json_free(histories);
}

static int by_id(const void *a, const void *b)
{
	int64_t x = (*(struct contact *const *)a)->id, y = (*(struct contact *const *)b)->id;

	return (x > y) - (x < y);
}

/* Records from id `after` on, in order of id, one more than `limit` where there are more. */
static size_t records_from(struct call *call, int64_t after, bool archived, struct contact **out)
{
	const struct map *all = &call->sb->portal.contact;
	size_t n = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct contact *c = all->entry[i].value;
		if (!c->into && !c->purged && c->archived == archived && c->id >= after)
			out[n++] = c;
	}
	qsort(out, n, sizeof(struct contact *), by_id);
	return n;
}

static void get_contacts(struct call *call)
{
	struct json *histories = query_names(call, "propertiesWithHistory");
	struct json *names = query_names(call, "properties");
	int64_t limit = 10, after = 0, most = json_count(histories) ? BATCH_MOST_HISTORY : BATCH_MOST;
	struct contact **found =
		arena_alloc(&call->memory, (call->sb->portal.contact.count + 1) * sizeof(*found));

	if (!call_query_int(call, "limit", 1, most, &limit) ||
	    !call_query_int(call, "after", 0, INT64_MAX, &after)) {
		hubspot_error(call, 400, "VALIDATION_ERROR", "Invalid limit or after");
		goto out;
	}
	size_t n = records_from(call, after, wants_archived(call), found);
	struct json *body = json_new_object(), *results = json_new_array();
	for (size_t i = 0; i < n && i < (size_t)limit; i++)
		json_add(results, hubspot_record(call, found[i], names, histories, ANY_TIME));
	json_set(body, "results", results);
	if (n > (size_t)limit) {
		struct json *paging = json_new_object(), *next = json_new_object();
		json_set_text(next, "after",
			      arena_printf(&call->memory, "%lld", (long long)found[limit]->id));
		json_set_text(next, "link", "https://api.hubapi.com/crm/v3/objects/contacts?after=…");
		json_set(paging, "next", next);
		json_set(body, "paging", paging);
	}
	call_reply(call, 200, body);
out:
	json_free(histories);
	json_free(names);
}

/* ---- batch read ------------------------------------------------------------------------ */

static bool texts(const struct json *v)
{
	if (json_kind(v) != IS_ARRAY)
		return false;
	for (size_t i = 0; i < json_count(v); i++)
		if (json_kind(json_at(v, i)) != IS_TEXT)
			return false;
	return true;
}

/* False after a 400. The schema marks all three members required (facts 2.2). */
static bool batch_valid(struct call *call)
{
	const struct json *inputs = json_get(call->body, "inputs");
	size_t n = json_count(inputs), histories = json_count(json_get(call->body, "propertiesWithHistory"));

	if (json_kind(inputs) != IS_ARRAY || n == 0 || !texts(json_get(call->body, "properties")) ||
	    !texts(json_get(call->body, "propertiesWithHistory"))) {
		hubspot_error(call, 400, "VALIDATION_ERROR", "Invalid input JSON: inputs, properties and "
			      "propertiesWithHistory are required");
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (json_kind(json_get(json_at(inputs, i), "id")) != IS_TEXT) {
			hubspot_error(call, 400, "VALIDATION_ERROR",
				      "Invalid input JSON: inputs[%zu].id is required", i);
			return false;
		}
	}
	if (histories && n > BATCH_MOST_HISTORY) {
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "The maximum number of inputs supported in a batch request for property "
			      "histories is 50. Please reduce the number of items and try again");
		return false;
	}
	if (n > BATCH_MOST) {
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "The maximum number of inputs supported in a batch request is 100");
		return false;
	}
	return id_property_known(call, json_get_slice(call->body, "idProperty"));
}

static struct json *missing_error(struct json *ids)
{
	struct json *errors = json_new_array(), *one = json_new_object(), *context = json_new_object();

	json_set_text(one, "status", "error");
	json_set_text(one, "category", "OBJECT_NOT_FOUND");
	json_set_text(one, "message", "Could not get some CONTACT objects, they may be deleted or not "
		      "exist. Check that ids are valid.");
	json_set(context, "ids", ids);
	json_set(one, "context", context);
	json_add(errors, one);
	return errors;
}

static void batch_read(struct call *call)
{
	const struct json *inputs = json_get(call->body, "inputs");
	struct contact *found[BATCH_MOST];
	size_t n = 0;

	if (!batch_valid(call))
		return;
	struct json *missing = json_new_array(), *results = json_new_array(), *body = json_new_object();
	for (size_t i = 0; i < json_count(inputs); i++) {
		struct slice id = json_get_slice(json_at(inputs, i), "id");
		struct contact *c = asked(call, id, json_get_slice(call->body, "idProperty"),
					  wants_archived(call));
		if (c)
			found[n++] = c;
		else
			json_add_text(missing, id);
	}
	qsort(found, n, sizeof(found[0]), by_id);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || found[i] != found[i - 1])
			json_add(results, hubspot_record(call, found[i],
							 json_get(call->body, "properties"),
							 json_get(call->body, "propertiesWithHistory"),
							 ANY_TIME));
	size_t lost = json_count(missing);
	json_set_text(body, "status", "COMPLETE");
	json_set(body, "results", results);
	if (lost) {
		json_set_integer(body, "numErrors", 1);
		json_set(body, "errors", missing_error(missing));
	} else {
		json_free(missing);
	}
	json_set_text(body, "startedAt", call_stamp(call, call->now_ms));
	json_set_text(body, "completedAt", call_stamp(call, call->now_ms));
	call_reply(call, lost ? 207 : 200, body);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* What refuses a write: 409 where it is another contact's address. */
static void refuse_write(struct call *call, const struct err *err)
{
	if (slice_starts(slice_of(err->text), slice_of("Contact already exists")))
		hubspot_error(call, 409, "CONFLICT", "%s", err->text);
	else
		hubspot_error(call, 400, "VALIDATION_ERROR", "Property values were not valid: %s", err->text);
}

/* The first member that names no property, or an empty slice. */
static struct slice unknown_property(struct call *call, const struct json *properties)
{
	struct slice name;
	const struct json *value;

	for (struct json_each e = json_each(properties); json_next(&e, &name, &value);)
		if (!portal_property(call->sb, name))
			return name;
	return (struct slice){ 0 };
}

static const struct json *properties_given(struct call *call)
{
	const struct json *properties = json_get(call->body, "properties");

	if (json_kind(properties) != IS_OBJECT) {
		hubspot_error(call, 400, "VALIDATION_ERROR", "Invalid input JSON: properties is required");
		return NULL;
	}
	struct slice unknown = unknown_property(call, properties);
	if (unknown.len) {
		hubspot_error(call, 400, "VALIDATION_ERROR", "Property \"%.*s\" does not exist",
			      SLICE_FMT(unknown));
		return NULL;
	}
	return properties;
}

static void create_contact(struct call *call)
{
	const struct json *properties = properties_given(call);
	struct contact *c;
	struct err err;

	if (!properties)
		return;
	if (contact_create(call->sb, call->now_ms, 0, properties, "API", &c, &err) != RC_OK)
		refuse_write(call, &err);
	else
		call_reply(call, 201, hubspot_record(call, c, NULL, NULL, ANY_TIME));
}

static void update_contact(struct call *call)
{
	const struct json *properties = properties_given(call), *value;
	struct slice name;
	struct contact *c;
	struct err err;

	if (!properties)
		return;
	c = asked(call, call->segment[4], call_query(call, "idProperty", 0), false);
	if (!c) {
		refuse_absent(call, call->segment[4]);
		return;
	}
	for (struct json_each e = json_each(properties); json_next(&e, &name, &value);) {
		if (contact_write(call->sb, call->now_ms, c, name, json_slice(value), "API", &err) !=
		    RC_OK) {
			refuse_write(call, &err);
			return;
		}
	}
	call_reply(call, 200, hubspot_record(call, c, properties, NULL, ANY_TIME));
}

static void delete_contact(struct call *call)
{
	int64_t id;
	struct contact *c = NULL;
	struct err err;

	if (read_number(call->segment[4], &id))
		c = portal_find(call->sb, id, false);
	if (c && sandbox_delete(call->sb, call->now_ms, c->id, &err) != RC_OK)
		hubspot_error(call, 400, "VALIDATION_ERROR", "%s", err.text);
	else
		call_reply_text(call, 204, ""); /* also for an unknown id: facts 2.5 */
}

static void merge_contacts(struct call *call)
{
	int64_t primary, other, result;
	struct err err;

	if (!read_number(json_get_slice(call->body, "primaryObjectId"), &primary) ||
	    !read_number(json_get_slice(call->body, "objectIdToMerge"), &other)) {
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "Invalid input JSON: primaryObjectId and objectIdToMerge are required");
	} else if (sandbox_merge(call->sb, call->now_ms, primary, other, 0, &result, &err) != RC_OK) {
		hubspot_error(call, 404, "OBJECT_NOT_FOUND", "%s", err.text);
	} else {
		call_reply(call, 200, hubspot_record(call, portal_contact(call->sb, result), NULL, NULL,
						     ANY_TIME));
	}
}

static void purge_contact(struct call *call)
{
	struct slice id = json_get_slice(call->body, "objectId");
	struct contact *c;

	if (!id.ptr) {
		hubspot_error(call, 400, "VALIDATION_ERROR", "Invalid input JSON: objectId is required");
		return;
	}
	c = asked(call, id, json_get_slice(call->body, "idProperty"), false);
	if (c)
		contact_purge(c, call->now_ms);
	call_reply_text(call, 204, "");
}

/* ---- the account ------------------------------------------------------------------------------ */

static void token_info(struct call *call)
{
	static const char *const scopes[] = { "crm.objects.contacts.read", "crm.lists.read",
					      "crm.schemas.contacts.read" };
	struct slice key = json_get_slice(call->body, "tokenKey");
	struct slice bearer = slice_of(call->request->authorization);
	struct json *body, *list;

	if (key.len == 0 || bearer.len < key.len ||
	    !slice_eq(key, (struct slice){ bearer.ptr + bearer.len - key.len, key.len })) {
		hubspot_error(call, key.len ? 404 : 400, "VALIDATION_ERROR", "tokenKey is no token");
		return;
	}
	body = json_new_object();
	list = json_new_array();
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		json_add_text(list, slice_of(scopes[i]));
	json_set_integer(body, "userId", 1);
	json_set(body, "hubId", json_parse(slice_of(PORTAL_ID), &(struct err){ 0 }));
	json_set_integer(body, "appId", 2);
	json_set(body, "scopes", list);
	call_reply(call, 200, body);
}

static void account_details(struct call *call)
{
	call_reply_text(call, 200, "{\"portalId\":" PORTAL_ID ",\"accountType\":\"STANDARD\","
			"\"timeZone\":\"Europe/Warsaw\",\"companyCurrency\":\"EUR\","
			"\"additionalCurrencies\":[],\"utcOffset\":\"+01:00\","
			"\"utcOffsetMilliseconds\":3600000,\"uiDomain\":\"app.hubspot.com\","
			"\"dataHostingLocation\":\"eu1\"}");
}

/* ---- routes and the order of refusals ------------------------------------------------------------ */

static const struct route crm_routes[] = {
	{ "POST", "objects/contacts/search", "search", hubspot_search, ROUTE_BODY | ROUTE_EXEMPT },
	{ "POST", "objects/contacts/batch/read", "read", batch_read, ROUTE_BODY },
	{ "POST", "objects/contacts/merge", "merge", merge_contacts, ROUTE_BODY },
	{ "POST", "objects/contacts/gdpr-delete", "gdpr-delete", purge_contact, ROUTE_BODY },
	{ "GET", "objects/contacts", "contacts", get_contacts, 0 },
	{ "POST", "objects/contacts", "create-contact", create_contact, ROUTE_BODY },
	{ "GET", "objects/contacts/*", "contact", get_contact, 0 },
	{ "PATCH", "objects/contacts/*", "update-contact", update_contact, ROUTE_BODY },
	{ "DELETE", "objects/contacts/*", "delete-contact", delete_contact, 0 },
	{ "GET", "properties/contacts", "properties", hubspot_properties, 0 },
	{ "GET", "properties/contacts/*", "property", hubspot_property, 0 },
	{ "GET", "lists", "lists", hubspot_lists_get, 0 },
	{ "POST", "lists/search", "list-search", hubspot_lists_search, ROUTE_BODY },
	{ "GET", "lists/*", "list", hubspot_list_get, 0 },
	{ "GET", "lists/object-type-id/contacts/name/*", "list", hubspot_list_by_name, 0 },
	{ "GET", "lists/*/memberships", "memberships", hubspot_members, 0 },
	{ "GET", "lists/*/memberships/join-order", "memberships", hubspot_members_joined, 0 },
	{ "PUT", "lists/*/memberships/add", "memberships-add", hubspot_members_add, ROUTE_BODY },
	{ "PUT", "lists/*/memberships/remove", "memberships-remove", hubspot_members_remove, ROUTE_BODY },
	{ "GET", "lists/records/contacts/*/memberships", "record-lists", hubspot_record_lists, 0 },
	{ NULL, NULL, NULL, NULL, 0 },
};

static const struct route other_routes[] = {
	{ "POST", "oauth/v2/private-apps/get/access-token-info", "token-info", token_info, ROUTE_BODY },
	{ "GET", "account-info/*/details", "account", account_details, 0 },
	{ NULL, NULL, NULL, NULL, 0 },
};

/* Puts the area in front of the version, whichever style it was; false for an unknown version. */
static bool order_segments(struct call *call)
{
	struct slice *s = call->segment;

	if (call->segments < 4)
		return false;
	if (slice_is(s[2], "v3")) {
		struct slice area = s[3];
		s[3] = s[2];
		s[2] = area;
	} else {
		size_t i = 0;
		while (versions[i] && !slice_is(s[3], versions[i]))
			i++;
		if (!versions[i])
			return false;
	}
	/* From here on the version does not matter: area, rest. */
	memmove(&s[1], &s[2], sizeof(s[0]));
	memmove(&s[2], &s[4], (call->segments - 4) * sizeof(s[0]));
	call->segments -= 2;
	return true;
}

const struct route *hubspot_route(struct call *call)
{
	const struct route *route = NULL;
	bool other_method = false;

	call->name = "unknown";
	if (call->segments > 1 && slice_is(call->segment[1], "crm")) {
		if (order_segments(call))
			route = call_route(call, crm_routes, 1, &other_method);
	} else {
		route = call_route(call, other_routes, 1, &other_method);
	}
	if (route)
		call->name = route->name;
	else if (!call_authorised(call, call->sb->options.hubspot_token))
		refuse_token(call);
	else if (other_method)
		hubspot_error(call, 405, NULL, "Method Not Allowed");
	else
		hubspot_error(call, 404, NULL, "resource not found");
	return route;
}

/* Takes a place in the ring of the last calls; false where the ring says that it is too soon. */
static bool take_turn(int64_t *ring, size_t size, size_t *next, int64_t now_ms, int64_t window_ms,
		      bool enforce)
{
	if (enforce && ring[*next] && now_ms - ring[*next] < window_ms)
		return false;
	ring[*next] = now_ms;
	*next = (*next + 1) % size;
	return true;
}

static void rate_headers(struct call *call)
{
	int used = 0;

	for (size_t i = 0; i < CALLS_PER_WINDOW; i++)
		used += call->sb->call_at[i] && call->now_ms - call->sb->call_at[i] < WINDOW_MS;
	call_header(call, "X-HubSpot-RateLimit-Max: %d", CALLS_PER_WINDOW);
	call_header(call, "X-HubSpot-RateLimit-Remaining: %d", CALLS_PER_WINDOW - used);
	call_header(call, "X-HubSpot-RateLimit-Interval-Milliseconds: %d", (int)WINDOW_MS);
	call_header(call, "X-HubSpot-RateLimit-Daily: 250000");
}

void hubspot_serve(struct call *call, const struct route *route)
{
	struct sandbox *sb = call->sb;
	bool search = route->flags & ROUTE_EXEMPT, free_to_go;

	if (!call_authorised(call, sb->options.hubspot_token)) {
		refuse_token(call);
		return;
	}
	if (search)
		free_to_go = take_turn(sb->search_at, SEARCH_PER_SECOND, &sb->search_next, call->now_ms,
				       MS_SECOND, sb->options.rate_limits);
	else
		free_to_go = take_turn(sb->call_at, CALLS_PER_WINDOW, &sb->call_next, call->now_ms,
				       WINDOW_MS, sb->options.rate_limits);
	if (!search)
		rate_headers(call);
	if (!free_to_go) {
		sandbox_count(sb, "429");
		refuse_rate(call, search);
	} else if ((route->flags & ROUTE_BODY) && !call_parse_body(call)) {
		hubspot_error(call, 400, "VALIDATION_ERROR", "Invalid input JSON on line 1, column 1");
	} else {
		route->serve(call);
	}
}

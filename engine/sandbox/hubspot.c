/*
 * hubspot - the face of HubSpot's API: routes, refusals, limits.
 *
 * Everything follows facts/hubspot.md; section numbers stand where a line would
 * not explain itself. Contacts, search, lists and properties have files of their
 * own.
 *
 * Paths come as `/hubspot/crm/v3/objects/…` or `/hubspot/crm/objects/2026-03/…`:
 * version and area change places, the rest is the same.
 */
#include "engine/sandbox/inside.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char *const versions[] = { "2026-03", "2026-09", NULL };
/* ---- refusals ----------------------------------------------------------- */

static const char *correlation_id(struct call *call)
{
	uint64_t a = sandbox_random(call->sb), b = sandbox_random(call->sb);

	return arena_printf(&call->memory, "%08x-%04x-7%03x-8%03x-%012llx", (unsigned)(a >> 32),
			    (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
			    (unsigned)(b >> 52), (unsigned long long)(b & 0xffffffffffff));
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

/* The one that this call needs: facts/hubspot.md 1.4. */
static const char *scope_of(const struct call *call)
{
	static const struct {
		const char *part, *scope;
	} rows[] = {
		{ "list", "crm.lists.read" },
		{ "memberships", "crm.lists.read" },
		{ "propert", "crm.schemas.contacts.read" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(call->name, rows[i].part))
			return rows[i].scope;
	return "crm.objects.contacts.read";
}

static void refuse_missing_scopes(struct call *call)
{
	static const char message[] =
		"This app hasn't been granted all required scopes to make this call. Read more "
		"about required scopes here: https://developers.hubspot.com/scopes.";
	struct json *body = error_body(call, message);
	struct json *errors = json_new_array(), *one = json_new_object();
	struct json *context = json_new_object(), *scopes = json_new_array();

	json_add_text(scopes, slice_of(scope_of(call)));
	json_set(context, "requiredGranularScopes", scopes);
	json_set(one, "context", context);
	json_set_text(one, "message", "One or more of the following scopes are required.");
	json_add(errors, one);
	json_set(body, "errors", errors);
	json_set_text(body, "category", "MISSING_SCOPES");
	call_reply(call, 403, body);
}

static void refuse_rate(struct call *call, bool search)
{
	struct json *body = error_body(
		call, search ? "You have reached your secondly limit."
			     : "You have reached your ten_secondly_rolling limit.");

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
	hubspot_error(
		call, 401, "INVALID_AUTHENTICATION",
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
		call_reply_text(call, status,
				"<html><body><h1>Service unavailable</h1></body></html>");
	else
		hubspot_error(call, status, NULL, "injected by the sandbox");
}

/* ---- the account -------------------------------------------------------- */

static void token_info(struct call *call)
{
	static const char *const scopes[] = { "crm.objects.contacts.read", "crm.lists.read",
					      "crm.schemas.contacts.read" };
	struct slice key = json_get_slice(call->body, "tokenKey");
	struct slice bearer = slice_of(call->request->authorization);
	struct json *body, *list;

	if (key.len == 0 || bearer.len < key.len ||
	    !slice_eq(key, (struct slice){ bearer.ptr + bearer.len - key.len, key.len })) {
		hubspot_error(call, key.len ? 404 : 400, "VALIDATION_ERROR",
			      "tokenKey is no token");
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
	call_reply_text(call, 200,
			"{\"portalId\":" PORTAL_ID ",\"accountType\":\"STANDARD\","
			"\"timeZone\":\"Europe/Warsaw\",\"companyCurrency\":\"EUR\","
			"\"additionalCurrencies\":[],\"utcOffset\":\"+01:00\","
			"\"utcOffsetMilliseconds\":3600000,\"uiDomain\":\"app.hubspot.com\","
			"\"dataHostingLocation\":\"eu1\"}");
}

/* ---- routes and the order of refusals ----------------------------------- */

static const struct route crm_routes[] = {
	{ "POST", "objects/contacts/search", "search", hubspot_search, ROUTE_BODY | ROUTE_EXEMPT },
	{ "POST", "objects/contacts/batch/read", "read", hubspot_batch_read, ROUTE_BODY },
	{ "POST", "objects/contacts/merge", "merge", hubspot_merge_contacts, ROUTE_BODY },
	{ "POST", "objects/contacts/gdpr-delete", "gdpr-delete", hubspot_purge_contact,
	  ROUTE_BODY },
	{ "GET", "objects/contacts", "contacts", hubspot_get_contacts, 0 },
	{ "POST", "objects/contacts", "create-contact", hubspot_create_contact, ROUTE_BODY },
	{ "GET", "objects/contacts/*", "contact", hubspot_get_contact, 0 },
	{ "PATCH", "objects/contacts/*", "update-contact", hubspot_update_contact, ROUTE_BODY },
	{ "DELETE", "objects/contacts/*", "delete-contact", hubspot_delete_contact, 0 },
	{ "GET", "properties/contacts", "properties", hubspot_properties, 0 },
	{ "GET", "properties/contacts/*", "property", hubspot_property, 0 },
	{ "GET", "lists", "lists", hubspot_lists_get, 0 },
	{ "POST", "lists/search", "list-search", hubspot_lists_search, ROUTE_BODY },
	{ "GET", "lists/*", "list", hubspot_list_get, 0 },
	{ "GET", "lists/object-type-id/contacts/name/*", "list", hubspot_list_by_name, 0 },
	{ "GET", "lists/*/memberships", "memberships", hubspot_members, 0 },
	{ "GET", "lists/*/memberships/join-order", "memberships", hubspot_members_joined, 0 },
	{ "PUT", "lists/*/memberships/add", "memberships-add", hubspot_members_add, ROUTE_BODY },
	{ "PUT", "lists/*/memberships/remove", "memberships-remove", hubspot_members_remove,
	  ROUTE_BODY },
	{ "GET", "lists/records/contacts/*/memberships", "record-lists", hubspot_record_lists, 0 },
	{ NULL, NULL, NULL, NULL, 0 },
};

static const struct route other_routes[] = {
	{ "POST", "oauth/v2/private-apps/get/access-token-info", "token-info", token_info,
	  ROUTE_BODY },
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
		free_to_go = take_turn(sb->search_at, SEARCH_PER_SECOND, &sb->search_next,
				       call->now_ms, MS_SECOND, sb->options.rate_limits);
	else
		free_to_go = take_turn(sb->call_at, CALLS_PER_WINDOW, &sb->call_next, call->now_ms,
				       WINDOW_MS, sb->options.rate_limits);
	if (!search)
		rate_headers(call);
	if (!free_to_go) {
		sandbox_count(sb, "429");
		refuse_rate(call, search);
	} else if ((route->flags & ROUTE_BODY) && !call_parse_body(call)) {
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "Invalid input JSON on line 1, column 1");
	} else {
		route->serve(call);
	}
}

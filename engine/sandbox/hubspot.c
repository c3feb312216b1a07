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

#define SCOPE_CONTACTS "crm.objects.contacts.read"
#define SCOPE_LISTS "crm.lists.read"
#define SCOPE_SCHEMAS "crm.schemas.contacts.read"

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
		{ "list", SCOPE_LISTS },
		{ "memberships", SCOPE_LISTS },
		{ "propert", SCOPE_SCHEMAS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(call->name, rows[i].part))
			return rows[i].scope;
	return SCOPE_CONTACTS;
}

static bool has_scope(const struct call *call, const char *scope)
{
	const struct sandbox_options *o = &call->sb->options;
	bool oauth;
	const struct access *a = access_of(call, &oauth);

	if (oauth)
		return scopes_hold(a->consent->scopes, scope) ||
		       (strcmp(scope, SCOPE_SCHEMAS) == 0 &&
			scopes_hold(a->consent->scopes, SCOPE_CONTACTS));
	if (strcmp(scope, SCOPE_LISTS) == 0)
		return !o->no_lists_scope;
	/* Properties are shown to whoever may read contacts, too. */
	if (strcmp(scope, SCOPE_SCHEMAS) == 0 && !o->no_schemas_scope)
		return true;
	return !o->no_contacts_scope;
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

/* Which limit was met: facts/hubspot.md 6.2. */
enum limit { LIMIT_NONE, LIMIT_SECOND, LIMIT_WINDOW, LIMIT_DAY };

static void refuse_rate(struct call *call, enum limit limit)
{
	static const struct {
		const char *word, *policy, *group;
	} rows[] = {
		[LIMIT_SECOND] = { "secondly", NULL, NULL },
		[LIMIT_WINDOW] = { "ten_secondly_rolling", "TEN_SECONDLY_ROLLING", "ten-secondly" },
		[LIMIT_DAY] = { "daily", "DAILY", "daily" },
	};
	struct json *body = error_body(
		call,
		arena_printf(&call->memory, "You have reached your %s limit.", rows[limit].word));

	if (!rows[limit].policy) {
		json_set_text(body, "category", "RATE_LIMITS");
	} else {
		json_set_text(body, "errorType", "RATE_LIMIT");
		json_set_text(body, "policyName", rows[limit].policy);
		json_set_text(body, "groupName",
			      arena_printf(&call->memory,
					   "publicapi:private_app-api-calls-%s:" PORTAL_ID,
					   rows[limit].group));
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

static void refuse_expired(struct call *call, const struct access *a)
{
	struct json *body = error_body(
		call, "The OAuth token used to make this call expired 0 second(s) ago.");
	struct json *context = json_new_object(), *times = json_new_array();

	json_add_text(times, slice_of(call_stamp(call, a->expires_ms)));
	json_set(context, "expire time", times);
	json_set_text(body, "category", "EXPIRED_AUTHENTICATION");
	json_set(body, "context", context);
	call_reply(call, 401, body);
}

/* Whether the token is one that holds; false after a refusal. */
static bool let_in(struct call *call)
{
	bool oauth;
	const struct access *a = access_of(call, &oauth);

	if (!oauth ? call_authorised(call, call->sb->options.hubspot_token)
		   : access_holds(a, call->now_ms))
		return true;
	if (a && !a->dead && !a->consent->revoked)
		refuse_expired(call, a);
	else
		refuse_token(call);
	return false;
}

void hubspot_status(struct call *call, int status)
{
	if (status == 401)
		refuse_token(call);
	else if (status == 403)
		refuse_missing_scopes(call);
	else if (status == 429)
		refuse_rate(call, strcmp(call->name, "search") == 0 ? LIMIT_SECOND : LIMIT_WINDOW);
	else if (status == 502 || status == 503 || status == 504)
		call_reply_text(call, status,
				"<html><body><h1>Service unavailable</h1></body></html>");
	else
		hubspot_error(call, status, NULL, "injected by the sandbox");
}

/* ---- the account -------------------------------------------------------- */

static void token_info(struct call *call)
{
	const struct sandbox_options *o = &call->sb->options;
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
	if (!o->no_contacts_scope)
		json_add_text(list, slice_of(SCOPE_CONTACTS));
	if (!o->no_lists_scope)
		json_add_text(list, slice_of(SCOPE_LISTS));
	if (!o->no_schemas_scope)
		json_add_text(list, slice_of(SCOPE_SCHEMAS));
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
	  ROUTE_BODY | ROUTE_OPEN },
	{ "GET", "account-info/*/details", "account", account_details, ROUTE_OPEN },
	{ "GET", "oauth/authorize", "authorize", oauth_authorize, ROUTE_ANYONE },
	{ "POST", "oauth/authorize", "authorize", oauth_decide, ROUTE_ANYONE | ROUTE_FORM },
	{ "POST", "oauth/*/token", "token", oauth_token, ROUTE_ANYONE | ROUTE_FORM },
	{ "POST", "oauth/*/token/introspect", "introspect", oauth_introspect,
	  ROUTE_ANYONE | ROUTE_FORM },
	{ "POST", "oauth/*/token/revoke", "revoke", oauth_revoke, ROUTE_ANYONE | ROUTE_FORM },
	{ "GET", "oauth/v1/access-tokens/*", "token-info", oauth_access_info, ROUTE_ANYONE },
	{ "GET", "oauth/v1/refresh-tokens/*", "token-info", oauth_refresh_info, ROUTE_ANYONE },
	{ "DELETE", "oauth/v1/refresh-tokens/*", "revoke", oauth_refresh_delete, ROUTE_ANYONE },
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
	else if (let_in(call) && other_method)
		hubspot_error(call, 405, NULL, "Method Not Allowed");
	else if (!call->answer->status)
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

static int64_t day_of(int64_t ms)
{
	return ms / MS_DAY;
}

/* Counted also where the window or the second refuses: facts/hubspot.md 6.1 does not say. */
static bool take_day(struct sandbox *sb, int64_t now_ms)
{
	if (sb->day != day_of(now_ms))
		sb->calls_today = 0;
	sb->day = day_of(now_ms);
	bool left = sb->calls_today < sb->options.calls_per_day;
	sb->calls_today += left;
	return left || !sb->options.rate_limits;
}

static void rate_headers(struct call *call)
{
	const struct sandbox *sb = call->sb;
	int64_t left = sb->options.calls_per_day - sb->calls_today;
	int used = 0;

	for (size_t i = 0; i < CALLS_PER_WINDOW; i++)
		used += sb->call_at[i] && call->now_ms - sb->call_at[i] < WINDOW_MS;
	call_header(call, "X-HubSpot-RateLimit-Max: %d", CALLS_PER_WINDOW);
	call_header(call, "X-HubSpot-RateLimit-Remaining: %d", CALLS_PER_WINDOW - used);
	call_header(call, "X-HubSpot-RateLimit-Interval-Milliseconds: %d", (int)WINDOW_MS);
	call_header(call, "X-HubSpot-RateLimit-Daily: %lld", (long long)sb->options.calls_per_day);
	call_header(call, "X-HubSpot-RateLimit-Daily-Remaining: %lld",
		    (long long)(left > 0 ? left : 0));
}

static enum limit take_call(struct call *call, bool search)
{
	struct sandbox *sb = call->sb;
	bool enforce = sb->options.rate_limits;

	if (!take_day(sb, call->now_ms))
		return LIMIT_DAY;
	if (search)
		return take_turn(sb->search_at, SEARCH_PER_SECOND, &sb->search_next, call->now_ms,
				 MS_SECOND, enforce)
			       ? LIMIT_NONE
			       : LIMIT_SECOND;
	return take_turn(sb->call_at, CALLS_PER_WINDOW, &sb->call_next, call->now_ms, WINDOW_MS,
			 enforce)
		       ? LIMIT_NONE
		       : LIMIT_WINDOW;
}

void hubspot_serve(struct call *call, const struct route *route)
{
	struct sandbox *sb = call->sb;
	bool search = route->flags & ROUTE_EXEMPT;

	if (route->flags & ROUTE_ANYONE) {
		if (route->flags & ROUTE_FORM)
			call->body = parse_form(call, call->request->body);
		route->serve(call);
		return;
	}
	if (!let_in(call))
		return;
	enum limit limit = take_call(call, search);
	if (!search)
		rate_headers(call);
	if (limit != LIMIT_NONE) {
		sandbox_count(sb, "429");
		refuse_rate(call, limit);
	} else if (!(route->flags & ROUTE_OPEN) && !has_scope(call, scope_of(call))) {
		refuse_missing_scopes(call);
	} else if ((route->flags & ROUTE_BODY) && !call_parse_body(call)) {
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "Invalid input JSON on line 1, column 1");
	} else {
		route->serve(call);
	}
}

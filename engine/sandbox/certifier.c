/*
 * certifier - the face of Certifier's API: refusals, credentials, routes. Search
 * and what is not a credential have files of their own.
 *
 * Refusals come in the order of facts/certifier.md 7: token, version, route,
 * rate, JSON, validation, plan, existence, state. A credential:
 *
 *     draft --issue--> issued --(its expiry date passes)--> expired
 *                        |
 *                        +--send--> issued, and one more mail
 */
#include "engine/sandbox/inside.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define VERSION "2022-10-26"
#define RATE_PER_SECOND 3
#define BURST 3
#define PAGE_DEFAULT 20
#define PAGE_MOST 100

/* ---- refusals ----------------------------------------------------------- */

void certifier_error(struct call *call, int status, const char *code, const char *format, ...)
{
	struct json *body = json_new_object(), *error = json_new_object();
	struct str message;
	va_list args;

	str_init(&message, 4096);
	va_start(args, format);
	str_addv(&message, format, args);
	va_end(args);
	json_set_text(error, "code", code);
	json_set_text(error, "message", str_text(&message));
	json_set(body, "error", error);
	call_reply(call, status, body);
	str_release(&message);
}

static const struct {
	int status;
	const char *code, *message;
} refusals[] = {
	{ 400, "validation_error", "The request is invalid" },
	{ 401, "unauthorized", "Unauthorized" },
	{ 402, "payment_required",
	  "The requested feature is only available to premium organizations" },
	{ 403, "forbidden", "Forbidden" },
	{ 404, "not_found", "The requested resource does not exist" },
	{ 409, "conflict", "The request conflicts with the state of the resource" },
	{ 412, "precondition_failed", "The credential is not in the required state" },
	{ 429, "rate_limited", "You have exceeded the rate limit" },
	{ 500, "internal_server_error", "There was a problem on Certifier's end" },
};

void certifier_status(struct call *call, int status)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (refusals[i].status == status) {
			certifier_error(call, status, refusals[i].code, "%s", refusals[i].message);
			return;
		}
	}
	call_reply_text(call, status, "<html><body><h1>Bad gateway</h1></body></html>");
}

static bool invalid(struct call *call, const char *what)
{
	certifier_error(call, 400, "validation_error", "%s", what);
	return false;
}

/* ---- shapes ------------------------------------------------------------- */

const char *certifier_id(struct sandbox *sb, int64_t at_ms)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	char text[27] = "";
	uint64_t time = (uint64_t)at_ms, high = sandbox_random(sb), low = sandbox_random(sb);

	for (int i = 9; i >= 0; i--, time /= 32)
		text[i] = digits[time % 32];
	for (int i = 25; i >= 18; i--, low /= 32)
		text[i] = digits[low % 32];
	for (int i = 17; i >= 10; i--, high /= 32)
		text[i] = digits[high % 32];
	return arena_text(&sb->memory, slice_of(text));
}

const char *certifier_public_id(struct sandbox *sb)
{
	uint64_t a = sandbox_random(sb), b = sandbox_random(sb);

	return arena_printf(&sb->memory, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
			    (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
			    (unsigned)(b >> 50) | 0x8000, (unsigned long long)(b & 0xffffffffffff));
}

/* Without an address there is no recipient, only a name to print: facts 2.1. */
struct json *certifier_object(struct call *call, const struct credential *c)
{
	struct json *out = json_new_object(), *attributes = json_new_object();

	json_set_text(out, "id", c->id);
	json_set_text(out, "publicId", c->public_id);
	json_set_text(out, "groupId", c->group);
	json_set_text(out, "status", credential_status(c, call->now_ms));
	if (c->email) {
		struct json *recipient = json_new_object();
		json_set_text(recipient, "id", c->recipient_id);
		json_set_text(recipient, "name", c->name);
		json_set_text(recipient, "email", c->email);
		json_set(out, "recipient", recipient);
	} else {
		json_set_text(out, "recipient", NULL);
	}
	json_set_text(out, "issueDate", c->issue_date);
	json_set_text(out, "expiryDate", c->expiry_date);
	json_set_text(attributes, "recipient.name", c->name);
	json_set(out, "attributes", attributes);
	json_set(out, "customAttributes", json_clone(c->custom));
	json_set_text(out, "createdAt", call_stamp(call, c->created_ms));
	json_set_text(out, "updatedAt", call_stamp(call, c->updated_ms));
	json_set_text(out, "workspaceTrace", "sandbox"); /* one more than the facts name */
	return out;
}

bool certifier_page(struct call *call, const struct json *limit, struct slice cursor,
		    struct page *page)
{
	int64_t most = limit ? json_int(limit, -1) : PAGE_DEFAULT, from = 0;

	if (most < 1 || most > PAGE_MOST)
		return invalid(call, "limit must be from 1 to 100");
	if (cursor.len && (cursor.ptr[0] != 'c' ||
			   !read_number((struct slice){ cursor.ptr + 1, cursor.len - 1 }, &from)))
		return invalid(call, "cursor is invalid");
	*page = (struct page){ (size_t)from, (size_t)most };
	return true;
}

void certifier_reply_page(struct call *call, struct json *rows, const struct page *page,
			  size_t total)
{
	struct json *body = json_new_object(), *pagination = json_new_object();
	size_t to = page->from + page->limit;

	json_set(body, "data", rows);
	json_set_text(
		pagination, "prev",
		page->from ? arena_printf(&call->memory, "c%zu",
					  page->from > page->limit ? page->from - page->limit : 0)
			   : NULL);
	json_set_text(pagination, "next",
		      to < total ? arena_printf(&call->memory, "c%zu", to) : NULL);
	json_set(body, "pagination", pagination);
	call_reply(call, 200, body);
}

bool certifier_query_page(struct call *call, struct page *page)
{
	struct slice limit = call_query(call, "limit", 0);
	struct json *given = NULL;

	if (limit.ptr) {
		given = json_new_array();
		json_add_text(given, limit);
	}
	bool valid = certifier_page(call, given ? json_at(given, 0) : NULL,
				    call_query(call, "cursor", 0), page);
	json_free(given);
	return valid;
}

/* ---- what a request asks for -------------------------------------------- */

static bool email_plausible(struct slice email)
{
	const char *at = memchr(email.ptr, '@', email.len), *end = email.ptr + email.len;

	return at && at > email.ptr && at + 1 < end &&
	       !memchr(at + 1, '@', (size_t)(end - at - 1)) && !memchr(email.ptr, ' ', email.len) &&
	       memchr(at + 1, '.', (size_t)(end - at - 1));
}

/* `required`: the name must be there; `mailed`: the address too. */
static bool recipient_valid(struct call *call, const struct json *r, bool required, bool mailed)
{
	const struct json *email = json_get(r, "email"), *name = json_get(r, "name");

	if (!r && !required)
		return true;
	if (json_kind(r) != IS_OBJECT || json_kind(name) != IS_TEXT ||
	    slice_trim(json_slice(name)).len == 0)
		return invalid(call, "recipient.name is required");
	if (json_kind(email) != IS_NULL && json_kind(email) != IS_TEXT)
		return invalid(call, "recipient.email must be a string");
	if (mailed && !json_slice(email).len)
		return invalid(call, "recipient.email is required");
	if (json_kind(email) == IS_TEXT && !email_plausible(json_slice(email)))
		return invalid(call, "recipient.email must be an email address");
	return true;
}

static bool date_valid(struct call *call, const char *key, bool nullable)
{
	const struct json *v = json_get(call->body, key);
	struct civil c;

	if (!v || (nullable && json_kind(v) == IS_NULL))
		return true;
	if (json_kind(v) == IS_TEXT && clock_parse_date(json_slice(v), &c))
		return true;
	certifier_error(call, 400, "validation_error", "%s must be a date, YYYY-MM-DD", key);
	return false;
}

static bool custom_valid(struct call *call)
{
	const struct json *custom = json_get(call->body, "customAttributes"), *value;
	struct slice key;

	if (!custom)
		return true;
	if (json_kind(custom) != IS_OBJECT)
		return invalid(call, "customAttributes must be an object");
	for (struct json_each e = json_each(custom); json_next(&e, &key, &value);) {
		if (!slice_starts(key, slice_of("custom.")) || !desk_has_attribute(call->sb, key)) {
			certifier_error(
				call, 400, "validation_error",
				"Custom attribute [%.*s] is not defined on the workspace level",
				SLICE_FMT(key));
			return false;
		}
		if (json_kind(value) != IS_TEXT)
			return invalid(call, "values of customAttributes must be strings");
	}
	return true;
}

static bool plan_allows(struct call *call)
{
	if (!call->sb->desk.expiry_refused || !json_get_slice(call->body, "expiryDate").len)
		return true;
	certifier_status(call, 402);
	return false;
}

static bool create_valid(struct call *call, bool mailed)
{
	struct slice group = json_get_slice(call->body, "groupId");

	if (json_kind(call->body) != IS_OBJECT || group.len == 0)
		return invalid(call, "groupId is required");
	if (!recipient_valid(call, json_get(call->body, "recipient"), true, mailed) ||
	    !date_valid(call, "issueDate", false) || !date_valid(call, "expiryDate", true) ||
	    !custom_valid(call) || !plan_allows(call))
		return false;
	if (desk_group(call->sb, group))
		return true;
	int status = call->sb->options.unknown_group_status;
	certifier_error(call, status, status == 404 ? "not_found" : "validation_error",
			"The requested resource does not exist");
	return false;
}

/* ---- credentials -------------------------------------------------------- */

/* A member's text kept by the sandbox, or NULL. */
static const char *kept(struct call *call, const struct json *object, const char *key)
{
	struct slice text = json_get_slice(object, key);

	return text.len ? arena_text(&call->sb->memory, text) : NULL;
}

static struct json *kept_custom(struct call *call, const struct json *custom)
{
	struct json *out = json_new_object();
	const struct json *value;
	struct slice key;

	for (struct json_each e = json_each(custom); json_next(&e, &key, &value);)
		json_set_slice(out, key,
			       call->sb->options.certifier_trims ? slice_trim(json_slice(value))
								 : json_slice(value));
	return out;
}

static struct credential *make_draft(struct call *call)
{
	struct sandbox *sb = call->sb;
	const struct json *recipient = json_get(call->body, "recipient");
	const struct json *custom = json_get(call->body, "customAttributes");
	struct credential *c = desk_add_credential(sb, certifier_id(sb, call->now_ms));
	struct civil today = clock_civil(call->now_ms);

	c->public_id = certifier_public_id(sb);
	c->group = kept(call, call->body, "groupId");
	c->name = kept(call, recipient, "name");
	c->email = kept(call, recipient, "email");
	c->recipient_id = kept(call, recipient, "id");
	if (!c->recipient_id)
		c->recipient_id = certifier_id(sb, call->now_ms);
	c->issue_date = kept(call, call->body, "issueDate");
	if (!c->issue_date)
		c->issue_date = arena_printf(&sb->memory, "%04d-%02d-%02d", today.year, today.month,
					     today.day);
	c->expiry_date = kept(call, call->body, "expiryDate");
	c->custom = kept_custom(call, custom);
	c->created_ms = c->updated_ms = call->now_ms;
	return c;
}

static void mail(struct call *call, struct credential *c)
{
	desk_add_mail(call->sb, call->now_ms, c->id, c->email);
	c->mails++;
}

static void create(struct call *call)
{
	if (create_valid(call, false))
		call_reply(call, 201, certifier_object(call, make_draft(call)));
}

static void create_issue_send(struct call *call)
{
	struct credential *c;

	if (!create_valid(call, true))
		return;
	c = make_draft(call);
	c->issued = true;
	mail(call, c);
	call_reply(call, 201, certifier_object(call, c));
}

/* The credential of the path, or NULL after a 404. */
struct credential *certifier_named(struct call *call)
{
	struct credential *c = desk_credential(call->sb, call->segment[3]);

	if (!c)
		certifier_status(call, 404);
	return c;
}

static void issue(struct call *call)
{
	struct credential *c = certifier_named(call);
	int again = call->sb->options.issue_again_status;

	if (!c)
		return;
	if (c->issued) {
		certifier_status(call, again);
		return;
	}
	c->issued = true;
	c->updated_ms = call->now_ms;
	call_reply(call, 200, certifier_object(call, c));
}

/* Every call mails again: facts 2.4. */
static void send(struct call *call)
{
	struct credential *c;

	if (!slice_is(json_get_slice(call->body, "deliveryMethod"), "email")) {
		invalid(call, "deliveryMethod must be email");
		return;
	}
	c = certifier_named(call);
	if (!c)
		return;
	if (strcmp(credential_status(c, call->now_ms), "issued") != 0) {
		certifier_status(call, 412);
	} else if (!c->email) {
		invalid(call, "The credential has no recipient email");
	} else {
		mail(call, c);
		call_reply(call, 200, certifier_object(call, c));
	}
}

static void get(struct call *call)
{
	const struct credential *c = certifier_named(call);

	if (c)
		call_reply(call, 200, certifier_object(call, c));
}

static void update(struct call *call)
{
	const struct json *recipient = json_get(call->body, "recipient");
	const struct json *custom = json_get(call->body, "customAttributes");
	struct credential *c;

	if (json_kind(call->body) != IS_OBJECT) {
		invalid(call, "the body must be an object");
		return;
	}
	if (!recipient_valid(call, recipient, false, false) ||
	    !date_valid(call, "issueDate", false) || !date_valid(call, "expiryDate", true) ||
	    !custom_valid(call) || !plan_allows(call))
		return;
	c = certifier_named(call);
	if (!c)
		return;
	if (recipient) {
		c->name = kept(call, recipient, "name");
		if (json_get(recipient, "email"))
			c->email = kept(call, recipient, "email");
	}
	if (json_get(call->body, "issueDate"))
		c->issue_date = kept(call, call->body, "issueDate");
	if (json_get(call->body, "expiryDate"))
		c->expiry_date = kept(call, call->body, "expiryDate");
	if (custom) {
		json_free(c->custom);
		c->custom = json_clone(custom);
	}
	c->updated_ms = call->now_ms;
	call_reply(call, 200, certifier_object(call, c));
}

static void delete (struct call *call)
{
	struct credential *c = certifier_named(call);

	if (!c)
		return;
	desk_remove_credential(call->sb, c);
	call_reply_text(call, 204, "");
}

static void list(struct call *call)
{
	const struct desk *d = &call->sb->desk;
	struct page page;

	if (!certifier_query_page(call, &page))
		return;
	struct json *rows = json_new_array();
	for (size_t i = page.from; i < d->credentials && i < page.from + page.limit; i++)
		json_add(rows, certifier_object(call, d->credential[i]));
	certifier_reply_page(call, rows, &page, d->credentials);
}

/* ---- routes and the order of refusals ----------------------------------- */

static const struct route routes[] = {
	{ "POST", "credentials", "create", create, ROUTE_BODY },
	{ "GET", "credentials", "credentials", list, 0 },
	{ "POST", "credentials/search", "search-credentials", certifier_search, ROUTE_BODY },
	{ "POST", "credentials/create-issue-send", "create-issue-send", create_issue_send,
	  ROUTE_BODY },
	{ "GET", "credentials/*", "get-credential", get, 0 },
	{ "PATCH", "credentials/*", "update-credential", update, ROUTE_BODY },
	{ "DELETE", "credentials/*", "delete-credential", delete, 0 },
	{ "POST", "credentials/*/issue", "issue", issue, 0 },
	{ "POST", "credentials/*/send", "send", send, ROUTE_BODY },
	{ "GET", "credentials/*/designs", "designs", certifier_credential_designs, 0 },
	{ "GET", "groups", "groups", certifier_list_groups, 0 },
	{ "GET", "groups/*", "groups", certifier_get_group, 0 },
	{ "GET", "designs", "designs", certifier_list_designs, 0 },
	{ "GET", "attributes", "attributes", certifier_list_attributes, 0 },
	{ NULL, NULL, NULL, NULL, 0 },
};

static bool version_given(struct call *call)
{
	const char *version = call->request->certifier_version;

	if (version && strcmp(version, VERSION) == 0)
		return true;
	if (!version)
		certifier_error(call, 400, "missing_version",
				"The request is missing the required Certifier-Version header");
	else
		certifier_error(call, 400, "invalid_version", "The Certifier-Version is unknown");
	return false;
}

/* Token and version are looked at before the route. */
static bool admitted(struct call *call)
{
	if (call_authorised(call, call->sb->options.certifier_token))
		return version_given(call);
	certifier_status(call, 401);
	return false;
}

const struct route *certifier_route(struct call *call)
{
	bool other_method;
	const struct route *route = NULL;

	if (call->segments > 2 && slice_is(call->segment[1], "v1"))
		route = call_route(call, routes, 2, &other_method);
	call->name = route ? route->name : "unknown";
	if (!route && admitted(call))
		certifier_status(call, 404);
	return route;
}

static bool take_token(struct sandbox *sb, int64_t now_ms)
{
	int64_t most = BURST * 1000, gained = (now_ms - sb->bucket_ms) * RATE_PER_SECOND;

	sb->bucket_milli = sb->bucket_milli + gained > most ? most : sb->bucket_milli + gained;
	sb->bucket_ms = now_ms;
	if (!sb->options.rate_limits)
		return true;
	if (sb->bucket_milli < 1000)
		return false;
	sb->bucket_milli -= 1000;
	return true;
}

void certifier_serve(struct call *call, const struct route *route)
{
	if (!admitted(call))
		return;
	if (!take_token(call->sb, call->now_ms)) {
		sandbox_count(call->sb, "429");
		call_header(call, "Retry-After: 1");
		certifier_status(call, 429);
	} else if ((route->flags & ROUTE_BODY) && !call_parse_body(call)) {
		certifier_error(call, 400, "invalid_json", "The request body is not valid JSON");
	} else {
		route->serve(call);
	}
}

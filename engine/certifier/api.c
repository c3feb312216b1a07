#include "engine/certifier/api.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define TIMEOUT_MS (30 * MS_SECOND)
#define PAGE 100
#define VERSION "Certifier-Version: 2022-10-26"	/* the only one there is: facts/certifier.md 1.1 */
#define ERROR_BYTES 200

/* ---- requests ------------------------------------------------------------- */

static void get(const struct action *a, const char *url, struct http_request *out)
{
	*out = (struct http_request){
		.method = "GET", .url = url, .bearer = str_text(&a->token),
		.header = { VERSION, "Accept: application/json" }, .timeout_ms = TIMEOUT_MS,
	};
}

/* Takes the body. */
static void post(const struct action *a, const char *url, struct json *body, struct arena *memory,
		 struct http_request *out)
{
	struct str text;

	get(a, url, out);
	str_init(&text, LIMIT_ANSWER_BYTES);
	json_dump(body, &text);
	json_free(body);
	out->method = "POST";
	out->header[2] = "Content-Type: application/json";
	out->body = arena_slice(memory, str_slice(&text));
	out->has_body = true;
	str_release(&text);
}

struct slice api_field(const struct issuance *is, const char *name)
{
	return json_get_slice(is->fields, name);
}

static void set_text(struct json *object, const char *key, struct slice text)
{
	if (text.len)
		json_set_slice(object, slice_of(key), text);
}

static bool is_custom(struct slice field)
{
	return slice_starts(field, slice_of("custom."));
}

static struct json *custom_attributes(const struct issuance *is)
{
	struct json *custom = json_new_object();
	const struct json *value;
	struct slice key;

	for (struct json_each e = json_each(is->fields); json_next(&e, &key, &value);)
		if (is_custom(key) && json_slice(value).len)
			json_set_slice(custom, key, json_slice(value));
	return custom;
}

void api_create(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out)
{
	struct json *body = json_new_object(), *recipient = json_new_object(), *custom = custom_attributes(is);

	json_set_text(body, "groupId", is->group);
	set_text(recipient, "name", api_field(is, "recipient.name"));
	set_text(recipient, "email", api_field(is, "recipient.email"));
	json_set(body, "recipient", recipient);
	set_text(body, "issueDate", api_field(is, "issue-date"));
	set_text(body, "expiryDate", api_field(is, "expiry-date"));
	if (json_count(custom))
		json_set(body, "customAttributes", custom);
	else
		json_free(custom);
	post(a, arena_printf(memory, "%s/credentials", a->base), body, memory, out);
	out->fresh = true;
}

void api_issue(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out)
{
	post(a, arena_printf(memory, "%s/credentials/%s/issue", a->base, is->credential), json_new_object(), memory,
	     out);
	out->fresh = true;
}

void api_send(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out)
{
	struct json *body = json_new_object();

	json_set_text(body, "deliveryMethod", "email");
	post(a, arena_printf(memory, "%s/credentials/%s/send", a->base, is->credential), body, memory, out);
	out->fresh = true;
}

void api_get(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out)
{
	get(a, arena_printf(memory, "%s/credentials/%s", a->base, is->credential), out);
}

static struct json *email_equals(struct slice address)
{
	struct json *condition = json_new_object(), *recipient = json_new_object(), *email = json_new_object();

	json_set_slice(email, slice_of("equals"), address);
	json_set(recipient, "email", email);
	json_set(condition, "recipient", recipient);
	return condition;
}

/* Whether e-mails are compared with case is not known: ask for the address as sent and in lower case. */
static struct json *by_email(struct slice address, struct arena *memory)
{
	struct json *filter = json_new_object(), *either = json_new_array();
	struct slice lower = arena_slice(memory, address);

	for (size_t i = 0; i < lower.len; i++) {
		char *c = (char *)(uintptr_t)&lower.ptr[i];
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	}
	json_add(either, email_equals(address));
	if (!slice_eq(lower, address))
		json_add(either, email_equals(lower));
	json_set(filter, "OR", either);
	return filter;
}

void api_search(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out)
{
	struct json *body = json_new_object(), *sort = json_new_object();

	json_set(body, "filter", by_email(api_field(is, "recipient.email"), memory));
	json_set_text(sort, "property", "createdAt");
	json_set_text(sort, "order", "asc");
	json_set(body, "sort", sort);
	if (is->cursor)
		json_set_text(body, "cursor", is->cursor);
	json_set_integer(body, "limit", PAGE);
	post(a, arena_printf(memory, "%s/credentials/search", a->base), body, memory, out);
}

void api_groups(const struct action *a, const char *cursor, struct arena *memory, struct http_request *out)
{
	struct str url;

	str_init(&url, LIMIT_URL_BYTES);
	str_addf(&url, "%s/groups?limit=%d", a->base, PAGE);
	if (cursor[0]) {
		str_add_text(&url, "&cursor=");
		str_add_url(&url, slice_of(cursor));
	}
	get(a, arena_text(memory, str_slice(&url)), out);
	str_release(&url);
}

void api_attributes(const struct action *a, struct arena *memory, struct http_request *out)
{
	get(a, arena_printf(memory, "%s/attributes", a->base), out);
}

/* ---- answers ---------------------------------------------------------------- */

bool api_id_valid(struct slice id)
{
	if (id.len == 0 || id.len > LIMIT_ID_BYTES)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'))
			return false;
	}
	return true;
}

/* Puts *** in place of every occurrence of `secret`. */
static void redact(struct str *text, struct slice secret)
{
	if (secret.len < 2)
		return;
	for (char *at = text->ptr; at && (at = memmem(at, text->len - (size_t)(at - text->ptr), secret.ptr, secret.len));
	     at += secret.len)
		memset(at, '*', secret.len);
}

const char *api_error(const struct json *body, const struct issuance *is, struct arena *memory)
{
	struct slice code = json_slice(json_path(body, "error.code"));
	struct slice message = json_slice(json_path(body, "error.message"));
	struct str text, shown;

	str_init(&text, LIMIT_FIELD_BYTES);
	str_init(&shown, ERROR_BYTES * 4);
	str_addf(&text, "%.*s%s%.*s", SLICE_FMT(code), code.len && message.len ? ": " : "", SLICE_FMT(message));
	redact(&text, api_field(is, "recipient.email"));
	redact(&text, api_field(is, "recipient.name"));
	struct slice head = { text.ptr, text.len < ERROR_BYTES ? text.len : ERROR_BYTES };
	str_add_shown(&shown, head);
	const char *out = arena_text(memory, str_slice(&shown));
	str_release(&text);
	str_release(&shown);
	return out;
}

/* What was sent is what is there; what was not sent is free. */
static bool same(const struct json *there, struct slice sent)
{
	return !sent.len || slice_eq(json_slice(there), sent);
}

static bool same_name(const struct json *credential, struct slice sent)
{
	const struct json *attributes = json_get(credential, "attributes");

	return slice_eq(json_get_slice(attributes, "recipient.name"), sent) ||
	       slice_eq(json_slice(json_path(credential, "recipient.name")), sent);
}

static bool same_custom(const struct json *there, const struct issuance *is)
{
	const struct json *value;
	struct slice key;
	size_t sent = 0, here = 0;

	for (struct json_each e = json_each(is->fields); json_next(&e, &key, &value);) {
		char name[256];
		if (!is_custom(key) || !json_slice(value).len)
			continue;
		snprintf(name, sizeof(name), "%.*s", SLICE_FMT(key));
		if (!slice_eq(json_get_slice(there, name), json_slice(value)))
			return false;
		sent++;
	}
	for (struct json_each e = json_each(there); json_next(&e, &key, &value);)
		here += json_slice(value).len != 0;
	return here == sent;
}

bool api_same_fields(const struct json *credential, const struct issuance *is)
{
	return slice_eq_nocase(json_slice(json_path(credential, "recipient.email")), api_field(is, "recipient.email")) &&
	       same_name(credential, api_field(is, "recipient.name")) &&
	       same(json_get(credential, "issueDate"), api_field(is, "issue-date")) &&
	       same(json_get(credential, "expiryDate"), api_field(is, "expiry-date")) &&
	       same_custom(json_get(credential, "customAttributes"), is);
}

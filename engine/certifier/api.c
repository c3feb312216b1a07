#include "engine/certifier/api.h"

#include <string.h>

#include "base/clock.h"
#include "base/mask.h"

#define TIMEOUT_MS (30 * MS_SECOND)
#define PAGE 100				/* the most there is: facts/certifier.md 1.3 */
#define VERSION "Certifier-Version: 2022-10-26" /* the only one there is: facts/certifier.md 1.1 */
#define MESSAGE_BYTES 200			/* of a foreign message, in our logs */

/* ---- requests ------------------------------------------------------------- */

static void get(const struct action *a, const char *url, struct http_request *out)
{
	*out = (struct http_request){
		.method = "GET",
		.url = url,
		.bearer = str_text(&a->token),
		.header = { VERSION, "Accept: application/json" },
		.timeout_ms = TIMEOUT_MS,
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

/* A write: it must not be sent twice behind our back. */
static void post_once(const struct action *a, const char *url, struct json *body,
		      struct arena *memory, struct http_request *out)
{
	post(a, url, body, memory, out);
	out->fresh = true;
}

static struct slice field(const struct issuance *is, const char *name)
{
	return json_get_slice(is->fields, name);
}

static void set_field(struct json *object, const char *key, const struct issuance *is,
		      const char *name)
{
	if (field(is, name).len)
		json_set_slice(object, slice_of(key), field(is, name));
}

static bool is_custom(struct slice name)
{
	return slice_starts(name, slice_of("custom."));
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

void api_create(const struct action *a, const struct issuance *is, struct arena *memory,
		struct http_request *out)
{
	struct json *body = json_new_object(), *recipient = json_new_object();
	struct json *custom = custom_attributes(is);

	json_set_text(body, "groupId", is->group);
	set_field(recipient, "name", is, "recipient.name");
	set_field(recipient, "email", is, "recipient.email");
	json_set(body, "recipient", recipient);
	set_field(body, "issueDate", is, "issue-date");
	set_field(body, "expiryDate", is, "expiry-date");
	if (json_count(custom))
		json_set(body, "customAttributes", custom);
	else
		json_free(custom);
	post_once(a, arena_printf(memory, "%s/credentials", a->base), body, memory, out);
}

static const char *credential_url(const struct action *a, const struct issuance *is,
				  const char *verb, struct arena *memory)
{
	return arena_printf(memory, "%s/credentials/%s%s", a->base, is->credential, verb);
}

void api_issue(const struct action *a, const struct issuance *is, struct arena *memory,
	       struct http_request *out)
{
	post_once(a, credential_url(a, is, "/issue", memory), json_new_object(), memory, out);
}

void api_send(const struct action *a, const struct issuance *is, struct arena *memory,
	      struct http_request *out)
{
	struct json *body = json_new_object();

	json_set_text(body, "deliveryMethod", "email");
	post_once(a, credential_url(a, is, "/send", memory), body, memory, out);
}

void api_get(const struct action *a, const struct issuance *is, struct arena *memory,
	     struct http_request *out)
{
	get(a, credential_url(a, is, "", memory), out);
}

void api_delete(const struct action *a, const char *credential, struct arena *memory,
		struct http_request *out)
{
	get(a, arena_printf(memory, "%s/credentials/%s", a->base, credential), out);
	out->method = "DELETE";
	out->fresh = true;
}

static struct json *email_equals(struct slice address)
{
	struct json *condition = json_new_object(), *recipient = json_new_object();
	struct json *email = json_new_object();

	json_set_slice(email, slice_of("equals"), address);
	json_set(recipient, "email", email);
	json_set(condition, "recipient", recipient);
	return condition;
}

/* Whether the search minds case is not known: ask for the address as sent and in lower case. */
static struct json *by_email(struct slice address, struct arena *memory)
{
	struct json *filter = json_new_object(), *either = json_new_array();
	char *lower = arena_text(memory, address);

	for (char *c = lower; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	json_add(either, email_equals(address));
	if (!slice_is(address, lower))
		json_add(either, email_equals(slice_of(lower)));
	json_set(filter, "OR", either);
	return filter;
}

/*
 * A filter must stand there, and none means "all" (facts/certifier.md 2.7): so every status that
 * there is.
 */
static struct json *any_status(void)
{
	static const char *const statuses[] = { "draft", "scheduled", "issued", "expired" };
	struct json *filter = json_new_object(), *status = json_new_object();
	struct json *words = json_new_array();

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		json_add_text(words, slice_of(statuses[i]));
	json_set(status, "in", words);
	json_set(filter, "status", status);
	return filter;
}

static void search(const struct action *a, struct json *filter, const char *order,
		   const char *cursor, struct arena *memory, struct http_request *out)
{
	struct json *body = json_new_object(), *sort = json_new_object();

	json_set(body, "filter", filter);
	json_set_text(sort, "property", "createdAt");
	json_set_text(sort, "order", order);
	json_set(body, "sort", sort);
	if (cursor)
		json_set_text(body, "cursor", cursor);
	json_set_integer(body, "limit", PAGE);
	post(a, arena_printf(memory, "%s/credentials/search", a->base), body, memory, out);
}

void api_search(const struct action *a, const struct issuance *is, struct arena *memory,
		struct http_request *out)
{
	search(a, by_email(field(is, "recipient.email"), memory), "asc", is->cursor, memory, out);
}

void api_newest(const struct action *a, const char *cursor, struct arena *memory,
		struct http_request *out)
{
	search(a, any_status(), "desc", cursor, memory, out);
}

void api_groups(const struct action *a, const char *cursor, struct arena *memory,
		struct http_request *out)
{
	struct str url;

	str_init(&url, 4 * LIMIT_URL_BYTES);
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

const struct json *api_attribute_list(const struct json *body)
{
	return json_kind(body) == IS_ARRAY ? body : json_get(body, "data");
}

void api_attribute_key(const struct json *attribute, struct str *out)
{
	struct slice tag = json_get_slice(attribute, "tag");

	str_clear(out);
	if (!tag.len)
		return;
	str_add_text(out, slice_starts(tag, slice_of("custom.")) ? "" : "custom.");
	str_add_slice(out, tag);
}

/* ---- answers ---------------------------------------------------------------- */

bool api_is_good(const struct http_response *r)
{
	return r->outcome == HTTP_ANSWER && r->status >= 200 && r->status <= 299;
}

int64_t api_retry_ms(const struct http_response *r)
{
	bool said = r->outcome == HTTP_ANSWER && r->retry_after_ms != HTTP_ABSENT;

	return said ? r->retry_after_ms : 0;
}

bool api_id_valid(struct slice id)
{
	if (id.len == 0 || id.len > LIMIT_ID_BYTES)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      c == '-' || c == '_'))
			return false;
	}
	return true;
}

const char *api_public_url(const struct action *a, const struct json *credential,
			   struct arena *memory)
{
	struct slice id = json_get_slice(credential, "publicId");

	return api_id_valid(id) ? arena_printf(memory, "%s/%.*s", a->portal, SLICE_FMT(id)) : NULL;
}

bool api_take_ids(const struct answer *an, const struct json *credential, struct verdict *out)
{
	struct slice id = json_get_slice(credential, "id");

	if (!api_id_valid(id))
		return false;
	out->credential = arena_text(an->memory, id);
	out->public_url = api_public_url(an->action, credential, an->memory);
	return true;
}

bool api_is_issued(const struct json *credential)
{
	struct slice status = json_get_slice(credential, "status");

	return slice_is(status, "issued") || slice_is(status, "expired");
}

struct slice api_next_cursor(const struct json *page, const char *cursor)
{
	struct slice next = json_slice(json_path(page, "pagination.next"));
	bool seen = cursor && slice_is(next, cursor);
	bool fits = next.len && next.len <= LIMIT_URL_BYTES && !memchr(next.ptr, 0, next.len);

	return fits && !seen && json_count(json_get(page, "data")) ? next : (struct slice){ 0 };
}

/* ---- is it the one that we made? -------------------------------------------- */

/* Texts are the same where white space at their ends is not: whether that is kept is not known. */
static bool same_text(struct slice there, struct slice sent)
{
	return slice_eq(slice_trim(there), slice_trim(sent));
}

/* What was not sent is free to be anything. */
static bool same_if_sent(const struct json *there, struct slice sent)
{
	return !sent.len || slice_eq(json_slice(there), sent);
}

/* The name on the credential wins over the recipient's: facts/certifier.md 2.1. */
static bool same_name(const struct json *credential, struct slice sent)
{
	struct slice own = json_get_slice(json_get(credential, "attributes"), "recipient.name");

	return same_text(own.len ? own : json_slice(json_path(credential, "recipient.name")), sent);
}

static bool same_custom(const struct json *there, const struct issuance *is, struct arena *memory)
{
	const struct json *value;
	struct slice key;
	size_t sent = 0, here = 0;

	for (struct json_each e = json_each(is->fields); json_next(&e, &key, &value);) {
		if (!is_custom(key) || !slice_trim(json_slice(value)).len)
			continue;
		if (!same_text(json_get_slice(there, arena_text(memory, key)), json_slice(value)))
			return false;
		sent++;
	}
	for (struct json_each e = json_each(there); json_next(&e, &key, &value);)
		here += slice_trim(json_slice(value)).len != 0;
	return here == sent;
}

bool api_same_fields(const struct json *credential, const struct issuance *is, struct arena *memory)
{
	struct slice email = json_slice(json_path(credential, "recipient.email"));

	return slice_eq_nocase(email, field(is, "recipient.email")) &&
	       same_name(credential, field(is, "recipient.name")) &&
	       same_if_sent(json_get(credential, "issueDate"), field(is, "issue-date")) &&
	       same_if_sent(json_get(credential, "expiryDate"), field(is, "expiry-date")) &&
	       same_custom(json_get(credential, "customAttributes"), is, memory);
}

/* ---- what Certifier says when it refuses ------------------------------------ */

/* The head is cut off last, so that no half of a name is left at its end. */
static void add_message(const struct answer *an, struct str *out)
{
	struct slice code = json_slice(json_path(an->body, "error.code"));
	struct slice message = json_slice(json_path(an->body, "error.message"));
	struct str text;

	str_init(&text, LIMIT_FIELD_BYTES);
	str_add_slice(&text, mask_head(code, MESSAGE_BYTES));
	str_add_text(&text, code.len && message.len ? ": " : "");
	str_add_slice(&text, mask_head(message, LIMIT_FIELD_BYTES / 2));
	mask_text(&text, field(an->is, "recipient.email"));
	mask_text(&text, field(an->is, "recipient.name"));
	mask_text(&text, str_slice(&an->action->token));
	mask_addresses(&text);
	if (text.len)
		str_add_char(out, ' ');
	str_add_shown(out, mask_head(str_slice(&text), MESSAGE_BYTES));
	str_release(&text);
}

const char *api_problem(const struct answer *an)
{
	const struct http_response *r = an->response;
	struct str line;

	if (r->outcome != HTTP_ANSWER) {
		const char *what = r->outcome == HTTP_NOT_SENT ? "not sent" : "no answer";
		return arena_printf(an->memory, "%s: %s", what, r->problem ? r->problem : "");
	}
	str_init(&line, MESSAGE_BYTES * 8);
	str_addf(&line, "%d", r->status);
	add_message(an, &line);
	const char *text = arena_text(an->memory, str_slice(&line));
	str_release(&line);
	return text;
}

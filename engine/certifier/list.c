#include "engine/certifier/list.h"

#include <string.h>

#include "base/clock.h"
#include "engine/certifier/api.h"

void list_newest(struct action *a, const char *cursor, struct arena *memory,
		 struct http_request *out)
{
	api_newest(a, cursor, memory, out);
}

static void take_field(struct json *fields, const char *name, struct slice value)
{
	if (value.len)
		json_set_slice(fields, slice_of(name), value);
}

/* The name on the credential wins over the recipient's: facts/certifier.md 2.1. */
static struct json *fields_of(const struct json *row)
{
	struct json *fields = json_new_object();
	struct slice key, name = json_get_slice(json_get(row, "attributes"), "recipient.name");
	const struct json *value;

	take_field(fields, "recipient.name",
		   name.len ? name : json_slice(json_path(row, "recipient.name")));
	take_field(fields, "recipient.email", json_slice(json_path(row, "recipient.email")));
	take_field(fields, "issue-date", json_get_slice(row, "issueDate"));
	take_field(fields, "expiry-date", json_get_slice(row, "expiryDate"));
	for (struct json_each e = json_each(json_get(row, "customAttributes"));
	     json_next(&e, &key, &value);)
		if (slice_starts(key, slice_of("custom.")) && json_slice(value).len)
			json_set_slice(fields, key, json_slice(value));
	return fields;
}

/* Rows without a usable id or time are none of ours, whatever they are. */
static bool take_row(const struct action *a, const struct json *row, struct arena *memory,
		     struct credential *out)
{
	struct slice id = json_get_slice(row, "id"), group = json_get_slice(row, "groupId");

	*out = (struct credential){ .draft = slice_is(json_get_slice(row, "status"), "draft") };
	if (!api_id_valid(id) || !api_id_valid(group) ||
	    !clock_parse_datetime(json_get_slice(row, "createdAt"), &out->created_ms))
		return false;
	out->id = arena_text(memory, id);
	out->group = arena_text(memory, group);
	out->public_url = api_public_url(a, row, memory);
	out->fields = fields_of(row);
	return true;
}

static void take_page(const struct action *a, const char *cursor, const struct json *body,
		      struct arena *memory, struct page *out)
{
	const struct json *data = json_get(body, "data");
	struct slice next = api_next_cursor(body, cursor);
	size_t n = json_count(data);

	out->credential = arena_alloc(memory, (n + 1) * sizeof(*out->credential));
	for (size_t i = 0; i < n; i++)
		out->count += take_row(a, json_at(data, i), memory, &out->credential[out->count]);
	out->next = next.len ? arena_text(memory, next) : NULL;
}

/* No answer, 408, 429 and 5xx pass by themselves; whatever else is no page is there to stay, maybe. */
static enum verdict_scope scope_of(const struct http_response *r)
{
	int status = r->outcome == HTTP_ANSWER ? r->status : 0;

	if (status == 401 || status == 403)
		return SCOPE_ACCOUNT_STOP;
	return status == 0 || status == 408 || status == 429 || status >= 500 ? SCOPE_ACCOUNT_WAIT
									      : SCOPE_ISSUANCE;
}

void list_page(struct action *a, const char *cursor, const struct http_response *r,
	       struct arena *memory, struct page *out)
{
	struct err ignored;
	struct issuance nobody = { 0 };
	struct json *body = r->outcome == HTTP_ANSWER ? json_parse(r->body, &ignored) : NULL;
	struct answer an = {
		.action = a, .is = &nobody, .response = r, .body = body, .memory = memory
	};

	*out = (struct page){ .good = api_is_good(r) &&
				      json_kind(json_get(body, "data")) == IS_ARRAY };
	if (out->good) {
		take_page(a, cursor, body, memory, out);
	} else {
		out->scope = scope_of(r);
		out->reason = api_is_good(r) ? "the answer is not a page" : api_problem(&an);
		out->wait_ms = api_retry_ms(r);
	}
	json_free(body);
}

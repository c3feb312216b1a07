/*
 * certifier_search - POST /v1/credentials/search.
 *
 * Takes what facts/certifier.md 2.7 confirms and refuses the rest: AND, OR and
 * NOT over lists, `status`, `recipient.name`, `recipient.email`. A credential is
 * found only `certifier_search_lag_ms` after it was made.
 */
#include "engine/sandbox/inside.h"

#include <stdlib.h>
#include <string.h>

enum verdict { NO, YES, WRONG }; /* WRONG: the condition cannot be understood */

static bool ends(struct slice text, struct slice tail)
{
	return text.len >= tail.len &&
	       slice_eq((struct slice){ text.ptr + text.len - tail.len, tail.len }, tail);
}

static bool contains(struct slice text, struct slice part)
{
	return text.len >= part.len &&
	       (part.len == 0 || memmem(text.ptr, text.len, part.ptr, part.len));
}

static struct slice lowered(struct arena *memory, struct slice text)
{
	struct slice out = arena_slice(memory, text);

	for (char *p = (char *)(uintptr_t)out.ptr; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	return out;
}

static const struct {
	const char *name;
	bool (*holds)(struct slice text, struct slice wanted);
	bool for_status;
} operators[] = {
	{ "equals", slice_eq, true },
	{ "contains", contains, false },
	{ "startsWith", slice_starts, false },
	{ "endsWith", ends, false },
};

/* {"equals": "x"} or {"in": ["x", "y"]} against a text; `text.ptr` NULL matches nothing. */
static enum verdict test_text(struct call *call, const struct json *tests, struct slice text,
			      bool status, bool nocase)
{
	struct slice name;
	const struct json *wanted;
	struct json_each e = json_each(tests);

	if (json_kind(tests) != IS_OBJECT || json_count(tests) != 1 ||
	    !json_next(&e, &name, &wanted))
		return WRONG;
	if (nocase)
		text = lowered(&call->memory, text);
	if (slice_is(name, "in")) {
		bool found = false;
		for (size_t i = 0; i < json_count(wanted); i++)
			found |= text.ptr && slice_eq(json_slice(json_at(wanted, i)), text);
		return json_kind(wanted) != IS_ARRAY ? WRONG : found ? YES : NO;
	}
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		struct slice value = json_slice(wanted);
		if (!slice_is(name, operators[i].name) || (status && !operators[i].for_status))
			continue;
		if (json_kind(wanted) != IS_TEXT)
			return WRONG;
		if (nocase)
			value = lowered(&call->memory, value);
		return text.ptr && operators[i].holds(text, value) ? YES : NO;
	}
	return WRONG;
}

static enum verdict test_recipient(struct call *call, const struct json *tests,
				   const struct credential *c)
{
	struct slice name;
	const struct json *test;
	struct json_each e = json_each(tests);

	if (json_kind(tests) != IS_OBJECT || json_count(tests) != 1 || !json_next(&e, &name, &test))
		return WRONG;
	if (slice_is(name, "email"))
		return test_text(call, test, slice_of(c->email), false,
				 call->sb->options.certifier_email_nocase && c->email);
	if (slice_is(name, "name"))
		return test_text(call, test, slice_of(c->email ? c->name : NULL), false, false);
	return WRONG;
}

static enum verdict holds(struct call *call, const struct json *condition,
			  const struct credential *c);

/* AND: all; OR: any; NOT: none. Looks at every condition, so that a wrong one is always found. */
static enum verdict test_all(struct call *call, const struct json *list, struct slice word,
			     const struct credential *c)
{
	size_t yes = 0, n = json_count(list);

	if (json_kind(list) != IS_ARRAY || n == 0)
		return WRONG;
	for (size_t i = 0; i < n; i++) {
		enum verdict v = holds(call, json_at(list, i), c);
		if (v == WRONG)
			return WRONG;
		yes += v == YES;
	}
	if (slice_is(word, "AND"))
		return yes == n ? YES : NO;
	if (slice_is(word, "OR"))
		return yes ? YES : NO;
	return yes ? NO : YES;
}

static enum verdict holds(struct call *call, const struct json *condition,
			  const struct credential *c)
{
	struct slice name;
	const struct json *value;
	struct json_each e = json_each(condition);

	if (json_kind(condition) != IS_OBJECT || json_count(condition) != 1 ||
	    !json_next(&e, &name, &value))
		return WRONG;
	if (slice_is(name, "AND") || slice_is(name, "OR") || slice_is(name, "NOT"))
		return test_all(call, value, name, c);
	if (slice_is(name, "status"))
		return test_text(call, value, slice_of(credential_status(c, call->now_ms)), true,
				 false);
	if (slice_is(name, "recipient"))
		return test_recipient(call, value, c);
	return WRONG;
}

/* ---- order and pages ---------------------------------------------------- */

struct found {
	const struct credential *credential;
	const char *key; /* text that sorts as the property does */
	size_t order;
	bool descending;
};

static int by_key(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order == 0)
		return (x->order > y->order) - (x->order < y->order);
	return x->descending ? -order : order;
}

static const char *sort_key(struct call *call, const struct credential *c, const char *property)
{
	if (strcmp(property, "createdAt") == 0)
		return arena_printf(&call->memory, "%020lld", (long long)c->created_ms);
	if (strcmp(property, "updatedAt") == 0)
		return arena_printf(&call->memory, "%020lld", (long long)c->updated_ms);
	if (strcmp(property, "issueDate") == 0)
		return c->issue_date;
	if (strcmp(property, "expiryDate") == 0)
		return c->expiry_date ? c->expiry_date : "";
	return c->id;
}

/* The property to sort by ("id" without a sort), or NULL after a 400. */
static const char *read_sort(struct call *call, bool *descending)
{
	static const char *const properties[] = { "id", "createdAt", "updatedAt", "issueDate",
						  "expiryDate" };
	const struct json *sort = json_get(call->body, "sort");
	struct slice order = json_get_slice(sort, "order");

	*descending = slice_is(order, "desc");
	if (!sort)
		return "id";
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (slice_is(json_get_slice(sort, "property"), properties[i]) &&
		    (*descending || slice_is(order, "asc")))
			return properties[i];
	certifier_error(call, 400, "validation_error", "sort needs a known property, and an order");
	return NULL;
}

/* A filter is judged even where there is nothing to find. */
static bool filter_valid(struct call *call)
{
	const struct credential nobody = { .id = "", .name = "", .email = "", .custom = NULL };
	const struct json *filter = json_get(call->body, "filter");

	if (filter && holds(call, filter, &nobody) != WRONG)
		return true;
	certifier_error(call, 400, "validation_error", "filter is missing, or not understood");
	return false;
}

void certifier_search(struct call *call)
{
	const struct desk *d = &call->sb->desk;
	int64_t known_ms = call->now_ms - call->sb->options.certifier_search_lag_ms;
	const char *property;
	bool descending;
	struct page page;
	size_t n = 0;

	if (!filter_valid(call) || !certifier_page(call, json_get(call->body, "limit"),
						   json_get_slice(call->body, "cursor"), &page))
		return;
	property = read_sort(call, &descending);
	if (!property)
		return;
	struct found *found = mem_alloc((d->credentials + 1) * sizeof(*found));
	for (size_t i = 0; i < d->credentials; i++) {
		const struct credential *c = d->credential[i];
		if (c->created_ms <= known_ms &&
		    holds(call, json_get(call->body, "filter"), c) == YES)
			found[n++] = (struct found){ c, sort_key(call, c, property), i,
						     descending };
	}
	qsort(found, n, sizeof(*found), by_key);
	struct json *rows = json_new_array();
	for (size_t i = page.from; i < n && i < page.from + page.limit; i++)
		json_add(rows, certifier_object(call, found[i].credential));
	certifier_reply_page(call, rows, &page, n);
	mem_free(found);
}

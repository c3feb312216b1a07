/*
 * survey - a walk through all contacts that are in question now: who is in a
 * list, who has a value, who changed since a time. It reads and stores nothing.
 *
 * Search pages are keyed by record id, so that no window grows past HubSpot's
 * 10,000 and nobody is passed over while contacts change. A search is asked for
 * values only where it compares them as we do or more widely; else for all that
 * have any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mask.h"
#include "engine/hubspot/hub.h"

#define SEARCH_PAGE 200	 /* HubSpot's most */
#define MEMBERS_PAGE 250 /* likewise */
#define SAID_BYTES 200	 /* of a foreign message */
#define GROUPS_MOST 3	 /* of a search: facts/hubspot.md 2.4 */
#define VALUE_MOST 256	 /* bytes of a value that goes into a search, which is short */

struct survey {
	struct source *source;
	const struct survey_scope *scope;
	int64_t after_id;    /* search: the last record id */
	struct str after;    /* members: next page; empty: the first */
	struct str id, name; /* the list's; empty: not known yet */
	int64_t total;
	struct page_call *call; /* under way */
};

/* A page under way; it outlives its survey where that is closed. */
struct page_call {
	struct survey *survey; /* NULL: closed */
	survey_done *done;
	void *arg;
};

struct survey *survey_open(struct source *s, const struct survey_scope *scope)
{
	struct survey *v = mem_alloc(sizeof(*v));

	v->source = s;
	v->scope = scope;
	str_init(&v->after, 1024);
	str_init(&v->id, LIMIT_ID_BYTES);
	str_init(&v->name, LIMIT_VALUE_BYTES);
	return v;
}

void survey_close(struct survey *v)
{
	if (!v)
		return;
	if (v->call)
		v->call->survey = NULL;
	str_release(&v->after);
	str_release(&v->id);
	str_release(&v->name);
	mem_free(v);
}

static enum budget budget_of(const struct survey *v)
{
	return v->scope->kind == SURVEY_MEMBERS ? BUDGET_GENERAL : BUDGET_SEARCH;
}

int64_t survey_ready_ms(const struct survey *v)
{
	return call_ready_ms(v->source, budget_of(v));
}

/* ---- what a page says ---------------------------------------------------- */

static struct survey_page refused(const struct survey *v, const struct reply *answer,
				  struct arena *memory)
{
	struct survey_page page = { .result = SURVEY_REFUSED };
	struct str said;

	str_init(&said, LIMIT_FIELD_BYTES);
	mask_said(&said, json_get_slice(answer->json, "message"), bearer_token(v->source->bearer),
		  SAID_BYTES);
	page.problem = arena_printf(memory, "HubSpot refuses it (%d): %s", answer->status,
				    str_text(&said));
	str_release(&said);
	return page;
}

/* How many there are, where it says so. */
static int64_t total_of(const struct json *said, int64_t otherwise)
{
	int64_t n = json_int(said, otherwise);

	return n < 0 ? otherwise : n;
}

static struct survey_page read_list(struct survey *v, const struct reply *answer)
{
	const struct json *list = json_get(answer->json, "list");
	struct survey_page page = { .result = SURVEY_PAGE };

	page.problem = list_wrong(answer);
	if (!page.problem && list_is_processing(list))
		page.problem = "the list is still being built: again when it is complete";
	if (page.problem) {
		page.result = SURVEY_REFUSED;
		return page;
	}
	str_add_slice(&v->id, json_get_slice(list, "listId"));
	str_add_slice(&v->name, json_get_slice(list, "name"));
	v->total = total_of(json_get(list, "size"), 0);
	return page;
}

static struct survey_page read_members(struct survey *v, const struct reply *answer,
				       struct arena *memory)
{
	const struct json *rows = json_get(answer->json, "results");
	struct slice after = json_slice(json_path(answer->json, "paging.next.after"));
	struct sighting *out = arena_alloc(memory, (json_count(rows) + 1) * sizeof(*out));
	struct survey_page page = { .result = SURVEY_END, .sighting = out };

	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_at(rows, i);
		char room[24];
		struct slice id = hub_id_of(row, "recordId", room);
		struct sighting *one = &out[page.count];
		if (id.len && clock_parse_datetime(json_get_slice(row, "membershipTimestamp"),
						   &one->joined_ms)) {
			one->contact = arena_text(memory, id);
			page.count++;
		}
	}
	if (after.len && json_count(rows) && !slice_eq(after, str_slice(&v->after)))
		page.result = SURVEY_PAGE;
	str_clear(&v->after);
	str_add_slice(&v->after, after);
	v->total = total_of(json_get(answer->json, "total"), v->total);
	return page;
}

static struct survey_page read_found(struct survey *v, const struct reply *answer,
				     struct arena *memory)
{
	const struct json *rows = json_get(answer->json, "results");
	struct sighting *out = arena_alloc(memory, (json_count(rows) + 1) * sizeof(*out));
	struct survey_page page = { .result = SURVEY_END, .sighting = out };
	int64_t last = v->after_id;

	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_at(rows, i);
		char room[24];
		struct slice id = hub_id_of(row, "id", room);
		struct sighting *one = &out[page.count];
		if (!id.len)
			continue;
		one->contact = arena_text(memory, id);
		if (v->scope->kind == SURVEY_HOLDERS)
			one->value = json_get_slice(json_get(row, "properties"), v->scope->target);
		page.count++;
		int64_t number = strtoll(one->contact, NULL, 10);
		last = number > last ? number : last;
	}
	if (json_path(answer->json, "paging.next.after") && last > v->after_id)
		page.result = SURVEY_PAGE;
	if (!v->total)
		v->total = total_of(json_get(answer->json, "total"), 0);
	v->after_id = last;
	return page;
}

static struct survey_page read_page(struct survey *v, const struct reply *answer,
				    struct arena *memory)
{
	if (!answer)
		return (struct survey_page){ .result = SURVEY_AGAIN };
	if (v->scope->kind == SURVEY_MEMBERS && !v->id.len)
		return read_list(v, answer);
	if (answer->status != 200)
		return refused(v, answer, memory);
	return v->scope->kind == SURVEY_MEMBERS ? read_members(v, answer, memory)
						: read_found(v, answer, memory);
}

static void page_arrived(struct source *s, void *arg, const struct reply *answer)
{
	struct page_call *call = arg;
	struct survey *v = call->survey;
	struct arena memory;

	(void)s;
	if (v) {
		arena_init(&memory);
		v->call = NULL;
		struct survey_page page = read_page(v, answer, &memory);
		page.total = v->total;
		if (v->id.len) {
			page.list_id = str_text(&v->id);
			page.list_name = str_text(&v->name);
		}
		call->done(call->arg, &page);
		arena_release(&memory);
	}
	mem_free(call);
}

/* ---- asking for it ------------------------------------------------------- */

static struct json *filter(const char *property, const char *operator, struct slice value)
{
	struct json *f = json_new_object();

	json_set_text(f, "propertyName", property);
	json_set_text(f, "operator", operator);
	if (value.len)
		json_set_slice(f, slice_of("value"), value);
	return f;
}

/* Whether the search can be narrowed to the values: few, short, and none that is a set of options. */
static bool is_narrow(const struct survey_scope *scope)
{
	for (size_t i = 0; i < scope->values; i++)
		if (scope->value[i].len == 0 || scope->value[i].len > VALUE_MOST ||
		    memchr(scope->value[i].ptr, ';', scope->value[i].len))
			return false;
	return scope->values > 0 && scope->values <= GROUPS_MOST;
}

static void add_group(struct json *groups, struct json *what, int64_t after_id)
{
	struct json *group = json_new_object(), *filters = json_new_array();
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)after_id);
	json_add(filters, what);
	json_add(filters, filter("hs_object_id", "GT", slice_of(text)));
	json_set(group, "filters", filters);
	json_add(groups, group);
}

static struct json *groups_of(const struct survey *v)
{
	const struct survey_scope *scope = v->scope;
	struct json *groups = json_new_array();
	char text[24];

	if (scope->kind == SURVEY_CHANGED) {
		snprintf(text, sizeof(text), "%lld", (long long)scope->since_ms);
		add_group(groups, filter("lastmodifieddate", "GTE", slice_of(text)), v->after_id);
	} else if (is_narrow(scope)) {
		for (size_t i = 0; i < scope->values; i++)
			add_group(groups, filter(scope->target, "EQ", scope->value[i]),
				  v->after_id);
	} else {
		add_group(groups, filter(scope->target, "HAS_PROPERTY", (struct slice){ 0 }),
			  v->after_id);
	}
	return groups;
}

static struct json *search_body(const struct survey *v)
{
	struct json *body = json_new_object(), *sorts = json_new_array(), *sort = json_new_object();
	struct json *properties = json_new_array();

	json_set(body, "filterGroups", groups_of(v));
	json_set_text(sort, "propertyName", "hs_object_id");
	json_set_text(sort, "direction", "ASCENDING");
	json_add(sorts, sort);
	json_set(body, "sorts", sorts);
	json_add_text(properties, v->scope->kind == SURVEY_HOLDERS ? slice_of(v->scope->target)
								   : slice_of("lastmodifieddate"));
	json_set(body, "properties", properties);
	json_set_integer(body, "limit", SEARCH_PAGE);
	return body;
}

static const char *members_url(const struct survey *v, struct arena *memory)
{
	struct str rest;

	str_init(&rest, LIMIT_URL_BYTES);
	str_addf(&rest, "/%s/memberships/join-order?limit=%d", str_text(&v->id), MEMBERS_PAGE);
	if (v->after.len) {
		str_add_text(&rest, "&after=");
		str_add_url(&rest, str_slice(&v->after));
	}
	const char *url = hub_url(v->source, AREA_LISTS, str_text(&rest), memory);
	str_release(&rest);
	return url;
}

void survey_next(struct survey *v, survey_done *done, void *arg)
{
	struct arena memory;
	struct page_call *call = mem_alloc(sizeof(*call));
	struct call_spec spec = { .budget = budget_of(v),
				  .method = "GET",
				  .member = "results",
				  .takes_refusal = true,
				  .done = page_arrived,
				  .arg = call,
				  .drop = mem_free };

	*call = (struct page_call){ v, done, arg };
	v->call = call;
	arena_init(&memory);
	if (v->scope->kind != SURVEY_MEMBERS) {
		spec.method = "POST";
		spec.body = search_body(v);
		spec.url = hub_url(v->source, AREA_CONTACTS, "/search", &memory);
	} else if (v->id.len) {
		spec.url = members_url(v, &memory);
	} else {
		spec.member = "list";
		spec.url = list_url(v->source, v->scope->target, v->scope->target_is_name, &memory);
	}
	call_start(v->source, &spec);
	arena_release(&memory);
}

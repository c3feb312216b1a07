/*
 * hubspot_lists - lists, memberships and property definitions as HubSpot's API
 * shows and takes them.
 *
 * Cursors of memberships are opaque and name a row, not an offset: rows that
 * come or go between two pages do not shift the rest.
 */
#include "engine/sandbox/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define MEMBERS_MOST 250
#define LISTS_MOST 500
#define LISTS_DEFAULT 20

/* ---- lists -------------------------------------------------------------- */

static void set_id(struct call *call, struct json *to, const char *key, int64_t id)
{
	json_set_text(to, key, arena_printf(&call->memory, "%lld", (long long)id));
}

static struct json *list_json(struct call *call, const struct list *l)
{
	struct json *out = json_new_object();

	set_id(call, out, "listId", l->id);
	json_set_integer(out, "listVersion", l->version);
	json_set_text(out, "name", l->name);
	json_set_text(out, "objectTypeId", "0-1");
	json_set_text(out, "processingType", l->kind);
	json_set_text(out, "processingStatus", l->processing ? "PROCESSING" : "COMPLETE");
	json_set_integer(out, "size", (int64_t)list_size(l, call->now_ms));
	json_set_text(out, "createdAt", call_stamp(call, l->created_ms));
	json_set_text(out, "updatedAt", call_stamp(call, l->updated_ms));
	if (strcmp(l->kind, "MANUAL") != 0)
		json_set_text(out, "filtersUpdatedAt", call_stamp(call, l->filters_ms));
	json_set_text(out, "createdById", "1");
	json_set_text(out, "updatedById", "1");
	return out;
}

/* The list that a segment of the path names, or NULL after a 404. */
static struct list *list_at(struct call *call, size_t segment)
{
	int64_t id;
	struct list *l = NULL;

	if (read_number(call->segment[segment], &id))
		l = portal_list(call->sb, id);
	if (!l)
		hubspot_error(call, 404, "OBJECT_NOT_FOUND", "List does not exist with ID %.*s.",
			      SLICE_FMT(call->segment[segment]));
	return l;
}

static void reply_list(struct call *call, const struct list *l)
{
	struct json *body = json_new_object();

	json_set(body, "list", list_json(call, l));
	call_reply(call, 200, body);
}

void hubspot_list_get(struct call *call)
{
	const struct list *l = list_at(call, 2);

	if (l)
		reply_list(call, l);
}

void hubspot_list_by_name(struct call *call)
{
	const struct list *l = list_named(call->sb, call->segment[5]);

	if (l)
		reply_list(call, l);
	else
		hubspot_error(call, 404, "OBJECT_NOT_FOUND", "List does not exist with name %.*s.",
			      SLICE_FMT(call->segment[5]));
}

void hubspot_lists_get(struct call *call)
{
	struct json *body = json_new_object(), *lists = json_new_array();
	struct slice text;
	int64_t id;

	for (size_t nth = 0; (text = call_query(call, "listIds", nth)).ptr; nth++) {
		const struct list *l = read_number(text, &id) ? portal_list(call->sb, id) : NULL;
		if (l)
			json_add(lists, list_json(call, l));
	}
	json_set(body, "lists", lists);
	call_reply(call, 200, body);
}

/* ---- search of lists ---------------------------------------------------- */

static bool has_text(const struct json *array, struct slice text)
{
	for (size_t i = 0; i < json_count(array); i++)
		if (slice_eq(json_slice(json_at(array, i)), text))
			return true;
	return false;
}

static void set_moment(struct call *call, struct json *to, const char *key, int64_t at_ms)
{
	if (at_ms)
		set_id(call, to, key, at_ms);
}

static struct json *additional(struct call *call, const struct list *l)
{
	const struct json *asked = json_get(call->body, "additionalProperties");
	struct json *out = json_new_object();

	for (size_t i = 0; i < json_count(asked); i++) {
		struct slice name = json_slice(json_at(asked, i));
		if (slice_is(name, "hs_list_size"))
			set_id(call, out, "hs_list_size", (int64_t)list_size(l, call->now_ms));
		else if (slice_is(name, "hs_last_record_added_at"))
			set_moment(call, out, "hs_last_record_added_at",
				   list_last_added(l, call->now_ms));
		else if (slice_is(name, "hs_last_record_removed_at"))
			set_moment(call, out, "hs_last_record_removed_at",
				   list_last_removed(l, call->now_ms));
		else if (slice_is(name, "hs_list_reference_count"))
			json_set_text(out, "hs_list_reference_count", "0");
	}
	return out;
}

static bool contains_nocase(struct slice text, struct slice part)
{
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (slice_eq_nocase((struct slice){ text.ptr + i, part.len }, part))
			return true;
	return false;
}

static bool list_wanted(struct call *call, const struct list *l)
{
	const struct json *ids = json_get(call->body, "listIds");
	const struct json *kinds = json_get(call->body, "processingTypes");
	struct slice type = json_get_slice(call->body, "objectTypeId");
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)l->id);
	return !l->deleted && (!json_count(ids) || has_text(ids, slice_of(id))) &&
	       (!json_count(kinds) || has_text(kinds, slice_of(l->kind))) &&
	       (!type.len || slice_is(type, "0-1")) &&
	       contains_nocase(slice_of(l->name), json_get_slice(call->body, "query"));
}

static bool texts_or_absent(const struct json *v)
{
	if (v && json_kind(v) != IS_ARRAY)
		return false;
	for (size_t i = 0; i < json_count(v); i++)
		if (json_kind(json_at(v, i)) != IS_TEXT)
			return false;
	return true;
}

static bool list_search_valid(struct call *call, int64_t *offset, int64_t *count)
{
	const struct json *from = json_get(call->body, "offset"),
			  *most = json_get(call->body, "count");

	*offset = from ? json_int(from, -1) : 0;
	*count = most ? json_int(most, -1) : LISTS_DEFAULT;
	if (json_kind(call->body) == IS_OBJECT && *offset >= 0 && *count >= 1 &&
	    *count <= LISTS_MOST && texts_or_absent(json_get(call->body, "listIds")) &&
	    texts_or_absent(json_get(call->body, "processingTypes")) &&
	    texts_or_absent(json_get(call->body, "additionalProperties")))
		return true;
	hubspot_error(call, 400, "VALIDATION_ERROR",
		      "Invalid list search: count is at most 500, listIds, "
		      "processingTypes and additionalProperties are lists of text");
	return false;
}

void hubspot_lists_search(struct call *call)
{
	const struct portal *portal = &call->sb->portal;
	int64_t offset, count, total = 0;

	if (!list_search_valid(call, &offset, &count))
		return;
	struct json *body = json_new_object(), *lists = json_new_array();
	for (size_t i = 0; i < portal->lists; i++) {
		if (!list_wanted(call, portal->list[i]))
			continue;
		if (total >= offset && total < offset + count) {
			struct json *one = list_json(call, portal->list[i]);
			json_set(one, "additionalProperties", additional(call, portal->list[i]));
			json_add(lists, one);
		}
		total++;
	}
	json_set_integer(body, "offset", offset + count);
	json_set_bool(body, "hasMore", offset + count < total);
	json_set_integer(body, "total", total);
	json_set(body, "lists", lists);
	call_reply(call, 200, body);
}

/* ---- memberships -------------------------------------------------------- */

/* A row's place in its page order; also what a cursor holds. */
struct place {
	int64_t major, minor;
};

struct row {
	const struct member *member;
	struct place place;
};

static int place_cmp(const struct place *a, const struct place *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	return (a->minor > b->minor) - (a->minor < b->minor);
}

static int by_place(const void *a, const void *b)
{
	return place_cmp(&((const struct row *)a)->place, &((const struct row *)b)->place);
}

static const char *cursor_text(struct call *call, const struct place *p)
{
	return arena_printf(&call->memory, "%016llx.%llxQ", (unsigned long long)p->major,
			    (unsigned long long)p->minor);
}

static bool read_cursor(struct call *call, const char *name, bool *given, struct place *out)
{
	struct slice text = call_query(call, name, 0);
	unsigned long long major, minor;
	char end;

	*given = text.ptr != NULL;
	if (!*given)
		return true;
	if (sscanf(arena_text(&call->memory, text), "%16llx.%16llx%c", &major, &minor, &end) != 3 ||
	    end != 'Q')
		return false;
	*out = (struct place){ (int64_t)major, (int64_t)minor };
	return true;
}

/* All rows that show, in page order. `joined`: by time of joining, else by record. */
static size_t collect(struct call *call, const struct list *l, bool joined, struct row *row)
{
	int64_t sign = joined && call->sb->options.list_descending ? -1 : 1;
	size_t n = 0;

	for (size_t i = 0; i < l->members; i++) {
		const struct member *m = &l->member[i];
		if (!member_shows(m, call->now_ms))
			continue;
		int64_t major = joined ? m->at_ms : m->who->id;
		row[n++] = (struct row){ m, { sign * major, sign * (int64_t)m->order } };
	}
	qsort(row, n, sizeof(*row), by_place);
	return n;
}

struct window {
	size_t from, to; /* rows of the page */
	bool backwards;	 /* `before` alone turns the order round: facts 4 */
};

static bool read_window(struct call *call, const struct row *row, size_t n, struct window *w)
{
	int64_t limit = 100;
	bool has_after, has_before;
	struct place after, before;

	if (!call_query_int(call, "limit", 1, MEMBERS_MOST, &limit) ||
	    !read_cursor(call, "after", &has_after, &after) ||
	    !read_cursor(call, "before", &has_before, &before)) {
		hubspot_error(call, 400, "VALIDATION_ERROR", "Invalid limit or cursor");
		return false;
	}
	*w = (struct window){ .backwards = has_before && !has_after };
	if (w->backwards) {
		while (w->to < n && place_cmp(&row[w->to].place, &before) < 0)
			w->to++;
		w->from = w->to > (size_t)limit ? w->to - (size_t)limit : 0;
		return true;
	}
	while (has_after && w->from < n && place_cmp(&row[w->from].place, &after) <= 0)
		w->from++;
	w->to = n - w->from > (size_t)limit ? w->from + (size_t)limit : n;
	return true;
}

static void set_cursor(struct call *call, struct json *paging, const char *side, const char *key,
		       const struct place *p)
{
	struct json *one = json_new_object();

	json_set_text(one, key, cursor_text(call, p));
	json_set_text(one, "link", "https://api.hubapi.com/crm/v3/lists/…");
	json_set(paging, side, one);
}

static void set_paging(struct call *call, struct json *body, const struct row *row, size_t n,
		       const struct window *w)
{
	struct json *paging = json_new_object();

	if (w->to < n && w->to > 0)
		set_cursor(call, paging, "next", "after", &row[w->to - 1].place);
	if (w->from > 0 && w->from < n)
		set_cursor(call, paging, "prev", "before", &row[w->from].place);
	if (json_count(paging))
		json_set(body, "paging", paging);
	else
		json_free(paging);
}

static void serve_members(struct call *call, bool joined)
{
	const struct list *l = list_at(call, 2);
	struct window w;

	if (!l)
		return;
	struct row *row = mem_alloc((l->members + 1) * sizeof(*row));
	size_t n = collect(call, l, joined, row);
	if (read_window(call, row, n, &w)) {
		struct json *body = json_new_object(), *results = json_new_array();
		for (size_t i = w.from; i < w.to; i++) {
			size_t at = w.backwards ? w.to - 1 - (i - w.from) : i;
			struct json *one = json_new_object();
			set_id(call, one, "recordId", row[at].member->who->id);
			json_set_text(one, "membershipTimestamp",
				      call_stamp(call, row[at].member->at_ms));
			json_add(results, one);
		}
		json_set_integer(body, "total", (int64_t)n);
		json_set(body, "results", results);
		set_paging(call, body, row, n, &w);
		call_reply(call, 200, body);
	}
	mem_free(row);
}

void hubspot_members(struct call *call)
{
	serve_members(call, false);
}

void hubspot_members_joined(struct call *call)
{
	serve_members(call, true);
}

/* ---- joining and leaving ------------------------------------------------ */

typedef enum rc move_fn(struct sandbox *sb, int64_t now_ms, int64_t list, int64_t contact,
			struct err *err);

static void move_members(struct call *call, move_fn *move, const char *done_key)
{
	const struct list *l = list_at(call, 2);
	struct err err;
	int64_t id;

	if (!l)
		return;
	if (strcmp(l->kind, "DYNAMIC") == 0 || !texts_or_absent(call->body)) {
		hubspot_error(
			call, 400, "VALIDATION_ERROR",
			"Memberships of a DYNAMIC list cannot be set; the body is a list of ids");
		return;
	}
	struct json *body = json_new_object(), *done = json_new_array(),
		    *missing = json_new_array();
	for (size_t i = 0; i < json_count(call->body); i++) {
		struct slice text = json_slice(json_at(call->body, i));
		bool moved = read_number(text, &id) &&
			     move(call->sb, call->now_ms, l->id, id, &err) == RC_OK;
		json_add_text(moved ? done : missing, text);
	}
	json_set(body, "recordsIdsAdded", json_new_array());
	json_set(body, "recordsIdsRemoved", json_new_array());
	json_set(body, done_key, done);
	json_set(body, "recordIdsMissing", missing);
	call_reply(call, 200, body);
}

void hubspot_members_add(struct call *call)
{
	move_members(call, sandbox_join, "recordsIdsAdded");
}

void hubspot_members_remove(struct call *call)
{
	move_members(call, sandbox_leave, "recordsIdsRemoved");
}

void hubspot_record_lists(struct call *call)
{
	const struct portal *portal = &call->sb->portal;
	struct json *body = json_new_object(), *results = json_new_array();
	int64_t id;
	const struct contact *c = read_number(call->segment[4], &id)
					  ? portal_find(call->sb, id, false)
					  : NULL;

	for (size_t i = 0; c && i < portal->lists; i++) {
		const struct list *l = portal->list[i];
		for (size_t k = 0; k < l->members && !l->deleted; k++) {
			const struct member *m = &l->member[k];
			if (m->who != c || !member_shows(m, call->now_ms))
				continue;
			struct json *one = json_new_object();
			set_id(call, one, "listId", l->id);
			json_set_integer(one, "listVersion", l->version);
			json_set_text(one, "firstAddedTimestamp", call_stamp(call, m->at_ms));
			json_set_text(one, "lastAddedTimestamp", call_stamp(call, m->at_ms));
			json_add(results, one);
		}
	}
	json_set_integer(body, "total", (int64_t)json_count(results));
	json_set(body, "results", results);
	call_reply(call, 200, body);
}

/* ---- properties --------------------------------------------------------- */

static struct json *choices_json(const struct property *p)
{
	struct json *options = json_new_array();

	for (size_t i = 0; i < p->choices; i++) {
		struct json *one = json_new_object();
		json_set_text(one, "label", p->choice[i].label);
		json_set_text(one, "value", p->choice[i].value);
		json_set_integer(one, "displayOrder", (int64_t)i);
		json_set_bool(one, "hidden", false);
		json_set_text(one, "description", "");
		json_add(options, one);
	}
	return options;
}

static struct json *property_json(const struct property *p)
{
	struct json *out = json_new_object(), *meta = json_new_object();

	json_set_text(out, "name", p->name);
	json_set_text(out, "label", p->label);
	json_set_text(out, "type", p->type);
	json_set_text(out, "fieldType", p->field_type);
	json_set_text(out, "groupName", "contactinformation");
	json_set_text(out, "description", "");
	json_set(out, "options", choices_json(p));
	json_set_integer(out, "displayOrder", -1);
	json_set_bool(out, "calculated", p->kind != PROPERTY_STORED);
	json_set_bool(out, "externalOptions", false);
	json_set_bool(out, "hasUniqueValue", false);
	json_set_bool(out, "hidden", false);
	json_set_bool(out, "hubspotDefined", p->built_in);
	json_set_bool(out, "formField", true);
	json_set_text(out, "dataSensitivity", "non_sensitive");
	json_set_bool(out, "archived", p->archived);
	json_set_bool(meta, "archivable", !p->built_in);
	json_set_bool(meta, "readOnlyValue", p->kind != PROPERTY_STORED);
	json_set(out, "modificationMetadata", meta);
	return out;
}

void hubspot_properties(struct call *call)
{
	const struct map *all = &call->sb->portal.property;
	struct json *body = json_new_object(), *results = json_new_array();
	bool archived = slice_is(call_query(call, "archived", 0), "true");
	struct slice kind = call_query(call, "dataSensitivity", 0);
	bool shown = !kind.len || slice_is(kind, "non_sensitive"); /* none is of the other kinds */

	for (size_t i = 0; i < all->count && shown; i++) {
		const struct property *p = all->entry[i].value;
		if (p->archived == archived)
			json_add(results, property_json(p));
	}
	json_set(body, "results", results);
	call_reply(call, 200, body);
}

void hubspot_property(struct call *call)
{
	const struct property *p = portal_property(call->sb, call->segment[3]);

	if (p && !p->archived)
		call_reply(call, 200, property_json(p));
	else
		hubspot_error(call, 404, "OBJECT_NOT_FOUND", "Property %.*s does not exist",
			      SLICE_FMT(call->segment[3]));
}

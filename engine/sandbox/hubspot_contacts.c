/*
 * hubspot_contacts - contacts as HubSpot's API shows and takes them.
 *
 * Section numbers are those of facts/hubspot.md.
 */
#include "engine/sandbox/inside.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY_CAP 45 /* facts 2.3: contacts keep 45 changes of a property */
#define BATCH_MOST 100
#define BATCH_MOST_HISTORY 50

static const char *const default_properties[] = {
	"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname", NULL
};
/* What every record shows, asked or not. */
static const char *const own_properties[] = { "createdate", "hs_object_id", "lastmodifieddate",
					      NULL };

static void refuse_absent(struct call *call, struct slice id)
{
	int64_t n;

	if (read_number(id, &n))
		hubspot_error(call, 404, NULL, "resource not found");
	else
		hubspot_error(call, 404, "OBJECT_NOT_FOUND",
			      "Object not found.  objectId are usually numeric.");
}

/* ---- a record ----------------------------------------------------------- */

/* An entry's members as HubSpot writes them; only people have a user. */
static struct json *entry_json(struct call *call, int64_t at_ms, struct slice value,
			       const char *source)
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
		json_add(list,
			 entry_json(call, c->modified[i - 1],
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

static void show_property(struct call *call, const struct contact *c, struct slice name,
			  int64_t at_ms, struct json *to)
{
	const struct property *p = portal_property(call->sb, name);

	if (!p || p->archived)
		return; /* left out without a word: facts 2.1 */
	/* One of the two has the merged ids, the other is empty. */
	bool empty = p->kind == (call->sb->options.merge_tells_vids ? PROPERTY_MERGED_IDS
								    : PROPERTY_MERGED_VIDS);
	struct slice value = contact_value(c, p, at_ms, &call->memory);
	if (value.len && !empty)
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

struct json *hubspot_record(struct call *call, const struct contact *c,
			    const struct json *properties, const struct json *histories,
			    int64_t at_ms)
{
	struct json *out = json_new_object();
	const char *id = arena_printf(&call->memory, "%lld", (long long)c->id);

	json_set_text(out, "id", id);
	json_set(out, "properties", shown_properties(call, c, properties, at_ms));
	if (json_count(histories)) {
		struct json *all = json_new_object();
		for (size_t i = 0; i < json_count(histories); i++) {
			const struct property *p = portal_property(
				call->sb, json_slice(json_at(histories, i)));
			if (p && !p->archived)
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
				   "https://app.hubspot.com/contacts/" PORTAL_ID "/record/0-1/%s",
				   id));
	json_set_text(out, "objectWriteTraceId", NULL);
	return out;
}

/* ---- reading ------------------------------------------------------------ */

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

static struct contact *asked(struct call *call, struct slice id, struct slice id_property,
			     bool archived)
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

void hubspot_get_contact(struct call *call)
{
	struct slice id = call->segment[3], id_property = call_query(call, "idProperty", 0);

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

void hubspot_get_contacts(struct call *call)
{
	struct json *histories = query_names(call, "propertiesWithHistory");
	struct json *names = query_names(call, "properties");
	int64_t limit = 10, after = 0,
		most = json_count(histories) ? BATCH_MOST_HISTORY : BATCH_MOST;
	struct contact **found = arena_alloc(&call->memory,
					     (call->sb->portal.contact.count + 1) * sizeof(*found));

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
		json_set_text(next, "link",
			      "https://api.hubapi.com/crm/v3/objects/contacts?after=…");
		json_set(paging, "next", next);
		json_set(body, "paging", paging);
	}
	call_reply(call, 200, body);
out:
	json_free(histories);
	json_free(names);
}

/* ---- batch read --------------------------------------------------------- */

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
	size_t n = json_count(inputs),
	       histories = json_count(json_get(call->body, "propertiesWithHistory"));

	if (json_kind(inputs) != IS_ARRAY || n == 0 || !texts(json_get(call->body, "properties")) ||
	    !texts(json_get(call->body, "propertiesWithHistory"))) {
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "Invalid input JSON: inputs, properties and "
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
		hubspot_error(
			call, 400, "VALIDATION_ERROR",
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
	struct json *errors = json_new_array(), *one = json_new_object(),
		    *context = json_new_object();

	json_set_text(one, "status", "error");
	json_set_text(one, "category", "OBJECT_NOT_FOUND");
	json_set_text(one, "message",
		      "Could not get some CONTACT objects, they may be deleted or not "
		      "exist. Check that ids are valid.");
	json_set(context, "ids", ids);
	json_set(one, "context", context);
	json_add(errors, one);
	return errors;
}

static bool names_another(const struct contact *c, struct slice id)
{
	int64_t n;

	return read_number(id, &n) && n != c->id;
}

void hubspot_batch_read(struct call *call)
{
	const struct json *inputs = json_get(call->body, "inputs");
	struct contact *found[BATCH_MOST];
	size_t n = 0;

	if (!batch_valid(call))
		return;
	struct json *missing = json_new_array(), *results = json_new_array(),
		    *body = json_new_object();
	for (size_t i = 0; i < json_count(inputs); i++) {
		struct slice id = json_get_slice(json_at(inputs, i), "id");
		struct contact *c = asked(call, id, json_get_slice(call->body, "idProperty"),
					  wants_archived(call));
		/* … such as one that was merged away, which only a read of its own then leads on. */
		if (c && !(call->sb->options.batch_silent && names_another(c, id)))
			found[n++] = c;
		else
			json_add_text(missing, id);
	}
	qsort(found, n, sizeof(found[0]), by_id);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || found[i] != found[i - 1])
			json_add(results,
				 hubspot_record(call, found[i], json_get(call->body, "properties"),
						json_get(call->body, "propertiesWithHistory"),
						ANY_TIME));
	size_t lost = call->sb->options.batch_silent ? 0 : json_count(missing);
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

/* ---- writing ------------------------------------------------------------ */

/* What refuses a write: 409 where it is another contact's address. */
static void refuse_write(struct call *call, const struct err *err)
{
	if (slice_starts(slice_of(err->text), slice_of("Contact already exists")))
		hubspot_error(call, 409, "CONFLICT", "%s", err->text);
	else
		hubspot_error(call, 400, "VALIDATION_ERROR", "Property values were not valid: %s",
			      err->text);
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
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "Invalid input JSON: properties is required");
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

void hubspot_create_contact(struct call *call)
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

void hubspot_update_contact(struct call *call)
{
	const struct json *properties = properties_given(call), *value;
	struct slice name;
	struct contact *c;
	struct err err;

	if (!properties)
		return;
	c = asked(call, call->segment[3], call_query(call, "idProperty", 0), false);
	if (!c) {
		refuse_absent(call, call->segment[3]);
		return;
	}
	for (struct json_each e = json_each(properties); json_next(&e, &name, &value);) {
		if (contact_write(call->sb, call->now_ms, c, name,
				  property_text(value, &call->memory), "API", &err) != RC_OK) {
			refuse_write(call, &err);
			return;
		}
	}
	call_reply(call, 200, hubspot_record(call, c, NULL, NULL, ANY_TIME));
}

void hubspot_delete_contact(struct call *call)
{
	int64_t id;
	struct contact *c = NULL;
	struct err err;

	if (read_number(call->segment[3], &id))
		c = portal_find(call->sb, id, false);
	if (c && sandbox_delete(call->sb, call->now_ms, c->id, &err) != RC_OK)
		hubspot_error(call, 400, "VALIDATION_ERROR", "%s", err.text);
	else
		call_reply_text(call, 204, ""); /* also for an unknown id: facts 2.5 */
}

void hubspot_merge_contacts(struct call *call)
{
	int64_t primary, other, result;
	struct err err;

	if (!read_number(json_get_slice(call->body, "primaryObjectId"), &primary) ||
	    !read_number(json_get_slice(call->body, "objectIdToMerge"), &other)) {
		hubspot_error(
			call, 400, "VALIDATION_ERROR",
			"Invalid input JSON: primaryObjectId and objectIdToMerge are required");
	} else if (sandbox_merge(call->sb, call->now_ms, primary, other, 0, &result, &err) !=
		   RC_OK) {
		hubspot_error(call, 404, "OBJECT_NOT_FOUND", "%s", err.text);
	} else {
		call_reply(call, 200,
			   hubspot_record(call, portal_contact(call->sb, result), NULL, NULL,
					  ANY_TIME));
	}
}

void hubspot_purge_contact(struct call *call)
{
	struct slice id = json_get_slice(call->body, "objectId");
	struct contact *c;

	if (!id.ptr) {
		hubspot_error(call, 400, "VALIDATION_ERROR",
			      "Invalid input JSON: objectId is required");
		return;
	}
	c = asked(call, id, json_get_slice(call->body, "idProperty"), false);
	if (c)
		contact_purge(call->sb, call->now_ms, c);
	call_reply_text(call, 204, "");
}

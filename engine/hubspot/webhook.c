/*
 * webhook - which contacts a genuine request tells of, facts/hubspot.md 5.3, 5.4 and 5.8.
 *
 * Values in it are not looked at, but for a property's name: what really happened is read from the
 * contact's history.
 */
#include "engine/hubspot/webhook.h"

#include <string.h>

#include "base/json.h"
#include "engine/hubspot/hub.h"

#define CONTACT_TYPE "0-1"
#define LOOK_DEPTH 8 /* how deep an id may stand in any JSON */

static const char *const tally_words[HOOK_TALLIES] = {
	[HOOK_TOLD] = "told",	      [HOOK_UNREAD] = "unread-property",
	[HOOK_OTHERS] = "no-contact", [HOOK_FOREIGN] = "other-portal",
	[HOOK_UNKNOWN] = "unknown",   [HOOK_SHAPELESS] = "shapeless",
};

struct reading {
	const struct hook_view *view;
	struct arena *memory;
	struct heard *out;
	struct tip *tip;
	size_t cap;
};

static void answer(struct heard *out, int status, const char *reason, const char *say)
{
	out->status = status;
	out->reason = reason;
	out->say = say;
}

/* The tips grow on the heap while they are read, and end in the memory of the hearing. */
static void keep_tips(struct reading *r)
{
	struct tip *tip = arena_alloc(r->memory, (r->out->tips + 1) * sizeof(*tip));

	if (r->out->tips)
		memcpy(tip, r->tip, r->out->tips * sizeof(*tip));
	mem_free(r->tip);
	r->out->tip = tip;
}

static void add_tip(struct reading *r, struct slice contact, int64_t at_ms, bool stamped)
{
	r->tip = mem_grow(r->tip, &r->cap, r->out->tips + 1, sizeof(*r->tip));
	r->tip[r->out->tips++] = (struct tip){ arena_slice(r->memory, contact), at_ms,
					       stamped && at_ms };
}

/* An id that an object holds under this key. */
static bool add_id(struct reading *r, const struct json *object, const char *key, int64_t at_ms,
		   bool stamped)
{
	char room[24];
	struct slice id = hub_id_of(object, key, room);

	if (id.len)
		add_tip(r, id, at_ms, stamped);
	return id.len != 0;
}

/* ---- one event ------------------------------------------------------------ */

/* Each takes the ids of its type; false where it has none. */
static bool take_object(struct reading *r, const struct json *e, int64_t at_ms)
{
	return add_id(r, e, "objectId", at_ms, false);
}

/* The change itself gave the contact its stamp. */
static bool take_change(struct reading *r, const struct json *e, int64_t at_ms)
{
	return add_id(r, e, "objectId", at_ms, true);
}

/* Whichever of them lives now shows what the merge made. */
static bool take_merge(struct reading *r, const struct json *e, int64_t at_ms)
{
	static const char *const keys[] = { "objectId", "newObjectId", "primaryObjectId" };
	const struct json *merged = json_get(e, "mergedObjectIds");
	bool any = false;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		any |= add_id(r, e, keys[i], at_ms, false);
	for (size_t i = 0; i < json_count(merged) && i < LIMIT_HOOK_EVENTS; i++) {
		struct slice id = json_slice(json_at(merged, i));
		int64_t n = json_int(json_at(merged, i), -1);
		char *text = n < 0 ? NULL : arena_printf(r->memory, "%lld", (long long)n);
		id = text ? slice_of(text) : id;
		if (hub_id_valid(id))
			add_tip(r, id, at_ms, false);
	}
	return any;
}

static bool ends_with(struct slice text, const char *end)
{
	size_t len = strlen(end);

	return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static bool take_association(struct reading *r, const struct json *e, int64_t at_ms)
{
	struct slice type = json_get_slice(e, "associationType");
	bool from = slice_starts(type, slice_of("CONTACT_TO_")) ||
		    slice_is(json_get_slice(e, "fromObjectTypeId"), CONTACT_TYPE);
	bool to = ends_with(type, "_TO_CONTACT") ||
		  slice_is(json_get_slice(e, "toObjectTypeId"), CONTACT_TYPE);

	if (!from && !to)
		return add_id(r, e, "fromObjectId", at_ms, false);
	from = from && add_id(r, e, "fromObjectId", at_ms, false);
	to = to && add_id(r, e, "toObjectId", at_ms, false);
	return from || to;
}

static const struct {
	const char *kind;
	bool (*take)(struct reading *r, const struct json *e, int64_t at_ms);
	bool of_property;
} kinds[] = {
	{ "propertyChange", take_change, true },
	{ "creation", take_object, false },
	{ "deletion", take_object, false },
	{ "privacyDeletion", take_object, false },
	{ "restore", take_object, false },
	{ "merge", take_merge, false },
	{ "associationChange", take_association, false },
};

/* Whether the event is about contacts; *known: its object is one of the facts' list. */
static bool about_contacts(struct slice object, const struct json *e, bool *known)
{
	static const char *const others[] = { "company", "deal",	 "ticket", "line_item",
					      "product", "conversation", "event" };

	*known = true;
	if (slice_is(object, "contact"))
		return true;
	if (slice_is(object, "object"))
		return slice_is(json_get_slice(e, "objectTypeId"), CONTACT_TYPE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (slice_is(object, others[i]))
			return false;
	*known = false;
	return false;
}

/* When it happened; 0 where that is not said, or cannot be. */
static int64_t happened_ms(const struct reading *r, const struct json *e)
{
	int64_t at = json_int(json_get(e, "occurredAt"), 0);

	return at > 0 && at - HOOK_WINDOW_MS <= r->view->now_ms ? at : 0;
}

static enum hook_tally read_contact_event(struct reading *r, struct slice kind,
					  const struct json *e)
{
	struct slice property = json_get_slice(e, "propertyName");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!slice_is(kind, kinds[i].kind))
			continue;
		if (kinds[i].of_property && r->view->reads && property.len &&
		    !r->view->reads(r->view->ctx, property))
			return HOOK_UNREAD;
		return kinds[i].take(r, e, happened_ms(r, e)) ? HOOK_TOLD : HOOK_SHAPELESS;
	}
	return HOOK_UNKNOWN;
}

static enum hook_tally read_event(struct reading *r, const struct json *e)
{
	struct slice kind = json_get_slice(e, "subscriptionType"), object;
	int64_t portal = json_int(json_get(e, "portalId"), 0);
	bool known;

	if (!kind.len)
		kind = json_get_slice(e, "eventType"); /* as older deliveries call it */
	if (!kind.len)
		return HOOK_SHAPELESS;
	if (r->view->portal && portal && portal != r->view->portal)
		return HOOK_FOREIGN;
	slice_cut(&kind, '.', &object);
	if (!about_contacts(object, e, &known))
		return known ? HOOK_OTHERS : HOOK_UNKNOWN;
	return read_contact_event(r, kind, e);
}

/* ---- the whole body ------------------------------------------------------- */

static void set_tallies(struct heard *out, const uint64_t count[HOOK_TALLIES])
{
	size_t n = 0;

	for (size_t i = 0; i < HOOK_TALLIES; i++)
		if (count[i])
			out->tally[n++] = (struct heard_kind){ tally_words[i], count[i] };
	out->foreign = count[HOOK_FOREIGN];
}

void hook_read(struct slice body, const struct hook_view *view, struct arena *memory,
	       struct heard *out)
{
	struct reading r = { .view = view, .memory = memory, .out = out };
	uint64_t count[HOOK_TALLIES] = { 0 };
	struct err ignored;
	struct json *json = json_parse(body, &ignored);
	bool one = json_kind(json) == IS_OBJECT;
	size_t n = one ? 1 : json_count(json);

	if (!one && json_kind(json) != IS_ARRAY) {
		answer(out, 400, "no-json", "the body is no JSON array of events");
	} else if (n > LIMIT_HOOK_EVENTS) {
		answer(out, 413, "too-many-events", "too many events in one request");
	} else {
		for (size_t i = 0; i < n; i++)
			count[read_event(&r, one ? json : json_at(json, i))]++;
		answer(out, 204, NULL, NULL);
	}
	set_tallies(out, count);
	keep_tips(&r);
	json_free(json);
}

/* ---- any JSON ------------------------------------------------------------- */

static const char *const id_keys[] = { "vid", "objectId", "hs_object_id", "contactId",
				       "contact_id" };

/* As `"vid": 101`, or with a value inside, as older forms of a contact have it. */
static bool add_direct(struct reading *r, const struct json *object)
{
	for (size_t i = 0; i < sizeof(id_keys) / sizeof(id_keys[0]); i++)
		if (add_id(r, object, id_keys[i], 0, false) ||
		    add_id(r, json_get(object, id_keys[i]), "value", 0, false))
			return true;
	return false;
}

/* The contact that this value is or holds; where it does not say, those that its parts are. */
static void find_ids(struct reading *r, const struct json *v, unsigned depth)
{
	struct slice key;
	const struct json *part;

	if (depth == LOOK_DEPTH || r->out->tips >= LIMIT_HOOK_EVENTS)
		return;
	for (size_t i = 0; json_kind(v) == IS_ARRAY && i < json_count(v); i++)
		find_ids(r, json_at(v, i), depth + 1);
	if (json_kind(v) != IS_OBJECT || add_direct(r, v) ||
	    add_direct(r, json_get(v, "properties")))
		return;
	for (struct json_each e = json_each(v); json_next(&e, &key, &part);)
		find_ids(r, part, depth + 1);
}

void hook_read_look(struct slice body, struct arena *memory, struct heard *out)
{
	static const struct hook_view any = { 0 };
	struct reading r = { .view = &any, .memory = memory, .out = out };
	uint64_t count[HOOK_TALLIES] = { 0 };
	struct err ignored;
	struct json *json = json_parse(body, &ignored);

	find_ids(&r, json, 0);
	count[HOOK_TOLD] = out->tips;
	if (!json)
		answer(out, 400, "no-json", "the body is no JSON");
	else if (out->tips == 0)
		answer(out, 400, "no-contact-id",
		       "no contact id: it is looked for as vid, objectId, hs_object_id, contactId or contact_id");
	else
		answer(out, 204, NULL, NULL);
	set_tallies(out, count);
	keep_tips(&r);
	json_free(json);
}

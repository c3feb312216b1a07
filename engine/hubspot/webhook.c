/*
 * webhook - which contacts a genuine request tells of, facts/hubspot.md 5.3, 5.4 and 5.8.
 *
 * Values in it are not looked at, but for a property's name: what really happened is read from the
 * contact's history.
 */
#include "engine/hubspot/webhook.h"

#include <string.h>

#include "base/flat.h"
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
static bool add_id_of(struct reading *r, const struct json *object, const char *key)
{
	char room[24];
	struct slice id = hub_id_of(object, key, room);

	if (id.len)
		add_tip(r, id, 0, false);
	return id.len != 0;
}

/* ---- one event ------------------------------------------------------------ */

/* What is read of an event. */
enum event_field {
	KIND,
	OLDER_KIND, /* as older deliveries call it */
	PORTAL,
	AT,
	PROPERTY,
	OBJECT,
	OBJECT_TYPE,
	NEW_OBJECT,
	PRIMARY_OBJECT,
	ASSOCIATION,
	FROM_TYPE,
	TO_TYPE,
	FROM_OBJECT,
	TO_OBJECT,
	FIELDS,
};

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct slice field_names[FIELDS] = {
	[KIND] = NAME("subscriptionType"),
	[OLDER_KIND] = NAME("eventType"),
	[PORTAL] = NAME("portalId"),
	[AT] = NAME("occurredAt"),
	[PROPERTY] = NAME("propertyName"),
	[OBJECT] = NAME("objectId"),
	[OBJECT_TYPE] = NAME("objectTypeId"),
	[NEW_OBJECT] = NAME("newObjectId"),
	[PRIMARY_OBJECT] = NAME("primaryObjectId"),
	[ASSOCIATION] = NAME("associationType"),
	[FROM_TYPE] = NAME("fromObjectTypeId"),
	[TO_TYPE] = NAME("toObjectTypeId"),
	[FROM_OBJECT] = NAME("fromObjectId"),
	[TO_OBJECT] = NAME("toObjectId"),
};

struct event {
	struct slice text[FIELDS]; /* texts, and integers as they are written */
	bool is_text[FIELDS];
	const struct json *merged; /* mergedObjectIds, where there are some */
};

static struct slice text_of(const struct event *e, enum event_field f)
{
	return e->is_text[f] ? e->text[f] : (struct slice){ 0 };
}

static int64_t number_of(const struct event *e, enum event_field f)
{
	int64_t n = 0;

	if (e->text[f].len == 0 || e->text[f].len > 18)
		return 0;
	for (size_t i = 0; i < e->text[f].len; i++) {
		char c = e->text[f].ptr[i];
		if (c < '0' || c > '9')
			return 0;
		n = n * 10 + (c - '0');
	}
	return n;
}

static bool add_id(struct reading *r, const struct event *e, enum event_field f, int64_t at_ms,
		   bool stamped)
{
	bool valid = hub_id_valid(e->text[f]);

	if (valid)
		add_tip(r, e->text[f], at_ms, stamped);
	return valid;
}

/* Each takes the ids of its type; false where it has none. */
static bool take_object(struct reading *r, const struct event *e, int64_t at_ms)
{
	return add_id(r, e, OBJECT, at_ms, false);
}

/* The change itself gave the contact its stamp. */
static bool take_change(struct reading *r, const struct event *e, int64_t at_ms)
{
	return add_id(r, e, OBJECT, at_ms, true);
}

/* Whichever of them lives now shows what the merge made. */
static bool take_merge(struct reading *r, const struct event *e, int64_t at_ms)
{
	static const enum event_field ids[] = { OBJECT, NEW_OBJECT, PRIMARY_OBJECT };
	bool any = false;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		any |= add_id(r, e, ids[i], at_ms, false);
	for (size_t i = 0; i < json_count(e->merged) && i < LIMIT_HOOK_EVENTS; i++) {
		struct slice id = json_slice(json_at(e->merged, i));
		int64_t n = json_int(json_at(e->merged, i), -1);
		char *text = n < 0 ? NULL : arena_printf(r->memory, "%lld", (long long)n);
		id = text ? slice_of(text) : id;
		if (!hub_id_valid(id))
			continue;
		add_tip(r, id, at_ms, false);
		any = true;
	}
	return any;
}

static bool ends_with(struct slice text, const char *end)
{
	size_t len = strlen(end);

	return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static bool take_association(struct reading *r, const struct event *e, int64_t at_ms)
{
	struct slice type = text_of(e, ASSOCIATION);
	bool from = slice_starts(type, slice_of("CONTACT_TO_")) ||
		    slice_is(text_of(e, FROM_TYPE), CONTACT_TYPE);
	bool to = ends_with(type, "_TO_CONTACT") || slice_is(text_of(e, TO_TYPE), CONTACT_TYPE);

	if (!from && !to)
		return add_id(r, e, FROM_OBJECT, at_ms, false);
	from = from && add_id(r, e, FROM_OBJECT, at_ms, false);
	to = to && add_id(r, e, TO_OBJECT, at_ms, false);
	return from || to;
}

static const struct {
	const char *kind;
	bool (*take)(struct reading *r, const struct event *e, int64_t at_ms);
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
static bool about_contacts(struct slice object, const struct event *e, bool *known)
{
	static const char *const others[] = { "company", "deal",	 "ticket", "line_item",
					      "product", "conversation", "event" };

	*known = true;
	if (slice_is(object, "contact"))
		return true;
	if (slice_is(object, "object"))
		return slice_is(text_of(e, OBJECT_TYPE), CONTACT_TYPE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (slice_is(object, others[i]))
			return false;
	*known = false;
	return false;
}

/* When it happened; 0 where that is not said, or cannot be. */
static int64_t happened_ms(const struct reading *r, const struct event *e)
{
	int64_t at = number_of(e, AT);

	return at > 0 && at - HOOK_WINDOW_MS <= r->view->now_ms ? at : 0;
}

static enum hook_tally read_contact_event(struct reading *r, struct slice kind,
					  const struct event *e)
{
	struct slice property = text_of(e, PROPERTY);

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

static enum hook_tally read_event(struct reading *r, const struct event *e)
{
	struct slice kind = text_of(e, KIND), object;
	int64_t portal = number_of(e, PORTAL);
	bool known;

	if (!kind.len)
		kind = text_of(e, OLDER_KIND);
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

/* False: something that is read is said in a way that only json.h reads. */
static bool flat_event(const struct flat_object *o, struct event *e)
{
	*e = (struct event){ 0 };
	for (size_t i = 0; i < o->members; i++) {
		const struct flat_member *m = &o->member[i];
		size_t f = 0;
		while (f < FIELDS && !slice_eq(m->key, field_names[f]))
			f++;
		if (f == FIELDS || m->kind == FLAT_WORD)
			continue;
		if (m->kind == FLAT_ESCAPED)
			return false;
		e->text[f] = m->text;
		e->is_text[f] = m->kind == FLAT_TEXT;
	}
	return true;
}

/*
 * Events as HubSpot sends them, one after the other, with nothing built: twenty times as fast as
 * the tree. False: it is not so plain, and what was counted does not count.
 */
static bool read_flat(struct reading *r, struct slice body, uint64_t count[HOOK_TALLIES])
{
	struct flat_object object;
	struct event event;
	struct flat f;
	enum flat_step step = FLAT_REFUSED;

	flat_begin(&f, body);
	while (f.read <= LIMIT_HOOK_EVENTS && (step = flat_next(&f, &object)) == FLAT_OBJECT)
		if (flat_event(&object, &event))
			count[read_event(r, &event)]++;
		else
			return false;
	return step == FLAT_END && f.read <= LIMIT_HOOK_EVENTS;
}

static void tree_event(struct reading *r, const struct json *json, struct event *e)
{
	*e = (struct event){ .merged = json_get(json, "mergedObjectIds") };
	for (size_t f = 0; f < FIELDS; f++) {
		const struct json *v = json_get(json, field_names[f].ptr);
		e->is_text[f] = json_kind(v) == IS_TEXT;
		e->text[f] = json_slice(v);
		if (json_kind(v) == IS_NUMBER)
			e->text[f] = slice_of(
				arena_printf(r->memory, "%lld", (long long)json_int(v, -1)));
	}
}

static void read_tree(struct reading *r, struct slice body, uint64_t count[HOOK_TALLIES])
{
	struct err ignored;
	struct event event;
	struct json *json = json_parse(body, &ignored);
	bool one = json_kind(json) == IS_OBJECT;
	size_t n = one ? 1 : json_count(json);

	if (!one && json_kind(json) != IS_ARRAY) {
		answer(r->out, 400, "no-json", "the body is no JSON array of events");
	} else if (n > LIMIT_HOOK_EVENTS) {
		answer(r->out, 413, "too-many-events", "too many events in one request");
	} else {
		for (size_t i = 0; i < n; i++) {
			tree_event(r, one ? json : json_at(json, i), &event);
			count[read_event(r, &event)]++;
		}
		answer(r->out, 204, NULL, NULL);
	}
	json_free(json);
}

static bool is_alone(const uint64_t count[HOOK_TALLIES], enum hook_tally one)
{
	for (size_t i = 0; i < HOOK_TALLIES; i++)
		if (i != one && count[i])
			return false;
	return true;
}

void hook_read(struct slice body, const struct hook_view *view, struct arena *memory,
	       struct heard *out)
{
	struct reading r = { .view = view, .memory = memory, .out = out };
	uint64_t count[HOOK_TALLIES] = { 0 };

	if (read_flat(&r, body, count)) {
		answer(out, 204, NULL, NULL);
	} else {
		memset(count, 0, sizeof(count));
		out->tips = 0;
		read_tree(&r, body, count);
	}
	/* Where not one of them can be an event, the sender is wrong; one good one beside others is taken. */
	if (out->status == 204 && count[HOOK_SHAPELESS] && is_alone(count, HOOK_SHAPELESS))
		answer(out, 400, "no-events",
		       "nothing in it is an event: it has no type or no object");
	set_tallies(out, count);
	keep_tips(&r);
}

/* ---- any JSON ------------------------------------------------------------- */

static const char *const id_keys[] = { "vid", "objectId", "hs_object_id", "contactId",
				       "contact_id" };

/* As `"vid": 101`, or with a value inside, as older forms of a contact have it. */
static bool add_direct(struct reading *r, const struct json *object)
{
	for (size_t i = 0; i < sizeof(id_keys) / sizeof(id_keys[0]); i++)
		if (add_id_of(r, object, id_keys[i]) ||
		    add_id_of(r, json_get(object, id_keys[i]), "value"))
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

/*
 * portal - HubSpot's contacts and their history.
 *
 * Not the API: hubspot.c shows this state, sandbox.h's words and hubspot.c
 * change it.
 *
 * 1. A field's entries are in order of time; the last one is its value.
 * 2. A value once written is never lost: the cap of 45 entries is the API's.
 * 3. Whatever changes a contact adds to `modified`, so that what the search
 *    index knew at any earlier time can be told.
 * 4. The id of a merged record leads to the record that it went into, for ever.
 */
#include "engine/sandbox/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define FIRST_CONTACT 101
#define FIRST_LIST 1

/* ---- properties --------------------------------------------------------- */

static const struct {
	const char *name, *label, *type, *field_type;
	enum property_kind kind;
} built_in[] = {
	{ "email", "Email", "string", "text", PROPERTY_STORED },
	{ "firstname", "First Name", "string", "text", PROPERTY_STORED },
	{ "lastname", "Last Name", "string", "text", PROPERTY_STORED },
	{ "company", "Company Name", "string", "text", PROPERTY_STORED },
	{ "country", "Country/Region", "string", "text", PROPERTY_STORED },
	{ "jobtitle", "Job Title", "string", "text", PROPERTY_STORED },
	{ "phone", "Phone Number", "string", "phonenumber", PROPERTY_STORED },
	{ "createdate", "Create Date", "datetime", "date", PROPERTY_STORED },
	{ "lastmodifieddate", "Last Modified Date", "datetime", "date", PROPERTY_MODIFIED },
	{ "hs_object_id", "Record ID", "number", "number", PROPERTY_OBJECT_ID },
	{ "hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox",
	  PROPERTY_MERGED_IDS },
	{ "hs_calculated_merged_vids", "Merged vids with timestamps of a contact", "string", "text",
	  PROPERTY_MERGED_VIDS },
	{ "hs_additional_emails", "Additional email addresses", "enumeration", "checkbox",
	  PROPERTY_STORED },
};

struct property *portal_property(const struct sandbox *sb, struct slice name)
{
	return map_get(&sb->portal.property, name);
}

static struct property *add_property(struct sandbox *sb, struct slice name)
{
	struct property *p = portal_property(sb, name);

	if (!p) {
		p = arena_alloc(&sb->memory, sizeof(*p));
		p->name = p->label = arena_text(&sb->memory, name);
		p->type = "string";
		p->field_type = "text";
		map_put(&sb->portal.property, name, p);
	}
	return p;
}

void portal_init(struct sandbox *sb)
{
	map_init(&sb->portal.property);
	map_init(&sb->portal.contact);
	map_init(&sb->portal.email);
	sb->portal.next_contact = FIRST_CONTACT;
	sb->portal.next_list = FIRST_LIST;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
		struct property *p = add_property(sb, slice_of(built_in[i].name));
		p->label = built_in[i].label;
		p->type = built_in[i].type;
		p->field_type = built_in[i].field_type;
		p->kind = built_in[i].kind;
		p->built_in = true;
	}
}

static void add_choices(struct sandbox *sb, struct property *p, const char *const *options,
			size_t n)
{
	p->choice = arena_alloc(&sb->memory, n * sizeof(*p->choice));
	p->choices = n;
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(options[i], "=");
		const char *label = options[i][len] ? options[i] + len + 1 : options[i];
		p->choice[i].value = arena_text(&sb->memory, (struct slice){ options[i], len });
		p->choice[i].label = arena_text(&sb->memory, slice_of(label));
	}
}

/* What a property can be, by the word for it: facts/hubspot.md 3. */
static const struct {
	const char *word, *type, *field_type;
} types[] = {
	{ "string", "string", "text" },
	{ "number", "number", "number" },
	{ "date", "date", "date" },
	{ "datetime", "datetime", "date" },
	{ "enumeration", "enumeration", "select" },
	{ "checkbox", "enumeration", "checkbox" },
	{ "bool", "bool", "booleancheckbox" },
	{ "phone_number", "phone_number", "phonenumber" },
};

const char *portal_type_word(const struct property *p)
{
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		if (strcmp(types[t].type, p->type) == 0 &&
		    strcmp(types[t].field_type, p->field_type) == 0)
			return types[t].word;
	return p->type;
}

enum rc sandbox_property_delete(struct sandbox *sb, const char *name, struct err *err)
{
	struct property *p = portal_property(sb, slice_of(name));

	if (!p || p->built_in || p->archived)
		return err_set(err, RC_INVALID, "there is no property '%s' of one's own", name);
	p->archived = true;
	return RC_OK;
}

enum rc sandbox_property(struct sandbox *sb, const char *name, const char *label, const char *type,
			 const char *const *options, size_t n_options, struct err *err)
{
	static const char *const yes_no[] = { "true=Yes", "false=No" };
	struct property *p = portal_property(sb, slice_of(name));
	size_t t = 0, n_types = sizeof(types) / sizeof(types[0]);

	while (t < n_types && strcmp(types[t].word, type ? type : "string") != 0)
		t++;
	if (!name || !name[0])
		return err_set(err, RC_INVALID, "a property needs a name");
	if (p && p->built_in && p->kind != PROPERTY_STORED)
		return err_set(err, RC_INVALID, "'%s' is HubSpot's own property", name);
	if (t == n_types)
		return err_set(err, RC_INVALID, "HubSpot has no property type '%s'", type);
	p = add_property(sb, slice_of(name));
	p->label = arena_text(&sb->memory, slice_of(label && label[0] ? label : name));
	p->type = types[t].type;
	p->field_type = types[t].field_type;
	p->archived = false;
	if (strcmp(p->type, "bool") == 0 && n_options == 0)
		add_choices(sb, p, yes_no, 2);
	else
		add_choices(sb, p, options, n_options);
	return RC_OK;
}

/* One option, or several separated by semicolons. */
static bool value_among(const struct property *p, struct slice value)
{
	const char *at = value.ptr, *end = value.ptr + value.len;

	for (;;) {
		const char *stop = memchr(at, ';', (size_t)(end - at));
		struct slice one = { at, (size_t)((stop ? stop : end) - at) };
		size_t i = 0;
		while (i < p->choices && !slice_is(one, p->choice[i].value))
			i++;
		if (i == p->choices)
			return false;
		if (!stop)
			return true;
		at = stop + 1;
	}
}

static bool value_fits(const struct property *p, struct slice value)
{
	char number[64], *end;
	int64_t ms;
	bool is_date;

	if (value.len == 0)
		return true;
	if (strcmp(p->type, "number") == 0) {
		if (value.len >= sizeof(number))
			return false;
		snprintf(number, sizeof(number), "%.*s", SLICE_FMT(value));
		strtod(number, &end);
		return !*end;
	}
	if (strcmp(p->type, "date") == 0 || strcmp(p->type, "datetime") == 0)
		return clock_parse_value(value, &ms, &is_date);
	return p->choices == 0 || value_among(p, value);
}

static enum rc check_value(struct sandbox *sb, const struct contact *c, struct slice name,
			   struct slice value, struct err *err)
{
	const struct property *p = portal_property(sb, name);

	if (name.len == 0)
		return err_set(err, RC_INVALID, "a property needs a name");
	if (p && p->kind != PROPERTY_STORED)
		return err_set(err, RC_INVALID, "property '%s' is read-only", p->name);
	if (p && !value_fits(p, value))
		return err_set(err, RC_INVALID, "'%.*s' is no value of property '%s' (%s)",
			       SLICE_FMT(value), p->name, p->type);
	if (value.len > LIMIT_VALUE_BYTES)
		return err_set(err, RC_INVALID, "the value of '%.*s' is too long", SLICE_FMT(name));
	if (slice_is(name, "email") && value.len) {
		const struct contact *other = portal_find_email(sb, value);
		if (other && other != c)
			return err_set(err, RC_INVALID, "Contact already exists. Existing ID: %lld",
				       (long long)other->id);
	}
	return RC_OK;
}

/* ---- records ------------------------------------------------------------ */

bool contact_lives(const struct contact *c)
{
	return !c->archived && !c->into && !c->purged;
}

static struct slice id_key(int64_t id, char out[24])
{
	snprintf(out, 24, "%lld", (long long)id);
	return slice_of(out);
}

struct contact *portal_contact(const struct sandbox *sb, int64_t id)
{
	char key[24];

	return map_get(&sb->portal.contact, id_key(id, key));
}

struct contact *portal_find(const struct sandbox *sb, int64_t id, bool archived)
{
	struct contact *c = portal_contact(sb, id);

	while (c && c->into)
		c = c->into;
	return c && !c->purged && c->archived == archived ? c : NULL;
}

static struct slice email_key(struct slice email, char *out, size_t size)
{
	size_t n = email.len < size ? email.len : size;

	for (size_t i = 0; i < n; i++) {
		char c = email.ptr[i];
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return (struct slice){ out, n };
}

struct contact *portal_find_email(const struct sandbox *sb, struct slice email)
{
	char lower[256];
	struct contact *c = map_get(&sb->portal.email, email_key(email, lower, sizeof(lower)));

	if (!c || !contact_lives(c))
		return NULL;
	/* It may have another address by now: the map only knows who had this one last. */
	const struct property *p = portal_property(sb, slice_of("email"));
	return slice_eq_nocase(contact_value(c, p, ANY_TIME, NULL), email) ? c : NULL;
}

void portal_note_email(struct sandbox *sb, struct contact *c)
{
	char lower[256];
	const struct property *p = portal_property(sb, slice_of("email"));
	struct slice email = contact_value(c, p, ANY_TIME, NULL);

	if (email.len)
		map_put(&sb->portal.email, email_key(email, lower, sizeof(lower)), c);
}

const struct field *contact_field(const struct contact *c, const struct property *p)
{
	for (size_t i = 0; i < c->fields; i++)
		if (c->field[i].property == p)
			return &c->field[i];
	return NULL;
}

struct field *contact_open_field(struct contact *c, const struct property *p)
{
	for (size_t i = 0; i < c->fields; i++)
		if (c->field[i].property == p)
			return &c->field[i];
	c->field = mem_grow(c->field, &c->field_cap, c->fields + 1, sizeof(*c->field));
	c->field[c->fields] = (struct field){ .property = p };
	return &c->field[c->fields++];
}

void field_add(struct field *f, struct entry e)
{
	f->entry = mem_grow(f->entry, &f->cap, f->count + 1, sizeof(*f->entry));
	f->entry[f->count++] = e;
}

int64_t contact_modified(const struct contact *c, int64_t at_ms)
{
	size_t i = c->modifieds;

	while (i > 1 && c->modified[i - 1] > at_ms)
		i--;
	return i ? c->modified[i - 1] : c->created_ms;
}

static struct slice merged_text(const struct contact *c, struct arena *memory)
{
	const char *text = "";

	for (size_t i = 0; i < c->merged_count; i++)
		text = arena_printf(memory, "%s%s%lld", text, i ? ";" : "",
				    (long long)c->merged[i]);
	return slice_of(text);
}

struct slice contact_value(const struct contact *c, const struct property *p, int64_t at_ms,
			   struct arena *memory)
{
	const struct field *f;
	size_t i;

	switch (p->kind) {
	case PROPERTY_MODIFIED:
		return slice_of(stamp_text(memory, contact_modified(c, at_ms)));
	case PROPERTY_OBJECT_ID:
		return slice_of(arena_printf(memory, "%lld", (long long)c->id));
	case PROPERTY_MERGED_IDS:
	case PROPERTY_MERGED_VIDS:
		return merged_text(c, memory);
	case PROPERTY_STORED:
		break;
	}
	f = contact_field(c, p);
	for (i = f ? f->count : 0; i > 0 && f->entry[i - 1].at_ms > at_ms; i--)
		;
	return i ? f->entry[i - 1].value : (struct slice){ 0 };
}

void contact_touch(struct contact *c, int64_t now_ms)
{
	if (c->modifieds && c->modified[c->modifieds - 1] >= now_ms)
		return;
	c->modified = mem_grow(c->modified, &c->modified_cap, c->modifieds + 1,
			       sizeof(*c->modified));
	c->modified[c->modifieds++] = now_ms;
}

void contact_add_merged(struct contact *c, int64_t id)
{
	c->merged = mem_grow(c->merged, &c->merged_cap, c->merged_count + 1, sizeof(*c->merged));
	c->merged[c->merged_count++] = id;
}

static void write_value(struct sandbox *sb, int64_t now_ms, struct contact *c, struct slice name,
			struct slice value, const char *source)
{
	const struct property *p = add_property(sb, name);
	struct slice before = contact_value(c, p, ANY_TIME, NULL);

	contact_touch(c, now_ms);
	if (slice_eq(before, value) && (!sb->options.same_value_writes || value.len == 0))
		return;
	if (p->kind == PROPERTY_STORED)
		hooks_note_change(sb, now_ms, c->id, p->name, value);
	field_add(contact_open_field(c, p),
		  (struct entry){ now_ms, arena_slice(&sb->memory, value), source, false });
	if (slice_is(name, "email"))
		portal_note_email(sb, c);
}

enum rc contact_write(struct sandbox *sb, int64_t now_ms, struct contact *c, struct slice name,
		      struct slice value, const char *source, struct err *err)
{
	enum rc rc = check_value(sb, c, name, value, err);

	if (rc == RC_OK)
		write_value(sb, now_ms, c, name, value, source);
	return rc;
}

struct contact *contact_add(struct sandbox *sb, int64_t id, int64_t created_ms)
{
	struct contact *c = arena_alloc(&sb->memory, sizeof(*c));
	char key[24];

	c->id = id;
	c->created_ms = created_ms;
	map_put(&sb->portal.contact, id_key(id, key), c);
	if (id >= sb->portal.next_contact)
		sb->portal.next_contact = id + 1;
	return c;
}

/* A property's value as it comes in JSON: text, or a number or a truth written out. */
struct slice property_text(const struct json *v, struct arena *memory)
{
	struct str text;
	struct slice out;

	if (json_kind(v) == IS_TEXT || json_kind(v) == IS_NULL)
		return json_slice(v);
	str_init(&text, LIMIT_VALUE_BYTES);
	json_dump(v, &text);
	out = arena_slice(memory, str_slice(&text));
	str_release(&text);
	return out;
}

enum rc contact_create(struct sandbox *sb, int64_t now_ms, int64_t id,
		       const struct json *properties, const char *source, struct contact **out,
		       struct err *err)
{
	struct arena memory;
	struct slice name;
	const struct json *value;
	enum rc rc = RC_OK;

	if (id < 0 || (id && portal_contact(sb, id)))
		return err_set(err, RC_INVALID, "there is a contact %lld already", (long long)id);
	arena_init(&memory);
	for (struct json_each e = json_each(properties);
	     rc == RC_OK && json_next(&e, &name, &value);)
		rc = check_value(sb, NULL, name, property_text(value, &memory), err);
	if (rc == RC_OK) {
		struct contact *c = contact_add(sb, id ? id : sb->portal.next_contact, now_ms);
		hooks_note(sb, now_ms, "contact.creation", c->id);
		write_value(sb, now_ms, c, slice_of("createdate"),
			    slice_of(stamp_text(&memory, now_ms)), source);
		for (struct json_each e = json_each(properties); json_next(&e, &name, &value);)
			write_value(sb, now_ms, c, name, property_text(value, &memory), source);
		*out = c;
	}
	arena_release(&memory);
	return rc;
}

void contact_purge(struct sandbox *sb, int64_t now_ms, struct contact *c)
{
	hooks_note(sb, now_ms, "contact.privacyDeletion", c->id);
	c->purged = true;
	c->archived_ms = now_ms;
	for (size_t i = 0; i < c->fields; i++)
		mem_free(c->field[i].entry);
	c->fields = 0;
}

void portal_release(struct sandbox *sb)
{
	for (size_t i = 0; i < sb->portal.contact.count; i++) {
		struct contact *c = sb->portal.contact.entry[i].value;
		for (size_t k = 0; k < c->fields; k++)
			mem_free(c->field[k].entry);
		mem_free(c->field);
		mem_free(c->modified);
		mem_free(c->merged);
	}
	lists_release(sb);
	map_release(&sb->portal.property);
	map_release(&sb->portal.contact);
	map_release(&sb->portal.email);
}

/* ---- what people do ----------------------------------------------------- */

/* The living record that this very id names. */
static enum rc living(struct sandbox *sb, int64_t id, struct contact **out, struct err *err)
{
	struct contact *c = portal_contact(sb, id);

	if (!c || !contact_lives(c))
		return err_set(err, RC_INVALID, "there is no contact %lld", (long long)id);
	*out = c;
	return RC_OK;
}

enum rc sandbox_create(struct sandbox *sb, int64_t now_ms, int64_t id,
		       const struct json *properties, int64_t *out_id, struct err *err)
{
	struct contact *c;
	enum rc rc = contact_create(sb, now_ms, id, properties, "CRM_UI", &c, err);

	if (rc == RC_OK && out_id)
		*out_id = c->id;
	return rc;
}

enum rc sandbox_set(struct sandbox *sb, int64_t now_ms, int64_t id, const char *property,
		    struct slice value, struct err *err)
{
	struct contact *c = NULL;
	enum rc rc = living(sb, id, &c, err);

	return rc != RC_OK ? rc
			   : contact_write(sb, now_ms, c, slice_of(property), value, "CRM_UI", err);
}

enum rc sandbox_delete(struct sandbox *sb, int64_t now_ms, int64_t id, struct err *err)
{
	struct contact *c = NULL;
	enum rc rc = living(sb, id, &c, err);

	if (rc != RC_OK)
		return rc;
	c->archived = true;
	c->archived_ms = now_ms;
	contact_touch(c, now_ms);
	hooks_note(sb, now_ms, "contact.deletion", id);
	return RC_OK;
}

enum rc sandbox_restore(struct sandbox *sb, int64_t now_ms, int64_t id, struct err *err)
{
	struct contact *c = portal_contact(sb, id);

	if (!c || !c->archived || c->purged)
		return err_set(err, RC_INVALID, "there is no deleted contact %lld", (long long)id);
	const struct property *p = portal_property(sb, slice_of("email"));
	struct slice email = contact_value(c, p, ANY_TIME, NULL);
	if (email.len && portal_find_email(sb, email))
		return err_set(err, RC_INVALID, "the address of contact %lld is in use",
			       (long long)id);
	c->archived = false;
	contact_touch(c, now_ms);
	portal_note_email(sb, c);
	hooks_note(sb, now_ms, "contact.restore", id);
	return RC_OK;
}

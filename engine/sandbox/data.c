/*
 * data - the sandbox as one JSON object: read at a start, written at an end.
 *
 *     {"clock": "2026-11-23T10:00:00Z",
 *      "properties": [{"name": "tier", "label": "Tier", "type": "enumeration",
 *                      "options": ["gold=Gold member"]}],
 *      "contacts": [{"id": 101, "properties": {"email": "ana@example.org"},
 *                    "created": TIME, "modified": TIME, "deleted": TIME, "merged": [7],
 *                    "history": {"tier": [{"value": "gold", "at": TIME, "source": "API"}]}}],
 *      "lists": [{"id": 42, "name": "Graduates", "kind": "MANUAL", "created": TIME,
 *                 "members": [101, {"contact": 102, "at": TIME}]}],
 *      "groups": [{"id": "01…", "name": "Tier"}],
 *      "attributes": ["custom.tier"],
 *      "credentials": [{"id", "public-id", "group", "name", "email", "issue-date",
 *                       "expiry-date", "custom": {}, "created": TIME, "issued": true}],
 *      "mails": [{"at": TIME, "credential": ID, "email": "ana@example.org"}],
 *      "consents": [{"client": "my-app", "scopes": "oauth …", "refresh": TOKEN, "hub": 1,
 *                    "revoked": false}]}
 *
 * All of it may be left out. `properties` of a contact are its values from its
 * creation on; a `history`, oldest first, says more. Options that are set and
 * faults that are planned are not part of it.
 */
#include "engine/sandbox/inside.h"

#include <string.h>

#include "base/clock.h"

struct reader {
	struct sandbox *sb;
	int64_t now_ms, created_ms; /* created_ms: where none is given */
	struct err *err;
};

static const char *text_of(struct reader *r, const struct json *object, const char *key)
{
	struct slice text = json_get_slice(object, key);

	return text.len ? arena_text(&r->sb->memory, text) : NULL;
}

static int64_t time_of(const struct json *object, const char *key, int64_t otherwise)
{
	struct slice text = json_get_slice(object, key);
	int64_t ms;

	return text.len && clock_parse_datetime(text, &ms) ? ms : otherwise;
}

/* ---- reading ------------------------------------------------------------ */

static enum rc load_property(struct reader *r, const struct json *v)
{
	const struct json *options = json_get(v, "options");
	const char *name = text_of(r, v, "name");
	size_t n = json_count(options);
	const char **text = mem_alloc((n + 1) * sizeof(*text));

	for (size_t i = 0; i < n; i++)
		text[i] = arena_text(&r->sb->memory, json_slice(json_at(options, i)));
	enum rc rc = sandbox_property(r->sb, name ? name : "", text_of(r, v, "label"),
				      text_of(r, v, "type"), text, n, r->err);
	mem_free(text);
	return rc;
}

/* The source's word lives as long as the sandbox. */
static void load_history(struct reader *r, struct contact *c, const char *name,
			 const struct json *all)
{
	struct err ignored;

	if (!portal_property(r->sb, slice_of(name)) &&
	    sandbox_property(r->sb, name, NULL, NULL, NULL, 0, &ignored) != RC_OK)
		return;
	struct field *f = contact_open_field(c, portal_property(r->sb, slice_of(name)));
	f->count = 0;
	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *e = json_at(all, i);
		const char *source = text_of(r, e, "source");
		field_add(f,
			  (struct entry){ time_of(e, "at", c->created_ms),
					  arena_slice(&r->sb->memory, json_get_slice(e, "value")),
					  source ? source : "CRM_UI",
					  json_bool(json_get(e, "hidden"), false) });
	}
}

static enum rc load_merged(struct reader *r, struct contact *c, const struct json *ids)
{
	for (size_t i = 0; i < json_count(ids); i++) {
		int64_t id = json_int(json_at(ids, i), 0);
		if (id <= 0 || portal_contact(r->sb, id))
			return err_set(r->err, RC_INVALID, "there is a contact %lld already",
				       (long long)id);
		contact_add(r->sb, id, c->created_ms)->into = c;
		contact_add_merged(c, id);
	}
	return RC_OK;
}

static enum rc load_contact(struct reader *r, const struct json *v)
{
	int64_t created_ms = time_of(v, "created", r->created_ms);
	const struct json *all;
	struct slice name;
	struct contact *c;
	enum rc rc = contact_create(r->sb, created_ms, json_int(json_get(v, "id"), 0),
				    json_get(v, "properties"), "IMPORT", &c, r->err);

	if (rc != RC_OK)
		return rc;
	for (struct json_each e = json_each(json_get(v, "history")); json_next(&e, &name, &all);)
		load_history(r, c, arena_text(&r->sb->memory, name), all);
	contact_touch(c, time_of(v, "modified", created_ms));
	c->archived_ms = time_of(v, "deleted", 0);
	c->archived = c->archived_ms != 0;
	portal_note_email(r->sb, c);
	return load_merged(r, c, json_get(v, "merged"));
}

static enum rc load_member(struct reader *r, struct list *l, const struct json *v)
{
	bool plain = json_kind(v) != IS_OBJECT;
	int64_t id = json_int(plain ? v : json_get(v, "contact"), 0);
	struct contact *c = portal_contact(r->sb, id);
	int64_t at_ms = plain ? l->created_ms : time_of(v, "at", l->created_ms);

	if (!c || c->into)
		return err_set(r->err, RC_INVALID, "there is no contact %lld", (long long)id);
	list_add_member(l, c, at_ms, at_ms);
	return RC_OK;
}

static enum rc load_list(struct reader *r, const struct json *v)
{
	const struct json *members = json_get(v, "members");
	const char *name = text_of(r, v, "name");
	int64_t id;
	enum rc rc = sandbox_list(r->sb, time_of(v, "created", r->created_ms),
				  json_int(json_get(v, "id"), 0), name, text_of(r, v, "kind"), &id,
				  r->err);

	for (size_t i = 0; rc == RC_OK && i < json_count(members); i++) {
		rc = load_member(r, portal_list(r->sb, id), json_at(members, i));
		if (rc != RC_OK)
			err_prefix(r->err, "members[%zu]", i);
	}
	return rc;
}

static enum rc load_group(struct reader *r, const struct json *v)
{
	const char *id = text_of(r, v, "id"), *name = text_of(r, v, "name");

	if (!id)
		return err_set(r->err, RC_INVALID, "a group needs an id");
	sandbox_group(r->sb, id, name ? name : id);
	return RC_OK;
}

static enum rc load_attribute(struct reader *r, const struct json *v)
{
	if (!slice_starts(json_slice(v), slice_of("custom.")))
		return err_set(r->err, RC_INVALID,
			       "an attribute is a text that begins with 'custom.'");
	sandbox_attribute(r->sb, arena_text(&r->sb->memory, json_slice(v)));
	return RC_OK;
}

static enum rc load_credential(struct reader *r, const struct json *v)
{
	const struct json *custom = json_get(v, "custom");
	const char *id = text_of(r, v, "id"), *group = text_of(r, v, "group");
	const char *name = text_of(r, v, "name"), *date = text_of(r, v, "issue-date");

	if (!id || !group || !name || !date || desk_credential(r->sb, slice_of(id)))
		return err_set(r->err, RC_INVALID,
			       "a credential needs an id of its own, a group, a name "
			       "and an issue-date");
	struct credential *c = desk_add_credential(r->sb, id);
	c->public_id = text_of(r, v, "public-id");
	if (!c->public_id)
		c->public_id = certifier_public_id(r->sb);
	c->group = group;
	c->name = name;
	c->email = text_of(r, v, "email");
	c->recipient_id = certifier_id(r->sb, r->now_ms);
	c->issue_date = date;
	c->expiry_date = text_of(r, v, "expiry-date");
	c->custom = json_kind(custom) == IS_OBJECT ? json_clone(custom) : json_new_object();
	c->created_ms = c->updated_ms = time_of(v, "created", r->now_ms);
	c->issued = json_bool(json_get(v, "issued"), false);
	return RC_OK;
}

static enum rc load_mail(struct reader *r, const struct json *v)
{
	struct credential *c = desk_credential(r->sb, json_get_slice(v, "credential"));

	if (!c)
		return err_set(r->err, RC_INVALID, "a mail needs its credential");
	const char *email = text_of(r, v, "email");
	desk_add_mail(r->sb, time_of(v, "at", r->now_ms), c->id, email ? email : "");
	c->mails++;
	return RC_OK;
}

static enum rc load_consent(struct reader *r, const struct json *v)
{
	consent_load(r->sb, v);
	return RC_OK;
}

/* In this order: what comes later refers to what came before. */
static const struct {
	const char *key;
	enum rc (*load)(struct reader *r, const struct json *v);
} parts[] = {
	{ "properties", load_property },  { "contacts", load_contact },
	{ "lists", load_list },		  { "groups", load_group },
	{ "attributes", load_attribute }, { "credentials", load_credential },
	{ "mails", load_mail },		  { "consents", load_consent },
};

enum rc sandbox_load(struct sandbox *sb, int64_t now_ms, const struct json *data, struct err *err)
{
	struct reader r = { sb, now_ms, now_ms - MS_DAY, err };

	if (json_kind(data) != IS_OBJECT)
		return err_set(err, RC_INVALID, "not a JSON object");
	sb->now_ms = now_ms;
	for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
		const struct json *all = json_get(data, parts[p].key);
		for (size_t i = 0; i < json_count(all); i++) {
			enum rc rc = parts[p].load(&r, json_at(all, i));
			if (rc != RC_OK) {
				err_prefix(err, "%s[%zu]", parts[p].key, i);
				return rc;
			}
		}
	}
	return RC_OK;
}

/* ---- writing ------------------------------------------------------------ */

static void set_time(struct json *to, const char *key, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	json_set_text(to, key, clock_format(at_ms, text));
}

static struct json *save_property(const struct property *p)
{
	struct json *out = json_new_object(), *options = json_new_array();
	struct str text;

	json_set_text(out, "name", p->name);
	json_set_text(out, "label", p->label);
	json_set_text(out, "type", portal_type_word(p));
	for (size_t i = 0; i < p->choices; i++) {
		str_init(&text, 8192);
		str_addf(&text, "%s=%s", p->choice[i].value, p->choice[i].label);
		json_add_text(options, str_slice(&text));
		str_release(&text);
	}
	json_set(out, "options", options);
	return out;
}

static struct json *save_history(const struct field *f)
{
	struct json *out = json_new_array();

	for (size_t i = 0; i < f->count; i++) {
		struct json *e = json_new_object();
		json_set_slice(e, slice_of("value"), f->entry[i].value);
		set_time(e, "at", f->entry[i].at_ms);
		json_set_text(e, "source", f->entry[i].source);
		if (f->entry[i].hidden)
			json_set_bool(e, "hidden", true);
		json_add(out, e);
	}
	return out;
}

static struct json *save_contact(const struct contact *c)
{
	struct json *out = json_new_object(), *history = json_new_object(),
		    *merged = json_new_array();

	json_set_integer(out, "id", c->id);
	set_time(out, "created", c->created_ms);
	set_time(out, "modified", contact_modified(c, ANY_TIME));
	if (c->archived)
		set_time(out, "deleted", c->archived_ms);
	for (size_t i = 0; i < c->fields; i++)
		json_set(history, c->field[i].property->name, save_history(&c->field[i]));
	json_set(out, "history", history);
	for (size_t i = 0; i < c->merged_count; i++) {
		struct str id;
		str_init(&id, 24);
		str_addf(&id, "%lld", (long long)c->merged[i]);
		json_add_text(merged, str_slice(&id));
		str_release(&id);
	}
	json_set(out, "merged", merged);
	return out;
}

static struct json *save_list(const struct list *l)
{
	struct json *out = json_new_object(), *members = json_new_array();

	json_set_integer(out, "id", l->id);
	json_set_text(out, "name", l->name);
	json_set_text(out, "kind", l->kind);
	set_time(out, "created", l->created_ms);
	for (size_t i = 0; i < l->members; i++) {
		const struct member *m = &l->member[i];
		if (m->left_ms || m->who->into || m->who->purged)
			continue;
		struct json *one = json_new_object();
		json_set_integer(one, "contact", m->who->id);
		set_time(one, "at", m->at_ms);
		json_add(members, one);
	}
	json_set(out, "members", members);
	return out;
}

static struct json *save_credential(const struct credential *c)
{
	struct json *out = json_new_object();

	json_set_text(out, "id", c->id);
	json_set_text(out, "public-id", c->public_id);
	json_set_text(out, "group", c->group);
	json_set_text(out, "name", c->name);
	json_set_text(out, "email", c->email);
	json_set_text(out, "issue-date", c->issue_date);
	json_set_text(out, "expiry-date", c->expiry_date);
	json_set(out, "custom", json_clone(c->custom));
	set_time(out, "created", c->created_ms);
	json_set_bool(out, "issued", c->issued);
	json_set_integer(out, "mails", c->mails);
	return out;
}

static void save_portal(const struct portal *p, struct json *out)
{
	struct json *properties = json_new_array(), *contacts = json_new_array();
	struct json *lists = json_new_array();

	for (size_t i = 0; i < p->property.count; i++) {
		const struct property *one = p->property.entry[i].value;
		if (one->kind == PROPERTY_STORED && !one->archived)
			json_add(properties, save_property(one));
	}
	for (size_t i = 0; i < p->contact.count; i++) {
		const struct contact *c = p->contact.entry[i].value;
		if (!c->into && !c->purged)
			json_add(contacts, save_contact(c));
	}
	for (size_t i = 0; i < p->lists; i++)
		if (!p->list[i]->deleted)
			json_add(lists, save_list(p->list[i]));
	json_set(out, "properties", properties);
	json_set(out, "contacts", contacts);
	json_set(out, "lists", lists);
}

static void save_desk(const struct desk *d, struct json *out)
{
	struct json *groups = json_new_array(), *attributes = json_new_array();
	struct json *credentials = json_new_array(), *mails = json_new_array();

	for (size_t i = 0; i < d->groups; i++) {
		struct json *one = json_new_object();
		json_set_text(one, "id", d->group[i]->id);
		json_set_text(one, "name", d->group[i]->name);
		json_add(groups, one);
	}
	for (size_t i = 0; i < d->attributes; i++)
		json_add_text(attributes, slice_of(d->attribute[i]));
	for (size_t i = 0; i < d->credentials; i++)
		json_add(credentials, save_credential(d->credential[i]));
	for (size_t i = 0; i < d->mails; i++) {
		struct json *one = json_new_object();
		set_time(one, "at", d->mail[i].at_ms);
		json_set_text(one, "credential", d->mail[i].credential);
		json_set_text(one, "email", d->mail[i].email);
		json_add(mails, one);
	}
	json_set(out, "groups", groups);
	json_set(out, "attributes", attributes);
	json_set(out, "credentials", credentials);
	json_set(out, "mails", mails);
}

struct json *sandbox_save(const struct sandbox *sb, int64_t now_ms)
{
	struct json *out = json_new_object();

	set_time(out, "clock", now_ms);
	save_portal(&sb->portal, out);
	save_desk(&sb->desk, out);
	json_set(out, "consents", consents_save(sb));
	return out;
}

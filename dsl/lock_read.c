/*
 * lock_read - the file hs2cert.lock into a struct lock: see lock.h.
 *
 * People merge this file with git and edit it by hand, whatever its head says:
 * it is read with the nodes, key tables and faults of rule files, so what is
 * wrong with it has a place.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "dsl/account.h"
#include "dsl/keys.h"
#include "dsl/lock.h"
#include "dsl/value.h"

struct reader {
	struct faults *f;
	struct lock *lock;
};

/* A text that may be empty in quotes; NULL where it was refused, or the map was. */
static const char *text_of(struct reader *r, const struct node *n, const char *what)
{
	return n && value_text(r->f, n, what) ? arena_text(&r->lock->memory, n->text) : NULL;
}

static const char *word_of(struct reader *r, const struct node *n, const char *what)
{
	return n && value_line(r->f, n, what) ? lock_word(r->lock, n->text) : "";
}

/* ---- members of the sections ---------------------------------------------- */

struct entry_draft {
	const struct node *label, *name, *type, *field, *kind, *options;
	bool open, hidden;
};

#define AT(member) offsetof(struct entry_draft, member)
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct key property_rows[] = {
	{ .name = "label", .kind = KEY_NODE, .required = true, .at = AT(label) },
	{ .name = "type", .kind = KEY_NODE, .required = true, .at = AT(type) },
	{ .name = "field", .kind = KEY_NODE, .required = true, .at = AT(field) },
	{ .name = "open", .kind = KEY_BOOL, .at = AT(open), .otherwise = "false" },
	{ .name = "options", .kind = KEY_MAP, .at = AT(options) },
};

static const struct key option_rows[] = {
	{ .name = "label", .kind = KEY_NODE, .required = true, .at = AT(label) },
	{ .name = "hidden", .kind = KEY_BOOL, .at = AT(hidden), .otherwise = "false" },
};

static const struct key list_rows[] = {
	{ .name = "name", .kind = KEY_NODE, .required = true, .at = AT(name) },
	{ .name = "kind", .kind = KEY_NODE, .required = true, .at = AT(kind) },
};

static const struct keys property_keys = { "property", property_rows, COUNT(property_rows) };
static const struct keys option_keys = { "option", option_rows, COUNT(option_rows) };
static const struct keys list_keys = { "list", list_rows, COUNT(list_rows) };

static bool read_members(struct reader *r, const struct keys *keys, const struct node *n,
			 struct entry_draft *out)
{
	*out = (struct entry_draft){ 0 };
	if (n->kind == NODE_MAP)
		return keys_read(r->f, keys, n, n->key, out, NULL);
	if (!n->broken)
		fault(r->f, CODE_BAD_LOCK, n, "a %s has keys below it", keys->what);
	return false;
}

static struct lock_entry *add_entry(struct reader *r, struct lock_account *a, enum lock_kind kind,
				    const struct node *n, const char *name)
{
	struct lock_entry *e = lock_add(r->lock, a, kind, n->key->text, slice_of(name));

	if (!e)
		fault(r->f, CODE_BAD_LOCK, n->key, "'%s' cannot hold this", lock_kind_names[kind]);
	return e;
}

static void read_option(struct reader *r, struct lock_entry *e, const struct node *n)
{
	struct entry_draft d = { .label = n };
	size_t before = e->n_option;

	if (n->kind == NODE_MAP && !read_members(r, &option_keys, n, &d))
		return;
	const char *label = text_of(r, d.label, "label");
	if (label)
		lock_add_option(r->lock, e, n->key->text, slice_of(label), d.hidden);
	if (label && e->n_option == before)
		fault(r->f, CODE_BAD_LOCK, n->key, "'options' cannot hold this");
}

static void read_property(struct reader *r, struct lock_account *a, const struct node *n)
{
	struct entry_draft d;

	if (!read_members(r, &property_keys, n, &d))
		return;
	const char *label = text_of(r, d.label, "label");
	struct lock_entry *e = label ? add_entry(r, a, LOCK_PROPERTIES, n, label) : NULL;
	if (!e)
		return;
	e->type = word_of(r, d.type, "type");
	e->field = word_of(r, d.field, "field");
	e->open = d.open;
	for (const struct node *o = d.options ? d.options->first : NULL; o; o = o->next)
		read_option(r, e, o);
}

static void read_list(struct reader *r, struct lock_account *a, const struct node *n)
{
	struct entry_draft d;

	if (!read_members(r, &list_keys, n, &d))
		return;
	const char *name = text_of(r, d.name, "name");
	struct lock_entry *e = name ? add_entry(r, a, LOCK_LISTS, n, name) : NULL;
	if (e)
		e->type = word_of(r, d.kind, "kind");
}

static void read_entry(struct reader *r, struct lock_account *a, enum lock_kind kind,
		       const struct node *n)
{
	if (kind == LOCK_PROPERTIES) {
		read_property(r, a, n);
	} else if (kind == LOCK_LISTS) {
		read_list(r, a, n);
	} else {
		const char *name = text_of(r, n, lock_kind_names[kind]);
		if (name)
			(void)add_entry(r, a, kind, n, name);
	}
}

/* ---- accounts --------------------------------------------------------------- */

struct account_rows {
	const struct node *name, *more, *section[LOCK_KINDS];
	int type;
};

#define IN(member) offsetof(struct account_rows, member)

static const char *const types[] = { "hubspot", "certifier", NULL };

static const struct key account_rows[] = {
	{ .name = "account", .kind = KEY_NAME, .required = true, .at = IN(name) },
	{ .name = "type", .kind = KEY_WORD, .required = true, .at = IN(type), .words = types },
	{ .name = "more", .kind = KEY_TEXTS, .at = IN(more) },
	{ .name = "properties", .kind = KEY_MAP, .at = IN(section[LOCK_PROPERTIES]) },
	{ .name = "lists", .kind = KEY_MAP, .at = IN(section[LOCK_LISTS]) },
	{ .name = "groups", .kind = KEY_MAP, .at = IN(section[LOCK_GROUPS]) },
	{ .name = "attributes", .kind = KEY_MAP, .at = IN(section[LOCK_ATTRIBUTES]) },
};

static const struct keys account_keys = { "account", account_rows, COUNT(account_rows) };

static void read_more(struct reader *r, struct lock_account *a, const struct node *n)
{
	size_t k = 0;

	while (k < LOCK_KINDS && !node_is_text(n, lock_kind_names[k]))
		k++;
	if (k < LOCK_KINDS && lock_has_kind(a->type, (enum lock_kind)k))
		a->section[k].more = true;
	else
		fault(r->f, CODE_BAD_LOCK, n, "this account has no %s", fault_shown(r->f, n->text));
}

static void read_sections(struct reader *r, struct lock_account *a, const struct account_rows *rows)
{
	for (size_t k = 0; k < LOCK_KINDS; k++) {
		const struct node *section = rows->section[k];
		if (section && !lock_has_kind(a->type, (enum lock_kind)k))
			fault(r->f, CODE_BAD_LOCK, section->key,
			      "an account of type '%s' has no '%s'", a->type, lock_kind_names[k]);
		else if (section)
			for (const struct node *n = section->first; n; n = n->next)
				read_entry(r, a, (enum lock_kind)k, n);
	}
	if (!rows->more)
		return;
	if (rows->more->kind == NODE_TEXT)
		read_more(r, a, rows->more);
	for (const struct node *n = rows->more->first; n; n = n->next)
		read_more(r, a, n);
}

static void read_account(struct reader *r, const struct node *doc)
{
	struct account_rows rows = { 0 };

	if (doc->kind != NODE_MAP || !doc->first || !node_get(doc, "account")) {
		if (!doc->broken)
			fault(r->f, CODE_BAD_LOCK, doc, "here stands no account");
		return;
	}
	if (!keys_read(r->f, &account_keys, doc, doc->first->key, &rows, NULL))
		return;
	const char *name = arena_text(&r->lock->memory, rows.name->text);
	for (size_t i = 0; i < r->lock->n_account; i++) {
		if (strcmp(r->lock->account[i].name, name) != 0)
			continue;
		fault(r->f, CODE_BAD_LOCK, rows.name, "account '%s' stands twice", name);
		return;
	}
	read_sections(r, lock_add_account(r->lock, name, types[rows.type]), &rows);
}

/* ---- the file ---------------------------------------------------------------- */

/* The first document says which form the file has; false where it is not ours to read. */
static bool check_version(struct reader *r, const struct node *doc, struct span start)
{
	const struct node *version = doc ? node_get(doc, "lock") : NULL;
	char ours[16];

	if (!version || version->kind != NODE_TEXT) {
		fault_at(r->f, CODE_BAD_LOCK, start, "a lock file begins with 'lock: %d'",
			 LOCK_VERSION);
		return false;
	}
	int len = snprintf(ours, sizeof(ours), "%d", LOCK_VERSION);
	if (slice_eq(version->text, (struct slice){ ours, (size_t)len }))
		return true;
	fault(r->f, CODE_NEWER_LOCK, version,
	      "the file has form %s, and this program knows form %s",
	      fault_shown(r->f, version->text), ours);
	fault_hint(r->f, "update this hs2cert, or write the file anew with 'hs2cert pull'");
	return false;
}

/* Of a file that could not be read from its head on, that was said. */
static void read_file(struct reader *r, uint32_t file)
{
	struct documents docs = { 0 };
	struct arena memory;
	struct span start = { file, 1, 1, 1, 1 };

	arena_init(&memory);
	node_read_file(r->f, file, &memory, &docs);
	if ((docs.count || !docs.incomplete) &&
	    check_version(r, docs.count ? docs.root[0] : NULL, start))
		for (size_t i = 1; i < docs.count; i++)
			read_account(r, docs.root[i]);
	documents_release(&docs);
	arena_release(&memory);
}

/* Whatever is wrong with it, even what a merge left behind, this puts it right. */
static void add_hints(struct diags *d, size_t from)
{
	for (size_t i = from; i < d->count; i++)
		if (strcmp(d->list[i].code, diag_codes[CODE_NEWER_LOCK].word) != 0)
			diag_hint(d, &d->list[i], "run 'hs2cert pull' to write the file anew");
}

enum lock_state lock_read(const struct sources *s, struct diags *diags, struct lock *out)
{
	struct faults f = { .sources = s, .diags = diags };
	struct reader r = { &f, out };
	size_t errors = diags->errors, said = diags->count;
	enum lock_state state = LOCK_ABSENT;

	for (size_t i = 0; i < s->count; i++) {
		if (!s->file[i].lock)
			continue;
		state = LOCK_READ;
		if (s->file[i].refused)
			state = LOCK_DAMAGED;
		else
			read_file(&r, (uint32_t)i);
	}
	lock_finish(out);
	add_hints(diags, said);
	return state == LOCK_READ && diags->errors != errors ? LOCK_DAMAGED : state;
}

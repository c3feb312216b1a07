#include "dsl/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "dsl/node.h"

const char *const lock_kind_names[LOCK_KINDS] = { "properties", "lists", "groups", "attributes" };

void lock_init(struct lock *l)
{
	*l = (struct lock){ 0 };
	arena_init(&l->memory);
}

static void account_release(struct lock_account *a)
{
	for (size_t k = 0; k < LOCK_KINDS; k++) {
		struct lock_section *s = &a->section[k];
		for (size_t e = 0; e < s->count; e++)
			mem_free(s->entry[e].option);
		mem_free(s->entry);
	}
}

void lock_release(struct lock *l)
{
	for (size_t i = 0; i < l->n_account; i++)
		account_release(&l->account[i]);
	mem_free(l->account);
	arena_release(&l->memory);
	lock_init(l);
}

void lock_drop_account(struct lock *l, const char *name)
{
	size_t i = 0;

	while (i < l->n_account && strcmp(l->account[i].name, name) != 0)
		i++;
	if (i == l->n_account)
		return;
	account_release(&l->account[i]);
	l->account[i] = l->account[--l->n_account];
}

bool lock_has_kind(const char *type, enum lock_kind kind)
{
	bool source = kind == LOCK_PROPERTIES || kind == LOCK_LISTS;

	return strcmp(type, source ? "hubspot" : "certifier") == 0;
}

/* ---- order: what stands twice is told apart by its name, so that the same one is kept ---- */

static int by_account(const void *a, const void *b)
{
	return strcmp(((const struct lock_account *)a)->name,
		      ((const struct lock_account *)b)->name);
}

/* Numbers by their value, as people look for them; they have no zeros in front. */
static int compare_keys(enum lock_kind kind, struct slice a, struct slice b)
{
	if (kind == LOCK_LISTS && a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return slice_cmp(a, b);
}

static int by_key(const void *a, const void *b)
{
	const struct lock_entry *x = a, *y = b;

	int order = strcmp(x->key, y->key);

	return order ? order : strcmp(x->name, y->name);
}

static int by_number(const void *a, const void *b)
{
	const struct lock_entry *x = a, *y = b;

	int order = compare_keys(LOCK_LISTS, slice_of(x->key), slice_of(y->key));

	return order ? order : strcmp(x->name, y->name);
}

static int by_value(const void *a, const void *b)
{
	const struct lock_option *x = a, *y = b;
	int order = strcmp(x->value, y->value);

	return order ? order : strcmp(x->label, y->label);
}

/* ---- looking things up --------------------------------------------------- */

const struct lock_account *lock_account(const struct lock *l, const char *name)
{
	const struct lock_account key = { .name = name };

	if (!l->n_account)
		return NULL;
	return bsearch(&key, l->account, l->n_account, sizeof(key), by_account);
}

const struct lock_entry *lock_find(const struct lock_account *a, enum lock_kind kind,
				   struct slice key)
{
	const struct lock_section *s = &a->section[kind];
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_keys(kind, key, slice_of(s->entry[middle].key));
		if (order == 0)
			return &s->entry[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct lock_option *lock_option(const struct lock_entry *property, struct slice value)
{
	size_t low = 0, high = property->n_option;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(value, slice_of(property->option[middle].value));
		if (order == 0)
			return &property->option[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* ---- making one ---------------------------------------------------------- */

/* What may stand in the file exactly: one line that YAML and editors read alike. */
static bool is_exact(struct slice text)
{
	const char *p = text.ptr, *end = slice_end(text);

	if (!text.len || text.len > LIMIT_LOCK_TEXT_BYTES)
		return false;
	while (p < end) {
		size_t len = utf8_length(p, end);
		if (!len || (unsigned char)*p < 0x20 || !node_is_printable(p, len))
			return false;
		p += len;
	}
	return true;
}

/* A name for people: what does not show becomes a blank, what is too long is cut. */
static const char *clean(struct lock *l, struct slice text)
{
	const char *p = text.ptr, *end = slice_end(text);
	struct str out;

	str_init(&out, LIMIT_LOCK_TEXT_BYTES);
	while (p < end && !out.overflow) {
		size_t len = utf8_length(p, end);
		bool shows = len && (unsigned char)*p >= 0x20 && node_is_printable(p, len);
		if (shows)
			str_add(&out, p, len);
		else
			str_add_char(&out, ' ');
		p += len ? len : 1;
	}
	const char *kept = arena_text(&l->memory, slice_trim(str_slice(&out)));
	str_release(&out);
	return kept;
}

struct lock_account *lock_add_account(struct lock *l, const char *name, const char *type)
{
	l->account = mem_grow(l->account, &l->cap_account, l->n_account + 1, sizeof(*l->account));
	struct lock_account *a = &l->account[l->n_account++];
	*a = (struct lock_account){ arena_text(&l->memory, slice_of(name)),
				    arena_text(&l->memory, slice_of(type)),
				    { { 0 } } };
	return a;
}

struct lock_entry *lock_add(struct lock *l, struct lock_account *a, enum lock_kind kind,
			    struct slice key, struct slice name)
{
	struct lock_section *s = &a->section[kind];

	if (!is_exact(key) || s->count == LIMIT_LOCK_ENTRIES) {
		s->more = true;
		return NULL;
	}
	s->entry = mem_grow(s->entry, &s->cap, s->count + 1, sizeof(*s->entry));
	struct lock_entry *e = &s->entry[s->count++];
	*e = (struct lock_entry){
		.key = arena_text(&l->memory, key), .name = clean(l, name), .type = "", .field = ""
	};
	return e;
}

void lock_add_option(struct lock *l, struct lock_entry *property, struct slice value,
		     struct slice label, bool hidden)
{
	if (!is_exact(value) || property->n_option == LIMIT_LOCK_OPTIONS) {
		property->open = true;
		return;
	}
	property->option = mem_grow(property->option, &property->cap_option, property->n_option + 1,
				    sizeof(*property->option));
	property->option[property->n_option++] = (struct lock_option){
		arena_text(&l->memory, value), clean(l, label), hidden
	};
}

const char *lock_word(struct lock *l, struct slice word)
{
	char *text = arena_text(&l->memory, word);

	for (char *c = text; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '_')
			return "other";
	}
	return word.len && word.len <= LIMIT_ID_BYTES ? text : "other";
}

static void finish_options(struct lock_entry *e)
{
	size_t kept = 0;

	if (e->n_option > 1)
		qsort(e->option, e->n_option, sizeof(*e->option), by_value);
	for (size_t i = 0; i < e->n_option; i++)
		if (!kept || strcmp(e->option[kept - 1].value, e->option[i].value) != 0)
			e->option[kept++] = e->option[i];
	e->n_option = kept;
}

static void finish_section(struct lock_section *s, enum lock_kind kind)
{
	size_t kept = 0;

	if (s->count > 1)
		qsort(s->entry, s->count, sizeof(*s->entry),
		      kind == LOCK_LISTS ? by_number : by_key);
	for (size_t i = 0; i < s->count; i++) {
		finish_options(&s->entry[i]);
		if (kept && strcmp(s->entry[kept - 1].key, s->entry[i].key) == 0)
			mem_free(s->entry[i].option);
		else
			s->entry[kept++] = s->entry[i];
	}
	s->count = kept;
}

void lock_finish(struct lock *l)
{
	if (l->n_account > 1)
		qsort(l->account, l->n_account, sizeof(*l->account), by_account);
	for (size_t i = 0; i < l->n_account; i++)
		for (size_t k = 0; k < LOCK_KINDS; k++)
			finish_section(&l->account[i].section[k], (enum lock_kind)k);
}

/* ---- writing ------------------------------------------------------------- */

static const char header[] =
	"# The names that the connected accounts have, as `hs2cert pull` found them. validate, run\n"
	"# and reload check the rules against this file. Commit it beside the rules; do not edit it:\n"
	"# run `hs2cert pull` again.\n";

/* Plain where every reader of YAML takes it for text: `yes` and `4711` are quoted. */
static void add_key(struct str *out, const char *key)
{
	static const char *const words[] = { "true", "false", "yes",  "no", "on",
					     "off",  "null",  "none", "y",  "n" };
	bool plain = key[0] >= 'a' && key[0] <= 'z';

	for (const char *c = key; *c; c++)
		plain &= (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_' ||
			 *c == '.' || *c == '-';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		plain &= strcmp(key, words[i]) != 0;
	if (plain)
		str_add_text(out, key);
	else
		str_add_json(out, slice_of(key));
}

static void write_option(const struct lock_option *o, struct str *out)
{
	str_add_text(out, "      ");
	str_add_json(out, slice_of(o->value));
	str_add_text(out, o->hidden ? ": { label: " : ": ");
	str_add_json(out, slice_of(o->label));
	str_add_text(out, o->hidden ? ", hidden: true }\n" : "\n");
}

static void write_property(const struct lock_entry *e, struct str *out)
{
	bool block = e->n_option > 0;
	const char *next = block ? "\n    " : ", ";

	str_add_text(out, block ? "\n    label: " : " { label: ");
	str_add_json(out, slice_of(e->name));
	str_addf(out, "%stype: %s%sfield: %s", next, e->type, next, e->field);
	if (e->open)
		str_addf(out, "%sopen: true", next);
	str_add_text(out, block ? "\n    options:\n" : " }\n");
	for (size_t i = 0; i < e->n_option; i++)
		write_option(&e->option[i], out);
}

static void write_entry(const struct lock_entry *e, enum lock_kind kind, struct str *out)
{
	str_add_text(out, "  ");
	add_key(out, e->key);
	str_add_char(out, ':');
	if (kind == LOCK_PROPERTIES) {
		write_property(e, out);
		return;
	}
	str_add_text(out, kind == LOCK_LISTS ? " { name: " : " ");
	str_add_json(out, slice_of(e->name));
	if (kind == LOCK_LISTS)
		str_addf(out, ", kind: %s }", e->type);
	str_add_char(out, '\n');
}

static void write_section(const struct lock_section *s, enum lock_kind kind, struct str *out)
{
	str_addf(out, "%s:%s\n", lock_kind_names[kind], s->count ? "" : " {}");
	for (size_t i = 0; i < s->count; i++)
		write_entry(&s->entry[i], kind, out);
}

static void write_account(const struct lock_account *a, struct str *out)
{
	bool more = false;

	str_addf(out, "---\naccount: %s\ntype: %s\n", a->name, a->type);
	for (size_t k = 0; k < LOCK_KINDS; k++) {
		if (a->section[k].more)
			str_addf(out, more ? ", %s" : "more: [%s", lock_kind_names[k]);
		more |= a->section[k].more;
	}
	str_add_text(out, more ? "]\n" : "");
	for (size_t k = 0; k < LOCK_KINDS; k++)
		if (lock_has_kind(a->type, (enum lock_kind)k))
			write_section(&a->section[k], (enum lock_kind)k, out);
}

void lock_write(const struct lock *l, struct str *out)
{
	str_addf(out, "%slock: %d\n", header, LOCK_VERSION);
	for (size_t i = 0; i < l->n_account; i++)
		write_account(&l->account[i], out);
}

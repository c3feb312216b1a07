#include "dsl/keys.h"

#include <string.h>

#include "base/clock.h"
#include "dsl/value.h"

#define KEYS_MOST 32

static const struct key *find_row(const struct keys *keys, struct slice name)
{
	for (size_t i = 0; i < keys->count; i++)
		if (slice_is(name, keys->row[i].name))
			return &keys->row[i];
	return NULL;
}

static size_t list_words(const struct keys *keys, const char *words[KEYS_MOST])
{
	size_t count = keys->count < KEYS_MOST ? keys->count : KEYS_MOST;

	for (size_t i = 0; i < count; i++)
		words[i] = keys->row[i].name;
	return count;
}

void keys_unknown(struct faults *f, const struct keys *keys, const struct node *key)
{
	const char *words[KEYS_MOST];
	size_t count = list_words(keys, words);

	fault(f, CODE_UNKNOWN_KEY, key, "unknown key %s in '%s'", fault_shown(f, key->text),
	      keys->what);
	fault_words(f, key->text, words, count);
}

static bool read_map_value(struct faults *f, const struct node *value, const char *name)
{
	if (value->broken && value->kind != NODE_MAP)
		return false;
	if (value->kind == NODE_MAP)
		return true;
	if (node_is_missing(value))
		fault(f, CODE_MISSING_VALUE, value->key, "'%s' has no keys below it", name);
	else
		fault(f, CODE_WRONG_TYPE, value, "'%s' takes keys below it, not %s", name,
		      value->kind == NODE_LIST ? "a list" : "a value");
	return false;
}

/* Kinds whose node is kept: whether it may be. */
static bool check_node(struct faults *f, const struct key *row, const struct node *value)
{
	switch (row->kind) {
	case KEY_TEXT:
		return value_line(f, value, row->name);
	case KEY_NAME:
		return value_name(f, value, row->name);
	case KEY_TEXTS:
		return value_texts(f, value, row->name);
	case KEY_MAP:
		return read_map_value(f, value, row->name);
	default:
		return true;
	}
}

static bool read_value(struct faults *f, const struct key *row, const struct node *value,
		       void *into)
{
	void *at = (char *)into + row->at;

	switch (row->kind) {
	case KEY_WORD:
		return value_word(f, value, row->name, row->words, at);
	case KEY_BOOL:
		return value_bool(f, value, row->name, at);
	case KEY_DURATION:
		return value_duration(f, value, row->name, row->least, row->most, at);
	default:
		if (!check_node(f, row, value))
			return false;
		*(const struct node **)at = value;
		return true;
	}
}

/* Defaults are written in the rows as people write them, and are right. */
static void fill_default(const struct key *row, void *into)
{
	void *at = (char *)into + row->at;
	int i = 0;

	if (!row->otherwise)
		return;
	switch (row->kind) {
	case KEY_WORD:
		while (row->words[i] && !slice_is(slice_of(row->otherwise), row->words[i]))
			i++;
		*(int *)at = i;
		return;
	case KEY_BOOL:
		*(bool *)at = slice_is(slice_of(row->otherwise), "true");
		return;
	case KEY_DURATION:
		(void)clock_parse_duration(slice_of(row->otherwise), at);
		return;
	default:
		return;
	}
}

/*
 * Which key an unknown one most likely is, misspelt, is noted: that it is missing is said with that. `foreign`: it is
 * somebody else's, who will say so; with a dot it is a field's name, which no key has.
 */
static void read_unknown(struct faults *f, const struct keys *keys, const struct node *key,
			 bool foreign, bool *meant)
{
	const char *words[KEYS_MOST];
	const char *near = diag_nearest(key->text, words, list_words(keys, words));

	if (!foreign)
		keys_unknown(f, keys, key);
	else if (memchr(key->text.ptr, '.', key->text.len))
		return;
	for (size_t i = 0; near && i < keys->count && i < KEYS_MOST; i++)
		meant[i] |= near == keys->row[i].name;
}

static bool check_required(struct faults *f, const struct keys *keys, const struct node *map,
			   const struct node *owner, const bool *meant)
{
	bool good = true;

	if (map->broken)
		return true;
	for (size_t i = 0; i < keys->count; i++) {
		const struct key *row = &keys->row[i];
		if (!row->required || node_get(map, row->name))
			continue;
		good = false;
		if (i >= KEYS_MOST || !meant[i])
			fault(f, CODE_MISSING_KEY, owner, "'%s' needs the key '%s'", keys->what,
			      row->name);
	}
	return good;
}

bool keys_read(struct faults *f, const struct keys *keys, const struct node *map,
	       const struct node *owner, void *into,
	       bool (*foreign)(struct faults *f, const struct node *key))
{
	bool good = true, meant[KEYS_MOST] = { false };

	for (size_t i = 0; i < keys->count; i++)
		fill_default(&keys->row[i], into);
	for (const struct node *m = map->first; m; m = m->next) {
		const struct key *row = find_row(keys, m->key->text);
		if (row)
			good &= read_value(f, row, m, into);
		else
			read_unknown(f, keys, m->key, foreign && foreign(f, m->key), meant);
		good &= row != NULL;
	}
	return check_required(f, keys, map, owner, meant) && good;
}

#include "dsl/account.h"

#include <string.h>

#include "base/clock.h"
#include "dsl/value.h"

#define KEYS_MOST 24

const struct account_type *account_type(struct slice name)
{
	for (size_t i = 0; i < ACCOUNT_TYPES; i++)
		if (slice_is(name, account_types[i].name))
			return &account_types[i];
	return NULL;
}

struct reading {
	struct faults *f;
	struct arena *arena;
	const struct account_type *type;
	struct setting *setting;
};

/* ---- one setting ------------------------------------------------------- */

static enum setting_kind kind_of(enum setting_form form)
{
	switch (form) {
	case FORM_DURATION:
		return SETTING_DURATION;
	case FORM_RATE:
		return SETTING_RATE;
	case FORM_SECRET:
	case FORM_SECRETS:
		return SETTING_SECRET;
	default:
		return SETTING_TEXT;
	}
}

/* HUBSPOT_CLIENT_SECRET for oauth.client-secret: a variable's name to suggest. */
static const char *variable_for(struct reading *r, const struct setting_row *row)
{
	const char *dot = strrchr(row->name, '.');
	char *name = arena_printf(&r->f->diags->text, "%s_%s", r->type->name,
				  dot ? dot + 1 : row->name);

	for (char *p = name; *p; p++)
		*p = *p == '-' ? '_' : (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
	return name;
}

static bool read_secret(struct reading *r, const struct setting_row *row, const struct node *n,
			struct secret *out)
{
	return value_secret(r->f, n, row->name, variable_for(r, row), r->arena, out);
}

static void read_secrets(struct reading *r, const struct setting_row *row, const struct node *n,
			 struct setting *s)
{
	if (n->kind != NODE_LIST) {
		s->n_secret = read_secret(r, row, n, &s->secret[0]);
		return;
	}
	if (n->count == 0 || n->count > 2) {
		fault(r->f, CODE_BAD_VALUE, n,
		      "'%s' takes one secret, or a list of two during rotation", row->name);
		return;
	}
	for (const struct node *e = n->first; e; e = e->next)
		s->n_secret += read_secret(r, row, e, &s->secret[s->n_secret]);
}

static void read_setting(struct reading *r, const struct setting_row *row, const struct node *n)
{
	struct setting *s = &r->setting[row - r->type->row];
	struct slice text = n->text;
	struct rate rate;
	int word;

	s->given = true;
	switch (row->form) {
	case FORM_TEXT:
		if (value_line(r->f, n, row->name))
			s->text = arena_text(r->arena, text);
		return;
	case FORM_WORD:
		if (value_word(r->f, n, row->name, row->words, &word))
			s->text = row->words[word];
		return;
	case FORM_URL:
		if (value_url(r->f, n, row->name, &text))
			s->text = arena_text(r->arena, text);
		return;
	case FORM_DURATION:
		(void)value_duration(r->f, n, row->name, row->least, row->most, &s->duration_ms);
		return;
	case FORM_RATE:
		if (value_rate(r->f, n, row->name, &rate))
			s->per_second = rate_per_second(&rate);
		return;
	case FORM_SECRET:
		s->n_secret = read_secret(r, row, n, &s->secret[0]);
		return;
	case FORM_SECRETS:
		read_secrets(r, row, n, s);
		return;
	}
}

/* Defaults are written in the rows as people write them, and are right. */
static void fill_default(const struct setting_row *row, struct setting *s)
{
	struct slice text = slice_of(row->otherwise);
	struct rate rate;

	s->key = row->name;
	s->kind = kind_of(row->form);
	if (!row->otherwise)
		return;
	if (row->form == FORM_DURATION)
		(void)clock_parse_duration(text, &s->duration_ms);
	else if (row->form == FORM_RATE)
		s->per_second = value_parse_rate(text, &rate) ? rate_per_second(&rate) : 0;
	else
		s->text = row->otherwise;
}

/* ---- the map ----------------------------------------------------------- */

/* "oauth" of "oauth.client-id"; empty for a key without a dot. */
static struct slice group_of(const struct setting_row *row)
{
	const char *dot = strchr(row->name, '.');

	return (struct slice){ row->name, dot ? (size_t)(dot - row->name) : 0 };
}

static struct slice name_in_group(const struct setting_row *row)
{
	struct slice group = group_of(row);

	return slice_of(row->name + (group.len ? group.len + 1 : 0));
}

/* The keys that may stand in a group (empty: the type's own map), sub-maps included once. */
static size_t list_words(struct reading *r, struct slice group, const char *words[KEYS_MOST])
{
	size_t count = 0;
	struct slice last = { 0 };

	for (size_t i = 0; i < r->type->count; i++) {
		const struct setting_row *row = &r->type->row[i];
		struct slice own = group_of(row);
		if (slice_eq(own, group))
			words[count++] = name_in_group(row).ptr;
		else if (!group.len && !slice_eq(own, last))
			words[count++] = arena_text(&r->f->diags->text, own);
		last = own;
	}
	return count;
}

static const struct setting_row *find_row(struct reading *r, struct slice group, struct slice name)
{
	for (size_t i = 0; i < r->type->count; i++) {
		const struct setting_row *row = &r->type->row[i];
		if (slice_eq(group_of(row), group) && slice_eq(name_in_group(row), name))
			return row;
	}
	return NULL;
}

static bool is_group(struct reading *r, struct slice name)
{
	for (size_t i = 0; i < r->type->count; i++)
		if (name.len && slice_eq(group_of(&r->type->row[i]), name))
			return true;
	return false;
}

static void refuse_key(struct reading *r, struct slice group, const struct node *key)
{
	const char *words[KEYS_MOST];
	size_t count = list_words(r, group, words);
	struct slice owner = group.len ? group : slice_of(r->type->name);

	fault(r->f, CODE_UNKNOWN_KEY, key, "unknown key %s in '%.*s'", fault_shown(r->f, key->text),
	      SLICE_FMT(owner));
	fault_words(r->f, key->text, words, count);
}

static bool takes_map(struct reading *r, const struct node *n)
{
	if (n->kind == NODE_MAP)
		return true;
	if (n->broken)
		return false;
	if (node_is_missing(n))
		fault(r->f, CODE_MISSING_VALUE, n->key, "'%.*s' has no keys below it",
		      SLICE_FMT(n->key->text));
	else
		fault(r->f, CODE_WRONG_TYPE, n, "'%.*s' takes keys below it, not a %s",
		      SLICE_FMT(n->key->text), n->kind == NODE_LIST ? "list" : "value");
	return false;
}

static bool was_misspelt(struct reading *r, const struct node *map, struct slice group,
			 const char *name)
{
	const char *words[KEYS_MOST];
	size_t count = list_words(r, group, words);

	for (const struct node *m = map->first; m; m = m->next) {
		const char *near = diag_nearest(m->key->text, words, count);
		if (near && strcmp(near, name) == 0 && !slice_is(m->key->text, name))
			return true;
	}
	return map->broken;
}

static void check_required(struct reading *r, struct slice group, const struct node *map)
{
	for (size_t i = 0; i < r->type->count; i++) {
		const struct setting_row *row = &r->type->row[i];
		const char *name = name_in_group(row).ptr;
		if (!row->required || !slice_eq(group_of(row), group) || node_get(map, name) ||
		    was_misspelt(r, map, group, name))
			continue;
		fault(r->f, CODE_MISSING_KEY, map->key, "'%.*s' needs the key '%s'",
		      SLICE_FMT(group), name);
	}
}

static void read_map(struct reading *r, struct slice group, const struct node *map)
{
	for (const struct node *m = map->first; m; m = m->next) {
		const struct setting_row *row = find_row(r, group, m->key->text);
		if (row)
			read_setting(r, row, m);
		else if (group.len || !is_group(r, m->key->text))
			refuse_key(r, group, m->key);
		else if (takes_map(r, m))
			read_map(r, m->key->text, m);
	}
	if (group.len)
		check_required(r, group, map);
}

/* Exactly one of `token` and `oauth`; where a type knows no oauth, `token`. */
static void check_token(struct reading *r, const struct node *map)
{
	const struct account_type *type = r->type;
	const struct node *token = node_get(map, type->token);
	const struct node *instead = type->instead ? node_get(map, type->instead) : NULL;

	if (token && instead) {
		const struct node *second = token->start.at > instead->start.at ? token : instead;
		const struct node *first = second == token ? instead : token;
		fault(r->f, CODE_CONFLICT, second->key, "'%s' and '%s' exclude each other",
		      type->token, type->instead);
		fault_other(r->f, fault_span(r->f, first->key), "the other one");
	} else if (!token && !instead && !was_misspelt(r, map, slice_of(""), type->token) &&
		   !(type->instead && was_misspelt(r, map, slice_of(""), type->instead))) {
		fault(r->f, CODE_MISSING_KEY, map->key, "'%s' needs the key '%s'%s%s%s", type->name,
		      type->token, type->instead ? " or '" : "", type->instead ? type->instead : "",
		      type->instead ? "'" : "");
		fault_hint(r->f, "%s: ${%s}", type->token, type->secret_variable);
	}
}

/* A default of a sub-map's key holds only where the sub-map stands. */
static void drop_absent_groups(struct reading *r, const struct node *map)
{
	for (size_t i = 0; i < r->type->count; i++) {
		struct slice group = group_of(&r->type->row[i]);
		char name[32] = "";
		if (!group.len || group.len >= sizeof(name))
			continue;
		memcpy(name, group.ptr, group.len);
		if (!map || !node_get(map, name))
			r->setting[i].text = NULL;
	}
}

static void prepare(struct reading *r)
{
	r->setting = arena_alloc(r->arena, r->type->count * sizeof(*r->setting));
	for (size_t i = 0; i < r->type->count; i++)
		fill_default(&r->type->row[i], &r->setting[i]);
}

/* ---- the document ------------------------------------------------------ */

static void refuse_document_key(struct faults *f, const struct node *key)
{
	const char *words[ACCOUNT_TYPES];

	for (size_t i = 0; i < ACCOUNT_TYPES; i++)
		words[i] = account_types[i].name;
	fault(f, CODE_UNKNOWN_KEY, key, "unknown key %s in 'account'", fault_shown(f, key->text));
	fault_words(f, key->text, words, ACCOUNT_TYPES);
}

/* The key that says of which type the account is. */
static const struct node *find_type(struct faults *f, const struct node *doc, bool *unknown)
{
	const struct node *found = NULL;

	for (const struct node *m = doc->first; m; m = m->next) {
		if (slice_is(m->key->text, "account"))
			continue;
		if (slice_is(m->key->text, "rule")) {
			/* What follows is that rule's. */
			fault(f, CODE_UNKNOWN_KEY, m->key,
			      "a rule begins inside the document of an account");
			fault_hint(f, "put '---' on a line of its own before it");
			*unknown = true;
			return found;
		}
		if (!account_type(m->key->text)) {
			refuse_document_key(f, m->key);
			*unknown = true;
		} else if (found) {
			fault(f, CODE_CONFLICT, m->key,
			      "an account has one type, and '%.*s' stands here already",
			      SLICE_FMT(found->key->text));
			fault_other(f, fault_span(f, found->key), "the first one");
			fault_hint(f, "begin another document with '---'");
		} else {
			found = m;
		}
	}
	return found;
}

void account_read(struct faults *f, struct arena *arena, const struct node *doc,
		  struct account_draft *out)
{
	const struct node *name = node_get(doc, "account");
	bool unknown = doc->broken;
	const struct node *type = find_type(f, doc, &unknown);

	*out = (struct account_draft){ .name = "", .name_node = name };
	if (name && value_name(f, name, "account"))
		out->name = arena_text(arena, name->text);
	if (!type) {
		if (!unknown) {
			fault(f, CODE_MISSING_KEY, name ? name : doc, "the account has no type");
			fault_hint(f, "add the key 'hubspot' or 'certifier'");
		}
		return;
	}
	struct reading r = { f, arena, account_type(type->key->text), NULL };
	out->type = r.type;
	prepare(&r);
	out->setting = r.setting;
	if (!takes_map(&r, type))
		return;
	read_map(&r, slice_of(""), type);
	check_token(&r, type);
	drop_absent_groups(&r, type);
}

void account_default(struct arena *arena, const struct account_type *type,
		     struct account_draft *out)
{
	struct reading r = { NULL, arena, type, NULL };

	prepare(&r);
	*out = (struct account_draft){ type->name, NULL, type, r.setting };
	for (size_t i = 0; i < type->count; i++) {
		if (strcmp(type->row[i].name, type->token) != 0)
			continue;
		r.setting[i].secret[0] = (struct secret){ SECRET_ENV, type->secret_variable };
		r.setting[i].n_secret = 1;
	}
	drop_absent_groups(&r, NULL);
}

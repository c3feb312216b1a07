#include "dsl/names.h"

#include <string.h>

/* Did-you-means stop here: some seconds of a machine's time. */
#define COMPARED_MOST 1000000u
#define CUSTOM "custom."

const char *names_nearest(struct names_check *n, struct slice word, const char *const *words,
			  size_t count)
{
	if (n->f->diags->dropped || n->compared + count > COMPARED_MOST)
		return NULL;
	n->compared += count;
	return diag_nearest(word, words, count);
}

/* ---- an entry by what people call it --------------------------------------- */

static const struct lock_entry *by_name(const struct lock_section *s, struct slice name)
{
	for (size_t i = 0; name.len && i < s->count; i++)
		if (slice_eq_nocase(slice_of(s->entry[i].name), name))
			return &s->entry[i];
	return NULL;
}

enum by { BY_KEY, BY_NAME };

/* What all attributes begin with says nothing of how alike they are. */
static const char *own_part(const char *key)
{
	return strncmp(key, CUSTOM, strlen(CUSTOM)) == 0 ? key + strlen(CUSTOM) : key;
}

static const struct lock_entry *nearest_by(struct names_check *n, const struct lock_section *s,
					   struct slice word, enum by by)
{
	const char **words = mem_alloc((s->count + 1) * sizeof(*words));
	const struct lock_entry *found = NULL;

	for (size_t i = 0; i < s->count; i++)
		words[i] = by == BY_KEY ? own_part(s->entry[i].key) : s->entry[i].name;
	if (slice_starts(word, slice_of(CUSTOM)))
		word = (struct slice){ word.ptr + strlen(CUSTOM), word.len - strlen(CUSTOM) };
	const char *near = names_nearest(n, word, words, s->count);
	for (size_t i = 0; near && !found && i < s->count; i++)
		if (words[i] == near)
			found = &s->entry[i];
	mem_free(words);
	return found;
}

/* A label written in place of the key, else what is spelled nearly so. */
static const struct lock_entry *meant(struct names_check *n, const struct lock_section *s,
				      struct slice word)
{
	const struct lock_entry *e = by_name(s, word);

	if (!e)
		e = nearest_by(n, s, word, BY_KEY);
	return e ? e : nearest_by(n, s, word, BY_NAME);
}

/* "did you mean 'x'?", with what people call it where the key says nothing to them. */
static const char *meant_words(struct names_check *n, const struct lock_entry *e,
			       enum lock_kind kind, struct slice word)
{
	static const char *const names[] = { "label", "name of a list", "group's name",
					     "attribute's name" };
	bool id = kind == LOCK_LISTS || kind == LOCK_GROUPS;
	struct arena *memory = &n->f->diags->text;

	if (slice_eq_nocase(slice_of(e->name), word) && !slice_eq_nocase(slice_of(e->key), word))
		return arena_printf(memory, "that is the %s: did you mean '%s'?", names[kind],
				    e->key);
	if (!e->name[0] || (!id && diag_nearest(word, &e->key, 1)))
		return arena_printf(memory, "did you mean '%s'?", e->key);
	return arena_printf(memory, "did you mean '%s' (%s)?", e->key, e->name);
}

/*
 * Says that there is no such thing: gone since, or never there. Not where the account has more
 * than is known.
 */
static void unknown(struct names_check *n, enum code code, const char *what,
		    const struct lock_account *a, const struct lock_account *was,
		    enum lock_kind kind, const struct names_value *v)
{
	const struct lock_section *s = &a->section[kind];
	const char *shown = fault_shown(n->f, v->text);

	if (s->more)
		return;
	if (was && lock_find(was, kind, v->text)) {
		fault_part(n->f, code, v->node, v->from, v->to,
			   "%s %s does not exist any more in account '%s'", what, shown, a->name);
		fault_hint(n->f, "it was there at the last 'hs2cert pull': deleted or archived");
		return;
	}
	fault_part(n->f, code, v->node, v->from, v->to, "unknown %s %s", what, shown);
	const struct lock_entry *e = meant(n, s, v->text);
	if (e)
		fault_hint(n->f, "%s", meant_words(n, e, kind, v->text));
	else if (n->before)
		fault_hint(n->f, "account '%s' has none like it", a->name);
	else
		fault_hint(n->f, "if it is new in account '%s': run 'hs2cert pull'", a->name);
}

static struct names_value whole(const struct node *n)
{
	return (struct names_value){ n, n->text, 0, n->text.len };
}

/* The diagnostic that stands at this very place already, or NULL. */
static struct diag *said_at(struct names_check *n, struct span at)
{
	struct diags *d = n->f->diags;

	for (size_t i = 0; i < d->count; i++)
		if (memcmp(&d->list[i].at, &at, sizeof(at)) == 0)
			return &d->list[i];
	return NULL;
}

/* What was refused for its form may be a label: then it is known what was meant. */
static void improve(struct names_check *n, struct diag *said, struct slice word,
		    const struct lock_account *a, enum lock_kind kind)
{
	struct slice text = slice_trim(word);
	const struct lock_entry *e = said ? meant(n, &a->section[kind], text) : NULL;

	if (e)
		diag_hint(n->f->diags, said, "%s", meant_words(n, e, kind, text));
}

/* ---- properties ------------------------------------------------------------- */

static bool is_internal_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
			return false;
	}
	return name.len > 0;
}

/* The property, or NULL where it is not known, which was said. */
static const struct lock_entry *find_property(struct names_check *n, const struct names_value *v)
{
	const struct lock_entry *p = lock_find(n->source, LOCK_PROPERTIES, v->text);

	if (!p && is_internal_name(v->text))
		unknown(n, CODE_UNKNOWN_PROPERTY, "property", n->source, n->was_source,
			LOCK_PROPERTIES, v);
	else if (!p)
		improve(n, said_at(n, fault_span_part(n->f, v->node, v->from, v->to)), v->text,
			n->source, LOCK_PROPERTIES);
	return p;
}

static const struct lock_entry *property_of(struct names_check *n, const struct node *name)
{
	if (name->kind != NODE_TEXT || name->broken)
		return NULL;
	struct names_value v = whole(name);
	return find_property(n, &v);
}

/* ---- filters ---------------------------------------------------------------- */

static const struct operator* operator_of(const struct node *key)
{
	for (size_t i = 0; i < operator_count; i++)
		if (slice_is(key->text, operators[i].name))
			return &operators[i];
	return NULL;
}

static void check_entry(struct names_check *n, const struct node *entry)
{
	static const char *const groups[] = { "all", "any", "not" };
	const struct node *name = node_get(entry, "property");

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const struct node *group = node_get(entry, groups[i]);
		if (group && group->kind == NODE_MAP)
			check_entry(n, group);
		for (const struct node *e = group ? group->first : NULL;
		     e && group->kind == NODE_LIST; e = e->next)
			check_entry(n, e);
	}
	const struct lock_entry *p = name ? property_of(n, name) : NULL;
	for (const struct node *m = p ? entry->first : NULL; m; m = m->next) {
		const struct operator* op = operator_of(m->key);
		if (op && !m->broken && !said_at(n, fault_span(n->f, m)))
			names_check_test(n, p, op, m);
	}
}

/* ---- templates --------------------------------------------------------------- */

/* An option has a label; other values stand for themselves. */
static void check_label(struct names_check *n, const struct lock_entry *p,
			const struct field_draft *field, const struct part *part)
{
	const struct call *call = &part->call[0];

	if (p->n_option || p->open || strcmp(p->type, "bool") == 0)
		return;
	fault_part(n->f, CODE_NO_LABELS, field->node, call->from, call->to,
		   "'label' does nothing: property '%s' has no options", p->key);
	fault_hint(n->f, "it is of type %s", p->type);
}

static void check_part(struct names_check *n, const struct rule_draft *r,
		       const struct field_draft *field, const struct part *part)
{
	const struct lock_entry *p = NULL;

	if (part->ref == REF_CONTACT) {
		struct names_value v = { field->node, part->property, part->from + 8u, part->to };
		p = find_property(n, &v);
	} else if (part->label && r->property) {
		p = lock_find(n->source, LOCK_PROPERTIES, r->property->text);
	}
	if (p && part->label)
		check_label(n, p, field, part);
}

static void check_templates(struct names_check *n, const struct rule_draft *r)
{
	for (size_t i = 0; i < r->n_field; i++)
		for (size_t k = 0; r->field[i].node && k < r->field[i].template.n_part; k++)
			check_part(n, r, &r->field[i], &r->field[i].template.part[k]);
}

/* ---- lists -------------------------------------------------------------------- */

/* A list that was renamed, or whose name only looks like it. */
static void unknown_list_name(struct names_check *n, const struct node *list)
{
	const struct lock_section *s = &n->source->section[LOCK_LISTS];
	const struct lock_entry *was = n->was_source ? by_name(&n->was_source->section[LOCK_LISTS],
							       list->text)
						     : NULL;
	const struct lock_entry *now = was ? lock_find(n->source, LOCK_LISTS, slice_of(was->key))
					   : NULL;
	const char *shown = fault_shown(n->f, list->text);

	if (s->more && !now)
		return;
	if (now) {
		fault(n->f, CODE_UNKNOWN_LIST, list, "list %s has another name now", shown);
		fault_hint(n->f, "list %s is called '%s'; 'list: %s' survives renaming", now->key,
			   now->name, now->key);
		return;
	}
	fault(n->f, CODE_UNKNOWN_LIST, list, "%s %s",
	      was ? "there is no longer a list" : "unknown list", shown);
	const struct lock_entry *id = lock_find(n->source, LOCK_LISTS, list->text);
	const struct lock_entry *near = nearest_by(n, s, list->text, BY_NAME);
	if (id)
		fault_hint(n->f, "without quotes it is the id of '%s'", id->name);
	else if (near)
		fault_hint(n->f, "did you mean '%s' (%s)?", near->name, near->key);
	else
		fault_hint(n->f, "if it is new in account '%s': run 'hs2cert pull'",
			   n->source->name);
}

static void check_list_name(struct names_check *n, struct rule_draft *r)
{
	const struct node *list = r->list;
	const struct lock_entry *e = by_name(&n->source->section[LOCK_LISTS], list->text);

	r->list_id = e ? e->key : NULL;
	if (!e) {
		unknown_list_name(n, list);
	} else if (!slice_is(list->text, e->name)) {
		fault(n->f, CODE_INEXACT_LIST, list, "the list is written otherwise in HubSpot");
		fault_hint(n->f, "'%s'", e->name);
	}
}

static void check_list(struct names_check *n, struct rule_draft *r)
{
	const struct node *list = r->list;
	const struct lock_section *s = &n->source->section[LOCK_LISTS];
	struct names_value v = whole(list);

	if (list->broken)
		return;
	if (!rule_list_is_id(list)) {
		check_list_name(n, r);
		return;
	}
	if (lock_find(n->source, LOCK_LISTS, list->text))
		return;
	unknown(n, CODE_UNKNOWN_LIST, "list", n->source, n->was_source, LOCK_LISTS, &v);
	const struct lock_entry *e = by_name(s, list->text);
	if (e && !s->more)
		fault_hint(n->f, "with quotes it is the name of list %s", e->key);
}

/* ---- what is issued ------------------------------------------------------------ */

static void check_group(struct names_check *n, const struct node *group)
{
	struct names_value v = whole(group);

	if (group->broken || lock_find(n->action, LOCK_GROUPS, group->text))
		return;
	if (said_at(n, fault_span(n->f, group)))
		improve(n, said_at(n, fault_span(n->f, group)), group->text, n->action,
			LOCK_GROUPS);
	else
		unknown(n, CODE_UNKNOWN_GROUP, "group", n->action, n->was_action, LOCK_GROUPS, &v);
}

static void check_attributes(struct names_check *n, const struct rule_draft *r)
{
	for (size_t i = 0; i < r->n_field; i++) {
		const struct node *node = r->field[i].node;
		if (!node || !slice_starts(node->key->text, slice_of(CUSTOM)) ||
		    lock_find(n->action, LOCK_ATTRIBUTES, node->key->text))
			continue;
		struct names_value v = whole(node->key);
		unknown(n, CODE_UNKNOWN_ATTRIBUTE, "attribute", n->action, n->was_action,
			LOCK_ATTRIBUTES, &v);
	}
}

/* ---- a rule --------------------------------------------------------------------- */

static const struct lock_account *account_in(const struct lock *l, const struct account_draft *a)
{
	const struct lock_account *found = l ? lock_account(l, a->name) : NULL;

	return found && strcmp(found->type, a->type->name) == 0 ? found : NULL;
}

/* The draft of an account that a rule names; NULL where that could not be told. */
static const struct account_draft *draft_of(const struct drafts *d, bool wanted, uint32_t index)
{
	bool known = wanted && index < d->n_account;

	return known && d->account[index].type && d->account[index].name[0] ? &d->account[index]
									    : NULL;
}

static void check_source(struct names_check *n, struct rule_draft *r)
{
	/* The draft has no property that was refused for its form. */
	const struct node *name = node_get(r->trigger, "property");
	const struct lock_entry *p = name ? property_of(n, name) : NULL;

	if (p && r->from)
		names_check_values(n, p, r->from, false);
	if (p && r->to)
		names_check_values(n, p, r->to, true);
	if (r->list)
		check_list(n, r);
	for (const struct node *e = r->filters ? r->filters->first : NULL; e; e = e->next)
		check_entry(n, e);
	check_templates(n, r);
}

static void check_action(struct names_check *n, const struct rule_draft *r)
{
	if (r->group)
		check_group(n, r->group);
	check_attributes(n, r);
}

/* An account that rules work with and that was never pulled: once, where it is declared. */
static void warn_missing(struct names_check *n, const struct account_draft *a, bool *said)
{
	const struct sources *s = n->f->sources;
	struct span at = { 0, 1, 1, 1, 1 };

	if (*said)
		return;
	*said = true;
	while (at.file < s->count && !s->file[at.file].lock)
		at.file++;
	if (at.file == s->count && !a->name_node)
		return;
	if (a->name_node)
		at = fault_span(n->f, a->name_node);
	fault_at(n->f, CODE_NOT_PULLED, at,
		 "account '%s' is not in the lock file: its names are not checked", a->name);
	fault_hint(n->f, "run 'hs2cert pull'");
}

static void check_rule(struct names_check *n, const struct drafts *d, struct rule_draft *r,
		       bool *missing)
{
	const struct account_draft *source = draft_of(d, r->event >= 0, r->source);
	const struct account_draft *action = draft_of(d, r->action != NULL, r->target_account);

	n->source = source ? account_in(n->now, source) : NULL;
	n->action = action ? account_in(n->now, action) : NULL;
	n->was_source = source ? account_in(n->before, source) : NULL;
	n->was_action = action ? account_in(n->before, action) : NULL;
	if (source && !n->source)
		warn_missing(n, source, &missing[source - d->account]);
	if (action && !n->action)
		warn_missing(n, action, &missing[action - d->account]);
	n->f->rule = r->shown;
	if (n->source)
		check_source(n, r);
	if (n->action)
		check_action(n, r);
	n->f->rule = NULL;
}

void names_check(struct faults *f, const struct drafts *d, const struct lock *now,
		 const struct lock *before)
{
	struct names_check n = { .f = f, .now = now, .before = before };
	bool *missing = mem_alloc((d->n_account + 1) * sizeof(*missing));

	for (size_t i = 0; i < d->n_rule; i++)
		check_rule(&n, d, &d->rule[i], missing);
	mem_free(missing);
}

/*
 * compile - drafts that no fault was found in become a table (see draft.h).
 *
 * Cannot fail: what it would refuse was refused with a place before. Accounts
 * and rules come out in the order of their names, so that the same rules make
 * the same table however they are spread over files. What many rules have alike is kept once:
 * texts, lists of values, tests, the steps of filters, fields, policies. That is what makes a rule
 * small.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "dsl/draft.h"
#include "dsl/fields.h"

struct compiler {
	struct drafts *d;
	const struct sources *sources;
	struct arena *arena; /* the table's */
	struct table *t;
	struct map strings;	   /* text to its one copy */
	struct map properties;	   /* "source name" to index + 1 */
	struct property *property; /* heap */
	size_t cap_property;
	struct map defaults; /* "source field" to struct template */
	struct map plain;    /* source to the struct field array of rules that give none */
	struct map shared;   /* bytes of what is kept once to their one copy */
	struct map tests;    /* struct test_key to struct test */
	struct slice *value; /* heap; values of one test or rule */
	size_t cap_value;
	uint32_t *account_index; /* draft's index to table's */
};

/* ---- texts and properties ---------------------------------------------- */

static struct slice keep(struct compiler *c, struct slice text)
{
	char *copy = map_get(&c->strings, text);

	if (!copy) {
		copy = arena_text(c->arena, text);
		map_put_lent(&c->strings, (struct slice){ copy, text.len }, copy);
	}
	return (struct slice){ copy, text.len };
}

static const char *keep_text(struct compiler *c, const char *text)
{
	return text ? keep(c, slice_of(text)).ptr : NULL;
}

/* Frozen bytes may be shared by whatever has the same. */
static const void *keep_bytes(struct compiler *c, const void *from, size_t len)
{
	struct slice bytes = { from, len };
	void *kept = map_get(&c->shared, bytes);

	if (!kept) {
		kept = arena_alloc(c->arena, len);
		memcpy(kept, from, len);
		map_put_lent(&c->shared, (struct slice){ kept, len }, kept);
	}
	return kept;
}

/* Longer than any name of a property or a field. */
#define KEY_BYTES 160

/* A name within a source; `buf` holds KEY_BYTES. */
static struct slice key_of(char *buf, uint32_t source, struct slice name)
{
	size_t len = name.len < KEY_BYTES - sizeof(source) ? name.len : KEY_BYTES - sizeof(source);

	memcpy(buf, &source, sizeof(source));
	if (len)
		memcpy(buf + sizeof(source), name.ptr, len);
	return (struct slice){ buf, sizeof(source) + len };
}

static uint32_t property_index(struct compiler *c, uint32_t source, struct slice name)
{
	char buf[KEY_BYTES];
	struct slice key = key_of(buf, source, name);
	uintptr_t known = (uintptr_t)map_get(&c->properties, key);
	size_t count = c->t->n_property;

	if (known)
		return (uint32_t)known - 1;
	c->property = mem_grow(c->property, &c->cap_property, count + 1, sizeof(*c->property));
	c->property[count] = (struct property){ source, keep(c, name).ptr, false, false };
	c->t->n_property = count + 1;
	map_put(&c->properties, key, (void *)(uintptr_t)(count + 1));
	return (uint32_t)count;
}

/* ---- accounts ---------------------------------------------------------- */

static struct setting compile_setting(struct compiler *c, const struct setting *draft)
{
	struct setting s = *draft;

	s.key = keep_text(c, draft->key);
	s.text = keep_text(c, draft->text);
	for (size_t i = 0; i < s.n_secret; i++)
		s.secret[i].name = keep_text(c, draft->secret[i].name);
	return s;
}

static struct account compile_account(struct compiler *c, const struct account_draft *draft)
{
	size_t n = draft->type->count;
	struct setting *setting = arena_alloc(c->arena, n * sizeof(*setting));

	for (size_t i = 0; i < n; i++)
		setting[i] = compile_setting(c, &draft->setting[i]);
	return (struct account){ keep_text(c, draft->name), keep_text(c, draft->type->name),
				 setting, n };
}

static int by_account(const void *a, const void *b)
{
	return strcmp((*(const struct account_draft *const *)a)->name,
		      (*(const struct account_draft *const *)b)->name);
}

static void compile_accounts(struct compiler *c)
{
	struct drafts *d = c->d;
	const struct account_draft **order = mem_alloc((d->n_account + 1) * sizeof(*order));
	struct account *account = arena_alloc(c->arena, d->n_account * sizeof(*account));

	c->account_index = mem_alloc((d->n_account + 1) * sizeof(*c->account_index));
	for (size_t i = 0; i < d->n_account; i++)
		order[i] = &d->account[i];
	qsort(order, d->n_account, sizeof(*order), by_account);
	for (size_t i = 0; i < d->n_account; i++) {
		account[i] = compile_account(c, order[i]);
		c->account_index[order[i] - d->account] = (uint32_t)i;
	}
	mem_free(order);
	c->t->account = account;
	c->t->n_account = d->n_account;
}

/* ---- values ------------------------------------------------------------ */

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Room for a list of values that is then kept by keep_values. */
static struct slice *values_begin(struct compiler *c, size_t count)
{
	c->value = mem_grow(c->value, &c->cap_value, count, sizeof(*c->value));
	return c->value;
}

/* A text is kept once, so that equal lists have equal bytes. */
static const struct slice *keep_values(struct compiler *c, size_t count)
{
	return count ? keep_bytes(c, c->value, count * sizeof(*c->value)) : NULL;
}

/* `from:` and `to:`: sorted, each value once. */
static const struct slice *compile_values(struct compiler *c, const struct node *n, uint32_t *count)
{
	size_t all = !n ? 0 : n->kind == NODE_LIST ? n->count : 1, i = 0;
	struct slice *value = values_begin(c, all);

	*count = 0;
	if (n && n->kind == NODE_TEXT)
		value[i++] = keep(c, n->text);
	for (const struct node *e = n ? n->first : NULL; e; e = e->next)
		value[i++] = keep(c, e->text);
	if (all > 1)
		qsort(value, all, sizeof(*value), by_bytes);
	for (i = 0; i < all; i++)
		if (!*count || !slice_eq(value[*count - 1], value[i]))
			value[(*count)++] = value[i];
	return keep_values(c, *count);
}

/* ---- filters ----------------------------------------------------------- */

/* What a test is known by, in texts and lists of which there is one; no bytes between. */
struct test_key {
	const struct operator* op;
	const struct slice *value;
	const char *what;
	uint32_t n_value, property;
};

static struct test *make_test(struct compiler *c, const struct test *draft,
			      const struct test_key *key)
{
	struct test *t = arena_alloc(c->arena, sizeof(*t));

	*t = *draft;
	t->value = key->value;
	t->property = key->property;
	t->property_name = keep(c, draft->property_name);
	t->what = key->what;
	/* The number was parsed from the node's text; parse it again from the kept one. */
	if (t->quantity.kind == QUANTITY_NUMBER && t->n_value)
		(void)decimal_parse(t->value[0], &t->quantity.number);
	return t;
}

/* Its wording says whether it stands under `not`. */
static const struct test *compile_test(struct compiler *c, const struct test *draft,
				       uint32_t source)
{
	struct slice *value = values_begin(c, draft->n_value);

	for (size_t i = 0; i < draft->n_value; i++)
		value[i] = keep(c, draft->value[i]);
	struct test_key key = { draft->op, keep_values(c, draft->n_value),
				keep_text(c, draft->what), (uint32_t)draft->n_value,
				property_index(c, source, draft->property_name) };
	struct slice bytes = { (const char *)&key, sizeof(key) };
	struct test *t = map_get(&c->tests, bytes);
	if (!t) {
		t = make_test(c, draft, &key);
		map_put(&c->tests, bytes, t);
	}
	c->property[t->property].history = true;
	return t;
}

static const struct filter *compile_filter(struct compiler *c, const struct filter_draft *draft,
					   uint32_t source)
{
	if (!draft->n_step)
		return NULL;
	struct filter *filter = arena_alloc(
		c->arena, sizeof(*filter) + draft->n_test * sizeof(filter->entry[0]));

	/* Most filters have one of few shapes. */
	filter->step = keep_bytes(c, draft->step, draft->n_step * sizeof(*draft->step));
	filter->n_step = (uint32_t)draft->n_step;
	filter->n_test = (uint32_t)draft->n_test;
	for (size_t i = 0; i < draft->n_test; i++) {
		filter->entry[i].test = compile_test(c, &draft->test[i], source);
		filter->entry[i].at = draft->place[i];
	}
	return filter;
}

/* ---- templates --------------------------------------------------------- */

static const struct call *compile_calls(struct compiler *c, const struct part *draft)
{
	struct call *call = arena_alloc(c->arena, draft->n_call * sizeof(*call));

	for (size_t i = 0; i < draft->n_call; i++) {
		const struct call *from = &draft->call[i];
		struct date_piece *piece = arena_alloc(c->arena, from->n_piece * sizeof(*piece));
		call[i] = *from;
		for (size_t k = 0; k < CALL_ARGS; k++)
			call[i].arg[k] = keep(c, from->arg[k]);
		for (size_t k = 0; k < from->n_piece; k++)
			piece[k] = (struct date_piece){ from->piece[k].token,
							keep(c, from->piece[k].text) };
		call[i].piece = piece;
	}
	return call;
}

/* Which property a reference reads, if it reads one. */
static void compile_reference(struct compiler *c, struct part *part, const struct rule *rule,
			      bool history)
{
	struct property *property;

	if (part->ref == REF_CONTACT) {
		part->index = property_index(c, rule->source, part->property);
		part->property = keep(c, part->property);
	} else if (part->label) {
		part->index = property_index(c, rule->source, slice_of(rule->target));
	} else {
		return;
	}
	property = &c->property[part->index];
	property->label |= part->label;
	property->history |= history;
}

static const struct template *compile_template(struct compiler *c, const struct template *draft,
					       const struct rule *rule, bool history)
{
	struct template *t = arena_alloc(c->arena, sizeof(*t));
	struct part *part = arena_alloc(c->arena, draft->n_part * sizeof(*part));

	for (size_t i = 0; i < draft->n_part; i++) {
		part[i] = draft->part[i];
		part[i].text = keep(c, draft->part[i].text);
		compile_reference(c, &part[i], rule, history);
		part[i].call = compile_calls(c, &draft->part[i]);
	}
	*t = (struct template){ part, draft->n_part };
	return t;
}

/* A default means the same in every rule of a source: compiled once for each. */
static const struct template *default_template(struct compiler *c, const struct field_draft *draft,
					       const struct rule *rule, bool history)
{
	char buf[KEY_BYTES];
	struct slice key = key_of(buf, rule->source, slice_of(draft->name));
	struct template *known = map_get(&c->defaults, key);

	if (known)
		return known;
	const struct template *made = compile_template(c, &draft->template, rule, history);
	map_put(&c->defaults, key, (void *)made);
	return made;
}

/* Whether the rule gives no field: then it has the fields of every such rule of its source. */
static bool all_default(const struct rule_draft *draft)
{
	for (size_t i = 0; i < draft->n_field; i++)
		if (draft->field[i].node)
			return false;
	return true;
}

static struct field *compile_given(struct compiler *c, const struct rule_draft *draft,
				   const struct rule *rule)
{
	struct field *field = arena_alloc(c->arena, draft->n_field * sizeof(*field));

	for (size_t i = 0; i < draft->n_field; i++) {
		const struct field_draft *from = &draft->field[i];
		bool history = strcmp(from->name, "recipient.email") == 0;
		const struct template *value = from->node
						       ? compile_template(c, &from->template, rule,
									  history)
						       : default_template(c, from, rule, history);
		field[i] = (struct field){ keep_text(c, from->name), value, from->node != NULL, 0,
					   0 };
		if (from->node) {
			field[i].line = from->node->key->start.line;
			field[i].column = from->node->key->start.column;
		}
	}
	return field;
}

static bool wants_labels(const struct field *field, size_t fields)
{
	bool wants = false;

	for (size_t i = 0; i < fields; i++)
		for (size_t k = 0; k < field[i].value->n_part; k++)
			wants |= field[i].value->part[k].label;
	return wants;
}

static void compile_fields(struct compiler *c, const struct rule_draft *draft, struct rule *rule)
{
	struct slice key = { (const char *)&rule->source, sizeof(rule->source) };
	struct field *field = all_default(draft) ? map_get(&c->plain, key) : NULL;

	if (!field) {
		field = compile_given(c, draft, rule);
		if (all_default(draft))
			map_put(&c->plain, key, field);
	}
	rule->field = field;
	rule->n_field = (uint32_t)draft->n_field;
	rule->labels = wants_labels(field, draft->n_field);
}

/* ---- rules ------------------------------------------------------------- */

static void compile_trigger(struct compiler *c, const struct rule_draft *draft, struct rule *rule)
{
	const struct node *target = draft->event == EVENT_LIST_ADDED ? draft->list
								     : draft->property;

	rule->event = (enum event_kind)draft->event;
	rule->source = c->account_index[draft->source];
	rule->target = keep(c, target->text).ptr;
	rule->target_is_name = rule->event == EVENT_LIST_ADDED && !rule_list_is_id(target);
	rule->settle_ms = draft->settle_ms;
	if (rule->event == EVENT_PROPERTY_CHANGED) {
		uint32_t property = property_index(c, rule->source, target->text);
		c->property[property].history = true;
	}
	rule->from = compile_values(c, draft->from, &rule->n_from);
	rule->to = compile_values(c, draft->to, &rule->n_to);
	rule->filter = compile_filter(c, &draft->filter, rule->source);
}

static const struct rule_place *keep_place(struct compiler *c, const struct rule_draft *draft)
{
	uint32_t before = draft->doc->first->key->start.line - 1;
	struct rule_place p = { 0 };

	if (draft->from) {
		p.from_line = draft->from->key->start.line - before;
		p.from_column = draft->from->key->start.column;
	}
	if (draft->to) {
		p.to_line = draft->to->key->start.line - before;
		p.to_column = draft->to->key->start.column;
	}
	return keep_bytes(c, &p, sizeof(p));
}

static const struct policy *compile_policy(struct compiler *c, const struct rule_draft *draft)
{
	struct policy policy;

	memset(&policy, 0, sizeof(policy)); /* what lies between is zero, too */
	policy.repeat = (enum repeat)draft->repeat;
	policy.hold_email_ms = draft->hold_email_ms;
	policy.brake_count = draft->brake_rate.count;
	policy.brake_per_ms = draft->brake_rate.per_ms;
	policy.since_ms = draft->since_ms;
	return keep_bytes(c, &policy, sizeof(policy));
}

static struct rule compile_rule(struct compiler *c, const struct rule_draft *draft, uint32_t id)
{
	struct rule rule = {
		.id = id,
		.name = arena_text(c->arena, slice_of(draft->name)), /* there is no other */
		.description = draft->description
				       ? keep(c, slice_trim(draft->description->text)).ptr
				       : "",
		.mode = (enum rule_mode)draft->mode,
		.file = keep_text(c, c->sources->file[draft->doc->file].path),
		.line = draft->doc->first->key->start.line,
		.action = c->account_index[draft->target_account],
		.group = keep(c, draft->group->text).ptr,
		.issue = draft->issue,
		.send = draft->send,
		.policy = compile_policy(c, draft),
	};

	compile_trigger(c, draft, &rule);
	compile_fields(c, draft, &rule);
	return rule;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct rule_draft *const *)a)->name,
		      (*(const struct rule_draft *const *)b)->name);
}

static void compile_rules(struct compiler *c)
{
	struct drafts *d = c->d;
	const struct rule_draft **order = mem_alloc((d->n_rule + 1) * sizeof(*order));
	struct rule *rule = arena_alloc(c->arena, d->n_rule * sizeof(*rule));
	const struct rule_place **place = arena_alloc(c->arena,
						      d->n_rule * sizeof(struct rule_place *));

	for (size_t i = 0; i < d->n_rule; i++)
		order[i] = &d->rule[i];
	qsort(order, d->n_rule, sizeof(*order), by_name);
	for (size_t i = 0; i < d->n_rule; i++) {
		rule[i] = compile_rule(c, order[i], (uint32_t)i);
		place[i] = keep_place(c, order[i]);
	}
	mem_free(order);
	c->t->rule = rule;
	c->t->n_rule = d->n_rule;
	c->t->memory->place = place;
}

/* ---- the table --------------------------------------------------------- */

static void keep_properties(struct compiler *c)
{
	size_t bytes = c->t->n_property * sizeof(*c->property);
	struct property *property = arena_alloc(c->arena, bytes);

	if (bytes)
		memcpy(property, c->property, bytes);
	c->t->property = property;
	mem_free(c->property);
}

static void keep_files(struct compiler *c)
{
	size_t n = c->sources->count;
	struct rule_file *file = arena_alloc(c->arena, (n + 1) * sizeof(*file));

	for (size_t i = 0; i < n; i++) {
		struct arena *texts = &c->t->memory->texts;
		struct rule_file *f = &file[i];
		f->path = keep_text(c, c->sources->file[i].path);
		f->text = arena_slice(texts, c->sources->file[i].text);
		f->pieces = pieces_cut(f->text, texts, &f->piece);
		digest_sha256(f->text, f->digest);
	}
	c->t->file = file;
	c->t->n_file = n;
}

static void take_patterns(struct drafts *d, struct table_memory *memory)
{
	patterns_close(&d->patterns);
	memory->patterns = d->patterns;
	patterns_init(&d->patterns);
}

struct table *drafts_compile(struct drafts *d, const struct sources *sources)
{
	struct table_memory *memory = mem_alloc(sizeof(*memory));
	struct compiler c = { .d = d, .sources = sources, .arena = &memory->arena };

	arena_init(&memory->arena);
	arena_init(&memory->texts);
	map_init(&c.strings);
	map_init(&c.properties);
	map_init(&c.defaults);
	map_init(&c.plain);
	map_init(&c.shared);
	map_init(&c.tests);
	c.t = arena_alloc(c.arena, sizeof(*c.t));
	c.t->memory = memory;
	c.t->refs = 1;
	compile_accounts(&c);
	compile_rules(&c);
	keep_properties(&c);
	keep_files(&c);
	take_patterns(d, memory);
	table_index_build(c.t);
	table_hash(c.t);
	c.t->bytes = memory->arena.used + memory->patterns.arena.used;
	map_release(&c.strings);
	map_release(&c.properties);
	map_release(&c.defaults);
	map_release(&c.plain);
	map_release(&c.shared);
	map_release(&c.tests);
	mem_free(c.value);
	mem_free(c.account_index);
	return c.t;
}

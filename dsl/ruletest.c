#include "dsl/ruletest.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dsl/keys.h"
#include "dsl/ruletest_read.h"
#include "dsl/value.h"

#define LINE_BYTES 120
#define ID_DIGITS 18
#define WORDS_MOST 64
/* When nobody says: a Monday morning. */
#define START "2026-01-05T09:00:00Z"

/* ---- what both files read ------------------------------------------------ */

static void add_line(struct str *out, const struct node *n, bool outer)
{
	if (n->kind == NODE_TEXT) {
		str_add_text(out, n->text.len ? "" : "\"\"");
		str_add_shown(out, n->text);
		return;
	}
	if (!outer)
		str_add_text(out, n->kind == NODE_MAP ? "{ " : "[");
	for (const struct node *m = n->first; m; m = m->next) {
		if (n->kind == NODE_MAP) {
			str_add_shown(out, m->key->text);
			str_add_text(out, ": ");
		}
		add_line(out, m, false);
		str_add_text(out, m->next ? ", " : "");
	}
	if (!outer)
		str_add_text(out, n->kind == NODE_MAP ? " }" : "]");
}

const char *ruletest_line(struct ruletest_reader *r, const struct node *n)
{
	struct str line;
	size_t len = 0;

	str_init(&line, LIMIT_RULE_FILE_BYTES);
	add_line(&line, n, true);
	while (len < line.len && len < LINE_BYTES) {
		size_t one = utf8_length(line.ptr + len, line.ptr + line.len);
		len += one ? one : 1;
	}
	const char *text = arena_printf(r->arena, "%.*s%s", (int)len, str_text(&line),
					len < line.len ? "…" : "");
	str_release(&line);
	return text;
}

bool ruletest_read_id(struct ruletest_reader *r, const struct node *n, const char *what,
		      int64_t *out)
{
	*out = 0;
	if (!value_text(r->f, n, what))
		return false;
	bool good = n->text.len && n->text.len <= ID_DIGITS;
	for (size_t i = 0; good && i < n->text.len; i++) {
		good = n->text.ptr[i] >= '0' && n->text.ptr[i] <= '9';
		*out = *out * 10 + (n->text.ptr[i] - '0');
	}
	if (good && *out)
		return true;
	fault(r->f, CODE_BAD_NUMBER, n, "'%s' takes an id of digits, not %s", what,
	      fault_shown(r->f, n->text));
	return false;
}

static struct slice id_key(int64_t id, char out[24])
{
	snprintf(out, 24, "%lld", (long long)id);
	return slice_of(out);
}

struct ruletest_person *ruletest_person_ever(struct ruletest_reader *r, int64_t id)
{
	char key[24];

	return map_get(&r->people, id_key(id, key));
}

bool ruletest_person_made(struct ruletest_reader *r, const struct node *n, int64_t id)
{
	struct ruletest_person *p = ruletest_person_ever(r, id);
	char key[24];

	if (p) {
		fault(r->f, CODE_DUPLICATE_ID, n, "there is a contact %lld already", (long long)id);
		fault_other(r->f, fault_span(r->f, p->made), "it begins here");
		return false;
	}
	p = arena_alloc(r->arena, sizeof(*p));
	*p = (struct ruletest_person){ id, n, NULL };
	map_put(&r->people, id_key(id, key), p);
	return true;
}

void ruletest_hint_persons(struct ruletest_reader *r)
{
	struct str all;
	size_t shown = 0;

	str_init(&all, 1024);
	for (size_t i = 0; i < r->people.count && shown < 8; i++) {
		const struct ruletest_person *p = r->people.entry[i].value;
		if (!p->gone)
			str_addf(&all, "%s%lld", shown++ ? ", " : "", (long long)p->id);
	}
	if (shown)
		fault_hint(r->f, "there %s %s", shown == 1 ? "is" : "are", str_text(&all));
	else
		fault_hint(r->f, "declare it under 'contacts'");
	str_release(&all);
}

struct ruletest_person *ruletest_person(struct ruletest_reader *r, const struct node *n, int64_t id)
{
	struct ruletest_person *p = ruletest_person_ever(r, id);

	if (p && !p->gone)
		return p;
	fault(r->f, CODE_UNKNOWN_CONTACT, n,
	      p ? "contact %lld is gone by then" : "there is no contact %lld", (long long)id);
	if (p)
		fault_other(r->f, fault_span(r->f, p->gone), "it goes here");
	else
		ruletest_hint_persons(r);
	return NULL;
}

/* ---- properties ------------------------------------------------------------ */

#define HINTS_MOST 100 /* unknown properties that get a did-you-mean: each is held against all */

/* The properties of the lock's n-th account; NULL where it is no source. */
static const struct lock_section *properties_of(const struct lock *l, size_t n)
{
	const struct lock_account *a = &l->account[n];

	return lock_has_kind(a->type, LOCK_PROPERTIES) ? &a->section[LOCK_PROPERTIES] : NULL;
}

static void hint_property(struct ruletest_reader *r, struct slice name)
{
	const struct lock *l = r->ground->lock;
	const char *near = NULL;

	for (size_t i = 0; i < l->n_account && !near; i++) {
		const struct lock_section *s = properties_of(l, i);
		const char **words = mem_alloc(((s ? s->count : 0) + 1) * sizeof(*words));
		for (size_t k = 0; s && k < s->count; k++)
			words[k] = s->entry[k].key;
		near = s ? diag_nearest(name, words, s->count) : NULL;
		mem_free(words);
	}
	if (near)
		fault_hint(r->f, "did you mean '%s'?", near);
	else
		fault_hint(r->f, "if it is new: run 'hs2cert pull'");
}

/* Contacts of a test are those of whatever account: some of them has the property. */
static bool property_exists(struct ruletest_reader *r, const struct node *key)
{
	const struct lock *l = r->ground->lock;
	bool checked = false;

	for (size_t i = 0; l && i < l->n_account; i++) {
		const struct lock_section *s = properties_of(l, i);
		if (!s)
			continue;
		if (s->more || lock_find(&l->account[i], LOCK_PROPERTIES, key->text))
			return true;
		checked = true;
	}
	if (!checked)
		return true;
	fault(r->f, CODE_UNKNOWN_PROPERTY, key, "unknown property %s",
	      fault_shown(r->f, key->text));
	if (r->f->diags->count <= HINTS_MOST)
		hint_property(r, key->text);
	return false;
}

bool ruletest_read_values(struct ruletest_reader *r, const struct node *map, const char *but,
			  struct ruletest_pairs *out)
{
	bool good = true;

	out->list = arena_alloc(r->arena, (map->count + 1) * sizeof(*out->list));
	out->count = 0;
	for (const struct node *m = map->first; m; m = m->next) {
		if (slice_is(m->key->text, but))
			continue;
		if (!value_property(r->f, m->key) || !property_exists(r, m->key) ||
		    !value_text(r->f, m, m->key->text.ptr)) {
			good = false;
			continue;
		}
		out->list[out->count++] = (struct ruletest_pair){
			arena_text(r->arena, m->key->text), arena_slice(r->arena, m->text)
		};
	}
	return good;
}

/* ---- contacts and lists --------------------------------------------------- */

/* Each entry of a list of maps; false after a fault where it is none. */
static bool check_maps(struct ruletest_reader *r, const struct node *list, const char *what)
{
	if (!list || list->broken)
		return false;
	if (list->kind != NODE_LIST) {
		if (node_is_missing(list))
			fault(r->f, CODE_MISSING_VALUE, list->key, "'%s' has no entries", what);
		else
			fault(r->f, CODE_WRONG_TYPE, list, "'%s' takes a list, not a %s", what,
			      list->kind == NODE_MAP ? "map" : "value");
		fault_hint(r->f, "begin each entry with '- ', or write [] for none");
		return false;
	}
	if (list->count > LIMIT_TEST_ENTRIES) {
		fault(r->f, CODE_TOO_LARGE, list->key, "'%s' has more than %u entries", what,
		      LIMIT_TEST_ENTRIES);
		return false;
	}
	for (const struct node *n = list->first; n; n = n->next) {
		if (n->kind == NODE_MAP)
			continue;
		if (!n->broken)
			fault(r->f, CODE_WRONG_TYPE, n, "an entry of '%s' is a map, not a %s", what,
			      n->kind == NODE_LIST ? "list" : "value");
		return false;
	}
	return true;
}

static void read_contacts(struct ruletest_reader *r, const struct node *list)
{
	struct ruletest *t = r->test;

	if (!check_maps(r, list, "contacts"))
		return;
	t->contact = arena_alloc(r->arena, (list->count + 1) * sizeof(*t->contact));
	for (const struct node *n = list->first; n; n = n->next) {
		const struct node *id = node_get(n, "id");
		struct ruletest_contact *c = &t->contact[t->contacts];
		if (!id && !n->broken)
			fault(r->f, CODE_MISSING_KEY, n, "a contact needs the key 'id'");
		(void)ruletest_read_values(r, n, "id", &c->value);
		if (id && ruletest_read_id(r, id, "id", &c->id) &&
		    ruletest_person_made(r, id, c->id))
			t->contacts++;
	}
}

static void read_members(struct ruletest_reader *r, const struct node *members,
			 struct ruletest_list *l)
{
	int64_t *member, id;

	if (!members || members->broken)
		return;
	if (members->kind != NODE_LIST) {
		fault(r->f, CODE_WRONG_TYPE, members, "'members' takes a list of contacts");
		fault_hint(r->f, "such as: members: [101, 102]");
		return;
	}
	member = arena_alloc(r->arena, (members->count + 1) * sizeof(*member));
	for (const struct node *m = members->first; m; m = m->next)
		if (ruletest_read_id(r, m, "members", &id) && ruletest_person(r, m, id))
			member[l->members++] = id;
	l->member = member;
}

static void read_lists(struct ruletest_reader *r, const struct node *list)
{
	struct ruletest *t = r->test;

	if (!check_maps(r, list, "lists"))
		return;
	struct map seen;
	char key[24];
	map_init(&seen);
	t->list = arena_alloc(r->arena, (list->count + 1) * sizeof(*t->list));
	for (const struct node *n = list->first; n; n = n->next) {
		struct ruletest_list_draft d = { 0 };
		struct ruletest_list *l = &t->list[t->lists];
		if (!keys_read(r->f, &ruletest_list_keys, n, n, &d, NULL) || !d.id ||
		    !ruletest_read_id(r, d.id, "id", &l->id))
			continue;
		const struct node *first = map_put(&seen, id_key(l->id, key), (void *)d.id);
		if (first) {
			fault(r->f, CODE_DUPLICATE_ID, d.id, "there is a list %lld already",
			      (long long)l->id);
			fault_other(r->f, fault_span(r->f, first), "the first one");
		}
		l->name = d.name ? arena_text(r->arena, d.name->text)
				 : arena_printf(r->arena, "List %lld", (long long)l->id);
		read_members(r, d.members, l);
		t->lists++;
	}
	map_release(&seen);
}

/* ---- what is expected ------------------------------------------------------ */

/* The rule of that name in the n-th table that is in force at some time; NULL where none is. */
static const struct rule *rule_in(const struct ruletest_reader *r, const char *name, size_t n)
{
	if (n == 0)
		return table_rule(r->ground->table, name);
	const struct table *t = r->test->step[n - 1].table;
	return t ? table_rule(t, name) : NULL;
}

static bool rule_exists(struct ruletest_reader *r, const struct node *n, const char *name)
{
	const struct table *t = r->ground->table;

	for (size_t i = 0; i <= r->test->steps; i++)
		if (rule_in(r, name, i))
			return true;
	fault(r->f, CODE_UNKNOWN_RULE, n, "there is no rule %s", fault_shown(r->f, n->text));
	const char **word = mem_alloc((t->n_rule + 1) * sizeof(*word));
	for (size_t i = 0; i < t->n_rule; i++)
		word[i] = t->rule[i].name;
	const char *near = diag_nearest(n->text, word, t->n_rule);
	if (near)
		fault_hint(r->f, "did you mean '%s'?", near);
	mem_free(word);
	return false;
}

/* Every field that the rule, in whatever table, can have; expiry-date may come from it or not. */
static size_t field_words(const struct ruletest_reader *r, const char *rule,
			  const char *words[WORDS_MOST])
{
	size_t count = 0;

	for (; count < ruletest_entry_keys.count; count++)
		words[count] = ruletest_entry_keys.row[count].name;
	words[count++] = "expiry-date";
	for (size_t i = 0; i <= r->test->steps; i++) {
		const struct rule *found = rule_in(r, rule, i);
		for (size_t k = 0; found && k < found->n_field; k++) {
			size_t w = 0;
			while (w < count && strcmp(words[w], found->field[k].name) != 0)
				w++;
			if (w == count && count < WORDS_MOST)
				words[count++] = found->field[k].name;
		}
	}
	return count;
}

static bool field_exists(struct ruletest_reader *r, const struct node *key, const char *rule)
{
	const char *words[WORDS_MOST];
	size_t count = field_words(r, rule, words);

	for (size_t i = 0; i < count; i++)
		if (slice_is(key->text, words[i]))
			return true;
	fault(r->f, CODE_UNKNOWN_FIELD, key, "rule '%s' sets no field %s", rule,
	      fault_shown(r->f, key->text));
	const char *near = diag_nearest(key->text, words, count);
	if (near)
		fault_hint(r->f, "did you mean '%s'?", near);
	else
		fault_words(r->f, key->text, words, count);
	return false;
}

/* Every key of an entry that is none of its own is a field: nothing is said of it there. */
static bool may_be_field(struct faults *f, const struct node *key)
{
	(void)f, (void)key;
	return true;
}

/* Where no rule is named nothing tells which fields there are: what looks like none is no key. */
static bool looks_like_field(struct faults *f, const struct node *key)
{
	(void)f;
	return memchr(key->text.ptr, '.', key->text.len) || slice_is(key->text, "issue-date") ||
	       slice_is(key->text, "expiry-date");
}

static bool is_entry_key(struct slice name)
{
	for (size_t i = 0; i < ruletest_entry_keys.count; i++)
		if (slice_is(name, ruletest_entry_keys.row[i].name))
			return true;
	return false;
}

static void read_fields(struct ruletest_reader *r, const struct node *n, bool known,
			struct ruletest_entry *e)
{
	e->field.list = arena_alloc(r->arena, (n->count + 1) * sizeof(*e->field.list));
	for (const struct node *m = n->first; m; m = m->next) {
		if (is_entry_key(m->key->text) || !value_text(r->f, m, m->key->text.ptr))
			continue;
		if (known && !field_exists(r, m->key, e->rule))
			continue;
		e->field.list[e->field.count++] = (struct ruletest_pair){
			arena_text(r->arena, m->key->text), arena_slice(r->arena, m->text)
		};
	}
}

static const char *text_or_null(struct ruletest_reader *r, const struct node *n)
{
	return n ? arena_text(r->arena, n->text) : NULL;
}

static void read_entry(struct ruletest_reader *r, const struct node *n, struct ruletest_entry *e)
{
	struct ruletest_entry_draft d = { 0 };
	int state = 0;

	*e = (struct ruletest_entry){ .at = fault_span(r->f, n), .text = ruletest_line(r, n) };
	(void)keys_read(r->f, &ruletest_entry_keys, n, n, &d,
			node_get(n, "rule") ? may_be_field : looks_like_field);
	e->group = text_or_null(r, d.group);
	e->reason = text_or_null(r, d.reason);
	if (d.state && value_word(r->f, d.state, "state", r->ground->states, &state))
		e->state = r->ground->states[state];
	if (d.contact && ruletest_read_id(r, d.contact, "contact", &e->contact) &&
	    !ruletest_person_ever(r, e->contact)) {
		fault(r->f, CODE_UNKNOWN_CONTACT, d.contact, "there is no contact %lld",
		      (long long)e->contact);
		ruletest_hint_persons(r);
	}
	e->rule = text_or_null(r, d.rule);
	read_fields(r, n, e->rule && r->ground->table && rule_exists(r, d.rule, e->rule), e);
}

static void read_expect(struct ruletest_reader *r, const struct node *list)
{
	struct ruletest *t = r->test;

	if (!check_maps(r, list, "expect"))
		return;
	t->expect = arena_alloc(r->arena, (list->count + 1) * sizeof(*t->expect));
	for (const struct node *n = list->first; n; n = n->next)
		read_entry(r, n, &t->expect[t->expects++]);
}

/* ---- documents --------------------------------------------------------------- */

/* Before 1970 times are negative, and the services' own dates end somewhere. */
static bool is_of_our_time(int64_t at_ms)
{
	int year = clock_civil(at_ms).year;

	return year >= 2000 && year <= 2999;
}

static void read_start(struct ruletest_reader *r, const struct node *n)
{
	int64_t *start_ms = &r->test->start_ms;

	if (n && clock_parse_datetime(n->text, start_ms)) {
		if (!is_of_our_time(*start_ms))
			fault(r->f, CODE_BAD_DATE, n, "'start' is from 2000 to 2999, not %s",
			      fault_shown(r->f, n->text));
		return;
	}
	(void)clock_parse_datetime(slice_of(START), start_ms);
	if (!n)
		return;
	fault(r->f, CODE_BAD_DATE, n, "'start' takes a date-time with its zone, not %s",
	      fault_shown(r->f, n->text));
	fault_hint(r->f, "such as " START);
}

/* Whether the document is a test; else it is said what it is. */
static bool check_document(struct ruletest_reader *r, const struct node *doc)
{
	static const char *const words[] = { "test" };

	if (doc->broken && doc->kind != NODE_MAP)
		return false;
	if (doc->kind != NODE_MAP || !doc->first) {
		fault(r->f, CODE_UNKNOWN_DOCUMENT, doc, "a document here is a rule test, not %s",
		      doc->kind == NODE_LIST  ? "a list"
		      : doc->kind == NODE_MAP ? "an empty map"
					      : "a text");
		fault_hint(r->f, "it begins with 'test: WHAT IT SHOWS'");
		return false;
	}
	const struct node *key = doc->first->key, *test = node_get(doc, "test");
	if (test && test != doc->first) {
		fault(r->f, CODE_KEY_ORDER, test->key,
		      "'test' must be the first key of its document");
		fault_other(r->f, fault_span(r->f, key), "this one comes before it");
	} else if (!test) {
		fault(r->f, CODE_UNKNOWN_DOCUMENT, key,
		      "a rule test begins with 'test', not with %s", fault_shown(r->f, key->text));
		if (slice_is(key->text, "rule") || slice_is(key->text, "account"))
			fault_hint(r->f, "rules live in the folder above");
		else
			fault_words(r->f, key->text, words, 1);
	}
	return test != NULL;
}

/* A name is how a test is asked for and reported. */
static void check_name(struct ruletest_reader *r, struct map *names, const struct node *name)
{
	const struct node *first = map_get(names, name->text);

	if (!first) {
		map_put(names, name->text, (void *)name);
		return;
	}
	fault(r->f, CODE_DUPLICATE_TEST, name, "there is another test %s",
	      fault_shown(r->f, name->text));
	fault_other(r->f, fault_span(r->f, first), "the first one");
}

static void read_test(struct ruletests *t, struct faults *f, const struct ruletest_ground *ground,
		      struct map *names, const struct node *doc)
{
	struct ruletest_reader r = { .f = f, .arena = &t->arena, .ground = ground };
	struct ruletest_draft d = { 0 };

	if (!check_document(&r, doc))
		return;
	(void)keys_read(f, &ruletest_keys, doc, doc->first, &d, NULL);
	t->test = mem_grow(t->test, &t->cap, t->count + 1, sizeof(*t->test));
	r.test = &t->test[t->count++];
	*r.test = (struct ruletest){ .at = fault_span(f, d.name ? d.name : doc), .name = "" };
	if (d.name) {
		r.test->name = ruletest_line(&r, d.name);
		check_name(&r, names, d.name);
	}
	map_init(&r.people);
	read_start(&r, d.start);
	if (d.contacts)
		read_contacts(&r, d.contacts);
	if (d.lists)
		read_lists(&r, d.lists);
	if (d.steps && check_maps(&r, d.steps, "steps"))
		ruletest_read_steps(&r, d.steps);
	read_expect(&r, d.expect);
	map_release(&r.people);
}

void ruletests_init(struct ruletests *t)
{
	*t = (struct ruletests){ 0 };
	sources_init(&t->sources);
	arena_init(&t->arena);
}

void ruletests_release(struct ruletests *t)
{
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < t->test[i].steps; k++)
			table_unref(t->test[i].step[k].table);
	mem_free(t->test);
	arena_release(&t->arena);
	sources_release(&t->sources);
}

void ruletests_read(struct ruletests *t, const struct ruletest_ground *ground, struct diags *diags)
{
	struct faults f = { .sources = &t->sources, .diags = diags };
	struct documents documents = { 0 };
	struct map names;

	map_init(&names);
	for (size_t i = 0; i < t->sources.count; i++)
		if (!t->sources.file[i].lock)
			node_read_file(&f, (uint32_t)i, &t->arena, &documents);
	for (size_t i = 0; i < documents.count; i++)
		read_test(t, &f, ground, &names, documents.root[i]);
	map_release(&names);
	documents_release(&documents);
	diags_sort(diags);
}

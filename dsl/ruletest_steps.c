/*
 * ruletest_steps - what happens in a rule test, step by step, and who is there
 * meanwhile.
 */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dsl/keys.h"
#include "dsl/ruletest_read.h"
#include "dsl/value.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TIMES_MOST 100000

/* ---- requests that fail ------------------------------------------------------ */

static bool read_whole(const struct node *n, int least, int most, int *out)
{
	int value = 0;

	if (n->kind != NODE_TEXT || !n->text.len || n->text.len > 6)
		return false;
	for (size_t i = 0; i < n->text.len; i++) {
		if (n->text.ptr[i] < '0' || n->text.ptr[i] > '9')
			return false;
		value = value * 10 + (n->text.ptr[i] - '0');
	}
	*out = value;
	return value >= least && value <= most;
}

static void read_with(struct ruletest_reader *r, const struct node *n, struct ruletest_step *s)
{
	static const char *const words[] = { "cut-before", "cut-after", "timeout" };
	static const enum ruletest_with meant[] = { WITH_CUT_BEFORE, WITH_CUT_AFTER, WITH_TIMEOUT };

	s->with = WITH_STATUS;
	s->status = 500;
	if (!n || read_whole(n, 400, 599, &s->status))
		return;
	for (size_t i = 0; i < COUNT(words); i++) {
		if (slice_is(n->text, words[i])) {
			s->with = meant[i];
			return;
		}
	}
	fault(r->f, CODE_UNKNOWN_VALUE, n, "'with' cannot be %s", fault_shown(r->f, n->text));
	const char *near = diag_nearest(n->text, words, COUNT(words));
	if (near)
		fault_hint(r->f, "did you mean '%s'?", near);
	else
		fault_hint(r->f, "a status from 400 to 599, cut-before, cut-after or timeout");
}

static void read_fault(struct ruletest_reader *r, const struct node *map, struct ruletest_step *s)
{
	struct ruletest_fault_draft d = { 0 };

	s->times = 1;
	if (!keys_read(r->f, &ruletest_fault_keys[s->what], map, map->key, &d, NULL))
		return;
	s->fail = ruletest_calls[s->what][d.call];
	read_with(r, d.with, s);
	if (d.times && !read_whole(d.times, 1, TIMES_MOST, &s->times))
		fault(r->f, CODE_BAD_NUMBER, d.times, "'times' takes a number from 1 to %d, not %s",
		      TIMES_MOST, fault_shown(r->f, d.times->text));
}

/* ---- rules that are loaded meanwhile -------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The file's path as seen from the folder of the test. */
static const char *beside(struct ruletest_reader *r, const struct node *n)
{
	const char *test = r->f->sources->file[n->file].path;
	size_t folder = (size_t)(base_name(test) - test);

	if (n->text.ptr[0] == '/')
		return arena_text(r->arena, n->text);
	return arena_printf(r->arena, "%.*s%.*s", (int)folder, test, SLICE_FMT(n->text));
}

static bool has_name(const struct sources *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(base_name(s->file[i].path), name) == 0)
			return true;
	return false;
}

/*
 * A file takes the place of the one of its name among the rules; a folder the place of all.
 * Which it was, is known by what came: a file is read under its own path.
 */
static void add_others(const struct ruletest_reader *r, struct sources *s, const char *path)
{
	const struct sources *rules = r->ground->rules;

	if (!s->count || strcmp(s->file[0].path, path) != 0)
		return;
	for (size_t i = 0; i < rules->count; i++)
		if (!has_name(s, base_name(rules->file[i].path)))
			sources_add_text(s, rules->file[i].path, rules->file[i].text);
}

static void refuse_rules(struct ruletest_reader *r, const struct node *n, const struct sources *s,
			 const struct diags *d)
{
	const struct diag *first = d->list;

	while (first->severity != SEVERITY_ERROR)
		first++;
	fault(r->f, CODE_BAD_RULES, n, "the rules in %s are not valid", fault_shown(r->f, n->text));
	fault_hint(r->f, "%s:%u: %s", s->file[first->at.file].path, first->at.line, first->message);
}

static void read_reload(struct ruletest_reader *r, const struct node *n, struct ruletest_step *s)
{
	struct sources sources;
	struct diags diags;
	struct err err;
	const char *path = beside(r, n);

	if (!r->ground->table)
		return;
	sources_init(&sources);
	diags_init(&diags);
	if (sources_add_path(&sources, path, &diags, &err) != RC_OK) {
		fault(r->f, CODE_NOT_A_FILE, n, "%s", err.text);
		fault_hint(r->f, "a path is seen from the folder of the test");
	} else {
		add_others(r, &sources, path);
		s->table = table_build(&sources, &diags, NULL);
		if (!s->table)
			refuse_rules(r, n, &sources, &diags);
	}
	diags_release(&diags);
	sources_release(&sources);
}

/* ---- contacts and lists ------------------------------------------------------------ */

static void read_set(struct ruletest_reader *r, const struct node *map, struct ruletest_step *s)
{
	const struct node *contact = node_get(map, "contact");

	if (!contact && !map->broken)
		fault(r->f, CODE_MISSING_KEY, map->key, "'set' needs the key 'contact'");
	if (contact && ruletest_read_id(r, contact, "contact", &s->contact))
		(void)ruletest_person(r, contact, s->contact);
	if (ruletest_read_values(r, map, "contact", &s->value) && contact && !s->value.count &&
	    !map->broken)
		fault(r->f, CODE_MISSING_KEY, map->key, "'set' names no property");
}

static void read_create(struct ruletest_reader *r, const struct node *map, struct ruletest_step *s)
{
	const struct node *id = node_get(map, "id");

	if (!id && !map->broken)
		fault(r->f, CODE_MISSING_KEY, map->key, "'create' needs the key 'id'");
	if (id && ruletest_read_id(r, id, "id", &s->contact))
		(void)ruletest_person_made(r, id, s->contact);
	(void)ruletest_read_values(r, map, "id", &s->value);
}

static void read_delete(struct ruletest_reader *r, const struct ruletest_ids_draft *d,
			struct ruletest_step *s)
{
	if (!ruletest_read_id(r, d->contact, "contact", &s->contact))
		return;
	struct ruletest_person *p = ruletest_person(r, d->contact, s->contact);
	if (p)
		p->gone = d->contact;
}

/* A merge makes a new record, or, of the older kind, keeps the id of the primary. */
static void read_merge(struct ruletest_reader *r, const struct ruletest_ids_draft *d,
		       struct ruletest_step *s)
{
	if (!ruletest_read_id(r, d->primary, "primary", &s->contact) ||
	    !ruletest_read_id(r, d->other, "other", &s->other) ||
	    !ruletest_read_id(r, d->into, "into", &s->into))
		return;
	struct ruletest_person *primary = ruletest_person(r, d->primary, s->contact);
	struct ruletest_person *other = ruletest_person(r, d->other, s->other);
	if (primary && other && primary == other) {
		fault(r->f, CODE_CONFLICT, d->other, "a contact is not merged with itself");
		return;
	}
	if (other)
		other->gone = d->other;
	if (s->into == s->contact)
		return;
	if (primary)
		primary->gone = d->primary;
	(void)ruletest_person_made(r, d->into, s->into);
}

static void read_list_change(struct ruletest_reader *r, const struct ruletest_ids_draft *d,
			     struct ruletest_step *s)
{
	if (ruletest_read_id(r, d->contact, "contact", &s->contact))
		(void)ruletest_person(r, d->contact, s->contact);
	(void)ruletest_read_id(r, d->list, "list", &s->list);
}

static void read_ids(struct ruletest_reader *r, const struct node *map, struct ruletest_step *s)
{
	struct ruletest_ids_draft d = { 0 };

	if (!keys_read(r->f, &ruletest_ids_keys[s->what], map, map->key, &d, NULL))
		return;
	if (s->what == DO_DELETE)
		read_delete(r, &d, s);
	else if (s->what == DO_MERGE)
		read_merge(r, &d, s);
	else
		read_list_change(r, &d, s);
}

/* ---- steps ---------------------------------------------------------------------------- */

static void (*const readers[DO_COUNT])(struct ruletest_reader *r, const struct node *map,
				       struct ruletest_step *s) = {
	[DO_SET] = read_set,	   [DO_CREATE] = read_create,	[DO_JOIN] = read_ids,
	[DO_LEAVE] = read_ids,	   [DO_MERGE] = read_ids,	[DO_DELETE] = read_ids,
	[DO_RELOAD] = read_reload, [DO_FAIL_SINK] = read_fault, [DO_FAIL_SOURCE] = read_fault,
};

/* What the step does: the one key beside `at`. NULL after a fault. */
static const struct node *find_word(struct ruletest_reader *r, const struct node *entry,
				    struct ruletest_step *s)
{
	const struct node *found = NULL;

	for (const struct node *m = entry->first; m; m = m->next) {
		for (int i = 0; i < DO_COUNT; i++) {
			if (!slice_is(m->key->text, ruletest_do_names[i]))
				continue;
			if (found) {
				fault(r->f, CODE_CONFLICT, m->key, "a step does one thing");
				fault_other(r->f, fault_span(r->f, found->key), "the first one");
				fault_hint(r->f, "begin another step with '- at: …'");
				return NULL;
			}
			found = m;
			s->what = (enum ruletest_do)i;
		}
	}
	if (!found && !entry->broken && entry->count <= 1) {
		fault(r->f, CODE_MISSING_KEY, entry, "the step does nothing");
		fault_words(r->f, slice_of(""), ruletest_do_names, DO_COUNT);
	}
	return found;
}

static void check_order(struct ruletest_reader *r, const struct node *entry,
			const struct ruletest_step *s)
{
	const struct ruletest_step *before = s - 1;
	char text[CLOCK_TEXT];
	const struct node *at = node_get(entry, "at");

	if (s == r->test->step || s->after_ms >= before->after_ms)
		return;
	fault(r->f, CODE_STEP_ORDER, at ? at : entry, "a step at %s stands behind one at %s",
	      fault_shown(r->f, at ? at->text : slice_of("")),
	      clock_format_duration(before->after_ms, text));
	fault_other(r->f, before->at, "this one is later");
}

static void read_step(struct ruletest_reader *r, const struct node *entry, struct ruletest_step *s)
{
	struct ruletest_step_draft d = { 0 };

	*s = (struct ruletest_step){ .at = fault_span(r->f, entry), .text = "" };
	bool good = keys_read(r->f, &ruletest_step_keys, entry, entry, &d, NULL);
	s->after_ms = d.at_ms;
	s->down_ms = d.down_ms;
	if (good)
		check_order(r, entry, s);
	const struct node *word = find_word(r, entry, s);
	if (!word)
		return;
	s->text = arena_printf(r->arena, "%s %s", ruletest_do_names[s->what],
			       ruletest_line(r, word));
	bool takes_map = s->what != DO_RELOAD && s->what != DO_RESTART;
	if (readers[s->what] && word->kind == (takes_map ? NODE_MAP : NODE_TEXT) && !word->broken &&
	    (takes_map || !node_is_missing(word)))
		readers[s->what](r, word, s);
}

void ruletest_read_steps(struct ruletest_reader *r, const struct node *list)
{
	struct ruletest *t = r->test;

	t->step = arena_alloc(r->arena, (list->count + 1) * sizeof(*t->step));
	for (const struct node *n = list->first; n; n = n->next)
		read_step(r, n, &t->step[t->steps++]);
}

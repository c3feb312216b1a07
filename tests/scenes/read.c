#include "tests/scenes/scene.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "dsl/fault.h"

const char *node_word(const struct node *map, const char *key, const char *otherwise,
		      struct arena *memory)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_TEXT ? arena_text(memory, n->text) : otherwise;
}

static bool fail(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s\n", path, what);
	return false;
}

/* `at` and one other key: the step's word. */
static bool read_step(const char *path, const struct node *n, struct arena *memory,
		      struct step *out)
{
	for (const struct node *m = n->first; m; m = m->next) {
		if (slice_is(m->key->text, "at")) {
			if (!clock_parse_duration(m->text, &out->at_ms))
				return fail(path, "a step's 'at' is no duration");
		} else {
			out->word = arena_text(memory, m->key->text);
			out->what = m;
		}
	}
	return out->word ? true : fail(path, "a step says nothing");
}

static bool read_steps(const struct node *list, struct arena *memory, struct scene *s)
{
	s->step = arena_alloc(memory, ((list ? list->count : 0) + 1) * sizeof(*s->step));
	for (const struct node *n = list ? list->first : NULL; n; n = n->next) {
		if (!read_step(s->path, n, memory, &s->step[s->steps]))
			return false;
		if (s->steps && s->step[s->steps].at_ms < s->step[s->steps - 1].at_ms)
			return fail(s->path, "steps are not in order of time");
		s->puts_back |= strcmp(s->step[s->steps].word, "restore-backup") == 0 ||
				strcmp(s->step[s->steps].word, "reconcile") == 0;
		s->steps++;
	}
	return true;
}

static const char *const known_keys[] = { "scene",    "about", "rules",	 "start",      "sandbox",
					  "contacts", "lists", "groups", "attributes", "steps",
					  "expect",   "polls", "ends",	 "restores" };

static bool keys_known(const char *path, const struct node *doc)
{
	for (const struct node *m = doc->first; m; m = m->next) {
		size_t i = 0;
		while (i < sizeof(known_keys) / sizeof(known_keys[0]) &&
		       !slice_is(m->key->text, known_keys[i]))
			i++;
		if (i == sizeof(known_keys) / sizeof(known_keys[0])) {
			fprintf(stderr, "%s: unknown key '%.*s'\n", path, SLICE_FMT(m->key->text));
			return false;
		}
	}
	return true;
}

static bool read_scene(const char *path, const struct node *doc, struct arena *memory,
		       struct scene *s)
{
	const struct node *rules = node_get(doc, "rules");
	const char *start = node_word(doc, "start", "2026-01-05T09:00:00Z", memory);

	*s = (struct scene){ .path = path, .name = node_word(doc, "scene", "?", memory) };
	if (!keys_known(path, doc))
		return false;
	if (!rules || !node_get(doc, "expect"))
		return fail(path, "a scene needs 'rules' and 'expect'");
	if (!clock_parse_datetime(slice_of(start), &s->start_ms))
		return fail(path, "'start' is no date-time");
	s->rules = arena_slice(memory, rules->text);
	s->own_accounts = strstr(s->rules.ptr, "account: hubspot\n") != NULL;
	s->options = node_get(doc, "sandbox");
	s->contacts = node_get(doc, "contacts");
	s->lists = node_get(doc, "lists");
	s->groups = node_get(doc, "groups");
	s->attributes = node_get(doc, "attributes");
	s->expect = node_get(doc, "expect");
	s->fast_only = slice_is(slice_of(node_word(doc, "polls", "", memory)), "fast");
	s->restores = slice_is(slice_of(node_word(doc, "restores", "", memory)), "everywhere");
	s->never_ends = slice_is(slice_of(node_word(doc, "ends", "", memory)), "never");
	s->no_ends = s->never_ends ||
		     slice_is(slice_of(node_word(doc, "ends", "", memory)), "none");
	return read_steps(node_get(doc, "steps"), memory, s);
}

bool scenes_read(const char *path, struct arena *memory, struct scene **out, size_t *count)
{
	struct sources *sources = arena_alloc(memory, sizeof(*sources));
	struct diags diags;
	struct documents docs = { 0 };
	struct str text;
	struct err err;
	bool good = true;

	str_init(&text, LIMIT_RULE_FILE_BYTES);
	diags_init(&diags);
	sources_init(sources);
	if (file_read(path, &text, &err) != RC_OK)
		return fail(path, err.text);
	sources_add_text(sources, path, arena_slice(memory, str_slice(&text)));
	struct faults f = { .sources = sources, .diags = &diags };
	node_read_file(&f, 0, memory, &docs);
	for (size_t i = 0; i < diags.count; i++) {
		fprintf(stderr, "%s:%u: %s\n", path, diags.list[i].at.line, diags.list[i].message);
		good = false;
	}
	*out = arena_alloc(memory, (docs.count + 1) * sizeof(**out));
	*count = docs.count;
	for (size_t i = 0; good && i < docs.count; i++)
		good = read_scene(path, docs.root[i], memory, &(*out)[i]);
	documents_release(&docs);
	sources_release(sources);
	diags_release(&diags);
	str_release(&text);
	return good;
}

/*
 * labels - what HubSpot shows for an option's value, for the template function
 * `label`. Asked for once a load and an hour, property by property, and again for a value that no option
 * has; a property that does not exist or has no options keeps its values.
 */
#include "engine/hubspot/hub.h"

#include <string.h>

static void free_options(struct map *options)
{
	if (!options)
		return;
	for (size_t k = 0; k < options->count; k++)
		mem_free(options->entry[k].value);
	map_release(options);
	mem_free(options);
}

void labels_init(struct source *s)
{
	map_init(&s->labels);
	map_init(&s->labels_asked);
	map_init(&s->labels_told);
	str_init(&s->labels_joined, LIMIT_VALUE_BYTES);
}

void labels_forget(struct source *s)
{
	str_release(&s->labels_joined);
	for (size_t i = 0; i < s->labels.count; i++)
		free_options(s->labels.entry[i].value);
	map_release(&s->labels);
	map_release(&s->labels_asked);
	map_release(&s->labels_told);
}

void labels_begin(struct source *s)
{
	map_release(&s->labels_told);
	map_release(&s->labels_asked);
	s->labels_known = false;
	s->cursor = 0;
}

static void take_options(struct source *s, const char *property, const struct json *answer)
{
	const struct json *list = json_get(answer, "options");
	struct map *options = mem_alloc(sizeof(*options));

	map_init(options);
	for (size_t i = 0; i < json_count(list); i++) {
		struct slice value = json_get_slice(json_at(list, i), "value");
		struct slice label = json_get_slice(json_at(list, i), "label");
		char *copy = mem_alloc(label.len + 1);
		for (size_t k = 0; k < label.len; k++)
			copy[k] = label.ptr[k];
		mem_free(map_put(options, value, copy));
	}
	free_options(map_put(&s->labels, slice_of(property), options));
}

/* Said once, not at each retry. */
static void note_labels(struct source *s, const char *property, bool missing)
{
	static char missed, had;
	void *now = missing ? &missed : &had;

	if (map_put(&s->labels_told, slice_of(property), now) != now && missing)
		log_line(s->world->log, LOG_ERROR, "the labels of the property cannot be had",
			 "account", s->name, "property", property, NULL);
}

/* Others on the way refuse, too: a proxy's 404 says nothing of the property. */
static bool is_refused(const struct reply *answer)
{
	return answer && slice_is(json_get_slice(answer->json, "status"), "error");
}

static void property_done(struct source *s, void *arg, const struct reply *answer)
{
	const struct property *p = arg;

	s->asking = false;
	if (!answer && !hub_passes_over(s))
		return;
	s->cursor++;
	/* What is refused has no labels, and its values stand for themselves; but labels that were read stay. */
	if (answer && answer->status == 200)
		take_options(s, p->name, answer->json);
	else if (!is_refused(answer))
		s->labels_missed = true;
	else if (!map_get(&s->labels, slice_of(p->name)))
		take_options(s, p->name, NULL);
	note_labels(s, p->name, !answer || answer->status != 200);
}

#define ASKED_LABELS 10000  /* values of no option that are remembered: then it begins anew */
#define OPTION_BYTES 1024   /* what is longer is no option's value */

/*
 * Whether the value of a property that has options may be one that was made after these were read: then they are read
 * again, once for each value. What is of no option then was, before it was removed, or never was one.
 */
static bool may_be_new(struct source *s, const char *property, struct slice value)
{
	struct str key;
	bool may_be = false;

	if (!s->watches || !value.len || value.len > OPTION_BYTES)
		return false;
	str_init(&key, LIMIT_VALUE_BYTES);
	str_addf(&key, "%s %.*s", property, SLICE_FMT(value));
	uintptr_t begun = (uintptr_t)map_get(&s->labels_asked, str_slice(&key));
	if (begun) {
		may_be = s->labels_had <= (int)begun;
	} else {
		if (s->labels_asked.count == ASKED_LABELS)
			map_release(&s->labels_asked);
		map_put(&s->labels_asked, str_slice(&key), (void *)(uintptr_t)s->labels_begun);
		s->labels_known = false;
		s->labels_wanted = s->labels_begun;
		hub_hasten(s);
		may_be = true;
	}
	str_release(&key);
	return may_be;
}

/* The labels of `a;b`, joined the same way. */
static const char *join_labels(const struct map *options, struct slice value, struct str *out)
{
	str_clear(out);
	while (value.len) {
		struct slice one;
		bool more = slice_cut(&value, ';', &one);
		const char *label = map_get(options, one);
		str_add_slice(out, label ? slice_of(label) : one);
		if (more)
			str_add_char(out, ';');
	}
	return str_text(out);
}

static bool some_may_be_new(struct source *s, const char *property, const struct map *options,
			    struct slice value)
{
	struct slice one;
	bool may_be = false;

	while (options->count && value.len) {
		(void)slice_cut(&value, ';', &one);
		may_be |= !map_get(options, one) && may_be_new(s, property, one);
	}
	return may_be;
}

enum fact labels_of(struct source *s, const char *property, struct slice value, struct slice *out)
{
	struct map *options = map_get(&s->labels, slice_of(property));

	if (!options)
		return FACT_UNSURE;
	const char *label = map_get(options, value);
	if (!label && some_may_be_new(s, property, options, value))
		return FACT_UNSURE;
	if (!label && value.len && memchr(value.ptr, ';', value.len))
		label = join_labels(options, value, &s->labels_joined);
	*out = label ? slice_of(label) : value;
	return FACT_KNOWN;
}

void labels_step(struct source *s)
{
	const struct table *t = s->table;
	struct arena memory;
	struct str rest;

	if (s->cursor == 0) {
		s->labels_missed = false;
		s->labels_begun++;
	}
	while (s->cursor < t->n_property &&
	       !(t->property[s->cursor].source == s->account && t->property[s->cursor].label))
		s->cursor++;
	if (s->cursor == t->n_property) {
		if (!s->labels_missed)
			s->labels_had = s->labels_begun;
		/* What was asked for on the way may be of a property that had been read by then. */
		s->labels_known = !s->labels_missed && s->labels_wanted < s->labels_begun;
		phase_next(s, PHASE_RESOLVE);
		return;
	}
	const struct property *p = &t->property[s->cursor];
	arena_init(&memory);
	str_init(&rest, LIMIT_URL_BYTES);
	str_add_char(&rest, '/');
	str_add_url(&rest, slice_of(p->name));
	struct call_spec spec = {
		.budget = BUDGET_GENERAL,
		.method = "GET",
		.takes_refusal = true,
		.of_poll = true,
		.done = property_done,
		.url = hub_url(s, AREA_PROPERTIES, str_text(&rest), &memory),
		.arg = (void *)(uintptr_t)p,
	};
	s->asking = true;
	call_start(s, &spec);
	str_release(&rest);
	arena_release(&memory);
}

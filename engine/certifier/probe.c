#include "engine/certifier/probe.h"

#include <string.h>

#include "base/diag.h"
#include "base/mask.h"
#include "engine/certifier/api.h"

#define PAGES_MOST 100 /* 10,000 groups: a workspace that has more is not checked */
#define MESSAGE_BYTES 200

void probe_init(struct probe *p)
{
	*p = (struct probe){ .asks = PROBE_GROUPS };
	str_init(&p->cursor, LIMIT_URL_BYTES);
	str_init(&p->problem, LIMIT_ERROR_BYTES * 4);
	map_init(&p->groups);
	map_init(&p->attributes);
}

void probe_release(struct probe *p)
{
	str_release(&p->cursor);
	str_release(&p->problem);
	map_release(&p->groups);
	map_release(&p->attributes);
}

bool probe_next(struct action *a, struct arena *memory, struct http_request *out)
{
	if (a->probe.asks == PROBE_GROUPS)
		api_groups(a, str_text(&a->probe.cursor), memory, out);
	else if (a->probe.asks == PROBE_ATTRIBUTES)
		api_attributes(a, memory, out);
	return a->probe.asks != PROBE_DONE;
}

static void remember(struct map *m, struct slice name)
{
	if (name.len)
		map_put(m, name, m); /* any value but NULL */
}

static const char *take_groups(struct probe *p, const struct json *body)
{
	const struct json *data = json_get(body, "data");

	if (json_kind(data) != IS_ARRAY)
		return "groups: not a page";
	for (size_t i = 0; i < json_count(data); i++)
		remember(&p->groups, json_get_slice(json_at(data, i), "id"));
	struct slice next = api_next_cursor(body, str_text(&p->cursor));
	str_clear(&p->cursor);
	str_add_slice(&p->cursor, next);
	if (!next.len)
		p->asks = PROBE_ATTRIBUTES;
	return ++p->pages == PAGES_MOST && next.len ? "groups: too many to check" : NULL;
}

static const char *take_attributes(struct probe *p, const struct json *body)
{
	const struct json *list = api_attribute_list(body);
	struct str key;

	if (json_kind(list) != IS_ARRAY)
		return "attributes: not a list";
	str_init(&key, LIMIT_FIELD_BYTES);
	for (size_t i = 0; i < json_count(list); i++) {
		api_attribute_key(json_at(list, i), &key);
		remember(&p->attributes, str_slice(&key));
	}
	str_release(&key);
	p->asks = PROBE_DONE;
	return NULL;
}

static void end_with(struct probe *p, const char *problem)
{
	str_add_shown(&p->problem, slice_of(problem));
	p->asks = PROBE_DONE;
}

static void end_with_answer(struct action *a, const struct http_response *r,
			    const struct json *body)
{
	struct slice said = json_slice(json_path(body, "error.message"));
	struct probe *p = &a->probe;

	if (r->outcome == HTTP_ANSWER)
		str_addf(&p->problem, "%d ", r->status);
	mask_said(&p->problem, said, str_slice(&a->token), MESSAGE_BYTES);
	end_with(p, said.len ? "" : r->problem ? r->problem : "unusable answer");
}

void probe_answer(struct action *a, const struct http_response *r)
{
	struct err ignored;
	struct probe *p = &a->probe;
	struct json *body = r->outcome == HTTP_ANSWER ? json_parse(r->body, &ignored) : NULL;

	if (!body || !api_is_good(r)) {
		end_with_answer(a, r, body);
	} else {
		bool groups = p->asks == PROBE_GROUPS;
		const char *problem = groups ? take_groups(p, body) : take_attributes(p, body);
		if (problem)
			end_with(p, problem);
	}
	json_free(body);
}

const char *probe_problem(const struct action *a)
{
	return a->probe.problem.len ? str_text(&a->probe.problem) : NULL;
}

/* ---- what a rule names and the workspace does not have ---------------------- */

static const char *nearest(const struct map *m, const char *name)
{
	const char **words = mem_alloc((m->count + 1) * sizeof(*words));

	for (size_t i = 0; i < m->count; i++)
		words[i] = m->entry[i].key.ptr;
	const char *near = diag_nearest(slice_of(name), words, m->count);
	mem_free(words);
	return near;
}

struct report {
	const struct rule *rule;
	void (*say)(void *ctx, const char *text);
	void *ctx;
};

static void report_missing(const struct report *to, const struct map *known, const char *what,
			   const char *name)
{
	struct str text;

	if (map_get(known, slice_of(name)))
		return;
	const char *near = nearest(known, name);
	str_init(&text, LIMIT_FIELD_BYTES);
	str_addf(&text, "rule %s (%s:%u): %s '%s' does not exist in this workspace", to->rule->name,
		 to->rule->file, (unsigned)to->rule->line, what, name);
	if (near) {
		str_add_text(&text, ": did you mean '");
		str_add_shown(&text, slice_of(near));
		str_add_text(&text, "'?");
	}
	to->say(to->ctx, str_text(&text));
	str_release(&text);
}

void probe_report(const struct action *a, const struct rule *rule,
		  void (*say)(void *ctx, const char *text), void *ctx)
{
	struct report to = { rule, say, ctx };

	report_missing(&to, &a->probe.groups, "group", rule->group);
	for (size_t i = 0; i < rule->n_field; i++)
		if (strncmp(rule->field[i].name, "custom.", 7) == 0)
			report_missing(&to, &a->probe.attributes, "attribute", rule->field[i].name);
}

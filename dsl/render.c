/*
 * render - templates given the facts of one contact and one event.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "dsl/program.h"

struct renderer {
	const struct rule *rule;
	const struct event_facts *event;
	const struct facts *facts;
	struct str now, next; /* what the functions of one reference work on */
	char *why;
	const char *field;
};

__attribute__((format(printf, 3, 4))) static enum render
fail(struct renderer *r, enum render answer, const char *format, ...)
{
	va_list args;

	int len = snprintf(r->why, LIMIT_ERROR_BYTES, "%s: ", r->field);
	if (len < 0 || len >= (int)LIMIT_ERROR_BYTES)
		return answer;
	va_start(args, format);
	vsnprintf(r->why + len, LIMIT_ERROR_BYTES - (size_t)len, format, args);
	va_end(args);
	return answer;
}

/* ---- references -------------------------------------------------------- */

static enum render read_property(struct renderer *r, const struct part *part, struct slice value)
{
	const struct facts *facts = r->facts;

	if (part->ref == REF_CONTACT && facts->value(facts->ctx, part->index, &value) != FACT_KNOWN)
		return fail(r, RENDER_UNSURE, "%.*s could not be read now", SLICE_FMT(part->text));
	if (part->label && value.len && facts->label &&
	    facts->label(facts->ctx, part->index, value, &value) != FACT_KNOWN)
		return fail(r, RENDER_UNSURE, "the labels of %.*s could not be read now",
			    SLICE_FMT(part->text));
	str_add_slice(&r->now, value);
	return RENDER_OK;
}

static enum render read_reference(struct renderer *r, const struct part *part)
{
	const struct event_facts *e = r->event;
	char text[CLOCK_TEXT];

	switch (part->ref) {
	case REF_CONTACT:
		return read_property(r, part, (struct slice){ 0 });
	case REF_EVENT_FROM:
		return read_property(r, part, e->from);
	case REF_EVENT_TO:
		return read_property(r, part, e->to);
	case REF_EVENT_PROPERTY:
		str_add_slice(&r->now, e->property);
		return RENDER_OK;
	case REF_EVENT_AT:
		str_add_text(&r->now, clock_format(e->at_ms, text));
		return RENDER_OK;
	case REF_EVENT_DATE:
		str_add_text(&r->now, clock_format_date(e->at_ms, text));
		return RENDER_OK;
	case REF_EVENT_LIST:
		str_add_slice(&r->now, e->list_name);
		return RENDER_OK;
	case REF_EVENT_LIST_ID:
		str_add_slice(&r->now, e->list_id);
		return RENDER_OK;
	case REF_RULE_NAME:
		str_add_text(&r->now, r->rule->name);
		return RENDER_OK;
	default:
		str_add_slice(&r->now, part->text);
		return RENDER_OK;
	}
}

/* ---- a template -------------------------------------------------------- */

/* A function would work on a part of what has no room, or on nothing. */
static enum render check_room(struct renderer *r, const struct part *part)
{
	return r->now.overflow ? fail(r, RENDER_BAD, "%.*s is too long", SLICE_FMT(part->text))
			       : RENDER_OK;
}

static enum render run_call(struct renderer *r, const struct part *part, const struct call *call)
{
	struct working w = { &r->now, &r->next, NULL };

	str_clear(&r->next);
	enum render answer = call->fn->run(call, &w);
	struct str swap = r->now;
	r->now = r->next;
	r->next = swap;
	if (answer == RENDER_REQUIRED)
		return fail(r, answer, "%.*s is required and empty", SLICE_FMT(part->text));
	if (answer == RENDER_BAD)
		return fail(r, answer, "%.*s %s", SLICE_FMT(part->text), w.problem);
	return check_room(r, part);
}

static enum render render_part(struct renderer *r, const struct part *part, struct str *out)
{
	str_clear(&r->now);
	enum render answer = read_reference(r, part);
	if (answer == RENDER_OK)
		answer = check_room(r, part);
	for (size_t i = 0; i < part->n_call && answer == RENDER_OK; i++)
		answer = run_call(r, part, &part->call[i]);
	if (answer != RENDER_OK)
		return answer;
	str_add_slice(out, str_slice(&r->now));
	if (out->overflow)
		return fail(r, RENDER_BAD, "%.*s is too long", SLICE_FMT(part->text));
	return RENDER_OK;
}

static enum render render_template(struct renderer *r, const struct template *t, struct str *out)
{
	enum render answer = RENDER_OK;

	for (size_t i = 0; i < t->n_part && answer == RENDER_OK; i++)
		answer = render_part(r, &t->part[i], out);
	return answer;
}

/* ---- what each field makes of its text --------------------------------- */

/* Replaces what is in out by a part of it. */
static void keep_part(struct str *out, struct slice part)
{
	if (part.len && part.ptr != out->ptr)
		memmove(out->ptr, part.ptr, part.len);
	out->len = part.len;
	if (out->ptr)
		out->ptr[out->len] = '\0';
}

/* The first reference of a template, to name in what went wrong. */
static struct slice first_reference(const struct template *t)
{
	for (size_t i = 0; i < t->n_part; i++)
		if (t->part[i].ref != REF_LITERAL)
			return t->part[i].text;
	return slice_of("the text");
}

static enum render finish_date(struct renderer *r, const struct template *t, struct str *out,
			       bool issue)
{
	struct slice text = slice_trim(str_slice(out));
	char day[CLOCK_TEXT];
	struct civil civil;
	int64_t at_ms;

	if (!text.len && !issue) {
		str_clear(out);
		return RENDER_OK;
	}
	if (clock_parse_date(text, &civil)) {
		keep_part(out, text);
		return RENDER_OK;
	}
	if (!text.len)
		at_ms = r->event->at_ms;
	else if (!clock_parse_value(text, &at_ms, NULL))
		return fail(r, RENDER_BAD, "%.*s is not a date", SLICE_FMT(first_reference(t)));
	str_clear(out);
	str_add_text(out, clock_format_date(at_ms, day));
	return RENDER_OK;
}

/* White space of a name or address: of ASCII, and the no-break space that copied ones bring along. */
static size_t space_bytes(struct slice rest)
{
	if (slice_starts(rest, slice_of("\xc2\xa0")))
		return 2;
	return *rest.ptr == ' ' || (*rest.ptr >= '\t' && *rest.ptr <= '\r');
}

/* No white space at the ends, one space for each run of it. */
static void squeeze(struct str *out)
{
	size_t to = 0;
	bool gap = false;

	for (size_t from = 0, n; from < out->len; from += n) {
		n = space_bytes((struct slice){ out->ptr + from, out->len - from });
		if (n) {
			gap = to > 0;
			continue;
		}
		if (gap)
			out->ptr[to++] = ' ';
		gap = false;
		out->ptr[to++] = out->ptr[from];
		n = 1;
	}
	keep_part(out, (struct slice){ out->ptr, to });
}

/* No white space at the ends. */
static void trim_address(struct str *out)
{
	struct slice text = str_slice(out);
	size_t first = text.len, end = 0;

	for (size_t i = 0, n; i < text.len; i += n ? n : 1) {
		n = space_bytes((struct slice){ text.ptr + i, text.len - i });
		if (n)
			continue;
		first = i < first ? i : first;
		end = i + 1;
	}
	keep_part(out, (struct slice){ text.ptr + first, end > first ? end - first : 0 });
}

static const struct field *find_field(const struct rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->n_field; i++)
		if (strcmp(rule->field[i].name, name) == 0)
			return &rule->field[i];
	return NULL;
}

static enum render finish_name(struct renderer *r, struct str *out)
{
	const struct field *email = find_field(r->rule, "recipient.email");

	squeeze(out);
	if (out->len || !email)
		return RENDER_OK;
	enum render answer = render_template(r, email->value, out);
	trim_address(out);
	return answer;
}

static enum render finish(struct renderer *r, const struct template *t, struct str *out)
{
	if (strcmp(r->field, "recipient.name") == 0)
		return finish_name(r, out);
	if (strcmp(r->field, "recipient.email") == 0)
		trim_address(out);
	else if (strcmp(r->field, "issue-date") == 0)
		return finish_date(r, t, out, true);
	else if (strcmp(r->field, "expiry-date") == 0)
		return finish_date(r, t, out, false);
	return RENDER_OK;
}

enum render rule_render(const struct table *t, const struct rule *rule, size_t i,
			const struct event_facts *event, const struct facts *facts, struct str *out,
			char *why)
{
	char unread[LIMIT_ERROR_BYTES];
	(void)t;
	struct renderer r = { .rule = rule,
			      .event = event,
			      .facts = facts,
			      .why = why ? why : unread,
			      .field = rule->field[i].name };
	const struct template *template = rule->field[i].value;

	str_init(&r.now, LIMIT_VALUE_BYTES);
	str_init(&r.next, LIMIT_VALUE_BYTES);
	str_clear(out);
	r.why[0] = '\0';
	enum render answer = render_template(&r, template, out);
	if (answer == RENDER_OK)
		answer = finish(&r, template, out);
	if (answer != RENDER_OK)
		str_clear(out);
	str_release(&r.now);
	str_release(&r.next);
	return answer;
}

/* ---- what can be unsure -------------------------------------------------- */

/* Into an ascending array that has room for it, once. Answers how many there are. */
static size_t put_once(uint32_t *list, size_t n, uint32_t index)
{
	size_t at = n;

	while (at > 0 && list[at - 1] > index)
		at--;
	if (at > 0 && list[at - 1] == index)
		return n;
	memmove(list + at + 1, list + at, (n - at) * sizeof(*list));
	list[at] = index;
	return n + 1;
}

size_t rule_labels(const struct rule *rule, struct arena *memory, const uint32_t **out)
{
	uint32_t *list = NULL;
	size_t n = 0, most = 0;

	for (size_t i = 0; rule->labels && i < rule->n_field; i++)
		most += rule->field[i].value->n_part;
	if (most)
		list = arena_alloc(memory, most * sizeof(*list));
	for (size_t i = 0; list && i < rule->n_field; i++) {
		const struct template *t = rule->field[i].value;
		for (size_t k = 0; k < t->n_part; k++)
			if (t->part[k].label)
				n = put_once(list, n, t->part[k].index);
	}
	*out = list;
	return n;
}

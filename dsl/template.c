/*
 * template - see template.h. One pass over the text:
 *
 *	template  = { literal | "{{" reference { "|" call } "}}" }
 *	reference = ("contact." | "event." | "rule.") name
 *	call      = name [ "(" [ text { "," text } ] ")" ]
 *	text      = '…' or "…"; the quote itself doubled or behind a backslash
 */
#include "dsl/template.h"

#include <string.h>

#include "base/limits.h"
#include "dsl/value.h"

#define WORDS_MOST 16

struct scan {
	struct faults *f;
	struct arena *arena;
	const struct node *n;
	int event; /* -1: not known, any will do */
	struct slice text;
	size_t at;
	struct part *part; /* LIMIT_TEMPLATE_PARTS of them */
	size_t n_part;
};

const struct reference references[REFERENCES] = {
	{ "event.property", REF_EVENT_PROPERTY, EVENT_PROPERTY_CHANGED,
	  "The property that changed." },
	{ "event.from", REF_EVENT_FROM, EVENT_PROPERTY_CHANGED, "The value before." },
	{ "event.to", REF_EVENT_TO, EVENT_PROPERTY_CHANGED, "The value after." },
	{ "event.at", REF_EVENT_AT, -1, "When it happened: a date-time." },
	{ "event.date", REF_EVENT_DATE, -1, "The day on which it happened." },
	{ "event.list", REF_EVENT_LIST, EVENT_LIST_ADDED, "The name of the list." },
	{ "event.list-id", REF_EVENT_LIST_ID, EVENT_LIST_ADDED, "The id of the list." },
	{ "rule.name", REF_RULE_NAME, -1, "The name of the rule." },
};

/* ---- characters -------------------------------------------------------- */

static bool ahead(const struct scan *s, const char *text)
{
	struct slice rest = { s->text.ptr + s->at, s->text.len - s->at };

	return slice_starts(rest, slice_of(text));
}

static void skip_space(struct scan *s)
{
	while (s->at < s->text.len && strchr(" \t\r\n", s->text.ptr[s->at]))
		s->at++;
}

static bool take(struct scan *s, char c)
{
	skip_space(s);
	if (s->at == s->text.len || s->text.ptr[s->at] != c)
		return false;
	s->at++;
	return true;
}

static bool ends_word(char c)
{
	return strchr(" \t\r\n|(){},'\"", c) != NULL;
}

static struct slice take_word(struct scan *s)
{
	size_t from = s->at;

	while (s->at < s->text.len && !ends_word(s->text.ptr[s->at]))
		s->at++;
	return (struct slice){ s->text.ptr + from, s->at - from };
}

/* The character at which reading stopped, or the end. */
static bool unexpected(struct scan *s, const char *expected)
{
	size_t len = s->at < s->text.len
			     ? utf8_length(s->text.ptr + s->at, s->text.ptr + s->text.len)
			     : 0;

	fault_part(s->f, CODE_BAD_TEMPLATE, s->n, s->at, s->at + len, "%s expected here", expected);
	return false;
}

/* ---- references -------------------------------------------------------- */

/* Names that exist in a rule with this event, with "contact." in front. */
static size_t reference_words(const struct scan *s, const char *words[WORDS_MOST])
{
	size_t count = 0;

	words[count++] = "contact.email";
	for (size_t i = 0; i < REFERENCES; i++)
		if (references[i].only < 0 || s->event < 0 || references[i].only == s->event)
			words[count++] = references[i].name;
	return count;
}

static bool unknown_reference(struct scan *s, struct slice name, size_t from)
{
	static const char *const roots[] = { "contact", "event", "rule" };
	const char *words[WORDS_MOST];
	size_t count = reference_words(s, words);
	const char *dot = memchr(name.ptr, '.', name.len);
	struct slice root = { name.ptr, dot ? (size_t)(dot - name.ptr) : name.len };
	const char *near_root = diag_nearest(root, roots, 3);
	bool known = slice_is(root, "event") || slice_is(root, "rule") || slice_is(root, "contact");

	fault_part(s->f, CODE_UNKNOWN_REFERENCE, s->n, from, s->at, "unknown reference %s",
		   fault_shown(s->f, name));
	if (dot && !known && near_root)
		fault_hint(s->f, "did you mean '%s%.*s'?", near_root, (int)(name.len - root.len),
			   dot);
	else if (!dot && !known && !near_root)
		fault_hint(s->f, "did you mean 'contact.%.*s'?", SLICE_FMT(name));
	else if (!dot && slice_is(root, "contact"))
		fault_hint(s->f,
			   "contact. and the internal name of a property, such as contact.email");
	else if (slice_is(root, "event") || slice_is(root, "rule"))
		fault_words(s->f, name, words + 1, count - 1);
	else
		fault_hint(s->f, "references begin with contact., event. or rule.");
	return false;
}

static bool is_function(struct slice name)
{
	for (size_t i = 0; i < function_count; i++)
		if (slice_is(name, functions[i].name))
			return true;
	return false;
}

/*
 * Where a property ends that has blanks in it: then it is a label, "contact.First Name", unless a `|` was left
 * out before a function, or a brace before another reference.
 */
static size_t label_end(struct scan *s)
{
	size_t end = s->at;
	struct scan ahead = *s;

	for (;;) {
		skip_space(&ahead);
		struct slice word = take_word(&ahead);
		if (!word.len || is_function(word) || memchr(word.ptr, '.', word.len))
			return end;
		end = ahead.at;
	}
}

static bool read_reference(struct scan *s, struct part *part)
{
	skip_space(s);
	size_t from = s->at;
	struct slice name = take_word(s);

	if (!name.len)
		return unexpected(s, "a reference such as contact.email is");
	part->text = name;
	part->from = (uint32_t)from;
	part->to = (uint32_t)s->at;
	if (slice_starts(name, slice_of("contact."))) {
		size_t end = name.len > 8 ? label_end(s) : s->at;
		part->ref = REF_CONTACT;
		part->property = (struct slice){ name.ptr + 8, end - from - 8 };
		part->to = (uint32_t)end;
		return value_property_part(s->f, s->n, from + 8, end);
	}
	for (size_t i = 0; i < REFERENCES; i++) {
		const struct reference *r = &references[i];
		if (!slice_is(name, r->name))
			continue;
		part->ref = r->ref;
		if (r->only < 0 || s->event < 0 || r->only == s->event)
			return true;
		fault_part(s->f, CODE_UNKNOWN_REFERENCE, s->n, from, s->at,
			   "'%s' does not exist in a '%s' rule", r->name,
			   event_kind_names[s->event]);
		fault_hint(s->f, "only '%s' rules have it", event_kind_names[r->only]);
		return false;
	}
	return unknown_reference(s, name, from);
}

/* ---- functions --------------------------------------------------------- */

static const struct function *find_function(struct scan *s, struct slice name, size_t from)
{
	const char *words[WORDS_MOST];

	for (size_t i = 0; i < function_count; i++) {
		if (slice_is(name, functions[i].name))
			return &functions[i];
		words[i] = functions[i].name;
	}
	fault_part(s->f, CODE_UNKNOWN_FUNCTION, s->n, from, s->at, "unknown function %s",
		   fault_shown(s->f, name));
	fault_words(s->f, name, words, function_count);
	return NULL;
}

/* From behind the opening quote to behind the closing one. */
static bool read_quoted(struct scan *s, char quote, struct slice *out)
{
	size_t open = s->at - 1;
	char *text = arena_alloc(s->arena, s->text.len - s->at + 1);
	size_t len = 0;

	for (; s->at < s->text.len; s->at++) {
		char c = s->text.ptr[s->at],
		     next = s->at + 1 < s->text.len ? s->text.ptr[s->at + 1] : '\0';
		if (c == quote && next != quote) {
			s->at++;
			*out = (struct slice){ text, len };
			return true;
		}
		if (c == quote || (c == '\\' && (next == '\'' || next == '"' || next == '\\')))
			c = s->text.ptr[++s->at];
		text[len++] = c;
	}
	fault_part(s->f, CODE_BAD_TEMPLATE, s->n, open, s->text.len, "the quote is not closed");
	return false;
}

static bool read_argument(struct scan *s, struct call *c)
{
	struct slice kept = { 0 };

	skip_space(s);
	size_t from = s->at;
	char quote = from < s->text.len ? s->text.ptr[from] : '\0';
	if (quote != '\'' && quote != '"') {
		unexpected(s, "a text in quotes is");
		if (c->fn)
			fault_hint(s->f, "such as %s", c->fn->usage);
		return false;
	}
	s->at++;
	if (!read_quoted(s, quote, &kept))
		return false;
	if (c->n_arg < CALL_ARGS) {
		c->arg[c->n_arg] = kept;
		c->arg_from[c->n_arg] = (uint32_t)from;
		c->arg_to[c->n_arg] = (uint32_t)s->at;
	}
	c->n_arg++;
	return true;
}

static bool read_arguments(struct scan *s, struct call *c)
{
	if (!take(s, '(') || take(s, ')'))
		return true;
	do {
		if (!read_argument(s, c))
			return false;
	} while (take(s, ','));
	return take(s, ')') || unexpected(s, "',' or ')' is");
}

/* An argument's own bytes lie behind its quote; with escapes in it the whole argument is named. */
static void refuse_argument(struct scan *s, const struct call *c, const char *problem, size_t at,
			    size_t from, size_t to)
{
	size_t start = c->arg_from[at], end = c->arg_to[at], count = 0;

	if (to > from && end - start == c->arg[at].len + 2) {
		end = start + 1 + to;
		start = start + 1 + from;
	}
	fault_part(s->f, CODE_BAD_ARGUMENT, s->n, start, end, "'%s': %s", c->fn->name, problem);
	while (c->fn->words && c->fn->words[count])
		count++;
	if (to > from && count)
		fault_words(s->f, (struct slice){ c->arg[at].ptr + from, to - from }, c->fn->words,
			    count);
}

static bool check_call(struct scan *s, struct call *c)
{
	const struct function *fn = c->fn;
	size_t at = 0, from = 0, to = 0;

	if (c->n_arg < fn->min_args || c->n_arg > fn->max_args) {
		fault_part(s->f, CODE_BAD_ARGUMENT, s->n, c->from, s->at, "'%s' takes %s", fn->name,
			   fn->max_args == 0   ? "no argument"
			   : fn->max_args == 1 ? "one argument"
					       : "two arguments");
		fault_hint(s->f, "write %s", fn->usage);
		return false;
	}
	const char *problem = fn->check ? fn->check(c, s->arena, &at, &from, &to) : NULL;
	if (problem)
		refuse_argument(s, c, problem, at, from, to);
	return !problem;
}

static bool read_call(struct scan *s, struct call *c)
{
	skip_space(s);
	size_t from = s->at;
	struct slice name = take_word(s);

	if (!name.len)
		return unexpected(s, "a function is");
	c->from = (uint32_t)from;
	c->to = (uint32_t)s->at;
	c->fn = find_function(s, name, from);
	/* An unknown function's arguments are read too, so that what follows is still looked at. */
	if (!read_arguments(s, c))
		return false;
	return c->fn ? check_call(s, c) : true;
}

static bool is_label(const struct call *c)
{
	return c->fn && strcmp(c->fn->name, "label") == 0;
}

static bool check_label(struct scan *s, struct part *part, const struct call *c, size_t i)
{
	bool labelled = part->ref == REF_CONTACT || part->ref == REF_EVENT_FROM ||
			part->ref == REF_EVENT_TO;

	if (!is_label(c))
		return true;
	part->label = true;
	if (i == 0 && labelled)
		return true;
	fault_part(s->f, CODE_BAD_TEMPLATE, s->n, c->from, c->to,
		   labelled ? "'label' must be the first function" : "'%.*s' has no label",
		   SLICE_FMT(part->text));
	fault_hint(s->f, "options have labels: contact.PROPERTY | label, event.from | label, "
			 "event.to | label");
	return false;
}

static bool read_calls(struct scan *s, struct part *part)
{
	struct call calls[LIMIT_TEMPLATE_FUNCTIONS];
	bool good = true;

	while (take(s, '|')) {
		if (part->n_call == LIMIT_TEMPLATE_FUNCTIONS) {
			fault_part(s->f, CODE_TOO_LARGE, s->n, s->at - 1, s->at,
				   "more than %u functions", LIMIT_TEMPLATE_FUNCTIONS);
			return false;
		}
		struct call *c = &calls[part->n_call];
		*c = (struct call){ 0 };
		if (!read_call(s, c))
			return false;
		good &= c->fn != NULL && check_label(s, part, c, part->n_call);
		part->n_call++;
	}
	if (part->n_call) {
		struct call *kept = arena_alloc(s->arena, part->n_call * sizeof(*kept));
		memcpy(kept, calls, part->n_call * sizeof(*kept));
		part->call = kept;
	}
	return good;
}

/* ---- the whole --------------------------------------------------------- */

/* Behind the next }}, to read on after a fault; false where there is none. */
static bool recover(struct scan *s)
{
	while (s->at < s->text.len && !ahead(s, "}}"))
		s->at++;
	if (s->at == s->text.len)
		return false;
	s->at += 2;
	return true;
}

static bool read_expression(struct scan *s, struct part *part)
{
	size_t open = s->at;

	s->at += 2;
	bool good = read_reference(s, part);
	/* Behind an unknown reference the functions are looked at all the same. */
	if (part->text.len)
		good &= read_calls(s, part);
	skip_space(s);
	if (ahead(s, "}}")) {
		s->at += 2;
		return good;
	}
	if (good && s->at == s->text.len) {
		fault_part(s->f, CODE_BAD_TEMPLATE, s->n, open, open + 2, "'{{' without '}}'");
		return false;
	}
	if (good)
		unexpected(s, "'|' or '}}' is");
	return recover(s) && false;
}

/* `{contact.x}` is sent as it stands, which nobody wants. */
static void warn_single(struct scan *s, size_t from, size_t to)
{
	static const char *const roots[] = { "contact.", "event.", "rule." };

	for (size_t i = from; i < to; i++) {
		size_t k = i + 1;
		if (s->text.ptr[i] != '{')
			continue;
		while (k < to && s->text.ptr[k] == ' ')
			k++;
		struct slice rest = { s->text.ptr + k, to - k };
		for (size_t r = 0; r < 3; r++) {
			if (!slice_starts(rest, slice_of(roots[r])))
				continue;
			fault_at(s->f, CODE_SINGLE_BRACES, fault_span_part(s->f, s->n, i, i + 1),
				 "text in single braces is sent as it stands");
			fault_hint(s->f, "references have two: {{ … }}");
		}
	}
}

static bool read_literal(struct scan *s, struct part *part)
{
	size_t from = s->at;

	for (; s->at < s->text.len && !ahead(s, "{{"); s->at++) {
		if (!ahead(s, "}}"))
			continue;
		fault_part(s->f, CODE_BAD_TEMPLATE, s->n, s->at, s->at + 2, "'}}' without '{{'");
		s->at += 2;
		return false;
	}
	part->ref = REF_LITERAL;
	part->text = (struct slice){ s->text.ptr + from, s->at - from };
	part->from = (uint32_t)from;
	part->to = (uint32_t)s->at;
	warn_single(s, from, s->at);
	return true;
}

bool template_read(struct faults *f, struct arena *arena, const struct node *n, int event,
		   struct template *out)
{
	struct scan s = { .f = f, .arena = arena, .n = n, .event = event, .text = n->text };
	size_t cap = 0;
	bool good = true;

	while (s.at < s.text.len) {
		if (s.n_part == LIMIT_TEMPLATE_PARTS) {
			fault_part(f, CODE_TOO_LARGE, n, s.at, s.at + 1,
				   "more than %u parts in one template", LIMIT_TEMPLATE_PARTS);
			mem_free(s.part);
			return false;
		}
		s.part = mem_grow(s.part, &cap, s.n_part + 1, sizeof(*s.part));
		struct part *part = &s.part[s.n_part++];
		*part = (struct part){ 0 };
		good &= ahead(&s, "{{") ? read_expression(&s, part) : read_literal(&s, part);
	}
	struct part *kept = arena_alloc(arena, s.n_part * sizeof(*kept));
	if (s.n_part)
		memcpy(kept, s.part, s.n_part * sizeof(*kept));
	mem_free(s.part);
	*out = (struct template){ kept, s.n_part };
	return good;
}

#include "dsl/fault.h"

#include <stdio.h>

#include "dsl/secrecy.h"

#define SHOWN_BYTES 60
/* A first line is underlined no further than this: spans must stay cheap. */
#define FIRST_LINE_CHARACTERS 400

static struct slice text_of(const struct faults *f, const struct node *n)
{
	return f->sources->file[n->file].text;
}

static struct span span_of(uint32_t file, struct place start, struct place end)
{
	return (struct span){ file, start.line, start.column, end.line, end.column };
}

struct span fault_span_part(const struct faults *f, const struct node *n, size_t from, size_t to)
{
	struct scalar scalar = { n->style, n->start, n->end, n->text };
	struct place start, end;

	if (n->kind == NODE_TEXT && place_in_scalar(text_of(f, n), &scalar, from, &start) &&
	    place_in_scalar(text_of(f, n), &scalar, to, &end))
		return span_of(n->file, start, end);
	return span_of(n->file, n->start, n->end);
}

struct span fault_span(const struct faults *f, const struct node *n)
{
	struct slice text = text_of(f, n);

	if (n->kind == NODE_TEXT && (n->style == STYLE_LITERAL || n->style == STYLE_FOLDED))
		return fault_span_part(f, n, 0, slice_trim(n->text).len);
	if (n->kind == NODE_TEXT || n->start.line == n->end.line)
		return span_of(n->file, n->start, n->end);
	struct place end = n->start;
	while (end.at < text.len && text.ptr[end.at] != '\n' && text.ptr[end.at] != '\r' &&
	       end.column - n->start.column < FIRST_LINE_CHARACTERS)
		end = place_next(text, end);
	return span_of(n->file, n->start, end);
}

__attribute__((format(printf, 4, 0))) static void
add(struct faults *f, enum code code, struct span at, const char *format, va_list args)
{
	struct str message;

	str_init(&message, LIMIT_YAML_SCALAR_BYTES);
	str_addv(&message, format, args);
	f->last = diags_add(f->diags, diag_codes[code].severity, diag_codes[code].word, at, "%s",
			    str_text(&message));
	f->last->rule = f->rule;
	str_release(&message);
}

void fault_at(struct faults *f, enum code code, struct span at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(f, code, at, format, args);
	va_end(args);
}

void fault(struct faults *f, enum code code, const struct node *n, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(f, code, fault_span(f, n), format, args);
	va_end(args);
}

void fault_part(struct faults *f, enum code code, const struct node *n, size_t from, size_t to,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(f, code, fault_span_part(f, n, from, to), format, args);
	va_end(args);
}

void fault_hint(struct faults *f, const char *format, ...)
{
	struct str hint;
	va_list args;

	/* What is past the ceiling is counted and not kept. */
	if (f->diags->dropped)
		return;
	str_init(&hint, LIMIT_YAML_SCALAR_BYTES);
	va_start(args, format);
	str_addv(&hint, format, args);
	va_end(args);
	diag_hint(f->diags, f->last, "%s", str_text(&hint));
	str_release(&hint);
}

void fault_other(struct faults *f, struct span at, const char *note)
{
	f->last->other = at;
	f->last->other_note = note;
}

void fault_words(struct faults *f, struct slice word, const char *const *words, size_t count)
{
	const char *near = f->diags->dropped ? NULL : diag_nearest(word, words, count);
	struct str all;

	if (near) {
		fault_hint(f, "did you mean '%s'?", near);
		return;
	}
	str_init(&all, LIMIT_YAML_SCALAR_BYTES);
	for (size_t i = 0; i < count; i++)
		str_addf(&all, "%s%s", i ? ", " : "", words[i]);
	fault_hint(f, count == 1 ? "only %s is known here" : "one of %s", str_text(&all));
	str_release(&all);
}

const char *fault_shown(struct faults *f, struct slice text)
{
	size_t len = 0;

	while (len < text.len && len < SHOWN_BYTES) {
		size_t n = utf8_length(text.ptr + len, text.ptr + text.len);
		len += n ? n : 1;
	}
	char *shown = arena_printf(&f->diags->text, "'%.*s%s'", (int)len, text.ptr ? text.ptr : "",
				   len < text.len ? "…" : "");
	secrecy_hide_tokens(shown);
	return shown;
}

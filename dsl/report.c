/*
 * report - diagnostics as text for people and as JSON for programs.
 *
 *	rules.d/20-tier.yaml:7:13: error: message [code]
 *	  7 |   property: membershp_tier
 *	    |             ^^^^^^^^^^^^^^ hint
 */
#include <stdio.h>
#include <string.h>

#include "dsl/build.h"
#include "dsl/codes.h"
#include "dsl/place.h"
#include "dsl/secrecy.h"

/* A source line is shown this wide, around the place; the rest of it is cut. */
#define SHOWN_COLUMNS 120
#define SHOWN_BEFORE 60
/* A longer hint has a line of its own. */
#define HINT_BESIDE 60

#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define BOLD "\033[1m"
#define CYAN "\033[1;36m"
#define PLAIN "\033[0m"

struct printer {
	const struct sources *sources;
	struct str *out;
	bool colour;
};

static void paint(struct printer *p, const char *colour)
{
	if (p->colour)
		str_add_text(p->out, colour);
}

/* ---- what a finding is about -------------------------------------------- */

bool diag_makes_quiet(const struct diag *d)
{
	static const enum code codes[] = {
		CODE_UNKNOWN_PROPERTY,	CODE_UNKNOWN_OPTION, CODE_FORMER_OPTION,
		CODE_HIDDEN_OPTION,	CODE_UNKNOWN_LIST,   CODE_UNKNOWN_GROUP,
		CODE_UNKNOWN_ATTRIBUTE,
	};

	for (size_t i = 0; d->rule && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(d->code, diag_codes[codes[i]].word) == 0)
			return true;
	return false;
}

/* ---- the width of characters ------------------------------------------- */

struct width_row {
	uint32_t first, last;
	int width;
};

/* Source: Unicode 15, EastAsianWidth.txt (W, F) and general categories Mn, Me, Cf, in round ranges.
 */
static const struct width_row widths[] = {
	{ 0x0300, 0x036f, 0 },	 { 0x0483, 0x0489, 0 },	  { 0x0591, 0x05bd, 0 },
	{ 0x0610, 0x061a, 0 },	 { 0x064b, 0x065f, 0 },	  { 0x1100, 0x115f, 2 },
	{ 0x200b, 0x200f, 0 },	 { 0x20d0, 0x20f0, 0 },	  { 0x2e80, 0x303e, 2 },
	{ 0x3041, 0xa4cf, 2 },	 { 0xac00, 0xd7a3, 2 },	  { 0xf900, 0xfaff, 2 },
	{ 0xfe00, 0xfe0f, 0 },	 { 0xfe20, 0xfe2f, 0 },	  { 0xfe30, 0xfe6f, 2 },
	{ 0xff00, 0xff60, 2 },	 { 0xffe0, 0xffe6, 2 },	  { 0x1f300, 0x1f64f, 2 },
	{ 0x1f680, 0x1f6ff, 2 }, { 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
};

static int width_of(const char *p, size_t len)
{
	uint32_t c = (unsigned char)p[0];

	if (len > 1)
		c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		if (c >= widths[i].first && c <= widths[i].last)
			return widths[i].width;
	return 1;
}

/* ---- the source line --------------------------------------------------- */

static bool at_break(struct slice text, size_t at)
{
	return at >= text.len || text.ptr[at] == '\n' || text.ptr[at] == '\r';
}

static struct place line_start(struct slice text, uint32_t line)
{
	struct place p = PLACE_START;

	for (uint32_t i = 0; i < text.len && p.line < line; i++) {
		char c = text.ptr[i];
		if (c != '\n' && (c != '\r' || (i + 1 < text.len && text.ptr[i + 1] == '\n')))
			continue;
		p = (struct place){ i + 1, p.line + 1, 1 };
	}
	return p;
}

/* A character of the line as it is shown, and as many columns under it. */
static void add_character(struct str *line, struct str *under, char mark, struct slice c, bool hide)
{
	size_t before = line->len;

	if (hide)
		str_add_char(line, '*');
	else if (*c.ptr == '\t')
		str_add_char(line, '\t');
	else
		str_add_shown(line, c);
	if (*c.ptr == '\t' && !hide) {
		str_add_char(under, mark == ' ' ? '\t' : mark);
		return;
	}
	bool same = !hide && line->len - before == c.len &&
		    slice_eq(c, (struct slice){ line->ptr + before, c.len });
	int width = hide ? 1 : same ? width_of(c.ptr, c.len) : (int)(line->len - before);
	for (; width > 0; width--)
		str_add_char(under, mark);
}

/* Fills the line's text and the carets under it. Long lines are cut around the span. */
static void draw(const struct source_file *file, struct span at, bool hide, struct str *line,
		 struct str *under)
{
	struct slice text = file->text;
	struct place p = line_start(text, at.line);
	size_t start = p.at;
	struct veil veil = { 0 };
	uint32_t first = at.column > SHOWN_COLUMNS - 20 ? at.column - SHOWN_BEFORE : 1;
	uint32_t end = at.end_line > at.line ? UINT32_MAX : at.end_column;

	if (first > 1) {
		str_add_text(line, "…");
		str_add_char(under, ' ');
	}
	for (struct place next; !at_break(text, p.at); p = next) {
		next = place_next(text, p);
		if (p.column < first)
			continue;
		/* The lock file holds no secret, and many ids that look like one. */
		if (p.column == first && !file->lock)
			veil_line(&veil, text, start, p.at);
		if (p.column - first == SHOWN_COLUMNS) {
			str_add_text(line, "…");
			break;
		}
		bool marked = p.column >= at.column && p.column < end;
		struct slice c = { text.ptr + p.at, next.at - p.at };
		bool hidden = (marked && hide) || veil_hides(&veil, p.at);
		if (p.column == at.column || marked || p.column < at.column)
			add_character(line, under, p.column < at.column ? ' ' : '^', c, hidden);
		else if (hidden)
			str_add_char(line, '*');
		else
			str_add_shown(line, c);
	}
	/* A place behind the last character still wants its caret. */
	if (p.column == at.column && at_break(text, p.at))
		str_add_char(under, '^');
}

/*
 * The line with its number and the span underlined, `behind` after the carets.
 * Of a secret that was written into the file, not even its quotes are repeated.
 */
static void print_source(struct printer *p, struct span at, bool hide, const char *behind,
			 const char *colour)
{
	const struct source_file *file = &p->sources->file[at.file];
	struct str line, under;
	char number[16];

	if (!file->text.len)
		return;
	str_init(&line, 1 << 16);
	str_init(&under, 1 << 16);
	draw(file, at, hide, &line, &under);
	int width = snprintf(number, sizeof(number), "%u", at.line);
	str_addf(p->out, "  %s | %s\n  %*s | ", number, str_text(&line), width, "");
	size_t blank = strspn(str_text(&under), " \t");
	str_add(p->out, str_text(&under), blank);
	paint(p, colour);
	str_add_text(p->out, str_text(&under) + blank);
	paint(p, PLAIN);
	if (behind && strlen(behind) <= HINT_BESIDE)
		str_addf(p->out, " %s", behind);
	str_add_char(p->out, '\n');
	if (behind && strlen(behind) > HINT_BESIDE)
		str_addf(p->out, "  %*s = %s\n", width, "", behind);
	str_release(&line);
	str_release(&under);
}

static void print_place(struct printer *p, struct span at)
{
	paint(p, BOLD);
	str_add_shown(p->out, slice_of(p->sources->file[at.file].path));
	str_addf(p->out, ":%u:%u: ", at.line, at.column);
	paint(p, PLAIN);
}

void diag_print_text(const struct sources *s, const struct diag *d, bool colour, struct str *out)
{
	struct printer p = { s, out, colour };
	bool error = d->severity == SEVERITY_ERROR;
	bool hide = strcmp(d->code, diag_codes[CODE_INLINE_SECRET].word) == 0;

	print_place(&p, d->at);
	paint(&p, error ? RED : YELLOW);
	str_addf(out, "%s: ", error ? "error" : "warning");
	paint(&p, PLAIN);
	str_addf(out, "%s [%s]\n", d->message, d->code);
	print_source(&p, d->at, hide, d->hint, error ? RED : YELLOW);
	if (!s->file[d->at.file].text.len && d->hint)
		str_addf(out, "    %s\n", d->hint);
	if (!d->other.line)
		return;
	print_place(&p, d->other);
	paint(&p, CYAN);
	str_add_text(out, "note: ");
	paint(&p, PLAIN);
	str_addf(out, "%s\n", d->other_note);
	print_source(&p, d->other, false, NULL, CYAN);
}

/* ---- JSON -------------------------------------------------------------- */

static void add_member(struct str *out, const char *key, const char *text)
{
	str_addf(out, "\"%s\":", key);
	if (text)
		str_add_json(out, slice_of(text));
	else
		str_add_text(out, "null");
}

static void add_span(const struct sources *s, struct span at, struct str *out)
{
	add_member(out, "file", s->file[at.file].path);
	str_addf(out, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u", at.line,
		 at.column, at.end_line, at.end_column);
}

static void add_diag(const struct sources *s, const struct diag *d, struct str *out)
{
	str_add_char(out, '{');
	add_span(s, d->at, out);
	str_addf(out, ",\"severity\":\"%s\",", d->severity == SEVERITY_ERROR ? "error" : "warning");
	add_member(out, "code", d->code);
	str_add_char(out, ',');
	add_member(out, "message", d->message);
	str_add_char(out, ',');
	add_member(out, "hint", d->hint);
	str_add_char(out, ',');
	add_member(out, "rule", d->rule);
	if (d->other.line) {
		str_add_text(out, ",\"other\":{");
		add_span(s, d->other, out);
		str_add_char(out, ',');
		add_member(out, "note", d->other_note);
		str_add_char(out, '}');
	}
	str_add_char(out, '}');
}

void diags_print_json(const struct sources *s, const struct diags *d, size_t rules, struct str *out)
{
	str_add_text(out, "{\"diagnostics\":[");
	for (size_t i = 0; i < d->count; i++) {
		str_add_text(out, i ? "," : "");
		add_diag(s, &d->list[i], out);
	}
	str_addf(out, "],\"files\":%zu,\"rules\":%zu,\"errors\":%zu,\"warnings\":%zu}",
		 sources_rule_files(s), rules, d->errors, d->warnings);
}

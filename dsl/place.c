/*
 * place - see place.h.
 *
 * place_in_scalar reads the source and the decoded text side by side. A step
 * takes one character of what was decoded and the source bytes that made it;
 * the two must agree at every step, else the answer is false.
 */
#include "dsl/place.h"

struct place place_next(struct slice text, struct place p)
{
	const char *end = slice_end(text);

	if (p.at >= text.len)
		return p;
	char c = text.ptr[p.at];
	bool cr_of_crlf = c == '\r' && p.at + 1 < text.len && text.ptr[p.at + 1] == '\n';
	if ((c == '\n' || c == '\r') && !cr_of_crlf)
		return (struct place){ p.at + 1, p.line + 1, 1 };
	size_t len = utf8_length(text.ptr + p.at, end);
	return (struct place){ p.at + (uint32_t)(len ? len : 1), p.line, p.column + 1 };
}

struct place place_walk(struct slice text, struct place p, size_t at)
{
	while (p.at < at && p.at < text.len)
		p = place_next(text, p);
	return p;
}

struct walk {
	const char *p, *end;  /* source */
	const char *d, *dend; /* decoded */
	size_t indent;	      /* of a block scalar */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Bytes of the line break at p: 0 for none. */
static size_t break_bytes(const char *p, const char *end)
{
	if (p == end)
		return 0;
	if (*p == '\r')
		return p + 1 < end && p[1] == '\n' ? 2 : 1;
	return *p == '\n';
}

/* One character that stands for itself. */
static bool step_same(struct walk *w)
{
	size_t len = utf8_length(w->d, w->dend);

	if (!len || (size_t)(w->end - w->p) < len ||
	    !slice_eq((struct slice){ w->p, len }, (struct slice){ w->d, len }))
		return false;
	w->p += len;
	w->d += len;
	return true;
}

/* Skips blanks and line breaks; answers how many breaks there were. */
static size_t skip_folded(struct walk *w)
{
	size_t breaks = 0;

	for (size_t n; w->p < w->end; w->p += n) {
		n = break_bytes(w->p, w->end);
		breaks += n != 0;
		if (!n && !is_blank(*w->p))
			break;
		n = n ? n : 1;
	}
	return breaks;
}

/* Takes n decoded line feeds. */
static bool take_feeds(struct walk *w, size_t n)
{
	for (; n; n--) {
		if (w->d == w->dend || *w->d != '\n')
			return false;
		w->d++;
	}
	return true;
}

/* Whether blanks (or none) and then a line break follow. */
static bool at_fold(const struct walk *w)
{
	const char *p = w->p;

	while (p < w->end && is_blank(*p))
		p++;
	return break_bytes(p, w->end) != 0;
}

/* A flow scalar's line ends: one break is a space, n + 1 are n line feeds. */
static bool step_fold(struct walk *w)
{
	size_t breaks = skip_folded(w);

	if (breaks > 1)
		return take_feeds(w, breaks - 1);
	if (w->d == w->dend || *w->d != ' ')
		return false;
	w->d++;
	return true;
}

static bool step_escape(struct walk *w)
{
	char c = w->p + 1 < w->end ? w->p[1] : '\0';
	size_t len = c == 'x' ? 4 : c == 'u' ? 6 : c == 'U' ? 10 : 2;

	if (break_bytes(w->p + 1, w->end)) {
		w->p++;
		return take_feeds(w, skip_folded(w) - 1);
	}
	size_t made = w->d < w->dend ? utf8_length(w->d, w->dend) : 0;
	if (!made || (size_t)(w->end - w->p) < len)
		return false;
	w->p += len;
	w->d += made;
	return true;
}

static bool step_plain(struct walk *w)
{
	return at_fold(w) ? step_fold(w) : step_same(w);
}

static bool step_single(struct walk *w)
{
	if (at_fold(w))
		return step_fold(w);
	if (*w->p == '\'')
		w->p++;
	return step_same(w);
}

static bool step_double(struct walk *w)
{
	if (at_fold(w))
		return step_fold(w);
	return *w->p == '\\' ? step_escape(w) : step_same(w);
}

static void skip_indent(struct walk *w)
{
	for (size_t n = w->indent; n && w->p < w->end && *w->p == ' '; n--)
		w->p++;
}

static bool step_literal(struct walk *w)
{
	size_t len = break_bytes(w->p, w->end);

	if (!len)
		return step_same(w);
	w->p += len;
	skip_indent(w);
	return take_feeds(w, 1);
}

/* A folded block: a run of breaks is a space, or as many feeds as were kept. */
static bool step_folded(struct walk *w)
{
	size_t len = break_bytes(w->p, w->end), feeds = 0;

	if (!len)
		return step_same(w);
	for (; len; len = break_bytes(w->p, w->end)) {
		w->p += len;
		skip_indent(w);
	}
	while (w->d + feeds < w->dend && w->d[feeds] == '\n')
		feeds++;
	if (feeds)
		return take_feeds(w, feeds);
	if (w->d == w->dend || *w->d != ' ')
		return false;
	w->d++;
	return true;
}

/* Past `|2-  # comment` to the first character of the content. */
static bool enter_block(struct walk *w)
{
	size_t spaces = 0, kept = 0;

	while (w->p < w->end && !break_bytes(w->p, w->end))
		w->p++;
	w->p += break_bytes(w->p, w->end);
	for (;;) {
		const char *line = w->p;
		while (w->p < w->end && *w->p == ' ')
			w->p++;
		size_t len = break_bytes(w->p, w->end);
		spaces = (size_t)(w->p - line);
		if (!len)
			break;
		if (w->d == w->dend || *w->d != '\n')
			return false;
		w->p += len;
		w->d++;
	}
	while (w->d + kept < w->dend && w->d[kept] == ' ')
		kept++;
	if (kept > spaces)
		return false;
	w->indent = spaces - kept;
	w->p -= kept;
	return true;
}

bool place_in_scalar(struct slice text, const struct scalar *s, size_t offset, struct place *out)
{
	static bool (*const steps[])(struct walk *) = {
		[STYLE_PLAIN] = step_plain,   [STYLE_SINGLE] = step_single,
		[STYLE_DOUBLE] = step_double, [STYLE_LITERAL] = step_literal,
		[STYLE_FOLDED] = step_folded,
	};
	bool block = s->style == STYLE_LITERAL || s->style == STYLE_FOLDED;
	bool quoted = s->style == STYLE_SINGLE || s->style == STYLE_DOUBLE;
	const char *wanted = s->decoded.ptr + offset;
	struct walk w = { text.ptr + s->start.at, text.ptr + s->end.at, s->decoded.ptr,
			  s->decoded.ptr + s->decoded.len, 0 };

	if (offset > s->decoded.len || s->end.at > text.len || s->start.at > s->end.at)
		return false;
	if (quoted && s->end.at - s->start.at >= 2) {
		w.p++;
		w.end--;
	}
	if (block && !enter_block(&w))
		return false;
	while (w.d < wanted) {
		if (w.p >= w.end || !steps[s->style](&w))
			return false;
	}
	/* An escaped line break makes nothing: what follows stands behind it. */
	for (struct walk next = w; w.d < w.dend && next.p < next.end; w = next)
		if (!steps[s->style](&next) || next.d != w.d)
			break;
	*out = place_walk(text, s->start, (size_t)(w.p - text.ptr));
	return true;
}

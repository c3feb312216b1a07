/*
 * warn_pattern - patterns that can take time beyond measure on a value that nearly matches.
 *
 * Two forms are known for it, where something that may fail stands behind them:
 *
 *	(a+)+  (\w+\s?)*	a repetition in a repetition, with nothing between that must be there
 *	(\w|\d)*		a repetition of alternatives that begin with the same character
 *
 * The reader below knows as much of PCRE2 as it takes to see these. Whatever else it meets in a
 * pattern, it gives up and says nothing.
 */
#include <string.h>

#include "dsl/warn.h"

#define CHARACTERS 128

/* A piece of a pattern: one character of a class, or a group. */
struct item {
	bool may_be_absent; /* its least count is 0, or it has no width */
	bool endless;	    /* it is repeated without end, and gives back what it took */
	bool single;	    /* one character, of: */
	bool set[CHARACTERS];
};

/* What is known of a group, or of one of its alternatives. */
struct shape {
	bool nested; /* an endless item, and nothing else that must be there */
	size_t items;
	bool single; /* one item of one character */
	bool set[CHARACTERS];
	bool overlap; /* two alternatives of one character share one */
};

struct reader {
	const char *at, *end;
	bool lost; /* something is there that is not known here */
	const char *slow, *slow_end;
};

static bool next_is(const struct reader *r, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

static bool take(struct reader *r, const char *text)
{
	if (!next_is(r, text))
		return false;
	r->at += strlen(text);
	return true;
}

/* ---- one character ------------------------------------------------------------- */

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static bool in_escape(char class, int c)
{
	switch (class) {
	case 'd':
		return c >= '0' && c <= '9';
	case 'w':
		return is_word(c);
	default:
		return c == ' ' || (c >= '\t' && c <= '\r');
	}
}

/* What stands behind a backslash: a class, a sign that means itself, or what is not known here. */
static void read_escape(struct reader *r, struct item *item)
{
	char c = r->at < r->end ? *r->at++ : '\0';

	if (c && strchr("dwsDWS", c)) {
		char lower = (char)(c | 0x20);
		for (int i = 0; i < CHARACTERS; i++)
			item->set[i] |= in_escape(lower, i) == (c == lower);
	} else if (c && strchr("bBAzZG", c)) {
		item->may_be_absent = true;
		item->single = false;
	} else if (c == 'n' || c == 't' || c == 'r') {
		item->set[c == 'n' ? '\n' : c == 't' ? '\t' : '\r'] = true;
	} else if (c && (unsigned char)c < CHARACTERS && !is_word(c)) {
		item->set[(unsigned char)c] = true;
	} else {
		r->lost = true;
	}
}

static int class_character(struct reader *r, struct item *item)
{
	if (take(r, "\\")) {
		char c = r->at < r->end ? *r->at : '\0';
		bool class = c && strchr("dwsDWS", c);
		read_escape(r, item);
		return class || is_word(c) ? -1 : c;
	}
	unsigned char c = (unsigned char)*r->at++;
	if (c < CHARACTERS)
		item->set[c] = true;
	return c < CHARACTERS ? c : -1;
}

/* Behind its `[`. Characters beyond ASCII are left out: overlaps of them are not seen. */
static void read_class(struct reader *r, struct item *item)
{
	bool inverted = take(r, "^"), first = true;

	for (; r->at < r->end && (first || *r->at != ']') && !r->lost; first = false) {
		if (next_is(r, "[:") || next_is(r, "[=") || next_is(r, "[.")) {
			r->lost = true;
			return;
		}
		int low = class_character(r, item);
		if (!next_is(r, "-") || next_is(r, "-]"))
			continue;
		r->at++;
		int high = r->at < r->end ? class_character(r, item) : -1;
		for (int c = low; low >= 0 && c <= high; c++)
			item->set[c] = true;
		r->lost |= low < 0 || high < 0;
	}
	r->lost |= !take(r, "]");
	for (int c = 0; inverted && c < CHARACTERS; c++)
		item->set[c] = !item->set[c];
}

/* ---- items and groups ---------------------------------------------------------- */

static struct shape read_alternatives(struct reader *r);

/* A count in braces: {2}, {2,} or {2,5}; the reader stays where it is none. */
static bool read_count(struct reader *r, struct item *item)
{
	const char *p = r->at + 1, *digits = p;

	while (p < r->end && *p >= '0' && *p <= '9')
		p++;
	if (p == digits || p == r->end)
		return false;
	bool zero = *digits == '0' && p == digits + 1, comma = *p == ',';
	const char *most = p + comma;
	for (p = most; comma && p < r->end && *p >= '0' && *p <= '9'; p++)
		;
	if (p == r->end || *p != '}')
		return false;
	item->may_be_absent |= zero;
	item->endless = comma && p == most;
	r->at = p + 1;
	return true;
}

static void read_quantifier(struct reader *r, struct item *item)
{
	if (r->at == r->end)
		return;
	if (*r->at == '*' || *r->at == '+') {
		item->endless = true;
		item->may_be_absent |= *r->at++ == '*';
	} else if (take(r, "?")) {
		item->may_be_absent = true;
	} else if (*r->at != '{' || !read_count(r, item)) {
		return;
	}
	if (take(r, "+"))
		item->endless = false; /* it gives nothing back */
	else
		(void)take(r, "?");
}

/* Behind its `(`: what kind of group; true where it takes characters and gives them back. */
static bool open_group(struct reader *r)
{
	if (!take(r, "?"))
		return !(r->lost |= next_is(r, "*"));
	if (take(r, ":"))
		return true;
	if (take(r, "=") || take(r, "!") || take(r, ">"))
		return false;
	bool named = take(r, "<") || take(r, "P<");
	if (named && (take(r, "=") || take(r, "!")))
		return false;
	while (named && r->at < r->end && is_word(*r->at))
		r->at++;
	r->lost |= !named || !take(r, ">");
	return true;
}

/* Whether something stands behind that could fail: then what was taken is given back, piece by
 * piece. */
static bool more_follows(const struct reader *r)
{
	const char *p = r->at;

	while (p < r->end && *p == ')')
		p++;
	return p < r->end && *p != '|';
}

static void read_group(struct reader *r, const char *start, struct item *item)
{
	bool takes = open_group(r);
	struct shape shape = r->lost ? (struct shape){ 0 } : read_alternatives(r);

	r->lost |= !take(r, ")");
	item->single = false;
	item->may_be_absent = !takes;
	if (r->lost)
		return;
	read_quantifier(r, item);
	if (!takes)
		item->endless = false;
	else if (item->endless && (shape.nested || shape.overlap) && !r->slow && more_follows(r)) {
		r->slow = start;
		r->slow_end = r->at;
	}
}

static struct item read_item(struct reader *r)
{
	struct item item = { .single = true };
	const char *start = r->at;
	char c = *r->at++;

	if (c == '(') {
		read_group(r, start, &item);
		return item;
	}
	if (c == '\\') {
		read_escape(r, &item);
	} else if (c == '[') {
		read_class(r, &item);
	} else if (c == '.') {
		for (int i = 0; i < CHARACTERS; i++)
			item.set[i] = i != '\n';
	} else if (c == '^' || c == '$') {
		item.single = false;
		item.may_be_absent = true;
	} else if ((unsigned char)c < CHARACTERS) {
		item.set[(unsigned char)c] = true;
	} else {
		while (r->at < r->end && ((unsigned char)*r->at & 0xc0) == 0x80)
			r->at++;
	}
	read_quantifier(r, &item);
	item.single &= !item.endless && !item.may_be_absent;
	return item;
}

static struct shape read_alternative(struct reader *r)
{
	struct shape shape = { 0 };
	size_t must = 0, endless = 0;
	bool endless_must = false;

	while (r->at < r->end && *r->at != '|' && *r->at != ')' && !r->lost) {
		struct item item = read_item(r);
		must += !item.may_be_absent;
		endless += item.endless;
		endless_must |= item.endless && !item.may_be_absent;
		if (shape.items++ == 0) {
			shape.single = item.single;
			memcpy(shape.set, item.set, sizeof(shape.set));
		}
	}
	shape.nested = endless && must == (endless_must ? 1 : 0);
	shape.single &= shape.items == 1;
	return shape;
}

static struct shape read_alternatives(struct reader *r)
{
	struct shape group = read_alternative(r);

	if (!group.single)
		memset(group.set, 0, sizeof(group.set));
	while (take(r, "|") && !r->lost) {
		struct shape one = read_alternative(r);
		group.nested |= one.nested;
		for (int c = 0; one.single && c < CHARACTERS; c++) {
			group.overlap |= group.set[c] && one.set[c];
			group.set[c] |= one.set[c];
		}
	}
	return group;
}

/* ---- patterns of a rule -------------------------------------------------------- */

/* Without these nothing is repeated, and most patterns have none. */
static bool may_repeat(struct slice pattern)
{
	for (size_t i = 0; i < pattern.len; i++)
		if (pattern.ptr[i] == '*' || pattern.ptr[i] == '+' || pattern.ptr[i] == '{')
			return true;
	return false;
}

static void warn_pattern(struct faults *f, const struct node *n)
{
	struct reader r = { n->text.ptr, slice_end(n->text), false, NULL, NULL };

	if (!may_repeat(n->text))
		return;
	(void)take(&r, "(?i)");
	(void)read_alternatives(&r);
	if (r.lost || r.at != r.end || !r.slow)
		return;
	fault_part(f, CODE_SLOW_PATTERN, n, (size_t)(r.slow - n->text.ptr),
		   (size_t)(r.slow_end - n->text.ptr),
		   "this can match one text in very many ways, and tries them all");
	fault_hint(f, "repeat it once, or begin each round with something that must be there");
}

static void look_for_patterns(struct faults *f, const struct node *n)
{
	const struct node *pattern = node_get(n, "matches");

	if (pattern && node_get(n, "property"))
		warn_pattern(f, pattern);
	for (const struct node *e = n->first; e; e = e->next)
		look_for_patterns(f, e);
}

void warn_patterns(struct faults *f, const struct rule_draft *r)
{
	if (r->filters)
		look_for_patterns(f, r->filters);
}

#include "dsl/literals.h"

#include <string.h>

#define GROUPS_MOST 8

/* Every text that a piece of a pattern can stand for. */
struct choice {
	struct slice text[LITERALS_TEXTS];
	size_t count;
};

struct reader {
	const char *at, *end;
	struct arena *memory;
	size_t depth;
	bool lost; /* something is there that is no text */
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

/* ---- choices ------------------------------------------------------------------- */

static void add_text(struct reader *r, struct choice *c, struct slice text)
{
	for (size_t i = 0; i < c->count; i++)
		if (slice_eq(c->text[i], text))
			return;
	if (c->count == LITERALS_TEXTS)
		r->lost = true;
	else
		c->text[c->count++] = text;
}

/* Each text of `c` followed by each of `more`. */
static void append(struct reader *r, struct choice *c, const struct choice *more)
{
	struct choice out;

	out.count = 0;
	for (size_t i = 0; i < c->count && !r->lost; i++) {
		for (size_t k = 0; k < more->count; k++) {
			struct slice a = c->text[i], b = more->text[k];
			char *text = arena_alloc(r->memory, a.len + b.len + 1);
			if (a.len)
				memcpy(text, a.ptr, a.len);
			if (b.len)
				memcpy(text + a.len, b.ptr, b.len);
			add_text(r, &out, (struct slice){ text, a.len + b.len });
		}
	}
	memcpy(c->text, out.text, out.count * sizeof(out.text[0]));
	c->count = out.count;
}

/* ---- reading ------------------------------------------------------------------- */

/* They leave what was read in *c, of which only the texts that count are written. */
static void read_choice(struct reader *r, struct choice *c);

static void one(struct choice *c, const char *at, size_t len)
{
	c->text[0] = (struct slice){ at, len };
	c->count = 1;
}

static void read_group(struct reader *r, struct choice *c)
{
	c->count = 0;
	(void)take(r, "?:");
	r->lost |= next_is(r, "?") || next_is(r, "*") || ++r->depth > GROUPS_MOST;
	if (!r->lost)
		read_choice(r, c);
	r->lost |= !take(r, ")");
	r->depth--;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* What stands behind a backslash means itself if it is a sign of ASCII. */
static bool is_sign(char c)
{
	return c > ' ' && c < 0x7f && !is_letter(c);
}

static void read_character(struct reader *r, struct choice *c)
{
	const char *at = r->at;

	if (take(r, "\\")) {
		r->lost |= r->at == r->end || !is_sign(*r->at);
		r->at += r->at < r->end;
		one(c, at + 1, 1);
		return;
	}
	size_t len = utf8_length(at, r->end);
	r->lost |= !len || strchr("[]{}.*+?^$", *at);
	r->at += len ? len : 1;
	/* A run of letters is one text, but for the last, which may be followed by a `?`. */
	while (len == 1 && r->end - r->at > 1 && is_letter(at[0]) && is_letter(r->at[0]) &&
	       is_letter(r->at[1]))
		r->at++;
	one(c, at, len == 1 ? (size_t)(r->at - at) : len);
}

/* A character or a group, once, or with a `?` behind it once or not at all. */
static void read_item(struct reader *r, struct choice *c)
{
	if (take(r, "("))
		read_group(r, c);
	else
		read_character(r, c);
	if (take(r, "?"))
		add_text(r, c, (struct slice){ "", 0 });
	/* `??` and `?+` among them: what they match is another matter. */
	r->lost |= next_is(r, "?") || next_is(r, "*") || next_is(r, "+") || next_is(r, "{");
}

static bool at_last_anchor(const struct reader *r)
{
	size_t left = (size_t)(r->end - r->at);

	return (left == 1 && *r->at == '$') ||
	       (left == 2 && (next_is(r, "\\z") || next_is(r, "\\Z")));
}

static void read_sequence(struct reader *r, struct choice *c)
{
	struct choice item;

	one(c, "", 0);
	while (!r->lost && r->at < r->end && *r->at != '|' && *r->at != ')' && !at_last_anchor(r)) {
		read_item(r, &item);
		append(r, c, &item);
	}
}

/* Another alternative of `c`. */
static void add_sequence(struct reader *r, struct choice *c)
{
	struct choice other;

	read_sequence(r, &other);
	for (size_t i = 0; i < other.count; i++)
		add_text(r, c, other.text[i]);
}

static void read_choice(struct reader *r, struct choice *c)
{
	read_sequence(r, c);
	while (!r->lost && take(r, "|"))
		add_sequence(r, c);
}

/* ---- case ---------------------------------------------------------------------- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] >= 0x80)
			return false;
	return true;
}

static void lower_all(struct reader *r, struct choice *c)
{
	struct choice out = { .count = 0 };

	for (size_t i = 0; i < c->count; i++) {
		char *text = arena_text(r->memory, c->text[i]);
		r->lost |= !is_ascii(c->text[i]);
		for (size_t k = 0; k < c->text[i].len; k++)
			text[k] = lower(text[k]);
		add_text(r, &out, (struct slice){ text, c->text[i].len });
	}
	*c = out;
}

/* ---- the whole ------------------------------------------------------------------- */

static enum literals_place place_of(bool start, bool end)
{
	if (start)
		return end ? LITERALS_WHOLE : LITERALS_START;
	return end ? LITERALS_END : LITERALS_INSIDE;
}

bool literals_of(struct slice pattern, struct arena *memory, struct literals *out)
{
	struct reader r = { pattern.ptr, slice_end(pattern), memory, 0, false };
	bool any_case = take(&r, "(?i)");
	bool start = take(&r, "^") || take(&r, "\\A");
	struct choice c;

	read_sequence(&r, &c);
	bool several = !start && next_is(&r, "|");
	while (!r.lost && several && take(&r, "|"))
		add_sequence(&r, &c);
	/* An anchor behind several alternatives belongs to the last one only. */
	bool end = !r.lost && !several && r.at < r.end && at_last_anchor(&r);
	if (any_case)
		lower_all(&r, &c);
	if (r.lost || (r.at < r.end && !end))
		return false;
	struct slice *text = arena_alloc(memory, c.count * sizeof(*text));
	memcpy(text, c.text, c.count * sizeof(*text));
	*out = (struct literals){ place_of(start, end), any_case, text, c.count };
	return true;
}

/* ---- matching -------------------------------------------------------------------- */

bool literals_can_say(const struct literals *l, struct slice value)
{
	char last = value.ptr[value.len - 1];

	return value.len <= LITERALS_VALUE_BYTES && last >= ' ' && last < 0x7f &&
	       (!l->any_case || is_ascii(value));
}

static bool equal(bool any_case, struct slice a, struct slice b)
{
	return any_case ? slice_eq_nocase(a, b) : slice_eq(a, b);
}

static bool is_inside(bool any_case, struct slice value, struct slice text)
{
	if (!any_case)
		return memmem(value.ptr, value.len, text.ptr, text.len) != NULL;
	for (size_t i = 0; i + text.len <= value.len; i++)
		if (slice_eq_nocase((struct slice){ value.ptr + i, text.len }, text))
			return true;
	return false;
}

static bool is_there(const struct literals *l, struct slice value, struct slice text)
{
	struct slice head = { value.ptr, text.len };

	if (text.len > value.len)
		return false;
	struct slice tail = { value.ptr + value.len - text.len, text.len };
	switch (l->place) {
	case LITERALS_WHOLE:
		return value.len == text.len && equal(l->any_case, value, text);
	case LITERALS_START:
		return equal(l->any_case, head, text);
	case LITERALS_END:
		return equal(l->any_case, tail, text);
	default:
		return is_inside(l->any_case, value, text);
	}
}

bool literals_match(const struct literals *l, struct slice value)
{
	for (size_t i = 0; i < l->count; i++) {
		struct slice text = l->text[i];
		/* Most ends fail at their first byte. */
		if (l->place == LITERALS_END && text.len && text.len <= value.len && !l->any_case &&
		    value.ptr[value.len - text.len] != *text.ptr)
			continue;
		if (is_there(l, value, text))
			return utf8_valid(value);
	}
	return false;
}

#include "dsl/secrecy.h"

#include <string.h>

/* A word of so many characters, letters and digits among them, may be a secret. */
#define SECRET_LIKE 16

/* The nearest key of a document is looked for this far back. */
#define KEY_BYTES (1 << 16)

struct line {
	struct slice text;
	bool *hidden; /* by byte */
};

static void hide(struct line *l, size_t from, size_t to)
{
	for (; from < to; from++)
		l->hidden[from] = true;
}

/* ---- words ------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word_byte(char c)
{
	return is_digit(c) || is_letter(c) || c == '-' || c == '_';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t word_end(struct slice text, size_t at)
{
	while (at < text.len && is_word_byte(text.ptr[at]))
		at++;
	return at;
}

static bool is_secret_like(struct slice word)
{
	bool digit = false, letter = false;

	for (size_t i = 0; i < word.len; i++) {
		digit |= is_digit(word.ptr[i]);
		letter |= is_letter(word.ptr[i]);
	}
	return word.len >= SECRET_LIKE && digit && letter;
}

/* As HubSpot begins those of private apps and service keys. */
static bool is_token(struct slice word)
{
	return slice_starts(word, slice_of("pat-")) && is_secret_like(word);
}

/* Behind `${NAME}`, where it begins at `at`; else `at`. */
static size_t reference_end(struct slice text, size_t at)
{
	size_t end = at + 2;

	if (at + 2 >= text.len || text.ptr[at] != '$' || text.ptr[at + 1] != '{')
		return at;
	while (end < text.len &&
	       (is_letter(text.ptr[end]) || is_digit(text.ptr[end]) || text.ptr[end] == '_'))
		end++;
	return end < text.len && text.ptr[end] == '}' ? end + 1 : at;
}

/* ---- by what it looks like ----------------------------------------------- */

/* Up to a blank, or what YAML gives a meaning. */
static size_t run_end(struct slice text, size_t at)
{
	while (at < text.len && !is_blank(text.ptr[at]) && !strchr("{}[],\"'", text.ptr[at]))
		at++;
	return at;
}

static void hide_words(struct line *l, size_t from, size_t to, bool (*is_one)(struct slice))
{
	for (size_t at = from, end; at < to; at = end + 1) {
		end = word_end(l->text, at);
		if (is_one((struct slice){ l->text.ptr + at, end - at }))
			hide(l, at, end);
	}
}

/* Of an address what stands before '@' and behind '?', and no part of its path. */
static void hide_in_address(struct line *l, size_t host, size_t end)
{
	size_t path = host, query = host;

	while (path < end && !strchr("/?", l->text.ptr[path]))
		path++;
	for (size_t at = path; at > host; at--)
		if (l->text.ptr[at - 1] == '@') {
			hide(l, host, at - 1);
			break;
		}
	while (query < end && l->text.ptr[query] != '?')
		query++;
	if (query < end)
		hide(l, query + 1, end);
	hide_words(l, host, end, is_token);
}

/* Where the host of an address begins in [at, end); `end` where there is none. */
static size_t address_host(struct slice text, size_t at, size_t end)
{
	for (; at + 3 <= end; at++)
		if (memcmp(text.ptr + at, "://", 3) == 0)
			return at + 3;
	return end;
}

static void hide_by_look(struct line *l)
{
	for (size_t at = 0, end; at < l->text.len; at = end) {
		end = reference_end(l->text, at);
		if (end > at)
			continue;
		end = run_end(l->text, at);
		struct slice run = { l->text.ptr + at, end - at };
		size_t host = address_host(l->text, at, end);
		if (host < end)
			hide_in_address(l, host, end);
		else if (!slice_starts(run, slice_of("file:")))
			hide_words(l, at, end, is_secret_like);
		end += end == at;
	}
}

/* ---- behind its key -------------------------------------------------------- */

static bool holds(struct slice word, const char *part)
{
	struct slice p = slice_of(part);

	for (size_t i = 0; i + p.len <= word.len; i++)
		if (slice_eq_nocase((struct slice){ word.ptr + i, p.len }, p))
			return true;
	return false;
}

/* Behind the colon, where `end` is behind a key; 0 where it is none. */
static size_t value_of(struct slice text, size_t end)
{
	while (end < text.len && (is_blank(text.ptr[end]) || strchr("\"'", text.ptr[end])))
		end++;
	return end < text.len && text.ptr[end] == ':' ? end + 1 : 0;
}

/* Behind `${…}`, which is meant to name a variable, or `at`: if it looks like a secret it is hidden for that. */
static size_t braces_end(struct slice text, size_t at)
{
	size_t end = at + 2;

	if (end > text.len || memcmp(text.ptr + at, "${", 2) != 0)
		return at;
	while (end < text.len && text.ptr[end] != '}')
		end++;
	return end < text.len ? end + 1 : at;
}

/* A file's path, $NAME that lacks its braces, or an anchor's name. */
static bool is_no_secret(struct slice run)
{
	if (slice_starts(run, slice_of("file:")) || strchr("&*", run.ptr[0]))
		return true;
	for (size_t i = 1; i < run.len; i++)
		if (!(run.ptr[i] >= 'A' && run.ptr[i] <= 'Z') && !is_digit(run.ptr[i]) &&
		    run.ptr[i] != '_')
			return false;
	return run.ptr[0] == '$';
}

/* Up to the end of the value: a comment, or the next entry of a map that is written in one line. */
static void hide_value(struct line *l, size_t at)
{
	char quote = 0;
	int depth = 0;

	for (size_t end; at < l->text.len; at = end) {
		char c = l->text.ptr[at];
		end = braces_end(l->text, at);
		if (end > at)
			continue;
		end = run_end(l->text, at);
		struct slice run = { l->text.ptr + at, end - at };
		if (!quote && c == '#' && is_blank(l->text.ptr[at - 1]))
			return;
		if (run.len > 1 && !is_no_secret(run))
			hide(l, at, end);
		if (run.len)
			continue;
		end = at + 1;
		if (quote || c == '"' || c == '\'')
			quote = !quote ? c : c == quote ? 0 : quote;
		else if (c == '[' || c == '{')
			depth++;
		else if (((c == ']' || c == '}') && depth-- == 0) || (c == ',' && depth == 0))
			return;
	}
}

static void hide_behind_keys(struct line *l)
{
	for (size_t at = 0, end; at < l->text.len; at = end + 1) {
		end = word_end(l->text, at);
		struct slice word = { l->text.ptr + at, end - at };
		size_t value = value_of(l->text, end);
		if (value && (holds(word, "token") || holds(word, "secret")))
			hide_value(l, value);
	}
}

/* ---- lines and documents ------------------------------------------------- */

static size_t line_end(struct slice text, size_t at, size_t most)
{
	size_t end = at;

	while (end < text.len && end - at < most && text.ptr[end] != '\n' && text.ptr[end] != '\r')
		end++;
	return end;
}

static bool begins(struct slice text, size_t at, const char *word)
{
	return slice_starts((struct slice){ text.ptr + at, text.len - at }, slice_of(word));
}

static bool is_line_start(struct slice text, size_t at)
{
	return at == 0 || text.ptr[at - 1] == '\n' || text.ptr[at - 1] == '\r';
}

/* Whether it stands in a rule or a test: ids of groups are long, and shown. */
static bool is_of_rule(struct slice text, size_t line)
{
	size_t last = line > KEY_BYTES ? line - KEY_BYTES : 0;

	for (size_t at = line;; at--) {
		if (is_line_start(text, at)) {
			if (begins(text, at, "rule:") || begins(text, at, "test:"))
				return true;
			if (begins(text, at, "account:") || begins(text, at, "hubspot:") ||
			    begins(text, at, "certifier:") || begins(text, at, "---"))
				return false;
		}
		if (at == last)
			return false;
	}
}

void veil_line(struct veil *v, struct slice text, size_t line, size_t at)
{
	v->from = at - line > VEIL_BEFORE ? at - VEIL_BEFORE : line;
	v->len = line_end(text, v->from, VEIL_BYTES) - v->from;
	memset(v->hidden, 0, sizeof(v->hidden));
	struct line l = { { text.ptr + v->from, v->len }, v->hidden };
	if (begins(text, line, "account:") || is_of_rule(text, line)) {
		hide_words(&l, 0, l.text.len, is_token);
		return;
	}
	hide_by_look(&l);
	hide_behind_keys(&l);
}

bool veil_hides(const struct veil *v, size_t at)
{
	return at >= v->from && at - v->from < v->len && v->hidden[at - v->from];
}

void secrecy_hide_tokens(char *text)
{
	struct slice all = slice_of(text);

	for (size_t at = 0, end; at < all.len; at = end + 1) {
		end = word_end(all, at);
		if (is_token((struct slice){ all.ptr + at, end - at }))
			memset(text + at, '*', end - at);
	}
}

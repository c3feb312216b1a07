#include "base/str.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"

struct slice slice_of(const char *text)
{
	return (struct slice){ text, text ? strlen(text) : 0 };
}

struct slice slice_or_none(struct slice a)
{
	return a.len ? a : slice_of(NULL);
}

const char *slice_start(struct slice a)
{
	return a.ptr ? a.ptr : "";
}

bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_is(struct slice a, const char *text)
{
	/* Most words differ at once. */
	return a.len ? a.ptr[0] == text[0] && slice_eq(a, slice_of(text)) : !text[0];
}

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : (unsigned char)c;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

bool slice_starts(struct slice a, struct slice prefix)
{
	return a.len >= prefix.len && slice_eq((struct slice){ a.ptr, prefix.len }, prefix);
}

bool slice_cut(struct slice *rest, char separator, struct slice *part)
{
	const char *end = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;

	*part = (struct slice){ rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len };
	rest->len -= part->len + (end != NULL);
	if (end)
		rest->ptr = end + 1;
	return end != NULL;
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.ptr, b.ptr, n) : 0;

	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *slice_end(struct slice a)
{
	return a.len ? a.ptr + a.len : a.ptr;
}

struct slice slice_trim(struct slice a)
{
	while (a.len && is_space(a.ptr[0])) {
		a.ptr++;
		a.len--;
	}
	while (a.len && is_space(a.ptr[a.len - 1]))
		a.len--;
	return a;
}

void str_init(struct str *s, size_t max_bytes)
{
	*s = (struct str){ .max = max_bytes };
}

void str_release(struct str *s)
{
	mem_free(s->ptr);
	*s = (struct str){ .max = s->max };
}

void str_wipe(struct str *s)
{
	if (s->ptr)
		explicit_bzero(s->ptr, s->cap);
	str_release(s);
}

void str_clear(struct str *s)
{
	s->len = 0;
	s->overflow = false;
	if (s->ptr)
		s->ptr[0] = '\0';
}

/* Room for `more` bytes and the NUL, or overflow. */
static bool str_reserve(struct str *s, size_t more)
{
	if (s->overflow || more > s->max - s->len) {
		s->overflow = true;
		return false;
	}
	size_t need = s->len + more + 1;
	if (need <= s->cap)
		return true;
	size_t cap = s->cap ? s->cap : 64;
	while (cap < need)
		cap *= 2;
	s->ptr = mem_realloc(s->ptr, cap);
	s->cap = cap;
	return true;
}

void str_add(struct str *s, const void *bytes, size_t len)
{
	if (!str_reserve(s, len))
		return;
	if (len)
		memcpy(s->ptr + s->len, bytes, len);
	s->len += len;
	s->ptr[s->len] = '\0';
}

void str_add_text(struct str *s, const char *text)
{
	str_add(s, text, strlen(text));
}

void str_add_texts(struct str *s, ...)
{
	va_list args;

	va_start(args, s);
	for (const char *text; (text = va_arg(args, const char *));)
		str_add_text(s, text);
	va_end(args);
}

void str_add_slice(struct str *s, struct slice part)
{
	str_add(s, part.ptr, part.len);
}

void str_add_char(struct str *s, char c)
{
	str_add(s, &c, 1);
}

void str_addv(struct str *s, const char *format, va_list args)
{
	size_t room = s->cap ? s->cap - s->len : 0;
	va_list again;

	/* Most of what is added fits into what is there; else it is written again. */
	va_copy(again, args);
	int len = vsnprintf(room ? s->ptr + s->len : NULL, room, format, again);
	va_end(again);
	bool written = len >= 0 && (size_t)len < room;
	if (len < 0 /* defensive: more than 2 GiB */ || !str_reserve(s, (size_t)len)) {
		if (room)
			s->ptr[s->len] = '\0';
		return;
	}
	if (!written)
		vsnprintf(s->ptr + s->len, (size_t)len + 1, format, args);
	s->len += (size_t)len;
}

void str_addf(struct str *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	str_addv(s, format, args);
	va_end(args);
}

/*
 * Control characters of ASCII and of Latin-1 (U+0080 to U+009F), and the line separators
 * U+2028/9.
 */
static bool is_control(const char *p, size_t len)
{
	unsigned char a = (unsigned char)p[0];

	if (len == 1)
		return a < 0x20 || a == 0x7f;
	if (len == 2)
		return a == 0xc2 && (unsigned char)p[1] < 0xa0;
	return len == 3 && a == 0xe2 && (unsigned char)p[1] == 0x80 &&
	       ((unsigned char)p[2] == 0xa8 || (unsigned char)p[2] == 0xa9);
}

void str_add_shown(struct str *s, struct slice part)
{
	const char *p = part.ptr, *end = slice_end(part);

	while (p < end) {
		size_t len = utf8_length(p, end);
		if (len && !is_control(p, len)) {
			str_add(s, p, len);
			p += len;
		} else {
			str_addf(s, "\\x%02x", (unsigned char)*p++);
		}
	}
}

/* How many bytes from p on stand for themselves in a JSON string. */
static size_t plain_bytes(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p >= ' ' && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return (size_t)(p - from);
}

/* Nearly every text is plain as a whole: one step instead of three. */
static void add_quoted(struct str *s, struct slice part)
{
	if (!str_reserve(s, part.len + 2))
		return;
	char *at = s->ptr + s->len;
	at[0] = '"';
	if (part.len)
		memcpy(at + 1, part.ptr, part.len);
	memcpy(at + 1 + part.len, "\"", 2);
	s->len += part.len + 2;
}

void str_add_json(struct str *s, struct slice part)
{
	const char *p = part.ptr, *end = slice_end(part);

	if (plain_bytes(p, end) == part.len) {
		add_quoted(s, part);
		return;
	}
	str_add_char(s, '"');
	while (p < end) {
		size_t plain = plain_bytes(p, end);
		if (plain) {
			str_add(s, p, plain);
			p += plain;
			continue;
		}
		size_t len = utf8_length(p, end);
		if (!len) {
			str_add_text(s, "\\ufffd");
			p++;
			continue;
		}
		if (*p == '"' || *p == '\\')
			str_addf(s, "\\%c", *p);
		else if (*p == '\n')
			str_add_text(s, "\\n");
		else if (len == 1 && is_control(p, 1))
			str_addf(s, "\\u%04x", (unsigned char)*p);
		else
			str_add(s, p, len);
		p += len;
	}
	str_add_char(s, '"');
}

void str_add_member(struct str *s, const char *key, struct slice value)
{
	str_addf(s, ",\"%s\":", key);
	if (value.ptr)
		str_add_json(s, value);
	else
		str_add_text(s, "null");
}

void str_add_url(struct str *s, struct slice part)
{
	for (size_t i = 0; i < part.len; i++) {
		char c = part.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr("-._~", c);
		if (plain && c)
			str_add_char(s, c);
		else
			str_addf(s, "%%%02X", (unsigned char)c);
	}
}

struct slice str_slice(const struct str *s)
{
	return (struct slice){ str_text(s), s->len };
}

const char *str_text(const struct str *s)
{
	return s->ptr ? s->ptr : "";
}

static bool is_tail(const char *p)
{
	return ((unsigned char)*p & 0xc0) == 0x80;
}

size_t utf8_length(const char *p, const char *end)
{
	unsigned char a = (unsigned char)p[0];
	size_t left = (size_t)(end - p);

	if (a < 0x80)
		return 1;
	if (a >= 0xc2 && a <= 0xdf)
		return left >= 2 && is_tail(p + 1) ? 2 : 0;
	if (a >= 0xe0 && a <= 0xef) {
		if (left < 3 || !is_tail(p + 1) || !is_tail(p + 2))
			return 0;
		unsigned char b = (unsigned char)p[1];
		if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f))
			return 0; /* overlong, surrogate */
		return 3;
	}
	if (a >= 0xf0 && a <= 0xf4) {
		if (left < 4 || !is_tail(p + 1) || !is_tail(p + 2) || !is_tail(p + 3))
			return 0;
		unsigned char b = (unsigned char)p[1];
		if ((a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

bool utf8_valid(struct slice text)
{
	const char *p = text.ptr, *end = slice_end(text);

	while (p < end) {
		size_t len = (unsigned char)*p < 0x80 ? 1 : utf8_length(p, end);
		if (!len)
			return false;
		p += len;
	}
	return true;
}

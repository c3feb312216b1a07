#include "base/flat.h"

#include <string.h>

#define DIGITS_MOST 18 /* of an integer: more may not fit */

void flat_begin(struct flat *f, struct slice text)
{
	*f = (struct flat){ slice_start(text), slice_end(text), 0 };
}

static void skip_blanks(struct flat *f)
{
	while (f->at < f->end &&
	       (*f->at == ' ' || *f->at == '\n' || *f->at == '\t' || *f->at == '\r'))
		f->at++;
}

/* Blanks, then this one. */
static bool take(struct flat *f, char c)
{
	skip_blanks(f);
	if (f->at == f->end || *f->at != c)
		return false;
	f->at++;
	return true;
}

/* The escape at the backslash that `at` is on; none that json.h would have to mend. */
static bool skip_escape(struct flat *f)
{
	if (f->end - f->at < 2 || !f->at[1] || !strchr("\"\\/bfnrt", f->at[1]))
		return false;
	f->at += 2;
	return true;
}

/* Up to the quote at its end; `at` is behind the one before it. */
static bool take_text(struct flat *f, struct slice *out, bool *escaped)
{
	const char *start = f->at;

	*escaped = false;
	while (f->at < f->end && *f->at != '"') {
		unsigned char c = (unsigned char)*f->at;
		if (c == '\\') {
			*escaped = true;
			if (!skip_escape(f))
				return false;
		} else if (c >= 0x80) {
			size_t len = utf8_length(f->at, f->end);
			if (!len)
				return false;
			f->at += len;
		} else if (c < 0x20) {
			return false;
		} else {
			f->at++;
		}
	}
	if (f->at == f->end)
		return false;
	*out = (struct slice){ start, (size_t)(f->at - start) };
	f->at++;
	return true;
}

/* Digits alone: a fraction or an exponent is refused by what must follow. */
static bool take_integer(struct flat *f, struct flat_member *m)
{
	const char *start = f->at;
	bool minus = *f->at == '-';

	f->at += minus;
	const char *first = f->at;
	int64_t n = 0;
	for (; f->at < f->end && *f->at >= '0' && *f->at <= '9'; f->at++)
		if (f->at - first == DIGITS_MOST)
			return false;
		else
			n = n * 10 + (*f->at - '0');
	size_t digits = (size_t)(f->at - first);
	if (!digits || (*first == '0' && (digits > 1 || minus)))
		return false;
	m->kind = FLAT_INTEGER;
	m->text = (struct slice){ start, (size_t)(f->at - start) };
	m->n = minus ? -n : n;
	return true;
}

static bool take_word(struct flat *f)
{
	static const char *const words[] = { "true", "false", "null" };
	struct slice rest = { f->at, (size_t)(f->end - f->at) };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_starts(rest, slice_of(words[i]))) {
			f->at += strlen(words[i]);
			return true;
		}
	return false;
}

static bool take_value(struct flat *f, struct flat_member *m)
{
	bool escaped;

	skip_blanks(f);
	if (f->at == f->end)
		return false;
	if (*f->at == '"') {
		f->at++;
		if (!take_text(f, &m->text, &escaped))
			return false;
		m->kind = escaped ? FLAT_ESCAPED : FLAT_TEXT;
		return true;
	}
	if (*f->at == '-' || (*f->at >= '0' && *f->at <= '9'))
		return take_integer(f, m);
	m->kind = FLAT_WORD;
	return take_word(f);
}

static bool is_new(const struct flat_object *o, struct slice key)
{
	for (size_t i = 0; i < o->members; i++)
		if (o->member[i].key.len == key.len &&
		    memcmp(o->member[i].key.ptr, key.ptr, key.len) == 0)
			return false;
	return true;
}

static bool take_member(struct flat *f, struct flat_object *o)
{
	struct flat_member *m = &o->member[o->members];
	bool escaped;

	if (o->members == FLAT_MEMBERS || !take(f, '"') || !take_text(f, &m->key, &escaped) ||
	    escaped || !is_new(o, m->key) || !take(f, ':') || !take_value(f, m))
		return false;
	o->members++;
	return true;
}

static bool take_object(struct flat *f, struct flat_object *o)
{
	o->members = 0;
	if (!take(f, '{'))
		return false;
	if (take(f, '}'))
		return true;
	do
		if (!take_member(f, o))
			return false;
	while (take(f, ','));
	return take(f, '}');
}

enum flat_step flat_next(struct flat *f, struct flat_object *out)
{
	if (!f->read && !take(f, '['))
		return FLAT_REFUSED;
	if (take(f, ']')) {
		skip_blanks(f);
		return f->at == f->end ? FLAT_END : FLAT_REFUSED;
	}
	if ((f->read && !take(f, ',')) || !take_object(f, out))
		return FLAT_REFUSED;
	f->read++;
	return FLAT_OBJECT;
}

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/limits.h"

static json_t *raw(const struct json *v)
{
	return (json_t *)(uintptr_t)v;
}

static struct json *ours(json_t *v)
{
	return (struct json *)v;
}

static struct json *made(json_t *v)
{
	if (!v) /* defensive: jansson answers NULL only out of memory */
		mem_exhausted();
	return ours(v);
}

static void *take(size_t bytes)
{
	return mem_realloc(NULL, bytes);
}

void json_start(void)
{
	/*
	 * Where jansson finds no memory for a longer text it goes on without a word: it reads another text than
	 * is there, and writes behind what it has. So it is never told that there is none.
	 */
	json_set_alloc_funcs(take, mem_free);
	json_object_seed(0);
}

/*
 * jansson recurses: refuse depth before it is called. Strings are skipped, so brackets in them
 * do not count.
 */
static bool depth_fits(struct slice text)
{
	size_t depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"') {
			for (i++; i < text.len && text.ptr[i] != '"'; i++)
				if (text.ptr[i] == '\\')
					i++;
		} else if (c == '[' || c == '{') {
			if (++depth > LIMIT_JSON_DEPTH)
				return false;
		} else if ((c == ']' || c == '}') && depth) {
			depth--;
		}
	}
	return true;
}

static bool is_hex4(const char *p, const char *end)
{
	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++)
		if (!strchr("0123456789abcdefABCDEF", p[i]) || !p[i])
			return false;
	return true;
}

/* The code unit of an escape `\uXXXX` at p, or -1. */
static long escape_at(const char *p, const char *end)
{
	char hex[5] = "";

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || !is_hex4(p + 2, end))
		return -1;
	memcpy(hex, p + 2, 4);
	return strtol(hex, NULL, 16);
}

static bool is_high(long unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(long unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/*
 * Appends the escape at p, or U+FFFD where jansson would refuse the whole text for it; answers
 * its length.
 */
static size_t repair_escape(const char *p, const char *end, struct str *out)
{
	long unit = escape_at(p, end);

	if (is_high(unit) && is_low(escape_at(p + 6, end))) {
		str_add(out, p, 12);
		return 12;
	}
	if (unit == 0 || is_high(unit) || is_low(unit)) {
		str_add_text(out, "\\ufffd");
		return 6;
	}
	size_t len = end - p < 2 ? (size_t)(end - p) : 2;
	str_add(out, p, len);
	return len;
}

/*
 * A value that was cut amid a character must not make a whole answer, and all
 * that wait for it, unreadable: halves of surrogate pairs, NULs and bytes that
 * are no UTF-8 become U+FFFD.
 */
static void repair(struct slice text, struct str *out)
{
	for (const char *p = text.ptr, *end = slice_end(text); p < end;) {
		size_t len = utf8_length(p, end);
		if (*p == '\\') {
			p += repair_escape(p, end, out);
		} else if (len) {
			str_add(out, p, len);
			p += len;
		} else {
			str_add_text(out, "\xef\xbf\xbd");
			p++;
		}
	}
}

static json_t *load(struct slice text, json_error_t *why)
{
	return json_loadb(text.ptr ? text.ptr : "", text.len,
			  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, why);
}

struct json *json_parse(struct slice text, struct err *err)
{
	json_error_t why, ignored;
	struct str repaired;

	if (text.len > LIMIT_ANSWER_BYTES) {
		(void)err_set(err, RC_INVALID, "JSON is larger than %u bytes", LIMIT_ANSWER_BYTES);
		return NULL;
	}
	if (!depth_fits(text)) {
		(void)err_set(err, RC_INVALID, "JSON is nested deeper than %u", LIMIT_JSON_DEPTH);
		return NULL;
	}
	json_t *v = load(text, &why);
	if (v)
		return ours(v);
	str_init(&repaired, (size_t)LIMIT_ANSWER_BYTES * 3);
	repair(text, &repaired);
	v = load(str_slice(&repaired), &ignored);
	str_release(&repaired);
	if (!v)
		(void)err_set(err, RC_INVALID, "not JSON: %s at byte %d", why.text, why.position);
	return ours(v);
}

void json_free(struct json *v)
{
	json_decref(raw(v));
}

enum json_kind json_kind(const struct json *v)
{
	if (!v)
		return IS_NULL;
	switch (json_typeof(raw(v))) {
	case JSON_OBJECT:
		return IS_OBJECT;
	case JSON_ARRAY:
		return IS_ARRAY;
	case JSON_STRING:
		return IS_TEXT;
	case JSON_INTEGER:
	case JSON_REAL:
		return IS_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return IS_BOOL;
	case JSON_NULL:
		break;
	}
	return IS_NULL;
}

const struct json *json_get(const struct json *v, const char *key)
{
	return v ? ours(json_object_get(raw(v), key)) : NULL;
}

const struct json *json_path(const struct json *v, const char *dotted)
{
	char key[64];

	while (v && *dotted) {
		size_t len = strcspn(dotted, ".");
		if (len >= sizeof(key))
			return NULL;
		memcpy(key, dotted, len);
		key[len] = '\0';
		v = json_get(v, key);
		dotted += len + (dotted[len] == '.');
	}
	return v;
}

size_t json_count(const struct json *v)
{
	if (!v)
		return 0;
	return json_is_array(raw(v)) ? json_array_size(raw(v)) : json_object_size(raw(v));
}

const struct json *json_at(const struct json *v, size_t i)
{
	return v ? ours(json_array_get(raw(v), i)) : NULL;
}

struct slice json_slice(const struct json *v)
{
	if (!v || !json_is_string(raw(v)))
		return (struct slice){ 0 };
	return (struct slice){ json_string_value(raw(v)), json_string_length(raw(v)) };
}

struct slice json_get_slice(const struct json *v, const char *key)
{
	return json_slice(json_get(v, key));
}

int64_t json_int(const struct json *v, int64_t otherwise)
{
	if (v && json_is_integer(raw(v)))
		return json_integer_value(raw(v));
	struct slice text = json_slice(v);
	if (text.len == 0 || text.len > 18)
		return otherwise;
	int64_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return otherwise;
		n = n * 10 + (text.ptr[i] - '0');
	}
	return n;
}

bool json_bool(const struct json *v, bool otherwise)
{
	return v && json_is_boolean(raw(v)) ? json_is_true(raw(v)) : otherwise;
}

struct json_each json_each(const struct json *object)
{
	return (struct json_each){ object, object ? json_object_iter(raw(object)) : NULL };
}

bool json_next(struct json_each *e, struct slice *key, const struct json **value)
{
	if (!e->cursor)
		return false;
	*key = slice_of(json_object_iter_key(e->cursor));
	*value = ours(json_object_iter_value(e->cursor));
	e->cursor = json_object_iter_next(raw(e->object), e->cursor);
	return true;
}

struct json *json_new_object(void)
{
	return made(json_object());
}

struct json *json_new_array(void)
{
	return made(json_array());
}

struct json *json_clone(const struct json *v)
{
	return made(json_deep_copy(raw(v)));
}

/*
 * Bytes that are no UTF-8 become U+FFFD one by one: a foreign value must not make us drop a
 * member.
 */
static json_t *text_value(struct slice text)
{
	json_t *v = json_stringn(text.ptr ? text.ptr : "", text.len);
	struct str fixed;

	if (v)
		return v;
	str_init(&fixed, text.len * 3 + 1);
	for (const char *p = text.ptr, *end = slice_end(text); p < end;) {
		size_t len = utf8_length(p, end);
		if (len)
			str_add(&fixed, p, len);
		else
			str_add_text(&fixed, "\xef\xbf\xbd");
		p += len ? len : 1;
	}
	v = json_stringn(str_text(&fixed), fixed.len);
	str_release(&fixed);
	return raw(made(v));
}

void json_set(struct json *object, const char *key, struct json *value)
{
	if (json_object_set_new(raw(object), key, raw(value)) != 0) /* defensive: no memory */
		mem_exhausted();
}

void json_set_text(struct json *object, const char *key, const char *text)
{
	json_set(object, key, text ? ours(text_value(slice_of(text))) : made(json_null()));
}

void json_set_slice(struct json *object, struct slice key, struct slice text)
{
	char *name = mem_alloc(key.len + 1);

	if (key.len)
		memcpy(name, key.ptr, key.len);
	json_set(object, name, ours(text_value(text)));
	mem_free(name);
}

void json_set_integer(struct json *object, const char *key, int64_t n)
{
	json_set(object, key, made(json_integer(n)));
}

void json_set_bool(struct json *object, const char *key, bool b)
{
	json_set(object, key, made(json_boolean(b)));
}

struct json *json_member(struct json *object, const char *key)
{
	return ours(json_object_get(raw(object), key));
}

void json_add(struct json *array, struct json *value)
{
	if (json_array_append_new(raw(array), raw(value)) != 0) /* defensive: no memory */
		mem_exhausted();
}

void json_add_text(struct json *array, struct slice text)
{
	json_add(array, ours(text_value(text)));
}

static int dump_part(const char *bytes, size_t len, void *out)
{
	str_add(out, bytes, len);
	return 0;
}

static void dump(const struct json *v, size_t how, struct str *out)
{
	if (json_dump_callback(raw(v), dump_part, out, how) != 0) /* defensive: no memory */
		mem_exhausted();
}

void json_dump(const struct json *v, struct str *out)
{
	dump(v, JSON_COMPACT | JSON_ENCODE_ANY, out);
}

void json_dump_lines(const struct json *v, struct str *out)
{
	dump(v, JSON_INDENT(2) | JSON_ENCODE_ANY, out);
}

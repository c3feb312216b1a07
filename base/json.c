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
	if (!v)
		abort(); /* jansson answers NULL only out of memory */
	return ours(v);
}

void json_start(void)
{
	json_object_seed(0);
}

/* jansson recurses: refuse depth before it is called. Strings are skipped, so brackets in them do not count. */
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

struct json *json_parse(struct slice text, struct err *err)
{
	json_error_t why;

	if (text.len > LIMIT_ANSWER_BYTES) {
		(void)err_set(err, RC_INVALID, "JSON is larger than %u bytes", LIMIT_ANSWER_BYTES);
		return NULL;
	}
	if (!depth_fits(text)) {
		(void)err_set(err, RC_INVALID, "JSON is nested deeper than %u", LIMIT_JSON_DEPTH);
		return NULL;
	}
	json_t *v = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
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

/* Bytes that are no UTF-8 become U+FFFD one by one: a foreign value must not make us drop a member. */
static json_t *text_value(struct slice text)
{
	json_t *v = json_stringn(text.ptr ? text.ptr : "", text.len);
	struct str fixed;

	if (v)
		return v;
	str_init(&fixed, text.len * 3 + 1);
	for (const char *p = text.ptr, *end = text.ptr + text.len; p < end;) {
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
	if (json_object_set_new(raw(object), key, raw(value)) != 0)
		abort();
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

void json_add(struct json *array, struct json *value)
{
	if (json_array_append_new(raw(array), raw(value)) != 0)
		abort();
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

void json_dump(const struct json *v, struct str *out)
{
	if (json_dump_callback(raw(v), dump_part, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		abort();
}

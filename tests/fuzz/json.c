/*
 * JSON from other machines: reading ends, what was read can be written, and
 * what was written is read as the same. What flat.h takes is an array of the same objects.
 */
#include "tests/fuzz/fuzz.h"

#include "base/flat.h"
#include "base/json.h"

static void look_around(const struct json *v, size_t depth)
{
	struct slice key;
	const struct json *value;

	must(depth <= LIMIT_JSON_DEPTH);
	must(utf8_valid(json_slice(v)));
	(void)json_int(v, 0);
	for (size_t i = 0; json_kind(v) == IS_ARRAY && i < json_count(v); i++)
		look_around(json_at(v, i), depth + 1);
	if (json_kind(v) != IS_OBJECT)
		return;
	for (struct json_each e = json_each(v); json_next(&e, &key, &value);) {
		must(utf8_valid(key));
		look_around(value, depth + 1);
	}
}

static void compare_member(const struct json *object, const struct flat_member *m)
{
	char key[LIMIT_URL_BYTES];

	if (m->key.len >= sizeof(key))
		return;
	snprintf(key, sizeof(key), "%.*s", SLICE_FMT(m->key));
	const struct json *v = json_get(object, key);
	must(v);
	switch (m->kind) {
	case FLAT_TEXT:
		must(json_kind(v) == IS_TEXT && slice_eq(json_slice(v), m->text));
		break;
	case FLAT_ESCAPED:
		must(json_kind(v) == IS_TEXT);
		break;
	case FLAT_INTEGER:
		must(json_kind(v) == IS_NUMBER && json_int(v, m->n - 1) == m->n);
		break;
	case FLAT_WORD:
		must(json_kind(v) == IS_BOOL || json_kind(v) == IS_NULL);
	}
}

/* `v` is what json.h made of the text; NULL where it refused it. */
static void compare_flat(struct slice text, const struct json *v)
{
	struct flat_object o;
	enum flat_step step;
	struct flat f;

	flat_begin(&f, text);
	while ((step = flat_next(&f, &o)) == FLAT_OBJECT)
		;
	if (step != FLAT_END)
		return;
	must(json_kind(v) == IS_ARRAY && json_count(v) == f.read);
	flat_begin(&f, text);
	for (size_t i = 0; flat_next(&f, &o) == FLAT_OBJECT; i++) {
		must(json_kind(json_at(v, i)) == IS_OBJECT &&
		     json_count(json_at(v, i)) == o.members);
		for (size_t k = 0; k < o.members; k++)
			compare_member(json_at(v, i), &o.member[k]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct err err = { "" };
	struct str out, again;

	struct json *v = json_parse(text, &err);
	compare_flat(text, v);
	if (!v) {
		must(err.text[0]);
		return 0;
	}
	look_around(v, 0);
	str_init(&out, LIMIT_ANSWER_BYTES);
	str_init(&again, LIMIT_ANSWER_BYTES);
	json_dump(v, &out);
	struct json *copy = json_parse(str_slice(&out), &err);
	must(copy);
	json_dump(copy, &again);
	must(slice_eq(str_slice(&out), str_slice(&again)));
	json_free(copy);
	json_free(v);
	str_release(&out);
	str_release(&again);
	return 0;
}

/*
 * JSON from other machines: reading ends, what was read can be written, and
 * what was written is read as the same.
 */
#include "tests/fuzz/fuzz.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct err err = { "" };
	struct str out, again;

	struct json *v = json_parse(text, &err);
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

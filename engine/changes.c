#include "engine/changes.h"

#include "base/json.h"

static void add_value(struct str *out, struct slice value)
{
	struct slice cut = { value.ptr, CHANGE_VALUE_BYTES };
	struct str text;

	if (value.len <= CHANGE_VALUE_BYTES) {
		str_add_json(out, value);
		return;
	}
	while (cut.len && ((unsigned char)cut.ptr[cut.len] & 0xc0) == 0x80)
		cut.len--;
	str_init(&text, CHANGE_VALUE_BYTES + 4);
	str_add_slice(&text, cut);
	str_add_text(&text, "...");
	str_add_json(out, str_slice(&text));
	str_release(&text);
}

struct slice changes_text(const struct burst *burst, const struct entry *entry,
			  struct arena *memory)
{
	struct slice before = burst->from;
	struct str text;

	if (burst->entries < 2 && !burst->afresh)
		return slice_of("");
	str_init(&text, LIMIT_ANSWER_BYTES);
	for (size_t i = 0; i < burst->entries; i++) {
		const struct entry *e = &entry[burst->first + i];
		enum change_kind kind = i == 0 ? (burst->afresh ? CHANGE_AFRESH : CHANGE_MADE)
					: slice_eq(e->value, before) ? CHANGE_SAME
								     : CHANGE_MADE;
		str_addf(&text, "%s[%lld,", i ? "," : "[", (long long)e->at_ms);
		add_value(&text, e->value);
		str_addf(&text, ",%d]", (int)kind);
		before = e->value;
	}
	str_add_char(&text, ']');
	struct slice kept = arena_slice(memory, str_slice(&text));
	str_release(&text);
	return kept;
}

size_t changes_read(struct slice text, struct arena *memory, struct change **out)
{
	struct err ignored;
	struct json *list = text.len ? json_parse(text, &ignored) : NULL;
	size_t count = json_count(list), n = 0;

	*out = arena_alloc(memory, (count + 1) * sizeof(**out));
	for (size_t i = 0; i < count; i++) {
		const struct json *one = json_at(list, i), *value = json_at(one, 1);
		int64_t at = json_int(json_at(one, 0), -1), kind = json_int(json_at(one, 2), -1);
		if (at < 0 || json_kind(value) != IS_TEXT || kind < 0 || kind >= CHANGE_KINDS)
			break;
		(*out)[n++] = (struct change){ at, arena_slice(memory, json_slice(value)),
					       (enum change_kind)kind };
	}
	json_free(list);
	return n;
}

#include "dsl/schema_parts.h"

#include <string.h>

#include "base/limits.h"
#include "dsl/schema_names.h"

#define PROPERTY_NAME "^[a-z0-9_]{1,100}$"
#define DATE "[0-9]{4}-[0-9]{2}-[0-9]{2}"
#define DATE_TIME                                                                                  \
	DATE "[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?([Zz]|[-+][0-9]{2}(:?[0-9]{2})?)"
#define RELATIVE "[-+][0-9]{1,6}[dw]"
#define NUMBER "[-+]?([0-9]+(\\.[0-9]+)?|\\.[0-9]+)([eE][-+]?[0-9]+)?"

static const struct {
	const char *types, *pattern,
		*wrong; /* wrong: what is said where the pattern does not fit */
} shapes[] = {
	[SHAPE_TEXT] = { "string number", "\\S", "a value is missing" },
	[SHAPE_ANY_TEXT] = { "string number boolean", NULL, NULL },
	[SHAPE_SOME] = { "string number boolean", "^[^]",
			 "the empty value is compared with `known`" },
	[SHAPE_NAME] = { "string integer", "^[a-z0-9][a-z0-9-]{0,63}$",
			 "a name is of a to z, 0 to 9 and -, not first -, such as tier-badge" },
	[SHAPE_PROPERTY] = { "string integer", PROPERTY_NAME,
			     "the internal name is meant, of a to z, 0 to 9 and _, not the label" },
	[SHAPE_GROUP] = { "string integer", "^[A-Za-z0-9_-]{1,64}$",
			  "the id of a group is meant, not its name" },
	[SHAPE_ID] = { "string integer", "^[0-9]{1,18}$", "an id is of digits" },
	[SHAPE_DURATION] = { "string", "^[0-9]+(ms|s|m|h|d)$",
			     "a duration is digits and a unit: 500ms, 30s, 10m, 2h or 7d" },
	[SHAPE_RATE] = { "string", "^(?=[0-9.]*[1-9])[0-9]{1,9}(\\.[0-9]{1,6})?/[smhd]$",
			 "a rate is a number per s, m, h or d: 2.5/s or 1000/h" },
	[SHAPE_URL] = { "string", "^https?://(?![^/]*@)[^\\s/:?#][^\\s?#\"<>\\\\^`{|}]*$",
			"an address is http:// or https://, a host, and a path if needed" },
	[SHAPE_SECRET] = { "string", "^(\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}|file:.+)$",
			   "a secret is never written out: ${NAME} or file:PATH" },
	[SHAPE_OPTION] = { "string number boolean", "^[^;]+$",
			   "one option: write one test for each" },
	[SHAPE_QUANTITY] = { "string number",
			     "^\\s*(today|" RELATIVE "|" DATE "|" DATE_TIME "|" NUMBER ")\\s*$",
			     "a number, a date, a date-time with its zone, today, -30d or +2w" },
	[SHAPE_MOMENT] = { "string", "^(today|" RELATIVE "|" DATE "|" DATE_TIME ")$",
			   "a date, a date-time with its zone, today, -30d or +2w" },
	[SHAPE_FLAG] = { "boolean string", "^(true|false)$", "true or false" },
};

/* ---- what people are told ------------------------------------------------ */

/* The text without its marks, for those who show no markdown. */
static void add_plain(struct json *schema, const char *text)
{
	struct str plain;

	str_init(&plain, LIMIT_YAML_SCALAR_BYTES);
	for (; *text; text++)
		if (*text != '`')
			str_add_char(&plain, *text);
	json_set_text(schema, "description", str_text(&plain));
	str_release(&plain);
}

struct json *schema_text(struct slice text)
{
	struct json *array = json_new_array(), *value;

	json_add_text(array, text);
	value = json_clone(json_at(array, 0));
	json_free(array);
	return value;
}

struct json *schema_value(struct slice text)
{
	struct err err;
	struct json *value = json_parse(text, &err);

	if (value && (json_kind(value) == IS_NUMBER || json_kind(value) == IS_BOOL))
		return value;
	json_free(value);
	if (text.len > 1 && text.ptr[0] == '\'')
		text = (struct slice){ text.ptr + 1, text.len - 2 };
	return schema_text(text);
}

/* "[PL, DE]" is a list. */
static struct json *example_of(const char *text)
{
	struct slice rest = slice_of(text);
	struct json *list;

	if (text[0] != '[')
		return schema_value(rest);
	list = json_new_array();
	for (const char *p = text + 1; *p;) {
		size_t len = strcspn(p, ",]");
		json_add(list, schema_value((struct slice){ p, len }));
		p += len + 1;
		p += strspn(p, " ");
	}
	return list;
}

struct json *schema_about(const struct about *a)
{
	struct json *schema = json_new_object();

	json_set_text(schema, "title", a->title);
	if (a->text[0]) {
		add_plain(schema, a->text);
		json_set_text(schema, "markdownDescription", a->text);
	}
	if (a->example && a->example[0] != '{') {
		struct json *examples = json_new_array();
		json_add(examples, example_of(a->example));
		json_set(schema, "examples", examples);
	}
	return schema;
}

struct json *schema_reference(const char *definition)
{
	struct json *schema = json_new_object();
	struct str at;

	str_init(&at, LIMIT_YAML_SCALAR_BYTES);
	str_addf(&at, "#/definitions/%s", definition);
	json_set_text(schema, "$ref", str_text(&at));
	str_release(&at);
	return schema;
}

void schema_add_head(struct json *schema, const char *title, const char *text)
{
	json_set_text(schema, "$schema", "http://json-schema.org/draft-07/schema#");
	json_set_text(schema, "title", title);
	add_plain(schema, text);
	json_set_text(schema, "type", "object");
}

/* ---- texts ------------------------------------------------------------- */

/* `further` may be NULL. */
static void add_types(struct json *schema, const char *types, const char *further)
{
	if (!further && !strchr(types, ' ')) {
		json_set_text(schema, "type", types);
		return;
	}
	struct json *list = json_new_array();
	for (const char *p = types; *p;) {
		size_t len = strcspn(p, " ");
		json_add_text(list, (struct slice){ p, len });
		p += len + (p[len] == ' ');
	}
	if (further)
		json_add_text(list, slice_of(further));
	json_set(schema, "type", list);
}

static void add_pattern(struct json *schema, const char *pattern, const char *wrong)
{
	if (!pattern)
		return;
	json_set_text(schema, "pattern", pattern);
	json_set_text(schema, "patternErrorMessage", wrong);
}

void schema_add_shape(struct json *schema, enum shape shape)
{
	add_types(schema, shapes[shape].types, NULL);
	add_pattern(schema, shapes[shape].pattern, shapes[shape].wrong);
	if (strstr(shapes[shape].types, "integer"))
		json_set_integer(schema, "minimum", 0);
}

void schema_add_texts(struct json *schema, enum shape shape)
{
	struct json *entry = json_new_object();

	/* A plain null is a text here. That an entry is left empty only the parser can tell. */
	add_types(entry, shapes[shape].types, "null");
	add_pattern(entry, shapes[shape].pattern, shapes[shape].wrong);
	schema_add_shape(schema, shape);
	schema_also_list(schema, 1, LIMIT_VALUES, entry);
}

void schema_add_words(struct json *schema, const char *const *words, const char *const *meaning)
{
	struct json *all = json_new_array(), *meanings = json_new_array();

	for (size_t i = 0; words[i]; i++) {
		json_add_text(all, slice_of(words[i]));
		if (meaning)
			json_add_text(meanings, slice_of(meaning[i]));
	}
	json_set_text(schema, "type", "string");
	json_set(schema, "enum", all);
	if (meaning) {
		json_set(schema, "enumDescriptions", json_clone(meanings));
		json_set(schema, "markdownEnumDescriptions", json_clone(meanings));
	}
	json_free(meanings);
}

void schema_add_default(struct json *schema, const char *text)
{
	if (text)
		json_set(schema, "default", schema_value(slice_of(text)));
}

/* ---- maps and lists ---------------------------------------------------- */

struct json *schema_map(struct json *schema)
{
	if (!schema)
		schema = json_new_object();
	json_set_text(schema, "type", "object");
	json_set(schema, "properties", json_new_object());
	json_set(schema, "required", json_new_array());
	json_set_bool(schema, "additionalProperties", false);
	return schema;
}

void schema_add_key(struct json *map, const char *name, bool required, struct json *value)
{
	json_set(json_member(map, "properties"), name, value);
	if (required)
		json_add_text(json_member(map, "required"), slice_of(name));
}

void schema_add_list(struct json *schema, size_t least, struct json *entry)
{
	json_set_text(schema, "type", "array");
	json_set(schema, "items", entry);
	json_set_integer(schema, "minItems", (int64_t)least);
}

void schema_also_list(struct json *schema, size_t least, size_t most, struct json *entry)
{
	struct json *types = json_member(schema, "type");

	if (json_kind(types) == IS_TEXT) {
		struct json *list = json_new_array();
		json_add(list, json_clone(types));
		json_set(schema, "type", list);
		types = list;
	}
	json_add_text(types, slice_of("array"));
	json_set(schema, "items", entry);
	json_set_integer(schema, "minItems", (int64_t)least);
	json_set_integer(schema, "maxItems", (int64_t)most);
}

struct json *schema_with(const char *name)
{
	struct json *schema = json_new_object(), *required = json_new_array();

	json_add_text(required, slice_of(name));
	json_set(schema, "required", required);
	return schema;
}

struct json *schema_where(const char *name, const char *value)
{
	struct json *schema = schema_with(name), *properties = json_new_object();
	struct json *constant = json_new_object();

	json_set_text(constant, "const", value);
	json_set(properties, name, constant);
	json_set(schema, "properties", properties);
	return schema;
}

void schema_add_choice(struct json *schema, struct json *when, struct json *then,
		       struct json *otherwise)
{
	json_set(schema, "if", when);
	json_set(schema, "then", then);
	json_set(schema, "else", otherwise);
}

/* ---- keys -------------------------------------------------------------- */

static void add_text(struct json *schema, const struct key *row)
{
	struct str wrong;

	if (schema_has_names(row->names)) {
		schema_add_names(schema, row->names);
		return;
	}
	if (!row->pattern) {
		schema_add_shape(schema, row->kind == KEY_NAME	      ? SHAPE_NAME
					 : row->names == NAMES_RECORD ? SHAPE_ID
								      : SHAPE_TEXT);
		return;
	}
	str_init(&wrong, LIMIT_YAML_SCALAR_BYTES);
	str_addf(&wrong, "'%s' is %s, or such as %s", row->name, row->otherwise,
		 row->about.example);
	add_types(schema, "string", NULL);
	add_pattern(schema, row->pattern, str_text(&wrong));
	str_release(&wrong);
}

void schema_add_row(struct json *schema, const struct key *row, schema_below *below,
		    const struct schema_ground *g)
{
	switch (row->kind) {
	case KEY_TEXT:
	case KEY_NAME:
		add_text(schema, row);
		break;
	case KEY_TEXTS:
		schema_add_texts(schema, SHAPE_ANY_TEXT);
		break;
	case KEY_WORD:
		schema_add_words(schema, row->words, row->meaning);
		break;
	case KEY_BOOL:
		schema_add_shape(schema, SHAPE_FLAG);
		break;
	case KEY_DURATION:
		schema_add_shape(schema, SHAPE_DURATION);
		break;
	case KEY_MAP:
	case KEY_NODE:
		below(schema, row, g);
		break;
	}
	schema_add_default(schema, row->otherwise);
}

struct json *schema_keys(struct json *schema, const struct keys *keys, schema_below *below,
			 const struct schema_ground *g)
{
	struct json *map = schema_map(schema);

	for (size_t i = 0; i < keys->count; i++) {
		struct json *value = schema_about_names(&keys->row[i].about, keys->row[i].names, g);
		schema_add_row(value, &keys->row[i], below, g);
		schema_add_key(map, keys->row[i].name, keys->row[i].required, value);
	}
	return map;
}

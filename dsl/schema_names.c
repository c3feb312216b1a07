/*
 * schema_names - the names of a lock as closed sets: properties, options, lists,
 * groups and attributes, each with its label.
 *
 * A schema does not know which account a rule means: what any of them has is
 * taken. What the lock does not know whole stays open.
 */
#include "dsl/schema_names.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "dsl/fields.h"
#include "dsl/rule.h"

static const struct {
	const char *definition;
	enum shape shape;
	enum lock_kind kind;
	const char *unknown;
} rows[] = {
	[NAMES_PROPERTY] = { "property", SHAPE_PROPERTY, LOCK_PROPERTIES,
			     "no property has this internal name in hs2cert.lock" },
	[NAMES_LIST] = { "list", SHAPE_TEXT, LOCK_LISTS,
			 "no list has this id or name in hs2cert.lock" },
	[NAMES_GROUP] = { "group", SHAPE_GROUP, LOCK_GROUPS,
			  "no group has this id in hs2cert.lock" },
};

bool schema_has_names(enum names names)
{
	return names < sizeof(rows) / sizeof(rows[0]) && rows[names].definition;
}

struct json *schema_about_names(const struct about *a, enum names names,
				const struct schema_ground *g)
{
	struct about about = *a;

	if (g->lock && schema_has_names(names))
		about.example = NULL;
	return schema_about(&about);
}

/* ---- closed sets ------------------------------------------------------- */

struct set {
	struct json *values, *labels;
	struct map seen;
	bool open;
};

static void set_init(struct set *s, bool open)
{
	*s = (struct set){ .values = json_new_array(), .labels = json_new_array(), .open = open };
	map_init(&s->seen);
}

static void set_put(struct set *s, struct json *value, const char *label)
{
	json_add(s->values, value);
	json_add_text(s->labels, slice_of(label));
}

/* A text, before it what YAML readers take it for where it stands without quotes. */
static void set_add(struct set *s, const char *text, const char *label)
{
	if (map_put(&s->seen, slice_of(text), s))
		return;
	struct json *plain = schema_value(slice_of(text));
	if (json_kind(plain) == IS_TEXT)
		json_free(plain);
	else
		set_put(s, plain, label);
	set_put(s, schema_text(slice_of(text)), label);
}

/* Ends the set: it becomes part of a schema. */
static void set_end(struct set *s, struct json *schema, enum shape shape, const char *unknown)
{
	struct json *closed = s->open ? json_new_object() : schema;

	map_release(&s->seen);
	if (s->open && !json_count(s->values)) {
		json_free(closed);
		json_free(s->values);
		json_free(s->labels);
		schema_add_shape(schema, shape);
		return;
	}
	json_set(closed, "enum", s->values);
	json_set(closed, "enumDescriptions", json_clone(s->labels));
	json_set(closed, "markdownEnumDescriptions", s->labels);
	if (!s->open) {
		json_set_text(schema, "errorMessage", unknown);
		return;
	}
	struct json *any = json_new_array(), *others = json_new_object();
	schema_add_shape(others, shape);
	json_add(any, closed);
	json_add(any, others);
	json_set(schema, "anyOf", any);
}

/* The next section of that kind from *at on; NULL at the end. */
static const struct lock_section *next_section(const struct lock *lock, enum lock_kind kind,
					       size_t *at)
{
	for (; lock && *at < lock->n_account; ++*at)
		if (lock_has_kind(lock->account[*at].type, kind))
			return &lock->account[(*at)++].section[kind];
	return NULL;
}

/* Whether there may be others than those of the lock. */
static bool is_open(const struct lock *lock, enum lock_kind kind)
{
	const struct lock_section *s;
	size_t at = 0, sections = 0;

	while ((s = next_section(lock, kind, &at)) != NULL) {
		sections++;
		if (s->more)
			return true;
	}
	return sections == 0;
}

/* ---- names ------------------------------------------------------------- */

/* A list is named by its id or its name; where names are digits, they are quoted. */
static void add_list(struct set *s, const struct lock_entry *e)
{
	char label[LIMIT_ID_BYTES + sizeof("list ")];

	snprintf(label, sizeof(label), "list %s", e->key);
	set_put(s, schema_value(slice_of(e->key)), e->name);
	if (e->name[0] && !map_put(&s->seen, slice_of(e->name), s))
		set_put(s, schema_text(slice_of(e->name)), label);
}

static void add_section(struct set *s, const struct lock_section *section, enum names names)
{
	for (size_t i = 0; i < section->count; i++) {
		if (names == NAMES_LIST)
			add_list(s, &section->entry[i]);
		else
			set_add(s, section->entry[i].key, section->entry[i].name);
	}
}

static struct json *names_schema(const struct lock *lock, enum names names)
{
	struct json *schema = json_new_object();
	const struct lock_section *s;
	struct set set;
	size_t at = 0;

	set_init(&set, is_open(lock, rows[names].kind));
	while ((s = next_section(lock, rows[names].kind, &at)) != NULL)
		add_section(&set, s, names);
	set_end(&set, schema, rows[names].shape, rows[names].unknown);
	return schema;
}

/* ---- options ----------------------------------------------------------- */

/* More than one option can be ticked: only `has` looks at them one by one. */
static bool is_multiple(const struct lock_entry *property)
{
	return strcmp(property->field, "checkbox") == 0;
}

/* Names of properties are short. */
#define DEFINITION_BYTES 160

/* Of each property with options there are two sets: `options`, and `values` with the empty one. */
static const char *definition_of(const char *what, const char *property, char out[DEFINITION_BYTES])
{
	snprintf(out, DEFINITION_BYTES, "%s.%s", what, property);
	return out;
}

static struct json *options_of(const char *what, const char *property)
{
	char name[DEFINITION_BYTES];

	return schema_reference(definition_of(what, property, name));
}

/* The options of the property in all accounts. */
static struct json *options_schema(const struct lock *lock, const char *property, bool empty)
{
	struct json *schema = json_new_object();
	struct str unknown;
	struct set set;

	set_init(&set, false);
	for (size_t i = 0; i < lock->n_account; i++) {
		const struct lock_entry *e = lock_find(&lock->account[i], LOCK_PROPERTIES,
						       slice_of(property));
		set.open |= e && (e->open || !e->n_option);
		for (size_t k = 0; e && k < e->n_option; k++)
			set_add(&set, e->option[k].value, e->option[k].label);
	}
	if (empty)
		set_add(&set, "", "the empty value");
	str_init(&unknown, LIMIT_YAML_SCALAR_BYTES);
	str_addf(&unknown,
		 "'%s' has no such option in hs2cert.lock: the internal value is meant, not the "
		 "label",
		 property);
	set_end(&set, schema, SHAPE_ANY_TEXT, str_text(&unknown));
	str_release(&unknown);
	return schema;
}

/* One of them, or a list of them. */
static struct json *one_or_several(struct json *one)
{
	struct json *schema = json_new_object(), *list = json_new_object();
	struct json *any = json_new_array();

	schema_add_list(list, 1, json_clone(one));
	json_add(any, one);
	json_add(any, list);
	json_set(schema, "anyOf", any);
	return schema;
}

static void limit_test(struct json *properties, const struct lock_entry *e)
{
	for (size_t i = 0; i < operator_count; i++) {
		enum operand_form form = operators[i].form;
		if (form == OPERAND_OPTION || (form == OPERAND_TEXT && !is_multiple(e)))
			json_set(properties, operators[i].name, options_of("options", e->key));
		else if (form == OPERAND_TEXTS && !is_multiple(e))
			json_set(properties, operators[i].name,
				 one_or_several(options_of("options", e->key)));
	}
}

/* What a change came from may be an option that is gone: offered, not refused. */
static struct json *perhaps(struct json *values)
{
	struct json *schema = json_new_object(), *any = json_new_array();
	struct json *others = json_new_object();

	schema_add_shape(others, SHAPE_ANY_TEXT);
	json_add(any, values);
	json_add(any, others);
	json_set(schema, "anyOf", any);
	return schema;
}

static void limit_change(struct json *properties, const struct lock_entry *e)
{
	for (size_t i = 0; !is_multiple(e) && i < trigger_any_keys.count; i++) {
		const struct key *row = &trigger_any_keys.row[i];
		struct json *values = options_of("values", e->key);
		if (row->kind != KEY_TEXTS)
			json_free(values);
		else if (strcmp(row->name, "from") == 0)
			json_set(properties, row->name, one_or_several(perhaps(values)));
		else
			json_set(properties, row->name, one_or_several(values));
	}
}

/* Where the key `property` names this one, its options are limited. */
static struct json *limited(const struct lock_entry *e, enum limited_map what)
{
	struct json *schema = json_new_object(), *then = json_new_object();
	struct json *properties = json_new_object();

	if (what == LIMITED_TEST)
		limit_test(properties, e);
	else
		limit_change(properties, e);
	json_set(then, "properties", properties);
	json_set(schema, "if", schema_where(filter_property.name, e->key));
	json_set(schema, "then", then);
	return schema;
}

void schema_limit_options(struct json *map, const struct lock *lock, enum limited_map what)
{
	struct json *all = json_new_array();
	const struct lock_section *s;
	struct map seen;
	size_t at = 0;

	map_init(&seen);
	while ((s = next_section(lock, LOCK_PROPERTIES, &at)) != NULL)
		for (size_t k = 0; k < s->count; k++)
			if (s->entry[k].n_option && !map_put(&seen, slice_of(s->entry[k].key), map))
				json_add(all, limited(&s->entry[k], what));
	map_release(&seen);
	if (json_count(all))
		json_set(map, "allOf", all);
	else
		json_free(all);
}

/* ---- definitions and attributes ---------------------------------------- */

static void define_options(struct json *definitions, const struct lock *lock, const char *property)
{
	char name[DEFINITION_BYTES];

	if (json_get(definitions, definition_of("options", property, name)))
		return;
	json_set(definitions, name, options_schema(lock, property, false));
	json_set(definitions, definition_of("values", property, name),
		 options_schema(lock, property, true));
}

void schema_define_names(struct json *definitions, const struct lock *lock)
{
	const struct lock_section *s;
	size_t at = 0;

	for (enum names n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
		if (schema_has_names(n))
			json_set(definitions, rows[n].definition, names_schema(lock, n));
	while ((s = next_section(lock, LOCK_PROPERTIES, &at)) != NULL)
		for (size_t k = 0; k < s->count; k++)
			if (s->entry[k].n_option)
				define_options(definitions, lock, s->entry[k].key);
}

void schema_add_names(struct json *schema, enum names names)
{
	struct json *all = json_new_array();

	json_add(all, schema_reference(rows[names].definition));
	json_set(schema, "allOf", all);
}

/* Adds to a map: keys of this form. */
static void add_form(struct json *map, const char *form, struct json *value)
{
	struct json *forms = json_new_object();

	json_set(forms, form, value);
	json_set(map, "patternProperties", forms);
}

void schema_add_attributes(struct json *map, const struct lock *lock, schema_field *field)
{
	const struct lock_section *s;
	size_t at = 0;

	while ((s = next_section(lock, LOCK_ATTRIBUTES, &at)) != NULL) {
		for (size_t k = 0; k < s->count; k++) {
			struct about about = field_custom_about;
			about.title = s->entry[k].name;
			schema_add_key(map, s->entry[k].key, false, field(&about, NULL));
		}
	}
	if (is_open(lock, LOCK_ATTRIBUTES))
		add_form(map, "^custom\\.[A-Za-z0-9_.-]{1,100}$", field(&field_custom_about, NULL));
}

/* A value of the property, or the empty one. */
static struct json *value_schema(const struct lock_entry *e)
{
	const struct about about = { e->name, "", NULL };
	struct json *schema = schema_about(&about);

	if (!e->n_option || is_multiple(e)) {
		schema_add_shape(schema, SHAPE_ANY_TEXT);
		return schema;
	}
	struct json *all = json_new_array();
	json_add(all, options_of("values", e->key));
	json_set(schema, "allOf", all);
	return schema;
}

void schema_add_properties(struct json *map, const struct lock *lock)
{
	const struct lock_section *s;
	size_t at = 0;

	while ((s = next_section(lock, LOCK_PROPERTIES, &at)) != NULL)
		for (size_t k = 0; k < s->count; k++)
			schema_add_key(map, s->entry[k].key, false, value_schema(&s->entry[k]));
	if (!is_open(lock, LOCK_PROPERTIES))
		return;
	struct json *value = json_new_object();
	schema_add_shape(value, SHAPE_ANY_TEXT);
	add_form(map, "^[a-z0-9_]{1,100}$", value);
}

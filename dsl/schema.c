#include "dsl/schema.h"

#include <string.h>

#include "base/limits.h"
#include "dsl/account.h"
#include "dsl/fields.h"
#include "dsl/rule.h"
#include "dsl/schema_parts.h"

#define FILTER "filter"

static struct json *reference(const char *definition)
{
	struct json *schema = json_new_object();
	struct str at;

	str_init(&at, 128);
	str_addf(&at, "#/definitions/%s", definition);
	json_set_text(schema, "$ref", str_text(&at));
	str_release(&at);
	return schema;
}

/* ---- filters ----------------------------------------------------------- */

static struct json *operator_schema(const struct operator* op)
{
	static const enum shape by_form[] = {
		[OPERAND_TEXT] = SHAPE_SOME,	 [OPERAND_TEXTS] = SHAPE_SOME,
		[OPERAND_PIECE] = SHAPE_SOME,	 [OPERAND_PATTERN] = SHAPE_SOME,
		[OPERAND_OPTION] = SHAPE_OPTION, [OPERAND_QUANTITY] = SHAPE_QUANTITY,
		[OPERAND_MOMENT] = SHAPE_MOMENT, [OPERAND_FLAG] = SHAPE_FLAG,
	};
	struct json *schema = schema_about(&op->about);

	if (op->form == OPERAND_TEXTS)
		schema_add_texts(schema, by_form[op->form]);
	else
		schema_add_shape(schema, by_form[op->form]);
	return schema;
}

static struct json *group_schema(const struct filter_group *group)
{
	struct json *schema = schema_about(&group->about);

	if (group->op != STEP_NOT) {
		schema_add_list(schema, 1, reference(FILTER));
		return schema;
	}
	struct json *entry = reference(FILTER);
	json_set(schema, "allOf", json_new_array());
	json_add(json_member(schema, "allOf"), entry);
	return schema;
}

static void add_groups(struct json *map)
{
	for (size_t i = 0; i < FILTER_GROUPS; i++)
		schema_add_key(map, filter_groups[i].name, false, group_schema(&filter_groups[i]));
}

/* A property and one operator. */
static struct json *test_schema(void)
{
	struct json *map = schema_map(NULL), *property = schema_about(&filter_property.about);

	schema_add_shape(property, SHAPE_PROPERTY);
	schema_add_key(map, filter_property.name, true, property);
	for (size_t i = 0; i < operator_count; i++)
		schema_add_key(map, operators[i].name, false, operator_schema(&operators[i]));
	json_set_integer(map, "minProperties", 2);
	json_set_integer(map, "maxProperties", 2);
	return map;
}

/* An entry of a list of filters. Before it says what it is, it may become any. */
static struct json *filter_schema(void)
{
	struct json *schema = json_new_object(), *any = json_new_array();
	struct json *when = json_new_object(), *groups = schema_map(NULL);
	struct json *rest = json_new_object(), *open = test_schema();

	for (size_t i = 0; i < FILTER_GROUPS; i++)
		json_add(any, schema_with(filter_groups[i].name));
	json_set(when, "anyOf", any);
	add_groups(groups);
	json_set_integer(groups, "maxProperties", 1);
	add_groups(open);
	schema_add_choice(rest, schema_with(filter_property.name), test_schema(), open);
	json_set_text(schema, "type", "object");
	schema_add_choice(schema, when, groups, rest);
	return schema;
}

/* ---- fields ------------------------------------------------------------ */

static const char *places(int only)
{
	return only < 0 ? "" : event_kind_names[only];
}

/* What can stand in a template, as a table. */
static void add_template_words(struct str *out)
{
	str_add_text(out,
		     "\n\nA text with references in `{{ }}`, each with functions behind `|`.\n\n"
		     "| reference | |\n|---|---|\n"
		     "| `contact.`*property* | A property of the contact. |\n");
	for (size_t i = 0; i < REFERENCES; i++)
		str_addf(out, "| `%s` | %s%s%s |\n", references[i].name, references[i].meaning,
			 references[i].only < 0 ? "" : " Only of ", places(references[i].only));
	str_add_text(out, "\n| function | |\n|---|---|\n");
	for (size_t i = 0; i < function_count; i++)
		str_addf(out, "| `%s` | %s |\n", functions[i].usage, functions[i].meaning);
}

static struct json *field_schema(const struct about *about, const char *otherwise)
{
	struct json *schema = schema_about(about);
	struct str text;

	str_init(&text, LIMIT_YAML_SCALAR_BYTES);
	str_add_text(&text, about->text);
	add_template_words(&text);
	json_set_text(schema, "markdownDescription", str_text(&text));
	str_release(&text);
	schema_add_shape(schema, SHAPE_ANY_TEXT);
	schema_add_default(schema, otherwise);
	return schema;
}

static void add_fields(struct json *schema)
{
	struct json *custom = json_new_object(), *map = schema_map(schema);

	for (size_t i = 0; i < FIELDS; i++)
		schema_add_key(map, field_rows[i].name, false,
			       field_schema(&field_rows[i].about, field_rows[i].otherwise));
	json_set(custom, "^custom\\.[A-Za-z0-9_.-]{1,100}$",
		 field_schema(&field_custom_about, NULL));
	json_set(map, "patternProperties", custom);
}

/* ---- rules ------------------------------------------------------------- */

static void add_below(struct json *schema, const struct key *row);

/* {"properties": {"event": {"const": …}}, "required": ["event"]} */
static struct json *event_is(int event)
{
	struct json *schema = schema_with("event"), *properties = json_new_object();
	struct json *value = json_new_object();

	json_set_text(value, "const", event_kind_names[event]);
	json_set(properties, "event", value);
	json_set(schema, "properties", properties);
	return schema;
}

/* Which keys there are hangs on the event. */
static void add_trigger(struct json *schema)
{
	struct json *others = schema_keys(NULL, &trigger_any_keys, add_below);
	int last = 0;

	while (event_kind_names[last + 1])
		last++;
	for (int i = last; i > 0; i--) {
		struct json *choice = json_new_object();
		schema_add_choice(choice, event_is(i),
				  schema_keys(NULL, &trigger_keys[i], add_below), others);
		others = choice;
	}
	json_set_text(schema, "type", "object");
	schema_add_choice(schema, event_is(0), schema_keys(NULL, &trigger_keys[0], add_below),
			  others);
}

static void add_action(struct json *schema)
{
	(void)schema_keys(schema, &action_keys, add_below);
}

static void add_filters(struct json *schema)
{
	schema_add_list(schema, 1, reference(FILTER));
}

/* The maps and lists of a rule. */
static void add_below(struct json *schema, const struct key *row)
{
	static const struct {
		const char *name;
		void (*add)(struct json *schema);
	} rows[] = {
		{ "trigger", add_trigger },
		{ "action", add_action },
		{ "filters", add_filters },
		{ "fields", add_fields },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, row->name) == 0)
			rows[i].add(schema);
}

static struct json *rule_schema(void)
{
	return schema_keys(NULL, &rule_keys, add_below);
}

/* ---- accounts ---------------------------------------------------------- */

static void add_secrets(struct json *schema)
{
	struct json *entry = json_new_object();

	schema_add_shape(entry, SHAPE_SECRET);
	schema_add_shape(schema, SHAPE_SECRET);
	schema_also_list(schema, 1, 2, entry);
}

static struct json *setting_schema(const struct setting_row *row)
{
	static const enum shape by_form[] = {
		[FORM_TEXT] = SHAPE_TEXT,	  [FORM_URL] = SHAPE_URL,
		[FORM_DURATION] = SHAPE_DURATION, [FORM_RATE] = SHAPE_RATE,
		[FORM_SECRET] = SHAPE_SECRET,
	};
	struct json *schema = schema_about(&row->about);

	if (row->form == FORM_SECRETS)
		add_secrets(schema);
	else if (row->form == FORM_WORD)
		schema_add_words(schema, row->words, NULL);
	else
		schema_add_shape(schema, by_form[row->form]);
	schema_add_default(schema, row->otherwise);
	return schema;
}

static bool is_in_group(const struct setting_row *row, const char *group)
{
	size_t len = strlen(group);

	return strncmp(row->name, group, len) == 0 && row->name[len] == '.';
}

static struct json *group_of_settings(const struct account_type *type,
				      const struct setting_group *group)
{
	struct json *map = schema_map(schema_about(&group->about));

	for (size_t i = 0; i < type->count; i++)
		if (is_in_group(&type->row[i], group->name))
			schema_add_key(map, type->row[i].name + strlen(group->name) + 1,
				       type->row[i].required, setting_schema(&type->row[i]));
	return map;
}

/* What is below `hubspot:` or `certifier:`. */
static struct json *settings_schema(const struct account_type *type)
{
	struct json *map = schema_map(schema_about(&type->about)), *one = json_new_array();

	for (size_t i = 0; i < type->count; i++)
		if (!strchr(type->row[i].name, '.'))
			schema_add_key(map, type->row[i].name, false,
				       setting_schema(&type->row[i]));
	for (size_t i = 0; i < type->groups; i++)
		schema_add_key(map, type->group[i].name, false,
			       group_of_settings(type, &type->group[i]));
	json_add(one, schema_with(type->token));
	if (type->instead)
		json_add(one, schema_with(type->instead));
	json_set(map, "oneOf", one);
	return map;
}

static struct json *account_schema(void)
{
	struct json *map = schema_map(NULL), *name = schema_about(&account_about);
	struct json *one = json_new_array();

	schema_add_shape(name, SHAPE_NAME);
	schema_add_key(map, "account", true, name);
	for (size_t i = 0; i < ACCOUNT_TYPES; i++) {
		schema_add_key(map, account_types[i].name, false,
			       settings_schema(&account_types[i]));
		json_add(one, schema_with(account_types[i].name));
	}
	json_set(map, "oneOf", one);
	return map;
}

/* ---- documents --------------------------------------------------------- */

/* A document that does not say yet what it is. */
static struct json *begun_schema(void)
{
	struct json *map = schema_map(NULL), *account = schema_about(&account_about);
	struct json *rule = schema_about(&rule_keys.row[0].about);

	schema_add_shape(rule, SHAPE_NAME);
	schema_add_shape(account, SHAPE_NAME);
	schema_add_key(map, rule_keys.row[0].name, false, rule);
	schema_add_key(map, "account", false, account);
	json_set_integer(map, "minProperties", 1);
	return map;
}

struct json *schema_rules(void)
{
	struct json *schema = json_new_object(), *rest = json_new_object();
	struct json *definitions = json_new_object();

	schema_add_head(
		schema, "hs2cert rules",
		"A document of `rules.d/*.yaml`: an account or a rule, as its first key says.");
	schema_add_choice(rest, schema_with(rule_keys.row[0].name), rule_schema(), begun_schema());
	schema_add_choice(schema, schema_with("account"), account_schema(), rest);
	json_set(definitions, FILTER, filter_schema());
	json_set(schema, "definitions", definitions);
	return schema;
}

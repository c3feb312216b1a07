#include "dsl/schema.h"

#include <string.h>

#include "base/limits.h"
#include "dsl/account.h"
#include "dsl/fields.h"
#include "dsl/rule.h"
#include "dsl/schema_names.h"

#define FILTER "filter"

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
		schema_add_list(schema, 1, schema_reference(FILTER));
		return schema;
	}
	struct json *entry = schema_reference(FILTER);
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
static struct json *test_schema(const struct schema_ground *g)
{
	struct json *map = schema_map(NULL),
		    *property = schema_about_names(&filter_property.about, NAMES_PROPERTY, g);

	schema_add_names(property, NAMES_PROPERTY);
	schema_add_key(map, filter_property.name, true, property);
	for (size_t i = 0; i < operator_count; i++)
		schema_add_key(map, operators[i].name, false, operator_schema(&operators[i]));
	json_set_integer(map, "minProperties", 2);
	json_set_integer(map, "maxProperties", 2);
	schema_limit_options(map, g->lock, LIMITED_TEST);
	return map;
}

/* An entry of a list of filters. Before it says what it is, it may become any. */
static struct json *filter_schema(const struct schema_ground *g)
{
	struct json *schema = json_new_object(), *any = json_new_array();
	struct json *when = json_new_object(), *groups = schema_map(NULL);
	struct json *rest = json_new_object(), *open = test_schema(g);

	for (size_t i = 0; i < FILTER_GROUPS; i++)
		json_add(any, schema_with(filter_groups[i].name));
	json_set(when, "anyOf", any);
	add_groups(groups);
	json_set_integer(groups, "maxProperties", 1);
	add_groups(open);
	schema_add_choice(rest, schema_with(filter_property.name), test_schema(g), open);
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

static void add_fields(struct json *schema, const struct schema_ground *g)
{
	struct json *map = schema_map(schema);

	for (size_t i = 0; i < FIELDS; i++)
		schema_add_key(map, field_rows[i].name, false,
			       field_schema(&field_rows[i].about, field_rows[i].otherwise));
	schema_add_attributes(map, g->lock, field_schema);
}

/* ---- rules ------------------------------------------------------------- */

static void add_below(struct json *schema, const struct key *row, const struct schema_ground *g);

static struct json *event_schema(int event, const struct schema_ground *g)
{
	struct json *map = schema_keys(NULL, &trigger_keys[event], add_below, g);

	if (event == EVENT_PROPERTY_CHANGED)
		schema_limit_options(map, g->lock, LIMITED_CHANGE);
	return map;
}

/* Which keys there are hangs on the event. */
static void add_trigger(struct json *schema, const struct schema_ground *g)
{
	struct json *others = schema_keys(NULL, &trigger_any_keys, add_below, g);
	int last = 0;

	while (event_kind_names[last + 1])
		last++;
	for (int i = last; i > 0; i--) {
		struct json *choice = json_new_object();
		schema_add_choice(choice, schema_where("event", event_kind_names[i]),
				  event_schema(i, g), others);
		others = choice;
	}
	json_set_text(schema, "type", "object");
	schema_add_choice(schema, schema_where("event", event_kind_names[0]), event_schema(0, g),
			  others);
}

static void add_action(struct json *schema, const struct schema_ground *g)
{
	(void)schema_keys(schema, &action_keys, add_below, g);
}

static void add_filters(struct json *schema, const struct schema_ground *g)
{
	(void)g;
	schema_add_list(schema, 1, schema_reference(FILTER));
}

/* The maps and lists of a rule. */
static void add_below(struct json *schema, const struct key *row, const struct schema_ground *g)
{
	static const struct {
		const char *name;
		void (*add)(struct json *schema, const struct schema_ground *g);
	} rows[] = {
		{ "trigger", add_trigger },
		{ "action", add_action },
		{ "filters", add_filters },
		{ "fields", add_fields },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, row->name) == 0)
			rows[i].add(schema, g);
}

static struct json *rule_schema(const struct schema_ground *g)
{
	return schema_keys(NULL, &rule_keys, add_below, g);
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

struct json *schema_rules(const struct schema_ground *g)
{
	struct json *schema = json_new_object(), *rest = json_new_object();
	struct json *definitions = json_new_object();

	schema_add_head(
		schema, "hs2cert rules",
		"A document of `rules.d/*.yaml`: an account or a rule, as its first key says.");
	schema_add_choice(rest, schema_with(rule_keys.row[0].name), rule_schema(g), begun_schema());
	schema_add_choice(schema, schema_with("account"), account_schema(), rest);
	json_set(definitions, FILTER, filter_schema(g));
	schema_define_names(definitions, g->lock);
	json_set(schema, "definitions", definitions);
	return schema;
}

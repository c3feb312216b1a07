/*
 * schema_tests - the language of rule tests as a JSON Schema: see schema.h.
 */
#include <string.h>

#include "dsl/fields.h"
#include "dsl/ruletest_read.h"
#include "dsl/schema_names.h"

#define VALUES "values"

static void nothing_below(struct json *schema, const struct key *row, const struct schema_ground *g)
{
	(void)schema, (void)row, (void)g;
}

/* A contact's id under this key, and its properties. */
static void add_contact(struct json *schema, const struct about *about, const char *key,
			const struct schema_ground *g)
{
	struct json *map = schema_map(schema), *id = schema_about(about);

	schema_add_shape(id, SHAPE_ID);
	schema_add_key(map, key, true, id);
	schema_add_properties(map, g->lock);
}

static struct json *contact_schema(const struct schema_ground *g)
{
	static const struct about id = { "Id of the contact", "Digits of your choice.", "101" };
	struct json *schema = json_new_object();

	add_contact(schema, &id, "id", g);
	return schema;
}

/* ---- steps ------------------------------------------------------------- */

static int what_happens(const char *name)
{
	for (int i = 0; ruletest_do_names[i]; i++)
		if (strcmp(ruletest_do_names[i], name) == 0)
			return i;
	return DO_COUNT;
}

/* What stands below the key that says what happens. */
static void add_step(struct json *schema, const struct key *row, const struct schema_ground *g)
{
	static const struct about whom = { "Contact", "Its id at that time.", "101" };
	static const struct about made = { "Id of the contact", "Digits of your choice.", "102" };
	int what = what_happens(row->name);

	switch (what) {
	case DO_SET:
		add_contact(schema, &whom, "contact", g);
		return;
	case DO_CREATE:
		add_contact(schema, &made, "id", g);
		return;
	case DO_FAIL_SINK:
	case DO_FAIL_SOURCE:
		(void)schema_keys(schema, &ruletest_fault_keys[what], nothing_below, g);
		return;
	default:
		(void)schema_keys(schema, &ruletest_ids_keys[what], nothing_below, g);
		return;
	}
}

/* A time, and one thing that happens. */
static struct json *step_schema(const struct schema_ground *g)
{
	struct json *map = schema_keys(NULL, &ruletest_step_keys, add_step, g);

	json_set_integer(map, "minProperties", 2);
	json_set_integer(map, "maxProperties", 2);
	return map;
}

/* ---- what is expected --------------------------------------------------- */

static void add_state(struct json *schema, const struct key *row, const struct schema_ground *g)
{
	(void)row;
	schema_add_words(schema, g->states, NULL);
}

/* Here a field is its value. */
static struct json *field_schema(const struct about *about, const char *otherwise)
{
	const struct about value = { about->title, "The value that it must have.", NULL };
	struct json *schema = schema_about(&value);

	(void)otherwise;
	schema_add_shape(schema, SHAPE_ANY_TEXT);
	return schema;
}

static struct json *entry_schema(const struct schema_ground *g)
{
	struct json *map = schema_keys(NULL, &ruletest_entry_keys, add_state, g);

	for (size_t i = 0; i < FIELDS; i++)
		schema_add_key(map, field_rows[i].name, false,
			       field_schema(&field_rows[i].about, NULL));
	schema_add_attributes(map, g->lock, field_schema);
	return map;
}

/* ---- documents --------------------------------------------------------- */

static void add_members(struct json *schema, const struct key *row, const struct schema_ground *g)
{
	struct json *id = json_new_object();

	(void)row, (void)g;
	schema_add_shape(id, SHAPE_ID);
	schema_add_list(schema, 0, id);
}

static struct json *list_schema(const struct schema_ground *g)
{
	return schema_keys(NULL, &ruletest_list_keys, add_members, g);
}

/* The lists of a test. */
static void add_below(struct json *schema, const struct key *row, const struct schema_ground *g)
{
	static const struct {
		const char *name;
		struct json *(*entry)(const struct schema_ground *g);
	} rows[] = {
		{ "contacts", contact_schema },
		{ "lists", list_schema },
		{ "steps", step_schema },
		{ "expect", entry_schema },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, row->name) == 0)
			schema_add_list(schema, 0, rows[i].entry(g));
}

struct json *schema_tests(const struct schema_ground *g)
{
	struct json *schema = json_new_object(), *definitions = json_new_object();

	schema_add_head(
		schema, "hs2cert rule tests",
		"A document of `rules.d/tests/*.yaml`: what is there, what happens, and what "
		"must come of it.");
	(void)schema_keys(schema, &ruletest_keys, add_below, g);
	schema_define_names(definitions, g->lock);
	json_set(schema, "definitions", definitions);
	return schema;
}

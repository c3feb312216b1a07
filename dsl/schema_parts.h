/*
 * schema_parts - the small pieces that schemas are put together from.
 *
 * What is made here belongs to the caller, who puts it into another value. Only
 * dsl/schema*.c include this.
 */
#ifndef DSL_SCHEMA_PARTS_H
#define DSL_SCHEMA_PARTS_H

#include "base/json.h"
#include "dsl/keys.h"
#include "dsl/schema.h"

/* What a text looks like. YAML readers take plain 4711 and true for other types: text is these too. */
enum shape {
	SHAPE_TEXT,	/* not blank */
	SHAPE_ANY_TEXT, /* also the empty one in quotes */
	SHAPE_SOME,	/* not empty */
	SHAPE_NAME,	/* of a rule or an account */
	SHAPE_PROPERTY,
	SHAPE_GROUP,
	SHAPE_ID,
	SHAPE_DURATION,
	SHAPE_RATE,
	SHAPE_URL,
	SHAPE_SECRET,
	SHAPE_OPTION, /* of a multiple checkbox */
	SHAPE_QUANTITY,
	SHAPE_MOMENT,
	SHAPE_FLAG, /* true or false */
};

/* What is written so in YAML: a number, true or false, a text in single quotes or without. */
struct json *schema_value(struct slice text);
/* A text, whatever it looks like. */
struct json *schema_text(struct slice text);
/* { "$ref": … } to a definition. */
struct json *schema_reference(const char *definition);
/* What a whole schema begins with: documents are maps. */
void schema_add_head(struct json *schema, const char *title, const char *text);
/* An object that tells `a`: title, description, example. */
struct json *schema_about(const struct about *a);
/* Adds what a text of this shape looks like. */
void schema_add_shape(struct json *schema, enum shape shape);
/* Adds: one of these, or a list of them. */
void schema_add_texts(struct json *schema, enum shape shape);
/* Adds a closed set of words; `meaning` may be NULL. Both are NULL-ended. */
void schema_add_words(struct json *schema, const char *const *words, const char *const *meaning);
/* Adds a default; NULL: none. */
void schema_add_default(struct json *schema, const char *text);
/* A map with no keys yet, and no others than those that are added; `schema` may be NULL. */
struct json *schema_map(struct json *schema);
/* Adds a key to a map: takes `value`. */
void schema_add_key(struct json *map, const char *name, bool required, struct json *value);
/* Adds: a list with at least `least` of `entry`; takes it. */
void schema_add_list(struct json *schema, size_t least, struct json *entry);
/* Adds: or a list of `least` to `most` of `entry`; takes it. */
void schema_also_list(struct json *schema, size_t least, size_t most, struct json *entry);
/* { "required": [name] } */
struct json *schema_with(const char *name);
/* A map in which the key `name` is `value`. */
struct json *schema_where(const char *name, const char *value);
/* Adds: if `when`, then `then`, else `otherwise`; takes all. */
void schema_add_choice(struct json *schema, struct json *when, struct json *then,
		       struct json *otherwise);

/* What stands below a row of KEY_MAP or KEY_NODE: adds it. */
typedef void schema_below(struct json *schema, const struct key *row,
			  const struct schema_ground *g);
/* Adds what a row takes. */
void schema_add_row(struct json *schema, const struct key *row, schema_below *below,
		    const struct schema_ground *g);
/* A map with these keys; `schema` (may be NULL) tells what the map is. */
struct json *schema_keys(struct json *schema, const struct keys *keys, schema_below *below,
			 const struct schema_ground *g);

#endif

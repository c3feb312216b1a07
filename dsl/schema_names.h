/*
 * schema_names - the names of a lock in a schema.
 *
 * Without a lock (NULL) the definitions are what a name looks like. Only
 * dsl/schema*.c include this.
 */
#ifndef DSL_SCHEMA_NAMES_H
#define DSL_SCHEMA_NAMES_H

#include "dsl/lock.h"
#include "dsl/schema_parts.h"

/* Whether there is a definition of these names. */
bool schema_has_names(enum names names);
/* As schema_about; no example is made up where real names are known. */
struct json *schema_about_names(const struct about *a, enum names names,
				const struct schema_ground *g);
/* Adds: what the definition of these names says. */
void schema_add_names(struct json *schema, enum names names);
/* Adds the definitions that the others refer to. */
void schema_define_names(struct json *definitions, const struct lock *lock);

/* Maps with a key `property` and values of it. */
enum limited_map { LIMITED_TEST, LIMITED_CHANGE };
/* Adds: where the property has options, the values are among them. */
void schema_limit_options(struct json *map, const struct lock *lock, enum limited_map what);

/* What a field of the credential takes. */
typedef struct json *schema_field(const struct about *about, const char *otherwise);
/* Adds custom attributes to a map of fields, each as `field` tells it. */
void schema_add_attributes(struct json *map, const struct lock *lock, schema_field *field);
/* Adds properties of a contact to a map of their values. */
void schema_add_properties(struct json *map, const struct lock *lock);

#endif

/*
 * schema - the rule language as a JSON Schema, for editors.
 *
 * Made from the rows that the parser reads, so that it cannot lag behind. What a
 * YAML language server can tell from it are keys, types, closed sets of words,
 * small forms and, with a lock, names. It is not the parser: what hangs together
 * across keys (templates, dates in them, rules of one name) only `validate` tells.
 * Draft 7, which all of them know. Used by `hs2cert schema`.
 */
#ifndef DSL_SCHEMA_H
#define DSL_SCHEMA_H

#include "base/json.h"
#include "dsl/lock.h"

/* What is known beside the language. */
struct schema_ground {
	const struct lock *lock;   /* NULL: names are only looked at for how they look */
	const char *const *states; /* of an issuance, NULL-ended */
};

/* Of the documents of a rule file. Freed with json_free. */
struct json *schema_rules(const struct schema_ground *g) MUST_CHECK;
/* Of the documents of a file of rule tests. */
struct json *schema_tests(const struct schema_ground *g) MUST_CHECK;

#endif

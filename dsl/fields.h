/*
 * fields - `fields:` of an action: which there are, and their templates.
 */
#ifndef DSL_FIELDS_H
#define DSL_FIELDS_H

#include "dsl/rule.h"

/* Reads r->fields (NULL: none given) and adds the defaults; sets r->field. */
void fields_read(struct faults *f, struct arena *arena, struct rule_draft *r);

/* The default template of a field of rules.md, NULL where it has none. */
const char *field_default(const char *name);

#endif

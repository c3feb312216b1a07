/*
 * fields - `fields:` of an action: which there are, and their templates.
 */
#ifndef DSL_FIELDS_H
#define DSL_FIELDS_H

#include "dsl/rule.h"

struct field_row {
	const char *name;
	const char *otherwise; /* default template; NULL: left out where it is not given */
	bool date;
	struct about about;
};

extern const struct field_row field_rows[FIELDS];
extern const struct about field_custom_about; /* of custom.<tag> */

/* Reads the default templates of field_rows. */
void fields_read_defaults(struct faults *f, struct arena *arena, struct field_defaults *out);
/* Reads r->fields (NULL: none given) and adds the defaults; sets r->field. */
void fields_read(struct faults *f, struct arena *arena, const struct field_defaults *defaults,
		 struct rule_draft *r);

/* The default template of a field of rules.md, NULL where it has none. */
const char *field_default(const char *name);

#endif

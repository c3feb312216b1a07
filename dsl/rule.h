/*
 * rule - `rule:` documents, read and checked as far as one rule alone goes.
 *
 * What other documents have to do with it (accounts, rules of the same name) is
 * dsl/check.c. A draft lends from nodes and from the arena of the build.
 */
#ifndef DSL_RULE_H
#define DSL_RULE_H

#include "dsl/fault.h"
#include "dsl/filter.h"
#include "dsl/keys.h"
#include "dsl/template.h"
#include "dsl/value.h"

#define FIELDS 4

struct field_draft {
	const char *name;
	const struct node *node; /* NULL: the default */
	struct template template;
};

/* What a rule has that gives none; the same for all of them. */
struct field_defaults {
	struct field_draft field[FIELDS];
	size_t count; /* 0: not read yet */
};

struct rule_draft {
	const struct node *doc, *name_node;
	const char *name;  /* "" where it was refused */
	const char *shown; /* for diagnostics; NULL where there is none */
	const struct node *description, *trigger, *action;
	const struct node *missing_email, *brake, *since;
	int mode, repeat;

	const struct node *trigger_account, *property, *from, *to, *list, *filters;
	int event; /* enum event_kind, -1 where it could not be told */
	int64_t settle_ms;
	struct filter_draft filter;

	const struct node *action_account, *group, *fields;
	int act;
	bool issue, send;
	const struct field_draft *field; /* in the order of rules.md, custom fields by name */
	size_t n_field;

	int64_t hold_email_ms;
	struct rate brake_rate; /* count 0: off */
	int64_t since_ms;

	uint32_t source, target_account; /* set by dsl/check.c */
	const char *
		list_id; /* of a list given by name, lent by the lock: dsl/names.c; NULL: not known */
};

/* What can stand in a rule: the rows that it is read by, and that editors are told of. */
extern const struct keys rule_keys, action_keys;
extern const struct keys trigger_keys[];   /* by enum event_kind */
extern const struct keys trigger_any_keys; /* where the event is not known: the keys of any */

/* The account type that an event's source and an action have. */
const char *event_account_type(enum event_kind event);
const char *action_account_type(int act);

void rule_read(struct faults *f, struct patterns *patterns, struct arena *arena,
	       const struct field_defaults *defaults, const struct node *doc,
	       struct rule_draft *out);

/* True for an unquoted number: a list's id. */
bool rule_list_is_id(const struct node *list);

#endif

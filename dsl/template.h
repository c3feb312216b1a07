/*
 * template - text with {{ … }} in it: read and checked.
 *
 * What comes out lends from the node and the arena, and has property names
 * where a table has numbers; dsl/compile.c fills in the numbers.
 */
#ifndef DSL_TEMPLATE_H
#define DSL_TEMPLATE_H

#include "dsl/fault.h"
#include "dsl/program.h"

/* What stands first inside {{ }}, beside `contact.` and the name of a property. */
struct reference {
	const char *name;
	enum ref ref;
	int only; /* the event kind that has it, or -1 */
	const char *meaning;
};

#define REFERENCES 8
extern const struct reference references[REFERENCES];

/*
 * Reads the text of node n as a template of a rule with this event (an enum
 * event_kind, or -1 where the rule's is not known: then any will do). False
 * where something was wrong with it.
 */
bool template_read(struct faults *f, struct arena *arena, const struct node *n, int event,
		   struct template *out);

/* What is known of a rule's references before any event: for date fields. */
struct template_facts {
	const char *rule;   /* its name, or NULL */
	const char *target; /* property name, or list name or id */
	bool target_is_name;
};

/*
 * Says where a template can never come out as a date (issue-date, expiry-date:
 * wants_date), and where a function that needs a date can never get one.
 */
void template_check_dates(struct faults *f, const struct node *n, const struct template *t,
			  const struct template_facts *facts, bool wants_date);

#endif

/*
 * names - rules against the names that the accounts have: an unknown property,
 * a label in place of a value, a list that is not there, a number compared with
 * a date.
 *
 * The names are a struct lock: the file's (`validate`, `run` and reload alike),
 * or what the live accounts just said (`validate --online`). Only what can
 * never be right is an error; what contacts may still hold, or what holds only
 * by luck, is a warning.
 */
#ifndef DSL_NAMES_H
#define DSL_NAMES_H

#include "dsl/draft.h"
#include "dsl/lock.h"

/*
 * Checks every rule of the drafts, after dsl/check.c has found their accounts.
 * `before` (may be NULL) is what was known earlier: what was there then and is
 * not now is said to be gone.
 */
void names_check(struct faults *f, const struct drafts *d, const struct lock *now,
		 const struct lock *before);

/* ---- shared by names.c and names_values.c ---------------------------------- */

struct names_check {
	struct faults *f;
	const struct lock *now, *before;
	const struct lock_account *source, *action;	    /* of the rule; NULL: not known */
	const struct lock_account *was_source, *was_action; /* the same, before */
	size_t compared; /* names that were looked at for a did-you-mean */
};

/* A value that a property is compared with, as a node or a part of its text. */
struct names_value {
	const struct node *node;
	struct slice text;
	size_t from, to; /* of the node's text */
};

/* The test `op: operand` of a property. */
void names_check_test(struct names_check *n, const struct lock_entry *property,
		      const struct operator* op, const struct node *operand);
/* `from:` or `to:` of a trigger. */
void names_check_values(struct names_check *n, const struct lock_entry *property,
			const struct node *values, bool to);

/* The nearest of these words, or NULL; also NULL once so many were compared that it takes long. */
const char *names_nearest(struct names_check *n, struct slice word, const char *const *words,
			  size_t count);

#endif

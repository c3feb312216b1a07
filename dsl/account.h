/*
 * account - `account:` documents: which types there are, which keys each has.
 *
 * To add a type: one row in account_types and the rows of its keys, in
 * dsl/account_keys.c.
 */
#ifndef DSL_ACCOUNT_H
#define DSL_ACCOUNT_H

#include "dsl/about.h"
#include "dsl/fault.h"
#include "dsl/table.h"

enum setting_form {
	FORM_TEXT,
	FORM_WORD,
	FORM_URL,
	FORM_DURATION,
	FORM_RATE,
	FORM_SECRET,
	FORM_SECRETS, /* one, or two during rotation */
};

/* A key of an account type. A key of a sub-map is written with its dot, and keys of one stand together. */
struct setting_row {
	const char *name;
	enum setting_form form;
	bool required;		  /* of a sub-map's key: where the sub-map stands */
	const char *otherwise;	  /* default, as one would write it; NULL: none */
	const char *const *words; /* FORM_WORD: NULL-ended */
	int64_t least, most;	  /* FORM_DURATION */
	struct about about;
};

/* A sub-map: what stands before the dot. */
struct setting_group {
	const char *name;
	struct about about;
};

struct account_type {
	const char *name;
	const char *secret_variable; /* of its token, where a folder declares no account */
	const char *token,
		*instead; /* exactly one of the two keys; instead NULL: token is required */
	const struct setting_row *row;
	size_t count;
	const struct setting_group *group;
	size_t groups;
	struct about about;
};

#define ACCOUNT_TYPES 2
extern const struct account_type account_types[ACCOUNT_TYPES];
extern const struct about account_about; /* of the key `account` itself */

/* The type of that name; NULL where there is none. */
const struct account_type *account_type(struct slice name);

struct account_draft {
	const char *name;		 /* "" where it was refused */
	const struct node *name_node;	 /* NULL for one that the environment stands for */
	const struct account_type *type; /* NULL where it could not be told */
	struct setting *setting;	 /* one for each row of the type */
};

/* Reads one account document; what it keeps lives in the arena. */
void account_read(struct faults *f, struct arena *arena, const struct node *doc,
		  struct account_draft *out);
/* The account that the environment stands for. */
void account_default(struct arena *arena, const struct account_type *type,
		     struct account_draft *out);

#endif

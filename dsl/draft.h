/*
 * draft - everything that was read from all files, before it becomes a table.
 */
#ifndef DSL_DRAFT_H
#define DSL_DRAFT_H

#include "dsl/account.h"
#include "dsl/rule.h"

struct drafts {
	struct account_draft *account; /* heap */
	size_t n_account, cap_account;
	struct rule_draft *rule; /* heap */
	size_t n_rule, cap_rule;
	bool incomplete; /* a file or a document is missing: what is not found may be there */
	struct arena arena;
	struct patterns patterns;
	struct field_defaults defaults;
};

void drafts_init(struct drafts *d);
void drafts_release(struct drafts *d);

/* Reads one document: an account or a rule, as its first key says. */
void drafts_read(struct faults *f, struct drafts *d, const struct node *doc);
/* The same of accounts alone; other documents are passed over. */
void drafts_read_account(struct faults *f, struct drafts *d, const struct node *doc);

/* The account of a rule where it could not be told, which was said. */
#define ACCOUNT_UNKNOWN UINT32_MAX

/*
 * What concerns more than one document: equal names, and which accounts a rule
 * means. Adds the accounts of the environment where none is declared.
 */
void drafts_check(struct faults *f, struct drafts *d);

/* The table of drafts that no fault was found in; takes the patterns. */
struct table *drafts_compile(struct drafts *d, const struct sources *sources);

#endif

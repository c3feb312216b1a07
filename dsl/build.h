/*
 * build - rule files in, a table and diagnostics out.
 *
 * The one way from text to table: `run`, reload and `validate` all come through
 * here. Everything wrong in any file is found in one run. Needs no network, no
 * secret, no state.
 */
#ifndef DSL_BUILD_H
#define DSL_BUILD_H

#include "base/diag.h"
#include "base/err.h"
#include "dsl/table.h"

struct source_file {
	const char *path; /* as shown to people */
	struct slice text;
	bool lock;    /* no rule file: the names of the accounts, dsl/lock.h */
	bool refused; /* it could not be read, which was said; its text is empty */
};

/* The texts that diagnostics point into; struct span's file is an index here. */
struct sources {
	struct source_file *file;
	size_t count, cap;
	struct arena memory;
};

void sources_init(struct sources *s);
void sources_release(struct sources *s);
/*
 * Reads a folder (rules.md says which names) or one file, named by the caller,
 * and the lock file there. RC_BROKEN where one cannot be read. A file that is
 * too large or no regular file becomes a diagnostic.
 */
enum rc sources_add_path(struct sources *s, const char *path, struct diags *diags,
			 struct err *err) MUST_CHECK;
/* Adds a text that is already in memory: for tests and fuzzing. */
void sources_add_text(struct sources *s, const char *path, struct slice text);

/* How many rule files there are. */
size_t sources_rule_files(const struct sources *s);

/*
 * Parses, checks and compiles. NULL when there was any error; `diags` is sorted
 * either way. *rules (may be NULL) counts rule documents seen. The caller owns
 * one reference.
 */
struct table *table_build(const struct sources *s, struct diags *diags, size_t *rules);

struct lock;
/*
 * The same, with names that the live accounts just said in place of those of
 * the lock file; that is only compared with them.
 */
struct table *table_build_online(const struct sources *s, const struct lock *live,
				 struct diags *diags, size_t *rules);
/* The accounts alone, whatever the rules are worth: to ask the accounts for their names. */
struct table *table_build_accounts(const struct sources *s, struct diags *diags);

/* Whether it says of a rule that names which its accounts have, or have no longer, make it quiet. */
bool diag_makes_quiet(const struct diag *d);

/* `file:line:column: error: message [code]`, source line, underline and hint, as in commands.md. */
void diag_print_text(const struct sources *s, const struct diag *d, bool colour, struct str *out);
/* The whole JSON object of commands.md. */
void diags_print_json(const struct sources *s, const struct diags *d, size_t rules,
		      struct str *out);
/* A SARIF 2.1.0 log, one object. */
void diags_print_sarif(const struct sources *s, const struct diags *d, struct str *out);
/* GitHub's workflow commands, a line each. */
void diags_print_github(const struct sources *s, const struct diags *d, struct str *out);

#endif

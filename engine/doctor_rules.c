/*
 * doctor_rules - whether the rules are right, and what of their names the accounts do not have.
 */
#include <string.h>

#include "engine/doctor.h"

/* ---- the rules by themselves ------------------------------------------------------ */

static const char *place_of(const struct sources *s, const struct diag *d, struct arena *memory)
{
	return arena_printf(memory, "%s:%u:%u", s->file[d->at.file].path, d->at.line, d->at.column);
}

static const struct diag *first_error(const struct diags *diags)
{
	size_t i = 0;

	while (diags->list[i].severity != SEVERITY_ERROR)
		i++;
	return &diags->list[i];
}

static void tell_faults(const struct sources *s, const struct diags *diags, const char *folder,
			struct remarks *out)
{
	const struct diag *d = first_error(diags);

	remarks_add(out, REMARK_ERROR, "rules", "files", "run 'hs2cert validate' and mend them",
		    "%s: %zu error%s, the first at %s: %s", folder, diags->errors,
		    diags->errors == 1 ? "" : "s", place_of(s, d, &out->memory), d->message);
}

static void tell_fine(const struct sources *s, const char *folder, size_t rules,
		      struct remarks *out)
{
	size_t files = sources_rule_files(s);

	if (rules)
		remarks_add(out, REMARK_OK, "rules", "files", NULL, "%s: %zu file%s, %zu rule%s",
			    folder, files, files == 1 ? "" : "s", rules, rules == 1 ? "" : "s");
	else
		remarks_add(out, REMARK_WARNING, "rules", "files",
			    "write one: docs/RULES.md begins with it", "%s: no rule is in it",
			    folder);
}

struct table *doctor_rules(const struct sources *s, const char *folder, struct remarks *out,
			   bool *rules)
{
	struct diags diags;
	struct lock none;
	size_t count = 0;

	diags_init(&diags);
	lock_init(&none);
	struct table *table = table_build_online(s, &none, &diags, &count);
	*rules = table != NULL;
	if (table)
		tell_fine(s, folder, count, out);
	else
		tell_faults(s, &diags, folder, out);
	diags_release(&diags);
	diags_init(&diags);
	if (!table)
		table = table_build_accounts(s, &diags);
	diags_release(&diags);
	lock_release(&none);
	return table;
}

/* ---- the names ------------------------------------------------------------------------ */

static void tell_name(const struct sources *s, const struct diag *d, struct remarks *out)
{
	remarks_add(out, d->severity == SEVERITY_ERROR ? REMARK_ERROR : REMARK_WARNING, d->rule,
		    "names", "mend the rule, or give the account that name again", "%s (%s)",
		    d->message, place_of(s, d, &out->memory));
	if (d->hint)
		remarks_next(out, "%s", d->hint);
}

/* Changes of accounts that could be read now. */
struct changes {
	const struct lock *live;
	size_t count;
};

static void note_change(void *ctx, const struct lock_change *change)
{
	struct changes *c = ctx;

	c->count += lock_account(c->live, change->account) != NULL;
}

static void tell_lock(const struct sources *s, const struct lock *live, struct remarks *out)
{
	struct changes changes = { live, 0 };
	struct diags ignored;
	struct lock was;

	diags_init(&ignored);
	lock_init(&was);
	enum lock_state state = lock_read(s, &ignored, &was);
	if (state == LOCK_READ)
		(void)lock_diff(&was, live, note_change, &changes);
	if (state == LOCK_ABSENT)
		remarks_add(out, REMARK_WARNING, "rules", "lock", "run 'hs2cert pull', commit it",
			    "no %s: without the network nothing checks names", LOCK_FILE);
	else if (state == LOCK_DAMAGED)
		remarks_add(out, REMARK_ERROR, "rules", "lock", "run 'hs2cert pull'",
			    "%s is damaged", LOCK_FILE);
	else if (changes.count)
		remarks_add(out, REMARK_WARNING, "rules", "lock",
			    "'hs2cert pull --check' lists them, 'hs2cert pull' takes them over",
			    "%zu name%s changed since the last pull", changes.count,
			    changes.count == 1 ? " has" : "s have");
	else if (live->n_account)
		remarks_add(out, REMARK_OK, "rules", "lock", NULL, "%s is as the accounts are",
			    LOCK_FILE);
	lock_release(&was);
	diags_release(&ignored);
}

void doctor_names(const struct sources *s, const struct lock *live, struct remarks *out)
{
	struct diags diags;

	diags_init(&diags);
	table_unref(table_build_online(s, live, &diags, NULL));
	for (size_t i = 0; i < diags.count; i++)
		if (diag_makes_quiet(&diags.list[i]))
			tell_name(s, &diags.list[i], out);
	diags_release(&diags);
	tell_lock(s, live, out);
}

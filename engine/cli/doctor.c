/*
 * doctor - everything that an installation stands on, one line each with what to do next.
 * What is looked at is engine/doctor.h; here it is put in order and printed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/ground.h"
#include "engine/doctor.h"

#define GREEN "\033[32m"
#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"
#define SUBJECT_MOST 32 /* a longer name pushes its own line only */

/* ---- printing ------------------------------------------------------------------- */

static void add_json(const struct remark *f, struct str *out)
{
	str_addf(out, "{\"level\":\"%s\",\"subject\":", remark_levels[f->level]);
	str_add_json(out, slice_of(f->subject));
	str_addf(out, ",\"check\":\"%s\",\"text\":", f->check);
	str_add_json(out, slice_of(f->text));
	str_add_text(out, ",\"next\":");
	if (f->next)
		str_add_json(out, slice_of(f->next));
	else
		str_add_text(out, "null");
	str_add_text(out, "}\n");
}

static size_t subject_width(const struct remarks *all)
{
	size_t width = 0;

	for (size_t i = 0; i < all->count; i++) {
		size_t len = strlen(all->list[i].subject);
		if (len > width && len <= SUBJECT_MOST)
			width = len;
	}
	return width;
}

static void add_line(const struct remark *f, int width, bool colour, struct str *out)
{
	static const char *const colours[] = { GREEN, YELLOW, RED };

	str_addf(out, "%s%-7s%s  %-*s  %-9s  %s", colour ? colours[f->level] : "",
		 remark_levels[f->level], colour ? PLAIN : "", width, f->subject, f->check,
		 f->text);
	if (f->next)
		str_addf(out, "%s -> %s%s", colour ? DIM : "", f->next, colour ? PLAIN : "");
	str_add_char(out, '\n');
}

static void add_summary(const struct remarks *all, struct str *out)
{
	size_t errors = remarks_count(all, REMARK_ERROR);
	size_t warnings = remarks_count(all, REMARK_WARNING);

	str_addf(out, "\n%zu error%s, %zu warning%s, %zu fine\n", errors, errors == 1 ? "" : "s",
		 warnings, warnings == 1 ? "" : "s", remarks_count(all, REMARK_OK));
}

static int print_all(const struct cli *cli, const struct remarks *all)
{
	int width = (int)subject_width(all);
	bool json = cli_has(cli, "json");
	struct str out;

	str_init(&out, SIZE_MAX / 4);
	for (size_t i = 0; i < all->count; i++) {
		if (json)
			add_json(&all->list[i], &out);
		else
			add_line(&all->list[i], width, cli_colour(STDOUT_FILENO), &out);
	}
	if (!json)
		add_summary(all, &out);
	fwrite(str_text(&out), 1, out.len, stdout);
	str_release(&out);
	return remarks_count(all, REMARK_OK) == all->count ? EXIT_FINE : EXIT_FINDINGS;
}

/* ---- the checks ----------------------------------------------------------------------- */

static enum rc ask_accounts(struct ground *g, struct doctor *d, struct err *err)
{
	enum rc rc = RC_OK;
	bool done;

	for (doctor_step(d, &done); rc == RC_OK && !done; doctor_step(d, &done))
		rc = ground_turn(g, doctor_wake_ms(d), err);
	return rc;
}

static enum rc look_at_accounts(struct ground *g, const struct sources *s,
				const struct table *table, bool rules, struct remarks *all,
				struct err *err)
{
	/* Without them, those accounts are what is wrong. */
	enum rc rc = ground_grants(g, table, err);
	struct doctor *d = doctor_new(&g->world, table, rules);

	rc = ask_accounts(g, d, err);

	if (rc == RC_OK) {
		doctor_tell(d, all);
		doctor_names(s, doctor_lock(d), all);
	}
	doctor_free(d);
	return rc;
}

static int look(struct ground *g, struct sources *s, struct remarks *all)
{
	const char *state = cli_value_or(g->cli, "state", "HS2CERT_STATE", "hs2cert.db");
	struct diags diags;
	struct err err;
	bool rules = false;

	diags_init(&diags);
	enum rc rc = sources_add_path(s, g->rules, &diags, &err);
	diags_release(&diags);
	if (rc != RC_OK)
		return cli_fail(g->cli, "%s", err.text);
	struct table *table = doctor_rules(s, g->rules, all, &rules);
	if (table && !cli_has(g->cli, "offline"))
		rc = look_at_accounts(g, s, table, rules, all, &err);
	doctor_state(state, rules ? table : NULL, all);
	table_unref(table);
	return rc == RC_OK ? print_all(g->cli, all) : cli_fail(g->cli, "%s", err.text);
}

static int doctor_run(const struct cli *cli)
{
	struct remarks all;
	struct sources sources;
	struct ground ground;
	int status = ground_open(&ground, cli, LOG_ERROR);

	remarks_init(&all);
	sources_init(&sources);
	if (status == EXIT_FINE)
		status = look(&ground, &sources, &all);
	sources_release(&sources);
	remarks_release(&all);
	ground_close(&ground);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	GROUND_OPTION_TIMEZONE,
	{ "offline", NULL, "ask no account: the rules and the state alone" },
	CLI_OPTION_JSON,
	CLI_OPTION_END,
};

const struct cli_command command_doctor = {
	.name = "doctor",
	.summary = "probe the accounts: token, scopes, lists, groups, clock, limits",
	.operands = "",
	.option = options,
	.run = doctor_run,
	.more = "Says of the rules, of each account and of the state what is fine and what is not, one line\n"
		"each, and behind an arrow what to do next. The accounts are asked side by side, for a\n"
		"quarter of a minute without an answer at most; nothing is changed anywhere, and of\n"
		"contacts one id is read. Give it the secrets as 'hs2cert run' has them.\n"
		"Works beside a running daemon, and without one. 0 all is fine; 1 something is to be done;\n"
		"3 there are no rules to go by.",
};

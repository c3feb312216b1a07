/*
 * validate - checks rule files with the very code that `run` loads them with.
 * Needs no network, no secret and no state; with --online it asks the accounts
 * for their names first.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "dsl/build.h"
#include "dsl/codes.h"
#include "engine/cli/cli.h"
#include "engine/cli/explain.h"
#include "engine/cli/names.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SARIF, FORMAT_GITHUB };

static const char *const formats[] = { "text", "json", "sarif", "github", NULL };

struct validation {
	struct sources sources;
	struct diags diags;
	size_t files, rules;
	bool online;
};

/* There is nothing to check; what was named may be the lock file, which is no rule file. */
static void note_no_rules(struct validation *v, const char *where)
{
	struct span at = { 0, 1, 1, 1, 1 };

	while (at.file < v->sources.count && strcmp(v->sources.file[at.file].path, where) != 0)
		at.file++;
	if (at.file < v->sources.count) {
		struct diag *d = diags_add(
			&v->diags, SEVERITY_ERROR, diag_codes[CODE_NO_RULES].word, at,
			"this is the lock file, which 'hs2cert pull' writes, and no rule file");
		diag_hint(&v->diags, d, "check its folder: the rules in it are checked against it");
		return;
	}
	sources_add_text(&v->sources, where, slice_of(""));
	diags_add(&v->diags, SEVERITY_ERROR, diag_codes[CODE_NO_RULES].word, at,
		  "no rule files in '%s'", where);
}

/* Folders and files in the order given, together as one folder. */
static enum rc read_paths(struct validation *v, const struct cli *cli, struct err *err)
{
	const char *folder = cli_value_or(cli, "rules", "HS2CERT_RULES", "rules.d");
	enum rc rc = RC_OK;

	if (!cli->operands)
		rc = sources_add_path(&v->sources, folder, &v->diags, err);
	for (size_t i = 0; i < cli->operands && rc == RC_OK; i++)
		rc = sources_add_path(&v->sources, cli->operand[i], &v->diags, err);
	v->files = sources_rule_files(&v->sources);
	if (rc != RC_OK || v->files)
		return rc;
	note_no_rules(v, cli->operands ? cli->operand[0] : folder);
	return RC_OK;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_count(const struct validation *v, struct str *out)
{
	const struct diags *d = &v->diags;

	str_addf(out, "%zu file%s, %zu rule%s: %zu error%s, %zu warning%s\n", v->files,
		 plural(v->files), v->rules, plural(v->rules), d->errors, plural(d->errors),
		 d->warnings, plural(d->warnings));
}

/* The rules that rename, removal or deletion in an account have made quiet, or will. */
static void print_quiet(const struct validation *v, struct str *out)
{
	const char *last = NULL;

	for (size_t i = 0; i < v->diags.count; i++) {
		const struct diag *d = &v->diags.list[i];
		if (!diag_makes_quiet(d) || (last && strcmp(last, d->rule) == 0))
			continue;
		str_addf(out, "%s%s", last ? ", " : "rules that these names make quiet: ", d->rule);
		last = d->rule;
	}
	str_add_text(out, last ? "\n" : "");
}

static void print_text(const struct validation *v, struct str *out)
{
	const struct diags *d = &v->diags;

	for (size_t i = 0; i < d->count; i++) {
		diag_print_text(&v->sources, &d->list[i], cli_colour(STDOUT_FILENO), out);
		str_add_char(out, '\n');
	}
	if (d->dropped)
		str_addf(out, "%zu more not shown\n\n", d->dropped);
	print_count(v, out);
	if (v->online)
		print_quiet(v, out);
}

static void print_json(const struct validation *v, struct str *out)
{
	diags_print_json(&v->sources, &v->diags, v->rules, out);
	str_add_char(out, '\n');
}

static void print_sarif(const struct validation *v, struct str *out)
{
	diags_print_sarif(&v->sources, &v->diags, out);
	str_add_char(out, '\n');
}

/* The log of a job is read by people, too. */
static void print_github(const struct validation *v, struct str *out)
{
	diags_print_github(&v->sources, &v->diags, out);
	print_count(v, out);
}

static int print_findings(const struct validation *v, enum format format, bool deny_warnings)
{
	static void (*const print[])(const struct validation *v, struct str *out) = {
		[FORMAT_TEXT] = print_text,
		[FORMAT_JSON] = print_json,
		[FORMAT_SARIF] = print_sarif,
		[FORMAT_GITHUB] = print_github,
	};
	struct str out;

	str_init(&out, SIZE_MAX / 4);
	print[format](v, &out);
	fwrite(str_text(&out), 1, out.len, stdout);
	str_release(&out);
	return v->diags.errors || (deny_warnings && v->diags.warnings) ? EXIT_FINDINGS : EXIT_FINE;
}

/* ---- the check ------------------------------------------------------------ */

/* Where not even the accounts are right, that is told and nobody is asked. */
static int build_online(struct validation *v, struct ground *g)
{
	struct names_round *round = NULL;
	struct diags ignored;
	int status = EXIT_FINE;

	diags_init(&ignored);
	struct table *accounts = table_build_accounts(&v->sources, &ignored);
	if (accounts)
		status = names_fetch(g, accounts, &round);
	if (status == EXIT_FINE)
		table_unref(table_build_online(&v->sources,
					       accounts ? names_round_lock(round) : NULL, &v->diags,
					       &v->rules));
	names_round_free(round);
	table_unref(accounts);
	diags_release(&ignored);
	return status;
}

static int build(struct validation *v, const struct cli *cli)
{
	struct ground ground;

	if (!v->online) {
		table_unref(table_build(&v->sources, &v->diags, &v->rules));
		return EXIT_FINE;
	}
	int status = ground_open(&ground, cli, LOG_WARN);
	if (status == EXIT_FINE)
		status = build_online(v, &ground);
	ground_close(&ground);
	return status;
}

static int validate_run(const struct cli *cli)
{
	struct validation v = { .online = cli_has(cli, "online") };
	struct err err;
	int format = FORMAT_TEXT;

	if (cli_has(cli, "explain"))
		return explain_run(cli);
	if (!cli_word(cli, "format", formats, &format))
		return EXIT_USAGE;
	if (cli_has(cli, "json"))
		format = FORMAT_JSON;
	if (clock_set_zone("UTC", &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	sources_init(&v.sources);
	diags_init(&v.diags);
	int status;
	if (read_paths(&v, cli, &err) == RC_OK) {
		status = build(&v, cli);
		if (status == EXIT_FINE)
			status = print_findings(&v, (enum format)format,
						cli_has(cli, "deny-warnings"));
	} else {
		status = cli_fail(cli, "%s", err.text);
	}
	diags_release(&v.diags);
	sources_release(&v.sources);
	return status;
}

static const struct cli_option validate_options[] = {
	CLI_OPTION_RULES,
	{ "format", "F", "text (default), json, sarif or github: how findings are printed" },
	{ "json", NULL, "the same as --format json" },
	{ "deny-warnings", NULL, "warnings count as findings" },
	{ "online", NULL, "ask the accounts for their names now; compare the lock file, too" },
	{ "explain", "CODE", "what a code means, with examples; 'all' lists the codes" },
	CLI_OPTION_STATE,
	CLI_OPTION_END,
};

static const struct cli_words validate_words[] = {
	{ "format", formats, sizeof(formats) / sizeof(formats[0]) - 1 },
	CLI_WORDS_END,
};

const struct cli_command command_validate = {
	.name = "validate",
	.summary = "check rule files",
	.operands = "[PATH…]",
	.max_operands = CLI_MAX_OPERANDS,
	.option = validate_options,
	.words = validate_words,
	.run = validate_run,
	.more = "PATH is a folder or a file; files are checked together as if they were a folder.\n"
		"Without PATH the rules folder is checked. Where 'hs2cert pull' has left a lock file there,\n"
		"properties, options, lists, groups and attributes are checked against it.\n"
		"Exit status 1 where anything is wrong; with --online 3 where an account cannot be asked.",
};

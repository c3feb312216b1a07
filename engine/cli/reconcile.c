/*
 * reconcile - source, ledger and service against each other: engine/reconcile.h from the command
 * line.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "engine/cli/ground.h"
#include "engine/reconcile.h"
#include "engine/registry.h"
#include "engine/store/db.h"

/* What a person is told of each kind. */
static const char *const titles[FOUND_KINDS] = {
	[FOUND_ADOPTED] = "found at the service, and adopted",
	[FOUND_PARKED] =
		"found issued, may have been mailed: parked as send-unknown ('hs2cert runs --state-is send-unknown')",
	[FOUND_HELD] =
		"perhaps issued already, to another address or with other fields: held for you to look at ('hs2cert runs --hold restored')",
	[FOUND_MISSED] = "not issued yet: goes out with the next 'hs2cert run'",
	[FOUND_GONE] = "in the ledger, but not at the service any more",
	[FOUND_ORPHAN] = "at the service, but nobody's: made by hand, or by something else",
};

/* ---- what was found ------------------------------------------------------- */

static void print_json(const struct finding *f)
{
	struct str out;

	str_init(&out, 1u << 20);
	str_addf(&out, "{\"found\":\"%s\",\"issuance\":", finding_names[f->kind]);
	if (f->issuance)
		str_addf(&out, "\"%lld\"", (long long)f->issuance);
	else
		str_add_text(&out, "null");
	str_add_member(&out, "account", slice_or_none(slice_of(f->account)));
	str_add_member(&out, "group", slice_or_none(slice_of(f->group)));
	str_add_member(&out, "rule", slice_or_none(slice_of(f->rule)));
	str_add_member(&out, "contact", slice_or_none(slice_of(f->contact)));
	str_add_member(&out, "email", slice_or_none(slice_of(f->email)));
	str_add_member(&out, "credential", slice_or_none(slice_of(f->credential)));
	str_add_member(&out, "reason", slice_or_none(slice_of(f->reason)));
	printf("%s}\n", str_text(&out));
	str_release(&out);
}

static void print_row(const struct finding *f)
{
	struct str out;

	str_init(&out, 1u << 20);
	if (f->issuance)
		str_addf(&out, "  %-6lld %-22s contact %-8s ", (long long)f->issuance, f->rule,
			 f->contact);
	else
		str_addf(&out, "  %-6s %-22s group %-10s ", "-", f->reason, f->group);
	str_addf(&out, " %s  ", f->credential ? f->credential : "(no credential)");
	str_add_shown(&out, slice_of(f->email));
	printf("%s\n", str_text(&out));
	str_release(&out);
}

static void print_table(const struct reconcile_report *report)
{
	for (int k = 0; k < FOUND_KINDS; k++) {
		if (report->of[k])
			printf("%zu %s\n", report->of[k], titles[k]);
		for (size_t i = 0; i < report->count; i++)
			if ((int)report->finding[i].kind == k)
				print_row(&report->finding[i]);
	}
	if (!report->count)
		puts("ledger and service agree");
}

/* What is nobody's is worth a look, and no difference that we could mend. */
static int print_report(const struct cli *cli, const struct reconcile_report *report)
{
	if (cli_has(cli, "json"))
		for (size_t i = 0; i < report->count; i++)
			print_json(&report->finding[i]);
	else
		print_table(report);
	return report->count > report->of[FOUND_ORPHAN] ? EXIT_FINDINGS : EXIT_FINE;
}

/* ---- the run --------------------------------------------------------------- */

static enum rc run_to_its_end(struct ground *g, struct reconcile *r, struct err *err)
{
	bool done = false;
	enum rc rc = RC_OK;

	while (rc == RC_OK && !done) {
		rc = reconcile_step(r, &done, err);
		if (rc == RC_OK && !done)
			rc = ground_turn(g, reconcile_wake_ms(r), err);
	}
	return rc;
}

/* One that is not there is none to compare with: a new one would agree with everything. */
static enum rc take_state(const char *url, struct db **out, struct err *err)
{
	struct db_files files;
	enum rc rc = db_look(url, &files, err);

	if (rc == RC_OK && !files.exists)
		return err_set(err, RC_BROKEN, "there is no state '%s' yet: 'hs2cert run' makes it",
			       url);
	if (rc == RC_OK)
		rc = db_open(url, DB_OWN, out, err);
	struct err why = *err;
	return rc == RC_REFUSED ? err_set(err, rc, "%s: stop it first, or --dry-run", why.text)
				: rc;
}

/* The state, or for a dry run a copy of it, also beside a daemon. */
static enum rc open_state(struct ground *g, struct err *err)
{
	const char *url = cli_value_or(g->cli, "state", "HS2CERT_STATE", "hs2cert.db");
	struct db *db;

	if (!cli_has(g->cli, "dry-run"))
		return take_state(url, &g->world.db, err);
	enum rc rc = db_open(url, DB_SHARE, &db, err);
	if (rc != RC_OK)
		return rc;
	g->world.grants = db; /* new tokens are no part of what a copy is for */
	return db_copy(db, &g->world.db, err);
}

static int with_rules(struct ground *g, struct table *table)
{
	struct err err;
	const char *name = cli_value(g->cli, "account");
	const struct account *account = name ? table_account(table, name) : NULL;

	if (name && !(account && registry_action(account->type)))
		return cli_usage(g->cli, "--account: no account '%s' that issues", name);
	if (ground_secrets(g, table, &err) != RC_OK)
		return cli_fail(g->cli, "%s", err.text);
	int64_t since_ms;
	if (!cli_since(g->cli, NULL, &since_ms))
		return EXIT_USAGE;
	struct reconcile *r = reconcile_new(&g->world, table, name);
	if (cli_has(g->cli, "since"))
		reconcile_reach(r, since_ms);
	enum rc rc = run_to_its_end(g, r, &err);
	int status = rc == RC_OK ? print_report(g->cli, reconcile_report(r))
				 : cli_fail(g->cli, "%s", err.text);
	reconcile_free(r);
	return status;
}

static int reconcile_run(const struct cli *cli)
{
	struct ground g;
	struct table *table = NULL;
	struct err err;
	int status = ground_open(&g, cli, LOG_WARN);

	if (status == EXIT_FINE && open_state(&g, &err) != RC_OK)
		status = cli_fail(cli, "%s", err.text);
	if (status == EXIT_FINE)
		status = ground_rules_in_force(&g, &table);
	if (status == EXIT_FINE)
		status = with_rules(&g, table);
	table_unref(table);
	db_close(g.world.db);
	ground_close(&g);
	return status;
}

static const struct cli_option options[] = {
	{ "account", "A", "only this account that issues (default: all)" },
	{ "since", "T",
	  "of a state that was lost: it knows nothing of what was issued since: 2h, 90d, 2026-01-31 or a date-time" },
	{ "dry-run", NULL, "on a copy of the state: nothing changes; also beside a daemon" },
	CLI_OPTION_JSON,
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	GROUND_OPTION_TIMEZONE_IN_FORCE,
	GROUND_OPTION_LOG_FORMAT,
	GROUND_OPTION_LOG_LEVEL_WARN,
	CLI_OPTION_END,
};

static const struct cli_words option_words[] = {
	GROUND_WORDS,
	CLI_WORDS_END,
};

const struct cli_command command_reconcile = {
	.name = "reconcile",
	.summary = "HubSpot, ledger and Certifier against each other",
	.operands = "",
	.option = options,
	.words = option_words,
	.run = reconcile_run,
	.more = "After a backup of the state was put back, and whenever you want to know whether anyone was\n"
		"missed. Everything since activation is read from HubSpot again and decided; then Certifier's\n"
		"credentials of our groups are compared with the ledger. A draft that is found goes on from\n"
		"there; what is found issued and may have been mailed is parked as send-unknown; then the account\n"
		"may issue again. Nothing is issued or mailed meanwhile. The daemon must be stopped, but for\n"
		"--dry-run: what it issues at that very moment may then be shown as a finding.\n"
		"The rules in the folder must be those in force in the state: it loads none. After a backup was put\n"
		"back that is older than an edit, 'hs2cert run --once' loads them first, and issues nothing meanwhile.\n"
		"After a state was lost, 'hs2cert run --once' makes a new one, and --since says when the first\n"
		"credential was issued: all since then are noted, so that a backfill issues for nobody a second time.\n"
		"0 nothing to adopt, nobody missed; 1 findings; 3 could not run, or HubSpot or Certifier could\n"
		"not be read: nothing was changed by the comparison, run it again.",
};

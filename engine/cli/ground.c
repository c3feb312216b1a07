#include "engine/cli/ground.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "dsl/build.h"
#include "engine/bearer.h"
#include "engine/grant.h"
#include "engine/record.h"
#include "engine/registry.h"
#include "engine/store/db.h"

#define RULES_NAMED 10 /* where none is near to what was written */

const char *const ground_log_formats[] = { "text", "json", NULL };
const char *const ground_log_levels[] = { "debug", "info", "warn", "error", NULL };

static bool set_up_log(struct ground *g, enum log_level otherwise)
{
	int format = 0, level = (int)otherwise;

	if (!cli_word(g->cli, "log-format", ground_log_formats, &format) ||
	    !cli_word(g->cli, "log-level", ground_log_levels, &level))
		return false;
	g->log = (struct log){ .out = stderr,
			       .level = (enum log_level)level,
			       .json = format == 1,
			       .colour = format == 0 && cli_colour(STDERR_FILENO),
			       .now_ms = g->world.wall_ms,
			       .ctx = g->world.ctx };
	g->world.log = &g->log;
	return true;
}

int ground_open(struct ground *g, const struct cli *cli, enum log_level level)
{
	struct err err;

	*g = (struct ground){ .cli = cli };
	signal(SIGPIPE, SIG_IGN); /* engine/net.h */
	g->rules = cli_value_or(cli, "rules", "HS2CERT_RULES", "rules.d");
	g->net = net_new(&err);
	if (!g->net)
		return cli_fail(cli, "%s", err.text);
	net_world(g->net, &g->world);
	if (!set_up_log(g, level))
		return EXIT_USAGE;
	const char *zone = cli_value(cli, "timezone");
	if (clock_set_zone(zone ? zone : "UTC", &err) != RC_OK)
		return cli_usage(cli, "--timezone: %s", err.text);
	return EXIT_FINE;
}

void ground_close(struct ground *g)
{
	db_close(g->world.grants);
	net_free(g->net);
}

int ground_fail(const struct ground *g, const struct err *err)
{
	if (!g->log.json)
		return cli_fail(g->cli, "%s", err->text);
	log_line(&g->log, LOG_ERROR, "could not run", "reason", err->text, NULL);
	return EXIT_COULD_NOT;
}

void ground_findings_init(struct ground_findings *f, const struct log *log)
{
	*f = (struct ground_findings){ .log = log };
	str_init(&f->text, 1u << 26);
	str_init(&f->json, 1u << 26);
}

void ground_findings_release(struct ground_findings *f)
{
	str_release(&f->text);
	str_release(&f->json);
}

static void log_finding(const struct log *log, const struct sources *sources, const struct diag *d)
{
	bool error = d->severity == SEVERITY_ERROR;
	char line[24], column[24];

	snprintf(line, sizeof(line), "%u", d->at.line);
	snprintf(column, sizeof(column), "%u", d->at.column);
	log_line(log, error ? LOG_ERROR : LOG_WARN,
		 error ? "wrong in the rules" : "doubtful in the rules", "file",
		 sources->file[d->at.file].path, "line", line, "column", column, "code", d->code,
		 "message", d->message, "hint", d->hint, "rule", d->rule, NULL);
}

/* As the terminal is to have it. */
static void show_finding(const struct sources *sources, const struct diag *d)
{
	struct str text;

	str_init(&text, 1u << 20);
	diag_print_text(sources, d, cli_colour(STDERR_FILENO), &text);
	fputs(str_text(&text), stderr);
	str_release(&text);
}

static void say_findings(const struct sources *sources, const struct diags *diags, size_t rules,
			 struct ground_findings *out)
{
	for (size_t i = 0; i < diags->count; i++) {
		if (out->log->json)
			log_finding(out->log, sources, &diags->list[i]);
		else
			show_finding(sources, &diags->list[i]);
		diag_print_text(sources, &diags->list[i], false, &out->text);
		str_add_char(&out->text, '\n');
	}
	diags_print_json(sources, diags, rules, &out->json);
	out->errors = diags->errors;
	out->warnings = diags->warnings;
}

struct table *ground_table(const char *rules, struct ground_findings *findings, struct err *err)
{
	struct sources sources;
	struct diags diags;
	struct table *table = NULL;
	size_t n = 0;

	sources_init(&sources);
	diags_init(&diags);
	if (sources_add_path(&sources, rules, &diags, err) == RC_OK) {
		table = table_build(&sources, &diags, &n);
		say_findings(&sources, &diags, n, findings);
	}
	diags_release(&diags);
	sources_release(&sources);
	return table;
}

/* Nothing is refused for it: some places mount secrets so, and know who else is there. */
void ground_warn_of_open(const struct ground *g, const char *account, const char *file)
{
	if (file_is_open(file))
		log_line(&g->log, LOG_WARN,
			 "everybody on this machine can read a secret: chmod o-rwx it", "account",
			 account, "file", file, NULL);
}

static void warn_of_open_files(const struct ground *g, const struct account *account)
{
	for (size_t i = 0; i < account->n_setting; i++)
		for (size_t k = 0; k < account->setting[i].n_secret; k++) {
			const struct secret *secret = &account->setting[i].secret[k];
			if (secret->from == SECRET_FILE)
				ground_warn_of_open(g, account->name, secret->name);
		}
}

static const struct account *first_connected(const struct table *table)
{
	for (uint32_t i = 0; i < table->n_account; i++) {
		const struct oauth_ops *ops = registry_oauth(table->account[i].type);
		if (ops && account_text(&table->account[i], ops->client_id))
			return &table->account[i];
	}
	return NULL;
}

enum rc ground_grants(struct ground *g, const struct table *table, struct err *err)
{
	const struct account *account = first_connected(table);

	if (!account || grant_db(&g->world))
		return RC_OK;
	enum rc rc = db_open(cli_value_or(g->cli, "state", "HS2CERT_STATE", "hs2cert.db"), DB_SHARE,
			     &g->world.grants, err);
	if (rc != RC_OK)
		err_prefix(
			err,
			"account '%s' needs a grant: run 'hs2cert connect %s', or look at --state",
			account->name, account->name);
	return rc;
}

/* All that is missing is said at once: nobody wants to be sent back for one after the other. */
enum rc ground_secrets(struct ground *g, const struct table *table, struct err *err)
{
	enum rc rc = ground_grants(g, table, err);
	struct bearer *bearer = bearer_new(&g->world);
	struct err before = { "" };

	for (size_t i = 0; rc == RC_OK && i < table->n_account; i++) {
		struct err one;
		rc = bearer_load(bearer, &table->account[i], &one);
		warn_of_open_files(g, &table->account[i]);
		if (rc == RC_OK)
			continue;
		err_set(err, rc, "%s%s%s", before.text, before.text[0] ? "; " : "", one.text);
		before = *err;
		rc = rc == RC_REFUSED ? RC_OK : rc;
	}
	bearer_free(bearer);
	return rc == RC_OK && before.text[0] ? RC_REFUSED : rc;
}

int ground_rules(struct ground *g, struct table **out)
{
	struct err err;
	struct ground_findings findings;

	ground_findings_init(&findings, &g->log);
	*out = ground_table(g->rules, &findings, &err);
	size_t errors = findings.errors;
	ground_findings_release(&findings);
	if (!*out && errors)
		return EXIT_FINDINGS;
	return *out ? EXIT_FINE : ground_fail(g, &err);
}

static int is_in_force(const struct ground *g, const char *hash, const struct table *table)
{
	if (strcmp(hash, table->hash) == 0)
		return EXIT_FINE;
	return cli_fail(
		g->cli,
		"the rules in '%s' are not those in force: 'hs2cert plan' shows how they differ; load them first",
		g->rules);
}

int ground_in_force(const struct ground *g, struct arena *memory, struct ruleset *out)
{
	struct err err;
	int64_t id = record_newest(g->world.db);

	*out = (struct ruleset){ 0 };
	if (!id)
		return cli_fail(
			g->cli,
			"no rules were in force in this state yet: run 'hs2cert run' first");
	enum rc rc = ruleset_open(g->world.db, id, memory, out, &err);
	if (rc == RC_OK && !cli_has(g->cli, "timezone"))
		rc = clock_set_zone(out->timezone, &err);
	return rc == RC_OK ? EXIT_FINE : cli_fail(g->cli, "%s", err.text);
}

int ground_rules_in_force(struct ground *g, struct table **out)
{
	struct ruleset old;
	struct arena memory;

	arena_init(&memory);
	int status = ground_in_force(g, &memory, &old);
	if (status == EXIT_FINE)
		status = ground_rules(g, out);
	if (status == EXIT_FINE)
		status = is_in_force(g, old.hash, *out);
	ruleset_release(&old);
	arena_release(&memory);
	return status;
}

int ground_unknown_rule(const struct cli *cli, const struct table *table, const char *name)
{
	const char **names = mem_alloc((table->n_rule + 1) * sizeof(*names));
	struct str hint;

	str_init(&hint, LIMIT_VALUE_BYTES);
	for (size_t i = 0; i < table->n_rule; i++) {
		names[i] = table->rule[i].name;
		if (i < RULES_NAMED)
			str_addf(&hint, "%s%s", i ? ", " : ": there are ", names[i]);
	}
	if (table->n_rule > RULES_NAMED)
		str_addf(&hint, " and %zu more", table->n_rule - RULES_NAMED);
	const char *near = diag_nearest(slice_of(name), names, table->n_rule);
	if (near) {
		str_clear(&hint);
		str_addf(&hint, ": did you mean '%s'?", near);
	}
	int status = cli_usage(cli, "there is no rule '%s'%s", name, str_text(&hint));
	str_release(&hint);
	mem_free(names);
	return status;
}

enum rc ground_turn(struct ground *g, int64_t wake_ms, struct err *err)
{
	int64_t now = g->world.mono_ms(g->world.ctx);

	return net_turn(g->net,
			wake_ms == INT64_MAX ? -1
			: wake_ms <= now     ? 0
					     : wake_ms - now,
			err);
}

/*
 * run - the daemon: rules, state, network and engine, brought together.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "dsl/build.h"
#include "engine/cli/cli.h"
#include "engine/engine.h"
#include "engine/net.h"
#include "engine/store/db.h"
#include "engine/token.h"

#define STOP_MS (30 * MS_SECOND) /* requests in flight get their answer within it */

struct run {
	const struct cli *cli;
	const char *rules;
	struct world world;
	struct log log;
	struct net *net;
	struct engine *engine;
	int signals; /* signalfd */
	bool reload;
	int stops;	    /* SIGTERM or SIGINT so many times */
	int64_t stop_by_ms; /* monotonic */
};

/* ---- rules -------------------------------------------------------------- */

static const char *count_text(size_t n, char out[24])
{
	snprintf(out, 24, "%zu", n);
	return out;
}

/*
 * Reads, checks and compiles the folder. Diagnostics go to stderr as `validate` shows them.
 * NULL where anything is wrong.
 */
static struct table *build_table(struct run *r, size_t *errors, struct err *err)
{
	struct sources sources;
	struct diags diags;
	struct table *table = NULL;
	size_t rules = 0;

	sources_init(&sources);
	diags_init(&diags);
	enum rc rc = sources_add_path(&sources, r->rules, &diags, err);
	if (rc == RC_OK)
		table = table_build(&sources, &diags, &rules);
	for (size_t i = 0; i < diags.count; i++) {
		struct str text;
		str_init(&text, 1u << 20);
		diag_print_text(&sources, &diags.list[i], cli_colour(STDERR_FILENO), &text);
		fputs(str_text(&text), stderr);
		str_release(&text);
	}
	*errors = rc == RC_OK ? diags.errors : 0;
	diags_release(&diags);
	sources_release(&sources);
	return table;
}

/*
 * Every account's secret can be had now: an account that cannot work is said at the door, not
 * found out later.
 */
static enum rc check_secrets(struct run *r, const struct table *table, struct err *err)
{
	enum rc rc = RC_OK;
	struct str token;

	str_init(&token, LIMIT_SECRET_BYTES);
	for (size_t i = 0; rc == RC_OK && i < table->n_account; i++)
		rc = token_read(&r->world, &table->account[i], &token, err);
	str_wipe(&token);
	return rc;
}

static void log_loaded(struct run *r, const struct table *table)
{
	char rules[24], accounts[24];

	log_line(&r->log, LOG_INFO, "rules loaded", "rules", count_text(table->n_rule, rules),
		 "accounts", count_text(table->n_account, accounts), "table", table->hash, NULL);
}

/* Everything is built beside the table in force; any error leaves that as it is. */
static enum rc reload(struct run *r, struct err *err)
{
	size_t errors;
	char n[24];
	struct table *table = build_table(r, &errors, err);

	if (table && check_secrets(r, table, err) != RC_OK) {
		table_unref(table);
		table = NULL;
	}
	if (!table) {
		log_line(&r->log, LOG_ERROR, "reload refused: the rules in force stay", "errors",
			 count_text(errors, n), "reason", errors ? NULL : err->text, "table",
			 engine_table(r->engine)->hash, NULL);
		return RC_OK;
	}
	enum rc rc = engine_load(r->engine, table, err);
	if (rc == RC_OK)
		log_loaded(r, table);
	table_unref(table);
	return rc;
}

/* ---- signals ------------------------------------------------------------ */

static void signals_ready(void *arg)
{
	struct run *r = arg;
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			r->reload = true;
		else if (info.ssi_signo != SIGUSR1) /* a nudge: the turn that it brings is all */
			r->stops++;
	}
}

static enum rc watch_signals(struct run *r, struct err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return err_set(err, RC_BROKEN, "cannot block signals: %s", strerror(errno));
	r->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r->signals < 0)
		return err_set(err, RC_BROKEN, "cannot watch signals: %s", strerror(errno));
	net_watch(r->net, r->signals, signals_ready, r);
	return RC_OK;
}

/* Tokens live in this process: no core dumps of it, no peeking at it. */
static void keep_secrets(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(0077);
}

/* ---- the loop ----------------------------------------------------------- */

static int64_t mono_ms(const struct run *r)
{
	return r->world.mono_ms(r->world.ctx);
}

/* What signals asked for. True: the loop is to end. */
static bool obey(struct run *r, enum rc *rc, struct err *err)
{
	if (r->reload && !r->stops) {
		r->reload = false;
		*rc = reload(r, err);
	}
	if (r->stops && !r->stop_by_ms) {
		log_line(&r->log, LOG_INFO, "stopping: requests in flight get their answer", NULL);
		engine_stop(r->engine);
		r->stop_by_ms = mono_ms(r) + STOP_MS;
	}
	return *rc != RC_OK || r->stops > 1 ||
	       (r->stop_by_ms && (engine_stopped(r->engine) || mono_ms(r) >= r->stop_by_ms));
}

static int64_t turn_timeout_ms(struct run *r)
{
	int64_t wake = engine_wake_ms(r->engine), now = mono_ms(r);

	if (r->stop_by_ms && r->stop_by_ms < wake)
		wake = r->stop_by_ms;
	return wake == INT64_MAX ? -1 : wake <= now ? 0 : wake - now;
}

static int once_status(enum once once)
{
	switch (once) {
	case ONCE_PARKED:
		return EXIT_FINDINGS;
	case ONCE_SETTLING:
		return EXIT_SETTLING;
	case ONCE_NO_SOURCE:
		return EXIT_COULD_NOT;
	case ONCE_DONE:
	case ONCE_WORKING:
		break;
	}
	return EXIT_FINE;
}

static int loop(struct run *r)
{
	bool once = cli_has(r->cli, "once");
	enum once state = ONCE_WORKING;
	enum rc rc = RC_OK;
	struct err err;

	while (!obey(r, &rc, &err)) {
		rc = engine_step(r->engine, &err);
		if (rc != RC_OK)
			break;
		state = once ? engine_once(r->engine) : ONCE_WORKING;
		if (state != ONCE_WORKING)
			break;
		rc = net_turn(r->net, turn_timeout_ms(r), &err);
		if (rc != RC_OK)
			break;
	}
	if (rc != RC_OK) {
		log_line(&r->log, LOG_ERROR,
			 "stopped: the ground gives way; nothing that was stored is lost", "reason",
			 err.text, NULL);
		return EXIT_COULD_NOT;
	}
	log_line(&r->log, LOG_INFO, "stopped", NULL);
	return once && !r->stops ? once_status(state) : EXIT_FINE;
}

/* ---- start -------------------------------------------------------------- */

static int start_engine(struct run *r, struct table *table)
{
	struct err err;
	enum rc rc = watch_signals(r, &err);
	const char *state = cli_value_or(r->cli, "state", "HS2CERT_STATE", "hs2cert.db");

	if (rc == RC_OK)
		rc = check_secrets(r, table, &err);
	if (rc == RC_OK)
		rc = db_open(state, DB_OWN, &r->world.db, &err);
	if (rc != RC_OK)
		return cli_fail(r->cli, "%s", err.text);
	log_line(&r->log, LOG_INFO, "hs2cert started", "version", HS2CERT_VERSION, "rules",
		 r->rules, NULL);
	r->engine = engine_new(&r->world);
	rc = engine_load(r->engine, table, &err);
	if (rc != RC_OK)
		return cli_fail(r->cli, "%s", err.text);
	log_loaded(r, table);
	return loop(r);
}

static bool set_up_log(struct run *r)
{
	static const char *const formats[] = { "text", "json", NULL };
	static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
	int format = 0, level = LOG_INFO;

	if (!cli_word(r->cli, "log-format", formats, &format) ||
	    !cli_word(r->cli, "log-level", levels, &level))
		return false;
	r->log = (struct log){ .out = stderr,
			       .level = (enum log_level)level,
			       .json = format == 1,
			       .colour = format == 0 && cli_colour(STDERR_FILENO),
			       .now_ms = r->world.wall_ms,
			       .ctx = r->world.ctx };
	r->world.log = &r->log;
	return true;
}

static int with_net(struct run *r)
{
	struct err err;
	size_t errors;

	net_world(r->net, &r->world);
	if (!set_up_log(r))
		return EXIT_USAGE;
	if (clock_set_zone(cli_value(r->cli, "timezone") ? cli_value(r->cli, "timezone") : "UTC",
			   &err) != RC_OK)
		return cli_usage(r->cli, "--timezone: %s", err.text);
	struct table *table = build_table(r, &errors, &err);
	if (!table && errors)
		return EXIT_FINDINGS;
	if (!table)
		return cli_fail(r->cli, "%s", err.text);
	int status = start_engine(r, table);
	engine_free(r->engine);
	db_close(r->world.db);
	table_unref(table);
	return status;
}

static int run_run(const struct cli *cli)
{
	struct run r = { .cli = cli, .signals = -1 };
	struct err err;

	keep_secrets();
	r.rules = cli_value_or(cli, "rules", "HS2CERT_RULES", "rules.d");
	r.net = net_new(&err);
	if (!r.net)
		return cli_fail(cli, "%s", err.text);
	int status = with_net(&r);
	net_free(r.net);
	if (r.signals >= 0)
		close(r.signals);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	{ "timezone", "ZONE", "where days begin, e.g. Europe/Warsaw (default UTC)" },
	{ "log-format", "F", "text (default) or json" },
	{ "log-level", "L", "debug, info (default), warn or error" },
	{ "once", NULL, "one whole pass, then exit" },
	CLI_OPTION_END,
};

const struct cli_command command_run = {
	.name = "run",
	.summary = "the daemon: watch HubSpot, issue at Certifier",
	.operands = "",
	.option = options,
	.run = run_run,
	.more = "Runs in the foreground and logs to stderr. SIGHUP reloads the rules: any error in them leaves\n"
		"the rules in force. SIGTERM and SIGINT stop; a second one stops at once; nothing is lost.\n"
		"SIGUSR1 is the nudge of a command that changed something: what there is to do is looked for now.\n"
		"With --once: 0 nothing is left to do, 1 something is held, refused or unknown, 4 bursts are\n"
		"still settling. Invalid rules at start: 1. State in use by another daemon: 3.",
};

/*
 * run - the daemon: rules, state, network and engine, brought together.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/cli/builder.h"
#include "engine/cli/endpoint.h"
#include "engine/cli/ground.h"
#include "engine/cli/guard.h"
#include "engine/cli/listen.h"
#include "engine/cli/notify.h"
#include "engine/cli/unfit.h"
#include "engine/engine.h"
#include "engine/store/db.h"
#include "engine/watch.h"

#define STOP_MS (30 * MS_SECOND) /* requests in flight get their answer within it */
/* So long without either of its two signs is a folder that hangs. */
#define BUILD_MS (5 * MS_SECOND)

struct run {
	struct ground ground;
	struct engine *engine;
	struct table *table; /* of the start, until the engine has it */
	struct builder *builder;
	struct endpoint endpoint;
	struct record_keep keep;
	int64_t issued_keep_ms; /* 0: for ever */
	struct listen *listen;	/* NULL without --listen */
	struct notify notify;
	struct unfit unfit;
	int signals; /* signalfd */
	bool reload;
	bool preparing; /* what was built is written a little in each turn, before it is taken */
	int stops;	/* SIGTERM or SIGINT so many times */
	int64_t stop_by_ms; /* monotonic */
};

/* ---- rules -------------------------------------------------------------- */

static const char *count_text(size_t n, char out[24])
{
	snprintf(out, 24, "%zu", n);
	return out;
}

/* Of a table that is in force: its files are on record. */
static void come_into_force(struct run *r, const struct table *table)
{
	char rules[24], accounts[24], status[160];

	table_forget_texts(table);
	log_line(&r->ground.log, LOG_INFO, "rules loaded", "rules",
		 count_text(table->n_rule, rules), "accounts",
		 count_text(table->n_account, accounts), "table", table->hash, NULL);
	snprintf(status, sizeof(status), "rules in force: %s, accounts: %s, table %.16s", rules,
		 accounts, table->hash);
	notify_ready(&r->notify, status);
}

static void log_refused(struct run *r, size_t errors, const char *reason)
{
	char n[24];

	log_line(&r->ground.log, LOG_ERROR, "reload refused: the rules in force stay", "errors",
		 count_text(errors, n), "reason", reason, "table", engine_table(r->engine)->hash,
		 NULL);
	notify_ready(&r->notify, "the last reload was refused: the rules before it are in force");
}

/* Every rule would end, and what happens until somebody notices would earn nothing. */
static enum rc not_emptied(const struct run *r, const struct table *table, size_t active,
			   struct err *err)
{
	if (!table_is_emptied(table, active))
		return RC_OK;
	return err_set(
		err, RC_REFUSED,
		"no rule in '%s', and %zu in force: is the folder mounted, or was it emptied? To end %s, "
		"write 'mode: off' in %s; where the files are gone, one rule that is off is enough",
		r->ground.rules, active, active == 1 ? "it" : "them", active == 1 ? "it" : "each");
}

/* Not at `run --once`: whoever begins that anew looks for room then. */
static enum rc give_way(struct run *r, struct table *table, const struct err *why)
{
	if (cli_has(r->ground.cli, "once"))
		return RC_BROKEN;
	unfit_begin(&r->unfit, &r->ground, r->engine, table, why);
	notify_ready(&r->notify, "unfit: the state cannot be written");
	return RC_OK;
}

static void try_to_stand(struct run *r)
{
	if (!unfit_try(&r->unfit, &r->ground, r->engine))
		return;
	endpoint_look_anew(&r->endpoint, &r->ground);
	come_into_force(r, engine_table(r->engine));
}

static void refuse(struct run *r, const struct ground_findings *findings, const char *reason)
{
	log_refused(r, findings->errors, reason);
	endpoint_tell_reload(&r->endpoint, findings, false, reason);
}

/* What is asked for from now on is another reload: the folder is being read. */
static void begin_reload(struct run *r)
{
	struct ground_findings none = { 0 };
	struct err err;

	r->reload = false;
	unfit_hurry(&r->unfit);
	try_to_stand(r);
	notify_reloading(&r->notify);
	endpoint_begin_reload(&r->endpoint);
	if (builder_begin(r->builder, &err) != RC_OK)
		refuse(r, &none, err.text);
}

/*
 * Takes what was built into use, unless something is wrong with it. Where the store fails it comes into force
 * when the daemon is fit again.
 */
static enum rc take(struct run *r, struct built *built, struct err *err)
{
	struct table *table = built->table;

	size_t active = table_active(engine_table(r->engine));

	if (!table || not_emptied(r, table, active, &built->err) != RC_OK ||
	    (!r->unfit.is && ground_secrets(&r->ground, table, &built->err) != RC_OK)) {
		refuse(r, &built->findings, built->findings.errors ? NULL : built->err.text);
		return RC_OK;
	}
	if (!r->unfit.is && engine_load(r->engine, table, err) == RC_OK) {
		come_into_force(r, table);
		endpoint_tell_reload(&r->endpoint, &built->findings, true, NULL);
		return RC_OK;
	}
	endpoint_tell_reload(
		&r->endpoint, &built->findings, false,
		"the state cannot be written: these rules come into force when it can");
	return give_way(r, table, err);
}

/* The table of before is freed beside the loop, too. */
static enum rc end_reload(struct run *r, struct built *built, struct err *err)
{
	/* Where the store fails, the load does, too. */
	if (built->table && !r->unfit.is &&
	    engine_prepare(r->engine, built->table, &r->preparing, err) == RC_OK && r->preparing)
		return RC_OK;
	r->preparing = false;
	struct table *old = engine_share_table(r->engine);
	enum rc rc = take(r, built, err);

	builder_give(r->builder, old);
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
		else if (info.ssi_signo == SIGUSR1) { /* a nudge: it brings a turn, too */
			engine_nudge(r->engine);
			unfit_hurry(&r->unfit);
		} else
			r->stops++;
	}
}

static enum rc watch_signals(struct run *r, struct err *err)
{
	sigset_t set;

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
	net_watch(r->ground.net, r->signals, signals_ready, r);
	return RC_OK;
}

/* ---- the loop ----------------------------------------------------------- */

static int64_t mono_ms(const struct run *r)
{
	return r->ground.world.mono_ms(r->ground.world.ctx);
}

/* What signals asked for. True: the loop is to end. */
static bool obey(struct run *r, enum rc *rc, struct err *err)
{
	struct built *built = builder_take(r->builder);

	endpoint_work(&r->endpoint);
	if (built && !r->stops)
		*rc = end_reload(r, built, err);
	if ((r->reload || endpoint_asks_reload(&r->endpoint)) && !r->stops &&
	    builder_is_free(r->builder))
		begin_reload(r);
	if (r->stops && !r->stop_by_ms) {
		log_line(&r->ground.log, LOG_INFO, "stopping: requests in flight get their answer",
			 NULL);
		notify_stopping(&r->notify);
		engine_stop(r->engine);
		endpoint_stop(&r->endpoint);
		r->stop_by_ms = mono_ms(r) + STOP_MS;
	}
	return *rc != RC_OK || r->stops > 1 ||
	       (r->stop_by_ms && (engine_stopped(r->engine) || mono_ms(r) >= r->stop_by_ms));
}

static int64_t turn_timeout_ms(struct run *r)
{
	int64_t wake = r->unfit.is ? unfit_wake_ms(&r->unfit) : engine_wake_ms(r->engine);
	int64_t now = mono_ms(r);
	int64_t sign = notify_alive(&r->notify, now);
	int64_t wait = endpoint_wait_ms(&r->endpoint);

	if (sign < wake)
		wake = sign;
	if (r->stop_by_ms && r->stop_by_ms < wake)
		wake = r->stop_by_ms;
	int64_t listen = listen_wait_ms(r->listen);
	if (listen >= 0 && listen < wait)
		wait = listen;
	if (r->preparing && !r->stops)
		return 0;
	if (wake != INT64_MAX && wait > wake - now)
		wait = wake <= now ? 0 : wake - now;
	return wait == INT64_MAX ? -1 : wait;
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

static enum rc work(struct run *r, struct err *err)
{
	try_to_stand(r);
	if (r->unfit.is)
		return RC_OK;
	enum rc rc = engine_step(r->engine, err);
	return rc == RC_OK ? rc : give_way(r, NULL, err);
}

static int loop(struct run *r)
{
	bool once = cli_has(r->ground.cli, "once");
	enum once state = ONCE_WORKING;
	enum rc rc = RC_OK;
	struct err err;

	while (!obey(r, &rc, &err)) {
		rc = work(r, &err);
		if (rc != RC_OK)
			break;
		state = once && builder_is_free(r->builder) ? engine_once(r->engine) : ONCE_WORKING;
		if (state != ONCE_WORKING)
			break;
		rc = net_turn(r->ground.net, turn_timeout_ms(r), &err);
		if (rc != RC_OK)
			break;
		listen_work(r->listen);
	}
	if (rc == RC_OK && !r->unfit.is)
		rc = engine_leave(r->engine, &err);
	if (rc != RC_OK) {
		log_line(&r->ground.log, LOG_ERROR,
			 "stopped: the ground gives way; nothing that was stored is lost", "reason",
			 err.text, NULL);
		return EXIT_COULD_NOT;
	}
	log_line(&r->ground.log, LOG_INFO, "stopped", NULL);
	return once && !r->stops ? once_status(state) : EXIT_FINE;
}

/* ---- start -------------------------------------------------------------- */

/* `100MB`, `512KB`, `2GB`; a number alone is bytes. */
static bool parse_size(struct slice text, int64_t *out)
{
	static const struct {
		const char *unit;
		int64_t bytes;
	} units[] = { { "", 1 },
		      { "KB", INT64_C(1) << 10 },
		      { "MB", INT64_C(1) << 20 },
		      { "GB", INT64_C(1) << 30 } };
	int64_t n = 0;
	size_t digits = 0;

	for (; digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9'; digits++)
		if (digits == 9)
			return false;
		else
			n = n * 10 + (text.ptr[digits] - '0');
	struct slice unit = { slice_start(text) + digits, text.len - digits };
	for (size_t i = 0; digits && i < sizeof(units) / sizeof(units[0]); i++) {
		*out = n * units[i].bytes;
		if (slice_eq_nocase(unit, slice_of(units[i].unit)))
			return true;
	}
	return false;
}

/* TIME[,SIZE]; `0` keeps nothing. */
static bool trace_keep(const struct cli *cli, struct record_keep *out)
{
	const char *text = cli_value(cli, "trace-keep");
	struct slice rest = slice_of(text), time;

	*out = (struct record_keep){ RECORD_KEEP_MS, RECORD_KEEP_BYTES };
	if (!text)
		return true;
	bool sized = slice_cut(&rest, ',', &time);
	if (slice_is(time, "0"))
		out->ms = 0;
	else if (!clock_parse_duration(time, &out->ms))
		sized = true, rest = (struct slice){ 0 };
	if (!sized || parse_size(rest, &out->bytes))
		return true;
	cli_usage(cli,
		  "--trace-keep takes a duration and perhaps a size (30d, 7d,20MB), or 0, not '%s'",
		  text);
	return false;
}

static void ready(void *unused)
{
	(void)unused;
}

/* The turn that it brings is all. */
static enum rc watch_builder(struct run *r, struct err *err)
{
	r->builder = builder_new(r->ground.rules, &r->ground.log, err);
	if (!r->builder)
		return RC_BROKEN;
	net_watch(r->ground.net, builder_fd(r->builder), ready, NULL);
	return RC_OK;
}

/* Not less than sweeps and a restored backup look back. */
static bool issued_keep(const struct cli *cli, int64_t *out)
{
	const char *text = cli_value(cli, "issued-keep");

	*out = 0;
	if (!text || (clock_parse_duration(slice_of(text), out) && *out >= 7 * MS_DAY))
		return true;
	cli_usage(cli, "--issued-keep takes a duration of 7d or more (90d, 365d), not '%s'", text);
	return false;
}

static int start_engine(struct run *r)
{
	struct err err;
	enum rc rc = watch_signals(r, &err);
	const char *state = cli_value_or(r->ground.cli, "state", "HS2CERT_STATE", "hs2cert.db");

	if (rc == RC_OK)
		rc = watch_builder(r, &err);
	if (rc == RC_OK)
		rc = db_open(state, DB_OWN, &r->ground.world.db, &err);
	if (rc == RC_OK &&
	    not_emptied(r, r->table, watches_active(r->ground.world.db), &err) != RC_OK) {
		(void)ground_fail(&r->ground, &err);
		return EXIT_FINDINGS;
	}
	if (rc == RC_OK)
		rc = ground_secrets(&r->ground, r->table, &err);
	if (rc != RC_OK)
		return ground_fail(&r->ground, &err);
	log_line(&r->ground.log, LOG_INFO, "hs2cert started", "version", HS2CERT_VERSION, "rules",
		 r->ground.rules, NULL);
	if (guard_is_root())
		log_line(&r->ground.log, LOG_WARN,
			 "runs as root, which it never needs: give it a user of its own", NULL);
	r->engine = engine_new(&r->ground.world);
	engine_keep(r->engine, r->keep, r->issued_keep_ms);
	rc = engine_load(r->engine, r->table, &err);
	if (rc != RC_OK)
		return ground_fail(&r->ground, &err);
	table_unref(r->table);
	r->table = NULL;
	int status = endpoint_open(&r->endpoint, &r->ground, r->engine);
	if (status != EXIT_FINE)
		return status;
	listen_begin(r->listen, &r->ground, r->engine);
	come_into_force(r, engine_table(r->engine));
	/* Reading rules takes several times what their table holds. */
	mem_give_back();
	return loop(r);
}

static int with_ground(struct run *r)
{
	int status = ground_rules(&r->ground, &r->table);

	if (status != EXIT_FINE)
		return status;
	status = endpoint_prepare(&r->endpoint, &r->ground);
	if (status == EXIT_FINE)
		status = start_engine(r);
	listen_close(r->listen);
	r->listen = NULL;
	endpoint_close(&r->endpoint);
	engine_free(r->engine);
	unfit_release(&r->unfit);
	db_close(r->ground.world.db);
	table_unref(r->table);
	return status;
}

static int run_run(const struct cli *cli)
{
	struct run r = { .signals = -1 };

	notify_open(&r.notify);
	int status = ground_open(&r.ground, cli, LOG_INFO);

	if (status == EXIT_FINE &&
	    (!trace_keep(cli, &r.keep) || !issued_keep(cli, &r.issued_keep_ms)))
		status = EXIT_USAGE;
	if (status == EXIT_FINE)
		status = listen_open(&r.listen, &r.ground);
	if (status == EXIT_FINE)
		status = with_ground(&r);
	listen_close(r.listen);
	bool alone = builder_free(r.builder, BUILD_MS);
	ground_close(&r.ground);
	notify_close(&r.notify);
	if (r.signals >= 0)
		close(r.signals);
	if (!alone)
		_exit(status);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	{ "listen", "ADDR:PORT", "serve webhooks, at the path of each account's public-url" },
	ENDPOINT_OPTION_ADMIN,
	ENDPOINT_OPTION_HOSTS,
	GROUND_OPTION_TIMEZONE,
	GROUND_OPTION_LOG_FORMAT,
	GROUND_OPTION_LOG_LEVEL,
	{ "once", NULL, "one whole pass, then exit" },
	{ "trace-keep", "TIME[,SIZE]",
	  "how long events are kept for 'why' and 'plan', and how much of them (default 30d,100MB; 0: not at all)" },
	{ "issued-keep", "TIME",
	  "how long address, fields and values of issuances are kept once they are done (default: for ever; 7d or more)" },
	CLI_OPTION_END,
};

static const struct cli_words option_words[] = {
	GROUND_WORDS,
	CLI_WORDS_END,
};

const struct cli_command command_run = {
	.name = "run",
	.summary = "the daemon: watch HubSpot, issue at Certifier",
	.operands = "",
	.option = options,
	.words = option_words,
	.run = run_run,
	.more = "Runs in the foreground and logs to stderr. SIGHUP reloads the rules: any error in them leaves\n"
		"the rules in force. SIGTERM and SIGINT stop; a second one stops at once; nothing is lost.\n"
		"The admin endpoint is for those who run it: 'hs2cert reload' and 'status' ask there, and so can curl,\n"
		"Prometheus and a browser. On TCP it asks for the token in $HS2CERT_ADMIN_TOKEN, or in the file that\n"
		"$HS2CERT_ADMIN_TOKEN_FILE names.\n"
		"Where the state cannot be written (a full disk) it waits, answers webhooks with 503, and goes on by itself.\n"
		"SIGUSR1 is the nudge of a command that changed something: what there is to do is looked for now.\n"
		"With --once: 0 nothing is left to do, 1 something is held, refused or unknown, 4 bursts are\n"
		"still settling. Invalid rules at start: 1. State in use by another daemon: 3.",
};

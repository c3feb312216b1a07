#include "engine/cli/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/store/db.h"

/* TCP is for whoever can reach it, so it asks for a token, and for one that nobody guesses. */
static int read_token(const struct ground *g, struct gate *gate)
{
	const char *file = getenv(DAEMON_TOKEN "_FILE");
	struct str token;
	struct err err;
	int status = EXIT_FINE;

	str_init(&token, LIMIT_SECRET_BYTES);
	if (daemon_token(&g->world, &token, &err) != RC_OK)
		status = cli_usage(g->cli,
				   "--admin on TCP needs a token in $" DAEMON_TOKEN
				   " or in the file that $" DAEMON_TOKEN "_FILE names: %s",
				   err.text);
	else if (token.len < LIMIT_ADMIN_TOKEN_LEAST)
		status = cli_usage(g->cli, "the token of --admin has fewer than %u characters",
				   LIMIT_ADMIN_TOKEN_LEAST);
	else
		gate_ask(gate, str_slice(&token));
	if (status == EXIT_FINE && file && file[0])
		ground_warn_of_open(g, NULL, file);
	str_wipe(&token);
	return status;
}

int endpoint_prepare(struct endpoint *e, struct ground *g)
{
	if (!daemon_place(g->cli, &e->place, &e->given))
		return EXIT_USAGE;
	e->gate.hosts = cli_value(g->cli, "admin-hosts");
	if (cli_has(g->cli, "once")) {
		if (cli_has(g->cli, "admin"))
			return cli_usage(g->cli, "--once ends by itself: it has no --admin");
		e->place.kind = ADMIN_OFF;
	}
	if (e->place.kind != ADMIN_OFF)
		g->world.counts = &e->counts;
	return e->place.kind == ADMIN_ADDRESS ? read_token(g, &e->gate) : EXIT_FINE;
}

/* Said when nobody chose the place: the daemon's work does not hang on it. */
static int give_up(struct endpoint *e, const struct ground *g, const char *why)
{
	e->place.kind = ADMIN_OFF;
	log_line(&g->log, LOG_WARN, "no admin endpoint: --admin chooses another place, or off",
		 "reason", why, NULL);
	return EXIT_FINE;
}

static void say_place(const struct endpoint *e, const struct ground *g)
{
	bool loopback = strncmp(e->place.text, "127.", 4) == 0 ||
			strncmp(e->place.text, "[::1]", 5) == 0 ||
			strncmp(e->place.text, "localhost:", 10) == 0;
	char port[16];

	snprintf(port, sizeof(port), "%d", admin_port(e->admin));
	log_line(&g->log, LOG_INFO, "admin endpoint", "at", e->place.text, "port",
		 e->place.kind == ADMIN_ADDRESS ? port : NULL, NULL);
	if (e->place.kind == ADMIN_ADDRESS && !loopback)
		log_line(&g->log, LOG_WARN,
			 "the admin endpoint is not encrypted: put it behind a TLS proxy", "at",
			 e->place.text, NULL);
}

/* The turn that it brings is all: requests are served between two turns. */
static void wake(void *unused)
{
	(void)unused;
}

int endpoint_open(struct endpoint *e, struct ground *g, const struct engine *engine)
{
	const char *url = cli_value_or(g->cli, "state", "HS2CERT_STATE", "hs2cert.db");
	struct err err;

	if (e->place.kind == ADMIN_OFF)
		return EXIT_FINE;
	e->scope = (struct admin_scope){
		.engine = engine,
		.world = &g->world,
		.state = strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url,
		.folder = g->rules,
		.started_ms = g->world.wall_ms(g->world.ctx),
	};
	enum rc rc = db_open(url, DB_READ, &e->scope.db, &err);
	if (rc == RC_OK)
		rc = admin_open(&e->admin, &e->place, &e->gate, &e->scope, &err);
	if (rc == RC_OK) {
		net_watch(g->net, admin_fd(e->admin), wake, NULL);
		say_place(e, g);
		return EXIT_FINE;
	}
	if (!e->given)
		return give_up(e, g, err.text);
	if (rc == RC_INVALID)
		return cli_usage(g->cli, "--admin: %s", err.text);
	err_prefix(&err, "--admin");
	return ground_fail(g, &err);
}

void endpoint_look_anew(struct endpoint *e, const struct ground *g)
{
	const char *url = cli_value_or(g->cli, "state", "HS2CERT_STATE", "hs2cert.db");
	struct db *db;
	struct err ignored;

	if (!e->admin || db_open(url, DB_READ, &db, &ignored) != RC_OK)
		return;
	db_close(e->scope.db);
	e->scope.db = db;
}

void endpoint_close(struct endpoint *e)
{
	admin_close(e->admin);
	db_close(e->scope.db);
	*e = (struct endpoint){ 0 };
}

void endpoint_work(struct endpoint *e)
{
	if (e->admin)
		admin_work(e->admin);
}

int64_t endpoint_wait_ms(const struct endpoint *e)
{
	int ms = e->admin ? admin_wait_ms(e->admin) : -1;

	return ms < 0 ? INT64_MAX : ms;
}

bool endpoint_asks_reload(const struct endpoint *e)
{
	return e->admin && admin_asks_reload(e->admin);
}

void endpoint_begin_reload(struct endpoint *e)
{
	if (e->admin)
		admin_begin_reload(e->admin);
}

void endpoint_stop(struct endpoint *e)
{
	if (e->admin)
		admin_stop(e->admin);
}

void endpoint_tell_reload(struct endpoint *e, const struct ground_findings *findings, bool taken,
			  const char *reason)
{
	struct admin_outcome outcome = {
		.taken = taken,
		.errors = findings->errors,
		.warnings = findings->warnings,
		.reason = reason,
		.findings = str_slice(&findings->json),
		.findings_text = str_slice(&findings->text),
	};

	if (e->admin)
		admin_tell_reload(e->admin, &outcome);
}

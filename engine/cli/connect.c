/*
 * connect - `hs2cert connect NAME`: a person grants an account over OAuth, in a browser here or
 * elsewhere, and the state keeps what comes of it.
 *
 * The state is held only at the start and at the end: a daemon may run, start or stop meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/server.h"
#include "dsl/build.h"
#include "engine/cli/beside.h"
#include "engine/cli/ground.h"
#include "engine/connect.h"
#include "engine/registry.h"
#include "engine/store/db.h"

#define PATIENCE_MS (15 * MS_MINUTE) /* for a person to find the way through HubSpot's pages */
#define LINE_BYTES LIMIT_URL_BYTES   /* of what is pasted */
#define DEFAULT_PORT "80"

static const struct server_limits limits = { .body_bytes = 4096,
					     .connections = 16,
					     .idle_seconds = 30 };

struct session {
	struct ground ground;
	const char *name, *state;
	struct table *table; /* the accounts; with rules where those are right */
	bool rules;	     /* they are */
	uint32_t index;
	struct connect *connect;
	struct server *server; /* NULL: nothing comes back by itself */
	struct str path;       /* of the callback */
	struct str line;       /* what is pasted, as far as it has come */
	bool reads, ended;     /* ended: nothing more will be pasted */
	bool taken;
	bool json;
	enum rc failed; /* it was said no */
	struct err why;
	struct grant was; /* what is there already */
	struct sources sources;
	struct diags diags;
};

/* ---- the account --------------------------------------------------------------- */

static const struct account *account_of(const struct session *s)
{
	return &s->table->account[s->index];
}

static int find_account(struct session *s)
{
	const char *words[64];
	size_t n = 0;

	for (uint32_t i = 0; i < s->table->n_account; i++) {
		const struct account *a = &s->table->account[i];
		const struct oauth_ops *ops = registry_oauth(a->type);
		bool oauth = ops && account_text(a, ops->client_id);
		if (strcmp(a->name, s->name) == 0) {
			s->index = i;
			return oauth ? EXIT_FINE
				     : cli_usage(s->ground.cli,
						 "account '%s' is not connected over OAuth: its "
						 "'%s:' has no 'oauth:' in the rules",
						 s->name, a->type);
		}
		if (oauth && n < sizeof(words) / sizeof(words[0]))
			words[n++] = a->name;
	}
	const char *near = diag_nearest(slice_of(s->name), words, n);
	if (near)
		return cli_usage(s->ground.cli, "no account '%s' in the rules: did you mean '%s'?",
				 s->name, near);
	return cli_usage(s->ground.cli, "no account '%s' in the rules%s%s", s->name,
			 n ? ": connected over OAuth is " : "", n ? words[0] : "");
}

static void print_faults(const struct session *s)
{
	struct str text;

	str_init(&text, SIZE_MAX / 4);
	for (size_t i = 0; i < s->diags.count; i++)
		diag_print_text(&s->sources, &s->diags.list[i], cli_colour(STDERR_FILENO), &text);
	fputs(str_text(&text), stderr);
	str_release(&text);
}

/* Rules need not be right for it, only accounts; where they are, their scopes are known. */
static int read_rules(struct session *s)
{
	struct diags ignored;
	struct err err;
	size_t rules;

	if (sources_add_path(&s->sources, s->ground.rules, &s->diags, &err) != RC_OK)
		return cli_fail(s->ground.cli, "%s", err.text);
	diags_init(&ignored);
	s->table = table_build(&s->sources, &ignored, &rules);
	diags_release(&ignored);
	s->rules = s->table != NULL;
	if (!s->rules)
		s->table = table_build_accounts(&s->sources, &s->diags);
	if (s->table)
		return find_account(s);
	print_faults(s);
	return EXIT_FINDINGS;
}

/* ---- the state ------------------------------------------------------------------- */

/* Made where there is none; beside a daemon where one has it. */
static enum rc open_state(const struct session *s, struct db **db, struct err *err)
{
	enum rc rc = db_open(s->state, DB_OWN, db, err);

	return rc == RC_REFUSED ? db_open(s->state, DB_SHARE, db, err) : rc;
}

static enum rc read_state(struct session *s, struct err *err)
{
	struct db *db;
	enum rc rc = open_state(s, &db, err);

	if (rc == RC_OK)
		rc = grant_read(db, s->name, &s->was, err);
	db_close(db);
	return rc;
}

static enum rc write_state(const struct session *s, struct err *err)
{
	char numeric[32];
	struct db *db;
	struct grant *g = connect_grant(s->connect);
	enum rc rc = open_state(s, &db, err);

	str_add_text(&g->made_by, beside_who(numeric));
	if (rc == RC_OK)
		rc = grant_connect(db, s->name, g, err);
	db_close(db);
	return rc;
}

/* ---- what comes back ---------------------------------------------------------------- */

/* A wrong one is said, and the right one may come still. */
static enum rc take(struct session *s, struct slice given, bool alone, struct err *err)
{
	enum rc rc = connect_take(s->connect, given, alone, err);

	s->taken |= rc == RC_OK;
	if (rc == RC_REFUSED) {
		s->failed = rc;
		s->why = *err;
	} else if (rc != RC_OK) {
		fprintf(stderr, "hs2cert connect: not taken: %s\n", err->text);
	}
	return rc;
}

static void come_back(void *ctx, const struct server_request *request, struct server_answer *answer)
{
	struct session *s = ctx;
	struct err err = { "" };
	struct str query;

	answer->type = "text/html;charset=utf-8";
	answer->status = 404;
	if (strcmp(request->method, "GET") != 0 || strcmp(request->path, str_text(&s->path)) != 0) {
		str_add_text(&answer->body, "<p>There is nothing here.");
		return;
	}
	str_init(&query, LIMIT_URL_BYTES);
	str_addf(&query, "?%s", request->query);
	enum rc rc = take(s, str_slice(&query), false, &err);
	str_wipe(&query);
	answer->status = rc == RC_OK ? 200 : 400;
	/* Nothing of what was sent is shown: it is anybody's. */
	str_addf(&answer->body,
		 "<!doctype html><meta charset=utf-8><title>hs2cert</title><p>%s. The terminal in "
		 "which <code>hs2cert connect</code> runs says more; this window may be closed.",
		 rc == RC_OK	    ? "The answer has arrived"
		 : rc == RC_REFUSED ? "It was not granted"
				    : "This is no answer to what was asked");
}

static void server_ready(void *arg)
{
	struct session *s = arg;

	server_work(s->server, s->ground.world.mono_ms(s->ground.world.ctx));
}

static void take_line(struct session *s)
{
	struct err err;

	if (slice_trim(str_slice(&s->line)).len && !s->taken)
		(void)take(s, str_slice(&s->line), true, &err);
	str_wipe(&s->line);
}

/* One byte at a time: what follows the line is somebody else's. */
static void stdin_ready(void *arg)
{
	struct session *s = arg;
	char c;

	if (s->ended || s->taken)
		return;
	ssize_t n = read(STDIN_FILENO, &c, 1);
	s->ended = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
	if (n == 1 && c != '\n')
		str_add_char(&s->line, c);
	else if (n >= 0)
		take_line(s);
}

/* ---- where it comes back ---------------------------------------------------------------- */

/* `http://localhost:PORT/path`: what HubSpot lets an app without a name of its own have. */
static bool is_local(struct slice url, struct str *listen)
{
	struct slice rest = url, host, port;

	if (!slice_starts(url, slice_of("http://localhost")))
		return false;
	rest = (struct slice){ url.ptr + 7, url.len - 7 };
	(void)slice_cut(&rest, '/', &host);
	rest = host;
	bool has_port = slice_cut(&rest, ':', &port);
	if (!slice_is(port, "localhost"))
		return false;
	str_addf(listen, "127.0.0.1:%.*s", SLICE_FMT(has_port ? rest : slice_of(DEFAULT_PORT)));
	return true;
}

static void find_path(struct session *s)
{
	const char *host = strstr(connect_redirect(s->connect), "://"), *path;

	path = host ? strchr(host + 3, '/') : NULL;
	str_add_slice(&s->path, path ? (struct slice){ path, strcspn(path, "?#") } : slice_of("/"));
}

/* A file and /dev/null hold nothing that could answer the address of this moment, nor can they be waited for. */
static bool stdin_waits(void)
{
	struct stat at;

	return fstat(STDIN_FILENO, &at) == 0 && !S_ISREG(at.st_mode) && !S_ISDIR(at.st_mode) &&
	       (!S_ISCHR(at.st_mode) || isatty(STDIN_FILENO) == 1);
}

static int listen_for_it(struct session *s)
{
	const char *given = cli_value(s->ground.cli, "listen");
	bool pastes = cli_has(s->ground.cli, "paste"), terminal = isatty(STDIN_FILENO) == 1;
	struct str where;
	struct err err;
	enum rc rc = RC_OK;

	if (pastes && given)
		return cli_usage(s->ground.cli, "--paste listens nowhere: it excludes --listen");
	str_init(&where, 256);
	bool local = is_local(slice_of(connect_redirect(s->connect)), &where);
	bool listens = !pastes && (given || (terminal && local));
	find_path(s);
	if (listens)
		rc = server_open(&s->server, given ? given : str_text(&where), &limits, come_back,
				 s, &err);
	str_release(&where);
	s->reads = terminal || !listens;
	if (rc == RC_INVALID)
		return cli_usage(s->ground.cli, "--listen: %s", err.text);
	if (rc != RC_OK)
		return cli_fail(s->ground.cli,
				"%s. Free the port, give the app and the account another "
				"redirect-url, or paste the answer: --paste",
				err.text);
	if (s->server)
		net_watch(s->ground.net, server_fd(s->server), server_ready, s);
	s->ended = s->reads && !stdin_waits();
	if (s->reads && !s->ended)
		net_watch(s->ground.net, STDIN_FILENO, stdin_ready, s);
	return EXIT_FINE;
}

/* ---- what is said -------------------------------------------------------------------- */

static void invite(const struct session *s)
{
	if (s->json) {
		struct str out;
		str_init(&out, 2 * LIMIT_URL_BYTES);
		str_add_text(&out, "{\"account\":");
		str_add_json(&out, slice_of(s->name));
		str_add_text(&out, ",\"url\":");
		str_add_json(&out, slice_of(connect_url(s->connect)));
		printf("%s}\n", str_text(&out));
		str_release(&out);
	} else {
		printf("Open this in a browser, as somebody who may install apps in the portal:\n\n"
		       "    %s\n\n",
		       connect_url(s->connect));
	}
	fflush(stdout);
	if (s->reads)
		fprintf(stderr,
			"%s the address of the page that you are sent to (or its code), and "
			"press Enter%s:\n",
			s->server ? "It is waited for here. On another machine, paste" : "Paste",
			s->server ? "" : ". That the page itself does not load is no harm");
}

static void add_member(struct str *out, const char *key, struct slice value)
{
	str_addf(out, ",\"%s\":", key);
	str_add_json(out, value);
}

static void print_json(const struct session *s, const struct grant *g, bool nudged)
{
	struct str out;
	struct slice scopes = str_slice(&g->scopes), one;
	bool more = true, first = true;

	str_init(&out, SIZE_MAX / 4);
	str_add_text(&out, "{\"account\":");
	str_add_json(&out, slice_of(s->name));
	add_member(&out, "portal", str_slice(&g->tenant));
	add_member(&out, "domain", str_slice(&g->tenant_name));
	str_add_text(&out, ",\"scopes\":[");
	while (more) {
		more = slice_cut(&scopes, ' ', &one);
		str_add_text(&out, first ? "" : ",");
		str_add_json(&out, one);
		first = false;
	}
	str_addf(&out, "],\"replaced\":%s,\"daemon\":%s}\n", s->was.serial ? "true" : "false",
		 nudged ? "true" : "false");
	fputs(str_text(&out), stdout);
	str_release(&out);
}

static void print_result(const struct session *s, bool nudged)
{
	const struct grant *g = connect_grant(s->connect);

	if (s->json) {
		print_json(s, g, nudged);
		return;
	}
	printf("%s: connected to portal %s%s%s%s\n", s->name, str_text(&g->tenant),
	       g->tenant_name.len ? " (" : "", str_text(&g->tenant_name),
	       g->tenant_name.len ? ")" : "");
	printf("scopes: %s\n", str_text(&g->scopes));
	printf("%s\n", nudged ? "the daemon goes on with it" : "next: hs2cert run");
}

/* ---- whether it may be kept ------------------------------------------------------------ */

static int check_scopes(const struct session *s)
{
	const struct grant *g = connect_grant(s->connect);
	struct oauth_need need[OAUTH_NEEDS];
	size_t n = registry_oauth(account_of(s)->type)->needs(s->table, s->index, need);
	int missing = 0;

	for (size_t i = 0; i < n; i++) {
		if (oauth_has_scope(str_slice(&g->scopes), need[i].scope))
			continue;
		missing++;
		fprintf(stderr, "hs2cert connect: the grant lacks %s, which %s%s%s needs\n",
			need[i].scope, need[i].rule ? "rule '" : "every rule",
			need[i].rule ? need[i].rule->name : "", need[i].rule ? "'" : "");
	}
	if (!missing)
		return EXIT_FINE;
	cli_fail(s->ground.cli,
		 "nothing was kept: add what is missing to the app's scopes, and connect again");
	return EXIT_FINDINGS;
}

/* Contacts are known by ids, and those are another portal's. */
static int check_portal(struct session *s)
{
	const struct grant *g = connect_grant(s->connect);
	char answer[8] = "";

	if (!s->was.serial || slice_eq(str_slice(&s->was.tenant), str_slice(&g->tenant)) ||
	    cli_has(s->ground.cli, "replace"))
		return EXIT_FINE;
	fprintf(stderr,
		"hs2cert connect: '%s' was connected to portal %s%s%s, and this is portal %s: what "
		"the state\nknows of contacts would be taken for those of another portal. A second "
		"portal is better an\naccount of its own.\n",
		s->name, str_text(&s->was.tenant), s->was.tenant_name.len ? ", " : "",
		str_text(&s->was.tenant_name), str_text(&g->tenant));
	if (isatty(STDIN_FILENO) == 1) {
		fprintf(stderr, "Replace it all the same? [y/N] ");
		if (!fgets(answer, sizeof(answer), stdin))
			answer[0] = '\0';
	}
	if (answer[0] == 'y' || answer[0] == 'Y')
		return EXIT_FINE;
	cli_fail(s->ground.cli, "nothing was changed: --replace does it");
	return EXIT_FINDINGS;
}

static int keep(struct session *s)
{
	struct err err;
	int status = check_scopes(s);

	if (status == EXIT_FINE)
		status = check_portal(s);
	if (status != EXIT_FINE)
		return status;
	if (write_state(s, &err) != RC_OK)
		return cli_fail(s->ground.cli, "%s", err.text);
	if (!s->rules)
		fprintf(stderr,
			"hs2cert connect: the rules are not valid, so it is not known whether "
			"they need more scopes\n");
	print_result(s, beside_nudge(s->state));
	return EXIT_FINE;
}

/* ---- the loop ------------------------------------------------------------------------ */

static int64_t mono_ms(const struct session *s)
{
	return s->ground.world.mono_ms(s->ground.world.ctx);
}

/* RC_REFUSED: somebody said no; RC_AGAIN: nobody said anything. */
static enum rc run_to_its_end(struct session *s, struct err *err)
{
	int64_t until = mono_ms(s) + PATIENCE_MS, wake;
	bool done = false;
	enum rc rc = RC_OK;

	while (rc == RC_OK && !done) {
		if (s->failed != RC_OK || (s->ended && !s->taken && !s->server)) {
			*err = s->why;
			return s->failed != RC_OK
				       ? s->failed
				       : err_set(err, RC_AGAIN, "nothing was pasted that helps");
		}
		if (!s->taken && mono_ms(s) >= until)
			return err_set(err, RC_AGAIN, "nothing came back within 15 minutes");
		rc = connect_step(s->connect, &done, err);
		wake = connect_wake_ms(s->connect);
		if (rc == RC_OK && !done)
			rc = ground_turn(&s->ground, s->taken || wake < until ? wake : until, err);
	}
	return rc;
}

static int with_account(struct session *s)
{
	struct err err;

	if (read_state(s, &err) != RC_OK ||
	    connect_new(&s->ground.world, account_of(s), cli_value(s->ground.cli, "scope"),
			&s->connect, &err) != RC_OK)
		return cli_fail(s->ground.cli, "%s", err.text);
	int status = listen_for_it(s);
	if (status != EXIT_FINE)
		return status;
	invite(s);
	enum rc rc = run_to_its_end(s, &err);
	if (rc == RC_OK)
		return keep(s);
	cli_fail(s->ground.cli, "%s; nothing was changed", err.text);
	return rc == RC_REFUSED ? EXIT_FINDINGS : EXIT_COULD_NOT;
}

static int connect_run(const struct cli *cli)
{
	struct session s = { .name = cli->operand[0], .json = cli_has(cli, "json") };
	int status = ground_open(&s.ground, cli, LOG_WARN);

	s.state = cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db");
	sources_init(&s.sources);
	diags_init(&s.diags);
	grant_init(&s.was);
	str_init(&s.path, LIMIT_URL_BYTES);
	str_init(&s.line, LINE_BYTES);
	if (status == EXIT_FINE)
		status = read_rules(&s);
	if (status == EXIT_FINE)
		status = with_account(&s);
	connect_free(s.connect);
	server_close(s.server);
	table_unref(s.table);
	grant_wipe(&s.was);
	str_release(&s.path);
	str_wipe(&s.line);
	diags_release(&s.diags);
	sources_release(&s.sources);
	ground_close(&s.ground);
	return status;
}

static const struct cli_option options[] = {
	{ "paste", NULL, "listen nowhere: the address of the last page is pasted here" },
	{ "listen", "ADDR:PORT",
	  "where the answer comes back (default: where redirect-url points, on localhost)" },
	{ "scope", "S",
	  "ask for more scopes, separated by blanks: all that the app marks required" },
	{ "replace", NULL, "also where the account was connected to another portal" },
	CLI_OPTION_JSON,
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	GROUND_OPTION_LOG_FORMAT,
	GROUND_OPTION_LOG_LEVEL_WARN,
	CLI_OPTION_END,
};

static const struct cli_words option_words[] = {
	GROUND_WORDS,
	CLI_WORDS_END,
};

const struct cli_command command_connect = {
	.name = "connect",
	.summary = "connect a HubSpot account over OAuth",
	.operands = "NAME",
	.min_operands = 1,
	.max_operands = 1,
	.option = options,
	.words = option_words,
	.run = connect_run,
	.more = "NAME is an account with `oauth:` in the rules. Prints an address: whoever opens it and agrees\n"
		"is sent back to the account's redirect-url (default http://localhost:8789/callback, which the\n"
		"app must list), where this command waits. On a machine without a browser, and where stdin is no\n"
		"terminal, the address of that last page is pasted instead, or the code in it. The tokens are\n"
		"kept in the state, and a daemon that runs on it goes on with them at once.\n"
		"0 connected; 1 it was not granted, scopes that rules need are missing, or the account was\n"
		"connected to another portal: nothing was changed; 3 HubSpot could not be asked, the port is\n"
		"taken, or nothing came back.",
};

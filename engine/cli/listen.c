#include "engine/cli/listen.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/server.h"

/* So often in one turn of the loop answers make room for what was sent behind them. */
#define ROUNDS 8

/*
 * HubSpot opens at most 10 connections for an account. Behind a proxy that keeps idle ones, or in
 * front of the internet itself, many more may come; each holds a body of LIMIT_HOOK_BYTES at most.
 */
static const struct server_limits limits = {
	.body_bytes = LIMIT_HOOK_BYTES,
	.connections = 256,
	.idle_seconds = 30,
	.request_seconds = 10,
};

/* A request that is good once what it told is stored. */
struct waiting {
	struct server_ticket *ticket;
	int status;
};

struct listen {
	struct ground *ground;
	struct engine *engine;
	struct server *server;
	char *address; /* as given, with the port that it became */
	struct waiting *waiting;
	size_t count, cap;
};

/* ---- one request ---------------------------------------------------------- */

static size_t find_header(const void *ctx, const char *name, const char **value)
{
	return server_headers(ctx, name, value);
}

static void say(struct server_answer *answer, int status, const char *text)
{
	answer->status = status;
	if (!text)
		return;
	str_add_text(&answer->body, "{\"message\":");
	str_add_json(&answer->body, slice_of(text));
	str_add_char(&answer->body, '}');
}

/*
 * Where a proxy in front of us may have seen another body than we do, or we would have to unpack
 * one; 0: all is well.
 */
static int framing_fault(const struct server_request *r, const char **text)
{
	const char *value;
	size_t lengths = server_headers(r, "Content-Length", &value);

	*text = "the length of the body is said in two ways";
	if (lengths > 1 || (lengths && server_headers(r, "Transfer-Encoding", &value)))
		return 400;
	*text = "the body must not be compressed";
	return server_headers(r, "Content-Encoding", &value) && strcasecmp(value, "identity") != 0
		       ? 415
		       : 0;
}

static void hear(struct listen *l, const struct server_request *r, struct server_answer *answer)
{
	struct message m = { .method = r->method,
			     .path = r->path,
			     .query = r->query,
			     .body = r->body,
			     .header = find_header,
			     .ctx = r };
	struct heard heard;
	struct arena memory;

	arena_init(&memory);
	engine_hear(l->engine, &m, &memory, &heard);
	if (heard.status < 300) {
		l->waiting = mem_grow(l->waiting, &l->cap, l->count + 1, sizeof(*l->waiting));
		l->waiting[l->count++] = (struct waiting){ r->ticket, heard.status };
		answer->delivery = SERVER_LATER;
	} else {
		say(answer, heard.status, heard.status == 404 ? "nobody listens here" : heard.say);
	}
	if (heard.status == 405)
		snprintf(answer->header[0], sizeof(answer->header[0]), "Allow: POST");
	arena_release(&memory);
}

static void handle(void *ctx, const struct server_request *r, struct server_answer *answer)
{
	const char *text;
	int fault = framing_fault(r, &text);

	if (fault)
		say(answer, fault, text);
	else
		hear(ctx, r, answer);
}

/* ---- a turn --------------------------------------------------------------- */

/* A failure of the store is told to the loop by the engine's next step. */
static void answer_all(struct listen *l)
{
	struct err ignored;
	bool stored = engine_heard(l->engine, &ignored) == RC_OK;

	for (size_t i = 0; i < l->count; i++) {
		struct server_answer answer = { .status = stored ? l->waiting[i].status : 503 };
		server_answer(l->waiting[i].ticket, &answer);
	}
	l->count = 0;
}

void listen_work(struct listen *l)
{
	if (!l || !l->engine)
		return;
	for (int i = 0; i < ROUNDS; i++) {
		server_work(l->server, l->ground->world.mono_ms(l->ground->world.ctx));
		if (!l->count)
			break;
		answer_all(l);
	}
}

int64_t listen_wait_ms(const struct listen *l)
{
	return !l ? -1 : l->count ? 0 : server_wait_ms(l->server);
}

/* ---- begin and end -------------------------------------------------------- */

/* The turn that it brings is all. */
static void ready(void *arg)
{
	(void)arg;
}

int listen_open(struct listen **out, struct ground *g)
{
	const char *address = cli_value(g->cli, "listen");
	struct listen *l;
	struct str text;
	struct err err;

	*out = NULL;
	if (!address)
		return EXIT_FINE;
	if (cli_has(g->cli, "once"))
		return cli_usage(g->cli, "--listen is for a daemon: it does not go with --once");
	l = mem_alloc(sizeof(*l));
	l->ground = g;
	enum rc rc = server_open(&l->server, address, &limits, handle, l, &err);
	if (rc != RC_OK) {
		mem_free(l);
		return rc == RC_INVALID ? cli_usage(g->cli, "--listen: %s", err.text)
					: ground_fail(g, &err);
	}
	str_init(&text, LIMIT_URL_BYTES);
	str_addf(&text, "%.*s:%d", (int)(strrchr(address, ':') - address), address,
		 server_port(l->server));
	l->address = text.ptr;
	net_watch(g->net, server_fd(l->server), ready, NULL);
	*out = l;
	return EXIT_FINE;
}

/* Nobody hears what HubSpot may be sending. */
static void warn_of_deaf(const struct ground *g, const char *account)
{
	if (!cli_has(g->cli, "once"))
		log_line(&g->log, LOG_WARN, "an account has a 'webhook', but there is no --listen",
			 "account", account, NULL);
}

void listen_begin(struct listen *l, const struct ground *g, struct engine *engine)
{
	const struct table *table = engine_table(engine);
	size_t hooks = 0;

	for (size_t i = 0; i < table->n_account; i++) {
		const char *url = account_text(&table->account[i], "webhook.public-url");
		if (!url)
			continue;
		hooks++;
		if (l)
			log_line(&g->log, LOG_INFO, "listening for webhooks", "account",
				 table->account[i].name, "address", l->address, "public-url", url,
				 NULL);
		else
			warn_of_deaf(g, table->account[i].name);
	}
	if (!l)
		return;
	l->engine = engine;
	if (!hooks)
		log_line(&g->log, LOG_WARN, "listening, but no account has a 'webhook'", "address",
			 l->address, NULL);
}

void listen_close(struct listen *l)
{
	if (!l)
		return;
	server_close(l->server);
	mem_free(l->address);
	mem_free(l->waiting);
	mem_free(l);
}

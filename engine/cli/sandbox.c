/*
 * sandbox - `hs2cert sandbox`: the built-in HubSpot and Certifier over HTTP.
 *
 * Here the sandbox gets what it does not have by itself: a clock, which may run
 * faster than the real one, a file to live on in, and a network for its webhooks. One thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/cli/cli.h"
#include "engine/net.h"
#include "engine/sandbox/serve.h"

#define DEFAULT_LISTEN "127.0.0.1:8787"
#define SPEED_MOST 100000
#define DATA_MOST (256u * 1024 * 1024)

#define WEBHOOK_TIMEOUT_MS (5 * MS_SECOND) /* so long HubSpot waits for an answer */

struct play {
	struct net *net;
	struct world world;
	struct sandbox *sandbox;
	struct server *server;
	int64_t start_ms;      /* what the sandbox's clock said at the start */
	int64_t real_start_ms; /* what the machine's said, counting without jumps */
	int64_t speed;
};

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * MS_SECOND + t.tv_nsec / 1000000;
}

static int64_t play_now(const struct play *p)
{
	return p->start_ms + (read_clock(CLOCK_MONOTONIC) - p->real_start_ms) * p->speed;
}

/*
 * A page of another site must not act here through somebody's browser: a POST
 * that names its origin must come from the page itself.
 */
static bool from_elsewhere(const struct server_request *request)
{
	const char *origin = server_header(request, "Origin"),
		   *host = server_header(request, "Host");
	const char *at = origin ? strstr(origin, "://") : NULL;

	return origin && (!at || !host || strcmp(at + 3, host) != 0);
}

static void handle(void *ctx, const struct server_request *request, struct server_answer *answer)
{
	struct play *p = ctx;

	if (strncmp(request->path, "/sandbox", 8) == 0 && from_elsewhere(request)) {
		answer->status = 403;
		str_add_text(&answer->body,
			     "{\"ok\":false,\"problem\":\"a request from another site\"}");
		return;
	}
	serve_request(p->sandbox, play_now(p), request, answer);
}

/* ---- data --------------------------------------------------------------- */

static enum rc read_data(const char *path, struct json **out, struct err *err)
{
	struct str text;

	*out = NULL;
	str_init(&text, DATA_MOST);
	enum rc rc = path && access(path, F_OK) == 0 ? file_read(path, &text, err) : RC_OK;
	if (rc == RC_OK) {
		*out = json_parse(text.len ? str_slice(&text) : slice_of(sandbox_demo), err);
		rc = *out ? RC_OK : RC_INVALID;
	}
	str_release(&text);
	return rc;
}

/* The clock never goes back behind what was saved: histories would run backwards. */
static enum rc load_data(struct play *p, const char *path, struct err *err)
{
	struct json *data;
	int64_t saved_ms;
	enum rc rc = read_data(path, &data, err);

	if (rc == RC_OK) {
		struct slice clock = json_get_slice(data, "clock");
		if (clock.len && clock_parse_datetime(clock, &saved_ms) && saved_ms > p->start_ms)
			p->start_ms = saved_ms;
		rc = sandbox_load(p->sandbox, p->start_ms, data, err);
	}
	if (rc != RC_OK && path)
		err_prefix(err, "'%s'", path);
	json_free(data);
	return rc;
}

static enum rc save_data(const struct play *p, const char *path, struct err *err)
{
	struct json *data = sandbox_save(p->sandbox, play_now(p));
	struct str text;

	str_init(&text, DATA_MOST);
	json_dump(data, &text);
	str_add_char(&text, '\n');
	enum rc rc = text.overflow ? err_set(err, RC_BROKEN, "'%s' would grow too large", path)
				   : file_write(path, str_slice(&text), err);
	str_release(&text);
	json_free(data);
	return rc;
}

/* ---- webhooks ----------------------------------------------------------- */

/* A delivery under way. */
struct posting {
	struct play *play;
	struct sandbox_delivery delivery;
};

static void posted(void *arg, const struct http_response *response)
{
	struct posting *post = arg;
	struct play *p = post->play;

	sandbox_delivered(p->sandbox, play_now(p), post->delivery.id,
			  response->outcome == HTTP_ANSWER ? response->status : 0);
	mem_free(post);
}

static void post_webhooks(struct play *p)
{
	struct sandbox_delivery d;

	while (sandbox_deliver(p->sandbox, play_now(p), &d)) {
		struct posting *post = mem_alloc(sizeof(*post));
		*post = (struct posting){ p, d };
		struct http_request request = { .method = "POST",
						.url = d.url,
						.body = d.body,
						.has_body = true,
						.fresh = true,
						.timeout_ms = WEBHOOK_TIMEOUT_MS };
		for (size_t i = 0; i < SANDBOX_HEADERS; i++)
			request.header[i] = d.header[i];
		p->world.http_start(p->world.ctx, &request, posted, post);
	}
}

/* Until the next webhook is due by the sandbox's clock, or the server wants a turn; -1: neither. */
static int64_t wait_ms(const struct play *p)
{
	int64_t server = server_wait_ms(p->server), due = sandbox_delivery_ms(p->sandbox);

	if (due == INT64_MAX)
		return server;
	int64_t left = (due - play_now(p)) / p->speed + 1;
	left = left < 0 ? 0 : left;
	return server >= 0 && server < left ? server : left;
}

/* ---- the loop ----------------------------------------------------------- */

/* A descriptor that becomes readable when the program is asked to stop. */
static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN); /* a client that hangs up is no reason to end */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void wake(void *arg)
{
	*(bool *)arg = true;
}

static enum rc serve_until_stopped(struct play *p, int signals, struct err *err)
{
	bool stop = false, served = false;
	enum rc rc = RC_OK;

	net_watch(p->net, signals, wake, &stop);
	net_watch(p->net, server_fd(p->server), wake, &served);
	while (rc == RC_OK && !stop) {
		post_webhooks(p);
		rc = net_turn(p->net, wait_ms(p), err);
		server_work(p->server, read_clock(CLOCK_MONOTONIC));
	}
	return rc;
}

static void announce(const struct play *p, const char *listen)
{
	const char *colon = strrchr(listen, ':');
	char base[128];

	snprintf(base, sizeof(base), "http://%.*s:%d", (int)(colon - listen), listen,
		 server_port(p->server));
	printf("sandbox: %s  hubspot: %s/hubspot  certifier: %s/certifier/v1\n", base, base, base);
	fflush(stdout);
}

static int sandbox_run(const struct cli *cli)
{
	const char *listen = cli_value(cli, "listen"), *data = cli_value(cli, "data");
	struct sandbox_options options;
	struct play p = { .speed = 1 };
	struct err err;
	int status = EXIT_COULD_NOT, signals = -1;

	if (!cli_number(cli, "speed", 1, SPEED_MOST, &p.speed))
		return EXIT_USAGE;
	if (!listen)
		listen = DEFAULT_LISTEN;
	sandbox_defaults(&options);
	options.rate_limits = true;
	options.oauth_secret = "sandbox-secret";
	options.seed = (uint64_t)read_clock(CLOCK_REALTIME);
	p.sandbox = sandbox_new(&options);
	p.start_ms = read_clock(CLOCK_REALTIME);
	p.real_start_ms = read_clock(CLOCK_MONOTONIC);
	if (load_data(&p, data, &err) != RC_OK ||
	    (data && access(data, F_OK) != 0 && save_data(&p, data, &err) != RC_OK)) {
		cli_fail(cli, "%s", err.text);
		goto out;
	}
	p.net = net_new(&err);
	if (!p.net) {
		cli_fail(cli, "%s", err.text);
		goto out;
	}
	net_world(p.net, &p.world);
	enum rc rc = server_open(&p.server, listen, &serve_limits, handle, &p, &err);
	if (rc != RC_OK) {
		status = rc == RC_INVALID ? cli_usage(cli, "%s", err.text)
					  : cli_fail(cli, "%s", err.text);
		goto out;
	}
	signals = open_signals();
	if (signals < 0) {
		cli_fail(cli, "no signals: %s", strerror(errno));
		goto out;
	}
	announce(&p, listen);
	status = serve_until_stopped(&p, signals, &err) == RC_OK ? EXIT_FINE
								 : cli_fail(cli, "%s", err.text);
	if (data && save_data(&p, data, &err) != RC_OK)
		status = cli_fail(cli, "%s", err.text);
out:
	if (signals >= 0)
		close(signals);
	server_close(p.server);
	net_free(p.net);
	sandbox_free(p.sandbox);
	return status;
}

static const struct cli_option options[] = {
	{ "listen", "ADDR:PORT", "where to serve (default " DEFAULT_LISTEN "; port 0 picks one)" },
	{ "data", "FILE", "state: read at the start, written at the end; made where missing" },
	{ "speed", "N", "the sandbox's clock runs N times as fast as the real one" },
	CLI_OPTION_END,
};

const struct cli_command command_sandbox = {
	.name = "sandbox",
	.summary = "a local HubSpot and Certifier to try rules on",
	.operands = "",
	.option = options,
	.more = "HubSpot's API is under /hubspot, Certifier's under /certifier/v1 (any token will "
		"do),\n"
		"a page to create contacts, change properties and see what was issued at /, and "
		"the\n"
		"same as JSON calls at /sandbox. Point an account's base-url at it to try rules.\n"
		"Without a data file it starts with a small portal that fits the example rules. "
		"The\n"
		"file is one JSON object: properties, contacts, lists, groups, attributes,\n"
		"credentials, mails; /sandbox/state shows it. SIGTERM or Ctrl-C ends and saves.\n"
		"An account with oauth: is connected to it under any client-id, with the client-secret\n"
		"sandbox-secret. A POST of {url, secret} to /sandbox/webhook has it tell of changes by\n"
		"webhooks.",
	.run = sandbox_run,
};

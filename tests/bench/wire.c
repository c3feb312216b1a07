/*
 * wire - a change in HubSpot until the request that makes its credential is on the wire, on an idle daemon.
 *
 * The daemon itself, with its state on disk, told by a webhook over a connection that stands. HubSpot and
 * Certifier are the sandbox, in this process, behind a socket and without any lag; what it takes to answer
 * the read of the contact is taken off.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include "engine/sandbox/serve.h"
#include "tests/bench/bench.h"

#define CHANGES 100
#define CONTACT 101
#define HOOK_URL "https://hooks.example.org/hub"
#define SECRET "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
#define PATIENCE_S 20
#define QUIET_S 0.1 /* after so long without a request the daemon idles */

struct stand {
	struct sandbox *sandbox;
	struct server *server;
	int hook; /* the connection that webhooks come over */
	bool hook_answered;
	double changed, created, last; /* when it happened; 0: not yet */
	double read_began, read_s;     /* of the read of the contact that came last */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void handle(void *ctx, const struct server_request *request, struct server_answer *answer)
{
	struct stand *s = ctx;

	s->last = bench_wall_s();
	if (strncmp(request->path, "/hubspot/crm/", 13) == 0 && strstr(request->path, "batch/read"))
		s->read_began = s->last;
	if (!s->created && strcmp(request->method, "POST") == 0 &&
	    strcmp(request->path, "/certifier/v1/credentials") == 0)
		s->created = s->last;
	serve_request(s->sandbox, now_ms(), request, answer);
}

static void turn(struct stand *s, double until)
{
	struct pollfd fds[] = { { .fd = server_fd(s->server), .events = POLLIN },
				{ .fd = s->hook, .events = POLLIN } };
	char answer[512];
	double left = until - bench_wall_s();

	(void)poll(fds, 1 + (s->hook > 0), left > 0 ? (int)(left * 1e3) + 1 : 0);
	s->read_began = 0;
	server_work(s->server, now_ms());
	if (s->read_began)
		s->read_s = bench_wall_s() - s->read_began;
	if (s->hook > 0 && recv(s->hook, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		s->hook_answered = true;
}

static void until_quiet(struct stand *s)
{
	double from = bench_wall_s();

	s->last = from;
	while (bench_wall_s() - s->last < QUIET_S && bench_wall_s() - from < PATIENCE_S)
		turn(s, s->last + QUIET_S);
}

/* ---- the daemon ----------------------------------------------------------------- */

static void write_rules(int port)
{
	FILE *out = fopen("rules.d/all.yaml", "w");

	if (!out)
		exit(3);
	fprintf(out,
		"account: hubspot\nhubspot: { token: '${HUBSPOT_TOKEN}', base-url: 'http://127.0.0.1:%d/hubspot',"
		" poll: 1h, webhook: { public-url: '" HOOK_URL
		"', secret: '${HOOK_SECRET}' } }\n---\n"
		"account: certifier\ncertifier: { token: '${CERTIFIER_TOKEN}', base-url: 'http://127.0.0.1:%d/certifier/v1',"
		" rate: 50/s }\n---\n"
		"rule: tier\ntrigger: { event: property-changed, property: tier, settle: 0s }\n"
		"action: { do: issue-credential, group: g }\n",
		port, port);
	if (fclose(out))
		exit(3);
}

/* The port on which it listens for webhooks, as its log says. */
static int heard_port(void)
{
	char line[1024];
	int port = 0;
	FILE *in = fopen("log", "r");

	while (in && fgets(line, sizeof(line), in)) {
		const char *at = strstr(line, "listening for webhooks");
		at = at ? strstr(at, "address=127.0.0.1:") : NULL;
		if (at)
			port = (int)strtol(at + strlen("address=127.0.0.1:"), NULL, 10);
	}
	if (in)
		fclose(in);
	return port;
}

static void connect_hook(struct stand *s)
{
	double from = bench_wall_s();
	int on = 1, port;

	while (!(port = heard_port()) && bench_wall_s() - from < PATIENCE_S)
		turn(s, bench_wall_s() + 0.02);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((in_port_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	s->hook = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->hook, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!port || connect(s->hook, (struct sockaddr *)&at, sizeof(at)) != 0) {
		fprintf(stderr, "bench: the daemon does not listen\n");
		exit(3);
	}
}

/* ---- one change ----------------------------------------------------------------- */

static void send_hook(struct stand *s)
{
	struct sandbox_delivery d;
	struct str text;

	if (!sandbox_deliver(s->sandbox, now_ms(), &d))
		exit(3);
	str_init(&text, 1 << 20);
	str_add_text(&text, "POST /hub HTTP/1.1\r\nHost: hooks.example.org\r\n");
	for (size_t i = 0; i < SANDBOX_HEADERS; i++)
		if (d.header[i])
			str_addf(&text, "%s\r\n", d.header[i]);
	str_addf(&text, "Content-Length: %zu\r\n\r\n", d.body.len);
	str_add_slice(&text, d.body);
	s->hook_answered = false;
	s->changed = bench_wall_s();
	if (send(s->hook, text.ptr, text.len, MSG_NOSIGNAL) != (ssize_t)text.len)
		exit(3);
	sandbox_delivered(s->sandbox, now_ms(), d.id, 204);
	str_release(&text);
}

/* Seconds from the change to the request, without HubSpot's own. */
static double change(struct stand *s, size_t i)
{
	char value[24];
	struct err err;

	snprintf(value, sizeof(value), "v%zu", i);
	s->created = s->read_s = 0;
	if (sandbox_set(s->sandbox, now_ms(), CONTACT, "tier", slice_of(value), &err) != RC_OK)
		exit(3);
	send_hook(s);
	while (!s->created && bench_wall_s() - s->changed < PATIENCE_S)
		turn(s, s->changed + PATIENCE_S);
	if (!s->created) {
		fprintf(stderr, "bench: no request came\n");
		exit(3);
	}
	double took = s->created - s->changed - s->read_s;
	until_quiet(s);
	return took;
}

static struct sandbox *make_sandbox(void)
{
	struct json *properties = json_new_object();
	struct sandbox_options o;
	struct err err;

	sandbox_defaults(&o);
	o.index_lag_ms = 0;
	struct sandbox *sandbox = sandbox_new(&o);
	sandbox_group(sandbox, "g", "Gold");
	json_set_text(properties, "email", "ada@example.com");
	if (sandbox_create(sandbox, now_ms() - 86400000, CONTACT, properties, NULL, &err) != RC_OK)
		exit(3);
	json_free(properties);
	sandbox_hook(sandbox, &(struct sandbox_hook){ .url = HOOK_URL, .secret = SECRET });
	return sandbox;
}

void bench_wire(const char *program)
{
	const char *const arguments[] = { "run", "--listen", "127.0.0.1:0", NULL };
	struct stand s = { .sandbox = make_sandbox() };
	double took[CHANGES];
	struct err err;

	bench_enter();
	setenv("HOOK_SECRET", SECRET, 1);
	if (server_open(&s.server, "127.0.0.1:0", &serve_limits, handle, &s, &err) != RC_OK)
		exit(3);
	write_rules(server_port(s.server));
	pid_t pid = bench_start(program, arguments);
	connect_hook(&s);
	until_quiet(&s);
	(void)change(&s, 0);
	for (size_t i = 0; i < CHANGES; i++)
		took[i] = change(&s, i + 1);
	double median = bench_median(took, CHANGES);
	printf("  wire    %7d changes %11.2f ms median from a change to the request, %.2f ms at 99 of 100, %.2f ms at least\n",
	       CHANGES, median * 1e3, took[CHANGES * 99 / 100 - 1] * 1e3, took[0] * 1e3);
	kill(pid, SIGTERM);
	while (waitpid(pid, NULL, WNOHANG) == 0)
		turn(&s, bench_wall_s() + 0.02);
	close(s.hook);
	server_close(s.server);
	sandbox_free(s.sandbox);
	bench_leave();
}

/*
 * libcurl sends a request again by itself when a kept connection dies under it
 * (facts/reliability.md, finding 1). That must never be a create, an issue or a
 * send. The server here counts; the controls show that it would notice.
 *
 *   test_net_resend [ROUNDS]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/certifier/certifier.h"
#include "engine/net.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONNECTIONS 16
#define ID "01hz2f0c9ryvzajg20jqh9taab"

static int rounds = 200;

/* ---- the server: answers, or dies under the request -------------------------- */

struct server {
	int epoll, listener, port;
	int fd[CONNECTIONS];
	bool dies; /* a further request on a connection, or any that is not a warm-up, kills it … */
	bool by_reset; /* … so */
	bool twice;    /* each answer is followed by one that nobody asked for */
	int requests;  /* but for warm-ups */
	int accepted;
};

static void drop(struct server *s, size_t i, bool by_reset)
{
	struct linger now = { 1, 0 };

	if (by_reset)
		assert_int_equal(setsockopt(s->fd[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(s->fd[i]);
	s->fd[i] = -1;
}

/* Whether the request is whole: what is counted was taken to the last byte. */
static bool is_whole(const char *text, size_t len)
{
	const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "Content-Length:");
	size_t body = length ? strtoul(length + 15, NULL, 10) : 0;

	return end && len == (size_t)(end - text) + 4 + body;
}

static void say(int fd, const char *body)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			   strlen(body), body);

	assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

static void take(struct server *s, size_t i)
{
	char text[8192];
	ssize_t got = recv(s->fd[i], text, sizeof(text) - 1, 0);

	if (got <= 0) {
		drop(s, i, false);
		return;
	}
	text[got] = '\0';
	assert_true(is_whole(text, (size_t)got)); /* small ones come in one piece */
	bool warm_up = strstr(text, "/warm-up") != NULL;
	s->requests += !warm_up;
	if (s->dies && !warm_up) {
		drop(s, i, s->by_reset);
		return;
	}
	say(s->fd[i], warm_up ? "warm" : "{}");
	if (s->twice)
		say(s->fd[i], "stray");
}

static void greet(struct server *s)
{
	for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		size_t i = 0;
		while (s->fd[i] >= 0)
			assert_true(++i < CONNECTIONS);
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
		s->fd[i] = fd;
		s->accepted++;
		assert_int_equal(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event), 0);
	}
}

static void server_ready(void *arg)
{
	struct server *s = arg;
	struct epoll_event event;

	while (epoll_wait(s->epoll, &event, 1, 0) == 1) {
		if (event.data.u32 == CONNECTIONS)
			greet(s);
		else
			take(s, event.data.u32);
	}
}

static void server_start(struct server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = CONNECTIONS };
	socklen_t len = sizeof(at);

	*s = (struct server){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	memset(s->fd, -1, sizeof(s->fd));
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->listener, CONNECTIONS), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event), 0);
	s->port = ntohs(at.sin_port);
}

static void hang_up(struct server *s, bool by_reset)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (s->fd[i] >= 0)
			drop(s, i, by_reset);
}

/* ---- the client ---------------------------------------------------------------- */

struct bed {
	struct net *net;
	struct world world;
	struct server server;
	struct arena memory;
	struct action *action;
	struct json *fields;
	char base[64];
};

struct end {
	int times;
	enum http_outcome outcome;
	char body[16];
};

static void on_end(void *arg, const struct http_response *r)
{
	struct end *e = arg;

	e->times++;
	e->outcome = r->outcome;
	snprintf(e->body, sizeof(e->body), "%.*s", SLICE_FMT(r->body));
}

static struct end carry(struct bed *b, const struct http_request *request)
{
	struct end e = { 0 };
	struct err err;

	b->world.http_start(b->world.ctx, request, on_end, &e);
	while (!e.times)
		assert_int_equal(net_turn(b->net, -1, &err), RC_OK);
	server_ready(&b->server);
	return e;
}

static int set_up(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	arena_init(&b->memory);
	server_start(&b->server);
	b->net = net_new(&err);
	net_world(b->net, &b->world);
	net_watch(b->net, b->server.epoll, server_ready, &b->server);
	snprintf(b->base, sizeof(b->base), "http://127.0.0.1:%d/v1", b->server.port);
	const struct setting settings[] = {
		{ .key = "base-url", .kind = SETTING_TEXT, .text = b->base },
		{ .key = "portal-url", .kind = SETTING_TEXT, .text = b->base },
	};
	const struct account account = { "certifier", "certifier", settings, COUNT(settings) };
	b->action = certifier_ops.open(&account, slice_of("tok"));
	b->fields = json_parse(slice_of("{\"recipient.name\":\"Ada\","
					"\"recipient.email\":\"ada@example.org\"}"),
			       &err);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	net_free(b->net);
	hang_up(&b->server, false);
	close(b->server.listener);
	close(b->server.epoll);
	certifier_ops.close(b->action);
	json_free(b->fields);
	arena_release(&b->memory);
	mem_free(b);
	return 0;
}

/* A read that leaves a connection behind which could be used again. */
static void warm_up(struct bed *b)
{
	char url[96];
	struct http_request get = { .method = "GET", .url = url, .timeout_ms = 20000 };

	snprintf(url, sizeof(url), "%s/warm-up", b->base);
	assert_int_equal(carry(b, &get).outcome, HTTP_ANSWER);
}

/* The very request that the outbox would launch from this state. */
static struct http_request request_from(struct bed *b, enum issuance_state state)
{
	struct issuance is = { .id = 7,
			       .rule = "r",
			       .group = "g1",
			       .do_issue = true,
			       .do_send = true,
			       .fields = b->fields,
			       .state = state,
			       .credential = ID };
	struct step step;

	certifier_ops.step(b->action, &is, &b->memory, &step);
	return step.request;
}

/* How often one launch came to the server, where it died under it; the body of the first answer. */
static int arrivals(struct bed *b, const struct http_request *request, bool by_reset,
		    enum http_outcome *outcome)
{
	b->server.dies = false;
	warm_up(b);
	b->server.dies = true;
	b->server.by_reset = by_reset;
	b->server.requests = 0;
	*outcome = carry(b, request).outcome;
	return b->server.requests;
}

static const enum issuance_state writes[] = { STATE_PLANNED, STATE_DRAFT, STATE_ISSUED };

/* ---- the promise ------------------------------------------------------------------ */

static void a_write_that_is_cut_off_is_not_repeated(void **state)
{
	struct bed *b = *state;
	enum http_outcome outcome;

	for (int i = 0; i < rounds; i++) {
		for (size_t w = 0; w < COUNT(writes); w++) {
			struct http_request request = request_from(b, writes[w]);
			assert_int_equal(arrivals(b, &request, i % 2, &outcome), 1);
			assert_int_equal(outcome, HTTP_UNKNOWN);
		}
		arena_release(&b->memory);
		arena_init(&b->memory);
	}
}

/* The connection that reads left dies unseen, just before the write. */
static void a_write_meets_no_dead_connection(void **state)
{
	struct bed *b = *state;

	for (int i = 0; i < rounds; i++) {
		struct http_request request = request_from(b, writes[(size_t)i % COUNT(writes)]);
		warm_up(b);
		hang_up(&b->server, i % 2);
		b->server.requests = 0;
		assert_int_equal(carry(b, &request).outcome, HTTP_ANSWER);
		assert_int_equal(b->server.requests, 1);
		arena_release(&b->memory);
		arena_init(&b->memory);
	}
}

/* What a server says unasked is nobody's answer: not a read's on the same connection either. */
static void an_answer_too_many_is_nobodys(void **state)
{
	struct bed *b = *state;
	struct http_request get = request_from(b, STATE_ISSUING);

	b->server.twice = true;
	for (int i = 0; i < rounds; i++) {
		warm_up(b);
		assert_string_equal(carry(b, &get).body, "{}");
	}
}

/* ---- the controls: this server notices ---------------------------------------------- */

static void a_read_is_repeated(void **state)
{
	struct bed *b = *state;
	struct http_request get = request_from(b, STATE_ISSUING);
	enum http_outcome outcome;

	for (int by_reset = 0; by_reset <= 1; by_reset++)
		assert_int_equal(arrivals(b, &get, by_reset, &outcome), 2);
}

static void a_write_on_a_kept_connection_would_be_repeated(void **state)
{
	struct bed *b = *state;
	enum http_outcome outcome;

	for (size_t w = 0; w < COUNT(writes); w++) {
		struct http_request request = request_from(b, writes[w]);
		assert_true(request.fresh);
		request.fresh = false;
		for (int by_reset = 0; by_reset <= 1; by_reset++)
			assert_int_equal(arrivals(b, &request, by_reset, &outcome), 2);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_write_that_is_cut_off_is_not_repeated),
		TEST(a_write_meets_no_dead_connection),
		TEST(an_answer_too_many_is_nobodys),
		TEST(a_read_is_repeated),
		TEST(a_write_on_a_kept_connection_would_be_repeated),
	};

	if (argc > 1)
		rounds = atoi(argv[1]);
	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

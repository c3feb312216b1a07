/*
 * The network against a scripted server that is carried by the same loop: one
 * thread, no waiting but for answers that never come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/net.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MOST_CONNECTIONS 8
#define MOST_TURNS 100000
#define LARGE (2u << 20) /* libcurl asks for permission above 1 MiB */

/* ---- the server ---------------------------------------------------------- */

enum ending { KEEP, FIN, RST };

/* What the n-th request gets, whichever connection it comes on. */
struct answer {
	const char *text;
	size_t flood; /* so many further bytes */
	enum ending ending;
};

struct connection {
	int fd;
	struct str in;
	struct str out;
	size_t out_done, flood;
	enum ending ending;
};

struct server {
	int epoll, listener;
	int port;
	struct connection connection[MOST_CONNECTIONS];
	const struct answer *script;
	size_t scripted;
	size_t accepted, requests, posts;
	struct str last; /* the last whole request */
};

static void connection_close(struct connection *c, enum ending ending)
{
	struct linger now = { 1, 0 };

	if (ending == RST)
		assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(c->fd);
	c->fd = -1;
	str_release(&c->in);
	str_release(&c->out);
}

/* Bytes of the whole request at the start of `in`, or 0. */
static size_t whole_request(const struct str *in)
{
	const char *end = strstr(str_text(in), "\r\n\r\n");
	const char *length = strcasestr(str_text(in), "\r\nContent-Length:");

	if (!end)
		return 0;
	size_t size = (size_t)(end - in->ptr) + 4;
	if (length && length < end)
		size += strtoul(length + 17, NULL, 10);
	return size <= in->len ? size : 0;
}

static void server_want(struct server *s, struct connection *c)
{
	bool more = c->out_done < c->out.len || c->flood;
	struct epoll_event event = { .events = EPOLLIN | (more ? (uint32_t)EPOLLOUT : 0u),
				     .data.u32 = (uint32_t)(c - s->connection) };

	assert_int_equal(epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &event), 0);
}

static void server_write(struct server *s, struct connection *c)
{
	static const char noise[65536] = { 'x' };
	ssize_t put = 1;

	while (put > 0 && c->out_done < c->out.len) {
		put = send(c->fd, c->out.ptr + c->out_done, c->out.len - c->out_done, MSG_NOSIGNAL);
		c->out_done += put > 0 ? (size_t)put : 0;
	}
	while (put > 0 && c->flood) {
		put = send(c->fd, noise, c->flood < sizeof(noise) ? c->flood : sizeof(noise),
			   MSG_NOSIGNAL);
		c->flood -= put > 0 ? (size_t)put : 0;
	}
	if (put < 0 && errno != EAGAIN) {
		connection_close(c, FIN); /* the client had enough */
		return;
	}
	if (c->out_done == c->out.len && !c->flood && c->ending != KEEP)
		connection_close(c, c->ending);
	else
		server_want(s, c);
}

static void server_answer(struct server *s, struct connection *c, size_t size)
{
	static const struct answer none = { "", 0, FIN };
	const struct answer *a = s->requests < s->scripted ? &s->script[s->requests] : &none;
	struct slice request = { c->in.ptr, size };

	s->requests++;
	s->posts += slice_starts(request, slice_of("POST "));
	str_clear(&s->last);
	str_add_slice(&s->last, request);
	assert_int_equal(size, c->in.len); /* nobody pipelines */
	str_clear(&c->in);
	str_clear(&c->out);
	str_add_text(&c->out, a->text);
	c->out_done = 0;
	c->flood = a->flood;
	c->ending = a->ending;
	server_write(s, c);
}

static void server_read(struct server *s, struct connection *c)
{
	char buf[4096];
	ssize_t got;

	while ((got = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		str_add(&c->in, buf, (size_t)got);
	size_t size = whole_request(&c->in);
	if (size)
		server_answer(s, c, size);
	else if (got == 0 || errno != EAGAIN)
		connection_close(c, FIN);
}

static void server_accept(struct server *s)
{
	for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		size_t i = 0;
		while (s->connection[i].fd >= 0)
			assert_true(++i < MOST_CONNECTIONS);
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
		s->connection[i] = (struct connection){ .fd = fd };
		str_init(&s->connection[i].in, 2 * LARGE);
		str_init(&s->connection[i].out, 2 * LARGE);
		assert_int_equal(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event), 0);
		s->accepted++;
	}
}

static void server_ready(void *arg)
{
	struct server *s = arg;
	struct epoll_event event;

	while (epoll_wait(s->epoll, &event, 1, 0) == 1) {
		struct connection *c = &s->connection[event.data.u32];
		if (event.data.u32 == MOST_CONNECTIONS)
			server_accept(s);
		else if (event.events & EPOLLOUT)
			server_write(s, c);
		else
			server_read(s, c);
	}
}

static int bind_any(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void server_start(struct server *s)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = MOST_CONNECTIONS };

	*s = (struct server){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	for (size_t i = 0; i < MOST_CONNECTIONS; i++)
		s->connection[i].fd = -1;
	s->listener = bind_any(&s->port);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event), 0);
	str_init(&s->last, 2 * LARGE);
}

static void server_stop(struct server *s)
{
	for (size_t i = 0; i < MOST_CONNECTIONS; i++)
		if (s->connection[i].fd >= 0)
			connection_close(&s->connection[i], FIN);
	close(s->listener);
	close(s->epoll);
	str_release(&s->last);
}

/* ---- the client ---------------------------------------------------------- */

struct bed {
	struct net *net;
	struct world world;
	struct server server;
	char url[64];
};

/* What one request came to. */
struct end {
	int times;
	struct http_response r;
	struct str body, problem;
	struct world *world;
	const void *cancel; /* to cancel when the end comes */
};

static void end_init(struct end *e)
{
	*e = (struct end){ .times = 0 };
	str_init(&e->body, LIMIT_ANSWER_BYTES);
	str_init(&e->problem, LIMIT_ERROR_BYTES);
}

static void end_release(struct end *e)
{
	str_release(&e->body);
	str_release(&e->problem);
}

static void on_end(void *arg, const struct http_response *r)
{
	struct end *e = arg;

	e->times++;
	e->r = *r;
	str_add_slice(&e->body, r->body);
	str_add_text(&e->problem, r->problem ? r->problem : "");
	if (e->cancel)
		e->world->http_cancel(e->world->ctx, e->cancel);
}

static int set_up(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	b->net = net_new(&err);
	net_world(b->net, &b->world);
	server_start(&b->server);
	net_watch(b->net, b->server.epoll, server_ready, &b->server);
	snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%d/v1/x?y=1", b->server.port);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	net_free(b->net);
	server_stop(&b->server);
	mem_free(b);
	return 0;
}

static void script(struct bed *b, const struct answer *answers, size_t count)
{
	b->server.script = answers;
	b->server.scripted = count;
	b->server.requests = b->server.accepted = b->server.posts = 0;
}

static struct http_request request_get(const struct bed *b)
{
	return (struct http_request){
		.method = "GET", .url = b->url, .bearer = "tok", .timeout_ms = 20000
	};
}

static struct http_request request_post(const struct bed *b)
{
	return (struct http_request){ .method = "POST",
				      .url = b->url,
				      .bearer = "tok",
				      .header = { "Content-Type: application/json",
						  "X-Version: 7" },
				      .body = slice_of("{\"a\":1}"),
				      .has_body = true,
				      .fresh = true,
				      .timeout_ms = 20000 };
}

static void start(struct bed *b, const struct http_request *request, struct end *e)
{
	b->world.http_start(b->world.ctx, request, on_end, e);
}

/* Until nothing is under way. */
static void settle(struct bed *b)
{
	struct err err;
	int turns = 0;

	while (net_in_flight(b->net) && turns++ < MOST_TURNS)
		assert_int_equal(net_turn(b->net, -1, &err), RC_OK);
	/* What the client sent on its way out is heard too. */
	server_ready(&b->server);
}

static void carry(struct bed *b, const struct http_request *request, struct end *e)
{
	end_init(e);
	start(b, request, e);
	assert_int_equal(e->times, 0); /* never from within the call */
	settle(b);
	assert_int_equal(e->times, 1);
}

static const struct answer good = { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, KEEP };

/* ---- answers ------------------------------------------------------------- */

static void a_whole_answer(void **state)
{
	static const struct answer answers[] = {
		{ "HTTP/1.1 429 Too Many\r\nDate: Mon, 23 Nov 2026 10:00:20 GMT\r\nretry-after: 7\r\n"
		  "x-hubspot-ratelimit-max: 190\r\nX-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n"
		  "X-HubSpot-RateLimit-Remaining: 180\r\nX-HubSpot-RateLimit-Daily: 250000\r\n"
		  "X-HubSpot-RateLimit-Daily-Remaining: 249000\r\n"
		  "Content-Length: 7\r\n\r\n{\"b\":2}",
		  0, KEEP }
	};
	struct bed *b = *state;
	struct end e;
	struct http_request get = request_get(b);

	script(b, answers, COUNT(answers));
	carry(b, &get, &e);
	assert_int_equal(e.r.outcome, HTTP_ANSWER);
	assert_int_equal(e.r.status, 429);
	assert_string_equal(str_text(&e.body), "{\"b\":2}");
	assert_null(e.r.problem);
	assert_int_equal(e.r.date_ms, 1795428020000);
	assert_int_equal(e.r.retry_after_ms, 7000);
	assert_int_equal(e.r.rate_max, 190);
	assert_int_equal(e.r.rate_interval_ms, 10000);
	assert_int_equal(e.r.rate_left, 180);
	assert_int_equal(e.r.day_max, 250000);
	assert_int_equal(e.r.day_left, 249000);
	end_release(&e);
}

static void what_the_server_sees(void **state)
{
	struct bed *b = *state;
	struct end e;
	struct http_request post = request_post(b);

	script(b, &good, 1);
	carry(b, &post, &e);
	const char *seen = str_text(&b->server.last);
	assert_non_null(strstr(seen, "POST /v1/x?y=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(seen, "\r\nAuthorization: Bearer tok\r\n"));
	assert_non_null(strstr(seen, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(seen, "\r\nX-Version: 7\r\n"));
	assert_non_null(strstr(seen, "\r\nUser-Agent: hs2cert/"));
	assert_non_null(strstr(seen, "\r\nContent-Length: 7\r\n"));
	assert_non_null(strstr(seen, "\r\n\r\n{\"a\":1}"));
	assert_null(strcasestr(seen, "Accept-Encoding"));
	assert_null(strcasestr(seen, "Expect"));
	assert_null(strcasestr(seen, "Cookie"));
	end_release(&e);
}

static void a_large_body_needs_no_permission(void **state)
{
	struct bed *b = *state;
	struct end e;
	struct http_request post = request_post(b);
	struct str body;

	str_init(&body, 2 * LARGE);
	while (body.len < LARGE)
		str_add_text(&body, "0123456789");
	post.body = str_slice(&body);
	script(b, &good, 1);
	carry(b, &post, &e);
	assert_int_equal(e.r.outcome, HTTP_ANSWER);
	assert_null(strcasestr(str_text(&b->server.last), "\r\nExpect"));
	assert_true(b->server.last.len > LARGE);
	end_release(&e);
	str_release(&body);
}

struct failing {
	const char *name;
	struct answer answer;
	enum http_outcome outcome;
	int status;
};

static void bad_answers(void **state)
{
	static const struct failing rows[] = {
		{ "FIN and no byte", { "", 0, FIN }, HTTP_UNKNOWN, 0 },
		{ "RST and no byte", { "", 0, RST }, HTTP_UNKNOWN, 0 },
		{ "no HTTP", { "HELLO\r\n\r\n", 0, FIN }, HTTP_UNKNOWN, 0 },
		{ "HTTP/0.9", { "{\"id\":1}", 0, FIN }, HTTP_UNKNOWN, 0 },
		{ "garbage status", { "HTTP/1.1 abc OK\r\n\r\n", 0, FIN }, HTTP_UNKNOWN, 0 },
		{ "half a status line", { "HTTP/1.1 20", 0, FIN }, HTTP_UNKNOWN, 0 },
		{ "half the headers", { "HTTP/1.1 200 OK\r\nDate: Mo", 0, FIN }, HTTP_UNKNOWN, 0 },
		{ "cut body",
		  { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", 0, FIN },
		  HTTP_UNKNOWN,
		  0 },
		{ "reset body",
		  { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", 0, RST },
		  HTTP_UNKNOWN,
		  0 },
		{ "cut chunks",
		  { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 0, FIN },
		  HTTP_UNKNOWN,
		  0 },
		{ "bad chunk",
		  { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", 0, FIN },
		  HTTP_UNKNOWN,
		  0 },
		{ "only an interim answer",
		  { "HTTP/1.1 100 Continue\r\n\r\n", 0, FIN },
		  HTTP_UNKNOWN,
		  0 },
		{ "negative length",
		  { "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", 0, FIN },
		  HTTP_UNKNOWN,
		  0 },
		{ "a line without end",
		  { "HTTP/1.1 200 OK\r\nX: ", 1u << 20, FIN },
		  HTTP_UNKNOWN,
		  0 },
		{ "too large",
		  { "HTTP/1.1 200 OK\r\n\r\n", LIMIT_ANSWER_BYTES + 1, FIN },
		  HTTP_UNKNOWN,
		  0 },
		/* Nobody can tell this from a whole answer: whoever reads the body must. */
		{ "no length, cut", { "HTTP/1.1 200 OK\r\n\r\n{", 0, FIN }, HTTP_ANSWER, 200 },
		{ "redirect",
		  { "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 0, KEEP },
		  HTTP_ANSWER,
		  302 },
		{ "interim answers first",
		  { "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
		    "HTTP/1.1 103 Early\r\n\r\n"
		    "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
		    0, KEEP },
		  HTTP_ANSWER,
		  201 },
	};
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_request post = request_post(b);
		struct end e;
		script(b, &rows[i].answer, 1);
		carry(b, &post, &e);
		if (e.r.outcome != rows[i].outcome || e.r.status != rows[i].status)
			fail_msg("%s: outcome %d, status %d", rows[i].name, (int)e.r.outcome,
				 e.r.status);
		assert_int_equal(b->server.requests, 1);
		assert_int_equal(e.r.problem != NULL, e.r.outcome != HTTP_ANSWER);
		assert_int_equal(e.r.retry_after_ms, HTTP_ABSENT);
		end_release(&e);
	}
}

static void a_flood_of_headers(void **state)
{
	struct bed *b = *state;
	struct end e;
	struct http_request get = request_get(b);
	struct str text;

	str_init(&text, 100000);
	str_add_text(&text, "HTTP/1.1 200 OK\r\n");
	while (text.len <= LIMIT_HEADER_BYTES)
		str_add_text(&text, "X-Filler: more and more\r\n");
	str_add_text(&text, "Content-Length: 2\r\n\r\n{}");
	struct answer answer = { str_text(&text), 0, FIN };
	script(b, &answer, 1);
	carry(b, &get, &e);
	assert_int_equal(e.r.outcome, HTTP_UNKNOWN);
	assert_string_equal(str_text(&e.problem), "the answer is too large");
	end_release(&e);
	str_release(&text);
}

static void an_answer_that_never_comes(void **state)
{
	static const struct answer silent = { "", 0, KEEP };
	struct bed *b = *state;
	struct end e;
	struct http_request post = request_post(b);

	post.timeout_ms = 300;
	script(b, &silent, 1);
	carry(b, &post, &e);
	assert_int_equal(e.r.outcome, HTTP_UNKNOWN);
	end_release(&e);
}

/* ---- nothing sent -------------------------------------------------------- */

static void nobody_listens(void **state)
{
	struct bed *b = *state;
	struct end e;
	struct http_request post = request_post(b);
	char url[64];
	int port, fd = bind_any(&port);

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	post.url = url;
	carry(b, &post, &e);
	assert_int_equal(e.r.outcome, HTTP_NOT_SENT);
	assert_true(e.problem.len > 0);
	end_release(&e);
	close(fd);
}

static void no_tls_on_the_other_side(void **state)
{
	struct bed *b = *state;
	struct end e;
	struct http_request post = request_post(b);
	static const struct answer plain = { "HTTP/1.1 400 Bad\r\n\r\n", 0, FIN };
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", b->server.port);
	post.url = url;
	post.timeout_ms = 300; /* the server waits for a request that it can read */
	script(b, &plain, 1);
	carry(b, &post, &e);
	assert_int_equal(e.r.outcome, HTTP_NOT_SENT);
	assert_int_equal(b->server.requests, 0);
	end_release(&e);
}

static void what_is_refused_before_it_begins(void **state)
{
	static const struct {
		const char *url, *bearer, *header;
	} rows[] = {
		{ NULL, "tok\r\nX-Evil: 1", NULL },
		{ NULL, "tok\n", NULL },
		{ NULL, "tok", "X-Name: a\r\nX-Evil: 1" },
		{ NULL, "tok", "X-Name: \x7f" },
		{ "file:///etc/passwd", "tok", NULL },
		{ "ftp://127.0.0.1/", "tok", NULL },
		{ "nonsense", "tok", NULL },
		{ "", "tok", NULL },
	};
	struct bed *b = *state;
	char with_user[96];

	snprintf(with_user, sizeof(with_user), "http://user:word@%s", b->url + strlen("http://"));
	script(b, &good, 1);
	for (size_t i = 0; i <= COUNT(rows); i++) {
		struct http_request get = request_get(b);
		struct end e;
		if (i == COUNT(rows)) {
			get.url = with_user;
		} else {
			get.url = rows[i].url ? rows[i].url : b->url;
			get.bearer = rows[i].bearer;
			get.header[0] = rows[i].header;
		}
		carry(b, &get, &e);
		assert_int_equal(e.r.outcome, HTTP_NOT_SENT);
		assert_true(e.problem.len > 0);
		end_release(&e);
	}
	assert_int_equal(b->server.accepted, 0);
}

static void the_environment_names_no_proxy(void **state)
{
	struct bed *b = *state;
	struct end e;
	struct http_request get = request_get(b);

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	script(b, &good, 1);
	carry(b, &get, &e);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	assert_int_equal(e.r.outcome, HTTP_ANSWER);
	end_release(&e);
}

/* ---- connections --------------------------------------------------------- */

static void reads_share_a_connection(void **state)
{
	const struct answer answers[] = { good, good, good };
	struct bed *b = *state;
	struct http_request get = request_get(b);

	script(b, answers, COUNT(answers));
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct end e;
		carry(b, &get, &e);
		assert_int_equal(e.r.outcome, HTTP_ANSWER);
		end_release(&e);
	}
	assert_int_equal(b->server.requests, 3);
	assert_int_equal(b->server.accepted, 1);
}

static void writes_have_their_own(void **state)
{
	const struct answer answers[] = { good, good, good, good };
	struct bed *b = *state;
	struct http_request get = request_get(b), post = request_post(b);
	const struct http_request *order[] = { &post, &get, &post, &get };

	script(b, answers, COUNT(answers));
	for (size_t i = 0; i < COUNT(order); i++) {
		struct end e;
		carry(b, order[i], &e);
		assert_int_equal(e.r.outcome, HTTP_ANSWER);
		end_release(&e);
	}
	assert_int_equal(b->server.requests, 4);
	assert_int_equal(b->server.accepted, 3);
}

/*
 * facts/reliability.md, finding 1: on a kept connection libcurl would send this POST again,
 * and say 200.
 */
static void a_write_is_sent_once(void **state)
{
	static const enum ending endings[] = { FIN, RST };
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(endings); i++) {
		const struct answer answers[] = { good, { "", 0, endings[i] }, good };
		struct http_request get = request_get(b), post = request_post(b);
		struct end read, write;
		script(b, answers, COUNT(answers));
		carry(b, &get, &read);
		carry(b, &post, &write);
		assert_int_equal(read.r.outcome, HTTP_ANSWER);
		assert_int_equal(write.r.outcome, HTTP_UNKNOWN);
		assert_int_equal(b->server.posts, 1);
		end_release(&read);
		end_release(&write);
	}
}

static void side_by_side(void **state)
{
	const struct answer answers[] = { good, good, good, good, good, good };
	struct bed *b = *state;
	struct http_request get = request_get(b);
	struct end e[COUNT(answers)];

	script(b, answers, COUNT(answers));
	for (size_t i = 0; i < COUNT(e); i++) {
		end_init(&e[i]);
		start(b, &get, &e[i]);
	}
	assert_int_equal(net_in_flight(b->net), COUNT(e));
	settle(b);
	for (size_t i = 0; i < COUNT(e); i++) {
		assert_int_equal(e[i].times, 1);
		assert_string_equal(str_text(&e[i].body), "{}");
		end_release(&e[i]);
	}
}

/* ---- cancelling ---------------------------------------------------------- */

static void cancelled_requests_have_no_end(void **state)
{
	const struct answer answers[] = { good, good };
	struct bed *b = *state;
	struct http_request get = request_get(b);
	struct end gone, kept;

	end_init(&gone);
	end_init(&kept);
	script(b, answers, COUNT(answers));
	start(b, &get, &gone);
	start(b, &get, &kept);
	b->world.http_cancel(b->world.ctx, &gone);
	assert_int_equal(net_in_flight(b->net), 1);
	settle(b);
	assert_int_equal(gone.times, 0);
	assert_int_equal(kept.times, 1);
	end_release(&gone);
	end_release(&kept);
}

/* One end cancels the others, some of which may have ended in the same turn. */
static void an_end_cancels_others(void **state)
{
	const struct answer answers[] = { good, good, good };
	struct bed *b = *state;
	struct http_request get = request_get(b), bad = request_get(b);
	struct end e[2];

	bad.url = "file:///";
	for (size_t i = 0; i < COUNT(e); i++) {
		end_init(&e[i]);
		e[i].world = &b->world;
		e[i].cancel = &e[1 - i];
	}
	script(b, answers, COUNT(answers));
	start(b, &get, &e[0]);
	start(b, &get, &e[1]);
	settle(b);
	assert_int_equal(e[0].times + e[1].times, 1);
	start(b, &bad, &e[0]);
	start(b, &bad, &e[1]);
	settle(b);
	assert_int_equal(e[0].times + e[1].times, 2);
	end_release(&e[0]);
	end_release(&e[1]);
}

/* The sanitizers are the judge: nothing is lost, nothing is called. */
static void freed_with_requests_under_way(void **state)
{
	static const struct answer silent = { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 0,
					      KEEP };
	struct bed *b = *state;
	struct http_request get = request_get(b), post = request_post(b), bad = request_get(b);
	struct end e;
	struct err err;

	bad.url = "file:///";
	end_init(&e);
	script(b, &silent, 1);
	start(b, &get, &e);
	while (b->server.requests == 0)
		assert_int_equal(net_turn(b->net, -1, &err), RC_OK);
	start(b, &post, &e);
	start(b, &bad, &e);
	net_free(b->net);
	b->net = NULL;
	assert_int_equal(e.times, 0);
	end_release(&e);
}

/* ---- the loop ------------------------------------------------------------ */

static void a_turn_may_be_empty(void **state)
{
	struct bed *b = *state;
	struct err err;

	assert_int_equal(net_turn(b->net, 0, &err), RC_OK);
	assert_int_equal(net_in_flight(b->net), 0);
}

static void a_watch_that_cannot_be(void **state)
{
	struct bed *b = *state;
	struct err err;

	net_watch(b->net, -1, server_ready, &b->server);
	assert_int_equal(net_turn(b->net, 0, &err), RC_BROKEN);
	assert_int_equal(net_turn(b->net, -1, &err), RC_BROKEN);
}

static void clocks_and_chance(void **state)
{
	struct bed *b = *state;
	struct world *w = &b->world;
	int64_t before = w->mono_ms(w->ctx);

	assert_true(w->wall_ms(w->ctx) > INT64_C(1700000000000));
	assert_true(w->mono_ms(w->ctx) >= before);
	/* Once in 2^64 runs this fails by chance. */
	assert_true(w->random(w->ctx) != w->random(w->ctx));
}

/* ---- header lines -------------------------------------------------------- */

static void retry_after_forms(void **state)
{
	static const struct {
		const char *lines;
		int64_t ms;
	} rows[] = {
		{ "Retry-After: 0", 0 },
		{ "Retry-After:5", 5000 },
		{ "RETRY-AFTER: \t 120 \r\n", 120000 },
		{ "Retry-After: 1000000000", MS_DAY },
		{ "Retry-After: 99999999999999999999999999999999", MS_DAY },
		{ "Retry-After: -1", HTTP_ABSENT },
		{ "Retry-After: 1.5", HTTP_ABSENT },
		{ "Retry-After: soon", HTTP_ABSENT },
		{ "Retry-After:", HTTP_ABSENT },
		{ "Retry-After", HTTP_ABSENT },
		{ "X-Retry-After: 5", HTTP_ABSENT },
		{ "", HTTP_ABSENT },
		{ "Retry-After: 5\r\nRetry-After: 9", 5000 },
		{ "\r\nRetry-After: 5", HTTP_ABSENT },
		/* 60 s after now_ms, then 10 s after the answer's own Date. */
		{ "Retry-After: Mon, 23 Nov 2026 10:01:20 GMT", 60000 },
		{ "Retry-After: Mon, 23 Nov 2026 10:01:20 GMT\nDate: Mon, 23 Nov 2026 10:01:10 GMT",
		  10000 },
		{ "Retry-After: Mon, 23 Nov 2020 10:01:20 GMT", 0 },
		{ "Retry-After: Mon, 23 Nov 2099 10:01:20 GMT", MS_DAY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_response r = { 0 };
		http_read_headers(slice_of(rows[i].lines), INT64_C(1795428020000), &r);
		if (r.retry_after_ms != rows[i].ms)
			fail_msg("%s: %lld", rows[i].lines, (long long)r.retry_after_ms);
	}
}

static void other_headers(void **state)
{
	struct http_response r = { 0 };

	(void)state;
	http_read_headers(
		slice_of("HTTP/1.1 200 OK\r\nDate: yesterday\r\nX-HubSpot-RateLimit-Max: many\r\n"),
		0, &r);
	assert_int_equal(r.date_ms, HTTP_ABSENT);
	assert_int_equal(r.rate_max, HTTP_ABSENT);
	assert_int_equal(r.rate_interval_ms, HTTP_ABSENT);
	assert_int_equal(r.rate_left, HTTP_ABSENT);
	assert_int_equal(r.day_max, HTTP_ABSENT);
	assert_int_equal(r.day_left, HTTP_ABSENT);
	http_read_headers((struct slice){ 0 }, 0, &r);
	assert_int_equal(r.date_ms, HTTP_ABSENT);
}

/* ---- secrets ------------------------------------------------------------- */

static enum rc secret_of(struct bed *b, enum secret_from from, const char *name, struct str *out)
{
	struct secret secret = { from, name };
	struct err err;

	str_init(out, LIMIT_SECRET_BYTES);
	return b->world.secret(b->world.ctx, &secret, out, &err);
}

static void assert_secret(struct bed *b, enum secret_from from, const char *name, const char *want)
{
	struct str out;
	enum rc rc = secret_of(b, from, name, &out);

	assert_int_equal(rc, want ? RC_OK : RC_REFUSED);
	assert_string_equal(str_text(&out), want ? want : "");
	str_release(&out);
}

static void secrets_of_the_environment(void **state)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{ "pat-1", "pat-1" }, { " \t pat-2\n", "pat-2" }, { "", NULL },	    { " \n", NULL },
		{ "a\nb", NULL },     { "a\tb", NULL },		  { "a b", "a b" },
	};
	struct bed *b = *state;
	struct str huge;

	unsetenv("HS2CERT_TEST_SECRET");
	assert_secret(b, SECRET_ENV, "HS2CERT_TEST_SECRET", NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		setenv("HS2CERT_TEST_SECRET", rows[i].value, 1);
		assert_secret(b, SECRET_ENV, "HS2CERT_TEST_SECRET", rows[i].want);
	}
	str_init(&huge, 2 * LIMIT_SECRET_BYTES);
	while (huge.len <= LIMIT_SECRET_BYTES)
		str_add_char(&huge, 'x');
	setenv("HS2CERT_TEST_SECRET", str_text(&huge), 1);
	assert_secret(b, SECRET_ENV, "HS2CERT_TEST_SECRET", NULL);
	unsetenv("HS2CERT_TEST_SECRET");
	str_release(&huge);
}

static void write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void secrets_of_files(void **state)
{
	static char large[LIMIT_SECRET_BYTES + 1];
	static const struct {
		const char *text;
		size_t len;
		const char *want;
	} rows[] = {
		{ "pat-3\n", 6, "pat-3" }, { "", 0, NULL },
		{ "\n\n", 2, NULL },	   { "a\0b", 3, NULL },
		{ "one\ntwo\n", 8, NULL }, { large, sizeof(large), NULL },
	};
	struct bed *b = *state;
	char folder[] = "/tmp/hs2cert-net-XXXXXX", path[64], pipe_path[64];
	struct str token;
	struct err err;

	memset(large, 'x', sizeof(large));
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/token", folder);
	snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", folder);
	assert_secret(b, SECRET_FILE, path, NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		write_file(path, rows[i].text, rows[i].len);
		assert_secret(b, SECRET_FILE, path, rows[i].want);
	}
	struct secret too_long = { SECRET_FILE, path };
	str_init(&token, LIMIT_SECRET_BYTES);
	assert_int_equal(b->world.secret(b->world.ctx, &too_long, &token, &err), RC_REFUSED);
	assert_non_null(strstr(err.text, "the secret in file"));
	assert_non_null(strstr(err.text, "is larger than 4096 bytes"));
	str_release(&token);
	assert_secret(b, SECRET_FILE, folder, NULL);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	assert_secret(b, SECRET_FILE, pipe_path, NULL);
	unlink(pipe_path);
	unlink(path);
	rmdir(folder);
}

/*
 * How often the masked text is somewhere in what this process can write to. Regions that are larger than
 * any heap of ours are the sanitizers' own.
 */
static size_t places_in_memory(const unsigned char *masked, size_t len)
{
	static unsigned char page[1 << 16];
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	size_t found = 0;
	char line[512], writable;

	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx r%c", &from, &to, &writable) != 3 || writable != 'w' ||
		    to - from > 1ul << 30)
			continue;
		for (; from < to; from += sizeof(page) - len) {
			ssize_t got = pread(mem, page, sizeof(page), (off_t)from);
			for (ssize_t i = 0; i + (ssize_t)len <= got; i++) {
				size_t k = 0;
				while (k < len && (page[i + (ssize_t)k] ^ 0x55) == masked[k])
					k++;
				found += k == len;
			}
			memset(page, 0, sizeof(page));
		}
	}
	fclose(maps);
	close(mem);
	return found;
}

/* A secret that nobody has in plain text but the file; here it is masked only. */
static void secrets_leave_nothing_behind(void **state)
{
	enum { LEN = 300 };
	struct bed *b = *state;
	unsigned char masked[LEN];
	char folder[] = "/tmp/hs2cert-net-XXXXXX", path[64], one;
	struct str token;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/token", folder);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	for (size_t i = 0; i < LEN; i++) {
		one = (char)('a' + b->world.random(b->world.ctx) % 26);
		masked[i] = (unsigned char)one ^ 0x55;
		assert_int_equal(write(fd, &one, 1), 1);
	}
	close(fd);
	str_init(&token, LIMIT_SECRET_BYTES);
	assert_int_equal(secret_of(b, SECRET_FILE, path, &token), RC_OK);
	assert_int_equal(token.len, LEN);
	assert_int_equal(places_in_memory(masked, LEN), 1);
	str_wipe(&token);
	assert_int_equal(places_in_memory(masked, LEN), 0);
	unlink(path);
	rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_answer),
		TEST(what_the_server_sees),
		TEST(a_large_body_needs_no_permission),
		TEST(bad_answers),
		TEST(a_flood_of_headers),
		TEST(an_answer_that_never_comes),
		TEST(nobody_listens),
		TEST(no_tls_on_the_other_side),
		TEST(what_is_refused_before_it_begins),
		TEST(the_environment_names_no_proxy),
		TEST(reads_share_a_connection),
		TEST(writes_have_their_own),
		TEST(a_write_is_sent_once),
		TEST(side_by_side),
		TEST(cancelled_requests_have_no_end),
		TEST(an_end_cancels_others),
		TEST(freed_with_requests_under_way),
		TEST(a_turn_may_be_empty),
		TEST(a_watch_that_cannot_be),
		TEST(clocks_and_chance),
		cmocka_unit_test(retry_after_forms),
		cmocka_unit_test(other_headers),
		TEST(secrets_of_the_environment),
		TEST(secrets_of_files),
		TEST(secrets_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

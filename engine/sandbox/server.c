/*
 * server - HTTP over libmicrohttpd, driven from outside.
 *
 * 1. One thread: everything happens inside server_work.
 * 2. A request that is never to be answered is suspended, and its connection
 *    ended HOLD_MS later: longer than any client waits.
 */
#include "engine/sandbox/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/arena.h"
#include "base/clock.h"

#define BODY_MOST (8u * 1024 * 1024)
#define HOLD_MS (2 * MS_MINUTE)
#define IDLE_SECONDS 60u
#define CONNECTIONS_MOST 512u

/* One request on its way; con_cls of microhttpd. */
struct exchange {
	struct server *server;
	struct MHD_Connection *connection;
	char *target; /* path and query as received */
	struct str body;
	bool begun;
	int64_t held_until_ms; /* 0: not held */
	struct exchange *next_held;
};

struct server {
	struct MHD_Daemon *daemon;
	server_handler *handler;
	void *ctx;
	int port, fd;
	int64_t now_ms;
	struct exchange *held;
};

const char *server_header(const struct server_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct sandbox_request server_to_sandbox(const struct server_request *request)
{
	return (struct sandbox_request){
		.method = request->method,
		.path = request->path,
		.query = request->query,
		.authorization = server_header(request, "Authorization"),
		.certifier_version = server_header(request, "Certifier-Version"),
		.body = request->body,
	};
}

/* ---- one request -------------------------------------------------------- */

static void *note_target(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *x = mem_alloc(sizeof(*x));

	x->server = ctx;
	x->connection = connection;
	x->target = mem_strdup(uri);
	str_init(&x->body, BODY_MOST);
	return x;
}

static void unhold(struct exchange *x)
{
	for (struct exchange **at = &x->server->held; *at; at = &(*at)->next_held) {
		if (*at == x) {
			*at = x->next_held;
			return;
		}
	}
}

static void forget(void *ctx, struct MHD_Connection *connection, void **con_cls,
		   enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *con_cls;

	(void)ctx;
	(void)connection;
	(void)why;
	if (!x)
		return;
	unhold(x);
	str_release(&x->body);
	mem_free(x->target);
	mem_free(x);
	*con_cls = NULL;
}

static void add_headers(struct MHD_Response *response, const struct sandbox_answer *answer)
{
	const char *type = answer->body.len && answer->body.ptr[0] == '<'
				   ? "text/html;charset=utf-8"
				   : "application/json;charset=utf-8";

	if (answer->body.len)
		MHD_add_response_header(response, "Content-Type", type);
	for (size_t i = 0; i < sizeof(answer->header) / sizeof(answer->header[0]); i++) {
		const char *line = answer->header[i];
		size_t len = strcspn(line, ":");
		char name[sizeof(answer->header[0])];
		if (!line[0] || !line[len])
			break;
		snprintf(name, sizeof(name), "%.*s", (int)len, line);
		MHD_add_response_header(response, name, line + len + 1 + (line[len + 1] == ' '));
	}
}

static enum MHD_Result deliver(struct exchange *x, const struct sandbox_answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (answer->delivery == SANDBOX_CUT)
		return MHD_NO; /* microhttpd ends the connection */
	if (answer->delivery == SANDBOX_TIMEOUT) {
		x->held_until_ms = x->server->now_ms + HOLD_MS;
		x->next_held = x->server->held;
		x->server->held = x;
		MHD_suspend_connection(x->connection);
		return MHD_YES;
	}
	response = MHD_create_response_from_buffer(answer->body.len, answer->body.ptr,
						   MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	add_headers(response, answer);
	result = MHD_queue_response(x->connection, (unsigned)answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_it(struct exchange *x, const char *method)
{
	struct sandbox_answer answer = { .status = 413 };
	size_t len = strcspn(x->target, "?");
	char *query = x->target[len] ? x->target + len + 1 : x->target + len;
	struct server_request request = { .method = method,
					  .path = x->target,
					  .query = query,
					  .body = str_slice(&x->body),
					  .connection = x->connection };

	x->target[len] = '\0';
	str_init(&answer.body, 256);
	if (x->body.overflow)
		str_add_text(&answer.body, "{\"message\":\"the body is too large\"}");
	else
		x->server->handler(x->server->ctx, &request, &answer);
	enum MHD_Result result = deliver(x, &answer);
	str_release(&answer.body);
	return result;
}

/* Called at the head of a request, for each piece of its body, at its end, and after a hold. */
static enum MHD_Result serve(void *ctx, struct MHD_Connection *connection, const char *url,
			     const char *method, const char *version, const char *piece,
			     size_t *piece_len, void **con_cls)
{
	struct exchange *x = *con_cls;

	(void)ctx;
	(void)connection;
	(void)url;
	(void)version;
	if (!x || x->held_until_ms)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		return MHD_YES;
	}
	if (*piece_len) {
		str_add(&x->body, piece, *piece_len);
		*piece_len = 0;
		return MHD_YES;
	}
	return answer_it(x, method);
}

/* ---- listening ---------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool parse_port(const char *text, in_port_t *out)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	*out = htons((in_port_t)port);
	return text[0] >= '0' && text[0] <= '9' && !*end && port <= 65535;
}

static bool parse_address(const char *text, union address *out, socklen_t *len)
{
	char host[INET6_ADDRSTRLEN + 1];
	const char *colon = strrchr(text, ':');
	bool six = text[0] == '[';
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!n || n - 2 * six >= sizeof(host) || (six && colon[-1] != ']'))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(n - 2 * six), text + six);
	memset(out, 0, sizeof(*out));
	*len = six ? sizeof(out->v6) : sizeof(out->v4);
	out->any.sa_family = six ? AF_INET6 : AF_INET;
	if (six)
		return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1 &&
		       parse_port(colon + 1, &out->v6.sin6_port);
	return inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1",
			 &out->v4.sin_addr) == 1 &&
	       parse_port(colon + 1, &out->v4.sin_port);
}

/* A listening socket, or -1 with errno. */
static int listen_on(union address *address, socklen_t len, int *port)
{
	int on = 1,
	    fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, &address->any, len) != 0 || listen(fd, SOMAXCONN) != 0 ||
	    getsockname(fd, &address->any, &len) != 0) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	*port = ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port
							 : address->v4.sin_port);
	return fd;
}

enum rc server_open(struct server **out, const char *listen, server_handler *handler, void *ctx,
		    struct err *err)
{
	union address address;
	socklen_t len;
	int port = 0;

	if (!parse_address(listen, &address, &len))
		return err_set(err, RC_INVALID, "'%s' is no ADDRESS:PORT", listen);
	int fd = listen_on(&address, len, &port);
	if (fd < 0)
		return err_set(err, RC_BROKEN, "cannot listen on %s: %s", listen, strerror(errno));
	struct server *s = mem_alloc(sizeof(*s));
	*s = (struct server){ .handler = handler, .ctx = ctx, .port = port };
	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
		NULL, serve, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
		note_target, s, MHD_OPTION_NOTIFY_COMPLETED, forget, s,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MOST, MHD_OPTION_END);
	if (!s->daemon) {
		close(fd);
		mem_free(s);
		return err_set(err, RC_BROKEN, "cannot serve HTTP on %s", listen);
	}
	s->fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	*out = s;
	return RC_OK;
}

/* Resumed connections are ended by serve. */
static void resume_held(struct server *s, int64_t up_to_ms)
{
	for (struct exchange **at = &s->held; *at;) {
		struct exchange *x = *at;
		if (x->held_until_ms > up_to_ms) {
			at = &x->next_held;
			continue;
		}
		*at = x->next_held;
		MHD_resume_connection(x->connection);
	}
}

void server_close(struct server *s)
{
	if (!s)
		return;
	resume_held(s, INT64_MAX);
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon);
	mem_free(s);
}

int server_port(const struct server *s)
{
	return s->port;
}

int server_fd(const struct server *s)
{
	return s->fd;
}

int server_wait_ms(const struct server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		return ms > 1000 ? 1000 : (int)ms;
	return s->held ? 1000 : -1;
}

void server_work(struct server *s, int64_t now_ms)
{
	s->now_ms = now_ms;
	resume_held(s, now_ms);
	MHD_run(s->daemon);
}

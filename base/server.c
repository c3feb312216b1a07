/*
 * server - HTTP over libmicrohttpd, driven from outside.
 *
 * 1. One thread: everything happens inside server_work.
 * 2. A request that is not answered at once is suspended. Its client is looked at again only when
 *    the answer is there, so a ticket is good until it is used or the server closes.
 * 3. A connection on which a request has been on its way for too long is shut down. Between two
 *    requests of a connection only its silence counts. Where few connections are left, who takes
 *    long makes room, so that there is always one left for who comes next.
 * 4. One that is never to be answered is ended HOLD_MS later: longer than any client waits.
 */
#include "base/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/arena.h"
#include "base/clock.h"

#define HOLD_MS (2 * MS_MINUTE)
/* So long a request may take where room is short, or there is none. A proxy hands on whole ones. */
#define HURRY_MS (MS_SECOND / 2)
#define HURRY_MORE_MS (MS_SECOND / 10)

/* One request on its way; con_cls of microhttpd. */
struct server_ticket {
	struct server *server;
	struct MHD_Connection *connection;
	char *target; /* path and query as received */
	struct str body;
	bool begun;
	bool ended; /* held long enough: the connection is to end */
	int64_t held_until_ms;
	struct MHD_Response *response; /* given later, not yet on its way */
	unsigned status;
	struct server_ticket *next_held; /* of those that are suspended */
};

/* A connection, from when it is accepted to its end; its socket context of microhttpd. */
struct peer {
	int fd;
	int64_t since_ms; /* when its request, or the pause before it, began; INT64_MAX: it waits for us */
	int64_t until_ms; /* the request that is on its way is here by then */
	struct peer *next;
	struct peer **at; /* what points to it */
};

struct server {
	struct MHD_Daemon *daemon;
	server_handler *handler;
	void *ctx;
	struct server_limits limits;
	char *path; /* of a Unix socket, else NULL */
	int port, fd;
	int64_t now_ms;
	bool resumed; /* there is work that the descriptor does not show */
	struct server_ticket *held;
	struct peer *peer;
	unsigned peers;
};

const char *server_header(const struct server_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->ticket->connection, MHD_HEADER_KIND, name);
}

struct values {
	const char *name, *first;
	size_t count;
};

static enum MHD_Result take_value(void *ctx, enum MHD_ValueKind kind, const char *key,
				  const char *value)
{
	struct values *v = ctx;

	(void)kind;
	if (strcasecmp(key, v->name) == 0 && v->count++ == 0)
		v->first = value ? value : "";
	return MHD_YES;
}

size_t server_headers(const struct server_request *request, const char *name, const char **value)
{
	struct values v = { .name = name };

	MHD_get_connection_values(request->ticket->connection, MHD_HEADER_KIND, take_value, &v);
	*value = v.first;
	return v.count;
}

/* ---- connections --------------------------------------------------------- */

static void peer_changed(void *ctx, struct MHD_Connection *connection, void **socket_context,
			 enum MHD_ConnectionNotificationCode what)
{
	struct server *s = ctx;
	struct peer *p = *socket_context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		p = mem_alloc(sizeof(*p));
		*p = (struct peer){
			.fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				      ->connect_fd,
			.since_ms = s->now_ms,
			.until_ms = s->now_ms + s->limits.request_seconds * MS_SECOND,
			.next = s->peer,
			.at = &s->peer,
		};
		if (p->next)
			p->next->at = &p->next;
		s->peer = *socket_context = p;
		s->peers++;
	} else if (p) {
		*p->at = p->next;
		if (p->next)
			p->next->at = p->at;
		mem_free(p);
		*socket_context = NULL;
		s->peers--;
	}
}

/* A request, or the pause before it, may last this much longer from now on. */
static void allow(const struct server *s, struct MHD_Connection *connection, int64_t more_ms)
{
	struct peer *p = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
				 ->socket_context;

	if (!p)
		return;
	p->since_ms = more_ms == INT64_MAX ? INT64_MAX : s->now_ms;
	p->until_ms = more_ms == INT64_MAX ? INT64_MAX : s->now_ms + more_ms;
}

static int64_t request_ms(const struct server *s)
{
	return s->limits.request_seconds * MS_SECOND;
}

/* A quarter is kept for those who come next: they need not wait until somebody is ended. */
static bool is_crowded(const struct server *s)
{
	return s->limits.request_seconds &&
	       s->peers >= s->limits.connections - s->limits.connections / 4;
}

static bool is_full(const struct server *s)
{
	return s->peers >= s->limits.connections;
}

static int64_t hurry_ms(const struct server *s)
{
	return is_full(s) ? HURRY_MORE_MS : HURRY_MS;
}

/* When the next one is to be ended so that there is room; INT64_MAX: none is. */
static int64_t crowd_ends_ms(const struct server *s)
{
	int64_t first = INT64_MAX;

	for (const struct peer *p = is_crowded(s) ? s->peer : NULL; p; p = p->next)
		if (p->since_ms != INT64_MAX && p->since_ms + hurry_ms(s) < first)
			first = p->since_ms + hurry_ms(s);
	return first;
}

/*
 * Where room is short, those who dawdle make some: else few could keep everybody out.
 * microhttpd sees the end of the connection, and ends it as any other.
 */
static void end_slow(struct server *s)
{
	int64_t begun_by = is_crowded(s) ? s->now_ms - hurry_ms(s) : INT64_MIN;

	for (struct peer *p = s->peer; s->limits.request_seconds && p; p = p->next)
		if (p->until_ms <= s->now_ms || p->since_ms <= begun_by) {
			shutdown(p->fd, SHUT_RDWR);
			p->since_ms = p->until_ms = INT64_MAX;
		}
}

unsigned server_connections(const struct server *s)
{
	return s->peers;
}

/* ---- one request -------------------------------------------------------- */

static void *note_target(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	struct server_ticket *t = mem_alloc(sizeof(*t));

	t->server = ctx;
	t->connection = connection;
	t->target = mem_strdup(uri);
	allow(t->server, connection, request_ms(t->server));
	str_init(&t->body, t->server->limits.body_bytes);
	return t;
}

static void hold(struct server_ticket *t, int64_t until_ms)
{
	t->held_until_ms = until_ms;
	t->next_held = t->server->held;
	t->server->held = t;
	allow(t->server, t->connection, INT64_MAX);
	MHD_suspend_connection(t->connection);
}

static void unhold(struct server_ticket *t)
{
	for (struct server_ticket **at = &t->server->held; *at; at = &(*at)->next_held) {
		if (*at == t) {
			*at = t->next_held;
			return;
		}
	}
}

static void forget(void *ctx, struct MHD_Connection *connection, void **con_cls,
		   enum MHD_RequestTerminationCode why)
{
	struct server_ticket *t = *con_cls;

	(void)why;
	if (!t)
		return;
	allow(ctx, connection,
	      ((struct server *)ctx)->limits.idle_seconds * MS_SECOND + request_ms(ctx));
	unhold(t);
	if (t->response)
		MHD_destroy_response(t->response);
	str_release(&t->body);
	mem_free(t->target);
	mem_free(t);
	*con_cls = NULL;
}

static void add_headers(struct MHD_Response *response, const struct server_answer *answer)
{
	const char *type = answer->type ? answer->type : "application/json;charset=utf-8";

	if (answer->body.len)
		MHD_add_response_header(response, "Content-Type", type);
	for (size_t i = 0; i < SERVER_HEADERS; i++) {
		const char *line = answer->header[i];
		size_t len = strcspn(line, ":");
		char name[sizeof(answer->header[0])];
		if (!line[0] || !line[len])
			break;
		snprintf(name, sizeof(name), "%.*s", (int)len, line);
		MHD_add_response_header(response, name, line + len + 1 + (line[len + 1] == ' '));
	}
}

/* NULL where there is no memory for it. */
static struct MHD_Response *respond(const struct server_answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.len, answer->body.ptr, MHD_RESPMEM_MUST_COPY);

	if (response)
		add_headers(response, answer);
	return response;
}

static enum MHD_Result queue(struct server_ticket *t, struct MHD_Response *response,
			     unsigned status)
{
	if (!response)
		return MHD_NO; /* microhttpd ends the connection */
	enum MHD_Result result = MHD_queue_response(t->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

void server_answer(struct server_ticket *t, const struct server_answer *answer)
{
	unhold(t);
	t->response = respond(answer);
	t->status = (unsigned)answer->status;
	t->ended = !t->response;
	allow(t->server, t->connection, request_ms(t->server));
	t->server->resumed = true;
	MHD_resume_connection(t->connection);
}

static enum MHD_Result deliver(struct server_ticket *t, const struct server_answer *answer)
{
	switch (answer->delivery) {
	case SERVER_CUT:
		return MHD_NO;
	case SERVER_NEVER:
		hold(t, t->server->now_ms + HOLD_MS);
		return MHD_YES;
	case SERVER_LATER:
		hold(t, INT64_MAX);
		return MHD_YES;
	case SERVER_WHOLE:
		break;
	}
	return queue(t, respond(answer), (unsigned)answer->status);
}

static enum MHD_Result answer_it(struct server_ticket *t, const char *method)
{
	struct server_answer answer = { .status = 413 };
	size_t len = strcspn(t->target, "?");
	char *query = t->target[len] ? t->target + len + 1 : t->target + len;
	struct server_request request = { .method = method,
					  .path = t->target,
					  .query = query,
					  .body = str_slice(&t->body),
					  .ticket = t };

	t->target[len] = '\0';
	str_init(&answer.body, SIZE_MAX);
	if (t->body.overflow)
		str_add_text(&answer.body, "{\"message\":\"the body is too large\"}");
	else
		t->server->handler(t->server->ctx, &request, &answer);
	enum MHD_Result result = deliver(t, &answer);
	str_release(&answer.body);
	return result;
}

/* Called at the head of a request, for each piece of its body, at its end, and after a hold. */
static enum MHD_Result serve(void *ctx, struct MHD_Connection *connection, const char *url,
			     const char *method, const char *version, const char *piece,
			     size_t *piece_len, void **con_cls)
{
	struct server_ticket *t = *con_cls;

	(void)ctx;
	(void)connection;
	(void)url;
	(void)version;
	if (!t || t->ended)
		return MHD_NO;
	if (t->response) {
		struct MHD_Response *response = t->response;
		t->response = NULL;
		return queue(t, response, t->status);
	}
	if (!t->begun) {
		t->begun = true;
		return MHD_YES;
	}
	if (*piece_len) {
		str_add(&t->body, piece, *piece_len);
		*piece_len = 0;
		return MHD_YES;
	}
	return answer_it(t, method);
}

/* ---- listening ---------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un path;
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

/* Takes the socket. */
static enum rc begin(struct server **out, int fd, struct server *s, struct err *err)
{
	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
		NULL, serve, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
		note_target, s, MHD_OPTION_NOTIFY_COMPLETED, forget, s,
		MHD_OPTION_NOTIFY_CONNECTION, peer_changed, s, MHD_OPTION_CONNECTION_TIMEOUT,
		s->limits.idle_seconds, MHD_OPTION_CONNECTION_LIMIT, s->limits.connections,
		MHD_OPTION_END);
	if (!s->daemon) {
		close(fd);
		mem_free(s->path);
		mem_free(s);
		return err_set(err, RC_BROKEN, "cannot serve HTTP");
	}
	s->fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	*out = s;
	return RC_OK;
}

static struct server *server_new(const struct server_limits *limits, server_handler *handler,
				 void *ctx)
{
	struct server *s = mem_alloc(sizeof(*s));

	*s = (struct server){ .handler = handler, .ctx = ctx, .limits = *limits };
	return s;
}

enum rc server_open(struct server **out, const char *listen, const struct server_limits *limits,
		    server_handler *handler, void *ctx, struct err *err)
{
	union address address;
	socklen_t len;
	int port = 0;

	if (!parse_address(listen, &address, &len))
		return err_set(err, RC_INVALID, "'%s' is no ADDRESS:PORT", listen);
	int fd = listen_on(&address, len, &port);
	if (fd < 0)
		return err_set(err, RC_BROKEN, "cannot listen on %s: %s", listen, strerror(errno));
	struct server *s = server_new(limits, handler, ctx);
	s->port = port;
	return begin(out, fd, s, err);
}

/* Whether somebody answers at the socket. */
static bool listened_to(const union address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool there = fd >= 0 &&
		     (connect(fd, &address->any, sizeof(address->path)) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return there;
}

/* A listening socket that only its owner may use, or -1 with errno. */
static int listen_at(const union address *address)
{
	struct stat is;
	int fd = -1;

	if (lstat(address->path.sun_path, &is) == 0) {
		errno = S_ISSOCK(is.st_mode) ? EADDRINUSE : EEXIST;
		if (!S_ISSOCK(is.st_mode) || listened_to(address))
			return -1;
		if (unlink(address->path.sun_path) != 0)
			return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* Nobody can connect before listen, so the mode is in force in time. */
	if (bind(fd, &address->any, sizeof(address->path)) != 0 ||
	    chmod(address->path.sun_path, S_IRUSR | S_IWUSR) != 0 || listen(fd, SOMAXCONN) != 0) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

enum rc server_open_path(struct server **out, const char *path, const struct server_limits *limits,
			 server_handler *handler, void *ctx, struct err *err)
{
	union address address = { .path = { .sun_family = AF_UNIX } };

	if (strlen(path) >= sizeof(address.path.sun_path))
		return err_set(err, RC_INVALID, "'%s' is too long for a socket's path: %zu at most",
			       path, sizeof(address.path.sun_path) - 1);
	snprintf(address.path.sun_path, sizeof(address.path.sun_path), "%s", path);
	int fd = listen_at(&address);
	if (fd < 0)
		return err_set(err, RC_BROKEN, "cannot listen on '%s': %s", path, strerror(errno));
	struct server *s = server_new(limits, handler, ctx);
	s->path = mem_strdup(path);
	return begin(out, fd, s, err);
}

/* Resumed connections are ended by serve. */
static void end_held(struct server *s, int64_t up_to_ms)
{
	for (struct server_ticket **at = &s->held; *at;) {
		struct server_ticket *t = *at;
		if (t->held_until_ms > up_to_ms) {
			at = &t->next_held;
			continue;
		}
		*at = t->next_held;
		t->ended = true;
		MHD_resume_connection(t->connection);
	}
}

void server_close(struct server *s)
{
	if (!s)
		return;
	end_held(s, INT64_MAX);
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon);
	if (s->path)
		unlink(s->path);
	mem_free(s->path);
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
	int64_t crowd = crowd_ends_ms(s), most = 1000;
	MHD_UNSIGNED_LONG_LONG ms;

	if (s->resumed)
		return 0;
	if (crowd < s->now_ms + most)
		most = crowd > s->now_ms ? crowd - s->now_ms : 0;
	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		return (int64_t)ms > most ? (int)most : (int)ms;
	for (const struct server_ticket *t = s->held; t; t = t->next_held)
		if (t->held_until_ms != INT64_MAX)
			return (int)most;
	return most < 1000 ? (int)most : -1;
}

void server_work(struct server *s, int64_t now_ms)
{
	s->now_ms = now_ms;
	end_held(s, now_ms);
	end_slow(s);
	s->resumed = false;
	bool full = is_full(s);
	MHD_run(s->daemon);
	/* That there is room again microhttpd sees only here; until then nobody who knocks is heard. */
	if (full)
		MHD_run(s->daemon);
}

#include "tests/wire/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

#define REQUEST_MOST (1u << 20)
#define PIECE 65536

const char *const call_names[CALLS] = {
	[CALL_CREATE] = "create",
	[CALL_ISSUE] = "issue",
	[CALL_SEND] = "send",
	[CALL_SEARCH_CREDENTIALS] = "search-credentials",
	[CALL_GET_CREDENTIAL] = "get-credential",
	[CALL_GROUPS] = "groups",
	[CALL_ATTRIBUTES] = "attributes",
	[CALL_SEARCH] = "search",
	[CALL_READ] = "read",
	[CALL_LIST_SEARCH] = "list-search",
	[CALL_LIST] = "list",
	[CALL_MEMBERSHIPS] = "memberships",
	[CALL_PROPERTIES] = "properties",
};

/* First fit. */
enum call call_of(const char *method, const char *path)
{
	static const struct {
		const char *method, *part;
		enum call call;
	} rows[] = {
		{ "POST", "/credentials/search", CALL_SEARCH_CREDENTIALS },
		{ "POST", "/issue", CALL_ISSUE },
		{ "POST", "/send", CALL_SEND },
		{ "POST", "/credentials", CALL_CREATE },
		{ "GET", "/credentials/", CALL_GET_CREDENTIAL },
		{ "GET", "/groups", CALL_GROUPS },
		{ "GET", "/attributes", CALL_ATTRIBUTES },
		{ "GET", "/memberships", CALL_MEMBERSHIPS },
		{ "GET", "/properties", CALL_PROPERTIES },
		{ "POST", "/batch/read", CALL_READ },
		{ "POST", "/contacts/search", CALL_SEARCH },
		{ "POST", "/search", CALL_LIST_SEARCH },
		{ "GET", "/lists", CALL_LIST },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(method, rows[i].method) == 0 && strstr(path, rows[i].part))
			return rows[i].call;
	fprintf(stderr, "wire: no such call: %s %s\n", method, path);
	abort();
}

/* ---- the words of an answer ------------------------------------------------- */

/* Whichever id comes first in the body is another one's. */
static void add_with_other_id(struct str *out, const struct wire_server *s, struct slice body)
{
	const char *key = body.len ? strstr(body.ptr, "\"id\":\"") : NULL;

	if (!key) {
		str_add_slice(out, body);
		return;
	}
	const char *id = key + strlen("\"id\":\"");
	size_t head = (size_t)(id - body.ptr), own = strcspn(id, "\"");
	str_add(out, body.ptr, head);
	str_add_text(out, s->other_id);
	str_add(out, id + own, body.len - head - own);
}

static void add_token(struct str *out, const struct wire_server *s, char token,
		      const struct sandbox_answer *a)
{
	struct slice body = str_slice(&a->body);
	size_t less = body.len > 10 ? body.len - 10 : 0;

	switch (token) {
	case 'S':
		str_addf(out, "%d", a->status);
		break;
	case 'B':
		str_add_slice(out, body);
		break;
	case 'N':
		str_addf(out, "%zu", body.len);
		break;
	case 'X':
		str_addf(out, "%zx", body.len);
		break;
	case 'M':
		str_addf(out, "%zu", body.len + 10);
		break;
	case 'L':
		str_addf(out, "%zu", less);
		break;
	case 'H':
		str_add(out, body.ptr, body.len / 2);
		break;
	case 'R':
		str_add(out, body.ptr + 1, body.len - 1);
		break;
	case 'O':
		add_with_other_id(out, s, body);
		break;
	case 'I':
		str_add_text(out, s->asked_id);
		break;
	case 'P':
		str_addf(out, "%d", s->elsewhere_port);
		break;
	default:
		abort();
	}
}

/* $0 is a NUL byte. */
static void expand(struct str *out, const struct wire_server *s, const char *text,
		   const struct sandbox_answer *a)
{
	for (const char *c = text ? text : ""; *c; c++) {
		if (*c != '$')
			str_add_char(out, *c);
		else if (*++c == '0')
			str_add_char(out, '\0');
		else
			add_token(out, s, *c, a);
	}
}

/* ---- connections -------------------------------------------------------------- */

static void close_connection(struct connection *c, enum ending ending)
{
	struct linger now = { 1, 0 };

	if (ending == RST)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->fd);
	c->fd = -1;
	str_release(&c->in);
	str_release(&c->out);
	str_release(&c->answer.body);
}

static void want(struct wire_server *s, struct connection *c)
{
	bool more = c->done < c->out.len || c->flood || !c->tail_done;
	struct epoll_event event = { .events = EPOLLIN | (more ? (uint32_t)EPOLLOUT : 0u),
				     .data.u32 = (uint32_t)(c - s->connection) };

	(void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* One piece of what is still to be said; 0 where all is, -1 where the client takes no more. */
static ssize_t put_piece(struct connection *c)
{
	size_t most = c->fault && c->fault->byte_by_byte ? 1 : PIECE, len = c->out.len - c->done;
	ssize_t put;

	if (!len)
		return 0;
	put = send(c->fd, c->out.ptr + c->done, len < most ? len : most, MSG_NOSIGNAL);
	c->done += put > 0 ? (size_t)put : 0;
	return put;
}

/* Refills `out` with a piece of the flood, or with the tail. False: there is nothing more. */
static bool refill(struct wire_server *s, struct connection *c)
{
	str_clear(&c->out);
	c->done = 0;
	if (c->flood) {
		size_t unit = strlen(c->fault->unit), n = PIECE / unit + 1;
		if (n * unit > c->flood)
			n = (c->flood + unit - 1) / unit;
		for (size_t i = 0; i < n; i++)
			str_add(&c->out, c->fault->unit, unit);
		c->flood -= n * unit < c->flood ? n * unit : c->flood;
		return true;
	}
	if (c->tail_done)
		return false;
	c->tail_done = true;
	expand(&c->out, s, c->fault->tail, &c->answer);
	return c->out.len > 0;
}

static void speak(struct wire_server *s, struct connection *c)
{
	ssize_t put;

	do {
		put = put_piece(c);
	} while (put > 0 ? !c->fault || !c->fault->byte_by_byte : put == 0 && refill(s, c));
	if (put < 0 && errno != EAGAIN)
		close_connection(c, FIN); /* the client had enough */
	else if (put == 0 && (c->ending == FIN || c->ending == RST))
		close_connection(c, c->ending);
	else
		want(s, c);
}

/* ---- requests ------------------------------------------------------------------ */

struct words {
	char method[8], target[2048], authorization[256], version[64];
	struct slice body;
};

static void copy_header(const char *head, const char *name, char *out, size_t size)
{
	const char *at = strcasestr(head, name);

	out[0] = '\0';
	if (at)
		snprintf(out, size, "%.*s", (int)strcspn(at + strlen(name), "\r\n"),
			 at + strlen(name));
}

/* Bytes of the whole request at the start of `in`, or 0; its head alone where that will do. */
static size_t read_request(const struct connection *c, bool head_will_do, struct words *w)
{
	const char *text = str_text(&c->in), *end = strstr(text, "\r\n\r\n");
	char length[24];

	if (!end)
		return 0;
	size_t head = (size_t)(end - text) + 4;
	copy_header(text, "\r\nContent-Length: ", length, sizeof(length));
	size_t body = strtoul(length, NULL, 10);
	if (c->in.len < head + body && !head_will_do)
		return 0;
	if (sscanf(text, "%7s %2047s", w->method, w->target) != 2)
		abort();
	copy_header(text, "\r\nAuthorization: ", w->authorization, sizeof(w->authorization));
	copy_header(text, "\r\nCertifier-Version: ", w->version, sizeof(w->version));
	w->body = (struct slice){ text + head, c->in.len - head < body ? c->in.len - head : body };
	return head + body;
}

static void carry_out(struct wire_server *s, struct connection *c, struct words *w)
{
	char *question = strchr(w->target, '?');
	struct sandbox_request r = { .method = w->method,
				     .path = w->target,
				     .query = question ? question + 1 : "",
				     .authorization = w->authorization,
				     .certifier_version = w->version[0] ? w->version : NULL,
				     .body = w->body };

	if (question)
		*question = '\0';
	str_release(&c->answer.body);
	sandbox_call(s->sandbox, *s->now_ms, &r, &c->answer);
	if (!s->other_id[0] && sandbox_credential_count(s->sandbox))
		snprintf(s->other_id, sizeof(s->other_id), "%s",
			 sandbox_credential_at(s->sandbox, 0).id);
}

static void answer_well(struct connection *c)
{
	str_addf(&c->out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n", c->answer.status,
		 c->answer.body.len);
	for (size_t i = 0; i < 8 && c->answer.header[i][0]; i++)
		str_addf(&c->out, "%s\r\n", c->answer.header[i]);
	str_add_text(&c->out, "\r\n");
	str_add_slice(&c->out, str_slice(&c->answer.body));
}

static void answer_badly(struct wire_server *s, struct connection *c)
{
	c->fault = s->fault;
	c->flood = s->fault->flood;
	c->tail_done = s->fault->tail == NULL;
	c->ending = s->fault->ending;
	s->misbehaved++;
	expand(&c->out, s, s->fault->text, &c->answer);
}

static void answer(struct wire_server *s, struct connection *c, struct words *w)
{
	str_release(&c->answer.body);
	c->answer = (struct sandbox_answer){ .status = 200 };
	str_clear(&c->out);
	c->done = 0;
	c->tail_done = true;
	const char *id = strstr(w->target, "/credentials/");
	snprintf(s->asked_id, sizeof(s->asked_id), "%.*s", id ? (int)strcspn(id + 13, "/") : 0,
		 id ? id + 13 : "");
	if (!c->faulty || s->carry_out)
		carry_out(s, c, w);
	else
		str_init(&c->answer.body, 64);
	if (!c->answer.body.len)
		str_add_text(&c->answer.body, "{}");
	if (c->faulty)
		answer_badly(s, c);
	else if (c->answer.delivery != SANDBOX_WHOLE)
		c->ending = FIN;
	else
		answer_well(c);
	speak(s, c);
}

static void listen_up(struct wire_server *s, struct connection *c)
{
	char piece[4096];
	struct words w;
	ssize_t got;

	while ((got = recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0)
		str_add(&c->in, piece, (size_t)got);
	int why = errno;
	size_t size = read_request(c, c->faulty && s->fault->moment == AT_HEADERS, &w);
	if (size) {
		answer(s, c, &w);
		if (c->fd >= 0)
			str_clear(&c->in);
	} else if (got == 0 || why != EAGAIN) {
		close_connection(c, FIN);
	}
}

/* ---- listening -------------------------------------------------------------------- */

static void greet(struct wire_server *s, int listener)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		size_t i = 0;
		while (i < CONNECTIONS && s->connection[i].fd >= 0)
			i++;
		if (i == CONNECTIONS)
			abort();
		struct connection *c = &s->connection[i];
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
		*c = (struct connection){ .fd = fd,
					  .faulty = listener == s->bad,
					  .tail_done = true };
		str_init(&c->in, REQUEST_MOST);
		str_init(&c->out, REQUEST_MOST);
		(void)epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event);
		s->strayed += listener == s->elsewhere;
		if (c->faulty && s->fault->moment == AT_ACCEPT) {
			s->misbehaved++;
			close_connection(c, s->fault->ending);
		}
	}
}

void wire_server_ready(void *arg)
{
	struct wire_server *s = arg;
	struct epoll_event event;

	/* One event a turn: what drips for ever must not keep us here. */
	if (epoll_wait(s->epoll, &event, 1, 0) != 1)
		return;
	if (event.data.u32 >= CONNECTIONS) {
		greet(s, (int)event.data.u32 - CONNECTIONS);
		return;
	}
	struct connection *c = &s->connection[event.data.u32];
	if (event.events & EPOLLOUT)
		speak(s, c);
	else
		listen_up(s, c);
}

static int bind_one(struct wire_server *s, bool listens, int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)(CONNECTIONS + fd) };

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    (listens && listen(fd, CONNECTIONS) != 0) ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0 ||
	    (listens && epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) != 0))
		abort();
	*port = ntohs(at.sin_port);
	return fd;
}

void wire_server_start(struct wire_server *s)
{
	*s = (struct wire_server){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	for (size_t i = 0; i < CONNECTIONS; i++)
		s->connection[i].fd = -1;
	s->good = bind_one(s, true, &s->good_port);
	s->bad = bind_one(s, true, &s->bad_port);
	s->elsewhere = bind_one(s, true, &s->elsewhere_port);
	s->closed = bind_one(s, false, &s->closed_port);
}

void wire_server_stop(struct wire_server *s)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (s->connection[i].fd >= 0)
			close_connection(&s->connection[i], FIN);
	close(s->good);
	close(s->bad);
	close(s->elsewhere);
	close(s->closed);
	close(s->epoll);
}

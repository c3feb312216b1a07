/*
 * server - the one door to libmicrohttpd: HTTP requests in, answers out, in the
 * caller's own thread.
 *
 * Knows nothing of what is served. The caller waits for server_fd to become
 * readable (at most server_wait_ms) and calls server_work. Bodies, connections
 * and silence have a ceiling. An answer may come later, be cut, or never be given.
 *
 * Life without it: another HTTP library behind these few words.
 */
#ifndef BASE_SERVER_H
#define BASE_SERVER_H

#include "base/err.h"
#include "base/str.h"

struct server;
struct server_ticket; /* a request that is to be answered later */

/* All of it is lent until the handler returns, but for the ticket. */
struct server_request {
	const char *method;
	const char *path, *query; /* percent-encoded as received; query without '?' */
	struct slice body;
	struct server_ticket *ticket;
};

#define SERVER_HEADERS 8

struct server_answer {
	int status;
	const char *
		type; /* Content-Type of a body; NULL: JSON in UTF-8. Lent until the answer is given */
	struct str body;
	char header[SERVER_HEADERS][256]; /* further `Name: value`; the first empty one ends */
	enum {
		SERVER_WHOLE,
		SERVER_LATER, /* the handler kept the ticket; nothing else here counts */
		SERVER_CUT,   /* the connection ends without an answer */
		SERVER_NEVER, /* the client waits in vain, longer than any client waits */
	} delivery;
};

/* The value of a header, case of its name not counted, or NULL. */
const char *server_header(const struct server_request *request, const char *name);
/* How many headers have this name; *value is the first one's. */
size_t server_headers(const struct server_request *request, const char *name, const char **value);

/* Fills the answer, whose body is empty and has no ceiling of its own; the server releases it. */
typedef void server_handler(void *ctx, const struct server_request *request,
			    struct server_answer *answer);

struct server_limits {
	size_t body_bytes; /* of one request; more is answered with 413 */
	unsigned
		connections; /* at a time; when three quarters are taken, those that take long make room */
	unsigned idle_seconds; /* a connection on which nothing moves ends */
	unsigned
		request_seconds; /* so long may a request take to arrive, however it drips; 0: any */
};

/*
 * Listens on `ADDRESS:PORT` (an IPv4 address, `[IPv6]`, or `localhost`; port 0
 * picks a free one). RC_INVALID where that is no address, RC_BROKEN with the
 * system's reason where it cannot be had. Freed with server_close.
 */
enum rc server_open(struct server **out, const char *listen, const struct server_limits *limits,
		    server_handler *handler, void *ctx, struct err *err) MUST_CHECK;
/*
 * The same on a Unix socket, which only its owner may use. What a server that is gone left there
 * is replaced; RC_BROKEN where one still listens, or something else is there.
 */
enum rc server_open_path(struct server **out, const char *path, const struct server_limits *limits,
			 server_handler *handler, void *ctx, struct err *err) MUST_CHECK;
/* Ends all connections, also those that wait for an answer: their tickets are gone. NULL does nothing. */
void server_close(struct server *s);
int server_port(const struct server *s); /* 0 on a Unix socket */
int server_fd(const struct server *s);
int server_wait_ms(const struct server *s); /* -1: as long as one likes */
/* now_ms: any clock that runs with real time; ends connections that were held long enough. */
void server_work(struct server *s, int64_t now_ms);
unsigned server_connections(const struct server *s); /* open now */

/*
 * Gives the answer that was left for later: once for each ticket, after its handler has returned,
 * whether or not the client is still there. The body stays the caller's. It leaves with the next server_work.
 */
void server_answer(struct server_ticket *ticket, const struct server_answer *answer);

#endif

/*
 * server - the one door to libmicrohttpd: HTTP requests in, answers out, in the
 * caller's own thread.
 *
 * Knows nothing of what is served but how the sandbox wants it asked. The caller waits for server_fd to become
 * readable (at most server_wait_ms) and calls server_work. Bodies have a
 * ceiling. An answer may fail on purpose: cut, or never given.
 *
 * Life without it: another HTTP library behind these few words.
 */
#ifndef ENGINE_SANDBOX_SERVER_H
#define ENGINE_SANDBOX_SERVER_H

#include "engine/sandbox/sandbox.h"

struct server;

/* All of it is lent until the handler returns. */
struct server_request {
	const char *method;
	const char *path, *query; /* percent-encoded as received; query without '?' */
	struct slice body;
	void *connection;
};

/* The value of a header, case of its name not counted, or NULL. */
const char *server_header(const struct server_request *request, const char *name);

/* The same as the sandbox takes it. */
struct sandbox_request server_to_sandbox(const struct server_request *request);

/* Fills the answer; the server releases its body. */
typedef void server_handler(void *ctx, const struct server_request *request,
			    struct sandbox_answer *answer);

/*
 * Listens on `ADDRESS:PORT` (an IPv4 address, `[IPv6]`, or `localhost`; port 0
 * picks a free one). RC_INVALID where that is no address, RC_BROKEN with the
 * system's reason where it cannot be had. Freed with server_close.
 */
enum rc server_open(struct server **out, const char *listen, server_handler *handler, void *ctx,
		    struct err *err) MUST_CHECK;
void server_close(struct server *s);
int server_port(const struct server *s);
int server_fd(const struct server *s);
int server_wait_ms(const struct server *s); /* -1: as long as one likes */
/* now_ms: any clock that runs with real time; ends connections that were held long enough. */
void server_work(struct server *s, int64_t now_ms);

#endif

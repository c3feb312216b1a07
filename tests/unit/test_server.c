/* The HTTP server, over real sockets in one thread. */
#include "tests/unit/sandbox_help.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/server.h"

static const struct server_limits limits = {
	.body_bytes = 1024 * 1024, .connections = 16, .idle_seconds = 60, .request_seconds = 10
};
static struct server *server;
static struct server_ticket *kept;
static int64_t now_ms;
static int served;
static char answer_text[65536];

/* Says what it was asked; paths that begin with /cut and /hold fail so, /later keeps its ticket. */
static void echo(void *ctx, const struct server_request *r, struct server_answer *answer)
{
	const char *token = server_header(r, "authorization");

	(void)ctx;
	served++;
	answer->status = 207;
	snprintf(answer->header[0], sizeof(answer->header[0]),
		 "Date: Mon, 23 Nov 2026 10:00:00 GMT");
	snprintf(answer->header[1], sizeof(answer->header[1]), "Retry-After: 1");
	str_addf(&answer->body, "%s %s ? %s %s [%zu]", r->method, r->path, r->query,
		 token ? token : "-", r->body.len);
	if (strcmp(r->path, "/count") == 0) {
		const char *value = NULL;
		size_t n = server_headers(r, "X-Two", &value);
		str_clear(&answer->body);
		str_addf(&answer->body, "%zu %s[", n, value ? value : "-");
	}
	if (strncmp(r->path, "/cut", 4) == 0)
		answer->delivery = SERVER_CUT;
	if (strncmp(r->path, "/hold", 5) == 0)
		answer->delivery = SERVER_NEVER;
	if (strncmp(r->path, "/later", 6) == 0) {
		kept = r->ticket;
		answer->delivery = SERVER_LATER;
	}
}

static int open_server(void **state)
{
	struct err err;

	(void)state;
	now_ms = T0;
	served = 0;
	return server_open(&server, "127.0.0.1:0", &limits, echo, NULL, &err) == RC_OK ? 0 : -1;
}

static int close_server(void **state)
{
	(void)state;
	server_close(server);
	return 0;
}

static int connect_client(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((in_port_t)server_port(server)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Sends all of it while the server works. */
static void send_all(int fd, const char *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t put = send(fd, bytes + done, len - done, MSG_NOSIGNAL);
		done += put > 0 ? (size_t)put : 0;
		server_work(server, now_ms);
	}
}

/* Waits as a caller of the server does, and for the client (or -1); then lets the server work. */
static void turn(int fd)
{
	struct pollfd on[2] = { { .fd = server_fd(server), .events = POLLIN },
				{ .fd = fd, .events = POLLIN } };
	int wait_ms = server_wait_ms(server);
	int ready = poll(on, 2, wait_ms < 0 ? 10000 : wait_ms);

	assert_true(ready > 0 || wait_ms >= 0);
	server_work(server, now_ms);
}

/* Reads until the server ends the connection: requests say `Connection: close`. */
static const char *read_to_end(int fd)
{
	size_t len = 0;

	for (int turns = 0;; turns++) {
		assert_true(turns < 10000);
		turn(fd);
		ssize_t got = recv(fd, answer_text + len, sizeof(answer_text) - 1 - len, 0);
		if (got == 0)
			break;
		len += got > 0 ? (size_t)got : 0;
	}
	answer_text[len] = '\0';
	return answer_text;
}

static const char *ask(const char *request)
{
	int fd = connect_client();

	send_all(fd, request, strlen(request));
	const char *text = read_to_end(fd);
	close(fd);
	return text;
}

#define END "Host: x\r\nConnection: close\r\n"

static void test_request_and_answer(void **state)
{
	const char *text;

	(void)state;
	text = ask("PATCH /a%20b/c?x=%41&y HTTP/1.1\r\nAuthorization: Bearer t\r\n" END
		   "Content-Length: 5\r\n\r\nhello");
	assert_non_null(strstr(text, "HTTP/1.1 207"));
	assert_non_null(strstr(text, "\r\nRetry-After: 1\r\n"));
	assert_non_null(strstr(text, "\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n"));
	assert_null(strstr(strstr(text, "Date:") + 1, "Date:"));
	assert_non_null(strstr(text, "PATCH /a%20b/c ? x=%41&y Bearer t [5]"));
	assert_non_null(strstr(ask("GET / HTTP/1.1\r\n" END "\r\n"), "GET / ?  - [0]"));
}

static void test_cut(void **state)
{
	(void)state;
	assert_string_equal(ask("GET /cut HTTP/1.1\r\n" END "\r\n"), "");
	assert_int_equal(served, 1);
}

static void test_hold(void **state)
{
	const char *request = "GET /hold HTTP/1.1\r\n" END "\r\n";
	int fd = connect_client();
	char byte;

	(void)state;
	send_all(fd, request, strlen(request));
	while (!served)
		turn(-1);
	assert_true(server_wait_ms(server) >= 0);
	assert_non_null(
		strstr(ask("GET / HTTP/1.1\r\n" END "\r\n"), "207")); /* others are served */
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	now_ms += MS_HOUR;
	assert_string_equal(read_to_end(fd), "");
	assert_int_equal(served, 2);
	close(fd);
}

/* The answer that was left for later is given, and others are served meanwhile. */
static void test_later(void **state)
{
	const char *request = "GET /later HTTP/1.1\r\n" END "\r\n";
	struct server_answer answer = { .status = 202, .type = "text/plain" };
	int fd = connect_client();

	(void)state;
	send_all(fd, request, strlen(request));
	while (!served)
		turn(-1);
	assert_int_equal(server_wait_ms(server), -1);
	assert_non_null(strstr(ask("GET / HTTP/1.1\r\n" END "\r\n"), "207"));
	str_init(&answer.body, 100);
	str_add_text(&answer.body, "at last");
	server_answer(kept, &answer);
	str_release(&answer.body);
	const char *text = read_to_end(fd);
	assert_non_null(strstr(text, "HTTP/1.1 202"));
	assert_non_null(strstr(text, "Content-Type: text/plain"));
	assert_non_null(strstr(text, "at last"));
	close(fd);
}

/* Whoever waited has gone: the ticket takes its answer all the same. */
static void test_later_to_nobody(void **state)
{
	const char *request = "GET /later HTTP/1.1\r\n" END "\r\n";
	struct server_answer answer = { .status = 202 };
	int fd = connect_client();

	(void)state;
	send_all(fd, request, strlen(request));
	while (!served)
		turn(-1);
	close(fd);
	server_answer(kept, &answer);
	assert_non_null(strstr(ask("GET / HTTP/1.1\r\n" END "\r\n"), "207"));
}

/* A Unix socket: for its owner only; one that nobody listens to any more is replaced, a file is not. */
static void test_path(void **state)
{
	char path[64], much[200];
	struct server *one, *two;
	struct stat is;
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/hs2cert-server-%d", (int)getpid());
	unlink(path);
	assert_int_equal(server_open_path(&one, path, &limits, echo, NULL, &err), RC_OK);
	assert_int_equal(lstat(path, &is), 0);
	assert_int_equal(is.st_mode & 0777, 0600);
	assert_int_equal(server_port(one), 0);
	assert_int_equal(server_open_path(&two, path, &limits, echo, NULL, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, "in use"));
	server_close(one);
	assert_int_equal(lstat(path, &is), -1);

	struct sockaddr_un left = { .sun_family = AF_UNIX };
	snprintf(left.sun_path, sizeof(left.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&left, sizeof(left)), 0);
	close(fd);
	assert_int_equal(server_open_path(&one, path, &limits, echo, NULL, &err), RC_OK);
	server_close(one);

	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(server_open_path(&one, path, &limits, echo, NULL, &err), RC_BROKEN);
	assert_int_equal(lstat(path, &is), 0);
	unlink(path);

	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	assert_int_equal(server_open_path(&one, much, &limits, echo, NULL, &err), RC_INVALID);
}

/* One that is still held when the server ends must not keep it. */
static void test_close_while_held(void **state)
{
	struct err err;
	const char *request = "GET /hold HTTP/1.1\r\n" END "\r\n";
	int fd = connect_client();

	(void)state;
	send_all(fd, request, strlen(request));
	while (!served)
		turn(-1);
	server_close(server);
	close(fd);
	assert_int_equal(server_open(&server, "127.0.0.1:0", &limits, echo, NULL, &err), RC_OK);
}

static void test_body_ceiling(void **state)
{
	static char much[64 * 1024];
	const char *head = "POST / HTTP/1.1\r\n" END "Content-Length: 2097152\r\n\r\n";
	int fd = connect_client();

	(void)state;
	send_all(fd, head, strlen(head));
	for (int i = 0; i < 32; i++)
		send_all(fd, much, sizeof(much));
	assert_non_null(strstr(read_to_end(fd), "HTTP/1.1 413"));
	assert_int_equal(served, 0);
	close(fd);
}

/* However steadily it drips, a request has an end; a connection that waits for the next one is not hurried. */
static void test_slow_drip(void **state)
{
	static const char *const heads[] = { "", "GET / HTTP/1.1\r\nHo",
					     "POST / HTTP/1.1\r\n" END
					     "Content-Length: 9\r\n\r\n" };
	char byte;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		int slow = connect_client(), quick = connect_client();
		const char *whole = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
		send_all(quick, whole, strlen(whole));
		while (recv(quick, answer_text, sizeof(answer_text), 0) <= 0)
			turn(quick);
		send_all(slow, heads[i], strlen(heads[i]));
		for (int turns = 0; server_connections(server) < 2; turns++) {
			assert_true(turns < 1000);
			turn(slow);
		}
		now_ms += 9 * MS_SECOND;
		server_work(server, now_ms);
		assert_int_equal(recv(slow, &byte, 1, 0), -1);
		now_ms += 2 * MS_SECOND;
		assert_string_equal(read_to_end(slow), "");
		assert_int_equal(recv(quick, &byte, 1, 0), -1);
		assert_int_equal(server_connections(server), 1);
		close(slow);
		close(quick);
		while (server_connections(server))
			turn(-1);
	}
}

/* Where every connection is taken by somebody who drips, another one gets in all the same. */
static void test_room(void **state)
{
	int slow[16];

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		slow[i] = connect_client();
		send_all(slow[i], "GET / HT", 8);
	}
	for (int turns = 0; server_connections(server) < 16; turns++) {
		assert_true(turns < 1000);
		turn(-1);
	}
	now_ms += MS_SECOND / 20;
	server_work(server, now_ms);
	assert_int_equal(server_connections(server), 16);
	assert_in_range(server_wait_ms(server), 1, MS_SECOND / 20); /* nothing else would wake it */
	now_ms += server_wait_ms(server);
	assert_non_null(strstr(ask("GET / HTTP/1.1\r\n" END "\r\n"), "207"));
	for (size_t i = 0; i < 16; i++)
		close(slow[i]);
}

/* Room is kept: where three quarters are taken, another one is heard at once, and those who dawdle soon end. */
static void test_reserve(void **state)
{
	int slow[12];

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		slow[i] = connect_client();
		send_all(slow[i], "GET / HT", 8);
	}
	for (int turns = 0; server_connections(server) < 12; turns++) {
		assert_true(turns < 1000);
		turn(-1);
	}
	assert_non_null(strstr(ask("GET / HTTP/1.1\r\n" END "\r\n"), "207"));
	assert_int_equal(server_connections(server), 12);
	assert_in_range(server_wait_ms(server), 1, MS_SECOND / 2);
	now_ms += server_wait_ms(server);
	while (server_connections(server))
		turn(-1);
	for (size_t i = 0; i < 12; i++)
		close(slow[i]);
}

/* All leave at once: who comes then is heard, though nothing else happens. */
static void test_room_again(void **state)
{
	int all[16];

	(void)state;
	for (size_t i = 0; i < 16; i++)
		all[i] = connect_client();
	for (int turns = 0; server_connections(server) < 16; turns++) {
		assert_true(turns < 1000);
		turn(-1);
	}
	for (size_t i = 0; i < 16; i++)
		close(all[i]);
	while (server_connections(server))
		turn(-1);
	/* Only what the server itself waits for wakes it. */
	const char *request = "GET / HTTP/1.1\r\n" END "\r\n";
	int fd = connect_client();
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	assert_non_null(strstr(read_to_end(fd), "207"));
	close(fd);
}

static void test_headers_are_counted(void **state)
{
	(void)state;
	assert_non_null(
		strstr(ask("GET /count HTTP/1.1\r\n" END "X-Two: a\r\nx-two: b\r\n\r\n"), "2 a"));
	assert_non_null(strstr(ask("GET /count HTTP/1.1\r\n" END "X-Two:\r\n\r\n"), "1 ["));
	assert_non_null(strstr(ask("GET /count HTTP/1.1\r\n" END "\r\n"), "0 -"));
}

static void test_header_flood(void **state)
{
	static char much[200 * 1024];
	int fd = connect_client();

	(void)state;
	memset(much, 'x', sizeof(much));
	memcpy(much, "GET / HTTP/1.1\r\nX-Much: ", 24);
	for (size_t done = 0; done < sizeof(much);) {
		ssize_t put = send(fd, much + done, sizeof(much) - done, MSG_NOSIGNAL);
		if (put <= 0 && errno != EAGAIN)
			break; /* refused already */
		done += put > 0 ? (size_t)put : 0;
		server_work(server, now_ms);
	}
	ssize_t got = recv(fd, answer_text, sizeof(answer_text) - 1, 0);
	assert_true(got < 0 || strncmp(answer_text, "HTTP/1.1 4", 10) == 0);
	assert_int_equal(served, 0);
	close(fd);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {
		"",	      "8787",	     ":8787",		"127.0.0.1",
		"127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "example.org:80",
		"[::1:80",    "[]:80"
	};
	char taken[32];
	struct server *other;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (server_open(&other, bad[i], &limits, echo, NULL, &err) != RC_INVALID)
			fail_msg("'%s' was taken", bad[i]);
	snprintf(taken, sizeof(taken), "localhost:%d", server_port(server));
	assert_int_equal(server_open(&other, taken, &limits, echo, NULL, &err), RC_BROKEN);
	assert_non_null(strstr(err.text, "in use"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_server, close_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_request_and_answer),
		CASE(test_cut),
		CASE(test_hold),
		CASE(test_close_while_held),
		CASE(test_body_ceiling),
		CASE(test_slow_drip),
		CASE(test_room),
		CASE(test_reserve),
		CASE(test_room_again),
		CASE(test_headers_are_counted),
		CASE(test_header_flood),
		CASE(test_addresses),
		CASE(test_later),
		CASE(test_later_to_nobody),
		CASE(test_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Invariants
 *  1. A request is HTTP_NOT_SENT only if libcurl wrote no byte of it.
 *  2. A `fresh` request is sent at most once: it never uses a connection that
 *     was used before, the only case in which libcurl 7.88.1 sends again by
 *     itself (facts/reliability.md, finding 1).
 *  3. No answer takes more memory than its ceiling, whatever its headers say.
 *  4. epoll knows file descriptors, never pointers: an event that comes late,
 *     for a descriptor that was closed in the same turn, finds nothing.
 */
#include "engine/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"

#define CONNECT_TIMEOUT_MS 10000L
#define KEPT_CONNECTIONS 8L
#define KEPT_IDLE_S 60L /* idle longer than this, a connection is not used again */
#define EVENTS_A_TURN 32
#define OLDEST_CURL 0x075500 /* 7.85.0: CURLOPT_PROTOCOLS_STR */

/* One request under way. */
struct transfer {
	struct net *net;
	CURL *easy;
	struct curl_slist *header;
	struct str answer_header; /* of the last answer: a 1xx gives way to what follows */
	bool header_whole;
	struct str answer_body;
	const char *refused; /* not begun, for this reason: said in the next turn */
	char problem[CURL_ERROR_SIZE];
	http_done *done;
	void *arg;
	struct transfer *next;
};

struct watched {
	int fd;
	void (*ready)(void *arg);
	void *arg;
	struct watched *next;
};

struct net {
	CURLM *multi;
	int epoll;
	struct transfer *transfer; /* newest first */
	size_t in_flight;
	char *ca_file; /* NULL: whom the system trusts */
	struct watched *watched;
	bool broken;
	struct err why;
};

/* ---- time, chance, secrets ---------------------------------------------- */

static int64_t clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * MS_SECOND + t.tv_nsec / 1000000;
}

static int64_t wall_ms(void *ctx)
{
	(void)ctx;
	return clock_ms(CLOCK_REALTIME);
}

/* BOOTTIME: waiting goes on while the machine sleeps. */
static int64_t mono_ms(void *ctx)
{
	(void)ctx;
	return clock_ms(CLOCK_BOOTTIME);
}

static uint64_t random_bits(void *ctx)
{
	uint64_t bits;

	(void)ctx;
	while (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
		if (errno != EINTR)
			abort(); /* no kernel that this runs on does that */
	return bits;
}

static bool has_control(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return true;
	return false;
}

/* Of a file that is too large, too: who calls says so in the secret's own words. */
static enum rc read_raw_secret(const struct secret *secret, struct str *raw, struct err *err)
{
	if (secret->from == SECRET_FILE)
		return file_read(secret->name, raw, err) == RC_OK || raw->overflow ? RC_OK
										   : RC_REFUSED;
	const char *value = getenv(secret->name);
	if (!value)
		return err_set(err, RC_REFUSED, "environment variable '%s' is not set",
			       secret->name);
	str_add_text(raw, value);
	return RC_OK;
}

static enum rc read_secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	const char *kind = secret->from == SECRET_FILE ? "file" : "environment variable";
	struct str raw;

	(void)ctx;
	str_init(&raw, LIMIT_SECRET_BYTES);
	enum rc rc = read_raw_secret(secret, &raw, err);
	struct slice value = slice_trim(str_slice(&raw));
	str_clear(out);
	if (rc == RC_OK && raw.overflow)
		rc = err_set(err, RC_REFUSED, "the secret in %s '%s' is larger than %u bytes", kind,
			     secret->name, LIMIT_SECRET_BYTES);
	else if (rc == RC_OK && value.len == 0)
		rc = err_set(err, RC_REFUSED, "the secret in %s '%s' is empty", kind, secret->name);
	else if (rc == RC_OK && has_control(value))
		rc = err_set(err, RC_REFUSED, "the secret in %s '%s' is more than one line", kind,
			     secret->name);
	else if (rc == RC_OK)
		str_add_slice(out, value);
	str_wipe(&raw);
	return rc;
}

/* ---- one request --------------------------------------------------------- */

static size_t take_header(char *bytes, size_t one, size_t len, void *arg)
{
	struct transfer *t = arg;
	struct slice line = { bytes, len * one };

	if (t->answer_body.len == 0 && slice_starts(line, slice_of("HTTP/"))) {
		str_clear(&t->answer_header);
		t->header_whole = false;
	}
	str_add_slice(&t->answer_header, line);
	t->header_whole = t->header_whole || slice_trim(line).len == 0;
	return t->answer_header.overflow ? 0 : line.len;
}

static size_t take_body(char *bytes, size_t one, size_t len, void *arg)
{
	struct transfer *t = arg;

	str_add(&t->answer_body, bytes, len * one);
	return t->answer_body.overflow ? 0 : len * one;
}

/* Each row closes a door that libcurl leaves open or might: facts/reliability.md 3.4. */
static const struct {
	CURLoption option;
	long value;
} numbers[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_HTTP09_ALLOWED, 0 },
	{ CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS },
	{ CURLOPT_MAXAGE_CONN, KEPT_IDLE_S },
};

static const struct {
	CURLoption option;
	const char *value;
} texts[] = {
	{ CURLOPT_PROTOCOLS_STR, "http,https" },
	{ CURLOPT_PROXY, "" }, /* else the environment is obeyed */
	{ CURLOPT_USERAGENT, "hs2cert/" HS2CERT_VERSION },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static CURLcode set_rows(CURL *easy)
{
	CURLcode code = CURLE_OK;

	for (size_t i = 0; code == CURLE_OK && i < COUNT(numbers); i++)
		code = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
	for (size_t i = 0; code == CURLE_OK && i < COUNT(texts); i++)
		code = curl_easy_setopt(easy, texts[i].option, texts[i].value);
	return code;
}

static void set_answer(struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->problem);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
}

static void add_header(struct transfer *t, const char *line)
{
	if (has_control(slice_of(line))) {
		t->refused = "a header holds a line break or another control character";
		return;
	}
	t->header = curl_slist_append(t->header, line);
	if (!t->header)
		mem_exhausted();
}

static void set_headers(struct transfer *t, const struct http_request *request)
{
	struct str bearer;

	str_init(&bearer, LIMIT_HEADER_BYTES);
	if (request->bearer) {
		str_addf(&bearer, "Authorization: Bearer %s", request->bearer);
		add_header(t, str_text(&bearer));
		str_wipe(&bearer);
	}
	for (size_t i = 0; i < COUNT(request->header); i++)
		if (request->header[i])
			add_header(t, request->header[i]);
	/* Never "Expect: 100-continue": an answer of 417 would make libcurl send again. */
	add_header(t, "Expect:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->header);
}

static CURLcode set_request(struct transfer *t, const struct http_request *request)
{
	CURL *easy = t->easy;
	const char *body = request->body.ptr ? request->body.ptr : "";
	CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, request->url);
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->socket);
	if (code == CURLE_OK && request->has_body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	}
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (code == CURLE_OK && request->fresh) {
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		code = curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	}
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	return code;
}

static struct transfer *transfer_new(struct net *n, const struct http_request *request)
{
	struct transfer *t = mem_alloc(sizeof(*t));

	t->net = n;
	str_init(&t->answer_header, LIMIT_HEADER_BYTES);
	str_init(&t->answer_body, LIMIT_ANSWER_BYTES);
	t->easy = curl_easy_init();
	if (!t->easy)
		mem_exhausted();
	CURLcode code = set_rows(t->easy);
	if (code == CURLE_OK && n->ca_file)
		code = curl_easy_setopt(t->easy, CURLOPT_CAINFO, n->ca_file);
	if (code == CURLE_OK)
		code = set_request(t, request);
	set_answer(t);
	set_headers(t, request);
	if (code != CURLE_OK)
		t->refused = curl_easy_strerror(code);
	return t;
}

/* Headers hold the token. */
static void wipe_headers(struct curl_slist *header)
{
	for (struct curl_slist *h = header; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(header);
}

static void transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	wipe_headers(t->header);
	str_release(&t->answer_header);
	str_wipe(&t->answer_body); /* new tokens come in one */
	mem_free(t);
}

/* Out of the list and out of libcurl's hands. */
static void transfer_unlink(struct transfer *t)
{
	struct transfer **at = &t->net->transfer;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->net->in_flight--;
	curl_multi_remove_handle(t->net->multi, t->easy);
}

static void http_start(void *ctx, const struct http_request *request, http_done *done, void *arg)
{
	struct net *n = ctx;
	struct transfer *t = transfer_new(n, request);

	t->done = done;
	t->arg = arg;
	t->next = n->transfer;
	n->transfer = t;
	n->in_flight++;
	if (!t->refused && curl_multi_add_handle(n->multi, t->easy) != CURLM_OK)
		t->refused = "libcurl does not take the request";
}

static void http_cancel(void *ctx, const void *arg)
{
	struct net *n = ctx;

	for (struct transfer *t = n->transfer, *next; t; t = next) {
		next = t->next;
		if (t->arg != arg)
			continue;
		transfer_unlink(t);
		transfer_free(t);
	}
}

/* ---- the end of a request ------------------------------------------------ */

static enum http_outcome outcome_of(const struct transfer *t, CURLcode code, int *status)
{
	long number = 0, sent = 0;

	if (t->refused)
		return HTTP_NOT_SENT;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &number);
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	*status = (int)number;
	/* To libcurl, an answer that is cut among its headers is an answer without a body. */
	if (code == CURLE_OK && number >= 200 && t->header_whole)
		return HTTP_ANSWER;
	return code != CURLE_OK && sent == 0 ? HTTP_NOT_SENT : HTTP_UNKNOWN;
}

static const char *problem_of(const struct transfer *t, CURLcode code)
{
	if (t->refused)
		return t->refused;
	if (t->answer_header.overflow || t->answer_body.overflow)
		return "the answer is too large";
	if (code == CURLE_OK)
		return "no whole answer of HTTP";
	return t->problem[0] ? t->problem : curl_easy_strerror(code);
}

static void finish(struct transfer *t, CURLcode code)
{
	struct http_response r = { .outcome = HTTP_UNKNOWN };

	transfer_unlink(t);
	r.outcome = outcome_of(t, code, &r.status);
	bool answer = r.outcome == HTTP_ANSWER;
	/* Without an answer there are no headers, and all that they tell is absent. */
	http_read_headers(answer ? str_slice(&t->answer_header) : (struct slice){ 0 },
			  wall_ms(NULL), &r);
	if (answer) {
		r.body = str_slice(&t->answer_body);
	} else {
		r.problem = problem_of(t, code);
		r.status = 0;
	}
	t->done(t->arg, &r);
	transfer_free(t);
}

static struct transfer *find_refused(const struct net *n)
{
	struct transfer *t = n->transfer;

	while (t && !t->refused)
		t = t->next;
	return t;
}

/* What `done` starts may be refused too: so begin anew after each. */
static void finish_all(struct net *n)
{
	struct transfer *t;
	CURLMsg *message;
	int left;

	while ((t = find_refused(n)))
		finish(t, CURLE_OK);
	while ((message = curl_multi_info_read(n->multi, &left))) {
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, code);
	}
}

/* ---- the loop ------------------------------------------------------------ */

static void fail(struct net *n, const char *what, const char *why)
{
	n->broken = true;
	(void)err_set(&n->why, RC_BROKEN, "%s: %s", what, why);
}

static bool listen_to(struct net *n, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(n->epoll, EPOLL_CTL_MOD, fd, &event) == 0 ||
	    (errno == ENOENT && epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &event) == 0))
		return true;
	fail(n, "epoll", strerror(errno));
	return false;
}

/* libcurl says what it wants to know of a socket. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct net *n = arg;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(n->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
			  (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	return listen_to(n, fd, events) ? 0 : -1;
}

static void act(struct net *n, curl_socket_t fd, int what)
{
	int running;
	CURLMcode code = curl_multi_socket_action(n->multi, fd, what, &running);

	if (code != CURLM_OK && !n->broken)
		fail(n, "libcurl", curl_multi_strerror(code));
}

static void dispatch(struct net *n, const struct epoll_event *event)
{
	uint32_t e = event->events;
	int what = (e & EPOLLIN ? CURL_CSELECT_IN : 0) | (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (e & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

	for (const struct watched *w = n->watched; w; w = w->next) {
		if (w->fd == event->data.fd) {
			w->ready(w->arg);
			return;
		}
	}
	act(n, event->data.fd, what);
}

/* The shorter of what the caller, libcurl and a refused request want. */
static int sleep_ms(const struct net *n, int64_t timeout_ms)
{
	long timer = -1;

	if (find_refused(n))
		return 0;
	/* Asked anew each turn: a timer that fires early would be lost with the callback. */
	curl_multi_timeout(n->multi, &timer);
	if (timer >= 0 && (timeout_ms < 0 || timer < timeout_ms))
		timeout_ms = timer;
	return timeout_ms > MS_HOUR ? (int)MS_HOUR : (int)timeout_ms;
}

enum rc net_turn(struct net *n, int64_t timeout_ms, struct err *err)
{
	struct epoll_event event[EVENTS_A_TURN];
	int got = 0;

	if (!n->broken)
		got = epoll_wait(n->epoll, event, EVENTS_A_TURN, sleep_ms(n, timeout_ms));
	if (got < 0 && errno != EINTR)
		fail(n, "epoll", strerror(errno));
	for (int i = 0; i < got; i++)
		dispatch(n, &event[i]);
	act(n, CURL_SOCKET_TIMEOUT, 0);
	finish_all(n);
	return n->broken ? err_set(err, RC_BROKEN, "%s", n->why.text) : RC_OK;
}

void net_watch(struct net *n, int fd, void (*ready)(void *arg), void *arg)
{
	struct watched *w = mem_alloc(sizeof(*w));

	*w = (struct watched){ fd, ready, arg, n->watched };
	n->watched = w;
	(void)listen_to(n, fd, EPOLLIN);
}

void net_trust(struct net *n, const char *ca_file)
{
	mem_free(n->ca_file);
	n->ca_file = mem_strdup(ca_file);
}

size_t net_in_flight(const struct net *n)
{
	return n->in_flight;
}

/* ---- begin and end ------------------------------------------------------- */

static enum rc start_curl(struct net *n, struct err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, RC_BROKEN, "libcurl does not start");
	const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
	if (version->version_num < OLDEST_CURL)
		return err_set(err, RC_BROKEN, "libcurl %s is too old, 7.85.0 is needed",
			       version->version);
	n->multi = curl_multi_init();
	if (!n->multi)
		return err_set(err, RC_BROKEN, "libcurl does not start");
	curl_multi_setopt(n->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(n->multi, CURLMOPT_SOCKETDATA, n);
	curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
	return RC_OK;
}

struct net *net_new(struct err *err)
{
	struct net *n = mem_alloc(sizeof(*n));
	enum rc rc = RC_OK;

	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll < 0)
		rc = err_set(err, RC_BROKEN, "epoll: %s", strerror(errno));
	if (rc == RC_OK)
		rc = start_curl(n, err);
	if (rc == RC_OK)
		return n;
	net_free(n);
	return NULL;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	while (n->transfer) {
		struct transfer *t = n->transfer;
		transfer_unlink(t);
		transfer_free(t);
	}
	if (n->multi)
		curl_multi_cleanup(n->multi);
	curl_global_cleanup();
	for (struct watched *w = n->watched, *next; w; w = next) {
		next = w->next;
		mem_free(w);
	}
	if (n->epoll >= 0)
		close(n->epoll);
	mem_free(n->ca_file);
	mem_free(n);
}

void net_world(struct net *n, struct world *world)
{
	world->ctx = n;
	world->wall_ms = wall_ms;
	world->mono_ms = mono_ms;
	world->random = random_bits;
	world->http_start = http_start;
	world->http_cancel = http_cancel;
	world->secret = read_secret;
}

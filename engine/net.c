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

#define CONNECT_MS (10 * MS_SECOND)
#define MOST_EVENTS 64
#define LONGEST_RETRY_AFTER_MS MS_DAY	/* HubSpot's 477 goes up to 24 h */
#define REUSE_AGE_S 60			/* a kept connection older than this is not used again */

struct transfer {
	struct net *net;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	struct str answer;
	size_t header_bytes;
	int64_t date_ms, retry_after_ms, retry_at_ms, rate_max, rate_interval_ms;
	char problem[CURL_ERROR_SIZE];
	http_done *done;
	void *arg;
	struct transfer *next;
};

struct watched {
	int fd;
	void (*ready)(void *arg);
	void *arg;
};

struct net {
	CURLM *multi;
	int epoll;
	int64_t curl_due_ms;	/* monotonic, when libcurl wants to be called; INT64_MAX: not */
	struct watched watched[NET_WATCHES];
	size_t watches;
	struct transfer *transfer;
	size_t in_flight;
};

/* ---- clocks, chance, secrets ------------------------------------------- */

static int64_t clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t net_wall_ms(void *ctx)
{
	(void)ctx;
	return clock_ms(CLOCK_REALTIME);
}

/* BOOTTIME: a time-out passes while the machine sleeps, too. */
static int64_t net_mono_ms(void *ctx)
{
	(void)ctx;
	return clock_ms(CLOCK_BOOTTIME);
}

static uint64_t net_random(void *ctx)
{
	uint64_t n = 0;

	(void)ctx;
	if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		abort();
	return n;
}

static enum rc net_secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	struct str raw;

	(void)ctx;
	if (secret->from == SECRET_ENV) {
		const char *value = getenv(secret->name);
		struct slice text = slice_trim(slice_of(value));
		str_add_slice(out, text);
		if (!text.len)
			return err_set(err, RC_REFUSED, "the environment variable %s is %s", secret->name,
				       value ? "empty" : "not set");
		return RC_OK;
	}
	str_init(&raw, LIMIT_SECRET_BYTES);
	enum rc rc = file_read(secret->name, &raw, err);
	if (rc == RC_OK)
		str_add_slice(out, slice_trim(str_slice(&raw)));
	if (raw.ptr)
		explicit_bzero(raw.ptr, raw.cap);
	str_release(&raw);
	if (rc != RC_OK)
		return RC_REFUSED;
	return out->len ? RC_OK : err_set(err, RC_REFUSED, "the secret file '%s' is empty", secret->name);
}

/* ---- transfers ----------------------------------------------------------- */

static void transfer_free(struct transfer *t)
{
	struct transfer **at = &t->net->transfer;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->net->in_flight--;
	curl_multi_remove_handle(t->net->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	mem_free(t->body);
	str_release(&t->answer);
	mem_free(t);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;

	str_add(&t->answer, bytes, size * count);
	return t->answer.overflow ? 0 : size * count;
}

static int64_t number(struct slice text)
{
	int64_t n = 0;

	if (!text.len || text.len > 12)
		return HTTP_ABSENT;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return HTTP_ABSENT;
		n = n * 10 + (text.ptr[i] - '0');
	}
	return n;
}

static void take_date(struct transfer *t, struct slice value)
{
	if (!clock_parse_http(value, &t->date_ms))
		t->date_ms = HTTP_ABSENT;
}

/* Seconds, or a date that counts from the answer's own. */
static void take_retry_after(struct transfer *t, struct slice value)
{
	int64_t seconds = number(value);

	if (seconds != HTTP_ABSENT)
		t->retry_after_ms = seconds * MS_SECOND;
	else if (!clock_parse_http(value, &t->retry_at_ms))
		t->retry_at_ms = HTTP_ABSENT;
}

static void take_rate_max(struct transfer *t, struct slice value)
{
	t->rate_max = number(value);
}

static void take_rate_interval(struct transfer *t, struct slice value)
{
	t->rate_interval_ms = number(value);
}

static const struct {
	const char *name;
	void (*take)(struct transfer *t, struct slice value);
} known_headers[] = {
	{ "date", take_date },
	{ "retry-after", take_retry_after },
	{ "x-hubspot-ratelimit-max", take_rate_max },
	{ "x-hubspot-ratelimit-interval-milliseconds", take_rate_interval },
};

static void forget_headers(struct transfer *t)
{
	t->date_ms = t->retry_after_ms = t->retry_at_ms = HTTP_ABSENT;
	t->rate_max = t->rate_interval_ms = HTTP_ABSENT;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	struct slice line = { bytes, size * count };
	const char *colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;

	t->header_bytes += line.len;
	if (t->header_bytes > LIMIT_HEADER_BYTES)
		return 0;
	if (slice_starts(line, slice_of("HTTP/")))
		forget_headers(t); /* what came before was a 1xx */
	if (!colon)
		return line.len;
	struct slice name = { line.ptr, (size_t)(colon - line.ptr) };
	struct slice value = slice_trim((struct slice){ colon + 1, line.len - name.len - 1 });
	for (size_t i = 0; i < sizeof(known_headers) / sizeof(known_headers[0]); i++)
		if (slice_eq_nocase(name, slice_of(known_headers[i].name)))
			known_headers[i].take(t, value);
	return line.len;
}

/* A line that would end early and begin another is not sent at all. */
static bool add_header(struct transfer *t, const char *line)
{
	struct curl_slist *longer = strpbrk(line, "\r\n") ? NULL : curl_slist_append(t->headers, line);

	if (!longer)
		return false;
	t->headers = longer;
	return true;
}

static bool set_headers(struct transfer *t, const struct http_request *r)
{
	struct str bearer;
	bool good = add_header(t, "Expect:");

	for (size_t i = 0; i < sizeof(r->header) / sizeof(r->header[0]); i++)
		if (r->header[i])
			good = good && add_header(t, r->header[i]);
	str_init(&bearer, LIMIT_SECRET_BYTES + 64);
	str_addf(&bearer, "Authorization: Bearer %s", r->bearer ? r->bearer : "");
	if (r->bearer)
		good = good && !bearer.overflow && add_header(t, str_text(&bearer));
	if (bearer.ptr)
		explicit_bzero(bearer.ptr, bearer.cap);
	str_release(&bearer);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return good;
}

/* facts/reliability.md 3.4: what is not needed is switched off. */
static void set_options(struct transfer *t, const struct http_request *r)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_URL, r->url);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "hs2cert/" HS2CERT_VERSION);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)REUSE_AGE_S);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, r->fresh ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->problem);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	if (r->has_body) {
		t->body = mem_alloc(r->body.len + 1);
		if (r->body.len)
			memcpy(t->body, r->body.ptr, r->body.len);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body);
	}
}

/* libcurl calls nobody back for a handle without a URL that it can use; one that fails at once stands in for it. */
static void set_unusable(struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_URL, "refused:");
}

static void net_http_start(void *ctx, const struct http_request *request, http_done *done, void *arg)
{
	struct net *net = ctx;
	struct transfer *t = mem_alloc(sizeof(*t));

	t->net = net;
	t->done = done;
	t->arg = arg;
	t->easy = curl_easy_init();
	if (!t->easy)
		abort();
	str_init(&t->answer, LIMIT_ANSWER_BYTES);
	forget_headers(t);
	set_options(t, request);
	if (!set_headers(t, request))
		set_unusable(t);
	t->next = net->transfer;
	net->transfer = t;
	net->in_flight++;
	curl_multi_add_handle(net->multi, t->easy);
}

static void net_http_cancel(void *ctx, const void *arg)
{
	struct net *net = ctx;

	for (struct transfer *t = net->transfer, *next; t; t = next) {
		next = t->next;
		if (t->arg == arg)
			transfer_free(t);
	}
}

/* ---- ends ---------------------------------------------------------------- */

static enum http_outcome outcome_of(struct transfer *t, CURLcode code)
{
	long sent = 0, status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status >= 200)
		return HTTP_ANSWER;
	return sent == 0 ? HTTP_NOT_SENT : HTTP_UNKNOWN;
}

static int64_t retry_after(const struct transfer *t)
{
	int64_t wait = t->retry_after_ms;

	if (t->retry_at_ms != HTTP_ABSENT) {
		int64_t from = t->date_ms != HTTP_ABSENT ? t->date_ms : clock_ms(CLOCK_REALTIME);
		wait = t->retry_at_ms > from ? t->retry_at_ms - from : 0;
	}
	return wait > LONGEST_RETRY_AFTER_MS ? LONGEST_RETRY_AFTER_MS : wait;
}

static void transfer_ended(struct transfer *t, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	struct http_response r = {
		.outcome = outcome_of(t, code), .status = (int)status, .body = str_slice(&t->answer),
		.problem = t->problem[0] ? t->problem : curl_easy_strerror(code), .date_ms = t->date_ms,
		.retry_after_ms = retry_after(t), .rate_max = t->rate_max,
		.rate_interval_ms = t->rate_interval_ms,
	};
	t->done(t->arg, &r);
	transfer_free(t);
}

static void bring_answers(struct net *net)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(net->multi, &left))) {
		char *t;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		transfer_ended((struct transfer *)(void *)t, code);
	}
}

/* ---- the loop ------------------------------------------------------------ */

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct net *net = ctx;
	struct epoll_event event = { .data.u64 = (uint64_t)(uint32_t)fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(net->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(net->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0 && errno == ENOENT)
		epoll_ctl(net->epoll, EPOLL_CTL_ADD, fd, &event);
	curl_multi_assign(net->multi, fd, net);
	return 0;
}

static int timer_changed(CURLM *multi, long timeout_ms, void *ctx)
{
	struct net *net = ctx;

	(void)multi;
	net->curl_due_ms = timeout_ms < 0 ? INT64_MAX : clock_ms(CLOCK_BOOTTIME) + timeout_ms;
	return 0;
}

struct net *net_new(struct err *err)
{
	struct net *net = mem_alloc(sizeof(*net));

	net->curl_due_ms = INT64_MAX;
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (net->epoll < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(net->multi = curl_multi_init())) {
		(void)err_set(err, RC_BROKEN, "cannot set up the network: %s", strerror(errno));
		if (net->epoll >= 0)
			close(net->epoll);
		mem_free(net);
		return NULL;
	}
	curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net);
	curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net);
	return net;
}

void net_free(struct net *net)
{
	if (!net)
		return;
	while (net->transfer)
		transfer_free(net->transfer);
	curl_multi_cleanup(net->multi);
	curl_global_cleanup();
	close(net->epoll);
	mem_free(net);
}

void net_world(struct net *net, struct world *world)
{
	world->ctx = net;
	world->wall_ms = net_wall_ms;
	world->mono_ms = net_mono_ms;
	world->random = net_random;
	world->http_start = net_http_start;
	world->http_cancel = net_http_cancel;
	world->secret = net_secret;
}

void net_watch(struct net *net, int fd, void (*ready)(void *arg), void *arg)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = (uint64_t)(uint32_t)fd };

	if (net->watches == NET_WATCHES || epoll_ctl(net->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		abort();
	net->watched[net->watches++] = (struct watched){ fd, ready, arg };
}

static void dispatch(struct net *net, const struct epoll_event *event)
{
	int fd = (int)event->data.u64, running;
	int what = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

	for (size_t i = 0; i < net->watches; i++) {
		if (net->watched[i].fd == fd) {
			net->watched[i].ready(net->watched[i].arg);
			return;
		}
	}
	curl_multi_socket_action(net->multi, fd, what, &running);
}

enum rc net_turn(struct net *net, int64_t timeout_ms, struct err *err)
{
	struct epoll_event events[MOST_EVENTS];
	int64_t now = clock_ms(CLOCK_BOOTTIME);
	int running;

	if (net->curl_due_ms != INT64_MAX) {
		int64_t wait = net->curl_due_ms > now ? net->curl_due_ms - now : 0;
		timeout_ms = timeout_ms < 0 || wait < timeout_ms ? wait : timeout_ms;
	}
	int n = epoll_wait(net->epoll, events, MOST_EVENTS,
			   timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
	if (n < 0 && errno != EINTR)
		return err_set(err, RC_BROKEN, "epoll_wait: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		dispatch(net, &events[i]);
	if (clock_ms(CLOCK_BOOTTIME) >= net->curl_due_ms) {
		net->curl_due_ms = INT64_MAX;
		curl_multi_socket_action(net->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	bring_answers(net);
	return RC_OK;
}

size_t net_in_flight(const struct net *net)
{
	return net->in_flight;
}

/*
 * reload - ten thousand rules, of which one was edited, taken into force: what the loop does of it, and
 * what who sends webhooks meanwhile notices.
 *
 * First in this process: the build, as the thread does it, and the swap, as the loop does. Then the daemon
 * itself: 1,000 signed webhooks a second, each of one event, on 128 connections, in turns without and with
 * reloads, one right after the other. A webhook's time runs from when it was to be sent, so that one that waited for a
 * connection counts whole. The longest of them is longer than any turn of the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/digest.h"
#include "engine/engine.h"
#include "tests/bench/bench.h"

#define RULES 10000
#define FILES 10
#define SWAPS 21
#define LINES 128
#define A_SECOND 1000
#define ROUNDS 5
#define ROUND_RELOADS 20
#define URL "https://hooks.example.org/hubspot"

static const char accounts[] =
	"account: hubspot\nhubspot:\n  token: '${HUBSPOT_TOKEN}'\n  base-url: 'http://127.0.0.1:9'\n"
	"  webhook: { public-url: '" URL "', secret: '${HOOK_SECRET}' }\n---\n"
	"account: certifier\ncertifier: { token: '${CERTIFIER_TOKEN}', base-url: 'http://127.0.0.1:9' }\n---\n";

/* ---- in this process ------------------------------------------------------------ */

/* Another number in one of the rules. */
static void edit(char *text, size_t n)
{
	char *at = strstr(text, "at-least: ");

	at[10] = (char)('1' + n % 9);
}

static void swaps(char *text, size_t len)
{
	double build[SWAPS], cpu[SWAPS], wall[SWAPS], gone[SWAPS], longest = 0;
	struct world world = bench_world();
	struct err err;

	if (db_open("swap.db", DB_OWN, &world.db, &err) != RC_OK)
		exit(3);
	struct engine *e = engine_new(&world);
	struct table *old = NULL;
	for (size_t i = 0; i <= SWAPS; i++) {
		double seconds;
		edit(text, i);
		struct table *t = work_compile((struct slice){ text, len }, &seconds);
		double from = bench_wall_s(), from_cpu = bench_cpu_s();
		if (!t || engine_load(e, t, &err) != RC_OK)
			exit(1);
		table_forget_texts(t);
		double took = bench_wall_s() - from, took_cpu = bench_cpu_s() - from_cpu;
		from_cpu = bench_cpu_s();
		table_unref(old);
		mem_give_back();
		old = t;
		if (i == 0)
			continue;
		build[i - 1] = seconds;
		cpu[i - 1] = took_cpu;
		wall[i - 1] = took;
		gone[i - 1] = bench_cpu_s() - from_cpu;
		longest = took > longest ? took : longest;
	}
	printf("  reload  %7d rules, one edited: built in %.1f ms (thread), swapped in %.1f ms of processor time, %.1f ms with the disk, at most %.1f; freed in %.1f ms (thread)\n",
	       RULES, bench_median(build, SWAPS) * 1e3, bench_median(cpu, SWAPS) * 1e3,
	       bench_median(wall, SWAPS) * 1e3, longest * 1e3, bench_median(gone, SWAPS) * 1e3);
	engine_free(e);
	table_unref(old);
	db_close(world.db);
}

/* ---- the daemon ----------------------------------------------------------------- */

/* The n-th of the files, whole at every moment. */
static void write_file(size_t n, struct slice text)
{
	char name[32];

	snprintf(name, sizeof(name), "rules.d/%zu.yaml", n);
	FILE *out = fopen("new", "w");
	if (!out || fwrite(text.ptr, 1, text.len, out) != text.len || fclose(out) ||
	    rename("new", name) != 0)
		exit(3);
}

static size_t cut_at(const char *text, size_t len, size_t n)
{
	const char *at = n < FILES ? strstr(text + len / FILES * n, "---\n") : NULL;

	return n == 0 ? 0 : at ? (size_t)(at - text) : len;
}

static pid_t start(const char *program, uint16_t *port)
{
	pid_t pid = fork();

	if (pid == 0) {
		int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(log, STDERR_FILENO);
		execl(program, program, "run", "--listen", "127.0.0.1:0", (char *)NULL);
		_exit(127);
	}
	for (int tries = 0; tries < 60000; tries++) {
		char text[8192] = "";
		FILE *in = fopen("log", "r");
		if (in && fread(text, 1, sizeof(text) - 1, in) == 0)
			text[0] = '\0';
		if (in)
			fclose(in);
		const char *at = strstr(text, "address=127.0.0.1:");
		if (at && strstr(text, "rules loaded")) {
			*port = (uint16_t)strtoul(at + 18, NULL, 10);
			return pid;
		}
		usleep(1000);
	}
	fprintf(stderr, "bench: the daemon does not begin\n");
	exit(3);
}

/* Asks for a reload and waits for its answer. */
static bool reload(void)
{
	static const char ask[] =
		"POST /reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
		"Content-Type: application/json\r\nContent-Length: 0\r\n\r\n";
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "hs2cert.db.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char got[16] = "", rest[4096];
	bool good = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		    write(fd, ask, sizeof(ask) - 1) == (ssize_t)sizeof(ask) - 1 &&
		    read(fd, got, sizeof(got)) == (ssize_t)sizeof(got) &&
		    memcmp(got, "HTTP/1.1 200", 12) == 0;

	while (read(fd, rest, sizeof(rest)) > 0)
		continue;
	close(fd);
	return good;
}

/* What somebody else does meanwhile. */
struct editor {
	char *text; /* of the first file */
	size_t len, edits;
	size_t refused;
	atomic_bool ended;
	double took[ROUNDS * ROUND_RELOADS];
};

static void *edit_and_reload(void *arg)
{
	struct editor *e = arg;

	for (size_t i = 0; i < ROUND_RELOADS; i++) {
		edit(e->text, e->edits);
		write_file(0, (struct slice){ e->text, e->len });
		double from = bench_wall_s();
		e->refused += !reload();
		e->took[e->edits++] = bench_wall_s() - from;
	}
	e->ended = true;
	return NULL;
}

/* ---- webhooks --------------------------------------------------------------------- */

struct line {
	int fd;
	double since; /* when what is under way was to be sent; 0: it is free */
};

struct sender {
	struct line line[LINES];
	uint16_t port;
	size_t sent, good, bad;
	double *took;
	size_t n, cap;
};

static void connect_line(struct line *l, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int one = 1;

	l->since = 0;
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(l->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		exit(3);
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* As facts/hubspot.md 5.4 has it. */
static void send_one(struct sender *s, struct line *l, double due)
{
	unsigned char mac[DIGEST_BYTES];
	struct timespec now;
	struct str body, text;

	clock_gettime(CLOCK_REALTIME, &now);
	long long ms = (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	str_init(&body, 4096);
	str_init(&text, 8192);
	str_addf(
		&body,
		"[{\"eventId\":%zu,\"subscriptionId\":7662269,\"portalId\":247279312,\"appId\":51879189,"
		"\"occurredAt\":%lld,\"subscriptionType\":\"contact.propertyChange\",\"attemptNumber\":0,"
		"\"objectId\":%zu,\"propertyName\":\"p1\",\"propertyValue\":\"v1\",\"changeSource\":\"CRM_UI\"}]",
		s->sent, ms, 546500000000 + s->sent);
	str_addf(&text, "POST" URL "%s%lld", str_text(&body), ms);
	digest_hmac(slice_of(BENCH_SECRET), str_slice(&text), mac);
	str_clear(&text);
	str_addf(
		&text,
		"POST /hubspot HTTP/1.1\r\nHost: hooks.example.org\r\nContent-Type: application/json\r\n"
		"X-HubSpot-Request-Timestamp: %lld\r\nContent-Length: %zu\r\nX-HubSpot-Signature-v3: ",
		ms, body.len);
	base64_add(&text, mac, sizeof(mac));
	str_addf(&text, "\r\n\r\n%s", str_text(&body));
	if (write(l->fd, text.ptr, text.len) != (ssize_t)text.len)
		s->bad++;
	l->since = due;
	s->sent++;
	str_release(&body);
	str_release(&text);
}

static void take_answer(struct sender *s, struct line *l)
{
	char got[1024];
	ssize_t n = read(l->fd, got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	s->took = mem_grow(s->took, &s->cap, s->n + 1, sizeof(*s->took));
	s->took[s->n++] = bench_wall_s() - l->since;
	l->since = 0;
	if (strncmp(got, "HTTP/1.1 204", 12) == 0) {
		s->good++;
		return;
	}
	s->bad++;
	fprintf(stderr, "bench: answered with: %.*s\n", (int)strcspn(got, "\r"), got);
	if (n <= 0) {
		close(l->fd);
		connect_line(l, s->port);
	}
}

/* Until `seconds` have passed and the editor (NULL: there is none) has ended. */
static void send_for(struct sender *s, double seconds, struct editor *e)
{
	struct pollfd on[LINES];
	double from = bench_wall_s();
	size_t first = s->sent, flying = 0;

	for (bool more = true; more || flying;) {
		double now = bench_wall_s();
		double due = from + (double)(s->sent - first) / A_SECOND;
		more = now - from < seconds || (e && !e->ended);
		for (size_t i = 0; more && i < LINES && due <= now; i++) {
			if (s->line[i].since > 0)
				continue;
			send_one(s, &s->line[i], due);
			flying++;
			due = from + (double)(s->sent - first) / A_SECOND;
		}
		for (size_t i = 0; i < LINES; i++)
			on[i] = (struct pollfd){ .fd = s->line[i].fd, .events = POLLIN };
		if (poll(on, LINES, 1) <= 0)
			continue;
		for (size_t i = 0; i < LINES; i++) {
			if (on[i].revents && s->line[i].since > 0) {
				take_answer(s, &s->line[i]);
				flying--;
			} else if (on[i].revents) { /* idle for too long */
				close(s->line[i].fd);
				connect_line(&s->line[i], s->port);
			}
		}
	}
}

static double at_percent(struct sender *s, size_t from, double percent)
{
	size_t n = s->n - from;
	double *copy = mem_alloc((n + 1) * sizeof(*copy));

	memcpy(copy, s->took + from, n * sizeof(*copy));
	(void)bench_median(copy, n);
	double got = copy[(size_t)((double)(n - 1) * percent / 100)];
	mem_free(copy);
	return got * 1e3;
}

static void under_webhooks(const char *program, struct editor *e)
{
	static const double percent[3] = { 50, 99, 100 };
	double found[2][3][ROUNDS], ratio[ROUNDS];
	struct sender s = { 0 };
	pid_t pid = start(program, &s.port);

	for (size_t i = 0; i < LINES; i++)
		connect_line(&s.line[i], s.port);
	send_for(&s, 1, NULL);
	for (size_t i = 0; i < ROUNDS; i++) {
		for (size_t k = 0; k < 2; k++) {
			size_t from = s.n;
			pthread_t thread;
			e->ended = false;
			if (k && pthread_create(&thread, NULL, edit_and_reload, e) != 0)
				exit(3);
			send_for(&s, 4, k ? e : NULL);
			if (k)
				pthread_join(thread, NULL);
			for (size_t p = 0; p < 3; p++)
				found[k][p][i] = at_percent(&s, from, percent[p]);
		}
		ratio[i] = found[1][1][i] / found[0][1][i];
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	for (size_t k = 0; k < 2; k++)
		printf("  reload  %7d webhooks/s, %s reloads: answered in %.1f ms (half), %.1f (99 of 100), %.1f (all)\n",
		       A_SECOND, k ? "with   " : "without", bench_median(found[k][0], ROUNDS),
		       bench_median(found[k][1], ROUNDS), bench_median(found[k][2], ROUNDS));
	printf("  reload  %7zu reloads, %zu refused, %.0f ms each (half); 99 of 100 webhooks %.2fx; %zu webhooks, %zu answered otherwise than 204\n",
	       e->edits, e->refused, bench_median(e->took, e->edits) * 1e3,
	       bench_median(ratio, ROUNDS), s.sent, s.bad);
	for (size_t i = 0; i < LINES; i++)
		close(s.line[i].fd);
	mem_free(s.took);
}

void bench_reload(const char *program)
{
	const char *parent = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	char folder[1024], here[4096], command[1100];
	struct editor e = { 0 };
	struct work work;
	struct str text;

	snprintf(folder, sizeof(folder), "%s/hs2cert-bench-XXXXXX", parent);
	if (!getcwd(here, sizeof(here)) || !mkdtemp(folder) || chdir(folder) != 0 ||
	    system("mkdir rules.d") != 0)
		exit(3);
	setenv("HUBSPOT_TOKEN", "none", 1);
	setenv("CERTIFIER_TOKEN", "none", 1);
	setenv("HOOK_SECRET", BENCH_SECRET, 1);
	work_make(&work, RULES, false);
	str_init(&text, (size_t)1 << 30);
	str_add_text(&text, accounts);
	work_text(&work, &text);
	swaps(text.ptr, text.len);
	for (size_t i = 0; i < FILES; i++) {
		size_t from = cut_at(text.ptr, text.len, i), to = cut_at(text.ptr, text.len, i + 1);
		write_file(i, (struct slice){ text.ptr + from, to - from });
	}
	e.text = text.ptr;
	e.len = cut_at(text.ptr, text.len, 1);
	under_webhooks(program, &e);
	str_release(&text);
	work_free(&work);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (chdir(here) != 0 || system(command) != 0)
		exit(3);
}

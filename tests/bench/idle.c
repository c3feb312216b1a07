/*
 * idle - the daemon itself, waiting: how soon it answers, and what it holds in memory.
 *
 * It is started in a folder of its own, on a state that is there already, with accounts that nobody
 * answers for; an answer is that of its admin endpoint to GET /health.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define STARTS 7
#define PATIENCE_S 60

static void write_rules(size_t rules)
{
	struct work work;
	struct str text;
	FILE *out = NULL;
	char name[32];

	work_make(&work, rules, false);
	str_init(&text, (size_t)1 << 30);
	work_text(&work, &text);
	/* Files below the ceiling of one. */
	for (size_t from = 0, to, n = 0; from < text.len; from = to, n++) {
		const char *cut = text.len - from > 4000000
					  ? strstr(text.ptr + from + 4000000, "---\n")
					  : NULL;
		to = cut ? (size_t)(cut - text.ptr) : text.len;
		snprintf(name, sizeof(name), "rules.d/%03zu.yaml", n);
		out = fopen(name, "w");
		if (!out || fwrite(text.ptr + from, 1, to - from, out) != to - from || fclose(out))
			exit(3);
	}
	out = fopen("rules.d/accounts.yaml", "w");
	if (!out)
		exit(3);
	fputs("account: hubspot\nhubspot: { token: '${HUBSPOT_TOKEN}', base-url: 'http://127.0.0.1:9' }\n---\n"
	      "account: certifier\ncertifier: { token: '${CERTIFIER_TOKEN}', base-url: 'http://127.0.0.1:9' }\n",
	      out);
	if (fclose(out))
		exit(3);
	str_release(&text);
	work_free(&work);
}

static bool answers(void)
{
	static const char ask[] =
		"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "hs2cert.db.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char got[16] = "";
	bool good = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		    write(fd, ask, sizeof(ask) - 1) == (ssize_t)sizeof(ask) - 1 &&
		    read(fd, got, sizeof(got)) == (ssize_t)sizeof(got) &&
		    memcmp(got, "HTTP/1.1 200", 12) == 0;

	close(fd);
	return good;
}

/* Kilobytes of one line of /proc/PID/smaps_rollup. */
static double memory_of(pid_t pid, const char *what)
{
	char name[64], line[256];
	double kb = 0;

	snprintf(name, sizeof(name), "/proc/%d/smaps_rollup", (int)pid);
	FILE *in = fopen(name, "r");
	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, what, strlen(what)) == 0)
			kb += strtod(line + strlen(what), NULL);
	if (in)
		fclose(in);
	return kb;
}

/* Seconds until it answered; it is stopped again. */
static double once(const char *program, double *rss_mb, double *own_mb)
{
	double from = bench_wall_s();
	const char *const arguments[] = { "run", NULL };
	pid_t pid = bench_start(program, arguments);

	while (!answers() && bench_wall_s() - from < PATIENCE_S)
		usleep(200);
	double took = bench_wall_s() - from;
	*rss_mb = memory_of(pid, "Rss:") / 1024;
	*own_mb = (memory_of(pid, "Private_Dirty:") + memory_of(pid, "Private_Clean:")) / 1024;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return took;
}

void bench_idle(const char *program, size_t rules)
{
	double took[STARTS], rss, own;

	bench_enter();
	write_rules(rules);
	(void)once(program, &rss, &own); /* makes the state */
	for (size_t i = 0; i < STARTS; i++)
		took[i] = once(program, &rss, &own);
	printf("  idle    %7zu rules %9.1f ms to the first answer; %.1f MB resident, %.1f MB of it private\n",
	       rules, bench_median(took, STARTS) * 1e3, rss, own);
	bench_leave();
}

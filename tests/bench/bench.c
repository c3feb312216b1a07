#include "tests/bench/bench.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double bench_cpu_s(void)
{
	return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

double bench_wall_s(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *runs, size_t n)
{
	qsort(runs, n, sizeof(*runs), by_value);
	return runs[n / 2];
}

static int64_t fixed_now(void *ctx)
{
	(void)ctx;
	return BENCH_NOW_MS;
}

static uint64_t fixed_random(void *ctx)
{
	(void)ctx;
	return 4;
}

static enum rc fixed_secret(void *ctx, const struct secret *secret, struct str *out,
			    struct err *err)
{
	(void)ctx;
	(void)secret;
	(void)err;
	str_add_text(out, BENCH_SECRET);
	return RC_OK;
}

struct world bench_world(void)
{
	static const struct log silent = { .now_ms = fixed_now };

	return (struct world){ .wall_ms = fixed_now,
			       .mono_ms = fixed_now,
			       .random = fixed_random,
			       .secret = fixed_secret,
			       .log = &silent };
}

/* ---- the daemon ---------------------------------------------------------------- */

static char folder[64], before[4096];

void bench_enter(void)
{
	snprintf(folder, sizeof(folder), "/tmp/hs2cert-bench-XXXXXX");
	if (!getcwd(before, sizeof(before)) || !mkdtemp(folder) || chdir(folder) != 0 ||
	    mkdir("rules.d", 0700) != 0)
		exit(3);
	setenv("HUBSPOT_TOKEN", "none", 1);
	setenv("CERTIFIER_TOKEN", "none", 1);
}

void bench_leave(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (chdir(before) != 0 || system(command) != 0)
		exit(3);
}

pid_t bench_start(const char *program, const char *const *arguments)
{
	char *argv[8] = { (char *)program };
	pid_t pid = fork();

	if (pid)
		return pid;
	for (size_t i = 0; i < 6 && arguments[i]; i++)
		argv[i + 1] = (char *)arguments[i];
	int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDERR_FILENO);
	execv(program, argv);
	_exit(127);
}

/* ---- the parts ----------------------------------------------------------------- */

static void match(void)
{
	static const size_t sizes[] = { 10, 1000, 10000, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bench_match(sizes[i], false);
		bench_match(sizes[i], true);
	}
}

static void load(void)
{
	bench_load(10000, true);
	bench_load(100000, true);
	bench_load(100000, false);
}

static void decide(void)
{
	bench_decide(1000);
}

static char program[4096];

static void wire(void)
{
	bench_wire(program);
}

static void idle(void)
{
	bench_idle(program, 10);
	bench_idle(program, 10000);
	bench_idle(program, 100000);
}

static void reload(void)
{
	bench_reload(program);
}

static void growth(void)
{
	bench_growth(1000000);
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = { { "match", match },	    { "load", load },	 { "decide", decide },
	      { "webhook", bench_webhook }, { "wire", wire },	 { "idle", idle },
	      { "reload", reload },	    { "growth", growth } };

/*
 * For tests/peers: `--match N` is that one measurement, `--workload N FOLDER` writes what it is made of. For a
 * profiler: `--load N`.
 */
static bool for_others(int argc, char **argv)
{
	size_t rules = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (argc == 3 && rules && strcmp(argv[1], "--match") == 0)
		bench_match_watched(rules);
	else if (argc == 3 && rules && strcmp(argv[1], "--load") == 0)
		bench_load_once(rules);
	else if (argc == 4 && rules && strcmp(argv[1], "--workload") == 0)
		bench_export(rules, argv[3]);
	else
		return false;
	return true;
}

/* The program stands two folders above; without words all of it, else the parts that are named. */
int main(int argc, char **argv)
{
	struct err err;

	json_start();
	char *here = realpath(argv[0], NULL);
	snprintf(program, sizeof(program), "%s/../../hs2cert", here ? dirname(here) : ".");
	free(here);
	if (clock_set_zone("UTC", &err) != RC_OK)
		return 3;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (for_others(argc, argv))
		return 0;
	printf("medians\n");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		bool wanted = argc < 2;
		for (int k = 1; k < argc; k++)
			wanted |= strcmp(argv[k], parts[i].name) == 0;
		if (wanted)
			parts[i].run();
	}
	return 0;
}

#include "tests/bench/bench.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static void idle(void)
{
	bench_idle(program, 10);
	bench_idle(program, 10000);
	bench_idle(program, 100000);
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = { { "match", match },
	      { "load", load },
	      { "decide", decide },
	      { "webhook", bench_webhook },
	      { "idle", idle } };

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

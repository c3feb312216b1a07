/*
 * simulation - seeded lives of the real engine under faults, judged by a model.
 *
 *   simulation [--seeds n] [--seed s] [--seconds t] [--jobs j] [--replay] [--brief] [--log]
 *
 * Lives through seeds s, s + 1, …: n of them, or as many as fit into t seconds,
 * in j processes. Each seed draws a portal, a history, rules, edits, downtime
 * and fault rates (draw.c, history.c); the engine lives through it on a virtual
 * clock (life.c, wire.c); what was issued and mailed is held against the model
 * in tests/model/ (judge.c). A third of the seeds live on a disk that loses what was
 * not synced, is full and fails (ground.c), the others in memory. A seed that fails is shortened (shrink.c) and
 * printed with what happened (--brief: as it is); exit 1.
 *
 * A seed is lived the same way each time, bit by bit: --replay lives each twice
 * and compares all requests, answers and commits. --log writes the engine's log
 * to standard error: of the shortened life, or with --brief of the whole.
 *
 * Who waits for many sees how far it is: every ten seconds on a terminal, else a line each
 * thousand seeds. Ended by SIGINT or SIGTERM it tells what was lived until then.
 *
 * `make soak SEEDS=n SEED=s T=seconds` runs it; `make check` runs 300 seeds.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/simulation/simulation.h"

struct orders {
	uint64_t seed;
	int64_t seeds, seconds;
	int jobs;
	bool replay, log, brief;
};

struct result {
	struct tally tally;
	int64_t failed;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A tally is a row of counters. */
static void add_tally(struct tally *to, const struct tally *from)
{
	int64_t *a = (int64_t *)to;
	const int64_t *b = (const int64_t *)from;

	for (size_t i = 0; i < sizeof(*to) / sizeof(int64_t); i++)
		a[i] += b[i];
}

static uint64_t trace_again(uint64_t seed)
{
	struct scenario sc;
	struct life l;

	scenario_draw(seed, &sc);
	(void)life_live(&l, &sc, NULL);
	uint64_t trace = l.trace;
	life_release(&l);
	scenario_release(&sc);
	return trace;
}

static struct result live_seed(const struct orders *o, uint64_t seed)
{
	struct scenario sc;
	struct life l;

	uint64_t again = o->replay ? trace_again(seed)
				   : 0; /* before: there is one disk at a time */
	scenario_draw(seed, &sc);
	bool fine = life_live(&l, &sc, o->log && o->brief ? stderr : NULL);
	if (fine && o->replay && again != l.trace)
		fine = trouble(&l, "lived twice, it is not the same");
	struct result r = { l.tally, !fine };
	if (!fine)
		printf("seed %llu failed:\n%s", (unsigned long long)seed, str_text(&l.trouble));
	life_release(&l); /* with its disk, which the lives of a shorter history need */
	if (!fine && !o->brief)
		shrink(&sc, stdout, o->log ? stderr : NULL);
	fflush(stdout);
	scenario_release(&sc);
	return r;
}

_Static_assert(sizeof(struct result) <= PIPE_BUF, "written in one piece");

/* Every jobs-th seed from the job-th on; tells of each as it is over. */
static bool work(const struct orders *o, int job, int tell)
{
	double end = now_s() + (double)o->seconds;

	for (int64_t i = job; o->seconds ? now_s() < end : i < o->seeds; i += o->jobs) {
		struct result r = live_seed(o, o->seed + (uint64_t)i);
		if (write(tell, &r, sizeof(r)) != (ssize_t)sizeof(r))
			return false;
	}
	return true;
}

static void add_result(struct result *to, const struct result *from)
{
	add_tally(&to->tally, &from->tally);
	to->failed += from->failed;
}

static volatile sig_atomic_t asked_to_end;

static void on_end(int number)
{
	(void)number;
	asked_to_end = 1;
}

static void hear_signals(void (*how)(int))
{
	struct sigaction act = { .sa_handler = how }; /* not SA_RESTART: a read is to end */

	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
}

static void show_progress(const struct orders *o, const struct result *sum)
{
	static double next_s;
	bool terminal = isatty(STDERR_FILENO);

	if (terminal ? now_s() < next_s : sum->tally.seeds % 1000 != 0)
		return;
	next_s = now_s() + 10;
	fprintf(terminal ? stderr : stdout, "simulation: %lld seeds from %llu on, %lld failed\n",
		(long long)sum->tally.seeds, (unsigned long long)o->seed, (long long)sum->failed);
	fflush(stdout);
}

/* All that the jobs tell, until the last of them has ended; once, who is to end is told so. */
static void hear_all(const struct orders *o, int from, const pid_t *pid, struct result *sum)
{
	struct result r;
	ssize_t got;
	bool told = false;

	do {
		got = read(from, &r, sizeof(r));
		if (got == (ssize_t)sizeof(r)) {
			add_result(sum, &r);
			show_progress(o, sum);
		}
		for (int job = 0; asked_to_end && !told && job < o->jobs; job++)
			(void)kill(pid[job], SIGKILL);
		told = asked_to_end;
	} while (got != 0);
}

/* Forks the jobs, and adds up what they found. */
static struct result work_all(const struct orders *o)
{
	struct result sum = { 0 };
	int pipes[2], status;
	pid_t *pid = calloc((size_t)o->jobs, sizeof(*pid));

	fflush(stdout);
	if (!pid || pipe(pipes) != 0)
		abort();
	for (int job = 0; job < o->jobs; job++) {
		pid[job] = fork();
		if (pid[job] != 0)
			continue;
		bool good = work(o, job, pipes[1]);
		fflush(stdout);
		_exit(!good);
	}
	hear_signals(on_end);
	close(pipes[1]);
	hear_all(o, pipes[0], pid, &sum);
	close(pipes[0]);
	for (int job = 0; job < o->jobs; job++)
		if (waitpid(pid[job], &status, 0) != pid[job] || (status != 0 && !asked_to_end))
			sum.failed++; /* it died */
	free(pid);
	return sum;
}

static void print_faults(const struct tally *t)
{
	printf("simulation: faults:");
	for (int i = 1; i < FAULT_KINDS; i++)
		printf(" %s %lld", fault_name((enum fault_kind)i), (long long)t->faults[i]);
	printf("\n");
}

static void print_result(const struct result *r, double took_s)
{
	const struct tally *t = &r->tally;

	if (asked_to_end)
		printf("simulation: ended before it was done\n");
	printf("simulation: %lld seeds in %.1f s, %.1f a second; %.1f virtual years, %lld requests,"
	       " %lld commits\n",
	       (long long)t->seeds, took_s, (double)t->seeds / took_s,
	       (double)t->virtual_ms / (365.25 * (double)MS_DAY), (long long)t->requests,
	       (long long)t->commits);
	printf("simulation: %lld owed, %lld credentials, %lld mails, %lld sends truly unknown, %lld"
	       " held by a brake, %lld acts, %lld starts, %lld crashes at a commit, %lld power cuts,"
	       " %lld disk failures, %lld backups put back, %lld rule changes, %lld webhooks"
	       " (%lld not taken)\n",
	       (long long)t->claims, (long long)t->credentials, (long long)t->mails,
	       (long long)t->ambiguous, (long long)t->braked, (long long)t->acts,
	       (long long)t->starts, (long long)t->crashes, (long long)t->cuts,
	       (long long)t->disk_failures, (long long)t->restores, (long long)t->loads,
	       (long long)t->webhooks, (long long)t->untaken);
	print_faults(t);
	printf("simulation: %lld passed, %lld failed\n", (long long)(t->seeds - r->failed),
	       (long long)r->failed);
}

static int64_t number(const char *text)
{
	return text ? strtoll(text, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	struct orders o = { .seed = 1, .seeds = 100, .jobs = 1 };

	json_start();
	/* A third of the time is SQLite's, and there is one thread. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *next = argv[i + 1];
		if (strcmp(word, "--seeds") == 0 && next)
			o.seeds = number(argv[++i]);
		else if (strcmp(word, "--seed") == 0 && next)
			o.seed = (uint64_t)number(argv[++i]);
		else if (strcmp(word, "--seconds") == 0 && next)
			o.seconds = number(argv[++i]);
		else if (strcmp(word, "--jobs") == 0 && next)
			o.jobs = (int)number(argv[++i]);
		else if (strcmp(word, "--replay") == 0)
			o.replay = true;
		else if (strcmp(word, "--brief") == 0)
			o.brief = true;
		else if (strcmp(word, "--log") == 0)
			o.log = true;
		else
			return 2;
	}
	double began = now_s();
	struct result r = work_all(&o);
	print_result(&r, now_s() - began);
	return r.failed != 0 || asked_to_end;
}

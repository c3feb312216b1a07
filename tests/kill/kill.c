/*
 * kill - ends the real daemon by SIGKILL, again and again, at any moment, while
 * changes go on: each event earns one credential, nobody two mails, nothing is
 * lost.
 *
 *   kill PROGRAM [KILLS] [SEED]
 *
 * Two daemons with states of their own run side by side. The seed gives changes
 * and moments; what the kernel makes of the moments differs from run to run.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/kill/stage.h"

#define STAGES 2
#define LIVES_MOST 200 /* of one state; then a new one */

struct tally {
	int kills, in_writes, events, wrong;
	int issued, mails, sent, parked;
};

static void run_side_by_side(struct stage *stage, int n)
{
	for (int busy = n; busy;) {
		struct pollfd on[2 * STAGES];
		int wait = 1000, fds = 0;
		for (int i = 0; i < n; i++) {
			int one = stage_wait_ms(&stage[i]);
			if (stage[i].act == ACT_OVER)
				continue;
			wait = one < wait ? one : wait;
			on[fds++] = (struct pollfd){ .fd = server_fd(stage[i].server),
						     .events = POLLIN };
			on[fds++] = (struct pollfd){ .fd = stage[i].pidfd, .events = POLLIN };
		}
		(void)poll(on, (nfds_t)fds, wait);
		busy = 0;
		for (int i = 0; i < n; i++) {
			if (stage[i].act != ACT_OVER)
				stage_work(&stage[i]);
			busy += stage[i].act != ACT_OVER;
		}
	}
}

static void count(struct tally *t, struct stage *s)
{
	struct verdicts v;

	stage_judge(s, &v);
	if (v.wrong && !s->problem)
		s->problem = "state and sandbox differ";
	t->wrong += v.wrong + (s->problem != NULL && !v.wrong);
	t->kills += s->kills;
	t->in_writes += s->in_writes;
	t->events += s->earned;
	t->issued += v.issued;
	t->mails += v.mails;
	t->sent += v.sent;
	t->parked += v.parked;
}

/* So many lives, halved between the stages. False where no stage can be set. */
static bool round_of(const char *program, uint64_t seed, int lives, struct tally *t)
{
	struct stage stage[STAGES];

	for (int i = 0; i < STAGES; i++)
		if (!stage_begin(&stage[i], program, seed + (uint64_t)i, (lives + i) / STAGES))
			return false;
	run_side_by_side(stage, STAGES);
	for (int i = 0; i < STAGES; i++) {
		count(t, &stage[i]);
		stage_end(&stage[i]);
	}
	return true;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int kills = argc > 2 ? atoi(argv[2]) : 100;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
	char *program = argc > 1 ? realpath(argv[1], NULL) : NULL;
	struct tally t = { 0 };
	double began = seconds();

	if (!program || kills < STAGES) {
		fprintf(stderr, "usage: kill PROGRAM [KILLS] [SEED]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	printf("kill: seed %" PRIu64 "\n", seed);
	fflush(stdout);
	for (int left = kills; left > 1 && !t.wrong; seed += STAGES) {
		int lives = left < STAGES * LIVES_MOST ? left : STAGES * LIVES_MOST;
		if (!round_of(program, seed, lives, &t))
			return 3;
		left -= lives;
	}
	double took = seconds() - began;
	printf("  %d kills, %d of them amid a write; %.1f s, %.1f kills/s\n", t.kills, t.in_writes,
	       took, t.kills / took);
	printf("  %d events: %d issued, %d mails (%d sent, %d parked)\n", t.events, t.issued,
	       t.mails, t.sent, t.parked);
	/* Deaths that never met a write would prove nothing. */
	if (!t.in_writes) {
		fprintf(stderr, "kill: no write was ever cut off\n");
		t.wrong++;
	}
	printf("kill: %d passed, %d failed\n", t.wrong ? 0 : 1, t.wrong);
	free(program);
	return t.wrong ? 1 : 0;
}

/*
 * stage - one real daemon with a sandbox of its own: real processes, sockets
 * and files, and the truth about what should have been issued.
 *
 * Not a scene: time is real, and the daemon is another process that is ended by
 * SIGKILL at any moment. The sandbox lives in this process, so what it saw cannot
 * die with the daemon. Used by kill.c alone.
 */
#ifndef TESTS_KILL_STAGE_H
#define TESTS_KILL_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/sandbox/serve.h"

/* What one contact has earned so far. */
struct person {
	int64_t id;
	int changes; /* the property went through v1, v2, … */
	bool joined;
};

enum act { ACT_ACTIVATE, ACT_LIVES, ACT_FINISH, ACT_OVER };

struct stage {
	const char *program;
	char folder[64];
	struct sandbox *sandbox;
	struct server *server;
	uint64_t random;
	enum act act;
	int lives, lives_most;
	int passes; /* of the end */

	/* the daemon that lives now; pid 0: none */
	pid_t pid;
	int pidfd;
	int64_t kill_at_ms; /* monotonic */
	int kill_at_call;   /* … or when it makes its n-th call; 0: only by time */
	int calls;	    /* of this life */
	const char *problem;

	struct person *person;
	size_t people, people_most;
	int earned;	      /* events that must have one credential each */
	int kills, in_writes; /* in_writes: while Certifier carried out a write */
};

/* Everything before the first daemon: folder, rules, sandbox, contacts. False with a word on stderr. */
bool stage_begin(struct stage *s, const char *program, uint64_t seed, int lives);
/* Ends the daemon; removes the folder unless something was wrong. */
void stage_end(struct stage *s);
/* Serves what has come, kills whom it is time to kill, begins what comes next. */
void stage_work(struct stage *s);
/* How long stage_work may wait. */
int stage_wait_ms(const struct stage *s);

/* What the ledger says against what the sandbox saw. */
struct verdicts {
	int issued, mails, sent, parked, drafts;
	int wrong; /* each with a line on stderr */
};

void stage_judge(const struct stage *s, struct verdicts *v);

#endif

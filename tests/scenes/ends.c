/*
 * ends - the process ends at every durable step of a scene: before the commit, after it, and with
 * what was under way lost; or a copy of the state of every durable step is put back at the end.
 *
 * Up to that step all these lives are one. It is lived once, and at each step a fork goes on as
 * another, which shares nothing with it but what has been.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenes/scene.h"

pid_t scene_fork(void)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(3);
	}
	return pid;
}

/* Whether this is the fork. Else it has ended, and how it ended is counted. */
static bool forked(struct ends *e)
{
	int status;

	pid_t pid = scene_fork();
	if (pid == 0) {
		e->fork = true;
		return true;
	}
	bool ended = waitpid(pid, &status, 0) == pid && WIFEXITED(status);
	if (!ended)
		printf("ended by a signal: durable step %d\n", e->at);
	if (ended && WEXITSTATUS(status) == 0)
		e->passed++;
	else
		e->failed++;
	return false;
}

/* From here on the life is what the fork's variant says. */
static void be_another(struct life *l, struct ends *e)
{
	e->variant = *l->variant;
	e->variant.ends = NULL;
	l->variant = &e->variant;
}

static void end_here(struct life *l, struct ends *e, bool after)
{
	/* Before the commit nothing of it is under way that could be lost. */
	if ((l->variant->lose_requests && !after) || !forked(e))
		return;
	be_another(l, e);
	e->variant.crash_at = l->commits;
	e->variant.crash_after = after;
}

static void copy_here(struct life *l, struct ends *e)
{
	struct err err;

	e->copy = mem_grow(e->copy, &e->copy_cap, e->copies + 1, sizeof(*e->copy));
	e->copy[e->copies] = (struct state_copy){ .step = l->commits };
	if (db_copy(l->sim.world.db, &e->copy[e->copies].db, &err) == RC_OK)
		e->copies++;
	else
		life_trouble(l, "copy", err.text);
}

void ends_at_step(struct life *l, bool after)
{
	struct ends *e = l->variant->ends;

	if (!e || e->failed || (l->commits - 1) % e->every)
		return;
	e->at = l->commits;
	if (!e->copying)
		end_here(l, e, after);
	else if (after && !l->backup) /* what the scene itself puts back is its own matter */
		copy_here(l, e);
}

void ends_put_back(struct life *l)
{
	struct ends *e = l->variant->ends;

	for (size_t i = 0; i < e->copies && !e->failed; i++) {
		e->at = e->copy[i].step;
		if (!forked(e))
			continue;
		be_another(l, e);
		e->variant.restore_at = e->copy[i].step;
		db_close(l->backup);
		l->backup = e->copy[i].db;
		return;
	}
}

void ends_release(struct ends *e)
{
	for (size_t i = 0; i < e->copies; i++)
		db_close(e->copy[i].db);
	mem_free(e->copy);
}

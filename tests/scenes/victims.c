/*
 * victims - forks of a life that suffer one torment each: how many there are at once, what they share with
 * their parent, how they end, and which of them become the same.
 */
#include "base/map.h"
#include "tests/scenes/torture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANGS_S 600 /* a fork that takes longer is ended, and has failed */

void toll_add(uint64_t *sum, uint64_t n)
{
	(void)__atomic_add_fetch(sum, n, __ATOMIC_RELAXED);
}

/* What failed, and what lives it again from the start. */
void victim_report(const struct scene *s, const struct torment *t, const char *why)
{
	printf("%s: %s [torture: %s%s at %llu]\n%s", s->path, s->name, t->name,
	       t->lasting ? ", lasting," : "", (unsigned long long)t->nth, why);
	if (t->nth)
		printf("again: scenes tests/scenes --scene \"%s\" --torment '%s' --at %llu%s%s\n",
		       s->name, t->name, (unsigned long long)t->nth, t->lasting ? " --lasting" : "",
		       t->memory ? " --memory" : "");
	fflush(stdout);
}

/* One of them has ended. What it found it has said; how it died it cannot say. */
static void bury(struct tortures *all)
{
	int status;
	char why[40];
	pid_t pid = wait(&status);

	if (pid < 0) {
		perror("wait");
		exit(3);
	}
	for (size_t i = 0; i < VICTIMS_MOST; i++) {
		struct victim *v = &all->victim[i];
		if (v->pid != pid)
			continue;
		v->pid = 0;
		if (WIFEXITED(status))
			return;
		toll_add(&all->toll->failed, 1);
		snprintf(why, sizeof(why), "ended by signal %d\n", WTERMSIG(status));
		victim_report(all->scene, &v->torment, why);
	}
}

static struct victim *free_place(struct tortures *all)
{
	int living = 0;
	struct victim *place = NULL;

	for (int i = 0; i < all->jobs; i++) {
		living += all->victim[i].pid != 0;
		place = all->victim[i].pid ? place : &all->victim[i];
	}
	if (place)
		return place;
	bury(all);
	return free_place(all);
}

void victims_bury(struct tortures *all)
{
	for (int i = 0; i < all->jobs; i++)
		while (all->victim[i].pid)
			bury(all);
}

void torture_ready(struct tortures *all, char how)
{
	if (write(all->ready[1], &how, 1) != 1)
		_exit(3);
}

static bool is_dead(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid;
}

/* A fork says that what is on the disk is its own from here on, or that it has ended; 0: it died and said nothing. */
static char await_fork(struct tortures *all, pid_t pid)
{
	struct pollfd ready = { .fd = all->ready[0], .events = POLLIN };
	char how;

	while (poll(&ready, 1, 1000) != 1)
		if (is_dead(pid) && poll(&ready, 1, 0) != 1)
			return 0;
	if (read(all->ready[0], &how, 1) != 1) {
		perror("a fork");
		exit(3);
	}
	return how;
}

/* Whether this is the fork; else *how it went on, where the state is on a disk. */
bool victim_fork(struct tortures *all, const struct torment *t, char *how)
{
	struct victim *v = free_place(all);

	if (t->on_disk)
		disk_read_on();
	v->torment = *t;
	v->pid = scene_fork();
	if (v->pid) {
		if (t->on_disk)
			*how = await_fork(all, v->pid);
		return false;
	}
	alarm(HANGS_S);
	all->fork = true;
	return true;
}

/* From here on the life is one that suffers this. */
void victim_be(struct life *l, struct tortures *all, const struct torment *t)
{
	all->torment = *t;
	all->variant = *l->variant;
	all->variant.torment = &all->torment;
	l->variant = &all->variant;
	if (t->memory)
		memory_victim(all, t); /* most end before they need a disk of their own */
	if (!t->on_disk || t->memory)
		return;
	disk_after_fork();
	torture_ready(all, 's');
	disk_watch(NULL, NULL);
	disk_fail(t->disk, 1, t->lasting);
}

_Noreturn void torture_ended(struct tortures *all, bool alone, const char *wrong)
{
	if (wrong)
		victim_report(all->scene, &all->torment, wrong);
	toll_add(&all->toll->failed, wrong != NULL);
	toll_add(&all->toll->ended, 1);
	if (alone)
		disk_leave();
	else
		torture_ready(all, 'e');
	_exit(wrong != NULL);
}

/* ---- those that become the same ----------------------------------------------- */

/* All that a life depends on from here on, between two processes: what is on the disk, what is at Certifier, and when it is. */
static uint64_t key_of(const struct life *l, const struct tortures *all)
{
	const uint64_t words[] = {
		(uint64_t)(uintptr_t)l->scene,
		all->scenes,
		(uint64_t)l->sim.now_ms,
		(uint64_t)l->sim.skew_ms,
		l->sim.random,
		l->sim.started,
		(uint64_t)l->heals_ms,
		l->step,
		l->sends,
		sandbox_credential_count(l->sandbox),
	};
	uint64_t h = hash_bytes(disk_found(), words, sizeof(words));

	for (size_t i = 0; i < sandbox_credential_count(l->sandbox); i++) {
		struct sandbox_credential c = sandbox_credential_at(l->sandbox, i);
		const uint64_t is[] = { (uint64_t)c.mails, (unsigned char)c.status[0] };
		h = hash_bytes(h, is, sizeof(is));
	}
	return h ? h : 1;
}

/* Whether a fork was here before; else this one has been now. */
static bool been_here(struct toll *toll, uint64_t key)
{
	const size_t slots = sizeof(toll->seen) / sizeof(toll->seen[0]);

	for (size_t i = key % slots, tries = 0; tries < slots; i = (i + 1) % slots, tries++) {
		uint64_t there = 0;
		if (__atomic_compare_exchange_n(&toll->seen[i], &there, key, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return false;
		if (there == key)
			return true;
	}
	return false;
}

bool torture_leaves(const struct life *l)
{
	const struct tortures *all = l->variant->tortures;

	return all && all->fork && l->on_disk && l->crashed;
}

void torture_settled(struct life *l)
{
	struct tortures *all = l->variant->tortures;

	/* Within a step there is more to know, of how far it came. */
	if (!all || !all->fork || all->settled || !l->on_disk || l->in_step)
		return;
	all->settled = true;
	if (!been_here(all->toll, key_of(l, all)))
		return;
	toll_add(&all->toll->shared, 1);
	disk_leave();
	_exit(0);
}

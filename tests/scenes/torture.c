/*
 * torture - every scene again, with whatever can fail failing at each of its requests, writes, syncs and
 * reads in turn, or at each allocation of its process. What is issued must be the same.
 *
 * Up to the place that fails all these lives are one. It is lived once, and at each place a fork for
 * each thing that can fail there goes on with it to the end, and judges: torture_here. victims.c has what
 * becomes of a fork.
 */
#include "tests/scenes/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define FAILURES_MOST 10 /* of one scene: then it is tortured no more */

#define ALIKE(n, of) .kin = (n), .kins = (of)

static const struct torment torments[] = {
	{ .name = "not sent", ALIKE(0, 12), .fate = { .how = SIM_NOT_SENT }, .lasts = true },
	{ .name = "cut before",
	  ALIKE(1, 12),
	  .fate = { .how = SIM_CUT },
	  .unsure = true,
	  .lasts = true },
	{ .name = "cut after",
	  ALIKE(2, 12),
	  .fate = { .how = SIM_CUT, .after = true },
	  .unsure = true,
	  .lasts = true },
	{ .name = "timed out before",
	  ALIKE(3, 12),
	  .fate = { .how = SIM_TIMEOUT },
	  .unsure = true,
	  .lasts = true },
	{ .name = "timed out after",
	  ALIKE(4, 12),
	  .fate = { .how = SIM_TIMEOUT, .after = true },
	  .unsure = true,
	  .lasts = true },
	{ .name = "500 before",
	  ALIKE(5, 12),
	  .fate = { .how = SIM_ANSWERED, .status = 500 },
	  .unsure = true,
	  .lasts = true },
	{ .name = "503 after",
	  ALIKE(6, 12),
	  .fate = { .how = SIM_ANSWERED, .after = true, .status = 503, .body = "<html>" },
	  .unsure = true,
	  .lasts = true },
	{ .name = "429",
	  ALIKE(7, 12),
	  .fate = { .how = SIM_ANSWERED, .status = 429, .body = "{}", .retry_after_s = 20 },
	  .lasts = true },
	{ .name = "garbage",
	  ALIKE(8, 12),
	  .fate = { .how = SIM_ANSWERED, .after = true, .status = 200, .body = "<html>\xff" },
	  .unsure = true,
	  .lasts = true },
	{ .name = "empty",
	  ALIKE(9, 12),
	  .fate = { .how = SIM_ANSWERED, .after = true, .status = 200 },
	  .unsure = true,
	  .lasts = true },
	{ .name = "half an answer",
	  ALIKE(10, 12),
	  .fate = { .how = SIM_HALVED },
	  .unsure = true,
	  .lasts = true },
	{ .name = "late", ALIKE(11, 12), .fate = { .delay_ms = 20 * MS_SECOND }, .lasts = true },
	{ .name = "ended before it leaves",
	  .fate = { .how = SIM_NOT_SENT, .end = SIM_ENDS_LEAVING } },
	{ .name = "ended under way", .fate = { .end = SIM_ENDS_LEAVING } },
	{ .name = "ended after the answer", .fate = { .end = SIM_ENDS_ANSWERED } },
	{ .name = "power cut", .on_disk = true, .disk = DISK_DIES },
	{ .name = "disk full", ALIKE(0, 2), .on_disk = true, .disk = DISK_FULL, .lasts = true },
	{ .name = "write fails",
	  ALIKE(1, 2),
	  .on_disk = true,
	  .disk = DISK_WRITE_FAILS,
	  .lasts = true },
	{ .name = "sync fails", .on_disk = true, .disk = DISK_SYNC_FAILS, .lasts = true },
	{ .name = "read fails", .on_disk = true, .disk = DISK_READ_FAILS, .lasts = true },
	{ .name = "no memory", .on_disk = true, .memory = true, .lasts = true },
};
#define N_TORMENTS (sizeof(torments) / sizeof(torments[0]))

/* A scene of many days is polled hourly: otherwise nearly all its places are polls that find nothing. */
static bool is_long(const struct scene *s)
{
	return s->steps && s->step[s->steps - 1].at_ms > 24 * MS_HOUR && !s->fast_only;
}

/* So long nothing must have been left to do: a list that is missing is asked for again in an hour. */
static int64_t peace_of(const struct scene *s)
{
	int64_t polls_ms = is_long(s) ? 2 * MS_HOUR : 20 * MS_MINUTE;
	int64_t lists_ms = strstr(s->rules.ptr, "list-added") ? 65 * MS_MINUTE : 0;

	return (polls_ms > lists_ms ? polls_ms : lists_ms) + scene_lag_ms(s);
}

static struct variant variant_of(const struct scene *s, const struct torment *t)
{
	return (struct variant){ .name = "torture",
				 .poll = is_long(s) ? "1h" : "5m",
				 .api = "2026-03",
				 .tail_ms = is_long(s) ? 9 * MS_HOUR : 4 * MS_HOUR,
				 .peace_ms = peace_of(s),
				 .torment = t };
}

/* Of the kinds that are alike a place has the one whose turn it is, and another lasting. */
static bool in_round(const struct tortures *all, const struct torment *t)
{
	uint64_t round = (uint64_t)all->round, kins = t->kins ? t->kins : 1;

	if (all->round < 0)
		return true;
	return round < kins && (t->nth + round + (t->lasting ? kins / 2 : 0)) % kins == t->kin;
}

/* Whether this place and torment are in the sample. */
static bool has_turn(struct tortures *all)
{
	all->places++;
	return !all->counting && all->turn++ % all->every == 0 &&
	       all->toll->failed < all->failed_before + FAILURES_MOST;
}

/* Whether it can befall such a place of this life. */
static bool befalls(const struct torment *t, const struct life *l, enum failing at,
		    enum disk_trouble disk)
{
	if (l->scene->never_ends && (t->fate.end || t->on_disk || t->memory))
		return false;
	if (at == AT_MEMORY || t->memory)
		return at == AT_MEMORY && t->memory;
	/* A request of a life on the disk has failed in the one in memory. */
	return at == AT_DISK ? t->on_disk && t->disk == disk : !t->on_disk && !l->on_disk;
}

void torture_here(struct life *l, enum failing at, enum disk_trouble disk, uint64_t nth)
{
	struct tortures *all = l->variant->tortures;

	for (size_t i = 0; all && !all->fork && i < N_TORMENTS; i++) {
		struct torment t = torments[i];
		char how = 0;
		if (!befalls(&t, l, at, disk) || (all->only && !strstr(t.name, all->only)))
			continue;
		t.nth = nth;
		for (int lasting = 0; lasting <= (t.lasts && !l->scene->fast_only); lasting++) {
			t.lasting = lasting;
			if (!in_round(all, &t) || !has_turn(all))
				continue;
			if (victim_fork(all, &t, &how)) {
				victim_be(l, all, &t);
				return;
			}
			/* It asked for no more memory: to find none from then on is the same. */
			if (at == AT_MEMORY && how == 'e')
				break;
		}
	}
}

/* ---- lives ------------------------------------------------------------------ */

/* A life to its end; false and a report where what was issued is not what must be. A fork ends here. */
static bool suffer(struct tortures *all, const struct scene *s, const struct torment *t, bool forks)
{
	struct variant v = variant_of(s, t);
	struct life l;

	v.tortures = forks ? all : NULL;
	bool good = life_live(&l, s, &v, all->log);
	if (l.on_disk)
		disk_watch(NULL, NULL);
	good = good && judge(&l);
	if (!good)
		victim_report(s, l.variant->torment, str_text(&l.trouble));
	toll_add(&all->toll->lives, 1);
	toll_add(&all->toll->failed, !good);
	toll_add(&all->toll->requests, l.sim.started);
	toll_add(&all->toll->unknown, (uint64_t)l.unknown);
	if (all->fork) {
		if (l.on_disk)
			disk_leave();
		_exit(!good);
	}
	life_release(&l);
	return good;
}

static bool suffer_everywhere(struct tortures *all, const struct scene *s)
{
	/* What puts a state back has it in memory: its requests fail, its disk does not. */
	const struct torment well = { .name = "none" };
	const struct torment disk = { .name = "none", .on_disk = true };
	const struct torment memory = { .name = "none", .on_disk = true, .memory = true };
	bool good;

	if (all->memory)
		good = s->puts_back || suffer(all, s, &memory, true);
	else
		good = (all->disk_alone || suffer(all, s, &well, true)) &&
		       (s->puts_back || all->requests_alone || suffer(all, s, &disk, true));
	victims_bury(all);
	return good;
}

static const struct torment *find_torment(const char *name)
{
	for (size_t i = 0; i < N_TORMENTS; i++)
		if (name && strcmp(torments[i].name, name) == 0)
			return &torments[i];
	return NULL;
}

static void suffer_again(struct tortures *all, const struct scene *s)
{
	const struct torment *known = find_torment(all->only);

	if (!known) {
		fprintf(stderr,
			"scenes: --at takes one torment by its whole name: --torment NAME\n");
		exit(2);
	}
	struct torment t = *known;
	t.nth = all->replay.nth;
	t.lasting = all->replay.lasting;
	suffer(all, s, &t, false);
}

/* The whole takes long: each scene is told of as it is done. */
static void tell(const struct tortures *all, const struct scene *s, uint64_t places)
{
	printf("%llu %s: %s: %llu places; so far %llu lives, %llu shared, %llu failed\n",
	       (unsigned long long)all->scenes, s->path, s->name, (unsigned long long)places,
	       (unsigned long long)all->toll->lives, (unsigned long long)all->toll->shared,
	       (unsigned long long)all->toll->failed);
	fflush(stdout);
}

/* As many places as there are are counted, then all of them are taken, or of a sample every so many. */
static void torture_scene(struct tortures *all, const struct scene *s)
{
	all->counting = true;
	if (!suffer_everywhere(all, s))
		return;
	all->counting = false;
	uint64_t places = all->places, most = (uint64_t)all->most;
	all->every = most ? (places + most - 1) / most : 1;
	all->places = 0;
	all->turn = 7919 * all->scenes; /* so that samples of scenes differ in their kinds */
	if (all->replay.nth)
		suffer_again(all, s);
	else
		suffer_everywhere(all, s);
	toll_add(&all->toll->places, all->places);
	if (!all->most && !all->replay.nth)
		tell(all, s, places);
}

/*
 * In a process of its own, where every scene begins as the first: some allocations are made once in a
 * process, so which the n-th is depends on all that was before.
 */
void torture(struct tortures *all, const struct scene *s)
{
	if (++all->scenes < all->from)
		return;
	/* A sample has no time for scenes that are too long to be ended everywhere. */
	if (all->most && s->no_ends && !all->replay.nth)
		return;
	all->scene = s;
	all->failed_before = all->toll->failed;
	pid_t pid = scene_fork();
	if (pid == 0) {
		torture_scene(all, s);
		fflush(NULL);
		_exit(0);
	}
	int status;
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (all->replay.nth && all->memory && WIFEXITED(status) && WEXITSTATUS(status) == 3) {
		toll_add(&all->toll->ended, 1);
		return;
	}
	toll_add(&all->toll->failed, 1);
	printf("%s: %s: ended before its torture\n", s->path, s->name);
}

bool tortures_end(const struct tortures *all)
{
	const struct toll *toll = all->toll;

	printf("torture: %llu places, %llu lives and %llu that others lived, %llu ended, %llu failed;"
	       " %llu requests, %llu sends rightly unknown\n",
	       (unsigned long long)toll->places, (unsigned long long)toll->lives,
	       (unsigned long long)toll->shared, (unsigned long long)toll->ended,
	       (unsigned long long)toll->failed, (unsigned long long)toll->requests,
	       (unsigned long long)toll->unknown);
	return !toll->failed && (toll->lives || toll->ended);
}

void tortures_begin(struct tortures *all)
{
	all->toll = mmap(NULL, sizeof(*all->toll), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all->toll == MAP_FAILED || pipe(all->ready) != 0) {
		perror("torture");
		exit(3);
	}
	if (all->jobs < 1 || all->jobs > VICTIMS_MOST)
		all->jobs = 1;
}

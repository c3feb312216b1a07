/*
 * torture - every scene again, with whatever can fail failing at each of its requests and
 * writes in turn. What is issued must be the same.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/disk/disk.h"
#include "tests/scenes/scene.h"

#define DISK_MOST 150 /* places of one kind on the disk, evenly spread: there are thousands */

static const struct torment torments[] = {
	{ .name = "not sent", .fate = { .how = SIM_NOT_SENT }, .lasts = true },
	{ .name = "cut before", .fate = { .how = SIM_CUT }, .unsure = true, .lasts = true },
	{ .name = "cut after",
	  .fate = { .how = SIM_CUT, .after = true },
	  .unsure = true,
	  .lasts = true },
	{ .name = "timed out before",
	  .fate = { .how = SIM_TIMEOUT },
	  .unsure = true,
	  .lasts = true },
	{ .name = "timed out after",
	  .fate = { .how = SIM_TIMEOUT, .after = true },
	  .unsure = true,
	  .lasts = true },
	{ .name = "500 before",
	  .fate = { .how = SIM_ANSWERED, .status = 500 },
	  .unsure = true,
	  .lasts = true },
	{ .name = "503 after",
	  .fate = { .how = SIM_ANSWERED, .after = true, .status = 503, .body = "<html>" },
	  .unsure = true,
	  .lasts = true },
	{ .name = "429",
	  .fate = { .how = SIM_ANSWERED, .status = 429, .body = "{}", .retry_after_s = 20 },
	  .lasts = true },
	{ .name = "garbage",
	  .fate = { .how = SIM_ANSWERED, .after = true, .status = 200, .body = "<html>\xff" },
	  .unsure = true,
	  .lasts = true },
	{ .name = "empty",
	  .fate = { .how = SIM_ANSWERED, .after = true, .status = 200 },
	  .unsure = true,
	  .lasts = true },
	{ .name = "half an answer", .fate = { .how = SIM_HALVED }, .unsure = true, .lasts = true },
	{ .name = "late", .fate = { .delay_ms = 20 * MS_SECOND }, .lasts = true },
	{ .name = "ended before it leaves",
	  .fate = { .how = SIM_NOT_SENT, .end = SIM_ENDS_LEAVING } },
	{ .name = "ended under way", .fate = { .end = SIM_ENDS_LEAVING } },
	{ .name = "ended after the answer", .fate = { .end = SIM_ENDS_ANSWERED } },
	{ .name = "power cut", .on_disk = true, .disk = DISK_DIES },
	{ .name = "disk full", .on_disk = true, .disk = DISK_FULL, .lasts = true },
	{ .name = "write fails", .on_disk = true, .disk = DISK_WRITE_FAILS, .lasts = true },
	{ .name = "sync fails", .on_disk = true, .disk = DISK_SYNC_FAILS, .lasts = true },
	{ .name = "read fails", .on_disk = true, .disk = DISK_READ_FAILS, .lasts = true },
};
#define N_TORMENTS (sizeof(torments) / sizeof(torments[0]))

static struct variant variant_of(const struct scene *s, const struct torment *t)
{
	return (struct variant){ .name = "torture",
				 .poll = s->fast_only ? "60s" : "5m",
				 .api = "2026-03",
				 .tail_ms = 4 * MS_HOUR,
				 .torment = t };
}

/* A life to its end; false and a report where what was issued is not what must be. */
static bool suffer(struct tortures *all, const struct scene *s, const struct torment *t)
{
	struct variant v = variant_of(s, t);
	struct life l;
	bool good = life_live(&l, s, &v, all->log) && judge(&l);

	all->lives++;
	all->unknown += l.unknown;
	if (!good) {
		all->failed++;
		printf("%s: %s [torture: %s%s at %llu]\n%s", s->path, s->name, t->name,
		       t->lasting ? ", lasting," : "", (unsigned long long)t->nth,
		       str_text(&l.trouble));
	}
	all->requests += l.sim.started;
	all->last = l.sim.started;
	life_release(&l);
	return good;
}

/* The n-th place of this kind in every life, or of `step` evenly spread ones. */
static void each_place(struct tortures *all, const struct scene *s, struct torment t,
		       uint64_t places, uint64_t step)
{
	uint64_t n = all->offset % step + 1;

	for (; n <= places; n += step) {
		t.nth = n;
		if (!suffer(all, s, &t) && all->failed >= 20)
			return;
	}
	all->offset = n - places - 1; /* goes on where this left off, so that kinds differ */
}

static uint64_t places_of(const struct torment *t, uint64_t requests, uint64_t writes,
			  uint64_t syncs)
{
	if (!t->on_disk)
		return requests;
	return t->disk == DISK_DIES ? writes + syncs : t->disk == DISK_SYNC_FAILS ? syncs : writes;
}

void torture(struct tortures *all, const struct scene *s)
{
	/* What puts a state back has it in memory: its requests fail, its disk does not. */
	const struct torment none = { .name = "none", .on_disk = !s->puts_back };
	uint64_t writes = 0, syncs = 0, total = 0;

	/* A sample has no time for scenes that are too long to be ended everywhere. */
	if ((all->most && s->no_ends) || !suffer(all, s, &none))
		return;
	uint64_t requests = all->last;
	if (none.on_disk) {
		writes = disk_writes();
		syncs = disk_syncs();
	}
	for (size_t i = 0; i < N_TORMENTS; i++)
		total += places_of(&torments[i], requests, writes, syncs);
	for (size_t i = 0; i < N_TORMENTS; i++) {
		struct torment t = torments[i];
		uint64_t places = places_of(&t, requests, writes, syncs);
		uint64_t step = all->most   ? N_TORMENTS * places / (uint64_t)all->most + 1
				: t.on_disk ? places / DISK_MOST + 1
					    : 1;
		if (!places || (all->only && !strstr(t.name, all->only)))
			continue;
		each_place(all, s, t, places, step);
		t.lasting = true;
		if (t.lasts && !s->fast_only)
			each_place(all, s, t, places, step);
	}
	all->places += total;
}

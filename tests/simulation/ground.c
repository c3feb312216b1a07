/*
 * ground - what a life stands on: memory, or a disk that loses power, is full and fails.
 *
 * On the disk (a third of the seeds) a program that ends unasked takes its files with it, and as
 * often as not the power goes, too. One trouble at a time lies in wait for the n-th operation:
 * a power cut at a write or sync, in commits and checkpoints alike, or a failure, once or for up
 * to an hour. What the disk holds at the next start is what counts as stored.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/disk/disk.h"
#include "tests/simulation/simulation.h"

#define TRY_AGAIN_MS (5 * MS_MINUTE)
#define LONGEST_MS MS_HOUR
#define ACTIVE_MS (10 * MS_SECOND) /* from the first load on; before, no start may come late */

void ground_draw(struct scenario *sc)
{
	struct dice d = dice_of(sc->seed, 4);

	sc->ground = dice_chance(&d, 333);
}

static bool may_last(const struct life *l)
{
	return l->loads && l->sim.now_ms > l->load[0].at_ms + ACTIVE_MS;
}

/* The next trouble, somewhere ahead. */
static void arm(struct life *l)
{
	static const enum disk_trouble kinds[] = { DISK_DIES,	     DISK_DIES,
						   DISK_DIES,	     DISK_FULL,
						   DISK_WRITE_FAILS, DISK_SYNC_FAILS,
						   DISK_READ_FAILS };
	static const int64_t spans[] = { 10, 100, 400, 1000 };
	struct ground *g = &l->ground;

	g->trouble = DICE_PICK(&g->dice, kinds);
	g->lasts = dice_chance(&g->dice, 400) && may_last(l) && g->trouble != DISK_DIES;
	g->heals_ms = g->again_ms = 0;
	int64_t nth = dice_between(&g->dice, 1, DICE_PICK(&g->dice, spans));
	if (l->quiet_now)
		g->trouble = DISK_WELL;
	disk_fail(g->trouble, (uint64_t)nth, g->lasts);
}

/* Power is gone, whether the program has found out or not. */
static bool is_dark(const struct ground *g)
{
	return g->trouble == DISK_DIES && disk_failed();
}

static bool still_fails(const struct ground *g)
{
	return g->lasts && disk_failed();
}

bool ground_is_met(const struct life *l)
{
	return l->sc->ground && (disk_failed() || l->ground.calmed);
}

bool ground_gave(struct life *l, enum rc rc)
{
	struct ground *g = &l->ground;

	if (!l->sc->ground)
		return false;
	g->gave = g->gave || is_dark(g) || (rc != RC_OK && ground_is_met(l));
	return g->gave;
}

void ground_bore(struct life *l)
{
	struct ground *g = &l->ground;

	g->calmed = false;
	if (!ground_is_met(l) || g->lasts || g->gave)
		return;
	l->tally.disk_failures++;
	arm(l);
}

void ground_let_go(struct life *l)
{
	if (l->engine) {
		l->ground.gave = true;
		return;
	}
	db_close(l->sim.world.db);
	l->sim.world.db = NULL;
}

static void cut_power(struct life *l)
{
	char lock[128];

	l->tally.cuts++;
	disk_cut((uint64_t)dice_below(&l->ground.dice, INT64_MAX));
	db_close(l->sim.world.db);
	l->sim.world.db = NULL;
	/* The mark beside the state is not synced. */
	snprintf(lock, sizeof(lock), "%s.lock", disk_place());
	if (dice_chance(&l->ground.dice, 500))
		(void)unlink(lock);
}

void ground_leave(struct life *l, bool in_order)
{
	struct ground *g = &l->ground;

	if (!l->sc->ground)
		return;
	bool dark = is_dark(g), lasts = still_fails(g);
	l->tally.disk_failures += disk_failed() && !dark && !g->heals_ms;
	if (dark || (!in_order && !lasts && dice_chance(&g->dice, 500)))
		cut_power(l);
	else if (!in_order)
		disk_kill();
	db_close(l->sim.world.db);
	l->sim.world.db = NULL;
	g->gave = g->calmed = false;
	if (!lasts)
		arm(l);
	else if (!g->heals_ms) {
		g->heals_ms = l->sim.now_ms + dice_between(&g->dice, 1, LONGEST_MS);
		g->again_ms = l->sim.now_ms + TRY_AGAIN_MS;
	}
}

/* Beyond a trouble that lasts only every few minutes, as who starts programs does it. */
static bool may_try(struct life *l)
{
	struct ground *g = &l->ground;

	if (g->heals_ms && l->sim.now_ms >= g->heals_ms)
		arm(l);
	if (!g->heals_ms)
		return true;
	if (l->sim.now_ms < g->again_ms)
		return false;
	g->again_ms = l->sim.now_ms + TRY_AGAIN_MS;
	return true;
}

int64_t ground_again_ms(const struct life *l)
{
	const struct ground *g = &l->ground;

	return g->heals_ms && g->heals_ms < g->again_ms ? g->heals_ms : g->again_ms;
}

/* The judge's look at what the last program left; trouble waits meanwhile. */
static void look_back(struct life *l)
{
	struct ground *g = &l->ground;

	disk_fail(DISK_WELL, 0, false);
	sends_look_back(l->sends);
	/* Small logs, so that checkpoints are many. */
	if (dice_chance(&g->dice, 500))
		db_run(l->sim.world.db, "PRAGMA wal_autocheckpoint = 20", "");
	if (g->heals_ms)
		disk_fail(g->trouble, 1, true);
	else
		arm(l);
}

/* What the first start could not make whole, when power went: it held nothing, and a person removes it, as is said. */
static bool is_stillborn(const struct life *l, const struct err *err)
{
	return l->sc->ground && !l->tally.starts && strstr(err->text, "not a database");
}

bool ground_open(struct life *l)
{
	struct err err;

	if (l->sim.world.db)
		return true;
	while (!l->sc->ground || may_try(l)) {
		enum rc rc = db_open(l->sc->ground ? disk_place() : ":memory:", DB_OWN,
				     &l->sim.world.db, &err);
		if (rc == RC_BROKEN && is_stillborn(l, &err)) {
			disk_put(slice_of(""));
			continue;
		}
		if (rc != RC_OK && !ground_gave(l, rc))
			return trouble(l, "state: %s", err.text);
		if (ground_gave(l, rc)) {
			ground_leave(l, false);
			continue;
		}
		db_hook(l->sim.world.db, life_at_commit, l);
		if (l->sc->ground)
			look_back(l);
		return true;
	}
	return false;
}

void ground_calm(struct life *l)
{
	struct ground *g = &l->ground;

	if (!l->sc->ground)
		return;
	g->heals_ms = 0;
	g->lasts = false;
	g->calmed = g->calmed || (l->engine && disk_failed());
	g->trouble = DISK_WELL;
	disk_fail(DISK_WELL, 0, false);
}

void ground_stir(struct life *l)
{
	if (l->sc->ground)
		arm(l);
}

void ground_begin(struct life *l)
{
	l->ground = (struct ground){ .dice = dice_of(l->sc->seed, 5) };
	if (!l->sc->ground)
		return;
	disk_start();
	arm(l);
}

void ground_end(struct life *l)
{
	db_close(l->sim.world.db);
	if (l->sc->ground)
		disk_stop();
}

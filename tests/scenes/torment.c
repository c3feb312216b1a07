/*
 * torment - what a life suffers beyond its scene: one request, or all of forty minutes, meets
 * a fate; the process ends at a request; the disk fails, is full or loses power.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/disk/disk.h"
#include "tests/scenes/scene.h"

#define LASTS_MS (40 * MS_MINUTE)
#define UNDER_WAY_MS MS_MINUTE /* a request that began longer ago has ended */

static bool has_fate(const struct torment *t)
{
	return t && (t->fate.how != SIM_GOES || t->fate.end != SIM_LIVES || t->fate.delay_ms);
}

/* Begins, if it has not, what lasts; whether it still does. */
static bool still_on(struct life *l)
{
	if (!l->heals_ms)
		l->heals_ms = l->sim.now_ms + LASTS_MS;
	return l->sim.now_ms < l->heals_ms;
}

/* "/certifier/v1/credentials/ID/send" */
static void note_send(struct life *l, const char *path, bool unsure)
{
	static const char before[] = "/certifier/v1/credentials/";
	size_t len = strlen(path), head = sizeof(before) - 1;

	if (len <= head + 5 || strncmp(path, before, head) != 0 ||
	    strcmp(path + len - 5, "/send") != 0)
		return;
	l->send = mem_grow(l->send, &l->send_cap, l->sends + 1, sizeof(*l->send));
	struct sent *s = &l->send[l->sends++];
	snprintf(s->credential, sizeof(s->credential), "%.*s", (int)(len - head - 5), path + head);
	s->at_ms = l->sim.now_ms;
	s->unsure = unsure;
}

static struct sim_fate decide(void *ctx, const struct sim_request *request)
{
	struct life *l = ctx;

	torture_here(l, AT_REQUEST, DISK_WELL, request->number);
	const struct torment *t = l->variant->torment;
	bool met = has_fate(t) && (request->number == t->nth ||
				   (t->lasting && request->number > t->nth && still_on(l)));

	if (met)
		(void)still_on(l);
	note_send(l, request->path, met && t->unsure);
	return met ? t->fate : (struct sim_fate){ 0 };
}

/* The process has ended: how its sends under way ended nobody knows. */
static void lose_track(struct life *l)
{
	for (size_t i = 0; i < l->sends; i++)
		l->send[i].unsure |= l->send[i].at_ms > l->sim.now_ms - UNDER_WAY_MS;
}

bool torment_unsure(const struct life *l, const char *credential)
{
	for (size_t i = 0; credential && i < l->sends; i++)
		if (l->send[i].unsure && strcmp(l->send[i].credential, credential) == 0)
			return true;
	return false;
}

bool torment_ended(struct life *l)
{
	if (l->sim.ended)
		lose_track(l);
	return l->sim.ended || (l->on_disk && disk_failed()) || memory_failed();
}

static void at_disk(void *ctx, enum disk_trouble trouble, uint64_t nth)
{
	torture_here(ctx, AT_DISK, trouble, nth);
}

void torment_begin(struct life *l)
{
	const struct torment *t = l->variant->torment;

	l->sim.fate = decide;
	l->sim.fate_ctx = l;
	l->on_disk = t && t->on_disk;
	if (!l->on_disk)
		return;
	disk_start();
	if (t->memory)
		memory_begin(l);
	else if (l->variant->tortures)
		disk_watch(at_disk, l);
	disk_fail(t->disk, t->nth, t->lasting);
}

bool torment_down(struct life *l)
{
	return l->on_disk && disk_failed() && l->variant->torment->lasting && still_on(l);
}

void torment_restart(struct life *l)
{
	l->sim.ended = false;
	memory_is_back();
	if (!l->on_disk || !disk_failed() || torment_down(l))
		return;
	if (l->variant->torment->disk == DISK_DIES)
		disk_cut(l->variant->torment->nth);
	else
		disk_fail(DISK_WELL, 0, false);
}

void torment_end(struct life *l)
{
	mem_free(l->send);
	if (l->on_disk)
		disk_stop();
}

/*
 * scenes - lives every scene of a folder in every variant.
 *
 *   scenes FOLDER [--scene WORDS] [--variant NAME] [--ends N] [--first] [--log]
 *   scenes FOLDER --torture N [--torment WORDS] [--scene WORDS] [--log]
 *
 * With --first the first scene that fails is the last that is lived.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/scenes/scene.h"

static const struct variant variants[] = {
	{ .name = "plain", .poll = "60s", .api = "2026-03", .index_lag_ms = 10 * MS_SECOND },
	{ .name = "poll-13s",
	  .poll = "13s",
	  .api = "v3",
	  .index_lag_ms = 0,
	  .list_descending = true,
	  .tail_ms = MS_HOUR },
	{ .name = "poll-7m",
	  .poll = "7m",
	  .api = "2026-09",
	  .index_lag_ms = 45 * MS_SECOND,
	  .slow = true },
	{ .name = "poll-1h",
	  .poll = "1h",
	  .api = "2026-03",
	  .index_lag_ms = 3 * MS_MINUTE,
	  .list_descending = true,
	  .slow = true },
	{ .name = "clock-ahead", .poll = "60s", .api = "2026-03", .skew_ms = 47 * MS_MINUTE },
	{ .name = "clock-behind", .poll = "60s", .api = "2026-03", .skew_ms = -47 * MS_MINUTE },
	{ .name = "restarts",
	  .poll = "60s",
	  .api = "2026-03",
	  .index_lag_ms = 10 * MS_SECOND,
	  .restart_every_ms = 97 * MS_SECOND },
	{ .name = "webhooks",
	  .poll = "1h",
	  .api = "2026-03",
	  .index_lag_ms = 3 * MS_MINUTE,
	  .hooks = true,
	  .slow = true },
	{ .name = "oauth",
	  .poll = "60s",
	  .api = "2026-09",
	  .index_lag_ms = 10 * MS_SECOND,
	  .oauth = true },
	{ .name = "once",
	  .poll = "60s",
	  .api = "2026-03",
	  .index_lag_ms = 10 * MS_SECOND,
	  .once = true,
	  .slow = true },
};
#define N_VARIANTS (sizeof(variants) / sizeof(variants[0]))

struct tally {
	int passed, failed, ends;
	const char *only_scene, *only_variant;
	bool torture; /* instead of the variants */
	bool first;   /* ends with the first failure */
	struct tortures tortures;
	FILE *log;
};

static int live_one(struct tally *t, const struct scene *s, const struct variant *v)
{
	struct life l;
	bool good = life_live(&l, s, v, t->log) && judge(&l);
	int commits = l.commits;

	if (good) {
		t->passed++;
	} else {
		t->failed++;
		printf("%s: %s [%s", s->path, s->name, v->name);
		if (v->restore_at)
			printf(" to durable step %d", v->restore_at);
		if (!v->crash_at)
			printf("]\n");
		if (v->crash_at)
			printf(" ended %s durable step %d%s]\n",
			       v->crash_after ? "after" : "before", v->crash_at,
			       v->lose_requests ? ", requests lost" : "");
		printf("%s", str_text(&l.trouble));
	}
	life_release(&l);
	return commits;
}

/*
 * Scenes with more durable steps than this are ended at so many of them, evenly spread;
 * `--ends N` says another number.
 */
#define MOST_ENDS 60

/*
 * The process ends at every durable step there is: before the commit, after it, and with what
 * was under way lost.
 */
static void end_everywhere(struct tally *t, const struct scene *s, int commits)
{
	struct variant v = {
		.name = "ended", .poll = "5m", .api = "2026-03", .tail_ms = 2 * MS_HOUR
	};

	for (int n = 1; n <= commits && t->failed == 0; n += commits / t->ends + 1) {
		for (int how = 0; how < 4; how++) {
			v.crash_at = n;
			if (how == 2)
				/*
				 * before the commit nothing of it is under way that could be
				 * lost
				 */
				continue;
			v.crash_after = how & 1;
			v.lose_requests = how & 2;
			live_one(t, s, &v);
		}
	}
}

/* The state as it was at every durable step is put back when all is done, and reconciled. */
static void restore_everywhere(struct tally *t, const struct scene *s, int commits)
{
	struct variant v = {
		.name = "restored", .poll = "5m", .api = "2026-03", .tail_ms = 2 * MS_HOUR
	};

	for (int n = 1; n <= commits && t->failed == 0; n += commits / t->ends + 1) {
		v.restore_at = n;
		live_one(t, s, &v);
	}
}

static void live_scene(struct tally *t, const struct scene *s)
{
	static const struct variant counting = {
		.name = "counting", .poll = "5m", .api = "2026-03", .tail_ms = 2 * MS_HOUR
	};
	int failed = t->failed;

	if (t->first && failed)
		return;
	if (t->only_scene && !strstr(s->name, t->only_scene) && !strstr(s->path, t->only_scene))
		return;
	if (t->torture) {
		torture(&t->tortures, s);
		return;
	}
	for (size_t i = 0; i < N_VARIANTS; i++) {
		if (t->only_variant && strcmp(t->only_variant, variants[i].name) != 0)
			continue;
		if (!(s->fast_only && variants[i].slow))
			live_one(t, s, &variants[i]);
	}
	if (failed == t->failed && !s->fast_only && !s->no_ends &&
	    (!t->only_variant || strcmp(t->only_variant, "ended") == 0))
		end_everywhere(t, s, live_one(t, s, &counting));
	if (failed == t->failed && s->restores &&
	    (!t->only_variant || strcmp(t->only_variant, "restored") == 0))
		restore_everywhere(t, s, live_one(t, s, &counting));
}

static bool live_file(struct tally *t, const char *path)
{
	struct arena memory;
	struct scene *scene;
	size_t count;

	arena_init(&memory);
	bool good = scenes_read(path, &memory, &scene, &count);
	for (size_t i = 0; good && i < count; i++)
		live_scene(t, &scene[i]);
	arena_release(&memory);
	return good;
}

int main(int argc, char **argv)
{
	struct tally t = { .ends = MOST_ENDS };
	struct names names;
	struct err err;
	char path[512];

	json_start();
	if (argc < 2 || folder_list(argv[1], 10000, &names, &err) != RC_OK) {
		fprintf(stderr,
			"usage: scenes FOLDER [--scene WORDS] [--variant NAME] [--ends N] [--first] [--log]\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--log") == 0)
			t.log = stderr;
		else if (strcmp(argv[i], "--first") == 0)
			t.first = true;
		else if (i + 1 < argc && strcmp(argv[i], "--scene") == 0)
			t.only_scene = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--variant") == 0)
			t.only_variant = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--ends") == 0)
			t.ends = atoi(argv[++i]);
		else if (i + 1 < argc && strcmp(argv[i], "--torment") == 0)
			t.tortures.only = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--torture") == 0) {
			t.torture = true;
			t.tortures.most = atoi(argv[++i]);
		}
	}
	t.tortures.log = t.log;
	if (clock_set_zone("UTC", &err) != RC_OK)
		return 3;
	for (size_t i = 0; i < names.count; i++) {
		size_t len = strlen(names.list[i]);
		if (len < 6 || strcmp(names.list[i] + len - 5, ".yaml") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], names.list[i]);
		if (!live_file(&t, path))
			t.failed++;
	}
	names_release(&names);
	if (t.torture) {
		t.failed += (int)t.tortures.failed;
		t.passed += (int)(t.tortures.lives - t.tortures.failed);
		printf("torture: %llu places, %llu requests, %llu sends rightly unknown\n",
		       (unsigned long long)t.tortures.places,
		       (unsigned long long)t.tortures.requests,
		       (unsigned long long)t.tortures.unknown);
	}
	printf("scenes: %d passed, %d failed\n", t.passed, t.failed);
	return t.failed || !t.passed;
}

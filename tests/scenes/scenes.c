/*
 * scenes - lives every scene of a folder in every variant.
 *
 *   scenes FOLDER [--scene WORDS] [--variant NAME] [--ends N] [--first] [--log]
 *   scenes FOLDER --torture N [--memory | --requests | --disk] [--round N] [--from N] [--jobs N] [--torment WORDS] [--scene WORDS]
 *   scenes FOLDER --torment NAME --at N [--lasting] [--memory] [--scene WORDS] [--log]
 *
 * With --first the first scene that fails is the last that is lived. --at lives again what torture found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/scenes/torture.h"

static const struct variant variants[] = {
	{ .name = "plain", .poll = "60s", .api = "2026-03", .index_lag_ms = 10 * MS_SECOND },
	{ .name = "poll-13s",
	  .poll = "13s",
	  .api = "v3",
	  .index_lag_ms = 0,
	  .list_descending = true,
	  .busy = true,
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
	{ .name = "clock-ahead",
	  .poll = "60s",
	  .api = "2026-03",
	  .skew_ms = 47 * MS_MINUTE,
	  .tail_ms = MS_HOUR },
	{ .name = "clock-behind",
	  .poll = "60s",
	  .api = "2026-03",
	  .skew_ms = -47 * MS_MINUTE,
	  .tail_ms = MS_HOUR },
	{ .name = "restarts",
	  .poll = "60s",
	  .api = "2026-03",
	  .index_lag_ms = 10 * MS_SECOND,
	  .restart_every_ms = 97 * MS_SECOND,
	  .busy = true,
	  .tail_ms = MS_HOUR },
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
	  .oauth = true,
	  .tail_ms = MS_HOUR },
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

static bool wanted(const struct tally *t, const char *variant)
{
	return !t->only_variant || strcmp(t->only_variant, variant) == 0;
}

static void complain(const struct life *l)
{
	const struct variant *v = l->variant; /* a fork's is its own */

	printf("%s: %s [%s", l->scene->path, l->scene->name, v->name);
	if (v->restore_at)
		printf(" to durable step %d", v->restore_at);
	if (v->crash_at)
		printf(" %s durable step %d%s", v->crash_after ? "after" : "before", v->crash_at,
		       v->lose_requests ? ", requests lost" : "");
	printf("]\n%s", str_text(&l->trouble));
}

/* Answers how many durable steps it had. A fork that began meanwhile ends here. */
static int live_one(struct tally *t, const struct scene *s, const struct variant *v)
{
	struct life l;
	bool good = life_live(&l, s, v, t->log) && judge(&l);
	int commits = l.commits;

	if (!good)
		complain(&l);
	if (v->ends && v->ends->fork) {
		fflush(stdout);
		_exit(!good);
	}
	if (good)
		t->passed++;
	else
		t->failed++;
	life_release(&l);
	return commits;
}

/*
 * Scenes with more durable steps than this are ended at so many of them, evenly spread;
 * `--ends N` says another number.
 */
#define MOST_ENDS 60

/* A life to its end, and those of its forks. */
static void live_forks(struct tally *t, const struct scene *s, struct variant v, struct ends e)
{
	v.ends = &e;
	live_one(t, s, &v);
	t->passed += e.passed;
	t->failed += e.failed;
	ends_release(&e);
}

/* The process ends at durable steps; the state as it was at each is put back and reconciled. */
static void end_everywhere(struct tally *t, const struct scene *s, bool ends, bool restores)
{
	struct variant v = { .name = "ended", .poll = "5m", .api = "2026-03", .tail_ms = MS_HOUR };
	struct variant losing = v, restored = v, counting = v;

	losing.lose_requests = true;
	restored.name = "restored";
	counting.name = "counting";
	int failed = t->failed;
	int every = live_one(t, s, &counting) / t->ends + 1;

	if (ends && failed == t->failed)
		live_forks(t, s, v, (struct ends){ .every = every });
	if (ends && failed == t->failed)
		live_forks(t, s, losing, (struct ends){ .every = every });
	if (restores && failed == t->failed)
		live_forks(t, s, restored, (struct ends){ .every = every, .copying = true });
}

/* Its polls are thousands, of which all but a few find nothing. */
static bool is_long(const struct scene *s)
{
	return s->steps && s->step[s->steps - 1].at_ms > 24 * MS_HOUR;
}

static void live_scene(struct tally *t, const struct scene *s)
{
	int failed = t->failed;

	if (t->first && failed)
		return;
	if (t->only_scene && !strstr(s->name, t->only_scene) && !strstr(s->path, t->only_scene))
		return;
	if (t->torture) {
		torture(&t->tortures, s);
		return;
	}
	for (size_t i = 0; i < N_VARIANTS; i++)
		if (wanted(t, variants[i].name) && !(s->fast_only && variants[i].slow) &&
		    !(variants[i].busy && is_long(s)) &&
		    !(variants[i].restart_every_ms && s->never_ends))
			live_one(t, s, &variants[i]);
	bool ends = !s->fast_only && !s->no_ends && wanted(t, "ended");
	bool restores = s->restores && wanted(t, "restored");
	if (failed == t->failed && (ends || restores))
		end_everywhere(t, s, ends, restores);
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

/* An option with a value, and whether it is this one. */
static bool option(char **argv, int argc, int *i, const char *name, const char **value)
{
	if (*i + 1 >= argc || strcmp(argv[*i], name) != 0)
		return false;
	*value = argv[++*i];
	return true;
}

static void take_options(struct tally *t, int argc, char **argv)
{
	const char *value;

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--log") == 0)
			t->log = stderr;
		else if (strcmp(argv[i], "--first") == 0)
			t->first = true;
		else if (strcmp(argv[i], "--memory") == 0)
			t->tortures.memory = true;
		else if (strcmp(argv[i], "--requests") == 0)
			t->tortures.requests_alone = true;
		else if (strcmp(argv[i], "--disk") == 0)
			t->tortures.disk_alone = true;
		else if (strcmp(argv[i], "--lasting") == 0)
			t->tortures.replay.lasting = true;
		else if (option(argv, argc, &i, "--scene", &t->only_scene) ||
			 option(argv, argc, &i, "--variant", &t->only_variant) ||
			 option(argv, argc, &i, "--torment", &t->tortures.only))
			continue;
		else if (option(argv, argc, &i, "--ends", &value))
			t->ends = atoi(value);
		else if (option(argv, argc, &i, "--jobs", &value))
			t->tortures.jobs = atoi(value);
		else if (option(argv, argc, &i, "--round", &value))
			t->tortures.round = atoi(value);
		else if (option(argv, argc, &i, "--from", &value))
			t->tortures.from = strtoull(value, NULL, 10);
		else if (option(argv, argc, &i, "--at", &value))
			t->tortures.replay.nth = strtoull(value, NULL, 10);
		else if (option(argv, argc, &i, "--torture", &value)) {
			t->torture = true;
			t->tortures.most = atoi(value);
		}
	}
	t->torture |= t->tortures.replay.nth != 0;
}

int main(int argc, char **argv)
{
	struct tally t = { .ends = MOST_ENDS, .tortures = { .round = -1 } };
	struct names names;
	struct err err;
	char path[512];

	json_start();
	/* Much of the time is SQLite's, and there is one thread. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (argc < 2 || folder_list(argv[1], 10000, &names, &err) != RC_OK) {
		fprintf(stderr,
			"usage: scenes FOLDER [--scene WORDS] [--variant NAME] [--ends N] [--first] [--log]\n"
			"       scenes FOLDER --torture N [--memory | --requests | --disk] [--round N] [--from N]"
			" [--jobs N] [--torment WORDS] [--scene WORDS]\n"
			"       scenes FOLDER --torment NAME --at N [--lasting] [--memory] [--scene WORDS] [--log]\n");
		return 2;
	}
	take_options(&t, argc, argv);
	t.tortures.log = t.log;
	if (t.torture)
		tortures_begin(&t.tortures);
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
	if (t.torture)
		return !tortures_end(&t.tortures) || t.failed;
	printf("scenes: %d passed, %d failed\n", t.passed, t.failed);
	return t.failed || !t.passed;
}

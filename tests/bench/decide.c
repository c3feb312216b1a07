/*
 * decide - from what a look showed to issuances in the outbox, with the state on disk.
 *
 * Decided, matched, planned and committed in batches of 50, as looks bring contacts; each contact
 * earns one issuance, and its event goes on record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/decide.h"
#include "engine/hubspot/hubspot.h"
#include "engine/ledger.h"
#include "engine/record.h"
#include "tests/bench/bench.h"

#define CONTACTS 5000
#define BATCH 50

static int64_t fixed_now(void *ctx)
{
	(void)ctx;
	return 1767603600000;
}

static uint64_t fixed_random(void *ctx)
{
	(void)ctx;
	return 4;
}

static int64_t no_window(const struct source *s)
{
	(void)s;
	return 10000;
}

static void fill_contact(const struct table *t, size_t i, struct arena *memory, struct contact *c)
{
	struct entry *history = arena_alloc(memory, 2 * sizeof(*history));
	char *id = arena_printf(memory, "%zu", 100000 + i);

	*c = (struct contact){
		.asked = id, .id = id, .created_ms = 1, .modified_ms = fixed_now(NULL) - 60000
	};
	c->property = arena_alloc(memory, t->n_property * sizeof(*c->property));
	history[0] = (struct entry){ 1000000, slice_of("v9"), false };
	history[1] = (struct entry){ fixed_now(NULL) - 120000, slice_of("v0"), false };
	for (size_t k = 0; k < t->n_property; k++) {
		struct contact_property *p = &c->property[k];
		p->read = true;
		const char *name = t->property[k].name;
		/* The address, the numbers, and ten more have a value. */
		if (name[0] == 'e')
			p->current = slice_of("ana@acme.com");
		else if (name[0] == 'n' || (name[1] == '1' && name[2] && !name[3]))
			p->current = slice_of("99");
		if (strcmp(t->property[k].name, "p0") == 0) {
			p->entry = history;
			p->entries = 2;
			p->current = slice_of("v0");
		}
	}
}

static double decide_contacts(const struct world *world, const struct table *t, struct watches *w,
			      const struct source_ops *ops, double *cpu_us)
{
	struct decide d = { world, world->db, t, w, t->rule[0].source, ops, NULL, 1 };
	double start = bench_wall_s(), cpu = bench_cpu_s();
	struct err err;

	for (size_t i = 0; i < CONTACTS; i += BATCH) {
		struct arena memory;
		arena_init(&memory);
		db_begin(world->db, "decide");
		for (size_t k = i; k < i + BATCH; k++) {
			struct contact c;
			fill_contact(t, k, &memory, &c);
			struct news news = {
				.contact = c.id,
				.modified_ms = c.modified_ms,
				.came = "p1795961211626 k1795961212626 d1795961272626 "
			};
			decide_contact(&d, &c, &news, fixed_now(NULL), &memory);
		}
		if (db_commit(world->db, &err) != RC_OK)
			fprintf(stderr, "bench: %s\n", err.text);
		arena_release(&memory);
	}
	*cpu_us = (bench_cpu_s() - cpu) * 1e6 / CONTACTS;
	return CONTACTS / (bench_wall_s() - start);
}

static void remove_state(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-shm", ".lock" };
	char name[128];

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		unlink(name);
	}
}

static void measure(struct table *t)
{
	struct log silent = { .now_ms = fixed_now };
	struct source_ops ops = hubspot_ops;
	double runs[BENCH_RUNS], cpu[BENCH_RUNS];
	int64_t planned = 0;

	ops.creation_window_ms = no_window;
	for (size_t i = 0; i < BENCH_RUNS; i++) {
		struct world world = { .wall_ms = fixed_now,
				       .mono_ms = fixed_now,
				       .random = fixed_random,
				       .log = &silent };
		struct watches watches;
		struct first_clock clock = { 1000000000, 0, 0 };
		struct err err;
		char path[64];
		int64_t count[STATE_COUNT];
		snprintf(path, sizeof(path), "/tmp/hs2cert-bench-%d.db", (int)getpid());
		remove_state(path);
		if (db_open(path, DB_OWN, &world.db, &err) != RC_OK ||
		    watches_sync(world.db, t, NULL, 1000000000, &silent, &watches, &err) != RC_OK ||
		    watches_start(world.db, &watches, t->rule[0].source, &clock, &err) != RC_OK) {
			fprintf(stderr, "bench: %s\n", err.text);
			return;
		}
		runs[i] = decide_contacts(&world, t, &watches, &ops, &cpu[i]);
		ledger_count(world.db, count);
		planned = count[STATE_PLANNED];
		watches_release(&watches);
		db_close(world.db);
		remove_state(path);
	}
	printf("  decide  %7zu rules %9.0f contacts/s to the outbox, state on disk, synchronous=FULL; %.1f us of processor a contact (%lld planned)\n",
	       t->n_rule, bench_median(runs, BENCH_RUNS), bench_median(cpu, BENCH_RUNS),
	       (long long)planned);
}

void bench_decide(size_t rules)
{
	struct work work;
	struct str text;
	double seconds;

	work_make(&work, rules, false);
	/* Every contact earns one: the first rule is on p0 and v0, and wants no more than this. */
	work.rule[0] = (struct work_rule){ .domain = { 0, 1 } };
	str_init(&text, (size_t)1 << 30);
	work_text(&work, &text);
	struct table *t = work_compile(str_slice(&text), &seconds);
	str_release(&text);
	if (!t)
		exit(1);
	measure(t);
	table_unref(t);
	work_free(&work);
}

/*
 * bench - what an event costs, what a decision costs, what a table costs.
 *
 * Prints figures; asserts none. The workload is that of the shared performance
 * notes: rules on 200 properties, 5 values, an e-mail pattern and a number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "dsl/build.h"
#include "dsl/eval.h"
#include "engine/decide.h"
#include "engine/hubspot/hubspot.h"
#include "engine/ledger.h"

#define PROPERTIES 200
#define VALUES 5
#define RUNS 5
#define EVENTS 200000
#define CONTACTS 5000

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *runs, size_t n)
{
	qsort(runs, n, sizeof(*runs), by_value);
	return runs[n / 2];
}

/* ---- rules ------------------------------------------------------------------ */

static void add_rule(struct str *out, size_t i)
{
	static const char *const domains[] = { "acme",	"example", "school", "club",  "north",
					       "south", "east",	   "west",   "alpha", "beta" };

	str_addf(
		out,
		"---\nrule: r%zu\ntrigger:\n  event: property-changed\n  property: p%zu\n  to: v%zu\n  filters:\n"
		"    - { property: email, matches: '@(%s|%s)\\.com$' }\n    - { property: n%zu, at-least: %zu }\n"
		"action: { do: issue-credential, group: g%zu }\n",
		i, i % PROPERTIES, i / PROPERTIES % VALUES, domains[i % 10], domains[i / 10 % 10],
		i % 5, i % 100, i % 7);
}

static struct table *make_table(size_t rules, double *seconds, size_t *bytes)
{
	struct sources sources;
	struct diags diags;
	struct str text;

	str_init(&text, (size_t)1 << 30);
	for (size_t i = 0; i < rules; i++)
		add_rule(&text, i);
	sources_init(&sources);
	diags_init(&diags);
	/* Files of 10,000 rules: below the ceiling of one file. */
	size_t from = 0, n = 0;
	char name[64];
	for (size_t at = 0; at < text.len; n++) {
		at = text.len - from > 4u << 20 ? from + (4u << 20) : text.len;
		while (at < text.len && strncmp(text.ptr + at, "---\n", 4) != 0)
			at++;
		snprintf(name, sizeof(name), "bench-%zu.yaml", n);
		sources_add_text(&sources, name, (struct slice){ text.ptr + from, at - from });
		from = at;
	}
	*bytes = text.len;
	double start = now_s();
	struct table *t = table_build(&sources, &diags, NULL);
	*seconds = now_s() - start;
	if (!t && diags.count)
		fprintf(stderr, "bench: %s (line %u)\n", diags.list[0].message,
			diags.list[0].at.line);
	diags_release(&diags);
	sources_release(&sources);
	str_release(&text);
	return t;
}

/* ---- matching ---------------------------------------------------------------- */

struct person {
	struct slice email, number;
	const struct table *table;
};

static enum fact value_of(void *ctx, uint32_t property, struct slice *value)
{
	const struct person *p = ctx;

	*value = p->table->property[property].name[0] == 'e' ? p->email : p->number;
	return FACT_KNOWN;
}

/* Events per second; `prefix` 'p' names properties that rules watch, 'q' ones that none does. */
static double match_events(const struct table *t, char prefix, size_t *fired)
{
	static const char *const emails[] = { "ana@acme.com", "ben@example.com", "cleo@other.org",
					      "dan@school.com" };
	double start = now_s();

	*fired = 0;
	for (size_t i = 0; i < EVENTS; i++) {
		char target[8], to[8], number[8];
		struct rule_ids ids[2];
		snprintf(target, sizeof(target), "%c%zu", prefix, i * 7 % PROPERTIES);
		snprintf(to, sizeof(to), "v%zu", i * 3 % VALUES);
		snprintf(number, sizeof(number), "%zu", i * 13 % 100);
		struct person who = { slice_of(emails[i % 4]), slice_of(number), t };
		struct facts facts = { &who, value_of, NULL };
		struct event_facts e = { .kind = EVENT_PROPERTY_CHANGED,
					 .property = slice_of(target),
					 .to = slice_of(to),
					 .from_known = true };
		table_candidates(t, t->rule[0].source, EVENT_PROPERTY_CHANGED, target, e.to, ids);
		for (size_t k = 0; k < 2; k++)
			for (size_t n = 0; n < ids[k].count; n++)
				*fired += rule_match(t, &t->rule[ids[k].id[n]], &e, &facts, NULL) ==
					  ANSWER_YES;
	}
	return EVENTS / (now_s() - start);
}

static void bench_match(const struct table *t, size_t rules, double base[2])
{
	static const char prefixes[] = "pq";
	static const char *const what[] = { "on watched properties", "that no rule can match" };

	for (size_t k = 0; k < 2; k++) {
		double runs[RUNS];
		size_t fired = 0;
		for (size_t i = 0; i < RUNS; i++)
			runs[i] = match_events(t, prefixes[k], &fired);
		double rate = median(runs, RUNS);
		if (!base[k])
			base[k] = rate;
		printf("  match   %7zu rules  %10.0f events/s %s (%.2fx the cost at 10 rules; %.4f fired an event)\n",
		       rules, rate, what[k], base[k] / rate, (double)fired / EVENTS);
	}
}

/* ---- deciding ------------------------------------------------------------------ */

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
		p->current = t->property[k].name[0] == 'e' ? slice_of("ana@acme.com")
							   : slice_of("99");
		if (strcmp(t->property[k].name, "p0") == 0) {
			p->entry = history;
			p->entries = 2;
			p->current = slice_of("v0");
		}
	}
}

/* Contacts decided, with their issuances in the outbox, in batches of 50 as looks bring them. */
static double decide_contacts(const struct world *world, const struct table *t, struct watches *w,
			      const struct source_ops *ops)
{
	struct decide d = { world, world->db, t, w, t->rule[0].source, ops, NULL, 1 };
	double start = now_s();
	struct err err;

	for (size_t i = 0; i < CONTACTS; i += 50) {
		struct arena memory;
		arena_init(&memory);
		db_begin(world->db, "decide");
		for (size_t k = i; k < i + 50; k++) {
			struct contact c;
			fill_contact(t, k, &memory, &c);
			struct news news = { c.id, 0, c.modified_ms, 0 };
			decide_contact(&d, &c, &news, fixed_now(NULL), &memory);
		}
		if (db_commit(world->db, &err) != RC_OK)
			fprintf(stderr, "bench: %s\n", err.text);
		arena_release(&memory);
	}
	return CONTACTS / (now_s() - start);
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

static void bench_decide(struct table *t)
{
	struct log silent = { .now_ms = fixed_now };
	struct source_ops ops = hubspot_ops;
	double runs[RUNS];
	int64_t planned = 0;

	ops.creation_window_ms = no_window;
	for (size_t i = 0; i < RUNS; i++) {
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
		    watches_sync(world.db, t, 1000000000, &silent, &watches, &err) != RC_OK ||
		    watches_start(world.db, &watches, t->rule[0].source, &clock, &err) != RC_OK) {
			fprintf(stderr, "bench: %s\n", err.text);
			return;
		}
		runs[i] = decide_contacts(&world, t, &watches, &ops);
		ledger_count(world.db, count);
		planned = count[STATE_PLANNED];
		watches_release(&watches);
		db_close(world.db);
		remove_state(path);
	}
	printf("  decide  %7zu rules  %10.0f contacts/s to the outbox, store on disk, synchronous=FULL (%lld planned)\n",
	       t->n_rule, median(runs, RUNS), (long long)planned);
}

int main(void)
{
	static const size_t sizes[] = { 10, 1000, 10000, 100000 };
	double base[2] = { 0, 0 };
	struct err err;

	json_start();
	if (clock_set_zone("UTC", &err) != RC_OK)
		return 3;
	printf("median of %d runs\n", RUNS);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		double seconds;
		size_t bytes;
		struct table *t = make_table(sizes[i], &seconds, &bytes);
		if (!t)
			return 1;
		printf("  load    %7zu rules  %10.1f ms (%.1f us a rule, %.0f bytes of table a rule)\n",
		       sizes[i], seconds * 1e3, seconds * 1e6 / (double)sizes[i],
		       (double)t->bytes / (double)sizes[i]);
		bench_match(t, sizes[i], base);
		if (sizes[i] == 1000)
			bench_decide(t);
		table_unref(t);
	}
	return 0;
}

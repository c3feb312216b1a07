/*
 * match - one event against all rules, beside the plain C reference in the same run.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "dsl/eval.h"
#include "tests/bench/bench.h"

struct bench {
	struct work work;
	struct table *table;
	struct matcher *matcher;
	struct reference *reference;
	uint32_t *fact_of;		      /* by property */
	uint32_t email, number[WORK_NUMBERS]; /* properties */
	uint32_t *fired;		      /* room for all rules */
};

/* A contact, as a look shows it. */
struct person {
	const struct bench *b;
	const struct work_contact *contact;
};

static enum fact value_of(void *ctx, uint32_t property, struct slice *value)
{
	const struct person *p = ctx;
	*value = work_fact(p->contact, p->b->fact_of[property]);
	return FACT_KNOWN;
}

static size_t match_one(const struct bench *b, const struct work_event *event)
{
	struct person who = { b, &b->work.contact[event->contact] };
	struct facts facts = { &who, value_of, NULL };
	struct event_facts e = { .kind = EVENT_PROPERTY_CHANGED,
				 .property = event->property,
				 .to = event->value,
				 .from_known = true };
	const struct survivor *survivor;
	size_t fired = 0, n = matcher_run(b->matcher, b->table->rule[0].source, event->property, &e,
					  &facts, &survivor);

	for (size_t i = 0; i < n; i++) {
		uint32_t rule = survivor[i].rule;
		if (survivor[i].sure ||
		    rule_match(b->table, &b->table->rule[rule], &e, &facts, NULL) == ANSWER_YES)
			b->fired[fired++] = rule;
	}
	return fired;
}

/* Nanoseconds an event, and how many fired in all. */
static double ours(const struct bench *b, const struct work_event *event, size_t *fired)
{
	double start = bench_cpu_s();

	*fired = 0;
	for (size_t i = 0; i < WORK_EVENTS; i++)
		*fired += match_one(b, &event[i]);
	return (bench_cpu_s() - start) * 1e9 / WORK_EVENTS;
}

static double theirs(const struct bench *b, const struct work_event *event, size_t *fired)
{
	double start = bench_cpu_s();

	*fired = 0;
	for (size_t i = 0; i < WORK_EVENTS; i++)
		*fired += reference_match(b->reference, &b->work, &event[i], b->fired);
	return (bench_cpu_s() - start) * 1e9 / WORK_EVENTS;
}

static double theirs_by_texts(const struct bench *b, const struct work_event *event, size_t *fired)
{
	double start = bench_cpu_s();

	*fired = 0;
	for (size_t i = 0; i < WORK_EVENTS; i++) {
		struct person who = { b, &b->work.contact[event[i].contact] };
		struct facts facts = { &who, value_of, NULL };
		*fired += reference_match_texts(b->reference, &event[i], &facts, b->email,
						b->number, b->fired);
	}
	return (bench_cpu_s() - start) * 1e9 / WORK_EVENTS;
}

/* `looked` rules name the property, the value and the domain of an event: only their numbers are left to compare. */
static void measure(struct bench *b, const struct work_event *event, const char *what,
		    double looked)
{
	double us[BENCH_RUNS], them[BENCH_RUNS], ratio[BENCH_RUNS], by_texts[BENCH_RUNS];
	size_t fired, same, as_texts;

	for (size_t i = 0; i < BENCH_RUNS; i++) {
		us[i] = ours(b, event, &fired);
		them[i] = theirs(b, event, &same);
		ratio[i] = us[i] / them[i];
		by_texts[i] = us[i] / theirs_by_texts(b, event, &as_texts);
		if (fired != same || fired != as_texts) {
			fprintf(stderr, "bench: %zu fired, by the reference %zu\n", fired, same);
			exit(1);
		}
	}
	printf("  match   %7zu rules%s %9.1f ns an event %s; plain C %.1f ns, %.2fx, with facts as texts %.2fx (%.1f looked at, %.3f fired an event)\n",
	       b->work.n_rule, b->work.own ? ", a pattern each," : "", bench_median(us, BENCH_RUNS),
	       what, bench_median(them, BENCH_RUNS), bench_median(ratio, BENCH_RUNS),
	       bench_median(by_texts, BENCH_RUNS), looked, (double)fired / WORK_EVENTS);
}

static void find_properties(struct bench *b)
{
	b->fact_of = mem_alloc(b->table->n_property * sizeof(*b->fact_of));
	for (size_t i = 0; i < b->table->n_property; i++)
		if (b->table->property[i].name[0] == 'n') {
			uint32_t k = (uint32_t)atoi(b->table->property[i].name + 1);
			b->fact_of[i] = 1 + k;
			b->number[k] = (uint32_t)i;
		} else if (b->table->property[i].name[0] == 'e') {
			b->email = (uint32_t)i;
		}
}

static void begin(struct bench *b)
{
	struct str text;
	double seconds;

	str_init(&text, (size_t)1 << 30);
	work_text(&b->work, &text);
	b->table = work_compile(str_slice(&text), &seconds);
	str_release(&text);
	if (!b->table)
		exit(1);
	b->matcher = matcher_new(b->table);
	b->reference = reference_new(&b->work);
	b->fired = mem_alloc(b->work.n_rule * sizeof(*b->fired));
	find_properties(b);
}

static void end(struct bench *b)
{
	mem_free(b->fact_of);
	mem_free(b->fired);
	reference_free(b->reference);
	matcher_free(b->matcher);
	table_unref(b->table);
}

static double looked_at(size_t rules)
{
	return (double)rules * 2 / (WORK_PROPERTIES * WORK_VALUES * WORK_DOMAINS);
}

void bench_match_watched(size_t rules)
{
	struct bench b = { 0 };

	work_make(&b.work, rules, false);
	begin(&b);
	measure(&b, b.work.event, "on watched properties", looked_at(rules));
	end(&b);
	work_free(&b.work);
}

void bench_match(size_t rules, bool own)
{
	double looked = looked_at(rules);
	struct bench b = { 0 };

	work_make(&b.work, rules, own);
	begin(&b);
	measure(&b, b.work.event, "on watched properties", looked);
	measure(&b, b.work.foreign, "on others", 0);
	end(&b);
	/* Numbers that no contact has: as many rules are looked at, and none fires. */
	for (size_t i = 0; i < rules; i++)
		b.work.rule[i].at_least += 100;
	begin(&b);
	measure(&b, b.work.event, "out of reach", looked);
	end(&b);
	work_free(&b.work);
}

/*
 * export - the workload as text, for programs that are no part of this one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "tests/bench/bench.h"

static FILE *open_in(const char *folder, const char *what, size_t rules)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s/%s-%zu.tsv", folder, what, rules);
	FILE *out = fopen(name, "w");
	if (!out) {
		fprintf(stderr, "bench: cannot write '%s'\n", name);
		exit(3);
	}
	return out;
}

static void finish(FILE *out)
{
	if (fclose(out))
		exit(3);
}

/* Property, value, two domains, which number, and how large it must be. */
static void write_rules(const struct work *w, FILE *out)
{
	for (size_t i = 0; i < w->n_rule; i++) {
		const struct work_rule *r = &w->rule[i];
		struct slice a = work_domain(r->domain[0]), b = work_domain(r->domain[1]);
		fprintf(out, "p%u\tv%u\t%.*s\t%.*s\t%u\t%u\n", r->property, r->value, SLICE_FMT(a),
			SLICE_FMT(b), r->number, r->at_least);
	}
	finish(out);
}

/* Property, value, address, five numbers, and how many rules fire. */
static void write_events(const struct work *w, FILE *out)
{
	struct reference *reference = reference_new(w);
	uint32_t *fired = mem_alloc(w->n_rule * sizeof(*fired));

	for (size_t i = 0; i < WORK_EVENTS; i++) {
		const struct work_event *e = &w->event[i];
		fprintf(out, "%.*s\t%.*s", SLICE_FMT(e->property), SLICE_FMT(e->value));
		for (size_t k = 0; k < WORK_FACTS; k++)
			fprintf(out, "\t%.*s", SLICE_FMT(work_fact(&w->contact[e->contact], k)));
		fprintf(out, "\t%zu\n", reference_match(reference, w, e, fired));
	}
	mem_free(fired);
	reference_free(reference);
	finish(out);
}

void bench_export(size_t rules, const char *folder)
{
	struct work work;

	work_make(&work, rules, false);
	write_rules(&work, open_in(folder, "rules", rules));
	write_events(&work, open_in(folder, "events", rules));
	work_free(&work);
}

/*
 * workload - the rules, contacts and events that everything is measured with.
 *
 * A rule watches one of 200 properties for one of 5 values, wants an address at one of two of 10
 * domains, and a number that is large enough; a fiftieth of the rules on an event's property fire.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dsl/build.h"
#include "tests/bench/bench.h"

#define TEXT_BYTES 16
#define FILE_BYTES (4u << 20)

struct slice work_domain(uint32_t i)
{
	static const char *const all[WORK_DOMAINS] = { "acme.com", "example.com", "school.com",
						       "club.com", "north.com",	  "south.com",
						       "east.com", "west.com",	  "alpha.com",
						       "beta.com" };

	return slice_of(all[i]);
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % below;
}

static struct work_rule draw_rule(uint64_t *dice, size_t i)
{
	struct work_rule r = { .property = (uint32_t)(i % WORK_PROPERTIES),
			       .value = (uint32_t)(i / WORK_PROPERTIES % WORK_VALUES),
			       .number = draw(dice, WORK_NUMBERS),
			       .at_least = draw(dice, 100) };

	r.domain[0] = draw(dice, WORK_DOMAINS);
	r.domain[1] = (r.domain[0] + 1 + draw(dice, WORK_DOMAINS - 1)) % WORK_DOMAINS;
	return r;
}

/* The next text that is kept. */
__attribute__((format(printf, 2, 3))) static struct slice put(char **at, const char *format, ...)
{
	struct slice text = { *at, 0 };
	va_list args;

	va_start(args, format);
	text.len = (size_t)vsnprintf(*at, TEXT_BYTES, format, args);
	va_end(args);
	*at += TEXT_BYTES;
	return text;
}

__attribute__((format(printf, 3, 4))) static void add_fact(struct work_contact *c, size_t i,
							   const char *format, ...)
{
	size_t from = i ? c->to[i - 1] : 0;
	va_list args;

	va_start(args, format);
	int len = vsnprintf(c->text + from, sizeof(c->text) - from, format, args);
	va_end(args);
	c->from[i] = (uint8_t)from;
	c->to[i] = (uint8_t)(from + (size_t)len);
}

static void make_contacts(struct work *w, uint64_t *dice)
{
	w->contact = mem_alloc(WORK_CONTACTS * sizeof(*w->contact));
	for (unsigned i = 0; i < WORK_CONTACTS; i++) {
		struct work_contact *c = &w->contact[i];
		struct slice domain = work_domain(draw(dice, WORK_DOMAINS));
		add_fact(c, 0, "person%u@%.*s", i, SLICE_FMT(domain));
		for (size_t k = 0; k < WORK_NUMBERS; k++) {
			unsigned n = draw(dice, 100);
			add_fact(c, k + 1, "%u", n);
			c->plain[k] = (float)n;
		}
	}
}

static struct work_event *make_events(uint64_t *dice, char **at, char prefix)
{
	struct work_event *event = mem_alloc(WORK_EVENTS * sizeof(*event));

	for (size_t i = 0; i < WORK_EVENTS; i++) {
		event[i].contact = draw(dice, WORK_CONTACTS);
		event[i].property = put(at, "%c%u", prefix, draw(dice, WORK_PROPERTIES));
		event[i].value = put(at, "v%u", draw(dice, WORK_VALUES));
	}
	return event;
}

void work_make(struct work *w, size_t rules, bool own)
{
	uint64_t dice = 20261129;
	size_t texts = WORK_EVENTS * 4;

	*w = (struct work){ .n_rule = rules, .own = own };
	w->rule = mem_alloc(rules * sizeof(*w->rule));
	w->texts = mem_alloc(texts * TEXT_BYTES);
	char *at = w->texts;
	make_contacts(w, &dice);
	w->event = make_events(&dice, &at, 'p');
	w->foreign = make_events(&dice, &at, 'q');
	for (size_t i = 0; i < rules; i++)
		w->rule[i] = draw_rule(&dice, i);
}

void work_free(struct work *w)
{
	mem_free(w->rule);
	mem_free(w->contact);
	mem_free(w->event);
	mem_free(w->foreign);
	mem_free(w->texts);
}

void work_text(const struct work *w, struct str *out)
{
	for (size_t i = 0; i < w->n_rule; i++) {
		const struct work_rule *r = &w->rule[i];
		struct slice a = work_domain(r->domain[0]), b = work_domain(r->domain[1]);
		char third[32] = "";
		if (w->own)
			snprintf(third, sizeof(third), "|only%zu", i);
		str_addf(
			out,
			"---\nrule: r%zu\ntrigger:\n  event: property-changed\n  property: p%u\n  to: v%u\n"
			"  filters:\n    - { property: email, matches: '@(%.*s|%.*s%s)\\.com$' }\n"
			"    - { property: n%u, at-least: %u }\n"
			"action: { do: issue-credential, group: g%zu }\nbrake: off\n",
			i, r->property, r->value, (int)(a.len - 4), a.ptr, (int)(b.len - 4), b.ptr,
			third, r->number, r->at_least, i % 7);
	}
}

void work_sources(struct slice text, struct sources *out)
{
	size_t from = 0, n = 0;
	char name[64];

	for (size_t at = 0; at < text.len; from = at, n++) {
		at = text.len - from > FILE_BYTES ? from + FILE_BYTES : text.len;
		while (at < text.len && strncmp(text.ptr + at, "---\n", 4) != 0)
			at++;
		snprintf(name, sizeof(name), "bench-%zu.yaml", n);
		sources_add_text(out, name, (struct slice){ text.ptr + from, at - from });
	}
}

struct table *work_compile(struct slice text, double *seconds)
{
	struct sources sources;
	struct diags diags;

	sources_init(&sources);
	diags_init(&diags);
	work_sources(text, &sources);
	double start = bench_cpu_s();
	struct table *t = table_build(&sources, &diags, NULL);
	*seconds = bench_cpu_s() - start;
	if (!t && diags.count)
		fprintf(stderr, "bench: %s (line %u)\n", diags.list[0].message,
			diags.list[0].at.line);
	diags_release(&diags);
	sources_release(&sources);
	return t;
}

/*
 * bench - what all measurements share: a clock, medians, and the workload.
 *
 * Prints figures; asserts none, but that two ways of computing the same thing
 * computed the same thing.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dsl/build.h"
#include "dsl/eval.h"
#include "engine/world.h"

#define BENCH_RUNS 7

double bench_cpu_s(void);  /* processor time of this thread */
double bench_wall_s(void); /* for what waits for a disk */
double bench_median(double *runs, size_t n);

/* A world that stands still: one moment, one chance, one secret; no network, no state, and nothing is logged. */
#define BENCH_NOW_MS INT64_C(1767603600000)
#define BENCH_SECRET "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
struct world bench_world(void);

/* ---- the daemon ---------------------------------------------------------------- */

/* Goes to an empty folder with a rules.d in it, and sets tokens; bench_leave removes it and comes back. */
void bench_enter(void);
void bench_leave(void);
/* The program, its log in the file `log`. `arguments` are ended by NULL. */
pid_t bench_start(const char *program, const char *const *arguments);

/* ---- the workload: 200 properties, 5 values, 45 pairs of domains, 5 numbers -- */

#define WORK_PROPERTIES 200
#define WORK_VALUES 5
#define WORK_DOMAINS 10
#define WORK_NUMBERS 5
#define WORK_EVENTS 20000
#define WORK_CONTACTS 10000

/* What a rule says. */
struct work_rule {
	uint32_t property, value, domain[2], number, at_least;
};

/* Facts that are joined already, close together: fact 0 is the address, the others are numbers. */
#define WORK_FACTS (1 + WORK_NUMBERS)
#define WORK_FACT_BYTES 48

struct work_contact {
	char text[WORK_FACT_BYTES]; /* as the source says them, one behind the other … */
	uint8_t from[WORK_FACTS], to[WORK_FACTS];
	float plain[WORK_NUMBERS]; /* … and the numbers as a C program would keep them */
};

struct work_event {
	uint32_t contact;
	struct slice property; /* ended by a NUL as well */
	struct slice value;
};

struct work {
	size_t n_rule;
	bool own; /* each rule has a pattern text of its own */
	struct work_rule *rule;
	struct work_contact *contact;
	struct work_event *event;   /* on properties that rules watch */
	struct work_event *foreign; /* on others */
	char *texts;
};

/* The same in every run. */
void work_make(struct work *w, size_t rules, bool own);
struct slice work_domain(uint32_t i); /* "acme.com" */
static inline struct slice work_fact(const struct work_contact *c, size_t i)
{
	return (struct slice){ c->text + c->from[i], (size_t)(c->to[i] - c->from[i]) };
}
void work_free(struct work *w);
/* The rule files' text, a document for each rule. */
void work_text(const struct work *w, struct str *out);
/* Adds a text, in files below the ceiling of one file. */
void work_sources(struct slice text, struct sources *out);
/* Compiles a text, in files below the ceiling of one file. NULL where it is wrong, which is said. */
struct table *work_compile(struct slice text, double *seconds);

/* ---- the plain C reference ----------------------------------------------------- */

/*
 * What a C program would be that was written for this one workload: patterns cut into domains by
 * hand, one hash table on property, value and domain, numbers as doubles.
 */
struct reference;
struct reference *reference_new(const struct work *w);
void reference_free(struct reference *r);
/* How many rules fire; which ones goes to `fired`, which has room for all. */
size_t reference_match(const struct reference *r, const struct work *w, const struct work_event *e,
		       uint32_t *fired);
/*
 * The same where facts are what they are to the engine: texts that a function lends, of which `number[i]`
 * is the property of the i-th number. Each is asked for and read once.
 */
size_t reference_match_texts(const struct reference *r, const struct work_event *e,
			     const struct facts *facts, uint32_t email, const uint32_t *number,
			     uint32_t *fired);

/* ---- the measurements ------------------------------------------------------------ */

void bench_match(size_t rules, bool own);
void bench_match_watched(size_t rules); /* its first line alone */
/* Writes rules-N.tsv and events-N.tsv into the folder; how many rules fire at an event stands behind it. */
void bench_export(size_t rules, const char *folder);
void bench_load(size_t rules, bool own);
/* One load of rules with a pattern each, behind what the libraries alone take: for a profiler. */
void bench_load_once(size_t rules);
void bench_decide(size_t rules);
void bench_webhook(void);
void bench_wire(const char *program);
void bench_idle(const char *program, size_t rules);
/* Against a state of 1,000 contacts; takes minutes and gigabytes for a million. */
void bench_growth(size_t contacts);
void bench_reload(const char *program);

#endif

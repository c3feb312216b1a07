/*
 * report - how the engine is doing right now, as facts to read: for the admin endpoint.
 *
 * Taken by engine_report (engine/engine.h) from the engine's own memory, without asking the store.
 * Not here: what the store knows (engine/status.h, engine/recent.h).
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "dsl/table.h"
#include "engine/counts.h"
#include "engine/watch.h"

enum account_health {
	ACCOUNT_FINE,
	ACCOUNT_WAITING,  /* failing now, tries again by itself */
	ACCOUNT_STOPPED,  /* until a reload, a restart or another secret */
	ACCOUNT_RESTORED, /* the state is older than the service: until a reconcile */
	ACCOUNT_UNSURE,	  /* whether it is older is not told: nothing is issued until it is */
	ACCOUNT_HEALTHS
};

extern const char *const account_health_names[ACCOUNT_HEALTHS];

/* So many requests may leave now, of at most so many in a window. */
struct budget_report {
	const char *name; /* "requests", "searches" */
	int64_t left, most;
	int64_t window_ms;
};

#define REPORT_BUDGETS 2

struct account_report {
	const char *name, *type; /* lent by the table */
	enum account_health health;
	const char *
		reason; /* why it is unsure, for people; lent until the next step. NULL: it is not */
	int64_t failures; /* in a row */
	int64_t waits_ms; /* before it is asked again; 0: it does not wait */
	struct calls calls;
	bool clock_known;
	int64_t clock_ms; /* its service's clock less ours, as far as its answers tell */
	bool pushed;	  /* its service is to tell of changes by messages */
	int64_t unheard; /* changes that it found and that no message told of in time, since the start */
	struct budget_report budget[REPORT_BUDGETS];
	size_t budgets;
};

/* Lent until the engine's next load. */
struct engine_report {
	const struct table *table; /* in force; NULL before the first load */
	const struct watches *watches;
	bool stopping;
	const char *failed;		/* why the state cannot be written; NULL: it can */
	size_t in_flight;		/* requests that issue */
	struct account_report *account; /* in order of the table */
	size_t accounts;
};

/* ---- for engine/engine.c ------------------------------------------------ */

struct lane;
struct source;
struct source_ops;

/* Every account of the table (NULL: there is none), stopped until something is said of it; in `memory`. */
void report_begin(struct engine_report *out, const struct table *table, struct arena *memory);
/* `source` is NULL where it has no token: it stays stopped. */
void report_source(struct engine_report *out, const char *account, const struct source_ops *ops,
		   const struct source *source);
/* NULL says nothing. */
void report_action(struct account_report *out, const struct lane *lane);

#endif

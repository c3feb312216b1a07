/*
 * quiet - live rules that match nothing, and what came closest: a rule that silently never fires is
 * to be named.
 *
 * From events on record (engine/record.h): the tests that stood in the way of the nearest ones. Used
 * by `status`, and once a day by the engine, which tells it to the log without any value of a person.
 */
#ifndef ENGINE_QUIET_H
#define ENGINE_QUIET_H

#include "engine/record.h"

#define QUIET_MS (30 * MS_DAY)
/* The newest events that are looked at, and traces in all: a fraction of a second. */
#define QUIET_EVENTS 20000
#define QUIET_TRACES 100000

struct quiet {
	const struct rule *rule; /* lent by the table */
	int64_t since_ms; /* our clock: it matched nothing since; 30 days ago, or its activation */
	int64_t seen;	  /* events on record that it looked at since */
	/* The test that most of the nearest events failed on; NULL where there was no event. */
	const char *test;
	const char *file; /* lent by the table, as test */
	uint32_t line, column;
	int64_t failed;
	/* The commonest value that was seen there, of those that at least three contacts had; else NULL. */
	const char *value;
	int64_t times;
};

struct quiets {
	struct quiet *quiet; /* by name of rule */
	size_t count;
	struct arena memory;
};

/* `watch`: by rule id, 0 for what is not active. Released with quiets_release. */
void quiet_find(struct db *db, const struct table *table, const int64_t *watch, int64_t now_ms,
		struct quiets *out);
void quiets_release(struct quiets *q);

/*
 * Where the last time is a day ago, whichever process that was: logs each rule that matched nothing
 * since 30 days, or since a day where events were seen. In a transaction of its own.
 */
enum rc quiet_tell(struct db *db, const struct table *table, const struct watches *watches,
		   const struct log *log, int64_t now_ms, struct err *err) MUST_CHECK;

#endif

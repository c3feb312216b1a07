/*
 * status - how it went, as the store knows it: how far the accounts were looked at, what the rules
 * did in 30 days, and which of them match nothing.
 *
 * Read by `hs2cert status` beside a daemon or without one, and by the admin endpoint. Not here: what
 * a running engine knows of itself (engine/report.h).
 */
#ifndef ENGINE_STATUS_H
#define ENGINE_STATUS_H

#include "engine/quiet.h"

struct status_account {
	const char *name;
	int64_t cursor_ms; /* all changes up to here are known */
};

struct status_rule {
	const struct rule *rule; /* lent by the table */
	bool active;
	int64_t start_ms; /* where it is active: since when, by the source's clock */
	int64_t events;	  /* that it looked at in 30 days; of those, and of backfills: */
	int64_t fired;
	bool ever;
	int64_t last_ms; /* where it ever fired: the time of its last event */
	int64_t held, refused, unknown;
};

/* Why an account issues nothing until a reconcile. */
struct status_restored {
	const char *account, *reason;
};

struct status {
	int64_t now_ms;
	const struct status_account *account; /* by name */
	size_t accounts;
	const struct status_rule *rule; /* in order of the table */
	size_t rules;
	/* What waits for a person and whose rule is not in the table. */
	struct status_rule gone;		/* its rule is NULL; held, refused, unknown alone */
	const struct status_restored *restored; /* by account */
	size_t restoreds;
	/* Live rules that matched nothing, of those that are active for 30 days or saw events. */
	const struct quiet **quiet;
	size_t quiets;
	/* inside */
	struct quiets found;
	struct arena memory;
};

/*
 * `table` (NULL: none was ever loaded) and `watch` (by rule id, 0 for what is not active) are lent
 * until the release. A failure of the store shows in db_failed.
 */
void status_read(struct status *s, struct db *db, const struct table *table, const int64_t *watch,
		 int64_t now_ms);
void status_release(struct status *s);

/* One object each, as `hs2cert status --json` prints them. */
void status_json_account(const struct status *s, size_t i, struct str *out);
void status_json_rule(const struct status *s, size_t i, struct str *out);
void status_json_restored(const struct status *s, size_t i, struct str *out);
/* Where any waits. */
bool status_is_gone(const struct status *s);
void status_json_gone(const struct status *s, size_t i, struct str *out);
void status_json_quiet(const struct status *s, size_t i, struct str *out);
/* `,"key":"time"`, or null where it is not known. */
void status_json_time(struct str *out, const char *key, bool known, int64_t at_ms);

#endif

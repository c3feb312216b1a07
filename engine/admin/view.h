/*
 * view - what the admin endpoint shows: each view fills a body from the engine's report, the store
 * and the loop's own facts, and changes nothing.
 *
 * Used by engine/admin/admin.c, which says who may see it. Bodies hold no secret; only the page of
 * one contact, which somebody asked for by name, tells of a person.
 */
#ifndef ENGINE_ADMIN_VIEW_H
#define ENGINE_ADMIN_VIEW_H

#include "engine/engine.h"

/* How reloads went, since the process began. */
struct admin_reload {
	bool tried, refused; /* the last one: it was, and its rules were not taken */
	int64_t at_ms;	     /* our clock: the last one … */
	int64_t ok_ms;	     /* … and the last that took rules into use; the start counts */
	size_t errors;	     /* of one that was refused */
	char reason[LIMIT_ERROR_BYTES]; /* why, where it was not for errors in the rules; "" */
	int64_t succeeded, failed;
};

/* Lent by whoever runs the loop. */
struct admin_scope {
	const struct engine *engine;
	const struct world *world; /* for its clocks and counts; its db is not used */
	struct db *db;		   /* a view of its own, DB_READ */
	const char *state;	   /* the state's file; NULL: there is no such file */
	const char *folder;	   /* of the rules */
	int64_t started_ms;	   /* our clock */
};

struct admin_view {
	const struct admin_scope *scope;
	const struct admin_reload *reload;
	struct slice query; /* percent-encoded, without `?` */
	struct arena *memory;
	struct engine_report report;
	int64_t now_ms; /* our clock */
};

/* Each answers an HTTP status. */
typedef int admin_show(const struct admin_view *v, struct str *out);

admin_show view_health; /* the loop turns and the state can be written: 200, else 503 */
admin_show view_ready;	/* rules are in force, and every account works: 200, else 503 */
admin_show view_live;	/* what the running daemon knows of itself */
admin_show
	view_status; /* what `hs2cert status --json` prints, as one object, with view_live in it */
admin_show view_metrics; /* for Prometheus */
admin_show view_page;	 /* the status page … */
admin_show view_why;	 /* … and what it says of one contact: `contact=` in the query */
admin_show view_style, view_sign;

/* ---- for views ------------------------------------------------------------ */

/* The state's file and what belongs to it. */
struct state_file {
	int64_t bytes, wal_bytes; /* 0 where there is none */
	int64_t free_bytes;	  /* left for us on its disk; INT64_MAX: not known */
	bool writable;
};

struct state_file state_file_look(const char *path);

/* Of all accounts' clocks less ours, the one that is farthest off; 0 where none is known. */
int64_t view_clock_ms(const struct engine_report *r);
/* By account of the report: news that wait to be looked at, or bursts that wait for their due time. */
int64_t view_count_news(const struct admin_view *v, const char *account);
int64_t view_count_pending(const struct admin_view *v, const char *account);
/* The watch of each rule by its id, 0 where it is not active; in the view's memory. */
const int64_t *view_watches(const struct admin_view *v);

#endif

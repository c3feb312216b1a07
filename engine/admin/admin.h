/*
 * admin - the admin endpoint: HTTP for those who run the daemon, on its own loop.
 *
 * Not for HubSpot, which has a door of its own. Views are answered at once; a reload is asked for
 * here and done by the loop, between two turns, as SIGHUP's is, and answered then. A client that
 * hangs holds a connection, of which there are few, for a few seconds, and nothing else. Used by
 * engine/cli/run.c.
 */
#ifndef ENGINE_ADMIN_ADMIN_H
#define ENGINE_ADMIN_ADMIN_H

#include "engine/admin/gate.h"
#include "engine/admin/view.h"

struct admin;

/* Where it listens. */
struct admin_place {
	enum { ADMIN_OFF, ADMIN_PATH, ADMIN_ADDRESS } kind;
	char text[4096]; /* the socket's path, or ADDRESS:PORT */
};

/* `off`, ADDRESS:PORT, or a path. False: too long. */
bool admin_place_of(const char *text, struct admin_place *out);

/*
 * RC_INVALID where the place is none, RC_BROKEN where it cannot be had (somebody listens there, …). The
 * scope and what it names are lent until the close; the gate is copied.
 */
enum rc admin_open(struct admin **out, const struct admin_place *place, const struct gate *gate,
		   const struct admin_scope *scope, struct err *err) MUST_CHECK;
void admin_close(struct admin *a); /* NULL does nothing; who waits for a reload gets no answer */

int admin_port(const struct admin *a); /* 0 on a Unix socket */
int admin_fd(const struct admin *a);
int admin_wait_ms(const struct admin *a); /* -1: as long as one likes */
void admin_work(struct admin *a);

/* Somebody waits for a reload that has not begun. */
bool admin_asks_reload(const struct admin *a);
/* One begins: it is theirs who have asked until now. Whoever asks from now on may have edited since, and waits for the next. */
void admin_begin_reload(struct admin *a);

/* How a reload ended, whoever asked for it. Lent. */
struct admin_outcome {
	bool taken; /* other rules, or the same again, are in force */
	size_t errors, warnings;
	const char *reason;	    /* why not, where it was not for the rules; NULL */
	struct slice findings;	    /* as `validate --format json` prints them; may be empty */
	struct slice findings_text; /* as `validate` does */
};

/* Notes it, and answers all whose it was. */
void admin_tell_reload(struct admin *a, const struct admin_outcome *outcome);
/* The daemon stops: all who wait for a reload are told so. */
void admin_stop(struct admin *a);

#endif

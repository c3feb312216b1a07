/*
 * unfit - the time in which the daemon's state cannot be written: its disk is full, fails or is gone.
 *
 * The process stays. Webhooks get a 503, which is repeated; the admin endpoint says what is wrong;
 * nothing is read, decided or issued. What was stored is all that holds, so the state is opened and
 * loaded anew, as by a restart, once its disk takes what is written again. Not for `run --once`, which
 * is begun anew by others.
 */
#ifndef ENGINE_CLI_UNFIT_H
#define ENGINE_CLI_UNFIT_H

#include "engine/cli/ground.h"
#include "engine/engine.h"

/* All zero: fit. */
struct unfit {
	bool is;
	struct table *table; /* to be loaded when it is over; NULL: the one that was in force */
	int64_t since_ms, again_ms; /* monotonic; the next attempt */
	int64_t fit_ms;		    /* monotonic: since when it was fit, before or now */
	int64_t failures;	    /* in a row: one that comes soon after the last belongs to it */
	struct err why, told;
};

/*
 * The store failed. `table` is one whose load failed, or that is to be loaded once it can; NULL: there
 * is none such. Where it is unfit already, that is all that changes.
 */
void unfit_begin(struct unfit *u, struct ground *g, struct engine *e, struct table *table,
		 const struct err *why);
/*
 * Opens and loads the state anew, where that is due. True: the daemon is fit again.
 */
bool unfit_try(struct unfit *u, struct ground *g, struct engine *e);
/* It is tried in the next turn: somebody may have made room. */
void unfit_hurry(struct unfit *u);
int64_t unfit_wake_ms(const struct unfit *u); /* monotonic; INT64_MAX where it is fit */
void unfit_release(struct unfit *u);

#endif

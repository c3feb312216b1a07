/*
 * catalogue - walks through the credentials of an action account, newest first,
 * within the budget of its lane.
 *
 * It stores nothing and judges nothing: whoever walks is handed one page after
 * another. Used by restored.c (is the state older than the service?) and by
 * reconcile.c.
 */
#ifndef ENGINE_CATALOGUE_H
#define ENGINE_CATALOGUE_H

#include "engine/action.h"
#include "engine/lane.h"

struct catalogue;

enum catalogue_state {
	CATALOGUE_WALKING,
	CATALOGUE_DONE,	   /* the walker had enough, or there are no more */
	CATALOGUE_STOPPED, /* the lane is stopped: 401, 403 */
};

/*
 * One page, lent until the return. Answers whether older ones are wanted. Called from an answer:
 * nothing is to be stored that a crash may not lose. After a refusal, which a cursor that has run out
 * brings, the walk begins at the first page again: what was handed over comes a second time.
 */
typedef bool catalogue_page(void *arg, const struct page *page);

/* `lane` is lent and has a service; a lane that is loaded anew ends its catalogue first. */
struct catalogue *catalogue_new(struct lane *lane, catalogue_page *page, void *arg);
void catalogue_free(struct catalogue *c); /* NULL does nothing; forgets a request under way */

/* Begins the next request, where the lane's budget and its failures allow it. */
void catalogue_step(struct catalogue *c);
enum catalogue_state catalogue_state(const struct catalogue *c);
/* A request is under way. */
bool catalogue_is_asking(const struct catalogue *c);
/* Why the last request failed; "" where it did not. */
const char *catalogue_problem(const struct catalogue *c);
/* The last request was refused: it is asked again, but somebody may have to do something. */
bool catalogue_is_refused(const struct catalogue *c);
/* Monotonic time of the next request; INT64_MAX where only an answer can bring one. */
int64_t catalogue_wake_ms(const struct catalogue *c);

#endif

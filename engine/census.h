/*
 * census - everyone of a survey, looked at once: pages of contacts in question
 * from a source, and a look at each that is wanted.
 *
 * It opens a source of its own, without watches, so it works beside a daemon
 * and within the same limits of the service. It stores and judges nothing:
 * whoever takes it is handed one look after another. Used by engine/backfill.c and observe.c.
 */
#ifndef ENGINE_CENSUS_H
#define ENGINE_CENSUS_H

#include "engine/source.h"
#include "engine/world.h"

struct census;

/* A look that came back, and what the survey had shown of each. Lent for the call. */
struct census_look {
	const struct source_ops *ops;
	struct source *source;
	int64_t began_ms; /* the source's clock */
	const struct contact *contact;
	const struct sighting *sighting;
	size_t count;
	const char *list_id, *list_name; /* SURVEY_MEMBERS */
};

struct census_taker {
	void *ctx;
	/* Whether a look at it is wanted. */
	bool (*wants)(void *ctx, const struct sighting *sighting);
	/* again[i] is set where contact i is to be looked at once more: some fact was not to be had. */
	void (*take)(void *ctx, const struct census_look *look, bool *again);
};

/* `world`, `table`, `scope` and `taker` are lent; nothing is asked for before the first step. */
struct census *census_new(const struct world *world, const struct table *table, uint32_t account,
			  const struct survey_scope *scope, const struct census_taker *taker);
void census_free(struct census *c); /* NULL does nothing */

/*
 * Goes on with what is due; *done once everyone was looked at. RC_REFUSED where the source cannot
 * be read (now), and at the end where some contacts could not: what was handed over stays so.
 */
enum rc census_step(struct census *c, bool *done, struct err *err) MUST_CHECK;
/* Monotonic time of what is due next; INT64_MAX where only an answer can bring something. */
int64_t census_wake_ms(const struct census *c);
/* How many the survey is about, as far as the source says; else 0. How many it has shown so far. */
int64_t census_total(const struct census *c);
int64_t census_shown(const struct census *c);

#endif

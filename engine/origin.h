/*
 * origin - the inside of the engine: itself and its source accounts.
 *
 * For engine.c, once.c and retired.c only.
 */
#ifndef ENGINE_ORIGIN_H
#define ENGINE_ORIGIN_H

#include "base/arena.h"
#include "engine/engine.h"
#include "engine/hear.h"
#include "engine/inbox.h"
#include "engine/outbox.h"
#include "engine/source.h"
#include "engine/watch.h"

/* One source account. */
struct origin {
	struct engine *engine;
	char *name;
	const struct source_ops *ops;
	struct source *source;
	uint32_t account; /* index in the table */
	struct bearer *bearer;
	struct batch *batch;
	struct origin *next;
};

/* Contacts that are being looked at. */
struct batch {
	struct origin *origin;
	struct news *news;
	size_t count;
	struct arena memory;
	struct batch *next;
};

struct engine {
	const struct world *world;
	struct db *db;
	struct table *table;
	struct watches watches;
	int64_t ruleset; /* under which the table is on record */
	struct record_keep keep;
	int64_t issued_keep_ms; /* what issuances were made of; 0: for ever */
	struct origin *origin;
	struct retired *retired; /* engine/retired.c */
	struct outbox *outbox;
	struct hearing hearing;
	bool stopping;
	bool recovered;
	bool untold; /* a person may have asked for a look that nobody makes */
	bool in_step;				      /* the watches are what the store has */
	int64_t housekeeping_ms, trim_ms, secrets_ms; /* monotonic */
	enum rc failed; /* the store failed in an answer: said at the next step */
	struct err why;
};

/* It does nothing until somebody acts. */
bool origin_is_stopped(const struct origin *o);
/* All but what is under way for its bearer, where that is NULL. */
void origin_free(struct origin *o);

/* Drops the origins that the table does not declare any more. */
void retired_drop(struct engine *e);
/* Says of what waits for a look by one of them that it does. */
enum rc retired_tell(struct engine *e, struct err *err) MUST_CHECK;
/* RC_BROKEN where the state fails, also where it failed at what came for one of them. */
enum rc retired_step(struct engine *e, struct err *err) MUST_CHECK;
/* New tokens are on their way for one of them. */
bool retired_busy(const struct engine *e);
/* What is under way is forgotten. */
void retired_free(struct engine *e);

#endif

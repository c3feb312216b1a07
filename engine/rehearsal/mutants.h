/*
 * mutants - do the tests notice? Each rule is changed in one small thing at a time, and
 * lived again with the tests that concern it; where all of them still pass, nobody would
 * notice if a hand slipped there.
 */
#ifndef ENGINE_REHEARSAL_MUTANTS_H
#define ENGINE_REHEARSAL_MUTANTS_H

#include "dsl/mutate.h"
#include "engine/rehearsal/report.h"

/* More lives than this are not lived: what is left is counted, not judged. */
#define MUTANT_LIVES 20000

struct mutants {
	struct mutation *survivor; /* heap */
	size_t survivors, cap;
	size_t count, noticed, unjudged;
	size_t lives;
	const struct lock *lock; /* of the options, while it lasts */
};

/* `results` are of the tests that are to notice, lived with these options, all passed. */
void mutants_live(struct mutants *m, const struct rehearsal_options *options,
		  const struct results *results);
void mutants_release(struct mutants *m);

void mutants_text(const struct mutants *m, const struct table *table, struct str *out);
/* One object, without a line's end. */
void mutants_json(const struct mutants *m, const struct table *table, struct str *out);

#endif

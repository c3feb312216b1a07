/*
 * literals - patterns that mean no more than a choice of texts: `@(acme|example)\.com$`.
 *
 * Comparing texts costs a tenth of running a pattern, and texts can be looked up. Only what means
 * exactly the same is taken apart; everything else stays with PCRE2.
 */
#ifndef DSL_LITERALS_H
#define DSL_LITERALS_H

#include "base/arena.h"

enum literals_place { LITERALS_INSIDE, LITERALS_START, LITERALS_END, LITERALS_WHOLE };

struct literals {
	enum literals_place place;
	bool any_case;		  /* ASCII letters of both cases; the texts are in lower case */
	const struct slice *text; /* at least one must be there */
	size_t count;
};

/* More texts than this, or longer values, are left to PCRE2, whose limits may count there. */
#define LITERALS_TEXTS 16
#define LITERALS_VALUE_BYTES 1024

/*
 * False where the pattern is not known to be a choice of texts. What is found, in `memory`, holds for
 * every value that literals_can_say of.
 */
bool literals_of(struct slice pattern, struct arena *memory, struct literals *out);

/*
 * Whether comparing texts decides as PCRE2 would, of a value that is not empty: not where it ends with
 * a new line or the like (`$` stands before that as well), is long, or is more than ASCII where case
 * does not count.
 */
bool literals_can_say(const struct literals *l, struct slice value);
/* Whether one of the texts is there, in a value that literals_can_say of. */
bool literals_match(const struct literals *l, struct slice value);

#endif

/*
 * forgotten - what is left in the state of a value that was erased with its person: enough to tell
 * whether another value is the same, not what it was.
 *
 * A text `forgotten:SALT:DIGEST`, in place of the value (engine/forget.h). Few values are possible of
 * many a property, so who has the state can try them: it hides the value from a reader, not from one who
 * asks for it.
 */
#ifndef ENGINE_FORGOTTEN_H
#define ENGINE_FORGOTTEN_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/str.h"

#define FORGOTTEN_SALT 16 /* hex digits */
#define FORGOTTEN_TEXT (10 + FORGOTTEN_SALT + 1 + DIGEST_HEX)

/* Rows of which only this is left; those that hold the value itself are told apart by `=`. */
#define FORGOTTEN_SQL(column) "substr(" column ", 1, 10) = 'forgotten:'"

/* A value as it is shown: a word where it was erased. */
#define FORGOTTEN_SHOWN(column)                                                                    \
	"CASE WHEN " FORGOTTEN_SQL(column) " THEN 'forgotten' ELSE " column " END"

/* `salt`: FORGOTTEN_SALT hex digits, another one for each value. Answers `out`. */
const char *forgotten_text(const char *salt, struct slice value, char out[FORGOTTEN_TEXT]);
bool forgotten_is(struct slice stored);
/* Whether `stored` is this value, or what is left of it. */
bool forgotten_matches(struct slice stored, struct slice value);

#endif

/*
 * place - where something stands in a text, to the character.
 *
 * A place is a byte offset with its line and column, both from 1, columns in
 * characters. Lines end at LF, CR or CR LF, as editors count them. The text is
 * valid UTF-8 or ends before the first byte that is not.
 */
#ifndef DSL_PLACE_H
#define DSL_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct place {
	uint32_t at; /* bytes from the start of the text */
	uint32_t line, column;
};

#define PLACE_START ((struct place){ 0, 1, 1 })

/* One character further, CR LF being two; stays at the end of the text. */
struct place place_next(struct slice text, struct place p);
/* The place of byte `at`, which must not lie before p. */
struct place place_walk(struct slice text, struct place p, size_t at);

/* How a scalar was written. */
enum style { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE, STYLE_LITERAL, STYLE_FOLDED };

/*
 * A scalar as it stands in the text, [start, end), quotes and block indicator
 * included, and what it came out as.
 */
struct scalar {
	enum style style;
	struct place start, end;
	struct slice decoded;
};

/*
 * Where byte `offset` of the decoded text came from: through folded lines,
 * escapes, doubled quotes and the indentation of blocks. offset == decoded.len
 * gives the place behind the last character. False where the two cannot be
 * brought together (then the whole scalar is the best that can be named).
 */
bool place_in_scalar(struct slice text, const struct scalar *s, size_t offset, struct place *out);

#endif

/*
 * piece - a text in pieces, cut so that an edit changes the piece that it is in and hardly another: what is kept
 * of many versions of a text is then little more than one of them.
 *
 * Pieces end with a line, 4 KB to 64 KB after they begin, where the line's own hash says so. For
 * dsl/compile.c, which cuts the rule files, and engine/record.c, which keeps them.
 */
#ifndef DSL_PIECE_H
#define DSL_PIECE_H

#include "base/arena.h"
#include "base/digest.h"

struct piece {
	struct slice text; /* of the whole */
	char digest[DIGEST_HEX];
};

/* All of a text, in order; none of an empty one. In `memory`; the texts are lent. */
size_t pieces_cut(struct slice text, struct arena *memory, const struct piece **out);

#endif

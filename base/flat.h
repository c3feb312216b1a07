/*
 * flat - an array of objects without further ones in them, read from JSON's bytes as they stand.
 *
 * For what comes in great numbers: nothing is built or copied. It takes less than JSON. What it
 * refuses may be good all the same, and json.h decides; what it takes, json.h reads alike. The fuzz
 * targets `json` and `webhook` hold that.
 */
#ifndef BASE_FLAT_H
#define BASE_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define FLAT_MEMBERS 32 /* an object with more is refused */

enum flat_kind {
	FLAT_TEXT,
	FLAT_INTEGER,
	FLAT_ESCAPED, /* a text with escapes: what it says is not known here */
	FLAT_WORD,    /* true, false, null */
};

struct flat_member {
	struct slice key; /* no two of an object are equal */
	enum flat_kind kind;
	struct slice text; /* FLAT_TEXT; of FLAT_INTEGER, too: its digits */
	int64_t n;	   /* FLAT_INTEGER */
};

struct flat_object {
	struct flat_member member[FLAT_MEMBERS];
	size_t members;
};

struct flat {
	const char *at, *end;
	size_t read; /* objects so far */
};

enum flat_step {
	FLAT_OBJECT,
	FLAT_END,     /* the text was an array of such objects, and no more */
	FLAT_REFUSED, /* what was read before may not have been JSON either */
};

/* `text` is lent while it is read, and by what was read. */
void flat_begin(struct flat *f, struct slice text);
enum flat_step flat_next(struct flat *f, struct flat_object *out);

#endif

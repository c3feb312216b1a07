/*
 * came - how and when news of a contact came, as a short text that travels with it: from the inbox to what
 * waits, and to the event on record, for a person who asks why (engine/why.h). Nothing is decided by it.
 *
 * The text is one word for each: a letter and our clock's time, and a blank. What comes in one second in
 * one way is there once, as a source tells of each property by itself. It has a bound: the first ones tell
 * how it began.
 */
#ifndef ENGINE_CAME_H
#define ENGINE_CAME_H

#include "base/arena.h"

enum came_by {
	CAME_POLL,    /* a poll found a change */
	CAME_MESSAGE, /* the source told by itself */
	CAME_LIST,    /* a list was read, and showed a join */
	CAME_LOOK,    /* the contact was looked at, and it had not settled */
	CAME_DUE,     /* what had not settled fell due */
	CAME_RECALL,  /* what waits for an address was looked at again */
	CAME_ASKED,   /* a person asked for a retry */
	CAME_RULES,   /* the rules were edited */
	CAME_KINDS
};
extern const char *const came_words[CAME_KINDS];

#define CAME_BYTES 160u /* of a text, at least: nothing is added to a longer one */
#define CAME_TEXT 24

/* One word of such a text. Answers out. `at_ms` is our clock. */
const char *came_text(enum came_by by, int64_t at_ms, char out[CAME_TEXT]);

/* What came before, and what of `then` is not in it to the second, in `memory`. Either may be NULL. */
const char *came_join(const char *before, const char *then, struct arena *memory);

struct came {
	enum came_by by;
	int64_t at_ms;
};

/* The next one of a text; false at its end, and at what is none. */
bool came_next(struct slice *rest, struct came *out);
/* Whether more came than the text holds. */
bool came_is_full(struct slice text);

#endif

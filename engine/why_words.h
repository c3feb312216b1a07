/*
 * why_words - what every form of the answer to "why" says in the same words: the tree of `hs2cert
 * why`, its JSON, and the status page.
 */
#ifndef ENGINE_WHY_WORDS_H
#define ENGINE_WHY_WORDS_H

#include "engine/why.h"

/* Rules that an event is not near to are counted, not shown, beyond so many. */
#define WHY_MISSES 5

bool why_matched(const struct why_rule *r);
/* fired, held, skipped, no-match, no-event; what the trace says where nothing is on record. */
const char *why_outcome(const struct why_rule *r);
/* How many of the entry's rules are shown. */
size_t why_shown(const struct why_entry *e);
/* Recorded only, by a rule that was in shadow then. */
bool why_in_shadow(const struct why_rule *r);
/* "did not match: 2 tests away, the nearest", "held: brake", …; not escaped for anything. */
void why_add_verdict(struct str *out, const struct why_rule *r, bool nearest);
/* The value that a test saw, in quotes, cut at 60 bytes; "empty", "was not read". */
void why_add_seen(struct str *out, const struct trace_line *l);

/*
 * "Bronze -> Gold -> Bronze within settle 60s: no event": what became of a burst of several entries, with
 * this arrow. For entries with changes.
 */
void why_add_burst(struct str *out, const struct why_entry *e, const char *arrow);
/* What became of one change of it: whether it counted, and why not. */
void why_add_change(struct str *out, const struct why_entry *e, size_t i);
/* What it means that news came so: "a poll found it". */
const char *why_came(enum came_by by);

#endif

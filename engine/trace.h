/*
 * trace - what one rule makes of one event, test by test, and how near it came.
 *
 * Worked out by the matcher itself (rule_match_watched) from the facts that the caller has: those on
 * record (engine/record.h), or live ones. Not here: what became of the event, and how it is shown.
 */
#ifndef ENGINE_TRACE_H
#define ENGINE_TRACE_H

#include "base/arena.h"
#include "dsl/eval.h"

/* A test or a group, in the order of the file; what is in a group follows it, one deeper. */
struct trace_line {
	enum match_kind kind; /* MATCH_FROM, MATCH_TO, MATCH_TEST, MATCH_ALL or MATCH_ANY */
	size_t depth;	      /* 0: from, to and what `filters:` lists */
	size_t end;	      /* the first line behind it and what is in it */
	bool turned;	      /* `not:` stands before it; `answer` is turned, too */
	enum answer answer;
	bool differs; /* one of the few that would have to come out otherwise */
	/* tests: as in struct match_step; lent by the table and the facts */
	const char *what, *file;
	uint32_t line, column;
	const char *value_note;
	struct slice value;
	bool value_known;
};

struct trace {
	const struct rule *rule;
	enum answer answer;
	/* So few tests would have to come out otherwise for the rule to match; 0: it did. */
	size_t misses;
	const struct trace_line *line;
	size_t count;
};

/* `facts` must live as long as the trace; the rest of it is in `memory`. */
void trace_rule(const struct table *table, const struct rule *rule, const struct event_facts *event,
		const struct facts *facts, struct arena *memory, struct trace *out);
/* "to in [Gold, Silver]", "not country in [PL, DE]", "any of these": the line in words. */
void trace_add_words(struct str *out, const struct rule *rule, const struct trace_line *line);

#endif

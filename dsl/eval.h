/*
 * eval - what a filter and a template mean, given the facts.
 *
 * Pure: the facts come through functions that the caller lends. Three answers:
 * a fact that cannot be had now makes the answer unsure, never no; a pattern
 * that hits its limit is an answer of its own.
 */
#ifndef DSL_EVAL_H
#define DSL_EVAL_H

#include "base/arena.h"
#include "base/str.h"
#include "dsl/table.h"

enum fact {
	FACT_KNOWN,  /* *value is set; empty, absent and null are all the empty value */
	FACT_UNSURE, /* it could not be read now */
};

/*
 * What is known of one contact. `property` is an index in table->property. What is lent lives
 * as long as the call's caller keeps ctx.
 */
struct facts {
	void *ctx;
	enum fact (*value)(void *ctx, uint32_t property, struct slice *value);
	/*
	 * The label of a property's value; FACT_KNOWN with the value itself where it has none.
	 * It is lent until the next one is asked for. May be NULL.
	 */
	enum fact (*label)(void *ctx, uint32_t property, struct slice value, struct slice *label);
};

/* The event that a rule's from/to and the event.* references read. */
struct event_facts {
	enum event_kind kind;
	struct slice property, from, to; /* property-changed */
	struct slice list_name, list_id; /* list-added */
	bool from_known;		 /* false: what was before is not known */
	int64_t at_ms;
	int64_t as_of_ms; /* at plus settle: what `today` and `-30d` count from */
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNSURE, ANSWER_LIMIT };

/*
 * What decided the answer: the first test that made it so, for logs and `why`.
 * Lent by the table; value_note is a constant or NULL, e.g. "not a number".
 */
struct match_note {
	const char *
		/* the test in the words of the file: "country in [PL, DE, FR]", "from", "to" */
		what;
	const char *file;
	uint32_t line, column;
	const char *value_note;
};
/* "country is PL does not hold: not a number (FILE:LINE)", in `memory`. */
const char *match_note_words(const struct match_note *note, struct arena *memory);

/*
 * The rule's from, to and filters, in that order. `note` may be NULL; it is set on every
 * answer but yes.
 */
enum answer rule_match(const struct table *t, const struct rule *rule,
		       const struct event_facts *event, const struct facts *facts,
		       struct match_note *note);

/* Whether the rule's from and to, alone, let this event of its trigger qualify; a join has neither. */
bool rule_names_change(const struct rule *rule, const struct event_facts *event);

/* What rule_match meets on its way through a rule, in the order of the file. */
enum match_kind {
	MATCH_FROM, /* the rule's from */
	MATCH_TO,   /* its to; where it has none, that the value is not empty, if it is */
	MATCH_TEST, /* a test of its filters */
	MATCH_ALL,  /* opens a group; `filters:` is one itself */
	MATCH_ANY,
	MATCH_END, /* closes it; `answer` is the group's */
	MATCH_NOT, /* stands behind the test or the group that it turns; `answer` is turned */
};

struct match_step {
	enum match_kind kind;
	enum answer answer; /* but of MATCH_ALL and MATCH_ANY */
	uint32_t test;	    /* MATCH_TEST: the rule's n-th, for rule_test_at */
	/*
	 * MATCH_TEST and groups: under an odd number of `not`, so that it is good where the answer is
	 * no. `what` of such a test begins with "not".
	 */
	bool negated;
	/* MATCH_FROM, MATCH_TO and MATCH_TEST: as in match_note */
	const char *what, *file;
	uint32_t line, column;
	const char *value_note; /* a constant, or NULL */
	struct slice value;	/* what was seen; lent for the call */
	bool value_known;
};

/* Is told each step. */
struct match_watcher {
	void *ctx;
	void (*see)(void *ctx, const struct rule *rule, const struct match_step *step);
};

/*
 * As rule_match, with the same answer and note, but looks at everything, also where the answer is
 * clear before: the watcher (NULL: as rule_match) is told each test with the value that it saw.
 */
enum answer rule_match_watched(const struct table *t, const struct rule *rule,
			       const struct event_facts *event, const struct facts *facts,
			       struct match_note *note, const struct match_watcher *watcher);

/* ---- all rules at once --------------------------------------------------- */

/*
 * The matching of one event after another against a table: what it takes beside the table, which it
 * keeps. For one thread; the table outlives it.
 */
struct matcher;
struct matcher *matcher_new(const struct table *t);
void matcher_free(struct matcher *m); /* NULL does nothing */

/* A rule that is no definite no: `sure` where rule_match says yes, else it has to be asked. */
struct survivor {
	uint32_t rule;
	bool sure;
};

/*
 * Of the rules that table_candidates names, in its order, those for which rule_match would not say
 * no; lent until the next run. Rules that do not fire cost next to nothing, however many there are.
 */
size_t matcher_run(struct matcher *m, uint32_t source, struct slice target,
		   const struct event_facts *event, const struct facts *facts,
		   const struct survivor **out);

/* The tests of a rule's filters, whether they were run or not; texts are lent by the table. */
struct rule_test {
	const char *what, *file; /* as in match_note */
	uint32_t line, column;
	uint32_t property; /* index in table->property */
};

size_t rule_test_count(const struct rule *rule);
struct rule_test rule_test_at(const struct rule *rule, size_t i);

/* The properties whose labels its fields want: indices in table->property, ascending, in `memory`. */
size_t rule_labels(const struct rule *rule, struct arena *memory, const uint32_t **out);

enum render {
	RENDER_OK,
	RENDER_REQUIRED, /* `required` met an empty value */
	RENDER_UNSURE,	 /* a fact could not be read now */
	/*
	 * the value cannot become what the field needs (date arithmetic on what is no date,
	 * too long)
	 */
	RENDER_BAD,
};

/*
 * Renders field i of the rule into out (cleared first). issue-date and
 * expiry-date come out as YYYY-MM-DD or empty; recipient.name and
 * recipient.email without white space at the ends, inner runs in the name as
 * one space. Custom fields come out as they are. `why` (LIMIT_ERROR_BYTES) says
 * what was wrong on RENDER_REQUIRED and RENDER_BAD, naming field and reference.
 * recipient.name that comes out empty becomes the rendered e-mail; an empty
 * issue-date the day of the event.
 */
enum render rule_render(const struct table *t, const struct rule *rule, size_t i,
			const struct event_facts *event, const struct facts *facts, struct str *out,
			char *why);

/*
 * One `@`, local part of 1 to 64, at least two labels, no spaces or controls, 254 at most:
 * behaviour.md.
 */
bool email_valid(struct slice address);

#endif

/*
 * program - what filters and templates are compiled to.
 *
 * Built by dsl/filter.c and dsl/template.c while they check, copied into the
 * table's arena by dsl/compile.c, run by dsl/match.c and dsl/render.c. The rows of
 * operators and functions are shown to people by dsl/schema.c. Nobody else
 * includes this.
 */
#ifndef DSL_PROGRAM_H
#define DSL_PROGRAM_H

#include "base/arena.h"
#include "base/clock.h"
#include "dsl/about.h"
#include "dsl/decimal.h"
#include "dsl/eval.h"
#include "dsl/pattern.h"
#include "dsl/table.h"

/* ---- filters ----------------------------------------------------------- */

enum quantity_kind { QUANTITY_NUMBER, QUANTITY_INSTANT, QUANTITY_DAYS };

/* What a comparison compares with: a number, an instant, or a day so far from the event's. */
struct quantity {
	enum quantity_kind kind;
	struct decimal number;
	int64_t instant_ms;
	int32_t days;
};

struct operator;

/*
 * One test. Operands are what the operator's row says. A table holds it once for all rules that ask
 * the same in the same words.
 */
struct test {
	const struct operator* op;
	uint32_t property; /* index in table->property */
	bool flag;	   /* of `known` */
	bool negated;	   /* it stands under an odd number of `not` */
	struct slice property_name;
	const struct slice *value; /* texts; of `in`: sorted, each once */
	size_t n_value;
	struct quantity quantity;
	const struct pattern *pattern; /* of what looks for one; lent by the table */
	const char *what;	       /* for notes */
};

/* Where a test stands in its rule's file. */
struct test_place {
	uint32_t line, column;
};

/*
 * A filter is run by a machine with one answer and a stack of groups, from the
 * first step to the last. STEP_JOIN adds the answer to the group on top and
 * jumps to the group's STEP_CLOSE once nothing can change it any more.
 */
enum step_op {
	STEP_TEST,  /* answer = test[arg] */
	STEP_NOT,   /* answer = its contrary; unsure and limit stay */
	STEP_ALL,   /* open a group that all must hold in; arg 1: under an odd number of `not` */
	STEP_ANY,   /* open a group that one must hold in; arg likewise */
	STEP_JOIN,  /* add the answer to the group; decided: go to step arg */
	STEP_CLOSE, /* answer = the group's */
};

struct step {
	uint32_t op;
	uint32_t arg;
};

struct filter {
	const struct step *step;
	uint32_t n_step, n_test;
	struct {
		const struct test *test;
		struct test_place at;
	} entry[];
};

/* Groups open at one time: filters nest as YAML does. */
#define FILTER_DEPTH LIMIT_YAML_DEPTH

/* What a test may look at beside the value. */
struct test_moment {
	int64_t as_of_ms;
};

enum operand_form {
	OPERAND_TEXT,	  /* one text, compared exactly */
	OPERAND_TEXTS,	  /* one or several, compared exactly */
	OPERAND_PIECE,	  /* a part of a text, case ignored: a pattern made by us */
	OPERAND_PATTERN,  /* a regular expression */
	OPERAND_OPTION,	  /* one option of a multi-checkbox */
	OPERAND_QUANTITY, /* a number, a date or a date-time, or a relative day */
	OPERAND_MOMENT,	  /* as before, but no number */
	OPERAND_FLAG,	  /* true or false */
};

#define ORDER_LESS 1u
#define ORDER_EQUAL 2u
#define ORDER_MORE 4u

struct operator
{
	const char *name;
	enum operand_form form;
	bool contrary;		     /* holds where `run` says no, and on the empty value */
	unsigned order;		     /* of comparisons: ORDER_* that hold */
	const char *before, *behind; /* OPERAND_PIECE: the pattern around the text */
	enum answer (*run)(const struct test *t, struct slice value, const struct test_moment *m,
			   const char **note);
	struct about about;
};

extern const struct operator operators[];
extern const size_t operator_count;

/* One test on one value. `note` is set where there is something to say. */
enum answer test_run(const struct test *t, struct slice value, const struct test_moment *m,
		     const char **note);

/* ---- templates --------------------------------------------------------- */

enum ref {
	REF_LITERAL, /* no reference: text */
	REF_CONTACT,
	REF_EVENT_PROPERTY,
	REF_EVENT_FROM,
	REF_EVENT_TO,
	REF_EVENT_AT,
	REF_EVENT_DATE,
	REF_EVENT_LIST,
	REF_EVENT_LIST_ID,
	REF_RULE_NAME,
};

#define CALL_ARGS 2

/* A token of date('…'), or text between tokens. */
enum date_token {
	DATE_TEXT,
	DATE_YEAR,
	DATE_YEAR2,
	DATE_MONTH,
	DATE_MONTH1,
	DATE_MONTH_SHORT,
	DATE_MONTH_NAME,
	DATE_DAY,
	DATE_DAY1,
	DATE_HOUR,
	DATE_MINUTE,
	DATE_SECOND,
};

struct date_piece {
	enum date_token token;
	struct slice text;
};

struct function;

struct call {
	const struct function *fn;
	struct slice arg[CALL_ARGS];
	size_t n_arg;
	int64_t amount;			/* add: how many */
	enum calendar_unit unit;	/* add */
	const struct date_piece *piece; /* date */
	size_t n_piece;
	uint32_t from, to; /* the name, in the template's text */
	uint32_t arg_from[CALL_ARGS], arg_to[CALL_ARGS];
};

struct part {
	enum ref ref;
	struct slice text;     /* of a literal; of a reference: as written, "contact.country" */
	struct slice property; /* REF_CONTACT: the property's name */
	uint32_t index; /* in table->property; of event.from and event.to with label: the trigger's
			 */
	bool label;	/* the first function is `label` */
	const struct call *call;
	size_t n_call;
	uint32_t from, to; /* the reference, in the template's text */
};

struct template
{
	const struct part *part;
	size_t n_part;
};

/* The value that a function works on: two buffers that change places. */
struct working {
	struct str *now, *next;
	const char *problem; /* set with RENDER_BAD */
};

struct function {
	const char *name;
	size_t min_args, max_args;
	const char *usage;
	/* NULL where the arguments are good; else what is wrong, and *at the argument, *from.. its
	 * bytes. */
	const char *(*check)(struct call *c, struct arena *arena, size_t *at, size_t *from,
			     size_t *to);
	enum render (*run)(const struct call *c, struct working *w);
	bool needs_date;
	const char *const *words; /* NULL-ended: what bytes from..to could have been, for a hint */
	const char *meaning;
};

extern const struct function functions[];
extern const size_t function_count;

/* ---- the table's inside ------------------------------------------------ */

/* Lines count from 1 at the rule's first, so that rules of one shape have the same; 0: not there. */
struct rule_place {
	uint32_t from_line, from_column, to_line, to_column;
};

struct table_memory {
	struct arena arena;
	struct arena texts; /* of the files */
	struct patterns patterns;
	const struct rule_place *const *place; /* by rule id; equal ones once */
	struct table *base;		       /* a mutant's: what it lends from; else NULL */
};

/* Whether `wanted` is among sorted values: of a rule's from or to. */
bool rule_has_value(const struct slice *value, size_t count, struct slice wanted);

/* Sets t->hash: what its dump is known by. */
void table_hash(struct table *t);

/* Builds t->index from the rules. */
void table_index_build(struct table *t);

#endif

/*
 * index - which rules an event can match, laid out for the look-up.
 *
 * A bucket holds the rules that one event's trigger and value ask for. In a large bucket, gates spare
 * most of them a look: where many rules want one of certain texts in the same property (`is`, `in`, a
 * pattern that means the end of an address), the contact's own text leads to the few that name it.
 * What then remains of a rule are checks, the cheapest first: tests that all must hold, as numbers and
 * texts that are compared. Most often it is one number: such rules lie in a row, 8 bytes each, and are
 * compared without a branch. Rules are only ever passed over for a definite no; what checks cannot say
 * is left to rule_match.
 *
 * Built once by dsl/index.c and dsl/narrow.c in the table's arena, run by dsl/matcher.c, next to nobody
 * else's business.
 */
#ifndef DSL_INDEX_H
#define DSL_INDEX_H

#include "dsl/literals.h"
#include "dsl/program.h"

enum check_kind {
	CHECK_NUMBER,	/* number[of] compared as `order` says */
	CHECK_LITERALS, /* literals[of] */
	CHECK_FROM,	/* the rule's `from:` */
	CHECK_TEST,	/* test[of] */
	CHECK_PATTERN,	/* pattern[of]; its answer is remembered for the event */
};

struct check {
	uint8_t kind;
	uint8_t order;	   /* ORDER_* that hold */
	uint16_t property; /* index in table->property */
	uint32_t of;
};

/* What remains of a rule: the checks behind it. Or a row: rules of which one number remains. */
struct candidate {
	uint32_t rule;
	uint16_t count;
	bool exact; /* once they hold, so does the rule */
	bool row;
};

#define RUNG_NUMBERS (1u << 20)
#define RUNG_PROPERTIES (1u << 9)
#define ROW_MOST UINT16_MAX

/* A rule of a row, which fires where number[number] compares as `order` says. */
struct rung {
	uint32_t rule;
	uint32_t number : 20, order : 3, property : 9;
};

/* Candidates and what belongs to them lie in the order in which they are met. */
union entry {
	struct candidate candidate;
	struct check check;
	struct rung rung;
};

struct range {
	uint32_t first, count;
};

enum gate_kind {
	GATE_VALUE,	   /* the whole value */
	GATE_ADDRESS,	   /* from its last `@` on */
	GATE_ADDRESS_LOWER /* the same, case ignored */
};

struct gate {
	uint32_t property;
	enum gate_kind kind;
};

#define PATH_TEXT_BYTES 32

/* One text at one gate of one bucket; 64 bytes, so that finding it is one miss of the cache. */
struct path {
	uint64_t hash;
	uint32_t bucket, gate;
	struct range entries;
	uint32_t len;
	union {
		char text[PATH_TEXT_BYTES];
		const char *long_text; /* where it is longer */
	};
};

/* What an event asks for, as one number but for the texts. */
#define BUCKET_KIND(source, event, any) ((source) << 2 | (uint32_t)(event) << 1 | (any))
#define BUCKET_GATES 4

struct bucket {
	uint64_t hash;
	const char *key;	      /* target and value, one behind the other */
	uint32_t kind;		      /* BUCKET_KIND; any: rules without `to:` */
	uint32_t target_len, key_len; /* bytes */
	uint16_t gates, gate[BUCKET_GATES];
	struct range ids;  /* in id: all its rules, ascending */
	struct range flat; /* entries behind no gate */
};

/* Where a bucket or a path is, and enough of its hash to pass by others. */
struct index_slot {
	uint32_t hash;
	uint32_t at; /* index + 1, 0 is free */
};

struct table_index {
	const struct bucket *bucket;
	const struct index_slot *slot;
	size_t slots; /* a power of two */
	bool any;     /* some bucket is for rules without `to:` */
	size_t most;  /* rules in a bucket, at most */
	const uint32_t *id;
	const union entry *entry;
	const int64_t *number;
	const struct literals *literals;
	const struct test *const *test;
	const struct test *const *pattern;
	size_t patterns;
	const struct gate *gate;
	const struct path *path;
	const struct index_slot *path_slot;
	size_t path_slots; /* a power of two */
};

/* The bucket for an event; NULL where no rule asks for it. */
struct index_key {
	uint32_t kind;
	struct slice target, value;
};
const struct bucket *index_bucket(const struct table_index *x, const struct index_key *key);

/* The path that a text takes through a gate, or NULL. */
const struct path *index_path(const struct table_index *x, uint32_t bucket, uint32_t gate,
			      struct slice text);
uint64_t index_hash(uint32_t bucket, uint32_t gate, struct slice text);

/* Of an address from its last `@` on; empty where there is none. */
struct slice index_address(struct slice value);
#define INDEX_TEXT_BYTES 256 /* longer texts are at no gate */

/*
 * A plain decimal of at most 12 digits before and 6 behind the point, in millionths: what most numbers
 * are, and compared at once. False for every other text.
 */
bool index_number(struct slice text, int64_t *out);

/* ---- building ----------------------------------------------------------------- */

struct index_maker;
struct index_maker *index_maker_new(struct table *t);
/* Lays out the rules of one bucket, the `bucket`-th. */
void index_narrow(struct index_maker *m, struct bucket *b, uint32_t bucket, const uint32_t *id);
/* Gives all to x, in the table's arena; frees m. */
void index_maker_end(struct index_maker *m, struct table_index *x);

#endif

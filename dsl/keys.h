/*
 * keys - a map read by a table of its keys.
 *
 * A row says how a key is called, what it takes, whether it must be there, and
 * where in a struct its value goes. Unknown keys, missing ones and wrong values
 * are said here, once, for every map of the language.
 */
#ifndef DSL_KEYS_H
#define DSL_KEYS_H

#include "dsl/about.h"
#include "dsl/fault.h"

enum key_kind {
	KEY_NODE, /* anything: const struct node *, looked at by the caller */
	KEY_TEXT, /* one text without control characters: const struct node *, NULL where refused */
	KEY_NAME, /* as KEY_TEXT, of the form of rule and account names */
	KEY_MAP,  /* a map: const struct node * */
	KEY_TEXTS,    /* a text or a list of them: const struct node * */
	KEY_WORD,     /* one of `words`: int */
	KEY_BOOL,     /* bool */
	KEY_DURATION, /* int64_t, milliseconds from least to most */
};

struct key {
	const char *name;
	enum key_kind kind;
	bool required;
	size_t at; /* offset in the struct */
	const char
		*otherwise; /* default, as one would write it; NULL: the struct keeps what it has */
	const char *const *words; /* KEY_WORD: NULL-ended */
	int64_t least, most;	  /* KEY_DURATION */
	/* The rest is not read by the parser: it is what editors show and check as one types. */
	struct about about;
	const char *const *meaning; /* KEY_WORD: of each word */
	const char *pattern; /* KEY_TEXT: regular expression of what it can be; NULL: anything */
	enum names names;
};

/* The keys of one kind of map. */
struct keys {
	const char *what; /* "rule", "trigger": for messages */
	const struct key *row;
	size_t count;
};

/*
 * Reads `map` into `into`. `owner` is what a missing key is said of: the key
 * that holds the map, or the document's first key. `foreign` (may be NULL) is
 * asked about each unknown key first; it answers true when it has said
 * something itself.
 */
bool keys_read(struct faults *f, const struct keys *keys, const struct node *map,
	       const struct node *owner, void *into,
	       bool (*foreign)(struct faults *f, const struct node *key));

/* Says that `key` is not one of the rows, with a hint. */
void keys_unknown(struct faults *f, const struct keys *keys, const struct node *key);

#endif

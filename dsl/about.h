/*
 * about - what people are told of a key, a word, an operator, a function.
 *
 * It stands in the very rows that the parser reads, so that whatever shows the
 * language to people (dsl/schema.c, for editors) has no list of its own. Not for
 * messages: those say what is wrong, this says what is right.
 */
#ifndef DSL_ABOUT_H
#define DSL_ABOUT_H

struct about {
	const char *title;   /* a few words, without full stop */
	const char *text;    /* sentences; `code` in backticks */
	const char *example; /* a value as one writes it, or NULL */
};

/* What a text names outside of the rule files, where it does: hs2cert.lock knows the names. */
enum names {
	NAMES_NONE,
	NAMES_ACCOUNT,
	NAMES_PROPERTY, /* the internal name of a property of contacts */
	NAMES_LIST,	/* the id or the name of a list */
	NAMES_GROUP,	/* the id of a group */
	NAMES_RECORD,	/* the id of a contact or a list, as rule tests make them up */
};

#endif

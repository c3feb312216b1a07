/*
 * value - the small forms that a value is written in: one text, a word of a
 * closed set, a duration, a rate, a date, an address, a secret's reference.
 *
 * Each function reads one node, says what is wrong with it and then answers
 * false. A node that was refused before (n->broken) answers false in silence.
 * `what` is how the key is called in messages.
 */
#ifndef DSL_VALUE_H
#define DSL_VALUE_H

#include "dsl/fault.h"
#include "dsl/table.h"

/* A single text that is not missing; the empty text in quotes passes. */
bool value_text(struct faults *f, const struct node *n, const char *what);
/* As value_text, and neither empty nor with control characters: what travels as a C string. */
bool value_line(struct faults *f, const struct node *n, const char *what);
/* One text or a list of texts, none missing, at least one. */
bool value_texts(struct faults *f, const struct node *n, const char *what);
/* Index of one of `words` (NULL-ended). */
bool value_word(struct faults *f, const struct node *n, const char *what, const char *const *words,
		int *out);
bool value_bool(struct faults *f, const struct node *n, const char *what, bool *out);
bool value_duration(struct faults *f, const struct node *n, const char *what, int64_t least,
		    int64_t most, int64_t *out_ms);

/* `count` in `per_ms`, both whole: 2.5/s is 5 in 2,000 ms. */
struct rate {
	int64_t count, per_ms;
};
bool value_parse_rate(struct slice text, struct rate *out);
double rate_per_second(const struct rate *rate);
bool value_rate(struct faults *f, const struct node *n, const char *what, struct rate *out);

/* A date (the day's first instant in the zone). */
bool value_date(struct faults *f, const struct node *n, const char *what, int64_t *out_ms);
/* http or https with a host; no user, query or fragment. *out has no slash at its end. */
bool value_url(struct faults *f, const struct node *n, const char *what, struct slice *out);
/* `${NAME}` or `file:PATH`; the name is lent by the arena. `variable` is a name to suggest for a
 * variable. */
bool value_secret(struct faults *f, const struct node *n, const char *what, const char *variable,
		  struct arena *arena, struct secret *out);

/* [a-z0-9][a-z0-9-]{0,63}: rules and accounts. */
bool value_name(struct faults *f, const struct node *n, const char *what);
/* The internal name of a property, bytes [from, to) of n's text: [a-z0-9_]+. */
bool value_property_part(struct faults *f, const struct node *n, size_t from, size_t to);
bool value_property(struct faults *f, const struct node *n);

#endif

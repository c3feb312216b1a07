/*
 * fault - how the stages of this folder say that the user's text is wrong.
 *
 * Thin words around struct diags: a code from dsl/codes.h, a place in a node,
 * a hint, a second place. Nothing here prints and nothing stops at the first.
 * Format arguments that come from the text go through fault_shown, which cuts
 * and quotes them.
 */
#ifndef DSL_FAULT_H
#define DSL_FAULT_H

#include "base/diag.h"
#include "dsl/build.h"
#include "dsl/codes.h"
#include "dsl/node.h"

struct faults {
	const struct sources *sources;
	struct diags *diags;
	const char *rule;  /* name of the rule that is being read; lives as long as diags */
	struct diag *last; /* what the hint and the second place belong to */
};

/* The whole node; for a map or list its first line; for a block scalar its content. */
struct span fault_span(const struct faults *f, const struct node *n);
/* Bytes [from, to) of a scalar's decoded text; the whole node where they cannot be found. */
struct span fault_span_part(const struct faults *f, const struct node *n, size_t from, size_t to);

/* Whether it is an error or a warning is the code's row's to say. */
void fault_at(struct faults *f, enum code code, struct span at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void fault(struct faults *f, enum code code, const struct node *n, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void fault_part(struct faults *f, enum code code, const struct node *n, size_t from, size_t to,
		const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The three below belong to the fault just reported. */
void fault_hint(struct faults *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fault_other(struct faults *f, struct span at, const char *note);
/* "did you mean 'x'?" where one of the words is near; else which words there are. */
void fault_words(struct faults *f, struct slice word, const char *const *words, size_t count);

/* The text in single quotes, cut when it is long; lives as long as diags. */
const char *fault_shown(struct faults *f, struct slice text);

#endif

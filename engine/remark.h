/*
 * remark - what a check of the installation found: a list of lines, each with what to do next.
 */
#ifndef ENGINE_REMARK_H
#define ENGINE_REMARK_H

#include "base/arena.h"

enum remark_level { REMARK_OK, REMARK_WARNING, REMARK_ERROR, REMARK_LEVELS };
extern const char *const remark_levels[REMARK_LEVELS]; /* "ok", "warning", "error" */

/* One line each, printable. */
struct remark {
	enum remark_level level;
	const char *subject; /* what was looked at: an account, a rule, "rules", "state" */
	const char *check;   /* at what of it: "token", "scopes", … */
	const char *text;    /* what was found */
	const char *next;    /* what to do; NULL: nothing */
};

struct remarks {
	struct remark *list;
	size_t count, cap;
	struct arena memory;
};

void remarks_init(struct remarks *f);
void remarks_release(struct remarks *f);
/* `check` and `next` must be string constants; the other texts are copied. */
void remarks_add(struct remarks *f, enum remark_level level, const char *subject, const char *check,
		 const char *next, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Sets what to do after the one that was added last. */
void remarks_next(struct remarks *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends all of `from`, copied. */
void remarks_append(struct remarks *f, const struct remarks *from);
size_t remarks_count(const struct remarks *f, enum remark_level level);

#endif

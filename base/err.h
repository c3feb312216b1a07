/*
 * err - the world is wrong.
 *
 * A function that can fail for a reason outside the program answers an enum rc,
 * named after what its caller does next, and fills a struct err with one line
 * of text. A caller adds context in front with err_prefix. What is wrong in the
 * user's own text is not an err but a diag (base/diag.h).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/limits.h"

enum rc {
	RC_OK,
	RC_AGAIN,   /* not now: try again later */
	RC_REFUSED, /* somebody said no: a person must act */
	RC_INVALID, /* what was given cannot be understood */
	RC_BROKEN,  /* our own ground gives way (disk, memory, store): stop */
};

struct err {
	char text[LIMIT_ERROR_BYTES];
};

#define MUST_CHECK __attribute__((warn_unused_result))

/*
 * Writes the text, answers rc, so that one can `return err_set(err, RC_BROKEN, …)`. `err` may
 * be NULL.
 */
enum rc err_set(struct err *err, enum rc rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts "context: " in front of what err says. */
void err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

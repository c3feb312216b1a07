/*
 * regex - the one door to pcre2.
 *
 * Life without it: `matches` would have to go. Interpreter, not JIT: JIT needs
 * writable and executable pages, which the hardened unit forbids. Match and
 * heap limits come from base/limits.h; a match that hits one is neither yes nor
 * no.
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct regex;

enum regex_answer { REGEX_NO, REGEX_YES, REGEX_LIMIT };

/*
 * Compiles a UTF-8 pattern. NULL where it is wrong: err says how, *offset is
 * the byte in the pattern where it was noticed. Freed with regex_free.
 */
struct regex *regex_compile(struct slice pattern, size_t *offset, struct err *err) MUST_CHECK;
void regex_free(struct regex *re);
/* Whether it matches anywhere in text. Text that is not UTF-8 matches nothing. */
enum regex_answer regex_match(const struct regex *re, struct slice text);

#endif

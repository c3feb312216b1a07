/*
 * base64 - RFC 4648's standard alphabet, with padding.
 *
 * Reading is strict: what a lenient reader would mend (white space, a missing `=`, the other
 * alphabet, bits that do not count) is no base64 here, so each value has one form only.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

void base64_add(struct str *out, const void *bytes, size_t len);
/* Exactly `len` bytes; false where the text is none, or holds fewer or more: out may be half written. */
bool base64_read(struct slice text, unsigned char *out, size_t len);

#endif

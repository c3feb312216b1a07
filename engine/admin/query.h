/*
 * query - the values of a URL's query.
 */
#ifndef ENGINE_ADMIN_QUERY_H
#define ENGINE_ADMIN_QUERY_H

#include <stdbool.h>

#include "base/str.h"

/*
 * Decodes the first value of that name into `out` (empty, with a ceiling). False where there is
 * none, or where it is badly encoded, no UTF-8, has a NUL, or is longer than the ceiling.
 */
bool query_value(struct slice query, const char *name, struct str *out);

#endif

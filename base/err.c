#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum rc err_set(struct err *err, enum rc rc, const char *format, ...)
{
	va_list args;

	if (!err)
		return rc;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return rc;
}

void err_prefix(struct err *err, const char *format, ...)
{
	char before[LIMIT_ERROR_BYTES];
	va_list args;

	if (!err)
		return;
	va_start(args, format);
	vsnprintf(before, sizeof(before), format, args);
	va_end(args);
	char after[LIMIT_ERROR_BYTES];
	memcpy(after, err->text, sizeof(after));
	/* A longer text than fits is cut at its end: the front names the place. */
	size_t used = (size_t)snprintf(err->text, sizeof(err->text), "%s: ", before);
	if (used < sizeof(err->text))
		snprintf(err->text + used, sizeof(err->text) - used, "%.*s",
			 (int)(sizeof(err->text) - used - 1), after);
}

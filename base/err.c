#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* What was cut amid a character ends before it: an error is text, also in JSON. */
static void end_whole(struct err *err)
{
	size_t len = strlen(err->text), from = len;

	if (len + 1 < sizeof(err->text))
		return;
	while (from > 0 && ((unsigned char)err->text[from - 1] & 0xc0) == 0x80)
		from--;
	from -= from > 0;
	if (!utf8_length(err->text + from, err->text + len))
		err->text[from] = '\0';
}

enum rc err_set(struct err *err, enum rc rc, const char *format, ...)
{
	va_list args;

	if (!err)
		return rc;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	end_whole(err);
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
	end_whole(err);
}

#include "engine/forgotten.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static const char prefix[] = "forgotten:";

const char *forgotten_text(const char *salt, struct slice value, char out[FORGOTTEN_TEXT])
{
	char digest[DIGEST_HEX];
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES + FORGOTTEN_SALT + 1);
	str_addf(&text, "%.*s:", FORGOTTEN_SALT, salt);
	str_add_slice(&text, value);
	snprintf(out, FORGOTTEN_TEXT, "%s%.*s:%s", prefix, FORGOTTEN_SALT, salt,
		 digest_sha256(str_slice(&text), digest));
	str_release(&text);
	return out;
}

bool forgotten_is(struct slice stored)
{
	return stored.len == FORGOTTEN_TEXT - 1 && slice_starts(stored, slice_of(prefix)) &&
	       stored.ptr[sizeof(prefix) - 1 + FORGOTTEN_SALT] == ':';
}

bool forgotten_matches(struct slice stored, struct slice value)
{
	char text[FORGOTTEN_TEXT];

	if (slice_eq(stored, value))
		return true;
	return forgotten_is(stored) &&
	       slice_is(stored, forgotten_text(stored.ptr + sizeof(prefix) - 1, value, text));
}

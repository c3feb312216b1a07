/*
 * str - slices of bytes that somebody else owns, and a growing string with a
 * ceiling.
 *
 * A struct str never grows past the ceiling it was born with: an append that
 * would pass it sets `overflow` and changes nothing, so a caller may append
 * many times and look once. Out of memory ends the process.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes lent by somebody else; not ended by a NUL. `ptr` may be NULL when `len` is 0. */
struct slice {
	const char *ptr;
	size_t len;
};

/* The two arguments of "%.*s". */
#define SLICE_FMT(s) (int)(s).len, slice_start(s)

struct slice slice_of(const char *text);    /* NULL gives the empty slice */
struct slice slice_or_none(struct slice a); /* points nowhere where it is empty */
const char *slice_start(struct slice a);    /* never NULL; not ended by a NUL */
bool slice_eq(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *text); /* not NULL */
/* ASCII letters without case, other bytes as they are. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice a, struct slice prefix);
/*
 * Takes the part before the first separator off *rest, or all of it. True where
 * there was a separator (which is gone from *rest, too).
 */
bool slice_cut(struct slice *rest, char separator, struct slice *part);
int slice_cmp(struct slice a, struct slice b); /* byte order, shorter first */
struct slice slice_trim(struct slice a);       /* white space of ASCII at both ends */
/* Past the last byte. An empty slice may have no place at all, and nothing may be added to that. */
const char *slice_end(struct slice a);

struct str {
	char *ptr; /* always NUL-ended once something was added; NULL before */
	size_t len;
	size_t cap;
	size_t max;    /* ceiling in bytes, the NUL not counted */
	bool overflow; /* an append was refused */
};

void str_init(struct str *s, size_t max_bytes);
void str_release(struct str *s);
void str_wipe(struct str *s);  /* as str_release, and nothing of it stays in memory: for secrets */
void str_clear(struct str *s); /* empty, no overflow, memory kept */
void str_add(struct str *s, const void *bytes, size_t len);
void str_add_text(struct str *s, const char *text);
void str_add_texts(struct str *s, ...)
	__attribute__((sentinel)); /* one behind the other; NULL ends */
void str_add_slice(struct str *s, struct slice part);
void str_add_char(struct str *s, char c);
void str_addf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_addv(struct str *s, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/*
 * Appends `part` with control characters, DEL and invalid UTF-8 shown as \xNN: for messages
 * and logs.
 */
void str_add_shown(struct str *s, struct slice part);
/* Appends `part` as a JSON string with its quotes. */
void str_add_json(struct str *s, struct slice part);
/*
 * Appends a member of a JSON object after others: `,"key":` and the value, or null where it
 * points nowhere, as slice_of(NULL) does. The key is taken as it is.
 */
void str_add_member(struct str *s, const char *key, struct slice value);
/* Appends `part` percent-encoded for a URL path segment or query value. */
void str_add_url(struct str *s, struct slice part);
struct slice str_slice(const struct str *s);
const char *str_text(const struct str *s); /* never NULL */

/*
 * Number of bytes of the UTF-8 character at `p` (`end` past the last byte); 0 where it is not
 * valid UTF-8.
 */
size_t utf8_length(const char *p, const char *end);
bool utf8_valid(struct slice text);

#endif

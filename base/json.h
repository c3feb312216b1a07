/*
 * json - the one door to jansson.
 *
 * Reading is bounded: size and depth are checked before jansson sees a byte,
 * duplicate keys are refused; characters that were cut in half become U+FFFD.
 * Reading never fails half-way: a missing member
 * or one of another type answers NULL, an empty slice or the given default.
 * Writing builds values and dumps them; a value put into another one belongs
 * to it.
 *
 * Life without it: another JSON library behind these few words.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct json; /* one JSON value */

/* Once per process, before anything else here. */
void json_start(void);

/*
 * A whole JSON text; any value may stand at the top. NULL with err where it is none. Freed
 * with json_free.
 */
struct json *json_parse(struct slice text, struct err *err) MUST_CHECK;
void json_free(struct json *v);

enum json_kind { IS_NULL, IS_BOOL, IS_NUMBER, IS_TEXT, IS_ARRAY, IS_OBJECT };
enum json_kind json_kind(const struct json *v); /* NULL is IS_NULL */

/* What is read below is lent by the value it is read from. `v` may be NULL. */
const struct json *json_get(const struct json *v, const char *key);
const struct json *json_path(const struct json *v, const char *dotted); /* "paging.next.after" */
size_t json_count(const struct json *v); /* elements of an array or object; else 0 */
const struct json *json_at(const struct json *v, size_t i); /* element of an array */
struct slice json_slice(const struct json *v);		    /* of a string; else empty */
struct slice json_get_slice(const struct json *v, const char *key);
int64_t json_int(const struct json *v, int64_t otherwise); /* whole number, or digits in a string */
bool json_bool(const struct json *v, bool otherwise);

struct json_each {
	const struct json *object;
	void *cursor;
};
/* for (struct json_each e = json_each(obj); json_next(&e, &key, &value);) */
struct json_each json_each(const struct json *object);
bool json_next(struct json_each *e, struct slice *key, const struct json **value);

struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_clone(const struct json *v);				    /* deep */
void json_set(struct json *object, const char *key, struct json *value);    /* takes value */
void json_set_text(struct json *object, const char *key, const char *text); /* NULL sets null */
void json_set_slice(struct json *object, struct slice key, struct slice text);
void json_set_integer(struct json *object, const char *key, int64_t n);
void json_set_bool(struct json *object, const char *key, bool b);
struct json *json_member(struct json *object, const char *key); /* lent, to add to; NULL: none */
void json_add(struct json *array, struct json *value);		/* takes value */
void json_add_text(struct json *array, struct slice text);
/* Compact, keys in order of insertion. */
void json_dump(const struct json *v, struct str *out);
/* The same for people: each member on a line of its own, two spaces deeper than what holds it. */
void json_dump_lines(const struct json *v, struct str *out);

#endif

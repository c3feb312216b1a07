#include "base/mask.h"

#include <string.h>

#include "base/limits.h"

#define SHORT 4 /* shorter ones are found inside of other words */

static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c & 0x80);
}

static bool is_whole_word(const struct str *text, size_t at, size_t len)
{
	return (at == 0 || !is_word_byte(text->ptr[at - 1])) &&
	       (at + len == text->len || !is_word_byte(text->ptr[at + len]));
}

void mask_text(struct str *text, struct slice personal)
{
	for (size_t at = 0; personal.len && at + personal.len <= text->len; at++)
		if (slice_eq_nocase((struct slice){ text->ptr + at, personal.len }, personal) &&
		    (personal.len >= SHORT || is_whole_word(text, at, personal.len)))
			memset(text->ptr + at, '*', personal.len);
}

/* Generous: what is masked in vain costs less than what is not. */
static bool is_address_byte(char c)
{
	return is_word_byte(c) || (c && strchr("@.!#$%&'*+-/=?^_`{|}~", c));
}

void mask_addresses(struct str *text)
{
	for (size_t at = 0, end; at < text->len; at = end + 1) {
		for (end = at; end < text->len && is_address_byte(text->ptr[end]);)
			end++;
		if (end > at && memchr(text->ptr + at, '@', end - at))
			memset(text->ptr + at, '*', end - at);
	}
}

struct slice mask_head(struct slice text, size_t most)
{
	size_t len = 0;

	while (len < text.len) {
		size_t next = utf8_length(text.ptr + len, text.ptr + text.len);
		len += next ? next : 1;
		if (len > most)
			return (struct slice){ text.ptr, len - (next ? next : 1) };
	}
	return text;
}

void mask_said(struct str *out, struct slice said, struct slice secret, size_t most)
{
	struct str text;

	str_init(&text, LIMIT_FIELD_BYTES);
	str_add_slice(&text, mask_head(said, LIMIT_FIELD_BYTES / 2));
	mask_text(&text, secret);
	mask_addresses(&text);
	str_add_shown(out, mask_head(str_slice(&text), most));
	str_release(&text);
}

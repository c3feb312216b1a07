#include "base/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct str *out, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (; len; p += 3) {
		unsigned long group = (unsigned long)p[0] << 16;
		size_t n = len < 3 ? len : 3;
		if (n > 1)
			group |= (unsigned long)p[1] << 8;
		if (n > 2)
			group |= p[2];
		for (size_t i = 0; i < 4; i++)
			str_add_char(out, i <= n ? alphabet[group >> (18 - 6 * i) & 63] : '=');
		len -= n;
	}
}

/* The six bits of a letter; -1 where it is none. */
static int bits_of(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

bool base64_read(struct slice text, unsigned char *out, size_t len)
{
	size_t full = (len * 8 + 5) / 6, done = 0;
	unsigned long bits = 0;
	unsigned held = 0;

	if (text.len != (len + 2) / 3 * 4)
		return false;
	for (size_t i = 0; i < full; i++) {
		int six = bits_of(text.ptr[i]);
		if (six < 0)
			return false;
		bits = bits << 6 | (unsigned long)six;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[done++] = (unsigned char)(bits >> held);
			bits &= (1ul << held) - 1;
		}
	}
	for (size_t i = full; i < text.len; i++)
		if (text.ptr[i] != '=')
			return false;
	return bits == 0;
}

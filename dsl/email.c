/*
 * email - whether an address can be one (behaviour.md): not whether it exists.
 */
#include <string.h>

#include "dsl/eval.h"

#define ADDRESS_BYTES 254
#define LOCAL_BYTES 64

/* Spaces and controls, those beyond ASCII too (NBSP, the spaces and marks of U+2000, U+3000). */
static bool has_space(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		unsigned char d = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
		unsigned char e = i + 2 < text.len ? (unsigned char)text.ptr[i + 2] : 0;
		if (c <= 0x20 || c == 0x7f || (c == 0xc2 && d <= 0xa0))
			return true;
		if (c == 0xe2 && d == 0x80 && (e <= 0x8f || (e >= 0xa8 && e <= 0xaf)))
			return true;
		if (c == 0xe3 && d == 0x80 && e == 0x80)
			return true;
	}
	return false;
}

/* At least two labels, none empty. */
static bool domain_valid(struct slice domain)
{
	size_t labels = 1, len = 0;

	for (size_t i = 0; i < domain.len; i++) {
		if (domain.ptr[i] == '.') {
			if (!len)
				return false;
			labels++;
			len = 0;
		} else {
			len++;
		}
	}
	return len > 0 && labels >= 2;
}

bool email_valid(struct slice address)
{
	if (!address.len || address.len > ADDRESS_BYTES || has_space(address) ||
	    !utf8_valid(address))
		return false;
	const char *at = memchr(address.ptr, '@', address.len);
	if (!at)
		return false;
	size_t local = (size_t)(at - address.ptr);
	struct slice domain = { at + 1, address.len - local - 1 };
	if (local < 1 || local > LOCAL_BYTES || (domain.len && memchr(domain.ptr, '@', domain.len)))
		return false;
	return domain_valid(domain);
}

#include "base/pkce.h"

#include <stdio.h>

#include "base/digest.h"

void pkce_text(const unsigned char *bytes, size_t len, struct str *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)bytes[i] << 16;
		v |= n > 1 ? (unsigned)bytes[i + 1] << 8 : 0;
		v |= n > 2 ? bytes[i + 2] : 0;
		for (size_t k = 0; k <= n; k++)
			str_add_char(out, letters[v >> (18 - 6 * k) & 63]);
	}
}

void pkce_challenge(struct slice verifier, struct str *out)
{
	char hex[DIGEST_HEX];
	unsigned char raw[DIGEST_HEX / 2];
	unsigned byte = 0;

	digest_sha256(verifier, hex);
	for (size_t i = 0; i < sizeof(raw); i++) {
		(void)sscanf(hex + 2 * i, "%2x", &byte);
		raw[i] = (unsigned char)byte;
	}
	pkce_text(raw, sizeof(raw), out);
}

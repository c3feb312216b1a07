#include "base/digest.h"

#include <stdio.h>

#include <openssl/evp.h>

#include "base/arena.h"

const char *digest_sha256(struct slice bytes, char out[DIGEST_HEX])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	/* OpenSSL fails here only out of memory: no answer would be worse than stopping. */
	bool done = EVP_Digest(bytes.ptr, bytes.len, raw, &len, EVP_sha256(), NULL) == 1;
	if (!done) /* defensive: as said */
		mem_exhausted();
	for (unsigned int i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return out;
}

#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

const char *digest_sha256(struct slice bytes, char out[DIGEST_HEX])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	/*
	 * It fails only where OpenSSL itself cannot work: no answer would be worse than
	 * stopping.
	 */
	bool done = EVP_Digest(bytes.ptr, bytes.len, raw, &len, EVP_sha256(), NULL) == 1;
	if (!done) /* defensive: as said */
		abort();
	for (unsigned int i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return out;
}

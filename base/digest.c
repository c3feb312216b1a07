#include "base/digest.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/arena.h"

/* OpenSSL fails here only out of memory: no answer would be worse than stopping. */
static void must(bool done)
{
	if (!done) /* defensive: as said */
		mem_exhausted();
}

void digest_sha256_raw(struct slice bytes, unsigned char out[DIGEST_BYTES])
{
	must(EVP_Digest(slice_start(bytes), bytes.len, out, NULL, EVP_sha256(), NULL) == 1);
}

static const char *in_hex(const unsigned char raw[DIGEST_BYTES], char out[DIGEST_HEX])
{
	for (size_t i = 0; i < DIGEST_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return out;
}

const char *digest_sha256(struct slice bytes, char out[DIGEST_HEX])
{
	unsigned char raw[DIGEST_BYTES];

	digest_sha256_raw(bytes, raw);
	return in_hex(raw, out);
}

struct digest {
	EVP_MD_CTX *context;
};

struct digest *digest_begin(void)
{
	struct digest *d = mem_alloc(sizeof(*d));

	d->context = EVP_MD_CTX_new();
	must(d->context && EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) == 1);
	return d;
}

void digest_add(struct digest *d, struct slice bytes)
{
	must(EVP_DigestUpdate(d->context, slice_start(bytes), bytes.len) == 1);
}

const char *digest_end(struct digest *d, char out[DIGEST_HEX])
{
	unsigned char raw[DIGEST_BYTES];

	must(EVP_DigestFinal_ex(d->context, raw, NULL) == 1);
	EVP_MD_CTX_free(d->context);
	mem_free(d);
	return in_hex(raw, out);
}

void digest_hmac(struct slice key, struct slice bytes, unsigned char out[DIGEST_BYTES])
{
	must(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, slice_start(key), key.len,
		       (const unsigned char *)slice_start(bytes), bytes.len, out, DIGEST_BYTES,
		       NULL));
}

bool digest_same(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

/*
 * digest - the one door to OpenSSL: SHA-256, HMAC over it, and comparing in constant time.
 *
 * Life without it: table hashes and the signatures of webhooks would need another library.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX 65 /* 64 digits and the NUL */

/* SHA-256 of bytes as lower-case hex; the answer is `out`. */
const char *digest_sha256(struct slice bytes, char out[DIGEST_HEX]);
/* The same, raw. */
void digest_sha256_raw(struct slice bytes, unsigned char out[DIGEST_BYTES]);
/* The same of bytes that come one after the other. */
struct digest;
struct digest *digest_begin(void);
void digest_add(struct digest *d, struct slice bytes);
const char *digest_end(struct digest *d, char out[DIGEST_HEX]); /* frees d */
/* HMAC with SHA-256 (RFC 2104). */
void digest_hmac(struct slice key, struct slice bytes, unsigned char out[DIGEST_BYTES]);
/*
 * Whether both are the same: the time it takes tells nothing of where they differ. Of different
 * lengths they differ, and that is told at once.
 */
bool digest_same(const void *a, size_t a_len, const void *b, size_t b_len);

#endif

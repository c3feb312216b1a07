/*
 * digest - the one door to OpenSSL: SHA-256 and nothing else yet.
 *
 * Life without it: table hashes would need another library; webhooks (HMAC)
 * will come through this door too.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

#include "base/str.h"

#define DIGEST_HEX 65 /* 64 digits and the NUL */

/* SHA-256 of bytes as lower-case hex; the answer is `out`. */
const char *digest_sha256(struct slice bytes, char out[DIGEST_HEX]);

#endif

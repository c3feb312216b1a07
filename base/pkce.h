/*
 * pkce - the texts of RFC 7636: a verifier that one side keeps, and its challenge.
 */
#ifndef BASE_PKCE_H
#define BASE_PKCE_H

#include "base/str.h"

/* Appends bytes in base64url without padding: for verifiers and states, from random bytes. */
void pkce_text(const unsigned char *bytes, size_t len, struct str *out);
/* Appends the challenge of a verifier, method S256: 43 characters. */
void pkce_challenge(struct slice verifier, struct str *out);

#endif

/*
 * token - an account's secret, as the rule files name it and the world gives it.
 */
#ifndef ENGINE_TOKEN_H
#define ENGINE_TOKEN_H

#include "base/err.h"
#include "engine/world.h"

/*
 * Puts the token of an account into `out`, replacing what it held. RC_REFUSED
 * with the reason where it cannot be had; out is empty then. Not for an account that is connected
 * over OAuth.
 */
enum rc token_read(const struct world *world, const struct account *account, struct str *out,
		   struct err *err) MUST_CHECK;

/* Likewise the secret under another key of the account, which has it. */
enum rc token_secret(const struct world *world, const struct account *account, const char *key,
		     struct str *out, struct err *err) MUST_CHECK;

/*
 * Whether the account's secret is another one now than `token`: then token is
 * replaced. A secret that cannot be had is no other one.
 */
bool token_changed(const struct world *world, const struct account *account, struct str *token);

#endif

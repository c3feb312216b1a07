/*
 * settle - what an unknown create or issue did, found out by reading. There is
 * no such thing for a send: facts/certifier.md 2.1. For this folder only.
 */
#ifndef ENGINE_CERTIFIER_SETTLE_H
#define ENGINE_CERTIFIER_SETTLE_H

#include "base/clock.h"
#include "engine/certifier/api.h"

/* How long after an unknown write the first look comes. */
#define SETTLE_FIRST_MS MS_SECOND
/*
 * The reason of an issuance in issuing whose issue was refused begins so: when
 * it is read back as a draft, the refusal was meant. Kept by the store, so it
 * survives a restart.
 */
#define SETTLE_REFUSAL "issue refused: "

/* `out` comes with the issuance's own state and reason. */
void settle_create(const struct answer *an, struct verdict *out);
void settle_issue(const struct answer *an, struct verdict *out);

#endif

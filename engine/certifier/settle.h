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

/* Certifier's createdAt may be so much before our attempt. */
#define SETTLE_SKEW_MS MS_MINUTE

/* A time of our clock by Certifier's. */
int64_t settle_time_there(const struct answer *an, int64_t ours_ms);
/*
 * Whether this is a draft that a create of the issuance made since its attempt, and that no
 * issuance holds.
 */
bool settle_is_ours(const struct answer *an, const struct json *credential, int64_t *created_ms);
/* A read gave no usable answer: again later, or the account stops or waits. */
void settle_look_failed(const struct answer *an, struct verdict *out);

/* `out` comes with the issuance's own state and reason. */
void settle_create(const struct answer *an, struct verdict *out);
void settle_issue(const struct answer *an, struct verdict *out);

#endif

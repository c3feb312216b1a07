/*
 * mask - what a foreign service said, fit for a log: without what is personal or
 * secret.
 *
 * Only what is named, and whatever looks like an address, is masked: names and
 * values that a service repeats have to be named by who knows them.
 */
#ifndef BASE_MASK_H
#define BASE_MASK_H

#include "base/str.h"

/*
 * Puts *** over every occurrence of `personal`, whatever its case (ASCII). A short one only where it
 * is a whole word: others are full of it. The text keeps its length.
 */
void mask_text(struct str *text, struct slice personal);
/* Puts *** over every word that holds an '@'. */
void mask_addresses(struct str *text);
/*
 * Adds what a service said, fit to be shown: without the secret and without addresses, control
 * characters made visible, some `most` bytes. It is masked before it is cut: half a secret is not found.
 */
void mask_said(struct str *out, struct slice said, struct slice secret, size_t most);
/* At most `most` bytes of text, whole characters. */
struct slice mask_head(struct slice text, size_t most);

#endif

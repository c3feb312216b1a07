/*
 * letters - upper and lower case of letters, without a locale.
 *
 * Unicode's simple (one to one) mappings for the scripts that names are written
 * in and that have case: Latin, Greek, Cyrillic, Armenian. Letters whose other
 * case is two letters (ß) stay as they are.
 */
#ifndef DSL_LETTERS_H
#define DSL_LETTERS_H

#include "base/str.h"

enum letters { LETTERS_UPPER, LETTERS_LOWER, LETTERS_TITLE };

/* Appends text in that case. Title: the first letter of every word upper, the others lower. */
void letters_add(struct str *out, struct slice text, enum letters how);

#endif

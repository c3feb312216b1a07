/*
 * decimal - decimal numbers as they are written, compared exactly.
 *
 * No binary fractions and no size: 9007199254740993 and ...992 differ, 0.10 and
 * .1 do not, and no locale has a say.
 */
#ifndef DSL_DECIMAL_H
#define DSL_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct decimal {
	bool negative;
	struct slice digits; /* from the first digit that is not 0; may hold one point; lent by the
				text; empty: zero */
	int64_t power;	     /* power of ten of that first digit */
};

/* Sign, digits, fraction, exponent; blanks around it do not count. False where the text is no such
 * number. */
bool decimal_parse(struct slice text, struct decimal *out);
/* Below, equal to or above 0 as a is below, equal to or above b. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

#endif

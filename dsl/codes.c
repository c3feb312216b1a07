#include "dsl/codes.h"

const struct code_row diag_codes[CODE_COUNT] = {
#define X(name, word, meaning) [name] = { word, meaning },
	DIAG_CODES(X)
#undef X
};

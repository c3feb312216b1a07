#include "dsl/codes.h"

const struct code_row diag_codes[CODE_COUNT] = {
#define X(name, word, severity, meaning) [name] = { word, SEVERITY_##severity, meaning },
	DIAG_CODES(X)
#undef X
};

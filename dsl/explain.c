#include "dsl/explain.h"

#include "dsl/codes.h"

static const struct explanation explanations[] = {
#include "explain_text.h"
};

#define EXPLANATIONS (sizeof(explanations) / sizeof(explanations[0]))

const struct explanation *explain_code(struct slice word)
{
	for (size_t i = 0; i < EXPLANATIONS; i++)
		if (slice_is(word, explanations[i].code))
			return &explanations[i];
	return NULL;
}

const char *explain_nearest(struct slice word)
{
	const char *words[CODE_COUNT];

	for (size_t i = 0; i < CODE_COUNT; i++)
		words[i] = diag_codes[i].word;
	return diag_nearest(word, words, CODE_COUNT);
}

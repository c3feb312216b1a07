#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

struct regex *regex_compile(struct slice pattern, size_t *offset, struct err *err)
{
	int number = 0;
	PCRE2_SIZE at = 0;
	const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;

	*offset = 0;
	if (pattern.len > LIMIT_PATTERN_BYTES) {
		(void)err_set(err, RC_INVALID, "pattern is longer than %u bytes",
			      LIMIT_PATTERN_BYTES);
		return NULL;
	}
	const char *source = pattern.ptr ? pattern.ptr : "";
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)source, pattern.len, options, &number, &at,
					 NULL);
	if (!code && number == PCRE2_ERROR_HEAP_FAILED) /* defensive: no memory */
		mem_exhausted();
	if (!code) {
		PCRE2_UCHAR text[LIMIT_ERROR_BYTES / 2];
		pcre2_get_error_message(number, text, sizeof(text));
		*offset = at;
		(void)err_set(err, RC_INVALID, "%s", (const char *)text);
		return NULL;
	}
	struct regex *re = mem_alloc(sizeof(*re));
	re->code = code;
	re->data = pcre2_match_data_create(1, NULL);
	re->limits = pcre2_match_context_create(NULL);
	if (!re->data || !re->limits) /* defensive: no memory */
		mem_exhausted();
	pcre2_set_match_limit(re->limits, LIMIT_MATCH_STEPS);
	pcre2_set_heap_limit(re->limits, LIMIT_MATCH_HEAP_KIB);
	return re;
}

void regex_free(struct regex *re)
{
	if (!re)
		return;
	pcre2_match_context_free(re->limits);
	pcre2_match_data_free(re->data);
	pcre2_code_free(re->code);
	mem_free(re);
}

enum regex_answer regex_match(const struct regex *re, struct slice text)
{
	const char *subject = text.ptr ? text.ptr : "";
	int got = pcre2_match(re->code, (PCRE2_SPTR)subject, text.len, 0, 0, re->data, re->limits);

	if (got >= 0)
		return REGEX_YES;
	/* UTF-8 errors are -3 to -23: the value is not text. */
	if (got == PCRE2_ERROR_NOMATCH ||
	    (got <= PCRE2_ERROR_UTF8_ERR1 && got >= PCRE2_ERROR_UTF8_ERR21))
		return REGEX_NO;
	if (got == PCRE2_ERROR_NOMEMORY) /* defensive: no memory; it says nothing about the value */
		mem_exhausted();
	return REGEX_LIMIT;
}

#include "engine/came.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#define THOUSANDTHS 4 /* letters at the end of a word, with the blank */

static const char letters[CAME_KINDS + 1] = "pmlkdraf";

const char *const came_words[CAME_KINDS] = {
	[CAME_POLL] = "poll",	[CAME_MESSAGE] = "webhook", [CAME_LIST] = "list",
	[CAME_LOOK] = "look",	[CAME_DUE] = "due",	    [CAME_RECALL] = "recall",
	[CAME_ASKED] = "retry", [CAME_RULES] = "rules",
};

const char *came_text(enum came_by by, int64_t at_ms, char out[CAME_TEXT])
{
	snprintf(out, CAME_TEXT, "%c%lld ", letters[by], (long long)at_ms);
	return out;
}

/* The word with its blank; empty at the end. */
static struct slice cut_word(struct slice *rest)
{
	const char *blank = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
	size_t len = blank ? (size_t)(blank - rest->ptr) + 1 : 0;
	struct slice word = { rest->ptr, len };

	rest->ptr += len;
	rest->len -= len;
	return word;
}

/* Without the digits below a second, which a short one has not. */
static struct slice to_the_second(struct slice word)
{
	word.len -= word.len > THOUSANDTHS ? THOUSANDTHS : 0;
	return word;
}

static bool has_word(const struct str *text, struct slice word)
{
	struct slice rest = str_slice(text);

	for (struct slice one = cut_word(&rest); one.len; one = cut_word(&rest))
		if (one.len == word.len && slice_eq(to_the_second(one), to_the_second(word)))
			return true;
	return false;
}

const char *came_join(const char *before, const char *then, struct arena *memory)
{
	struct slice rest = slice_of(then);
	struct str text;

	if (!rest.len)
		return arena_text(memory, slice_of(before));
	str_init(&text, LIMIT_VALUE_BYTES);
	str_add_slice(&text, slice_of(before));
	for (struct slice word = cut_word(&rest); word.len; word = cut_word(&rest))
		if (text.len < CAME_BYTES && !has_word(&text, word))
			str_add_slice(&text, word);
	const char *joined = arena_text(memory, str_slice(&text));
	str_release(&text);
	return joined;
}

bool came_next(struct slice *rest, struct came *out)
{
	struct slice word = cut_word(rest);
	const char *letter = word.len > 2 ? memchr(letters, word.ptr[0], CAME_KINDS) : NULL;

	if (!letter || word.len >= CAME_TEXT)
		return false;
	*out = (struct came){ .by = (enum came_by)(letter - letters) };
	for (size_t i = 1; i + 1 < word.len; i++) {
		if (word.ptr[i] < '0' || word.ptr[i] > '9' || i > 15)
			return false;
		out->at_ms = out->at_ms * 10 + (word.ptr[i] - '0');
	}
	return true;
}

bool came_is_full(struct slice text)
{
	return text.len >= CAME_BYTES;
}

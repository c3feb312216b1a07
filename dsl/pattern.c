#include "dsl/pattern.h"

#include <string.h>

#include "base/limits.h"
#include "dsl/literals.h"

void patterns_init(struct patterns *p)
{
	*p = (struct patterns){ 0 };
	map_init(&p->by_text);
	arena_init(&p->arena);
	arena_init(&p->scratch);
}

void patterns_close(struct patterns *p)
{
	map_release(&p->by_text);
	arena_release(&p->scratch);
}

void patterns_release(struct patterns *p)
{
	for (size_t i = 0; i < p->count; i++)
		regex_free(p->list[i]->regex);
	mem_free(p->list);
	patterns_close(p);
	arena_release(&p->arena);
	patterns_init(p);
}

/* NULL where the pattern is more than texts. */
static const struct literals *read_texts(struct patterns *p, struct slice text)
{
	struct literals found;

	arena_clear(&p->scratch);
	if (text.len > LIMIT_PATTERN_BYTES || !literals_of(text, &p->scratch, &found))
		return NULL;
	struct literals *kept = arena_alloc(&p->arena, sizeof(*kept));
	struct slice *one = arena_alloc(&p->arena, found.count * sizeof(*one));
	for (size_t i = 0; i < found.count; i++)
		one[i] = arena_slice(&p->arena, found.text[i]);
	*kept = found;
	kept->text = one;
	return kept;
}

const struct pattern *patterns_read(struct patterns *p, struct slice text, size_t *offset,
				    struct err *err)
{
	struct pattern *known = map_get(&p->by_text, text);
	struct regex *regex = NULL;

	if (known)
		return known;
	const struct literals *texts = read_texts(p, text);
	if (!texts)
		regex = regex_compile(text, offset, err);
	if (!texts && !regex)
		return NULL;
	struct pattern *made = arena_alloc(&p->arena, sizeof(*made));
	*made = (struct pattern){ arena_slice(&p->arena, text), texts, regex };
	p->list = mem_grow(p->list, &p->cap, p->count + 1, sizeof(struct pattern *));
	p->list[p->count++] = made;
	map_put_lent(&p->by_text, made->text, made);
	return made;
}

/* Texts cannot say of an odd value: it is rare, and PCRE2 is asked for the occasion. */
static enum regex_answer match_odd(const struct pattern *p, struct slice value)
{
	size_t offset;
	struct err err;
	struct regex *regex = regex_compile(p->text, &offset, &err);
	enum regex_answer answer = regex ? regex_match(regex, value) : REGEX_LIMIT;

	regex_free(regex);
	return answer;
}

enum regex_answer pattern_match(const struct pattern *p, struct slice value)
{
	if (p->regex)
		return regex_match(p->regex, value);
	if (!literals_can_say(p->texts, value))
		return match_odd(p, value);
	return literals_match(p->texts, value) ? REGEX_YES : REGEX_NO;
}

struct slice pattern_literal(struct arena *arena, const char *before, struct slice text,
			     const char *behind)
{
	struct str s;

	str_init(&s, LIMIT_PATTERN_BYTES * 4);
	str_add_text(&s, before);
	for (size_t i = 0; i < text.len; i++) {
		if (strchr("\\^$.[]|()?*+{}-#/ ", text.ptr[i]))
			str_add_char(&s, '\\');
		str_add_char(&s, text.ptr[i]);
	}
	str_add_text(&s, behind);
	struct slice pattern = arena_slice(arena, str_slice(&s));
	str_release(&s);
	return pattern;
}

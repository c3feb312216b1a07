#include "dsl/pattern.h"

#include <string.h>

#include "base/limits.h"

void patterns_init(struct patterns *p)
{
	*p = (struct patterns){ 0 };
	map_init(&p->by_text);
}

void patterns_release(struct patterns *p)
{
	for (size_t i = 0; i < p->count; i++)
		regex_free(p->list[i]);
	mem_free(p->list);
	map_release(&p->by_text);
	patterns_init(p);
}

const struct regex *patterns_compile(struct patterns *p, struct slice pattern, size_t *offset,
				     struct err *err)
{
	struct regex *re = map_get(&p->by_text, pattern);

	if (re)
		return re;
	re = regex_compile(pattern, offset, err);
	if (!re)
		return NULL;
	p->list = mem_grow(p->list, &p->cap, p->count + 1, sizeof(struct regex *));
	p->list[p->count++] = re;
	map_put(&p->by_text, pattern, re);
	return re;
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

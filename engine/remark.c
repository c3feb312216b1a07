#include "engine/remark.h"

#include "base/limits.h"

const char *const remark_levels[REMARK_LEVELS] = { "ok", "warning", "error" };

void remarks_init(struct remarks *f)
{
	*f = (struct remarks){ 0 };
	arena_init(&f->memory);
}

void remarks_release(struct remarks *f)
{
	mem_free(f->list);
	arena_release(&f->memory);
	remarks_init(f);
}

static const char *kept(struct remarks *f, const char *text)
{
	return text ? arena_text(&f->memory, slice_of(text)) : NULL;
}

/* What foreign texts are part of is made printable. */
__attribute__((format(printf, 2, 0))) static const char *shown(struct remarks *f,
							       const char *format, va_list args)
{
	struct str raw, text;

	str_init(&raw, LIMIT_FIELD_BYTES);
	str_init(&text, 4 * LIMIT_FIELD_BYTES);
	str_addv(&raw, format, args);
	str_add_shown(&text, str_slice(&raw));
	const char *out = arena_text(&f->memory, str_slice(&text));
	str_release(&raw);
	str_release(&text);
	return out;
}

static struct remark *add(struct remarks *f)
{
	f->list = mem_grow(f->list, &f->cap, f->count + 1, sizeof(*f->list));
	return &f->list[f->count++];
}

void remarks_add(struct remarks *f, enum remark_level level, const char *subject, const char *check,
		 const char *next, const char *format, ...)
{
	struct remark *one = add(f);
	va_list args;

	va_start(args, format);
	*one = (struct remark){ level, kept(f, subject), check, shown(f, format, args), next };
	va_end(args);
}

void remarks_next(struct remarks *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	f->list[f->count - 1].next = shown(f, format, args);
	va_end(args);
}

void remarks_append(struct remarks *f, const struct remarks *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct remark *one = &from->list[i];
		*add(f) = (struct remark){ one->level, kept(f, one->subject), one->check,
					   kept(f, one->text), kept(f, one->next) };
	}
}

size_t remarks_count(const struct remarks *f, enum remark_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += f->list[i].level == level;
	return n;
}

#include "base/arena.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0 under the address sanitizer: each piece is a block of its own, and a byte past its end is seen. */
#ifndef ARENA_BLOCK_BYTES
#define ARENA_BLOCK_BYTES (16u * 1024)
#endif
#define ALIGN_MOST _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t cap;
	_Alignas(max_align_t) char bytes[];
};

void mem_exhausted(void)
{
	fputs("hs2cert: out of memory\n", stderr);
	_Exit(3);
}

static void *checked(void *got)
{
	if (!got) /* defensive: no memory */
		mem_exhausted();
	return got;
}

void *mem_alloc(size_t bytes)
{
	return checked(calloc(1, bytes ? bytes : 1));
}

void *mem_realloc(void *old, size_t bytes)
{
	return checked(realloc(old, bytes ? bytes : 1));
}

char *mem_strdup(const char *text)
{
	return checked(strdup(text));
}

void mem_free(void *old)
{
	free(old);
}

void mem_give_back(void)
{
	(void)malloc_trim(0);
}

void *mem_grow(void *array, size_t *cap, size_t need, size_t element_bytes)
{
	size_t want = *cap ? *cap : 8;

	if (need <= *cap)
		return array;
	while (want < need)
		want *= 2;
	*cap = want;
	return mem_realloc(array, want * element_bytes);
}

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_release(struct arena *a)
{
	for (struct arena_block *block = a->block, *next; block; block = next) {
		next = block->next;
		mem_free(block);
	}
	arena_init(a);
}

void arena_clear(struct arena *a)
{
	struct arena kept = *a;

	if (!a->block)
		return;
	a->block = kept.block->next;
	arena_release(a);
	memset(kept.block->bytes, 0, kept.block->used);
	kept.block->used = 0;
	kept.block->next = NULL;
	a->block = kept.block;
}

/* `align` is a power of two. */
static void *take(struct arena *a, size_t bytes, size_t align)
{
	struct arena_block *block = a->block;
	size_t gap = block ? -block->used & (align - 1) : 0;

	if (!block || block->cap - block->used < bytes + gap) {
		size_t cap = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
		block = mem_alloc(sizeof(*block) + cap);
		block->cap = cap;
		block->next = a->block;
		a->block = block;
		gap = 0;
	}
	void *got = block->bytes + block->used + gap;
	block->used += gap + bytes;
	a->used += gap + bytes;
	return got;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	/* A type's size is a multiple of what it must be aligned to. */
	size_t align = bytes & -bytes;

	return take(a, bytes, align < 1 || align > ALIGN_MOST ? ALIGN_MOST : align);
}

char *arena_text(struct arena *a, struct slice part)
{
	char *copy = take(a, part.len + 1, 1);

	if (part.len)
		memcpy(copy, part.ptr, part.len);
	return copy;
}

struct slice arena_slice(struct arena *a, struct slice part)
{
	return (struct slice){ arena_text(a, part), part.len };
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) /* defensive: more than 2 GiB */
		return arena_text(a, (struct slice){ 0 });
	char *text = take(a, (size_t)len + 1, 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

/*
 * arena - memory with one lifetime, and the process's allocator.
 *
 * Three lifetimes exist: the process, a table (one arena), a moment (one arena
 * per event or request). Nothing in an arena is freed alone. Out of memory ends
 * the process with one line: the store holds all that matters.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

/* Like malloc and friends, but never NULL; memory from mem_alloc is zeroed. */
void *mem_alloc(size_t bytes);
void *mem_realloc(void *old, size_t bytes);
char *mem_strdup(const char *text);
void mem_free(void *old);

/*
 * Gives memory that was freed back to the system. For when much of it was: the C library keeps it in
 * case it is wanted again.
 */
void mem_give_back(void);

/* For what allocates by itself and says that it could not: ends the process likewise. */
_Noreturn void mem_exhausted(void);

/*
 * Grows the heap array *array (of *cap elements) so that it holds at least
 * `need`; doubles. New elements are not zeroed.
 */
void *mem_grow(void *array, size_t *cap, size_t need, size_t element_bytes);

struct arena_block;

struct arena {
	struct arena_block *block; /* newest first */
	size_t used;		   /* bytes handed out, for figures */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);
void arena_clear(struct arena *a); /* the same, but its newest block stays for what comes */
void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned for any type of that size */
char *arena_text(struct arena *a, struct slice part); /* copy with a NUL, packed */
struct slice arena_slice(struct arena *a, struct slice part);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

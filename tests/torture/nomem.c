/*
 * nomem - preloaded: the n-th allocation finds no memory, once or from then on.
 *
 * HS2CERT_NOMEM is "N" or "N+" (0: none fails); with HS2CERT_ALLOCATIONS=PATH their number is
 * written there as the process exits. Or the program, a test, says of each by itself: nomem_ask.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *old, size_t bytes);

/* `fails` is asked of each allocation from now on; NULL: nobody is. */
void nomem_ask(bool (*fails)(void));

static unsigned long made, nth;
static bool lasting;
static bool (*asked)(void);

void nomem_ask(bool (*fails)(void))
{
	asked = fails;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("HS2CERT_NOMEM");

	if (text) {
		char *end;
		nth = strtoul(text, &end, 10);
		lasting = *end == '+';
	}
	made = 0; /* from here on, not the loader's */
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("HS2CERT_ALLOCATIONS");
	FILE *out = path ? fopen(path, "w") : NULL;

	if (out) {
		fprintf(out, "%lu\n", made);
		fclose(out);
	}
}

static bool fails(void)
{
	unsigned long now = __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);

	if (asked && asked()) {
		errno = ENOMEM;
		return true;
	}
	if (!nth || !(now == nth || (lasting && now > nth)))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(old, bytes);
}

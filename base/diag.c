#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define NEAREST_BYTES 64

void diags_init(struct diags *d)
{
	*d = (struct diags){ 0 };
	arena_init(&d->text);
}

void diags_release(struct diags *d)
{
	mem_free(d->list);
	arena_release(&d->text);
	diags_init(d);
}

static __attribute__((format(printf, 2, 0))) char *print_text(struct diags *d, const char *format,
							      va_list args)
{
	struct str text;

	str_init(&text, LIMIT_YAML_SCALAR_BYTES * 2);
	str_addv(&text, format, args);
	struct str shown;
	str_init(&shown, LIMIT_YAML_SCALAR_BYTES * 8);
	str_add_shown(&shown, str_slice(&text));
	char *kept = arena_text(&d->text, str_slice(&shown));
	str_release(&text);
	str_release(&shown);
	return kept;
}

struct diag *diags_add(struct diags *d, enum severity severity, const char *code, struct span at,
		       const char *format, ...)
{
	va_list args;

	if (severity == SEVERITY_ERROR)
		d->errors++;
	else
		d->warnings++;
	if (d->count == LIMIT_DIAGNOSTICS) {
		d->dropped++;
		d->unkept = (struct diag){ 0 };
		return &d->unkept;
	}
	d->list = mem_grow(d->list, &d->cap, d->count + 1, sizeof(*d->list));
	struct diag *diag = &d->list[d->count++];
	*diag = (struct diag){ .at = at, .severity = severity, .code = code };
	va_start(args, format);
	diag->message = print_text(d, format, args);
	va_end(args);
	return diag;
}

void diag_hint(struct diags *d, struct diag *diag, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	diag->hint = print_text(d, format, args);
	va_end(args);
}

static int compare(const void *left, const void *right)
{
	const struct diag *a = left, *b = right;

	if (a->at.file != b->at.file)
		return a->at.file < b->at.file ? -1 : 1;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	int order = strcmp(a->code, b->code);
	return order ? order : strcmp(a->message, b->message);
}

void diags_sort(struct diags *d)
{
	size_t kept = 0;

	if (d->count > 1)
		qsort(d->list, d->count, sizeof(*d->list), compare);
	for (size_t i = 0; i < d->count; i++) {
		if (kept && compare(&d->list[kept - 1], &d->list[i]) == 0) {
			if (d->list[i].severity == SEVERITY_ERROR)
				d->errors--;
			else
				d->warnings--;
			continue;
		}
		d->list[kept++] = d->list[i];
	}
	d->count = kept;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + 32);
	return c == '_' ? '-' : c;
}

/*
 * Levenshtein distance, a swap of neighbours counts one; a difference of case or of - and _
 * counts nothing.
 */
static size_t distance(struct slice a, struct slice b)
{
	size_t row[3][NEAREST_BYTES + 1];

	for (size_t j = 0; j <= b.len; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = fold(a.ptr[i - 1]) == fold(b.ptr[j - 1]);
			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) &&
			    fold(a.ptr[i - 2]) == fold(b.ptr[j - 1]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[a.len % 3][b.len];
}

const char *diag_nearest(struct slice word, const char *const *words, size_t count)
{
	const char *best = NULL;
	size_t best_distance = 0;

	if (word.len == 0 || word.len > NEAREST_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct slice other = slice_of(words[i]);
		if (other.len > NEAREST_BYTES)
			continue;
		size_t longer = word.len > other.len ? word.len : other.len;
		size_t d = distance(word, other);
		if (d > (longer + 2) / 3 || d >= longer)
			continue;
		if (!best || d < best_distance) {
			best = words[i];
			best_distance = d;
		}
	}
	return best;
}

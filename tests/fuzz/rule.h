/*
 * rule - what the targets of the rule language share: a rule around a fuzzed
 * part, and what a build promises whatever it was given.
 */
#ifndef TESTS_FUZZ_RULE_H
#define TESTS_FUZZ_RULE_H

#include "tests/fuzz/fuzz.h"

#include "dsl/build.h"
#include "dsl/eval.h"

#define AS_OF_MS INT64_C(1767603660000) /* 2026-01-05T09:01:00Z */

/* Every diagnostic says where: a line that is there, and a column on it or right behind it. */
static inline void check_places(const struct sources *sources, const struct diags *diags)
{
	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *d = &diags->list[i];
		must(d->at.file < sources->count && d->message[0]);
		struct slice text = sources->file[d->at.file].text;
		uint32_t lines = 1;
		for (size_t k = 0; k < text.len; k++)
			lines += text.ptr[k] == '\n' || text.ptr[k] == '\r';
		must(d->at.line >= 1 && d->at.column >= 1 && d->at.line <= lines + 1);
		must(d->at.column <= text.len + 1);
	}
}

/* With SHOW in the environment: what was built, for people who look into what was found. */
static inline void show(struct slice text, const struct diags *diags)
{
	if (!getenv("SHOW"))
		return;
	fprintf(stderr, "%.*s\n", SLICE_FMT(text));
	for (size_t i = 0; i < diags->count; i++)
		fprintf(stderr, "%u:%u: %s\n", diags->list[i].at.line, diags->list[i].at.column,
			diags->list[i].message);
}

/* Builds; a text without errors gives a table, one with errors none. */
static inline struct table *build_rule(struct slice text)
{
	struct sources sources;
	struct diags diags;
	size_t rules;

	sources_init(&sources);
	diags_init(&diags);
	sources_add_text(&sources, "rules.yaml", text);
	struct table *t = table_build(&sources, &diags, &rules);
	show(text, &diags);
	must(!t == (diags.errors > 0));
	check_places(&sources, &diags);
	diags_release(&diags);
	sources_release(&sources);
	return t;
}

#define POOL_MOST 24

/* Texts to choose from: fixed ones, and the lines of the input. */
struct pool {
	struct slice text[POOL_MOST];
	size_t count;
	struct arena memory;
};

static inline void pool_add(struct pool *p, const char *const *fixed, size_t n, struct input *in)
{
	arena_init(&p->memory);
	for (p->count = 0; p->count < n; p->count++)
		p->text[p->count] = slice_of(fixed[p->count]);
	while (in->at < in->end && p->count < POOL_MOST) {
		struct slice line = arena_slice(&p->memory, input_until(in, '\n'));
		/* Texts of people, not bytes: rules.c looks at those. */
		for (size_t i = 0; !utf8_valid(line) && i < line.len; i++)
			((char *)(uintptr_t)line.ptr)[i] &= 0x7f;
		p->text[p->count++] = line;
	}
}

static inline struct slice pool_pick(const struct pool *p, struct input *in)
{
	return p->text[input_pick(in, p->count)];
}

/* A text in YAML's double quotes, all that is not plain behind a backslash. */
static inline void add_quoted(struct str *out, struct slice text)
{
	str_add_char(out, '"');
	for (size_t i = 0, len; i < text.len; i += len) {
		len = utf8_length(text.ptr + i, text.ptr + text.len);
		must(len);
		unsigned char byte = (unsigned char)text.ptr[i];
		uint32_t c = len == 1 ? byte : byte & (0x7fu >> len);
		for (size_t k = 1; k < len; k++)
			c = c << 6 | ((unsigned char)text.ptr[i + k] & 0x3f);
		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
			str_add_char(out, (char)c);
		else
			str_addf(out, "\\U%08X", (unsigned)c);
	}
	str_add_char(out, '"');
}

static inline bool is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] >= 0x80)
			return false;
	return true;
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline struct slice naive_trim(struct slice text)
{
	while (text.len && is_space(text.ptr[0]))
		text = (struct slice){ text.ptr + 1, text.len - 1 };
	while (text.len && is_space(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

#endif

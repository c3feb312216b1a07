/*
 * load - from the text of rules to a table, beside what the libraries alone take for it.
 *
 * The libraries' share is one scan of the same text by libyaml, and each pattern that differs
 * from the others compiled once by PCRE2. Beside it, the trees of nodes alone: libyaml's events with their
 * places, and no rule made of them. Memory is what the allocator has given out for the table once
 * everything else is gone.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/map.h"
#include "dsl/fault.h"
#include "tests/bench/bench.h"

#define LOADS 3

static void scan(struct slice text)
{
	yaml_parser_t parser;
	yaml_token_t token;
	bool more = true;

	yaml_parser_initialize(&parser);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
	while (more && yaml_parser_scan(&parser, &token)) {
		more = token.type != YAML_STREAM_END_TOKEN;
		yaml_token_delete(&token);
	}
	yaml_parser_delete(&parser);
}

/* Each line's pattern, once. */
static void compile(struct slice text)
{
	struct map known;
	struct slice line;

	map_init(&known);
	while (slice_cut(&text, '\n', &line)) {
		const char *from = memmem(line.ptr, line.len, "matches: '", 10);
		if (!from)
			continue;
		from += 10;
		const char *to = memchr(from, '\'', (size_t)(line.ptr + line.len - from));
		struct slice pattern = { from, (size_t)(to - from) };
		int number;
		PCRE2_SIZE at;
		if (map_get(&known, pattern))
			continue;
		map_put(&known, pattern, &known);
		pcre2_code_free(pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, PCRE2_UTF,
					      &number, &at, NULL));
	}
	map_release(&known);
}

static void pass_over(void *ctx, const struct node *root)
{
	(void)ctx;
	(void)root;
}

/* Seconds until the text is trees of nodes, with all checks of that stage. */
static double plant(struct slice text)
{
	struct sources sources;
	struct diags diags;
	struct arena arena;
	struct faults f = { &sources, &diags, NULL, NULL };
	struct documents documents = { .each = pass_over };

	sources_init(&sources);
	diags_init(&diags);
	arena_init(&arena);
	work_sources(text, &sources);
	double start = bench_cpu_s();
	for (size_t i = 0; i < sources.count; i++)
		node_read_file(&f, (uint32_t)i, &arena, &documents);
	arena_release(&arena);
	double took = bench_cpu_s() - start;
	diags_release(&diags);
	sources_release(&sources);
	return took;
}

static size_t given_out(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

void bench_load(size_t rules, bool own)
{
	double us[LOADS], them[LOADS], ratio[LOADS], trees[LOADS];
	size_t bytes = 0;
	struct work work;
	struct str text;

	work_make(&work, rules, own);
	str_init(&text, (size_t)1 << 30);
	work_text(&work, &text);
	for (size_t i = 0; i < LOADS; i++) {
		double start = bench_cpu_s();
		scan(str_slice(&text));
		compile(str_slice(&text));
		them[i] = bench_cpu_s() - start;
		size_t before = given_out();
		struct table *t = work_compile(str_slice(&text), &us[i]);
		if (!t)
			exit(1);
		bytes = given_out() - before;
		table_unref(t);
		ratio[i] = us[i] / them[i];
		trees[i] = plant(str_slice(&text)) / them[i];
	}
	printf("  load    %7zu rules%s %9.1f ms; libyaml and PCRE2 alone %.1f ms, %.2fx; trees of nodes %.2fx; table %.1f MB\n",
	       rules, own ? ", a pattern each," : "", bench_median(us, LOADS) * 1e3,
	       bench_median(them, LOADS) * 1e3, bench_median(ratio, LOADS),
	       bench_median(trees, LOADS), (double)bytes / 1e6);
	str_release(&text);
	work_free(&work);
}

void bench_load_once(size_t rules)
{
	struct work work;
	struct str text;
	double seconds;

	work_make(&work, rules, true);
	str_init(&text, (size_t)1 << 30);
	work_text(&work, &text);
	scan(str_slice(&text));
	compile(str_slice(&text));
	struct table *t = work_compile(str_slice(&text), &seconds);
	if (!t)
		exit(1);
	printf("  load    %7zu rules, a pattern each, %9.1f ms\n", rules, seconds * 1e3);
	table_unref(t);
	str_release(&text);
	work_free(&work);
}

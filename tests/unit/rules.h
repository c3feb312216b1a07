/*
 * rules - what the tests of the rule language share: a table from a text, and
 * facts from a list of pairs.
 */
#ifndef TESTS_UNIT_RULES_H
#define TESTS_UNIT_RULES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dsl/build.h"
#include "dsl/eval.h"

/* A build whose diagnostics can be looked at. */
struct built {
	struct sources sources;
	struct diags diags;
	struct table *table;
	size_t rules;
};

static inline void build_slice(struct built *b, struct slice text)
{
	sources_init(&b->sources);
	diags_init(&b->diags);
	sources_add_text(&b->sources, "test.yaml", text);
	b->table = table_build(&b->sources, &b->diags, &b->rules);
}

static inline void built_release(struct built *b)
{
	table_unref(b->table);
	diags_release(&b->diags);
	sources_release(&b->sources);
}

/* The table of a text that must be right. */
static inline struct table *table_of(const char *text)
{
	struct built b;

	build_slice(&b, slice_of(text));
	for (size_t i = 0; i < b.diags.count; i++)
		printf("%u:%u: %s\n", b.diags.list[i].at.line, b.diags.list[i].at.column,
		       b.diags.list[i].message);
	assert_non_null(b.table);
	struct table *table = table_ref(b.table);
	built_release(&b);
	return table;
}

/* Facts: pairs of property name and value, ended by NULL. A value "?" could not be read. */
struct pairs {
	const struct table *table;
	const char *const *pair;
	size_t asked;
};

static inline enum fact pairs_value(void *ctx, uint32_t property, struct slice *value)
{
	struct pairs *p = ctx;

	p->asked++;
	*value = slice_of("");
	for (size_t i = 0; p->pair[i]; i += 2)
		if (strcmp(p->pair[i], p->table->property[property].name) == 0)
			*value = slice_of(p->pair[i + 1]);
	return slice_is(*value, "?") ? FACT_UNSURE : FACT_KNOWN;
}

/* The label of a value is the value in brackets; that of "?" could not be read. */
static inline enum fact pairs_label(void *ctx, uint32_t property, struct slice value,
				    struct slice *label)
{
	static char text[128];
	struct pairs *p = ctx;

	if (slice_is(value, "unread"))
		return FACT_UNSURE;
	snprintf(text, sizeof(text), "[%s %.*s]", p->table->property[property].name,
		 SLICE_FMT(value));
	*label = slice_of(text);
	return FACT_KNOWN;
}

#endif

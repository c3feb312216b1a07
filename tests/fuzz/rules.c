/*
 * Rule files: whatever bytes come in, building, printing, matching and
 * rendering end, and a text without errors gives a table.
 */
#include <stdint.h>
#include <stdlib.h>

#include "dsl/build.h"
#include "dsl/eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum fact value_of(void *ctx, uint32_t property, struct slice *value)
{
	static const char *const values[] = {
		"", "x", "80", "2026-01-31", "a;b", "?", "1767603600000", "\xc5\xbc"
	};

	*value = slice_of(values[(property + *(uint32_t *)ctx) % 8]);
	return slice_is(*value, "?") ? FACT_UNSURE : FACT_KNOWN;
}

static enum fact label_of(void *ctx, uint32_t property, struct slice value, struct slice *label)
{
	(void)ctx;
	(void)property;
	*label = value;
	return FACT_KNOWN;
}

static void use_rule(const struct table *t, const struct rule *rule, uint32_t turn)
{
	char why[LIMIT_ERROR_BYTES];
	struct match_note note;
	struct str out;
	struct facts facts = { &turn, value_of, label_of };
	struct event_facts event = { .kind = rule->event,
				     .from = slice_of("Bronze"),
				     .to = slice_of("Gold"),
				     .from_known = true,
				     .at_ms = 1767603600000,
				     .as_of_ms = 1767603660000 };

	str_init(&out, LIMIT_FIELD_BYTES);
	(void)rule_match(t, rule, &event, &facts, &note);
	for (size_t i = 0; i < rule->n_field; i++)
		(void)rule_render(t, rule, i, &event, &facts, &out, why);
	str_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sources sources;
	struct diags diags;
	struct str out;
	size_t rules;

	sources_init(&sources);
	diags_init(&diags);
	str_init(&out, 1u << 24);
	sources_add_text(&sources, "rules.yaml", (struct slice){ (const char *)data, size });
	struct table *t = table_build(&sources, &diags, &rules);
	if (!t && !diags.errors)
		abort();
	for (size_t i = 0; i < diags.count; i++)
		diag_print_text(&sources, &diags.list[i], true, &out);
	diags_print_json(&sources, &diags, rules, &out);
	for (size_t i = 0; t && i < t->n_rule; i++)
		for (uint32_t turn = 0; turn < 8; turn++)
			use_rule(t, &t->rule[i], turn);
	table_unref(t);
	str_release(&out);
	diags_release(&diags);
	sources_release(&sources);
	return 0;
}

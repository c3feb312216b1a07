/*
 * Rule files: whatever bytes come in, building, printing, matching and
 * rendering end. A text without errors gives a table, and the same again when
 * it is read again; one with errors says where each is.
 */
#include "tests/fuzz/rule.h"

#include "base/json.h"

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

static void must_be_json(const struct str *text)
{
	struct err err;
	struct json *read = json_parse(str_slice(text), &err);

	must(read);
	json_free(read);
}

static size_t lines_of(const struct str *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->ptr[i] == '\n';
	return n;
}

/* As `validate` shows them, for people and for machines. */
static void print_diags(const struct sources *sources, const struct diags *diags, size_t rules)
{
	struct str out;

	str_init(&out, 1u << 26);
	for (size_t i = 0; i < diags->count; i++)
		diag_print_text(sources, &diags->list[i], true, &out);
	must(diags->count == 0 || out.len);
	str_clear(&out);
	diags_print_json(sources, diags, rules, &out);
	must_be_json(&out);
	str_clear(&out);
	diags_print_sarif(sources, diags, &out);
	must_be_json(&out);
	str_clear(&out);
	diags_print_github(sources, diags, &out);
	must(lines_of(&out) == diags->count + (diags->dropped > 0));
	str_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct sources sources;
	struct diags diags;
	size_t rules;

	sources_init(&sources);
	diags_init(&diags);
	sources_add_text(&sources, "rules.yaml", text);
	struct table *t = table_build(&sources, &diags, &rules);
	must(!t == (diags.errors > 0));
	check_places(&sources, &diags);
	print_diags(&sources, &diags, rules);
	for (size_t i = 0; t && i < t->n_rule; i++)
		for (uint32_t turn = 0; turn < 8; turn++)
			use_rule(t, &t->rule[i], turn);
	struct table *again = t ? build_rule(text) : NULL;
	must(!t || (again && strcmp(t->hash, again->hash) == 0));
	table_unref(again);
	table_unref(t);
	diags_release(&diags);
	sources_release(&sources);
	return 0;
}

/*
 * dump - a table as text: all that it means, nothing of how it was written.
 *
 * Golden tests compare it and the table's hash is taken over it, so every fact
 * that changes what the engine does must be in here, and no file, line or
 * comment may be.
 */
#include <inttypes.h>
#include <string.h>

#include "dsl/program.h"

static const char *const repeat_names[] = { "every-change", "once-per-value", "once-per-contact" };

static const char *const step_names[] = {
	[STEP_TEST] = "test", [STEP_NOT] = "not",   [STEP_ALL] = "all",
	[STEP_ANY] = "any",   [STEP_JOIN] = "join", [STEP_CLOSE] = "close",
};

static void add_text(struct str *out, struct slice text)
{
	str_add_char(out, ' ');
	str_add_json(out, text);
}

/* At least `width` characters, blanks in front. */
static void add_number(struct str *out, const char *before, size_t n, size_t width)
{
	char text[24];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + n % 10);
	while ((n /= 10));
	while (sizeof(text) - at < width)
		text[--at] = ' ';
	str_add_text(out, before);
	str_add(out, text + at, sizeof(text) - at);
}

static void add_duration(struct str *out, int64_t ms)
{
	char text[CLOCK_TEXT];

	str_add_texts(out, " ", clock_format_duration(ms, text), NULL);
}

/* ---- accounts ---------------------------------------------------------- */

static void dump_setting(const struct setting *s, struct str *out)
{
	str_addf(out, "  %s", s->key);
	if (s->kind == SETTING_TEXT)
		add_text(out, slice_of(s->text));
	else if (s->kind == SETTING_DURATION)
		add_duration(out, s->duration_ms);
	else if (s->kind == SETTING_RATE)
		str_addf(out, " %.17g/s", s->per_second);
	for (size_t i = 0; i < s->n_secret; i++) {
		str_add_text(out, s->secret[i].from == SECRET_ENV ? " environment" : " file");
		add_text(out, slice_of(s->secret[i].name));
	}
	str_add_char(out, '\n');
}

static void dump_account(const struct account *a, struct str *out)
{
	str_addf(out, "account %s %s\n", a->name, a->type);
	for (size_t i = 0; i < a->n_setting; i++)
		if (account_setting(a, a->setting[i].key))
			dump_setting(&a->setting[i], out);
}

/* ---- filters ----------------------------------------------------------- */

static void dump_quantity(const struct quantity *q, struct str *out)
{
	char text[CLOCK_TEXT];

	if (q->kind == QUANTITY_DAYS)
		str_addf(out, " (day %+d)", q->days);
	else if (q->kind == QUANTITY_INSTANT)
		str_addf(out, " (instant %s)", clock_format(q->instant_ms, text));
	else
		str_add_text(out, " (number)");
}

static void dump_test(const struct table *t, const struct test *test, struct str *out)
{
	enum operand_form form = test->op->form;

	str_add_texts(out, " ", t->property[test->property].name, " ", test->op->name, NULL);
	for (size_t i = 0; i < test->n_value; i++)
		add_text(out, test->value[i]);
	if (form == OPERAND_QUANTITY || form == OPERAND_MOMENT)
		dump_quantity(&test->quantity, out);
}

static void dump_filter(const struct table *t, const struct filter *filter, struct str *out)
{
	for (size_t i = 0; i < filter->n_step; i++) {
		const struct step *step = &filter->step[i];
		add_number(out, "  ", i, 3);
		str_add_texts(out, " ", step_names[step->op], NULL);
		if (step->op == STEP_TEST)
			dump_test(t, filter->entry[step->arg].test, out);
		else if (step->op == STEP_JOIN)
			add_number(out, " ", step->arg, 1);
		str_add_char(out, '\n');
	}
}

/* ---- templates --------------------------------------------------------- */

static void dump_part(const struct table *t, const struct part *part, struct str *out)
{
	if (part->ref == REF_LITERAL) {
		add_text(out, part->text);
		return;
	}
	str_add_text(out, " {");
	str_add_slice(out, part->text);
	if (part->label && part->ref != REF_CONTACT)
		str_addf(out, " of %s", t->property[part->index].name);
	for (size_t i = 0; i < part->n_call; i++) {
		const struct call *call = &part->call[i];
		str_add_texts(out, " | ", call->fn->name, NULL);
		for (size_t k = 0; k < call->n_arg; k++)
			add_text(out, call->arg[k]);
	}
	str_add_char(out, '}');
}

static void dump_fields(const struct table *t, const struct rule *rule, struct str *out)
{
	for (size_t i = 0; i < rule->n_field; i++) {
		const struct template *value = rule->field[i].value;
		str_add_texts(out, "  field ", rule->field[i].name, NULL);
		for (size_t k = 0; k < value->n_part; k++)
			dump_part(t, &value->part[k], out);
		str_add_char(out, '\n');
	}
}

/* ---- rules ------------------------------------------------------------- */

static void dump_values(const char *key, const struct slice *value, size_t count, struct str *out)
{
	if (!count)
		return;
	str_add_texts(out, "  ", key, NULL);
	for (size_t i = 0; i < count; i++)
		add_text(out, value[i]);
	str_add_char(out, '\n');
}

static void dump_trigger(const struct table *t, const struct rule *rule, struct str *out)
{
	str_add_texts(out, "  on ", event_kind_names[rule->event], " of ",
		      t->account[rule->source].name, NULL);
	if (rule->event == EVENT_LIST_ADDED)
		str_add_text(out, rule->target_is_name ? " named" : " id");
	add_text(out, slice_of(rule->target));
	str_add_text(out, "\n  settle");
	add_duration(out, rule->settle_ms);
	str_add_char(out, '\n');
	dump_values("from", rule->from, rule->n_from, out);
	dump_values("to", rule->to, rule->n_to, out);
	if (rule->filter)
		dump_filter(t, rule->filter, out);
}

static void dump_policy(const struct rule *rule, struct str *out)
{
	char text[CLOCK_TEXT];

	str_add_texts(out, "  repeat ", repeat_names[rule->policy->repeat], "\n  missing-email",
		      NULL);
	if (rule->policy->hold_email_ms)
		str_addf(out, " hold %s\n",
			 clock_format_duration(rule->policy->hold_email_ms, text));
	else
		str_add_text(out, " skip\n");
	if (rule->policy->brake_count)
		str_addf(out, "  brake %" PRId64 " in %s\n", rule->policy->brake_count,
			 clock_format_duration(rule->policy->brake_per_ms, text));
	else
		str_add_text(out, "  brake off\n");
	str_add_texts(out, "  since ",
		      rule->policy->since_ms == SINCE_NOW
			      ? "now"
			      : clock_format(rule->policy->since_ms, text),
		      "\n", NULL);
}

/* All but its fields. */
static void dump_rule(const struct table *t, const struct rule *rule, struct str *out)
{
	str_add_texts(out, "rule ", rule->name, "\n", NULL);
	if (rule->description[0]) {
		str_add_text(out, "  description");
		add_text(out, slice_of(rule->description));
		str_add_char(out, '\n');
	}
	str_add_texts(out, "  mode ", rule_mode_names[rule->mode], "\n", NULL);
	dump_trigger(t, rule, out);
	dump_policy(rule, out);
	str_add_texts(out, "  do issue-credential at ", t->account[rule->action].name, "\n  group",
		      NULL);
	add_text(out, slice_of(rule->group));
	str_add_texts(out, "\n  issue ", rule->issue ? "yes" : "no", ", send ",
		      rule->send ? "yes" : "no", "\n", NULL);
}

void rule_dump(const struct table *t, const struct rule *rule, struct str *out)
{
	dump_rule(t, rule, out);
	dump_fields(t, rule, out);
}

static void dump_property(const struct table *t, const struct property *p, struct str *out)
{
	str_addf(out, "property %s of %s%s%s\n", p->name, t->account[p->source].name,
		 p->history ? ", history" : "", p->label ? ", label" : "");
}

void table_dump(const struct table *t, struct str *out)
{
	for (size_t i = 0; i < t->n_account; i++)
		dump_account(&t->account[i], out);
	for (size_t i = 0; i < t->n_rule; i++)
		rule_dump(t, &t->rule[i], out);
	for (size_t i = 0; i < t->n_property; i++)
		dump_property(t, &t->property[i], out);
}

static void digest_part(struct digest *d, struct str *part)
{
	digest_add(d, str_slice(part));
	str_clear(part);
}

/* Most rules have the fields of the one before, which are dumped already. */
static void digest_rules(const struct table *t, struct digest *d, struct str *part)
{
	const struct field *dumped = NULL;
	struct str fields;

	str_init(&fields, SIZE_MAX / 4);
	for (size_t i = 0; i < t->n_rule; i++) {
		const struct rule *rule = &t->rule[i];
		dump_rule(t, rule, part);
		digest_part(d, part);
		if (rule->field != dumped) {
			str_clear(&fields);
			dump_fields(t, rule, &fields);
			dumped = rule->field;
		}
		digest_add(d, str_slice(&fields));
	}
	str_release(&fields);
}

/* The beginning of the dump's digest, of which dump a part at a time is there. */
void table_hash(struct table *t)
{
	struct digest *d = digest_begin();
	char hex[DIGEST_HEX];
	struct str part;

	str_init(&part, SIZE_MAX / 4);
	for (size_t i = 0; i < t->n_account; i++) {
		dump_account(&t->account[i], &part);
		digest_part(d, &part);
	}
	digest_rules(t, d, &part);
	for (size_t i = 0; i < t->n_property; i++) {
		dump_property(t, &t->property[i], &part);
		digest_part(d, &part);
	}
	str_release(&part);
	memcpy(t->hash, digest_end(d, hex), sizeof(t->hash) - 1);
}

/*
 * write - rules as data, written as a rule file.
 */
#include <string.h>

#include "tests/simulation/simulation.h"

static const char *const operator_words[OPERATORS] = {
	"is",	       "is-not",    "in",	 "not-in",  "contains",
	"starts-with", "ends-with", "has",	 "has-not", "at-least",
	"at-most",     "more-than", "less-than", "known",   "known",
};

static void write_values(struct str *out, const struct model_values *v)
{
	for (size_t i = 0; i < v->count; i++) {
		str_add_text(out, i ? ", " : "[");
		str_add_json(out, slice_of(v->value[i]));
	}
	str_add_char(out, ']');
}

static void write_operand(struct str *out, const struct model_filter *f)
{
	if (f->operator== OP_KNOWN || f->operator== OP_UNKNOWN)
		str_add_text(out, f->operator== OP_KNOWN ? "true" : "false");
	else if (f->operator== OP_IN || f->operator== OP_NOT_IN)
		write_values(out, &f->values);
	else
		str_add_json(out, slice_of(f->values.value[0]));
}

/* In flow style, so that nesting needs no layout. */
static void write_filter(struct str *out, const struct model_filter *f)
{
	if (f->kind == FILTER_TEST) {
		str_addf(out, "{ property: %s, %s: ", model_property_names[f->property],
			 operator_words[f->operator]);
		write_operand(out, f);
		str_add_text(out, " }");
		return;
	}
	if (f->kind == FILTER_NOT) {
		str_add_text(out, "{ not: ");
		write_filter(out, f->child[0]);
		str_add_text(out, " }");
		return;
	}
	str_add_text(out, f->kind == FILTER_ALL ? "{ all: [" : "{ any: [");
	for (size_t i = 0; i < f->children; i++) {
		str_add_text(out, i ? ", " : "");
		write_filter(out, f->child[i]);
	}
	str_add_text(out, "] }");
}

static void write_trigger(struct str *out, const struct model_rule *r)
{
	char span[CLOCK_TEXT];

	str_add_text(out, "trigger:\n");
	if (r->joins && r->by_name) {
		str_add_text(out, "  event: list-added\n  list: ");
		str_add_json(out, slice_of(r->list_name));
		str_add_char(out, '\n');
	} else if (r->joins) {
		str_addf(out, "  event: list-added\n  list: %lld\n", (long long)r->list_id);
	} else {
		str_addf(out, "  event: property-changed\n  property: %s\n",
			 model_property_names[r->property]);
	}
	if (r->says_from) {
		str_add_text(out, "  from: ");
		write_values(out, &r->from);
		str_add_char(out, '\n');
	}
	if (r->says_to) {
		str_add_text(out, "  to: ");
		write_values(out, &r->to);
		str_add_char(out, '\n');
	}
	if (r->says_settle)
		str_addf(out, "  settle: %s\n",
			 r->settle_ms ? clock_format_duration(r->settle_ms, span) : "0s");
	if (r->filter) {
		str_add_text(out, "  filters:\n    - ");
		write_filter(out, r->filter);
		str_add_char(out, '\n');
	}
}

static void write_fields(struct str *out, const struct model_rule *r)
{
	static const char *const names[] = {
		NULL,
		"{{ contact.firstname }}",
		"{{ contact.firstname | upper }}",
		"{{ contact.firstname }} {{ contact.lastname }}",
	};

	str_add_text(out, "  fields:\n    issue-date: \"{{ event.date }}\"\n");
	if (names[r->names])
		str_addf(out, "    recipient.name: \"%s\"\n", names[r->names]);
	if (r->expires)
		str_add_text(out, "    expiry-date: \"{{ event.date | add('1 year') }}\"\n");
	if (r->says_to_field)
		str_addf(out, "    custom.tier: \"{{ event.%s }}\"\n", r->joins ? "list" : "to");
	if (r->stamped)
		str_add_text(out, "    custom.note: \"{{ rule.name }} {{ event.at }}"
				  " {{ contact.hs_object_id }}\"\n");
}

static void write_rule(struct str *out, const struct model_rule *r)
{
	static const char *const modes[] = { "live", "shadow", "off" };
	static const char *const repeats[] = { "every-change", "once-per-value",
					       "once-per-contact" };
	char span[CLOCK_TEXT];

	str_addf(out, "---\nrule: %s\n", r->name);
	if (r->mode != MODEL_LIVE)
		str_addf(out, "mode: %s\n", modes[r->mode]);
	if (r->repeat != REPEATS_EVERY)
		str_addf(out, "repeat: %s\n", repeats[r->repeat]);
	if (r->hold_ms)
		str_addf(out, "missing-email: hold %s\n", clock_format_duration(r->hold_ms, span));
	if (r->brake)
		str_addf(out, "brake: %lld/h\n", (long long)r->brake);
	else
		str_add_text(out, "brake: off\n");
	if (r->since)
		str_addf(out, "since: %s\n", r->since);
	write_trigger(out, r);
	str_addf(out, "action:\n  do: issue-credential\n  group: %s\n", r->group);
	if (r->account)
		str_addf(out, "  account: %s\n", r->account);
	if (!r->issue)
		str_add_text(out, "  issue: false\n");
	else if (!r->send)
		str_add_text(out, "  send: false\n");
	write_fields(out, r);
}

void rules_write(const struct model_rules *rules, struct str *out)
{
	str_addf(out,
		 "account: hubspot\nhubspot:\n  token: ${HUBSPOT_TOKEN}\n  poll: %s\n  api: %s\n%s"
		 "---\naccount: certifier\ncertifier:\n  token: ${CERTIFIER_TOKEN}\n",
		 rules->poll, rules->api,
		 rules->webhooks ? "  webhook: { public-url: \"" WEBHOOK_URL
				   "\", secret: \"${" WEBHOOK_SECRET "}\" }\n"
				 : "");
	if (rules->spare)
		str_add_text(out, "---\naccount: spare\ncertifier:\n  token: ${CERTIFIER_TOKEN}\n");
	for (size_t i = 0; i < rules->count; i++)
		write_rule(out, &rules->rule[i]);
}

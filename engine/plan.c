#include "engine/plan.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/ledger.h"

static void describe(const struct plan_input *in, const struct rule *rule, struct arena *memory,
		     struct issuance *is)
{
	const struct event_facts *e = in->event;

	*is = (struct issuance){
		.rule = rule->name,
		.table_hash = in->table->hash,
		.source_account = in->table->account[rule->source].name,
		.contact = in->contact,
		.event = e->kind,
		.target = in->target,
		.from = e->from_known ? arena_text(memory, e->from) : NULL,
		.to = arena_text(memory, e->to),
		.at_ms = e->at_ms,
		.action_account = in->table->account[rule->action].name,
		.group = rule->group,
		.do_issue = rule->issue,
		.do_send = rule->issue && rule->send,
		.state = STATE_PLANNED,
		.held_from = STATE_PLANNED,
		.created_ms = in->wall_ms,
	};
}

static size_t field_index(const struct rule *rule, const char *name)
{
	size_t i = 0;

	while (i < rule->n_field && strcmp(rule->field[i].name, name) != 0)
		i++;
	return i;
}

static void decide_state(struct issuance *is, enum issuance_state state, const char *reason)
{
	is->state = state;
	is->reason = reason;
}

/* Whether the rendered address is a valid one, with these facts. */
static enum plan_result check_email(const struct plan_input *in, const struct rule *rule,
				    const struct facts *facts, struct str *address, bool *valid)
{
	char why[LIMIT_ERROR_BYTES];
	enum render got = rule_render(in->table, rule, field_index(rule, "recipient.email"),
				      in->event, facts, address, why);

	if (got == RENDER_UNSURE)
		return PLAN_UNSURE;
	*valid = got == RENDER_OK && email_valid(str_slice(address));
	return PLAN_MADE;
}

static bool repeats(const struct plan_input *in, const struct rule *rule, const struct issuance *is)
{
	if (rule->repeat == REPEAT_EVERY_CHANGE)
		return false;
	return ledger_has_repeat(in->db, is, rule->repeat == REPEAT_ONCE_PER_VALUE ? is->to : NULL);
}

/*
 * Renders every field into is->fields; where one cannot be, the issuance is held with the
 * reason.
 */
static enum plan_result render_fields(const struct plan_input *in, const struct rule *rule,
				      struct arena *memory, struct plan *out)
{
	char why[LIMIT_ERROR_BYTES] = "";
	struct json *fields = json_new_object();
	enum render got = RENDER_OK;
	struct str text;

	str_init(&text, LIMIT_FIELD_BYTES);
	for (size_t i = 0; i < rule->n_field; i++) {
		enum render one = rule_render(in->table, rule, i, in->event, &in->now, &text, why);
		if (one == RENDER_UNSURE || (one != RENDER_OK && got == RENDER_OK)) {
			got = one;
			if (one == RENDER_UNSURE)
				break;
			decide_state(&out->is, STATE_HELD,
				     arena_printf(memory, "%s: %s",
						  one == RENDER_REQUIRED ? "empty required field"
									 : "field",
						  why));
		} else if (one == RENDER_OK && text.len) {
			json_set_slice(fields, slice_of(rule->field[i].name), str_slice(&text));
		}
	}
	str_release(&text);
	if (got == RENDER_UNSURE) {
		json_free(fields);
		return PLAN_UNSURE;
	}
	out->is.fields = fields;
	out->email = json_get_slice(fields, "recipient.email");
	if (got == RENDER_OK && !email_valid(out->email))
		decide_state(&out->is, STATE_HELD,
			     "missing e-mail: the address is gone since the event");
	return PLAN_MADE;
}

static const char *email_hold(const struct rule *rule, struct arena *memory)
{
	char span[CLOCK_TEXT];

	return arena_printf(memory, "missing e-mail: waits %s for an address",
			    clock_format_duration(rule->hold_email_ms, span));
}

enum plan_result plan_make(const struct plan_input *in, const struct rule *rule,
			   const struct match_note *limit, struct arena *memory, struct plan *out)
{
	struct str address;
	bool valid = false;

	*out = (struct plan){ 0 };
	describe(in, rule, memory, &out->is);
	if (ledger_has_event(in->db, &out->is))
		return PLAN_KNOWN;
	if (limit) {
		decide_state(&out->is, STATE_HELD,
			     arena_printf(memory, "filter-limit: %s at %s:%u", limit->what,
					  limit->file, limit->line));
		return PLAN_MADE;
	}
	str_init(&address, LIMIT_FIELD_BYTES);
	enum plan_result result = check_email(in, rule, &in->then, &address, &valid);
	str_release(&address);
	if (result == PLAN_MADE && !valid && !rule->hold_email_ms) {
		decide_state(&out->is, STATE_SKIPPED, "no valid e-mail address");
		return result;
	}
	if (result == PLAN_MADE && repeats(in, rule, &out->is)) {
		decide_state(&out->is, STATE_SKIPPED,
			     rule->repeat == REPEAT_ONCE_PER_VALUE ? "repeat: once-per-value"
								   : "repeat: once-per-contact");
		return result;
	}
	if (result == PLAN_MADE)
		result = render_fields(in, rule, memory, out);
	if (result == PLAN_MADE && !valid)
		decide_state(&out->is, STATE_HELD, email_hold(rule, memory));
	if (result == PLAN_MADE && rule->mode == MODE_SHADOW && out->is.state == STATE_PLANNED)
		decide_state(&out->is, STATE_SHADOW, NULL);
	return result;
}

enum plan_result plan_skip(const struct plan_input *in, const struct rule *rule, const char *reason,
			   struct arena *memory, struct plan *out)
{
	*out = (struct plan){ 0 };
	describe(in, rule, memory, &out->is);
	if (ledger_has_event(in->db, &out->is))
		return PLAN_KNOWN;
	decide_state(&out->is, STATE_SKIPPED, reason);
	return PLAN_MADE;
}

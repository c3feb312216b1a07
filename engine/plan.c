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

static void hold(struct issuance *is, enum hold hold, const char *reason)
{
	decide_state(is, STATE_HELD, reason);
	is->hold = hold;
}

enum plan_result plan_email_valid(const struct plan_input *in, const struct rule *rule,
				  const struct facts *facts, bool *valid)
{
	char why[LIMIT_ERROR_BYTES];
	struct str address;

	str_init(&address, LIMIT_FIELD_BYTES);
	enum render got = rule_render(in->table, rule, field_index(rule, "recipient.email"),
				      in->event, facts, &address, why);
	*valid = got == RENDER_OK && email_valid(str_slice(&address));
	str_release(&address);
	return got == RENDER_UNSURE ? PLAN_UNSURE : PLAN_MADE;
}

static bool repeats(const struct plan_input *in, const struct rule *rule, const struct issuance *is)
{
	if (rule->repeat == REPEAT_EVERY_CHANGE)
		return false;
	return ledger_has_repeat(in->db, is, rule->repeat == REPEAT_ONCE_PER_VALUE ? is->to : NULL);
}

static void hold_field(struct issuance *is, enum render got, const char *why, struct arena *memory)
{
	bool required = got == RENDER_REQUIRED;

	hold(is, required ? HOLD_REQUIRED : HOLD_FIELD,
	     arena_printf(memory, "%s: %s", required ? "empty required field" : "field", why));
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
			hold_field(&out->is, one, why, memory);
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
		hold(&out->is, HOLD_MISSING_EMAIL,
		     "missing e-mail: the address is gone since the event");
	return PLAN_MADE;
}

/* What counts as an event that fired; the index issuance_brake has the same words. */
#define BRAKED "state NOT IN ('skipped', 'refused', 'dropped', 'shadow')"

/*
 * The brake: whether some span of the rule's `brake:` time would hold more of its events than
 * allowed, with this one. By the events' own time, whenever they are decided, so that catching up
 * is not taken for a flood. Looks at no more than `count` events on either side.
 */
static bool brakes(const struct plan_input *in, const struct rule *rule, int64_t at_ms)
{
	int64_t most = rule->brake_count, n = 0, have = 0;
	bool over = false;

	if (!most || db_integer(in->db, 0,
				"SELECT count(*) FROM issuance WHERE rule = ?1 AND at_ms > ?2 - ?3"
				" AND at_ms < ?2 + ?3 AND " BRAKED,
				"tii", rule->name, at_ms, rule->brake_per_ms) < most)
		return false;
	int64_t *ring = mem_alloc((size_t)most * sizeof(*ring));
	struct query *q = db_select(
		in->db,
		"SELECT at_ms FROM (SELECT at_ms FROM issuance WHERE rule = ?1 AND at_ms <= ?2"
		" AND at_ms > ?2 - ?3 AND " BRAKED " ORDER BY at_ms DESC LIMIT ?4) UNION ALL"
		" SELECT at_ms FROM (SELECT at_ms FROM issuance WHERE rule = ?1 AND at_ms > ?2"
		" AND at_ms < ?2 + ?3 AND " BRAKED " ORDER BY at_ms LIMIT ?4) ORDER BY at_ms",
		"tiii", rule->name, at_ms, rule->brake_per_ms, most);
	/* `most` others in a row within the span, this one among or beside them. */
	while (!over && query_next(q)) {
		int64_t one = query_integer(q, 0);
		ring[n++ % most] = one;
		have = n < most ? n : most;
		int64_t first = ring[(n - have) % most];
		int64_t from = first < at_ms ? first : at_ms, to = one > at_ms ? one : at_ms;
		over = have == most && to - from < rule->brake_per_ms;
	}
	if (over)
		query_end(q);
	mem_free(ring);
	return over;
}

static void brake(const struct plan_input *in, const struct rule *rule, struct arena *memory,
		  struct issuance *is)
{
	char span[CLOCK_TEXT];

	if (is->state != STATE_PLANNED || !brakes(in, rule, is->at_ms))
		return;
	hold(is, HOLD_BRAKE,
	     arena_printf(memory, "brake: more than %lld events of this rule within %s",
			  (long long)rule->brake_count,
			  clock_format_duration(rule->brake_per_ms, span)));
}

static const char *email_hold(const struct rule *rule, struct arena *memory)
{
	char span[CLOCK_TEXT];

	return arena_printf(memory, "missing e-mail: waits %s for an address",
			    clock_format_duration(rule->hold_email_ms, span));
}

static void shadow(const struct rule *rule, struct issuance *is)
{
	if (rule->mode == MODE_SHADOW && is->state == STATE_PLANNED)
		decide_state(is, STATE_SHADOW, NULL);
}

enum plan_result plan_make(const struct plan_input *in, const struct rule *rule,
			   const struct match_note *limit, struct arena *memory, struct plan *out)
{
	bool valid = false;

	*out = (struct plan){ 0 };
	describe(in, rule, memory, &out->is);
	if (ledger_has_event(in->db, &out->is))
		return PLAN_KNOWN;
	if (limit) {
		hold(&out->is, HOLD_FILTER_LIMIT,
		     arena_printf(memory, "filter-limit: %s at %s:%u", limit->what, limit->file,
				  limit->line));
		return PLAN_MADE;
	}
	enum plan_result result = plan_email_valid(in, rule, &in->then, &valid);
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
	if (result != PLAN_MADE)
		return result;
	if (!valid) {
		hold(&out->is, HOLD_MISSING_EMAIL, email_hold(rule, memory));
		out->is.expire_ms = in->event->at_ms + rule->hold_email_ms;
	}
	shadow(rule, &out->is);
	brake(in, rule, memory, &out->is);
	return result;
}

enum plan_result plan_again(const struct plan_input *in, const struct rule *rule,
			    const struct issuance *was, struct arena *memory, struct plan *out)
{
	*out = (struct plan){ .is = *was };
	out->is.table_hash = in->table->hash;
	out->is.action_account = in->table->account[rule->action].name;
	out->is.group = rule->group;
	out->is.do_issue = rule->issue;
	out->is.do_send = rule->issue && rule->send;
	out->is.hold = HOLD_NONE;
	out->is.held_from = STATE_PLANNED;
	out->is.expire_ms = 0;
	out->is.retry = false;
	out->is.not_before_ms = 0;
	decide_state(&out->is, STATE_PLANNED, NULL);
	enum plan_result result = render_fields(in, rule, memory, out);
	if (out->is.hold == HOLD_MISSING_EMAIL)
		out->is.expire_ms = was->expire_ms;
	shadow(rule, &out->is);
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

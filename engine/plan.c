#include "engine/plan.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/brake.h"
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
		.in_shadow = rule->mode == MODE_SHADOW,
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
	is->hold = HOLD_NONE;
	is->expire_ms = 0;
}

static void hold(struct issuance *is, enum hold kind, const char *reason)
{
	decide_state(is, STATE_HELD, reason);
	is->hold = kind;
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

const char *plan_repeats(struct db *db, const struct rule *rule, const struct issuance *is)
{
	bool value = rule->policy->repeat == REPEAT_ONCE_PER_VALUE;

	if (rule->policy->repeat == REPEAT_EVERY_CHANGE ||
	    !ledger_has_repeat(db, is, value ? is->to : NULL))
		return NULL;
	return value ? "repeat: once-per-value" : "repeat: once-per-contact";
}

/* Whether `repeat:` skips it; then it is. */
static bool skip_repeat(const struct plan_input *in, const struct rule *rule, struct issuance *is)
{
	const char *reason = plan_repeats(in->db, rule, is);

	if (reason)
		decide_state(is, STATE_SKIPPED, reason);
	return reason != NULL;
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
			hold(&out->is, one == RENDER_REQUIRED ? HOLD_REQUIRED : HOLD_FIELD,
			     arena_printf(memory, "%s: %s",
					  one == RENDER_REQUIRED ? "empty required field" : "field",
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
		hold(&out->is, HOLD_MISSING_EMAIL,
		     "missing e-mail: the address is gone since the event");
	return PLAN_MADE;
}

/* ---- waiting for an address ------------------------------------------------ */

/* Whether the address was a valid one with the facts of some moment up to until_ms. */
static enum plan_result address_came(const struct plan_input *in, const struct rule *rule,
				     int64_t until_ms, struct str *address, bool *valid)
{
	struct view view = *in->then;
	struct facts facts = view_facts(&view);
	enum plan_result result = PLAN_MADE;

	while (result == PLAN_MADE && !*valid && view_step(&view, in->table->n_property, until_ms))
		result = check_email(in, rule, &facts, address, valid);
	return result;
}

/* Whether there was an address in time: at the event, or (wait_ms) up to then. */
static enum plan_result find_address(const struct plan_input *in, const struct rule *rule,
				     int64_t wait_ms, bool *valid)
{
	struct str address;
	struct view then = *in->then;
	struct facts facts = view_facts(&then);

	str_init(&address, LIMIT_FIELD_BYTES);
	enum plan_result result = check_email(in, rule, &facts, &address, valid);
	if (result == PLAN_MADE && !*valid && wait_ms)
		result = address_came(in, rule, wait_ms, &address, valid);
	str_release(&address);
	return result;
}

/* There was none in time: it waits since from_ms until wait_ms, or that is over (0: it never waited). */
static void miss_address(const struct plan_input *in, int64_t from_ms, int64_t wait_ms,
			 struct arena *memory, struct issuance *is)
{
	char span[CLOCK_TEXT];

	if (!wait_ms) {
		decide_state(is, STATE_SKIPPED, "no valid e-mail address");
		return;
	}
	clock_format_duration(wait_ms - from_ms, span);
	if (in->began_ms >= wait_ms) {
		decide_state(is, STATE_SKIPPED,
			     arena_printf(memory, "no valid e-mail address within %s", span));
		return;
	}
	hold(is, HOLD_MISSING_EMAIL,
	     arena_printf(memory, "missing e-mail: waits %s for an address", span));
	is->expire_ms = wait_ms;
}

/* ---- the whole --------------------------------------------------------------- */

/* What the brake holds and cannot be issued as it is has no fields: it is planned anew. */
static void hold_by_brake(struct issuance *is, const char *reason)
{
	if (is->state == STATE_HELD) {
		json_free((struct json *)(uintptr_t)is->fields);
		is->fields = NULL;
	}
	hold(is, HOLD_BRAKE, reason);
}

static void apply_brake(const struct plan_input *in, const struct rule *rule, struct arena *memory,
			struct plan *out)
{
	char span[CLOCK_TEXT];
	struct issuance *is = &out->is;

	if (rule->mode != MODE_LIVE || is->state == STATE_SKIPPED || !brake_holds(in->db, rule, is))
		return;
	hold_by_brake(is, arena_printf(memory, "brake: more than %lld event%s within %s",
				       (long long)rule->policy->brake_count,
				       rule->policy->brake_count == 1 ? "" : "s",
				       clock_format_duration(rule->policy->brake_per_ms, span)));
}

/* `from_ms`: from when on it waits for an address, where the rule says so. */
static enum plan_result plan_fresh(const struct plan_input *in, const struct rule *rule,
				   int64_t from_ms, struct arena *memory, struct plan *out)
{
	int64_t wait_ms = rule->policy->hold_email_ms ? from_ms + rule->policy->hold_email_ms : 0;
	bool valid = false;
	enum plan_result result = find_address(in, rule, wait_ms, &valid);

	if (result == PLAN_MADE && !valid)
		miss_address(in, from_ms, wait_ms, memory, &out->is);
	if (result != PLAN_MADE || out->is.state == STATE_SKIPPED)
		return result;
	if (skip_repeat(in, rule, &out->is))
		return result;
	return valid ? render_fields(in, rule, memory, out) : result;
}

static void hold_at_limit(struct issuance *is, const struct match_note *limit, struct arena *memory)
{
	hold(is, HOLD_FILTER_LIMIT,
	     arena_printf(memory, "filter-limit: %s at %s:%u", limit->what, limit->file,
			  limit->line));
}

enum plan_result plan_make(const struct plan_input *in, const struct rule *rule,
			   const struct match_note *limit, struct arena *memory, struct plan *out)
{
	*out = (struct plan){ 0 };
	describe(in, rule, memory, &out->is);
	if (ledger_has_event(in->db, &out->is))
		return PLAN_KNOWN;
	if (limit) {
		hold_at_limit(&out->is, limit, memory);
		return PLAN_MADE;
	}
	enum plan_result result = plan_fresh(in, rule, in->event->at_ms, memory, out);
	if (result != PLAN_MADE)
		return result;
	apply_brake(in, rule, memory, out);
	if (rule->mode == MODE_SHADOW && out->is.state == STATE_PLANNED)
		decide_state(&out->is, STATE_SHADOW, NULL);
	return result;
}

enum plan_result plan_late(const struct plan_input *in, const struct rule *rule,
			   const struct match_note *limit, int64_t room, struct arena *memory,
			   struct plan *out)
{
	enum plan_result result = PLAN_MADE;

	*out = (struct plan){ 0 };
	describe(in, rule, memory, &out->is);
	if (rule->mode == MODE_LIVE)
		out->is.id = ledger_shadow(in->db, &out->is);
	if ((!out->is.id && ledger_has_event(in->db, &out->is)) ||
	    ledger_has_repeat(in->db, &out->is, out->is.to))
		return PLAN_KNOWN;
	if (limit)
		hold_at_limit(&out->is, limit, memory);
	else
		result = plan_fresh(in, rule, in->began_ms, memory, out);
	if (result != PLAN_MADE || out->is.state == STATE_SKIPPED)
		return result;
	if (rule->mode == MODE_SHADOW && out->is.state == STATE_PLANNED)
		decide_state(&out->is, STATE_SHADOW, NULL);
	else if (rule->mode == MODE_LIVE && rule->policy->brake_count && room <= 0)
		hold_by_brake(&out->is,
			      arena_printf(memory, "brake: more than %lld in one backfill",
					   (long long)rule->policy->brake_count));
	return result;
}

/* A rule that is live by now issues nothing that it decided in shadow; a person may. */
static bool ends_in_shadow(const struct plan_input *in, const struct rule *rule,
			   const struct issuance *is)
{
	return rule->mode == MODE_SHADOW || (!is->replan && ledger_in_shadow(in->db, is->id));
}

/* Our clock's time at which a backfill made it, or took it up; 0 where none did. */
static int64_t backfilled_ms(struct db *db, int64_t id)
{
	return db_integer(db, 0,
			  "SELECT max(at_ms) FROM trail WHERE issuance = ?1 AND who IS NOT NULL"
			  " AND note LIKE '" LEDGER_BACKFILL "%'",
			  "i", id);
}

/*
 * From when on it waits for an address: its event, or the backfill that made it; that by HubSpot's clock where the wait's
 * end tells it, else by ours.
 */
static int64_t waits_from(struct db *db, const struct rule *rule, const struct issuance *is)
{
	int64_t ours_ms = backfilled_ms(db, is->id);
	int64_t from_ms = is->expire_ms - rule->policy->hold_email_ms;

	if (!ours_ms)
		return is->at_ms;
	return from_ms >= ours_ms - MS_DAY && from_ms <= ours_ms + MS_DAY ? from_ms : ours_ms;
}

/* What address a contact had before a backfill found it without one is of no use. */
static enum plan_result find_late_address(const struct plan_input *in, const struct rule *rule,
					  int64_t from_ms, int64_t wait_ms, bool *valid)
{
	struct view then = *in->then;
	struct plan_input late = *in;

	if (then.as_of_ms < from_ms)
		then.as_of_ms = from_ms;
	late.then = &then;
	return find_address(&late, rule, wait_ms, valid);
}

enum plan_result plan_again(const struct plan_input *in, const struct rule *rule,
			    const struct issuance *is, struct arena *memory, struct plan *out)
{
	int64_t from_ms = waits_from(in->db, rule, is);
	int64_t wait_ms = is->expire_ms			? is->expire_ms
			  : rule->policy->hold_email_ms ? from_ms + rule->policy->hold_email_ms
							: 0;
	/* What has fields had an address in time: that stays decided, whatever the rule, and the history, say of it by now. */
	bool valid = is->fields != NULL;
	enum plan_result result = PLAN_MADE;
	struct str address;

	*out = (struct plan){ 0 };
	describe(in, rule, memory, &out->is);
	out->is.id = is->id;
	out->is.from = is->from;
	if (skip_repeat(in, rule, &out->is))
		return PLAN_MADE;
	if (!valid)
		result = find_late_address(in, rule, from_ms, wait_ms, &valid);
	/* A person who asks takes the address that is there now. */
	if (result == PLAN_MADE && !valid && is->replan) {
		str_init(&address, LIMIT_FIELD_BYTES);
		result = check_email(in, rule, &in->now, &address, &valid);
		str_release(&address);
	}
	if (result == PLAN_MADE && !valid)
		miss_address(in, from_ms, wait_ms, memory, &out->is);
	if (result == PLAN_MADE && valid)
		result = render_fields(in, rule, memory, out);
	if (out->is.state == STATE_PLANNED && ends_in_shadow(in, rule, is))
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

#include "engine/why_words.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/ledger.h"

bool why_matched(const struct why_rule *r)
{
	if (r->outcome)
		return strcmp(r->outcome, "no-match") != 0;
	return r->traced ? r->trace.answer == ANSWER_YES : r->issuance != NULL;
}

const char *why_outcome(const struct why_rule *r)
{
	return r->outcome ? r->outcome : r->traced && !why_matched(r) ? "no-match" : NULL;
}

size_t why_shown(const struct why_entry *e)
{
	size_t n = 0;

	while (n < e->rules && why_matched(&e->rule[n]))
		n++;
	return e->rules - n > WHY_MISSES ? n + WHY_MISSES : e->rules;
}

/* Of a backfill whose event is no longer on record. */
static bool by_backfill(const struct why_issuance *is)
{
	const struct why_step *first = is && is->steps ? &is->trail[0] : NULL;

	return first && first->who && first->note &&
	       strncmp(first->note, LEDGER_BACKFILL, strlen(LEDGER_BACKFILL)) == 0;
}

void why_add_verdict(struct str *out, const struct why_rule *r, bool nearest)
{
	const char *outcome = why_outcome(r);

	if (outcome && strcmp(outcome, "no-match") == 0 && r->traced) {
		str_addf(out, "did not match: %zu test%s away%s", r->trace.misses,
			 r->trace.misses == 1 ? "" : "s", nearest ? ", the nearest" : "");
		return;
	}
	str_add_text(out, outcome		     ? outcome
			  : by_backfill(r->issuance) ? "by a backfill; its event is not on record"
			  : r->issuance		     ? "has an issuance; its event is not on record"
					: "matched; what became of it is no longer on record");
	if (r->reason && !r->issuance) {
		str_add_text(out, ": ");
		str_add_shown(out, slice_of(r->reason));
	}
}

bool why_in_shadow(const struct why_rule *r)
{
	if (r->mode)
		return strcmp(r->mode, "shadow") == 0;
	return r->issuance && strcmp(r->issuance->state, issuance_state_names[STATE_SHADOW]) == 0;
}

void why_add_seen(struct str *out, const struct trace_line *l)
{
	if (!l->value_known) {
		str_add_text(out, l->kind == MATCH_FROM ? "not known" : "was not read");
		return;
	}
	if (!l->value.len) {
		str_add_text(out, "empty");
		return;
	}
	struct slice cut = { l->value.ptr, l->value.len > 60 ? 60 : l->value.len };
	while (cut.len && cut.len < l->value.len &&
	       ((unsigned char)cut.ptr[cut.len] & 0xc0) == 0x80)
		cut.len--;
	str_add_char(out, '\'');
	str_add_shown(out, cut);
	str_add_text(out, cut.len < l->value.len ? "...'" : "'");
	if (l->value_note && l->answer != ANSWER_YES)
		str_addf(out, ", %s", l->value_note);
}

/* ---- the burst ------------------------------------------------------------ */

#define BURST_SHOWN 8 /* values of a burst that its line names */

static bool is_made(const struct change *c)
{
	return c->kind != CHANGE_SAME;
}

static void add_value(struct str *out, struct slice value)
{
	if (value.len)
		str_add_shown(out, value);
	else
		str_add_text(out, "(empty)");
}

void why_add_burst(struct str *out, const struct why_entry *e, const char *arrow)
{
	bool event = e->kind == WHY_EVENT;
	char settle[CLOCK_TEXT];
	size_t made = 0;

	if (e->from)
		add_value(out, slice_of(e->from));
	else
		str_add_char(out, '?');
	for (size_t i = 0; i < e->changes; i++) {
		if (!is_made(&e->change[i]))
			continue;
		if (made++ == BURST_SHOWN)
			str_addf(out, " %s ...", arrow);
		if (made > BURST_SHOWN)
			continue;
		str_addf(out, " %s ", arrow);
		add_value(out, e->change[i].value);
	}
	if (made > 1)
		str_addf(out, " within settle %s", clock_format_duration(e->settle_ms, settle));
	str_add_text(out, event ? ": one event" : ": no event");
}

/* "32ms", "1.7s", "40s", "12m". */
static void add_gap(struct str *out, int64_t ms)
{
	if (ms < MS_SECOND)
		str_addf(out, "%lldms", (long long)ms);
	else if (ms < 10 * MS_SECOND)
		str_addf(out, "%lld.%llds", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	else if (ms < 2 * MS_MINUTE)
		str_addf(out, "%llds", (long long)(ms / 1000));
	else
		str_addf(out, "%lldm", (long long)(ms / MS_MINUTE));
}

void why_add_change(struct str *out, const struct why_entry *e, size_t i)
{
	size_t next = i + 1;

	if (!is_made(&e->change[i])) {
		str_add_text(out, "the same value again: no change");
		return;
	}
	while (next < e->changes && !is_made(&e->change[next]))
		next++;
	if (next < e->changes) {
		str_add_text(out, "passed over: it changed again ");
		add_gap(out, e->change[next].at_ms - e->change[i].at_ms);
		str_add_text(out, " later");
	} else if (e->kind == WHY_EVENT) {
		str_add_text(out, "the last one: it counts");
	} else {
		str_add_text(out, "changed back: the value of before");
	}
	if (e->change[i].kind == CHANGE_AFRESH)
		str_add_text(out,
			     "; a burst of its own, as the one before had lasted ten times settle");
}

const char *why_came(enum came_by by)
{
	static const char *const words[CAME_KINDS] = {
		[CAME_POLL] = "found by a poll",
		[CAME_MESSAGE] = "told by a webhook",
		[CAME_LIST] = "found in the list",
		[CAME_LOOK] = "looked at before it settled",
		[CAME_DUE] = "due",
		[CAME_RECALL] = "looked at again for its address",
		[CAME_ASKED] = "asked for by a retry",
		[CAME_RULES] = "looked at again for edited rules",
	};

	return words[by];
}

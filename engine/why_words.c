#include "engine/why_words.h"

#include <string.h>

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

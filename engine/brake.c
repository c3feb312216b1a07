#include "engine/brake.h"

#include "base/arena.h"
#include "engine/ledger.h"

/*
 * Whether some span that holds the event at `at_ms` is too full: `back` are the n times at or
 * before it, latest first, `ahead` the m after it, earliest first.
 */
static bool is_too_full(const struct rule *rule, int64_t at_ms, const int64_t *back, size_t n,
			const int64_t *ahead, size_t m)
{
	size_t end = m;

	/* Spans that begin ever earlier reach ever less far ahead. */
	for (size_t i = 0; i <= n; i++) {
		int64_t begin_ms = i == 0 ? at_ms : back[i - 1];
		while (end > 0 && ahead[end - 1] >= begin_ms + rule->policy->brake_per_ms)
			end--;
		if ((int64_t)(i + 1 + end) > rule->policy->brake_count)
			return true;
	}
	return false;
}

bool brake_holds(struct db *db, const struct rule *rule, const struct issuance *is)
{
	int64_t most = rule->policy->brake_count, reach_ms = rule->policy->brake_per_ms - 1;
	int64_t *back, *ahead = NULL;

	if (rule->policy->brake_count == 0)
		return false;
	size_t n = ledger_events(db, rule->name, is->at_ms, is->at_ms - reach_ms, most, &back);
	size_t m = 0;
	/* What came before is enough for most floods. */
	if ((int64_t)n < most)
		m = ledger_events(db, rule->name, is->at_ms + 1, is->at_ms + reach_ms, most,
				  &ahead);
	bool held = is_too_full(rule, is->at_ms, back, n, ahead, m);
	mem_free(back);
	mem_free(ahead);
	return held;
}

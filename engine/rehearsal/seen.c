#include "engine/rehearsal/seen.h"

#include <string.h>

static bool looks_for(const struct table *t, const struct rule *rule, const struct recorded *e)
{
	if (rule->mode == MODE_OFF || rule->event != e->event.kind ||
	    strcmp(t->account[rule->source].name, e->account) != 0)
		return false;
	if (rule->event == EVENT_LIST_ADDED && rule->target_is_name)
		return slice_eq_nocase(e->event.list_name, slice_of(rule->target));
	return strcmp(rule->target, e->target) == 0;
}

bool seen_match(const struct recorded *event, const struct table *table, const struct rule *rule,
		const struct match_watcher *watcher)
{
	struct recorded_facts of = { table, event };
	struct match_note note;

	if (event->gone || !looks_for(table, rule, event))
		return false;
	struct facts facts = recorded_facts(&of);
	(void)rule_match_watched(table, rule, &event->event, &facts, &note, watcher);
	return true;
}

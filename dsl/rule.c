#include "dsl/rule.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dsl/fields.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
/* Ten years: longer is a slip of the hand. */
#define HOLD_MOST (3660 * MS_DAY)

const char *event_account_type(enum event_kind event)
{
	(void)event; /* both are HubSpot's */
	return "hubspot";
}

const char *action_account_type(int act)
{
	(void)act;
	return "certifier";
}

/* ---- keys at the wrong place ------------------------------------------- */

static bool has_key(const struct keys *keys, struct slice name)
{
	for (size_t i = 0; i < keys->count; i++)
		if (slice_is(name, keys->row[i].name))
			return true;
	return false;
}

/* A key that belongs elsewhere in a rule is told where. */
static bool belongs_to(struct faults *f, const struct node *key, const struct keys *here,
		       const struct keys *there)
{
	if (!has_key(there, key->text))
		return false;
	fault(f, CODE_UNKNOWN_KEY, key, "unknown key %s in '%s'", fault_shown(f, key->text),
	      here->what);
	fault_hint(f, "it belongs %s '%s'",
		   there == &rule_keys ? "beside 'rule', not into" : "into",
		   there == &rule_keys ? here->what : there->what);
	return true;
}

static bool foreign_in_rule(struct faults *f, const struct node *key)
{
	return belongs_to(f, key, &rule_keys, &trigger_any_keys) ||
	       belongs_to(f, key, &rule_keys, &action_keys);
}

static bool foreign_in_action(struct faults *f, const struct node *key)
{
	return belongs_to(f, key, &action_keys, &rule_keys) ||
	       belongs_to(f, key, &action_keys, &trigger_any_keys);
}

static bool foreign_in_event(struct faults *f, const struct node *key, enum event_kind event)
{
	enum event_kind other = event == EVENT_LIST_ADDED ? EVENT_PROPERTY_CHANGED
							  : EVENT_LIST_ADDED;

	if (!has_key(&trigger_keys[other], key->text))
		return belongs_to(f, key, &trigger_keys[event], &rule_keys) ||
		       belongs_to(f, key, &trigger_keys[event], &action_keys);
	fault(f, CODE_UNKNOWN_KEY, key, "a '%s' trigger has no key '%s'", event_kind_names[event],
	      key->text.ptr);
	fault_hint(f, "it belongs to '%s'", event_kind_names[other]);
	return true;
}

static bool foreign_in_changed(struct faults *f, const struct node *key)
{
	return foreign_in_event(f, key, EVENT_PROPERTY_CHANGED);
}

static bool foreign_in_added(struct faults *f, const struct node *key)
{
	return foreign_in_event(f, key, EVENT_LIST_ADDED);
}

/* ---- trigger ----------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	int order = slice_cmp(x->text, y->text);

	return order ? order : (x->start.at > y->start.at) - (x->start.at < y->start.at);
}

static void warn_duplicates(struct faults *f, const struct node *list, const char *what)
{
	size_t count = 0;

	if (!list || list->kind != NODE_LIST || list->count < 2)
		return;
	const struct node **entry = mem_alloc(list->count * sizeof(const struct node *));
	for (const struct node *e = list->first; e; e = e->next)
		entry[count++] = e;
	qsort(entry, count, sizeof(const struct node *), by_text);
	for (size_t i = 1; i < count; i++) {
		if (!slice_eq(entry[i]->text, entry[i - 1]->text))
			continue;
		fault_at(f, CODE_DUPLICATE_VALUE, fault_span(f, entry[i]),
			 "%s stands twice in '%s'", fault_shown(f, entry[i]->text), what);
		fault_other(f, fault_span(f, entry[i - 1]), "first here");
	}
	mem_free(entry);
}

bool rule_list_is_id(const struct node *list)
{
	if (list->style != STYLE_PLAIN)
		return false;
	for (size_t i = 0; i < list->text.len; i++)
		if (list->text.ptr[i] < '0' || list->text.ptr[i] > '9')
			return false;
	return true;
}

static int find_event(const struct node *trigger)
{
	const struct node *event = node_get(trigger, "event");

	for (int i = 0; event && event_kind_names[i]; i++)
		if (node_is_text(event, event_kind_names[i]))
			return i;
	return -1;
}

static void read_trigger(struct faults *f, struct patterns *patterns, struct arena *arena,
			 struct rule_draft *r)
{
	static bool (*const foreign[])(struct faults *, const struct node *) = {
		[EVENT_PROPERTY_CHANGED] = foreign_in_changed,
		[EVENT_LIST_ADDED] = foreign_in_added,
	};
	int event = find_event(r->trigger);

	r->event = event;
	if (event < 0)
		(void)keys_read(f, &trigger_any_keys, r->trigger, r->trigger->key, r, NULL);
	else
		(void)keys_read(f, &trigger_keys[event], r->trigger, r->trigger->key, r,
				foreign[event]);
	if (r->property && !value_property(f, r->property))
		r->property = NULL;
	if (r->list && rule_list_is_id(r->list) && r->list->text.len > LIMIT_ID_BYTES)
		fault(f, CODE_TOO_LARGE, r->list, "this is too long for the id of a list");
	warn_duplicates(f, r->from, "from");
	warn_duplicates(f, r->to, "to");
	if (r->filters)
		filter_read(f, patterns, arena, r->filters, &r->filter);
}

/* ---- action ------------------------------------------------------------ */

/* Ids of groups go into requests: letters, digits, - and _. */
static void check_group(struct faults *f, const struct node *group)
{
	bool good = group->text.len <= LIMIT_ID_BYTES;

	for (size_t i = 0; good && i < group->text.len; i++) {
		char c = group->text.ptr[i];
		good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       c == '-' || c == '_';
	}
	if (good)
		return;
	fault(f, CODE_BAD_VALUE, group, "%s is no group id", fault_shown(f, group->text));
	fault_hint(f, "not the group's name: its id, such as 01g90279gp5sbmfek7wymcsvec");
}

static void read_action(struct faults *f, struct rule_draft *r)
{
	(void)keys_read(f, &action_keys, r->action, r->action->key, r, foreign_in_action);
	if (r->group)
		check_group(f, r->group);
}

/* ---- the small keys of a rule ------------------------------------------ */

static void read_missing_email(struct faults *f, const struct node *n, int64_t *hold_ms)
{
	static const char *const words[] = { "skip", "hold 30d" };
	struct slice text = n->text;

	if (slice_is(text, "skip"))
		return;
	if (!slice_starts(text, slice_of("hold"))) {
		fault(f, CODE_UNKNOWN_VALUE, n, "'missing-email' cannot be %s",
		      fault_shown(f, text));
		fault_words(f, text, words, 2);
		return;
	}
	size_t at = 4;
	while (at < text.len && text.ptr[at] == ' ')
		at++;
	struct slice duration = { text.ptr + at, text.len - at };
	if (!duration.len || at == 4 || !clock_parse_duration(duration, hold_ms)) {
		fault_part(f, CODE_BAD_DURATION, n, duration.len ? at : 0, text.len,
			   duration.len ? "%s is no duration" : "'hold' needs a duration behind it",
			   fault_shown(f, duration));
		fault_hint(f, "such as: hold 30d");
	} else if (*hold_ms == 0 || *hold_ms > HOLD_MOST) {
		fault_part(f, CODE_BAD_DURATION, n, at, text.len,
			   *hold_ms ? "this is more than ten years"
				    : "to hold for no time is to skip");
		if (!*hold_ms)
			fault_hint(f, "did you mean 'skip'?");
	}
}

static void read_brake(struct faults *f, const struct node *n, struct rate *out)
{
	static const char *const offs[] = { "no", "none", "false", "never", "0" };

	if (slice_is(n->text, "off")) {
		*out = (struct rate){ 0, 0 };
		return;
	}
	for (size_t i = 0; i < COUNT(offs); i++) {
		if (slice_eq_nocase(n->text, slice_of(offs[i]))) {
			fault(f, CODE_BAD_RATE, n, "%s is no rate", fault_shown(f, n->text));
			fault_hint(f, "did you mean 'off'?");
			return;
		}
	}
	(void)value_rate(f, n, "brake", out);
}

static void read_since(struct faults *f, const struct node *n, int64_t *out_ms)
{
	struct civil day;

	if (slice_is(n->text, "now"))
		return;
	if (clock_parse_date(n->text, &day)) {
		*out_ms = clock_instant_local(day);
		return;
	}
	fault(f, CODE_BAD_DATE, n, "'since' takes now or a date, not %s", fault_shown(f, n->text));
	fault_hint(f, "a day that exists, written YYYY-MM-DD, such as 2026-01-31");
}

static void read_small_keys(struct faults *f, struct rule_draft *r)
{
	(void)value_parse_rate(slice_of("1000/h"), &r->brake_rate);
	r->since_ms = SINCE_NOW;
	if (r->missing_email)
		read_missing_email(f, r->missing_email, &r->hold_email_ms);
	if (r->brake)
		read_brake(f, r->brake, &r->brake_rate);
	if (r->since)
		read_since(f, r->since, &r->since_ms);
}

void rule_read(struct faults *f, struct patterns *patterns, struct arena *arena,
	       const struct field_defaults *defaults, const struct node *doc, struct rule_draft *r)
{
	const struct node *name = node_get(doc, "rule");

	*r = (struct rule_draft){ .doc = doc, .name = "", .event = -1 };
	if (name && name->kind == NODE_TEXT && name->text.len && name->text.len <= LIMIT_ID_BYTES)
		r->shown = arena_text(&f->diags->text, name->text);
	f->rule = r->shown;
	(void)keys_read(f, &rule_keys, doc, name ? name : doc, r, foreign_in_rule);
	if (r->name_node)
		r->name = arena_text(arena, r->name_node->text);
	if (r->trigger)
		read_trigger(f, patterns, arena, r);
	if (r->action)
		read_action(f, r);
	read_small_keys(f, r);
	fields_read(f, arena, defaults, r);
	f->rule = NULL;
}

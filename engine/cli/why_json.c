/*
 * why_json - the answer of `why` as JSON: one object for each person, entry by entry, one a line.
 */
#include "base/clock.h"
#include "engine/cli/why.h"

static void add_time(struct str *out, const char *key, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	if (at_ms == INT64_MAX)
		str_addf(out, ",\"%s\":null", key);
	else
		str_addf(out, ",\"%s\":\"%s\"", key, clock_format(at_ms, text));
}

/* One test, in the words of the file; `holds` is null where it is not known. */
static void add_test(struct str *out, const struct trace *t, const struct trace_line *l)
{
	struct str what;

	str_init(&what, LIMIT_VALUE_BYTES);
	trace_add_words(&what, t->rule, l);
	str_add_text(out, "{\"test\":");
	str_add_json(out, str_slice(&what));
	str_addf(out, ",\"depth\":%zu,\"holds\":%s", l->depth,
		 l->answer == ANSWER_YES  ? "true"
		 : l->answer == ANSWER_NO ? "false"
					  : "null");
	str_addf(out, ",\"differs\":%s", l->differs ? "true" : "false");
	if (l->what) {
		str_add_text(out, ",\"value\":");
		if (l->value_known)
			str_add_json(out, l->value);
		else
			str_add_text(out, "null");
		str_add_member(out, "note", slice_of(l->value_note));
		str_add_member(out, "file", slice_of(l->file));
		str_addf(out, ",\"line\":%u,\"column\":%u", l->line, l->column);
	}
	str_add_char(out, '}');
	str_release(&what);
}

static void add_issuance(struct str *out, const struct why_issuance *is)
{
	str_addf(out, ",\"issuance\":{\"id\":\"%lld\"", (long long)is->id);
	str_add_member(out, "state", slice_of(is->state));
	str_add_member(out, "reason", slice_of(is->reason));
	str_add_member(out, "credential", slice_of(is->credential));
	str_add_member(out, "public_url", slice_of(is->public_url));
	str_add_text(out, ",\"trail\":[");
	for (size_t i = 0; i < is->steps; i++) {
		char at[CLOCK_TEXT];
		str_addf(out, "%s{\"at\":\"%s\"", i ? "," : "",
			 clock_format(is->trail[i].at_ms, at));
		str_add_member(out, "state", slice_of(is->trail[i].state));
		str_add_member(out, "note", slice_of(is->trail[i].note));
		str_add_member(out, "who", slice_of(is->trail[i].who));
		str_add_char(out, '}');
	}
	str_add_text(out, "]}");
}

static void add_rule(struct str *out, const struct why_rule *r)
{
	str_add_text(out, "{\"rule\":");
	if (r->name)
		str_add_json(out, slice_of(r->name));
	else
		str_add_text(out, "null");
	add_time(out, "decided", r->look.made_ms);
	str_add_member(out, "table", slice_of(r->look.hash));
	str_add_member(out, "backfill", slice_of(r->look.who));
	str_add_member(out, "mode", slice_of(r->mode));
	str_add_member(out, "outcome", slice_of(why_outcome(r)));
	str_add_member(out, "reason", slice_of(r->reason));
	if (r->traced) {
		str_addf(out, ",\"misses\":%zu,\"tests\":[", r->trace.misses);
		for (size_t i = 0; i < r->trace.count; i++) {
			str_add_text(out, i ? "," : "");
			add_test(out, &r->trace, &r->trace.line[i]);
		}
		str_add_char(out, ']');
	}
	if (r->issuance)
		add_issuance(out, r->issuance);
	str_add_char(out, '}');
}

static void add_rules(struct str *out, const struct why_entry *e, bool all)
{
	size_t shown = all ? e->rules : why_shown(e);

	str_add_text(out, ",\"rules\":[");
	for (size_t i = 0; i < shown; i++) {
		str_add_text(out, i ? "," : "");
		add_rule(out, &e->rule[i]);
	}
	str_addf(out, "],\"others\":%zu", e->rules - shown);
}

/* What the burst was made of, and how news of it came. */
static void add_story(struct str *out, const struct why_entry *e)
{
	char settle[CLOCK_TEXT];

	if (e->changes)
		str_addf(out, ",\"settle\":\"%s\",\"changes\":[",
			 clock_format_duration(e->settle_ms, settle));
	for (size_t i = 0; i < e->changes; i++) {
		struct str note;
		str_init(&note, LIMIT_VALUE_BYTES);
		why_add_change(&note, e, i);
		str_add_text(out, i ? ",{\"value\":" : "{\"value\":");
		str_add_json(out, e->change[i].value);
		add_time(out, "at", e->change[i].at_ms);
		str_add_member(out, "note", slice_of(str_text(&note)));
		str_add_char(out, '}');
		str_release(&note);
	}
	str_add_text(out, e->changes ? "],\"news\":[" : ",\"news\":[");
	for (size_t i = 0; i < e->n_came; i++) {
		str_addf(out, "%s{\"by\":\"%s\"", i ? "," : "", came_words[e->came[i].by]);
		add_time(out, "at", e->came[i].at_ms);
		str_add_char(out, '}');
	}
	str_add_char(out, ']');
}

static void add_event(struct str *out, const struct why_entry *e)
{
	static const char *const kinds[] = { "event", "decision", "issuance", "pending", "news" };

	str_addf(out, ",\"kind\":\"%s\"", kinds[e->kind]);
	if (e->event) {
		bool list = e->event[0] == 'l';
		str_add_member(out, "event", slice_of(e->event));
		str_add_member(out, list ? "list" : "property", slice_of(e->target));
		str_add_member(out, "from", slice_of(list ? NULL : e->from));
		str_add_member(out, "to", slice_of(list ? NULL : e->to));
		add_time(out, "at", e->at_ms);
	}
	if (e->kind == WHY_PENDING)
		add_time(out, "due", e->look.made_ms);
	else if (e->kind == WHY_NEWS && e->look.made_ms)
		add_time(out, "not_before", e->look.made_ms);
	else if (e->kind != WHY_NEWS)
		add_time(out, "decided", e->look.made_ms);
	if (e->look.hash) {
		str_add_member(out, "table", slice_of(e->look.hash));
		str_addf(out, ",\"in_force\":%s", e->look.in_force ? "true" : "false");
	}
	if (e->untold)
		str_add_member(out, "untold", slice_of(e->untold));
	add_story(out, e);
}

void why_json(const struct why *w, const struct why_person *p, struct str *out)
{
	for (size_t i = 0; i < p->entries; i++) {
		const struct why_entry *e = &p->entry[i];
		str_add_text(out, "{\"account\":");
		str_add_json(out, slice_of(p->account));
		str_add_member(out, "contact", slice_of(p->contact));
		add_event(out, e);
		if (e->kind != WHY_PENDING && e->kind != WHY_NEWS)
			add_rules(out, e, w->only != NULL);
		str_add_text(out, "}\n");
		why_print(out);
	}
}

/* Of whom nothing is on record: the rules that watch. */
void why_json_nobody(const struct why *w, const char *who, struct str *out)
{
	str_add_text(out, "{\"kind\":\"unknown\"");
	str_add_member(out, "who", slice_of(who));
	str_add_member(out, "table", slice_of(w->hash[0] ? w->hash : NULL));
	str_add_text(out, ",\"active\":[");
	for (size_t i = 0, n = 0; i < w->actives; i++) {
		const struct why_active *a = &w->active[i];
		if (w->only && strcmp(w->only, a->rule) != 0)
			continue;
		str_addf(out, "%s{\"rule\":", n++ ? "," : "");
		str_add_json(out, slice_of(a->rule));
		str_add_member(out, "account", slice_of(a->account));
		str_add_member(out, "event", slice_of(a->event));
		str_add_member(out, a->event[0] == 'l' ? "list" : "property", slice_of(a->target));
		add_time(out, "since", a->start_ms);
		str_add_char(out, '}');
	}
	str_add_text(out, "]}\n");
	why_print(out);
}

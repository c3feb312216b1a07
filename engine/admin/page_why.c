/*
 * page_why - why one contact did or did not earn a credential: what `hs2cert why` says, by the same
 * code (engine/why.h), the newest first.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/admin/page.h"
#include "engine/admin/query.h"
#include "engine/why_words.h"

#define HASH_SHOWN 12
#define ENTRIES_MOST 50
#define WHO_MOST 254 /* an address */

/* ---- tests ---------------------------------------------------------------------- */

static const char *answer_class(enum answer a)
{
	return a == ANSWER_YES ? "yes" : a == ANSWER_NO ? "no" : "unsure";
}

static void add_mark(struct str *out, enum answer a)
{
	html_rawf(out, "<span class=\"mark\" role=\"img\" aria-label=\"%s\">%s</span>",
		  a == ANSWER_YES  ? "holds"
		  : a == ANSWER_NO ? "does not hold"
				   : "not known",
		  a == ANSWER_YES  ? "✓"
		  : a == ANSWER_NO ? "✗"
				   : "?");
}

static void add_test(struct str *out, const struct trace *t, const struct trace_line *l)
{
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	html_rawf(out, "<li class=\"%s\">", answer_class(l->answer));
	add_mark(out, l->answer);
	trace_add_words(&text, t->rule, l);
	if (l->what) {
		html_code(out, str_slice(&text));
		str_clear(&text);
		why_add_seen(&text, l);
		html_raw(out, " <span class=\"seen\">");
		html_text(out, str_slice(&text));
		html_raw(out, " ");
		html_escape(out, slice_of(l->file));
		html_rawf(out, ":%u</span>", l->line);
	} else {
		html_text(out, str_slice(&text));
	}
	str_release(&text);
}

/* Lines from `at` on that are as deep as it or deeper; answers the first that is not. */
static size_t add_tests(struct str *out, const struct trace *t, size_t at)
{
	size_t depth = t->line[at].depth;

	html_raw(out, "<ul class=\"tests\">");
	while (at < t->count && t->line[at].depth == depth) {
		add_test(out, t, &t->line[at]);
		at++;
		if (at < t->count && t->line[at].depth > depth)
			at = add_tests(out, t, at);
		html_raw(out, "</li>");
	}
	html_raw(out, "</ul>");
	return at;
}

/* What would have to be otherwise. */
static void add_difference(struct str *out, const struct trace *t)
{
	const char *comma = "";
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	html_raw(out, "<p>To match: ");
	for (size_t i = 0; i < t->count; i++) {
		const struct trace_line *l = &t->line[i];
		if (!l->differs)
			continue;
		str_clear(&text);
		trace_add_words(&text, t->rule, l);
		html_raw(out, comma);
		html_code(out, str_slice(&text));
		html_raw(out, l->answer == ANSWER_YES  ? " must not hold"
			      : l->answer == ANSWER_NO ? " must hold"
						       : " must be known");
		comma = ", and ";
	}
	html_raw(out, "</p>");
	str_release(&text);
}

/* ---- issuances -------------------------------------------------------------------- */

static void add_issuance(struct str *out, const struct why_issuance *is)
{
	html_rawf(out, "<p>Issuance #%lld: <b>%s</b>", (long long)is->id, is->state);
	if (is->reason) {
		html_raw(out, " <span class=\"reason\">");
		html_text(out, slice_of(is->reason));
		html_raw(out, "</span>");
	}
	html_raw(out, "</p><div class=\"trail\">");
	for (size_t i = 0; i < is->steps; i++) {
		const struct why_step *s = &is->trail[i];
		html_time(out, s->at_ms, 0);
		html_rawf(out, "<span>%s</span><span class=\"dim\">", s->state);
		html_text(out, slice_of(s->note));
		html_raw(out, s->who ? " by " : "");
		html_text(out, slice_of(s->who));
		html_raw(out, "</span>");
	}
	html_raw(out, "</div>");
}

/* ---- rules ------------------------------------------------------------------------- */

static void add_rule(struct str *out, const struct why_rule *r, bool nearest)
{
	bool yes = why_matched(r);
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	html_rawf(out, "<div class=\"rule %s\">", yes ? "yes" : "no");
	/* What is said of the event as a whole is no rule's yes or no. */
	if (r->name) {
		add_mark(out, yes ? ANSWER_YES : ANSWER_NO);
		html_raw(out, "<b>");
		html_text(out, slice_of(r->name));
		html_raw(out, "</b> ");
	}
	if (why_in_shadow(r))
		html_raw(out, "<span class=\"pill shadow\">shadow</span> ");
	why_add_verdict(&text, r, nearest);
	html_raw(out, "<span class=\"dim\">");
	html_text(out, str_slice(&text));
	html_raw(out, "</span>");
	if (r->traced && r->trace.count)
		(void)add_tests(out, &r->trace, 0);
	if (r->traced && !yes && r->trace.misses)
		add_difference(out, &r->trace);
	if (r->issuance)
		add_issuance(out, r->issuance);
	html_raw(out, "</div>\n");
	str_release(&text);
}

static void add_rules(struct str *out, const struct why_entry *e)
{
	size_t shown = why_shown(e), near = 0;

	while (near < e->rules && why_matched(&e->rule[near]))
		near++;
	if (e->gone)
		html_raw(out, "<p class=\"dim\">The contact was deleted before the decision.</p>");
	else if (e->untold) {
		html_raw(out, "<p class=\"dim\">The tests cannot be told: ");
		html_text(out, slice_of(e->untold));
		html_raw(out, "</p>");
	} else if (!e->rules) {
		html_raw(out, "<p class=\"dim\">No rule looked at this.</p>");
	}
	for (size_t i = 0; i < shown; i++)
		add_rule(out, &e->rule[i], i == near && e->rules - near > 1);
	if (shown < e->rules) {
		html_raw(out, "<p class=\"dim\">");
		html_count(out, (int64_t)(e->rules - shown), "further rule");
		html_raw(out, " looked, none of them nearer.</p>");
	}
}

/* ---- entries ----------------------------------------------------------------------- */

static void add_value(struct str *out, const char *value)
{
	if (value && value[0])
		html_code(out, slice_of(value));
	else
		html_raw(out, value ? "<span class=\"dim\">empty</span>"
				    : "<span class=\"dim\">?</span>");
}

static void add_change(struct str *out, const struct why_entry *e)
{
	if (e->event[0] == 'l') {
		html_raw(out, "joined list ");
		html_text(out, slice_of(e->list_name ? e->list_name : e->target));
		return;
	}
	html_text(out, slice_of(e->target));
	html_raw(out, ": ");
	add_value(out, e->from);
	html_raw(out, " → ");
	add_value(out, e->to);
}

static void add_look(struct str *out, const struct why_entry *e)
{
	const struct why_look *look = &e->look;

	html_raw(out, "<p class=\"dim\">");
	html_time(out, e->at_ms, 0);
	html_raw(out, e->kind == WHY_PENDING ? ", waits until "
		      : look->who	     ? ", backfilled "
					     : ", decided ");
	html_time(out, look->made_ms, 0);
	if (look->hash)
		html_rawf(out, " by table <code>%.*s</code>%s", HASH_SHOWN, look->hash,
			  look->in_force ? "" : ", no longer in force");
	html_raw(out, "</p>");
}

/* What the burst was made of. */
static void add_burst(struct str *out, const struct why_entry *e)
{
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	why_add_burst(&text, e, "→");
	html_raw(out, "<p>");
	html_text(out, str_slice(&text));
	html_raw(out, "</p><div class=\"trail\">");
	for (size_t i = 0; i < e->changes; i++) {
		html_time(out, e->change[i].at_ms, 0);
		html_raw(out, "<span>");
		html_text(out, e->change[i].value.len ? e->change[i].value : slice_of("empty"));
		html_raw(out, "</span><span class=\"dim\">");
		str_clear(&text);
		why_add_change(&text, e, i);
		html_text(out, str_slice(&text));
		html_raw(out, "</span>");
	}
	html_raw(out, "</div>");
	str_release(&text);
}

/* How news of it came. */
static void add_news(struct str *out, const struct why_entry *e)
{
	html_raw(out, "<p class=\"dim\">News: ");
	for (size_t i = 0; i < e->n_came; i++) {
		html_raw(out, i ? ", " : "");
		html_raw(out, why_came(e->came[i].by));
		html_raw(out, " ");
		html_time(out, e->came[i].at_ms, 0);
	}
	html_raw(out, e->came_more ? ", and more.</p>" : ".</p>");
}

static void add_entry(struct str *out, const struct why_entry *e)
{
	html_raw(out, "<article class=\"card event\">");
	if (e->kind == WHY_NEWS) {
		html_raw(out, "<h3>To be looked at</h3></article>\n");
		return;
	}
	html_raw(out, "<h3>");
	add_change(out, e);
	html_raw(out, "</h3>");
	add_look(out, e);
	if (e->changes)
		add_burst(out, e);
	if (e->n_came)
		add_news(out, e);
	if (e->kind != WHY_PENDING)
		add_rules(out, e);
	html_raw(out, "</article>\n");
}

static void add_active(struct str *out, const struct why *w)
{
	html_raw(out, "<section><h2>Rules that watch</h2><ul class=\"card quiet\">");
	for (size_t i = 0; i < w->actives; i++) {
		const struct why_active *a = &w->active[i];
		html_raw(out, "<li><b>");
		html_text(out, slice_of(a->rule));
		html_raw(out, a->event[0] == 'l' ? "</b> watches list " : "</b> watches property ");
		html_code(out, slice_of(a->target));
		if (a->start_ms != INT64_MAX) {
			html_raw(out, " since ");
			html_time(out, a->start_ms, 0);
		}
		html_raw(out, "</li>");
	}
	html_raw(out, w->actives ? "</ul></section>\n" : "<li>none</li></ul></section>\n");
}

static void add_person(struct str *out, const struct why *w, const struct why_person *p)
{
	size_t shown = p->entries < ENTRIES_MOST ? p->entries : ENTRIES_MOST;

	html_raw(out, "<section><h1>");
	html_text(out, slice_of(p->email[0] ? p->email : p->contact));
	html_raw(out, "</h1><p class=\"facts\">Contact ");
	html_text(out, slice_of(p->contact));
	html_raw(out, " of account ");
	html_text(out, slice_of(p->account));
	if (p->ids[0]) {
		html_raw(out, ", also known as ");
		html_text(out, slice_of(p->ids));
	}
	html_raw(out, "</p>\n");
	for (size_t i = 0; i < shown; i++)
		add_entry(out, &p->entry[p->entries - 1 - i]);
	if (shown < p->entries) {
		html_raw(out, "<p class=\"dim\">and ");
		html_count(out, (int64_t)(p->entries - shown), "earlier one");
		html_raw(out, ": <kbd>hs2cert why ");
		html_escape(out, slice_of(p->contact));
		html_raw(out, "</kbd></p>");
	}
	if (!p->entries)
		html_raw(out, "<p class=\"calm\">Known, but nothing happened that a rule "
			      "watches.</p>\n");
	html_raw(out, "</section>\n");
	if (!p->entries)
		add_active(out, w);
}

static void add_nobody(struct str *out, const struct why *w, struct slice who)
{
	html_raw(out, "<section><h1>");
	html_text(out, who);
	html_raw(out,
		 "</h1><p class=\"calm\">Nothing is on record of this contact.</p></section>\n");
	add_active(out, w);
}

/* ---- the page ----------------------------------------------------------------------- */

/* The tables of that time set the zone in which days begin: the engine's is put back. */
static void add_answer(const struct admin_view *v, const char *who, struct str *out)
{
	struct why why;
	struct err err;
	char zone[128];

	snprintf(zone, sizeof(zone), "%s", clock_zone());
	enum rc rc = why_ask(&why, v->scope->db, who, NULL, &err);
	if (rc != RC_OK) {
		html_raw(out, "<p class=\"verdict bad\">");
		html_text(out, slice_of(err.text));
		html_raw(out, "</p>");
	}
	for (size_t i = 0; rc == RC_OK && i < why.persons; i++)
		add_person(out, &why, &why.person[i]);
	if (rc == RC_OK && !why.persons)
		add_nobody(out, &why, slice_of(who));
	why_release(&why);
	(void)!clock_set_zone(zone, &err);
}

int view_why(const struct admin_view *v, struct str *out)
{
	struct str who;

	str_init(&who, WHO_MOST);
	bool good = query_value(v->query, "contact", &who);
	struct slice asked = slice_trim(str_slice(&who));
	html_begin(out, "hs2cert: why", asked);
	if (good && asked.len)
		add_answer(v, arena_text(v->memory, asked), out);
	else
		html_raw(
			out,
			"<p class=\"verdict warn\">An id or an e-mail address is what can be asked "
			"for.</p>\n");
	html_end(out, v->now_ms);
	str_release(&who);
	return good && asked.len ? 200 : 400;
}

/*
 * page_parked - what waits for a person: in groups of one rule, state and reason, with what it means
 * and the command that helps.
 */
#include <string.h>

#include "base/clock.h"
#include "engine/admin/page.h"
#include "engine/ledger.h"

#define GROUPS_MOST 40
#define SHOWN_MOST 8 /* issuances of one group */

/* One row for each thing that can stop an issuance; see docs/OPERATE.md. */
static const struct step {
	const char *state, *hold;
	const char *means, *then; /* in words, of ours */
	const char *command;	  /* its arguments follow; NULL: it goes on by itself, or `whole` */
	const char *whole;	  /* a command without any */
} steps[] = {
	{ "held", "brake", "more events than the rule's brake allows in an hour",
	  "look at a few of them, then let them go on, or drop them", "approve", NULL },
	{ "held", "missing-email", "no valid address yet",
	  "it goes on by itself once the contact has one", NULL, NULL },
	{ "held", "required", "a value that the rule needs is empty", "fill the property, then",
	  "retry", NULL },
	{ "held", "field", "a value cannot become what the field needs",
	  "mend the value or the rule, then", "retry", NULL },
	{ "held", "filter-limit", "a pattern took too many steps on a value",
	  "see whether it fits: then go on, or drop it; a simpler pattern prevents more", "retry",
	  NULL },
	{ "held", "plan", "the service's plan does not allow it; the whole account waits",
	  "change the plan, then", NULL, "hs2cert reload" },
	{ "held", "group", "the service does not know the group", "make it, or mend the rule, then",
	  NULL, "hs2cert reload" },
	{ "held", "restored", "one like it was issued after the backup that was put back",
	  "see whether it is the one: drop it, or else", "retry", NULL },
	{ "held", "account", "its account is not declared any more",
	  "declare it again and reload; what was not created yet can be planned anew:", "retry",
	  NULL },
	{ "refused", NULL, "The service said no", "mend the cause, then", "retry", NULL },
	{ "send-unknown", NULL, "The answer to the send was lost: it may have been mailed",
	  "look whether it was mailed: drop it, or else", "resend", NULL },
};

static const struct step *step_of(const struct parked *p)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].state, p->state) == 0 &&
		    (!steps[i].hold || (p->hold && strcmp(steps[i].hold, p->hold) == 0)))
			return &steps[i];
	return NULL;
}

/* Names of rules are words without spaces: a command can be copied as it stands. */
static void add_command(struct str *out, const struct step *s, const struct parked *p)
{
	if (s->whole) {
		html_rawf(out, "<kbd>%s</kbd>", s->whole);
		return;
	}
	if (!s->command)
		return;
	html_rawf(out, "<kbd>hs2cert %s --rule ", s->command);
	html_escape(out, slice_of(p->rule));
	if (p->hold)
		html_rawf(out, " --hold %s", s->hold);
	else
		html_rawf(out, " --state-is %s", s->state);
	html_raw(out, "</kbd>");
}

static void add_issuances(const struct admin_view *v, const struct parked *p, struct str *out)
{
	struct query *q = db_select(
		v->scope->db,
		"SELECT id, contact, reason, at_ms FROM issuance WHERE rule = ?1 AND state = ?2"
		/* The states are named for the index's sake. */
		" AND " LEDGER_PARKED " AND hold IS ?3 ORDER BY id DESC LIMIT ?4",
		"ttti", p->rule, p->state, p->hold, (int64_t)SHOWN_MOST);

	html_raw(out, "<ul class=\"few\">");
	while (query_next(q)) {
		html_rawf(out,
			  "<li><span class=\"num\">#%lld</span> contact <a href=\"/why?contact=",
			  (long long)query_integer(q, 0));
		str_add_url(out, query_slice(q, 1));
		html_raw(out, "\">");
		html_text(out, query_slice(q, 1));
		html_raw(out, "</a> ");
		html_time(out, query_integer(q, 3), 0);
		if (!query_null(q, 2)) {
			html_raw(out, " <span class=\"reason\">");
			html_text(out, query_slice(q, 2));
			html_raw(out, "</span>");
		}
		html_raw(out, "</li>");
	}
	if (p->count > SHOWN_MOST)
		html_rawf(out, "<li class=\"dim\">and %lld more</li>",
			  (long long)(p->count - SHOWN_MOST));
	html_raw(out, "</ul>");
}

static void add_group(const struct admin_view *v, const struct parked *p, struct str *out)
{
	const struct step *s = step_of(p);

	html_raw(out, "<article class=\"card parked\"><h3><span class=\"pill ");
	html_raw(out, strcmp(p->state, "held") == 0 ? "warn" : "bad");
	html_rawf(out, "\">%s</span> ", p->state);
	html_text(out, slice_of(p->rule));
	html_raw(out, " <span class=\"dim\">");
	html_count(out, p->count, "issuance");
	html_raw(out, p->count == 1 ? "</span> <span class=\"when dim\">"
				    : "</span> <span class=\"when dim\">the last ");
	html_span(out, v->now_ms - p->newest_ms);
	html_raw(out, " ago</span></h3>");
	if (s) {
		html_rawf(out,
			  s->hold ? "<p>By <b>%s</b>: %s. <b>Next:</b> %s "
				  : "<p>%s%s. <b>Next:</b> %s ",
			  s->hold ? s->hold : "", s->means, s->then);
		add_command(out, s, p);
		html_raw(out, "</p>");
	}
	add_issuances(v, p, out);
	html_raw(out, "</article>\n");
}

void page_parked(const struct admin_view *v, struct str *out)
{
	struct parked *list;
	int64_t total, shown = 0;
	size_t n = recent_parked(v->scope->db, GROUPS_MOST, v->memory, &list, &total);

	html_raw(out, "<section id=\"parked\"><h2>To be looked at</h2>\n");
	if (!n)
		html_raw(out, "<p class=\"calm\">Nothing waits for a person.</p>\n");
	for (size_t i = 0; i < n; i++) {
		add_group(v, &list[i], out);
		shown += list[i].count;
	}
	if (shown < total)
		html_rawf(out, "<p class=\"dim\">and %lld more: <kbd>hs2cert runs</kbd></p>",
			  (long long)(total - shown));
	html_raw(out, "</section>\n");
}

/*
 * page - the status page: how it goes at a glance, for a person.
 */
#include "engine/admin/page.h"

#include <string.h>

#include "base/clock.h"
#include "engine/ledger.h"
#include "engine/skew.h"
#include "engine/status.h"

#define HASH_SHOWN 12
#define RULES_MOST 200

static const char *health_class(enum account_health h)
{
	return h == ACCOUNT_FINE ? "good" : h == ACCOUNT_WAITING ? "warn" : "bad";
}

/* ---- at a glance ------------------------------------------------------------------ */

static void add_tile(struct str *out, const char *label, int64_t n, const char *href)
{
	html_raw(out, href ? "<a class=\"tile\" href=\"" : "<div class=\"tile\"");
	if (href)
		html_rawf(out, "%s\"", href);
	html_rawf(out, "><b>%lld</b>%s%s\n", (long long)n, label, href ? "</a>" : "</div>");
}

static int64_t waiting(const struct admin_view *v)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->report.accounts; i++)
		n += view_count_news(v, v->report.account[i].name) +
		     view_count_pending(v, v->report.account[i].name);
	return n;
}

/* The worst of it in one line. */
static void add_verdict(const struct admin_view *v, int64_t parked, struct str *out)
{
	size_t stopped = 0, failing = 0;

	for (size_t i = 0; i < v->report.accounts; i++) {
		enum account_health h = v->report.account[i].health;
		stopped += h == ACCOUNT_STOPPED || h == ACCOUNT_RESTORED || h == ACCOUNT_UNSURE;
		failing += h == ACCOUNT_WAITING;
	}
	bool wrong = skew_is_seen(view_clock_ms(&v->report));
	const char *kind = stopped || v->report.failed			      ? "bad"
			   : parked || failing || wrong || v->reload->refused ? "warn"
									      : "good";
	html_rawf(out, "<p class=\"verdict %s\">", kind);
	if (v->report.stopping)
		html_raw(out, "The daemon is stopping. ");
	if (v->report.failed)
		html_raw(out, "The state cannot be written: nothing is done. ");
	else if (stopped) {
		html_count(out, (int64_t)stopped, "account");
		html_raw(out, stopped == 1 ? " does not work. " : " do not work. ");
	}
	if (failing) {
		html_count(out, (int64_t)failing, "account");
		html_raw(out, failing == 1 ? " waits after a failure. " : " wait after failures. ");
	}
	if (wrong)
		html_raw(out, "This machine's clock is wrong. ");
	if (v->reload->refused)
		html_raw(out, "The last reload was refused. ");
	if (parked) {
		html_count(out, parked, "issuance");
		html_raw(out, parked == 1 ? " needs a person. " : " need a person. ");
	}
	if (strcmp(kind, "good") == 0)
		html_raw(out, "All is well.");
	html_raw(out, "</p>\n");
}

static void add_unfit(const struct admin_view *v, struct str *out)
{
	if (!v->report.failed)
		return;
	html_raw(out, "<article class=\"card\"><h3><span class=\"pill bad\">state</span> cannot be "
		      "written</h3><p>");
	html_text(out, slice_of(v->report.failed));
	html_raw(out,
		 ". Webhooks are answered with 503 and come again; nothing is lost. "
		 "<b>Next:</b> make room on its disk, or mend it; "
		 "<kbd>hs2cert doctor</kbd> looks at it. Work goes on by itself.</p></article>\n");
}

static void add_refused(const struct admin_view *v, struct str *out)
{
	const struct admin_reload *r = v->reload;

	if (!r->refused)
		return;
	html_raw(out,
		 "<article class=\"card\"><h3><span class=\"pill warn\">reload</span> refused ");
	html_time(out, r->at_ms, v->now_ms);
	html_raw(out, "</h3><p>");
	if (r->errors)
		html_count(out, (int64_t)r->errors, "error");
	if (r->reason[0])
		html_text(out, slice_of(r->reason));
	html_raw(
		out,
		". The rules of before stay in force. <b>Next:</b> <kbd>hs2cert validate</kbd> shows "
		"what is wrong; mend it, then <kbd>hs2cert reload</kbd></p></article>\n");
}

static void add_glance(const struct admin_view *v, const struct recent *r, struct str *out)
{
	int64_t states[STATE_COUNT];

	ledger_count(v->scope->db, states);
	int64_t parked = states[STATE_HELD] + states[STATE_REFUSED] + states[STATE_SEND_UNKNOWN];
	add_verdict(v, parked, out);
	html_raw(out, "<div class=\"tiles\">\n");
	add_tile(out, "issued in seven days", r->issued, NULL);
	add_tile(out, "to be looked at", parked, "#parked");
	add_tile(out, "wait to be decided", waiting(v), NULL);
	add_tile(out, "under way",
		 states[STATE_PLANNED] + states[STATE_CREATING] + states[STATE_ISSUING] +
			 states[STATE_SENDING],
		 NULL);
	add_tile(out, v->report.table->n_rule == 1 ? "rule in force" : "rules in force",
		 (int64_t)v->report.table->n_rule, "#rules");
	html_raw(out, "</div>\n<p class=\"facts\">Table ");
	html_rawf(out, "<code title=\"%s\">%.*s</code>, taken into use ", v->report.table->hash,
		  HASH_SHOWN, v->report.table->hash);
	html_time(out, v->reload->ok_ms, v->now_ms);
	html_raw(out, ", from ");
	html_code(out, slice_of(v->scope->folder));
	html_raw(out, ". The daemon runs for ");
	html_span(out, v->now_ms - v->scope->started_ms);
	html_raw(out, ".</p>\n");
	add_unfit(v, out);
	add_refused(v, out);
}

/* ---- accounts ---------------------------------------------------------------------- */

static const char *health_means(enum account_health h)
{
	static const char *const means[] = {
		[ACCOUNT_FINE] = NULL,
		[ACCOUNT_WAITING] = "Its last request failed. It tries again by itself.",
		[ACCOUNT_STOPPED] =
			"Its token is missing or was refused. <b>Next:</b> put another one in place, then "
			"<kbd>hs2cert reload</kbd>; where it is connected over OAuth, "
			"<kbd>hs2cert connect</kbd>",
		[ACCOUNT_RESTORED] =
			"The state is older than what was issued, so nothing is. <b>Next:</b> stop the "
			"daemon, then <kbd>hs2cert reconcile --dry-run</kbd>",
		[ACCOUNT_UNSURE] =
			"Its newest credentials are not shown, so nobody knows whether the state is older than "
			"what was issued, and nothing is. It asks again by itself. <b>Next:</b> see to the reason",
	};

	return means[h];
}

static void add_row(struct str *out, const char *label, int64_t n)
{
	html_rawf(out, "<dt>%s</dt><dd class=\"num\">%lld</dd>", label, (long long)n);
}

static void add_known(const struct admin_view *v, const struct account_report *a, struct str *out)
{
	int64_t cursor_ms = db_integer(
		v->scope->db, 0, "SELECT cursor_ms FROM source WHERE account = ?1", "t", a->name);

	if (!cursor_ms)
		return;
	html_raw(out, "<dt>all known up to</dt><dd>");
	html_span(out, v->now_ms - cursor_ms);
	html_raw(out, " ago</dd>");
	add_row(out, "contacts to look at", view_count_news(v, a->name));
	add_row(out, "changes that settle", view_count_pending(v, a->name));
}

static void add_calls(const struct account_report *a, struct str *out)
{
	static const char *const labels[CALL_ENDS] = {
		"requests answered", "refused (4xx)", "limited (429)",
		"failed (5xx)",	     "not sent",      "without an answer",
	};

	for (size_t i = 0; i < CALL_ENDS; i++)
		if (i == CALL_OK || a->calls.ended[i])
			add_row(out, labels[i], a->calls.ended[i]);
	for (size_t i = 0; i < a->budgets; i++) {
		const struct budget_report *b = &a->budget[i];
		if (b->most <= 1) /* one at a time is no budget to speak of */
			continue;
		html_rawf(out, "<dt>%s left now</dt><dd class=\"num\">", b->name);
		plot_budget(out, b);
		html_rawf(out, " %lld of %lld</dd>", (long long)b->left, (long long)b->most);
	}
}

static void add_account(const struct admin_view *v, const struct account_report *a, struct str *out)
{
	/* While nothing is done an account's own health is not known. */
	const char *means = v->report.failed ? NULL : health_means(a->health);
	char clock[SKEW_TEXT];

	html_rawf(out, "<article class=\"card\"><h3><span class=\"pill %s\">%s</span> ",
		  health_class(a->health), account_health_names[a->health]);
	html_text(out, slice_of(a->name));
	html_raw(out, "</h3>");
	if (means)
		html_rawf(out, "<p>%s</p>", means);
	if (a->reason) {
		html_raw(out, "<p>");
		html_text(out, slice_of(a->reason));
		html_raw(out, "</p>");
	}
	if (skew_is_seen(a->clock_ms))
		html_rawf(out,
			  "<p>This machine's clock is wrong: %s. <b>Next:</b> set it, best by NTP; "
			  "webhooks and certificates are judged by the time</p>",
			  skew_say(a->clock_ms, clock));
	html_raw(out, "<dl>");
	if (a->waits_ms) {
		html_raw(out, "<dt>asked again in</dt><dd>");
		html_span(out, a->waits_ms + MS_SECOND - 1);
		html_raw(out, "</dd>");
	}
	add_known(v, a, out);
	add_calls(a, out);
	html_raw(out, "</dl></article>\n");
}

static void add_accounts(const struct admin_view *v, struct str *out)
{
	html_raw(out, "<section id=\"accounts\"><h2>Accounts</h2>\n<div class=\"cards\">\n");
	for (size_t i = 0; i < v->report.accounts; i++)
		add_account(v, &v->report.account[i], out);
	html_raw(out, "</div></section>\n");
}

/* ---- rules ------------------------------------------------------------------------- */

static void add_trigger(struct str *out, const struct rule *rule)
{
	if (rule->event == EVENT_PROPERTY_CHANGED) {
		html_code(out, slice_of(rule->target));
		html_raw(out, " changes");
		return;
	}
	html_raw(out, "joins list ");
	html_code(out, slice_of(rule->target));
}

static void add_rule(const struct rule *rule, const struct recent_rule *r, struct str *out)
{
	static const char *const classes[] = {
		[MODE_LIVE] = "good", [MODE_SHADOW] = "shadow", [MODE_OFF] = "off"
	};

	html_raw(out, "<tr><th scope=\"row\">");
	html_text(out, slice_of(rule->name));
	if (rule->description[0]) {
		html_raw(out, "<span class=\"about\">");
		html_text(out, slice_of(rule->description));
		html_raw(out, "</span>");
	}
	html_rawf(out, "</th><td><span class=\"pill %s\">%s</span></td><td class=\"trigger\">",
		  classes[rule->mode], rule_mode_names[rule->mode]);
	add_trigger(out, rule);
	html_raw(out, "</td><td class=\"week\">");
	plot_bars(out, r);
	html_rawf(out, "</td><td class=\"num\">%lld</td></tr>\n", (long long)r->total);
}

static void add_rules(const struct admin_view *v, const struct recent *r, struct str *out)
{
	const struct table *t = v->report.table;
	size_t shown = t->n_rule < RULES_MOST ? t->n_rule : RULES_MOST;

	html_raw(out,
		 "<section id=\"rules\"><h2>Rules</h2>\n<div class=\"wide\"><table>\n<thead><tr>"
		 "<th>Rule</th><th>Mode</th><th>Trigger</th><th>Seven days</th>"
		 "<th class=\"num\">Fired</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < shown; i++)
		add_rule(&t->rule[i], &r->rule[i], out);
	html_raw(out, "</tbody></table></div>\n");
	if (shown < t->n_rule)
		html_rawf(out, "<p class=\"dim\">and %zu more: <kbd>hs2cert status</kbd></p>",
			  t->n_rule - shown);
	html_raw(out, "</section>\n");
}

/* ---- rules that match nothing ----------------------------------------------------- */

static void add_quiet(const struct admin_view *v, const struct quiet *q, struct str *out)
{
	html_raw(out, "<li><b>");
	html_text(out, slice_of(q->rule->name));
	html_raw(out, "</b> matched none of ");
	html_count(out, q->seen, "event");
	html_raw(out, " in ");
	html_span(out, v->now_ms - q->since_ms);
	if (q->test) {
		html_raw(out, ". Closest: ");
		html_count(out, q->failed, "event");
		html_raw(out, " failed on ");
		html_code(out, slice_of(q->test));
		html_raw(out, " <span class=\"dim\">");
		html_escape(out, slice_of(q->file));
		html_rawf(out, ":%u</span>", q->line);
	}
	if (q->value) {
		html_raw(out, "; commonest value ");
		html_code(out, slice_of(q->value));
		html_rawf(out, ", %lld times", (long long)q->times);
	}
	html_raw(out, "</li>\n");
}

static void add_quiets(const struct admin_view *v, struct str *out)
{
	struct quiets found;
	bool any = false;

	quiet_find(v->scope->db, v->report.table, view_watches(v), v->now_ms, &found);
	for (size_t i = 0; i < found.count; i++) {
		const struct quiet *q = &found.quiet[i];
		if (!q->seen && v->now_ms - q->since_ms < QUIET_MS)
			continue;
		if (!any)
			html_raw(out,
				 "<section id=\"quiet\"><h2>Live rules that matched nothing</h2>\n"
				 "<ul class=\"card quiet\">\n");
		any = true;
		add_quiet(v, q, out);
	}
	if (any)
		html_raw(out, "</ul></section>\n");
	quiets_release(&found);
}

/* ---- the page ----------------------------------------------------------------------- */

int view_page(const struct admin_view *v, struct str *out)
{
	struct recent recent;

	recent_read(v->scope->db, v->report.table, v->now_ms, v->memory, &recent);
	html_begin(out, "hs2cert", slice_of(""));
	add_glance(v, &recent, out);
	page_parked(v, out);
	add_rules(v, &recent, out);
	add_quiets(v, out);
	html_raw(out, "<section id=\"delays\"><h2>Delays</h2>\n<div class=\"cards plots\">\n");
	plot_delays(out, "From change to decision", &recent, recent.decision);
	plot_delays(out, "From change to credential", &recent, recent.credential);
	html_raw(
		out,
		"</div><p class=\"dim\">A dot: half of them within. Its stroke: 95 of 100.</p></section>\n");
	add_accounts(v, out);
	html_end(out, v->now_ms);
	return 200;
}

/*
 * metrics - what there is to count, in Prometheus's text format (version 0.0.4).
 *
 * Every label's values are a closed set of words, or the accounts of the rule files: nothing grows
 * with contacts, and nothing tells of one.
 */
#include <string.h>

#include "base/clock.h"
#include "engine/admin/view.h"
#include "engine/ledger.h"

/* ---- the format -------------------------------------------------------------- */

static void family(struct str *out, const char *name, const char *type, const char *help)
{
	str_addf(out, "# HELP hs2cert_%s %s\n# TYPE hs2cert_%s %s\n", name, help, name, type);
}

static void add_quoted(struct str *out, struct slice text)
{
	str_add_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '\\' || c == '"')
			str_add_char(out, '\\');
		str_add_text(out, c == '\n' ? "\\n" : "");
		if (c != '\n')
			str_add_char(out, c);
	}
	str_add_char(out, '"');
}

static void add_whole(struct str *out, int64_t n)
{
	str_addf(out, " %lld\n", (long long)n);
}

static void add_seconds(struct str *out, int64_t ms)
{
	str_addf(out, " %lld.%03lld\n", (long long)(ms / MS_SECOND), (long long)(ms % MS_SECOND));
}

static void sample(struct str *out, const char *name, int64_t n)
{
	str_addf(out, "hs2cert_%s", name);
	add_whole(out, n);
}

static void sample_of(struct str *out, const char *name, const char *label, const char *value,
		      int64_t n)
{
	str_addf(out, "hs2cert_%s{%s=", name, label);
	add_quoted(out, slice_of(value));
	str_add_char(out, '}');
	add_whole(out, n);
}

/* Of an account, and perhaps of one thing more. */
static void sample_account(struct str *out, const char *name, const char *account,
			   const char *label, const char *value, int64_t n)
{
	str_addf(out, "hs2cert_%s{account=", name);
	add_quoted(out, slice_of(account));
	if (label) {
		str_addf(out, ",%s=", label);
		add_quoted(out, slice_of(value));
	}
	str_add_char(out, '}');
	add_whole(out, n);
}

static void histogram(struct str *out, const char *name, const char *help, const struct delays *d)
{
	int64_t sum = 0;

	family(out, name, "histogram", help);
	for (size_t i = 0; i < DELAY_BUCKETS; i++) {
		sum += d->bucket[i];
		str_addf(out, "hs2cert_%s_bucket{le=\"%lld\"} %lld\n", name,
			 (long long)(delay_bounds_ms[i] / MS_SECOND), (long long)sum);
	}
	str_addf(out, "hs2cert_%s_bucket{le=\"+Inf\"} %lld\nhs2cert_%s_sum", name,
		 (long long)d->count, name);
	add_seconds(out, d->sum_ms);
	str_addf(out, "hs2cert_%s_count", name);
	add_whole(out, d->count);
}

/* ---- rules and reloads --------------------------------------------------------- */

static void add_process(const struct admin_view *v, struct str *out)
{
	family(out, "build_info", "gauge", "The version of the program.");
	sample_of(out, "build_info", "version", HS2CERT_VERSION, 1);
	family(out, "start_time_seconds", "gauge", "When the daemon was started, in Unix time.");
	str_add_text(out, "hs2cert_start_time_seconds");
	add_seconds(out, v->scope->started_ms);
}

static void add_rules(const struct admin_view *v, struct str *out)
{
	const struct table *table = v->report.table;
	int64_t modes[MODE_OFF + 1] = { 0 };

	for (size_t i = 0; i < table->n_rule; i++)
		modes[table->rule[i].mode]++;
	family(out, "rules", "gauge", "Rules in force, by mode.");
	for (size_t i = 0; i <= MODE_OFF; i++)
		sample_of(out, "rules", "mode", rule_mode_names[i], modes[i]);
	family(out, "table_info", "gauge", "The table in force: all rules, compiled.");
	sample_of(out, "table_info", "hash", table->hash, 1);
}

static void add_reloads(const struct admin_reload *r, struct str *out)
{
	family(out, "reloads_total", "counter", "Reloads since the start, by how they ended.");
	sample_of(out, "reloads_total", "result", "taken", r->succeeded);
	sample_of(out, "reloads_total", "result", "refused", r->failed);
	family(out, "last_reload_successful", "gauge",
	       "Whether the last reload, or the start, took its rules into use.");
	sample(out, "last_reload_successful", !r->refused);
	family(out, "last_reload_success_timestamp_seconds", "gauge",
	       "When rules were last taken into use, in Unix time.");
	str_add_text(out, "hs2cert_last_reload_success_timestamp_seconds");
	add_seconds(out, r->ok_ms);
}

/* ---- events and issuances -------------------------------------------------------- */

static void add_events(const struct counts *c, struct str *out)
{
	family(out, "events_total", "counter", "Events that were decided since the start.");
	sample(out, "events_total", c->events);
	family(out, "decisions_total", "counter",
	       "What rules made of events since the start, by outcome.");
	for (size_t i = 0; i < MADE_COUNT; i++)
		sample_of(out, "decisions_total", "outcome", made_names[i], c->made[i]);
	histogram(out, "decision_delay_seconds",
		  "From an event's time to its decision, since the start.", &c->to_decision);
	histogram(out, "credential_delay_seconds",
		  "From an event's time to its issued credential, since the start.",
		  &c->to_credential);
}

static void add_issuances(const struct admin_view *v, struct str *out)
{
	int64_t states[STATE_COUNT], holds[HOLD_COUNT] = { 0 };
	struct query *q = db_select(v->scope->db,
				    "SELECT hold, sum(state = 'held') FROM issuance"
				    " WHERE " LEDGER_PARKED " GROUP BY hold",
				    "");
	enum hold hold;

	while (query_next(q))
		if (hold_of(query_slice(q, 0), &hold))
			holds[hold] = query_integer(q, 1);
	ledger_count(v->scope->db, states);
	family(out, "issuances", "gauge", "Issuances in the ledger, by state.");
	for (size_t i = 0; i < STATE_COUNT; i++)
		sample_of(out, "issuances", "state", issuance_state_names[i], states[i]);
	family(out, "held_issuances", "gauge", "Issuances that are held, by what holds them.");
	for (size_t i = HOLD_NONE + 1; i < HOLD_COUNT; i++)
		sample_of(out, "held_issuances", "hold", hold_names[i], holds[i]);
}

/* ---- accounts ------------------------------------------------------------------- */

static void add_health(const struct engine_report *r, struct str *out)
{
	family(out, "account_health", "gauge", "1 for the health that an account has, else 0.");
	for (size_t i = 0; i < r->accounts; i++)
		for (size_t h = 0; h < ACCOUNT_HEALTHS; h++)
			sample_account(out, "account_health", r->account[i].name, "health",
				       account_health_names[h], r->account[i].health == h);
	family(out, "account_failures", "gauge", "Failures in a row of an account's requests.");
	for (size_t i = 0; i < r->accounts; i++)
		sample_account(out, "account_failures", r->account[i].name, NULL, NULL,
			       r->account[i].failures);
}

/* Of those whose answers tell. */
static void add_clocks(const struct engine_report *r, struct str *out)
{
	bool any = false;

	for (size_t i = 0; i < r->accounts; i++) {
		int64_t ms = r->account[i].clock_ms;
		if (!r->account[i].clock_known)
			continue;
		if (!any)
			family(out, "clock_skew_seconds", "gauge",
			       "The clock of an account's service less ours.");
		any = true;
		str_add_text(out, "hs2cert_clock_skew_seconds{account=");
		add_quoted(out, slice_of(r->account[i].name));
		str_add_text(out, ms < 0 ? "} -" : "} ");
		ms = ms < 0 ? -ms : ms;
		str_addf(out, "%lld.%03lld\n", (long long)(ms / MS_SECOND),
			 (long long)(ms % MS_SECOND));
	}
}

static void add_requests(const struct engine_report *r, struct str *out)
{
	family(out, "requests_total", "counter",
	       "Requests to an account's service since the start, by how they ended.");
	for (size_t i = 0; i < r->accounts; i++)
		for (size_t end = 0; end < CALL_ENDS; end++)
			sample_account(out, "requests_total", r->account[i].name, "outcome",
				       call_end_names[end], r->account[i].calls.ended[end]);
	family(out, "request_budget", "gauge", "Requests that may leave right now.");
	for (size_t i = 0; i < r->accounts; i++)
		for (size_t b = 0; b < r->account[i].budgets; b++)
			sample_account(out, "request_budget", r->account[i].name, "of",
				       r->account[i].budget[b].name, r->account[i].budget[b].left);
	family(out, "request_budget_limit", "gauge",
	       "Requests that may leave in one window of a budget.");
	for (size_t i = 0; i < r->accounts; i++)
		for (size_t b = 0; b < r->account[i].budgets; b++)
			sample_account(out, "request_budget_limit", r->account[i].name, "of",
				       r->account[i].budget[b].name, r->account[i].budget[b].most);
	family(out, "issuing_requests", "gauge", "Requests that issue and are under way.");
	sample(out, "issuing_requests", (int64_t)r->in_flight);
}

/* How far an account was looked at, and what waits. Of those that were ever looked at. */
static void add_waiting(const struct admin_view *v, struct str *out)
{
	struct query *q = db_select(
		v->scope->db, "SELECT account, cursor_ms FROM source WHERE cursor_ms > 0", "");

	family(out, "known_until_timestamp_seconds", "gauge",
	       "All changes of an account up to here are known, in Unix time.");
	while (query_next(q)) {
		str_add_text(out, "hs2cert_known_until_timestamp_seconds{account=");
		add_quoted(out, query_slice(q, 0));
		str_add_char(out, '}');
		add_seconds(out, query_integer(q, 1));
	}
	family(out, "news_waiting", "gauge", "Contacts that wait to be looked at.");
	for (size_t i = 0; i < v->report.accounts; i++)
		sample_account(out, "news_waiting", v->report.account[i].name, NULL, NULL,
			       view_count_news(v, v->report.account[i].name));
	family(out, "bursts_pending", "gauge", "Bursts and joins that wait for their due time.");
	for (size_t i = 0; i < v->report.accounts; i++)
		sample_account(out, "bursts_pending", v->report.account[i].name, NULL, NULL,
			       view_count_pending(v, v->report.account[i].name));
}

/* ---- what was heard ------------------------------------------------------------- */

/* What came of webhooks, in words that only their source knows: a closed set. */
static void add_heard(const struct tallies *t, const struct engine_report *report, struct str *out)
{
	static const struct {
		const char *tally, *name, *type, *label, *help;
	} rows[] = {
		{ "heard_requests", "webhook_requests_total", "counter", "outcome",
		  "Requests with webhooks since the start: genuine, or why they were refused." },
		{ "heard_events", "webhook_events_total", "counter", "kind",
		  "Events in genuine webhooks since the start, by what came of them." },
		{ "heard_last_ms", "webhook_last_timestamp_seconds", "gauge", NULL,
		  "When a genuine webhook was last heard, in Unix time." },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool any = false;
		for (size_t r = 0; r < t->count; r++) {
			const struct tallied *row = &t->row[r];
			if (strcmp(row->name, rows[i].tally) != 0)
				continue;
			if (!any)
				family(out, rows[i].name, rows[i].type, rows[i].help);
			any = true;
			sample_account(out, rows[i].name, row->account, rows[i].label, row->kind,
				       rows[i].label ? row->value : row->value / MS_SECOND);
		}
	}
	bool any = false;
	for (size_t i = 0; i < report->accounts; i++) {
		if (!report->account[i].pushed)
			continue;
		if (!any)
			family(out, "webhook_missed_total", "counter",
			       "Changes that polls found and no webhook told of in time, since the start.");
		any = true;
		sample_account(out, "webhook_missed_total", report->account[i].name, NULL, NULL,
			       report->account[i].unheard);
	}
}

/* ---- the state ------------------------------------------------------------------ */

static void add_state(const struct admin_view *v, struct str *out)
{
	struct state_file f = state_file_look(v->scope->state);

	family(out, "state_writable", "gauge",
	       "Whether the state can be written; where not, nothing is done.");
	sample(out, "state_writable", !v->report.failed);
	family(out, "state_bytes", "gauge", "Size of the state, by file.");
	sample_of(out, "state_bytes", "file", "main", f.bytes);
	sample_of(out, "state_bytes", "file", "wal", f.wal_bytes);
	if (f.free_bytes == INT64_MAX)
		return;
	family(out, "state_free_bytes", "gauge", "What is left on the disk of the state.");
	sample(out, "state_free_bytes", f.free_bytes);
}

int view_metrics(const struct admin_view *v, struct str *out)
{
	add_process(v, out);
	add_rules(v, out);
	add_reloads(v->reload, out);
	add_events(v->scope->world->counts, out);
	add_issuances(v, out);
	add_health(&v->report, out);
	add_clocks(&v->report, out);
	add_requests(&v->report, out);
	add_waiting(v, out);
	add_heard(engine_tallies(v->scope->engine), &v->report, out);
	add_state(v, out);
	return 200;
}

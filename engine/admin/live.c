/*
 * live - what the running daemon knows of itself, and the same with what the store knows.
 */
#include <unistd.h>

#include "engine/admin/view.h"
#include "engine/inbox.h"
#include "engine/status.h"

int64_t view_count_news(const struct admin_view *v, const char *account)
{
	return inbox_count(v->scope->db, account);
}

int64_t view_count_pending(const struct admin_view *v, const char *account)
{
	return inbox_pending_count(v->scope->db, account);
}

const int64_t *view_watches(const struct admin_view *v)
{
	const struct table *table = v->report.table;
	int64_t *watch = arena_alloc(v->memory, (table->n_rule + 1) * sizeof(*watch));

	for (size_t i = 0; i < table->n_rule; i++)
		watch[i] = v->report.watches->of_rule[i] ? v->report.watches->of_rule[i]->id : 0;
	return watch;
}

static void add_text(struct str *out, const char *key, const char *text)
{
	str_addf(out, ",\"%s\":", key);
	if (text)
		str_add_json(out, slice_of(text));
	else
		str_add_text(out, "null");
}

static void add_calls(struct str *out, const struct account_report *a)
{
	str_add_text(out, ",\"calls\":{");
	for (size_t i = 0; i < CALL_ENDS; i++)
		str_addf(out, "%s\"%s\":%lld", i ? "," : "", call_end_names[i],
			 (long long)a->calls.ended[i]);
	str_add_text(out, "},\"budgets\":[");
	for (size_t i = 0; i < a->budgets; i++) {
		const struct budget_report *b = &a->budget[i];
		str_addf(out, "%s{\"of\":\"%s\",\"left\":%lld,\"most\":%lld,\"window_ms\":%lld}",
			 i ? "," : "", b->name, (long long)b->left, (long long)b->most,
			 (long long)b->window_ms);
	}
	str_add_char(out, ']');
}

static void add_account(const struct admin_view *v, const struct account_report *a, struct str *out)
{
	str_add_text(out, "{\"account\":");
	str_add_json(out, slice_of(a->name));
	str_addf(out, ",\"type\":\"%s\",\"health\":\"%s\",\"failures\":%lld,\"again_in_ms\":%lld",
		 a->type, account_health_names[a->health], (long long)a->failures,
		 (long long)a->waits_ms);
	str_addf(out, ",\"news\":%lld,\"pending\":%lld", (long long)view_count_news(v, a->name),
		 (long long)view_count_pending(v, a->name));
	if (a->reason)
		add_text(out, "reason", a->reason);
	if (a->clock_known)
		str_addf(out, ",\"clock_ms\":%lld", (long long)a->clock_ms);
	add_calls(out, a);
	str_add_char(out, '}');
}

static void add_delays(struct str *out, const char *key, const struct delays *d)
{
	str_addf(out, "\"%s\":{\"count\":%lld,\"sum_ms\":%lld", key, (long long)d->count,
		 (long long)d->sum_ms);
	str_addf(out, ",\"half_within_ms\":%lld,\"most_within_ms\":%lld}",
		 (long long)delays_within_ms(d, 50), (long long)delays_within_ms(d, 95));
}

static void add_reload(struct str *out, const struct admin_reload *r)
{
	str_addf(out, ",\"reload\":{\"tried\":%s,\"refused\":%s", r->tried ? "true" : "false",
		 r->refused ? "true" : "false");
	status_json_time(out, "at", r->tried, r->at_ms);
	status_json_time(out, "ok_at", true, r->ok_ms);
	str_addf(out, ",\"errors\":%zu", r->errors);
	add_text(out, "reason", r->reason[0] ? r->reason : NULL);
	str_add_char(out, '}');
}

static void add_live(const struct admin_view *v, struct str *out)
{
	const struct engine_report *r = &v->report;
	const struct counts *c = v->scope->world->counts;

	str_addf(out, "{\"kind\":\"live\",\"version\":\"%s\",\"pid\":%d", HS2CERT_VERSION,
		 (int)getpid());
	status_json_time(out, "started", true, v->scope->started_ms);
	str_addf(out, ",\"uptime_ms\":%lld,\"stopping\":%s",
		 (long long)(v->now_ms - v->scope->started_ms), r->stopping ? "true" : "false");
	add_text(out, "unfit", r->failed);
	add_text(out, "folder", v->scope->folder);
	add_text(out, "table", r->table ? r->table->hash : NULL);
	str_addf(out, ",\"rules\":%zu", r->table ? r->table->n_rule : 0);
	add_reload(out, v->reload);
	str_add_text(out, ",\"accounts\":[");
	for (size_t i = 0; i < r->accounts; i++) {
		str_add_text(out, i ? "," : "");
		add_account(v, &r->account[i], out);
	}
	str_addf(out, "],\"in_flight\":%zu,\"events\":%lld,\"delays\":{", r->in_flight,
		 (long long)c->events);
	add_delays(out, "decision", &c->to_decision);
	str_add_char(out, ',');
	add_delays(out, "credential", &c->to_credential);
	str_add_text(out, "}}");
}

int view_live(const struct admin_view *v, struct str *out)
{
	add_live(v, out);
	str_add_char(out, '\n');
	return 200;
}

static void add_all(const struct status *s, const char *key, size_t count,
		    void (*add)(const struct status *, size_t, struct str *), struct str *out)
{
	str_addf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < count; i++) {
		str_add_text(out, i ? "," : "");
		add(s, i, out);
	}
	str_add_char(out, ']');
}

int view_status(const struct admin_view *v, struct str *out)
{
	struct status s;

	status_read(&s, v->scope->db, v->report.table, view_watches(v), v->now_ms);
	str_add_text(out, "{\"daemon\":");
	add_live(v, out);
	add_all(&s, "accounts", s.accounts, status_json_account, out);
	add_all(&s, "restored", s.restoreds, status_json_restored, out);
	add_all(&s, "rules", s.rules, status_json_rule, out);
	add_all(&s, "gone", status_is_gone(&s), status_json_gone, out);
	add_all(&s, "quiet", s.quiets, status_json_quiet, out);
	str_add_text(out, "}\n");
	status_release(&s);
	return 200;
}

/*
 * status - how it goes: the daemon, the accounts, the rules, and the rules that match nothing.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "engine/cli/cli.h"
#include "engine/issuance.h"
#include "engine/quiet.h"

#define HASH_SHOWN 12

struct status {
	const struct cli *cli;
	struct db *db;
	struct ruleset set; /* in force; without a table where there is none */
	int64_t *watch;	    /* by rule id */
	int64_t now_ms;
	struct quiets quiets;
	struct arena memory;
	struct str out;
	bool json;
};

/* What is on record of one rule's issuances. */
struct counts {
	int64_t fired, last_ms, held, refused, unknown;
	bool any;
};

static void print(struct status *s)
{
	fwrite(str_text(&s->out), 1, s->out.len, stdout);
	str_clear(&s->out);
}

static void add_json_time(struct str *out, const char *key, bool known, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	if (known)
		str_addf(out, ",\"%s\":\"%s\"", key, clock_format(at_ms, text));
	else
		str_addf(out, ",\"%s\":null", key);
}

static void add_time(struct str *out, bool known, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	if (known)
		str_addf(out, "%.19sZ", clock_format(at_ms, text));
	else
		str_addf(out, "%-20s", "-");
}

/* ---- the daemon and the table -------------------------------------------------- */

static void tell_daemon(struct status *s, const char *url)
{
	int pid = db_owner(url);

	if (s->json) {
		str_addf(&s->out,
			 "{\"kind\":\"daemon\",\"running\":%s,\"pid\":", pid ? "true" : "false");
		str_addf(&s->out, pid ? "%d" : "null", pid);
		str_add_text(&s->out, ",\"table\":");
		str_add_json(&s->out, slice_of(s->set.hash));
		add_json_time(&s->out, "loaded", s->set.id != 0, s->set.loaded_ms);
		str_add_text(&s->out, "}\n");
		return;
	}
	str_add_text(&s->out, "daemon    ");
	str_addf(&s->out, pid ? "running, pid %d\n" : "not running\n", pid);
	str_add_text(&s->out, "table     ");
	if (s->set.id) {
		str_addf(&s->out, "%.*s, loaded ", HASH_SHOWN, s->set.hash);
		add_time(&s->out, true, s->set.loaded_ms);
		str_add_char(&s->out, '\n');
	} else {
		str_add_text(&s->out, "none was ever loaded\n");
	}
}

static void tell_accounts(struct status *s)
{
	char age[CLOCK_TEXT];
	struct query *q = db_select(s->db, "SELECT account, cursor_ms FROM source ORDER BY account",
				    "");

	while (query_next(q)) {
		int64_t cursor_ms = query_integer(q, 1), old = (s->now_ms - cursor_ms) / MS_SECOND;
		if (s->json) {
			str_add_text(&s->out, "{\"kind\":\"account\",\"account\":");
			str_add_json(&s->out, query_slice(q, 0));
			add_json_time(&s->out, "looked_up_to", true, cursor_ms);
			str_addf(&s->out, ",\"age_ms\":%lld}\n",
				 (long long)(s->now_ms - cursor_ms));
			continue;
		}
		str_addf(&s->out, "account   %.*s: all changes up to ",
			 SLICE_FMT(query_slice(q, 0)));
		add_time(&s->out, true, cursor_ms);
		str_addf(&s->out, " are known, %s ago\n",
			 clock_format_duration((old > 0 ? old : 0) * MS_SECOND, age));
	}
}

/* ---- rules ------------------------------------------------------------------------ */

static struct counts count_rule(struct status *s, const char *rule)
{
	struct counts c = { 0 };
	struct query *q = db_select(
		s->db,
		"SELECT sum(created_ms >= ?2 AND state <> 'skipped'), max(CASE WHEN state <> 'skipped' THEN at_ms END),"
		" sum(state = 'held'), sum(state = 'refused'), sum(state = 'send-unknown')"
		" FROM issuance WHERE rule = ?1",
		"ti", rule, s->now_ms - QUIET_MS);

	if (query_next(q)) {
		c = (struct counts){ query_integer(q, 0), query_integer(q, 1), query_integer(q, 2),
				     query_integer(q, 3), query_integer(q, 4), !query_null(q, 1) };
		query_end(q);
	}
	return c;
}

static void tell_rule(struct status *s, const struct rule *rule)
{
	struct counts c = count_rule(s, rule->name);
	int64_t watch = s->watch[rule->id];
	int64_t seen = db_integer(
		s->db, 0,
		"SELECT count(*) FROM event WHERE watch = ?1 AND made_ms >= ?2 AND rule IS NULL",
		"ii", watch, s->now_ms - QUIET_MS);
	int64_t start_ms = db_integer(s->db, INT64_MAX, "SELECT start_ms FROM watch WHERE id = ?1",
				      "i", watch);

	if (s->json) {
		str_add_text(&s->out, "{\"kind\":\"rule\",\"rule\":");
		str_add_json(&s->out, slice_of(rule->name));
		str_addf(&s->out, ",\"mode\":\"%s\"", rule_mode_names[rule->mode]);
		add_json_time(&s->out, "active_since", start_ms != INT64_MAX, start_ms);
		str_addf(&s->out, ",\"events\":%lld,\"fired\":%lld", (long long)seen,
			 (long long)c.fired);
		add_json_time(&s->out, "last_fired", c.any, c.last_ms);
		str_addf(&s->out, ",\"held\":%lld,\"refused\":%lld,\"send_unknown\":%lld}\n",
			 (long long)c.held, (long long)c.refused, (long long)c.unknown);
		return;
	}
	str_addf(&s->out, "%-24s %-7s ", rule->name, rule_mode_names[rule->mode]);
	add_time(&s->out, start_ms != INT64_MAX, start_ms);
	str_addf(&s->out, " %8lld %6lld  ", (long long)seen, (long long)c.fired);
	add_time(&s->out, c.any, c.last_ms);
	str_addf(&s->out, " %6lld %8lld %8lld\n", (long long)c.held, (long long)c.refused,
		 (long long)c.unknown);
}

static void tell_rules(struct status *s)
{
	if (!s->json && s->set.table->n_rule)
		str_addf(&s->out, "\n%-24s %-7s %-20s %8s %6s  %-20s %6s %8s %8s\n", "rule", "mode",
			 "active since", "events", "fired", "last event", "held", "refused",
			 "unknown");
	for (size_t i = 0; i < s->set.table->n_rule; i++)
		tell_rule(s, &s->set.table->rule[i]);
	print(s);
}

/* ---- rules that match nothing -------------------------------------------------------- */

static void add_quiet_json(struct str *out, const struct quiet *q)
{
	str_add_text(out, "{\"kind\":\"quiet\",\"rule\":");
	str_add_json(out, slice_of(q->rule->name));
	add_json_time(out, "since", true, q->since_ms);
	str_addf(out, ",\"events\":%lld,\"closest\":", (long long)q->seen);
	if (q->test) {
		str_add_text(out, "{\"test\":");
		str_add_json(out, slice_of(q->test));
		str_add_text(out, ",\"file\":");
		str_add_json(out, slice_of(q->file));
		str_addf(out, ",\"line\":%u,\"column\":%u,\"failed\":%lld,\"value\":", q->line,
			 q->column, (long long)q->failed);
		if (q->value)
			str_add_json(out, slice_of(q->value));
		else
			str_add_text(out, "null");
		str_addf(out, ",\"times\":%lld}}\n", (long long)q->times);
	} else {
		str_add_text(out, "null}\n");
	}
}

static void add_quiet(struct str *out, const struct quiet *q)
{
	str_addf(out, "%s matched none of %lld event%s since ", q->rule->name, (long long)q->seen,
		 q->seen == 1 ? "" : "s");
	add_time(out, true, q->since_ms);
	str_add_char(out, '\n');
	if (!q->test)
		return;
	str_addf(out, "    closest: %lld event%s failed on ", (long long)q->failed,
		 q->failed == 1 ? "" : "s");
	str_add_shown(out, slice_of(q->test));
	str_addf(out, " (%s:%u:%u)", q->file, q->line, q->column);
	if (q->value) {
		str_add_text(out, "; commonest value seen ");
		str_add_char(out, '\'');
		str_add_shown(out, slice_of(q->value));
		str_addf(out, "', %lld times", (long long)q->times);
	}
	str_add_char(out, '\n');
}

/* Those that are active for 30 days, and those that saw events. */
static void tell_quiet(struct status *s)
{
	bool first = true;

	for (size_t i = 0; i < s->quiets.count; i++) {
		const struct quiet *q = &s->quiets.quiet[i];
		if (!q->seen && s->now_ms - q->since_ms < QUIET_MS)
			continue;
		if (s->json) {
			add_quiet_json(&s->out, q);
			continue;
		}
		if (first)
			str_add_text(&s->out, "\nlive rules that matched nothing\n");
		first = false;
		add_quiet(&s->out, q);
	}
	print(s);
}

/* ---- the command ------------------------------------------------------------------------ */

static enum rc open_rules(struct status *s, struct err *err)
{
	int64_t id = record_newest(s->db);

	s->set.hash = "";
	if (!id)
		return RC_OK;
	enum rc rc = ruleset_open(s->db, id, &s->memory, &s->set, err);
	if (rc != RC_OK)
		return rc;
	rc = clock_set_zone(s->set.timezone, err);
	s->watch = arena_alloc(&s->memory, (s->set.table->n_rule + 1) * sizeof(*s->watch));
	for (size_t i = 0; i < s->set.table->n_rule; i++)
		s->watch[i] = ruleset_watch(&s->set, s->set.table->rule[i].name);
	return rc;
}

static int tell(struct status *s, const char *url)
{
	struct err err;
	enum rc rc = open_rules(s, &err);

	if (rc != RC_OK)
		return cli_fail(s->cli, "the rules in force: %s", err.text);
	tell_daemon(s, url);
	tell_accounts(s);
	print(s);
	if (!s->set.table)
		return EXIT_FINE;
	tell_rules(s);
	quiet_find(s->db, s->set.table, s->watch, s->now_ms, &s->quiets);
	tell_quiet(s);
	quiets_release(&s->quiets);
	return EXIT_FINE;
}

static int status_run(const struct cli *cli)
{
	const char *url = cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db");
	struct status s = { .cli = cli, .json = cli_has(cli, "json") };
	struct timespec now;
	struct err err;

	if (db_open(url, DB_SHARE, &s.db, &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	clock_gettime(CLOCK_REALTIME, &now);
	s.now_ms = (int64_t)now.tv_sec * MS_SECOND + now.tv_nsec / 1000000;
	arena_init(&s.memory);
	str_init(&s.out, 1u << 26);
	int status = tell(&s, url);
	if (status == EXIT_FINE && db_failed(s.db, &err) != RC_OK)
		status = cli_fail(cli, "%s", err.text);
	ruleset_release(&s.set);
	str_release(&s.out);
	arena_release(&s.memory);
	db_close(s.db);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_STATE,
	CLI_OPTION_JSON,
	CLI_OPTION_END,
};

const struct cli_command command_status = {
	.name = "status",
	.summary = "how it goes: daemon, accounts, rules, and rules that match nothing",
	.operands = "",
	.option = options,
	.run = status_run,
	.more = "Events and what fired are those of the last 30 days; what a backfill made counts as fired, without\n"
		"an event. Of a live rule that matched nothing by itself it says which test stood in the way of the\n"
		"events that came closest, and the commonest value there where at least three events had it.\n"
		"Works beside a running daemon, and without one.",
};

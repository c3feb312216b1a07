/*
 * status - how it goes: the daemon, the accounts, the rules, and the rules that match nothing.
 *
 * What the store knows, beside a daemon or without one; what a running daemon knows of itself, where
 * there is one; and whether the rules in the folder are those in force.
 */
#include "engine/status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "dsl/build.h"
#include "engine/cli/daemon.h"
#include "engine/skew.h"

#define HASH_SHOWN 12
/* Of an account that is: why, and what helps. */
#define STOPPED                                                                                                       \
	"its token is missing, was refused or lacks a scope ('hs2cert doctor' says what): put another one in place, " \
	"then 'hs2cert reload'; where it is connected over OAuth, 'hs2cert connect'"

struct telling {
	const struct cli *cli;
	struct db *db;
	struct ruleset set; /* in force; without a table where there is none */
	int64_t *watch;	    /* by rule id */
	int64_t now_ms;
	struct status status;
	struct json *live; /* NULL: no daemon tells … */
	struct err silent; /* … and why, where one runs */
	struct arena memory;
	struct str out;
	bool json;
};

static void print(struct telling *t)
{
	fwrite(str_text(&t->out), 1, t->out.len, stdout);
	str_clear(&t->out);
}

static void add_time(struct str *out, bool known, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	if (known)
		str_addf(out, "%.19sZ", clock_format(at_ms, text));
	else
		str_addf(out, "%-20s", "-");
}

static const char *say_span(int64_t ms, char out[CLOCK_TEXT])
{
	/* Two units are enough for people, and one below a minute. */
	int64_t grain = ms >= MS_DAY ? MS_HOUR : ms >= MS_HOUR ? MS_MINUTE : MS_SECOND;

	return clock_format_duration((ms > 0 ? ms : 0) / grain * grain, out);
}

/* ---- the daemon and the table -------------------------------------------------- */

/* What was answered in place of what was asked for. */
static void say_answer(int status, struct slice body, struct err *out)
{
	struct err ignored;
	struct json *answer = json_parse(body, &ignored);
	struct slice why = json_get_slice(answer, "error");

	(void)err_set(out, RC_BROKEN, "the daemon answers %d%s%.*s", status, why.len ? ": " : "",
		      SLICE_FMT(why));
	json_free(answer);
}

/* What the daemon knows; of one that does not answer it is said that it runs, and why it does not. */
static void ask_daemon(struct telling *t)
{
	struct str body;
	struct err err;
	int status = 0;

	str_init(&body, LIMIT_ANSWER_BYTES);
	enum rc rc = daemon_ask(t->cli, "GET", "/live", &status, &body, &err);
	if (rc == RC_OK && status == 200)
		t->live = json_parse(str_slice(&body), &err);
	else if (rc == RC_OK)
		say_answer(status, str_slice(&body), &t->silent);
	else if (rc != RC_REFUSED)
		t->silent = err;
	str_release(&body);
}

/* in-force, edited, empty, invalid; NULL: there is no folder here. */
static const char *folder_state(struct telling *t)
{
	const char *folder = cli_value_or(t->cli, "rules", "HS2CERT_RULES", "rules.d");
	struct sources sources;
	struct diags diags;
	struct err err;

	if (access(folder, R_OK) != 0)
		return NULL;
	sources_init(&sources);
	diags_init(&diags);
	struct table *table = sources_add_path(&sources, folder, &diags, &err) == RC_OK
				      ? table_build(&sources, &diags, NULL)
				      : NULL;
	const char *state = !table						     ? "invalid"
			    : strcmp(table->hash, t->set.hash) == 0		     ? "in-force"
			    : !table->n_rule && t->set.table && t->set.table->n_rule ? "empty"
										     : "edited";
	table_unref(table);
	diags_release(&diags);
	sources_release(&sources);
	return state;
}

/* Where nobody said which folder, there need be none here. */
static void tell_folder(struct telling *t, const char *state)
{
	static const struct {
		const char *state, *words;
	} rows[] = {
		{ "in-force", "has the rules in force" },
		{ "edited",
		  "has other rules: 'hs2cert plan' shows what they change, 'hs2cert reload' takes them" },
		{ "empty",
		  "has no rule, which no reload takes: is it mounted, or was it emptied? 'mode: off' ends a rule" },
		{ "invalid", "has rules that are wrong: 'hs2cert validate' shows them" },
	};
	const char *given = cli_value_or(t->cli, "rules", "HS2CERT_RULES", NULL);

	if (!state && !given)
		return;
	str_add_text(&t->out, "folder    ");
	if (!state) {
		str_add_shown(&t->out, slice_of(given));
		str_add_text(&t->out, " is not there, or cannot be read");
	}
	for (size_t i = 0; state && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].state, state) == 0)
			str_add_text(&t->out, rows[i].words);
	str_add_char(&t->out, '\n');
}

static void tell_daemon(struct telling *t, const char *url)
{
	int pid = db_owner(url);
	const char *folder = folder_state(t);

	if (t->json) {
		str_addf(&t->out,
			 "{\"kind\":\"daemon\",\"running\":%s,\"pid\":", pid ? "true" : "false");
		str_addf(&t->out, pid ? "%d" : "null", pid);
		str_add_text(&t->out, ",\"table\":");
		str_add_json(&t->out, slice_of(t->set.hash));
		status_json_time(&t->out, "loaded", t->set.id != 0, t->set.loaded_ms);
		str_addf(&t->out, folder ? ",\"folder\":\"%s\"" : ",\"folder\":null", folder);
		str_add_member(&t->out, "silent", slice_or_none(slice_of(t->silent.text)));
		str_add_text(&t->out, "}\n");
		return;
	}
	str_add_text(&t->out, "daemon    ");
	str_addf(&t->out, pid ? "running, pid %d" : "not running", pid);
	if (t->live) {
		char span[CLOCK_TEXT];
		str_addf(&t->out, ", for %s",
			 say_span(json_int(json_get(t->live, "uptime_ms"), 0), span));
	}
	if (t->silent.text[0]) {
		str_add_text(&t->out, "\nsilent    ");
		str_add_shown(&t->out, slice_of(t->silent.text));
	}
	str_add_text(&t->out, "\ntable     ");
	if (t->set.id) {
		str_addf(&t->out, "%.*s, loaded ", HASH_SHOWN, t->set.hash);
		add_time(&t->out, true, t->set.loaded_ms);
		str_add_char(&t->out, '\n');
	} else {
		str_add_text(&t->out, "none was ever loaded\n");
	}
	tell_folder(t, folder);
}

/* ---- what the daemon tells of itself ---------------------------------------------- */

static void tell_reload(struct telling *t, const struct json *reload)
{
	int64_t errors = json_int(json_get(reload, "errors"), 0);
	struct slice reason = json_get_slice(reload, "reason");

	if (!json_bool(json_get(reload, "refused"), false))
		return;
	str_addf(&t->out, "reload    refused %.19sZ: ", slice_start(json_get_slice(reload, "at")));
	if (errors)
		str_addf(&t->out, "%lld error%s", (long long)errors, errors == 1 ? "" : "s");
	str_add_shown(&t->out, reason);
	str_add_char(&t->out, '\n');
}

static void tell_health(struct telling *t, const struct json *a)
{
	const struct json *budgets = json_get(a, "budgets");
	struct slice reason = json_get_slice(a, "reason");
	int64_t wait_ms = json_int(json_get(a, "again_in_ms"), 0);
	int64_t clock_ms = json_int(json_get(a, "clock_ms"), 0);
	char span[CLOCK_TEXT], clock[SKEW_TEXT];

	str_add_text(&t->out, "account   ");
	str_add_shown(&t->out, json_get_slice(a, "account"));
	str_addf(&t->out, ": %.*s", SLICE_FMT(json_get_slice(a, "health")));
	if (wait_ms)
		str_addf(&t->out, ", again in %s", say_span(wait_ms + 999, span));
	if (reason.len) {
		str_add_text(&t->out, ", ");
		str_add_shown(&t->out, reason);
	}
	if (skew_is_seen(clock_ms))
		str_addf(&t->out, ", clock: %s", skew_say(clock_ms, clock));
	for (size_t i = 0; i < json_count(budgets); i++) {
		const struct json *b = json_at(budgets, i);
		int64_t most = json_int(json_get(b, "most"), 0);
		if (most > 1) /* one at a time is no budget to speak of */
			str_addf(&t->out, ", %lld of %lld %.*s left",
				 (long long)json_int(json_get(b, "left"), 0), (long long)most,
				 SLICE_FMT(json_get_slice(b, "of")));
	}
	str_add_char(&t->out, '\n');
}

static void tell_stopped(struct telling *t, const struct json *account)
{
	if (!slice_is(json_get_slice(account, "health"), "stopped"))
		return;
	str_add_text(&t->out, "stopped   ");
	str_add_shown(&t->out, json_get_slice(account, "account"));
	str_add_text(&t->out, ": " STOPPED "\n");
}

static void tell_delay(struct telling *t, const char *words, const struct json *d)
{
	int64_t n = json_int(json_get(d, "count"), 0),
		half = json_int(json_get(d, "half_within_ms"), -1),
		most = json_int(json_get(d, "most_within_ms"), -1);
	char span[CLOCK_TEXT];

	if (!n)
		return;
	str_addf(&t->out, "delay     from change to %s: half within %s", words,
		 half < 0 ? "more than a day" : clock_format_duration(half, span));
	str_addf(&t->out, ", 95 of 100 within %s, of %lld\n",
		 most < 0 ? "more than a day" : clock_format_duration(most, span), (long long)n);
}

static void tell_unfit(struct telling *t, struct slice why)
{
	if (!why.len)
		return;
	str_add_text(&t->out, "unfit     the state cannot be written, nothing is done: ");
	str_add_shown(&t->out, why);
	str_add_char(&t->out, '\n');
}

static void tell_live(struct telling *t)
{
	const struct json *accounts = json_get(t->live, "accounts");

	if (!t->live)
		return;
	if (t->json) {
		json_dump(t->live, &t->out);
		str_add_char(&t->out, '\n');
		return;
	}
	tell_unfit(t, json_get_slice(t->live, "unfit"));
	tell_reload(t, json_get(t->live, "reload"));
	for (size_t i = 0; i < json_count(accounts); i++)
		tell_health(t, json_at(accounts, i));
	for (size_t i = 0; i < json_count(accounts); i++)
		tell_stopped(t, json_at(accounts, i));
	tell_delay(t, "decision", json_path(t->live, "delays.decision"));
	tell_delay(t, "credential", json_path(t->live, "delays.credential"));
}

static void tell_accounts(struct telling *t)
{
	const struct status *s = &t->status;
	char age[CLOCK_TEXT];

	for (size_t i = 0; i < s->accounts; i++) {
		const struct status_account *a = &s->account[i];
		int64_t old = (t->now_ms - a->cursor_ms) / MS_SECOND;
		if (t->json) {
			status_json_account(s, i, &t->out);
			str_add_char(&t->out, '\n');
			continue;
		}
		str_addf(&t->out, "account   %s: all changes up to ", a->name);
		add_time(&t->out, true, a->cursor_ms);
		str_addf(&t->out, " are known, %s ago\n",
			 clock_format_duration((old > 0 ? old : 0) * MS_SECOND, age));
	}
}

/* Nothing is issued there, with a daemon and without one. */
static void tell_restored(struct telling *t)
{
	const struct status *s = &t->status;

	for (size_t i = 0; i < s->restoreds; i++) {
		if (t->json) {
			status_json_restored(s, i, &t->out);
			str_add_char(&t->out, '\n');
			continue;
		}
		str_addf(&t->out, "restored  %s issues nothing until 'hs2cert reconcile': ",
			 s->restored[i].account);
		str_add_shown(&t->out, slice_of(s->restored[i].reason));
		str_add_char(&t->out, '\n');
	}
}

/* ---- rules ------------------------------------------------------------------------ */

static void tell_rule(struct telling *t, const struct status_rule *r)
{
	str_addf(&t->out, "%-24s %-7s ", r->rule->name, rule_mode_names[r->rule->mode]);
	add_time(&t->out, r->active, r->start_ms);
	str_addf(&t->out, " %8lld %6lld  ", (long long)r->events, (long long)r->fired);
	add_time(&t->out, r->ever, r->last_ms);
	str_addf(&t->out, " %6lld %8lld %8lld\n", (long long)r->held, (long long)r->refused,
		 (long long)r->unknown);
}

/* Whoever took a rule away is still owed an answer to these. */
static void tell_gone(struct telling *t)
{
	const struct status_rule *r = &t->status.gone;

	if (t->json) {
		status_json_gone(&t->status, 0, &t->out);
		str_add_char(&t->out, '\n');
		return;
	}
	str_addf(&t->out, "%-24s %-7s %-20s %8s %6s  %-20s %6lld %8lld %8lld\n", "(rules gone)",
		 "-", "-", "-", "-", "-", (long long)r->held, (long long)r->refused,
		 (long long)r->unknown);
}

static void tell_rules(struct telling *t)
{
	const struct status *s = &t->status;

	if (!t->json && (s->rules || status_is_gone(s)))
		str_addf(&t->out, "\n%-24s %-7s %-20s %8s %6s  %-20s %6s %8s %8s\n", "rule", "mode",
			 "active since", "events", "fired", "last event", "held", "refused",
			 "unknown");
	for (size_t i = 0; i < s->rules; i++) {
		if (!t->json) {
			tell_rule(t, &s->rule[i]);
			continue;
		}
		status_json_rule(s, i, &t->out);
		str_add_char(&t->out, '\n');
	}
	if (status_is_gone(s))
		tell_gone(t);
	print(t);
}

/* ---- rules that match nothing -------------------------------------------------------- */

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

static void tell_quiet(struct telling *t)
{
	const struct status *s = &t->status;

	if (!t->json && s->quiets)
		str_add_text(&t->out, "\nlive rules that matched nothing\n");
	for (size_t i = 0; i < s->quiets; i++) {
		if (!t->json) {
			add_quiet(&t->out, s->quiet[i]);
			continue;
		}
		status_json_quiet(s, i, &t->out);
		str_add_char(&t->out, '\n');
	}
	print(t);
}

/* ---- whether it can do its work ------------------------------------------------------- */

static void add_unsure(struct telling *t, const struct json *reasons)
{
	struct slice name;
	const struct json *reason;

	for (struct json_each e = json_each(reasons); json_next(&e, &name, &reason);) {
		str_add_text(&t->out, "not ready: account '");
		str_add_shown(&t->out, name);
		str_add_text(
			&t->out,
			"' is unsure: it issues nothing until its newest credentials can be read: ");
		str_add_shown(&t->out, json_slice(reason));
		str_add_char(&t->out, '\n');
	}
}

/* Why not, as the daemon answers it; each after what it is. */
static void add_reasons(struct telling *t, const struct json *answer)
{
	struct slice unfit = json_get_slice(answer, "unfit"), name;
	const struct json *health;

	if (json_bool(json_get(answer, "stopping"), false))
		str_add_text(&t->out, "not ready: the daemon is stopping\n");
	if (unfit.len) {
		str_add_text(&t->out, "not ready: the state cannot be written: ");
		str_add_shown(&t->out, unfit);
		str_add_char(&t->out, '\n');
		return;
	}
	for (struct json_each e = json_each(json_get(answer, "accounts"));
	     json_next(&e, &name, &health);) {
		struct slice word = json_slice(health);
		if (!slice_is(word, "stopped") && !slice_is(word, "restored"))
			continue;
		str_add_text(&t->out, "not ready: account '");
		str_add_shown(&t->out, name);
		str_addf(&t->out, "' is %.*s: %s\n", SLICE_FMT(word),
			 slice_is(word, "restored")
				 ? "stop the daemon, run 'hs2cert reconcile', start it again"
				 : STOPPED);
	}
	add_unsure(t, json_get(answer, "reasons"));
}

/* For what watches over the daemon from beside it. */
static int tell_ready(struct telling *t)
{
	struct str body;
	struct err err;
	int status = 0, code = EXIT_COULD_NOT;

	str_init(&body, LIMIT_ANSWER_BYTES);
	enum rc rc = daemon_ask(t->cli, "GET", "/ready", &status, &body, &err);
	t->live = rc == RC_OK ? json_parse(str_slice(&body), &err) : NULL;
	if (rc != RC_OK) {
		code = cli_fail(t->cli, "%s%s", rc == RC_REFUSED ? "no daemon: " : "", err.text);
	} else if (!json_get(t->live, "ready")) {
		say_answer(status, str_slice(&body), &err);
		code = cli_fail(t->cli, "%s", err.text);
	} else {
		code = status == 200 ? EXIT_FINE : EXIT_FINDINGS;
		if (t->json)
			str_add_slice(&t->out, str_slice(&body));
		else if (status == 200)
			str_add_text(&t->out, "ready\n");
		else
			add_reasons(t, t->live);
		print(t);
	}
	str_release(&body);
	return code;
}

/* ---- the command ------------------------------------------------------------------------ */

static enum rc open_rules(struct telling *t, struct err *err)
{
	int64_t id = record_newest(t->db);

	t->set.hash = "";
	if (!id)
		return RC_OK;
	enum rc rc = ruleset_open(t->db, id, &t->memory, &t->set, err);
	if (rc != RC_OK)
		return rc;
	rc = clock_set_zone(t->set.timezone, err);
	t->watch = arena_alloc(&t->memory, (t->set.table->n_rule + 1) * sizeof(*t->watch));
	for (size_t i = 0; i < t->set.table->n_rule; i++)
		t->watch[i] = ruleset_watch(&t->set, t->set.table->rule[i].name);
	return rc;
}

static int tell(struct telling *t, const char *url)
{
	struct err err;
	enum rc rc = open_rules(t, &err);

	if (rc != RC_OK)
		return cli_fail(t->cli, "the rules in force: %s", err.text);
	ask_daemon(t);
	status_read(&t->status, t->db, t->set.table, t->watch, t->now_ms);
	tell_daemon(t, url);
	tell_live(t);
	tell_accounts(t);
	tell_restored(t);
	print(t);
	tell_rules(t);
	tell_quiet(t);
	status_release(&t->status);
	return EXIT_FINE;
}

static int status_run(const struct cli *cli)
{
	const char *url = cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db");
	struct telling t = { .cli = cli, .json = cli_has(cli, "json") };
	struct timespec now;
	struct err err;

	if (cli_has(cli, "ready")) {
		str_init(&t.out, LIMIT_ANSWER_BYTES);
		int ready = tell_ready(&t);
		json_free(t.live);
		str_release(&t.out);
		return ready;
	}
	if (db_open(url, DB_SHARE, &t.db, &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	clock_gettime(CLOCK_REALTIME, &now);
	t.now_ms = (int64_t)now.tv_sec * MS_SECOND + now.tv_nsec / 1000000;
	arena_init(&t.memory);
	str_init(&t.out, 1u << 26);
	int status = tell(&t, url);
	if (status == EXIT_FINE && db_failed(t.db, &err) != RC_OK)
		status = cli_fail(cli, "%s", err.text);
	json_free(t.live);
	ruleset_release(&t.set);
	str_release(&t.out);
	arena_release(&t.memory);
	db_close(t.db);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	DAEMON_OPTION_ADMIN,
	CLI_OPTION_JSON,
	{ "ready", NULL,
	  "whether the daemon can do its work: 0; 1 and why not; 3 where there is none" },
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
		"events that came closest, and the commonest value there where at least three contacts had it.\n"
		"Works beside a running daemon, and without one. A daemon tells more: since when it runs, the health\n"
		"and the budgets of its accounts, a reload that was refused, and how long it takes from a change to its\n"
		"decision and its credential, since it was started.",
};

/*
 * runs - issuances: which credentials were issued, and why others were not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/cli/cli.h"
#include "engine/cli/live.h"
#include "engine/forgotten.h"
#include "engine/issuance.h"
#include "engine/ledger.h"
#include "engine/store/db.h"

#define PAGE 200 /* rows that are read at a time */
#define COLUMNS                                                                                                  \
	"i.id, i.rule, i.source_account, i.contact, i.email, i.event, i.target, i.from_value, " FORGOTTEN_SHOWN( \
		"i.to_value") ","                                                                                \
			      " i.at_ms, i.state, " LEDGER_REASON                                                \
			      ", i.credential, i.public_url, i.attempts, i.updated_ms, i.group_id,"              \
			      " i.table_hash, i.fields, i.created_ms, CASE i.state WHEN 'held' THEN i.hold END, i.expire_ms"

enum column {
	ID,
	RULE,
	ACCOUNT,
	CONTACT,
	EMAIL,
	EVENT,
	TARGET,
	FROM,
	TO,
	AT,
	STATE,
	REASON,
	CREDENTIAL,
	URL,
	ATTEMPTS,
	UPDATED,
	GROUP,
	HASH,
	FIELDS,
	CREATED,
	HOLD,
	EXPIRE
};

/* ---- one row ------------------------------------------------------------ */

static void add_json_or_null(struct str *out, struct query *q, int column)
{
	if (query_null(q, column))
		str_add_text(out, "null");
	else
		str_add_json(out, query_slice(q, column));
}

static void add_text(struct str *out, const char *key, struct query *q, enum column column)
{
	str_addf(out, ",\"%s\":", key);
	add_json_or_null(out, q, column);
}

static void add_time(struct str *out, const char *key, struct query *q, enum column column)
{
	char text[CLOCK_TEXT];

	str_addf(out, ",\"%s\":\"%s\"", key, clock_format(query_integer(q, column), text));
}

/* The row of commands.md, and after it what holds the issuance. */
static void add_json(struct str *out, struct query *q)
{
	bool property = slice_is(query_slice(q, EVENT), event_kind_names[EVENT_PROPERTY_CHANGED]);

	str_addf(out, "{\"id\":\"%lld\"", (long long)query_integer(q, ID));
	add_text(out, "rule", q, RULE);
	add_text(out, "account", q, ACCOUNT);
	add_text(out, "contact", q, CONTACT);
	if (query_slice(q, EMAIL).len)
		add_text(out, "email", q, EMAIL);
	else
		str_add_text(out, ",\"email\":null");
	add_text(out, "event", q, EVENT);
	add_text(out, property ? "property" : "list", q, TARGET);
	if (property) {
		add_text(out, "from", q, FROM);
		add_text(out, "to", q, TO);
	} else {
		str_add_text(out, ",\"from\":null,\"to\":null");
	}
	add_time(out, "at", q, AT);
	add_text(out, "state", q, STATE);
	add_text(out, "reason", q, REASON);
	add_text(out, "credential", q, CREDENTIAL);
	add_text(out, "public_url", q, URL);
	str_addf(out, ",\"attempts\":%lld", (long long)query_integer(q, ATTEMPTS));
	add_time(out, "updated", q, UPDATED);
	add_text(out, "hold", q, HOLD);
}

/* What live rules made of a shadow issuance's contact and event: as JSON, or in words. */
static void add_live(struct str *out, struct db *db, int64_t id, bool json)
{
	struct query *q = db_select(
		db,
		"SELECT o.rule, o.state FROM issuance i JOIN issuance o ON o.source_account = i.source_account"
		" AND o.contact = i.contact AND o.event = i.event AND o.target = i.target AND o.at_ms = i.at_ms"
		" AND o.to_value = i.to_value AND o.state <> 'shadow' WHERE i.id = ?1 ORDER BY o.rule",
		"i", id);

	str_add_text(out, json ? ",\"live\":" : "  ");
	live_add(out, q, json);
}

static bool is_shadow(struct query *q)
{
	return slice_is(query_slice(q, STATE), issuance_state_names[STATE_SHADOW]);
}

static void add_what(struct str *out, struct query *q)
{
	if (!slice_is(query_slice(q, EVENT), event_kind_names[EVENT_PROPERTY_CHANGED])) {
		str_add_text(out, "joined ");
		str_add_shown(out, query_slice(q, TARGET));
		return;
	}
	str_add_shown(out, query_slice(q, TARGET));
	str_add_text(out, ": ");
	if (query_null(q, FROM))
		str_add_text(out, "?");
	else if (query_slice(q, FROM).len)
		str_add_shown(out, query_slice(q, FROM));
	else
		str_add_text(out, "(empty)");
	str_add_text(out, " -> ");
	str_add_shown(out, query_slice(q, TO));
}

static const char *state_colour(struct slice state)
{
	static const struct {
		const char *state, *colour;
	} rows[] = {
		{ "sent", "\033[32m" },	   { "held", "\033[33m" },   { "send-unknown", "\033[31m" },
		{ "refused", "\033[31m" }, { "skipped", "\033[2m" }, { "shadow", "\033[2m" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (slice_is(state, rows[i].state))
			return rows[i].colour;
	return "";
}

static void add_row(struct str *out, struct query *q, bool colour)
{
	char at[CLOCK_TEXT];
	struct slice state = query_slice(q, STATE);
	const char *paint = colour ? state_colour(state) : "";
	struct str what;

	str_init(&what, 4096);
	add_what(&what, q);
	str_addf(out, "%-6lld %.16s  %s%-12.*s%s  ", (long long)query_integer(q, ID),
		 clock_format(query_integer(q, AT), at), paint, SLICE_FMT(state),
		 paint[0] ? "\033[0m" : "");
	str_addf(out, "%-22.*s contact %-8.*s %s", SLICE_FMT(query_slice(q, RULE)),
		 SLICE_FMT(query_slice(q, CONTACT)), str_text(&what));
	if (!query_null(q, REASON)) {
		str_add_text(out, "  (");
		str_add_shown(out, query_slice(q, REASON));
		str_add_char(out, ')');
	} else if (!query_null(q, URL)) {
		str_add_text(out, "  ");
		str_add_shown(out, query_slice(q, URL));
	}
	str_release(&what);
}

/* ---- list --------------------------------------------------------------- */

static bool words_known(const struct cli *cli)
{
	int unused;

	return cli_word_of(cli, "hold", hold_names + 1, HOLD_COUNT - 1, &unused) &&
	       cli_word_of(cli, "state-is", issuance_state_names, STATE_COUNT, &unused);
}

static void print(struct str *out)
{
	fwrite(str_text(out), 1, out->len, stdout);
	str_clear(out);
}

/* What is asked for, and how far it is shown. */
struct listing {
	const struct cli *cli;
	struct db *db;
	const char *state, *hold;
	int64_t since, limit; /* limit: so many more; -1: all */
	int64_t before;	      /* the id of the last row that was shown */
	bool json, colour;
	struct str out;
};

static void add_listed(struct listing *l, struct query *q)
{
	if (l->json)
		add_json(&l->out, q);
	else
		add_row(&l->out, q, l->colour);
	if (is_shadow(q))
		add_live(&l->out, l->db, query_integer(q, ID), l->json);
	str_add_text(&l->out, l->json ? "}\n" : "\n");
}

/* The next rows; how many there were. */
static int64_t list_page(struct listing *l)
{
	int64_t n = 0, most = l->limit >= 0 && l->limit < PAGE ? l->limit : PAGE;
	struct query *q = db_select(
		l->db,
		"SELECT " COLUMNS " FROM issuance i WHERE (?1 IS NULL OR i.rule = ?1)"
		" AND (?2 IS NULL OR i.contact = ?2 OR lower(i.email) = lower(?2)"
		" OR i.contact IN (SELECT a.old FROM alias a WHERE a.contact = ?2 OR a.contact IN"
		" (SELECT contact FROM alias WHERE old = ?2) UNION SELECT contact FROM alias WHERE old = ?2))"
		" AND (?3 IS NULL OR i.state = ?3) AND i.at_ms >= ?4"
		" AND (?6 IS NULL OR (i.state = 'held' AND i.hold = ?6))"
		" AND i.id < ?7 ORDER BY i.id DESC LIMIT ?5",
		"tttiiti", cli_value(l->cli, "rule"), cli_value(l->cli, "contact"), l->state,
		l->since, most, l->hold, l->before);

	for (; query_next(q); n++) {
		l->before = query_integer(q, ID);
		add_listed(l, q);
	}
	l->limit -= l->limit >= 0 ? n : 0;
	return n;
}

/* Nothing is read while a page is written: a pager takes as long as it likes, and the state's log would grow meanwhile. */
static int list(const struct cli *cli, struct db *db)
{
	struct listing l = { .cli = cli,
			     .db = db,
			     .state = cli_value(cli, "state-is"),
			     .hold = cli_value(cli, "hold"),
			     .limit = -1,
			     .before = INT64_MAX,
			     .json = cli_has(cli, "json"),
			     .colour = cli_colour(1) };
	int64_t n, all = 0;

	if (!cli_since(cli, NULL, &l.since) || !cli_number(cli, "limit", 1, 1000000000, &l.limit) ||
	    !words_known(cli))
		return EXIT_USAGE;
	str_init(&l.out, SIZE_MAX / 4);
	do {
		n = list_page(&l);
		all += n;
		print(&l.out);
	} while (n == PAGE);
	str_release(&l.out);
	if (all == 0)
		fprintf(stderr, "no issuance%s\n",
			cli_value(cli, "rule") || cli_value(cli, "contact") || l.state || l.hold ||
					l.since != INT64_MIN
				? " is like that"
				: " yet");
	return all ? EXIT_FINE : EXIT_FINDINGS;
}

/* ---- show --------------------------------------------------------------- */

static void add_trail(struct str *out, struct db *db, int64_t id, bool json)
{
	char at[CLOCK_TEXT];
	const char *comma = "";
	struct query *q = db_select(
		db, "SELECT at_ms, state, note, who FROM trail WHERE issuance = ?1 ORDER BY id",
		"i", id);

	while (query_next(q)) {
		clock_format(query_integer(q, 0), at);
		if (json) {
			str_addf(out, "%s{\"at\":\"%s\"", comma, at);
			str_add_text(out, ",\"state\":");
			str_add_json(out, query_slice(q, 1));
			str_add_text(out, ",\"note\":");
			add_json_or_null(out, q, 2);
			str_add_text(out, ",\"who\":");
			add_json_or_null(out, q, 3);
			str_add_char(out, '}');
			comma = ",";
			continue;
		}
		bool more = !query_null(q, 2) || !query_null(q, 3);
		str_addf(out, more ? "  %s  %-12.*s " : "  %s  %.*s", at,
			 SLICE_FMT(query_slice(q, 1)));
		str_add_shown(out, query_slice(q, 2));
		if (!query_null(q, 3)) {
			str_add_text(out, query_null(q, 2) ? "by " : " by ");
			str_add_shown(out, query_slice(q, 3));
		}
		str_add_char(out, '\n');
	}
}

static void add_line(struct str *out, const char *name, struct slice value)
{
	if (!value.len)
		return;
	str_addf(out, "%-12s ", name);
	str_add_shown(out, value);
	str_add_char(out, '\n');
}

static void add_fields(struct str *out, struct slice text)
{
	struct err ignored;
	struct slice key;
	const struct json *value;
	struct json *fields = text.len ? json_parse(text, &ignored) : NULL;

	for (struct json_each e = json_each(fields); json_next(&e, &key, &value);) {
		str_addf(out, "  %-18.*s ", SLICE_FMT(key));
		str_add_shown(out, json_slice(value));
		str_add_char(out, '\n');
	}
	json_free(fields);
}

static void add_sheet(struct str *out, struct query *q)
{
	char at[CLOCK_TEXT];
	struct str what;

	str_init(&what, 4096);
	add_what(&what, q);
	str_addf(out, "issuance     %lld\n", (long long)query_integer(q, ID));
	add_line(out, "rule", query_slice(q, RULE));
	add_line(out, "contact", query_slice(q, CONTACT));
	add_line(out, "account", query_slice(q, ACCOUNT));
	add_line(out, "event", str_slice(&what));
	add_line(out, "at", slice_of(clock_format(query_integer(q, AT), at)));
	add_line(out, "state", query_slice(q, STATE));
	add_line(out, "held by", query_slice(q, HOLD));
	if (!query_null(q, EXPIRE))
		add_line(out, "until", slice_of(clock_format(query_integer(q, EXPIRE), at)));
	add_line(out, "reason", query_slice(q, REASON));
	add_line(out, "group", query_slice(q, GROUP));
	add_line(out, "credential", query_slice(q, CREDENTIAL));
	add_line(out, "page", query_slice(q, URL));
	add_line(out, "table", query_slice(q, HASH));
	str_add_text(out, "fields\n");
	add_fields(out, query_slice(q, FIELDS));
	str_release(&what);
}

static int show(const struct cli *cli, struct db *db, const char *id_text)
{
	char *end;
	struct str out;
	long long id = strtoll(id_text, &end, 10);
	struct query *q = *end ? NULL
			       : db_select(db, "SELECT " COLUMNS " FROM issuance i WHERE i.id = ?1",
					   "i", (int64_t)id);

	if (!query_next(q)) {
		fprintf(stderr, "there is no issuance '%s': 'hs2cert runs' lists them\n", id_text);
		return EXIT_FINDINGS;
	}
	str_init(&out, 1u << 24);
	if (cli_has(cli, "json")) {
		add_json(&out, q);
		add_text(&out, "group", q, GROUP);
		add_text(&out, "table", q, HASH);
		str_add_text(&out, ",\"fields\":");
		str_add_slice(&out,
			      query_null(q, FIELDS) ? slice_of("null") : query_slice(q, FIELDS));
		if (query_null(q, EXPIRE))
			str_add_text(&out, ",\"until\":null");
		else
			add_time(&out, "until", q, EXPIRE);
		add_time(&out, "created", q, CREATED);
		str_add_text(&out, ",\"trail\":[");
		add_trail(&out, db, id, true);
		str_add_text(&out, "]}\n");
	} else {
		add_sheet(&out, q);
		str_add_text(&out, "trail\n");
		add_trail(&out, db, id, false);
	}
	query_end(q);
	print(&out);
	str_release(&out);
	return EXIT_FINE;
}

static int runs_run(const struct cli *cli)
{
	static const char *const selects[] = { "rule", "contact", "state-is",
					       "hold", "since",	  "limit" };
	struct db *db;
	struct err err;
	bool one = cli->operands > 0;
	int status;

	if (one && strcmp(cli->operand[0], "show") != 0)
		return cli_usage(cli, "unknown operand '%s': only 'show ID' is known",
				 cli->operand[0]);
	if (one && cli->operands != 2)
		return cli_usage(cli, "'show' takes the id of an issuance");
	for (size_t i = 0; one && i < sizeof(selects) / sizeof(selects[0]); i++)
		if (cli_has(cli, selects[i]))
			return cli_usage(cli, "'show ID' and --%s exclude each other", selects[i]);
	if (db_open(cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db"), DB_SHARE, &db,
		    &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	status = one ? show(cli, db, cli->operand[1]) : list(cli, db);
	if (db_failed(db, &err) != RC_OK)
		status = cli_fail(cli, "%s", err.text);
	db_close(db);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_STATE,
	{ "rule", "R", "of this rule" },
	{ "contact", "ID|EMAIL", "of this contact, also under ids that were merged" },
	{ "state-is", "S",
	  "in this state: planned, sent, held, refused, send-unknown, skipped, shadow, …" },
	{ "hold", "K",
	  "held by: brake, missing-email, required, field, filter-limit, plan, group, restored, account" },
	{ "since", "T", "events since: 2h, 7d, 2026-01-31 or a date-time" },
	{ "limit", "N", "at most so many" },
	CLI_OPTION_JSON,
	CLI_OPTION_END,
};

static const struct cli_words option_words[] = {
	{ "state-is", issuance_state_names, STATE_COUNT },
	{ "hold", hold_names + 1, HOLD_COUNT - 1 },
	CLI_WORDS_END,
};

const struct cli_command command_runs = {
	.name = "runs",
	.summary = "issuances: list them, newest first, or show one",
	.operands = "[show ID]",
	.max_operands = 2,
	.option = options,
	.words = option_words,
	.run = runs_run,
	.more = "A row in shadow is what a rule would have issued; behind it stands what live rules made of the same\n"
		"contact and event. Works beside a running daemon, and without one. Exit status 1 where nothing is found.",
};

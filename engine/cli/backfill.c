/*
 * backfill - engine/backfill.h from the command line: first what would be, then with --yes.
 */
#include "engine/backfill.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/diag.h"
#include "engine/cli/beside.h"
#include "engine/cli/ground.h"
#include "engine/store/db.h"

#define FIRST_PEOPLE 10 /* that are named */
#define BAR_WIDTH 28
#define LINE_EVERY 1000 /* contacts between two lines of progress, where there is no terminal */

struct filling {
	const struct cli *cli;
	const struct rule *rule;
	bool preview, json, bar;
	int64_t named;	   /* people kept for the sheet */
	int64_t told;	   /* contacts shown at the last line of progress */
	struct str people; /* the first ten, as rows of the sheet */
	struct str line;
};

/* ---- numbers ------------------------------------------------------------------ */

#define NUMBER_TEXT 32

/* 12,345 */
static const char *number(int64_t n, char out[NUMBER_TEXT])
{
	char digits[NUMBER_TEXT];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

/* ---- people -------------------------------------------------------------------- */

static void print_json(struct filling *f, const struct backfill_person *p)
{
	const struct issuance *is = p->is;
	char at[CLOCK_TEXT];

	str_clear(&f->line);
	str_addf(&f->line, "{\"rule\":\"%s\"", is->rule);
	str_add_member(&f->line, "contact", slice_of(is->contact));
	str_add_member(&f->line, "email", slice_or_none(p->email));
	str_add_member(&f->line, "name", slice_or_none(p->name));
	str_add_member(&f->line, "to", slice_or_none(slice_of(is->to)));
	str_add_member(&f->line, "at", slice_of(clock_format(is->at_ms, at)));
	if (f->preview)
		str_add_text(&f->line, ",\"id\":null");
	else
		str_addf(&f->line, ",\"id\":\"%lld\"", (long long)is->id);
	str_add_member(&f->line, "state", slice_of(issuance_state_names[is->state]));
	str_add_member(&f->line, "hold",
		       slice_of(is->state == STATE_HELD ? hold_names[is->hold] : NULL));
	str_add_member(&f->line, "reason", slice_or_none(slice_of(is->reason)));
	printf("%s}\n", str_text(&f->line));
}

static void add_padded(struct str *out, struct slice text, size_t width)
{
	struct str shown;
	size_t letters = 0;

	str_init(&shown, LIMIT_VALUE_BYTES);
	str_add_shown(&shown, text);
	const char *p = str_text(&shown), *end = p + shown.len;
	for (size_t n; p < end && (n = utf8_length(p, end)) > 0; p += n)
		letters++;
	str_add_slice(out, str_slice(&shown));
	for (; letters < width; letters++)
		str_add_char(out, ' ');
	str_release(&shown);
}

static void add_row(struct filling *f, const struct backfill_person *p)
{
	const struct issuance *is = p->is;
	char at[CLOCK_TEXT];

	str_addf(&f->people, "    %-10s ", is->contact);
	add_padded(&f->people, p->email.len ? p->email : slice_of("(no address)"), 28);
	str_add_char(&f->people, ' ');
	if (is->event == EVENT_PROPERTY_CHANGED)
		add_padded(&f->people, slice_of(is->to), 12);
	str_addf(&f->people, " since %.10s", clock_format(is->at_ms, at));
	if (is->state == STATE_HELD) {
		str_add_text(&f->people, "  held: ");
		str_add_shown(&f->people, slice_of(is->reason));
	}
	str_add_char(&f->people, '\n');
}

static void say(void *ctx, const struct backfill_person *person)
{
	struct filling *f = ctx;

	if (f->json)
		print_json(f, person);
	else if (f->named++ < FIRST_PEOPLE)
		add_row(f, person);
}

/* ---- progress, on stderr ---------------------------------------------------------- */

static int64_t written(const struct backfill_report *r)
{
	return r->of[BACKFILL_ISSUED] + r->of[BACKFILL_SHADOW] + r->of[BACKFILL_HELD];
}

/* Everyone of whom something is known. */
static int64_t judged(const struct backfill_report *r)
{
	int64_t n = 0;

	for (int i = 0; i < BACKFILL_OUTCOMES; i++)
		n += r->of[i];
	return n;
}

/* What the number of those who were written means. */
static const char *written_word(const struct filling *f)
{
	if (!f->preview)
		return "in the ledger";
	return f->rule->mode == MODE_SHADOW ? "would be recorded" : "would be issued";
}

static void draw_bar(const struct filling *f, const struct backfill_report *r)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT], bar[BAR_WIDTH + 1];
	int64_t done = judged(r), all = r->total > done ? r->total : done;
	int full = all ? (int)(done * BAR_WIDTH / all) : 0;

	if (!all) {
		fputs("  asking who is in question\033[K\r", stderr);
		return;
	}
	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	/* The cursor goes back to the start, where a line of the log takes the bar's place. */
	fprintf(stderr, "  [%s] %s of %s, %s %s\033[K\r", bar, number(done, a), number(all, b),
		number(written(r), c), written_word(f));
}

static void show_progress(struct filling *f, const struct backfill_report *r)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT];
	int64_t done = judged(r);

	if (f->bar) {
		draw_bar(f, r);
	} else if (done - f->told >= LINE_EVERY) {
		f->told = done;
		fprintf(stderr, "%s of %s looked at, %s %s\n", number(done, a),
			number(r->total > done ? r->total : done, b), number(written(r), c),
			written_word(f));
	}
}

/* ---- what came of it -------------------------------------------------------------- */

static const struct {
	const char *would, *done;
} words[BACKFILL_OUTCOMES] = {
	[BACKFILL_ISSUED] = { "would be issued", "planned" },
	[BACKFILL_SHADOW] = { "would be recorded in shadow", "recorded in shadow" },
	[BACKFILL_HELD] = { "would be held", "held" },
	[BACKFILL_KNOWN] = { "with one by this rule already, or decided", NULL },
	[BACKFILL_NO_MATCH] = { "not matching", NULL },
	[BACKFILL_NO_EMAIL] = { "without a valid e-mail address: a later backfill may find one",
				NULL },
	[BACKFILL_REPEAT] = { "with no further one allowed by repeat", NULL },
	[BACKFILL_LEFT] = { "left to the daemon: since the rule is active", NULL },
	[BACKFILL_CHANGED] = { "with another value by now", NULL },
	[BACKFILL_GONE] = { "deleted", NULL },
};

static const char *outcome_word(const struct filling *f, int outcome)
{
	return f->preview || !words[outcome].done ? words[outcome].would : words[outcome].done;
}

static void print_holds(const struct backfill_report *r)
{
	char n[NUMBER_TEXT];

	for (int h = HOLD_NONE + 1; h < HOLD_COUNT; h++)
		if (r->held[h])
			printf("            %8s  %s\n", number(r->held[h], n), hold_names[h]);
}

static void print_misses(struct filling *f, const struct backfill_report *r)
{
	char n[NUMBER_TEXT];

	for (size_t i = 0; i < r->misses; i++) {
		const struct backfill_miss *m = &r->miss[i];
		str_clear(&f->line);
		add_padded(&f->line, slice_of(m->what), 32);
		printf("            %8s  %s %s:%u\n", number(m->count, n), str_text(&f->line),
		       m->file, m->line);
	}
}

static void print_counts(struct filling *f, const struct backfill_report *r)
{
	char n[NUMBER_TEXT];

	printf("%s: %s in question\n", f->rule->name, number(judged(r), n));
	for (int i = 0; i < BACKFILL_OUTCOMES; i++) {
		if (!r->of[i])
			continue;
		printf("  %8s  %s\n", number(r->of[i], n), outcome_word(f, i));
		if (i == BACKFILL_HELD)
			print_holds(r);
		if (i == BACKFILL_NO_MATCH)
			print_misses(f, r);
	}
}

/* What a person does next. */
static void print_next(const struct filling *f, const struct backfill_report *r, bool daemon)
{
	const char *rule = f->rule->name;

	if (r->limited)
		printf("\nit ended at --limit: run it again to go on\n");
	if (f->preview && written(r))
		printf("\nnothing is written yet: 'hs2cert backfill %s --yes' does it\n", rule);
	if (f->preview)
		return;
	if (r->of[BACKFILL_ISSUED])
		printf("\n%s; 'hs2cert runs --rule %s' shows them\n",
		       daemon ? "the daemon issues them now" : "the next 'hs2cert run' issues them",
		       rule);
	if (r->held[HOLD_BRAKE])
		printf("look at some of them first; then 'hs2cert approve --rule %s' lets go on what the brake holds\n",
		       rule);
}

static void print_sheet(struct filling *f, const struct backfill_report *r, bool daemon)
{
	print_counts(f, r);
	if (f->people.len)
		printf("\n  %s\n%s", written(r) > FIRST_PEOPLE ? "first ten" : "who",
		       str_text(&f->people));
	print_next(f, r, daemon);
}

static void print_summary(struct filling *f, const struct backfill_report *r)
{
	struct str *out = &f->line;
	const char *comma = "";

	str_clear(out);
	str_addf(out, "{\"summary\":true,\"rule\":\"%s\",\"preview\":%s,\"limited\":%s",
		 f->rule->name, f->preview ? "true" : "false", r->limited ? "true" : "false");
	str_addf(out, ",\"in_question\":%lld", (long long)judged(r));
	for (int i = 0; i < BACKFILL_OUTCOMES; i++)
		str_addf(out, ",\"%s\":%lld", backfill_outcome_names[i], (long long)r->of[i]);
	str_add_text(out, ",\"held_by\":{");
	for (int h = HOLD_NONE + 1; h < HOLD_COUNT; h++) {
		if (!r->held[h])
			continue;
		str_addf(out, "%s\"%s\":%lld", comma, hold_names[h], (long long)r->held[h]);
		comma = ",";
	}
	str_add_text(out, "},\"no_match_by\":[");
	for (size_t i = 0; i < r->misses; i++) {
		str_addf(out, "%s{\"count\":%lld", i ? "," : "", (long long)r->miss[i].count);
		str_add_member(out, "test", slice_or_none(slice_of(r->miss[i].what)));
		str_add_member(out, "file", slice_or_none(slice_of(r->miss[i].file)));
		str_addf(out, ",\"line\":%u}", r->miss[i].line);
	}
	printf("%s]}\n", str_text(out));
}

/* ---- the run ------------------------------------------------------------------------ */

static volatile sig_atomic_t interrupted;

static void interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* Ends between two transactions, with a word about it. */
static void watch_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

#define LONGEST_TURN_MS 500 /* a signal that comes between two turns is seen after this */

static enum rc run_to_its_end(struct ground *g, struct backfill *b, struct filling *f,
			      struct err *err)
{
	bool done = false;
	enum rc rc = RC_OK;

	while (rc == RC_OK && !done && !interrupted) {
		rc = backfill_step(b, &done, err);
		int64_t wake = backfill_wake_ms(b), now = g->world.mono_ms(g->world.ctx);
		int64_t wait = wake <= now		      ? 0
			       : wake - now > LONGEST_TURN_MS ? LONGEST_TURN_MS
							      : wake - now;
		show_progress(f, backfill_report(b));
		if (rc == RC_OK && !done)
			rc = net_turn(g->net, wait, err);
	}
	if (f->bar)
		fputs("\r\033[K", stderr);
	if (rc == RC_OK && !done)
		rc = err_set(err, RC_REFUSED, "interrupted");
	return rc;
}

static const char *state_of(const struct cli *cli)
{
	return cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db");
}

/* It did not come to its end: what is said must not be taken for the whole. */
static int fail(const struct filling *f, const struct backfill_report *r, const struct err *err)
{
	char n[NUMBER_TEXT];

	if (f->preview || !written(r))
		return cli_fail(f->cli, "%s: nothing is written", err->text);
	return cli_fail(f->cli, "%s: %s are in the ledger; run it again to go on from there",
			err->text, number(written(r), n));
}

static int fill(struct ground *g, struct table *table, struct filling *f, int64_t limit)
{
	struct err err;
	char numeric[32];
	struct backfill_choice choice = { .who = beside_who(numeric),
					  .preview = f->preview,
					  .limit = limit,
					  .passed = BACKFILL_PASSED,
					  .say = say,
					  .ctx = f };
	struct backfill *b = backfill_new(&g->world, table, f->rule, &choice);
	enum rc rc = run_to_its_end(g, b, f, &err);
	const struct backfill_report *r = backfill_report(b);
	bool daemon = !f->preview && written(r) && beside_nudge(state_of(f->cli));
	int status = EXIT_FINE;

	if (rc != RC_OK)
		status = fail(f, r, &err);
	else if (f->json)
		print_summary(f, r);
	else
		print_sheet(f, r, daemon);
	backfill_free(b);
	return status;
}

static int with_rules(struct ground *g, struct table *table)
{
	const struct cli *cli = g->cli;
	int64_t limit = INT64_MAX;
	struct filling f = { .cli = cli,
			     .rule = table_rule(table, cli->operand[0]),
			     .preview = !cli_has(cli, "yes"),
			     .json = cli_has(cli, "json"),
			     .bar = isatty(STDERR_FILENO) == 1 };

	if (!f.rule)
		return ground_unknown_rule(cli, table, cli->operand[0]);
	if (!cli_number(cli, "limit", 1, 1000000000, &limit))
		return EXIT_USAGE;
	str_init(&f.people, 1u << 20);
	str_init(&f.line, 1u << 20);
	watch_signals();
	int status = fill(g, table, &f, limit);
	str_release(&f.people);
	str_release(&f.line);
	return status;
}

static int backfill_run(const struct cli *cli)
{
	struct ground g;
	struct table *table = NULL;
	struct err err;
	int status = ground_open(&g, cli, LOG_WARN);

	if (status == EXIT_FINE && db_open(state_of(cli), DB_SHARE, &g.world.db, &err) != RC_OK)
		status = cli_fail(cli, "%s", err.text);
	if (status == EXIT_FINE)
		status = ground_rules_in_force(&g, &table);
	if (status == EXIT_FINE)
		status = with_rules(&g, table);
	table_unref(table);
	db_close(g.world.db);
	ground_close(&g);
	return status;
}

static const struct cli_option options[] = {
	{ "yes", NULL, "do it; without this, what would be done is shown" },
	{ "limit", "N", "end after N of them; run it again to go on" },
	CLI_OPTION_JSON,
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	GROUND_OPTION_TIMEZONE_IN_FORCE,
	GROUND_OPTION_LOG_FORMAT,
	GROUND_OPTION_LOG_LEVEL_WARN,
	CLI_OPTION_END,
};

static const struct cli_words option_words[] = {
	GROUND_WORDS,
	CLI_WORDS_END,
};

const struct cli_command command_backfill = {
	.name = "backfill",
	.summary = "issue for those who already qualify, after a preview",
	.operands = "RULE",
	.min_operands = 1,
	.max_operands = 1,
	.option = options,
	.words = option_words,
	.run = backfill_run,
	.more = "A rule counts from its activation on. This issues for those from before: the members of its\n"
		"list, or who has a value that its 'to' names. The event is the joining, or the last change into\n"
		"the value, so 'from' is what was before that; filters are judged as the contact is now. Whoever\n"
		"was given one by this rule for that value or list, also under an id that was merged, gets no\n"
		"second one; what happened since the activation is left to the daemon. What it saw is kept for\n"
		"'hs2cert why', of those who were passed over for the first 10,000 of a run.\n\n"
		"Of what backfills of a rule make within the span of its brake, as many as the brake allows go\n"
		"out; the rest is held for 'hs2cert approve'. Works beside a running daemon, which issues at\n"
		"once, and without one: then the next 'hs2cert run' issues. Ended at any moment it can be run\n"
		"again, and goes on without doubles. Where HubSpot is away it is asked five times, which takes some\n"
		"10 seconds, or minutes where it keeps us waiting or says how long to wait. 0 done or shown; 3 could\n"
		"not run, or HubSpot could not be read, or Ctrl-C: then what is said to be in the ledger is, and\n"
		"nothing else.",
};

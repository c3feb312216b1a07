/*
 * approve, retry, resend, drop - what a person does with issuances that need
 * one: engine/act.h, from the command line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/act.h"
#include "engine/cli/beside.h"
#include "engine/cli/ground.h"
#include "engine/record.h"

/* The words of what was done, and would be. */
static const struct {
	const char *done, *would;
} words[ACT_COUNT] = {
	[ACT_APPROVE] = { "approved", "would approve" },
	[ACT_RETRY] = { "retried", "would retry" },
	[ACT_RESEND] = { "to be sent again", "would send again" },
	[ACT_DROP] = { "dropped", "would drop" },
};

struct acting {
	const struct cli *cli;
	enum act act;
	bool dry_run, json;
	size_t done, unchanged, absent;
};

/* ---- what is said ------------------------------------------------------------ */

static const char *result_word(const struct acting *a, const struct act_result *r)
{
	return r->outcome == ACT_DONE ? a->dry_run ? "would" : "done" : "unchanged";
}

static void add_json(struct str *out, const struct acting *a, const struct act_result *r)
{
	const struct issuance *is = r->is;

	str_addf(out, "{\"id\":\"%lld\"", (long long)is->id);
	str_add_member(out, "act", slice_of(act_names[a->act]));
	str_add_member(out, "result", slice_of(result_word(a, r)));
	str_add_member(out, "rule", slice_of(is->rule));
	str_add_member(out, "contact", slice_of(is->contact));
	str_add_member(out, "state", slice_of(issuance_state_names[is->state]));
	str_add_member(out, "hold",
		       slice_of(is->state == STATE_HELD ? hold_names[is->hold] : NULL));
	str_add_member(out, "to", slice_of(issuance_state_names[r->to]));
	str_addf(out, ",\"planned_anew\":%s", r->replan ? "true" : "false");
	str_add_member(out, "reason", slice_of(r->why));
	str_add_text(out, "}\n");
}

static void add_move(struct str *out, const struct act_result *r)
{
	const char *hold = r->is->state == STATE_HELD ? hold_names[r->is->hold] : NULL;

	str_addf(out, "%s%s%s%s", issuance_state_names[r->is->state], hold ? " (" : "",
		 hold ? hold : "", hold ? ")" : "");
	if (r->outcome == ACT_UNCHANGED)
		str_addf(out, ": %s", r->why);
	else
		str_addf(out, " -> %s%s%s",
			 r->replan ? "planned anew at the next look" : issuance_state_names[r->to],
			 r->why ? ": " : "", r->why ? r->why : "");
}

static void add_row(struct str *out, const struct acting *a, const struct act_result *r)
{
	const char *word = r->outcome == ACT_UNCHANGED ? "unchanged"
			   : a->dry_run		       ? words[a->act].would
						       : words[a->act].done;

	str_addf(out, "%-6lld %-16s ", (long long)r->is->id, word);
	str_addf(out, "%-22s contact %-8s ", r->is->rule, r->is->contact);
	add_move(out, r);
	str_add_char(out, '\n');
}

static void say(void *ctx, const struct act_result *r)
{
	struct acting *a = ctx;
	struct str out;

	if (r->outcome == ACT_ABSENT) {
		a->absent++;
		fprintf(stderr, "there is no issuance '%lld': 'hs2cert runs' lists them\n",
			(long long)r->is->id);
		return;
	}
	if (r->outcome == ACT_DONE)
		a->done++;
	else
		a->unchanged++;
	str_init(&out, 1u << 20);
	if (a->json)
		add_json(&out, a, r);
	else
		add_row(&out, a, r);
	fwrite(str_text(&out), 1, out.len, stdout);
	str_release(&out);
}

/* ---- which ------------------------------------------------------------------- */

static bool id_of(const struct cli *cli, const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	if (!*end && end != text && !errno && *out > 0)
		return true;
	cli_usage(cli, "'%s' is no id of an issuance: 'hs2cert runs' lists them", text);
	return false;
}

/* Ids, or a selection; never both, and never everything without being told so. */
static bool choose(const struct cli *cli, int64_t *id, struct act_choice *out)
{
	bool selects = cli_value(cli, "rule") || cli_value(cli, "state-is") ||
		       cli_value(cli, "hold") || cli_has(cli, "all");

	int unused;

	if (!cli_word_of(cli, "state-is", issuance_state_names, STATE_COUNT, &unused) ||
	    !cli_word_of(cli, "hold", hold_names + 1, HOLD_COUNT - 1, &unused))
		return false;
	if (selects == (cli->operands > 0)) {
		cli_usage(
			cli,
			selects ? "ids and a selection exclude each other"
				: "which? name ids, or select: --rule, --state-is, --hold, --all");
		return false;
	}
	for (size_t i = 0; i < cli->operands; i++)
		if (!id_of(cli, cli->operand[i], &id[i]))
			return false;
	*out = (struct act_choice){ id, cli->operands, cli_value(cli, "rule"),
				    cli_value(cli, "state-is"), cli_value(cli, "hold") };
	return true;
}

/* ---- the act ------------------------------------------------------------------ */

/* EXIT_FINE, or after a message what it is for a rule that is neither in force nor was. */
static int look_for_rule(const struct cli *cli, struct db *db, const char *rule)
{
	struct ruleset set = { 0 };
	struct arena memory;
	struct err err;
	int status = EXIT_FINE;
	int64_t id = record_newest(db);

	if (!id || db_exists(db, "SELECT 1 FROM issuance WHERE rule = ?1", "t", rule))
		return EXIT_FINE;
	arena_init(&memory);
	if (ruleset_open(db, id, &memory, &set, &err) == RC_OK && !table_rule(set.table, rule))
		status = ground_unknown_rule(cli, set.table, rule);
	ruleset_release(&set);
	arena_release(&memory);
	return status;
}

static int conclude(const struct acting *a, size_t found)
{
	if (found == 0)
		fprintf(stderr, "nothing to %s\n", act_names[a->act]);
	else if (!a->json)
		fprintf(stderr, "%zu %s, %zu unchanged\n", a->done,
			a->dry_run ? words[a->act].would : words[a->act].done, a->unchanged);
	return a->done + a->unchanged ? EXIT_FINE : EXIT_FINDINGS;
}

static int act_on(const struct cli *cli, enum act act, struct db *db,
		  const struct act_choice *choice)
{
	struct acting a = { .cli = cli,
			    .act = act,
			    .dry_run = cli_has(cli, "dry-run"),
			    .json = cli_has(cli, "json") };
	struct timespec now;
	char numeric[32];
	size_t found = 0;
	struct err err;

	clock_gettime(CLOCK_REALTIME, &now);
	struct act_by by = { beside_who(numeric),
			     (int64_t)now.tv_sec * MS_SECOND + now.tv_nsec / 1000000, a.dry_run };
	if (act_do(db, act, choice, &by, say, &a, &found, &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	int status = found || !choice->rule ? EXIT_FINE : look_for_rule(cli, db, choice->rule);
	return status == EXIT_FINE ? conclude(&a, found) : status;
}

static int run(const struct cli *cli, enum act act)
{
	int64_t id[CLI_MAX_OPERANDS];
	struct act_choice choice;
	struct db *db;
	struct err err;
	const char *state = cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db");

	if (!choose(cli, id, &choice))
		return EXIT_USAGE;
	if (db_open(state, DB_SHARE, &db, &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	int status = act_on(cli, act, db, &choice);
	db_close(db);
	if (!cli_has(cli, "dry-run"))
		(void)beside_nudge(state);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_STATE,
	{ "rule", "R", "all of this rule that the command can move" },
	{ "state-is", "S", "all in this state" },
	{ "hold", "K",
	  "all held by: brake, missing-email, required, field, filter-limit, plan, group, restored, account" },
	{ "all", NULL, "all that the command can move" },
	{ "dry-run", NULL, "say what would be done, do nothing" },
	CLI_OPTION_JSON,
	CLI_OPTION_END,
};

#define BESIDE                                                                                          \
	"Ids are those of 'hs2cert runs'. Works beside a running daemon, which goes on at once, and\n"  \
	"without one. Each change is recorded with who did it: 'hs2cert runs show ID'. Exit status 1\n" \
	"where nothing is found."
#define TWICE "Doing it twice changes nothing the second time.\n"

static int approve(const struct cli *cli)
{
	return run(cli, ACT_APPROVE);
}

static int retry(const struct cli *cli)
{
	return run(cli, ACT_RETRY);
}

static int resend(const struct cli *cli)
{
	return run(cli, ACT_RESEND);
}

static int drop(const struct cli *cli)
{
	return run(cli, ACT_DROP);
}

static const struct cli_words option_words[] = {
	{ "state-is", issuance_state_names, STATE_COUNT },
	{ "hold", hold_names + 1, HOLD_COUNT - 1 },
	CLI_WORDS_END,
};

const struct cli_command command_approve = {
	.name = "approve",
	.summary = "let go on what the brake holds",
	.operands = "[ID…]",
	.max_operands = CLI_MAX_OPERANDS,
	.option = options,
	.words = option_words,
	.run = approve,
	.more = TWICE BESIDE,
};

const struct cli_command command_retry = {
	.name = "retry",
	.summary = "try again what is held or was refused",
	.operands = "[ID…]",
	.max_operands = CLI_MAX_OPERANDS,
	.option = options,
	.words = option_words,
	.run = retry,
	.more = "Where nothing was created yet, or its draft was removed, the contact is looked at and the fields\n"
		"are rendered anew, by the rule that is in force then; filters are not judged again. A draft goes on\n"
		"as it is. Either way 'repeat' is asked again: where another was issued meanwhile, it is skipped.\n\n" TWICE
			BESIDE,
};

const struct cli_command command_resend = {
	.name = "resend",
	.summary = "send again what may not have been mailed",
	.operands = "[ID…]",
	.max_operands = CLI_MAX_OPERANDS,
	.option = options,
	.words = option_words,
	.run = resend,
	.more = "A selection takes what is send-unknown; an issuance that was sent is sent again where it is\n"
		"named by its id. Look at Certifier's dashboard first: this mails the person, and once more each time that it is\n"
		"asked for after the last mail left, which beside a daemon is at once.\n\n" BESIDE,
};

const struct cli_command command_drop = {
	.name = "drop",
	.summary = "give up what is not sent yet",
	.operands = "[ID…]",
	.max_operands = CLI_MAX_OPERANDS,
	.option = options,
	.words = option_words,
	.run = drop,
	.more = "What was created at Certifier stays there. What was sent before, and is to be sent again, is sent\n"
		"as it was: the second mail is given up.\n\n" TWICE BESIDE,
};

/*
 * forget - erases a person from the state: engine/forget.h, from the command line.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "engine/cli/beside.h"
#include "engine/cli/cli.h"
#include "engine/forget.h"

/* A daemon beside waits while the state is written anew: no longer than this takes. */
#define BESIDE_MOST (256 * INT64_C(1024) * 1024)
#define SEED_BYTES 32

struct run {
	const struct cli *cli;
	const char *state;
	struct db *db;
	struct arena memory;
	struct str out;
	bool dry_run, json;
};

/* ---- what is said --------------------------------------------------------------------- */

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void add_ids(struct str *out, const struct forget_report *r)
{
	for (size_t i = 1; i < r->ids; i++)
		str_addf(out, "%s%s", i == 1 ? ", before also " : ", ", r->id[i]);
}

static void add_counts(struct run *r, const struct forget_report *f)
{
	str_addf(&r->out, "%s %lld issuance%s, %lld event%s, %lld decision%s, %lld orphan%s\n",
		 r->dry_run ? "would erase" : "erased", (long long)f->issuances,
		 plural(f->issuances), (long long)f->events, plural(f->events),
		 (long long)f->decisions, plural(f->decisions), (long long)f->orphans,
		 plural(f->orphans));
	if (f->dropped)
		str_addf(&r->out, "%lld of them held or refused: dropped, for ever\n",
			 (long long)f->dropped);
	if (f->waiting)
		str_addf(&r->out, "%lld change%s waited to be decided: nothing comes of %s\n",
			 (long long)f->waiting, plural(f->waiting),
			 f->waiting == 1 ? "it" : "them");
	if (f->unknown)
		str_addf(&r->out,
			 "%lld may have been mailed: look at Certifier, then 'hs2cert resend' or "
			 "'hs2cert drop'\n",
			 (long long)f->unknown);
	if (f->strays)
		str_addf(&r->out,
			 "%lld create%s repeated: look at Certifier whether a draft is left\n",
			 (long long)f->strays, f->strays == 1 ? " was" : "s were");
}

static void add_midway(struct run *r, const struct forget_report *f)
{
	for (size_t i = 0; i < f->midways; i++) {
		const struct forget_midway *m = &f->midway[i];
		bool rests = !m->sweep && strcmp(m->state, "creating") != 0 &&
			     strcmp(m->state, "issuing") != 0 && strcmp(m->state, "sending") != 0;
		str_addf(&r->out, "issuance %lld of %s is %s: ", (long long)m->issuance, m->rule,
			 m->sweep ? "being tidied up" : m->state);
		if (m->restored)
			str_add_text(
				&r->out,
				"its account is restored: 'hs2cert reconcile' first, it may be issued already\n");
		else if (rests)
			str_addf(&r->out, "wait until it is done, or 'hs2cert drop %lld' first\n",
				 (long long)m->issuance);
		else
			str_add_text(&r->out,
				     "wait until that has ended, which 'hs2cert run' finds out\n");
	}
}

static void add_text(struct run *r, const struct person *p, const struct forget_report *f)
{
	str_addf(&r->out, "contact %s of %s", p->contact, p->account);
	add_ids(&r->out, f);
	str_add_char(&r->out, '\n');
	if (f->midways) {
		add_midway(r, f);
		str_add_text(&r->out, "nothing was changed\n");
	} else {
		add_counts(r, f);
	}
}

static void add_json(struct run *r, const struct person *p, const struct forget_report *f)
{
	struct str *out = &r->out;

	str_add_text(out, "{\"account\":");
	str_add_json(out, slice_of(p->account));
	str_add_text(out, ",\"contact\":");
	str_add_json(out, slice_of(p->contact));
	str_add_text(out, ",\"before\":[");
	for (size_t i = 1; i < f->ids; i++) {
		str_add_text(out, i > 1 ? "," : "");
		str_add_json(out, slice_of(f->id[i]));
	}
	str_addf(out, "],\"result\":\"%s\"", f->midways ? "midway" : r->dry_run ? "would" : "done");
	str_addf(
		out,
		",\"issuances\":%lld,\"dropped\":%lld,\"events\":%lld,\"decisions\":%lld,"
		"\"waiting\":%lld,\"orphans\":%lld,\"strays\":%lld,\"send_unknown\":%lld,\"midway\":[",
		(long long)f->issuances, (long long)f->dropped, (long long)f->events,
		(long long)f->decisions, (long long)f->waiting, (long long)f->orphans,
		(long long)f->strays, (long long)f->unknown);
	for (size_t i = 0; i < f->midways; i++)
		str_addf(out, "%s\"%lld\"", i ? "," : "", (long long)f->midway[i].issuance);
	str_add_text(out, "]}\n");
}

/* ---- the command ------------------------------------------------------------------------ */

/* Whom the operand means; one, or none after a message with the exit status. */
static const struct person *choose(struct run *r, const char *who, int *status)
{
	const char *account = cli_value(r->cli, "account");
	const struct person *found = NULL;
	struct person *all;
	size_t n = person_find(r->db, who, true, &r->memory, &all), fit = 0;

	for (size_t i = 0; i < n; i++) {
		if (account && strcmp(all[i].account, account) != 0)
			continue;
		found = &all[i];
		fit++;
	}
	*status = EXIT_FINDINGS;
	if (fit == 1)
		return found;
	fprintf(stderr, fit ? "that is more than one person: name one by id, with --account\n"
			    : "nobody like that is on record\n");
	for (size_t i = 0; fit && i < n; i++)
		fprintf(stderr, "    %s --account %s\n", all[i].contact, all[i].account);
	return NULL;
}

static int scrub(struct run *r)
{
	struct err err;

	if (db_scrub(r->db, &err) == RC_OK)
		return EXIT_FINE;
	return cli_fail(r->cli,
			"erased, but traces may be left in the file and its log: %s; run it again",
			err.text);
}

static int forget(struct run *r, const char *who)
{
	unsigned char seed[SEED_BYTES];
	struct forget_report report;
	struct timespec now;
	char numeric[32];
	struct err err;
	int status;
	const struct person *person = choose(r, who, &status);

	if (!person)
		return status;
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return cli_fail(r->cli, "the system gives no random numbers");
	clock_gettime(CLOCK_REALTIME, &now);
	struct forget_by by = { beside_who(numeric),
				(int64_t)now.tv_sec * MS_SECOND + now.tv_nsec / 1000000,
				{ (const char *)seed, sizeof(seed) },
				r->dry_run };
	const char *email = strchr(who, '@') ? who : NULL;
	if (forget_do(r->db, person, email, &by, &r->memory, &report, &err) != RC_OK)
		return cli_fail(r->cli, "%s", err.text);
	if (r->json)
		add_json(r, person, &report);
	else
		add_text(r, person, &report);
	fwrite(str_text(&r->out), 1, r->out.len, stdout);
	if (report.midways)
		return EXIT_FINDINGS;
	return r->dry_run ? EXIT_FINE : scrub(r);
}

static bool too_large_beside(const struct run *r)
{
	struct db_files files;
	struct err ignored;

	return db_owner(r->state) && db_look(r->state, &files, &ignored) == RC_OK &&
	       files.bytes > BESIDE_MOST;
}

static int forget_run(const struct cli *cli)
{
	struct run r = { .cli = cli,
			 .state = cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db"),
			 .dry_run = cli_has(cli, "dry-run"),
			 .json = cli_has(cli, "json") };
	struct err err;

	if (!r.dry_run && too_large_beside(&r))
		return cli_fail(cli, "the state is large, and is written anew for this: "
				     "stop the daemon first");
	if (db_open(r.state, DB_SHARE, &r.db, &err) != RC_OK)
		return cli_fail(cli, "%s", err.text);
	arena_init(&r.memory);
	str_init(&r.out, 1u << 26);
	int status = forget(&r, cli->operand[0]);
	str_release(&r.out);
	arena_release(&r.memory);
	db_close(r.db);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_STATE,
	{ "account", "NAME", "the HubSpot account, where the id is in several" },
	{ "dry-run", NULL, "say what would be done, do nothing" },
	CLI_OPTION_JSON,
	CLI_OPTION_END,
};

const struct cli_command command_forget = {
	.name = "forget",
	.summary = "erase a person, keep what prevents a second issue",
	.operands = "ID|EMAIL",
	.min_operands = 1,
	.max_operands = 1,
	.option = options,
	.run = forget_run,
	.more = "Names, addresses, values, fields and public pages of the contact are erased from the state, its\n"
		"free space and its log. Ids, times and digests stay, so that nothing is issued a second time.\n"
		"Nothing is changed at HubSpot or Certifier: delete the person there first, else what HubSpot\n"
		"tells later is kept again. Copies of the state keep what they hold. Works beside a running\n"
		"daemon, and without one. 0 done; 1 nobody is found, or something is under way: it is named;\n"
		"3 could not.",
};

/*
 * pull - the names of the connected accounts into rules.d/hs2cert.lock.
 *
 * The file is replaced whole or not at all, and left alone where it says what
 * the accounts say. Rules need not be right for it, only accounts.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "dsl/lock.h"
#include "engine/cli/names.h"

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct pull {
	struct ground ground;
	struct sources sources;
	struct diags diags;
	struct lock was;
	enum lock_state state;
	const char *path;    /* of the lock file */
	const char *account; /* whose changes were printed last */
	bool json, colour;
	struct str out;
};

/* ---- what has changed ----------------------------------------------------------- */

static const char *const became_words[] = {
	[LOCK_NEW] = "new",	    [LOCK_GONE] = "gone",     [LOCK_RENAMED] = "renamed",
	[LOCK_RETYPED] = "retyped", [LOCK_HIDDEN] = "hidden", [LOCK_SHOWN] = "shown",
	[LOCK_OPENED] = "opened",   [LOCK_CLOSED] = "closed",
};

static void add_json(struct pull *p, const struct lock_change *c)
{
	bool account = c->kind == LOCK_KINDS;

	str_addf(&p->out, "{\"change\":\"%s\"", became_words[c->became]);
	str_add_member(&p->out, "account", slice_of(c->account));
	str_add_member(&p->out, "kind", slice_of(account ? "account" : lock_thing_names[c->kind]));
	str_add_member(&p->out, "key", slice_of(c->key));
	str_add_member(&p->out, "option", slice_of(c->option));
	str_add_member(&p->out, "was", slice_of(c->was));
	str_add_member(&p->out, "now", slice_of(c->now));
	str_add_text(&p->out, "}\n");
}

static void paint(struct pull *p, const char *colour)
{
	if (p->colour)
		str_add_text(&p->out, colour);
}

static void add_change(struct pull *p, const struct lock_change *c)
{
	bool more = c->became == LOCK_NEW || c->became == LOCK_SHOWN;
	bool less = c->became == LOCK_GONE || c->became == LOCK_HIDDEN;

	if (!p->account || strcmp(p->account, c->account) != 0) {
		paint(p, BOLD);
		str_addf(&p->out, "%s\n", c->account);
		paint(p, PLAIN);
	}
	p->account = c->account;
	paint(p, more ? GREEN : less ? RED : YELLOW);
	str_addf(&p->out, "  %s ", more ? "+" : less ? "-" : "~");
	lock_change_words(c, &p->out);
	paint(p, PLAIN);
	str_add_char(&p->out, '\n');
}

static void told(void *ctx, const struct lock_change *c)
{
	struct pull *p = ctx;

	if (p->json)
		add_json(p, c);
	else
		add_change(p, c);
}

/* ---- what there is ----------------------------------------------------------------- */

static void add_counts(struct pull *p, const struct lock *now)
{
	for (size_t i = 0; i < now->n_account; i++) {
		const struct lock_account *a = &now->account[i];
		const char *before = ": ";
		str_addf(&p->out, "%s", a->name);
		for (size_t k = 0; k < LOCK_KINDS; k++) {
			size_t count = a->section[k].count;
			if (!lock_has_kind(a->type, (enum lock_kind)k))
				continue;
			str_addf(&p->out, "%s%zu %s", before, count,
				 count == 1 ? lock_thing_names[k] : lock_kind_names[k]);
			before = ", ";
		}
		str_add_char(&p->out, '\n');
	}
}

static void add_conclusion(struct pull *p, const struct lock *now, size_t changes, bool check)
{
	static const char *const found[] = {
		[LOCK_ABSENT] = "is not there yet",
		[LOCK_READ] = "is behind the accounts",
		[LOCK_DAMAGED] = "is damaged",
	};

	if (p->json)
		return;
	add_counts(p, now);
	if (!changes)
		str_addf(&p->out, "%s is up to date\n", p->path);
	else if (check)
		str_addf(&p->out, "%s %s: run 'hs2cert pull'\n", p->path, found[p->state]);
	else
		str_addf(&p->out, "%s written; next: hs2cert validate\n", p->path);
}

/* ---- the file ------------------------------------------------------------------------ */

static enum rc write_lock(const struct pull *p, const struct lock *now, struct err *err)
{
	struct str text;
	enum rc rc;

	str_init(&text, LIMIT_RULE_FILE_BYTES);
	lock_write(now, &text);
	if (text.overflow)
		rc = err_set(err, RC_INVALID, "the names of these accounts fill more than %u bytes",
			     LIMIT_RULE_FILE_BYTES);
	else
		rc = file_write(p->path, str_slice(&text), err);
	str_release(&text);
	return rc;
}

static int compare(struct pull *p, const struct lock *now)
{
	bool check = cli_has(p->ground.cli, "check");
	size_t changes = lock_diff(&p->was, now, told, p);
	struct err err;

	/* A damaged file, or none, is written also where there is nothing to say. */
	changes += p->state != LOCK_READ;
	if (changes && !check && write_lock(p, now, &err) != RC_OK)
		return cli_fail(p->ground.cli, "%s", err.text);
	add_conclusion(p, now, changes, check);
	fwrite(str_text(&p->out), 1, p->out.len, stdout);
	return changes && check ? EXIT_FINDINGS : EXIT_FINE;
}

/* ---- the rules ------------------------------------------------------------------------- */

/* What is wrong with the old lock is no obstacle: it is written anew. */
static void read_old(struct pull *p)
{
	struct diags ignored;

	diags_init(&ignored);
	p->state = lock_read(&p->sources, &ignored, &p->was);
	if (p->state == LOCK_DAMAGED) {
		lock_release(&p->was);
		fprintf(stderr, "hs2cert pull: %s is damaged%s\n", p->path,
			cli_has(p->ground.cli, "check") ? "" : ", and is written anew");
	}
	diags_release(&ignored);
}

static void print_faults(const struct pull *p)
{
	struct str text;

	str_init(&text, SIZE_MAX / 4);
	for (size_t i = 0; i < p->diags.count; i++)
		diag_print_text(&p->sources, &p->diags.list[i], cli_colour(STDERR_FILENO), &text);
	fputs(str_text(&text), stderr);
	str_release(&text);
}

/* The file that was read, else the one that is to be. */
static const char *lock_path(struct pull *p)
{
	struct slice folder = slice_of(p->ground.rules);

	for (size_t i = 0; i < p->sources.count; i++)
		if (p->sources.file[i].lock)
			return p->sources.file[i].path;
	while (folder.len > 1 && folder.ptr[folder.len - 1] == '/')
		folder.len--;
	return arena_printf(&p->sources.memory, "%.*s/%s", SLICE_FMT(folder), LOCK_FILE);
}

/* A lock that is too large is written anew, like any other that cannot be read. */
static void forgive_lock(struct pull *p)
{
	for (size_t i = 0; i < p->sources.count; i++)
		if (p->sources.file[i].refused && !p->sources.file[i].lock)
			return;
	diags_release(&p->diags);
	diags_init(&p->diags);
}

static int with_ground(struct pull *p)
{
	struct names_round *round = NULL;
	struct err err;

	if (sources_add_path(&p->sources, p->ground.rules, &p->diags, &err) != RC_OK)
		return cli_fail(p->ground.cli, "%s", err.text);
	forgive_lock(p);
	p->path = lock_path(p);
	struct table *table = table_build_accounts(&p->sources, &p->diags);
	if (!table) {
		print_faults(p);
		return EXIT_FINDINGS;
	}
	int status = names_fetch(&p->ground, table, &round);
	if (status == EXIT_FINE) {
		read_old(p);
		status = compare(p, names_round_lock(round));
	}
	names_round_free(round);
	table_unref(table);
	return status;
}

static int pull_run(const struct cli *cli)
{
	struct pull p = { .json = cli_has(cli, "json") };
	int status = ground_open(&p.ground, cli, LOG_WARN);

	p.colour = !p.json && cli_colour(STDOUT_FILENO);
	sources_init(&p.sources);
	diags_init(&p.diags);
	lock_init(&p.was);
	str_init(&p.out, SIZE_MAX / 4);
	if (status == EXIT_FINE)
		status = with_ground(&p);
	str_release(&p.out);
	lock_release(&p.was);
	diags_release(&p.diags);
	sources_release(&p.sources);
	ground_close(&p.ground);
	return status;
}

static const struct cli_option options[] = {
	CLI_OPTION_RULES,
	{ "check", NULL, "write nothing; exit 1 where the file is behind the accounts" },
	CLI_OPTION_JSON,
	CLI_OPTION_STATE,
	GROUND_OPTION_LOG_FORMAT,
	GROUND_OPTION_LOG_LEVEL_WARN,
	CLI_OPTION_END,
};

const struct cli_command command_pull = {
	.name = "pull",
	.summary = "fetch the names of properties, lists, groups and attributes",
	.operands = "",
	.option = options,
	.run = pull_run,
	.more = "Asks the accounts in the rules folder which names they have, and keeps them in its file\n"
		"hs2cert.lock: commit it beside the rules. With it, validate, run and reload know every\n"
		"property, option, list, group and attribute, without network and without secrets. What has\n"
		"changed since the last pull is printed. Only reads; nothing of any contact is asked for.\n"
		"0 fine; 1 with --check: the file is behind, or the accounts in the rules are not valid;\n"
		"3 an account could not be read: the file is as it was.",
};

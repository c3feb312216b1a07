/*
 * schema - the rule language as a JSON Schema, for editors.
 */
#include <stdio.h>
#include <string.h>

#include "dsl/build.h"
#include "dsl/schema.h"
#include "dsl/table.h"
#include "engine/cli/cli.h"
#include "engine/issuance.h"

static void open_account(struct lock_account *a)
{
	for (size_t kind = 0; kind < LOCK_KINDS; kind++) {
		a->section[kind].more = true;
		for (size_t i = 0; i < a->section[kind].count; i++)
			a->section[kind].entry[i].open = true;
	}
}

/* What an account of the rules has that was never pulled is not known: nothing of its type is closed. */
static void open_what_is_not_pulled(const struct sources *sources, struct diags *diags,
				    struct lock *lock)
{
	size_t rules;
	struct table *table = table_build(sources, diags, &rules);

	for (size_t i = 0; table && i < table->n_account; i++) {
		const struct account *a = &table->account[i];
		if (lock_account(lock, a->name))
			continue;
		for (size_t k = 0; k < lock->n_account; k++)
			if (strcmp(lock->account[k].type, a->type) == 0)
				open_account(&lock->account[k]);
	}
	table_unref(table);
}

/* The lock of the rules folder. A folder that is not there has none, unless it was asked for. */
static int read_lock(const struct cli *cli, struct lock *lock, enum lock_state *state)
{
	const char *folder = cli_value_or(cli, "rules", "HS2CERT_RULES", "rules.d");
	struct sources sources;
	struct diags diags;
	struct err err;
	int status = EXIT_FINE;

	sources_init(&sources);
	diags_init(&diags);
	if (sources_add_path(&sources, folder, &diags, &err) == RC_OK) {
		*state = lock_read(&sources, &diags, lock);
		if (*state == LOCK_READ)
			open_what_is_not_pulled(&sources, &diags, lock);
	} else if (cli_has(cli, "rules")) {
		status = cli_fail(cli, "%s", err.text);
	}
	if (*state == LOCK_DAMAGED)
		status = cli_fail(
			cli, "%s/" LOCK_FILE " is damaged: 'hs2cert validate' tells where", folder);
	diags_release(&diags);
	sources_release(&sources);
	return status;
}

static void print_schema(const struct cli *cli, const struct lock *lock)
{
	const char *states[STATE_COUNT + 1] = { 0 };
	const struct schema_ground ground = { lock, states };
	struct str out;

	for (size_t i = 0; i < STATE_COUNT; i++)
		states[i] = issuance_state_names[i];
	struct json *schema = cli_has(cli, "tests") ? schema_tests(&ground) : schema_rules(&ground);
	str_init(&out, SIZE_MAX / 4);
	json_dump_lines(schema, &out);
	puts(str_text(&out));
	str_release(&out);
	json_free(schema);
}

static int schema_run(const struct cli *cli)
{
	enum lock_state state = LOCK_ABSENT;
	struct lock lock;

	lock_init(&lock);
	int status = read_lock(cli, &lock, &state);
	if (status == EXIT_FINE)
		print_schema(cli, state == LOCK_READ ? &lock : NULL);
	lock_release(&lock);
	return status;
}

static const struct cli_option schema_options[] = {
	CLI_OPTION_RULES,
	{ "tests", NULL, "of the rule tests in rules.d/tests, instead of the rules" },
	CLI_OPTION_END,
};

const struct cli_command command_schema = {
	.name = "schema",
	.summary = "JSON Schema of the rule language, for editors",
	.operands = "",
	.option = schema_options,
	.run = schema_run,
	.more = "With " LOCK_FILE
		" in the rules folder, properties, options, lists, groups and attributes are\n"
		"those of the connected accounts.\n\n"
		"    hs2cert schema >rules.d/hs2cert.schema.json\n\n"
		"and docs/RULES.md tells how an editor finds it.",
};

/*
 * schema - the rule language as a JSON Schema, for editors.
 */
#include <stdio.h>

#include "dsl/schema.h"
#include "engine/cli/cli.h"
#include "engine/issuance.h"

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

/*
 * schema - the rule language as a JSON Schema, for editors.
 */
#include <stdio.h>

#include "dsl/schema.h"
#include "engine/cli/cli.h"

static int schema_run(const struct cli *cli)
{
	struct json *schema = schema_rules();
	struct str out;

	(void)cli;
	str_init(&out, SIZE_MAX / 4);
	json_dump_lines(schema, &out);
	puts(str_text(&out));
	str_release(&out);
	json_free(schema);
	return EXIT_FINE;
}

static const struct cli_option schema_options[] = {
	CLI_OPTION_END,
};

const struct cli_command command_schema = {
	.name = "schema",
	.summary = "JSON Schema of the rule language, for editors",
	.operands = "",
	.option = schema_options,
	.run = schema_run,
	.more = "hs2cert schema >rules.d/hs2cert.schema.json\n\n"
		"and docs/RULES.md tells how an editor finds it.",
};

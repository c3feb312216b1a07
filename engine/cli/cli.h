/*
 * cli - the command line: one table of commands, one parser of options.
 *
 * Options stand before or after operands, as `--opt value` or `--opt=value`;
 * `--` ends them. `-h` and `--help` work everywhere and print from the same
 * rows that the parser reads. To add a command: one file, one row in
 * engine/cli/cli.c.
 */
#ifndef ENGINE_CLI_CLI_H
#define ENGINE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status, the same everywhere (commands.md). */
enum cli_exit {
	EXIT_FINE = 0,
	EXIT_FINDINGS = 1, /* invalid rules, nothing found, something held */
	EXIT_USAGE = 2,
	EXIT_COULD_NOT = 3, /* missing path, no connection, store locked */
	EXIT_SETTLING = 4,  /* run --once: bursts are still settling */
};

struct cli_option {
	const char *name;  /* without the dashes */
	const char *value; /* what stands for its value in help; NULL: a flag */
	const char *help;
};

#define CLI_MAX_OPTIONS 24
#define CLI_MAX_OPERANDS 1024

struct cli;

/* An option that takes one of a closed set of words. */
struct cli_words {
	const char *option;
	const char *const *word;
	size_t count;
};

struct cli_command {
	const char *name;
	const char *summary;
	const char *operands; /* as shown in usage, e.g. "[PATH…]"; "" for none */
	size_t min_operands, max_operands;
	const struct cli_option *option; /* ends with a NULL name */
	const struct cli_words *words;	 /* ends with a NULL option; NULL: no option takes words */
	const char *more;		 /* further paragraphs of --help, or NULL */
	int (*run)(const struct cli *cli);
};

struct cli {
	const struct cli_command *command;
	const char
		*value[CLI_MAX_OPTIONS]; /* by row of command->option; "" for a flag that is set */
	const char *operand[CLI_MAX_OPERANDS];
	size_t operands;
};

/* The option's value as given, or NULL. Flags answer "" when set. */
const char *cli_value(const struct cli *cli, const char *option);
bool cli_has(const struct cli *cli, const char *option);
/* The value, else the environment variable, else the default. */
const char *cli_value_or(const struct cli *cli, const char *option, const char *environment,
			 const char *otherwise);
/*
 * Whole number from min to max; false after a message on stderr. `out` keeps its value where
 * the option is absent.
 */
bool cli_number(const struct cli *cli, const char *option, int64_t min, int64_t max, int64_t *out);
/*
 * --since: a date, a date-time or a duration back from now, as a time in milliseconds; `otherwise`
 * where it is not given, INT64_MIN where that is NULL. False after a message.
 */
bool cli_since(const struct cli *cli, const char *otherwise, int64_t *out);
/* One of `words` (ends with NULL), its index in *out; false after a message with a did-you-mean. */
bool cli_word(const struct cli *cli, const char *option, const char *const *words, int *out);
/* The same of so many words. */
bool cli_word_of(const struct cli *cli, const char *option, const char *const *words, size_t n,
		 int *out);

/* "hs2cert COMMAND: message" on stderr; answers EXIT_USAGE resp. EXIT_COULD_NOT. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_fail(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Colour on this stream: a terminal, and no NO_COLOR. */
bool cli_colour(int fd);

/* Rows that several commands share. */
#define CLI_OPTION_RULES                                                                           \
	{                                                                                          \
		"rules", "DIR", "folder of rule files (default rules.d, or $HS2CERT_RULES)"        \
	}
#define CLI_OPTION_STATE                                                                           \
	{                                                                                          \
		"state", "URL",                                                                    \
			"state: a path or sqlite:PATH (default hs2cert.db, or $HS2CERT_STATE)"     \
	}
#define CLI_OPTION_JSON                                                                            \
	{                                                                                          \
		"json", NULL, "one JSON object a line"                                             \
	}
#define CLI_WORDS_END                                                                              \
	{                                                                                          \
		NULL, NULL, 0                                                                      \
	}
#define CLI_OPTION_END                                                                             \
	{                                                                                          \
		NULL, NULL, NULL                                                                   \
	}

/* The commands, one file each. */
extern const struct cli_command command_run;
extern const struct cli_command command_validate;
extern const struct cli_command command_test;
extern const struct cli_command command_plan;
extern const struct cli_command command_runs;
extern const struct cli_command command_why;
extern const struct cli_command command_status;
extern const struct cli_command command_reload;
extern const struct cli_command command_approve;
extern const struct cli_command command_retry;
extern const struct cli_command command_resend;
extern const struct cli_command command_drop;
extern const struct cli_command command_backfill;
extern const struct cli_command command_reconcile;
extern const struct cli_command command_connect;
extern const struct cli_command command_pull;
extern const struct cli_command command_schema;
extern const struct cli_command command_forget;
extern const struct cli_command command_doctor;
extern const struct cli_command command_completion;
extern const struct cli_command command_sandbox;
extern const struct cli_command command_version;

/* All of them, in the order of --help. */
extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* Parses and runs; what main returns. */
int cli_main(int argc, char **argv);

#endif

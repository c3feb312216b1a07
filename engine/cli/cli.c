#include "engine/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/json.h"
#include "engine/cli/guard.h"

/* clang-format off */
const struct cli_command *const cli_commands[] = {
	&command_run,
	&command_validate,
	&command_test,
	&command_plan, &command_runs,
	&command_why,
	&command_status,
	&command_reload,
	&command_approve,
	&command_retry,
	&command_resend,
	&command_drop,
	&command_backfill,
	&command_reconcile,
	&command_forget,
	&command_connect,
	&command_pull,
	&command_schema,
	&command_doctor,
	&command_completion,
	&command_sandbox,
	&command_version,
};
/* clang-format on */
#define N_COMMANDS (sizeof(cli_commands) / sizeof(cli_commands[0]))
const size_t cli_command_count = N_COMMANDS;

static int version_run(const struct cli *cli)
{
	if (cli_has(cli, "json"))
		puts("{\"version\":\"" HS2CERT_VERSION "\"}");
	else
		puts("hs2cert " HS2CERT_VERSION);
	return EXIT_FINE;
}

static const struct cli_option version_options[] = { CLI_OPTION_JSON, CLI_OPTION_END };

const struct cli_command command_version = {
	.name = "version",
	.summary = "print the version",
	.operands = "",
	.option = version_options,
	.run = version_run,
};

static void print_help(FILE *out)
{
	fputs("hs2cert - digital credentials from Certifier when something happens to a contact in HubSpot\n\n"
	      "usage: hs2cert COMMAND [OPTION…]\n\n",
	      out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "    hs2cert %-10s %s\n", cli_commands[i]->name,
			cli_commands[i]->summary);
	fputs("\n'hs2cert COMMAND --help' tells more. Exit status: 0 fine, 1 findings, 2 wrong usage,\n"
	      "3 could not run.\n",
	      out);
}

static void print_command_help(const struct cli_command *c, FILE *out)
{
	fprintf(out, "hs2cert %s - %s\n\nusage: hs2cert %s [OPTION…]%s%s\n\n", c->name, c->summary,
		c->name, c->operands[0] ? " " : "", c->operands);
	for (const struct cli_option *o = c->option; o->name; o++) {
		char left[64];
		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		fprintf(out, "    %-22s %s\n", left, o->help);
	}
	fprintf(out, "    %-22s %s\n", "-h, --help", "this text");
	if (c->more)
		fprintf(out, "\n%s\n", c->more);
}

static size_t option_row(const struct cli_command *c, struct slice name)
{
	size_t i = 0;

	while (c->option[i].name && !slice_is(name, c->option[i].name))
		i++;
	return i;
}

const char *cli_value(const struct cli *cli, const char *option)
{
	size_t row = option_row(cli->command, slice_of(option));

	return cli->command->option[row].name ? cli->value[row] : NULL;
}

bool cli_has(const struct cli *cli, const char *option)
{
	return cli_value(cli, option) != NULL;
}

const char *cli_value_or(const struct cli *cli, const char *option, const char *environment,
			 const char *otherwise)
{
	const char *value = cli_value(cli, option);

	if (!value)
		value = getenv(environment);
	return value && value[0] ? value : otherwise;
}

__attribute__((format(printf, 2, 0))) static void say(const struct cli *cli, const char *format,
						      va_list args)
{
	struct str text, shown;

	str_init(&text, 8192);
	str_init(&shown, 32768);
	str_addv(&text, format, args);
	str_add_shown(&shown, str_slice(&text));
	fprintf(stderr, "hs2cert %s: %s\n", cli->command->name, str_text(&shown));
	str_release(&text);
	str_release(&shown);
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(cli, format, args);
	va_end(args);
	fprintf(stderr, "'hs2cert %s --help' shows what it takes\n", cli->command->name);
	return EXIT_USAGE;
}

int cli_fail(const struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(cli, format, args);
	va_end(args);
	return EXIT_COULD_NOT;
}

bool cli_number(const struct cli *cli, const char *option, int64_t min, int64_t max, int64_t *out)
{
	const char *text = cli_value(cli, option);
	char *end;

	if (!text)
		return true;
	long long n = strtoll(text, &end, 10);
	if (!text[0] || *end || n < min || n > max) {
		cli_usage(cli, "--%s takes a whole number from %lld to %lld, not '%s'", option,
			  (long long)min, (long long)max, text);
		return false;
	}
	*out = n;
	return true;
}

bool cli_since(const struct cli *cli, const char *otherwise, int64_t *out)
{
	const char *text = cli_value(cli, "since");
	struct timespec now;
	int64_t span;

	*out = INT64_MIN;
	if (!text)
		text = otherwise;
	if (!text)
		return true;
	if (clock_parse_duration(slice_of(text), &span)) {
		clock_gettime(CLOCK_REALTIME, &now);
		*out = (int64_t)now.tv_sec * MS_SECOND - span;
		return true;
	}
	if (clock_parse_value(slice_of(text), out, NULL))
		return true;
	cli_usage(
		cli,
		"--since takes a duration (2h, 7d), a date (2026-01-31) or a date-time with zone, not '%s'",
		text);
	return false;
}

bool cli_word(const struct cli *cli, const char *option, const char *const *words, int *out)
{
	size_t n = 0;

	while (words[n])
		n++;
	return cli_word_of(cli, option, words, n, out);
}

bool cli_word_of(const struct cli *cli, const char *option, const char *const *words, size_t n,
		 int *out)
{
	const char *text = cli_value(cli, option);
	struct str all;

	if (!text)
		return true;
	str_init(&all, 1024);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], text) == 0) {
			*out = (int)i;
			str_release(&all);
			return true;
		}
		str_addf(&all, "%s%s", i ? ", " : "", words[i]);
	}
	const char *near = diag_nearest(slice_of(text), words, n);
	if (near)
		cli_usage(cli, "unknown --%s '%s': did you mean '%s'?", option, text, near);
	else
		cli_usage(cli, "unknown --%s '%s': one of %s", option, text, str_text(&all));
	str_release(&all);
	return false;
}

bool cli_colour(int fd)
{
	const char *off = getenv("NO_COLOR");

	return !(off && off[0]) && isatty(fd);
}

static int unknown_option(const struct cli *cli, struct slice name)
{
	const char *words[CLI_MAX_OPTIONS + 1];
	size_t n = 0;

	for (; cli->command->option[n].name; n++)
		words[n] = cli->command->option[n].name;
	words[n++] = "help";
	const char *near = diag_nearest(name, words, n);
	if (near)
		return cli_usage(cli, "unknown option '--%.*s': did you mean '--%s'?",
				 SLICE_FMT(name), near);
	return cli_usage(cli, "unknown option '--%.*s'", SLICE_FMT(name));
}

/* Takes argv[*i] (which begins with --) and, where it has one, its value. 0, or an exit status. */
static int take_option(struct cli *cli, int argc, char **argv, int *i)
{
	const char *arg = argv[*i] + 2;
	struct slice name = { arg, strcspn(arg, "=") };
	size_t row = option_row(cli->command, name);
	const struct cli_option *option = &cli->command->option[row];

	if (!option->name)
		return unknown_option(cli, name);
	if (cli->value[row])
		return cli_usage(cli, "--%s is given twice", option->name);
	if (!option->value) {
		if (arg[name.len])
			return cli_usage(cli, "--%s takes no value", option->name);
		cli->value[row] = "";
	} else if (arg[name.len]) {
		cli->value[row] = arg + name.len + 1;
	} else if (*i + 1 < argc) {
		cli->value[row] = argv[++*i];
	} else {
		return cli_usage(cli, "--%s needs a value: %s", option->name, option->value);
	}
	return 0;
}

static int parse(struct cli *cli, int argc, char **argv, bool *help)
{
	bool options = true;

	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i];
		if (options && strcmp(arg, "--") == 0) {
			options = false;
		} else if (options && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)) {
			*help = true;
		} else if (options && arg[0] == '-' && arg[1] == '-') {
			int status = take_option(cli, argc, argv, &i);
			if (status)
				return status;
		} else if (options && arg[0] == '-' && arg[1]) {
			return cli_usage(cli, "unknown option '%s'", arg);
		} else if (cli->operands == CLI_MAX_OPERANDS) {
			return cli_usage(cli, "more than %d operands", CLI_MAX_OPERANDS);
		} else {
			cli->operand[cli->operands++] = arg;
		}
	}
	return 0;
}

static const struct cli_command *find_command(const char *name)
{
	const char *words[N_COMMANDS];

	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
		words[i] = cli_commands[i]->name;
	}
	const char *near = diag_nearest(slice_of(name), words, N_COMMANDS);
	fprintf(stderr,
		"hs2cert: unknown command '%s'%s%s%s\n'hs2cert --help' lists the commands\n", name,
		near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	return NULL;
}

int cli_main(int argc, char **argv)
{
	bool help = false;

	guard_process();
	json_start();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_FINE;
	}
	const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
	struct cli *cli = mem_alloc(sizeof(*cli));
	cli->command = find_command(name);
	int status = cli->command ? parse(cli, argc - 2, argv + 2, &help) : EXIT_USAGE;
	if (status == 0 && help)
		print_command_help(cli->command, stdout);
	else if (status == 0 && cli->operands < cli->command->min_operands)
		status = cli_usage(cli, "an operand is missing: %s", cli->command->operands);
	else if (status == 0 && cli->operands > cli->command->max_operands)
		status = cli_usage(cli, "too many operands: '%s'",
				   cli->operand[cli->command->max_operands]);
	else if (status == 0)
		status = cli->command->run(cli);
	/* Results that went nowhere are no success: a full disk, a pipe that closed. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && cli->command)
		status = cli_fail(cli, "cannot write: %s", strerror(errno));
	mem_free(cli);
	return status;
}

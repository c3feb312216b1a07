/*
 * completion - what a shell needs to complete the command line, printed from the
 * table of commands: for bash, zsh or fish.
 *
 * Commands, options, the closed sets of words that options take, and files. Not
 * names of rules or ids: a shell that asks the state on each key would be slow.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "engine/cli/cli.h"

#define SCRIPT_BYTES (1024u * 1024)

/* What can stand for a value: told from the word that stands for it in help. */
enum stands { STANDS_NOTHING, STANDS_FILE, STANDS_FOLDER, STANDS_WORDS };

static const struct cli_words *words_of(const struct cli_command *c, const char *option)
{
	for (const struct cli_words *w = c->words; w && w->option; w++)
		if (strcmp(w->option, option) == 0)
			return w;
	return NULL;
}

static enum stands stands_for(const char *value)
{
	static const struct {
		const char *piece;
		enum stands stands;
	} rows[] = {
		{ "DIR", STANDS_FOLDER },
		{ "PATH", STANDS_FILE },
		{ "FILE", STANDS_FILE },
		{ "URL", STANDS_FILE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (value && strstr(value, rows[i].piece))
			return rows[i].stands;
	return STANDS_NOTHING;
}

static enum stands option_stands(const struct cli_command *c, const struct cli_option *o)
{
	return words_of(c, o->name) ? STANDS_WORDS : stands_for(o->value);
}

static void add_words(struct str *out, const struct cli_words *w)
{
	for (size_t i = 0; i < w->count; i++)
		str_addf(out, "%s%s", i ? " " : "", w->word[i]);
}

/* The words in small letters of "[show ID]" and "bash|zsh|fish": they stand for themselves. */
static void add_operands(struct str *out, const struct cli_command *c)
{
	const char *p = c->operands, *before = "";

	while (*p) {
		size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz-");
		if (len > 1) {
			str_addf(out, "%s%.*s", before, (int)len, p);
			before = " ";
		}
		p += len ? len : 1;
	}
}

/* ---- bash -------------------------------------------------------------- */

static const char bash_head[] =
	"# bash completion of hs2cert: made by 'hs2cert completion bash'.\n"
	"_hs2cert()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
	"\tlocal options= operands= files= IFS=$' \\t\\n'\n"
	"\tCOMPREPLY=()\n"
	"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n";

/* --opt=value comes as three words. */
static const char bash_values[] = "\tfi\n"
				  "\tif [ \"$cur\" = = ]; then\n"
				  "\t\tcur=\n"
				  "\telif [ \"$prev\" = = ]; then\n"
				  "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
				  "\tfi\n"
				  "\tcase \"$command $prev\" in\n";

static const char bash_tail[] =
	"\t*) return ;;\n"
	"\tesac\n"
	"\tcase $cur in\n"
	"\t-*) COMPREPLY=($(compgen -W \"$options --help\" -- \"$cur\")) ;;\n"
	"\t*)\n"
	"\t\tCOMPREPLY=($(compgen -W \"$operands\" -- \"$cur\"))\n"
	"\t\t[ -z \"$files\" ] || _hs2cert_files -f\n"
	"\t\t;;\n"
	"\tesac\n"
	"}\n"
	"_hs2cert_files()\n"
	"{\n"
	"\tlocal IFS=$'\\n'\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"\tCOMPREPLY+=($(compgen \"$1\" -- \"$cur\"))\n"
	"}\n"
	"complete -F _hs2cert hs2cert\n";

static void bash_value(struct str *out, const struct cli_command *c, const struct cli_option *o)
{
	if (!o->value)
		return;
	str_addf(out, "\t'%s --%s')", c->name, o->name);
	switch (option_stands(c, o)) {
	case STANDS_WORDS:
		str_add_text(out, " COMPREPLY=($(compgen -W '");
		add_words(out, words_of(c, o->name));
		str_add_text(out, "' -- \"$cur\"));");
		break;
	case STANDS_FILE:
		str_add_text(out, " _hs2cert_files -f;");
		break;
	case STANDS_FOLDER:
		str_add_text(out, " _hs2cert_files -d;");
		break;
	case STANDS_NOTHING:
		break;
	}
	str_add_text(out, " return ;;\n");
}

static void bash_command(struct str *out, const struct cli_command *c)
{
	str_addf(out, "\t%s) options='", c->name);
	for (const struct cli_option *o = c->option; o->name; o++)
		str_addf(out, "%s--%s", o == c->option ? "" : " ", o->name);
	str_add_text(out, "' operands='");
	add_operands(out, c);
	str_addf(out, "' files=%s ;;\n", stands_for(c->operands) == STANDS_FILE ? "yes" : "");
}

static void write_bash(struct str *out)
{
	str_add_text(out, bash_head);
	str_add_text(out, "\t\tCOMPREPLY=($(compgen -W '");
	for (size_t i = 0; i < cli_command_count; i++)
		str_addf(out, "%s ", cli_commands[i]->name);
	str_add_text(out, "help --help --version' -- \"$cur\"))\n\t\treturn\n");
	str_add_text(out, bash_values);
	for (size_t i = 0; i < cli_command_count; i++)
		for (const struct cli_option *o = cli_commands[i]->option; o->name; o++)
			bash_value(out, cli_commands[i], o);
	str_add_text(out, "\tesac\n\tcase $command in\n");
	for (size_t i = 0; i < cli_command_count; i++)
		bash_command(out, cli_commands[i]);
	str_add_text(out, bash_tail);
}

/* ---- zsh --------------------------------------------------------------- */

/* Inside '…' of a shell, and what zsh gives a meaning in a description. */
static void add_quoted(struct str *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			str_add_text(out, "'\\''");
		else if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
			str_addf(out, "\\%c", *text);
		else
			str_add_char(out, *text);
	}
}

static void zsh_option(struct str *out, const struct cli_command *c, const struct cli_option *o)
{
	str_addf(out, "\t\t\t'--%s%s[", o->name, o->value ? "=" : "");
	add_quoted(out, o->help);
	str_add_char(out, ']');
	if (o->value) {
		str_add_char(out, ':');
		add_quoted(out, o->value);
		str_add_char(out, ':');
	}
	switch (option_stands(c, o)) {
	case STANDS_WORDS:
		str_add_char(out, '(');
		add_words(out, words_of(c, o->name));
		str_add_char(out, ')');
		break;
	case STANDS_FILE:
		str_add_text(out, "_files");
		break;
	case STANDS_FOLDER:
		str_add_text(out, "_files -/");
		break;
	case STANDS_NOTHING:
		break;
	}
	str_add_text(out, "' \\\n");
}

static void zsh_command(struct str *out, const struct cli_command *c)
{
	str_addf(out, "\t%s)\n\t\t_arguments \\\n", c->name);
	for (const struct cli_option *o = c->option; o->name; o++)
		zsh_option(out, c, o);
	str_add_text(out, "\t\t\t'(-h --help)'{-h,--help}'[what it takes]'");
	if (stands_for(c->operands) == STANDS_FILE) {
		str_add_text(out, " \\\n\t\t\t'*:path:_files'");
	} else if (c->operands[0]) {
		str_add_text(out, " \\\n\t\t\t'1:word:(");
		add_operands(out, c);
		str_add_text(out, ")'");
	}
	str_add_text(out, "\n\t\t;;\n");
}

static void write_zsh(struct str *out)
{
	str_add_text(out, "#compdef hs2cert\n"
			  "# zsh completion of hs2cert: made by 'hs2cert completion zsh'.\n"
			  "if (( CURRENT == 2 )); then\n"
			  "\tlocal -a commands=(\n");
	for (size_t i = 0; i < cli_command_count; i++) {
		str_addf(out, "\t\t'%s:", cli_commands[i]->name);
		add_quoted(out, cli_commands[i]->summary);
		str_add_text(out, "'\n");
	}
	str_add_text(out, "\t)\n"
			  "\t_describe command commands\n"
			  "\treturn\n"
			  "fi\n"
			  "local command=$words[2]\n"
			  "shift words\n"
			  "(( CURRENT-- ))\n"
			  "case $command in\n");
	for (size_t i = 0; i < cli_command_count; i++)
		zsh_command(out, cli_commands[i]);
	str_add_text(out, "esac\n");
}

/* ---- fish -------------------------------------------------------------- */

static void add_fish_text(struct str *out, const char *text)
{
	for (; *text; text++)
		str_addf(out, *text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
}

static void fish_option(struct str *out, const struct cli_command *c, const struct cli_option *o)
{
	str_addf(out, "complete -c hs2cert -n '__fish_seen_subcommand_from %s' -l %s", c->name,
		 o->name);
	switch (option_stands(c, o)) {
	case STANDS_WORDS:
		str_add_text(out, " -x -a '");
		add_words(out, words_of(c, o->name));
		str_add_char(out, '\'');
		break;
	case STANDS_FILE:
		str_add_text(out, " -r -F");
		break;
	case STANDS_FOLDER:
		str_add_text(out, " -x -a '(__fish_complete_directories)'");
		break;
	case STANDS_NOTHING:
		str_add_text(out, o->value ? " -x" : "");
		break;
	}
	str_add_text(out, " -d '");
	add_fish_text(out, o->help);
	str_add_text(out, "'\n");
}

static void fish_operands(struct str *out, const struct cli_command *c)
{
	struct str words;

	str_init(&words, 256);
	add_operands(&words, c);
	if (stands_for(c->operands) == STANDS_FILE)
		str_addf(out, "complete -c hs2cert -n '__fish_seen_subcommand_from %s' -F\n",
			 c->name);
	if (words.len)
		str_addf(out, "complete -c hs2cert -n '__fish_seen_subcommand_from %s' -a '%s'\n",
			 c->name, str_text(&words));
	str_release(&words);
}

static void write_fish(struct str *out)
{
	str_add_text(out, "# fish completion of hs2cert: made by 'hs2cert completion fish'.\n"
			  "complete -c hs2cert -f\n"
			  "complete -c hs2cert -s h -l help -d 'what it takes'\n");
	for (size_t i = 0; i < cli_command_count; i++) {
		const struct cli_command *c = cli_commands[i];
		str_addf(out, "complete -c hs2cert -n __fish_use_subcommand -a %s -d '", c->name);
		add_fish_text(out, c->summary);
		str_add_text(out, "'\n");
		for (const struct cli_option *o = c->option; o->name; o++)
			fish_option(out, c, o);
		fish_operands(out, c);
	}
}

/* ---- the command ------------------------------------------------------- */

static const struct {
	const char *name;
	void (*write)(struct str *out);
} shells[] = {
	{ "bash", write_bash },
	{ "zsh", write_zsh },
	{ "fish", write_fish },
};

static int completion_run(const struct cli *cli)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, cli->operand[0]) != 0)
			continue;
		struct str out;
		str_init(&out, SCRIPT_BYTES);
		shells[i].write(&out);
		fputs(str_text(&out), stdout);
		str_release(&out);
		return EXIT_FINE;
	}
	return cli_usage(cli, "unknown shell '%s': one of bash, zsh, fish", cli->operand[0]);
}

static const struct cli_option completion_options[] = { CLI_OPTION_END };

const struct cli_command command_completion = {
	.name = "completion",
	.summary = "what a shell completes the command line with",
	.operands = "bash|zsh|fish",
	.min_operands = 1,
	.max_operands = 1,
	.option = completion_options,
	.run = completion_run,
	.more = "'make install' puts all three in place. By hand, in bash:\n\n"
		"    eval \"$(hs2cert completion bash)\"",
};

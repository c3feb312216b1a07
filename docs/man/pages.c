/*
 * pages - the man pages: prose from the templates in this folder, everything else from the rows that the
 * program and its parser run on, so that a page cannot say what is not so.
 *
 *   pages TEMPLATES TO VERSION DATE
 *
 * TEMPLATES/hs2cert.1 and hs2cert-rules.5 become pages of that name, command.1 one page for each command. A
 * line @WORD@ of a template stands for what the row of that word writes.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsl/account.h"
#include "dsl/codes.h"
#include "dsl/fields.h"
#include "dsl/filter.h"
#include "dsl/program.h"
#include "dsl/rule.h"
#include "dsl/template.h"
#include "engine/cli/cli.h"

struct page {
	FILE *out;
	const char *name, *section, *version, *date;
	const struct cli_command *command; /* NULL: not of a command */
};

_Noreturn static void give_up(const char *what, const char *which)
{
	fprintf(stderr, "pages: %s %s\n", what, which);
	exit(1);
}

/* ---- text -------------------------------------------------------------- */

/* One byte of text that stands at the start of a line, or not. A dash is one that can be copied. */
static void put_byte(const struct page *p, char c, bool first)
{
	if (first && (c == '.' || c == '\''))
		fputs("\\&", p->out);
	if (c == '\\')
		fputs("\\e", p->out);
	else if (c == '-')
		fputs("\\-", p->out);
	else
		putc(c, p->out);
}

/* `code` is bold. */
static void put(const struct page *p, const char *text)
{
	bool bold = false, first = true;

	for (; *text; text++) {
		if (*text == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", p->out);
			first = false;
			continue;
		}
		put_byte(p, *text, first);
		first = *text == '\n';
	}
}

/* A paragraph with a head; `mark` is put behind the head, in italics. */
static void put_head(const struct page *p, const char *head, const char *mark)
{
	fputs(".TP\n\\fB", p->out);
	put(p, head);
	fputs("\\fR", p->out);
	if (mark) {
		fputs(" \\fI", p->out);
		put(p, mark);
		fputs("\\fR", p->out);
	}
	putc('\n', p->out);
}

static void put_line(const struct page *p, const char *text)
{
	put(p, text);
	putc('\n', p->out);
}

/* Lines that begin with white space are kept as they are; an empty one ends a paragraph. */
static void put_paragraphs(const struct page *p, const char *text)
{
	bool kept = false;

	for (const char *end; *text; text = *end ? end + 1 : end) {
		char line[512];
		end = text + strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		bool keep = line[0] == ' ';
		if (keep != kept)
			fputs(keep ? ".EX\n" : ".EE\n", p->out);
		kept = keep;
		if (line[0])
			put_line(p, line);
		else if (*end)
			fputs(".PP\n", p->out);
	}
	if (kept)
		fputs(".EE\n", p->out);
}

static void put_words(const struct page *p, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		fprintf(p->out, "%s\\fB%s\\fR", i ? ", " : "One of ", words[i]);
	fputs(".\n", p->out);
}

/* ---- pages of commands --------------------------------------------------- */

static void head(const struct page *p)
{
	char upper[64];
	size_t i = 0;

	for (; p->name[i] && i + 1 < sizeof(upper); i++)
		upper[i] = (char)toupper((unsigned char)p->name[i]);
	upper[i] = '\0';
	fprintf(p->out, ".TH %s %s %s \"hs2cert %s\" hs2cert\n", upper, p->section, p->date,
		p->version);
}

static void name(const struct page *p)
{
	put(p, p->name);
	fputs(" \\- ", p->out);
	put_line(p, p->command->summary);
}

static void synopsis(const struct page *p)
{
	const struct cli_command *c = p->command;

	fprintf(p->out, "\\fBhs2cert %s\\fR", c->name);
	for (const struct cli_option *o = c->option; o->name; o++) {
		fputs(" [\\fB", p->out);
		put(p, "--");
		put(p, o->name);
		fputs("\\fR", p->out);
		if (o->value)
			fprintf(p->out, " \\fI%s\\fR", o->value);
		putc(']', p->out);
	}
	putc(' ', p->out);
	put_line(p, c->operands);
}

static void description(const struct page *p)
{
	put_paragraphs(p, p->command->more ? p->command->more : p->command->summary);
}

static const struct cli_words *words_of(const struct cli_command *c, const char *option)
{
	const struct cli_words *w = c->words;

	while (w && w->option && strcmp(w->option, option) != 0)
		w++;
	return w && w->option ? w : NULL;
}

static void options(const struct page *p)
{
	for (const struct cli_option *o = p->command->option; o->name; o++) {
		const struct cli_words *w = words_of(p->command, o->name);
		char dashed[64];
		snprintf(dashed, sizeof(dashed), "--%s", o->name);
		put_head(p, dashed, o->value);
		put_line(p, o->help);
		for (size_t i = 0; w && !strstr(o->help, w->word[0]) && i < w->count; i++)
			fprintf(p->out, "%s\\fB%s\\fR%s", i ? "" : ".br\nOne of ", w->word[i],
				i + 1 < w->count ? ", " : ".\n");
	}
	put_head(p, "-h, --help", NULL);
	put_line(p, "What it takes.");
}

static void commands(const struct page *p)
{
	for (size_t i = 0; i < cli_command_count; i++) {
		fputs(".TP\n", p->out);
		fprintf(p->out, "\\fBhs2cert\\-%s\\fR(1)\n", cli_commands[i]->name);
		put_line(p, cli_commands[i]->summary);
	}
}

/* ---- the language ---------------------------------------------------------- */

static void row(const struct page *p, const char *word, bool required, const struct about *about,
		const char *otherwise, const char *const *words)
{
	put_head(p, word, required ? "(required)" : NULL);
	put_line(p, about->text);
	if (words)
		put_words(p, words);
	if (otherwise && otherwise[0]) {
		fputs("Default: \\fB", p->out);
		put(p, otherwise);
		fputs("\\fR.\n", p->out);
	}
	if (about->example) {
		fputs("Example: \\fB", p->out);
		put(p, about->example);
		fputs("\\fR\n", p->out);
	}
}

static void keys(const struct page *p, const struct keys *k)
{
	for (size_t i = 0; i < k->count; i++)
		row(p, k->row[i].name, k->row[i].required, &k->row[i].about, k->row[i].otherwise,
		    k->row[i].words);
}

static void rule(const struct page *p)
{
	keys(p, &rule_keys);
}

static void trigger(const struct page *p)
{
	for (size_t i = 0; event_kind_names[i]; i++) {
		fprintf(p->out, ".SS trigger, where event is %s\n", event_kind_names[i]);
		keys(p, &trigger_keys[i]);
	}
}

static void action(const struct page *p)
{
	keys(p, &action_keys);
}

static void accounts(const struct page *p)
{
	row(p, "account", true, &account_about, NULL, NULL);
	for (size_t i = 0; i < ACCOUNT_TYPES; i++) {
		const struct account_type *t = &account_types[i];
		fprintf(p->out, ".SS %s\n", t->name);
		put_line(p, t->about.text);
		for (size_t k = 0; k < t->count; k++)
			row(p, t->row[k].name, t->row[k].required, &t->row[k].about,
			    t->row[k].otherwise, t->row[k].words);
	}
}

static void fields(const struct page *p)
{
	for (size_t i = 0; i < FIELDS; i++)
		row(p, field_rows[i].name, false, &field_rows[i].about, field_rows[i].otherwise,
		    NULL);
	row(p, "custom.TAG", false, &field_custom_about, NULL, NULL);
}

static void filters(const struct page *p)
{
	row(p, filter_property.name, false, &filter_property.about, NULL, NULL);
	for (size_t i = 0; i < operator_count; i++)
		row(p, operators[i].name, false, &operators[i].about, NULL, NULL);
	for (size_t i = 0; i < FILTER_GROUPS; i++)
		row(p, filter_groups[i].name, false, &filter_groups[i].about, NULL, NULL);
}

static void reference_rows(const struct page *p)
{
	for (size_t i = 0; i < REFERENCES; i++) {
		const struct reference *r = &references[i];
		put_head(p, r->name, r->only < 0 ? NULL : event_kind_names[r->only]);
		put_line(p, r->meaning);
	}
}

static void function_rows(const struct page *p)
{
	for (size_t i = 0; i < function_count; i++) {
		put_head(p, functions[i].usage, NULL);
		put_line(p, functions[i].meaning);
	}
}

static void codes(const struct page *p)
{
	for (size_t i = 0; i < CODE_COUNT; i++) {
		put_head(p, diag_codes[i].word,
			 diag_codes[i].severity == SEVERITY_ERROR ? "error" : "warning");
		put_line(p, diag_codes[i].meaning);
	}
}

/* ---- templates ------------------------------------------------------------- */

static const struct {
	const char *word;
	void (*write)(const struct page *p);
	bool of_command;
} words[] = {
	{ "head", head, false },
	{ "name", name, true },
	{ "synopsis", synopsis, true },
	{ "description", description, true },
	{ "options", options, true },
	{ "commands", commands, false },
	{ "accounts", accounts, false },
	{ "rule", rule, false },
	{ "trigger", trigger, false },
	{ "filters", filters, false },
	{ "action", action, false },
	{ "fields", fields, false },
	{ "references", reference_rows, false },
	{ "functions", function_rows, false },
	{ "codes", codes, false },
};

static void write_word(const struct page *p, const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) != 0 || (words[i].of_command && !p->command))
			continue;
		words[i].write(p);
		return;
	}
	give_up("a template names what there is not:", word);
}

static void write_page(struct page *p, const char *templates, const char *template, const char *to)
{
	char path[1024], line[1024];

	snprintf(path, sizeof(path), "%s/%s", templates, template);
	FILE *in = fopen(path, "re");
	if (!in)
		give_up("cannot read", path);
	snprintf(path, sizeof(path), "%s/%s.%s", to, p->name, p->section);
	p->out = fopen(path, "we");
	if (!p->out)
		give_up("cannot write", path);
	while (fgets(line, sizeof(line), in)) {
		size_t len = strcspn(line, "\n");
		if (len < 3 || line[0] != '@' || line[len - 1] != '@') {
			fputs(line, p->out);
			continue;
		}
		line[len - 1] = '\0';
		write_word(p, line + 1);
	}
	fclose(in);
	if (fclose(p->out) != 0)
		give_up("cannot write", path);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		give_up("usage:", "pages TEMPLATES TO VERSION DATE");
	struct page one = {
		.name = "hs2cert", .section = "1", .version = argv[3], .date = argv[4]
	};

	write_page(&one, argv[1], "hs2cert.1", argv[2]);
	for (size_t i = 0; i < cli_command_count; i++) {
		char command[64];
		snprintf(command, sizeof(command), "hs2cert-%s", cli_commands[i]->name);
		one.name = command;
		one.command = cli_commands[i];
		write_page(&one, argv[1], "command.1", argv[2]);
	}
	one = (struct page){
		.name = "hs2cert-rules", .section = "5", .version = argv[3], .date = argv[4]
	};
	write_page(&one, argv[1], "hs2cert-rules.5", argv[2]);
	return 0;
}

#include "engine/cli/explain.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "dsl/codes.h"
#include "dsl/explain.h"

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define GREEN "\033[1;32m"
#define PLAIN "\033[0m"

static const char *severity_word(const struct code_row *row)
{
	return row->severity == SEVERITY_ERROR ? "error" : "warning";
}

static const char *severity_colour(const struct code_row *row)
{
	return row->severity == SEVERITY_ERROR ? RED : YELLOW;
}

static void add_painted(struct str *out, const char *colour, const char *text)
{
	bool painted = colour && cli_colour(STDOUT_FILENO);

	str_addf(out, "%s%s%s", painted ? colour : "", text, painted ? PLAIN : "");
}

/* ---- one code ------------------------------------------------------------------ */

/* A line that marks the place in the line above it. */
static bool is_mark(struct slice line)
{
	size_t i = 0;

	while (i < line.len && line.ptr[i] == ' ')
		i++;
	return i < line.len && line.ptr[i] == '^';
}

/* Every line indented; lines that mark a place in `colour`. */
static void add_lines(struct str *out, const char *text, const char *colour)
{
	struct slice rest = slice_of(text), line;

	while (slice_cut(&rest, '\n', &line)) {
		bool painted = is_mark(line) && cli_colour(STDOUT_FILENO);
		str_addf(out, "    %s%.*s%s\n", painted ? colour : "", SLICE_FMT(line),
			 painted ? PLAIN : "");
	}
}

static void print_text(const struct code_row *row, const struct explanation *e, struct str *out)
{
	add_painted(out, severity_colour(row), severity_word(row));
	str_add_text(out, ": ");
	add_painted(out, BOLD, row->meaning);
	str_addf(out, " [%s]\n\n", row->word);
	add_lines(out, e->what, NULL);
	str_add_char(out, '\n');
	add_lines(out, e->why, NULL);
	add_painted(out, RED, "\nwrong\n");
	add_lines(out, e->wrong, severity_colour(row));
	add_painted(out, GREEN, "\nright\n");
	add_lines(out, e->right, NULL);
}

/* A paragraph as one line. */
static void set_paragraph(struct json *object, const char *key, const char *lines)
{
	struct slice text = slice_trim(slice_of(lines));
	struct str flat;

	str_init(&flat, text.len);
	for (size_t i = 0; i < text.len; i++)
		str_add_char(&flat, text.ptr[i] == '\n' ? ' ' : text.ptr[i]);
	json_set_text(object, key, str_text(&flat));
	str_release(&flat);
}

static void print_json(const struct code_row *row, const struct explanation *e, struct str *out)
{
	struct json *o = json_new_object();

	json_set_text(o, "code", row->word);
	json_set_text(o, "severity", severity_word(row));
	json_set_text(o, "meaning", row->meaning);
	set_paragraph(o, "what", e->what);
	set_paragraph(o, "why", e->why);
	json_set_text(o, "wrong", e->wrong);
	json_set_text(o, "right", e->right);
	json_dump(o, out);
	str_add_char(out, '\n');
	json_free(o);
}

/* ---- all of them --------------------------------------------------------------- */

static void print_row(const struct code_row *row, struct str *out)
{
	str_addf(out, "%-24s ", row->word);
	add_painted(out, row->severity == SEVERITY_ERROR ? NULL : YELLOW, severity_word(row));
	str_addf(out, "%*s %s\n", (int)(7 - strlen(severity_word(row))), "", row->meaning);
}

int explain_run(const struct cli *cli)
{
	struct slice word = slice_of(cli_value(cli, "explain"));
	const char *near = explain_nearest(word);
	bool all = slice_is(word, "all");
	struct str out;

	if (cli->operands)
		return cli_usage(cli, "--explain takes a code and no PATH");
	if (!all && !explain_code(word))
		return cli_usage(
			cli,
			near ? "unknown code '%.*s': did you mean '%s'? '--explain all' lists them"
			     : "unknown code '%.*s': '--explain all' lists them",
			SLICE_FMT(word), near);
	str_init(&out, SIZE_MAX / 4);
	for (size_t i = 0; i < CODE_COUNT; i++) {
		const struct code_row *row = &diag_codes[i];
		if (!all && !slice_is(word, row->word))
			continue;
		if (cli_has(cli, "json"))
			print_json(row, explain_code(slice_of(row->word)), &out);
		else if (all)
			print_row(row, &out);
		else
			print_text(row, explain_code(slice_of(row->word)), &out);
	}
	fwrite(str_text(&out), 1, out.len, stdout);
	str_release(&out);
	return EXIT_FINE;
}

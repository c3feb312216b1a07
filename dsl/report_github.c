/*
 * report_github - diagnostics as workflow commands, which GitHub shows beside the lines of a
 * change:
 *
 *	::error file=rules.d/10.yaml,line=7,endLine=7,col=3,endColumn=6,title=unknown-key::message
 */
#include <string.h>

#include "dsl/build.h"

/* What would end the command, or one of its properties, is written as %NN. */
static void add_escaped(struct str *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			str_addf(out, "%%%02X", (unsigned)*text);
		else
			str_add_char(out, *text);
	}
}

static void add_data(struct str *out, const char *text)
{
	add_escaped(out, text, "%\r\n");
}

static void add_property(struct str *out, const char *text)
{
	add_escaped(out, text, "%\r\n:,");
}

static void print_diag(const struct sources *s, const struct diag *d, struct str *out)
{
	str_addf(out, "::%s file=", d->severity == SEVERITY_ERROR ? "error" : "warning");
	add_property(out, s->file[d->at.file].path);
	str_addf(out, ",line=%u,endLine=%u", d->at.line, d->at.end_line);
	/* Columns of an annotation over several lines are not taken. */
	if (d->at.line == d->at.end_line)
		str_addf(out, ",col=%u,endColumn=%u", d->at.column, d->at.end_column);
	str_add_text(out, ",title=");
	add_property(out, d->code);
	str_add_text(out, "::");
	add_data(out, d->message);
	if (d->hint) {
		str_add_text(out, ": ");
		add_data(out, d->hint);
	}
	if (d->other.line) {
		str_add_text(out, "%0A");
		add_data(out, s->file[d->other.file].path);
		str_addf(out, ":%u:%u: ", d->other.line, d->other.column);
		add_data(out, d->other_note);
	}
	str_add_char(out, '\n');
}

void diags_print_github(const struct sources *s, const struct diags *d, struct str *out)
{
	for (size_t i = 0; i < d->count; i++)
		print_diag(s, &d->list[i], out);
	if (d->dropped)
		str_addf(out, "::warning::%zu more not shown\n", d->dropped);
}

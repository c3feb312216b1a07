#include "dsl/syntax.h"

#include <string.h>

struct row {
	const char *problem; /* how libyaml's text begins */
	const char *context; /* how its context begins, or NULL: any */
	const char *first;   /* the problem's first character is one of these, or NULL: any */
	struct syntax_words words;
};

/* The first row that fits is taken: narrow ones stand before wide ones. */
static const struct row rows[] = {
	{ "mapping values are not allowed",
	  NULL,
	  NULL,
	  { "a ':' does not belong here",
	    "a text with ': ' in it needs quotes; else look at the indentation of this line",
	    false } },
	{ "did not find expected key",
	  NULL,
	  "-",
	  { "a list entry does not belong here", "begin it in the same column as the entries above",
	    false } },
	{ "did not find expected key",
	  NULL,
	  NULL,
	  { "a key is expected here",
	    "keys of one map begin in the same column; a quoted text ends at its second quote",
	    false } },
	{ "could not find expected ':'",
	  NULL,
	  NULL,
	  { "a ':' is missing", "a key is followed by a colon and a space", true } },
	{ "found unexpected end of stream",
	  "while scanning a quoted",
	  NULL,
	  { "the quote that opens here is not closed", NULL, true } },
	{ "found unexpected document indicator",
	  NULL,
	  NULL,
	  { "the quote that opens here is not closed", NULL, true } },
	{ "did not find expected ',' or ']'",
	  NULL,
	  NULL,
	  { "a ',' or ']' is expected here",
	    "close the list with ], or put a comma between entries", false } },
	{ "did not find expected ',' or '}'",
	  NULL,
	  NULL,
	  { "a ',' or '}' is expected here",
	    "close the map with }, or put a comma between entries; ${NAME} needs quotes inside { }",
	    false } },
	{ "found character that cannot start any token",
	  NULL,
	  "\t",
	  { "a tab cannot indent", "indent with spaces", false } },
	{ "found character that cannot start any token",
	  NULL,
	  "@`%",
	  { "a text cannot begin with this character", "put quotes around the text", false } },
	{ "found a tab character",
	  NULL,
	  NULL,
	  { "a tab cannot indent", "indent with spaces", false } },
	{ "found unknown escape character",
	  NULL,
	  NULL,
	  { "unknown escape in double quotes",
	    "in 'single quotes' a backslash is itself; in double quotes write \\\\", false } },
	{ "did not find expected hexdecimal number",
	  NULL,
	  NULL,
	  { "an escape needs hexadecimal digits here", "\\x41, \\u00e9 or \\U0001f600", false } },
	{ "block sequence entries are not allowed",
	  NULL,
	  NULL,
	  { "a list entry does not belong here", "put it on a line of its own", false } },
	{ "did not find expected '-' indicator",
	  NULL,
	  NULL,
	  { "a list entry is expected here",
	    "entries of one list begin with '- ' in the same column", false } },
	{ "did not find expected <document start>",
	  NULL,
	  NULL,
	  { "a new document must begin with '---'", "keys of one document begin in the same column",
	    false } },
	{ "did not find expected node content",
	  "while parsing a flow",
	  "-\n",
	  { "the bracket that opens here is not closed", "close it with ] or }", true } },
	{ "did not find expected node content",
	  NULL,
	  "&*!",
	  { "a value is expected here", "a text that begins with this character needs quotes",
	    false } },
	{ "did not find expected node content",
	  NULL,
	  NULL,
	  { "a value is expected here", "is there a comma too many?", false } },
	{ "did not find expected alphabetic or numeric character",
	  "while scanning an alias",
	  NULL,
	  { "a text cannot begin with '*'", "put quotes around the text", true } },
	{ "did not find expected alphabetic or numeric character",
	  NULL,
	  NULL,
	  { "a text cannot begin with '&'", "put quotes around the text", true } },
	{ "found incompatible YAML document",
	  NULL,
	  NULL,
	  { "an unknown YAML version", "leave %YAML out", false } },
	{ "found unknown directive name",
	  NULL,
	  NULL,
	  { "an unknown directive", "put quotes around a text that begins with %", true } },
	{ "found undefined tag handle",
	  NULL,
	  NULL,
	  { "tags are not allowed", "put quotes around a text that begins with !", false } },
};

static bool begins(const char *text, const char *with)
{
	return !with || (text && strncmp(text, with, strlen(with)) == 0);
}

struct syntax_words syntax_words(const char *problem, const char *context, struct slice rest)
{
	char first = rest.len ? rest.ptr[0] : '\n'; /* of the end, too, a row can tell */

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		bool fits = !row->first || (first && strchr(row->first, first));
		if (fits && begins(problem, row->problem) && begins(context, row->context))
			return row->words;
	}
	return (struct syntax_words){ problem ? problem : "this is not YAML", NULL, false };
}

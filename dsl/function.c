/*
 * function - what may stand behind a | in a template, one row each.
 *
 * A function has two halves: `check` looks at its arguments when files are
 * read and prepares them, `run` works on a value and cannot fail but for the
 * value. An empty value stays empty through all but default and required. To
 * add a function: the halves, a row, and its place in rules.md.
 */
#include <string.h>

#include "base/limits.h"
#include "dsl/letters.h"
#include "dsl/program.h"

static const char *const month_names[] = { "January",	"February", "March",	"April",
					   "May",	"June",	    "July",	"August",
					   "September", "October",  "November", "December" };

/* ---- text -------------------------------------------------------------- */

static enum render run_default(const struct call *c, struct working *w)
{
	if (slice_trim(str_slice(w->now)).len)
		str_add_slice(w->next, str_slice(w->now));
	else
		str_add_slice(w->next, c->arg[0]);
	return RENDER_OK;
}

static enum render run_required(const struct call *c, struct working *w)
{
	(void)c;
	str_add_slice(w->next, str_slice(w->now));
	return slice_trim(str_slice(w->now)).len ? RENDER_OK : RENDER_REQUIRED;
}

static enum render run_trim(const struct call *c, struct working *w)
{
	(void)c;
	str_add_slice(w->next, slice_trim(str_slice(w->now)));
	return RENDER_OK;
}

static enum render run_upper(const struct call *c, struct working *w)
{
	(void)c;
	letters_add(w->next, str_slice(w->now), LETTERS_UPPER);
	return RENDER_OK;
}

static enum render run_lower(const struct call *c, struct working *w)
{
	(void)c;
	letters_add(w->next, str_slice(w->now), LETTERS_LOWER);
	return RENDER_OK;
}

static enum render run_title(const struct call *c, struct working *w)
{
	(void)c;
	letters_add(w->next, str_slice(w->now), LETTERS_TITLE);
	return RENDER_OK;
}

static const char *check_replace(struct call *c, struct arena *arena, size_t *at, size_t *from,
				 size_t *to)
{
	(void)arena, (void)from, (void)to;
	*at = 0;
	return c->arg[0].len ? NULL : "the text to be replaced is empty";
}

static enum render run_replace(const struct call *c, struct working *w)
{
	struct slice rest = str_slice(w->now);

	while (rest.len) {
		if (slice_starts(rest, c->arg[0])) {
			str_add_slice(w->next, c->arg[1]);
			rest = (struct slice){ rest.ptr + c->arg[0].len, rest.len - c->arg[0].len };
		} else {
			str_add_char(w->next, *rest.ptr);
			rest = (struct slice){ rest.ptr + 1, rest.len - 1 };
		}
	}
	return RENDER_OK;
}

/* The label was fetched in place of the value: only the source knows labels. */
static enum render run_label(const struct call *c, struct working *w)
{
	(void)c;
	str_add_slice(w->next, str_slice(w->now));
	return RENDER_OK;
}

/* ---- dates ------------------------------------------------------------- */

struct token_row {
	const char *text;
	enum date_token token;
};

/* Longer tokens stand before those that they begin with. */
static const struct token_row tokens[] = {
	{ "YYYY", DATE_YEAR },	     { "YY", DATE_YEAR2 },  { "MMMM", DATE_MONTH_NAME },
	{ "MMM", DATE_MONTH_SHORT }, { "MM", DATE_MONTH },  { "M", DATE_MONTH1 },
	{ "DD", DATE_DAY },	     { "D", DATE_DAY1 },    { "HH", DATE_HOUR },
	{ "mm", DATE_MINUTE },	     { "ss", DATE_SECOND },
};

static const char *const token_words[] = {
	"YYYY", "YY", "MMMM", "MMM", "MM", "M", "DD", "D", "HH", "mm", "ss", NULL,
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The token that the letters at `rest` are, all of one kind: `YYYYY` is none. */
static const struct token_row *find_token(struct slice rest, size_t *run)
{
	*run = 1;
	while (*run < rest.len && rest.ptr[*run] == rest.ptr[0])
		++*run;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (slice_is((struct slice){ rest.ptr, *run }, tokens[i].text))
			return &tokens[i];
	return NULL;
}

static const char *check_date(struct call *c, struct arena *arena, size_t *at, size_t *from,
			      size_t *to)
{
	struct slice format = c->arg[0];
	struct date_piece *piece = arena_alloc(arena, (format.len + 1) * sizeof(*piece));
	size_t run;

	*at = 0;
	if (!format.len)
		return "the format is empty";
	c->piece = piece;
	for (size_t i = 0; i < format.len; i += run) {
		struct slice rest = { format.ptr + i, format.len - i };
		const struct token_row *row = find_token(rest, &run);
		if (row) {
			piece[c->n_piece++] = (struct date_piece){ row->token, { rest.ptr, run } };
			continue;
		}
		if (is_letter(*rest.ptr)) {
			*from = i;
			*to = i + run;
			return "these letters are no part of a date";
		}
		piece[c->n_piece++] = (struct date_piece){ DATE_TEXT, { rest.ptr, run } };
	}
	return NULL;
}

/* A value as civil time in the zone; *is_date: only a day was given. */
static bool read_value(struct working *w, struct civil *out, bool *is_date)
{
	struct slice text = slice_trim(str_slice(w->now));
	int64_t at_ms;

	if (clock_parse_date(text, out)) {
		*is_date = true;
		return true;
	}
	if (!clock_parse_value(text, &at_ms, is_date))
		return false;
	*out = clock_civil_local(at_ms);
	return true;
}

static void add_piece(struct str *out, const struct date_piece *piece, const struct civil *c)
{
	const char *month = month_names[c->month - 1];

	switch (piece->token) {
	case DATE_TEXT:
		str_add_slice(out, piece->text);
		return;
	case DATE_YEAR:
		str_addf(out, "%04d", c->year);
		return;
	case DATE_YEAR2:
		str_addf(out, "%02d", c->year % 100);
		return;
	case DATE_MONTH_NAME:
		str_add_text(out, month);
		return;
	case DATE_MONTH_SHORT:
		str_add(out, month, 3);
		return;
	case DATE_MONTH1:
		str_addf(out, "%d", c->month);
		return;
	case DATE_DAY1:
		str_addf(out, "%d", c->day);
		return;
	default:
		break;
	}
	str_addf(out, "%02d",
		 piece->token == DATE_MONTH    ? c->month
		 : piece->token == DATE_DAY    ? c->day
		 : piece->token == DATE_HOUR   ? c->hour
		 : piece->token == DATE_MINUTE ? c->minute
					       : c->second);
}

static enum render run_date(const struct call *c, struct working *w)
{
	struct civil civil;
	bool is_date;

	if (!slice_trim(str_slice(w->now)).len)
		return RENDER_OK;
	if (!read_value(w, &civil, &is_date)) {
		w->problem = "is not a date";
		return RENDER_BAD;
	}
	for (size_t i = 0; i < c->n_piece; i++)
		add_piece(w->next, &c->piece[i], &civil);
	return RENDER_OK;
}

/* Units with how many of them a thousand years are. */
static const struct {
	const char *one, *many;
	enum calendar_unit unit;
	int64_t most;
} units[] = {
	{ "day", "days", UNIT_DAY, 365000 },
	{ "week", "weeks", UNIT_WEEK, 52000 },
	{ "month", "months", UNIT_MONTH, 12000 },
	{ "year", "years", UNIT_YEAR, 1000 },
};

static const char *const unit_words[] = {
	"days", "weeks", "months", "years", "day", "week", "month", "year", NULL,
};

static const char *check_add(struct call *c, struct arena *arena, size_t *at, size_t *from,
			     size_t *to)
{
	struct slice text = c->arg[0];
	bool negative = text.len && text.ptr[0] == '-';
	size_t i = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'), start = i;
	int64_t n = 0;

	(void)arena;
	*at = 0;
	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
		n = n < 1000000 ? n * 10 + (text.ptr[i] - '0') : n;
	struct slice unit = slice_trim((struct slice){ text.ptr + i, text.len - i });
	if (i == start || !unit.len)
		return "a number and days, weeks, months or years are meant, such as '1 year'";
	for (size_t k = 0; k < sizeof(units) / sizeof(units[0]); k++) {
		if (!slice_is(unit, units[k].one) && !slice_is(unit, units[k].many))
			continue;
		c->amount = negative ? -n : n;
		c->unit = units[k].unit;
		return n <= units[k].most ? NULL : "this is more than a thousand years";
	}
	*from = (size_t)(unit.ptr - text.ptr);
	*to = *from + unit.len;
	return "this is no unit";
}

static enum render run_add(const struct call *c, struct working *w)
{
	char text[CLOCK_TEXT];
	struct civil civil;
	bool is_date;

	if (!slice_trim(str_slice(w->now)).len)
		return RENDER_OK;
	if (!read_value(w, &civil, &is_date)) {
		w->problem = "is not a date";
		return RENDER_BAD;
	}
	civil = clock_add(civil, c->amount, c->unit);
	if (civil.year < 1 || civil.year > 9999) {
		w->problem = "leaves the years 1 to 9999";
		return RENDER_BAD;
	}
	if (is_date)
		str_addf(w->next, "%04d-%02d-%02d", civil.year, civil.month, civil.day);
	else
		str_add_text(w->next, clock_format(clock_instant_local(civil), text));
	return RENDER_OK;
}

const struct function functions[] = {
	{ .name = "default",
	  .min_args = 1,
	  .max_args = 1,
	  .usage = "default('text')",
	  .run = run_default,
	  .meaning = "This text, where the value is empty." },
	{ .name = "required",
	  .usage = "required",
	  .run = run_required,
	  .meaning = "Holds the issuance for a person where the value is empty." },
	{ .name = "trim",
	  .usage = "trim",
	  .run = run_trim,
	  .meaning = "Without white space at both ends." },
	{ .name = "upper", .usage = "upper", .run = run_upper, .meaning = "In upper case." },
	{ .name = "lower", .usage = "lower", .run = run_lower, .meaning = "In lower case." },
	{ .name = "title",
	  .usage = "title",
	  .run = run_title,
	  .meaning = "Each word with a capital." },
	{ .name = "replace",
	  .min_args = 2,
	  .max_args = 2,
	  .usage = "replace('old', 'new')",
	  .check = check_replace,
	  .run = run_replace,
	  .meaning = "Each `old` becomes `new`." },
	{ .name = "label",
	  .usage = "label",
	  .run = run_label,
	  .meaning = "An option's label in place of its value." },
	{ .name = "date",
	  .min_args = 1,
	  .max_args = 1,
	  .usage = "date('YYYY-MM-DD')",
	  .check = check_date,
	  .run = run_date,
	  .needs_date = true,
	  .words = token_words,
	  .meaning = "A date or date-time in this form." },
	{ .name = "add",
	  .min_args = 1,
	  .max_args = 1,
	  .usage = "add('1 year')",
	  .check = check_add,
	  .run = run_add,
	  .needs_date = true,
	  .words = unit_words,
	  .meaning =
		  "A date or date-time so many days, weeks, months or years later; `-` is earlier." },
};

const size_t function_count = sizeof(functions) / sizeof(functions[0]);

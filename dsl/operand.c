#include "dsl/operand.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"

/* A hundred years either way. */
#define DAYS_MOST 36525

struct reading {
	struct faults *f;
	struct patterns *patterns;
	struct arena *arena;
	const struct operator* op;
	struct test *t;
};

/* The empty value has its own operator; comparing with "" never says what was meant. */
static bool refuse_empty(struct reading *r, const struct node *n)
{
	if (n->text.len)
		return true;
	fault(r->f, CODE_EMPTY_OPERAND, n, "'%s' cannot compare with the empty value", r->op->name);
	fault_hint(r->f, "did you mean 'known: %s'?", r->op->contrary ? "true" : "false");
	return false;
}

static bool read_one(struct reading *r, const struct node *n)
{
	if (n->kind == NODE_LIST) {
		fault(r->f, CODE_WRONG_TYPE, n, "'%s' takes one value, not a list", r->op->name);
		if (r->op->form == OPERAND_TEXT)
			fault_hint(r->f, "did you mean '%s'?", r->op->contrary ? "not-in" : "in");
		else
			fault_hint(r->f, "write one test for each, under 'any:' or 'all:'");
		return false;
	}
	return value_text(r->f, n, r->op->name) && refuse_empty(r, n);
}

static bool keep_one(struct reading *r, struct slice text)
{
	struct slice *value = arena_alloc(r->arena, sizeof(*value));

	*value = text;
	r->t->value = value;
	r->t->n_value = 1;
	return true;
}

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool read_texts(struct reading *r, const struct node *n)
{
	size_t count = n->kind == NODE_LIST ? n->count : 1, i = 0;
	bool good = true;

	if (!value_texts(r->f, n, r->op->name))
		return false;
	struct slice *value = arena_alloc(r->arena, count * sizeof(*value));
	if (n->kind == NODE_TEXT) {
		good = refuse_empty(r, n);
		value[i++] = n->text;
	}
	for (const struct node *e = n->first; e; e = e->next) {
		good &= refuse_empty(r, e);
		value[i++] = e->text;
	}
	qsort(value, i, sizeof(*value), by_bytes);
	for (size_t k = 0; k < i; k++)
		if (!r->t->n_value || !slice_eq(value[r->t->n_value - 1], value[k]))
			value[r->t->n_value++] = value[k];
	r->t->value = value;
	return good;
}

static bool read_option(struct reading *r, const struct node *n)
{
	if (!read_one(r, n))
		return false;
	if (!memchr(n->text.ptr, ';', n->text.len))
		return keep_one(r, slice_trim(n->text));
	fault(r->f, CODE_BAD_VALUE, n, "an option cannot hold a ';'");
	fault_hint(r->f, "write one test for each option");
	return false;
}

/* The character at which a pattern went wrong: the last one that was read, or the end where
 * something is missing. */
static void refuse_pattern(struct reading *r, const struct node *n, size_t offset,
			   const char *problem)
{
	size_t len = n->text.len, from = offset < len ? offset : len, to = from;

	if (from > 0 && !(from == len && strncmp(problem, "missing", 7) == 0)) {
		do
			from--;
		while (from > 0 && ((unsigned char)n->text.ptr[from] & 0xc0) == 0x80);
	}
	fault_part(r->f, CODE_BAD_PATTERN, n, from, to, "bad pattern: %s", problem);
}

static bool read_pattern(struct reading *r, const struct node *n)
{
	struct err err;
	size_t offset;

	if (n->kind != NODE_TEXT)
		return read_one(r, n);
	if (!value_text(r->f, n, r->op->name))
		return false;
	if (!n->text.len) {
		fault(r->f, CODE_BAD_PATTERN, n, "the empty pattern matches everything");
		fault_hint(r->f, "did you mean 'known: true'?");
		return false;
	}
	r->t->pattern = patterns_read(r->patterns, n->text, &offset, &err);
	if (r->t->pattern)
		return keep_one(r, n->text);
	if (n->text.len > LIMIT_PATTERN_BYTES)
		fault(r->f, CODE_TOO_LARGE, n, "the pattern is longer than %u bytes",
		      LIMIT_PATTERN_BYTES);
	else
		refuse_pattern(r, n, offset, err.text);
	return false;
}

static bool read_piece(struct reading *r, const struct node *n)
{
	struct err err;
	size_t offset;

	if (!read_one(r, n))
		return false;
	struct slice text = pattern_literal(r->arena, r->op->before, n->text, r->op->behind);
	r->t->pattern = patterns_read(r->patterns, text, &offset, &err);
	if (r->t->pattern)
		return keep_one(r, n->text);
	fault(r->f, CODE_TOO_LARGE, n, "the text is too long to look for");
	return false;
}

/* ---- numbers and dates ------------------------------------------------- */

/* `today`, `-30d`, `+2w`; *unit is the character behind the digits where it is neither d nor w. */
static bool parse_relative(struct slice text, int32_t *days, char *unit)
{
	int32_t n = 0;
	size_t i = 1;

	*unit = '\0';
	if (slice_is(text, "today")) {
		*days = 0;
		return true;
	}
	if (text.len < 2 || (text.ptr[0] != '-' && text.ptr[0] != '+'))
		return false;
	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
		n = n < DAYS_MOST ? n * 10 + (text.ptr[i] - '0') : DAYS_MOST + 1;
	if (i == 1)
		return false;
	*unit = i + 1 == text.len ? text.ptr[i] : i == text.len ? ' ' : '?';
	if (*unit != 'd' && *unit != 'w')
		return false;
	n *= *unit == 'w' ? 7 : 1;
	*unit = n > DAYS_MOST ? '>' : '\0';
	*days = text.ptr[0] == '-' ? -n : n;
	return n <= DAYS_MOST;
}

static bool parse_instant(struct slice text, int64_t *out)
{
	struct civil day;

	if (!clock_parse_date(text, &day))
		return clock_parse_datetime(text, out);
	*out = clock_instant_local(day);
	return true;
}

/* `31.01.2026` and `2026/01/31` are the slips that everybody makes. */
static bool looks_like_date(struct slice text)
{
	size_t digits = 0, marks = 0;

	for (size_t i = 0; i < text.len; i++) {
		digits += text.ptr[i] >= '0' && text.ptr[i] <= '9';
		marks += text.ptr[i] == '.' || text.ptr[i] == '/' || text.ptr[i] == '-';
	}
	return marks == 2 && digits >= 6 && digits + marks == text.len;
}

static void hint_moment(struct reading *r, struct slice text, char unit)
{
	static const char *const words[] = { "today" };
	char first = text.ptr[0];
	int32_t days;
	char rest;

	if (unit == '>')
		fault_hint(r->f, "at most a hundred years");
	else if (unit == ' ')
		fault_hint(r->f, "with a unit: did you mean '%.*sd'?", SLICE_FMT(text));
	else if (unit)
		fault_hint(r->f, "relative days are counted in d and w, such as -30d or +2w");
	else if (first >= '1' && first <= '9' && text.len < 8 &&
		 parse_relative(arena_slice(r->arena, slice_of(arena_printf(r->arena, "-%.*s",
									    SLICE_FMT(text)))),
				&days, &rest))
		fault_hint(r->f, "did you mean '-%.*s' (ago) or '+%.*s'?", SLICE_FMT(text),
			   SLICE_FMT(text));
	else if (diag_nearest(text, words, 1))
		fault_hint(r->f, "did you mean 'today'?");
	else if (looks_like_date(text))
		fault_hint(r->f, "a day that exists, written YYYY-MM-DD");
	else
		fault_hint(r->f, "a date 2026-01-31, a date-time 2026-01-31T09:00:00Z, today, -30d "
				 "or +2w");
}

static bool read_moment(struct reading *r, const struct node *n)
{
	struct quantity *q = &r->t->quantity;
	struct decimal number;
	char unit;

	if (!read_one(r, n) || !keep_one(r, n->text))
		return false;
	if (parse_relative(n->text, &q->days, &unit)) {
		q->kind = QUANTITY_DAYS;
		return true;
	}
	if (parse_instant(n->text, &q->instant_ms)) {
		q->kind = QUANTITY_INSTANT;
		return true;
	}
	bool wants_number = r->op->form == OPERAND_QUANTITY;
	if (wants_number && decimal_parse(n->text, &q->number)) {
		q->kind = QUANTITY_NUMBER;
		return true;
	}
	if (!wants_number && decimal_parse(n->text, &number) && unit == '\0') {
		fault(r->f, CODE_BAD_DATE, n, "'%s' takes a date, not a number", r->op->name);
		fault_hint(r->f, "numbers are compared by %s; a date is written 2026-01-31",
			   r->op->order == ORDER_LESS ? "less-than" : "more-than");
		return false;
	}
	bool date = !wants_number || unit || looks_like_date(n->text);
	fault(r->f, date ? CODE_BAD_DATE : CODE_BAD_NUMBER, n, "%s is %s",
	      fault_shown(r->f, n->text), date ? "no date" : "neither a number nor a date");
	if (date)
		hint_moment(r, n->text, unit);
	else
		fault_hint(r->f, "such as 80, 2.5, 2026-01-31, today or -30d");
	return false;
}

bool operand_read(struct faults *f, struct patterns *patterns, struct arena *arena,
		  const struct operator* op, const struct node *operand, struct test *t)
{
	struct reading r = { f, patterns, arena, op, t };

	switch (op->form) {
	case OPERAND_TEXTS:
		return read_texts(&r, operand);
	case OPERAND_PIECE:
		return read_piece(&r, operand);
	case OPERAND_PATTERN:
		return read_pattern(&r, operand);
	case OPERAND_OPTION:
		return read_option(&r, operand);
	case OPERAND_QUANTITY:
	case OPERAND_MOMENT:
		return read_moment(&r, operand);
	case OPERAND_FLAG:
		return value_bool(f, operand, op->name, &t->flag) && keep_one(&r, operand->text);
	default:
		return read_one(&r, operand) && keep_one(&r, operand->text);
	}
}

/*
 * Filters: a tree of tests out of the input's first line, on values and operands
 * out of the others, judged by the rule language and by a plain second reading
 * of rules.md, without programs, short cuts, PCRE2 or packed numbers. A first byte of '!': a
 * pattern and a subject instead, for PCRE2's door alone.
 */
#include "tests/fuzz/rule.h"

#include "base/clock.h"
#include "base/regex.h"

#define DEPTH_MOST 4
#define TESTS_MOST 40
#define PLACES 100 /* digits before the point, and behind it */

static const char *const texts[] = {
	"",
	"Gold",
	"gold",
	"Silver;Gold",
	"80",
	"80.0",
	"-1.5e3",
	"2026-01-05",
	"2026-01-05T09:00:00+02:00",
	"1767603600000",
	"today",
	"-30d",
	"+2w",
	" a ; b ",
	"1e999999999",
	"0",
};

/* What the second reading says. BAD: the operand is refused. FREE: it has no opinion. */
enum opinion { OPINION_NO, OPINION_YES, OPINION_UNSURE, OPINION_BAD, OPINION_FREE };

struct filters {
	struct input *in;
	struct pool pool;
	struct slice value[3]; /* of the properties a, b and c */
	bool unsure;	       /* c cannot be read */
	bool bad, free;	       /* some operand is refused; some test is not judged */
	size_t tests;
	struct str yaml;
};

/* ---- numbers, written out place by place ---------------------------------- */

struct places {
	bool negative, fits;
	char digit[2 * PLACES];
};

static bool take_digits(struct slice *rest, struct slice *out)
{
	*out = (struct slice){ rest->ptr, 0 };
	while (rest->len && *rest->ptr >= '0' && *rest->ptr <= '9') {
		out->len++;
		*rest = (struct slice){ rest->ptr + 1, rest->len - 1 };
	}
	return out->len > 0;
}

static bool take_one(struct slice *rest, const char *any)
{
	if (!rest->len || !*rest->ptr || !strchr(any, *rest->ptr))
		return false;
	*rest = (struct slice){ rest->ptr + 1, rest->len - 1 };
	return true;
}

static bool naive_number(struct slice text, struct places *out)
{
	struct slice rest = naive_trim(text), whole, fraction = { 0 }, power;
	int64_t shift = 0;

	*out = (struct places){ .fits = true };
	if (rest.len && *rest.ptr == '-')
		out->negative = take_one(&rest, "-");
	else
		take_one(&rest, "+");
	bool any = take_digits(&rest, &whole);
	if (take_one(&rest, ".") && !take_digits(&rest, &fraction))
		return false;
	if (!any && !fraction.len)
		return false;
	if (take_one(&rest, "eE")) {
		bool down = rest.len && *rest.ptr == '-';
		take_one(&rest, "+-");
		if (!take_digits(&rest, &power))
			return false;
		for (size_t i = 0; i < power.len; i++)
			shift = shift > 1000 ? shift : shift * 10 + (power.ptr[i] - '0');
		shift = down ? -shift : shift;
	}
	if (rest.len)
		return false;
	bool zero = true;
	for (size_t i = 0; i < whole.len + fraction.len; i++) {
		char d = i < whole.len ? whole.ptr[i] : fraction.ptr[i - whole.len];
		int64_t at = PLACES - (int64_t)whole.len + (int64_t)i - shift;
		if (d == '0')
			continue;
		zero = false;
		if (at < 0 || at >= 2 * PLACES)
			out->fits = false;
		else
			out->digit[at] = (char)(d - '0');
	}
	out->negative &= !zero;
	return true;
}

static int compare_places(const struct places *a, const struct places *b)
{
	int order = memcmp(a->digit, b->digit, sizeof(a->digit));

	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -order : order;
}

/* ---- dates ------------------------------------------------------------------ */

/* `today`, `-30d`, `+2w`: midnight of a day so far from the event's; at most a hundred years. */
static bool naive_relative(struct slice text, int64_t *out)
{
	struct slice rest = text, digits;
	int64_t n = 0;

	*out = AS_OF_MS / MS_DAY * MS_DAY;
	if (slice_is(text, "today"))
		return true;
	bool back = text.len && text.ptr[0] == '-';
	if (!take_one(&rest, "+-") || !take_digits(&rest, &digits) || rest.len != 1)
		return false;
	for (size_t i = 0; i < digits.len; i++)
		n = n > 1000000 ? n : n * 10 + (digits.ptr[i] - '0');
	n *= *rest.ptr == 'w' ? 7 : 1;
	*out += (back ? -n : n) * MS_DAY;
	return n <= 36525 && (*rest.ptr == 'd' || *rest.ptr == 'w');
}

static bool naive_instant(struct slice text, int64_t *out)
{
	struct civil day;

	if (!clock_parse_date(text, &day))
		return clock_parse_datetime(text, out);
	*out = clock_instant(day);
	return true;
}

/* ---- one test --------------------------------------------------------------- */

static enum opinion if_(bool yes)
{
	return yes ? OPINION_YES : OPINION_NO;
}

static bool same_nocase(const char *a, struct slice b)
{
	for (size_t i = 0; i < b.len; i++)
		if (ascii_lower(a[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

/* where: 0 anywhere, 1 at the start, 2 at the end. */
static enum opinion naive_piece(struct slice value, struct slice piece, int where)
{
	if (!is_ascii(value) || !is_ascii(piece))
		return OPINION_FREE;
	for (size_t i = 0; i + piece.len <= value.len; i++)
		if (same_nocase(value.ptr + i, piece) && (where != 1 || i == 0) &&
		    (where != 2 || i + piece.len == value.len))
			return OPINION_YES;
	return OPINION_NO;
}

static enum opinion naive_has(struct slice value, struct slice option)
{
	size_t from = 0;

	for (size_t i = 0; i <= value.len; i++) {
		if (i < value.len && value.ptr[i] != ';')
			continue;
		if (slice_eq(naive_trim((struct slice){ value.ptr + from, i - from }), option))
			return OPINION_YES;
		from = i + 1;
	}
	return OPINION_NO;
}

static enum opinion by_order(int order, char op)
{
	return if_(op == 'G'   ? order >= 0
		   : op == 'L' ? order <= 0
		   : op == '>' ? order > 0
			       : order < 0);
}

static enum opinion naive_order(struct slice value, struct slice operand, char op, bool numbers)
{
	struct places a, b;
	int64_t at, limit;

	if (naive_relative(operand, &limit) || naive_instant(operand, &limit)) {
		if (!clock_parse_value(naive_trim(value), &at, NULL))
			return OPINION_NO;
		return by_order(at < limit ? -1 : at > limit, op);
	}
	if (!numbers || !naive_number(operand, &b))
		return OPINION_BAD;
	if (!naive_number(value, &a))
		return OPINION_NO;
	return a.fits && b.fits ? by_order(compare_places(&a, &b), op) : OPINION_FREE;
}

static const struct {
	const char *name;
	char kind; /* = text, I list, c s e pieces, H option, G L > < order, b a moments, K known */
	bool contrary;
} ops[] = {
	{ "is", '=', false },	     { "is-not", '=', true },	 { "in", 'I', false },
	{ "not-in", 'I', true },     { "contains", 'c', false }, { "starts-with", 's', false },
	{ "ends-with", 'e', false }, { "has", 'H', false },	 { "has-not", 'H', true },
	{ "at-least", 'G', false },  { "at-most", 'L', false },	 { "more-than", '>', false },
	{ "less-than", '<', false }, { "before", 'b', false },	 { "after", 'a', false },
	{ "known", 'K', false },     { "matches", 'M', false },
};

/* Whether the operand is one at all, told by a value that is none of anything. */
static bool is_bad(char kind, struct slice operand)
{
	if (kind == 'M') /* it never is empty: "(?i)" stands before it */
		return operand.len && memchr(operand.ptr, '\0', operand.len);
	if (!operand.len || memchr(operand.ptr, '\0', operand.len) ||
	    (kind == 'H' && memchr(operand.ptr, ';', operand.len)))
		return true;
	if (kind == 'b' || kind == 'a')
		return naive_order(slice_of("x"), operand, '<', false) == OPINION_BAD;
	if (kind && strchr("GL><", kind))
		return naive_order(slice_of("x"), operand, '<', true) == OPINION_BAD;
	return false;
}

static enum opinion run_kind(char kind, struct slice value, const struct slice *operand, size_t n)
{
	switch (kind) {
	case '=':
		return if_(slice_eq(value, *operand));
	case 'I':
		for (size_t i = 0; i < n; i++)
			if (slice_eq(value, operand[i]))
				return OPINION_YES;
		return OPINION_NO;
	case 'M':
	case 'c':
		return naive_piece(value, *operand, 0);
	case 's':
		return naive_piece(value, *operand, 1);
	case 'e':
		return naive_piece(value, *operand, 2);
	case 'H':
		return naive_has(value, naive_trim(*operand));
	case 'b':
		return naive_order(value, *operand, '<', false);
	case 'a':
		return naive_order(value, *operand, '>', false);
	default:
		return naive_order(value, *operand, kind, true);
	}
}

static void write_operand(struct filters *f, size_t op, const struct slice *operand, size_t n)
{
	struct str pattern;

	if (ops[op].kind == 'K') {
		str_add_text(&f->yaml, operand->len ? "true" : "false");
	} else if (ops[op].kind == 'M') {
		/* Text as a pattern: every character but letters and digits behind a backslash. */
		str_init(&pattern, 4096);
		str_add_text(&pattern, "(?i)");
		for (size_t i = 0; i < operand->len; i++) {
			unsigned char c = (unsigned char)operand->ptr[i];
			if (c < 0x80 &&
			    !strchr("abcdefghijklmnopqrstuvwxyz", ascii_lower((char)c)) &&
			    (c < '0' || c > '9'))
				str_add_char(&pattern, '\\');
			str_add_char(&pattern, (char)c);
		}
		add_quoted(&f->yaml, str_slice(&pattern));
		str_release(&pattern);
	} else if (ops[op].kind == 'I') {
		for (size_t i = 0; i < n; i++) {
			str_add_text(&f->yaml, i ? ", " : "[ ");
			add_quoted(&f->yaml, operand[i]);
		}
		str_add_text(&f->yaml, " ]");
	} else {
		add_quoted(&f->yaml, *operand);
	}
}

static enum opinion make_test(struct filters *f)
{
	size_t property = input_pick(f->in, 3), op = input_pick(f->in, COUNT(ops));
	size_t n = ops[op].kind == 'I' ? 1 + input_pick(f->in, 3) : 1;
	struct slice operand[3], value = f->value[property];

	f->tests++;
	for (size_t i = 0; i < n; i++) {
		operand[i] = pool_pick(&f->pool, f->in);
		f->bad |= ops[op].kind != 'K' && is_bad(ops[op].kind, operand[i]);
	}
	str_addf(&f->yaml, "{ property: %c, %s: ", "abc"[property], ops[op].name);
	write_operand(f, op, operand, n);
	str_add_text(&f->yaml, " }");
	if (property == 2 && f->unsure)
		return OPINION_UNSURE;
	if (ops[op].kind == 'K')
		return if_((value.len > 0) == (operand->len > 0));
	if (!value.len)
		return if_(ops[op].contrary);
	enum opinion opinion = run_kind(ops[op].kind, value, operand, n);
	f->free |= opinion == OPINION_FREE;
	if (!ops[op].contrary || opinion > OPINION_YES)
		return opinion;
	return if_(opinion == OPINION_NO);
}

/* ---- the tree ---------------------------------------------------------------- */

static enum opinion make_entry(struct filters *f, int depth);

/* All hold: one no decides, then one unsure. Any holds: one yes decides, then one unsure. */
static enum opinion make_group(struct filters *f, int depth, bool any)
{
	size_t n = 1 + input_pick(f->in, 3);
	bool seen[OPINION_FREE + 1] = { false };
	enum opinion decides = any ? OPINION_YES : OPINION_NO;

	str_addf(&f->yaml, "{ %s: [ ", any ? "any" : "all");
	for (size_t i = 0; i < n; i++) {
		str_add_text(&f->yaml, i ? ", " : "");
		seen[make_entry(f, depth + 1)] = true;
	}
	str_add_text(&f->yaml, " ] }");
	if (seen[decides])
		return decides;
	return seen[OPINION_UNSURE] ? OPINION_UNSURE : if_(!any);
}

static enum opinion make_entry(struct filters *f, int depth)
{
	size_t kind = input_pick(f->in, 8);

	if (depth >= DEPTH_MOST || kind > 2 || f->tests >= TESTS_MOST)
		return make_test(f);
	if (kind < 2)
		return make_group(f, depth, kind == 1);
	str_add_text(&f->yaml, "{ not: ");
	enum opinion inside = make_entry(f, depth + 1);
	str_add_text(&f->yaml, " }");
	return inside > OPINION_YES ? inside : if_(inside == OPINION_NO);
}

/* ---- both --------------------------------------------------------------------- */

struct seen {
	const struct filters *filters;
	const struct table *table;
};

static enum fact value_of(void *ctx, uint32_t property, struct slice *value)
{
	const struct seen *s = ctx;
	char name = s->table->property[property].name[0];

	must(name >= 'a' && name <= 'c');
	*value = s->filters->value[name - 'a'];
	return name == 'c' && s->filters->unsure ? FACT_UNSURE : FACT_KNOWN;
}

static void count_test(void *ctx, const struct rule *rule, const struct match_step *step)
{
	size_t *tests = ctx;

	must(step->kind != MATCH_TEST || step->test < rule_test_count(rule));
	*tests += step->kind == MATCH_TEST;
}

/* Watched, it answers the same for the same reason, and looks at every test. */
static void watch(const struct table *t, const struct event_facts *event, const struct facts *facts,
		  enum answer answer, const struct match_note *note)
{
	size_t tests = 0;
	struct match_watcher watcher = { &tests, count_test };
	struct match_note again = { 0 };

	must(rule_match_watched(t, &t->rule[0], event, facts, &again, &watcher) == answer);
	must(again.what == note->what && again.line == note->line && again.column == note->column &&
	     again.value_note == note->value_note);
	must(tests == rule_test_count(&t->rule[0]));
}

/* So does the matcher of all rules, which may be unsure, never wrong. */
static void match_all(const struct table *t, const struct event_facts *event,
		      const struct facts *facts, enum answer answer)
{
	struct matcher *m = matcher_new(t);
	const struct survivor *s;
	size_t n = matcher_run(m, t->rule[0].source, slice_of(t->rule[0].target), event, facts, &s);

	must(n ? !s[0].sure || answer == ANSWER_YES : answer == ANSWER_NO);
	matcher_free(m);
}

static void compare(struct filters *f, enum opinion ours)
{
	struct seen seen = { f, NULL };
	struct facts facts = { &seen, value_of, NULL };
	struct event_facts event = { .kind = EVENT_PROPERTY_CHANGED,
				     .to = slice_of("x"),
				     .from_known = true,
				     .as_of_ms = AS_OF_MS };
	struct match_note note = { 0 };
	struct table *t = build_rule(str_slice(&f->yaml));

	must(!t == f->bad);
	if (!t)
		return;
	seen.table = t;
	enum answer answer = rule_match(t, &t->rule[0], &event, &facts, &note);
	must(answer == ANSWER_YES || (note.what && note.line));
	watch(t, &event, &facts, answer, &note);
	match_all(t, &event, &facts, answer);
	must(f->free || answer == (ours == OPINION_YES	? ANSWER_YES
				   : ours == OPINION_NO ? ANSWER_NO
							: ANSWER_UNSURE));
	table_unref(t);
}

static void run_tree(struct input *in)
{
	struct filters f = { 0 };
	struct input program = { in->at, in->at };
	struct slice first = input_until(in, '\n');

	program.end = program.at + first.len;
	f.in = &program;
	pool_add(&f.pool, texts, COUNT(texts), in);
	for (size_t i = 0; i < 3; i++)
		f.value[i] = pool_pick(&f.pool, &program);
	f.unsure = input_byte(&program) & 1;
	str_init(&f.yaml, 1 << 20);
	str_add_text(&f.yaml, "rule: r\naction: { do: issue-credential, group: g }\n"
			      "trigger:\n  event: property-changed\n  property: zz\n  filters:\n"
			      "    - ");
	enum opinion ours = make_entry(&f, 0);
	str_add_char(&f.yaml, '\n');
	compare(&f, ours);
	str_release(&f.yaml);
	arena_release(&f.pool.memory);
}

/* Ends, and says the same twice; a text that is none matches nothing. */
static void run_pattern(struct input *in)
{
	struct err err = { "" };
	struct slice pattern = input_until(in, '\n'), subject = input_rest(in);
	size_t offset = 0;
	struct regex *re = regex_compile(pattern, &offset, &err);

	if (!re) {
		must(offset <= pattern.len && err.text[0]);
		return;
	}
	enum regex_answer answer = regex_match(re, subject);
	must(utf8_valid(subject) || answer == REGEX_NO);
	must(regex_match(re, subject) == answer);
	regex_free(re);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };

	if (size && *data == '!') {
		in.at++;
		run_pattern(&in);
	} else {
		run_tree(&in);
	}
	return 0;
}

/*
 * Templates: parts out of the input's first line, on values and texts out of
 * the others, rendered by the rule language and by a plain second reading of
 * rules.md. A first byte of '!': the rest is a template as it stands, in every field, and what
 * comes out must be what fields promise.
 */
#include "tests/fuzz/rule.h"

#include "base/clock.h"

#define PARTS_MOST 8
#define CALLS_MOST 5
#define AT_MS INT64_C(1767603600123) /* 2026-01-05T09:00:00.123Z */
#define AT "2026-01-05T09:00:00.123Z"

static const char *const texts[] = {
	"",
	"Gold",
	"  two  words ",
	"2026-01-31",
	"2026-01-31T23:30:00+02:00",
	"a",
	"1767603600000",
	"YYYY-MM-DD",
	"DD. MMMM YY",
	"HH:mm:ss",
	"it's \\ \"so\"",
	"9999-12-31",
};

struct templates {
	struct input *in;
	struct pool pool;
	struct slice a, b, from, to;
	bool unsure;	 /* b cannot be read */
	bool free;	 /* the second reading has no opinion */
	struct str text; /* the template */
	struct str yaml;
	struct str out;	    /* what it renders to … */
	enum render render; /* … or why it does not */
};

/* ---- functions, read a second time ------------------------------------------- */

static bool is_blank(struct slice text)
{
	return naive_trim(text).len == 0;
}

static void change_case(struct templates *t, struct str *v, bool upper)
{
	t->free |= !is_ascii(str_slice(v));
	for (size_t i = 0; i < v->len; i++) {
		char low = ascii_lower(v->ptr[i]);
		v->ptr[i] = upper && low >= 'a' && low <= 'z' ? (char)(low - 32) : low;
	}
}

static void set(struct str *v, struct slice text)
{
	struct str copy;

	str_init(&copy, LIMIT_FIELD_BYTES);
	str_add_slice(&copy, text);
	str_clear(v);
	str_add_slice(v, str_slice(&copy));
	str_release(&copy);
}

static void replace(struct str *v, struct slice old, struct slice new)
{
	struct str out;

	str_init(&out, LIMIT_FIELD_BYTES);
	for (size_t i = 0; i < v->len;) {
		bool here = v->len - i >= old.len && memcmp(v->ptr + i, old.ptr, old.len) == 0;
		if (here)
			str_add_slice(&out, new);
		else
			str_add_char(&out, v->ptr[i]);
		i += here ? old.len : 1;
	}
	set(v, str_slice(&out));
	str_release(&out);
}

/* A value that is to be a date: YYYY-MM-DD in UTC of whatever form it has. */
static bool as_day(struct str *v, int64_t *day_ms, bool *whole_day)
{
	struct slice text = naive_trim(str_slice(v));
	int64_t at_ms;

	if (!clock_parse_value(text, &at_ms, whole_day))
		return false;
	*day_ms = at_ms;
	return true;
}

/* `date` with the one form that has only digits, told apart from all others. */
static void format_date(struct templates *t, struct str *v, struct slice form)
{
	char text[CLOCK_TEXT];
	int64_t at_ms;
	bool day;

	if (is_blank(str_slice(v))) {
		str_clear(v);
		return;
	}
	if (!as_day(v, &at_ms, &day)) {
		t->render = RENDER_BAD;
		return;
	}
	clock_format(at_ms, text);
	if (slice_is(form, "YYYY-MM-DD"))
		set(v, (struct slice){ text, 10 });
	else if (slice_is(form, "HH:mm:ss"))
		set(v, (struct slice){ text + 11, 8 });
	else
		t->free = true;
}

static void add_days(struct templates *t, struct str *v, int days)
{
	char text[CLOCK_TEXT];
	int64_t at_ms;
	bool day;

	if (is_blank(str_slice(v))) {
		str_clear(v);
		return;
	}
	if (!as_day(v, &at_ms, &day)) {
		t->render = RENDER_BAD;
		return;
	}
	at_ms += days * MS_DAY;
	struct civil c = clock_civil(at_ms);
	if (c.year < 1 || c.year > 9999)
		t->render = RENDER_BAD;
	clock_format(at_ms, text);
	set(v, day ? (struct slice){ text, 10 } : slice_of(text));
}

/* ---- parts -------------------------------------------------------------------- */

/* A text in quotes, as a template writes it. */
static void quote(struct str *out, struct slice text)
{
	str_add_char(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
			str_add_char(out, '\\');
		str_add_char(out, text.ptr[i]);
	}
	str_add_char(out, '\'');
}

/* One function more: written, and done to v. What validate would refuse is not written. */
static void make_call(struct templates *t, struct str *v)
{
	static const char *const forms[] = { "YYYY-MM-DD", "HH:mm:ss", "DD. MMMM YY" };
	size_t kind = input_pick(t->in, 8);
	struct slice one = pool_pick(&t->pool, t->in), two = pool_pick(&t->pool, t->in);

	if (kind == 0) {
		str_add_text(&t->text, " | default(");
		quote(&t->text, one);
		if (is_blank(str_slice(v)))
			set(v, one);
		str_add_char(&t->text, ')');
	} else if (kind == 1) {
		str_add_text(&t->text, "|required");
		if (is_blank(str_slice(v)))
			t->render = RENDER_REQUIRED;
	} else if (kind == 2) {
		str_add_text(&t->text, " |trim ");
		set(v, naive_trim(str_slice(v)));
	} else if (kind <= 4) {
		str_add_text(&t->text, kind == 3 ? " | upper" : " | lower()");
		change_case(t, v, kind == 3);
	} else if (kind == 5 && one.len) {
		str_add_text(&t->text, " | replace(");
		quote(&t->text, one);
		str_add_text(&t->text, ", ");
		quote(&t->text, two);
		str_add_char(&t->text, ')');
		replace(v, one, two);
	} else if (kind == 6) {
		const char *form = forms[input_pick(t->in, COUNT(forms))];
		str_addf(&t->text, " | date('%s')", form);
		format_date(t, v, slice_of(form));
	} else if (kind == 7) {
		int days = (int8_t)input_byte(t->in);
		str_addf(&t->text, " | add('%d days')", days);
		add_days(t, v, days);
	}
}

static void make_reference(struct templates *t)
{
	static const char *const names[] = { "contact.a", "contact.b",	   "event.from",
					     "event.to",  "event.at",	   "event.date",
					     "rule.name", "event.property" };
	struct slice values[] = { t->a,		 t->b,		t->from,
				  t->to,	 slice_of(AT),	slice_of("2026-01-05"),
				  slice_of("r"), slice_of("zz") };
	size_t which = input_pick(t->in, COUNT(names)), calls = input_pick(t->in, CALLS_MOST);
	struct str v;

	str_init(&v, LIMIT_FIELD_BYTES);
	str_addf(&t->text, "{{ %s", names[which]);
	str_add_slice(&v, values[which]);
	if (which < 4 && input_byte(t->in) & 1) {
		str_add_text(&t->text, " | label");
		if (v.len)
			set(&v, slice_of("the label"));
	}
	bool decided = t->render != RENDER_OK;
	if (!decided && which == 1 && t->unsure)
		t->render = RENDER_UNSURE;
	for (size_t i = 0; i < calls; i++) {
		enum render before = t->render;
		make_call(t, &v);
		/* The first thing that goes wrong is what is said. */
		t->render = before != RENDER_OK ? before : t->render;
	}
	str_add_text(&t->text, " }}");
	str_add_slice(&t->out, str_slice(&v));
	t->free |= v.overflow;
	str_release(&v);
}

static void make_part(struct templates *t)
{
	if (input_byte(t->in) & 1) {
		make_reference(t);
		return;
	}
	struct slice text = pool_pick(&t->pool, t->in);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i] == '{' || text.ptr[i] == '}' ? '(' : text.ptr[i];
		str_add_char(&t->text, c);
		str_add_char(&t->out, c);
	}
}

/* ---- both ----------------------------------------------------------------------- */

struct seen {
	struct slice a, b;
	bool unsure;
	const struct table *table;
};

static enum fact value_of(void *ctx, uint32_t property, struct slice *value)
{
	const struct seen *s = ctx;
	const char *name = s->table->property[property].name;

	*value = strcmp(name, "a") == 0 ? s->a : strcmp(name, "b") == 0 ? s->b : slice_of("x@y.zz");
	return strcmp(name, "b") == 0 && s->unsure ? FACT_UNSURE : FACT_KNOWN;
}

static enum fact label_of(void *ctx, uint32_t property, struct slice value, struct slice *label)
{
	(void)ctx, (void)property, (void)value;
	*label = slice_of("the label");
	return FACT_KNOWN;
}

static struct event_facts event_of(struct slice from, struct slice to)
{
	return (struct event_facts){ .kind = EVENT_PROPERTY_CHANGED,
				     .property = slice_of("zz"),
				     .from = from,
				     .to = to,
				     .from_known = true,
				     .list_name = slice_of("Graduates"),
				     .list_id = slice_of("42"),
				     .at_ms = AT_MS,
				     .as_of_ms = AS_OF_MS };
}

static const struct field *find_field(const struct rule *rule, const char *name, size_t *at)
{
	for (*at = 0; *at < rule->n_field; ++*at)
		if (strcmp(rule->field[*at].name, name) == 0)
			return &rule->field[*at];
	return NULL;
}

/* What every field promises, whatever was written in the rule. */
static void check_field(const struct table *t, size_t i, struct seen *seen,
			const struct event_facts *event)
{
	const char *name = t->rule[0].field[i].name;
	struct facts facts = { seen, value_of, label_of };
	char why[LIMIT_ERROR_BYTES] = "";
	struct civil day;
	struct str out;

	str_init(&out, LIMIT_FIELD_BYTES);
	enum render render = rule_render(t, &t->rule[0], i, event, &facts, &out, why);
	struct slice text = str_slice(&out);
	if (render != RENDER_OK) {
		must(why[0] && render <= RENDER_BAD);
		must(render != RENDER_UNSURE || seen->unsure);
	} else if (strcmp(name, "issue-date") == 0) {
		must(clock_parse_date(text, &day));
	} else if (strcmp(name, "expiry-date") == 0) {
		must(!text.len || clock_parse_date(text, &day));
	} else if (strncmp(name, "recipient.", 10) == 0) {
		must(slice_eq(naive_trim(text), text));
		must(strcmp(name, "recipient.name") != 0 || !text.len ||
		     !memmem(text.ptr, text.len, "  ", 2));
	}
	must(utf8_valid(text) || !utf8_valid(seen->a) || !utf8_valid(event->to));
	str_release(&out);
}

static void compare(struct templates *t)
{
	struct seen seen = { t->a, t->b, t->unsure, NULL };
	struct facts facts = { &seen, value_of, label_of };
	struct event_facts event = event_of(t->from, t->to);
	char why[LIMIT_ERROR_BYTES] = "";
	struct table *table = build_rule(str_slice(&t->yaml));
	struct str out;
	size_t at;

	seen.table = table;
	/* A date that can never be one and the like are refused: then there is nothing to compare. */
	if (!table)
		return;
	must(find_field(&table->rule[0], "custom.x", &at));
	str_init(&out, LIMIT_FIELD_BYTES);
	enum render render = rule_render(table, &table->rule[0], at, &event, &facts, &out, why);
	if (!t->free && !t->out.overflow) {
		must(render == t->render);
		must(render != RENDER_OK || slice_eq(str_slice(&out), str_slice(&t->out)));
	}
	for (size_t i = 0; i < table->rule[0].n_field; i++)
		check_field(table, i, &seen, &event);
	str_release(&out);
	table_unref(table);
}

static void run_parts(struct input *in)
{
	struct templates t = { 0 };
	struct input program = { in->at, in->at };
	struct slice first = input_until(in, '\n');

	program.end = program.at + first.len;
	t.in = &program;
	pool_add(&t.pool, texts, COUNT(texts), in);
	t.a = pool_pick(&t.pool, &program);
	t.b = pool_pick(&t.pool, &program);
	t.from = pool_pick(&t.pool, &program);
	t.to = pool_pick(&t.pool, &program);
	t.unsure = input_byte(&program) & 1;
	str_init(&t.text, LIMIT_YAML_SCALAR_BYTES);
	str_init(&t.out, LIMIT_FIELD_BYTES);
	str_init(&t.yaml, 1 << 20);
	for (size_t i = 0; i < PARTS_MOST && program.at < program.end; i++)
		make_part(&t);
	str_add_text(&t.yaml,
		     "rule: r\ntrigger: { event: property-changed, property: zz }\n"
		     "action:\n  do: issue-credential\n  group: g\n  fields:\n    custom.x: ");
	add_quoted(&t.yaml, str_slice(&t.text));
	str_add_char(&t.yaml, '\n');
	compare(&t);
	str_release(&t.text);
	str_release(&t.out);
	str_release(&t.yaml);
	arena_release(&t.pool.memory);
}

/* The same text in every field of a rule of either kind. */
static void run_text(struct input *in)
{
	static const char *const fields[] = { "recipient.name", "recipient.email", "issue-date",
					      "expiry-date", "custom.x" };
	uint8_t flags = input_byte(in);
	struct slice text = input_until(in, '\n'), value = input_rest(in);
	struct seen seen = { value, value, flags & 1, NULL };
	struct event_facts event = event_of(value, value);
	struct str yaml;

	str_init(&yaml, 1 << 20);
	str_addf(&yaml, "rule: r\ntrigger: { event: %s }\n",
		 flags & 2 ? "list-added, list: 42" : "property-changed, property: zz");
	str_add_text(&yaml, "action:\n  do: issue-credential\n  group: g\n  fields:\n");
	str_addf(&yaml, "    %s: ", fields[(flags >> 2) % COUNT(fields)]);
	if (utf8_valid(text))
		add_quoted(&yaml, text);
	else
		str_add_json(&yaml, text);
	str_add_char(&yaml, '\n');
	struct table *table = build_rule(str_slice(&yaml));
	seen.table = table;
	for (size_t i = 0; table && i < table->rule[0].n_field; i++)
		check_field(table, i, &seen, &event);
	table_unref(table);
	str_release(&yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };

	if (size && *data == '!') {
		in.at++;
		run_text(&in);
	} else {
		run_parts(&in);
	}
	return 0;
}

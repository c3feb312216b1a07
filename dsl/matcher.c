/*
 * matcher - one event against all rules of a table (dsl/index.h says how they lie).
 *
 * What is worked out about a property is kept for the event, however many rules read it. Nothing is
 * allocated. Where anything is not plain - a fact that could not be read, an address that ends with a
 * new line - the rules that ask for it pass unsure.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "dsl/index.h"

enum said { SAID_NO, SAID_YES, SAID_NOTHING };

enum number_is { NUMBER_UNREAD, NUMBER_PLAIN, NUMBER_FAR, NUMBER_NONE };

/* A property of the contact, for this event. */
struct cell {
	uint64_t event; /* what stands here is of it */
	uint64_t plain; /* of this event `number` is what it says, NUMBER_PLAIN */
	struct slice value;
	int64_t number; /* NUMBER_PLAIN */
	uint8_t number_is;
	bool known;
};

struct matcher {
	const struct table *table;
	const struct facts *facts;
	const struct event_facts *what;
	uint64_t event; /* counts them */
	struct cell *cell;
	uint64_t *pattern; /* event << 2 | said */
	struct survivor *survivor;
	size_t survivors;
};

struct matcher *matcher_new(const struct table *t)
{
	struct matcher *m = mem_alloc(sizeof(*m));

	m->table = t;
	m->cell = mem_alloc(t->n_property * sizeof(*m->cell));
	m->pattern = mem_alloc(t->index->patterns * sizeof(*m->pattern));
	m->survivor = mem_alloc((2 * t->index->most + 1) * sizeof(*m->survivor));
	return m;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	mem_free(m->cell);
	mem_free(m->pattern);
	mem_free(m->survivor);
	mem_free(m);
}

/* ---- texts and numbers --------------------------------------------------------- */

struct slice index_address(struct slice value)
{
	const char *at = value.len ? memrchr(value.ptr, '@', value.len) : NULL;

	return at ? (struct slice){ at, (size_t)(value.ptr + value.len - at) }
		  : (struct slice){ 0 };
}

#define WHOLE_DIGITS 12
#define PART_DIGITS 6

/* Takes at most `most` digits. */
static const char *read_digits(const char *p, const char *end, size_t most, int64_t *n)
{
	if ((size_t)(end - p) > most)
		end = p + most;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		*n = *n * 10 + (*p - '0');
	return p;
}

bool index_number(struct slice text, int64_t *out)
{
	static const int64_t scale[] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
	const char *p = text.ptr, *end = slice_end(text);
	bool negative = p < end && *p == '-';
	const char *first = p + negative;
	int64_t n = 0, parts = 0;

	p = read_digits(first, end, WHOLE_DIGITS, &n);
	if (p == first)
		return false;
	if (p < end) {
		const char *point = p++;
		p = read_digits(p, end, PART_DIGITS, &n);
		parts = p - point - 1;
		if (*point != '.' || !parts)
			return false;
	}
	n *= scale[parts];
	*out = negative ? -n : n;
	return p == end;
}

/* ---- cells --------------------------------------------------------------------- */

static struct cell *cell_of(struct matcher *m, uint32_t property)
{
	struct cell *c = &m->cell[property];

	if (c->event == m->event)
		return c;
	c->event = m->event;
	c->number_is = NUMBER_UNREAD;
	c->known = m->facts->value(m->facts->ctx, property, &c->value) == FACT_KNOWN;
	return c;
}

/* Some digits and no more: what most numbers are. */
static inline bool short_number(struct slice text, int64_t *out)
{
	int64_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
		if (digit > 9)
			return false;
		n = n * 10 + digit;
	}
	*out = n * 1000000;
	return true;
}

static enum number_is read_number(struct cell *c)
{
	struct decimal other;

	if (c->value.len - 1 < 8 && short_number(c->value, &c->number))
		return (enum number_is)(c->number_is = NUMBER_PLAIN);

	if (index_number(c->value, &c->number))
		c->number_is = NUMBER_PLAIN;
	else
		c->number_is = decimal_parse(c->value, &other) ? NUMBER_FAR : NUMBER_NONE;
	return c->number_is;
}

/* ---- checks -------------------------------------------------------------------- */

static enum said say(bool yes)
{
	return yes ? SAID_YES : SAID_NO;
}

/* 1 where the order of a and b is one of `order`, else 0: without a branch, which would be guessed wrong. */
static unsigned in_order(unsigned order, int64_t a, int64_t b)
{
	return order >> ((a > b) * 2 + (a == b)) & 1;
}

static enum said check_number(struct cell *c, const struct check *k, int64_t operand)
{
	enum number_is is = c->number_is == NUMBER_UNREAD ? read_number(c) : c->number_is;

	if (is == NUMBER_PLAIN)
		return say(in_order(k->order, c->number, operand));
	return is == NUMBER_NONE ? SAID_NO : SAID_NOTHING;
}

static enum said run_test(const struct matcher *m, const struct test *t, struct slice value)
{
	struct test_moment moment = { m->what->as_of_ms };
	const char *note;
	enum answer answer = test_run(t, value, &moment, &note);

	return answer > ANSWER_YES ? SAID_NOTHING : say(answer == ANSWER_YES);
}

static enum said run_pattern(struct matcher *m, uint32_t i, struct slice value)
{
	if (m->pattern[i] >> 2 != m->event)
		m->pattern[i] = m->event << 2 | run_test(m, m->table->index->pattern[i], value);
	return (enum said)(m->pattern[i] & 3);
}

static enum said check_from(const struct matcher *m, const struct rule *rule)
{
	if (!m->what->from_known)
		return SAID_NO;
	return say(rule_has_value(rule->from, rule->n_from, m->what->from));
}

static enum said check_at(struct matcher *m, const struct check *k, uint32_t rule)
{
	const struct table_index *x = m->table->index;

	if (k->kind == CHECK_FROM)
		return check_from(m, &m->table->rule[rule]);
	struct cell *c = cell_of(m, k->property);
	if (!c->known)
		return SAID_NOTHING;
	if (k->kind == CHECK_TEST)
		return run_test(m, x->test[k->of], c->value);
	if (!c->value.len)
		return SAID_NO;
	if (k->kind == CHECK_NUMBER)
		return check_number(c, k, x->number[k->of]);
	if (k->kind == CHECK_PATTERN)
		return run_pattern(m, k->of, c->value);
	const struct literals *l = &x->literals[k->of];
	return literals_can_say(l, c->value) ? say(literals_match(l, c->value)) : SAID_NOTHING;
}

static void survive(struct matcher *m, uint32_t rule, bool sure)
{
	m->survivor[m->survivors++] = (struct survivor){ rule, sure };
}

/* The first of a row that asks for a number reads it; what is not plain is looked at each time. */
static __attribute__((noinline)) bool read_rung(struct matcher *m, const struct rung *r)
{
	struct check check = { CHECK_NUMBER, r->order, r->property, r->number };
	enum said said = check_at(m, &check, r->rule);
	struct cell *c = &m->cell[r->property];

	if (c->known && c->value.len && c->number_is == NUMBER_PLAIN) {
		c->plain = m->event;
		return true;
	}
	if (said != SAID_NO)
		survive(m, r->rule, false);
	return false;
}

static void run_row(struct matcher *m, const union entry *e, const union entry *end)
{
	const int64_t *number = m->table->index->number;

	for (; e < end; e++) {
		const struct rung *r = &e->rung;
		const struct cell *c = &m->cell[r->property];
		if (c->plain != m->event && !read_rung(m, r))
			continue;
		m->survivor[m->survivors] = (struct survivor){ r->rule, true };
		m->survivors += in_order(r->order, c->number, number[r->number]);
	}
}

static void run_entries(struct matcher *m, struct range range)
{
	const union entry *e = m->table->index->entry + range.first, *end = e + range.count;

	while (e < end) {
		const struct candidate *c = &e++->candidate;
		const union entry *last = e + c->count;
		enum said said = SAID_YES;
		bool sure = c->exact;
		if (c->row) {
			run_row(m, e, last);
			e = last;
			continue;
		}
		for (; e < last && said != SAID_NO; e++) {
			said = check_at(m, &e->check, c->rule);
			sure &= said == SAID_YES;
		}
		if (said != SAID_NO)
			survive(m, c->rule, sure);
		e = last;
	}
}

/* ---- gates --------------------------------------------------------------------- */

/* Whether what the value ends with is plain: a pattern for it asks for no more. */
static bool plain_end(enum gate_kind kind, struct slice value)
{
	struct literals end = { .any_case = kind == GATE_ADDRESS_LOWER };

	return kind == GATE_VALUE || literals_can_say(&end, value);
}

static struct slice in_lower(struct slice text, char out[INDEX_TEXT_BYTES])
{
	for (size_t i = 0; i < text.len; i++)
		out[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32)
								  : text.ptr[i];
	return (struct slice){ out, text.len };
}

/* The rules of a path may run; in a value that is no UTF-8, no pattern finds anything. */
static void run_path(struct matcher *m, uint32_t bucket, uint32_t gate, struct slice text)
{
	const struct table_index *x = m->table->index;
	const struct path *path = index_path(x, bucket, gate, text);
	const struct cell *c = &m->cell[x->gate[gate].property];

	if (path && (x->gate[gate].kind == GATE_VALUE || utf8_valid(c->value)))
		run_entries(m, path->entries);
}

static __attribute__((noinline)) void run_lower(struct matcher *m, uint32_t bucket, uint32_t gate,
						struct slice text)
{
	char lower[INDEX_TEXT_BYTES];

	run_path(m, bucket, gate, in_lower(text, lower));
}

/* False where the value cannot tell. */
static bool pass_gate(struct matcher *m, uint32_t bucket, uint32_t gate)
{
	const struct gate *g = &m->table->index->gate[gate];
	const struct cell *c = cell_of(m, g->property);

	if (!c->known || (c->value.len && !plain_end(g->kind, c->value)))
		return false;
	struct slice text = g->kind == GATE_VALUE ? c->value : index_address(c->value);
	if (!text.len || text.len > INDEX_TEXT_BYTES)
		return true;
	if (g->kind == GATE_ADDRESS_LOWER)
		run_lower(m, bucket, gate, text);
	else
		run_path(m, bucket, gate, text);
	return true;
}

static int by_rule(const void *a, const void *b)
{
	const struct survivor *x = a, *y = b;

	return (x->rule > y->rule) - (x->rule < y->rule);
}

/* In the order of the rules, as the parts of a bucket do not come. */
static void sort(struct survivor *s, size_t n)
{
	size_t i = 1;

	while (i < n && s[i - 1].rule < s[i].rule)
		i++;
	if (i < n)
		qsort(s, n, sizeof(*s), by_rule);
}

static void run_bucket(struct matcher *m, const struct bucket *b)
{
	size_t before = m->survivors;
	bool told = true;

	for (uint32_t i = 0; told && i < b->gates; i++)
		told = pass_gate(m, (uint32_t)(b - m->table->index->bucket), b->gate[i]);
	if (told) {
		run_entries(m, b->flat);
		sort(m->survivor + before, m->survivors - before);
		return;
	}
	m->survivors = before;
	for (uint32_t i = 0; i < b->ids.count; i++) {
		uint32_t rule = m->table->index->id[b->ids.first + i];
		survive(m, rule, false);
	}
}

size_t matcher_run(struct matcher *m, uint32_t source, struct slice target,
		   const struct event_facts *event, const struct facts *facts,
		   const struct survivor **out)
{
	const struct table_index *x = m->table->index;
	bool change = event->kind == EVENT_PROPERTY_CHANGED;
	struct index_key key = { BUCKET_KIND(source, event->kind, false), target,
				 change ? event->to : (struct slice){ 0 } };

	m->event++;
	m->facts = facts;
	m->what = event;
	m->survivors = 0;
	const struct bucket *b = index_bucket(x, &key);
	if (b)
		run_bucket(m, b);
	if (x->any && (key.value.len || !change)) {
		key = (struct index_key){ BUCKET_KIND(source, event->kind, true), target, { 0 } };
		b = index_bucket(x, &key);
		if (b)
			run_bucket(m, b);
	}
	*out = m->survivor;
	return m->survivors;
}

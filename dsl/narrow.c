/*
 * narrow - builds what a bucket holds: gates, paths, candidates and checks (dsl/index.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "dsl/index.h"

/* A gate costs each event a look-up: it must spare as much, and few do. */
#define GATE_RULES 4
#define GATES_WEIGHED 16
#define NEEDS_MOST 16
#define NONE UINT32_MAX

/* ---- lists that grow, and are copied into the table -------------------------- */

struct pile {
	char *ptr;
	size_t count, cap, each;
};

static void *pile_add(struct pile *p, const void *item)
{
	p->ptr = mem_grow(p->ptr, &p->cap, p->count + 1, p->each);
	return memcpy(p->ptr + p->count++ * p->each, item, p->each);
}

static void *pile_at(const struct pile *p, size_t i)
{
	return p->ptr + i * p->each;
}

static const void *pile_keep(struct pile *p, struct arena *arena)
{
	void *kept = arena_alloc(arena, p->count * p->each);

	if (p->count)
		memcpy(kept, p->ptr, p->count * p->each);
	mem_free(p->ptr);
	return kept;
}

/* ---- the maker --------------------------------------------------------------- */

/* A test that must hold, whatever else a rule says. */
struct need {
	const struct test *test;
	const struct literals *literals; /* NULL: its pattern is more than texts, or it has none */
};

struct needs {
	struct need need[NEEDS_MOST];
	size_t count;
	bool all; /* together they are the rule's filter */
};

/* A rule on a path, or (NONE) behind no gate. */
struct standing {
	uint32_t path, rule;
	uint32_t proved; /* the need that the path proves */
};

struct index_maker {
	const struct table *t;
	struct arena *arena; /* the table's */
	struct map literals_kept, numbers_kept, patterns_kept, paths_kept,
		gates_kept; /* to index + 1 */
	uint32_t row;	    /* the entry that heads the row which may go on, or NONE */
	struct pile entry, number, literals, test, pattern, gate, path, standing;
};

struct index_maker *index_maker_new(struct table *t)
{
	struct index_maker *m = mem_alloc(sizeof(*m));

	*m = (struct index_maker){ .t = t,
				   .arena = &t->memory->arena,
				   .entry = { .each = sizeof(union entry) },
				   .number = { .each = sizeof(int64_t) },
				   .literals = { .each = sizeof(struct literals) },
				   .test = { .each = sizeof(const struct test *) },
				   .pattern = { .each = sizeof(const struct test *) },
				   .gate = { .each = sizeof(struct gate) },
				   .path = { .each = sizeof(struct path) },
				   .standing = { .each = sizeof(struct standing) } };
	map_init(&m->literals_kept);
	map_init(&m->numbers_kept);
	map_init(&m->patterns_kept);
	map_init(&m->paths_kept);
	map_init(&m->gates_kept);
	return m;
}

/* The key's item in the pile, which is added where the key is new. */
static void *keep_once(struct map *map, struct pile *pile, struct slice key, const void *item,
		       uint32_t *at)
{
	uintptr_t known = (uintptr_t)map_get(map, key);

	if (!known) {
		(void)pile_add(pile, item);
		known = pile->count;
		map_put(map, key, (void *)known);
	}
	*at = (uint32_t)known - 1;
	return pile_at(pile, *at);
}

static struct slice bytes_of(const void *p, size_t len)
{
	return (struct slice){ p, len };
}

/* ---- what a rule needs ------------------------------------------------------- */

static void add_need(struct needs *out, const struct test *test)
{
	if (out->count == NEEDS_MOST) {
		out->all = false;
		return;
	}
	const struct literals *l = test->pattern ? test->pattern->texts : NULL;
	out->need[out->count++] = (struct need){ test, l };
}

/* The tests that stand by themselves in the outermost group, in which all must hold. */
static void read_needs(const struct rule *rule, struct needs *out)
{
	const struct filter *f = rule->filter;
	bool flat = f && f->n_step && f->step[0].op == STEP_ALL;
	size_t depth = 0;

	out->count = 0;
	out->all = !f || flat;
	for (size_t i = 0; flat && i + 1 < f->n_step; i++) {
		uint32_t op = f->step[i].op;
		depth += op == STEP_ALL || op == STEP_ANY;
		depth -= op == STEP_CLOSE;
		if (op == STEP_TEST && depth == 1 && f->step[i + 1].op == STEP_JOIN)
			add_need(out, f->entry[f->step[i].arg].test);
		else if (op == STEP_TEST || op == STEP_NOT)
			out->all = false;
	}
}

/* ---- gates ------------------------------------------------------------------- */

static bool is_address(struct slice text)
{
	return text.len <= INDEX_TEXT_BYTES && text.len == index_address(text).len;
}

/* The gate that a test can be proved at, and the texts that prove it. */
static bool gate_of(const struct need *n, struct gate *gate, const struct slice **text,
		    size_t *count)
{
	const struct test *t = n->test;
	const struct literals *l = n->literals;
	enum operand_form form = t->op->form;

	gate->property = t->property;
	if (l && l->place == LITERALS_END) {
		gate->kind = l->any_case ? GATE_ADDRESS_LOWER : GATE_ADDRESS;
		*text = l->text;
		*count = l->count;
		for (size_t i = 0; i < l->count; i++)
			if (!is_address(l->text[i]))
				return false;
		return true;
	}
	gate->kind = GATE_VALUE;
	*text = t->value;
	*count = t->n_value;
	for (size_t i = 0; i < t->n_value; i++)
		if (i == LITERALS_TEXTS || t->value[i].len > INDEX_TEXT_BYTES)
			return false;
	return (form == OPERAND_TEXT || form == OPERAND_TEXTS) && !t->op->contrary;
}

/* How many rules of a bucket could stand at a gate. */
struct tally {
	struct gate gate;
	uint32_t at; /* the gate's index, once it is one */
	size_t rules;
};

struct tallies {
	struct tally tally[GATES_WEIGHED];
	size_t count;
};

static struct tally *find_tally(struct tallies *t, const struct gate *gate)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->tally[i].gate.property == gate->property &&
		    t->tally[i].gate.kind == gate->kind)
			return &t->tally[i];
	return NULL;
}

static void weigh_rule(struct tallies *t, const struct rule *rule)
{
	struct needs needs;
	struct gate gate;
	const struct slice *text;
	size_t count;

	read_needs(rule, &needs);
	for (size_t i = 0; i < needs.count; i++) {
		if (!gate_of(&needs.need[i], &gate, &text, &count))
			continue;
		struct tally *known = find_tally(t, &gate);
		if (known)
			known->rules++;
		else if (t->count < GATES_WEIGHED)
			t->tally[t->count++] = (struct tally){ gate, NONE, 1 };
	}
}

static int by_rules(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	if (x->rules != y->rules)
		return x->rules > y->rules ? -1 : 1;
	if (x->gate.property != y->gate.property)
		return x->gate.property < y->gate.property ? -1 : 1;
	return (x->gate.kind > y->gate.kind) - (x->gate.kind < y->gate.kind);
}

/* The gates of a bucket: those where most rules can stand. */
static void choose_gates(struct index_maker *m, struct bucket *b, const uint32_t *id,
			 struct tallies *t)
{
	t->count = 0;
	for (size_t i = 0; b->ids.count >= GATE_RULES && i < b->ids.count; i++)
		weigh_rule(t, &m->t->rule[id[i]]);
	qsort(t->tally, t->count, sizeof(t->tally[0]), by_rules);
	while (t->count && (t->count > BUCKET_GATES || t->tally[t->count - 1].rules < GATE_RULES))
		t->count--;
	for (size_t i = 0; i < t->count; i++) {
		struct tally *y = &t->tally[i];
		(void)keep_once(&m->gates_kept, &m->gate, bytes_of(&y->gate, sizeof(y->gate)),
				&y->gate, &y->at);
		if (y->at > UINT16_MAX)
			t->count = i;
		else
			b->gate[b->gates++] = (uint16_t)y->at;
	}
}

/* ---- paths ------------------------------------------------------------------- */

static uint32_t path_of(struct index_maker *m, uint32_t bucket, uint32_t gate, struct slice text)
{
	uint64_t where = (uint64_t)bucket << 16 | gate;
	char key[sizeof(where) + INDEX_TEXT_BYTES];
	struct path path = { .hash = index_hash(bucket, gate, text),
			     .bucket = bucket,
			     .gate = gate,
			     .len = (uint32_t)text.len };
	size_t before = m->path.count;
	uint32_t at;

	memcpy(key, &where, sizeof(where));
	memcpy(key + sizeof(where), text.ptr, text.len);
	struct path *p = keep_once(&m->paths_kept, &m->path,
				   (struct slice){ key, sizeof(where) + text.len }, &path, &at);
	if (m->path.count > before && text.len > PATH_TEXT_BYTES)
		p->long_text = arena_text(m->arena, text);
	else if (m->path.count > before)
		memcpy(p->text, text.ptr, text.len);
	return at;
}

/* The rule goes on every path of its best gate, or behind none. */
static void stand(struct index_maker *m, struct tallies *t, uint32_t bucket, uint32_t rule)
{
	struct standing at = { NONE, rule, NONE };
	struct tally *best = NULL;
	struct needs needs;
	struct gate gate;
	const struct slice *text, *texts = NULL;
	size_t count, n = 0;

	read_needs(&m->t->rule[rule], &needs);
	for (uint32_t i = 0; t->count && i < needs.count; i++) {
		struct tally *found = gate_of(&needs.need[i], &gate, &text, &count)
					      ? find_tally(t, &gate)
					      : NULL;
		if (!found || (best && found >= best))
			continue;
		best = found;
		texts = text;
		n = count;
		at.proved = i;
	}
	if (!best)
		(void)pile_add(&m->standing, &at);
	for (size_t i = 0; i < n; i++) {
		at.path = path_of(m, bucket, best->at, texts[i]);
		(void)pile_add(&m->standing, &at);
	}
}

/* ---- checks ------------------------------------------------------------------ */

static uint32_t keep_literals(struct index_maker *m, const struct literals *l)
{
	uint32_t at;

	(void)keep_once(&m->literals_kept, &m->literals, bytes_of(&l, sizeof(l)), l, &at);
	return at;
}

/* The same pattern on the same property has the same answer. */
static uint32_t keep_pattern(struct index_maker *m, const struct test *t)
{
	struct {
		const struct pattern *pattern;
		uint64_t property;
	} key = { t->pattern, t->property };
	uint32_t at;

	(void)keep_once(&m->patterns_kept, &m->pattern, bytes_of(&key, sizeof(key)), &t, &at);
	return at;
}

static struct check check_of(struct index_maker *m, const struct need *n)
{
	const struct test *t = n->test;
	struct check c = { .kind = CHECK_TEST,
			   .order = (uint8_t)t->op->order,
			   .property = (uint16_t)t->property };
	int64_t number;

	if (n->literals) {
		c.kind = CHECK_LITERALS;
		c.of = keep_literals(m, n->literals);
	} else if (t->pattern) {
		c.kind = CHECK_PATTERN;
		c.of = keep_pattern(m, t);
	} else if (t->op->form == OPERAND_QUANTITY && t->quantity.kind == QUANTITY_NUMBER &&
		   index_number(t->value[0], &number)) {
		c.kind = CHECK_NUMBER;
		(void)keep_once(&m->numbers_kept, &m->number, bytes_of(&number, sizeof(number)),
				&number, &c.of);
	} else {
		c.of = (uint32_t)m->test.count;
		(void)pile_add(&m->test, &t);
	}
	return c;
}

/* Kinds are in the order of their cost. */
static int by_cost(const void *a, const void *b)
{
	const union entry *x = a, *y = b;

	return (x->check.kind > y->check.kind) - (x->check.kind < y->check.kind);
}

static void add_check(struct index_maker *m, struct check check)
{
	union entry entry = { .check = check };

	(void)pile_add(&m->entry, &entry);
}

/* Whether one number is all that remains of a rule, and fits a rung. */
static bool as_rung(const struct index_maker *m, size_t at, const struct candidate *head,
		    struct rung *out)
{
	if (head->count != 1 || !head->exact)
		return false;
	const struct check *c = &((const union entry *)pile_at(&m->entry, at + 1))->check;
	if (c->kind != CHECK_NUMBER || c->of >= RUNG_NUMBERS || c->property >= RUNG_PROPERTIES)
		return false;
	out->rule = head->rule;
	out->number = c->of & (RUNG_NUMBERS - 1);
	out->order = c->order & 7u;
	out->property = c->property & (RUNG_PROPERTIES - 1);
	return true;
}

/* What stands from `at` on becomes the next rung of the row before it, or begins one. */
static void add_rung(struct index_maker *m, size_t at, struct rung rung)
{
	union entry head = { .candidate = { .count = 1, .row = true } }, entry = { .rung = rung },
		    *row = NULL;

	m->entry.count = at;
	if (m->row != NONE)
		row = pile_at(&m->entry, m->row);
	if (row && row->candidate.count < ROW_MOST) {
		row->candidate.count++;
	} else {
		m->row = (uint32_t)at;
		(void)pile_add(&m->entry, &head);
	}
	(void)pile_add(&m->entry, &entry);
}

static void add_candidate(struct index_maker *m, const struct standing *s)
{
	const struct rule *rule = &m->t->rule[s->rule];
	union entry head = { .candidate = { .rule = s->rule } };
	size_t at = m->entry.count;
	struct needs needs;
	struct rung rung;

	read_needs(rule, &needs);
	head.candidate.exact = needs.all;
	(void)pile_add(&m->entry, &head);
	for (size_t i = 0; i < needs.count; i++) {
		if (i == s->proved)
			continue;
		if (needs.need[i].test->property > UINT16_MAX)
			head.candidate.exact = false;
		else
			add_check(m, check_of(m, &needs.need[i]));
	}
	if (rule->n_from)
		add_check(m, (struct check){ .kind = CHECK_FROM });
	head.candidate.count = (uint16_t)(m->entry.count - at - 1);
	if (as_rung(m, at, &head.candidate, &rung)) {
		add_rung(m, at, rung);
		return;
	}
	m->row = NONE;
	memcpy(pile_at(&m->entry, at), &head, sizeof(head));
	qsort(pile_at(&m->entry, at + 1), head.candidate.count, sizeof(union entry), by_cost);
}

/* ---- a bucket ---------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	const struct standing *x = a, *y = b;

	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

void index_narrow(struct index_maker *m, struct bucket *b, uint32_t bucket, const uint32_t *id)
{
	struct tallies tallies;

	choose_gates(m, b, id, &tallies);
	m->standing.count = 0;
	for (size_t i = 0; i < b->ids.count; i++)
		stand(m, &tallies, bucket, id[i]);
	if (tallies.count)
		qsort(m->standing.ptr, m->standing.count, sizeof(struct standing), by_path);
	for (size_t i = 0; i < m->standing.count; i++) {
		const struct standing *s = pile_at(&m->standing, i);
		struct range *r = &b->flat;
		if (s->path != NONE)
			r = &((struct path *)pile_at(&m->path, s->path))->entries;
		if (!r->count) {
			r->first = (uint32_t)m->entry.count;
			m->row = NONE;
		}
		add_candidate(m, s);
		r->count = (uint32_t)m->entry.count - r->first;
	}
}

static void keep_paths(struct index_maker *m, struct table_index *x)
{
	size_t count = m->path.count;

	x->path = pile_keep(&m->path, m->arena);
	x->path_slots = 16;
	while (x->path_slots < count * 2)
		x->path_slots *= 2;
	struct index_slot *slot = arena_alloc(m->arena, x->path_slots * sizeof(*slot));
	for (size_t i = 0; i < count; i++) {
		size_t at = x->path[i].hash & (x->path_slots - 1);
		while (slot[at].at)
			at = (at + 1) & (x->path_slots - 1);
		slot[at] = (struct index_slot){ (uint32_t)(x->path[i].hash >> 32),
						(uint32_t)i + 1 };
	}
	x->path_slot = slot;
}

void index_maker_end(struct index_maker *m, struct table_index *x)
{
	x->entry = pile_keep(&m->entry, m->arena);
	x->number = pile_keep(&m->number, m->arena);
	x->literals = pile_keep(&m->literals, m->arena);
	x->test = pile_keep(&m->test, m->arena);
	x->patterns = m->pattern.count;
	x->pattern = pile_keep(&m->pattern, m->arena);
	x->gate = pile_keep(&m->gate, m->arena);
	keep_paths(m, x);
	mem_free(m->standing.ptr);
	map_release(&m->literals_kept);
	map_release(&m->numbers_kept);
	map_release(&m->patterns_kept);
	map_release(&m->paths_kept);
	map_release(&m->gates_kept);
	mem_free(m);
}

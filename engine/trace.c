#include "engine/trace.h"

#include <string.h>

#include "base/limits.h"

/* Groups that no change could turn: more than any filter has. */
#define NEVER ((size_t)1 << 30)

struct tracing {
	struct trace_line *line; /* heap while it grows */
	size_t count, cap;
	size_t depth;			   /* groups that are open */
	size_t open[LIMIT_YAML_DEPTH + 1]; /* their lines */
	size_t last;			   /* the line that a `not:` would turn */
};

static void add_line(struct tracing *t, const struct match_step *s)
{
	t->line = mem_grow(t->line, &t->cap, t->count + 1, sizeof(*t->line));
	t->last = t->count++;
	t->line[t->last] = (struct trace_line){ .kind = s->kind,
						.depth = t->depth,
						.end = t->count,
						.answer = s->answer,
						.what = s->what,
						.file = s->file,
						.line = s->line,
						.column = s->column,
						.value_note = s->value_note,
						.value = s->value,
						.value_known = s->value_known };
}

static void see(void *ctx, const struct rule *rule, const struct match_step *step)
{
	struct tracing *t = ctx;

	(void)rule;
	switch (step->kind) {
	case MATCH_FROM:
	case MATCH_TO:
	case MATCH_TEST:
		add_line(t, step);
		break;
	case MATCH_ALL:
	case MATCH_ANY:
		add_line(t, step);
		t->open[t->depth++] = t->last;
		break;
	case MATCH_END:
		t->last = t->open[--t->depth];
		t->line[t->last].answer = step->answer;
		t->line[t->last].end = t->count;
		break;
	case MATCH_NOT:
		t->line[t->last].answer = step->answer;
		t->line[t->last].turned = !t->line[t->last].turned;
		break;
	}
}

/* ---- how near ------------------------------------------------------------ */

/*
 * How few tests of line i would have to come out otherwise for it to be `wanted`. `mark`: says so in
 * their lines.
 */
static size_t distance(struct trace_line *line, size_t i, bool wanted, bool mark)
{
	struct trace_line *l = &line[i];
	bool inner = wanted != l->turned, every = (l->kind == MATCH_ALL) == inner;
	size_t sum = 0, best = NEVER, nearest = 0;

	if (l->kind != MATCH_ALL && l->kind != MATCH_ANY) {
		bool differs = l->answer != (wanted ? ANSWER_YES : ANSWER_NO);
		l->differs |= differs && mark;
		return differs;
	}
	for (size_t k = i + 1; k < l->end; k = line[k].end) {
		size_t d = distance(line, k, inner, mark && every);
		sum += d;
		if (d < best) {
			best = d;
			nearest = k;
		}
	}
	if (every)
		return sum < NEVER ? sum : NEVER;
	if (mark && nearest)
		distance(line, nearest, inner, true);
	return best;
}

/* `filters:` is a group itself, which nobody wrote: what is in it stands beside from and to. */
static void lift_filters(struct trace_line *line, size_t *count)
{
	size_t at = 0;

	while (at < *count && line[at].kind != MATCH_ALL)
		at++;
	if (at == *count || line[at].end != *count || line[at].turned || line[at].depth)
		return;
	memmove(&line[at], &line[at + 1], (*count - at - 1) * sizeof(*line));
	--*count;
	for (size_t i = at; i < *count; i++) {
		line[i].depth--;
		line[i].end--;
	}
}

/*
 * The words of a test under an odd number of `not:` say so themselves; here it is said where the
 * `not:` stands, and the test's answer is its own.
 */
static void bare_words(struct trace_line *line, size_t i, size_t end, bool negated)
{
	for (; i < end; i = line[i].end) {
		bool inner = negated != line[i].turned;
		if (line[i].kind == MATCH_TEST && inner)
			line[i].what += strlen("not ");
		bare_words(line, i + 1, line[i].end, inner);
	}
}

void trace_rule(const struct table *table, const struct rule *rule, const struct event_facts *event,
		const struct facts *facts, struct arena *memory, struct trace *out)
{
	struct tracing t = { 0 };
	struct match_watcher watcher = { &t, see };

	*out = (struct trace){ .rule = rule };
	out->answer = rule_match_watched(table, rule, event, facts, NULL, &watcher);
	for (size_t i = 0; i < t.count; i = t.line[i].end)
		out->misses += distance(t.line, i, true, true);
	bare_words(t.line, 0, t.count, false);
	lift_filters(t.line, &t.count);
	struct trace_line *line = arena_alloc(memory, (t.count + 1) * sizeof(*line));
	if (t.count)
		memcpy(line, t.line, t.count * sizeof(*line));
	mem_free(t.line);
	out->line = line;
	out->count = t.count;
}

/* ---- in words -------------------------------------------------------------- */

static void add_values(struct str *out, const char *word, const struct slice *value, size_t n)
{
	str_addf(out, n == 1 ? "%s " : "%s in [", word);
	for (size_t i = 0; i < n && i < 8; i++) {
		str_add_text(out, i ? ", " : "");
		if (value[i].len)
			str_add_shown(out, value[i]);
		else
			str_add_text(out, "\"\"");
	}
	str_add_text(out, n > 8 ? ", ...]" : n == 1 ? "" : "]");
}

void trace_add_words(struct str *out, const struct rule *rule, const struct trace_line *l)
{
	if (l->turned)
		str_add_text(out, "not ");
	if (l->kind == MATCH_FROM)
		add_values(out, "from", rule->from, rule->n_from);
	else if (l->kind == MATCH_TO && rule->n_to)
		add_values(out, "to", rule->to, rule->n_to);
	else if (l->kind == MATCH_TO)
		str_add_text(out, "to anything but empty");
	else if (l->kind == MATCH_TEST)
		str_add_shown(out, slice_of(l->what));
	else
		str_add_text(out, l->kind == MATCH_ANY ? "any of these" : "all of these");
}

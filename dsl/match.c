/*
 * match - whether an event fits a rule: from, to, then the filter's steps.
 *
 * In a group that all must hold in, a definite no wins over what is not known;
 * where one must hold, a definite yes does. Of what is not known, unsure wins
 * over limit: it will be asked again, and then the limit may not matter.
 *
 * With a watcher nothing is passed over. The answer and the note stay the same: of the answers
 * in a group the first that weighs most counts, and the one that decides it weighs most.
 */

#include "dsl/program.h"

#define NO_TEST UINT32_MAX

/* An answer and the test that it is owed to. */
struct finding {
	enum answer answer;
	uint32_t test;
	const char *note;
};

struct group {
	bool any, negated;
	struct finding so_far;
};

struct machine {
	const struct filter *filter;
	const struct facts *facts;
	struct test_moment moment;
	const struct rule *rule;
	const struct match_watcher *watcher;
	struct finding last;
	struct group stack[FILTER_DEPTH];
	size_t depth;
};

/* How much an answer weighs against the others in a group; more wins. */
static int weight(bool any, enum answer answer)
{
	static const int in_all[] = {
		[ANSWER_NO] = 3, [ANSWER_UNSURE] = 2, [ANSWER_LIMIT] = 1, [ANSWER_YES] = 0
	};
	static const int in_any[] = {
		[ANSWER_YES] = 3, [ANSWER_UNSURE] = 2, [ANSWER_LIMIT] = 1, [ANSWER_NO] = 0
	};

	return any ? in_any[answer] : in_all[answer];
}

static void tell(const struct machine *m, struct match_step step)
{
	if (m->watcher)
		m->watcher->see(m->watcher->ctx, m->rule, &step);
}

static void run_test(struct machine *m, uint32_t i)
{
	const struct test *t = m->filter->entry[i].test;
	const struct test_place *at = &m->filter->entry[i].at;
	struct slice value = { 0 };

	m->last = (struct finding){ ANSWER_UNSURE, i, "could not be read now" };
	bool known = m->facts->value(m->facts->ctx, t->property, &value) == FACT_KNOWN;
	if (known)
		m->last.answer = test_run(t, value, &m->moment, &m->last.note);
	else
		value = (struct slice){ 0 };
	tell(m,
	     (struct match_step){ MATCH_TEST, m->last.answer, i, t->negated, t->what, m->rule->file,
				  at->line, at->column, m->last.note, value, known });
}

static void open_group(struct machine *m, bool any, bool negated)
{
	struct finding none = { any ? ANSWER_NO : ANSWER_YES, NO_TEST, NULL };

	m->stack[m->depth++] = (struct group){ any, negated, none };
	tell(m, (struct match_step){ .kind = any ? MATCH_ANY : MATCH_ALL, .negated = negated });
}

static void close_group(struct machine *m)
{
	const struct group *g = &m->stack[--m->depth];

	m->last = g->so_far;
	tell(m, (struct match_step){
			.kind = MATCH_END, .answer = m->last.answer, .negated = g->negated });
}

/* Whether the group is decided by now. */
static bool join_group(struct machine *m)
{
	struct group *g = &m->stack[m->depth - 1];
	bool first = g->so_far.test == NO_TEST;

	if (first || weight(g->any, m->last.answer) > weight(g->any, g->so_far.answer))
		g->so_far = m->last;
	return g->so_far.answer == (g->any ? ANSWER_YES : ANSWER_NO);
}

static void negate(struct finding *f)
{
	if (f->answer == ANSWER_NO)
		f->answer = ANSWER_YES;
	else if (f->answer == ANSWER_YES)
		f->answer = ANSWER_NO;
}

static struct finding run(struct machine *m)
{
	const struct filter *filter = m->filter;

	for (size_t i = 0; i < filter->n_step; i++) {
		const struct step *step = &filter->step[i];
		switch ((enum step_op)step->op) {
		case STEP_TEST:
			run_test(m, step->arg);
			break;
		case STEP_NOT:
			negate(&m->last);
			tell(m, (struct match_step){ .kind = MATCH_NOT, .answer = m->last.answer });
			break;
		case STEP_ALL:
			open_group(m, false, step->arg);
			break;
		case STEP_ANY:
			open_group(m, true, step->arg);
			break;
		case STEP_JOIN:
			if (join_group(m) && !m->watcher)
				i = step->arg - 1; /* the loop goes on to the close */
			break;
		case STEP_CLOSE:
			close_group(m);
			break;
		}
	}
	return m->last;
}

bool rule_has_value(const struct slice *value, size_t count, struct slice wanted)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(wanted, value[middle]);
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static bool from_fits(const struct rule *rule, const struct event_facts *event, const char **note)
{
	if (!event->from_known)
		*note = "from is not known";
	return event->from_known && rule_has_value(rule->from, rule->n_from, event->from);
}

/* Clearing a value earns nothing unless the rule names the empty value: behaviour.md P7. */
static bool to_fits(const struct rule *rule, const struct event_facts *event, const char **note)
{
	if (rule->n_to)
		return rule_has_value(rule->to, rule->n_to, event->to);
	*note = "empty";
	return event->to.len > 0;
}

bool rule_names_change(const struct rule *rule, const struct event_facts *event)
{
	const char *ignored;

	return rule->event != EVENT_PROPERTY_CHANGED ||
	       ((!rule->n_from || from_fits(rule, event, &ignored)) &&
		to_fits(rule, event, &ignored));
}

static struct match_step end_of(const struct table *t, const struct rule *rule,
				enum match_kind kind)
{
	const struct rule_place *p = t->memory->place[rule->id];
	bool from = kind == MATCH_FROM;
	uint32_t line = from ? p->from_line : p->to_line;

	return (struct match_step){ .kind = kind,
				    .answer = ANSWER_NO,
				    .what = from ? "from" : "to",
				    .file = rule->file,
				    .line = line ? rule->line + line - 1 : rule->line,
				    .column = line ? (from ? p->from_column : p->to_column) : 1 };
}

/* Whether from and to fit; the first that does not is noted. */
static bool ends_fit(const struct table *t, const struct machine *m,
		     const struct event_facts *event, struct match_note *note)
{
	const struct rule *rule = m->rule;
	bool asked[] = { rule->n_from, rule->n_to || !event->to.len }, fit = true;

	for (int i = 0; i < 2 && rule->event == EVENT_PROPERTY_CHANGED; i++) {
		if (!asked[i] || (!fit && !m->watcher))
			continue;
		struct match_step s = end_of(t, rule, i ? MATCH_TO : MATCH_FROM);
		s.value_known = i || event->from_known;
		s.value = i ? event->to : s.value_known ? event->from : s.value;
		if (i ? to_fits(rule, event, &s.value_note) : from_fits(rule, event, &s.value_note))
			s.answer = ANSWER_YES;
		else if (fit)
			*note = (struct match_note){ s.what, s.file, s.line, s.column,
						     s.value_note };
		fit &= s.answer == ANSWER_YES;
		tell(m, s);
	}
	return fit;
}

enum answer rule_match_watched(const struct table *t, const struct rule *rule,
			       const struct event_facts *event, const struct facts *facts,
			       struct match_note *note, const struct match_watcher *watcher)
{
	struct machine m = { .filter = rule->filter,
			     .facts = facts,
			     .moment = { event->as_of_ms },
			     .rule = rule,
			     .watcher = watcher };
	struct finding found = { .answer = ANSWER_YES };
	struct match_note ours;
	bool fit = ends_fit(t, &m, event, &ours);

	if (rule->filter && (fit || watcher))
		found = run(&m);
	if (fit && found.answer != ANSWER_YES) {
		struct rule_test test = rule_test_at(rule, found.test);
		ours = (struct match_note){ test.what, test.file, test.line, test.column,
					    found.note };
	}
	if (note && (!fit || found.answer != ANSWER_YES))
		*note = ours;
	return fit ? found.answer : ANSWER_NO;
}

enum answer rule_match(const struct table *t, const struct rule *rule,
		       const struct event_facts *event, const struct facts *facts,
		       struct match_note *note)
{
	return rule_match_watched(t, rule, event, facts, note, NULL);
}

const char *match_note_words(const struct match_note *note, struct arena *memory)
{
	return arena_printf(memory, "%s does not hold%s%s (%s:%u)", note->what,
			    note->value_note ? ": " : "", note->value_note ? note->value_note : "",
			    note->file, note->line);
}

size_t rule_test_count(const struct rule *rule)
{
	return rule->filter ? rule->filter->n_test : 0;
}

struct rule_test rule_test_at(const struct rule *rule, size_t i)
{
	const struct test *t = rule->filter->entry[i].test;
	const struct test_place *at = &rule->filter->entry[i].at;

	return (struct rule_test){ t->what, rule->file, at->line, at->column, t->property };
}

/*
 * match - whether an event fits a rule: from, to, then the filter's steps.
 *
 * In a group that all must hold in, a definite no wins over what is not known;
 * where one must hold, a definite yes does. Of what is not known, unsure wins
 * over limit: it will be asked again, and then the limit may not matter.
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
	bool any;
	struct finding so_far;
};

struct machine {
	const struct filter *filter;
	const struct facts *facts;
	struct test_moment moment;
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

static void run_test(struct machine *m, uint32_t i)
{
	const struct test *t = &m->filter->test[i];
	struct slice value = { 0 };

	m->last = (struct finding){ ANSWER_UNSURE, i, "could not be read now" };
	if (m->facts->value(m->facts->ctx, t->property, &value) == FACT_KNOWN)
		m->last.answer = test_run(t, value, &m->moment, &m->last.note);
}

static void open_group(struct machine *m, bool any)
{
	struct finding none = { any ? ANSWER_NO : ANSWER_YES, NO_TEST, NULL };

	m->stack[m->depth++] = (struct group){ any, none };
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
			break;
		case STEP_ALL:
			open_group(m, false);
			break;
		case STEP_ANY:
			open_group(m, true);
			break;
		case STEP_JOIN:
			if (join_group(m))
				i = step->arg - 1; /* the loop goes on to the close */
			break;
		case STEP_CLOSE:
			m->last = m->stack[--m->depth].so_far;
			break;
		}
	}
	return m->last;
}

static bool has_value(const struct slice *value, size_t count, struct slice wanted)
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

/* NULL where from and to fit, else which of them does not. */
static const char *mismatch(const struct rule *rule, const struct event_facts *event,
			    const char **value_note)
{
	if (rule->event != EVENT_PROPERTY_CHANGED)
		return NULL;
	if (rule->n_from && !event->from_known) {
		*value_note = "from is not known";
		return "from";
	}
	if (rule->n_from && !has_value(rule->from, rule->n_from, event->from))
		return "from";
	if (rule->n_to)
		return has_value(rule->to, rule->n_to, event->to) ? NULL : "to";
	/* Clearing a value earns nothing unless the rule names the empty value: behaviour.md P7. */
	if (event->to.len)
		return NULL;
	*value_note = "empty";
	return "to";
}

static struct match_note note_of(const struct table *t, const struct rule *rule, const char *what,
				 const char *value_note)
{
	const struct rule_place *p = &t->memory->place[rule->id];
	bool from = what[0] == 'f';
	uint32_t line = from ? p->from_line : p->to_line;

	return (struct match_note){ what, rule->file, line ? line : rule->line,
				    line ? (from ? p->from_column : p->to_column) : 1, value_note };
}

enum answer rule_match(const struct table *t, const struct rule *rule,
		       const struct event_facts *event, const struct facts *facts,
		       struct match_note *note)
{
	const char *value_note = NULL;
	const char *what = mismatch(rule, event, &value_note);

	if (what) {
		if (note)
			*note = note_of(t, rule, what, value_note);
		return ANSWER_NO;
	}
	if (!rule->filter)
		return ANSWER_YES;
	struct machine m = { .filter = rule->filter,
			     .facts = facts,
			     .moment = { event->as_of_ms } };
	struct finding found = run(&m);
	if (note && found.answer != ANSWER_YES) {
		const struct test *test = &rule->filter->test[found.test];
		*note = (struct match_note){ test->what, test->file, test->line, test->column,
					     found.note };
	}
	return found.answer;
}

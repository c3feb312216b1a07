#include "engine/rehearsal/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/rehearsal/seen.h"

#define WHY_MOST 8 /* decisions that are told for one entry */

struct telling {
	struct explanation *x;
	struct rehearsal *r;
	const struct sources *tests;
	const struct table *table;
};

const char *after_text(int64_t after_ms, char out[AFTER_TEXT])
{
	int64_t s = (after_ms < 0 ? -after_ms : after_ms) / MS_SECOND, days = s / 86400;
	char sign = after_ms < 0 ? '-' : '+';

	s %= 86400;
	if (days)
		snprintf(out, AFTER_TEXT, "%c%lldd %02d:%02d:%02d", sign, (long long)days,
			 (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	else
		snprintf(out, AFTER_TEXT, "%c%d:%02d:%02d", sign, (int)(s / 3600),
			 (int)(s / 60 % 60), (int)(s % 60));
	return out;
}

__attribute__((format(printf, 5, 6))) static void
tell(struct telling *t, const char *kind, const char *file, uint32_t line, const char *format, ...)
{
	struct explanation *x = t->x;
	struct str text, shown;
	va_list args;

	str_init(&text, LIMIT_VALUE_BYTES);
	str_init(&shown, 4 * LIMIT_VALUE_BYTES);
	va_start(args, format);
	str_addv(&text, format, args);
	va_end(args);
	str_add_shown(&shown, str_slice(&text));
	x->told = mem_grow(x->told, &x->cap, x->count + 1, sizeof(*x->told));
	x->told[x->count++] = (struct told){ kind, arena_text(&t->r->memory, str_slice(&shown)),
					     file, line };
	str_release(&text);
	str_release(&shown);
}

static const char *path_of(const struct telling *t, struct span at)
{
	return t->tests->file[at.file].path;
}

/* ---- issuances ----------------------------------------------------------------- */

static void add_value(struct str *out, struct slice value)
{
	if (value.len)
		str_addf(out, "'%.*s'", SLICE_FMT(value));
	else
		str_add_text(out, "empty");
}

/* "rule tier-badge, contact 101, sent, custom.tier: Gold, …" */
static void tell_issued(struct telling *t, const struct rehearsed *is, const char *behind)
{
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	str_addf(&text, "%s, contact %s, %s", is->rule, is->contact,
		 issuance_state_names[is->state]);
	for (size_t i = 0; i < is->field.count; i++)
		str_addf(&text, ", %s: %.*s", is->field.list[i].name,
			 SLICE_FMT(is->field.list[i].value));
	if (is->reason)
		str_addf(&text, " (%s)", is->reason);
	tell(t, "issued", NULL, 0, "%s%s", str_text(&text), behind);
	str_release(&text);
}

static void tell_difference(struct telling *t, const struct difference *d)
{
	struct str text;

	str_init(&text, LIMIT_VALUE_BYTES);
	str_addf(&text, "%s is ", d->what);
	add_value(&text, d->got);
	str_add_text(&text, ", not ");
	add_value(&text, d->wanted);
	tell(t, "why", NULL, 0, "%s", str_text(&text));
	str_release(&text);
}

static bool is_of(const struct telling *t, const struct ruletest_entry *e,
		  const struct rehearsed *is)
{
	return strcmp(e->rule, is->rule) == 0 &&
	       rehearsal_same_contact(t->r, is->contact, e->contact);
}

/* Issuances of the entry's rule and contact that it does not fit: in what. */
static bool tell_near(struct telling *t, const struct ruletest_entry *e)
{
	bool any = false;

	for (size_t i = 0; i < t->r->issueds; i++) {
		const struct rehearsed *is = &t->r->issued[i];
		if (!is_of(t, e, is))
			continue;
		struct difference d = verdict_difference(t->r, e, is);
		tell_issued(t, is, d.what ? "" : ", which another entry takes");
		if (d.what)
			tell_difference(t, &d);
		if (d.what && strcmp(d.what, "state") == 0 && !e->state)
			tell(t, "hint", NULL, 0, "if that is meant, add 'state: %s'",
			     issuance_state_names[is->state]);
		any = true;
	}
	return any;
}

/* ---- decisions -------------------------------------------------------------------- */

/* Its reason is told test by test. */
static bool is_no_match(const struct rehearsed_decision *d)
{
	return strcmp(d->outcome, "no-match") == 0;
}

static void tell_decision(struct telling *t, const struct rehearsed_decision *d)
{
	char after[AFTER_TEXT];
	struct str what;

	str_init(&what, LIMIT_VALUE_BYTES);
	if (d->to[0] || (d->from && d->from[0])) {
		str_addf(&what, "%s ", d->target);
		add_value(&what, slice_of(d->from));
		str_add_text(&what, " -> ");
		add_value(&what, slice_of(d->to));
	} else {
		str_addf(&what, "list %s", d->target);
	}
	tell(t, "why", NULL, 0, "%s %s: %s", after_text(d->at_ms - t->r->test->start_ms, after),
	     str_text(&what),
	     is_no_match(d) && d->event ? "no match"
	     : d->reason		? d->reason
					: d->outcome);
	str_release(&what);
}

/* What does not hold is told, but for what stands in a group that is good all the same. */
struct parting {
	struct telling *t;
	size_t open[LIMIT_YAML_DEPTH + 1]; /* how much was told as the groups opened */
	size_t depth;
};

static void tell_test(struct telling *t, const struct match_step *step)
{
	struct str saw;

	str_init(&saw, LIMIT_VALUE_BYTES);
	if (step->value_known)
		add_value(&saw, step->value);
	else
		str_add_text(&saw, "nothing that is known");
	if (step->value_note && step->value.len)
		str_addf(&saw, ", %s", step->value_note);
	tell(t, "saw", step->file, step->line, "%s: %s does not hold", str_text(&saw), step->what);
	str_release(&saw);
}

static void see(void *ctx, const struct rule *rule, const struct match_step *step)
{
	struct parting *p = ctx;
	bool good = step->answer == (step->negated ? ANSWER_NO : ANSWER_YES);

	(void)rule;
	switch (step->kind) {
	case MATCH_FROM:
	case MATCH_TO:
	case MATCH_TEST:
		if (!good)
			tell_test(p->t, step);
		break;
	case MATCH_ALL:
	case MATCH_ANY:
		p->open[p->depth++] = p->t->x->count;
		break;
	case MATCH_END:
		p->depth--;
		if (good)
			p->t->x->count = p->open[p->depth];
		break;
	case MATCH_NOT:
		break;
	}
}

/* Where the rule and the event parted, with the values that were seen. */
static void tell_parting(struct telling *t, const struct rehearsed_decision *d, const char *name)
{
	const struct rule *rule = table_rule(t->table, name);
	struct parting parting = { .t = t };
	struct match_watcher watcher = { &parting, see };

	for (size_t i = 0; rule && d->event && i < t->r->events; i++)
		if (t->r->event[i].id == d->event)
			(void)seen_match(&t->r->event[i], t->table, rule, &watcher);
}

/* Whether the decision says something of what this rule made of this contact. */
static bool concerns(const struct telling *t, const struct rehearsed_decision *d, const char *rule,
		     int64_t contact)
{
	const struct rule *known = table_rule(t->table, rule);

	if (!rehearsal_same_contact(t->r, d->contact, contact))
		return false;
	return d->rule ? strcmp(d->rule, rule) == 0
		       : known && strcmp(d->target, known->target) == 0;
}

/* ---- where nothing was decided ------------------------------------------------------ */

static bool is_of_contact(const struct telling *t, int64_t a, int64_t b)
{
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)a);
	return rehearsal_same_contact(t->r, id, b);
}

/* Whether the step writes what the rule waits for, and another value than `*before`, which it then is. */
static bool is_change(const struct ruletest_step *step, const char *property, struct slice *before)
{
	for (size_t i = 0; i < step->value.count; i++) {
		const struct ruletest_pair *pair = &step->value.list[i];
		if (strcmp(pair->name, property) != 0 || slice_eq(pair->value, *before))
			continue;
		*before = pair->value;
		return true;
	}
	return false;
}

static struct slice declared_value(const struct ruletest *t, int64_t contact, const char *property)
{
	struct slice value = slice_of("");

	for (size_t i = 0; i < t->contacts; i++)
		for (size_t k = 0; t->contact[i].id == contact && k < t->contact[i].value.count;
		     k++)
			if (strcmp(t->contact[i].value.list[k].name, property) == 0)
				value = t->contact[i].value.list[k].value;
	return value;
}

static bool is_list(const struct ruletest *t, int64_t list, const struct rule *rule)
{
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)list);
	if (!rule->target_is_name)
		return strcmp(id, rule->target) == 0;
	for (size_t i = 0; i < t->lists; i++)
		if (t->list[i].id == list &&
		    slice_eq_nocase(slice_of(t->list[i].name), slice_of(rule->target)))
			return true;
	return false;
}

/* Behind the first step with which the contact did what the rule waits for; 0: there is none. */
static size_t behind_change(const struct telling *t, const struct rule *rule, int64_t contact)
{
	const struct ruletest *test = t->r->test;
	struct slice value = declared_value(test, contact, rule->target);

	for (size_t i = 0; i < test->steps; i++) {
		const struct ruletest_step *step = &test->step[i];
		if (!is_of_contact(t, step->contact, contact))
			continue;
		if (rule->event == EVENT_LIST_ADDED
			    ? step->what == DO_JOIN && is_list(test, step->list, rule)
			    : step->what == DO_SET && is_change(step, rule->target, &value))
			return i + 1;
	}
	return 0;
}

/* It did, and nobody saw it: the step that kept us from it, where there is one. */
static bool tell_unseen(struct telling *t, const struct rule *rule, int64_t contact)
{
	const struct ruletest *test = t->r->test;
	size_t from = behind_change(t, rule, contact);

	for (size_t i = from; from && i < test->steps; i++) {
		const struct ruletest_step *step = &test->step[i];
		if (step->what != DO_DELETE || !is_of_contact(t, step->contact, contact))
			continue;
		tell(t, "why", path_of(t, step->at), step->at.line,
		     "contact %lld was deleted before that was seen", (long long)contact);
		return true;
	}
	for (size_t i = test->steps; from && i-- > 0;) {
		const struct ruletest_step *step = &test->step[i];
		if (step->what != DO_FAIL_SOURCE)
			continue;
		tell(t, "why", path_of(t, step->at), step->at.line,
		     "contact %lld could not be looked at: '%s'", (long long)contact, step->text);
		return true;
	}
	return false;
}

static void tell_nothing(struct telling *t, const struct rule *rule, int64_t contact)
{
	if (rule->mode == MODE_OFF)
		tell(t, "why", rule->file, rule->line, "the rule's mode is off");
	else if (tell_unseen(t, rule, contact))
		return;
	else if (rule->event == EVENT_LIST_ADDED)
		tell(t, "why", rule->file, rule->line,
		     "contact %lld did not join list %s after the start", (long long)contact,
		     rule->target);
	else
		tell(t, "why", rule->file, rule->line,
		     "%s of contact %lld did not change after the start", rule->target,
		     (long long)contact);
}

static void tell_decisions(struct telling *t, const struct ruletest_entry *e)
{
	const struct rule *rule = table_rule(t->table, e->rule);
	size_t told = 0;

	for (size_t i = 0; i < t->r->decisions && told < WHY_MOST; i++) {
		if (!concerns(t, &t->r->decision[i], e->rule, e->contact))
			continue;
		tell_decision(t, &t->r->decision[i]);
		if (is_no_match(&t->r->decision[i]))
			tell_parting(t, &t->r->decision[i], e->rule);
		told++;
	}
	if (!told && rule)
		tell_nothing(t, rule, e->contact);
}

/* ---- the whole ------------------------------------------------------------------------ */

static void tell_missing(struct telling *t, const struct ruletest_entry *e)
{
	tell(t, "expected", path_of(t, e->at), e->at.line, "%s", e->text);
	if (tell_near(t, e))
		return;
	tell(t, "issued", NULL, 0, "nothing by this rule for this contact");
	tell_decisions(t, e);
}

/* An issuance that was told as near to what is missing is not told again. */
static bool was_told(const struct telling *t, const struct verdict *v, const struct rehearsed *is)
{
	for (size_t i = 0; i < v->missings; i++)
		if (is_of(t, v->missing[i], is))
			return true;
	return false;
}

static void tell_unexpected(struct telling *t, const struct rehearsed *is)
{
	char after[AFTER_TEXT];

	tell_issued(t, is, ", which nothing expects");
	if (is->state == STATE_SHADOW)
		tell(t, "hint", NULL, 0, "its rule is on trial: expect it with 'state: shadow'");
	if (is->to[0])
		tell(t, "why", NULL, 0, "%s %s '%s' -> '%s'",
		     after_text(is->at_ms - t->r->test->start_ms, after), is->target,
		     is->from ? is->from : "?", is->to);
	else
		tell(t, "why", NULL, 0, "%s joined list %s",
		     after_text(is->at_ms - t->r->test->start_ms, after), is->target);
}

void explanation_make(struct explanation *x, struct rehearsal *r, const struct verdict *v,
		      const struct sources *tests, const struct table *table)
{
	struct telling t = { x, r, tests, table };

	*x = (struct explanation){ 0 };
	if (r->broken && r->broken_at)
		tell(&t, "stopped", path_of(&t, r->broken_at->at), r->broken_at->at.line,
		     "'%s': %s", r->broken_at->text, r->broken);
	else if (r->broken)
		tell(&t, "stopped", path_of(&t, r->test->at), r->test->at.line, "%s", r->broken);
	for (size_t i = 0; i < v->missings && !r->broken; i++)
		tell_missing(&t, v->missing[i]);
	for (size_t i = 0; i < v->unexpecteds && !r->broken; i++)
		if (!was_told(&t, v, v->unexpected[i]))
			tell_unexpected(&t, v->unexpected[i]);
	for (size_t i = 0; i < v->twices; i++)
		tell_issued(&t, v->mailed_twice[i], ", which was mailed more than once");
}

void explanation_release(struct explanation *x)
{
	mem_free(x->told);
}

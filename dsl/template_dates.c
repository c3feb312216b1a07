/*
 * template_dates - what in a template can never be a date.
 *
 * Follows each reference through its functions with what is known before any
 * event. Says only what is certain: a property may hold anything, so nothing
 * is said of it until `date` has given it a form.
 */
#include <string.h>

#include "base/limits.h"
#include "dsl/template.h"

enum shape {
	SHAPE_ANY,     /* not known before the event */
	SHAPE_DATE,    /* YYYY-MM-DD */
	SHAPE_INSTANT, /* a date-time */
	SHAPE_NEVER,   /* never a date */
};

struct flow {
	struct faults *f;
	const struct node *n;
	const struct template_facts *facts;
	enum shape shape;
	uint32_t from, to;	      /* what made it SHAPE_NEVER, in the text */
	const struct call *otherwise; /* a default() whose text is no date */
};

static bool is_date_text(struct slice text)
{
	int64_t at_ms;

	return clock_parse_value(slice_trim(text), &at_ms, NULL);
}

/* Of a reference whose text is known already: a name is a date only if it looks like one. */
static enum shape shape_of_known(const char *text)
{
	struct civil day;

	return text && clock_parse_date(slice_of(text), &day) ? SHAPE_DATE : SHAPE_NEVER;
}

static enum shape shape_of_reference(const struct template_facts *facts, const struct part *part)
{
	switch (part->ref) {
	case REF_EVENT_AT:
		return SHAPE_INSTANT;
	case REF_EVENT_DATE:
		return SHAPE_DATE;
	case REF_EVENT_PROPERTY:
	case REF_EVENT_LIST_ID:
		return SHAPE_NEVER;
	case REF_EVENT_LIST:
		return facts->target_is_name ? shape_of_known(facts->target) : SHAPE_ANY;
	case REF_RULE_NAME:
		return shape_of_known(facts->rule);
	default:
		return SHAPE_ANY;
	}
}

/* A date is needed here: says so where there can be none. */
static bool need_date(struct flow *flow, const char *who)
{
	if (flow->shape == SHAPE_NEVER) {
		fault_part(flow->f, CODE_NEVER_A_DATE, flow->n, flow->from, flow->to,
			   "'%s' needs a date, and this is never one", who);
		fault_hint(flow->f,
			   "a date is YYYY-MM-DD, such as event.date or a property of dates");
		return false;
	}
	if (flow->otherwise) {
		fault_part(flow->f, CODE_NEVER_A_DATE, flow->n, flow->otherwise->arg_from[0],
			   flow->otherwise->arg_to[0], "'%s' needs a date, and %s is none", who,
			   fault_shown(flow->f, flow->otherwise->arg[0]));
		return false;
	}
	return true;
}

static void never(struct flow *flow, const struct call *c)
{
	flow->shape = SHAPE_NEVER;
	flow->from = c->from;
	flow->to = c->n_arg ? c->arg_to[c->n_arg - 1] + 1 : c->to;
}

static bool follow_call(struct flow *flow, const struct call *c)
{
	const char *name = c->fn->name;

	if (c->fn->needs_date && !need_date(flow, name))
		return false;
	if (strcmp(name, "date") == 0) {
		if (slice_is(c->arg[0], "YYYY-MM-DD"))
			flow->shape = SHAPE_DATE;
		else
			never(flow, c);
	} else if (strcmp(name, "default") == 0 && slice_trim(c->arg[0]).len &&
		   !is_date_text(c->arg[0])) {
		flow->otherwise = c;
	} else if (strcmp(name, "replace") == 0) {
		flow->shape = SHAPE_ANY;
		flow->otherwise = NULL;
	}
	return true;
}

static bool follow(struct flow *flow, const struct part *part)
{
	flow->shape = shape_of_reference(flow->facts, part);
	flow->from = part->from;
	flow->to = part->to;
	flow->otherwise = NULL;
	for (size_t i = 0; i < part->n_call; i++)
		if (!follow_call(flow, &part->call[i]))
			return false;
	return true;
}

/* What a date or date-time is made of. */
static bool may_be_in_date(struct slice text, size_t *bad)
{
	for (*bad = 0; *bad < text.len; ++*bad)
		if (!strchr("0123456789-+:.TtZz \t\r\n", text.ptr[*bad]))
			return false;
	return true;
}

static const char *sample_of(enum shape shape)
{
	return shape == SHAPE_DATE ? "2026-01-31" : "2026-01-31T09:00:00.000Z";
}

/* A date field as a whole: its parts together must be able to form a date. */
static void check_whole(struct flow *flow, const struct template *t, const enum shape *shape)
{
	struct str sample;
	bool certain = true;

	str_init(&sample, LIMIT_YAML_SCALAR_BYTES);
	for (size_t i = 0; i < t->n_part; i++) {
		size_t bad;
		const struct part *part = &t->part[i];
		if (part->ref == REF_LITERAL && t->n_part > 1 &&
		    !may_be_in_date(part->text, &bad)) {
			fault_part(flow->f, CODE_NEVER_A_DATE, flow->n, part->from, part->to,
				   "with this text '%s' can never be a date",
				   flow->n->key->text.ptr);
			goto out;
		}
		if (part->ref == REF_LITERAL)
			str_add_slice(&sample, part->text);
		else if (shape[i] == SHAPE_ANY)
			certain = false;
		else
			str_add_text(&sample, sample_of(shape[i]));
	}
	struct slice text = slice_trim(str_slice(&sample));
	if (certain && text.len && !is_date_text(text)) {
		fault(flow->f, CODE_NEVER_A_DATE, flow->n, "this can never be a date for '%s'",
		      flow->n->key->text.ptr);
		fault_hint(flow->f, "it must come out as YYYY-MM-DD, such as {{ event.date }}");
	}
out:
	str_release(&sample);
}

void template_check_dates(struct faults *f, const struct node *n, const struct template *t,
			  const struct template_facts *facts, bool wants_date)
{
	struct flow flow = { .f = f, .n = n, .facts = facts };
	enum shape shape[LIMIT_TEMPLATE_PARTS] = { SHAPE_ANY };
	bool good = true;

	for (size_t i = 0; i < t->n_part; i++) {
		if (t->part[i].ref == REF_LITERAL)
			continue;
		bool fine = follow(&flow, &t->part[i]);
		if (fine && wants_date)
			fine = need_date(&flow, n->key->text.ptr);
		good &= fine;
		shape[i] = flow.shape;
	}
	if (good && wants_date)
		check_whole(&flow, t, shape);
}

#include "dsl/warn.h"

#include <string.h>

/* ---- a rule alone -------------------------------------------------------------- */

static bool is_one(const struct node *values, struct slice *value)
{
	const struct node *first = values->kind == NODE_LIST ? values->first : values;

	for (const struct node *e = first; e; e = values->kind == NODE_LIST ? e->next : NULL)
		if (!slice_eq(e->text, first->text))
			return false;
	*value = first->text;
	return true;
}

/* What was written over itself is no change. */
static bool warn_no_change(struct faults *f, const struct rule_draft *r)
{
	struct slice from, to;

	if (!r->from || !r->to || !is_one(r->from, &from) || !is_one(r->to, &to) ||
	    !slice_eq(from, to))
		return false;
	fault(f, CODE_NEVER_FIRES, r->to, "a change from %s to %s is none, so this never fires",
	      fault_shown(f, from), fault_shown(f, to));
	fault_other(f, fault_span(f, r->from), "the value before");
	return true;
}

static bool is_always_empty(const struct node *values)
{
	struct slice value;

	return values && is_one(values, &value) && value.len == 0;
}

static const struct operator* operator_known(void)
{
	size_t i = 0;

	while (operators[i].form != OPERAND_FLAG)
		i++;
	return &operators[i];
}

/* Why the reference is empty whenever the rule fires; NULL where it need not be. */
static const struct node *why_empty(const struct demands *d, const struct part *part)
{
	const struct rule_draft *r = d->rule;
	struct slice none = slice_of("false");
	struct test unknown = { .op = operator_known(),
				.property_name = part->property,
				.value = &none,
				.n_value = 1,
				.flag = false };
	struct literal empty = { &unknown, false, NULL };

	if (part->ref == REF_EVENT_FROM)
		return is_always_empty(r->from) ? r->from : NULL;
	if (part->ref == REF_EVENT_TO)
		return is_always_empty(r->to) ? r->to : NULL;
	if (part->ref != REF_CONTACT || d->never || !reason_implies(&d->must, empty))
		return NULL;
	for (size_t i = 0; i < d->must.count; i++)
		if (literal_same_property(&d->must.list[i], &empty))
			return d->must.list[i].entry;
	return NULL;
}

static bool has_default(const struct part *part)
{
	for (size_t i = 0; i < part->n_call; i++)
		if (strcmp(part->call[i].fn->name, "default") == 0)
			return true;
	return false;
}

static void warn_field(struct faults *f, const struct demands *d, const struct field_draft *field)
{
	for (size_t i = 0; i < field->template.n_part; i++) {
		const struct part *part = &field->template.part[i];
		const struct node *why = has_default(part) ? NULL : why_empty(d, part);
		if (!why)
			continue;
		fault_part(f, CODE_EMPTY_FIELD, field->node, part->from, part->to,
			   "%s is empty whenever this rule fires", fault_shown(f, part->text));
		fault_hint(f, "default('…') gives it a value");
		fault_other(f, fault_span(f, why), "because of this");
	}
}

void warn_fields(struct faults *f, const struct demands *d)
{
	for (size_t i = 0; i < d->rule->n_field; i++)
		if (d->rule->field[i].node)
			warn_field(f, d, &d->rule->field[i]);
}

/* ---- all of them --------------------------------------------------------------- */

static void warn_accounts(struct faults *f, const struct drafts *d)
{
	bool *used = mem_alloc((d->n_account + 1) * sizeof(*used));

	memset(used, 0, (d->n_account + 1) * sizeof(*used));
	for (size_t i = 0; i < d->n_rule; i++) {
		used[d->rule[i].source] = true;
		used[d->rule[i].target_account] = true;
	}
	/* Accounts that wait for their first rule are no slip. */
	for (size_t i = 0; d->n_rule && i < d->n_account; i++)
		if (!used[i] && d->account[i].name_node)
			fault(f, CODE_UNUSED_ACCOUNT, d->account[i].name_node,
			      "no rule uses the account %s",
			      fault_shown(f, slice_of(d->account[i].name)));
	mem_free(used);
}

void drafts_warn(struct faults *f, struct drafts *d)
{
	struct demands *list = mem_alloc((d->n_rule + 1) * sizeof(*list));
	struct arena scratch;

	arena_init(&scratch);
	for (size_t i = 0; i < d->n_rule; i++) {
		f->rule = d->rule[i].shown;
		arena_clear(&scratch);
		warn_filters(f, &d->arena, &scratch, &d->rule[i], &list[i]);
		list[i].never |= warn_no_change(f, &d->rule[i]);
		warn_patterns(f, &d->rule[i]);
		warn_fields(f, &list[i]);
	}
	arena_release(&scratch);
	warn_overlaps(f, list, d->n_rule);
	f->rule = NULL;
	warn_accounts(f, d);
	for (size_t i = 0; i < d->n_rule; i++)
		demands_release(&list[i]);
	mem_free(list);
}

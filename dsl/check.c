/*
 * check - what concerns more than one document (see draft.h).
 */
#include <string.h>

#include "base/map.h"
#include "dsl/draft.h"

#define WORDS_MOST 16

/* Accounts of one type. */
struct choice {
	const char *name[WORDS_MOST]; /* the first ones, for hints */
	size_t count;
	uint32_t first;
};

struct check {
	struct faults *f;
	struct drafts *d;
	struct map accounts; /* name to account_draft */
	struct choice choice[ACCOUNT_TYPES];
	bool unsure; /* an account's type or name could not be told */
};

static void check_duplicate(struct check *c, struct map *seen, const struct node *name,
			    enum code code, const char *what)
{
	struct faults *f = c->f;
	const struct node *first = map_get(seen, name->text);

	if (!first) {
		map_put_lent(seen, name->text, (void *)name);
		return;
	}
	fault(f, code, name, "there is another %s %s", what, fault_shown(f, name->text));
	fault_other(f, fault_span(f, first), "the first one");
}

static void collect_account(struct check *c, struct map *seen, size_t i)
{
	struct account_draft *a = &c->d->account[i];

	if (!a->type || !a->name[0])
		c->unsure = true;
	if (!a->name[0])
		return;
	if (a->name_node)
		check_duplicate(c, seen, a->name_node, CODE_DUPLICATE_ACCOUNT, "account");
	if (!map_get(&c->accounts, slice_of(a->name)))
		map_put(&c->accounts, slice_of(a->name), a);
	if (!a->type)
		return;
	struct choice *choice = &c->choice[a->type - account_types];
	if (choice->count < WORDS_MOST)
		choice->name[choice->count] = a->name;
	if (choice->count++ == 0)
		choice->first = (uint32_t)i;
}

static void collect_accounts(struct check *c)
{
	struct drafts *d = c->d;
	struct map seen;

	c->unsure = d->incomplete;
	if (d->n_account == 0) {
		d->account = mem_grow(d->account, &d->cap_account, ACCOUNT_TYPES,
				      sizeof(*d->account));
		for (; d->n_account < ACCOUNT_TYPES; d->n_account++)
			account_default(&d->arena, &account_types[d->n_account],
					&d->account[d->n_account]);
	}
	map_init(&seen);
	for (size_t i = 0; i < d->n_account; i++)
		collect_account(c, &seen, i);
	map_release(&seen);
}

static void hint_accounts(struct check *c, const struct account_type *type, struct slice word)
{
	const struct choice *choice = &c->choice[type - account_types];
	size_t count = choice->count < WORDS_MOST ? choice->count : WORDS_MOST;

	if (count)
		fault_words(c->f, word, choice->name, count);
}

/* The account of that type that `named` means (NULL: the only one); 0 after a fault. */
static uint32_t resolve(struct check *c, const struct account_type *type, const struct node *named,
			const struct node *holder, const char *who)
{
	const struct choice *choice = &c->choice[type - account_types];

	if (named) {
		struct account_draft *a = map_get(&c->accounts, named->text);
		if (a && (a->type == type || !a->type))
			return (uint32_t)(a - c->d->account);
		if (!a && c->unsure)
			return ACCOUNT_UNKNOWN;
		if (a)
			fault(c->f, CODE_WRONG_ACCOUNT, named,
			      "account %s is of type '%s', and %s needs '%s'",
			      fault_shown(c->f, named->text), a->type->name, who, type->name);
		else
			fault(c->f, CODE_UNKNOWN_ACCOUNT, named, "there is no account %s",
			      fault_shown(c->f, named->text));
		hint_accounts(c, type, named->text);
		return ACCOUNT_UNKNOWN;
	}
	if (choice->count == 1)
		return choice->first;
	if (choice->count > 1) {
		fault(c->f, CODE_AMBIGUOUS_ACCOUNT, holder,
		      "several accounts of type '%s': %s must name one", type->name, who);
		fault_hint(c->f, "add 'account:' with one of %s, %s%s", choice->name[0],
			   choice->name[1], choice->count > 2 ? ", …" : "");
	} else if (!c->unsure) {
		fault(c->f, CODE_MISSING_ACCOUNT, holder,
		      "%s needs an account of type '%s', and none is declared", who, type->name);
		fault_hint(c->f, "declare one: account: NAME with %s: below it", type->name);
	}
	return ACCOUNT_UNKNOWN;
}

static void check_rule(struct check *c, struct map *seen, struct rule_draft *r)
{
	c->f->rule = r->shown;
	if (r->name[0])
		check_duplicate(c, seen, r->name_node, CODE_DUPLICATE_RULE, "rule");
	if (r->event >= 0) {
		const struct node *event = node_get(r->trigger, "event");
		const char *type = event_account_type((enum event_kind)r->event);
		r->source = resolve(c, account_type(slice_of(type)), r->trigger_account,
				    event ? event : r->trigger->key, "the trigger");
	}
	if (r->action) {
		const struct node *act = node_get(r->action, "do");
		const char *type = action_account_type(r->act);
		r->target_account = resolve(c, account_type(slice_of(type)), r->action_account,
					    act ? act : r->action->key, "the action");
	}
	c->f->rule = NULL;
}

void drafts_check(struct faults *f, struct drafts *d)
{
	struct check c = { .f = f, .d = d };
	struct map seen;

	map_init(&c.accounts);
	map_init(&seen);
	collect_accounts(&c);
	for (size_t i = 0; i < d->n_rule; i++)
		check_rule(&c, &seen, &d->rule[i]);
	map_release(&seen);
	map_release(&c.accounts);
}

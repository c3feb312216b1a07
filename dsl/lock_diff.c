/*
 * lock_diff - what became of the names between two locks, one change at a time: see lock.h.
 */
#include <string.h>

#include "dsl/lock.h"

const char *const lock_thing_names[LOCK_KINDS] = { "property", "list", "group", "attribute" };

struct diff {
	struct lock_change change; /* what is being looked at */
	void (*say)(void *ctx, const struct lock_change *change);
	void *ctx;
	size_t count;
};

static void say(struct diff *d, enum lock_became became, const char *was, const char *now)
{
	d->change.became = became;
	d->change.was = was;
	d->change.now = now;
	d->count++;
	d->say(d->ctx, &d->change);
}

/* ---- options ------------------------------------------------------------------ */

static void compare_option(struct diff *d, const struct lock_option *was,
			   const struct lock_option *now)
{
	if (strcmp(was->label, now->label) != 0)
		say(d, LOCK_RENAMED, was->label, now->label);
	if (was->hidden != now->hidden)
		say(d, now->hidden ? LOCK_HIDDEN : LOCK_SHOWN, NULL, now->label);
}

static void compare_options(struct diff *d, const struct lock_entry *was,
			    const struct lock_entry *now)
{
	size_t i = 0, k = 0;

	while (i < was->n_option || k < now->n_option) {
		const struct lock_option *a = i < was->n_option ? &was->option[i] : NULL;
		const struct lock_option *b = k < now->n_option ? &now->option[k] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->value, b->value);
		d->change.option = order <= 0 ? a->value : b->value;
		if (order < 0)
			say(d, LOCK_GONE, a->label, NULL);
		else if (order > 0)
			say(d, LOCK_NEW, NULL, b->label);
		else
			compare_option(d, a, b);
		i += order <= 0;
		k += order >= 0;
	}
	d->change.option = NULL;
}

/* ---- entries -------------------------------------------------------------------- */

static void compare_entry(struct diff *d, const struct lock_entry *was,
			  const struct lock_entry *now)
{
	if (strcmp(was->name, now->name) != 0)
		say(d, LOCK_RENAMED, was->name, now->name);
	if (strcmp(was->type, now->type) != 0)
		say(d, LOCK_RETYPED, was->type, now->type);
	if (strcmp(was->field, now->field) != 0)
		say(d, LOCK_RETYPED, was->field, now->field);
	if (was->open != now->open)
		say(d, now->open ? LOCK_OPENED : LOCK_CLOSED, NULL, now->name);
	compare_options(d, was, now);
}

static void compare_section(struct diff *d, const struct lock_account *was,
			    const struct lock_account *now, enum lock_kind kind)
{
	const struct lock_section *a = &was->section[kind], *b = &now->section[kind];

	d->change.kind = kind;
	for (size_t i = 0; i < a->count; i++) {
		const struct lock_entry *other = lock_find(now, kind, slice_of(a->entry[i].key));
		d->change.key = a->entry[i].key;
		if (other)
			compare_entry(d, &a->entry[i], other);
		else
			say(d, LOCK_GONE, a->entry[i].name, NULL);
	}
	for (size_t i = 0; i < b->count; i++) {
		d->change.key = b->entry[i].key;
		if (!lock_find(was, kind, slice_of(b->entry[i].key)))
			say(d, LOCK_NEW, NULL, b->entry[i].name);
	}
	d->change.key = NULL;
	if (a->more != b->more)
		say(d, b->more ? LOCK_OPENED : LOCK_CLOSED, NULL, NULL);
}

/* ---- accounts --------------------------------------------------------------------- */

static const struct lock_account *same_account(const struct lock *l, const struct lock_account *a)
{
	const struct lock_account *found = lock_account(l, a->name);

	return found && strcmp(found->type, a->type) == 0 ? found : NULL;
}

static void say_account(struct diff *d, const struct lock_account *a, enum lock_became became)
{
	d->change.account = a->name;
	d->change.kind = LOCK_KINDS;
	d->change.key = NULL;
	say(d, became, a->type, a->type);
}

size_t lock_diff(const struct lock *was, const struct lock *now,
		 void (*told)(void *ctx, const struct lock_change *change), void *ctx)
{
	struct diff d = { .say = told, .ctx = ctx };

	for (size_t i = 0; i < was->n_account; i++)
		if (!same_account(now, &was->account[i]))
			say_account(&d, &was->account[i], LOCK_GONE);
	for (size_t i = 0; i < now->n_account; i++) {
		const struct lock_account *before = same_account(was, &now->account[i]);
		if (!before)
			say_account(&d, &now->account[i], LOCK_NEW);
		d.change.account = now->account[i].name;
		for (size_t k = 0; before && k < LOCK_KINDS; k++)
			compare_section(&d, before, &now->account[i], (enum lock_kind)k);
	}
	return d.count;
}

/* ---- in words ----------------------------------------------------------------------- */

static void add_quoted(struct str *out, const char *text)
{
	str_add_char(out, '\'');
	str_add_shown(out, slice_of(text));
	str_add_char(out, '\'');
}

static void add_subject(const struct lock_change *c, struct str *out)
{
	if (c->kind == LOCK_KINDS) {
		str_add_text(out, "the account");
		return;
	}
	if (!c->key) {
		str_addf(out, "the %s", lock_kind_names[c->kind]);
		return;
	}
	if (c->option) {
		str_add_text(out, "option ");
		add_quoted(out, c->option);
		str_add_text(out, " of ");
	}
	str_addf(out, "%s ", lock_thing_names[c->kind]);
	add_quoted(out, c->key);
}

void lock_change_words(const struct lock_change *c, struct str *out)
{
	static const char *const words[] = {
		[LOCK_NEW] = " is new",
		[LOCK_GONE] = " is gone",
		[LOCK_RENAMED] = " is called ",
		[LOCK_RETYPED] = " is of type ",
		[LOCK_HIDDEN] = " is hidden now",
		[LOCK_SHOWN] = " is not hidden any more",
		[LOCK_OPENED] = " has more than can be listed",
		[LOCK_CLOSED] = " is listed whole now",
	};
	const char *name = c->became == LOCK_GONE ? c->was : c->now;

	add_subject(c, out);
	str_add_text(out, words[c->became]);
	if (c->became == LOCK_RENAMED || c->became == LOCK_RETYPED) {
		add_quoted(out, c->now);
		str_add_text(out, " now, was ");
		add_quoted(out, c->was);
	} else if ((c->became == LOCK_NEW || c->became == LOCK_GONE) && name && name[0]) {
		str_add_text(out, ": ");
		str_add_shown(out, slice_of(name));
	}
}

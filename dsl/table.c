/*
 * table - the frozen table: references, and look-ups by name.
 */
#include "dsl/table.h"

#include <stdlib.h>
#include <string.h>

#include "dsl/program.h"

/* ---- life -------------------------------------------------------------- */

struct table *table_ref(struct table *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void table_unref(struct table *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	/* The table lives in its own arena. */
	struct table_memory *memory = t->memory;
	patterns_release(&memory->patterns);
	arena_release(&memory->arena);
	arena_release(&memory->texts);
	table_unref(memory->base);
	mem_free(memory);
}

void table_forget_texts(const struct table *t)
{
	for (size_t i = 0; i < t->n_file; i++) {
		t->file[i].text = (struct slice){ 0 };
		t->file[i].piece = NULL;
	}
	arena_release(&t->memory->texts);
}

/* ---- names ------------------------------------------------------------- */

static int compare_account(const void *name, const void *account)
{
	return strcmp(name, ((const struct account *)account)->name);
}

const struct account *table_account(const struct table *t, const char *name)
{
	if (!t->n_account)
		return NULL;
	return bsearch(name, t->account, t->n_account, sizeof(*t->account), compare_account);
}

static int compare_rule(const void *name, const void *rule)
{
	return strcmp(name, ((const struct rule *)rule)->name);
}

const struct rule *table_rule(const struct table *t, const char *name)
{
	if (!t->n_rule)
		return NULL;
	return bsearch(name, t->rule, t->n_rule, sizeof(*t->rule), compare_rule);
}

size_t table_active(const struct table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_rule; i++)
		n += t->rule[i].mode != MODE_OFF;
	return n;
}

bool table_is_emptied(const struct table *t, size_t active)
{
	return t->n_rule == 0 && active > 0;
}

const struct setting *account_setting(const struct account *account, const char *key)
{
	for (size_t i = 0; i < account->n_setting; i++) {
		const struct setting *s = &account->setting[i];
		if (strcmp(s->key, key) != 0)
			continue;
		/* A duration or a rate always has a default. */
		bool there = s->given || s->text || s->n_secret || s->kind == SETTING_DURATION ||
			     s->kind == SETTING_RATE;
		return there ? s : NULL;
	}
	return NULL;
}

const char *account_text(const struct account *account, const char *key)
{
	const struct setting *s = account_setting(account, key);

	return s ? s->text : NULL;
}

int64_t account_ms(const struct account *account, const char *key)
{
	const struct setting *s = account_setting(account, key);

	return s ? s->duration_ms : 0;
}

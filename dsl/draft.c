#include "dsl/draft.h"

#include <string.h>

#include "base/limits.h"
#include "dsl/fields.h"

void drafts_init(struct drafts *d)
{
	*d = (struct drafts){ 0 };
	arena_init(&d->arena);
	patterns_init(&d->patterns);
}

void drafts_release(struct drafts *d)
{
	mem_free(d->rule);
	mem_free(d->account);
	patterns_release(&d->patterns);
	arena_release(&d->arena);
	drafts_init(d);
}

static void read_account(struct faults *f, struct drafts *d, const struct node *doc)
{
	d->account = mem_grow(d->account, &d->cap_account, d->n_account + 1, sizeof(*d->account));
	account_read(f, &d->arena, doc, &d->account[d->n_account++]);
}

static void read_rule(struct faults *f, struct drafts *d, const struct node *doc)
{
	if (d->n_rule == LIMIT_RULES) {
		fault(f, CODE_TOO_LARGE, doc->first->key, "more than %u rules", LIMIT_RULES);
		return;
	}
	d->rule = mem_grow(d->rule, &d->cap_rule, d->n_rule + 1, sizeof(*d->rule));
	if (!d->defaults.count)
		fields_read_defaults(f, &d->arena, &d->defaults);
	rule_read(f, &d->patterns, &d->arena, &d->defaults, doc, &d->rule[d->n_rule++]);
}

struct kind {
	const char *key;
	void (*read)(struct faults *f, struct drafts *d, const struct node *doc);
};

static const struct kind kinds[] = {
	{ "account", read_account },
	{ "rule", read_rule },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void refuse_document(struct faults *f, struct drafts *d, const struct node *doc)
{
	const char *words[KINDS];
	const struct node *key = doc->first->key;

	d->incomplete = true;
	for (size_t i = 0; i < KINDS; i++)
		words[i] = kinds[i].key;
	fault(f, CODE_UNKNOWN_DOCUMENT, key,
	      "a document begins with 'account' or 'rule', not with %s", fault_shown(f, key->text));
	const char *near = diag_nearest(key->text, words, KINDS);
	if (near)
		fault_hint(f, "did you mean '%s'?", near);
	else if (slice_is(key->text, "test"))
		fault_hint(f,
			   "rule tests live in the sub-folder tests/, and hs2cert test runs them");
}

/* False where the document is no map with at least one key. */
static bool check_map(struct faults *f, const struct node *doc)
{
	if (doc->kind == NODE_MAP && doc->first)
		return true;
	if (doc->broken)
		return false;
	fault(f, CODE_UNKNOWN_DOCUMENT, doc, "a document is an account or a rule, not %s",
	      doc->kind == NODE_LIST  ? "a list"
	      : doc->kind == NODE_MAP ? "an empty map"
				      : "a text");
	fault_hint(f, doc->kind == NODE_LIST ? "leave out the '- ', and put '---' between documents"
					     : "it begins with 'account: NAME' or 'rule: NAME'");
	return false;
}

void drafts_read(struct faults *f, struct drafts *d, const struct node *doc)
{
	if (!check_map(f, doc)) {
		d->incomplete = true;
		return;
	}
	const struct node *first = doc->first;
	for (size_t i = 0; i < KINDS; i++) {
		const struct node *m = node_get(doc, kinds[i].key);
		if (!m || (m != first && node_get(doc, kinds[(i + 1) % KINDS].key) == first))
			continue;
		if (m != first) {
			fault(f, CODE_KEY_ORDER, m->key,
			      "'%s' must be the first key of its document", kinds[i].key);
			fault_other(f, fault_span(f, first->key), "this one comes before it");
		}
		kinds[i].read(f, d, doc);
		return;
	}
	refuse_document(f, d, doc);
}

void drafts_read_account(struct faults *f, struct drafts *d, const struct node *doc)
{
	if (node_get(doc, "account"))
		drafts_read(f, d, doc);
}

#include "dsl/build.h"

#include "dsl/draft.h"
#include "dsl/lock.h"
#include "dsl/names.h"
#include "dsl/warn.h"

struct build {
	struct faults f;
	struct documents documents;
	struct drafts drafts;
	struct lock lock; /* what the file says */
};

static void read_document(void *ctx, const struct node *root)
{
	struct build *b = ctx;

	drafts_read(&b->f, &b->drafts, root);
}

static void read_account(void *ctx, const struct node *root)
{
	struct build *b = ctx;

	drafts_read_account(&b->f, &b->drafts, root);
}

/* Every document goes to `each`. */
static void begin(struct build *b, const struct sources *s, struct diags *diags,
		  void (*each)(void *ctx, const struct node *root))
{
	*b = (struct build){ .f = { .sources = s, .diags = diags },
			     .documents = { .each = each, .ctx = b } };
	drafts_init(&b->drafts);
	lock_init(&b->lock);
	/* What sources_add_path refused is missing here too. */
	b->drafts.incomplete = diags->errors > 0;
	for (size_t i = 0; i < s->count; i++)
		if (!s->file[i].lock)
			node_read_file(&b->f, (uint32_t)i, &b->drafts.arena, &b->documents);
	b->drafts.incomplete |= b->documents.incomplete;
}

static void end(struct build *b)
{
	drafts_release(&b->drafts);
	lock_release(&b->lock);
}

/* ---- names -------------------------------------------------------------- */

static void pass_over(void *ctx, const struct lock_change *change)
{
	(void)ctx;
	(void)change;
}

/* The lock file is behind: said once, at its head. */
static void warn_behind(struct build *b, const struct lock *live)
{
	const struct sources *s = b->f.sources;
	struct span at = { 0, 1, 1, 1, 1 };
	size_t count = lock_diff(&b->lock, live, pass_over, NULL);

	while (!s->file[at.file].lock)
		at.file++;
	if (!count)
		return;
	fault_at(&b->f, CODE_NOT_PULLED, at, "%zu name%s changed since the last pull", count,
		 count == 1 ? " has" : "s have");
	fault_hint(&b->f, "'hs2cert pull --check' lists them, 'hs2cert pull' takes them over");
}

/* Against the live names where they are there, else against the file's. */
static void check_names(struct build *b, const struct lock *live)
{
	enum lock_state state = lock_read(b->f.sources, b->f.diags, &b->lock);
	bool read = state == LOCK_READ;

	if (live && read)
		warn_behind(b, live);
	if (live)
		names_check(&b->f, &b->drafts, live, read ? &b->lock : NULL);
	else if (read)
		names_check(&b->f, &b->drafts, &b->lock, NULL);
}

/* ---- tables ------------------------------------------------------------- */

struct table *table_build_online(const struct sources *s, const struct lock *live,
				 struct diags *diags, size_t *rules)
{
	struct table *table = NULL;
	struct build b;

	begin(&b, s, diags, read_document);
	drafts_check(&b.f, &b.drafts);
	check_names(&b, live);
	if (diags->errors == 0)
		drafts_warn(&b.f, &b.drafts);
	diags_sort(diags);
	if (rules)
		*rules = b.drafts.n_rule;
	if (diags->errors == 0)
		table = drafts_compile(&b.drafts, s);
	end(&b);
	return table;
}

struct table *table_build(const struct sources *s, struct diags *diags, size_t *rules)
{
	return table_build_online(s, NULL, diags, rules);
}

struct table *table_build_accounts(const struct sources *s, struct diags *diags)
{
	struct table *table = NULL;
	struct build b;

	begin(&b, s, diags, read_account);
	drafts_check(&b.f, &b.drafts);
	diags_sort(diags);
	if (diags->errors == 0)
		table = drafts_compile(&b.drafts, s);
	end(&b);
	return table;
}

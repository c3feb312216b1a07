#include "dsl/build.h"

#include "dsl/draft.h"
#include "dsl/lock.h"
#include "dsl/warn.h"

struct table *table_build(const struct sources *s, struct diags *diags, size_t *rules)
{
	struct faults f = { .sources = s, .diags = diags };
	struct documents documents = { 0 };
	struct table *table = NULL;
	struct drafts drafts;
	struct lock lock;

	drafts_init(&drafts);
	lock_init(&lock);
	for (size_t i = 0; i < s->count; i++)
		if (!s->file[i].lock)
			node_read_file(&f, (uint32_t)i, &drafts.arena, &documents);
	/* What sources_add_path refused is missing here too. */
	drafts.incomplete = documents.incomplete || diags->errors > 0;
	for (size_t i = 0; i < documents.count; i++)
		drafts_read(&f, &drafts, documents.root[i]);
	drafts_check(&f, &drafts);
	(void)lock_read(s, diags, &lock);
	if (diags->errors == 0)
		drafts_warn(&f, &drafts);
	diags_sort(diags);
	if (rules)
		*rules = drafts.n_rule;
	if (diags->errors == 0)
		table = drafts_compile(&drafts, s);
	documents_release(&documents);
	drafts_release(&drafts);
	lock_release(&lock);
	return table;
}

/*
 * portal_lists - HubSpot's lists and who joined them when.
 *
 * A row is one join and is kept after the contact has left: a second join is a
 * second row. A row shows `list_lag_ms` after its own timestamp, as rows of
 * active lists do (facts/hubspot.md 4). Rows of deleted contacts are not shown.
 */
#include "engine/sandbox/inside.h"

#include <string.h>

static const char *const kinds[] = { "MANUAL", "DYNAMIC", "SNAPSHOT" };

static struct list *any_list(const struct sandbox *sb, int64_t id)
{
	for (size_t i = 0; i < sb->portal.lists; i++)
		if (sb->portal.list[i]->id == id)
			return sb->portal.list[i];
	return NULL;
}

struct list *portal_list(const struct sandbox *sb, int64_t id)
{
	struct list *l = any_list(sb, id);

	return l && !l->deleted ? l : NULL;
}

struct list *list_named(const struct sandbox *sb, struct slice name)
{
	for (size_t i = 0; i < sb->portal.lists; i++) {
		struct list *l = sb->portal.list[i];
		if (!l->deleted && slice_eq_nocase(slice_of(l->name), name))
			return l;
	}
	return NULL;
}

bool member_shows(const struct member *m, int64_t now_ms)
{
	return !m->left_ms && m->shows_ms <= now_ms && contact_lives(m->who);
}

size_t list_size(const struct list *l, int64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < l->members; i++)
		n += member_shows(&l->member[i], now_ms);
	return n;
}

int64_t list_last_added(const struct list *l, int64_t now_ms)
{
	int64_t last = 0;

	for (size_t i = 0; i < l->members; i++) {
		const struct member *m = &l->member[i];
		bool was_seen = m->shows_ms <= now_ms && (!m->left_ms || m->left_ms >= m->shows_ms);
		if (was_seen && m->shows_ms > last)
			last = m->shows_ms;
	}
	return last;
}

int64_t list_last_removed(const struct list *l, int64_t now_ms)
{
	int64_t last = 0;

	for (size_t i = 0; i < l->members; i++) {
		const struct member *m = &l->member[i];
		if (m->left_ms <= now_ms && m->left_ms >= m->shows_ms && m->left_ms > last)
			last = m->left_ms;
	}
	return last;
}

struct member *list_add_member(struct list *l, struct contact *who, int64_t at_ms, int64_t shows_ms)
{
	l->member = mem_grow(l->member, &l->member_cap, l->members + 1, sizeof(*l->member));
	l->member[l->members] = (struct member){ who, at_ms, shows_ms, 0, l->members };
	return &l->member[l->members++];
}

static struct member *current(struct list *l, const struct contact *who)
{
	for (size_t i = l->members; i > 0; i--)
		if (l->member[i - 1].who == who && !l->member[i - 1].left_ms)
			return &l->member[i - 1];
	return NULL;
}

enum rc sandbox_list(struct sandbox *sb, int64_t now_ms, int64_t id, const char *name,
		     const char *kind, int64_t *out_id, struct err *err)
{
	struct portal *p = &sb->portal;
	size_t k = 0, n_kinds = sizeof(kinds) / sizeof(kinds[0]);

	while (k < n_kinds && strcmp(kinds[k], kind ? kind : kinds[0]) != 0)
		k++;
	if (k == n_kinds)
		return err_set(err, RC_INVALID, "HubSpot has no lists of kind '%s'", kind);
	if (id < 0 || (id && any_list(sb, id)))
		return err_set(err, RC_INVALID, "there is a list %lld already", (long long)id);
	if (!name || !name[0] || list_named(sb, slice_of(name)))
		return err_set(err, RC_INVALID, "a list needs a name of its own");
	struct list *l = arena_alloc(&sb->memory, sizeof(*l));
	l->id = id ? id : p->next_list;
	l->name = arena_text(&sb->memory, slice_of(name));
	l->kind = kinds[k];
	l->version = 1;
	l->created_ms = l->updated_ms = l->filters_ms = now_ms;
	if (l->id >= p->next_list)
		p->next_list = l->id + 1;
	p->list = mem_grow(p->list, &p->list_cap, p->lists + 1, sizeof(struct list *));
	p->list[p->lists++] = l;
	if (out_id)
		*out_id = l->id;
	return RC_OK;
}

static enum rc find_list(struct sandbox *sb, int64_t id, struct list **out, struct err *err)
{
	*out = portal_list(sb, id);
	return *out ? RC_OK : err_set(err, RC_INVALID, "there is no list %lld", (long long)id);
}

enum rc sandbox_list_processing(struct sandbox *sb, int64_t now_ms, int64_t id, bool processing,
				struct err *err)
{
	struct list *l;
	enum rc rc = find_list(sb, id, &l, err);

	if (rc != RC_OK)
		return rc;
	if (processing && !l->processing)
		l->filters_ms = now_ms;
	l->processing = processing;
	return rc;
}

enum rc sandbox_list_rename(struct sandbox *sb, int64_t now_ms, int64_t id, const char *name,
			    struct err *err)
{
	struct list *l;
	enum rc rc = find_list(sb, id, &l, err);

	if (rc != RC_OK)
		return rc;
	if (!name[0] || list_named(sb, slice_of(name)))
		return err_set(err, RC_INVALID, "a list needs a name of its own");
	l->name = arena_text(&sb->memory, slice_of(name));
	l->updated_ms = now_ms;
	return RC_OK;
}

enum rc sandbox_list_delete(struct sandbox *sb, int64_t now_ms, int64_t id, struct err *err)
{
	struct list *l;
	enum rc rc = find_list(sb, id, &l, err);

	if (rc == RC_OK) {
		l->deleted = true;
		l->updated_ms = now_ms;
	}
	return rc;
}

enum rc sandbox_list_restore(struct sandbox *sb, int64_t now_ms, int64_t id, struct err *err)
{
	struct list *l = any_list(sb, id);

	if (!l || !l->deleted)
		return err_set(err, RC_INVALID, "no list %lld was deleted", (long long)id);
	if (list_named(sb, slice_of(l->name)))
		return err_set(err, RC_INVALID, "there is a list '%s' by now", l->name);
	l->deleted = false;
	l->updated_ms = now_ms;
	return RC_OK;
}

static enum rc find_both(struct sandbox *sb, int64_t list, int64_t contact, struct list **l,
			 struct contact **c, struct err *err)
{
	enum rc rc = find_list(sb, list, l, err);

	if (rc != RC_OK)
		return rc;
	*c = portal_contact(sb, contact);
	if (!*c || !contact_lives(*c))
		return err_set(err, RC_INVALID, "there is no contact %lld", (long long)contact);
	return RC_OK;
}

enum rc sandbox_join(struct sandbox *sb, int64_t now_ms, int64_t list, int64_t contact,
		     struct err *err)
{
	struct list *l;
	struct contact *c;
	enum rc rc = find_both(sb, list, contact, &l, &c, err);

	if (rc == RC_OK && !current(l, c)) {
		list_add_member(l, c, now_ms, now_ms + sb->options.list_lag_ms);
		l->updated_ms = now_ms;
		l->version++;
		contact_touch(c, now_ms);
	}
	return rc;
}

enum rc sandbox_leave(struct sandbox *sb, int64_t now_ms, int64_t list, int64_t contact,
		      struct err *err)
{
	struct list *l;
	struct contact *c;
	enum rc rc = find_both(sb, list, contact, &l, &c, err);

	if (rc != RC_OK)
		return rc;
	struct member *m = current(l, c);
	if (!m)
		return err_set(err, RC_INVALID, "contact %lld is not in list %lld",
			       (long long)contact, (long long)list);
	m->left_ms = now_ms;
	l->updated_ms = now_ms;
	l->version++;
	contact_touch(c, now_ms);
	return RC_OK;
}

/* When the result's row is stamped: as the older of both, or by option at the merge, or when an active list has computed it. */
static int64_t merged_stamp(const struct sandbox *sb, int64_t now_ms, const struct list *l,
			    int64_t older_ms)
{
	const struct sandbox_options *o = &sb->options;

	if (o->merge_computes_ms && strcmp(l->kind, "DYNAMIC") == 0)
		return now_ms + o->merge_computes_ms;
	return o->merge_rejoins ? now_ms : older_ms;
}

/* The result stands in both rows' place. */
void lists_merge(struct sandbox *sb, int64_t now_ms, const struct contact *primary,
		 const struct contact *other, struct contact *result)
{
	for (size_t i = 0; i < sb->portal.lists; i++) {
		struct list *l = sb->portal.list[i];
		struct member *a = current(l, primary), *b = current(l, other);
		if (!a && !b)
			continue;
		int64_t at_ms = !b || (a && a->at_ms <= b->at_ms) ? a->at_ms : b->at_ms;
		if (b)
			b->left_ms = now_ms;
		if (a)
			a->left_ms = now_ms;
		at_ms = merged_stamp(sb, now_ms, l, at_ms);
		list_add_member(l, result, at_ms,
				(at_ms > now_ms ? at_ms : now_ms) + sb->options.list_lag_ms);
		l->updated_ms = now_ms;
		l->version++;
	}
}

void lists_release(struct sandbox *sb)
{
	for (size_t i = 0; i < sb->portal.lists; i++)
		mem_free(sb->portal.list[i]->member);
	mem_free(sb->portal.list);
}

#include "tests/model/portal.h"

#include <string.h>

const char *const model_property_names[M_PROPERTIES] = {
	"email",	"firstname", "lastname",	"country",
	"course_score", "interests", "membership_tier", "phase",
};

void portal_model_init(struct model_portal *p)
{
	*p = (struct model_portal){ 0 };
	arena_init(&p->memory);
}

void portal_model_release(struct model_portal *p)
{
	for (size_t i = 0; i < p->records; i++) {
		for (size_t k = 0; k < M_PROPERTIES; k++)
			mem_free(p->record[i]->field[k].write);
		mem_free(p->record[i]->gone);
	}
	for (size_t i = 0; i < p->lists; i++) {
		mem_free(p->list[i]->row);
		mem_free(p->list[i]->named);
	}
	mem_free(p->record);
	mem_free(p->list);
	arena_release(&p->memory);
}

static void add_write(struct model_field *f, struct model_write w)
{
	f->write = mem_grow(f->write, &f->cap, f->count + 1, sizeof(*f->write));
	f->write[f->count++] = w;
}

struct model_record *model_create(struct model_portal *p, int64_t now_ms, int64_t id)
{
	struct model_record *r = arena_alloc(&p->memory, sizeof(*r));

	r->id = id;
	r->created_ms = now_ms;
	r->end_ms = INT64_MAX;
	p->record = mem_grow(p->record, &p->cap, p->records + 1, sizeof(struct model_record *));
	p->record[p->records++] = r;
	return r;
}

static const char *newest(const struct model_field *f)
{
	return f->count ? f->write[f->count - 1].value : "";
}

void model_set(struct model_portal *p, int64_t now_ms, struct model_record *r,
	       enum model_property property, const char *value)
{
	struct model_field *f = &r->field[property];

	if (strcmp(newest(f), value) != 0 || (p->same_value_writes && *value))
		add_write(f, (struct model_write){ now_ms, arena_text(&p->memory, slice_of(value)),
						   false, false });
}

void model_delete(struct model_record *r, int64_t now_ms)
{
	r->gone = mem_grow(r->gone, &r->gone_cap, r->gones + 1, sizeof(*r->gone));
	r->gone[r->gones++] = (struct model_gone){ now_ms, INT64_MAX };
}

void model_restore(struct model_record *r, int64_t now_ms)
{
	r->gone[r->gones - 1].until_ms = now_ms;
}

/* ---- merges ------------------------------------------------------------- */

static bool has_stamp(const struct model_field *f, int64_t at_ms)
{
	for (size_t i = 0; i < f->count; i++)
		if (!f->write[i].hidden && f->write[i].at_ms == at_ms)
			return true;
	return false;
}

/* Both histories in order of time; of two with one stamp HubSpot keeps the primary's. */
static void blend(const struct model_field *a, const struct model_field *b, struct model_field *out)
{
	size_t i = 0, k = 0;

	while (i < a->count || k < b->count) {
		bool first = k == b->count ||
			     (i < a->count && a->write[i].at_ms <= b->write[k].at_ms);
		struct model_write w = first ? a->write[i++] : b->write[k++];
		if (!w.hidden && (first || !has_stamp(a, w.at_ms)))
			add_write(out, w);
	}
}

static void merge_field(const struct model_portal *p, int64_t now_ms, const struct model_field *a,
			const struct model_field *b, struct model_field *out)
{
	const char *value = newest(a)[0] ? newest(a) : newest(b);
	bool shown;

	blend(a, b, out);
	shown = p->merge_writes_entry && value[0];
	if (shown || strcmp(newest(out), value) != 0)
		add_write(out, (struct model_write){ now_ms, value, true, !shown });
}

static struct model_row *row_of(struct model_list *l, const struct model_record *r)
{
	for (size_t i = l->rows; i > 0; i--)
		if (l->row[i - 1].who == r && l->row[i - 1].left_ms == INT64_MAX)
			return &l->row[i - 1];
	return NULL;
}

static void add_row(struct model_list *l, struct model_row row)
{
	l->row = mem_grow(l->row, &l->cap, l->rows + 1, sizeof(*l->row));
	l->row[l->rows++] = row;
}

static void merge_rows(struct model_portal *p, int64_t now_ms, const struct model_record *a,
		       const struct model_record *b, struct model_record *result, int64_t lag_ms)
{
	for (size_t i = 0; i < p->lists; i++) {
		struct model_row *ra = row_of(p->list[i], a), *rb = row_of(p->list[i], b);
		if (!ra && !rb)
			continue;
		int64_t at_ms = !rb || (ra && ra->at_ms <= rb->at_ms) ? ra->at_ms : rb->at_ms;
		bool computed = p->list[i]->active && p->merge_computes_ms;
		int64_t comes_ms = now_ms + (computed ? p->merge_computes_ms : 0);
		if (ra)
			ra->left_ms = now_ms;
		if (rb)
			rb->left_ms = now_ms;
		bool own = computed || p->merge_rejoins;
		add_row(p->list[i], (struct model_row){ .who = result,
							.at_ms = own ? comes_ms : at_ms,
							.shows_ms = comes_ms + lag_ms,
							.left_ms = INT64_MAX,
							.carried = true });
	}
}

struct model_record *model_merge(struct model_portal *p, int64_t now_ms,
				 struct model_record *primary, struct model_record *other,
				 int64_t id, int64_t created_ms, int64_t list_lag_ms)
{
	struct model_record *r = model_create(p, created_ms, id);

	r->merged_ms = now_ms;
	for (size_t i = 0; i < M_PROPERTIES; i++)
		merge_field(p, now_ms, &primary->field[i], &other->field[i], &r->field[i]);
	merge_rows(p, now_ms, primary, other, r, list_lag_ms);
	primary->end_ms = other->end_ms = now_ms;
	primary->into = other->into = r;
	return r;
}

/* ---- lists -------------------------------------------------------------- */

struct model_list *model_add_list(struct model_portal *p, int64_t id)
{
	struct model_list *l = arena_alloc(&p->memory, sizeof(*l));

	*l = (struct model_list){ .id = id };
	p->list = mem_grow(p->list, &p->list_cap, p->lists + 1, sizeof(struct model_list *));
	p->list[p->lists++] = l;
	return l;
}

void model_name_list(struct model_list *l, int64_t now_ms, const char *name)
{
	if (l->names && l->named[l->names - 1].until_ms == INT64_MAX)
		l->named[l->names - 1].until_ms = now_ms;
	if (!name)
		return;
	l->named = mem_grow(l->named, &l->name_cap, l->names + 1, sizeof(*l->named));
	l->named[l->names++] = (struct model_naming){ name, now_ms, INT64_MAX };
}

void model_join(struct model_list *l, int64_t now_ms, int64_t lag_ms, struct model_record *r)
{
	if (!row_of(l, r))
		add_row(l, (struct model_row){ .who = r,
					       .at_ms = now_ms,
					       .shows_ms = now_ms + lag_ms,
					       .left_ms = INT64_MAX });
}

void model_leave(struct model_list *l, int64_t now_ms, const struct model_record *r)
{
	struct model_row *row = row_of(l, r);

	if (row)
		row->left_ms = now_ms;
}

/* ---- what it says ------------------------------------------------------- */

static const char *value_at(const struct model_record *r, enum model_property property,
			    int64_t at_ms, bool hidden)
{
	const struct model_field *f = &r->field[property];
	const char *value = "";

	for (size_t i = 0; i < f->count && f->write[i].at_ms <= at_ms; i++)
		if (hidden || !f->write[i].hidden)
			value = f->write[i].value;
	return value;
}

const char *model_as_of(const struct model_record *r, enum model_property property, int64_t at_ms)
{
	return value_at(r, property, at_ms, false);
}

const char *model_shown(const struct model_record *r, enum model_property property, int64_t at_ms)
{
	return value_at(r, property, at_ms, true);
}

bool model_stays(const struct model_record *r, enum model_property property, int64_t at_ms)
{
	const struct model_field *f = &r->field[property];

	for (size_t i = 0; i < f->count; i++)
		if (!f->write[i].hidden && f->write[i].at_ms > at_ms)
			return false;
	return true;
}

const char *model_current(const struct model_record *r, enum model_property property, int64_t at_ms)
{
	while (r->into && at_ms >= r->end_ms)
		r = r->into;
	return value_at(r, property, at_ms, true);
}

bool model_is_part(const struct model_record *old, const struct model_record *r)
{
	while (old && old != r)
		old = old->into;
	return old != NULL;
}

int64_t model_end(const struct model_record *r, int64_t from_ms)
{
	for (size_t i = 0; i < r->gones; i++)
		if (r->gone[i].until_ms > from_ms && r->gone[i].from_ms < r->end_ms)
			return r->gone[i].from_ms;
	return r->end_ms;
}

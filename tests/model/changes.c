#include "tests/model/inside.h"

#include <string.h>

#include "tests/model/bursts.h"

#define ENTRIES_KEPT 45 /* of one property: behaviour.md, point 6 */

/* `shown`: with what a merge set without an entry, as one that it wrote. */
static struct model_entry *entries_of(const struct model_record *r, enum model_property property,
				      int64_t until_ms, bool shown, size_t *count)
{
	const struct model_field *f = &r->field[property];
	struct model_entry *e = mem_alloc((f->count + 1) * sizeof(*e));

	*count = 0;
	for (size_t i = 0; i < f->count && f->write[i].at_ms <= until_ms; i++)
		if (shown || !f->write[i].hidden)
			e[(*count)++] = (struct model_entry){ f->write[i].at_ms,
							      slice_of(f->write[i].value),
							      f->write[i].merge };
	return e;
}

/* Whether a later wording that may decide in this one's place cuts bursts in another way. */
static bool settles_otherwise(const struct judging *j)
{
	const struct model_story *s = j->story;

	for (size_t i = j->term.load + 1; i < s->loads; i++) {
		const struct model_rule *later = find_rule(s->load[i].rules, j->term.rule->name);
		if (!later || !same_trigger(later, j->term.rule))
			return false;
		if (later->settle_ms != j->term.rule->settle_ms)
			return true;
	}
	return false;
}

/* The entry as the last of a burst that begins with whichever before it. */
static void claim_recut(struct judging *j, struct model_record *r, const struct model_entry *entry,
			size_t last)
{
	size_t group = add_group(j->out, 0, 1, "it is not sure where its burst begins");
	struct model_event e = { j->term.rule, r, entry[last].at_ms, "", entry[last].value.ptr };

	for (size_t i = 0; i <= last; i++) {
		if (strcmp(e.from, e.to) != 0)
			claim_unsure(j, &e, group);
		e.from = entry[i].value.ptr;
	}
}

/*
 * A burst that a merge or a deletion met before it was surely decided: it may have been, with
 * any of its entries as the last, or never. Where the contact came back, what is left of it begins
 * with whichever entry was decided last, and where nothing says which of them came after a merge, with any.
 */
static void claim_cut_short(struct judging *j, struct model_record *r, const struct model_burst *b,
			    const struct model_entry *entry, size_t entries)
{
	bool recut = settles_otherwise(j) || r->gones ||
		     hides_behind_merge(j->story, r, b->first_ms);
	size_t group = add_group(j->out, 0, 1, "merged or deleted before it was surely decided");

	for (size_t i = 0; i < entries; i++) {
		struct model_event e = { j->term.rule, r, entry[i].at_ms, b->from.ptr,
					 entry[i].value.ptr };
		if (e.at_ms < b->first_ms || e.at_ms > b->last_ms)
			continue;
		if (recut)
			claim_recut(j, r, entry, i);
		else if (!slice_eq(entry[i].value, b->from))
			claim_unsure(j, &e, group);
	}
}

/* An earlier burst with the same identity: the same time and value of its last entry. */
static bool same_as_before(const struct model_burst *burst, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (burst[k].last_ms == burst[i].last_ms && slice_eq(burst[k].to, burst[i].to))
			return true;
	return false;
}

/*
 * When the source may show so many later entries that those from from_ms on, and the value before
 * them, are not all there any more; INT64_MAX: never.
 */
static int64_t forgotten_ms(const struct model_record *r, enum model_property property,
			    int64_t from_ms)
{
	const struct model_field *f = &r->field[property];
	int shown = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (f->write[i].hidden)
			continue;
		if (f->write[i].at_ms >= from_ms && ++shown > ENTRIES_KEPT - 2)
			return f->write[i].at_ms;
	}
	return INT64_MAX;
}

/* More changes than the source keeps may have been made unseen: any part of the burst may be left. */
static void claim_lost(struct judging *j, struct model_record *r, const struct model_burst *b,
		       const struct model_entry *entry, size_t entries)
{
	for (size_t i = 0; i < entries; i++)
		if (entry[i].at_ms >= b->first_ms && entry[i].at_ms <= b->last_ms)
			claim_recut(j, r, entry, i);
}

/* Where the value before an entry is not there any more, one that repeats it looks like a change. */
static void claim_lost_repeats(struct judging *j, struct model_record *r,
			       const struct model_history *h)
{
	for (size_t i = 1; i < h->entries; i++) {
		int64_t at_ms = h->entry[i].at_ms;
		if (at_ms > h->start_ms && slice_eq(h->entry[i].value, h->entry[i - 1].value) &&
		    !surely_decided(j, at_ms, forgotten_ms(r, j->term.rule->property, at_ms)))
			claim_recut(j, r, h->entry, i);
	}
}

static void claim_burst(struct judging *j, struct model_record *r, const struct model_burst *b)
{
	struct model_event e = { j->term.rule, r, b->last_ms, b->from.ptr, b->to.ptr };

	claim_event(j, &e, r, add_group(j->out, 1, 1, NULL));
}

/* Any part of the burst may be what is left of it. */
static void claim_hidden(struct judging *j, struct model_record *r, const struct model_burst *b,
			 const struct model_entry *entry, size_t entries)
{
	size_t group = add_group(j->out, 0, 1, "nothing says that it came after the merge");
	struct slice from = b->from;

	for (size_t i = 0; i < entries; i++) {
		struct model_event e = { j->term.rule, r, b->last_ms, from.ptr, b->to.ptr };
		if (entry[i].at_ms < b->first_ms || entry[i].at_ms > b->last_ms)
			continue;
		if (!slice_eq(from, b->to))
			claim_event(j, &e, r, group);
		from = entry[i].value;
	}
}

static bool has_twin(const struct model_verdict *v, const struct model_claim *c)
{
	for (size_t i = 0; i < v->claims; i++) {
		const struct model_event *a = &v->claim[i].event, *b = &c->event;
		if (a->rule == b->rule && a->at_ms == b->at_ms && strcmp(a->to, b->to) == 0 &&
		    model_is_part(a->who, b->who))
			return true;
	}
	return false;
}

/*
 * Where a merge keeps an id and the record was not read lately, it is taken for a new one, and
 * what the other brought along for changes of it.
 */
static void claim_brought_along(struct judging *j, struct model_record *r,
				const struct model_history *of)
{
	struct model_history h = *of;
	struct model_burst *burst = mem_alloc((h.entries + 1) * sizeof(*burst));

	h.start_ms = j->term.start_ms > r->created_ms ? j->term.start_ms : r->created_ms;
	size_t n = model_bursts(&h, burst, NULL);
	for (size_t i = 0; i < n; i++) {
		struct model_claim c = { .event = { j->term.rule, r, burst[i].last_ms,
						    burst[i].from.ptr, burst[i].to.ptr } };
		if (burst[i].event && burst[i].first_ms <= r->merged_ms && !has_twin(j->out, &c))
			claim_unsure(j, &c.event,
				     add_group(j->out, 0, 1, "brought along by a merge"));
	}
	/* What is of its very instant may be what came after it. */
	for (size_t i = 1; i < h.entries; i++)
		if (h.entry[i].at_ms == r->merged_ms)
			claim_recut(j, r, h.entry, i);
	mem_free(burst);
}

/*
 * A value that comes twice within one instant, with another between: a look that falls between cannot tell later which of
 * the two it had decided.
 */
static bool is_blurred(const struct model_burst *b, const struct model_entry *entry, size_t entries)
{
	for (size_t i = 0; i < entries; i++) {
		bool other = false;
		if (entry[i].at_ms < b->first_ms || entry[i].at_ms > b->last_ms)
			continue;
		for (size_t k = i + 1; k < entries && entry[k].at_ms == entry[i].at_ms; k++) {
			bool same = slice_eq(entry[k].value, entry[i].value);
			if (same && other)
				return true;
			other |= !same;
		}
	}
	return false;
}

/*
 * When a rule that is active since then hears of the record. An activation looks at nobody: what was merged before it
 * is news with its next change only, of whatever property. INT64_MAX: never.
 */
static int64_t first_news_ms(const struct model_record *r, int64_t active_ms)
{
	int64_t news_ms = INT64_MAX;

	if (r->merged_ms > active_ms)
		return r->merged_ms;
	for (size_t p = 0; p < M_PROPERTIES; p++)
		for (size_t i = 0; i < r->field[p].count; i++) {
			int64_t at_ms = r->field[p].write[i].at_ms;
			if (at_ms > active_ms && at_ms < news_ms)
				news_ms = at_ms;
		}
	return news_ms;
}

/* Whether it was also written in the very millisecond of the merge: which of the two was noted nobody can tell. */
static bool is_written_too(const struct model_field *f, size_t hidden)
{
	for (size_t i = 0; i < f->count; i++)
		if (!f->write[i].hidden && f->write[i].at_ms == f->write[hidden].at_ms &&
		    strcmp(f->write[i].value, f->write[hidden].value) == 0)
			return true;
	return false;
}

/* Whether what a merge set without an entry is known to whoever decides the next change. */
static bool merge_is_known(const struct judging *j, const struct model_record *r)
{
	const struct model_field *f = &r->field[j->term.rule->property];
	int64_t next_ms = INT64_MAX;
	bool hidden = false;

	for (size_t i = 0; i < f->count; i++) {
		hidden |= f->write[i].hidden;
		if (f->write[i].hidden && is_written_too(f, i))
			return false;
		if (!f->write[i].hidden && f->write[i].at_ms > r->merged_ms &&
		    f->write[i].at_ms < next_ms)
			next_ms = f->write[i].at_ms;
	}
	return !hidden || was_seen(j->story, r, first_news_ms(r, activated_ms(j)), next_ms);
}

/* A history, and the bursts that it is cut into. */
struct cut {
	struct model_history h;
	struct model_entry *entry;
	struct model_burst *burst;
	size_t bursts;
};

/* `shown`: as entries_of. */
static void cut(const struct judging *j, const struct model_record *r, bool shown, struct cut *out)
{
	const struct term *t = &j->term;
	int64_t until_ms = t->end_ms < r->end_ms ? t->end_ms : r->end_ms;

	*out = (struct cut){ .h = { .start_ms = t->start_ms > r->merged_ms ? t->start_ms
									   : r->merged_ms,
				    .settle_ms = t->rule->settle_ms,
				    .created_ms = r->created_ms,
				    .creation_window_ms = j->story->creation_window_ms,
				    .from_merge = r->merged_ms > 0 } };
	out->entry = entries_of(r, t->rule->property, until_ms, shown, &out->h.entries);
	out->h.entry = out->entry;
	out->burst = mem_alloc((out->h.entries + 1) * sizeof(*out->burst));
	out->bursts = model_bursts(&out->h, out->burst, NULL);
}

static void cut_release(struct cut *c)
{
	mem_free(c->burst);
	mem_free(c->entry);
}

static bool has_burst(const struct cut *c, const struct model_burst *b)
{
	for (size_t i = 0; i < c->bursts; i++) {
		const struct model_burst *a = &c->burst[i];
		if (a->first_ms == b->first_ms && a->last_ms == b->last_ms &&
		    slice_eq(a->from, b->from) && slice_eq(a->to, b->to) && a->event == b->event)
			return true;
	}
	return false;
}

/* Whether the time is that of an entry of a burst of `a` which `b` has not. */
static bool differs_at(const struct cut *a, const struct cut *b, int64_t at_ms)
{
	for (size_t i = 0; i < a->bursts; i++)
		if (a->burst[i].first_ms <= at_ms && at_ms <= a->burst[i].last_ms &&
		    !has_burst(b, &a->burst[i]))
			return true;
	return false;
}

/* What is a change, and from what, only where nobody saw, or somebody did, what a merge had set. */
static void claim_unseen(struct judging *j, struct model_record *r, const struct cut *shown,
			 const struct cut *told)
{
	for (size_t i = 0; i < shown->h.entries; i++) {
		int64_t at_ms = shown->entry[i].at_ms;
		if (at_ms > shown->h.start_ms &&
		    (differs_at(shown, told, at_ms) || differs_at(told, shown, at_ms)))
			claim_recut(j, r, shown->entry, i);
	}
}

/* The bursts of `c`, but for those that are only there where somebody saw what a merge had set: `told` has not. */
static void judge_bursts(struct judging *j, struct model_record *r, const struct cut *c,
			 const struct cut *told)
{
	size_t entries = c->h.entries;
	bool lost = false;

	for (size_t i = 0; i < c->bursts; i++) {
		const struct model_burst *b = &c->burst[i];
		/* What goes on from a burst that was lost in part may be cut in another way, too. */
		lost = (lost && b->first_ms - c->burst[i - 1].last_ms < c->h.settle_ms) ||
		       !surely_decided(j, b->last_ms,
				       forgotten_ms(r, j->term.rule->property, b->first_ms));
		if (!has_burst(told, b))
			continue;
		if (lost || is_blurred(b, c->entry, entries))
			claim_lost(j, r, b, c->entry, entries);
		else if (!surely_decided(j, b->last_ms, model_end(r, b->first_ms)))
			claim_cut_short(j, r, b, c->entry, entries);
		else if (hides_behind_merge(j->story, r, b->first_ms))
			claim_hidden(j, r, b, c->entry, entries);
		else if (b->event && !same_as_before(c->burst, i))
			claim_burst(j, r, b);
	}
}

void judge_changes(struct judging *j, struct model_record *r)
{
	struct cut shown, told;

	cut(j, r, true, &shown);
	cut(j, r, merge_is_known(j, r), &told);
	judge_bursts(j, r, &shown, &told);
	claim_unseen(j, r, &shown, &told);
	claim_lost_repeats(j, r, &shown.h);
	if (r->merged_ms > r->created_ms)
		claim_brought_along(j, r, &shown.h);
	cut_release(&shown);
	cut_release(&told);
}

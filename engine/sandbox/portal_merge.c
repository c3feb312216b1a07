/*
 * portal_merge - two contacts become one.
 *
 * As HubSpot has done it since about 2025 (facts/hubspot.md 2.5): a new record
 * with a new id, the histories of both in it, the primary's values on top, the
 * other's where the primary has none. Both old ids answer the new record. By
 * options the older kind (the primary's id survives) and entries that the merge
 * itself writes.
 */
#include "engine/sandbox/inside.h"

#include <string.h>

static struct slice value_of(const struct contact *c, const struct property *p)
{
	return contact_value(c, p, ANY_TIME, NULL);
}

static bool stamp_taken(const struct field *f, int64_t at_ms)
{
	for (size_t i = 0; f && i < f->count; i++)
		if (!f->entry[i].hidden && f->entry[i].at_ms == at_ms)
			return true;
	return false;
}

/* The entries of both in order of time; of two with one stamp the primary's is kept. */
static struct field blend(const struct field *a, const struct field *b, const struct property *p)
{
	struct field out = { .property = p };
	size_t i = 0, k = 0, na = a ? a->count : 0, nb = b ? b->count : 0;

	while (i < na || k < nb) {
		bool first = k == nb || (i < na && a->entry[i].at_ms <= b->entry[k].at_ms);
		const struct entry *e = first ? &a->entry[i++] : &b->entry[k++];
		if (!e->hidden && (first || !stamp_taken(a, e->at_ms)))
			field_add(&out, *e);
	}
	return out;
}

static void settle_value(const struct sandbox *sb, int64_t now_ms, struct field *f,
			 struct slice value)
{
	struct slice newest = f->count ? f->entry[f->count - 1].value : (struct slice){ 0 };
	bool shown = sb->options.merge_writes_entry && value.len;

	if (shown || !slice_eq(newest, value))
		field_add(f, (struct entry){ now_ms, value, "MERGE_OBJECTS", !shown });
}

static void merge_field(struct sandbox *sb, int64_t now_ms, const struct contact *primary,
			const struct contact *other, struct contact *result,
			const struct property *p)
{
	struct slice value = value_of(primary, p);
	struct field f = blend(contact_field(primary, p), contact_field(other, p), p);

	if (value.len == 0)
		value = value_of(other, p);
	settle_value(sb, now_ms, &f, value);
	struct field *to = contact_open_field(result, p);
	mem_free(to->entry);
	*to = f;
}

static void merge_fields(struct sandbox *sb, int64_t now_ms, const struct contact *primary,
			 const struct contact *other, struct contact *result)
{
	/* Counted before: the result may be the primary, and grow. */
	size_t own = primary->fields;

	for (size_t i = 0; i < own; i++)
		merge_field(sb, now_ms, primary, other, result, primary->field[i].property);
	for (size_t i = 0; i < other->fields; i++)
		if (!contact_field(primary, other->field[i].property))
			merge_field(sb, now_ms, primary, other, result, other->field[i].property);
}

/* Addresses that the result does not show as `email` stay as additional ones. */
static void keep_address(struct sandbox *sb, int64_t now_ms, struct contact *result,
			 const struct contact *other)
{
	const struct property *p = portal_property(sb, slice_of("email"));
	const struct property *more = portal_property(sb, slice_of("hs_additional_emails"));
	struct slice address = value_of(other, p), before = value_of(result, more);
	const char *all;

	if (!address.len || slice_eq_nocase(address, value_of(result, p)))
		return;
	all = arena_printf(&sb->memory, "%.*s%s%.*s", SLICE_FMT(before), before.len ? ";" : "",
			   SLICE_FMT(address));
	field_add(contact_open_field(result, more),
		  (struct entry){ now_ms, slice_of(all), "MERGE_OBJECTS", false });
}

static void note_ids(struct contact *result, const struct contact *from)
{
	if (from != result) {
		for (size_t i = 0; i < from->merged_count; i++)
			contact_add_merged(result, from->merged[i]);
		contact_add_merged(result, from->id);
	}
}

enum rc sandbox_merge(struct sandbox *sb, int64_t now_ms, int64_t primary_id, int64_t other_id,
		      int64_t into, int64_t *out_id, struct err *err)
{
	struct contact *primary = portal_contact(sb, primary_id),
		       *other = portal_contact(sb, other_id);
	bool keeps = sb->options.merge_keeps_id && (into == 0 || into == primary_id);

	if (!primary || !contact_lives(primary) || !other || !contact_lives(other))
		return err_set(
			err, RC_INVALID, "there is no contact %lld",
			(long long)(primary && contact_lives(primary) ? other_id : primary_id));
	if (primary == other)
		return err_set(err, RC_INVALID, "a contact cannot be merged with itself");
	if (into < 0 || (into && !keeps && portal_contact(sb, into)))
		return err_set(err, RC_INVALID, "there is a contact %lld already", (long long)into);
	if (into == 0)
		into = sb->portal.next_contact;
	struct contact *result = keeps ? primary : contact_add(sb, into, now_ms);
	merge_fields(sb, now_ms, primary, other, result);
	keep_address(sb, now_ms, result, other);
	note_ids(result, primary);
	note_ids(result, other);
	lists_merge(sb, now_ms, primary, other, result);
	if (!keeps)
		primary->into = result;
	other->into = result;
	contact_touch(result, now_ms);
	portal_note_email(sb, result);
	hooks_note_merge(sb, now_ms, result->id, primary_id, other_id);
	if (out_id)
		*out_id = result->id;
	return RC_OK;
}

/*
 * desk - what Certifier keeps: groups, attributes, credentials, and the mail
 * that it sent.
 *
 * Not the API: certifier.c. The mail log and the counts are the judge's: the
 * real service has no such view.
 */
#include "engine/sandbox/inside.h"

#include <string.h>

#include "base/clock.h"

const struct group *desk_group(const struct sandbox *sb, struct slice id)
{
	for (size_t i = 0; i < sb->desk.groups; i++)
		if (slice_is(id, sb->desk.group[i]->id))
			return sb->desk.group[i];
	return NULL;
}

bool desk_has_attribute(const struct sandbox *sb, struct slice tag)
{
	for (size_t i = 0; i < sb->desk.attributes; i++)
		if (slice_is(tag, sb->desk.attribute[i]))
			return true;
	return false;
}

struct credential *desk_credential(const struct sandbox *sb, struct slice id)
{
	struct credential *c = map_get(&sb->desk.by_id, id);

	return c && !c->gone ? c : NULL;
}

void sandbox_group(struct sandbox *sb, const char *id, const char *name)
{
	struct desk *d = &sb->desk;

	if (desk_group(sb, slice_of(id)))
		return;
	struct group *g = arena_alloc(&sb->memory, sizeof(*g));
	g->id = arena_text(&sb->memory, slice_of(id));
	g->name = arena_text(&sb->memory, slice_of(name));
	g->created_ms = sb->now_ms;
	d->group = mem_grow(d->group, &d->group_cap, d->groups + 1, sizeof(struct group *));
	d->group[d->groups++] = g;
}

void sandbox_attribute(struct sandbox *sb, const char *tag)
{
	struct desk *d = &sb->desk;

	if (desk_has_attribute(sb, slice_of(tag)))
		return;
	d->attribute = mem_grow(d->attribute, &d->attribute_cap, d->attributes + 1, sizeof(char *));
	d->attribute[d->attributes++] = arena_text(&sb->memory, slice_of(tag));
}

void sandbox_plan(struct sandbox *sb, bool expiry_allowed)
{
	sb->desk.expiry_refused = !expiry_allowed;
}

struct credential *desk_add_credential(struct sandbox *sb, const char *id)
{
	struct desk *d = &sb->desk;
	struct credential *c = arena_alloc(&sb->memory, sizeof(*c));

	c->id = arena_text(&sb->memory, slice_of(id));
	map_put(&d->by_id, slice_of(c->id), c);
	d->credential = mem_grow(d->credential, &d->credential_cap, d->credentials + 1,
				 sizeof(struct credential *));
	d->credential[d->credentials++] = c;
	return c;
}

/* The map keeps the key (it removes none); the record says that it is gone. */
void desk_remove_credential(struct sandbox *sb, struct credential *c)
{
	struct desk *d = &sb->desk;
	size_t i = 0;

	while (d->credential[i] != c)
		i++;
	d->credentials--;
	memmove(&d->credential[i], &d->credential[i + 1],
		(d->credentials - i) * sizeof(struct credential *));
	json_free(c->custom);
	c->custom = NULL;
	c->gone = true;
}

void desk_add_mail(struct sandbox *sb, int64_t now_ms, const char *credential, const char *email)
{
	struct desk *d = &sb->desk;

	d->mail = mem_grow(d->mail, &d->mail_cap, d->mails + 1, sizeof(*d->mail));
	d->mail[d->mails++] = (struct sandbox_mail){ now_ms,
						     arena_text(&sb->memory, slice_of(credential)),
						     arena_text(&sb->memory, slice_of(email)) };
}

const char *credential_status(const struct credential *c, int64_t now_ms)
{
	struct civil today = clock_civil(now_ms), last;

	if (!c->issued)
		return "draft";
	if (!c->expiry_date || !clock_parse_date(slice_of(c->expiry_date), &last))
		return "issued";
	today.hour = today.minute = today.second = today.ms = 0;
	return clock_instant(last) < clock_instant(today) ? "expired" : "issued";
}

void desk_init(struct sandbox *sb)
{
	map_init(&sb->desk.by_id);
}

void desk_release(struct sandbox *sb)
{
	struct desk *d = &sb->desk;

	for (size_t i = 0; i < d->credentials; i++)
		json_free(d->credential[i]->custom);
	mem_free(d->credential);
	mem_free(d->group);
	mem_free(d->attribute);
	mem_free(d->mail);
	map_release(&d->by_id);
}

/* ---- what the judge sees ------------------------------------------------ */

size_t sandbox_credential_count(const struct sandbox *sb)
{
	return sb->desk.credentials;
}

struct sandbox_credential sandbox_credential_at(const struct sandbox *sb, size_t i)
{
	const struct credential *c = sb->desk.credential[i];

	return (struct sandbox_credential){
		.id = c->id,
		.public_id = c->public_id,
		.group = c->group,
		.status = credential_status(c, sb->now_ms),
		.name = c->name,
		.email = c->email,
		.issue_date = c->issue_date,
		.expiry_date = c->expiry_date,
		.custom = c->custom,
		.created_ms = c->created_ms,
		.mails = c->mails,
	};
}

size_t sandbox_mail_count(const struct sandbox *sb)
{
	return sb->desk.mails;
}

struct sandbox_mail sandbox_mail_at(const struct sandbox *sb, size_t i)
{
	return sb->desk.mail[i];
}

/*
 * certifier_groups - groups, designs and attributes as Certifier's API shows
 * them. All are read-only here: actions.c and sandbox.h make them.
 */
#include "engine/sandbox/inside.h"

#include <string.h>

#define DESIGN_ID "01hz2f0d3k8m4n6p7q9r1s2t3v"

static struct json *group_json(struct call *call, const struct group *g)
{
	struct json *out = json_new_object(), *designs = json_new_array();

	json_set_text(out, "id", g->id);
	json_set_text(out, "name", g->name);
	json_set_text(out, "learningEventUrl", NULL);
	json_add_text(designs, slice_of(DESIGN_ID));
	json_set(out, "designIds", designs);
	json_set_text(out, "certificateDesignId", DESIGN_ID);
	json_set_text(out, "badgeDesignId", NULL);
	json_set_text(out, "createdAt", call_stamp(call, g->created_ms));
	json_set_text(out, "updatedAt", call_stamp(call, g->created_ms));
	return out;
}

void certifier_get_group(struct call *call)
{
	const struct group *g = desk_group(call->sb, call->segment[3]);

	if (g)
		call_reply(call, 200, group_json(call, g));
	else
		certifier_status(call, 404);
}

void certifier_list_groups(struct call *call)
{
	const struct desk *d = &call->sb->desk;
	struct page page;

	if (!certifier_query_page(call, &page))
		return;
	struct json *rows = json_new_array();
	for (size_t i = page.from; i < d->groups && i < page.from + page.limit; i++)
		json_add(rows, group_json(call, d->group[i]));
	certifier_reply_page(call, rows, &page, d->groups);
}

/* A bare array, and `tag` in one of two spellings: facts 3.3. */
void certifier_list_attributes(struct call *call)
{
	const struct desk *d = &call->sb->desk;
	struct json *rows = json_new_array();

	for (size_t i = 0; i <= d->attributes; i++) {
		struct json *one = json_new_object();
		const char *tag = i ? d->attribute[i - 1] : "recipient.name";
		const char *bare = strncmp(tag, "custom.", 7) == 0 ? tag + 7 : tag;
		json_set_text(one, "id",
			      arena_printf(&call->memory, "01hz0000000000000000%06zu", i));
		json_set_text(one, "tag", call->sb->options.bare_tags ? bare : tag);
		json_set_text(one, "name", bare);
		json_set_bool(one, "isDefault", i == 0);
		json_add(rows, one);
	}
	call_reply(call, 200, rows);
}

#define DESIGN "{\"id\":\"" DESIGN_ID "\",\"name\":\"Classic\""

void certifier_list_designs(struct call *call)
{
	call_reply_text(call, 200,
			"{\"data\":[" DESIGN ",\"type\":\"certificate\",\"previewUrl\":null,"
			"\"createdAt\":\"2026-01-01T00:00:00.000Z\","
			"\"updatedAt\":\"2026-01-01T00:00:00.000Z\"}],"
			"\"pagination\":{\"prev\":null,\"next\":null}}");
}

void certifier_credential_designs(struct call *call)
{
	if (certifier_named(call))
		call_reply_text(call, 200, "[" DESIGN ",\"previews\":[]}]");
}

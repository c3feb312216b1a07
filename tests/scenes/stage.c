/*
 * stage - what is there before a scene begins: the services with their options, contacts, lists and groups.
 */
#include "tests/scenes/scene.h"

#include <stdlib.h>

#include "base/clock.h"

static bool option_bool(const struct scene *s, const char *key)
{
	return node_is_text(node_get(s->options, key), "true");
}

static int64_t option_ms(const struct scene *s, const char *key, int64_t otherwise)
{
	const struct node *n = node_get(s->options, key);
	int64_t ms;

	return n && clock_parse_duration(n->text, &ms) ? ms : otherwise;
}

int64_t scene_lag_ms(const struct scene *s)
{
	return option_ms(s, "index-lag", 0) + option_ms(s, "list-lag", 0) +
	       option_ms(s, "search-lag", 0);
}

struct sandbox *scene_open_sandbox(const struct scene *s, const struct variant *v)
{
	struct sandbox_options o;

	sandbox_defaults(&o);
	o.seed = 7;
	o.index_lag_ms = option_ms(s, "index-lag", v->index_lag_ms);
	o.list_lag_ms = option_ms(s, "list-lag", 0);
	o.certifier_search_lag_ms = option_ms(s, "search-lag", 0);
	o.list_descending = v->list_descending;
	o.batch_silent = option_bool(s, "batch-silent");
	o.rate_limits = true;
	o.cleared_is_null = option_bool(s, "cleared-is-null");
	o.merge_keeps_id = option_bool(s, "merge-keeps-id");
	o.merge_rejoins = option_bool(s, "merge-rejoins");
	o.merge_computes_ms = option_ms(s, "merge-computes", 0);
	o.merge_writes_entry = option_bool(s, "merge-writes-entry");
	o.merge_tells_vids = option_bool(s, "merge-tells-vids");
	o.same_value_writes = option_bool(s, "same-value-writes");
	o.certifier_trims = option_bool(s, "certifier-trims");
	o.certifier_email_nocase = option_bool(s, "email-nocase");
	/*
	 * A copy that is put back knows only the refresh token of its time, and an answer that is lost
	 * takes its successor along.
	 */
	o.oauth_rotates = v->torment				  ? false
			  : node_get(s->options, "oauth-rotates") ? option_bool(s, "oauth-rotates")
								  : v->oauth && !s->puts_back;
	o.oauth_token_ms = option_ms(s, "oauth-token", o.oauth_token_ms);
	o.no_date_header = option_bool(s, "no-date-header");
	o.hook_doubled = o.hook_reversed = v->hooks;
	o.hook_lag_ms = option_ms(s, "hook-lag", v->hooks ? 2 * MS_SECOND : 0);
	if (node_get(s->options, "issue-again-status"))
		o.issue_again_status = (int)node_number(s->options, "issue-again-status");
	if (node_get(s->options, "unknown-group-status"))
		o.unknown_group_status = (int)node_number(s->options, "unknown-group-status");
	struct sandbox *sb = sandbox_new(&o);
	/* Rules that declare accounts themselves say whether they listen. */
	if (v->hooks || s->own_accounts)
		sandbox_hook(sb, &(struct sandbox_hook){ .url = SCENE_HOOK,
							 .secret = SCENE_HOOK_SECRET });
	return sb;
}

static void each_word(const struct node *list, struct sandbox *sb,
		      void (*take)(struct sandbox *, const char *))
{
	struct arena memory;

	arena_init(&memory);
	for (const struct node *n = list ? list->first : NULL; n; n = n->next)
		take(sb, arena_text(&memory, n->text));
	arena_release(&memory);
}

static void add_group(struct sandbox *sb, const char *id)
{
	sandbox_group(sb, id, id);
}

static bool set_lists(struct life *l, int64_t before_ms)
{
	struct arena memory;
	struct err err;
	enum rc rc = RC_OK;

	arena_init(&memory);
	for (const struct node *n = l->scene->lists ? l->scene->lists->first : NULL;
	     rc == RC_OK && n; n = n->next) {
		rc = portal_make_list(l, before_ms, node_number(n, "id"),
				      node_word(n, "name", NULL, &memory),
				      node_word(n, "kind", "MANUAL", &memory), &err);
		const struct node *members = node_get(n, "members");
		for (const struct node *m = members ? members->first : NULL; rc == RC_OK && m;
		     m = m->next)
			rc = sandbox_join(l->sandbox, before_ms, node_number(n, "id"),
					  strtoll(m->text.ptr, NULL, 10), &err);
		if (rc == RC_OK && node_is_text(node_get(n, "processing"), "true"))
			rc = sandbox_list_processing(l->sandbox, before_ms, node_number(n, "id"),
						     true, &err);
	}
	arena_release(&memory);
	return rc == RC_OK || life_trouble(l, "lists", err.text);
}

bool scene_set_stage(struct life *l)
{
	const struct scene *s = l->scene;
	int64_t before_ms = s->start_ms - MS_DAY;
	struct err err;

	sandbox_group(l->sandbox, "g1", "Group one");
	sandbox_group(l->sandbox, "g2", "Group two");
	sandbox_attribute(l->sandbox, "custom.tier");
	sandbox_attribute(l->sandbox, "custom.note");
	each_word(s->groups, l->sandbox, add_group);
	each_word(s->attributes, l->sandbox, sandbox_attribute);
	for (const struct node *n = s->contacts ? s->contacts->first : NULL; n; n = n->next)
		if (portal_create(l, before_ms, n, &err) != RC_OK)
			return life_trouble(l, "contacts", err.text);
	return set_lists(l, before_ms);
}

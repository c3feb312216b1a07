/*
 * portal - the steps of a scene in which something happens in HubSpot or at Certifier.
 */
#include "tests/scenes/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int64_t node_number(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n ? strtoll(n->text.ptr, NULL, 10) : 0;
}

/* All members but the named one, as properties. */
static struct json *properties_of(const struct node *map, const char *but)
{
	struct json *p = json_new_object();

	for (const struct node *m = map->first; m; m = m->next)
		if (!slice_is(m->key->text, but))
			json_set_slice(p, m->key->text, m->text);
	return p;
}

enum rc portal_create(struct life *l, int64_t now_ms, const struct node *map, struct err *err)
{
	int64_t id;
	struct json *p = properties_of(map, "id");
	enum rc rc = sandbox_create(l->sandbox, now_ms, node_number(map, "id"), p, &id, err);

	json_free(p);
	return rc;
}

static enum rc do_set(struct life *l, const struct node *map, struct err *err)
{
	struct arena memory;
	enum rc rc = RC_OK;

	arena_init(&memory);
	for (const struct node *m = map->first; rc == RC_OK && m; m = m->next)
		if (!slice_is(m->key->text, "contact"))
			rc = sandbox_set(l->sandbox, l->sim.now_ms, node_number(map, "contact"),
					 arena_text(&memory, m->key->text), m->text, err);
	arena_release(&memory);
	return rc;
}

/* The same for `count` contacts from id `first` on, or for each `every`-th of them, all at one instant: an import. */
static enum rc each_of_many(struct life *l, const struct node *map,
			    enum rc (*one)(struct life *l, int64_t id, const struct node *map,
					   struct err *err),
			    struct err *err)
{
	int64_t first = node_number(map, "first"), count = node_number(map, "count");
	int64_t every = node_get(map, "every") ? node_number(map, "every") : 1;
	enum rc rc = RC_OK;

	for (int64_t id = first; rc == RC_OK && id < first + count; id += every)
		rc = one(l, id, map, err);
	return rc;
}

static enum rc create_one(struct life *l, int64_t id, const struct node *map, struct err *err)
{
	char email[64];
	int64_t out;
	struct json *p = properties_of(map, "first");

	snprintf(email, sizeof(email), "person%lld@example.org", (long long)id);
	json_set_text(p, "email", email);
	enum rc rc = sandbox_create(l->sandbox, l->sim.now_ms, id, p, &out, err);
	json_free(p);
	return rc;
}

static enum rc set_one(struct life *l, int64_t id, const struct node *map, struct err *err)
{
	struct arena memory;
	enum rc rc = RC_OK;

	arena_init(&memory);
	for (const struct node *m = map->first; rc == RC_OK && m; m = m->next)
		if (!slice_is(m->key->text, "first") && !slice_is(m->key->text, "count") &&
		    !slice_is(m->key->text, "every"))
			rc = sandbox_set(l->sandbox, l->sim.now_ms, id,
					 arena_text(&memory, m->key->text), m->text, err);
	arena_release(&memory);
	return rc;
}

static enum rc join_one(struct life *l, int64_t id, const struct node *map, struct err *err)
{
	return sandbox_join(l->sandbox, l->sim.now_ms, node_number(map, "list"), id, err);
}

static enum rc do_create_many(struct life *l, const struct node *map, struct err *err)
{
	return each_of_many(l, map, create_one, err);
}

static enum rc do_set_many(struct life *l, const struct node *map, struct err *err)
{
	return each_of_many(l, map, set_one, err);
}

static enum rc do_join_many(struct life *l, const struct node *map, struct err *err)
{
	return each_of_many(l, map, join_one, err);
}

static enum rc do_create(struct life *l, const struct node *map, struct err *err)
{
	return portal_create(l, l->sim.now_ms, map, err);
}

enum rc portal_make_list(struct life *l, int64_t now_ms, int64_t id, const char *name,
			 const char *kind, struct err *err)
{
	int64_t out;
	char made[32];

	snprintf(made, sizeof(made), "List %lld", (long long)id);
	return sandbox_list(l->sandbox, now_ms, id, name ? name : made, kind, &out, err);
}

static enum rc do_join(struct life *l, const struct node *map, struct err *err)
{
	int64_t list = node_number(map, "list"), contact = node_number(map, "contact");
	enum rc rc = sandbox_join(l->sandbox, l->sim.now_ms, list, contact, err);

	if (rc == RC_OK)
		return rc;
	rc = portal_make_list(l, l->sim.now_ms, list, NULL, "MANUAL", err);
	return rc == RC_OK ? sandbox_join(l->sandbox, l->sim.now_ms, list, contact, err) : rc;
}

static enum rc do_leave(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_leave(l->sandbox, l->sim.now_ms, node_number(map, "list"),
			     node_number(map, "contact"), err);
}

static enum rc do_merge(struct life *l, const struct node *map, struct err *err)
{
	int64_t id;

	return sandbox_merge(l->sandbox, l->sim.now_ms, node_number(map, "primary"),
			     node_number(map, "other"), node_number(map, "into"), &id, err);
}

static enum rc do_delete(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_delete(l->sandbox, l->sim.now_ms, node_number(map, "contact"), err);
}

static enum rc do_restore(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_restore(l->sandbox, l->sim.now_ms, node_number(map, "contact"), err);
}

static enum rc do_processing(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_list_processing(l->sandbox, l->sim.now_ms, node_number(map, "list"),
				       node_is_text(node_get(map, "on"), "true"), err);
}

static enum rc do_make_list(struct life *l, const struct node *map, struct err *err)
{
	struct arena memory;

	arena_init(&memory);
	enum rc rc = portal_make_list(l, l->sim.now_ms, node_number(map, "list"),
				      node_word(map, "name", NULL, &memory),
				      node_word(map, "kind", "MANUAL", &memory), err);
	arena_release(&memory);
	return rc;
}

static enum rc do_rename_list(struct life *l, const struct node *map, struct err *err)
{
	struct arena memory;

	arena_init(&memory);
	enum rc rc = sandbox_list_rename(l->sandbox, l->sim.now_ms, node_number(map, "list"),
					 node_word(map, "name", "", &memory), err);
	arena_release(&memory);
	return rc;
}

static enum rc do_delete_list(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_list_delete(l->sandbox, l->sim.now_ms, node_number(map, "list"), err);
}

static enum rc do_restore_list(struct life *l, const struct node *map, struct err *err)
{
	return sandbox_list_restore(l->sandbox, l->sim.now_ms, node_number(map, "list"), err);
}

static enum rc do_fault(struct life *l, const struct node *map, struct err *err)
{
	static const struct {
		const char *word;
		enum sandbox_fault fault;
	} words[] = {
		{ "cut-before", FAULT_CUT_BEFORE }, { "cut-after", FAULT_CUT_AFTER },
		{ "timeout", FAULT_TIMEOUT },	    { "timeout-before", FAULT_TIMEOUT_BEFORE },
		{ "garbage", FAULT_GARBAGE },	    { "empty", FAULT_EMPTY },
	};
	struct arena memory;
	arena_init(&memory);
	const char *with = node_word(map, "with", "500", &memory);
	enum sandbox_fault fault = slice_is(slice_of(node_word(map, "when", "", &memory)), "after")
					   ? FAULT_STATUS_AFTER
					   : FAULT_STATUS;
	int retry = node_get(map, "retry-after") ? (int)node_number(map, "retry-after") : -1;
	int times = node_get(map, "times") ? (int)node_number(map, "times") : 1;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(with, words[i].word) == 0)
			fault = words[i].fault;
	enum rc rc = sandbox_fault(l->sandbox, node_word(map, "fail", "?", &memory), fault,
				   atoi(with), retry, (int)node_number(map, "skip"), times, err);
	arena_release(&memory);
	return rc;
}

/* What was to fail fails no more. */
static enum rc do_recover(struct life *l, const struct node *n, struct err *err)
{
	(void)n;
	(void)err;
	sandbox_faults_clear(l->sandbox);
	return RC_OK;
}

static enum rc do_attribute(struct life *l, const struct node *n, struct err *err)
{
	struct arena memory;

	(void)err;
	arena_init(&memory);
	sandbox_attribute(l->sandbox, arena_text(&memory, n->text));
	arena_release(&memory);
	return RC_OK;
}

/* Somebody removes what Certifier has for an address, where there is anything. */
static enum rc do_remove(struct life *l, const struct node *n, struct err *err)
{
	struct sandbox_answer answer = { .status = 204 };

	for (size_t i = sandbox_credential_count(l->sandbox); i > 0 && answer.status == 204; i--) {
		struct sandbox_credential c = sandbox_credential_at(l->sandbox, i - 1);
		char path[80];
		if (!c.email || !slice_is(n->text, c.email))
			continue;
		snprintf(path, sizeof(path), "/certifier/v1/credentials/%s", c.id);
		struct sandbox_request request = { .method = "DELETE",
						   .path = path,
						   .query = "",
						   .authorization = "Bearer by-hand",
						   .certifier_version = "2022-10-26" };
		sandbox_call(l->sandbox, l->sim.now_ms, &request, &answer);
		str_release(&answer.body);
	}
	return answer.status == 204 ? RC_OK : err_set(err, RC_INVALID, "%d", answer.status);
}

static enum rc do_plan(struct life *l, const struct node *n, struct err *err)
{
	(void)err;
	sandbox_plan(l->sandbox, slice_is(n->text, "expiry"));
	return RC_OK;
}

/* The app is uninstalled. */
static enum rc do_revoke(struct life *l, const struct node *n, struct err *err)
{
	(void)n;
	(void)err;
	sandbox_revoke(l->sandbox);
	return RC_OK;
}

/* Somebody deletes a property; HubSpot keeps its values for 90 days. */
static enum rc do_delete_property(struct life *l, const struct node *n, struct err *err)
{
	struct arena memory;

	arena_init(&memory);
	enum rc rc = sandbox_property_delete(l->sandbox, arena_text(&memory, n->text), err);
	arena_release(&memory);
	return rc;
}

static enum rc do_restore_property(struct life *l, const struct node *n, struct err *err)
{
	struct arena memory;

	arena_init(&memory);
	enum rc rc = sandbox_property(l->sandbox, arena_text(&memory, n->text), NULL, NULL, NULL, 0,
				      err);
	arena_release(&memory);
	return rc;
}

static enum rc do_index_lag(struct life *l, const struct node *n, struct err *err)
{
	if (!clock_parse_duration(n->text, &sandbox_options(l->sandbox)->index_lag_ms))
		return err_set(err, RC_INVALID, "index-lag takes a duration");
	return RC_OK;
}

/* What happens from now on is told so: as it should be, or `lost`, `doubled`, `reversed`, `forged`, `foreign`. */
static enum rc do_webhooks(struct life *l, const struct node *n, struct err *err)
{
	struct sandbox_options *o = sandbox_options(l->sandbox);
	struct {
		const char *word;
		bool *flag;
	} how[] = {
		{ "doubled", &o->hook_doubled },
		{ "reversed", &o->hook_reversed },
		{ "forged", &o->hook_forged },
		{ "foreign", &o->hook_foreign },
	};
	bool lost = slice_is(n->text, "lost"), known = lost || slice_is(n->text, "good");

	o->hook_lost = lost ? 1000 : 0;
	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		*how[i].flag = slice_is(n->text, how[i].word);
		known |= *how[i].flag;
	}
	return known ? RC_OK : err_set(err, RC_INVALID, "there are no such webhooks");
}

const struct step_word portal_words[] = {
	{ "set", do_set },
	{ "create", do_create },
	{ "add-to-list", do_join },
	{ "remove-from-list", do_leave },
	{ "merge", do_merge },
	{ "recover", do_recover },
	{ "delete", do_delete },
	{ "restore", do_restore },
	{ "list-processing", do_processing },
	{ "make-list", do_make_list },
	{ "rename-list", do_rename_list },
	{ "delete-list", do_delete_list },
	{ "restore-list", do_restore_list },
	{ "delete-property", do_delete_property },
	{ "restore-property", do_restore_property },
	{ "certifier", do_fault },
	{ "hubspot", do_fault },
	{ "attribute", do_attribute },
	{ "plan", do_plan },
	{ "remove-credentials", do_remove },
	{ "index-lag", do_index_lag },
	{ "webhooks", do_webhooks },
	{ "revoke", do_revoke },
	{ "create-many", do_create_many },
	{ "set-many", do_set_many },
	{ "add-many-to-list", do_join_many },
	{ NULL, NULL },
};

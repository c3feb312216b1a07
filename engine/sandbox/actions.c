/*
 * actions - what people do in the sandbox, over HTTP.
 *
 * `POST /sandbox/<action>` takes a JSON object, or a form of the page; both
 * become one object of texts, read by one table of actions. A form is answered
 * with a redirect to the page, JSON with `{"ok":true}` and what was made. Numbers
 * may be written as numbers or as text. `GET /sandbox` lists the actions.
 */
#include "engine/sandbox/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct act {
	struct call *call;
	struct sandbox *sb;
	const struct json *given;
	int64_t made; /* id that was drawn; 0: none */
	struct err err;
};

/* ---- what is given ------------------------------------------------------ */

/* A member as text ending with a NUL, "" where absent. */
static const char *text_of(struct act *a, const char *key)
{
	struct slice text = property_text(json_get(a->given, key), &a->call->memory);

	return arena_text(&a->call->memory, slice_trim(text));
}

static const char *text_or_null(struct act *a, const char *key)
{
	const char *text = text_of(a, key);

	return text[0] ? text : NULL;
}

static bool truth_of(struct act *a, const char *key)
{
	const char *text = text_of(a, key);

	return strcmp(text, "true") == 0 || strcmp(text, "on") == 0 || strcmp(text, "1") == 0;
}

static int64_t number_of(struct act *a, const char *key, int64_t otherwise)
{
	int64_t n;

	return read_number(slice_of(text_of(a, key)), &n) ? n : otherwise;
}

/* A contact by id or by address; 0 where there is none. */
static int64_t contact_of(struct act *a, const char *key)
{
	const char *text = text_of(a, key);
	const struct contact *c;
	int64_t n;

	if (read_number(slice_of(text), &n))
		return n;
	c = portal_find_email(a->sb, slice_of(text));
	return c ? c->id : 0;
}

/* ---- actions ------------------------------------------------------------ */

static enum rc act_create(struct act *a)
{
	struct json *properties = json_new_object();
	struct slice name;
	const struct json *value;

	for (struct json_each e = json_each(a->given); json_next(&e, &name, &value);) {
		struct slice text = property_text(value, &a->call->memory);
		if (!slice_is(name, "id") && text.len)
			json_set_slice(properties, name, text);
	}
	enum rc rc = sandbox_create(a->sb, a->call->now_ms, number_of(a, "id", 0), properties,
				    &a->made, &a->err);
	json_free(properties);
	return rc;
}

static enum rc act_set(struct act *a)
{
	struct slice value = property_text(json_get(a->given, "value"), &a->call->memory);
	const char *property = text_of(a, "property");

	if (!property[0] || !json_get(a->given, "value"))
		return err_set(&a->err, RC_INVALID, "`property` or `value` is missing");
	return sandbox_set(a->sb, a->call->now_ms, contact_of(a, "contact"), property, value,
			   &a->err);
}

static enum rc act_delete(struct act *a)
{
	return sandbox_delete(a->sb, a->call->now_ms, contact_of(a, "contact"), &a->err);
}

static enum rc act_restore(struct act *a)
{
	return sandbox_restore(a->sb, a->call->now_ms, contact_of(a, "contact"), &a->err);
}

static enum rc act_merge(struct act *a)
{
	return sandbox_merge(a->sb, a->call->now_ms, contact_of(a, "primary"),
			     contact_of(a, "other"), number_of(a, "into", 0), &a->made, &a->err);
}

static enum rc act_list(struct act *a)
{
	return sandbox_list(a->sb, a->call->now_ms, number_of(a, "id", 0), text_of(a, "name"),
			    text_or_null(a, "kind"), &a->made, &a->err);
}

static enum rc act_list_delete(struct act *a)
{
	return sandbox_list_delete(a->sb, a->call->now_ms, number_of(a, "list", 0), &a->err);
}

static enum rc act_list_restore(struct act *a)
{
	return sandbox_list_restore(a->sb, a->call->now_ms, number_of(a, "list", 0), &a->err);
}

static enum rc act_list_rename(struct act *a)
{
	return sandbox_list_rename(a->sb, a->call->now_ms, number_of(a, "list", 0),
				   text_of(a, "name"), &a->err);
}

static enum rc act_processing(struct act *a)
{
	return sandbox_list_processing(a->sb, a->call->now_ms, number_of(a, "list", 0),
				       truth_of(a, "processing"), &a->err);
}

static enum rc act_join(struct act *a)
{
	return sandbox_join(a->sb, a->call->now_ms, number_of(a, "list", 0),
			    contact_of(a, "contact"), &a->err);
}

static enum rc act_leave(struct act *a)
{
	return sandbox_leave(a->sb, a->call->now_ms, number_of(a, "list", 0),
			     contact_of(a, "contact"), &a->err);
}

#define OPTIONS_MOST 64

/* Options as an array, or as one text with commas. */
static size_t options_of(struct act *a, const char *out[OPTIONS_MOST])
{
	const struct json *given = json_get(a->given, "options");
	const char *p = json_kind(given) == IS_ARRAY ? "" : text_of(a, "options");
	size_t n = 0;

	for (size_t i = 0; i < json_count(given) && n < OPTIONS_MOST; i++)
		out[n++] = arena_text(&a->call->memory, json_slice(json_at(given, i)));
	while (*p && n < OPTIONS_MOST) {
		size_t len = strcspn(p, ",");
		struct slice one = slice_trim((struct slice){ p, len });
		if (one.len)
			out[n++] = arena_text(&a->call->memory, one);
		p += len + (p[len] == ',');
	}
	return n;
}

static enum rc act_property(struct act *a)
{
	const char *options[OPTIONS_MOST];
	size_t n = options_of(a, options);

	return sandbox_property(a->sb, text_of(a, "name"), text_or_null(a, "label"),
				text_or_null(a, "type"), options, n, &a->err);
}

static enum rc act_property_delete(struct act *a)
{
	return sandbox_property_delete(a->sb, text_of(a, "name"), &a->err);
}

static enum rc act_group(struct act *a)
{
	const char *id = text_or_null(a, "id"), *name = text_of(a, "name");

	if (!name[0])
		return err_set(&a->err, RC_INVALID, "a group needs a name");
	sandbox_group(a->sb, id ? id : certifier_id(a->sb, a->call->now_ms), name);
	return RC_OK;
}

static enum rc act_attribute(struct act *a)
{
	const char *tag = text_of(a, "tag");

	if (!tag[0])
		return err_set(&a->err, RC_INVALID, "an attribute needs a tag");
	if (strncmp(tag, "custom.", 7) != 0)
		tag = arena_printf(&a->call->memory, "custom.%s", tag);
	sandbox_attribute(a->sb, tag);
	return RC_OK;
}

static enum rc act_plan(struct act *a)
{
	sandbox_plan(a->sb, truth_of(a, "expiry"));
	return RC_OK;
}

#define ROW(name, kind, help)                                                                      \
	{                                                                                          \
#name, help, kind, offsetof(struct sandbox_options, name)                          \
	}

const struct option_row option_rows[] = {
	ROW(index_lag_ms, OPTION_NUMBER, "search sees a change this much later"),
	ROW(search_unordered, OPTION_FLAG, "neighbours in a search by time change places"),
	ROW(list_lag_ms, OPTION_NUMBER, "a membership shows this much after its timestamp"),
	ROW(list_descending, OPTION_FLAG, "join-order pages begin with the newest"),
	ROW(cleared_is_null, OPTION_FLAG, "a cleared value is null in the history"),
	ROW(merge_keeps_id, OPTION_FLAG, "a merge keeps the primary's id"),
	ROW(merge_writes_entry, OPTION_FLAG, "a merge writes history entries"),
	ROW(merge_rejoins, OPTION_FLAG, "a merge stamps memberships with its own time"),
	ROW(merge_computes_ms, OPTION_NUMBER,
	    "an active list has a merge's result this much later, stamped then"),
	ROW(merge_tells_vids, OPTION_FLAG, "merged ids stand in the older property"),
	ROW(same_value_writes, OPTION_FLAG, "writing the same value adds an entry"),
	ROW(rate_limits, OPTION_FLAG, "enforce the rate limits"),
	ROW(certifier_search_lag_ms, OPTION_NUMBER,
	    "Certifier's search finds a credential this much later"),
	ROW(certifier_email_nocase, OPTION_FLAG, "its search by e-mail ignores case"),
	ROW(bare_tags, OPTION_FLAG, "attributes are listed without 'custom.'"),
	ROW(no_date_header, OPTION_FLAG, "answers have no Date header"),
	ROW(hook_lag_ms, OPTION_NUMBER, "a webhook is sent this much later"),
	ROW(hook_lost, OPTION_NUMBER, "so many per mille of the webhooks are lost"),
	ROW(hook_doubled, OPTION_FLAG, "webhooks are sent twice"),
	ROW(hook_reversed, OPTION_FLAG, "webhooks come out of order"),
	ROW(hook_forged, OPTION_FLAG, "webhooks are signed with another secret"),
	ROW(hook_foreign, OPTION_FLAG, "webhooks are of another portal"),
	ROW(date_ahead_ms, OPTION_NUMBER, "the Date of answers is this much ahead"),
	ROW(no_contacts_scope, OPTION_FLAG, "HubSpot's token lacks crm.objects.contacts.read"),
	ROW(no_lists_scope, OPTION_FLAG, "HubSpot's token lacks crm.lists.read"),
	ROW(no_schemas_scope, OPTION_FLAG, "HubSpot's token lacks crm.schemas.contacts.read"),
	ROW(calls_per_day, OPTION_NUMBER, "HubSpot's daily limit"),
	ROW(issue_again_status, OPTION_STATUS, "status for issuing what is no draft"),
	ROW(unknown_group_status, OPTION_STATUS, "status for an unknown group"),
	ROW(oauth_token_ms, OPTION_NUMBER, "an access token of OAuth holds so long"),
	ROW(oauth_hub_id, OPTION_NUMBER, "the portal that grants from now on are for"),
	ROW(oauth_rotates, OPTION_FLAG, "a refresh token is for one use"),
	ROW(oauth_at_once, OPTION_FLAG, "who asks for a grant gets it without a click"),
	{ NULL, NULL, OPTION_FLAG, 0 },
};

static enum rc act_option(struct act *a)
{
	const char *name = text_of(a, "name");
	const struct option_row *o = option_rows;
	char *at;

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	if (!o->name)
		return err_set(&a->err, RC_INVALID, "there is no option '%s'", name);
	at = (char *)&a->sb->options + o->offset;
	int64_t n = number_of(a, "value", -1);
	if (o->kind == OPTION_FLAG)
		*(bool *)at = truth_of(a, "value");
	else if (n < 0 || (o->kind == OPTION_STATUS && (n < 400 || n > 499)))
		return err_set(&a->err, RC_INVALID, "'%s' is no value of %s", text_of(a, "value"),
			       name);
	else if (o->kind == OPTION_NUMBER)
		*(int64_t *)(void *)at = n;
	else
		*(int *)(void *)at = (int)n;
	return RC_OK;
}

static enum rc act_fault(struct act *a)
{
	static const struct {
		const char *word;
		enum sandbox_fault fault;
	} words[] = {
		{ "status", FAULT_STATUS },	    { "status-after", FAULT_STATUS_AFTER },
		{ "cut-before", FAULT_CUT_BEFORE }, { "cut-after", FAULT_CUT_AFTER },
		{ "timeout", FAULT_TIMEOUT },	    { "timeout-before", FAULT_TIMEOUT_BEFORE },
		{ "garbage", FAULT_GARBAGE },	    { "empty", FAULT_EMPTY },
	};
	const char *word = text_of(a, "fault");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return sandbox_fault(a->sb, text_of(a, "call"), words[i].fault,
					     (int)number_of(a, "status", 500),
					     (int)number_of(a, "retry_after", -1),
					     (int)number_of(a, "skip", 0),
					     (int)number_of(a, "times", 1), &a->err);
	return err_set(&a->err, RC_INVALID, "there is no fault '%s'", word);
}

static enum rc act_webhook(struct act *a)
{
	struct sandbox_hook hook = { text_or_null(a, "url"), text_of(a, "secret"),
				     text_or_null(a, "signature"), text_or_null(a, "types") };
	static const char *const signatures[] = { "v3", "v2", "v1" };
	bool known = !hook.signature;

	for (size_t i = 0; i < 3 && !known; i++)
		known = strcmp(hook.signature, signatures[i]) == 0;
	if (!known)
		return err_set(&a->err, RC_INVALID, "signature is v3, v2 or v1");
	if (hook.url && !hook.secret[0])
		return err_set(&a->err, RC_INVALID, "a webhook needs a secret");
	sandbox_hook(a->sb, &hook);
	return RC_OK;
}

static enum rc act_revoke(struct act *a)
{
	sandbox_revoke(a->sb);
	return RC_OK;
}

static enum rc act_faults_clear(struct act *a)
{
	sandbox_faults_clear(a->sb);
	return RC_OK;
}

static const struct action {
	const char *name, *takes;
	enum rc (*act)(struct act *a);
} actions[] = {
	{ "create", "id?, email, firstname, any property", act_create },
	{ "set", "contact (id or address), property, value", act_set },
	{ "delete", "contact", act_delete },
	{ "restore", "contact", act_restore },
	{ "merge", "primary, other, into?", act_merge },
	{ "list", "name, kind?, id?", act_list },
	{ "list-delete", "list", act_list_delete },
	{ "list-restore", "list", act_list_restore },
	{ "list-rename", "list, name", act_list_rename },
	{ "processing", "list, processing (true, false)", act_processing },
	{ "join", "list, contact", act_join },
	{ "leave", "list, contact", act_leave },
	{ "property", "name, label?, type?, options? (value=Label, …)", act_property },
	{ "property-delete", "name", act_property_delete },
	{ "group", "name, id?", act_group },
	{ "attribute", "tag", act_attribute },
	{ "plan", "expiry (true, false)", act_plan },
	{ "option", "name, value", act_option },
	{ "webhook",
	  "url (none: off), secret, signature? (v3, v2, v1), types? (contact.propertyChange:tier, …)",
	  act_webhook },
	{ "revoke", "", act_revoke },
	{ "fault", "call, fault, status?, retry_after?, skip?, times?", act_fault },
	{ "faults-clear", "", act_faults_clear },
};
#define N_ACTIONS (sizeof(actions) / sizeof(actions[0]))

/* ---- forms, JSON, and what there is to read ----------------------------- */

static bool is_json(struct slice body)
{
	body = slice_trim(body);
	return body.len && body.ptr[0] == '{';
}

static void reply_json(struct act *a, enum rc rc)
{
	struct json *body = json_new_object();

	json_set_bool(body, "ok", rc == RC_OK);
	if (rc != RC_OK)
		json_set_text(body, "problem", a->err.text);
	else if (a->made)
		json_set_integer(body, "id", a->made);
	call_reply(a->call, rc == RC_OK ? 200 : 400, body);
}

static void perform(struct call *call, const struct action *action)
{
	struct act a = { .call = call, .sb = call->sb };
	bool json = is_json(call->request->body);
	enum rc rc;

	if (json && !call_parse_body(call)) {
		rc = err_set(&a.err, RC_INVALID, "the body is no JSON object");
	} else {
		if (!json)
			call->body = parse_form(call, call->request->body);
		a.given = call->body;
		rc = action->act(&a);
	}
	if (json) {
		reply_json(&a, rc);
	} else if (rc != RC_OK) {
		page_reply(call, 400, a.err.text);
	} else {
		call_reply_text(call, 303, "");
		call_header(call, "Location: /");
	}
}

static struct json *actions_json(void)
{
	struct json *out = json_new_object();

	for (size_t i = 0; i < N_ACTIONS; i++)
		json_set_text(out, actions[i].name, actions[i].takes);
	json_set_text(out, "GET /sandbox/state", "everything, as `--data` takes it");
	return out;
}

void actions_serve(struct call *call)
{
	bool get = strcmp(call->request->method, "GET") == 0;
	bool post = strcmp(call->request->method, "POST") == 0;
	struct slice *s = call->segment;

	if (get && call->segments == 1 && s[0].len == 0) {
		page_reply(call, 200, NULL);
		return;
	}
	if (call->segments && slice_is(s[0], "sandbox")) {
		if (get && call->segments == 1) {
			call_reply(call, 200, actions_json());
			return;
		}
		if (get && call->segments == 2 && slice_is(s[1], "state")) {
			call_reply(call, 200, sandbox_save(call->sb, call->now_ms));
			return;
		}
		for (size_t i = 0; post && call->segments == 2 && i < N_ACTIONS; i++) {
			if (slice_is(s[1], actions[i].name)) {
				perform(call, &actions[i]);
				return;
			}
		}
	}
	call_reply_text(call, 404,
			"{\"ok\":false,\"problem\":\"there is nothing here: see /sandbox\"}");
}

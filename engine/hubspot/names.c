/*
 * names - a portal's properties and lists, for engine/names.h: facts/hubspot.md 3 and 4.
 *
 *	properties of each kind of sensitivity -> lists, page by page -> done
 *
 * Sensitive properties are shown only to those who may read them: a refusal
 * there is no failure. Lists beyond the 10,000 that the search reaches leave
 * `more` behind.
 */
#include "engine/hubspot/hubspot.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mask.h"
#include "engine/hubspot/hub.h"

#define TIMEOUT_MS (60 * MS_SECOND) /* some portals' properties are megabytes */
#define LISTS_PAGE 500
#define LISTS_REACH 10000
#define SAID_BYTES 200 /* of a foreign message */

enum asks { ASKS_PROPERTIES, ASKS_SENSITIVE, ASKS_HIGHLY, ASKS_LISTS, ASKS_DONE };

static const struct {
	const char *what, *query, *scope;
} rows[] = {
	[ASKS_PROPERTIES] = { "properties", "?archived=false", "crm.schemas.contacts.read" },
	[ASKS_SENSITIVE] = { "sensitive properties", "?archived=false&dataSensitivity=sensitive",
			     NULL },
	[ASKS_HIGHLY] = { "highly sensitive properties",
			  "?archived=false&dataSensitivity=highly_sensitive", NULL },
	[ASKS_LISTS] = { "lists", "/search", "crm.lists.read" },
};

struct reader {
	const struct account *account;
	const struct bearer *bearer;
	struct lock *lock;
	enum asks asks;
	int64_t offset; /* of the next page of lists */
};

static struct reader *reader_open(const struct account *account, const struct bearer *bearer,
				  struct lock *into)
{
	struct reader *r = mem_alloc(sizeof(*r));

	r->account = account;
	r->lock = into;
	r->bearer = bearer;
	return r;
}

static void reader_close(struct reader *r)
{
	mem_free(r);
}

static struct lock_account *into(const struct reader *r)
{
	size_t i = 0;

	while (strcmp(r->lock->account[i].name, r->account->name) != 0)
		i++;
	return &r->lock->account[i];
}

/* ---- requests ------------------------------------------------------------------- */

/* Contacts' lists only: objectTypeId 0-1. */
static struct slice lists_body(const struct reader *r, struct arena *memory)
{
	const char *text = arena_printf(
		memory,
		"{\"query\":\"\",\"offset\":%lld,\"count\":%d,"
		"\"processingTypes\":[],\"listIds\":[],\"objectTypeId\":"
		"\"0-1\",\"additionalProperties\":[],\"sort\":\"HS_LIST_ID\"}",
		(long long)r->offset, LISTS_PAGE);

	return slice_of(text);
}

static bool reader_next(struct reader *r, struct arena *memory, struct http_request *out)
{
	bool lists = r->asks == ASKS_LISTS;

	if (r->asks == ASKS_DONE)
		return false;
	*out = (struct http_request){
		.method = lists ? "POST" : "GET",
		.url = hub_account_url(r->account, lists ? AREA_LISTS : AREA_PROPERTIES,
				       rows[r->asks].query, memory),
		.bearer = arena_text(memory, bearer_token(r->bearer)),
		.header = { "Accept: application/json",
			    lists ? "Content-Type: application/json" : NULL },
		.has_body = lists,
		.timeout_ms = TIMEOUT_MS,
	};
	if (lists)
		out->body = lists_body(r, memory);
	return true;
}

/* ---- what came ------------------------------------------------------------------- */

static void take_property(struct reader *r, const struct json *v)
{
	const struct json *options = json_get(v, "options");
	struct lock_entry *e;

	if (json_bool(json_get(v, "archived"), false))
		return;
	e = lock_add(r->lock, into(r), LOCK_PROPERTIES, json_get_slice(v, "name"),
		     json_get_slice(v, "label"));
	if (!e)
		return;
	e->type = lock_word(r->lock, json_get_slice(v, "type"));
	e->field = lock_word(r->lock, json_get_slice(v, "fieldType"));
	e->open = json_bool(json_get(v, "externalOptions"), false);
	/* Those of a checkbox are always true and false. */
	for (size_t i = 0; strcmp(e->type, "bool") != 0 && i < json_count(options); i++) {
		const struct json *o = json_at(options, i);
		lock_add_option(r->lock, e, json_get_slice(o, "value"), json_get_slice(o, "label"),
				json_bool(json_get(o, "hidden"), false));
	}
}

static bool take_properties(struct reader *r, const struct json *body)
{
	const struct json *results = json_get(body, "results");

	if (json_kind(results) != IS_ARRAY)
		return false;
	for (size_t i = 0; i < json_count(results); i++)
		take_property(r, json_at(results, i));
	r->asks++;
	return true;
}

static bool take_lists(struct reader *r, const struct json *body)
{
	const struct json *lists = json_get(body, "lists");
	char room[24];

	if (json_kind(lists) != IS_ARRAY)
		return false;
	for (size_t i = 0; i < json_count(lists); i++) {
		const struct json *one = json_at(lists, i);
		struct lock_entry *e = lock_add(r->lock, into(r), LOCK_LISTS,
						hub_id_of(one, "listId", room),
						json_get_slice(one, "name"));
		if (e)
			e->type = lock_word(r->lock, json_get_slice(one, "processingType"));
	}
	bool more = json_bool(json_get(body, "hasMore"), false);
	r->offset += (int64_t)json_count(lists);
	if (more && json_count(lists) && r->offset < LISTS_REACH)
		return true;
	into(r)->section[LOCK_LISTS].more |= more;
	r->asks = ASKS_DONE;
	return true;
}

/* ---- what else came --------------------------------------------------------------- */

/* The scope that HubSpot says is missing, else the one that this is known to need. */
static enum rc refuse_scope(const struct reader *r, const struct json *body, struct err *err)
{
	struct slice scope = hub_missing_scope(body);

	if (!scope.len)
		scope = slice_of(rows[r->asks].scope);
	return err_set(err, RC_REFUSED,
		       "%s: 403, the token lacks a scope: %.*s: add it to the service key or app%s",
		       rows[r->asks].what, SLICE_FMT(scope),
		       bearer_may_change(r->bearer) ? ", then 'hs2cert connect'" : "");
}

static enum rc refuse(const struct reader *r, const struct http_response *response,
		      const struct json *body, int64_t *wait_ms, struct err *err)
{
	const char *what = rows[r->asks].what;
	struct str said;

	if (response->outcome != HTTP_ANSWER)
		return err_set(err, RC_AGAIN, "%s: no answer: %s", what, response->problem);
	if (response->status == 403)
		return refuse_scope(r, body, err);
	*wait_ms = response->retry_after_ms != HTTP_ABSENT ? response->retry_after_ms
							   : hub_wait_ms(response->status, body);
	str_init(&said, LIMIT_FIELD_BYTES);
	mask_said(&said, json_get_slice(body, "message"), bearer_token(r->bearer), SAID_BYTES);
	bool good = response->status < 300,
	     no = response->status == 401 || !hub_is_passing(response->status);
	enum rc rc = err_set(err, good || !no ? RC_AGAIN : RC_REFUSED, "%s: %d %s", what,
			     response->status,
			     good ? "with an answer that is cut or cannot be used"
			     : response->status == 401 ? "the token is not accepted"
						       : str_text(&said));
	str_release(&said);
	return rc;
}

/* Its limits are far from these few requests. */
static int64_t reader_pace_ms(const struct reader *r)
{
	(void)r;
	return 0;
}

static enum rc reader_answer(struct reader *r, const struct http_response *response,
			     int64_t *wait_ms, struct err *err)
{
	bool answer = response->outcome == HTTP_ANSWER;
	struct err ignored;
	struct json *body = answer ? json_parse(response->body, &ignored) : NULL;
	bool good = answer && response->status == 200;
	enum rc rc = RC_OK;

	/* Who may not read sensitive properties does not see them in contacts either. */
	if (answer && (r->asks == ASKS_SENSITIVE || r->asks == ASKS_HIGHLY) &&
	    (response->status == 400 || response->status == 403 || response->status == 404))
		r->asks++;
	else if (!good || !(r->asks == ASKS_LISTS ? take_lists(r, body) : take_properties(r, body)))
		rc = refuse(r, response, body, wait_ms, err);
	json_free(body);
	return rc;
}

const struct names_ops hubspot_names = {
	.type = "hubspot",
	.open = reader_open,
	.reads = { .next = reader_next,
		   .pace_ms = reader_pace_ms,
		   .answer = reader_answer,
		   .close = reader_close },
};

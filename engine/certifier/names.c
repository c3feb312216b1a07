/*
 * names - a workspace's groups and custom attributes, for engine/names.h:
 * facts/certifier.md 3.1 and 3.3.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mask.h"
#include "engine/certifier/api.h"
#include "engine/certifier/certifier.h"

#define SAID_BYTES 200 /* of a foreign message */

enum asks { ASKS_GROUPS, ASKS_ATTRIBUTES, ASKS_DONE };

static const char *const asked[] = { "groups", "attributes" };

struct reader {
	struct action *action; /* for its requests */
	const struct account *account;
	struct lock *lock;
	enum asks asks;
	struct str cursor; /* of the next page of groups */
};

static struct reader *reader_open(const struct account *account, const struct bearer *bearer,
				  struct lock *into)
{
	struct reader *r = mem_alloc(sizeof(*r));

	r->action = certifier_ops.open(account, bearer_token(bearer));
	r->account = account;
	r->lock = into;
	str_init(&r->cursor, LIMIT_URL_BYTES);
	return r;
}

static void reader_close(struct reader *r)
{
	certifier_ops.close(r->action);
	str_release(&r->cursor);
	mem_free(r);
}

static struct lock_account *into(const struct reader *r)
{
	size_t i = 0;

	while (strcmp(r->lock->account[i].name, r->account->name) != 0)
		i++;
	return &r->lock->account[i];
}

static bool reader_next(struct reader *r, struct arena *memory, struct http_request *out)
{
	if (r->asks == ASKS_GROUPS)
		api_groups(r->action, str_text(&r->cursor), memory, out);
	else if (r->asks == ASKS_ATTRIBUTES)
		api_attributes(r->action, memory, out);
	return r->asks != ASKS_DONE;
}

static bool take_groups(struct reader *r, const struct json *body)
{
	const struct json *data = json_get(body, "data");

	if (json_kind(data) != IS_ARRAY)
		return false;
	for (size_t i = 0; i < json_count(data); i++)
		(void)lock_add(r->lock, into(r), LOCK_GROUPS,
			       json_get_slice(json_at(data, i), "id"),
			       json_get_slice(json_at(data, i), "name"));
	struct slice next = api_next_cursor(body, str_text(&r->cursor));
	str_clear(&r->cursor);
	str_add_slice(&r->cursor, next);
	if (!next.len)
		r->asks = ASKS_ATTRIBUTES;
	return true;
}

/* What is built in is no custom attribute. */
static bool take_attributes(struct reader *r, const struct json *body)
{
	const struct json *list = api_attribute_list(body);
	struct str key;

	if (json_kind(list) != IS_ARRAY)
		return false;
	str_init(&key, LIMIT_FIELD_BYTES);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *one = json_at(list, i);
		if (json_bool(json_get(one, "isDefault"), false))
			continue;
		api_attribute_key(one, &key);
		if (key.len)
			(void)lock_add(r->lock, into(r), LOCK_ATTRIBUTES, str_slice(&key),
				       json_get_slice(one, "name"));
	}
	str_release(&key);
	r->asks = ASKS_DONE;
	return true;
}

static enum rc refuse(const struct reader *r, const struct http_response *response,
		      const struct json *body, int64_t *wait_ms, struct err *err)
{
	const char *what = asked[r->asks];
	int status = response->status;
	struct str said;

	if (response->outcome != HTTP_ANSWER)
		return err_set(err, RC_AGAIN, "%s: no answer: %s", what, response->problem);
	*wait_ms = api_retry_ms(response);
	if (api_is_good(response))
		return err_set(err, RC_AGAIN, "%s: %d with an answer that is cut or cannot be used",
			       what, status);
	if (status == 401)
		return err_set(err, RC_REFUSED, "%s: 401 the token is not accepted", what);
	str_init(&said, LIMIT_FIELD_BYTES);
	mask_said(&said, json_slice(json_path(body, "error.message")), str_slice(&r->action->token),
		  SAID_BYTES);
	bool passes = status == 408 || status == 429 || status >= 500;
	enum rc rc = err_set(err, passes ? RC_AGAIN : RC_REFUSED, "%s: %d %s", what, status,
			     str_text(&said));
	str_release(&said);
	return rc;
}

static int64_t reader_pace_ms(const struct reader *r)
{
	return (int64_t)(MS_SECOND / account_setting(r->account, "rate")->per_second) + 1;
}

static enum rc reader_answer(struct reader *r, const struct http_response *response,
			     int64_t *wait_ms, struct err *err)
{
	struct err ignored;
	struct json *body = api_is_good(response) || response->outcome == HTTP_ANSWER
				    ? json_parse(response->body, &ignored)
				    : NULL;
	bool taken = api_is_good(response) && body &&
		     (r->asks == ASKS_GROUPS ? take_groups(r, body) : take_attributes(r, body));
	enum rc rc = taken ? RC_OK : refuse(r, response, body, wait_ms, err);

	json_free(body);
	return rc;
}

const struct names_ops certifier_names = {
	.type = "certifier",
	.open = reader_open,
	.reads = { .next = reader_next,
		   .pace_ms = reader_pace_ms,
		   .answer = reader_answer,
		   .close = reader_close },
};

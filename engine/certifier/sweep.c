#include "engine/certifier/sweep.h"

#include "engine/certifier/settle.h"

void certifier_sweep_step(struct action *a, const struct stray *stray, struct arena *memory,
			  struct http_request *out)
{
	if (stray->remove)
		api_delete(a, stray->remove, memory, out);
	else
		api_search(a, &stray->is, memory, out);
}

/* The page's first draft that such a create may have made, or NULL. */
static const char *find_stray(const struct answer *an, int64_t until_ms, const struct json *data)
{
	int64_t not_after = settle_time_there(an, until_ms) + SETTLE_SKEW_MS, created_ms;

	for (size_t i = 0; i < json_count(data); i++) {
		const struct json *credential = json_at(data, i);
		if (settle_is_ours(an, credential, &created_ms) && created_ms <= not_after)
			return arena_text(an->memory, json_get_slice(credential, "id"));
	}
	return NULL;
}

static void judge_look(const struct answer *an, const struct stray *stray, struct verdict *out)
{
	const struct json *data = json_get(an->body, "data");

	if (!api_is_good(an->response) || json_kind(data) != IS_ARRAY) {
		settle_look_failed(an, out);
		return;
	}
	out->credential = find_stray(an, stray->until_ms, data);
	struct slice next = api_next_cursor(an->body, an->is->cursor);
	if (!out->credential && next.len)
		out->cursor = arena_text(an->memory, next);
}

/*
 * Gone is gone, whoever did it; any other refusal is final for this look. So is 403: a workspace in which this token
 * may delete nothing need not stop for drafts that nobody sees.
 */
static void judge_removal(const struct answer *an, struct verdict *out)
{
	const struct http_response *r = an->response;
	bool refused = r->outcome == HTTP_ANSWER && r->status >= 400 && r->status <= 499 &&
		       r->status != 401 && r->status != 408 && r->status != 429;

	if (api_is_good(r) || (r->outcome == HTTP_ANSWER && r->status == 404))
		return;
	if (refused)
		out->reason = api_problem(an);
	else
		settle_look_failed(an, out);
}

void certifier_sweep_verdict(struct action *a, const struct stray *stray,
			     const struct http_response *r, const struct action_view *view,
			     struct arena *memory, struct verdict *out)
{
	struct err ignored;
	struct json *body = r->outcome == HTTP_ANSWER ? json_parse(r->body, &ignored) : NULL;
	struct answer an = { a, &stray->is, r, body, view, memory };

	*out = (struct verdict){ 0 };
	if (stray->remove)
		judge_removal(&an, out);
	else
		judge_look(&an, stray, out);
	json_free(body);
}

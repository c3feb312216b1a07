/*
 * issue - what Certifier's answers mean: behaviour.md, "Issuing".
 *
 *   planned --create--> creating --2xx--> draft --issue--> issuing --2xx--> issued --send--> sending --2xx--> sent
 *                          |  ^                              |
 *                   unknown|  |none found              unknown, 400, 409, 412
 *                          v  |                              v
 *                        search by e-mail                  GET: issued or expired is done, draft is not
 *
 * Every write ends as not done, done or unknown; one row table says which
 * status is what. An unknown send cannot be settled by any call.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "engine/certifier/api.h"
#include "engine/certifier/certifier.h"

/* When an unknown create is looked for, after its attempt; the last also is the wait for the search to lag no more. */
static const int64_t look_ms[] = { 1 * MS_SECOND, 5 * MS_SECOND, 30 * MS_SECOND };
#define LOOKS (int)(sizeof(look_ms) / sizeof(look_ms[0]))
#define CLOCK_SKEW_MS MS_MINUTE	/* that Certifier's createdAt may be before our attempt */
#define ISSUE_LOOK_MS MS_SECOND
#define SCHEDULED_LOOK_MS MS_MINUTE

/* ---- life -------------------------------------------------------------------- */

static struct action *certifier_open(const struct account *account, struct slice token)
{
	struct action *a = mem_alloc(sizeof(*a));

	a->account = account;
	a->base = mem_strdup(account_text(account, "base-url"));
	a->portal = mem_strdup(account_text(account, "portal-url"));
	str_init(&a->token, LIMIT_SECRET_BYTES);
	str_add_slice(&a->token, token);
	str_init(&a->cursor, 4096);
	str_init(&a->problem, LIMIT_ERROR_BYTES);
	map_init(&a->groups);
	map_init(&a->attributes);
	return a;
}

static void certifier_close(struct action *a)
{
	if (a->token.ptr)
		explicit_bzero(a->token.ptr, a->token.cap);
	str_release(&a->token);
	str_release(&a->cursor);
	str_release(&a->problem);
	map_release(&a->groups);
	map_release(&a->attributes);
	mem_free(a->base);
	mem_free(a->portal);
	mem_free(a);
}

static void certifier_step(struct action *a, const struct issuance *is, struct arena *memory, struct step *out)
{
	*out = (struct step){ .write = true };
	switch (is->state) {
	case STATE_PLANNED:
		out->doing = STATE_CREATING;
		api_create(a, is, memory, &out->request);
		return;
	case STATE_DRAFT:
		out->doing = STATE_ISSUING;
		api_issue(a, is, memory, &out->request);
		return;
	case STATE_ISSUED:
		out->doing = STATE_SENDING;
		api_send(a, is, memory, &out->request);
		return;
	case STATE_CREATING:
		out->write = false;
		out->doing = STATE_CREATING;
		api_search(a, is, memory, &out->request);
		return;
	default:
		out->write = false;
		out->doing = STATE_ISSUING;
		api_get(a, is, memory, &out->request);
	}
}

/* ---- what a status means, by step ---------------------------------------------- */

enum meaning {
	DONE, AGAIN, STOP, PLAN, GROUP, REFUSED, READ_BACK, UNKNOWN,
};

/* First row that fits. `low` to `high` are statuses; a step that is not named has the general row. */
static const struct {
	enum issuance_state doing;	/* STATE_COUNT: any */
	int low, high;
	enum meaning meaning;
} meanings[] = {
	{ STATE_COUNT, 200, 299, DONE },
	{ STATE_COUNT, 401, 401, STOP },
	{ STATE_COUNT, 403, 403, STOP },
	{ STATE_COUNT, 429, 429, AGAIN },
	{ STATE_COUNT, 402, 402, PLAN },
	{ STATE_COUNT, 408, 408, UNKNOWN },
	{ STATE_CREATING, 404, 404, GROUP },
	{ STATE_ISSUING, 400, 400, READ_BACK },
	{ STATE_ISSUING, 409, 409, READ_BACK },
	{ STATE_ISSUING, 412, 412, READ_BACK },
	{ STATE_COUNT, 400, 499, REFUSED },
	{ STATE_COUNT, 0, 999, UNKNOWN },	/* 1xx, 3xx, 5xx */
};

static enum meaning meaning_of(enum issuance_state doing, int status)
{
	size_t i = 0;

	while (!((meanings[i].doing == STATE_COUNT || meanings[i].doing == doing) && status >= meanings[i].low &&
		 status <= meanings[i].high))
		i++;
	return meanings[i].meaning;
}

/* The state that a write began from. */
static enum issuance_state state_before(enum issuance_state doing)
{
	return doing == STATE_CREATING ? STATE_PLANNED : doing == STATE_ISSUING ? STATE_DRAFT : STATE_ISSUED;
}

/* ---- done ------------------------------------------------------------------------ */

static bool take_ids(const struct action *a, const struct json *credential, struct arena *memory,
		     struct verdict *out)
{
	struct slice id = json_get_slice(credential, "id"), public_id = json_get_slice(credential, "publicId");

	if (!api_id_valid(id))
		return false;
	out->credential = arena_text(memory, id);
	if (api_id_valid(public_id))
		out->public_url = arena_printf(memory, "%s/%.*s", a->portal, SLICE_FMT(public_id));
	return true;
}

static bool is_issued(const struct json *credential)
{
	struct slice status = json_get_slice(credential, "status");

	return slice_is(status, "issued") || slice_is(status, "expired");
}

static void unknown(enum issuance_state doing, const char *why, struct verdict *out)
{
	out->reason = why;
	out->state = doing == STATE_SENDING ? STATE_SEND_UNKNOWN : doing;
	out->wait_ms = doing == STATE_CREATING ? look_ms[0] : ISSUE_LOOK_MS;
	if (doing == STATE_SENDING)
		out->wait_ms = 0;
}

static void done(const struct action *a, enum issuance_state doing, const struct json *body, struct arena *memory,
		 struct verdict *out)
{
	if (doing == STATE_SENDING)
		out->state = STATE_SENT;
	else if (doing == STATE_ISSUING && is_issued(body))
		out->state = STATE_ISSUED;
	else if (doing == STATE_CREATING && take_ids(a, body, memory, out))
		out->state = STATE_DRAFT;
	else
		unknown(doing, "the answer said done, but nothing that can be used", out);
}

/* ---- the verdict on a write -------------------------------------------------------- */

static const char *problem_text(const struct http_response *r, const struct json *body, const struct issuance *is,
				struct arena *memory)
{
	if (r->outcome != HTTP_ANSWER)
		return arena_printf(memory, "no answer: %s", r->problem);
	return arena_printf(memory, "%d %s", r->status, api_error(body, is, memory));
}

/* A 400 on create that speaks of the group is an unknown group, whichever code Certifier gives it. */
static bool speaks_of_group(const struct json *body)
{
	struct slice message = json_slice(json_path(body, "error.message"));

	return message.len && (memmem(message.ptr, message.len, "groupId", 7) ||
			       memmem(message.ptr, message.len, "Group", 5)) &&
	       !memmem(message.ptr, message.len, "attribute", 9);
}

static void hold(struct verdict *out, enum issuance_state from, enum verdict_scope scope, const char *reason)
{
	out->state = STATE_HELD;
	out->held_from = from;
	out->scope = scope;
	out->reason = reason;
}

static void refuse(struct verdict *out, enum issuance_state from, const char *reason)
{
	out->state = STATE_REFUSED;
	out->held_from = from;
	out->reason = reason;
}

static void judge_write(const struct action *a, const struct issuance *is, enum issuance_state doing,
			const struct http_response *r, const struct json *body, struct arena *memory,
			struct verdict *out)
{
	enum issuance_state before = state_before(doing);
	const char *problem = problem_text(r, body, is, memory);
	enum meaning meaning = r->outcome == HTTP_NOT_SENT ? AGAIN :
			       r->outcome == HTTP_UNKNOWN ? UNKNOWN : meaning_of(doing, r->status);

	if (meaning == REFUSED && doing == STATE_CREATING && r->status == 400 && speaks_of_group(body))
		meaning = GROUP;
	*out = (struct verdict){ .state = before, .reason = problem };
	switch (meaning) {
	case DONE:
		out->reason = NULL;
		done(a, doing, body, memory, out);
		break;
	case AGAIN:
		out->scope = SCOPE_ACCOUNT_WAIT;
		out->again = true;
		out->wait_ms = r->outcome == HTTP_ANSWER && r->retry_after_ms != HTTP_ABSENT ? r->retry_after_ms : 0;
		break;
	case STOP:
		out->scope = SCOPE_ACCOUNT_STOP;
		break;
	case PLAN:
		hold(out, before, SCOPE_ACCOUNT_HOLD, arena_printf(memory, "plan: %s", problem));
		break;
	case GROUP:
		hold(out, before, SCOPE_GROUP_HOLD, arena_printf(memory, "group: %s", problem));
		break;
	case REFUSED:
		refuse(out, before, problem);
		break;
	case READ_BACK:
	case UNKNOWN:
		unknown(doing, problem, out);
		break;
	}
}

/* ---- settling: what did an unknown write do? ------------------------------------------ */

static void look_failed(const struct http_response *r, const char *problem, struct verdict *out)
{
	bool account = r->outcome == HTTP_NOT_SENT || (r->outcome == HTTP_ANSWER && r->status == 429);

	out->reason = problem;
	out->again = true;
	out->scope = account ? SCOPE_ACCOUNT_WAIT : SCOPE_ISSUANCE;
	if (r->outcome == HTTP_ANSWER && r->retry_after_ms != HTTP_ABSENT)
		out->wait_ms = r->retry_after_ms;
	if (r->outcome == HTTP_ANSWER && (r->status == 401 || r->status == 403)) {
		out->again = false;
		out->scope = SCOPE_ACCOUNT_STOP;
	}
}

/* The attempt's time by Certifier's clock, less what clocks may differ. */
static int64_t not_created_before(const struct issuance *is, const struct http_response *r,
				  const struct action_view *view)
{
	int64_t ahead = r->date_ms == HTTP_ABSENT ? 0 : r->date_ms - view->now_ms;

	return is->attempt_ms + ahead - CLOCK_SKEW_MS;
}

static bool is_ours(const struct json *credential, const struct issuance *is, int64_t since_ms,
		    const struct action_view *view)
{
	char id[LIMIT_ID_BYTES + 1];
	int64_t created;
	struct slice text = json_get_slice(credential, "id");

	if (!api_id_valid(text) || !slice_is(json_get_slice(credential, "status"), "draft") ||
	    !slice_is(json_get_slice(credential, "groupId"), is->group) || !api_same_fields(credential, is) ||
	    !clock_parse_datetime(json_get_slice(credential, "createdAt"), &created) || created < since_ms)
		return false;
	memcpy(id, text.ptr, text.len);
	id[text.len] = '\0';
	return !view->credential_held(view->ctx, id);
}

/* The page's oldest draft that this issuance may adopt, or NULL. */
static const struct json *find_ours(const struct json *data, const struct issuance *is, int64_t since_ms,
				    const struct action_view *view)
{
	const struct json *best = NULL;

	for (size_t i = 0; i < json_count(data); i++) {
		const struct json *c = json_at(data, i);
		if (is_ours(c, is, since_ms, view) &&
		    (!best || slice_cmp(json_get_slice(c, "createdAt"), json_get_slice(best, "createdAt")) < 0))
			best = c;
	}
	return best;
}

static void settle_create(const struct action *a, const struct issuance *is, const struct http_response *r,
			  const struct json *body, const struct action_view *view, struct arena *memory,
			  struct verdict *out)
{
	const struct json *data = json_get(body, "data");
	struct slice next = json_slice(json_path(body, "pagination.next"));

	if (r->outcome != HTTP_ANSWER || r->status < 200 || r->status > 299 || json_kind(data) != IS_ARRAY) {
		look_failed(r, problem_text(r, body, is, memory), out);
		return;
	}
	const struct json *found = find_ours(data, is, not_created_before(is, r, view), view);
	if (found && take_ids(a, found, memory, out)) {
		out->state = STATE_DRAFT;
		out->reason = "found and adopted: the answer to its create was lost";
	} else if (next.len && json_count(data)) {
		out->cursor = arena_text(memory, next);
	} else if (view->started_ms - is->attempt_ms >= look_ms[LOOKS - 1]) {
		out->state = STATE_PLANNED;
		out->reason = "not found after the search's lag: created again";
	} else {
		int n = is->settles + 1 < LOOKS ? is->settles + 1 : LOOKS - 1;
		int64_t due = is->attempt_ms + look_ms[n];
		out->settled_again = true;
		out->wait_ms = due > view->now_ms ? due - view->now_ms : MS_SECOND;
	}
}

static void settle_issue(const struct issuance *is, const struct http_response *r, const struct json *body,
			 struct arena *memory, struct verdict *out)
{
	const char *problem = problem_text(r, body, is, memory);
	struct slice status = json_get_slice(body, "status");

	if (r->outcome == HTTP_ANSWER && r->status == 404) {
		refuse(out, STATE_DRAFT, "the credential is gone at Certifier");
	} else if (r->outcome != HTTP_ANSWER || r->status < 200 || r->status > 299 || !status.len) {
		look_failed(r, problem, out);
	} else if (is_issued(body)) {
		out->state = STATE_ISSUED;
	} else if (!slice_is(status, "draft")) {
		out->wait_ms = SCHEDULED_LOOK_MS;
	} else if (is->reason && is->reason[0] == '4' && strncmp(is->reason, "408", 3) != 0) {
		/* It was refused, and it is a draft still: the refusal was meant. */
		refuse(out, STATE_DRAFT, is->reason);
	} else {
		out->state = STATE_DRAFT;
	}
}

static void certifier_verdict(struct action *a, const struct issuance *is, const struct step *step,
			      const struct http_response *r, const struct action_view *view,
			      struct arena *memory, struct verdict *out)
{
	struct err ignored;
	struct json *body = r->outcome == HTTP_ANSWER ? json_parse(r->body, &ignored) : NULL;

	*out = (struct verdict){ .state = is->state, .reason = is->reason };
	if (step->write)
		judge_write(a, is, step->doing, r, body, memory, out);
	else if (step->doing == STATE_CREATING)
		settle_create(a, is, r, body, view, memory, out);
	else
		settle_issue(is, r, body, memory, out);
	json_free(body);
}

/* ---- the probe ------------------------------------------------------------------------- */

static bool certifier_probe_next(struct action *a, struct arena *memory, struct http_request *out)
{
	if (a->probe == PROBE_GROUPS)
		api_groups(a, str_text(&a->cursor), memory, out);
	else if (a->probe == PROBE_ATTRIBUTES)
		api_attributes(a, memory, out);
	return a->probe != PROBE_DONE;
}

static void remember(struct map *m, struct slice name)
{
	if (name.len)
		map_put(m, name, m);
}

static void take_groups(struct action *a, const struct json *body)
{
	const struct json *data = json_get(body, "data");
	struct slice next = json_slice(json_path(body, "pagination.next"));

	for (size_t i = 0; i < json_count(data); i++)
		remember(&a->groups, json_get_slice(json_at(data, i), "id"));
	bool more = next.len && !slice_eq(next, str_slice(&a->cursor)) && json_count(data);
	str_clear(&a->cursor);
	if (more)
		str_add_slice(&a->cursor, next);
	else
		a->probe = PROBE_ATTRIBUTES;
}

/* A bare array, or a page; tags with or without `custom.`: facts/certifier.md 3.3. */
static void take_attributes(struct action *a, const struct json *body)
{
	const struct json *list = json_kind(body) == IS_ARRAY ? body : json_get(body, "data");
	char key[512];

	for (size_t i = 0; i < json_count(list); i++) {
		struct slice tag = json_get_slice(json_at(list, i), "tag");
		bool whole = slice_starts(tag, slice_of("custom."));
		if (tag.len && tag.len < sizeof(key) - 8) {
			snprintf(key, sizeof(key), "%s%.*s", whole ? "" : "custom.", SLICE_FMT(tag));
			remember(&a->attributes, slice_of(key));
		}
	}
	a->probe = PROBE_DONE;
}

static void certifier_probe_answer(struct action *a, const struct http_response *r)
{
	struct err err;
	struct json *body = r->outcome == HTTP_ANSWER ? json_parse(r->body, &err) : NULL;

	if (!body || r->status < 200 || r->status > 299) {
		struct slice message = json_slice(json_path(body, "error.message"));
		if (r->outcome == HTTP_ANSWER)
			str_addf(&a->problem, "%d ", r->status);
		str_add_shown(&a->problem, message.len ? message : slice_of(r->problem ? r->problem : "unusable answer"));
		a->probe = PROBE_DONE;
	} else if (a->probe == PROBE_GROUPS) {
		take_groups(a, body);
	} else {
		take_attributes(a, body);
	}
	json_free(body);
}

static const char *certifier_probe_problem(const struct action *a)
{
	return a->problem.len ? str_text(&a->problem) : NULL;
}

static const char *nearest(const struct map *m, const char *name)
{
	const char **words = mem_alloc((m->count + 1) * sizeof(*words));

	for (size_t i = 0; i < m->count; i++)
		words[i] = m->entry[i].key.ptr;
	const char *near = diag_nearest(slice_of(name), words, m->count);
	mem_free(words);
	return near;
}

static void report_missing(const struct map *known, const char *what, const char *name, const struct rule *rule,
			   void (*say)(void *ctx, const char *text), void *ctx)
{
	struct str text;

	if (map_get(known, slice_of(name)))
		return;
	const char *near = nearest(known, name);
	str_init(&text, LIMIT_ERROR_BYTES * 2);
	str_addf(&text, "rule %s (%s:%u): %s '%s' does not exist in this workspace%s%s%s", rule->name, rule->file,
		 rule->line, what, name, near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	say(ctx, str_text(&text));
	str_release(&text);
}

static void certifier_probe_report(const struct action *a, const struct rule *rule,
				   void (*say)(void *ctx, const char *text), void *ctx)
{
	report_missing(&a->groups, "group", rule->group, rule, say, ctx);
	for (size_t i = 0; i < rule->n_field; i++)
		if (strncmp(rule->field[i].name, "custom.", 7) == 0)
			report_missing(&a->attributes, "attribute", rule->field[i].name, rule, say, ctx);
}

const struct action_ops certifier_ops = {
	.type = "certifier", .open = certifier_open, .close = certifier_close, .step = certifier_step,
	.verdict = certifier_verdict, .probe_next = certifier_probe_next,
	.probe_answer = certifier_probe_answer, .probe_problem = certifier_probe_problem,
	.probe_report = certifier_probe_report,
};

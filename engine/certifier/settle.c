#include "engine/certifier/settle.h"

#include <string.h>

#include "engine/backoff.h"

/*
 * When a create is looked for, after its end became unknown (a service that
 * answers no more may still be at work); by the last look the search lags no more.
 */
static const int64_t look_ms[] = { SETTLE_FIRST_MS, 5 * MS_SECOND, 30 * MS_SECOND };
#define LOOKS (sizeof(look_ms) / sizeof(look_ms[0]))
#define LAST_LOOK_MS look_ms[LOOKS - 1]
#define SETTLES_MOST 100 /* looks and pages: our clock was set back, or cursors never end */
#define OTHER_STATUS_LOOK_MS MS_MINUTE /* scheduled, or a word that we do not know */
#define FREE_ATTEMPTS 2		       /* writes that are repeated at once */

/* A write that keeps ending unknown comes back ever later, so that it leaves the rate to others. */
static int64_t repeat_ms(const struct issuance *is)
{
	uint64_t spread = (uint64_t)is->id * 0x9e3779b97f4a7c15u;
	int more = is->attempts - FREE_ATTEMPTS;

	return more > 0 ? backoff_ms(more, spread >> 32) : 0;
}

/* Whether the issue that is being settled was refused. */
static bool was_refused(const struct issuance *is)
{
	return slice_starts(slice_of(is->reason), slice_of(SETTLE_REFUSAL));
}

void settle_look_failed(const struct answer *an, struct verdict *out)
{
	const struct http_response *r = an->response;
	int status = r->outcome == HTTP_ANSWER ? r->status : 0;

	out->reason = was_refused(an->is) ? an->is->reason : api_problem(an);
	out->wait_ms = api_retry_ms(r);
	out->again = true;
	if (status == 401 || status == 403) {
		out->scope = SCOPE_ACCOUNT_STOP;
		out->again = false;
	} else if (status == 429 || r->outcome == HTTP_NOT_SENT) {
		out->scope = SCOPE_ACCOUNT_WAIT;
	}
}

/* ---- create ---------------------------------------------------------------- */

int64_t settle_time_there(const struct answer *an, int64_t ours_ms)
{
	int64_t date = an->response->date_ms;

	return ours_ms + (date == HTTP_ABSENT ? 0 : date - an->view->now_ms);
}

/* An attempt after now: our clock was set back since, and tells no more than the day. */
static int64_t attempted_ms(const struct answer *an)
{
	int64_t now = an->view->now_ms;

	return an->is->attempt_ms <= now ? an->is->attempt_ms : now - MS_DAY;
}

bool settle_is_ours(const struct answer *an, const struct json *credential, int64_t *created_ms)
{
	struct slice id = json_get_slice(credential, "id");

	return api_id_valid(id) && slice_is(json_get_slice(credential, "status"), "draft") &&
	       slice_is(json_get_slice(credential, "groupId"), an->is->group) &&
	       api_same_fields(credential, an->is, an->memory) &&
	       clock_parse_datetime(json_get_slice(credential, "createdAt"), created_ms) &&
	       *created_ms >= settle_time_there(an, attempted_ms(an)) - SETTLE_SKEW_MS &&
	       !an->view->credential_held(an->view->ctx, arena_text(an->memory, id));
}

/* The address as we sent it, not one that only its capitals make another. */
static bool is_same_address(const struct answer *an, const struct json *credential)
{
	return slice_eq(json_slice(json_path(credential, "recipient.email")),
			json_get_slice(an->is->fields, "recipient.email"));
}

/*
 * Where we sent no expiry date the group may have set one. But where another issuance sent that very
 * date and lost its answer, the draft may be that one's: rather one more of ours, which is swept,
 * than a credential with somebody else's date.
 */
static bool may_be_anothers(const struct answer *an, const struct json *credential)
{
	struct slice there = json_get_slice(credential, "expiryDate");

	return there.len && !json_get_slice(an->is->fields, "expiry-date").len &&
	       an->view->sent_elsewhere(an->view->ctx, "expiry-date", there);
}

/*
 * The page's oldest draft that this issuance may adopt, or NULL. One with the very address comes
 * first: whoever sent the other one may not find ours, where the search minds case.
 */
static const struct json *find_ours(const struct answer *an, const struct json *data)
{
	const struct json *best = NULL;
	int64_t best_ms = 0, created_ms;
	bool best_same = false;

	for (size_t i = 0; i < json_count(data); i++) {
		const struct json *credential = json_at(data, i);
		if (!settle_is_ours(an, credential, &created_ms) || may_be_anothers(an, credential))
			continue;
		bool same = is_same_address(an, credential);
		if (best && (same == best_same ? created_ms >= best_ms : best_same))
			continue;
		best = credential;
		best_ms = created_ms;
		best_same = same;
	}
	return best;
}

/* Pages come oldest first: the last, where a late draft would be, was asked for `elapsed` after. */
static void none_found(const struct answer *an, struct verdict *out)
{
	const struct issuance *is = an->is;
	int64_t since = is->unknown_ms ? is->unknown_ms : is->attempt_ms;
	int64_t elapsed = an->view->started_ms - since;
	size_t i = 0;

	if (elapsed >= LAST_LOOK_MS || is->settles >= SETTLES_MOST) {
		out->state = STATE_PLANNED;
		out->reason = "not found after the search's lag: created again";
		out->wait_ms = repeat_ms(is);
		return;
	}
	while (look_ms[i] <= elapsed)
		i++;
	int64_t wait = since + look_ms[i] - an->view->now_ms;
	out->settled_again = true;
	out->wait_ms = wait < MS_SECOND ? MS_SECOND : wait > LAST_LOOK_MS ? LAST_LOOK_MS : wait;
}

void settle_create(const struct answer *an, struct verdict *out)
{
	const struct json *data = json_get(an->body, "data");

	if (!api_is_good(an->response) || json_kind(data) != IS_ARRAY) {
		settle_look_failed(an, out);
		return;
	}
	const struct json *found = find_ours(an, data);
	struct slice next = api_next_cursor(an->body, an->is->cursor);
	if (found && api_take_ids(an, found, out)) {
		out->state = STATE_DRAFT;
		out->reason = "found and adopted: the answer to its create was lost";
	} else if (next.len && an->is->settles < SETTLES_MOST) {
		out->cursor = arena_text(an->memory, next);
		out->settled_again = true;
	} else {
		none_found(an, out);
	}
}

/* ---- issue ----------------------------------------------------------------- */

static void still_draft(const struct answer *an, struct verdict *out)
{
	if (was_refused(an->is)) {
		out->state = STATE_REFUSED;
		out->held_from = STATE_DRAFT;
		return;
	}
	out->state = STATE_DRAFT;
	out->reason = VERDICT_NOT_ISSUED;
	out->wait_ms = repeat_ms(an->is);
}

/* A word as they have for a status; what is none may be anybody's name. */
static bool is_status_word(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != '_' && (text.ptr[i] < 'a' || text.ptr[i] > 'z'))
			return false;
	return text.len <= LIMIT_ID_BYTES;
}

static void other_status(const struct answer *an, struct slice status, struct verdict *out)
{
	out->reason = is_status_word(status)
			      ? arena_printf(an->memory, "read back: its status is '%.*s'",
					     SLICE_FMT(status))
			      : "read back: its status is no word";
	out->again = true;
	out->wait_ms = OTHER_STATUS_LOOK_MS;
}

/*
 * Somebody removed it. Where its issue found none nothing is created any more. Else, also where it was refused
 * as no draft, it may have been issued before that: only a look goes on from here, never another create.
 */
static void gone(const struct answer *an, struct verdict *out)
{
	bool unissued = slice_starts(slice_of(an->is->reason), slice_of(SETTLE_REFUSAL "404"));

	out->state = STATE_REFUSED;
	out->held_from = unissued ? STATE_PLANNED : STATE_ISSUING;
	out->reason =
		unissued ? "its draft is gone at Certifier"
			 : "the credential is gone at Certifier: it may have been issued before";
}

void settle_issue(const struct answer *an, struct verdict *out)
{
	const struct http_response *r = an->response;
	struct slice status = json_get_slice(an->body, "status");

	if (r->outcome == HTTP_ANSWER && r->status == 404) {
		gone(an, out);
	} else if (!api_is_good(r) || !status.len ||
		   !slice_is(json_get_slice(an->body, "id"), an->is->credential)) {
		settle_look_failed(an, out);
	} else if (api_is_issued(an->body)) {
		out->state = STATE_ISSUED;
		out->reason = NULL;
	} else if (slice_is(status, "draft")) {
		still_draft(an, out);
	} else {
		other_status(an, status, out);
	}
}

#include "engine/reading.h"

#include "base/clock.h"
#include "engine/backoff.h"

#define REQUESTS_MOST 1000u /* of one account: pages that never end */

struct reading {
	const struct world *world;
	const struct account *account;
	const struct reader_ops *ops;
	struct reader *reader;
	struct patience patience;
	struct bearer *bearer; /* NULL: its token does not change */
	reading_heard *heard;  /* NULL: nobody */
	void *heard_arg;
	struct arena memory; /* of the request under way */
	struct http_request request;
	bool asking, again; /* again: the same request once more */
	bool over;	    /* nothing is left to ask */
	unsigned tries, requests;
	int64_t began_ms, wait_until_ms; /* monotonic: of the request, of the next one */
	int64_t first_ms, quiet_ms; /* monotonic: the first request, the last sign of the service */
	int64_t sent_ms;	    /* wall */
	enum rc failed;
	struct err why;
};

static int64_t now_ms(const struct reading *r)
{
	return r->world->mono_ms(r->world->ctx);
}

struct reading *reading_new(const struct world *world, const struct account *account,
			    const struct reader_ops *ops, struct reader *reader,
			    const struct patience *patience)
{
	struct reading *r = mem_alloc(sizeof(*r));

	r->world = world;
	r->account = account;
	r->ops = ops;
	r->reader = reader;
	r->patience = *patience;
	arena_init(&r->memory);
	r->first_ms = r->quiet_ms = now_ms(r);
	return r;
}

void reading_free(struct reading *r)
{
	if (!r)
		return;
	r->world->http_cancel(r->world->ctx, r);
	r->ops->close(r->reader);
	arena_release(&r->memory);
	mem_free(r);
}

void reading_carry(struct reading *r, struct bearer *bearer)
{
	r->bearer = bearer;
}

void reading_listen(struct reading *r, reading_heard *heard, void *arg)
{
	r->heard = heard;
	r->heard_arg = arg;
}

/* ---- answers -------------------------------------------------------------------- */

static void wait_or_fail(struct reading *r, int64_t wait_ms)
{
	char text[CLOCK_TEXT];

	if (++r->tries == r->patience.tries) {
		r->failed = RC_AGAIN;
		return;
	}
	if (wait_ms > r->patience.wait_ms) {
		err_prefix(&r->why, "asks to come back in %s",
			   clock_format_duration(wait_ms, text));
		r->failed = RC_AGAIN;
		return;
	}
	int64_t own = backoff_ms(r->tries, r->world->random(r->world->ctx));
	log_line(r->world->log, LOG_WARN, "asked again later", "account", r->account->name,
		 "reason", r->why.text, NULL);
	r->wait_until_ms = now_ms(r) + (wait_ms > own ? wait_ms : own);
	r->again = true;
}

/* The token has come to its end early. */
static bool is_refused(const struct reading *r, const struct http_response *response)
{
	if (!r->bearer || response->outcome != HTTP_ANSWER)
		return false;
	if (response->status == 401)
		return bearer_refused(r->bearer, slice_of(r->request.bearer));
	bearer_accepted(r->bearer, slice_of(r->request.bearer));
	return false;
}

static void arrived(void *arg, const struct http_response *response)
{
	struct reading *r = arg;
	int64_t wait_ms = 0;

	r->asking = false;
	if (r->heard)
		r->heard(r->heard_arg, r->sent_ms, response);
	if (response->outcome == HTTP_ANSWER)
		r->quiet_ms = now_ms(r);
	r->again = is_refused(r, response);
	if (r->again)
		return;
	enum rc rc = r->ops->answer(r->reader, response, &wait_ms, &r->why);
	r->wait_until_ms = r->began_ms + r->ops->pace_ms(r->reader);
	if (rc == RC_AGAIN)
		wait_or_fail(r, wait_ms);
	else if (rc != RC_OK)
		r->failed = rc;
	else
		r->tries = 0;
}

/* ---- requests -------------------------------------------------------------------- */

/* The next request; false where none is left. */
static bool ask(struct reading *r)
{
	if (!r->again) {
		arena_release(&r->memory);
		if (!r->ops->next(r->reader, &r->memory, &r->request))
			return false;
	}
	r->again = false;
	if (r->bearer)
		r->request.bearer = arena_text(&r->memory, bearer_token(r->bearer));
	if (++r->requests > REQUESTS_MOST) {
		r->failed = err_set(&r->why, RC_INVALID, "its pages do not end");
		return true;
	}
	r->asking = true;
	r->began_ms = now_ms(r);
	r->sent_ms = r->world->wall_ms(r->world->ctx);
	r->world->http_start(r->world->ctx, &r->request, arrived, r);
	return true;
}

/* When whoever waits has had enough; INT64_MAX: never. */
static int64_t end_ms(const struct reading *r)
{
	const struct patience *p = &r->patience;
	int64_t end = p->silence_ms ? r->quiet_ms + p->silence_ms : INT64_MAX;

	return p->whole_ms && r->first_ms + p->whole_ms < end ? r->first_ms + p->whole_ms : end;
}

static void give_up(struct reading *r)
{
	char text[CLOCK_TEXT];
	bool silent = now_ms(r) - r->quiet_ms >= r->patience.silence_ms;

	r->world->http_cancel(r->world->ctx, r);
	r->asking = false;
	if (r->tries) /* what it said last says more */
		r->failed = RC_AGAIN;
	else
		r->failed = err_set(&r->why, RC_AGAIN, "%s %s",
				    silent ? "no answer within" : "not all was read within",
				    clock_format_duration(silent ? r->patience.silence_ms
								 : r->patience.whole_ms,
							  text));
}

static enum rc keep_token(struct reading *r)
{
	enum rc rc = bearer_step(r->bearer, &r->why);

	if (rc == RC_OK && !bearer_there(r->bearer))
		return err_set(&r->why, RC_REFUSED, "%s", bearer_problem(r->bearer));
	if (rc == RC_OK && bearer_failures(r->bearer) >= (int)r->patience.tries)
		return err_set(&r->why, RC_AGAIN, "the access token could not be renewed");
	return rc;
}

static bool may_ask(const struct reading *r)
{
	return !r->over && !r->asking && now_ms(r) >= r->wait_until_ms &&
	       (!r->bearer || bearer_usable(r->bearer));
}

enum rc reading_step(struct reading *r, bool *done, struct err *err)
{
	*done = false;
	if (r->failed == RC_OK && now_ms(r) >= end_ms(r))
		give_up(r);
	if (r->failed == RC_OK && r->bearer)
		r->failed = keep_token(r);
	while (r->failed == RC_OK && may_ask(r))
		r->over = !ask(r);
	*done = r->over && !(r->bearer && bearer_busy(r->bearer));
	if (r->failed != RC_OK)
		*err = r->why;
	return r->failed;
}

int64_t reading_wake_ms(const struct reading *r)
{
	bool waits = r->asking || r->over || (r->bearer && !bearer_usable(r->bearer));
	int64_t wake = waits ? INT64_MAX : r->wait_until_ms;

	if (r->bearer && bearer_wake_ms(r->bearer) < wake)
		wake = bearer_wake_ms(r->bearer);

	return end_ms(r) < wake ? end_ms(r) : wake;
}

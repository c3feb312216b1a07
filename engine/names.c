#include "engine/names.h"

#include <string.h>

#include "base/clock.h"
#include "engine/backoff.h"
#include "engine/registry.h"

#define TRIES 5			     /* of one request */
#define WAIT_MOST_MS (2 * MS_MINUTE) /* somebody looks at the terminal: longer is a failure */
#define REQUESTS_MOST 1000u	     /* of one account: pages that never end */

struct names_round {
	const struct world *world;
	const struct table *table;
	struct lock lock;
	size_t account; /* index in table->account */
	const struct names_ops *ops;
	struct names_reader *reader; /* NULL: none is open */
	struct bearer *bearer;
	struct arena memory; /* of the request under way */
	struct http_request request;
	bool asking, again; /* again: the same request once more */
	unsigned tries, requests;
	int64_t began_ms, wait_until_ms; /* monotonic: of the request, of the next one */
	enum rc failed;
	struct err why;
};

struct names_round *names_round_new(const struct world *world, const struct table *table)
{
	struct names_round *r = mem_alloc(sizeof(*r));

	r->world = world;
	r->table = table;
	lock_init(&r->lock);
	arena_init(&r->memory);
	r->bearer = bearer_new(world);
	return r;
}

static void close_reader(struct names_round *r)
{
	if (r->reader)
		r->ops->close(r->reader);
	r->reader = NULL;
}

void names_round_free(struct names_round *r)
{
	if (!r)
		return;
	r->world->http_cancel(r->world->ctx, r);
	close_reader(r);
	lock_release(&r->lock);
	arena_release(&r->memory);
	bearer_free(r->bearer);
	mem_free(r);
}

static int64_t now_ms(const struct names_round *r)
{
	return r->world->mono_ms(r->world->ctx);
}

static const struct account *account_of(const struct names_round *r)
{
	return &r->table->account[r->account];
}

/* ---- answers -------------------------------------------------------------------- */

static void fail(struct names_round *r, enum rc rc)
{
	r->failed = rc;
	err_prefix(&r->why, "account '%s'", account_of(r)->name);
}

static void wait_or_fail(struct names_round *r, int64_t wait_ms)
{
	char text[CLOCK_TEXT];

	if (++r->tries == TRIES) {
		fail(r, RC_AGAIN);
		return;
	}
	if (wait_ms > WAIT_MOST_MS) {
		err_prefix(&r->why, "asks to come back in %s",
			   clock_format_duration(wait_ms, text));
		fail(r, RC_AGAIN);
		return;
	}
	int64_t own = backoff_ms(r->tries, r->world->random(r->world->ctx));
	log_line(r->world->log, LOG_WARN, "asked again later", "account", account_of(r)->name,
		 "reason", r->why.text, NULL);
	r->wait_until_ms = now_ms(r) + (wait_ms > own ? wait_ms : own);
	r->again = true;
}

static void arrived(void *arg, const struct http_response *response)
{
	struct names_round *r = arg;
	int64_t wait_ms = 0;

	r->asking = false;
	enum rc rc = r->ops->answer(r->reader, response, &wait_ms, &r->why);
	r->wait_until_ms = r->began_ms + r->ops->pace_ms(r->reader);
	if (rc == RC_AGAIN)
		wait_or_fail(r, wait_ms);
	else if (rc != RC_OK)
		fail(r, rc);
	else
		r->tries = 0;
}

/* ---- requests -------------------------------------------------------------------- */

static enum rc open_reader(struct names_round *r)
{
	enum rc rc = bearer_load(r->bearer, account_of(r), &r->why);

	if (rc != RC_OK)
		return rc;
	r->ops = registry_names(account_of(r)->type);
	(void)lock_add_account(&r->lock, account_of(r)->name, account_of(r)->type);
	r->reader = r->ops->open(account_of(r), r->bearer, &r->lock);
	r->requests = 0;
	return RC_OK;
}

/* The next request of this account; false where it has none left. */
static bool ask(struct names_round *r)
{
	if (!r->again) {
		arena_release(&r->memory);
		if (!r->ops->next(r->reader, &r->memory, &r->request))
			return false;
	}
	r->again = false;
	if (++r->requests > REQUESTS_MOST) {
		(void)err_set(&r->why, RC_INVALID, "its pages do not end");
		fail(r, RC_INVALID);
		return true;
	}
	r->asking = true;
	r->began_ms = now_ms(r);
	r->world->http_start(r->world->ctx, &r->request, arrived, r);
	return true;
}

enum rc names_round_step(struct names_round *r, bool *done, struct err *err)
{
	*done = false;
	while (r->failed == RC_OK && !r->asking && now_ms(r) >= r->wait_until_ms) {
		if (r->account == r->table->n_account) {
			lock_finish(&r->lock);
			*done = true;
			break;
		}
		if (!r->reader) {
			r->failed = open_reader(r);
		} else if (!ask(r)) {
			close_reader(r);
			r->account++;
		}
	}
	if (r->failed != RC_OK)
		*err = r->why;
	return r->failed;
}

int64_t names_round_wake_ms(const struct names_round *r)
{
	return r->asking ? INT64_MAX : r->wait_until_ms;
}

const struct lock *names_round_lock(const struct names_round *r)
{
	return &r->lock;
}

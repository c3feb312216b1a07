/*
 * oauth - what the tests of OAuth share: a world of a few lines whose clock and secret are in the test's hand.
 * One request at a time is under way, and gets the sandbox's answer when the test says so.
 */
#ifndef TESTS_UNIT_OAUTH_H
#define TESTS_UNIT_OAUTH_H

#include "tests/unit/rules.h"

#include "engine/sandbox/sandbox.h"
#include "engine/world.h"

#define START INT64_C(1795435220000)

static struct {
	struct world world;
	struct log log;
	struct sandbox *sandbox;
	int64_t now_ms;
	uint64_t drawn;
	const char *secret; /* NULL: there is none */
	enum http_outcome outcome;
	/* the request under way */
	struct str body;
	char path[64];
	http_done *done; /* NULL: there is none */
	void *arg;
} w;

static inline int64_t now_of(void *ctx)
{
	(void)ctx;
	return w.now_ms;
}

static inline uint64_t chance(void *ctx)
{
	(void)ctx;
	return w.drawn += UINT64_C(0x9e3779b97f4a7c15);
}

static inline void http_start(void *ctx, const struct http_request *request, http_done *done,
			      void *arg)
{
	(void)ctx;
	assert_null(w.done);
	assert_string_equal(request->method, "POST");
	assert_null(request->bearer);
	assert_true(request->fresh);
	str_clear(&w.body);
	str_add_slice(&w.body, request->body);
	snprintf(w.path, sizeof(w.path), "/hubspot%s", strstr(request->url, "/oauth/"));
	w.done = done;
	w.arg = arg;
}

static inline void http_cancel(void *ctx, const void *arg)
{
	(void)ctx;
	if (arg == w.arg)
		w.done = NULL;
}

static inline enum rc secret(void *ctx, const struct secret *secret, struct str *out,
			     struct err *err)
{
	(void)ctx;
	if (!w.secret)
		return err_set(err, RC_REFUSED, "'%s' is not set", secret->name);
	str_add_text(out, w.secret);
	return RC_OK;
}

static inline void world_begin(const struct sandbox_options *o, const char *app_secret)
{
	memset(&w, 0, sizeof(w));
	w.sandbox = sandbox_new(o);
	w.now_ms = START;
	w.secret = app_secret;
	w.outcome = HTTP_ANSWER;
	str_init(&w.body, LIMIT_FORM_BYTES);
	w.log = (struct log){ .now_ms = now_of };
	w.world = (struct world){ .wall_ms = now_of,
				  .mono_ms = now_of,
				  .random = chance,
				  .http_start = http_start,
				  .http_cancel = http_cancel,
				  .secret = secret,
				  .log = &w.log };
}

static inline void world_end(void)
{
	sandbox_free(w.sandbox);
	str_release(&w.body);
}

/* Whether a request was under way; it gets its answer now. */
static inline bool answer(void)
{
	const struct sandbox_request r = {
		.method = "POST", .path = w.path, .query = "", .body = str_slice(&w.body)
	};
	struct sandbox_answer a;
	http_done *done = w.done;

	if (!done)
		return false;
	w.done = NULL;
	sandbox_call(w.sandbox, w.now_ms, &r, &a);
	done(w.arg, &(struct http_response){ .outcome = a.delivery == SANDBOX_WHOLE ? w.outcome
										    : HTTP_UNKNOWN,
					     .problem = "it was cut",
					     .status = a.status,
					     .body = str_slice(&a.body),
					     .date_ms = HTTP_ABSENT,
					     .retry_after_ms = HTTP_ABSENT });
	str_release(&a.body);
	return true;
}

#endif

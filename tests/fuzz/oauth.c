/*
 * What comes back from an authorization: what a browser or a person brings, and the answers of the
 * token endpoint. It ends in a grant whose tokens can stand in a header and in the state, or in one
 * line that says why not and holds no token.
 *
 * What is brought, up to the byte 0x1e; then answers: a status, flags, and a body up to 0x1e.
 */
#include "tests/fuzz/rule.h"

#include "base/clock.h"
#include "engine/connect.h"

#define START INT64_C(1795435220000)
#define SECRET "app-secret-that-nobody-may-see"
#define STEPS_MOST 64

static const char rules[] =
	"account: academy\nhubspot:\n  oauth: { client-id: app, client-secret: \"${S}\" }\n"
	"---\naccount: c\ncertifier: { token: \"${C}\" }\n---\n"
	"rule: tier\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, group: g }\n";

static struct {
	struct world world;
	struct log log;
	struct table *table;
	int64_t now_ms;
	struct input in;
	http_done *done;
	void *arg;
} t;

static int64_t now_ms(void *ctx)
{
	(void)ctx;
	return t.now_ms;
}

static uint64_t no_chance(void *ctx)
{
	(void)ctx;
	return 0;
}

static void http_start(void *ctx, const struct http_request *request, http_done *done, void *arg)
{
	(void)ctx;
	must(!t.done && request->has_body && request->fresh && !request->bearer);
	for (size_t i = 0; i < request->body.len; i++)
		must(request->body.ptr[i] > ' ' && request->body.ptr[i] <= '~');
	t.done = done;
	t.arg = arg;
}

static void http_cancel(void *ctx, const void *arg)
{
	(void)ctx;
	(void)arg;
	t.done = NULL;
}

static enum rc secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	(void)ctx;
	(void)secret;
	(void)err;
	str_add_text(out, SECRET);
	return RC_OK;
}

static void prepare(void)
{
	t.table = build_rule(slice_of(rules));
	must(t.table);
	t.log = (struct log){ .now_ms = now_ms };
	t.world = (struct world){ .wall_ms = now_ms,
				  .mono_ms = now_ms,
				  .random = no_chance,
				  .http_start = http_start,
				  .http_cancel = http_cancel,
				  .secret = secret,
				  .log = &t.log };
}

static bool answer(void)
{
	static const int statuses[] = { 200, 200, 200, 200, 201, 204, 400, 400,
					401, 403, 404, 408, 429, 500, 503, 302 };
	static const enum http_outcome outcomes[] = { HTTP_ANSWER, HTTP_ANSWER, HTTP_NOT_SENT,
						      HTTP_UNKNOWN };
	http_done *done = t.done;

	if (!done)
		return false;
	t.done = NULL;
	int status = statuses[input_pick(&t.in, COUNT(statuses))];
	uint8_t flags = input_byte(&t.in);
	struct http_response r = { .outcome = outcomes[flags & 3],
				   .problem = "it broke",
				   .status = status,
				   .body = input_until(&t.in, 0x1e),
				   .date_ms = HTTP_ABSENT,
				   .retry_after_ms = flags & 4 ? 1000 : HTTP_ABSENT,
				   .rate_max = HTTP_ABSENT,
				   .rate_interval_ms = HTTP_ABSENT };
	done(t.arg, &r);
	return true;
}

static void claim_text(const struct str *text, char least)
{
	must(!text->overflow);
	for (size_t i = 0; i < text->len; i++)
		must(text->ptr[i] >= least && text->ptr[i] <= '~');
}

static void claim_grant(const struct grant *g)
{
	must(g->access.len && g->refresh.len);
	claim_text(&g->access, '!');
	claim_text(&g->refresh, '!');
	claim_text(&g->tenant, '0');
	claim_text(&g->tenant_name, '!');
	claim_text(&g->scopes, ' ');
	must(g->expires_ms > START && g->expires_ms < START + 400 * MS_DAY);
}

static void live(struct connect *c)
{
	struct err err = { "" };
	bool done = false;
	enum rc rc = RC_OK;

	for (int i = 0; rc == RC_OK && !done; i++) {
		must(i < STEPS_MOST);
		rc = connect_step(c, &done, &err);
		if (rc == RC_OK && !done && !answer()) {
			must(connect_wake_ms(c) != INT64_MAX);
			t.now_ms = connect_wake_ms(c);
		}
	}
	must((rc == RC_OK) == done && (done || err.text[0]));
	must(!strstr(err.text, SECRET));
	if (done)
		claim_grant(connect_grant(c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct connect *c;
	struct err err = { "" };

	if (!t.table)
		prepare();
	t.in = (struct input){ data, data + size };
	t.now_ms = START;
	t.done = NULL;
	must(connect_new(&t.world, table_account(t.table, "academy"), NULL, &c, &err) == RC_OK);
	enum rc rc = connect_take(c, input_until(&t.in, 0x1e), true, &err);
	must(rc == RC_OK || rc == RC_INVALID || rc == RC_REFUSED);
	must(rc == RC_OK || err.text[0]);
	must(utf8_valid(slice_of(err.text)));
	if (rc != RC_OK && connect_take(c, slice_of("a-code"), true, &err) == RC_OK)
		rc = RC_OK;
	if (rc == RC_OK)
		live(c);
	connect_free(c);
	return 0;
}

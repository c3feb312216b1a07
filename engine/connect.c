#include "engine/connect.h"

#include <string.h>

#include "base/clock.h"
#include "base/pkce.h"
#include "engine/backoff.h"
#include "engine/registry.h"
#include "engine/token.h"

#define TRIES 4		/* of one request */
#define RANDOM_WORDS 4	/* 256 bits: a verifier of 43 characters, as RFC 7636 advises */
#define CODE_BYTES 1024 /* of a code */

enum phase { PHASE_WAITS, PHASE_EXCHANGE, PHASE_IDENTIFY, PHASE_DONE };

struct connect {
	const struct world *world;
	const struct account *account;
	const struct oauth_ops *ops;
	struct str secret, verifier, state, scopes, code;
	const char *redirect, *url; /* url in `whole` */
	struct arena whole;
	enum phase phase;
	bool asking;
	int tries;
	int64_t wait_until_ms, asked_ms; /* monotonic */
	struct str body;
	struct arena memory; /* of the request under way */
	struct grant grant;
	enum rc failed;
	struct err why;
};

static void draw(const struct world *world, struct str *out)
{
	uint64_t bits[RANDOM_WORDS];

	for (size_t i = 0; i < RANDOM_WORDS; i++)
		bits[i] = world->random(world->ctx);
	pkce_text((const unsigned char *)bits, sizeof(bits), out);
	explicit_bzero(bits, sizeof(bits));
}

static void build_url(struct connect *c)
{
	struct str challenge;

	str_init(&challenge, 64);
	pkce_challenge(str_slice(&c->verifier), &challenge);
	struct oauth_ask ask = { c->redirect, str_text(&c->scopes), str_text(&c->state),
				 str_text(&challenge) };
	c->url = c->ops->authorize(c->account, &ask, &c->whole);
	str_release(&challenge);
}

enum rc connect_new(const struct world *world, const struct account *account,
		    const char *more_scopes, struct connect **out, struct err *err)
{
	struct connect *c = mem_alloc(sizeof(*c));
	const char *redirect;

	*c = (struct connect){ .world = world,
			       .account = account,
			       .ops = registry_oauth(account->type) };
	str_init(&c->secret, LIMIT_SECRET_BYTES);
	str_init(&c->verifier, 64);
	str_init(&c->state, 64);
	str_init(&c->scopes, LIMIT_SCOPES_BYTES);
	str_init(&c->code, CODE_BYTES);
	str_init(&c->body, LIMIT_FORM_BYTES);
	arena_init(&c->whole);
	arena_init(&c->memory);
	grant_init(&c->grant);
	redirect = account_text(account, c->ops->redirect_url);
	c->redirect = redirect ? redirect : c->ops->default_redirect;
	draw(world, &c->verifier);
	draw(world, &c->state);
	str_addf(&c->scopes, "%s%s%s", c->ops->scopes, more_scopes ? " " : "",
		 more_scopes ? more_scopes : "");
	build_url(c);
	enum rc rc = token_secret(world, account, c->ops->secret, &c->secret, err);
	*out = rc == RC_OK ? c : NULL;
	if (rc != RC_OK)
		connect_free(c);
	return rc;
}

void connect_free(struct connect *c)
{
	if (!c)
		return;
	c->world->http_cancel(c->world->ctx, c);
	str_wipe(&c->secret);
	str_wipe(&c->verifier);
	str_release(&c->state);
	str_release(&c->scopes);
	str_wipe(&c->code);
	str_wipe(&c->body);
	grant_wipe(&c->grant);
	arena_release(&c->whole);
	arena_release(&c->memory);
	mem_free(c);
}

const char *connect_redirect(const struct connect *c)
{
	return c->redirect;
}

const char *connect_url(const struct connect *c)
{
	return c->url;
}

struct grant *connect_grant(struct connect *c)
{
	return &c->grant;
}

/* ---- what came back ------------------------------------------------------------ */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static void decode(struct slice text, struct str *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
		if (text.ptr[i] == '%' && low >= 0) {
			str_add_char(out, (char)(high * 16 + low));
			i += 2;
		} else {
			str_add_char(out, text.ptr[i] == '+' ? ' ' : text.ptr[i]);
		}
	}
}

/* The first parameter of this name, decoded; empty where there is none. */
static void find(struct slice query, const char *name, struct str *out)
{
	struct slice one, key;
	bool more = true;

	str_clear(out);
	while (more) {
		more = slice_cut(&query, '&', &one);
		if (slice_cut(&one, '=', &key) && slice_is(key, name)) {
			decode(one, out);
			return;
		}
	}
}

/* What an address ends with: after its '?', without a '#'. */
static struct slice query_of(struct slice given)
{
	struct slice rest = given, before;

	(void)slice_cut(&rest, '#', &before);
	given = before;
	return slice_cut(&given, '?', &rest) ? given : before;
}

/* A code goes into a form, encoded; what is no text at all is none. */
static bool is_code(const struct str *code)
{
	for (size_t i = 0; i < code->len; i++)
		if (code->ptr[i] <= ' ' || code->ptr[i] > '~')
			return false;
	return code->len > 0 && !code->overflow;
}

static enum rc refuse(struct slice query, struct str *error, struct err *err)
{
	struct str said, shown;

	str_init(&said, LIMIT_ERROR_BYTES / 2);
	str_init(&shown, LIMIT_ERROR_BYTES);
	find(query, "error_description", &said);
	str_add_shown(&shown, str_slice(error));
	if (said.len) {
		str_add_text(&shown, ": ");
		str_add_shown(&shown, str_slice(&said));
	}
	enum rc rc = err_set(err, RC_REFUSED, "it was not granted: %s", str_text(&shown));
	str_release(&said);
	str_release(&shown);
	return rc;
}

static enum rc take_query(struct connect *c, struct slice query, struct err *err)
{
	struct str error, state;
	enum rc rc = RC_OK;

	str_init(&error, LIMIT_ERROR_BYTES / 4);
	str_init(&state, 128);
	find(query, "state", &state);
	find(query, "error", &error);
	find(query, "code", &c->code);
	if (!error.len && !c->code.len)
		rc = err_set(err, RC_INVALID, "it holds no code");
	else if (!slice_eq(str_slice(&state), str_slice(&c->state)))
		rc = err_set(err, RC_INVALID,
			     "its state is not that of this attempt: it answers another one");
	else if (error.len)
		rc = refuse(query, &error, err);
	str_release(&error);
	str_release(&state);
	return rc;
}

enum rc connect_take(struct connect *c, struct slice given, bool alone, struct err *err)
{
	enum rc rc = RC_OK;

	if (c->phase != PHASE_WAITS)
		return err_set(err, RC_INVALID, "a code was taken already");
	given = slice_trim(given);
	str_clear(&c->code);
	bool address = slice_starts(given, slice_of("http")) ||
		       (given.len && memchr(given.ptr, '=', given.len));
	if (alone && !address)
		str_add_slice(&c->code, given);
	else
		rc = take_query(c, query_of(given), err);
	if (rc == RC_OK && !is_code(&c->code))
		rc = err_set(err, RC_INVALID, "it holds no code");
	if (rc == RC_OK)
		c->phase = PHASE_EXCHANGE;
	return rc;
}

/* ---- the exchange ---------------------------------------------------------------- */

static int64_t mono_ms(const struct connect *c)
{
	return c->world->mono_ms(c->world->ctx);
}

static void copy(struct str *to, const struct str *from)
{
	str_clear(to);
	str_add_slice(to, str_slice(from));
}

static enum rc keep_tokens(struct connect *c, const struct oauth_reply *reply, struct err *err)
{
	struct grant *g = &c->grant;

	if (!reply->refresh.len)
		return err_set(err, RC_REFUSED, "the answer holds no refresh token");
	copy(&g->access, &reply->access);
	copy(&g->refresh, &reply->refresh);
	copy(&g->tenant, &reply->tenant);
	copy(&g->scopes, &reply->scopes);
	str_add_text(&g->client_id, account_text(c->account, c->ops->client_id));
	g->made_ms = c->world->wall_ms(c->world->ctx);
	g->expires_ms = g->made_ms + reply->expires_in_ms - (mono_ms(c) - c->asked_ms);
	c->phase = PHASE_IDENTIFY;
	c->tries = 0;
	return RC_OK;
}

static void keep_names(struct connect *c, const struct oauth_reply *reply)
{
	struct grant *g = &c->grant;

	copy(&g->tenant_name, &reply->tenant_name);
	if (reply->tenant.len)
		copy(&g->tenant, &reply->tenant);
	if (reply->scopes.len)
		copy(&g->scopes, &reply->scopes);
	c->phase = PHASE_DONE;
}

/*
 * A code is for one use: where nobody knows whether it was used, it is not sent twice. Whose tokens
 * they are was said with them, but for the name: so that may fail.
 */
static bool asks_again(const struct connect *c, const struct http_response *r,
		       const struct oauth_reply *reply)
{
	if (reply->result != OAUTH_AGAIN || c->tries == TRIES)
		return false;
	if (c->phase == PHASE_IDENTIFY)
		return r->outcome != HTTP_ANSWER || r->status >= 500 || r->status == 429;
	return r->outcome == HTTP_NOT_SENT || (r->outcome == HTTP_ANSWER && r->status >= 400);
}

static void fail_or_wait(struct connect *c, const struct http_response *r,
			 const struct oauth_reply *reply)
{
	c->tries++;
	if (asks_again(c, r, reply)) {
		int64_t wait = backoff_ms(c->tries, c->world->random(c->world->ctx));
		c->wait_until_ms = mono_ms(c) + (wait > reply->wait_ms ? wait : reply->wait_ms);
	} else if (c->phase == PHASE_IDENTIFY && c->grant.tenant.len) {
		c->phase = PHASE_DONE;
	} else {
		c->failed = err_set(&c->why, reply->result == OAUTH_AGAIN ? RC_AGAIN : RC_REFUSED,
				    "%s", str_text(&reply->reason));
	}
}

static void arrived(void *arg, const struct http_response *response)
{
	struct connect *c = arg;
	struct oauth_reply reply;

	c->asking = false;
	oauth_reply_init(&reply);
	if (c->phase == PHASE_EXCHANGE)
		c->ops->tokens(response, &reply);
	else
		c->ops->identity(response, &reply);
	if (reply.result != OAUTH_DONE)
		fail_or_wait(c, response, &reply);
	else if (c->phase == PHASE_EXCHANGE)
		c->failed = keep_tokens(c, &reply, &c->why);
	else
		keep_names(c, &reply);
	oauth_reply_wipe(&reply);
	str_wipe(&c->body);
	arena_release(&c->memory);
}

static void ask(struct connect *c)
{
	struct oauth_app app = { c->account, str_slice(&c->secret) };
	struct http_request request = { 0 };

	if (c->phase == PHASE_EXCHANGE)
		c->ops->exchange(&app, str_text(&c->code), c->redirect, str_text(&c->verifier),
				 &c->body, &c->memory, &request);
	else
		c->ops->identify(&app, str_slice(&c->grant.access), &c->body, &c->memory, &request);
	c->asking = true;
	c->asked_ms = mono_ms(c);
	c->world->http_start(c->world->ctx, &request, arrived, c);
}

static bool may_ask(const struct connect *c)
{
	return (c->phase == PHASE_EXCHANGE || c->phase == PHASE_IDENTIFY) && !c->asking &&
	       mono_ms(c) >= c->wait_until_ms;
}

enum rc connect_step(struct connect *c, bool *done, struct err *err)
{
	if (c->failed == RC_OK && may_ask(c))
		ask(c);
	*done = c->failed == RC_OK && c->phase == PHASE_DONE;
	if (c->failed != RC_OK)
		*err = c->why;
	return c->failed;
}

int64_t connect_wake_ms(const struct connect *c)
{
	bool due = c->phase == PHASE_EXCHANGE || c->phase == PHASE_IDENTIFY;

	return due && !c->asking ? c->wait_until_ms : INT64_MAX;
}

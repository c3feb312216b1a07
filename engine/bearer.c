/*
 * States of a bearer that is a grant:
 *
 *   fresh -> due       its time is nearly over, or it was refused      is_due
 *   due -> fresh       another process has renewed it                  adopt_newer
 *   due -> asking      the lease is ours                               ask
 *   asking -> fresh    the new tokens are committed                    take_tokens
 *   asking -> waiting  no answer, or none that counts                  wait
 *   waiting -> due     the back-off is over                            bearer_step
 *   asking -> gone     the service takes the grant no more             give_up
 *   gone -> fresh      another grant or app secret                     bearer_look
 *
 * 1. A token is used only after the commit of the refresh token that came with it.
 * 2. One request for new tokens at a time, over all processes on one state.
 * 3. Where it is not known how such a request ended, it is made again with the refresh token that
 *    is stored: facts/reliability.md 3.2.
 * 4. Requests go on with the old token until it expires.
 * 5. New tokens are kept whatever the rules say by then. A refusal counts only where what it was asked
 *    with is in use still.
 */
#include "engine/bearer.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/backoff.h"
#include "engine/grant.h"
#include "engine/registry.h"
#include "engine/token.h"

#define EARLY_MS (5 * MS_MINUTE) /* before it expires: time for some failures */
#define GUARD_MS (5 * MS_SECOND) /* a request that leaves now arrives while the token holds */
#define LEASED_MS MS_SECOND	 /* another process asks: how often we look whether it has */
#define SPACED_MS MS_MINUTE	 /* between two renewals because a token was refused */

struct bearer {
	const struct world *world;
	char *name;
	const struct account *account; /* lent by the table in use */
	const struct oauth_ops *ops;   /* NULL: a secret of the rule files */
	struct str token;	       /* empty: there is none */
	unsigned serial;

	/* of a grant */
	struct str secret; /* the app's */
	struct str refresh, scopes;
	int64_t grant;		      /* its serial */
	int64_t renew_ms, expires_ms; /* monotonic */
	bool spent;		      /* refused before its time: not to be used */
	bool doubted;		      /* renewed because it was refused, and not accepted since */
	bool gone;
	struct str problem;
	char holder[24]; /* of leases */
	int failures;
	int64_t wait_until_ms; /* monotonic */

	/* the request under way */
	bool asking;
	const struct oauth_ops *asked;
	int64_t asked_ms;		/* monotonic */
	int64_t asked_grant;		/* the serial it is for */
	struct str sent, sent_secret; /* the refresh token and the app's secret that it carries */
	struct str body;
	struct arena memory;
	enum rc failed; /* the state failed in an answer: said at the next step */
	struct err why;
};

struct bearer *bearer_new(const struct world *world)
{
	struct bearer *b = mem_alloc(sizeof(*b));

	b->world = world;
	b->name = mem_strdup("");
	str_init(&b->token, LIMIT_SECRET_BYTES);
	str_init(&b->secret, LIMIT_SECRET_BYTES);
	str_init(&b->refresh, LIMIT_SECRET_BYTES);
	str_init(&b->scopes, LIMIT_SCOPES_BYTES);
	str_init(&b->problem, LIMIT_ERROR_BYTES);
	str_init(&b->sent, LIMIT_SECRET_BYTES);
	str_init(&b->sent_secret, LIMIT_SECRET_BYTES);
	str_init(&b->body, LIMIT_FORM_BYTES);
	arena_init(&b->memory);
	return b;
}

void bearer_free(struct bearer *b)
{
	if (!b)
		return;
	if (b->asking)
		b->world->http_cancel(b->world->ctx, b);
	str_wipe(&b->token);
	str_wipe(&b->secret);
	str_wipe(&b->refresh);
	str_wipe(&b->sent);
	str_wipe(&b->sent_secret);
	str_wipe(&b->body);
	str_release(&b->scopes);
	str_release(&b->problem);
	arena_release(&b->memory);
	mem_free(b->name);
	mem_free(b);
}

static int64_t mono_ms(const struct bearer *b)
{
	return b->world->mono_ms(b->world->ctx);
}

static int64_t wall_ms(const struct bearer *b)
{
	return b->world->wall_ms(b->world->ctx);
}

static void replace(struct str *s, struct slice by)
{
	str_wipe(s);
	str_add_slice(s, by);
}

/* ---- the grant --------------------------------------------------------------- */

/* The tokens, and how long the access token holds from now on. */
static void adopt(struct bearer *b, struct slice access, struct slice refresh, int64_t holds_ms)
{
	int64_t early = holds_ms / 2 < EARLY_MS ? holds_ms / 2 : EARLY_MS;

	replace(&b->token, access);
	replace(&b->refresh, refresh);
	b->expires_ms = mono_ms(b) + holds_ms;
	b->renew_ms = b->expires_ms - early;
	b->spent = false;
}

static void become(struct bearer *b, const struct grant *g)
{
	b->serial += b->grant != g->serial;
	b->grant = g->serial;
	b->failures = 0;
	b->wait_until_ms = 0;
	b->doubted = false;
	b->gone = g->refused.len > 0;
	replace(&b->problem, str_slice(&g->refused));
	replace(&b->scopes, str_slice(&g->scopes));
	adopt(b, str_slice(&g->access), str_slice(&g->refresh), g->expires_ms - wall_ms(b));
}

static bool is_of_this_app(const struct bearer *b, const struct grant *g)
{
	return slice_is(str_slice(&g->client_id), account_text(b->account, b->ops->client_id));
}

static enum rc read_grant(struct bearer *b, struct grant *g, struct err *err)
{
	struct db *db = grant_db(b->world);

	if (!db)
		return err_set(err, RC_REFUSED,
			       "account '%s' is connected over OAuth, and no state is open that has its grant",
			       b->name);
	enum rc rc = grant_read(db, b->name, g, err);
	if (rc == RC_OK && !g->serial)
		rc = err_set(err, RC_REFUSED,
			     "account '%s' is not connected: run 'hs2cert connect %s'", b->name,
			     b->name);
	else if (rc == RC_OK && !is_of_this_app(b, g))
		rc = err_set(err, RC_REFUSED,
			     "account '%s' was connected for another client-id: run 'hs2cert "
			     "connect %s'",
			     b->name, b->name);
	return rc;
}

static enum rc load_grant(struct bearer *b, struct err *err)
{
	struct grant g;

	grant_init(&g);
	enum rc rc = token_secret(b->world, b->account, b->ops->secret, &b->secret, err);
	if (rc == RC_OK)
		rc = read_grant(b, &g, err);
	if (rc == RC_OK && (g.serial != b->grant || b->gone || !b->token.len))
		become(b, &g);
	b->gone |= rc != RC_OK;
	if (rc == RC_OK && !b->holder[0])
		snprintf(b->holder, sizeof(b->holder), "%016llx",
			 (unsigned long long)b->world->random(b->world->ctx));
	grant_wipe(&g);
	return rc;
}

/* ---- load, look --------------------------------------------------------------- */

static enum rc load_secret(struct bearer *b, struct err *err)
{
	struct str was = b->token;

	str_init(&b->token, LIMIT_SECRET_BYTES);
	enum rc rc = token_read(b->world, b->account, &b->token, err);
	b->serial += !slice_eq(str_slice(&b->token), str_slice(&was));
	b->gone = rc != RC_OK;
	b->grant = 0;
	b->failures = 0;
	b->wait_until_ms = 0;
	str_clear(&b->scopes);
	str_wipe(&was);
	return rc;
}

enum rc bearer_load(struct bearer *b, const struct account *account, struct err *err)
{
	const struct oauth_ops *ops = registry_oauth(account->type);

	if (strcmp(b->name, account->name) != 0) {
		mem_free(b->name);
		b->name = mem_strdup(account->name);
		b->grant = 0;
	}
	b->account = account;
	b->ops = ops && account_text(account, ops->client_id) ? ops : NULL;
	str_clear(&b->problem);
	return b->ops ? load_grant(b, err) : load_secret(b, err);
}

void bearer_leave(struct bearer *b)
{
	b->account = NULL;
	b->ops = NULL;
}

static bool look_for_grant(struct bearer *b)
{
	struct err ignored;
	struct grant g;
	struct str secret;

	grant_init(&g);
	str_init(&secret, LIMIT_SECRET_BYTES);
	bool there = token_secret(b->world, b->account, b->ops->secret, &secret, &ignored) ==
			     RC_OK &&
		     read_grant(b, &g, &ignored) == RC_OK;
	bool other = there && (g.serial != b->grant ||
			       (b->gone && !slice_eq(str_slice(&secret), str_slice(&b->secret))));
	if (other) {
		replace(&b->secret, str_slice(&secret));
		become(b, &g);
	}
	str_wipe(&secret);
	grant_wipe(&g);
	return other && !b->gone;
}

bool bearer_look(struct bearer *b)
{
	if (b->ops)
		return look_for_grant(b);
	bool changed = token_changed(b->world, b->account, &b->token);
	b->serial += changed;
	b->gone &= !changed;
	return changed;
}

bool bearer_may_change(const struct bearer *b)
{
	return b->ops != NULL;
}

/* ---- what came of a renewal ------------------------------------------------------ */

/* Whether what was asked with is in use still: there was no load meanwhile, or one that changed nothing of it. */
static bool is_asked_with(const struct bearer *b)
{
	return b->ops && !b->gone && b->asked_grant == b->grant &&
	       slice_eq(str_slice(&b->sent_secret), str_slice(&b->secret));
}

static void wait(struct bearer *b, const struct oauth_reply *reply)
{
	char text[CLOCK_TEXT];
	int64_t wait = backoff_ms(++b->failures, b->world->random(b->world->ctx));

	if (wait < reply->wait_ms)
		wait = reply->wait_ms;
	b->wait_until_ms = mono_ms(b) + wait;
	log_line(b->world->log, LOG_WARN, "the access token could not be renewed", "account",
		 b->name, "reason", str_text(&reply->reason), "again-in",
		 clock_format_duration(wait, text), NULL);
}

/* Until it is connected anew, or the app's settings are mended. */
static void stop(struct bearer *b, struct slice reason, bool connect)
{
	struct str command;

	b->gone = true;
	replace(&b->problem, reason);
	str_init(&command, LIMIT_ERROR_BYTES);
	if (connect)
		str_addf(&command, "hs2cert connect %s", b->name);
	else
		str_add_text(&command, "mend client-id or client-secret, and reload");
	log_line(b->world->log, LOG_ERROR, "account stopped: its grant is of no use", "account",
		 b->name, "reason", str_text(&b->problem), "next", str_text(&command), NULL);
	str_release(&command);
}

/* Unless somebody connected it anew meanwhile: the next step looks. */
static enum rc give_up(struct bearer *b, const struct oauth_reply *reply, struct err *err)
{
	bool noted;
	enum rc rc = grant_refuse(grant_db(b->world), b->name, str_slice(&b->sent),
				  str_slice(&reply->reason), &noted, err);

	if (rc == RC_OK && noted && b->ops)
		stop(b, str_slice(&reply->reason), true);
	else if (rc == RC_OK && is_asked_with(b))
		wait(b, reply);
	return rc;
}

static enum rc take_tokens(struct bearer *b, const struct oauth_reply *reply, struct err *err)
{
	int64_t holds = reply->expires_in_ms - (mono_ms(b) - b->asked_ms);
	bool taken;
	enum rc rc = grant_renew(grant_db(b->world), b->name, b->asked_grant, reply,
				 wall_ms(b) + holds, &taken, err);

	if (rc != RC_OK || !taken || !b->ops)
		return rc;
	adopt(b, str_slice(&reply->access),
	      str_slice(reply->refresh.len ? &reply->refresh : &b->sent), holds);
	b->failures = 0;
	b->wait_until_ms = 0;
	log_line(b->world->log, LOG_DEBUG, "access token renewed", "account", b->name, NULL);
	return rc;
}

static void arrived(void *arg, const struct http_response *response)
{
	struct bearer *b = arg;
	struct oauth_reply reply;

	b->asking = false;
	oauth_reply_init(&reply);
	b->asked->tokens(response, &reply);
	switch (reply.result) {
	case OAUTH_DONE:
		b->failed = take_tokens(b, &reply, &b->why);
		break;
	case OAUTH_AGAIN:
		if (is_asked_with(b))
			wait(b, &reply);
		break;
	case OAUTH_DEAD:
		b->failed = give_up(b, &reply, &b->why);
		break;
	case OAUTH_REFUSED:
		if (is_asked_with(b))
			stop(b, str_slice(&reply.reason), false);
		break;
	}
	oauth_reply_wipe(&reply);
	str_wipe(&b->body);
	str_wipe(&b->sent);
	str_wipe(&b->sent_secret);
	arena_release(&b->memory);
}

/* ---- renewal ----------------------------------------------------------------------- */

static bool is_due(const struct bearer *b)
{
	return b->ops && !b->gone && !b->asking && (b->spent || mono_ms(b) >= b->renew_ms);
}

static void ask(struct bearer *b)
{
	struct oauth_app app = { b->account, str_slice(&b->secret) };
	struct http_request request = { 0 };

	replace(&b->sent, str_slice(&b->refresh));
	replace(&b->sent_secret, str_slice(&b->secret));
	b->asked = b->ops;
	b->ops->renew(&app, str_slice(&b->sent), &b->body, &b->memory, &request);
	b->asking = true;
	b->asked_ms = mono_ms(b);
	b->asked_grant = b->grant;
	b->world->http_start(b->world->ctx, &request, arrived, b);
}

/* What another process, or a person, has put there since. */
static bool adopt_newer(struct bearer *b, const struct grant *g)
{
	int64_t holds = g->expires_ms - wall_ms(b);

	if (g->refused.len) {
		stop(b, str_slice(&g->refused), true);
		return true;
	}
	if (g->serial != b->grant) {
		become(b, g);
		return !is_due(b);
	}
	replace(&b->refresh, str_slice(&g->refresh));
	if (slice_eq(str_slice(&g->access), str_slice(&b->token)) || holds <= EARLY_MS)
		return false;
	adopt(b, str_slice(&g->access), str_slice(&g->refresh), holds);
	return true;
}

static enum rc renew(struct bearer *b, struct err *err)
{
	struct grant g;
	bool mine = false;

	grant_init(&g);
	enum rc rc = read_grant(b, &g, err);
	if (rc == RC_REFUSED) { /* its row is gone, or another app's */
		stop(b, slice_of(err->text), true);
		rc = RC_OK;
	} else if (rc == RC_OK && !adopt_newer(b, &g)) {
		rc = grant_lease(grant_db(b->world), b->name, b->holder, wall_ms(b), &mine, err);
		b->wait_until_ms = mono_ms(b) + (mine ? 0 : LEASED_MS);
		if (mine && rc == RC_OK)
			ask(b);
	}
	grant_wipe(&g);
	return rc;
}

enum rc bearer_step(struct bearer *b, struct err *err)
{
	if (b->failed != RC_OK) {
		*err = b->why;
		return b->failed;
	}
	return is_due(b) && mono_ms(b) >= b->wait_until_ms ? renew(b, err) : RC_OK;
}

int64_t bearer_wake_ms(const struct bearer *b)
{
	if (!b->ops || b->gone || b->asking)
		return INT64_MAX;
	int64_t due = b->spent ? 0 : b->renew_ms;
	return due > b->wait_until_ms ? due : b->wait_until_ms;
}

/* ---- what it is now ------------------------------------------------------------------ */

bool bearer_busy(const struct bearer *b)
{
	return b->asking;
}

bool bearer_there(const struct bearer *b)
{
	return !b->gone && b->token.len > 0;
}

const char *bearer_problem(const struct bearer *b)
{
	return b->problem.len ? str_text(&b->problem) : NULL;
}

bool bearer_usable(const struct bearer *b)
{
	return bearer_there(b) && (!b->ops || (!b->spent && mono_ms(b) < b->expires_ms - GUARD_MS));
}

struct slice bearer_token(const struct bearer *b)
{
	return str_slice(&b->token);
}

struct slice bearer_scopes(const struct bearer *b)
{
	return str_slice(&b->scopes);
}

unsigned bearer_serial(const struct bearer *b)
{
	return b->serial;
}

int bearer_failures(const struct bearer *b)
{
	return b->failures;
}

int64_t bearer_waits_ms(const struct bearer *b)
{
	int64_t now = mono_ms(b);

	return b->wait_until_ms > now ? b->wait_until_ms - now : 0;
}

bool bearer_refused(struct bearer *b, struct slice used)
{
	if (!b->ops || b->gone)
		return false;
	if (!slice_eq(used, str_slice(&b->token)) || b->spent)
		return true;
	if (b->doubted)
		return false;
	b->spent = b->doubted = true;
	if (b->asked_ms && b->wait_until_ms < b->asked_ms + SPACED_MS)
		b->wait_until_ms = b->asked_ms + SPACED_MS;
	return true;
}

void bearer_accepted(struct bearer *b, struct slice used)
{
	b->doubted &= !slice_eq(used, str_slice(&b->token));
}

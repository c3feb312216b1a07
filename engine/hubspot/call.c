#include "engine/hubspot/hub.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mask.h"
#include "engine/backoff.h"

#define CLOCK_DRIFT_MS 500 /* more than that between two answers: our clock was set */
#define MESSAGE_BYTES 200  /* of a foreign message, in our logs */
#define TIMEOUT_MS (30 * MS_SECOND)
#define STUMBLES_MOST 4 /* failures in a row of one object's request */

struct call {
	struct source *source;
	struct call_spec spec;
	char *url;
	struct str body;
	struct str token;
	int64_t sent_mono_ms;
	struct call *next;
};

/* Path styles: facts/hubspot.md 0. Bodies are the same in all of them. */
static const struct {
	const char *api;
	const char *path[4]; /* by enum area */
} styles[] = {
	{ "v3",
	  { "/crm/v3/objects/contacts", "/crm/v3/properties/contacts", "/crm/v3/lists",
	    "/account-info/v3" } },
	{ "2026-03",
	  { "/crm/objects/2026-03/contacts", "/crm/properties/2026-03/contacts",
	    "/crm/lists/2026-03", "/account-info/2026-03" } },
	{ "2026-09",
	  { "/crm/objects/2026-09/contacts", "/crm/properties/2026-09/contacts",
	    "/crm/lists/2026-09", "/account-info/2026-03" } },
};

char *hub_account_url(const struct account *account, enum area area, const char *rest,
		      struct arena *memory)
{
	const char *api = account_text(account, "api");
	size_t i = 0;

	while (i + 1 < sizeof(styles) / sizeof(styles[0]) && strcmp(styles[i].api, api) != 0)
		i++;
	return arena_printf(memory, "%s%s%s", account_text(account, "base-url"),
			    styles[i].path[area], rest);
}

char *hub_url(const struct source *s, enum area area, const char *rest, struct arena *memory)
{
	return hub_account_url(s->config, area, rest, memory);
}

int64_t hub_wall_ms(const struct source *s)
{
	return s->world->wall_ms(s->world->ctx);
}

int64_t hub_mono_ms(const struct source *s)
{
	return s->world->mono_ms(s->world->ctx);
}

/* By how much our clock was set since HubSpot's was last observed; it always drifts a little. */
static int64_t clock_set_ms(const struct source *s)
{
	int64_t by = hub_wall_ms(s) - hub_mono_ms(s) - s->ahead_ms;

	return by > -CLOCK_DRIFT_MS && by < CLOCK_DRIFT_MS ? 0 : by;
}

/* What is known of HubSpot's clock, against ours as it is now. */
static struct skew skew_now(const struct source *s)
{
	struct skew skew = s->skew;

	skew_shift(&skew, clock_set_ms(s));
	return skew;
}

int64_t hub_now_ms(const struct source *s)
{
	struct skew skew = skew_now(s);

	return hub_wall_ms(s) + skew_offset(&skew);
}

int64_t hub_latest_ms(const struct source *s)
{
	struct skew skew = skew_now(s);

	return hub_wall_ms(s) +
	       (skew.known && skew.high_ms > 0 ? skew.high_ms : skew_offset(&skew));
}

void hub_commit(struct source *s)
{
	/* What comes after a step that was not stored must not be stored either. */
	if (s->failed == RC_OK)
		s->failed = db_commit(s->db, &s->why);
	else
		db_rollback(s->db);
}

bool hub_id_valid(struct slice id)
{
	if (id.len == 0 || id.len > 20)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (id.ptr[i] < '0' || id.ptr[i] > '9')
			return false;
	return true;
}

struct slice hub_id_of(const struct json *row, const char *key, char room[24])
{
	const struct json *v = json_get(row, key);
	struct slice id = json_slice(v);

	if (json_kind(v) == IS_NUMBER) {
		snprintf(room, 24, "%lld", (long long)json_int(v, -1));
		id = slice_of(room);
	}
	return hub_id_valid(id) ? id : (struct slice){ 0 };
}

static void call_free(struct call *c)
{
	mem_free(c->url);
	str_release(&c->body);
	str_wipe(&c->token);
	mem_free(c);
}

static void call_unlink(struct call *c)
{
	struct call **at = &c->source->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

void calls_drop(struct source *s)
{
	while (s->calls) {
		struct call *c = s->calls;
		s->world->http_cancel(s->world->ctx, c);
		if (c->spec.drop)
			c->spec.drop(c->spec.arg);
		call_unlink(c);
		call_free(c);
	}
}

/* ---- what an answer means for the account ------------------------------- */

/* The head of what HubSpot says, for the log: it may repeat what it was asked. */
static const char *said(const struct call *c, const struct json *json, struct str *out)
{
	str_add_slice(out, mask_head(json_get_slice(json, "message"), LIMIT_FIELD_BYTES / 2));
	mask_text(out, str_slice(&c->token));
	mask_addresses(out);
	out->len = mask_head(str_slice(out), MESSAGE_BYTES).len;
	if (out->ptr)
		out->ptr[out->len] = '\0';
	return str_text(out);
}

int64_t hub_wait_ms(int status, const struct json *json)
{
	if (status == 423)
		return 2 * MS_SECOND;
	if (status != 429)
		return 0;
	if (slice_is(json_get_slice(json, "policyName"), "TEN_SECONDLY_ROLLING"))
		return 10 * MS_SECOND;
	if (slice_is(json_get_slice(json, "policyName"), "DAILY"))
		return 15 * MS_MINUTE;
	return MS_SECOND;
}

bool hub_is_passing(int status)
{
	return status == 408 || status == 423 || status == 429 || status == 477 || status >= 500;
}

struct slice hub_missing_scope(const struct json *answer)
{
	const struct json *first = json_at(json_get(answer, "errors"), 0);
	const struct json *scopes = json_path(first, "context.requiredGranularScopes");
	struct slice scope = json_slice(json_at(scopes, 0));

	return utf8_valid(scope) ? mask_head(scope, MESSAGE_BYTES) : (struct slice){ 0 };
}

/* What was refused for a scope is said with the scope, and where to get it. */
static const char *lacking(const struct call *c, const struct json *json, struct str *out)
{
	struct slice scope = hub_missing_scope(json);

	if (!scope.len)
		return said(c, json, out);
	str_addf(out, "the token lacks a scope: %.*s: add it to the service key or app",
		 SLICE_FMT(scope));
	if (bearer_may_change(c->source->bearer))
		str_addf(out, ", then 'hs2cert connect %s'", c->source->name);
	mask_text(out, str_slice(&c->token));
	return str_text(out);
}

static void account_waits(const struct call *c, int64_t least_ms, const char *fact,
			  const char *status, const char *reason)
{
	struct source *s = c->source;
	char text[CLOCK_TEXT];

	if (c->sent_mono_ms > s->failed_ms || !s->failures)
		s->failures++;
	s->failed_ms = hub_mono_ms(s);
	int64_t wait = backoff_ms(s->failures, s->world->random(s->world->ctx));
	if (wait < least_ms)
		wait = least_ms;
	s->stumbles += c->spec.of_poll;
	s->wait_until_ms = hub_mono_ms(s) + wait;
	log_line(s->world->log, LOG_WARN, fact, "account", s->name, "status", status, "reason",
		 reason, "again-in", clock_format_duration(wait, text), NULL);
}

static void account_stops(struct source *s, const char *status, const char *reason)
{
	s->stopped = true;
	s->failures++;
	log_line(s->world->log, LOG_ERROR,
		 "account stopped until a reload, a restart or a new secret", "account", s->name,
		 "status", status, "reason", reason, NULL);
}

static void note_refusal(const struct call *c, const struct http_response *r,
			 const struct json *json)
{
	struct source *s = c->source;
	char status[16];
	struct str text;

	str_init(&text, LIMIT_FIELD_BYTES);
	snprintf(status, sizeof(status), "%d", r->status);
	const char *reason = r->status == 403 ? lacking(c, json, &text) : said(c, json, &text);
	if (r->status == 401 && bearer_refused(s->bearer, str_slice(&c->token)))
		log_line(s->world->log, LOG_INFO, "the access token is not taken any more",
			 "account", s->name, NULL);
	else if (r->status == 401 || r->status == 403)
		account_stops(s, status, reason);
	else
		account_waits(c,
			      r->retry_after_ms != HTTP_ABSENT ? r->retry_after_ms
							       : hub_wait_ms(r->status, json),
			      r->status < 300 ? "an answer that cannot be used"
					      : "the source refused",
			      status, reason);
	str_release(&text);
}

static void note_failure(const struct call *c, const struct http_response *r,
			 const struct json *json)
{
	if (r->outcome == HTTP_ANSWER)
		note_refusal(c, r, json);
	else
		account_waits(c, 0, "no answer from the source", NULL, r->problem);
}

/* What refuses one object and says nothing of the account. */
static bool is_refusal(int status)
{
	static const int refusals[] = { 400, 404, 405, 409, 410, 414, 422 };

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (status == refusals[i])
			return true;
	return false;
}

static bool is_good(const struct call *c, const struct http_response *r, const struct json *json)
{
	if (r->outcome != HTTP_ANSWER)
		return false;
	if (is_refusal(r->status))
		return c->spec.takes_refusal;
	if ((r->status != 200 && r->status != 207) || json_kind(json) != IS_OBJECT)
		return false;
	enum json_kind kind = json_kind(json_get(json, c->spec.member));
	return !c->spec.member || kind >= IS_ARRAY || (c->spec.number && kind == IS_NUMBER);
}

/* A clock that is set to and fro is told of at most once an hour each way. */
static void tell_clock(struct source *s)
{
	int64_t theirs = hub_now_ms(s) - hub_wall_ms(s), now = hub_mono_ms(s);
	bool wrong = skew_is_seen(theirs);
	char text[SKEW_TEXT];

	if (wrong == s->clock_wrong ||
	    (s->clock_told_ms && now - s->clock_told_ms < MS_HOUR && wrong))
		return;
	s->clock_wrong = wrong;
	s->clock_told_ms = now;
	if (wrong)
		log_line(s->world->log, LOG_WARN,
			 "this machine's clock is wrong: set it, best by NTP", "account", s->name,
			 "clock", skew_say(theirs, text), NULL);
	else
		log_line(s->world->log, LOG_INFO, "this machine's clock is right again", "account",
			 s->name, NULL);
}

static void observe(struct source *s, const struct call *c, const struct http_response *r)
{
	int64_t now = hub_wall_ms(s), took = hub_mono_ms(s) - c->sent_mono_ms;

	/* Without a Date our own clock has to do, where this is the source's answer beyond doubt. */
	if (r->date_ms != HTTP_ABSENT) {
		s->skew = skew_now(s);
		skew_observe(&s->skew, now - took, now, r->date_ms);
	} else if (c->spec.member && !is_refusal(r->status)) {
		s->skew.known = true;
	}
	s->ahead_ms = now - hub_mono_ms(s);
	tell_clock(s);
	if (r->rate_max != HTTP_ABSENT && c->spec.budget == BUDGET_GENERAL) {
		int64_t window = r->rate_interval_ms != HTTP_ABSENT ? r->rate_interval_ms
								    : 10 * MS_SECOND;
		limiter_resize(&s->general, r->rate_max, window + window / 40);
	}
}

/* When the request left, by HubSpot's clock: counted back from now, so that a clock that was set meanwhile does no harm. */
static int64_t began_ms(const struct source *s, const struct call *c, const struct http_response *r)
{
	int64_t began = hub_now_ms(s) - (hub_mono_ms(s) - c->sent_mono_ms);

	return r->date_ms != HTTP_ABSENT && began > r->date_ms + 999 ? r->date_ms : began;
}

static void finish(struct source *s, struct call *c, const struct http_response *r)
{
	struct err ignored;
	struct json *json = r->outcome == HTTP_ANSWER ? json_parse(r->body, &ignored) : NULL;
	bool good = is_good(c, r, json);

	if (good) {
		observe(s, c, r);
		s->failures = 0;
		if (c->spec.of_poll)
			s->stumbles = 0;
		bearer_accepted(s->bearer, str_slice(&c->token));
	} else if (!c->spec.aside) {
		note_failure(c, r, json);
	}
	struct reply reply = { r->status, json, good ? began_ms(s, c, r) : 0 };
	c->spec.done(s, c->spec.arg, good ? &reply : NULL);
	json_free(json);
}

bool hub_passes_over(struct source *s)
{
	if (s->stumbles < STUMBLES_MOST)
		return false;
	s->stumbles = 0;
	return true;
}

static void call_done_(void *arg, const struct http_response *r)
{
	struct call *c = arg;
	struct source *s = c->source;

	call_unlink(c);
	calls_note(&s->ended, r);
	finish(s, c, r);
	call_free(c);
}

/* ---- sending ------------------------------------------------------------ */

static struct limiter *limiter_of(struct source *s, enum budget budget)
{
	return budget == BUDGET_SEARCH ? &s->search : &s->general;
}

int64_t call_ready_ms(const struct source *s, enum budget budget)
{
	int64_t now = hub_mono_ms(s);
	if (!bearer_usable(s->bearer))
		return INT64_MAX;
	int64_t ready = limiter_ready_ms(budget == BUDGET_SEARCH ? &s->search : &s->general, now);

	return ready < s->wait_until_ms ? s->wait_until_ms : ready;
}

void call_start(struct source *s, const struct call_spec *spec)
{
	struct call *c = mem_alloc(sizeof(*c));

	*c = (struct call){ .source = s,
			    .spec = *spec,
			    .url = mem_strdup(spec->url),
			    .sent_mono_ms = hub_mono_ms(s),
			    .next = s->calls };
	s->calls = c;
	str_init(&c->body, LIMIT_ANSWER_BYTES);
	str_init(&c->token, LIMIT_SECRET_BYTES);
	str_add_slice(&c->token, bearer_token(s->bearer));
	if (spec->body) {
		json_dump(spec->body, &c->body);
		json_free(spec->body);
	}
	limiter_spend(limiter_of(s, spec->budget), hub_mono_ms(s));
	struct http_request request = {
		.method = spec->method,
		.url = c->url,
		.bearer = str_text(&c->token),
		.header = { "Accept: application/json",
			    spec->body ? "Content-Type: application/json" : NULL },
		.body = str_slice(&c->body),
		.has_body = spec->body != NULL,
		.timeout_ms = TIMEOUT_MS,
	};
	s->world->http_start(s->world->ctx, &request, call_done_, c);
}

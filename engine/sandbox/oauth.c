/*
 * oauth - the sandbox's side of OAuth: facts/hubspot.md 1.1 to 1.4.
 *
 * One app stands for all: any client id, with the secret of the options. A
 * person grants at /hubspot/oauth/authorize, by a click or at once; what the
 * real service does with tokens (codes for one use, access tokens for half an
 * hour, revoked grants) happens here too, and more, where the facts are
 * uncertain: refresh tokens for one use, by an option.
 */
#include "engine/sandbox/inside.h"

#include <string.h>

#include "base/clock.h"
#include "base/pkce.h"

#define CODE_HOLDS_MS (10 * MS_MINUTE)
#define DOMAIN "sandbox.example"
#define DEAD_TOKEN "CJSP" /* what all access tokens of ours begin with, also forgotten ones */

static const char *const versions[] = { "v1", "v3", "2026-03", "2026-09" };

/* ---- what is kept ---------------------------------------------------------- */

static const char *draw(struct sandbox *sb, const char *head)
{
	uint64_t a = sandbox_random(sb), b = sandbox_random(sb);

	return arena_printf(&sb->memory, "%s%016llx%016llx", head, (unsigned long long)a,
			    (unsigned long long)b);
}

static struct consent *add_consent(struct sandbox *sb, struct slice client, struct slice scopes)
{
	struct consent *c = arena_alloc(&sb->memory, sizeof(*c));

	c->client = arena_text(&sb->memory, client);
	c->scopes = arena_text(&sb->memory, scopes);
	c->hub_id = sb->options.oauth_hub_id;
	c->refresh = draw(sb, "na1-");
	c->next = sb->consent;
	sb->consent = c;
	return c;
}

static struct access *add_access(struct sandbox *sb, int64_t now_ms, struct consent *c)
{
	struct access *a = arena_alloc(&sb->memory, sizeof(*a));

	a->token = draw(sb, DEAD_TOKEN);
	a->consent = c;
	a->expires_ms = now_ms + sb->options.oauth_token_ms;
	map_put(&sb->access, slice_of(a->token), a);
	return a;
}

static struct consent *find_consent(const struct sandbox *sb, struct slice refresh)
{
	struct consent *c = sb->consent;

	while (c && !slice_is(refresh, c->refresh))
		c = c->next;
	return c;
}

void sandbox_grant(struct sandbox *sb, int64_t now_ms, const char *client, const char *scopes,
		   const char **access, const char **refresh, int64_t *expires_ms)
{
	struct consent *c = add_consent(sb, slice_of(client), slice_of(scopes));
	struct access *a = add_access(sb, now_ms, c);

	*access = a->token;
	*refresh = c->refresh;
	*expires_ms = a->expires_ms;
}

void sandbox_revoke(struct sandbox *sb)
{
	for (struct consent *c = sb->consent; c; c = c->next)
		c->revoked = true;
}

void consent_load(struct sandbox *sb, const struct json *v)
{
	struct consent *c = add_consent(sb, json_get_slice(v, "client"),
					json_get_slice(v, "scopes"));

	c->refresh = arena_text(&sb->memory, json_get_slice(v, "refresh"));
	c->hub_id = json_int(json_get(v, "hub"), c->hub_id);
	c->revoked = json_bool(json_get(v, "revoked"), false);
}

struct json *consents_save(const struct sandbox *sb)
{
	struct json *out = json_new_array();

	for (const struct consent *c = sb->consent; c; c = c->next) {
		struct json *one = json_new_object();
		json_set_text(one, "client", c->client);
		json_set_text(one, "scopes", c->scopes);
		json_set_text(one, "refresh", c->refresh);
		json_set_integer(one, "hub", c->hub_id);
		json_set_bool(one, "revoked", c->revoked);
		json_add(out, one);
	}
	return out;
}

/* ---- access ------------------------------------------------------------------ */

static struct slice bearer_of(const struct call *call)
{
	static const char scheme[] = "Bearer ";
	struct slice given = slice_of(call->request->authorization);

	if (!slice_starts(given, slice_of(scheme)))
		return (struct slice){ 0 };
	return (struct slice){ given.ptr + sizeof(scheme) - 1, given.len - sizeof(scheme) + 1 };
}

const struct access *access_of(const struct call *call, bool *is_one)
{
	struct slice token = bearer_of(call);

	*is_one = slice_starts(token, slice_of(DEAD_TOKEN));
	return *is_one ? map_get(&call->sb->access, token) : NULL;
}

bool access_holds(const struct access *a, int64_t now_ms)
{
	return a && !a->dead && !a->consent->revoked && now_ms < a->expires_ms;
}

bool scopes_hold(const char *scopes, const char *scope)
{
	size_t len = strlen(scope);

	for (const char *p = scopes; (p = strstr(p, scope)); p += len)
		if ((p == scopes || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

/* ---- what a person grants ------------------------------------------------------ */

static const char *given(struct call *call, const char *key)
{
	struct slice text = json_get_slice(call->body, key);

	return arena_text(&call->memory, text);
}

/* https with a host's name, or http on localhost: never an address of numbers. */
static bool is_redirect(const char *url)
{
	struct slice host = slice_of(url);
	bool secure = slice_starts(host, slice_of("https://"));

	if (!secure && !slice_starts(host, slice_of("http://localhost")))
		return false;
	host = (struct slice){ url + (secure ? 8 : 7), strcspn(url + (secure ? 8 : 7), "/:?") };
	return host.len && strspn(host.ptr, "0123456789.[") < host.len;
}

static const char *ask_problem(struct call *call)
{
	const char *method = given(call, "code_challenge_method");

	if (!given(call, "client_id")[0])
		return "client_id is missing";
	if (!is_redirect(given(call, "redirect_uri")))
		return "redirect_uri must be https with a host name, or http on localhost";
	if (!scopes_hold(given(call, "scope"), "oauth"))
		return "scope lacks one that the app requires: oauth";
	if (given(call, "code_challenge")[0] && strcmp(method, "S256") != 0)
		return "code_challenge_method must be S256";
	return NULL;
}

static void redirect(struct call *call, const char *key, const char *value, const char *more)
{
	const char *to = given(call, "redirect_uri");
	struct str query;

	str_init(&query, sizeof(call->answer->header[0]));
	str_addf(&query, "%s%c%s=%s%s", to, strchr(to, '?') ? '&' : '?', key, value, more);
	str_add_text(&query, "&state=");
	str_add_url(&query, slice_of(given(call, "state")));
	call_reply_text(call, query.overflow ? 400 : 302, "");
	if (!query.overflow)
		call_header(call, "Location: %s", str_text(&query));
	str_release(&query);
}

/* What a click on the button means; `scope` are those that were left ticked. */
static void grant(struct call *call)
{
	struct sandbox *sb = call->sb;
	struct code *c = arena_alloc(&sb->memory, sizeof(*c));

	*c = (struct code){
		.text = draw(sb, "na1-code-"),
		.client = arena_text(&sb->memory, slice_of(given(call, "client_id"))),
		.redirect = arena_text(&sb->memory, slice_of(given(call, "redirect_uri"))),
		.challenge = arena_text(&sb->memory, slice_of(given(call, "code_challenge"))),
		.scopes = arena_text(&sb->memory, slice_of(given(call, "scope"))),
		.at_ms = call->now_ms,
		.next = sb->code,
	};
	sb->code = c;
	redirect(call, "code", c->text, "");
}

static void add_hidden(struct call *call, struct str *out, const char *key)
{
	str_addf(out, "<input type=hidden name=%s value=\"", key);
	page_add(out, slice_of(given(call, key)));
	str_add_text(out, "\">");
}

static void consent_page(struct call *call)
{
	static const char *const kept[] = { "client_id",      "redirect_uri",	       "state",
					    "code_challenge", "code_challenge_method", "scope" };
	struct str out;

	str_init(&out, 1u << 16);
	str_add_text(&out, "<!doctype html><meta charset=utf-8><title>Connect an app</title>"
			   "<h1>Connect an app to the sandbox</h1><p>The app <b>");
	page_add(&out, slice_of(given(call, "client_id")));
	str_add_text(&out, "</b> asks for: ");
	page_add(&out, slice_of(given(call, "scope")));
	str_add_text(&out, "<form method=post action=/hubspot/oauth/authorize>");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		add_hidden(call, &out, kept[i]);
	str_add_text(&out, "<button name=decision value=grant>Connect app</button> "
			   "<button name=decision value=deny>Cancel</button></form>");
	call_reply_text(call, 200, str_text(&out));
	str_release(&out);
}

static void decide(struct call *call, const char *decision)
{
	const char *problem = ask_problem(call);

	if (problem)
		hubspot_error(call, 400, "VALIDATION_ERROR", "%s", problem);
	else if (strcmp(decision, "deny") == 0)
		redirect(call, "error", "access_denied",
			 "&error_description=the%20user%20said%20no");
	else if (strcmp(decision, "grant") == 0)
		grant(call);
	else
		consent_page(call);
}

void oauth_authorize(struct call *call)
{
	call->body = parse_form(call, slice_of(call->request->query));
	decide(call, call->sb->options.oauth_at_once ? "grant" : "");
}

void oauth_decide(struct call *call)
{
	decide(call, given(call, "decision"));
}

/* ---- the token endpoint ---------------------------------------------------------- */

static void refuse(struct call *call, const char *error, const char *status, const char *message)
{
	struct json *body = json_new_object();

	json_set_text(body, "error", error);
	json_set_text(body, "error_description", message);
	json_set_text(body, "status", status);
	json_set_text(body, "message", message);
	call_reply(call, 400, body);
}

static bool is_version(const struct call *call)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (slice_is(call->segment[2], versions[i]))
			return true;
	return false;
}

/* The path's version, and who asks; false after an answer. */
static bool let_in(struct call *call)
{
	const char *secret = call->sb->options.oauth_secret;

	if (!is_version(call))
		hubspot_error(call, 404, NULL, "resource not found");
	else if (!given(call, "client_id")[0])
		refuse(call, "invalid_client", "BAD_CLIENT_ID", "missing or unknown client id");
	else if (secret ? strcmp(given(call, "client_secret"), secret) != 0
			: !given(call, "client_secret")[0])
		refuse(call, "invalid_client", "BAD_CLIENT_SECRET", "client secret does not match");
	else
		return true;
	return false;
}

static struct json *scopes_json(const char *scopes)
{
	struct json *out = json_new_array();
	struct slice rest = slice_of(scopes), one;
	bool more = true;

	while (more) {
		more = slice_cut(&rest, ' ', &one);
		if (one.len)
			json_add_text(out, one);
	}
	return out;
}

static void reply_tokens(struct call *call, struct consent *c)
{
	struct json *body = json_new_object();
	const struct access *a = add_access(call->sb, call->now_ms, c);

	json_set_text(body, "token_type", "bearer");
	json_set_text(body, "refresh_token", c->refresh);
	json_set_text(body, "access_token", a->token);
	json_set_integer(body, "expires_in", (a->expires_ms - call->now_ms) / MS_SECOND);
	if (!slice_is(call->segment[2], "v1")) {
		json_set_integer(body, "hub_id", c->hub_id);
		json_set(body, "scopes", scopes_json(c->scopes));
	}
	call_reply(call, 200, body);
}

static bool verifies(struct call *call, const struct code *code)
{
	struct str challenge;

	if (!code->challenge[0])
		return true;
	str_init(&challenge, 64);
	pkce_challenge(slice_of(given(call, "code_verifier")), &challenge);
	bool same = slice_is(str_slice(&challenge), code->challenge);
	str_release(&challenge);
	return same;
}

static void exchange(struct call *call)
{
	struct code *code = call->sb->code;

	while (code && strcmp(code->text, given(call, "code")) != 0)
		code = code->next;
	if (!code || code->used || strcmp(code->client, given(call, "client_id")) != 0)
		refuse(call, "invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code");
	else if (call->now_ms >= code->at_ms + CODE_HOLDS_MS)
		refuse(call, "invalid_grant", "EXPIRED_AUTH_CODE", "auth code has expired");
	else if (strcmp(code->redirect, given(call, "redirect_uri")) != 0)
		refuse(call, "invalid_grant", "BAD_REDIRECT_URI", "redirect uri does not match");
	else if (!verifies(call, code))
		refuse(call, "invalid_grant", "BAD_CODE_VERIFIER", "code verifier does not match");
	else {
		code->used = true;
		reply_tokens(call,
			     add_consent(call->sb, slice_of(code->client), slice_of(code->scopes)));
	}
}

static void refresh(struct call *call)
{
	struct consent *c = find_consent(call->sb, json_get_slice(call->body, "refresh_token"));

	if (!c || c->revoked || strcmp(c->client, given(call, "client_id")) != 0) {
		refuse(call, "invalid_grant", "BAD_REFRESH_TOKEN",
		       "refresh token is invalid, expired or revoked");
		return;
	}
	if (call->sb->options.oauth_rotates)
		c->refresh = draw(call->sb, "na1-");
	reply_tokens(call, c);
}

void oauth_token(struct call *call)
{
	const char *type = given(call, "grant_type");

	if (!let_in(call))
		return;
	if (strcmp(type, "authorization_code") == 0)
		exchange(call);
	else if (strcmp(type, "refresh_token") == 0)
		refresh(call);
	else
		refuse(call, "unsupported_grant_type", "BAD_GRANT_TYPE", "unknown grant type");
}

/* ---- what is known of a token ------------------------------------------------------ */

static struct json *describe(const struct consent *c, const char *token, const char *use)
{
	struct json *body = json_new_object();

	json_set_text(body, "token", token);
	json_set_integer(body, "hub_id", c->hub_id);
	json_set_text(body, "hub_domain", DOMAIN);
	json_set_text(body, "user", "owner@" DOMAIN);
	json_set_integer(body, "user_id", 1);
	json_set_integer(body, "app_id", 2);
	json_set_text(body, "client_id", c->client);
	json_set_text(body, "token_use", use);
	json_set(body, "scopes", scopes_json(c->scopes));
	return body;
}

static struct json *describe_access(const struct call *call, struct slice token)
{
	const struct access *a = map_get(&call->sb->access, token);

	if (!access_holds(a, call->now_ms))
		return NULL;
	struct json *body = describe(a->consent, a->token, "access_token");
	json_set_integer(body, "expires_in", (a->expires_ms - call->now_ms) / MS_SECOND);
	return body;
}

static struct json *describe_refresh(const struct call *call, struct slice token)
{
	const struct consent *c = find_consent(call->sb, token);

	return c && !c->revoked ? describe(c, c->refresh, "refresh_token") : NULL;
}

void oauth_introspect(struct call *call)
{
	struct slice token = json_get_slice(call->body, "token");

	if (!let_in(call))
		return;
	struct json *body = describe_access(call, token);
	body = body ? body : describe_refresh(call, token);
	bool active = body != NULL;
	body = body ? body : json_new_object();
	json_set_bool(body, "active", active);
	if (active)
		json_set_text(body, "token_type", "Bearer");
	call_reply(call, 200, body);
}

void oauth_revoke(struct call *call)
{
	struct slice token = json_get_slice(call->body, "token");

	if (!let_in(call))
		return;
	struct access *a = map_get(&call->sb->access, token);
	struct consent *c = find_consent(call->sb, token);
	if (a)
		a->dead = true;
	if (c)
		c->revoked = true;
	call_reply(call, 200, json_new_object());
}

/* The older way: the token in the path. */
static void reply_info(struct call *call, struct json *body, const char *type)
{
	if (!body) {
		hubspot_error(call, 404, NULL, "%s token is invalid, expired or revoked", type);
		return;
	}
	json_set_text(body, "token_type", type);
	call_reply(call, 200, body);
}

void oauth_access_info(struct call *call)
{
	reply_info(call, describe_access(call, call->segment[4]), "access");
}

void oauth_refresh_info(struct call *call)
{
	reply_info(call, describe_refresh(call, call->segment[4]), "refresh");
}

void oauth_refresh_delete(struct call *call)
{
	struct consent *c = find_consent(call->sb, call->segment[4]);

	if (c)
		c->revoked = true;
	call_reply_text(call, 204, "");
}

/*
 * oauth - HubSpot's side of engine/oauth.h: facts/hubspot.md 1.1 to 1.4.
 *
 * Reasons are words of our own and HubSpot's `status`, never its texts: those may repeat what was
 * sent.
 */
#include "engine/hubspot/hubspot.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/hubspot/hub.h"

#define API_URL "https://api.hubapi.com"
#define APP_URL "https://app.hubspot.com" /* where people are, while the API is at API_URL */
#define TIMEOUT_MS (30 * MS_SECOND)
#define HOLDS_LEAST_S 30 /* a token that holds for less could hardly be used */
#define HOLDS_MOST_S (366 * MS_DAY / MS_SECOND)
#define STATUS_BYTES 40

static const char contacts_scope[] = "crm.objects.contacts.read",
		  schemas_scope[] = "crm.schemas.contacts.read", lists_scope[] = "crm.lists.read";

/* ---- what is asked for --------------------------------------------------------- */

static void add_query(struct str *s, const char *before, const char *value)
{
	str_add_text(s, before);
	str_add_url(s, slice_of(value));
}

static const char *authorize(const struct account *account, const struct oauth_ask *ask,
			     struct arena *memory)
{
	const char *base = account_text(account, "base-url");
	struct str url;

	str_init(&url, LIMIT_URL_BYTES);
	str_add_text(&url, strcmp(base, API_URL) == 0 ? APP_URL : base);
	add_query(&url, "/oauth/authorize?client_id=", account_text(account, "oauth.client-id"));
	add_query(&url, "&redirect_uri=", ask->redirect_url);
	add_query(&url, "&scope=", ask->scopes);
	add_query(&url, "&state=", ask->state);
	add_query(&url, "&code_challenge=", ask->challenge);
	str_add_text(&url, "&code_challenge_method=S256");
	const char *out = arena_text(memory, str_slice(&url));
	str_release(&url);
	return out;
}

static const struct rule *first_list_rule(const struct table *table, uint32_t account)
{
	for (size_t i = 0; i < table->n_rule; i++)
		if (table->rule[i].source == account && table->rule[i].mode != MODE_OFF &&
		    table->rule[i].event == EVENT_LIST_ADDED)
			return &table->rule[i];
	return NULL;
}

static size_t needs(const struct table *table, uint32_t account, struct oauth_need out[OAUTH_NEEDS])
{
	size_t n = 0;
	const struct rule *list = first_list_rule(table, account);

	out[n++] = (struct oauth_need){ contacts_scope, NULL };
	out[n++] = (struct oauth_need){ schemas_scope, NULL };
	if (list)
		out[n++] = (struct oauth_need){ lists_scope, list };
	return n;
}

/* ---- requests -------------------------------------------------------------------- */

static void add_field(struct str *body, const char *name, struct slice value)
{
	str_addf(body, "%s%s=", body->len ? "&" : "", name);
	str_add_url(body, value);
}

static void add_app(struct str *body, const struct oauth_app *app)
{
	add_field(body, "client_id", slice_of(account_text(app->account, "oauth.client-id")));
	add_field(body, "client_secret", app->secret);
}

/* A connection of its own: what is done twice may have used up the code or the refresh token. */
static void fill(const struct oauth_app *app, const char *rest, const struct str *body,
		 struct arena *memory, struct http_request *out)
{
	*out = (struct http_request){
		.method = "POST",
		.url = arena_printf(memory, "%s/oauth/%s/token%s",
				    account_text(app->account, "base-url"),
				    account_text(app->account, "api"), rest),
		.header = { "Accept: application/json",
			    "Content-Type: application/x-www-form-urlencoded" },
		.body = str_slice(body),
		.has_body = true,
		.fresh = true,
		.timeout_ms = TIMEOUT_MS,
	};
}

static void exchange(const struct oauth_app *app, const char *code, const char *redirect_url,
		     const char *verifier, struct str *body, struct arena *memory,
		     struct http_request *out)
{
	str_clear(body);
	add_field(body, "grant_type", slice_of("authorization_code"));
	add_app(body, app);
	add_field(body, "redirect_uri", slice_of(redirect_url));
	add_field(body, "code", slice_of(code));
	add_field(body, "code_verifier", slice_of(verifier));
	fill(app, "", body, memory, out);
}

static void renew(const struct oauth_app *app, struct slice refresh, struct str *body,
		  struct arena *memory, struct http_request *out)
{
	str_clear(body);
	add_field(body, "grant_type", slice_of("refresh_token"));
	add_app(body, app);
	add_field(body, "refresh_token", refresh);
	fill(app, "", body, memory, out);
}

static void identify(const struct oauth_app *app, struct slice access, struct str *body,
		     struct arena *memory, struct http_request *out)
{
	str_clear(body);
	add_app(body, app);
	add_field(body, "token", access);
	add_field(body, "token_type_hint", slice_of("access_token"));
	fill(app, "/introspect", body, memory, out);
}

/* ---- answers ------------------------------------------------------------------------ */

static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e)
			return false;
	return text.len > 0;
}

/* What goes into a header or into the state: without blanks, and within its ceiling. */
static bool take(struct str *out, struct slice text)
{
	if (!is_plain(text))
		return false;
	str_add_slice(out, text);
	return !out->overflow;
}

static void take_scopes(struct str *out, const struct json *scopes)
{
	for (size_t i = 0; i < json_count(scopes); i++) {
		struct slice one = json_slice(json_at(scopes, i));
		if (!is_plain(one))
			continue;
		str_add_text(out, out->len ? " " : "");
		str_add_slice(out, one);
	}
}

static void take_names(struct oauth_reply *out, const struct json *body)
{
	char room[24];

	(void)take(&out->tenant, hub_id_of(body, "hub_id", room));
	(void)take(&out->tenant_name, json_get_slice(body, "hub_domain"));
	take_scopes(&out->scopes, json_get(body, "scopes"));
}

static bool take_tokens(struct oauth_reply *out, const struct json *body)
{
	struct slice refresh = json_get_slice(body, "refresh_token");
	int64_t holds = json_int(json_get(body, "expires_in"), 0);

	if (!take(&out->access, json_get_slice(body, "access_token")) ||
	    (refresh.len && !take(&out->refresh, refresh)) || holds < HOLDS_LEAST_S ||
	    holds > HOLDS_MOST_S)
		return false;
	out->expires_in_ms = holds * MS_SECOND;
	take_names(out, body);
	out->result = OAUTH_DONE;
	return true;
}

/* HubSpot's word for what is wrong: capitals and underlines only. */
static struct slice status_word(const struct json *body)
{
	struct slice word = json_get_slice(body, "status");

	for (size_t i = 0; i < word.len; i++)
		if (word.len > STATUS_BYTES ||
		    !((word.ptr[i] >= 'A' && word.ptr[i] <= 'Z') || word.ptr[i] == '_'))
			return (struct slice){ 0 };
	return word;
}

static const struct {
	const char *status, *error; /* either says it */
	enum oauth_result result;
	const char *reason;
} refusals[] = {
	{ "BAD_REFRESH_TOKEN", NULL, OAUTH_DEAD, "the grant was revoked, or the app uninstalled" },
	{ "EXPIRED_AUTH_CODE", NULL, OAUTH_DEAD, "the code has expired" },
	{ "BAD_AUTH_CODE", NULL, OAUTH_DEAD, "the code is not one, or was used before" },
	{ "BAD_CODE_VERIFIER", NULL, OAUTH_DEAD, "the code was made for another attempt" },
	{ "BAD_REDIRECT_URI", NULL, OAUTH_DEAD,
	  "redirect-url is not the one that the code was made for" },
	{ "BAD_CLIENT_ID", NULL, OAUTH_REFUSED, "the client-id is not known" },
	{ "BAD_CLIENT_SECRET", NULL, OAUTH_REFUSED, "the client-secret is not the app's" },
	{ NULL, "invalid_grant", OAUTH_DEAD, "the grant is not valid any more" },
	{ NULL, "invalid_client", OAUTH_REFUSED, "client-id and client-secret do not fit" },
};

static void refuse(const struct http_response *r, const struct json *body, struct oauth_reply *out)
{
	struct slice status = status_word(body), error = json_get_slice(body, "error");
	const char *reason = r->status < 300 ? "an answer that cannot be used" : "refused";

	for (size_t i = 0;
	     r->status >= 400 && r->status < 500 && i < sizeof(refusals) / sizeof(refusals[0]);
	     i++) {
		if (!(refusals[i].status && slice_is(status, refusals[i].status)) &&
		    !(refusals[i].error && slice_is(error, refusals[i].error)))
			continue;
		out->result = refusals[i].result;
		reason = refusals[i].reason;
		break;
	}
	str_addf(&out->reason, "%d %.*s%s%s", r->status, SLICE_FMT(status), status.len ? ": " : "",
		 reason);
	out->wait_ms = r->retry_after_ms != HTTP_ABSENT ? r->retry_after_ms
							: hub_wait_ms(r->status, body);
}

static void read_answer(const struct http_response *r, struct oauth_reply *out, bool identity)
{
	struct err ignored;
	struct json *body = NULL;
	bool good = false;

	if (r->outcome == HTTP_ANSWER)
		body = json_parse(r->body, &ignored);
	else
		str_addf(&out->reason, "no answer: %s", r->problem);
	if (r->outcome == HTTP_ANSWER && r->status == 200 && json_kind(body) == IS_OBJECT) {
		good = identity || take_tokens(out, body);
		if (identity)
			take_names(out, body);
		out->result = good ? OAUTH_DONE : OAUTH_AGAIN;
	}
	if (r->outcome == HTTP_ANSWER && !good)
		refuse(r, body, out);
	json_free(body);
}

static void tokens(const struct http_response *response, struct oauth_reply *out)
{
	read_answer(response, out, false);
}

static void identity(const struct http_response *response, struct oauth_reply *out)
{
	read_answer(response, out, true);
}

const struct oauth_ops hubspot_oauth = {
	.type = "hubspot",
	.client_id = "oauth.client-id",
	.secret = "oauth.client-secret",
	.redirect_url = "oauth.redirect-url",
	.default_redirect = "http://localhost:8789/callback",
	.scopes = "oauth crm.objects.contacts.read crm.schemas.contacts.read crm.lists.read",
	.authorize = authorize,
	.needs = needs,
	.exchange = exchange,
	.renew = renew,
	.identify = identify,
	.tokens = tokens,
	.identity = identity,
};

/*
 * account_keys - the types of accounts and their keys, one row each.
 */
#include "base/clock.h"
#include "dsl/account.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char *const signatures[] = { "v3", "v2", "v1", NULL };
static const char *const apis[] = { "v3", "2026-03", "2026-09", NULL };

static const struct setting_group hubspot_groups[] = {
	{ "oauth",
	  { "OAuth", "In place of `token`: the portal is connected with `hs2cert connect`.",
	    NULL } },
	{ "webhook",
	  { "Webhook", "HubSpot tells of changes by itself, beside the looks every `poll`.",
	    NULL } },
};

static const struct setting_row hubspot_rows[] = {
	{ .name = "token",
	  .form = FORM_SECRET,
	  .about = { "Token",
		     "A service key, or the token of a private app. Never written out: `${NAME}` is an "
		     "environment variable, `file:PATH` a file that holds only it.",
		     "${HUBSPOT_TOKEN}" } },
	{ .name = "oauth.client-id",
	  .form = FORM_TEXT,
	  .required = true,
	  .about = { "Client id", "As HubSpot shows it in the app's settings.", NULL } },
	{ .name = "oauth.client-secret",
	  .form = FORM_SECRET,
	  .required = true,
	  .about = { "Client secret", "`${NAME}` or `file:PATH`, never written out.",
		     "${HUBSPOT_CLIENT_SECRET}" } },
	{ .name = "oauth.redirect-url",
	  .form = FORM_URL,
	  .about = { "Redirect URL", "As it stands in the app's settings.", NULL } },
	{ .name = "webhook.public-url",
	  .form = FORM_URL,
	  .required = true,
	  .about = { "Public URL", "Where HubSpot reaches `hs2cert run --listen`.",
		     "https://hooks.example.org/hubspot" } },
	{ .name = "webhook.secret",
	  .form = FORM_SECRETS,
	  .required = true,
	  .about = { "Secret",
		     "What HubSpot signs with: `${NAME}` or `file:PATH`; a list of two while it is "
		     "changed.",
		     "${HUBSPOT_CLIENT_SECRET}" } },
	{ .name = "webhook.signature",
	  .form = FORM_WORD,
	  .otherwise = "v3",
	  .words = signatures,
	  .about = { "Signature", "The version of HubSpot's signature.", NULL } },
	{ .name = "poll",
	  .form = FORM_DURATION,
	  .otherwise = "60s",
	  .least = MS_SECOND,
	  .most = MS_DAY,
	  .about = { "Poll", "Time between two looks at this portal, `1s` to `24h`.", "60s" } },
	{ .name = "overlap",
	  .form = FORM_DURATION,
	  .otherwise = "10m",
	  .least = 0,
	  .most = MS_DAY,
	  .about = { "Overlap",
		     "How far back to look again behind the last look, `0s` to `24h`: HubSpot's search "
		     "shows some changes late.",
		     "10m" } },
	{ .name = "creation-window",
	  .form = FORM_DURATION,
	  .otherwise = "10s",
	  .least = 0,
	  .most = MS_DAY,
	  .about = { "Creation window",
		     "A property filled this soon after its contact was created counts as created with "
		     "it and earns nothing, `0s` to `24h`.",
		     "10s" } },
	{ .name = "base-url",
	  .form = FORM_URL,
	  .otherwise = "https://api.hubapi.com",
	  .about = { "Base URL", "Where HubSpot's API is; change it to try rules on the sandbox.",
		     "http://127.0.0.1:8787/hubspot" } },
	{ .name = "api",
	  .form = FORM_WORD,
	  .otherwise = "2026-03",
	  .words = apis,
	  .about = { "API", "The version in the paths of HubSpot's API.", NULL } },
};

static const struct setting_row certifier_rows[] = {
	{ .name = "token",
	  .form = FORM_SECRET,
	  .about = { "Token",
		     "An access token of the workspace. Never written out: `${NAME}` is an environment "
		     "variable, `file:PATH` a file that holds only it.",
		     "${CERTIFIER_TOKEN}" } },
	{ .name = "rate",
	  .form = FORM_RATE,
	  .otherwise = "2.5/s",
	  .about = { "Rate", "Never more requests to this workspace than this.", "2.5/s" } },
	{ .name = "base-url",
	  .form = FORM_URL,
	  .otherwise = "https://api.certifier.io/v1",
	  .about = { "Base URL", "Where Certifier's API is; change it to try rules on the sandbox.",
		     "http://127.0.0.1:8787/certifier/v1" } },
	{ .name = "portal-url",
	  .form = FORM_URL,
	  .otherwise = "https://credsverse.com/credentials",
	  .about = { "Portal URL",
		     "Where a credential's public page is; only shown in `hs2cert runs`.", NULL } },
};

const struct account_type account_types[ACCOUNT_TYPES] = {
	{ .name = "hubspot",
	  .secret_variable = "HUBSPOT_TOKEN",
	  .token = "token",
	  .instead = "oauth",
	  .row = hubspot_rows,
	  .count = COUNT(hubspot_rows),
	  .group = hubspot_groups,
	  .groups = COUNT(hubspot_groups),
	  .about = { "HubSpot", "A portal of HubSpot, in which things happen to contacts.",
		     NULL } },
	{ .name = "certifier",
	  .secret_variable = "CERTIFIER_TOKEN",
	  .token = "token",
	  .row = certifier_rows,
	  .count = COUNT(certifier_rows),
	  .about = { "Certifier", "A workspace of Certifier, which issues the credentials.",
		     NULL } },
};

const struct about account_about = {
	"Name of the account",
	"A name of your choice: `a` to `z`, digits and `-`. Rules name the account where there are "
	"several of its type.",
	"hubspot",
};

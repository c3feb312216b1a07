/*
 * sandbox - the built-in HubSpot and Certifier.
 *
 * A simulator of both services as facts/hubspot.md and facts/certifier.md
 * describe them, as strict as the real ones. Called in-process with the time
 * handed in (tests, scenes), or over HTTP by `hs2cert sandbox`
 * (sandbox/serve.c). It is a test's only judge of what was issued, so it shares
 * no code with the engine's clients: only base/.
 *
 * Deterministic: time comes in with every call, ids are counted or drawn from
 * the seed.
 */
#ifndef ENGINE_SANDBOX_SANDBOX_H
#define ENGINE_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

struct sandbox;

/* What the facts call uncertain, and what a test wants to vary. See sandbox_defaults. */
struct sandbox_options {
	uint64_t seed;
	const char *hubspot_token; /* NULL: any non-empty bearer is taken */
	const char *certifier_token;
	int64_t index_lag_ms;  /* HubSpot search sees a change this much later; default 10 s */
	bool search_unordered; /* neighbours in HubSpot's search by lastmodifieddate change places */
	int64_t list_lag_ms;   /* a membership row shows this much after its timestamp; default 0 */
	bool batch_silent;     /* a batch read says nothing of ids that it cannot return */
	bool list_descending;  /* page order of memberships/join-order: newest first */
	bool cleared_is_null;  /* a cleared value is null in history, not "" */
	bool merge_keeps_id;   /* the older kind of merge: primary's id survives */
	bool merge_writes_entry; /* a merge adds MERGE_OBJECTS entries */
	bool merge_rejoins;	 /* a merge stamps the result's membership rows with its own time */
	int64_t merge_computes_ms; /* an active list has the result so much later, stamped then; 0: at once */
	bool merge_tells_vids;	/* of merges only hs_calculated_merged_vids tells, without times */
	bool same_value_writes; /* writing the same value adds a history entry */
	bool rate_limits;	/* enforce 5/s search, 100 per 10 s, Certifier 3/s */
	int64_t certifier_search_lag_ms;
	bool certifier_email_nocase; /* search by e-mail ignores case */
	bool certifier_trims;	     /* custom values lose white space at their ends */
	bool bare_tags;		     /* /attributes answers `x` for custom.x */
	bool no_date_header;
	int64_t hook_lag_ms;   /* an event is sent this much later; default 0 */
	int64_t hook_lost;     /* so many per mille of what happens are told to nobody */
	bool hook_doubled;     /* each delivery is made twice */
	bool hook_reversed;    /* of one delivery the newest event comes first */
	bool hook_forged;      /* signed with another secret */
	bool hook_foreign;     /* as if of another portal */
	int64_t date_ahead_ms; /* the Date of answers is this much ahead of the time handed in */
	/* What HubSpot's token may not do: facts/hubspot.md 1.4. */
	bool no_contacts_scope, no_lists_scope, no_schemas_scope;
	int64_t calls_per_day;	  /* of HubSpot's API; default 250,000 */
	int issue_again_status;	  /* issue on a non-draft: 412 (default), 409, 400 */
	int unknown_group_status; /* 404 (default) or 400 */
	const char
		*oauth_secret; /* of the app, whatever its client id; NULL: any that is not empty */
	int64_t oauth_token_ms; /* how long an access token holds; default 30 min */
	int64_t oauth_hub_id;	/* the portal that grants from now on are for */
	bool oauth_rotates;	/* a refresh token is for one use, and comes with its successor */
	bool oauth_at_once;	/* who asks for a grant gets it without a click */
};

void sandbox_defaults(struct sandbox_options *o);
struct sandbox *sandbox_new(const struct sandbox_options *o); /* copies */
void sandbox_free(struct sandbox *sb);
struct sandbox_options *sandbox_options(struct sandbox *sb); /* may be changed while it lives */

/* ---- over the wire ------------------------------------------------------ */

struct sandbox_request {
	const char *method;
	const char *path;	       /* "/hubspot/crm/v3/…", "/certifier/v1/…"; as received */
	const char *query;	       /* without '?', "" where there is none */
	const char *authorization;     /* header value or NULL */
	const char *certifier_version; /* header value or NULL */
	struct slice body;
};

/* The caller owns body and frees it with str_release. */
struct sandbox_answer {
	int status;
	struct str body;
	char header[8][256]; /* further `Name: value`; the first empty one ends */
	/*
	 * How the transport fails, for injected faults: the answer is to be
	 * dropped (the effect, if any, has happened), or the connection fails
	 * before anything is read.
	 */
	enum { SANDBOX_WHOLE, SANDBOX_CUT, SANDBOX_TIMEOUT } delivery;
};

void sandbox_call(struct sandbox *sb, int64_t now_ms, const struct sandbox_request *request,
		  struct sandbox_answer *answer);

/* ---- what people and tests do in HubSpot's user interface --------------- */

/*
 * A grant over OAuth as if an app with this client id had gone through it. Texts are lent as long
 * as the sandbox lives; over the wire any app may ask at /hubspot/oauth/authorize.
 */
void sandbox_grant(struct sandbox *sb, int64_t now_ms, const char *client, const char *scopes,
		   const char **access, const char **refresh, int64_t *expires_ms);
/* Every app is uninstalled: what was granted until now is over. */
void sandbox_revoke(struct sandbox *sb);

/*
 * HubSpot keeps an address to one living contact, and checks values against the
 * property's type and options: RC_INVALID otherwise. Contacts are named by the id
 * that they have now, not by one that was merged away.
 */

/* Properties are pairs name, value; `id` 0 draws the next free one. out_id may be NULL. */
enum rc sandbox_create(struct sandbox *sb, int64_t now_ms, int64_t id,
		       const struct json *properties, int64_t *out_id, struct err *err) MUST_CHECK;
enum rc sandbox_set(struct sandbox *sb, int64_t now_ms, int64_t id, const char *property,
		    struct slice value, struct err *err) MUST_CHECK;
enum rc sandbox_delete(struct sandbox *sb, int64_t now_ms, int64_t id, struct err *err) MUST_CHECK;
enum rc sandbox_restore(struct sandbox *sb, int64_t now_ms, int64_t id, struct err *err) MUST_CHECK;
/* into 0 draws a new id (or keeps primary's, by the option). */
enum rc sandbox_merge(struct sandbox *sb, int64_t now_ms, int64_t primary, int64_t other,
		      int64_t into, int64_t *out_id, struct err *err) MUST_CHECK;
/* kind: "MANUAL" (or NULL), "DYNAMIC", "SNAPSHOT". id 0 draws one. Names ignore case. */
enum rc sandbox_list(struct sandbox *sb, int64_t now_ms, int64_t id, const char *name,
		     const char *kind, int64_t *out_id, struct err *err) MUST_CHECK;
/* Changes what the list says of itself, as an edit of its filters does; its rows show as they are. */
enum rc sandbox_list_processing(struct sandbox *sb, int64_t now_ms, int64_t id, bool processing,
				struct err *err) MUST_CHECK;
enum rc sandbox_list_rename(struct sandbox *sb, int64_t now_ms, int64_t id, const char *name,
			    struct err *err) MUST_CHECK;
enum rc sandbox_list_delete(struct sandbox *sb, int64_t now_ms, int64_t id,
			    struct err *err) MUST_CHECK;
/* With the members that it had. */
enum rc sandbox_list_restore(struct sandbox *sb, int64_t now_ms, int64_t id,
			     struct err *err) MUST_CHECK;
/* Joining twice is no second join; leaving without being in is RC_INVALID. */
enum rc sandbox_join(struct sandbox *sb, int64_t now_ms, int64_t list, int64_t contact,
		     struct err *err) MUST_CHECK;
enum rc sandbox_leave(struct sandbox *sb, int64_t now_ms, int64_t list, int64_t contact,
		      struct err *err) MUST_CHECK;
/*
 * Defines a property; type NULL is "string", "checkbox" an enumeration that holds
 * several options; options are `value=Label` texts, NULL for none. Unknown properties are defined as text on first use.
 */
enum rc sandbox_property(struct sandbox *sb, const char *name, const char *label, const char *type,
			 const char *const *options, size_t n_options, struct err *err) MUST_CHECK;
/* Archives it: the API does not show it any more. */
enum rc sandbox_property_delete(struct sandbox *sb, const char *name, struct err *err) MUST_CHECK;

/* ---- Certifier's side --------------------------------------------------- */

/* Groups and attributes must exist before a credential may name them. */
void sandbox_group(struct sandbox *sb, const char *id, const char *name);
void sandbox_attribute(struct sandbox *sb, const char *tag); /* "custom.tier" */
void sandbox_plan(struct sandbox *sb, bool expiry_allowed);  /* false: 402 on expiryDate */

/* ---- webhooks ----------------------------------------------------------- */

/* What an app of the portal has set up. */
struct sandbox_hook {
	const char *url; /* the target; NULL: none */
	const char *secret;
	const char *signature; /* "v3" (or NULL), "v2", "v1" */
	/*
	 * Subscription types, `,` between; `contact.propertyChange:tier` is of that property. NULL:
	 * all there are.
	 */
	const char *types;
};

void sandbox_hook(struct sandbox *sb, const struct sandbox_hook *hook); /* copies */

#define SANDBOX_HEADERS 3

/* A delivery that is to be made: a POST. Lent until sandbox_delivered. */
struct sandbox_delivery {
	uint64_t id;
	const char *url;
	const char *header[SANDBOX_HEADERS]; /* `Name: value`, or NULL */
	struct slice body;
};

/* When the next is due; INT64_MAX where there is none, or so many are under way. */
int64_t sandbox_delivery_ms(const struct sandbox *sb);
/* Begins one that is due; false where none is. */
bool sandbox_deliver(struct sandbox *sb, int64_t now_ms, struct sandbox_delivery *out);
/* How it was answered; status 0: not at all. It may come again later. */
void sandbox_delivered(struct sandbox *sb, int64_t now_ms, uint64_t id, int status);

/* ---- the whole as JSON -------------------------------------------------- */

/*
 * Puts what `data` describes into a new sandbox (engine/sandbox/data.c has the
 * format). Contacts without `created` were made a day before now_ms. RC_INVALID
 * with the member's place where it cannot be; what came before it is loaded.
 */
enum rc sandbox_load(struct sandbox *sb, int64_t now_ms, const struct json *data,
		     struct err *err) MUST_CHECK;
/* The same form, with every history, membership, credential and mail; the caller frees it. */
struct json *sandbox_save(const struct sandbox *sb, int64_t now_ms);
/* A small portal and workspace that fit the example rules. */
extern const char sandbox_demo[];

/* ---- faults ------------------------------------------------------------- */

/*
 * Which call: "create", "issue", "send", "create-issue-send",
 * "search-credentials", "get-credential", "delete-credential", "groups", "attributes" for Certifier;
 * "search", "read", "contact", "contacts", "list-search", "memberships", "list",
 * "properties", "property", "token-info", "account", "token", "introspect" for HubSpot; or "hubspot" / "certifier"
 * for every call of one service.
 */
enum sandbox_fault {
	FAULT_STATUS,	      /* this status, nothing done */
	FAULT_STATUS_AFTER,   /* done, then this status */
	FAULT_CUT_BEFORE,     /* connection ends, nothing done */
	FAULT_CUT_AFTER,      /* done, then the connection ends */
	FAULT_TIMEOUT,	      /* done, no answer ever */
	FAULT_TIMEOUT_BEFORE, /* nothing done, no answer ever */
	FAULT_GARBAGE,	      /* done, 200 with a body that is no JSON */
	FAULT_EMPTY,	      /* done, 200 with nothing */
};

/*
 * The next `times` such calls, after `skip` that pass, fail so. status (400 to
 * 599) counts for FAULT_STATUS*; retry_after_s < 0 sends no header. Of several
 * faults that a call would meet the one planned first happens.
 */
enum rc sandbox_fault(struct sandbox *sb, const char *call, enum sandbox_fault fault, int status,
		      int retry_after_s, int skip, int times, struct err *err) MUST_CHECK;
void sandbox_faults_clear(struct sandbox *sb);
/* How many failures are still to come of those planned for this call. */
int sandbox_faults_left(const struct sandbox *sb, const char *call);

/* ---- what the judge sees ------------------------------------------------ */

struct sandbox_credential {
	const char *id, *public_id, *group, *status; /* "draft", "issued", "expired" */
	const char *name, *email;		     /* email NULL where none */
	const char *issue_date, *expiry_date;	     /* NULL where none */
	const struct json *custom;		     /* object of texts */
	int64_t created_ms;
	int mails; /* times that send was carried out */
};

size_t sandbox_credential_count(const struct sandbox *sb);
struct sandbox_credential sandbox_credential_at(const struct sandbox *sb,
						size_t i); /* in order of creation */

/* One for each time that a credential was mailed; lent, as long as the sandbox lives. */
struct sandbox_mail {
	int64_t at_ms;
	const char *credential, *email;
};

size_t sandbox_mail_count(const struct sandbox *sb);
struct sandbox_mail sandbox_mail_at(const struct sandbox *sb, size_t i); /* in order of time */

/*
 * Calls that came since the start, by the names above; "hubspot" and "certifier"
 * are the sums; "429" counts refusals by the rate limits, not injected ones.
 */
size_t sandbox_calls(const struct sandbox *sb, const char *call);

#endif

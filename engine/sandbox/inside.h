/*
 * inside - what the files of the sandbox share: its state, and a call in work.
 *
 * For engine/sandbox/ only; everybody else uses sandbox.h. All state lives in
 * one arena as long as the sandbox does: old values are history here, not
 * garbage.
 */
#ifndef ENGINE_SANDBOX_INSIDE_H
#define ENGINE_SANDBOX_INSIDE_H

#include "base/arena.h"
#include "base/map.h"
#include "engine/sandbox/sandbox.h"

/* ---- HubSpot's state (portal.c, portal_lists.c) ------------------------- */

enum property_kind {
	PROPERTY_STORED,   /* has entries */
	PROPERTY_MODIFIED, /* lastmodifieddate: from contact.modified */
	PROPERTY_OBJECT_ID,
	PROPERTY_MERGED_IDS,
	PROPERTY_MERGED_VIDS,
};

struct choice {
	const char *value, *label;
};

struct property {
	const char *name, *label, *type, *field_type;
	struct choice *choice;
	size_t choices;
	enum property_kind kind;
	bool built_in;
	bool archived; /* contacts keep their values, and nobody sees the property any more */
};

struct entry {
	int64_t at_ms;
	struct slice value; /* empty: cleared */
	const char *source; /* sourceType */
	bool hidden;	    /* sets the value, but the history does not show it (a merge) */
};

struct field {
	const struct property *property;
	struct entry *entry; /* oldest first; the last one is the value */
	size_t count, cap;
};

struct contact {
	int64_t id;
	int64_t created_ms;
	int64_t archived_ms;
	bool archived, purged;
	struct contact *into; /* merged: this id answers that record */
	int64_t *modified;    /* values of lastmodifieddate, oldest first */
	size_t modifieds, modified_cap;
	struct field *field;
	size_t fields, field_cap;
	int64_t *merged; /* ids that went into this record */
	size_t merged_count, merged_cap;
};

struct member {
	struct contact *who;
	int64_t at_ms;	  /* membershipTimestamp */
	int64_t shows_ms; /* when the row can be seen first */
	int64_t left_ms;  /* 0: still in */
	size_t order;	  /* counts joins: settles equal times */
};

struct list {
	int64_t id;
	const char *name, *kind;
	bool processing, deleted;
	int64_t version;
	int64_t created_ms, updated_ms;
	int64_t filters_ms;    /* when what it is built from was last changed */
	struct member *member; /* every join there ever was, in order */
	size_t members, member_cap;
};

struct portal {
	struct map property; /* name -> struct property */
	struct map contact;  /* id as text -> struct contact */
	struct map email;    /* lower case -> the contact that had it last */
	struct list **list;
	size_t lists, list_cap;
	int64_t next_contact, next_list;
};

void portal_init(struct sandbox *sb);
void portal_release(struct sandbox *sb);

#define ANY_TIME INT64_MAX

/* NULL where there is none. portal_contact answers that very record, merged or archived or not. */
/* The word that makes a property of this type and kind of field. */
const char *portal_type_word(const struct property *p);
struct property *portal_property(const struct sandbox *sb, struct slice name);
struct contact *portal_contact(const struct sandbox *sb, int64_t id);
/* The record that reading this id gives: follows merges; an archived one only where asked for. */
struct contact *portal_find(const struct sandbox *sb, int64_t id, bool archived);
/* The living contact with that address, or NULL. */
struct contact *portal_find_email(const struct sandbox *sb, struct slice email);
bool contact_lives(const struct contact *c);
/* What a property held at `at_ms` (ANY_TIME: now); empty where unset. May use `memory` for text. */
struct slice contact_value(const struct contact *c, const struct property *p, int64_t at_ms,
			   struct arena *memory);
int64_t contact_modified(const struct contact *c, int64_t at_ms);
const struct field *contact_field(const struct contact *c, const struct property *p);
/* Writes under the given sourceType; checks the value against the property. */
enum rc contact_write(struct sandbox *sb, int64_t now_ms, struct contact *c, struct slice name,
		      struct slice value, const char *source, struct err *err) MUST_CHECK;
enum rc contact_create(struct sandbox *sb, int64_t now_ms, int64_t id,
		       const struct json *properties, const char *source, struct contact **out,
		       struct err *err) MUST_CHECK;
/* An empty record, without any property. */
struct contact *contact_add(struct sandbox *sb, int64_t id, int64_t created_ms);
struct field *contact_open_field(struct contact *c, const struct property *p);
void field_add(struct field *f, struct entry e);
void contact_touch(struct contact *c, int64_t now_ms);
void contact_add_merged(struct contact *c, int64_t id);
/* Makes the address lead to this contact. */
void portal_note_email(struct sandbox *sb, struct contact *c);
/* A value as it comes in JSON: text, or a number or a truth written out. */
struct slice property_text(const struct json *v, struct arena *memory);
void contact_purge(struct sandbox *sb, int64_t now_ms, struct contact *c); /* gdpr-delete */

struct list *portal_list(const struct sandbox *sb, int64_t id); /* NULL where none, or deleted */
struct list *list_named(const struct sandbox *sb, struct slice name); /* case does not count */
bool member_shows(const struct member *m, int64_t now_ms);
size_t list_size(const struct list *l, int64_t now_ms);
/* The last time a row came into view, or left; 0 for never. */
int64_t list_last_added(const struct list *l, int64_t now_ms);
int64_t list_last_removed(const struct list *l, int64_t now_ms);
struct member *list_add_member(struct list *l, struct contact *who, int64_t at_ms,
			       int64_t shows_ms);
void lists_merge(struct sandbox *sb, int64_t now_ms, const struct contact *primary,
		 const struct contact *other, struct contact *result);
void lists_release(struct sandbox *sb);

/* ---- Certifier's state (desk.c) ----------------------------------------- */

struct group {
	const char *id, *name;
	int64_t created_ms;
};

struct credential {
	const char *id, *public_id, *group, *recipient_id;
	const char *name, *email;	      /* email NULL where none */
	const char *issue_date, *expiry_date; /* expiry_date NULL where none */
	struct json *custom;
	int64_t created_ms, updated_ms;
	bool issued, gone;
	int mails;
};

struct desk {
	struct group **group;
	size_t groups, group_cap;
	const char **attribute;
	size_t attributes, attribute_cap;
	struct credential **credential; /* in order of creation */
	size_t credentials, credential_cap;
	struct map by_id;
	struct sandbox_mail *mail;
	size_t mails, mail_cap;
	bool expiry_refused;
};

void desk_init(struct sandbox *sb);
void desk_release(struct sandbox *sb);
const struct group *desk_group(const struct sandbox *sb, struct slice id);
bool desk_has_attribute(const struct sandbox *sb, struct slice tag);
struct credential *desk_credential(const struct sandbox *sb, struct slice id); /* NULL where none */
struct credential *desk_add_credential(struct sandbox *sb, const char *id);
void desk_remove_credential(struct sandbox *sb, struct credential *c);
void desk_add_mail(struct sandbox *sb, int64_t now_ms, const char *credential, const char *email);
/* "draft", "issued", or "expired" once the expiry date has passed. */
const char *credential_status(const struct credential *c, int64_t now_ms);

/* ---- webhooks (hooks.c) -------------------------------------------------- */

struct hooks {
	struct sandbox_hook hook;   /* url NULL: nobody is told */
	struct hook_event *waiting; /* oldest first */
	size_t count, cap;
	struct delivery *delivery; /* made and not done, oldest first */
	uint64_t made;
};

void hooks_release(struct sandbox *sb);
/* Something happened, "contact.creation" and the like. `type` must be a constant. */
void hooks_note(struct sandbox *sb, int64_t now_ms, const char *type, int64_t id);
void hooks_note_change(struct sandbox *sb, int64_t now_ms, int64_t id, const char *property,
		       struct slice value);
void hooks_note_merge(struct sandbox *sb, int64_t now_ms, int64_t result, int64_t primary,
		      int64_t other);

struct call;

/* ---- OAuth (oauth.c) ------------------------------------------------------ */

/* What somebody granted to an app. */
struct consent {
	const char *client, *scopes, *refresh;
	int64_t hub_id;
	bool revoked;
	struct consent *next;
};

struct access {
	const char *token;
	struct consent *consent;
	int64_t expires_ms;
	bool dead;
};

struct code {
	const char *text, *client, *redirect, *challenge, *scopes;
	int64_t at_ms;
	bool used;
	struct code *next;
};

/* *is_one: the call carries an access token of OAuth; NULL where it is none that was ever given. */
const struct access *access_of(const struct call *call, bool *is_one);
bool access_holds(const struct access *a, int64_t now_ms);
bool scopes_hold(const char *scopes, const char *scope); /* separated by blanks */
void consent_load(struct sandbox *sb, const struct json *v);
struct json *consents_save(const struct sandbox *sb);

void oauth_authorize(struct call *call);
void oauth_decide(struct call *call);
void oauth_token(struct call *call);
void oauth_introspect(struct call *call);
void oauth_revoke(struct call *call);
void oauth_access_info(struct call *call);
void oauth_refresh_info(struct call *call);
void oauth_refresh_delete(struct call *call);

/* ---- the whole ---------------------------------------------------------- */

struct planned_fault {
	const char *call;
	enum sandbox_fault kind;
	int status, retry_after_s, skip, times;
};

#define SEARCH_PER_SECOND 5
#define CALLS_PER_WINDOW 100
#define WINDOW_MS (10 * MS_SECOND)

struct sandbox {
	struct sandbox_options options;
	struct arena memory;
	struct portal portal;
	struct desk desk;
	struct hooks hooks;
	struct planned_fault *fault;
	size_t faults, fault_cap;
	struct map calls;		      /* name -> size_t */
	int64_t search_at[SEARCH_PER_SECOND]; /* the last ones, as a ring; 0: none */
	int64_t call_at[CALLS_PER_WINDOW];
	size_t search_next, call_next;
	int64_t day, calls_today;	 /* days since 1970 */
	int64_t bucket_milli, bucket_ms; /* Certifier's tokens in thousandths, when last filled */
	struct consent *consent;	 /* newest first */
	struct code *code;		 /* likewise */
	struct map access;		 /* token -> struct access */
	uint64_t drawn;			 /* numbers taken from the seed */
	int64_t now_ms;			 /* of the last call */
};

uint64_t sandbox_random(struct sandbox *sb);
void sandbox_count(struct sandbox *sb, const char *call);

/* ---- a call in work (call.c) -------------------------------------------- */

#define MAX_SEGMENTS 12

struct call {
	struct sandbox *sb;
	int64_t now_ms;
	const struct sandbox_request *request;
	struct sandbox_answer *answer;
	const char *name;		    /* what the counters call it */
	struct slice segment[MAX_SEGMENTS]; /* of the path, decoded */
	size_t segments;
	struct json *body; /* NULL where there is none */
	struct arena memory;
};

/*
 * One row of a service's table of routes. `path` are segments; `*` stands for
 * any one of them, `contacts` also for `0-1`.
 */
struct route {
	const char *method, *path, *name;
	void (*serve)(struct call *call);
	unsigned flags;
};
#define ROUTE_BODY 1u	/* JSON must come with it */
#define ROUTE_OPEN 4u	/* needs no scope */
#define ROUTE_ANYONE 8u /* asks for no token, and counts in no limit: OAuth */
#define ROUTE_FORM 16u	/* a form comes with it */
#define ROUTE_EXEMPT 2u /* not counted in HubSpot's 10-second limit: search */

void call_split(struct call *call, const char *path);
/*
 * The row that serves the call, from segment `first` on; *other_method: only the method is
 * wrong.
 */
const struct route *call_route(const struct call *call, const struct route *table, size_t first,
			       bool *other_method);
/* `Bearer <token>` with this token, or with any where `token` is NULL. */
bool call_authorised(const struct call *call, const char *token);
bool call_parse_body(struct call *call);
/* name=value&… as an object of texts; of a name that comes twice the first counts. */
struct json *parse_form(struct call *call, struct slice text);

/* A query parameter, decoded; ptr NULL where it is absent. `nth` counts repeated ones. */
struct slice call_query(struct call *call, const char *name, size_t nth);
/* A parameter as whole number into *value, which stays where it is absent; false: does not fit. */
bool call_query_int(struct call *call, const char *name, int64_t min, int64_t max, int64_t *value);
/* Percent-decoded into memory; `form`: + is a space. */
struct slice url_decode(struct arena *memory, struct slice text, bool form);
/* Digits only, up to 18 of them. */
bool read_number(struct slice text, int64_t *out);

void call_header(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void call_reply(struct call *call, int status, struct json *body); /* takes body */
void call_reply_text(struct call *call, int status, const char *text);
/* ISO 8601 as HubSpot writes it: without a fraction where that is zero. Lent by the call. */
const char *call_stamp(struct call *call, int64_t at_ms);
const char *stamp_text(struct arena *memory, int64_t at_ms);

/* ---- the faces ---------------------------------------------------------- */

/* Each finds the row, sets call->name; then serves it. NULL after an answer was given. */
const struct route *hubspot_route(struct call *call);
const struct route *certifier_route(struct call *call);
void hubspot_serve(struct call *call, const struct route *route);
void certifier_serve(struct call *call, const struct route *route);
void hubspot_status(struct call *call, int status); /* the body of an injected status */
void certifier_status(struct call *call, int status);
/*
 * All that is neither service (actions.c): `/` the page, `/sandbox/…` JSON calls
 * and the page's forms.
 */
void actions_serve(struct call *call);
/* The page as HTML; problem: what the last form was refused for, or NULL (page.c). */
void page_reply(struct call *call, int status, const char *problem);
void page_add(struct str *out, struct slice text); /* escaped */

/* An option that may be changed while the sandbox lives, by name. */
struct option_row {
	const char *name, *help;
	enum { OPTION_FLAG, OPTION_NUMBER, OPTION_STATUS } kind;
	size_t offset; /* in struct sandbox_options */
};
extern const struct option_row option_rows[]; /* ends with a NULL name */

void hubspot_error(struct call *call, int status, const char *category, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void certifier_error(struct call *call, int status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define PORTAL_ID "1234567"
#define SANDBOX_PORTAL 1234567

void hubspot_get_contact(struct call *call);
void hubspot_get_contacts(struct call *call);
void hubspot_batch_read(struct call *call);
void hubspot_create_contact(struct call *call);
void hubspot_update_contact(struct call *call);
void hubspot_delete_contact(struct call *call);
void hubspot_merge_contacts(struct call *call);
void hubspot_purge_contact(struct call *call);
void hubspot_search(struct call *call);
void hubspot_list_get(struct call *call);
void hubspot_list_by_name(struct call *call);
void hubspot_lists_get(struct call *call);
void hubspot_lists_search(struct call *call);
void hubspot_members(struct call *call);
void hubspot_members_joined(struct call *call);
void hubspot_members_add(struct call *call);
void hubspot_members_remove(struct call *call);
void hubspot_record_lists(struct call *call);
void hubspot_properties(struct call *call);
void hubspot_property(struct call *call);
/* A record as the API shows it at `at_ms`. Names are arrays of text or NULL; both lend. */
struct json *hubspot_record(struct call *call, const struct contact *c,
			    const struct json *properties, const struct json *histories,
			    int64_t at_ms);

void certifier_search(struct call *call);
void certifier_get_group(struct call *call);
void certifier_list_groups(struct call *call);
void certifier_list_designs(struct call *call);
void certifier_credential_designs(struct call *call);
void certifier_list_attributes(struct call *call);
/* The credential that the path names, or NULL after a 404. */
struct credential *certifier_named(struct call *call);
struct json *certifier_object(struct call *call, const struct credential *c);
/* A new id of Certifier's kind, made at `at_ms`. Lent by the sandbox. */
const char *certifier_id(struct sandbox *sb, int64_t at_ms);
const char *certifier_public_id(struct sandbox *sb);

struct page {
	size_t from, limit;
};
/* Reads a page from `limit` (absent: NULL) and `cursor`; false after a 400. */
bool certifier_page(struct call *call, const struct json *limit, struct slice cursor,
		    struct page *page);
/* The same from the query. */
bool certifier_query_page(struct call *call, struct page *page);
/* {"data": the rows, "pagination": …}; takes rows, of which there are `total` in all. */
void certifier_reply_page(struct call *call, struct json *rows, const struct page *page,
			  size_t total);

#endif

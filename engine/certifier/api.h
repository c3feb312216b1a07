/*
 * api - Certifier's requests and answers as values: facts/certifier.md 1 to 3.
 * What an answer means for an issuance is not here (issue.c, settle.c).
 * For this folder only.
 */
#ifndef ENGINE_CERTIFIER_API_H
#define ENGINE_CERTIFIER_API_H

#include "engine/action.h"
#include "engine/certifier/probe.h"

struct action {
	char *base;   /* "https://api.certifier.io/v1" */
	char *portal; /* "https://credsverse.com/credentials" */
	struct str token;
	struct probe probe;
};

/* One answer and all that it takes to judge it. */
struct answer {
	const struct action *action;
	const struct issuance *is;
	const struct http_response *response;
	const struct json *body; /* NULL where it is no JSON */
	const struct action_view *view;
	struct arena *memory;
};

/* ---- requests: fill `out`, texts live in `memory` ------------------------ */

void api_create(const struct action *a, const struct issuance *is, struct arena *memory,
		struct http_request *out);
void api_issue(const struct action *a, const struct issuance *is, struct arena *memory,
	       struct http_request *out);
void api_send(const struct action *a, const struct issuance *is, struct arena *memory,
	      struct http_request *out);
/* The page at is->cursor of all credentials of the recipient's address, oldest first. */
void api_search(const struct action *a, const struct issuance *is, struct arena *memory,
		struct http_request *out);
void api_get(const struct action *a, const struct issuance *is, struct arena *memory,
	     struct http_request *out);
/* The credential, whatever its state: facts/certifier.md 2.6. */
void api_delete(const struct action *a, const char *credential, struct arena *memory,
		struct http_request *out);
/* The page at `cursor` (NULL: the first) of all credentials, newest first. */
void api_newest(const struct action *a, const char *cursor, struct arena *memory,
		struct http_request *out);
void api_groups(const struct action *a, const char *cursor, struct arena *memory,
		struct http_request *out); /* cursor "": the first page */
void api_attributes(const struct action *a, struct arena *memory, struct http_request *out);

/* The attributes of an answer: it is a bare array, or a page. */
const struct json *api_attribute_list(const struct json *body);
/* "custom.x" of an attribute, whose tag comes with or without that; empty where it has none. */
void api_attribute_key(const struct json *attribute, struct str *out);

/* ---- answers -------------------------------------------------------------- */

/* A whole answer with a status from 200 to 299. */
bool api_is_good(const struct http_response *r);
/* Retry-After, or 0. */
int64_t api_retry_ms(const struct http_response *r);

/* Letters, digits, - and _ as in the group of a rule, 1 to LIMIT_ID_BYTES: what may go into paths and keys. */
bool api_id_valid(struct slice id);
/* Where the recipient sees it; NULL where the service named no usable public id. */
const char *api_public_url(const struct action *a, const struct json *credential,
			   struct arena *memory);
/* Sets credential, and public_url where there is one. False where no id can be used. */
bool api_take_ids(const struct answer *an, const struct json *credential, struct verdict *out);
/* "issued", or "expired", which it can only be after that. */
bool api_is_issued(const struct json *credential);
/* Whether a credential has recipient, dates and attributes with which this issuance was created. */
bool api_same_fields(const struct json *credential, const struct issuance *is,
		     struct arena *memory);
/* The next page's cursor; empty where this was the last, or where it cannot be used. */
struct slice api_next_cursor(const struct json *page, const char *cursor);

/*
 * One line on an answer that is not good: status, code and the head of the
 * message, without the recipient's name and address and our token.
 */
const char *api_problem(const struct answer *an);

#endif

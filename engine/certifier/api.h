/*
 * api - Certifier's requests and answers as values: facts/certifier.md 1 to 3.
 * For this folder only.
 */
#ifndef ENGINE_CERTIFIER_API_H
#define ENGINE_CERTIFIER_API_H

#include "base/map.h"
#include "engine/action.h"

struct action {
	const struct account *account;	/* lent: the outbox keeps its table alive */
	char *base;
	char *portal;
	struct str token;
	/* what the probe learnt */
	enum { PROBE_GROUPS, PROBE_ATTRIBUTES, PROBE_DONE } probe;
	struct str cursor;
	struct map groups, attributes;	/* id, resp. "custom.x" -> itself */
	struct str problem;
};

/* Fill `out`; texts live in `memory`. */
void api_create(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out);
void api_issue(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out);
void api_send(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out);
void api_search(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out);
void api_get(const struct action *a, const struct issuance *is, struct arena *memory, struct http_request *out);
void api_groups(const struct action *a, const char *cursor, struct arena *memory, struct http_request *out);
void api_attributes(const struct action *a, struct arena *memory, struct http_request *out);

/* An id from an answer that may go into paths and keys. */
bool api_id_valid(struct slice id);
/* "validation_error: message" of an error body, at most 200 bytes, without the recipient's name and address. */
const char *api_error(const struct json *body, const struct issuance *is, struct arena *memory);
/* Text of a rendered field; empty where there is none. */
struct slice api_field(const struct issuance *is, const char *name);
/* Whether a credential object has the fields that this issuance was created with. */
bool api_same_fields(const struct json *credential, const struct issuance *is);

#endif

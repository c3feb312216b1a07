/*
 * doctor - HubSpot's part of a check: facts/hubspot.md 1.3, 1.4 and 6.1.
 *
 *	what the token is and may do -> one contact's id -> done
 *
 * The first is not told of every token; then the second shows whether it is accepted. Of a grant over
 * OAuth the state knows what it may do.
 */
#include "engine/hubspot/hubspot.h"

#include <string.h>

#include "base/clock.h"
#include "base/mask.h"
#include "engine/hubspot/doctor_webhook.h"
#include "engine/hubspot/hub.h"

#define TIMEOUT_MS (30 * MS_SECOND)
#define SAID_BYTES 200 /* of a foreign message */
#define DAY_LITTLE 10  /* percent of a day's calls: less is a warning */

enum asks { ASKS_TOKEN, ASKS_CONTACT, ASKS_DONE };

enum scope { SCOPE_CONTACTS, SCOPE_LISTS, SCOPE_SCHEMAS, SCOPES };

struct reader {
	struct patient patient;
	enum asks asks;
	bool told, granted[SCOPES]; /* told: what the token may do was said */
	bool known;		    /* the state knows it, and it is to be said */
	struct str body;	    /* holds the token */
};

static const char *const scopes[SCOPES] = {
	[SCOPE_CONTACTS] = "crm.objects.contacts.read",
	[SCOPE_LISTS] = "crm.lists.read",
	[SCOPE_SCHEMAS] = "crm.schemas.contacts.read",
};

static const char *grant(const struct patient *p)
{
	return bearer_may_change(p->bearer)
		       ? "add it to the app at HubSpot, then run 'hs2cert connect' again"
		       : "add it to the service key or app at HubSpot";
}

static const struct account *account_of(const struct patient *p)
{
	return &p->table->account[p->account];
}

static struct reader *reader_open(const struct patient *patient)
{
	struct reader *r = mem_alloc(sizeof(*r));

	r->patient = *patient;
	r->known = bearer_scopes(patient->bearer).len > 0;
	for (size_t i = 0; i < SCOPES; i++)
		r->granted[i] = oauth_has_scope(bearer_scopes(patient->bearer), scopes[i]);
	if (r->known)
		r->asks = ASKS_CONTACT;
	str_init(&r->body, 8 * LIMIT_SECRET_BYTES);
	return r;
}

static void reader_close(struct reader *r)
{
	str_wipe(&r->body);
	mem_free(r);
}

/* ---- requests ------------------------------------------------------------------- */

static void ask_token(struct reader *r, struct arena *memory, struct http_request *out)
{
	str_wipe(&r->body);
	str_add_text(&r->body, "{\"tokenKey\":");
	str_add_json(&r->body, bearer_token(r->patient.bearer));
	str_add_char(&r->body, '}');
	out->method = "POST";
	out->url = arena_printf(memory, "%s/oauth/v2/private-apps/get/access-token-info",
				account_text(account_of(&r->patient), "base-url"));
	out->header[1] = "Content-Type: application/json";
	out->body = str_slice(&r->body);
	out->has_body = true;
}

static bool reader_next(struct reader *r, struct arena *memory, struct http_request *out)
{
	if (r->asks == ASKS_DONE)
		return false;
	*out = (struct http_request){
		.method = "GET",
		.url = hub_account_url(account_of(&r->patient), AREA_CONTACTS,
				       "?limit=1&properties=hs_object_id&archived=false", memory),
		.bearer = arena_text(memory, bearer_token(r->patient.bearer)),
		.header = { "Accept: application/json" },
		.timeout_ms = TIMEOUT_MS,
	};
	if (r->asks == ASKS_TOKEN)
		ask_token(r, memory, out);
	return true;
}

static int64_t reader_pace_ms(const struct reader *r)
{
	(void)r;
	return 0;
}

/* ---- what the rules need ---------------------------------------------------------- */

/* The first rule that needs the scope; NULL where none does. Of labels, too: *labels. */
static const struct rule *needs(const struct patient *p, enum scope scope)
{
	for (size_t i = 0; i < p->table->n_rule; i++) {
		const struct rule *rule = &p->table->rule[i];
		if (rule->source == p->account && rule->mode != MODE_OFF &&
		    (scope == SCOPE_CONTACTS ||
		     (scope == SCOPE_LISTS && rule->event == EVENT_LIST_ADDED)))
			return rule;
	}
	return NULL;
}

static bool needs_labels(const struct patient *p)
{
	for (size_t i = 0; i < p->table->n_property; i++)
		if (p->table->property[i].source == p->account && p->table->property[i].label)
			return true;
	return false;
}

/* Without schemas.read HubSpot may show properties all the same to whoever may read contacts: never an error. */
static void lacks(const struct patient *p, enum scope scope)
{
	const struct rule *rule = needs(p, scope);
	const char *name = account_of(p)->name;

	if (scope == SCOPE_SCHEMAS)
		remarks_add(p->out, REMARK_WARNING, name, "scopes", grant(p),
			    "%s is missing: HubSpot may refuse the names of properties to "
			    "'hs2cert pull'%s",
			    scopes[scope],
			    needs_labels(p) ? ", and the labels that rules use" : "");
	else if (rule)
		remarks_add(p->out, REMARK_ERROR, name, "scopes", grant(p),
			    "%s is missing: rule '%s' needs it", scopes[scope], rule->name);
	else if (!p->rules)
		remarks_add(p->out, REMARK_ERROR, name, "scopes", grant(p), "%s is missing",
			    scopes[scope]);
	else
		remarks_add(p->out, REMARK_WARNING, name, "scopes", grant(p),
			    "%s is missing: no rule needs it, 'hs2cert pull' does", scopes[scope]);
}

static void tell_scopes(const struct reader *r)
{
	const struct patient *p = &r->patient;
	struct str all;
	bool whole = true;

	str_init(&all, LIMIT_FIELD_BYTES);
	for (size_t i = 0; i < SCOPES; i++) {
		if (!r->granted[i])
			lacks(p, (enum scope)i);
		whole = whole && r->granted[i];
		str_addf(&all, "%s%s", i ? ", " : "", scopes[i]);
	}
	if (whole)
		remarks_add(p->out, REMARK_OK, account_of(p)->name, "scopes", NULL, "%s",
			    str_text(&all));
	str_release(&all);
}

/* ---- what came ---------------------------------------------------------------------- */

static void take_token(struct reader *r, const struct json *body)
{
	const struct json *list = json_get(body, "scopes");
	const struct patient *p = &r->patient;
	char room[24];

	for (size_t i = 0; i < json_count(list); i++)
		for (size_t k = 0; k < SCOPES; k++)
			if (slice_is(json_slice(json_at(list, i)), scopes[k]))
				r->granted[k] = true;
	struct slice portal = hub_id_of(body, "hubId", room);
	remarks_add(p->out, REMARK_OK, account_of(p)->name, "token", NULL,
		    portal.len ? "accepted, portal %.*s" : "accepted", SLICE_FMT(portal));
	tell_scopes(r);
	r->told = true;
	r->asks = r->granted[SCOPE_CONTACTS] ? ASKS_CONTACT : ASKS_DONE;
}

/* A token of another kind, or one that may read contacts after all. */
static void take_contact(struct reader *r)
{
	const struct patient *p = &r->patient;

	if (!r->told)
		remarks_add(p->out, REMARK_OK, account_of(p)->name, "token", NULL, "accepted");
	if (r->known)
		tell_scopes(r);
	else if (!r->told)
		remarks_add(p->out, REMARK_OK, account_of(p)->name, "scopes", NULL,
			    "HubSpot does not tell those of this token; contacts can be read");
	r->asks = ASKS_DONE;
}

static enum rc refuse(const struct reader *r, const struct http_response *response,
		      const struct json *body, int64_t *wait_ms, struct err *err)
{
	int status = response->status;
	struct str said;

	if (response->outcome != HTTP_ANSWER)
		return err_set(err, RC_AGAIN, "no answer: %s", response->problem);
	if (status == 401)
		return err_set(err, RC_REFUSED, "401 the token is not accepted");
	*wait_ms = response->retry_after_ms != HTTP_ABSENT ? response->retry_after_ms
							   : hub_wait_ms(status, body);
	str_init(&said, LIMIT_FIELD_BYTES);
	mask_said(&said, json_get_slice(body, "message"), bearer_token(r->patient.bearer),
		  SAID_BYTES);
	bool good = status < 300;
	enum rc rc = err_set(
		err, good || hub_is_passing(status) ? RC_AGAIN : RC_REFUSED, "%d %s", status,
		good ? "with an answer that is cut or cannot be used" : str_text(&said));
	str_release(&said);
	return rc;
}

/* What says no more than that this cannot be told of this token. */
static bool is_no_word(const struct reader *r, int status)
{
	return r->asks == ASKS_TOKEN && (status == 400 || status == 403 || status == 404);
}

static enum rc take(struct reader *r, const struct http_response *response, const struct json *body,
		    int64_t *wait_ms, struct err *err)
{
	bool answer = response->outcome == HTTP_ANSWER;

	if (answer && is_no_word(r, response->status)) {
		r->asks = ASKS_CONTACT;
	} else if (answer && response->status == 403) {
		/* Told before where HubSpot tells scopes at all. */
		lacks(&r->patient, SCOPE_CONTACTS);
		r->asks = ASKS_DONE;
	} else if (!answer || response->status != 200 ||
		   json_kind(json_get(body, r->asks == ASKS_TOKEN ? "scopes" : "results")) !=
			   IS_ARRAY) {
		return refuse(r, response, body, wait_ms, err);
	} else if (r->asks == ASKS_TOKEN) {
		take_token(r, body);
	} else {
		take_contact(r);
	}
	return RC_OK;
}

static enum rc reader_answer(struct reader *r, const struct http_response *response,
			     int64_t *wait_ms, struct err *err)
{
	struct err ignored;
	struct json *body = response->outcome == HTTP_ANSWER ? json_parse(response->body, &ignored)
							     : NULL;
	enum rc rc = take(r, response, body, wait_ms, err);

	json_free(body);
	return rc;
}

/* ---- what is left --------------------------------------------------------------------- */

/* OAuth tokens have no daily limit: facts/hubspot.md 6.1. */
static void tell_day(const struct patient *p, const struct vitals *v)
{
	const char *name = account_of(p)->name;
	bool little = v->day_left * 100 < v->day_max * DAY_LITTLE;

	remarks_add(
		p->out,
		v->day_left <= 0 ? REMARK_ERROR
		: little	 ? REMARK_WARNING
				 : REMARK_OK,
		name, "limits",
		little ? "look at who else calls HubSpot; poll less often; the day ends at midnight "
			 "of the portal's time zone"
		       : NULL,
		"%lld of %lld calls are left today", (long long)v->day_left, (long long)v->day_max);
}

static void tell_limits(const struct patient *p, const struct vitals *v)
{
	const char *name = account_of(p)->name;
	int64_t window_ms = v->rate_interval_ms != HTTP_ABSENT ? v->rate_interval_ms
							       : 10 * MS_SECOND;
	char window[CLOCK_TEXT];

	if (v->rate_max != HTTP_ABSENT && v->rate_left != HTTP_ABSENT)
		remarks_add(p->out, v->rate_left * 5 < v->rate_max ? REMARK_WARNING : REMARK_OK,
			    name, "limits",
			    v->rate_left * 5 < v->rate_max ? "look at who else uses this token"
							   : NULL,
			    "%lld of %lld calls are left of these %s", (long long)v->rate_left,
			    (long long)v->rate_max, clock_format_duration(window_ms, window));
	if (v->day_max != HTTP_ABSENT && v->day_left != HTTP_ABSENT)
		tell_day(p, v);
	else if (v->rate_max == HTTP_ABSENT)
		remarks_add(p->out, REMARK_OK, name, "limits", NULL, "not told by the answers");
}

const struct doctor_ops hubspot_doctor = {
	.type = "hubspot",
	.open = reader_open,
	.reads = { .next = reader_next,
		   .pace_ms = reader_pace_ms,
		   .answer = reader_answer,
		   .close = reader_close },
	.beside = webhook_open,
	.beside_reads = &webhook_reads,
	.limits = tell_limits,
};

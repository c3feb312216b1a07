/* Certifier's requests byte for byte, and what every answer means: behaviour.md, "Issuing". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/certifier/certifier.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ATTEMPT INT64_C(1795428000000) /* 2026-11-23T10:00:00Z */
#define ID "01hz2f0c9ryvzajg20jqh9taab"
#define PUBLIC_ID "124a8110-1af5-4747-9308-e9d06bd1852a"
#define PUBLIC_URL "https://credsverse.com/credentials/" PUBLIC_ID

static const struct action_ops *const ops = &certifier_ops;

static const struct setting settings[] = {
	{ .key = "base-url", .kind = SETTING_TEXT, .text = "https://api.certifier.io/v1" },
	{ .key = "portal-url", .kind = SETTING_TEXT, .text = "https://credsverse.com/credentials" },
};
static const struct account account = { "certifier", "certifier", settings, COUNT(settings) };

/* One issuance, one action, and what is known about other issuances. */
struct bed {
	struct action *action;
	struct arena memory;
	struct json *fields;
	struct issuance is;
	struct action_view view;
	const char *held; /* a credential that another issuance holds */
	const char *sent; /* the expiry date that another issuance sent, whose create was lost */
};

static struct json *fields_of(const char *text)
{
	struct err err;
	struct json *fields = json_parse(slice_of(text), &err);

	assert_non_null(fields);
	return fields;
}

static bool credential_held(void *ctx, const char *credential)
{
	const struct bed *b = ctx;

	return b->held && strcmp(b->held, credential) == 0;
}

static bool sent_elsewhere(void *ctx, const char *field, struct slice value)
{
	const struct bed *b = ctx;

	assert_string_equal(field, "expiry-date");
	return b->sent && slice_is(value, b->sent);
}

static int set_up(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));

	arena_init(&b->memory);
	b->action = ops->open(&account, slice_of("tok"));
	b->fields = fields_of(
		"{\"recipient.name\":\"Ada Byron\",\"recipient.email\":\"ada@example.org\","
		"\"issue-date\":\"2026-11-23\",\"custom.mentor\":\"Grace\"}");
	b->is = (struct issuance){ .id = 7,
				   .rule = "r",
				   .group = "g1",
				   .do_issue = true,
				   .do_send = true,
				   .fields = b->fields,
				   .state = STATE_PLANNED,
				   .attempts = 1,
				   .attempt_ms = ATTEMPT };
	b->view = (struct action_view){ b, credential_held, sent_elsewhere, ATTEMPT + 500,
					ATTEMPT };
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	ops->close(b->action);
	json_free(b->fields);
	arena_release(&b->memory);
	mem_free(b);
	return 0;
}

static void set_fields(struct bed *b, const char *text)
{
	json_free(b->fields);
	b->fields = fields_of(text);
	b->is.fields = b->fields;
}

static void set_state(struct bed *b, enum issuance_state state)
{
	b->is.state = state;
	b->is.credential = state == STATE_PLANNED || state == STATE_CREATING ? NULL : ID;
}

static struct http_response answer(int status, const char *body)
{
	return (struct http_response){ .outcome = HTTP_ANSWER,
				       .status = status,
				       .body = slice_of(body),
				       .date_ms = HTTP_ABSENT,
				       .retry_after_ms = HTTP_ABSENT,
				       .rate_max = HTTP_ABSENT,
				       .rate_interval_ms = HTTP_ABSENT };
}

/* Takes the step of the issuance's state and judges its answer, as the outbox does. */
static struct verdict judge(struct bed *b, const struct http_response *r)
{
	struct issuance is = b->is;
	struct step step;
	struct verdict v;

	ops->step(b->action, &is, &b->memory, &step);
	if (step.write)
		is.state = step.doing;
	ops->verdict(b->action, &is, &step, r, &b->view, &b->memory, &v);
	return v;
}

static struct verdict judge_body(struct bed *b, int status, const char *body)
{
	struct http_response r = answer(status, body);

	return judge(b, &r);
}

/* ---- requests -------------------------------------------------------------- */

struct wanted {
	enum issuance_state from, doing;
	bool write;
	const char *method, *url, *body;
};

static void assert_request(struct bed *b, const struct wanted *w)
{
	struct step step;

	set_state(b, w->from);
	ops->step(b->action, &b->is, &b->memory, &step);
	const struct http_request *r = &step.request;
	assert_int_equal(step.write, w->write);
	assert_int_equal(step.doing, w->doing);
	assert_string_equal(r->method, w->method);
	assert_string_equal(r->url, w->url);
	assert_int_equal(r->has_body, w->body != NULL);
	if (w->body && !slice_is(r->body, w->body))
		fail_msg("%.*s", SLICE_FMT(r->body));
	assert_int_equal(r->fresh, w->write);
	assert_int_equal(r->timeout_ms, 30000);
	assert_string_equal(r->bearer, "tok");
	assert_string_equal(r->header[0], "Certifier-Version: 2022-10-26");
	assert_string_equal(r->header[1], "Accept: application/json");
	if (w->body)
		assert_string_equal(r->header[2], "Content-Type: application/json");
	else
		assert_null(r->header[2]);
}

#define BASE "https://api.certifier.io/v1"

static void requests(void **state)
{
	static const struct wanted rows[] = {
		{ STATE_PLANNED, STATE_CREATING, true, "POST", BASE "/credentials",
		  "{\"groupId\":\"g1\",\"recipient\":{\"name\":\"Ada Byron\",\"email\":\"ada@example.org\"},"
		  "\"issueDate\":\"2026-11-23\",\"customAttributes\":{\"custom.mentor\":\"Grace\"}}" },
		{ STATE_DRAFT, STATE_ISSUING, true, "POST", BASE "/credentials/" ID "/issue",
		  "{}" },
		{ STATE_ISSUED, STATE_SENDING, true, "POST", BASE "/credentials/" ID "/send",
		  "{\"deliveryMethod\":\"email\"}" },
		{ STATE_ISSUING, STATE_ISSUING, false, "GET", BASE "/credentials/" ID, NULL },
		{ STATE_CREATING, STATE_CREATING, false, "POST", BASE "/credentials/search",
		  "{\"filter\":{\"OR\":[{\"recipient\":{\"email\":{\"equals\":\"ada@example.org\"}}}]},"
		  "\"sort\":{\"property\":\"createdAt\",\"order\":\"asc\"},\"limit\":100}" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_request(*state, &rows[i]);
}

static void a_create_leaves_out_what_is_empty(void **state)
{
	static const struct wanted w = {
		STATE_PLANNED,
		STATE_CREATING,
		true,
		"POST",
		BASE "/credentials",
		"{\"groupId\":\"g1\",\"recipient\":{\"name\":\"\\\"Ada\\\"\\n\",\"email\":\"ada@example.org\"},"
		"\"issueDate\":\"2026-11-23\",\"expiryDate\":\"2027-11-23\"}"
	};
	struct bed *b = *state;

	set_fields(
		b,
		"{\"recipient.name\":\"\\\"Ada\\\"\\n\",\"recipient.email\":\"ada@example.org\","
		"\"issue-date\":\"2026-11-23\",\"expiry-date\":\"2027-11-23\",\"custom.mentor\":\"\"}");
	assert_request(b, &w);
}

static void a_search_asks_in_both_cases_and_goes_on(void **state)
{
	static const struct wanted w = {
		STATE_CREATING,
		STATE_CREATING,
		false,
		"POST",
		BASE "/credentials/search",
		"{\"filter\":{\"OR\":[{\"recipient\":{\"email\":{\"equals\":\"Ada@Example.ORG\"}}},"
		"{\"recipient\":{\"email\":{\"equals\":\"ada@example.org\"}}}]},"
		"\"sort\":{\"property\":\"createdAt\",\"order\":\"asc\"},\"cursor\":\"p\\\"2\",\"limit\":100}"
	};
	struct bed *b = *state;

	set_fields(b, "{\"recipient.name\":\"Ada\",\"recipient.email\":\"Ada@Example.ORG\"}");
	b->is.cursor = "p\"2";
	assert_request(b, &w);
}

/* ---- the outcome of every write -------------------------------------------- */

#define CREDENTIAL(status)                                                                         \
	"{\"id\":\"" ID "\",\"publicId\":\"" PUBLIC_ID                                             \
	"\",\"groupId\":\"g1\",\"status\":\"" status "\"}"
#define ERROR(code, message) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"

struct outcome {
	enum issuance_state from;
	int status; /* 0: HTTP_UNKNOWN, -1: HTTP_NOT_SENT */
	const char *body;
	enum issuance_state to, held_from;
	enum verdict_scope scope;
	bool again;
	int64_t wait_ms;
	const char *reason; /* how it begins; NULL: none */
};

#define P STATE_PLANNED
#define D STATE_DRAFT
#define I STATE_ISSUED
#define NONE 0
#define HERE SCOPE_ISSUANCE

static const struct outcome outcomes[] = {
	/* create */
	{ P, 201, CREDENTIAL("draft"), D, NONE, HERE, false, 0, NULL },
	{ P, 200, CREDENTIAL("draft"), D, NONE, HERE, false, 0, NULL },
	{ P, 202, "", STATE_CREATING, NONE, HERE, false, 1000, "the answer says done" },
	{ P, 201, "<html>", STATE_CREATING, NONE, HERE, false, 1000, "the answer says done" },
	{ P, -1, NULL, P, NONE, SCOPE_ACCOUNT_WAIT, true, 0, "not sent: refused" },
	{ P, 0, NULL, STATE_CREATING, NONE, HERE, false, 1000, "no answer: cut" },
	{ P, 302, "", STATE_CREATING, NONE, HERE, false, 1000, "302" },
	{ P, 400, ERROR("validation_error", "no"), STATE_REFUSED, P, HERE, false, 0,
	  "400 validation_error: no" },
	{ P, 400, ERROR("validation_error", "Group does not exist"), STATE_HELD, P,
	  SCOPE_GROUP_HOLD, false, 0, "group: 400 validation_error: Group" },
	{ P, 400, ERROR("validation_error", "groupId: unknown"), STATE_HELD, P, SCOPE_GROUP_HOLD,
	  false, 0, "group: " },
	{ P, 400, ERROR("validation_error", "Custom attribute [custom.group] is not defined"),
	  STATE_REFUSED, P, HERE, false, 0, "400 validation_error: Custom attribute" },
	{ P, 401, ERROR("unauthorized", "Unauthorized"), P, NONE, SCOPE_ACCOUNT_STOP, false, 0,
	  "401 unauthorized: Unauthorized" },
	{ P, 402, ERROR("payment_required", "premium"), STATE_HELD, P, SCOPE_ACCOUNT_HOLD, false, 0,
	  "plan: 402 payment_required: premium" },
	{ P, 403, "", P, NONE, SCOPE_ACCOUNT_STOP, false, 0, "403" },
	{ P, 404, ERROR("not_found", "no such thing"), STATE_HELD, P, SCOPE_GROUP_HOLD, false, 0,
	  "group: 404 not_found" },
	{ P, 405, "", STATE_REFUSED, P, HERE, false, 0, "405" },
	{ P, 408, "", STATE_CREATING, NONE, HERE, false, 1000, "408" },
	{ P, 409, "", STATE_REFUSED, P, HERE, false, 0, "409" },
	{ P, 412, "", STATE_REFUSED, P, HERE, false, 0, "412" },
	{ P, 422, "", STATE_REFUSED, P, HERE, false, 0, "422" },
	{ P, 429, "", P, NONE, SCOPE_ACCOUNT_WAIT, true, 0, "429" },
	{ P, 500, "", STATE_CREATING, NONE, HERE, false, 1000, "500" },
	{ P, 503, "", STATE_CREATING, NONE, HERE, false, 1000, "503" },
	{ P, 999, "", STATE_CREATING, NONE, HERE, false, 1000, "999" },
	/* issue */
	{ D, 200, CREDENTIAL("issued"), I, NONE, HERE, false, 0, NULL },
	{ D, 200, CREDENTIAL("expired"), I, NONE, HERE, false, 0, NULL },
	{ D, 200, CREDENTIAL("draft"), STATE_ISSUING, NONE, HERE, false, 1000,
	  "the answer says done" },
	{ D, 200, CREDENTIAL("scheduled"), STATE_ISSUING, NONE, HERE, false, 1000,
	  "the answer says done" },
	{ D, 204, "", STATE_ISSUING, NONE, HERE, false, 1000, "the answer says done" },
	{ D, 200, "{\"id\":\"other\",\"status\":\"issued\"}", STATE_ISSUING, NONE, HERE, false,
	  1000, "the answer says done" },
	{ D, -1, NULL, D, NONE, SCOPE_ACCOUNT_WAIT, true, 0, "not sent: " },
	{ D, 0, NULL, STATE_ISSUING, NONE, HERE, false, 1000, "no answer: " },
	{ D, 307, "", STATE_ISSUING, NONE, HERE, false, 1000, "307" },
	{ D, 400, ERROR("bad", "group"), STATE_ISSUING, NONE, HERE, false, 1000,
	  "issue refused: 400 bad: group" },
	{ D, 401, "", D, NONE, SCOPE_ACCOUNT_STOP, false, 0, "401" },
	{ D, 402, "", STATE_HELD, D, SCOPE_ACCOUNT_HOLD, false, 0, "plan: 402" },
	{ D, 403, "", D, NONE, SCOPE_ACCOUNT_STOP, false, 0, "403" },
	{ D, 404, "", STATE_ISSUING, NONE, HERE, false, 1000, "issue refused: 404" },
	{ D, 408, "", STATE_ISSUING, NONE, HERE, false, 1000, "408" },
	{ D, 409, "", STATE_ISSUING, NONE, HERE, false, 1000, "issue refused: 409" },
	{ D, 412, "", STATE_ISSUING, NONE, HERE, false, 1000, "issue refused: 412" },
	{ D, 422, "", STATE_REFUSED, D, HERE, false, 0, "422" },
	{ D, 429, "", D, NONE, SCOPE_ACCOUNT_WAIT, true, 0, "429" },
	{ D, 502, "", STATE_ISSUING, NONE, HERE, false, 1000, "502" },
	/* send: any 2xx is a mail, whatever the body says */
	{ I, 200, CREDENTIAL("issued"), STATE_SENT, NONE, HERE, false, 0, NULL },
	{ I, 204, "", STATE_SENT, NONE, HERE, false, 0, NULL },
	{ I, 200, "<html>", STATE_SENT, NONE, HERE, false, 0, NULL },
	{ I, -1, NULL, I, NONE, SCOPE_ACCOUNT_WAIT, true, 0, "not sent: " },
	{ I, 0, NULL, STATE_SEND_UNKNOWN, NONE, HERE, false, 0, "no answer: " },
	{ I, 301, "", STATE_SEND_UNKNOWN, NONE, HERE, false, 0, "301" },
	{ I, 400, "", STATE_REFUSED, I, HERE, false, 0, "400" },
	{ I, 401, "", I, NONE, SCOPE_ACCOUNT_STOP, false, 0, "401" },
	{ I, 402, "", STATE_HELD, I, SCOPE_ACCOUNT_HOLD, false, 0, "plan: 402" },
	{ I, 403, "", I, NONE, SCOPE_ACCOUNT_STOP, false, 0, "403" },
	{ I, 404, "", STATE_REFUSED, I, HERE, false, 0, "404" },
	{ I, 408, "", STATE_SEND_UNKNOWN, NONE, HERE, false, 0, "408" },
	{ I, 409, "", STATE_REFUSED, I, HERE, false, 0, "409" },
	{ I, 412, "", STATE_REFUSED, I, HERE, false, 0, "412" },
	{ I, 422, "", STATE_REFUSED, I, HERE, false, 0, "422" },
	{ I, 429, "", I, NONE, SCOPE_ACCOUNT_WAIT, true, 0, "429" },
	{ I, 500, "", STATE_SEND_UNKNOWN, NONE, HERE, false, 0, "500" },
};

static struct http_response response_of(const struct outcome *o)
{
	struct http_response r = answer(o->status, o->body);

	if (o->status > 0)
		return r;
	r.outcome = o->status < 0 ? HTTP_NOT_SENT : HTTP_UNKNOWN;
	r.problem = o->status < 0 ? "refused" : "cut";
	r.status = 0;
	return r;
}

static bool reason_fits(const char *reason, const char *wanted)
{
	return wanted ? reason && strncmp(reason, wanted, strlen(wanted)) == 0 : !reason;
}

static void every_outcome(void **state)
{
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(outcomes); i++) {
		const struct outcome *o = &outcomes[i];
		struct http_response r = response_of(o);
		set_state(b, o->from);
		struct verdict v = judge(b, &r);
		bool held = o->to == STATE_HELD || o->to == STATE_REFUSED;
		if (v.state != o->to || (held && v.held_from != o->held_from) ||
		    v.scope != o->scope || v.again != o->again || v.wait_ms != o->wait_ms ||
		    !reason_fits(v.reason, o->reason))
			fail_msg(
				"row %zu, status %d: state %d from %d, scope %d, again %d, wait %lld, '%s'",
				i, o->status, (int)v.state, (int)v.held_from, (int)v.scope, v.again,
				(long long)v.wait_ms, v.reason ? v.reason : "(none)");
	}
}

static void ids_of_a_new_draft(void **state)
{
	struct verdict v = judge_body(*state, 201, CREDENTIAL("draft"));

	assert_string_equal(v.credential, ID);
	assert_string_equal(v.public_url, PUBLIC_URL);
}

static void retry_after_wins(void **state)
{
	struct bed *b = *state;
	struct http_response r = answer(429, "");

	r.retry_after_ms = 7000;
	assert_int_equal(judge(b, &r).wait_ms, 7000);
	r.status = 503;
	assert_int_equal(judge(b, &r).wait_ms, 7000);
	r.retry_after_ms = 0;
	assert_int_equal(judge(b, &r).wait_ms, 1000);
}

/* What another issuance holds is never taken, whatever an answer says. */
static void a_held_id_is_no_new_draft(void **state)
{
	struct bed *b = *state;

	b->held = ID;
	struct verdict v = judge_body(b, 201, CREDENTIAL("draft"));
	assert_int_equal(v.state, STATE_CREATING);
	assert_null(v.credential);
}

/* ---- hostile answers --------------------------------------------------------- */

static void unusable_bodies_leave_a_create_unknown(void **state)
{
	static const char *const bodies[] = {
		"",
		" ",
		"null",
		"[]",
		"{}",
		"7",
		"\"" ID "\"",
		"<html><body>OK</body></html>",
		"{\"id\":\"" ID "\"",
		"{\"id\":null}",
		"{\"id\":17}",
		"{\"id\":{}}",
		"{\"id\":[\"" ID "\"]}",
		"{\"id\":\"\"}",
		"{\"id\":\"a/b\"}",
		"{\"id\":\"../x\"}",
		"{\"id\":\"a b\"}",
		"{\"id\":\"a?b\"}",
		"{\"id\":\"a\\nb\"}",
		"{\"id\":\"a\\u0000b\"}",
		"{\"id\":\"\xc3\xa9\"}",
		"{\"id\":\"\xff\"}",
		"{\"id\":\"" ID "\",\"id\":\"" ID "\"}",
		"{\"data\":{\"id\":\"" ID "\"}}",
		"{\"id\":\"12345678901234567890123456789012345678901234567890123456789012345\"}",
		"{\"id\":\"" ID "\",\"x\":1e999}",
	};
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct verdict v = judge_body(b, 201, bodies[i]);
		if (v.state != STATE_CREATING || v.credential)
			fail_msg("%s", bodies[i]);
	}
}

/* Ids are the service's own; a rule's group may have as many kinds of signs. */
static void ids_may_have_hyphens_and_underscores(void **state)
{
	struct bed *b = *state;
	struct verdict v = judge_body(b, 201, "{\"id\":\"cr-01_X\",\"publicId\":\"p_1\"}");

	assert_int_equal(v.state, STATE_DRAFT);
	assert_string_equal(v.credential, "cr-01_X");
	assert_non_null(strstr(v.public_url, "/p_1"));
}

static void deep_and_huge_bodies(void **state)
{
	struct bed *b = *state;
	struct str body;

	str_init(&body, 1u << 22);
	for (int i = 0; i < 100000; i++)
		str_add_char(&body, '[');
	assert_int_equal(judge_body(b, 201, str_text(&body)).state, STATE_CREATING);
	assert_int_equal(judge_body(b, 400, str_text(&body)).state, STATE_REFUSED);
	str_clear(&body);
	str_add_text(&body, "{\"error\":{\"code\":\"bad\",\"message\":\"");
	for (int i = 0; i < 1000000; i++)
		str_add_text(&body, "\xc3\xa9");
	str_add_text(&body, "\"}}");
	struct verdict v = judge_body(b, 400, str_text(&body));
	assert_int_equal(v.state, STATE_REFUSED);
	assert_int_equal(strncmp(v.reason, "400 bad: \xc3\xa9", 11), 0);
	assert_true(strlen(v.reason) <= 4 + 200);
	assert_true(utf8_valid(slice_of(v.reason)));
	str_release(&body);
}

static void a_hostile_public_id_gives_no_link(void **state)
{
	static const char *const bodies[] = {
		"{\"id\":\"" ID "\",\"publicId\":\"../../evil\"}",
		"{\"id\":\"" ID "\",\"publicId\":null}",
		"{\"id\":\"" ID "\",\"publicId\":\"\"}",
		"{\"id\":\"" ID "\"}",
	};
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct verdict v = judge_body(b, 201, bodies[i]);
		assert_int_equal(v.state, STATE_DRAFT);
		assert_null(v.public_url);
	}
	set_state(b, STATE_DRAFT);
	assert_string_equal(judge_body(b, 200, CREDENTIAL("issued")).public_url, PUBLIC_URL);
}

static void reasons_name_nobody(void **state)
{
	static const struct {
		const char *message, *reason;
	} rows[] = {
		{ "no mail to ada@example.org", "400 bad: no mail to ***************" },
		{ "ADA@EXAMPLE.ORG, Ada@example.org!",
		  "400 bad: ***************, ***************!" },
		{ "ADA BYRON is Ada Byron", "400 bad: ********* is *********" },
		{ "<ada@example.org>", "400 bad: <***************>" },
		{ "xada@example.org2", "400 bad: x***************2" },
		{ "Ada", "400 bad: Ada" },
		{ "a\\nb\\u001b[31m", "400 bad: a\\x0ab\\x1b[31m" },
	};
	struct bed *b = *state;
	char body[256];

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(body, sizeof(body), ERROR("bad", "%s"), rows[i].message);
		assert_string_equal(judge_body(b, 400, body).reason, rows[i].reason);
	}
	/* Half an address at the cut would still be one. */
	snprintf(body, sizeof(body), ERROR("bad", "%188s ada@example.org"), "x");
	assert_null(strstr(judge_body(b, 400, body).reason, "ada"));
	/* A name that is also a part of words. */
	set_fields(b, "{\"recipient.name\":\"Al\",\"recipient.email\":\"a@b.c\"}");
	assert_string_equal(judge_body(b, 400, ERROR("validation", "Al: invalid a@b.c")).reason,
			    "400 validation: **: invalid *****");
}

/* ---- settling a create --------------------------------------------------------- */

/* A credential that is ours but for what the row says; NULL members are ours. */
struct found {
	const char *id, *group, *status, *email, *name, *issued, *expires, *custom, *created,
		*attributes;
};

static const char * or (const char *given, const char *otherwise)
{
	return given ? given : otherwise;
}

static void add_found(struct str *out, const struct found *f)
{
	str_addf(out,
		 "{\"id\":\"%s\",\"publicId\":\"" PUBLIC_ID
		 "\",\"groupId\":\"%s\",\"status\":\"%s\",",
		 or (f->id, ID), or (f->group, "g1"), or (f->status, "draft"));
	str_addf(out, "\"recipient\":{\"id\":\"r\",\"name\":\"%s\",\"email\":\"%s\"},",
		 or (f->name, "Ada Byron"), or (f->email, "ada@example.org"));
	str_addf(out, "\"issueDate\":\"%s\",\"expiryDate\":%s,\"customAttributes\":%s,",
		 or (f->issued, "2026-11-23"), or (f->expires, "null"),
		 or (f->custom, "{\"custom.mentor\":\"Grace\"}"));
	str_addf(out, "\"attributes\":%s,\"createdAt\":\"%s\"}", or (f->attributes, "{}"),
		 or (f->created, "2026-11-23T10:00:00.100Z"));
}

static struct verdict settle(struct bed *b, const struct found *found, size_t count,
			     const char *next)
{
	struct str body;

	set_state(b, STATE_CREATING);
	str_init(&body, 1u << 20);
	str_add_text(&body, "{\"data\":[");
	for (size_t i = 0; i < count; i++) {
		str_add_text(&body, i ? "," : "");
		add_found(&body, &found[i]);
	}
	str_addf(&body, "],\"pagination\":{\"prev\":null,\"next\":%s}}", next);
	struct verdict v = judge_body(b, 200, str_text(&body));
	str_release(&body);
	return v;
}

static void a_draft_like_ours_is_adopted(void **state)
{
	static const struct found rows[] = {
		{ .id = ID },
		{ .email = "ADA@Example.org" },
		{ .name = "Somebody Else", .attributes = "{\"recipient.name\":\"Ada Byron\"}" },
		{ .expires = "\"2027-01-01\"" },	   /* the group's own rule: we sent none */
		{ .created = "2026-11-23T09:59:00.000Z" }, /* a minute of skew */
		{ .custom = "{\"custom.mentor\":\"Grace\",\"custom.other\":\"\"}" },
	};
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict v = settle(b, &rows[i], 1, "null");
		if (v.state != STATE_DRAFT || !v.credential)
			fail_msg("row %zu", i);
		assert_string_equal(v.credential, ID);
		assert_string_equal(v.public_url, PUBLIC_URL);
		assert_false(v.again);
	}
}

static void others_are_not_adopted(void **state)
{
	static const struct found rows[] = {
		{ .group = "g2" },
		{ .status = "issued" },
		{ .status = "expired" },
		{ .status = "scheduled" },
		{ .email = "eve@example.org" },
		{ .name = "Ada" },
		{ .name = "ada byron" },
		{ .attributes = "{\"recipient.name\":\"Somebody Else\"}" },
		{ .issued = "2026-11-24" },
		{ .custom = "{}" },
		{ .custom = "null" },
		{ .custom = "[]" },
		{ .custom = "{\"custom.mentor\":\"grace\"}" },
		{ .custom = "{\"custom.mentor\":7}" },
		{ .custom = "{\"custom.mentor\":\"Grace\",\"custom.tier\":\"Gold\"}" },
		{ .created = "2026-11-23T09:58:59.999Z" },
		{ .created = "" },
		{ .created = "yesterday" },
		{ .id = "held" },
		{ .id = "" },
		{ .id = "a/b" },
	};
	struct bed *b = *state;

	b->held = "held";
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict v = settle(b, &rows[i], 1, "null");
		if (v.state != STATE_CREATING || v.credential || !v.settled_again)
			fail_msg("row %zu", i);
	}
}

static void an_expiry_that_was_sent_must_be_there(void **state)
{
	static const struct found with = { .expires = "\"2027-11-23\"", .custom = "{}" };
	static const struct found without = { .custom = "{}" };
	struct bed *b = *state;

	set_fields(b, "{\"recipient.name\":\"Ada Byron\",\"recipient.email\":\"Ada@example.org\","
		      "\"issue-date\":\"2026-11-23\",\"expiry-date\":\"2027-11-23\"}");
	assert_int_equal(settle(b, &without, 1, "null").state, STATE_CREATING);
	assert_int_equal(settle(b, &with, 1, "null").state, STATE_DRAFT);
}

/* The group sets a date where we sent none; a date that another one sent may be that one's draft. */
static void a_date_that_another_sent_is_not_adopted(void **state)
{
	static const struct found found[] = {
		{ .id = "anothers",
		  .expires = "\"2027-01-01\"",
		  .created = "2026-11-23T10:00:01Z" },
		{ .id = "ours", .expires = "\"2028-01-01\"", .created = "2026-11-23T10:00:02Z" },
	};
	struct bed *b = *state;

	assert_string_equal(settle(b, found, 2, "null").credential, "anothers");
	b->sent = "2027-01-01";
	assert_string_equal(settle(b, found, 2, "null").credential, "ours");
	assert_int_equal(settle(b, found, 1, "null").state, STATE_CREATING);
}

static void of_several_the_oldest(void **state)
{
	static const struct found found[] = {
		{ .id = "other-group", .group = "g2", .created = "2026-11-23T10:00:00Z" },
		{ .id = "late", .created = "2026-11-23T10:00:02.500Z" },
		{ .id = "older", .created = "2026-11-23T10:00:02Z" },
		{ .id = "later", .created = "2026-11-23T10:00:03Z" },
		{ .id = "held", .created = "2026-11-23T10:00:01Z" },
		{ .id = "before", .created = "2026-11-22T10:00:00Z" },
	};
	struct bed *b = *state;

	b->held = "held";
	assert_string_equal(settle(b, found, COUNT(found), "null").credential, "older");
}

/* Another issuance's, sent with other capitals, may be adopted; but not before our own. */
static void the_very_address_comes_first(void **state)
{
	static const struct found found[] = {
		{ .id = "capitals", .email = "Ada@Example.org", .created = "2026-11-23T10:00:01Z" },
		{ .id = "ours", .created = "2026-11-23T10:00:02Z" },
		{ .id = "more", .email = "ADA@example.org", .created = "2026-11-23T10:00:00.500Z" },
		{ .id = "later", .created = "2026-11-23T10:00:03Z" },
	};
	struct bed *b = *state;

	assert_string_equal(settle(b, found, COUNT(found), "null").credential, "ours");
	assert_string_equal(settle(b, found, 1, "null").credential, "capitals");
}

/* Their clock is an hour behind ours: the answer's Date says so. */
static void their_clock_counts(void **state)
{
	static const char body[] =
		"{\"data\":[{\"id\":\"" ID
		"\",\"groupId\":\"g1\",\"status\":\"draft\",\"recipient\":{\"name\":"
		"\"Ada Byron\",\"email\":\"ada@example.org\"},\"issueDate\":\"2026-11-23\","
		"\"customAttributes\":{\"custom.mentor\":\"Grace\"},\"createdAt\":\"2026-11-23T09:00:00Z\"}]}";
	struct bed *b = *state;
	struct http_response r = answer(200, body);

	set_state(b, STATE_CREATING);
	assert_int_equal(judge(b, &r).state, STATE_CREATING);
	r.date_ms = b->view.now_ms - MS_HOUR;
	assert_int_equal(judge(b, &r).state, STATE_DRAFT);
	r.date_ms = b->view.now_ms + MS_HOUR;
	assert_int_equal(judge(b, &r).state, STATE_CREATING);
}

static void a_look_goes_on_through_pages(void **state)
{
	static const struct found other = { .group = "g2" }, ours = { .id = ID };
	struct bed *b = *state;

	struct verdict v = settle(b, &other, 1, "\"p2\"");
	assert_int_equal(v.state, STATE_CREATING);
	assert_string_equal(v.cursor, "p2");
	assert_int_equal(v.wait_ms, 0);
	assert_true(v.settled_again);
	b->is.cursor = "p2";
	assert_int_equal(settle(b, &ours, 1, "\"p3\"").state, STATE_DRAFT);
	/* The same cursor again, an empty page, a broken one: that was the last. */
	assert_null(settle(b, &other, 1, "\"p2\"").cursor);
	assert_null(settle(b, NULL, 0, "\"p3\"").cursor);
	assert_null(settle(b, &other, 1, "17").cursor);
}

static void pages_without_end_end(void **state)
{
	static const struct found other = { .group = "g2" };
	struct bed *b = *state;
	int pages = 0;

	while (settle(b, &other, 1, pages & 1 ? "\"p1\"" : "\"p2\"").state == STATE_CREATING) {
		b->is.settles++;
		assert_true(++pages < 1000);
	}
	assert_true(pages > 10);
}

static void looks_come_after_1_5_and_30_seconds(void **state)
{
	static const struct {
		int64_t started, now;
		enum issuance_state to;
		int64_t wait;
	} rows[] = {
		{ 0, 200, STATE_CREATING, 1000 }, /* never at once */
		{ 1000, 1200, STATE_CREATING, 3800 },
		{ 4999, 5100, STATE_CREATING, 1000 },
		{ 5000, 5100, STATE_CREATING, 24900 },
		{ 29999, 30500, STATE_CREATING, 1000 },
		{ 30000, 30100, STATE_PLANNED, 0 },
		{ MS_DAY, MS_DAY, STATE_PLANNED, 0 },
		{ -MS_DAY, -MS_DAY, STATE_CREATING, 30000 }, /* our clock was set back */
	};
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		b->view.started_ms = ATTEMPT + rows[i].started;
		b->view.now_ms = ATTEMPT + rows[i].now;
		struct verdict v = settle(b, NULL, 0, "null");
		if (v.state != rows[i].to || v.wait_ms != rows[i].wait || v.again)
			fail_msg("row %zu: state %d, wait %lld", i, (int)v.state,
				 (long long)v.wait_ms);
	}
}

/* A create that timed out may be at work until its end became unknown: the lag counts from there. */
static void the_lag_counts_from_when_the_end_became_unknown(void **state)
{
	struct bed *b = *state;

	b->is.unknown_ms = ATTEMPT + 30 * MS_SECOND;
	b->view.started_ms = b->view.now_ms = ATTEMPT + 31 * MS_SECOND;
	assert_int_equal(settle(b, NULL, 0, "null").state, STATE_CREATING);
	b->view.started_ms = b->view.now_ms = ATTEMPT + 60 * MS_SECOND;
	assert_int_equal(settle(b, NULL, 0, "null").state, STATE_PLANNED);
}

/* One issuance whose create fails for ever must not use up the rate of all others. */
static void creating_again_slows_down(void **state)
{
	struct bed *b = *state;
	int64_t before = 0;

	b->view.started_ms = b->view.now_ms = ATTEMPT + MS_MINUTE;
	for (b->is.attempts = 3; b->is.attempts < 40; b->is.attempts += 9) {
		struct verdict v = settle(b, NULL, 0, "null");
		assert_int_equal(v.state, STATE_PLANNED);
		assert_true(v.wait_ms >= before && v.wait_ms >= MS_SECOND / 2 &&
			    v.wait_ms <= 15 * MS_MINUTE);
		before = v.wait_ms;
	}
	assert_true(before > MS_MINUTE);
}

struct failed {
	int status; /* as in struct outcome */
	const char *body;
	bool again;
	enum verdict_scope scope;
};

static const struct failed failures[] = {
	{ 0, NULL, true, SCOPE_ISSUANCE },
	{ -1, NULL, true, SCOPE_ACCOUNT_WAIT },
	{ 200, "", true, SCOPE_ISSUANCE },
	{ 200, "<html>", true, SCOPE_ISSUANCE },
	{ 200, "[]", true, SCOPE_ISSUANCE },
	{ 200, "{}", true, SCOPE_ISSUANCE },
	{ 200, "{\"data\":{}}", true, SCOPE_ISSUANCE },
	{ 302, "", true, SCOPE_ISSUANCE },
	{ 400, "", true, SCOPE_ISSUANCE },
	{ 401, "", false, SCOPE_ACCOUNT_STOP },
	{ 403, "", false, SCOPE_ACCOUNT_STOP },
	{ 429, "", true, SCOPE_ACCOUNT_WAIT },
	{ 500, "", true, SCOPE_ISSUANCE },
	{ 503, "", true, SCOPE_ISSUANCE },
};

/* A look that fails proves nothing, however late it is. */
static void a_failed_look_settles_nothing(void **state)
{
	static const enum issuance_state states[] = { STATE_CREATING, STATE_ISSUING };
	struct bed *b = *state;

	b->view.started_ms = b->view.now_ms = ATTEMPT + MS_HOUR;
	for (size_t i = 0; i < COUNT(failures) * COUNT(states); i++) {
		const struct failed *f = &failures[i / COUNT(states)];
		struct outcome o = { .status = f->status, .body = f->body };
		struct http_response r = response_of(&o);
		set_state(b, states[i % COUNT(states)]);
		struct verdict v = judge(b, &r);
		if (v.state != b->is.state || v.again != f->again || v.scope != f->scope ||
		    v.credential)
			fail_msg("row %zu, status %d", i, f->status);
	}
}

/* ---- settling an issue ----------------------------------------------------------- */

static struct verdict read_back(struct bed *b, const char *reason, int status, const char *body)
{
	set_state(b, STATE_ISSUING);
	b->is.reason = reason;
	b->is.attempts = 2;
	return judge_body(b, status, body);
}

static void an_issue_is_read_back(void **state)
{
	static const char cut[] = "no answer: cut",
			  refusal[] = "issue refused: 412 precondition_failed",
			  absent[] = "issue refused: 404 not_found";
	struct bed *b = *state;

	assert_int_equal(read_back(b, cut, 200, CREDENTIAL("issued")).state, STATE_ISSUED);
	assert_null(read_back(b, cut, 200, CREDENTIAL("issued")).reason);
	assert_int_equal(read_back(b, refusal, 200, CREDENTIAL("issued")).state, STATE_ISSUED);
	assert_int_equal(read_back(b, cut, 200, CREDENTIAL("expired")).state, STATE_ISSUED);
	assert_int_equal(read_back(b, cut, 200, CREDENTIAL("draft")).state, STATE_DRAFT);
	assert_int_equal(read_back(b, NULL, 200, CREDENTIAL("draft")).state, STATE_DRAFT);
	/* A draft still, after a refusal: it was meant. Else this would go round for ever. */
	struct verdict v = read_back(b, refusal, 200, CREDENTIAL("draft"));
	assert_int_equal(v.state, STATE_REFUSED);
	assert_int_equal(v.held_from, STATE_DRAFT);
	assert_string_equal(v.reason, refusal);
	/*
	 * Removed before its issue, it was surely not issued. Else nobody knows, and no other is made: a 412 says
	 * that it was no draft, which is what an issued one is.
	 */
	v = read_back(b, absent, 404, "");
	assert_int_equal(v.state, STATE_REFUSED);
	assert_int_equal(v.held_from, STATE_PLANNED);
	v = read_back(b, refusal, 404, "");
	assert_int_equal(v.state, STATE_REFUSED);
	assert_int_equal(v.held_from, STATE_ISSUING);
	v = read_back(b, cut, 404, "");
	assert_int_equal(v.state, STATE_REFUSED);
	assert_int_equal(v.held_from, STATE_ISSUING);
}

/* A look that fails forgets no refusal, and its own status is none. */
static void a_refusal_outlives_failed_looks(void **state)
{
	struct bed *b = *state;

	assert_string_equal(read_back(b, "issue refused: 409", 500, "").reason,
			    "issue refused: 409");
	struct verdict v = read_back(b, "no answer: cut", 429, "");
	assert_string_equal(v.reason, "429");
	assert_int_equal(read_back(b, v.reason, 200, CREDENTIAL("draft")).state, STATE_DRAFT);
}

static void other_statuses_are_waited_out(void **state)
{
	static const char *const bodies[] = { CREDENTIAL("scheduled"), CREDENTIAL("revoked") };
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct verdict v = read_back(b, NULL, 200, bodies[i]);
		assert_int_equal(v.state, STATE_ISSUING);
		assert_true(v.again);
		assert_int_equal(v.wait_ms, MS_MINUTE);
	}
}

static void another_credential_is_not_ours(void **state)
{
	struct bed *b = *state;
	struct verdict v = read_back(b, NULL, 200, "{\"id\":\"other\",\"status\":\"issued\"}");

	assert_int_equal(v.state, STATE_ISSUING);
	assert_true(v.again);
}

static void issuing_again_slows_down(void **state)
{
	struct bed *b = *state;

	assert_int_equal(read_back(b, NULL, 200, CREDENTIAL("draft")).wait_ms, 0);
	b->is.attempts = 20;
	assert_true(judge_body(b, 200, CREDENTIAL("draft")).wait_ms > MS_MINUTE);
}

/* ---- the probe ------------------------------------------------------------------- */

static const char *probe_url(struct bed *b)
{
	struct http_request request = { 0 };

	if (!ops->probe_next(b->action, &b->memory, &request))
		return NULL;
	assert_string_equal(request.method, "GET");
	assert_string_equal(request.bearer, "tok");
	assert_false(request.fresh);
	return request.url;
}

static void tell_probe(struct bed *b, int status, const char *body)
{
	struct http_response r = answer(status, body);

	ops->probe_answer(b->action, &r);
}

static void note(void *ctx, const char *text)
{
	str_addf(ctx, "%s\n", text);
}

static void assert_report(struct bed *b, const char *group, const char *attribute,
			  const char *wanted)
{
	struct field fields[] = { { .name = "recipient.name" }, { .name = attribute } };
	struct rule rule = { .name = "tier",
			     .file = "a.yaml",
			     .line = 3,
			     .group = group,
			     .field = fields,
			     .n_field = COUNT(fields) };
	struct str said;

	str_init(&said, 4096);
	ops->probe_report(b->action, &rule, note, &said);
	assert_string_equal(str_text(&said), wanted);
	str_release(&said);
}

static void a_probe_reads_pages_and_attributes(void **state)
{
	struct bed *b = *state;

	assert_string_equal(probe_url(b), BASE "/groups?limit=100");
	tell_probe(
		b, 200,
		"{\"data\":[{\"id\":\"g1\"},{\"id\":17},{}],\"pagination\":{\"next\":\"a&b=\"}}");
	assert_string_equal(probe_url(b), BASE "/groups?limit=100&cursor=a%26b%3D");
	tell_probe(b, 200, "{\"data\":[{\"id\":\"g2\"}]}");
	assert_string_equal(probe_url(b), BASE "/attributes");
	tell_probe(b, 200, "[{\"tag\":\"custom.tier\"},{\"tag\":\"mentor\"},{\"tag\":null},7]");
	assert_null(probe_url(b));
	assert_null(ops->probe_problem(b->action));
	assert_report(b, "g1", "custom.tier", "");
	assert_report(b, "g2", "custom.mentor", "");
	assert_report(
		b, "g2", "custom.teir",
		"rule tier (a.yaml:3): attribute 'custom.teir' does not exist in this workspace: "
		"did you mean 'custom.tier'?\n");
	assert_report(
		b, "01g90279gp5sbmfek7wymcsvec", "custom.mentor",
		"rule tier (a.yaml:3): group '01g90279gp5sbmfek7wymcsvec' does not exist in this "
		"workspace\n");
}

static void attributes_may_come_as_a_page(void **state)
{
	struct bed *b = *state;

	tell_probe(b, 200, "{\"data\":[{\"id\":\"g1\"}]}");
	tell_probe(b, 200, "{\"data\":[{\"tag\":\"tier\"}],\"pagination\":{\"next\":null}}");
	assert_null(probe_url(b));
	assert_null(ops->probe_problem(b->action));
	assert_report(b, "g1", "custom.tier", "");
}

static void a_probe_that_fails(void **state)
{
	static const struct {
		int status;
		const char *body, *problem;
	} rows[] = {
		{ 401, ERROR("unauthorized", "Unauthorized"), "401 Unauthorized" },
		{ 403, "", "403 unusable answer" },
		{ 200, "<html>", "200 unusable answer" },
		{ 200, "{}", "groups: not a page" },
		{ 200, "[]", "groups: not a page" },
		{ 200, "7", "groups: not a page" },
		{ 500, "{\"error\":\"x\"}", "500 unusable answer" },
		{ 400, ERROR("bad", "a\\nb"), "400 a\\x0ab" },
		{ -1, NULL, "refused" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct outcome o = { .status = rows[i].status, .body = rows[i].body };
		struct http_response r = response_of(&o);
		struct action *a = ops->open(&account, slice_of("tok"));
		struct http_request request;
		struct arena memory;
		arena_init(&memory);
		ops->probe_answer(a, &r);
		assert_string_equal(ops->probe_problem(a), rows[i].problem);
		assert_false(ops->probe_next(a, &memory, &request));
		ops->close(a);
		arena_release(&memory);
	}
}

static void attributes_that_fail(void **state)
{
	struct bed *b = *state;

	tell_probe(b, 200, "{\"data\":[]}");
	tell_probe(b, 200, "{\"tags\":[]}");
	assert_string_equal(ops->probe_problem(b->action), "attributes: not a list");
	assert_null(probe_url(b));
}

static void groups_without_end(void **state)
{
	struct bed *b = *state;
	int pages = 0;

	while (probe_url(b)) {
		tell_probe(b, 200,
			   pages & 1
				   ? "{\"data\":[{\"id\":\"g\"}],\"pagination\":{\"next\":\"a\"}}"
				   : "{\"data\":[{\"id\":\"g\"}],\"pagination\":{\"next\":\"b\"}}");
		assert_true(++pages <= 1000);
	}
	assert_string_equal(ops->probe_problem(b->action), "groups: too many to check");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests),
		TEST(a_create_leaves_out_what_is_empty),
		TEST(a_search_asks_in_both_cases_and_goes_on),
		TEST(every_outcome),
		TEST(ids_of_a_new_draft),
		TEST(retry_after_wins),
		TEST(a_held_id_is_no_new_draft),
		TEST(unusable_bodies_leave_a_create_unknown),
		TEST(ids_may_have_hyphens_and_underscores),
		TEST(deep_and_huge_bodies),
		TEST(a_hostile_public_id_gives_no_link),
		TEST(reasons_name_nobody),
		TEST(a_draft_like_ours_is_adopted),
		TEST(others_are_not_adopted),
		TEST(an_expiry_that_was_sent_must_be_there),
		TEST(a_date_that_another_sent_is_not_adopted),
		TEST(of_several_the_oldest),
		TEST(the_very_address_comes_first),
		TEST(their_clock_counts),
		TEST(a_look_goes_on_through_pages),
		TEST(pages_without_end_end),
		TEST(looks_come_after_1_5_and_30_seconds),
		TEST(the_lag_counts_from_when_the_end_became_unknown),
		TEST(creating_again_slows_down),
		TEST(a_failed_look_settles_nothing),
		TEST(an_issue_is_read_back),
		TEST(a_refusal_outlives_failed_looks),
		TEST(other_statuses_are_waited_out),
		TEST(another_credential_is_not_ours),
		TEST(issuing_again_slows_down),
		TEST(a_probe_reads_pages_and_attributes),
		TEST(attributes_may_come_as_a_page),
		TEST(a_probe_that_fails),
		TEST(attributes_that_fail),
		TEST(groups_without_end),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

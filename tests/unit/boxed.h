/*
 * boxed - what the tests of the outbox share: an outbox on a state in memory, with the network, the
 * clock and the secret in the test's hand.
 */
#ifndef TESTS_UNIT_BOXED_H
#define TESTS_UNIT_BOXED_H

#include "tests/unit/stored.h"

#include "engine/ledger.h"
#include "engine/outbox.h"

#define FLIGHTS 32
#define ID "01hz2f0c9ryvzajg20jqh9taab"

/* Requests under way. */
static struct {
	const struct http_request *request;
	http_done *done;
	void *arg;
} flight[FLIGHTS];
static size_t flights;
static int64_t now_ms;
static const char *token; /* NULL: there is none */

static int drop_in; /* somebody drops everything when the clock is asked so many more times */

static inline int64_t clock_of(void *ctx)
{
	(void)ctx;
	if (drop_in && --drop_in == 0)
		db_run(db, "UPDATE issuance SET state = 'dropped'", "");
	return now_ms;
}

static inline uint64_t no_chance(void *ctx)
{
	(void)ctx;
	return 0;
}

static inline void http_start(void *ctx, const struct http_request *request, http_done *done,
			      void *arg)
{
	(void)ctx;
	assert_true(flights < FLIGHTS);
	flight[flights].request = request;
	flight[flights].done = done;
	flight[flights++].arg = arg;
}

static inline void drop_flight(size_t i)
{
	for (flights--; i < flights; i++)
		flight[i] = flight[i + 1];
}

static inline void http_cancel(void *ctx, const void *arg)
{
	(void)ctx;
	for (size_t i = 0; i < flights; i++)
		if (flight[i].arg == arg)
			drop_flight(i);
}

static inline enum rc secret(void *ctx, const struct secret *secret, struct str *out,
			     struct err *err)
{
	(void)ctx;
	(void)secret;
	if (!token)
		return err_set(err, RC_REFUSED, "no token");
	str_add_text(out, token);
	return RC_OK;
}

static const struct log silent;
static struct world world = { .wall_ms = clock_of,
			      .mono_ms = clock_of,
			      .random = no_chance,
			      .http_start = http_start,
			      .http_cancel = http_cancel,
			      .secret = secret,
			      .log = &silent };
static struct outbox *box;
static struct table *table;

#define ACCOUNT(name)                                                                              \
	"account: " name "\ncertifier: { token: \"${T}\", rate: 1000/s,"                           \
	" base-url: \"https://" name ".example\" }\n---\n"
#define RULE(name, account, more)                                                                  \
	"---\nrule: " name "\n" more "trigger: { event: property-changed, property: tier }\n"      \
	"action: { do: issue-credential, account: " account ", group: g }\n"
#define HUB "account: hubspot\nhubspot: { token: \"${T}\" }\n---\n"

static const char one_account[] = HUB ACCOUNT("c") "---\n" RULE("r", "c", "");

static inline void load(const char *text)
{
	struct table *before = table;
	struct err err;

	table = table_of(text);
	assert_int_equal(outbox_load(box, table, &err), RC_OK);
	table_unref(before);
}

static inline int box_setup(void **state)
{
	flights = 0;
	now_ms = NOW;
	token = "t";
	if (store_setup(state) != 0)
		return -1;
	world.db = db;
	box = outbox_new(&world);
	return 0;
}

static inline int box_teardown(void **state)
{
	outbox_free(box);
	table_unref(table);
	table = NULL;
	return store_teardown(state);
}

static inline int64_t plan(const char *account, const char *contact)
{
	struct issuance is = {
		.rule = "r",
		.table_hash = "h",
		.source_account = "hubspot",
		.contact = contact,
		.target = "tier",
		.to = "Gold",
		.at_ms = NOW,
		.action_account = account,
		.group = "g",
		.do_issue = true,
		.do_send = true,
		.state = STATE_PLANNED,
		.held_from = STATE_PLANNED,
		.created_ms = NOW,
	};
	struct json *fields = json_new_object();

	json_set_text(fields, "recipient.name", "Ana");
	json_set_text(fields, "recipient.email", "a@b.org");
	is.fields = fields;
	ledger_insert(db, &is, slice_of("a@b.org"));
	json_free(fields);
	return db_integer(db, 0, "SELECT max(id) FROM issuance", "");
}

static inline void step(void)
{
	struct err err;

	now_ms += 10; /* beyond the gap of 1000/s */
	if (outbox_step(box, &err) != RC_OK)
		fail_msg("%s", err.text);
}

/* Whose URL has this part in it; FLIGHTS where none has. */
static inline size_t find(const char *part)
{
	for (size_t i = 0; i < flights; i++)
		if (strstr(flight[i].request->url, part))
			return i;
	return FLIGHTS;
}

static int64_t retry_after_ms = HTTP_ABSENT;
static int64_t ahead_ms; /* our clock, of the service's */

static inline void end_flight(const char *part, enum http_outcome outcome, int status,
			      const char *body)
{
	size_t i = find(part);

	if (i == FLIGHTS)
		fail_msg("nothing under way to %s", part);
	http_done *done = flight[i].done;
	void *arg = flight[i].arg;
	const struct http_response r = { .outcome = outcome,
					 .problem = outcome == HTTP_ANSWER ? NULL : "gone",
					 .status = status,
					 .body = slice_of(body),
					 .date_ms = outcome == HTTP_ANSWER ? now_ms - ahead_ms
									   : HTTP_ABSENT,
					 .retry_after_ms = retry_after_ms,
					 .rate_max = HTTP_ABSENT,
					 .rate_interval_ms = HTTP_ABSENT };
	drop_flight(i);
	done(arg, &r);
}

static inline void answer(const char *part, int status, const char *body)
{
	end_flight(part, HTTP_ANSWER, status, body);
}

/* What is asked before the first issuance. */
static inline void probe(const char *host)
{
	answer(host, 200, "{\"data\":[{\"id\":\"g\"}],\"pagination\":{\"next\":null}}");
	step();
	answer(host, 200, "[]");
	step();
}

#define CREDENTIAL(status) "{\"id\":\"" ID "\",\"publicId\":\"p\",\"status\":\"" status "\"}"

static inline void assert_state(int64_t id, const char *state)
{
	struct query *q = db_select(db, "SELECT state FROM issuance WHERE id = ?1", "i", id);

	assert_true(query_next(q));
	if (!slice_is(query_slice(q, 0), state))
		fail_msg("%.*s, not %s", SLICE_FMT(query_slice(q, 0)), state);
	query_end(q);
}

static bool commits_fail;

static inline bool at_commit(void *ctx, const char *tag, bool after)
{
	(void)ctx;
	(void)tag;
	return after || !commits_fail;
}

#define boxed(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

#endif

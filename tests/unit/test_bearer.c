/*
 * The token of an account that is connected over OAuth: renewed early, by one at a time, kept before
 * it is used, and given up without a loop. Against the sandbox's OAuth, in a world of a few lines.
 */
#include "tests/unit/oauth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/bearer.h"
#include "engine/grant.h"
#include "engine/store/db.h"

#define SCOPES "oauth crm.objects.contacts.read crm.schemas.contacts.read crm.lists.read"

static const char rules[] =
	"account: academy\nhubspot:\n  oauth: { client-id: the-app, client-secret: \"${SECRET}\" }\n"
	"---\naccount: c\ncertifier: { token: \"${C}\" }\n---\n"
	"rule: tier\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, group: g }\n";

/* The same account with a token of its own. */
static const char with_a_token[] =
	"account: academy\nhubspot: { token: \"${SECRET}\" }\n"
	"---\naccount: c\ncertifier: { token: \"${C}\" }\n---\n"
	"rule: tier\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, group: g }\n";

static struct {
	char *text; /* of the log */
	size_t text_len;
	struct db *db;
	struct table *table;
	const struct account *account;
	struct bearer *bearer;
	const char *refuse_commit;
	struct err err;
} s;

static bool at_commit(void *ctx, const char *tag, bool after)
{
	(void)ctx;
	return after || !s.refuse_commit || strcmp(tag, s.refuse_commit) != 0;
}

static void connect(void)
{
	struct grant g;
	const char *access, *refresh;

	grant_init(&g);
	sandbox_grant(w.sandbox, w.now_ms, "the-app", SCOPES, &access, &refresh, &g.expires_ms);
	str_add_text(&g.client_id, "the-app");
	str_add_text(&g.access, access);
	str_add_text(&g.refresh, refresh);
	assert_int_equal(grant_connect(s.db, "academy", &g, &s.err), RC_OK);
	grant_wipe(&g);
}

static int setup(void **state)
{
	struct sandbox_options o;

	(void)state;
	memset(&s, 0, sizeof(s));
	sandbox_defaults(&o);
	o.oauth_secret = "app-secret-canary";
	o.oauth_rotates = true;
	world_begin(&o, "app-secret-canary");
	w.log.out = open_memstream(&s.text, &s.text_len);
	assert_int_equal(db_open(":memory:", DB_OWN, &s.db, &s.err), RC_OK);
	db_hook(s.db, at_commit, NULL);
	w.world.db = s.db;
	s.table = table_of(rules);
	s.account = table_account(s.table, "academy");
	s.bearer = bearer_new(&w.world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bearer_free(s.bearer);
	db_close(s.db);
	table_unref(s.table);
	world_end();
	fclose(w.log.out);
	free(s.text);
	return 0;
}

static const char *log_text(void)
{
	fflush(w.log.out);
	return s.text ? s.text : "";
}

static void load(void)
{
	assert_int_equal(bearer_load(s.bearer, s.account, &s.err), RC_OK);
}

static void step(void)
{
	assert_int_equal(bearer_step(s.bearer, &s.err), RC_OK);
}

/* Lives until then; answers come at once. */
static void live_until(int64_t until_ms)
{
	for (int i = 0; i < 10000; i++) {
		step();
		if (answer())
			continue;
		int64_t wake = bearer_wake_ms(s.bearer);
		if (wake > until_ms)
			break;
		w.now_ms = wake > w.now_ms ? wake : w.now_ms + 1;
	}
	w.now_ms = until_ms;
	step();
}

static size_t asked(void)
{
	return sandbox_calls(w.sandbox, "token");
}

static void token_is(char out[64])
{
	struct slice token = bearer_token(s.bearer);

	assert_true(token.len && token.len < 64);
	snprintf(out, 64, "%.*s", SLICE_FMT(token));
}

/* ---- tests ---------------------------------------------------------------------- */

static void who_is_not_connected_is_told_how(void **state)
{
	(void)state;
	assert_int_equal(bearer_load(s.bearer, s.account, &s.err), RC_REFUSED);
	assert_string_equal(s.err.text,
			    "account 'academy' is not connected: run 'hs2cert connect academy'");
	assert_false(bearer_there(s.bearer));
	assert_true(bearer_wake_ms(s.bearer) == INT64_MAX);
	assert_false(bearer_look(s.bearer));
	connect();
	assert_true(bearer_look(s.bearer));
	assert_true(bearer_usable(s.bearer));
	assert_false(bearer_look(s.bearer)); /* it is the same still */
}

static void another_app_needs_a_grant_of_its_own(void **state)
{
	(void)state;
	connect();
	db_run(s.db, "UPDATE oauth_grant SET client_id = 'older-app'", "");
	assert_int_equal(bearer_load(s.bearer, s.account, &s.err), RC_REFUSED);
	assert_non_null(strstr(s.err.text, "another client-id"));
	assert_false(bearer_there(s.bearer));
}

static void without_a_state_there_is_none(void **state)
{
	(void)state;
	w.world.db = NULL;
	assert_int_equal(bearer_load(s.bearer, s.account, &s.err), RC_REFUSED);
	assert_non_null(strstr(s.err.text, "no state is open that has its grant"));
	w.secret = NULL;
	assert_int_equal(bearer_load(s.bearer, s.account, &s.err), RC_REFUSED);
	assert_non_null(strstr(s.err.text, "'SECRET' is not set"));
}

static void it_is_renewed_before_it_ends(void **state)
{
	char first[64], second[64];

	(void)state;
	connect();
	load();
	token_is(first);
	live_until(START + 24 * MS_MINUTE);
	assert_int_equal(asked(), 0);
	w.now_ms = START + 25 * MS_MINUTE;
	step();
	assert_true(bearer_busy(s.bearer));
	assert_true(bearer_usable(s.bearer)); /* the old one holds still */
	assert_true(answer());
	token_is(second);
	assert_string_not_equal(first, second);
	assert_true(bearer_usable(s.bearer));
	assert_false(bearer_busy(s.bearer));
	for (int i = 0; i < 48; i++) {
		live_until(w.now_ms + 30 * MS_MINUTE);
		assert_true(bearer_usable(s.bearer));
	}
	assert_in_range(asked(), 48, 60); /* once in 25 minutes */
}

static void after_a_long_sleep_requests_wait_for_it(void **state)
{
	(void)state;
	connect();
	load();
	w.now_ms += 5 * MS_HOUR;
	assert_false(bearer_usable(s.bearer));
	assert_true(bearer_there(s.bearer));
	step();
	assert_false(bearer_usable(s.bearer));
	assert_true(answer());
	assert_true(bearer_usable(s.bearer));
}

static void a_token_is_kept_before_it_is_used(void **state)
{
	char first[64], now[64];

	(void)state;
	connect();
	load();
	token_is(first);
	w.now_ms += 26 * MS_MINUTE;
	step();
	s.refuse_commit = "renew";
	assert_true(answer());
	token_is(now);
	assert_string_equal(first, now);
	assert_int_equal(bearer_step(s.bearer, &s.err), RC_BROKEN);
}

/* The next process has the tokens of the last commit. */
static void what_was_renewed_survives_the_process(void **state)
{
	char was[64], is[64];

	(void)state;
	connect();
	load();
	live_until(START + 3 * MS_HOUR);
	token_is(was);
	bearer_free(s.bearer);
	s.bearer = bearer_new(&w.world);
	load();
	token_is(is);
	assert_string_equal(was, is);
	live_until(START + 6 * MS_HOUR);
	assert_true(bearer_usable(s.bearer));
}

static void a_revoked_grant_ends_it_without_a_loop(void **state)
{
	unsigned serial;

	(void)state;
	connect();
	load();
	sandbox_revoke(w.sandbox);
	live_until(START + 24 * MS_HOUR);
	assert_int_equal(asked(), 1);
	assert_false(bearer_there(s.bearer));
	assert_non_null(strstr(bearer_problem(s.bearer), "BAD_REFRESH_TOKEN"));
	assert_non_null(strstr(log_text(), "hs2cert connect academy"));
	assert_false(bearer_look(s.bearer));
	/* A process that starts later asks no more, either. */
	struct bearer *later = bearer_new(&w.world);
	assert_int_equal(bearer_load(later, s.account, &s.err), RC_OK);
	assert_false(bearer_there(later));
	assert_int_equal(bearer_step(later, &s.err), RC_OK);
	assert_null(w.done);
	bearer_free(later);
	serial = bearer_serial(s.bearer);
	connect();
	assert_true(bearer_look(s.bearer));
	assert_true(bearer_usable(s.bearer));
	assert_true(bearer_serial(s.bearer) != serial);
	live_until(w.now_ms + 2 * MS_HOUR);
	assert_true(bearer_usable(s.bearer));
}

static void who_is_connected_anew_meanwhile_goes_on(void **state)
{
	(void)state;
	connect();
	load();
	sandbox_revoke(w.sandbox);
	w.now_ms += 26 * MS_MINUTE;
	step();
	connect();
	assert_true(answer()); /* BAD_REFRESH_TOKEN, of the grant before */
	assert_true(bearer_there(s.bearer));
	live_until(w.now_ms + 2 * MS_HOUR);
	assert_true(bearer_usable(s.bearer));
	assert_null(strstr(log_text(), "hs2cert connect"));
}

static void failures_back_off(void **state)
{
	(void)state;
	connect();
	load();
	assert_int_equal(sandbox_fault(w.sandbox, "token", FAULT_STATUS, 503, -1, 0, 1000, &s.err),
			 RC_OK);
	live_until(START + 2 * MS_HOUR);
	assert_in_range(asked(), 10, 30);
	assert_true(bearer_there(s.bearer));
	assert_false(bearer_usable(s.bearer));
	assert_true(bearer_failures(s.bearer) > 5);
	assert_true(bearer_waits_ms(s.bearer) > 0);
	sandbox_faults_clear(w.sandbox);
	live_until(w.now_ms + 16 * MS_MINUTE);
	assert_true(bearer_usable(s.bearer));
	assert_int_equal(bearer_failures(s.bearer), 0);
}

/* Nobody knows whether it was carried out: the refresh token that is stored is used again. */
static void a_lost_answer_is_asked_for_again(void **state)
{
	(void)state;
	sandbox_options(w.sandbox)->oauth_rotates = false;
	connect();
	load();
	w.outcome = HTTP_UNKNOWN;
	live_until(START + 26 * MS_MINUTE);
	assert_true(asked() > 1);
	w.outcome = HTTP_ANSWER;
	live_until(START + 40 * MS_MINUTE);
	assert_true(bearer_usable(s.bearer));
}

static void a_wrong_app_secret_waits_for_another(void **state)
{
	(void)state;
	connect();
	load();
	w.now_ms += 26 * MS_MINUTE;
	sandbox_options(w.sandbox)->oauth_secret = "the new one";
	live_until(w.now_ms + 3 * MS_HOUR);
	assert_int_equal(asked(), 1);
	assert_false(bearer_there(s.bearer));
	assert_non_null(strstr(log_text(), "mend client-id or client-secret"));
	assert_false(bearer_look(s.bearer));
	w.secret = "the new one";
	assert_true(bearer_look(s.bearer)); /* the grant itself is fine */
	live_until(w.now_ms + MS_MINUTE);
	assert_true(bearer_usable(s.bearer));
}

static void a_refused_token_is_renewed_once(void **state)
{
	char first[64], second[64];

	(void)state;
	connect();
	load();
	token_is(first);
	w.now_ms += MS_MINUTE;
	assert_true(bearer_refused(s.bearer, slice_of(first)));
	assert_false(bearer_usable(s.bearer));
	assert_true(bearer_refused(s.bearer, slice_of(first))); /* another request's 401 */
	step();
	assert_true(answer());
	assert_int_equal(asked(), 1);
	assert_true(bearer_refused(s.bearer, slice_of(first))); /* a late one */
	token_is(second);
	assert_true(bearer_usable(s.bearer));
	assert_false(bearer_refused(s.bearer, slice_of(second)));
}

static void tokens_that_are_refused_again_and_again_cost_one_request_a_minute(void **state)
{
	char token[64];

	(void)state;
	connect();
	load();
	for (int i = 0; i < 20; i++) {
		token_is(token);
		bearer_accepted(s.bearer, slice_of(token));
		assert_true(bearer_refused(s.bearer, slice_of(token)));
		live_until(w.now_ms + 30 * MS_SECOND);
		live_until(w.now_ms + 31 * MS_SECOND);
	}
	assert_in_range(asked(), 18, 21);
}

static void of_two_processes_one_asks(void **state)
{
	struct bearer *other = bearer_new(&w.world);
	char mine[64];

	(void)state;
	connect();
	load();
	assert_int_equal(bearer_load(other, s.account, &s.err), RC_OK);
	w.now_ms += 26 * MS_MINUTE;
	step();
	assert_true(bearer_busy(s.bearer));
	assert_int_equal(bearer_step(other, &s.err), RC_OK);
	assert_false(bearer_busy(other));
	assert_true(bearer_wake_ms(other) <= w.now_ms + MS_SECOND);
	assert_true(answer());
	token_is(mine);
	w.now_ms += MS_SECOND;
	assert_int_equal(bearer_step(other, &s.err), RC_OK);
	assert_false(bearer_busy(other));
	assert_true(slice_is(bearer_token(other), mine));
	assert_int_equal(asked(), 1);
	bearer_free(other);
}

static void the_lease_of_one_that_is_gone_ends(void **state)
{
	bool mine;

	(void)state;
	connect();
	load();
	w.now_ms += 26 * MS_MINUTE;
	assert_int_equal(grant_lease(s.db, "academy", "somebody", w.now_ms, &mine, &s.err), RC_OK);
	assert_true(mine);
	live_until(w.now_ms + GRANT_LEASE_MS - MS_SECOND);
	assert_int_equal(asked(), 0);
	live_until(w.now_ms + 2 * MS_SECOND);
	assert_int_equal(asked(), 1);
	/* One that ends later than any can: somebody's clock was wrong. */
	assert_int_equal(
		grant_lease(s.db, "academy", "somebody", w.now_ms + 9 * MS_DAY, &mine, &s.err),
		RC_OK);
	live_until(w.now_ms + 26 * MS_MINUTE);
	assert_int_equal(asked(), 2);
}

/* A refresh whose answer comes after a reload counts: where each is for one use, all hangs on it. */
static void a_reload_keeps_what_is_under_way(void **state)
{
	struct table *again = table_of(rules);

	(void)state;
	connect();
	load();
	w.now_ms += 26 * MS_MINUTE;
	step();
	assert_int_equal(bearer_load(s.bearer, table_account(again, "academy"), &s.err), RC_OK);
	assert_true(bearer_busy(s.bearer));
	assert_true(answer());
	live_until(w.now_ms + 3 * MS_HOUR);
	assert_true(bearer_usable(s.bearer));
	bearer_free(s.bearer);
	s.bearer = NULL;
	table_unref(again);
}

/* The table is to be freed after the bearer. */
static struct table *load_from(const char *text)
{
	struct table *table = table_of(text);

	assert_int_equal(bearer_load(s.bearer, table_account(table, "academy"), &s.err), RC_OK);
	return table;
}

static void end_with(struct table *table)
{
	bearer_free(s.bearer);
	s.bearer = NULL;
	table_unref(table);
}

static void make_fail(int status)
{
	assert_int_equal(
		sandbox_fault(w.sandbox, "token", FAULT_STATUS, status, -1, 0, 1, &s.err), RC_OK);
}

/* A renewal is under way, and its account has a token by then; and whatever that brings, it goes on with this. */
static void end_beside_a_token(const char *app_secret)
{
	s.bearer = s.bearer ? s.bearer : bearer_new(&w.world);
	load();
	w.now_ms += 26 * MS_MINUTE;
	step();
	assert_true(bearer_busy(s.bearer));
	struct table *table = load_from(with_a_token);
	sandbox_options(w.sandbox)->oauth_secret = app_secret;
	assert_true(answer());
	step();
	assert_true(bearer_usable(s.bearer));
	assert_true(slice_is(bearer_token(s.bearer), "app-secret-canary"));
	assert_int_equal(bearer_failures(s.bearer), 0);
	assert_int_equal(bearer_waits_ms(s.bearer), 0);
	assert_null(bearer_problem(s.bearer));
	end_with(table);
}

static bool is_refused(void)
{
	return db_exists(s.db, "SELECT 1 FROM oauth_grant WHERE refused IS NOT NULL", "");
}

static void what_is_late_does_not_stop_a_token(void **state)
{
	(void)state;
	connect();
	end_beside_a_token("another"); /* wrong by then */
	w.now_ms += MS_MINUTE;	       /* the lease of that bearer is over */
	make_fail(503);
	end_beside_a_token("app-secret-canary");
	w.now_ms += MS_MINUTE;
	end_beside_a_token("app-secret-canary"); /* renewed: kept, for when it is OAuth again */
	assert_false(is_refused());
	sandbox_revoke(w.sandbox);
	end_beside_a_token("app-secret-canary");
	assert_true(is_refused());
	assert_int_equal(asked(), 4);
	assert_null(strstr(log_text(), "stopped"));
}

static void a_token_does_not_wait_for_what_a_grant_waited_for(void **state)
{
	(void)state;
	connect();
	load();
	make_fail(503);
	live_until(START + 25 * MS_MINUTE);
	assert_int_equal(bearer_failures(s.bearer), 1);
	struct table *table = load_from(with_a_token);
	assert_int_equal(bearer_failures(s.bearer), 0);
	assert_int_equal(bearer_waits_ms(s.bearer), 0);
	end_with(table);
}

/* The app's secret is mended and loaded while the answer to the wrong one is under way. */
static void a_late_refusal_of_the_secret_of_before_stops_nothing(void **state)
{
	(void)state;
	connect();
	load();
	sandbox_options(w.sandbox)->oauth_secret = "the new one";
	w.now_ms += 26 * MS_MINUTE;
	step();
	w.secret = "the new one";
	load();
	assert_true(answer());
	assert_true(bearer_there(s.bearer));
	live_until(w.now_ms + MS_MINUTE);
	assert_true(bearer_usable(s.bearer));
	assert_int_equal(asked(), 2);
}

static void no_token_is_in_the_log(void **state)
{
	(void)state;
	connect();
	load();
	assert_int_equal(sandbox_fault(w.sandbox, "token", FAULT_STATUS, 400, -1, 0, 2, &s.err),
			 RC_OK);
	live_until(START + 2 * MS_HOUR);
	w.outcome = HTTP_UNKNOWN;
	live_until(w.now_ms + 25 * MS_MINUTE);
	w.outcome = HTTP_ANSWER;
	sandbox_revoke(w.sandbox);
	live_until(w.now_ms + 2 * MS_HOUR);
	assert_false(bearer_there(s.bearer));
	assert_true(strlen(log_text()) > 300);
	assert_null(strstr(log_text(), "canary"));
	assert_null(strstr(log_text(), "CJSP"));
	assert_null(strstr(log_text(), "na1-"));
}

#define bearing(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bearing(who_is_not_connected_is_told_how),
		bearing(another_app_needs_a_grant_of_its_own),
		bearing(without_a_state_there_is_none),
		bearing(it_is_renewed_before_it_ends),
		bearing(after_a_long_sleep_requests_wait_for_it),
		bearing(a_token_is_kept_before_it_is_used),
		bearing(what_was_renewed_survives_the_process),
		bearing(a_revoked_grant_ends_it_without_a_loop),
		bearing(who_is_connected_anew_meanwhile_goes_on),
		bearing(failures_back_off),
		bearing(a_lost_answer_is_asked_for_again),
		bearing(a_wrong_app_secret_waits_for_another),
		bearing(a_refused_token_is_renewed_once),
		bearing(tokens_that_are_refused_again_and_again_cost_one_request_a_minute),
		bearing(of_two_processes_one_asks),
		bearing(the_lease_of_one_that_is_gone_ends),
		bearing(a_reload_keeps_what_is_under_way),
		bearing(what_is_late_does_not_stop_a_token),
		bearing(a_token_does_not_wait_for_what_a_grant_waited_for),
		bearing(a_late_refusal_of_the_secret_of_before_stops_nothing),
		bearing(no_token_is_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

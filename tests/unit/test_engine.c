/* Loads and reloads of the whole engine: accounts that come and go, secrets, a store that fails. */
#include "tests/unit/running.h"

#include "engine/grant.h"
#include "engine/inbox.h"

static bool has_secrets;
static const char *fails; /* the tag of the commits that fail */

#define ACCOUNTS                                                                                   \
	"account: one\nhubspot: { token: \"${ONE}\" }\n---\n"                                      \
	"account: certifier\ncertifier: { token: \"${C}\" }\n---\n"
#define SECOND "account: two\nhubspot: { token: \"${TWO}\" }\n---\n"
#define RULE(name, account)                                                                        \
	"rule: " name "\ntrigger: { event: property-changed, account: " account                    \
	", property: tier }\naction: { do: issue-credential, group: g }\n"

static int decides, leaves; /* commits of these */

static const char one[] = ACCOUNTS RULE("a", "one");
static const char both[] = SECOND ACCOUNTS RULE("a", "one") "---\n" RULE("b", "two");

static enum rc secret(void *ctx, const struct secret *which, struct str *out, struct err *err)
{
	if (!has_secrets)
		return err_set(err, RC_REFUSED, "no secret %s", which->name);
	return secret_by_name(ctx, which, out, err);
}

static bool at_commit(void *ctx, const char *tag, bool after)
{
	(void)ctx;
	decides += after && strcmp(tag, "decide") == 0;
	leaves += after && strcmp(tag, "about-to") == 0;
	return after || !fails || strcmp(tag, fails) != 0;
}

static int set_up(void **state)
{
	(void)state;
	has_secrets = true;
	fails = NULL;
	int rc = begin_running(at_commit);
	sim.world.secret = secret;
	return rc;
}

static void set_tier(const char *value)
{
	set("tier", value);
}

static void accounts_come_and_go(void **state)
{
	(void)state;
	load(both);
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	set_tier("Silver");
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 2); /* both accounts show the same portal here */
	load(one);
	set_tier("Gold");
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 3);
	/* The name of a portal becomes that of a workspace, and a portal again. */
	load("account: one\ncertifier: { token: \"${C}\" }\n---\n"
	     "account: hub\nhubspot: { token: \"${H}\" }\n---\n" RULE("a", "hub"));
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	load(one);
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 3);
}

/* Somebody on the way answers for the source, without the time. */
static struct sim_fate details_from_elsewhere(void *ctx, const struct sim_request *request)
{
	const struct sim_fate theirs = { .how = SIM_ANSWERED, .status = 200, .body = "{\"id\":7}" };

	(void)ctx;
	return strstr(request->path, "/details") ? theirs
						 : (struct sim_fate){ .delay_ms = MS_SECOND };
}

/* What counts as from the source alone tells that ours must do: with two hours too much, nothing would count. */
static void a_clock_that_nobody_told(void **state)
{
	(void)state;
	sim.skew_ms = 2 * MS_HOUR;
	sim.fate = details_from_elsewhere;
	load("account: one\nhubspot:\n  token: \"${ONE}\"\n"
	     "  webhook: { public-url: \"https://h.example.org/\", secret: \"${HOOK}\" }\n---\n"
	     "account: certifier\ncertifier: { token: \"${C}\" }\n---\n" RULE("a", "one"));
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	set_tier("Silver");
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 1);
}

/* No rule asks the source for anything, so nothing but the look itself tells what time it is there. */
static void news_that_is_left_where_no_rule_is(void **state)
{
	(void)state;
	load(one);
	inbox_add(db, "one", slice_of("101"), sim.now_ms, (struct came){ CAME_POLL, sim.now_ms });
	load(ACCOUNTS "rule: a\nmode: off\n"
		      "trigger: { event: property-changed, account: one, property: tier }\n"
		      "action: { do: issue-credential, group: g }\n");
	assert_true(db_exists(db, "SELECT 1 FROM news", ""));
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	assert_false(db_exists(db, "SELECT 1 FROM news", ""));
}

static void a_reload_amid_a_look(void **state)
{
	(void)state;
	load(one);
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	set_tier("Silver");
	/* Every moment of the next minutes: whatever was under way is done again, and counts once. */
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(live(50), RC_OK);
		load(one);
	}
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 1);
}

/* What an issuance was made of goes after its time; what it was for earns nothing again. */
static void what_is_done_and_old_is_erased(void **state)
{
	(void)state;
	engine_keep(engine, (struct record_keep){ RECORD_KEEP_MS, RECORD_KEEP_BYTES }, 7 * MS_DAY);
	load("account: one\nhubspot: { token: \"${ONE}\", poll: 1h }\n---\n"
	     "account: certifier\ncertifier: { token: \"${C}\" }\n---\n" RULE("a", "one"));
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	set_tier("Silver");
	assert_int_equal(live(6 * MS_DAY), RC_OK);
	assert_int_equal(mails(), 1);
	assert_int_equal(
		db_integer(db, 0, "SELECT count(*) FROM issuance WHERE fields IS NULL", ""), 0);
	assert_int_equal(live(2 * MS_DAY), RC_OK);
	assert_int_equal(db_integer(db, 0,
				    "SELECT count(*) FROM issuance WHERE fields IS NULL"
				    " AND email = '' AND state = 'sent'",
				    ""),
			 1);
	/* Read anew, from the beginning. */
	db_run(db, "DELETE FROM contact", "");
	db_run(db, "DELETE FROM decided", "");
	set_tier("Silver");
	assert_int_equal(live(MS_DAY), RC_OK);
	assert_int_equal(mails(), 1);
	set_tier("Gold");
	assert_int_equal(live(MS_DAY), RC_OK);
	assert_int_equal(mails(), 2);
}

/* From now on errors are told to `text`, until the file that it answers is closed. */
static FILE *tell_errors_to(char *text, size_t size)
{
	static struct log log;
	FILE *file = fmemopen(text, size, "w");

	assert_non_null(file);
	log = (struct log){
		.out = file, .level = LOG_ERROR, .now_ms = sim.world.wall_ms, .ctx = sim.world.ctx
	};
	sim.world.log = &log;
	return file;
}

/* What a 403 is about is said: which scope, and where it is to be had. */
static void a_scope_that_is_taken_away_is_named(void **state)
{
	char text[4096] = "";
	FILE *file = tell_errors_to(text, sizeof(text));

	(void)state;
	load(one);
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	sandbox_options(sandbox)->no_contacts_scope = true;
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	fclose(file);
	assert_non_null(strstr(text, "account stopped"));
	assert_non_null(strstr(text, "the token lacks a scope: crm.objects.contacts.read: add it"));
}

static const char over_oauth[] =
	"account: one\nhubspot: { oauth: { client-id: app, client-secret: \"${ONE}\" } }\n---\n"
	"account: certifier\ncertifier: { token: \"${C}\" }\n---\n" RULE("a", "one");

/* A restart or a reload does not ask with a grant that the service has taken back. */
static void a_grant_that_was_taken_back_stays_so(void **state)
{
	char text[4096] = "";
	struct grant g;
	struct err err;
	bool noted;

	(void)state;
	grant_init(&g);
	str_add_text(&g.client_id, "app");
	str_add_text(&g.refresh, "refresh");
	str_add_text(&g.access, "access");
	g.expires_ms = START + MS_HOUR;
	assert_int_equal(grant_connect(db, "one", &g, &err), RC_OK);
	grant_wipe(&g);
	assert_int_equal(
		grant_refuse(db, "one", slice_of("refresh"), slice_of("taken back"), &noted, &err),
		RC_OK);
	assert_true(noted);
	FILE *file = tell_errors_to(text, sizeof(text));
	load(over_oauth);
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	fclose(file);
	assert_non_null(strstr(text, "account stopped until"));
	assert_non_null(strstr(text, "taken back"));
	assert_int_equal(sandbox_calls(sandbox, "hubspot"), 0);
}

static void secrets_that_are_missing_and_come(void **state)
{
	(void)state;
	has_secrets = false;
	load(one);
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	assert_int_equal(sandbox_calls(sandbox, "hubspot"), 0);
	assert_int_equal(engine_once(engine), ONCE_NO_SOURCE);
	has_secrets = true;
	assert_int_equal(live(2 * MS_MINUTE), RC_OK);
	assert_true(sandbox_calls(sandbox, "hubspot") > 0);
	set_tier("Silver");
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 1);
}

static void a_start_that_is_not_written_is_tried_again(void **state)
{
	static const char *const tags[] = { "recover", "activate", "ruleset" };

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		fails = tags[i];
		assert_int_equal(try_load(one), RC_BROKEN);
		fails = NULL;
	}
	load(one);
	assert_int_equal(live(5 * MS_MINUTE), RC_OK);
	/* A reload that cannot be written leaves what was in force. */
	fails = "activate";
	assert_int_equal(try_load(both), RC_BROKEN);
	fails = NULL;
	assert_null(table_account(engine_table(engine), "two"));
	set_tier("Silver");
	assert_int_equal(live(10 * MS_MINUTE), RC_OK);
	assert_int_equal(mails(), 1);
	fails = "release";
	assert_int_equal(try_load(one), RC_BROKEN);
	fails = NULL;
}

/* What a look decides is on disk with the first write that leaves for it, at the end of the turn at the latest. */
static void a_decision_shares_the_commit_of_its_write(void **state)
{
	(void)state;
	load(one);
	assert_int_equal(live(2 * MS_HOUR), RC_OK);
	decides = leaves = 0;
	set_tier("Silver");
	assert_int_equal(live(2 * MS_HOUR), RC_OK);
	assert_int_equal(mails(), 1);
	assert_int_equal(leaves, 3);
	assert_int_equal(decides, 0);
	assert_false(db_owes(db));
}

static void a_store_that_fails_ends_the_step(void **state)
{
	static const char *const tags[] = { "housekeeping", "start",	"promote",
					    "decide",	    "about-to", "result" };

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		load(one);
		fails = tags[i];
		enum rc rc = live(45 * MS_SECOND); /* amid two polls: it is seen before it is due */
		set_tier(tags[i]);		   /* another value each time */
		if (rc == RC_OK)
			rc = live(2 * MS_HOUR);
		if (rc != RC_BROKEN)
			fail_msg("'%s' failed, and nobody noticed", tags[i]);
		fails = NULL;
		/* Another process goes on. */
		engine_free(engine);
		sim_abandon(&sim);
		engine = engine_new(&sim.world);
	}
	load(one);
	assert_int_equal(live(2 * MS_HOUR), RC_OK);
	size_t done = mails();
	assert_int_equal(live(2 * MS_HOUR), RC_OK);
	assert_int_equal(mails(), done);
}

#define lived(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lived(accounts_come_and_go),
		lived(a_clock_that_nobody_told),
		lived(news_that_is_left_where_no_rule_is),
		lived(a_reload_amid_a_look),
		lived(what_is_done_and_old_is_erased),
		lived(a_scope_that_is_taken_away_is_named),
		lived(a_grant_that_was_taken_back_stays_so),
		lived(secrets_that_are_missing_and_come),
		lived(a_start_that_is_not_written_is_tried_again),
		lived(a_decision_shares_the_commit_of_its_write),
		lived(a_store_that_fails_ends_the_step),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

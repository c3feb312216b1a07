/* Messages as the whole engine hears them: when they are believed, stored, answered, and what they cost. */
#include "tests/unit/rules.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)
#define URL "https://hooks.example.org/hub"

static struct sandbox *sandbox;
static struct sim sim;
static struct db *db;
static struct engine *engine;
static bool has_secret;
static const char *fails; /* the tag of the commits that fail */
static bool more_to_come; /* in this turn: what was heard is not to be stored yet */

#define POLLED(poll, name, secret)                                                                 \
	"account: " name "\nhubspot:\n  token: \"${ONE}\"\n  poll: " poll                          \
	"\n  webhook: { public-url: \"" URL "\", secret: \"${" secret "}\" }\n---\n"
#define ACCOUNT(name, secret) POLLED("24h", name, secret)
#define CERTIFIER "account: certifier\ncertifier: { token: \"${C}\" }\n---\n"
#define TIER(name, account)                                                                        \
	"rule: " name "\ntrigger: { account: " account                                             \
	", event: property-changed, property: tier, settle: 0s }\n"                                \
	"action: { do: issue-credential, group: g }\n"
#define LIST                                                                                       \
	"---\nrule: list\ntrigger: { event: list-added, list: 42, settle: 0s }\n"                  \
	"action: { do: issue-credential, group: g }\n"

static const char one[] = ACCOUNT("one", "HOOK") CERTIFIER TIER("a", "one") LIST;

static enum rc secret(void *ctx, const struct secret *which, struct str *out, struct err *err)
{
	(void)ctx;
	if (strcmp(which->name, "HOOK") == 0 && !has_secret)
		return err_set(err, RC_REFUSED, "no secret %s", which->name);
	str_addf(out, "token-of-%s", which->name);
	return RC_OK;
}

static bool at_commit(void *ctx, const char *tag, bool after)
{
	(void)ctx;
	return after || !fails || strcmp(tag, fails) != 0;
}

static void start(const char *place)
{
	struct json *properties = json_new_object();
	struct sandbox_options o;
	struct err err;
	int64_t id;

	has_secret = true;
	fails = NULL;
	more_to_come = false;
	sandbox_defaults(&o);
	sandbox = sandbox_new(&o);
	sandbox_group(sandbox, "g", "Gold");
	json_set_text(properties, "email", "ada@example.com");
	assert_int_equal(sandbox_create(sandbox, START - MS_DAY, 101, properties, &id, &err),
			 RC_OK);
	assert_int_equal(sandbox_list(sandbox, START - MS_DAY, 42, "Graduates", NULL, &id, &err),
			 RC_OK);
	json_free(properties);
	sandbox_hook(sandbox, &(struct sandbox_hook){ .url = URL, .secret = "token-of-HOOK" });
	sim_init(&sim, sandbox, START, 7, NULL);
	sim.world.secret = secret;
	assert_int_equal(db_open(place, DB_OWN, &db, &err), RC_OK);
	sim.world.db = db;
	db_hook(db, at_commit, NULL);
	engine = engine_new(&sim.world);
}

static int set_up(void **state)
{
	(void)state;
	start(":memory:");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	engine_free(engine);
	sim_abandon(&sim);
	db_close(db);
	sandbox_free(sandbox);
	return 0;
}

static void load(const char *text)
{
	struct table *table = table_of(text);
	struct err err;

	assert_int_equal(engine_load(engine, table, &err), RC_OK);
	table_unref(table);
}

static void live(int64_t ms)
{
	struct err err;

	assert_int_equal(sim_run(&sim, engine, sim.now_ms + ms, &err), RC_OK);
}

static void set_tier(const char *value)
{
	struct err err;

	assert_int_equal(sandbox_set(sandbox, sim.now_ms, 101, "tier", slice_of(value), &err),
			 RC_OK);
}

static int64_t tally(const char *name, const char *kind)
{
	return tallies_get(engine_tallies(engine), name, NULL, kind);
}

static int64_t unheard(void)
{
	struct engine_report report;
	struct arena memory;
	int64_t sum = 0;

	arena_init(&memory);
	engine_report(engine, &memory, &report);
	for (size_t i = 0; i < report.accounts; i++)
		sum += report.account[i].unheard;
	arena_release(&memory);
	return sum;
}

/* ---- a message of our own ---------------------------------------------------- */

struct letter {
	const char *name[3], *value[3];
	char stamp[24];
	struct str signature;
};

static size_t find_header(const void *ctx, const char *name, const char **value)
{
	const struct letter *l = ctx;

	for (size_t i = 0; i < 3 && l->name[i]; i++) {
		if (strcasecmp(l->name[i], name) == 0) {
			*value = l->value[i];
			return 1;
		}
	}
	return 0;
}

static int send(const char *method, const char *path, const char *body, struct letter *l)
{
	struct message m = { method, path, "", slice_of(body), find_header, l };
	struct arena memory;
	struct heard heard;
	struct err err;

	arena_init(&memory);
	engine_hear(engine, &m, &memory, &heard);
	int status = heard.status;
	arena_release(&memory);
	if (status < 300 && !more_to_come && engine_heard(engine, &err) != RC_OK)
		status = 503;
	return status;
}

/* Signed with the secret that `name` names, so long before now. */
static int tell(const char *path, const char *name, const char *body, int64_t ago_ms)
{
	struct letter l = { .name = { "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp" } };
	unsigned char mac[DIGEST_BYTES];
	char key[64], text[4000];

	snprintf(l.stamp, sizeof(l.stamp), "%lld", (long long)(sim.now_ms - ago_ms));
	snprintf(key, sizeof(key), "token-of-%s", name);
	snprintf(text, sizeof(text), "POSThttps://hooks.example.org%s%s%s", path, body, l.stamp);
	digest_hmac(slice_of(key), slice_of(text), mac);
	str_init(&l.signature, 100);
	base64_add(&l.signature, mac, sizeof(mac));
	l.value[0] = str_text(&l.signature);
	l.value[1] = l.stamp;
	int status = send("POST", path, body, &l);
	str_release(&l.signature);
	return status;
}

#define CREATED "[{\"subscriptionType\":\"contact.creation\",\"objectId\":101}]"

/* ---- tests --------------------------------------------------------------------- */

static void a_change_is_decided_within_the_second(void **state)
{
	(void)state;
	load(one);
	live(MS_MINUTE);
	for (int i = 1; i <= 3; i++) {
		set_tier(i % 2 ? "Silver" : "Gold");
		live(MS_SECOND);
		assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM issuance", ""), i);
		live(MS_SECOND);
		assert_int_equal(sandbox_mail_count(sandbox), i);
		live(MS_MINUTE);
	}
	assert_int_equal(sandbox_calls(sandbox, "search"), 1); /* only the first poll */
	assert_int_equal(sandbox_calls(sandbox, "webhook-failed"), 0);
	assert_int_equal(tally("heard_requests", "genuine"), 3);
	assert_int_equal(tally("heard_events", "told"), 3);
	assert_true(tally("heard_last_ms", "") > START);
}

static void what_was_read_already_costs_no_look(void **state)
{
	(void)state;
	load(one);
	live(MS_MINUTE);
	sandbox_options(sandbox)->hook_doubled = true;
	set_tier("Silver");
	live(MS_MINUTE);
	size_t reads = sandbox_calls(sandbox, "read");
	char body[200];
	snprintf(body, sizeof(body),
		 "[{\"subscriptionType\":\"contact.propertyChange\",\"propertyName\":\"tier\","
		 "\"objectId\":101,\"occurredAt\":%lld}]",
		 (long long)(sim.now_ms - MS_MINUTE));
	assert_int_equal(tell("/hub", "HOOK", body, 0), 204);
	live(MS_MINUTE);
	assert_int_equal(sandbox_calls(sandbox, "read"), reads);
	assert_int_equal(sandbox_mail_count(sandbox), 1);
}

static void what_is_no_news_is_counted(void **state)
{
	static const char body[] =
		"[{\"subscriptionType\":\"contact.propertyChange\",\"propertyName\":\"phone\",\"objectId\":1},"
		"{\"subscriptionType\":\"deal.creation\",\"objectId\":1},"
		"{\"subscriptionType\":\"contact.sneeze\",\"objectId\":1},"
		"{\"subscriptionType\":\"contact.creation\",\"objectId\":1,\"portalId\":99}]";

	(void)state;
	load(one);
	live(MS_MINUTE);
	assert_int_equal(tell("/hub", "HOOK", body, 0), 204);
	assert_int_equal(tally("heard_events", "unread-property"), 1);
	assert_int_equal(tally("heard_events", "no-contact"), 1);
	assert_int_equal(tally("heard_events", "unknown"), 1);
	assert_int_equal(tally("heard_events", "other-portal"), 1);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM news", ""), 0);
}

static void bad_requests_are_refused_and_counted(void **state)
{
	struct letter none = { .name = { NULL } };

	(void)state;
	load(one);
	live(MS_MINUTE);
	assert_int_equal(send("POST", "/hub", CREATED, &none), 401);
	assert_int_equal(send("GET", "/hub", "", &none), 405);
	assert_int_equal(send("POST", "/other", CREATED, &none), 404);
	assert_int_equal(tell("/hub", "OTHER", CREATED, 0), 401);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 6 * MS_MINUTE), 401);
	assert_int_equal(tell("/hub", "HOOK", CREATED, -6 * MS_MINUTE), 401);
	assert_int_equal(tell("/hub", "HOOK", "[{", 0), 400);
	assert_int_equal(tally("heard_requests", "unsigned"), 1);
	assert_int_equal(tally("heard_requests", "method"), 1);
	assert_int_equal(tally("heard_requests", "forged"), 1);
	assert_int_equal(tally("heard_requests", "late"), 1);
	assert_int_equal(tally("heard_requests", "early"), 1);
	assert_int_equal(tally("heard_requests", "no-json"), 1);
	assert_int_equal(tally("heard_requests", "genuine"), 0);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM news", ""), 0);
}

static void our_own_clock_is_not_the_judge(void **state)
{
	(void)state;
	sim.skew_ms = 2 * MS_HOUR;
	load(one);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503); /* nobody has told us yet */
	assert_int_equal(tally("heard_requests", "clock"), 1);
	live(MS_MINUTE);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 6 * MS_MINUTE), 401);
}

/* How many lines of the log so far hold the words. */
static int told_of(FILE *log, const char *words)
{
	char line[1024];
	int n = 0;

	rewind(log);
	while (fgets(line, sizeof(line), log))
		n += strstr(line, words) != NULL;
	return n;
}

static void a_wrong_clock_is_told_once_for_each_change(void **state)
{
	struct engine_report report;
	struct arena memory;
	FILE *file = tmpfile();
	struct log log = {
		.out = file, .level = LOG_INFO, .now_ms = sim.world.wall_ms, .ctx = sim.world.ctx
	};

	(void)state;
	assert_non_null(file);
	sim.world.log = &log;
	sim.skew_ms = 2 * MS_HOUR;
	load(POLLED("60s", "one", "HOOK") CERTIFIER TIER("a", "one"));
	live(MS_HOUR);
	assert_int_equal(told_of(file, "clock is wrong"), 1);
	assert_int_equal(told_of(file, "ours is about 2h ahead of the account's"), 1);
	arena_init(&memory);
	engine_report(engine, &memory, &report);
	int64_t ahead = 0;
	for (size_t i = 0; i < report.accounts; i++)
		ahead -= report.account[i].clock_known ? report.account[i].clock_ms : 0;
	assert_in_range(ahead, 2 * MS_HOUR - MS_SECOND, 2 * MS_HOUR + MS_SECOND);
	arena_release(&memory);
	for (int i = 0; i < 6; i++) { /* to and fro */
		sim.skew_ms = i % 2 ? 2 * MS_HOUR : 0;
		live(9 * MS_MINUTE);
	}
	assert_int_equal(told_of(file, "right again"), 1);
	assert_int_equal(told_of(file, "clock is wrong"), 1);
	live(2 * MS_HOUR);
	assert_int_equal(told_of(file, "clock is wrong"), 2);
	fclose(file);
}

static void without_the_secret_nobody_is_judged(void **state)
{
	(void)state;
	has_secret = false;
	load(one);
	live(MS_MINUTE);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503);
	has_secret = true;
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503);
	live(11 * MS_SECOND);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204); /* it was looked for again */
	assert_int_equal(tally("heard_requests", "no-secret"), 2);
}

static void what_is_not_stored_is_not_taken(void **state)
{
	struct err err;

	(void)state;
	load(one);
	live(MS_MINUTE);
	fails = "hear";
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503);
	assert_int_equal(engine_step(engine, &err), RC_BROKEN);
	fails = NULL;
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503); /* a broken store stays broken */
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM news", ""), 0);
}

static void who_is_unfit_says_so_until_its_store_is_opened_anew(void **state)
{
	const struct err why = { "no room" };
	struct engine_report report;
	struct arena memory;
	struct err err;

	(void)state;
	load(one);
	live(MS_MINUTE);
	set_tier("Gold");
	live(MS_SECOND); /* a look is under way, perhaps; its answer must not be met */
	engine_abandon(engine, &why);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503);
	assert_int_equal(tell("/elsewhere", "HOOK", CREATED, 0), 503); /* not 404: it cannot tell */
	assert_int_equal(tally("heard_requests", "store"), 2);
	assert_int_equal(engine_step(engine, &err), RC_BROKEN);
	arena_init(&memory);
	engine_report(engine, &memory, &report);
	assert_string_equal(report.failed, "no room");
	for (size_t i = 0; i < report.accounts; i++)
		assert_int_equal(report.account[i].health, ACCOUNT_STOPPED);
	arena_release(&memory);
	assert_int_equal(engine_revive(engine, NULL, &err), RC_OK);
	live(10 * MS_MINUTE);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	assert_int_equal(
		db_integer(db, 0, "SELECT count(*) FROM issuance WHERE state = 'sent'", ""), 1);
}

static void who_stops_takes_nothing(void **state)
{
	(void)state;
	load(one);
	live(MS_MINUTE);
	engine_stop(engine);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503);
	assert_int_equal(tally("heard_requests", "stopping"), 1);
}

static void a_busy_store_is_no_long_wait(void **state)
{
	char path[64], beside[80];
	struct db *other;
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/hs2cert-hear-%d.db", (int)getpid());
	start(path);
	load(one);
	live(MS_MINUTE);
	assert_int_equal(db_open(path, DB_SHARE, &other, &err), RC_OK);
	db_begin(other, "other");
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503);
	assert_int_equal(tally("heard_busy", ""), 1);
	assert_int_equal(db_commit(other, &err), RC_OK);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	db_close(other);
	tear_down(NULL);
	static const char *const tails[] = { "", "-wal", "-shm", ".lock" };
	for (size_t i = 0; i < 4; i++) {
		snprintf(beside, sizeof(beside), "%s%s", path, tails[i]);
		unlink(beside);
	}
}

static void a_look_finds_who_joined(void **state)
{
	struct letter l = { .name = { "x-hs2cert-secret" }, .value = { "token-of-HOOK" } };
	struct err err;

	(void)state;
	load(one);
	live(MS_MINUTE);
	assert_int_equal(sandbox_join(sandbox, sim.now_ms, 42, 101, &err), RC_OK);
	live(MS_MINUTE);
	assert_int_equal(sandbox_mail_count(sandbox), 0);
	assert_int_equal(send("POST", "/hub/look", "{\"vid\":101}", &l), 204);
	live(5 * MS_SECOND);
	assert_int_equal(sandbox_mail_count(sandbox), 1);
	/* However often one asks, a poll a second is all there is. */
	size_t probes = sandbox_calls(sandbox, "list-search");
	for (int i = 0; i < 50; i++)
		assert_int_equal(send("POST", "/hub/look", "{\"vid\":101}", &l), 204);
	live(100);
	assert_true(sandbox_calls(sandbox, "list-search") <= probes + 1);
	l.value[0] = "token-of-ONE";
	assert_int_equal(send("POST", "/hub/look", "{\"vid\":101}", &l), 401);
	assert_int_equal(tell("/hub/look", "HOOK", "{\"vid\":101}", 0), 204); /* signed will do */
}

static void several_accounts_may_share_an_address(void **state)
{
	(void)state;
	load(ACCOUNT("one", "HOOK") ACCOUNT("two", "OTHER")
		     CERTIFIER TIER("a", "one") "---\n" TIER("b", "two"));
	live(MS_MINUTE);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	assert_int_equal(tell("/hub", "OTHER", CREATED, 0), 204);
	assert_int_equal(tell("/hub", "NOBODY", CREATED, 0), 401);
	assert_int_equal(tallies_get(engine_tallies(engine), "heard_requests", "one", "genuine"),
			 1);
	assert_int_equal(tallies_get(engine_tallies(engine), "heard_requests", "two", "genuine"),
			 1);
}

static void while_webhooks_tell_the_walk_is_rare(void **state)
{
	(void)state;
	load(POLLED("60s", "one", "HOOK") CERTIFIER TIER("a", "one") LIST);
	live(10 * MS_MINUTE);
	assert_true(sandbox_calls(sandbox, "search") >= 8); /* none has told anything yet */
	set_tier("Silver");
	live(MS_MINUTE);
	size_t walks = sandbox_calls(sandbox, "search"),
	       probes = sandbox_calls(sandbox, "list-search");
	live(30 * MS_MINUTE);
	walks = sandbox_calls(sandbox, "search") - walks;
	assert_true(walks >= 5 && walks <= 8);
	assert_true(sandbox_calls(sandbox, "list-search") - probes >= 25);
	assert_int_equal(unheard(), 0);
}

static void push_that_goes_quiet_is_noticed(void **state)
{
	(void)state;
	load(POLLED("60s", "one", "HOOK") CERTIFIER TIER("a", "one") LIST);
	live(MS_MINUTE);
	set_tier("Silver");
	live(20 * MS_MINUTE);
	sandbox_options(sandbox)->hook_lost = 1000;
	set_tier("Gold");
	live(12 * MS_MINUTE);
	assert_int_equal(sandbox_mail_count(sandbox), 2); /* the walk found it */
	assert_int_equal(unheard(), 1);
	size_t walks = sandbox_calls(sandbox, "search");
	live(10 * MS_MINUTE);
	assert_true(sandbox_calls(sandbox, "search") - walks >= 8); /* as without webhooks */
	sandbox_options(sandbox)->hook_lost = 0;
	set_tier("Bronze");
	live(MS_MINUTE);
	walks = sandbox_calls(sandbox, "search");
	live(10 * MS_MINUTE);
	assert_true(sandbox_calls(sandbox, "search") - walks <= 3);
	assert_int_equal(unheard(), 1);
}

/* ---- many at a time ------------------------------------------------------------- */

/* So many messages in one turn, of contact 101 and others that do not exist. */
static void tell_many(size_t messages)
{
	struct err err;
	char body[200];

	more_to_come = true;
	for (size_t i = 0; i < messages; i++) {
		snprintf(
			body, sizeof(body),
			"[{\"subscriptionType\":\"contact.propertyChange\",\"propertyName\":\"tier\","
			"\"objectId\":%zu,\"occurredAt\":%lld},"
			"{\"subscriptionType\":\"contact.creation\",\"objectId\":%zu}]",
			101 + i, (long long)sim.now_ms, 5001 + i);
		assert_int_equal(tell("/hub", "HOOK", body, 0), 204);
	}
	more_to_come = false;
	assert_int_equal(engine_heard(engine, &err), RC_OK);
}

static int64_t rows(const char *table)
{
	return strcmp(table, "heard") == 0 ? db_integer(db, -1, "SELECT count(*) FROM heard", "")
					   : db_integer(db, -1, "SELECT count(*) FROM news", "");
}

static void many_messages_of_a_turn_are_news_later(void **state)
{
	(void)state;
	load(one);
	live(MS_MINUTE);
	sandbox_options(sandbox)->hook_lost = 1000;
	set_tier("Silver");
	tell_many(3);
	assert_int_equal(rows("heard"), 3);
	assert_int_equal(rows("news"), 0);
	assert_int_equal(
		db_integer(db, 0, "SELECT count(*) FROM heard WHERE tips LIKE '%Silver%'", ""), 0);
	live(MS_SECOND);
	assert_int_equal(rows("heard"), 0);
	assert_int_equal(db_integer(db, 0, "SELECT count(*) FROM issuance", ""), 1);
	/* Behind others that wait, one alone waits, too. */
	more_to_come = true;
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	more_to_come = false;
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
	assert_int_equal(rows("heard"), 4);
}

/* One message of so many contacts: the answer does not wait for their news. */
static void what_tells_much_is_news_later(void **state)
{
	struct str body;

	(void)state;
	load(one);
	live(MS_MINUTE);
	for (int contacts = 32; contacts <= 33; contacts++) {
		str_init(&body, 4000);
		for (int i = 0; i < contacts; i++)
			str_addf(&body,
				 "%c{\"subscriptionType\":\"contact.creation\",\"objectId\":%d}",
				 i ? ',' : '[', 5001 + i);
		str_add_char(&body, ']');
		assert_int_equal(tell("/hub", "HOOK", str_text(&body), 0), 204);
		str_release(&body);
		assert_int_equal(rows("heard"), contacts - 32);
		assert_int_equal(rows("news"), 32);
	}
	live(MS_SECOND);
	assert_int_equal(rows("heard"), 0);
}

static void what_was_stored_outlives_its_process(void **state)
{
	(void)state;
	load(one);
	live(MS_MINUTE);
	sandbox_options(sandbox)->hook_lost = 1000;
	set_tier("Silver");
	tell_many(2);
	engine_free(engine);
	engine = engine_new(&sim.world);
	fails = "catch-up";
	load(one);
	struct err err;
	assert_int_equal(engine_step(engine, &err), RC_BROKEN);
	assert_int_equal(rows("heard"), 2);
	engine_free(engine);
	fails = NULL;
	db_rollback(db);
	engine = engine_new(&sim.world);
	load(one);
	live(MS_MINUTE);
	assert_int_equal(rows("heard"), 0);
	assert_int_equal(sandbox_mail_count(sandbox), 1);
}

static void a_turn_is_short_however_many_wait(void **state)
{
	struct err err;

	(void)state;
	load(one);
	live(MS_MINUTE);
	for (int i = 0; i < 600; i++)
		db_run(db, "INSERT INTO heard (account, heard_ms, tips) VALUES ('one', 0, ?1)", "t",
		       "101 0\n102 0\n103 0\n104 0\n");
	load(one);
	int64_t turns = 0;
	for (int64_t before = rows("heard"), left; before > 0; before = left, turns++) {
		assert_int_equal(engine_step(engine, &err), RC_OK);
		left = rows("heard");
		assert_true(left < before && before - left <= 250);
		assert_true(left == 0 ||
			    engine_wake_ms(engine) <= sim.world.mono_ms(sim.world.ctx));
	}
	assert_int_equal(turns, 3);
}

static void a_backlog_has_an_end(void **state)
{
	(void)state;
	load(one);
	live(MS_MINUTE);
	for (int i = 0; i < LIMIT_HEARD_MESSAGES; i++)
		db_run(db,
		       "INSERT INTO heard (account, heard_ms, tips) VALUES ('one', 0, '101 0' || char(10))",
		       "");
	load(one);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 503);
	assert_int_equal(tally("heard_requests", "backlog"), 1);
	assert_int_equal(rows("heard"), LIMIT_HEARD_MESSAGES);
	live(MS_MINUTE);
	assert_int_equal(rows("heard"), 0);
	assert_int_equal(tell("/hub", "HOOK", CREATED, 0), 204);
}

static void rows_that_nobody_wrote_are_damage(void **state)
{
	static const char *const tips[] = { "101\n",
					    " 5\n",
					    "101 \n",
					    "101 x\n",
					    "101 !\n",
					    "101 1-\n",
					    "101 1234567890123456789\n" };
	struct err err;

	(void)state;
	load(one);
	live(MS_MINUTE);
	for (size_t i = 0; i < sizeof(tips) / sizeof(tips[0]); i++) {
		db_run(db, "DELETE FROM heard", "");
		db_run(db, "INSERT INTO heard (account, heard_ms, tips) VALUES ('one', 0, ?1)", "t",
		       tips[i]);
		load(one);
		assert_int_equal(engine_step(engine, &err), RC_BROKEN);
		assert_non_null(strstr(err.text, "'heard'"));
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_change_is_decided_within_the_second),
		CASE(what_was_read_already_costs_no_look),
		CASE(what_is_no_news_is_counted),
		CASE(bad_requests_are_refused_and_counted),
		CASE(our_own_clock_is_not_the_judge),
		CASE(a_wrong_clock_is_told_once_for_each_change),
		CASE(without_the_secret_nobody_is_judged),
		CASE(what_is_not_stored_is_not_taken),
		CASE(who_is_unfit_says_so_until_its_store_is_opened_anew),
		CASE(who_stops_takes_nothing),
		cmocka_unit_test(a_busy_store_is_no_long_wait),
		CASE(a_look_finds_who_joined),
		CASE(several_accounts_may_share_an_address),
		CASE(while_webhooks_tell_the_walk_is_rare),
		CASE(push_that_goes_quiet_is_noticed),
		CASE(many_messages_of_a_turn_are_news_later),
		CASE(what_tells_much_is_news_later),
		CASE(what_was_stored_outlives_its_process),
		CASE(a_turn_is_short_however_many_wait),
		CASE(a_backlog_has_an_end),
		CASE(rows_that_nobody_wrote_are_damage),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

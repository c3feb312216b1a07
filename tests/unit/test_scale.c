/*
 * "Rate and cost" of behaviour.md at its size: what a poll costs where 1,000 rules watch, what contacts that change
 * at once do, and what a backlog makes of Certifier's rate. On a virtual clock. 800
 * contacts; PEOPLE=10000 in the environment asks the same of more. Prints what it counted.
 */
#include "tests/unit/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)
#define FIRST 10000
#define RULES 1000 /* for the first test; the others have few */
#define FEW_RULES 10
#define PAGE 200 /* of a search */
#define BATCH 50 /* of a read with histories */
#define RATE 2.5 /* of the desk, a second */

static int64_t people = 800;

struct portal {
	struct sandbox *sandbox;
	struct sim sim;
	struct db *db;
	struct engine *engine;
	struct arena texts; /* statements of the tests' own, for as long as the store */
	size_t steps;
};

/* One rule fires for all, one for a few at another desk; the others watch the same account. */
static void write_rules(struct str *text, int rules)
{
	str_init(text, 1u << 20);
	str_add_text(
		text,
		"account: hubspot\nhubspot: { token: \"${H}\" }\n---\naccount: desk\ncertifier: { token: \"${C}\", rate: 2.5/s }\n"
		"---\naccount: calm\ncertifier: { token: \"${C}\", rate: 0.4/s }\n");
	for (int i = 0; i < rules; i++)
		str_addf(
			text,
			"---\nrule: r%d\nbrake: off\ntrigger: { event: property-changed, property: tier, to: Gold%d }\n"
			"action: { do: issue-credential, account: %s, group: %s }\n",
			i, i, i == 1 ? "calm" : "desk", i == 1 ? "g-calm" : "g-desk");
	str_add_text(text, "---\nrule: member\ntrigger: { event: list-added, list: 42 }\n"
			   "action: { do: issue-credential, account: desk, group: g-desk }\n");
}

static void run_for(struct portal *p, int64_t span_ms)
{
	struct err err;

	assert_int_equal(sim_run(&p->sim, p->engine, p->sim.now_ms + span_ms, &err), RC_OK);
}

static void fill(struct sandbox *sandbox)
{
	struct err err;
	int64_t id;

	sandbox_group(sandbox, "g-desk", "Desk");
	sandbox_group(sandbox, "g-calm", "Calm");
	assert_int_equal(sandbox_list(sandbox, START - MS_DAY, 42, "Members", "MANUAL", &id, &err),
			 RC_OK);
	for (int64_t i = 0; i < people; i++) {
		struct json *properties = json_new_object();
		char email[48];
		snprintf(email, sizeof(email), "p%lld@example.org", (long long)i);
		json_set_text(properties, "email", email);
		assert_int_equal(
			sandbox_create(sandbox, START - MS_DAY, FIRST + i, properties, &id, &err),
			RC_OK);
		json_free(properties);
	}
}

/* All at one instant, as an import does it. */
static void import(struct portal *p, int64_t first, int64_t count, const char *value)
{
	struct err err;

	for (int64_t i = first; i < first + count; i++)
		assert_int_equal(sandbox_set(p->sandbox, p->sim.now_ms, FIRST + i, "tier",
					     slice_of(value), &err),
				 RC_OK);
}

/* A daemon that has run for two hours: its rules are active and its first polls are over. */
static int begin(void **state, int rules)
{
	struct portal *p = mem_alloc(sizeof(*p));
	struct sandbox_options o;
	struct str text;
	struct err err;

	arena_init(&p->texts);
	sandbox_defaults(&o);
	p->sandbox = sandbox_new(&o);
	fill(p->sandbox);
	sim_init(&p->sim, p->sandbox, START, 7, NULL);
	assert_int_equal(db_open(":memory:", DB_OWN, &p->db, &err), RC_OK);
	p->sim.world.db = p->db;
	write_rules(&text, rules);
	struct table *table = table_of(str_text(&text));
	p->engine = engine_new(&p->sim.world);
	assert_int_equal(engine_load(p->engine, table, &err), RC_OK);
	table_unref(table);
	str_release(&text);
	run_for(p, 2 * MS_HOUR);
	*state = p;
	return 0;
}

static int setup(void **state)
{
	return begin(state, FEW_RULES);
}

static int setup_many(void **state)
{
	return begin(state, RULES);
}

static int teardown(void **state)
{
	struct portal *p = *state;

	engine_free(p->engine);
	sim_abandon(&p->sim);
	db_close(p->db);
	arena_release(&p->texts);
	sandbox_free(p->sandbox);
	mem_free(p);
	return 0;
}

/* Calls of some kinds, since the last time. */
struct calls_made {
	size_t search, read, probe, hubspot, certifier;
};

static struct calls_made made(const struct portal *p, struct calls_made *before)
{
	struct sandbox *sb = p->sandbox;
	struct calls_made now = { sandbox_calls(sb, "search"), sandbox_calls(sb, "read"),
				  sandbox_calls(sb, "list-search"), sandbox_calls(sb, "hubspot"),
				  sandbox_calls(sb, "certifier") };
	struct calls_made since = { now.search - before->search, now.read - before->read,
				    now.probe - before->probe, now.hubspot - before->hubspot,
				    now.certifier - before->certifier };

	*before = now;
	return since;
}

/* At most 5 % above. */
static size_t a_little_more(size_t n)
{
	return n + n / 20;
}

static void an_idle_poll_is_one_search_and_one_probe(void **state)
{
	struct portal *p = *state;
	struct calls_made last = { 0 }, c;

	(void)made(p, &last);
	run_for(p, MS_HOUR);
	c = made(p, &last);
	printf("%d rules, an hour without news: %zu searches, %zu probes, %zu calls\n", RULES + 1,
	       c.search, c.probe, c.hubspot);
	assert_in_range(c.search, 59, 61);
	assert_in_range(c.probe, c.search - 1, c.search + 1);
	/* Labels and the like are looked at again hourly, no more. */
	assert_in_range(c.hubspot, c.search + c.probe, c.search + c.probe + 2);
}

static void contacts_that_change_at_once_are_found_and_read_by_the_page(void **state)
{
	struct portal *p = *state;
	struct calls_made last = { 0 }, found, due, later;
	size_t pages = (size_t)people / PAGE, batches = (size_t)people / BATCH;

	(void)made(p, &last);
	import(p, 0, people, "Silver");
	run_for(p, MS_MINUTE);
	found = made(p, &last);
	run_for(p, MS_MINUTE);
	due = made(p, &last);
	run_for(p, 58 * MS_MINUTE);
	later = made(p, &last);
	printf("%lld contacts at once: found by %zu searches and %zu reads, due: %zu reads;"
	       " searches of polls and of walks that reach back, in the hour: %zu\n",
	       (long long)people, found.search, found.read, due.read, due.search + later.search);
	/* A poll before they are in the index, and one that finds no more. */
	assert_in_range(found.search + found.read, pages + batches,
			a_little_more(pages + batches) + 2);
	assert_in_range(found.read, batches, a_little_more(batches));
	assert_in_range(due.read, 1, a_little_more(batches));
	assert_int_equal(later.read, 0);
	/* The short overlap once, the whole one while it reaches them: no more than three walks, beside the polls. */
	assert_in_range(due.search + later.search, 58, 60 + 3 * (pages + 2));
}

/* For longer than any walk reaches back; what a page misses at its edge nothing would meet later. */
static void whoever_changed_while_we_slept_is_met_though_a_search_is_out_of_order(void **state)
{
	struct portal *p = *state;
	struct err err;

	sandbox_options(p->sandbox)->search_unordered = true;
	for (int64_t i = 0; i < people; i++)
		assert_int_equal(sandbox_set(p->sandbox, p->sim.now_ms + i * MS_SECOND, FIRST + i,
					     "tier", slice_of("Gold2"), &err),
				 RC_OK);
	p->sim.now_ms += 50 * MS_HOUR;
	run_for(p, MS_HOUR);
	assert_int_equal(
		db_integer(p->db, 0, "SELECT count(*) FROM issuance WHERE rule = 'r2'", ""),
		people);
}

/* Reads of more contacts than `most` end without an answer, and so does each that asks for one that begins with `bad`. */
struct too_large {
	size_t most;
	const char *bad; /* NULL: there is none */
};

static struct sim_fate cuts_what_is_large(void *ctx, const struct sim_request *request)
{
	const struct too_large *t = ctx;
	size_t asked = 0;
	bool bad = false;
	struct err err;

	if (!strstr(request->path, "/batch/read"))
		return (struct sim_fate){ 0 };
	struct json *body = json_parse(request->body, &err);
	const struct json *inputs = json_get(body, "inputs");
	for (; asked < json_count(inputs); asked++)
		bad |= t->bad && slice_starts(json_get_slice(json_at(inputs, asked), "id"),
					      slice_of(t->bad));
	json_free(body);
	return (struct sim_fate){ .how = bad || asked > t->most ? SIM_CUT : SIM_GOES };
}

static void answers_that_are_too_large_are_asked_for_in_parts(void **state)
{
	struct too_large t = { 6, "10040" };
	struct portal *p = *state;

	p->sim.fate = cuts_what_is_large;
	p->sim.fate_ctx = &t;
	import(p, 0, 100, "Gold0");
	run_for(p, MS_HOUR);
	/* One that is never shown holds up none of the others. */
	assert_int_equal(sandbox_mail_count(p->sandbox), 99);
	t.bad = NULL;
	run_for(p, MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), 100);
}

static void contacts_that_cannot_be_shown_hold_up_no_others_however_many_they_are(void **state)
{
	struct too_large t = { BATCH, "1000" };
	struct portal *p = *state;

	p->sim.fate = cuts_what_is_large;
	p->sim.fate_ctx = &t;
	import(p, 0, 100, "Gold0");
	run_for(p, 2 * MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), 90);
	t.bad = NULL;
	run_for(p, MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), 100);
}

/* Whether credentials were made in the order in which they were planned. */
static void are_in_order(struct portal *p)
{
	size_t i = 0;
	struct query *q = db_select(
		p->db, "SELECT email FROM issuance WHERE action_account = 'desk' ORDER BY id", "");

	for (; query_next(q); i++) {
		while (i < sandbox_credential_count(p->sandbox) &&
		       strcmp(sandbox_credential_at(p->sandbox, i).group, "g-desk") != 0)
			i++;
		assert_true(i < sandbox_credential_count(p->sandbox));
		assert_true(
			slice_is(query_slice(q, 0), sandbox_credential_at(p->sandbox, i).email));
	}
	assert_true((int64_t)i >= people);
}

static int64_t calm_ms(const struct portal *p)
{
	for (size_t i = 0; i < sandbox_credential_count(p->sandbox); i++)
		if (strcmp(sandbox_credential_at(p->sandbox, i).group, "g-calm") == 0)
			return sandbox_credential_at(p->sandbox, i).created_ms;
	return INT64_MAX;
}

/*
 * What is small: rules, watches and accounts, messages that are not news yet, the ids of one person. What ends early:
 * of events and decisions on record the newest or the 500 oldest are looked at. What is waited for: news, hourly. What
 * is in brackets has steps of its own.
 */
static const char *const may_be_walked[] = { "rule",   "watch",	   "action", "heard",
					     "person", "e",	   "event",  "decision",
					     "news",   "CONSTANT", "(" };

static bool is_harmless(struct slice step)
{
	for (size_t i = 0; i < sizeof(may_be_walked) / sizeof(may_be_walked[0]); i++) {
		size_t len = strlen(may_be_walked[i]);
		if (step.len < 5 + len || memcmp(step.ptr + 5, may_be_walked[i], len) != 0)
			continue;
		if (step.len == 5 + len || step.ptr[5 + len] == ' ' || may_be_walked[i][0] == '(')
			return true;
	}
	return false;
}

static void ask_for_plan(void *ctx, const char *sql)
{
	struct portal *p = ctx;

	if (strncmp(sql, "EXPLAIN", 7) == 0) /* one of ours */
		return;
	char *text = arena_printf(&p->texts, "EXPLAIN QUERY PLAN %s", sql);
	for (struct query *q = db_select(p->db, text, ""); query_next(q);) {
		struct slice step = query_slice(q, 3);
		p->steps++;
		if (step.len > 5 && memcmp(step.ptr, "SCAN ", 5) == 0 && !is_harmless(step))
			fail_msg("%.*s: %s", SLICE_FMT(step), sql);
	}
}

/* What the engine asks its store costs the same however much is in it. */
static void no_statement_walks_through_what_grows(void **state)
{
	struct portal *p = *state;

	import(p, 0, 10, "Gold0");
	run_for(p, MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), 10);
	db_each_statement(p->db, ask_for_plan, p);
	assert_true(p->steps > 50);
}

/* Three requests each, the permitted rate in use to the end, nobody else behind them. */
static void a_backlog_uses_the_rate_and_keeps_its_order(void **state)
{
	struct portal *p = *state;
	struct calls_made last = { 0 };
	int64_t steady_ms = (int64_t)((double)people * 3 / RATE * 1000) - 3 * MS_MINUTE;

	import(p, 0, people, "Gold0");
	run_for(p, 4 * MS_MINUTE);
	int64_t asked_ms = p->sim.now_ms;
	import(p, 0, 1, "Gold1");
	(void)made(p, &last);
	run_for(p, steady_ms - 3 * MS_MINUTE);
	double used = (double)made(p, &last).certifier /
		      ((RATE * (double)(steady_ms - 3 * MS_MINUTE) + 3000) / 1000);
	printf("a backlog of %lld: %.1f %% of the rate used, %zu refused by the limit; another account's after %lld s\n",
	       (long long)people, used * 100, sandbox_calls(p->sandbox, "429"),
	       (long long)(calm_ms(p) - asked_ms) / MS_SECOND);
	assert_true(used >= 0.95);
	assert_in_range(calm_ms(p), asked_ms, asked_ms + 3 * MS_MINUTE);
	run_for(p, MS_HOUR);
	assert_int_equal(sandbox_mail_count(p->sandbox), people + 1);
	assert_int_equal(sandbox_calls(p->sandbox, "429"), 0);
	are_in_order(p);
}

#define portal(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const char *more = getenv("PEOPLE");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_idle_poll_is_one_search_and_one_probe,
						setup_many, teardown),
		portal(contacts_that_change_at_once_are_found_and_read_by_the_page),
		portal(whoever_changed_while_we_slept_is_met_though_a_search_is_out_of_order),
		portal(answers_that_are_too_large_are_asked_for_in_parts),
		portal(contacts_that_cannot_be_shown_hold_up_no_others_however_many_they_are),
		portal(no_statement_walks_through_what_grows),
		portal(a_backlog_uses_the_rate_and_keeps_its_order),
	};

	if (more)
		people = atoll(more);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

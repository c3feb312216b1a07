/* What doctor says of the accounts, the rules and the state, on the sandbox and a virtual clock. */
#include "tests/unit/rules.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/doctor.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000)

#define ACCOUNTS                                                                                   \
	"account: hub\nhubspot: { token: \"${H}\" }\n---\n"                                        \
	"account: cert\ncertifier: { token: \"${C}\" }\n---\n"
#define TIER                                                                                       \
	"rule: tier\ntrigger: { event: property-changed, property: tier }\n"                       \
	"action: { do: issue-credential, group: g }\n"
#define GRADUATES                                                                                  \
	"---\nrule: graduates\ntrigger: { event: list-added, list: 7 }\n"                          \
	"action: { do: issue-credential, group: g }\n"

struct stage {
	struct sandbox *sandbox;
	struct sim sim;
	struct sources sources;
	struct table *table;
	bool rules;
	struct doctor *doctor;
	struct remarks found;
	const char *fail; /* requests whose path holds this meet the fate; NULL: none */
	struct sim_fate fate;
};

static struct sim_fate decide(void *ctx, const struct sim_request *request)
{
	struct stage *s = ctx;

	return s->fail && strstr(request->path, s->fail) ? s->fate : (struct sim_fate){ 0 };
}

static int stage_setup(void **state)
{
	struct stage *s = mem_alloc(sizeof(*s));
	struct sandbox_options o;
	struct err err;

	sandbox_defaults(&o);
	s->sandbox = sandbox_new(&o);
	sim_init(&s->sim, s->sandbox, START, 7, NULL);
	s->sim.fate = decide;
	s->sim.fate_ctx = s;
	sources_init(&s->sources);
	remarks_init(&s->found);
	sandbox_group(s->sandbox, "g", "Group");
	if (sandbox_property(s->sandbox, "tier", NULL, NULL, NULL, 0, &err) != RC_OK ||
	    sandbox_list(s->sandbox, START, 7, "Graduates", NULL, NULL, &err) != RC_OK)
		return -1;
	*state = s;
	return 0;
}

static int stage_teardown(void **state)
{
	struct stage *s = *state;

	doctor_free(s->doctor);
	table_unref(s->table);
	sources_release(&s->sources);
	remarks_release(&s->found);
	sim_abandon(&s->sim);
	sandbox_free(s->sandbox);
	mem_free(s);
	return 0;
}

static void read_rules(struct stage *s, const char *text)
{
	sources_add_text(&s->sources, "rules.yaml", slice_of(text));
	s->table = doctor_rules(&s->sources, "rules.d", &s->found, &s->rules);
}

/* Asks the accounts; the second time of those that were read before. */
static void ask(struct stage *s)
{
	struct err err;

	doctor_free(s->doctor);
	s->doctor = doctor_new(&s->sim.world, s->table, s->rules);
	assert_int_equal(sim_doctor(&s->sim, s->doctor, &err), RC_OK);
	remarks_release(&s->found);
	doctor_tell(s->doctor, &s->found);
}

static void look(struct stage *s, const char *text)
{
	struct remarks rules;

	read_rules(s, text);
	assert_non_null(s->table);
	rules = s->found;
	remarks_init(&s->found);
	ask(s);
	remarks_append(&s->found, &rules);
	remarks_release(&rules);
	doctor_names(&s->sources, doctor_lock(s->doctor), &s->found);
}

static void print_all(const struct stage *s)
{
	for (size_t i = 0; i < s->found.count; i++) {
		const struct remark *r = &s->found.list[i];
		printf("%s %s %s: %s\n", remark_levels[r->level], r->subject, r->check, r->text);
	}
}

/* There is a remark of that level whose text holds the words. */
static void says(const struct stage *s, enum remark_level level, const char *subject,
		 const char *check, const char *words)
{
	for (size_t i = 0; i < s->found.count; i++) {
		const struct remark *r = &s->found.list[i];
		if (r->level == level && strcmp(r->subject, subject) == 0 &&
		    strcmp(r->check, check) == 0 && strstr(r->text, words))
			return;
	}
	print_all(s);
	fail_msg("not said: %s %s %s: %s", remark_levels[level], subject, check, words);
}

static void says_nothing_of(const struct stage *s, const char *subject, const char *check)
{
	for (size_t i = 0; i < s->found.count; i++)
		if (strcmp(s->found.list[i].subject, subject) == 0 &&
		    strcmp(s->found.list[i].check, check) == 0)
			fail_msg("%s %s: %s", subject, check, s->found.list[i].text);
}

static void errors_are(const struct stage *s, size_t count)
{
	if (remarks_count(&s->found, REMARK_ERROR) == count)
		return;
	print_all(s);
	fail_msg("%zu errors, not %zu", remarks_count(&s->found, REMARK_ERROR), count);
}

/* ---- what is fine -------------------------------------------------------------------- */

static void all_is_fine(void **state)
{
	struct stage *s = *state;

	look(s, ACCOUNTS TIER GRADUATES);
	errors_are(s, 0);
	says(s, REMARK_OK, "rules", "files", "rules.d: 1 file, 2 rules");
	says(s, REMARK_OK, "hub", "token", "accepted, portal 1234567");
	says(s, REMARK_OK, "hub", "scopes", "crm.objects.contacts.read, crm.lists.read");
	says(s, REMARK_OK, "hub", "clock", "as the account's");
	says(s, REMARK_OK, "hub", "limits", "of 100 calls are left of these 10s");
	says(s, REMARK_OK, "hub", "limits", "of 250000 calls are left today");
	says(s, REMARK_OK, "hub", "names", "1 list");
	says(s, REMARK_OK, "cert", "token", "accepted");
	says(s, REMARK_OK, "cert", "limits", "2.5 a second");
	says(s, REMARK_OK, "cert", "names", "1 group");
	/* Only what was never pulled. */
	says(s, REMARK_WARNING, "rules", "lock", "no hs2cert.lock");
	assert_int_equal(remarks_count(&s->found, REMARK_WARNING), 1);
}

/* ---- tokens and scopes ------------------------------------------------------------------ */

static void a_refused_token_ends_its_account_alone(void **state)
{
	struct stage *s = *state;

	s->fail = "access-token-info";
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = 401 };
	look(s, ACCOUNTS TIER);
	errors_are(s, 1);
	says(s, REMARK_ERROR, "hub", "token", "401 the token is not accepted");
	says_nothing_of(s, "hub", "names");
	says(s, REMARK_OK, "cert", "names", "1 group");
	assert_null(lock_account(doctor_lock(s->doctor), "hub"));
	assert_non_null(lock_account(doctor_lock(s->doctor), "cert"));
}

static void so_does_the_other_one(void **state)
{
	struct stage *s = *state;

	s->fail = "/certifier/";
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = 401 };
	look(s, ACCOUNTS TIER);
	errors_are(s, 1);
	says(s, REMARK_ERROR, "cert", "token", "401 the token is not accepted");
	says(s, REMARK_OK, "hub", "names", "1 list");
}

static void a_scope_that_a_rule_needs_is_an_error(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->no_lists_scope = true;
	look(s, ACCOUNTS TIER GRADUATES);
	says(s, REMARK_ERROR, "hub", "scopes",
	     "crm.lists.read is missing: rule 'graduates' needs it");
	says(s, REMARK_ERROR, "hub", "names", "lists: 403");
}

static void a_scope_that_no_rule_needs_is_a_warning(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->no_lists_scope = true;
	look(s, ACCOUNTS TIER "---\nrule: off\nmode: off\n"
			      "trigger: { event: list-added, list: 7 }\n"
			      "action: { do: issue-credential, group: g }\n");
	errors_are(s, 0);
	says(s, REMARK_WARNING, "hub", "scopes", "crm.lists.read is missing: no rule needs it");
	says(s, REMARK_WARNING, "hub", "names", "lists: 403");
}

static void where_rules_are_not_right_all_scopes_are_needed(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->no_lists_scope = true;
	look(s, ACCOUNTS "rule: half\n");
	assert_false(s->rules);
	says(s, REMARK_ERROR, "rules", "files", "the first at rules.yaml:7:7: ");
	says(s, REMARK_ERROR, "hub", "scopes", "crm.lists.read is missing");
}

static void contacts_are_needed_by_every_rule(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->no_contacts_scope = true;
	look(s, ACCOUNTS TIER);
	says(s, REMARK_ERROR, "hub", "scopes",
	     "crm.objects.contacts.read is missing: rule 'tier' needs it");
}

static void names_may_do_without_schemas(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->no_schemas_scope = true;
	look(s, ACCOUNTS TIER);
	errors_are(s, 0);
	says(s, REMARK_WARNING, "hub", "scopes", "crm.schemas.contacts.read is missing");
	says(s, REMARK_OK, "hub", "names", "1 list");
}

/* OAuth's, or what HubSpot no longer tells of. */
static void a_token_that_is_not_told_of_is_tried(void **state)
{
	static const int statuses[] = { 400, 403, 404 };
	struct stage *s = *state;

	s->fail = "access-token-info";
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = statuses[s->sim.random % 3] };
	look(s, ACCOUNTS TIER);
	errors_are(s, 0);
	says(s, REMARK_OK, "hub", "scopes", "does not tell those of this token");
	says(s, REMARK_OK, "hub", "names", "1 list");
}

static void a_refusal_of_contacts_is_seen_without_that(void **state)
{
	struct stage *s = *state;
	struct err err;

	sandbox_options(s->sandbox)->no_contacts_scope = true;
	assert_int_equal(sandbox_fault(s->sandbox, "token-info", FAULT_STATUS, 404, -1, 0, 1, &err),
			 RC_OK);
	look(s, ACCOUNTS TIER);
	says(s, REMARK_ERROR, "hub", "scopes", "crm.objects.contacts.read is missing");
}

/* ---- answers that do not come --------------------------------------------------------------- */

static void a_silent_account_is_given_up_in_time(void **state)
{
	struct stage *s = *state;

	s->fail = "/certifier/";
	s->fate = (struct sim_fate){ .how = SIM_TIMEOUT };
	look(s, ACCOUNTS TIER);
	errors_are(s, 1);
	says(s, REMARK_ERROR, "cert", "answer", "no answer within 15s");
	says(s, REMARK_OK, "hub", "names", "1 list");
	assert_in_range(s->sim.now_ms - START, 15 * MS_SECOND, 16 * MS_SECOND);
}

static void one_that_falls_silent_midway_leaves_no_half_of_its_names(void **state)
{
	struct stage *s = *state;

	s->fail = "/lists/";
	s->fate = (struct sim_fate){ .how = SIM_TIMEOUT };
	look(s, ACCOUNTS TIER GRADUATES);
	says(s, REMARK_OK, "hub", "token", "accepted");
	says(s, REMARK_ERROR, "hub", "names", "no answer within 15s");
	says_nothing_of(s, "tier", "names");
	assert_null(lock_account(doctor_lock(s->doctor), "hub"));
}

static void a_slow_one_is_given_up_as_a_whole(void **state)
{
	struct stage *s = *state;

	s->fail = "/hubspot/";
	s->fate = (struct sim_fate){ .how = SIM_GOES, .delay_ms = 14 * MS_SECOND };
	look(s, ACCOUNTS TIER);
	says(s, REMARK_ERROR, "hub", "names", "not all was read within 45s");
}

static void what_passes_is_tried_again(void **state)
{
	struct stage *s = *state;
	struct err err;

	assert_int_equal(sandbox_fault(s->sandbox, "properties", FAULT_STATUS, 503, -1, 0, 2, &err),
			 RC_OK);
	look(s, ACCOUNTS TIER);
	errors_are(s, 0);
}

static void but_not_for_long(void **state)
{
	struct stage *s = *state;

	s->fail = "/certifier/";
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = 429, .retry_after_s = 60 };
	look(s, ACCOUNTS TIER);
	says(s, REMARK_ERROR, "cert", "answer", "asks to come back in 1m: 429");
	assert_in_range(s->sim.now_ms - START, 0, 10 * MS_SECOND);
}

static void answers_that_make_no_sense_are_said(void **state)
{
	struct stage *s = *state;

	s->fail = "/";
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = 200, .body = "<html>" };
	look(s, ACCOUNTS TIER);
	errors_are(s, 2);
	says(s, REMARK_ERROR, "hub", "answer", "200 with an answer that is cut or cannot be used");
	says(s, REMARK_ERROR, "cert", "answer", "200 with an answer that is cut or cannot be used");
}

static void no_secret_is_said(void **state)
{
	struct stage *s = *state;

	s->fail = "/";
	s->fate = (struct sim_fate){
		.how = SIM_ANSWERED,
		.status = 422,
		.body = "{\"message\":\"token-of-H of ana@example.org\","
			"\"error\":{\"message\":\"token-of-C of ana@example.org\"}}"
	};
	look(s, ACCOUNTS TIER);
	errors_are(s, 2);
	for (size_t i = 0; i < s->found.count; i++) {
		assert_null(strstr(s->found.list[i].text, "token-of-"));
		assert_null(strstr(s->found.list[i].text, "ana@"));
	}
}

/* ---- clocks and limits ------------------------------------------------------------------------ */

static void clocks_are_compared(void **state)
{
	static const struct {
		int64_t skew_ms;
		enum remark_level level;
		const char *words;
	} rows[] = {
		{ 0, REMARK_OK, "as the account's" },
		{ 3 * MS_SECOND, REMARK_OK, "ahead of the account's" },
		{ 60 * MS_SECOND, REMARK_WARNING, "ahead of the account's" },
		{ -60 * MS_SECOND, REMARK_WARNING, "behind the account's" },
		{ 10 * MS_MINUTE, REMARK_ERROR, "ahead of the account's" },
		{ -MS_DAY, REMARK_ERROR, "behind the account's" },
	};
	struct stage *s = *state;

	read_rules(s, ACCOUNTS TIER);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s->sim.skew_ms = rows[i].skew_ms;
		ask(s);
		says(s, rows[i].level, "hub", "clock", rows[i].words);
		says(s, rows[i].level, "cert", "clock", rows[i].words);
	}
	sandbox_options(s->sandbox)->no_date_header = true;
	ask(s);
	says(s, REMARK_OK, "hub", "clock", "not compared");
}

static void a_day_that_is_used_up_is_said(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->calls_per_day = 6;
	look(s, ACCOUNTS TIER);
	says(s, REMARK_ERROR, "hub", "limits", "0 of 6 calls are left today");
}

static void a_day_that_is_nearly_used_up_is_a_warning(void **state)
{
	struct stage *s = *state;

	sandbox_options(s->sandbox)->calls_per_day = 7;
	look(s, ACCOUNTS TIER);
	says(s, REMARK_OK, "hub", "limits", "1 of 7 calls are left today");
	sandbox_options(s->sandbox)->calls_per_day = 13;
	ask(s);
	says(s, REMARK_WARNING, "hub", "limits", "1 of 13 calls are left today");
}

static void a_rate_that_is_too_high_is_a_warning(void **state)
{
	struct stage *s = *state;

	look(s, "account: hub\nhubspot: { token: \"${H}\" }\n---\n"
		"account: cert\ncertifier: { token: \"${C}\", rate: 20/s }\n---\n" TIER);
	says(s, REMARK_WARNING, "cert", "limits", "`rate` is 20 a second");
}

/* ---- names ----------------------------------------------------------------------------------- */

static void names_that_are_not_there_name_their_rules(void **state)
{
	struct stage *s = *state;
	struct err err;

	assert_int_equal(sandbox_property_delete(s->sandbox, "tier", &err), RC_OK);
	assert_int_equal(sandbox_list_delete(s->sandbox, START, 7, &err), RC_OK);
	look(s, ACCOUNTS TIER GRADUATES
	     "---\nrule: lost\n"
	     "trigger: { event: property-changed, property: email }\n"
	     "action: { do: issue-credential, group: gone, fields: { custom.none: x } }\n");
	says(s, REMARK_ERROR, "tier", "names", "unknown property 'tier'");
	says(s, REMARK_ERROR, "graduates", "names", "list '7'");
	says(s, REMARK_ERROR, "lost", "names", "group 'gone'");
	says(s, REMARK_ERROR, "lost", "names", "attribute 'custom.none'");
	errors_are(s, 4);
}

static void names_of_an_account_that_is_silent_are_not_judged(void **state)
{
	struct stage *s = *state;

	s->fail = "/hubspot/";
	s->fate = (struct sim_fate){ .how = SIM_NOT_SENT };
	sources_add_text(
		&s->sources, "rules.d/" LOCK_FILE,
		slice_of("lock: 1\n---\naccount: hub\ntype: hubspot\nproperties:\n"
			 "  other: { label: \"Other\", type: string, field: text }\n"
			 "---\naccount: cert\ntype: certifier\ngroups:\n  \"g\": \"Group\"\n"
			 "attributes: {}\n"));
	s->sources.file[0].lock = true;
	look(s, ACCOUNTS TIER);
	errors_are(s, 1);
	says_nothing_of(s, "tier", "names");
	says(s, REMARK_OK, "rules", "lock", "is as the accounts are");
}

static void a_lock_that_is_behind_is_a_warning(void **state)
{
	struct stage *s = *state;

	sources_add_text(&s->sources, "rules.d/" LOCK_FILE,
			 slice_of("lock: 1\n---\naccount: cert\ntype: certifier\ngroups:\n"
				  "  \"g\": \"Former name\"\nattributes: {}\n"));
	s->sources.file[0].lock = true;
	s->fail = "/hubspot/";
	s->fate = (struct sim_fate){ .how = SIM_NOT_SENT };
	look(s, ACCOUNTS TIER);
	says(s, REMARK_WARNING, "rules", "lock", "1 name has changed since the last pull");
}

static void a_damaged_lock_is_an_error(void **state)
{
	struct stage *s = *state;

	sources_add_text(&s->sources, "rules.d/" LOCK_FILE, slice_of("<<<<<<< ours\n"));
	s->sources.file[0].lock = true;
	look(s, ACCOUNTS TIER);
	says(s, REMARK_ERROR, "rules", "lock", "is damaged");
}

static void without_accounts_there_is_no_table(void **state)
{
	struct stage *s = *state;

	read_rules(s, "account: hub\n---\n" TIER);
	assert_null(s->table);
	assert_false(s->rules);
	says(s, REMARK_ERROR, "rules", "files", "1 error, the first at rules.yaml:1:10: ");
}

/* ---- webhooks ----------------------------------------------------------------------------------- */

#define HOOKED(url, secrets)                                                                       \
	"account: hub\nhubspot: { token: \"${H}\", webhook: { public-url: \"" url                  \
	"\", secret: " secrets                                                                     \
	" } }\n---\naccount: cert\ncertifier: { token: \"${C}\" }\n---\n" TIER
#define TWO_SECRETS "[\"${S}\", \"${T}\"]"

/* What answers at public-url. */
static void answers(struct stage *s, int status, const char *body)
{
	s->fail = "/hook";
	s->fate = (struct sim_fate){ .how = SIM_ANSWERED, .status = status, .body = body };
}

static void a_listener_of_ours_is_recognised(void **state)
{
	struct stage *s = *state;

	answers(s, 405, "{\"message\":\"only POST\"}");
	look(s, HOOKED("https://example.org/hook", TWO_SECRETS));
	errors_are(s, 0);
	says(s, REMARK_OK, "hub", "webhook", "the listener answers at public-url");
}

static void a_listener_at_another_path_is_a_warning(void **state)
{
	struct stage *s = *state;

	answers(s, 404, "{\"message\":\"nobody listens here\"}");
	look(s, HOOKED("https://example.org/hook", TWO_SECRETS));
	says(s, REMARK_WARNING, "hub", "webhook", "but not for this account");
}

static void somebody_else_at_public_url_is_a_warning(void **state)
{
	static const struct {
		int status;
		const char *body;
	} rows[] = {
		{ 405, "" }, { 404, "<html>" }, { 200, "{\"message\":\"only POST\"}" }, { 502, "" }
	};
	struct stage *s = *state;

	read_rules(s, HOOKED("https://example.org/hook", TWO_SECRETS));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		answers(s, rows[i].status, rows[i].body);
		ask(s);
		says(s, REMARK_WARNING, "hub", "webhook", "somebody else answers at public-url: ");
	}
}

static void nobody_at_public_url_is_a_warning(void **state)
{
	struct stage *s = *state;

	s->fail = "/hook";
	s->fate = (struct sim_fate){ .how = SIM_TIMEOUT };
	look(s, HOOKED("https://example.org/hook", TWO_SECRETS));
	errors_are(s, 0);
	says(s, REMARK_WARNING, "hub", "webhook", "nothing answers at public-url: ");
	says(s, REMARK_OK, "hub", "names", "1 list");
}

static void a_webhook_needs_https(void **state)
{
	struct stage *s = *state;

	answers(s, 405, "{\"message\":\"only POST\"}");
	look(s, HOOKED("http://example.org/hook", TWO_SECRETS));
	says(s, REMARK_ERROR, "hub", "webhook", "is not https");
}

static enum rc no_secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	(void)ctx;
	(void)out;
	return err_set(err, RC_REFUSED, "'%s' is empty", secret->name);
}

static void secrets_that_cannot_be_had_are_said(void **state)
{
	struct stage *s = *state;

	s->sim.world.secret = no_secret;
	look(s, HOOKED("https://example.org/hook", "\"${S}\""));
	errors_are(s, 3);
	says(s, REMARK_ERROR, "hub", "token", "'H' is empty");
	says(s, REMARK_ERROR, "hub", "webhook", "'S' is empty");
	says(s, REMARK_ERROR, "cert", "token", "'C' is empty");
	assert_int_equal(s->sim.started, 1); /* to public-url, which needs no token */
}

/* ---- the state ------------------------------------------------------------------------------------- */

static void state_says(struct stage *s, const char *url)
{
	remarks_release(&s->found);
	doctor_state(url, s->table, &s->found);
}

static void a_state_is_looked_at(void **state)
{
	char folder[] = "/tmp/doctor-XXXXXX", path[64];
	struct stage *s = *state;
	struct db *db;
	struct err err;

	read_rules(s, ACCOUNTS TIER);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s.db", folder);
	state_says(s, path);
	says(s, REMARK_WARNING, "state", "open", "there is no state");
	state_says(s, "nosuch://db");
	says(s, REMARK_ERROR, "state", "open", "neither a path nor");
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	db_run(db, "INSERT INTO action (account, alive_ms, restored) VALUES ('cert', 0, 'newer')",
	       "");
	db_run(db, "INSERT INTO unsure (account, reason) VALUES ('cert', '402'), ('gone', '404')",
	       "");
	db_run(db,
	       "INSERT INTO ruleset (loaded_ms, hash, digest, timezone, watches, bytes)"
	       " VALUES (1, 'other', 'd', 'UTC', '{}', 1)",
	       "");
	db_run(db, "INSERT INTO recall (account, contact, due_ms) VALUES ('hub', '101', 5)", "");
	state_says(s, path);
	says(s, REMARK_OK, "state", "whole", "no fault");
	says(s, REMARK_ERROR, "state", "restored", "account 'cert' issues nothing: newer");
	says(s, REMARK_ERROR, "state", "unsure",
	     "account 'cert' issues nothing until its newest credentials can be read: 402");
	says(s, REMARK_OK, "state", "issuances", "none waits");
	says(s, REMARK_OK, "state", "rules", "those that were in force last are not the folder's");
	says(s, REMARK_OK, "state", "access", "its owner's only");
	db_run(db, "UPDATE ruleset SET timezone = 'Europe/Warsaw'", "");
	state_says(s, path);
	says(s, REMARK_OK, "state", "rules", "count days in Europe/Warsaw");
	db_run(db, "UPDATE ruleset SET timezone = 'UTC', hash = ?1", "t", s->table->hash);
	db_close(db);
	assert_int_equal(chmod(path, 0644), 0);
	state_says(s, path);
	says(s, REMARK_OK, "state", "daemon", "none is running");
	says(s, REMARK_OK, "state", "rules", "those of the folder are in force");
	says(s, REMARK_WARNING, "state", "access", "others may read it");
	assert_int_equal(db_open(path, DB_OWN, &db, &err), RC_OK);
	db_run(db, "UPDATE meta SET value = '1' WHERE key = 'schema'", "");
	db_close(db);
	state_says(s, path);
	says(s, REMARK_ERROR, "state", "open", "older hs2cert: 'hs2cert run' upgrades it");
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/s.db.lock", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
		TEST(all_is_fine),
		TEST(a_refused_token_ends_its_account_alone),
		TEST(so_does_the_other_one),
		TEST(a_scope_that_a_rule_needs_is_an_error),
		TEST(a_scope_that_no_rule_needs_is_a_warning),
		TEST(where_rules_are_not_right_all_scopes_are_needed),
		TEST(contacts_are_needed_by_every_rule),
		TEST(names_may_do_without_schemas),
		TEST(a_token_that_is_not_told_of_is_tried),
		TEST(a_refusal_of_contacts_is_seen_without_that),
		TEST(a_silent_account_is_given_up_in_time),
		TEST(one_that_falls_silent_midway_leaves_no_half_of_its_names),
		TEST(a_slow_one_is_given_up_as_a_whole),
		TEST(what_passes_is_tried_again),
		TEST(but_not_for_long),
		TEST(answers_that_make_no_sense_are_said),
		TEST(no_secret_is_said),
		TEST(clocks_are_compared),
		TEST(a_day_that_is_used_up_is_said),
		TEST(a_day_that_is_nearly_used_up_is_a_warning),
		TEST(a_rate_that_is_too_high_is_a_warning),
		TEST(names_that_are_not_there_name_their_rules),
		TEST(names_of_an_account_that_is_silent_are_not_judged),
		TEST(a_lock_that_is_behind_is_a_warning),
		TEST(a_damaged_lock_is_an_error),
		TEST(without_accounts_there_is_no_table),
		TEST(a_webhook_needs_https),
		TEST(a_listener_of_ours_is_recognised),
		TEST(a_listener_at_another_path_is_a_warning),
		TEST(somebody_else_at_public_url_is_a_warning),
		TEST(nobody_at_public_url_is_a_warning),
		TEST(secrets_that_cannot_be_had_are_said),
		TEST(a_state_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

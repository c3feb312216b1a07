/*
 * plan - what would change if the edited rules were loaded: engine/compare.h over the events on
 * record, from the command line.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/cli/ground.h"
#include "engine/cli/live.h"
#include "engine/compare.h"
#include "engine/observe.h"
#include "engine/record.h"
#include "engine/store/db.h"

#define FIRST_PEOPLE 10	    /* of a rule, that are named */
#define MOST_EVENTS 2000000 /* that are looked at, the newest */

/* What is said of one rule's people, collected while events are compared. */
struct people {
	const struct compare_rule *rule;
	int64_t named;
	struct str rows;
	struct people *next;
};

struct planning {
	const struct cli *cli;
	bool json;
	struct db *db;
	struct people *people;
	struct str line;
};

static const char marks[COMPARE_CHANGES] = {
	[COMPARE_GAINED] = '+', [COMPARE_LOST] = '-',	[COMPARE_GROUP] = '~',
	[COMPARE_FIELDS] = '~', [COMPARE_UNTOLD] = '?',
};

/* ---- people ------------------------------------------------------------------- */

static struct people *people_of(struct planning *p, const struct compare_rule *rule)
{
	struct people *one = p->people;

	while (one && one->rule != rule)
		one = one->next;
	if (one)
		return one;
	one = mem_alloc(sizeof(*one));
	one->rule = rule;
	str_init(&one->rows, 1u << 20);
	one->next = p->people;
	p->people = one;
	return one;
}

/* What live rules made of an event that a rule in shadow saw, too. */
static void add_live_ones(struct planning *p, const struct compare_event *e, struct str *out)
{
	struct query *q = db_select(
		p->db,
		"SELECT rule, state FROM issuance WHERE source_account = ?1 AND contact = ?2 AND event = ?3"
		" AND target = ?4 AND at_ms = ?5 AND to_value = ?6 AND state <> 'shadow' ORDER BY rule",
		"ttttis", e->account, e->contact, event_kind_names[e->event->kind], e->target,
		e->event->at_ms, e->event->to);

	live_add(out, q, p->json);
}

static void print_person(struct planning *p, const struct compare_person *person)
{
	char at[CLOCK_TEXT];

	str_clear(&p->line);
	str_addf(&p->line, "{\"rule\":\"%s\",\"change\":\"%s\"", person->rule->name,
		 compare_change_names[person->change]);
	str_add_member(&p->line, "contact", slice_of(person->contact));
	str_add_member(&p->line, "email", slice_or_none(person->email));
	str_add_member(&p->line, "to", slice_or_none(person->to));
	str_add_member(&p->line, "at", slice_of(clock_format(person->at_ms, at)));
	str_add_member(&p->line, "what", slice_or_none(slice_of(person->what)));
	if (person->rule->in_shadow) {
		str_add_text(&p->line, ",\"live\":");
		add_live_ones(p, person->event, &p->line);
	}
	printf("%s}\n", str_text(&p->line));
}

static void add_person(struct planning *p, const struct compare_person *person)
{
	struct people *all = people_of(p, person->rule);
	char at[CLOCK_TEXT];

	if (person->change == COMPARE_UNTOLD || all->named++ >= FIRST_PEOPLE)
		return;
	str_addf(&all->rows, "      %c %-10s ", marks[person->change], person->contact);
	str_add_shown(&all->rows, person->email);
	str_addf(&all->rows, "  %.10s", clock_format(person->at_ms, at));
	if (person->to.len)
		str_add_text(&all->rows, "  ");
	str_add_shown(&all->rows, person->to);
	if (person->what)
		str_addf(&all->rows, "  other %s", person->what);
	if (person->rule->in_shadow) {
		str_add_text(&all->rows, "  ");
		add_live_ones(p, person->event, &all->rows);
	}
	str_add_char(&all->rows, '\n');
}

static void say(void *ctx, const struct compare_person *person)
{
	struct planning *p = ctx;

	if (p->json)
		print_person(p, person);
	else
		add_person(p, person);
}

/* ---- rules --------------------------------------------------------------------- */

static const struct {
	const char *one, *several;
} change_words[COMPARE_CHANGES] = {
	[COMPARE_GAINED] = { "+%lld credential", "+%lld credentials" },
	[COMPARE_LOST] = { "-%lld credential", "-%lld credentials" },
	[COMPARE_GROUP] = { "%lld changes group", "%lld change group" },
	[COMPARE_FIELDS] = { "%lld changes fields", "%lld change fields" },
	[COMPARE_UNTOLD] = { "%lld cannot be told", "%lld cannot be told" },
};

static void add_changes(struct str *out, const struct compare_rule *r)
{
	const char *comma = ": ";

	for (int i = 0; i < COMPARE_CHANGES; i++) {
		char text[64];
		if (!r->of[i])
			continue;
		snprintf(text, sizeof(text), "%lld", (long long)r->of[i]);
		const char *words = r->of[i] == 1 ? change_words[i].one : change_words[i].several;
		const char *at = strstr(words, "%lld");
		str_addf(out, "%s%.*s%s%s", comma, (int)(at - words), words, text,
			 at + strlen("%lld"));
		comma = ", ";
	}
}

static void print_notes(const struct compare_rule *r)
{
	bool on = r->edited && r->edited->mode != MODE_OFF;

	if (r->activation == ACTIVATION_NEW)
		puts("    activated by the reload: counts from then on; 'hs2cert backfill' reaches who qualifies already");
	if (r->activation == ACTIVATION_ANEW)
		puts("    activated anew by the reload, as its trigger is another one: what happened before does not count");
	if (r->activation == ACTIVATION_ENDS)
		puts("    deactivated by the reload");
	if (r->waiting)
		printf("    %lld that have not settled yet would be dropped\n",
		       (long long)r->waiting);
	if (r->parked)
		printf("    %lld held or refused: %s\n", (long long)r->parked,
		       on ? "they stay so; 'hs2cert retry' plans them anew, by the edited rule"
			  : "they stay so, and 'hs2cert retry' finds no rule for what has no draft yet");
	if (r->edit != EDIT_NONE && r->edit != EDIT_REMOVED && on && !r->events)
		puts("    no event of its trigger was met: --live asks HubSpot");
	if (r->of[COMPARE_UNTOLD])
		puts("    ? the record lacks a property that it reads now: --live asks HubSpot");
}

static void print_rule(struct planning *p, const struct compare_rule *r)
{
	struct people *people = people_of(p, r);

	if (r->edit == EDIT_NONE && r->activation == ACTIVATION_KEPT)
		return;
	str_clear(&p->line);
	str_addf(&p->line, "%s  %s%s", r->name, compare_edit_names[r->edit],
		 r->in_shadow ? ", in shadow" : "");
	add_changes(&p->line, r);
	puts(str_text(&p->line));
	for (size_t i = 0; i < r->lines; i++)
		printf("    %s\n", r->line[i]);
	fputs(str_text(&people->rows), stdout);
	if (people->named > FIRST_PEOPLE)
		printf("      and %lld more\n", (long long)(people->named - FIRST_PEOPLE));
	print_notes(r);
}

static void print_rule_json(struct planning *p, const struct compare_rule *r)
{
	struct str *out = &p->line;

	str_clear(out);
	str_addf(out, "{\"rule\":\"%s\",\"edit\":\"%s\",\"activation\":\"%s\",\"shadow\":%s",
		 r->name, compare_edit_names[r->edit], compare_activation_names[r->activation],
		 r->in_shadow ? "true" : "false");
	for (int i = 0; i < COMPARE_CHANGES; i++)
		str_addf(out, ",\"%s\":%lld", compare_change_names[i], (long long)r->of[i]);
	str_addf(out, ",\"events\":%lld,\"waiting\":%lld,\"parked\":%lld,\"lines\":[",
		 (long long)r->events, (long long)r->waiting, (long long)r->parked);
	for (size_t i = 0; i < r->lines; i++) {
		str_add_text(out, i ? "," : "");
		str_add_json(out, slice_of(r->line[i]));
	}
	printf("%s]}\n", str_text(out));
}

static int print_plan(struct planning *p, const struct compare *c, const char *rules, bool emptied)
{
	size_t n;
	const struct compare_rule *rule = compare_rules(c, &n);
	bool differs = compare_differs(c);

	if (!p->json)
		printf("%lld event%s compared\n", (long long)compare_events(c),
		       compare_events(c) == 1 ? "" : "s");
	for (size_t i = 0; i < n; i++) {
		if (p->json)
			print_rule_json(p, &rule[i]);
		else
			print_rule(p, &rule[i]);
	}
	if (!p->json && !differs)
		printf("the rules in '%s' are those in force\n", rules);
	if (!p->json && differs && compare_releases(c))
		printf("%lld held by plan or group would be released by the reload\n",
		       (long long)compare_releases(c));
	if (!p->json && emptied)
		puts("\na reload and a start would refuse this, as no rule is left: 'mode: off' in each ends them");
	else if (!p->json && differs)
		puts("\nnothing has changed yet: a reload (SIGHUP), or the next 'hs2cert run', takes them into force");
	return differs ? EXIT_FINDINGS : EXIT_FINE;
}

/* ---- events ------------------------------------------------------------------------ */

static void compare_one(struct compare *c, const struct table *old, const struct table *edited,
			const struct recorded *r)
{
	struct recorded_facts a = { old, r }, b = { edited, r };
	struct compare_event e = { r->account, r->contact,	   r->target,
				   &r->event,  recorded_facts(&a), recorded_facts(&b) };

	if (!r->gone)
		compare_event(c, &e);
}

/* The record is read newest first; events are compared oldest first. */
static enum rc compare_record(struct db *db, struct compare *c, const struct table *old,
			      const struct table *edited, int64_t since_ms, struct err *err)
{
	struct recorded *list = NULL;
	size_t n = 0, cap = 0;
	struct arena memory;

	arena_init(&memory);
	struct query *q = record_since(db, since_ms, MOST_EVENTS);
	for (struct recorded r; record_next(db, q, &memory, &r);) {
		list = mem_grow(list, &cap, n + 1, sizeof(*list));
		list[n++] = r;
	}
	for (size_t i = n; i > 0; i--) {
		compare_one(c, old, edited, &list[i - 1]);
		recorded_release(&list[i - 1]);
	}
	mem_free(list);
	arena_release(&memory);
	return db_failed(db, err);
}

/* The same of what happened at the sources. */
static enum rc compare_live(struct ground *g, struct compare *c, const struct table *old,
			    const struct table *edited, int64_t since_ms, struct err *err)
{
	struct observe *o = observe_new(&g->world, old, edited, since_ms, c);
	bool done = false;
	enum rc rc = RC_OK;

	while (rc == RC_OK && !done) {
		rc = observe_step(o, &done, err);
		if (rc == RC_OK && !done)
			rc = ground_turn(g, observe_wake_ms(o), err);
	}
	observe_free(o);
	return rc;
}

/* ---- the command --------------------------------------------------------------------- */

static int with_tables(struct ground *g, const struct ruleset *old, const struct table *edited,
		       int64_t since_ms)
{
	struct planning p = { .cli = g->cli, .json = cli_has(g->cli, "json"), .db = g->world.db };
	struct err err;

	str_init(&p.line, 16u << 20);
	struct compare *c = compare_new(g->world.db, old->table, edited, say, &p);
	enum rc rc = cli_has(g->cli, "live")
			     ? compare_live(g, c, old->table, edited, since_ms, &err)
			     : compare_record(g->world.db, c, old->table, edited, since_ms, &err);
	bool emptied = table_is_emptied(edited, table_active(old->table));
	int status = rc == RC_OK ? print_plan(&p, c, g->rules, emptied)
				 : cli_fail(g->cli, "%s", err.text);
	compare_free(c);
	while (p.people) {
		struct people *next = p.people->next;
		str_release(&p.people->rows);
		mem_free(p.people);
		p.people = next;
	}
	str_release(&p.line);
	return status;
}

/* Both tables see days begin where the daemon does. */
static int with_state(struct ground *g, int64_t since_ms)
{
	struct ruleset old;
	struct table *edited = NULL;
	struct arena memory;

	arena_init(&memory);
	int status = ground_in_force(g, &memory, &old);
	if (status == EXIT_FINE && ground_rules(g, &edited) != EXIT_FINE)
		status = EXIT_COULD_NOT;
	if (status == EXIT_FINE)
		status = with_tables(g, &old, edited, since_ms);
	table_unref(edited);
	ruleset_release(&old);
	arena_release(&memory);
	return status;
}

static int plan_run(const struct cli *cli)
{
	struct ground g;
	struct err err;
	int64_t since_ms;
	int status = ground_open(&g, cli, LOG_WARN);

	if (status == EXIT_FINE && !cli_since(cli, "7d", &since_ms))
		status = EXIT_USAGE;
	if (status == EXIT_FINE &&
	    db_open(cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db"), DB_SHARE,
		    &g.world.db, &err) != RC_OK)
		status = cli_fail(cli, "%s", err.text);
	if (status == EXIT_FINE) {
		status = with_state(&g, since_ms);
		db_close(g.world.db);
	}
	ground_close(&g);
	return status;
}

static const struct cli_option options[] = {
	{ "since", "T", "events decided since: 2h, 7d (default), 2026-01-31 or a date-time" },
	{ "live", NULL, "read the accounts instead of the record: what happened since" },
	CLI_OPTION_JSON,
	CLI_OPTION_RULES,
	CLI_OPTION_STATE,
	GROUND_OPTION_TIMEZONE_IN_FORCE,
	CLI_OPTION_END,
};

const struct cli_command command_plan = {
	.name = "plan",
	.summary = "what would change if the edited rules were loaded",
	.operands = "",
	.option = options,
	.run = plan_run,
	.more = "Compares the rules in the folder with those in force (or that were, when the daemon last ran)\n"
		"over the events on record: who would have got a credential and did not, and the other way\n"
		"round; who another group, or other fields; which rules are activated or deactivated; what is\n"
		"parked. Fields are filled with the values of the event's time, and an option stands for its\n"
		"label. Nothing is changed, and nothing is asked of HubSpot, but with --live: then contacts that\n"
		"changed and members that joined since are read, with histories, and no property is missing.\n"
		"Works beside a daemon.\n"
		"0 the same rules; 1 they differ; 3 could not run, as when the edited rules are invalid.",
};

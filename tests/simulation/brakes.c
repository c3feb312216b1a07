/*
 * brakes - what the rules' brakes held, and what they let pass.
 *
 * Which of a flood's events are held depends on the order in which they were decided, so each is
 * owed either way, and what is judged is the count of the rule's events by their own time:
 *
 *  1. Of those that passed without a person, no span of an hour holds more than the brake allows.
 *  2. Some span around each that is held does, with those that counted at some time.
 *  3. What is held was owed.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/simulation.h"

#define SPAN_MS MS_HOUR

/* An issuance of one rule, as far as it matters here. */
struct event_row {
	int64_t at_ms, contact;
	const char *to;
	bool held;   /* by the brake */
	bool passed; /* of itself */
};

/* Of one rule, by the times of the events: all that counted once. */
struct event_rows {
	const struct model_rule *rule;
	struct event_row *row;
	size_t count, cap;
};

static struct event_rows rows_of(struct life *l, const struct model_rule *rule,
				 struct arena *memory)
{
	struct event_rows rows = { .rule = rule };
	struct query *q = db_select(
		l->sim.world.db,
		"SELECT at_ms, contact, to_value, state = 'held' AND hold = 'brake',"
		" state NOT IN ('skipped', 'refused', 'dropped', 'shadow')"
		" AND NOT EXISTS (SELECT 1 FROM trail WHERE issuance = issuance.id"
		" AND who IS NOT NULL) FROM issuance WHERE rule = ?1 AND EXISTS"
		" (SELECT 1 FROM trail WHERE issuance = issuance.id AND state NOT IN"
		" ('skipped', 'refused', 'dropped', 'shadow')) ORDER BY at_ms",
		"t", rule->name);

	while (query_next(q)) {
		rows.row = mem_grow(rows.row, &rows.cap, rows.count + 1, sizeof(*rows.row));
		bool held = query_integer(q, 3) != 0;
		rows.row[rows.count++] = (struct event_row){
			.at_ms = query_integer(q, 0),
			.contact = strtoll(arena_text(memory, query_slice(q, 1)), NULL, 10),
			.to = arena_text(memory, query_slice(q, 2)),
			.held = held,
			.passed = !held && query_integer(q, 4) != 0,
		};
	}
	return rows;
}

/* How many of the rows from the i-th on are within a span that begins with it. */
static int64_t count_span(const struct event_rows *rows, size_t i, bool passed_only)
{
	int64_t n = 0;

	for (size_t k = i; k < rows->count && rows->row[k].at_ms < rows->row[i].at_ms + SPAN_MS;
	     k++)
		n += !passed_only || rows->row[k].passed;
	return n;
}

static void judge_passed(struct life *l, const struct event_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		int64_t n = rows->row[i].passed ? count_span(rows, i, true) : 0;
		if (n > rows->rule->brake)
			trouble(l, "%s: %lld events passed a brake of %lld within an hour",
				rows->rule->name, (long long)n, (long long)rows->rule->brake);
	}
}

/* Whether some span that holds the i-th row is too full. */
static bool may_be_held(const struct event_rows *rows, size_t i)
{
	for (size_t k = 0; k < rows->count && rows->row[k].at_ms <= rows->row[i].at_ms; k++)
		if (rows->row[k].at_ms > rows->row[i].at_ms - SPAN_MS &&
		    count_span(rows, k, false) > rows->rule->brake)
			return true;
	return false;
}

/* ---- was it owed ------------------------------------------------------------------ */

static bool meet(struct pairs *p, const struct event_row *row, const struct model_rule *rule,
		 struct arena *memory)
{
	struct ledger_event *event = arena_alloc(memory, sizeof(*event));

	*event = (struct ledger_event){
		.rule = rule->name, .to = row->to, .at_ms = row->at_ms, .contact = row->contact
	};
	return pairs_add(p, event);
}

static void judge_held(struct pairs *p, const struct event_rows *rows, struct arena *memory)
{
	struct life *l = p->life;
	char at[CLOCK_TEXT];

	for (size_t i = 0; i < rows->count; i++) {
		const struct event_row *row = &rows->row[i];
		if (!row->held)
			continue;
		l->tally.braked++;
		clock_format(row->at_ms, at);
		if (!may_be_held(rows, i))
			trouble(l, "%s: held by a brake of %lld, and nothing is near: %s",
				rows->rule->name, (long long)rows->rule->brake, at);
		/* Whether its address ever came is not asked while it is held. */
		if (!meet(p, row, rows->rule, memory) && !rows->rule->hold_ms)
			trouble(l, "%s: nobody was owed what the brake holds: contact %lld, %s",
				rows->rule->name, (long long)row->contact, at);
	}
}

/* ---- the rules ----------------------------------------------------------------------- */

static bool same_brake(const struct model_rule *rule, const struct model_rule *a)
{
	return strcmp(rule->name, a->name) != 0 ||
	       (rule->brake == a->brake && a->mode != MODEL_SHADOW);
}

/* Shadow does not brake: a rule that was in it at any time is only judged for what it holds. */
static bool was_always_braked(const struct life *l, const struct model_rule *rule)
{
	bool same = true;

	for (size_t i = 0; i < l->loads; i++)
		for (size_t k = 0; k < l->load[i].rules->count; k++)
			same &= same_brake(rule, &l->load[i].rules->rule[k]);
	return same;
}

static void judge_rule(struct pairs *p, const struct model_rule *rule, struct arena *memory)
{
	struct event_rows rows = rows_of(p->life, rule, memory);

	if (was_always_braked(p->life, rule))
		judge_passed(p->life, &rows);
	judge_held(p, &rows, memory);
	mem_free(rows.row);
}

static bool was_in(const struct life *l, size_t loads, const char *name)
{
	for (size_t i = 0; i < loads; i++)
		for (size_t k = 0; k < l->load[i].rules->count; k++)
			if (strcmp(l->load[i].rules->rule[k].name, name) == 0)
				return true;
	return false;
}

void judge_brakes(struct pairs *p, struct arena *memory)
{
	const struct life *l = p->life;

	for (size_t i = 0; i < l->loads; i++) {
		const struct model_rules *rules = l->load[i].rules;
		for (size_t k = 0; k < rules->count; k++)
			if (rules->rule[k].brake && !was_in(l, i, rules->rule[k].name))
				judge_rule(p, &rules->rule[k], memory);
	}
}

#include "engine/status.h"

#include "base/clock.h"
#include "base/map.h"
#include "engine/ledger.h"
#include "engine/looked.h"

/* ---- reading ------------------------------------------------------------------ */

static void read_accounts(struct status *s, struct db *db)
{
	size_t cap = (size_t)db_integer(db, 0, "SELECT count(*) FROM source", "");
	struct status_account *list = arena_alloc(&s->memory, (cap + 1) * sizeof(*list));
	struct query *q = db_select(db,
				    "SELECT account, cursor_ms FROM source WHERE cursor_ms > 0"
				    " ORDER BY account",
				    "");

	s->account = list;
	while (query_next(q))
		if (s->accounts < cap)
			list[s->accounts++] = (struct status_account){
				arena_text(&s->memory, query_slice(q, 0)), query_integer(q, 1)
			};
}

static void read_restored(struct status *s, struct db *db)
{
	size_t cap = (size_t)db_integer(db, 0, "SELECT count(*) FROM action", "");
	struct status_restored *list = arena_alloc(&s->memory, (cap + 1) * sizeof(*list));
	struct query *q = db_select(
		db,
		"SELECT account, restored FROM action WHERE restored IS NOT NULL"
		" ORDER BY account",
		"");

	s->restored = list;
	while (query_next(q))
		if (s->restoreds < cap)
			list[s->restoreds++] = (struct status_restored){
				arena_text(&s->memory, query_slice(q, 0)),
				arena_text(&s->memory, query_slice(q, 1))
			};
}

/* When each rule fired: a walk through an index, however many rules there are. */
static void read_fired(struct db *db, const struct map *rules, int64_t since_ms)
{
	struct query *q = db_select(db,
				    "SELECT rule, sum(created_ms >= ?1), max(at_ms) FROM issuance"
				    " WHERE state <> 'skipped' GROUP BY rule",
				    "i", since_ms);

	while (query_next(q)) {
		struct status_rule *r = map_get(rules, query_slice(q, 0));
		if (!r)
			continue;
		r->fired = query_integer(q, 1);
		r->ever = true;
		r->last_ms = query_integer(q, 2);
	}
}

/* What of each rule waits for a person. */
static void read_parked(struct status *s, struct db *db, const struct map *rules)
{
	struct query *q = db_select(
		db,
		"SELECT rule, sum(state = 'held'), sum(state = 'refused'), sum(state = 'send-unknown')"
		" FROM issuance WHERE " LEDGER_PARKED " GROUP BY rule",
		"");

	while (query_next(q)) {
		struct status_rule *r = map_get(rules, query_slice(q, 0));
		r = r ? r : &s->gone;
		r->held += query_integer(q, 1);
		r->refused += query_integer(q, 2);
		r->unknown += query_integer(q, 3);
	}
}

static void read_events(struct status *s, struct db *db, const struct table *table,
			const int64_t *watch, struct status_rule *list)
{
	int64_t *events = arena_alloc(&s->memory, (table->n_rule + 1) * sizeof(*events));
	struct looked looked;

	looked_read(&looked, db, table, watch);
	looked_count(&looked, s->now_ms - QUIET_MS, events);
	looked_release(&looked);
	for (size_t i = 0; i < s->rules; i++)
		list[i].events = events[list[i].rule->id];
}

static void read_rules(struct status *s, struct db *db, const struct table *table,
		       const int64_t *watch)
{
	struct status_rule *list = arena_alloc(&s->memory, (table->n_rule + 1) * sizeof(*list));
	struct map rules;

	map_init(&rules);
	s->rule = list;
	s->rules = table->n_rule;
	for (size_t i = 0; i < table->n_rule; i++) {
		struct status_rule *r = &list[i];
		r->rule = &table->rule[i];
		r->start_ms = db_integer(db, INT64_MAX, "SELECT start_ms FROM watch WHERE id = ?1",
					 "i", watch[table->rule[i].id]);
		r->active = r->start_ms != INT64_MAX;
		map_put(&rules, slice_of(r->rule->name), r);
	}
	read_fired(db, &rules, s->now_ms - QUIET_MS);
	read_parked(s, db, &rules);
	read_events(s, db, table, watch, list);
	map_release(&rules);
}

static void read_quiet(struct status *s, struct db *db, const struct table *table,
		       const int64_t *watch)
{
	quiet_find(db, table, watch, s->now_ms, &s->found);
	s->quiet = arena_alloc(&s->memory, (s->found.count + 1) * sizeof(*s->quiet));
	for (size_t i = 0; i < s->found.count; i++) {
		const struct quiet *q = &s->found.quiet[i];
		if (q->seen || s->now_ms - q->since_ms >= QUIET_MS)
			s->quiet[s->quiets++] = q;
	}
}

void status_read(struct status *s, struct db *db, const struct table *table, const int64_t *watch,
		 int64_t now_ms)
{
	*s = (struct status){ .now_ms = now_ms };
	arena_init(&s->memory);
	read_accounts(s, db);
	read_restored(s, db);
	if (!table)
		return;
	read_rules(s, db, table, watch);
	read_quiet(s, db, table, watch);
}

void status_release(struct status *s)
{
	if (s->quiet)
		quiets_release(&s->found);
	arena_release(&s->memory);
}

/* ---- JSON --------------------------------------------------------------------- */

void status_json_time(struct str *out, const char *key, bool known, int64_t at_ms)
{
	char text[CLOCK_TEXT];

	if (known)
		str_addf(out, ",\"%s\":\"%s\"", key, clock_format(at_ms, text));
	else
		str_addf(out, ",\"%s\":null", key);
}

void status_json_account(const struct status *s, size_t i, struct str *out)
{
	const struct status_account *a = &s->account[i];

	str_add_text(out, "{\"kind\":\"account\",\"account\":");
	str_add_json(out, slice_of(a->name));
	status_json_time(out, "looked_up_to", true, a->cursor_ms);
	str_addf(out, ",\"age_ms\":%lld}", (long long)(s->now_ms - a->cursor_ms));
}

void status_json_rule(const struct status *s, size_t i, struct str *out)
{
	const struct status_rule *r = &s->rule[i];

	str_add_text(out, "{\"kind\":\"rule\",\"rule\":");
	str_add_json(out, slice_of(r->rule->name));
	str_addf(out, ",\"mode\":\"%s\"", rule_mode_names[r->rule->mode]);
	status_json_time(out, "active_since", r->active, r->start_ms);
	str_addf(out, ",\"events\":%lld,\"fired\":%lld", (long long)r->events, (long long)r->fired);
	status_json_time(out, "last_fired", r->ever, r->last_ms);
	str_addf(out, ",\"held\":%lld,\"refused\":%lld,\"send_unknown\":%lld}", (long long)r->held,
		 (long long)r->refused, (long long)r->unknown);
}

void status_json_restored(const struct status *s, size_t i, struct str *out)
{
	str_add_text(out, "{\"kind\":\"restored\",\"account\":");
	str_add_json(out, slice_of(s->restored[i].account));
	str_add_text(out, ",\"reason\":");
	str_add_json(out, slice_of(s->restored[i].reason));
	str_add_char(out, '}');
}

bool status_is_gone(const struct status *s)
{
	return s->gone.held + s->gone.refused + s->gone.unknown > 0;
}

void status_json_gone(const struct status *s, size_t i, struct str *out)
{
	const struct status_rule *r = &s->gone;

	(void)i;
	str_addf(out, "{\"kind\":\"gone\",\"held\":%lld,\"refused\":%lld,\"send_unknown\":%lld}",
		 (long long)r->held, (long long)r->refused, (long long)r->unknown);
}

void status_json_quiet(const struct status *s, size_t i, struct str *out)
{
	const struct quiet *q = s->quiet[i];

	str_add_text(out, "{\"kind\":\"quiet\",\"rule\":");
	str_add_json(out, slice_of(q->rule->name));
	status_json_time(out, "since", true, q->since_ms);
	str_addf(out, ",\"events\":%lld,\"closest\":", (long long)q->seen);
	if (!q->test) {
		str_add_text(out, "null}");
		return;
	}
	str_add_text(out, "{\"test\":");
	str_add_json(out, slice_of(q->test));
	str_add_text(out, ",\"file\":");
	str_add_json(out, slice_of(q->file));
	str_addf(out, ",\"line\":%u,\"column\":%u,\"failed\":%lld,\"value\":", q->line, q->column,
		 (long long)q->failed);
	if (q->value)
		str_add_json(out, slice_of(q->value));
	else
		str_add_text(out, "null");
	str_addf(out, ",\"times\":%lld}}", (long long)q->times);
}

#include "engine/compare.h"

#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "engine/issuance.h"
#include "engine/ledger.h"
#include "engine/watch.h"

const char *const compare_change_names[COMPARE_CHANGES] = {
	[COMPARE_GAINED] = "gained", [COMPARE_LOST] = "lost",	  [COMPARE_GROUP] = "group",
	[COMPARE_FIELDS] = "fields", [COMPARE_UNTOLD] = "untold",
};

const char *const compare_edit_names[] = {
	[EDIT_NONE] = "unchanged",
	[EDIT_ADDED] = "new",
	[EDIT_REMOVED] = "removed",
	[EDIT_EDITED] = "edited",
};

const char *const compare_activation_names[] = {
	[ACTIVATION_KEPT] = "kept",
	[ACTIVATION_NEW] = "activated",
	[ACTIVATION_ANEW] = "activated anew",
	[ACTIVATION_ENDS] = "deactivated",
};

struct compare {
	struct db *db;
	const struct table *old, *edited;
	void (*say)(void *ctx, const struct compare_person *person);
	void *ctx;
	struct compare_rule *rule;
	size_t rules;
	struct map seen;   /* events */
	struct map repeat; /* side, rule, contact (and value): issued within what is compared */
	int64_t first_ms;  /* the first event's time */
	int64_t events;
	struct arena memory;
};

/* What one rule makes of an event. */
struct verdict {
	enum { ISSUES_NOTHING, ISSUES, UNTOLD } what;
	struct json *fields;
	const char *untold;
};

/* ---- edits ------------------------------------------------------------------ */

/* A line of a filter that only holds its parts together: `any` and `not` tell what they are. */
static bool is_seam(struct slice line)
{
	return slice_is(line, "all") || slice_is(line, "close") ||
	       slice_starts(line, slice_of("join "));
}

/* Lines of a rule's dump, each without what only tells its place. */
static size_t cut_lines(struct compare *c, const struct table *t, const struct rule *rule,
			struct slice **out)
{
	size_t n = 0, cap = 0;
	struct slice *list = NULL;
	struct str text;

	str_init(&text, 16u << 20);
	if (rule)
		rule_dump(t, rule, &text);
	struct slice rest = arena_slice(&c->memory, str_slice(&text)), one;
	while (rest.len) {
		(void)slice_cut(&rest, '\n', &one);
		one = slice_trim(one);
		while (one.len && one.ptr[0] >= '0' && one.ptr[0] <= '9') {
			one.ptr++;
			one.len--;
		}
		one = slice_trim(one);
		if (!one.len || slice_starts(one, slice_of("rule ")))
			continue;
		list = mem_grow(list, &cap, n + 1, sizeof(*list));
		list[n++] = one;
	}
	str_release(&text);
	*out = list;
	return n;
}

static bool has_line(const struct slice *line, size_t lines, struct slice wanted)
{
	for (size_t i = 0; i < lines; i++)
		if (slice_eq(line[i], wanted))
			return true;
	return false;
}

static void find_edits(struct compare *c, struct compare_rule *r)
{
	struct slice *a, *b;
	size_t n = cut_lines(c, c->old, r->old, &a), m = cut_lines(c, c->edited, r->edited, &b);
	const char **line = arena_alloc(&c->memory, (n + m + 1) * sizeof(*line));

	r->line = line;
	for (size_t i = 0; r->edited && i < n; i++)
		if (!is_seam(a[i]) && !has_line(b, m, a[i]))
			line[r->lines++] = arena_printf(&c->memory, "- %.*s", SLICE_FMT(a[i]));
	for (size_t i = 0; r->old && i < m; i++)
		if (!is_seam(b[i]) && !has_line(a, n, b[i]))
			line[r->lines++] = arena_printf(&c->memory, "+ %.*s", SLICE_FMT(b[i]));
	bool same = n == m;
	for (size_t i = 0; same && i < n; i++)
		same = slice_eq(a[i], b[i]);
	r->edit = !r->old ? EDIT_ADDED : !r->edited ? EDIT_REMOVED : same ? EDIT_NONE : EDIT_EDITED;
	if (r->edit == EDIT_EDITED && !r->lines)
		line[r->lines++] = "~ the same in another order, or grouped otherwise";
	mem_free(a);
	mem_free(b);
}

/* ---- activations -------------------------------------------------------------- */

static bool is_on(const struct rule *rule)
{
	return rule && rule->mode != MODE_OFF;
}

static void find_activation(struct compare *c, struct compare_rule *r)
{
	int64_t watch = 0;
	bool same = false;
	struct query *q = db_select(
		c->db, "SELECT watch, trigger_key FROM rule WHERE name = ?1 AND watch IS NOT NULL",
		"t", r->name);

	if (query_next(q)) {
		watch = query_integer(q, 0);
		same = is_on(r->edited) &&
		       slice_is(query_slice(q, 1),
				watch_trigger_key(c->edited, r->edited, &c->memory));
		query_end(q);
	}
	r->activation = !watch && is_on(r->edited)   ? ACTIVATION_NEW
			: watch && !is_on(r->edited) ? ACTIVATION_ENDS
			: watch && !same	     ? ACTIVATION_ANEW
						     : ACTIVATION_KEPT;
	if (watch && r->activation != ACTIVATION_KEPT)
		r->waiting = db_integer(c->db, 0, "SELECT count(*) FROM pending WHERE watch = ?1",
					"i", watch);
}

static void find_parked(struct compare *c, struct compare_rule *r)
{
	if (r->edit == EDIT_EDITED || r->edit == EDIT_REMOVED)
		r->parked = db_integer(c->db, 0,
				       "SELECT count(*) FROM issuance WHERE rule = ?1"
				       " AND state IN ('held', 'refused')",
				       "t", r->name);
}

static bool has_mode(const struct compare_rule *r, enum rule_mode mode)
{
	return (r->old && r->old->mode == mode) || (r->edited && r->edited->mode == mode);
}

static void add_rule(struct compare *c, const struct rule *old, const struct rule *edited)
{
	struct compare_rule *r = &c->rule[c->rules++];

	r->name = old ? old->name : edited->name;
	r->old = old;
	r->edited = edited;
	r->in_shadow = has_mode(r, MODE_SHADOW) && !has_mode(r, MODE_LIVE);
	find_edits(c, r);
	find_activation(c, r);
	find_parked(c, r);
}

/* Both tables are in order of their rules' names. */
static void pair_rules(struct compare *c)
{
	size_t i = 0, k = 0;

	c->rule = arena_alloc(&c->memory,
			      (c->old->n_rule + c->edited->n_rule + 1) * sizeof(*c->rule));
	while (i < c->old->n_rule || k < c->edited->n_rule) {
		const struct rule *a = i < c->old->n_rule ? &c->old->rule[i] : NULL;
		const struct rule *b = k < c->edited->n_rule ? &c->edited->rule[k] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
		add_rule(c, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
		i += order <= 0;
		k += order >= 0;
	}
}

struct compare *compare_new(struct db *db, const struct table *old, const struct table *edited,
			    void (*say)(void *ctx, const struct compare_person *person), void *ctx)
{
	struct compare *c = mem_alloc(sizeof(*c));

	c->db = db;
	c->old = old;
	c->edited = edited;
	c->say = say;
	c->ctx = ctx;
	map_init(&c->seen);
	map_init(&c->repeat);
	arena_init(&c->memory);
	pair_rules(c);
	return c;
}

void compare_free(struct compare *c)
{
	if (!c)
		return;
	map_release(&c->seen);
	map_release(&c->repeat);
	arena_release(&c->memory);
	mem_free(c);
}

/* ---- one event, one rule --------------------------------------------------------- */

/* One side of a comparison. */
struct side {
	const struct table *table;
	const struct rule *rule; /* NULL: it would not be asked */
	const struct facts *facts;
	const char *name;
};

static bool is_of_trigger(const struct table *t, const struct rule *rule,
			  const struct compare_event *e)
{
	if (!is_on(rule) || rule->event != e->event->kind ||
	    strcmp(t->account[rule->source].name, e->account) != 0)
		return false;
	return rule->target_is_name ? slice_eq_nocase(slice_of(rule->target), e->event->list_name)
				    : strcmp(rule->target, e->target) == 0;
}

/* Whether `repeat:` allows it: beside what was compared, by what the ledger has from before. */
static bool is_repeated(struct compare *c, const struct side *s, const struct compare_event *e)
{
	bool value = s->rule->policy->repeat == REPEAT_ONCE_PER_VALUE;
	struct str key;

	if (s->rule->policy->repeat == REPEAT_EVERY_CHANGE)
		return false;
	str_init(&key, LIMIT_VALUE_BYTES);
	str_addf(&key, "%s %s %s %s", s->name, s->rule->name, e->account, e->contact);
	if (value)
		str_addf(&key, " %.*s", SLICE_FMT(e->event->to));
	bool repeated = map_put(&c->repeat, str_slice(&key), c) != NULL;
	str_release(&key);
	return repeated || ledger_gave_before(c->db, s->rule->name, e->account, e->contact,
					      value ? &e->event->to : NULL, c->first_ms);
}

/* Facts that remember which property could not be had. */
struct watched_facts {
	const struct table *table;
	const struct facts *of;
	const char *missed;
};

static enum fact watched_value(void *ctx, uint32_t property, struct slice *value)
{
	struct watched_facts *w = ctx;
	enum fact got = w->of->value(w->of->ctx, property, value);

	if (got == FACT_UNSURE)
		w->missed = w->table->property[property].name;
	return got;
}

/* All fields, though one cannot be filled: its address is told of who is held for a person, too. */
static enum render render(const struct side *s, const struct compare_event *e,
			  const struct facts *facts, struct json *fields)
{
	char why[LIMIT_ERROR_BYTES];
	enum render all = RENDER_OK;
	struct str text;

	str_init(&text, LIMIT_FIELD_BYTES);
	for (size_t i = 0; i < s->rule->n_field && all != RENDER_UNSURE; i++) {
		enum render got = rule_render(s->table, s->rule, i, e->event, facts, &text, why);
		if (got == RENDER_OK && text.len)
			json_set_slice(fields, slice_of(s->rule->field[i].name), str_slice(&text));
		if (got != RENDER_OK)
			all = got;
	}
	str_release(&text);
	return all;
}

/* What it issues is to be freed. What waits for a person or for an address counts as nothing. */
static struct verdict judge(struct compare *c, const struct side *s, const struct compare_event *e)
{
	struct verdict v = { .what = ISSUES_NOTHING };
	struct watched_facts watched = { s->table, s->facts, NULL };
	struct facts facts = { .ctx = &watched, .value = watched_value };

	if (!s->rule)
		return v;
	enum answer answer = rule_match(s->table, s->rule, e->event, &facts, NULL);
	if (answer == ANSWER_UNSURE)
		v = (struct verdict){ .what = UNTOLD, .untold = watched.missed };
	if (answer != ANSWER_YES)
		return v;
	v.fields = json_new_object();
	enum render got = render(s, e, &facts, v.fields);
	/* What is held counts for `repeat:`, as what is issued does. */
	if (got == RENDER_UNSURE)
		v = (struct verdict){ UNTOLD, v.fields, watched.missed };
	else if (email_valid(json_get_slice(v.fields, "recipient.email")) &&
		 !is_repeated(c, s, e) && got == RENDER_OK)
		v.what = ISSUES;
	return v;
}

/* ---- one event, both tables ---------------------------------------------------------- */

static bool same_field(const struct verdict *a, const struct verdict *b, const char *name)
{
	return slice_eq(json_get_slice(a->fields, name), json_get_slice(b->fields, name));
}

static bool sets_field(const struct rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->n_field; i++)
		if (strcmp(rule->field[i].name, name) == 0)
			return true;
	return false;
}

/* Names of the fields that differ, or NULL. */
static const char *other_fields(struct arena *memory, const struct compare_rule *r,
				const struct verdict *a, const struct verdict *b)
{
	struct str names;

	str_init(&names, 1u << 16);
	for (size_t i = 0; i < r->edited->n_field; i++)
		if (!same_field(a, b, r->edited->field[i].name))
			str_addf(&names, "%s%s", names.len ? ", " : "", r->edited->field[i].name);
	for (size_t i = 0; i < r->old->n_field; i++) {
		const char *name = r->old->field[i].name;
		if (!sets_field(r->edited, name) && !same_field(a, b, name))
			str_addf(&names, "%s%s", names.len ? ", " : "", name);
	}
	const char *text = names.len ? arena_text(memory, str_slice(&names)) : NULL;
	str_release(&names);
	return text;
}

static bool same_group(const struct compare *c, const struct compare_rule *r)
{
	return strcmp(r->old->group, r->edited->group) == 0 && r->old->issue == r->edited->issue &&
	       r->old->send == r->edited->send &&
	       strcmp(c->old->account[r->old->action].name,
		      c->edited->account[r->edited->action].name) == 0;
}

/* False: nothing differs. */
static bool find_change(struct compare *c, const struct compare_rule *r, const struct verdict *a,
			const struct verdict *b, struct arena *memory, struct compare_person *p)
{
	if (a->what == UNTOLD || b->what == UNTOLD) {
		p->change = COMPARE_UNTOLD;
		p->what = a->what == UNTOLD ? a->untold : b->untold;
		return true;
	}
	if (a->what != b->what) {
		p->change = b->what == ISSUES ? COMPARE_GAINED : COMPARE_LOST;
		return true;
	}
	if (a->what != ISSUES)
		return false;
	p->what = other_fields(memory, r, a, b);
	p->change = same_group(c, r) ? COMPARE_FIELDS : COMPARE_GROUP;
	return p->change == COMPARE_GROUP || p->what;
}

/* Whether the rule, as it is in this table, issues (or, where no side is live, would). */
static const struct rule *asked(const struct compare_rule *r, const struct table *t,
				const struct rule *rule, const struct compare_event *e)
{
	return is_of_trigger(t, rule, e) && (rule->mode == MODE_LIVE || r->in_shadow) ? rule : NULL;
}

static void compare_rule_(struct compare *c, struct compare_rule *r, const struct compare_event *e)
{
	struct side old = { c->old, asked(r, c->old, r->old, e), &e->old, "old" };
	struct side edited = { c->edited, asked(r, c->edited, r->edited, e), &e->edited, "edited" };
	struct compare_person p = {
		r, 0, e->contact, { 0 }, e->event->to, e->event->at_ms, NULL, e
	};
	struct arena memory;

	if (!old.rule && !edited.rule)
		return;
	r->events++;
	struct verdict a = judge(c, &old, e), b = judge(c, &edited, e);
	arena_init(&memory);
	if (find_change(c, r, &a, &b, &memory, &p)) {
		p.email = json_get_slice(b.fields, "recipient.email");
		if (!p.email.len)
			p.email = json_get_slice(a.fields, "recipient.email");
		r->of[p.change]++;
		c->say(c->ctx, &p);
	}
	arena_release(&memory);
	json_free(a.fields);
	json_free(b.fields);
}

/* Two watches of one trigger see the same change. */
static bool is_new(struct compare *c, const struct compare_event *e)
{
	struct str key;

	str_init(&key, LIMIT_VALUE_BYTES);
	str_addf(&key, "%s %s %d %s %lld %.*s", e->account, e->contact, (int)e->event->kind,
		 e->target, (long long)e->event->at_ms, SLICE_FMT(e->event->to));
	bool known = map_put(&c->seen, str_slice(&key), c) != NULL;
	str_release(&key);
	return !known;
}

void compare_event(struct compare *c, const struct compare_event *e)
{
	if (!is_new(c, e))
		return;
	if (c->events++ == 0)
		c->first_ms = e->event->at_ms;
	for (size_t i = 0; i < c->rules; i++)
		if (c->rule[i].edit != EDIT_NONE)
			compare_rule_(c, &c->rule[i], e);
}

/* ---- the whole -------------------------------------------------------------------------- */

const struct compare_rule *compare_rules(const struct compare *c, size_t *count)
{
	*count = c->rules;
	return c->rule;
}

int64_t compare_events(const struct compare *c)
{
	return c->events;
}

int64_t compare_releases(const struct compare *c)
{
	return db_integer(c->db, 0, "SELECT count(*) FROM issuance WHERE " LEDGER_OUTSIDE, "");
}

bool compare_differs(const struct compare *c)
{
	for (size_t i = 0; i < c->rules; i++)
		if (c->rule[i].edit != EDIT_NONE || c->rule[i].activation != ACTIVATION_KEPT)
			return true;
	return strcmp(c->old->hash, c->edited->hash) != 0;
}

/*
 * draw - rules as people write them, of every kind, and the portal's ways.
 */
#include <string.h>

#include "tests/simulation/simulation.h"

static const char *const tiers[] = { "Bronze", "Silver", "Gold" };
static const char *const phases[] = { "lead", "customer", "evangelist", "zażółć 🎓" };
static const char *const countries[] = { "PL", "DE", "FR", "pl" };
static const char *const scores[] = { "80", "79.5", "0", "100" };
static const char *const topics[] = { "c", "yaml", "sql" };
static const char *const groups[] = { "g1", "g2" };

static const char *draw_watched(struct dice *d, enum model_property property)
{
	return property == M_TIER ? DICE_PICK(d, tiers) : DICE_PICK(d, phases);
}

static void draw_values(struct dice *d, enum model_property property, struct model_values *out)
{
	size_t n = (size_t)dice_between(d, 1, 2);

	out->count = 0;
	while (out->count < n)
		out->value[out->count++] = dice_chance(d, 100) ? "" : draw_watched(d, property);
}

/* ---- filters -------------------------------------------------------------- */

static void draw_test(struct dice *d, struct model_filter *f)
{
	static const struct {
		enum model_property property;
		enum model_operator operator;
		const char *const *values;
		int64_t n;
	} tests[] = {
		{ M_COUNTRY, OP_IS, countries, 4 },	  { M_COUNTRY, OP_IS_NOT, countries, 4 },
		{ M_COUNTRY, OP_IN, countries, 4 },	  { M_COUNTRY, OP_NOT_IN, countries, 4 },
		{ M_COUNTRY, OP_STARTS, countries, 4 },	  { M_COUNTRY, OP_ENDS, countries, 4 },
		{ M_COUNTRY, OP_CONTAINS, countries, 4 }, { M_COUNTRY, OP_KNOWN, countries, 1 },
		{ M_COUNTRY, OP_UNKNOWN, countries, 1 },  { M_SCORE, OP_AT_LEAST, scores, 4 },
		{ M_SCORE, OP_AT_MOST, scores, 4 },	  { M_SCORE, OP_MORE, scores, 4 },
		{ M_SCORE, OP_LESS, scores, 4 },	  { M_TOPICS, OP_HAS, topics, 3 },
		{ M_TOPICS, OP_HAS_NOT, topics, 3 },	  { M_TIER, OP_IS_NOT, tiers, 3 },
		{ M_TIER, OP_KNOWN, tiers, 1 },		  { M_LAST, OP_KNOWN, tiers, 1 },
	};
	size_t i = (size_t)dice_below(d, sizeof(tests) / sizeof(tests[0]));

	f->kind = FILTER_TEST;
	f->property = tests[i].property;
	f->operator= tests[i].operator;
	f->values.count = f->operator== OP_IN || f->operator== OP_NOT_IN ? 2 : 1;
	for (size_t k = 0; k < f->values.count; k++)
		f->values.value[k] = tests[i].values[dice_below(d, tests[i].n)];
}

static const struct model_filter *draw_filter(struct scenario *sc, struct dice *d, int depth)
{
	struct model_filter *f = arena_alloc(&sc->memory, sizeof(*f));

	if (depth == 0 || dice_chance(d, 600)) {
		draw_test(d, f);
		return f;
	}
	f->kind = (int)dice_between(d, FILTER_ALL, FILTER_NOT);
	f->children = f->kind == FILTER_NOT ? 1 : (size_t)dice_between(d, 1, MODEL_CHILDREN);
	for (size_t i = 0; i < f->children; i++)
		f->child[i] = draw_filter(sc, d, depth - 1);
	return f;
}

/* ---- a rule ---------------------------------------------------------------- */

static void draw_trigger(struct scenario *sc, struct dice *d, struct model_rule *r)
{
	static const int64_t settles[] = {
		0, MS_SECOND, 10 * MS_SECOND, 30 * MS_SECOND, 60 * MS_SECOND, 5 * MS_MINUTE
	};

	r->joins = sc->lists && dice_chance(d, 350);
	r->property = dice_chance(d, 700) ? M_TIER : M_PHASE;
	r->list = (size_t)dice_below(d, (int64_t)sc->lists);
	if (r->joins) {
		r->list_id = sc->list[r->list].id;
		r->list_name = sc->list[r->list].name;
		r->by_name = dice_chance(d, 500);
	}
	r->says_settle = dice_chance(d, 700);
	r->settle_ms = r->says_settle ? DICE_PICK(d, settles) : (r->joins ? 10 : 60) * MS_SECOND;
	r->says_from = !r->joins && dice_chance(d, 200);
	r->says_to = !r->joins && dice_chance(d, 400);
	draw_values(d, r->property, &r->from);
	draw_values(d, r->property, &r->to);
	r->filter = dice_chance(d, 350) ? draw_filter(sc, d, 2) : NULL;
}

static void draw_action(struct dice *d, struct model_rule *r)
{
	r->group = DICE_PICK(d, groups);
	r->issue = !dice_chance(d, 60);
	r->send = r->issue && !dice_chance(d, 80);
	r->names = (int)dice_below(d, 4);
	r->says_to_field = dice_chance(d, 800);
	r->expires = dice_chance(d, 200);
}

static void draw_since(const struct scenario *sc, struct dice *d, struct model_rule *r)
{
	static const char *const since[] = { "2026-01-04", "2026-01-05" };
	struct civil day = { 2026, 1, 4, 0, 0, 0, 0 };
	size_t i = (size_t)dice_below(d, 2);

	(void)sc;
	r->since = since[i];
	r->since_ms = clock_instant(day) + (int64_t)i * MS_DAY;
}

static void draw_rule(struct scenario *sc, struct dice *d, int number, struct model_rule *r)
{
	static const int64_t holds[] = { 10 * MS_MINUTE, 2 * MS_HOUR, MS_DAY, 30 * MS_DAY };

	*r = (struct model_rule){ .name = arena_printf(&sc->memory, "rule-%d", number) };
	r->mode = dice_chance(d, 80) ? MODEL_SHADOW : MODEL_LIVE;
	draw_trigger(sc, d, r);
	draw_action(d, r);
	if (dice_chance(d, 200))
		r->hold_ms = DICE_PICK(d, holds);
	else if (dice_chance(d, 150))
		r->repeat = dice_chance(d, 500) ? REPEATS_VALUE : REPEATS_CONTACT;
	if (dice_chance(d, 100))
		draw_since(sc, d, r);
	r->stamped = !dice_chance(d, 250);
	r->brake = dice_chance(d, 250) ? dice_between(d, 1, 6) : 0;
}

static void draw_lists(struct scenario *sc, struct dice *d)
{
	static const char *const kinds[] = { "MANUAL", "DYNAMIC", "SNAPSHOT" };
	static const char *const names[] = { "Graduates 2026", "4711", "Ärzte & Co: \"alle\"",
					     "vip" };

	sc->lists = dice_chance(d, 500) ? 0 : (size_t)dice_between(d, 1, MOST_LISTS);
	for (size_t i = 0; i < sc->lists; i++)
		sc->list[i] = (struct drawn_list){ names[i], DICE_PICK(d, kinds),
						   11 + (int64_t)i * 7, false, false };
	sc->all_lists = sc->lists;
}

void draw_rules(struct scenario *sc, struct dice *d)
{
	static const char *const polls[] = { "60s", "60s", "90s", "2m", "5m", "10m", "20s" };
	static const char *const apis[] = { "v3", "2026-03", "2026-09" };
	struct model_rules *rules = &sc->rules[0];

	draw_lists(sc, d);
	rules->poll = DICE_PICK(d, polls);
	rules->api = DICE_PICK(d, apis);
	rules->count = (size_t)dice_between(d, 1, dice_chance(d, 700) ? 3 : 8);
	for (size_t i = 0; i < rules->count; i++)
		draw_rule(sc, d, (int)i, &rules->rule[i]);
	sc->loads = 1;
}

static void edit_rule(struct scenario *sc, struct dice *d, struct model_rule *r)
{
	struct model_rule other;

	r->edition++;
	draw_rule(sc, d, 0, &other);
	switch (dice_below(d, 6)) {
	case 0:
		r->mode = r->mode == MODEL_LIVE ? MODEL_OFF : MODEL_LIVE;
		break;
	case 1:
		r->filter = other.filter;
		break;
	case 2:
		draw_trigger(sc, d, r);
		break;
	case 3:
		draw_action(d, r);
		break;
	case 4:
		r->says_settle = true;
		r->settle_ms = r->settle_ms == 10 * MS_SECOND ? 45 * MS_SECOND : 10 * MS_SECOND;
		break;
	default:
		r->mode = r->mode == MODEL_SHADOW ? MODEL_LIVE : MODEL_SHADOW;
		break;
	}
}

void draw_edit(struct scenario *sc, struct dice *d, const struct model_rules *from,
	       struct model_rules *out)
{
	*out = *from;
	for (int64_t n = dice_between(d, 1, 2); n > 0; n--) {
		int64_t what = dice_below(d, 10);
		if (what == 0 && out->count < MODEL_RULES)
			draw_rule(sc, d, (int)sc->loads * 20 + (int)n, &out->rule[out->count++]);
		else if (what == 1 && out->count > 1)
			out->count--;
		else
			edit_rule(sc, d, &out->rule[dice_below(d, (int64_t)out->count)]);
	}
}

/* ---- the portal's ways, and the faults --------------------------------------- */

static void draw_portal(struct scenario *sc, struct dice *d)
{
	struct sandbox_options *o = &sc->sandbox;

	sandbox_defaults(o);
	o->seed = (uint64_t)dice_below(d, 1 << 30);
	o->index_lag_ms = dice_between(d, 0, dice_chance(d, 100) ? 90 : 20) * MS_SECOND;
	o->search_unordered = dice_chance(d, 300);
	o->list_lag_ms = dice_chance(d, 300) ? dice_between(d, 1, 300) * MS_SECOND : 0;
	o->certifier_search_lag_ms = dice_chance(d, 300) ? dice_between(d, 1, 20) * MS_SECOND : 0;
	o->list_descending = dice_chance(d, 500);
	o->cleared_is_null = dice_chance(d, 500);
	o->merge_keeps_id = dice_chance(d, 150);
	o->merge_writes_entry = dice_chance(d, 500);
	o->same_value_writes = dice_chance(d, 500);
	o->rate_limits = true;
	o->certifier_email_nocase = dice_chance(d, 500);
	o->bare_tags = dice_chance(d, 300);
	o->no_date_header = false;
}

/* How lists take a merge. Where the primary is kept, so is its row. */
static void draw_merged_lists(struct scenario *sc)
{
	struct sandbox_options *o = &sc->sandbox;
	struct dice d = dice_of(sc->seed, 12);

	if (o->merge_keeps_id)
		return;
	o->merge_rejoins = dice_chance(&d, 300);
	if (dice_chance(&d, 400))
		o->merge_computes_ms = dice_chance(&d, 500) ? dice_between(&d, 1, 5 * MS_MINUTE)
							    : dice_between(&d, 1, 50 * MS_MINUTE);
}

/* Of a few portals the search shows changes minutes later, but no later than `overlap` reaches. */
static void draw_slow_index(struct scenario *sc)
{
	struct dice d = dice_of(sc->seed, 15);

	if (dice_chance(&d, 40))
		sc->sandbox.index_lag_ms = dice_between(&d, 2 * MS_MINUTE, 9 * MS_MINUTE);
}

/* A third of the portals tell of what happens, well or badly: it makes no difference. */
static void draw_webhooks(struct scenario *sc)
{
	static const int64_t lost[] = { 0, 0, 100, 500 };
	struct sandbox_options *o = &sc->sandbox;
	struct dice d = dice_of(sc->seed, 11);

	if (!dice_chance(&d, 333))
		return;
	sc->rules[0].webhooks = true;
	o->hook_lag_ms = dice_chance(&d, 700) ? dice_between(&d, 0, 2 * MS_SECOND)
					      : dice_between(&d, 0, 5 * MS_MINUTE);
	o->hook_lost = DICE_PICK(&d, lost);
	o->hook_doubled = dice_chance(&d, 300);
	o->hook_reversed = dice_chance(&d, 500);
}

static void draw_faults(struct scenario *sc, struct dice *d)
{
	static const int64_t rates[] = { 2, 5, 10, 20, 50, 200 };

	if (dice_chance(d, 150))
		return; /* all is well */
	for (int kind = 1; kind < FAULT_400; kind++)
		if (dice_chance(d, 250))
			sc->fault_rate[kind] = DICE_PICK(d, rates);
	sc->crash_rate = dice_chance(d, 400) ? dice_between(d, 1, 100) : 0;
	sc->lose_rate = dice_chance(d, 500) ? 500 : 0;
}

static void draw_refusals(struct scenario *sc)
{
	static const int64_t rates[] = { 20, 50, 200 };
	struct dice d = dice_of(sc->seed, 6);

	if (!dice_chance(&d, 400))
		return;
	for (int kind = FAULT_400; kind < FAULT_KINDS; kind++)
		if (dice_chance(&d, 400))
			sc->fault_rate[kind] = DICE_PICK(&d, rates);
}

void scenario_draw(uint64_t seed, struct scenario *out)
{
	static const int64_t skews[] = {
		0, 0, 0, 2 * MS_HOUR, -2 * MS_HOUR, 37 * MS_SECOND, -90 * MS_SECOND
	};
	struct civil start = { 2026, 1, 5, 9, 0, 0, 0 };
	struct dice d = dice_of(seed, 1);

	*out = (struct scenario){ .seed = seed, .start_ms = clock_instant(start) };
	arena_init(&out->memory);
	draw_portal(out, &d);
	draw_faults(out, &d);
	ground_draw(out);
	out->skew_ms = DICE_PICK(&d, skews);
	out->latency_ms = dice_chance(&d, 700) ? 40 : dice_between(&d, 0, 2000);
	out->first_id = dice_chance(&d, 200) ? INT64_C(9007199254740993) : 101;
	draw_rules(out, &d);
	draw_webhooks(out);
	draw_merged_lists(out);
	draw_slow_index(out);
	draw_history(out, &d);
	draw_extremes(out);
	draw_refusals(out);
}

void scenario_release(struct scenario *sc)
{
	mem_free(sc->step);
	arena_release(&sc->memory);
}

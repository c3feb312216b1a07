/*
 * history - what happens to the contacts of a scenario, and to the program.
 *
 * Steps need not be possible: one that HubSpot refuses did not happen.
 */
#include <string.h>

#include "engine/act.h"
#include "tests/simulation/simulation.h"

#define BEFORE_LOAD_MS (2 * MS_MINUTE) /* an activation is uncertain by the longest answer */
#define MOST_WRITES 30
#define AFTER_LOAD_MS (5 * MS_SECOND)

/* What the drawer remembers, so that most steps are possible. */
struct hand {
	struct scenario *sc;
	struct dice *dice;
	int alive[MOST_CONTACTS], lives;
	int deleted; /* the one that was deleted last, -1: none */
	bool down, loaded;
	int writes; /* since the last quiet time, at most: HubSpot keeps 45 of a property */
};

const char *const step_names[STEP_KINDS] = {
	"create", "set",    "join",    "leave", "built",  "make",     "rename", "unlist", "relist",
	"merge",  "delete", "restore", "load",	"reload", "broken",   "stop",	"kill",	  "start",
	"crash",  "clock",  "storm",   "act",	"backup", "put-back", "quiet",
};

static struct step *add(struct hand *h, enum step_kind kind, int64_t after_ms)
{
	struct scenario *sc = h->sc;

	sc->step = mem_grow(sc->step, &sc->step_cap, sc->steps + 1, sizeof(*sc->step));
	sc->step[sc->steps] = (struct step){ .kind = kind, .after_ms = after_ms, .count = 1 };
	return &sc->step[sc->steps++];
}

static int some_contact(struct hand *h)
{
	return h->lives ? h->alive[dice_below(h->dice, h->lives)] : 0;
}

static void forget(struct hand *h, int contact)
{
	for (int i = 0; i < h->lives; i++)
		if (h->alive[i] == contact)
			h->alive[i] = h->alive[--h->lives];
}

static int64_t some_settle(struct hand *h)
{
	const struct model_rules *r = &h->sc->rules[h->sc->loads - 1];

	return r->rule[dice_below(h->dice, (int64_t)r->count)].settle_ms;
}

/* How long people wait: nothing, moments, around a settle, minutes, hours, seldom days. */
static int64_t some_while(struct hand *h)
{
	struct dice *d = h->dice;

	switch (dice_below(d, 16)) {
	case 0:
	case 1:
		return 0;
	case 2:
	case 3:
		return dice_between(d, 1, 1000);
	case 4:
	case 5:
	case 6:
		return dice_between(d, 1, 60) * MS_SECOND;
	case 7:
	case 8: {
		int64_t settle = some_settle(h) + dice_between(d, -1, 1);
		return settle > 0 ? settle : 0;
	}
	case 9:
	case 10:
	case 11:
		return dice_between(d, 1, 10) * MS_MINUTE;
	case 12:
		return dice_between(d, 1, 120) * MS_MINUTE;
	case 13:
		return dice_chance(d, 12) ? dice_between(d, 1, 3) * MS_DAY : MS_MINUTE;
	default:
		return dice_between(d, 1000, 200 * 1000);
	}
}

/* ---- values ----------------------------------------------------------------- */

static const char *draw_email(struct hand *h, int contact)
{
	struct arena *m = &h->sc->memory;

	switch (dice_below(h->dice, 12)) {
	case 0:
		return "";
	case 1:
		return arena_printf(m, "no-address-%d", contact);
	case 2:
		return arena_printf(m, "p%d@localhost", contact);
	case 3:
		return arena_printf(m, "p%d.%lld@example.org", contact,
				    (long long)dice_below(h->dice, 100));
	default:
		return arena_printf(m, "p%d@example.org", contact);
	}
}

static const char *draw_value(struct hand *h, enum model_property property, int contact)
{
	static const char *const firsts[] = { "Ana", "Jörg", "李雷", "O'Neil", "" };
	static const char *const lasts[] = { "Kowalska", "von der Au", "", "\"Q\"" };
	static const char *const countries[] = { "PL", "DE", "FR", "pl", "US", "" };
	static const char *const scores[] = { "80", "79.5", "80.0", "0", "-3", "many", "", "100" };
	static const char *const topics[] = { "c", "c;yaml", "sql;c", "yaml", "", "sql" };
	static const char *const tiers[] = { "Bronze", "Silver", "Gold", "Silver", "Gold", "" };
	static const char *const phases[] = { "lead", "customer", "evangelist", "zażółć 🎓", "" };
	struct dice *d = h->dice;

	switch (property) {
	case M_EMAIL:
		return draw_email(h, contact);
	case M_FIRST:
		return DICE_PICK(d, firsts);
	case M_LAST:
		return DICE_PICK(d, lasts);
	case M_COUNTRY:
		return DICE_PICK(d, countries);
	case M_SCORE:
		return DICE_PICK(d, scores);
	case M_TOPICS:
		return DICE_PICK(d, topics);
	case M_TIER:
		return DICE_PICK(d, tiers);
	default:
		return DICE_PICK(d, phases);
	}
}

/* Before HubSpot forgets what nobody has seen. */
static void some_quiet(struct hand *h)
{
	h->writes = 0;
	if (h->loaded)
		add(h, STEP_QUIET, 0);
	h->down &= !h->loaded;
}

static void add_set(struct hand *h, int64_t after_ms, int contact, enum model_property property)
{
	if (property == M_TIER && ++h->writes > MOST_WRITES)
		some_quiet(h);
	struct step *s = add(h, STEP_SET, after_ms);

	s->contact = contact;
	s->property = property;
	s->value = draw_value(h, property, contact);
}

/* ---- contacts ----------------------------------------------------------------- */

/* A contact, with some properties from its creation on or a little later. */
static void new_contact(struct hand *h, int64_t after_ms)
{
	int contact = h->sc->contacts++;
	struct step *s = add(h, STEP_CREATE, after_ms);

	s->contact = contact;
	h->alive[h->lives++] = contact;
	if (dice_chance(h->dice, 900)) {
		add_set(h, 0, contact, M_EMAIL);
		if (dice_chance(h->dice, 900))
			h->sc->step[h->sc->steps - 1].value = arena_printf(
				&h->sc->memory, "p%d@example.org", contact);
	}
	for (int p = M_FIRST; p < M_PROPERTIES; p++)
		if (dice_chance(h->dice, p < M_COUNTRY ? 800 : 400))
			add_set(h, dice_chance(h->dice, 60) ? dice_between(h->dice, 1, 15000) : 0,
				contact, (enum model_property)p);
}

static enum model_property some_property(struct hand *h)
{
	static const enum model_property often[] = { M_TIER,  M_TIER,	M_TIER,	 M_TIER,
						     M_PHASE, M_PHASE,	M_SCORE, M_COUNTRY,
						     M_FIRST, M_TOPICS, M_LAST };

	return DICE_PICK(h->dice, often);
}

/* Several changes in a short time, on the edges of what is one burst. */
static void a_burst(struct hand *h)
{
	int contact = some_contact(h);
	int64_t n = dice_between(h->dice, 2, 6), settle = some_settle(h);

	if (dice_chance(h->dice, 80))
		n = dice_between(h->dice, 12, 30);
	for (int64_t i = 0; i < n; i++) {
		int64_t after = dice_chance(h->dice, 300) ? settle + dice_between(h->dice, -1, 1)
							  : dice_between(h->dice, 0, settle);
		add_set(h, after > 0 ? after : 0, contact,
			dice_chance(h->dice, 800) ? M_TIER : M_PHASE);
	}
}

static void a_membership(struct hand *h)
{
	struct scenario *sc = h->sc;
	struct step *s;

	if (!sc->lists)
		return;
	s = add(h, dice_chance(h->dice, 750) ? STEP_JOIN : STEP_LEAVE, some_while(h));
	s->contact = some_contact(h);
	s->list = (int)dice_below(h->dice, (int64_t)sc->lists);
	if (s->kind == STEP_LEAVE && dice_chance(h->dice, 600)) {
		int contact = s->contact, list = s->list;
		s = add(h, STEP_JOIN, some_while(h));
		s->contact = contact;
		s->list = list;
	}
}

/* Mostly after a quiet time, so that what came before is sure. */
static void maybe_quiet(struct hand *h, int64_t per_mille)
{
	if (!h->down && dice_chance(h->dice, per_mille))
		add(h, STEP_QUIET, 0);
}

static void a_merge(struct hand *h)
{
	struct step *s;

	if (h->lives < 2)
		return;
	maybe_quiet(h, 600);
	s = add(h, STEP_MERGE, some_while(h));
	s->contact = some_contact(h);
	s->other = some_contact(h);
	if (s->contact == s->other)
		s->other = h->alive[h->alive[0] == s->contact];
	forget(h, s->other);
	s->into = s->contact;
	if (!h->sc->sandbox.merge_keeps_id) {
		forget(h, s->contact);
		s->into = h->sc->contacts++;
		h->alive[h->lives++] = s->into;
	}
}

static void a_deletion(struct hand *h)
{
	struct step *s;

	if (h->deleted >= 0 && dice_chance(h->dice, 600)) {
		s = add(h, STEP_RESTORE, some_while(h));
		s->contact = h->deleted;
		h->alive[h->lives++] = h->deleted;
		h->deleted = -1;
		return;
	}
	if (h->lives < 2)
		return;
	maybe_quiet(h, 500);
	s = add(h, STEP_DELETE, some_while(h));
	s->contact = h->deleted = some_contact(h);
	forget(h, s->contact);
}

static void an_import(struct hand *h, int count)
{
	struct step *s = add(h, STEP_CREATE, some_while(h));
	int first = h->sc->contacts;

	h->sc->contacts += count;
	s->contact = first;
	s->count = count;
	for (int i = 0; i < count; i++)
		h->alive[h->lives++] = first + i;
	s = add(h, STEP_SET, 0);
	s->contact = first;
	s->count = count;
	s->property = M_EMAIL;
	s->value = NULL; /* each its own */
	s = add(h, STEP_SET, dice_chance(h->dice, 500) ? 20 * MS_SECOND : some_while(h));
	s->contact = first;
	s->count = count;
	s->property = M_TIER;
	s->value = "Silver";
	if (h->sc->lists && dice_chance(h->dice, 600)) {
		s = add(h, STEP_JOIN, some_while(h));
		s->contact = first;
		s->count = count;
	}
}

/* ---- the program --------------------------------------------------------------- */

static void a_downtime(struct hand *h)
{
	struct step *s = add(h, dice_chance(h->dice, 500) ? STEP_STOP : STEP_KILL, some_while(h));

	(void)s;
	h->down = true;
}

static void an_edit(struct hand *h)
{
	struct scenario *sc = h->sc;

	if (sc->loads == MOST_LOADS)
		return;
	size_t first = sc->steps;
	add(h, STEP_QUIET, 0);
	draw_edit(sc, h->dice, &sc->rules[sc->loads - 1], &sc->rules[sc->loads]);
	add(h, STEP_LOAD, 0)->number = (int64_t)sc->loads++;
	add(h, STEP_QUIET, 0); /* nothing happens while the activation is uncertain */
	for (size_t i = first; i < sc->steps; i++)
		sc->step[i].fixed = true;
}

static void an_act(struct hand *h, int64_t after_ms, int64_t act)
{
	struct step *s = add(h, STEP_ACT, after_ms);

	s->number = act;
	s->contact = (int)dice_below(h->dice, 1000);
	s->other = dice_chance(h->dice, 500);
	s->count = dice_chance(h->dice, 200) ? 2 : 1;
}

/* A person looks, and does several things. */
static void some_acts(struct hand *h)
{
	static const enum act acts[] = { ACT_APPROVE, ACT_APPROVE, ACT_RETRY,
					 ACT_RESEND,  ACT_RESEND,  ACT_DROP };

	for (int64_t n = dice_between(h->dice, 1, 4); n > 0; n--)
		an_act(h, some_while(h), DICE_PICK(h->dice, acts));
}

static void an_end(struct hand *h)
{
	struct step *s = add(h, STEP_CRASH, some_while(h));

	s->number = dice_between(h->dice, 1, 12);
	s->other = dice_chance(h->dice, 500);
}

static void something_of_ours(struct hand *h)
{
	static const int64_t jumps[] = { -MS_DAY,	 -MS_HOUR, -90 * MS_SECOND,
					 90 * MS_SECOND, MS_HOUR,  2 * MS_DAY };

	switch (dice_below(h->dice, 10)) {
	case 0:
	case 1:
		an_edit(h);
		break;
	case 2:
		add(h, STEP_RELOAD, some_while(h));
		break;
	case 3:
		add(h, STEP_BROKEN, some_while(h));
		break;
	case 4:
		add(h, STEP_CLOCK, some_while(h))->number = DICE_PICK(h->dice, jumps);
		break;
	case 5:
		add(h, STEP_STORM, some_while(h))->number = dice_between(h->dice, 1, 600) *
							    MS_SECOND;
		break;
	case 6:
	case 7:
		an_end(h);
		break;
	default:
		a_downtime(h);
		break;
	}
}

static void something(struct hand *h)
{
	int64_t what = dice_below(h->dice, 100);

	if (h->down && dice_chance(h->dice, 350)) {
		add(h, STEP_START, some_while(h));
		h->down = false;
	}
	if (what < 45)
		add_set(h, some_while(h), some_contact(h), some_property(h));
	else if (what < 57)
		a_burst(h);
	else if (what < 70)
		a_membership(h);
	else if (what < 76)
		new_contact(h, some_while(h));
	else if (what < 79)
		add_set(h, some_while(h), some_contact(h), M_EMAIL);
	else if (what < 83)
		a_merge(h);
	else if (what < 87)
		a_deletion(h);
	else if (what < 90)
		some_acts(h);
	else if (!h->down)
		something_of_ours(h);
}

/* How many contacts come at once: most seeds have no import. */
static int import_size(struct dice *d)
{
	if (dice_chance(d, 975))
		return 0;
	return dice_chance(d, 950) ? (int)dice_between(d, 40, 300)
				   : (int)dice_between(d, 300, 2000);
}

void draw_history(struct scenario *sc, struct dice *d)
{
	struct hand h = { .sc = sc, .dice = d, .deleted = -1 };
	int64_t contacts = dice_between(d, 1, dice_chance(d, 800) ? 6 : 20);
	int64_t before = dice_between(d, 0, 10), after = dice_between(d, 3, 40);
	int import = import_size(d);

	for (int64_t i = 0; i < contacts; i++)
		new_contact(&h, dice_chance(d, 500) ? 0 : some_while(&h));
	for (int64_t i = 0; i < before; i++) {
		if (dice_chance(d, 700))
			add_set(&h, some_while(&h), some_contact(&h), some_property(&h));
		else
			a_membership(&h);
	}
	add(&h, STEP_LOAD, BEFORE_LOAD_MS)->fixed = true;
	h.loaded = true;
	bool first = true;
	for (int64_t i = 0; i < after; i++) {
		size_t at = sc->steps;
		if (import && i == after / 2)
			an_import(&h, import);
		something(&h);
		if (first && sc->steps > at) {
			sc->step[at].after_ms += AFTER_LOAD_MS;
			first = false;
		}
	}
}

/* ---- for the report --------------------------------------------------------------- */

static const struct model_rule *rule_named(const struct model_rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->count; i++)
		if (strcmp(rules->rule[i].name, name) == 0)
			return &rules->rule[i];
	return NULL;
}

/* The rules that are new or other than before. */
static void print_edits(const struct model_rules *before, const struct model_rules *rules,
			FILE *out)
{
	struct model_rules edits = { .poll = rules->poll,
				     .api = rules->api,
				     .webhooks = rules->webhooks };
	struct str text;

	for (size_t i = 0; i < rules->count; i++) {
		const struct model_rule *old = rule_named(before, rules->rule[i].name);
		if (!old || old->edition != rules->rule[i].edition)
			edits.rule[edits.count++] = rules->rule[i];
	}
	str_init(&text, LIMIT_RULE_FILE_BYTES);
	rules_write(&edits, &text);
	fprintf(out, "%s", str_text(&text));
	for (size_t i = 0; i < before->count; i++)
		if (!rule_named(rules, before->rule[i].name))
			fprintf(out, "  (no more: %s)\n", before->rule[i].name);
	str_release(&text);
}

void scenario_print(const struct scenario *sc, FILE *out)
{
	char span[CLOCK_TEXT];

	for (size_t i = 0; i < sc->steps; i++) {
		const struct step *s = &sc->step[i];
		if (s->dropped)
			continue;
		fprintf(out, "  +%-8s %-8s contact %d", clock_format_duration(s->after_ms, span),
			step_names[s->kind], s->contact);
		if (s->count > 1)
			fprintf(out, " and %d more", s->count - 1);
		if (s->kind == STEP_SET)
			fprintf(out, " %s='%s'", model_property_names[s->property],
				s->value ? s->value : "(each its own)");
		else if (s->value)
			fprintf(out, " name '%s'", s->value);
		fprintf(out, " other %d into %d list %d number %lld\n", s->other, s->into, s->list,
			(long long)s->number);
		if (s->kind == STEP_LOAD && s->number)
			print_edits(&sc->rules[s->number - 1], &sc->rules[s->number], out);
	}
}

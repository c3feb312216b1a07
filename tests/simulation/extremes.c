/*
 * extremes - what only some lives have: more changes than HubSpot keeps, lists that are still being
 * built, or get another's name, joins that wait while their contacts are merged, a backup that is put back. Put between the steps of a history that is drawn already.
 */
#include <string.h>

#include "tests/simulation/simulation.h"

/* The place, or the next one that is not within an edit. */
static size_t beside_edits(const struct scenario *sc, size_t i)
{
	while (i < sc->steps && sc->step[i].fixed)
		i++;
	return i < sc->steps ? i : sc->steps;
}

/* A place among the steps after the first load. */
static size_t some_place(const struct scenario *sc, struct dice *d)
{
	size_t load = 0;

	while (load < sc->steps && sc->step[load].kind != STEP_LOAD)
		load++;
	return beside_edits(sc, load + 2 + (size_t)dice_below(d, (int64_t)(sc->steps - load)));
}

/* … from this one on. */
static size_t place_from(const struct scenario *sc, struct dice *d, size_t first)
{
	return beside_edits(sc, first + (size_t)dice_below(d, (int64_t)(sc->steps - first) + 1));
}

/* Makes room for n steps, and answers the first. */
static struct step *insert(struct scenario *sc, size_t at, size_t n)
{
	sc->step = mem_grow(sc->step, &sc->step_cap, sc->steps + n, sizeof(*sc->step));
	memmove(&sc->step[at + n], &sc->step[at], (sc->steps - at) * sizeof(*sc->step));
	memset(&sc->step[at], 0, n * sizeof(*sc->step));
	sc->steps += n;
	return &sc->step[at];
}

/* More changes of one property than HubSpot keeps, while we look or do not. */
static void draw_flood(struct scenario *sc, struct dice *d)
{
	static const char *const phases[] = { "lead", "customer", "evangelist", "zażółć 🎓", "" };
	static const int64_t gaps[] = { 1, MS_SECOND, 5 * MS_SECOND, 20 * MS_SECOND, MS_MINUTE };
	size_t n = (size_t)dice_between(d, 44, 110);
	int64_t gap = DICE_PICK(d, gaps);
	int contact = (int)dice_below(d, sc->contacts < 6 ? sc->contacts : 6);
	struct step *s = insert(sc, some_place(sc, d), n + 2);

	s[0] = (struct step){ .kind = dice_chance(d, 500) ? STEP_KILL : STEP_RELOAD,
			      .after_ms = MS_SECOND,
			      .count = 1 };
	for (size_t i = 1; i <= n; i++)
		s[i] = (struct step){ .kind = STEP_SET,
				      .after_ms = dice_between(d, 0, 2 * gap),
				      .contact = contact,
				      .count = 1,
				      .property = M_PHASE,
				      .value = DICE_PICK(d, phases) };
	s[n + 1] = (struct step){ .kind = STEP_START, .after_ms = gap, .count = 1 };
}

static void draw_building(struct scenario *sc, struct dice *d, size_t list)
{
	sc->list[list].building = true;
	if (dice_chance(d, 100))
		return; /* for ever */
	struct step *s = insert(sc, some_place(sc, d), 1);
	*s = (struct step){ .kind = STEP_BUILT,
			    .after_ms = dice_between(d, 1, 10 * MS_MINUTE),
			    .count = 1,
			    .list = (int)list };
}

/* ---- names of lists ---------------------------------------------------------- */

/* Puts a step for a list somewhere from `at` on; answers the place behind it. */
static size_t add_for_list(struct scenario *sc, struct dice *d, size_t at, enum step_kind kind,
			   size_t list, const char *name)
{
	size_t i = place_from(sc, d, at);

	*insert(sc, i, 1) = (struct step){ .kind = kind,
					   .after_ms = dice_chance(d, 300)
							       ? 0
							       : dice_between(d, 1, 10 * MS_MINUTE),
					   .count = 1,
					   .list = (int)list,
					   .value = name };
	return i + 1;
}

/* People of the one list and the other come and go, before and after. */
static void draw_comings(struct scenario *sc, struct dice *d, size_t list, size_t other)
{
	int contacts = sc->contacts < 6 ? sc->contacts : 6;

	for (int64_t n = dice_between(d, 2, 8); n > 0; n--) {
		size_t at = add_for_list(sc, d, some_place(sc, d),
					 dice_chance(d, 800) ? STEP_JOIN : STEP_LEAVE,
					 dice_chance(d, 650) ? other : list, NULL);
		sc->step[at - 1].contact = (int)dice_below(d, contacts);
		if (dice_chance(d, 300))
			*insert(sc, at, 1) = (struct step){ .kind = STEP_QUIET, .count = 1 };
	}
}

/*
 * What the list was called when it was looked at last nobody knows: it is in credentials of rules that give the id, and in
 * what was held, or refused and planned anew.
 */
static void leave_out_names(struct scenario *sc, size_t list)
{
	for (size_t i = 0; i < sc->loads; i++)
		for (size_t k = 0; k < sc->rules[i].count; k++) {
			struct model_rule *r = &sc->rules[i].rule[k];
			if (r->joins && r->list == list)
				r->says_to_field = false;
		}
}

/* A list is deleted or renamed, and comes back, or another has its name: one that is new, or was there. */
static void draw_names(struct scenario *sc, struct dice *d)
{
	size_t x = (size_t)dice_below(d, (int64_t)sc->lists), other = sc->lists;
	const char *name = sc->list[x].name;
	bool renamed = dice_chance(d, 500), back = dice_chance(d, 300);
	bool made = dice_chance(d, 500);
	size_t at = some_place(sc, d);

	sc->list[other] = (struct drawn_list){ "Other people", sc->list[x].kind, 900, false, made };
	sc->all_lists = other + 1;
	if (dice_chance(d, 500))
		*insert(sc, at++, 1) = (struct step){ .kind = STEP_QUIET, .count = 1 };
	at = renamed ? add_for_list(sc, d, at, STEP_RENAME, x, "As it was")
		     : add_for_list(sc, d, at, STEP_UNLIST, x, NULL);
	if (back)
		add_for_list(sc, d, at, renamed ? STEP_RENAME : STEP_RELIST, x, name);
	else
		add_for_list(sc, d, at, made ? STEP_MAKE : STEP_RENAME, other, name);
	leave_out_names(sc, x);
	draw_comings(sc, d, x, other);
}

/* The rule of lists that waits longest before it decides; NULL: there is none that waits. */
static const struct model_rule *slow_rule(const struct scenario *sc)
{
	const struct model_rule *slow = NULL;

	for (size_t i = 0; i < sc->rules[0].count; i++) {
		const struct model_rule *r = &sc->rules[0].rule[i];
		if (r->joins && r->settle_ms >= 30 * MS_SECOND &&
		    (!slow || r->settle_ms > slow->settle_ms))
			slow = r;
	}
	return slow;
}

/* One of two new contacts, or each, joins a list, and is merged or leaves while that waits. */
static void draw_waiting_join(struct scenario *sc, struct dice *d, const struct model_rule *rule)
{
	int contact = sc->contacts, other = contact + 1;
	bool keeps = sc->sandbox.merge_keeps_id, both = dice_chance(d, 300);
	struct step *s = insert(sc, some_place(sc, d), 7);

	sc->contacts += keeps ? 2 : 3;
	for (int i = 0; i < 2; i++) {
		s[2 * i] = (struct step){ .kind = STEP_CREATE, .contact = contact + i };
		s[2 * i + 1] = (struct step){ .kind = STEP_SET,
					      .contact = contact + i,
					      .property = M_EMAIL,
					      .value = arena_printf(&sc->memory, "p%d@example.org",
								    contact + i) };
		s[4 + i] = (struct step){ .kind = STEP_JOIN,
					  .after_ms = dice_between(d, 1, 10 * MS_SECOND),
					  .contact = i && both ? other : contact,
					  .list = (int)rule->list };
	}
	s[6] = (struct step){ .kind = dice_chance(d, 250) ? STEP_LEAVE : STEP_MERGE,
			      .after_ms = dice_between(d, rule->settle_ms / 4, rule->settle_ms),
			      .contact = contact,
			      .other = other,
			      .into = keeps ? contact : other + 1,
			      .list = (int)rule->list };
	for (int i = 0; i < 7; i++)
		s[i].count = 1;
}

/*
 * Not where what counts is only in the ledger: what was counted, by a brake or for `repeat:`, and
 * what was decided in shadow.
 */
static bool all_shows(const struct scenario *sc)
{
	bool shows = !sc->ground;

	for (size_t i = 0; i < sc->loads; i++)
		for (size_t k = 0; k < sc->rules[i].count; k++) {
			const struct model_rule *r = &sc->rules[i].rule[k];
			shows &= r->repeat == REPEATS_EVERY && !r->brake && r->mode == MODEL_LIVE;
		}
	return shows;
}

/* Of these a restored state would have to know. */
static bool must_be_known(const struct step *s)
{
	switch (s->kind) {
	case STEP_QUIET:
	case STEP_LOAD:
	case STEP_ACT:
	case STEP_MERGE:
	case STEP_DELETE:
	case STEP_CLOCK:
		return true;
	default:
		return s->fixed;
	}
}

static void draw_backup(struct scenario *sc, struct dice *d)
{
	size_t from = some_place(sc, d), to = from;
	int64_t most = dice_between(d, 1, 12);

	while (to < sc->steps && most > 0 && !must_be_known(&sc->step[to])) {
		to++;
		most--;
	}
	*insert(sc, to, 1) = (struct step){ .kind = STEP_PUT_BACK,
					    .after_ms = dice_between(d, 1, 10 * MS_MINUTE),
					    .count = 1 };
	sc->step[to].other = dice_chance(d, 500);
	*insert(sc, from, 1) = (struct step){ .kind = STEP_BACKUP, .count = 1 };
}

/* Rules are spread over two accounts of the same workspace, and some move between them. */
static void draw_spare(struct scenario *sc)
{
	struct dice d = dice_of(sc->seed, 14);

	if (!dice_chance(&d, 150))
		return;
	for (size_t i = 0; i < sc->loads; i++) {
		sc->rules[i].spare = true;
		for (size_t k = 0; k < sc->rules[i].count; k++) {
			bool moved = dice_chance(&d, 100);
			sc->rules[i].rule[k].account = (k % 2 == 1) != moved ? "spare"
									     : "certifier";
		}
	}
}

void draw_extremes(struct scenario *sc)
{
	struct dice d = dice_of(sc->seed, 7);

	if (dice_chance(&d, 40))
		draw_flood(sc, &d);
	for (size_t i = 0; i < sc->lists; i++)
		if (dice_chance(&d, 150))
			draw_building(sc, &d, i);
	if (all_shows(sc) && dice_chance(&d, 100))
		draw_backup(sc, &d);
	else if (sc->lists && dice_chance(&d, 300))
		draw_names(sc, &d);
	d = dice_of(sc->seed, 13);
	const struct model_rule *slow = slow_rule(sc);
	if (slow && dice_chance(&d, 800))
		draw_waiting_join(sc, &d, slow);
	draw_spare(sc);
}

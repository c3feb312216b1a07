/*
 * shrink - a failing scenario, with as little in it as still fails.
 *
 * Whole halves of the steps first, then smaller parts, then single ones; then
 * each kind of fault. Bounded: a shorter history is a help, not a proof.
 */
#include <string.h>

#include "tests/simulation/simulation.h"

#define MOST_LIVES 400

struct shrinking {
	struct scenario *sc;
	FILE *log; /* of the last life; NULL: nowhere */
	int lives;
};

static bool fails(struct shrinking *s)
{
	struct life l;

	if (++s->lives > MOST_LIVES)
		return false;
	bool fine = life_live(&l, s->sc, NULL);
	life_release(&l);
	return !fine;
}

/* Drops `n` steps from the i-th on, where it fails without them, too. What is fixed stays. */
static bool drop(struct shrinking *s, size_t first, size_t n)
{
	struct scenario *sc = s->sc;
	bool was[4096], any = false;

	for (size_t i = first; i < first + n && i < sc->steps; i++) {
		was[i - first] = sc->step[i].dropped;
		bool stays = sc->step[i].fixed;
		any |= !stays && !sc->step[i].dropped;
		sc->step[i].dropped |= !stays;
	}
	if (any && fails(s))
		return true;
	for (size_t i = first; i < first + n && i < sc->steps; i++)
		sc->step[i].dropped = was[i - first];
	return false;
}

static void drop_steps(struct shrinking *s)
{
	size_t n = s->sc->steps < 4096 ? s->sc->steps : 4096;

	for (n = n / 2; n > 0; n /= 2)
		for (size_t i = 0; i < s->sc->steps; i += n)
			(void)drop(s, i, n);
}

/* The last edits first: what comes later hangs on what comes before. */
static void drop_edits(struct shrinking *s)
{
	struct scenario *sc = s->sc;

	for (size_t i = sc->steps; i-- > 1;) {
		if (sc->step[i].kind != STEP_LOAD || sc->step[i].number == 0)
			continue;
		for (size_t k = i - 1; k <= i + 1; k++)
			sc->step[k].dropped = true;
		if (fails(s))
			continue;
		for (size_t k = i - 1; k <= i + 1; k++)
			sc->step[k].dropped = false;
	}
}

static void drop_rate(struct shrinking *s, int64_t *rate)
{
	int64_t was = *rate;

	*rate = 0;
	if (was && !fails(s))
		*rate = was;
}

static void print(const struct shrinking *s, FILE *out)
{
	struct life l;
	struct str text;

	str_init(&text, 1u << 20);
	rules_write(&s->sc->rules[0], &text);
	fprintf(out, "shortened in %d lives; it begins with\n%s", s->lives, str_text(&text));
	str_release(&text);
	scenario_print(s->sc, out);
	for (int i = 1; i < FAULT_KINDS; i++)
		if (s->sc->fault_rate[i])
			fprintf(out, "  fault %s: %lld in 1000\n", fault_name((enum fault_kind)i),
				(long long)s->sc->fault_rate[i]);
	fprintf(out, "  crashes: %lld, skew %lld ms%s\n", (long long)s->sc->crash_rate,
		(long long)s->sc->skew_ms, s->sc->ground ? ", on the disk" : "");
	(void)life_live(&l, s->sc, s->log);
	fprintf(out, "and still fails:\n%s", str_text(&l.trouble));
	life_release(&l);
}

void shrink(struct scenario *sc, FILE *out, FILE *log)
{
	struct shrinking s = { .sc = sc, .log = log };

	drop_rate(&s, &sc->crash_rate);
	drop_rate(&s, &sc->ground);
	for (int i = 1; i < FAULT_KINDS; i++)
		drop_rate(&s, &sc->fault_rate[i]);
	drop_rate(&s, &sc->skew_ms);
	drop_edits(&s);
	drop_steps(&s);
	print(&s, out);
}

/*
 * people - what a person does with issuances between the steps, by the function of the commands.
 *
 * Not judged here: judge.c reads the trail. Nothing is dropped of a rule that issues once per
 * value or contact: whether a later event takes the place of what was dropped is a matter of when.
 */
#include <string.h>

#include "engine/act.h"
#include "tests/simulation/simulation.h"

static void hear(void *ctx, const struct act_result *result)
{
	((struct life *)ctx)->tally.acts += result->outcome == ACT_DONE;
}

bool life_repeats(const struct life *l, const char *name)
{
	for (size_t i = 0; i < l->loads; i++) {
		const struct model_rules *rules = l->load[i].rules;
		for (size_t k = 0; k < rules->count; k++)
			if (strcmp(rules->rule[k].name, name) == 0 &&
			    rules->rule[k].repeat != REPEATS_EVERY)
				return true;
	}
	return false;
}

/* Some issuance, and its rule; 0: there is none. */
static int64_t some_issuance(const struct life *l, const struct step *s, struct arena *memory,
			     const char **rule)
{
	int64_t id = 0, n = db_integer(l->sim.world.db, 0,
				       "SELECT count(*) FROM issuance"
				       " WHERE state NOT IN ('skipped', 'shadow')",
				       "");
	struct query *q = db_select(l->sim.world.db,
				    "SELECT id, rule FROM issuance"
				    " WHERE state NOT IN ('skipped', 'shadow') ORDER BY id"
				    " LIMIT 1 OFFSET ?1",
				    "i", n ? s->contact % n : 0);

	if (query_next(q)) {
		id = query_integer(q, 0);
		*rule = arena_text(memory, query_slice(q, 1));
		query_end(q);
	}
	return id;
}

static bool disk_is_why(const struct life *l)
{
	return l->sc->ground && disk_failed();
}

bool people_act(struct life *l, const struct step *s)
{
	struct act_by by = { "ana", l->sim.world.wall_ms(l->sim.world.ctx), false };
	enum act act = (enum act)s->number;
	struct arena memory;
	struct err err;
	const char *rule = NULL;
	size_t found;
	bool fine = true;

	/* On the disk the state may not open while the program is down; one that was put back is reconciled first. */
	if (!l->sim.world.db || l->restored)
		return true;
	arena_init(&memory);
	int64_t id = some_issuance(l, s, &memory, &rule);
	int64_t most = s->other ? db_integer(l->sim.world.db, 1,
					     "SELECT count(*) FROM issuance WHERE rule = ?1", "t",
					     rule)
				: 1;
	struct act_choice named = { .id = &id, .ids = 1 }, of_rule = { .rule = rule };
	if (id && !(act == ACT_DROP && life_repeats(l, rule)))
		for (int i = 0; fine && i < s->count; i++)
			fine = act_do(l->sim.world.db, act, s->other ? &of_rule : &named, &by, hear,
				      l, &found, &err) == RC_OK;
	arena_release(&memory);
	/* Its commit may be stored nevertheless; the program finds out about the disk by itself. */
	l->acts_unsure += fine ? 0 : most;
	if (!fine && disk_is_why(l))
		ground_let_go(l);
	return fine || disk_is_why(l) || trouble(l, "%s: %s", act_names[act], err.text);
}

bool people_retry(struct life *l)
{
	struct act_by by = { "ana", l->sim.world.wall_ms(l->sim.world.ctx), false };
	struct act_choice refused = { .state = "refused" };
	struct err err;
	size_t found;

	return act_do(l->sim.world.db, ACT_RETRY, &refused, &by, hear, l, &found, &err) == RC_OK ||
	       trouble(l, "retry: %s", err.text);
}

#include "tests/scenes/scene.h"

#include "engine/act.h"
#include "engine/grant.h"

static void nobody_listens(void *ctx, const struct act_result *result)
{
	(void)ctx;
	(void)result;
}

/* Where nothing can be started just now, the person comes back later. */
static bool get_up(struct life *l)
{
	while (!l->engine) {
		if (l->heals_ms > l->sim.now_ms)
			l->sim.now_ms = l->heals_ms;
		if (!life_restart(l))
			return false;
	}
	return true;
}

/* Where the command is ended in its middle, the person gives it again: that is to do no harm. */
static enum rc act_on(struct life *l, enum act act, const struct node *map, struct err *err)
{
	struct arena memory;
	size_t found;
	enum rc rc;

	arena_init(&memory);
	struct act_choice all = { .rule = node_word(map, "rule", NULL, &memory),
				  .state = node_word(map, "state-is", NULL, &memory),
				  .hold = node_word(map, "hold", NULL, &memory) };
	struct act_by by = { "ana", l->sim.world.wall_ms(l->sim.world.ctx), false };
	do {
		bool up = get_up(l);
		struct life *before = memory_counts(l);
		rc = up ? act_do(l->sim.world.db, act, &all, &by, nobody_listens, NULL, &found, err)
			: err_set(err, RC_BROKEN, "nothing can be started");
		memory_counts(before);
	} while (rc != RC_OK && life_excused(l) && life_restart(l));
	if (rc == RC_OK && l->engine)
		engine_nudge(l->engine);
	arena_release(&memory);
	return rc;
}

enum rc act_approve(struct life *l, const struct node *map, struct err *err)
{
	return act_on(l, ACT_APPROVE, map, err);
}

enum rc act_retry(struct life *l, const struct node *map, struct err *err)
{
	return act_on(l, ACT_RETRY, map, err);
}

enum rc act_resend(struct life *l, const struct node *map, struct err *err)
{
	return act_on(l, ACT_RESEND, map, err);
}

enum rc act_drop(struct life *l, const struct node *map, struct err *err)
{
	return act_on(l, ACT_DROP, map, err);
}

/* ---- OAuth ------------------------------------------------------------------- */

bool life_is_connected(const struct life *l)
{
	return !l->scene->own_accounts &&
	       (l->variant->oauth || node_is_text(node_get(l->scene->options, "oauth"), "true"));
}

static enum rc connect(struct life *l, struct err *err)
{
	struct grant g;
	const char *access, *refresh;

	grant_init(&g);
	sandbox_grant(l->sandbox, l->sim.now_ms, "the-app",
		      "oauth crm.objects.contacts.read crm.schemas.contacts.read crm.lists.read",
		      &access, &refresh, &g.expires_ms);
	g.expires_ms += l->sim.skew_ms;
	str_add_text(&g.client_id, "the-app");
	str_add_text(&g.access, access);
	str_add_text(&g.refresh, refresh);
	enum rc rc = grant_connect(l->sim.world.db, "hubspot", &g, err);
	grant_wipe(&g);
	return rc;
}

enum rc life_grant(struct life *l, struct err *err)
{
	struct grant g;

	grant_init(&g);
	enum rc rc = grant_read(l->sim.world.db, "hubspot", &g, err);
	if (rc == RC_OK && !g.serial)
		rc = connect(l, err);
	grant_wipe(&g);
	return rc;
}

enum rc act_connect(struct life *l, const struct node *account, struct err *err)
{
	enum rc rc;

	(void)account;
	do {
		rc = get_up(l) ? connect(l, err)
			       : err_set(err, RC_BROKEN, "nothing can be started");
	} while (rc != RC_OK && life_excused(l) && life_restart(l));
	if (rc == RC_OK && l->engine)
		engine_nudge(l->engine);
	return rc;
}

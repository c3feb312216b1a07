/*
 * retired - source accounts that the rules do not declare any more.
 *
 * All that is left of one is its bearer, for as long as new tokens are on their way: where the service gives each
 * refresh token but one use, its grant would be lost with that answer. Who declares the account again meanwhile has a
 * bearer of its own, which the lease of the grant makes wait.
 */
#include "engine/origin.h"

#include "engine/registry.h"
#include "engine/undeclared.h"

struct retired {
	struct bearer *bearer;
	struct retired *next;
};

static bool is_source(void *ctx, const char *name)
{
	const struct account *account = table_account(ctx, name);

	return account && registry_source(account->type);
}

enum rc retired_tell(struct engine *e, struct err *err)
{
	e->untold = false;
	return e->table ? undeclared_tell(e->world, is_source, e->table, err) : RC_OK;
}

static void retire(struct engine *e, struct origin *o)
{
	struct retired *r = mem_alloc(sizeof(*r));

	r->bearer = o->bearer;
	o->bearer = NULL;
	bearer_leave(r->bearer);
	r->next = e->retired;
	e->retired = r;
	origin_free(o);
}

void retired_drop(struct engine *e)
{
	struct origin **at = &e->origin;

	while (*at) {
		struct origin *o = *at;
		const struct account *account = table_account(e->table, o->name);
		if (account && registry_source(account->type) == o->ops) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		retire(e, o);
	}
}

static void free_first(struct retired **at)
{
	struct retired *r = *at;

	*at = r->next;
	bearer_free(r->bearer);
	mem_free(r);
}

enum rc retired_step(struct engine *e, struct err *err)
{
	enum rc rc = RC_OK;

	for (struct retired **at = &e->retired; rc == RC_OK && *at;) {
		rc = bearer_step((*at)->bearer, err);
		if (bearer_busy((*at)->bearer))
			at = &(*at)->next;
		else
			free_first(at);
	}
	return rc;
}

bool retired_busy(const struct engine *e)
{
	const struct retired *r = e->retired;

	while (r && !bearer_busy(r->bearer))
		r = r->next;
	return r != NULL;
}

void retired_free(struct engine *e)
{
	while (e->retired)
		free_first(&e->retired);
}

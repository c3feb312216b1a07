/*
 * portal - what happens in HubSpot: in the sandbox, and written down in the model.
 *
 * What the sandbox refuses did not happen.
 */
#include "tests/simulation/simulation.h"

#include <stdio.h>

static struct model_record *record_of(const struct life *l, int contact)
{
	return l->record[contact];
}

static int64_t id_of(const struct life *l, int contact)
{
	return l->sc->first_id + contact;
}

static void do_create(struct life *l, const struct step *s, int contact)
{
	struct json *none = json_new_object();
	struct err err;
	enum rc rc = sandbox_create(l->sandbox, l->sim.now_ms, id_of(l, contact), none, NULL, &err);

	(void)s;
	json_free(none);
	if (rc == RC_OK)
		l->record[contact] = model_create(&l->portal, l->sim.now_ms, id_of(l, contact));
}

static void do_set(struct life *l, const struct step *s, int contact)
{
	char own[64];
	struct err err;
	const char *value = s->value ? s->value : own;

	snprintf(own, sizeof(own), "p%d@example.org", contact);
	if (record_of(l, contact) &&
	    sandbox_set(l->sandbox, l->sim.now_ms, id_of(l, contact),
			model_property_names[s->property], slice_of(value), &err) == RC_OK)
		model_set(&l->portal, l->sim.now_ms, record_of(l, contact), s->property, value);
}

static void do_join(struct life *l, const struct step *s, int contact)
{
	struct err err;

	if (record_of(l, contact) &&
	    sandbox_join(l->sandbox, l->sim.now_ms, l->sc->list[s->list].id, id_of(l, contact),
			 &err) == RC_OK)
		model_join(l->portal.list[s->list], l->sim.now_ms, l->sc->sandbox.list_lag_ms,
			   record_of(l, contact));
}

static void do_leave(struct life *l, const struct step *s, int contact)
{
	struct err err;

	if (record_of(l, contact) &&
	    sandbox_leave(l->sandbox, l->sim.now_ms, l->sc->list[s->list].id, id_of(l, contact),
			  &err) == RC_OK)
		model_leave(l->portal.list[s->list], l->sim.now_ms, record_of(l, contact));
}

static void do_built(struct life *l, const struct step *s, int contact)
{
	struct err err;

	(void)contact;
	if (sandbox_list_processing(l->sandbox, l->sim.now_ms, l->sc->list[s->list].id, false,
				    &err) == RC_OK)
		l->portal.list[s->list]->built_ms = l->sim.now_ms;
}

static void do_make(struct life *l, const struct step *s, int contact)
{
	struct err err;
	struct model_list *list = l->portal.list[s->list];

	(void)contact;
	if (sandbox_list(l->sandbox, l->sim.now_ms, list->id, s->value, l->sc->list[s->list].kind,
			 NULL, &err) != RC_OK)
		return;
	list->made = true;
	model_name_list(list, l->sim.now_ms, s->value);
}

static void do_rename(struct life *l, const struct step *s, int contact)
{
	struct err err;
	struct model_list *list = l->portal.list[s->list];

	(void)contact;
	if (sandbox_list_rename(l->sandbox, l->sim.now_ms, list->id, s->value, &err) == RC_OK)
		model_name_list(list, l->sim.now_ms, s->value);
}

static void do_unlist(struct life *l, const struct step *s, int contact)
{
	struct err err;
	struct model_list *list = l->portal.list[s->list];

	(void)contact;
	if (sandbox_list_delete(l->sandbox, l->sim.now_ms, list->id, &err) == RC_OK)
		model_name_list(list, l->sim.now_ms, NULL);
}

static void do_relist(struct life *l, const struct step *s, int contact)
{
	struct err err;
	struct model_list *list = l->portal.list[s->list];

	(void)contact;
	if (sandbox_list_restore(l->sandbox, l->sim.now_ms, list->id, &err) == RC_OK)
		model_name_list(list, l->sim.now_ms, list->named[list->names - 1].name);
}

static void do_merge(struct life *l, const struct step *s, int contact)
{
	struct model_record *a = record_of(l, contact), *b = record_of(l, s->other);
	int64_t id = id_of(l, s->into);
	struct err err;

	if (!a || !b ||
	    sandbox_merge(l->sandbox, l->sim.now_ms, id_of(l, contact), id_of(l, s->other), id, &id,
			  &err) != RC_OK)
		return;
	bool keeps = id == id_of(l, contact);
	l->record[s->other] = NULL;
	l->record[s->into] = model_merge(&l->portal, l->sim.now_ms, a, b, id,
					 keeps ? a->created_ms : l->sim.now_ms,
					 l->sc->sandbox.list_lag_ms);
	if (!keeps)
		l->record[contact] = NULL;
}

static void do_delete(struct life *l, const struct step *s, int contact)
{
	struct err err;

	(void)s;
	if (record_of(l, contact) &&
	    sandbox_delete(l->sandbox, l->sim.now_ms, id_of(l, contact), &err) == RC_OK)
		model_delete(record_of(l, contact), l->sim.now_ms);
}

static void do_restore(struct life *l, const struct step *s, int contact)
{
	struct err err;

	(void)s;
	if (record_of(l, contact) &&
	    sandbox_restore(l->sandbox, l->sim.now_ms, id_of(l, contact), &err) == RC_OK)
		model_restore(record_of(l, contact), l->sim.now_ms);
}

static void (*const portal_steps[STEP_KINDS])(struct life *l, const struct step *s, int contact) = {
	[STEP_CREATE] = do_create, [STEP_SET] = do_set,	      [STEP_JOIN] = do_join,
	[STEP_LEAVE] = do_leave,   [STEP_BUILT] = do_built,   [STEP_MERGE] = do_merge,
	[STEP_MAKE] = do_make,	   [STEP_RENAME] = do_rename, [STEP_UNLIST] = do_unlist,
	[STEP_RELIST] = do_relist, [STEP_DELETE] = do_delete, [STEP_RESTORE] = do_restore,
};

void portal_step(struct life *l, const struct step *s, int contact)
{
	portal_steps[s->kind](l, s, contact);
}

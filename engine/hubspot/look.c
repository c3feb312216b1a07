/*
 * look - one read of contacts on behalf of the engine: a batch read, and where
 * that says nothing at all of an id, one read of that id alone, which decides.
 */
#include <string.h>

#include "engine/hubspot/hub.h"

struct look_call {
	struct arena memory;
	const char **ids;
	size_t count;
	look_done *done;
	void *arg;
	struct look look;  /* what the batch read showed */
	const char *alone; /* the id that is read alone */
};

static void look_free(void *arg)
{
	struct look_call *l = arg;

	arena_release(&l->memory);
	mem_free(l);
}

static void look_over(struct source *s, struct look_call *l)
{
	s->looks--;
	l->done(l->arg, &l->look);
	look_free(l);
}

/* ---- of which the answer said nothing ------------------------------------- */

static bool was_told(const struct look *look, const char *id)
{
	for (size_t i = 0; i < look->contacts; i++)
		if (strcmp(look->contact[i].asked, id) == 0)
			return true;
	return false;
}

/* Any one of those that the look says nothing of: whichever fails for good holds up no other. */
static const char *untold(const struct source *s, const struct look_call *l)
{
	uint64_t first = s->world->random(s->world->ctx) % l->count;

	for (size_t i = 0; i < l->count; i++) {
		const char *id = l->ids[(first + i) % l->count];
		if (!was_told(&l->look, id))
			return id;
	}
	return NULL;
}

static void alone_arrived(struct source *s, void *arg, const struct reply *answer)
{
	struct look_call *l = arg;
	struct contact *all;

	if (answer) {
		all = arena_alloc(&l->memory, (l->look.contacts + 1) * sizeof(*all));
		for (size_t i = 0; i < l->look.contacts; i++)
			all[i] = l->look.contact[i];
		if (history_contact(s, answer, l->alone, &l->memory, &all[l->look.contacts]))
			l->look.contacts++;
		l->look.contact = all;
	}
	look_over(s, l);
}

/* False where every id was told of, or no request may leave now. */
static bool read_alone(struct source *s, struct look_call *l)
{
	if (l->look.contacts == l->count || call_ready_ms(s, BUDGET_GENERAL) > hub_mono_ms(s))
		return false;
	l->alone = untold(s, l);
	struct call_spec spec = {
		.budget = BUDGET_GENERAL,
		.method = "GET",
		.url = hub_url(s, AREA_CONTACTS, history_query(s, l->alone, &l->memory),
			       &l->memory),
		.takes_refusal = true,
		.done = alone_arrived,
		.arg = l,
		.drop = look_free,
	};
	call_start(s, &spec);
	return true;
}

/* ---- the batch ------------------------------------------------------------- */

size_t look_most(const struct source *s)
{
	size_t most = history_most(s);

	return s->look_most && s->look_most < most ? s->look_most : most;
}

/* An answer may be too large, or one contact the reason that there is none: halves tell it from the others. */
static void note_size(struct source *s, size_t count, bool answered)
{
	s->look_most = answered ? s->look_most * 2 : (count + 1) / 2;
	if (s->look_most >= history_most(s))
		s->look_most = 0;
}

static void batch_arrived(struct source *s, void *arg, const struct reply *answer)
{
	struct look_call *l = arg;
	struct contact *contacts = NULL;

	l->look.result = LOOK_AGAIN;
	note_size(s, l->count, answer);
	if (answer) {
		l->look.result = LOOK_DONE;
		l->look.began_ms = answer->began_ms;
		l->look.contacts = history_contacts(s, answer->json, l->ids, l->count, &l->memory,
						    &contacts);
		l->look.contact = contacts;
		push_saw(s, contacts, l->look.contacts);
	}
	if (!answer || !read_alone(s, l))
		look_over(s, l);
}

void look_start(struct source *s, const char *const *ids, size_t count, look_done *done, void *arg)
{
	struct look_call *l = mem_alloc(sizeof(*l));

	arena_init(&l->memory);
	l->ids = arena_alloc(&l->memory, count * sizeof(*l->ids));
	l->count = count;
	l->done = done;
	l->arg = arg;
	for (size_t i = 0; i < count; i++)
		l->ids[i] = arena_text(&l->memory, slice_of(ids[i]));
	struct call_spec spec = {
		.budget = BUDGET_GENERAL,
		.method = "POST",
		.body = history_body(s, l->ids, count),
		.url = hub_url(s, AREA_CONTACTS, "/batch/read", &l->memory),
		.done = batch_arrived,
		.member = "results",
		.arg = l,
		.drop = look_free,
	};
	s->looks++;
	call_start(s, &spec);
}

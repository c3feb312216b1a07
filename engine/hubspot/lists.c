/*
 * lists - which lists rules watch, and which they are at HubSpot.
 *
 * Resolving finds a list by id or name, once a load. probe.c looks which of them may have
 * changed, scan.c reads who joined those.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"

static struct hub_list *list_of_watch(struct source *s, const struct watch *w)
{
	for (size_t i = 0; i < s->lists; i++)
		if (s->list[i].by_name == w->target_is_name &&
		    strcmp(s->list[i].target, w->target) == 0)
			return &s->list[i];
	return NULL;
}

static bool is_list_watch(const struct source *s, const struct watch *w)
{
	return w->source == s->account && w->event == EVENT_LIST_ADDED;
}

/* The list's id: as found now, or, where it cannot be asked for now, as its name led to it last. */
static struct slice known_id(const struct source *s, const struct hub_list *l, struct arena *memory)
{
	struct slice id = l->by_name ? str_slice(&l->id) : slice_of(l->target);
	struct query *q;

	if (id.len)
		return id;
	q = db_select(s->db,
		      "SELECT list_id FROM list WHERE account = ?1 AND target = ?2 AND by_name = 1",
		      "tt", s->name, l->target);
	if (query_next(q)) {
		id = arena_slice(memory, query_slice(q, 0));
		query_end(q);
	}
	return id;
}

/* Two rules may name one list by its id and by its name: a scan of it serves both. */
static void link_watches(struct source *s)
{
	s->linked = true;
	for (size_t i = 0; i < s->lists; i++) {
		s->list[i].served = arena_alloc(&s->loaded,
						(s->watches->count + 1) * sizeof(struct watch *));
		s->list[i].n_served = 0;
	}
	for (size_t i = 0; i < s->watches->count; i++) {
		struct watch *w = &s->watches->watch[i];
		const struct hub_list *named = is_list_watch(s, w) ? list_of_watch(s, w) : NULL;
		struct slice id = named ? known_id(s, named, &s->loaded) : (struct slice){ 0 };
		for (size_t k = 0; id.len && k < s->lists; k++)
			if (slice_eq(str_slice(&s->list[k].id), id))
				s->list[k].served[s->list[k].n_served++] = w;
	}
}

void hub_lists_load(struct source *s)
{
	s->list = arena_alloc(&s->loaded, (s->watches->count + 1) * sizeof(*s->list));
	s->lists = 0;
	for (size_t i = 0; i < s->watches->count; i++) {
		const struct watch *w = &s->watches->watch[i];
		if (!is_list_watch(s, w) || list_of_watch(s, w))
			continue;
		struct hub_list *l = &s->list[s->lists++];
		l->target = w->target;
		l->by_name = w->target_is_name;
		l->active = -1;
		str_init(&l->id, LIMIT_ID_BYTES);
		str_init(&l->probe, 256);
		str_init(&l->after, 1024);
	}
}

void hub_lists_release(struct source *s)
{
	for (size_t i = 0; i < s->lists; i++) {
		str_release(&s->list[i].id);
		str_release(&s->list[i].probe);
		str_release(&s->list[i].after);
	}
	s->lists = 0;
}

/* ---- resolve ------------------------------------------------------------ */

void list_problem(const struct source *s, const struct hub_list *l, const char *fact)
{
	log_line(s->world->log, LOG_ERROR, fact, "account", s->name, "list", l->target, NULL);
}

static void store_list(struct source *s, struct hub_list *l, struct slice name)
{
	db_begin(s->db, "list");
	db_run(s->db,
	       "INSERT INTO list (account, target, by_name, list_id, name) VALUES (?1, ?2, ?3, ?4, ?5)"
	       " ON CONFLICT (account, target, by_name) DO UPDATE SET name = excluded.name,"
	       " list_id = excluded.list_id,"
	       " probe = CASE WHEN list_id = excluded.list_id THEN probe ELSE '' END",
	       "ttiss", s->name, l->target, (int64_t)l->by_name, str_slice(&l->id), name);
	hub_commit(s);
}

/*
 * A list that is not there at activation is not being built: whoever joins it
 * once it is there is news.
 */
static void not_building(struct source *s, const struct hub_list *l)
{
	db_begin(s->db, "list");
	for (size_t i = 0; i < s->watches->count; i++) {
		struct watch *w = &s->watches->watch[i];
		if (!is_list_watch(s, w) || list_of_watch(s, w) != l || w->building != 2)
			continue;
		w->building = 0;
		db_run(s->db, "UPDATE watch SET building = 0 WHERE id = ?1", "i", w->id);
	}
	hub_commit(s);
}

const char *list_wrong(const struct reply *answer)
{
	const struct json *list = json_get(answer->json, "list");
	struct slice type = json_get_slice(list, "objectTypeId");

	if (answer->status != 200 || !hub_id_valid(json_get_slice(list, "listId")))
		return "the list does not exist: the rules that name it stay quiet";
	if (type.len && !slice_is(type, "0-1"))
		return "the list holds no contacts: the rules that name it stay quiet";
	return NULL;
}

static void resolved(struct source *s, void *arg, const struct reply *answer)
{
	struct hub_list *l = arg;

	s->asking = false;
	if (!answer && !hub_passes_over(s))
		return;
	s->cursor++;
	const char *wrong = answer ? list_wrong(answer) : NULL;
	if (wrong) {
		l->missing = true;
		list_problem(s, l, wrong);
		if (answer->status == 404)
			not_building(s, l);
	} else if (answer) {
		const struct json *list = json_get(answer->json, "list");
		str_clear(&l->id);
		str_add_slice(&l->id, json_get_slice(list, "listId"));
		s->linked = false;
		store_list(s, l, json_get_slice(list, "name"));
	}
}

char *list_url(const struct source *s, const char *target, bool by_name, struct arena *memory)
{
	struct str rest;

	str_init(&rest, LIMIT_URL_BYTES);
	str_add_text(&rest, by_name ? "/object-type-id/0-1/name/" : "/");
	str_add_url(&rest, slice_of(target));
	char *url = hub_url(s, AREA_LISTS, str_text(&rest), memory);
	str_release(&rest);
	return url;
}

void list_ask(struct source *s, const char *method, char *url, struct json *body,
	      const char *member, call_done *done, void *arg)
{
	struct call_spec spec = { .budget = BUDGET_GENERAL,
				  .method = method,
				  .url = url,
				  .body = body,
				  .member = member,
				  .takes_refusal = strcmp(method, "GET") == 0,
				  .of_poll = true,
				  .done = done,
				  .arg = arg };

	s->asking = true;
	call_start(s, &spec);
}

/* A list that was missing may have been made, or restored, since. */
void lists_find_again(struct source *s)
{
	for (size_t i = 0; i < s->lists; i++)
		s->list[i].missing = false;
}

void resolve_step(struct source *s)
{
	struct arena memory;

	while (s->cursor < s->lists && (s->list[s->cursor].id.len || s->list[s->cursor].missing))
		s->cursor++;
	if (s->cursor == s->lists) {
		if (!s->linked)
			link_watches(s);
		phase_next(s, PHASE_WALK);
		return;
	}
	struct hub_list *l = &s->list[s->cursor];
	arena_init(&memory);
	list_ask(s, "GET", list_url(s, l->target, l->by_name, &memory), NULL, "list", resolved, l);
	arena_release(&memory);
}

/*
 * lists - which lists rules watch, and which they are at HubSpot.
 *
 * Resolving finds a list by id or name, once a load, and by its name again where the probe shows that this leads
 * elsewhere. Another list under a name is a new activation of the rules that name it, whenever it is noticed.
 * probe.c looks which lists may have changed, scan.c reads who joined those.
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

bool list_leads(const struct hub_list *l)
{
	return l->id.len && !l->doubted;
}

/* Two rules may name one list by its id and by its name: a scan of it serves both. */
void lists_link(struct source *s)
{
	if (s->linked)
		return;
	s->linked = true;
	for (size_t i = 0; i < s->lists; i++)
		s->list[i].n_served = 0;
	for (size_t i = 0; i < s->watches->count; i++) {
		struct watch *w = &s->watches->watch[i];
		const struct hub_list *named = is_list_watch(s, w) ? list_of_watch(s, w) : NULL;
		if (!named || (named->by_name && !list_leads(named)))
			continue;
		struct slice id = named->by_name ? str_slice(&named->id) : slice_of(named->target);
		for (size_t k = 0; k < s->lists; k++)
			if (list_leads(&s->list[k]) && slice_eq(str_slice(&s->list[k].id), id))
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
		l->served = arena_alloc(&s->loaded,
					(s->watches->count + 1) * sizeof(struct watch *));
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

/* ---- what is said and asked of lists ---------------------------------------- */

void list_problem(const struct source *s, const struct hub_list *l, const char *fact)
{
	log_line(s->world->log, LOG_ERROR, fact, "account", s->name, "list", l->target, NULL);
}

void list_not_there(const struct source *s, struct hub_list *l, const char *fact)
{
	if (!l->told)
		list_problem(s, l, fact);
	l->told = true;
}

int64_t list_activated_ms(const struct source *s, const struct watch *w)
{
	int64_t loaded_ms = w->loaded_ms + hub_now_ms(s) - hub_wall_ms(s);

	return w->start_ms > loaded_ms ? w->start_ms : loaded_ms;
}

int64_t list_time(const struct json *list, const char *key)
{
	int64_t ms;

	return clock_parse_datetime(json_get_slice(list, key), &ms) ? ms : 0;
}

/* ---- another list under a name ------------------------------------------- */

/* A name leads to a list that it did not lead to before. */
struct move {
	int64_t seen_ms; /* when it was last seen to lead elsewhere, or nowhere; 0: nobody knows */
	int64_t created_ms; /* the list; 0: it does not say */
	int64_t updated_ms; /* likewise: a rename is an update */
	int64_t now_ms;	    /* the latest that the answer may be of */
};

/*
 * The watch begins anew. A list that was made since its name was seen elsewhere holds nobody from before; of
 * another one it is not known who joined it while it had another name, and they are not to be mailed.
 */
static int64_t begin_anew(struct source *s, struct watch *w, const struct move *m, struct slice id)
{
	int64_t active_ms = list_activated_ms(s, w);
	int64_t seen_ms = m->seen_ms > active_ms ? m->seen_ms : active_ms;
	bool made = m->created_ms > seen_ms;
	int64_t from_ms = made ? m->created_ms - MS_SECOND /* rows may have whole seconds */
			  : m->updated_ms > seen_ms && m->updated_ms <= m->now_ms ? m->updated_ms
										  : m->now_ms;

	w->building = made ? 0 : 2;
	if (w->start_ms < from_ms)
		w->start_ms = from_ms;
	db_run(s->db, "UPDATE watch SET building = ?2, start_ms = ?3 WHERE id = ?1", "iii", w->id,
	       (int64_t)w->building, w->start_ms);
	if (made)
		list_take_known(s, w, id);
	return w->start_ms;
}

/* The watches that were activated before the name was seen to lead elsewhere; the others are at their activation. */
static void name_moved(struct source *s, const struct hub_list *l, const struct move *m,
		       const struct json *list, bool was_there)
{
	char since[CLOCK_TEXT];
	int64_t from_ms = 0;

	for (size_t i = 0; i < s->watches->count; i++) {
		struct watch *w = &s->watches->watch[i];
		bool fresh = w->start_ms == INT64_MAX ||
			     (w->building == 2 && m->seen_ms < w->start_ms);
		if (is_list_watch(s, w) && list_of_watch(s, w) == l && !fresh)
			from_ms = begin_anew(s, w, m, json_get_slice(list, "listId"));
	}
	if (from_ms && was_there)
		log_line(
			s->world->log, LOG_WARN,
			"the name leads to another list now: who joined that before does not count",
			"account", s->name, "list", l->target, "before",
			clock_format(from_ms, since), NULL);
}

/* Whether the list that was found is another than the name led to; `seen_ms`, `was_there`: what is known of that. */
static bool is_another(struct source *s, const struct hub_list *l, struct slice id,
		       int64_t *seen_ms, bool *was_there)
{
	bool same = false;
	struct query *q = db_select(s->db,
				    "SELECT list_id, scanned_ms FROM list WHERE account = ?1"
				    " AND target = ?2 AND by_name = ?3",
				    "tti", s->name, l->target, (int64_t)l->by_name);

	*seen_ms = l->seen_ms;
	*was_there = query_next(q);
	if (*was_there) {
		int64_t scanned_ms = query_integer(q, 1);
		same = slice_eq(query_slice(q, 0), id);
		scanned_ms += scanned_ms ? hub_now_ms(s) - hub_wall_ms(s) : 0;
		*seen_ms = scanned_ms > *seen_ms ? scanned_ms : *seen_ms;
		query_end(q);
	}
	if (*seen_ms > READING_MS)
		*seen_ms -= READING_MS;
	return !same && l->by_name;
}

static bool has_twin(const struct source *s, const struct hub_list *l, struct slice id)
{
	for (size_t i = 0; i < s->lists; i++) {
		const struct hub_list *k = &s->list[i];
		if (k != l && slice_eq(k->by_name ? str_slice(&k->id) : slice_of(k->target), id))
			return true;
	}
	return false;
}

void list_comes_back(struct source *s, const struct hub_list *l, struct slice id)
{
	if (!l->by_name || !has_twin(s, l, id))
		return;
	for (size_t i = 0; i < s->watches->count; i++) {
		const struct watch *w = &s->watches->watch[i];
		if (is_list_watch(s, w) && list_of_watch(s, w) == l && !w->building)
			list_take_known(s, w, id);
	}
}

static void store_list(struct source *s, struct hub_list *l, const struct json *list)
{
	struct slice id = json_get_slice(list, "listId");
	struct move move = { .created_ms = list_time(list, "createdAt"),
			     .updated_ms = list_time(list, "updatedAt"),
			     .now_ms = hub_latest_ms(s) };
	bool was_there;

	db_begin(s->db, "list");
	if (is_another(s, l, id, &move.seen_ms, &was_there))
		name_moved(s, l, &move, list, was_there);
	else if (!list_leads(l))
		list_comes_back(s, l, id);
	db_run(s->db,
	       "INSERT INTO list (account, target, by_name, list_id, name) VALUES (?1, ?2, ?3, ?4, ?5)"
	       " ON CONFLICT (account, target, by_name) DO UPDATE SET name = excluded.name,"
	       " list_id = excluded.list_id,"
	       " probe = CASE WHEN list_id = excluded.list_id THEN probe ELSE '' END",
	       "ttiss", s->name, l->target, (int64_t)l->by_name, id, json_get_slice(list, "name"));
	hub_commit(s);
}

/* ---- resolve ------------------------------------------------------------ */

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

/* It cannot be asked for now: as its name led to it last, which the probe may bear out. */
static void assume(struct source *s, struct hub_list *l)
{
	if (l->id.len || !l->by_name)
		return;
	struct query *q = db_select(
		s->db,
		"SELECT list_id FROM list WHERE account = ?1 AND target = ?2 AND by_name = 1", "tt",
		s->name, l->target);
	if (query_next(q)) {
		str_add_slice(&l->id, query_slice(q, 0));
		query_end(q);
		l->assumed = true;
		s->linked = false;
	}
}

static void not_found(struct source *s, struct hub_list *l, const struct reply *answer,
		      const char *wrong)
{
	l->missing = true;
	l->assumed = l->doubted = false;
	str_clear(&l->id);
	s->linked = false;
	list_not_there(s, l, wrong);
	if (answer->status != 404)
		return;
	l->seen_ms = answer->began_ms;
	not_building(s, l);
}

static void found(struct source *s, struct hub_list *l, const struct reply *answer)
{
	const struct json *list = json_get(answer->json, "list");
	struct slice id = json_get_slice(list, "listId");

	if (!list_leads(l) || !slice_eq(str_slice(&l->id), id))
		s->linked = false;
	store_list(s, l, list);
	if (!slice_eq(str_slice(&l->id), id))
		l->active = -1;
	str_clear(&l->id);
	str_add_slice(&l->id, id);
	l->assumed = l->doubted = false;
	l->confirmed = true;
	l->seen_ms = answer->began_ms;
}

static void resolved(struct source *s, void *arg, const struct reply *answer)
{
	struct hub_list *l = arg;

	s->asking = false;
	if (!answer && !hub_passes_over(s))
		return;
	s->cursor++;
	const char *wrong = answer ? list_wrong(answer) : NULL;
	if (!answer)
		assume(s, l);
	else if (wrong)
		not_found(s, l, answer, wrong);
	else
		found(s, l, answer);
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

/* By its name again where that may lead elsewhere by now. */
static bool is_to_resolve(const struct hub_list *l)
{
	return !l->missing && (!l->id.len || l->assumed || l->doubted);
}

void resolve_step(struct source *s)
{
	struct arena memory;

	while (s->cursor < s->lists && !is_to_resolve(&s->list[s->cursor]))
		s->cursor++;
	if (s->cursor == s->lists) {
		lists_link(s);
		phase_next(s, PHASE_WALK);
		return;
	}
	struct hub_list *l = &s->list[s->cursor];
	arena_init(&memory);
	list_ask(s, "GET", list_url(s, l->target, l->by_name, &memory), NULL, "list", resolved, l);
	arena_release(&memory);
}

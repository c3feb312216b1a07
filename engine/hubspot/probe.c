/*
 * probe - which of the lists that rules watch may have changed: one request for all of them.
 */
#include <string.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"

#define PROBE_MOST 500 /* lists of one probe */
#define SCAN_EVERY_MS MS_HOUR
#define BUILT_WITHIN_MS                                                                            \
	MS_DAY /* a list that was seen unfinished, and not looked at since, is complete by then */

/* Nobody has use for what the list shows: it is the baseline of all its watches once it is complete. */
static bool is_waited_for(const struct hub_list *l)
{
	for (size_t i = 0; i < l->n_served; i++)
		if (!l->served[i]->building)
			return false;
	return l->processing && l->n_served;
}

static bool is_building(const struct hub_list *l)
{
	for (size_t i = 0; i < l->n_served; i++)
		if (l->served[i]->building)
			return true;
	return false;
}

/* The starts of all watches are known, so that no row is taken for old by mistake. */
static bool is_started(const struct hub_list *l)
{
	for (size_t i = 0; i < l->n_served; i++)
		if (l->served[i]->start_ms == INT64_MAX)
			return false;
	return true;
}

/* Whether the list must be scanned now; notes when its probe changed. */
static bool scan_is_due(struct source *s, const struct hub_list *l)
{
	int64_t now = hub_wall_ms(s), overlap = account_ms(s->config, "overlap");
	bool due = true;
	struct query *q = db_select(
		s->db,
		"SELECT probe, scanned_ms, news_ms FROM list WHERE account = ?1 AND target = ?2"
		" AND by_name = ?3",
		"tti", s->name, l->target, (int64_t)l->by_name);

	if (query_next(q)) {
		due = !slice_eq(query_slice(q, 0), str_slice(&l->probe)) || l->probe.len == 0 ||
		      hub_long_ago(now, query_integer(q, 1), SCAN_EVERY_MS) ||
		      !hub_long_ago(now, query_integer(q, 2), overlap);
		query_end(q);
	}
	return due;
}

bool list_is_processing(const struct json *list)
{
	return slice_is(json_get_slice(list, "processingStatus"), "PROCESSING");
}

/* What tells one state of a list from another: its size and when a record was last added. */
static void take_probe(struct hub_list *l, const struct json *list)
{
	struct slice size = json_slice(json_path(list, "additionalProperties.hs_list_size"));
	struct slice added = json_slice(
		json_path(list, "additionalProperties.hs_last_record_added_at"));

	str_clear(&l->probe);
	if (size.len || added.len)
		str_addf(&l->probe, "%.*s %.*s", SLICE_FMT(size), SLICE_FMT(added));
	l->processing = list_is_processing(list);
}

static void set_building(struct source *s, struct watch *w, int building, int64_t start_ms)
{
	w->building = building;
	if (w->start_ms < start_ms)
		w->start_ms = start_ms;
	db_run(s->db, "UPDATE watch SET building = ?2, start_ms = max(start_ms, ?3) WHERE id = ?1",
	       "iii", w->id, (int64_t)building, start_ms);
}

/* It is being built for the first time since it was made, or its filters edited, after the watch's activation. */
static bool is_built_anew(const struct source *s, const struct watch *w, const struct json *list)
{
	int64_t after_ms = list_activated_ms(s, w) + READING_MS;

	return list_time(list, "filtersUpdatedAt") > after_ms ||
	       list_time(list, "createdAt") > after_ms;
}

/*
 * A list that was being built when its rule was activated: what it holds when it is complete is no news, so its
 * activation moves on until then: to the latest that the answer may be of, but no further than a day past the last
 * one that showed it unfinished. Rows may show up later than their own times, hence no snapshot.
 */
static void note_building(struct source *s, const struct hub_list *l, struct watch *w,
			  const struct json *list)
{
	int64_t seen_ms = hub_latest_ms(s);
	bool known = w->start_ms != INT64_MAX; /* until there is an activation, none can be moved */

	if (l->processing && w->building == 2 && !(known && is_built_anew(s, w, list))) {
		log_line(s->world->log, LOG_INFO,
			 "list is still being built: its members will be the baseline", "account",
			 s->name, "list", l->target, NULL);
		set_building(s, w, 1, seen_ms);
	} else if (l->processing && w->building == 1) {
		set_building(s, w, 1, seen_ms);
	} else if (known) {
		if (w->building == 1 && seen_ms > w->start_ms + BUILT_WITHIN_MS)
			seen_ms = w->start_ms + BUILT_WITHIN_MS;
		set_building(s, w, 0, w->building == 1 ? seen_ms : w->start_ms);
		list_take_known(s, w, str_slice(&l->id));
	}
}

static const struct json *find_list(const struct json *answer, const struct hub_list *l)
{
	const struct json *lists = json_get(answer, "lists");

	for (size_t i = 0; i < json_count(lists); i++)
		if (slice_eq(json_get_slice(json_at(lists, i), "listId"), str_slice(&l->id)))
			return json_at(lists, i);
	return NULL;
}

/* Kept with the list, as what is made of its members is told by the state alone. Lists may be made static later. */
static void note_kind(struct source *s, struct hub_list *l, const struct json *list)
{
	struct slice type = json_get_slice(list, "processingType");
	int active = slice_is(type, "DYNAMIC");

	if (!type.len || l->active == active)
		return;
	l->active = active;
	db_run(s->db, "UPDATE list SET active = ?3 WHERE account = ?1 AND list_id = ?2", "tsi",
	       s->name, str_slice(&l->id), (int64_t)active);
}

/* Not there, or there under another name: what its own name leads to is asked for at the next poll. */
static void doubt(struct source *s, struct hub_list *l)
{
	/* HubSpot's two answers of one poll differ: neither is sure. */
	if (l->confirmed) {
		l->assumed = true;
		return;
	}
	l->doubted = true;
	s->linked = false;
}

static void not_shown(struct source *s, struct hub_list *l)
{
	list_not_there(s, l, "the list is gone: the rules that name it stay quiet");
	if (l->by_name)
		doubt(s, l);
	else
		l->missing = true;
}

static bool has_stored_name(struct source *s, const struct hub_list *l, struct slice name)
{
	return db_exists(s->db,
			 "SELECT 1 FROM list WHERE account = ?1 AND target = ?2 AND by_name = ?3"
			 " AND name = ?4",
			 "ttis", s->name, l->target, (int64_t)l->by_name, name);
}

/* The list as the probe shows it: whether it still is the one that the rules name. */
static void judge_name(struct source *s, struct hub_list *l, const struct json *list,
		       int64_t began_ms)
{
	struct slice name = json_get_slice(list, "name");

	if (name.len && !has_stored_name(s, l, name)) {
		if (l->by_name)
			doubt(s, l);
		else
			db_run(s->db,
			       "UPDATE list SET name = ?3 WHERE account = ?1 AND target = ?2 AND by_name = 0",
			       "tts", s->name, l->target, name);
		return;
	}
	/* It leads there again: who joined meanwhile was seen for others. */
	if (l->doubted || l->assumed) {
		s->linked = false;
		list_comes_back(s, l, str_slice(&l->id));
	}
	l->assumed = l->doubted = false;
	l->seen_ms = began_ms;
}

/* What the probe says of one list that was asked for. */
static void judge_probe(struct source *s, struct hub_list *l, const struct reply *answer)
{
	const struct json *list = find_list(answer->json, l);

	l->scan_due = false;
	l->scan = 0;
	if (!list) {
		not_shown(s, l);
	} else {
		judge_name(s, l, list, answer->began_ms);
		l->missing = false;
	}
	l->confirmed = false;
	if (!list || !list_leads(l))
		return;
	if (l->told)
		log_line(s->world->log, LOG_INFO, "the list is there again", "account", s->name,
			 "list", l->target, NULL);
	l->told = false;
	take_probe(l, list);
	note_kind(s, l, list);
	bool first = is_building(l);
	for (size_t i = 0; i < l->n_served; i++)
		if (l->served[i]->building)
			note_building(s, l, l->served[i], list);
	l->scan_due = is_started(l) && (first || scan_is_due(s, l)) && !is_waited_for(l);
}

/* One past the last list of the slice that is being probed. */
static size_t probe_end(const struct source *s)
{
	return s->lists - s->cursor < PROBE_MOST ? s->lists : s->cursor + PROBE_MOST;
}

static void probed(struct source *s, void *arg, const struct reply *answer)
{
	(void)arg;
	s->asking = false;
	if (!answer && !hub_passes_over(s))
		return;
	size_t end = probe_end(s);
	db_begin(s->db, "probe");
	for (size_t i = s->cursor; answer && i < end; i++)
		if (s->list[i].id.len)
			judge_probe(s, &s->list[i], answer);
	hub_commit(s);
	s->cursor = end;
}

static struct json *probe_body(const struct source *s)
{
	struct json *body = json_new_object(), *ids = json_new_array(), *extra = json_new_array();

	for (size_t i = s->cursor; i < probe_end(s); i++)
		if (s->list[i].id.len)
			json_add_text(ids, str_slice(&s->list[i].id));
	bool any = json_count(ids) > 0;
	json_set(body, "listIds", ids);
	json_add_text(extra, slice_of("hs_list_size"));
	json_add_text(extra, slice_of("hs_last_record_added_at"));
	json_set(body, "additionalProperties", extra);
	json_set_integer(body, "offset", 0);
	json_set_integer(body, "count", PROBE_MOST);
	if (any)
		return body;
	json_free(body);
	return NULL;
}

void probe_step(struct source *s)
{
	struct arena memory;

	if (s->cursor >= s->lists) {
		lists_link(s);
		phase_next(s, PHASE_SCAN);
		return;
	}
	struct json *body = probe_body(s);
	if (!body) {
		s->cursor = probe_end(s);
		return;
	}
	arena_init(&memory);
	list_ask(s, "POST", hub_url(s, AREA_LISTS, "/search", &memory), body, "lists", probed,
		 NULL);
	arena_release(&memory);
}

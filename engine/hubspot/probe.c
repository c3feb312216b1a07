/*
 * probe - which of the lists that rules watch may have changed: one request for all of them.
 */
#include <string.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"

#define PROBE_MOST 500 /* lists of one probe */
#define SCAN_EVERY_MS MS_HOUR

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

static bool long_ago(int64_t now, int64_t then, int64_t span)
{
	return now - then >= span || now < then; /* a clock that was set back counts as long ago */
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
		      long_ago(now, query_integer(q, 1), SCAN_EVERY_MS) ||
		      !long_ago(now, query_integer(q, 2), overlap);
		query_end(q);
	}
	return due || is_building(l);
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

/*
 * A list that was being built when its rule was activated: what it holds when it is complete is no news, so its
 * activation moves on until then: to the latest that the answer may be of. Rows may show up later than their own times, hence no snapshot.
 */
static void note_building(struct source *s, const struct hub_list *l, int64_t seen_ms)
{
	for (size_t i = 0; i < l->n_served; i++) {
		struct watch *w = l->served[i];
		if (!w->building || (w->building == 2 && !l->processing))
			continue;
		if (w->building == 2)
			log_line(s->world->log, LOG_INFO,
				 "list is still being built: its members will be the baseline",
				 "account", s->name, "list", l->target, NULL);
		/* Until there is an activation, none can be moved. */
		w->building = l->processing || w->start_ms == INT64_MAX;
		if (w->start_ms < seen_ms)
			w->start_ms = seen_ms;
		db_run(s->db,
		       "UPDATE watch SET building = ?2, start_ms = max(start_ms, ?3) WHERE id = ?1",
		       "iii", w->id, (int64_t)w->building, seen_ms);
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

/* What the probe says of one list that was asked for. */
static void judge_probe(struct source *s, struct hub_list *l, const struct reply *answer)
{
	const struct json *found = find_list(answer->json, l);

	if (!found) {
		if (!l->missing)
			list_problem(s, l, "the list is gone: the rules that name it stay quiet");
		l->missing = true;
		return;
	}
	l->missing = false;
	take_probe(l, found);
	note_kind(s, l, found);
	note_building(s, l, hub_latest_ms(s));
	l->scan_due = is_started(l) && scan_is_due(s, l) && !(l->processing && is_building(l));
	l->scan = 0;
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

/*
 * poll - the search walk: which contacts changed since the cursor.
 *
 * Pages are keyed, not counted: each asks for what changed at or after the last
 * rows of the page before. So contacts that change while we walk move to the
 * end and are met there, no page shifts, and no window grows past HubSpot's
 * 10,000. Where a whole page has one lastmodifieddate (an import), all that have
 * it are walked in order of id.
 *
 * The index lags, so each walk reaches back: on every poll a minute behind the
 * cursor; every few minutes the whole `overlap`, and once a day 24 h, behind where
 * the last such walk began. So what the index shows within that time is met by
 * one of them, whenever they are.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"
#include "engine/inbox.h"

#define PAGE 200 /* HubSpot's most */
/* Rows may be out of order (facts/hubspot.md 2.4): by fewer places than these. */
#define NEAR_ROWS 10
#define SHORT_OVERLAP_MS MS_MINUTE
#define WHOLE_OVERLAP_EVERY_MS (5 * MS_MINUTE)
#define SWEEP_MS MS_DAY

/* The earliest start of the account's watches of this kind; INT64_MAX where none is known. */
static int64_t earliest_of(const struct source *s, enum event_kind event)
{
	int64_t earliest = INT64_MAX;

	for (size_t i = 0; i < s->watches->count; i++) {
		const struct watch *w = &s->watches->watch[i];
		if (w->source == s->account && w->event == event && w->start_ms < earliest)
			earliest = w->start_ms;
	}
	return earliest;
}

/*
 * The earliest moment that any property watch of the account cares for; where there are only
 * lists, we walk for what waits for an address. That may come before a `since:` that is still to
 * come: since the load, at which it was asked for.
 */
static int64_t earliest_start(const struct source *s)
{
	int64_t earliest = earliest_of(s, EVENT_PROPERTY_CHANGED);
	int64_t load_ms = hub_now_ms(s) - (hub_mono_ms(s) - s->load_ms);

	if (earliest == INT64_MAX)
		earliest = earliest_of(s, EVENT_LIST_ADDED);
	return clock_earlier(earliest, load_ms);
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* From where on nothing can be new to a walk of this kind, as long as the index lags no more than it reaches back. */
static int64_t seen_to(const struct walk *w, int64_t cursor_ms, int64_t overlap_ms,
		       int64_t whole_ms, int64_t sweep_ms)
{
	if (w->sweep)
		return clock_earlier(cursor_ms, sweep_ms) - most(SWEEP_MS, overlap_ms);
	if (w->whole_overlap)
		return clock_earlier(cursor_ms, whole_ms ? whole_ms : cursor_ms) - overlap_ms;
	return cursor_ms - clock_earlier(overlap_ms, SHORT_OVERLAP_MS);
}

void walk_begin(struct source *s)
{
	struct walk *w = &s->walk;
	int64_t now = hub_now_ms(s), start = earliest_start(s);
	int64_t overlap = account_ms(s->config, "overlap"), from, reach = INT64_MAX;

	*w = (struct walk){ .began_ms = now, .blind = watches_wait(s->watches, s->account) };
	if (w->blind)
		start = now; /* this walk only learns the clock */
	from = start;
	w->whole_overlap = !s->walked;
	struct query *q = db_select(
		s->db,
		"SELECT cursor_ms, reach_ms, overlap_ms, sweep_ms FROM source WHERE account = ?1",
		"t", s->name);
	if (query_next(q)) {
		w->reach = !query_null(q, 1);
		reach = w->reach ? query_integer(q, 1) : reach;
		w->whole_overlap |= hub_long_ago(now, query_integer(q, 2), WHOLE_OVERLAP_EVERY_MS);
		w->sweep = hub_long_ago(now, query_integer(q, 3), SWEEP_MS);
		from = seen_to(w, query_integer(q, 0), overlap, query_integer(q, 2),
			       query_integer(q, 3));
		query_end(q);
	}
	w->from_ms = most(most(from, start - MS_SECOND), MS_SECOND);
	w->from_ms = clock_earlier(w->from_ms, reach);
}

static struct json *filter(const char *property, const char *operator, int64_t value)
{
	struct json *f = json_new_object();
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	json_set_text(f, "propertyName", property);
	json_set_text(f, "operator", operator);
	json_set_text(f, "value", text);
	return f;
}

static struct json *search_body(const struct walk *w)
{
	struct json *body = json_new_object(), *groups = json_new_array(),
		    *group = json_new_object();
	struct json *filters = json_new_array(), *sorts = json_new_array(),
		    *sort = json_new_object();
	struct json *properties = json_new_array();

	json_add(filters, filter("lastmodifieddate", "GTE", w->from_ms));
	if (w->by_id) {
		json_add(filters, filter("lastmodifieddate", "LTE", w->from_ms));
		json_add(filters, filter("hs_object_id", "GT", w->after_id));
	}
	json_set(group, "filters", filters);
	json_add(groups, group);
	json_set(body, "filterGroups", groups);
	json_set_text(sort, "propertyName", w->by_id ? "hs_object_id" : "lastmodifieddate");
	json_set_text(sort, "direction", "ASCENDING");
	json_add(sorts, sort);
	json_set(body, "sorts", sorts);
	json_add_text(properties, slice_of("lastmodifieddate"));
	json_set(body, "properties", properties);
	json_set_integer(body, "limit", PAGE);
	return body;
}

/* When the row's contact was last changed, 0 where it does not say. */
static int64_t row_modified(const struct json *row)
{
	int64_t ms;

	if (clock_parse_stamp(json_slice(json_path(row, "properties.lastmodifieddate")), &ms))
		return ms;
	return clock_parse_datetime(json_get_slice(row, "updatedAt"), &ms) ? ms : 0;
}

/* Read already, at this change or a later one, for the watches of today. */
static bool was_read(struct source *s, struct slice id, int64_t modified_ms)
{
	return db_exists(
		s->db,
		"SELECT 1 FROM contact WHERE account = ?1 AND contact = ?2 AND modified_ms >= ?3"
		" AND watches = ?4",
		"tsit", s->name, id, modified_ms, s->watches->tag);
}

static void store_page(struct source *s, const struct json *rows, int64_t *last_id)
{
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_at(rows, i);
		char room[24];
		struct slice id = hub_id_of(row, "id", room);
		int64_t modified = row_modified(row);
		if (!id.len)
			continue;
		*last_id = most(*last_id, json_int(json_get(row, "id"), *last_id));
		/*
		 * Rows from before the window come now and then (facts/hubspot.md 2.4): they
		 * are news all the same.
		 */
		if (!modified || !was_read(s, id, modified))
			inbox_add(s->db, s->name, id, modified,
				  (struct came){ CAME_POLL, hub_wall_ms(s) });
	}
}

/*
 * Where the walk goes on: at the least time of the last rows, as the very last may show a newer change than its
 * place, and its neighbour come on the next page. Where one is of the time at which we are, more of them may follow.
 */
static int64_t reached_ms(const struct json *rows, int64_t from_ms)
{
	size_t n = json_count(rows);
	int64_t reached = INT64_MAX;

	for (size_t i = n > NEAR_ROWS ? n - NEAR_ROWS : 0; i < n; i++) {
		int64_t modified = row_modified(json_at(rows, i));
		if (modified >= from_ms)
			reached = clock_earlier(reached, modified);
	}
	return reached == INT64_MAX ? from_ms : reached;
}

static void move_cursor(struct source *s, int64_t cursor_ms)
{
	db_run(s->db,
	       "INSERT INTO source (account, cursor_ms, overlap_ms, sweep_ms) VALUES (?1, ?2, 0, ?3)"
	       " ON CONFLICT (account) DO UPDATE SET cursor_ms = max(cursor_ms, excluded.cursor_ms)",
	       "tii", s->name, cursor_ms, s->walk.began_ms);
}

static void note_coverage(struct source *s, const struct walk *w)
{
	if (w->whole_overlap || w->sweep)
		db_run(s->db, "UPDATE source SET overlap_ms = ?2 WHERE account = ?1", "ti", s->name,
		       w->began_ms);
	if (w->sweep)
		db_run(s->db, "UPDATE source SET sweep_ms = ?2 WHERE account = ?1", "ti", s->name,
		       w->began_ms);
	if (w->reach)
		db_run(s->db, "UPDATE source SET reach_ms = NULL WHERE account = ?1", "t", s->name);
}

/* Where the walk goes on after a page with more behind it. */
static void next_page(struct walk *w, int64_t reached, int64_t last_id)
{
	if (w->by_id) {
		w->after_id = last_id;
	} else if (reached > w->from_ms) {
		w->from_ms = reached;
	} else {
		w->by_id = true;
		w->after_id = 0;
	}
}

static void end_walk(struct source *s)
{
	struct walk *w = &s->walk;

	db_begin(s->db, "poll-end");
	move_cursor(s, w->began_ms);
	note_coverage(s, w);
	hub_commit(s);
	s->walked = true;
	push_walked(s);
	phase_next(s, PHASE_PROBE);
}

/* The search fails while other requests may be answered: lists do not wait for it. */
static void leave_walk(struct source *s)
{
	s->walk.left = true;
	log_line(s->world->log, LOG_ERROR, "changes cannot be searched for now: again soon",
		 "account", s->name, NULL);
	phase_next(s, PHASE_PROBE);
}

static void page_done(struct source *s, void *arg, const struct reply *answer)
{
	struct walk *w = &s->walk;
	int64_t last_id = w->after_id;

	(void)arg;
	s->asking = false;
	if (!answer) {
		if (hub_passes_over(s))
			leave_walk(s);
		return;
	}
	if (w->blind)
		return;
	const struct json *rows = json_get(answer->json, "results");
	int64_t reached = reached_ms(rows, w->from_ms);
	bool more = json_path(answer->json, "paging.next.after") && json_count(rows) > 0;
	if (w->pages == 0)
		w->began_ms = answer->began_ms; /* by a clock that is known by now */
	db_begin(s->db, "poll-page");
	store_page(s, rows, &last_id);
	/* A sweep or a reach is behind the cursor and does not move it. */
	if (!w->by_id)
		move_cursor(s, clock_earlier(reached, w->began_ms));
	hub_commit(s);
	w->pages++;
	if (more && w->by_id && last_id == w->after_id)
		more = false; /* no progress: a page that repeats itself is the last */
	if (more) {
		next_page(w, reached, last_id);
	} else if (w->by_id) {
		w->by_id = false;
		w->from_ms++;
	} else {
		end_walk(s);
	}
}

void walk_step(struct source *s)
{
	struct arena memory;

	if (call_ready_ms(s, BUDGET_SEARCH) > hub_mono_ms(s))
		return;
	/* By now the activations are known: what happened since, however long that is, is walked. */
	if (s->walk.blind)
		walk_begin(s);
	arena_init(&memory);
	struct call_spec spec = {
		.budget = BUDGET_SEARCH,
		.method = "POST",
		.body = search_body(&s->walk),
		.of_poll = true,
		.done = page_done,
		.member = "results",
		.url = hub_url(s, AREA_CONTACTS, "/search", &memory),
	};
	s->asking = true;
	call_start(s, &spec);
	arena_release(&memory);
}

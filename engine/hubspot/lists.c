/*
 * lists - who joined the lists that rules name.
 *
 * Resolving finds a list by id or name, once a load. One probe for all lists
 * tells which may have changed; those are scanned page by page, in whatever
 * order HubSpot gives, and compared with the members that the store knows. A
 * watermark of time would not do: a row may show up later than its timestamp
 * (facts/hubspot.md 4). A scan is kept up until `overlap` has passed without
 * news, and made at least hourly.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"
#include "engine/inbox.h"

#define MEMBERS_PAGE 250 /* HubSpot's most */
#define PROBE_MOST 500	 /* lists of one probe */
#define SCAN_EVERY_MS MS_HOUR

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

static void list_problem(const struct source *s, const struct hub_list *l, const char *fact)
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

/* Begins a GET or POST of the poll whose answer goes to `done`. */
static void ask(struct source *s, const char *method, char *url, struct json *body,
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
	ask(s, "GET", list_url(s, l->target, l->by_name, &memory), NULL, "list", resolved, l);
	arena_release(&memory);
}

/* ---- probe -------------------------------------------------------------- */

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
	ask(s, "POST", hub_url(s, AREA_LISTS, "/search", &memory), body, "lists", probed, NULL);
	arena_release(&memory);
}

/* ---- scan --------------------------------------------------------------- */

/* A member as a page shows it. */
struct member {
	struct slice contact;
	int64_t joined_ms;
};

static void add_join(struct source *s, const struct watch *w, const struct member *m)
{
	char came[CAME_TEXT];
	struct pending join = { .watch = w->id,
				.at_ms = m->joined_ms,
				.due_ms = m->joined_ms + w->settle_ms,
				.from_known = true,
				.came = came_text(CAME_LIST, hub_wall_ms(s), came) };

	if (db_exists(s->db,
		      "SELECT 1 FROM decided WHERE watch = ?1 AND contact = ?2 AND at_ms >= ?3",
		      "isi", w->id, m->contact, m->joined_ms))
		return;
	inbox_wait(s->db, s->name, m->contact, &join);
}

/* Notes the member; true where it was not known, or had joined before and joins again. */
static bool store_member(struct source *s, const struct hub_list *l, const struct member *m)
{
	bool known = false;
	struct query *q = db_select(
		s->db,
		"SELECT joined_ms FROM membership WHERE account = ?1 AND list_id = ?2"
		" AND contact = ?3",
		"tss", s->name, str_slice(&l->id), m->contact);

	if (query_next(q)) {
		known = query_integer(q, 0) >= m->joined_ms;
		query_end(q);
	}
	db_run(s->db,
	       "INSERT INTO membership (account, list_id, contact, joined_ms, scan) VALUES (?1, ?2, ?3, ?4, ?5)"
	       " ON CONFLICT (account, list_id, contact) DO UPDATE SET"
	       " joined_ms = max(joined_ms, excluded.joined_ms), scan = excluded.scan, gone_ms = NULL",
	       "tssii", s->name, str_slice(&l->id), m->contact, m->joined_ms, l->scan);
	return !known;
}

static void take_member(struct source *s, struct hub_list *l, const struct member *m)
{
	bool fresh = store_member(s, l, m);

	l->found += fresh;
	for (size_t i = 0; i < l->n_served; i++) {
		const struct watch *w = l->served[i];
		if (m->joined_ms <= w->start_ms)
			continue;
		if (fresh || w->building)
			add_join(s, w, m);
	}
}

static void store_members(struct source *s, struct hub_list *l, const struct json *rows)
{
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_at(rows, i);
		char room[24];
		struct member m = { hub_id_of(row, "recordId", room), 0 };
		if (m.contact.len &&
		    clock_parse_datetime(json_get_slice(row, "membershipTimestamp"), &m.joined_ms))
			take_member(s, l, &m);
	}
}

/* The scan is complete: who was not shown has left, and what the probe said is dealt with. */
static void end_scan(struct source *s, struct hub_list *l)
{
	int64_t now = hub_wall_ms(s);

	db_run(s->db,
	       "UPDATE membership SET gone_ms = ?4 WHERE account = ?1 AND list_id = ?2 AND scan < ?3"
	       " AND gone_ms IS NULL",
	       "tsii", s->name, str_slice(&l->id), l->scan, hub_now_ms(s));
	db_run(s->db,
	       "UPDATE list SET scan = ?3, scanned_ms = ?4,"
	       " news_ms = CASE WHEN probe <> ?5 OR ?6 > 0 THEN ?7 ELSE news_ms END, probe = ?5"
	       " WHERE account = ?1 AND list_id = ?2",
	       "tsiisii", s->name, str_slice(&l->id), l->scan, l->scan_began_ms,
	       str_slice(&l->probe), l->found, now);
	for (size_t i = 0; i < l->n_served; i++) {
		struct watch *w = l->served[i];
		if (!w->building)
			continue;
		w->building = 0;
		db_run(s->db, "UPDATE watch SET building = 0 WHERE id = ?1", "i", w->id);
	}
	for (size_t i = 0; i < s->lists; i++)
		if (slice_eq(str_slice(&s->list[i].id), str_slice(&l->id)))
			s->list[i].scan_due = false;
	l->scan = 0;
}

/* The scan of this list ends for this poll; the next begins at the first page. */
static void drop_scan(struct source *s, struct hub_list *l, const char *fact)
{
	l->scan_due = false;
	l->scan = 0;
	list_problem(s, l, fact);
}

static void page_done(struct source *s, void *arg, const struct reply *answer)
{
	struct hub_list *l = arg;

	s->asking = false;
	if (!answer) {
		if (hub_passes_over(s))
			drop_scan(s, l, "the list cannot be scanned now: again at the next poll");
		return;
	}
	if (answer->status != 200) {
		drop_scan(s, l,
			  "HubSpot refuses to show the list's members: again at the next poll");
		return;
	}
	struct slice after = json_slice(json_path(answer->json, "paging.next.after"));
	bool more = after.len && json_count(json_get(answer->json, "results")) &&
		    !slice_eq(after, str_slice(&l->after));
	db_begin(s->db, "scan-page");
	store_members(s, l, json_get(answer->json, "results"));
	str_clear(&l->after);
	if (more)
		str_add_slice(&l->after, after);
	else
		end_scan(s, l);
	hub_commit(s);
}

static void scan_begin(struct source *s, struct hub_list *l)
{
	l->scan = 1 + db_integer(s->db, 0,
				 "SELECT max(scan) FROM list WHERE account = ?1 AND list_id = ?2",
				 "ts", s->name, str_slice(&l->id));
	l->scan_began_ms = hub_wall_ms(s);
	l->found = 0;
	str_clear(&l->after);
}

void scan_step(struct source *s)
{
	struct arena memory;
	size_t i = 0;

	while (i < s->lists && !s->list[i].scan_due)
		i++;
	if (i == s->lists) {
		phase_next(s, PHASE_IDLE);
		return;
	}
	struct hub_list *l = &s->list[i];
	if (!l->scan)
		scan_begin(s, l);
	struct str rest;
	str_init(&rest, LIMIT_URL_BYTES);
	str_addf(&rest, "/%s/memberships/join-order?limit=%d", str_text(&l->id), MEMBERS_PAGE);
	if (l->after.len) {
		str_add_text(&rest, "&after=");
		str_add_url(&rest, str_slice(&l->after));
	}
	arena_init(&memory);
	ask(s, "GET", hub_url(s, AREA_LISTS, str_text(&rest), &memory), NULL, "results", page_done,
	    l);
	arena_release(&memory);
	str_release(&rest);
}

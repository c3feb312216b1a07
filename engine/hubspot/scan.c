/*
 * scan - who is in a list that may have changed, page by page.
 *
 * In whatever order HubSpot gives them, and compared with the members that the
 * store knows. A watermark of time would not do: a row may show up later than
 * its timestamp (facts/hubspot.md 4). A scan is kept up until `overlap` has
 * passed without news, and made at least hourly: probe.c.
 */
#include <stdio.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"
#include "engine/inbox.h"

#define MEMBERS_PAGE 250 /* HubSpot's most */

/* A member as a page shows it. */
struct member {
	struct slice contact;
	int64_t joined_ms;
};

/* When the scan before this one began, by HubSpot's clock; 0: there was none. */
static int64_t scanned_before_ms(struct source *s, const struct hub_list *l)
{
	int64_t began_ms = db_integer(
		s->db, 0, "SELECT max(scanned_ms) FROM list WHERE account = ?1 AND list_id = ?2",
		"ts", s->name, str_slice(&l->id));

	return began_ms ? began_ms + hub_now_ms(s) - hub_wall_ms(s) : 0;
}

static void add_join(struct source *s, const struct hub_list *l, const struct watch *w,
		     const struct member *m)
{
	char came[CAME_TEXT];
	struct pending join = { .watch = w->id,
				.at_ms = m->joined_ms,
				.due_ms = m->joined_ms + w->settle_ms,
				.from_known = true,
				.from = str_slice(&l->id),
				.scan = l->scan,
				.first_ms = scanned_before_ms(s, l),
				.came = came_text(CAME_LIST, hub_wall_ms(s), came) };

	if (db_exists(s->db,
		      "SELECT 1 FROM decided WHERE watch = ?1 AND contact = ?2 AND at_ms >= ?3",
		      "isi", w->id, m->contact, m->joined_ms))
		return;
	inbox_wait(s->db, s->name, m->contact, &join);
}

void list_take_known(struct source *s, const struct watch *w, struct slice list_id)
{
	char came[CAME_TEXT];

	db_run(s->db,
	       "INSERT INTO pending (watch, account, contact, at_ms, due_ms, from_value, to_value, came, scan)"
	       " SELECT ?1, account, contact, joined_ms, joined_ms + ?4, list_id, '', ?5, scan FROM membership m"
	       " WHERE account = ?2 AND list_id = ?3 AND joined_ms > ?6"
	       " AND NOT EXISTS (SELECT 1 FROM decided WHERE watch = ?1 AND at_ms >= m.joined_ms AND contact IN"
	       " (m.contact, (SELECT contact FROM alias WHERE account = m.account AND old = m.contact)))"
	       " ON CONFLICT (watch, contact, at_ms, to_value) DO NOTHING",
	       "itsiti", w->id, s->name, list_id, w->settle_ms,
	       came_text(CAME_LIST, hub_wall_ms(s), came), w->start_ms);
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
	       " ON CONFLICT (account, list_id, contact) DO UPDATE SET left_scan = CASE"
	       " WHEN membership.joined_ms < excluded.joined_ms THEN membership.scan ELSE left_scan END,"
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
		/* What it holds while it is being built is the baseline, and taken once it is complete. */
		if (m->joined_ms <= w->start_ms || w->building)
			continue;
		if (fresh)
			add_join(s, l, w, m);
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
	for (size_t i = 0; i < s->lists; i++) {
		struct hub_list *same = &s->list[i];
		if (!list_leads(same) || !slice_eq(str_slice(&same->id), str_slice(&l->id)))
			continue;
		db_run(s->db,
		       "UPDATE list SET scan = ?4, scanned_ms = ?5,"
		       " news_ms = CASE WHEN probe <> ?6 OR ?7 > 0 THEN ?8 ELSE news_ms END, probe = ?6"
		       " WHERE account = ?1 AND target = ?2 AND by_name = ?3",
		       "ttiiisii", s->name, same->target, (int64_t)same->by_name, l->scan,
		       l->scan_began_ms, str_slice(&l->probe), l->found, now);
		same->scan_due = false;
	}
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
	/* A number that no row has: one that did not come to its end is in the rows that it saw. */
	l->scan = 1 +
		  db_integer(s->db, 0,
			     "SELECT max(scan) FROM ("
			     "SELECT scan FROM list WHERE account = ?1 AND list_id = ?2 UNION ALL "
			     "SELECT scan FROM membership WHERE account = ?1 AND list_id = ?2)",
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
	list_ask(s, "GET", hub_url(s, AREA_LISTS, str_text(&rest), &memory), NULL, "results",
		 page_done, l);
	arena_release(&memory);
	str_release(&rest);
}

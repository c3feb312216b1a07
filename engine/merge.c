#include "engine/merge.h"

#include <stdlib.h>
#include <string.h>

/* Stamps of one merge lie within it. */
#define SAME_MOMENT_MS (60 * 1000)
/* … but those of a list that the source computes: minutes of delay are possible (facts/hubspot.md 2.5 and 4). */
#define COMPUTED_ANEW_MS (60 * 60 * 1000)
/* The source tells its time in whole seconds, and an answer takes its own: our reading may be off by that. */
#define READING_MS (5 * 1000)

/* A join that both ids have at one time is that of the id that was shown first. */
static void take_over_pending(struct db *db, const char *account, const char *old, const char *id)
{
	db_run(db,
	       "DELETE FROM pending WHERE account = ?1 AND contact = ?3 AND EXISTS"
	       " (SELECT 1 FROM pending p WHERE p.watch = pending.watch AND p.contact = ?2"
	       " AND p.at_ms = pending.at_ms AND p.to_value = pending.to_value AND p.scan < pending.scan)",
	       "ttt", account, old, id);
	db_run(db,
	       "UPDATE pending SET contact = ?3, frozen = 2, promoted = 0"
	       " WHERE account = ?1 AND contact = ?2 AND NOT EXISTS"
	       " (SELECT 1 FROM pending p WHERE p.watch = pending.watch AND p.contact = ?3"
	       " AND p.at_ms = pending.at_ms AND p.to_value = pending.to_value)",
	       "ttt", account, old, id);
	db_run(db, "DELETE FROM pending WHERE account = ?1 AND contact = ?2", "tt", account, old);
}

static void take_over(struct db *db, const char *account, const char *old, const char *id)
{
	if (strcmp(old, id) == 0)
		return;
	db_run(db,
	       "INSERT INTO alias (account, old, contact) VALUES (?1, ?2, ?3)"
	       " ON CONFLICT (account, old) DO UPDATE SET contact = excluded.contact",
	       "ttt", account, old, id);
	db_run(db, "UPDATE alias SET contact = ?3 WHERE account = ?1 AND contact = ?2", "ttt",
	       account, old, id);
	take_over_pending(db, account, old, id);
	db_run(db, "DELETE FROM news WHERE account = ?1 AND contact = ?2", "tt", account, old);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The absorbed ids as one text that is the same in whichever order they came. */
static const char *join_ids(const struct contact *c, struct arena *memory)
{
	const char **sorted = arena_alloc(memory, (c->n_merged + 1) * sizeof(*sorted));
	struct str ids;

	for (size_t i = 0; i < c->n_merged; i++)
		sorted[i] = c->merged[i];
	qsort(sorted, c->n_merged, sizeof(*sorted), by_text);
	str_init(&ids, LIMIT_VALUE_BYTES);
	for (size_t i = 0; i < c->n_merged; i++)
		str_addf(&ids, "%s%s", i ? ";" : "", sorted[i]);
	const char *text = arena_text(memory, str_slice(&ids));
	str_release(&ids);
	return text;
}

/* The oldest change that the histories show; INT64_MAX where they show none. */
static int64_t oldest_entry(const struct contact *c, size_t properties)
{
	int64_t oldest = INT64_MAX;

	for (size_t i = 0; i < properties; i++)
		if (c->property[i].entries && c->property[i].entry[0].at_ms < oldest)
			oldest = c->property[i].entry[0].at_ms;
	return oldest;
}

/*
 * Whether changes of the contact were decided, or still wait, that are later than a time: it lived then, and was read.
 * (A list shows joins of contacts that nobody has read.)
 */
static bool lived_after(struct db *db, const char *account, const char *contact, int64_t after_ms)
{
	return db_exists(
		db,
		"SELECT 1 FROM decided d JOIN watch w ON w.id = d.watch WHERE w.account = ?1"
		" AND d.contact = ?2 AND d.at_ms > ?3"
		" UNION ALL SELECT 1 FROM issuance WHERE source_account = ?1 AND contact = ?2"
		" AND at_ms > ?3"
		" UNION ALL SELECT 1 FROM pending p JOIN watch w ON w.id = p.watch WHERE p.account = ?1"
		" AND p.contact = ?2 AND w.event = 'property-changed' AND p.at_ms > ?3",
		"tti", account, contact, after_ms);
}

/*
 * The newest entry that is later than the contact's creation, and of a property that shows another value: only a merge
 * sets one without an entry, and so it was later still. 0: there is none.
 */
static int64_t merged_after(const struct contact *c, size_t properties)
{
	int64_t after_ms = 0;

	for (size_t i = 0; i < properties; i++) {
		const struct contact_property *p = &c->property[i];
		const struct entry *newest = contact_newest(p);
		if (p->read && newest && newest->at_ms > c->created_ms &&
		    !slice_eq(newest->value, p->current) && newest->at_ms > after_ms)
			after_ms = newest->at_ms;
	}
	return after_ms;
}

/* Whether that is too late for a merge that made the record. */
static bool outlived_creation(const struct contact *c, int64_t after_ms)
{
	return after_ms > c->created_ms + SAME_MOMENT_MS;
}

/* Whether it is surely a record that a merge kept: one that it absorbed, or its own value, was there after its creation. */
static bool was_kept(struct db *db, const char *account, const struct contact *c, size_t properties)
{
	if (outlived_creation(c, merged_after(c, properties)))
		return true;
	for (size_t i = 0; i < c->n_merged; i++)
		if (lived_after(db, account, c->merged[i], c->created_ms + SAME_MOMENT_MS))
			return true;
	return false;
}

/* Whether the contact's last change is that of a property, which still shows it: a merge was earlier. */
static bool is_last_write(const struct contact *c, size_t properties)
{
	for (size_t i = 0; i < properties; i++) {
		const struct contact_property *p = &c->property[i];
		const struct entry *newest = contact_newest(p);
		if (newest && newest->at_ms == c->modified_ms && !newest->merge &&
		    slice_eq(newest->value, p->current))
			return true;
	}
	return false;
}

/* What is known of a contact from before it absorbed those that it says now. */
struct before {
	bool read; /* it was there, without them */
	bool kept; /* as was_kept */
	int64_t merged_ms;
};

static int64_t latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/*
 * When the last merge was. The newer kind makes a new record: its creation is
 * the merge, and its histories are older than itself. The older kind keeps a
 * record that we may have read before: a MERGE entry that is news tells when,
 * else its last change is the nearest bound known. MERGE entries may also be
 * those of an earlier merge, which came along with the histories.
 */
static int64_t merge_time(const struct contact *c, size_t properties, const struct before *before)
{
	bool older = oldest_entry(c, properties) < c->created_ms - SAME_MOMENT_MS;
	bool new_record = !before->kept && (!before->read || older);
	int64_t after_ms = merged_after(c, properties);

	if (new_record)
		return latest(c->created_ms, latest(c->merge_entry_ms, after_ms));
	if (c->merge_entry_ms > before->merged_ms)
		return c->merge_entry_ms;
	return latest(c->modified_ms - is_last_write(c, properties), after_ms);
}

/* What was pending of the survivor itself is decided as it was known, too. */
static void freeze_pending(struct db *db, const char *account, const char *id, int64_t merged_ms)
{
	db_run(db,
	       "UPDATE pending SET frozen = max(frozen, 1) WHERE account = ?1 AND contact = ?2 AND at_ms <= ?3",
	       "tti", account, id, merged_ms);
}

/*
 * A record that nobody had read was taken for one that the merge made, since no property that was watched then told
 * otherwise; one that is watched by now does.
 */
static int64_t tell_later(struct db *db, const char *account, const struct contact *c,
			  size_t properties, int64_t merged_ms)
{
	int64_t after_ms = merged_after(c, properties);

	if (merged_ms != c->created_ms || !outlived_creation(c, after_ms) ||
	    oldest_entry(c, properties) < c->created_ms - SAME_MOMENT_MS)
		return merged_ms;
	freeze_pending(db, account, c->id, after_ms);
	db_run(db, "UPDATE contact SET merged_ms = ?3 WHERE account = ?1 AND contact = ?2", "tti",
	       account, c->id, after_ms);
	return after_ms;
}

int64_t merge_note(struct db *db, const char *account, const struct contact *c, size_t properties,
		   struct arena *memory)
{
	const char *ids = join_ids(c, memory);
	struct before before = { 0 };
	bool same = false;
	struct query *q = db_select(
		db, "SELECT merged, merged_ms FROM contact WHERE account = ?1 AND contact = ?2",
		"tt", account, c->id);

	if (query_next(q)) {
		before.read = true;
		same = slice_is(query_slice(q, 0), ids);
		before.merged_ms = query_integer(q, 1);
		query_end(q);
	}
	/* A look that does not say whom the contact absorbed takes nothing back. */
	bool news = !same && c->n_merged > 0;
	if (news) { /* told by what is on record under each id: before that is one */
		/* What was read is forgotten after a while, what was decided never. */
		before.read = before.read || lived_after(db, account, c->id, INT64_MIN);
		before.kept = was_kept(db, account, c, properties);
	}
	if (strcmp(c->asked, c->id) != 0)
		take_over(db, account, c->asked, c->id);
	if (!news)
		return tell_later(db, account, c, properties, before.merged_ms);
	for (size_t i = 0; i < c->n_merged; i++)
		take_over(db, account, c->merged[i], c->id);
	int64_t merged_ms = merge_time(c, properties, &before);
	freeze_pending(db, account, c->id, merged_ms);
	db_run(db,
	       "INSERT INTO contact (account, contact, modified_ms, watches, merged, merged_ms)"
	       " VALUES (?1, ?2, 0, '', ?3, ?4)"
	       " ON CONFLICT (account, contact) DO UPDATE SET merged = excluded.merged,"
	       " merged_ms = excluded.merged_ms",
	       "ttti", account, c->id, ids, merged_ms);
	return merged_ms;
}

bool merge_was_seen(struct db *db, const char *account, const char *contact, const char *property,
		    int64_t at_ms)
{
	return db_exists(
		db,
		"WITH who (id) AS (SELECT ?2 UNION ALL SELECT old FROM alias WHERE account = ?1 AND contact = ?2)"
		" SELECT 1 FROM issuance WHERE source_account = ?1 AND contact IN (SELECT id FROM who)"
		" AND event = 'property-changed' AND target = ?3 AND at_ms = ?4"
		" UNION ALL SELECT 1 FROM decision WHERE account = ?1 AND contact IN (SELECT id FROM who)"
		" AND event = 'property-changed' AND target = ?3 AND at_ms = ?4 AND who IS NULL"
		" UNION ALL SELECT 1 FROM pending p JOIN watch w ON w.id = p.watch WHERE p.account = ?1"
		" AND p.contact IN (SELECT id FROM who) AND w.event = 'property-changed' AND w.target = ?3"
		" AND p.at_ms = ?4",
		"ttti", account, contact, property, at_ms);
}

/* How much later than a merge its rows of the list may be stamped. */
static int64_t rows_until_ms(struct db *db, const char *account, const char *list_id)
{
	bool active = db_exists(
		db, "SELECT 1 FROM list WHERE account = ?1 AND list_id = ?2 AND active <> 0", "tt",
		account, list_id);

	return active ? COMPUTED_ANEW_MS : SAME_MOMENT_MS;
}

/*
 * What tells is the order of scans, not of clocks: what a merge brings shows first where the other is shown no more. A
 * record that the merge made has no other rows, even within one scan: page by page, the list changes under it.
 */
bool merge_carried_over(struct db *db, const char *account, const struct join *join)
{
	const struct contact *c = join->who;
	const struct pending *row = join->row;
	int64_t merged_ms = join->merged_ms, until_ms = rows_until_ms(db, account, join->list_id);
	/* A kept one has absorbed only the other. */
	bool new_record = c->n_merged > 1 && c->created_ms >= merged_ms - SAME_MOMENT_MS;
	/* Each merge brought two ids, or one. */
	int64_t earlier = (int64_t)(new_record ? (c->n_merged + 1) / 2 : c->n_merged) - 1;
	bool several = earlier > 0;

	/* A row that is stamped clearly after the merge is a join of its own, and so is one from before the only merge. */
	if (!merged_ms || row->at_ms > merged_ms + until_ms || (row->moved && !several))
		return false;
	int64_t member_ms = row->at_ms < merged_ms ? row->at_ms : merged_ms;
	/* It may be of earlier merges, of which no more is known, and whose own rows nobody saw, as long as nobody looked. */
	if (several && row->first_ms && row->first_ms < member_ms)
		member_ms = row->first_ms;
	if (several)
		member_ms -= earlier * COMPUTED_ANEW_MS;
	return db_exists(
		db,
		"WITH who (id) AS (SELECT ?2 UNION ALL SELECT old FROM alias WHERE account = ?1 AND contact = ?2)"
		" SELECT 1 FROM alias a CROSS JOIN membership m WHERE m.account = a.account"
		" AND m.contact = a.old AND a.account = ?1 AND a.contact = ?2 AND m.list_id = ?3"
		" AND (m.gone_ms IS NULL OR m.gone_ms >= ?4) AND m.scan < ?5 + ?6"
		/* … unless the contact has been a member since, and joined again. */
		" AND NOT EXISTS (SELECT 1 FROM membership r WHERE r.account = ?1 AND r.list_id = ?3"
		" AND r.contact IN (SELECT id FROM who) AND r.left_scan > m.scan AND r.left_scan < ?5)"
		/* … or was absorbed by a third one, which was still a member of its own when the row showed. */
		" AND NOT EXISTS (SELECT 1 FROM alias b JOIN contact h ON h.account = b.account AND h.contact = b.old"
		" JOIN membership r ON r.account = b.account AND r.contact = b.old WHERE b.account = ?1"
		" AND b.contact = ?2 AND instr(';' || h.merged || ';', ';' || m.contact || ';') > 0"
		" AND r.list_id = ?3 AND r.joined_ms < ?7 AND r.scan >= ?5)"
		/* … or it is the row of one that was read and had absorbed nobody: merges make new records here. */
		" AND NOT (?8 AND m.joined_ms <> ?7 AND EXISTS (SELECT 1 FROM alias b JOIN contact x"
		" ON x.account = b.account AND x.contact = b.old AND x.merged = '' JOIN membership r"
		" ON r.account = b.account AND r.contact = b.old WHERE b.account = ?1 AND b.contact = ?2"
		" AND r.list_id = ?3 AND r.joined_ms = ?7 AND r.scan >= ?5))",
		"tttiiiii", account, c->id, join->list_id, member_ms - READING_MS, row->scan,
		(int64_t)(new_record && !row->moved), row->at_ms,
		(int64_t)(new_record && row->moved));
}

bool merge_may_have_stamped(struct db *db, const char *account, const char *contact,
			    const char *list_id, int64_t at_ms)
{
	return db_exists(
		db,
		"SELECT 1 FROM contact WHERE account = ?1 AND contact = ?2 AND merged_ms > 0"
		" AND ?3 BETWEEN merged_ms - ?4 AND merged_ms + ?5",
		"ttiii", account, contact, at_ms, (int64_t)SAME_MOMENT_MS,
		rows_until_ms(db, account, list_id));
}

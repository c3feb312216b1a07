#include "engine/decided.h"

void decided_note(struct db *db, int64_t watch, const char *contact, int64_t at_ms,
		  struct slice value)
{
	db_run(db,
	       "INSERT INTO decided (watch, contact, at_ms, value) VALUES (?1, ?2, ?3, ?4)"
	       " ON CONFLICT (watch, contact) DO UPDATE SET at_ms = excluded.at_ms, value = excluded.value"
	       " WHERE excluded.at_ms >= decided.at_ms",
	       "itis", watch, contact, at_ms, value);
}

/* A merge took the history of what is frozen, so no look goes on with it. */
static void tell_waiting(int64_t watch, const struct pending *pending, size_t n_pending,
			 struct arena *memory, struct burst_input *in)
{
	struct burst_waiting *waiting = arena_alloc(memory, (n_pending + 1) * sizeof(*waiting));

	for (size_t i = 0; i < n_pending; i++) {
		const struct pending *p = &pending[i];
		if (p->watch == watch && !p->frozen)
			waiting[in->n_waiting++] = (struct burst_waiting){
				p->first_ms, p->at_ms, p->from, p->to, p->from_known
			};
	}
	in->waiting = waiting;
}

void decided_tell(struct db *db, int64_t watch, const char *contact, const struct pending *pending,
		  size_t n_pending, struct arena *memory, struct burst_input *in)
{
	struct query *q = db_select(
		db, "SELECT at_ms, value FROM decided WHERE watch = ?1 AND contact = ?2", "it",
		watch, contact);

	if (query_next(q)) {
		in->decided = true;
		in->decided_ms = query_integer(q, 0);
		in->decided_value = arena_slice(memory, query_slice(q, 1));
		query_end(q);
	}
	tell_waiting(watch, pending, n_pending, memory, in);
}

static bool shows_all(const struct watches *w, uint32_t source, const struct contact *c)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->watch[i].source == source && w->watch[i].event == EVENT_PROPERTY_CHANGED &&
		    c->property[w->watch[i].property].left_out)
			return false;
	return true;
}

/* Where a watched property is not shown, nothing counts as read: it may be restored. */
void decided_note_read(struct db *db, const struct watches *w, uint32_t source,
		       const struct contact *c, int64_t modified_ms)
{
	db_run(db,
	       "INSERT INTO contact (account, contact, modified_ms, watches) VALUES (?1, ?2, ?3, ?4)"
	       " ON CONFLICT (account, contact) DO UPDATE SET modified_ms = excluded.modified_ms,"
	       " watches = excluded.watches",
	       "ttit", w->table->account[source].name, c->id, modified_ms,
	       shows_all(w, source, c) ? w->tag : "");
}

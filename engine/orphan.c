#include "engine/orphan.h"

#include <string.h>

#include "base/clock.h"
#include "engine/ledger.h"
#include "engine/merge.h"

#define SKEW_MS MS_MINUTE /* the source's clock and the service's may differ so much */

/* A row that an issuance may take. */
struct orphan {
	const char *credential, *public_url;
	bool draft;
	bool same;	/* with all fields of the issuance */
	bool near;	/* with its address or its name */
	bool elsewhere; /* in another group: the rule may have named that one then */
	bool open;	/* suspect, and issued */
};

static const char *lowered(struct arena *memory, struct slice text)
{
	char *lower = arena_text(memory, text);

	for (char *c = lower; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	return lower;
}

void orphan_note(struct db *db, const char *account, const struct credential *c,
		 const struct orphan_sight *sight)
{
	struct arena memory;
	struct str fields;

	arena_init(&memory);
	str_init(&fields, LIMIT_FIELD_BYTES * 64);
	json_dump(c->fields, &fields);
	db_run(db,
	       "INSERT INTO orphan (account, credential, group_id, email, fields, public_url, draft,"
	       " created_ms, suspect, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
	       " ON CONFLICT (account, credential) DO UPDATE SET group_id = excluded.group_id,"
	       " email = excluded.email, fields = excluded.fields, draft = excluded.draft,"
	       " suspect = max(orphan.suspect, excluded.suspect), seen_ms = excluded.seen_ms",
	       "ttttttiiii", account, c->id, c->group,
	       lowered(&memory, json_get_slice(c->fields, "recipient.email")), str_text(&fields),
	       c->public_url, (int64_t)c->draft, c->created_ms, (int64_t)sight->suspect,
	       sight->seen_ms);
	str_release(&fields);
	arena_release(&memory);
}

void orphan_forget_others(struct db *db, const char *account, int64_t oldest_ms, int64_t seen_ms)
{
	db_run(db, "DELETE FROM orphan WHERE account = ?1 AND created_ms >= ?2 AND seen_ms <> ?3",
	       "tii", account, oldest_ms, seen_ms);
}

bool orphan_any(struct db *db, const char *account)
{
	return db_exists(db, "SELECT 1 FROM orphan WHERE account = ?1", "t", account);
}

/* ---- which one --------------------------------------------------------------- */

static bool is_custom(struct slice name)
{
	return slice_starts(name, slice_of("custom."));
}

/* Addresses without case, all else to the byte; whether a service keeps white space at the ends is not known. */
static bool same_value(struct slice name, struct slice a, struct slice b)
{
	a = slice_trim(a);
	b = slice_trim(b);
	return slice_is(name, "recipient.email") ? slice_eq_nocase(a, b) : slice_eq(a, b);
}

static struct slice value_of(const struct json *fields, struct slice name, struct arena *memory)
{
	return slice_trim(json_get_slice(fields, arena_text(memory, name)));
}

/* What the issuance sets is there, and no further custom field: what it leaves out is the service's. */
static bool same_fields(const struct json *there, const struct json *ours, struct arena *memory)
{
	const struct json *value;
	struct slice name;

	for (struct json_each e = json_each(ours); json_next(&e, &name, &value);)
		if (slice_trim(json_slice(value)).len &&
		    !same_value(name, value_of(there, name, memory), json_slice(value)))
			return false;
	for (struct json_each e = json_each(there); json_next(&e, &name, &value);)
		if (is_custom(name) && slice_trim(json_slice(value)).len &&
		    !value_of(ours, name, memory).len)
			return false;
	return true;
}

static bool same_field(const struct json *a, const struct json *b, const char *name)
{
	struct slice value = slice_trim(json_get_slice(a, name));

	return value.len && slice_eq_nocase(value, slice_trim(json_get_slice(b, name)));
}

static void load(struct query *q, const struct issuance *is, struct arena *memory,
		 struct orphan *out)
{
	struct err ignored;
	struct json *fields = json_parse(query_slice(q, 1), &ignored);
	bool draft = query_integer(q, 3) != 0, elsewhere = query_integer(q, 5) != 0;

	*out = (struct orphan){
		.credential = arena_text(memory, query_slice(q, 0)),
		.public_url = query_null(q, 2) ? NULL : arena_text(memory, query_slice(q, 2)),
		.draft = draft,
		.same = !elsewhere && same_fields(fields, is->fields, memory),
		.near = same_field(fields, is->fields, "recipient.email") ||
			same_field(fields, is->fields, "recipient.name"),
		.elsewhere = elsewhere,
		.open = !draft && query_integer(q, 4) != 0,
	};
	json_free(fields);
}

/* Whether a person has looked at this one already. */
static bool was_held(struct db *db, const struct issuance *is)
{
	return db_exists(db,
			 "SELECT 1 FROM trail WHERE issuance = ?1 AND state = 'held'"
			 " AND note LIKE 'restored: %'",
			 "i", is->id);
}

/* Whether it may be of one that was made long before its event: a join that a merge gave a new time. */
static bool may_be_older(struct db *db, const struct issuance *is)
{
	return is->event == EVENT_LIST_ADDED &&
	       merge_may_have_stamped(db, is->source_account, is->contact, is->target, is->at_ms);
}

/*
 * The oldest issued one with equal fields, else such a draft, else the one that may be it. A draft yields to one
 * that was issued to this address or name: `repeat:` lets one of two be issued. False: there is none.
 */
static bool find(struct db *db, const struct issuance *is, const struct orphan_look *look,
		 struct arena *memory, struct orphan *out)
{
	struct orphan one;
	bool found = false, alike = look->alike && is->do_issue && !was_held(db, is);
	struct query *q = db_select(
		db,
		"SELECT credential, fields, public_url, draft, suspect, group_id <> ?2 FROM orphan o"
		" WHERE account = ?1 AND ((group_id = ?2 AND email = ?3) OR (suspect <> 0"
		" AND (group_id = ?2 OR (draft = 0 AND ?6 <> 0))))"
		" AND (created_ms >= ?4 OR (suspect <> 0 AND ?7 <> 0)) AND (draft = 0 OR ?5 <> 0) AND NOT EXISTS (SELECT 1 FROM issuance i"
		" WHERE i.credential = o.credential)"
		" ORDER BY draft, created_ms, credential",
		"tttiiii", is->action_account, is->group,
		lowered(memory, json_get_slice(is->fields, "recipient.email")), is->at_ms - SKEW_MS,
		(int64_t)look->drafts, (int64_t)alike, (int64_t)may_be_older(db, is));

	while (query_next(q)) {
		load(q, is, memory, &one);
		if (one.same && !(one.draft && found && out->near)) {
			*out = one;
			query_end(q);
			return true;
		}
		bool may_be = alike && one.open && (one.near || !one.elsewhere);
		if (may_be && (!found || (one.near && !out->near))) {
			*out = one;
			found = true;
		}
	}
	return found;
}

/* ---- what becomes of the issuance ----------------------------------------------- */

static struct issuance with_credential(const struct issuance *is, const struct orphan *o)
{
	struct issuance after = *is;

	after.credential = o->credential;
	after.public_url = o->public_url;
	after.cursor = NULL;
	after.settles = after.failures = 0;
	after.unknown_ms = after.not_before_ms = 0;
	return after;
}

static bool is_parked(const struct issuance *is)
{
	return is->state == STATE_HELD || is->state == STATE_REFUSED;
}

static enum orphan_taken adopt(const struct issuance *is, const struct orphan *o,
			       struct issuance *after)
{
	*after = with_credential(is, o);
	if (o->draft && is_parked(is)) {
		after->held_from = STATE_DRAFT;
		return ORPHAN_ADOPTED;
	}
	after->state = o->draft ? STATE_DRAFT : is->do_send ? STATE_SEND_UNKNOWN : STATE_ISSUED;
	after->reason = o->draft      ? "its draft was found, and adopted"
			: is->do_send ? "it was found issued: it may have been mailed"
				      : "it was found issued, and adopted";
	return after->state == STATE_SEND_UNKNOWN ? ORPHAN_PARKED : ORPHAN_ADOPTED;
}

static void hold(const struct issuance *is, const struct orphan *o, struct arena *memory,
		 struct issuance *after)
{
	*after = *is;
	after->state = STATE_HELD;
	after->held_from = STATE_PLANNED;
	after->hold = HOLD_RESTORED;
	after->reason = arena_printf(
		memory, "restored: %s was issued to %s while the state was away", o->credential,
		o->elsewhere ? "this address or name in another group"
		: o->near    ? "this address or name with other fields"
			     : "somebody whom nothing here explains");
}

/*
 * What is held for a value has some of its fields only, and others may have the same. It is looked at
 * again when it goes on, and has them all.
 */
static bool has_its_fields(const struct issuance *is)
{
	return is->fields &&
	       !(is->state == STATE_HELD && (is->hold == HOLD_MISSING_EMAIL ||
					     is->hold == HOLD_REQUIRED || is->hold == HOLD_FIELD));
}

enum orphan_taken orphan_take(struct db *db, const struct issuance *is,
			      const struct orphan_look *look, struct arena *memory,
			      struct issuance *after)
{
	struct orphan o = { 0 };
	enum orphan_taken taken = ORPHAN_HELD;

	if (!has_its_fields(is) || !find(db, is, look, memory, &o))
		return ORPHAN_NONE;
	if (!o.same && is_parked(is))
		return ORPHAN_NONE; /* nothing leaves anyway; looked at again when it goes on */
	if (o.same)
		taken = adopt(is, &o, after);
	else
		hold(is, &o, memory, after);
	/* Where a person was faster, the row is not what it was. */
	if (!ledger_update(db, is, after, look->now_ms, after->reason))
		return ORPHAN_NONE;
	if (o.same)
		db_run(db, "DELETE FROM orphan WHERE account = ?1 AND credential = ?2", "tt",
		       is->action_account, o.credential);
	return taken;
}

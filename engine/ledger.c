#include "engine/ledger.h"

#include <string.h>

#include "engine/forgotten.h"

#define COUNT_MOST 1000000000
#define TIME_MOST_MS INT64_C(253402300799999) /* the end of the year 9999 */

const char *const issuance_state_names[STATE_COUNT] = {
	[STATE_PLANNED] = "planned", [STATE_CREATING] = "creating",
	[STATE_DRAFT] = "draft",     [STATE_ISSUING] = "issuing",
	[STATE_ISSUED] = "issued",   [STATE_SENDING] = "sending",
	[STATE_SENT] = "sent",	     [STATE_HELD] = "held",
	[STATE_SHADOW] = "shadow",   [STATE_SKIPPED] = "skipped",
	[STATE_REFUSED] = "refused", [STATE_SEND_UNKNOWN] = "send-unknown",
	[STATE_DROPPED] = "dropped",
};

const char *const hold_names[HOLD_COUNT] = {
	[HOLD_BRAKE] = "brake",	      [HOLD_MISSING_EMAIL] = "missing-email",
	[HOLD_REQUIRED] = "required", [HOLD_FIELD] = "field",
	[HOLD_PLAN] = "plan",	      [HOLD_FILTER_LIMIT] = "filter-limit",
	[HOLD_GROUP] = "group",	      [HOLD_RESTORED] = "restored",
	[HOLD_ACCOUNT] = "account",
};

bool hold_of(struct slice name, enum hold *out)
{
	for (int i = HOLD_NONE + 1; i < HOLD_COUNT; i++) {
		if (slice_is(name, hold_names[i])) {
			*out = (enum hold)i;
			return true;
		}
	}
	return false;
}

bool issuance_state_of(struct slice name, enum issuance_state *out)
{
	for (int i = 0; i < STATE_COUNT; i++) {
		if (slice_is(name, issuance_state_names[i])) {
			*out = (enum issuance_state)i;
			return true;
		}
	}
	return false;
}

/* The contact under each id that it ever had, in a form that uses the index. */
#define OF_PERSON(account, contact)                                                                \
	" FROM (SELECT " contact                                                                   \
	" AS one UNION ALL SELECT old FROM alias WHERE account = " account                         \
	" AND contact = " contact ") person CROSS JOIN issuance ON contact = person.one"

/* Rows that may be of a value: `any_of_value` looks at them. */
#define OF_VALUE(value) "(to_value = " value " OR " FORGOTTEN_SQL("to_value") ")"

/* Whether a row's first column is this value, or what is left of it; NULL: whether there is one. */
static bool any_of_value(struct query *q, const struct slice *value)
{
	while (query_next(q)) {
		if (value && !forgotten_matches(query_slice(q, 0), *value))
			continue;
		query_end(q);
		return true;
	}
	return false;
}

bool ledger_has_event(struct db *db, const struct issuance *is)
{
	struct slice to = slice_of(is->to);
	struct query *q = db_select(
		db,
		"SELECT to_value" OF_PERSON(
			"?2", "?7") " WHERE rule = ?1 AND source_account = ?2 AND event = ?3"
				    " AND target = ?4 AND at_ms = ?5 AND " OF_VALUE("?6"),
		"ttttitt", is->rule, is->source_account, event_kind_names[is->event], is->target,
		is->at_ms, is->to, is->contact);

	return any_of_value(q, &to);
}

int64_t ledger_shadow(struct db *db, const struct issuance *is)
{
	return db_integer(
		db, 0,
		"SELECT id" OF_PERSON(
			"?2",
			"?7") " WHERE rule = ?1 AND source_account = ?2"
			      " AND event = ?3 AND target = ?4 AND at_ms = ?5 AND to_value = ?6"
			      " AND state = 'shadow'",
		"ttttitt", is->rule, is->source_account, event_kind_names[is->event], is->target,
		is->at_ms, is->to, is->contact);
}

bool ledger_in_shadow(struct db *db, int64_t id)
{
	return db_exists(db, "SELECT 1 FROM issuance WHERE id = ?1 AND " LEDGER_IN_SHADOW, "i", id);
}

int64_t ledger_backfilled(struct db *db, const char *rule, int64_t since_ms, int64_t after_id)
{
	return db_integer(
		db, 0,
		"SELECT count(*) FROM issuance i WHERE i.rule = ?1 AND i.id > ?3 AND i.updated_ms >= ?2"
		" AND EXISTS (SELECT 1 FROM trail t WHERE t.issuance = i.id AND t.at_ms >= ?2"
		" AND t.who IS NOT NULL AND t.note LIKE '" LEDGER_BACKFILL "%')",
		"tii", rule, since_ms, after_id);
}

int64_t ledger_newest(struct db *db)
{
	return db_integer(db, 0, "SELECT max(id) FROM issuance", "");
}

/* Whom the contact of ?3 was merged into, where it was. */
#define SURVIVOR "coalesce((SELECT contact FROM alias WHERE account = ?2 AND old = ?3), ?3)"

bool ledger_has_repeat(struct db *db, const struct issuance *is, const char *to)
{
	struct slice value = slice_of(to);
	struct query *q = db_select(
		db,
		"SELECT to_value" OF_PERSON(
			"?2", SURVIVOR) " WHERE rule = ?1 AND source_account = ?2"
					" AND (?4 IS NULL OR " OF_VALUE(
						"?4") ") AND id <> ?5 AND " LEDGER_GIVEN,
		"tttti", is->rule, is->source_account, is->contact, to, is->id);

	return any_of_value(q, to ? &value : NULL);
}

bool ledger_gave_before(struct db *db, const char *rule, const char *account, const char *contact,
			const struct slice *to, int64_t before_ms)
{
	struct query *q = db_select(
		db,
		"SELECT to_value" OF_PERSON(
			"?2", "?3") " WHERE rule = ?1 AND source_account = ?2 AND at_ms < ?4"
				    " AND (?5 = 0 OR " OF_VALUE("?6") ") AND " LEDGER_GIVEN,
		"tttiis", rule, account, contact, before_ms, (int64_t)(to != NULL),
		to ? *to : slice_of(""));

	return any_of_value(q, to);
}

size_t ledger_events(struct db *db, const char *rule, int64_t from_ms, int64_t to_ms, int64_t most,
		     int64_t **out)
{
	static const char forward[] =
		"SELECT at_ms FROM issuance WHERE rule = ?1 AND at_ms >= ?2 AND at_ms <= ?3 AND " LEDGER_COUNTS
		" ORDER BY at_ms LIMIT ?4";
	static const char backward[] =
		"SELECT at_ms FROM issuance WHERE rule = ?1 AND at_ms <= ?2 AND at_ms >= ?3 AND " LEDGER_COUNTS
		" ORDER BY at_ms DESC LIMIT ?4";
	size_t n = 0, cap = 0;
	struct query *q = db_select(db, from_ms <= to_ms ? forward : backward, "tiii", rule,
				    from_ms, to_ms, most);

	*out = NULL;
	while (query_next(q)) {
		*out = mem_grow(*out, &cap, n + 1, sizeof(**out));
		(*out)[n++] = query_integer(q, 0);
	}
	return n;
}

static void add_trail(struct db *db, int64_t id, int64_t now_ms, enum issuance_state state,
		      const char *note, const char *who)
{
	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state, note, who) VALUES (?1, ?2, ?3, ?4, ?5)",
	       "iittt", id, now_ms, issuance_state_names[state], note, who);
}

static const char *held_from(const struct issuance *is)
{
	return is->state == STATE_HELD || is->state == STATE_REFUSED
		       ? issuance_state_names[is->held_from]
		       : NULL;
}

static const char *hold_name(const struct issuance *is)
{
	return is->state == STATE_HELD ? hold_names[is->hold] : NULL;
}

/* The rendered fields as they are kept; NULL where never rendered. */
static const char *fields_text(const struct issuance *is, struct str *out)
{
	str_init(out, LIMIT_ANSWER_BYTES);
	if (!is->fields)
		return NULL;
	json_dump(is->fields, out);
	return str_text(out);
}

void ledger_insert(struct db *db, struct issuance *is, struct slice email)
{
	ledger_insert_by(db, is, email, is->reason, NULL);
}

void ledger_insert_by(struct db *db, struct issuance *is, struct slice email, const char *note,
		      const char *who)
{
	struct str fields;
	const char *text = fields_text(is, &fields);

	db_run(db,
	       "INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, from_value,"
	       " to_value, at_ms, action_account, group_id, do_issue, do_send, email, fields, state, held_from,"
	       " reason, created_ms, updated_ms, hold, expire_ms)"
	       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
	       " ?19, ?20, nullif(?21, 0))",
	       "ttttttttittiisttttiti", is->rule, is->table_hash, is->source_account, is->contact,
	       event_kind_names[is->event], is->target, is->from, is->to, is->at_ms,
	       is->action_account, is->group, (int64_t)is->do_issue, (int64_t)is->do_send, email,
	       text, issuance_state_names[is->state], held_from(is), is->reason, is->created_ms,
	       hold_name(is), is->expire_ms);
	is->id = db_last_id(db);
	if (is->in_shadow && is->state == STATE_HELD) {
		add_trail(db, is->id, is->created_ms, STATE_SHADOW, who ? note : NULL, who);
		add_trail(db, is->id, is->created_ms, is->state, is->reason, NULL);
	} else {
		add_trail(db, is->id, is->created_ms, is->state, note, who);
	}
	str_release(&fields);
}

bool ledger_act(struct db *db, const struct issuance *before, const struct issuance *after,
		int64_t now_ms, const char *note, const char *who)
{
	/* What it was dropped from says whether it may be issued: that stays on record. */
	db_run(db,
	       "UPDATE issuance SET state = ?2, reason = ?4, attempts = ?5, attempt_ms = ?6,"
	       " held_from = CASE ?2 WHEN 'dropped' THEN held_from ELSE ?3 END,"
	       " hold = CASE ?2 WHEN 'dropped' THEN hold ELSE ?15 END,"
	       " settles = ?7, cursor = ?8, not_before_ms = ?9, failures = ?10, credential = ?11,"
	       " public_url = ?12, updated_ms = ?13, unknown_ms = ?14, expire_ms = nullif(?16, 0),"
	       " replan = ?17 WHERE id = ?1 AND state = ?18",
	       "itttiiitiittiitiit", after->id, issuance_state_names[after->state],
	       held_from(after), after->reason, (int64_t)after->attempts, after->attempt_ms,
	       (int64_t)after->settles, after->cursor, after->not_before_ms,
	       (int64_t)after->failures, after->credential, after->public_url, now_ms,
	       after->unknown_ms, hold_name(after), after->expire_ms, (int64_t)after->replan,
	       issuance_state_names[before->state]);
	if (db_changed(db) == 0)
		return false;
	if (before->state != after->state || before->replan != after->replan || who)
		add_trail(db, after->id, now_ms, after->state, note, who);
	return true;
}

bool ledger_update(struct db *db, const struct issuance *before, const struct issuance *after,
		   int64_t now_ms, const char *note)
{
	return ledger_act(db, before, after, now_ms, note, NULL);
}

void ledger_rewrite(struct db *db, const struct issuance *is, struct slice email)
{
	struct str fields;
	const char *text = fields_text(is, &fields);

	db_run(db,
	       "UPDATE issuance SET table_hash = ?2, action_account = ?3, group_id = ?4, do_issue = ?5,"
	       " do_send = ?6, email = ?7, fields = ?8 WHERE id = ?1",
	       "itttiist", is->id, is->table_hash, is->action_account, is->group,
	       (int64_t)is->do_issue, (int64_t)is->do_send, email, text);
	str_release(&fields);
}

#define WAITING                                                                                    \
	OF_PERSON("?1", "?2")                                                                      \
	" WHERE source_account = ?1 AND ((state = 'held' AND hold = 'missing-email')"              \
	" OR (state IN ('held', 'refused') AND replan = 1))"

size_t ledger_waiting(struct db *db, const char *source_account, const char *contact, size_t most,
		      int64_t *out)
{
	size_t n = 0;

	/* Sorting costs more than all else here, and nearly always there is nothing to sort. */
	if (!db_exists(db, "SELECT 1" WAITING, "tt", source_account, contact))
		return 0;
	struct query *q = db_select(db, "SELECT id" WAITING " ORDER BY at_ms, id LIMIT ?3", "tti",
				    source_account, contact, (int64_t)most);
	while (query_next(q))
		out[n++] = query_integer(q, 0);
	return n;
}

/* Column text in memory, NULL for SQL NULL. */
static const char *text_or_null(struct query *q, int column, struct arena *memory)
{
	return query_null(q, column) ? NULL : arena_text(memory, query_slice(q, column));
}

static const char *text(struct query *q, int column, struct arena *memory)
{
	return arena_text(memory, query_slice(q, column));
}

/* An id from the service: it goes into paths. */
static bool is_id(const char *id)
{
	size_t len = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

	return len > 0 && len <= LIMIT_ID_BYTES && id[len] == '\0';
}

/* Within the years that a clock can show, so that sums of times stay numbers. */
static bool is_time(int64_t ms)
{
	return ms >= 0 && ms <= TIME_MOST_MS;
}

/* As many as there can be, so that one more stays a number. */
static bool is_count(int64_t n)
{
	return n >= 0 && n <= COUNT_MOST;
}

/* The column that cannot be what we wrote, or NULL: a guess at what was meant could mail someone twice. */
static const char *wrong_column(struct query *q, const struct issuance *is)
{
	bool parked = is->state == STATE_HELD || is->state == STATE_REFUSED;
	enum issuance_state ignored;
	enum hold hold;

	if (!issuance_state_of(query_slice(q, 15), &ignored))
		return "state";
	if (parked && !issuance_state_of(query_slice(q, 16), &ignored))
		return "held_from";
	if (!query_null(q, 29) && !hold_of(query_slice(q, 29), &hold))
		return "hold";
	if (!slice_is(query_slice(q, 5), event_kind_names[is->event]))
		return "event";
	if (!query_null(q, 14) && json_kind(is->fields) != IS_OBJECT)
		return "fields";
	if (is->credential && !is_id(is->credential))
		return "credential";
	if (!is_time(is->at_ms) || !is_time(is->attempt_ms) || !is_time(is->unknown_ms) ||
	    !is_time(is->not_before_ms) || !is_time(is->expire_ms))
		return "time";
	if (!is_count(query_integer(q, 18)) || !is_count(query_integer(q, 20)) ||
	    !is_count(query_integer(q, 23)))
		return "count";
	return NULL;
}

static void load_row(struct query *q, struct arena *memory, struct issuance *out)
{
	struct err ignored;

	*out = (struct issuance){
		.id = query_integer(q, 0),
		.rule = text(q, 1, memory),
		.table_hash = text(q, 2, memory),
		.source_account = text(q, 3, memory),
		.contact = text(q, 4, memory),
		.event = slice_is(query_slice(q, 5), event_kind_names[EVENT_LIST_ADDED])
				 ? EVENT_LIST_ADDED
				 : EVENT_PROPERTY_CHANGED,
		.target = text(q, 6, memory),
		.from = text_or_null(q, 7, memory),
		.to = text(q, 8, memory),
		.at_ms = query_integer(q, 9),
		.action_account = text(q, 10, memory),
		.group = text(q, 11, memory),
		.do_issue = query_integer(q, 12) != 0,
		.do_send = query_integer(q, 13) != 0,
		.reason = text_or_null(q, 17, memory),
		.attempts = (int)query_integer(q, 18),
		.attempt_ms = query_integer(q, 19),
		.settles = (int)query_integer(q, 20),
		.cursor = text_or_null(q, 21, memory),
		.not_before_ms = query_integer(q, 22),
		.failures = (int)query_integer(q, 23),
		.credential = text_or_null(q, 24, memory),
		.public_url = text_or_null(q, 25, memory),
		.created_ms = query_integer(q, 26),
		.updated_ms = query_integer(q, 27),
		.unknown_ms = query_integer(q, 28),
		.expire_ms = query_integer(q, 30),
		.replan = query_integer(q, 31) != 0,
	};
	(void)hold_of(query_slice(q, 29), &out->hold);
	(void)issuance_state_of(query_slice(q, 15), &out->state);
	(void)issuance_state_of(query_slice(q, 16), &out->held_from);
	if (!query_null(q, 14))
		out->fields = json_parse(query_slice(q, 14), &ignored);
}

static bool damaged(struct db *db, const char *column, struct issuance *is)
{
	json_free((struct json *)(uintptr_t)is->fields);
	is->fields = NULL;
	db_damaged(db, "issuance %lld cannot be read: its %s is not what was written",
		   (long long)is->id, column);
	return false;
}

bool ledger_load(struct db *db, int64_t id, struct arena *memory, struct issuance *out)
{
	struct query *q = db_select(
		db,
		"SELECT id, rule, table_hash, source_account, contact, event, target,"
		" from_value, to_value, at_ms, action_account, group_id, do_issue, do_send,"
		" fields, state, held_from, reason, attempts, attempt_ms, settles, cursor,"
		" not_before_ms, failures, credential, public_url, created_ms, updated_ms, unknown_ms,"
		" hold, expire_ms, replan FROM issuance WHERE id = ?1",
		"i", id);

	if (!query_next(q))
		return false;
	load_row(q, memory, out);
	const char *wrong = wrong_column(q, out);
	query_end(q);
	return !wrong || damaged(db, wrong, out);
}

bool ledger_load_work(struct db *db, int64_t id, struct arena *memory, struct issuance *out)
{
	if (!ledger_load(db, id, memory, out))
		return false;
	if (out->state >= STATE_DRAFT && out->state <= STATE_SENDING && !out->credential)
		return damaged(db, "credential", out);
	if (out->state <= STATE_SENDING)
		return true;
	json_free((struct json *)(uintptr_t)out->fields);
	out->fields = NULL;
	return false;
}

size_t ledger_work(struct db *db, const char *action_account, int64_t now_ms, size_t most,
		   int64_t *out)
{
	size_t n = 0;
	struct query *q = db_select(
		db,
		"SELECT id FROM issuance WHERE action_account = ?1 AND " LEDGER_WORK
		" AND not_before_ms <= ?2 ORDER BY id LIMIT ?3",
		"tii", action_account, now_ms, (int64_t)most);

	while (query_next(q))
		out[n++] = query_integer(q, 0);
	return n;
}

int64_t ledger_next(struct db *db, const char *action_account, int64_t now_ms)
{
	return db_integer(
		db, INT64_MAX,
		"SELECT min(not_before_ms) FROM issuance WHERE action_account = ?1 AND " LEDGER_WORK
		" AND not_before_ms > ?2",
		"ti", action_account, now_ms);
}

int64_t ledger_work_count(struct db *db)
{
	return db_integer(db, 0, "SELECT count(*) FROM issuance WHERE " LEDGER_WORK, "");
}

bool ledger_credential_held(struct db *db, const char *credential)
{
	return db_exists(db, "SELECT 1 FROM issuance WHERE credential = ?1", "t", credential);
}

bool ledger_credential_leaves(struct db *db, const char *credential)
{
	return db_exists(db, "SELECT 1 FROM stray WHERE credential = ?1", "t", credential);
}

bool ledger_sent_elsewhere(struct db *db, const struct issuance *is, const char *field,
			   struct slice value)
{
	struct slice email = json_get_slice(is->fields, "recipient.email");
	struct query *q = db_select(
		db,
		"SELECT fields FROM issuance WHERE group_id = ?1 AND id <> ?2"
		" AND lower(email) = lower(?3) AND credential IS NULL AND attempts > 0"
		" AND state IN ('planned', 'creating', 'held')"
		" UNION ALL SELECT s.fields FROM stray s JOIN issuance i ON i.id = s.issuance"
		" WHERE s.group_id = ?1 AND s.issuance <> ?2 AND lower(i.email) = lower(?3)",
		"tis", is->group, is->id, email);
	bool sent = false;

	while (!sent && query_next(q)) {
		struct err err;
		struct json *fields = json_parse(query_slice(q, 0), &err);
		sent = slice_eq(json_get_slice(fields, field), value);
		json_free(fields);
	}
	if (sent)
		query_end(q);
	return sent;
}

/* States without a request under way, from which one can be held. */
#define RESTING LEDGER_WORK " AND state IN ('planned', 'draft', 'issued')"

int64_t ledger_hold_all(struct db *db, const char *action_account, const char *group,
			enum hold hold, const char *reason, int64_t now_ms)
{
	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state, note)"
	       " SELECT id, ?4, 'held', ?3 FROM issuance WHERE action_account = ?1"
	       " AND (?2 IS NULL OR group_id = ?2) AND " RESTING,
	       "ttti", action_account, group, reason, now_ms);
	db_run(db,
	       "UPDATE issuance SET held_from = state, state = 'held', hold = ?5, reason = ?3, updated_ms = ?4"
	       " WHERE action_account = ?1 AND (?2 IS NULL OR group_id = ?2) AND " RESTING,
	       "tttit", action_account, group, reason, now_ms, hold_names[hold]);
	return db_changed(db);
}

void ledger_hold_as_others(struct db *db, struct issuance *is, struct arena *memory)
{
	struct query *q;

	if (is->state != STATE_PLANNED)
		return;
	q = db_select(
		db,
		"SELECT hold, reason FROM issuance h WHERE action_account = ?1 AND " LEDGER_OUTSIDE
		" AND replan = 0 AND (hold = 'plan' OR group_id = ?2) AND NOT EXISTS"
		" (SELECT 1 FROM issuance d WHERE d.id > h.id AND d.action_account = ?1"
		" AND (h.hold = 'plan' OR d.group_id = ?2) AND d.credential IS NOT NULL"
		" AND d.attempt_ms > h.updated_ms) LIMIT 1",
		"tt", is->action_account, is->group);
	if (!query_next(q))
		return;
	is->state = STATE_HELD;
	is->held_from = STATE_PLANNED;
	(void)hold_of(query_slice(q, 0), &is->hold);
	is->reason = arena_text(memory, query_slice(q, 1));
	query_end(q);
}

int64_t ledger_release_held(struct db *db, const char *action_account, int64_t now_ms)
{
	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state, note) SELECT id, ?2, held_from, 'released by a reload'"
	       " FROM issuance WHERE action_account = ?1 AND replan = 0 AND " LEDGER_OUTSIDE,
	       "ti", action_account, now_ms);
	db_run(db,
	       "UPDATE issuance SET state = held_from, held_from = NULL, hold = NULL, reason = NULL, not_before_ms = 0,"
	       " updated_ms = ?2 WHERE action_account = ?1 AND replan = 0 AND " LEDGER_OUTSIDE,
	       "ti", action_account, now_ms);
	return db_changed(db);
}

void ledger_note_unknown(struct db *db, int64_t now_ms)
{
	db_run(db,
	       "UPDATE issuance SET unknown_ms = ?1 WHERE " LEDGER_WORK
	       " AND state IN ('creating', 'issuing') AND unknown_ms = 0",
	       "i", now_ms);
}

int64_t ledger_park_sending(struct db *db, int64_t now_ms)
{
	static const char reason[] =
		"stopped while the send was under way: it may have been mailed";

	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state, note) SELECT id, ?1, 'send-unknown', ?2"
	       " FROM issuance WHERE state = 'sending'",
	       "it", now_ms, reason);
	db_run(db,
	       "UPDATE issuance SET state = 'send-unknown', reason = ?2, updated_ms = ?1 WHERE state = 'sending'",
	       "it", now_ms, reason);
	return db_changed(db);
}

void ledger_forget_waits(struct db *db, int64_t after_ms)
{
	db_run(db,
	       "UPDATE issuance SET not_before_ms = 0 WHERE " LEDGER_WORK " AND not_before_ms > ?1",
	       "i", after_ms);
}

void ledger_count(struct db *db, int64_t count[STATE_COUNT])
{
	enum issuance_state state;
	struct query *q = db_select(db, "SELECT state, count(*) FROM issuance GROUP BY state", "");

	memset(count, 0, STATE_COUNT * sizeof(*count));
	while (query_next(q))
		if (issuance_state_of(query_slice(q, 0), &state))
			count[state] = query_integer(q, 1);
}

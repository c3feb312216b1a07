/*
 * HubSpot's answers: the real source polls and looks in a tiny world that
 * answers every request with fuzzed bytes, and what looks show is decided. Whatever they
 * say: the store takes it, only ids of digits get in, the cursor moves forward and never past
 * HubSpot's now, and an answer that is no answer moves nothing. Where the first byte says so, a survey
 * walks instead, and stores nothing.
 *
 * Answers: a status, flags, and a body up to the byte 0x1e.
 */
#include "tests/fuzz/fuzz.h"

#include "base/clock.h"
#include "dsl/build.h"
#include "engine/decide.h"
#include "engine/hubspot/hubspot.h"
#include "engine/inbox.h"

#define START INT64_C(1795428000000) /* 2026-11-23T10:00:00Z */
#define ANSWERS_MOST 16
#define STEPS_MOST 200

static const char rules[] = "rule: a\n"
			    "trigger:\n  event: property-changed\n  property: tier\n"
			    "  filters:\n    - { property: country, in: [PL, DE] }\n"
			    "action:\n  do: issue-credential\n  group: g\n"
			    "  fields: { custom.x: '{{ event.to | label }}' }\n"
			    "---\n"
			    "rule: b\n"
			    "trigger: { event: list-added, list: 42 }\n"
			    "action: { do: issue-credential, group: g }\n"
			    "---\n"
			    "rule: c\n"
			    "trigger: { event: list-added, list: Graduates, settle: 0s }\n"
			    "action: { do: issue-credential, group: g }\n";

/* A request under way. */
struct asked {
	http_done *done;
	void *arg;
	bool under_way;
};

struct tiny {
	struct world world;
	struct bearer *bearer;
	struct log log;
	int64_t now_ms;
	struct asked asked[8];
	struct input in;
	int answers;
	struct db *db;
	struct table *table;
	uint32_t account;
	struct watches watches;
	struct source *source;
	int looks; /* that were answered */
	struct survey_scope scope;
	enum survey_result surveyed; /* the last page's */
	int64_t last_id;	     /* of a search */
	int pages;
};

static const struct source_ops *const ops = &hubspot_ops;

/* ---- the world ----------------------------------------------------------------- */

static enum rc secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	(void)ctx;
	(void)secret;
	(void)err;
	str_add_text(out, "token");
	return RC_OK;
}

static int64_t now_ms(void *ctx)
{
	return ((struct tiny *)ctx)->now_ms;
}

static uint64_t no_chance(void *ctx)
{
	(void)ctx;
	return 0;
}

static void http_start(void *ctx, const struct http_request *request, http_done *done, void *arg)
{
	struct tiny *t = ctx;
	size_t i = 0;

	must(strlen(request->url) <= 4 * LIMIT_URL_BYTES);
	while (t->asked[i].under_way)
		must(++i < COUNT(t->asked));
	t->asked[i] = (struct asked){ done, arg, true };
}

static void http_cancel(void *ctx, const void *arg)
{
	struct tiny *t = ctx;

	for (size_t i = 0; i < COUNT(t->asked); i++)
		if (t->asked[i].arg == arg)
			t->asked[i].under_way = false;
}

/* ---- the state ------------------------------------------------------------------ */

static void claim_store(struct tiny *t)
{
	struct err err = { "" };

	if (db_failed(t->db, &err) == RC_OK)
		return;
	fprintf(stderr, "store: %s\n", err.text);
	must(false);
}

static void empty_state(struct tiny *t)
{
	static const char *const sql[] = {
		"DELETE FROM source",  "DELETE FROM news",	 "DELETE FROM pending",
		"DELETE FROM decided", "DELETE FROM contact",	 "DELETE FROM alias",
		"DELETE FROM list",    "DELETE FROM membership", "DELETE FROM decision",
		"DELETE FROM event",   "DELETE FROM trail",	 "DELETE FROM issuance",
	};

	struct err err;

	db_begin(t->db, "empty");
	for (size_t i = 0; i < COUNT(sql); i++)
		db_run(t->db, sql[i], "");
	db_run(t->db,
	       "UPDATE watch SET start_ms = 1795427000000,"
	       " building = CASE event WHEN 'list-added' THEN 2 ELSE 0 END",
	       "");
	must(db_commit(t->db, &err) == RC_OK);
	for (size_t i = 0; i < t->watches.count; i++) {
		struct watch *w = &t->watches.watch[i];
		w->building = w->event == EVENT_LIST_ADDED ? 2 : 0;
		w->start_ms = START - 1000 * MS_SECOND;
	}
}

/* Once: table, state and watches. */
static void prepare(struct tiny *t)
{
	struct sources sources;
	struct diags diags;
	struct err err;

	sources_init(&sources);
	diags_init(&diags);
	sources_add_text(&sources, "r.yaml", slice_of(rules));
	t->table = table_build(&sources, &diags, NULL);
	must(t->table);
	diags_release(&diags);
	sources_release(&sources);
	while (strcmp(t->table->account[t->account].type, ops->type) != 0)
		t->account++;
	must(db_open(":memory:", DB_OWN, &t->db, &err) == RC_OK);
	t->world = (struct world){ .ctx = t,
				   .wall_ms = now_ms,
				   .mono_ms = now_ms,
				   .random = no_chance,
				   .http_start = http_start,
				   .http_cancel = http_cancel,
				   .secret = secret,
				   .db = t->db,
				   .log = &t->log };
	t->bearer = bearer_new(&t->world);
	must(bearer_load(t->bearer, &t->table->account[t->account], &err) == RC_OK);
	must(watches_sync(t->db, t->table, NULL, &(struct our_clock){ START, 0 }, &t->log,
			  &t->watches, &err) == RC_OK);
}

/* ---- what must hold after every answer --------------------------------------------- */

static int64_t cursor_of(struct tiny *t)
{
	return db_integer(t->db, 0, "SELECT cursor_ms FROM source", "");
}

static int64_t rows_of(struct tiny *t)
{
	return db_integer(t->db, 0,
			  "SELECT (SELECT count(*) FROM news) + (SELECT count(*) FROM pending)"
			  " + (SELECT count(*) FROM membership) + (SELECT count(*) FROM list)"
			  " + (SELECT count(*) FROM decision)",
			  "");
}

static void check_ids(struct tiny *t)
{
	must(!db_exists(
		t->db,
		"SELECT 1 FROM (SELECT contact FROM news UNION ALL SELECT contact FROM pending"
		" UNION ALL SELECT contact FROM membership UNION ALL SELECT contact FROM contact"
		" UNION ALL SELECT old FROM alias UNION ALL SELECT contact FROM issuance)"
		" WHERE contact GLOB '*[^0-9]*' OR length(contact) NOT BETWEEN 1 AND 20",
		""));
	must(!db_exists(t->db,
			"SELECT 1 FROM list WHERE list_id GLOB '*[^0-9]*' OR length(list_id) > 20",
			""));
	must(!db_exists(t->db,
			"SELECT 1 FROM issuance WHERE state NOT IN"
			" ('planned', 'skipped', 'held')",
			""));
}

static bool answer_one(struct tiny *t)
{
	static const int statuses[] = {
		200, 200, 200, 207, 400, 401, 404, 409, 423, 429, 500, 502
	};
	static const int64_t dates[] = { 0, 0, 0, 0, 1000, -1000, MS_HOUR, -MS_DAY };
	size_t i = 0;

	while (i < COUNT(t->asked) && !t->asked[i].under_way)
		i++;
	if (i == COUNT(t->asked) || t->in.at == t->in.end || t->answers++ == ANSWERS_MOST)
		return false;
	int status = statuses[input_pick(&t->in, COUNT(statuses))];
	uint8_t flags = input_byte(&t->in);
	t->now_ms += 100;
	struct http_response r = {
		.outcome = flags & 0x40 ? HTTP_UNKNOWN : HTTP_ANSWER,
		.problem = "it broke",
		.status = status,
		.body = input_until(&t->in, 0x1e),
		.date_ms = flags & 8 ? HTTP_ABSENT : (t->now_ms + dates[flags & 7]) / 1000 * 1000,
		.retry_after_ms = flags & 16 ? 5000 : HTTP_ABSENT,
		.rate_max = flags & 32 ? 190 : HTTP_ABSENT,
		.rate_interval_ms = HTTP_ABSENT,
	};
	int64_t cursor = cursor_of(t), rows = rows_of(t);
	bool usable = r.outcome == HTTP_ANSWER && (status < 300 || status == 404);
	struct asked one = t->asked[i];
	int looks = t->looks;
	t->asked[i].under_way = false;
	one.done(one.arg, &r);
	claim_store(t);
	int64_t moved = cursor_of(t), hub_now;
	bool known = ops->now(t->source, &hub_now);
	must(moved >= cursor && (usable || moved == cursor));
	/* The answer that ends a look lets what the ones before it showed be decided. */
	must(usable || looks != t->looks || rows == rows_of(t));
	must(moved <= t->now_ms + MS_DAY + MS_HOUR &&
	     (!known || moved <= hub_now + MS_DAY + MS_HOUR));
	return true;
}

/* ---- looks -------------------------------------------------------------------------- */

static void check_contact(struct tiny *t, const struct contact *c)
{
	struct slice id = slice_of(c->id);

	must(slice_is(id, c->asked) || !c->gone);
	must(id.len >= 1 && id.len <= 20 && strspn(c->id, "0123456789") == id.len);
	for (size_t i = 0; !c->gone && i < t->table->n_property; i++) {
		const struct contact_property *p = &c->property[i];
		for (size_t k = 1; k < p->entries; k++)
			must(p->entry[k - 1].at_ms <= p->entry[k].at_ms);
	}
}

static void look_arrived(void *arg, const struct look *look)
{
	struct tiny *t = arg;
	struct decide d = {
		&t->world, t->db, t->table, &t->watches, t->account, ops, t->source, 1
	};
	struct arena memory;
	struct err err;

	t->looks++;
	must(look->result == LOOK_DONE || look->contacts == 0);
	must(look->contacts <= 2);
	arena_init(&memory);
	for (size_t i = 0; i < look->contacts; i++) {
		struct news news = { .contact = look->contact[i].asked };
		check_contact(t, &look->contact[i]);
		db_begin(t->db, "decide");
		decide_contact(&d, &look->contact[i], &news, look->began_ms, &memory);
		must(db_commit(t->db, &err) == RC_OK);
	}
	arena_release(&memory);
}

static void look(struct tiny *t)
{
	static const char *const ids[] = { "101", "102" };

	if (!ops->can_look(t->source))
		return;
	int before = t->looks;
	ops->look(t->source, ids, COUNT(ids), look_arrived, t);
	while (answer_one(t))
		;
	must(t->looks <= before + 1);
}

/* ---- a survey --------------------------------------------------------------------------- */

static void check_sighting(struct tiny *t, const struct sighting *s, int64_t *last)
{
	struct slice id = slice_of(s->contact);
	int64_t number = strtoll(s->contact, NULL, 10);

	must(id.len >= 1 && id.len <= 20 && strspn(s->contact, "0123456789") == id.len);
	must(t->scope.kind == SURVEY_HOLDERS || s->value.len == 0);
	must(t->scope.kind == SURVEY_MEMBERS || s->joined_ms == 0);
	*last = number > *last ? number : *last;
}

static void page_arrived(void *arg, const struct survey_page *page)
{
	struct tiny *t = arg;
	bool shows = page->result == SURVEY_PAGE || page->result == SURVEY_END;
	int64_t last = t->last_id;

	t->pages++;
	t->surveyed = page->result;
	must(page->total >= 0);
	must(shows || page->count == 0);
	must((page->result == SURVEY_REFUSED) == (page->problem != NULL));
	for (size_t i = 0; i < page->count; i++)
		check_sighting(t, &page->sighting[i], &last);
	if (t->scope.kind == SURVEY_MEMBERS) {
		must(!shows || (page->list_id &&
				strspn(page->list_id, "0123456789") == strlen(page->list_id)));
		must(!shows || page->list_id[0]);
	} else {
		/* A search goes forward, or it has ended. */
		must(page->result != SURVEY_PAGE || last > t->last_id);
		t->last_id = last;
	}
}

static void walk(struct tiny *t, uint8_t kind)
{
	static const struct slice values[] = { { "Gold", 4 }, { "Silver", 6 }, { "a;b", 3 } };
	static const struct survey_scope scopes[] = {
		{ .kind = SURVEY_MEMBERS, .target = "Graduates", .target_is_name = true },
		{ .kind = SURVEY_HOLDERS, .target = "tier", .value = values, .values = 2 },
		{ .kind = SURVEY_HOLDERS, .target = "tier", .value = values, .values = 3 },
		{ .kind = SURVEY_CHANGED, .since_ms = START },
	};
	int64_t rows = rows_of(t), cursor = cursor_of(t);

	t->scope = scopes[kind % COUNT(scopes)];
	t->surveyed = SURVEY_PAGE;
	t->last_id = 0;
	t->pages = 0;
	struct survey *survey = ops->survey_open(t->source, &t->scope);
	while (t->surveyed == SURVEY_PAGE || t->surveyed == SURVEY_AGAIN) {
		int64_t ready = ops->survey_ready_ms(survey);
		int pages = t->pages;
		if (ops->health(t->source) == SOURCE_STOPPED)
			break;
		t->now_ms = ready > t->now_ms ? ready : t->now_ms;
		ops->survey_next(survey, page_arrived, t);
		if (!answer_one(t))
			break;
		must(t->pages == pages + 1);
	}
	ops->survey_close(survey); /* also with a page under way */
	while (answer_one(t))
		;
	must(rows == rows_of(t) && cursor == cursor_of(t));
}

/* ---- a poll, a look, a poll … --------------------------------------------------------- */

static void poll(struct tiny *t)
{
	struct err err;

	for (int i = 0; i < STEPS_MOST; i++) {
		must(ops->step(t->source, &err) == RC_OK);
		int64_t wake = ops->wake_ms(t->source);
		if (!answer_one(t)) {
			/* A poll that has ended, or no more answers: nothing falls due by itself. */
			if (ops->polled(t->source) || wake == INT64_MAX || t->in.at == t->in.end)
				return;
			t->now_ms = wake > t->now_ms ? wake : t->now_ms + 1;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tiny t;

	if (!t.db)
		prepare(&t);
	empty_state(&t);
	memset(t.asked, 0, sizeof(t.asked));
	t.in = (struct input){ data, data + size };
	t.now_ms = START;
	t.answers = 0;
	uint8_t how = input_byte(&t.in);
	t.source = ops->open(&t.world, t.table->account[t.account].name);
	ops->load(t.source, t.table, t.account, &t.watches, t.bearer);
	if (how & 0x80) {
		walk(&t, how);
	} else {
		if (how & 1)
			look(&t);
		poll(&t);
		look(&t);
	}
	check_ids(&t);
	claim_store(&t);
	ops->close(t.source);
	return 0;
}

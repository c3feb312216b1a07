/*
 * decide - from what a look showed to issuances in the outbox, with the state on disk.
 *
 * Decided, matched, planned and committed in batches of 50, as looks bring contacts; each contact
 * earns one issuance, and its event goes on record. Beside it the limit: the same rows, written to the
 * same tables in the same batches, and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/decide.h"
#include "engine/hubspot/hubspot.h"
#include "engine/ledger.h"
#include "engine/record.h"
#include "tests/bench/bench.h"

#define CONTACTS 5000
#define BATCH 50
/* How news of each came: found by a poll, looked at, and due. */
#define CAME "p1795961211626 k1795961212626 d1795961272626 "
/* What the event's row says that was seen: sixteen values of more than 200. */
#define SEEN                                                                                                      \
	"{\"p0\":\"v0\",\"email\":\"ana@acme.com\",\"n0\":\"99\",\"n2\":\"99\",\"p10\":\"99\",\"n1\":\"99\","     \
	"\"n4\":\"99\",\"n3\":\"99\",\"p11\":\"99\",\"p12\":\"99\",\"p13\":\"99\",\"p14\":\"99\",\"p15\":\"99\"," \
	"\"p16\":\"99\",\"p17\":\"99\",\"p18\":\"99\"}"

static int64_t no_window(const struct source *s)
{
	(void)s;
	return 10000;
}

static void fill_contact(const struct table *t, size_t i, struct arena *memory, struct contact *c)
{
	struct entry *history = arena_alloc(memory, 2 * sizeof(*history));
	struct entry *old = arena_alloc(memory, t->n_property * sizeof(*old));
	char *id = arena_printf(memory, "%zu", 100000 + i);

	*c = (struct contact){
		.asked = id, .id = id, .created_ms = 1, .modified_ms = BENCH_NOW_MS - 60000
	};
	c->property = arena_alloc(memory, t->n_property * sizeof(*c->property));
	history[0] = (struct entry){ 1000000, slice_of("v9"), false };
	history[1] = (struct entry){ BENCH_NOW_MS - 120000, slice_of("v0"), false };
	for (size_t k = 0; k < t->n_property; k++) {
		struct contact_property *p = &c->property[k];
		p->read = true;
		const char *name = t->property[k].name;
		/* The address, the numbers, and ten more have a value. */
		if (name[0] == 'e')
			p->current = slice_of("ana@acme.com");
		else if (name[0] == 'n' || (name[1] == '1' && name[2] && !name[3]))
			p->current = slice_of("99");
		if (strcmp(t->property[k].name, "p0") == 0) {
			p->entry = history;
			p->entries = 2;
			p->current = slice_of("v0");
			continue;
		}
		old[k] = (struct entry){ 1000000, p->current, false };
		p->entry = &old[k];
		p->entries = 1;
	}
}

static bool complain(const struct err *err)
{
	fprintf(stderr, "bench: %s\n", err->text);
	return false;
}

static bool decide_contacts(const struct world *world, const struct table *t, struct watches *w,
			    const struct source_ops *ops)
{
	struct decide d = { world, world->db, t, w, t->rule[0].source, ops, NULL, 1 };
	struct err err;

	for (size_t i = 0; i < CONTACTS; i += BATCH) {
		struct arena memory;
		arena_init(&memory);
		db_begin(world->db, "decide");
		for (size_t k = i; k < i + BATCH; k++) {
			struct contact c;
			fill_contact(t, k, &memory, &c);
			struct news news = { .contact = c.id,
					     .modified_ms = c.modified_ms,
					     .came = CAME };
			decide_contact(&d, &c, &news, BENCH_NOW_MS, &memory);
		}
		arena_release(&memory);
		if (db_commit(world->db, &err) != RC_OK)
			return complain(&err);
	}
	return true;
}

static void remove_state(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-shm", ".lock" };
	char name[128];

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		unlink(name);
	}
}

/* ---- the rows alone -------------------------------------------------------- */

/* What decide_contact leaves in the store of one such contact. */
static void write_rows(struct db *db, const struct table *t, const char *contact)
{
	int64_t now = BENCH_NOW_MS, at = now - 120000;

	db_run(db,
	       "INSERT INTO event (ruleset, watch, made_ms, account, contact, kind, target, list_name, from_value,"
	       " to_value, at_ms, as_of_ms, gone, size, seen, came) VALUES (1, 1, ?1, 'hubspot', ?2,"
	       " 'property-changed', 'p0', '', 'v9', 'v0', ?3, ?3, 0, ?1, ?4, ?5)",
	       "ititt", now, contact, at, SEEN, CAME);
	db_run(db,
	       "INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, from_value, to_value,"
	       " at_ms, action_account, group_id, do_issue, do_send, email, fields, state, created_ms, updated_ms)"
	       " VALUES (?1, ?2, 'hubspot', ?3, 'property-changed', 'p0', 'v9', 'v0', ?4, 'certifier', 'g', 1, 1,"
	       " 'ana@acme.com', ?5, 'planned', ?6, ?6)",
	       "tttiti", t->rule[0].name, t->hash, contact, at,
	       "{\"recipient.name\":\"ana@acme.com\",\"recipient.email\":\"ana@acme.com\",\"issue-date\":\"2026-01-05\"}",
	       now);
	db_run(db, "INSERT INTO trail (issuance, at_ms, state) VALUES (?1, ?2, 'planned')", "ii",
	       db_last_id(db), now);
	db_run(db,
	       "INSERT INTO decision (made_ms, account, contact, rule, event, target, from_value, to_value, at_ms,"
	       " outcome, table_hash, event_id) VALUES (?1, 'hubspot', ?2, ?3, 'property-changed', 'p0', 'v9', 'v0',"
	       " ?4, 'fired', ?5, 1)",
	       "ittit", now, contact, t->rule[0].name, at, t->hash);
	db_run(db, "INSERT INTO decided (watch, contact, at_ms, value) VALUES (1, ?1, ?2, 'v0')",
	       "ti", contact, at);
	db_run(db,
	       "INSERT INTO contact (account, contact, modified_ms, watches)"
	       " VALUES ('hubspot', ?1, ?2, '01234567')",
	       "ti", contact, now);
}

static bool write_all(struct db *db, const struct table *t)
{
	struct err err;

	for (size_t i = 0; i < CONTACTS; i += BATCH) {
		db_begin(db, "rows");
		for (size_t k = i; k < i + BATCH; k++) {
			char contact[24];
			snprintf(contact, sizeof(contact), "%zu", 100000 + k);
			write_rows(db, t, contact);
		}
		if (db_commit(db, &err) != RC_OK)
			return complain(&err);
	}
	return true;
}

/* ---- both, in turn ------------------------------------------------------------ */

struct run {
	double wall_s, cpu_us; /* of all contacts, of one */
};

static bool run_once(const struct table *t, bool alone, struct run *out, int64_t *planned)
{
	struct source_ops ops = hubspot_ops;
	struct world world = bench_world();
	struct watches watches = { 0 };
	struct first_clock clock = { 1000000000, 0, 0 };
	int64_t count[STATE_COUNT];
	struct err err;
	char path[64];

	ops.creation_window_ms = no_window;
	snprintf(path, sizeof(path), "/tmp/hs2cert-bench-%d.db", (int)getpid());
	remove_state(path);
	if (db_open(path, DB_OWN, &world.db, &err) != RC_OK ||
	    watches_sync(world.db, t, NULL, &(struct our_clock){ 1000000000, 0 }, world.log,
			 &watches, &err) != RC_OK ||
	    watches_start(world.db, &watches, t->rule[0].source, &clock, &err) != RC_OK)
		return complain(&err);
	double wall = bench_wall_s(), cpu = bench_cpu_s();
	bool fine = alone ? write_all(world.db, t) : decide_contacts(&world, t, &watches, &ops);
	*out = (struct run){ bench_wall_s() - wall, (bench_cpu_s() - cpu) * 1e6 / CONTACTS };
	ledger_count(world.db, count);
	*planned = count[STATE_PLANNED];
	watches_release(&watches);
	db_close(world.db);
	remove_state(path);
	return fine && *planned == CONTACTS;
}

static void measure(const struct table *t)
{
	double rate[2][BENCH_RUNS], cpu[2][BENCH_RUNS], slower[BENCH_RUNS], dearer[BENCH_RUNS];
	static const char *const what[] = { "to the outbox", "the rows alone" };
	int64_t planned;

	for (size_t i = 0; i < BENCH_RUNS; i++) {
		struct run run[2];
		for (int alone = 0; alone < 2; alone++) {
			if (!run_once(t, alone, &run[alone], &planned)) {
				fprintf(stderr, "bench: %lld contacts planned\n",
					(long long)planned);
				return;
			}
			rate[alone][i] = CONTACTS / run[alone].wall_s;
			cpu[alone][i] = run[alone].cpu_us;
		}
		slower[i] = run[0].wall_s / run[1].wall_s;
		dearer[i] = run[0].cpu_us / run[1].cpu_us;
	}
	for (int alone = 0; alone < 2; alone++)
		printf("  decide  %7zu rules %9.0f contacts/s %s, state on disk, synchronous=FULL; %.1f us of processor each\n",
		       t->n_rule, bench_median(rate[alone], BENCH_RUNS), what[alone],
		       bench_median(cpu[alone], BENCH_RUNS));
	printf("  decide  %7zu rules %9.2f times as long as the rows alone, %.2f times the processor\n",
	       t->n_rule, bench_median(slower, BENCH_RUNS), bench_median(dearer, BENCH_RUNS));
}

void bench_decide(size_t rules)
{
	struct work work;
	struct str text;
	double seconds;

	work_make(&work, rules, false);
	/* Every contact earns one: the first rule is on p0 and v0, and wants no more than this. */
	work.rule[0] = (struct work_rule){ .domain = { 0, 1 } };
	str_init(&text, (size_t)1 << 30);
	work_text(&work, &text);
	struct table *t = work_compile(str_slice(&text), &seconds);
	str_release(&text);
	if (!t)
		exit(1);
	measure(t);
	table_unref(t);
	work_free(&work);
}

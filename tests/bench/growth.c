/*
 * growth - what a state that has seen much makes of a poll, of deciding and of a start.
 *
 * The real engine on a virtual clock with its state on disk: as many contacts as said were looked at, each has a
 * credential that was sent, and there are ten decisions of each. Then 100 contacts from all over change at once, and are
 * found, read, decided and issued. Processor time: the sandbox's own is in it, the same at each size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/sim.h"
#include "tests/bench/bench.h"

#define START INT64_C(1795435220000)
#define FIRST 1000000000
#define CHANGED 100
#define DECISIONS 10	   /* of each contact */
#define EVENTS_MOST 300000 /* what fits into the bytes that are kept */
#define CHUNK 50000	   /* rows of one transaction */
#define ROUNDS 3

static const char rules[] =
	"account: hubspot\nhubspot: { token: '${HUBSPOT_TOKEN}' }\n---\naccount: desk\ncertifier: { token: '${CERTIFIER_TOKEN}', rate: 3/s }\n---\n"
	"rule: gold\nbrake: off\ntrigger: { event: property-changed, property: tier }\n"
	"action: { do: issue-credential, account: desk, group: g }\n";

struct life {
	size_t contacts;
	struct sandbox *sandbox;
	struct sim sim;
	struct engine *engine;
	struct table *table;
	double restart_ms;
	int64_t contact_bytes, decision_bytes; /* of one */
};

#define STATE "growth.db"

static void must(enum rc rc, const struct err *err)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "bench: %s\n", err->text);
	exit(3);
}

static int64_t id_of(const struct life *l, size_t i)
{
	return FIRST + (int64_t)(i * (l->contacts / CHANGED));
}

static void make_portal(struct life *l)
{
	struct sandbox_options o;
	struct err err;
	int64_t id;

	sandbox_defaults(&o);
	l->sandbox = sandbox_new(&o);
	sandbox_group(l->sandbox, "g", "Gold");
	for (size_t i = 0; i < CHANGED; i++) {
		struct json *properties = json_new_object();
		char email[48];
		snprintf(email, sizeof(email), "p%zu@example.org", i);
		json_set_text(properties, "email", email);
		must(sandbox_create(l->sandbox, START - MS_DAY, id_of(l, i), properties, &id, &err),
		     &err);
		json_free(properties);
	}
	sim_init(&l->sim, l->sandbox, START, 7, NULL);
}

/* From a closed state to an engine that has made its first step. */
static void open_state(struct life *l)
{
	struct err err;
	double began = bench_wall_s();

	must(db_open(STATE, DB_OWN, &l->sim.world.db, &err), &err);
	l->engine = engine_new(&l->sim.world);
	must(engine_load(l->engine, l->table, &err), &err);
	must(engine_step(l->engine, &err), &err);
	l->restart_ms = (bench_wall_s() - began) * 1000;
}

/* Answers the bytes of the file. */
static int64_t close_state(struct life *l)
{
	struct db_files files;
	struct err err;

	engine_free(l->engine);
	sim_abandon(&l->sim);
	db_close(l->sim.world.db);
	must(db_look(STATE, &files, &err), &err);
	return files.bytes;
}

static void live(struct life *l, int64_t span_ms)
{
	struct err err;

	must(sim_run(&l->sim, l->engine, l->sim.now_ms + span_ms, &err), &err);
}

/* ---- what was before ------------------------------------------------------------ */

/* `sql` writes the rows from ?1 on, up to ?2. */
static void fill(struct db *db, const char *sql, size_t rows)
{
	struct err err;

	for (size_t from = 0; from < rows; from += CHUNK) {
		size_t to = from + CHUNK < rows ? from + CHUNK : rows;
		db_begin(db, "fill");
		db_run(db, sql, "iiii", (int64_t)from, (int64_t)to, (int64_t)FIRST, START);
		must(db_commit(db, &err), &err);
	}
}

#define ROWS "WITH n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2) "
#define HASH "'0123456789abcdef'"

static void fill_contacts(struct db *db, size_t n)
{
	fill(db,
	     ROWS
	     "INSERT INTO contact (account, contact, modified_ms, watches)"
	     " SELECT 'hubspot', CAST(?3 + i AS TEXT), ?4 - 3600000 + i % 3600000, '01234567' FROM n",
	     n);
	fill(db,
	     ROWS "INSERT INTO decided (watch, contact, at_ms, value)"
		  " SELECT 1, CAST(?3 + i AS TEXT), ?4 - 86400000 + i, 'Silver' FROM n",
	     n);
}

static void fill_decisions(struct db *db, size_t n)
{
	fill(db,
	     ROWS
	     "INSERT INTO decision (made_ms, account, contact, rule, event, target, from_value, to_value, at_ms,"
	     " outcome, table_hash, event_id) SELECT ?4 - 86400000 + i / 1000, 'hubspot', CAST(?3 + i / 10 AS TEXT),"
	     " 'gold', 'property-changed', 'tier', 'Bronze', 'Silver', ?4 - 86400000 + i / 1000, 'fired', " HASH
	     ", 1 FROM n",
	     n);
}

static void fill_ledger(struct db *db, size_t n)
{
	fill(db,
	     ROWS
	     "INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, from_value, to_value,"
	     " at_ms, action_account, group_id, do_issue, do_send, email, fields, state, attempts, attempt_ms, credential,"
	     " created_ms, updated_ms) SELECT 'gold', " HASH
	     ", 'hubspot', CAST(?3 + i AS TEXT), 'property-changed',"
	     " 'tier', 'Bronze', 'Silver', ?4 - 86400000 + i / 100, 'desk', 'g', 1, 1, 'p' || i || '@example.org',"
	     " '{\"recipient.email\":\"p@example.org\"}', 'sent', 3, ?4 - 86400000, 'credential-' || (?3 + i),"
	     " ?4 - 86400000, ?4 - 86400000 FROM n",
	     n);
	fill(db,
	     ROWS "INSERT INTO trail (issuance, at_ms, state)"
		  " SELECT i + 1, ?4 - 86400000, 'sent' FROM n",
	     n);
	fill(db,
	     ROWS
	     "INSERT INTO event (ruleset, watch, made_ms, account, contact, kind, target, list_name, from_value,"
	     " to_value, at_ms, as_of_ms, gone, size, seen) SELECT 1, 1, ?4 - 86400000 + i, 'hubspot',"
	     " CAST(?3 + i AS TEXT), 'property-changed', 'tier', '', 'Bronze', 'Silver', ?4, ?4, 0, i * 330,"
	     " '{\"email\":\"p@example.org\",\"tier\":\"Silver\",\"firstname\":\"Ana\"}' FROM n",
	     n < EVENTS_MOST ? n : EVENTS_MOST);
}

static void write_past(struct life *l)
{
	struct db *db;
	struct err err;
	int64_t before, contacts, decisions;

	open_state(l);
	live(l, 2 * MS_HOUR); /* so that the rule is active */
	before = close_state(l);
	must(db_open(STATE, DB_OWN, &db, &err), &err);
	fill_contacts(db, l->contacts);
	db_close(db);
	open_state(l);
	contacts = close_state(l);
	must(db_open(STATE, DB_OWN, &db, &err), &err);
	fill_decisions(db, l->contacts * DECISIONS);
	db_close(db);
	open_state(l);
	decisions = close_state(l);
	must(db_open(STATE, DB_OWN, &db, &err), &err);
	fill_ledger(db, l->contacts);
	db_close(db);
	l->contact_bytes = (contacts - before) / (int64_t)l->contacts;
	l->decision_bytes = (decisions - contacts) / (int64_t)(l->contacts * DECISIONS);
}

/* ---- and what is now ------------------------------------------------------------- */

struct found {
	double restart_ms, idle_us, contact_us;
};

static struct found measure(struct life *l)
{
	static const char *const values[] = { "Gold", "Platinum" };
	double restart[ROUNDS], idle[ROUNDS], contact[ROUNDS];
	struct err err;

	for (size_t r = 0; r < ROUNDS; r++) {
		open_state(l);
		restart[r] = l->restart_ms;
		live(l, 5 * MS_MINUTE);
		double began = bench_cpu_s();
		live(l, MS_HOUR);
		idle[r] = (bench_cpu_s() - began) * 1e6 / 60;
		for (size_t i = 0; i < CHANGED; i++)
			must(sandbox_set(l->sandbox, l->sim.now_ms, id_of(l, i), "tier",
					 slice_of(values[r % 2]), &err),
			     &err);
		began = bench_cpu_s();
		live(l, 10 * MS_MINUTE);
		contact[r] = (bench_cpu_s() - began) * 1e6 / CHANGED;
		(void)close_state(l);
	}
	if (sandbox_mail_count(l->sandbox) != (size_t)ROUNDS * CHANGED)
		fprintf(stderr, "bench: %zu mails\n", sandbox_mail_count(l->sandbox));
	return (struct found){ bench_median(restart, ROUNDS), bench_median(idle, ROUNDS),
			       bench_median(contact, ROUNDS) };
}

static struct found grow(size_t contacts)
{
	struct life l = { .contacts = contacts };
	struct db_files files;
	struct err err;
	double seconds;

	bench_enter();
	make_portal(&l);
	l.table = work_compile(slice_of(rules), &seconds);
	write_past(&l);
	struct found f = measure(&l);
	must(db_look(STATE, &files, &err), &err);
	printf("  growth  %7zu contacts, %8zu decisions: %7.1f MB, %lld B a contact, %lld B a decision\n",
	       contacts, contacts * DECISIONS, (double)files.bytes / 1e6,
	       (long long)l.contact_bytes, (long long)l.decision_bytes);
	printf("  growth  %7zu contacts: start %.1f ms, a poll %.0f us, a contact that changed %.0f us\n",
	       contacts, f.restart_ms, f.idle_us, f.contact_us);
	table_unref(l.table);
	sandbox_free(l.sandbox);
	bench_leave();
	return f;
}

void bench_growth(size_t contacts)
{
	struct found few = grow(1000), many = grow(contacts);

	printf("  growth  %7zu contacts: start %.2f, a poll %.2f, a contact that changed %.2f times what 1000 take\n",
	       contacts, many.restart_ms / few.restart_ms, many.idle_us / few.idle_us,
	       many.contact_us / few.contact_us);
}

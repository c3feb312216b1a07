/*
 * webhook - batches of 100 events: verified, read, committed with the state on disk; then they may be answered.
 *
 * A burst is 64 batches to a commit, until they may be answered. Sustained is the same until all of them are
 * news in the inbox: of other contacts, and of contacts that already wait. Alone is one batch to a commit, and what it
 * told is in the inbox before the next one comes. Beside them the JSON library alone on the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/digest.h"
#include "base/json.h"
#include "dsl/build.h"
#include "engine/engine.h"
#include "tests/bench/bench.h"

#define BATCH 100
#define BATCHES 640
#define TOGETHER 64
#define URL "https://hooks.example.org/hubspot"

static const char rules[] = "account: hubspot\nhubspot:\n  token: ${T}\n"
			    "  webhook: { public-url: \"" URL "\", secret: \"${S}\" }\n---\n"
			    "account: certifier\ncertifier: { token: \"${C}\" }\n---\n"
			    "rule: a\ntrigger: { event: property-changed, property: tier }\n"
			    "action: { do: issue-credential, group: g }\n";

/* A request as it would come. */
struct letter {
	struct str body, signature;
	char stamp[24];
};

/* Nobody ever answers. */
static void ignore_request(void *ctx, const struct http_request *request, http_done *done,
			   void *arg)
{
	(void)ctx;
	(void)request;
	(void)done;
	(void)arg;
}

static void ignore_cancel(void *ctx, const void *arg)
{
	(void)ctx;
	(void)arg;
}

static size_t find_header(const void *ctx, const char *name, const char **value)
{
	const struct letter *l = ctx;

	if (strcasecmp(name, "X-HubSpot-Signature-v3") == 0)
		*value = str_text(&l->signature);
	else if (strcasecmp(name, "X-HubSpot-Request-Timestamp") == 0)
		*value = l->stamp;
	else
		return 0;
	return 1;
}

/* As facts/hubspot.md 5.4 has it. */
static void write_letter(struct letter *l, size_t first)
{
	unsigned char mac[DIGEST_BYTES];
	struct str text;

	str_init(&l->body, SIZE_MAX);
	for (size_t i = 0; i < BATCH; i++)
		str_addf(
			&l->body,
			"%c{\"eventId\":%zu,\"subscriptionId\":7662269,\"portalId\":247279312,\"appId\":51879189,"
			"\"occurredAt\":%lld,\"subscriptionType\":\"contact.propertyChange\",\"attemptNumber\":0,"
			"\"objectId\":%zu,\"propertyName\":\"tier\",\"propertyValue\":\"Gold\","
			"\"changeSource\":\"CRM_UI\",\"sourceId\":\"userId:98499705\"}",
			i ? ',' : '[', first + i, (long long)BENCH_NOW_MS,
			546500000000 + first + i);
	str_add_char(&l->body, ']');
	snprintf(l->stamp, sizeof(l->stamp), "%lld", (long long)BENCH_NOW_MS);
	str_init(&text, SIZE_MAX);
	str_addf(&text, "POST" URL "%s%s", str_text(&l->body), l->stamp);
	digest_hmac(slice_of(BENCH_SECRET), str_slice(&text), mac);
	str_release(&text);
	str_init(&l->signature, 100);
	base64_add(&l->signature, mac, sizeof(mac));
}

static void hear(struct engine *e, const struct letter *l)
{
	struct message m = { "POST", "/hubspot", "", str_slice(&l->body), find_header, l };
	struct arena memory;
	struct heard heard;

	arena_init(&memory);
	engine_hear(e, &m, &memory, &heard);
	if (heard.status != 204)
		exit(1);
	arena_release(&memory);
}

/* Seconds of all the batches until they may be answered. */
static double burst(struct engine *e, const struct letter *letters)
{
	double start = bench_wall_s();
	struct err err;

	for (size_t i = 0; i < BATCHES; i++) {
		hear(e, &letters[i]);
		if ((i + 1) % TOGETHER == 0 && engine_heard(e, &err) != RC_OK)
			exit(1);
	}
	return bench_wall_s() - start;
}

/* Seconds until all of them are in the inbox. */
static double catch_up(struct engine *e, struct db *db)
{
	double start = bench_wall_s();
	struct err err;

	while (db_exists(db, "SELECT 1 FROM heard", ""))
		if (engine_step(e, &err) != RC_OK)
			exit(1);
	return bench_wall_s() - start;
}

/* Seconds that the slowest half of the batches is above: each with a commit of its own, and with nothing before it. */
static double median_alone(struct engine *e, struct db *db, const struct letter *letters)
{
	double *runs = mem_alloc(BATCHES * sizeof(*runs));
	struct err err;

	for (size_t i = 0; i < BATCHES; i++) {
		double start = bench_wall_s();
		hear(e, &letters[i]);
		if (engine_heard(e, &err) != RC_OK)
			exit(1);
		runs[i] = bench_wall_s() - start;
		(void)catch_up(e, db);
	}
	double median = bench_median(runs, BATCHES);
	mem_free(runs);
	return median;
}

static double parse_all(const struct letter *letters)
{
	double start = bench_wall_s();
	struct err err;

	for (size_t i = 0; i < BATCHES; i++)
		json_free(json_parse(str_slice(&letters[i].body), &err));
	return bench_wall_s() - start;
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

struct runs {
	double burst[BENCH_RUNS], sustained[2][BENCH_RUNS], alone[BENCH_RUNS], parsed[BENCH_RUNS];
	double ratio[BENCH_RUNS]; /* of sustained, new contacts, to parsed */
};

static void run(struct table *t, const struct letter *letters, struct runs *r, size_t i)
{
	struct world world = bench_world();
	char path[64];
	struct err err;

	world.http_start = ignore_request;
	world.http_cancel = ignore_cancel;
	snprintf(path, sizeof(path), "/tmp/hs2cert-bench-%d.db", (int)getpid());
	remove_state(path);
	if (db_open(path, DB_OWN, &world.db, &err) != RC_OK) {
		fprintf(stderr, "bench: %s\n", err.text);
		exit(3);
	}
	struct engine *e = engine_new(&world);
	if (engine_load(e, t, &err) != RC_OK)
		exit(1);
	r->burst[i] = burst(e, letters);
	r->sustained[0][i] = r->burst[i] + catch_up(e, world.db);
	r->sustained[1][i] = burst(e, letters);
	r->sustained[1][i] += catch_up(e, world.db);
	r->alone[i] = median_alone(e, world.db, letters);
	r->parsed[i] = parse_all(letters);
	r->ratio[i] = r->parsed[i] / r->sustained[0][i];
	engine_free(e);
	db_close(world.db);
	remove_state(path);
}

static double rate(double *runs)
{
	return BATCHES * BATCH / bench_median(runs, BENCH_RUNS);
}

static void measure(struct table *t, const struct letter *letters)
{
	struct runs r;

	for (size_t i = 0; i < BENCH_RUNS; i++)
		run(t, letters, &r, i);
	printf("  webhook burst      %10.0f events/s verified and committed, %d batches to a commit\n",
	       rate(r.burst), TOGETHER);
	printf("  webhook sustained  %10.0f events/s in the inbox, %10.0f of contacts that wait there\n",
	       rate(r.sustained[0]), rate(r.sustained[1]));
	printf("  webhook JSON alone %10.0f events/s; sustained is %.2f of it\n", rate(r.parsed),
	       bench_median(r.ratio, BENCH_RUNS));
	printf("  webhook alone      %10.3f ms median until a batch may be answered\n",
	       bench_median(r.alone, BENCH_RUNS) * 1e3);
}

void bench_webhook(void)
{
	struct letter *letters = mem_alloc(BATCHES * sizeof(*letters));
	double seconds;
	struct table *t = work_compile(slice_of(rules), &seconds);

	if (!t)
		exit(1);
	for (size_t i = 0; i < BATCHES; i++)
		write_letter(&letters[i], i * BATCH);
	measure(t, letters);
	for (size_t i = 0; i < BATCHES; i++) {
		str_release(&letters[i].body);
		str_release(&letters[i].signature);
	}
	mem_free(letters);
	table_unref(t);
}

/*
 * webhook - batches of 100 events: verified, read, committed with the state on disk; then they may be answered.
 *
 * Three ways: alone (one commit a batch, as on one connection), and 64 batches to a commit, of contacts
 * that already wait (a burst of changes) and of others. Beside them the JSON library alone on the same bytes.
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
#define NOW INT64_C(1767603600000)
#define URL "https://hooks.example.org/hubspot"
#define SECRET "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"

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

static int64_t fixed_now(void *ctx)
{
	(void)ctx;
	return NOW;
}

static uint64_t fixed_random(void *ctx)
{
	(void)ctx;
	return 4;
}

static enum rc fixed_secret(void *ctx, const struct secret *secret, struct str *out,
			    struct err *err)
{
	(void)ctx;
	(void)secret;
	(void)err;
	str_add_text(out, SECRET);
	return RC_OK;
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
			i ? ',' : '[', first + i, (long long)NOW, 546500000000 + first + i);
	str_add_char(&l->body, ']');
	snprintf(l->stamp, sizeof(l->stamp), "%lld", (long long)NOW);
	str_init(&text, SIZE_MAX);
	str_addf(&text, "POST" URL "%s%s", str_text(&l->body), l->stamp);
	digest_hmac(slice_of(SECRET), str_slice(&text), mac);
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

/* Seconds of all the batches, `together` to a commit. */
static double hear_all(struct engine *e, const struct letter *letters, size_t together)
{
	double start = bench_wall_s();
	struct err err;

	for (size_t i = 0; i < BATCHES; i++) {
		hear(e, &letters[i]);
		if ((i + 1) % together == 0 && engine_heard(e, &err) != RC_OK)
			exit(1);
	}
	return bench_wall_s() - start;
}

/* Seconds that the slowest half of the batches is above: each with a commit of its own. */
static double median_alone(struct engine *e, const struct letter *letters)
{
	double *runs = mem_alloc(BATCHES * sizeof(*runs));
	struct err err;

	for (size_t i = 0; i < BATCHES; i++) {
		double start = bench_wall_s();
		hear(e, &letters[i]);
		if (engine_heard(e, &err) != RC_OK)
			exit(1);
		runs[i] = bench_wall_s() - start;
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

static void measure(struct table *t, const struct letter *letters)
{
	static const char *const names[] = { "new contacts", "contacts that wait" };
	struct log silent = { .now_ms = fixed_now };
	double together[2][BENCH_RUNS], alone[BENCH_RUNS], parsed[BENCH_RUNS];
	char path[64];

	snprintf(path, sizeof(path), "/tmp/hs2cert-bench-%d.db", (int)getpid());
	for (size_t i = 0; i < BENCH_RUNS; i++) {
		struct world world = { .wall_ms = fixed_now,
				       .mono_ms = fixed_now,
				       .random = fixed_random,
				       .secret = fixed_secret,
				       .log = &silent };
		struct err err;
		remove_state(path);
		if (db_open(path, DB_OWN, &world.db, &err) != RC_OK) {
			fprintf(stderr, "bench: %s\n", err.text);
			return;
		}
		struct engine *e = engine_new(&world);
		if (engine_load(e, t, &err) != RC_OK)
			exit(1);
		together[0][i] = hear_all(e, letters, TOGETHER);
		together[1][i] = hear_all(e, letters, TOGETHER);
		alone[i] = median_alone(e, letters);
		parsed[i] = parse_all(letters);
		engine_free(e);
		db_close(world.db);
		remove_state(path);
	}
	for (size_t k = 0; k < 2; k++)
		printf("  webhook %7d batches to a commit %10.0f events/s verified and committed, %s\n",
		       TOGETHER, BATCHES * BATCH / bench_median(together[k], BENCH_RUNS), names[k]);
	printf("  webhook %7d batch to a commit   %10.3f ms median until it may be answered\n", 1,
	       bench_median(alone, BENCH_RUNS) * 1e3);
	printf("  webhook         JSON alone          %10.0f events/s\n",
	       BATCHES * BATCH / bench_median(parsed, BENCH_RUNS));
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

/*
 * The answers from which the lock file is made: a round of questions to a
 * portal and to a workspace, each answered with fuzzed bytes. It ends; what it
 * took can be written and is read again as the same; an account that fails
 * says why, and the token is in nothing of it.
 *
 * The same of the questions that a doctor asks: what it remarks is printable.
 *
 * A byte whose bits say who is asked: names of the portal, of the workspace, a doctor of the one, of the other,
 * and one who asks whether webhooks find the way. Then answers: a status, flags, and a body up to the byte 0x1e each.
 */
#include "tests/fuzz/rule.h"

#include "base/clock.h"
#include "engine/certifier/certifier.h"
#include "engine/hubspot/hubspot.h"

#define TOKEN "token-that-nobody-may-see"
#define ANSWERS_MOST 24

static const struct setting hub_settings[] = {
	{ .key = "base-url", .kind = SETTING_TEXT, .text = "https://api.hubapi.com" },
	{ .key = "api", .kind = SETTING_TEXT, .text = "2026-03" },
	{ .key = "token", .kind = SETTING_SECRET, .n_secret = 1 },
	{ .key = "webhook.public-url", .kind = SETTING_TEXT, .text = "https://example.org/hub" },
	{ .key = "webhook.secret", .kind = SETTING_SECRET, .n_secret = 1 },
};
static const struct setting cert_settings[] = {
	{ .key = "base-url", .kind = SETTING_TEXT, .text = "https://api.certifier.io/v1" },
	{ .key = "portal-url", .kind = SETTING_TEXT, .text = "https://credsverse.com" },
	{ .key = "rate", .kind = SETTING_RATE, .per_second = 2.5 },
	{ .key = "token", .kind = SETTING_SECRET, .n_secret = 1 },
};
static const struct account accounts[] = {
	{ "academy", "hubspot", hub_settings, COUNT(hub_settings) },
	{ "workspace", "certifier", cert_settings, COUNT(cert_settings) },
};
static const struct names_ops *const services[] = { &hubspot_names, &certifier_names };

static const struct doctor_ops *const doctors[] = { &hubspot_doctor, &certifier_doctor };

static enum rc secret(void *ctx, const struct secret *secret, struct str *out, struct err *err)
{
	(void)ctx;
	(void)secret;
	(void)err;
	str_add_text(out, TOKEN);
	return RC_OK;
}

static const struct world world = { .secret = secret };

static struct http_response next_answer(struct input *in)
{
	static const int statuses[] = { 200, 200, 200, 200, 201, 207, 400, 401,
					403, 404, 408, 429, 477, 500, 302, 0 };
	static const enum http_outcome outcomes[] = { HTTP_ANSWER, HTTP_ANSWER, HTTP_NOT_SENT,
						      HTTP_UNKNOWN };
	int status = statuses[input_pick(in, COUNT(statuses))];
	uint8_t flags = input_byte(in);

	return (struct http_response){ .outcome = outcomes[flags & 3],
				       .problem = "it broke",
				       .status = status,
				       .body = input_until(in, 0x1e),
				       .date_ms = HTTP_ABSENT,
				       .retry_after_ms = flags & 4 ? 1000 : HTTP_ABSENT,
				       .rate_max = HTTP_ABSENT,
				       .rate_interval_ms = HTTP_ABSENT };
}

/* Asks until the end, or until it fails; true where it was read to its end. Our own listener is shown no token. */
static bool converse(struct input *in, const struct reader_ops *reads, struct reader *r, bool own)
{
	bool good = true, left = true;

	for (int i = 0; good && left && i < ANSWERS_MOST; i++) {
		struct http_request request = { 0 };
		struct err err = { "" };
		struct arena memory;
		int64_t wait_ms = 0;
		arena_init(&memory);
		left = reads->next(r, &memory, &request);
		if (left) {
			must(request.url[0] &&
			     (own ? !request.bearer : strcmp(request.bearer, TOKEN) == 0));
			must(strcmp(request.method, "GET") == 0 || request.has_body);
			struct http_response answer = next_answer(in);
			enum rc rc = reads->answer(r, &answer, &wait_ms, &err);
			good = rc == RC_OK || rc == RC_AGAIN;
			must(rc == RC_OK || err.text[0]);
			/* That our listener is silent is a remark. */
			must(rc != RC_OK || own || answer.outcome == HTTP_ANSWER);
			must(wait_ms >= 0 && reads->pace_ms(r) >= 0);
			must(!strstr(err.text, TOKEN) || answer.body.len);
		}
		arena_release(&memory);
	}
	reads->close(r);
	return good && !left;
}

static bool ask(struct input *in, const struct names_ops *ops, const struct account *account,
		struct lock *lock)
{
	struct bearer *bearer = bearer_new(&world);
	struct err ignored;

	must(bearer_load(bearer, account, &ignored) == RC_OK);
	bool whole = converse(in, &ops->reads, ops->open(account, bearer, lock), false);
	bearer_free(bearer);
	return whole;
}

static void examine(struct input *in, const struct doctor_ops *ops, uint32_t account, bool beside)
{
	static const struct table table = { .account = accounts, .n_account = COUNT(accounts) };
	struct bearer *bearer = bearer_new(&world);
	struct remarks out;
	struct patient patient = { &world, &table, account, false, bearer, &out };
	struct err ignored;

	must(bearer_load(bearer, &accounts[account], &ignored) == RC_OK);
	remarks_init(&out);
	if (beside)
		(void)converse(in, ops->beside_reads, ops->beside(&patient), true);
	else
		(void)converse(in, &ops->reads, ops->open(&patient), false);
	for (size_t i = 0; i < out.count; i++)
		must(utf8_valid(slice_of(out.list[i].text)) && !strchr(out.list[i].text, '\n'));
	remarks_release(&out);
	bearer_free(bearer);
}

static void write_and_read(const struct lock *lock)
{
	struct sources sources;
	struct diags diags;
	struct str text, again;
	struct lock other;

	sources_init(&sources);
	diags_init(&diags);
	lock_init(&other);
	str_init(&text, SIZE_MAX / 4);
	str_init(&again, SIZE_MAX / 4);
	lock_write(lock, &text);
	sources_add_text(&sources, LOCK_FILE, str_slice(&text));
	must(lock_read(&sources, &diags, &other) == LOCK_READ && diags.count == 0);
	lock_write(&other, &again);
	must(slice_eq(str_slice(&text), str_slice(&again)));
	str_release(&text);
	str_release(&again);
	lock_release(&other);
	diags_release(&diags);
	sources_release(&sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct lock lock;
	unsigned asked = input_byte(&in);

	lock_init(&lock);
	for (size_t i = 0; i < COUNT(services); i++) {
		if (!(asked & 1u << i))
			continue;
		(void)lock_add_account(&lock, accounts[i].name, accounts[i].type);
		(void)ask(&in, services[i], &accounts[i], &lock);
	}
	for (size_t i = 0; i < COUNT(doctors); i++)
		if (asked & 1u << (COUNT(services) + i))
			examine(&in, doctors[i], (uint32_t)i, false);
	if (asked & 16)
		examine(&in, &hubspot_doctor, 0, true);
	lock_finish(&lock);
	write_and_read(&lock);
	lock_release(&lock);
	return 0;
}

/*
 * HubSpot's webhooks: what a request claims is genuine only if this target, which writes the signed
 * text down a second time, gives the same signature; only ids of digits come out of a body, and
 * every event of it is counted once.
 *
 * Input: what it is, then for a request the version, an offset of the clock, and query, headers and
 * body up to the byte 0x1e each.
 */
#include "tests/fuzz/fuzz.h"

#include <strings.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/json.h"
#include "engine/hubspot/webhook.h"

#define URL "https://example.org/h%3Aub"
#define SECRET "a secret"
#define NOW INT64_C(1795428000000)

/* ---- requests ------------------------------------------------------------------- */

#define HEADERS 4

struct sent {
	const char *name[HEADERS];
	char *value[HEADERS];
};

static size_t find_header(const void *ctx, const char *name, const char **value)
{
	const struct sent *sent = ctx;

	for (size_t i = 0; i < HEADERS; i++) {
		if (sent->value[i] && strcasecmp(sent->name[i], name) == 0) {
			*value = sent->value[i];
			return 1;
		}
	}
	return 0;
}

/* The twelve, written out. */
static void decode(const char *uri, struct str *out)
{
	static const char *const pairs[] = { "3A:", "2F/", "3F?", "40@", "21!", "24$",
					     "27'", "28(", "29)", "2A*", "2C,", "3B;" };

	for (; *uri; uri++) {
		char c = *uri;
		for (size_t i = 0; c == '%' && i < COUNT(pairs); i++)
			if (strncasecmp(uri + 1, pairs[i], 2) == 0) {
				c = pairs[i][2];
				uri += 2;
				break;
			}
		str_add_char(out, c);
	}
}

/* The signature as it must be written; for v3 of the decoded URI. */
static void sign(enum hook_version version, const struct message *m, const char *timestamp,
		 struct str *out)
{
	unsigned char mac[DIGEST_BYTES];
	char hex[DIGEST_HEX];
	struct str uri, text;

	str_init(&uri, SIZE_MAX);
	str_init(&text, SIZE_MAX);
	str_addf(&uri, "%s%s%s", URL, m->query[0] ? "?" : "", m->query);
	if (version != HOOK_V3)
		str_add_text(&text, SECRET);
	if (version != HOOK_V1)
		str_add_text(&text, m->method);
	if (version == HOOK_V2)
		str_add_slice(&text, str_slice(&uri));
	if (version == HOOK_V3)
		decode(str_text(&uri), &text);
	str_add_slice(&text, m->body);
	if (version == HOOK_V3) {
		str_add_text(&text, timestamp);
		digest_hmac(slice_of(SECRET), str_slice(&text), mac);
		base64_add(out, mac, sizeof(mac));
	} else {
		str_add_text(out, digest_sha256(str_slice(&text), hex));
	}
	str_release(&uri);
	str_release(&text);
}

static char *next_text(struct input *in, struct arena *memory)
{
	return arena_text(memory, input_until(in, 0x1e));
}

static void try_request(struct input *in, struct arena *memory)
{
	enum hook_version version = (enum hook_version)input_pick(in, 3);
	struct hook_key key = { version, URL, { slice_of("old"), slice_of(SECRET) } };
	int64_t now = NOW + (int64_t)input_pick(in, 8) * 100000;
	struct sent sent = { .name = { version == HOOK_V3 ? "X-HubSpot-Signature-v3"
							  : "X-HubSpot-Signature",
				       "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-Version",
				       HOOK_SECRET_HEADER } };
	struct message m = { .method = "POST",
			     .path = "/",
			     .query = next_text(in, memory),
			     .header = find_header,
			     .ctx = &sent };
	struct str signature;

	for (size_t i = 0; i < HEADERS; i++)
		sent.value[i] = next_text(in, memory);
	m.body = input_rest(in);
	str_init(&signature, 1000);
	sign(version, &m, sent.value[1], &signature);
	bool genuine = hook_verify(&key, &m, now) == HOOK_GENUINE;
	must(!genuine || strcasecmp(sent.value[0], str_text(&signature)) == 0 ||
	     strchr(m.query, '%'));
	must((hook_verify_secret(&key, &m) == HOOK_GENUINE) ==
	     (strcmp(sent.value[3], SECRET) == 0 || strcmp(sent.value[3], "old") == 0));
	/* Signed as it must be, it is genuine now, and not once anything of it is another. */
	char stamp[24];
	snprintf(stamp, sizeof(stamp), "%lld", (long long)now);
	sent.value[1] = stamp;
	sent.value[2] = NULL;
	str_clear(&signature);
	sign(version, &m, stamp, &signature);
	sent.value[0] = signature.ptr;
	must(hook_verify(&key, &m, now) == HOOK_GENUINE);
	must(version != HOOK_V3 || hook_verify(&key, &m, now + 300001) == HOOK_LATE);
	must(version != HOOK_V3 || hook_verify(&key, &m, now - 300001) == HOOK_EARLY);
	key.secret[1] = slice_of(SECRET "!");
	must(hook_verify(&key, &m, now) == HOOK_FORGED);
	str_release(&signature);
}

/* ---- bodies --------------------------------------------------------------------- */

static void check_tips(const struct heard *heard)
{
	for (size_t i = 0; i < heard->tips; i++) {
		struct slice id = heard->tip[i].contact;
		must(id.len >= 1 && id.len <= 20);
		for (size_t k = 0; k < id.len; k++)
			must(id.ptr[k] >= '0' && id.ptr[k] <= '9');
		must(heard->tip[i].at_ms >= 0 && heard->tip[i].at_ms <= NOW + HOOK_WINDOW_MS);
		must(!heard->tip[i].stamped || heard->tip[i].at_ms);
	}
}

/* The same events, each with a member that makes the body less plain: they tell the same. */
static void try_less_plain(struct json *events, const struct hook_view *view,
			   const struct heard *heard, struct arena *memory)
{
	struct heard again = { 0 };
	struct str text;

	str_init(&text, LIMIT_ANSWER_BYTES);
	for (size_t i = 0; i < json_count(events); i++)
		if (json_kind(json_at(events, i)) == IS_OBJECT)
			json_set((struct json *)json_at(events, i), "aside", json_new_array());
	json_dump(events, &text);
	hook_read(str_slice(&text), view, memory, &again);
	must(again.status == heard->status && again.tips == heard->tips);
	for (size_t i = 0; i < again.tips; i++)
		must(slice_eq(again.tip[i].contact, heard->tip[i].contact) &&
		     again.tip[i].at_ms == heard->tip[i].at_ms &&
		     again.tip[i].stamped == heard->tip[i].stamped);
	for (size_t i = 0; i < HEARD_TALLIES && (again.tally[i].word || heard->tally[i].word); i++)
		must(again.tally[i].word == heard->tally[i].word &&
		     again.tally[i].count == heard->tally[i].count);
	str_release(&text);
}

static void try_events(struct slice body, struct arena *memory)
{
	struct hook_view view = { .portal = 1, .now_ms = NOW };
	struct heard heard = { 0 };
	struct err ignored;
	uint64_t counted = 0;
	struct json *json = json_parse(body, &ignored);

	hook_read(body, &view, memory, &heard);
	check_tips(&heard);
	for (size_t i = 0; i < HEARD_TALLIES && heard.tally[i].word; i++)
		counted += heard.tally[i].count;
	if (heard.status == 204)
		must(counted == (json_kind(json) == IS_OBJECT ? 1 : json_count(json)));
	else
		must((heard.status == 400 || heard.status == 413) && heard.reason && !heard.tips);
	if (json_kind(json) == IS_ARRAY)
		try_less_plain(json, &view, &heard, memory);
	json_free(json);
}

static void try_look(struct slice body, struct arena *memory)
{
	struct heard heard = { 0 };

	hook_read_look(body, memory, &heard);
	check_tips(&heard);
	must(heard.status == (heard.tips ? 204 : 400));
}

static void try_paths(struct input *in, struct arena *memory)
{
	const char *url = next_text(in, memory), *path = next_text(in, memory);
	struct slice expected = hook_path(url);

	must(expected.len >= 1);
	(void)hook_path_is(path, expected, "/look");
	must(hook_path_is(arena_text(memory, expected), expected, ""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct arena memory;

	arena_init(&memory);
	switch (input_pick(&in, 4)) {
	case 0:
		try_request(&in, &memory);
		break;
	case 1:
		try_events(input_rest(&in), &memory);
		break;
	case 2:
		try_look(input_rest(&in), &memory);
		break;
	default:
		try_paths(&in, &memory);
	}
	arena_release(&memory);
	return 0;
}

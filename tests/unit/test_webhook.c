/* HubSpot's webhooks: the signatures of facts/hubspot.md 5.6 to the bit, and which contacts a body tells of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/json.h"
#include "engine/hubspot/webhook.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define S "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
#define U "https://www.example.com/webhook_uri"
#define B1                                                                                          \
	"[{\"eventId\":1,\"subscriptionId\":12345,\"portalId\":62515,\"occurredAt\":1564113600000," \
	"\"subscriptionType\":\"contact.creation\",\"attemptNumber\":0,\"objectId\":123,"           \
	"\"changeSource\":\"CRM\",\"changeFlag\":\"NEW\",\"appId\":54321}]"
#define Q "{'example_field':'example_value'}"
#define TS INT64_C(1693657560000)

/* ---- a request -------------------------------------------------------------- */

struct sent {
	const char *name[6], *value[6];
};

static size_t find_header(const void *ctx, const char *name, const char **value)
{
	const struct sent *sent = ctx;
	size_t n = 0;

	for (size_t i = 0; i < 6 && sent->name[i]; i++)
		if (strcasecmp(sent->name[i], name) == 0 && n++ == 0)
			*value = sent->value[i];
	return n;
}

static struct message message(const char *method, const char *query, const char *body,
			      const struct sent *sent)
{
	return (struct message){ .method = method,
				 .path = "/webhook_uri",
				 .query = query,
				 .body = slice_of(body),
				 .header = find_header,
				 .ctx = sent };
}

static struct hook_key key_of(enum hook_version version)
{
	return (struct hook_key){ version, U, { slice_of(S) } };
}

static enum hook_verdict verify_v3(const char *body, const char *timestamp, const char *signature,
				   int64_t now_ms)
{
	struct sent sent = { { "X-HubSpot-Request-Timestamp", "x-hubspot-signature-v3" },
			     { timestamp, signature } };
	struct message m = message("POST", "", body, &sent);
	struct hook_key key = key_of(HOOK_V3);

	return hook_verify(&key, &m, now_ms);
}

/* ---- signatures -------------------------------------------------------------- */

static void the_known_hashes_are_genuine(void **state)
{
	static const struct {
		enum hook_version version;
		const char *method, *body, *hash;
	} cases[] = {
		{ HOOK_V1, "POST", B1,
		  "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de" },
		{ HOOK_V1, "POST", Q,
		  "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750" },
		{ HOOK_V2, "GET", "",
		  "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e" },
		{ HOOK_V2, "POST", "{\"example_field\":\"example_value\"}",
		  "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900" },
		{ HOOK_V2, "POST", Q,
		  "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sent sent = { { "X-HubSpot-Signature", "X-HubSpot-Signature-Version" },
				     { cases[i].hash, cases[i].version == HOOK_V1 ? "v1" : "v2" } };
		struct message m = message(cases[i].method, "", cases[i].body, &sent);
		struct hook_key key = key_of(cases[i].version);
		assert_int_equal(hook_verify(&key, &m, 0), HOOK_GENUINE);
		m.body.len -= m.body.len != 0;
		m.method = m.body.len ? m.method : "PUT";
		assert_int_equal(hook_verify(&key, &m, 0), HOOK_FORGED);
	}
}

static void the_known_macs_are_genuine(void **state)
{
	static const struct {
		const char *method, *body, *timestamp, *mac;
	} cases[] = {
		{ "POST", Q, "1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=" },
		{ "POST", Q, "1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=" },
		{ "POST", B1, "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=" },
		{ "GET", "", "1693657560000", "Mqfg0iEbI6BJOwPPIPxI7vbp34DKJ0Uy9z4GLEMmRtk=" },
	};

	(void)state;
	assert_int_equal(strlen(B1), 207);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sent sent = { { "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3" },
				     { cases[i].timestamp, cases[i].mac } };
		struct message m = message(cases[i].method, "", cases[i].body, &sent);
		struct hook_key key = key_of(HOOK_V3);
		int64_t now = i == 1 ? 1700000300000 : TS;
		assert_int_equal(hook_verify(&key, &m, now), HOOK_GENUINE);
		m.method = "PUT";
		assert_int_equal(hook_verify(&key, &m, now), HOOK_FORGED);
	}
}

#define DECODED "G8ddQlikFQ0ScZOZn+MHQ0E3WCV7vOJTzKlvrkvbvuk="
#define UNDECODED "KKwrtu49d26FrUsDQdYcfAcwFssKn+cmyppOAUwOO/Q="

static void the_uri_is_the_public_one_decoded_or_raw(void **state)
{
	static const char *const macs[] = { DECODED, UNDECODED };
	static const char *const urls[] = {
		"https://example.com/api/hubspot/webhooks",
		"https://example.com/api/hubspot/webhooks?src=hs%3Aapp"
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct sent sent = { { "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3" },
				     { "1790000004000", macs[i % 2] } };
		struct message m = message("POST", "src=hs%3Aapp%2Fv3&x=%28a%29", "[]", &sent);
		struct hook_key key = { HOOK_V3,
					urls[i / 2],
					{ slice_of("autopilot-test-client-secret-0001") } };
		assert_int_equal(hook_verify(&key, &m, 1790000004000), HOOK_GENUINE);
		m.query = "src=hs%3Aapp%2Fv3&x=%28b%29";
		assert_int_equal(hook_verify(&key, &m, 1790000004000), HOOK_FORGED);
	}
}

static void only_the_twelve_escapes_are_decoded(void **state)
{
	struct str out;

	(void)state;
	str_init(&out, 1000);
	hook_decode_uri(slice_of("%3A%2f%3F%40%21%24%27%28%29%2A%2C%3b %20%25%26%3D%2B%00%3 %"),
			&out);
	assert_string_equal(str_text(&out), ":/?@!$'()*,; %20%25%26%3D%2B%00%3 %");
	str_release(&out);
}

static void the_window_has_two_sides(void **state)
{
	static const struct {
		int64_t off_ms;
		enum hook_verdict verdict;
	} cases[] = {
		{ 0, HOOK_GENUINE },	   { 300000, HOOK_GENUINE }, { 300001, HOOK_LATE },
		{ -300000, HOOK_GENUINE }, { -300001, HOOK_EARLY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(verify_v3(B1, "1693657560000",
					   "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=",
					   TS + cases[i].off_ms),
				 cases[i].verdict);
	/* What nobody signed is forged, however late it is. */
	assert_int_equal(verify_v3(Q, "1693657560000",
				   "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=", TS + 900000),
			 HOOK_FORGED);
}

static void what_cannot_be_a_signature_is_none(void **state)
{
	static const char *const good = "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=";
	static const struct {
		const char *timestamp, *signature;
	} cases[] = {
		{ "", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=" },
		{ "1693657560000 ", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=" },
		{ "+1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=" },
		{ "1693657560.000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=" },
		{ "9999999999999999", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=" },
		{ "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40" },
		{ "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D41=" },
		{ "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40= " },
		{ "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D4==" },
		{ "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=ecWW" },
		{ "1693657560000", "K36dawei4A-QBNolUOqo7s91KQDWQ5MXZ_QufNYuk_Y=" },
		{ "1693657560000", "K36dawei4A QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=" },
		{ "1693657560000", "" },
	};

	(void)state;
	assert_int_equal(verify_v3(B1, "1693657560000", good, TS), HOOK_GENUINE);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (verify_v3(B1, cases[i].timestamp, cases[i].signature, TS) != HOOK_MALFORMED)
			fail_msg("%s %s", cases[i].timestamp, cases[i].signature);
}

static void a_missing_or_doubled_header_is_refused(void **state)
{
	static const char *const mac = "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=";
	struct hook_key key = key_of(HOOK_V3);
	struct sent none = { { NULL }, { NULL } },
		    untimed = { { "X-HubSpot-Signature-v3" }, { mac } },
		    twice = { { "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3",
				"X-HubSpot-Signature-V3" },
			      { "1693657560000", mac, mac } };
	struct message m = message("POST", "", B1, &none);

	(void)state;
	assert_int_equal(hook_verify(&key, &m, TS), HOOK_UNSIGNED);
	m.ctx = &untimed;
	assert_int_equal(hook_verify(&key, &m, TS), HOOK_UNSIGNED);
	m.ctx = &twice;
	assert_int_equal(hook_verify(&key, &m, TS), HOOK_MALFORMED);
}

static void a_weaker_version_is_no_way_in(void **state)
{
	struct sent v1 = { { "X-HubSpot-Signature", "X-HubSpot-Signature-Version" },
			   { "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
			     "v1" } };
	struct message m = message("POST", "", B1, &v1);
	struct hook_key v3 = key_of(HOOK_V3), v2 = key_of(HOOK_V2);

	(void)state;
	assert_int_equal(hook_verify(&v3, &m, TS), HOOK_UNSIGNED);
	assert_int_equal(hook_verify(&v2, &m, TS), HOOK_UNSIGNED);
	v1.name[1] = NULL; /* a version that is not named is the one that is configured */
	assert_int_equal(hook_verify(&v2, &m, TS), HOOK_FORGED);
	v1.value[0] = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817d";
	assert_int_equal(hook_verify(&v2, &m, TS), HOOK_MALFORMED);
}

static void either_of_two_secrets_counts(void **state)
{
	struct sent sent = { { "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-v3" },
			     { "1693657560000", "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=" } };
	struct message m = message("POST", "", B1, &sent);
	struct hook_key key = { HOOK_V3, U, { slice_of("another"), slice_of(S) } };

	(void)state;
	assert_int_equal(hook_verify(&key, &m, TS), HOOK_GENUINE);
	key.secret[1] = slice_of(S "x");
	assert_int_equal(hook_verify(&key, &m, TS), HOOK_FORGED);
	key.secret[0] = key.secret[1] = slice_of("");
	assert_int_equal(hook_verify(&key, &m, TS), HOOK_FORGED);
}

static void the_secret_itself_is_for_those_who_cannot_sign(void **state)
{
	struct sent sent = { { HOOK_SECRET_HEADER, HOOK_SECRET_HEADER }, { S, S } };
	struct message m = message("POST", "", "{}", &sent);
	struct hook_key key = key_of(HOOK_V3);

	(void)state;
	assert_int_equal(hook_verify_secret(&key, &m), HOOK_MALFORMED);
	sent.name[1] = NULL;
	assert_int_equal(hook_verify_secret(&key, &m), HOOK_GENUINE);
	sent.value[0] = "";
	assert_int_equal(hook_verify_secret(&key, &m), HOOK_FORGED);
	sent.value[0] = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyz";
	assert_int_equal(hook_verify_secret(&key, &m), HOOK_FORGED);
	sent.name[0] = NULL;
	assert_int_equal(hook_verify_secret(&key, &m), HOOK_UNSIGNED);
}

static void paths_are_compared_decoded(void **state)
{
	static const struct {
		const char *url, *received, *behind;
		bool same;
	} cases[] = {
		{ "https://x.org/hub/spot", "/hub/spot", "", true },
		{ "https://x.org/hub/spot", "/hub%2Fspot", "", true },
		{ "https://x.org/hub%20spot", "/hub%20spot", "", true },
		{ "https://x.org/hub/spot?a=b", "/hub/spot", "", true },
		{ "https://x.org/hub/spot", "/hub/spot/look", "/look", true },
		{ "https://x.org/hub/spot/", "/hub/spot/look", "/look", true },
		{ "https://x.org", "/", "", true },
		{ "https://x.org?a=b/c", "/", "", true },
		{ "https://x.org/", "/look", "/look", true },
		{ "https://x.org/hub/spot", "/hub/spot/", "", false },
		{ "https://x.org/hub/spot", "/hub/spo", "", false },
		{ "https://x.org/hub/spot", "/hub/spot/look", "", false },
		{ "https://x.org/hub/spot", "/hub/spot/loo", "/look", false },
		{ "https://x.org/hub/spot", "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (hook_path_is(cases[i].received, hook_path(cases[i].url), cases[i].behind) !=
		    cases[i].same)
			fail_msg("%s %s", cases[i].url, cases[i].received);
}

static void base64_has_one_form(void **state)
{
	unsigned char bytes[3];
	struct str out;

	(void)state;
	str_init(&out, 100);
	for (size_t len = 0; len <= 3; len++) {
		str_clear(&out);
		base64_add(&out, "\xfb\xff\xbe", len);
		static const char *const texts[] = { "", "+w==", "+/8=", "+/++" };
		assert_string_equal(str_text(&out), texts[len]);
		assert_true(base64_read(slice_of(texts[len]), bytes, len));
		assert_memory_equal(bytes, "\xfb\xff\xbe", len);
	}
	assert_false(base64_read(slice_of("+x=="), bytes, 1)); /* bits that do not count */
	assert_false(base64_read(slice_of("+w=A"), bytes, 1));
	assert_false(base64_read(slice_of("+w="), bytes, 1));
	assert_false(base64_read((struct slice){ "+w\0=", 4 }, bytes, 2));
	str_release(&out);
}

/* ---- events ------------------------------------------------------------------ */

static bool reads_tier(void *ctx, struct slice property)
{
	(void)ctx;
	return slice_is(property, "tier");
}

/* "ids|tallies|status" */
static const char *read_as(const char *body, bool look, char out[400])
{
	struct hook_view view = { .portal = 62515, .now_ms = TS, .reads = reads_tier };
	struct heard heard = { 0 };
	struct arena memory;
	size_t n = 0;

	arena_init(&memory);
	if (look)
		hook_read_look(slice_of(body), &memory, &heard);
	else
		hook_read(slice_of(body), &view, &memory, &heard);
	out[0] = '\0';
	for (size_t i = 0; i < heard.tips; i++)
		n += (size_t)snprintf(
			out + n, 400 - n, "%.*s%s%s ", SLICE_FMT(heard.tip[i].contact),
			heard.tip[i].at_ms ? "@" : "", heard.tip[i].stamped ? "!" : "");
	for (size_t i = 0; i < HEARD_TALLIES && heard.tally[i].word; i++)
		n += (size_t)snprintf(out + n, 400 - n, "%s=%d ", heard.tally[i].word,
				      (int)heard.tally[i].count);
	snprintf(out + n, 400 - n, "%d %s", heard.status, heard.reason ? heard.reason : "");
	arena_release(&memory);
	return out;
}

#define P "\"portalId\":62515,\"occurredAt\":1564113600000,\"subscriptionType\":"

static void events_name_contacts(void **state)
{
	static const struct {
		const char *body, *as;
	} cases[] = {
		{ B1, "123@ told=1 204 " },
		{ "[]", "204 " },
		{ "[{" P
		  "\"contact.propertyChange\",\"propertyName\":\"tier\",\"objectId\":1246965}]",
		  "1246965@! told=1 204 " },
		{ "{" P "\"contact.deletion\",\"objectId\":5}", "5@ told=1 204 " },
		{ "[{" P
		  "\"object.propertyChange\",\"objectTypeId\":\"0-1\",\"propertyName\":\"tier\","
		  "\"objectId\":546500061938}]",
		  "546500061938@! told=1 204 " },
		{ "[{" P "\"object.creation\",\"objectTypeId\":\"0-2\",\"objectId\":5}]",
		  "no-contact=1 204 " },
		{ "[{" P "\"contact.propertyChange\",\"propertyName\":\"phone\",\"objectId\":5}]",
		  "unread-property=1 204 " },
		{ "[{\"eventType\":\"contact.restore\",\"objectId\":9007199254740993}]",
		  "9007199254740993 told=1 204 " },
		{ "[{\"subscriptionType\":\"contact.creation\",\"objectId\":\"9223372036854775808\"}]",
		  "9223372036854775808 told=1 204 " },
		{ "[{\"subscriptionType\":\"contact.creation\",\"occurredAt\":9993657560000,\"objectId\":1}]",
		  "1 told=1 204 " },
		{ "[{" P "\"contact.merge\",\"objectId\":900,\"primaryObjectId\":123,"
		  "\"mergedObjectIds\":[456,\"457\",-1,null],\"newObjectId\":900}]",
		  "900@ 900@ 123@ 456@ 457@ told=1 204 " },
		{ "[{" P "\"contact.merge\",\"mergedObjectIds\":[456]}]", "456@ told=1 204 " },
		{ "[{" P "\"contact.privacyDeletion\",\"objectId\":123}]", "123@ told=1 204 " },
		{ "[{" P "\"contact.associationChange\",\"associationType\":\"CONTACT_TO_COMPANY\","
		  "\"fromObjectId\":123,\"toObjectId\":77}]",
		  "123@ told=1 204 " },
		{ "[{" P "\"contact.associationChange\",\"associationType\":\"DEAL_TO_CONTACT\","
		  "\"fromObjectId\":123,\"toObjectId\":77}]",
		  "77@ told=1 204 " },
		{ "[{\"portalId\":1,\"subscriptionType\":\"contact.creation\",\"objectId\":1}]",
		  "other-portal=1 204 " },
		{ "[{" P "\"company.creation\",\"objectId\":1},{" P
		  "\"contact.sneeze\",\"objectId\":1},"
		  "{" P "\"unicorn.creation\",\"objectId\":1},{" P "\"contact.creation\"},"
		  "{\"objectId\":1},7,null,[]]",
		  "no-contact=1 unknown=2 shapeless=5 204 " },
		{ "[{" P "\"contact.creation\",\"objectId\":-1},{" P
		  "\"contact.creation\",\"objectId\":1.5},{" P
		  "\"contact.creation\",\"objectId\":\"1/../2\"}]",
		  "shapeless=3 400 no-events" },
		{ "{}", "shapeless=1 400 no-events" },
		{ "[{}]", "shapeless=1 400 no-events" },
		{ "[7,\"a\",null,[[]]]", "shapeless=4 400 no-events" },
		{ "[{},{" P "\"contact.creation\",\"objectId\":9}]", "9@ told=1 shapeless=1 204 " },
		{ "[{" P "\"contact.creation\",\"objectId\":123456789012345678901234567890}]",
		  "400 no-json" }, /* a number that nothing here can hold */
		{ "[{" P "\"contact.creation\",\"objectId\":1e400}]", "400 no-json" },
		{ "[{" P "\"contact.creation\",\"objectId\":1,\"propertyValue\":\"\377\"}]",
		  "1@ told=1 204 " /* a value that was cut amid a character loses no news */ },
		{ "\377\376", "400 no-json" },
		{ "[{" P "\"contact.creation\",\"objectId\":1}]x", "400 no-json" },
		/* What is said with escapes is what they stand for, where it matters or not. */
		{ "[{" P "\"contact.creation\",\"objectId\":1,\"propertyValue\":\"\\n\\\"\"},"
		  "{" P "\"contact\\u002ecreation\",\"objectId\":2},"
		  "{" P "\"contact.propertyChange\",\"propertyName\":\"\\/tier\",\"objectId\":3}]",
		  "1@ 2@ told=2 unread-property=1 204 " },
		{ "[{" P "\"contact.creation\",\"objectId\":1},{" P
		  "\"contact.creation\",\"objectId\":2},]",
		  "400 no-json" },
		{ "[{" P "\"contact.creation\",\"objectId\":12", "400 no-json" },
		{ "", "400 no-json" },
		{ "7", "400 no-json" },
		{ "<html>", "400 no-json" },
	};
	char out[400];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(read_as(cases[i].body, false, out), cases[i].as);
}

static void too_many_and_too_deep_are_refused(void **state)
{
	struct str body;
	char out[400];

	(void)state;
	str_init(&body, 100000);
	for (size_t i = 0; i <= LIMIT_HOOK_EVENTS; i++)
		str_add_text(&body, i ? ",{}" : "[{}");
	str_add_text(&body, "]");
	assert_string_equal(read_as(str_text(&body), false, out), "413 too-many-events");
	str_clear(&body);
	for (size_t i = 0; i < 40; i++)
		str_add_text(&body, "[");
	assert_string_equal(read_as(str_text(&body), false, out), "400 no-json");
	str_release(&body);
}

static void a_look_finds_the_id_in_any_json(void **state)
{
	static const struct {
		const char *body, *as;
	} cases[] = {
		{ "{\"vid\":101}", "101 told=1 204 " },
		{ "{\"objectId\":\"102\",\"vid\":null}", "102 told=1 204 " },
		{ "{\"hs_object_id\":{\"value\":\"103\"}}", "103 told=1 204 " },
		{ "{\"properties\":{\"hs_object_id\":\"104\",\"email\":\"a@b.c\"}}",
		  "104 told=1 204 " },
		{ "{\"properties\":{\"hs_object_id\":{\"value\":105}}}", "105 told=1 204 " },
		{ "{\"object\":{\"objectId\":106},\"inputFields\":{\"a\":1}}", "106 told=1 204 " },
		/* the company's id stands beside the contact's, and is not taken for one */
		{ "{\"vid\":107,\"associated-company\":{\"properties\":{\"hs_object_id\":{\"value\":9}}}}",
		  "107 told=1 204 " },
		{ "[{\"vid\":1},{\"contactId\":2},3]", "1 2 told=2 204 " },
		{ "{\"email\":\"a@b.c\"}", "400 no-contact-id" },
		{ "[[[[[[[[[{\"vid\":1}]]]]]]]]]", "400 no-contact-id" },
		{ "vid=1", "400 no-json" },
	};
	char out[400];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(read_as(cases[i].body, true, out), cases[i].as);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_hashes_are_genuine),
		cmocka_unit_test(the_known_macs_are_genuine),
		cmocka_unit_test(the_uri_is_the_public_one_decoded_or_raw),
		cmocka_unit_test(only_the_twelve_escapes_are_decoded),
		cmocka_unit_test(the_window_has_two_sides),
		cmocka_unit_test(what_cannot_be_a_signature_is_none),
		cmocka_unit_test(a_missing_or_doubled_header_is_refused),
		cmocka_unit_test(a_weaker_version_is_no_way_in),
		cmocka_unit_test(either_of_two_secrets_counts),
		cmocka_unit_test(the_secret_itself_is_for_those_who_cannot_sign),
		cmocka_unit_test(paths_are_compared_decoded),
		cmocka_unit_test(base64_has_one_form),
		cmocka_unit_test(events_name_contacts),
		cmocka_unit_test(too_many_and_too_deep_are_refused),
		cmocka_unit_test(a_look_finds_the_id_in_any_json),
	};

	json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * signature - whether HubSpot sent a request, facts/hubspot.md 5.5.
 *
 * 1. The bytes are signed as they came; nothing is parsed before they are known to be genuine.
 * 2. The URI is the one in the account's public-url, never one that the request or a proxy claims.
 * 3. Only the version that is configured counts: a request cannot choose a weaker one.
 * 4. Each secret is tried and compared in constant time.
 */
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "engine/hubspot/webhook.h"

#define TIMESTAMP_DIGITS 15 /* the year 33658 */

/* ---- the URI -------------------------------------------------------------- */

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character of a `%XX` at the start; -1 where there is none. */
static int escaped(struct slice text)
{
	if (text.len < 3 || text.ptr[0] != '%' || hex_of(text.ptr[1]) < 0 ||
	    hex_of(text.ptr[2]) < 0)
		return -1;
	return hex_of(text.ptr[1]) * 16 + hex_of(text.ptr[2]);
}

void hook_decode_uri(struct slice uri, struct str *out)
{
	static const char decoded[] = ":/?@!$'()*,;";

	while (uri.len) {
		int c = escaped(uri);
		bool one = c > 0 && strchr(decoded, c);
		str_add_char(out, one ? (char)c : uri.ptr[0]);
		uri.ptr += one ? 3 : 1;
		uri.len -= one ? 3 : 1;
	}
}

/* The public URL, with the query of the request: HubSpot may have been given one as well. */
static void add_uri(const char *url, const char *query, struct str *out)
{
	str_add(out, url, query[0] ? strcspn(url, "?") : strlen(url));
	if (query[0]) {
		str_add_char(out, '?');
		str_add_text(out, query);
	}
}

struct slice hook_path(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = strpbrk(host ? host + 3 : url, "/?");

	if (!path || *path == '?')
		return slice_of("/");
	return (struct slice){ path, strcspn(path, "?") };
}

/* Takes one character off, its escape decoded; -1 at the end. */
static int next_char(struct slice *text)
{
	if (!text->len)
		return -1;
	int c = escaped(*text);
	size_t len = c < 0 ? 1 : 3;
	c = c < 0 ? (unsigned char)text->ptr[0] : c;
	text->ptr += len;
	text->len -= len;
	return c;
}

bool hook_path_is(const char *received, struct slice expected, const char *behind)
{
	struct slice got = slice_of(received), tail = slice_of(behind);
	int want;

	/* Of a URL that ends in a slash, what is behind begins with it. */
	if (tail.len && expected.len && expected.ptr[expected.len - 1] == '/')
		expected.len--;
	while ((want = next_char(&expected)) >= 0)
		if (next_char(&got) != want)
			return false;
	while ((want = next_char(&tail)) >= 0)
		if (next_char(&got) != want)
			return false;
	return got.len == 0;
}

/* ---- headers -------------------------------------------------------------- */

/* The one header of this name; HOOK_GENUINE where it can be read. */
static enum hook_verdict one_header(const struct message *m, const char *name, struct slice *out)
{
	const char *value;
	size_t n = m->header(m->ctx, name, &value);

	*out = n ? slice_of(value) : (struct slice){ 0 };
	return n == 0 ? HOOK_UNSIGNED : n > 1 ? HOOK_MALFORMED : HOOK_GENUINE;
}

static bool read_hex(struct slice text, unsigned char out[DIGEST_BYTES])
{
	if (text.len != (size_t)2 * DIGEST_BYTES)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = hex_of(text.ptr[2 * i]), low = hex_of(text.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool read_timestamp(struct slice text, int64_t *out)
{
	if (text.len == 0 || text.len > TIMESTAMP_DIGITS)
		return false;
	*out = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		*out = *out * 10 + (text.ptr[i] - '0');
	}
	return true;
}

/* ---- v1 and v2 ------------------------------------------------------------ */

/* SHA-256 of secret, body; or of secret, method, URI, body. */
static bool matches_hash(const struct hook_key *key, const struct message *m, struct slice secret,
			 const unsigned char signature[DIGEST_BYTES])
{
	unsigned char hash[DIGEST_BYTES];
	struct str signed_text;

	str_init(&signed_text, SIZE_MAX);
	str_add_slice(&signed_text, secret);
	if (key->version == HOOK_V2) {
		str_add_text(&signed_text, m->method);
		add_uri(key->url, m->query, &signed_text);
	}
	str_add_slice(&signed_text, m->body);
	digest_sha256_raw(str_slice(&signed_text), hash);
	str_wipe(&signed_text);
	return digest_same(hash, sizeof(hash), signature, DIGEST_BYTES);
}

static enum hook_verdict verify_hash(const struct hook_key *key, const struct message *m)
{
	unsigned char signature[DIGEST_BYTES];
	struct slice text, version;
	bool genuine = false;
	enum hook_verdict verdict = one_header(m, "X-HubSpot-Signature", &text);

	if (verdict != HOOK_GENUINE)
		return verdict;
	verdict = one_header(m, "X-HubSpot-Signature-Version", &version);
	if (verdict == HOOK_MALFORMED || !read_hex(text, signature))
		return HOOK_MALFORMED;
	if (verdict == HOOK_GENUINE && !slice_is(version, key->version == HOOK_V2 ? "v2" : "v1"))
		return HOOK_UNSIGNED;
	for (size_t i = 0; i < 2; i++)
		genuine |= key->secret[i].len && matches_hash(key, m, key->secret[i], signature);
	return genuine ? HOOK_GENUINE : HOOK_FORGED;
}

/* ---- v3 ------------------------------------------------------------------- */

/* HMAC of method, URI, body, timestamp. */
static bool matches_mac(const struct hook_key *key, const struct message *m, struct slice uri,
			struct slice timestamp, const unsigned char signature[DIGEST_BYTES])
{
	unsigned char mac[DIGEST_BYTES];
	struct str signed_text;
	bool same = false;

	str_init(&signed_text, SIZE_MAX);
	str_add_text(&signed_text, m->method);
	str_add_slice(&signed_text, uri);
	str_add_slice(&signed_text, m->body);
	str_add_slice(&signed_text, timestamp);
	for (size_t i = 0; i < 2; i++) {
		if (!key->secret[i].len)
			continue;
		digest_hmac(key->secret[i], str_slice(&signed_text), mac);
		same |= digest_same(mac, sizeof(mac), signature, DIGEST_BYTES);
	}
	str_release(&signed_text);
	return same;
}

/* HubSpot signs the decoded URI; some of its own clients do not decode. */
static bool matches_either(const struct hook_key *key, const struct message *m,
			   struct slice timestamp, const unsigned char signature[DIGEST_BYTES])
{
	struct str raw, decoded;

	str_init(&raw, SIZE_MAX);
	str_init(&decoded, SIZE_MAX);
	add_uri(key->url, m->query, &raw);
	hook_decode_uri(str_slice(&raw), &decoded);
	bool same = matches_mac(key, m, str_slice(&decoded), timestamp, signature);
	if (!same && raw.len != decoded.len)
		same = matches_mac(key, m, str_slice(&raw), timestamp, signature);
	str_release(&raw);
	str_release(&decoded);
	return same;
}

static enum hook_verdict verify_mac(const struct hook_key *key, const struct message *m,
				    int64_t now_ms)
{
	unsigned char signature[DIGEST_BYTES];
	struct slice text, timestamp;
	int64_t at_ms;
	enum hook_verdict verdict = one_header(m, "X-HubSpot-Signature-v3", &text);
	enum hook_verdict timed = one_header(m, "X-HubSpot-Request-Timestamp", &timestamp);

	if (verdict != HOOK_GENUINE || timed != HOOK_GENUINE)
		return verdict == HOOK_MALFORMED || timed == HOOK_MALFORMED ? HOOK_MALFORMED
									    : HOOK_UNSIGNED;
	if (!read_timestamp(timestamp, &at_ms) || !base64_read(text, signature, sizeof(signature)))
		return HOOK_MALFORMED;
	if (!matches_either(key, m, timestamp, signature))
		return HOOK_FORGED;
	if (now_ms - at_ms > HOOK_WINDOW_MS)
		return HOOK_LATE;
	return at_ms - now_ms > HOOK_WINDOW_MS ? HOOK_EARLY : HOOK_GENUINE;
}

enum hook_verdict hook_verify(const struct hook_key *key, const struct message *m, int64_t now_ms)
{
	return key->version == HOOK_V3 ? verify_mac(key, m, now_ms) : verify_hash(key, m);
}

enum hook_verdict hook_verify_secret(const struct hook_key *key, const struct message *m)
{
	struct slice given;
	bool same = false;
	enum hook_verdict verdict = one_header(m, HOOK_SECRET_HEADER, &given);

	if (verdict != HOOK_GENUINE)
		return verdict;
	for (size_t i = 0; i < 2; i++)
		same |= key->secret[i].len &&
			digest_same(given.ptr, given.len, key->secret[i].ptr, key->secret[i].len);
	return same ? HOOK_GENUINE : HOOK_FORGED;
}

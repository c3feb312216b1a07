/*
 * hooks - the webhooks that the portal's app would send: facts/hubspot.md 5.3 to 5.5.
 *
 * What happens becomes events, events become deliveries of at most 100; whoever has a network makes
 * them and says how it went. One that failed comes again, up to ten times within a day, but not
 * after an answer that says it never will be good (facts/reliability.md, finding 5).
 *
 * How it misbehaves is said by options: hook_lost, hook_doubled, hook_reversed, hook_forged,
 * hook_foreign.
 */
#include "engine/sandbox/inside.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/digest.h"

#define BATCH 100
#define TRIES 11
#define FLYING_MOST 10 /* deliveries under way at once */

struct hook_event {
	int64_t at_ms;
	const char *type;
	int64_t id;
	int64_t primary, other; /* of a merge: the two that went into it */
	const char *property;
	struct slice value;
};

struct delivery {
	uint64_t id;
	struct hook_event *event;
	size_t events;
	int attempt;
	int64_t due_ms;
	bool flying;
	struct str body, header[SANDBOX_HEADERS];
	struct delivery *next;
};

static void delivery_free(struct delivery *d)
{
	mem_free(d->event);
	str_release(&d->body);
	for (size_t i = 0; i < SANDBOX_HEADERS; i++)
		str_release(&d->header[i]);
	mem_free(d);
}

void hooks_release(struct sandbox *sb)
{
	for (struct delivery *d = sb->hooks.delivery, *next; d; d = next) {
		next = d->next;
		delivery_free(d);
	}
	mem_free(sb->hooks.waiting);
}

static const char *kept(struct sandbox *sb, const char *text)
{
	return text ? arena_text(&sb->memory, slice_of(text)) : NULL;
}

void sandbox_hook(struct sandbox *sb, const struct sandbox_hook *hook)
{
	sb->hooks.hook = (struct sandbox_hook){ kept(sb, hook->url), kept(sb, hook->secret),
						kept(sb, hook->signature ? hook->signature : "v3"),
						kept(sb, hook->types) };
}

/* ---- events --------------------------------------------------------------- */

/* `type`, or `type:property`, is one of those that are subscribed to. */
static bool subscribed(const struct sandbox_hook *hook, const char *type, const char *property)
{
	struct slice rest = slice_of(hook->types), one, name;
	bool more = true;

	if (!hook->types)
		return true;
	while (more) {
		more = slice_cut(&rest, ',', &one);
		one = slice_trim(one);
		bool named = slice_cut(&one, ':', &name);
		if (slice_is(name, type) && (!named || (property && slice_is(one, property))))
			return true;
	}
	return false;
}

static void note(struct sandbox *sb, const struct hook_event *e)
{
	struct hooks *h = &sb->hooks;

	if (!h->hook.url || !subscribed(&h->hook, e->type, e->property))
		return;
	if (sb->options.hook_lost && (int64_t)(sandbox_random(sb) % 1000) < sb->options.hook_lost)
		return;
	h->waiting = mem_grow(h->waiting, &h->cap, h->count + 1, sizeof(*h->waiting));
	h->waiting[h->count++] = *e;
}

void hooks_note(struct sandbox *sb, int64_t now_ms, const char *type, int64_t id)
{
	note(sb, &(struct hook_event){ .at_ms = now_ms, .type = type, .id = id });
}

/* HubSpot tells of no change of its own stamp. */
void hooks_note_change(struct sandbox *sb, int64_t now_ms, int64_t id, const char *property,
		       struct slice value)
{
	note(sb, &(struct hook_event){ .at_ms = now_ms,
				       .type = "contact.propertyChange",
				       .id = id,
				       .property = property,
				       .value = arena_slice(&sb->memory, value) });
}

void hooks_note_merge(struct sandbox *sb, int64_t now_ms, int64_t result, int64_t primary,
		      int64_t other)
{
	note(sb, &(struct hook_event){ .at_ms = now_ms,
				       .type = "contact.merge",
				       .id = result,
				       .primary = primary,
				       .other = other });
}

/* ---- deliveries ------------------------------------------------------------ */

static struct json *event_json(const struct sandbox *sb, const struct hook_event *e, int attempt)
{
	struct json *v = json_new_object(), *merged;

	json_set_integer(v, "eventId", e->at_ms % 1000000);
	json_set_integer(v, "subscriptionId", 12345);
	json_set_integer(v, "portalId", sb->options.hook_foreign ? 99 : SANDBOX_PORTAL);
	json_set_integer(v, "appId", 54321);
	json_set_integer(v, "occurredAt", e->at_ms);
	json_set_text(v, "subscriptionType", e->type);
	json_set_integer(v, "attemptNumber", attempt);
	json_set_integer(v, "objectId", e->id);
	json_set_text(v, "changeSource", "CRM_UI");
	if (e->property) {
		json_set_text(v, "propertyName", e->property);
		json_set_slice(v, slice_of("propertyValue"), e->value);
	}
	if (e->other) {
		merged = json_new_array();
		char id[24];
		snprintf(id, sizeof(id), "%lld", (long long)e->other);
		json_add(merged, json_parse(slice_of(id), &(struct err){ "" }));
		json_set_integer(v, "primaryObjectId", e->primary);
		json_set(v, "mergedObjectIds", merged);
		json_set_integer(v, "newObjectId", e->id);
	}
	return v;
}

static void write_body(const struct sandbox *sb, struct delivery *d)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < d->events; i++)
		json_add(list, event_json(sb, &d->event[i], d->attempt));
	str_clear(&d->body);
	json_dump(list, &d->body);
	json_free(list);
}

/* The twelve escapes that v3 signs decoded. */
static void decode_uri(const char *uri, struct str *out)
{
	static const char *const escapes[] = { "3A:", "2F/", "3F?", "40@", "21!", "24$",
					       "27'", "28(", "29)", "2A*", "2C,", "3B;" };

	for (; *uri; uri++) {
		char c = *uri;
		for (size_t i = 0; *uri == '%' && i < sizeof(escapes) / sizeof(escapes[0]); i++)
			if (slice_eq_nocase((struct slice){ uri + 1, strnlen(uri + 1, 2) },
					    (struct slice){ escapes[i], 2 })) {
				c = escapes[i][2];
				uri += 2;
				break;
			}
		str_add_char(out, c);
	}
}

static void sign_v3(const struct delivery *d, const char *uri, const char *secret, int64_t now_ms,
		    struct str *signature)
{
	unsigned char mac[DIGEST_BYTES];
	struct str text;

	str_init(&text, SIZE_MAX);
	str_add_text(&text, "POST");
	decode_uri(uri, &text);
	str_add_slice(&text, str_slice(&d->body));
	str_addf(&text, "%lld", (long long)now_ms);
	digest_hmac(slice_of(secret), str_slice(&text), mac);
	str_add_text(signature, "X-HubSpot-Signature-v3: ");
	base64_add(signature, mac, sizeof(mac));
	str_release(&text);
}

static void sign_hash(const struct delivery *d, const struct sandbox_hook *hook, const char *secret,
		      struct str *signature)
{
	char hex[DIGEST_HEX];
	struct str text;

	str_init(&text, SIZE_MAX);
	str_add_text(&text, secret);
	if (strcmp(hook->signature, "v2") == 0)
		str_addf(&text, "POST%s", hook->url);
	str_add_slice(&text, str_slice(&d->body));
	str_addf(signature, "X-HubSpot-Signature: %s", digest_sha256(str_slice(&text), hex));
	str_release(&text);
}

/* Each attempt has its own time and signature. */
static void write_headers(const struct sandbox *sb, struct delivery *d, int64_t now_ms)
{
	const struct sandbox_hook *hook = &sb->hooks.hook;
	const char *secret = sb->options.hook_forged ? "somebody else" : hook->secret;

	for (size_t i = 0; i < SANDBOX_HEADERS; i++)
		str_clear(&d->header[i]);
	str_add_text(&d->header[0], "Content-Type: application/json");
	if (strcmp(hook->signature, "v3") == 0) {
		sign_v3(d, hook->url, secret, now_ms, &d->header[1]);
		str_addf(&d->header[2], "X-HubSpot-Request-Timestamp: %lld", (long long)now_ms);
	} else {
		sign_hash(d, hook, secret, &d->header[1]);
		str_addf(&d->header[2], "X-HubSpot-Signature-Version: %s", hook->signature);
	}
}

static void add_delivery(struct sandbox *sb, int64_t now_ms, const struct hook_event *event,
			 size_t events)
{
	struct delivery *d = mem_alloc(sizeof(*d)), **at = &sb->hooks.delivery;

	d->id = ++sb->hooks.made;
	d->event = mem_alloc(events * sizeof(*event));
	memcpy(d->event, event, events * sizeof(*event));
	d->events = events;
	d->due_ms = now_ms;
	str_init(&d->body, LIMIT_ANSWER_BYTES);
	for (size_t i = 0; i < SANDBOX_HEADERS; i++)
		str_init(&d->header[i], LIMIT_URL_BYTES);
	while (*at)
		at = &(*at)->next;
	*at = d;
}

/* Events that have waited long enough become deliveries. */
static void gather(struct sandbox *sb, int64_t now_ms)
{
	struct hooks *h = &sb->hooks;
	size_t n = 0;

	while (n < h->count && n < BATCH && h->waiting[n].at_ms + sb->options.hook_lag_ms <= now_ms)
		n++;
	if (n == 0)
		return;
	for (size_t i = 0; sb->options.hook_reversed && i < n / 2; i++) {
		struct hook_event swap = h->waiting[i];
		h->waiting[i] = h->waiting[n - 1 - i];
		h->waiting[n - 1 - i] = swap;
	}
	for (int i = 0; i <= sb->options.hook_doubled; i++)
		add_delivery(sb, now_ms, h->waiting, n);
	h->count -= n;
	memmove(h->waiting, h->waiting + n, h->count * sizeof(*h->waiting));
}

int64_t sandbox_delivery_ms(const struct sandbox *sb)
{
	const struct hooks *h = &sb->hooks;
	int64_t due = h->count ? h->waiting[0].at_ms + sb->options.hook_lag_ms : INT64_MAX;
	size_t flying = 0;

	for (const struct delivery *d = h->delivery; d; d = d->next) {
		flying += d->flying;
		if (!d->flying && d->due_ms < due)
			due = d->due_ms;
	}
	return flying < FLYING_MOST ? due : INT64_MAX;
}

bool sandbox_deliver(struct sandbox *sb, int64_t now_ms, struct sandbox_delivery *out)
{
	struct delivery *d;

	if (sandbox_delivery_ms(sb) > now_ms)
		return false;
	gather(sb, now_ms);
	for (d = sb->hooks.delivery; d && (d->flying || d->due_ms > now_ms);)
		d = d->next;
	if (!d)
		return false;
	d->flying = true;
	write_body(sb, d);
	write_headers(sb, d, now_ms);
	sandbox_count(sb, "webhook");
	*out = (struct sandbox_delivery){ .id = d->id,
					  .url = sb->hooks.hook.url,
					  .body = str_slice(&d->body) };
	for (size_t i = 0; i < SANDBOX_HEADERS; i++)
		out->header[i] = d->header[i].len ? str_text(&d->header[i]) : NULL;
	return true;
}

static bool is_final(int status)
{
	static const int refusals[] = { 400, 401, 403, 404, 405 };

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (status == refusals[i])
			return true;
	return status >= 200 && status < 300;
}

void sandbox_delivered(struct sandbox *sb, int64_t now_ms, uint64_t id, int status)
{
	struct delivery **at = &sb->hooks.delivery, *d;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	d = *at;
	if (!d)
		return;
	d->flying = false;
	if (status < 200 || status >= 300)
		sandbox_count(sb, "webhook-failed");
	if (!is_final(status) && ++d->attempt < TRIES) {
		int64_t gap = MS_MINUTE << (d->attempt - 1);
		d->due_ms = now_ms + gap / 2 + (int64_t)(sandbox_random(sb) % (uint64_t)gap);
		return;
	}
	*at = d->next;
	delivery_free(d);
}

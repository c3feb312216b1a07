/*
 * webhook - HubSpot's webhooks as pure functions: whether a request is genuine, and which contacts it
 * tells of. Bytes, secrets and the time go in; nothing is kept, asked or stored.
 *
 * All facts: facts/hubspot.md 5.3 to 5.8, facts/reliability.md 3.1. What is said there to be
 * uncertain is read leniently, signatures never are.
 */
#ifndef ENGINE_HUBSPOT_WEBHOOK_H
#define ENGINE_HUBSPOT_WEBHOOK_H

#include "base/arena.h"
#include "engine/message.h"

/* ---- signature.c --------------------------------------------------------- */

#define HOOK_WINDOW_MS 300000 /* a signed time may be this much before or after now */

enum hook_version { HOOK_V3, HOOK_V2, HOOK_V1 };

/* What an account's requests are held against. */
struct hook_key {
	enum hook_version version; /* this one, and no other */
	const char *url;	   /* public-url as written */
	struct slice secret[2];	   /* an empty one counts for nothing */
};

enum hook_verdict {
	HOOK_GENUINE,
	HOOK_UNSIGNED,	/* the header is missing */
	HOOK_MALFORMED, /* a header is doubled, or cannot be one of HubSpot's */
	HOOK_FORGED,	/* no secret gives this signature */
	HOOK_LATE,	/* genuine, but signed outside of the window */
	HOOK_EARLY,
};

/* `now_ms` by a clock that agrees with HubSpot's; v3 only. */
enum hook_verdict hook_verify(const struct hook_key *key, const struct message *m, int64_t now_ms);

/* Whether the request carries the secret itself, in the header for those who cannot sign. */
#define HOOK_SECRET_HEADER "X-Hs2cert-Secret"
enum hook_verdict hook_verify_secret(const struct hook_key *key, const struct message *m);

/* The path of a URL, "/" where it has none. Lent by it. */
struct slice hook_path(const char *url);
/* Whether a path as received is `expected` with `behind` after it, percent-escapes decoded. */
bool hook_path_is(const char *received, struct slice expected, const char *behind);
/* Appends the URI with the twelve escapes that HubSpot decodes decoded, and no others. */
void hook_decode_uri(struct slice uri, struct str *out);

/* ---- webhook.c ----------------------------------------------------------- */

/* What of the events matters to the account. */
struct hook_view {
	int64_t portal; /* 0: not known, any */
	int64_t now_ms; /* no event is from later than this and the window */
	/*
	 * Called for each change of a property, perhaps twice, and perhaps before the body turns out to be
	 * broken behind it: whether somebody reads it. NULL: every one is.
	 */
	bool (*reads)(void *ctx, struct slice property);
	void *ctx;
};

/* The words of the tallies. */
enum hook_tally {
	HOOK_TOLD,	/* a contact to look at */
	HOOK_UNREAD,	/* a change of a property that no rule reads */
	HOOK_OTHERS,	/* of an object that is no contact */
	HOOK_FOREIGN,	/* of another portal */
	HOOK_UNKNOWN,	/* of a type that the facts do not know */
	HOOK_SHAPELESS, /* without what its type must have */
	HOOK_TALLIES,
};

/*
 * Reads a genuine body. Sets out->status to 204, 400 (no JSON, or nothing in it is an event) or 413 (too many), and
 * the tips and tallies.
 */
void hook_read(struct slice body, const struct hook_view *view, struct arena *memory,
	       struct heard *out);
/* The same for any JSON that carries contact ids; 400 where it carries none. */
void hook_read_look(struct slice body, struct arena *memory, struct heard *out);

#endif

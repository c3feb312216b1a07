/*
 * issuance - one credential that a rule owes a contact, as the store keeps it.
 *
 *   planned -> creating -> draft -> issuing -> issued -> sending -> sent
 *      |           |                   |                     |
 *      |           +- refused          +- refused            +- send-unknown
 *      +- held, shadow, skipped, dropped
 *
 * A state that ends in -ing is committed before its request leaves. Found
 * without a request under way it means: nobody knows; settle it first.
 */
#ifndef ENGINE_ISSUANCE_H
#define ENGINE_ISSUANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "dsl/table.h"

enum issuance_state {
	STATE_PLANNED,
	STATE_CREATING,
	STATE_DRAFT,
	STATE_ISSUING,
	STATE_ISSUED,
	STATE_SENDING,
	STATE_SENT,
	STATE_HELD,
	STATE_SHADOW,
	STATE_SKIPPED,
	STATE_REFUSED,
	STATE_SEND_UNKNOWN,
	STATE_DROPPED,
	STATE_COUNT
};

/* The words of database, output and documents, by state. */
extern const char *const issuance_state_names[STATE_COUNT];
bool issuance_state_of(struct slice name, enum issuance_state *out);

/* Texts are lent by whoever loaded the issuance; none is NULL but where said. */
struct issuance {
	int64_t id;
	const char *rule;
	const char *table_hash;
	const char *source_account;
	const char *contact;
	enum event_kind event;
	const char *target;    /* property name or list id */
	const char *from, *to; /* "" for list-added */
	int64_t at_ms;	       /* the event's time */
	const char *action_account;
	const char *group;
	bool do_issue, do_send;
	const struct json *
		/*
		 * rendered: "recipient.name" … "custom.x" to text; empty ones left out. NULL
		 * where never rendered
		 */
		fields;

	enum issuance_state state;
	enum issuance_state held_from; /* STATE_HELD, STATE_REFUSED: the state to go on from */
	const char *reason;	       /* NULL where there is none */
	int attempts;		       /* writes that were sent out, of every step */
	int64_t attempt_ms; /* wall clock when the last write was about to leave; 0 before */
	/* wall clock when it became clear that nobody knows how that write ended; 0: it is known */
	int64_t unknown_ms;
	int settles;		/* look-ups since then */
	const char *cursor;	/* page where a look-up goes on, or NULL */
	int64_t not_before_ms;	/* wall clock: no step before */
	int failures;		/* answers "again" in a row: for the back-off */
	const char *credential; /* NULL before it is known */
	const char *public_url; /* NULL likewise */
	int64_t created_ms, updated_ms;
};

#endif

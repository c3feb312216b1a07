/*
 * issuance - one credential that a rule owes a contact, as the store keeps it.
 *
 *   planned -> creating -> draft -> issuing -> issued -> sending -> sent
 *      |           |                   |                     |
 *      |           +- refused          +- refused            +- send-unknown
 *      +- held, shadow, skipped, dropped
 *
 * What a person may do with it is engine/act.h's.
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

/* What holds an issuance: who or what can let it go on. */
enum hold {
	HOLD_NONE,
	HOLD_BRAKE,	    /* more events than the rule's brake allows: a person */
	HOLD_MISSING_EMAIL, /* an address that turns up */
	HOLD_REQUIRED,	    /* a value that is missing */
	HOLD_FIELD,	    /* a value that cannot become what the field needs */
	HOLD_FILTER_LIMIT,  /* a pattern that took too many steps */
	HOLD_PLAN,	    /* the service's plan: every issuance of the account */
	HOLD_GROUP,	    /* an unknown group: every issuance of the group */
	HOLD_RESTORED,	    /* the state is older than the service */
	HOLD_ACCOUNT,	    /* its account is not declared any more: until it is */
	HOLD_COUNT
};

/* The words of database, output and documents; NULL for HOLD_NONE. */
extern const char *const hold_names[HOLD_COUNT];
bool hold_of(struct slice name, enum hold *out);

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
	enum hold hold;		       /* STATE_HELD: what holds it */
	int64_t expire_ms; /* STATE_HELD: when it is skipped, by the source's clock; 0: never */
	bool in_shadow; /* decided in shadow: of a new row, whose trail says so where it is held; else false */
	bool replan; /* held, refused: a person asked for it to go on at the next look, planned anew or as it is */
	const char *reason; /* NULL where there is none */
	int attempts;	    /* writes that were sent out, of every step */
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
